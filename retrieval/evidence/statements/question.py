"""A question about a company's statements, read: which measure, of which years, in what form.

Invariant: every word of the question is either spoken for (measure, company, period, operation, instruction) or listed in
`left_over`; a word that nothing accounts for ("adjusted", "in Brazil") is never dropped silently.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

from retrieval.evidence.statements.core import Core, left_over
from retrieval.evidence.statements.vocabulary import manner_words as manner
from retrieval.evidence.statements.vocabulary import ratios
from retrieval.evidence.statements.vocabulary.formulas import Item, Joined, Known, Labelled, Node, read_formula
from retrieval.evidence.statements.vocabulary.instructions import Instructed
from retrieval.evidence.statements.vocabulary.ratios import RATIOS, Form
from retrieval.evidence.statements.vocabulary.rephrasings import rephrased
from retrieval.evidence.statements.vocabulary.terms import BY_NAME, TERMS, plain, spoken
from retrieval.graph.reading.periods import find_periods

How = Literal["value", "compare", "change", "average", "cagr"]
Verdict = Literal["", "better", "up", "down", "positive", "negative", "sound", "steady"]


@dataclass(frozen=True)
class Measure:
    """`stated`: by a formula of the question itself. settled: every school computes it so."""

    name: str
    node: Node
    form: Form
    better: Literal["higher", "lower", ""] = "higher"
    settled: bool = True
    stated: bool = False
    start: int = 0
    stop: int = 0


@dataclass(frozen=True)
class Asked:
    """`verdict`: what a yes or no is asked about; either: "improved or declined?". years: as named, a range spread out.
    limit: the per cent by which a steady measure may move."""

    measure: Measure
    how: How
    verdict: Verdict
    either: bool
    years: tuple[int, ...]
    since: bool
    quarter: int | None
    left_over: tuple[str, ...]
    wanted: Instructed
    why: bool = False
    limit: int | None = None


def read(core: Core, labels: Collection[str] = ()) -> Asked | None:
    """What the question asks of statements, or None where it names no measure that they hold.

    labels: the rows of the company's statements, made plain: what the question names as they write it is a measure too.
    """
    text = rephrased(core.text)
    measure = _measure(text, core.wanted, labels)
    if measure is None:
        return None
    rest = f"{text[: measure.start]} ; {text[measure.stop :]}"
    how, verdict, either, why = _manner(text, rest, measure, core.wanted, core.years)
    spoken_for = (manner.STEADY_WORDS, *manner.SPOKEN_FOR) if verdict == "steady" else manner.SPOKEN_FOR
    limit = manner.LIMIT.search(text)
    return Asked(
        measure,
        how,
        verdict,
        either,
        core.years,
        core.since,
        core.quarter,
        left_over(rest, spoken_for),
        core.wanted,
        why,
        int(limit.group("percent")) if limit else None,
    )


def _known(wanted: Instructed) -> Known:
    """What names stand for: the question's own definitions first, then the table of ratios."""
    own = {plain(_without_years(name)): formula for name, formula in wanted.definitions if name}

    def look_up(text: str) -> Node | None:
        for name, formula in own.items():
            if name == text or text == name.removeprefix("the "):
                return read_formula(formula, ratios.defined)
        return ratios.defined(text)

    return look_up


def _without_years(text: str) -> str:
    for one in find_periods(text):
        text = text.replace(one.text, " ")
    return re.sub(r"\([^()]*\)", " ", text)


def _measure(core: str, wanted: Instructed, labels: Collection[str]) -> Measure | None:
    """The measure that the core names, composed where it joins two; with the stretch of the core that it takes."""
    known = _known(wanted)
    found = _named_in(core, wanted, known, labels)
    if not found:
        return None
    first = found[0]
    for following in found[1:]:
        joint = _TIMELESS.sub("", core[first.stop : following.start].strip()).strip()
        before = core[: first.start].strip()
        sign = _joint(joint, before, core[following.stop :])
        if sign is None:
            break
        op, form = sign
        if form == "percent" and _SPENT_ON.fullmatch(joint):
            first, following = replace(following, start=first.start), replace(first, stop=following.stop)
        if form == "amount" and first.form != following.form:
            break
        name = f"{first.name} {_SPOKEN[op] if form == 'amount' else 'to'} {following.name}"
        node = Joined(op, first.node, following.node)
        settled = first.settled and following.settled
        first = Measure(name, node, form, "", settled, first.stated or following.stated, first.start, following.stop)
    after = re.match(r"^\s*(?:percent )?margins?\b(?: percent)?", core[first.stop :])
    if after and first.form == "amount":
        node = Joined("/", first.node, Item(BY_NAME["revenue"]))
        first = Measure(
            f"{first.name} margin",
            node,
            "percent",
            "higher",
            first.settled,
            first.stated,
            first.start,
            first.stop + after.end(),
        )
    roles = next((formula for name, formula in wanted.definitions if not name), None)
    if roles is not None:
        own = read_formula(roles, ratios.defined)
        if own is None:
            return None
        over: Form = first.form if first.form != "amount" else "times"
        first = Measure(first.name, own, over, first.better, True, True, first.start, first.stop)
    return first


_TIMELESS = re.compile(r"^(?:in|during|for|at)(?= (?:went|goes|was|were|is|are|did|came|comes|thecompany)\b)")
_SPENT_ON = re.compile(
    r"(?:(?:was|were|is|are|did|does|has|thecompany|been|it) )*(?:spent on|spend on|spends on|went to|go to"
    r"|paid as|used for|invested in"
    r"|consumed by|represented by|accounted for by|made up by|made up of|came from|come from|comes from)(?: the|"
    r" its)?"
)
_SPOKEN = {"-": "less", "+": "plus", "/": "to", "*": "times"}


def _joint(joint: str, before: str, after: str) -> tuple[Literal["+", "-", "/"], Form] | None:
    if re.fullmatch(r"less|minus|net of|reduced by", joint):
        return "-", "amount"
    if joint == "plus":
        return "+", "amount"
    if re.fullmatch(
        r"as an? (?:percent|percentage|share|proportion|fraction) of(?: the| its| total)?|as percent of|percent"
        r" of",
        joint,
    ):
        return "/", "percent"
    if re.search(
        r"\b(?:percent|percentage|share|proportion|fraction) of(?: the| total| thecompany)*$", before
    ) and _SPENT_ON.fullmatch(joint):
        return "/", "percent"
    ratio = after.strip().startswith("ratio") or re.search(r"\bratio of(?: the| thecompany)*$", before)
    if re.fullmatch(r"divided by|over|relative to", joint) or (joint == "to" and ratio):
        return "/", "times"
    return None


def _named_in(core: str, wanted: Instructed, known: Known, labels: Collection[str]) -> list[Measure]:
    """Every measure that the core names, the longest of those that overlap, in their order."""
    found: list[Measure] = []
    for name, _ in wanted.definitions:
        own = plain(_without_years(name)).removeprefix("the ")
        if not own:
            continue
        ratio = ratios.ratio_of(own)
        spans = [(m.start(), m.end()) for m in re.finditer(rf"\b{re.escape(own)}\b", core)]
        spans = [(_begin(core, start, own), stop) for start, stop in spans]
        spans += [(m.start(), m.end()) for m in ratios.spoken(ratio).finditer(core)] if ratio else []
        node = known(own)
        if spans and node is None:
            return []  # the question's own formula is not understood: nothing is put in its place
        for start, stop in spans:
            assert node is not None
            form: Form = ratio.form if ratio else _form_of(node)
            title = ratio.name if ratio else core[start:stop]
            found.append(Measure(title, node, form, ratio.better if ratio else "", True, True, start, stop))
    for ratio in RATIOS:
        for match in ratios.spoken(ratio).finditer(core):
            found.append(
                Measure(
                    ratio.name,
                    ratios.tree(ratio),
                    ratio.form,
                    ratio.better,
                    ratio.settled,
                    False,
                    match.start(),
                    match.end(),
                )
            )
    for term in TERMS:
        for match in spoken(term).finditer(core):
            better: Literal["higher", "lower", ""] = "lower" if term.spent else "higher"
            found.append(Measure(term.name, Item(term), "amount", better, True, False, match.start(), match.end()))
    for label in labels:
        at = f" {core} ".find(f" {label} ")
        if at >= 0 and len(label) > 3 and not _TOO_BARE.fullmatch(label):
            further = re.match(r" (?:expenses?|costs?)\b", core[at + len(label) :])
            stop = at + len(label) + (further.end() if further else 0)
            found.append(Measure(label, Labelled(label, wanted.kinds), "amount", "", True, False, at, stop))
    kept: list[Measure] = []
    for one in sorted(found, key=lambda m: (not m.stated, -(m.stop - m.start), m.start, isinstance(m.node, Labelled))):
        if all(one.stop <= other.start or other.stop <= one.start for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda m: m.start)


_TOO_BARE = re.compile(
    r"(?:total|other|others|net|basic|diluted|services?|products?|deposits|loans|common|issued|authorized|assets"
    r"|year|end|change)(?: net)?"
)


def _begin(core: str, start: int, short: str) -> int:
    """Where the words begin that a short form stands after: 'days payable outstanding dpo'."""
    before = core[:start].split()
    if short.isalpha() and len(short) > 1 and len(before) >= len(short):
        words = before[-len(short) :]
        if "".join(word[0] for word in words) == short:
            return core.rindex(" ".join(words), 0, start)
    return start


def _form_of(node: Node) -> Form:
    return "times" if isinstance(node, Joined) and node.sign == "/" else "amount"


def _manner(
    core: str, rest: str, measure: Measure, wanted: Instructed, years: tuple[int, ...]
) -> tuple[How, Verdict, bool, bool]:
    why = bool(manner.WHY.search(core))
    if manner.CAGR.search(rest):
        return "cagr", "", False, why
    if manner.AVERAGE.search(rest):
        return "average", "", False, why
    up, down, better = (bool(pattern.search(rest)) for pattern in (manner.UP, manner.DOWN, manner.BETTER))
    moves = up or down or better
    if manner.YES_NO.match(core) and manner.STEADY.search(core):
        return "value", "steady", False, why
    if manner.YES_NO.match(core):
        either = bool(re.search(r"\bor\b", rest)) and down and (up or better)
        if sign := manner.SIGN.search(rest):
            return "value", "positive" if sign.group("positive") else "negative", False, why
        if moves:
            return "compare", "better" if better else "up" if up else "down", either, why
        if manner.SOUND.search(rest) or measure.name == "capital intensity":
            return "value", "sound", False, why
    if moves or manner.COMPARES.search(rest):
        percentage = bool(manner.PERCENTAGE.search(rest)) or wanted.percent
        if measure.form == "amount" and percentage and (moves or re.search(r"\bchang", rest)):
            return "change", "", False, why
        if moves or re.search(
            r"\b(?:compar(?:e|es|ed|ing|ison)|versus|vs|chang\w+|differ\w*|year over year"
            r"|yoy)\b",
            rest,
        ):
            return "compare", "", False, why
    return ("compare" if len(years) == 2 and measure.form != "amount" else "value"), "", False, why
