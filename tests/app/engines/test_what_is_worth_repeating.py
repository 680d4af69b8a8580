"""A status tells clients whether to ask again: what would end in the same way is 4xx, what may go well is 429 or 5xx.

The kind of fault: OpenAI's clients repeat 503 by themselves, so that a request which cannot succeed is computed three times.
"""

from __future__ import annotations

import pytest

from app.engine_server.views import _told
from app.web.problems import Problem
from inference.errors import EngineBusy, EngineFailed, PromptInvalid, PromptTooLong, SchemaFailed, SchemaInvalid


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (SchemaFailed("the answer could not be held to its schema (a limit was reached)"), 400, "invalid_schema"),
        (SchemaInvalid("the schema is nested deeper than 64 levels"), 400, "invalid_schema"),
        (PromptTooLong("the prompt has 5000 tokens"), 400, "context_length_exceeded"),
        (PromptInvalid("roles"), 400, "messages"),
        (EngineBusy("too many", 2.5), 429, "busy"),
        (EngineFailed("a step failed"), 503, "engine_failed"),
    ],
)
def test_what_would_fail_again_is_the_request_s_mistake(error: Exception, status: int, code: str) -> None:
    told = _told(error)
    assert isinstance(told, Problem)
    assert (told.status, told.code) == (status, code)
    assert (told.retry_after is not None) == (status == 429)
