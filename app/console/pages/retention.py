"""Erasures, legal holds and retention rules of the tenant. Shown here; acted on at the command line."""

from __future__ import annotations

from app.console.page import Context, Page, page
from app.identity.api_keys import Key
from app.web.context import deployment

PAGE = Page("/keeping", "Holds and erasures", "review/keeping.html")


@page(PAGE)
def keeping(key: Key) -> Context:
    return {"keeping": deployment().retention.state(key.tenant)}
