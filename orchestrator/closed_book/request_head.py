"""A learned head that says what kind of request a message is, where its form alone does not tell.

A softmax over hashed features of four groups: words, shapes (words that name nothing stay, all others become a sign of what
they are), groups of letters, and signs that all languages share. benchmarks/train_request_head.py makes the weights and
their card. Invariant: without an embedding the probabilities depend on the message outside the caller's text, on the forms
and on the shipped weights alone.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from orchestrator.closed_book.general_notions import has_notion, is_known, masked, only_general
from orchestrator.closed_book.language_work import parts
from orchestrator.closed_book.ordinary_words import ordinary
from orchestrator.closed_book.request_forms import Forms, bare

KINDS: Final = ("factual", "concept", "language_task", "small_talk")
BUCKETS = 1 << 14
GROUPS = ("words", "shapes", "letters", "signs")
_GIVEN = "\u25a0"
_WORD = re.compile(r"\u25a1|\u25a0|\d+|[^\W\d_]+|[?%€$£]")
_QUOTED = re.compile(r'"[^"]+"|```.+?```', re.S)
_AFTER = re.compile(r":\s+|\n+")
_SHORTEST_TEXT = 3  # words after a colon or a line's end that may be a text of the caller
_LONGEST = 60  # words of a message outside the text given
_LIKELY_WORD = 0.5  # docs/model-cards/closed-book.md
_SIGNS = tuple(
    "cue weak_cue question service indefinite everyday definite specific relation own time asks"  # noqa: SIM905
    " leads strong task verbs given history injects compose letter essay about stated".split()
)


@dataclass(frozen=True)
class Outside:
    """What stands in a message outside the text given, and that text, empty where none is; sure: it is marked as one."""

    words: str
    text: str = ""
    sure: bool = True

    @property
    def given(self) -> bool:
        return bool(self.text)


def outside(message: str, languages: tuple[Forms, ...]) -> list[Outside]:
    """The ways to read a message: without the text that is quoted or plainly worked on, without what follows a colon or the
    first line, and whole."""
    for each in languages:
        if (divided := parts(message, each)).text:
            return [Outside(divided.work, divided.text)]
    found = _AFTER.search(message)
    tail = message[found.end() :] if found else ""
    whole = [Outside(bare(message))]
    if found and len(tail.split()) >= _SHORTEST_TEXT and "?" not in tail:
        return [Outside(bare(message[: found.start()]), tail, sure=False), *whole]
    return whole


def features(request: Outside, languages: tuple[Forms, ...]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The buckets of a request's features and their values: every group has length one. int64[n], float32[n]."""
    indices, values = [], []
    for group, found in _groups(request, languages).items():
        buckets = sorted({zlib.crc32(f"{group}:{one}".encode()) % BUCKETS for one in found})
        if not buckets:
            continue
        indices += buckets
        values += [1 / np.sqrt(len(buckets))] * len(buckets)
    return np.array(indices, np.int64), np.array(values, np.float32)


def _groups(request: Outside, languages: tuple[Forms, ...]) -> Mapping[str, set[str]]:
    text = f"{request.words} {_GIVEN}" if request.given else request.words
    words = [word.casefold() for word in _WORD.findall(text)][:_LONGEST]
    shape = ["^", *list(_shape(text, languages))[:_LONGEST], "$"]
    letters = {f"^{word}$"[at : at + n] for word in words for n in (3, 4, 5) for at in range(max(1, len(word) + 3 - n))}
    return {
        "words": {*words, *map(" ".join, pairwise(words)), f"^{' '.join(words[:1])}",
                  f"^{' '.join(words[:2])}", f"^{' '.join(words[:3])}"},
        "shapes": {" ".join(shape[at : at + n]) for n in (1, 2, 3, 4) for at in range(len(shape) - n + 1)},
        "letters": letters,
        "signs": set(_signs(request, text, len(words), languages)),
    }  # fmt: skip


def _shape(text: str, languages: tuple[Forms, ...]) -> Iterator[str]:
    """The words of a request that name nothing, and signs in the place of all others."""
    for word in _WORD.findall(masked(text)):
        folded = word.casefold()
        if word == _GIVEN or not word[0].isalpha():
            yield "0" if word[0].isdigit() else word
            continue
        key = next((key for key in ("own", "time", "service", "specific", "relation") if _is(folded, key, languages)), None)
        if key:
            yield f"<{key}>"
        elif _is(folded, "small", languages) or _is(folded, "neutral", languages) or _is(folded, "definite", languages):
            yield folded
        elif is_known(word):
            yield "\u25a1"
        else:
            yield "w" if word.islower() or ordinary(word) > _LIKELY_WORD else "N"


def _is(word: str, key: str, languages: tuple[Forms, ...]) -> bool:
    return any(each.words[key].fullmatch(word) for each in languages)


def _signs(request: Outside, text: str, length: int, languages: tuple[Forms, ...]) -> Iterator[str]:
    for key in _SIGNS:
        count = max(sum(1 for _ in each.words[key].finditer(text)) for each in languages)
        yield from (key,) if count else (f"no {key}",)
        if count > 1:
            yield f"{key} often"
        if any(each.words[key].match(variant) for each in languages for variant in each.variants(text)[:6]):
            yield f"{key} first"
    yield f"length {min(length, 40).bit_length()}"
    yield "given" if request.given else "nothing given"
    if has_notion(request.words):
        yield "a notion"
    if any(only_general(request.words, each) for each in languages):
        yield "notions only"
    if re.search(r"\d", request.words):
        yield "a figure"


@dataclass(frozen=True)
class Weights:
    """hashed: float32[BUCKETS, kinds]; embedded: float32[384, kinds], all 0 in the head for requests without an embedding;
    bias: float32[kinds]."""

    hashed: NDArray[np.float32]
    embedded: NDArray[np.float32]
    bias: NDArray[np.float32]


@cache
def _weights(head: str) -> Weights:
    tensors = load(files("orchestrator").joinpath("data/request_head.safetensors").read_bytes())
    hashed = tensors[f"{head}.hashed"].astype(np.float32) * tensors[f"{head}.scale"]
    return Weights(hashed, tensors[f"{head}.embedded"].astype(np.float32), tensors[f"{head}.bias"])


def kinds(
    request: Outside, languages: tuple[Forms, ...], embedding: NDArray[np.float32] | None = None
) -> Mapping[str, float]:
    """The probability of every kind of request. embedding: float32[384], unit length, of the whole message; it is read
    where the request is English and gives no text."""
    seen = embedding is not None and not request.given and [each.language for each in languages] == ["en"]
    weights = _weights("english" if seen else "any")
    indices, values = features(request, languages)
    logits = values @ weights.hashed[indices] + weights.bias
    if seen and embedding is not None:
        logits = logits + embedding @ weights.embedded
    return dict(zip(KINDS, softmax(logits).tolist(), strict=True))


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32[..., k] to probabilities along the last axis."""
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=-1, keepdims=True), np.float32)
