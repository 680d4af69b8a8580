"""What can be asked of the connectors' services, and which of it a question asks for.

Invariant: a question is live only if it names a thing of a catalogue and a figure that a connector serves of such a thing.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.errors import BotUnavailable
from orchestrator.live_data.client import ConnectorClient, dig
from orchestrator.live_data.connectors import Connector, Operation


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


class LiveCatalogue:
    """The connectors' things. One lock guards what was read, which is read again when it is stale."""

    def __init__(self, connectors: Sequence[Connector], client: ConnectorClient) -> None:
        self._connectors, self._client = tuple(connectors), client
        self._operations = tuple((c, o) for c in self._connectors for o in c.operations)
        self._lock = threading.Lock()
        self._things: dict[str, tuple[float, tuple[Thing, ...]]] = {}

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
            for connector, operation in self._operations:
                if connector.name != thing.connector or (operation.kinds and thing.kind not in operation.kinds):
                    continue
                length = max((len(w) for w in operation.words if _has_word(folded, w)), default=0)
                if length and (best is None or length > best[0]):
                    best = (length, LiveQuestion(connector, operation, thing))
        if best is None:
            for connector, operation in self._operations:
                if connector.name in failed and any(_has_word(folded, w) for w in operation.words):
                    raise BotUnavailable(failed[connector.name])
        return best[1] if best else None

    def wants_figure(self, question: str) -> str | None:
        """The operation that the words alone ask for; for when no catalogue can be read."""
        folded = _fold(question)
        return next((o.name for _, o in self._operations if any(_has_word(folded, w) for w in o.words)), None)

    def describe(self, question: str) -> str | None:
        """What a connector would be asked ("nav of AURGE"), or None. Raises nothing of a service that is down."""
        try:
            live = self.understand(question)
        except BotUnavailable:
            figure = self.wants_figure(question)
            return f"{figure} (its catalogue cannot be read now)" if figure else None
        return f"{live.operation.name} of {live.thing.id}" if live else None

    def _catalogue(self, connector: Connector) -> tuple[Thing, ...]:
        now = time.monotonic()
        with self._lock:
            known = self._things.get(connector.name)
        if known and now - known[0] < connector.catalogue.refresh_s:
            return known[1]
        try:
            things = tuple(_things(connector, self._client.get(connector, connector.catalogue.path)))
        except BotUnavailable:
            if known:
                return known[1]
            raise
        with self._lock:
            self._things[connector.name] = (now, things)
        return things


def _things(connector: Connector, body: Any) -> Iterable[Thing]:
    catalogue = connector.catalogue
    items = dig(body, catalogue.items, connector.name) if catalogue.items else body
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
