"""What the log says of messages that others word: where they come from and what kind of error they tell, in one JSON line.

Invariant: no caller's words, and no part of a request, stand in any log. A library's message may quote what it was sent (the
HTTP parser its header, a tracer its trace state), so none is passed on; only our own rooms, which log names and ids, are.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger(__name__)
ROOMS = ("app", "orchestrator", "moderation", "audit", "retrieval", "inference")
"""Whose messages are ours: fixed words, with names and ids."""


class NamedAlone(logging.Formatter):
    """A record of the standard library's logging as a line like the service's own."""

    def format(self, record: logging.LogRecord) -> str:
        ours = record.name.partition(".")[0] in ROOMS
        told = {"event": record.getMessage()} if ours else {"event": "library.message", "library": record.name}
        error = record.exc_info[1] if record.exc_info else None
        where = f"{Path(record.pathname).name}:{record.lineno}"
        return line(record.levelname.lower(), where=where, **told, **(named(error) if error else {}))


def line(level: str, **fields: Any) -> str:
    moment = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({**fields, "level": level, "timestamp": moment}, default=str)


def named(error: BaseException) -> dict[str, str]:
    """An error by its type and by where it was raised, never by its message."""
    frames = traceback.extract_tb(error.__traceback__)
    raised = {"raised": f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"} if frames else {}
    return {"error": type(error).__name__, **raised}


def name_what_nobody_catches() -> None:
    """For a server's process: what ends a thread or a finaliser, and Python's warnings, are named in the log as errors are.

    Python itself would print them with their messages.
    """

    def tell(event: str, error: BaseException | None, kind: type[BaseException] | None) -> None:
        log.error(event, **(named(error) if error is not None else {"error": kind.__name__ if kind else "unknown"}))

    def warned(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any) -> None:
        log.warning("python.warning", error=category.__name__, raised=f"{Path(filename).name}:{lineno}")

    threading.excepthook = lambda args: tell("thread.failed", args.exc_value, args.exc_type)
    sys.unraisablehook = lambda args: tell("finaliser.failed", args.exc_value, args.exc_type)
    warnings.showwarning = warned
