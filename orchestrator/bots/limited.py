"""A bot whose answer ends where the caller wants it to: after so many tokens, or before a text.

For bots that no model words: a model's engine ends by itself. Invariant: what is looked up or computed is cut between
sentences and lines, never within one: half a sentence can say what the whole does not. What was cut says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from moderation.text.sentences import CJK_END, ends_sentence
from orchestrator.bots.base import Abstained, Ask, Bot, BotEvidence, Made, Piece, Question, Text
from orchestrator.types import AnswerLimits

_TOKEN = re.compile(r"[^\W_]{1,6}|[^\w\s]|_")
_PLACE = re.compile(r"(?<=\S)(?=\s|$)|(?<=[。！？])")
"""Where a sentence or a line may end: before white space."""


def tokens(text: str) -> int:
    """How many tokens a text has that no model's tokeniser has read: each sign, and six letters or figures of a word."""
    return sum(1 for _ in _TOKEN.finditer(text))


class Limited:
    """The same bot within `limits`. It says everything before any of it goes on: what is looked up is there at once."""

    def __init__(self, bot: Bot, limits: AnswerLimits) -> None:
        self.name, self.role, self.leaves_boundary = bot.name, bot.role, bot.leaves_boundary
        self._bot, self._limits = bot, limits

    def evidence(self, question: Question) -> BotEvidence:
        return self._bot.evidence(question)

    def answer(self, ask: Ask) -> Iterator[Piece]:
        pieces = list(self._bot.answer(ask))
        if any(isinstance(piece, Abstained) for piece in pieces):
            yield from pieces  # why nothing is answered is no answer
            return
        text = "".join(piece.text for piece in pieces if isinstance(piece, Text))
        left, why = ending(text, self._limits)
        for piece in pieces:
            match piece:
                case Text(said):
                    if said[:left]:
                        yield Text(said[:left])
                    left -= min(left, len(said))
                case Made() if why:
                    reason = {"finish_reason": "length"} if why == "length" else {}
                    yield replace(piece, details={**piece.details, **reason, "cut": why})
                case _:
                    yield piece


def ending(text: str, limits: AnswerLimits) -> tuple[int, str]:
    """How many characters of an answer are said, and why no more: "length", "stop" or "" where it is whole."""
    found = [at for stop in limits.stop if (at := text.find(stop)) >= 0]
    stopped = min(found, default=len(text))
    most = len(text) if limits.max_tokens is None else _after(text, limits.max_tokens)
    if min(stopped, most) >= len(text.rstrip()):
        return len(text), ""
    last = min(stopped, most)
    ends = (match.end() for match in _PLACE.finditer(text, 0, last + 1) if match.end() <= last)
    return max((end for end in ends if _ends(text, end)), default=0), "stop" if stopped <= most else "length"


def _ends(text: str, at: int) -> bool:
    return text[at : at + 1] == "\n" or ends_sentence(text, at) or CJK_END.match(text, at - 1) is not None


def _after(text: str, count: int) -> int:
    """Where so many tokens end."""
    for number, match in enumerate(_TOKEN.finditer(text), 1):
        if number == count + 1:
            return match.start()
    return len(text)
