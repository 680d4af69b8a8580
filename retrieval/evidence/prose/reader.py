"""Whether a few lines answer a question, read off what the on-prem chat model makes of them when it is asked just that.

The model is asked "does the text say the answer to exactly this question?"; nothing that it says is used, and nothing is
generated. Which line the question's words look at says what would be quoted; what one of the middle layers makes of the
last token is weighed, with that, by small logistic heads that were trained on lines, questions that they answer and
questions that they nearly answer (docs/model-cards/reader.md).

Invariant: a head is used with the very model that it was trained on, told by the digest of its weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import safe_open

from retrieval.evidence.prose.digest import Line, as_read, letter
from retrieval.evidence.prose.pointer import HEADS, features, glances, pointed
from retrieval.evidence.prose.signs import signs

Floats = npt.NDArray[np.float32]
Messages = Sequence[tuple[str, str]]
Passages = Sequence[tuple[str, str]]
"""(heading, text) of each."""
Look = Callable[[Messages, tuple[int, ...], tuple[tuple[int, int], ...], Sequence[str], str], tuple[Floats, Floats] | None]
"""(messages, layers, heads, parts, asking) → what these layers make of the prompt's last token, float32[layers * width],
and how much of the attention of the text `asking` each part of the prompt has with each head (layer, head), float32[heads,
2, parts]; None: the model cannot be asked."""

INSTRUCTION = "You check whether a text answers a question."
ASKED = "Does the text say the answer to exactly this question? Reply yes or no."
_TENSORS = ("weights", "signs", "bias", "pointer", "alone")


@dataclass(frozen=True)
class Reading:
    """Chances, 0..1. answers: that the lines say the answer to exactly this question. holds: that they hold all that is
    needed to compute it. lines: in the order in which they were read; the one that the question looks at has the
    highest rank."""

    answers: float
    holds: float
    lines: Sequence[Line] = ()


Reads = Callable[[str, Sequence[Line], Passages], Reading]
"""(question, lines, passages from which they are) → what a reader says."""


@dataclass(frozen=True)
class ReaderHead:
    """weights: float32[2, layers * width], of `answers` and `holds`; signs: float32[2, SIGNS + GLANCES], the weights of
    what can be seen without a model and of where the question looks; bias: float32[2]; pointer: float32[FEATURES], of a
    line; alone: float32[2, SIGNS + 1], weights and bias of the signs where no model can be asked; model: digest of the
    chat model."""

    layers: tuple[int, ...]
    weights: Floats
    signs: Floats
    bias: Floats
    pointer: Floats
    alone: Floats
    model: str

    @classmethod
    def load(cls, path: Path | None = None) -> ReaderHead:
        where = path or Path(str(files("retrieval").joinpath("evidence/data/reader.safetensors")))
        with safe_open(where, "np") as stored:
            told = stored.metadata()
            layers = tuple(int(number) for number in told["layers"].split(","))
            weights, signs, bias, pointer, alone = (stored.get_tensor(name) for name in _TENSORS)
            return cls(layers, weights, signs, bias, pointer, alone, told["model"])

    def read(self, question: str, lines: Sequence[Line], passages: Passages, state: Floats, attention: Floats) -> Reading:
        """What the model made of the lines: the prompt's state, and where the question looks, float32[heads, 2, lines]."""
        scores = features(lines, attention) @ self.pointer
        ranked = pointed(lines, scores)
        seen = np.array([*signs(question, ranked, passages), *glances(lines, scores, attention)], np.float32)
        return self._reading(self.bias + self.weights @ state + self.signs @ seen, ranked)

    def seen(self, question: str, lines: Sequence[Line], passages: Passages) -> Reading:
        """What can be seen of the lines where no model can be asked."""
        told = np.array([*signs(question, lines, passages), 1.0], np.float32)
        return self._reading(self.alone @ told, lines)

    @staticmethod
    def _reading(score: Floats, lines: Sequence[Line]) -> Reading:
        answers, holds = 1.0 / (1.0 + np.exp(-np.clip(score, -30.0, 30.0)))
        return Reading(float(answers), float(holds), tuple(lines))


def messages(question: str, text: str) -> list[tuple[str, str]]:
    """What the model is asked about the lines of `text`."""
    return [("system", INSTRUCTION), ("user", f"Text:\n{text}\n\nQuestion: {question}\n\n{ASKED}")]


@dataclass(frozen=True)
class Reader:
    """Implements `Reads`. look: None where the model that the head was trained on cannot be asked."""

    head: ReaderHead
    look: Look | None

    def __call__(self, question: str, lines: Sequence[Line], passages: Passages) -> Reading:
        asked = messages(question, as_read(lines, passages))
        found = self.look and self.look(asked, self.head.layers, HEADS, marked(lines), question)
        if not found:
            return self.head.seen(question, lines, passages)
        return self.head.read(question, lines, passages, *found)


def marked(lines: Sequence[Line]) -> list[str]:
    """The lines as they stand in the prompt, each behind its letter."""
    return [f"[{letter(number)}] {line.text}" for number, line in enumerate(lines)]
