"""Who asks: through a proxy or directly, from this machine or another, and under which name of ours.

A proxy adds at least one of the headers below. A client may add them too, and is then taken for one that came through a
proxy, which gives it less.
"""

from __future__ import annotations

import ipaddress

from flask import request

_PASSED_ON = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-Ip", "Forwarded", "Via")


def passed_on() -> bool:
    """Whether the request came through a proxy."""
    return any(name in request.headers for name in _PASSED_ON)


def on_this_machine() -> bool:
    """Whether somebody on this machine asks directly: an operator, or a tool of ours."""
    return _is_loopback(request.remote_addr or "") and not passed_on()


def host_name() -> str:
    """The name or address under which we were asked, without its port, in small letters; empty where it is none."""
    host = request.headers.get("Host", "").strip().lower()
    name = host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    return name.rstrip(".")


def asked_as_loopback() -> bool:
    """Whether the name under which we were asked can mean this machine alone, in every browser."""
    name = host_name()
    return name == "localhost" or name.endswith(".localhost") or _is_loopback(name)


def is_address(name: str) -> bool:
    """Whether it is an IP address: nobody else's name server can point it to us."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(name: str) -> bool:
    return is_address(name) and ipaddress.ip_address(name).is_loopback
