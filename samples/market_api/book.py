"""The quotes file and its movement.

Invariant: the file is the one source of every figure. It is replaced atomically, so a reader sees
the state before or after a move and never half of it; what someone edits by hand is served from the next
request on.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

SEED = Path(__file__).with_name("seed.json")
# One tick moves a figure by about this share of itself (standard deviation).
_STEP = {"fund": 0.0004, "stock": 0.0012, "rate": 0.0002}


class BookError(Exception):
    """The quotes file cannot be served as it is."""


class Unknown(Exception):
    """Nothing is known under the name asked for."""


class Book:
    """Reads and moves one quotes file. `_lock` orders the moves; reading needs no lock."""

    def __init__(self, path: Path, *, seed: int | None = None) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._random = random.Random(seed)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, SEED.read_bytes())

    def instruments(self) -> list[dict[str, Any]]:
        keys = ("id", "name", "aliases", "kind", "currency")
        return [{key: entry.get(key) for key in keys} for entry in self._load()["instruments"]]

    def nav(self, name: str) -> dict[str, Any]:
        """The net asset value per unit of a fund."""
        entry = self._find(name, "fund")
        return {**_named(entry), "nav": round(entry["value"], 4), "as_of": self._as_of(entry)}

    def quote(self, name: str) -> dict[str, Any]:
        """The last price of a stock and its change since the opening, in per cent."""
        entry = self._find(name, "stock")
        opening = entry.get("open") or entry["value"]
        change = round((entry["value"] / opening - 1) * 100, 2)
        return {
            **_named(entry),
            "last": round(entry["value"], 2),
            "change_percent": change,
            "as_of": self._as_of(entry),
        }

    def rate(self, base: str, quote: str) -> dict[str, Any]:
        """How many units of `quote` one unit of `base` buys."""
        book = self._load()
        rates = book["per_euro"]
        for currency in (base.upper(), quote.upper()):
            if currency not in rates:
                raise Unknown(f"currency {currency!r} is not known; known: {', '.join(sorted(rates))}")
        rate = round(rates[quote.upper()] / rates[base.upper()], 6)
        return {"base": base.upper(), "quote": quote.upper(), "rate": rate, "as_of": self._as_of(book)}

    def move(self) -> None:
        """One tick: every figure a little up or down. A file edited meanwhile is left to its editor."""
        with self._lock:
            before = self._stamp()
            book = self._load()
            now = datetime.now(UTC).isoformat(timespec="microseconds")
            for entry in book["instruments"]:
                # Kept with more digits than are served, or the small figures would stick at their last digit.
                entry["value"] = round(entry["value"] * (1 + self._random.gauss(0, _STEP[entry["kind"]])), 6)
                entry["as_of"] = now
            for currency, rate in book["per_euro"].items():
                if currency != "EUR":
                    book["per_euro"][currency] = round(rate * (1 + self._random.gauss(0, _STEP["rate"])), 8)
            book["as_of"] = now
            if self._stamp() == before:
                _replace(self.path, _written(book))

    def _find(self, name: str, kind: str) -> dict[str, Any]:
        for entry in self._load()["instruments"]:
            if entry["id"] == name.upper():
                if entry["kind"] != kind:
                    other = "quote" if kind == "fund" else "nav"
                    raise Unknown(f"{entry['name']} is a {entry['kind']}: ask for its {other}")
                return dict(entry)
        raise Unknown(f"instrument {name!r} is not known; GET /v1/instruments lists them")

    def _as_of(self, entry: dict[str, Any]) -> str:
        """When the figure was set: by the last tick, or for a figure never moved by the file's own time."""
        if entry.get("as_of"):
            return str(entry["as_of"])
        return datetime.fromtimestamp(self.path.stat().st_mtime, UTC).isoformat(timespec="microseconds")

    def _stamp(self) -> tuple[int, int]:
        status = self.path.stat()
        return status.st_mtime_ns, status.st_ino

    def _load(self) -> dict[str, Any]:
        """The file as it is now, checked as far as it is used."""
        try:
            book: dict[str, Any] = json.loads(self.path.read_bytes())
            for entry in book["instruments"]:
                if entry["kind"] not in ("fund", "stock") or not _figure(entry["value"]):
                    self._bad(f"instrument {entry['id']}: kind must be fund or stock, value a number above 0")
            if not all(_figure(rate) for rate in book["per_euro"].values()):
                self._bad("per_euro must hold numbers above 0")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
            self._bad(f"{type(problem).__name__}: {problem}")
        return book

    def _bad(self, why: str) -> NoReturn:
        raise BookError(f"{self.path} cannot be served: {why}. Mend it, or remove it and restart for a fresh one")


def _figure(value: object) -> bool:
    return type(value) in (int, float) and 0 < float(str(value)) < float("inf")


def _named(entry: dict[str, Any]) -> dict[str, Any]:
    return {"id": entry["id"], "name": entry["name"], "currency": entry["currency"]}


def _written(book: dict[str, Any]) -> bytes:
    """One instrument a line, so that a person can find and edit it."""
    lines = ",\n    ".join(json.dumps(entry) for entry in book["instruments"])
    rest = "".join(f',\n  "{key}": {json.dumps(value)}' for key, value in book.items() if key != "instruments")
    return f'{{\n  "instruments": [\n    {lines}\n  ]{rest}\n}}\n'.encode()


def _replace(path: Path, content: bytes) -> None:
    """Write beside the file, then rename over it: readers see the old or the new, whole."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        if path.exists():
            shutil.copymode(path, name)
        else:
            os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
