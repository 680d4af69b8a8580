"""A deployment and how far its process is: loading, ready, leaving, closed.

This is the one place whose state changes while a process runs. `_lock` guards `_parts`; `_running` is set once, whole.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import structlog
from opentelemetry.sdk.trace.export import SpanExporter

from app.settings import Settings
from app.wiring.deployment import Deployment, open_deployment
from app.wiring.recovery import Recovery
from app.wiring.running import Running, compose
from audit.database.roles import problems as role_problems
from audit.errors import LogDamaged

log = structlog.get_logger(__name__)


class Service:
    """Owns the deployment and what runs on it; `close` ends both. Use it as a context where it is not a server's."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self._recovery = Recovery(deployment.engine, deployment.audit)
        self._lock = threading.Lock()
        self._parts: dict[str, str] = {}
        self._running: Running | None = None
        self._ready, self._leaving = threading.Event(), threading.Event()
        self._beside = ExitStack()

    @classmethod
    def open(cls, settings: Settings, exporter: SpanExporter | None = None) -> Service:
        """Raises what `open_deployment` raises."""
        return cls(open_deployment(settings, exporter))

    def warm(self, *, chat: bool = True) -> Running:
        """Ends what a dead process left open, then loads the models. chat: wait for the chat model too."""
        deployment = self.deployment
        self._recovery.start()
        self._finish_erasures()
        for problem in role_problems(deployment.engine):
            log.warning("database.role", problem=problem)
        running = self._running = compose(deployment, self.tell)
        self.tell("chat model", "loading")
        if chat:
            self.tell("chat model", running.model.load())
        running.policy.start()
        self._ready.set()
        settings = deployment.settings
        log.info("service.ready", models=[running.model.name, settings.encoder_model, settings.ner_model])
        return running

    def begin(self, running: Running) -> None:
        """Questions are answered by this from now on; for whoever composed it otherwise than `warm`."""
        self._running = running
        self._ready.set()

    def recover(self) -> Recovery:
        """Ends, in the background, the record of queries that a dead process left open."""
        return self._recovery.start()

    @property
    def running(self) -> Running | None:
        """None until the pipeline is built; questions are taken once `ready`."""
        return self._running

    @property
    def ready(self) -> bool:
        return self._ready.is_set()

    @property
    def leaving(self) -> bool:
        return self._leaving.is_set()

    @property
    def parts(self) -> Mapping[str, str]:
        """What is said of each part at /readyz."""
        with self._lock:
            return dict(self._parts)

    def tell(self, part: str, state: str) -> None:
        with self._lock:
            self._parts[part] = state

    def leave(self) -> None:
        """Whoever asks whether to send questions here is told not to; those that come are answered."""
        self._leaving.set()
        self.tell("service", "leaving")

    @property
    def policy_versions(self) -> Mapping[str, str]:
        """The versions of the policies known here, by digest."""
        if self._running is not None:
            return self._running.policy.versions
        return {self.deployment.policy.digest: self.deployment.policy.version}

    def reload_policy(self) -> None:
        """Looks at the policy file now. May be called from a signal handler."""
        if self._running is not None:
            self._running.policy.reload()

    def on_close(self, close: Callable[[], None]) -> None:
        """What was started beside the pipeline is ended first, the last one before the others."""
        self._beside.callback(close)

    def close(self) -> None:
        """Stops taking work, flushes the log, closes the database. Safe to call twice."""
        self._recovery.close()
        self._beside.close()
        if self._running is not None:
            self._running.close()
        self.deployment.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _finish_erasures(self) -> None:
        try:
            for erased in self.deployment.retention.resume_all("service"):
                log.warning("erasure.finished", request=erased.id, state=erased.state)
        except LogDamaged as error:  # nothing is erased on its word, but questions may still be answered and recorded
            log.error("erasure.not_resumed", reason=str(error))
