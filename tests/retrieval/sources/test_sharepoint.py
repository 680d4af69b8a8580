"""A folder exported from SharePoint: its sharing report says who reads what, and what it does not say is read by nobody."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from retrieval.sources import Rights
from retrieval.sources.kinds.sharepoint import SharePointExport
from tests.retrieval.sources.conftest import BOARD, STAFF, Syncing

COLUMNS = "Resource Path,Item Type,Permission,User Name,User Email,User Or Group Type,Link ID,Link Type,AccessViaLinkID"
SITE = "sites/Finance"
BELOW = f"{SITE}/Shared Documents"
RIGHTS = Rights(groups={"Finance Members": STAFF, "Board": BOARD})
Share = Callable[[str, str], Path]


def report(path: Path, lines: Iterable[tuple[str, str, str]]) -> Path:
    """A sharing report as SharePoint writes it: with a byte order mark."""
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS.split(","))
        rows.writerows([where, "File", level, who, "", "SharePoint group", "", "", ""] for where, level, who in lines)
    return path


@pytest.fixture
def folder(tmp_path: Path, share: Share) -> Path:
    share("fees.md", "The annual fee is one percent.")
    share("Board/plan.md", "The secret plan is to merge.")
    share("Board/Minutes/march.md", "The minutes of March.")
    return tmp_path / "share"


def test_an_item_has_the_readers_of_the_nearest_line_of_the_report(syncing: Syncing, folder: Path, tmp_path: Path) -> None:
    lines = [
        (SITE, "Read", "Finance Members"),
        (f"{BELOW}/Board", "Contribute", "Board"),
        (f"{BELOW}/Board", "Limited Access", "Finance Members"),
        (f"{BELOW}/Board", "Read", "Ann Example"),
    ]
    syncing(SharePointExport(folder, report(tmp_path / "report.csv", lines), BELOW), RIGHTS)
    assert syncing.readers() == {"fees.md": STAFF, "Board/plan.md": BOARD, "Board/Minutes/march.md": BOARD}


def test_paths_may_be_written_as_addresses(syncing: Syncing, folder: Path, tmp_path: Path) -> None:
    lines = [("https://bank.sharepoint.example/sites/finance/Shared%20Documents/board", "Read", "Board")]
    syncing(SharePointExport(folder, report(tmp_path / "report.csv", lines), BELOW), RIGHTS)
    assert syncing.readers() == {"Board/plan.md": BOARD, "Board/Minutes/march.md": BOARD}


def test_a_new_report_changes_the_readers(syncing: Syncing, folder: Path, tmp_path: Path) -> None:
    syncing(SharePointExport(folder, report(tmp_path / "r.csv", [(BELOW, "Read", "Finance Members")]), BELOW), RIGHTS)
    assert set(syncing.readers().values()) == {STAFF}
    lines = [(BELOW, "Read", "Finance Members"), (f"{BELOW}/fees.md", "Read", "Ann Example")]
    done = syncing(SharePointExport(folder, report(tmp_path / "r.csv", lines), BELOW), RIGHTS)
    assert done.removed == ("fees.md",)
    assert "'Ann Example'" in done.nobody[0].reason


def test_a_report_that_lies_in_the_folder_is_no_document_and_no_problem(syncing: Syncing, folder: Path) -> None:
    made = report(folder / "report.csv", [(BELOW, "Read", "Finance Members")])
    done = syncing(SharePointExport(folder, made, BELOW), RIGHTS)
    assert (done.problems, done.passed_over, len(syncing.readers())) == ((), (), 3)


@pytest.mark.parametrize("text", [None, "Pfad,Name\na,b\n", "\xff\xfe"])
def test_a_report_that_cannot_be_read_changes_nothing(
    syncing: Syncing, folder: Path, tmp_path: Path, text: str | None
) -> None:
    good = report(tmp_path / "r.csv", [(BELOW, "Read", "Finance Members")])
    syncing(SharePointExport(folder, good, BELOW), RIGHTS)
    good.unlink() if text is None else good.write_bytes(text.encode("latin-1"))
    done = syncing(SharePointExport(folder, good, BELOW), RIGHTS)
    assert (done.unavailable, len(syncing.readers())) == (True, 3)


def test_without_a_report_paths_say_who_reads_what(syncing: Syncing, folder: Path) -> None:
    syncing(SharePointExport(folder), Rights(paths={"Board": BOARD}))
    assert syncing.readers() == {"Board/plan.md": BOARD, "Board/Minutes/march.md": BOARD}
