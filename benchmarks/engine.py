"""How fast is the on-prem engine beside llama.cpp and beside the machine's own limits? One command:

    python benchmarks/engine.py [--model NAME] [--rounds N] [--json] [--plot FILE.png]

Needs the `oracle` extra (xllamacpp), the model in the store, and for `--plot` matplotlib. Both engines read the same file
with the same number of threads, in turn, in one process; a figure is the best round of each, the median of the rounds'
ratios stands beside it. The machine's limits are measured in the same run: the memory's speed by reading a gigabyte, the
arithmetic by the engine's own product on a matrix that stays in the cache. A token of a prompt goes through every matrix but
the vocabulary's. On a machine that does other work too, ratios
below a tenth say nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the rooms, before scripts of the same names here
sys.path.append(str(Path(__file__).resolve().parent))

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from inference import Message, ModelStore, Prompt, Sampling, load_manifest
from inference.engine.chat import ChatEngine

CACHE = Path.home() / ".cache" / "countersign" / "engine"
STORY = "The committee approved the amended investment policy after a long debate about liquidity. "
QUOTED = (
    "Fees. The management charge is 0.45 percent a year and is taken daily. There is no entry charge. An exit charge of "
    "1 percent applies to units held for less than ninety days. Dealing orders received before noon are executed at the "
    "price of the same day; later orders are executed at the price of the next working day. Settlement takes three days."
)
DECODED = 48
Figures = dict[str, float]


def measure(name: str, threads: int, rounds: int) -> tuple[Figures, dict[str, list[float]]]:
    """The figures, and the rounds behind them."""
    from engine_check import LlamaCpp

    path = ModelStore().path(name)
    engine = ChatEngine.load(load_manifest()[name], path, cache_dir=CACHE, context=2048)
    oracle = LlamaCpp(path)
    engine.warm()
    prompt = Prompt((Message("user", f"{STORY * 24}\nTell a long story about this."),))
    tokens = engine.tokens(prompt)
    seen: dict[str, list[float]] = {key: [] for key in ("prefill", "decode", "their prefill", "their decode", "batch")}
    with Progress(console=Console(stderr=True)) as progress:
        for _ in progress.track(range(rounds), description="in turn with llama.cpp"):
            prefill, decode = alone(engine, prompt, len(tokens))
            theirs = oracle.complete(tokens, DECODED)["timings"]
            seen["prefill"].append(prefill)
            seen["decode"].append(decode)
            seen["their prefill"].append(theirs["prompt_per_second"])
            seen["their decode"].append(theirs["predicted_per_second"])
            seen["batch"].append(together(engine, 8))
        task = progress.add_task("prefix, guesses, limits", total=4)
        cold, warm = prefix(engine)
        progress.advance(task)
        quoting, free = guessing(engine)
        progress.advance(task)
        bandwidth = memory_speed(threads)
        progress.advance(task)
        arithmetic = product_speed(engine)
        progress.advance(task)
    engine.close()
    best = {key: max(values) for key, values in seen.items()}
    file = path.stat().st_size
    parameters = engine.parameters
    return {
        "decode_tokens_per_s": best["decode"],
        "prefill_tokens_per_s": best["prefill"],
        "decode_ratio_to_llama_cpp": best["decode"] / best["their decode"],
        "prefill_ratio_to_llama_cpp": best["prefill"] / best["their prefill"],
        "decode_ratio_median": _median_ratio(seen["decode"], seen["their decode"]),
        "prefill_ratio_median": _median_ratio(seen["prefill"], seen["their prefill"]),
        "eight_together_ratio_to_one": best["batch"] / best["decode"],
        "prefix_hit_share_of_cold": warm / cold,
        "guessing_ratio_when_quoting": quoting,
        "guessing_ratio_elsewhere": free,
        "memory_gb_per_s": bandwidth / 1e9,
        "decode_share_of_memory_roofline": best["decode"] * file / bandwidth,
        "arithmetic_gop_per_s": arithmetic / 1e9,
        "prefill_share_of_arithmetic": best["prefill"] * 2 * engine.parameters_of_a_prompt / arithmetic,
        "peak_memory_ratio_to_file": peak_memory(name) / file,
        "file_bytes": file,
        "parameters": parameters,
        "parameters_of_a_prompt": engine.parameters_of_a_prompt,
        "their_decode_tokens_per_s": best["their decode"],
        "their_prefill_tokens_per_s": best["their prefill"],
    }, seen


def alone(engine: ChatEngine, prompt: Prompt, length: int) -> tuple[float, float]:
    """Tokens a second of prompt and of answer, for one answer at a time. Guesses are switched off: llama.cpp makes none."""
    with without_guesses(engine):
        begun = time.perf_counter()
        answer = engine.stream(prompt, Sampling(max_tokens=DECODED + 1), threading.Event())
        next(answer)
        first = time.perf_counter()
        count = sum(delta.tokens for delta in answer)
        return length / (first - begun), count / (time.perf_counter() - first)


def together(engine: ChatEngine, count: int) -> float:
    """Tokens a second of all answers, while so many are made at once."""
    prompts = [Prompt((Message("user", f"Tell a long story about the number {number}."),)) for number in range(count)]
    made: list[float] = []

    def ask(prompt: Prompt) -> None:
        answer = engine.stream(prompt, Sampling(max_tokens=DECODED, temperature=1.0, seed=1), threading.Event())
        next(answer, None)
        barrier.wait()
        made.append(sum(delta.tokens for delta in answer))

    begun = 0.0

    def start() -> None:
        nonlocal begun
        begun = time.perf_counter()

    barrier = threading.Barrier(count, action=start)
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(ask, prompts))
    return sum(made) / (time.perf_counter() - begun)


def prefix(engine: ChatEngine) -> tuple[float, float]:
    """Seconds to the first token behind a prompt of some thousand tokens: unknown, and known but for its last line."""
    long = STORY * 60

    def first(question: str, scope: str) -> float:
        begun = time.perf_counter()
        prompt = Prompt((Message("user", f"{long}\n{question}"),), reuse=scope)
        answer = engine.stream(prompt, Sampling(max_tokens=2), threading.Event())
        next(answer)
        found = time.perf_counter() - begun
        answer.close()
        return found

    cold = min(first("What was approved?", f"cold {number}") for number in range(2))
    first("What was approved?", "warm")
    return cold, min(first(f"What was debated in case {number}?", "warm") for number in range(3))


def guessing(engine: ChatEngine) -> tuple[float, float]:
    """Time without guesses by time with them: where an answer quotes its prompt, and where it does not."""
    quote = Prompt((Message("user", f"{QUOTED}\n\nRepeat the text above word for word."),))
    free = Prompt((Message("user", "Write a poem about rivers, with many different words."),))

    def seconds(prompt: Prompt) -> float:
        begun = time.perf_counter()
        for _ in engine.stream(prompt, Sampling(max_tokens=96), threading.Event()):
            pass
        return time.perf_counter() - begun

    ratios = []
    for prompt in (quote, free):
        with_guesses = min(seconds(prompt) for _ in range(3))
        with without_guesses(engine):
            ratios.append(min(seconds(prompt) for _ in range(3)) / with_guesses)
    return ratios[0], ratios[1]


class without_guesses:
    def __init__(self, engine: ChatEngine) -> None:
        self._engine = engine

    def __enter__(self) -> None:
        self._engine.guess(False)

    def __exit__(self, *_: object) -> None:
        self._engine.guess(True)


def memory_speed(threads: int) -> float:
    """Bytes a second that `threads` can read from memory, the best of five."""
    parts = [np.ones((1 << 30) // 8 // threads, np.float64) for _ in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        return max((1 << 30) / _timed(lambda: list(pool.map(np.add.reduce, parts))) for _ in range(5))


def product_speed(engine: ChatEngine) -> float:
    """Multiplications and additions a second in the engine's own 4-bit product, on a matrix that stays in the cache."""
    import jax
    from gguf import GGMLQuantizationType as Type

    from inference import kernels
    from inference.kernels.tiles import tiles

    if not engine.fast:
        return float("nan")
    rows, columns, batch = 1536, 1536, 128
    packed = jax.device_put(tiles(np.zeros((rows, columns // 32 * 20), np.uint8), Type.Q4_1))
    x = jax.device_put(np.ones((batch, columns), np.float32))
    run = jax.jit(lambda x, packed: kernels.product(x, packed, kind="q4_1", rows=rows))
    run(x, packed).block_until_ready()
    return max(2.0 * rows * columns * batch / _timed(lambda: run(x, packed).block_until_ready()) for _ in range(50))


def peak_memory(name: str) -> float:
    """The most memory that a process has had which only answers with this model, in bytes."""
    found = subprocess.run([sys.executable, __file__, "--only-memory", "--model", name], check=True, capture_output=True)
    return float(found.stdout.split()[-1])


def only_memory(name: str) -> None:
    engine = ChatEngine.load(load_manifest()[name], ModelStore().path(name), cache_dir=CACHE, context=1024, memory=32 << 20)
    engine.warm()
    for _ in engine.stream(Prompt((Message("user", STORY * 20),)), Sampling(max_tokens=32), threading.Event()):
        pass
    engine.close()
    # the process's own: what getrusage tells a child begins with what its parent held
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(int(status["VmHWM"].split()[0]) * 1024)


def roofline(figures: Figures, path: Path) -> None:
    """Work for each byte of memory against work a second: what the machine allows, and where each engine stands."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    file = figures["file_bytes"]
    roof, slope = figures["arithmetic_gop_per_s"], figures["memory_gb_per_s"]
    x = np.geomspace(0.5, 2000, 200)
    figure, axes = pyplot.subplots(figsize=(7, 4.5), constrained_layout=True)
    axes.loglog(x, np.minimum(roof, slope * x), color="#444", label=f"machine: {slope:.0f} GB/s, {roof:.0f} Gop/s")
    for prefix_, who, colour in (("", "Countersign", "#0a6"), ("their_", "llama.cpp", "#c60")):
        for kind, tokens, marker, each in (
            ("decode", 1, "o", "parameters"),
            ("prefill", 128, "s", "parameters_of_a_prompt"),
        ):
            rate, work = figures[f"{prefix_}{kind}_tokens_per_s"], 2 * figures[each]
            axes.plot(
                work * tokens / file, rate * work / 1e9, marker, color=colour, label=f"{who}, {kind}: {rate:.0f} tokens/s"
            )
    axes.set(xlabel="operations for each byte read", ylabel="billion operations a second", title="Roofline")
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=120)
    print(f"wrote {path}", file=sys.stderr)


def show(name: str, threads: int, figures: Figures) -> None:
    table = Table(title=f"{name}, {threads} threads", title_justify="left")
    for column in ("figure", "measured", "aim"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    aims = {
        "decode_ratio_to_llama_cpp": ">= 1.15",
        "prefill_ratio_to_llama_cpp": ">= 1.5",
        "eight_together_ratio_to_one": ">= 3",
        "prefix_hit_share_of_cold": "<= 0.1",
        "guessing_ratio_when_quoting": ">= 1.5",
        "guessing_ratio_elsewhere": ">= 0.95",
        "decode_share_of_memory_roofline": ">= 0.9",
        "peak_memory_ratio_to_file": "<= 1.3",
    }
    for key, value in figures.items():
        shown = f"{value:,.0f}" if value >= 1000 else f"{value:.2f}"
        table.add_row(key.replace("_", " "), shown, aims.get(key, ""))
    Console(width=80).print(table)


def _timed(call: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def _median_ratio(ours: list[float], theirs: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="qwen2.5-coder-1.5b-instruct")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON document")
    parser.add_argument("--plot", type=Path, help="write the roofline plot there, as PNG")
    parser.add_argument("--only-memory", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only_memory:
        only_memory(options.model)
        return 0
    threads = len(os.sched_getaffinity(0))
    figures, rounds = measure(options.model, threads, options.rounds)
    if options.json:
        print(json.dumps({"model": options.model, "threads": threads, **figures, "rounds": rounds}, indent=1))
    else:
        show(options.model, threads, figures)
    if options.plot:
        roofline(figures, options.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
