"""`countersign documents`: what the library holds, and the life of each document in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from app.cli.ingested import named_groups, read_in, record_into, require_library
from app.cli.shared import console, plain, progress, put, settings

if TYPE_CHECKING:
    from app.governance.document_desk import By, DocumentDesk, Family
    from app.settings import Settings
    from retrieval.index.versions.stated import Validity
    from retrieval.types import DocumentInfo

_DAY = click.DateTime(["%Y-%m-%d"])
_REASON = click.option("--reason", required=True, help="Why; recorded. A case number rather than a name.")
_FROM = click.option("--valid-from", type=_DAY, help="The first day of its force, like 2026-01-01.")
_UNTIL = click.option("--valid-until", type=_DAY, help="The last day of its force.")


@click.group()
def documents() -> None:
    """The library's documents: list, show, add, replace, change, restore, remove.

    \b
    countersign documents list fees
    countersign documents replace fees.md new/fees.md --valid-from 2027-01-01 --reason "case 12"
    countersign documents remove board/fees.md --reason "withdrawn, case 12"
    """


@documents.command("list")
@click.argument("search", nargs=-1)
@click.option("--versions", is_flag=True, help="Former versions too.")
@click.option("--json", "as_json", is_flag=True, help="For machines: one line of JSON each.")
def list_documents(search: tuple[str, ...], versions: bool, as_json: bool) -> None:
    """Every document with who may read it, its passages, its dates, and whether its file is still there.

    \b
    SEARCH: words of its key, its title or its groups.

    \b
    countersign documents list --json
    countersign documents list fees board
    """
    table = Table("document", "read by", "in force", "pages", "passages", "file")
    for family in _desk(settings()).listed(" ".join(search)):
        for one in (family.latest, *(family.former if versions else ())):
            _put_row(one, table, as_json)
    if not as_json:
        console().print(table if table.row_count else "the library holds no such document" if search else _EMPTY)


_EMPTY = "the library holds no document"


@documents.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="For machines: one line of JSON.")
def show(name: str, as_json: bool) -> None:
    """One document: its versions with their dates, its readers, its file, its passages.

    \b
    NAME is a key as `countersign documents list` shows it, a file, or an id.

    \b
    countersign documents show fees.md
    """
    from app.governance.document_desk import view

    family = _desk(settings()).family(name)
    if as_json:
        put({**view(family.latest), "former": [view(one) for one in family.former]})
        return
    for label, value in _facts(family):
        console().print(f"{label:<12}{plain(value)}", soft_wrap=True)


@documents.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--access", "groups", multiple=True, help="Who may read them; default: as their folder's.")
@_FROM
@_UNTIL
@click.option("--reason", default="add", help="Why; recorded.")
def add(
    paths: tuple[Path, ...], groups: tuple[str, ...], valid_from: datetime | None, valid_until: datetime | None, reason: str
) -> None:
    """Reads new files into the library; a file of a document that is there already is refused.

    \b
    Their dates stand in their front matter (valid_from: 2026-01-01), or are given here.

    \b
    countersign documents add fees-2027.md --access board --valid-from 2027-01-01
    """
    validity = _validity(valid_from, valid_until)
    if not read_in(paths, groups, only_new=True, validity=validity, reason=reason):
        raise click.exceptions.Exit(2)


@documents.command()
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_FROM
@_UNTIL
@click.option("--correction", is_flag=True, help="The version until now was wrong: nothing of it stays.")
@_REASON
def replace(
    name: str, file: Path, valid_from: datetime | None, valid_until: datetime | None, correction: bool, reason: str
) -> None:
    """The next version of a document. The one until now stays as a former version, which is found only when it is asked for.

    \b
    The next version is in force from the day in its front matter, or given here, or today; until then the version of now is.

    \b
    countersign documents replace fees.md new/fees.md --valid-from 2027-01-01 --reason "board, 3 December"
    countersign documents replace fees.md fees.md --correction --reason "typing error"
    """
    from retrieval.documents.apart import ReaderApart

    desk = _desk(found := settings(), embeds=True)
    with ReaderApart(ocr_languages=found.ocr_languages) as read, progress() as bar:
        desk.replace(
            name,
            file,
            _by(reason),
            read,
            _validity(valid_from, valid_until),
            correction=correction,
            progress=lambda done, total, label: bar("passages", done, total),
        )
        family = desk.family(name)
    for label, value in _facts(family):
        console().print(f"{label:<12}{plain(value)}", soft_wrap=True)


@documents.command()
@click.argument("name")
@click.option("--access", "groups", multiple=True, help="Who may read it from now on; all of its versions.")
@_FROM
@_UNTIL
@_REASON
def change(
    name: str, groups: tuple[str, ...], valid_from: datetime | None, valid_until: datetime | None, reason: str
) -> None:
    """Other readers, or other dates, without reading the document again.

    \b
    countersign documents change fees.md --access board --access research --reason "case 12"
    countersign documents change fees.md --valid-until 2026-12-31 --reason "withdrawn at the end of the year"
    """
    from retrieval.index.versions.changes import Attributes

    found = settings()
    attributes = Attributes()
    if groups:
        attributes["access"] = named_groups(found, groups) or frozenset()
    if valid_from:
        attributes["valid_from"] = valid_from.date()
    if valid_until:
        attributes["valid_until"] = valid_until.date()
    if not attributes:
        raise click.UsageError("say what is to change: --access, --valid-from or --valid-until")
    one = _desk(found).change(name, attributes, _by(reason))
    console().print(f"changed {plain(one.key)}: read by {plain(_groups(one))}; {_force(one)}", soft_wrap=True)


@documents.command()
@click.argument("name")
@click.option("--version", type=click.IntRange(1), help="Which; default: the one before the latest.")
@click.option("--from", "since", type=_DAY, help="The first day of its new force; default: today.")
@_REASON
def restore(name: str, version: int | None, since: datetime | None, reason: str) -> None:
    """A former version in force again; the one until now becomes a former one. What was removed is gone: ingest it again.

    \b
    countersign documents restore fees.md --reason "the new one was not approved"
    countersign documents restore fees.md --version 1 --from 2027-01-01 --reason "case 12"
    """
    one = _desk(settings()).restore(name, _by(reason), version, _day(since))
    console().print(f"restored {plain(one.key)} as version {one.version}: {_force(one)}", soft_wrap=True)


@documents.command()
@click.argument("names", nargs=-1)
@click.option("--gone", is_flag=True, help="Every document whose file is no longer where it was read.")
@_REASON
def remove(names: tuple[str, ...], gone: bool, reason: str) -> None:
    """Forgets documents: no search, table or answer knows them any more, and no file of the library holds their words.

    \b
    NAMES are keys as `countersign documents list` shows them, or files; of a former version the key or the id. The removal
    is recorded before it happens; a running service knows it at its next question. What the log and conversations say of
    earlier answers stays as it was written, and so do backups. A file that is still in its folder comes back when the folder
    is ingested again.

    \b
    countersign documents remove board/fees.md --reason "withdrawn, case 12"
    countersign documents remove --gone --reason "deleted from the share"
    """
    from app.governance.document_desk import file_state

    if bool(names) == gone:
        raise click.UsageError("name documents, or give --gone")
    desk = _desk(settings())
    if gone:
        names = tuple(one.latest.key for one in desk.listed() if file_state(one.latest) == "gone")
    if not names:
        console().print("every document's file is where it was; nothing is removed")
        return
    for one in desk.remove(names, _by(reason)):
        again = "; its file is still there, and an ingest brings it back" if file_state(one) == "there" else ""
        passages = f"{one.chunks} {'passage' if one.chunks == 1 else 'passages'}"
        console().print(f"removed {plain(one.key)}: {passages}{again}", soft_wrap=True)


def _desk(found: Settings, *, embeds: bool = False) -> DocumentDesk:
    """The library of the settings, to be looked at and changed; only a new version needs the encoder."""
    from app.governance.document_desk import DocumentDesk
    from app.wiring.parts import open_library

    require_library(found)
    embed: Any = _no_encoder
    if embeds:
        from app.wiring.parts import open_search_encoder
        from inference.store.model_store import ModelStore

        embed = open_search_encoder(found, ModelStore(found.models_dir)).embed
    return DocumentDesk(open_library(found, embed), lambda by, restores: record_into(found, by.reason, restores=restores))


def _no_encoder(_texts: object) -> object:
    raise AssertionError("what is not read is not embedded")


def _by(reason: str) -> By:
    from app.governance.document_desk import By

    return By("terminal", reason)


def _validity(first: datetime | None, last: datetime | None) -> Validity:
    from retrieval.index.versions.stated import Validity, checked

    return checked(Validity(_day(first), _day(last)), "this version")


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def _put_row(one: DocumentInfo, table: Table, as_json: bool) -> None:
    from app.governance.document_desk import file_state, view

    if as_json:
        put(view(one))
        return
    place = {"there": one.path, "gone": f"{one.path} (gone)"}.get(file_state(one), "" if one.of else file_state(one))
    numbers = (str(one.pages or ""), str(one.chunks))
    table.add_row(plain(one.key), plain(_groups(one)), _force(one), *numbers, plain(place))


def _facts(family: Family) -> Iterator[tuple[str, str]]:
    one = family.latest
    yield "document", one.key
    yield "title", one.title
    yield "id", one.id
    yield "read by", _groups(one)
    yield "version", f"{one.version}, {_force(one)}"
    yield "file", one.path or "unknown"
    yield "SHA-256", one.digest
    yield "pages", str(one.pages or "not paged")
    yield "passages", str(one.chunks)
    for former in family.former:
        yield "former", f"{former.key}, {_force(former)}; {former.chunks} passages, id {former.id}"


def _groups(one: DocumentInfo) -> str:
    return ", ".join(sorted(one.access))


def _force(one: DocumentInfo) -> str:
    """'since 2026-01-01', '2024-01-01 to 2025-12-31', 'undated'."""
    match one.valid_from, one.valid_until:
        case None, None:
            return "undated"
        case first, None:
            return f"from {first}"
        case None, last:
            return f"until {last}"
        case first, last:
            return f"{first} to {last}"
