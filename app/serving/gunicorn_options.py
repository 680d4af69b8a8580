"""gunicorn's options, the same for the service and for an engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.serving.draining_worker import DrainingWorker
from app.serving.server_log import ServerLog


def configure(cfg: Any, bind: str, threads: int, grace_s: int, closed: Callable[[], None]) -> None:
    """For every server of ours. grace_s: for requests under way once it is to end; closed: called after."""
    options: dict[str, Any] = {
        "bind": bind,
        "workers": 1,
        "worker_class": DrainingWorker,
        "threads": threads,
        "worker_connections": threads * 8,
        "timeout": 120,
        "graceful_timeout": grace_s,
        "keepalive": 5,
        "limit_request_line": 4094,
        "limit_request_fields": 60,
        "preload_app": False,
        "accesslog": None,
        "loglevel": "warning",
        "logger_class": ServerLog,
        # Whoever asks from loopback, a proxy on this machine for instance, may name neither the path nor where it begins.
        "forwarder_headers": "",
        "proc_name": "countersign",
        "worker_exit": lambda _server, _worker: closed(),
    }
    if "control_socket_disable" in cfg.settings:
        options["control_socket_disable"] = True
    for name, value in options.items():
        cfg.set(name, value)
