"""A deterministic embedder and small corpora; the real encoder where the light models are present."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from retrieval.index.tokens import tokens
from retrieval.library import Library
from retrieval.types import Embed, Vectors

STAFF = frozenset({"staff"})
PUBLIC = frozenset({"public"})
SAMPLES = Path(__file__).parents[2] / "samples"


class HashingEmbedder:
    """Bags of hashed words as unit vectors: texts that share words are near. Counts what it was asked for."""

    def __init__(self, dimension: int = 256, salt: str = "") -> None:
        self.dimension = dimension
        self.salt = salt
        self.seen: list[str] = []

    def __call__(self, texts: Sequence[str], /) -> Vectors:
        self.seen += texts
        rows = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[0] = 0.01
            for word in tokens(text):
                digest = hashlib.blake2b((self.salt + word).encode(), digest_size=8).digest()
                row[int.from_bytes(digest[:4]) % self.dimension] += 1 if digest[4] % 2 else -1
            row /= np.linalg.norm(row)
        return rows


@pytest.fixture
def embedder() -> HashingEmbedder:
    return HashingEmbedder()


@pytest.fixture
def library(tmp_path: Path, embedder: HashingEmbedder) -> Library:
    return Library.open(tmp_path / "library", embedder)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    def write(name: str, text: str) -> Path:
        path = tmp_path / "documents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def encoder() -> Embed:
    """all-MiniLM-L6-v2, or a skip that says what is missing."""
    from inference.encoder import SentenceEncoder
    from inference.errors import InferenceError
    from inference.store.model_store import ModelStore

    try:
        path = ModelStore().path("all-minilm-l6-v2")
    except InferenceError as error:
        pytest.skip(f"the sentence encoder is not there: {error}")
    return SentenceEncoder.load(path).embed
