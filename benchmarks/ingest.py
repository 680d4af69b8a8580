"""How many pages a second an ingest reads, and in how much memory, beside the least that could be called one.

    python benchmarks/ingest.py                    # 400 pages made here, some minutes
    python benchmarks/ingest.py --documents DIR    # your PDFs instead
    python benchmarks/ingest.py --encoder mpnet --workers 4
    python benchmarks/ingest.py --times 10 --only several  # is memory flat? Ten times the pages
    python benchmarks/ingest.py --json

*plain* takes the text of each page with pypdfium2, cuts it every 150 words and embeds the pieces with the same encoder, 64
at a time by length: no tables, no sections, no graph, no words to search, nothing kept. *one* and *several* are the whole
ingest, read by one process and by several. Each side runs in a process of its own, in turns; *ratio* is its pages a second
over those of *plain*. Peak memory is of the process that embeds and keeps the library, and of the largest that reads.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the rooms, before scripts of the same names here

import numpy as np
import pypdfium2
from rich.console import Console
from rich.progress import track
from rich.table import Table

from inference.encoder import SentenceEncoder
from inference.store.model_store import ModelStore
from retrieval.index.cutting.apart import CuttersApart, default_workers
from retrieval.library import Library
from samples.make_pdf import Line, build

SIDES = ("plain", "one", "several")
MODELS = {"minilm": "all-minilm-l6-v2", "mpnet": "all-mpnet-base-v2"}
FILES, PAGES, PIECE, BATCH = 40, 10, 150, 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=Path)
    parser.add_argument("--encoder", choices=MODELS, default="minilm")
    parser.add_argument("--workers", type=int, default=default_workers())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=int, default=1, help=f"so many times {FILES * PAGES} pages are made")
    parser.add_argument("--only", choices=SIDES)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        print(json.dumps(measured(given.side, given.documents, MODELS[given.encoder], given.workers)))
        return
    with tempfile.TemporaryDirectory(prefix="countersign-") as folder:
        documents = given.documents or made(Path(folder), FILES * given.times)
        sides = [given.only] if given.only else list(SIDES)
        rounds = given.rounds if not given.only else 1
        runs: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
        console = Console(stderr=True)
        for turn in track([side for _ in range(rounds) for side in sides], "rounds", console=console):
            runs[turn].append(in_process_of_its_own(turn, documents, given.encoder, given.workers))
    figures = {side: {key: statistics.median(run[key] for run in own) for key in own[0]} for side, own in runs.items()}
    if given.json:
        print(json.dumps({"encoder": given.encoder, "workers": given.workers, "cores": os.cpu_count(), **figures}))
    else:
        Console().print(table(figures, given.workers))


def table(figures: dict[str, dict[str, float]], workers: int) -> Table:
    shown = Table(title=f"{figures[next(iter(figures))]['pages']:,.0f} pages, {workers} workers, {os.cpu_count()} cores")
    for column in ("", "pages/s", "ratio", "passages", "MiB that embeds", "MiB of a reader"):
        shown.add_column(column, justify="right")
    for side, own in figures.items():
        ratio = f"{own['rate'] / figures['plain']['rate']:.2f}" if "plain" in figures else "-"
        cells = (f"{own['rate']:.1f}", ratio, f"{own['passages']:,.0f}", f"{own['own']:,.0f}", f"{own['reader']:,.0f}")
        shown.add_row(side, *cells)
    return shown


def in_process_of_its_own(side: str, documents: Path, encoder: str, workers: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--side", side, "--documents", str(documents), "--encoder", encoder]
    done = subprocess.run([*command, "--workers", str(workers)], stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def measured(side: str, documents: Path, model: str, workers: int) -> dict[str, float]:
    """One side over all documents, the encoder's start left out. Memory in MiB."""
    encoder = SentenceEncoder.load(ModelStore().path(model))
    encoder.warm()
    began = time.perf_counter()
    if side == "plain":
        pages, passages = plain(sorted(documents.rglob("*.pdf")), encoder)
    else:
        workers = 1 if side == "one" else workers
        with tempfile.TemporaryDirectory(prefix="countersign-") as folder, CuttersApart(workers) as cut:
            report = Library.open(Path(folder), encoder.embed).ingest([documents], cut=cut)
        pages, passages = report.pages_read, report.chunks_embedded
    seconds = time.perf_counter() - began
    own, reader = (resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {"rate": pages / seconds, "pages": pages, "passages": passages, "own": own, "reader": reader}


def plain(files: Sequence[Path], encoder: SentenceEncoder) -> tuple[int, int]:
    pages, pieces = 0, []
    for file in files:
        with pypdfium2.PdfDocument(file) as document:
            for page in document:
                pages += 1
                words = page.get_textpage().get_text_bounded().split()
                pieces += [" ".join(words[start : start + PIECE]) for start in range(0, len(words), PIECE)]
    pieces = sorted(set(pieces), key=len, reverse=True)
    np.concatenate([encoder.embed(pieces[start : start + BATCH]) for start in range(0, len(pieces), BATCH)])
    return pages, len(pieces)


def made(folder: Path, files: int) -> Path:
    """PDFs of prose and tables, the same each time, no two passages alike."""
    draw = random.Random(0)
    words = sorted(set(re.findall(r"[a-z]{3,}", (ROOT / "samples/documents/glossary.md").read_text("utf-8"))))
    for number in range(files):
        pages = [list(_page(draw, words, f"{number}.{page}")) for page in range(PAGES)]
        (folder / f"report-{number:04}.pdf").write_bytes(build(pages, f"Report {number}"))
    return folder


def _page(draw: random.Random, words: Sequence[str], name: str) -> Iterator[Line]:
    """About 400 words: three paragraphs and a table, as a page of an annual report has."""

    def said(count: int) -> str:
        return " ".join(draw.choices(words, k=count))

    for part in range(3):
        yield "head", f"Section {name}.{part} {said(3)}"
        for _ in range(7):
            yield "text", f"{said(13).capitalize()} {draw.randint(1, 9_999)}."
    yield "head", f"Table {name} in EUR million"
    yield "row", "Item\t2025\t2024\t2023"
    for _ in range(12):
        yield "row", "\t".join([said(3).capitalize(), *(f"{draw.randint(1, 99_999):,}" for _ in range(3))])


if __name__ == "__main__":
    main()
