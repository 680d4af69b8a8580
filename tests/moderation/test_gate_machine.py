"""Whatever happens to a gate in whatever order, it lets out what a plain list would let out."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from moderation.gate import GateError, Halt, Release, Segment, StreamGate, well_formed
from moderation.types import Allow, Block, Finding, Redact, Steer, Verdict

FINDING = Finding("toxicity", "violence", 0.9, 0.5, "test")
VERDICTS: tuple[Verdict, ...] = (
    Allow(FINDING),
    Allow(FINDING),
    Redact(FINDING, "[left out] "),
    Redact(FINDING, ""),
    Block(FINDING, "no", ()),
    Steer(FINDING, "kindly"),
)
chunks = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=90),
    st.text("aB1 .!\n<>_\ud83d\ude00\u200b", max_size=90),
    st.sampled_from(("", "The fund rose by two percent. ", "4111 1111 1111 1111 ", "<PERSON_1>", "x" * 200)),
)


class AnyOrder(RuleBasedStateMachine):
    """The model: `verdicts` by segment, whether the input was allowed, and whether something was refused before.

    What may be out is then the longest unbroken beginning of the segments that are allowed, and nothing more.
    """

    @initialize(hold=st.integers(64, 120), overlap=st.integers(0, 40))
    def begin(self, hold: int, overlap: int) -> None:
        self.gate = StreamGate(hold, overlap)
        self.hold = hold
        self.fed = ""
        self.segments: list[Segment] = []
        self.verdicts: dict[int, Verdict] = {}
        self.input: bool | None = None
        self.halt: Halt | None = None
        self.closed = False
        self.left: list[Release] = []

    @rule(chunk=chunks)
    def feed(self, chunk: str) -> None:
        if self.closed:
            with pytest.raises(GateError):
                self.gate.feed(chunk)
        elif self.halt:
            assert self.gate.feed(chunk) == []
        else:
            self.fed += chunk
            self.segments += self.gate.feed(chunk)

    @rule()
    def close(self) -> None:
        found = self.gate.close()
        assert not found or not (self.closed or self.halt)
        self.segments += found
        self.closed = True

    @rule(ok=st.sampled_from((True, True, True, False)))
    def judge_the_input(self, ok: bool) -> None:
        result = self.gate.input_verdict(ok)
        if not self.halt:
            self.input = ok
            if not ok:
                self.halt = Halt(None, None)
        self.heard(result)

    @precondition(lambda self: any(s.id not in self.verdicts for s in self.segments))
    @rule(data=st.data(), verdict=st.sampled_from(VERDICTS))
    def judge_a_segment(self, data: st.DataObject, verdict: Verdict) -> None:
        number = data.draw(st.sampled_from([s.id for s in self.segments if s.id not in self.verdicts]))
        result = self.gate.verdict(number, verdict)
        if not self.halt:
            self.verdicts[number] = verdict
            if isinstance(verdict, Block | Steer):
                self.halt = Halt(number, verdict)
        self.heard(result)

    @precondition(lambda self: not self.halt)
    @rule(beyond=st.integers(0, 3), verdict=st.sampled_from(VERDICTS))
    def judge_what_does_not_wait(self, beyond: int, verdict: Verdict) -> None:
        for number in (len(self.segments) + beyond, *list(self.verdicts)[:1]):
            with pytest.raises(GateError):
                self.gate.verdict(number, verdict)

    def heard(self, result: list[Release] | Halt) -> None:
        if self.halt:
            assert result == self.halt
            return
        assert isinstance(result, list)
        self.left += result
        expected: list[Release] = []
        for segment in self.segments if self.input else ():
            match self.verdicts.get(segment.id):
                case Allow():
                    expected.append(Release(segment.id, segment.text))
                case Redact(text=text):
                    expected.append(Release(segment.id, text))
                case _:
                    break
        assert self.left == expected

    @invariant()
    def nothing_is_lost_and_little_is_held(self) -> None:
        if self.halt:
            return
        text, cut = well_formed(self.fed), "".join(s.text for s in self.segments)
        assert text == cut if self.closed else text.startswith(cut)
        assert [s.id for s in self.segments] == list(range(len(self.segments)))
        assert self.closed or len(text) - len(cut) < self.hold + 3

    @invariant()
    def it_knows_how_it_stands(self) -> None:
        assert self.gate.halted == bool(self.halt)
        whole = self.closed and not self.halt and bool(self.input)
        assert self.gate.done == (whole and len(self.left) == len(self.segments))


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
