"""The nginx and HAProxy configurations, with the real programs in front of two replicas."""

from __future__ import annotations

import http.client
import json
import re
import signal
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.settings import Settings
from tests.deploy.replicas import Replica, replica
from tests.deploy.tools import tool
from tests.waiting import eventually, free_port

PROXY = Path(__file__).parents[2] / "deploy" / "onprem" / "proxy"
KINDS = ("nginx", "haproxy")
FORGED = {
    "X-Forwarded-For": "6.6.6.6", "X-Forwarded-Client-Cert": "forged", "X-Real-IP": "6.6.6.6", "Forwarded": "for=6.6.6.6",
    "X-SSL-Client-DN": "CN=root", "X-Client-Cert": "forged", "Remote-User": "root", "X-Remote-User": "root",
    "X-Request-ID": "forged", "Via": "forged",
}  # fmt: skip


@dataclass
class Proxy:
    """A running proxy and the two replicas behind it."""

    kind: str
    folder: Path
    port: int
    plain_port: int
    one: Replica
    two: Replica
    process: subprocess.Popen[bytes]

    def connect(self) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=str(self.folder / "server.crt"))
        return http.client.HTTPSConnection("localhost", self.port, timeout=30, context=context)

    def post(self, path: str = "/v1/chat", body: bytes = b"{}", **headers: str) -> tuple[int, dict[str, str], bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send("POST", path, body, {"Content-Type": "application/json", **named})

    def send(self, method: str, path: str, body: object, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        connection = self.connect()
        try:
            connection.request(method, path, body, headers, encode_chunked="Transfer-Encoding" in headers)  # type: ignore[arg-type]
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    @property
    def both(self) -> tuple[Replica, Replica]:
        return self.one, self.two

    def drain(self, leaving: Replica) -> None:
        """As the runbook tells an operator to: nginx reads `down` and reloads, HAProxy sees /readyz."""
        if self.kind == "haproxy":
            before, leaving.ready = leaving.asked_while_away, False
            eventually(lambda: leaving.asked_while_away >= before + 2, 30)  # the first of the two has been acted upon
            return
        upstreams, old = self.folder / "upstreams.conf", _children(self.process.pid)
        upstreams.write_text(re.sub(rf"(:{leaving.port}) ", r"\1 down ", upstreams.read_text()))
        subprocess.run([tool("nginx"), "-c", self.folder / "nginx.conf", "-s", "reload"], check=True, capture_output=True)
        # the old workers have stopped accepting once each has ended or, while it still streams, says so in its title
        eventually(
            lambda: all("is shutting down" in title for pid, title in _children(self.process.pid).items() if pid in old), 30
        )


@pytest.fixture(params=KINDS)
def proxy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Proxy]:
    with started(request.param, tmp_path) as found:
        yield found


@contextmanager
def started(kind: str, folder: Path) -> Iterator[Proxy]:
    certificate(folder)
    folder.chmod(0o755)
    port, plain = free_port(), free_port()
    with replica() as one, replica() as two:
        command = _written(kind, folder, port, plain, one.port, two.port)
        log = (folder / "log").open("wb")
        process = subprocess.Popen(command, stdout=log, stderr=log)
        found = Proxy(kind, folder, port, plain, one, two, process)
        try:
            eventually(lambda: _answers(found), 30)
            yield found
        finally:
            one.go_on.set(), two.go_on.set()
            process.send_signal(signal.SIGTERM)
            process.wait(20)
            log.close()


def _written(kind: str, folder: Path, port: int, plain: int, one: int, two: int) -> list[str]:
    """The shipped configuration with ports, addresses and folders of the test; the command that runs it."""

    def at_home(text: str) -> str:
        text = text.replace("/etc/countersign/tls", str(folder)).replace("/run/", f"{folder}/").replace("/dev/stdout", "off")
        return text.replace("10.20.0.11:8080", f"127.0.0.1:{one}").replace("10.20.0.12:8080", f"127.0.0.1:{two}")

    if kind == "nginx":
        text = at_home((PROXY / "nginx.conf").read_text())
        text = text.replace("listen 443", f"listen 127.0.0.1:{port}").replace("listen 80", f"listen 127.0.0.1:{plain}")
        (folder / "nginx.conf").write_text(text.replace("off without_content", "off"))
        (folder / "upstreams.conf").write_text(at_home((PROXY / "upstreams.conf").read_text()))
        return [tool("nginx"), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    text = at_home((PROXY / "haproxy.cfg").read_text()).replace("bind :443", f"bind 127.0.0.1:{port}")
    text = text.replace("bind :80", f"bind 127.0.0.1:{plain}").replace(
        "bind 127.0.0.1:8090", f"bind 127.0.0.1:{free_port()}"
    )
    (folder / "haproxy.cfg").write_text(text)
    return [tool("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")]


def certificate(folder: Path) -> None:
    """Of localhost, as server.crt, server.key and, for HAProxy, both in server.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    public = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for file, content in (("server.crt", public), ("server.key", secret), ("server.pem", public + secret)):
        (folder / file).write_bytes(content)


def _answers(proxy: Proxy) -> bool:
    assert proxy.process.poll() is None, (proxy.folder / "log").read_text()
    try:
        return proxy.send("GET", "/healthz", None, {})[0] == 200
    except OSError:
        return False


def _children(pid: int) -> dict[str, str]:
    """A process' children, with their command lines."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            found[child] = Path(f"/proc/{child}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_program_itself_finds_nothing_wrong_with_its_configuration(kind: str, tmp_path: Path) -> None:
    certificate(tmp_path)
    command = _written(kind, tmp_path, free_port(), free_port(), 1, 2)
    check = [command[0], "-c", "-f", command[-1]] if kind == "haproxy" else [*command[:3], "-t"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr.lower()


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


def test_a_replica_that_is_gone_costs_no_question(proxy: Proxy) -> None:
    assert [proxy.post()[0] for _ in range(8)] == [200] * 8
    proxy.one.leave()
    assert [proxy.post()[0] for _ in range(12)] == [200] * 12


def test_a_question_that_a_replica_has_read_is_never_sent_to_another(proxy: Proxy) -> None:
    for one in proxy.both:
        one.broken = True
    status, headers, body = proxy.post(body=b'{"message": "once"}')
    assert status in (502, 503)
    assert headers["content-type"] == "application/problem+json"
    assert json.loads(body)["type"] == "urn:countersign:problem:no_replica"
    assert headers["retry-after"] == "5"
    assert sum(len(one.posts) for one in proxy.both) == 1


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


def test_metrics_stay_inside_and_plain_http_leads_to_tls(proxy: Proxy) -> None:
    assert proxy.send("GET", "/metrics", None, {})[0] == 404
    connection = http.client.HTTPConnection("127.0.0.1", proxy.plain_port, timeout=30)
    connection.request("GET", "/v1/models")
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Location", "")[:6]) == (308, "https:")
    connection.close()


def test_nothing_in_the_files_would_send_a_question_twice_or_hold_an_answer_back() -> None:
    nginx, haproxy = ((PROXY / name).read_text() for name in ("nginx.conf", "haproxy.cfg"))
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
