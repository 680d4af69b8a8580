"""The record of what a sync could not read. What it changes is recorded as every change of the library is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.cli.ingested import has_log

if TYPE_CHECKING:
    from app.settings import Settings
    from retrieval.sources import SyncReport

_FAILED = 200  # problems that are named


def record_failure(settings: Settings, report: SyncReport) -> None:
    """One event, when other things fail than at the sync before."""
    if not has_log(settings):
        return
    from app.governance.announcer import Said
    from app.wiring.read_side import open_read_side
    from audit.kinds import SOURCE_FAILED

    problems = [{"name": one.path, "reason": one.reason} for one in report.problems[:_FAILED]]
    said = Said({"problems": problems}, {"source": report.source, "failed": len(report.problems)})
    with open_read_side(settings) as log:
        log.announcer.tell(SOURCE_FAILED, "terminal", lambda _tenant: said, settings.tenant)
