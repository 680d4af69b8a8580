"""Asks live services, and nothing else: the SSRF-safe client and the catalogue of what can be asked.

Only the hosts of the loaded connectors are ever contacted, redirects are not followed, responses are capped,
and a URL holds nothing of a question but a catalogue id.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx

from orchestrator.errors import BotUnavailable
from orchestrator.live_data.connectors import Connector, FieldSpec, Operation

MAX_RESPONSE = 1_000_000
_MEASURED = ("number", "percent")
MAX_SKEW_S = 60.0
"""How far another machine's clock may run ahead of ours before its figure's time is not believed."""


@dataclass(frozen=True)
class Thing:
    """Something a connector knows: a fund, a share, a currency pair."""

    connector: str
    id: str
    name: str
    names: tuple[str, ...]
    kind: str


@dataclass(frozen=True)
class LiveQuestion:
    """A question that a connector can answer: which operation, on which thing."""

    connector: Connector
    operation: Operation
    thing: Thing


@dataclass(frozen=True)
class Digits:
    """A number of a response, digit for digit as the service wrote it: 104.20 is not 104.2."""

    written: str

    def __str__(self) -> str:
        return self.written


@dataclass(frozen=True)
class LiveAnswer:
    """strings: those of the text that the service worded, and no template."""

    text: str
    source: str
    as_of: str
    strings: tuple[str, ...] = ()


class LiveData:
    """The connectors' services. One lock guards the catalogue, which is refreshed when it is stale."""

    def __init__(self, connectors: Sequence[Connector], client: httpx.Client | None = None) -> None:
        self._connectors = tuple(connectors)
        self._hosts = frozenset(httpx.URL(c.base_url).netloc for c in connectors)
        self._client = client or httpx.Client(follow_redirects=False, trust_env=False)
        self._lock = threading.Lock()
        self._things: dict[str, tuple[float, tuple[Thing, ...]]] = {}

    @property
    def operations(self) -> tuple[tuple[Connector, Operation], ...]:
        return tuple((c, o) for c in self._connectors for o in c.operations)

    def close(self) -> None:
        self._client.close()

    def things(self) -> tuple[Thing, ...]:
        """All catalogues together. A service that is down keeps its last catalogue; raises BotUnavailable
        when none was ever read."""
        found, failed = self._read()
        if failed and not found:
            raise BotUnavailable("; ".join(failed.values()))
        return found

    def _read(self) -> tuple[tuple[Thing, ...], dict[str, str]]:
        """What can be asked, and which connectors' catalogues could not be read and why."""
        found: list[Thing] = []
        failed: dict[str, str] = {}
        for connector in self._connectors:
            try:
                found.extend(self._catalogue(connector))
            except BotUnavailable as error:
                failed[connector.name] = str(error)
        return tuple(found), failed

    def understand(self, question: str) -> LiveQuestion | None:
        """The live question in a text: a catalogue thing by name, and an operation by its words.

        Raises BotUnavailable when the words ask for a figure of a connector whose catalogue was never read.
        """
        folded = _fold(question)
        found, failed = self._read()
        named = _named(folded, found)
        best: tuple[int, LiveQuestion] | None = None
        for thing in named:
            for connector, operation in self.operations:
                if connector.name != thing.connector or (operation.kinds and thing.kind not in operation.kinds):
                    continue
                length = max((len(w) for w in operation.words if _has_word(folded, w)), default=0)
                if length and (best is None or length > best[0]):
                    best = (length, LiveQuestion(connector, operation, thing))
        if best is None:
            for connector, operation in self.operations:
                if connector.name in failed and any(_has_word(folded, w) for w in operation.words):
                    raise BotUnavailable(failed[connector.name])
        return best[1] if best else None

    def wants_figure(self, question: str) -> str | None:
        """The operation that the words alone ask for; for when no catalogue can be read."""
        folded = _fold(question)
        return next((o.name for _, o in self.operations if any(_has_word(folded, w) for w in o.words)), None)

    def ask(self, live: LiveQuestion) -> LiveAnswer:
        """The current figures, in the operation's sentence. Every number comes from the response.

        Raises BotUnavailable when the service errs, is late, or answers something stale or malformed.
        """
        path = live.operation.path.replace("{id}", quote(live.thing.id, safe=""))
        body = self._get(live.connector, path)
        values = {"name": live.thing.name, "id": live.thing.id}
        as_of = ""
        for name, spec in live.operation.fields.items():
            raw = _dig(body, spec.path, live.connector.name)
            if spec.format == "time":
                as_of = str(raw)
                self._fresh(live, str(raw))
            values[name] = _write(raw, spec, live.connector.name)
        text = re.sub(r"\{([a-z_][a-z0-9_]*)\}", lambda m: values[m[1]], live.operation.answer)
        worded = [live.thing.name, live.thing.id]
        worded += [values[name] for name, spec in live.operation.fields.items() if spec.format not in _MEASURED]
        return LiveAnswer(text, live.connector.title, as_of, tuple(worded))

    def _fresh(self, live: LiveQuestion, stamp: str) -> None:
        limit = live.operation.freshness_s
        if limit is None:
            return
        try:
            age = (datetime.now(UTC) - datetime.fromisoformat(stamp)).total_seconds()
        except (ValueError, TypeError) as error:
            raise BotUnavailable(f"{live.connector.name}: '{stamp[:40]}' is not a time with a zone") from error
        if age < -MAX_SKEW_S:
            raise BotUnavailable(f"{live.connector.name}: the figure's time lies {-age:.0f} s in the future")
        if age > limit:
            raise BotUnavailable(f"{live.connector.name}: the figure is {age:.0f} s old, over the {limit:.0f} s allowed")

    def _catalogue(self, connector: Connector) -> tuple[Thing, ...]:
        now = time.monotonic()
        with self._lock:
            known = self._things.get(connector.name)
        if known and now - known[0] < connector.catalogue.refresh_s:
            return known[1]
        try:
            things = tuple(_things(connector, self._get(connector, connector.catalogue.path)))
        except BotUnavailable:
            if known:
                return known[1]
            raise
        with self._lock:
            self._things[connector.name] = (now, things)
        return things

    def _get(self, connector: Connector, path: str) -> Any:
        request = self._client.build_request(
            connector.method,
            connector.base_url + path,
            headers=_headers(connector),
            timeout=connector.timeout_s,
        )
        if request.url.netloc not in self._hosts:
            raise BotUnavailable(f"{connector.name}: host {request.url.host} is not on the connectors' list")
        begun = time.monotonic()
        try:
            response = self._client.send(request, stream=True, follow_redirects=False)
            try:
                body = b""
                for part in response.iter_bytes():
                    body += part
                    if len(body) > MAX_RESPONSE:
                        raise BotUnavailable(f"{connector.name}: response over {MAX_RESPONSE} bytes")
                    if time.monotonic() - begun > connector.timeout_s:
                        raise BotUnavailable(f"{connector.name}: not answered whole within {connector.timeout_s:g} s")
            finally:
                response.close()
            if response.status_code != 200:
                raise BotUnavailable(f"{connector.name}: answered HTTP {response.status_code}")
            return json.loads(body, parse_float=Digits, parse_int=Digits, parse_constant=_no_number)
        except httpx.HTTPError as error:
            raise BotUnavailable(f"{connector.name}: {type(error).__name__}") from error
        except (ValueError, RecursionError) as error:
            raise BotUnavailable(f"{connector.name}: the response is not JSON") from error


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON (RFC 8259, section 6)")


def _headers(connector: Connector) -> dict[str, str]:
    headers = {"Accept": "application/json"}
    if connector.auth and (value := os.environ.get(connector.auth.env)):
        headers[connector.auth.header] = f"{connector.auth.scheme} {value}".strip()
    return headers


def _things(connector: Connector, body: Any) -> Iterable[Thing]:
    catalogue = connector.catalogue
    items = _dig(body, catalogue.items, connector.name) if catalogue.items else body
    if not isinstance(items, list):
        raise BotUnavailable(f"{connector.name}: the catalogue is not a list")
    for item in items:
        if not isinstance(item, Mapping):
            raise BotUnavailable(f"{connector.name}: the catalogue holds something that is not an object")
        names: list[str] = []
        for key in catalogue.names:
            value = item.get(key)
            names.extend(str(v) for v in (value if isinstance(value, list) else [value]) if v)
        if item.get(catalogue.id) in (".", ".."):  # would climb out of its place in a URL (RFC 3986, 5.2.4)
            raise BotUnavailable(f"{connector.name}: the catalogue holds the id '{item[catalogue.id]}', which is no name")
        if names and catalogue.id in item:
            kind = str(item.get(catalogue.kind, "")) if catalogue.kind else ""
            yield Thing(connector.name, str(item[catalogue.id]), names[0], tuple(names), kind)


def _fold(text: str) -> str:
    """Words in lower case, without punctuation between them and without a possessive "'s"."""
    words = re.findall(r"[^\W_]+(?:['’&./-][^\W_]+)*", text.casefold())
    return " ".join(re.sub(r"['’]s$", "", word) for word in words)


def _has_word(folded: str, word: str) -> bool:
    return f" {_fold(word)} " in f" {folded} "


def _named(folded: str, things: Iterable[Thing]) -> list[Thing]:
    """Things whose longest name stands in the text; a longer name wins over a shorter one."""
    hits = [(max((len(_fold(n)) for n in t.names if _has_word(folded, n)), default=0), t) for t in things]
    longest = max((length for length, _ in hits), default=0)
    return [thing for length, thing in hits if length and length == longest]


def _dig(body: Any, path: str, connector: str) -> Any:
    for part in path.split("."):
        if not isinstance(body, Mapping) or part not in body:
            raise BotUnavailable(f"{connector}: the response has no '{path}'")
        body = body[part]
    return body


def _write(raw: Any, spec: FieldSpec, connector: str) -> str:
    """A response's value as words; a number keeps the digits that the service sent."""
    match spec.format:
        case "number" | "percent":
            if not isinstance(raw, Digits):
                raise BotUnavailable(f"{connector}: '{spec.path}' is not a number")
            return f"{raw}%" if spec.format == "percent" else f"{raw}"
        case "time":
            return str(raw).replace("T", " ").replace("+00:00", " UTC").replace("Z", " UTC")
        case _:
            if not isinstance(raw, str):
                raise BotUnavailable(f"{connector}: '{spec.path}' is not text")
            return raw
