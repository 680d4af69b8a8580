"""Running heads and feet: lines that stand at one place of most pages and say the same, but for a number that counts the
pages.

Invariant: a line whose figures differ from page to page in any other way is content (a balance, a price), and stays.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from retrieval.documents.pdf.lines import TypedLine

_PAGE_NUMBER = re.compile(
    r"^(?:[-–—]\s*)?(?:page\s+|p\.\s*|seite\s+)?(\d{1,4})(?:\s*(?:of|/|von|sur|de)\s*\d{1,4})?(?:\s*[-–—])?$", re.I
)
_ROMAN = re.compile(r"^[ivxlc]{1,6}$", re.I)
_EDGE = 2  # lines at the top and at the foot that may be running
_APART = 8.0  # points; lines nearer to each other stand at one place


def without_running(pages: Sequence[list[TypedLine]]) -> tuple[list[list[TypedLine]], frozenset[str]]:
    """The pages without running lines and page numbers, and the texts that were taken out."""
    running = _running(pages)
    offsets = _page_offsets(pages)
    kept: list[list[TypedLine]] = []
    gone: set[str] = set()
    for number, lines in enumerate(pages, 1):
        edge = _edge(lines)
        rest = []
        for index, line in enumerate(lines):
            if index in edge and (_counts_pages(line.text, number, offsets) or id(line) in running):
                gone.add(line.text)
            else:
                rest.append(line)
        kept.append(rest)
    return kept, frozenset(gone)


def _edge(lines: list[TypedLine]) -> frozenset[int]:
    return frozenset(at for at in (*range(_EDGE), *range(len(lines) - _EDGE, len(lines))) if 0 <= at < len(lines))


def _page_offsets(pages: Sequence[list[TypedLine]]) -> frozenset[int]:
    """By how much the printed numbers are off the pages' own: what at least two pages share, or none at all."""
    seen: Counter[int] = Counter()
    for number, lines in enumerate(pages, 1):
        seen.update({int(found.group(1)) - number for at in _edge(lines) if (found := _PAGE_NUMBER.match(lines[at].text))})
    return frozenset({0} | {offset for offset, count in seen.items() if count > 1})


def _counts_pages(text: str, page: int, offsets: frozenset[int]) -> bool:
    found = _PAGE_NUMBER.match(text)
    return int(found.group(1)) - page in offsets if found else bool(_ROMAN.match(text))


def _running(pages: Sequence[list[TypedLine]]) -> frozenset[int]:
    """The running lines, by identity."""
    if len(pages) < 4:
        return frozenset()
    alike: dict[str, list[tuple[int, TypedLine]]] = defaultdict(list)
    for number, lines in enumerate(pages, 1):
        for at in _edge(lines):
            alike[re.sub(r"\d+", "0", lines[at].text)].append((number, lines[at]))
    found: set[int] = set()
    least = max(3.0, 0.4 * len(pages))
    for group in alike.values():
        if len({number for number, _ in group}) <= least:
            continue
        for place in _places(group):
            if len({number for number, _ in place}) > least and _same_but_page_number(place):
                found.update(id(line) for _, line in place)
    return frozenset(found)


def _places(group: list[tuple[int, TypedLine]]) -> list[list[tuple[int, TypedLine]]]:
    """The lines parted by where they stand, from the top down."""
    places: list[list[tuple[int, TypedLine]]] = []
    for one in sorted(group, key=lambda one: -one[1].base):
        if not places or places[-1][-1][1].base - one[1].base > _APART:
            places.append([])
        places[-1].append(one)
    return places


def _same_but_page_number(place: list[tuple[int, TypedLine]]) -> bool:
    """Whether every figure that differs between the lines goes up with the pages."""
    figures = [(number, [int(one) for one in re.findall(r"\d+", line.text)]) for number, line in place]
    for column in zip(*(values for _, values in figures), strict=False):
        if len(set(column)) == 1:
            continue
        offsets = Counter(value - number for value, (number, _) in zip(column, figures, strict=True))
        if offsets.most_common(1)[0][1] < 0.7 * len(column):
            return False
    return True
