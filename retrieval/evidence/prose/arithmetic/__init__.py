"""Arithmetic over figures of sentences: what a question wants done, what the model writes, and the value of it."""
