"""HTML by BeautifulSoup on lxml: what a reader sees, in order; scripts, styles, menus and what is hidden left out.

The tree is walked with a stack of its own, since a page may nest thousands of elements.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from retrieval.documents.blocks import Block, Parsed, caption_above, headings_above, raised_mark, squeeze
from retrieval.documents.encodings import UnknownEncoding, decoded
from retrieval.documents.grid import Grid
from retrieval.documents.heads import leading_heads, spread_heads
from retrieval.documents.html.tables import is_layout, read_table

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

_UNSEEN = (
    "script",
    "style",
    "noscript",
    "template",
    "nav",
    "svg",
    "head",
    "iframe",
    "input",
    "select",
    "button",
    "textarea",
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS_WORDS = """
address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure footer
form header hr html legend li main menu ol p pre section summary table tbody td tfoot th thead tr ul h1 h2 h3 h4 h5 h6
"""
_BLOCKS = frozenset(_BLOCKS_WORDS.split())
_HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?:px|pt|em|rem|%)?\s*(?:;|$)|opacity\s*:\s*0\s*(?:;|$)"
)
_COLOUR = re.compile(r"(?:^|;)\s*color\s*:\s*([^;!]+)")
_GROUND = re.compile(r"(?:^|;)\s*background(?:-color)?\s*:\s*([^;!]+)")
_MENU = re.compile(r"\b(?:menu|nav|navbar|navigation|breadcrumbs?|sidebar)\b", re.I)
_FURNITURE = re.compile(r"\b(?:cookies?|consent|gdpr|footer|copyright)\b", re.I)


def read_html(markup: str | bytes) -> Parsed:
    """A table row is one block; text outside any known element still becomes prose, so nothing is lost."""
    soup = _soup(markup)
    title = squeeze(soup.title.get_text()) if soup.title else ""
    _strip(soup)
    reader = _Reader()
    reader.walk(soup.body or soup)
    first = next((block.text for block in reader.blocks if block.kind == "heading" and block.level == 1), "")
    return Parsed(first or title, tuple(reader.blocks), grids=tuple(reader.grids))


def _soup(markup: str | bytes) -> BeautifulSoup:
    """Bytes that name no encoding are read by their letters or, failing that, as windows-1252, as browsers take them."""
    from bs4 import BeautifulSoup
    from bs4.dammit import EncodingDetector

    if isinstance(markup, str):
        return BeautifulSoup(markup, "lxml")
    declared = EncodingDetector.find_declared_encoding(markup, is_html=True)
    if declared or markup.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return BeautifulSoup(markup, "lxml")
    try:
        return BeautifulSoup(decoded(markup), "lxml")
    except UnknownEncoding:
        return BeautifulSoup(markup.decode("cp1252", errors="replace"), "lxml")


def _strip(soup: BeautifulSoup) -> None:
    """Takes out what a reader of the page does not see, and what is on every page of a site."""
    for unseen in soup.find_all(_UNSEEN):
        unseen.extract()
    for hidden in soup.select("[hidden], [aria-hidden=true], [style]"):
        if _is_hidden(hidden):
            hidden.extract()
    for furniture in soup.find_all(_is_furniture):
        furniture.extract()


def _is_hidden(tag: Tag) -> bool:
    if tag.has_attr("hidden"):
        return True
    if (
        tag.get("aria-hidden") == "true"
        and tag.get("role") != "tabpanel"
        and tag.find(["p", "table", "ul", "ol", "dl"]) is None
    ):
        return tag.name not in ("p", "table", "ul", "ol", "dl")  # icons; a closed tab's text is text
    style = str(tag.get("style") or "").lower()
    if _HIDDEN_STYLE.search(style):
        return True
    colour, ground = _COLOUR.search(style), _GROUND.search(style)
    return bool(colour and ground and _same_colour(colour.group(1), ground.group(1)))


def _same_colour(one: str, other: str) -> bool:
    names = {"white": "#ffffff", "black": "#000000"}

    def full(value: str) -> str:
        value = names.get(value.strip(), value.strip())
        return "#" + "".join(c * 2 for c in value[1:]) if re.fullmatch(r"#[\da-f]{3}", value) else value

    return full(one) == full(other)


def _is_furniture(tag: Tag) -> bool:
    """Menus are mostly links; notices of cookies and feet are short and named so."""
    if tag.name in ("body", "html", "main", "article") or tag.find(["h1", "table"]) is not None:
        return False
    named = (
        " ".join([str(tag.get("id") or ""), *(tag.get("class") or []), str(tag.get("role") or "")])
        .replace("-", " ")
        .replace("_", " ")
    )
    if not named and tag.name != "footer":
        return False
    if tag.name == "footer" or _FURNITURE.search(named):
        return len(tag.get_text(" ", strip=True)) < 600
    if not _MENU.search(named):
        return False
    words = len(tag.get_text(" ", strip=True))
    links = sum(len(link.get_text(" ", strip=True)) for link in tag.find_all("a"))
    return links >= 0.6 * words


@dataclass
class _Reader:
    """Gathers blocks and grids. `inline` holds the text of the open paragraph, `pairs` the terms and values of an open
    list.
    """

    blocks: list[Block] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    inline: list[str] = field(default_factory=list)
    term: str = ""
    pairs: list[tuple[str, str]] = field(default_factory=list)

    def walk(self, root: Tag) -> None:
        from bs4 import Tag
        from bs4.element import NavigableString, PreformattedString

        stack: list[Any] = [root]
        while stack:
            node = stack.pop()
            if isinstance(node, _End):
                self.close(node.tag)
            elif isinstance(node, NavigableString):
                if not isinstance(node, PreformattedString):
                    self.inline.append(str(node))
            elif isinstance(node, Tag):
                if node.name == "table" and not is_layout(node):
                    self.flush()
                    self.table(node)
                elif node.name == "pre":
                    self.flush()
                    if node.get_text().strip():
                        self.blocks.append(Block("code", node.get_text().rstrip()))
                elif node.name in ("sup", "sub", "br"):
                    self.inline.append(_piece(node, "".join(self.inline[-3:])))
                elif node.name in _BLOCKS:
                    self.flush()
                    stack.append(_End(node))
                    stack.extend(reversed(list(node.children)))
                else:
                    stack.extend(reversed(list(node.children)))
        self.flush()

    def flush(self) -> None:
        """Text outside any known element."""
        text = squeeze("".join(self.inline))
        self.inline.clear()
        if text:
            self.blocks.append(Block("prose", text))

    def close(self, tag: Tag) -> None:
        text = squeeze("".join(self.inline))
        self.inline.clear()
        if not text:
            if tag.name == "dl":
                self.term = ""
                if len(self.pairs) > 1:
                    self.grids.append(
                        Grid(
                            tuple(self.pairs),
                            caption_above(self.blocks[: -len(self.pairs)]),
                            section=headings_above(self.blocks),
                        )
                    )
                self.pairs = []
            return
        if tag.name in _HEADINGS:
            self.blocks.append(Block("heading", text, level=_HEADINGS[tag.name]))
        elif tag.name == "li":
            self.blocks.append(Block("item", f"- {text}"))
        elif tag.name == "dt":
            self.term = text
            self.blocks.append(Block("prose", text))
        elif tag.name == "dd" and self.term and self.blocks and self.blocks[-1].text == self.term:
            self.blocks[-1] = Block("prose", f"{self.term.rstrip(':')}: {text}")
            self.pairs.append((self.term.rstrip(":"), text))
        else:
            self.blocks.append(Block("prose", text))

    def table(self, tag: Tag) -> None:
        table = read_table(tag, _text)
        if not table.rows:
            return
        caption = table.caption or caption_above(self.blocks)
        rows = tuple(tuple(row) for row in table.rows)
        if table.caption:
            self.blocks.append(Block("prose", table.caption))
        heads = leading_heads(rows, table.heads or 0)
        self.grids.append(Grid(spread_heads(rows, heads), caption, section=headings_above(self.blocks), heads=heads or None))
        self.blocks += [Block("row", " | ".join(row)) for row in table.rows]


@dataclass(frozen=True)
class _End:
    tag: Tag


def _text(tag: Tag) -> str:
    """The text of a cell or caption; inline elements part no words, blocks and line breaks do."""
    from bs4 import Tag
    from bs4.element import NavigableString, PreformattedString

    parts: list[str] = []
    stack: list[Any] = [tag]
    while stack:
        node = stack.pop()
        if isinstance(node, str) and not isinstance(node, PreformattedString):
            parts.append(str(node) if isinstance(node, NavigableString) else node)
        elif isinstance(node, Tag):
            if node.name in ("sup", "sub", "br"):
                parts.append(_piece(node, "".join(parts[-3:])))
            elif node.name in _BLOCKS:
                stack.append(" ")
                stack.extend(reversed(list(node.children)))
                stack.append(" ")
            else:
                stack.extend(reversed(list(node.children)))
    return squeeze("".join(parts))


def _piece(tag: Tag, before: str) -> str:
    if tag.name == "br":
        return " "
    text = tag.get_text()
    return raised_mark(text, before) if tag.name == "sup" else text
