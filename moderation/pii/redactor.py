"""Personal data: found by a cascade inside Presidio's frame, replaced by tags that only this conversation can turn back.

Cascade: identifiers that a checksum or a form proves, then addresses, then names by their cues, then the NER model,
doubted; then one reading of the text.
Invariant: `find` returns sorted spans that do not overlap, and no network or file is touched after `load`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.context_aware_enhancers import ContextAwareEnhancer

from moderation.pii.entities import ENTITIES, PSEUDONYMISED, PiiError, known_entities
from moderation.pii.pseudonyms import LITERAL, TAG, PseudonymError, Pseudonyms, bare_name, is_tag, name_words
from moderation.pii.recognisers.accounts import (
    AccountRecogniser,
    CardRecogniser,
    IbanRecogniser,
    SocialSecurityRecogniser,
    UnitedKingdomRecogniser,
)
from moderation.pii.recognisers.address.grammar import AddressRecogniser
from moderation.pii.recognisers.base import SpanRecogniser
from moderation.pii.recognisers.contacts import (
    InternetRecogniser,
    MailRecogniser,
    PhoneRecogniser,
    WebRecogniser,
    suffixes,
)
from moderation.pii.recognisers.documents import DateRecogniser, DocumentRecogniser
from moderation.pii.recognisers.people.cues import NameRecogniser, coordinate, introduced
from moderation.pii.recognisers.people.known import Spellings, named_again
from moderation.pii.recognisers.people.ner_entities import CompanyRecogniser, NerRecogniser
from moderation.pii.recognisers.people.spacy_engine import FolderNlpEngine
from moderation.pii.recognisers.resolve import Ground, resolve
from moderation.pii.recognisers.secrets import SecretRecogniser
from moderation.pii.recognisers.states import StateRecogniser
from moderation.pii.recognisers.stock import StockRecogniser
from moderation.pii.word_lists import common, ordinary
from moderation.secrets import MARKER
from moderation.text.visible import given, shown
from moderation.types import PiiSpan

__all__ = [
    "ENTITIES",
    "PSEUDONYMISED",
    "PiiError",
    "PseudonymError",
    "Pseudonyms",
    "Redaction",
    "Redactor",
    "known_entities",
]

_THRESHOLD = 0.4
# A date, a web site or a street in an answer comes from a document and says nothing about who asked.
_PUBLIC = frozenset(("DATE_TIME", "DOMAIN_NAME", "ADDRESS"))
_NAMES = frozenset(("PERSON", "ORGANIZATION", "LOCATION"))


@dataclass(frozen=True)
class Redaction:
    """`text` with tags for `spans` (offsets in the original); `counts` by entity."""

    text: str
    spans: tuple[PiiSpan, ...]
    counts: dict[str, int]


Products = Callable[[], frozenset[str]]
"""What the firm's products are called at the moment."""


class Redactor:
    """Finds and replaces personal data. Immutable after `load`; callers on many threads share one."""

    def __init__(
        self,
        engine: AnalyzerEngine,
        patterned: tuple[SpanRecogniser, ...],
        allow: Iterable[str],
        products: Products = frozenset,
    ) -> None:
        self._engine = engine
        self._patterned = patterned
        self._allow = _any_of(frozenset(allow))
        self._products = products

    def knowing(self, products: Products) -> Redactor:
        """The same, with the names of products that change while the service runs: asked at every text. They are taken for a
        person's only where the words around say so ("my name is Aurora")."""
        known = copy(self)
        known._products = products
        return known

    @classmethod
    def load(cls, ner_path: Path, *, allow: Iterable[str] = ()) -> Redactor:
        """`ner_path` is the folder that spaCy loads; `allow` names the firm and its products, never redacted as names.

        Raises PiiError where there is no model."""
        if not (Path(ner_path) / "meta.json").is_file():
            raise PiiError(
                f"{ner_path}: no spaCy model here (meta.json is missing); run `countersign models pull en-core-web-md`"
            )
        patterned = patterned_recognisers()
        nlp = FolderNlpEngine(Path(ner_path))
        try:
            nlp.load()
        except ValueError as foreign:
            raise PiiError(
                f"{ner_path}: this spaCy model cannot be read, {foreign}; run `countersign models pull en-core-web-md`"
            ) from foreign
        registry = RecognizerRegistry(
            recognizers=[
                SecretRecogniser(),
                *patterned,
                NameRecogniser(nlp.lexicon),
                CompanyRecogniser(),
                NerRecogniser(nlp.lexicon),
            ],
            supported_languages=["en"],
        )
        engine = AnalyzerEngine(
            registry=registry,
            nlp_engine=nlp,
            context_aware_enhancer=_NoEnhancer(),
            default_score_threshold=_THRESHOLD,
        )
        suffixes()("example.org")
        common()
        return cls(engine, patterned, allow)

    def find(self, text: str) -> list[PiiSpan]:
        """Every personal datum in `text`: sorted, not overlapping."""
        seen = shown(text)
        return [s for s in given(seen, self._find(seen.text)) if s.end > s.start]

    def _find(self, text: str) -> list[PiiSpan]:
        if not text or text.isspace():
            return []
        results = self._engine.analyze(text, "en")
        found = [PiiSpan(r.start, r.end, r.entity_type, r.score) for r in results]
        return self._allowed(text, coordinate(text, resolve(text, found)))

    def find_hard(self, text: str) -> list[PiiSpan]:
        """Only identifiers that a pattern or a checksum shows: no model, well under a millisecond for a sentence."""
        if not any(c.isdigit() or c == "@" for c in text):
            return []
        seen = shown(text)
        spans = [s for r in self._patterned if not _PUBLIC.issuperset(r.finds) for s in r.spans(seen.text)]
        places = given(seen, [s for s in resolve(seen.text, spans) if s.entity not in _PUBLIC])
        return [s for s in places if s.end > s.start]

    def redact(self, text: str, pseudonyms: Pseudonyms, entities: frozenset[str] = PSEUDONYMISED) -> Redaction:
        """Replaces what `entities` names, and whatever in the text already looks like a tag. A secret leaves no trace.
        What is remembered of an original is how it is read: without what was hidden in it.

        Raises PiiError for an entity that nothing finds."""
        entities = known_entities(entities)
        seen = shown(text)
        read = seen.text
        literal = [PiiSpan(m.start(), m.end(), LITERAL, 1.0) for m in TAG.finditer(read) if is_tag(m)]
        wanted = entities | {LITERAL}
        first = [_name_alone(read, s) for s in resolve(read, [*literal, *self._find(read)]) if s.entity in wanted]
        self._tag(read, first, pseudonyms)
        # What was found here or in an earlier turn, wherever else it stands: "meyer" in the line below "Anna Meyer".
        again = [*pseudonyms.known(read), *named_again(read, tuple(pseudonyms.people().values()))]
        known = [s for s in self._allowed(read, again) if s.entity in entities]
        spans = resolve(read, [*literal, *_merge(first, known)])
        chosen = [_name_alone(read, s) for s in spans if s.entity in wanted]
        replaced = self._tag(read, chosen, pseudonyms)
        places = given(seen, chosen)
        out: list[str] = []
        at = 0
        for span, place in zip(chosen, places, strict=True):
            out += [text[at : place.start], replaced[span]]
            at = place.end
        out.append(text[at:])
        counts = Counter(s.entity for s in chosen if s.entity != LITERAL)
        return Redaction("".join(out), tuple(s for s in places if s.end > s.start), dict(counts))

    @staticmethod
    def _tag(read: str, spans: list[PiiSpan], pseudonyms: Pseudonyms) -> dict[PiiSpan, str]:
        """What stands for each span. The fullest names first, so that "Meyer" on one line finds "Anna Meyer" on the next."""
        tags: dict[PiiSpan, str] = {}
        known = Spellings(pseudonyms.people())
        for span in sorted(spans, key=lambda s: (s.start - s.end, s.start)):
            original = read[span.start : span.end]
            if span.entity == "PERSON":
                original = known.spelt(original)
            tags[span] = MARKER if span.entity == "SECRET" else pseudonyms.tag(span.entity, original)
            if span.entity == "PERSON":
                known.add(tags[span], name_words(original))
        return tags

    def _allowed(self, text: str, spans: list[PiiSpan]) -> list[PiiSpan]:
        """Without names that are part of an allowed term; of a name that reaches beyond one, the rest stays found."""
        told = introduced(text)
        surely = [s for s in spans if s.entity == "PERSON" and any(a < s.end and s.start < z for a, z in told)]
        likely = self._less(text, [s for s in spans if s not in surely], _any_of(self._products()))
        return self._less(text, sorted([*likely, *surely], key=lambda s: s.start), self._allow)

    def _less(self, text: str, spans: list[PiiSpan], allow: re.Pattern[str] | None) -> list[PiiSpan]:
        if allow is None or not spans:
            return spans
        terms = [PiiSpan(m.start(), m.end(), "LITERAL", 1.0) for m in allow.finditer(text)]
        if not terms:
            return spans
        allowed = Ground(terms)
        touched = {s for s in spans if s.entity in _NAMES and allowed.taken(s.start, s.end)}
        kept = set(terms)
        rest = [s for s in resolve(text, [*terms, *touched]) if s not in kept and not ordinary(text[s.start : s.end])]
        return sorted([*(s for s in spans if s not in touched), *rest], key=lambda s: s.start)


@lru_cache(maxsize=8)
def _any_of(terms: frozenset[str]) -> re.Pattern[str] | None:
    """Whatever stands for one of these, the longest first; None where there are none."""
    ordered = sorted({" ".join(term.split()) for term in terms if term.strip()}, key=lambda term: (-len(term), term))
    body = "|".join(r"\s+".join(map(re.escape, term.split())) for term in ordered)
    return re.compile(rf"(?<!\w)(?:{body})(?!\w)", re.I) if ordered else None


class _NoEnhancer(ContextAwareEnhancer):  # type: ignore[misc, unused-ignore]
    """Our recognisers read their own context; Presidio's lemma search would cost more than all of them."""

    def __init__(self) -> None:
        super().__init__(0.0, 0.0, 0, 0)

    def enhance_using_context(self, text: str, raw_results: list[Any], *args: Any, **kwargs: Any) -> list[Any]:
        return raw_results


def patterned_recognisers() -> tuple[SpanRecogniser, ...]:
    """The recognisers that need no model, strongest first."""
    return (
        MailRecogniser(),
        WebRecogniser(),
        InternetRecogniser(),
        CardRecogniser(),
        IbanRecogniser(),
        SocialSecurityRecogniser(),
        UnitedKingdomRecogniser(),
        StateRecogniser(),
        DocumentRecogniser(),
        AccountRecogniser(),
        DateRecogniser(),
        PhoneRecogniser(),
        AddressRecogniser(),
        StockRecogniser(),
    )


def _merge(found: list[PiiSpan], known: list[PiiSpan]) -> list[PiiSpan]:
    """Known originals replace what they contain or are contained in by less than a name."""
    named = Ground(s for s in found if s.entity in PSEUDONYMISED)
    return [*found, *(k for k in known if not any(s <= k.start and k.end <= e for s, e in named.taken(k.start, k.end)))]


def _name_alone(text: str, span: PiiSpan) -> PiiSpan:
    if span.entity != "PERSON":
        return span
    start, end = bare_name(text[span.start : span.end])
    return PiiSpan(span.start + start, span.start + end, span.entity, span.score)
