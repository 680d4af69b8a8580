"""The api bot: live figures in a connector's own sentence. Every number comes from the response."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from orchestrator.bots.base import Ask, Made, Piece, Text
from orchestrator.errors import BotUnavailable
from orchestrator.live_data.client import LiveData


class ApiBot:
    name = "api"
    leaves_boundary = True

    def __init__(self, live: LiveData) -> None:
        self._live = live

    def answer(self, ask: Ask) -> Iterator[Piece]:
        live = self._live.understand(ask.question)
        if live is None:
            raise BotUnavailable("no connector serves a figure that the question names")
        answer = self._live.ask(live)
        if any(ask.attacks(text) for text in answer.strings):  # the next turn's model reads this answer
            raise BotUnavailable(f"{live.connector.name}: a text of its response reads like an instruction")
        template = hashlib.sha256(live.operation.model_dump_json().encode()).hexdigest()
        yield Made(
            model=f"connector:{live.connector.name}",
            digest=template,
            details={"operation": live.operation.name, "id": live.thing.id, "as_of": answer.as_of},
        )
        yield Text(f"{answer.text} Source: {answer.source}.")
