"""The stream gate's promises, as properties over texts, chunkings and orders of verdicts."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moderation.gate import LOOKAHEAD, GateError, Halt, Release, Segment, StreamGate, well_formed, without_padding
from moderation.types import Allow, Block, Finding, Redact, Steer, Verdict

FINDING = Finding("toxicity", "violence", 0.9, 0.5, "test")
ALLOW = Allow(FINDING)
BLOCK = Block(FINDING, "no", ("ask something else",))
STEER = Steer(FINDING, "kindly")
ENTITIES = (
    "<PERSON_1>",
    "<EMAIL_ADDRESS_12>",
    "4111 1111 1111 1111",
    "DE89 3704 0044 0532 0130 00",
    "GB29 NWBK 6016 1331 9268 19",
    "+44 20 7946 0958",
    "(555) 123-4567",
    "1,234,567.89",
    "1 000 000",
    "jane.doe@example.com",
    "https://example.com/a.b?c=1&d=2",
    "USD 12.50",
)
WORDS = ("the", "fund", "rose", "Dr.", "e.g.", "fees", "of", "Yes!", "Oh?", "基金上涨。", "(see", "below).")
pieces = st.lists(st.one_of(st.sampled_from(WORDS), st.sampled_from(ENTITIES)), min_size=1, max_size=60)
separators = st.sampled_from((" ", " ", " ", "\n", "\n\n", "  "))
free_text = st.one_of(
    st.text(max_size=600),
    st.text(st.characters(exclude_categories=()), max_size=300),  # with halves of surrogate pairs
    st.text(alphabet="aB1 .\n<>_é", max_size=600),
    st.text(alphabet="a \u200b\u0301\ufeff\0\r\n\u2028\ud83d\ude00", max_size=600),
)
holds = st.integers(min_value=64, max_value=160)


@st.composite
def sentences(draw: st.DrawFn) -> str:
    return "".join(piece + draw(separators) for piece in draw(pieces))


@st.composite
def chunked(draw: st.DrawFn, texts: st.SearchStrategy[str] | None = None) -> list[str]:
    text = draw(st.one_of(free_text, sentences()) if texts is None else texts)
    marks = sorted(draw(st.lists(st.integers(0, len(text)), max_size=30)))
    return [text[a:b] for a, b in zip([0, *marks], [*marks, len(text)], strict=True)]


def surrogate_pair(high: str, low: str) -> int:
    """The code point of a pair (Unicode 15, section 3.9, table 3-5)."""
    return 0x10000 + ((ord(high) - 0xD800) << 10) + (ord(low) - 0xDC00)


def cut(chunks: list[str], hold: int) -> list[Segment]:
    gate = StreamGate(max_hold=hold)
    return [segment for chunk in chunks for segment in gate.feed(chunk)] + gate.close()


def released(result: list[Release] | Halt) -> list[Release]:
    return [] if isinstance(result, Halt) else result


@given(chunked(), holds)
def test_the_segments_are_the_same_for_every_chunking(chunks: list[str], hold: int) -> None:
    assert cut(chunks, hold) == cut(["".join(chunks)], hold) == cut(list("".join(chunks)), hold)


@given(chunked(), holds)
def test_close_loses_nothing_and_no_segment_is_longer_than_the_hold(chunks: list[str], hold: int) -> None:
    segments = cut(chunks, hold)
    assert "".join(segment.text for segment in segments) == well_formed("".join(chunks))
    assert all(0 < len(segment.text) <= hold for segment in segments)


@given(chunked(), holds)
def test_no_more_is_held_than_a_segment_and_what_must_be_known_after_it(chunks: list[str], hold: int) -> None:
    gate = StreamGate(max_hold=hold)
    fed = cut_off = 0
    for chunk in chunks:
        fed += len(chunk)
        cut_off += sum(len(segment.text) for segment in gate.feed(chunk))
        assert well_formed("".join(chunks)) != "".join(chunks) or fed - cut_off < hold + LOOKAHEAD


@given(chunked(), st.sampled_from((0, 2, 3, 7, 64, 100)))
def test_the_context_is_the_text_just_before_the_segment_without_padding(chunks: list[str], overlap: int) -> None:
    gate = StreamGate(max_hold=64, overlap=overlap)
    segments = [segment for chunk in chunks for segment in gate.feed(chunk)] + gate.close()
    before = ""
    for segment in segments:
        assert segment.context == (without_padding(before)[-overlap:] if overlap else "")
        before += segment.text


@pytest.mark.parametrize(
    "padding", [" ", "\n", "\t \r\n", "\u00a0", "\u200b", "\ufeff", "\u00ad", "\u0301", "\u2060 \u200d"]
)
def test_padding_does_not_push_the_beginning_of_a_phrase_out_of_the_context_of_its_end(padding: str) -> None:
    gate = StreamGate(max_hold=64, overlap=32)
    segments = gate.feed("Please do transfer all" + padding * 500 + "of the money today") + gate.close()
    seen = without_padding(segments[-1].context + segments[-1].text)
    assert "transfer all" in seen
    assert "money today" in seen


@given(st.text(st.sampled_from("ab\ud83d\ude00\udc00\ud800"), max_size=80), st.lists(st.integers(0, 80), max_size=20))
def test_what_comes_out_is_always_text_that_can_be_sent(text: str, marks: list[int]) -> None:
    """JSON from a remote engine may carry one half of a character in one chunk and the other in the next."""
    marks = sorted(min(mark, len(text)) for mark in marks)
    chunks = [text[a:b] for a, b in zip([0, *marks], [*marks, len(text)], strict=True)]
    out = "".join(segment.text for segment in cut(chunks, 64))
    joined = re.sub("([\ud800-\udbff])([\udc00-\udfff])", lambda pair: chr(surrogate_pair(*pair.groups())), text)
    assert out == re.sub("[\ud800-\udfff]", "\ufffd", joined)
    out.encode()


@example(["4111 1111 1111 1111 4111 1111 1111 1111 DE89 3704 0044 0532 0130 00 "], 64)
@example(["4111 1111 1111 1111 " * 5], 64)
@example(["1 000 000 " * 4 + "DE89 3704 0044 0532 0130 00 " * 3], 70)
@given(chunked(sentences()), holds)
def test_no_cut_falls_inside_an_entity(chunks: list[str], hold: int) -> None:
    text, at = "".join(chunks), 0
    cuts = {at := at + len(segment.text) for segment in cut(chunks, hold)}
    for entity in ENTITIES:
        for found in re.finditer(re.escape(entity), text):
            assert not cuts & set(range(found.start() + 1, found.end())), (entity, text)


@given(st.integers(0, 80), st.sampled_from(("<PERSON_1>", "<IBAN_CODE_104>")))
def test_a_tag_in_unbroken_text_stays_whole(before: int, tag: str) -> None:
    segments = cut(["x" * before + tag + "x" * 90], 64)
    assert any(tag in segment.text for segment in segments)


@given(chunked(), st.data())
def test_nothing_from_a_blocked_segment_on_is_released(chunks: list[str], data: st.DataObject) -> None:
    gate = StreamGate(max_hold=64)
    out: list[Release] = []
    waiting: list[Segment] = []
    blocked: set[int] = set()
    steps = [*chunks, None]
    input_at = data.draw(st.integers(0, len(steps)))
    for number, chunk in enumerate(steps):
        waiting += gate.close() if chunk is None else gate.feed(chunk)
        if number == input_at:
            out += released(gate.input_verdict(True))
        while waiting and data.draw(st.booleans()):
            segment = waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))
            verdict: Verdict = data.draw(st.sampled_from((ALLOW, ALLOW, ALLOW, BLOCK, STEER)))
            if verdict is not ALLOW:
                blocked.add(segment.id)
            out += released(gate.verdict(segment.id, verdict))
    ids = [release.id for release in out]
    assert ids == list(range(len(ids)))
    assert not blocked or max(ids, default=-1) < min(blocked)
    assert well_formed("".join(chunks)).startswith("".join(release.text for release in out))
    assert gate.halted == bool(blocked)
    assert not (input_at == len(steps) and out)


@given(chunked(), st.randoms())
def test_all_that_is_allowed_comes_out_in_order_whatever_the_order_of_verdicts(chunks, random) -> None:
    gate = StreamGate(max_hold=64)
    segments = [segment for chunk in chunks for segment in gate.feed(chunk)] + gate.close()
    random.shuffle(segments)
    out = released(gate.input_verdict(True))
    for segment in segments:
        out += released(gate.verdict(segment.id, ALLOW))
    assert "".join(release.text for release in out) == well_formed("".join(chunks))
    assert [release.id for release in out] == sorted(release.id for release in out)
    assert gate.done
    assert not gate.halted


@given(chunked(), chunked(), st.booleans())
def test_a_halt_is_final(chunks: list[str], more: list[str], by_input: bool) -> None:
    gate = StreamGate(max_hold=64)
    segments = [s for chunk in ["Some first sentence is here. ", *chunks] for s in gate.feed(chunk)]
    if by_input or not segments:
        halt = gate.input_verdict(False)
        assert halt == Halt(None, None)
    else:
        halt = gate.verdict(segments[0].id, BLOCK)
        assert halt == Halt(segments[0].id, BLOCK)
    for chunk in more:
        assert gate.feed(chunk) == []
    assert gate.input_verdict(True) == halt
    assert all(gate.verdict(segment.id, ALLOW) == halt for segment in segments)
    assert gate.close() == []
    assert gate.halted
    assert not gate.done


def test_nothing_is_released_before_the_input_verdict() -> None:
    gate = StreamGate()
    first, second = gate.feed("The fund rose by two percent. It fell again in the next month. So")
    assert gate.verdict(first.id, ALLOW) == []
    assert gate.input_verdict(True) == [Release(0, "The fund rose by two percent. ")]
    assert gate.verdict(second.id, ALLOW) == [Release(1, "It fell again in the next month. ")]


def test_a_redacted_segment_leaves_as_its_replacement() -> None:
    gate = StreamGate()
    gate.input_verdict(True)
    (segment,) = [*gate.feed("Write to jane@example.com"), *gate.close()]
    assert gate.verdict(segment.id, Redact(FINDING, "Write to [EMAIL]")) == [Release(0, "Write to [EMAIL]")]
    assert gate.done


def test_an_abbreviation_or_a_list_number_does_not_end_a_sentence() -> None:
    text = "The board heard the report of Dr. Smith on fees. "
    assert [s.text for s in cut([text + "Next one follows now."], 200)] == [text, "Next one follows now."]


def test_a_verdict_that_nobody_waits_for_is_an_error() -> None:
    gate = StreamGate()
    gate.feed("One sentence that is long enough. And")
    gate.verdict(0, ALLOW)
    for unknown in (0, 7):
        with pytest.raises(GateError, match="exactly once"):
            gate.verdict(unknown, ALLOW)


def test_text_after_close_is_an_error() -> None:
    gate = StreamGate()
    gate.close()
    with pytest.raises(GateError, match="new gate"):
        gate.feed("more")


def test_a_hold_too_short_for_a_tag_is_refused() -> None:
    with pytest.raises(GateError, match="64"):
        StreamGate(max_hold=10)
