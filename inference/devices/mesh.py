"""Where arrays lie when a model runs on several devices: a mesh with the axes `data` and `model`.

`model` splits every matrix and the cache by heads and by feed-forward columns: each device computes its own share, and
one sum ends attention and one the feed-forward (Megatron, arXiv:1909.08053). `data` splits the rows of a step; weights and
cache lie whole on each of its places. Without a mesh nothing here does anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpy.typing import NDArray

from inference.architecture import Architecture
from inference.errors import ModelUnsupported


class Grid:
    """`shards`: places along `model`. Immutable."""

    def __init__(self, mesh: Mesh | None = None) -> None:
        self.mesh = mesh
        self.shards = 1 if mesh is None else mesh.shape["model"]
        self._rows = 1 if mesh is None else mesh.shape["data"]

    def check(self, architecture: Architecture) -> None:
        """Raises `ModelUnsupported` where the model's heads cannot be shared out evenly."""
        for name, count in (("key-value heads", architecture.kv_heads), ("feed-forward columns", architecture.feed_forward)):
            if count % self.shards:
                raise ModelUnsupported(
                    f"{count} {name} cannot be split over {self.shards} devices; take a `model` axis that divides {count}"
                )

    def put(self, array: Any, *axes: str | None) -> jax.Array:
        """On the devices; an axis that does not divide its dimension leaves that dimension whole.

        Of several processes each has the whole array and puts down what its own devices hold.
        """
        found: jax.Array
        if self.mesh is None:
            found = jax.device_put(array)
        elif jax.process_count() == 1:
            found = jax.device_put(array, self._lying(array, axes))
        else:
            found = jax.make_array_from_callback(
                array.shape, self._lying(array, axes), lambda part: np.asarray(array[part], array.dtype)
            )
        return found

    def keep(self, x: jax.Array, *axes: str | None) -> jax.Array:
        """Inside a step: that x lies so."""
        if self.mesh is None:
            return x
        found: jax.Array = jax.lax.with_sharding_constraint(x, self._lying(x, axes))  # type: ignore[no-untyped-call]
        return found

    def _lying(self, x: Any, axes: Sequence[str | None]) -> NamedSharding:
        assert self.mesh is not None
        sizes = self.mesh.shape
        fitting = [axis if axis and x.shape[place] % sizes[axis] == 0 else None for place, axis in enumerate(axes)]
        return NamedSharding(self.mesh, PartitionSpec(*fitting))  # type: ignore[no-untyped-call]

    def share_out(self, array: NDArray[Any], parts: Sequence[int]) -> NDArray[Any]:
        """The rows of several matrices that lie one under the other, each device's share of all of them together."""
        if self.shards == 1 or len(parts) < 2:
            return array
        starts = np.cumsum([0, *parts])
        order = [np.arange(start, start + part).reshape(self.shards, -1) for start, part in zip(starts, parts, strict=False)]
        return np.ascontiguousarray(array[np.concatenate(order, axis=1).reshape(-1)])

    def split(self, x: jax.Array, parts: Sequence[int]) -> list[jax.Array]:
        """float32[n, sum(parts)] of shared-out rows, into float32[n, part] each."""
        cuts = np.cumsum(parts)[:-1] // self.shards
        found = jax.numpy.split(x.reshape(len(x), self.shards, -1), cuts.tolist(), axis=2)
        return [part.reshape(len(x), -1) for part in found]

    def join(self, parts: Sequence[jax.Array]) -> jax.Array:
        """float32[n, part] each, into float32[n, sum(parts)] of shared-out rows: what `split` takes apart."""
        shared = [part.reshape(len(part), self.shards, -1) for part in parts]
        return jax.numpy.concatenate(shared, axis=2).reshape(len(parts[0]), -1)


ALONE = Grid()


def make_grid(data: int, model: int) -> Grid:
    """Over the first data * model devices that JAX sees, one process's behind the other's.

    Raises `ModelUnsupported` where there are fewer.
    """
    devices = jax.devices()
    if len(devices) < data * model:
        raise ModelUnsupported(f"a {data}x{model} mesh needs {data * model} devices, JAX sees {len(devices)}")
    return Grid(Mesh(np.asarray(devices[: data * model]).reshape(data, model), ("data", "model")))
