"""`countersign engine serve` with the small model, as an operator starts it; to be asked, drained and killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from inference.store.model_store import ModelStore
from tests.support.sharing import free_port

ROOT = Path(__file__).parents[2]
LIGHT = "smollm2-135m-instruct"
KEY = "the-engines-key"
READY_S = 240


@dataclass
class Running:
    """An engine process. `states` are what /readyz said until it was ready."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]
    states: list[tuple[int, str]]

    def client(self, key: str = KEY, **headers: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {key}", **headers}
        return httpx.Client(base_url=self.url, headers=headers, timeout=120, trust_env=False)

    def metric(self, name: str) -> float:
        with self.client() as client:
            lines = client.get("/metrics").text.splitlines()
        return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"countersign_engine_{name} "))

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Server and worker at once, as when the machine dies."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)


def question(text: str, **more: Any) -> dict[str, Any]:
    """The body of a request."""
    return {"model": LIGHT, "messages": [{"role": "user", "content": text}], "temperature": 0, "max_tokens": 24, **more}


@contextmanager
def an_engine(folder: Path, *options: str) -> Iterator[Running]:
    store = ModelStore()
    if store.state(LIGHT) != "present":
        pytest.skip(f"the model is not here: {LIGHT}; fetch it with: countersign models pull --light")
    port, log = free_port(), folder / "engine.log"
    environment = {
        **os.environ,
        "COUNTERSIGN_ENGINE_KEY": KEY,
        "COUNTERSIGN_LOG_LEVEL": "DEBUG",
        "COUNTERSIGN_CONTEXT": "1024",
    }
    environment["COUNTERSIGN_HOME"] = str(folder)
    command = [sys.executable, "-m", "app", "engine", "serve", "--light", "--port", str(port), *options]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=out, stderr=out, start_new_session=True)
    found = Running(f"http://127.0.0.1:{port}", log, process, [])
    try:
        _wait(found)
        yield found
    finally:
        if process.poll() is None:
            found.kill()


def _wait(found: Running) -> None:
    limit = time.monotonic() + READY_S
    while time.monotonic() < limit:
        if found.process.poll() is not None:
            pytest.fail(f"the engine ended with {found.process.returncode}:\n{found.log.read_text()[-3000:]}")
        try:
            said = httpx.get(f"{found.url}/readyz", timeout=5, trust_env=False)
            found.states.append((said.status_code, said.json()["state"]))
            if said.status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    pytest.fail(f"not ready after {READY_S} s:\n{found.log.read_text()[-3000:]}")
