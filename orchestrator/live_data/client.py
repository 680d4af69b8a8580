"""The HTTP client of the connectors: asks their hosts, and nothing else.

Invariant: only the hosts of the loaded connectors are ever contacted, redirects are not followed, and responses are capped
in size and time.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from orchestrator.errors import BotUnavailable
from orchestrator.live_data.connectors import Connector

MAX_RESPONSE = 1_000_000
"""Bytes of a response, unpacked."""


@dataclass(frozen=True)
class Digits:
    """A number of a response, digit for digit as the service wrote it: 104.20 is not 104.2."""

    written: str

    def __str__(self) -> str:
        return self.written


class ConnectorClient:
    """Safe to use from several threads."""

    def __init__(self, connectors: Iterable[Connector], client: httpx.Client | None = None) -> None:
        self._hosts = frozenset(httpx.URL(c.base_url).netloc for c in connectors)
        self._client = client or httpx.Client(follow_redirects=False, trust_env=False)

    def close(self) -> None:
        self._client.close()

    def get(self, connector: Connector, path: str) -> Any:
        """The JSON that stands at a path of the connector; its numbers are `Digits`. Raises BotUnavailable."""
        request = self._client.build_request(
            connector.method,
            connector.base_url + path,
            headers=_headers(connector),
            timeout=connector.timeout_s,
        )
        if request.url.netloc not in self._hosts:
            raise BotUnavailable(f"{connector.name}: host {request.url.host} is not on the connectors' list")
        begun = time.monotonic()
        try:
            response = self._client.send(request, stream=True, follow_redirects=False)
            try:
                body = b""
                for part in response.iter_bytes():
                    body += part
                    if len(body) > MAX_RESPONSE:
                        raise BotUnavailable(f"{connector.name}: response over {MAX_RESPONSE} bytes")
                    if time.monotonic() - begun > connector.timeout_s:
                        raise BotUnavailable(f"{connector.name}: not answered whole within {connector.timeout_s:g} s")
            finally:
                response.close()
            if response.status_code != 200:
                raise BotUnavailable(f"{connector.name}: answered HTTP {response.status_code}")
            return json.loads(body, parse_float=Digits, parse_int=Digits, parse_constant=_no_number)
        except httpx.HTTPError as error:
            raise BotUnavailable(f"{connector.name}: {type(error).__name__}") from error
        except (ValueError, RecursionError) as error:
            raise BotUnavailable(f"{connector.name}: the response is not JSON") from error


def dig(body: Any, path: str, connector: str) -> Any:
    """The value at a dotted path of a response. Raises BotUnavailable."""
    for part in path.split("."):
        if not isinstance(body, Mapping) or part not in body:
            raise BotUnavailable(f"{connector}: the response has no '{path}'")
        body = body[part]
    return body


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON (RFC 8259, section 6)")


def _headers(connector: Connector) -> dict[str, str]:
    headers = {"Accept": "application/json"}
    if connector.auth and (value := os.environ.get(connector.auth.env)):
        headers[connector.auth.header] = f"{connector.auth.scheme} {value}".strip()
    return headers
