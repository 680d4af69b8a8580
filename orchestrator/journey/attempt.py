"""One bot's attempt at an answer: its pieces through the gate, each segment judged while the next is written.

Invariant: `Released` is yielded only for what the gate released, so never before the input verdict is in.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import assert_never

import numpy as np

from audit import kinds
from moderation.gate import Halt, Release, Segment, StreamGate
from moderation.rails.base import Seen
from moderation.types import Allow, Block, Direction, Hidden, RailContext, Redact, Steer, Verdict
from orchestrator.bots.base import Abstained, Ask, Bot, Cited, Made, Piece, Text
from orchestrator.bots.wording import where
from orchestrator.citations import cited
from orchestrator.errors import BotUnavailable
from orchestrator.journey.bot_thread import BotThread, Cancel, Ended
from orchestrator.journey.context import InputVerdict, QueryContext
from orchestrator.journey.dependencies import Dependencies
from orchestrator.journey.ordered_pool import OrderedPool
from orchestrator.journey.outgoing import KeepAlive
from orchestrator.judging.judges import UNEMBEDDED, Judged, worst
from orchestrator.prompting import messages as prompts
from orchestrator.telemetry import attributes as names
from orchestrator.types import Citation

KEEP_ALIVE_S = 2.0
AT_A_TIME = 2
"""Texts of one answer that are judged at a time: a quotation, and the sentence that it belongs to."""
AHEAD = 32
"""Segments that may wait for their verdicts before the bot has to wait."""
LONGEST = 4096
"""Characters of a piece that are cut into segments at a time, whatever a bot says in one breath."""
BATCH = 256
"""Pieces taken before verdicts and deadlines are looked at again."""


@dataclass(frozen=True)
class Released:
    """A segment that the gate released; pseudonymised."""

    id: int
    text: str


@dataclass(frozen=True)
class Finished:
    """The bot has said all it wanted to say, or that it cannot answer (`abstained`)."""

    abstained: bool = False
    finish_reason: str = "stop"


@dataclass(frozen=True)
class Blocked:
    verdict: Block


@dataclass(frozen=True)
class Steered:
    """Generate again with this instruction; what the policy says before and after such an answer stands round it."""

    instruction: str
    rail: str
    preface: str = ""
    closing: str = ""


@dataclass(frozen=True)
class Stopped:
    """The bot or the tenant was switched off; `reason` is that of who did it."""

    reason: str


@dataclass(frozen=True)
class Failed:
    """The bot could not answer; `reason` holds no words of the caller."""

    reason: str


Ending = Finished | Blocked | Steered | Stopped | Failed
Step = Released | KeepAlive | Ending


def ending_of_input(verdict: Verdict, deps: Dependencies) -> Blocked | Steered | None:
    """What the verdict on the question demands of every bot, or None."""
    match verdict:
        case Allow():
            return None
        case Steer(finding, instruction, preface, closing):
            return Steered(instruction, finding.rail, preface, closing)
        case Redact(finding):  # a bot reads, or has already read, what should have been replaced
            return Blocked(deps.as_block(finding.rail))
        case Block():
            return Blocked(verdict)
        case _:
            assert_never(verdict)


class Attempt:
    """Runs once, on the journey's thread; the bot has its own thread, the rails theirs."""

    def __init__(
        self, context: QueryContext, bot: Bot, ask: Ask, wake: threading.Event, off: Callable[[], str | None]
    ) -> None:
        """wake: set when there is something to look at. off: why the bot may not go on, or None; asked all the time."""
        self.bot = bot
        self.made: Made | None = None
        self.judged: list[Judged] = []
        self.citations: dict[int, Citation] = {}
        self._deps, self._judge, self._wake = context.deps, context.judge, wake
        self._trace, self._record = context.trace, context.record
        self._cancel = Cancel(off)
        self._ask = dataclasses.replace(ask, cancel=self._cancel)
        self._hidden = Hidden(ask.markers.canary, prompts.OWN_WORDS)
        self._sources: dict[int, str] = {}
        self._gate: StreamGate = self._deps.new_gate()
        self._ordered = OrderedPool(self._deps.pool, AT_A_TIME)
        self._pending: dict[int, Future[list[Judged]]] = {}
        self._left: Text | None = None  # the rest of a long piece
        self._quotes: dict[int, tuple[Citation, Future[list[Judged]]]] = {}
        self._abstained = False
        self._released = False

    def run(self, question: InputVerdict, *, may_steer: bool) -> Generator[Step, None, None]:
        """Releases in order, keep-alives while there is nothing to say, and one Ending last."""
        thread = BotThread(self.bot, self._ask, self._trace, self._wake).start()
        try:
            yield from self._run(thread, question, may_steer)
        finally:
            thread.cancel()
            for future in (*self._pending.values(), *(quote for _, quote in self._quotes.values())):
                future.cancel()  # the pool is shared, and queued tasks would delay other journeys

    def _run(self, thread: BotThread, question: InputVerdict, may_steer: bool) -> Iterator[Step]:
        begun = spoke = time.perf_counter()
        input_in, ended, heard = False, False, False
        while True:
            self._wake.wait(0.1)
            self._wake.clear()
            if self._cancel.is_set() and self._cancel.switched is not None:
                yield Stopped(self._cancel.switched)
                return
            if not input_in and question.is_in:
                input_in = True
                demanded = ending_of_input(question.wait(), self._deps)
                if isinstance(demanded, Blocked) or (demanded and may_steer):
                    yield demanded
                    return
                yield from self._let_out(self._gate.input_verdict(True))
            for piece in self._take(thread):
                heard = True
                if isinstance(piece, Ended):
                    ended = True
                    if piece.error is not None:  # half an answer is never passed off as a whole one
                        yield Failed(_reason(piece.error))
                        return
                    self._submit_segments(self._gate.close())
                else:
                    self._hear(piece)
            for result in self._verdicts():
                if not isinstance(result, Released):
                    if isinstance(result, Steered) and (self._released or not may_steer):
                        result = Blocked(self._deps.as_block(result.rail))
                    yield result
                    return
                yield result
                spoke = time.perf_counter()
            if ended and input_in and not self._pending:
                yield Finished(self._abstained, self.made.finish_reason if self.made else "stop")
                return
            if (self._left or thread.waiting) and len(self._pending) < AHEAD:
                self._wake.set()
            now = time.perf_counter()
            if late := self._late(now - begun, heard):
                if self._released:
                    yield Finished(False, "length")
                else:
                    yield Failed(late)
                return
            if now - spoke > KEEP_ALIVE_S:
                spoke = now
                yield KeepAlive()

    def _take(self, thread: BotThread) -> Iterator[Piece | Ended]:
        """What the bot has said meanwhile, but not more than the rails keep up with: then the queue fills and
        the bot waits."""
        for _ in range(BATCH):
            if len(self._pending) >= AHEAD:
                return
            piece = self._left or thread.take()
            if piece is None:
                return
            self._left = None
            if isinstance(piece, Text) and len(piece.text) > LONGEST:
                self._left = Text(piece.text[LONGEST:])
                piece = Text(piece.text[:LONGEST])
            yield piece

    def _hear(self, piece: Piece) -> None:
        match piece:
            case Text(text):
                self._submit_segments(self._gate.feed(text))
            case Abstained(text):
                self._abstained = True
                self._submit_segments(self._gate.feed(text))
            case Cited(citation, evidence):
                self._sources[citation.number] = evidence or citation.quote
                self._quotes[citation.number] = (
                    citation,
                    self._submit(citation.quote, "", None, (evidence,) if evidence else ()),
                )
            case Made():
                self.made = piece
                body = {"bot": self.bot.name, "model": piece.model, **dict(piece.details)}
                self._record.append(kinds.GENERATED, body, labels={"bot": self.bot.name}, model=piece.digest)

    def _submit_segments(self, segments: list[Segment]) -> None:
        for segment in segments:
            documents = (*self._sources.values(), *(where(passage) for passage in self._ask.passages))
            self._pending[segment.id] = self._submit(segment.text, segment.context, segment.id, documents)

    def _submit(self, text: str, context: str, segment: int | None, documents: tuple[str, ...]) -> Future[list[Judged]]:
        def vector() -> np.ndarray:
            found: np.ndarray = self._deps.embed([text])[0]
            return found

        # a quote is the passage's own words: only what the answer says of it is held against it
        beside = RailContext({} if segment is None else dict(self._sources), self._hidden, documents)
        seen = Seen(Direction.OUTPUT, text, UNEMBEDDED, context, beside, segment)
        future = self._ordered.submit(partial(self._judge.judge, seen, vector))
        future.add_done_callback(lambda _: self._wake.set())
        return future

    def _verdicts(self) -> Iterator[Released | Ending]:
        """Judgements that have come in, in the order of their segments."""
        for number in [n for n, future in self._pending.items() if future.done()]:
            judged = self._pending.pop(number).result()
            self.judged.extend(judged)
            verdict = worst(judged)
            with self._trace.step(names.GATE) as span:
                span.set_attribute(names.SEGMENT, number)
                span.set_attribute(names.VERDICT, verdict.name)
                outcome = self._gate.verdict(number, verdict)
            if isinstance(outcome, Halt):
                yield _ending_of_halt(verdict)
                return
            yield from self._let_out(outcome)

    def _let_out(self, releases: list[Release] | Halt) -> Iterator[Released]:
        if isinstance(releases, Halt):
            return
        for release in releases:
            self._take_quotes(release.text)
            self._released = True
            yield Released(release.id, release.text)

    def _take_quotes(self, text: str) -> None:
        """Citations whose marks stand in the text; a quote that did not pass the rails is left out."""
        for number in cited(text):
            if number in self._quotes:
                citation, future = self._quotes.pop(number)
                passed = isinstance(worst(future.result()), Allow)
                self.citations[number] = citation if passed else dataclasses.replace(citation, quote="")
                self._record.append(kinds.CITED, dataclasses.asdict(self.citations[number]))

    def _late(self, seconds: float, heard: bool) -> str | None:
        limits = self._deps.selector.routes.bots[self.bot.name]
        if not heard and seconds > limits.first_piece_s:
            return f"nothing within {limits.first_piece_s:g} s"
        if seconds > limits.deadline_s:
            return f"no answer within {limits.deadline_s:g} s"
        return None


def _ending_of_halt(verdict: Verdict) -> Ending:
    """Why the gate lets nothing more of an answer out."""
    match verdict:
        case Block():
            return Blocked(verdict)
        case Steer(finding, instruction):
            return Steered(instruction, finding.rail)
        case Allow() | Redact():
            return Failed("the gate halted")
        case _:
            assert_never(verdict)


def _reason(error: BaseException) -> str:
    """Why a bot failed; only messages that were written for the record are repeated."""
    return str(error) if isinstance(error, BotUnavailable) else type(error).__name__
