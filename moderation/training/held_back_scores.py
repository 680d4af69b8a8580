"""The held-back part of the heads' card: what heads say of rows that they were not trained on, beside the rules.

Invariant: each row is scored by heads that saw nothing like it, and no figure is typed in.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from moderation.policy import Policy
from moderation.rules import hits
from moderation.text.variants import variants
from moderation.training.corpora import FOLDS, Example
from moderation.training.fit import HEADS, Floats, Table, Trained, without
from moderation.training.held_out import held_out
from moderation.types import Direction

_CROSS: tuple[tuple[str, str, Callable[[Example], bool]], ...] = (
    ("injection", "bastioncorpus", lambda row: row.source == "injection" and row.kind == "bastioncorpus"),
    ("injection", "BIPIA", lambda row: row.source == "injection" and row.kind.startswith("BIPIA")),
    ("injection", "PINT", lambda row: row.source == "injection" and row.kind.startswith("PINT")),
    ("injection", "NotInject", lambda row: row.source == "injection" and row.kind.startswith("NotInject")),
    ("injection", "WildGuard harmless", lambda row: row.source == "injection" and row.kind.startswith("WildGuard")),
    ("injection", "all but our own sentences", lambda row: row.source == "injection"),
    ("hate", "hatecheck", lambda row: row.source == "hatecheck"),
    ("hate", "openai", lambda row: row.source == "openai"),
    ("hate", "tweets", lambda row: row.source == "tweets"),
    ("violence", "hatecheck", lambda row: row.source == "hatecheck"),
    ("violence", "openai", lambda row: row.source == "openai"),
    ("harassment", "openai", lambda row: row.source == "openai"),
    ("self_harm", "openai", lambda row: row.source == "openai"),
    ("sexual", "openai", lambda row: row.source == "openai"),
)
_ONE_IN = 3  # of the two large harmless sets, the share that the rules are asked about

Ruled = Sequence[Mapping[str, float]]


@dataclass(frozen=True)
class HeldBackScores:
    """rows: those that are reported, of `table`. by_rule: what rules say of each. ruled: rail and category to the higher of
    head and rules. limits: category to the default policy's input threshold. trained: category to its head."""

    table: Table
    rows: Sequence[Example]
    by_rule: Ruled
    ruled: Mapping[str, Mapping[str, Floats]]
    limits: Mapping[str, float]
    trained: Mapping[str, Trained]


def held_back_scores(table: Table, trained: Sequence[Trained], policy: Policy) -> HeldBackScores:
    """The scores of the rows that are reported, with the policy's thresholds."""
    rows = [row for row in table.rows if _kept(row)]
    shown = [_reported_of(one, table) for one in trained]
    by_rule = _rules_of(rows)
    limits = {
        category: policy.rails[rail].threshold_for(category, Direction.INPUT)
        for rail, kinds in HEADS.items()
        for category in kinds
    }
    ruled = _with_rules(by_rule, {one.category: one.held_back for one in shown})
    return HeldBackScores(table, rows, by_rule, ruled, limits, {one.category: one for one in trained})


def sections(scores: HeldBackScores) -> Iterator[str]:
    """The card's lines, from the held-back scores to those across corpora."""
    rows, ruled, limits = scores.rows, scores.ruled, scores.limits
    yield f"## Held-back scores\n\n{FOLDS} folds; rows of one template, its misspellings and near-duplicates are"
    yield "in one fold, so each row is scored by heads that saw nothing like it. Rules included, default policy's"
    yield "input thresholds. *flagged* = share at or over the threshold, in the half of the rows that rules and"
    yield "phrases were worked out on, and in the half that was not looked at (odd first byte of the SHA-256)."
    yield f"Of Banking77 and CLINC every {_ONE_IN}rd row is reported (chosen by hash).\n"
    yield "The rules were written while reading the injection rows, so the injection figures are kinder than"
    yield "those on unseen attacks; the cross-corpus table below has the heads alone.\n"
    for rail, kinds in HEADS.items():
        yield f"### {rail}\n"
        yield "| category (threshold) | source | truth | rows | flagged, development half | flagged, held-out half |"
        yield "|---|---|---|---|---|---|"
        for category in kinds:
            yield from _by_source(rows, category, ruled[rail][category], limits[category])
        yield ""
    yield from _functionalities(rows, ruled["toxicity"]["hate"], limits["hate"])
    yield from _together(scores)
    yield from _across(scores)


def share(flags: Sequence[bool]) -> str:
    """How many of them hold, for a table's cell."""
    return f"{np.mean(flags):.1%}" if flags else "–"


def _kept(row: Example) -> bool:
    return row.source not in ("banking", "clinc") or int(hashlib.sha256(row.text.encode()).hexdigest(), 16) % _ONE_IN == 0


def _reported_of(one: Trained, table: Table) -> Trained:
    return replace(one, held_back=one.held_back[np.array([_kept(row) for row in table.rows])])


def _rules_of(rows: Sequence[Example]) -> Ruled:
    """Each row's highest probability by rules, by category (the variants of a row are made once)."""
    found = []
    for row in rows:
        seen = variants(row.text)
        by_category: dict[str, float] = {}
        for rail in HEADS:
            for hit in hits(rail, Direction.INPUT, seen):
                by_category[hit.category] = max(hit.probability, by_category.get(hit.category, 0.0))
        found.append(by_category)
    return found


def _with_rules(by_rule: Ruled, held_back: Mapping[str, Floats]) -> dict[str, dict[str, Floats]]:
    return {
        rail: {
            category: np.maximum(
                held_back[category], np.array([one.get(category, 0.0) for one in by_rule], dtype=np.float32)
            )
            for category in kinds
        }
        for rail, kinds in HEADS.items()
    }


def _by_source(rows: Sequence[Example], category: str, chances: Floats, limit: float) -> Iterator[str]:
    groups: dict[tuple[str, int], list[tuple[bool, bool]]] = defaultdict(list)
    for row, chance in zip(rows, chances, strict=True):
        if category in row.labels:
            fine = row.kind if row.source == "injection" and category == "injection" else ""
            for name in {row.source, f"{row.source}: {fine}" if fine else row.source}:
                groups[name, row.labels[category]].append((held_out(row.text), bool(chance >= limit)))
    for (name, label), found in sorted(groups.items()):
        truth = "attack" if label else "harmless"
        halves = [share([over for out, over in found if out is half]) for half in (False, True)]
        yield f"| {category} ({limit:g}) | {name} | {truth} | {len(found):,} | {halves[0]} | {halves[1]} |"


def _functionalities(rows: Sequence[Example], chances: Floats, limit: float) -> Iterator[str]:
    yield "### hate, by HateCheck functionality (unseen templates)\n"
    yield "| functionality | truth | rows | flagged |\n|---|---|---|---|"
    groups: dict[tuple[str, int], list[bool]] = defaultdict(list)
    for row, chance in zip(rows, chances, strict=True):
        if row.source == "hatecheck":
            groups[row.kind, row.labels["hate"]].append(bool(chance >= limit))
    for (kind, label), over in sorted(groups.items()):
        yield f"| {kind} | {'hateful' if label else 'not hateful'} | {len(over)} | {np.mean(over):.1%} |"
    yield ""


def _together(scores: HeldBackScores) -> Iterator[str]:
    """How often a harmless text is blocked by any rail that blocks."""
    rows, ruled, limits = scores.rows, scores.ruled, scores.limits
    blocked = np.zeros(len(rows), dtype=bool)
    for rail in ("injection", "toxicity"):
        for category, chances in ruled[rail].items():
            blocked |= chances >= limits[category]
    yield "### Harmless texts blocked by any rail\n\n| texts | rows | blocked |\n|---|---|---|"
    wanted: dict[str, Callable[[Example], bool]] = {
        "Banking77 questions": lambda row: row.source == "banking",
        "CLINC requests": lambda row: row.source == "clinc",
        "WildGuard harmless prompts": lambda row: row.kind.startswith("WildGuard"),
        "NotInject": lambda row: row.kind.startswith("NotInject"),
    }
    for name, belongs in wanted.items():
        mine = np.array([belongs(row) for row in rows])
        yield f"| {name} | {mine.sum():,} | {blocked[mine].mean():.2%} |"
    yield ""


def _across(scores: HeldBackScores) -> Iterator[str]:
    table, limits = scores.table, scores.limits
    yield "## Cross-corpus\n"
    yield "Trained without the corpus that is then asked about: the head alone, then with the rules"
    yield "(which were written with the development half of these rows in view).\n"
    yield "| category | unseen corpus | AUC | attacks flagged | harmless flagged | with rules: attacks | harmless |"
    yield "|---|---|---|---|---|---|---|"
    rules_by_text = {row.text: found for row, found in zip(scores.rows, scores.by_rule, strict=True)}
    for category, name, belongs in _CROSS:
        left_out = np.array([belongs(row) for row in table.rows])
        chances = without(table, scores.trained[category], left_out)
        unseen = [row for row, out in zip(table.rows, left_out, strict=True) if out]
        labels = np.array([row.labels.get(category, -1) for row in unseen])
        ruled = np.maximum(chances, [rules_by_text[row.text].get(category, 0.0) for row in unseen])
        over = [share(list(scores[labels == label] >= limits[category])) for scores in (chances, ruled) for label in (1, 0)]
        yield f"| {category} | {name} | {_auc(chances[labels == 1], chances[labels == 0])} | {' | '.join(over)} |"
    yield ""


def _auc(attack: NDArray[np.float32], harmless: NDArray[np.float32]) -> str:
    """The chance that an attack scores above a harmless text (ties count half)."""
    if not len(attack) or not len(harmless):
        return "–"
    order = np.sort(harmless)
    below, upto = np.searchsorted(order, attack, "left"), np.searchsorted(order, attack, "right")
    return f"{((below + upto) / 2).mean() / len(order):.3f}"
