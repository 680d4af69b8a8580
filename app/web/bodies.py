"""Reads a request's JSON body as a model, and says which field does not fit. Used by the service and by engines."""

from __future__ import annotations

from typing import Annotated, TypeVar

from flask import request
from pydantic import BaseModel, BeforeValidator, ValidationError

from app.web.problems import Problem

Body = TypeVar("Body", bound=BaseModel)
_WORDS = {"extra_forbidden": "This is unknown, or cannot be honoured here; leave it out."}
"""Better words for what pydantic says."""


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


WholeNumber = Annotated[int, BeforeValidator(_whole)]
"""An integer as JSON Schema means it: 1.0 is one."""


def read_body(model: type[Body], longest: int) -> Body:
    """The request's JSON as `model`, of less than `longest` bytes. Raises Problem 415, 413, 400 or 422; never echoes what
    was sent."""
    if request.mimetype != "application/json":
        raise Problem(415, "Send the request as application/json.", code="media_type")
    if request.headers.get("Content-Encoding", "").strip().lower() not in ("", "identity"):
        raise Problem(415, "Send the body as it is: compressed bodies are not unpacked.", code="content_encoding")
    raw = request.get_data(cache=False)
    if request.content_length is None and len(raw) >= longest:
        # Of a chunked body Werkzeug gives the first bytes up to the limit, and does not say that there were more.
        raise Problem(413, f"A body may have less than {longest} bytes.", code="too_large")
    try:
        return model.model_validate_json(raw, strict=True)
    except ValidationError as error:
        problems = [
            {"field": ".".join(map(str, e["loc"])) or "(body)", "problem": _WORDS.get(e["type"], e["msg"])}
            for e in error.errors(include_input=False, include_url=False)
        ]
        first = problems[0]
        if error.errors(include_input=False)[0]["type"] == "json_invalid":
            raise Problem(400, "The body is not valid JSON.", code="json") from None
        raise Problem(
            422, f"{first['field']}: {first['problem']}", code="body", param=first["field"], errors=problems
        ) from None
