"""Why a text gets its verdicts: each rail's probability and threshold, what moved it, and who wrote the rule it applied."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moderation.policy.catalogue import RAILS
from moderation.policy.load import PolicyFile
from moderation.policy.show import origin_of
from moderation.policy_test.bench import Bench, JudgedText
from moderation.rails import Embed
from moderation.types import Allow, Block, Direction, Finding, Verdict

_WORD = re.compile(r"\S+")
_MOST_WORDS = 48  # of a text are tried without
_NAMED = 5  # words that moved a probability
_LEAST = 0.5  # of log-odds that a word must move to be named; a probability near 1 hardly moves


@dataclass(frozen=True)
class Why:
    """One rail on one text. words: those without which the probability is lower, and what it is without them.

    places: what the rail points at, as it stands in the text. threshold_from, action_from, words_from: who wrote them."""

    rail: str
    verdict: str
    category: str
    probability: float
    threshold: float
    action: str
    reason: str
    places: tuple[str, ...]
    words: tuple[tuple[str, float], ...]
    message: str
    threshold_from: str
    action_from: str
    words_from: str

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            **vars(self),
            "places": list(self.places),
            "words": {word: round(without, 6) for word, without in self.words},
        }


def explain(found: PolicyFile, bench: Bench, embed: Embed, text: str, direction: Direction) -> tuple[JudgedText, list[Why]]:
    """found: the policy as it is for the caller (PolicyFile.resolve); bench: of that policy."""
    judged, rails = bench.judge(text, direction), bench.rails("", "")
    tried = _without_each_word(judged.text)
    vectors = embed([left for _, left in tried]) if tried else ()
    without = [
        (word, {one["rail"]: one for one in rails.explain(left, vector, direction)})
        for (word, left), vector in zip(tried, vectors, strict=True)
    ]
    whys = []
    for verdict in judged.verdicts:
        finding = verdict.finding
        left = sorted(((word, _probability(told[finding.rail], finding)) for word, told in without), key=lambda one: one[1])
        named = [one for one in left if _log_odds(finding.probability) - _log_odds(one[1]) >= _LEAST][:_NAMED]
        whys.append(_why(found, direction, verdict, judged.text, named))
    return judged, whys


def _without_each_word(text: str) -> list[tuple[str, str]]:
    """Each of the first words, and the text without it."""
    words = list(_WORD.finditer(text))[:_MOST_WORDS]
    return [(word.group(), text[: word.start()] + text[word.end() :]) for word in words] if len(words) > 1 else []


def _log_odds(probability: float) -> float:
    kept = min(max(probability, 1e-6), 1 - 1e-6)
    return math.log(kept / (1 - kept))


def _probability(explained: Mapping[str, Any], of: Finding) -> float:
    """The same category's probability in another text."""
    scores: Mapping[str, float] = explained.get("categories") or {explained["category"]: explained["probability"]}
    return scores.get(of.category, 0.0)


def _why(found: PolicyFile, direction: Direction, verdict: Verdict, text: str, words: Sequence[tuple[str, float]]) -> Why:
    finding = verdict.finding
    rail, category = finding.rail, finding.category
    rules = found.policy.rails[rail]
    known = category if category in (own := RAILS[rail].categories) else own[0]
    said = rules.words_for(category)
    return Why(
        rail=rail,
        verdict="pass" if isinstance(verdict, Allow) else verdict.name,
        category=category,
        probability=finding.probability,
        threshold=finding.threshold,
        action=rules.action_for(known, direction),
        reason=finding.reason,
        places=tuple(text[start:end] for start, end in finding.spans),
        words=tuple(words),
        message=said.message if isinstance(verdict, Block) else "",
        threshold_from=_nearest(found, ("rails", rail, "thresholds", known, str(direction))),
        action_from=_nearest(found, *_action_places(rail, known, direction)),
        words_from=_nearest(
            found, ("rails", rail, "categories", known, "words", "message"), ("rails", rail, "words", "message")
        ),
    )


def _action_places(rail: str, category: str, direction: Direction) -> tuple[tuple[str, ...], ...]:
    own, whole = ("rails", rail, "categories", category, "action"), ("rails", rail, "action")
    return (*own, str(direction)), own, (*whole, str(direction)), whole


def _nearest(found: PolicyFile, *places: tuple[str, ...]) -> str:
    """Who wrote the first of these places that anybody wrote; a value for both directions stands one place higher."""
    for where in places:
        for place in (where, where[:-1]) if where[-1] in tuple(Direction) else (where,):
            if found.wrote(*place) and place[-1] not in ("thresholds", "categories"):
                return origin_of(found, place)
    return "by default"
