"""The shapes of a slide: what each holds, and the order in which a reader takes them in.

A shape in a group is placed by its own offset: groups seldom overlap what stands beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from retrieval.documents.blocks import raised_mark, squeeze
from retrieval.documents.office.package import Element, attribute, child, children, descendants, local

Kind = Literal["title", "text", "table", "chart", "diagram"]
_LEFT_OUT = frozenset({"ftr", "dt", "sldNum", "hdr", "sldImg"})
_SHAPES = frozenset({"sp", "graphicFrame", "grpSp", "pic", "cxnSp"})
_LINE = 200_000  # English metric units (5.5 mm): shapes that begin this near in height stand in one line


@dataclass(frozen=True)
class Shape:
    """body: bulleted text of a layout's own place. part: the id of the chart's or diagram's part."""

    kind: Kind
    element: Element
    top: int = 0
    left: int = 0
    body: bool = False
    part: str = ""


@dataclass(frozen=True)
class Line:
    """A paragraph of a shape. depth: of a list, from 0. bullet: None where only the layout says."""

    text: str
    depth: int
    bullet: bool | None


def shapes_of(tree: Element) -> list[Shape]:
    """The title first, then what stands in a layout's places in the file's order, then the others from the top down."""
    found = list(_walk(tree))
    titles = [one for one in found if one.kind == "title"]
    rest = [one for one in found if one.kind != "title"]
    if any(one.body and not (one.top or one.left) for one in rest):  # their place is the layout's, which is not looked up
        placed = [one for one in rest if not one.body]
        return titles + [one for one in rest if one.body] + sorted(placed, key=_place)
    return titles + sorted(rest, key=_place)


def lines_of(shape: Element) -> list[Line]:
    body = child(shape, "txBody")
    found = []
    for paragraph in children(body, "p"):
        text = text_of(paragraph)
        if text:
            about = child(paragraph, "pPr")
            bullet = None
            if about is not None:
                names = {local(one) for one in about}
                bullet = False if "buNone" in names else True if names & {"buChar", "buAutoNum", "buBlip"} else None
            depth = attribute(about, "lvl") or "0"
            found.append(Line(text, int(depth) if depth.isdigit() else 0, bullet))
    return found


def text_of(paragraph: Element) -> str:
    """Raised figures as marks; fields that count slides left out."""
    parts: list[str] = []
    for one in paragraph:
        match local(one):
            case "r":
                text = "".join(part.text or "" for part in children(one, "t"))
                raised = (attribute(child(one, "rPr"), "baseline") or "0").lstrip("-")
                up = (
                    raised.isdigit()
                    and int(raised) > 0
                    and not (attribute(child(one, "rPr"), "baseline") or "").startswith("-")
                )
                parts.append(raised_mark(text, "".join(parts[-3:])) if up else text)
            case "br":
                parts.append(" ")
            case "fld" if attribute(one, "type") != "slidenum":
                parts.append("".join(part.text or "" for part in children(one, "t")))
            case "AlternateContent" | "m":
                parts += [part.text or "" for part in descendants(one, "t")]
    return squeeze("".join(parts))


def table_rows(frame: Element) -> list[list[str]]:
    """A table's rows, joined cells spread."""
    rows: list[list[str]] = []
    table = next(descendants(frame, "tbl"), None)
    for row in children(table, "tr"):
        cells: list[str] = []
        for cell in children(row, "tc"):
            body = child(cell, "txBody")
            text = squeeze(" ".join(text_of(one) for one in children(body, "p")))
            if attribute(cell, "hMerge") in ("1", "true") and cells:
                text = cells[-1]
            elif attribute(cell, "vMerge") in ("1", "true") and rows and len(cells) < len(rows[-1]):
                text = rows[-1][len(cells)]
            cells.append(text)
        rows.append(cells)
    return rows


def marks_heads(frame: Element) -> bool:
    """Whether the first row is set as a head."""
    about = child(next(descendants(frame, "tbl"), None), "tblPr")
    return attribute(about, "firstRow") in ("1", "true")


def _place(shape: Shape) -> tuple[int, int]:
    return shape.top // _LINE, shape.left


def _walk(tree: Element) -> Iterator[Shape]:
    waiting = list(reversed(tree))
    while waiting:
        one = waiting.pop()
        tag = local(one)
        if tag == "AlternateContent":
            chosen = child(one, "Choice")
            waiting.extend(reversed(chosen) if chosen is not None else [])
        elif tag in ("grpSp", "Choice"):
            waiting.extend(reversed(one))
        elif tag in _SHAPES and not _hidden(one):
            yield from _read(one, tag)


def _hidden(element: Element) -> bool:
    about = next((one for part in element if local(part).startswith("nv") for one in part if local(one) == "cNvPr"), None)
    return attribute(about, "hidden") in ("1", "true")


def _read(element: Element, tag: str) -> Iterator[Shape]:
    place = next((child(part, "nvPr", "ph") for part in element if local(part).startswith("nv")), None)
    kind = "" if place is None else attribute(place, "type") or "obj"
    if kind in _LEFT_OUT:
        return
    offset = next(descendants(child(element, "spPr") if tag == "sp" else child(element, "xfrm"), "off"), None)
    top, left = _number(offset, "y"), _number(offset, "x")
    if tag == "sp" and child(element, "txBody") is not None:
        is_title = kind in ("title", "ctrTitle")
        yield Shape("title" if is_title else "text", element, top, left, body=kind in ("body", "obj"))
    elif tag == "graphicFrame":
        data = next(descendants(element, "graphicData"), None)
        for one in data if data is not None else ():
            match local(one):
                case "tbl":
                    yield Shape("table", element, top, left)
                case "chart":
                    yield Shape("chart", element, top, left, part=attribute(one, "id") or "")
                case "relIds":
                    yield Shape("diagram", element, top, left, part=attribute(one, "dm") or "")


def _number(element: Element | None, name: str) -> int:
    text = attribute(element, name) or "0"
    return int(text) if text.lstrip("-").isdigit() and len(text) < 12 else 0
