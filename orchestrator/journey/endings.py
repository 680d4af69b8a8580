"""How a journey ends: answered, abstained, refused, stopped, failed or cancelled; each with one `finished` event.

Invariant: `finished` is written once, whatever happens, and a caller is told an outcome only after it is durable.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import suppress
from typing import assert_never

from audit import kinds
from orchestrator.errors import RecordUnavailable
from orchestrator.journey.attempt import Blocked, Ending, Failed, Finished, Steered, Stopped
from orchestrator.journey.context import Progress, QueryContext
from orchestrator.journey.outgoing import Alternative, Answer, Outgoing, RefusalOut
from orchestrator.judging.judges import worst
from orchestrator.judging.shadow import ShadowedQuery
from orchestrator.ports import Ticket
from orchestrator.selection.selector import SWITCHED_OFF
from orchestrator.telemetry import attributes as names
from orchestrator.telemetry.trace import Trace
from orchestrator.types import Outcome, Turn


class Endings:
    """Used by the journey's thread. shadowed: the candidate policy's look at this query, if there is one."""

    def __init__(self, context: QueryContext, progress: Progress, shadowed: ShadowedQuery | None) -> None:
        self._context, self._progress, self._shadowed = context, progress, shadowed
        self._ended = False

    def conclude(self, ending: Ending) -> Generator[Outgoing, None, None]:
        """Tells the caller how it ended, and sums it up."""
        deps = self._context.deps
        match ending:
            case Finished(abstained, finish_reason):
                yield self._finish(Outcome.ABSTAINED if abstained else Outcome.ANSWERED, finish_reason)
            case Blocked(verdict):
                yield from self._refuse(verdict.message, verdict.alternatives, verdict.finding.rail)
                yield self._finish(Outcome.REFUSED, "content_filter")
            case Steered(rail=rail):
                yield from self._refuse(deps.steered_message, (), rail)
                yield self._finish(Outcome.REFUSED, "content_filter")
            case Stopped(reason):
                body = {"reason": reason, "segments": len(self._progress.said)}
                self._context.record.append(kinds.STOPPED, body)
                yield from self._refuse(deps.paused_message, deps.paused_alternatives, "switch")
                yield self._finish(Outcome.REFUSED, "content_filter", SWITCHED_OFF + reason)
            case Failed(reason):
                yield from self.apologise(reason)
            case _:
                assert_never(ending)

    def apologise(self, reason: str) -> Generator[Outgoing, None, None]:
        """No bot could answer, or something broke: say so kindly, and end the record."""
        if self._ended:
            return
        deps = self._context.deps
        yield from self._refuse(deps.failed_message, deps.failed_alternatives, "")
        yield self._finish(Outcome.FAILED, "error", reason)

    def end_unheard(self, outcome: Outcome, finish_reason: str, reason: str = "") -> None:
        """Ends the record without telling the caller, who is gone, or is told of the first failure and not of a second."""
        with suppress(RecordUnavailable):
            self._end_record(outcome, finish_reason, reason)

    def _refuse(self, message: str, alternatives: Sequence[str], rail: str) -> Generator[Outgoing, None, None]:
        offered = tuple(Alternative("note", text) for text in alternatives)
        body = {"rail": rail, "message": message, "alternatives": list(alternatives)}
        self._context.record.append(kinds.WITHHELD, body, labels={"rail": rail, "verdict": "block"}).wait()
        yield RefusalOut(message, offered, rail)

    def _finish(self, outcome: Outcome, finish_reason: str, reason: str = "") -> Answer:
        """Remembers the turn, ends the record durably, and sums up the journey."""
        query, deps, trace, progress = self._context.query, self._context.deps, self._context.trace, self._progress
        progress.await_pseudonyms()
        turn = Turn(progress.question, "".join(progress.said).strip(), query.id, progress.basis(query.groups))
        deps.memory.save_turn(query.tenant, query.subject, query.conversation, query.id, turn, outcome.value)
        if outcome is Outcome.ANSWERED:
            told = (query.id, progress.basis(query.groups))
            deps.recent.remember(query.tenant, query.subject, query.text, "".join(progress.told), told)
        with trace.step(names.AUDIT):
            ticket = self._end_record(outcome, finish_reason, reason)
            assert ticket is not None, "a journey finishes once"
            receipt = ticket.wait()
        trace.root.set_attribute(names.OUTCOME, outcome.value)
        usage = progress.made.usage if progress.made else {}
        for kind, count in usage.items():
            deps.meter.tokens(kind, count)
        return Answer(
            query=query.id,
            conversation=query.conversation,
            trace_id=trace.trace_id,
            outcome=outcome,
            route=progress.route,
            verdicts=tuple(one.view() for one in progress.verdicts),
            citations=tuple(progress.shown),
            receipt=receipt,
            model={"name": progress.made.model, "digest": progress.made.digest} if progress.made else {},
            timings=_milliseconds(trace),
            usage=usage,
            finish_reason=finish_reason,
            brought=tuple(progress.brought.changed),
            working=progress.made.working if progress.made and outcome is Outcome.ANSWERED else {},
        )

    def _end_record(self, outcome: Outcome, finish_reason: str, reason: str) -> Ticket | None:
        """Appends the one `finished` event. Not awaited here: after a cancel there is no caller to wait for it."""
        if self._ended:
            return None
        self._ended = True
        if self._shadowed is not None:
            self._shadowed.ended()
        trace, meter, route = self._context.trace, self._context.deps.meter, self._progress.route
        timings, bot = trace.timings, route.bot if route else ""
        meter.finished(bot, outcome.value, trace.elapsed())
        for step, seconds in timings.items():
            meter.step(step, seconds)
        body = {
            "outcome": outcome.value,
            "finish_reason": finish_reason,
            "reason": reason,
            "segments": len(self._progress.said),
            "us": {step: round(seconds * 1e6) for step, seconds in {**timings, "total": trace.elapsed()}.items()},
        }
        labels = {"outcome": outcome.value, "bot": bot, "verdict": worst(self._progress.verdicts).name}
        return self._context.record.append(kinds.FINISHED, body, labels=labels)


def _milliseconds(trace: Trace) -> dict[str, float]:
    short = {k.removeprefix("countersign."): round(v * 1000, 3) for k, v in trace.timings.items()}
    return {**short, "total": round(trace.elapsed() * 1000, 3)}
