"""The right page first: by its words, its meaning, the statement that it holds, and whose it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.index.fields import BODY, HEAD, LABEL, SECTION, TITLE, marked
from retrieval.index.generations import Row, Store
from retrieval.index.postings import WHOLE, Postings, SeenPostings
from retrieval.index.tokens import tokens
from retrieval.library import Library
from retrieval.ranking.page_kinds import is_listing, is_signature
from retrieval.types import LibraryDamaged
from tests.retrieval.conftest import PUBLIC, STAFF, HashingEmbedder

Write = Callable[[str, str], Path]

_BOOKS = """# {name} annual report {year}

## Business

{name} packs food and sells packaging to shops. Its customers care about margins, profit and quality.

## Overview of margins

Margins and profitability of {name} are discussed at length here: margin, margins, gross, and improving profile.

## Consolidated Statements of Income

| (in millions) | {year} | {before} |
| --- | --- | --- |
| Net sales | 1,469 | 1,454 |
| Cost of sales | 1,196 | 1,172 |
| Gross profit | 273 | 282 |
| Income before income taxes | 125 | 111 |
| Income tax expense | 19 | 30 |
| Net income | 105 | 81 |

## Consolidated Balance Sheets

| (in millions) | {year} | {before} |
| --- | --- | --- |
| Total current assets | 530 | 585 |
| Total assets | 1,700 | 1,742 |
| Total current liabilities | 447 | 510 |
| Total liabilities | 1,291 | 1,328 |
| Total shareholders' equity | 409 | 414 |
"""


def _row(text: str, header: str = "", section: str = "") -> Row:
    return Row(id="x", document=0, page=1, section=section, header=header, text=text)


def test_words_are_told_apart_by_where_they_stand() -> None:
    row = _row(
        "Balance Sheets\nAs of June 30, | 2023 | 2022\nTotal assets | 1,700 | 1,742\nWe own plants in many countries.",
        header="Amcor 2023 | Item 8",
        section="Item 8",
    )
    words, kinds = marked(row)
    found = {kind: [word for word, its in zip(words, kinds, strict=True) if its == kind] for kind in range(5)}
    assert "amcor" in found[TITLE]
    assert "item" in found[SECTION]
    assert found[LABEL] == tokens("Total assets")
    assert {"sheet", "2022"} <= set(found[HEAD])
    assert {"1700", *tokens("plants")} <= set(found[BODY])


@given(st.text("ab12 |\n$,.", max_size=80), st.text("ab |", max_size=20), st.sampled_from(["", "b", "a b"]))
def test_no_word_is_lost_or_made_up_by_telling_them_apart(text: str, named: str, section: str) -> None:
    header = f"{named} | {section}" if section else named
    words, kinds = marked(_row(text, header, section))
    assert sorted(words) == sorted(tokens(f"{header}\n{text}"))
    assert len(words) == len(kinds)


def _postings(passages: list[list[int]], known: int = 6) -> Postings:
    words = np.array([word for passage in passages for word in passage], np.int32)
    items = np.repeat(np.arange(len(passages)), [len(passage) for passage in passages])
    return Postings(words, np.full(len(words), BODY, np.uint8), items, len(passages), known)


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=8), min_size=2, max_size=8),
    st.data(),
)
def test_scores_are_those_of_an_index_of_the_visible_passages_alone(passages: list[list[int]], data: st.DataObject) -> None:
    seen = sorted(data.draw(st.sets(st.integers(0, len(passages) - 1), min_size=1)))
    asked = dict.fromkeys(data.draw(st.sets(st.integers(0, 5), min_size=1)), 1.0)
    mixed = SeenPostings(_postings(passages), np.array(seen)).scores(asked, WHOLE)
    alone = SeenPostings(_postings([passages[at] for at in seen]), np.arange(len(seen))).scores(asked, WHOLE)
    assert np.allclose(mixed[seen], alone, atol=1e-6)
    assert not mixed[[at for at in range(len(passages)) if at not in seen]].any()


def test_bm25_is_that_of_its_paper_where_all_words_stand_in_one_field() -> None:
    passages = [[0, 0, 1], [0, 2, 3, 4, 5], [1, 2]]
    found = SeenPostings(_postings(passages), np.arange(3)).scores({0: 1.0}, WHOLE)
    average = np.mean([len(one) for one in passages])
    rarity = np.log1p((3 - 2 + 0.5) / (2 + 0.5))
    for at, count in ((0, 2), (1, 1)):
        part = count / (1 - 0.75 + 0.75 * len(passages[at]) / average)
        assert found[at] == pytest.approx(rarity * part * 2.2 / (1.2 + part), rel=1e-5)
    assert found[2] == 0


def test_a_question_about_a_ratio_finds_the_statement_that_it_is_computed_from(library: Library, write: Write) -> None:
    library.ingest([write("PACKCO_2023_10K.md", _BOOKS.format(name="Packco", year=2023, before=2022))], PUBLIC)
    found = library.explained("Does Packco have an improving gross margin profile as of FY2023?", 3, PUBLIC)
    assert any("Gross profit |" in passage.text for passage, _ in found[:2])


def test_the_named_company_s_own_documents_come_first_and_the_others_behind(library: Library, write: Write) -> None:
    for name in ("Packco", "Boxline"):
        library.ingest([write(f"{name.upper()}_2023_10K.md", _BOOKS.format(name=name, year=2023, before=2022))], PUBLIC)
    found = [passage.document for passage in library.search("What were Boxline's net sales in FY2023?", 8, PUBLIC)]
    assert found[0].startswith("BOXLINE")
    assert found == sorted(found, key=lambda name: not name.startswith("BOXLINE"))


def test_a_company_that_the_searcher_may_not_see_draws_nothing_towards_itself(tmp_path: Path, write: Write) -> None:
    seen = write("PACKCO_2023_10K.md", _BOOKS.format(name="Packco", year=2023, before=2022))
    secret = write("BOXLINE_2023_10K.md", _BOOKS.format(name="Boxline", year=2023, before=2022))
    alone, mixed = (Library.open(tmp_path / name, HashingEmbedder()) for name in ("alone", "mixed"))
    alone.ingest([seen], PUBLIC)
    mixed.ingest([seen], PUBLIC)
    mixed.ingest([secret], STAFF)
    for question in ("What were Boxline's net sales in FY2023?", "Packco's quick ratio in 2023?", "margins"):
        assert mixed.search(question, 5, PUBLIC) == alone.search(question, 5, PUBLIC)


def test_what_a_score_is_made_of_adds_up_for_a_page_s_best_passage(library: Library, write: Write) -> None:
    library.ingest([write("PACKCO_2023_10K.md", _BOOKS.format(name="Packco", year=2023, before=2022))], PUBLIC)
    passage, ranked = library.explained("What is Packco's gross margin in FY2023?", 1, PUBLIC)[0]
    assert passage.score == pytest.approx(sum(added for _, _, added in ranked.why), abs=1e-5)


def test_contents_and_exhibits_are_known_and_statements_are_not_taken_for_them() -> None:
    contents = "\n".join(f"Item {number}. Something of note {number * 7}" for number in range(1, 15))
    statement = "\n".join(f"Line item {number} | {number},{number}00 | {number},{number}50" for number in range(1, 9))
    assert is_listing(contents)
    assert is_listing("Exhibit 10.1, incorporated by reference. " * 6)
    assert not is_listing(statement)
    assert not is_listing("The fund charges 0.75% a year.\nDealing is daily.")
    assert is_signature("Pursuant to the requirements of Section 13 or 15(d) of the Act", 116)
    assert not is_signature("Pursuant to the requirements of Section 13 or 15(d) of the Act", 1)


def test_a_library_of_an_older_version_is_searched_with_all_its_words_as_text(
    library: Library, write: Write, tmp_path: Path
) -> None:
    library.ingest([write("PACKCO_2023_10K.md", _BOOKS.format(name="Packco", year=2023, before=2022))], PUBLIC)
    (generation,) = (tmp_path / "library" / "generations").iterdir()
    (generation / "fields.npy").unlink()
    with pytest.raises(LibraryDamaged, match=r"fields\.npy"):
        Library.open(tmp_path / "library", HashingEmbedder())
    manifest = json.loads((generation / "manifest.json").read_text())
    del manifest["fields"]  # an older version wrote neither
    (generation / "manifest.json").write_text(json.dumps(manifest))
    older = Library.open(tmp_path / "library", HashingEmbedder())
    assert Store(tmp_path / "library").read()[1].fields == ()
    assert "Gross profit" in older.search("gross profit of Packco", 1, PUBLIC)[0].text
