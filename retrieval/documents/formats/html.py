"""HTML by BeautifulSoup on lxml: what a reader sees, in order; scripts, styles and navigation left out."""

from __future__ import annotations

from retrieval.documents.formats.blocks import Block, Parsed, squeeze

_UNSEEN = ("script", "style", "noscript", "template", "nav", "svg", "head", "iframe", "form")
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LEAVES = ("p", "li", "dt", "dd", "blockquote", "figcaption", "caption", "tr", "pre", *_HEADINGS)


def read_html(markup: str | bytes) -> Parsed:
    """A table row is one block; text outside any known element still becomes prose, so nothing is lost."""
    from bs4 import BeautifulSoup, Comment, Tag
    from bs4.element import NavigableString

    soup = BeautifulSoup(markup, "lxml")
    title = squeeze(soup.title.get_text()) if soup.title else ""
    for unseen in soup.find_all(_UNSEEN):
        unseen.decompose()
    for hidden in soup.select("[hidden], [aria-hidden=true]"):
        hidden.decompose()
    blocks: list[Block] = []
    loose: list[str] = []

    def flush() -> None:
        text = squeeze(" ".join(loose))
        loose.clear()
        if text:
            blocks.append(Block("prose", text))

    def leaf(tag: Tag) -> None:
        if tag.name == "tr":
            cells = [squeeze(cell.get_text(" ")) for cell in tag.find_all(["td", "th"])]
            if any(cells):
                blocks.append(Block("row", " | ".join(cells)))
            return
        text = tag.get_text() if tag.name == "pre" else squeeze(tag.get_text(" "))
        if not text.strip():
            return
        if tag.name in _HEADINGS:
            blocks.append(Block("heading", text, level=_HEADINGS[tag.name]))
        elif tag.name == "pre":
            blocks.append(Block("code", text.rstrip()))
        else:
            blocks.append(Block("item" if tag.name == "li" else "prose", ("- " if tag.name == "li" else "") + text))

    def walk(node: Tag) -> None:
        for child in node.children:
            if isinstance(child, Comment):
                continue
            if isinstance(child, NavigableString):
                loose.append(str(child))
            elif isinstance(child, Tag):
                nested = child.name == "li" and child.find(["ul", "ol", "table"]) is not None
                if child.name in _LEAVES and not nested and child.find("tr") is None:
                    flush()
                    leaf(child)
                elif child.name in (
                    "a",
                    "b",
                    "i",
                    "em",
                    "strong",
                    "span",
                    "code",
                    "abbr",
                    "small",
                    "sup",
                    "sub",
                ):
                    loose.append(child.get_text(" "))
                else:
                    flush()
                    walk(child)
                    flush()

    walk(soup.body or soup)
    flush()
    first = next((block.text for block in blocks if block.kind == "heading" and block.level == 1), "")
    return Parsed(first or title, tuple(blocks))
