"""The model card of the heads, written by the training run from its own figures.

Invariant: no figure in the card is typed in; each comes from rows that the head that scored them had not seen.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moderation.heads.head import Heads
from moderation.policy import Policy, load_policy
from moderation.rails import Embed, Rails
from moderation.rails.base import Seen
from moderation.rules import hits
from moderation.text.variants import variants
from moderation.training.calibration import reliability
from moderation.training.corpora import CONTEXTUAL, FOLDS, Example
from moderation.training.fit import HEADS, RIDGE_EMBEDDING, RIDGE_WORDS, Floats, Table, Trained, without
from moderation.training.held_out import TrialOutcome, held_out, run, trials
from moderation.types import Allow, Block, Direction

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


def write_card(
    path: Path,
    table: Table,
    trained: Sequence[Trained],
    folder: Path,
    embed: Embed,
    documents: Mapping[str, Sequence[str]],
    plots: Sequence[str] = (),
) -> None:
    """Write the card of the heads in `folder` to `path`.

    documents: sentences of real documents by the name of their source, which an answer may quote; plots: files
    beside the card.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    policy = load_policy()
    rails = Rails.load(policy, Heads.load(folder), None, embed)
    lines = [
        *_card(_reported(table), table, [_reported_of(one, table) for one in trained], trained, folder, policy),
        *_calibration(table, trained, plots),
        *_trials(run(rails, embed, trials())),
        *_documents(rails, embed, documents),
        _LIMITS,
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _kept(row: Example) -> bool:
    return row.source not in ("banking", "clinc") or int(hashlib.sha256(row.text.encode()).hexdigest(), 16) % _ONE_IN == 0


def _reported(table: Table) -> Sequence[Example]:
    return [row for row in table.rows if _kept(row)]


def _reported_of(one: Trained, table: Table) -> Trained:
    return replace(one, held_back=one.held_back[np.array([_kept(row) for row in table.rows])])


def _card(
    rows: Sequence[Example], table: Table, shown: Sequence[Trained], trained: Sequence[Trained], folder: Path, policy: Policy
) -> Iterator[str]:
    """rows and shown: the rows that are reported and their held-back scores; table and trained: all of them."""
    by_rule = _rules_of(rows)
    ruled = _with_rules(rows, by_rule, {one.category: one.held_back for one in shown})
    limits = {
        category: policy.rails[rail].threshold_for(category, Direction.INPUT)
        for rail, kinds in HEADS.items()
        for category in kinds
    }
    yield "# Moderation heads"
    yield "\n*Written by `benchmarks/train_heads.py`; run it again to change it.*\n"
    yield "One linear model a rail over all-MiniLM-L6-v2's sentence embedding (384) and hashed lexical features"
    yield "(words, word classes from `moderation/data/lexicon.yaml`, letters), logistic regression with L2"
    strengths = ", ".join(f"{ridge:g} {rail}" for rail, ridge in RIDGE_EMBEDDING.items())
    yield f"(on the embedding {strengths}; {RIDGE_WORDS:g} on the words), Platt-calibrated; harmless rows that were"
    yield "left out for their number come back where a first fit nearly flags them. A long text is"
    yield "judged by its worst window. The rules of `moderation/rules/` can only raise a probability.\n"
    yield "| file | bytes | SHA-256 |\n|---|---|---|"
    for file in sorted(folder.glob("*.safetensors")):
        raw = file.read_bytes()
        yield f"| {file.name} | {len(raw):,} | `{hashlib.sha256(raw).hexdigest()}` |"
    yield f"\n## Data\n\n{len(table.rows):,} rows; those of the public sets are not in this repository.\n\n{_SOURCES}"
    yield "BIPIA rows that are attacks only inside a document (" + ", ".join(CONTEXTUAL) + ") are ordinary"
    contextual = np.array([row.kind == "BIPIA in context" for row in rows])
    flagged = (ruled["injection"]["injection"][contextual] >= limits["injection"]).mean()
    yield "questions from a user: they are neither trained on as attacks nor counted below"
    yield f"({contextual.sum()} rows, of which {flagged:.0%} would be flagged).\n"
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
    yield from _together(rows, ruled, limits)
    yield from _across(table, rows, by_rule, {one.category: one for one in trained}, limits)


Ruled = Sequence[Mapping[str, float]]


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


def _with_rules(rows: Sequence[Example], by_rule: Ruled, held_back: Mapping[str, Floats]) -> dict[str, dict[str, Floats]]:
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
        halves = [_share([over for out, over in found if out is half]) for half in (False, True)]
        yield f"| {category} ({limit:g}) | {name} | {truth} | {len(found):,} | {halves[0]} | {halves[1]} |"


def _share(flags: Sequence[bool]) -> str:
    return f"{np.mean(flags):.1%}" if flags else "–"


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


def _across(
    table: Table, rows: Sequence[Example], by_rule: Ruled, by_category: Mapping[str, Trained], limits: Mapping[str, float]
) -> Iterator[str]:
    yield "## Cross-corpus\n"
    yield "Trained without the corpus that is then asked about: the head alone, then with the rules"
    yield "(which were written with the development half of these rows in view).\n"
    yield "| category | unseen corpus | AUC | attacks flagged | harmless flagged | with rules: attacks | harmless |"
    yield "|---|---|---|---|---|---|---|"
    rules_by_text = {row.text: found for row, found in zip(rows, by_rule, strict=True)}
    for category, name, belongs in _CROSS:
        left_out = np.array([belongs(row) for row in table.rows])
        chances = without(table, by_category[category], left_out)
        unseen = [row for row, out in zip(table.rows, left_out, strict=True) if out]
        labels = np.array([row.labels.get(category, -1) for row in unseen])
        ruled = np.maximum(chances, [rules_by_text[row.text].get(category, 0.0) for row in unseen])
        over = [_share(list(scores[labels == label] >= limits[category])) for scores in (chances, ruled) for label in (1, 0)]
        yield f"| {category} | {name} | {_auc(chances[labels == 1], chances[labels == 0])} | {' | '.join(over)} |"
    yield ""


def _calibration(table: Table, trained: Sequence[Trained], plots: Sequence[str]) -> Iterator[str]:
    yield "## Calibration\n"
    yield "Cross-fitted heads (no rules) on the rows that they were trained on, attacks weighed as in training."
    yield "Brier score and expected calibration error (ten bins of equal width; Guo and others 2017): lower is"
    yield "better. A score that always gave the share of attacks would have the Brier score of the last column.\n"
    yield "| category | rows | Brier | ECE | Brier of the base rate |\n|---|---|---|---|---|"
    for one in trained:
        found = reliability(table, one)
        yield f"| {one.category} | {found.rows:,} | {found.brier:.4f} | {found.ece:.4f} | {found.base:.4f} |"
    yield ""
    for plot in plots:
        yield f"![{plot.rsplit('.', 1)[0].replace('-', ' ')}]({plot})\n"


def _trials(outcomes: Sequence[TrialOutcome]) -> Iterator[str]:
    yield "## Trials\n"
    yield "Sentences of our own in `moderation/data/trials.yaml` that no head was trained on, judged by the"
    yield "shipped heads and rules with the shipped policy. *right*: harmless and let pass, or harmful and stopped"
    yield "(regulated speech: steered or blocked). One author wrote phrases, rules and"
    yield "trials: strangers' sentences would be harder.\n"
    yield "| trial | sentences | right, development half | right, held-out half |\n|---|---|---|---|"
    groups: dict[str, list[TrialOutcome]] = defaultdict(list)
    for one in outcomes:
        groups[" / ".join(one.trial.place).replace("_", " ")].append(one)
        groups[f"**{one.trial.place[0].replace('_', ' ')}, {'harmless' if one.trial.harmless else 'harmful'}**"].append(one)
    for name, found in groups.items():
        halves = [_share([one.right for one in found if one.trial.held_out is half]) for half in (False, True)]
        yield f"| {name} | {len(found)} | {halves[0]} | {halves[1]} |"
    yield ""


def _documents(rails: Rails, embed: Embed, documents: Mapping[str, Sequence[str]]) -> Iterator[str]:
    yield "## Documents\n"
    yield "Sentences of documents as an answer would quote them, without a citation: the share that the output"
    yield "rails would steer or block. All of them are harmless.\n"
    yield "| source | sentences | advice rail steers or blocks | any rail blocks |\n|---|---|---|---|"
    for name, sentences in documents.items():
        steered, blocked = 0, 0
        for text, vector in zip(sentences, embed(sentences), strict=True):
            verdicts = {
                rail: rails.judge(rail, Seen(Direction.OUTPUT, text, vector)) for rail in ("injection", "toxicity", "advice")
            }
            steered += not isinstance(verdicts["advice"], Allow)
            blocked += any(isinstance(verdict, Block) for verdict in verdicts.values())
        yield f"| {name} | {len(sentences):,} | {steered / len(sentences):.2%} | {blocked / len(sentences):.2%} |"
    yield ""


def _auc(attack: NDArray[np.float32], harmless: NDArray[np.float32]) -> str:
    """The chance that an attack scores above a harmless text (ties count half)."""
    if not len(attack) or not len(harmless):
        return "–"
    order = np.sort(harmless)
    below, upto = np.searchsorted(order, attack, "left"), np.searchsorted(order, attack, "right")
    return f"{((below + upto) / 2).mean() / len(order):.3f}"


_LIMITS = """\
## Limits

- English first. Injection rules know German, French, Spanish, Italian, Portuguese and Dutch, and short forms in Russian,
  Chinese, Japanese, Arabic, Turkish and Polish. Toxicity and regulated speech are judged in English; in those six
  languages rules alone hear people in danger from themselves, threats, promised returns and what to buy or sell.
- HateCheck's and our own sentences are short templates; real hate is longer and less plain: see the cross-corpus
  figures and the openai rows.
- Harassment, self-harm, sexual/minors and violence have few labelled attacks (tens to a hundred), and advice has
  only sentences of our own: take those figures as smoke tests.
- The tweets' labels are noisy and bound to the slang of 2017; reclaimed slurs are flagged too often.
- Attacks that are ordinary sentences out of place (BIPIA) cannot be told from questions by their text.
- Probabilities are calibrated on the mixture above with attacks lifted half-way to balance, not on live traffic."""
