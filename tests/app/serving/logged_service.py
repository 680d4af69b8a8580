"""A real server with a scripted model and a deployment's log: `python -m tests.app.serving.logged_service HOME PORT`."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.settings import Settings
from app.wiring.key_material import open_keys
from app.wiring.telemetry import configure_logging
from tests.faults.service import ScriptedServer
from tests.support.sharing import free_port
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[3]


@dataclass
class Logged:
    """home holds all that the service writes: databases, log, standard output and error."""

    home: Path
    port: int
    key: str
    process: subprocess.Popen[bytes]

    def answers(self) -> bool:
        assert self.process.poll() is None, (self.home / "output").read_text()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            time.sleep(0.5)
            return False
        finally:
            connection.close()

    def log(self) -> str:
        return (self.home / "service.log").read_text("utf-8", "surrogateescape")

    def where(self, *needles: str) -> list[str]:
        """The files that hold one of these, in whichever case."""
        files = [path for path in self.home.rglob("*") if path.is_file()]
        held = {path: path.read_bytes().lower() for path in files}
        return [f"{path.name}: {n}" for path, text in held.items() for n in needles if n.lower().encode() in text]


@contextmanager
def logged_service(home: Path) -> Iterator[Logged]:
    settings = Settings(home=home)
    engine, ring = open_keys(settings)
    key = ring.create("halden", "caller", "logged", ())
    engine.dispose()
    port = free_port()
    command = [sys.executable, "-m", "tests.app.serving.logged_service", str(home), str(port)]
    with (home / "output").open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ}, stdout=output, stderr=output)
        try:
            found = Logged(home, port, key, process)
            eventually(found.answers, 400)
            yield found
        finally:
            process.terminate()
            process.wait(60)


def main() -> None:
    home, port = Path(sys.argv[1]), int(sys.argv[2])
    settings = Settings(
        home=home, port=port, threads=16, log_file=home / "service.log", log_level="DEBUG", spans_file=home / "spans.jsonl",
        drain_grace_s=0,
    )  # fmt: skip
    configure_logging(settings)
    ScriptedServer(settings).run()


if __name__ == "__main__":
    main()
