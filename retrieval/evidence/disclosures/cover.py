"""Securities that a company has registered, as the cover page of its report lists them under Section 12(b).

Invariant: "none" is said only where the list was found, and it names the classes that are on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from retrieval.evidence.disclosures.told import Told
from retrieval.evidence.statements.companies import Bound
from retrieval.evidence.statements.core import Core, left_over
from retrieval.graph.document import DocumentGraph, Sentence
from retrieval.graph.view import GraphView

_COVER = 3  # pages
_ASKS = re.compile(
    r"\b(?P<debt>debt securities|debt instruments|notes|bonds|debentures)\b.*\b(?:registered|listed|traded?)\b"
    r"|\b(?:registered|listed)\b.*\b(?P<also>debt securities|debt instruments|notes|bonds|debentures)\b"
)
_PLACE = re.compile(r"\b(?:exchange|registered|listed|nyse|nasdaq|12 b)\b")
_HABIT = re.compile(
    r"\b(?:debt|securities|instruments|notes|bonds|debentures|registered|listed|trad\w+|national|exchanges?"
    r"|stock|under|name"
    r"|nyse|nasdaq|section|12 ?b|market|currently|outstanding|are|have)\b"
)
_EXCHANGE = (
    r"(?:(?:The )?New York Stock Exchange|NYSE(?: (?:American|Arca))?|(?:The )?(?:Nasdaq"
    r"|NASDAQ)\b[\w ]*?(?:Market|LLC)?"
    r"|Chicago Stock Exchange(?:, Inc\.)?|[A-Z]\w+ Stock Exchange)"
)
_LISTED = re.compile(rf"(?P<title>[^|]+?)\s+(?:{_EXCHANGE})(?:,? (?:Inc|LLC)\.?)?")
_DEBT = re.compile(r"\b(?:notes?|debentures?|bonds?|medium-term)\b|\d% .*\bdue\b", re.I)
_SYMBOL = re.compile(r"\s+[A-Z]{1,5}(?:[ ./-]?[A-Z]{0,3}\d{0,2}[A-Z]?)?(?:/\d{2,4}[A-Z]?)?\s*$")
_HEADS = re.compile(
    r".*?\b(?:on which (?:each is )?registered|Trading symbols?(?:\(s\))?|Title of each class)\b[:\s)]*", re.I
)


def find_registered(core: Core, view: GraphView, company: Bound) -> Told | None:
    """'Which debt securities are registered to trade on an exchange?': those of the latest cover page that lists any."""
    if not _ASKS.search(core.text) or not _PLACE.search(core.text):
        return None
    doubt = (1.0, 0.6, 0.3)[min(2, len(left_over(core.text, (_HABIT,))))]
    found = []
    for place in company.documents:
        graph = view.documents[place]
        years = [when.year for one in graph.statements for when in one.whens()]
        if core.years and years and max(core.years) != max(years):
            continue
        listed = list(_listed(graph))
        if listed:
            found.append(_told(place, listed, max(years, default=0), 0.8 * doubt))
    return max(found, key=lambda one: one.chance, default=None)


def _told(place: int, listed: list[Sentence], year: int, chance: float) -> Told:
    debt = [one for one in listed if _DEBT.search(one.text)]
    plan = f"list(debt securities registered under Section 12(b), {year})"
    if debt:
        return Told(place, tuple(debt), plan, chance, "", "Debt securities registered under Section 12(b)")
    lead = "None: no debt securities are registered under Section 12(b), only"
    return Told(place, tuple(listed), plan, chance, lead, "Classes of securities registered under Section 12(b)")


def _listed(graph: DocumentGraph) -> Iterator[Sentence]:
    """The classes on the cover page, each as the page writes it, without its symbol and exchange."""
    seen: set[str] = set()
    for text, section, page in (*_rows(graph), *_running(graph)):
        for found in _LISTED.finditer(text):
            title = found.group("title")
            while (bare := _HEADS.sub("", title, count=1)) != title:
                title = bare
            title = _SYMBOL.sub("", " ".join(title.split())).strip(" .,;–-").lstrip(")")
            if len(title) > 8 and title.lower() not in seen and re.search(r"[a-z]{3}", title):
                seen.add(title.lower())
                yield Sentence(-1, title, section, page)


def _rows(graph: DocumentGraph) -> Iterator[tuple[str, tuple[str, ...], int | None]]:
    for table in graph.tables:
        if table.page is not None and table.page <= _COVER:
            for row in table.rows:
                cells = [cell.text for cell in row.cells]
                if any(re.search(_EXCHANGE, cell) for cell in cells):
                    yield " ".join([row.label, *cells]), table.section, table.page


def _running(graph: DocumentGraph) -> Iterator[tuple[str, tuple[str, ...], int | None]]:
    """The running text between "Section 12(b)" and "Section 12(g)"."""
    open_ = False
    parts: list[str] = []
    section: tuple[str, ...] = ()
    page: int | None = None
    for one in graph.sentences:
        if one.page is not None and one.page > _COVER:
            break
        text = one.text
        begun = re.search(r"12\(b\)(?: of the (?:Securities Exchange )?Act(?: of 1934)?)?:?", text)
        if not begun and not open_ and any("12(b)" in part for part in one.section[-1:]):
            open_, section, page = True, one.section, one.page  # the line of the form is its heading
        if begun and not open_:
            open_, text, section, page = True, text[begun.end() :], one.section, one.page
        if open_ and any("12(g)" in part for part in one.section[-1:]):
            break
        if open_:
            ended = re.search(r"Securities registered pursuant to [Ss]ection 12\(g\)|Indicate by check mark", text)
            parts.append(text[: ended.start()] if ended else text)
            if ended:
                break
    if open_:
        yield " ".join(parts), section, page
