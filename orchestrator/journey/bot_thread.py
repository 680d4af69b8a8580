"""Runs a bot on its own thread and hands its pieces to the journey through a bounded queue.

Invariant: the queue's bound is the back-pressure; a bot never runs further ahead than the gate can judge and the client
can take.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.bots.base import Ask, Bot, Made, Piece
from orchestrator.telemetry import attributes as names
from orchestrator.telemetry.trace import Trace


@dataclass(frozen=True)
class Ended:
    """The bot has no more to say; `error` is what stopped it early."""

    error: BaseException | None = None


class Cancel(threading.Event):
    """What a bot looks at between two steps. It is set by the journey, and also from the moment when the bot is switched
    off, however long a slow client keeps the journey itself from looking. `switched` is then the reason, and stays."""

    def __init__(self, off: Callable[[], str | None]) -> None:
        super().__init__()
        self._off = off
        self.switched: str | None = None

    def is_set(self) -> bool:
        if self.switched is None:
            self.switched = self._off()
        return self.switched is not None or super().is_set()


class BotThread:
    """One bot's answer in the making. `cancel` stops it within one decode step."""

    def __init__(self, bot: Bot, ask: Ask, trace: Trace, wake: threading.Event) -> None:
        self.bot, self._ask, self._trace, self._wake = bot, ask, trace, wake
        self._pieces: queue.Queue[Piece | Ended] = queue.Queue(maxsize=256)
        self._thread = threading.Thread(target=self._run, name=f"bot-{bot.name}", daemon=True)

    def start(self) -> BotThread:
        self._thread.start()
        return self

    def take(self) -> Piece | Ended | None:
        """The next piece, or None if there is none yet."""
        try:
            return self._pieces.get_nowait()
        except queue.Empty:
            return None

    @property
    def waiting(self) -> bool:
        """Whether a piece could be taken now."""
        return not self._pieces.empty()

    def cancel(self) -> None:
        self._ask.cancel.set()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            with self._trace.step(names.GENERATE, **{names.OPERATION: "chat", names.BOT: self.bot.name}) as span:
                pieces = self.bot.answer(self._ask)
                try:
                    for piece in pieces:
                        if isinstance(piece, Made):
                            span.set_attribute(names.RESPONSE_MODEL, piece.model)
                            span.set_attribute(names.MODEL_DIGEST, piece.digest)
                            for key, name in (
                                ("prompt_tokens", names.INPUT_TOKENS),
                                ("completion_tokens", names.OUTPUT_TOKENS),
                            ):
                                if key in piece.usage:
                                    span.set_attribute(name, piece.usage[key])
                        if not self._put(piece):
                            return
                finally:
                    close = getattr(pieces, "close", None)
                    if close:
                        close()
        except BaseException as caught:  # a panic of a native library is no Exception, and no end of an answer either
            error = caught
        finally:
            self._put(Ended(error))

    def _put(self, piece: Piece | Ended) -> bool:
        """Waits for room; gives up once cancelled, because the journey takes no more pieces then."""
        while not self._ask.cancel.is_set():
            try:
                self._pieces.put(piece, timeout=0.1)
            except queue.Full:
                continue
            self._wake.set()
            return True
        return False
