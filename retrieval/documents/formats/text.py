"""Plain text: paragraphs apart by blank lines; list items, table lines and short title lines recognised."""

from __future__ import annotations

import re

from retrieval.documents.formats.blocks import Block, Parsed, squeeze

_ITEM = re.compile(r"^\s*(?:[-*•–]|\(?\d{1,2}[.)]|\(?[a-z][.)])\s+\S")
_UNDERLINE = re.compile(r"^\s*(?:={3,}|-{3,}|~{3,})\s*$")
_COLUMNS = re.compile(r"\S(?:\t|\s{3,}|\s\|\s)\S")


def read_text(text: str) -> Parsed:
    """A line that is underlined, or a lone line in capitals, is a heading; the first one is the title."""
    blocks: list[Block] = []
    paragraph: list[str] = []

    def flush() -> None:
        if paragraph:
            blocks.append(Block("prose", squeeze(" ".join(paragraph))))
            paragraph.clear()

    lines = text.splitlines()
    for index, line in enumerate(lines):
        following = lines[index + 1] if index + 1 < len(lines) else ""
        before = lines[index - 1] if index else ""
        if not line.strip() or _UNDERLINE.match(line):
            flush()
        elif _UNDERLINE.match(following) and not _COLUMNS.search(line):
            flush()
            blocks.append(Block("heading", squeeze(line), level=1 if "=" in following else 2))
        elif not before.strip() and not following.strip() and _is_shouted(line):
            flush()
            blocks.append(Block("heading", squeeze(line), level=2))
        elif _COLUMNS.search(line.strip()):
            flush()
            blocks.append(Block("row", re.sub(r"\t|\s{3,}", " | ", line.strip())))
        elif _ITEM.match(line):
            flush()
            blocks.append(Block("item", squeeze(line)))
        elif blocks and blocks[-1].kind == "item" and line.startswith(("  ", "\t")) and not paragraph:
            blocks[-1] = Block("item", squeeze(blocks[-1].text + " " + line))
        else:
            paragraph.append(line)
    flush()
    title = next((block.text for block in blocks[:3] if block.kind == "heading"), "")
    return Parsed(title, tuple(blocks))


def _is_shouted(line: str) -> bool:
    letters = [c for c in line if c.isalpha()]
    return len(letters) >= 3 and len(line.split()) <= 12 and all(c.isupper() for c in letters)
