"""Train the moderation heads with the shipped sentence encoder, and write their model card.

    python benchmarks/train_heads.py --data DIR

Embeddings are cached beside the other build output (var/heads), so that a second run trains in minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the rooms, before scripts of the same names here

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from inference.encoder import SentenceEncoder
from inference.store import ModelStore
from moderation.head import HEADS_PATH
from moderation.modelcard import write_card
from moderation.train import train

CARD = Path(__file__).parent.parent / "docs" / "model-cards" / "moderation-heads.md"
BATCH = 512


class CachedEncoder:
    """The sentence encoder behind a file of vectors by the text's SHA-256."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._encoder = SentenceEncoder.load(ModelStore().path("all-minilm-l6-v2"))
        self._known: dict[str, NDArray[np.float32]] = {}
        if path.exists():
            with np.load(path) as file:
                self._known = dict(zip(file["digests"].tolist(), file["vectors"], strict=True))

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        keys = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        missing = sorted({k: t for k, t in zip(keys, texts, strict=True) if k not in self._known}.items(),
                         key=lambda item: len(item[1]))  # fmt: skip
        for at in track(range(0, len(missing), BATCH), "embeddings") if missing else ():
            batch = missing[at : at + BATCH]
            vectors = self._encoder.embed([text for _, text in batch])
            self._known |= {key: vector for (key, _), vector in zip(batch, vectors, strict=True)}
        if missing:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(self._path, digests=np.array(list(self._known)), vectors=np.stack(list(self._known.values())))
        return np.stack([self._known[key] for key in keys])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("COUNTERSIGN_DATA", "../shared/data"))
    options.add_argument("--data", type=Path, default=data, help="the folder of the data sets")
    options.add_argument("--cache", type=Path, default=Path("var/heads/embeddings.npz"))
    options.add_argument("--out", type=Path, default=HEADS_PATH, help="where the weight files go")
    options.add_argument("--card", type=Path, default=CARD)
    chosen = options.parse_args()
    embed = CachedEncoder(chosen.cache)
    table, trained = train(chosen.data, embed, chosen.out)
    write_card(chosen.card, table, trained, chosen.out)


if __name__ == "__main__":
    main()
