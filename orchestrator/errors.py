"""What can go wrong on a journey, in words for the person who must act on it."""

from __future__ import annotations


class OrchestratorError(Exception):
    """Base of the room's errors. The message names the thing, the reason and the next step."""


class BotUnavailable(OrchestratorError):
    """The bot cannot answer now; the next one in the chain may."""


class ConversationUnknown(OrchestratorError):
    """No conversation of that id belongs to this caller."""


class ConfigError(OrchestratorError):
    """A file of routes or connectors cannot be used."""


class RecordUnavailable(OrchestratorError):
    """The audit store or the conversation store cannot be written: nothing may leave."""
