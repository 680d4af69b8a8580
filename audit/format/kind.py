"""What a kind of event is: its name, whose it is, and the fields that its body and labels hold.

Invariant: a kind only describes. What does not fit is named by `misfits`; whether that refuses an event is for whoever
appends it, and what is stored stays readable whether or not anybody still knows its kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from audit.errors import EventRefused

MAX_NAME = 256


class Whose(StrEnum):
    """query: a step of one query, or said about one for the person who asked it; house: of the firm itself, sealed for it
    and never erased; access: of somebody who looked into the log."""

    QUERY = "query"
    HOUSE = "house"
    ACCESS = "access"


@dataclass(frozen=True, slots=True)
class FieldType:
    """What a field may hold. name: as the page of events writes it, with the unit."""

    name: str
    fits: Callable[[Any], bool]


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


TEXT = FieldType("text", lambda value: isinstance(value, str))
TEXT_OR_NULL = FieldType("text or null", lambda value: value is None or isinstance(value, str))
COUNT = FieldType("count", _is_count)
COUNT_OR_NULL = FieldType("count or null", lambda value: value is None or _is_count(value))
INTEGER = FieldType("integer", lambda value: isinstance(value, int) and not isinstance(value, bool))
MICROSECONDS = FieldType("microseconds", INTEGER.fits)
MILLIONTHS = FieldType("millionths", INTEGER.fits)
DAYS = FieldType("days", _is_count)
FLAG = FieldType("true or false", lambda value: isinstance(value, bool))
DIGEST = FieldType("SHA-256, hex", TEXT.fits)
TIME_OR_NULL = FieldType("ISO 8601 time or null", TEXT_OR_NULL.fits)
LIST = FieldType("list", lambda value: isinstance(value, (list, tuple)))
OBJECT = FieldType("object", lambda value: isinstance(value, Mapping))


@dataclass(frozen=True, slots=True)
class Field:
    """One member of a body or of the labels. meaning: half a sentence, with the members of lists and objects."""

    name: str
    type: FieldType
    meaning: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """name: lower-case words, dots and underscores between them. told: one sentence that says when it is written.

    further: what else a body may hold that is not ours to name; empty: nothing.
    """

    name: str
    whose: Whose
    told: str
    body: tuple[Field, ...] = ()
    labels: tuple[Field, ...] = ()
    further: str = ""

    def __post_init__(self) -> None:
        name = self.name
        if not name or not name.isascii() or not name.replace(".", "a").replace("_", "a").isalnum():
            raise EventRefused(f"event kind {name!r} is not a word like 'judged' or 'access.viewed'")
        if len(name) > MAX_NAME:
            raise EventRefused(f"event kind {name[:40]!r} is longer than {MAX_NAME}")

    def misfits(self, body: Mapping[str, Any], labels: Mapping[str, str | int]) -> list[str]:
        """A sentence for each field that is unknown, missing or of another type; empty where all fit."""
        found = _misfits(self.body, body, "body", further=bool(self.further))
        return [f"{self.name}: {one}" for one in (*found, *_misfits(self.labels, labels, "label"))]


def _misfits(fields: tuple[Field, ...], given: Mapping[str, Any], place: str, *, further: bool = False) -> list[str]:
    known = {one.name: one for one in fields}
    found = [] if further else [f"{place} field {name!r} is unknown" for name in given if name not in known]
    for name, one in known.items():
        if name not in given:
            if not one.optional:
                found.append(f"{place} field {name!r} is missing")
        elif not one.type.fits(given[name]):
            found.append(f"{place} field {name!r} is {given[name]!r:.80}, not {one.type.name}")
    return found
