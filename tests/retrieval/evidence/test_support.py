import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.documents.sentences import sentences
from retrieval.evidence.figures_and_names import figures, names
from retrieval.evidence.support import ANSWERABLE, SUPPORTED, Evidence, answerable, evidence_text, extract, support
from retrieval.index.fusion import Place, fuse
from retrieval.index.tokens import stem, tokens
from retrieval.library import Library
from retrieval.types import Embed, Passage
from tests.retrieval.conftest import PUBLIC, SAMPLES, HashingEmbedder

PASSAGES = (
    "Fees and charges › Annual management charge\n"
    "Fund | Class A | Class I\nAurora | 1.25% | 0.65%\nBorealis | 0.45% | 0.25%",
    "Complaints policy\n"
    "We acknowledge every complaint in writing within 2 business days. Making a complaint is free of charge.",
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The U.S. fund grew. It paid 3.5 percent.", ["The U.S. fund grew.", "It paid 3.5 percent."]),
        ("See No. 5 of the rules. Then stop.", ["See No. 5 of the rules.", "Then stop."]),
        (
            "Mr. J. Smith of Acme Inc. agreed, e.g. in May. Good!",
            ["Mr. J. Smith of Acme Inc. agreed, e.g. in May.", "Good!"],
        ),
        (
            "Charges:\n- Entry 5.00%\n- Exit none\n\nNext.",
            ["Charges:", "- Entry 5.00%", "- Exit none", "Next."],
        ),
        (
            "Net sales 3,226 2,729\nGross profit 1,213 1,026",
            ["Net sales 3,226 2,729", "Gross profit 1,213 1,026"],
        ),
        ("a | b\n1 | 2", ["a | b", "1 | 2"]),
        ("It rose [1]. It fell.[2] It stayed.", ["It rose [1].", "It fell.[2]", "It stayed."]),
        ('Is it so? "Yes." He left.', ["Is it so?", '"Yes."', "He left."]),
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text(alphabet="ab C.!?\n-|12", max_size=200))
def test_sentences_lose_no_word_and_change_no_order(text: str) -> None:
    assert " ".join(sentences(text)).split() == text.split()


def test_figures_and_names_are_compared_in_one_spelling() -> None:
    assert figures("1. It costs EUR 1,250.00 or (15.2)% within thirty days [3].") == {"1250", "15.2", "30"}
    assert figures("T+3") == {"3"}
    assert names("The Aurora fund's manager is Mr. Okafor.") >= {"aurora", "okafor"}
    assert names("Orders arrive late. However, they are dealt.") == frozenset()


def test_words_fold_plurals_years_and_figures() -> None:
    assert tokens("FY2023 sales of $1,875.50") == tokens("fiscal FY2023 Sale $1875.5")[1:]
    assert stem("charges") == stem("charge")
    assert stem("policies") == stem("policy")


def test_a_sentence_is_supported_by_the_passage_that_says_it(embedder: HashingEmbedder) -> None:
    index, score = support("We acknowledge every complaint in writing within 2 business days.", PASSAGES, embedder)
    assert index == 1
    assert score >= SUPPORTED


def test_a_wrong_figure_or_name_takes_the_support_away(embedder: HashingEmbedder) -> None:
    evidence = Evidence(PASSAGES, embedder)
    said = "We acknowledge every complaint in writing within 2 business days."
    for claim in (
        said.replace("2", "3"),
        said.replace("complaint", "complaint to Barclays"),
        said.replace("We", "We do not"),
    ):
        assert evidence.support(claim)[1] < SUPPORTED <= evidence.support(said)[1]


def test_rows_of_a_table_are_quoted_with_their_columns_names(embedder: HashingEmbedder) -> None:
    text = "Performance\nCalendar year 2025 2024\nAurora 9.8% 17.6%\nFund | Fee\nBorealis | 0.45%"
    passage = Passage("x", "d", "d.pdf", "Factsheet", 2, "Performance", text, 0.0, 0.0, 1)
    quoted = [said for said, _, _ in extract(embedder(["Aurora"])[0], [passage], embedder, 9)]
    assert set(quoted) == {"Calendar year 2025 2024: Aurora 9.8% 17.6%", "Fund: Borealis; Fee: 0.45%"}
    assert support("Aurora returned 17.6% in 2024, after 9.8% in 2025.", [text], embedder)[0] == 0


def test_nothing_supports_a_sentence_without_passages(embedder: HashingEmbedder) -> None:
    assert support("Anything.", [], embedder) == (-1, 0.0)
    assert answerable(np.zeros(4, np.float32), []) == 0.0
    assert extract(np.zeros(4, np.float32), [], embedder, 3) == []


def test_a_page_that_is_hit_twice_wins_and_shows_one_passage_first() -> None:
    places = {
        0: Place(0, 1, True),
        1: Place(0, 2, True),
        2: Place(0, 2, True),
        3: Place(1, 0, False),
        4: Place(1, 0, False),
    }
    ranked = [row for row, _ in fuse([(0, 0.9), (1, 0.8), (2, 0.7), (3, 0.6), (4, 0.5)], [], places)]
    assert ranked == [1, 3, 4, 0, 2]


@given(st.permutations(range(8)), st.permutations(range(8)), st.integers(0, 8))
def test_fusion_keeps_every_row_once_with_falling_scores(dense: list[int], sparse: list[int], strong: int) -> None:
    places = {row: Place(0, row // 3, row < 6) for row in range(8)}
    ranked = fuse([(row, 1.0) for row in dense], [(row, 1.0) for row in sparse], places, strong)
    assert sorted(row for row, _ in ranked) == list(range(8))
    scores = [score for _, score in ranked]
    assert scores == sorted(scores, reverse=True)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory, encoder: Embed) -> Library:
    library = Library.open(tmp_path_factory.mktemp("samples"), encoder)
    library.ingest([SAMPLES / "documents"], PUBLIC)
    return library


def _questions() -> list[dict[str, object]]:
    return [json.loads(line) for line in (SAMPLES / "questions.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.models
def test_sample_questions_find_their_document_among_the_first_five(samples: Library) -> None:
    asked = [row for row in _questions() if row["document"]]
    found = [
        any(passage.document == row["document"] for passage in samples.search(str(row["question"]), 5, PUBLIC))
        for row in asked
    ]
    assert sum(found) >= 0.95 * len(found)


@pytest.mark.models
def test_questions_that_nothing_answers_are_mostly_told_apart(samples: Library, encoder: Embed) -> None:
    right = []
    for row in _questions():
        question = str(row["question"])
        embedding = encoder([question])[0]
        score = answerable(embedding, samples.search(question, 5, PUBLIC, embedding), question)
        right.append((score >= ANSWERABLE) == bool(row["document"]))
    assert sum(right) >= 0.8 * len(right)


@pytest.mark.models
def test_true_claims_are_supported_and_their_twisted_twins_are_not(encoder: Embed) -> None:
    passage = Passage("x", "d", "d.md", "Dealing and settlement", None, "Redemptions", _REDEMPTIONS, 0.0, 0.0, 1)
    evidence = Evidence([evidence_text(passage), *PASSAGES], encoder)
    for true, false in _CLAIMS:
        assert evidence.support(true)[1] >= SUPPORTED, true
        assert evidence.support(false)[1] < SUPPORTED, false


_REDEMPTIONS = (
    "Proceeds are paid only to a bank account in the investor's own name. Redemptions from the Delphi fund need a notice "
    "period of 30 days. If redemption requests exceed 10% of net assets, the manager may defer the excess."
)
_CLAIMS = (
    (
        "Redemptions from Delphi need a notice period of 30 days.",
        "Redemptions from Delphi need a notice period of 60 days.",
    ),
    (
        "The excess above 10% of net assets may be deferred.",
        "The excess above 25% of net assets may be deferred.",
    ),
    ("Aurora charges 1.25% for Class A.", "Aurora charges 1.52% for Class A."),
    (
        "You can redeem from Delphi with thirty days' notice.",
        "You can redeem from Ember with thirty days' notice.",
    ),
    (
        "Complaints are acknowledged within 2 business days.",
        "Complaints are answered by the Prime Minister within 2 business days.",
    ),
)
