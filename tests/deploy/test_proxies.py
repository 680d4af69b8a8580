"""The nginx and HAProxy configurations, with the real programs in front of two replicas."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.settings import Settings
from tests.deploy import proxies
from tests.deploy.proxies import FILES, KINDS, certificate, started, written
from tests.deploy.replicas import Replica, replica
from tests.support.sharing import free_port
from tests.support.waiting import eventually

FORGED = {
    "X-Forwarded-For": "6.6.6.6", "X-Forwarded-Client-Cert": "forged", "X-Real-IP": "6.6.6.6", "Forwarded": "for=6.6.6.6",
    "X-SSL-Client-DN": "CN=root", "X-Client-Cert": "forged", "Remote-User": "root", "X-Remote-User": "root",
    "X-Request-ID": "forged", "Via": "forged",
}  # fmt: skip


@dataclass
class Proxy(proxies.Proxy):
    """A running proxy and the two replicas behind it."""

    one: Replica
    two: Replica

    @property
    def both(self) -> tuple[Replica, Replica]:
        return self.one, self.two

    def drain(self, leaving: Replica) -> None:
        """As the runbook tells an operator to: nginx reads `down` and reloads, HAProxy sees /readyz."""
        self.take_out(leaving.port)
        if self.kind == "haproxy":
            before, leaving.ready = leaving.asked_while_away, False
            eventually(lambda: leaving.asked_while_away >= before + 2, 30)  # the first of the two has been acted upon


@pytest.fixture(params=KINDS)
def proxy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Proxy]:
    with replica() as one, replica() as two, started(request.param, tmp_path, one.port, two.port) as found:
        yield Proxy(**vars(found), one=one, two=two)
        one.go_on.set(), two.go_on.set()


@pytest.mark.process
@pytest.mark.parametrize("kind", KINDS)
def test_the_program_itself_finds_nothing_wrong_with_its_configuration(kind: str, tmp_path: Path) -> None:
    certificate(tmp_path)
    command = written(kind, tmp_path, free_port(), free_port(), 1, 2)
    check = [command[0], "-c", "-f", command[-1]] if kind == "haproxy" else [*command[:3], "-t"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr.lower()


@pytest.mark.process
def test_an_answer_arrives_piece_by_piece(proxy: Proxy) -> None:
    """The replica sends its second piece only after the client has had the first."""
    connection = proxy.connect()
    connection.request("POST", "/stream", b"{}", {"Content-Type": "application/json"})
    answer = connection.getresponse()
    first = b"".join(answer.readline() for _ in range(3))
    assert first == b"event: segment\ndata: one\n\n"
    for one in proxy.both:
        one.go_on.set()
    assert answer.read() == b"event: segment\ndata: two\n\n"
    connection.close()


@pytest.mark.process
def test_a_draining_replica_gets_nothing_new_and_ends_its_stream(proxy: Proxy) -> None:
    connection = proxy.connect()
    connection.request("POST", "/stream", b"{}", {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert b"".join(answer.readline() for _ in range(3)).endswith(b"one\n\n")
    leaving, staying = proxy.both if proxy.one.posts else proxy.both[::-1]
    proxy.drain(leaving)
    assert [proxy.post()[0] for _ in range(12)] == [200] * 12
    assert (len(leaving.posts), len(staying.posts)) == (1, 12)
    leaving.go_on.set()
    assert answer.read() == b"event: segment\ndata: two\n\n"
    connection.close()


@pytest.mark.process
def test_a_replica_that_is_gone_costs_no_question(proxy: Proxy) -> None:
    assert [proxy.post()[0] for _ in range(8)] == [200] * 8
    proxy.one.leave()
    assert [proxy.post()[0] for _ in range(12)] == [200] * 12


@pytest.mark.process
def test_a_question_that_a_replica_has_read_is_never_sent_to_another(proxy: Proxy) -> None:
    for one in proxy.both:
        one.broken = True
    status, headers, body = proxy.post(body=b'{"message": "once"}')
    assert status in (502, 503)
    assert headers["content-type"] == "application/problem+json"
    assert json.loads(body)["type"] == "urn:countersign:problem:no_replica"
    assert headers["retry-after"] == "5"
    assert sum(len(one.posts) for one in proxy.both) == 1


@pytest.mark.process
def test_what_a_client_says_of_itself_is_not_believed(proxy: Proxy) -> None:
    for _ in range(2):
        status, headers, _ = proxy.send("POST", "/v1/chat", b"{}", {**FORGED, "Countersign-Subject": "customer-1"})
        assert status == 200
    seen = {name: value for one in proxy.both for name, value in one.headers.items()}
    assert not [(name, value) for name, value in seen.items() if value in {*FORGED.values()}]
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "https"
    assert seen["countersign-subject"] == "customer-1"
    assert headers["x-request-id"] in {one.headers.get("x-request-id") for one in proxy.both}


@pytest.mark.process
def test_the_longest_body_is_the_service_s_own(proxy: Proxy) -> None:
    longest = Settings.model_fields["max_body"].default
    assert proxy.post(body=b"x" * longest)[0] == 200
    status, headers, body = proxy.post(body=b"x" * (longest + 1))
    assert (status, json.loads(body)["type"]) == (413, "urn:countersign:problem:too_large")
    assert headers["content-type"] == "application/problem+json"
    chunks = [b"x" * 65536] * 4 + [b"x"]
    try:
        status = proxy.send("POST", "/v1/chat", iter(chunks), {"Transfer-Encoding": "chunked"})[0]
    except OSError:
        status = 413  # it hung up while we were still sending
    assert status == 413
    assert {len(body) for one in proxy.both for body in one.posts} == {longest}


@pytest.mark.process
def test_metrics_stay_inside_and_plain_http_leads_to_tls(proxy: Proxy) -> None:
    assert proxy.send("GET", "/metrics", None, {})[0] == 404
    connection = http.client.HTTPConnection("127.0.0.1", proxy.plain_port, timeout=30)
    connection.request("GET", "/v1/models")
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Location", "")[:6]) == (308, "https:")
    connection.close()


@pytest.mark.process
def test_no_spelling_of_the_path_leads_to_the_metrics(proxy: Proxy) -> None:
    """A proxy that compares the path as it came, before a service that reads it decoded and without doubled slashes."""
    for path in (
        "/metrics",
        "//metrics",
        "///metrics",
        "/%6detrics",
        "/%6Detric%73",
        "/%2fmetrics",
        "/%2Fmetrics",
        "/metrics?x=1",
    ):
        assert proxy.send("GET", path, None, {})[0] == 404, path
    assert proxy.send("GET", "/v1/models", None, {})[0] == 200


@pytest.mark.process
def test_no_header_of_a_service_s_inside_comes_from_outside(proxy: Proxy) -> None:
    inside = {
        "SCRIPT_NAME": "/x",
        "PATH_INFO": "/metrics",
        "REMOTE_USER": "root",
        "countersign_subject": "forged",
        "A_B": "c",
    }
    assert proxy.send("POST", "/v1/chat", b"{}", {**inside, "Content-Type": "application/json"})[0] == 200
    seen = {name for one in proxy.both for name in one.headers}
    assert not {name for name in seen if "_" in name}


@pytest.mark.process
def test_a_proxy_s_own_log_holds_no_query_and_no_header(proxy: Proxy) -> None:
    """Also where it tells of a replica that broke off."""
    for one in proxy.both:
        one.broken = True
    proxy.send("POST", "/v1/chat?message=Wilhelmina", b"{}", {"Content-Type": "application/json", "X-Said": "Wilhelmina"})
    proxy.send("GET", "/nothing?message=Wilhelmina", None, {"Referer": "https://here/?q=Wilhelmina"})
    assert b"Wilhelmina" not in (proxy.folder / "log").read_bytes()


def test_nothing_in_the_files_would_send_a_question_twice_or_hold_an_answer_back() -> None:
    nginx, haproxy = ((FILES / name).read_text() for name in ("nginx.conf", "haproxy.cfg"))
    rules = "\n".join(line for line in (nginx + haproxy).splitlines() if not line.lstrip().startswith("#"))
    assert re.findall(r"proxy_next_upstream (.*);", rules) == ["error timeout"]
    assert re.findall(r"retry-on (.*)", rules) == ["conn-failure"]
    (limit,), (buffer,) = (
        re.findall(rf"{name} (\w+);", rules) for name in ("client_max_body_size", "client_body_buffer_size")
    )
    assert limit == buffer, "what is larger than the buffer would lie in a temporary file"
    for needed in ("proxy_buffering off;", "proxy_http_version 1.1;", "gzip off;", "uri /readyz", "http-reuse safe"):
        assert needed in rules
    for forbidden in ("non_idempotent", "shutdown-sessions", "option http-server-close", "compression"):
        assert forbidden not in rules
