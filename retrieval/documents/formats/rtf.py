"""RTF: paragraphs, headings by their styles, lists, tables by the places of their cells, footnotes; hidden and deleted text,
heads, feet, comments and pictures left out.

Source: Rich Text Format Specification 1.9.1. The file is read once, from start to end; a group's state ends with it.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field, replace

from retrieval.documents.blocks import Block, Parsed, raised_mark, squeeze
from retrieval.documents.grid import Grid
from retrieval.documents.office.rtf_rows import Row, spread
from retrieval.documents.tables import add_table
from retrieval.types import UnreadableDocument

_TOKEN = re.compile(
    rb"\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,10})? ?|\\'(?P<hex>[0-9a-fA-F]{2})|\\(?P<sign>[^a-zA-Z])"
    rb"|(?P<brace>[{}])|[\r\n]+|(?P<text>[^\\{}\r\n]+)",
    re.S,
)
_SKIPPED_TEXT = """
colortbl filetbl pict header headerl headerr headerf footer footerl footerr footerf ftnsep ftnsepc ftncn aftnsep aftnsepc
aftncn fldinst listtable listoverridetable revtbl rsidtbl generator themedata colorschememapping datastore xmlnstbl
annotation atnid atnauthor atntime atnref atrfstart atrfend nonshppict shprslt objdata objclass sp sn sv bkmkstart bkmkend
template operator keywords comment doccomm userprops latentstyles pgptbl mmath wgrffmtfilter xe tc rxe do
"""
_SKIPPED = frozenset(_SKIPPED_TEXT.split())
_KNOWN = frozenset(
    {"shpinst", "shptxt", "footnote", "listtext", "pntext", "nesttableprops"}
)  # read though marked as optional
_SPOKEN = {
    "tab": " ", "line": " ", "emdash": "—", "endash": "–", "bullet": "•", "lquote": "‘", "rquote": "’", "ldblquote": "“",
    "rdblquote": "”", "emspace": " ", "enspace": " ", "nestcell": " ", "nestrow": " ",
}  # fmt: skip
_CHARSETS = {
    128: "cp932", 129: "cp949", 134: "gbk", 136: "big5", 161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255",
    178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip
_DEEPEST = 5_000


@dataclass(frozen=True)
class _State:
    """Of a group. place: where its text goes: "body", "skip", "fonts", "styles", "title", "label", "note"."""

    place: str = "body"
    unseen: bool = False
    raised: bool = False
    fallback: int = 1  # characters that follow one in Unicode for older programs
    font: int = -1
    style: int = 0
    level: int = 0
    in_table: bool = False


def read_rtf(content: bytes) -> Parsed:
    """Raises UnreadableDocument for what is no RTF."""
    if not content.lstrip().startswith(b"{\\rtf"):
        raise UnreadableDocument("no RTF file; check its suffix")
    reader = _Reader()
    for found in _TOKEN.finditer(content):
        reader.take(found)
    reader.end_paragraph()
    reader.end_table()
    title = next((b.text for b in reader.blocks[:3] if b.kind == "heading" and b.level == 1), squeeze(reader.title))
    notes = (f"{reader.unseen} pieces of hidden or deleted text; they were left out",) if reader.unseen else ()
    return Parsed(title, tuple(reader.blocks), grids=tuple(reader.grids), notes=notes)


@dataclass
class _Reader:
    blocks: list[Block] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    state: _State = field(default_factory=_State)
    stack: list[_State] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    note: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    label: str = ""
    title: str = ""
    style_name: str = ""
    headings: dict[int, int] = field(default_factory=dict)  # style -> level
    fonts: dict[int, str] = field(default_factory=dict)
    codec: str = "cp1252"
    bytes_: bytearray = field(default_factory=bytearray)  # of one run, since a letter may have two
    skip: int = 0
    high: int = 0  # the first half of a character beyond 16 bits
    optional: bool = False
    marks: int = 0
    row: Row = field(default_factory=Row)
    rows: list[Row] = field(default_factory=list)
    unseen: int = 0

    def take(self, found: re.Match[bytes]) -> None:
        if found["hex"] is None and (self.bytes_ and (found["text"] is None or found["text"])):
            self._spell()
        if found["brace"]:
            self._brace(found["brace"])
        elif found["word"] is not None:
            self._word(found["word"].decode("ascii"), found["number"])
        elif found["hex"] is not None:
            if self.skip:
                self.skip -= 1
            else:
                self.bytes_.append(int(found["hex"], 16))
        elif found["sign"] is not None:
            self._sign(found["sign"])
        elif found["text"] is not None:
            text = found["text"][self.skip :]
            self.skip = max(0, self.skip - len(found["text"]))
            self.bytes_ += text
            self._spell()

    def _brace(self, brace: bytes) -> None:
        if brace == b"{":
            if len(self.stack) >= _DEEPEST:
                raise UnreadableDocument("nested too deeply; export it again")
            self.stack.append(self.state)
            self.optional = False
        elif self.stack:
            before, self.state = self.state, self.stack.pop()
            if before.place == "note" and self.state.place != "note":
                self.notes.append(squeeze("".join(self.note)))
                self.note.clear()

    def _sign(self, sign: bytes) -> None:
        if sign == b"*":
            self.optional = True
        elif sign in b"\\{}":
            self._say(sign.decode("ascii"))
        elif sign in b"~_":
            self._say(" " if sign == b"~" else "-")
        elif sign in b"\r\n":
            self.end_paragraph()

    def _word(self, word: str, number: bytes | None) -> None:
        value = int(number) if number is not None else 1
        optional, self.optional = self.optional, False
        state = self.state
        if word in _SKIPPED or (optional and word not in _KNOWN):
            self.state = replace(state, place="skip")
        elif word in ("fonttbl", "stylesheet", "listtext", "pntext", "footnote", "info"):
            places = {"fonttbl": "fonts", "stylesheet": "styles", "footnote": "note", "info": "skip"}
            self.state = replace(state, place=places.get(word, "label") if state.place != "skip" else "skip")
            self.label = "" if self.state.place == "label" else self.label
        elif word == "title" and state.place == "skip":
            self.state = replace(state, place="title")
        elif word == "ansicpg":
            self.codec = _known(f"cp{value}", self.codec)
        elif word in ("mac", "pc", "pca"):
            self.codec = {"mac": "mac_roman", "pc": "cp437", "pca": "cp850"}[word]
        elif word in ("f", "fcharset"):
            if word == "f":
                self.state = replace(state, font=value)
            elif state.place == "fonts":
                self.fonts[state.font] = _CHARSETS.get(value, "")
        elif word == "uc":
            self.state = replace(state, fallback=value)
        elif word == "u":
            self._unicode(value)
        elif word in ("v", "deleted"):
            self.state = replace(state, unseen=value != 0)
        elif word in ("super", "nosupersub", "sub", "plain"):
            self.state = replace(state, raised=word == "super" and value != 0, unseen=state.unseen and word != "plain")
        elif word in ("s", "outlinelevel"):
            self._style(word, value)
        elif word == "chftn":
            self._mark()
        elif word == "bin":
            raise UnreadableDocument("holds pictures as bytes; save it again")
        elif state.place in ("body", "note"):
            self._layout(word, value)

    def _style(self, word: str, value: int) -> None:
        if word == "s":
            self.state = replace(self.state, style=value, level=self.headings.get(value, 0))
        elif self.state.place == "body":
            self.state = replace(self.state, level=value + 1 if 0 <= value < 9 else 0)

    def _mark(self) -> None:
        self.marks += self.state.place == "body"
        self._say(raised_mark(str(self.marks), "".join(self.parts[-3:]) if self.state.place == "body" else ""))

    def _layout(self, word: str, value: int) -> None:
        match word:
            case "par" | "sect" | "page" if self.state.place == "note":
                self.note.append(" ")
            case "par" | "sect" | "page":
                self.end_paragraph()
            case "pard":
                self.state = replace(self.state, in_table=False, style=0, level=0)
            case "intbl":
                self.state = replace(self.state, in_table=True)
            case "trowd":
                self.row = Row(cells=self.row.cells)
            case "trhdr":
                self.row.head = True
            case "clvmrg" | "clmrg":
                flags = self.row.down if word == "clvmrg" else self.row.beside
                flags += [False] * (len(self.row.edges) - len(flags)) + [True]
            case "cellx":
                self.row.edges.append(value)
            case "cell":
                self.row.cells.append(squeeze("".join(self.parts)))
                self.parts.clear()
                self.label = ""
            case "row":
                self.rows.append(replace(self.row, edges=list(self.row.edges)))
                self.row = replace(self.row, cells=[])
            case _ if word in _SPOKEN:
                self._say(_SPOKEN[word])

    def _unicode(self, value: int) -> None:
        code = value % 65536
        self.skip = self.state.fallback
        if 0xD800 <= code < 0xDC00:
            self.high = code
        elif 0xDC00 <= code < 0xE000:
            self._say(chr(0x10000 + ((self.high - 0xD800) << 10) + code - 0xDC00) if self.high else "")
            self.high = 0
        else:
            self._say(chr(code))

    def _spell(self) -> None:
        """The bytes that were gathered, in the font's code page."""
        if self.bytes_:
            codec = self.fonts.get(self.state.font) or self.codec
            text = bytes(self.bytes_).decode(codec, "replace")
            self.bytes_.clear()
            self._say(text)

    def _say(self, text: str) -> None:
        match self.state.place:
            case "styles":
                self._named(text)
            case "title":
                self.title += text
            case "label":
                self.label += text
            case "note" if not self.state.unseen:
                self.note.append(text)
            case "body" if self.state.unseen:
                self.unseen += bool(text.strip())
            case "body":
                raised = self.state.raised and len(text.strip()) < 7
                self.parts.append(raised_mark(text, "".join(self.parts[-3:])) if raised else text)

    def _named(self, text: str) -> None:
        self.style_name += text
        if ";" in self.style_name:
            if found := re.match(r"\s*(?:heading (\d)|(title));", self.style_name, re.I):
                self.headings[self.state.style] = int(found.group(1) or 1)
            self.style_name = ""

    def end_paragraph(self) -> None:
        self._spell()
        if self.state.in_table:
            self.parts.append(" ")
            return
        text, label = squeeze("".join(self.parts)), squeeze(self.label)
        self.parts.clear()
        self.label = ""
        self.end_table()
        if text:
            if self.state.level:
                self.blocks.append(Block("heading", squeeze(f"{label} {text}"), level=self.state.level))
            elif label:
                bullet = not any(letter.isalnum() for letter in label)
                self.blocks.append(Block("item", f"- {text}" if bullet else f"{label} {text}"))
            else:
                self.blocks.append(Block("prose", text))
        self._tell()

    def _tell(self) -> None:
        self.blocks += [Block("prose", note) for note in self.notes if note]
        self.notes.clear()

    def end_table(self) -> None:
        rows, self.rows = [row for row in self.rows if row.cells], []
        if rows:
            heads = next((number for number, row in enumerate(rows) if not row.head), 0)
            add_table(self.blocks, self.grids, list(spread(rows)), heads)
            self._tell()


def _known(codec: str, otherwise: str) -> str:
    try:
        return codecs.lookup("utf-8" if codec == "cp65001" else codec).name
    except LookupError:
        return otherwise
