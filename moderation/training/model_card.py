"""The model card of the heads, written by the training run from its own figures.

Invariant: no figure in the card is typed in; each comes from rows that the head that scored them had not seen.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from moderation.heads.head import Heads
from moderation.policy import load_policy
from moderation.rails import Embed, Rails
from moderation.rails.base import Seen
from moderation.training.calibration import reliability
from moderation.training.corpora import CONTEXTUAL
from moderation.training.fit import RIDGE_EMBEDDING, RIDGE_WORDS, Table, Trained
from moderation.training.held_back_scores import HeldBackScores, held_back_scores, sections, share
from moderation.training.held_out import TrialOutcome, run, trials
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
    scores = held_back_scores(table, trained, policy)
    lines = [
        *_heads(scores, folder),
        *sections(scores),
        *_calibration(table, trained, plots),
        *_trials(run(rails, embed, trials())),
        *_documents(rails, embed, documents),
        _LIMITS,
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _heads(scores: HeldBackScores, folder: Path) -> Iterator[str]:
    """What the heads are, their files, and what they were trained on."""
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
    yield f"\n## Data\n\n{len(scores.table.rows):,} rows; those of the public sets are not in this repository.\n\n{_SOURCES}"
    yield "BIPIA rows that are attacks only inside a document (" + ", ".join(CONTEXTUAL) + ") are ordinary"
    contextual = np.array([row.kind == "BIPIA in context" for row in scores.rows])
    flagged = (scores.ruled["injection"]["injection"][contextual] >= scores.limits["injection"]).mean()
    yield "questions from a user: they are neither trained on as attacks nor counted below"
    yield f"({contextual.sum()} rows, of which {flagged:.0%} would be flagged).\n"


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
        halves = [share([one.right for one in found if one.trial.held_out is half]) for half in (False, True)]
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
