"""Answers a question that brings its own figures: the sum, its working, and what the record computes it again with.

Invariant: what is said is the question's own figures and what they come to; nothing is said of a thing that they belong to.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from retrieval.evidence.look_up.compute import CannotCompute
from retrieval.evidence.sums import forms, interest, stories
from retrieval.evidence.sums.arithmetic import Node, Quantity, said, shown, spelt, unit_of, value_of
from retrieval.evidence.sums.dates import Days
from retrieval.evidence.sums.forms import Asked
from retrieval.evidence.sums.numerals import Habit, rounded, with_unit
from retrieval.evidence.sums.vocabulary import Words, vocabulary

_LONGEST = 300
_QUOTES = str.maketrans({**dict.fromkeys("‘’`´", "'"), **dict.fromkeys("\u00a0\u202f\t\n\r", " ")})
_WORDLESS = re.compile(r"(?:[\W\d_]|(?<=[\d\s)])x(?=[\d\s(]))+")
_CENTS = 2
_LARGEST = Decimal(10) ** 30


@dataclass(frozen=True)
class Computed:
    """text: the answer. plan: the sum in one line. computation, figures: for `recomputation.computed_again`."""

    text: str
    plan: str
    computation: Mapping[str, Any]
    figures: Sequence[Mapping[str, Any]]


def own_sum(question: str, language: str = "en") -> Computed | None:
    """What a sum of the caller's own figures comes to, or None where a question is not wholly understood as one.

    language: ISO 639-1, of a question that has no words; its own words tell the language otherwise.
    """
    text = unicodedata.normalize("NFC", question).translate(_QUOTES).lower()
    text = re.sub(r" {2,}", " ", text).strip(" ?!.¿¡")
    if len(text) > _LONGEST or len(re.findall(r"\w+", text)) < 2:
        return None
    known = vocabulary()
    wordless = _WORDLESS.fullmatch(text) is not None
    order = dict.fromkeys([language, *known] if language in known else known)
    for name in list(order)[:1] if wordless else order:
        if any(each.isdigit() for each in text) or known[name].numbered.search(text):
            found = _computed(text, known[name], Habit.of(text, name, words=not wordless))
            if found is not None:
                return found
    return None


def _computed(text: str, words: Words, habit: Habit) -> Computed | None:
    try:
        found = forms.read(text, words, habit) or interest.read(text, words, habit) or stories.read(text, words, habit)
        return _told(found, words, habit) if found is not None else None
    except CannotCompute:
        return None


def own_values(computation: Mapping[str, Any], *, percent: bool) -> list[Decimal]:
    """What a recorded sum comes to, as it is said. percent: whether results count hundredths. Raises CannotCompute, and what
    a damaged record raises."""
    if "days" in computation:
        first, last = map(date.fromisoformat, computation["days"])
        return [Decimal((last - first).days)]
    values = []
    for one in computation["sums"]:
        value, places = value_of(str(one["sum"])) * (100 if percent else 1), one["places"]
        values.append(value if places is None else rounded(value, int(places)))
    return values


def _told(found: Asked | Days, words: Words, habit: Habit) -> Computed:
    if isinstance(found, Days):
        return _days(found, words)
    lines: list[str] = []
    sums: list[Mapping[str, Any]] = []
    figures: list[Mapping[str, Any]] = []
    for node in (found.node, *found.others):
        unit = unit_of(node) if found.unit is None else found.unit
        spelling = spelt(node)
        near, exact = _near(value_of(spelling) * (100 if unit == "%" else 1), unit, found.places)
        lines.append(_line(node, near, unit, words, habit, exact=exact))
        sums.append({"sum": spelling, "places": None if exact else -int(near.as_tuple().exponent)})
        kind = "percent" if unit == "%" else "amount" if _is_money(unit) else "number"
        figures.append(_figure(near, kind, unit if _is_money(unit) else ""))
    text = "\n\n".join(["\n".join(lines), *(words.said[note] for note in found.notes)])
    return Computed(text, f"own_sum({'; '.join(one['sum'] for one in sums)})", {"sums": sums}, figures)


def _near(value: Decimal, unit: str, places: int | None) -> tuple[Decimal, bool]:
    """A value as it is said, money with its cents, and whether that is all of it. Raises CannotCompute."""
    if abs(value) > _LARGEST:
        raise CannotCompute("the result is too large to be read")
    near, exact = said(value, places)
    if _is_money(unit) and not exact:
        near = rounded(value, _CENTS)
    if (_is_money(unit) or places) and near % 1 and -int(near.as_tuple().exponent) < _CENTS:
        near = rounded(near, _CENTS)
    return near, exact


def _is_money(unit: str) -> bool:
    return len(unit) == 3 and unit.isupper()


def _line(node: Node, near: Decimal, unit: str, words: Words, habit: Habit, *, exact: bool) -> str:
    def number(one: Quantity) -> str:
        return with_unit(habit.write(one.value, words.language), one.unit, words.language)

    result = with_unit(habit.write(near, words.language), unit, words.language)
    return f"{shown(node, number)} {'=' if exact else '≈'} {result}"


def _days(found: Days, words: Words) -> Computed:
    first, last = (_date(one, words, dated=found.dated) for one in (found.first, found.last))
    text = words.said["days"].format(first=first, last=last, days=found.count)
    days = [found.first.isoformat(), found.last.isoformat()]
    return Computed(text, f"own_days({', '.join(days)})", {"days": days}, [_figure(Decimal(found.count), "days", "")])


def _date(one: date, words: Words, *, dated: bool) -> str:
    month = next(name for name, number in words.months.items() if number == one.month)
    told = words.said["date" if dated else "day"]
    return told.format(day=one.day, month=month.capitalize() if words.said["months"] == "large" else month, year=one.year)


def _figure(value: Decimal, unit: str, currency: str) -> Mapping[str, Any]:
    return {"value": f"{value:f}", "unit": unit, "scale": 0, "currency": currency, "period": "", "cells": []}
