"""What a client brings along with its question: instructions, and turns that it says came before.

Invariant: a text that a model may read has its own verdicts and its own event in the record; what a rail objects to is left
out or refused, and never in silence. A turn is ours only if we gave it; any other is the client's claim, and stays one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import numpy as np

from audit import kinds
from moderation.rails.base import Seen
from moderation.types import Allow, Block, Direction, Finding, Redact, Steer
from orchestrator.journey.context import BroughtAlong, QueryContext
from orchestrator.judging.judges import UNEMBEDDED, Judged, worst
from orchestrator.memory.carried import carry
from orchestrator.ports import Pseudonymise
from orchestrator.types import Turn

INSTRUCTIONS = frozenset({"system", "developer"})
_NO_LONGER_MATTERS = frozenset({"topic"})
"""Rails whose verdict on a message brought along changes nothing: the question's own subject is what is judged."""

Effect = Literal["read", "redacted", "steered", "left_out", "refused"]


def read(context: QueryContext, pseudonyms: Pseudonymise, embed: Callable[[str], np.ndarray]) -> BroughtAlong:
    """Redacts, judges and records each message, in the client's order. embed: float32[384] of a text; what it raises
    counts as every rail's failure."""
    return _Reading(context, pseudonyms, embed).read()


class _Reading:
    """Runs once, on the journey's thread. `_asked`, `_answered`: the turn that is being put together."""

    def __init__(self, context: QueryContext, pseudonyms: Pseudonymise, embed: Callable[[str], np.ndarray]) -> None:
        self._context, self._pseudonyms, self._embed = context, pseudonyms, embed
        self._found = BroughtAlong()
        self._asked: list[str] = []
        self._typed: list[str] = []  # the same as the client sent it
        self._answered: list[str] = []
        self._ours = False
        self._skipping = False
        self._corrections: dict[str, None] = {}

    def read(self) -> BroughtAlong:
        for number, (role, text) in enumerate(self._context.query.before, 1):
            if text.strip():
                self._take(number, role, text, self._pseudonyms.redact(text)[0])
        self._end_turn()
        self._found.instruction = " ".join((self._found.instruction, *self._corrections)).strip()
        return self._found

    def _take(self, number: int, role: str, typed: str, text: str) -> None:
        seen = Seen(Direction.INPUT, text, UNEMBEDDED, instruction=role in INSTRUCTIONS)
        judged = self._context.judge.judge(seen, partial(self._embed, text), number)
        said_in = self._said_in(typed) if role == "assistant" else None
        effect, by, shown = _effect(role, text, judged, said_in is not None)
        body = {"number": number, "role": role, "text": text, "effect": effect, "said_in": said_in}
        if shown != text:
            body["shown"] = shown
        self._context.record.append(kinds.BROUGHT, body)
        if by is not None:
            self._found.judged.append(by)
            told = {"message": number, "role": role, "effect": effect, "rail": by.verdict.finding.rail}
            self._found.changed.append(told)
        if by is not None and isinstance(by.verdict, Steer) and effect == "steered":
            self._corrections[by.verdict.instruction] = None
        if by is not None and effect == "refused":
            self._found.refused = self._found.refused or _refusal(number, role, by.verdict.finding)
        elif effect == "left_out":
            self._context.record.append(kinds.LEFT_OUT, {"role": role, "text": text})
            self._leave_out(role)
        elif role in INSTRUCTIONS:
            self._found.instruction = f"{self._found.instruction} {shown}".strip()
        elif role == "user":
            self._ask(typed, shown)
        elif not self._skipping:
            self._ours = said_in is not None and not self._answered
            self._answered.append(shown)

    def _said_in(self, typed: str) -> str | None:
        """Only of a question and its answer together: an answer of ours under another question would say something else.
        What the asker may not read any more is a claim too."""
        query, deps = self._context.query, self._context.deps
        found = deps.recent.said_in(query.tenant, query.subject, "\n\n".join(self._typed), typed)
        if found is None:
            return None
        carried = carry([Turn("", "", *found)], query.groups, deps.may_read)
        self._found.documents |= carried.documents
        return found[0] if carried.turns else None

    def _ask(self, typed: str, text: str) -> None:
        if self._answered:
            self._end_turn()
        self._skipping = False
        self._asked.append(text)
        self._typed.append(typed)

    def _leave_out(self, role: str) -> None:
        """With a question goes its answer, and with an answer its question: half a turn would say something else."""
        if role == "user":
            if self._answered:
                self._end_turn()
            self._skipping = not self._asked
        else:
            self._asked, self._typed, self._answered, self._skipping = [], [], [], True

    def _end_turn(self) -> None:
        if self._asked or self._answered:
            turn = Turn("\n\n".join(self._asked), "\n\n".join(self._answered), claimed=not self._ours)
            self._found.turns.append(turn)
        self._asked, self._typed, self._answered, self._ours = [], [], [], False


def _effect(role: str, text: str, judged: Sequence[Judged], ours: bool) -> tuple[Effect, Judged | None, str]:
    """What the verdicts on a message do, which of them, and the text that a model may then read."""
    acting = [one for one in judged if one.verdict.finding.rail not in _NO_LONGER_MATTERS]
    if not acting:
        return "read", None, text
    verdict = worst(acting)
    by = next(one for one in acting if one.verdict is verdict)
    shown = next((one.verdict.text for one in acting if isinstance(one.verdict, Redact)), text)
    match verdict:
        case Allow():
            return "read", None, text
        case Redact():
            return "redacted", by, shown
        case Steer() if role == "assistant":
            # What we said ourselves passed the rails of answers; what a client claims has passed none.
            return ("read", None, shown) if ours else ("left_out", by, text)
        case Steer():
            return "steered", by, shown
        case Block():
            return ("refused" if role in INSTRUCTIONS else "left_out"), by, text


def _refusal(number: int, role: str, finding: Finding) -> Block:
    """For whoever wrote the client: names the message and the rail, and repeats none of its words."""
    what = f", {finding.category.replace('_', ' ')}" if finding.category else ""
    message = (
        f"The instruction that came with this question (message {number}, {role}) is not followed: "
        f"the rail '{finding.rail}' refuses it{what}. Nothing was answered."
    )
    return Block(finding, message, ("Change that message or leave it out, and ask again.",))
