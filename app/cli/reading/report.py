"""What an ingest read and how well: pages, tables, language, OCR, near-duplicates, kinds of personal data, orders.

Invariant: of personal data only kinds and counts leave this file, never a value.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from retrieval.documents.quality.facts import Facts
from retrieval.documents.quality.near import near, sketch
from retrieval.documents.quality.scripts import LATIN, script_of

if TYPE_CHECKING:
    from retrieval.library import Library
    from retrieval.types import IngestReport

WIDTH = 80
Find = Callable[[str], Sequence[tuple[str, str]]]
"""Personal data in a text: (kind, value)."""


@dataclass(frozen=True)
class Read:
    """One document that was read. language: ISO 639-1, or the script where it is not Latin.

    alike: (another document's key, share of its words' runs).
    personal: kinds with how many different values, None where nothing could look for them. orders: passages that read like
    an instruction to the machine, which no answer uses.
    """

    key: str
    kind: str
    facts: Facts
    passages: int
    language: str
    alike: tuple[tuple[str, float], ...]
    personal: Mapping[str, int] | None
    orders: int


def read_documents(
    library: Library,
    report: IngestReport,
    facts: Mapping[str, Facts],
    find: Find | None,
    orders: Mapping[str, int],
    told: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[Read]:
    """What is to be told of each document that was added or changed.

    facts: by path, as `Noting` keeps them. orders: passages by document. told: progress.
    """
    from orchestrator.understanding.language import language_of

    documents = {one.key: one for one in library.everything()}
    keys = [key for key in (*report.added, *report.changed) if key in documents and documents[key].path in facts]
    texts: dict[str, list[str]] = defaultdict(list)
    for info, passage in library.passages(documents):
        texts[info.key].append(passage.text)
    alike = defaultdict(list)
    for one, other, share in near({key: sketch(said) for key, said in texts.items()}, keys):
        alike[one].append((other, share))
    found = []
    for number, key in enumerate(keys):
        told(number, len(keys))
        info = documents[key]
        said = " ".join(texts[key][:40])
        script = script_of(said)
        language = language_of(said) if script == LATIN else script
        personal = _personal(texts[key], find) if find is not None else None
        kind = Path(info.source).suffix.lower().removeprefix(".")
        found.append(
            Read(key, kind, facts[info.path], info.chunks, language, tuple(alike[key]), personal, orders.get(key, 0))
        )
    told(len(keys), len(keys))
    return found


def _personal(texts: Sequence[str], find: Find) -> dict[str, int]:
    """Different values of each kind: what passages repeat counts once."""
    seen = {(kind, " ".join(value.lower().split())) for text in texts for kind, value in find(text)}
    return dict(sorted(Counter(kind for kind, _ in seen).items()))


def lines(documents: Sequence[Read]) -> Iterator[str]:
    """For a terminal of 80 columns: a document's key whole on a line of its own, then what is told of it."""
    for one in documents:
        yield one.key
        for said in _said(one):
            yield from wrap(said, WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False)
    if documents:
        yield ""
        yield from wrap(_summary(documents), WIDTH)


def _said(one: Read) -> Iterator[str]:
    facts = one.facts
    parts = [one.kind, *([_many(facts.pages, "page")] if facts.pages else []), _many(facts.tables, "table")]
    parts += [_many(facts.words, "word"), _many(one.passages, "passage"), f"language {one.language}"]
    yield ", ".join(parts)
    if facts.scanned:
        yield f"{_many(facts.scanned, 'page')} read by OCR, {facts.sure} % sure"
    if facts.empty:
        yield f"{_many(facts.empty, 'page')} without text"
    for other, share in one.alike:
        yield f"{share:.0%} the same as {other}"
    if one.personal:
        yield "personal data: " + ", ".join(f"{count} {_kind(kind)}" for kind, count in one.personal.items())
    elif one.personal is None:
        yield "personal data: not looked for, its model is missing (countersign models pull)"
    if one.orders:
        yield f"{_many(one.orders, 'passage')} that {'reads' if one.orders == 1 else 'read'} like an instruction"


def _summary(documents: Sequence[Read]) -> str:
    facts = [one.facts for one in documents]
    languages = Counter(one.language for one in documents)
    spoken = ", ".join(f"{name} {count}" for name, count in languages.most_common())
    parts = [
        _many(len(documents), "document"),
        _many(sum(one.pages or 0 for one in facts), "page"),
        f"{sum(one.scanned for one in facts)} by OCR",
        f"{sum(one.empty for one in facts)} without text",
        _many(sum(one.tables for one in facts), "table"),
        f"languages: {spoken}",
    ]
    return f"read: {', '.join(parts)}"


def rows(documents: Sequence[Read], report: IngestReport) -> Iterator[dict[str, Any]]:
    """For machines: a row for each document, for each file that was not read, and one for the whole."""
    for one in documents:
        facts = one.facts
        yield {
            "document": one.key,
            "kind": one.kind,
            "pages": facts.pages,
            "pages_by_ocr": facts.scanned,
            "ocr_sure_percent": facts.sure if facts.scanned else None,
            "pages_without_text": facts.empty,
            "tables": facts.tables,
            "words": facts.words,
            "passages": one.passages,
            "language": one.language,
            "alike": [{"document": other, "share": round(share, 3)} for other, share in one.alike],
            "personal_data": one.personal,
            "orders": one.orders,
            "notes": [remark.text for remark in report.remarks if remark.key == one.key],
        }
    for problem in (*report.problems, *report.passed_over):
        yield {"not_read": problem.path, "reason": problem.reason}
    yield {
        "added": len(report.added),
        "changed": len(report.changed),
        "unchanged": len(report.unchanged),
        "removed": list(report.removed),
        "not_read": len(report.problems) + len(report.passed_over),
        "pages": report.pages_read,
        "passages_embedded": report.chunks_embedded,
        "digest": report.digest,
    }


def _many(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _kind(name: str) -> str:
    return name.replace("_", " ").lower()
