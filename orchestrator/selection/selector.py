"""Chooses the one bot that may answer: hard rules remove candidates, then a score ranks what is left.

Live figures go to the api bot so that no model can invent them; questions that the documents support go to
the rag bot; the rest, and every doubtful one, to the safest bot. Each candidate keeps its reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from orchestrator.ports import Embed
from orchestrator.selection.routes import Routes
from orchestrator.types import Candidate, Route

SWITCHED_OFF = "switched off: "
TEMPERATURE = 0.08
"""Of the softmax over similarities: 0.08 in cosine is one unit of log-odds."""
LIVE_BONUS = 2.5
"""Log-odds for naming a thing and a figure that a connector serves: stronger than any wording."""
SUPPORT_WEIGHT = 4.0
"""Log-odds from documents that surely do not answer (0) to surely do (1)."""


@dataclass(frozen=True)
class Evidence:
    """What is known of a question besides its words.

    live: what a connector would be asked ("nav of AURGE"), or None. support: how likely the documents answer,
    0..1. unavailable: why a bot cannot answer now, by bot. forbidden: why policy forbids it, by bot. switched_off: for
    what reason somebody switched it off, by bot.
    """

    live: str | None
    support: float
    unavailable: Mapping[str, str]
    forbidden: Mapping[str, str]
    switched_off: Mapping[str, str] = field(default_factory=dict)


class Selector:
    """Holds the routes' exemplars as vectors; choosing is a pure function of them and the evidence."""

    def __init__(self, routes: Routes, embed: Embed) -> None:
        self.routes = routes
        self._vectors = {name: embed(bot.exemplars) for name, bot in routes.bots.items()}

    def choose(self, embedding: np.ndarray, evidence: Evidence) -> Route:
        """The route of a question. embedding: float32[d], unit length.

        A live figure is asked of the api bot alone: if that bot is down the caller is told so, because a model would
        invent the figure; nor is a question that the documents answer handed to a model that has not read them, not
        even while the rag bot is switched off. When every bot is removed the safest one stands alone, unless policy
        forbids it or it is switched off: then the chain is empty of bots and nobody is asked.
        """
        removed = {name: reason for name in self.routes.bots if (reason := self._rule(name, evidence))}
        similar = {name: _top(self._vectors[name] @ embedding) for name in self.routes.bots}
        logits = {name: self._logit(name, similar[name], evidence) for name in self.routes.bots}
        if evidence.live and max(logits, key=lambda n: logits[n]) == "api" and "api" not in evidence.forbidden:
            live_only = {n: "live figures come from a connector, never from a model" for n in logits if n != "api"}
            removed = {n: removed.get(n, reason) for n, reason in live_only.items()}
        meant = max((n for n in logits if n not in removed), key=lambda n: logits[n], default="")
        if meant == "rag" and meant in evidence.switched_off:
            removed = {n: removed.get(n, "the documents answer this, never a model that has not read them") for n in logits}
        removed |= {n: SWITCHED_OFF + reason for n, reason in evidence.switched_off.items() if n in self.routes.bots}
        scores = _softmax({name: logit for name, logit in logits.items() if name not in removed})
        ranked = sorted(scores, key=lambda name: -scores[name])
        candidates = tuple(
            [Candidate(n, scores[n], self._why(n, similar[n], evidence)) for n in ranked]
            + [Candidate(n, 0.0, reason, removed=True) for n, reason in removed.items()]
        )
        if not ranked:
            alone = self.routes.safest
            nobody = alone in evidence.forbidden or {alone, meant} & evidence.switched_off.keys()
            return Route("" if nobody else alone, (), candidates)
        return Route(ranked[0], () if ranked[0] == "rag" else tuple(n for n in ranked[1:] if n != "api"), candidates)

    def _rule(self, bot: str, evidence: Evidence) -> str | None:
        """Why a hard rule removes a bot, or None."""
        if bot in evidence.forbidden:
            return f"policy forbids it: {evidence.forbidden[bot]}"
        if bot in evidence.unavailable:
            return f"not available: {evidence.unavailable[bot]}"
        if bot == "api" and evidence.live is None:
            return "no connector serves a figure that the question names"
        return None

    def _logit(self, bot: str, similar: float, evidence: Evidence) -> float:
        logit = similar / TEMPERATURE * 0.5 + self.routes.bots[bot].prior
        if bot == "api" and evidence.live:
            logit += LIVE_BONUS
        if bot == "rag":
            logit += SUPPORT_WEIGHT * (evidence.support - 0.5)
        return logit

    def _why(self, bot: str, similar: float, evidence: Evidence) -> str:
        extra = ""
        if bot == "api" and evidence.live:
            extra = f"; a connector serves {evidence.live}"
        if bot == "rag":
            extra = f"; document support {evidence.support:.2f}"
        return f"resembles its example questions {similar:.2f}{extra}"


def _top(similarities: np.ndarray, k: int = 2) -> float:
    return float(np.sort(similarities)[-k:].mean())


def _softmax(logits: Mapping[str, float]) -> dict[str, float]:
    highest = max(logits.values(), default=0.0)
    weights = {name: math.exp(logit - highest) for name, logit in logits.items()}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}
