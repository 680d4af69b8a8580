"""The sentence encoders, in Flax NNX on JAX: all-MiniLM-L6-v2, and all-mpnet-base-v2 for search, which costs eight
times as much.

Where the engine's kernels can run, weights have 8 bits and a scale for each row: two to four times as fast as XLA's float32
and within a cosine distance of 0.004 of it; texts then go one by one, so that a text's vector, and what a rail makes of
it, is the same to the last bit whatever comes beside it. Elsewhere XLA computes in float32 and in batches, and the same
holds to float32 rounding: padding is masked out of attention and of the mean. Inputs are padded to a few fixed shapes, so
that nothing is compiled after `warm()`. The networks are `inference.models.minilm` and `inference.models.mpnet`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import jax
import numpy as np
from flax import nnx
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from inference import kernels
from inference.devices.compilation import keep_compiled
from inference.models.minilm import MiniLM
from inference.models.mpnet import MPNet

MAX_TOKENS = 256
LENGTHS = (32, 64, 128, 256)
BATCHES = (1, 8, 32)
SINGLE = (16, 32, 48, 64, 80, 96, 128, 192, 256)  # a question comes alone and waits for its length: little padding


class SentenceEncoder:
    """Sentences to unit vectors. Immutable after `load`, so any number of threads may call it at once.

    digest: the SHA-256 of the weights file. dimension: of a vector. runs_on: the kernels' instruction set, or "xla".
    """

    def __init__(
        self, model: MiniLM | MPNet, tokenizer: Tokenizer, digest: str, dimension: int, runs_on: str = "xla"
    ) -> None:
        self.digest, self.dimension, self.runs_on = digest, dimension, runs_on
        self._batches = BATCHES if runs_on == "xla" else BATCHES[:1]
        tokenizer.no_padding()
        tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer = tokenizer
        graph, state = nnx.split(model)
        # a plain list of arrays reaches a compiled step several times faster than NNX's state does
        self._weights, shape = jax.tree.flatten(state)

        def forward(weights: list[jax.Array], tokens: jax.Array, lengths: jax.Array) -> jax.Array:
            return nnx.merge(graph, jax.tree.unflatten(shape, weights))(tokens, lengths)

        self._forward = jax.jit(forward)

    @classmethod
    def load(cls, path: Path, *, cache_dir: Path | None = None, quantised: bool = True) -> SentenceEncoder:
        """From a folder with model.safetensors, tokenizer.json and config.json.

        Compiled programs are kept below `cache_dir` if one is given. quantised: take the kernels where they can run.
        """
        keep_compiled(cache_dir)
        weights = load_file(path / "model.safetensors")
        config = json.loads((path / "config.json").read_text())
        with (path / "model.safetensors").open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        quantised = quantised and kernels.unavailable() is None
        network = MPNet if config["model_type"] == "mpnet" else MiniLM
        return cls(
            network(weights, config, tiled=quantised),
            Tokenizer.from_file(str(path / "tokenizer.json")),
            digest,
            config["hidden_size"],
            kernels.paths()[0] if quantised else "xla",
        )

    def warm(self) -> None:
        """Compile every shape."""
        for batch in self._batches:
            for length in SINGLE if batch == 1 else LENGTHS:
                self._forward(
                    self._weights, np.zeros((batch, length), np.int32), np.full(batch, length, np.int32)
                ).block_until_ready()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32[n, dimension], unit length, in the order of `texts`. Text beyond 256 tokens is not read."""
        result = np.zeros((len(texts), self.dimension), np.float32)
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        for rows, batch, length in plan([len(ids) for ids in tokens], self._batches):
            padded = np.zeros((batch, length), np.int32)
            lengths = np.zeros(batch, np.int32)
            for slot, row in enumerate(rows):
                padded[slot, : len(tokens[row])] = tokens[row]
                lengths[slot] = len(tokens[row])
            result[rows] = np.asarray(self._forward(self._weights, padded, lengths))[: len(rows)]
        return result


def plan(lengths: Sequence[int], batches: Sequence[int] = BATCHES) -> Iterator[tuple[list[int], int, int]]:
    """Batches of like length: (rows, padded batch size, padded length). Every row comes exactly once."""
    for shortest, longest in pairwise((0, *LENGTHS)):
        rows = [row for row, length in enumerate(lengths) if shortest < max(length, 1) <= longest]
        while rows:
            size = _batch_size(len(rows), batches)
            least = max(lengths[rows[0]], 1)
            yield rows[:size], size, longest if size > 1 else next(n for n in SINGLE if n >= least)
            rows = rows[size:]


def _batch_size(waiting: int, batches: Sequence[int]) -> int:
    """The size that computes the fewest padded rows: three texts go one by one, five as a batch of eight."""
    for smaller, larger in pairwise(batches):
        if waiting * 2 < larger:
            return smaller
    return batches[-1]
