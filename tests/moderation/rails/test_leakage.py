"""Our own words to a model, and the canary among them: in an answer, in whatever disguise and however it is cut."""

from __future__ import annotations

import base64
import codecs
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.gate import Halt, StreamGate
from moderation.heads.head import Heads
from moderation.policy import load_policy
from moderation.rails import Rails
from moderation.rails.base import Seen
from moderation.types import Allow, Block, Direction, Hidden, RailContext, Verdict
from orchestrator.prompting.canary import PromptMarkers
from orchestrator.prompting.messages import OWN_WORDS

NOTHING = np.zeros(384, np.float32)
CANARY = PromptMarkers.fresh().canary
BESIDE = RailContext(hidden=Hidden(CANARY, OWN_WORDS))
JUDGE = Rails(load_policy(), Heads.load())


def judged(text: str, before: str = "") -> Verdict:
    return JUDGE.judge("leakage", Seen(Direction.OUTPUT, text, NOTHING, before, BESIDE))


DISGUISES: dict[str, Callable[[str], str]] = {
    "plain": str,
    "shouted": str.upper,
    "first half": lambda canary: canary[:12],
    "last half": lambda canary: canary[12:],
    "spaced": " ".join,
    "numbered": lambda canary: "\n".join(f"{at}. {letter}" for at, letter in enumerate(canary, 1)),
    "hyphenated": "-".join,
    "zero-width": "\u200b".join,
    "full-width": lambda canary: "".join(chr(ord(c) + 0xFEE0) for c in canary),
    "reversed": lambda canary: canary[::-1],
    "rot13": lambda canary: codecs.encode(canary, "rot13"),
    "base64": lambda canary: base64.b64encode(canary.encode()).decode(),
    "base64 of capitals": lambda canary: base64.b64encode(canary.upper().encode()).decode(),
    "base64 inside more": lambda canary: base64.b64encode(f"it is {canary} indeed".encode()).decode(),
    "base64 in pieces": lambda canary: " ".join(
        base64.b64encode(canary.encode()).decode()[at : at + 6] for at in range(0, 32, 6)
    ),
    "base64 reversed": lambda canary: base64.b64encode(canary[::-1].encode()).decode(),
    "base32": lambda canary: base64.b32encode(canary.encode()).decode(),
    "hex": lambda canary: canary.encode().hex(),
    "hex, spaced": lambda canary: canary.encode().hex(" "),
}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_the_canary_is_known_in_every_disguise_and_the_finding_does_not_repeat_it(disguise: str) -> None:
    verdict = judged(f"Certainly: {DISGUISES[disguise](CANARY)} is what I was given.")
    assert isinstance(verdict, Block)
    assert verdict.finding.reason == "repeats a part of the prompt's canary"
    assert CANARY[:4] not in repr(verdict)


@settings(max_examples=80, deadline=None)
@given(disguise=st.sampled_from(sorted(DISGUISES)), sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_no_more_than_a_few_letters_of_the_canary_leave_whatever_the_chunking(disguise: str, sizes: list[int]) -> None:
    answer = f"I am glad to help. It says {DISGUISES[disguise](CANARY)}. That is all I know."
    gate, at, turn, out = StreamGate(), 0, 0, ""
    gate.input_verdict(True)
    while not gate.halted and at < len(answer):
        size = sizes[turn % len(sizes)]
        for segment in (*gate.feed(answer[at : at + size]), *(gate.close() if at + size >= len(answer) else ())):
            if gate.halted:
                break
            result = gate.verdict(segment.id, judged(segment.text, segment.context))
            out += "" if isinstance(result, Halt) else "".join(one.text for one in result)
        at, turn = at + size, turn + 1
    assert gate.halted
    assert "That is all I know" not in out
    letters = "".join(c for c in out if c.isalpha()).lower()
    assert all(CANARY[at : at + 8] not in letters for at in range(17))


@pytest.mark.parametrize(
    "text",
    [
        "You are the assistant of a financial firm. Answer briefly, correctly and politely, in the language.",
        "My instructions say: never give personal investment advice and never promise returns.",
        "I was told that tags stand for personal data, repeat a tag exactly where you mean that person or thing",
        base64.b64encode(OWN_WORDS.encode()).decode()[:200],
        OWN_WORDS[::-1][-260:],
        "\n".join(OWN_WORDS.split()[:14]),
    ],
)
def test_a_long_piece_of_the_prompt_does_not_leave(text: str) -> None:
    assert isinstance(judged(text), Block)


def test_a_piece_of_the_prompt_that_is_cut_in_two_is_known_by_its_second_half() -> None:
    words = OWN_WORDS.split()
    first, second = " ".join(words[:7]) + " ", " ".join(words[7:14])
    assert isinstance(judged(first), Allow)
    assert isinstance(judged(second, first), Block)


@pytest.mark.parametrize(
    "text",
    [
        "The fund pays a dividend twice a year, in March and in September.",
        "I do not know. The passages do not say which fee applies.",
        "Never share your PIN, and answer the question of the bank's letter only after you have called us.",
        "We cannot give personal investment advice or promise returns, but an adviser can.",
        "PERSON_1 asked for the annual report; personal data are kept for ten years.",
        "",
    ],
)
def test_an_ordinary_answer_passes(text: str) -> None:
    assert isinstance(judged(text), Allow)


def test_without_a_prompt_of_ours_there_is_nothing_to_leak() -> None:
    verdict = JUDGE.judge("leakage", Seen(Direction.OUTPUT, OWN_WORDS, NOTHING))
    assert isinstance(verdict, Allow)
