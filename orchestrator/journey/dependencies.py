"""Everything a journey uses, put together once by the composition root.

Invariant: nothing here belongs to one query; what a journey changes, it owns itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field

from moderation.gate import StreamGate
from moderation.types import Block, Finding
from orchestrator.bots.base import Bot
from orchestrator.judging.passages import VerdictMemo
from orchestrator.judging.pinned_policy import PolicyFor
from orchestrator.judging.shadow import Shadow
from orchestrator.memory.carried import MayRead
from orchestrator.memory.recent import RecentAnswers
from orchestrator.ports import Complete, Embed, Meter, OpenRecord, Remember, Search
from orchestrator.prompting.canary import MarkerSource
from orchestrator.selection.breaker import Breaker
from orchestrator.selection.selector import Selector
from orchestrator.types import Query
from orchestrator.understanding.english import Translator


@dataclass(frozen=True)
class Dependencies:
    """What the journeys of one deployment share. `pool` runs retrieval, memory and the judging of texts; the rails
    themselves run on a pool of their own inside the policy's judges, so that a judge never waits for itself.

    policy_for: the policy in force for a query, with the judges and the redactor that follow from it.
    speculate: whether generation starts before the input verdict (off only to measure what it saves).
    switched_off: why a tenant, or a bot for a tenant, may not be asked at this moment (bot "": the tenant), or None. It is
    asked again all the time, so it must cost nothing.
    recent: the answers given lately. may_read: those of some documents' versions that these groups may read now; without it,
    none. markers: draws what is random in prompts. screened: verdicts on passages that were met before. translator: reads
    a question in English where the documents are; None leaves questions as they are. complete: makes follow-ups whole.
    """

    memory: Remember
    policy_for: PolicyFor
    embed: Embed
    search: Search
    selector: Selector
    bots: Mapping[str, Bot]
    breakers: Mapping[str, Breaker]
    open_record: OpenRecord
    meter: Meter
    pool: Executor
    new_gate: Callable[[], StreamGate]
    corpus_digest: Callable[[], str]
    translator: Translator | None = None
    complete: Complete = field(default=lambda _question, _earlier: None)
    recent: RecentAnswers = field(default_factory=RecentAnswers)
    markers: MarkerSource = field(default_factory=MarkerSource)
    screened: VerdictMemo = field(default_factory=VerdictMemo)
    forbidden: Callable[[Query], Mapping[str, str]] = field(default=lambda _query: {})
    may_read: MayRead = field(default=lambda _documents, _groups: frozenset())
    switched_off: Callable[[str, str], str | None] = field(default=lambda _tenant, _bot: None)
    shadow: Shadow | None = None
    top_k: int = 8
    speculate: bool = True
    failed_message: str = "I am sorry, I cannot get a reliable answer to that at the moment, so I would rather not give one."
    failed_alternatives: tuple[str, ...] = (
        "Please try again in a moment.",
        "Ask your usual contact at the firm.",
    )
    paused_message: str = (
        "I am sorry, this service is paused at the moment, so I cannot answer you now. Nothing is wrong with your question."
    )
    paused_alternatives: tuple[str, ...] = ("Please try again later.", "Ask your usual contact at the firm.")
    steered_message: str = (
        "I am sorry, I cannot put an answer to that in a way that meets our rules for fair and clear information."
    )

    def as_block(self, rail: str) -> Block:
        """What a second steer becomes."""
        finding = Finding(rail, "", 1.0, 0.0, "still unsuitable after one corrected attempt, or already half said")
        return Block(finding, self.steered_message, self.failed_alternatives[1:])
