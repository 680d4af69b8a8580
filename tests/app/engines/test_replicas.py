"""Which engine is asked, and what is made of what it sends: pure functions, and their properties."""

from __future__ import annotations

import json
import math
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine_client.identity import Identity, identity
from app.engine_client.rendezvous import LONGEST_PAUSE_S, SLACK, Replica, order
from app.engine_client.sse import LONGEST_LINE, Broken, Chunks, counted

KEYS = [bytes([n, n + 1]) for n in range(200)]


def replicas(count: int) -> list[Replica]:
    return [Replica(f"http://engine-{n}:8090") for n in range(count)]


@given(st.integers(1, 7), st.lists(st.binary(min_size=1, max_size=4), min_size=1, max_size=80))
def test_no_engine_ever_has_more_than_its_share_and_the_slack(count: int, keys: list[bytes]) -> None:
    known = replicas(count)
    for number, key in enumerate(keys, 1):
        order(key, known)[0].running += 1
        assert max(one.running for one in known) <= math.ceil((1 + SLACK) * number / count)


@given(st.integers(2, 7), st.binary(min_size=1, max_size=8), st.data())
def test_a_key_keeps_its_engine_while_that_has_room_whatever_becomes_of_the_others(
    count: int, key: bytes, data: st.DataObject
) -> None:
    known = replicas(count)
    first = order(key, known)[0]
    gone = data.draw(st.sampled_from([one for one in known if one is not first]))
    assert order(key, [one for one in known if one is not gone])[0] is first
    assert order(key, [*known, Replica("http://new:1")])[0].address in (first.address, "http://new:1")


def test_idle_engines_share_the_keys() -> None:
    held = Counter(order(key, replicas(4))[0].address for key in KEYS)
    assert len(held) == 4
    assert min(held.values()) > len(KEYS) / 4 / 2


def test_a_full_engine_is_tried_last_and_a_paused_one_not_at_all() -> None:
    known = replicas(3)
    first, second, third = order(b"key", known)
    first.running = 5
    assert order(b"key", known) == [second, third, first]
    second.failed(10.0, "died")
    assert order(b"key", known) == [third, first]


def test_pauses_grow_to_a_limit_and_begin_anew_after_a_whole_answer() -> None:
    one = Replica("http://engine:1")
    pauses = [one.failed(100.0, "died") for _ in range(9)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert (one.paused, one.paused_until) == (True, 100.0 + LONGEST_PAUSE_S)
    one.back()
    assert (one.paused, one.failed(0.0, "died")) == (False, 60)


# --- streams ---------------------------------------------------------------------------------------


def stream_of(*pieces: str, reason: str = "stop") -> bytes:
    chunks: list[dict[str, object]] = [{"choices": [{"delta": {"role": "assistant", "content": ""}}]}]
    chunks += [{"choices": [{"delta": {"content": piece}, "finish_reason": None}]} for piece in pieces]
    chunks += [{"choices": [{"delta": {}, "finish_reason": reason}]}, {"choices": [], "usage": {"prompt_tokens": 7}}]
    return (
        b": ping\r\n\r\n" + b"".join(b"data: " + json.dumps(c).encode() + b"\r\n\r\n" for c in chunks) + b"data: [DONE]\n\n"
    )


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), max_size=5), st.lists(st.integers(0, 600), max_size=8))
def test_the_text_is_the_same_however_its_bytes_are_cut(pieces: list[str], cuts: list[int]) -> None:
    data, chunks, said = stream_of(*pieces), Chunks(), list[str]()
    places = sorted({0, *(min(cut, len(data)) for cut in cuts), len(data)})
    for begin, end in pairwise(places):
        said += chunks.feed(data[begin:end])
    chunks.close()
    assert ("".join(said), chunks.usage, chunks.ended) == ("".join(pieces), {"prompt_tokens": 7}, True)


@pytest.mark.parametrize("reason", ["abort", "error", "cancelled", "tool_calls"])
def test_an_answer_that_ends_for_another_reason_than_its_own_is_broken(reason: str) -> None:
    chunks = Chunks()
    list(chunks.feed(stream_of("a", reason=reason)))
    with pytest.raises(Broken):
        chunks.close()


@pytest.mark.parametrize(
    "data",
    [
        b'data: {"choices"\n\n',
        b"data: 1\n\n",
        b'data: {"error": {"message": "the prompt was: my secret"}}\n\n',
        b"data: " + b"[" * 100_000 + b"\n\n",
        b"x" * (LONGEST_LINE + 1),
    ],
)
def test_what_is_no_chunk_breaks_the_stream_and_is_not_repeated(data: bytes) -> None:
    with pytest.raises(Broken) as caught:
        list(Chunks().feed(data))
    assert "secret" not in str(caught.value)


def test_half_a_character_becomes_a_mark_of_its_own() -> None:
    chunk = b'data: {"choices": [{"delta": {"content": "a\\ud83d"}}]}\n'
    assert list(Chunks().feed(chunk)) == ["a\N{REPLACEMENT CHARACTER}"]


def test_usage_is_numbers_only() -> None:
    told = {"prompt_tokens": 3, "completion_tokens": True, "prompt_tokens_details": {"cached_tokens": 2}, "x": "y"}
    assert counted(told) == {"prompt_tokens": 3, "cached_tokens": 2}


# --- what an engine serves -------------------------------------------------------------------------


def test_the_model_that_is_wanted_or_the_first_is_taken_with_its_digest() -> None:
    listed = json.dumps(
        {"data": [{"id": "a"}, {"id": "b", "digest": "ab" * 32}, {"id": "c", "digest": "<script>"}]}
    ).encode()
    assert identity(listed, "") == Identity("a", "")
    assert identity(listed, "b") == Identity("b", "ab" * 32)
    assert identity(listed, "c") == Identity("c", "")
    with pytest.raises(Broken, match="does not serve d"):
        identity(listed, "d")


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"data": []}', b'{"data": [{"id": 3}]}', b'{"data": [{"id": "\\n"}]}']
)
def test_what_lists_no_models_is_refused(content: bytes) -> None:
    with pytest.raises(Broken):
        identity(content, "")


def test_an_unknown_digest_agrees_with_any_and_another_one_does_not() -> None:
    assert Identity("a", "").same(Identity("a", "ab" * 32))
    assert not Identity("a", "cd" * 32).same(Identity("a", "ab" * 32))
    assert not Identity("b", "").same(Identity("a", ""))
