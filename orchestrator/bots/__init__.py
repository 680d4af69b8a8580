"""The bots: each turns an `Ask` into pieces of an answer. One file, one bot."""

from orchestrator.bots.base import Bot

__all__ = ["Bot"]
