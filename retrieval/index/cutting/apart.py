"""Cuts files in several processes at a time. Run as `python -m retrieval.index.cutting.apart` it is one of them.

Invariant: a file that crashes, hangs or fills its process costs itself alone; the other processes go on meanwhile.
"""

from __future__ import annotations

import base64
import os
import queue
import sys
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from retrieval.documents.apart import LONGEST_S, MOST_MEMORY, Apart, Said, answer_questions
from retrieval.documents.parse import parse
from retrieval.documents.quality.facts import Facts
from retrieval.index.cutting.cut import Cut, cut
from retrieval.index.generations import Row

_ENOUGH_MEMORY = 2 * 2**30  # bytes for each process, where nobody says how many there are to be
_LEAST_MEMORY = 2**30
_SHARE = 0.75  # of the machine's memory, for all of them together
_MODULE = "retrieval.index.cutting.apart"


def default_workers() -> int:
    """One for each processor that this process may use, as far as memory goes."""
    return max(1, min(len(os.sched_getaffinity(0)), int(_memory() * _SHARE) // _ENOUGH_MEMORY))


class CuttersApart:
    """Implements Cutting by processes that start when they are needed. A context; used by any number of threads: whoever
    finds all processes at work waits for one."""

    def __init__(
        self,
        workers: int = 0,
        longest_s: float = LONGEST_S,
        most_memory: int = MOST_MEMORY,
        ocr_languages: str = "",
    ) -> None:
        """workers: processes; 0: as many as are sensible. longest_s: for a file. most_memory: bytes for a process, or its
        share where less is there."""
        self.workers = workers or default_workers()
        memory = min(most_memory, max(_LEAST_MEMORY, int(_memory() * _SHARE) // self.workers))
        self._all = [Apart(_MODULE, longest_s, memory, ocr_languages) for _ in range(self.workers)]
        self._idle: queue.LifoQueue[Apart] = queue.LifoQueue()  # last in, first out: what has started is asked again
        for one in self._all:
            self._idle.put(one)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for one in self._all:
            one.end()

    def __call__(self, key: str, path: Path, /) -> Cut:
        """Raises UnreadableDocument, whatever happens to the process."""
        one = self._idle.get()
        try:
            return _cut(one.ask(path, key=key))
        finally:
            self._idle.put(one)


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _answer(path: Path, question: Mapping[str, Any]) -> Said:
    return _written(cut(question["key"], path, parse(path)))


def _written(made: Cut) -> Said:
    return {
        "title": made.title,
        "pages": made.pages,
        "notes": made.notes,
        "rows": [[row["id"], row["page"], row["section"], row["header"], row["text"]] for row in made.rows],
        "words": made.words,
        "fields": [base64.b64encode(kinds.tobytes()).decode() for kinds in made.fields],
        "graph": base64.b64encode(made.graph).decode(),
        "facts": astuple(made.facts),
    }


def _cut(said: Said) -> Cut:
    return Cut(
        said["title"],
        said["pages"],
        tuple(said["notes"]),
        tuple(
            Row(id=identity, document=-1, page=page, section=section, header=header, text=text)
            for identity, page, section, header, text in said["rows"]
        ),
        tuple(tuple(map(sys.intern, words)) for words in said["words"]),  # each word of the library is kept once
        tuple(np.frombuffer(base64.b64decode(kinds), np.uint8) for kinds in said["fields"]),
        base64.b64decode(said["graph"]),
        Facts(*said["facts"]),
    )


if __name__ == "__main__":
    answer_questions(_answer)
