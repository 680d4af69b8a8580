"""How much memory a run needs, said before it starts."""

from __future__ import annotations

import math
from pathlib import Path

import jax

from inference.architecture import Architecture
from inference.devices.mesh import Grid
from inference.errors import TrainingRefused
from inference.finetune.plan import Plan
from inference.weights.checkpoint import read_source

PROCESS = 800 << 20
"""Of Python, JAX and a compilation."""
_GB = 1e9


def weights_of(path: Path) -> tuple[Architecture, int]:
    """What kind of model it is, and the bytes of its weights in float32, whatever they are in the file."""
    source = read_source(path)
    return source.architecture, 4 * sum(math.prod(tensor.shape) for tensor in source.tensors.values())


def needed(architecture: Architecture, weights: int, plan: Plan, grid: Grid) -> int:
    """Bytes of one device, the most at a time: what each matrix gave for every token; of one layer, or of the logits of one
    example, what is computed from it; the factors with their gradient and two moments."""
    places = 1 if grid.mesh is None else grid.mesh.size // grid.shards
    tokens = plan.length * -(-plan.batch // places)
    kept = sum(rows for rows, _ in architecture.matrices.values()) + architecture.width
    scores = 5 * tokens * plan.length * architecture.heads
    logits = 3 * plan.length * architecture.vocabulary * (1 if grid.mesh is None else -(-plan.batch // places))
    factors = architecture.layers * sum(plan.rank * sum(shape) for shape in architecture.matrices.values())
    return weights // grid.shards + 4 * (architecture.layers * tokens * kept + max(scores, logits) + 5 * factors)


def check_memory(path: Path, plan: Plan, grid: Grid) -> str:
    """One line that says what is needed. Raises `TrainingRefused` where this machine, or a device of it, has less now."""
    architecture, weights = weights_of(path)
    need = needed(architecture, weights, plan, grid)
    devices = jax.local_devices()
    if devices[0].platform == "cpu":
        need = need * (1 if grid.mesh is None else len(devices)) + PROCESS
        there, where = available(), "this machine has"
    else:
        there = min(int((device.memory_stats() or {}).get("bytes_limit", 1 << 62)) for device in devices)
        where = "a device has"
    told = (
        f"memory: {need / _GB:.1f} GB for weights in float32 ({weights / _GB:.1f} GB) and {plan.batch} examples of up to "
        f"{plan.length} tokens"
    )
    if need > there:
        raise TrainingRefused(
            f"{told}, and {where} {there / _GB:.1f} GB free; take a smaller batch or length, or a smaller model"
        )
    return told


def available() -> int:
    """Bytes that this process may still take: of the machine, and of its control group where that has a limit."""
    free = [1 << 62]
    for line in Path("/proc/meminfo").read_text("ascii").splitlines():
        if line.startswith("MemAvailable:"):
            free.append(int(line.split()[1]) * 1024)
    try:
        limit, used = (Path(f"/sys/fs/cgroup/memory.{name}").read_text("ascii").strip() for name in ("max", "current"))
        if limit.isdigit():
            free.append(int(limit) - int(used))
    except OSError:
        pass  # no control group of version 2: the machine's own figure stands
    return min(free)
