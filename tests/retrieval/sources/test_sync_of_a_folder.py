"""A folder's sync: what comes, changes, moves, goes or is closed to its readers is followed, once, and told before."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval.library import Library
from retrieval.sources import Rights
from retrieval.sources.kinds.folder import Folder
from retrieval.types import LibraryBusy
from tests.retrieval.conftest import HashingEmbedder
from tests.retrieval.sources.conftest import BOARD, STAFF, Syncing

Share = Callable[[str, str], Path]


@pytest.fixture
def folder(tmp_path: Path, share: Share) -> Folder:
    share("fees.md", "The annual fee is one percent.")
    share("board/plan.md", "The secret plan is to merge.")
    return Folder(tmp_path / "share")


PATHS = Rights(paths={"": STAFF, "board": BOARD})


def test_each_path_has_its_readers(syncing: Syncing, folder: Folder) -> None:
    report = syncing(folder, PATHS)
    assert syncing.readers() == {"fees.md": STAFF, "board/plan.md": BOARD}
    assert {(one.name, one.change) for one in report.given} == {("fees.md", "new"), ("board/plan.md", "new")}
    assert "secret" not in " ".join(syncing.finds("secret plan"))


def test_what_nothing_maps_is_not_in_the_library_and_is_told(syncing: Syncing, folder: Folder) -> None:
    report = syncing(folder, Rights(paths={"board": BOARD}))
    assert syncing.readers() == {"board/plan.md": BOARD}
    assert [one.path for one in report.nobody] == ["fees.md"]


def test_a_second_sync_changes_and_tells_nothing(syncing: Syncing, folder: Folder, embedder: HashingEmbedder) -> None:
    syncing(folder, PATHS)
    before = syncing.library.digest
    embedder.seen.clear()
    report = syncing(folder, PATHS)
    assert (report.given, report.removed, report.unchanged) == ((), (), 2)
    assert (syncing.library.digest, embedder.seen, len(syncing.told)) == (before, [], 1)


def test_a_changed_file_is_read_again(syncing: Syncing, folder: Folder, share: Share) -> None:
    syncing(folder, PATHS)
    share("fees.md", "The annual fee is nine percent now.")
    report = syncing(folder, PATHS)
    assert [(one.name, one.change) for one in report.given] == [("fees.md", "changed")]
    assert syncing.finds("annual fee") == ["The annual fee is nine percent now."]


def test_a_file_that_was_only_touched_is_no_change(syncing: Syncing, folder: Folder, tmp_path: Path) -> None:
    syncing(folder, PATHS)
    os.utime(tmp_path / "share" / "fees.md", (1, 1))
    assert syncing(folder, PATHS).given == ()


def test_what_is_gone_from_the_folder_is_recorded_and_then_gone_from_the_library(
    syncing: Syncing, folder: Folder, tmp_path: Path
) -> None:
    syncing(folder, PATHS)
    (tmp_path / "share" / "board" / "plan.md").unlink()
    report = syncing(folder, PATHS)
    assert report.removed == ("board/plan.md",)
    assert [one.key for change in syncing.told for one in change.removed] == ["board/plan.md"]
    assert syncing.readers() == {"fees.md": STAFF}


def test_a_record_that_cannot_be_written_keeps_everything_as_it_was_until_it_can(
    syncing: Syncing, folder: Folder, share: Share, tmp_path: Path
) -> None:
    syncing(folder, PATHS)
    before = syncing.library.digest
    (tmp_path / "share" / "board" / "plan.md").unlink()
    share("new.md", "Something new.")

    def refuse(_: object) -> None:
        raise OSError("the log is full")

    with pytest.raises(OSError, match="the log is full"):
        syncing(folder, PATHS, record=refuse)
    assert syncing.library.digest == before
    syncing(folder, PATHS)
    assert set(syncing.readers()) == {"fees.md", "new.md"}


def test_a_renamed_file_is_moved_with_the_readers_of_its_new_place(
    syncing: Syncing, folder: Folder, tmp_path: Path, embedder: HashingEmbedder
) -> None:
    syncing(folder, PATHS)
    embedder.seen.clear()
    (tmp_path / "share" / "fees.md").rename(tmp_path / "share" / "board" / "fees.md")
    report = syncing(folder, PATHS)
    assert [(one.name, one.change, one.groups) for one in report.given] == [("board/fees.md", "moved", BOARD)]
    assert syncing.readers() == {"board/fees.md": BOARD, "board/plan.md": BOARD}
    assert not any("annual fee" in text for text in embedder.seen)


def test_readers_follow_the_mapping_without_reading_the_file_again(syncing: Syncing, folder: Folder) -> None:
    syncing(folder, Rights(default=STAFF))
    report = syncing(folder, PATHS)
    assert [(one.name, one.change) for one in report.given] == [("board/plan.md", "readers")]
    assert syncing.readers()["board/plan.md"] == BOARD


def test_what_the_mapping_closes_leaves_the_library(syncing: Syncing, folder: Folder) -> None:
    syncing(folder, PATHS)
    report = syncing(folder, Rights(paths={"": STAFF, "board": frozenset()}))
    assert (report.removed, report.nobody) == (("board/plan.md",), ())
    assert syncing.readers() == {"fees.md": STAFF}


def test_a_file_that_cannot_be_read_costs_itself_alone_and_is_not_tried_until_it_changes(
    syncing: Syncing, folder: Folder, share: Share
) -> None:
    tried: list[str] = []
    broken = share("broken.pdf", "no pdf")

    def read(path: Path) -> object:
        from retrieval.documents.parse import parse

        tried.append(path.name)
        return parse(path)

    first = syncing(folder, PATHS, read=read)
    assert [one.path for one in first.problems] == ["broken.pdf"]
    assert set(syncing.readers()) == {"fees.md", "board/plan.md"}
    assert "broken.pdf" not in {one.name for one in first.given}
    tried.clear()
    second = syncing(folder, PATHS, read=read)
    assert ([one.path for one in second.problems], tried, second.news) == (["broken.pdf"], [], False)
    broken.write_text("still no pdf, and longer")
    syncing(folder, PATHS, read=read)
    assert tried == ["broken.pdf"]


def test_a_document_whose_new_version_cannot_be_read_is_not_left_to_its_old_readers(
    syncing: Syncing, folder: Folder, share: Share
) -> None:
    share("page.html", "<p>The staff may read this page.</p>")
    syncing(folder, Rights(default=STAFF))
    share("page.html", "")
    report = syncing(folder, Rights(default=BOARD))
    assert [one.path for one in report.problems] == ["page.html"]
    assert "page.html" not in syncing.readers()
    assert "page.html" in report.removed


def test_a_folder_that_is_not_there_is_an_error_and_nothing_is_taken_for_gone(
    syncing: Syncing, folder: Folder, tmp_path: Path
) -> None:
    syncing(folder, PATHS)
    (tmp_path / "share").rename(tmp_path / "elsewhere")
    report = syncing(folder, PATHS)
    assert "is a disk or a share missing" in report.problems[0].reason
    assert (report.unavailable, report.news, syncing(folder, PATHS).news) == (True, True, False)
    assert len(syncing.readers()) == 2


def test_where_most_of_a_folder_is_gone_somebody_has_to_say_so(
    syncing: Syncing, folder: Folder, share: Share, tmp_path: Path
) -> None:
    for number in range(8):
        share(f"{number}.md", f"Text number {number}.")
    syncing(folder, PATHS)
    for path in (tmp_path / "share").glob("*.md"):
        path.unlink()
    kept = syncing(folder, PATHS)
    assert "is something missing" in kept.problems[0].reason
    assert len(syncing.readers()) == 10
    syncing(folder, PATHS, prune=True)
    assert set(syncing.readers()) == {"board/plan.md"}


def test_what_cannot_be_seen_is_not_gone(
    syncing: Syncing, folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncing(folder, PATHS)
    scandir = os.scandir

    def refused(path: Path) -> object:
        if Path(path).name == "board":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)  # root, as whom tests may run, is refused nothing
    report = syncing(folder, PATHS)
    assert [one.path for one in report.problems] == ["board"]
    assert len(syncing.readers()) == 2


def test_what_a_sync_would_do_is_told_without_doing_it(
    syncing: Syncing, folder: Folder, share: Share, tmp_path: Path
) -> None:
    syncing(folder, PATHS)
    before = syncing.library.digest
    share("new.md", "Something new.")
    share("fees.md", "The fee is nine percent.")
    (tmp_path / "share" / "board" / "plan.md").unlink()
    report = syncing(folder, PATHS, dry_run=True)
    assert {(one.name, one.change) for one in report.given} == {("new.md", "new"), ("fees.md", "changed")}
    assert report.removed == ("board/plan.md",)
    assert (syncing.library.digest, len(syncing.told)) == (before, 1)


def test_a_sync_goes_on_from_the_library_where_what_it_remembered_is_lost(
    syncing: Syncing, folder: Folder, tmp_path: Path, embedder: HashingEmbedder
) -> None:
    syncing(folder, PATHS)
    (syncing.root / "place.json").unlink()
    (tmp_path / "share" / "board" / "plan.md").unlink()
    embedder.seen.clear()
    report = syncing(folder, PATHS)
    assert (report.given, report.removed) == ((), ("board/plan.md",))
    assert not any("annual fee" in text for text in embedder.seen)


def test_a_source_may_move_to_another_folder(syncing: Syncing, folder: Folder, tmp_path: Path) -> None:
    syncing(folder, PATHS)
    shutil.copytree(tmp_path / "share", tmp_path / "moved")
    syncing(Folder(tmp_path / "moved"), PATHS)
    assert {Path(one.path).parts[len(tmp_path.parts)] for one in syncing.library.everything()} == {"moved"}
    assert len(syncing.readers()) == 2


def test_the_files_of_a_folder_are_never_touched(syncing: Syncing, folder: Folder, tmp_path: Path) -> None:
    syncing(folder, PATHS)
    syncing(folder, Rights())
    assert sorted(path.name for path in (tmp_path / "share").rglob("*.md")) == ["fees.md", "plan.md"]
    assert syncing.readers() == {}


def test_one_source_is_synced_by_one_process_at_a_time(syncing: Syncing, folder: Folder, library: Library) -> None:
    def meanwhile(_: object) -> None:
        with pytest.raises(LibraryBusy, match="another sync"):
            syncing(folder, PATHS)

    syncing(folder, PATHS, record=meanwhile)
