"""all-MiniLM-L6-v2, the sentence encoder, in Flax NNX on JAX.

Where the engine's kernels can run, the products take weights and activations of 8 bits, about twice as fast as XLA's float32
and within a cosine distance of 0.003 of it; texts then go one by one, so that a text's vector, and what a rail makes of
it, is the same to the last bit whatever comes beside it. Elsewhere XLA computes in float32 and in batches, and the same
holds to float32 rounding: padding is masked out of attention and of the mean. Inputs are padded to a few fixed shapes, so
that nothing is compiled after `warm()`.

The model is BERT (arXiv:1810.04805) with mean pooling and unit length (Sentence-BERT, arXiv:1908.10084).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from gguf import GGMLQuantizationType as Type
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from inference import kernels
from inference.compilation import keep_compiled
from inference.kernels.tiles import round_to_q8_0, tiles

DIMENSION = 384
MAX_TOKENS = 256
LENGTHS = (32, 64, 128, 256)
BATCHES = (1, 8, 32)
SINGLE = (16, 32, 48, 64, 80, 96, 128, 192, 256)  # a question comes alone and waits for its length: little padding


class Dense(nnx.Module):
    """float32[..., in] to float32[..., out]. The kernel lies as [out, in]: XLA's CPU products are faster that way."""

    def __init__(self, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        self.kernel = nnx.Param(jnp.asarray(kernel))
        self.bias = nnx.Param(jnp.asarray(bias))

    def __call__(self, x: jax.Array) -> jax.Array:
        return jnp.einsum("...i,oi->...o", x, self.kernel[...]) + self.bias[...]


class QuantisedDense(nnx.Module):
    """The same on the kernels, from weights rounded to Q8_0."""

    def __init__(self, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        self.rows = len(kernel)
        self.tiles = nnx.Param(jnp.asarray(tiles(round_to_q8_0(kernel), Type.Q8_0)))
        self.bias = nnx.Param(jnp.asarray(bias))

    def __call__(self, x: jax.Array) -> jax.Array:
        flat = x.reshape(-1, x.shape[-1])
        y = kernels.product(flat, self.tiles[...], kind="q8_0", rows=self.rows, bias=self.bias[...])
        return y.reshape(*x.shape[:-1], self.rows)


class LayerNorm(nnx.Module):
    def __init__(self, scale: NDArray[np.float32], bias: NDArray[np.float32], epsilon: float) -> None:
        self.scale = nnx.Param(jnp.asarray(scale))
        self.bias = nnx.Param(jnp.asarray(bias))
        self.epsilon = epsilon

    def __call__(self, x: jax.Array) -> jax.Array:
        centred = x - jnp.mean(x, axis=-1, keepdims=True)
        variance = jnp.mean(centred * centred, axis=-1, keepdims=True)
        return centred * jax.lax.rsqrt(variance + self.epsilon) * self.scale[...] + self.bias[...]


class EncoderLayer(nnx.Module):
    """Self-attention and feed-forward, each with its residual and its norm behind it."""

    def __init__(self, weights: dict[str, NDArray[np.float32]], heads: int, epsilon: float, *, quantised: bool) -> None:
        def dense(*names: str) -> Dense | QuantisedDense:
            kernel, bias = ([weights[f"{name}.{kind}"] for name in names] for kind in ("weight", "bias"))
            return (QuantisedDense if quantised else Dense)(np.concatenate(kernel), np.concatenate(bias))

        def norm(name: str) -> LayerNorm:
            return LayerNorm(weights[f"{name}.weight"], weights[f"{name}.bias"], epsilon)

        self.heads = heads
        self.qkv = dense("attention.self.query", "attention.self.key", "attention.self.value")
        self.out = dense("attention.output.dense")
        self.attention_norm = norm("attention.output.LayerNorm")
        self.up = dense("intermediate.dense")
        self.down = dense("output.dense")
        self.output_norm = norm("output.LayerNorm")

    def __call__(self, x: jax.Array, bias: jax.Array) -> jax.Array:
        """x: float32[batch, length, width]; bias: float32[batch, 1, 1, length], added to the scores."""
        batch, length, width = x.shape
        split = self.qkv(x).reshape(batch, length, 3, self.heads, width // self.heads)
        query, key, value = split[:, :, 0], split[:, :, 1], split[:, :, 2]
        scores = jnp.einsum("bqhd,bkhd->bhqk", query, key) * (width // self.heads) ** -0.5
        mixed = jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores + bias, axis=-1), value)
        x = self.attention_norm(x + self.out(mixed.reshape(batch, length, width)))
        return self.output_norm(x + self.down(jax.nn.gelu(self.up(x), approximate=False)))


class MiniLM(nnx.Module):
    def __init__(self, weights: dict[str, NDArray[np.float32]], config: dict[str, Any], *, quantised: bool = False) -> None:
        epsilon, heads = config["layer_norm_eps"], config["num_attention_heads"]
        # one segment only: the type embedding is a constant, folded into the positions
        positions = weights["embeddings.position_embeddings.weight"]
        self.words = nnx.Param(jnp.asarray(weights["embeddings.word_embeddings.weight"]))
        self.positions = nnx.Param(jnp.asarray(positions + weights["embeddings.token_type_embeddings.weight"][0]))
        norm = "embeddings.LayerNorm"
        self.norm = LayerNorm(weights[f"{norm}.weight"], weights[f"{norm}.bias"], epsilon)
        self.layers = nnx.List(
            [
                EncoderLayer(_below(weights, f"encoder.layer.{index}."), heads, epsilon, quantised=quantised)
                for index in range(config["num_hidden_layers"])
            ]
        )

    def __call__(self, tokens: jax.Array, lengths: jax.Array) -> jax.Array:
        """tokens: int32[batch, length]; lengths: int32[batch], the real tokens. Returns float32[batch, width], unit."""
        mask = jnp.arange(tokens.shape[1])[None, :] < lengths[:, None]
        x = self.norm(self.words[...][tokens] + self.positions[...][: tokens.shape[1]])
        bias = jnp.where(mask, 0.0, -1e9)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, bias)
        mean = jnp.einsum("bl,bld->bd", mask.astype(x.dtype), x) / jnp.maximum(lengths, 1)[:, None]
        return mean / jnp.maximum(jnp.linalg.norm(mean, axis=-1, keepdims=True), 1e-12)


class SentenceEncoder:
    """Sentences to unit vectors. Immutable after `load`, so any number of threads may call it at once.

    digest: the SHA-256 of the weights file. runs_on: the kernels' instruction set, or "xla".
    """

    dimension = DIMENSION

    def __init__(self, model: MiniLM, tokenizer: Tokenizer, digest: str, runs_on: str = "xla") -> None:
        self.digest, self.runs_on = digest, runs_on
        self._batches = BATCHES if runs_on == "xla" else BATCHES[:1]
        tokenizer.no_padding()
        tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer = tokenizer
        graph, self._weights = nnx.split(model)

        def forward(weights: Any, tokens: jax.Array, lengths: jax.Array) -> jax.Array:
            return nnx.merge(graph, weights)(tokens, lengths)

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
        model = MiniLM(weights, config, quantised=quantised)
        return cls(
            model, Tokenizer.from_file(str(path / "tokenizer.json")), digest, kernels.paths()[0] if quantised else "xla"
        )

    def warm(self) -> None:
        """Compile every shape."""
        for batch in self._batches:
            for length in SINGLE if batch == 1 else LENGTHS:
                self._forward(
                    self._weights, np.zeros((batch, length), np.int32), np.full(batch, length, np.int32)
                ).block_until_ready()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32[n, 384], unit length, in the order of `texts`. Text beyond 256 tokens is not read."""
        result = np.zeros((len(texts), DIMENSION), np.float32)
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


def _below(weights: dict[str, NDArray[np.float32]], prefix: str) -> dict[str, NDArray[np.float32]]:
    return {name.removeprefix(prefix): array for name, array in weights.items() if name.startswith(prefix)}
