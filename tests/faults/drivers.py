"""Processes that write to a log until they are killed, and tell each acknowledgement over a pipe.

One process imports everything and forks the others, so that starting one costs milliseconds; none of them shares a thread or
a connection with the tests.
"""

import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from audit import kinds
from audit.append.abandoned import end_abandoned
from audit.append.store import AuditStore
from audit.checkpoints.epochs import confirm
from audit.checkpoints.issuer import Checkpointer
from audit.database.engine import create_engine_for
from audit.errors import AuditUnavailable
from audit.format.events import Entry
from audit.format.notes import SecretKey
from audit.sealing.subject_keys import SubjectKeys
from tests.support import events

ROOT = Path(__file__).parents[2]
KEK = bytes(range(32))
LOG_KEY = SecretKey("faults.example", bytes(range(32)))
STEPS = ("received", "routed", "released", "released", "finished")
GATES = ("released", "finished")  # what goes out only once it is durable


def origin_of(log: str, epoch: int) -> str:
    return f"faults.example/audit/{log}/e{epoch}"


def step(kind: str, query: str, **more: Any) -> Entry:
    """One event of a scripted query."""
    named = {field.name for field in kinds.BY_NAME[kind].labels}
    labels = {name: value for name, value in {"bot": "rag", "outcome": "answered"}.items() if name in named}
    more = {"labels": labels, **more}
    return events.step(kind, query, f"subject:{query[-1]}", conversation="conversation-1", actor="actor:9f1c", **more)


class Driver:
    """A process of the nursery. What it said is a list of JSON values; the last line of a killed one may be torn."""

    def __init__(self, pid: int, said: int, told: int, done: Callable[[int], None]) -> None:
        self.pid, self._told, self._done = pid, told, done
        self._lines = os.fdopen(said, "r", encoding="utf-8")

    def hear(self) -> Any:
        """The next thing it says. Raises EOFError where it has ended."""
        line = self._lines.readline()
        if not line.endswith("\n"):
            raise EOFError(f"driver {self.pid} has ended")
        return json.loads(line)

    def tell(self, word: str) -> None:
        os.write(self._told, word.encode() + b"\n")

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def rest(self) -> list[Any]:
        """All that it said and nobody heard yet, up to its end."""
        heard = [json.loads(line) for line in self._lines if line.endswith("\n")]
        self._lines.close()
        os.close(self._told)
        self._done(self.pid)
        return heard


class Nursery:
    """Forks drivers. Used by one thread."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.drivers"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._pipes = 0
        assert self._process.stdout is not None
        assert json.loads(self._process.stdout.readline()) == "ready"

    def start(self, work: str, **told: Any) -> Driver:
        """work: one of WORKS. The pipes are named ones: the nursery is another process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        folder = Path(told["folder"])
        self._pipes += 1
        said, hears = folder / f"said-{self._pipes}", folder / f"told-{self._pipes}"
        os.mkfifo(said)
        os.mkfifo(hears)
        telling = os.open(hears, os.O_RDWR)  # before the driver opens it, which then need not wait
        self._process.stdin.write(json.dumps({"work": work, "said": str(said), "hears": str(hears), **told}) + "\n")
        self._process.stdin.flush()
        listening = os.open(said, os.O_RDONLY)  # waits for the driver
        pid = int(self._process.stdout.readline())
        said.unlink()
        hears.unlink()
        return Driver(pid, listening, telling, self._reaped)

    def _reaped(self, pid: int) -> None:
        """Waits until the driver is gone from the system, with every lock that it held."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"reap": pid}) + "\n")
        self._process.stdin.flush()
        assert int(self._process.stdout.readline()) == pid

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)


# What a driver does, in its own process


def say(out: int, value: Any) -> None:
    os.write(out, json.dumps(value).encode() + b"\n")  # one write of less than PIPE_BUF: whole or not at all


def a_store(told: Mapping[str, Any], **options: Any) -> AuditStore:
    return AuditStore(create_engine_for(told["url"]), SubjectKeys(told["keys_url"], KEK), strict=False, **options)


def load(told: Mapping[str, Any], out: int, _hears: Any) -> None:
    """Starts as a service does, then answers queries from several threads until it is killed."""
    engine = create_engine_for(told["url"])
    file = Path(told["folder"]) / "outside" / "checkpoints.jsonl"
    confirm(engine, file, [LOG_KEY.key])
    store = AuditStore(engine, SubjectKeys(told["keys_url"], KEK), strict=False)
    Checkpointer(engine, [LOG_KEY], origin_of, file=file, every_s=0.02, every_events=40)
    say(out, ["aborted", *(query for _, query in end_abandoned(engine, store, grace_s=0.0).ended)])

    def answer(thread: int) -> None:
        number = 0
        while True:
            query = f"q-{os.getpid()}-{told['round']}-{thread}-{number}"
            number += 1
            for kind in STEPS:
                try:
                    ticket = store.append("acme", step(kind, query, body={"text": f"{kind} of {query}"}))
                    receipt = ticket.wait(60) if kind in GATES else None
                except AuditUnavailable as error:
                    say(out, ["refused", str(error)])
                    time.sleep(0.02)
                    break
                if receipt is not None:
                    say(out, [kind, query, receipt.seq, receipt.event_id, receipt.leaf])

    for thread in range(3):
        threading.Thread(target=answer, args=(thread,), daemon=True).start()
    time.sleep(600)


def stand(told: Mapping[str, Any], out: int, hears: Any) -> None:
    """Begins one query, releases a segment, and stays in the middle of it; goes on when it is told to."""
    store = a_store(told)
    query = told["query"]
    for kind in STEPS[:3]:
        store.append("acme", step(kind, query)).wait(60)
    say(out, query)
    for line in hears:
        for kind in ("released", "finished") if line.strip() == "finish" else ():
            store.append("acme", step(kind, query)).wait(60)
            say(out, kind)


def limited(told: Mapping[str, Any], out: int, hears: Any) -> None:
    """Appends one event for each line it is told; `limit N` bounds every file to N bytes, `free` takes that back."""
    store = a_store(told)
    number = 0
    for line in hears:
        word, *rest = line.split()
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        if word == "limit":
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(rest[0]), hard))
        elif word == "free":
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        else:
            number += 1
            try:
                receipt = store.append("acme", step("released", f"q-{number}", body={"text": "x" * 400})).wait(30)
                say(out, ["ok", receipt.seq, receipt.event_id])
            except AuditUnavailable as error:
                say(out, ["refused", str(error)])


WORKS = {"load": load, "stand": stand, "limited": limited}


def main() -> None:
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        told = json.loads(line)
        if "reap" in told:
            os.waitpid(told["reap"], 0)
            print(told["reap"], flush=True)
            continue
        pid = os.fork()
        if pid:
            print(pid, flush=True)
            continue
        random.seed()
        hears, out = os.open(told["hears"], os.O_RDONLY), os.open(told["said"], os.O_WRONLY)
        os.close(0)
        status = 1
        try:
            WORKS[told["work"]](told, out, os.fdopen(hears, "r"))
            status = 0
        except BaseException as error:
            say(out, ["error", f"{type(error).__name__}: {error}"[:2000]])
        finally:
            os._exit(status)


if __name__ == "__main__":
    main()
