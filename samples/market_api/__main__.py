"""python -m samples.market_api: run the sample live-data service until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from .book import Book, BookError
from .server import MarketServer


def main() -> int:
    parser = argparse.ArgumentParser(prog="samples.market_api", description="A small live-data service.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8091, help="0 takes a free one; the address is printed")
    parser.add_argument(
        "--file",
        type=Path,
        default=Path("var/market_api/quotes.json"),
        help="the figures: made if missing, moved by the ticker, yours to edit (default: %(default)s)",
    )
    parser.add_argument("--tick", type=float, default=5.0, metavar="SECONDS", help="how often the figures move; 0: never")
    options = parser.parse_args()
    token = os.environ.get("MARKET_API_TOKEN", "")
    try:
        book = Book(options.file)
        book.instruments()
        server = MarketServer((options.host, options.port), book, tick=options.tick, token=token)
    except (BookError, OSError) as problem:
        print(f"market_api: {problem}", file=sys.stderr)
        return 1
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    threading.Thread(target=server.serve_forever, name="server", daemon=True).start()
    print(f"market_api: {server.url} from {options.file}{', token needed' if token else ''}", flush=True)
    stopped.wait()
    server.shutdown()
    server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
