"""Tokens, vocabularies and chat templates."""
