"""How well a document was read, and which say the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.documents.blocks import Block, Parsed
from retrieval.documents.grid import Grid
from retrieval.documents.quality.facts import facts_of
from retrieval.documents.quality.near import near, sketch
from retrieval.documents.quality.scripts import script_of
from retrieval.index.cutting.cut import Here, Noting
from retrieval.types import UnreadableDocument

_WORDS = [f"word{number}" for number in range(1_000)]


def test_the_facts_of_a_document_are_counted() -> None:
    parsed = Parsed("", (Block("prose", "three small words"),), 3, (Grid((("a", "b"),)),), (), ((1, 90), (2, 80)), (3,))
    facts = facts_of(parsed)
    assert (facts.pages, facts.tables, facts.words, facts.scanned, facts.sure, facts.empty) == (3, 1, 3, 2, 85, 1)


def test_a_reader_that_notes_hands_on_what_is_read_and_reads_nothing_of_an_ignored_kind() -> None:
    parsed = Parsed("", (Block("prose", "words"),))
    noting = Noting(Here(lambda _path: parsed), {".png"})
    assert noting("a.md", Path("/share/a.md")).rows[0]["text"] == "words"
    assert list(noting.facts) == ["/share/a.md"]
    with pytest.raises(UnreadableDocument, match="not meant"):
        noting("logo.PNG", Path("/share/logo.PNG"))


def test_a_copy_with_few_words_changed_is_near_and_another_document_is_not() -> None:
    changed = [*_WORDS[:500], "other", *_WORDS[501:]]
    sketches = {
        "a": sketch([" ".join(_WORDS)]),
        "b": sketch([" ".join(changed)]),
        "c": sketch([" ".join(reversed(_WORDS))]),
    }
    ((one, other, share),) = near(sketches, ["a", "b", "c"])
    assert (one, other) == ("a", "b")
    assert 0.95 < share < 1.0


@settings(deadline=None)
@given(st.lists(st.text(max_size=40), max_size=8))
def test_equal_texts_are_the_same_whatever_their_order_and_letters(texts: list[str]) -> None:
    assert sketch(texts) == sketch([text.lower() for text in reversed(texts)]) or any(
        text.lower() != text.lower().lower() for text in texts
    )


@pytest.mark.parametrize("shared", [0.5, 0.8, 0.9])
def test_the_estimate_is_near_the_true_share(shared: float) -> None:
    """By counting runs, not by the sketch."""
    one = [f"a{number}" for number in range(3_000)]
    kept = int(3_000 * shared)
    other = one[:kept] + [f"b{number}" for number in range(3_000 - kept)]
    runs = [{tuple(words[at : at + 5]) for at in range(len(words) - 4)} for words in (one, other)]
    true = len(runs[0] & runs[1]) / len(runs[0] | runs[1])
    found = list(near({"one": sketch([" ".join(one)]), "other": sketch([" ".join(other)])}, ["one"], least=0.0))
    assert abs(found[0][2] - true) < 0.08


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("The Larch Fund, 0.75%", "latin"),
        ("Фонд Лиственница", "cyrillic"),
        ("落叶松基金的赎回费率", "chinese"),
        ("カラマツ基金の解約", "japanese"),
        ("낙엽송 펀드", "korean"),
        ("קרן הארזית", "hebrew"),
        ("12.5", "latin"),
    ],
)
def test_a_text_s_script_is_told_by_its_letters(text: str, script: str) -> None:
    assert script_of(text) == script
