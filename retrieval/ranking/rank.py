"""Pages ranked by all that speaks for them, and of each page the passage that answers best.

Candidates are the best of each list: passages by words, passages by meaning, pages by words, and the statements asked for.
Each page's features are weighed and summed (`weights`), as scores and not as ranks: a page that one list is sure of is not
lost for another list's indifference. Invariant: nothing outside the view is a candidate or moves a score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.documents.file_names import describe
from retrieval.graph.view import GraphView
from retrieval.index.corpus import Corpus, View, best_of
from retrieval.index.fusion import Place
from retrieval.index.postings import NAMES, WHOLE
from retrieval.ranking.asked import Asked, fit_of
from retrieval.ranking.page_kinds import is_listing, is_signature, statement_pages
from retrieval.ranking.weights import FURTHER, UNSURE, WEIGHTS
from retrieval.types import Vectors

_DEPTH = 100  # of each list
_OWN_MOST = 50_000  # rows of a named company's documents that are all compared, and not only the lists' best


@dataclass(frozen=True)
class Ranked:
    """A passage's row, its score, and why: for each sign its value and what it adds to the page's score."""

    row: int
    score: float
    why: tuple[tuple[str, float, float], ...]


class Ranker:
    """Ranks the passages of one corpus. What it learns of pages is kept; threads that race find the same twice."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._facts = [describe(document.document) for document in corpus.contents.documents]
        self._numbers = {document.key: number for number, document in enumerate(corpus.contents.documents)}
        self._listings: dict[int, bool] = {}
        self._signatures: dict[int, int] = {}

    def rank(
        self, asked: Asked, embedding: Vectors, words: Mapping[str, float], view: View, graph: GraphView, k: int
    ) -> list[Ranked]:
        """At least the k best passages of the view, best first. embedding: the question's, of unit length. Raises
        RightsBroken where a page or a passage of another view is a candidate."""
        corpus = self._corpus
        by_words = view.row_scores(words)
        by_page = view.page_scores(words, WHOLE)
        by_names = view.page_scores(words, NAMES)
        own = self._own_rows(asked)
        depth = max(_DEPTH, 4 * k)
        chosen = [row for row, _ in view.dense(embedding, depth)]
        chosen += [int(row) for row in best_of(by_words, depth) if by_words[row] > 0]
        if len(own):
            near = corpus.contents.vectors[own] @ embedding
            chosen += [int(own[at]) for at in best_of(near, depth)]
            chosen += [int(own[at]) for at in best_of(by_words[own], depth)]
        statements = self._statements(asked, graph)
        pages = set(corpus.pages.of_row[chosen].tolist())
        pages |= {int(page) for page in best_of(by_page, depth) if by_page[page] > 0}
        pages |= {page for page in statements if self._document(page) in self._own(asked)}
        candidates = np.array(sorted(pages), np.int64)
        rows = [corpus.pages.rows(page) for page in candidates]
        flat = view.own_rows(np.concatenate(rows))
        meaning = corpus.contents.vectors[flat] @ embedding
        features = self._features(asked, candidates, statements)
        mine = features["company asked about"] > 0
        starts = np.cumsum([0, *(len(one) for one in rows)])[:-1]
        features |= {
            "words of the passage": _share(np.maximum.reduceat(by_words[flat], starts), mine),
            "words of the page": _share(by_page[candidates], mine),
            "names of sections, rows and columns": _share(by_names[candidates], mine),
            "meaning": np.maximum.reduceat(meaning, starts),
        }
        added = {name: weight * features[name] for name, weight in WEIGHTS.items()}
        scores = np.sum(list(added.values()), axis=0)
        of_words = by_words[flat] / max(float(by_words[flat].max()), 1e-9)
        passages = (of_words * WEIGHTS["words of the passage"] + meaning * WEIGHTS["meaning"]).astype(np.float32)
        found: list[Ranked] = []
        for at, (start, own_rows) in enumerate(zip(starts, rows, strict=True)):
            best = passages[start : start + len(own_rows)].max()
            why = tuple((name, float(features[name][at]), float(added[name][at])) for name in WEIGHTS)
            first = True
            for offset in np.argsort(-passages[start : start + len(own_rows)], kind="stable"):
                behind = float(best - passages[start + offset]) + (0.0 if first else FURTHER)
                found.append(Ranked(int(own_rows[offset]), float(scores[at]) - behind, why))
                first = not corpus.pages.places[candidates[at]].paged
        return sorted(found, key=lambda one: (-one.score, one.row))

    def _features(self, asked: Asked, pages: npt.NDArray[np.int64], statements: Mapping[int, float]) -> dict[str, Vectors]:
        own = self._own(asked)
        documents = [self._document(page) for page in pages]
        found = {
            "statement asked for": [statements.get(int(page), 0.0) for page in pages],
            "company asked about": [float(document in own) for document in documents],
            "year asked about": [fit_of(self._facts[document], asked) for document in documents],
            "contents or exhibits": [float(self._is_listing(int(page))) for page in pages],
            "behind the signatures": [float(self._is_behind(int(page))) for page in pages],
        }
        return {name: np.array(values, np.float32) for name, values in found.items()}

    def _statements(self, asked: Asked, graph: GraphView) -> dict[int, float]:
        """The pages of the statements that are asked for, among the named company's documents, or among all."""
        if not asked.kinds:
            return {}
        found: dict[int, float] = {}
        for document in graph.documents:
            if asked.own and document.key not in asked.own:
                continue
            number = self._numbers[document.key]
            for page, kinds in statement_pages(document).items():
                place = self._corpus.pages.numbers.get(Place(number, page, paged=True))
                if place is not None and kinds & asked.kinds:
                    found[place] = 1.0 if asked.sure else UNSURE
        return found

    def _own(self, asked: Asked) -> frozenset[int]:
        return frozenset(self._numbers[key] for key in asked.own)

    def _own_rows(self, asked: Asked) -> npt.NDArray[np.int64]:
        rows = (
            np.flatnonzero(np.isin(self._corpus.document_of, list(self._own(asked)))) if asked.own else np.zeros(0, np.int64)
        )
        return rows if len(rows) <= _OWN_MOST else rows[:0]

    def _document(self, page: int) -> int:
        return self._corpus.pages.places[page].document

    def _is_listing(self, page: int) -> bool:
        if page not in self._listings:
            self._listings[page] = self._corpus.pages.places[page].paged and is_listing(self._text(page))
        return self._listings[page]

    def _is_behind(self, page: int) -> bool:
        """Whether the page lies behind its document's first page of signatures."""
        place = self._corpus.pages.places[page]
        if not place.paged:
            return False
        if place.document not in self._signatures:
            own = np.flatnonzero(self._corpus.document_of == place.document)
            rows = (self._corpus.contents.rows[row] for row in own)
            signed = [row["page"] for row in rows if row["page"] is not None and is_signature(row["text"], row["page"])]
            self._signatures[place.document] = min(signed, default=1 << 30)
        return place.stretch > self._signatures[place.document]

    def _text(self, page: int) -> str:
        return "\n".join(self._corpus.contents.rows[row]["text"] for row in self._corpus.pages.rows(page))


def _share(scores: Vectors, mine: npt.NDArray[np.bool_]) -> Vectors:
    """Scores as shares of the best one: of the named company's, where one is named and any of its pages has the words."""
    best = float(scores[mine].max()) if mine.any() else 0.0
    best = best or float(scores.max())
    return np.minimum(scores / best, 1.0).astype(np.float32) if best > 0 else scores
