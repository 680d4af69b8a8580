"""Reading in a process apart: the same words come back, and what breaks the reader costs one file."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.documents.apart import ReaderApart
from retrieval.documents.parse import parse
from retrieval.types import UnreadableDocument
from tests.retrieval.conftest import SAMPLES

pytestmark = pytest.mark.process


@pytest.fixture
def read() -> Iterator[ReaderApart]:
    with ReaderApart() as reader:
        yield reader


@pytest.mark.parametrize("name", sorted(path.name for path in (SAMPLES / "documents").iterdir()))
def test_a_document_is_the_same_whichever_process_reads_it(read: ReaderApart, name: str) -> None:
    assert read(SAMPLES / "documents" / name) == parse(SAMPLES / "documents" / name)


def test_why_a_file_cannot_be_read_comes_back(read: ReaderApart, tmp_path: Path) -> None:
    (tmp_path / "blank.txt").write_text(" ")
    with pytest.raises(UnreadableDocument, match=r"^blank\.txt: holds no text$"):
        read(tmp_path / "blank.txt")


def test_a_reader_that_dies_costs_its_file_alone(read: ReaderApart, tmp_path: Path) -> None:
    (tmp_path / "good.md").write_text("Good text.")
    assert read(tmp_path / "good.md").blocks
    assert read._process is not None
    os.kill(read._process.pid, signal.SIGSEGV)
    read._process.wait()
    with pytest.raises(UnreadableDocument, match=r"good\.md: broke its reader \(SIGSEGV\)"):
        read(tmp_path / "good.md")
    assert read(tmp_path / "good.md").blocks


def test_a_file_that_takes_for_ever_is_given_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")  # nobody ever writes into it
    (tmp_path / "good.md").write_text("Good text.")
    with ReaderApart(longest_s=5.0) as read:
        with pytest.raises(UnreadableDocument, match=r"pipe\.md: could not be read within"):
            read(tmp_path / "pipe.md")
        assert read(tmp_path / "good.md").blocks


def test_a_file_that_fills_its_reader_is_refused_and_the_next_one_read(tmp_path: Path) -> None:
    (tmp_path / "large.txt").write_text("word " * 40_000_000)
    (tmp_path / "good.md").write_text("Good text.")
    with ReaderApart(most_memory=700 << 20) as read:
        with pytest.raises(UnreadableDocument, match=r"large\.txt"):
            read(tmp_path / "large.txt")
        assert read(tmp_path / "good.md").blocks
