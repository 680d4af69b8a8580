"""An answer ends where its caller wants it to, whichever bot gives it.

The kind of fault: a limit that only a model's engine heeds. Siblings: tokens and texts, each role, prose, lines, tables,
abbreviations, other scripts, a limit that nothing fits in, one that all fits in.
"""

from __future__ import annotations

import pytest

from orchestrator.bots.base import Abstained, Made, Role, Text
from orchestrator.bots.limited import ending, tokens
from orchestrator.types import AnswerLimits
from tests.support.running_deployment import ScriptedBot, ScriptedModel, answer_of, running_deployment, text_of

PROSE = "The charge is 0.75% a year. It is paid monthly. There is no entry charge. "


@pytest.mark.parametrize(
    ("text", "limits", "said", "why"),
    [
        (PROSE, AnswerLimits(), PROSE, ""),
        (PROSE, AnswerLimits(400), PROSE, ""),
        (PROSE, AnswerLimits(5), "", "length"),
        (PROSE, AnswerLimits(12), "The charge is 0.75% a year.", "length"),
        (PROSE, AnswerLimits(stop=("monthly",)), "The charge is 0.75% a year.", "stop"),
        (PROSE, AnswerLimits(stop=("T",)), "", "stop"),
        (PROSE, AnswerLimits(stop=("nowhere",)), PROSE, ""),
        (PROSE, AnswerLimits(stop=("entry", " It")), "The charge is 0.75% a year.", "stop"),
        (PROSE, AnswerLimits(400, ("There",)), "The charge is 0.75% a year. It is paid monthly.", "stop"),
        ("It is approx. 5% of it. More.", AnswerLimits(7), "", "length"),
        ("| a | b |\n| 1 | 2 |\n| 3 | 4 |\n", AnswerLimits(11), "| a | b |\n| 1 | 2 |", "length"),
        ("一。二。三。", AnswerLimits(4), "一。二。", "length"),
        ("", AnswerLimits(1), "", ""),
    ],
)
def test_an_answer_is_cut_between_sentences_and_lines_alone(text: str, limits: AnswerLimits, said: str, why: str) -> None:
    left, reason = ending(text, limits)
    assert (text[:left], reason) == (said, why)


def test_whatever_is_said_within_a_limit_has_no_more_tokens_and_none_of_the_texts() -> None:
    for most in range(1, 40):
        left, _ = ending(PROSE, AnswerLimits(most, ("entry",)))
        assert tokens(PROSE[:left]) <= most
        assert "entry" not in PROSE[:left]


@pytest.mark.parametrize("role", [Role.LIVE, Role.DOCUMENTS, Role.SUMS])
@pytest.mark.parametrize(
    ("limits", "reason"), [(AnswerLimits(12), "length"), (AnswerLimits(stop=("monthly",)), "stop")], ids=["tokens", "text"]
)
def test_every_bot_that_no_model_words_heeds_the_callers_limits_and_the_record_says_so(
    role: Role, limits: AnswerLimits, reason: str
) -> None:
    bot = ScriptedBot("own", Made("worked", ""), Text(PROSE[:20]), Text(PROSE[20:]))
    bot.role = role  # type: ignore[misc]
    with running_deployment(bot) as deployment:
        out = deployment.ask(limits=limits)
    assert text_of(out).strip() == "The charge is 0.75% a year."
    assert answer_of(out).finish_reason == reason
    assert deployment.log.bodies("generated")[0]["cut"] == reason


def test_why_nothing_is_answered_is_told_whole() -> None:
    bot = ScriptedBot("rag", Made("withheld", ""), Abstained("I could not find it. Ask us. "))
    bot.role = Role.DOCUMENTS  # type: ignore[misc]
    with running_deployment(bot) as deployment:
        out = deployment.ask(limits=AnswerLimits(2))
    assert (text_of(out), answer_of(out).outcome) == ("I could not find it. Ask us. ", "abstained")


def test_a_model_is_left_to_its_engine() -> None:
    model = ScriptedModel([PROSE])
    with running_deployment(model=model) as deployment:
        out = deployment.ask(limits=AnswerLimits(2))
    assert text_of(out) == PROSE
