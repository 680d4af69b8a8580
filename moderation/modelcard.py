"""The model card of the heads, written by the training run from its own figures.

Invariant: no figure in the card is typed in; each comes from rows that the head that scored them had not seen.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moderation.corpora import CONTEXTUAL, FOLDS, Example
from moderation.policy import Policy, load_policy
from moderation.rules import hits
from moderation.train import HEADS, RIDGE_EMBEDDING, RIDGE_WORDS, Floats, Table, Trained, without
from moderation.types import Direction
from moderation.views import views

_SOURCES = """\
| set | use | licence |
|---|---|---|
| openai/moderation-api-release | toxicity | MIT |
| t-davidson/hate-speech-and-offensive-language (a sample) | hate | MIT |
| paul-rottger/hatecheck-data (half) | hate, violence | CC BY 4.0 |
| InjecGuard validation set, bastioncorpus, BIPIA (half) | injection | MIT |
| WildGuard's harmless prompts | harmless rows of all | ODC-BY |
| clinc/oos-eval | topic, harmless rows of all | CC BY 3.0 |
| PolyAI Banking77 | topic, harmless rows of all | CC BY 4.0 |
| our own sentences, `moderation/data/phrases.yaml` | all, advice entirely | as this repository |
"""
_CROSS: tuple[tuple[str, str, Callable[[Example], bool]], ...] = (
    ("injection", "bastioncorpus", lambda row: row.source == "injection" and row.kind == "bastioncorpus"),
    ("injection", "all but our own sentences", lambda row: row.source == "injection"),
    ("hate", "hatecheck", lambda row: row.source == "hatecheck"),
    ("hate", "openai", lambda row: row.source == "openai"),
    ("hate", "tweets", lambda row: row.source == "tweets"),
    ("violence", "hatecheck", lambda row: row.source == "hatecheck"),
    ("violence", "openai", lambda row: row.source == "openai"),
    ("self_harm", "openai", lambda row: row.source == "openai"),
)


def write_card(path: Path, table: Table, trained: Sequence[Trained], folder: Path) -> None:
    """Write the card of the heads in `folder` to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(_card(table, trained, folder, load_policy())) + "\n", encoding="utf-8")


def _card(table: Table, trained: Sequence[Trained], folder: Path, policy: Policy) -> Iterator[str]:
    by_category = {one.category: one for one in trained}
    ruled = {rail: _with_rules(table, rail, by_category) for rail in HEADS}
    limits = {
        category: policy.rails[rail].threshold_for(category, Direction.INPUT)
        for rail, kinds in HEADS.items()
        for category in kinds
    }
    yield "# Moderation heads"
    yield "\n*Written by `benchmarks/train_heads.py`; run it again to change it.*\n"
    yield "One linear model a rail over all-MiniLM-L6-v2's sentence embedding (384) and hashed lexical features"
    yield "(words, word classes from `moderation/data/lexicon.yaml`, letters), logistic regression with L2"
    yield f"({RIDGE_EMBEDDING:g} on the embedding, {RIDGE_WORDS:g} on the words), Platt-calibrated. A long text is"
    yield "judged by its worst window. The rules of `moderation/rules/` can only raise a probability.\n"
    yield "| file | bytes | SHA-256 |\n|---|---|---|"
    for file in sorted(folder.glob("*.safetensors")):
        raw = file.read_bytes()
        yield f"| {file.name} | {len(raw):,} | `{hashlib.sha256(raw).hexdigest()}` |"
    yield f"\n## Data\n\n{len(table.rows):,} rows; none of them is in this repository.\n\n{_SOURCES}"
    yield "BIPIA rows that are attacks only inside a document (" + ", ".join(CONTEXTUAL) + ") are ordinary"
    contextual = np.array([row.kind == "BIPIA in context" for row in table.rows])
    flagged = (ruled["injection"]["injection"][contextual] >= limits["injection"]).mean()
    yield "questions from a user: they are neither trained on as attacks nor counted below"
    yield f"({contextual.sum()} rows, of which {flagged:.0%} would be flagged).\n"
    yield f"## Held-back scores\n\n{FOLDS} folds; rows of one template, its misspellings and near-duplicates are"
    yield "in one fold, so each row is scored by heads that saw nothing like it. Rules included, default policy's"
    yield "input thresholds. *flagged* = share at or over the threshold.\n"
    yield "The rules were written while reading the injection rows, so the injection figures are kinder than"
    yield "those on unseen attacks; the cross-corpus table below has the heads alone.\n"
    for rail, kinds in HEADS.items():
        yield f"### {rail}\n\n| category (threshold) | source | truth | rows | flagged |\n|---|---|---|---|---|"
        for category in kinds:
            yield from _by_source(table.rows, category, ruled[rail][category], limits[category])
        yield ""
    yield from _functionalities(table.rows, ruled["toxicity"]["hate"], limits["hate"])
    yield from _together(table.rows, ruled, limits)
    yield from _across(table, by_category, limits)
    yield _LIMITS


def _with_rules(table: Table, rail: str, by_category: dict[str, Trained]) -> dict[str, Floats]:
    found = [hits(rail, Direction.INPUT, views(row.text)) for row in table.rows]
    return {
        category: np.maximum(
            by_category[category].held_back,
            [max((hit.probability for hit in row if hit.category == category), default=0.0) for row in found],
        )
        for category in HEADS[rail]
    }


def _by_source(rows: Sequence[Example], category: str, chances: Floats, limit: float) -> Iterator[str]:
    groups: dict[tuple[str, int], list[bool]] = defaultdict(list)
    for row, chance in zip(rows, chances, strict=True):
        if category in row.labels:
            fine = row.kind if row.source == "injection" and category == "injection" else ""
            for name in {row.source, f"{row.source}: {fine}" if fine else row.source}:
                groups[name, row.labels[category]].append(bool(chance >= limit))
    for (name, label), over in sorted(groups.items()):
        truth = "attack" if label else "harmless"
        yield f"| {category} ({limit:g}) | {name} | {truth} | {len(over):,} | {np.mean(over):.1%} |"


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


def _together(rows: Sequence[Example], ruled: dict[str, dict[str, Floats]], limits: dict[str, float]) -> Iterator[str]:
    """How often a harmless text is blocked by any rail that blocks."""
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


def _across(table: Table, by_category: dict[str, Trained], limits: dict[str, float]) -> Iterator[str]:
    yield "## Cross-corpus\n\nThe head alone (no rules), trained without the corpus that it is then asked about.\n"
    yield "| category | unseen corpus | AUC | attacks flagged | harmless flagged |\n|---|---|---|---|---|"
    for category, name, belongs in _CROSS:
        left_out = np.array([belongs(row) for row in table.rows])
        chances = without(table, by_category[category], left_out)
        rows = [row for row, out in zip(table.rows, left_out, strict=True) if out]
        labels = np.array([row.labels.get(category, -1) for row in rows])
        attack, harmless = chances[labels == 1], chances[labels == 0]
        over = [f"{np.mean(side >= limits[category]):.1%}" for side in (attack, harmless)]
        yield f"| {category} | {name} | {_auc(attack, harmless):.3f} | {over[0]} | {over[1]} |"
    yield ""


def _auc(attack: NDArray[np.float32], harmless: NDArray[np.float32]) -> float:
    """The chance that an attack scores above a harmless text (ties count half)."""
    order = np.sort(harmless)
    below, upto = np.searchsorted(order, attack, "left"), np.searchsorted(order, attack, "right")
    return float(((below + upto) / 2).mean() / len(order))


_LIMITS = """\
## Limits

- English first. Injection rules know a few phrases of German, French, Spanish and Italian; toxicity does not.
- HateCheck's and our own sentences are short templates; real hate is longer and less plain: see the cross-corpus
  figures and the openai rows.
- Harassment, self-harm, sexual/minors and violence have few labelled attacks (tens to a hundred), and advice has
  only sentences of our own: take those figures as smoke tests.
- The tweets' labels are noisy and bound to the slang of 2017; reclaimed slurs are flagged too often.
- Attacks that are ordinary sentences out of place (BIPIA) cannot be told from questions by their text.
- Probabilities are calibrated on the mixture above with attacks lifted half-way to balance, not on live traffic."""
