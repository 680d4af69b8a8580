"""Words with their places from pictures, by the tesseract program, which runs beside this process and is bounded in time.

It is a package of the operating system and may be missing: `missing()` says how to install it. Nothing leaves the machine.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from retrieval.types import UnreadableDocument

LANGUAGES = "COUNTERSIGN_OCR_LANGUAGES"  # in the environment: tesseract's names joined by +, "eng+deu"
LONGEST_S = 300.0  # of one picture; a second or two on a machine that has nothing else to do
_MOST_LANGUAGES = 4  # each one more takes longer and mistakes more; the firm may name others


@dataclass(frozen=True)
class Seen:
    """A word. Places are pixels from the upper left corner. line: of the picture, in the order in which it is read. sure:
    per cent.
    """

    text: str
    left: int
    top: int
    width: int
    height: int
    line: tuple[int, int, int]
    sure: float


@dataclass(frozen=True)
class Picture:
    """What one picture holds. width, height: in pixels."""

    width: int
    height: int
    words: tuple[Seen, ...]


def missing() -> str:
    """How to get the program; '' where it is there."""
    if shutil.which("tesseract") is None:
        return "install tesseract (Debian: apt-get install tesseract-ocr) and ingest again, or run it through OCR first"
    return ""


def seen_in(content: bytes, *, dots: int = 0, name: str = "picture") -> list[Picture]:
    """One entry for each picture in the file (TIFF may hold several). dots: an inch, 0 where the file says it itself.

    Raises UnreadableDocument where the program is missing, fails, or takes too long.
    """
    if why := missing():
        raise UnreadableDocument(f"{name}: holds pictures of text; {why}")
    try:
        spoken, oriented = _installed()
        command = ["tesseract", "stdin", "stdout", "-l", spoken, "--psm", "1" if oriented else "3"]
        command += ["--dpi", str(dots)] if dots else []
        done = subprocess.run(
            [*command, "tsv"],
            input=content,
            capture_output=True,
            timeout=LONGEST_S,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnreadableDocument(f"{name}: OCR took longer than {LONGEST_S:.0f} s; scan it with fewer dots") from None
    if done.returncode:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[-160:]
        raise UnreadableDocument(f"{name}: OCR failed ({said}); export it again as PNG, JPEG or TIFF")
    return list(_pictures(done.stdout.decode("utf-8", "replace")))


@cache
def _installed() -> tuple[str, bool]:
    """The languages to read in, and whether turned pages are recognised."""
    listed = subprocess.run(["tesseract", "--list-langs"], capture_output=True, timeout=LONGEST_S, check=False)
    lines = listed.stdout.decode("utf-8", "replace").splitlines()
    there = [line.strip() for line in lines if line.strip() and ":" not in line]
    chosen = [one for one in os.environ.get(LANGUAGES, "").split("+") if one]
    if unknown := sorted(set(chosen) - set(there)):
        names = ", ".join(unknown)
        raise UnreadableDocument(f"{LANGUAGES} names {names}, which tesseract lacks (Debian: tesseract-ocr-{unknown[0]})")
    usual = [one for one in sorted(there, key=lambda one: one != "eng") if one not in ("osd", "equ", "snum")]
    return "+".join(chosen or usual[:_MOST_LANGUAGES]) or "eng", "osd" in there


def _pictures(table: str) -> Iterator[Picture]:
    """From tesseract's TSV: rows of level 1 are pictures, of level 5 words."""
    rows = csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE)
    size: tuple[int, int] | None = None
    words: list[Seen] = []
    for row in rows:
        if row["level"] == "1":
            if size is not None:
                yield Picture(*size, tuple(words))
            size, words = (int(row["width"]), int(row["height"])), []
        elif row["level"] == "5" and (row["text"] or "").strip() and float(row["conf"]) >= 0:
            left, top, width, height = (int(row[name]) for name in ("left", "top", "width", "height"))
            line = (int(row["block_num"]), int(row["par_num"]), int(row["line_num"]))
            words.append(Seen(row["text"].strip(), left, top, width, height, line, float(row["conf"])))
    if size is not None:
        yield Picture(*size, tuple(words))
