"""The chat engine: a conversation in, text out piece by piece, on the firm's own machine.

Any number of threads may ask at once. Up to `slots` answers are in progress together and take turns step by step on the
device; further callers wait. A cancelled answer stops before its next step, and its slot is free again.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.compilation import keep_compiled
from inference.errors import ModelDamaged, PromptTooLong
from inference.manifest import ModelSpec
from inference.runner import CHUNKS, Runner, Slot
from inference.sampling import Sampler
from inference.slots import Slots
from inference.stopping import StopFilter
from inference.store import file_digest
from inference.template import ChatTemplate
from inference.tokenizer import ChatTokenizer, Detokenizer
from inference.types import Completion, Delta, FinishReason, Prompt, Sampling
from inference.weights import Checkpoint, Precision, open_checkpoint

Answer = Generator[Delta, None, Completion]


class ChatEngine:
    """`digest` is the SHA-256 of the weights file; `precision` is how the matrices are held."""

    def __init__(self, name: str, digest: str, checkpoint: Checkpoint, *, context: int, slots: int) -> None:
        self.name = name
        self.digest = digest
        self.precision: Precision = checkpoint.precision
        self.context = min(context, checkpoint.architecture.context)
        self.tokenizer = ChatTokenizer(checkpoint.vocabulary)
        self._template = ChatTemplate(checkpoint.vocabulary.template)
        self._runner = Runner(checkpoint, self.context)
        self._slots = Slots(self._runner.new_slot, slots)

    @classmethod
    def load(
        cls,
        spec: ModelSpec,
        path: Path,
        *,
        cache_dir: Path | None,
        context: int = 4096,
        precision: Precision | None = None,
        slots: int = 4,
    ) -> ChatEngine:
        """Open a model. Converted weights and compiled programs are kept in `cache_dir`, if there is one.

        Raises `ModelDamaged` where the file is not the one that the manifest names, `ModelUnsupported` where the
        engine cannot run it.
        """
        keep_compiled(cache_dir)
        digest = file_digest(path)
        if digest != spec.digest:
            raise ModelDamaged(
                f"{path}: SHA-256 is {digest}, the manifest pins {spec.digest} for {spec.name}; "
                f"fetch it again with: countersign models pull {spec.name}"
            )
        checkpoint = open_checkpoint(path, digest, cache_dir=cache_dir, precision=precision)
        return cls(spec.name, digest, checkpoint, context=context, slots=slots)

    def warm(self) -> None:
        """Compile everything that an answer may need."""
        self._runner.compile_all()

    def count(self, text: str) -> int:
        """Tokens of a text by itself, without the template around it."""
        return len(self.tokenizer.encode(text))

    def tokens(self, prompt: Prompt) -> list[int]:
        """The prompt as the model reads it, template included. Raises `PromptInvalid`."""
        return self.tokenizer.encode_pieces(self._template.render(prompt.messages))

    def logits(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """What follows the tokens, float32[vocabulary]; for evaluation."""
        return self._prefill(self._runner.new_slot(), list(tokens), threading.Event())

    def stream(self, prompt: Prompt, sampling: Sampling, cancel: threading.Event) -> Answer:
        """The answer as it is made; the generator's return value is the whole of it.

        Setting `cancel` or closing the generator ends it before its next step: a token, or a chunk of the prompt.
        Raises `PromptTooLong` or `PromptInvalid` at once.
        """
        tokens = self.tokens(prompt)
        if len(tokens) >= self.context:
            raise PromptTooLong(
                f"the prompt is {len(tokens)} tokens long and {self.name} has a context of {self.context}, which must "
                f"also hold the answer; shorten the prompt by at least {len(tokens) - self.context + 1} tokens"
            )
        return self._answer(tokens, prompt.reuse, sampling, cancel)

    def _answer(self, prompt: list[int], reuse: str | None, sampling: Sampling, cancel: threading.Event) -> Answer:
        sampler = Sampler(sampling)
        detokenizer, stop = Detokenizer(self.tokenizer), StopFilter(sampling.stop)
        shown: list[str] = []
        made = reported = 0
        reason: FinishReason = "length"
        with self._slots.borrow(prompt, reuse, cancel) as slot:
            logits = self._prefill(slot, prompt, cancel) if slot is not None else _NOTHING
            while True:
                if cancel.is_set() or slot is None:
                    reason = "cancelled"
                    break
                token = sampler.choose(logits)
                made += 1
                if token in self.tokenizer.stops:
                    reason = "stop"
                    break
                text = stop.feed(detokenizer.feed(token))
                if text:
                    shown.append(text)
                    yield Delta(text, made - reported)
                    reported = made
                if stop.stopped:
                    reason = "stop"
                    break
                if made == sampling.max_tokens or len(slot.tokens) + 1 >= self.context:
                    break
                if not cancel.is_set():
                    logits = self._runner.feed(slot, [token])
        if reason != "cancelled" and (text := stop.close()):
            shown.append(text)
            yield Delta(text, made - reported)
        return Completion("".join(shown), reason, len(prompt), made)

    def _prefill(self, slot: Slot, prompt: list[int], cancel: threading.Event) -> NDArray[np.float32]:
        """Feed what the slot does not hold yet, in chunks; undefined logits where it was cancelled on the way."""
        logits = _NOTHING
        while len(slot.tokens) < len(prompt) and not cancel.is_set():
            rest = len(prompt) - len(slot.tokens)
            # a large chunk that is mostly padding costs more than two small ones
            size = CHUNKS[-1] if rest > CHUNKS[-1] // 2 else CHUNKS[-2]
            logits = self._runner.feed(slot, prompt[len(slot.tokens) : len(slot.tokens) + size])
        return logits


_NOTHING: NDArray[np.float32] = np.zeros(1, np.float32)
