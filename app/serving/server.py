"""The production server: gunicorn's threaded worker around the application.

One worker process, because it holds the model; threads, because a stream waits most of its life. The deployment is opened in
the worker, after the fork: JAX does not survive one. See docs/decisions/0002-server.md for why this server.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from app.log_lines import name_what_nobody_catches
from app.serving.application import create_app
from app.serving.draining_worker import shut
from app.serving.gunicorn_options import configure
from app.settings import Settings
from app.wiring.service import Service

log = structlog.get_logger(__name__)
ANSWERS_S = 30
"""How long answers under way may go on once nothing listens any more; what is cut off then is recorded as aborted."""


class _Arbiter(Arbiter):  # type: ignore[misc]
    """SIGHUP tells the worker to look at its policy file; a new worker would have to load every model again. Where it
    is to listen later, nothing listens before the worker is there."""

    def start(self) -> None:
        super().start()
        if not self.app.open:
            for listener in self.LISTENERS:
                shut(listener)

    def handle_hup(self) -> None:
        self.kill_workers(signal.SIGHUP)


class Server(BaseApplication):  # type: ignore[misc]
    """Runs until it is told to stop; answers /healthz while the models are still being loaded, unless told otherwise."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._service: Service | None = None
        self._leaving = threading.Event()
        super().__init__()

    def load_config(self) -> None:
        settings = self._settings
        grace_s = round(settings.drain_grace_s) + ANSWERS_S + 5
        configure(self.cfg, f"{settings.host}:{settings.port}", settings.threads, grace_s, self._close)

    def run(self) -> None:
        _Arbiter(self).run()

    def reload_policy(self) -> None:
        """Called in the worker, by its signal handler."""
        if self._service is not None:
            self._service.reload_policy()

    def load(self) -> Callable[..., Any]:
        name_what_nobody_catches()
        service = self._service = Service.open(self._settings)
        threading.Thread(target=self._warm, args=(service,), name="warm", daemon=True).start()
        return create_app(service)

    def _warm(self, service: Service) -> None:
        try:
            service.warm()
        except Exception as error:
            detail = " ".join(str(error).split())
            service.tell("error", detail)
            log.error("service.not_ready", error=type(error).__name__, detail=detail)

    @property
    def open(self) -> bool:
        """With `open_when_ready`, not before the models are warm, or cannot be loaded, which /readyz then tells."""
        service = self._service
        return not self._settings.open_when_ready or (service is not None and (service.ready or "error" in service.parts))

    @property
    def answers_s(self) -> int:
        return ANSWERS_S

    @property
    def draining(self) -> bool:
        return self._leaving.is_set()

    def drain(self) -> None:
        """Says at /readyz that nothing more should be sent, and answers what is sent all the same, for `drain_grace_s`."""
        self._leaving.set()
        if self._service is not None and self._service.ready:
            log.info("service.leaving", seconds=self._settings.drain_grace_s)
            self._service.leave()
            time.sleep(self._settings.drain_grace_s)

    def _close(self) -> None:
        if self._service is not None:
            self._service.close()
