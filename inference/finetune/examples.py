"""From rows to tokens: what the model is shown, and on which of it it is judged.

Every answer of a conversation is one example: the prompt exactly as the engine would give it to the model, template
included, then the answer and the token that ends it. Loss is taken on the answer and its end alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from inference.errors import ModelUnsupported, PromptInvalid
from inference.finetune.rows import Row, refuse
from inference.text.chat_template import ChatTemplate
from inference.text.tokenizer import ChatTokenizer
from inference.text.vocabulary import Vocabulary
from inference.types import Message

_T = TypeVar("_T")
_WINDOW = 16


@dataclass(frozen=True)
class Example:
    """`answer`: how many of the tokens, at the end, are the answer's."""

    tokens: tuple[int, ...]
    answer: int


class Batch(NamedTuple):
    """tokens, targets: int32[examples, length], the target being the token that follows. weights: float32[examples, length],
    1 where the target is of an answer, else 0; an example that is only there to fill the batch has no 1."""

    tokens: NDArray[np.int32]
    targets: NDArray[np.int32]
    weights: NDArray[np.float32]


class Encoder:
    """Of one model's vocabulary and chat template."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._tokenizer = ChatTokenizer(vocabulary)
        self._template = ChatTemplate(vocabulary.template, bos=vocabulary.bos, eos=vocabulary.eos)
        self._end = self._ending()

    def examples(self, row: Row) -> list[Example]:
        """One for each answer of the conversation. Raises `PromptInvalid`."""
        found = []
        for place, message in enumerate(row.messages):
            if message.role == "assistant":
                prompt = self._tokenizer.encode_pieces(self._template.render(row.messages[:place]))
                answer = [*self._tokenizer.encode(message.content), *self._end]
                found.append(Example((*prompt, *answer), len(answer)))
        return found

    def _ending(self) -> list[int]:
        """What the template puts behind an answer, as far as the token at which the engine stops."""
        pieces = self._template.render((Message("user", "a"), Message("assistant", "b")), asked=False)
        last = max(place for place, piece in enumerate(pieces) if not piece.trusted)
        tokens = self._tokenizer.encode_pieces(pieces[last + 1 :])
        stop = next((place for place, token in enumerate(tokens) if token in self._tokenizer.stops), None)
        if stop is None:
            raise ModelUnsupported(
                "the model's chat template does not end an answer with a token at which the engine stops; "
                "correct the template, or choose another model"
            )
        return tokens[: stop + 1]


def encode_rows(
    rows: Sequence[Row], encoder: Encoder, source: Path, length: int, *, leave_out: bool
) -> tuple[list[Example], int]:
    """The examples, and how many were left out because they are longer than `length`.

    Raises `RowsUnfit` naming each line that the model's template refuses or, unless they are left out, that is too long.
    """
    found: list[Example] = []
    problems: list[str] = []
    left_out = 0
    for row in rows:
        try:
            examples = encoder.examples(row)
        except PromptInvalid as error:
            problems.append(f"{source}, line {row.line}: {' '.join(str(error).split())}")
            continue
        fitting = [example for example in examples if len(example.tokens) <= length]
        left_out += len(examples) - len(fitting)
        found += fitting
        if len(fitting) < len(examples) and not leave_out:
            longest = max(len(example.tokens) for example in examples)
            problems.append(
                f"{source}, line {row.line}: {longest} tokens with its prompt, and the length is {length}; "
                "raise the length, or have long ones left out"
            )
    refuse(problems)
    return found, left_out


class Course:
    """Which examples each step sees: every one once an epoch, in an order that the seed and the epoch's number decide.

    Examples of about one length share a batch, so that little of it is padding.
    """

    def __init__(self, examples: Sequence[Example], batch: int, length: int, seed: int) -> None:
        self.examples = examples
        self.steps_per_epoch = -(-len(examples) // batch)
        self.size, self.length, self._seed = batch, length, seed
        self._epoch, self._order = -1, [[0]]

    def batch(self, step: int) -> Batch:
        """step: from 0, over all epochs."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._ordered(epoch)
        return fill([self.examples[index] for index in self._order[place]], self.size, self.length)

    def _ordered(self, epoch: int) -> list[list[int]]:
        random = np.random.Generator(np.random.Philox(key=[self._seed, epoch]))
        mixed = random.permutation(len(self.examples)).tolist()
        batches: list[list[int]] = []
        for window in _runs(mixed, self.size * _WINDOW):
            batches += _runs(sorted(window, key=lambda index: len(self.examples[index].tokens)), self.size)
        return [batches[place] for place in random.permutation(len(batches))]


def in_order(examples: Sequence[Example], batch: int, length: int) -> Iterator[Batch]:
    """All of them once, the shortest first."""
    for run in _runs(sorted(examples, key=lambda example: len(example.tokens)), batch):
        yield fill(run, batch, length)


def fill(examples: Sequence[Example], batch: int, length: int) -> Batch:
    """At one of three lengths, a quarter, half or all of `length`, so that few programs are compiled."""
    longest = max(len(example.tokens) for example in examples)
    width = next(size for size in (-(-length // 4), -(-length // 2), length) if size >= longest)
    tokens, targets = np.zeros((batch, width), np.int32), np.zeros((batch, width), np.int32)
    weights = np.zeros((batch, width), np.float32)
    for row, example in enumerate(examples):
        count = len(example.tokens)
        tokens[row, :count] = example.tokens
        targets[row, : count - 1] = example.tokens[1:]
        weights[row, count - example.answer - 1 : count - 1] = 1.0
    return Batch(tokens, targets, weights)


def _runs(things: Sequence[_T], size: int) -> list[list[_T]]:
    return [list(things[start : start + size]) for start in range(0, len(things), size)]
