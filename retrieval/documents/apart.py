"""Reads documents in a process of its own, so that a file which crashes, hangs or fills its reader costs itself alone.

Run as `python -m retrieval.documents.apart` it is that process: a line of JSON with a path comes in, a line with what stands
in the file, or why it cannot be read, goes out.
Invariant: whoever asks never parses a document's content; what comes back is text and numbers.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from retrieval.documents.blocks import Block, Parsed
from retrieval.documents.grid import Grid
from retrieval.documents.ocr.tesseract import LANGUAGES
from retrieval.documents.parse import parse
from retrieval.types import UnreadableDocument

LONGEST_S = 600.0  # a real document of 3,000 pages takes less than a minute
MOST_MEMORY = 4 * 2**30  # bytes; where the machine has less than twice of it, half of what it has
_GRACE_S = 30  # after which a process ends itself that nobody is there to end

Said = dict[str, Any]
Answer = Callable[[Path, Mapping[str, Any]], Said]
"""What a process makes of a file and of what else it was asked with."""


class Apart:
    """A process that answers for one file after another: `python -m module`, which calls `answer_questions`.

    A context; starts its process when first asked. Used by one thread at a time; any thread may end it.
    """

    def __init__(
        self, module: str, longest_s: float = LONGEST_S, most_memory: int = MOST_MEMORY, ocr_languages: str = ""
    ) -> None:
        """ocr_languages: as tesseract names them, "eng+deu"; empty: those that are installed."""
        self._module, self._longest_s, self._most_memory = module, longest_s, most_memory
        self._ocr_languages = ocr_languages
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()

    def ask(self, path: Path, **more: str) -> Said:
        """Raises UnreadableDocument, whatever happens to the process."""
        process = self._running()
        late = threading.Event()

        def too_long() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(self._longest_s, too_long)
        timer.daemon = True
        timer.start()
        try:
            answer = _asked(process, {"path": str(path), **more})
        finally:
            timer.cancel()
        if not answer:
            code = process.wait()
            self._forget()
            raise UnreadableDocument(f"{path.name}: {self._why(code, late.is_set())}")
        said: Said = json.loads(answer)
        if "why" in said:
            raise UnreadableDocument(said["why"])
        return said

    def end(self) -> None:
        """Ends the process, whatever it is at; no other one is started."""
        with self._starting:
            self._ended = True
            if self._process is not None:
                self._process.kill()
        self._forget()

    def _running(self) -> subprocess.Popen[bytes]:
        with self._starting:
            if self._ended:
                raise UnreadableDocument("the reader was ended")
            self._process = self._process or self._started()
            return self._process

    def _why(self, code: int, late: bool) -> str:
        if late:
            return f"could not be read within {self._longest_s:.0f} s; split it, or export it again"
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"broke its reader ({how}); it is damaged, or made to do harm: export it again"

    def _forget(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):  # a question that nobody will answer
                        pipe.close()

    def _started(self) -> subprocess.Popen[bytes]:
        spoken = {LANGUAGES: self._ocr_languages} if self._ocr_languages else {}
        where = os.pathsep.join(part or os.getcwd() for part in sys.path)
        return subprocess.Popen(
            [sys.executable, "-m", self._module, str(self._most_memory), str(int(self._longest_s) + _GRACE_S)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what libraries complain of; what matters comes back as an answer
            env={**os.environ, **spoken, "PYTHONPATH": where},
        )


class ReaderApart(Apart):
    """Implements `parse.Reader`."""

    def __init__(self, longest_s: float = LONGEST_S, most_memory: int = MOST_MEMORY, ocr_languages: str = "") -> None:
        super().__init__(__name__, longest_s, most_memory, ocr_languages)

    def __call__(self, path: Path) -> Parsed:
        """Raises UnreadableDocument, whatever happens to the process."""
        return _parsed(self.ask(path))


def _asked(process: subprocess.Popen[bytes], question: Said) -> bytes:
    """The answer; empty where the process ended instead."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(question).encode() + b"\n")
        process.stdin.flush()
    except BrokenPipeError:
        return b""
    answer = process.stdout.readline()
    return answer if answer.endswith(b"\n") else b""


def answer_questions(answer: Answer) -> None:
    """What a process apart does: answers until nobody asks any more."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    most = min(int(sys.argv[1]), there // 2)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # what a library prints is no answer
        _serve(sys.stdin.buffer, answers, answer, most, int(sys.argv[2]))


def _serve(questions: IO[bytes], answers: IO[bytes], answer: Answer, most_memory: int, longest_s: int) -> None:
    for line in questions:
        question = json.loads(line)
        path = Path(question["path"])
        signal.alarm(longest_s)  # whoever asked may be dead: then nobody else ends this process
        try:
            said = answer(path, question)
        except UnreadableDocument as error:
            said = {"why": str(error)}
        except MemoryError:
            said = {"why": f"{path.name}: takes more than {most_memory >> 20} MiB of memory to read; split it"}
        except Exception as error:  # the boundary: a file may provoke anything in the libraries that read it
            words = " ".join(str(error).split())[:200]
            said = {"why": f"{path.name}: cannot be read ({type(error).__name__}: {words})"}
        signal.alarm(0)
        answers.write(json.dumps(said, separators=(",", ":")).encode() + b"\n")
        answers.flush()


def _written(parsed: Parsed) -> Said:
    return {
        "title": parsed.title,
        "blocks": [[block.kind, block.text, block.page, block.level] for block in parsed.blocks],
        "pages": parsed.pages,
        "grids": [[grid.rows, grid.caption, grid.page, grid.section, grid.boxes, grid.heads] for grid in parsed.grids],
        "notes": parsed.notes,
        "scanned": parsed.scanned,
        "empty": parsed.empty,
    }


def _parsed(said: Said) -> Parsed:
    return Parsed(
        said["title"],
        tuple(Block(*block) for block in said["blocks"]),
        said["pages"],
        tuple(_grid(*grid) for grid in said["grids"]),
        tuple(said["notes"]),
        tuple((page, sure) for page, sure in said["scanned"]),
        tuple(said["empty"]),
    )


def _grid(
    rows: Sequence[Sequence[str]],
    caption: str,
    page: int | None,
    section: Sequence[str],
    boxes: Sequence[Sequence[Any]] | None,
    heads: int | None,
) -> Grid:
    places = None if boxes is None else tuple(tuple(tuple(box) if box else None for box in row) for row in boxes)
    return Grid(tuple(tuple(row) for row in rows), caption, page, tuple(section), places, heads)


if __name__ == "__main__":
    answer_questions(lambda path, _: _written(parse(path)))
