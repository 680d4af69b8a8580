"""Half-sent requests cannot stop the service: a real server with few threads, and clients that never finish."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.serving.slow_reads import READ_S, Readings
from tests.support.sharing import free_port

THREADS = 4
HEAD = b"GET /health HTTP/1.1\r\nHost: here\r\n"
BODY = b"POST /health HTTP/1.1\r\nHost: here\r\nContent-Length: 400\r\n\r\n{"
WHOLE = b"GET /health HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
APPLICATION = """
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request

def application(environ, start_response):
    try:
        return answer(environ, start_response)
    except HTTPException as error:
        return error(environ, start_response)

def answer(environ, start_response):
    if environ["PATH_INFO"] == "/unread":
        start_response("413 Content Too Large", [("Content-Length", "2")])
        return [b"no"]
    if environ["PATH_INFO"] == "/kept":
        Request(environ).get_data()
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]
    if environ["PATH_INFO"] == "/read":
        Request(environ).get_data()
    length = int(environ.get("CONTENT_LENGTH") or 0)
    whole = len(environ["wsgi.input"].read(length)) == length
    start_response("200 OK" if whole else "408 Request Timeout", [("Connection", "close")])
    return [b"ok"]
"""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "small.py").write_text(APPLICATION)
    found = free_port()
    options = ["-w", "1", "-k", "app.serving.slow_reads.Worker", "--threads", str(THREADS), "--log-level", "error"]
    command = [sys.executable, "-m", "gunicorn", *options, "-b", f"127.0.0.1:{found}", "small:application"]
    path = os.pathsep.join([str(Path(__file__).parents[3]), str(tmp_path)])
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, cwd=tmp_path)
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", found)).close()
                break
            except OSError:
                time.sleep(0.05)
        yield found
    finally:
        process.terminate()
        process.wait(20)


def ask(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        sock.sendall(request)
        return b"".join(iter(lambda: sock.recv(4096), b""))


@pytest.mark.process
@pytest.mark.parametrize("half", [b"", HEAD, BODY], ids=["nothing", "half a head", "half a body"])
def test_more_half_sent_requests_than_threads_do_not_stop_the_service(port: int, half: bytes) -> None:
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(THREADS * 3)]
    try:
        for sock in held:
            sock.sendall(half)
        assert ask(port, WHOLE).startswith(b"HTTP/1.1 200")
    finally:
        for sock in held:
            sock.close()


@pytest.mark.process
def test_a_body_that_comes_late_but_in_time_is_answered(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        sock.sendall(BODY)
        time.sleep(2)
        sock.sendall(b"a" * 399)
        assert sock.recv(4096).startswith(b"HTTP/1.1 200")


@pytest.mark.process
@pytest.mark.parametrize("chunks", [b"ZZ\r\nabc\r\n0\r\n\r\n", b"3\r\nabcdef\r\n0\r\n\r\n"])
def test_a_body_in_malformed_chunks_is_the_clients_mistake(port: int, chunks: bytes) -> None:
    head = b"POST /read HTTP/1.1\r\nHost: here\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert ask(port, head + chunks).startswith(b"HTTP/1.1 400")


@pytest.mark.process
def test_a_body_that_never_ends_is_told_that_it_took_too_long(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        sock.sendall(BODY.replace(b"/health", b"/read"))
        assert sock.recv(4096).startswith(b"HTTP/1.1 408")


def sent(path: str, size: int, chunked: bool = False) -> bytes:
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (size, b"a" * size) if chunked else b"a" * size
    return f"POST {path} HTTP/1.1\r\nHost: here\r\n{length}\r\n\r\n".encode() + body


@pytest.mark.process
@pytest.mark.parametrize(
    ("size", "chunked"), [(1, False), (70_000, False), (300_000, False), (3_000_000, False), (300_000, True)]
)
def test_an_answer_to_a_body_that_was_not_read_says_that_the_connection_ends_and_arrives_whole(
    port: int, size: int, chunked: bool
) -> None:
    """The kind of fault: a connection offered for the next request on which the rest of this one still lies."""
    told = ask(port, sent("/unread", size, chunked))
    assert told.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in told.lower()
    assert told.endswith(b"no")


@pytest.mark.process
@pytest.mark.parametrize(("size", "chunked"), [(0, False), (1, False), (300_000, False), (300_000, True)])
def test_a_connection_whose_request_was_read_takes_the_next_one(port: int, size: int, chunked: bool) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        for _ in range(2):
            sock.sendall(sent("/kept", size, chunked))
            told = b""
            while not told.endswith(b"ok"):
                more = sock.recv(4096)
                assert more, told
                told += more
            assert b"connection: keep-alive" in told.lower()


def test_the_oldest_are_cut_when_too_many_are_slow_and_all_when_time_is_up() -> None:
    pairs = [socket.socketpair() for _ in range(4)]
    readings = Readings(patience=2)
    try:
        for ours, _ in pairs:
            readings.begin(ours)
        begun = time.monotonic()
        readings.cut(begun)
        readings.cut(begun + READ_S / 2)
        assert [readings.end(ours) for ours, _ in pairs] == [True, True, False, False]
        readings.begin(pairs[3][0])
        readings.cut(time.monotonic() + READ_S + 1)
        assert readings.end(pairs[3][0])
    finally:
        for pair in pairs:
            for sock in pair:
                sock.close()


def test_a_request_that_has_arrived_is_never_cut() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        readings = Readings(patience=0)
        readings.begin(ours)
        readings.end(ours)
        readings.cut(time.monotonic() + READ_S + 1)
        theirs.sendall(b"next")
        assert ours.recv(4) == b"next"
