"""Who asks: the person whom a request names, wherever it does, or else the key itself."""

from __future__ import annotations

from collections.abc import Mapping

from flask import request

from app.identity.api_keys import Key
from app.identity.subjects import KeyItself, NotUtf8, Person, SubjectRefused, header_text, named_person
from app.web.problems import Problem

HEADER = "Countersign-Subject"


def asker(key: Key, fields: Mapping[str, str | None] | None = None) -> Person | KeyItself:
    """fields: what the body says of the person, by the field's name. Raises Problem 400 where the header is no text, 422
    where a name is blank or cannot be read, or where two places name different people."""
    given = request.headers.get(HEADER)
    try:
        header = None if given is None else header_text(given, HEADER)
        return named_person({HEADER: header, **(fields or {})}) or KeyItself(key.id)
    except SubjectRefused as error:
        status = 400 if isinstance(error, NotUtf8) else 422
        raise Problem(status, f"{error}.", code="subject", param=error.source) from None
