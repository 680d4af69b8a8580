"""The api bot: live figures in a connector's own sentence.

Invariant: every number comes from the response; no text of a service that reads like an instruction is passed on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from orchestrator.bots.base import Ask, BotEvidence, Made, Piece, Question, Role, Text
from orchestrator.errors import BotUnavailable
from orchestrator.live_data import LiveData

NAMES_A_FIGURE = 2.5
"""Log-odds for naming a thing and a figure that a connector serves: stronger than any wording."""
NO_FIGURE = "no connector serves a figure that the question names"


class ApiBot:
    name = "api"
    role = Role.LIVE
    leaves_boundary = True

    def __init__(self, live: LiveData) -> None:
        self._live = live

    def evidence(self, question: Question) -> BotEvidence:
        return live_evidence(self._live.describe(question.text))

    def answer(self, ask: Ask) -> Iterator[Piece]:
        live = self._live.understand(ask.question)
        if live is None:
            raise BotUnavailable(NO_FIGURE)
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


def live_evidence(figure: str | None) -> BotEvidence:
    """figure: what a connector would be asked ("nav of AURGE"), or None."""
    if figure is None:
        return BotEvidence(cannot=NO_FIGURE)
    return BotEvidence(log_odds=NAMES_A_FIGURE, support=1.0, note=f"a connector serves {figure}")
