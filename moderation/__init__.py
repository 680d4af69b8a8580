"""Moderation: rails, policy, pseudonyms and the stream gate. Heavy parts are imported from their modules."""

from moderation.types import (
    Allow,
    Beside,
    Block,
    Direction,
    Edit,
    Finding,
    Hidden,
    ModerationError,
    PiiSpan,
    Redact,
    Steer,
    Verdict,
)

__all__ = [
    "Allow",
    "Beside",
    "Block",
    "Direction",
    "Edit",
    "Finding",
    "Hidden",
    "ModerationError",
    "PiiSpan",
    "Redact",
    "Steer",
    "Verdict",
]
