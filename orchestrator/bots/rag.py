"""The documents' bot: answers from what the firm has written down, and from nothing else.

A figure, a list or a comparison is looked up or computed by code; what stands in prose is quoted, or computed from the
figures of its sentences; where nothing is likely enough to be right, the answer is withheld, with the way to go on.
Invariant: no word of an answer comes from a model's memory. Every sentence is a passage's own, or a template around cells
and a computation over them, and carries its source's number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from moderation.types import millionths
from orchestrator.bots.base import Abstained, Ask, BotEvidence, Made, Piece, Question, Role, Text
from orchestrator.bots.wording import Sources, force, phrase, recorded, withheld
from orchestrator.ports import Passage, Quoted, Read, Resolve, Worked, place
from orchestrator.types import Citation
from orchestrator.understanding.language import language_of
from orchestrator.understanding.own_account import about_own_account

SUPPORT_WEIGHT = 4.0
"""Log-odds from documents that surely do not answer (0) to surely do (1)."""


@dataclass(frozen=True)
class _Found:
    """What the documents hold for a question; sentences are read only where the `worked` of the tables is not sure
    enough."""

    worked: Worked | None = None
    read: Quoted | Worked | None = None

    @property
    def best(self) -> Quoted | Worked | None:
        found = [one for one in (self.worked, self.read) if one is not None]
        return max(found, key=lambda one: one.chance, default=None)

    @property
    def chance(self) -> float:
        return self.best.chance if self.best else 0.0


class RagBot:
    """Holds no state of a query; may be asked by many threads."""

    name = "rag"
    role = Role.DOCUMENTS
    leaves_boundary = False

    def __init__(self, resolve: Resolve, read: Read) -> None:
        self._resolve, self._read = resolve, read

    def evidence(self, question: Question) -> BotEvidence:
        """The answer is looked for here already: how likely it is right decides who answers."""
        asked, sure = question.asked, question.rules.sure
        if about_own_account(asked):
            return document_evidence(0.0, _Found())
        worked = self._resolve(asked, question.passages, question.groups, question.language)
        known = worked is not None and worked.chance >= sure
        read = (
            None
            if known or not question.passages
            else self._read(asked, question.passages, sure, question.language, question.groups, question.tenant)
        )
        found = _Found(worked, read)
        return document_evidence(found.chance, found)

    def answer(self, ask: Ask) -> Iterator[Piece]:
        found = ask.evidence.finding
        if not isinstance(found, _Found) or ask.cancel.is_set():
            found = _Found()
        best = found.best
        if isinstance(best, Worked) and best.chance >= ask.rules.sure:
            yield from _said(best, ask.rules.sure, ask.language)
        elif isinstance(best, Quoted) and best.chance >= ask.rules.sure:
            yield from _quoted(best, ask)
        else:
            yield _made("withheld", found.chance, ask.rules.sure, {"nearly": _nearly(found, ask.passages)})
            yield Abstained(withheld(ask.rules.message, ask.rules.alternatives, ask.passages, ask.language))


def document_evidence(chance: float, found: object = None) -> BotEvidence:
    """What a chance that the documents answer says for their bot."""
    note = f"chance that the documents answer it {chance:.2f}"
    return BotEvidence(SUPPORT_WEIGHT * (chance - 0.5), chance, note, finding=found)


def _quoted(quoted: Quoted, ask: Ask) -> Iterator[Piece]:
    """Passages' own words, after a line in the reader's language where they are in another."""
    foreign = language_of(quoted.parts[0][1]) != ask.language
    lead = phrase("quoted", ask.language) + "\n\n" if foreign else ""
    sources = Sources()
    said = ""
    for number, (passage, text) in enumerate(quoted.parts):
        dated = force([ask.passages[passage].origin], ask.language, text)
        leads = (lead if number == 0 else "") + (dated if dated != said else "")
        said = dated
        yield from sources.quote(text, ask.passages[passage], leads)
    yield _made("quoted", quoted.chance, ask.rules.sure, {"characters": sum(len(text) for _, text in quoted.parts)})


def _said(worked: Worked, sure: float, language: str) -> Iterator[Piece]:
    """The figures' evidence is the rows as written and the working itself: code computed it, so it can be computed again."""
    sources = Sources()
    text = force((source.origin for source in worked.sources), language, worked.text) + worked.text
    for source in worked.sources:
        citation = Citation(0, source.document, source.page, source.section, source.quote, source.origin)
        _, pieces = sources.cite(citation, f"{place(source.title, source.section)}\n{source.quote}\n{text}")
        yield from pieces
    yield Text(text.rstrip() + " ")
    details = recorded(worked)
    yield _made("worked", worked.chance, sure, details, {"plan": worked.plan.get("plan"), "figures": details["figures"]})


def _nearly(found: _Found, passages: Sequence[Passage]) -> list[dict[str, Any]]:
    """What was found and is not said, the likeliest first: its place and its figures, none of its words."""
    nearly: list[dict[str, Any]] = []
    for one in (found.worked, found.read):
        match one:
            case Worked():
                places = [_place(source.document, source.page, source.section) for source in one.sources]
                nearly.append({"how": "worked", "chance": millionths(one.chance), "places": places, **recorded(one)})
            case Quoted():
                read = [passages[passage] for passage, _ in one.parts]
                places = [_place(passage.document, passage.page, passage.section) for passage in read]
                nearly.append({"how": "quoted", "chance": millionths(one.chance), "places": places})
    return sorted(nearly, key=lambda one: -int(one["chance"]))


def _place(document: str, page: int | None, section: str) -> dict[str, Any]:
    return {"document": document, "page": page, "section": section}


def _made(
    how: str, chance: float, sure: float, details: Mapping[str, Any], working: Mapping[str, Any] = MappingProxyType({})
) -> Made:
    """least: the chance from which on policy lets an answer be given."""
    return Made(how, "", {"chance": millionths(chance), "least": millionths(sure), **details}, working)
