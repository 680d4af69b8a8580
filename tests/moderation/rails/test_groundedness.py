"""Each cited sentence against its passage: figures, names, denials and directions must agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moderation.heads.head import Heads
from moderation.policy import Policy, load_policy
from moderation.rails import Rails
from moderation.rails.base import Seen
from moderation.types import NO_CONTEXT, Allow, Block, Direction, RailContext, Redact, Steer, Verdict

NOTHING = np.zeros(384, np.float32)
PASSAGE = (
    "Annual report 2023 › Results\n"
    "Net sales rose 4.5% to $1,250 million in 2023, because prices in Europe increased. "
    "The operating margin fell from 12.1% to 11.4%. "
    "Orders must be received before 14:00, at least 3 business days ahead. "
    "The fund does not pay a dividend. "
    "Harbour Trust acts as custodian, and Northwind Partners acts as auditor.\n"
    "Ongoing charge: 0.65% a year"
)
OTHER = "Glossary\nA custodian holds the assets of a fund for its investors."


def rails(**changes: object) -> Rails:
    tree = load_policy().model_dump(mode="json")
    tree["rails"]["groundedness"] |= {"action": "redact", **changes}
    return Rails(Policy.model_validate(tree), Heads.load())


def judged(text: str, before: str = "", beside: RailContext | None = None, **changes: object) -> Verdict:
    beside = beside or RailContext(sources={1: PASSAGE, 2: OTHER})
    return rails(**changes).judge("groundedness", Seen(Direction.OUTPUT, text, NOTHING, before, beside))


@pytest.mark.parametrize(
    "claim",
    [
        "Net sales rose 4.5% to $1,250 million in 2023, because prices in Europe increased [1].",
        "Net sales rose to $1.25 billion in 2023 [1].",
        "Net sales increased by 4.5 percent to $1,250 million [1].",
        "The operating margin fell to 11.4% [1].",
        "Orders must be received before 14:00 [1].",
        "The fund does not pay a dividend [1].",
        "Harbour Trust acts as custodian [1].",
        "Ongoing charge: 0.65% a year [1].",
        "The ongoing charge is 0.65% a year [1].",
        "A custodian holds the assets of a fund [2].",
    ],
)
def test_what_the_passage_says_passes(claim: str) -> None:
    verdict = judged(claim)
    assert isinstance(verdict, Allow), verdict.finding
    assert verdict.finding.probability < verdict.finding.threshold


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        ("Net sales rose 4.8% to $1,250 million in 2023 [1].", "figures"),
        ("Net sales rose 4.5% to $1,250 billion in 2023 [1].", "figures"),
        ("Net sales rose 4.5% to $1,250 million in 2022 [1].", "figures"),
        ("Net sales fell 4.5% to $1,250 million in 2023 [1].", "direction"),
        ("The operating margin rose from 12.1% to 11.4% [1].", "direction"),
        ("Orders must be received after 14:00 [1].", "direction"),
        ("Orders may be received before 14:00, at least 3 business days ahead [1].", "direction"),
        ("Orders must be received before 14:00, at most 3 business days ahead [1].", "direction"),
        ("The fund does pay a dividend [1].", "denial"),
        ("Net sales did not rise to $1,250 million in 2023 [1].", "denial"),
        ("Lunar Trust acts as custodian [1].", "names"),
        ("The ongoing charge is 0.56% a year [1].", "figures"),
        ("The fund invests in shipping companies of the southern hemisphere [1].", "words"),
    ],
)
def test_what_the_passage_does_not_say_is_left_out_with_its_reason(claim: str, reason: str) -> None:
    verdict = judged(claim)
    assert isinstance(verdict, Redact), verdict.finding
    assert reason in verdict.finding.reason
    assert verdict.finding.probability >= verdict.finding.threshold
    assert verdict.text == load_policy().rails["groundedness"].words.message


def test_of_several_sentences_only_the_unsupported_one_is_left_out() -> None:
    verdict = judged("The fund does not pay a dividend [1]. The ongoing charge is 0.95% a year [1]. That is all. ")
    assert isinstance(verdict, Redact)
    assert verdict.text.startswith("The fund does not pay a dividend [1]. The documents do not support")
    assert "0.95" not in verdict.text


def test_a_sentence_is_held_against_the_passages_that_it_cites_and_not_against_others() -> None:
    assert isinstance(judged("The fund does not pay a dividend [1]."), Allow)
    assert isinstance(judged("The fund does not pay a dividend [2]."), Redact)
    assert isinstance(judged("The fund does not pay a dividend."), Allow)


def test_with_the_shipped_policy_nothing_is_said_in_the_place_of_an_unsupported_sentence_nor_after_it() -> None:
    assert isinstance(judged("The ongoing charge is 0.95% a year [1].", action="block"), Block)
    assert load_policy().rails["groundedness"].action == "block"


@pytest.mark.parametrize("blanks", ["{}", "- {}", "{} ", "\n{}\n"])
def test_what_stands_in_the_passage_word_for_word_is_never_left_out(blanks: str) -> None:
    odd = "Rows, not sentences: 4.1 | n.m. | (12) below par, except where not"
    beside = RailContext(sources={1: f"Title\nBefore. {odd}. After."})
    assert isinstance(judged(blanks.format(odd) + " [1].", beside=beside), Allow)


TABLE = RailContext(sources={1: (
    "Fees\nThe management charge by fund.\nFund | Class A (retail) | Class I (institutional)\n"
    "Aurora Global Equity Fund | 1.25% | 0.65%\nBorealis Short Duration Bond Fund | 0.45% | 0.25%"
)})  # fmt: skip


@pytest.mark.parametrize(
    ("claim", "kind"),
    [
        ("Fund: Aurora Global Equity Fund; Class A (retail): 1.25%; Class I (institutional): 0.65% [1].", Allow),
        ("Fund: Aurora Global Equity Fund; Class A (retail): 0.45%; Class I (institutional): 0.65% [1].", Redact),
        ("Fund: Aurora Global Equity Fund; Class A (retail): 7.25%; Class I (institutional): 0.65% [1].", Redact),
    ],
)
def test_a_row_of_a_table_is_read_with_the_names_of_its_columns(claim: str, kind: type[Verdict]) -> None:
    assert isinstance(judged(claim, beside=TABLE), kind)


@pytest.mark.parametrize(
    "before", ["| Charge | Rate |\n| --- | --- |\n| Entry | 3% |\n\n[2]\n\n", "A heading\n\n", "- one\n- two\n\n"]
)
def test_what_follows_a_table_a_list_or_a_heading_is_judged_without_it(before: str) -> None:
    """Another source's table has no full stop; the sentence behind it is none of its."""
    assert isinstance(judged("Orders must be received before 14:00 [1]. ", before), Allow)


def test_a_sentence_that_a_segment_cuts_in_two_is_read_from_its_beginning() -> None:
    first, second = "It is so. Net sales fell ", "4.5% to $1,250 million in 2023 [1]."
    assert isinstance(judged(second, first), Redact)
    assert isinstance(judged(second, "It is so. Net sales rose "), Allow)


@pytest.mark.parametrize(("action", "kind"), [("block", Block), ("steer", Steer), ("allow", Allow)])
def test_the_policys_action_decides(action: str, kind: type[Verdict]) -> None:
    assert isinstance(judged("The fund does pay a dividend [1].", action=action), kind)


def test_an_answer_that_cites_nothing_is_not_judged_for_it() -> None:
    assert isinstance(judged("Hello, what can I do for you?", beside=NO_CONTEXT), Allow)


def test_each_sentence_of_the_sample_documents_supports_itself() -> None:
    """What the service quotes is never taken for unsupported."""
    folder, judge = Path(__file__).parents[3] / "samples" / "documents", rails().judge
    stopped, seen = [], 0
    for path in sorted(folder.glob("*.md")):
        text = path.read_text("utf-8")
        for line in text.splitlines():
            if line.strip().endswith(".") and not line.startswith("#"):
                seen += 1
                verdict = judge("groundedness", Seen(Direction.OUTPUT, line, NOTHING, beside=RailContext(sources={1: text})))
                if not isinstance(verdict, Allow):
                    stopped.append((line, verdict.finding))
    assert seen > 30
    assert stopped == []
