"""Fits and measures the groundedness rail on contradictions made from real sentences. Prints weights and figures.

    python -m benchmarks.groundedness CHUNKS.jsonl [--fit]

CHUNKS is a library's chunks.jsonl. From each sentence with a figure or a direction come faithful forms (the sentence,
shortened, reworded lightly or freely, its amounts rewritten) and contradictions (another figure, a year off by one,
another scale, denied, turned round, another name, another passage's sentence). Sentences are halved by their SHA-256:
even to fit, odd to measure.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from moderation.grounding import opposites, weighing
from moderation.grounding.sentence import prepared

_TURNS = {
    "increased": "decreased", "decreased": "increased", "increase": "decrease", "decrease": "increase", "higher": "lower",
    "lower": "higher", "rose": "fell", "declined": "grew", "decline": "growth", "growth": "decline", "may": "must",
    "must": "may", "before": "after", "after": "before", "gain": "loss", "loss": "gain", "include": "exclude",
    "includes": "excludes", "including": "excluding", "minimum": "maximum", "maximum": "minimum", "assets": "liabilities",
}  # fmt: skip
_SYNONYMS = {
    "increased": "rose", "decreased": "fell", "approximately": "about", "however": "but", "primarily": "mainly",
    "additional": "further", "such as": "like", "in order to": "to", "due to": "because of", "obtain": "get",
    "regarding": "about", "purchase": "buy", "prior to": "before", "subsequent to": "after", "customers": "clients",
}  # fmt: skip
_VERB = re.compile(r"\b(?:is|are|was|were|will|has|have|had|can|may|do|does|did)\b")
_NUMBER = re.compile(r"(?<![\w.,-])\d[\d,]*(?:\.\d+)?(?![\w,]|\.\d)")


def halves(path: Path) -> Iterator[tuple[int, str, str]]:
    """(half, passage, sentence) for sentences that say something checkable."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for row in rows:
        text = f"{row.get('header', '')}\n{row['text']}"
        for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z])|\n+", row["text"]):
            words = sentence.split()
            if 8 <= len(words) <= 45 and sentence.endswith(".") and _VERB.search(sentence):
                yield hashlib.sha256(sentence.encode()).digest()[0] % 2, text, sentence


def faithful(sentence: str, draw: random.Random) -> Iterator[tuple[str, str]]:
    yield "verbatim", sentence
    reworded = sentence
    for old, new in _SYNONYMS.items():
        reworded = re.sub(rf"\b{old}\b", new, reworded)
    if reworded != sentence:
        yield "reworded", reworded
    if (cut := sentence.find(", ", len(sentence) // 2)) > 0:
        yield "shortened", sentence[:cut] + "."
    millions = re.search(r"\$(\d),(\d{3}) million", sentence)
    if millions:
        yield "amount rewritten", sentence.replace(millions[0], f"${millions[1]}.{millions[2]} billion")
    words = sentence.rstrip(".").split()
    at = draw.randrange(len(words))
    if not re.search(r"\d", words[at]) and not opposites.NEGATION.search(words[at]) and words[at].islower():
        yield "a word left out", " ".join([*words[:at], *words[at + 1 :]]) + "."
    yield "freely reworded", _freely(sentence, draw)
    yield "introduced", f"According to the report, {sentence[0].lower()}{sentence[1:]}"


def _freely(sentence: str, draw: random.Random) -> str:
    """A third of the ordinary words replaced by words that the sentence does not have, clauses in another order."""
    words = []
    for word in sentence.rstrip(".").split():
        ordinary = word.islower() and word.isalpha() and len(word) > 4 and not opposites.NEGATION.search(word)
        turns = any(side.search(word) for pair in opposites.OPPOSITES for side in pair)
        words.append(word[::-1] if ordinary and not turns and draw.random() < 0.35 else word)
    clauses = " ".join(words).split(", ")
    if len(clauses) == 2:
        clauses.reverse()
    return ", ".join(clauses) + "."


def contradicted(sentence: str, passage: str, others: list[str], draw: random.Random) -> Iterator[tuple[str, str]]:
    numbers = [m for m in _NUMBER.finditer(sentence) if not re.fullmatch(r"(?:19|20)\d\d", m.group())]
    if numbers:
        one = draw.choice(numbers)
        digits = list(one.group())
        at = draw.choice([i for i, c in enumerate(digits) if c.isdigit()])
        digits[at] = str((int(digits[at]) + draw.randrange(1, 9)) % 10)
        yield "figure changed", sentence[: one.start()] + "".join(digits) + sentence[one.end() :]
        around = [n for n in _NUMBER.findall(passage) if n != one.group() and len(n) > 1]
        if around:
            yield "figure from elsewhere", sentence[: one.start()] + draw.choice(around) + sentence[one.end() :]
    if year := re.search(r"\b(20[012]\d)\b", sentence):
        yield "year off by one", sentence.replace(year[0], str(int(year[0]) + draw.choice((-1, 1))), 1)
    for old, new in (("million", "billion"), ("billion", "million")):
        if re.search(rf"\d {old}\b", sentence):
            yield "scale changed", re.sub(rf"(\d) {old}\b", rf"\1 {new}", sentence, count=1)
            break
    if opposites.NEGATION.search(sentence):
        undone = re.sub(r"\b(?:not|never)\s", "", sentence, count=1)
        if undone != sentence:
            yield "denial removed", undone
    elif verb := _VERB.search(sentence):
        yield "denied", f"{sentence[: verb.end()]} not{sentence[verb.end() :]}"
    turns = [word for word in _TURNS if re.search(rf"\b{word}\b", sentence)]
    if turns:
        word = draw.choice(turns)
        yield "turned round", re.sub(rf"\b{word}\b", _TURNS[word], sentence, count=1)
    known = list(re.finditer(r"(?<=[a-z] )[A-Z][a-z]{3,}\b", sentence))
    if known:
        one = draw.choice(known)
        yield (
            "name changed",
            sentence[: one.start()] + draw.choice(("Nordhaven", "Castellan", "Brightwater")) + sentence[one.end() :],
        )
    yield "another passage's", draw.choice(others)


def made(path: Path, half: int, most: int) -> Iterator[tuple[str, bool, str, str]]:
    """(kind, supported, claim, passage)"""
    draw = random.Random(7 + half)
    rows = [(passage, sentence) for h, passage, sentence in halves(path) if h == half]
    draw.shuffle(rows)
    sentences = [sentence for _, sentence in rows]
    for passage, sentence in rows[:most]:
        for kind, claim in faithful(sentence, draw):
            yield kind, True, claim, passage
        for kind, claim in contradicted(sentence, passage, sentences, draw):
            if claim != sentence and claim not in passage:
                yield kind, False, claim, passage


def fitted(rows: list[tuple[str, bool, str, str]]) -> tuple[np.ndarray, float]:
    """Logistic weights by Newton's method; each claim by the unit that the weights so far think best."""
    weights = np.array([*weighing.WEIGHTS, weighing.BIAS])
    units = [
        np.array(list(weighing.compared(weighing.read_claim(c), prepared(p))) or [(0.0,) * len(weighing.FEATURES)])
        for _, _, c, p in rows
    ]
    y = np.array([float(supported) for _, supported, _, _ in rows])
    balance = np.where(y > 0, 0.5 / y.mean(), 0.5 / (1 - y.mean()))
    for _ in range(4):
        x = np.stack([np.append(u[np.argmax(u @ weights[:-1])], 1.0) for u in units])
        for _ in range(12):
            p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
            slope = x.T @ (balance * (y - p)) - 0.5 * np.append(weights[:-1], 0.0)
            bend = (x * (balance * p * (1 - p))[:, None]).T @ x + 0.5 * np.eye(len(weights))
            weights = weights + np.linalg.solve(bend, slope)
    return weights[:-1], float(weights[-1])


def report(name: str, rows: list[tuple[str, bool, str, str]]) -> None:
    by_kind: dict[tuple[bool, str], list[float]] = defaultdict(list)
    for kind, supported, claim, passage in rows:
        by_kind[supported, kind].append(1.0 - weighing.weigh(claim, [passage]).probability)
    for supported, title in ((False, "contradictions caught"), (True, "faithful sentences stopped")):
        every = [p for (s, _), found in by_kind.items() if s == supported for p in found]
        print(f"{name}: {title}: {np.mean(np.array(every) >= 0.5):.3f} of {len(every)}")
        for (s, kind), found in sorted(by_kind.items()):
            if s == supported:
                print(f"    {kind}: {np.mean(np.array(found) >= 0.5):.3f} of {len(found)}")
    pairs = [(p, not s) for (s, _), found in by_kind.items() for p in found]
    bins = np.linspace(0, 1, 6)
    for low, high in pairwise(bins):
        inside = [wrong for p, wrong in pairs if low <= p < high or (high == 1.0 and p == 1.0)]
        if inside:
            print(f"    said {low:.1f}-{high:.1f} unsupported: {np.mean(inside):.2f} were, of {len(inside)}")


def main() -> None:
    path = Path(sys.argv[1])
    if "--fit" in sys.argv:
        weights, bias = fitted(list(made(path, 0, 700)))
        weighing.WEIGHTS, weighing.BIAS = tuple(round(float(w), 3) for w in weights), round(bias, 3)
        print("WEIGHTS", weighing.WEIGHTS, "BIAS", weighing.BIAS)
    report("even, fitted", list(made(path, 0, 700)))
    report("odd, held out", list(made(path, 1, 700)))


if __name__ == "__main__":
    main()
