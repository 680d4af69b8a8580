"""What the server refuses by itself is a problem document like every other, and no header of a server's inside is believed.

The kind of fault: an answer that did not come from the application lacks what all of the application's answers have.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from gunicorn.config import Config
from gunicorn.http import errors

from app.serving.gunicorn_options import configure
from app.serving.refusals import refusal, written
from tests.app.serving.logged_service import Logged, logged_service
from tests.app.serving.malformed import NAME
from tests.app.serving.test_no_words_in_logs import sent


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logged]:
    with logged_service(tmp_path_factory.mktemp("refusals")) as found:
        yield found


def head(*lines: str) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode()


REFUSED = {
    "no request": (head(f"{NAME} is my name"), 400),
    "a header without a colon": (head("GET / HTTP/1.1", "Host: here", f"X {NAME}"), 400),
    "a wrong version": (head("GET / HTTP/7.3", "Host: here"), 400),
    "no host": (head("GET /healthz HTTP/1.1"), 400),
    "too long an address": (head(f"GET /{'a' * 9_000} HTTP/1.1", "Host: here"), 414),
    "too many headers": (head("GET / HTTP/1.1", "Host: here", *(f"X-{n}: 1" for n in range(99))), 431),
    "an expectation": (head("GET / HTTP/1.1", "Host: here", f"Expect: {NAME}"), 417),
    "a coding": (head("POST / HTTP/1.1", "Host: here", f"Transfer-Encoding: {NAME}"), 501),
}


@pytest.mark.process
@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_of_the_server_is_a_problem_document_with_every_header(service: Logged, name: str) -> None:
    request, status = REFUSED[name]
    told, _, body = sent(service.port, request).partition(b"\r\n\r\n")
    first, *lines = told.decode().split("\r\n")
    headers = {line.partition(": ")[0].lower(): line.partition(": ")[2] for line in lines}
    assert first.startswith(f"HTTP/1.1 {status} ")
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    document = json.loads(body)
    assert (document["status"], document["type"].startswith("urn:countersign:problem:")) == (status, True)
    assert NAME not in body.decode()


@pytest.mark.process
@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/x/metrics", ["SCRIPT_NAME: /x"], 404),
        ("/x/metrics", ["script_name: /x"], 404),
        ("/healthz", ["SCRIPT_NAME: /evil"], 200),
        ("/healthz", ["PATH_INFO: /metrics"], 200),
        ("/review", ["SCRIPT_NAME: /evil"], 302),
        ("//evil.example/review", ["SCRIPT_NAME: //evil.example"], 404),
    ],
)
def test_nobody_tells_the_service_where_it_begins(service: Logged, path: str, headers: list[str], status: int) -> None:
    answer = sent(service.port, head(f"GET {path} HTTP/1.1", "Host: here", "Connection: close", *headers)).decode()
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert "countersign_" not in answer
    location = next((line for line in answer.split("\r\n") if line.lower().startswith("location:")), "")
    assert "//evil" not in location
    assert "/evil/" not in location


def test_no_header_of_the_inside_is_read() -> None:
    config = Config()
    configure(config, "127.0.0.1:1", 4, 1, lambda: None)
    assert config.forwarder_headers == []
    assert config.accesslog is None


@pytest.mark.parametrize("error", [ValueError(NAME), OSError(5, NAME), errors.ConfigurationProblem(NAME), KeyError(NAME)])
def test_what_nobody_foresaw_is_a_500_without_its_words(error: Exception) -> None:
    told = written(refusal(error))
    assert told.startswith(b"HTTP/1.1 500 ")
    assert NAME.encode() not in told


@pytest.mark.parametrize(
    "kind", [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ParseException)]
)
def test_every_error_of_the_parser_is_told_as_one_of_the_request_or_of_the_service(kind: type[Exception]) -> None:
    told = refusal(kind.__new__(kind))
    assert told.status in (400, 403, 414, 417, 431, 500, 501)
    assert written(told).startswith(f"HTTP/1.1 {told.status} ".encode())
