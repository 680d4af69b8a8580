"""The best of what a company's filings say in words to a question: asked of each kind of disclosure, the surest first.

A kind is a function from the question's core to sentences, and a line of `KINDS`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

from retrieval.documents.file_names import describe
from retrieval.evidence.disclosures.company import find_company
from retrieval.evidence.disclosures.cover import find_registered
from retrieval.evidence.disclosures.events import find_event
from retrieval.evidence.disclosures.movements import find_movement
from retrieval.evidence.disclosures.told import Told
from retrieval.evidence.statements.companies import Bound
from retrieval.evidence.statements.core import Core
from retrieval.graph.view import GraphView

_UNNAMED = 0.8
_FEW = 12  # filings

KINDS: tuple[Callable[[Core, GraphView, Bound], Told | None], ...] = (
    find_movement,
    find_registered,
    find_event,
    find_company,
)


def find_told(core: Core, view: GraphView, company: Bound) -> Told | None:
    """None for what no kind of disclosure answers. Where the question names no company, only a movement that one company's
    filings alone speak of is told, with the company's name."""
    if not company.documents:
        return _only_one(core, view)
    found = [one for kind in KINDS if (one := kind(core, view, company)) is not None]
    return max(found, key=lambda one: one.chance, default=None)


def _only_one(core: Core, view: GraphView) -> Told | None:
    of_company: dict[str, list[int]] = defaultdict(list)
    for place, graph in enumerate(view.documents):
        if graph.statements:
            of_company[describe(graph.document).company.lower()].append(place)
    if sum(map(len, of_company.values())) > _FEW:
        return None  # among many companies' filings a question without a name is not looked for in all of them
    found = [
        told
        for documents in of_company.values()
        if (told := find_movement(core, view, Bound(tuple(documents), ()))) is not None
    ]
    if len(found) != 1:
        return None
    only = found[0]
    name = describe(view.documents[only.document].document).label
    return replace(only, chance=only.chance * _UNNAMED, lead=f"{name}: {only.lead}".strip())
