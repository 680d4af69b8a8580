"""Markdown by markdown-it: headings, paragraphs, list items and table rows, without the mark-up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from retrieval.documents.formats.blocks import Block, Parsed, squeeze

if TYPE_CHECKING:
    from markdown_it.token import Token

_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.S)


def read_markdown(text: str) -> Parsed:
    """Rows of a table carry their column heads once, as the first row; front matter is left out."""
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").enable("table").parse(_FRONT_MATTER.sub("", text.replace("\r\n", "\n")))
    blocks: list[Block] = []
    cells: list[str] | None = None
    heading = items = 0
    item_starts = False
    for token in tokens:
        match token.type:
            case "heading_open":
                heading = int(token.tag[1:])
            case "list_item_open":
                items += 1
                item_starts = True
            case "list_item_close":
                items -= 1
            case "tr_open":
                cells = []
            case "tr_close" if cells is not None:
                blocks.append(Block("row", " | ".join(cells)))
                cells = None
            case "inline":
                words = _plain(token)
                if cells is not None:
                    cells.append(squeeze(words))
                elif heading:
                    blocks.append(Block("heading", squeeze(words), level=heading))
                    heading = 0
                elif words.strip():
                    kind = "item" if items else "prose"
                    prefix = "- " if item_starts else ""
                    blocks.append(Block("item" if kind == "item" else "prose", prefix + squeeze(words)))
                    item_starts = False
            case "fence" | "code_block":
                blocks.append(Block("code", token.content.rstrip()))
            case "html_block":
                stripped = squeeze(re.sub(r"<[^>]+>", " ", token.content))
                if stripped and not token.content.lstrip().startswith("<!--"):
                    blocks.append(Block("prose", stripped))
    title = next((block.text for block in blocks if block.kind == "heading" and block.level == 1), "")
    return Parsed(title, tuple(blocks))


def _plain(token: Token) -> str:
    parts: list[str] = []
    for child in token.children or []:
        if child.type in ("text", "code_inline"):
            parts.append(child.content)
        elif child.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif child.type == "image":
            parts.append(child.content)
    return "".join(parts)
