"""The shipped nginx and HAProxy configurations, run by the real programs in front of two ports of this machine."""

from __future__ import annotations

import http.client
import re
import signal
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.deploy.tools import tool
from tests.support.sharing import free_port
from tests.support.waiting import eventually

FILES = Path(__file__).parents[2] / "deploy" / "onprem" / "proxy"
KINDS = ("nginx", "haproxy")


@dataclass
class Proxy:
    """A running proxy. folder: its configuration, its certificate, its log."""

    kind: str
    folder: Path
    port: int
    plain_port: int
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

    def answers(self) -> bool:
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            return self.send("GET", "/healthz", None, {})[0] == 200
        except OSError:
            return False

    def take_out(self, port: int) -> None:
        """As docs/operations.md tells an operator to: nginx reads `down` and reloads. HAProxy finds out by itself."""
        if self.kind == "nginx":
            self._upstreams(rf"(:{port}) (?!down)", r"\1 down ")

    def let_in(self, port: int) -> None:
        if self.kind == "nginx":
            self._upstreams(rf"(:{port}) down ", r"\1 ")

    def reload(self) -> None:
        """Takes up changed files, certificates too; returns when the old workers take nothing new."""
        old = children(self.process.pid)
        if self.kind == "haproxy":
            self.process.send_signal(signal.SIGUSR2)
            eventually(lambda: set(children(self.process.pid)) - set(old), 30)
            return
        subprocess.run([tool("nginx"), "-c", self.folder / "nginx.conf", "-s", "reload"], check=True, capture_output=True)
        # Each has ended or, while it still streams, says so in its title.
        eventually(
            lambda: all("is shutting down" in title for pid, title in children(self.process.pid).items() if pid in old), 30
        )

    def _upstreams(self, before: str, after: str) -> None:
        upstreams = self.folder / "upstreams.conf"
        upstreams.write_text(re.sub(before, after, upstreams.read_text()))
        self.reload()


@contextmanager
def started(kind: str, folder: Path, one: int, two: int) -> Iterator[Proxy]:
    """In front of the ports one and two; returns when it answers, which a replica must do too."""
    certificate(folder)
    folder.chmod(0o755)
    port, plain = free_port(), free_port()
    command = written(kind, folder, port, plain, one, two)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        found = Proxy(kind, folder, port, plain, process)
        try:
            eventually(found.answers, 30)
            yield found
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def written(kind: str, folder: Path, port: int, plain: int, one: int, two: int) -> list[str]:
    """The shipped configuration with ports, addresses and folders of the test; the command that runs it."""

    def at_home(text: str) -> str:
        text = text.replace("/etc/countersign/tls", str(folder)).replace("/run/", f"{folder}/").replace("/dev/stdout", "off")
        return text.replace("10.20.0.11:8080", f"127.0.0.1:{one}").replace("10.20.0.12:8080", f"127.0.0.1:{two}")

    if kind == "nginx":
        text = at_home((FILES / "nginx.conf").read_text())
        text = text.replace("listen 443", f"listen 127.0.0.1:{port}").replace("listen 80", f"listen 127.0.0.1:{plain}")
        (folder / "nginx.conf").write_text(text.replace("off without_content", "off"))
        (folder / "upstreams.conf").write_text(at_home((FILES / "upstreams.conf").read_text()))
        return [tool("nginx"), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    text = at_home((FILES / "haproxy.cfg").read_text()).replace("bind :443", f"bind 127.0.0.1:{port}")
    text = text.replace("bind :80", f"bind 127.0.0.1:{plain}").replace(
        "bind 127.0.0.1:8090", f"bind 127.0.0.1:{free_port()}"
    )
    (folder / "haproxy.cfg").write_text(text)
    return [tool("haproxy"), "-W", "-db", "-f", str(folder / "haproxy.cfg")]


def certificate(folder: Path) -> None:
    """Of localhost, as server.crt, server.key and, for HAProxy, both in server.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    number = x509.random_serial_number()
    # a name of its own: two that are called the same cannot both be trusted
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"proxy {number:x}"[:60])])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(number)
        .not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    public = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for file, content in (("server.crt", public), ("server.key", secret), ("server.pem", public + secret)):
        (folder / file).write_bytes(content)


def children(pid: int) -> dict[str, str]:
    """A process' children, with their command lines."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            found[child] = Path(f"/proc/{child}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
    return found
