"""Moderation: rails, policy, pseudonyms and the stream gate. Heavy parts are imported from their modules."""

from moderation.types import (
    Allow,
    Block,
    Direction,
    Edit,
    Finding,
    Hidden,
    ModerationError,
    PiiSpan,
    RailContext,
    Redact,
    Steer,
    Verdict,
)

__all__ = [
    "Allow",
    "Block",
    "Direction",
    "Edit",
    "Finding",
    "Hidden",
    "ModerationError",
    "PiiSpan",
    "RailContext",
    "Redact",
    "Steer",
    "Verdict",
]
