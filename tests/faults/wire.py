"""Adversarial streams over a socket: the real server in a process of its own, and a client that reads bytes.

`python -m tests.faults.wire HOME PORT SEED` serves until it is stopped; the stream that is played is the question's number.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from app.adapters.record import QueryRecord
from app.serving.server import Server
from app.settings import Settings
from app.wiring.key_material import open_keys
from app.wiring.service import Service
from audit.database.engine import create_engine_for
from audit.read.reader import AuditReader
from audit.sealing.kek import load_kek
from audit.sealing.subject_keys import SubjectKeys
from orchestrator.selection.breaker import Breaker
from tests.faults.drivers import ROOT
from tests.faults.oracle import Events, wrongs
from tests.faults.stage import RAIL_TIMEOUT_S, Heard, Player, asked_of, hear_whole, listen, rails_by_words
from tests.faults.streams import NAME, Stream, stream
from tests.support.running import running
from tests.support.running_deployment import running_deployment


class PlayingServer(Server):
    seed = 0

    def _warm(self, service: Service) -> None:
        deployment = service.deployment
        with running_deployment(
            Player(lambda number: stream(self.seed, number)),
            rails=rails_by_words(),
            breakers={Player.name: Breaker(failures=1_000_000_000)},
            known={NAME: "PERSON"},
            rail_timeout_s=RAIL_TIMEOUT_S,
            memory=deployment.memory,
            meter=deployment.metrics,
            open_record=lambda **who: QueryRecord(deployment.audit, **who),
        ) as inner:
            service.begin(running(inner.pipeline))
            while service.ready:
                time.sleep(1)


class Wire:
    """A client of that server, with an eye on its log."""

    def __init__(self, port: int, key: str, reader: AuditReader) -> None:
        self._reader = reader
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=60
        )

    def until_ready(self, process: subprocess.Popen[bytes]) -> None:
        for _ in range(600):
            assert process.poll() is None, "the server did not start"
            try:
                if self._http.get("/readyz").status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.1)
        raise AssertionError("the server was not ready in time")

    def play(self, played: Stream) -> list[str]:
        path, asked = asked_of(played)
        openai = played.transport.startswith("openai")
        heard, rest = Heard(), b""
        with self._http.stream("POST", path, json=asked) as response:
            heard.status = response.status_code
            number = 0
            for part in response.iter_raw():
                rest += part
                while asked["stream"] and b"\n\n" in rest and not heard.left:
                    event, _, rest = rest.partition(b"\n\n")
                    number += 1
                    heard.query = heard.query or _query_in(event)
                    if listen(event + b"\n\n", heard, openai=openai):
                        heard.durable &= len(self._released(heard.query)) >= len(heard.segments)
                    heard.left = played.leaves_after is not None and number >= played.leaves_after
                if heard.left:
                    break
                if played.reads_slowly:
                    time.sleep(0.003)
        if not asked["stream"]:
            document = json.loads(rest)
            hear_whole(document, heard, openai=openai)
            heard.query = response.headers["X-Request-Id"] if openai else document["query_id"]
        return wrongs(played, heard, self._record(heard))

    def _record(self, heard: Heard) -> Events:
        """Once it has its end, for which nobody waits where the client has left."""
        events: Events = []
        for _ in range(200):
            events = [(event.kind, event.body or {}) for event in self._reader.query("halden", heard.query)]
            if events and events[-1][0] == "finished":
                break
            time.sleep(0.05)
        return events

    def _released(self, query: str) -> list[str]:
        return [event.kind for event in self._reader.query("halden", query) if event.kind == "released"]


def _query_in(event: bytes) -> str:
    document = json.loads(event.rpartition(b"data: ")[2])
    return str(document.get("query_id") or document["id"].removeprefix("chatcmpl-"))


def playable(seed: int, numbers: Sequence[int]) -> Iterator[Stream]:
    """Those for which the client need not tell the server more than their number."""
    for number in numbers:
        played = stream(seed, number)
        if played.record_fails is None and played.leaves_after != 0:
            yield played


@contextmanager
def wired(home: Path, port: int, seed: int) -> Iterator[Wire]:
    settings = Settings(home=home)
    engine, ring = open_keys(settings)
    key = ring.create("halden", "caller", "wire", ())
    engine.dispose()
    environ = {**os.environ, "COUNTERSIGN_LOG_FILE": str(home / "service.log")}
    command = [sys.executable, "-m", "tests.faults.wire", str(home), str(port), str(seed)]
    process = subprocess.Popen(command, cwd=ROOT, env=environ)
    engine = create_engine_for(settings.url)
    keys = SubjectKeys(settings.keys_url, load_kek(settings.kek_path))
    try:
        wire = Wire(port, key, AuditReader(engine, keys))
        wire.until_ready(process)
        yield wire
    finally:
        process.terminate()
        process.wait(40)
        keys.close()
        engine.dispose()


def main() -> None:
    home, port, seed = sys.argv[1:]
    PlayingServer.seed = int(seed)
    PlayingServer(Settings(home=Path(home), port=int(port), threads=16)).run()


if __name__ == "__main__":
    main()
