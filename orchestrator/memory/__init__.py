"""Conversation memory: turns and pseudonyms, sealed with the subject's key."""
