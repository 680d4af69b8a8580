"""Answers that follow a JSON schema: at every token only those that can still lead to one are allowed.

llguidance (an Earley parser over the vocabulary's bytes) says which tokens these are. The mask is laid over the logits
before anything is drawn, whatever step they came from: batches, chunks, shared beginnings and guesses change nothing.
"""

from __future__ import annotations

import json
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import SchemaInvalid
from inference.text.tokenizer import ChatTokenizer

_LONGEST, _DEEPEST, _LARGEST = 65_536, 64, 2**53
_LAYOUT: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


class GuideFailed(Exception):
    """The grammar came to no end (a limit of llguidance); the answer is lost, the engine is not."""


class _Words:
    """The vocabulary as llguidance asks for it."""

    bos_token_id = None

    def __init__(self, tokenizer: ChatTokenizer, size: int) -> None:
        self._tokenizer = tokenizer
        self.eos_token_id = min(tokenizer.stops)
        silent = tokenizer.special_ids | tokenizer.stops
        self.special_token_ids = sorted(silent)
        # what no answer may hold is spelt like nothing that JSON has
        self.tokens = [
            b"<|%d|>" % token if token in silent else tokenizer.token_bytes(token) or b"\xff?" for token in range(size)
        ]

    def __call__(self, text: str | bytes) -> list[int]:
        return self._tokenizer.encode(text.decode() if isinstance(text, bytes) else text)


class Grammars:
    """Makes guides for one model's vocabulary, which is read at the first of them. Any number of threads may use it."""

    def __init__(self, tokenizer: ChatTokenizer, size: int) -> None:
        self._tokenizer = tokenizer
        self._size = size
        self._guard = threading.Lock()
        self._words: Any = None
        self._spellable: frozenset[int] = frozenset()

    def guide(self, schema: str) -> Guide:
        """For one answer. Raises `SchemaInvalid` with one line that says what is wrong with the schema."""
        content = _read(schema)
        try:
            import llguidance  # loaded late: an engine that is never given a schema does without
        except ImportError as error:
            raise SchemaInvalid(f"answers cannot follow a schema here ({error}); install llguidance") from error
        words = self._vocabulary()
        letters = set().union(*(leaf for leaf in _leaves(content) if isinstance(leaf, str)))
        if strange := sorted(letter for letter in letters if not set(letter.encode()) <= self._spellable):
            raise SchemaInvalid(f"the schema has {strange[0]!a}, which this model cannot write; leave it out")
        grammar = llguidance.LLMatcher.grammar_from_json_schema(content, overrides=_LAYOUT)
        matcher = llguidance.LLMatcher(words, grammar, log_level=0)
        if matcher.is_error():
            why = " ".join(matcher.get_error().split())
            raise SchemaInvalid(f"the schema cannot be followed: {why[:300]}; simplify that part of it")
        return Guide(matcher, frozenset(self._tokenizer.stops))

    def _vocabulary(self) -> Any:
        import llguidance

        with self._guard:
            if self._words is None:
                words = _Words(self._tokenizer, self._size)
                self._spellable = frozenset(token[0] for token in words.tokens if len(token) == 1)
                self._words = llguidance.LLTokenizer(
                    llguidance.TokenizerWrapper(words), n_vocab=self._size, eos_token=min(self._tokenizer.stops)
                )
            return self._words


class Guide:
    """Follows one answer. Belongs to one thread.

    The matcher knows one token that ends an answer; a model may have several, which all mean that one here.
    """

    def __init__(self, matcher: Any, stops: frozenset[int]) -> None:
        self._matcher = matcher
        self._stops, self._end = sorted(stops), min(stops)

    def allow(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """The logits with minus infinity where a token cannot follow. Raises `GuideFailed`."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        allowed = np.unpackbits(bits, count=len(logits), bitorder="little").view(np.bool_)
        allowed[self._stops] = allowed[self._end]
        if self._matcher.is_error() or not allowed.any():
            raise self._failure()
        return np.where(allowed, logits, np.float32(-np.inf))

    def take(self, token: int) -> None:
        """The answer goes on with the token. Raises `GuideFailed`."""
        if not self._matcher.consume_token(self._as_known(token)):
            raise self._failure()

    def possible(self, tokens: list[int]) -> list[int]:
        """As many of the tokens as can follow one after the other."""
        return tokens[: self._matcher.validate_tokens([self._as_known(token) for token in tokens])]

    def _as_known(self, token: int) -> int:
        return self._end if token in self._stops else token

    def _failure(self) -> GuideFailed:
        return GuideFailed((self._matcher.get_error() or "no token can follow").splitlines()[0])


def _read(schema: str) -> dict[str, Any]:
    """What must hold before llguidance sees a schema: its recursion ends the process on very deep ones and on -2**63."""
    if len(schema) > _LONGEST:
        raise SchemaInvalid(f"the schema has {len(schema)} characters, {_LONGEST} are the most; simplify it")
    try:
        content = json.loads(schema)
        leaves = _leaves(content)
    except RecursionError:
        raise SchemaInvalid(f"the schema is nested deeper than {_DEEPEST} levels; simplify it") from None
    except ValueError as error:
        raise SchemaInvalid(f"the schema is not JSON ({error}); send a JSON schema") from error
    if not isinstance(content, dict):
        raise SchemaInvalid(f"the schema is {type(content).__name__}, not an object; send a JSON schema")
    if wild := [leaf for leaf in leaves if isinstance(leaf, int | float) and not abs(leaf) <= _LARGEST]:
        raise SchemaInvalid(f"the schema has the number {wild[0]}; numbers beyond 2**53 are not exact in JSON: leave it out")
    if any("\ud800" <= letter <= "\udfff" for leaf in leaves if isinstance(leaf, str) for letter in leaf):
        raise SchemaInvalid("the schema has half of a surrogate pair, which is no character; leave it out")
    return content


def _leaves(content: Any, depth: int = 1) -> list[Any]:
    """Everything that a schema says, keys included. Raises `RecursionError` below `_DEEPEST`."""
    if depth > _DEEPEST:
        raise RecursionError
    if isinstance(content, dict):
        return [*content, *(leaf for value in content.values() for leaf in _leaves(value, depth + 1))]
    if isinstance(content, list):
        return [leaf for value in content for leaf in _leaves(value, depth + 1)]
    return [content]
