"""The server of an engine process: gunicorn's threaded worker, as the service's own, with a drain before its end.

On SIGTERM the worker goes on listening, so that callers and load balancers are told at once (503, /readyz) and ask another
engine, until the answers in progress have ended.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from app.engine_server.lifecycle import Serving, Terms
from app.engine_server.views import create_app
from app.log_lines import name_what_nobody_catches
from app.serving.gunicorn_options import configure
from app.settings import Settings

_SPARE = 16
"""Threads beside those of the answers: for health, metrics and refusals."""


class EngineServer(BaseApplication):  # type: ignore[misc]
    """Runs until it is told to stop. The model is loaded in the worker, after the fork: JAX does not survive one."""

    def __init__(self, settings: Settings, terms: Terms) -> None:
        self._settings, self._terms = settings, terms
        self._serving: Serving | None = None
        super().__init__()

    def load_config(self) -> None:
        threads = self._terms.waiting + (self._terms.slots or _SPARE) + _SPARE
        bind = f"{self._settings.host}:{self._settings.port}"
        configure(self.cfg, bind, threads, round(self._terms.drain_s) + 10, self._close)
        self.cfg.set("proc_name", "countersign-engine")

    def run(self) -> None:
        Arbiter(self).run()

    def load(self) -> Callable[..., Any]:
        name_what_nobody_catches()
        serving = self._serving = Serving(self._settings, self._terms)
        threading.Thread(target=serving.load, name="load", daemon=True).start()
        return create_app(serving)

    def reload_policy(self) -> None:
        """An engine has none; the service's worker calls this on SIGHUP."""

    @property
    def open(self) -> bool:
        """Whoever asks while the model is loaded is told so: services ask engines themselves, and turn to another."""
        return True

    @property
    def answers_s(self) -> int:
        """By the time it stops listening the answers have ended."""
        return 10

    @property
    def draining(self) -> bool:
        return self._serving is not None and self._serving.draining

    def drain(self) -> None:
        if self._serving is not None:
            self._serving.drain()

    def _close(self) -> None:
        if self._serving is not None:
            self._serving.close()
