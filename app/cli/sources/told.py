"""What a sync did, told to a person and to a machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from app.cli.ingested import passed_over
from app.cli.shared import plain
from retrieval.documents.find import UNKNOWN

if TYPE_CHECKING:
    from app.source_settings import SourceSettings
    from retrieval.sources import SyncReport
    from retrieval.types import Problem

_NAMED = 5  # of the items that nobody may read for one reason
_WORDS = {"new": "added", "changed": "changed", "moved": "moved", "readers": "with other readers"}


def lines(report: SyncReport, settings: SourceSettings, dry_run: bool) -> Iterator[str]:
    """A summary, and then what a person should know; rich's markup."""
    if not report.unavailable:
        counts = [f"{sum(one.change == kind for one in report.given)} {word}" for kind, word in _WORDS.items()]
        counts += [f"{len(report.removed)} removed", f"{report.unchanged} as before"]
        yield f"{plain(report.source)}: {'would be: ' if dry_run else ''}{', '.join(counts)}"
    for one in report.given:
        if dry_run or one.change == "readers":
            who = ", ".join(sorted(one.groups))
            yield f"[yellow]{one.change}[/yellow]  {plain(one.name)}: read by {plain(who)}"
    for name in report.removed:
        yield f"[yellow]removed[/yellow]  {plain(name)}"
    for line in passed_over(report.nobody):
        yield f"[yellow]read by nobody[/yellow]  {plain(line)}"
    for line in passed_over(missed(report, settings)):
        yield f"[yellow]passed over[/yellow]  {plain(line)}"
    for problem in report.problems:
        yield f"[red]not read[/red]  {plain(problem.path)}: {plain(problem.reason)}"


def as_json(report: SyncReport, settings: SourceSettings, dry_run: bool) -> dict[str, Any]:
    """One object for one look at one source."""
    changes = [{"name": one.name, "change": one.change, "groups": sorted(one.groups)} for one in report.given]
    return {
        "source": report.source,
        "dry_run": dry_run,
        "available": not report.unavailable,
        "given": changes,
        "removed": list(report.removed),
        "unchanged": report.unchanged,
        "problems": _pairs(report.problems),
        "nobody": _pairs(report.nobody),
        "passed_over": _pairs(missed(report, settings)),
        "library": report.digest or None,
    }


def missed(report: SyncReport, settings: SourceSettings) -> list[Problem]:
    """What was passed over, without the kinds of files that the settings do not mean."""
    ignored = {suffix.lower() for suffix in settings.ignore}
    return [
        one
        for one in report.passed_over
        if PurePosixPath(one.path).suffix.lower() not in ignored or not one.reason.startswith(UNKNOWN)
    ]


def _pairs(problems: Sequence[Problem]) -> list[dict[str, str]]:
    return [{"name": one.path, "reason": one.reason} for one in problems]
