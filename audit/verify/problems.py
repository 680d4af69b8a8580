"""What a verification found: problems with their places, and the report that sums them up."""

from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_PROBLEMS = 1000


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, where. what: a stable word ("envelope", "chain", "missing", a column …); detail: a sentence."""

    log: str
    seq: int | None
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """events: records read; roots: log to (size, root in hex) as recomputed; unlisted: further problems.

    alone: logs with records for which nothing outside the database was there to compare with: a database put back to an
    earlier state looks the same.
    """

    ok: bool
    problems: list[Problem]
    events: int
    roots: Mapping[str, tuple[int, str]]
    unlisted: int = 0
    alone: tuple[str, ...] = ()

    @property
    def root(self) -> str:
        """The root of the one log that was verified; empty where there were several, or none."""
        return next(iter(self.roots.values()))[1] if len(self.roots) == 1 else ""


@dataclass(slots=True)
class Problems:
    listed: list[Problem] = field(default_factory=list)
    total: int = 0

    def add(self, log: str, seq: int | None, what: str, detail: str) -> None:
        self.total += 1
        if len(self.listed) < MAX_PROBLEMS:
            self.listed.append(Problem(log, seq, what, detail))


def span(first: int, end: int) -> str:
    """Records first … end - 1, as the subject of a sentence."""
    return f"record {first} is" if end - first == 1 else f"records {first} to {end - 1} are"
