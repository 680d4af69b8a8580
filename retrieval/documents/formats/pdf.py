"""PDF by pypdfium2: the text of each page as lines, sorted into headings, prose, items and table rows.

A block never leaves its page, and pages count from 1. PDFium is not thread-safe, so one lock guards it.
"""

from __future__ import annotations

import ctypes
import re
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrieval.documents.formats.blocks import Block, Parsed, squeeze
from retrieval.types import UnreadableDocument

Font = tuple[float, bool]  # size, bold

_PDFIUM = threading.Lock()

_NUMBER = r"\(?[-–—+]?[$€£¥]?\s?\(?\d[\d,.]*\)?\s?(?:%|bps|x|bn|m)?\)?"
_CELLS = re.compile(rf"(?:^|\s)(?:{_NUMBER}|[—–-]|N/?A|#|\$)(?=\s|$)")
_ROW_END = re.compile(rf"(?:{_NUMBER}|[—–]|N/?A|#|%)\)?\s*$")
_ITEM = re.compile(r"^(?:[•●▪◦‣*·]|[-–—]|\(?[a-z0-9]{1,2}[.)])\s+\S")
_NUMBERED = re.compile(
    r"^(?:PART\s+[IVX]+|Item\s+\d+[A-C]?\b|Note\s+\d+\b|TABLE\s+\d+|Chapter\s+\d+|Section\s+\d+|\d+(?:\.\d+)*\.?\s+[A-Z])",
    re.I,
)
_PAGE_NUMBER = re.compile(r"^(?:page\s+)?\d{1,4}(?:\s*(?:of|/)\s*\d{1,4})?$|^[ivxlc]{1,6}$", re.I)
_SMALL = {
    "a",
    "an",
    "and",
    "as",
    "at",
    "by",
    "for",
    "from",
    "in",
    "of",
    "on",
    "or",
    "per",
    "the",
    "to",
    "with",
    "vs",
    "its",
    "our",
}


@dataclass(frozen=True)
class Line:
    """A line of a page. `emphasis`: 0 as the running text, 1 bold, 2 also larger; None where fonts are unknown."""

    text: str
    emphasis: int | None = None


def read_pdf(path: Path) -> Parsed:
    """Raises UnreadableDocument for an encrypted or damaged file, or one that holds pictures of text only."""
    title, pages = _page_lines(path)
    if not any(pages):
        raise UnreadableDocument(f"{path.name}: no text in its {len(pages)} pages (scanned?); run it through OCR first")
    repeated = _running_lines(pages)
    blocks = [block for number, lines in enumerate(pages, 1) for block in page_blocks(lines, number, repeated)]
    return Parsed(title, tuple(blocks), len(pages))


def _page_lines(path: Path) -> tuple[str, list[list[Line]]]:
    import pypdfium2

    with _PDFIUM:
        try:
            pdf = pypdfium2.PdfDocument(path)
        except pypdfium2.PdfiumError as error:
            if "assword" in str(error):
                raise UnreadableDocument(f"{path.name}: encrypted; save a copy without a password") from None
            raise UnreadableDocument(f"{path.name}: damaged or not a PDF ({error}); export it again") from None
        try:
            title = squeeze(pdf.get_metadata_dict().get("Title") or "")
            fonts: list[list[Font]] = []
            texts: list[list[str]] = []
            for number in range(len(pdf)):
                try:
                    lines, styles = _styled_lines(pdf[number].get_textpage())
                except pypdfium2.PdfiumError as error:
                    reason = f"{path.name}: page {number + 1} is damaged ({error}); export it again"
                    raise UnreadableDocument(reason) from None
                texts.append(lines)
                fonts.append(styles)
        finally:
            pdf.close()
    return _worth(title), _emphasised(texts, fonts)


def _styled_lines(text_page: Any) -> tuple[list[str], list[Font]]:
    """The page's lines, and the size and weight of each line's first letter."""
    import pypdfium2.raw as pdfium

    # PDFium marks a hyphen at a line's end with U+FFFE: the word goes on in the next line.
    text = text_page.get_text_range()
    same_count = text_page.count_chars() == len(text)
    lines: list[str] = []
    fonts: list[Font] = []
    name, flags = ctypes.create_string_buffer(80), ctypes.c_int()
    start, broken = 0, False
    for raw in text.split("\n"):
        line = squeeze(raw.replace("\ufffe", ""))
        at = start + len(raw) - len(raw.lstrip())
        start += len(raw) + 1
        if broken and lines:
            lines[-1] += line
        elif line:
            size, bold = 0.0, False
            if same_count:
                size = round(pdfium.FPDFText_GetFontSize(text_page, at), 1)
                pdfium.FPDFText_GetFontInfo(text_page, at, name, len(name), flags)
                bold = bool(re.search(rb"bold|black|heavy|semibold|demi", name.value, re.I))
            lines.append(line)
            fonts.append((size, bold))
        broken = raw.rstrip().endswith("\ufffe")
    return lines, fonts


def _emphasised(texts: list[list[str]], fonts: list[list[Font]]) -> list[list[Line]]:
    """Emphasis against the document's commonest size; unknown where the file tells bold from plain nowhere."""
    letters: Counter[float] = Counter()
    for lines, styles in zip(texts, fonts, strict=True):
        for line, (size, _) in zip(lines, styles, strict=True):
            letters[size] += len(line)
    body = letters.most_common(1)[0][0] if letters else 0.0
    weights = {bold for styles in fonts for _, bold in styles}
    known = weights == {True, False} and body > 0

    def emphasis(font: Font) -> int | None:
        size, bold = font
        return None if not known else bold + (size > 1.12 * body and size > 0)

    return [
        [Line(text, emphasis(font)) for text, font in zip(lines, styles, strict=True)]
        for lines, styles in zip(texts, fonts, strict=True)
    ]


def _worth(title: str) -> str:
    """The metadata's title where a person wrote it; '' for file names, numbers and tools' leftovers."""
    letters = sum(c.isalpha() for c in title)
    if (
        letters < 6
        or letters < len(title) / 2
        or re.search(r"\.(docx?|pdf|html?|indd|xlsx?)$|^untitled|^microsoft", title, re.I)
    ):
        return ""
    return title


def _running_lines(pages: list[list[Line]]) -> frozenset[str]:
    """First and last lines that most pages share: running heads and feet, with numbers left out of account."""
    if len(pages) < 4:
        return frozenset()
    seen: Counter[str] = Counter()
    for lines in pages:
        seen.update({_faceless(line.text) for line in lines[:2] + lines[-2:]})
    return frozenset(line for line, count in seen.items() if count > max(3, 0.4 * len(pages)))


def _faceless(line: str) -> str:
    return re.sub(r"\d+", "0", line)


def page_blocks(lines: list[Line], page: int, repeated: frozenset[str] = frozenset()) -> Iterable[Block]:
    """The blocks of one page. Lines of running text are joined again; rows of a table stay one line each."""
    edge = {0, 1, len(lines) - 2, len(lines) - 1}
    kept = [
        line
        for index, line in enumerate(lines)
        if not (index in edge and (_PAGE_NUMBER.match(line.text) or _faceless(line.text) in repeated))
    ]
    width = sorted(len(line.text) for line in kept)[int(0.9 * len(kept))] if kept else 0
    paragraph: list[str] = []
    in_table = False

    def prose() -> Iterable[Block]:
        if paragraph:
            yield Block("item" if _ITEM.match(paragraph[0]) else "prose", " ".join(paragraph), page)
            paragraph.clear()

    for index, line in enumerate(kept):
        text, following = line.text, kept[index + 1 : index + 3]
        if paragraph and len(paragraph[-1]) < 0.6 * width and not _ends(paragraph[-1]) and not text[0].islower():
            yield from prose()  # a line that stops short ends its paragraph: lists of facts, addresses
        if _is_row(text, open_sentence=bool(paragraph) and not _ends(paragraph[-1])):
            yield from prose()
            yield Block("row", text, page)
            in_table = True
            continue
        if in_table and line.emphasis != 2 and len(text.split()) <= 6 and not text.endswith(".") and _lead_to_row(following):
            yield Block("row", text, page)  # a group's name inside a table: "Current assets:"
            continue
        in_table = False
        if _is_heading(line, paragraph[-1] if paragraph else "", following[0].text if following else ""):
            yield from prose()
            yield Block("heading", text, page, _level(line))
        else:
            if paragraph and (_ITEM.match(text) or (_ends(paragraph[-1]) and len(paragraph[-1].split()) < 9)):
                yield from prose()
            paragraph.append(text)
            if _ends(text) and len(" ".join(paragraph).split()) > 40:
                yield from prose()
    yield from prose()


def _lead_to_row(following: list[Line]) -> bool:
    return any(_is_row(line.text, open_sentence=False) for line in following)


def _ends(line: str) -> bool:
    return line.endswith((".", "!", "?", ":", ";", ".”", '."', ".)"))


def _is_row(line: str, open_sentence: bool) -> bool:
    """A line of a table: at least two figures of which one stands last, and few words beside them."""
    cells = _CELLS.findall(line)
    words = [word for word in line.split() if any(c.isalpha() for c in word)]
    if not cells or not _ROW_END.search(line):
        return False
    if len(cells) == 1:
        return not open_sentence and 1 <= len(words) <= 8 and len(line.split()) - len(words) <= 2 and not _ITEM.match(line)
    return len(words) <= max(14, 2 * len(cells)) and not (open_sentence and len(words) > 8)


def _is_heading(line: Line, before: str, following: str) -> bool:
    """By its font where the file tells; else by its words: few, mostly capital, no closing mark."""
    text = line.text
    words = [word for word in re.split(r"[\s/]+", text) if any(c.isalpha() for c in word)]
    if not any(len(word) > 2 for word in words) or text.endswith((",", ";")) or (len(words) > 18 and line.emphasis != 2):
        return False
    if line.emphasis is not None:
        return line.emphasis > 0 and not _ITEM.match(text)
    if len(words) > 14 or text.endswith((".", ":")) or not text[0].isalnum():
        return False
    if len(before.split()) > 7 and not _ends(before) and not _NUMBERED.match(text):
        return False  # the middle of a sentence
    if _NUMBERED.match(text):
        return True
    big = [word for word in words if word.lower() not in _SMALL]
    titled = sum(1 for word in big if word[0].isupper() or word[0].isdigit())
    if not big or titled < 0.65 * len(big):
        return False
    return len(following) > 2 * len(text) or len(words) <= 8


def _level(line: Line) -> int:
    letters = [c for c in line.text if c.isalpha()]
    return 2 if line.emphasis == 2 or _NUMBERED.match(line.text) or all(c.isupper() for c in letters) else 3
