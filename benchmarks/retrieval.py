"""How often retrieval finds the right page and document, and how fast an ingest goes.

    python benchmarks/retrieval.py                         the sample documents, and finance_rag where it lies
    python benchmarks/retrieval.py --data DIR --json out.json

A corpus is a folder of documents with a questions.jsonl; finance_rag's `evidence_pages` count from 0, ours from 1.
Right page and right document are looked for among the first 5 and 10 passages of one search. What becomes of them,
answers and what is withheld, is measured by benchmarks/answers.py.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME))

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from retrieval.library import Library, Lists
from retrieval.types import Embed, Passage

ACCESS = frozenset({"benchmark"})
LISTS: tuple[tuple[str, Lists], ...] = (("bm25", "sparse"), ("dense", "dense"), ("fused", "both"))


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
            questions.append(Question(row["question"], row["document"], pages, tuple(row["must_contain"])))
    return questions


def is_right_page(passage: Passage, question: Question) -> bool:
    """Where no page is known the passage must hold what the answer needs."""
    if passage.document != question.document:
        return False
    if question.pages:
        return passage.page in question.pages
    return all(part in passage.text for part in question.must_contain)


def measure(library: Library, questions: Iterable[Question]) -> dict[str, dict[str, float]]:
    asked = [question for question in questions if question.document]
    figures = {}
    for name, lists in LISTS:
        page5 = page10 = document5 = 0
        began = time.perf_counter()
        for question in asked:
            passages = library.search(question.text, 10, ACCESS, using=lists)
            right = [is_right_page(passage, question) for passage in passages]
            page5 += any(right[:5])
            page10 += any(right)
            document5 += any(passage.document == question.document for passage in passages[:5])
        figures[name] = {
            "page@5": page5 / len(asked),
            "page@10": page10 / len(asked),
            "document@5": document5 / len(asked),
            "ms": 1000 * (time.perf_counter() - began) / len(asked),
        }
    return figures


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


def show(console: Console, name: str, figures: dict[str, dict[str, float]], speed: dict[str, float], asked: int) -> None:
    table = Table(title=f"{name}: {asked} questions")
    for column in ("list", "right page, first 5", "first 10", "right document, first 5", "ms a question"):
        table.add_column(column, justify="left" if column == "list" else "right")
    for row, values in figures.items():
        shares = (f"{values[key]:.0%}" for key in ("page@5", "page@10", "document@5"))
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
    options = parser.parse_args()

    from inference.encoder import SentenceEncoder
    from inference.store.model_store import ModelStore

    console = Console()
    embed = SentenceEncoder.load(ModelStore().path("all-minilm-l6-v2")).embed
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
            figures = measure(library, questions)
            show(console, name, figures, speed, sum(1 for question in questions if question.document))
            result[name] = {"ingest": speed, **figures}
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
