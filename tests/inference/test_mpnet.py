"""MPNet: equal to a plain forward pass, on the kernels and on XLA; distances fall into T5's buckets."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from inference import kernels
from inference.encoder import SentenceEncoder
from inference.models.mpnet import buckets

WIDTH, HEADS, LAYERS, WORDS = 64, 4, 2, 40
Arrays = dict[str, NDArray[np.float32]]


def _bucket(distance: int) -> int:
    """T5's, one at a time, as the paper's text has it: 16 buckets a side, 8 of them exact, the last from 128 on."""
    side = 16 if distance > 0 else 0
    far = abs(distance)
    if far < 8:
        return side + far
    return side + min(15, 8 + int(math.log(far / 8) / math.log(128 / 8) * 8))


def test_every_distance_falls_into_its_bucket() -> None:
    distances = np.arange(-512, 512)
    assert buckets(distances, 32).tolist() == [_bucket(int(one)) for one in distances]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Arrays]:
    """An MPNet with random weights, in the published layout."""
    random = np.random.default_rng(5)
    weights: Arrays = {
        "embeddings.word_embeddings.weight": random.standard_normal((WORDS, WIDTH)),
        "embeddings.position_embeddings.weight": random.standard_normal((300, WIDTH)) / 4,
        "encoder.relative_attention_bias.weight": random.standard_normal((32, HEADS)),
    }
    shapes = {"attention.attn.q": (WIDTH, WIDTH), "attention.attn.k": (WIDTH, WIDTH), "attention.attn.v": (WIDTH, WIDTH)}
    shapes |= {
        "attention.attn.o": (WIDTH, WIDTH),
        "intermediate.dense": (4 * WIDTH, WIDTH),
        "output.dense": (WIDTH, 4 * WIDTH),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(LAYERS):
        for name, shape in shapes.items():
            weights[f"encoder.layer.{layer}.{name}.weight"] = random.standard_normal(shape) / np.sqrt(shape[1])
            weights[f"encoder.layer.{layer}.{name}.bias"] = random.standard_normal(shape[0]) / 10
        norms += [f"encoder.layer.{layer}.{name}" for name in ("attention.LayerNorm", "output.LayerNorm")]
    for name in norms:
        weights[f"{name}.weight"], weights[f"{name}.bias"] = np.ones(WIDTH), random.standard_normal(WIDTH) / 10
    weights = {name: np.ascontiguousarray(array, np.float32) for name, array in weights.items()}
    folder = tmp_path_factory.mktemp("mpnet")
    save_file(weights, folder / "model.safetensors")
    config = {"model_type": "mpnet", "hidden_size": WIDTH, "num_attention_heads": HEADS, "num_hidden_layers": LAYERS}
    (folder / "config.json").write_text(json.dumps({**config, "layer_norm_eps": 1e-5}))
    vocabulary = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, **{f"w{number}": number for number in range(4, WORDS)}}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder, weights


def _forward(weights: Arrays, tokens: list[int]) -> NDArray[np.float64]:
    """One text, plainly, in float64."""
    w = {name: array.astype(np.float64) for name, array in weights.items()}

    def linear(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        centred = x - x.mean(axis=1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]

    count = len(tokens)
    x = w["embeddings.word_embeddings.weight"][tokens] + w["embeddings.position_embeddings.weight"][2 : 2 + count]
    x = norm(x, "embeddings.LayerNorm")
    table = w["encoder.relative_attention_bias.weight"]
    bias = np.array([[table[_bucket(key - query)] for key in range(count)] for query in range(count)]).transpose(2, 0, 1)
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        q, k, v = (linear(x, f"{name}.attention.attn.{one}").reshape(count, HEADS, -1).transpose(1, 0, 2) for one in "qkv")
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(WIDTH // HEADS) + bias
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = (shares / shares.sum(axis=-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(count, WIDTH)
        x = norm(x + linear(mixed, f"{name}.attention.attn.o"), f"{name}.attention.LayerNorm")
        inner = linear(x, f"{name}.intermediate.dense")
        inner = inner * (1 + np.vectorize(math.erf)(inner / math.sqrt(2))) / 2
        x = norm(x + linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")
    mean = x.mean(axis=0)
    return mean / np.linalg.norm(mean)


@pytest.mark.parametrize(("quantised", "least"), [(False, 1e-5), (True, 2e-2)])
def test_vectors_are_those_of_a_plain_forward_pass(small: tuple[Path, Arrays], quantised: bool, least: float) -> None:
    if quantised and kernels.unavailable():
        pytest.skip("the kernels cannot run here")
    folder, weights = small
    encoder = SentenceEncoder.load(folder, quantised=quantised)
    texts = ["w4 w5 w6", " ".join(f"w{4 + number * 7 % 30}" for number in range(150)), "w9"]
    found = encoder.embed(texts)
    assert found.shape == (3, WIDTH) == (3, encoder.dimension)
    for text, vector in zip(texts, found, strict=True):
        exact = _forward(weights, [0, *(int(word[1:]) for word in text.split()), 2])
        assert 1 - vector @ exact < least


def test_the_order_of_words_matters_by_their_distance(small: tuple[Path, Arrays]) -> None:
    encoder: Any = SentenceEncoder.load(small[0], quantised=False)
    there, back = encoder.embed(["w4 w5 w6 w7", "w7 w6 w5 w4"])
    assert there @ back < 0.999


@pytest.mark.parametrize("heads", [12, 2])
def test_attention_adds_what_a_distance_weighs(heads: int) -> None:
    import jax

    if kernels.unavailable():
        pytest.skip("the kernels cannot run here")
    random = np.random.default_rng(13)
    length, counts, width = 41, np.array([41, 3], np.int32), 32
    qkv = random.standard_normal((2 * length, 3 * heads * width)).astype(np.float32)
    bias = random.standard_normal((heads, 2 * kernels.LONGEST_TEXT)).astype(np.float32)
    found = np.asarray(jax.jit(lambda x, n, b: kernels.text_attention(x, n, heads=heads, bias=b))(qkv, counts, bias))
    for text, count in enumerate(counts):
        query, key, value = qkv.astype(np.float64).reshape(2, length, 3, heads, width)[text, :count].transpose(1, 2, 0, 3)
        away = kernels.LONGEST_TEXT + np.arange(count)[None, :] - np.arange(count)[:, None]
        scores = query @ key.transpose(0, 2, 1) / np.sqrt(width) + bias[:, away]
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        exact = (shares / shares.sum(axis=-1, keepdims=True) @ value).transpose(1, 0, 2)
        assert np.abs(found.reshape(2, length, heads, width)[text, :count] - exact).max() < 1e-5
