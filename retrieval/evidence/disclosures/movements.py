"""Why a figure moved, and which way, as management says it: "SG&A expenses decreased to 23.5% …, due to lower marketing".

A movement is a sentence with a subject, a verb of moving and mostly a cause. Invariant: it answers only for its own subject,
year and direction; a sentence about a part ("BCA revenues") never answers for the whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from retrieval.evidence.disclosures.subjects import subject
from retrieval.evidence.disclosures.told import Told
from retrieval.evidence.statements.companies import Bound
from retrieval.evidence.statements.core import Core
from retrieval.evidence.statements.fiscal import called, names_years_before
from retrieval.evidence.statements.values import Books, NoMeaning, NoValue
from retrieval.evidence.statements.vocabulary.formulas import Item, Joined, Node
from retrieval.evidence.statements.vocabulary.terms import BY_NAME
from retrieval.graph.document import DocumentGraph, Sentence
from retrieval.graph.view import GraphView

_UP = r"increas\w*|rose|risen|rise|grew|grow\w*|higher|expan\w+|improv\w+|up"
_DOWN = r"decreas\w*|declin\w*|fell|fall\w*|lower|reduc\w+|drop\w*|shrank|contract(?:ed|ion)|down"
_MOVES = re.compile(
    r"\b(?:(?P<up>(?:increased|rose|grew|improved|expanded)|(?:was|were) (?:\S+ )?(?:higher|up))"
    r"|(?P<down>(?:decreased"
    r"|declined|fell|dropped|contracted)|(?:was|were) (?:\S+ )?(?:lower|down))|totall?ed|(?:was|were)\b)",
    re.I,
)
_THE_CHANGE = re.compile(
    r"^The (?:[$\d.,%]+ ?(?:million|billion|percent|basis points?)? )?(?:net |overall |year-over-year"
    r" )?(?:(?P<up>increased?|growth"
    r"|improvement|rise)|(?P<down>decreased?|decline|reduction)|change)(?: (?:in|of) (?P<of>.+?))?(?= (?:was"
    r"|were|is|reflects?"
    r"|resulted|during|in 20|for|compared|from)\b)",
)
_CAUSE = re.compile(
    r"\b(?:due to|driven by|mainly from|primarily from|a result of|reflect(?:s|ing|ed)|as a result of|result(?:s"
    r"|ing|ed) (?:primarily |mainly )?from"
    r"|attributable to"
    r"|because of|caused by|led by|on account of)\b",
    re.I,
)
_GOES_ON = re.compile(r"^(?:Excluding|The (?:increase|decrease|change|improvement|decline)|This|These)\b")
_LEVERAGE = re.compile(
    r"\b(?P<de>de)?leverage (?:of|in|from|on) (?P<what>[^,;.]+?)(?=,| and (?:de)?leverage|;"
    r"|\.$|$)",
    re.I,
)
_ASKS_WHY = re.compile(
    r"^(?:what (?:\w+ ){0,2}?(?:drove|caused|led to|explains?|explained|contributed to|were behind|was behind|drives)"
    r"|what (?:is|are|was|were) the (?:\w+ )?(?:reasons?|drivers?|causes?|factors?)|why\b|what factors)\b"
)
_ASKS_WAY = re.compile(
    r"\b(?:increase|rise|go up|grow|improve)\w* or (?:decrease|decline|fall|go down|drop"
    r"|worsen)\w*\b"
)
_ASIDES = re.compile(r"\b(?:why|what|which|drove|caused|led|to|did|does|do|has|have|go|gone|or|at|the)\b")
_OF_A_QUARTER = re.compile(
    r"(?<!end of )(?<!end of the )\b(?:first|second|third|fourth) quarter\b|\bthree months\b|\bquarter\b", re.I
)
_END_OF_QUARTER = re.compile(
    r"\b(?:at )?(?:the )?end of (?:the )?(?:\w+ )?quarter\b(?: of (?:fiscal )?(?:19|20)\d\d)?", re.I
)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_AGAINST = re.compile(
    r"\b(?:compared (?:to|with)|versus|vs\.?|from|over|against|than|since)\b(?:[^.;]"
    r"|\.\d){0,60}$",
    re.I,
)


_FIGURE = re.compile(r"(?<![\d.,])(\d[\d,]*(?:\.\d+)?)\s?(%|percent\b|thousand\b|million\b|billion\b)", re.I)


@dataclass(frozen=True)
class Movement:
    """`about`: the names of its subject. way: "up", "down" or "". year: its own, as it is called there; None where it names
    none."""

    sentences: tuple[Sentence, ...]
    about: frozenset[str]
    way: str
    year: int | None
    reasoned: bool


def find_movement(core: Core, view: GraphView, company: Bound) -> Told | None:
    """What management says to "what drove …" or "did … increase or decrease"; None where nothing speaks of just that."""
    why, way = bool(_ASKS_WHY.search(core.text)), bool(_ASKS_WAY.search(core.text))
    if (not why and not way) or core.quarter:
        return None
    asked = subject(_ASIDES.sub(" ", core.text))
    if not asked:
        return None
    found = [one for place in company.documents for one in _in_document(core, asked, why, place, view.documents[place])]
    return max(found, key=lambda one: one.chance, default=None)


def _in_document(core: Core, asked: frozenset[str], why: bool, place: int, graph: DocumentGraph) -> Iterator[Told]:
    latest = max((when.year for one in graph.statements for when in one.whens()), default=None)
    if latest is None:
        return
    year = called(graph, max(core.years)) if core.years else called(graph, latest)
    wanted = _way(core.text) if why else ""
    levels = _levels(asked, place, graph, max(core.years) if core.years else None)
    for number, one in enumerate(_of(graph.sentences, asked, why)):
        if one.year is None and year != called(graph, latest):
            continue
        if one.year not in (None, year) or (wanted and one.way and one.way != wanted):
            continue
        agrees = _agrees(one, levels)
        if agrees is False:
            continue
        chance = 0.9 if agrees else 0.82 * (1.0 if one.year else 0.92)
        lead = "" if why else {"up": "Increased.", "down": "Decreased."}.get(one.way, "")
        if not why and not lead:
            continue
        plan = f"{'reason' if why else 'direction'}({', '.join(sorted(asked))}, {year})"
        yield Told(place, one.sentences, plan, chance - 0.001 * number, lead)
    if not why and "%" in asked:
        yield from _leveraged(asked, year, place, graph)


def _levels(asked: frozenset[str], place: int, graph: DocumentGraph, year: int | None) -> tuple[Decimal, Decimal] | None:
    """What the statements show for the subject, in that year and the one before; of a share the shares."""
    terms = sorted(name[2:] for name in asked if name.startswith("t:"))
    shares = "%" in asked and len(terms) == 2 and "revenue" in terms
    if any(not name.startswith("t:") and name != "%" for name in asked) or not (
        shares or (len(terms) == 1 and "%" not in asked)
    ):
        return None
    part = next(name for name in terms if name != "revenue" or not shares)
    node: Node = Item(BY_NAME[part])
    if shares:
        node = Joined("/", node, Item(BY_NAME["revenue"]))
    books = Books(place, graph, 12, names_years_before(graph, (year,) if year else ()))
    shown = books.years()
    latest = year or (shown[0] if shown else None)
    if latest is None:
        return None
    try:
        now, before = (abs(books.value(node, one).amount) for one in (latest, latest - 1))
    except (NoValue, NoMeaning):
        return None
    return (now * 100, before * 100) if shares else (now, before)


def _agrees(one: Movement, levels: tuple[Decimal, Decimal] | None) -> bool | None:
    """Whether the sentence's own figures are the statements'; None where it has none, or they have none.

    A segment's "revenues increased by $94 million" reads like the company's: its figures tell that it is not."""
    if levels is None:
        return None
    now, before = levels
    if one.way and now != before and (one.way == "up") != (now > before):
        return False
    text = " ".join(sentence.text for sentence in one.sentences)
    cause = _CAUSE.search(text)
    head = text[: cause.start()] if cause else text
    figures = [(Decimal(number.replace(",", "")), unit.lower()) for number, unit in _FIGURE.findall(head)]
    if not figures:
        return None
    scales = {"thousand": 3, "million": 6, "billion": 9}
    for value, unit in figures[:4]:
        slack = Decimal(1).scaleb(int(value.as_tuple().exponent)) * Decimal("0.6")
        if unit in scales:
            full, loose = value.scaleb(scales[unit]), slack.scaleb(scales[unit])
            if abs(full - now) <= loose or abs(full - abs(now - before)) <= loose:
                return True
        elif abs(value - now) <= slack or (before and abs(value - abs(now - before) / before * 100) <= slack):
            return True
    return False


def _of(sentences: Sequence[Sentence], asked: frozenset[str], reasoned: bool) -> Iterator[Movement]:
    """The movements of just this subject, in the document's order."""
    before: Sentence | None = None
    bare: Movement | None = None  # said the sentence before, without its reason
    for one in sentences:
        movement = read_movement(one, before)
        before = one
        other = movement is None or movement.about != asked
        if bare is not None and reasoned and other and _gives_reason(one, bare.sentences[-1]):
            yield Movement((*bare.sentences, one), bare.about, bare.way, bare.year, True)
        bare = movement if movement is not None and movement.about == asked and not movement.reasoned else None
        if movement is not None and movement.about == asked and (movement.reasoned or not reasoned):
            yield movement


def _gives_reason(sentence: Sentence, before: Sentence) -> bool:
    """Whether a sentence goes on with the reason for what the one before it says."""
    return (
        sentence.paragraph == before.paragraph
        and bool(_GOES_ON.match(sentence.text))
        and bool(_CAUSE.search(sentence.text))
        and len(sentence.text) < 500
    )


def read_movement(sentence: Sentence, before: Sentence | None) -> Movement | None:
    """A sentence as a movement; with the one before it where it says only "The increase was due to …"."""
    text = _END_OF_QUARTER.sub("year end", sentence.text)
    if len(text) > 900 or _OF_A_QUARTER.search(text):
        return None
    cause = _CAUSE.search(text)
    head = text[: cause.start()] if cause else text
    change = _THE_CHANGE.match(text)
    if change is not None:
        way = "up" if change.group("up") else "down" if change.group("down") else ""
        if change.group("of"):
            return Movement((sentence,), subject(change.group("of")), way, own_year(head), bool(cause))
        if before is None or before.paragraph != sentence.paragraph:
            return None
        said = _END_OF_QUARTER.sub("year end", before.text)
        moved = _MOVES.search(said)
        if moved is None or _OF_A_QUARTER.search(said):
            return None
        year = own_year(head) or own_year(said)
        return Movement((before, sentence), subject(_without_time(said[: moved.start()])), way, year, bool(cause))
    moved = _MOVES.search(head)
    if moved is None:
        return None
    way = "up" if moved.group("up") else "down" if moved.group("down") else ""
    after = re.match(
        r"[^,;]*?\b(?:as a percent(?:age)? of [\w ]+?)(?=\s(?:increased|decreased|was|were|in|to"
        r"|by)\b)",
        head[moved.end() :],
    )
    about = subject(_without_time(head[: moved.start()]) + (after.group() if after and not way else ""))
    return Movement((sentence,), about, way, own_year(head), bool(cause)) if way or cause else None


def own_year(text: str) -> int | None:
    """The year that a sentence is about: the first that it is not compared with; of one that it is compared with, the
    next."""
    years = list(_YEAR.finditer(text))
    own = next((found for found in years if not _AGAINST.search(text[: found.start()])), None)
    if own is not None:
        return int(own.group())
    return int(years[0].group()) + 1 if years and _AGAINST.search(text[: years[0].start()]) else None


def _without_time(text: str) -> str:
    return re.sub(
        r"\b(?:in|during|for|at|as of) (?:the )?(?:fiscal |year |end of |full )*(?:(?:19|20)\d\d|year end)\b",
        " ",
        text,
        flags=re.I,
    )


def _way(text: str) -> str:
    up, down = re.search(rf"\b(?:{_UP})\b", text), re.search(rf"\b(?:{_DOWN})\b", text)
    return "up" if up and not down else "down" if down and not up else ""


def _leveraged(asked: frozenset[str], year: int, place: int, graph: DocumentGraph) -> Iterator[Told]:
    """Deleverage of a cost: it grew as a share of sales; leverage: it shrank."""
    what = asked - {"%", "t:revenue"}
    for sentence in graph.sentences if what else ():
        if _OF_A_QUARTER.search(sentence.text) or own_year(sentence.text) != year:
            continue
        for found in _LEVERAGE.finditer(sentence.text):
            if what <= subject(found.group("what")):
                lead = "Increased." if found.group("de") else "Decreased."
                yield Told(place, (sentence,), f"direction({', '.join(sorted(asked))}, {year})", 0.72, lead)
