"""Answers that follow a JSON schema: at every token only those that can still lead to one are allowed.

llguidance (an Earley parser over the vocabulary's bytes) says which tokens these are. The mask is laid over the logits
before anything is drawn, whatever step they came from, so that batches, chunks, shared beginnings and guesses change nothing.
"""

from __future__ import annotations

import json
import threading
from typing import Any

import llguidance
import numpy as np
from numpy.typing import NDArray

from inference.errors import SchemaInvalid
from inference.tokenizer import ChatTokenizer

_LAYOUT = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


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
            b"<|%d|>" % token if token in silent else tokenizer.token_bytes(token) or b"\xff" for token in range(size)
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

    def guide(self, schema: str) -> Guide:
        """For one answer. Raises `SchemaInvalid` with one line that says what is wrong with the schema."""
        try:
            content = json.loads(schema)
        except ValueError as error:
            raise SchemaInvalid(f"the schema is not JSON ({error}); send a JSON schema") from error
        if not isinstance(content, dict):
            raise SchemaInvalid(f"the schema is {type(content).__name__}, not an object; send a JSON schema")
        grammar = llguidance.LLMatcher.grammar_from_json_schema(content, overrides=_LAYOUT)
        matcher = llguidance.LLMatcher(self._vocabulary(), grammar, log_level=0)
        if matcher.is_error():
            why = " ".join(matcher.get_error().split())
            raise SchemaInvalid(f"the schema cannot be followed: {why[:300]}; simplify that part of it")
        return Guide(matcher, self._size)

    def _vocabulary(self) -> Any:
        with self._guard:
            if self._words is None:
                words = llguidance.TokenizerWrapper(_Words(self._tokenizer, self._size))
                stops = sorted(self._tokenizer.stops)
                self._words = llguidance.LLTokenizer(words, n_vocab=self._size, eos_token=stops)
            return self._words


class Guide:
    """Follows one answer. Belongs to one thread."""

    def __init__(self, matcher: Any, size: int) -> None:
        self._matcher = matcher
        self._size = size

    def allow(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """The logits with minus infinity where a token cannot follow. Raises `GuideFailed`."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        allowed = np.unpackbits(bits, count=len(logits), bitorder="little").view(np.bool_)
        if self._matcher.is_error() or not allowed.any():
            raise GuideFailed(self._matcher.get_error() or "no token can follow")
        return np.where(allowed, logits, np.float32(-np.inf))

    def take(self, token: int) -> None:
        """The answer goes on with the token. Raises `GuideFailed`."""
        if not self._matcher.consume_token(token):
            raise GuideFailed(self._matcher.get_error())

    def possible(self, tokens: list[int]) -> list[int]:
        """As many of the tokens as can follow one after the other."""
        return tokens[: self._matcher.validate_tokens(tokens)]
