"""Reliability diagram and precision-recall curves of the heads, from their cross-fitted scores. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from moderation.training.calibration import reliability
from moderation.training.fit import Table, Trained, balanced

RELIABILITY, CURVES = "moderation-heads-reliability.png", "moderation-heads-precision-recall.png"
_COLUMNS = 4


def draw(folder: Path, table: Table, trained: Sequence[Trained]) -> list[str]:
    """Writes both plots into `folder` and returns their names."""
    figure, grid = _grid(len(trained), "said probability", "share of attacks")
    for axes, one in zip(grid, trained, strict=False):
        found = reliability(table, one)
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
        axes.plot(found.said, found.seen, color="tab:blue", linewidth=1)
        axes.scatter(found.said, found.seen, s=4 + 120 * np.sqrt(found.mass), color="tab:blue", alpha=0.6, linewidths=0)
        axes.set_title(f"{one.category} (ECE {found.ece:.3f})", fontsize=8)
    _save(figure, folder / RELIABILITY)
    figure, grid = _grid(len(trained), "recall", "precision")
    for axes, one in zip(grid, trained, strict=False):
        recall, precision = _curve(table, one)
        axes.plot(recall, precision, color="tab:red", linewidth=1)
        axes.set_title(one.category, fontsize=8)
    _save(figure, folder / CURVES)
    return [RELIABILITY, CURVES]


def _curve(table: Table, one: Trained) -> tuple[np.ndarray, np.ndarray]:
    labels, weights = balanced(table, one.category)
    order = np.argsort(-one.held_back[weights > 0], kind="stable")
    truth, weight = (labels[weights > 0] == 1)[order], weights[weights > 0][order]
    caught, flagged = np.cumsum(weight * truth), np.cumsum(weight)
    return caught / caught[-1], caught / flagged


def _grid(count: int, across: str, up: str) -> tuple[plt.Figure, np.ndarray]:
    rows = -(-count // _COLUMNS)
    figure, axes = plt.subplots(rows, _COLUMNS, figsize=(8, 2 * rows), sharex=True, sharey=True, squeeze=False)
    for spare in axes.flat[count:]:
        spare.set_visible(False)
    for axis in axes.flat:
        axis.set_xlim(0, 1)
        axis.set_ylim(0, 1.02)
        axis.tick_params(labelsize=7)
        axis.grid(color="0.92", linewidth=0.5)
    figure.supxlabel(across, fontsize=9)
    figure.supylabel(up, fontsize=9)
    return figure, axes.flat


def _save(figure: plt.Figure, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=90, metadata={"Software": None})
    plt.close(figure)
