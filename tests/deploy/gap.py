"""An honest air gap: a network namespace with loopback and nothing else, in which every packet is seen.

`unshare -n` gives the namespace; no packet leaves it, whatever a process tries. So that a try does not merely fail in
silence, all addresses of the world are routed to loopback, and a packet socket on it keeps whatever was sent to anywhere
but this machine: an attempt to connect by any library, in any process, as well as a look-up of a name, which goes to the
resolver's address. That needs root in a container, no firewall and no tracer.

`python -m tests.deploy.gap KEPT` runs inside the namespace, says "ready", and writes what it saw to KEPT, one line each.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_ALL = 0x0003  # ETH_P_ALL, if_ether.h
_ROUTES = (
    "link set lo up",
    "route add local 0.0.0.0/0 dev lo src 127.0.0.1",
    "-6 route add local ::/0 dev lo",
)


@dataclass
class Gap:
    """The namespace, while it is there."""

    pid: int
    kept: Path

    def run(self, command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
        """Runs a command in it."""
        enter = ["nsenter", f"--target={self.pid}", "--net", "--", *map(str, command)]
        return subprocess.run(enter, text=True, capture_output=True, check=False, **options)

    def attempts(self) -> list[str]:
        """Whatever was sent to another machine so far: protocol, address and port of each."""
        return sorted(set(self.kept.read_text("utf-8").splitlines()))


def why_not() -> str | None:
    """Why no namespace can be made here, or None."""
    if missing := [name for name in ("unshare", "nsenter", "ip") if shutil.which(name) is None]:
        return f"{', '.join(missing)} not installed (Debian: apt install util-linux iproute2)"
    done = subprocess.run(["unshare", "-n", "true"], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"unshare -n is not permitted: {done.stderr.strip()}"


@contextmanager
def gap(folder: Path) -> Iterator[Gap]:
    """Opens a namespace and watches it until the block ends."""
    kept = folder / "attempts"
    kept.write_text("")
    command = ["unshare", "-n", sys.executable, "-m", "tests.deploy.gap", str(kept)]
    watcher = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        if watcher.stdout is None or watcher.stdout.readline() != "ready\n":
            raise RuntimeError(f"the namespace could not be made: {watcher.communicate(timeout=10)[1]}")
        yield Gap(watcher.pid, kept)
    finally:
        watcher.send_signal(signal.SIGTERM)
        watcher.wait(10)


def told(frame: bytes) -> str | None:
    """What a packet shows, None where it stays on this machine. A frame on loopback has an Ethernet header of 14 bytes."""
    kind, packet = int.from_bytes(frame[12:14], "big"), frame[14:]
    if kind == 0x0800:
        protocol, end, payload = packet[9], packet[16:20], packet[(packet[0] & 15) * 4 :]
    elif kind == 0x86DD:
        protocol, end, payload = packet[6], packet[24:40], packet[40:]
    else:
        return None
    if protocol in (socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6):
        return None  # the kernel's own answers
    target = ipaddress.ip_address(end)
    port = int.from_bytes(payload[2:4], "big")
    if target.is_loopback and port != 53:
        return None
    name = {socket.IPPROTO_TCP: "tcp", socket.IPPROTO_UDP: "udp"}.get(protocol, str(protocol))
    return f"{name} {target} port {port}"


def main(kept: Path) -> None:
    for route in _ROUTES:
        subprocess.run(["ip", *route.split()], check=not route.startswith("-6"), capture_output=True)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL)) as wire, kept.open("a") as file:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        print("ready", flush=True)
        while True:
            frame, about = wire.recvfrom(256)
            if about[2] == socket.PACKET_OUTGOING and (line := told(frame)):
                file.write(line + "\n")
                file.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
