"""One query's way through the house, from the words as typed to the receipt of the answer's last event.

Invariants: a segment is yielded only after the gate has released it and its event is durable; nothing but
the redacted text is handed to anyone; whatever happens, the journey ends with one `finished` event.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import closing, suppress
from functools import partial
from typing import Any

import numpy as np
import structlog

from audit import kinds
from moderation.rails.base import Seen
from moderation.types import Block, Direction, Redact, Steer, Verdict
from orchestrator.bots.base import Ask, Made
from orchestrator.errors import ConversationUnknown, RecordUnavailable
from orchestrator.journey.attempt import Attempt, Blocked, Ending, Failed, Finished, Released, Steered, Stopped
from orchestrator.journey.dependencies import Dependencies
from orchestrator.journey.outgoing import (
    Alternative,
    Answer,
    CitationOut,
    KeepAlive,
    Outgoing,
    RefusalOut,
    RouteOut,
    SegmentOut,
)
from orchestrator.journey.record import UntilFinished
from orchestrator.judging.judges import UNEMBEDDED, Judged, QueryJudge, worst
from orchestrator.judging.passages import Screened, Screening
from orchestrator.judging.pinned_policy import PinnedPolicy
from orchestrator.ports import Passage
from orchestrator.prompting.surrogate_model import SurrogateModel
from orchestrator.selection.selector import SWITCHED_OFF, Evidence
from orchestrator.telemetry import attributes as names
from orchestrator.telemetry.trace import Trace, micro
from orchestrator.types import Citation, Outcome, Query, Route, Turn

_MARK = re.compile(r"\[(\d+)\]")
_FOLLOW_UP_WORDS = 6
KEPT_WITHIN_S = 5.0
_CONTEXT_RAILS = ("injection", "toxicity")
"""Rails whose block keeps an earlier message from a model; whether it was on topic no longer matters."""
log = structlog.get_logger(__name__)


class Journey:
    """Runs once: `for out in Journey(parts, ruling, query, sampling, trace).run()`. Used by one thread."""

    def __init__(
        self, parts: Dependencies, ruling: PinnedPolicy, query: Query, sampling: Mapping[str, Any], trace: Trace
    ) -> None:
        self._parts, self._ruling, self._query, self._sampling, self._trace = parts, ruling, query, sampling, trace
        self._record = UntilFinished(
            parts.open_record(
                tenant=query.tenant,
                query=query.id,
                conversation=query.conversation,
                actor=query.actor,
                subject=query.subject,
                trace_id=trace.trace_id,
                span_id=trace.span_id,
                policy=ruling.digest,
            )
        )
        self._watched = (
            parts.shadow.watch(query, ruling.digest, ruling.candidate) if parts.shadow and ruling.candidate else None
        )
        self._hearing = QueryJudge(ruling.judges, trace, self._record, self._watched)
        self._wake = threading.Event()
        self._cancel = threading.Event()
        self._judged: list[Judged] = []
        self._route: Route | None = None
        self._made: Made | None = None
        self._citations: dict[int, Citation] = {}
        self._shown: list[Citation] = []
        self._said: list[str] = []
        self._question = ""
        self._kept: Future[None] | None = None
        self._finished = False

    def run(self) -> Iterator[Outgoing]:
        """What goes out, in order. Raises RecordUnavailable and ConversationUnknown; closing it cancels."""
        try:
            yield from self._guarded()
        except GeneratorExit:
            self._end_unheard(Outcome.CANCELLED, "cancelled")
            raise
        except RecordUnavailable:
            self._parts.meter.refused_unrecorded()
            self._end_unheard(Outcome.FAILED, "error", "the record could not be written")
            raise
        except ConversationUnknown:
            self._end_unheard(Outcome.FAILED, "error", "conversation unknown")
            raise
        except BaseException as error:
            self._end_unheard(Outcome.FAILED, "error", f"unexpected {type(error).__name__}")
            raise
        finally:
            self._cancel.set()

    def _guarded(self) -> Generator[Outgoing, None, None]:
        """The way; what nobody foresaw becomes an apology."""
        try:
            yield from self._travel()
        except (RecordUnavailable, ConversationUnknown, GeneratorExit, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of a native library is no Exception
            log.error(
                "journey.failed",
                query=self._query.id,
                error=type(error).__name__,
                trace_id=self._trace.trace_id,
            )
            self._trace.root.set_attribute(names.ERROR, type(error).__name__)
            yield from self._apologise(f"unexpected {type(error).__name__}")

    # --- the way --------------------------------------------------------------------------------

    def _travel(self) -> Generator[Outgoing, None, None]:
        query, parts = self._query, self._parts
        self._record.append(kinds.RECEIVED, {"characters": len(query.text)})
        dumped: bytes | None = None
        remembered: Sequence[Turn] = ()
        if not query.fresh:
            dumped, remembered = parts.memory.load(query.tenant, query.subject, query.conversation)
        self._pseudonyms = self._ruling.redact.open(dumped)
        before = self._pseudonyms.dump()
        with self._trace.step(names.REDACT) as span:
            self._question, counts = self._pseudonyms.redact(query.text)
            for entity, count in counts.items():
                span.set_attribute(names.ENTITIES + entity, count)
        parts.meter.entities(counts)
        self._record.append(kinds.REDACTED, {"question": self._question, "entities": dict(counts)})
        if (why := self._off()) is not None:
            yield from self._conclude(Stopped(why))
            return
        instruction, history = self._brought_along(remembered)
        if (known := self._pseudonyms.dump()) != before:
            self._kept = parts.pool.submit(
                parts.memory.save_pseudonyms, query.tenant, query.subject, query.conversation, known
            )
        vector = self._embed(self._question)
        rails = parts.pool.submit(self._hearing.judge, Seen(Direction.INPUT, self._question, vector))
        rails.add_done_callback(lambda _: self._wake.set())
        if not parts.speculate:
            self._settle(rails)
        asked, asked_vector = self._in_context(vector, history)
        passages = self._retrieve(asked, asked_vector)
        screening = Screening(self._hearing, parts.screened, query.tenant, self._ruling.digest)
        screened = parts.pool.submit(screening.passages, passages)
        # what attacks may still win the question for the documents: there it is left out, and no model answers instead
        route = self._choose(asked, asked_vector, passages)
        yield RouteOut(route)
        scope = "\x1f".join((query.tenant, *sorted(query.groups)))  # those who may read the same documents
        with_surrogates = partial(SurrogateModel, pseudonyms=self._pseudonyms, scope=scope)
        ask = Ask(
            asked,
            history,
            asked_vector,
            self._kept_of(screened.result()),
            query.groups,
            instruction,
            self._sampling,
            self._cancel,
            with_surrogates,
            parts.markers.of(query.tenant, query.conversation),
            screening.attacks,
        )
        ending = yield from self._answer_along(route, ask, rails)
        yield from self._conclude(ending)

    def _brought_along(self, remembered: Sequence[Turn]) -> tuple[str, list[Turn]]:
        """The instruction and the turns that a client brought along: redacted, judged, and left out where a
        rail objects, just as a refused turn of a stored conversation is not shown to a model."""
        instruction, asked, turns = "", "", list(remembered)
        for role, text in self._query.before:
            clean, _ = self._pseudonyms.redact(text)
            judged = self._hearing.judge(Seen(Direction.INPUT, clean, UNEMBEDDED), partial(self._embed, clean))
            if any(isinstance(j.verdict, Block) for j in judged if j.verdict.finding.rail in _CONTEXT_RAILS):
                self._record.append(kinds.LEFT_OUT, {"role": role, "text": clean})
                asked = ""
                continue
            match role:
                case "system" | "developer":
                    instruction = f"{instruction} {clean}".strip()
                case "user":
                    asked = clean
                case _ if asked:
                    turns.append(Turn(asked, clean))
                    asked = ""
        return instruction, turns

    def _embed(self, text: str) -> np.ndarray:
        with self._trace.step(names.EMBED):
            vector: np.ndarray = self._parts.embed([text])[0]
        return vector

    def _in_context(self, vector: np.ndarray, history: Sequence[Turn]) -> tuple[str, np.ndarray]:
        """A follow-up ("and of the other fund?") is looked up together with the question before it."""
        if not history or len(self._question.split()) > _FOLLOW_UP_WORDS:
            return self._question, vector
        both = f"{history[-1].question} {self._question}"
        return self._question, self._embed(both)

    def _retrieve(self, question: str, vector: np.ndarray) -> Sequence[Passage]:
        with self._trace.step(names.RETRIEVE, **{names.TOP_K: self._parts.top_k}) as span:
            passages = self._parts.search(question, self._parts.top_k, self._query.groups, vector)
            span.set_attribute(names.PASSAGES, len(passages))
        found = [
            {"number": n, "document": p.document, "page": p.page, "section": p.section, "chunk": p.chunk,
             "score": micro(p.score), "dense": micro(p.dense)}
            for n, p in enumerate(passages, 1)
        ]  # fmt: skip
        self._record.append(kinds.RETRIEVED, {"passages": found, "corpus": self._parts.corpus_digest()})
        return passages

    def _kept_of(self, screened: Screened) -> Sequence[Passage]:
        if screened.left_out:
            self._record.append(kinds.SCREENED, screened.body())
        self._parts.meter.screened(len(screened.kept), len(screened.left_out))
        return screened.kept

    def _choose(self, question: str, vector: np.ndarray, passages: Sequence[Passage]) -> Route:
        parts = self._parts
        with self._trace.step(names.SELECT) as span:
            unavailable = {n: why for n, breaker in parts.breakers.items() if (why := breaker.refuses())}
            evidence = Evidence(
                live=parts.live_question(question),
                support=parts.support.answerable(vector, passages, question) if passages else 0.0,
                unavailable=unavailable,
                forbidden=parts.forbidden(self._query),
                switched_off={name: why for name in parts.bots if (why := self._off(name)) is not None},
            )
            route = self._route = parts.selector.choose(vector, evidence)
            span.set_attribute(names.BOT, route.bot)
            span.set_attribute(names.SCORE, micro(route.candidates[0].score if route.candidates else 0.0))
        candidates = [
            {"bot": c.bot, "score": micro(c.score), "reason": c.reason, "removed": c.removed} for c in route.candidates
        ]
        body = {"bot": route.bot, "fallback": list(route.fallback), "candidates": candidates}
        ticket = self._record.append(kinds.ROUTED, body, labels={"bot": route.bot})
        parts.meter.route(route.bot)
        ticket.wait()
        return route

    def _answer_along(self, route: Route, ask: Ask, rails: Future[list[Judged]]) -> Generator[Outgoing, None, Ending]:
        """Bots of the chain in order, until one has answered; at most one restart after a steer."""
        steered, instruction = False, ask.instruction
        ending: Ending = Failed("no bot could be asked")
        if not route.bot and (off := [c.reason for c in route.candidates if c.reason.startswith(SWITCHED_OFF)]):
            return Stopped(off[0].removeprefix(SWITCHED_OFF))
        for name in route.chain:
            bot = self._parts.bots.get(name)
            if bot is None:
                ending = Failed(f"bot '{name}' is not configured" if name else "policy forbids every bot")
                continue
            off_now = partial(self._off, name)
            if (why := off_now()) is not None:
                ending = Stopped(why)
                continue
            if bot.leaves_boundary:
                found = self._ruled(rails)
                if isinstance(found, Blocked):
                    return found
                if found and not steered:
                    steered, instruction = True, self._correct(name, ask, found)
                self._record.append(kinds.LEAVING, {"bot": name}, labels={"bot": name}).wait()
            while True:
                attempt = Attempt(self._parts, self._hearing, bot, ask, instruction, self._wake, off_now)
                ending = yield from self._follow(attempt, rails, steered)
                if isinstance(ending, Steered) and not steered:
                    # Steered by what it was saying: there is one restart, so it must also heed what the question calls for.
                    found = self._ruled(rails)
                    if isinstance(found, Blocked):
                        ending = found
                        break
                    steered, instruction = True, self._correct(name, ask, found, ending)
                    continue
                break
            if isinstance(ending, Stopped):
                return ending
            breaker = self._parts.breakers[name]
            if not isinstance(ending, Failed):
                breaker.succeeded()
                return ending
            breaker.failed()
            self._record.append(kinds.BOT_FAILED, {"bot": name, "reason": ending.reason}, labels={"bot": name})
            if self._said:
                return ending
        return ending

    def _off(self, bot: str = "") -> str | None:
        """Why the tenant, or a bot for it, is switched off at this moment, or None."""
        return self._parts.switched_off(self._query.tenant, bot)

    def _ruled(self, rails: Future[list[Judged]]) -> Blocked | Steered | None:
        """What the input verdict demands before a bot may be asked; waits for it."""
        match self._settle(rails):
            case Block() as verdict:
                return Blocked(verdict)
            case Redact(finding):  # what should have been replaced would be read
                return Blocked(self._parts.as_block(finding.rail))
            case Steer(finding, instruction):
                return Steered(instruction, finding.rail)
        return None

    def _correct(self, bot: str, ask: Ask, *by: Steered | None) -> str:
        """The instruction with every correction, each once."""
        corrections = {one.instruction: one.rail for one in by if one}
        for rail in corrections.values():
            self._record.append(kinds.STEERED, {"bot": bot, "rail": rail})
        return " ".join((ask.instruction, *corrections)).strip()

    def _follow(self, attempt: Attempt, rails: Future[list[Judged]], steered: bool) -> Generator[Outgoing, None, Ending]:
        """Passes on what an attempt releases, each segment after its event is durable."""
        with closing(attempt.run(rails, self._settle, may_steer=not steered and not self._said)) as steps:
            for step in steps:
                if isinstance(step, Released) and (why := self._off(attempt.bot.name)) is not None:
                    step = Stopped(why)  # while a slow client took what was said before
                if isinstance(step, Released):
                    yield from self._send(attempt, step)
                elif isinstance(step, KeepAlive):
                    yield step
                else:
                    self._judged.extend(attempt.judged)
                    self._made = attempt.made or self._made
                    return step
        raise AssertionError("an attempt ends with an Ending")

    def _send(self, attempt: Attempt, said: Released) -> Generator[Outgoing, None, None]:
        cited = [attempt.citations[n] for n in map(int, _MARK.findall(said.text)) if n in attempt.citations]
        new = [c for c in cited if c not in self._shown]
        body = {"segment": said.id, "text": said.text, "citations": [c.number for c in new]}
        with self._trace.step(names.AUDIT) as span:
            receipt = self._record.append(kinds.RELEASED, body, labels={"bot": attempt.bot.name}).wait()
            span.set_attribute(names.SEQ, int(receipt["seq"]))
        self._await_pseudonyms()
        if not self._said:
            self._trace.note("first_segment", self._trace.elapsed())
        text, lost = self._pseudonyms.restore(said.text, "".join(self._said[-4:]))
        if lost:
            self._parts.meter.unrestored(lost)
        self._said.append(said.text)
        yield SegmentOut(said.id, text)
        for citation in new:
            self._shown.append(citation)
            yield CitationOut(citation)

    def _await_pseudonyms(self) -> None:
        """An answer leaves only when what its tags stand for is kept: otherwise nobody could read its record."""
        try:
            if self._kept is not None:
                self._kept.result(timeout=KEPT_WITHIN_S)
        except FutureTimeout as error:
            raise RecordUnavailable(
                f"the pseudonyms were not written within {KEPT_WITHIN_S:g} s; try again shortly"
            ) from error

    def _settle(self, rails: Future[list[Judged]]) -> Verdict:
        """The input verdict; waits for it. The rails have their own time limit, so this ends."""
        judged = rails.result()
        if not any(j.direction is Direction.INPUT for j in self._judged):
            self._judged[:0] = judged
        return worst(judged)

    # --- endings --------------------------------------------------------------------------------

    def _conclude(self, ending: Ending) -> Generator[Outgoing, None, None]:
        match ending:
            case Blocked(verdict):
                yield from self._refuse(verdict.message, verdict.alternatives, verdict.finding.rail)
                yield self._finish(Outcome.REFUSED, "content_filter")
            case Failed(reason):
                yield from self._apologise(reason)
            case Stopped(reason):
                self._record.append(kinds.STOPPED, {"reason": reason, "segments": len(self._said)})
                yield from self._refuse(self._parts.paused_message, self._parts.paused_alternatives, "switch")
                yield self._finish(Outcome.REFUSED, "content_filter", SWITCHED_OFF + reason)
            case Steered(_, rail):
                yield from self._refuse(self._parts.steered_message, (), rail)
                yield self._finish(Outcome.REFUSED, "content_filter")
            case Finished(abstained, finish_reason):
                yield self._finish(Outcome.ABSTAINED if abstained else Outcome.ANSWERED, finish_reason)

    def _refuse(self, message: str, alternatives: Sequence[str], rail: str) -> Generator[Outgoing, None, None]:
        offered = tuple(Alternative("note", text) for text in alternatives)
        body = {"rail": rail, "message": message, "alternatives": list(alternatives)}
        self._record.append(kinds.WITHHELD, body, labels={"rail": rail, "verdict": "block"}).wait()
        yield RefusalOut(message, offered, rail)

    def _apologise(self, reason: str) -> Generator[Outgoing, None, None]:
        """No bot could answer, or something broke: say so kindly, and end the record."""
        if self._finished:
            return
        yield from self._refuse(self._parts.failed_message, self._parts.failed_alternatives, "")
        yield self._finish(Outcome.FAILED, "error", reason)

    def _finish(self, outcome: Outcome, finish_reason: str, reason: str = "") -> Answer:
        """Remembers the turn, ends the record durably, and sums up the journey."""
        query = self._query
        answer = "".join(self._said).strip()
        self._await_pseudonyms()
        self._parts.memory.save_turn(
            query.tenant, query.subject, query.conversation, query.id, Turn(self._question, answer), outcome.value
        )
        with self._trace.step(names.AUDIT):
            receipt = self._end_record(outcome, finish_reason, reason).wait()
        self._trace.root.set_attribute(names.OUTCOME, outcome.value)
        usage = self._made.usage if self._made else {}
        for kind, count in usage.items():
            self._parts.meter.tokens(kind, count)
        return Answer(
            query=query.id,
            conversation=query.conversation,
            trace_id=self._trace.trace_id,
            outcome=outcome,
            route=self._route,
            verdicts=tuple(one.view() for one in self._judged),
            citations=tuple(self._shown),
            receipt=receipt,
            model={"name": self._made.model, "digest": self._made.digest} if self._made else {},
            timings=_milliseconds(self._trace),
            usage=usage,
            finish_reason=finish_reason,
        )

    def _end_record(self, outcome: Outcome, finish_reason: str, reason: str = "") -> Any:
        """Appends the one `finished` event. Not awaited here: after a cancel there is nobody to wait for it."""
        if self._finished:
            return None
        self._finished = True
        if self._watched is not None:
            self._watched.ended()
        timings = self._trace.timings
        bot = self._route.bot if self._route else ""
        verdict = worst(self._judged).name
        spent = {**timings, "total": self._trace.elapsed()}
        body = {
            "outcome": outcome.value,
            "finish_reason": finish_reason,
            "reason": reason,
            "segments": len(self._said),
            "us": {step: round(seconds * 1e6) for step, seconds in spent.items()},
        }
        self._parts.meter.finished(bot, outcome.value, self._trace.elapsed())
        for step, seconds in timings.items():
            self._parts.meter.step(step, seconds)
        return self._record.append(kinds.FINISHED, body, labels={"outcome": outcome.value, "bot": bot, "verdict": verdict})

    def _end_unheard(self, outcome: Outcome, finish_reason: str, reason: str = "") -> None:
        """Ends the record where nobody listens any more; if it cannot be written, the first failure is the news."""
        with suppress(RecordUnavailable):
            self._end_record(outcome, finish_reason, reason)


def _milliseconds(trace: Trace) -> dict[str, float]:
    short = {k.removeprefix("countersign."): round(v * 1000, 3) for k, v in trace.timings.items()}
    return {**short, "total": round(trace.elapsed() * 1000, 3)}
