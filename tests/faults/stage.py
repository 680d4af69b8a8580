"""Plays adversarial streams to the service and listens like a client: the application, its transports, the journey, the
gate and the judges are the real ones; the rails act by words in the text, and a log in memory tells when it was durable.
"""

from __future__ import annotations

import json
import re
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from opentelemetry.trace import NoOpTracerProvider

from app.wiring.deployment import Deployment
from app.wiring.service import Service
from audit.format.events import Entry
from audit.format.kind import Kind, Whose
from moderation.rails.base import Seen
from moderation.types import Verdict
from orchestrator.bots.base import NO_EVIDENCE, Ask, BotEvidence, Piece, Question, Role
from orchestrator.errors import RecordUnavailable
from orchestrator.journey.pipeline import Pipeline
from orchestrator.ports import Record, Ticket
from orchestrator.selection.breaker import Breaker
from tests.faults.reading import plain
from tests.faults.streams import (
    BLOCKED,
    DIES,
    HANGS,
    NAME,
    RAISES,
    REDACTED,
    STEERED,
    STOPPING,
    BotDied,
    Pause,
    Stream,
)
from tests.support import running_deployment as small
from tests.support.running import running

RAIL_TIMEOUT_S = 0.4
LEFT_OUT = "[left out] "
_NUMBER = re.compile(r"\[(\d+)\]")


def by_words(rail: str, seen: Seen) -> Verdict | BaseException | None:
    """The rule of the one rail here: it acts by words that were not there before, and takes its time."""
    if pause := (0, 0, 0, 0, 0, 0.001, 0.004)[zlib.crc32(seen.text.encode()) % 7]:
        time.sleep(pause)
    before, both = plain(seen.before), plain(seen.before + seen.text)
    new = [word for word in (*STOPPING, REDACTED) if word in both and word not in before]
    if RAISES in new:
        return ValueError(f"the rail broke on {seen.text}")
    if DIES in new:
        return BotDied(f"the rail died on {seen.text}")
    if HANGS in new:
        time.sleep(RAIL_TIMEOUT_S * 1.5)
    if BLOCKED in new:
        return small.block("words")
    if STEERED in new:
        return small.steer("Speak of something else.", "words")
    if REDACTED in new:
        return small.redact(LEFT_OUT, "words")
    return None


def rails_by_words() -> small.ScriptedRails:
    return small.ScriptedRails(by_words, names=("words",))


class Player:
    """The bot: plays the stream whose number stands in the question."""

    name, role, leaves_boundary = "onprem", Role.MEMORY, False

    def __init__(self, find: Callable[[int], Stream]) -> None:
        self._find = find

    def evidence(self, question: Question) -> BotEvidence:
        return NO_EVIDENCE

    def answer(self, ask: Ask) -> Iterator[Piece]:
        found = _NUMBER.search(ask.question)
        assert found
        for step in self._find(int(found.group(1))).steps:
            match step:
                case Pause(seconds):
                    time.sleep(seconds)
                case Exception() | BotDied():
                    raise step
                case _:
                    yield step


_LOOK = Kind("test.look", Whose.ACCESS, "Of a test.")


@dataclass
class Breaking:
    """A record that can no longer be written from one event on; otherwise the one inside."""

    inner: Record
    fails: int | None
    late: bool
    count: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def append(
        self, kind: Kind, body: Mapping[str, Any], *, labels: Mapping[str, str] | None = None, model: str = ""
    ) -> Ticket:
        with self.lock:
            broken = self.fails is not None and self.count >= self.fails
            self.count += 1
        if broken and not self.late:
            raise RecordUnavailable("the log cannot be written; try again shortly")
        ticket = self.inner.append(kind, body, labels=labels, model=model)
        return _Lost() if broken else ticket


class _Lost:
    def wait(self) -> Mapping[str, Any]:
        raise RecordUnavailable("the log cannot be written; try again shortly")


class Quiet:
    """Conversations of a million queries are not kept."""

    def load(self, *_key: str) -> tuple[bytes | None, tuple[()]]:
        return None, ()

    def save_pseudonyms(self, *_args: Any) -> None: ...
    def save_turn(self, *_args: Any) -> None: ...


OpenRecord = Callable[..., Record]


class InMemory:
    """Logs in memory, by query; forgets one when it is taken."""

    def __init__(self) -> None:
        self.logs: dict[str, small.Log] = {}

    def open(self, *, query: str, **_who: str) -> Record:
        log = self.logs[query] = small.Log()
        return log

    def released(self, query: str) -> list[str]:
        """Segments whose events are durable now."""
        log = self.logs.get(query)
        return [str(e.body["text"]) for e in log.events[: log.durable + 1] if e.kind == "released"] if log else []

    def take(self, query: str) -> list[tuple[str, Mapping[str, Any]]]:
        return [(event.kind, event.body) for event in self.logs.pop(query).events]


class Stored(InMemory):
    """Logs in the service's own store."""

    def __init__(self, deployment: Deployment, record: Callable[..., Record]) -> None:
        super().__init__()
        self._deployment, self._record = deployment, record

    def open(self, **who: str) -> Record:
        return self._record(**who)

    def released(self, query: str) -> list[str]:
        return [str(body["text"]) for kind, body in self._read(query) if kind == "released"]

    def take(self, query: str) -> list[tuple[str, Mapping[str, Any]]]:
        """The end of a cancelled query is not waited for by anybody, so this waits for an event after it."""
        self._deployment.audit.append("halden", Entry(_LOOK, None, None, "actor:test", "staff:test")).wait()
        return self._read(query)

    def _read(self, query: str) -> list[tuple[str, Mapping[str, Any]]]:
        return [(event.kind, event.body or {}) for event in self._deployment.reader.query("halden", query)]


@dataclass
class Heard:
    """All that one client was told. strings: every string in every document; durable: whether each segment's event was
    there when its bytes came."""

    status: int = 0
    raw: bytes = b""
    query: str = ""
    strings: list[str] = field(default_factory=list)
    segments: list[str] = field(default_factory=list)
    refused: str = ""
    outcome: str = ""
    error: bool = False
    left: bool = False
    durable: bool = True

    @property
    def text(self) -> str:
        return "".join(self.segments)


class Stage:
    """The service and its listener. Used by several threads, each with its own client."""

    def __init__(self, app: Flask, key: str, record: InMemory, rails: small.ScriptedRails | None) -> None:
        self.record, self.rails = record, rails
        self._app, self._key = app, key
        self._streams: dict[int, Stream] = {}
        self._here = threading.local()

    def find(self, number: int) -> Stream:
        return self._streams[number]

    def open_record(self, **who: str) -> Record:
        stream: Stream = self._here.stream
        self._here.query = who["query"]
        return Breaking(self.record.open(**who), stream.record_fails, stream.late)

    def play(self, stream: Stream) -> Heard:
        self._streams[stream.number] = stream
        self._here.stream, self._here.query = stream, ""
        heard = Heard()
        openai = stream.transport.startswith("openai")
        streamed = stream.transport in ("sse", "openai stream")
        path, asked = asked_of(stream)
        response = self._app.test_client().post(
            path, json=asked, headers={"Authorization": f"Bearer {self._key}"}, buffered=False
        )
        heard.status, heard.query = response.status_code, self._here.query
        parts: list[bytes] = []
        try:
            for number, part in enumerate(response.iter_encoded()):
                if stream.leaves_after is not None and number >= stream.leaves_after:
                    heard.left = True
                    break
                parts.append(part)
                if streamed and listen(part, heard, openai=openai):
                    heard.durable &= len(self.record.released(heard.query)) >= len(heard.segments)
                if stream.reads_slowly:
                    time.sleep(0.003)
        finally:
            response.close()
            del self._streams[stream.number]
        heard.raw = b"".join(parts)
        if not streamed or heard.status != 200:
            document = json.loads(heard.raw)
            hear_whole(document, heard, openai=openai)
        return heard


def listen(part: bytes, heard: Heard, *, openai: bool) -> bool:
    """Understands one event of a stream, as strictly as it is written; whether it brought a segment."""
    if part.startswith(b"{"):
        return False  # a problem document
    told = part.decode("ascii")
    assert told.endswith("\n\n"), part
    lines = told[:-2].split("\n")
    if lines in ([": keep-alive"], ["data: [DONE]"]):
        return False
    name = "" if openai else lines.pop(0).removeprefix("event: ")
    assert len(lines) == 1, part
    assert lines[0].startswith("data: "), part
    document = json.loads(lines[0].removeprefix("data: "))
    heard.strings += strings(document)
    before = len(heard.segments)
    if openai:
        _chunk(document, heard)
    else:
        _event(name, document, heard)
    return len(heard.segments) > before


def asked_of(stream: Stream) -> tuple[str, dict[str, Any]]:
    """The address and the body of the request for its transport."""
    streamed = stream.transport in ("sse", "openai stream")
    if stream.transport.startswith("openai"):
        messages = [{"role": "user", "content": stream.question}]
        return "/v1/chat/completions", {"model": "countersign", "messages": messages, "stream": streamed}
    return "/v1/chat", {"message": stream.question, "stream": streamed}


def _event(name: str, document: dict[str, Any], heard: Heard) -> None:
    assert name in ("route", "segment", "citation", "refusal", "done", "error"), name
    match name:
        case "segment":
            heard.segments.append(document["text"])
        case "refusal":
            heard.refused = document["message"]
        case "done":
            heard.outcome = document["outcome"]
        case "error":
            heard.error = True


def _chunk(document: dict[str, Any], heard: Heard) -> None:
    if "error" in document:
        _hear_error(document, heard)
        return
    for choice in document["choices"]:
        text = choice["delta"].get("content", "")
        if text.startswith(REFUSALS):
            heard.refused = text
        elif text:
            heard.segments.append(text)
    if "countersign" in document:
        heard.outcome = document["countersign"]["outcome"]


def _hear_error(document: dict[str, Any], heard: Heard) -> None:
    """OpenAI's clients are told of an answer that failed by an error: there it is how the answer ended."""
    if document.get("error", {}).get("code") == "answer_failed":
        heard.outcome, heard.refused = "failed", document["error"]["message"]
    else:
        heard.error = True


REFUSALS = ("I cannot help with that.", "I am sorry, I cannot")


def hear_whole(document: dict[str, Any], heard: Heard, *, openai: bool) -> None:
    """Understands an answer that came as one document, or a problem."""
    heard.strings += strings(document)
    if heard.status != 200:
        _hear_error(document, heard)
        return
    if openai:
        heard.outcome = document["countersign"]["outcome"]
        said = document["choices"][0]["message"]["content"]
        at = min((found for start in REFUSALS if (found := said.find(start)) >= 0), default=None)
        if heard.outcome not in ("answered", "abstained") and at is not None:
            said, heard.refused = said[:at], said[at:]
    else:
        heard.outcome, said = document["outcome"], document["answer"]
        heard.refused = (document["refusal"] or {}).get("message", "")
    heard.segments.append(said)


def strings(document: Any) -> list[str]:
    match document:
        case str():
            return [document]
        case dict():
            return [found for key, value in document.items() for found in (key, *strings(value))]
        case list():
            return [found for value in document for found in strings(value)]
    return []


@contextmanager
def a_stage(service: Service, app: Flask, key: str, *, stored: bool = False) -> Iterator[Stage]:
    """stored: the records go to the service's own store, on its disk, instead of memory.

    The bot is asked again however often it failed: a stream that meets an open breaker would test nothing.
    """
    from app.adapters.record import QueryRecord

    deployment = service.deployment
    record = Stored(deployment, lambda **who: QueryRecord(deployment.audit, **who)) if stored else InMemory()
    stage = Stage(app, key, record, rails_by_words())
    with small.running_deployment(
        Player(stage.find),
        known={NAME: "PERSON"},
        rail_timeout_s=RAIL_TIMEOUT_S,
        memory=deployment.memory if stored else Quiet(),
        meter=deployment.metrics,
        open_record=stage.open_record,
        rails=rails_by_words(),
        breakers={Player.name: Breaker(failures=1_000_000_000)},
    ) as inner:
        service.begin(running(Pipeline(inner.dependencies, NoOpTracerProvider().get_tracer("test"))))
        yield stage
