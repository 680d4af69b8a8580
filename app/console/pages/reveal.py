"""Revealing personal data in one query: asking, agreeing, and the page that shows it once. Recorded by `app.web.reveal`."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import redirect, request, url_for

from app.console.page import Shown, action, framed
from app.identity.api_keys import Key
from app.web import reveal as reveals
from app.web.context import reveal_desk


@action("/queries/<query_id>/reveal")
def ask_to_reveal(key: Key, query_id: str) -> Shown:
    asked = reveals.ask(reveal_desk(), key, query_id, request.form.get("reason", ""))
    if asked.state == "ready":
        return _revealed(key, query_id, asked.number)
    return redirect(url_for("review.query", query_id=query_id), 303)


@action("/queries/<query_id>/reveal/<int:number>/approve")
def agree_to_reveal(key: Key, query_id: str, number: int) -> Shown:
    reveals.approve(reveal_desk(), key, query_id, number)
    return redirect(url_for("review.query", query_id=query_id), 303)


@action("/queries/<query_id>/reveal/<int:number>")
def show_revealed(key: Key, query_id: str, number: int) -> Shown:
    return _revealed(key, query_id, number)


def _revealed(key: Key, query_id: str, number: int) -> str:
    return framed(
        "review/revealed.html",
        key,
        revealed=reveals.reveal(reveal_desk(), key, query_id, number),
        query=query_id,
        back=url_for("review.query", query_id=query_id),
        now=datetime.now(UTC),
    )
