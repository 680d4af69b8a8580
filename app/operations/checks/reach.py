"""Does anything reach out? A question is answered in a process of its own, and every address that is asked for is kept.

The process is watched in two ways that need no privilege and no tool of the host's:

- Python's audit hooks (PEP 578) see every connection, datagram and name that Python code asks for, before it happens. A
  hook cannot be taken away again, which is why it lives in a process of its own.
- Libraries that open sockets by themselves are seen in the kernel's own tables: every 10 ms, the process's sockets that have
  a remote end. One that lives for less can escape this; the proof that the whole service needs no network is
  tests/deploy, where there is none, and every packet is seen.

Invariant: the watched question touches nothing of the installation's: it has a home, a log and keys of its own,
which are gone afterwards; models, policy and connectors are the installation's.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url

from app.operations.checks.result import Check
from app.settings import Settings

QUESTIONS = (
    "What is inflation?",
    "My name is Maria Rossi, write to maria.rossi@mail.example.org or see https://shop.example.co.uk/offers?id=7.",
)
"""The second has what once made a library look for a list of public suffixes on the network."""
TIMEOUT_S = 600
_NAMED = frozenset(["socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"])
_CONNECTED = frozenset(["socket.connect", "socket.sendto", "socket.sendmsg"])


def outgoing(settings: Settings) -> Iterator[Check]:
    """Asks in a process of its own. What settings name (connectors, witnesses, the database) may be reached, and is told."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "COUNTERSIGN_AUDIT_KEY"))
    }
    with tempfile.TemporaryDirectory(prefix="countersign-doctor-") as home:
        environment |= {"COUNTERSIGN_HOME": home, "COUNTERSIGN_DATABASE_URL": "", "COUNTERSIGN_KEYS_DATABASE_URL": ""}
        environment |= {"COUNTERSIGN_WITNESSES": "[]", "COUNTERSIGN_MAX_TOKENS": "8", "COUNTERSIGN_KEY_FILE": f"{home}/kek"}
        environment |= {"COUNTERSIGN_CHECKPOINT_FILE": f"{home}/checkpoints", "COUNTERSIGN_AUDIT_KEY_FILE": f"{home}/audit"}
        environment |= {"COUNTERSIGN_LOG_FILE": f"{home}/log", "COUNTERSIGN_SPANS_FILE": f"{home}/spans"}
        command = [sys.executable, "-m", "app.operations.checks.reach", f"{home}/seen.json"]
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired:
            yield Check("outgoing", "fail", f"no answer within {TIMEOUT_S} s", "start the service and see its log")
            return
        seen = Path(home, "seen.json")
        if done.returncode or not seen.is_file():
            told = " ".join(done.stderr.split())[-300:]
            yield Check("outgoing", "fail", f"the question could not be asked: {told}", "mend what it says")
            return
        found: dict[str, Any] = json.loads(seen.read_text("utf-8"))
    allowed = named_hosts(settings)
    bad = [one for one in found["reached"] if not _is_local(one) and one not in allowed]
    for one in bad:
        fix = "report this: nothing of Countersign may look for a network by itself"
        yield Check("outgoing", "fail", f"reached for {one}", fix)
    if not bad:
        named = sorted(one for one in found["reached"] if not _is_local(one))
        beside = f"; only {', '.join(named)}, which the settings name" if named else ""
        yield Check("outgoing", "ok", f"{found['answered']} questions answered, no address asked for{beside}")


def named_hosts(settings: Settings) -> frozenset[str]:
    """Hosts that the settings themselves name."""
    urls = [line.partition(" ")[0] for line in settings.witnesses]
    hosts = {urlsplit(url).hostname for url in urls}
    hosts |= {urlsplit(url).hostname for url in settings.engines}
    hosts |= {make_url(url).host for url in (settings.url, settings.keys_url)}
    if settings.connectors_file:
        from orchestrator.live_data.connectors import load_connectors

        hosts |= {urlsplit(one.base_url).hostname for one in load_connectors(settings.connectors_file)}
    return frozenset(host for host in hosts if host)


class Watch:
    """Keeps every remote address that this process asks for. One for each process: the hook stays until it ends."""

    def __init__(self) -> None:
        self._reached: set[str] = set()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        sys.addaudithook(self._heard)
        threading.Thread(target=self._look, name="watch", daemon=True).start()

    @property
    def reached(self) -> list[str]:
        self._ended.set()
        with self._lock:
            return sorted(self._reached)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _NAMED:
            self._keep(arguments[0])
        elif event in _CONNECTED:
            self._keep(arguments[1])

    def _keep(self, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) and address else address
        if isinstance(host, bytes):
            host = host.decode("utf-8", "replace")
        if isinstance(host, str) and host and not host.startswith(("/", "\0")):
            with self._lock:
                self._reached.add(host)

    def _look(self) -> None:
        while not self._ended.wait(0.01):
            for host in remote_ends():
                self._keep(host)


def remote_ends() -> Iterator[str]:
    """Remote addresses of this process's own sockets, from the kernel's tables (proc(5))."""
    own = set()
    for handle in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{handle}")
        except OSError:
            continue
        if target.startswith("socket:["):
            own.add(target[8:-1])
    if not own:
        return
    for table in ("tcp", "tcp6", "udp", "udp6"):
        try:
            lines = Path(f"/proc/self/net/{table}").read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            host, _, port = fields[2].partition(":")
            if fields[9] in own and port != "0000":
                yield _address(host)


def _address(written: str) -> str:
    """The kernel writes an address as 32-bit words in the machine's order."""
    words = [bytes.fromhex(written[at : at + 8]) for at in range(0, len(written), 8)]
    raw = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def _is_local(host: str) -> bool:
    if host in ("localhost", "localhost.localdomain"):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback or address.is_unspecified


def main(arguments: Sequence[str]) -> None:
    """The watched process: answers QUESTIONS and writes down what it reached for."""
    watch = Watch()
    from app.identity.subjects import KeyItself
    from app.settings import load_settings
    from app.wiring.service import Service
    from app.wiring.telemetry import configure_logging
    from orchestrator.types import Query

    settings = load_settings()
    configure_logging(settings)
    with Service.open(settings) as service:
        pipeline = service.warm().pipeline
        for number, question in enumerate(QUESTIONS):
            query = Query(
                id=f"q_doctor{number}",
                conversation=f"c_doctor{number}",
                tenant=settings.tenant,
                subject=service.deployment.keys.pseudonym(settings.tenant, KeyItself("doctor")),
                actor="doctor",
                groups=frozenset({"public"}),
                text=question,
                fresh=True,
            )
            for _ in pipeline.answer(query, {"max_tokens": settings.max_tokens, "temperature": 0.0}):
                pass
    Path(arguments[0]).write_text(json.dumps({"answered": len(QUESTIONS), "reached": watch.reached}), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
