"""The connectors' services behind one face: understand a question, ask it, word the answer.

Invariant: a URL holds nothing of a question but a catalogue id.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import httpx

from orchestrator.live_data.catalogue import LiveCatalogue, LiveQuestion, Thing
from orchestrator.live_data.client import ConnectorClient
from orchestrator.live_data.connectors import Connector
from orchestrator.live_data.wording import LiveAnswer, worded


class LiveData:
    """Safe to use from several threads."""

    def __init__(self, connectors: Sequence[Connector], client: httpx.Client | None = None) -> None:
        self._client = ConnectorClient(connectors, client)
        self._catalogue = LiveCatalogue(connectors, self._client)

    def close(self) -> None:
        self._client.close()

    def things(self) -> tuple[Thing, ...]:
        """See `LiveCatalogue.things`."""
        return self._catalogue.things()

    def understand(self, question: str) -> LiveQuestion | None:
        """See `LiveCatalogue.understand`."""
        return self._catalogue.understand(question)

    def wants_figure(self, question: str) -> str | None:
        """See `LiveCatalogue.wants_figure`."""
        return self._catalogue.wants_figure(question)

    def describe(self, question: str) -> str | None:
        """See `LiveCatalogue.describe`."""
        return self._catalogue.describe(question)

    def ask(self, live: LiveQuestion) -> LiveAnswer:
        """The current figures, in the operation's sentence. Every number comes from the response.

        Raises BotUnavailable when the service errs, is late, or answers something stale or malformed.
        """
        path = live.operation.path.replace("{id}", quote(live.thing.id, safe=""))
        return worded(live, self._client.get(live.connector, path))
