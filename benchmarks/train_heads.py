"""Train the moderation heads with the shipped sentence encoder, and write their model card.

    python benchmarks/train_heads.py --data DIR

Embeddings are cached beside the other build output (var/heads), so that a second run trains in minutes. The plots need
matplotlib (the extra `plots`); without it the card is written and has none.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the rooms, before scripts of the same names here

import numpy as np
import pypdfium2
from numpy.typing import NDArray
from rich.progress import track

from inference.encoder import SentenceEncoder
from inference.store.model_store import ModelStore
from moderation.heads.head import HEADS_PATH
from moderation.training.fit import Table, Trained, train
from moderation.training.model_card import write_card

ROOT = Path(__file__).parent.parent
CARD = ROOT / "docs" / "model-cards" / "moderation-heads.md"
BATCH = 512


class CachedEncoder:
    """The sentence encoder behind a file of vectors by the text's SHA-256."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._encoder = SentenceEncoder.load(ModelStore().path("all-minilm-l6-v2"), quantised=False)
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


def sentences(paths: Sequence[Path], pages: int = 1) -> list[str]:
    """Sentences of 40 to 400 characters, mostly letters; of a PDF every so many pages."""
    found: dict[str, None] = {}
    for path in paths:
        for text in _texts(path, pages):
            for one in re.split(r"(?<=[.!?])\s+", " ".join(text.split())):
                if 40 < len(one) < 400 and sum(c.isalpha() for c in one) > 0.6 * len(one):
                    found[one] = None
    return list(found)


def _texts(path: Path, pages: int) -> list[str]:
    if path.suffix == ".pdf":
        document = pypdfium2.PdfDocument(path)
        return [document[at].get_textpage().get_text_range() for at in range(0, len(document), pages)]
    text = path.read_text(encoding="utf-8")
    return [re.sub(r"[#*|>-]+ ", " ", block) for block in re.split(r"\n\s*\n", re.sub(r"<[^>]+>", " ", text))]


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
    documents = {
        "the sample documents": sentences(sorted((ROOT / "samples" / "documents").glob("*.*"))),
        "filings of five companies, every fourth page": sentences(sorted((chosen.data / "finance_rag").glob("*.pdf")), 4),
    }
    write_card(chosen.card, table, trained, chosen.out, embed, documents, drawn(chosen.card.parent, table, trained))


def drawn(folder: Path, table: Table, trained: Sequence[Trained]) -> Sequence[str]:
    """The names of the plots, or none where matplotlib is not installed."""
    try:
        from benchmarks.head_plots import draw
    except ModuleNotFoundError as missing:
        if missing.name != "matplotlib":
            raise
        print("no plots: matplotlib is not installed; install the extra 'plots'", file=sys.stderr)
        return ()
    return draw(folder, table, trained)


if __name__ == "__main__":
    main()
