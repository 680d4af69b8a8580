"""Several processes, on one host or many, as one JAX: each sees every device, and all must run the same steps in order.

`join_hosts` comes before anything else that touches JAX. A process that dies takes the others with it: their next sum over
the devices fails, or JAX's own heartbeat ends them.
"""

from __future__ import annotations

import hashlib

import jax
import numpy as np

from inference.errors import ModelUnsupported


def join_hosts(coordinator: str, processes: int, process: int, *, wait_s: int = 300) -> None:
    """Wait for the others. coordinator: host:port at which process 0 listens and which all can reach; process: from 0.

    On CPUs, sums between processes go over Gloo (TCP, without encryption or a password, as JAX's own coordination does: keep
    both in a network of their own). Raises `ModelUnsupported` where the others do not come within wait_s seconds.
    """
    if not 0 <= process < processes:
        raise ModelUnsupported(f"process {process} of {processes} does not exist; number them from 0 to {processes - 1}")
    jax.config.update("jax_cpu_collectives_implementation", "gloo")  # type: ignore[no-untyped-call]
    try:
        jax.distributed.initialize(coordinator, processes, process, initialization_timeout=wait_s)
    except RuntimeError as error:
        raise ModelUnsupported(
            f"process {process} of {processes} cannot join at {coordinator} ({' '.join(str(error).split())[:200]}); "
            "start it before anything else uses JAX, and all of them with the same coordinator and number"
        ) from error


def next_port(address: str) -> str:
    """host:port, one port further: where an engine's first process tells the others its steps."""
    host, _, port = address.rpartition(":")
    return f"{host}:{int(port) + 1}"


def is_first() -> bool:
    """Whether this process writes what is written once."""
    return jax.process_index() == 0


def together(place: str) -> None:
    """Nobody goes on before all are here. place: the same word in every process."""
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(place)


def anywhere(flag: bool) -> bool:
    """Whether it is so in any process; all of them ask at the same place."""
    if jax.process_count() == 1:
        return flag
    from jax.experimental import multihost_utils

    return bool(np.asarray(multihost_utils.process_allgather(np.array(flag))).any())


def same_everywhere(text: str) -> bool:
    """Whether every process has the same text here."""
    if jax.process_count() == 1:
        return True
    from jax.experimental import multihost_utils

    mine = np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint32)
    return bool((np.asarray(multihost_utils.process_allgather(mine)) == mine).all())
