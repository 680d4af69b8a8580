"""Trials: sentences of our own that no head was trained on, judged by the rails as they are shipped.

Used for reports and tests only. Invariant: half of the sentences, chosen by their SHA-256, is held out: rules and
phrases are worked out on the other half, and both halves' figures are reported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from moderation.rails import Embed, Rails
from moderation.rails.base import Seen
from moderation.types import Allow, Block, Direction, Verdict

TRIALS_PATH = Path(__file__).parent.parent / "data" / "trials.yaml"


@dataclass(frozen=True)
class Trial:
    """place: section, kind and (for regulated speech) category, as the file nests them."""

    place: tuple[str, ...]
    text: str

    @property
    def held_out(self) -> bool:
        return held_out(self.text)

    @property
    def direction(self) -> Direction:
        return Direction.OUTPUT if self.place[:2] == ("regulated", "answers") else Direction.INPUT

    @property
    def harmless(self) -> bool:
        return self.place[0].startswith("harmless") or self.place[-1] == "harmless"


@dataclass(frozen=True)
class TrialOutcome:
    """right: harmless and let pass, or harmful and stopped (regulated speech: blocked or steered)."""

    trial: Trial
    right: bool
    by: str  # the rail and category that did not allow it, if any


def held_out(text: str) -> bool:
    return hashlib.sha256(text.encode()).digest()[0] % 2 == 1


def trials(path: Path = TRIALS_PATH) -> list[Trial]:
    return list(_leaves((), yaml.safe_load(path.read_text(encoding="utf-8"))))


def run(rails: Rails, embed: Embed, chosen: Sequence[Trial]) -> list[TrialOutcome]:
    """Every trial before the rails of its kind: what is harmful must be stopped, by whichever category."""
    return [
        _outcome(rails, trial, vector) for trial, vector in zip(chosen, embed([trial.text for trial in chosen]), strict=True)
    ]


def _outcome(rails: Rails, trial: Trial, vector: Any) -> TrialOutcome:
    section = trial.place[0]
    asked = {"regulated": ("advice",), "injections": ("injection",), "harmless_languages": ("injection", "toxicity")}
    over = [
        verdict
        for rail in asked.get(section, ("injection", "toxicity"))
        if _stops(verdict := rails.judge(rail, Seen(trial.direction, trial.text, vector)), section)
    ]
    by = ", ".join(f"{verdict.finding.rail}/{verdict.finding.category}" for verdict in over)
    return TrialOutcome(trial, bool(over) != trial.harmless, by)


def _stops(verdict: Verdict, section: str) -> bool:
    return not isinstance(verdict, Allow) if section == "regulated" else isinstance(verdict, Block)


def _leaves(place: tuple[str, ...], tree: Any) -> Iterator[Trial]:
    if isinstance(tree, dict):
        for name, branch in tree.items():
            yield from _leaves((*place, name), branch)
    else:
        for text in tree:
            yield Trial(place, text)
