"""The reader's head: what it is asked, what it sees by itself, and that it belongs to one model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inference.store.manifest import load_manifest
from retrieval.evidence.prose.digest import Line, digest
from retrieval.evidence.prose.pointer import FEATURES, GLANCES, HEADS, features, glances, pointed
from retrieval.evidence.prose.reader import Reader, ReaderHead, messages
from retrieval.evidence.prose.signs import NAMES, signs, wanted
from retrieval.evidence.prose.units import Unit
from tests.retrieval.evidence.prose.test_quotations import shared_words

TEXT = "# Fees › Cards\n[A] The Aurora fund costs 1.25% a year."


def head(weights: list[list[float]]) -> ReaderHead:
    none, alone = np.zeros((2, len(NAMES) + GLANCES), np.float32), np.zeros((2, len(NAMES) + 1), np.float32)
    pointer = np.zeros(FEATURES, np.float32)
    pointer[-1] = 1.0  # the share of attention alone
    return ReaderHead((0,), np.array(weights, np.float32), none, np.zeros(2, np.float32), pointer, alone, "m")


def looking_at(place: int, count: int) -> np.ndarray:
    """What heads give that look at one of the lines."""
    attention = np.full((len(HEADS), 2, count), 0.01, np.float32)
    attention[:, :, place] = 0.3
    return attention


PASSAGES = [
    ("Fees › Aurora", "The Aurora fund costs 1.25% a year. It was started in 2015 by Marta Lindqvist."),
    ("Fees › Cards", "A lost card is replaced within 3 days."),
]


def seen(question: str) -> dict[str, float]:
    return dict(zip(NAMES, signs(question, lines(question), PASSAGES), strict=True))


def lines(question: str) -> list[Line]:
    return digest(question, PASSAGES, shared_words)


def test_the_shipped_head_belongs_to_the_default_chat_model_and_is_small() -> None:
    shipped = ReaderHead.load()
    assert shipped.model == load_manifest()["qwen2.5-coder-1.5b-instruct"].digest
    assert shipped.weights.shape == (2, len(shipped.layers) * 1536)
    assert shipped.signs.shape == (2, len(NAMES) + GLANCES)
    assert shipped.pointer.shape == (FEATURES,)
    assert shipped.alone.shape == (2, len(NAMES) + 1)


def test_a_likelier_text_has_the_higher_chance_and_no_state_overflows_it() -> None:
    weighing = head([[1.0, -1.0], [0.0, 0.0]])
    even, for_it, far = (np.array(one, np.float32) for one in ([3, 3], [5, 1], [9e9, -9e9]))
    asked = "What does the Aurora fund cost?"
    read = lines(asked)
    found = [weighing.read(asked, read, PASSAGES, state, looking_at(0, len(read))) for state in (even, for_it, far)]
    chances = [one.answers for one in found]
    assert chances[0] == pytest.approx(0.5)
    assert 0.5 < chances[1] < chances[2] <= 1.0
    assert found[-1].holds == pytest.approx(0.5), "the two chances have weights of their own"


def test_the_line_that_the_question_looks_at_is_quoted_and_not_the_nearest() -> None:
    asked = "Who set the Aurora fund up, and does it cost much?"
    read = lines(asked)
    place = next(n for n, line in enumerate(read) if "Marta" in line.text)
    nearest = max(range(len(read)), key=lambda n: read[n].near)
    assert place != nearest
    found = head([[0.0, 0.0], [0.0, 0.0]]).read(asked, read, PASSAGES, np.zeros(2, np.float32), looking_at(place, len(read)))
    assert max(found.lines, key=lambda line: line.rank).unit == read[place].unit
    assert [line.unit for line in found.lines] == [line.unit for line in read], "in the order in which they were read"


def test_the_lines_are_looked_for_as_they_stand_in_the_prompt() -> None:
    asked: list[tuple[str, list[str]]] = []

    def look(said, _layers, _heads, parts, asking):  # type: ignore[no-untyped-def]
        asked.append((said[1][1], [*parts, asking]))

    question = "What does the Aurora fund cost?"
    Reader(ReaderHead.load(), look)(question, lines(question), PASSAGES)
    ((prompt, texts),) = asked
    at = 0
    for text in texts:
        at = prompt.index(text, at) + len(text)


@given(st.integers(1, 9), st.data())
def test_however_little_a_line_has_its_features_are_numbers_and_the_best_looked_at_has_the_highest_share(
    count: int, data: st.DataObject
) -> None:
    given_to = data.draw(arrays(np.float32, (len(HEADS), 2, count), elements=st.floats(0, 1, width=32)))
    some = [Line(Unit(0, n, f"line {n}"), 0.1 * n, 0.1 * n) for n in range(count)]
    weighed = features(some, given_to)
    assert weighed.shape == (count, FEATURES)
    assert np.isfinite(weighed).all()
    scores = weighed[:, -1]
    assert len(glances(some, scores, given_to)) == GLANCES
    best = max(pointed(some, scores), key=lambda line: line.rank)
    assert best.unit.place == int(np.argmax(scores))


def test_the_model_is_asked_with_the_lines_and_exactly_the_question() -> None:
    (role, _), (_, user) = messages("What is the fee?", TEXT)
    assert role == "system"
    assert user.startswith(f"Text:\n{TEXT}\n\nQuestion: What is the fee?\n\n")


def test_names_figures_and_years_that_the_nearest_line_lacks_are_seen() -> None:
    there, other = seen("What does the Aurora fund cost?"), seen("What does the Fjord fund cost in 2019?")
    assert (there["names_missing"], other["names_missing"]) == (0.0, 0.5)
    assert (there["figures_missing"], other["figures_missing"]) == (0.0, 0.5)
    assert seen("Was the Aurora fund started in 2015?")["period_same"] == 1.0
    assert seen("Was the Aurora fund started in 2016?")["period_other"] == 1.0
    assert (there["unknown"], seen("What does the Aurora yacht cost?")["unknown"]) == (0.0, 1.0)


def test_the_nearest_line_is_weighed_with_its_heading_and_against_the_others() -> None:
    found = seen("How quickly is a lost card replaced?")
    assert found["coverage"] > found["all_coverage"] / 2 > 0
    assert found["coverage_gap"] > 0
    assert (found["cue"], found["no_cue"]) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How much is the entry fee?", "amount"),
        ("Who manages the fund?", "person"),
        ("When is the fee taken?", "date"),
        ("How long may I wait?", "duration"),
        ("How do I complain?", "steps"),
        ("Is there an exit fee?", "verify"),
        ("What does swing pricing mean?", "define"),
        ("Which papers are needed?", "other"),
    ],
)
def test_what_kind_of_thing_is_asked_for_is_told_by_the_words(question: str, kind: str) -> None:
    assert wanted(question) == kind


def test_every_question_has_a_number_for_each_sign_and_none_runs_away() -> None:
    for question in ("?", "a", "Aurora " * 40, "1 2 3 4", "¿Cuánto cuesta?"):
        found = signs(question, lines(question), PASSAGES)
        assert len(found) == len(NAMES)
        assert all(np.isfinite(one) and abs(one) < 30 for one in found)


def test_where_the_model_cannot_be_asked_the_signs_alone_are_weighed() -> None:
    question = "What does the Aurora fund cost?"
    told = Reader(ReaderHead.load(), None)(question, lines(question), PASSAGES)
    lost = Reader(ReaderHead.load(), lambda *_: None)(question, lines(question), PASSAGES)
    assert told == lost
    assert 0.0 < told.answers < 1.0
