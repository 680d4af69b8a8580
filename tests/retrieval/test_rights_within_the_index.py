"""What a caller may not read changes nothing of what the caller gets: the same as from an index of the visible documents."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrieval.evidence.answer import answer
from retrieval.index.corpus import Corpus, View
from retrieval.index.entries import Entry, contents_of, entries_of
from retrieval.index.generations import Contents, Store
from retrieval.index.versions.stated import Validity
from retrieval.library import Library
from retrieval.ranking import lists, rank
from retrieval.ranking.rank import Ranked, Ranker
from retrieval.types import RightsBroken
from tests.retrieval.conftest import PUBLIC, STAFF, HashingEmbedder

NOW = date(2026, 6, 1)
_WORDS = ("exit", "charge", "entry", "fund", "birch", "maple", "annual", "fee", "dealing", "merger")
_QUESTIONS = (
    "What is the exit charge of the Birch Fund?",
    "annual fee",
    "exit charge in 2024",
    "merger",
    "What is the entry charge in version 1?",
    "How much is the maple fund's annual fee?",
)
_ROW = st.tuples(st.sampled_from(_WORDS), st.sampled_from(_WORDS), st.sampled_from(("0.75%", "1.20%", "3.00%")))
_DOCUMENT = st.tuples(
    st.sampled_from(("fees", "terms", "plan")),  # file names, so that several documents share one
    st.lists(st.sampled_from(_WORDS), min_size=1, max_size=12),  # prose; short, so that texts are equal now and then
    st.lists(_ROW, max_size=4),  # a table
    st.booleans(),  # whether the caller may read it
    st.sampled_from((None, date(2024, 1, 1), date(2026, 1, 1), date(2027, 1, 1))),
)


def _text(prose: list[str], rows: list[tuple[str, str, str]]) -> str:
    table = "".join(f"| {first.title()} {second} | {value} |\n" for first, second, value in rows)
    head = "\n| Charge | 2024 |\n| --- | --- |\n" if rows else ""
    return f"# {prose[0].title()} notes\n\n{' '.join(prose)}.\n{head}{table}"


def _library(root: Path, entries: dict[str, Entry], probe: tuple[float, ...]) -> Library:
    if entries:
        Store(root).write(contents_of(entries, probe))
    return Library.open(root, HashingEmbedder(), day=lambda: NOW)


@pytest.fixture(scope="module", autouse=True)
def _shallow() -> Iterator[None]:
    """Lists of a few hits: what is cut off, and in which order equals come, must not depend on what is hidden either."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lists, "_DEPTH", 3)
        patched.setattr(rank, "_DEPTH", 3)
        yield


@given(documents=st.lists(_DOCUMENT, min_size=1, max_size=7), question=st.sampled_from(_QUESTIONS), k=st.integers(1, 6))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_search_is_the_same_as_in_an_index_of_the_visible_documents_alone(
    documents: list[tuple[str, list[str], list[tuple[str, str, str]], bool, date | None]], question: str, k: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        mixed = Library.open(root / "mixed", HashingEmbedder(), day=lambda: NOW)
        for number, (name, prose, rows, visible, first) in enumerate(documents):
            path = root / f"{number}" / f"{name}.md"
            path.parent.mkdir()
            path.write_text(_text(prose, rows))
            mixed.ingest([path.parent], PUBLIC if visible else STAFF, validity=Validity(first))
        _, contents = Store(root / "mixed").read()
        seen = {entry.info.key: entry for entry in entries_of(contents) if entry.info.access & PUBLIC}
        alone = _library(root / "alone", seen, contents.probe)
        for using in ("all", "both", "dense", "sparse"):
            found = [one.search(question, k, PUBLIC, using=using) for one in (mixed, alone)]  # type: ignore[arg-type]
            assert found[0] == found[1]
        why = [[ranked.why for _, ranked in one.explained(question, k, PUBLIC)] for one in (mixed, alone)]
        assert why[0] == why[1]
        assert mixed.search(question, k, PUBLIC, on=date(2025, 1, 1)) == alone.search(
            question, k, PUBLIC, on=date(2025, 1, 1)
        )
        ours, theirs = mixed.graph(PUBLIC, question), alone.graph(PUBLIC, question)
        assert ours.documents == theirs.documents
        assert repr(ours.lines) == repr(theirs.lines)
        passages = mixed.search(question, k, PUBLIC)
        assert answer(question, ours, passages, threshold=0.0) == answer(question, theirs, passages, threshold=0.0)
        assert mixed.documents(PUBLIC) == alone.documents(PUBLIC)
        assert mixed.wording(PUBLIC) == alone.wording(PUBLIC)


# --- fail closed


@pytest.fixture
def two(tmp_path: Path) -> Contents:
    """An open and a closed document."""
    library = Library.open(tmp_path / "library", HashingEmbedder())
    for name, groups in (("open", PUBLIC), ("closed", STAFF)):
        path = tmp_path / f"{name}.md"
        path.write_text(
            f"# {name.title()}\n\nThe annual charge is known.\n\n| Charge | 2024 |\n| --- | --- |\n| Exit | 1% |\n"
        )
        library.ingest([path], groups)
    return Store(tmp_path / "library").read()[1]


def test_a_search_that_comes_back_with_a_foreign_row_raises_instead(two: Contents, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = Corpus(two)
    view = corpus.view(corpus.seen(PUBLIC, NOW))
    foreign = next(row for row in range(len(two.rows)) if row not in view.rows)

    class Careless:
        d = two.vectors.shape[1]

        def search(self, query: object, n: int, params: object) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
            return np.array([[0.9]], np.float32), np.array([[foreign]])

    monkeypatch.setattr(view, "_faiss", Careless())
    with pytest.raises(RightsBroken, match="may not read"):
        view.dense(two.vectors[0], 3)
    for hits in ([(foreign, 1.0)], [(int(view.rows[0]), 1.0), (len(two.rows) + 5, 0.5)], [(-1, 1.0)]):
        with pytest.raises(RightsBroken):
            view.own(hits)


def test_a_stored_graph_of_another_document_is_never_shown(two: Contents) -> None:
    swapped = Corpus(replace(two, graphs=tuple(reversed(two.graphs))))
    with pytest.raises(RightsBroken, match="another document's"):
        swapped.graph(swapped.seen(PUBLIC, NOW))


def test_a_search_that_ranks_a_foreign_document_raises_instead(
    tmp_path: Path, two: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library.open(tmp_path / "library", HashingEmbedder())
    everything = [(row, 1.0) for row in range(len(two.rows))]
    monkeypatch.setattr(lists, "fuse", lambda *_lists, **_how: everything)
    with pytest.raises(RightsBroken):
        library.search("annual charge", 9, PUBLIC, using="both")
    monkeypatch.setattr(Ranker, "rank", lambda *_: [Ranked(row, score, ()) for row, score in everything])
    for search in (library.search, library.explained):
        with pytest.raises(RightsBroken):
            search("annual charge", 9, PUBLIC)


@pytest.mark.parametrize("found_by", ["row_scores", "page_scores"])
def test_a_word_s_score_beyond_the_view_raises_before_it_moves_another(
    tmp_path: Path, two: Contents, monkeypatch: pytest.MonkeyPatch, found_by: str
) -> None:
    library = Library.open(tmp_path / "library", HashingEmbedder())
    asked = [library.search("annual charge", 9, PUBLIC), library.search("annual charge", 9, PUBLIC | STAFF)]
    assert asked[0]
    assert len(asked[1]) > len(asked[0])
    real = getattr(View, found_by)
    monkeypatch.setattr(View, found_by, lambda *args: np.ones_like(real(*args)))
    with pytest.raises(RightsBroken):
        library.search("annual charge", 1, PUBLIC)


def test_passages_are_explained_as_of_the_day_that_they_are_searched_on(tmp_path: Path) -> None:
    library = Library.open(tmp_path / "library", HashingEmbedder(), day=lambda: NOW)
    path = tmp_path / "fees.md"
    for charge, first in (("3%", date(2024, 1, 1)), ("1%", date(2026, 1, 1))):
        path.write_text(f"# Fees\n\nThe exit charge of the fund is {charge}.\n")
        library.ingest([path], PUBLIC, validity=Validity(first))
    for day, charge in ((None, "1%"), (date(2025, 3, 1), "3%")):
        found = library.explained("exit charge", 5, PUBLIC, on=day)
        assert [charge in passage.text for passage, _ in found] == [True]
        assert [passage for passage, _ in found] == library.search("exit charge", 5, PUBLIC, on=day)
    assert library.explained("exit charge", 5, PUBLIC, on=date(2023, 1, 1)) == []
