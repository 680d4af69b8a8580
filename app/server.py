"""The production server: gunicorn's threaded worker around the application.

One worker process, because it holds the model; threads, because a stream waits most of its life. The house is opened in the
worker, after the fork: JAX does not survive one. See docs/decisions/0002-server.md for why this server.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any

import structlog
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from app.listening import configure
from app.settings import Settings
from app.web import create_app
from app.wiring import House

log = structlog.get_logger(__name__)


class _Arbiter(Arbiter):  # type: ignore[misc]
    """SIGHUP tells the worker to look at its policy file; a new worker would have to load every model again."""

    def handle_hup(self) -> None:
        self.kill_workers(signal.SIGHUP)


class Server(BaseApplication):  # type: ignore[misc]
    """Runs until it is told to stop; answers /healthz while the models are still being loaded."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._house: House | None = None
        super().__init__()

    def load_config(self) -> None:
        settings = self._settings
        configure(self.cfg, f"{settings.host}:{settings.port}", settings.threads, 10, self._close)

    def run(self) -> None:
        _Arbiter(self).run()

    def reload_policy(self) -> None:
        """Called in the worker, by its signal handler."""
        if self._house is not None:
            self._house.reload_policy()

    def load(self) -> Callable[..., Any]:
        house = self._house = House.open(self._settings)
        threading.Thread(target=self._warm, args=(house,), name="warm", daemon=True).start()
        return create_app(house)

    def _warm(self, house: House) -> None:
        try:
            house.warm()
        except Exception as error:
            house.state["error"] = " ".join(str(error).split())
            log.error("service.not_ready", error=type(error).__name__, detail=house.state["error"])

    def _close(self) -> None:
        if self._house is not None:
            self._house.close()
