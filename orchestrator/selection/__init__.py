"""Choosing who may answer a question."""
