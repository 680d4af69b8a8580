"""From blocks to chunks of about 150 words, each with its page, its section and a context header.

A chunk never spans two pages or two sections of equal rank, running text overlaps by a sentence or two, and a
table that goes on repeats its head, so that a row is never parted from the years above it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from retrieval.documents.blocks import Block, Parsed
from retrieval.documents.grid import Grid
from retrieval.documents.sentences import sentences

TARGET = 170  # pieces; about 150 words of prose, fewer of a table, well inside the encoder's 256 tokens
OVERLAP = 36
SMALLEST = 60  # a heading does not start a new chunk before this, so that short sections stay together
VERSION = "3"  # part of the corpus digest: chunks cut by other rules are other evidence

# "As of June 30, 2023 2022", "(in millions) FY2023 FY2022", "Class | Charge": names and years, no amounts.
COLUMN_HEADS = re.compile(r"^[^\d$€£%]*(?:(?:\d{1,2},? |(?:FY)?(?:19|20)\d\d\b)[^\d$€£%]*){2,}$")
# Thai, Chinese, Japanese, Korean: words without blanks between them.
_UNSPACED = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_PIECES = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[^\W\d_])+|\d{{1,3}}|[^\w\s]")
_STOPS = ("。", "！", "？")  # after these, scripts without blanks go on without one
_FULL_STOP = re.compile(r"(?<=[。！？])(?=[^」』）”])")
_STEPS = re.compile(rf"[{_UNSPACED}][^{_UNSPACED}\s]*\s*|(?:(?![{_UNSPACED}])\S)+\s*")  # where a long text may be cut


@dataclass(frozen=True)
class Chunk:
    """`text` is what is quoted; `indexed` is what is embedded and searched: the header, then the text."""

    text: str
    page: int | None
    section: str
    header: str

    @property
    def indexed(self) -> str:
        return f"{self.header}\n{self.text}" if self.header else self.text


def size(text: str) -> int:
    """Length as an encoder counts: words (letters, where a script has no blanks), groups of up to three digits, and
    signs.
    """
    return len(_PIECES.findall(text))


def chunk(parsed: Parsed, title: str, context: str = "") -> list[Chunk]:
    """Chunks in reading order. `context` is indexed beside the title (see retrieval.documents.file_names.describe)."""
    cutter = _Cutter(title, context, continued=_continued(parsed.grids))
    for block in parsed.blocks:
        cutter.add(block)
    cutter.end_page()
    return cutter.chunks


def _continued(grids: Sequence[Grid]) -> dict[int, list[str]]:
    """The heads of tables that go on from the page before, by page: they stand in the grid and nowhere on its page."""
    found: dict[int, list[str]] = {}
    for grid in grids:
        heads = grid.heads or 0
        taken_over = heads and grid.boxes and all(box is None for row in grid.boxes[:heads] for box in row)
        if taken_over and grid.page is not None:
            found[grid.page] = [_head_line(row) for row in grid.rows[:heads]]
    return found


def _head_line(row: Sequence[str]) -> str:
    """As rows of a page are written: cells apart where none is empty."""
    return " | ".join(row) if all(row) else " ".join(cell for cell, _ in groupby(row) if cell)


@dataclass
class _Cutter:
    title: str
    context: str
    continued: dict[int, list[str]] = field(default_factory=dict)
    chunks: list[Chunk] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    fresh: bool = False  # whether `lines` holds more than what the last chunk already said
    page: int | None = None
    path: list[tuple[int, str]] = field(default_factory=list)
    section: str = ""
    table_head: list[str] = field(default_factory=list)

    def add(self, block: Block) -> None:
        if block.page != self.page:
            self.end_page()
            self.page = block.page
            self.table_head = []
            if block.kind == "row" and (heads := self.continued.get(block.page or 0)):
                self.table_head = heads
                self.lines += heads
                self.kinds += ["row"] * len(heads)
        if block.kind == "heading":
            self._heading(block)
            return
        if block.kind == "row":
            self._track_table_head(block.text)
        for index, piece in enumerate(_pieces(block)):
            if self.lines and self.fresh and self._size() + size(piece) > TARGET:
                self.cut(final=False, row=block.kind == "row")
            self.lines.append(piece)
            self.kinds.append("run" if index and block.kind in ("prose", "item") else block.kind)
            self.fresh = True

    def end_page(self) -> None:
        """Headings that no text follows on their page are said there, not on the next one."""
        self.fresh = self.fresh or (bool(self.lines) and self.page is not None)
        self.cut(final=True)

    def _heading(self, block: Block) -> None:
        paged = block.page is not None
        if not paged or self._size() >= SMALLEST:
            self.cut(final=True)
        while self.path and self.path[-1][0] >= block.level:
            self.path.pop()
        self.path.append((block.level, block.text))
        if not self.fresh:
            self.section = self._section()
        if paged or block.level > 1 or block.text != self.title:
            self.lines.append(block.text)
            self.kinds.append("heading")

    def _section(self) -> str:
        names = [name for _, name in self.path if name != self.title]
        return " › ".join(names[-2:])

    def _track_table_head(self, row: str) -> None:
        """The head of a table: its caption's last lines and the row with the columns' names or years."""
        if self.table_head and not COLUMN_HEADS.match(row):
            return
        above = [
            line for line, kind in zip(self.lines[-3:], self.kinds[-3:], strict=True) if kind != "row" and size(line) < 20
        ]
        self.table_head = [*above, row]

    def _size(self) -> int:
        return sum(size(line) for line in self.lines)

    def cut(self, *, final: bool, row: bool = False) -> None:
        """Close the current chunk; unless `final`, the next one starts with what must be repeated."""
        if self.fresh:
            header = " | ".join(part for part in (self.title, self.context, self.section) if part)
            self.chunks.append(Chunk(self._text(), self.page, self.section, header))
        again: list[str] = []
        if not final:
            again = self.table_head if row and "row" in self.kinds[-1:] else self._tail()
            if sum(size(line) for line in again) > TARGET // 3:
                again = []
        elif not self.fresh and self.lines:
            again = [] if self.page is None else self.lines  # headings that wait for their text
        kinds = self.kinds[-len(again) :] if again and not row else ["row"] * len(again)
        self.lines, self.kinds = list(again), ["heading"] * len(again) if final else kinds
        self.fresh = False
        self.section = self._section()

    def _text(self) -> str:
        """Lines keep their breaks where these carry meaning; the sentences of one paragraph run on."""
        joined = self.lines[0]
        for line, kind in zip(self.lines[1:], self.kinds[1:], strict=True):
            joined += ("\n" if kind != "run" else "" if joined.endswith(_STOPS) else " ") + line
        return joined

    def _tail(self) -> list[str]:
        """The last sentences or items of the closed chunk, up to OVERLAP."""
        tail: list[str] = []
        for line, kind in zip(reversed(self.lines), reversed(self.kinds), strict=True):
            if kind not in ("prose", "item", "run") or size(line) + sum(map(size, tail)) > OVERLAP:
                break
            tail.insert(0, line)
        return tail


def _pieces(block: Block) -> Iterator[str]:
    """A block as units that may stand apart: rows and items whole, prose by sentence, long sentences by length."""
    if block.kind == "code":
        units: Iterable[str] = block.text.splitlines()
    elif block.kind == "row" or size(block.text) <= OVERLAP:
        units = [block.text]
    else:
        units = sentences(block.text)
    for unit in (part for whole in units for part in _FULL_STOP.split(whole) if part):
        if size(unit) <= TARGET:
            yield unit
            continue
        part = ""
        length = 0
        for step in _STEPS.findall(unit):
            longer = size(step)
            if part and length + longer > TARGET:
                yield part.strip()
                part, length = "", 0
            part += step
            length += longer
        if part:
            yield part.strip()
