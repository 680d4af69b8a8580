"""gunicorn's log as the service's own: one JSON line, and of a request nothing but the kind of error.

Invariant: gunicorn's messages quote the request (its line, a header, a chunk), so none of its workers' messages is passed
on. Its arbiter never sees a request; what it says of processes and addresses is.
"""

from __future__ import annotations

import sys
from typing import Any

import structlog
from gunicorn.glogging import Logger

from app.log_lines import named

log = structlog.get_logger(__name__)
_SEE_NO_REQUEST = ("gunicorn.arbiter", "gunicorn.sock", "gunicorn.app")


class ServerLog(Logger):  # type: ignore[misc]
    """gunicorn's `logger_class`. Keeps no file and no handler of its own."""

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        self.loglevel = self.LOG_LEVELS[cfg.loglevel]

    def critical(self, msg: object, *args: Any, **kwargs: Any) -> None:
        self._say("critical", msg, args)

    def error(self, msg: object, *args: Any, **kwargs: Any) -> None:
        self._say("error", msg, args)

    def warning(self, msg: object, *args: Any, **kwargs: Any) -> None:
        self._say("warning", msg, args)

    def info(self, msg: object, *args: Any, **kwargs: Any) -> None:
        self._say("info", msg, args)

    def debug(self, msg: object, *args: Any, **kwargs: Any) -> None:
        self._say("debug", msg, args)

    def exception(self, msg: object, *args: Any, **kwargs: Any) -> None:
        self._say("error", msg, args)

    def log(self, lvl: int | str, msg: object, *args: Any, **kwargs: Any) -> None:
        names = {number: name for name, number in self.LOG_LEVELS.items()}
        self._say(lvl.lower() if isinstance(lvl, str) else names.get(lvl, "error"), msg, args)

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """There is no access log: the proxies keep one, and the metrics count."""

    def reopen_files(self) -> None:
        """There is none."""

    def close_on_exec(self) -> None:
        """There is none."""

    def _say(self, level: str, msg: object, args: tuple[Any, ...]) -> None:
        if self.LOG_LEVELS.get(level, 0) < self.loglevel:
            return
        frame = sys._getframe(2)
        module = str(frame.f_globals.get("__name__", ""))
        fields: dict[str, str] = {"where": f"{module}:{frame.f_lineno}"}
        error = sys.exc_info()[1]
        if error is not None:
            fields |= named(error)
        if module.startswith(_SEE_NO_REQUEST):
            fields["detail"] = " ".join((str(msg) % args if args else str(msg)).split())
            if error is not None:
                fields["reason"] = " ".join(str(error).split())
        log.log(self.LOG_LEVELS.get(level, self.LOG_LEVELS["error"]), "server.message", **fields)
