"""`countersign engine serve` and `follow`: one model over two processes, asked over HTTP, and what happens when one dies."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from inference.types import Message, Prompt
from tests.app.wiring.test_settings import ROOT
from tests.inference import tiny_models
from tests.inference.conftest import ask
from tests.support.sharing import free_port
from tests.support.waiting import eventually

pytestmark = pytest.mark.process

QUESTION = "What is a bond?"


def two_ports() -> int:
    """The first of two that nobody listens on."""

    def found() -> int:
        port = free_port()
        with socket.socket() as probe:
            return port if probe.connect_ex(("127.0.0.1", port + 1)) else 0

    return int(eventually(found))


class Two:
    """An engine of two processes with four virtual devices each."""

    def __init__(self, folder: Path) -> None:
        self.model = tiny_models.folder("qwen3", folder)
        self.url = f"http://127.0.0.1:{free_port()}"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("COUNTERSIGN_")},
            "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=4",
            "JAX_PLATFORMS": "cpu",
            "PYTHONPATH": str(ROOT),
            "COUNTERSIGN_HOME": str(folder),
            "COUNTERSIGN_MODELS_DIR": str(folder / "models"),
            "COUNTERSIGN_CHAT_FILES": str(self.model),
        }
        self._folder, self.state = folder, ""
        common = ["--mesh", "4x2", "--processes", "2", "--join", f"127.0.0.1:{two_ports()}", "--context", "512"]
        port = self.url.rpartition(":")[2]
        self.first = self._start("first", "serve", "--port", port, "--drain-s", "5", *common)
        self.second = self._start("second", "follow", "--process", "1", *common)

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "app", "engine", *arguments]
        with (self._folder / f"{name}.log").open("wb") as out:
            return subprocess.Popen(
                command, cwd=self._folder, env=self._environment, stdout=out, stderr=out, start_new_session=True
            )

    def told(self) -> str:
        return "".join((self._folder / f"{name}.log").read_text()[-2000:] for name in ("first", "second"))

    def ready(self) -> bool:
        assert self.first.poll() is None, self.told()
        assert self.second.poll() is None, self.told()
        try:
            said = httpx.get(f"{self.url}/readyz", timeout=5, trust_env=False)
        except httpx.HTTPError:
            return False
        self.state = said.text
        assert "failed" not in self.state, self.state
        return said.status_code == 200

    def ask(self, **more: Any) -> httpx.Response:
        body = {
            "model": "qwen3",
            "messages": [{"role": "user", "content": QUESTION}],
            "temperature": 0,
            "max_tokens": 16,
            **more,
        }
        return httpx.post(f"{self.url}/v1/chat/completions", json=body, timeout=60, trust_env=False)

    def end(self) -> None:
        for process in (self.first, self.second):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(20)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    found = Two(tmp_path)
    try:
        try:
            eventually(found.ready, 200)
        except AssertionError as error:
            raise AssertionError(f"{error}: {found.state}\n{found.told()}") from None
        yield found
    finally:
        found.end()


def test_two_processes_answer_as_one_and_end_together(two: Two) -> None:
    from inference.engine.chat import ChatEngine

    said = two.ask().json()["choices"][0]["message"]["content"]
    engine = ChatEngine.open(two.model, cache_dir=None, context=512, precision="float32")
    try:
        expected = ask(engine, Prompt((Message("user", QUESTION),)), max_tokens=16)[1].text
    finally:
        engine.close()
    assert said == expected
    two.first.send_signal(signal.SIGTERM)
    assert two.first.wait(60) == 0, two.told()
    two.second.wait(60)
    assert "Traceback" not in two.told()


def test_when_one_process_dies_callers_are_told_at_once(two: Two) -> None:
    assert two.ask().status_code == 200
    os.killpg(two.second.pid, signal.SIGKILL)
    two.second.wait(20)
    assert [two.ask().status_code for _ in range(3)] == [503] * 3
