"""Rights follow every turn into what is asked next.

The kind of fault: something of a document reaches, by way of the conversation, somebody who may not read the document.
Tried: a key with fewer groups, a key whose groups were reduced, a document that was closed meanwhile or is gone, a turn that
was made of such a turn, and a turn of which nobody knows what it rests on.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator.bots.onprem import OnPremBot
from orchestrator.memory.carried import carry
from orchestrator.types import Basis, Query, Turn
from tests.support.evidence import open_book
from tests.support.running_deployment import (
    RunningDeployment,
    ScriptedModel,
    answer_of,
    passage,
    running_deployment,
)

STAFF, BOARD = frozenset({"staff"}), frozenset({"staff", "board"})
SECRET = "The merger price is 73 euro."


def turn(number: int, groups: frozenset[str], *documents: str) -> Turn:
    return Turn(f"question {number}", f"answer {number}", f"q{number}", Basis(groups, frozenset(documents)))


@pytest.mark.parametrize(
    ("made", "groups", "left", "reason"),
    [
        (turn(1, STAFF, "d_open"), STAFF, ["d_open"], ""),
        (turn(1, STAFF), STAFF, [], ""),
        (turn(1, STAFF, "d_open"), BOARD, ["d_open"], ""),
        (turn(1, BOARD, "d_open"), STAFF, ["d_open"], "groups"),
        (turn(1, BOARD), STAFF, [], "groups"),
        (turn(1, frozenset({"board"})), STAFF, [], "groups"),
        (turn(1, STAFF, "d_open"), frozenset(), ["d_open"], "groups"),
        (turn(1, STAFF, "d_open", "d_closed"), STAFF, ["d_open"], "documents"),
        (turn(1, STAFF, "d_gone"), STAFF, [], "documents"),
        (Turn("of an older version", "answer", "q1"), BOARD, ["d_open"], "unknown"),
    ],
)
def test_a_turn_goes_on_only_with_its_groups_and_all_its_documents(
    made: Turn, groups: frozenset[str], left: list[str], reason: str
) -> None:
    found = carry([made], groups, lambda wanted, _groups: wanted & frozenset(left))
    assert [*found.turns] == ([] if reason else [made])
    assert [why for _, why in found.left_out] == ([reason] if reason else [])


def test_each_turn_is_looked_at_on_its_own_and_order_is_kept() -> None:
    turns = [turn(1, STAFF, "d_a"), turn(2, BOARD, "d_b"), turn(3, STAFF, "d_a"), turn(4, STAFF, "d_c")]
    found = carry(turns, STAFF, lambda wanted, _groups: wanted & {"d_a"})
    assert [one.query for one in found.turns] == ["q1", "q3"]
    assert found.left_out == (("q2", "groups"), ("q4", "documents"))
    assert found.documents == {"d_a"}


class Talk:
    """A conversation of one person, asked with one set of groups and another."""

    def __init__(self, deployment: RunningDeployment, model: ScriptedModel, readable: set[str]) -> None:
        self.deployment, self.model, self.readable, self.asked = deployment, model, readable, 0

    def ask(self, groups: frozenset[str], text: str = "Please write that again, shorter.") -> str:
        """What the model was shown."""
        self.asked += 1
        query = Query(f"q{self.asked}", "c1", "bank", "subject:1", "key:1", groups, text, fresh=self.asked == 1)
        assert answer_of(list(self.deployment.pipeline.answer(query))).outcome == "answered"
        return "\n".join(said for _, said in self.model.asked[-1])

    def left_out(self) -> list[tuple[str, str]]:
        return [(one["query"], one["reason"]) for body in self.deployment.log.bodies("not_carried") for one in body["turns"]]


@pytest.fixture
def talk() -> Iterator[Talk]:
    model = ScriptedModel([SECRET])
    held = {"merger"}
    with running_deployment(
        OnPremBot(model, open_book),
        passages=[passage("The merger price is 73 euro.", document="merger")],
        may_read=lambda wanted, _groups: wanted & held,
    ) as deployment:
        yield Talk(deployment, model, held)


def test_who_may_read_what_it_rests_on_goes_on_with_the_conversation(talk: Talk) -> None:
    talk.ask(STAFF)
    assert SECRET in talk.ask(STAFF)
    assert SECRET in talk.ask(BOARD)
    assert talk.left_out() == []


def test_a_turn_asked_with_more_groups_is_not_shown_to_a_model_and_the_record_says_so(talk: Talk) -> None:
    talk.ask(BOARD)
    assert SECRET not in talk.ask(STAFF)
    assert talk.left_out() == [("q1", "groups")]


def test_a_document_that_was_closed_meanwhile_takes_its_turns_along(talk: Talk) -> None:
    talk.ask(STAFF)
    talk.readable.clear()
    assert SECRET not in talk.ask(STAFF)
    assert talk.left_out() == [("q1", "documents")]


def test_what_was_made_of_a_turn_rests_on_its_documents_too(talk: Talk) -> None:
    talk.ask(STAFF)
    turns = talk.deployment.memory.turns["c1"]
    first, outcome = turns[0]
    assert first.basis is not None
    turns[0] = (Turn(first.question, first.answer, first.query, Basis(STAFF, frozenset({"only in the first"}))), outcome)
    talk.readable.add("only in the first")
    talk.ask(STAFF)
    second = turns[1][0].basis
    assert second is not None
    assert "only in the first" in second.documents
    talk.readable.remove("only in the first")
    assert SECRET not in talk.ask(STAFF)
    assert talk.left_out() == [("q1", "documents"), ("q2", "documents")]


def test_a_turn_of_an_older_version_is_not_carried_on(talk: Talk) -> None:
    talk.ask(STAFF)
    talk.deployment.memory.turns["c1"][0] = (Turn("What was the price?", SECRET, "q1"), "answered")
    assert SECRET not in talk.ask(BOARD)
    assert talk.left_out() == [("q1", "unknown")]
