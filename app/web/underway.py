"""Starts a journey for a request and keeps hold of it until the response is over, however it ends."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import chain, islice
from typing import Any

from flask import request
from opentelemetry.trace import SpanContext
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from uuid_utils import uuid7

from app.identity.api_keys import Key
from app.identity.subjects import KeyItself, Person
from app.web.context import admission, deployment, leaving, service
from app.web.problems import Problem
from orchestrator.journey.outgoing import Answer, Outgoing, SegmentOut
from orchestrator.types import Query

LANGUAGE = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}$"
"""A tag like "de" or "pt-BR" (RFC 5646, as far as anybody uses it)."""
MOST_LANGUAGES = 4
_CHARACTERS = 4
"""Of a token, about."""


class Underway:
    """An admitted journey: iterate for what goes out, close to cancel. Closing twice is harmless.

    The first item is taken when it is made, so that an error becomes a status code and not a broken stream.
    """

    def __init__(self, query: Query, sampling: Mapping[str, Any], link: SpanContext | None) -> None:
        self.query = query
        self._deployment, self._admission = deployment(), admission()
        running = service().running
        if running is None or not service().ready:
            raise Problem(503, "The models are still being loaded; try again shortly.", code="starting", retry_after=5)
        metrics = self._deployment.metrics
        try:
            self._place = self._admission.enter(query.actor, query.tenant, _tokens(query))
        except Problem:
            metrics.turned_away.inc()
            raise
        metrics.chats.inc()
        self._lock = threading.Lock()
        self._open = True
        self._used = 0
        self._gone = threading.Event()
        self._beside = ExitStack()
        self._items = running.pipeline.answer(query, sampling, link)
        try:
            self._beside.enter_context(leaving().watching(request.environ.get("gunicorn.socket"), self._gone))
            self._first: Outgoing | None = next(self._items, None)
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[Outgoing]:
        """Raises Problem where the caller has hung up: nobody reads what it says, and the journey is cancelled."""
        try:
            for out in chain(() if self._first is None else (self._first,), self._items):
                if self._gone.is_set():
                    raise Problem(408, "The caller has hung up; ask again.", code="gone")
                if isinstance(out, SegmentOut):
                    self._used += len(out.text) // _CHARACTERS  # who hangs up before the end has had it all the same
                if isinstance(out, Answer):
                    used = sum(out.usage.get(kind, 0) for kind in ("prompt_tokens", "completion_tokens"))
                    self._used = max(used, self._used)
                yield out
        finally:
            self.close()

    def close(self) -> None:
        with self._lock:
            if not self._open:
                return
            self._open = False
        self._beside.close()
        try:
            self._items.close()  # type: ignore[attr-defined]
        finally:
            self._deployment.metrics.chats.dec()
            self._admission.leave(self._place, self._used)


def _tokens(query: Query) -> int:
    """About as many as a question has with what it brings along."""
    return 1 + (len(query.text) + sum(len(text) for _, text in query.before)) // _CHARACTERS


def new_query(
    key: Key,
    text: str,
    who: Person | KeyItself,
    conversation: str | None,
    before: tuple[tuple[str, str], ...] = (),
    languages: tuple[str, ...] = (),
) -> Query:
    """A query of this caller. who: asks with the key; becomes a pseudonym here."""
    return Query(
        id=f"q_{uuid7().hex}",
        conversation=conversation or f"c_{uuid7().hex}",
        tenant=key.tenant,
        subject=deployment().keys.pseudonym(key.tenant, who),
        actor=f"key:{key.id}",
        groups=key.groups,
        text=text,
        before=before,
        fresh=conversation is None,
        languages=languages,
    )


def languages(asked: str | None) -> tuple[str, ...]:
    """What the caller reads, best first: what the body asks for, else the Accept-Language header (RFC 9110, 12.5.4)."""
    if asked is not None:
        return (asked,)
    named = (tag for tag, quality in request.accept_languages if quality > 0 and re.fullmatch(LANGUAGE, tag))
    return tuple(islice(named, MOST_LANGUAGES))


def link_of(headers: Mapping[str, str]) -> SpanContext | None:
    """The caller's span from `traceparent` (W3C trace context), if there is one. Trace state holds words: it is not read."""
    from opentelemetry import trace

    carrier = {k.lower(): v for k, v in headers.items() if k.lower() == "traceparent"}
    context = TraceContextTextMapPropagator().extract(carrier)
    found = trace.get_current_span(context).get_span_context()
    return found if found.is_valid else None
