"""What the steps of one journey share: its fixed surroundings, and what it has come to so far."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from typing import Any

from moderation.types import Block, Verdict
from orchestrator.bots.base import Made
from orchestrator.errors import RecordUnavailable
from orchestrator.journey.dependencies import Dependencies
from orchestrator.judging.judges import Judged, QueryJudge, worst
from orchestrator.judging.pinned_policy import PinnedPolicy
from orchestrator.ports import Record
from orchestrator.telemetry.trace import Trace
from orchestrator.types import Basis, Citation, Query, Route, Turn

SAVED_WITHIN_S = 5.0


@dataclass(frozen=True)
class QueryContext:
    """Fixed from the start of a query to its end. sampling: the caller's, for whichever model answers."""

    deps: Dependencies
    policy: PinnedPolicy
    query: Query
    sampling: Mapping[str, Any]
    trace: Trace
    record: Record
    judge: QueryJudge

    def switched_off(self, bot: str = "") -> str | None:
        """Why the tenant, or a bot for it, is switched off at this moment, or None."""
        return self.deps.switched_off(self.query.tenant, bot)


class InputVerdict:
    """The verdict on the question; a bot may be writing already while rails still judge. Used by the journey's thread."""

    def __init__(self, judging: Future[list[Judged]]) -> None:
        self._judging = judging
        self.known: list[Judged] = []
        """The rails' verdicts, once they were waited for."""

    @property
    def is_in(self) -> bool:
        return self._judging.done()

    def wait(self) -> Verdict:
        """The verdict that decides. The rails have their own time limit, so this ends."""
        self.known = self._judging.result()
        return worst(self.known)


@dataclass
class BroughtAlong:
    """What a model may read of what a client brings along with its question.

    instruction: the client's own, and the policy's corrections after it. refused: why nothing may be answered. judged: the
    verdicts that acted. documents: what those of its turns rest on that are ours. changed: `message` (from 1), `role`,
    `effect` and `rail` of what is not read as it came.
    """

    instruction: str = ""
    turns: list[Turn] = field(default_factory=list)
    refused: Block | None = None
    judged: list[Judged] = field(default_factory=list)
    documents: set[str] = field(default_factory=set)
    changed: list[Mapping[str, Any]] = field(default_factory=list)


@dataclass
class Progress:
    """What a journey has come to. Owned by its thread.

    brought: what the client brought along.
    question: pseudonymised. judged: verdicts on the answer. said, shown: what was released, and the sources shown with it;
    told: the same restored, as the caller reads it.
    read: ids of the documents' versions that a bot could read, in passages or in the turns carried on.
    pseudonyms_saved: the write of this query's new pseudonyms, where it has any.
    """

    question: str = ""
    brought: BroughtAlong = field(default_factory=BroughtAlong)
    input: InputVerdict | None = None
    judged: list[Judged] = field(default_factory=list)
    route: Route | None = None
    made: Made | None = None
    said: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list, repr=False)
    shown: list[Citation] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    pseudonyms_saved: Future[None] | None = None

    def basis(self, groups: frozenset[str]) -> Basis:
        """What this turn rests on, asked by these groups. A passage that was looked up counts whether it was used or not."""
        cited = {one.origin.version(one.document) for one in self.shown}
        return Basis(groups, frozenset(self.read | cited))

    @property
    def verdicts(self) -> list[Judged]:
        """Those that acted on what was brought along, then on the question, then on the answer."""
        return [*self.brought.judged, *(self.input.known if self.input else ()), *self.judged]

    def await_pseudonyms(self) -> None:
        """An answer leaves only when what its tags stand for is saved: its record could not be read otherwise. Raises
        RecordUnavailable."""
        try:
            if self.pseudonyms_saved is not None:
                self.pseudonyms_saved.result(timeout=SAVED_WITHIN_S)
        except FutureTimeout as error:
            raise RecordUnavailable(
                f"the pseudonyms were not written within {SAVED_WITHIN_S:g} s; try again shortly"
            ) from error
