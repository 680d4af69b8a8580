"""Puts the inference engine of this process behind the orchestrator's port for a chat model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from inference.errors import EngineBusy, EngineFailed, PromptInvalid, PromptTooLong, SchemaInvalid
from inference.types import Gaze, Message, Prompt, Sampling, Terms
from moderation.types import millionths
from orchestrator.errors import BotUnavailable
from orchestrator.prompting.messages import BEGINNINGS
from orchestrator.types import tenant_of
from retrieval.evidence.prose.arithmetic.computing import INSTRUCTION
from retrieval.evidence.prose.pointer import HEADS
from retrieval.evidence.prose.reader import ReaderHead

if TYPE_CHECKING:
    from inference.engine.chat import ChatEngine


_WRITTEN = 64
"""Tokens of a short answer under a schema."""


class LoadedLater:
    """The chat model, which is loaded and warmed while the service already answers /healthz. Implements
    `ports.Generate`; until the model is warm, asking it raises BotUnavailable. The event is set once."""

    def __init__(self, name: str, load: Callable[[], ChatEngine]) -> None:
        self.name, self.digest = name, ""
        self._load = load
        self._ready = threading.Event()
        self._engine: ChatEngine | None = None

    def load(self) -> str:
        """Loads and warms the model; called once, by the thread that prepares the service. Returns its state in a word."""
        engine, head = self._load(), ReaderHead.load()
        if engine.digest == head.model:
            engine.warm(head.layers, HEADS)
        else:
            engine.warm()
        engine.share((*BEGINNINGS, INSTRUCTION))
        self._engine, self.digest = engine, engine.digest
        self._ready.set()
        return "ready"

    def close(self) -> None:
        """Ends what is being answered."""
        if self._engine is not None:
            self._engine.close()

    @property
    def ready(self) -> bool:
        return self._ready.is_set()

    def look(
        self,
        messages: Sequence[tuple[str, str]],
        layers: tuple[int, ...],
        heads: tuple[tuple[int, int], ...],
        parts: Sequence[str],
        asking: str,
        tenant: str = "",
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | None:
        """Implements `reader.Look`; None while the model cannot be asked."""
        engine = self._engine
        if engine is None:
            return None
        try:
            looked = engine.look(_prompt(messages), layers, Gaze(heads, tuple(parts), asking), tenant)
        except (PromptTooLong, PromptInvalid, EngineBusy, EngineFailed):
            return None
        return looked.state, looked.attention

    def write(self, messages: Sequence[tuple[str, str]], schema: str, tenant: str = "") -> str | None:
        """A short answer under a JSON schema, the likeliest; None while the model cannot be asked."""
        engine = self._engine
        if engine is None:
            return None
        try:
            sampling = Sampling(temperature=0.0, max_tokens=_WRITTEN, schema=schema)
            said = engine.stream(_prompt(messages), sampling, threading.Event(), Terms(tenant))
            return "".join(delta.text for delta in said)
        except (PromptTooLong, PromptInvalid, SchemaInvalid, EngineBusy, EngineFailed):
            return None

    def stream(
        self, messages: Sequence[tuple[str, str]], sampling: Mapping[str, Any], cancel: threading.Event, scope: str = ""
    ) -> Generator[str, None, Mapping[str, Any]]:
        engine = self._engine
        if engine is None:
            raise BotUnavailable(f"model {self.name} is still being loaded")
        prompt = _prompt(messages, scope)
        try:
            stream = engine.stream(prompt, Sampling(**sampling), cancel, Terms(tenant_of(scope)))
        except PromptTooLong as error:
            raise BotUnavailable("the question and what belongs to it are too long for the model") from error
        except EngineBusy as error:
            raise BotUnavailable(f"the model is busy: {error}") from error
        try:
            while True:
                try:
                    yield next(stream).text
                except StopIteration as end:
                    done = end.value
                    return {
                        "prompt_tokens": done.prompt_tokens,
                        "completion_tokens": done.completion_tokens,
                        "finish_reason": done.finish_reason,
                        "seed": int(sampling.get("seed", 0)),
                        "temperature_micro": millionths(float(sampling.get("temperature", 0.0))),
                    }
                except EngineFailed as error:
                    raise BotUnavailable(str(error)) from error
        finally:
            stream.close()


def _prompt(messages: Sequence[tuple[str, str]], scope: str = "") -> Prompt:
    return Prompt(tuple(Message(role, content) for role, content in messages), reuse=scope or None)
