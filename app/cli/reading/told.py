"""Prints the report of an ingest, and looks for personal data in what was read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from app.cli.printable import printable
from app.cli.reading.report import Find, lines, read_documents, rows
from app.cli.shared import progress, put

if TYPE_CHECKING:
    from app.settings import Settings
    from retrieval.documents.quality.facts import Facts
    from retrieval.library import Library
    from retrieval.types import IngestReport, Remark


def put_report(
    library: Library,
    report: IngestReport,
    facts: Mapping[str, Facts],
    orders: Sequence[Remark],
    settings: Settings,
    *,
    as_json: bool,
) -> None:
    """On standard output: lines of at most 80 columns but for a document's key, or a line of JSON for each file."""
    with progress() as bar:
        documents = read_documents(
            library,
            report,
            facts,
            _finder(settings),
            Counter(one.key for one in orders),
            lambda done, total: bar("documents looked through", done, total),
        )
    if as_json:
        for row in rows(documents, report):
            put(row)
    else:
        for line in lines(documents):
            click.echo(printable(line))


def _finder(settings: Settings) -> Find | None:
    """What finds personal data as the service does; None where its model is not there."""
    from app.wiring.parts import open_redactor
    from inference.errors import InferenceError
    from inference.store.model_store import ModelStore
    from moderation.pii.entities import PSEUDONYMISED, PiiError

    try:
        redactor = open_redactor(settings, ModelStore(settings.models_dir))
    except (PiiError, InferenceError):
        return None

    def find(text: str) -> list[tuple[str, str]]:
        return [(one.entity, text[one.start : one.end]) for one in redactor.find(text) if one.entity in PSEUDONYMISED]

    return find
