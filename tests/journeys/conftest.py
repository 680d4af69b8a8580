"""A whole deployment for the journeys: `countersign up --light` in a folder of its own, as a newcomer starts it.

Spans go to a collector of the tests' own over real OTLP, so that what is exported can be searched byte by byte.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from inference.store.model_store import ModelStore
from tests.support.sharing import free_port

ROOT = Path(__file__).parents[2]
NEEDED = ("smollm2-135m-instruct", "all-minilm-l6-v2", "en-core-web-md")
READY_S = 420
POLICY = "extends: default\nversion: of the journeys\n"


class Collector(BaseHTTPRequestHandler):
    """Keeps every body that an OTLP exporter posts."""

    bodies: list[bytes]

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@dataclass
class Deployment:
    """A running service with its keys, its folder and what it exported."""

    home: Path
    url: str
    market: str
    key: str
    admin: str
    process: subprocess.Popen[bytes]
    spans: list[bytes] = field(default_factory=list)

    def client(self, key: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {key or self.key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=180, trust_env=False)

    def chat(self, message: str, conversation: str | None = None, **headers: str) -> dict[str, Any]:
        body: dict[str, Any] = {"message": message}
        if conversation:
            body["conversation_id"] = conversation
        with self.client() as client:
            response = client.post("/v1/chat", json=body, headers=headers)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A `countersign` command of this deployment."""
        return subprocess.run(
            [sys.executable, "-m", "app", *arguments],
            env={
                **os.environ,
                "COUNTERSIGN_HOME": str(self.home),
                "COUNTERSIGN_LIGHT": "true",
                **environment,
            },
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    store = ModelStore()
    if missing := [name for name in NEEDED if store.state(name) != "present"]:
        pytest.skip(f"models are not here: {', '.join(missing)}; fetch them with: countersign models pull --light")
    home = tmp_path_factory.mktemp("deployment")
    bodies: list[bytes] = []
    collector = ThreadingHTTPServer(("127.0.0.1", 0), type("Kept", (Collector,), {"bodies": bodies}))
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    port, market = free_port(), free_port()
    (home / "policy.yaml").write_text(POLICY, "utf-8")
    environment = {
        **os.environ,
        "COUNTERSIGN_POLICY_FILE": str(home / "policy.yaml"),
        "COUNTERSIGN_HOME": str(home / "var"),
        "COUNTERSIGN_LOG_FILE": str(home / "service.log"),
        "COUNTERSIGN_LOG_LEVEL": "DEBUG",
        "COUNTERSIGN_MAX_TOKENS": "60",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_address[1]}",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }
    command = [
        sys.executable,
        "-m",
        "app",
        "up",
        "--light",
        "--port",
        str(port),
        "--market-port",
        str(market),
    ]
    with (home / "up.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log)
        try:
            _wait(process, home / "up.log", f"http://127.0.0.1:{port}")
            yield Deployment(
                home=home / "var",
                url=f"http://127.0.0.1:{port}",
                market=f"http://127.0.0.1:{market}",
                key=(home / "var" / "demo.key").read_text().strip(),
                admin=(home / "var" / "admin.key").read_text().strip(),
                process=process,
                spans=bodies,
            )
        finally:
            deaf = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # so is all that a shell starts in the background
            process.send_signal(signal.SIGTERM if deaf else signal.SIGINT)
            try:
                code = process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
            collector.shutdown()
    assert code == 0, (home / "up.log").read_text()[-2000:]


def _wait(process: subprocess.Popen[bytes], log: Path, url: str) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"countersign up ended with {process.returncode}:\n{log.read_text()[-3000:]}")
        try:
            if httpx.get(f"{url}/readyz", timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    pytest.fail(f"not ready after {READY_S} s:\n{log.read_text()[-3000:]}")
