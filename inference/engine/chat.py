"""The chat engine: a conversation in, text out piece by piece, on the firm's own machine.

Any number of threads may ask at once: answers in progress share every step of the device, further callers wait their turn.
A cancelled answer stops before its next step, and its room in the cache is free again.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from inference import kernels
from inference.devices.compilation import keep_compiled
from inference.devices.followers import Crew, orders
from inference.devices.mesh import ALONE, make_grid
from inference.engine.constrained_decoding import Grammars
from inference.engine.prefix_cache import Blocks
from inference.engine.request import Job
from inference.engine.runner import Feed, Runner
from inference.engine.scheduler import Load, Scheduler
from inference.engine.shared_prefixes import Beginnings
from inference.engine.states import looked
from inference.engine.stop_strings import StopFilter
from inference.errors import PromptInvalid, PromptTooLong
from inference.kv_cache import blocks_for
from inference.models.attended import layers_of
from inference.store.manifest import ModelSpec
from inference.store.model_store import check_model, model_digest
from inference.text.chat_template import ChatTemplate
from inference.text.places import token_spans
from inference.text.tokenizer import ChatTokenizer, Detokenizer
from inference.types import Completion, Delta, FinishReason, Gaze, Looked, Message, Prompt, Sampling, Terms
from inference.weights.checkpoint import Checkpoint, Precision, open_checkpoint
from inference.weights.lora import Adapter, combined_digest

Answer = Generator[Delta, None, Completion]
MEMORY = 256 << 20
WAITING = 64


class ChatEngine:
    """`digest` names the weights: the file's SHA-256, or what `open` says of a folder or an adapter. `precision` is how the
    matrices are held. `parameters` are all that a step reads; a token of a prompt needs those without the vocabulary's."""

    def __init__(
        self,
        name: str,
        digest: str,
        checkpoint: Checkpoint,
        *,
        context: int,
        memory: int,
        slots: int | None = None,
        waiting: int = WAITING,
        mesh: tuple[int, int] | None = None,
        cache_dir: Path | None = None,
        crew: Crew | None = None,
    ) -> None:
        self.name = name
        self.digest = digest
        self.precision: Precision = checkpoint.precision
        self.fast = checkpoint.precision == "blocks"
        self._architecture = checkpoint.architecture
        self.parameters = checkpoint.architecture.parameters
        self.parameters_of_a_prompt = self.parameters - checkpoint.architecture.vocabulary * checkpoint.architecture.width
        self.context = min(context, checkpoint.architecture.context)
        self.tokenizer = ChatTokenizer(checkpoint.vocabulary)
        vocabulary = checkpoint.vocabulary
        self._grammars = Grammars(self.tokenizer, vocabulary.size)
        self._template = ChatTemplate(vocabulary.template, bos=vocabulary.bos, eos=vocabulary.eos)
        self._runner = Runner(checkpoint, self.context, memory, ALONE if mesh is None else make_grid(*mesh), crew)
        self._scheduler = Scheduler(self._runner, slots=slots, most_waiting=waiting)
        runs_on = f"{self.precision} {kernels.paths()[0] if self.fast else jax.__version__}"
        kept = None if cache_dir is None or mesh is not None else cache_dir / "beginnings"  # a mesh's cache lies scattered
        self._beginnings = Beginnings(f"{digest} {runs_on}", kept)

    @classmethod
    def load(cls, spec: ModelSpec, path: Path, **options: Any) -> ChatEngine:
        """Open a model of the manifest; see `open` for the options and for what else is raised.

        Raises `ModelDamaged` where a file is not the one that the manifest names.
        """
        check_model(spec, path)
        return cls._open(spec.names, path, spec.digest, **options)

    @classmethod
    def open(cls, path: Path, **options: Any) -> ChatEngine:
        """Open a model of one's own: a GGUF file, or a folder in Hugging Face's layout. It is called what the path is.

        cache_dir: where converted weights and compiled programs are kept, or None. context: tokens of prompt and answer
        together. precision: see `inference.weights.conversion`; the fastest that the machine can where none is named.
        memory: bytes for the KV cache, in which conversations that begin alike share their beginning. slots: the most
        answers in progress;
        None for as many as a step takes. waiting: questions that may wait; more are `EngineBusy`. adapter: a LoRA adapter's
        folder; it is merged into the weights, and `digest` is then `lora.combined_digest` of both. mesh: places along `data`
        and `model` (see `inference.devices.mesh`). crew: host:port at which this process, the first of several that have
        joined (`inference.devices.hosts`), waits for the others, which `follow`.

        Raises `ModelUnsupported` where the engine cannot run it, `ModelMissing` where a file is not there, `AdapterUnfit`.
        """
        return cls._open(_own_names(path), path, model_digest(path), **options)

    @classmethod
    def _open(
        cls,
        names: tuple[str, ...],
        path: Path,
        digest: str,
        *,
        cache_dir: Path | None,
        context: int = 4096,
        precision: Precision | None = None,
        memory: int = MEMORY,
        slots: int | None = None,
        waiting: int = WAITING,
        adapter: Path | None = None,
        mesh: tuple[int, int] | None = None,
        crew: str | None = None,
    ) -> ChatEngine:
        checkpoint, digest = _read(names, path, digest, cache_dir, precision, adapter, mesh)
        others = (
            None if crew is None else Crew(crew, jax.process_count() - 1, _mark(digest, checkpoint, context, memory, mesh))
        )
        return cls(
            names[0],
            digest,
            checkpoint,
            context=context,
            memory=memory,
            slots=slots,
            waiting=waiting,
            mesh=mesh,
            crew=others,
            cache_dir=cache_dir,
        )

    @classmethod
    def follow(
        cls,
        path: Path,
        *,
        crew: str,
        mesh: tuple[int, int],
        cache_dir: Path | None,
        context: int = 4096,
        precision: Precision | None = None,
        memory: int = MEMORY,
        adapter: Path | None = None,
        names: tuple[str, ...] = (),
    ) -> None:
        """In every process but the first of several: make the steps of the first one's engine until that is closed.

        The options are those of the first. Raises `EngineFailed` where it was started otherwise, or vanishes.
        """
        checkpoint, digest = _read(names or _own_names(path), path, model_digest(path), cache_dir, precision, adapter, mesh)
        told = orders(crew, _mark(digest, checkpoint, context, memory, mesh))
        Runner(checkpoint, min(context, checkpoint.architecture.context), memory, make_grid(*mesh)).follow(told)

    def warm(self, after: tuple[int, ...] = (), heads: Sequence[tuple[int, int]] = ()) -> None:
        """Compile everything that an answer may need; with `after`, and `heads` of a gaze, what `look` needs for them."""
        self._scheduler.call(lambda runner, _: runner.compile_all(after, layers_of(heads)))

    def share(self, instructions: Sequence[str]) -> None:
        """Let every prompt whose system message begins with one of these texts share the work on it, whatever its `reuse`
        says, and do that work now. Only for texts that are nobody's secret. Call it once, before the first question."""
        self._beginnings.add(begun for text in instructions if (begun := self._begun(text)))
        self._scheduler.call(self._beginnings.fill)

    def _begun(self, instruction: str) -> list[int]:
        """The tokens up to an instruction's end; none where the template knows no instructions."""
        with suppress(PromptInvalid, StopIteration):
            pieces = self._template.render((Message("system", instruction), Message("user", "")))
            end = next(place for place, piece in enumerate(pieces) if not piece.trusted)
            return self.tokenizer.encode_pieces(pieces[: end + 1])
        return []

    def close(self) -> None:
        """End every answer and stop the engine's thread; of several processes, the others' too."""
        self._scheduler.close()
        self._runner.close()

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

    def look(self, prompt: Prompt, after: tuple[int, ...], gaze: Gaze | None = None, tenant: str = "") -> Looked:
        """What the layers `after` (from 0) make of a prompt's last token, and where its question looks; nothing is
        generated. tenant: as in `Terms`.

        Raises `PromptTooLong` or `PromptInvalid` (also where the prompt does not hold the texts of `gaze`),
        `ModelUnsupported` for attention that is not computed here, and `EngineFailed` where the engine is closed or its
        step fails.
        """
        tokens = self.tokens(prompt)
        if len(tokens) >= self.context:
            raise PromptTooLong(f"the prompt is {len(tokens)} tokens long and {self.name} has a context of {self.context}")
        spans = token_spans(self.tokenizer, tokens, (*gaze.parts, gaze.asking)) if gaze else []
        if spans is None:
            raise PromptInvalid("a text whose attention is asked for does not stand in the prompt")
        heads = gaze.heads if gaze else ()
        return looked(self._scheduler, tokens, after, heads, spans, self._architecture, tenant)

    def stream(self, prompt: Prompt, sampling: Sampling, cancel: threading.Event, terms: Terms | None = None) -> Answer:
        """The answer as it is made; the generator's return value is the whole of it.

        Setting `cancel` or closing the generator ends it before its next step: a token, or a chunk of the prompt.
        Raises `PromptTooLong`, `PromptInvalid`, `SchemaInvalid` or `EngineBusy` at once, `EngineFailed` on the way.
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
            guide=None if sampling.schema is None else self._grammars.guide(sampling.schema),
            public=self._beginnings.public(tokens),
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
        return Completion("".join(shown), reason, job.prompt, made, job.reused)


def _own_names(path: Path) -> tuple[str, ...]:
    """What a model of one's own is called."""
    return (path.stem if path.is_file() else path.name,)


def _read(
    names: tuple[str, ...],
    path: Path,
    digest: str,
    cache_dir: Path | None,
    precision: Precision | None,
    adapter: Path | None,
    mesh: tuple[int, int] | None,
) -> tuple[Checkpoint, str]:
    """The weights, and the digest that names them, the adapter's included."""
    keep_compiled(cache_dir)
    added = None if adapter is None else Adapter.read(adapter, digest, names)
    if added is not None:
        digest = combined_digest(digest, added.digest)
    if mesh is not None and precision is None:
        precision = "float32"
    return open_checkpoint(path, digest, cache_dir=cache_dir, precision=precision, adapter=added), digest


def _mark(digest: str, checkpoint: Checkpoint, context: int, memory: int, mesh: tuple[int, int] | None) -> bytes:
    """What must be the same in every process of a model."""
    alike = (digest, checkpoint.precision, context, memory, mesh, jax.__version__)
    return hashlib.sha256(repr(alike).encode()).digest()


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
