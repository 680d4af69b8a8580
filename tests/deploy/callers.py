"""Callers who ask without pause, by every way there is, and remember each answer and each failure.

A question counts as failed where it got anything but a whole answer: another status, a broken connection, a stream without
its end. What each was told of its record (query and receipt) is kept, to be looked for in the log.
"""

from __future__ import annotations

import itertools
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import openai

from benchmarks.load import QUESTIONS

PAUSE_S = 0.3
"""A caller's, before each question: a machine of two cores must also start replicas meanwhile."""
ENDS = {"answered", "abstained", "refused"}


@dataclass
class Heard:
    """What all callers heard. Appended to by their threads; a list's append needs no lock."""

    receipts: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)
    ways: dict[str, int] = field(default_factory=dict)

    def whole(self, way: str, told: dict[str, Any]) -> None:
        """An answer with its end: `done` of the service's own API, `countersign` in the other's."""
        assert told["outcome"] in ENDS, told
        self.receipts[told["query_id"]] = told["receipt"]
        self.ways[way] = self.ways.get(way, 0) + 1


class Load:
    """Runs until it is stopped. key: read before each question, so that a test can exchange it."""

    def __init__(self, addresses: Sequence[str], trusted: Path, key: str, pause_s: float = PAUSE_S) -> None:
        """addresses: of proxies, with three callers each; trusted: certificates that vouch for them."""
        self.heard, self.key, self._pause_s = Heard(), key, pause_s
        self._trusted, self._over = ssl.create_default_context(cafile=str(trusted)), threading.Event()
        each = [(address, way) for address in addresses for way in (self._json, self._stream, self._openai)]
        self._threads = [threading.Thread(target=self._ask, args=pair) for pair in each]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Returns when every question that was asked has its answer."""
        self._over.set()
        for thread in self._threads:
            thread.join(90)
            assert not thread.is_alive(), "a caller waits for ever"

    def trust(self, certificates: str) -> None:
        """These too, from the next connection on."""
        self._trusted.load_verify_locations(cadata=certificates)

    def more(self, count: int, seconds: float = 60.0) -> None:
        """Waits until so many more questions have been answered."""
        wanted, deadline = len(self.heard.receipts) + count, time.monotonic() + seconds
        while len(self.heard.receipts) < wanted:
            assert time.monotonic() < deadline, f"the load stands still; it failed so: {self.heard.failed[-5:]}"
            time.sleep(0.05)

    def _ask(self, address: str, way: Callable[[httpx.Client, str, str], None]) -> None:
        """Over one connection, as long as the other side keeps it: where connections break is what we want to see."""
        with httpx.Client(verify=self._trusted, timeout=60, trust_env=False, base_url=address) as http:
            for question in itertools.cycle(QUESTIONS):
                if self._over.is_set():
                    return
                self._over.wait(self._pause_s)
                try:
                    way(http, address, question)
                except (httpx.HTTPError, openai.OpenAIError, Failed) as error:
                    self.heard.failed.append(f"{way.__name__} {address}: {type(error).__name__}: {error}")

    def _json(self, http: httpx.Client, address: str, question: str) -> None:
        answer = http.post("/v1/chat", json={"message": question}, headers=self._headers())
        if answer.status_code != 200:
            self._refused(answer)
        told = answer.json()
        if not (told["answer"] or told["refusal"]):
            raise Failed("an empty answer")
        self.heard.whole("json", told)

    def _stream(self, http: httpx.Client, address: str, question: str) -> None:
        body = {"message": question, "stream": True}
        with http.stream("POST", "/v1/chat", json=body, headers=self._headers()) as answer:
            if answer.status_code != 200:
                answer.read()
                self._refused(answer)
            events = dict(_events(answer))
        if "error" in events:
            self.heard.problems.append(events["error"])
            raise Failed(f"an error event: {events['error']}")
        if "done" not in events:
            raise Failed("the stream ended without its end")
        self.heard.whole("stream", events["done"])

    def _openai(self, http: httpx.Client, address: str, question: str) -> None:
        client = openai.OpenAI(api_key=self.key, base_url=f"{address}/v1", http_client=http, max_retries=0)
        told: dict[str, Any] = {}
        chunks = client.chat.completions.create(
            model="countersign", messages=[{"role": "user", "content": question}], stream=True
        )
        for chunk in chunks:
            told = getattr(chunk, "countersign", None) or told
        if not told:
            raise Failed("the stream ended without its end")
        self.heard.whole("openai", told)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def _refused(self, answer: httpx.Response) -> None:
        try:
            told = {**answer.json(), "retry_after": answer.headers.get("Retry-After")}
        except ValueError:
            raise Failed(f"{answer.status_code} that is no problem document: {answer.text[:200]}") from None
        self.heard.problems.append(told)
        raise Failed(f"{answer.status_code}: {told}")


class Failed(Exception):
    """A question without a whole answer."""


@contextmanager
def loaded(addresses: Sequence[str], trusted: Path, key: str, pause_s: float = PAUSE_S) -> Iterator[Load]:
    """Callers ask while the block runs; every answer is there when it has ended."""
    load = Load(addresses, trusted, key, pause_s)
    load.start()
    try:
        load.more(6)
        yield load
    finally:
        load.stop()


def _events(answer: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    name = ""
    for line in answer.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))
