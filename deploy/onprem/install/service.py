"""Starts and stops the service where no supervisor does: one process, its id in a file, its log beside it.

A process id is believed only with the start time that the system has of it, so that a number that was used again is never
signalled.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from deploy.onprem.install.configure import setting
from deploy.onprem.install.host import Account, environment
from deploy.onprem.install.layout import Site, Stop

READY_S = 900
STOP_S = 60


@dataclass(frozen=True)
class State:
    """What is known of the service. pid: None where it does not run."""

    pid: int | None
    url: str
    ready: bool
    told: str

    @property
    def code(self) -> int:
        """As LSB has it: 0 runs, 3 does not; 4 where it runs and is not ready."""
        return 3 if self.pid is None else 0 if self.ready else 4


def start(site: Site, who: Account, *, foreground: bool = False) -> None:
    """Returns once it is ready to answer. Raises Stop with the log's end where it ended by itself."""
    program = str(site.installed() / "venv" / "bin" / "countersign")
    if (pid := running(site)) is not None:
        print(f"running      as process {pid} already")
        return
    if foreground:
        _become(site, who, program)
    log = site.run / "service.log"
    with open(os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), "ab") as out:
        who.own(log)
        process = subprocess.Popen(
            [program, "serve"], env=environment(site), cwd=site.home, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            start_new_session=True, umask=0o077, **who.options(),
        )  # fmt: skip
    _pid_file(site).write_text(json.dumps({"pid": process.pid, "started": _started(process.pid)}), "utf-8")
    begun = time.monotonic()
    print(f"starting     process {process.pid}, log {log}", flush=True)
    url = _url(site, who)
    while time.monotonic() - begun < READY_S:
        if process.poll() is not None:
            _pid_file(site).unlink(missing_ok=True)
            raise Stop(f"the service ended with exit code {process.returncode}; its last words:\n{_tail(log)}")
        ready, told = _asked(url)
        if "error" in told:
            raise Stop(f"the service runs but cannot get ready: {told}; mend it and restart: make stop start")
        if ready:
            print(f"ready        {url} after {time.monotonic() - begun:.1f} s")
            return
        time.sleep(0.3)
    raise Stop(f"not ready after {READY_S} s ({told}); see {log}")


def stop(site: Site) -> None:
    """Repeating it is harmless. What the log has acknowledged survives in any case."""
    if (pid := running(site)) is None:
        print("stopped      it does not run")
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_S
    while running(site) is not None:
        if time.monotonic() > deadline:
            print(f"stopping     process {pid} does not end: killed; what it was answering will be recorded as aborted")
            os.kill(pid, signal.SIGKILL)
            deadline += STOP_S
        time.sleep(0.1)
    _pid_file(site).unlink(missing_ok=True)
    print(f"stopped      process {pid}")


def status(site: Site, who: Account) -> State:
    pid, url = running(site), _url(site, who)
    ready, told = _asked(url) if pid is not None else (False, "not running; start it: make start")
    return State(pid, url, ready, told)


def running(site: Site) -> int | None:
    """The id of the process that was started here, if it is still that process."""
    try:
        known = json.loads(_pid_file(site).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    pid = int(known["pid"])
    return pid if _started(pid) == known["started"] is not None else None


def elsewhere(site: Site, who: Account) -> str | None:
    """The address of a service that answers and was not started here, such as one of systemd's; None where there is none."""
    if running(site) is not None:
        return None
    url = _url(site, who)
    host, _, port = url.removeprefix("http://").rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=2):
            return url
    except OSError:
        return None


def _become(site: Site, who: Account, program: str) -> None:
    """This process turns into the service; a supervisor, or a person, waits for it."""
    if who.dropped:
        os.setgroups([])
        os.setgid(who.gid)
        os.setuid(who.uid)
    os.umask(0o077)
    os.chdir(site.home)
    os.execve(program, [program, "serve"], environment(site))  # noqa: S606


def _url(site: Site, who: Account) -> str:
    host, port = setting(site, who, "host", "port")
    return f"http://{'127.0.0.1' if host in ('0.0.0.0', '::', '') else host}:{port}"  # noqa: S104


def _asked(url: str) -> tuple[bool, str]:
    """Whether it is ready, and what it says of its parts. No proxy of the environment is used."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/readyz", timeout=5) as answer:
            return True, answer.read(2000).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return False, error.read(2000).decode("utf-8", "replace")
    except OSError as error:
        return False, f"does not answer yet ({type(error).__name__})"


def _started(pid: int) -> str | None:
    """The process' start time in clock ticks since boot (proc(5)); None where there is none, or it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None
    return fields[19] if fields[0] not in ("Z", "X") else None


def _pid_file(site: Site) -> Path:
    return site.run / "service.pid"


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 2000))
        return file.read().decode("utf-8", "replace").strip()
