"""The engine of this process, from loading to its last answer.

Invariant: once `drain` was called no answer begins, and the process ends only after those in progress have, or were ended.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from app.engine_server.metrics import EngineMetrics
from app.settings import Settings
from app.web.problems import Problem
from app.wiring.chat_model import open_chat
from inference.store.model_store import ModelStore
from orchestrator.prompting.messages import BEGINNINGS

if TYPE_CHECKING:
    from inference.engine.chat import ChatEngine

log = structlog.get_logger(__name__)
SOON_S = 5


@dataclass(frozen=True)
class Terms:
    """How this engine is run. Zero slots: as many as a step takes. memory_mb: of the KV cache, 0 for the engine's default.

    one_caller: whoever sends no scope is one and the same trusted caller, whose prompts may share their beginnings.
    drain_s: how long answers in progress may go on once the process is to end. mesh: places along `data` and `model`.
    processes: of this engine, of which this one is the first; join: host:port where they meet, and the port behind it.
    """

    slots: int = 0
    waiting: int = 64
    memory_mb: int = 0
    one_caller: bool = False
    drain_s: float = 30.0
    mesh: tuple[int, int] | None = None
    processes: int = 1
    join: str = ""


def first_of(join: str, processes: int) -> dict[str, Any]:
    """Join the other processes, where there are any; the option by which the engine finds them."""
    if processes == 1:
        return {}
    from inference.devices.hosts import join_hosts, next_port

    join_hosts(join, processes, 0)
    return {"crew": next_port(join)}


class Serving:
    """The lock guards the count of answers and whether new ones are taken."""

    def __init__(self, settings: Settings, terms: Terms) -> None:
        self.settings, self.terms = settings, terms
        self.metrics = EngineMetrics()
        self.state = "loading"
        self._engine: ChatEngine | None = None
        self._lock = threading.Condition()
        self._answers = 0
        self._draining = False

    def load(self) -> None:
        """Loads and warms the model; whatever prevents it is told by /readyz and in the log, without a prompt in it."""
        terms = self.terms
        try:
            store = ModelStore(self.settings.models_dir)
            more: dict[str, Any] = {"memory": terms.memory_mb << 20} if terms.memory_mb else {}
            more |= {"mesh": terms.mesh} | first_of(terms.join, terms.processes)
            engine = open_chat(self.settings, store, slots=terms.slots or None, waiting=terms.waiting, **more)
            self.state = "compiling"
            engine.warm()
            engine.share(BEGINNINGS)
        except Exception as error:
            self.state = f"failed: {' '.join(str(error).split())}"
            log.error("engine.not_ready", error=type(error).__name__, detail=self.state)
            return
        self.metrics.watch(engine.load_now)
        with self._lock:
            self._engine = engine
            self.state = "draining" if self._draining else "ready"
        log.info("engine.ready", model=engine.name, digest=engine.digest, precision=engine.precision)

    @property
    def ready(self) -> bool:
        with self._lock:
            return self._engine is not None and not self._draining

    @property
    def draining(self) -> bool:
        return self._draining

    @property
    def engine(self) -> ChatEngine:
        """Raises Problem 503 while there is none, or none that takes questions."""
        with self._lock:
            if self._draining:
                raise Problem(503, "This engine is ending; ask another one.", code="draining", retry_after=SOON_S)
            if self._engine is None:
                raise Problem(503, f"The model is not ready: {self.state}.", code="starting", retry_after=SOON_S)
            return self._engine

    @contextmanager
    def answering(self) -> Iterator[ChatEngine]:
        """An answer is in progress inside. Raises Problem 503."""
        with self._lock:
            engine = self.engine
            self._answers += 1
        try:
            yield engine
        finally:
            with self._lock:
                self._answers -= 1
                self._lock.notify_all()

    def drain(self) -> None:
        """Takes no more questions, waits until the answers in progress have ended, and ends those that take too long."""
        with self._lock:
            self._draining = True
            self.state = "draining"
            log.info("engine.draining", answers=self._answers)
            self._lock.wait_for(lambda: not self._answers, timeout=self.terms.drain_s)
            cut = self._answers
        if cut:
            log.warning("engine.cut", answers=cut)
            self.close()
            with self._lock:
                self._lock.wait_for(lambda: not self._answers, timeout=2.0)  # until their callers were told

    def close(self) -> None:
        """Ends every answer. Safe to call twice."""
        if self._engine is not None:
            self._engine.close()
