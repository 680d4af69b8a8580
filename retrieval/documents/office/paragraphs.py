"""The text of a Word paragraph as a reader sees it: insertions in, deletions, comments and hidden text out, notes as marks.

Invariant: text that is struck out by tracked changes, or set so that nobody can see it, is never part of a paragraph.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from retrieval.documents.blocks import raised_mark, squeeze
from retrieval.documents.office.package import Element, attribute, child, local
from retrieval.documents.office.styles import Styles, is_hidden, is_on, roman

_LEFT_OUT_TAGS = """
del moveFrom delText instrText delInstrText pPr rPr sdtPr sdtEndPr Fallback commentReference annotationRef fldData
oMathParaPr ctrlPr rt rubyPr tblPr trPr tcPr docPr pic
"""
_LEFT_OUT = frozenset(_LEFT_OUT_TAGS.split())
_BLANKS = frozenset({"tab", "ptab", "br", "cr"})
_WHITE = frozenset({"ffffff", "fefefe", "fdfdfd"})
_TINY = 4  # half points: smaller type is there to be overlooked


@dataclass
class Notes:
    """The footnotes and endnotes that were met, in order: their marks, and their kind and id in the document."""

    met: list[tuple[str, str, str]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def mark(self, kind: str, key: str, custom: bool) -> str:
        """The mark of the next note. kind: "footnote" or "endnote". custom: its mark stands in the text itself."""
        if custom:
            self.met.append(("", kind, key))
            return ""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        mark = str(self.counts[kind]) if kind == "footnote" else roman(self.counts[kind])
        self.met.append((mark, kind, key))
        return mark


@dataclass
class ReadParagraph:
    """text: on one line. boxes: what is anchored to it and stands elsewhere on the page. charts: the ids of their parts.

    bold: all of its text is. deleted_mark: it goes on in the next paragraph, since the end between them was deleted.
    """

    text: str = ""
    boxes: list[Element] = field(default_factory=list)
    charts: list[str] = field(default_factory=list)
    bold: bool = False
    hidden: bool = False
    deleted_mark: bool = False


def read_paragraph(paragraph: Element, styles: Styles, notes: Notes, *, on_paper: bool) -> ReadParagraph:
    """on_paper: white text is hidden, since nothing lies beneath it; in tables and boxes something may."""
    reader = _Runs(styles, notes, on_paper and child(child(paragraph, "pPr"), "shd") is None)
    reader.bold_style = styles.bold(child(paragraph, "pPr"))
    reader.walk(paragraph)
    marked = child(paragraph, "pPr", "rPr", "del") is not None
    text = squeeze("".join(reader.parts))
    return ReadParagraph(text, reader.boxes, reader.charts, bool(text) and not reader.light, reader.hidden, marked)


@dataclass
class _Runs:
    styles: Styles
    notes: Notes
    on_paper: bool
    parts: list[str] = field(default_factory=list)
    boxes: list[Element] = field(default_factory=list)
    charts: list[str] = field(default_factory=list)
    bold_style: bool = False
    light: bool = False  # whether some text is not bold
    hidden: bool = False

    def walk(self, element: Element) -> None:
        """Without recursion: formulas and fields may nest deeply."""
        waiting = list(reversed(element))
        while waiting:
            one = waiting.pop()
            tag = local(one)
            if tag == "r":
                self.run(one, waiting)
            elif tag == "txbxContent":
                self.boxes.append(one)
            elif tag == "chart":
                self.charts.append(attribute(one, "id") or "")
            elif tag in _BLANKS:
                self.parts.append(" ")
            elif tag == "t":
                self.parts.append(one.text or "")
            elif tag == "p":
                self.parts.append(" ")
                waiting.extend(reversed(one))
            elif tag and tag not in _LEFT_OUT:
                waiting.extend(reversed(one))

    def run(self, run: Element, waiting: list[Element]) -> None:
        properties = child(run, "rPr")
        chain = [] if properties is None else [properties, *self.styles.character(properties)]
        if any(is_hidden(one) for one in chain) or self._unseen(properties):
            self.hidden = self.hidden or any(local(one) == "t" and (one.text or "").strip() for one in run)
            return
        raised = next((align for one in chain if (align := attribute(child(one, "vertAlign"), "val"))), "") == "superscript"
        bold = self.bold_style or any(is_on(one, "b") for one in chain)
        for one in run:
            tag = local(one)
            if tag == "t":
                text = one.text or ""
                self.light = self.light or (bool(text.strip()) and not bold)
                self.parts.append(raised_mark(text, "".join(self.parts[-3:])) if raised else text)
            elif tag in _BLANKS:
                self.parts.append(" ")
            elif tag == "noBreakHyphen":
                self.parts.append("-")
            elif tag == "sym":
                self.parts.append(_symbol(one))
            elif tag in ("footnoteReference", "endnoteReference"):
                custom = attribute(one, "customMarkFollows") in ("1", "true", "on")
                mark = self.notes.mark(tag.removesuffix("Reference"), attribute(one, "id") or "", custom)
                self.parts.append(raised_mark(mark, "".join(self.parts[-3:])) if mark else "")
            elif tag not in _LEFT_OUT:
                waiting.append(one)  # a drawing's text box, a ruby's base

    def _unseen(self, properties: Element | None) -> bool:
        """White on white, or too small to see."""
        size = attribute(child(properties, "sz"), "val")
        if size is not None and size.isdigit() and int(size) <= _TINY:
            return True
        colour = (attribute(child(properties, "color"), "val") or "").lower()
        ground = child(properties, "shd") is not None or child(properties, "highlight") is not None
        return self.on_paper and colour in _WHITE and not ground


def _symbol(element: Element) -> str:
    """Fonts of pictures have codes of their own, in the private area: ticks and bullets that say nothing as text."""
    code = attribute(element, "char") or ""
    try:
        letter = chr(int(code, 16))
    except (ValueError, OverflowError):
        return ""
    return letter if not "\ue000" <= letter <= "\uf8ff" else ""
