"""The bots that Countersign comes with. To add one: write its file, add its line to `BOTS`, and say in the routes file
(orchestrator/data/routes.yaml) which questions are for it.

Invariant: this is the one list of bots in code; whatever depends on what a bot is asks for its role. A bot that the routes
do not name is never asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from orchestrator.bots.api import ApiBot
from orchestrator.bots.base import Bot
from orchestrator.bots.onprem import AskOfMemory, OnPremBot
from orchestrator.bots.rag import RagBot
from orchestrator.bots.sums import SumsBot
from orchestrator.errors import ConfigError
from orchestrator.live_data import LiveData
from orchestrator.ports import Calculate, Generate, Read, Resolve


@dataclass(frozen=True)
class Resources:
    """What bots are made of. memory: what a question asks of a model's memory. calculate: sums of a
    question's own figures."""

    live: LiveData
    resolve: Resolve
    read: Read
    model: Generate
    memory: AskOfMemory
    calculate: Calculate


BOTS: tuple[Callable[[Resources], Bot], ...] = (
    lambda has: ApiBot(has.live),
    lambda has: RagBot(has.resolve, has.read),
    lambda has: OnPremBot(has.model, has.memory),
    lambda has: SumsBot(has.calculate),
)


def make_bots(resources: Resources, table: tuple[Callable[[Resources], Bot], ...] = BOTS) -> Mapping[str, Bot]:
    """The bots of a table by name. Raises ConfigError where two have the same."""
    made: dict[str, Bot] = {}
    for make in table:
        bot = make(resources)
        if bot.name in made:
            raise ConfigError(f"two bots are named '{bot.name}'; give one of them another name")
        made[bot.name] = bot
    return made
