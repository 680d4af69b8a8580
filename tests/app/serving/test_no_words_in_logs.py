"""No caller's words in any log: not of the server, of a library, of a thread that fails, nor in an exported span.

The kind of fault: somebody else words a line of the log (the HTTP parser quotes a header, a tracer its trace state, Python
an exception's message, a database its parameters), and quotes what it was sent.
"""

from __future__ import annotations

import io
import json
import logging
import socket
import sys
import threading
import warnings
from pathlib import Path

import pytest
from gunicorn.config import Config
from opentelemetry.trace import Link, SpanContext, TraceFlags, TraceState
from structlog.testing import capture_logs

from app import log_lines
from app.log_lines import NamedAlone, name_what_nobody_catches
from app.serving.server_log import ServerLog
from app.settings import Settings
from app.web.underway import link_of
from app.wiring.telemetry import tracer_provider
from tests.app.serving.logged_service import logged_service
from tests.app.serving.malformed import IBAN, MISTAKES, NAME, malformed

SECRET = "Wilhelmina"
REQUESTS = 300


def sent(port: int, request: bytes) -> bytes:
    """The answer, up to the connection's end; half a request is ended by us."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        sock.sendall(request)
        sock.shutdown(socket.SHUT_WR)
        try:
            return b"".join(iter(lambda: sock.recv(65536), b""))
        except OSError:
            return b""


@pytest.mark.process
def test_300_malformed_requests_leave_no_word_in_any_file_of_the_service(tmp_path: Path) -> None:
    with logged_service(tmp_path) as service:
        answers = [(name, sent(service.port, request)) for name, request in malformed(REQUESTS, service.key)]
        assert service.answers()
    assert service.where(NAME, IBAN, service.key) == []
    assert "request.unreadable" in service.log()
    assert [line for line in service.log().splitlines() if not isinstance(json.loads(line), dict)] == []
    refused = {name for name, answer in answers if answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5"))}
    assert len(refused) >= len(MISTAKES) * 2 // 3, sorted(set(MISTAKES) - refused)
    assert [name for name, answer in answers if answer.startswith(b"HTTP/1.1 500")] == []


def record(name: str, message: str, *values: object, error: BaseException | None = None) -> dict[str, object]:
    caught = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord(name, logging.WARNING, "/x/wherever.py", 7, message, values, caught)
    found: dict[str, object] = json.loads(NamedAlone().format(made))
    return found


@pytest.mark.parametrize(
    "library", ["opentelemetry.trace.span", "gunicorn.error", "werkzeug", "sqlalchemy.pool", "root", "application"]
)
@pytest.mark.parametrize("message", ["Member doesn't match %s", f"said {SECRET}"])
def test_a_library_s_message_is_named_and_not_repeated(library: str, message: str) -> None:
    found = record(library, message, *([SECRET] if "%" in message else []), error=ValueError(SECRET))
    assert SECRET not in json.dumps(found)
    assert (found["library"], found["where"], found["error"]) == (library, "wherever.py:7", "ValueError")


def test_our_own_message_stays_and_its_error_is_named() -> None:
    found = record("audit.append.store", "the writer of log %s failed", "halden", error=ValueError(SECRET))
    assert found["event"] == "the writer of log halden failed"
    assert SECRET not in json.dumps(found)


def server_log() -> ServerLog:
    config = Config()
    config.set("loglevel", "debug")
    return ServerLog(config)


@pytest.mark.parametrize("level", ["critical", "error", "warning", "info", "debug", "exception"])
def test_what_the_server_says_of_a_request_is_where_and_what_kind(level: str) -> None:
    with capture_logs() as lines:
        try:
            raise ValueError(SECRET)
        except ValueError:
            getattr(server_log(), level)("Error handling request %s %s", "GET", f"/{SECRET}", exc_info=True)
            server_log().log("error", f"Invalid request: {SECRET}")
    assert SECRET not in str(lines)
    assert {one["error"] for one in lines} == {"ValueError"}
    assert all("test_no_words_in_logs" in one["where"] for one in lines)


def test_what_the_server_says_of_its_processes_and_addresses_stays() -> None:
    said = {"__name__": "gunicorn.sock", "log": server_log()}
    with capture_logs() as lines:
        exec("log.error('Connection in use: %s', ('127.0.0.1', 8080))", said)
    assert lines[0]["detail"] == "Connection in use: ('127.0.0.1', 8080)"


def test_what_nobody_catches_is_named_and_not_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module, name in ((threading, "excepthook"), (sys, "unraisablehook"), (warnings, "showwarning")):
        monkeypatch.setattr(module, name, getattr(module, name))

    def fail() -> None:
        raise ValueError(SECRET)

    class Finalised:
        def __del__(self) -> None:
            fail()

    with capture_logs() as lines:
        name_what_nobody_catches()
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        Finalised()
        warnings.showwarning(UserWarning(SECRET), UserWarning, "x.py", 1, io.StringIO(), SECRET)
    assert [one["event"] for one in lines] == ["thread.failed", "finaliser.failed", "python.warning"]
    assert SECRET not in str(lines) + "".join(capsys.readouterr())


def test_an_error_is_told_by_its_type_and_place() -> None:
    try:
        raise KeyError(SECRET)
    except KeyError as error:
        found = log_lines.named(error)
    assert found["error"] == "KeyError"
    assert found["raised"].startswith("test_no_words_in_logs.py:")


@pytest.mark.parametrize("state", [f"vendor={SECRET}", f"{SECRET}@v=1", f"a=1,b={SECRET}", SECRET, f"{SECRET}=,;"])
def test_a_caller_s_trace_state_is_not_read(state: str, caplog: pytest.LogCaptureFixture) -> None:
    found = link_of({"Traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01", "Tracestate": state})
    assert found is not None
    assert len(found.trace_state) == 0
    assert SECRET not in caplog.text


def test_a_span_s_own_state_its_parent_s_and_its_links_are_not_exported(tmp_path: Path) -> None:
    file = tmp_path / "spans.jsonl"
    provider = tracer_provider(Settings(home=tmp_path, spans_file=file))
    context = SpanContext(1, 2, True, TraceFlags(1), TraceState([("vendor", SECRET.lower())]))
    span = provider.get_tracer("test").start_span("step", links=[Link(context, {"said": SECRET})])
    span.end()
    provider.shutdown()
    (line,) = file.read_text().splitlines()
    assert SECRET.lower() not in line.lower()
    assert json.loads(line)["links"][0]["context"]["span_id"].endswith("2")
