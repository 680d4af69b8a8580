"""The same model on eight devices, however they are laid out. XLA's virtual devices need a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference import ModelUnsupported
from inference.devices.mesh import Grid, make_grid
from tests.inference import tiny_models

DEVICES = 8
MESHES = ((8, 1), (4, 2), (2, 4), (1, 8))  # data x model
FAMILIES = ("qwen2", "gemma3")


def logits_of(data: int, model: int, families: tuple[str, ...]) -> dict[str, Any]:
    """Runs in the process with eight devices: what each family says in three steps, and where its weights lie."""
    from inference.architecture import Architecture
    from inference.engine.runner import Feed, Runner
    from inference.weights.checkpoint import Checkpoint

    found: dict[str, Any] = {}
    for family in families:
        shape, arrays = wide(family)
        assert isinstance(shape, Architecture)
        checkpoint = Checkpoint(shape, None, "float32", arrays, {})  # type: ignore[arg-type]
        runner = Runner(checkpoint, 64, memory=1 << 20, grid=Grid() if data * model == 1 else make_grid(data, model))
        tokens = [[(7 * row + 3 * place) % 90 for place in range(20)] for row in range(4)]
        for row in range(4):
            runner.run([Feed(0, tokens[row], [row + 1])])
        batch = runner.run([Feed(20, [5 + row], [row + 1]) for row in range(4)])
        again = runner.run([Feed(21, [3], [3])])
        parts = {len(weight.sharding.device_set) for weight in runner._weights}
        share = min(weight.addressable_shards[0].data.size / weight.size for weight in runner._weights)
        cache = runner._pool.keys.addressable_shards[0].data.size / runner._pool.keys.size
        found[family] = {
            "logits": np.concatenate([batch, again]).tolist(),
            "devices": max(parts),
            "share": share,
            "cache": cache,
        }
    return found


def wide(family: str) -> tuple[Any, dict[str, Any]]:
    """Random weights with eight key-value heads."""
    from dataclasses import replace

    from inference.architecture import read_config

    config = json.loads((tiny_models.GOLDEN / family / "config.json").read_text())
    shape = replace(read_config(config), heads=16, kv_heads=8, head_width=16, layers=2, vocabulary=96)

    def weight(name: str, *size: int) -> Any:
        return tiny_models.weight(5, f"{family} {name}", size)

    arrays: dict[str, Any] = {"embedding": weight("embedding", 96, 64), "norm": weight("norm", 64)}
    for layer in range(shape.layers):
        at = f"layers.{layer}."
        arrays[f"{at}qkv"] = weight(f"{at}qkv", (16 + 2 * 8) * 16, 64)
        arrays[f"{at}out"] = weight(f"{at}out", 64, 256)
        arrays[f"{at}gate_up"] = weight(f"{at}gate_up", 2 * 96, 64)
        arrays[f"{at}down"] = weight(f"{at}down", 64, 96)
        arrays[f"{at}attention_norm"], arrays[f"{at}feed_forward_norm"] = weight("a norm", 64), weight("b norm", 64)
        if family == "qwen2":
            arrays[f"{at}qkv.bias"] = weight(f"{at}bias", (16 + 2 * 8) * 16)
            arrays["head"] = weight("head", 96, 64)
        if family == "gemma3":
            arrays |= {f"{at}{name}": weight(f"{at}{name} norm", 64) for name in ("attention_after", "feed_forward_after")}
            arrays |= {f"{at}{name}": weight(f"{at}{name} norm", 16) for name in ("query_norm", "key_norm")}
    return shape, arrays


@pytest.fixture(scope="module")
def on_meshes() -> dict[tuple[int, int], dict[str, Any]]:
    """By (data, model); (1, 1) is without a mesh."""
    code = (
        "import json, sys; from tests.inference.test_sharding import FAMILIES, MESHES, logits_of;"
        "print(json.dumps([logits_of(*mesh, FAMILIES) for mesh in ((1, 1), *MESHES)]))"
    )
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={DEVICES}"
    root = Path(__file__).parents[2]
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=root, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(zip(((1, 1), *MESHES), json.loads(done.stdout.splitlines()[-1]), strict=True))


@pytest.mark.process
@pytest.mark.parametrize("mesh", MESHES)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_mesh_gives_the_logits_of_one_device(on_meshes: Any, mesh: tuple[int, int], family: str) -> None:
    alone, found = on_meshes[1, 1][family], on_meshes[mesh][family]
    difference = np.abs(np.array(found["logits"]) - np.array(alone["logits"])).max()
    assert np.ptp(np.array(alone["logits"])) > 4
    assert difference < 1e-4


@pytest.mark.process
@pytest.mark.parametrize("mesh", MESHES)
def test_weights_and_cache_are_split_over_the_model_axis(on_meshes: Any, mesh: tuple[int, int]) -> None:
    for found in on_meshes[mesh].values():
        assert found["devices"] == DEVICES
        assert found["share"] == pytest.approx(1 / mesh[1])
        assert found["cache"] == pytest.approx(1 / mesh[1])


def test_rows_of_a_fused_matrix_are_shared_out_and_split_again() -> None:
    class Four(Grid):
        def __init__(self) -> None:
            super().__init__()
            self.shards = 4

    parts = (16, 8, 8)
    rows = np.arange(32 * 3).reshape(32, 3)
    shared = Four().share_out(rows, parts)
    assert shared[:8].tolist() == rows[[0, 1, 2, 3, 16, 17, 24, 25]].tolist()  # what the first device holds
    x = np.array([[1.0, 2.0, 3.0]])
    for found, expected in zip(Four().split(x @ shared.T, parts), np.split(x @ rows.T, [16, 24], axis=1), strict=True):
        assert np.array_equal(np.asarray(found), expected)


def test_a_mesh_that_does_not_fit_is_refused_in_one_line() -> None:
    with pytest.raises(ModelUnsupported, match="a 64x64 mesh needs 4096 devices, JAX sees"):
        make_grid(64, 64)
    grid = Grid()
    grid.shards = 3
    with pytest.raises(ModelUnsupported, match="8 key-value heads cannot be split over 3 devices"):
        grid.check(wide("llama")[0])
