"""What an ingest did, told to a person: what was not read and why, what no answer will use, who may read what.

Invariant: a file that was named, or lies in a named folder, and is not in the library is told of.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from app.cli.printable import printable
from app.cli.shared import console, plain, progress, require, settings
from retrieval.documents.find import UNKNOWN
from retrieval.documents.quality.facts import IGNORED
from retrieval.types import Remark

if TYPE_CHECKING:
    from app.settings import Settings
    from moderation.rails import Embed
    from retrieval.index.versions.stated import Validity
    from retrieval.library import Library
    from retrieval.types import IngestReport, LibraryChange, Problem

_NAMED = 5  # of the files that are passed over for one reason


def told(report: IngestReport, out: Console, ignored: Collection[str]) -> bool:
    """Prints what a person should know; whether everything was read. ignored: suffixes that are not missed."""
    for key in report.removed:
        out.print(f"[yellow]removed[/yellow]  {plain(key)}: gone from its folder", soft_wrap=True)
    for remark in report.remarks:
        out.print(f"[yellow]note[/yellow]  {plain(remark.key)}: {plain(remark.text)}", soft_wrap=True)
    missed = [one for one in report.passed_over if Path(one.path).suffix.lower() not in ignored or UNKNOWN not in one.reason]
    for line in passed_over(missed):
        out.print(f"[red]not read[/red]  {plain(line)}", soft_wrap=True)
    failed = [one for one in report.problems if not one.reason.startswith(IGNORED)]
    for problem in failed:
        out.print(f"[red]not read[/red]  {plain(problem.path)}: {plain(problem.reason)}", soft_wrap=True)
    return not missed and not failed


def passed_over(problems: Iterable[Problem]) -> Iterator[str]:
    """One line for each reason, with how many files it concerns and the first of them."""
    for reason, group in groupby(sorted(problems, key=lambda one: (one.reason, one.path)), key=lambda one: one.reason):
        files = [one.path for one in group]
        named = ", ".join(files[:_NAMED]) + (f" and {len(files) - _NAMED} more" if len(files) > _NAMED else "")
        yield f"{len(files)} {'file' if len(files) == 1 else 'files'}, {reason}: {named}"


def withheld(library: Library, keys: Sequence[str], settings: Settings, embed: Embed) -> Iterator[Remark]:
    """Passages that no answer uses, as the policy stands: each is judged as the service judges it."""
    from app.adapters.retrieval import passage
    from moderation.heads.head import Heads
    from moderation.policy import load_policy
    from moderation.rails import Rails
    from moderation.types import Block

    rails = Rails(load_policy(settings.policy_file).resolve(settings.tenant), Heads.load(), embed=embed)
    for document, found in library.passages(keys):
        verdict = rails.screen(passage(found).as_text)
        if isinstance(verdict, Block):
            where = f"{document.key}, p. {found.page}" if found.page else document.key
            finding = verdict.finding
            said = f"{where}: {finding.reason} ({finding.probability:.2f}); no answer uses this passage"
            yield Remark(document.key, said)


def named_groups(settings: Settings, groups: Sequence[str]) -> frozenset[str] | None:
    """The groups that were named, or None. Raises UsageError for what is no group's name; says which ones no key has."""
    for group in groups:
        if not group.strip() or group != group.strip() or any(sign in group for sign in ",*;"):
            raise click.UsageError(f"--access '{printable(group)}' is no group's name; give --access once for each group")
    if groups:
        strange_groups(settings, groups)
    return frozenset(groups) or None


def strange_groups(settings: Settings, groups: Sequence[str]) -> None:
    """Says which of these groups no key has."""
    from app.governance.document_desk import unknown_groups

    known = _known_groups(settings)
    if strange := unknown_groups(groups, known):
        names = ", ".join(sorted(known))
        console().print(
            f"[yellow]note[/yellow]  no key has the group {plain(', '.join(strange))}; there are: {plain(names)}",
            soft_wrap=True,
        )


def record_into(
    settings: Settings, reason: str, *, gone: str = "", restores: bool = False
) -> Callable[[LibraryChange], None]:
    """Tells the log of a change of the library, which is opened for it. A deployment that has no log yet has answered nobody
    from its documents."""

    def record(change: LibraryChange) -> None:
        if not has_log(settings):
            return
        from app.governance.document_events import recorder
        from app.wiring.read_side import open_read_side

        with open_read_side(settings) as log:
            recorder(log.announcer, settings.tenant, "terminal", reason, gone=gone, restores=restores)(change)

    return record


def read_in(
    paths: Iterable[Path],
    groups: Sequence[str],
    ignored: Sequence[str] = (),
    *,
    rebuild: bool = False,
    prune: bool = False,
    only_new: bool = False,
    validity: Validity | None = None,
    reason: str = "ingest",
    workers: int = 0,
    reported: bool = False,
    as_json: bool = False,
) -> bool:
    """Reads files into the library and tells a person what became of them; whether everything was read.

    workers: processes that read; 0: as many as are sensible. reported: with a line for each document; as_json: that line for
    machines."""
    from app.cli.reading.told import put_report
    from app.wiring.parts import open_encoder, open_library, open_search_encoder
    from inference.store.model_store import ModelStore
    from retrieval.index.cutting.apart import CuttersApart
    from retrieval.index.cutting.cut import Noting
    from retrieval.index.versions.stated import Validity

    found = settings()
    left_out = {one.lower() for one in ignored}
    access = named_groups(found, groups)
    encoder = open_encoder(found, ModelStore(found.models_dir))
    library = open_library(found, open_search_encoder(found, ModelStore(found.models_dir), encoder).embed)
    with progress() as bar, CuttersApart(workers, ocr_languages=found.ocr_languages) as apart:
        cut = Noting(apart, left_out)
        report = library.ingest(
            list(paths),
            access,
            lambda done, total, label: bar("passages" if label == "embedding" else "files", done, total),
            rebuild=rebuild,
            prune=prune,
            cut=cut,
            validity=validity or Validity(),
            only_new=only_new,
            record=record_into(found, reason, gone="gone from its folder"),
        )
    out = console()
    out.print(
        f"{len(report.added)} documents added, {len(report.changed)} changed, {len(report.unchanged)} as before"
        + (f", {len(report.removed)} removed" if report.removed else "")
        + f"; {report.pages_read} pages read, {report.chunks_embedded} passages embedded"
    )
    orders = list(withheld(library, [*report.added, *report.changed], found, encoder.embed))
    for warning in orders:
        out.print(f"[yellow]reads like an instruction[/yellow]  {plain(warning.text)}", soft_wrap=True)
    whole = told(report, out, left_out)
    if reported or as_json:
        put_report(library, report, cut.facts, orders, found, as_json=as_json)
    return whole


def _known_groups(settings: Settings) -> frozenset[str]:
    """The groups of the keys in use; empty where there are no keys yet."""
    if not has_log(settings):
        return frozenset()
    from app.wiring.key_material import open_keys

    engine, ring = open_keys(settings)
    try:
        return frozenset(group for key in ring.list() if key.revoked is None for group in key.groups)
    finally:
        engine.dispose()


def require_library(settings: Settings) -> None:
    """Raises ClickException where nothing was read in yet; a shared library says so itself by holding nothing."""
    if settings.documents.store == "folder" and not settings.library_dir.is_dir():
        raise click.ClickException(f"no library at {settings.library_dir}; read documents first: countersign ingest")


def has_log(settings: Settings) -> bool:
    """Whether there is a log that a change is to be told to."""
    try:
        require(settings.url)
    except click.ClickException:
        return False
    return True
