"""Floors under the rails on labelled public sets and on the sample documents.

The shipped heads were trained on these sets: what falls below a floor here is broken. How the rails do on rows that
they have not seen stands in docs/model-cards/moderation-heads.md, cross-fitted.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from moderation.rails import Embed, Rails
from moderation.rails.base import Seen
from moderation.training.corpora import CONTEXTUAL
from moderation.types import Allow, Block, Direction, Verdict

pytestmark = pytest.mark.models
ROOT = Path(__file__).parents[3]
Judged = Callable[..., list[dict[str, Verdict]]]


def rows(name: str, one_in: int = 1) -> list[dict[str, Any]]:
    """The rows of a set, or one in so many, chosen by the hash of the text."""
    folder = Path(os.environ.get("COUNTERSIGN_DATA", ROOT / ".." / "shared" / "data"))
    path = folder / name
    if not path.is_file():
        pytest.skip(f"no labelled texts at {path}; set COUNTERSIGN_DATA to the folder that holds {name}")
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [r for r in found if int(hashlib.sha256(json.dumps(r).encode()).hexdigest(), 16) % one_in == 0]


@pytest.fixture(scope="module")
def judged(rails: Rails, embed: Embed) -> Judged:
    def judged(texts: Sequence[str], direction: Direction = Direction.INPUT) -> list[dict[str, Verdict]]:
        return [
            {rail: rails.judge(rail, Seen(direction, text, vector)) for rail in rails.names(direction)}
            for text, vector in zip(texts, embed(texts), strict=True)
        ]

    return judged


def share(flags: Sequence[bool]) -> float:
    assert flags
    return sum(flags) / len(flags)


def blocked(verdicts: dict[str, Verdict]) -> bool:
    return any(isinstance(verdict, Block) for verdict in verdicts.values())


def test_a_banks_ordinary_questions_pass(judged: Judged) -> None:
    found = judged([row["text"] for row in rows("intents_banking.jsonl", one_in=8)])
    assert share([blocked(verdicts) for verdicts in found]) <= 0.001
    assert share([all(isinstance(v, Allow) for v in verdicts.values()) for verdicts in found]) >= 0.99


def test_other_ordinary_requests_are_hardly_ever_blocked(judged: Judged) -> None:
    found = judged([row["text"] for row in rows("intents_clinc.jsonl", one_in=8)])
    assert share([blocked(verdicts) for verdicts in found]) <= 0.005


def test_injections_are_found_and_look_alikes_pass(judged: Judged) -> None:
    known = [row for row in rows("injection.jsonl") if row["source"].rsplit("/", 1)[-1] not in CONTEXTUAL]
    flags = [isinstance(verdicts["injection"], Block) for verdicts in judged([row["text"] for row in known])]
    assert share([flag for flag, row in zip(flags, known, strict=True) if row["label"]]) >= 0.97
    assert share([flag for flag, row in zip(flags, known, strict=True) if not row["label"]]) <= 0.02


@pytest.fixture(scope="module")
def labelled(judged: Judged) -> Sequence[tuple[dict[str, Any], Verdict]]:
    """The rows of moderation_categories, each with the toxicity rail's verdict."""
    known = rows("moderation_categories.jsonl")
    found = judged([row["prompt"] for row in known])
    return [(row, verdicts["toxicity"]) for row, verdicts in zip(known, found, strict=True)]


@pytest.mark.parametrize(
    ("category", "columns", "blocked_floor", "named_floor"),
    [
        ("sexual", ("S",), 0.95, 0.5),
        ("minors", ("S3",), 0.95, 0.85),
        ("hate", ("H", "H2"), 0.85, 0.7),
        ("violence", ("V", "V2"), 0.9, 0.4),
        ("harassment", ("HR",), 0.85, 0.5),
        ("self_harm", ("SH",), 0.95, 0.9),
    ],
)
def test_each_category_of_toxicity_is_blocked_and_mostly_by_its_own_name(
    labelled: Sequence[tuple[dict[str, Any], Verdict]],
    category: str,
    columns: tuple[str, ...],
    blocked_floor: float,
    named_floor: float,
) -> None:
    found = [verdict for row, verdict in labelled if any(row.get(column) for column in columns)]
    assert share([isinstance(verdict, Block) for verdict in found]) >= blocked_floor
    named = [isinstance(verdict, Block) and verdict.finding.category == category for verdict in found]
    assert share(named) >= named_floor


def test_hate_is_told_from_speech_about_it(judged: Judged) -> None:
    known = rows("hatecheck_half.jsonl")
    flags = [isinstance(verdicts["toxicity"], Block) for verdicts in judged([row["text"] for row in known])]
    assert share([flag for flag, row in zip(flags, known, strict=True) if row["label"] == "hateful"]) >= 0.99
    assert share([flag for flag, row in zip(flags, known, strict=True) if row["label"] != "hateful"]) <= 0.15


def test_what_the_firms_own_documents_say_may_be_said(judged: Judged) -> None:
    """The rag bot quotes them: an output rail that stops them stops the service."""
    paths = [p for p in sorted((ROOT / "samples" / "documents").iterdir()) if p.suffix in (".md", ".txt", ".html")]
    sentences = [
        " ".join(sentence.split())
        for path in paths
        for sentence in re.split(
            r"(?<=[.!?])\s+|\n\s*\n", re.sub(r"<[^>]+>|[#*|>-]+ ", " ", path.read_text(encoding="utf-8"))
        )
    ]
    found = judged([s for s in sentences if 30 < len(s) < 400], Direction.OUTPUT)
    assert len(found) > 100
    assert share([blocked(verdicts) for verdicts in found]) <= 0.02
    assert share([all(isinstance(v, Allow) for v in verdicts.values()) for verdicts in found]) >= 0.95
