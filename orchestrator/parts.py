"""Everything a journey uses, joined once by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field

from moderation.gate import StreamGate
from moderation.types import Block, Finding
from orchestrator.bots.base import Bot
from orchestrator.breaker import Breaker
from orchestrator.ports import Embed, Meter, OpenRecord, Remember, Search, Support
from orchestrator.ruling import RuleOn
from orchestrator.selector import Selector
from orchestrator.types import Query


@dataclass(frozen=True)
class Parts:
    """The parts of one deployment. `pool` runs retrieval, memory and the judging of texts; the rails
    themselves run on a pool of their own inside the ruling's judges, so that a judge never waits for itself.

    rule_on: the policy in force for a query, with the judges and the redactor that follow from it.
    speculate: whether generation starts before the input verdict (off only to measure what it saves).
    live_question: what a connector would be asked for a text, in words, or None.
    """

    memory: Remember
    rule_on: RuleOn
    embed: Embed
    search: Search
    support: Support
    selector: Selector
    bots: Mapping[str, Bot]
    breakers: Mapping[str, Breaker]
    open_record: OpenRecord
    meter: Meter
    pool: Executor
    new_gate: Callable[[], StreamGate]
    live_question: Callable[[str], str | None]
    corpus_digest: Callable[[], str]
    forbidden: Callable[[Query], Mapping[str, str]] = field(default=lambda _query: {})
    top_k: int = 8
    speculate: bool = True
    failed_message: str = "I am sorry, I cannot get a reliable answer to that at the moment, so I would rather not give one."
    failed_alternatives: tuple[str, ...] = (
        "Please try again in a moment.",
        "Ask your usual contact at the firm.",
    )
    steered_message: str = (
        "I am sorry, I cannot put an answer to that in a way that meets our rules for fair and clear information."
    )

    def as_block(self, rail: str) -> Block:
        """What a second steer becomes."""
        finding = Finding(rail, "", 1.0, 0.0, "still unsuitable after one corrected attempt, or already half said")
        return Block(finding, self.steered_message, self.failed_alternatives[1:])
