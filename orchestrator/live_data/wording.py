"""A live figure in the sentence of its connector.

Invariant: every number of an answer stands in the response, digit for digit, and none is older than its operation allows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orchestrator.errors import BotUnavailable
from orchestrator.live_data.catalogue import LiveQuestion
from orchestrator.live_data.client import Digits, dig
from orchestrator.live_data.connectors import FieldSpec

MAX_SKEW_S = 60.0
"""How far another machine's clock may run ahead of ours before its figure's time is not believed."""
_MEASURED = ("number", "percent")
_FIGURE = re.compile(r"-?\d{1,18}(?:\.\d{1,12})?(?:[eE][+-]?\d{1,2})?")
"""A figure that a reader can read; JSON allows 1e999999 and 50,000 digits."""
_NAME = re.compile(r"[^\W_](?:[\w .,'’&()+/%-]{0,78}[\w.)%])?")
"""A name, a code or a state, such as EUR or Halden & Co. (Europe): no sentence of a service's own, no link, no mark-up."""
_LINK = re.compile(r"\b(?:https?|www)\b|//|\w\.[a-z]{2,}/|@", re.I)


@dataclass(frozen=True)
class LiveAnswer:
    """strings: those of the text that the service worded, and no template."""

    text: str
    source: str
    as_of: str
    strings: tuple[str, ...] = ()


def worded(live: LiveQuestion, body: Any) -> LiveAnswer:
    """The figures of a response. Raises BotUnavailable where it is stale or malformed."""
    values = {"name": live.thing.name, "id": live.thing.id}
    as_of = ""
    for name, spec in live.operation.fields.items():
        raw = dig(body, spec.path, live.connector.name)
        if spec.format == "time":
            as_of = str(raw)
            _check_age(live, as_of)
        values[name] = _written(raw, spec, live.connector.name)
    text = re.sub(r"\{([a-z_][a-z0-9_]*)\}", lambda m: values[m[1]], live.operation.answer)
    strings = [live.thing.name, live.thing.id]
    strings += [values[name] for name, spec in live.operation.fields.items() if spec.format not in _MEASURED]
    return LiveAnswer(text, live.connector.title, as_of, tuple(strings))


def _check_age(live: LiveQuestion, stamp: str) -> None:
    limit = live.operation.freshness_s
    if limit is None:
        return
    age = (datetime.now(UTC) - _moment(stamp, live.connector.name)).total_seconds()
    if age < -MAX_SKEW_S:
        raise BotUnavailable(f"{live.connector.name}: the figure's time lies {-age:.0f} s in the future")
    if age > limit:
        raise BotUnavailable(f"{live.connector.name}: the figure is {age:.0f} s old, over the {limit:.0f} s allowed")


def _written(raw: Any, spec: FieldSpec, connector: str) -> str:
    """A response's value as words; a number keeps the digits that the service sent."""
    match spec.format:
        case "number" | "percent":
            if not isinstance(raw, Digits):
                raise BotUnavailable(f"{connector}: '{spec.path}' is not a number")
            if not _FIGURE.fullmatch(raw.written):
                raise BotUnavailable(f"{connector}: '{spec.path}' is longer than any figure")
            return f"{raw}%" if spec.format == "percent" else f"{raw}"
        case "time":
            _moment(raw, connector)
            return str(raw).replace("T", " ").replace("+00:00", " UTC").replace("Z", " UTC")
        case _:
            if not isinstance(raw, str):
                raise BotUnavailable(f"{connector}: '{spec.path}' is not text")
            if not _NAME.fullmatch(raw) or _LINK.search(raw):
                raise BotUnavailable(f"{connector}: '{spec.path}' is no name, code or state of at most 80 characters")
            return raw


def _moment(raw: Any, connector: str) -> datetime:
    """Raises BotUnavailable where it is no time with a zone (ISO 8601)."""
    try:
        found = datetime.fromisoformat(raw)
    except (ValueError, TypeError) as error:
        raise BotUnavailable(f"{connector}: '{str(raw)[:40]}' is not a time with a zone") from error
    if found.tzinfo is None:
        raise BotUnavailable(f"{connector}: '{str(raw)[:40]}' is not a time with a zone")
    return found
