"""Which files of a folder are read: each entry is found, passed over with a reason, or hidden."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from retrieval.documents.parse import find_documents


def _found(*paths: Path) -> list[str]:
    return [one.inside for one in find_documents(paths)[0]]


def _reasons(*paths: Path) -> dict[str, str]:
    return {Path(one.path).name: one.reason for one in find_documents(paths)[1]}


def _write(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    return folder


def test_folders_are_searched_without_hidden_files_and_locks_of_office_programs(tmp_path: Path) -> None:
    folder = _write(tmp_path, "a.md", "deep/b.txt", ".git/c.md", "~$a.md")
    assert (_found(folder), _reasons(folder)) == (["a.md", "deep/b.txt"], {})


def test_files_of_kinds_that_nobody_reads_are_named(tmp_path: Path) -> None:
    folder = _write(tmp_path, "a.md", "charges.XLS", "deep/logo.svg", "Makefile")
    assert _found(folder) == ["a.md"]
    assert _reasons(folder) == {
        "charges.XLS": "of unknown kind '.xls', save it as .xlsx",
        "logo.svg": "of unknown kind '.svg'",
        "Makefile": "of unknown kind, without a suffix",
    }


def test_no_link_leads_out_of_a_folder_and_each_is_told(tmp_path: Path) -> None:
    outside = _write(tmp_path / "outside", "secret.md")
    folder = _write(tmp_path / "inside", "a.md")
    (folder / "alias.md").symlink_to("a.md")
    (folder / "out.md").symlink_to(outside / "secret.md")
    (folder / "folder").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    (folder / "nothing.md").symlink_to("missing.md")
    os.mkfifo(folder / "pipe.md")
    assert _found(folder) == ["a.md", "alias.md"]
    assert _reasons(folder) == {
        "out.md": "a link out of the folder; name that file itself",
        "folder": "a link to a folder; name that folder itself",
        "loop": "a link to a folder; name that folder itself",
        "nothing.md": "a link to nothing",
        "pipe.md": "no regular file",
    }


def test_a_name_that_is_no_utf_8_is_told_in_letters_that_can_be_printed(tmp_path: Path) -> None:
    _write(tmp_path, "a.md")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/latin1-\xe9.md")).write_text("x")
    assert _found(tmp_path) == ["a.md"]
    assert _reasons(tmp_path) == {"latin1-\\xe9.md": "its name is not UTF-8; rename it"}


def test_a_file_that_is_named_twice_is_found_once(tmp_path: Path) -> None:
    folder = _write(tmp_path, "deep/a.md")
    assert _found(folder, folder / "deep", folder / "deep" / "a.md") == ["deep/a.md"]


def test_accents_written_in_two_characters_make_no_other_name(tmp_path: Path) -> None:
    folder = _write(tmp_path, unicodedata.normalize("NFD", "Gebühren.md"))
    assert _found(folder) == [unicodedata.normalize("NFC", "Gebühren.md")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    folder = _write(tmp_path, "a.md", "closed/b.md")
    (folder / "closed").chmod(0)
    try:
        assert "cannot be read" in _reasons(folder)["closed"]
    finally:
        (folder / "closed").chmod(0o755)
