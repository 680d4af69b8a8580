"""Conversation memory on both databases: whose it is, what is remembered, and that nothing in it can be read."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, select, text, update

from audit.sealing.subject_keys import KeyMissing, SealBroken, SubjectKeys
from orchestrator.errors import ConversationUnknown, RecordUnavailable
from orchestrator.memory.store import REMEMBERED, ConversationStore
from orchestrator.memory.tables import conversation, turn
from orchestrator.types import Basis, Turn

WHO = ("bank", "subject:1")
SAID = Turn("What does <PERSON_1> pay?", "Nothing, <PERSON_1> pays nothing. Öl für 5 €.")


@pytest.fixture
def store(engine: Engine, keys: SubjectKeys) -> ConversationStore:
    return ConversationStore(engine, keys)


def save(store: ConversationStore, number: int, outcome: str = "answered") -> None:
    store.save_turn(*WHO, "c1", f"q{number}", Turn(f"question {number}", f"answer {number}"), outcome)


def test_a_turn_and_the_pseudonyms_come_back_as_they_were(store: ConversationStore) -> None:
    store.save_pseudonyms(*WHO, "c1", b"\x00tags\xff")
    store.save_turn(*WHO, "c1", "q1", SAID, "answered")
    assert store.load(*WHO, "c1") == (b"\x00tags\xff", [SAID])


@pytest.mark.parametrize("basis", [None, Basis(frozenset(), frozenset()), Basis(frozenset({"b", "a"}), frozenset({"d_1"}))])
def test_what_a_turn_rests_on_is_kept_with_it_and_sealed(
    store: ConversationStore, engine: Engine, basis: Basis | None
) -> None:
    store.save_turn(*WHO, "c1", "q1", Turn(SAID.question, SAID.answer, "q1", basis), "answered")
    (found,) = store.load(*WHO, "c1")[1]
    assert (found.query, found.basis) == ("q1", basis)
    with engine.connect() as db:
        assert b"d_1" not in b"".join(db.scalars(select(turn.c.sealed)))


def test_a_conversation_without_pseudonyms_has_none(store: ConversationStore) -> None:
    save(store, 1)
    assert store.load(*WHO, "c1")[0] is None


def test_the_last_answered_turns_are_remembered_oldest_first(store: ConversationStore) -> None:
    for number in range(REMEMBERED + 3):
        save(store, number)
    _, turns = store.load(*WHO, "c1")
    assert [t.question for t in turns] == [f"question {n}" for n in range(3, REMEMBERED + 3)]


def test_a_turn_that_was_refused_or_failed_is_kept_but_not_shown_to_a_model(
    store: ConversationStore, engine: Engine
) -> None:
    for number, outcome in enumerate(("answered", "refused", "failed", "abstained", "answered")):
        save(store, number, outcome)
    assert [t.question for t in store.load(*WHO, "c1")[1]] == ["question 0", "question 4"]
    with engine.connect() as db:
        rows = db.execute(select(turn.c.number, turn.c.outcome, turn.c.query).order_by(turn.c.number)).all()
    assert [tuple(row) for row in rows] == [
        (1, "answered", "q0"),
        (2, "refused", "q1"),
        (3, "failed", "q2"),
        (4, "abstained", "q3"),
        (5, "answered", "q4"),
    ]


STRANGERS = [("bank", "subject:2"), ("insurer", "subject:1"), ("insurer", "subject:2")]


@pytest.mark.parametrize("stranger", STRANGERS)
def test_nobody_reads_or_writes_anothers_conversation(
    store: ConversationStore, engine: Engine, stranger: tuple[str, str]
) -> None:
    store.save_pseudonyms(*WHO, "c1", b"mine")
    save(store, 1)
    attempts: list[Callable[[], object]] = [
        lambda: store.load(*stranger, "c1"),
        lambda: store.save_pseudonyms(*stranger, "c1", b"theirs"),
        lambda: store.save_turn(*stranger, "c1", "q9", Turn("theirs", "theirs"), "answered"),
    ]
    for attempt in attempts:
        with pytest.raises(ConversationUnknown, match="'c1' is unknown; leave it out to start one"):
            attempt()
    assert store.load(*WHO, "c1") == (b"mine", [Turn("question 1", "answer 1")])


def test_an_unknown_conversation_and_anothers_are_told_in_the_same_words(store: ConversationStore) -> None:
    save(store, 1)
    told = []
    for who, which in ((WHO, "c2"), (STRANGERS[0], "c1")):
        with pytest.raises(ConversationUnknown) as caught:
            store.load(*who, which)
        told.append(str(caught.value).replace(which, "?"))
    assert told[0] == told[1]


def test_nothing_that_was_said_stands_readable_in_the_database(store: ConversationStore, engine: Engine) -> None:
    store.save_pseudonyms(*WHO, "c1", b"Jane Doe is PERSON_1")
    store.save_turn(*WHO, "c1", "q1", Turn("the secret question", "the secret answer"), "answered")
    with engine.connect() as db:
        rows = [*db.execute(select(conversation)).all(), *db.execute(select(turn)).all()]
    everything = b"".join(value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row)
    for said in (b"Jane", b"secret", b"PERSON"):
        assert said not in everything


def test_without_the_subjects_key_nothing_can_be_read(store: ConversationStore, engine: Engine, tmp_path: Path) -> None:
    save(store, 1)
    other = SubjectKeys(f"sqlite:///{tmp_path}/other-keys.db", bytes(32))
    with pytest.raises(KeyMissing):
        ConversationStore(engine, other).load(*WHO, "c1")
    other.close()


def test_a_turn_that_was_moved_to_another_query_does_not_open(store: ConversationStore, engine: Engine) -> None:
    save(store, 1)
    save(store, 2)
    with engine.begin() as db:
        sealed = db.scalar(select(turn.c.sealed).where(turn.c.number == 1))
        db.execute(update(turn).where(turn.c.number == 2).values(sealed=sealed))
    with pytest.raises(SealBroken):
        store.load(*WHO, "c1")


def test_turns_saved_at_once_all_stand_in_order_without_a_gap(store: ConversationStore, engine: Engine) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: save(store, number), range(24)))
    with engine.connect() as db:
        numbers = db.scalars(select(turn.c.number).order_by(turn.c.number)).all()
        queries = db.scalars(select(turn.c.query)).all()
    assert numbers == list(range(1, 25))
    assert set(queries) == {f"q{number}" for number in range(24)}


def test_only_one_of_several_who_name_the_same_new_conversation_gets_it(store: ConversationStore) -> None:
    def claim(number: int) -> bool:
        try:
            store.save_pseudonyms("bank", f"subject:{number}", "contested", b"mine")
        except ConversationUnknown:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(claim, range(6))) == 1


def test_a_database_that_cannot_be_used_is_told_as_such(engine: Engine, keys: SubjectKeys) -> None:
    with engine.begin() as db:
        db.execute(text("DROP TABLE conversation_turn"))
        db.execute(text("DROP TABLE conversation"))
    store = ConversationStore(engine, keys)
    with pytest.raises(RecordUnavailable, match="cannot be read"):
        store.load(*WHO, "c1")
    with pytest.raises(RecordUnavailable, match="cannot be written"):
        store.save_pseudonyms(*WHO, "c1", b"tags")
    with pytest.raises(RecordUnavailable, match="cannot be written"):
        save(store, 1)


def test_a_server_that_is_not_there_is_told_as_such(keys: SubjectKeys) -> None:
    nowhere = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none", connect_args={"connect_timeout": 2})
    with pytest.raises(RecordUnavailable, match="cannot be read; try again shortly"):
        ConversationStore(nowhere, keys).load(*WHO, "c1")
