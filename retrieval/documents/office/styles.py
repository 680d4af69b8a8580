"""What the styles and the numbering of a Word document say: which paragraph is a heading or a list item, and its number.

A style takes from the one that it is based on what it does not say itself.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from retrieval.documents.office.package import Element, attribute, child, children

_HEADING = re.compile(r"^heading (\d)$", re.I)
_SKIPPED = re.compile(r"^(?:toc \d|toc heading|table of figures|header|footer|index \d|table of authorities)$", re.I)
_DEEPEST = 20  # styles that are based on each other
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"))
_ROMAN_SMALL = ((10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))


@dataclass(frozen=True)
class Role:
    """What a paragraph is. level: of a heading, from 1; 0: none. title: the document's own. skipped: a list of contents,
    which repeats the headings. number: the numbering that it is counted by, with its depth; '' for none.
    """

    level: int = 0
    title: bool = False
    caption: bool = False
    skipped: bool = False
    hidden: bool = False
    number: str = ""
    depth: int = 0


class Styles:
    """Of styles.xml; None where the document has none."""

    def __init__(self, root: Element | None) -> None:
        self._styles = {attribute(one, "styleId") or "": one for one in children(root, "style")}
        self._plain = next(
            (
                key
                for key, one in self._styles.items()
                if attribute(one, "type") == "paragraph" and attribute(one, "default") in ("1", "true")
            ),
            "",
        )

    def role(self, properties: Element | None) -> Role:
        """Of a paragraph with these properties (w:pPr)."""
        own = attribute(child(properties, "pStyle"), "val") or self._plain
        chain = list(self._chain(own))
        names = [attribute(child(one, "name"), "val") or "" for one in chain]
        of_styles = [child(one, "pPr") for one in chain]
        level = 0
        for stated in (properties, *of_styles):
            outline = attribute(child(stated, "outlineLvl"), "val")
            if outline is not None and outline.isdigit():
                level = int(outline) + 1 if int(outline) < 9 else 0
                break
        else:
            level = next((int(found.group(1)) for name in names if (found := _HEADING.match(name))), 0)
        number, depth = "", 0
        for stated in (properties, *of_styles):
            numbered = child(stated, "numPr")
            if numbered is not None:
                depth = depth or _whole(attribute(child(numbered, "ilvl"), "val"))
                named = attribute(child(numbered, "numId"), "val")
                if named is not None:
                    number = named if named != "0" else ""
                    break
        if number and not depth and level > 1 and child(child(properties, "numPr"), "ilvl") is None:
            depth = level - 1
        first = names[0].lower() if names else ""
        return Role(
            level=level,
            title=first == "title",
            caption=first == "caption",
            skipped=bool(_SKIPPED.match(first)),
            hidden=any(is_hidden(child(one, "rPr")) for one in chain),
            number=number,
            depth=min(depth, 8),
        )

    def character(self, properties: Element | None) -> Iterator[Element]:
        """The properties of a run's character style, nearest first."""
        named = attribute(child(properties, "rStyle"), "val")
        for one in self._chain(named or ""):
            found = child(one, "rPr")
            if found is not None:
                yield found

    def bold(self, properties: Element | None) -> bool:
        """Whether a paragraph's style sets it in bold type."""
        own = attribute(child(properties, "pStyle"), "val") or self._plain
        return any(is_on(child(one, "rPr"), "b") for one in self._chain(own))

    def _chain(self, key: str) -> Iterator[Element]:
        for _ in range(_DEEPEST):
            style = self._styles.get(key)
            if style is None:
                return
            yield style
            key = attribute(child(style, "basedOn"), "val") or ""


def is_on(properties: Element | None, name: str) -> bool:
    """Whether a switch such as w:b stands there and is not switched off."""
    found = child(properties, name)
    return found is not None and attribute(found, "val") not in ("0", "false", "off", "none")


def is_hidden(properties: Element | None) -> bool:
    return is_on(properties, "vanish") or is_on(properties, "webHidden")


@dataclass
class Numbering:
    """The numbers of lists and headings ("4.2", "(a)"), counted as the document goes on. Used once, from start to end."""

    levels: dict[str, dict[int, tuple[str, str, int]]] = field(default_factory=dict)  # numId -> depth -> format, text, start
    abstract: dict[str, str] = field(default_factory=dict)
    counts: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [-1] * 9))

    @classmethod
    def of(cls, root: Element | None) -> Numbering:
        """Of numbering.xml; None where the document has none."""
        kinds = {attribute(one, "abstractNumId") or "": _levels(one) for one in children(root, "abstractNum")}
        found = cls()
        for one in children(root, "num"):
            key = attribute(one, "numId") or ""
            of = attribute(child(one, "abstractNumId"), "val") or ""
            levels = dict(kinds.get(of, {}))
            for changed in children(one, "lvlOverride"):
                depth = _whole(attribute(changed, "ilvl"))
                levels |= _levels(changed)
                start = attribute(child(changed, "startOverride"), "val")
                if start is not None and depth in levels:
                    levels[depth] = (*levels[depth][:2], _whole(start))
            found.levels[key] = levels
            # Lists of one kind count on, unless one of them starts anew.
            found.abstract[key] = of if child(one, "lvlOverride") is None else f"{of}/{key}"
        return found

    def label(self, number: str, depth: int) -> str:
        """What stands before the next paragraph of this list; "-" for a bullet."""
        levels = self.levels.get(number, {})
        if depth not in levels:
            return "-"
        form, text, _ = levels[depth]
        counts = self.counts[self.abstract[number]]
        for at in range(depth + 1):
            if counts[at] < 0:
                counts[at] = (levels[at][2] if at in levels else 1) - (at == depth)
        counts[depth] += 1
        counts[depth + 1 :] = [-1] * (8 - depth)
        if form == "bullet":
            return "-"
        if form == "none" or not text:
            return ""

        def counted(found: re.Match[str]) -> str:
            at = int(found.group(1)) - 1
            return _spelled(max(counts[at], 0), levels[at][0] if at in levels else "decimal")

        return re.sub(r"%([1-9])", counted, text).strip()


def _levels(root: Element) -> dict[int, tuple[str, str, int]]:
    return {
        _whole(attribute(one, "ilvl")): (
            attribute(child(one, "numFmt"), "val") or "decimal",
            attribute(child(one, "lvlText"), "val") or "",
            _whole(attribute(child(one, "start"), "val") or "1"),
        )
        for one in children(root, "lvl")
    }


def _spelled(number: int, form: str) -> str:
    match form:
        case "lowerLetter" | "upperLetter":
            letter = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1) if number else "0"
            return letter if form == "lowerLetter" else letter.upper()
        case "lowerRoman" | "upperRoman":
            small = roman(number)
            return small if form == "lowerRoman" else small.upper()
        case "decimalZero":
            return f"{number:02d}"
        case _:
            return str(number)


def roman(number: int) -> str:
    """In small letters."""
    found = ""
    for value, letters in (*_ROMAN, *_ROMAN_SMALL):
        while number >= value:
            found, number = found + letters, number - value
    return found


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdigit() and len(text) < 7 else 0
