"""POST /v1/audit/queries/{id}/reveal: personal data of one query, for an administrator who says why.

Answers 200 with the texts, or 202 where another administrator must agree first.
"""

from __future__ import annotations

from typing import Annotated, Any

from flask import Blueprint, Response, jsonify
from pydantic import BaseModel, ConfigDict, Field

from app.web import reveal
from app.web.context import body, caller, reveal_desk

blueprint = Blueprint("reveal", __name__)


class RevealRequest(BaseModel):
    """Why the personal data is needed; recorded, and shown to whoever must agree."""

    model_config = ConfigDict(extra="forbid")
    reason: Annotated[str, Field(min_length=1, max_length=500, json_schema_extra={"minLength": reveal.SHORTEST_REASON})]


@blueprint.post("/v1/audit/queries/<query_id>/reveal")
def ask(query_id: str) -> Response:
    key = caller("administrator")
    asked = reveal.ask(reveal_desk(), key, query_id, body(RevealRequest).reason)
    if asked.state == "ready":
        return _shown(reveal.reveal(reveal_desk(), key, query_id, asked.number))
    response = jsonify(_view(asked))
    response.status_code = 202
    return response


@blueprint.post("/v1/audit/queries/<query_id>/reveal/<int:number>/approve")
def approve(query_id: str, number: int) -> dict[str, Any]:
    return _view(reveal.approve(reveal_desk(), caller("administrator"), query_id, number))


@blueprint.post("/v1/audit/queries/<query_id>/reveal/<int:number>")
def show(query_id: str, number: int) -> Response:
    return _shown(reveal.reveal(reveal_desk(), caller("administrator"), query_id, number))


def _shown(found: reveal.Revealed) -> Response:
    response = jsonify({"question": found.question, "answer": found.answer})
    response.headers["Cache-Control"] = "no-store"
    return response


def _view(asked: reveal.Request) -> dict[str, Any]:
    return {"request": asked.number, "state": asked.state, "agreed": list(asked.agreed), "needs": asked.needs}
