"""The whole service killed in mid-answer: what a client received is in the log, and the next start ends what was cut off."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.settings import Settings
from app.wiring.key_material import open_keys
from audit.checkpoints.signing_keys import public_keys
from audit.database.engine import create_engine_for
from audit.read.reader import AuditReader, EventView
from audit.sealing.kek import load_kek
from audit.sealing.subject_keys import SubjectKeys
from audit.verify.whole_log import LogTrust, verify_store
from tests.faults.drivers import ROOT
from tests.support.sharing import free_port

pytestmark = pytest.mark.process

ROUNDS, CLIENTS = 3, 6


@dataclass
class Heard:
    """What one client was told: segments by query, and receipts of whole answers."""

    segments: dict[str, list[str]] = field(default_factory=dict)
    receipts: dict[str, dict[str, Any]] = field(default_factory=dict)


def start(home: Path, port: int) -> subprocess.Popen[bytes]:
    environ = {**os.environ, "COUNTERSIGN_LOG_FILE": str(home.parent / "service.log")}
    command = [sys.executable, "-m", "tests.faults.service", str(home), str(port)]
    return subprocess.Popen(command, cwd=ROOT, env=environ, start_new_session=True)


def until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, "the service did not start: it needed repair"
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False, timeout=2).status_code == 200:
                return
        time.sleep(0.1)
    pytest.fail("the service was not ready in time")


def ask_on(port: int, key: str, client: int, heard: Heard) -> None:
    """Asks question after question, streamed, until the connection breaks."""
    headers = {"Authorization": f"Bearer {key}", "Countersign-Subject": f"person {client}"}
    with contextlib.suppress(httpx.HTTPError), httpx.Client(trust_env=False, timeout=30) as http:
        for number in range(10_000):
            body = {"message": f"question {client}-{number}", "stream": True}
            with http.stream("POST", f"http://127.0.0.1:{port}/v1/chat", json=body, headers=headers) as response:
                event, query = "", ""
                for line in response.iter_lines():
                    if line.startswith("event: "):
                        event = line.removeprefix("event: ")
                    elif line.startswith("data: "):
                        told = json.loads(line.removeprefix("data: "))
                        match event:
                            case "route":
                                query = told["query_id"]
                            case "segment":
                                heard.segments.setdefault(query, []).append(told["text"])
                            case "done":
                                heard.receipts[query] = told["receipt"]


def said_in(events: list[EventView]) -> list[str]:
    return [str(event.body["text"]) for event in events if event.kind == "released" and event.body]


def test_no_answer_that_a_client_received_is_missing_from_the_log_after_kill_9(tmp_path: Path) -> None:
    home, port, rng = tmp_path / "var", free_port(), random.Random(2)
    settings = Settings(home=home)
    engine, ring = open_keys(settings)
    key = ring.create("halden", "caller", "test", ())
    engine.dispose()
    clients: list[Heard] = []
    for _ in range(ROUNDS):
        process = start(home, port)
        try:
            until_ready(process, port)
            here = [Heard() for _ in range(CLIENTS)]
            clients += here
            threads = [threading.Thread(target=ask_on, args=(port, key, number, heard)) for number, heard in enumerate(here)]
            for thread in threads:
                thread.start()
            while not any(heard.receipts for heard in here):
                time.sleep(0.01)
            time.sleep(rng.uniform(0.0, 0.7))
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)
        for thread in threads:
            thread.join(40)
    process = start(home, port)
    try:
        until_ready(process, port)
    finally:
        process.terminate()
        process.wait(40)

    engine = create_engine_for(settings.url)
    keys = SubjectKeys(settings.keys_url, load_kek(settings.kek_path))
    reader = AuditReader(engine, keys)
    outcomes: dict[str, int] = {}
    for heard in clients:
        for query, segments in heard.segments.items():
            events = reader.query("halden", query)
            assert said_in(events)[: len(segments)] == segments
            assert [event.kind for event in events].count("finished") == 1
            ending = events[-1]
            outcomes[str(ending.labels["outcome"])] = outcomes.get(str(ending.labels["outcome"]), 0) + 1
            if query in heard.receipts:
                receipt = heard.receipts[query]
                assert (ending.seq, ending.leaf, ending.event_id) == (receipt["seq"], receipt["leaf"], receipt["event_id"])
                assert ending.labels["outcome"] == "answered"
    assert outcomes["answered"] > ROUNDS
    assert outcomes["aborted"] >= 1, "no kill ever hit an answer under way"
    report = verify_store(engine, trust=LogTrust(public_keys(settings.audit_key_path), file=settings.checkpoint_path))
    assert report.ok, report.problems
    keys.close()
    engine.dispose()
