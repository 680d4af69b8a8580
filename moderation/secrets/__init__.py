"""Secrets: keys, tokens and passwords in a text, by the forms that their makers publish, by checksums, by context."""

from moderation.secrets.find import MARKER, Secret, find

__all__ = ["MARKER", "Secret", "find"]
