"""Two ways to ask a question from the command line: a running service, or this process with the same pipeline and log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

import click
import httpx

from app.cli.shared import console
from app.settings import Settings
from app.wiring.key_material import demo_key_path

if TYPE_CHECKING:
    from app.wiring.running import Running
    from app.wiring.service import Service

Event = tuple[str, dict[str, Any]]
EVERYBODY = "public"


class Asker(Protocol):
    """Answers as events: `route`, `segment`, `citation`, `refusal`, `done`, `error`. Use it as a context."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def ask(self, question: str, conversation: str | None, groups: Sequence[str] | None) -> Iterator[Event]:
        """conversation: to go on with. groups: whose documents are read; None for those of the key, or everybody's."""
        ...


def asker(found: Settings, url: str | None, key: str | None) -> Asker:
    """The service at `url`, else the local one where it runs, else this process. Raises ClickException without a key."""
    path = demo_key_path(found)
    secret = key or (path.read_text("utf-8").strip() if path.is_file() else None)
    address = url or found.public_url
    if secret and (url or _runs(address)):
        return OverHttp(address, secret)
    if url:
        raise click.ClickException("give the service's key with --key or COUNTERSIGN_KEY")
    return InProcess(found)


def _runs(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz", timeout=1, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


class OverHttp:
    """A running service, over one kept connection."""

    def __init__(self, address: str, secret: str) -> None:
        self._address = address
        timeout = httpx.Timeout(10, read=600)
        self._client = httpx.Client(timeout=timeout, trust_env=False, headers={"Authorization": f"Bearer {secret}"})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.close()

    def ask(self, question: str, conversation: str | None, groups: Sequence[str] | None) -> Iterator[Event]:
        asked: dict[str, Any] = {"message": question, "stream": True}
        asked |= {"conversation_id": conversation} if conversation else {}
        asked |= {"groups": list(groups)} if groups is not None else {}
        try:
            with self._client.stream("POST", f"{self._address}/v1/chat", json=asked) as response:
                if response.status_code != 200:
                    problem = json.loads(response.read())
                    raise click.ClickException(f"{problem['status']}: {problem['detail']}")
                name = ""
                for line in response.iter_lines():
                    if line.startswith("event: "):
                        name = line[7:]
                    elif line.startswith("data: "):
                        yield name, json.loads(line[6:])
        except httpx.HTTPError as error:
            raise click.ClickException(
                f"{self._address} does not answer ({type(error).__name__}); start it: countersign up"
            ) from error


class InProcess:
    """The same journey without a server, asked by the person at the terminal. The models are loaded once."""

    def __init__(self, found: Settings) -> None:
        self._settings = found
        self._opened = ExitStack()
        self._service: Service
        self._running: Running

    def __enter__(self) -> Self:
        from app.wiring.service import Service

        self._service = self._opened.enter_context(Service.open(self._settings))
        with console().status("loading the models (a running service answers at once: countersign up) …"):
            self._running = self._service.warm()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._opened.close()

    def ask(self, question: str, conversation: str | None, groups: Sequence[str] | None) -> Iterator[Event]:
        from uuid_utils import uuid7

        from app.api.chat import citation_view, done_view, refusal_view, route_view
        from app.identity.subjects import TERMINAL, KeyItself
        from orchestrator.journey.outgoing import Answer, CitationOut, RefusalOut, RouteOut, SegmentOut
        from orchestrator.types import Query

        found = self._settings
        query = Query(
            id=f"q_{uuid7().hex}",
            conversation=conversation or f"c_{uuid7().hex}",
            tenant=found.tenant,
            subject=self._service.deployment.keys.pseudonym(found.tenant, KeyItself(TERMINAL)),
            actor=TERMINAL,
            groups=frozenset((EVERYBODY,) if groups is None else groups),
            text=question,
            fresh=conversation is None,
        )
        for out in self._running.pipeline.answer(query, {"max_tokens": found.max_tokens, "temperature": 0.0}):
            match out:
                case RouteOut(route):
                    yield "route", route_view(route)
                case SegmentOut(number, text):
                    yield "segment", {"id": number, "text": text}
                case CitationOut(citation):
                    yield "citation", citation_view(citation)
                case RefusalOut():
                    yield "refusal", refusal_view(out)
                case Answer():
                    yield "done", done_view(out)
