"""What a passage proves: support for a sentence, the figures and names in it, and when to abstain."""
