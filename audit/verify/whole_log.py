"""Recomputes the whole log from its bytes and names what does not fit.

Invariant: a report says ok only if every column of every row of the log's tables is what the hashed envelopes,
and the signatures over their roots, say, no record is missing up to the head, and the guards stand. Damage is reported,
never raised. Memory is constant.

A tail that was cut together with its batches, its head and its checkpoints, and a history rewritten with all its hashes, are
seen only against checkpoints kept elsewhere: give the file outside the database as `trust.file`, or ask the witnesses.
"""

from sqlalchemy import Engine

from audit.errors import StoreRefused
from audit.verify.page_check import damaged_pages
from audit.verify.problems import MAX_PROBLEMS, Problem, Problems, Report
from audit.verify.replay import LogCheck, Progress
from audit.verify.signed_claims import LogTrust, logs_in
from audit.verify.snapshot import DAMAGE, Snapshot, first_line
from audit.verify.trigger_check import fallen_triggers

__all__ = ["MAX_PROBLEMS", "LogTrust", "Problem", "Progress", "Report", "verify_store"]


def verify_store(
    engine: Engine, tenant: str | None = None, progress: Progress | None = None, trust: LogTrust | None = None
) -> Report:
    """Verifies one tenant's log, or every log of the database. A log that nobody wrote to is fine and has the empty root.

    trust: with the log's public keys signatures are checked too; without them checkpoints are only compared.
    """
    trust = trust or LogTrust()
    problems = Problems()
    roots: dict[str, tuple[int, str]] = {}
    outside: set[str] = set()
    events = 0
    try:
        snapshot = Snapshot(engine)
    except (*DAMAGE, StoreRefused) as error:
        problems.add("", None, "unreadable", f"the database cannot be opened: {first_line(error)}")
        return Report(False, problems.listed, 0, roots)
    try:
        with_damage = _tolerant(problems, "")
        with with_damage:
            for detail in fallen_triggers(snapshot):
                problems.add("", None, "guard", detail)
        outside |= logs_in(trust, problems)
        logs = [tenant] if tenant is not None else []
        if tenant is None:
            with with_damage:
                logs = sorted({*snapshot.logs(), *outside})
        for log in logs:
            check = LogCheck(log, problems)
            with _tolerant(problems, log):
                check.run(snapshot, trust, progress)
            roots[log] = (check.tree.size, check.tree.root().hex())
            events += check.events
        with with_damage:
            for log, seq, what, detail in damaged_pages(snapshot):
                if tenant is None or log in ("", tenant):
                    problems.add(log, seq, what, detail)
    finally:
        snapshot.close()
    alone = tuple(log for log, (size, _) in roots.items() if size and log not in outside)
    return Report(not problems.total, problems.listed, events, roots, problems.total - len(problems.listed), alone)


class _tolerant:
    """Turns what the database refuses to read into a finding."""

    def __init__(self, problems: Problems, log: str) -> None:
        self._problems, self._log = problems, log

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, DAMAGE):
            self._problems.add(self._log, None, "unreadable", f"the database cannot be read on: {first_line(error)}")
            return True
        return False
