"""What is exported is on the allow-list; a person's words in an attribute, an exception or a status are not."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Status, StatusCode

from app.settings import Settings
from app.wiring.telemetry import tracer_provider
from orchestrator.telemetry import attributes as names

SECRET = "Wilhelmina"


def spoil(settings: Settings, exporter: InMemorySpanExporter | None = None) -> None:
    """Ends a span that holds the secret wherever a span can hold something."""
    provider = tracer_provider(settings, exporter)
    tracer = provider.get_tracer("test")
    with suppress(ValueError), tracer.start_as_current_span("step") as span:
        span.set_attribute(names.QUERY, "q_1")
        span.set_attribute(names.ENTITIES + "PERSON", 2)
        span.set_attribute("question", SECRET)
        span.set_attribute("gen_ai.input.messages", SECRET)
        span.add_event("said", {"text": SECRET})
        span.set_status(Status(StatusCode.ERROR, SECRET))
        raise ValueError(SECRET)
    provider.shutdown()


def test_only_allowed_attributes_pass(tmp_path: Path) -> None:
    exporter = InMemorySpanExporter()
    spoil(Settings(home=tmp_path), exporter)
    (span,) = exporter.get_finished_spans()
    assert dict(span.attributes or {}) == {names.QUERY: "q_1", names.ENTITIES + "PERSON": 2}
    assert span.events == ()
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description is None
    assert SECRET not in span.to_json()


def test_the_file_of_spans_holds_no_words_either(tmp_path: Path) -> None:
    file = tmp_path / "spans.jsonl"
    spoil(Settings(home=tmp_path, spans_file=file))
    (line,) = file.read_text().splitlines()
    assert json.loads(line)["attributes"][names.QUERY] == "q_1"
    assert SECRET not in line


def test_without_the_standard_variables_nothing_is_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    provider = tracer_provider(Settings(home=tmp_path))
    assert provider._active_span_processor._span_processors == ()
    provider.shutdown()
