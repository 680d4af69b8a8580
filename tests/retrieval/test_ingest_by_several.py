"""Ingest by several processes: the same library and the same report as by one, whatever one file does, and after a crash."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path

import numpy as np
import pytest

from retrieval.documents.parse import parse
from retrieval.index import ingest as ingesting
from retrieval.index.cutting.ahead import as_they_come
from retrieval.index.cutting.apart import CuttersApart
from retrieval.index.cutting.cut import Cut, cut
from retrieval.index.generations import Store
from retrieval.library import Library
from retrieval.types import LibraryChange, UnreadableDocument, Vectors
from tests.retrieval.conftest import PUBLIC, SAMPLES, HashingEmbedder

Write = Callable[[str, str], Path]
ROOT = Path(__file__).parents[2]


@dataclass
class Threads:
    """Cuts in this process, several at a time. begun: told of each path; it may wait."""

    begun: Callable[[Path], object]
    workers: int = 2

    def __call__(self, key: str, path: Path, /) -> Cut:
        self.begun(path)
        return cut(key, path, parse(path))


@pytest.fixture
def share(write: Write) -> Path:
    """The sample documents, a broken file, one of an unknown kind, two of the same text, two that no search finds."""
    folder = write("twin-a.md", "# Twin\n\nThe same text in two files.").parent
    write("twin-b.md", "# Twin\n\nThe same text in two files.")
    write("broken.pdf", "no pdf")
    write("blank.txt", " ")
    write("logo.xyz", "unknown")
    write("dated.md", "---\nvalid_from: never\n---\nText.")
    for path in (SAMPLES / "documents").iterdir():
        shutil.copy(path, folder)
    return folder


# --- the same as by one


@pytest.mark.process
def test_several_processes_make_the_same_library_and_the_same_report_as_one(share: Path, tmp_path: Path) -> None:
    alone = Library.open(tmp_path / "alone", HashingEmbedder())
    together = Library.open(tmp_path / "together", HashingEmbedder())
    with CuttersApart(3) as cutters:
        for turn in range(2):  # the second finds most files unchanged, one changed, one moved, one gone
            expected, report = alone.ingest([share]), together.ingest([share], cut=cutters)
            assert report == expected
            assert (len(report.added), len(report.problems)) == ((11, 3), (1, 3))[turn]
            one, other = (Store(tmp_path / name).read()[1] for name in ("alone", "together"))
            assert other.rows == one.rows
            assert other.documents == one.documents
            assert (other.words, other.graphs, other.digest) == (one.words, one.graphs, one.digest)
            np.testing.assert_array_equal(other.vectors, one.vectors)
            for ours, theirs in ((other.tokens, one.tokens), (other.fields, one.fields)):
                np.testing.assert_array_equal(np.concatenate(ours), np.concatenate(theirs))
            if turn == 0:
                (share / "twin-a.md").write_text("# Twin\n\nAnother text by now.")
                (share / "glossary.md").rename(share / "terms.md")
                (share / "complaints-policy.md").unlink()


@pytest.mark.process
def test_what_a_process_apart_cuts_is_what_is_cut_here() -> None:
    with CuttersApart(1) as cutters:
        for path in sorted((SAMPLES / "documents").iterdir()):
            here, there = cut(path.name, path, parse(path)), cutters(path.name, path)
            assert [kinds.tolist() for kinds in there.fields] == [kinds.tolist() for kinds in here.fields]
            assert [astuple(there)[i] for i in (0, 1, 2, 3, 4, 6, 7)] == [astuple(here)[i] for i in (0, 1, 2, 3, 4, 6, 7)]


def test_a_text_of_several_files_is_embedded_once_however_far_apart_they_come(
    library: Library, write: Write, embedder: HashingEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingesting, "_TOGETHER", 1)
    paths = [write(f"{name}.md", f"# Notice\n\nText of {name}.\n") for name in ("a", "b")]
    paths += [write(f"{folder}/notice.md", "# Notice\n\nOne text for all.") for folder in ("x", "y")]
    report = library.ingest(paths, PUBLIC)
    assert len(report.added) == 4
    assert report.chunks_embedded == 3
    assert len(embedder.seen) == len(set(embedder.seen))


# --- one file and the others


def test_files_go_in_while_another_is_still_being_read(
    library: Library, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingesting, "_TOGETHER", 1)
    monkeypatch.setattr(ingesting, "_COMMIT_EVERY", 1)
    paths = [write("a-slow.md", "Slow text."), *(write(f"{i}.md", f"Text {i}.") for i in range(20))]
    waited: list[bool] = []

    def begun(path: Path) -> None:
        if path.name == "a-slow.md":
            other = Library.open(tmp_path / "library", HashingEmbedder())
            waited.append(_becomes_true(lambda: "9.md" in {one.key for one in other.everything()}))

    report = library.ingest(paths, PUBLIC, cut=Threads(begun))
    assert waited == [True], "9.md was in force before the slow file was read"
    assert report.added == tuple(path.name for path in paths), "and the report has the order of the files"


def test_a_file_that_changes_while_it_is_read_is_told_and_goes_in_next_time(library: Library, write: Write) -> None:
    paths = [write("a.md", "As it was."), write("b.md", "Another.")]
    report = library.ingest(paths, PUBLIC, cut=Threads(lambda path: path.name == "a.md" and path.write_text("As it is.")))
    assert [one.reason for one in report.problems] == ["a.md: was changed while it was read; ingest it again"]
    assert report.added == ("b.md",)
    assert library.ingest(paths, PUBLIC).added == ("a.md",)


@pytest.mark.process
def test_an_endless_file_holds_up_its_own_process_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")  # nobody ever writes into it
    (tmp_path / "good.md").write_text("Good text.")
    ended: list[str] = []
    with CuttersApart(2, longest_s=20.0) as cutters:

        def read_pipe() -> None:
            with pytest.raises(UnreadableDocument, match=r"pipe\.md: could not be read within 20 s"):
                cutters("pipe.md", tmp_path / "pipe.md")
            ended.append("pipe.md")

        thread = threading.Thread(target=read_pipe)
        thread.start()
        for _ in range(3):
            assert cutters("good.md", tmp_path / "good.md").rows
        assert not ended
        thread.join()
        assert cutters("good.md", tmp_path / "good.md").rows
    assert ended == ["pipe.md"]


@pytest.mark.process
def test_a_process_that_nobody_is_there_to_end_ends_itself(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    command = [sys.executable, "-m", "retrieval.index.cutting.apart", str(2**32), "1"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ROOT, text=True)
    assert process.stdin is not None
    process.stdin.write(f'{{"path": "{tmp_path}/pipe.md", "key": "pipe.md"}}\n')
    process.stdin.flush()
    assert process.wait(60) == -signal.SIGALRM
    process.stdin.close()


def test_only_so_much_is_read_ahead() -> None:
    taken = given = most = 0

    def jobs() -> Iterator[int]:
        nonlocal taken, most
        for number in range(1_000):
            taken += 1
            most = max(most, taken - given)
            yield number

    for (_, result), size in zip(as_they_come(jobs(), lambda job: job, 2, lambda _: 2**23), [2**23] * 1_000, strict=True):
        assert isinstance(result, int)
        given += 1
        assert (taken - given) * size <= 2**25
    assert (given, most) == (1_000, 4), "two for each of the two workers"


# --- on the way


def test_a_moved_document_is_there_all_the_time(library: Library, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    old = write("m.md", "The document that moves.")
    library.ingest([old.parent], PUBLIC)
    monkeypatch.setattr(ingesting, "_COMMIT_EVERY", 2)
    old.rename(old.parent / "c.md")
    for name in ("a", "b", "d", "e", "f"):
        write(f"{name}.md", f"Text of {name}.")
    changes: list[LibraryChange] = []
    library.ingest([old.parent], PUBLIC, record=changes.append)
    assert len(changes) > 1
    (moved,) = (one for one in changes if one.removed)
    assert [one.key for one in moved.removed] == ["m.md"]
    assert "c.md" in {one.key for one in moved.added}
    assert [one.document for one in library.search("moves", 1, PUBLIC)] == ["c"]


@dataclass
class _Bar:
    calls: list[tuple[int, int]] = field(default_factory=list)

    def __call__(self, done: int, total: int, label: str) -> None:
        if label == "embedding":
            self.calls.append((done, total))


def test_the_passages_to_come_are_foretold_from_the_files_that_are_left(
    library: Library, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingesting, "_TOGETHER", 1)
    paths = [write(f"{i:02}.md", f"Text {i:02}.") for i in range(40)]
    bar = _Bar()
    library.ingest(paths, PUBLIC, bar)
    assert {total for _, total in bar.calls} == {40}, "files of one size: known from the first one on"
    assert bar.calls[-1] == (40, 40)


KILLED = """
import os, signal, sys
from pathlib import Path
from retrieval.index import ingest
from retrieval.index.cutting.apart import CuttersApart
from retrieval.library import Library
from tests.retrieval.conftest import HashingEmbedder

ingest._COMMIT_EVERY = 2
embedder = HashingEmbedder()

def embed(texts):
    if len(embedder.seen) > 6:
        tasks = Path("/proc/self/task").iterdir()
        print(*(pid for task in tasks for pid in (task / "children").read_text().split()), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    return embedder(texts)

if __name__ == "__main__":
    with CuttersApart(2) as cutters:
        Library.open(Path(sys.argv[1]), embed).ingest([Path(sys.argv[2])], cut=cutters)
"""


@pytest.mark.process
def test_an_ingest_that_was_killed_is_gone_on_with_and_leaves_no_process(
    library: Library, write: Write, tmp_path: Path, embedder: HashingEmbedder
) -> None:
    folder = write("0.md", "Text of 0.").parent
    for number in range(1, 12):
        write(f"{number}.md", f"Text of {number}.")
    command = [sys.executable, "-c", KILLED, str(tmp_path / "library"), str(folder)]
    killed = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL
    there = {one.key for one in library.everything()}
    assert len(there) >= 4
    report = library.ingest([folder])
    assert (set(report.unchanged), len(report.added)) == (there, 12 - len(there))
    assert report.chunks_embedded == 12 - len(there)
    pids = killed.stdout.split()
    assert pids
    assert all(_becomes_true(lambda pid=pid: not _alive(pid)) for pid in pids)  # type: ignore[misc]


def _alive(pid: str) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _becomes_true(true: Callable[[], bool], within_s: float = 60.0) -> bool:
    until = time.monotonic() + within_s
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def test_an_embedder_that_fails_ends_the_ingest_and_its_readers(library: Library, write: Write, tmp_path: Path) -> None:
    paths = [write(f"{i}.md", f"Text {i}.") for i in range(10)]

    def failing(texts: Sequence[str], /) -> Vectors:
        if any("Text 3." in text for text in texts):
            raise OSError("the machine stops")
        return HashingEmbedder()(texts)

    with pytest.raises(OSError, match="stops"):
        Library.open(tmp_path / "library", failing).ingest(paths, PUBLIC, cut=Threads(lambda _: None))
    assert library.everything() == []
    assert _becomes_true(lambda: not [one for one in threading.enumerate() if one.name.startswith("ahead")])
