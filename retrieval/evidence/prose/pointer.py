"""Which of the read lines a question looks at: the attention heads of the chat model's middle layers, weighed line by line.

Some of them look from a question's words to the line that answers it, whatever words that line has, and others tell what is
beside the point; how near a line is in meaning still tells too. The weights are learned from questions and the lines that
answer them (benchmarks/train_reader.py, docs/model-cards/reader.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from retrieval.evidence.prose.digest import Line

LAYERS = range(8, 19)
HEADS = tuple((layer, head) for layer in LAYERS for head in range(12))
"""(layer, head), from 0, of Qwen2.5-Coder-1.5B-Instruct: all of the layers in which questions look at lines."""
FEATURES = 3 + 2 * len(HEADS)
GLANCES = 8
_LEAST = 1e-4
_SCALE = 0.1
Floats = npt.NDArray[np.float64]


def features(lines: Sequence[Line], attention: npt.NDArray[np.float32]) -> Floats:
    """What is weighed of each line, float64[lines, FEATURES]; each but the first and the last about its mean over the lines,
    since only differences between lines tell. attention: float32[len(HEADS), 2, lines], mean and most."""
    near = np.array([line.near for line in lines])
    length = np.log([len(line.text) for line in lines])
    given = np.log(attention.astype(np.float64) + _LEAST).reshape(-1, len(lines))
    mean = attention[:, 0].astype(np.float64)
    share = (mean / (mean.sum(axis=1, keepdims=True) + 1e-6)).mean(axis=0)
    rows = [10 * (near - near.max()), length - length.mean(), *(given - given.mean(axis=1, keepdims=True)), 5 * share]
    return np.stack(rows, axis=1)


def pointed(lines: Sequence[Line], scores: Floats) -> list[Line]:
    """The lines, each ranked by its score; scores: log-odds, float64[lines]."""
    return [replace(line, rank=_SCALE * float(score)) for line, score in zip(lines, scores, strict=True)]


def line_chances(scores: Floats) -> Floats:
    """Of each line, that it is the one that answers, if one does; scores: log-odds, float64[lines]."""
    chances = np.exp(scores - scores.max())
    return np.asarray(chances / chances.sum())


def glances(lines: Sequence[Line], scores: Floats, attention: npt.NDArray[np.float32]) -> list[float]:
    """How surely the question looks at the best line, GLANCES numbers: whether any line answers shows in them too."""
    chances = line_chances(scores)
    best = int(np.argmax(scores))
    ordered = np.sort(scores)[::-1]
    own = np.log(attention[:, :, best].astype(np.float64) + _LEAST)
    whole = np.log(attention[:, 0].sum(axis=1, dtype=np.float64) + _LEAST)
    return [
        float(chances[best]),
        float(ordered[0] - ordered[1]) if len(ordered) > 1 else 0.0,
        float(own[:, 0].mean()),
        float(own[:, 1].mean()),
        float(own[:, 0].max()),
        float(whole.mean()),
        lines[best].near,
        float(best == int(np.argmax([line.near for line in lines]))),
    ]
