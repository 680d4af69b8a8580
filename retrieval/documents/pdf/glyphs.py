"""The characters of a PDF page with their places, read from PDFium in as few calls as there can be.

PDFium answers one character a call; what is the same along a line (size, baseline, weight) is asked once a run.
Invariant: every array of a `Glyphs` is as long as its `text`, and both are in the order in which the file writes.
"""

from __future__ import annotations

import ctypes
import re
from collections import deque
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from retrieval.documents.grid import Box

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
_BOLD = re.compile(rb"bold|black|heavy|semibold|demi", re.I)
UNNAMED = 0x10F000  # and the control character that a font gives instead of a letter: a private letter until it is known
HYPHEN = 0xFFFE  # a hyphen at the end of a line: the word goes on in the next line
_INVISIBLE = 3  # text render mode: neither fill nor stroke
_PATH, _IMAGE, _SHADING, _FORM = 2, 3, 4, 5  # kinds of page objects
_RULE = 2.5  # points; a path that is no higher is a line
_MOST = 20_000  # objects looked at on one page


@dataclass(frozen=True)
class Glyphs:
    """One page's characters, turned so that its text reads from left to right.

    text: one code point a character. boxes: float32[n, 4] as left, bottom, right, top in points. base: the baseline's
    height.
    size: the type's height in points, as set (`nominal`: before the page's own scaling). ink: drawn, not a blank that
    PDFium made up. hidden: text that no reader of the page can see. turn: quarter turns, counter-clockwise, that the
    text had on the page.
    """

    text: str
    boxes: Floats
    base: Floats
    size: Floats
    nominal: Floats
    bold: Flags
    ink: Flags
    hidden: Flags
    turn: int

    def on_page(self, box: Box) -> Box:
        """A box of this frame in the page's own points."""
        left, bottom, right, top = box
        match self.turn:
            case 1:
                return (-top, left, -bottom, right)
            case 2:
                return (-right, -top, -left, -bottom)
            case 3:
                return (bottom, -right, top, -left)
            case _:
                return box


def read_glyphs(page: Any, text_page: Any) -> Glyphs:
    """The characters of one page (pypdfium2's PdfPage and its PdfTextPage)."""
    handle = ctypes.cast(text_page.raw, ctypes.c_void_p).value
    count = max(0, text_page.count_chars())
    ask = _calls()
    codes = np.fromiter(map(ask.unicode, repeat(handle, count), range(count)), np.uint32, count)
    owners = np.fromiter(map(ask.owner, repeat(handle, count), range(count)), np.uint64, count)
    rects = np.zeros((count, 4), np.float32)  # left, top, right, bottom
    start = rects.ctypes.data
    deque(map(ask.loose, repeat(handle), range(count), range(start, start + 16 * count, 16)), maxlen=0)
    boxes = rects[:, [0, 3, 2, 1]]
    codes[(codes > 0x10FFFF) | ((codes >= 0xD800) & (codes < 0xE000)) | (codes == 0)] = 0xFFFD
    _name(codes, owners, boxes)
    text = codes.astype("<u4").tobytes().decode("utf-32-le", "replace")
    runs = _runs(ask, handle, rects, text)
    turn = _dominant(runs)
    boxes, base = _turned(boxes, runs.base, turn)
    ink = (owners != 0) & (codes > 32) & (codes != 0xA0)
    hidden = _hidden(ask, page, rects, owners, ink)
    return Glyphs(text, boxes, base, runs.size, runs.nominal, runs.bold, ink, hidden, turn)


def rules(page: Any) -> list[Box]:
    """The horizontal lines that are drawn on a page, as boxes in points: what stands over a group of columns."""
    found: list[Box] = []
    for _, box in _objects(_calls(), page, _PATH):
        left, bottom, right, top = box
        if top - bottom <= _RULE and right - left > 8:
            found.append(box)
    return found


def _name(codes: npt.NDArray[np.uint32], owners: npt.NDArray[np.uint64], boxes: Floats) -> None:
    """Tells PDFium's mark of a hyphen at a line's end from a control character in mid-line, in place."""
    for at in np.flatnonzero((codes < 32) & (owners != 0) & (codes != 9) & (codes != 10) & (codes != 13)).tolist():
        following = boxes[at + 1] if at + 1 < len(codes) else None
        height = boxes[at, 3] - boxes[at, 1]
        goes_on = following is not None and abs(following[1] - boxes[at, 1]) < 0.3 * height and following[0] >= boxes[at, 0]
        codes[at] = HYPHEN if codes[at] == 2 and not goes_on else UNNAMED + codes[at]


@dataclass(frozen=True)
class _Calls:
    """PDFium's functions with plain integers for pointers: far fewer Python objects a character."""

    unicode: Any
    owner: Any
    loose: Any
    origin: Any
    font_size: Any
    matrix: Any
    font: Any
    mode: Any
    fill: Any
    object_count: Any
    object_at: Any
    object_kind: Any
    object_bounds: Any


@cache
def _calls() -> _Calls:
    import pypdfium2.raw as pdfium

    void, whole, real = ctypes.c_void_p, ctypes.c_int, ctypes.c_double

    def bind(function: Any, result: Any, *arguments: Any) -> Any:
        return ctypes.CFUNCTYPE(result, *arguments)(ctypes.cast(function, void).value or 0)

    return _Calls(
        unicode=bind(pdfium.FPDFText_GetUnicode, ctypes.c_uint, void, whole),
        owner=bind(pdfium.FPDFText_GetTextObject, ctypes.c_size_t, void, whole),
        loose=bind(pdfium.FPDFText_GetLooseCharBox, whole, void, whole, void),
        origin=bind(pdfium.FPDFText_GetCharOrigin, whole, void, whole, void, void),
        font_size=bind(pdfium.FPDFText_GetFontSize, real, void, whole),
        matrix=bind(pdfium.FPDFText_GetMatrix, whole, void, whole, void),
        font=bind(pdfium.FPDFText_GetFontInfo, ctypes.c_ulong, void, whole, void, ctypes.c_ulong, void),
        mode=bind(pdfium.FPDFTextObj_GetTextRenderMode, whole, void),
        fill=bind(pdfium.FPDFPageObj_GetFillColor, whole, void, void, void, void, void),
        object_count=bind(pdfium.FPDFPage_CountObjects, whole, void),
        object_at=bind(pdfium.FPDFPage_GetObject, void, void, whole),
        object_kind=bind(pdfium.FPDFPageObj_GetType, whole, void),
        object_bounds=bind(pdfium.FPDFPageObj_GetBounds, whole, void, void, void, void, void),
    )


@dataclass(frozen=True)
class _Runs:
    """What is the same along a run of characters, spread over them. base: float32[n, 2], the origin's x and y."""

    base: Floats
    size: Floats
    nominal: Floats
    bold: Flags
    angle: npt.NDArray[np.int8]


def _runs(ask: _Calls, handle: int | None, rects: Floats, text: str) -> _Runs:
    """Characters of one type on one line have boxes of one height (turned: of one width), so a change of these starts a
    run.
    """
    count = len(rects)
    if not count:
        none = np.zeros(0, np.float32)
        return _Runs(np.zeros((0, 2), np.float32), none, none, none > 0, none.astype(np.int8))
    moved = np.abs(np.diff(rects, axis=0)) > 0.01
    changed = (moved[:, 1] | moved[:, 3]) & (moved[:, 0] | moved[:, 2])
    breaks = np.fromiter((c == "\n" for c in text[:-1]), np.bool_, count - 1)
    starts = np.concatenate([[0], np.flatnonzero(changed | breaks) + 1])
    lengths = np.diff(starts, append=count)
    place, matrix = (ctypes.c_double * 2)(), (ctypes.c_float * 6)()
    across, up, turned = ctypes.addressof(place), ctypes.addressof(place) + 8, ctypes.addressof(matrix)
    name, flags = ctypes.create_string_buffer(80), ctypes.c_int()
    facts = np.zeros((len(starts), 6), np.float32)
    for row, at in enumerate(starts.tolist()):
        ask.origin(handle, at, across, up)
        ask.matrix(handle, at, turned)
        nominal = ask.font_size(handle, at)
        ask.font(handle, at, ctypes.addressof(name), len(name), ctypes.addressof(flags))
        a, b, c, d = matrix[0], matrix[1], matrix[2], matrix[3]
        scale = (c * c + d * d) ** 0.5 or 1.0
        quarter = (0 if a >= 0 else 2) if abs(a) >= abs(b) else (1 if b > 0 else 3)
        facts[row] = (place[0], place[1], nominal * scale, nominal, _is_bold(name.value), quarter)
    spread = np.repeat(facts, lengths, axis=0)
    return _Runs(spread[:, :2], spread[:, 2], spread[:, 3], spread[:, 4] > 0, spread[:, 5].astype(np.int8))


@cache
def _is_bold(font: bytes) -> bool:
    return bool(_BOLD.search(font))


def _dominant(runs: _Runs) -> int:
    counts = np.bincount(runs.angle[runs.size > 0], minlength=4)
    return int(np.argmax(counts))


def _turned(boxes: Floats, origin: Floats, turn: int) -> tuple[Floats, Floats]:
    left, bottom, right, top = boxes.T
    match turn:
        case 1:  # text runs upwards
            return np.stack([bottom, -right, top, -left], 1), -origin[:, 0]
        case 2:
            return np.stack([-right, -top, -left, -bottom], 1), -origin[:, 1]
        case 3:  # text runs downwards
            return np.stack([-top, left, -bottom, right], 1), origin[:, 0]
        case _:
            return boxes, origin[:, 1]


def _hidden(ask: _Calls, page: Any, rects: Floats, owners: npt.NDArray[np.uint64], ink: Flags) -> Flags:
    """Characters in invisible ink with no picture beneath (that would be a scan's own text), and white ones on white.

    Looked at where a word starts; a word is of one ink.
    """
    hidden = np.zeros(len(owners), np.bool_)
    starts = np.flatnonzero(ink & ~np.concatenate([[False], ink[:-1]]))
    colour = (ctypes.c_uint * 4)()
    channels = [ctypes.addressof(colour) + 4 * one for one in range(4)]
    grounds: list[Box] | None = None
    for number, at in enumerate(starts.tolist()):
        owner = int(owners[at])
        mode = ask.mode(owner)
        white = mode == 0 and ask.fill(owner, *channels) and (min(colour[:3]) >= 250 or colour[3] == 0)
        if not white and mode != _INVISIBLE:
            continue
        if grounds is None:
            grounds = [box for kind, box in _objects(ask, page, _PATH, _IMAGE, _SHADING, _FORM) if _is_ground(kind, box)]
        end = int(starts[number + 1]) if number + 1 < len(starts) else len(owners)
        x, y = float(rects[at, 0] + rects[at, 2]) / 2, float(rects[at, 1] + rects[at, 3]) / 2
        hidden[at:end] = not any(left <= x <= right and bottom <= y <= top for left, bottom, right, top in grounds)
    return hidden


def _is_ground(kind: int, box: Box) -> bool:
    return kind != _PATH or box[3] - box[1] > _RULE


def _objects(ask: _Calls, page: Any, *kinds: int) -> list[tuple[int, Box]]:
    """(kind, box) of the page's objects of these kinds."""
    handle = ctypes.cast(page.raw, ctypes.c_void_p).value
    count = min(_MOST, ask.object_count(handle))
    things = list(map(ask.object_at, repeat(handle, count), range(count)))
    edges = (ctypes.c_float * 4)()
    where = [ctypes.addressof(edges) + 4 * one for one in range(4)]
    found = []
    for thing, kind in zip(things, map(ask.object_kind, things), strict=True):
        if kind in kinds and ask.object_bounds(thing, *where):
            found.append((kind, (edges[0], edges[1], edges[2], edges[3])))
    return found
