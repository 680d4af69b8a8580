"""The chat engine: a conversation in, text out piece by piece, on the firm's own machine.

Any number of threads may ask at once: answers in progress share every step of the device, further callers wait their turn.
A cancelled answer stops before its next step, and its room in the cache is free again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.blocks import Blocks
from inference.cache import blocks_for
from inference.compilation import keep_compiled
from inference.errors import ModelDamaged, PromptTooLong
from inference.job import Job
from inference.manifest import ModelSpec
from inference.runner import Feed, Runner
from inference.scheduler import Load, Scheduler
from inference.stopping import StopFilter
from inference.store import file_digest
from inference.template import ChatTemplate
from inference.tokenizer import ChatTokenizer, Detokenizer
from inference.types import Completion, Delta, FinishReason, Prompt, Sampling, Terms
from inference.weights import Checkpoint, Precision, open_checkpoint

Answer = Generator[Delta, None, Completion]
MEMORY = 256 << 20


class ChatEngine:
    """`digest` is the SHA-256 of the weights file; `precision` is how the matrices are held."""

    def __init__(self, name: str, digest: str, checkpoint: Checkpoint, *, context: int, memory: int) -> None:
        self.name = name
        self.digest = digest
        self.precision: Precision = checkpoint.precision
        self.fast = checkpoint.precision == "blocks"
        self.parameters = checkpoint.architecture.parameters
        self.context = min(context, checkpoint.architecture.context)
        self.tokenizer = ChatTokenizer(checkpoint.vocabulary)
        vocabulary = checkpoint.vocabulary
        self._template = ChatTemplate(vocabulary.template, bos=vocabulary.bos, eos=vocabulary.eos)
        self._scheduler = Scheduler(Runner(checkpoint, self.context, memory))

    @classmethod
    def load(
        cls,
        spec: ModelSpec,
        path: Path,
        *,
        cache_dir: Path | None,
        context: int = 4096,
        precision: Precision | None = None,
        memory: int = MEMORY,
    ) -> ChatEngine:
        """Open a model. Converted weights and compiled programs are kept in `cache_dir`, if there is one.

        memory: bytes for the KV cache, in which conversations that begin alike share their beginning.

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
        return cls(spec.name, digest, checkpoint, context=context, memory=memory)

    def warm(self) -> None:
        """Compile everything that an answer may need."""
        self._scheduler.call(lambda runner, _: runner.compile_all())

    def close(self) -> None:
        """End every answer and stop the engine's thread."""
        self._scheduler.close()

    def guess(self, on: bool) -> None:
        """Whether answers are guessed ahead; off only to measure what it saves."""
        self._scheduler.guesses = on

    def load_now(self) -> Load:
        """What the engine does at the moment."""
        return self._scheduler.load()

    def count(self, text: str) -> int:
        """Tokens of a text by itself, without the template around it."""
        return len(self.tokenizer.encode(text))

    def tokens(self, prompt: Prompt) -> list[int]:
        """The prompt as the model reads it, template included. Raises `PromptInvalid`."""
        return self.tokenizer.encode_pieces(self._template.render(prompt.messages))

    def logits(self, tokens: Sequence[int], *, chunk: int = 0) -> NDArray[np.float32]:
        """What follows the tokens, float32[vocabulary]; for evaluation. chunk: tokens of a step, 0 for the largest."""
        found: NDArray[np.float32] = self._scheduler.call(lambda runner, blocks: _logits(runner, blocks, tokens, chunk))
        return found

    def stream(self, prompt: Prompt, sampling: Sampling, cancel: threading.Event, terms: Terms | None = None) -> Answer:
        """The answer as it is made; the generator's return value is the whole of it.

        Setting `cancel` or closing the generator ends it before its next step: a token, or a chunk of the prompt.
        Raises `PromptTooLong`, `PromptInvalid` or `EngineBusy` at once, `EngineFailed` on the way.
        """
        tokens = self.tokens(prompt)
        if len(tokens) >= self.context:
            raise PromptTooLong(
                f"the prompt is {len(tokens)} tokens long and {self.name} has a context of {self.context}, which must "
                f"also hold the answer; shorten the prompt by at least {len(tokens) - self.context + 1} tokens"
            )
        ended = threading.Event()
        job = Job(
            tokens,
            sampling,
            stops=frozenset(self.tokenizer.stops),
            context=self.context,
            scope=prompt.reuse,
            terms=terms or Terms(),
            cancel=(cancel, ended),
            now=time.monotonic(),
        )
        self._scheduler.submit(job)
        return self._answer(job, sampling, ended)

    def _answer(self, job: Job, sampling: Sampling, ended: threading.Event) -> Answer:
        detokenizer, stop = Detokenizer(self.tokenizer), StopFilter(sampling.stop)
        shown: list[str] = []
        made = reported = 0
        reason: FinishReason = "stop"
        try:
            for found in job.read():
                if isinstance(found, str):
                    reason = found
                    made += reason == "stop"  # the token that ends an answer was made too
                    break
                made += 1
                text = stop.feed(detokenizer.feed(found))
                if text:
                    shown.append(text)
                    yield Delta(text, made - reported)
                    reported = made
                if stop.stopped:
                    break
        finally:
            ended.set()
        if reason != "cancelled" and (text := stop.close()):
            shown.append(text)
            yield Delta(text, made - reported)
        return Completion("".join(shown), reason, job.prompt, made)


def _logits(runner: Runner, blocks: Blocks, tokens: Sequence[int], chunk: int) -> NDArray[np.float32]:
    table = blocks.take(blocks_for(len(tokens)))
    if table is None:
        raise PromptTooLong(f"{len(tokens)} tokens do not fit into what is free of the cache; try again later")
    try:
        size = chunk or runner.chunks[-1]
        for start in range(0, len(tokens), size):
            found: NDArray[np.float32] = runner.run([Feed(start, tokens[start : start + size], table)])[0]
        return found
    finally:
        blocks.release(table)
