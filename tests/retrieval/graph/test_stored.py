"""Graphs stored with the library: whole, cut by access rights, gone with their document."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.documents.grid import Grid
from retrieval.evidence.answer import answer
from retrieval.evidence.result import Answer, Withheld
from retrieval.graph.document import Paragraph, build
from retrieval.graph.stored import OtherVersion, decode, encode
from retrieval.index import generations
from retrieval.library import Library
from retrieval.types import LibraryDamaged
from tests.retrieval.conftest import PUBLIC, STAFF

Write = Callable[[str, str], Path]
TABLE = "# {title}\n\n| (in thousands) | 2019 | 2018 |\n|---|---|---|\n| {label} | $ {value} | $ 100 |\n"
QUESTION = "What was the bonus pool in 2019?"


@given(
    st.lists(st.lists(st.text(max_size=8), min_size=3, max_size=3), max_size=6), st.lists(st.text(max_size=60), max_size=4)
)
def test_a_graph_comes_back_as_it_was(rows: list[list[str]], paragraphs: list[str]) -> None:
    grid = Grid(tuple(tuple(row) for row in rows), "in millions", 2, ("Report",))
    graph = build("a.md", "a", "A", [grid], [Paragraph(text, ("Report",), 1) for text in paragraphs])
    assert decode(encode(graph)) == graph


def test_bytes_that_are_no_graph_are_refused_with_the_next_step() -> None:
    with pytest.raises(ValueError, match="ingest the document again"):
        decode(b"not a graph")


def test_a_graph_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrieval.graph.stored.VERSION", 0)
    old = encode(build("a.md", "a", "A", [], []))
    monkeypatch.undo()
    with pytest.raises(OtherVersion):
        decode(old)


def test_a_caller_without_the_group_gets_nothing_of_a_document(library: Library, write: Write) -> None:
    library.ingest([write("public.md", TABLE.format(title="Public", label="Revenue", value="900"))], PUBLIC)
    library.ingest([write("secret.md", TABLE.format(title="Secret", label="Bonus pool", value="777"))], STAFF)
    outside = library.graph(PUBLIC)
    assert [document.key for document in outside.documents] == ["public.md"]
    assert "bonu" not in outside.words
    assert "$ 777" not in repr(answer(QUESTION, outside, threshold=0.0))
    inside = answer(QUESTION, library.graph(STAFF), threshold=0.3)
    assert isinstance(inside, Answer)
    assert "$777 thousand" in inside.text
    assert library.graph(frozenset()).documents == ()


def test_removing_a_document_removes_its_part_of_the_graph(library: Library, write: Write) -> None:
    library.ingest([write("a.md", TABLE.format(title="A", label="Bonus pool", value="777"))], PUBLIC)
    library.ingest([write("b.md", TABLE.format(title="B", label="Revenue", value="900"))], PUBLIC)
    assert isinstance(answer(QUESTION, library.graph(PUBLIC), threshold=0.3), Answer)
    library.remove(["a.md"])
    assert [document.key for document in library.graph(PUBLIC).documents] == ["b.md"]
    assert "$ 777" not in repr(answer(QUESTION, library.graph(PUBLIC), threshold=0.0))


def test_a_changed_document_brings_its_new_graph(library: Library, write: Write) -> None:
    library.ingest([write("a.md", TABLE.format(title="A", label="Bonus pool", value="777"))], PUBLIC)
    library.ingest([write("a.md", TABLE.format(title="A", label="Bonus pool", value="888"))], PUBLIC)
    got = answer(QUESTION, library.graph(PUBLIC), threshold=0.3)
    assert isinstance(got, Answer)
    assert "$888" in got.text
    assert "$ 777" not in repr(got)


def test_a_library_of_before_works_and_gets_its_graphs_at_the_next_ingest(
    library: Library, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("a.md", TABLE.format(title="A", label="Bonus pool", value="777"))
    monkeypatch.setattr("retrieval.index.reading.RULES", "2.2")
    monkeypatch.setattr("retrieval.index.cutting.cut.encode", lambda graph: b"")
    library.ingest([path], PUBLIC)
    assert library.search("bonus pool", 1, PUBLIC)
    assert library.ungraphed() == ("a.md",)
    assert isinstance(answer(QUESTION, library.graph(PUBLIC)), Withheld)
    monkeypatch.undo()
    report = library.ingest([path], PUBLIC)
    assert (report.changed, report.chunks_embedded) == (("a.md",), 0)
    assert library.ungraphed() == ()
    assert isinstance(answer(QUESTION, library.graph(PUBLIC), threshold=0.3), Answer)


def test_graphs_that_do_not_fit_their_manifest_are_damage(library: Library, write: Write, tmp_path: Path) -> None:
    library.ingest([write("a.md", TABLE.format(title="A", label="Bonus pool", value="777"))], PUBLIC)
    store = generations.Store(tmp_path / "library")
    folder = store.root / "generations" / (store.root / "CURRENT").read_text().strip()
    (folder / "graphs.bin").write_bytes(b"short")
    with pytest.raises(LibraryDamaged, match=r"graphs\.bin"):
        store.read()
