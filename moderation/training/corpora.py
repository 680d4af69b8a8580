"""The training rows: the public data sets as labelled examples, and sentences of our own beside them.

Used for training only. Invariant: rows that are variations of one another share a `group`, so that a split by
group keeps a template, its spelling variants and near-duplicates on one side.
"""

from __future__ import annotations

import base64
import codecs
import json
import random
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from moderation.heads.features import classes
from moderation.text.variants import plain, unmasked
from moderation.types import ModerationError

PHRASES_PATH = Path(__file__).parent.parent / "data" / "phrases.yaml"
FOLDS = 4
TOXIC = ("hate", "harassment", "violence", "self_harm", "sexual", "minors")
ADVICE = ("personal_advice", "promissory", "forward_looking", "unbalanced")
HARMLESS: Mapping[str, int] = dict.fromkeys((*TOXIC, "injection"), 0)

# Rows that BIPIA counts as attacks because of where they stood (inside a document). As a question from a user they
# are ordinary, and are neither trained on as attacks nor counted as ones.
CONTEXTUAL = ("Task Automation", "Research Assistance", "Conversational Agent", "Sentiment Analysis", "Language Translation")
_OPENAI = {
    "sexual": ("S", "S3"), "minors": ("S3",), "hate": ("H", "H2"), "violence": ("V", "V2", "H2"),
    "harassment": ("HR",), "self_harm": ("SH",),
}  # fmt: skip
# CLINC's intents that belong to a bank, or to any conversation.
CLINC_IN_SCOPE = frozenset({
    "transfer", "transactions", "balance", "freeze_account", "pay_bill", "bill_balance", "bill_due",
    "interest_rate", "routing", "min_payment", "order_checks", "pin_change", "report_fraud", "account_blocked",
    "spending_history", "credit_score", "report_lost_card", "credit_limit", "rewards_balance", "new_card",
    "application_status", "card_declined", "international_fees", "apr", "redeem_rewards", "credit_limit_change",
    "damaged_card", "replacement_card_duration", "improve_credit_score", "expiration_date", "taxes",
    "exchange_rate", "rollover_401k", "insurance", "insurance_change", "direct_deposit", "income", "greeting",
    "goodbye", "thank_you", "yes", "no", "maybe", "repeat", "what_can_i_ask_you", "are_you_a_bot",
    "what_is_your_name", "cancel", "w2",
})  # fmt: skip


class CorpusError(ModerationError):
    """A data set that is not where it should be."""


@dataclass(frozen=True)
class Example:
    """`labels`: category to 0 or 1; a category that is absent is unknown. `kind` is the finer source for reports."""

    text: str
    source: str
    kind: str
    group: str
    labels: Mapping[str, int]
    weight: float = 1.0

    @property
    def fold(self) -> int:
        return zlib.crc32(self.group.encode()) % FOLDS


def examples(folder: Path, seed: int = 0) -> list[Example]:
    """Every training row, in a fixed order."""
    found = [*_own(seed)]
    found += _disguised(found)
    for read in (_injection, _hatecheck, _openai, _tweets, _banking, _clinc):
        found += read(folder)
    return found


def _rows(folder: Path, name: str) -> list[dict[str, Any]]:
    path = folder / name
    if not path.exists():
        raise CorpusError(f"{path} is missing; give --data the folder that holds the data sets (see docs/model-cards)")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _injection(folder: Path) -> Iterator[Example]:
    rows = _rows(folder, "injection.jsonl")
    groups = _near_duplicates([row["text"] for row in rows], 0.5)
    contextual = {row["text"].strip() for row in rows if row["source"].rsplit("/", 1)[-1] in CONTEXTUAL}
    for row, group in zip(rows, groups, strict=True):
        source = row["source"]
        kind = "BIPIA in context" if row["text"].strip() in contextual else source.removeprefix("InjecGuard/valid/")
        labels: dict[str, int] = {} if kind == "BIPIA in context" else {"injection": row["label"]}
        if kind in ("WildGuard benign", "WildGuard") or kind.startswith("NotInject"):
            labels |= HARMLESS
        yield Example(row["text"], "injection", kind.split("/")[0], f"injection {group}", labels)


def _hatecheck(folder: Path) -> Iterator[Example]:
    rows = _rows(folder, "hatecheck_half.jsonl")
    keys = [" ".join(w for w in classes(unmasked(plain(r["text"]))) if w not in ("§identity", "§slur")) for r in rows]
    base = {key for key, row in zip(keys, rows, strict=True) if not row["functionality"].startswith("spell")}
    shingled = [(key, _shingles(key)) for key in sorted(base)]
    for row, key in zip(rows, keys, strict=True):
        kind = row["functionality"]
        if kind.startswith("spell") and key not in base:  # join the template it is a misspelling of
            mine = _shingles(key)
            score, nearest = max((_overlap(mine, theirs), other) for other, theirs in shingled)
            key = nearest if score > 0.35 else key
        hateful = int(row["label"] == "hateful")
        labels = {"hate": hateful, "injection": 0}
        if kind in ("threat_dir_h", "threat_norm_h"):
            labels["violence"] = 1
        elif not hateful and not kind.startswith("target"):
            labels |= {"violence": 0, "harassment": 0, "self_harm": 0, "minors": 0}
        yield Example(row["text"], "hatecheck", kind, f"hatecheck {key}", labels, 1.0 if hateful else 3.0)


def _openai(folder: Path) -> Iterator[Example]:
    for row in _rows(folder, "moderation_categories.jsonl"):
        labels = {"injection": 0}
        for category, columns in _OPENAI.items():
            given = [row[column] for column in columns if row.get(column) is not None]
            if given:
                labels[category] = max(given)
        kind = "flagged" if any(v for c, v in labels.items() if c != "injection") else "clean"
        yield Example(row["prompt"], "openai", kind, f"openai {row['prompt'][:80]}", labels)


def _tweets(folder: Path) -> Iterator[Example]:
    """A sample; its `offensive` rows are mostly slang and profanity, its hate labels noisy: both weigh less."""
    by_label: dict[str, list[str]] = defaultdict(list)
    for row in _rows(folder, "hate_offensive.jsonl"):
        by_label[row["label"]].append(row["text"])
    for label, weight in (("hate", 0.25), ("offensive", 0.1), ("neither", 0.5)):
        for text in by_label[label][:1500]:
            labels = {"hate": int(label == "hate")}
            if label == "neither":
                labels |= {"harassment": 0, "self_harm": 0, "minors": 0, "sexual": 0}
            yield Example(text, "tweets", label, f"tweets {text}", labels, weight)


def _banking(folder: Path) -> Iterator[Example]:
    labels = {**HARMLESS, "out_of_scope": 0, "promissory": 0, "forward_looking": 0, "personal_advice": 0, "unbalanced": 0}
    for row in _rows(folder, "intents_banking.jsonl"):
        yield Example(row["text"], "banking", row["label"], f"banking {row['text'].lower()}", labels)


def _clinc(folder: Path) -> Iterator[Example]:
    for row in _rows(folder, "intents_clinc.jsonl"):
        labels = {**HARMLESS, "out_of_scope": int(row["label"] not in CLINC_IN_SCOPE), "promissory": 0, "unbalanced": 0}
        yield Example(row["text"], "clinc", row["label"], f"clinc {row['text'].lower()}", labels)


def _own(seed: int) -> Iterator[Example]:
    """Sentences made from our own patterns; the group is the pattern."""
    phrases = yaml.safe_load(PHRASES_PATH.read_text(encoding="utf-8"))
    draw = random.Random(seed)  # noqa: S311 - sampling, not secrecy
    for family in phrases["families"]:
        attacks = [category for category, label in family["labels"].items() if label]
        labels = dict(family["labels"])
        if attacks:  # what is not said about an attack on another rail stays unknown within its own
            rails = {"toxicity": TOXIC, "advice": ADVICE, "injection": ("injection",)}
            mine = {c for kinds in rails.values() if set(attacks) & set(kinds) for c in kinds}
            labels = {c: 0 for kinds in rails.values() for c in kinds if c not in mine} | labels
        else:
            labels = dict.fromkeys((*TOXIC, *ADVICE, "injection"), 0) | labels
        seen: set[str] = set()
        for number in range(family["count"]):
            pattern = family["patterns"][number % len(family["patterns"])]
            text = _filled(pattern, phrases["slots"], draw)
            if text not in seen:
                seen.add(text)
                yield Example(text, "own", "+".join(attacks) or "harmless", f"own {pattern}", labels)


def _disguised(own: Sequence[Example]) -> Iterator[Example]:
    """Some of our harmless sentences in code: what nobody can read is no attack for that alone."""
    harmless = [row for row in own if row.kind == "harmless" and row.labels.get("injection") == 0 and row.text.isascii()]
    ways: Sequence[Callable[[str], str]] = (
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: f"Here is a note: {base64.b64encode(text.encode()).decode()}",
        lambda text: text.encode().hex(),
        lambda text: codecs.encode(text, "rot13"),
        lambda text: text[::-1],
        lambda text: "  ".join(" ".join(word) for word in text.split()),
        lambda text: text.lower().translate(str.maketrans("oieast", "013457")),
        lambda text: " ".join(f"{byte:08b}" for byte in text.encode()),
    )
    for number, row in enumerate(harmless[::25]):
        yield Example(ways[number % len(ways)](row.text), "own", "disguised", row.group, {"injection": 0})


def _filled(pattern: str, slots: Mapping[str, Sequence[str]], draw: random.Random) -> str:
    text = pattern
    for name, choices in slots.items():
        while f"{{{name}}}" in text:
            text = text.replace(f"{{{name}}}", str(draw.choice(list(choices))), 1)
    text = " ".join(text.split())
    return text if draw.random() < 0.8 else text.lower().rstrip(".?!")


def _near_duplicates(texts: Sequence[str], threshold: float) -> list[int]:
    """The number of each text's cluster: texts that share more than `threshold` of their letter trigrams."""
    sets = [_shingles(plain(text)[:400]) for text in texts]
    cluster = list(range(len(texts)))

    def root(at: int) -> int:
        while cluster[at] != at:
            at = cluster[at]
        return at

    for right in range(len(texts)):
        for left in range(right):
            if _overlap(sets[left], sets[right]) >= threshold:
                cluster[root(right)] = root(left)
    return [root(at) for at in range(len(texts))]


def _shingles(text: str) -> frozenset[str]:
    return frozenset(text[at : at + 3] for at in range(max(1, len(text) - 2)))


def _overlap(left: frozenset[str], right: frozenset[str]) -> float:
    return len(left & right) / max(1, len(left | right))
