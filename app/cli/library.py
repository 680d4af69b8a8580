"""Documents: `ingest` puts them into the library, `search` looks into it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from app.cli.shared import console, json_lines, progress, put, settings

if TYPE_CHECKING:
    from app.settings import Settings
    from moderation.rails import Embed
    from retrieval.library import Library


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--access", "groups", multiple=True, default=("public",), show_default=True, help="Who may read them.")
def ingest(paths: tuple[Path, ...], groups: tuple[str, ...]) -> None:
    """Reads Markdown, text, HTML and PDF files or folders into the library. What is there unchanged is not read again.

    \b
    A passage that reads like an instruction to the machine is reported: no model is shown it.

    \b
    countersign ingest samples/documents
    countersign ingest reports/ --access research --access board
    """
    from app.wiring.parts import open_encoder
    from inference.store.model_store import ModelStore
    from retrieval.library import Library

    found = settings()
    encoder = open_encoder(found, ModelStore(found.models_dir))
    library = Library.open(found.library_dir, encoder.embed)
    with progress() as bar:
        report = library.ingest(list(paths), frozenset(groups), lambda done, total, label: bar("passages", done, total))
    out = console()
    out.print(
        f"{len(report.added)} documents added, {len(report.changed)} changed, {len(report.unchanged)} as before; "
        f"{report.pages_read} pages read, {report.chunks_embedded} passages embedded"
    )
    for warning in _orders(library, [*report.added, *report.changed], found, encoder.embed):
        out.print(f"[yellow]reads like an instruction[/yellow]  {warning}")
    for problem in report.problems:
        out.print(f"[red]not read[/red]  {problem}")
    if report.problems:
        raise click.exceptions.Exit(2)


def _orders(library: Library, keys: Sequence[str], settings: Settings, embed: Embed) -> Iterator[str]:
    """Passages that no model will be shown, as the policy stands: an attack, or a document that speaks to machines."""
    from moderation.heads.head import Heads
    from moderation.policy import load_policy
    from moderation.rails.passage_screen import PassageScreen

    rules = load_policy(settings.policy_file).rails.get("injection")
    if rules is None or not rules.enabled:
        return
    screen = PassageScreen(rules, Heads.load(), embed)
    for document, page, text in library.texts(keys):
        finding = screen.judge(text)
        if finding.probability >= finding.threshold:
            where = f"{document.source}, p. {page}" if page else document.source
            yield f"{where}: {finding.reason} ({finding.probability:.2f}); no model is shown this passage"


@click.command()
@click.argument("question", required=False)
@click.option("--jsonl", is_flag=True, help='Read {"question": …} lines from standard input, print one line for each.')
@click.option("-k", type=click.IntRange(1, 100), default=10, show_default=True, help="Passages for each question.")
@click.option("--access", "groups", multiple=True, default=("public",), show_default=True, help="Search as this group.")
def search(question: str | None, jsonl: bool, k: int, groups: tuple[str, ...]) -> None:
    """Ranked passages of the library with document, page and score. Pages count from 1.

    \b
    countersign search "dealing cut-off time"
    countersign search --jsonl -k 10 < questions.jsonl > passages.jsonl
    """
    from app.wiring.parts import open_encoder
    from inference.store.model_store import ModelStore
    from retrieval.library import Library

    if jsonl == (question is not None):
        raise click.UsageError("give a question, or --jsonl and lines on standard input")
    found = settings()
    if not found.library_dir.is_dir():
        raise click.ClickException(f"there is no library at {found.library_dir}; read documents first: countersign ingest")
    encoder = open_encoder(found, ModelStore(found.models_dir))
    library = Library.open(found.library_dir, encoder.embed)
    allowed = frozenset(groups)
    if question is not None:
        table = Table("", "document", "page", "score", "text", title=None, expand=True)
        for n, passage in enumerate(library.search(question, k, allowed), 1):
            text = " ".join(passage.text.split())[:160]
            table.add_row(str(n), passage.document, str(passage.page or ""), f"{passage.score:.3f}", text)
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
            }
            for n, p in enumerate(library.search(asked, k, allowed), 1)
        ]
        given = {"id": row["id"]} if "id" in row else {}
        put({**given, "question": asked, "passages": passages})
