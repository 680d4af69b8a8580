"""The rails: each looks at one text for one kind of harm and returns one verdict by the policy. One file, one rail."""

from moderation.rails.base import Embed, Embedding, FindsHardIdentifiers, UnknownRail
from moderation.rails.parts import Readings
from moderation.rails.registry import Rails

__all__ = ["Embed", "Embedding", "FindsHardIdentifiers", "Rails", "Readings", "UnknownRail"]
