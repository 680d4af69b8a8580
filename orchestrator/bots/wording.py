"""The few sentences that the documents' bot says in its own words, and how a source gets its number.

Invariant: a mark stands before the end of its sentence, so that it is released together with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from orchestrator.bots.base import Cited, Piece, Text
from orchestrator.citations import with_mark
from orchestrator.ports import Passage, Worked, place
from orchestrator.types import Citation, Origin

_SHOWN = 600
"""Characters of a quote that a client is shown."""


def phrase(name: str, language: str, **values: str) -> str:
    """A sentence of orchestrator/data/wording.yaml, in English where the language has none."""
    table = _phrases()
    return table.get(language, table["en"])[name].format(**values)


def withheld(message: str, alternatives: Sequence[str], passages: Sequence[Passage], language: str) -> str:
    """Why nothing is answered, where the nearest passage is, and what can be done. The passages are the caller's to read."""
    parts = [message]
    if passages:
        parts.append(phrase("nearest", language, where=where(passages[0])))
    if alternatives:
        parts.append("\n\n" + phrase("instead", language) + "".join(f"\n- {text}" for text in alternatives))
    return " ".join(parts)


def recorded(worked: Worked) -> dict[str, Any]:
    """What the record keeps of an answer that code looked up or computed."""
    return {"plan": dict(worked.plan), "figures": [dict(figure) for figure in worked.figures]}


def where(passage: Passage) -> str:
    """A passage's place for a reader: title and section, each once."""
    return place(passage.title or passage.document, passage.section)


def force(origins: Iterable[Origin], language: str, text: str) -> str:
    """What leads into a text from documents whose dates are known and the same: from when to when they are in force."""
    dates = {(origin.valid_from, origin.valid_until) for origin in origins}
    if len(dates) != 1 or dates == {("", "")}:
        return ""
    first, last = dates.pop()
    name = "in_force_from_to" if first and last else "in_force_since" if first else "in_force_until"
    return phrase(name, language, first=first, last=last) + ("\n\n" if text.lstrip().startswith("|") else " ")


@dataclass
class Sources:
    """Numbers the sources of one answer in the order in which they are first used. Used by one thread."""

    numbers: dict[tuple[str, int | None, str], int] = field(default_factory=dict)

    def cite(self, citation: Citation, evidence: str) -> tuple[int, list[Piece]]:
        """The source's number, and what must be said before the text that uses it (nothing the second time)."""
        key = (citation.document, citation.page, citation.quote)
        if key in self.numbers:
            return self.numbers[key], []
        number = self.numbers[key] = len(self.numbers) + 1
        shown = citation.quote if len(citation.quote) <= _SHOWN else citation.quote[:_SHOWN].rsplit(" ", 1)[0] + " …"
        numbered = replace(citation, number=number, quote=shown)
        return number, [Cited(numbered, evidence)]

    def quote(self, text: str, passage: Passage, lead: str = "") -> list[Piece]:
        """A passage's own words with their mark, after our `lead`; a list keeps its lines. The lead is evidence of
        itself: the rails read it in one sentence with what it leads to."""
        citation = Citation(0, passage.document, passage.page, passage.section, text, passage.origin)
        number, pieces = self.cite(citation, f"{where(passage)}\n{passage.text}\n{lead}{text}")
        return [*pieces, Text(lead + marked(text, number))]


def marked(text: str, number: int) -> str:
    """`text` with its source's mark, ready to be followed by more."""
    text = text.strip()
    first, newline, rest = text.partition("\n")
    if text.startswith("|"):  # a table has its mark below it
        return f"{text}\n\n[{number}]\n\n"
    if newline:  # of a list, the line that leads into it bears the mark
        return f"{with_mark(first, number).rstrip()}\n{rest}\n\n"
    return with_mark(text, number)


@cache
def _phrases() -> Mapping[str, Mapping[str, str]]:
    found: Mapping[str, Mapping[str, str]] = yaml.safe_load(
        files("orchestrator").joinpath("data/wording.yaml").read_text("utf-8")
    )
    return found
