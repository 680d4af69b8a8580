"""The real service with a scripted model in it, for tests that kill it: server, deployment, log, keys and memory are real.

`python -m tests.faults.service HOME PORT` serves until it is stopped. The model says the question back in sentences.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.adapters.record import QueryRecord
from app.serving.server import Server
from app.settings import Settings
from app.wiring.service import Service
from orchestrator.bots.onprem import OnPremBot
from tests.support.evidence import open_book
from tests.support.running import running
from tests.support.running_deployment import running_deployment

SENTENCES = 12


class Echo:
    """Says numbered sentences about the last message, with a pause before each. Implements `ports.Generate`."""

    name, digest = "echo", "ee" * 32

    def __init__(self, pause_s: float) -> None:
        self._pause_s = pause_s

    def stream(
        self, messages: Sequence[tuple[str, str]], sampling: Mapping[str, Any], cancel: threading.Event, scope: str = ""
    ) -> Generator[str, None, Mapping[str, Any]]:
        for number in range(SENTENCES):
            if cancel.wait(self._pause_s):
                break
            yield f"Sentence {number} about {messages[-1][1]}. "
        return {"prompt_tokens": 7, "completion_tokens": 5, "finish_reason": "stop"}


@contextmanager
def scripted(service: Service, pause_s: float = 0.005) -> Iterator[Service]:
    """The service with a pipeline whose rails allow everything and whose model is the echo."""
    deployment = service.deployment
    with running_deployment(
        OnPremBot(Echo(pause_s), open_book),
        memory=deployment.memory,
        open_record=lambda **who: QueryRecord(deployment.audit, **who),
        meter=deployment.metrics,
    ) as inner:
        service.begin(running(inner.pipeline))
        yield service


class ScriptedServer(Server):
    def _warm(self, service: Service) -> None:
        service.recover().wait()
        with scripted(service):
            while service.ready:
                time.sleep(1)


def main() -> None:
    home, port = sys.argv[1:]
    ScriptedServer(Settings(home=Path(home), port=int(port), threads=16, checkpoint_every_s=0.1)).run()


if __name__ == "__main__":
    main()
