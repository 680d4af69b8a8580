"""Documents: `ingest` puts them into the library, `search` looks into it."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from app.cli.ingested import read_in, require_library
from app.cli.shared import console, json_lines, plain, put, settings

if TYPE_CHECKING:
    from retrieval.ranking.rank import Ranked
    from retrieval.types import Passage


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--access", "groups", multiple=True, help="Who may read them; default: as before, new ones as their folder.")
@click.option("--ignore", "ignored", multiple=True, metavar="SUFFIX", help="A kind of file that is not meant, like .png.")
@click.option("--rebuild", is_flag=True, help="Read and embed everything again, as after a change of search_encoder.")
@click.option("--prune", is_flag=True, help="Forget what is gone from a folder, even if that is most of it.")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes that read; default: one for each processor.")
@click.option("--report", "reported", is_flag=True, help="Tell of each document how well it was read and what is in it.")
@click.option("--json", "as_json", is_flag=True, help="The report for machines: a line of JSON for each file.")
def ingest(
    paths: tuple[Path, ...],
    groups: tuple[str, ...],
    ignored: tuple[str, ...],
    rebuild: bool,
    prune: bool,
    workers: int | None,
    reported: bool,
    as_json: bool,
) -> None:
    """Reads files or folders into the library. What is there unchanged is not read again.

    \b
    Kinds: PDF, Word, Excel, PowerPoint, OpenDocument text, RTF, HTML, EPUB, Markdown, text, CSV, TSV, mail (.eml, .msg) with
    what is attached; pictures and scanned pages where tesseract is installed (Debian: apt-get install tesseract-ocr).

    \b
    Without --access a document keeps its readers; a new one is read by those who read its folder's documents, else by
    "public". What is gone from a folder is forgotten. Every file that could not be read is named, the others go in, and the
    exit code is 2. A passage that reads like an instruction to the machine is reported: no answer uses it. The
    same command goes on with an ingest that was broken off.

    \b
    countersign ingest samples/documents
    countersign ingest reports/ --access research --access board
    countersign ingest share/ --ignore .png --ignore .jpg
    countersign ingest share/ --report
    countersign ingest share/ --json > report.jsonl
    """
    read = read_in(
        paths,
        groups,
        ignored,
        rebuild=rebuild,
        prune=prune,
        workers=workers or 0,
        reported=reported,
        as_json=as_json,
    )
    if not read:
        raise click.exceptions.Exit(2)


@click.command()
@click.argument("question", required=False)
@click.option("--jsonl", is_flag=True, help='Read {"question": …} lines from standard input, print one line for each.')
@click.option("-k", type=click.IntRange(1, 100), default=10, show_default=True, help="Passages for each question.")
@click.option("--access", "groups", multiple=True, default=("public",), show_default=True, help="Search as this group.")
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="What was in force on that day; default: today.")
@click.option("--explain", is_flag=True, help="Say what each passage's score is made of.")
def search(question: str | None, jsonl: bool, k: int, groups: tuple[str, ...], day: datetime | None, explain: bool) -> None:
    """Ranked passages of the library with document, page and score. Pages count from 1.

    \b
    countersign search "dealing cut-off time"
    countersign search "exit charge" --on 2024-12-31
    countersign search "What was the quick ratio in FY2023?" --explain -k 3
    countersign search --jsonl -k 10 < questions.jsonl > passages.jsonl
    """
    from app.wiring.parts import open_library, open_search_encoder
    from inference.store.model_store import ModelStore

    if jsonl == (question is not None):
        raise click.UsageError("give a question, or --jsonl and lines on standard input")
    found = settings()
    require_library(found)
    library = open_library(found, open_search_encoder(found, ModelStore(found.models_dir)).embed)
    allowed, on = frozenset(groups), day.date() if day else None
    if question is not None:
        table = Table("", "document", "page", "score", "why" if explain else "text", title=None, expand=True)
        for n, (passage, ranked) in enumerate(library.explained(question, k, allowed, on=on), 1):
            text = explained(passage, ranked) if explain else plain(" ".join(passage.text.split())[:160])
            table.add_row(str(n), plain(passage.document), str(passage.page or ""), f"{passage.score:.3f}", text)
        console().print(table)
        return
    for row, asked in json_lines(sys.stdin, "question"):
        passages = [
            {
                "rank": n,
                "document": p.document,
                "source": p.source,
                "page": p.page,
                "section": p.section,
                "score": round(p.score, 6),
                "dense": round(p.dense, 6),
                "text": p.text,
                **(
                    {"why": [{"sign": name, "value": round(v, 4), "adds": round(a, 4)} for name, v, a in r.why]}
                    if explain
                    else {}
                ),
            }
            for n, (p, r) in enumerate(library.explained(asked, k, allowed, on=on), 1)
        ]
        given = {"id": row["id"]} if "id" in row else {}
        put({**given, "question": asked, "passages": passages})


def explained(passage: Passage, ranked: Ranked) -> str:
    """What speaks for the passage's page, the weightiest first; and the passage's section and own cosine."""
    signs = sorted((one for one in ranked.why if one[2]), key=lambda one: -abs(one[2]))
    lines = [f"{added:+.3f}  {name} ({value:.2f})" for name, value, added in signs]
    behind = passage.score - sum(added for _, _, added in ranked.why)
    if behind < -1e-6:
        lines.append(f"{behind:+.3f}  not the first passage of its page")
    return "\n".join([*lines, f"section: {plain(passage.section) or '-'}; cosine {passage.dense:.3f}"])
