"""The bots of a route are asked in order until one has answered, and what is released goes out.

Invariant: a segment goes out only after its event is durable. Once something has gone out no other bot is asked, and nothing
is generated again.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Generator, Mapping
from contextlib import closing
from functools import partial

from audit import kinds
from orchestrator.bots.base import NO_EVIDENCE, Ask, BotEvidence, Role
from orchestrator.bots.framed import Framed
from orchestrator.bots.limited import Limited
from orchestrator.citations import cited
from orchestrator.journey.attempt import Attempt, Blocked, Ending, Failed, Released, Steered, Stopped, ending_of_input
from orchestrator.journey.context import InputVerdict, Progress, QueryContext
from orchestrator.journey.outgoing import CitationOut, KeepAlive, Outgoing, SegmentOut
from orchestrator.ports import Pseudonymise
from orchestrator.selection.selector import SWITCHED_OFF
from orchestrator.telemetry import attributes as names
from orchestrator.types import UNLIMITED, Route


class Fallback:
    """Runs once, on the journey's thread. wake: set when an attempt should look around again."""

    def __init__(
        self,
        context: QueryContext,
        progress: Progress,
        pseudonyms: Pseudonymise,
        question: InputVerdict,
        wake: threading.Event,
    ) -> None:
        self._context, self._progress, self._pseudonyms = context, progress, pseudonyms
        self._question, self._wake = question, wake
        self._instruction = ""
        self._frame = ("", "")
        self._steered = False

    def answer(self, route: Route, ask: Ask, evidence: Mapping[str, BotEvidence]) -> Generator[Outgoing, None, Ending]:
        """Yields what goes out, and returns how it ended. evidence: what each bot of the route says of this question."""
        self._instruction = ask.instruction
        ending: Ending = Failed("no bot could be asked")
        if not route.bot and (off := [c.reason for c in route.candidates if c.reason.startswith(SWITCHED_OFF)]):
            return Stopped(off[0].removeprefix(SWITCHED_OFF))
        for name in route.chain:
            if name not in self._context.deps.bots:
                ending = Failed(f"bot '{name}' is not configured" if name else "policy forbids every bot")
                continue
            if (why := self._context.switched_off(name)) is not None:
                ending = Stopped(why)
                continue
            own = dataclasses.replace(ask, evidence=evidence.get(name, NO_EVIDENCE))
            ending = yield from self._ask(name, own)
            if not isinstance(ending, Failed) or self._progress.said:
                return ending
        return ending

    def _ask(self, name: str, ask: Ask) -> Generator[Outgoing, None, Ending]:
        """One bot's answer; with at most one restart after a steer in the whole journey."""
        bot = self._context.deps.bots[name]
        if bot.leaves_boundary:
            demanded = ending_of_input(self._question.wait(), self._context.deps)
            if isinstance(demanded, Blocked):
                return demanded
            if demanded and not self._steered:
                self._correct(name, demanded)
            self._context.record.append(kinds.LEAVING, {"bot": name}, labels={"bot": name}).wait()
        ending = yield from self._attempt(name, ask)
        if isinstance(ending, Steered) and not self._steered:
            # Steered by what it was saying: there is one restart, so it must also heed what the question calls for.
            demanded = ending_of_input(self._question.wait(), self._context.deps)
            if isinstance(demanded, Blocked):
                ending = demanded
            else:
                self._correct(name, demanded, ending)
                ending = yield from self._attempt(name, ask)
        if isinstance(ending, Stopped):
            return ending
        breaker = self._context.deps.breakers[name]
        if isinstance(ending, Failed):
            breaker.failed()
            self._context.record.append(kinds.BOT_FAILED, {"bot": name, "reason": ending.reason}, labels={"bot": name})
        else:
            breaker.succeeded()
        return ending

    def _correct(self, bot: str, *by: Steered | None) -> None:
        """Adds every correction to the instruction, each once."""
        corrections = {one.instruction: one.rail for one in by if one}
        self._frame = next(((one.preface, one.closing) for one in by if one and (one.preface or one.closing)), self._frame)
        for rail in corrections.values():
            self._context.record.append(kinds.STEERED, {"bot": bot, "rail": rail})
        new = [text for text in corrections if text not in self._instruction]
        self._instruction = " ".join((self._instruction, *new)).strip()
        self._steered = True

    def _attempt(self, name: str, ask: Ask) -> Generator[Outgoing, None, Ending]:
        """Passes on what an attempt releases, each segment after its event is durable."""
        off = partial(self._context.switched_off, name)
        ask = dataclasses.replace(ask, instruction=self._instruction)
        bot = self._context.deps.bots[name]
        limits = self._context.query.limits
        ends = Limited(bot, limits) if limits != UNLIMITED and bot.role is not Role.MEMORY else bot
        framed = Framed(ends, *self._frame) if any(self._frame) else ends
        attempt = Attempt(self._context, framed, ask, self._wake, off)
        with closing(attempt.run(self._question, may_steer=not self._steered and not self._progress.said)) as steps:
            for step in steps:
                if isinstance(step, Released) and (why := off()) is not None:
                    step = Stopped(why)  # while a slow client took what was said before
                if isinstance(step, Released):
                    yield from self._send(attempt, step)
                elif isinstance(step, KeepAlive):
                    yield step
                else:
                    self._progress.judged.extend(attempt.judged)
                    self._progress.made = attempt.made or self._progress.made
                    return step
        raise AssertionError("an attempt ends with an Ending")

    def _send(self, attempt: Attempt, segment: Released) -> Generator[Outgoing, None, None]:
        progress, trace = self._progress, self._context.trace
        sources = [attempt.citations[number] for number in cited(segment.text) if number in attempt.citations]
        new = [source for source in sources if source not in progress.shown]
        body = {"segment": segment.id, "text": segment.text, "citations": [source.number for source in new]}
        with trace.step(names.AUDIT) as span:
            receipt = self._context.record.append(kinds.RELEASED, body, labels={"bot": attempt.bot.name}).wait()
            span.set_attribute(names.SEQ, int(receipt["seq"]))
        progress.await_pseudonyms()
        if not progress.said:
            trace.note("first_segment", trace.elapsed())
        text, lost = self._pseudonyms.restore(segment.text, "".join(progress.said[-4:]))
        if lost:
            self._context.deps.meter.unrestored(lost)
        progress.said.append(segment.text)
        progress.told.append(text)
        yield SegmentOut(segment.id, text)
        for source in new:
            progress.shown.append(source)
            yield CitationOut(source)
