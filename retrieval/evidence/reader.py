"""Whether a passage answers a question, read off what the on-prem chat model is about to reply when it is asked just that.

The model is asked "does the text say the answer to exactly this question?"; nothing that it says is used. Its logits for the
first token of the reply are weighed by a small head (logistic, one weight for each of some tokens) that was trained on
passages, questions that they answer and questions that they nearly answer (docs/model-cards/reader.md): the logits are a
linear image of the model's last hidden state, so the head is a linear probe of it.

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

Logits = Callable[[Sequence[tuple[str, str]], npt.NDArray[np.int32]], npt.NDArray[np.float32] | None]
"""(messages, tokens) → a model's logits of those tokens as its reply begins, float32[tokens]; None where it cannot be asked."""

INSTRUCTION = "You check whether a text answers a question. Reply with yes or no."
LONGEST = 1600
"""Characters of a passage that are read."""


@dataclass(frozen=True)
class ReaderHead:
    """tokens: int32[k]; weights: float32[k] for their logits, which are centred first; model: digest of the chat model."""

    tokens: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    bias: float
    model: str

    @classmethod
    def load(cls, path: Path | None = None) -> ReaderHead:
        where = path or Path(str(files("retrieval").joinpath("evidence/data/reader.safetensors")))
        with safe_open(where, "np") as stored:
            told = stored.metadata()
            return cls(stored.get_tensor("tokens"), stored.get_tensor("weights"), float(told["bias"]), told["model"])

    def chance(self, logits: npt.NDArray[np.float32]) -> float:
        """Of logits for `tokens`, 0..1."""
        score = self.bias + float((logits - logits.mean()) @ self.weights)
        return float(1.0 / (1.0 + np.exp(-np.clip(score, -30.0, 30.0))))


def messages(question: str, heading: str, passage: str) -> list[tuple[str, str]]:
    """What the model is asked."""
    text = (
        f"Text:\n{heading}\n{passage[:LONGEST]}\n\nQuestion: {question}\n\n"
        "Does the text say the answer to exactly this question? yes or no?"
    )
    return [("system", INSTRUCTION), ("user", text)]


@dataclass(frozen=True)
class Reader:
    """Implements `quotations.Reads`."""

    head: ReaderHead
    logits: Logits

    def __call__(self, question: str, heading: str, passage: str) -> float | None:
        found = self.logits(messages(question, heading, passage), self.head.tokens)
        return None if found is None else self.head.chance(found)
