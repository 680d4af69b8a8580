"""The chat model behind several addresses. Implements `ports.Generate` on any servers of the OpenAI API.

Invariant: a request is asked of another engine only while none of its text has been handed on. Afterwards a failure is the
journey's: it falls back or ends courteously, and no text is ever said twice.

One thread with an event loop owns the replicas and all connections, so that a request can be given up at any moment.
"""

from __future__ import annotations

import asyncio
import hmac
import queue
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import structlog

from app.engine_client.fleet import Fleet, How, where
from app.engine_client.rendezvous import Replica, order
from app.engine_client.sse import Broken, Chunks
from app.openai_wire import SCOPE
from moderation.types import millionths
from orchestrator.errors import BotUnavailable
from orchestrator.types import tenant_of

log = structlog.get_logger(__name__)
AHEAD = 64
"""Pieces that an engine may be ahead of the reader; then we stop reading from it, and it waits."""
TRIES = 3
"""Engines that a question is asked of at most: one that kills them shall not kill them all."""
_POLL_S = 0.05
_REFUSED = frozenset([400, 413, 415, 422])
"""What another engine would say too."""


@dataclass(frozen=True)
class _End:
    usage: Mapping[str, Any] = field(default_factory=dict)
    error: BotUnavailable | None = None


@dataclass
class _Asked:
    """One request. `out` carries its text and one end to the thread that reads; `room` is how far it may be ahead."""

    route: bytes
    scope: str
    body: Mapping[str, Any]
    out: queue.SimpleQueue[str | _End] = field(default_factory=queue.SimpleQueue)
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AHEAD))
    spoke: bool = False


class _Failed(Exception):
    """The engine did not answer; another one may."""


class _Busy(_Failed):
    """It has enough to do; that is no fault of it."""


class Engines:
    """Any number of threads may ask. Everything with a leading underscore belongs to the loop's thread, once it runs."""

    def __init__(self, addresses: Sequence[str], how: How, tell: Callable[[str], None] = lambda _told: None) -> None:
        """tell: hears how many answer, whenever that changes."""
        self.retries = 0
        self._how = how
        self._fleet = Fleet(addresses, how, tell)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="engines", daemon=True)
        self._closed = False

    @property
    def name(self) -> str:
        return self._fleet.model

    @property
    def digest(self) -> str:
        return self._fleet.digest

    @property
    def answering(self) -> int:
        """How many engines answer, as far as is known."""
        return self._fleet.answering

    def load(self) -> str:
        """Asks every engine what it serves. Returns how many answer, in words; the others are asked again later."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._fleet.open(), self._loop).result()
        return self._fleet.told

    def close(self) -> None:
        """Ends every request. Safe to call twice."""
        if self._closed or not self._thread.is_alive():
            return
        self._closed = True
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)

    def stream(
        self, messages: Sequence[tuple[str, str]], sampling: Mapping[str, Any], cancel: threading.Event, scope: str = ""
    ) -> Generator[str, None, Mapping[str, Any]]:
        """Raises BotUnavailable where no engine answers, or one dies in mid-answer."""
        if self._closed or not self._thread.is_alive():
            raise BotUnavailable("the engines are not asked at the moment: the service starts or ends")
        told = {
            "seed": int(sampling.get("seed", 0)),
            "temperature_micro": millionths(float(sampling.get("temperature", 0.0))),
        }
        asked = self._asked(messages, sampling, scope)
        going = asyncio.run_coroutine_threadsafe(self._answer(asked), self._loop)
        try:
            while True:
                try:
                    found = asked.out.get(timeout=_POLL_S)
                except queue.Empty:
                    found = ""
                if cancel.is_set():
                    return {"finish_reason": "cancelled", **told}
                if isinstance(found, _End):
                    if found.error is not None:
                        raise found.error
                    return {**found.usage, **told}
                if found:
                    with suppress(RuntimeError):  # the loop has ended; what it still had said comes first
                        self._loop.call_soon_threadsafe(asked.room.release)
                    yield found
        finally:
            going.cancel()

    def _asked(self, messages: Sequence[tuple[str, str]], sampling: Mapping[str, Any], scope: str) -> _Asked:
        """The prompt's beginning decides on the engine: it is the same all through a conversation (its canary is in it)."""
        named = self._named(scope) if scope else ""
        begins = "\x1f".join((named, *messages[0]) if messages else (named,))
        route = hmac.digest(self._how.secret, begins.encode("utf-8", "surrogatepass"), "sha256")
        body: dict[str, Any] = {
            "messages": [{"role": role, "content": content} for role, content in messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": 0.0,
            "seed": 0,
            **{name: value for name, value in sampling.items() if name != "stop"},
        }
        if sampling.get("stop"):
            body["stop"] = list(sampling["stop"])
        if named and self._how.salt:
            body["cache_salt"] = named
        return _Asked(route, named, body)

    def _named(self, scope: str) -> str:
        """What engines know a scope by: its tenant, whose turns are counted together, and the scope itself."""
        tenant, whole = (hmac.digest(self._how.secret, name.encode(), "sha256").hex() for name in (tenant_of(scope), scope))
        return f"{tenant[:32]}.{whole}"

    # --- the loop's thread ------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    async def _end(self) -> None:
        tasks = [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._fleet.close()

    async def _answer(self, asked: _Asked) -> None:
        error: BotUnavailable | None = BotUnavailable("the service ends; ask again")
        usage: Mapping[str, Any] = {}
        try:
            usage = await self._from_any(asked)
            error = None
        except BotUnavailable as found:
            error = found
        except Exception as found:
            log.error("engines.failed", error=type(found).__name__)
            error = BotUnavailable(f"asking the engines failed ({type(found).__name__})")
        finally:
            asked.out.put(_End(usage, error))

    async def _from_any(self, asked: _Asked) -> Mapping[str, Any]:
        """The usage of the answer. Raises BotUnavailable."""
        tried: list[str] = []
        for replica in order(asked.route, self._fleet.replicas):
            if replica.paused:  # since the order was made
                continue
            if len(tried) == TRIES:
                break
            place = where(replica)
            self.retries += bool(tried)
            replica.running += 1
            try:
                usage = await self._from(replica, asked)
            except _Busy as failure:
                tried.append(f"{place} {failure}")
            except _Failed as failure:
                tried.append(f"{place} {failure}")
                self._fleet.leave_out(replica, str(failure))
                if asked.spoke:
                    raise BotUnavailable(f"the engine at {place} failed in mid-answer: it {failure}") from failure
            else:
                replica.failures = 0
                return {**usage, "engine": place, **({"tried": tried} if tried else {})}
            finally:
                replica.running -= 1
        reasons = tried or [f"{where(one)} {one.why}" for one in self._fleet.replicas]
        raise BotUnavailable(f"no engine answers: {'; '.join(reasons)}")

    async def _from(self, replica: Replica, asked: _Asked) -> Mapping[str, Any]:
        """One engine's answer. Raises _Failed, or BotUnavailable where no other engine would do better."""
        chunks = Chunks()
        body = {"model": self.name, **asked.body}
        headers = {SCOPE: asked.scope} if asked.scope else {}
        silence = self._how.silence_s
        deadline = self._loop.time() + silence
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout_at(deadline):
                    answer = await stack.enter_async_context(self._fleet.post(replica, body, headers))
                _check(answer, where(replica))
                pieces = answer.aiter_bytes()
                while not chunks.ended:
                    async with asyncio.timeout_at(deadline):
                        data = await anext(pieces, None)
                    if data is None:
                        break
                    for text in chunks.feed(data):
                        asked.spoke = True
                        await asked.room.acquire()  # a reader that is slow is not the engine's fault
                        asked.out.put(text)
                        deadline = self._loop.time() + silence
                chunks.close()
        except TimeoutError:
            raise _Failed(f"said nothing for {silence:g} s") from None
        except httpx.ConnectTimeout:
            raise _Failed(f"could not be reached within {self._how.connect_s:g} s") from None
        except httpx.ConnectError:
            raise _Failed("could not be reached") from None
        except (httpx.HTTPError, OSError) as error:
            raise _Failed(f"broke the connection ({type(error).__name__})") from None
        except Broken as error:
            raise _Failed(str(error)) from None
        return {**chunks.usage, "finish_reason": chunks.finish_reason}


def _check(answer: httpx.Response, place: str) -> None:
    """Raises unless this is the beginning of a stream; the server's own words are not repeated."""
    status = answer.status_code
    if status in _REFUSED:
        raise BotUnavailable(f"the engine at {place} refuses the question ({status}): it may be too long for the model")
    if status == 429:
        raise _Busy("is busy (429)")
    if status != 200:
        raise _Failed(f"says {status}")
    if not answer.headers.get("Content-Type", "").startswith("text/event-stream"):
        raise _Failed("does not stream its answers")
