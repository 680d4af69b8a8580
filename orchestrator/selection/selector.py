"""Chooses the one bot that may answer: hard rules remove candidates, then a score ranks what is left.

Live figures go to a bot that answers from a live service, so that no model can invent them; questions that the documents
support go to a bot that answers from documents; the rest, and every doubtful one, to the safest bot. Each candidate keeps
its reason.

Invariant: the rules are about roles. No bot's name stands in this file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from orchestrator.bots.base import NO_EVIDENCE, BotEvidence, Role
from orchestrator.errors import ConfigError
from orchestrator.ports import Embed
from orchestrator.selection.routes import Routes
from orchestrator.types import Candidate, Route

SWITCHED_OFF = "switched off: "
TEMPERATURE = 0.08
"""Of the softmax over similarities: 0.08 in cosine is one unit of log-odds."""
_LIVE_ONLY = "live figures come from a connector, never from a model"
_SUMS_ONLY = "a sum of the question's own figures is computed, never looked up or remembered"
_DOCUMENTS_ONLY = "the documents answer this, never a model that has not read them"


@dataclass(frozen=True)
class Evidence:
    """What is known of a question besides its words, by bot.

    bots: what each says of the question itself. unavailable: why it cannot answer now. forbidden: why policy forbids it.
    switched_off: for what reason somebody switched it off.
    """

    bots: Mapping[str, BotEvidence]
    unavailable: Mapping[str, str]
    forbidden: Mapping[str, str]
    switched_off: Mapping[str, str] = field(default_factory=dict)

    def of(self, bot: str) -> BotEvidence:
        return self.bots.get(bot, NO_EVIDENCE)


class Selector:
    """Holds the routes' exemplars as vectors; choosing is a pure function of them and the evidence."""

    def __init__(self, routes: Routes, roles: Mapping[str, Role], embed: Embed) -> None:
        """roles: of every bot there is, by name. Raises ConfigError where the routes name another."""
        if unknown := sorted(routes.bots.keys() - roles.keys()):
            raise ConfigError(f"routes: bots.{unknown[0]}: there is no such bot; bots: {', '.join(sorted(roles))}")
        self.routes, self._roles = routes, roles
        self._vectors = {name: embed(bot.exemplars) for name, bot in routes.bots.items()}

    def choose(self, embedding: np.ndarray, evidence: Evidence) -> Route:
        """The route of a question. embedding: float32[d], unit length.

        A sum of the question's own figures is computed by the bot for sums alone; every other question is none of its own.
        A live figure is asked of a live bot alone: if that bot is down the caller is told so, because a model would
        invent the figure; nor is a question that the documents answer handed to a model that has not read them, not
        even while their bot is switched off. When every bot is removed the safest one stands alone, unless policy
        forbids it, it cannot answer this question, or it is switched off: then the chain is empty of bots and nobody is
        asked.
        """
        similar = {name: _top(self._vectors[name] @ embedding) for name in self.routes.bots}
        calculators = {n: self._removed_alone(n, evidence) for n in similar if self._roles[n] is Role.SUMS}
        if able := next((name for name, reason in calculators.items() if reason is None), None):
            chosen = Candidate(able, 1.0, _why(similar[able], evidence.of(able)))
            aside = (Candidate(n, 0.0, _rule(n, evidence) or _SUMS_ONLY, removed=True) for n in similar if n != able)
            return Route(able, (), (chosen, *aside))
        logits = {name: self._logit(name, similar[name], evidence) for name in similar if name not in calculators}
        removed = self._removed(logits, evidence)
        meant = max((n for n in logits if n not in removed), key=lambda n: logits[n], default="")
        if meant in evidence.switched_off and self._roles[meant] is Role.DOCUMENTS:
            others = (n for n in logits if n in {meant, *removed} or self._roles[n] is not Role.DOCUMENTS)
            removed = {n: removed.get(n, _DOCUMENTS_ONLY) for n in others}
        removed |= {name: reason for name, reason in calculators.items() if reason is not None}
        removed |= {n: SWITCHED_OFF + reason for n, reason in evidence.switched_off.items() if n in self.routes.bots}
        scores = _softmax({name: logit for name, logit in logits.items() if name not in removed})
        ranked = sorted(scores, key=lambda name: -scores[name])
        candidates = tuple(
            [Candidate(n, scores[n], _why(similar[n], evidence.of(n))) for n in ranked]
            + [Candidate(n, 0.0, reason, removed=True) for n, reason in removed.items()]
        )
        if not ranked:
            alone = self.routes.safest
            nobody = (
                alone in evidence.forbidden or evidence.of(alone).cannot or {alone, meant} & evidence.switched_off.keys()
            )
            return Route("" if nobody else alone, (), candidates)
        return Route(ranked[0], self._fallback(ranked), candidates)

    def _removed_alone(self, bot: str, evidence: Evidence) -> str | None:
        """Why a bot for sums cannot be asked, or None."""
        if (reason := evidence.switched_off.get(bot)) is not None:
            return SWITCHED_OFF + reason
        return _rule(bot, evidence) or (None if bot in evidence.bots else "it was not asked")

    def _removed(self, logits: Mapping[str, float], evidence: Evidence) -> dict[str, str]:
        """The bots that hard rules remove, with the reasons."""
        removed = {name: reason for name in logits if (reason := _rule(name, evidence))}
        best = max(logits, key=lambda n: logits[n])
        if self._roles[best] is not Role.LIVE or best in evidence.forbidden or evidence.of(best).cannot:
            return removed
        others = {n: removed.get(n, _LIVE_ONLY) for n in logits if self._roles[n] is not Role.LIVE}
        return others | {n: why for n, why in removed.items() if self._roles[n] is Role.LIVE and n != best}

    def _fallback(self, ranked: list[str]) -> tuple[str, ...]:
        """Who is asked when the first of the ranked bots fails: never a live bot; after the documents, only documents."""
        allowed = {Role.DOCUMENTS} if self._roles[ranked[0]] is Role.DOCUMENTS else {Role.DOCUMENTS, Role.MEMORY}
        return tuple(name for name in ranked[1:] if self._roles[name] in allowed)

    def _logit(self, bot: str, similar: float, evidence: Evidence) -> float:
        return similar / TEMPERATURE * 0.5 + self.routes.bots[bot].prior + evidence.of(bot).log_odds


def _rule(bot: str, evidence: Evidence) -> str | None:
    """Why a hard rule removes a bot, or None."""
    if bot in evidence.forbidden:
        return f"policy forbids it: {evidence.forbidden[bot]}"
    if bot in evidence.unavailable:
        return f"not available: {evidence.unavailable[bot]}"
    return evidence.of(bot).cannot or None


def _why(similar: float, of_bot: BotEvidence) -> str:
    return f"resembles its example questions {similar:.2f}" + (f"; {of_bot.note}" if of_bot.note else "")


def _top(similarities: np.ndarray, k: int = 2) -> float:
    return float(np.sort(similarities)[-k:].mean())


def _softmax(logits: Mapping[str, float]) -> dict[str, float]:
    highest = max(logits.values(), default=0.0)
    weights = {name: math.exp(logit - highest) for name, logit in logits.items()}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}
