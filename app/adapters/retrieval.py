"""Puts the rooms' own classes behind the orchestrator's ports. Translation only: no decision is made here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from audit.append.store import AuditStore
from audit.append.store import Ticket as AuditTicket
from audit.errors import AuditUnavailable
from audit.format.events import Entry
from inference.errors import EngineBusy, EngineFailed, PromptTooLong
from inference.types import Message, Prompt, Sampling
from moderation.pii.pseudonyms import Covered, Pseudonyms, Style
from moderation.pii.redactor import Redactor
from orchestrator.errors import BotUnavailable, RecordUnavailable
from orchestrator.ports import Embed, Passage
from orchestrator.prompting.messages import BEGINNINGS
from orchestrator.types import Query
from retrieval.evidence.support import Evidence, answerable, evidence_text, extract
from retrieval.library import Library
from retrieval.types import Passage as Found

if TYPE_CHECKING:
    from inference.engine.chat import ChatEngine


class Recorded:
    """A ticket whose receipt is plain data. Implements `ports.Ticket`."""

    def __init__(self, ticket: AuditTicket) -> None:
        self._ticket = ticket

    def wait(self) -> Mapping[str, Any]:
        try:
            receipt = self._ticket.wait()
        except AuditUnavailable as error:
            raise RecordUnavailable(str(error)) from error
        return {"log": receipt.log, "seq": receipt.seq, "leaf": receipt.leaf, "event_id": receipt.event_id}


@dataclass(frozen=True)
class QueryRecord:
    """Appends one query's events. Implements `ports.Record`."""

    store: AuditStore
    tenant: str
    query: str
    conversation: str
    actor: str
    subject: str
    trace_id: str
    span_id: str
    policy: str

    def append(
        self, kind: str, body: Mapping[str, Any], *, labels: Mapping[str, str] | None = None, model: str = ""
    ) -> Recorded:
        entry = Entry(
            kind=kind,
            query=self.query,
            conversation=self.conversation,
            actor=self.actor,
            subject=self.subject,
            trace_id=self.trace_id,
            span_id=self.span_id,
            policy_digest=self.policy,
            model_digest=model,
            labels=labels or {},
            body=body,
        )
        try:
            return Recorded(self.store.append(self.tenant, entry))
        except AuditUnavailable as error:
            raise RecordUnavailable(str(error)) from error


@dataclass(frozen=True)
class ShadowRecord:
    """Appends what a candidate policy would have decided. Implements `orchestrator.judging.shadow.Tell`.

    The event is about the query and no part of its journey, which has ended; it is sealed with the same subject's key.
    """

    store: AuditStore

    def __call__(self, query: Query, in_force: str, candidate: str, body: Mapping[str, Any]) -> None:
        labels: dict[str, str | int] = {"about": query.id, "candidate": candidate}
        labels |= {name: int(body[name]) for name in ("compared", "dropped", "differing")}
        self.store.append(
            query.tenant,
            Entry(
                kind="shadowed",
                query=None,
                conversation=None,
                actor="service",
                subject=query.subject,
                policy_digest=in_force,
                labels=labels,
                body=body,
            ),
        )


class ConversationPseudonyms:
    """One conversation's redactor. Implements `ports.Pseudonymise`."""

    def __init__(
        self, redactor: Redactor, pseudonyms: Pseudonyms, entities: frozenset[str], styles: Mapping[str, Style]
    ) -> None:
        self._redactor, self._pseudonyms, self._entities, self._styles = redactor, pseudonyms, entities, styles

    def redact(self, text: str) -> tuple[str, Mapping[str, int]]:
        redaction = self._redactor.redact(text, self._pseudonyms, self._entities)
        self._pseudonyms.prepare(self._styles)
        return redaction.text, redaction.counts

    def cover(self, messages: Sequence[tuple[str, str]]) -> Covered:
        return self._pseudonyms.cover(messages, self._styles)

    def restore(self, text: str, before: str) -> tuple[str, int]:
        return self._pseudonyms.restored(text, before)

    def dump(self) -> bytes:
        return self._pseudonyms.dump()


@dataclass(frozen=True)
class Pseudonymiser:
    """Implements `ports.Redact`."""

    redactor: Redactor
    entities: frozenset[str]
    styles: Mapping[str, Style] = field(default_factory=lambda: {"default": "tag"})

    def open(self, dumped: bytes | None) -> ConversationPseudonyms:
        pseudonyms = Pseudonyms() if dumped is None else Pseudonyms.load(dumped)
        return ConversationPseudonyms(self.redactor, pseudonyms, self.entities, self.styles)


class Supported:
    """Retrieval's judgement of support. Implements `ports.Support`."""

    def __init__(self, embed: Embed) -> None:
        self._embed = embed

    def answerable(self, embedding: np.ndarray, passages: Sequence[Passage], question: str) -> float:
        return answerable(embedding, [_found(p) for p in passages], question)

    def weigh(self, passages: Sequence[Passage]) -> Callable[[str], tuple[int, float]]:
        return Evidence([evidence_text(_found(p)) for p in passages], self._embed).support

    def extract(
        self, embedding: np.ndarray, passages: Sequence[Passage], limit: int, question: str
    ) -> Sequence[tuple[str, int]]:
        found = [_found(p) for p in passages]
        chosen = extract(embedding, found, self._embed, limit, question)
        place = {p.chunk_id: n for n, p in enumerate(found)}
        return [(sentence, place[passage.chunk_id]) for sentence, passage, _ in chosen]


@dataclass(frozen=True)
class Searched:
    """Implements `ports.Search` on a library."""

    library: Library

    def __call__(self, question: str, k: int, groups: frozenset[str], embedding: np.ndarray) -> Sequence[Passage]:
        return [_passage(p) for p in self.library.search(question, k, groups, embedding)]


class LoadedLater:
    """The chat model, which is loaded and warmed while the service already answers /healthz. Implements
    `ports.Generate`; until the model is warm, asking it raises BotUnavailable. The event is set once."""

    def __init__(self, name: str, load: Callable[[], ChatEngine]) -> None:
        self.name, self.digest = name, ""
        self._load = load
        self._ready = threading.Event()
        self._engine: ChatEngine | None = None

    def load(self) -> str:
        """Loads and warms the model; called once, by the thread that prepares the service. Returns its state in a word."""
        engine = self._load()
        engine.warm()
        engine.share(BEGINNINGS)
        self._engine, self.digest = engine, engine.digest
        self._ready.set()
        return "ready"

    def close(self) -> None:
        """Ends what is being answered."""
        if self._engine is not None:
            self._engine.close()

    @property
    def ready(self) -> bool:
        return self._ready.is_set()

    def stream(
        self, messages: Sequence[tuple[str, str]], sampling: Mapping[str, Any], cancel: threading.Event, scope: str = ""
    ) -> Generator[str, None, Mapping[str, Any]]:
        engine = self._engine
        if engine is None:
            raise BotUnavailable(f"model {self.name} is still being loaded")
        prompt = Prompt(tuple(Message(role, content) for role, content in messages), reuse=scope or None)
        try:
            stream = engine.stream(prompt, Sampling(**sampling), cancel)
        except PromptTooLong as error:
            raise BotUnavailable("the question and what belongs to it are too long for the model") from error
        except EngineBusy as error:
            raise BotUnavailable(f"the model is busy: {error}") from error
        try:
            while True:
                try:
                    yield next(stream).text
                except StopIteration as end:
                    done = end.value
                    return {
                        "prompt_tokens": done.prompt_tokens,
                        "completion_tokens": done.completion_tokens,
                        "finish_reason": done.finish_reason,
                        "seed": int(sampling.get("seed", 0)),
                        "temperature_micro": round(float(sampling.get("temperature", 0.0)) * 1_000_000),
                    }
                except EngineFailed as error:
                    raise BotUnavailable(str(error)) from error
        finally:
            stream.close()


def _passage(found: Found) -> Passage:
    return Passage(
        document=found.document,
        title=found.title,
        page=found.page,
        section=found.section,
        text=found.text,
        score=found.score,
        dense=found.dense,
        chunk=found.chunk_id,
    )


def _found(passage: Passage) -> Found:
    return Found(
        chunk_id=passage.chunk,
        document=passage.document,
        source=passage.document,
        title=passage.title,
        page=passage.page,
        section=passage.section,
        text=passage.text,
        score=passage.score,
        dense=passage.dense,
        rank=0,
    )
