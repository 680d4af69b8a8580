"""A whole pipeline on small honest parts: nothing is stubbed out, each part merely does its work in memory.

The gate, the judges, the journey, the selector and the bots are the real ones. The log keeps events in memory and calls
them durable once a ticket was waited for; rails and models follow a script.
"""

from __future__ import annotations

import json
import re
import threading
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from audit.format.kind import Kind
from moderation.gate import StreamGate
from moderation.pii.pseudonyms import ModelMessages
from moderation.pii.pseudonyms import Pseudonyms as RealPseudonyms
from moderation.rails.base import Seen
from moderation.types import Allow, Block, Direction, Finding, Redact, Steer, Verdict
from orchestrator.bots.base import NO_EVIDENCE, Ask, Bot, BotEvidence, Piece, Question, Role
from orchestrator.bots.onprem import OnPremBot
from orchestrator.errors import ConversationUnknown, RecordUnavailable
from orchestrator.journey.dependencies import Dependencies
from orchestrator.journey.outgoing import Answer, Outgoing, RefusalOut, SegmentOut
from orchestrator.journey.pipeline import Pipeline
from orchestrator.judging.judges import UNEMBEDDED, Judges
from orchestrator.judging.pinned_policy import PinnedPolicy
from orchestrator.ports import OpenPseudonyms, Passage
from orchestrator.selection.breaker import Breaker
from orchestrator.selection.routes import BotRoute, Routes
from orchestrator.selection.selector import Evidence, Selector
from orchestrator.types import Candidate, Query, Route, Turn
from tests.support.evidence import open_book

DIMENSIONS = 256
POLICY = "aa" * 32
"""Digest of the policy that these deployments say is in force."""
LONG_S = 20.0
"""How long a test waits for what must happen; reached only when it fails."""


class Words:
    """Embeds a text as its hashed words. `fails` tells for which texts the encoder breaks."""

    def __init__(self, fails: Callable[[str], bool] = lambda _text: False) -> None:
        self.fails, self.seen = fails, list[str]()

    def __call__(self, texts: Sequence[str], /) -> np.ndarray:
        vectors = np.zeros((len(texts), DIMENSIONS), np.float32)
        for row, text in enumerate(texts):
            self.seen.append(text)
            if self.fails(text):
                raise RuntimeError(f"cannot embed {text}")
            for word in re.findall(r"\w+", text.lower()):
                vectors[row, zlib.crc32(word.encode()) % DIMENSIONS] += 1
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: np.ndarray = vectors / np.maximum(norms, 1e-9)
        return unit


@dataclass(frozen=True)
class Event:
    kind: str
    body: Mapping[str, Any]
    labels: Mapping[str, str]


class Log:
    """The audit log of one query. `breaks(number, kind)` says at which event it can no longer be written;
    `late`: appending still works then, and only waiting for durability fails."""

    def __init__(self, breaks: Callable[[int, str], bool] = lambda _number, _kind: False, late: bool = False) -> None:
        self.events: list[Event] = []
        self.durable = -1
        self._breaks, self._late = breaks, late
        self._broken = False
        self._lock = threading.Lock()

    def append(
        self, kind: Kind, body: Mapping[str, Any], *, labels: Mapping[str, str] | None = None, model: str = ""
    ) -> Ticket:
        json.dumps(body)  # a body is JSON
        assert kind.misfits(body, labels or {}) == []
        with self._lock:
            self._broken = self._broken or self._breaks(len(self.events), kind.name)
            if self._broken and not self._late:
                raise RecordUnavailable("the log cannot be written; try again shortly")
            self.events.append(Event(kind.name, body, labels or {}))
            return Ticket(self, len(self.events) - 1, self._broken)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def bodies(self, kind: str) -> list[Mapping[str, Any]]:
        return [event.body for event in self.events if event.kind == kind]

    def is_durable(self, kind: str, **fields: Any) -> bool:
        return any(
            event.kind == kind and all(event.body.get(name) == value for name, value in fields.items())
            for event in self.events[: self.durable + 1]
        )


@dataclass(frozen=True)
class Ticket:
    log: Log
    number: int
    broken: bool

    def wait(self) -> Mapping[str, Any]:
        if self.broken:
            raise RecordUnavailable("the log cannot be written; try again shortly")
        self.log.durable = max(self.log.durable, self.number)
        return {"log": "test", "seq": self.number, "leaf": "00", "event_id": str(self.number)}


Rule = Callable[[str, Seen], Verdict | BaseException | threading.Event | None]


class ScriptedRails:
    """Rails that follow a rule: a verdict, an error to raise, or an event to wait for before allowing.

    open: rails whose written fail mode is to allow.
    """

    def __init__(self, rule: Rule, open: frozenset[str] = frozenset(), names: tuple[str, ...] = ("calm", "stern")) -> None:
        self._rule, self._open, self._names = rule, open, names
        self.seen: deque[str] = deque(maxlen=10_000)
        """Texts, and what came before them, as the rails were shown them lately."""

    def names(self, direction: Direction) -> tuple[str, ...]:
        return self._names

    def judge(self, rail: str, seen: Seen) -> Verdict:
        self.seen += (seen.text, seen.before)
        match self._rule(rail, seen):
            case BaseException() as error:
                raise error
            case threading.Event() as gate:
                gate.wait(LONG_S)
            case None:
                pass
            case verdict:
                return verdict
        return Allow(finding(rail))

    def screen(self, text: str) -> Verdict:
        match self._rule("screen", Seen(Direction.INPUT, text, UNEMBEDDED)):
            case BaseException() as error:
                raise error
            case Allow() | Block() as verdict:
                return verdict
        return Allow(finding("screen"))

    def fail(self, rail: str, direction: Direction, why: str) -> Verdict:
        failure = replace(finding(rail, why), category="failure")
        return Allow(failure) if rail in self._open else replace(block(rail, why), finding=failure)


def finding(rail: str, reason: str = "") -> Finding:
    return Finding(rail, "category", 0.25, 0.5, reason)


def block(rail: str = "stern", reason: str = "") -> Block:
    return Block(finding(rail, reason), "I cannot help with that.", ("Ask something else",))


def steer(instruction: str, rail: str = "stern") -> Steer:
    return Steer(finding(rail), instruction)


def redact(text: str, rail: str = "stern") -> Redact:
    return Redact(finding(rail), text)


def on(direction: Direction, word: str, result: Verdict | BaseException | threading.Event, rail: str = "stern") -> Rule:
    """A rule: that rail does so for texts of that direction that hold the word."""
    return lambda judging, seen: result if (judging, seen.direction) == (rail, direction) and word in seen.text else None


class ScriptedModel:
    """Says its scripts, one for each time it is asked (the last one again and again). A script's item is text
    to say, an event to wait for, or an exception to raise."""

    def __init__(self, *scripts: Sequence[str | threading.Event | Exception], name: str = "scripted") -> None:
        self.name, self.digest = name, "dd" * 32
        self._scripts = scripts
        self.asked: list[Sequence[tuple[str, str]]] = []
        self.spoke = threading.Event()
        self.cancelled = threading.Event()
        self.closed = threading.Event()

    def stream(
        self, messages: Sequence[tuple[str, str]], sampling: Mapping[str, Any], cancel: threading.Event, scope: str = ""
    ) -> Generator[str, None, Mapping[str, Any]]:
        script = self._scripts[min(len(self.asked), len(self._scripts) - 1)]
        self.asked.append(messages)
        try:
            for item in script:
                if cancel.is_set():
                    break
                match item:
                    case str():
                        yield item
                        self.spoke.set()
                    case threading.Event():
                        while not (item.wait(0.005) or cancel.is_set()):
                            pass
                    case error:
                        raise error
            return {"prompt_tokens": 7, "completion_tokens": 5, "finish_reason": "stop"}
        finally:
            if cancel.is_set():
                self.cancelled.set()
            self.closed.set()


class ScriptedBot:
    """A bot that says given pieces; an exception among them is raised."""

    role = Role.MEMORY

    def __init__(self, name: str, *pieces: Piece | Exception, leaves_boundary: bool = False) -> None:
        self.name, self.leaves_boundary, self._pieces = name, leaves_boundary, pieces
        self.asked: list[Ask] = []
        self.when_asked: Callable[[], None] = lambda: None

    def evidence(self, question: Question) -> BotEvidence:
        return NO_EVIDENCE

    def answer(self, ask: Ask) -> Iterator[Piece]:
        self.asked.append(ask)
        self.when_asked()
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece


class Pseudonyms:
    """Knows the names it is given, and nothing else of persons."""

    def __init__(self, known: Mapping[str, str], dumped: bytes | None) -> None:
        self._known = known
        self._tags: dict[str, str] = json.loads(dumped) if dumped else {}

    def redact(self, text: str) -> tuple[str, Mapping[str, int]]:
        counts: dict[str, int] = {}
        for original, entity in self._known.items():
            if original in text:
                number = sum(tag.startswith(f"<{entity}_") for tag in self._tags.values()) + 1
                tag = self._tags.setdefault(original, f"<{entity}_{number}>")
                text = text.replace(original, tag)
                counts[entity] = counts.get(entity, 0) + 1
        return text, counts

    def cover(self, messages: Sequence[tuple[str, str]]) -> ModelMessages:
        """Tags are what the model reads; what it writes is read as it is."""
        return RealPseudonyms().cover(messages)

    def restore(self, text: str, before: str) -> tuple[str, int]:
        for original, tag in self._tags.items():
            text = text.replace(tag, original)
        return text, 0

    def dump(self) -> bytes:
        return json.dumps(self._tags).encode()


@dataclass
class Redactor:
    known: Mapping[str, str] = field(default_factory=dict)

    def open(self, dumped: bytes | None) -> Pseudonyms:
        return Pseudonyms(self.known, dumped)


class Memory:
    """Conversations in a dictionary; `broken` makes it raise instead of saving turns or pseudonyms."""

    def __init__(self) -> None:
        self.turns: dict[str, list[tuple[Turn, str]]] = {}
        self.pseudonyms: dict[str, bytes] = {}
        self.broken: dict[str, Exception] = {}

    def load(self, tenant: str, subject: str, conversation: str) -> tuple[bytes | None, Sequence[Turn]]:
        if conversation not in self.turns:
            raise ConversationUnknown(f"conversation '{conversation}' is unknown")
        said = [turn for turn, outcome in self.turns[conversation] if outcome == "answered"]
        return self.pseudonyms.get(conversation), said

    def save_pseudonyms(self, tenant: str, subject: str, conversation: str, dumped: bytes) -> None:
        if error := self.broken.get("pseudonyms"):
            raise error
        self.pseudonyms[conversation] = dumped

    def save_turn(self, tenant: str, subject: str, conversation: str, query: str, turn: Turn, outcome: str) -> None:
        if error := self.broken.get("turn"):
            raise error
        self.turns.setdefault(conversation, []).append((turn, outcome))


class Meter:
    def __init__(self) -> None:
        self.unrecorded = self.left_out = 0
        self.outcomes: list[str] = []

    def verdict(self, direction: str, rail: str, verdict: str, seconds: float) -> None: ...
    def step(self, step: str, seconds: float) -> None: ...
    def route(self, bot: str) -> None: ...
    def entities(self, counts: Mapping[str, int]) -> None: ...
    def tokens(self, kind: str, count: int) -> None: ...
    def unrestored(self, count: int) -> None: ...

    def screened(self, kept: int, left_out: int) -> None:
        self.left_out += left_out

    def finished(self, bot: str, outcome: str, seconds: float) -> None:
        self.outcomes.append(outcome)

    def refused_unrecorded(self) -> None:
        self.unrecorded += 1


class InOrder(Selector):
    """Chooses the bots in the order of the routes, and remembers the evidence it was shown."""

    def __init__(self, routes: Routes) -> None:
        super().__init__(routes, dict.fromkeys(routes.bots, Role.MEMORY), Words())
        self.evidence: list[Evidence] = []

    def choose(self, embedding: np.ndarray, evidence: Evidence) -> Route:
        self.evidence.append(evidence)
        first, *rest = [name for name in self.routes.bots if name not in evidence.unavailable]
        return Route(first, tuple(rest), (Candidate(first, 1.0, "comes first"),))


@dataclass
class RunningDeployment:
    """One pipeline and everything it touched."""

    pipeline: Pipeline
    log: Log
    memory: Memory
    meter: Meter
    embed: Words
    rails: ScriptedRails
    spans: InMemorySpanExporter
    dependencies: Dependencies

    def start(
        self, text: str = "What is inflation?", conversation: str = "c1", **more: Any
    ) -> Generator[Outgoing, None, None]:
        asked = Query("q1", conversation, "bank", "subject:1", "actor:1", frozenset({"staff"}), text, **more)
        going: Generator[Outgoing, None, None] = self.pipeline.answer(asked)  # type: ignore[assignment]
        return going

    def ask(self, text: str = "What is inflation?", **more: Any) -> list[Outgoing]:
        return list(self.start(text, **more))


@contextmanager
def running_deployment(
    *bots: Bot,
    model: ScriptedModel | None = None,
    rule: Rule = lambda _rail, _seen: None,
    open: frozenset[str] = frozenset(),
    rails: Any = None,
    log: Log | None = None,
    embed: Words | None = None,
    known: Mapping[str, str] | None = None,
    redact: OpenPseudonyms | None = None,
    passages: Sequence[Passage] | Exception = (),
    rail_timeout_s: float = LONG_S,
    first_piece_s: float = LONG_S,
    deadline_s: float = LONG_S,
    selector: Selector | None = None,
    **more: Any,
) -> Iterator[RunningDeployment]:
    """A pipeline whose bots are asked in the order given (or the onprem bot with `model`)."""
    chain = bots or (OnPremBot(model or ScriptedModel(["All is well and that is that."]), open_book),)
    routes = Routes(
        version=1,
        safest=chain[-1].name,
        bots={
            b.name: BotRoute(exemplars=("a", "b", "c"), deadline_s=deadline_s, first_piece_s=first_piece_s) for b in chain
        },
    )
    log, embed, memory, meter = log or Log(), embed or Words(), Memory(), Meter()
    rails = rails or ScriptedRails(rule, open)
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    pool, rails_pool = ThreadPoolExecutor(8, "journey"), ThreadPoolExecutor(16, "rail")

    def search(question: str, k: int, groups: frozenset[str], embedding: np.ndarray, /) -> Sequence[Passage]:
        if isinstance(passages, Exception):
            raise passages
        return passages[:k]

    policy = PinnedPolicy(POLICY, "test", Judges(rails, rails_pool, meter, rail_timeout_s), redact or Redactor(known or {}))
    dependencies = Dependencies(
        **{
            "memory": memory,
            "policy_for": lambda _query: policy,
            "embed": embed,
            "search": search,
            "selector": selector or InOrder(routes),
            "bots": {b.name: b for b in chain},
            "breakers": {b.name: Breaker() for b in chain},
            "open_record": lambda **_who: log,
            "meter": meter,
            "pool": pool,
            "new_gate": StreamGate,
            "corpus_digest": lambda: "cc" * 32,
            "may_read": lambda documents, _groups: documents,
            **more,
        }
    )
    try:
        yield RunningDeployment(
            Pipeline(dependencies, provider.get_tracer("test")), log, memory, meter, embed, rails, spans, dependencies
        )
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        rails_pool.shutdown(wait=False, cancel_futures=True)
        provider.shutdown()


def until_refused(going: Iterator[Outgoing]) -> tuple[list[Outgoing], RecordUnavailable | None]:
    """What went out, and the error that ended it because the record could not be written."""
    out: list[Outgoing] = []
    try:
        for one in going:
            out.append(one)
    except RecordUnavailable as error:
        return out, error
    return out, None


def text_of(out: Sequence[Outgoing]) -> str:
    return "".join(o.text for o in out if isinstance(o, SegmentOut))


def answer_of(out: Sequence[Outgoing]) -> Answer:
    last = out[-1]
    assert isinstance(last, Answer)
    return last


def refusals(out: Sequence[Outgoing]) -> list[RefusalOut]:
    return [o for o in out if isinstance(o, RefusalOut)]


def bots_at_work() -> list[threading.Thread]:
    """Bots' threads that do not end within LONG_S."""
    threads = [t for t in threading.enumerate() if t.name.startswith("bot-")]
    for thread in threads:
        thread.join(LONG_S)
    return [t for t in threads if t.is_alive()]


def passage(text: str, score: float = 0.9, document: str = "charges") -> Passage:
    return Passage(document, document.title(), 2, "Fees", text, score, score, f"{document}-1")
