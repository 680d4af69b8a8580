"""The trained heads: one small linear model a rail, over the sentence embedding and the lexical features.

Invariant: a probability here is calibrated (the training script folded the calibration into the weights) and
depends on the text, its embedding and the shipped weight files alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from moderation.heads.features import BUCKETS, VERSION, contributions, lexical
from moderation.text.offsets import OffsetText
from moderation.text.variants import window_places, windows
from moderation.types import ModerationError

HEADS_PATH = Path(__file__).parent
DIMENSION = 384
_MOST_PLACES = 5  # words that an explanation names
_LEAST_SHARE = 0.06  # of all that speaks for the category, to be named at all

Lexical = tuple[NDArray[np.int32], NDArray[np.float32]]


class HeadError(ModerationError):
    """A weight file or an embedding that does not fit."""


@dataclass(frozen=True)
class Moved:
    """places: of words in the text as given; meaning and wording: what embedding and words added to the logit."""

    places: tuple[tuple[int, int], ...]
    meaning: float
    wording: float


@dataclass(frozen=True)
class Head:
    """A rail's weights: embedding float32[k, 384], words float32[k, BUCKETS], bias float32[k]."""

    categories: tuple[str, ...]
    embedding: NDArray[np.float32]
    words: NDArray[np.float32]
    bias: NDArray[np.float32]

    def probabilities(
        self, embedding: NDArray[np.float32], parts: Sequence[Lexical], most: float = np.inf
    ) -> dict[str, float]:
        """Each category's probability for a text, by its worst window. most: log-odds that its meaning may add."""
        words = np.stack([self.words[:, buckets] @ values for buckets, values in parts]).max(axis=0)
        logits = np.minimum(self.embedding @ embedding, most) + words + self.bias
        chances = 1.0 / (1.0 + np.exp(-np.clip(logits, -30.0, 30.0)))
        return {category: float(chance) for category, chance in zip(self.categories, chances, strict=True)}

    def moved_by(self, category: str, embedding: NDArray[np.float32], text: OffsetText, parts: Sequence[Lexical]) -> Moved:
        """What spoke for a category: the words of the worst window that added most, and what the whole added."""
        row = self.categories.index(category)
        weights = self.words[row]
        worst = int(np.argmax([weights[buckets] @ values for buckets, values in parts]))
        begin, end = window_places(len(text.text))[worst]
        window = OffsetText(text.text[begin:end], text.starts[begin:end], text.ends[begin:end])
        shares = contributions(window, weights)
        least = _LEAST_SHARE * sum(share for share in shares.values() if share > 0)
        strongest = sorted(shares, key=lambda place: -shares[place])[:_MOST_PLACES]
        places = tuple(sorted(place for place in strongest if shares[place] > max(least, 0.0)))
        return Moved(places, float(self.embedding[row] @ embedding), float(sum(shares.values())))


@dataclass(frozen=True)
class Heads:
    """All heads; `digest` (SHA-256 over the files) goes into the record beside the policy's."""

    heads: Mapping[str, Head]
    digest: str

    @classmethod
    def load(cls, folder: Path = HEADS_PATH) -> Heads:
        """Read every *.safetensors in `folder`. Raises HeadError if there is none or one does not fit."""
        paths = sorted(folder.glob("*.safetensors"))
        if not paths:
            raise HeadError(f"{folder}: no weight files; train them with benchmarks/train_heads.py")
        whole = hashlib.sha256()
        for path in paths:
            whole.update(path.name.encode() + b"\0" + path.read_bytes())
        return cls({path.stem: _read(path) for path in paths}, whole.hexdigest())

    def probabilities(
        self, rail: str, embedding: NDArray[np.float32], parts: Sequence[Lexical], most: float = np.inf
    ) -> dict[str, float]:
        """Each category's probability; empty for a rail that has no head. most: log-odds that the text's meaning may add."""
        if embedding.shape != (DIMENSION,):
            raise HeadError(f"the embedding has shape {embedding.shape}; the heads need ({DIMENSION},)")
        head = self.heads.get(rail)
        return head.probabilities(embedding, parts, most) if head is not None else {}

    def moved_by(
        self, rail: str, category: str, embedding: NDArray[np.float32], text: OffsetText, parts: Sequence[Lexical]
    ) -> Moved:
        """What spoke for a category that the rail's head scores."""
        return self.heads[rail].moved_by(category, embedding, text, parts)


def lexical_parts(text: str) -> list[Lexical]:
    """The lexical features of each window of a text."""
    return [lexical(window) for window in windows(text)]


def _read(path: Path) -> Head:
    with safe_open(str(path), framework="numpy") as file:
        about = file.metadata() or {}
        tensors = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}  # noqa: SIM118
    if about.get("features") != str(VERSION):
        raise HeadError(
            f"{path.name}: trained on features version {about.get('features')}, this build has {VERSION}; "
            "train the heads again with benchmarks/train_heads.py"
        )
    categories = tuple(about["categories"].split(","))
    head = Head(categories, tensors["embedding"], tensors["words"], tensors["bias"])
    kinds = len(head.categories)
    if head.embedding.shape != (kinds, DIMENSION) or head.words.shape != (kinds, BUCKETS):
        raise HeadError(f"{path.name}: its weights have the wrong shape {head.words.shape}")
    return head
