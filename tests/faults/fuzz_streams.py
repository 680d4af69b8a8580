"""Plays many adversarial streams and says what leaked: `python -m tests.faults.fuzz_streams`.

Nine in ten with their records in memory, the rest with them on the disk; then some over a socket to the real server, and
some against the shipped rails (with the light models). Exits 1, with the streams' numbers, where a promise broke.
`--only NUMBER` plays one stream again, `--boundaries` measures what the shipped rails see of a phrase that is cut in two.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import structlog
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.serving.application import create_app
from app.settings import Settings
from app.wiring.service import Service
from tests.faults import shipped
from tests.faults.oracle import wrongs
from tests.faults.stage import Stage, a_stage
from tests.faults.streams import stream
from tests.faults.wire import playable, wired
from tests.support.sharing import free_port

Wrong = tuple[int, str, str]
FOLDER = "/dev/shm" if os.path.isdir("/dev/shm") else None


def hush() -> None:
    """Failures are what is played here; their log lines would hide the result."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    threading.excepthook = lambda _args: None


def played(stage: Stage, seed: int, number: int) -> list[Wrong]:
    one = stream(seed, number)
    try:
        heard = stage.play(one)
        return [(number, one.kind, what) for what in wrongs(one, heard, stage.record.take(heard.query))]
    except Exception as error:
        return [(number, one.kind, f"{type(error).__name__}: {error}"[:200])]


def worker(seed: int, numbers: range, stored: bool, threads: int, told: Any) -> None:
    """Plays numbers in one process and tells (how many, wrongs) every now and then."""
    hush()
    with tempfile.TemporaryDirectory(dir=FOLDER) as home:
        service = Service.open(Settings(home=Path(home), light=True))
        key = service.deployment.keys.create("halden", "caller", "fuzz", ())
        app = create_app(service)
        with a_stage(service, app, key, stored=stored) as stage, ThreadPoolExecutor(threads) as pool:
            for begin in range(0, len(numbers), 200):
                some = numbers[begin : begin + 200]
                found = [wrong for wrongs in pool.map(lambda n: played(stage, seed, n), some) for wrong in wrongs]
                told.put((len(some), found))
        service.close()


def in_processes(seed: int, numbers: range, stored: bool, processes: int, threads: int) -> Iterator[tuple[int, list[Wrong]]]:
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    workers = [
        context.Process(target=worker, args=(seed, numbers[n::processes], stored, threads, told)) for n in range(processes)
    ]
    for one in workers:
        one.start()
    left = len(numbers)
    try:
        while left:
            done, found = told.get(timeout=300)
            left -= done
            yield done, found
    except BaseException:
        for one in workers:
            one.terminate()
        raise
    finally:
        for one in workers:
            one.join(60)


def over_a_socket(seed: int, numbers: range) -> Iterator[tuple[int, list[Wrong]]]:
    with tempfile.TemporaryDirectory(dir=FOLDER) as home, wired(Path(home), free_port(), seed) as wire:
        for number in numbers:
            yield 1, [(number, one.kind, what) for one in playable(seed, [number]) for what in wire.play(one)]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.fuzz_streams", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--streams", type=int, default=100_000, help="how many in all (default: 100000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=4, help="clients in each process")
    parser.add_argument("--only", type=int, help="the number of one stream to play again")
    parser.add_argument("--boundaries", action="store_true", help="only measure phrases cut in two by a segment's end")
    told = parser.parse_args(arguments)
    hush()
    if told.boundaries:
        print(json.dumps(shipped.boundaries(), indent=2, ensure_ascii=False))
        return 0
    if told.only is not None:
        print(stream(told.seed, told.only))
        for _, found in in_processes(told.seed, range(told.only, told.only + 1), False, 1, 1):
            print(found or "nothing wrong")
        return 0
    stored, wire, real = told.streams // 20, told.streams // 200, told.streams // 100
    memory = told.streams - stored - wire - real
    edges = (0, memory, memory + stored, memory + stored + wire, told.streams)
    parts = {
        "in memory": in_processes(told.seed, range(edges[0], edges[1]), False, told.processes, told.threads),
        "on the disk": in_processes(told.seed, range(edges[1], edges[2]), True, told.processes, told.threads),
        "over a socket": over_a_socket(told.seed, range(edges[2], edges[3])),
        "shipped rails": shipped.play(told.seed, range(edges[3], edges[4])),
    }
    wrong: list[Wrong] = []
    begun = time.monotonic()
    count: Counter[str] = Counter()
    columns = (TextColumn("{task.description:14}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar, contextlib.suppress(KeyboardInterrupt):
        for (name, steps), total in zip(parts.items(), (memory, stored, wire, real), strict=True):
            task = bar.add_task(name, total=total)
            for done, found in steps:
                bar.advance(task, done)
                count[name] += done
                wrong += found
                for number, kind, what in found:
                    print(f"stream {number} ({kind}): {what}", file=sys.stderr, flush=True)
            bar.print(f"{name}: {count[name]} played, {len(wrong)} wrong so far, {time.monotonic() - begun:.0f} s")
    print(json.dumps({"played": dict(count), "wrong": len(wrong), "seed": told.seed, "s": round(time.monotonic() - begun)}))
    if shipped.LEAKS:
        print(json.dumps({"shipped rails": shipped.LEAKS}, ensure_ascii=False))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
