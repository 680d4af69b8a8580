"""A document's versions: which one is found on which day, how one follows another, and what a restoration brings back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.graph.reading.periods import find_periods
from retrieval.index.reading import Change
from retrieval.index.versions.asked import asked_for, days_of, in_force
from retrieval.index.versions.stated import Validity, stated
from retrieval.library import Library
from retrieval.types import DocumentInfo, DocumentRefused, LibraryChange, UnreadableDocument
from tests.retrieval.conftest import PUBLIC, STAFF, HashingEmbedder

Write = Callable[[str, str], Path]
NOW = date(2026, 6, 1)
EXIT = "---\nvalid_from: {day}\n---\n# Fees\n\n| Charge | Rate |\n| --- | --- |\n| Exit charge | {rate} |\n"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library.open(tmp_path / "library", HashingEmbedder(), day=lambda: NOW)


def _rates(library: Library, question: str = "exit charge", groups: frozenset[str] = PUBLIC, **how: date) -> str:
    return " ".join(passage.text for passage in library.search(question, 9, groups, **how))  # type: ignore[arg-type]


def _graphed(library: Library, question: str) -> str:
    return repr(library.graph(PUBLIC, question).documents)


def _two_versions(library: Library, write: Write) -> Path:
    path = write("fees.md", EXIT.format(day="2024-01-01", rate="0.75%"))
    library.ingest([path], PUBLIC)
    path.write_text(EXIT.format(day="2026-01-01", rate="0.50%"))
    library.ingest([path], PUBLIC)
    return path


# --- which one is found


def test_a_version_that_says_from_when_it_is_in_force_leaves_the_one_before_as_a_former_version(
    library: Library, write: Write
) -> None:
    _two_versions(library, write)
    assert [(one.key, one.version, one.valid_from, one.valid_until) for one in library.everything()] == [
        ("fees.md", 2, date(2026, 1, 1), None),
        ("fees.md@v1", 1, date(2024, 1, 1), date(2025, 12, 31)),
    ]
    assert ("0.50%" in _rates(library), "0.75%" in _rates(library)) == (True, False)
    assert "0.75%" not in _graphed(library, "exit charge")


def test_a_library_that_is_embedded_anew_keeps_the_version_that_becomes_a_former_one(
    library: Library, write: Write, tmp_path: Path
) -> None:
    path = write("fees.md", EXIT.format(day="2024-01-01", rate="0.75%"))
    library.ingest([path], PUBLIC)
    path.write_text(EXIT.format(day="2026-01-01", rate="0.50%"))
    other = Library.open(tmp_path / "library", HashingEmbedder(64, salt="x"), day=lambda: NOW)
    other.ingest([path], PUBLIC, rebuild=True)
    assert ("0.50%" in _rates(other), "0.75%" in _rates(other)) == (True, False)
    assert "0.75%" in _rates(other, on=date(2025, 1, 1))


@pytest.mark.parametrize(
    "question",
    ["exit charge in 2024", "exit charge on 3 March 2025", "exit charge, version 1", "the former version's exit charge"],
)
def test_a_former_version_is_found_where_the_question_names_its_day_or_itself(
    library: Library, write: Write, question: str
) -> None:
    _two_versions(library, write)
    found = library.search(question, 9, PUBLIC)
    assert {(one.valid_from, one.valid_until) for one in found} == {(date(2024, 1, 1), date(2025, 12, 31))}
    assert {one.document for one in found} == {"fees"}
    assert "0.75%" in _graphed(library, question)
    assert "0.50%" not in _graphed(library, question)


def test_a_search_can_be_told_the_day(library: Library, write: Write) -> None:
    _two_versions(library, write)
    assert "0.75%" in _rates(library, on=date(2025, 12, 31))
    assert "0.50%" in _rates(library, on=date(2026, 1, 1))
    assert _rates(library, on=date(2023, 12, 31)) == ""


def test_a_version_of_next_year_is_not_in_force_before(library: Library, write: Write) -> None:
    path = write("fees.md", EXIT.format(day="2024-01-01", rate="0.75%"))
    library.ingest([path], PUBLIC)
    path.write_text(EXIT.format(day="2027-01-01", rate="0.50%"))
    library.ingest([path], PUBLIC)
    assert ("0.50%" in _rates(library), "0.75%" in _rates(library)) == (False, True)
    assert "0.50%" in _rates(library, "exit charge in 2027")


def test_what_is_no_longer_in_force_is_found_only_where_it_is_asked_for(library: Library, write: Write) -> None:
    library.ingest([write("fees.md", "The exit charge is 0.75%.")], PUBLIC, validity=Validity(None, date(2025, 12, 31)))
    assert _rates(library) == ""
    assert library.documents(PUBLIC) == []
    assert "0.75%" in _rates(library, "exit charge in 2025")


def test_a_correction_leaves_nothing_of_what_it_corrects(library: Library, write: Write, tmp_path: Path) -> None:
    path = write("fees.md", "The exit charge is zephyrine.")
    library.ingest([path], PUBLIC)
    path.write_text("The exit charge is 0.75%.")
    library.ingest([path], PUBLIC)
    assert [one.version for one in library.everything()] == [1]
    kept = b"".join(file.read_bytes() for file in (tmp_path / "library").rglob("*") if file.is_file())
    assert b"zephyrin" not in kept


def test_former_versions_are_read_by_those_who_read_the_document_and_go_with_it(library: Library, write: Write) -> None:
    _two_versions(library, write)
    library.apply(Change(alter={"fees.md": {"access": STAFF}}))
    assert _rates(library, "exit charge in 2024") == ""
    assert "0.75%" in _rates(library, "exit charge in 2024", STAFF)
    assert library.remove(["fees.md"]) == ("fees.md", "fees.md@v1")
    assert library.everything() == []


def test_one_former_version_can_be_removed_alone(library: Library, write: Write) -> None:
    _two_versions(library, write)
    assert library.remove(["fees.md@v1"]) == ("fees.md@v1",)
    assert [one.key for one in library.everything()] == ["fees.md"]


def test_a_moved_document_takes_its_versions_along(library: Library, write: Write) -> None:
    path = _two_versions(library, write)
    path.rename(path.with_name("charges.md"))
    library.ingest([path.parent])
    assert [(one.key, one.of, one.version) for one in library.everything()] == [
        ("charges.md", "", 2),
        ("charges.md@v1", "charges.md", 1),
    ]
    assert "0.75%" in _graphed(library, "exit charge in 2024")


# --- how one follows another


def test_a_restored_version_is_in_force_from_its_day_and_the_other_is_former(library: Library, write: Write) -> None:
    path = _two_versions(library, write)
    library.apply(Change(restore={"fees.md@v1": NOW}))
    assert [(one.key, one.version, one.valid_from, one.valid_until) for one in library.everything()] == [
        ("fees.md", 3, NOW, None),
        ("fees.md@v1", 1, date(2024, 1, 1), date(2025, 12, 31)),
        ("fees.md@v2", 2, date(2026, 1, 1), date(2026, 5, 31)),
    ]
    assert "0.75%" in _rates(library)
    report = library.ingest([path])
    assert "the later one stays in force" in report.remarks[0].text
    assert "0.75%" in _rates(library), "the file of the version that was set aside does not come back by itself"
    path.write_text(EXIT.format(day="2026-05-01", rate="0.60%"))
    library.ingest([path])
    assert "0.60%" in _rates(library)


def test_only_a_former_version_is_restored(library: Library, write: Write) -> None:
    _two_versions(library, write)
    with pytest.raises(DocumentRefused, match="latest version"):
        library.apply(Change(restore={"fees.md": NOW}))


def test_rights_and_dates_are_changed_without_embedding(library: Library, write: Write) -> None:
    library.ingest([write("a.md", "Alpha text.")], PUBLIC)
    report = library.apply(Change(alter={"a.md": {"access": STAFF, "valid_until": date(2030, 1, 1)}}))
    assert report.chunks_embedded == 0
    (found,) = library.search("alpha", 1, STAFF)
    assert found.valid_until == date(2030, 1, 1)
    with pytest.raises(DocumentRefused, match="nobody"):
        library.apply(Change(alter={"a.md": {"access": frozenset()}}))
    with pytest.raises(DocumentRefused, match="before"):
        library.apply(Change(alter={"a.md": {"valid_from": date(2031, 1, 1)}}))


def test_every_change_is_told_before_it_is_in_force_with_the_digests_of_both_generations(
    library: Library, write: Write
) -> None:
    told: list[tuple[LibraryChange, str]] = []

    def record(change: LibraryChange) -> None:
        told.append((change, library.digest))

    path = write("fees.md", EXIT.format(day="2024-01-01", rate="0.75%"))
    library.ingest([path], PUBLIC, record=record)
    path.write_text(EXIT.format(day="2026-01-01", rate="0.50%"))
    library.ingest([path], record=record)
    library.apply(Change(alter={"fees.md": {"access": STAFF}}), record=record)
    library.apply(Change(restore={"fees.md@v1": NOW}), record=record)
    library.remove(["fees.md"], record=record)
    library.ingest([write("b.md", "Beta.")], record=record)
    assert [(len(c.added), len(c.replaced), len(c.changed), len(c.removed), len(c.former)) for c, _ in told] == [
        (1, 0, 0, 0, 0),
        (0, 1, 0, 0, 1),
        (0, 0, 2, 0, 0),
        (0, 1, 0, 0, 1),
        (0, 0, 0, 3, 0),
        (1, 0, 0, 0, 0),
    ]
    assert [change.before for change, _ in told] == [at for _, at in told]
    assert [change.after for change, _ in told] == [*(at for _, at in told[1:]), library.digest]


def test_what_cannot_be_recorded_does_not_happen(library: Library, write: Write) -> None:
    def refuse(change: LibraryChange) -> None:
        raise OSError("the log's disk is full")

    with pytest.raises(OSError, match="full"):
        library.ingest([write("a.md", "Alpha.")], PUBLIC, record=refuse)
    assert library.everything() == []


# --- what a file says of itself


def test_dates_are_read_from_front_matter_and_bad_ones_cost_the_file_itself(library: Library, write: Write) -> None:
    good = write("a.md", "\ufeff---\ntitle: A\nvalid_from: '2025-01-31'  # board\nvalid_until:\n---\nText.")
    assert stated(good) == Validity(date(2025, 1, 31), None)
    assert stated(write("b.md", "Text.\n---\nvalid_from: 2025-01-01\n---\n")) == Validity()
    bad = write("c.md", "---\nvalid_from: 31.1.2025\n---\nText.")
    with pytest.raises(UnreadableDocument, match="write it as 2025-01-31"):
        stated(bad)
    report = library.ingest([good, bad], PUBLIC)
    assert (report.added, len(report.problems)) == (("a.md",), 1)


def test_a_new_document_is_not_taken_for_the_next_version_of_a_known_one(library: Library, write: Write) -> None:
    path = write("a.md", "Alpha.")
    assert library.ingest([path], PUBLIC, only_new=True).added == ("a.md",)
    path.write_text("Other.")
    report = library.ingest([path], only_new=True)
    assert "is the document a.md already" in report.problems[0].reason
    assert "Alpha." in _rates(library, "alpha")


def test_ids_are_those_of_the_bytes_under_their_name(library: Library, write: Write, tmp_path: Path) -> None:
    for folder in ("x", "y"):
        library.ingest([write(f"{folder}/report.pdf.md", "The same words.").parent], PUBLIC)
    first, second = library.everything()
    assert first.digest == second.digest
    assert first.id != second.id
    again = Library.open(tmp_path / "again", HashingEmbedder())
    again.ingest([tmp_path / "documents" / "x"], PUBLIC)
    assert again.everything()[0].id == (first if first.key == "report.pdf.md" else second).id
    found = library.passage(first.id, 1, PUBLIC)
    assert found is not None
    assert (found[0].key, found[1].text) == (first.key, "The same words.")
    assert library.passage(first.id, 2, PUBLIC) is None
    assert library.passage(first.id, 1, STAFF) is None


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("in 2024", ("2024-01-01", "2024-12-31")),
        ("in Q2 2024", ("2024-04-01", "2024-06-30")),
        ("February 2024", ("2024-02-01", "2024-02-29")),
        ("on 31 December 2025", ("2025-12-31", "2025-12-31")),
        ("fiscal 2024", None),
        ("2024-13-01", None),
    ],
)
def test_a_period_has_the_days_of_the_calendar(text: str, span: tuple[str, str] | None) -> None:
    found = next((days for one in find_periods(text) if (days := days_of(one))), None)
    assert found == (span and tuple(date.fromisoformat(day) for day in span))


_DAYS = st.none() | st.dates(date(2024, 1, 1), date(2027, 12, 31))


@given(
    versions=st.lists(st.tuples(st.sampled_from("ab"), _DAYS, _DAYS, st.booleans()), max_size=8),
    day=st.dates(date(2024, 1, 1), date(2027, 12, 31)),
    question=st.sampled_from(["fees", "fees in 2025", "on 1 March 2026", "version 1 of the fees", "the previous version"]),
)
def test_of_a_document_one_version_at_most_is_searched_and_none_that_is_not_seen(
    versions: list[tuple[str, date | None, date | None, bool]], day: date, question: str
) -> None:
    documents = [
        DocumentInfo(f"{name}@v{n}", name, name, name, "", PUBLIC, None, 1, version=n, valid_from=a, valid_until=b, of=name)
        for n, (name, a, b, _) in enumerate(versions, 1)
    ]
    seen = [i for i, (*_, visible) in enumerate(versions) if visible]
    chosen = asked_for(documents, seen, day, question)
    assert set(chosen) <= set(seen)
    assert len({documents[i].name for i in chosen}) == len(chosen)
    alone = [documents[i] for i in seen]
    assert [documents[i] for i in chosen] == [alone[i] for i in asked_for(alone, range(len(alone)), day, question)]
    assert all(documents[i].in_force(day) for i in in_force(documents, seen, day))
