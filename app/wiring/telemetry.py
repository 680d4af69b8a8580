"""Traces and logs without content.

Spans go nowhere by default. The standard OTLP environment variables switch the OTLP exporter on; `spans_file` writes
JSON lines. Whatever the exporter, only the names of orchestrator/telemetry/attributes.py pass: an allow-list, not a filter.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO, TypeVar

import structlog
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.trace import Link, SpanContext
from opentelemetry.util.types import Attributes

from app import __version__
from app.log_lines import NamedAlone
from app.settings import Settings
from orchestrator.telemetry import attributes as names

Context = TypeVar("Context", SpanContext, SpanContext | None)
_OTLP = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


class AllowListed(SpanExporter):
    """Passes spans on with the allowed attributes only: no events (they hold exception messages), no status text."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._inner.export([_bare(span) for span in spans])

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


class JsonLines(SpanExporter):
    """Appends each span to a file as one line of JSON."""

    def __init__(self, path: Path) -> None:
        self._file = own_file(path)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        for span in spans:
            self._file.write(span.to_json(indent=None) + "\n")
        self._file.flush()
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self._file.close()


def own_file(path: Path) -> TextIO:
    """To append to; for this user and the group that log readers are in, where it is made now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return open(path, "a", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o640))


def tracer_provider(settings: Settings, extra: SpanExporter | None = None) -> TracerProvider:
    """The provider of one deployment; not installed globally. extra: an exporter for tests."""
    provider = TracerProvider(
        resource=Resource.create({"service.name": "countersign", "service.version": __version__}),
        shutdown_on_exit=False,
    )
    if any(os.environ.get(name) for name in _OTLP) and os.environ.get("OTEL_TRACES_EXPORTER", "otlp") != "none":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        provider.add_span_processor(BatchSpanProcessor(AllowListed(OTLPSpanExporter())))
    if settings.spans_file:
        provider.add_span_processor(BatchSpanProcessor(AllowListed(JsonLines(settings.spans_file))))
    if extra is not None:
        provider.add_span_processor(SimpleSpanProcessor(AllowListed(extra)))
    return provider


def configure_logging(settings: Settings) -> None:
    """JSON lines with event names and ids; called once by the command line, never by a library.

    What a library logs is named, and not repeated (app/log_lines.py).
    """
    level = logging.getLevelNamesMapping().get(settings.log_level.upper(), logging.INFO)
    stream: Any = sys.stderr
    if settings.log_file:
        stream = own_file(settings.log_file)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(NamedAlone())
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler])
    for chatty in ("presidio-analyzer", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
    )


def _bare(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=_stateless(span.context),
        parent=_stateless(span.parent),
        resource=span.resource,
        attributes=_allowed(span.attributes),
        links=[Link(_stateless(link.context), _allowed(link.attributes)) for link in span.links],
        kind=span.kind,
        status=type(span.status)(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _stateless(context: Context) -> Context:
    """Without trace state, in which a caller may write what they like. None stays None."""
    if context is None:
        return context
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)


def _allowed(attributes: Attributes) -> Attributes:
    return {
        key: value for key, value in (attributes or {}).items() if key in names.ALLOWED or key.startswith(names.ENTITIES)
    }
