"""Who an event is about: the one place where a name, from wherever it came, becomes a subject of the log.

Invariant: all spellings of one name are one subject, and no name reaches into another domain: people (`person:`), keys that
ask and name nobody (`key:`) and those who work with the log (`staff:`) are apart. Who has a plain name is the same subject
as in every earlier release, so that holds stay in force and conversations go on.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from audit.sealing.subject_keys import STAFF

TERMINAL = "terminal"
"""Who types commands on the machine itself, without a key."""
_PERSON, _KEY = "person:", "key:"
_DOMAINS = (_PERSON, _KEY, STAFF)
_COMMANDS = (TERMINAL, "doctor")  # earlier releases kept what commands asked under these, as if they were people
_PSEUDONYM = re.compile(r"s_[0-9a-f]{32}")
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
_ZERO_WIDTH_JOINERS = "\u200c\u200d"  # letters of Persian and of Indic scripts are told apart by them


class SubjectRefused(ValueError):
    """A name that names nobody, or not one person alone. source: where it stood."""

    def __init__(self, source: str, why: str) -> None:
        super().__init__(f"{source}: {why}")
        self.source = source


class NotUtf8(SubjectRefused):
    """A header whose bytes are no text."""


@dataclass(frozen=True, slots=True)
class Person:
    """An end user. Made by `person` and `named_person` alone: the name is NFC and trimmed."""

    name: str


@dataclass(frozen=True, slots=True)
class KeyItself:
    """Whoever asks with a key and names nobody. id: the key's; or the command's that asks on the machine itself."""

    id: str


@dataclass(frozen=True, slots=True)
class Approver:
    """Somebody who agrees to a new epoch of the log, by name; small and capital letters are the same."""

    name: str


Subject = Person | KeyItself | Approver


def named_person(given: Mapping[str, str | None]) -> Person | None:
    """The one person whom a request names.

    given: for each place that may say so, what it says, or None where it is silent. Raises SubjectRefused where a name is
    blank or cannot be told apart by eye, or where two places name different people.
    """
    found = [(source, person(name, source)) for source, name in given.items() if name is not None]
    for source, other in found[1:]:
        if other != found[0][1]:
            raise SubjectRefused(
                source, f"names another person than {found[0][0]}; send one of them, or the same name in both"
            )
    return found[0][1] if found else None


def person(name: str, source: str) -> Person:
    """Raises SubjectRefused where nothing is left of the name, or it holds what nobody can see or send again."""
    text = unicodedata.normalize("NFC", name).strip()
    if not text:
        raise SubjectRefused(source, "is blank; leave it out, or name the person")
    if any(unicodedata.category(sign) in _UNSEEN and sign not in _ZERO_WIDTH_JOINERS for sign in text):
        raise SubjectRefused(source, "holds a sign that cannot be seen, or half a character; send the name without it")
    return Person(text)


def header_text(value: str, source: str) -> str:
    """A header's text. value: as WSGI hands it over, each byte as one character (PEP 3333). Raises NotUtf8."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        raise NotUtf8(source, "is not UTF-8; encode the name as UTF-8, whatever the client does by itself") from None


def staff(actor: str) -> str:
    """The subject of what somebody did with the log itself. actor: `key:…`, or TERMINAL. Never erased."""
    return STAFF + actor


def at_terminal(named: str) -> Person | KeyItself | str:
    """Whom somebody at a terminal means: a person as the portal names them, `person:NAME` where that would read otherwise,
    `key:ID`, or, ready as subjects, `staff:ACTOR` and the pseudonym that records show. Raises SubjectRefused."""
    if _PSEUDONYM.fullmatch(named) or (named.startswith(STAFF) and named != STAFF):
        return named
    if named.startswith(_KEY):
        return KeyItself(person(named.removeprefix(_KEY), "SUBJECT").name)
    return person(named.removeprefix(_PERSON), "SUBJECT")


def spelt(subject: Subject) -> str:
    """What is hashed. Different for different subjects, whatever their names are."""
    match subject:
        case Person(name):
            return f"{_PERSON}{name}" if name.startswith(_DOMAINS) or name in _COMMANDS or _is_misread(name) else name
        case KeyItself(key_id):
            return _KEY + key_id
        case Approver(name):
            return STAFF + unicodedata.normalize("NFC", person(name, "approver").name.casefold())


def formerly(who: Person, typed: str) -> Iterator[str]:
    """What earlier releases may have hashed for this person. typed: the name as somebody gave it now.

    They took a name as it came: composed or not, with the blanks around it, and from a header, whose bytes they took for
    Latin-1. What another domain, or another person's misread name, had then is left out.
    """
    for name in dict.fromkeys((who.name, typed, *(unicodedata.normalize(form, typed) for form in ("NFC", "NFD")))):
        if name.startswith(_KEY) or name in _COMMANDS:
            continue
        if not _is_misread(name):
            yield name
        yield name.encode("utf-8").decode("latin-1")


def _is_misread(name: str) -> bool:
    """Whether it is what UTF-8 looks like when it is taken for Latin-1."""
    try:
        return name.encode("latin-1").decode("utf-8") != name
    except UnicodeError:
        return False
