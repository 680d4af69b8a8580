"""What a question asks for: a typed plan, read out of its words by rules."""
