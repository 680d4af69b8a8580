"""Screens what a model is about to read and nobody typed: passages of documents, strings of a live service.

An attack hides in a long passage as a drop of ink does in a bath, so a passage is judged piece by piece. Nearly all pieces
are cleared by their words alone, which takes a thirtieth of an embedding's time; the encoder is asked about the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from moderation.heads.head import DIMENSION, Heads
from moderation.policy import RailPolicy
from moderation.rails.base import Embed, Seen
from moderation.rails.parts import Readings
from moderation.rails.scored import ScoredRail
from moderation.text.sentences import sentences
from moderation.types import Direction, Finding

PIECE = 240  # characters, about two sentences
REACH = 0.15
"""How far an embedding moves a score at most, as a share of its weights' length. The widest seen on pieces of annual
reports was 0.15; attacks reach 0.3, but then their words speak too."""
_NOTHING = np.zeros(DIMENSION, np.float32)


class PassageScreen:
    """Judges by the injection rail's head and rules, against the rail's input threshold: a passage is put before a model as
    a question is. Safe to call from many threads at once."""

    def __init__(self, rules: RailPolicy, heads: Heads, embed: Embed, readings: Readings | None = None) -> None:
        self._rail = ScoredRail("injection", rules, heads, readings or Readings(embed))
        self._embed = embed
        self._threshold = rules.threshold_for("injection", Direction.INPUT)
        weights = heads.heads["injection"].embedding[0] if "injection" in heads.heads else _NOTHING
        self._reach = REACH * float(np.linalg.norm(weights))

    def judge(self, text: str) -> Finding:
        """The finding on the worst piece of a text. Raises what the encoder raises."""
        unsure: list[str] = []
        worst = (0.0, "no piece reads like an instruction")
        for piece in pieces(text):
            chance, reason = self._score(piece, _NOTHING)
            worst = max(worst, (chance, reason))
            if chance < self._threshold and _logit(chance) + self._reach >= _logit(self._threshold):
                unsure.append(piece)
        if unsure and worst[0] < self._threshold:
            for piece, vector in zip(unsure, self._embed(unsure), strict=True):
                worst = max(worst, self._score(piece, vector))
        return Finding("injection", "injection", worst[0], self._threshold, worst[1])

    def _score(self, piece: str, vector: np.ndarray) -> tuple[float, str]:
        # an answer's rules, since a document's "ignore the previous table" is not a person's
        (score,) = self._rail.scores(Seen(Direction.OUTPUT, piece, vector))
        return score.probability, score.reason


def pieces(text: str) -> Iterator[str]:
    """The text in runs of whole sentences, each run once and each sentence beside both its neighbours; last the text
    itself, as far as its words say something only together."""
    parts = sentences(text)
    here = ""
    for sentence in parts:
        if here and len(here) + len(sentence) > PIECE:
            yield here
            here = ""
        here = f"{here} {sentence}" if here else sentence
    if here:
        yield here
    if len(parts) > 1:
        yield text


def _logit(chance: float) -> float:
    chance = min(max(chance, 1e-9), 1.0 - 1e-9)
    return math.log(chance / (1.0 - chance))
