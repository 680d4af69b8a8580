"""What a run leaves on the disk: beside the adapter's folder one that ends in `.training`, with how the run was begun, its
losses, and the last Orbax checkpoints. The adapter appears under its own name only when it is whole; then the other goes.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from pathlib import Path
from typing import IO, Any

import jax
import numpy as np

from inference.devices.hosts import is_first, together
from inference.errors import TrainingRefused
from inference.finetune.curve import Point, read_points, write_points

_KEPT = 2


class Run:
    """Belongs to one thread. Of several processes the first alone writes; Orbax is called by all."""

    def __init__(self, out: Path, begun: dict[str, Any], every: int, *, resume: bool) -> None:
        """begun: everything that decides the result. every: steps from one checkpoint to the next.

        Raises `TrainingRefused` where there is something already, nothing to resume, or a run that was begun otherwise.
        """
        self.out, self.folder, self.every = out, beside(out), every
        look(out, resume=resume)
        if resume:
            self._compare(begun)
        together("looked")
        if is_first():
            self._lock: IO[str] = self._take(begun, resume=resume)
        together("begun")
        self.points: list[Point] = []
        self._checkpoints = _checkpoints(self.folder / "checkpoints")

    def _take(self, begun: dict[str, Any], *, resume: bool) -> IO[str]:
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = (self.folder / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise TrainingRefused(f"{self.folder} belongs to a run that is still going on; wait for it") from None
        if not resume:
            (self.folder / "begun.json").write_text(json.dumps(begun, indent=2) + "\n")
        return lock

    def _compare(self, begun: dict[str, Any]) -> None:
        try:
            before = json.loads((self.folder / "begun.json").read_text())
        except (OSError, ValueError):
            raise TrainingRefused(f"{self.folder} does not say how it was begun; remove it and begin anew") from None
        for name in sorted(begun.keys() | before.keys()):
            if before.get(name) != begun.get(name):
                raise TrainingRefused(
                    f"{self.folder} was begun with {name} {before.get(name)}, now it is {begun.get(name)}; "
                    "resume with what it was begun with, or remove it and begin anew"
                )

    def last(self, state: Any) -> tuple[int, Any]:
        """The step of the last checkpoint and its state, with the losses up to there in `points`; `state`, at step 0, where
        there is none."""
        import orbax.checkpoint as ocp

        step = self._checkpoints.latest_step()
        if step is None:
            return 0, state
        leaves, shape = jax.tree.flatten(state)
        wanted = {str(place): np.asarray(leaf) for place, leaf in enumerate(leaves)}
        found = self._checkpoints.restore(step, args=ocp.args.StandardRestore(wanted))
        self.points = [point for point in read_points(self.folder / "loss.csv") if point.step <= step]
        return step, jax.tree.unflatten(shape, [found[str(place)] for place in range(len(leaves))])

    def save(self, step: int, state: Any) -> None:
        """A checkpoint; older ones than the last two are removed. What it holds is on the disk when this returns."""
        import orbax.checkpoint as ocp

        if self._checkpoints.latest_step() == step:
            return
        self.keep_points()
        leaves = {str(place): np.asarray(leaf) for place, leaf in enumerate(jax.tree.leaves(state))}
        self._checkpoints.save(step, args=ocp.args.StandardSave(leaves), force=True)
        self._checkpoints.wait_until_finished()

    def keep_points(self) -> None:
        if is_first():
            write_points(self.folder / "loss.csv", self.points)

    def finish(self, write: Any) -> None:
        """`write` fills a folder, which then takes the adapter's name in one move."""
        self._checkpoints.close()
        if is_first():
            whole = self.folder / "adapter"
            shutil.rmtree(whole, ignore_errors=True)
            whole.mkdir()
            write(whole)
            for file in whole.iterdir():
                with file.open("rb") as stream:
                    os.fsync(stream.fileno())
            os.rename(whole, self.out)
            self._lock.close()
            shutil.rmtree(self.folder)
        together("finished")

    def close(self) -> None:
        """After an end that was none: what is there stays, to be resumed."""
        self._checkpoints.close()
        if is_first():
            self._lock.close()


def beside(out: Path) -> Path:
    return out.with_name(f"{out.name}.training")


def look(out: Path, *, resume: bool) -> None:
    """Raises `TrainingRefused` where a run cannot begin, or be resumed."""
    folder = beside(out)
    if out.exists():
        raise TrainingRefused(f"{out} is there already; choose another folder for the adapter, or remove it")
    if resume and not folder.exists():
        raise TrainingRefused(f"{folder} is not there, so that there is no run to resume; begin one")
    if folder.exists() and not resume:
        raise TrainingRefused(f"{folder} holds a run that was interrupted; resume it, or remove it and begin anew")


def _checkpoints(folder: Path) -> Any:
    import orbax.checkpoint as ocp

    options = ocp.CheckpointManagerOptions(max_to_keep=_KEPT, enable_async_checkpointing=False, cleanup_tmp_directories=True)
    return ocp.CheckpointManager(folder.absolute(), options=options)
