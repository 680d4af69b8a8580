"""Where a question's time goes, and what moderation adds to it.

    python benchmarks/journey.py --light            # 50 mixed questions, the small model
    python benchmarks/journey.py --light --json

Each question is asked three times in one run, in rotating order: without rails, with rails before anything else (one
after another), and with rails while the answer is made (concurrent). What moderation adds is the difference in the time
to the first released segment, question by question.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import dataclasses
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the rooms, before scripts of the same names here

import structlog
from rich.console import Console
from rich.progress import track
from rich.table import Table
from uuid_utils import uuid7

from app.identity.subjects import KeyItself
from app.settings import load_settings
from app.wiring.deployment import Deployment
from app.wiring.service import Service
from moderation.types import Direction, Verdict
from orchestrator.journey.outgoing import Answer, SegmentOut
from orchestrator.journey.pipeline import Pipeline
from orchestrator.judging.pinned_policy import PinnedPolicy
from orchestrator.types import Query

ROOT = Path(__file__).parents[1]
LIVE = [f"What is the NAV of the {name} now?" for name in ("Aurora Global Equity Fund", "Borealis Short Duration Bond Fund")]
LIVE += [
    f"At what price does {name} trade?" for name in ("Halcyon Power", "Meridian Freight", "Ostara Foods", "Pavonia Health")
]
GENERAL = [
    "What is inflation?",
    "Explain diversification to a beginner.",
    "How does compound interest work?",
    "Write a two-line thank-you note.",
    "What is the difference between a stock and a bond?",
    "Hello, what can you do?",
]


class NoRails:
    """The rails, switched off; for comparison only. What was found harmless once is said of every passage."""

    def __init__(self, harmless: Verdict) -> None:
        self._harmless = harmless

    def names(self, _direction: Direction) -> tuple[str, ...]:
        return ()

    def screen(self, _text: str) -> Verdict:
        return self._harmless


def questions(count: int) -> list[tuple[str, str]]:
    """(kind, question), mixed: documents, live figures, general."""
    rows = [json.loads(line) for line in (ROOT / "samples/questions.jsonl").read_text("utf-8").splitlines() if line]
    kinds = {
        "documents": [r["question"] for r in rows if r.get("document")],
        "live": LIVE,
        "general": GENERAL,
    }
    mixed: list[tuple[str, str]] = []
    place = dict.fromkeys(kinds, 0)
    pattern = ("documents", "live", "documents", "general", "documents")
    while len(mixed) < count:
        kind = pattern[len(mixed) % len(pattern)]
        mixed.append((kind, kinds[kind][place[kind] % len(kinds[kind])]))
        place[kind] += 1
    return mixed


def ask(deployment: Deployment, pipeline: Pipeline, text: str, tokens: int) -> tuple[float | None, Answer]:
    """Seconds to the first released segment (None if there was none), and the end of the journey."""
    query = Query(
        id=f"q_{uuid7().hex}",
        conversation=f"c_{uuid7().hex}",
        tenant="halden",
        subject=deployment.keys.pseudonym("halden", KeyItself("benchmark")),
        actor="benchmark",
        groups=frozenset({"public"}),
        text=text,
    )
    begun = time.perf_counter()
    first: float | None = None
    for out in pipeline.answer(query, {"max_tokens": tokens, "temperature": 0.0}):
        if isinstance(out, SegmentOut) and first is None:
            first = time.perf_counter() - begun
        if isinstance(out, Answer):
            return first, out
    raise RuntimeError("a journey ended without an Answer")


def measure(deployment: Deployment, pipeline: Pipeline, count: int, tokens: int) -> dict[str, Any]:
    parts = pipeline.dependencies
    off = dataclasses.replace(parts, policy_for=lambda query: _switched_off(parts.policy_for(query)))
    variants = {
        "off": Pipeline(off, pipeline.tracer),
        "one after another": Pipeline(dataclasses.replace(parts, speculate=False), pipeline.tracer),
        "concurrent": pipeline,
    }
    for variant in variants.values():
        ask(deployment, variant, "Hello", 8)
    firsts: dict[str, list[float]] = {name: [] for name in variants}
    steps: dict[str, list[float]] = {}
    routes: dict[str, int] = {}
    kinds: list[str] = []
    for number, (kind, text) in enumerate(track(questions(count), "asking", console=Console(stderr=True))):
        names = list(variants)
        turn = names[number % 3 :] + names[: number % 3]
        took: dict[str, float] = {}
        for name in turn:
            first, answer = ask(deployment, variants[name], text, tokens)
            if first is not None:
                took[name] = first
            if name == "concurrent":
                routes[answer.route.bot if answer.route else "-"] = (
                    routes.get(answer.route.bot if answer.route else "-", 0) + 1
                )
                for step, ms in answer.timings.items():
                    steps.setdefault(step, []).append(ms)
        if len(took) == len(variants):
            kinds.append(kind)
            for name, seconds in took.items():
                firsts[name].append(seconds)
    added = {
        name: [1000 * (with_ - without) for with_, without in zip(firsts[name], firsts["off"], strict=True)]
        for name in ("one after another", "concurrent")
    }
    by_kind = {
        kind: _summary([ms for ms, its in zip(added["concurrent"], kinds, strict=True) if its == kind])
        for kind in sorted(set(kinds))
    }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "questions": count,
        "compared": len(firsts["off"]),
        "routes": routes,
        "steps_ms": {name: _summary(values) for name, values in steps.items()},
        "first_segment_ms": {name: _summary([1000 * s for s in values]) for name, values in firsts.items()},
        "added_ms": {name: _summary(values) for name, values in added.items()},
        "added_concurrent_by_kind_ms": by_kind,
        "peak_memory_mib": round(peak),
    }


def _switched_off(ruling: PinnedPolicy) -> PinnedPolicy:
    quiet: Any = copy.copy(ruling.judges)
    quiet._rails = NoRails(ruling.judges.screen("Good morning."))
    return dataclasses.replace(ruling, judges=quiet)


def _summary(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    if not ordered:
        return {"p50": 0.0, "p90": 0.0, "n": 0}
    return {
        "p50": round(statistics.median(ordered), 2),
        "p90": round(ordered[int(0.9 * (len(ordered) - 1))], 2),
        "n": len(ordered),
    }


def show(figures: Mapping[str, Any]) -> None:
    out = Console()
    table = Table("step", "p50 ms", "p90 ms", "questions", title="Where the time goes (concurrent)")
    for step, row in sorted(figures["steps_ms"].items(), key=lambda item: -item[1]["p50"]):
        table.add_row(step, f"{row['p50']:.1f}", f"{row['p90']:.1f}", str(row["n"]))
    out.print(table)
    table = Table("rails", "first segment p50 ms", "added p50 ms", "added p90 ms", title="What moderation adds")
    for name, row in figures["first_segment_ms"].items():
        added = figures["added_ms"].get(name)
        table.add_row(
            name,
            f"{row['p50']:.1f}",
            f"{added['p50']:.1f}" if added else "",
            f"{added['p90']:.1f}" if added else "",
        )
    out.print(table)
    out.print(
        f"routes {figures['routes']}, {figures['compared']} questions compared, peak memory {figures['peak_memory_mib']} MiB"
    )


@contextlib.contextmanager
def opened(light: bool) -> Iterator[tuple[Deployment, Pipeline]]:
    """A whole deployment in a folder of its own, warm, with the sample documents and live data."""
    with tempfile.TemporaryDirectory() as folder:
        market = [
            sys.executable,
            "-m",
            "samples.market_api",
            "--port",
            "8093",
            "--file",
            f"{folder}/market.json",
        ]
        live_data = subprocess.Popen(market, cwd=ROOT, stdout=subprocess.DEVNULL)
        try:
            os.environ["COUNTERSIGN_MARKET_URL"] = "http://127.0.0.1:8093"
            settings = load_settings(home=Path(folder), light=light, connectors_file=ROOT / "samples/connectors.yaml")
            with Service.open(settings) as service:
                running = service.warm()
                running.library.ingest([ROOT / "samples/documents"], frozenset({"public"}))
                yield service.deployment, running.pipeline
        finally:
            live_data.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--light", action="store_true", help="the small model")
    parser.add_argument("--questions", type=int, default=50)
    parser.add_argument("--tokens", type=int, default=48, help="longest answer")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # standard output is for the figures
    with opened(options.light) as (deployment, pipeline):
        figures = measure(deployment, pipeline, options.questions, options.tokens)
    if options.json:
        print(json.dumps(figures))
    else:
        show(figures)


if __name__ == "__main__":
    main()
