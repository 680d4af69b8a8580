"""The documents' bot: answers from what the firm has written down, and from nothing else.

A figure, a list or a comparison is looked up or computed by code; what stands in prose is quoted; where neither is likely
enough to be right, the answer is withheld, with the way to go on.
Invariant: no word of an answer comes from a model's memory. Every sentence is a passage's own, or a template around cells
and a computation over them, and carries its source's number.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.bots.base import Abstained, Ask, Made, Piece, Text
from orchestrator.bots.wording import Sources, phrase, withheld
from orchestrator.ports import Quote, Resolve, Worked
from orchestrator.telemetry.trace import micro
from orchestrator.types import Citation
from orchestrator.understanding.language import language_of


class RagBot:
    """Holds no state of a query; may be asked by many threads."""

    name = "rag"
    leaves_boundary = False

    def __init__(self, resolve: Resolve, quote: Quote) -> None:
        self._resolve, self._quote = resolve, quote

    def answer(self, ask: Ask) -> Iterator[Piece]:
        asked = ask.english or ask.question
        worked = self._resolve(asked, ask.passages, ask.groups, ask.slots, ask.language)
        if worked is not None and worked.chance >= ask.rules.sure:
            yield from self._said(worked)
            return
        if ask.cancel.is_set():
            return
        found = self._quote(asked, ask.passages, ask.rules.sure) if ask.passages else ()
        if found:
            sources = Sources()
            text, index, chance = found[0]
            if language_of(text) != ask.language:
                yield Text(phrase("quoted", ask.language) + " ")
            for text, index, _ in found:
                yield from sources.quote(text, ask.passages[index])
            yield _made("quoted", {"quotations": len(found), "chance": micro(chance)})
            return
        nearly = {"chance": micro(worked.chance), "plan": worked.plan} if worked else {}
        yield _made("withheld", {"least": micro(ask.rules.sure), **nearly})
        yield Abstained(withheld(ask.rules.message, ask.rules.alternatives, ask.passages, ask.language))

    def _said(self, worked: Worked) -> Iterator[Piece]:
        """The figures' evidence is the rows as written and the working itself: code computed it, so it can be computed again."""
        sources = Sources()
        for source in worked.sources:
            place = " › ".join(dict.fromkeys(part for part in (source.title, source.section) if part))
            citation = Citation(0, source.document, source.page, source.section, source.quote)
            _, pieces = sources.cite(citation, f"{place}\n{source.quote}\n{worked.text}")
            yield from pieces
        yield Text(worked.text.rstrip() + " ")
        figures = [dict(figure) for figure in worked.figures]
        yield _made("worked", {"plan": dict(worked.plan), "figures": figures, "chance": micro(worked.chance)})


def _made(how: str, details: dict[str, Any]) -> Made:
    return Made(how, "", details)
