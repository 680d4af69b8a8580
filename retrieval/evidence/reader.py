"""Whether a passage answers a question, read off what the on-prem chat model is about to reply when it is asked just that.

The model is asked "does the text say the answer to exactly this question?"; nothing that it says is used. Its logits for the
first token of the reply are weighed by a small head (logistic, one weight for each of some tokens) that was trained on
passages, questions that they answer and questions that they nearly answer (docs/model-cards/reader.md): the logits are a
linear image of the model's last hidden state, so the head is a linear probe of it.

Invariant: a head is used with the very model that it was trained on, told by the digest of its weights.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import safe_open

from retrieval.index.tokens import tokens

Logits = Callable[[Sequence[tuple[str, str]], npt.NDArray[np.int32]], npt.NDArray[np.float32] | None]
"""(messages, tokens) → a model's logits of those tokens as its reply begins, float32[tokens]; None: it cannot be asked."""

INSTRUCTION = "You check whether a text answers a question. Reply with yes or no."
LONGEST = 1600
"""Characters of a passage that are read."""
_SMALL_WORDS = (
    "a an the is are was were be been do does did have has had of for to in on at by with from and or not it its this "
    "that these those there what which who whom whose when where why how can could will would shall should may might "
    "must i my me you your we our us they their them he she his her if then than so as about into out up down over under "
    "after before during per any some all each much many more most please tell know want need get got give "
)
_SMALL = frozenset(_SMALL_WORDS.split())
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w-]+")
_FIGURE = re.compile(r"\d[\d.,]*")
_YES_OR_NO = re.compile(r"(?:is|are|was|were|do|does|did|can|could|will|would|must|may|should|has|have)\b", re.IGNORECASE)


@dataclass(frozen=True)
class ReaderHead:
    """tokens: int32[k]; weights: float32[k] for their logits, which are centred first; signs: float32[SIGNS], the weights of
    what can be seen without a model; model: digest of the chat model."""

    tokens: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    signs: npt.NDArray[np.float32]
    bias: float
    model: str

    @classmethod
    def load(cls, path: Path | None = None) -> ReaderHead:
        where = path or Path(str(files("retrieval").joinpath("evidence/data/reader.safetensors")))
        with safe_open(where, "np") as stored:
            told = stored.metadata()
            tokens, weights, seen = (stored.get_tensor(name) for name in ("tokens", "weights", "signs"))
            return cls(tokens, weights, seen, float(told["bias"]), told["model"])

    def chance(self, logits: npt.NDArray[np.float32], seen: Sequence[float]) -> float:
        """Of logits for `tokens` and the `signs` of question and passage, 0..1."""
        score = self.bias + float((logits - logits.mean()) @ self.weights) + float(np.dot(seen, self.signs))
        return float(1.0 / (1.0 + np.exp(-np.clip(score, -30.0, 30.0))))


def messages(question: str, heading: str, passage: str) -> list[tuple[str, str]]:
    """What the model is asked."""
    text = (
        f"Text:\n{heading}\n{passage[:LONGEST]}\n\nQuestion: {question}\n\n"
        "Does the text say the answer to exactly this question? yes or no?"
    )
    return [("system", INSTRUCTION), ("user", text)]


def signs(question: str, heading: str, passage: str, nearest: float) -> list[float]:
    """What can be seen without a model: likeness of the nearest part; share and count of the question's words that the
    passage lacks; its names and figures that the passage lacks; its length; whether it wants a yes or a no."""
    words = [word for word in tokens(question) if word not in _SMALL]
    text = f"{heading} {passage}"
    there, lower = frozenset(tokens(text)), text.lower()
    missing = sum(word not in there for word in words)
    named = sum(name.lower() not in lower for name in _NAME.findall(question))
    counted = sum(figure.strip(".,") not in lower for figure in _FIGURE.findall(question))
    yes_or_no = _YES_OR_NO.match(question) is not None
    return [nearest, missing / max(1, len(words)), missing, named + counted, len(words), float(yes_or_no)]


@dataclass(frozen=True)
class Reader:
    """Implements `quotations.Reads`."""

    head: ReaderHead
    logits: Logits

    def __call__(self, question: str, heading: str, passage: str, nearest: float) -> float | None:
        found = self.logits(messages(question, heading, passage), self.head.tokens)
        return None if found is None else self.head.chance(found, signs(question, heading, passage, nearest))
