"""The sentence encoder beside ONNX Runtime's int8, on the same weights, texts and threads, in one run.

    pip install -e '.[oracle]'
    python benchmarks/encoder.py             # a minute
    python benchmarks/encoder.py --json

The rival is the same network as an ONNX graph, its products quantised as ONNX Runtime's own tool does it (dynamic, 8 bits,
one scale a row of the weights), all graph optimisations on. Texts come one by one, as questions do, in rounds that take
turns; *ratio* is the rival's time over ours, each the median over the rounds. Vectors of both are held against float32.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the rooms, before scripts of the same names here

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType, quantize_dynamic
from rich.console import Console
from rich.progress import track
from rich.table import Table
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from inference import kernels
from inference.encoder import MAX_TOKENS, SentenceEncoder
from inference.store.model_store import ModelStore

WORDS = (8, 20, 60, 150)
Embed = Callable[[str], NDArray[np.float32]]


class Graph:
    """The network as ONNX nodes, one method a kind of node."""

    def __init__(self, weights: dict[str, NDArray[np.float32]], config: dict[str, Any]) -> None:
        self._weights, self._config = weights, config
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        width, heads = config["hidden_size"], config["num_attention_heads"]
        table = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
        words = self._node("Gather", self._constant("words", weights["embeddings.word_embeddings.weight"]), "tokens")
        x = self._norm(
            self._node("Add", words, self._node("Gather", self._constant("table", table), "places")), "embeddings"
        )
        for index in range(config["num_hidden_layers"]):
            at = f"encoder.layer.{index}."
            split = [self._heads(self._dense(x, f"{at}attention.self.{one}"), heads) for one in ("query", "key", "value")]
            query, key, value = (
                self._node("Transpose", one, perm=perm)
                for one, perm in zip(split, ([1, 0, 2], [1, 2, 0], [1, 0, 2]), strict=True)
            )
            root = self._constant("root", np.array((width // heads) ** -0.5, np.float32))
            scores = self._node("Softmax", self._node("Mul", self._node("MatMul", query, key), root), axis=-1)
            mixed = self._node("Transpose", self._node("MatMul", scores, value), perm=[1, 0, 2])
            whole = self._node("Reshape", mixed, self._constant("whole", np.array([-1, width], np.int64)))
            x = self._norm(self._node("Add", x, self._dense(whole, f"{at}attention.output.dense")), f"{at}attention.output")
            inner = self._gelu(self._dense(x, f"{at}intermediate.dense"))
            x = self._norm(self._node("Add", x, self._dense(inner, f"{at}output.dense")), f"{at}output")
        self._out = self._node("ReduceMean", x, axes=[0], keepdims=0)

    def save(self, path: Path) -> None:
        inputs = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.INT64, ["n"]) for name in ("tokens", "places")]
        outputs = [onnx.helper.make_tensor_value_info(self._out, onnx.TensorProto.FLOAT, [self._config["hidden_size"]])]
        graph = onnx.helper.make_graph(self._nodes, "encoder", inputs, outputs, list(self._constants.values()))
        onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9), path)

    def _node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind}{len(self._nodes)}"
        self._nodes.append(onnx.helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        self._constants.setdefault(name, onnx.numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def _dense(self, x: str, name: str) -> str:
        kernel = self._constant(f"{name}.T", self._weights[f"{name}.weight"].T)
        bias = self._constant(f"{name}.bias", self._weights[f"{name}.bias"])
        return self._node("Add", self._node("MatMul", x, kernel), bias)

    def _norm(self, x: str, name: str) -> str:
        scale, bias = (
            self._constant(f"{name}.LayerNorm.{one}", self._weights[f"{name}.LayerNorm.{one}"]) for one in ("weight", "bias")
        )
        return self._node("LayerNormalization", x, scale, bias, axis=-1, epsilon=self._config["layer_norm_eps"])

    def _heads(self, x: str, heads: int) -> str:
        shape = np.array([-1, heads, self._config["hidden_size"] // heads], np.int64)
        return self._node("Reshape", x, self._constant("heads", shape))

    def _gelu(self, x: str) -> str:
        half, one, root = (self._constant(f"c{v}", np.array(v, np.float32)) for v in (0.5, 1.0, 2**0.5))
        erf = self._node("Add", self._node("Erf", self._node("Div", x, root)), one)
        return self._node("Mul", self._node("Mul", x, erf), half)


def rival(model: Path, threads: int) -> Embed:
    """ONNX Runtime with 8-bit products."""
    weights, config = load_file(model / "model.safetensors"), json.loads((model / "config.json").read_text())
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    with tempfile.TemporaryDirectory() as folder:
        plain, small = Path(folder) / "plain.onnx", Path(folder) / "int8.onnx"
        Graph(weights, config).save(plain)
        quantize_dynamic(plain, small, weight_type=QuantType.QInt8, per_channel=True)
        session = onnxruntime.InferenceSession(small.read_bytes(), options, providers=["CPUExecutionProvider"])

    def embed(text: str) -> NDArray[np.float32]:
        tokens = np.array(tokenizer.encode(text).ids, np.int64)
        mean: NDArray[np.float32] = session.run(None, {"tokens": tokens, "places": np.arange(len(tokens))})[0]
        return mean / np.linalg.norm(mean)

    return embed


def texts_of(data: Path, words: int, count: int = 60) -> list[str]:
    """Questions of a bank's customers, put together until each text has so many words."""
    flow = [
        w
        for line in (data / "intents_banking.jsonl").read_text("utf-8").splitlines()
        for w in json.loads(line)["text"].split()
    ]
    return [" ".join(flow[at * words : (at + 1) * words]) for at in range(count)]


def timed(embed: Embed, texts: Sequence[str]) -> float:
    begun = time.perf_counter()
    for text in texts:
        embed(text)
    return (time.perf_counter() - begun) / len(texts)


def measure(data: Path, threads: int, rounds: int) -> list[dict[str, Any]]:
    model = ModelStore().path("all-minilm-l6-v2")
    kernels.use_threads(threads)
    encoder, exact = SentenceEncoder.load(model), SentenceEncoder.load(model, quantised=False)
    theirs = rival(model, threads)

    def ours(text: str) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = encoder.embed([text])[0]
        return vector

    rows = []
    for words in track(WORDS, f"{threads} threads", console=Console(stderr=True)):
        texts = texts_of(data, words)
        whole = exact.embed(texts)
        apart = [float(max(1 - one(t) @ v for t, v in zip(texts, whole, strict=True))) for one in (ours, theirs)]
        pairs = [(timed(ours, texts), timed(theirs, texts)) for _ in range(rounds)]
        mine, its = (statistics.median(one) for one in zip(*pairs, strict=True))
        rows.append({"threads": threads, "words": words, "ratio": its / mine, "ms": 1000 * mine, "rival_ms": 1000 * its,
                     "cosine_distance": apart[0], "rival_cosine_distance": apart[1]})  # fmt: skip
    return rows


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, default=Path(os.environ.get("COUNTERSIGN_DATA", ROOT / "../shared/data")))
    options.add_argument("--threads", type=int, nargs="+", default=[1, len(os.sched_getaffinity(0))])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    rows = [row for threads in dict.fromkeys(chosen.threads) for row in measure(chosen.data, threads, chosen.rounds)]
    about = {"machine": platform.machine(), "path": kernels.paths()[0], "onnxruntime": onnxruntime.__version__}
    if chosen.json:
        print(json.dumps({"conditions": about, "rows": rows}))
        return
    title = f"The encoder beside ONNX Runtime int8 ({', '.join(about.values())})"
    table = Table(
        "threads", "words", "ratio", "ms", "ONNX Runtime ms", "farthest from float32", "ONNX Runtime's", title=title
    )
    for row in rows:
        speed = (f"{row['ratio']:.2f}", f"{row['ms']:.2f}", f"{row['rival_ms']:.2f}")
        apart = (f"{row['cosine_distance']:.4f}", f"{row['rival_cosine_distance']:.4f}")
        table.add_row(str(row["threads"]), str(row["words"]), *speed, *apart)
    Console().print(table)


if __name__ == "__main__":
    main()
