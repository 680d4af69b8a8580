"""Values that ask for nothing: what a client sends because its library always does.

Invariant: a member is dropped only with a value under which the answer is the same as without it. Whatever else it holds is
refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_Asks = Callable[[Any], bool]


def _one_of(*values: Any) -> _Asks:
    """Compared with their types: `1` is not `true`."""
    return lambda value: any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in values)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _truth(value: Any) -> bool:
    return isinstance(value, bool)


REQUEST: Mapping[str, _Asks] = {
    # nothing is called, so nothing has to be chosen or done at a time
    "tools": _one_of([]),
    "tool_choice": _one_of("none", "auto"),
    "functions": _one_of([]),
    "function_call": _one_of("none", "auto"),
    "parallel_tool_calls": _truth,
    "web_search_options": _one_of(),
    # one text, told without its chances
    "n": _one_of(1),
    "best_of": _one_of(1),
    "logprobs": _one_of(False, 0),
    "top_logprobs": _one_of(0),
    "modalities": _one_of(["text"]),
    "audio": _one_of(),
    "prediction": _one_of(),
    "response_format": _one_of({"type": "text"}),
    "verbosity": _one_of("medium"),
    "reasoning_effort": _one_of("none"),
    # tokens are chosen as their chances are
    "frequency_penalty": _one_of(0),
    "presence_penalty": _one_of(0),
    "repetition_penalty": _one_of(1),
    "repeat_penalty": _one_of(1),
    "logit_bias": _one_of({}),
    "min_p": _one_of(0),
    "top_k": _one_of(0, -1),
    # how OpenAI runs its own machines
    "service_tier": _one_of("auto", "default"),
    "store": _one_of(False),
    "prompt_cache_key": _text,
    "prompt_cache_retention": _text,
    "metadata": lambda value: isinstance(value, dict),
}
"""Members of the request that are not honoured, and which values of them ask for nothing; null does of each."""

MESSAGE: Mapping[str, _Asks] = {
    "tool_calls": _one_of([]),
    "function_call": _one_of(),
    "tool_call_id": _one_of(""),
    "audio": _one_of(),
    "refusal": _one_of(""),
    "annotations": lambda value: isinstance(value, list),
}
"""The same of a message."""

PART: Mapping[str, _Asks] = {"cache_control": lambda value: isinstance(value, dict), "annotations": _one_of([])}
"""The same of a part of a message."""


def stripped(given: Any, neutral: Mapping[str, _Asks], honoured: frozenset[str]) -> Any:
    """The object without what asks for nothing. honoured: members that are read; null is left out of them as well."""
    if not isinstance(given, dict):
        return given
    return {name: value for name, value in given.items() if not _nothing(name, value, neutral, honoured)}


def _nothing(name: str, value: Any, neutral: Mapping[str, _Asks], honoured: frozenset[str]) -> bool:
    if value is None:
        return name in neutral or name in honoured
    return name in neutral and name not in honoured and neutral[name](value)
