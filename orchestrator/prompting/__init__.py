"""What a model reads: messages, canary token, surrogates for personal data."""
