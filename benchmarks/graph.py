"""How fast the evidence graph of filings is built beside reading them, what it holds in memory, how fast it is looked up.

    python benchmarks/graph.py --data DIR                      the filings (*.pdf) of DIR, repeated up to 1,000 pages
    python benchmarks/graph.py --data DIR --pages 300 --lookups 100

Built: from parsed documents to graphs, series and stored bytes, in seconds of one core; reading the PDFs is told apart.
Memory: what the process grows by when the stored graphs of so many pages are read, joined to a view and looked up once. A
look-up: the carrying out of a plan for a row's own label and year, over the whole view, rows drawn by a fixed seed. Aims: 50
pages a second, 300 MB, 5 ms.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME))

from rich.console import Console
from rich.progress import track

from retrieval.documents.blocks import Parsed
from retrieval.documents.parse import parse
from retrieval.evidence.look_up.carry_out import carry_out
from retrieval.evidence.look_up.resolve import Scope
from retrieval.evidence.plans.plan import Lookup, Planned
from retrieval.graph.from_parsed import graph_of
from retrieval.graph.reading.periods import Period
from retrieval.graph.stored import decode, encode
from retrieval.graph.view import GraphView

_ERRORS = Console(stderr=True)
_MB = 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of filings (*.pdf)")
    parser.add_argument("--pages", type=int, default=1000, help="pages in the view; filings are repeated to reach them")
    parser.add_argument("--lookups", type=int, default=300)
    options = parser.parse_args()
    paths = sorted(options.data.glob("*.pdf"))
    if not paths:
        raise SystemExit(f"{options.data}: holds no *.pdf; give the folder of the filings")
    begun = time.process_time()
    parsed = [(path.stem, parse(path)) for path in track(paths, "reading", console=_ERRORS)]
    reading, pages = time.process_time() - begun, sum(one.pages or 0 for _, one in parsed)
    print(f"read      {pages} pages, {pages / reading:.0f} pages/s")
    stored = built(parsed, pages)
    del parsed
    view = held(stored, options.pages)
    looked_up(view, options.lookups)


def built(parsed: Sequence[tuple[str, Parsed]], pages: int) -> list[tuple[int, bytes]]:
    """Each graph's pages and bytes."""
    begun = time.process_time()
    stored = []
    for name, one in track(parsed, "building", console=_ERRORS):
        graph = graph_of(name, name, one.title, one)
        assert len(graph.series) == len(graph.tables)
        stored.append((one.pages or 0, encode(graph)))
    seconds = time.process_time() - begun
    print(
        f"built     {pages} pages, {pages / seconds:.0f} pages/s; {sum(len(data) for _, data in stored) / _MB:.1f} MB stored"
    )
    return stored


def held(stored: Sequence[tuple[int, bytes]], most: int) -> GraphView:
    """The view of so many pages; prints what the process grew by."""
    gc.collect()
    before, begun, pages, graphs = _resident(), time.process_time(), 0, []
    while pages < most:
        count, data = stored[len(graphs) % len(stored)]
        graph = decode(data)
        graphs.append(replace(graph, key=f"{graph.key} {len(graphs)}"))
        pages += count
    view = GraphView(graphs)
    del graphs
    _look_up(view, "Total assets", 2022)
    seconds = time.process_time() - begun
    gc.collect()
    grown = (_resident() - before) / _MB
    print(
        f"held      {pages} pages, {len(view.lines)} rows and columns of figures, {grown:.0f} MB; joined in {seconds:.1f} s"
    )
    return view


def looked_up(view: GraphView, count: int) -> None:
    """Rows of the view by their own labels and years."""
    lines = [
        line for line in view.lines if line.series.label and any(p.period and p.period.year for p in line.series.points)
    ]
    chosen = random.Random(7).sample(lines, min(count, len(lines)))
    seconds, missed = [], 0
    for line in track(chosen, "looking up", console=_ERRORS):
        year = next(p.period.year for p in line.series.points if p.period and p.period.year)
        begun = time.process_time()
        found = _look_up(view, line.series.label, year)
        seconds.append(time.process_time() - begun)
        missed += not found
    seconds.sort()
    p50, p95 = (seconds[int(len(seconds) * part)] * 1000 for part in (0.5, 0.95))
    print(f"look-up   {len(seconds)} of them, p50 {p50:.1f} ms, p95 {p95:.1f} ms; {missed} found nothing")


def _look_up(view: GraphView, label: str, year: int) -> bool:
    lookup = Lookup(label, (Period(year=year, text=str(year)),))
    return bool(carry_out(Planned(lookup, 0.9), view, Scope(None, frozenset(), None)))


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
