"""Which document a file is, who may read it, and that what is removed is gone from every file."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval.library import Library
from retrieval.types import LibraryChange, RetrievalError, UnknownDocument
from tests.retrieval.conftest import PUBLIC, STAFF

Write = Callable[[str, str], Path]
BOARD = frozenset({"board"})


def _keys(library: Library) -> dict[str, frozenset[str]]:
    return {one.key: one.access for one in library.everything()}


def _texts(library: Library, question: str, groups: frozenset[str]) -> str:
    return " ".join(passage.text for passage in library.search(question, 20, groups))


# --- which document a file is


def test_files_of_one_name_in_two_folders_are_two_documents_with_rights_of_their_own(library: Library, write: Write) -> None:
    public = write("public/fees.md", "The public exit charge is 0.75%.").parent
    board = write("board/fees.md", "The board plans an exit charge of 3.33%.").parent
    library.ingest([public], PUBLIC)
    assert library.ingest([board], BOARD).added == ("board/fees.md",)
    assert _keys(library) == {"fees.md": PUBLIC, "board/fees.md": BOARD}
    assert "0.75%" in _texts(library, "exit charge", PUBLIC)
    assert "3.33%" not in _texts(library, "exit charge", PUBLIC)
    assert "3.33%" in _texts(library, "exit charge", BOARD)


def test_files_of_one_name_in_one_call_are_two_documents(library: Library, write: Write) -> None:
    report = library.ingest([write("x/a.md", "One."), write("y/a.md", "Two.")], PUBLIC)
    assert (report.added, report.problems) == (("a.md", "y/a.md"), ())


def test_documents_of_one_name_are_told_apart_by_those_who_may_read_both_and_by_nobody_else(
    library: Library, write: Write
) -> None:
    table = "# Charges\n\n| Charge | 2024 |\n| --- | --- |\n| Exit charge | 0.75% |\n"
    library.ingest([write("public/fees.md", table).parent], PUBLIC)
    library.ingest([write("board/fees.md", table.replace("0.75", "3.33")).parent], BOARD)
    both = PUBLIC | BOARD
    assert {one.document for one in library.search("exit charge", 9, both)} == {"fees.md", "board/fees.md"}
    assert {one.document for one in library.graph(both).documents} == {"fees.md", "board/fees.md"}
    for groups in (PUBLIC, BOARD):
        assert {one.document for one in library.search("exit charge", 9, groups)} == {"fees"}
        assert {one.document for one in library.graph(groups).documents} == {"fees"}


def test_a_file_named_through_another_folder_is_the_same_document(library: Library, write: Write) -> None:
    path = write("board/minutes/june.md", "The board sells its Tampere office.")
    library.ingest([path.parents[1]], BOARD)
    for named in (path.parent, path):
        assert library.ingest([named], BOARD).unchanged == ("minutes/june.md",)
    path.write_text("The board keeps its Tampere office.")
    library.ingest([path], BOARD)
    assert _texts(library, "Tampere office", BOARD) == "The board keeps its Tampere office."


def test_a_library_without_paths_takes_its_files_for_its_documents_once(
    library: Library, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write("x/a.md", "One.")
    with monkeypatch.context() as older:
        older.setattr("retrieval.index.generations._files", lambda documents: [["", ""] for _ in documents])
        library.ingest([first], STAFF)
    assert [one.path for one in library.everything()] == [""]
    assert library.ingest([first]).unchanged == ("a.md",)
    assert [one.path for one in library.everything()] == [str(first)]
    assert library.ingest([write("y/a.md", "Two.")]).added == ("y/a.md",)
    assert _keys(library) == {"a.md": STAFF, "y/a.md": PUBLIC}


# --- who may read it


def test_an_ingest_that_names_no_group_leaves_rights_as_they_were(library: Library, write: Write) -> None:
    path = write("board/june.md", "The board sells its Tampere office.")
    library.ingest([path.parent], BOARD)
    path.write_text("The board keeps its Tampere office.")
    for _ in range(2):
        library.ingest([path.parent])
        assert _keys(library) == {"june.md": BOARD}


def test_a_new_file_is_read_by_those_who_read_its_folder(library: Library, write: Write) -> None:
    board = write("board/minutes/june.md", "June.").parents[1]
    library.ingest([board], BOARD)
    write("board/minutes/july.md", "July.")
    write("board/budget.md", "Budget.")
    write("board/new/plan.md", "Plan.")
    report = library.ingest([board])
    assert set(_keys(library).values()) == {BOARD}
    assert {remark.key for remark in report.remarks} == {"minutes/july.md", "budget.md", "new/plan.md"}
    assert "read by board, as the documents of its folder" in report.remarks[0].text


def test_a_folder_beside_a_closed_one_is_open_as_before(library: Library, write: Write) -> None:
    library.ingest([write("board/june.md", "June.").parent], BOARD)
    library.ingest([write("open/notes.md", "Notes.").parent])
    assert _keys(library) == {"june.md": BOARD, "notes.md": PUBLIC}


def test_where_a_folder_has_several_kinds_of_readers_a_new_file_waits_for_a_word(library: Library, write: Write) -> None:
    library.ingest([write("mixed/a.md", "A.")], BOARD)
    library.ingest([write("mixed/b.md", "B.")], STAFF)
    folder = write("mixed/c.md", "C.").parent
    report = library.ingest([folder])
    assert "c.md" not in _keys(library)
    assert ["--access" in problem.reason for problem in report.problems] == [True]
    assert library.ingest([folder / "c.md"], STAFF).added == ("c.md",)


def test_a_copy_is_read_by_those_who_read_the_original(library: Library, write: Write) -> None:
    library.ingest([write("board/plan.md", "The plan.")], BOARD)
    library.ingest([write("public/copy.md", "The plan.").parent])
    assert _keys(library) == {"plan.md": BOARD, "copy.md": BOARD}


def test_a_moved_file_takes_its_rights_along_and_its_old_place_is_forgotten(library: Library, write: Write) -> None:
    path = write("all/board/plan.md", "The plan.")
    folder = path.parents[1]
    library.ingest([path.parent], BOARD)
    library.ingest([write("all/open/a.md", "A.").parent], PUBLIC)
    path.rename(folder / "open" / "renamed.md")
    report = library.ingest([folder / "open"])
    assert (report.added, report.removed) == (("renamed.md",), ("plan.md",))
    assert _keys(library) == {"a.md": PUBLIC, "renamed.md": BOARD}


def test_rights_that_are_changed_by_name_are_told(library: Library, write: Write) -> None:
    path = write("a.md", "Alpha text.")
    library.ingest([path], STAFF)
    report = library.ingest([path], PUBLIC)
    assert [remark.text for remark in report.remarks] == ["read by public from now on, until now by staff"]


# --- how it goes


def test_what_is_gone_from_its_folder_is_forgotten_at_the_next_ingest(library: Library, write: Write) -> None:
    path = write("board/minutes/june.md", "The board sells its Tampere office.")
    write("board/notes.md", "Other notes.")
    library.ingest([path.parents[1]], BOARD)
    path.unlink()
    assert library.ingest([path.parents[1]]).removed == ("minutes/june.md",)
    assert "Tampere" not in _texts(library, "Tampere office", BOARD)


def test_a_folder_that_lost_most_of_its_files_is_asked_about(library: Library, write: Write) -> None:
    paths = [write(f"share/{i}.md", f"Text {i}.") for i in range(8)]
    folder = paths[0].parent
    library.ingest([folder], STAFF)
    for path in paths[:6]:
        path.unlink()
    report = library.ingest([folder])
    assert (report.removed, len(_keys(library))) == ((), 8)
    assert "is a disk missing?" in report.problems[0].reason
    assert len(library.ingest([folder], prune=True).removed) == 6
    assert len(_keys(library)) == 2


def test_a_document_whose_file_became_unreadable_stays_and_is_told(library: Library, write: Write) -> None:
    path = write("a.md", "Alpha text.")
    library.ingest([path], PUBLIC)
    path.write_bytes(b"a\x00b")
    report = library.ingest([path], PUBLIC)
    assert report.problems[0].reason.endswith("what was read of it before stays in the library")
    assert library.search("alpha", 1, PUBLIC)


def _everything_on_disk(root: Path) -> bytes:
    """Every byte in the library's folder; graphs also unpacked."""
    found = b""
    for path in root.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            found += content + path.name.encode()
            if path.name == "graphs.bin":
                while content:
                    unpacking = zlib.decompressobj()
                    found += unpacking.decompress(content)
                    content = unpacking.unused_data
    return found


def test_a_removed_document_leaves_nothing_in_any_file(library: Library, write: Write, tmp_path: Path) -> None:
    table = "# Xylographs\n\n| Zephyrine | 2024 |\n| --- | --- |\n| Quagmires | 7,654 |\n\nZephyrine is a quagmire.\n"
    library.ingest([write("xylograph.md", table), write("b.md", "Beta.")], PUBLIC)
    library.ingest([write("c.md", "Gamma.")], PUBLIC)
    before = _everything_on_disk(tmp_path / "library").lower()
    assert all(word in before for word in (b"xylograph", b"zephyrine", b"quagmire", b"7,654"))
    assert library.remove(["xylograph.md"]) == ("xylograph.md",)
    after = _everything_on_disk(tmp_path / "library").lower()
    assert not any(word in after for word in (b"xylograph", b"zephyrin", b"quagmir", b"7,654"))
    assert library.search("zephyrine quagmires", 9, PUBLIC)
    assert "7,654" not in _texts(library, "zephyrine quagmires", PUBLIC)
    assert [one.key for one in library.graph(PUBLIC).documents] == ["b.md", "c.md"]


def test_a_removal_is_told_before_it_happens_with_both_digests(library: Library, write: Write) -> None:
    library.ingest([write("a.md", "Alpha.")], PUBLIC)
    alone = library.digest
    library.ingest([write("b.md", "Beta.")], PUBLIC)
    both = library.digest
    told: list[LibraryChange] = []

    def record(change: LibraryChange) -> None:
        told.append(change)
        assert "b.md" in _keys(library)

    assert library.remove(["b"], record=record) == ("b.md",)
    assert [(one.before, one.after) for one in told] == [(both, alone)]
    assert [one.key for one in told[0].removed] == ["b.md"]
    assert library.digest == alone


def test_what_cannot_be_recorded_is_not_removed(library: Library, write: Write) -> None:
    path = write("a.md", "Alpha.")
    library.ingest([path], PUBLIC)

    def refuse(change: LibraryChange) -> None:
        raise OSError("the log's disk is full")

    with pytest.raises(OSError, match="full"):
        library.remove(["a.md"], record=refuse)
    path.unlink()
    with pytest.raises(OSError, match="full"):
        library.ingest([path.parent], record=refuse)
    assert list(_keys(library)) == ["a.md"]


def test_a_removal_names_one_document_or_nothing_goes(library: Library, write: Write) -> None:
    library.ingest([write("x/a.md", "One."), write("y/a.md", "Two."), write("b.md", "Beta.")], PUBLIC)
    with pytest.raises(UnknownDocument, match=r"a: several.*a\.md, y/a\.md"):
        library.remove(["b.md", "a"])
    with pytest.raises(RetrievalError, match="nothing: no document"):
        library.remove(["b.md", "nothing"])
    assert len(_keys(library)) == 3
    assert library.remove(["y/a.md", "b"]) == ("b.md", "y/a.md")


# --- one file's harm


def test_whatever_a_file_provokes_is_told_and_the_others_go_in(
    library: Library, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("good.md", "odd.md", "deep.md"):
        write(name, f"Text of {name}.")
    from retrieval.documents.parse import Parsed, parse

    def reads(path: Path) -> Parsed:
        if path.name == "odd.md":
            raise ZeroDivisionError("in a library\nthat reads")
        if path.name == "deep.md":
            raise RecursionError("maximum recursion depth exceeded")
        return parse(path)

    report = library.ingest([write("good.md", "Good text.").parent], PUBLIC, read=reads)
    assert report.added == ("good.md",)
    assert [problem.reason for problem in report.problems] == [
        "deep.md: cannot be read (RecursionError: maximum recursion depth exceeded)",
        "odd.md: cannot be read (ZeroDivisionError: in a library that reads)",
    ]


def test_half_a_character_and_a_nul_do_not_stop_an_ingest(library: Library, write: Write) -> None:
    from retrieval.documents.blocks import Block
    from retrieval.documents.grid import Grid
    from retrieval.documents.parse import READERS, Parsed

    odd = "half \ud800 of\x00 one"
    READERS[".odd"] = lambda path: Parsed(odd, (Block("prose", odd),), grids=(Grid(((odd, "1"), ("a", odd))),))
    try:
        report = library.ingest([write("a.odd", "x")], PUBLIC)
    finally:
        del READERS[".odd"]
    assert (report.added, report.problems) == (("a.odd",), ())
    assert library.search("half of one", 1, PUBLIC)[0].text == "half ? of one"
