"""A model over several processes that answers: the first decides each step, the others make the same one.

The first process has the scheduler, the cache's tables and the callers; it tells the others over TCP what it is about to
run, and JAX adds up across all of them. Nobody asks the others anything. The connection is neither encrypted nor guarded by
a password, and token ids travel over it, as activations do between JAX's processes: keep all of it in a network of its own.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from inference.errors import EngineFailed
from inference.kv_cache import Turns

_HEAD = struct.Struct("<4i")  # turns, tokens of each, places of a table, whether logits behind every token
_FORGET, _END = -1, -2


@dataclass(frozen=True)
class Step:
    """What the runner's compiled step takes: tokens int32[turns, length]."""

    tokens: NDArray[np.int32]
    turns: Turns
    every: bool


@dataclass(frozen=True)
class Forget:
    """The cache is emptied."""


Order: TypeAlias = Step | Forget


class Crew:
    """The first process's end. Belongs to the engine's thread after it was made."""

    def __init__(self, address: str, others: int, mark: bytes, *, wait_s: float = 300.0) -> None:
        """Wait for the others. address: host:port; mark: 32 bytes that name model and settings, the same in all of them.

        Raises `EngineFailed` where they do not come in time, or one was started otherwise.
        """
        self._lines: list[socket.socket] = []
        try:
            with socket.create_server(split(address)) as server:
                server.settimeout(wait_s)
                while len(self._lines) < others:
                    self._lines.append(_greeted(server.accept()[0], mark, wait_s))
        except OSError as error:
            raise EngineFailed(
                f"{others - len(self._lines)} of {others} processes did not come to {address} ({error}); start all of them"
            ) from error

    def tell(self, order: Order) -> None:
        """Raises `EngineFailed` where one of them is gone; then all must be started anew."""
        try:
            for line in self._lines:
                line.sendall(packed(order))
        except OSError as error:
            raise EngineFailed(f"a process of this model is gone ({error}); start all of them anew") from error

    def close(self) -> None:
        for line in self._lines:
            try:
                line.sendall(_HEAD.pack(_END, 0, 0, 0))
            except OSError:
                continue  # it is gone already
            finally:
                line.close()


def _greeted(line: socket.socket, mark: bytes, wait_s: float) -> socket.socket:
    line.settimeout(wait_s)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    theirs = read(line, len(mark))
    line.sendall(mark)
    if theirs != mark:
        raise EngineFailed("a process was started with another model or other settings; start all alike")
    return line


def orders(address: str, mark: bytes, *, wait_s: float = 300.0) -> Iterator[Order]:
    """What the first process tells, until it ends. Raises `EngineFailed` where it vanishes or was started otherwise."""
    until = time.monotonic() + wait_s
    while True:
        try:
            line = socket.create_connection(split(address), timeout=wait_s)
            break
        except OSError as error:
            if time.monotonic() > until:
                raise EngineFailed(f"{address} does not answer ({error}); start process 0 too") from error
            time.sleep(0.2)
    with line:
        line.sendall(mark)
        if read(line, len(mark)) != mark:
            raise EngineFailed("process 0 was started with another model or other settings; start all alike")
        line.settimeout(None)
        while True:
            turns, length, places, every = _HEAD.unpack(read(line, _HEAD.size))
            if turns == _END:
                return
            if turns == _FORGET:
                yield Forget()
                continue
            shapes = ((turns, length), (turns,), (turns,), (turns, places))
            sizes = [int(np.prod(shape)) for shape in shapes]
            whole = np.frombuffer(read(line, 4 * sum(sizes)), "<i4")
            parts = np.split(whole, np.cumsum(sizes)[:-1])
            tokens, start, count, table = (part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))
            yield Step(tokens, Turns(start, count, table), bool(every))


def split(address: str) -> tuple[str, int]:
    """host:port. Raises `EngineFailed`."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise EngineFailed(f"{address!r} is no address of the form host:port")
    return host.strip("[]"), int(port)


def packed(order: Order) -> bytes:
    if isinstance(order, Forget):
        return _HEAD.pack(_FORGET, 0, 0, 0)
    arrays = [np.ascontiguousarray(part, "<i4") for part in (order.tokens, *order.turns)]
    head = _HEAD.pack(*order.tokens.shape, arrays[3].shape[1], order.every)
    return head + b"".join(array.tobytes() for array in arrays)


def read(line: socket.socket, size: int) -> bytes:
    """So many bytes. Raises `EngineFailed` where the other end is gone."""
    found = bytearray()
    while len(found) < size:
        part = line.recv(size - len(found))
        if not part:
            raise EngineFailed("the other end of a model's processes is gone; start all of them anew")
        found += part
    return bytes(found)
