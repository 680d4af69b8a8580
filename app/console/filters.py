"""Showing what others wrote: template filters of the review pages.

Invariant: log content is written by attackers, so nothing in it may hide, reorder or act. Every
character that a browser draws as nothing, or that changes the order of its neighbours (Unicode TR 36,
CVE-2021-42574), is drawn as its code.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape

# Control, format (bidi, zero width, tags), surrogate, private, unassigned, and the odd line separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Pseudonyms as moderation writes them: <PERSON_1>, <IBAN_CODE_2>.
_PSEUDONYM = re.compile(r"<[A-Z][A-Z_]{1,40}_\d{1,6}>")
_FRESH_SECONDS = 60.0


def _hidden(character: str) -> bool:
    """Whether a reader would not see `character`; newline and tab are layout, and kept."""
    return character not in "\n\t" and unicodedata.category(character) in _HIDDEN


def visible(value: object) -> Markup:
    """`value` as safe HTML in which no character is hidden and pseudonyms stand out."""
    text = "" if value is None else str(value)
    parts: list[str] = []
    at = 0
    for found in _PSEUDONYM.finditer(text):
        parts += [_plain(text[at : found.start()]), f'<span class="pseudonym">{escape(found.group())}</span>']
        at = found.end()
    return Markup("".join([*parts, _plain(text[at:])]))  # noqa: S704 -- every part was escaped above


def _plain(text: str) -> str:
    if text.isascii() and text.isprintable():
        return str(escape(text))
    return "".join(_code(c) if _hidden(c) else str(escape(c)) for c in text)


def _code(character: str) -> str:
    name = unicodedata.name(character, "control character").lower()
    return f'<span class="code-point" title="{name}">U+{ord(character):04X}</span>'


def moment(value: object) -> datetime | None:
    """A datetime, ISO 8601 text or (nano)seconds since 1970, in UTC; None where `value` is none of these."""
    try:
        match value:
            case datetime():
                found = value
            case str():
                found = datetime.fromisoformat(value)
            case int() | float():
                found = datetime.fromtimestamp(value / 1e9 if value > 1e14 else value, UTC)
            case _:
                return None
    except (ValueError, OverflowError, OSError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def utc(value: object, precise: bool = False) -> Markup:
    """`<time>` in UTC, to the second, or the millisecond if `precise`; what is no time is shown as it is."""
    found = moment(value)
    if found is None:
        return visible("–" if value is None else value)
    shown = found.strftime("%Y-%m-%d %H:%M:%S") + (f".{found.microsecond // 1000:03d}" if precise else "")
    return Markup('<time datetime="{}">{}</time>').format(found.isoformat(), shown)


def fresh(value: object) -> bool:
    """Whether `value` is a time not longer than a minute ago: only then may a result be shown as current."""
    found = moment(value)
    return found is not None and -5.0 <= (datetime.now(UTC) - found).total_seconds() <= _FRESH_SECONDS


def share(value: object) -> float | None:
    """A probability between 0 and 1; records keep integer millionths, so an int above 1 is read as those."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return min(1.0, max(0.0, value / 1e6 if isinstance(value, int) and value > 1 else float(value)))


def pretty(value: object) -> Markup:
    """JSON, indented, for reading; a string that holds JSON is read first."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return visible(value)
    if isinstance(value, Mapping):
        value = dict(value)
    return visible(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def short(value: object, length: int = 12) -> Markup:
    """The head of a digest, whole on hover."""
    text = str(value or "")
    if len(text) <= length:
        return visible(text or "–")
    whole = "".join(f"U+{ord(c):04X}" if _hidden(c) else c for c in text)
    return Markup('<abbr class="digest" title="{}">{}</abbr>').format(whole, visible(text[:length] + "…"))


def review_filters() -> dict[str, Callable[..., Any]]:
    """What the templates under review/ need: `app.jinja_env.filters.update(review_filters())`."""
    return {"visible": visible, "utc": utc, "fresh": fresh, "share": share, "pretty": pretty, "short": short}
