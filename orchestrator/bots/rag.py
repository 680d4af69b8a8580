"""The documents' bot: answers from what the firm has written down, and from nothing else.

A figure, a list or a comparison is looked up or computed by code; what stands in prose is quoted; where neither is likely
enough to be right, the answer is withheld, with the way to go on.
Invariant: no word of an answer comes from a model's memory. Every sentence is a passage's own, or a template around cells
and a computation over them, and carries its source's number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from moderation.types import millionths
from orchestrator.bots.base import Abstained, Ask, BotEvidence, Made, Piece, Question, Role, Text
from orchestrator.bots.wording import Sources, phrase, withheld
from orchestrator.ports import Quote, Quoted, Resolve, Worked, place
from orchestrator.types import Citation
from orchestrator.understanding.language import language_of

SUPPORT_WEIGHT = 4.0
"""Log-odds from documents that surely do not answer (0) to surely do (1)."""


@dataclass(frozen=True)
class _Found:
    """What the documents hold for a question; `quoted` is looked for only where `worked` is not sure enough."""

    worked: Worked | None = None
    quoted: Quoted | None = None

    @property
    def chance(self) -> float:
        return max(self.worked.chance if self.worked else 0.0, self.quoted.chance if self.quoted else 0.0)


class RagBot:
    """Holds no state of a query; may be asked by many threads."""

    name = "rag"
    role = Role.DOCUMENTS
    leaves_boundary = False

    def __init__(self, resolve: Resolve, quote: Quote) -> None:
        self._resolve, self._quote = resolve, quote

    def evidence(self, question: Question) -> BotEvidence:
        """The answer is looked for here already: how likely it is right decides who answers."""
        asked, sure = question.asked, question.rules.sure
        worked = self._resolve(asked, question.passages, question.groups, question.language)
        known = worked is not None and worked.chance >= sure
        quoted = None if known or not question.passages else self._quote(asked, question.passages, sure)
        found = _Found(worked, quoted)
        return document_evidence(found.chance, found)

    def answer(self, ask: Ask) -> Iterator[Piece]:
        found = ask.evidence.finding
        if not isinstance(found, _Found) or ask.cancel.is_set():
            found = _Found()
        if found.worked is not None and found.worked.chance >= ask.rules.sure:
            yield from _said(found.worked)
        elif found.quoted is not None and found.quoted.chance >= ask.rules.sure:
            yield from _quoted(found.quoted, ask)
        else:
            nearly = {"plan": dict(found.worked.plan)} if found.worked else {}
            yield _made("withheld", found.chance, {"least": millionths(ask.rules.sure), **nearly})
            yield Abstained(withheld(ask.rules.message, ask.rules.alternatives, ask.passages, ask.language))


def document_evidence(chance: float, found: object = None) -> BotEvidence:
    """What a chance that the documents answer says for their bot."""
    note = f"chance that the documents answer it {chance:.2f}"
    return BotEvidence(SUPPORT_WEIGHT * (chance - 0.5), chance, note, finding=found)


def _quoted(quoted: Quoted, ask: Ask) -> Iterator[Piece]:
    """A passage's own words, after a line in the reader's language where they are in another."""
    if language_of(quoted.text) != ask.language:
        yield Text(phrase("quoted", ask.language) + "\n\n")
    yield from Sources().quote(quoted.text, ask.passages[quoted.passage])
    yield _made("quoted", quoted.chance, {"characters": len(quoted.text)})


def _said(worked: Worked) -> Iterator[Piece]:
    """The figures' evidence is the rows as written and the working itself: code computed it, so it can be computed again."""
    sources = Sources()
    for source in worked.sources:
        citation = Citation(0, source.document, source.page, source.section, source.quote)
        _, pieces = sources.cite(citation, f"{place(source.title, source.section)}\n{source.quote}\n{worked.text}")
        yield from pieces
    yield Text(worked.text.rstrip() + " ")
    figures = [dict(figure) for figure in worked.figures]
    details = {"chance": millionths(worked.chance), "plan": dict(worked.plan), "figures": figures}
    yield Made("worked", "", details, {"plan": worked.plan.get("plan"), "figures": figures})


def _made(how: str, chance: float, details: Mapping[str, Any]) -> Made:
    return Made(how, "", {"chance": millionths(chance), **details})
