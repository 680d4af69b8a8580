"""Finds secrets in a text, also disguised ones, and across the end of the segment before.

Invariant: offsets point into the very text that was given; what is only the picture of a secret is not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from moderation.secrets import forms
from moderation.secrets.forms import KEY, PASSWORD, PRIVATE_KEY
from moderation.secrets.strength import basic_credentials, chosen_password, placeholder, random_looking
from moderation.text.encodings import carried
from moderation.text.offsets import OffsetText
from moderation.text.spelt_out import bare

MARKER = "[SECRET]"
"""What stands where a secret was: nothing of it is kept, so nobody can ask for it back."""
_NEAR = 160  # characters before a passcode in which a conference is spoken of
LONGEST_ENCODED = 20_000
_TOKEN_TAIL = re.compile(r"[A-Za-z0-9+/=_.~-]{60,}$")
_TOKEN_HEAD = re.compile(r"[A-Za-z0-9+/=_.~-]+")
_SENTENCE_MARKS = ".,;:)]}’”*"  # an exclamation mark may be part of a password


@dataclass(frozen=True)
class Secret:
    """Something at text[start:end] that opens a door. `kind` says what, in words, never the secret itself."""

    start: int
    end: int
    category: str
    probability: float
    kind: str


def find(text: str, before: str = "") -> list[Secret]:
    """The secrets of `text`, sorted, not overlapping; of one that begins in `before`, the part in `text`."""
    if not text:
        return []
    whole = before + text
    found = [*_plain(whole), *_continued(before, text)]
    shown = bare(whole)
    if shown.text != whole:
        found += [_moved(one, shown) for one in _plain(shown.text)]
    for start, end, decoded in carried(whole[:LONGEST_ENCODED]):
        found += [Secret(start, end, one.category, one.probability, f"{one.kind}, encoded") for one in _plain(decoded)]
    at = len(before)
    cut = [
        Secret(max(0, one.start - at), one.end - at, one.category, one.probability, one.kind)
        for one in found
        if one.end > at
    ]
    return _apart(cut)


def _plain(text: str) -> Iterator[Secret]:
    for form in forms.FORMS:
        if any(hint in text for hint in form.hints):
            for match in form.pattern.finditer(text):
                if (probability := _likely(form, match.group())) > 0.0:
                    yield Secret(match.start(), match.end(), form.category, probability, form.name)
    if "PRIVATE KEY" in text or "PuTTY" in text:
        for match in forms.PRIVATE_KEY_BLOCK.finditer(text):
            yield Secret(match.start(), match.end(), PRIVATE_KEY, 0.99, "private key")
        for match in forms.KEY_ENDS.finditer(text):
            yield Secret(match.start(), match.end(), PRIVATE_KEY, 0.95, "private key")
    if "\n" in text and not forms.PUBLIC_BLOCK.search(text):
        for match in forms.KEY_BODY.finditer(text):
            if random_looking(match.group().split("\n", 1)[0].strip()):
                yield Secret(match.start(), match.end(), PRIVATE_KEY, 0.8, "lines of a key")
    if "://" in text:
        for match in forms.CONNECTION.finditer(text):
            if not placeholder(match["value"]):
                yield Secret(*match.span("value"), PASSWORD, 0.95, "password in a connection string")
    lowered = text.lower()
    if any(word in lowered for word in forms.REQUEST_WORDS):
        yield from _of_requests(text)
    if any(word in lowered for word in forms.NAME_WORDS):
        yield from _named(text)
    if any(word in lowered for word in forms.CODE_WORDS):
        for match in forms.ONE_TIME.finditer(text):
            shared = match.group().lower().startswith(("pin", "passcode"))
            if shared and forms.CONFERENCE.search(text, max(0, match.start() - _NEAR), match.start("value")):
                continue
            yield Secret(*match.span("value"), PASSWORD, 0.8, "PIN or one-time code")


def _likely(form: forms.SecretForm, value: str) -> float:
    """0 for a picture of the form; a checksum that holds proves, one that does not makes a mistyped key likely."""
    if placeholder(value) or not random_looking(value):
        return 0.0
    if form.proves is None:
        return 0.95
    return 0.99 if form.proves(value) else 0.6


def _of_requests(text: str) -> Iterator[Secret]:
    for match in forms.AUTHORIZATION.finditer(text):
        value = match["value"]
        basic = match["kind"].lower() == "basic"
        if basic_credentials(value) if basic else random_looking(value) and not placeholder(value):
            yield Secret(*match.span("value"), KEY, 0.9, "credentials of a request")


def _named(text: str) -> Iterator[Secret]:
    for match in forms.ASSIGNED.finditer(text):
        group = next(name for name in ("dq", "sq", "bq", "bare") if match[name] is not None)
        value = match[group]
        if group == "bare":
            value = value.rstrip(_SENTENCE_MARKS)
        category = PASSWORD if re.search(r"pass|pwd|kennwort|contrase", match["name"], re.I) else KEY
        quoted = group != "bare" or match["op"] != ":"
        if _worth_hiding(value, category, quoted):
            start = match.start(group)
            yield Secret(start, start + len(value), category, 0.85, f"{category} that is given a value")
    for match in forms.SAID.finditer(text):
        value = match["value"].rstrip(_SENTENCE_MARKS)
        category = PASSWORD if re.search(r"pass|pwd|kennwort|contrase", match["name"], re.I) else KEY
        if _worth_hiding(value, category, quoted=False):
            yield Secret(match.start("value"), match.start("value") + len(value), category, 0.8, f"{category} in words")


def _worth_hiding(value: str, category: str, quoted: bool) -> bool:
    """Whether what stands beside a secret's name is one: a generator's run, or a password that somebody chose."""
    if placeholder(value) or (" " in value and category != PASSWORD):
        return False
    if random_looking(value):
        return True
    if category == PASSWORD:
        return chosen_password(value) or (quoted and len(value) >= 6 and not value.islower() and " " not in value)
    return chosen_password(value) and len(value) >= 8 and quoted


def _continued(before: str, text: str) -> Iterator[Secret]:
    """The rest of a run so long that the gate had to cut it: nobody writes words of 60 characters and more."""
    tail, head = _TOKEN_TAIL.search(before), _TOKEN_HEAD.match(text)
    if tail and head and random_looking(tail.group()) and "/" not in tail.group()[:20]:
        yield Secret(len(before), len(before) + head.end(), KEY, 0.75, "rest of a long key")


def _moved(one: Secret, shown: OffsetText) -> Secret:
    return Secret(*shown.span(one.start, one.end), one.category, one.probability, one.kind)


def _apart(found: list[Secret]) -> list[Secret]:
    """Overlapping findings as one, with the surest one's name."""
    apart: list[Secret] = []
    for one in sorted(found, key=lambda s: (s.start, -s.end)):
        if apart and one.start < apart[-1].end:
            surest = max(apart[-1], one, key=lambda s: s.probability)
            apart[-1] = Secret(
                apart[-1].start, max(apart[-1].end, one.end), surest.category, surest.probability, surest.kind
            )
        else:
            apart.append(one)
    return apart
