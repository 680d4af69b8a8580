"""The engines as they are now: who answers, who is left out and for how long, and what they serve.

Invariant: all engines in use serve the same model, and the same weights where they tell their digest; so the record can
name them before an answer begins.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog

from app.engine_client.identity import Identity, identity
from app.engine_client.rendezvous import Replica
from app.engine_client.sse import Broken

log = structlog.get_logger(__name__)
_PROBE_S = 5.0


@dataclass(frozen=True)
class How:
    """How engines are asked. key: the bearer's. model: empty for the first that they list. secret: what keeps the names of
    scopes opaque. salt: whether the scope is sent as vLLM's cache_salt too."""

    secret: bytes = field(repr=False)
    key: str = field(default="", repr=False)
    model: str = ""
    ca_file: Path | None = None
    connect_s: float = 2.0
    silence_s: float = 30.0
    salt: bool = True


class Fleet:
    """Belongs to the event loop's thread; others may read `answering`, `model` and `digest`."""

    def __init__(self, addresses: Sequence[str], how: How, tell: Callable[[str], None]) -> None:
        """tell: hears how many answer, whenever that changes. None is in use until it has said what it serves."""
        self.replicas = [Replica(one, paused_until=time.monotonic()) for one in addresses]
        self.model, self.digest = how.model or "engine", ""
        self.told = ""
        self._how, self._tell = how, tell
        self._known: Identity | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def answering(self) -> int:
        """How many engines answer, as far as is known."""
        return sum(not one.paused for one in self.replicas)

    async def open(self) -> None:
        """Asks every engine what it serves; those that do not answer are asked again later."""
        how = self._how
        verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=str(how.ca_file)) if how.ca_file else True
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {how.key}"} if how.key else {},
            timeout=httpx.Timeout(None, connect=how.connect_s),
            # a connection of its own for each request: none is found closed by its server just when it is needed
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            verify=verify,
            trust_env=False,
            follow_redirects=False,
        )
        await asyncio.gather(*(self._probe(replica) for replica in self.replicas))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    @asynccontextmanager
    async def post(
        self, replica: Replica, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> AsyncIterator[httpx.Response]:
        """A question's answer as it begins. Raises what httpx raises."""
        url = f"{replica.address}/v1/chat/completions"
        plain = {"Accept": "text/event-stream", "Accept-Encoding": "identity", **headers}
        async with self._client.stream("POST", url, json=body, headers=plain) as answer:
            yield answer

    def leave_out(self, replica: Replica, why: str) -> None:
        """It failed: nothing is asked of it until its pause is over and it answers a probe."""
        if not replica.paused:
            self._pause(replica, why)
            self._count()

    def _pause(self, replica: Replica, why: str) -> None:
        pause = replica.failed(time.monotonic(), why)
        log.warning("engine.left_out", engine=where(replica), reason=why, pause_s=pause)
        self._later(self._probe_in(replica, pause))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _probe_in(self, replica: Replica, pause_s: float) -> None:
        await asyncio.sleep(pause_s)
        await self._probe(replica)

    async def _probe(self, replica: Replica) -> None:
        """Takes it back where it serves the same as those in use; else it is asked again after a longer pause."""
        try:
            found = await self._served(replica)
        except (httpx.HTTPError, OSError, TimeoutError):
            self._pause(replica, "could not be reached")
        except Broken as error:
            self._pause(replica, str(error))
        else:
            if self._known is None or not self.answering:
                self._known = found
                self.model, self.digest = found.model, found.digest
            replica.back()
            log.info("engine.answers", engine=where(replica), model=found.model, digest=found.digest)
        self._count()

    async def _served(self, replica: Replica) -> Identity:
        """Raises Broken where it is not what those in use serve."""
        async with asyncio.timeout(self._how.connect_s + _PROBE_S):
            answer = await self._client.get(f"{replica.address}/v1/models")
        if answer.status_code != 200:
            raise Broken(f"says {answer.status_code}")
        found = identity(answer.content, self._how.model)
        if self._known is not None and self.answering and not found.same(self._known):
            raise Broken(f"serves {found.told}, and the others {self._known.told}")
        return found

    def _count(self) -> None:
        told = f"{self.answering} of {len(self.replicas)} engines answer"
        if told != self.told:
            self.told = told
            self._tell(told)


def where(replica: Replica) -> str:
    """Host and port, for logs and the record."""
    return urlsplit(replica.address).netloc
