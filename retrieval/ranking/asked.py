"""What a question tells a search beside its words: whose documents, of which year, on which statement the answer stands.

Read against what the searcher may see alone: a company is known only by the documents of the view.
"""

from __future__ import annotations

from dataclasses import dataclass

from retrieval.documents.file_names import NameFacts
from retrieval.evidence.statements.companies import bound
from retrieval.evidence.statements.core import core_of, proper
from retrieval.evidence.statements.question import read
from retrieval.evidence.statements.vocabulary.formulas import Item, Joined, Labelled, Node, OverYears
from retrieval.graph.statements import Kind
from retrieval.graph.view import GraphView


@dataclass(frozen=True)
class Asked:
    """proper: the question without the company that it names and without what it tells the answerer to do. own: keys of the
    named company's documents; () where none is named. kinds: statements that what is asked for stands on; sure: nothing
    else in the question speaks of another place.
    """

    question: str
    proper: str
    own: frozenset[str]
    years: tuple[int, ...]
    quarter: int | None
    kinds: frozenset[Kind]
    sure: bool


def asked_of(question: str, graph: GraphView) -> Asked:
    company = bound(question, graph)
    core = core_of(question, company)
    measure = read(core)
    kinds = core.wanted.kinds | (_kinds(measure.measure.node) if measure else frozenset())
    sure = bool(core.wanted.kinds) or (measure is not None and not measure.left_over)
    own = frozenset(graph.documents[place].key for place in company.documents) if company.spans else frozenset()
    return Asked(question, proper(question, company), own, core.years, core.quarter, kinds, sure)


def fit_of(facts: NameFacts, asked: Asked) -> float:
    """How well a document's own period is the one asked about, 0 to 1: that of the latest year asked about. A report of the
    year after shows it too."""
    if not facts.year or not asked.years:
        return 0.0
    late = int(facts.year) - max(asked.years)
    if late not in (0, 1):
        return 0.0
    other = asked.quarter is not None and facts.period not in ("", f"Q{asked.quarter}")
    return (0.3 if late else 1.0) * (0.5 if other else 1.0)


def _kinds(node: Node) -> frozenset[Kind]:
    match node:
        case Item():
            return frozenset({node.term.kind})
        case Labelled():
            return node.kinds
        case OverYears():
            return _kinds(node.item)
        case Joined():
            return _kinds(node.left) | _kinds(node.right)
    return frozenset()
