"""How often retrieval finds the right page, beside peers in the same run; how fast an ingest and a search are.

    python benchmarks/retrieval.py                         the sample documents, and finance_rag where it lies
    python benchmarks/retrieval.py --data DIR --json out.json
    python benchmarks/retrieval.py --encoder mpnet         with the larger search encoder
    python benchmarks/retrieval.py --scale 100000          search times at 1, 10, 50 and 100 % visibility, beside raw FAISS

A corpus is a folder of documents with a questions.jsonl; finance_rag's `evidence_pages` count from 0, ours from 1. A
question counts as found where one of its pages (*any*), or each of them (*all*), is among the first 5 or 10 passages of one
search; the intervals are 95 % bootstrap intervals over questions. Peers: bm25s alone, and LlamaIndex's default with the same
encoder (`pip install llama-index-core`, development only). What becomes of passages is measured by benchmarks/answers.py.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME))

import numpy as np
from rich.console import Console
from rich.progress import Progress, track
from rich.table import Table

from benchmarks.retrieval_peers import bm25s_alone, llama_index
from benchmarks.retrieval_scale import search_times
from retrieval.library import Library, Lists
from retrieval.types import Embed

ACCESS = frozenset({"benchmark"})
LISTS: tuple[tuple[str, Lists], ...] = (
    ("BM25F alone", "sparse"),
    ("dense alone", "dense"),
    ("both by rank", "both"),
    ("Countersign", "all"),
)
Found = tuple[str, int | None, str]
"""What a system finds: document, page, text."""
System = Callable[[str], Sequence[Found]]


@dataclass(frozen=True)
class Question:
    text: str
    document: str | None  # None: nothing in the corpus answers it
    pages: frozenset[int]  # empty: any page of the document is right
    must_contain: tuple[str, ...]


def read_questions(path: Path) -> list[Question]:
    questions = []
    for line in path.read_text("utf-8").splitlines():
        row: dict[str, Any] = json.loads(line)
        if "evidence_pages" in row:
            pages = frozenset(int(page) + 1 for page in row["evidence_pages"])
            questions.append(Question(row["question"], row["doc"], pages, ()))
        else:
            pages = frozenset({row["page"]} if row.get("page") else ())
            text = tuple(row.get("must_contain", ()))
            questions.append(Question(row["question"], row.get("document", row.get("doc")), pages, text))
    return questions


def right(found: Sequence[Found], question: Question) -> tuple[bool, bool]:
    """Whether any of the question's pages is there, and whether all are. Where no page is known the passage must hold what
    the answer needs."""
    own = [(page, text) for document, page, text in found if document == question.document]
    if question.pages:
        there = question.pages & {page for page, _ in own}
        return bool(there), there == question.pages
    held = any(all(part in text for part in question.must_contain) for _, text in own)
    return held, held


def measure(systems: dict[str, System], questions: Iterable[Question], console: Console) -> dict[str, dict[str, Any]]:
    asked = [question for question in questions if question.document]
    figures = {}
    for name, system in systems.items():
        began = time.perf_counter()
        found = [system(question.text) for question in track(asked, name, console=console, transient=True)]
        seconds = time.perf_counter() - began
        row: dict[str, Any] = {"ms": 1000 * seconds / len(asked)}
        for k in (5, 10):
            both = [right(passages[:k], question) for passages, question in zip(found, asked, strict=True)]
            row[f"any@{k}"] = interval([any_page for any_page, _ in both])
            row[f"all@{k}"] = interval([all_pages for _, all_pages in both])
        here = [any(one[0] == question.document for one in p[:5]) for p, question in zip(found, asked, strict=True)]
        row["document@5"] = interval(here)
        figures[name] = row
    return figures


def interval(hits: Sequence[bool]) -> tuple[float, float, float]:
    """The share of hits with its 95 % bootstrap interval."""
    values = np.array(hits, float)
    random = np.random.default_rng(0)
    means = values[random.integers(0, len(values), (4000, len(values)))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(values.mean()), float(low), float(high)


def ingest(root: Path, embed: Embed, documents: Path, console: Console) -> tuple[Library, dict[str, float]]:
    library = Library.open(root, embed)
    began = time.perf_counter()
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(documents.name)
        report = library.ingest(
            [documents],
            ACCESS,
            lambda done, total, label: bar.update(task, completed=done, total=total, description=label),
        )
    seconds = time.perf_counter() - began
    for problem in report.problems:
        console.print(f"[yellow]{problem.reason}")
    return library, {
        "pages": report.pages_read,
        "chunks": report.chunks_embedded,
        "seconds": seconds,
        "pages/s": report.pages_read / seconds,
    }


def systems_of(library: Library, embed: Embed, documents: Path, peers: bool) -> dict[str, System]:
    """Ours, by each way to search, and the peers over the same documents."""

    def ours(using: Lists) -> System:
        return lambda question: [
            (one.document, one.page, one.text) for one in library.search(question, 10, ACCESS, using=using)
        ]

    found = {name: ours(using) for name, using in LISTS}
    return {**bm25s_alone(library), **(llama_index(documents, embed) if peers else {}), **found}


def show(console: Console, name: str, figures: dict[str, dict[str, Any]], speed: dict[str, float], asked: int) -> None:
    table = Table(title=f"{name}: {asked} questions; 95 % intervals in brackets")
    columns = ("any@5", "any@10", "all@5", "all@10", "document@5")
    for column in ("system", *(f"{one.split('@')[0]} page, first {one.split('@')[1]}" for one in columns), "ms a question"):
        table.add_column(column.replace("document page", "document"), justify="left" if column == "system" else "right")
    for row, values in figures.items():
        shares = ("{:.0%} [{:.0%}–{:.0%}]".format(*values[key]) for key in columns)
        table.add_row(row, *shares, f"{values['ms']:.0f}")
    console.print(table)
    if speed["pages"]:
        console.print(
            f"ingest: {speed['pages']:.0f} pages, {speed['chunks']:.0f} chunks in {speed['seconds']:.0f} s, "
            f"{speed['pages/s']:.1f} pages/s\n"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("COUNTERSIGN_DATA", HOME.parent / "shared" / "data")) / "finance_rag"
    parser.add_argument("--data", type=Path, default=default, help="folder with PDFs and questions.jsonl")
    parser.add_argument("--root", type=Path, help="keep the libraries here and do not ingest them twice")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--encoder", choices=("minilm", "mpnet"), default="minilm", help="the search encoder")
    parser.add_argument("--no-peers", action="store_true", help="without LlamaIndex, which embeds all pages once more")
    parser.add_argument("--scale", type=int, metavar="CHUNKS", help="measure search times over so many chunks, and no more")
    options = parser.parse_args()
    console = Console()
    if options.scale:
        found = search_times(options.scale, console)
        if options.json:
            options.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
        return

    from inference.encoder import SentenceEncoder
    from inference.store.model_store import ModelStore

    name_of = {"minilm": "all-minilm-l6-v2", "mpnet": "all-mpnet-base-v2"}
    embed = SentenceEncoder.load(ModelStore().path(name_of[options.encoder])).embed
    embed(["compile"])
    result: dict[str, Any] = {}
    corpora = {"samples": (HOME / "samples" / "documents", HOME / "samples" / "questions.jsonl")}
    if (options.data / "questions.jsonl").is_file():
        corpora[options.data.name] = (options.data, options.data / "questions.jsonl")
    else:
        console.print(f"[yellow]{options.data} is not there: only the samples are measured")
    with tempfile.TemporaryDirectory() as scratch:
        for name, (documents, listed) in corpora.items():
            library, speed = ingest((options.root or Path(scratch)) / name, embed, documents, console)
            questions = read_questions(listed)
            figures = measure(systems_of(library, embed, documents, not options.no_peers), questions, console)
            show(console, name, figures, speed, sum(1 for question in questions if question.document))
            result[name] = {"ingest": speed, **figures}
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
