"""GET /v1/receipts/{query_id}: proof that an answer is in the log, for whoever asked, and for auditors.

Invariant: a caller gets receipts of their own queries alone, and cannot tell whether another's exists. A receipt
is given only with a checkpoint that covers it.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, request

from app.identity.api_keys import Key
from app.web.asker import asker
from app.web.context import caller, deployment
from app.web.looking import record_access
from app.web.problems import Problem
from audit.checkpoints.stored import latest_checkpoint
from audit.format.merkle import leaf_hash
from audit.format.notes import Checkpoint, Note
from audit.format.receipts import MEDIA_TYPE, SUFFIX, LogProof
from audit.kinds import FINISHED, RELEASED, VIEWED, WITHHELD
from audit.read.receipts import Step, prove, steps_of

blueprint = Blueprint("receipts", __name__)
WAIT_S = 2.0
_LOOK_S = 0.05
_TOLD = {kind.name for kind in (RELEASED, WITHHELD, FINISHED)}


@blueprint.get("/v1/receipts/<query_id>")
def receipts(query_id: str) -> Response | dict[str, Any]:
    key = caller("caller", "auditor", "administrator")
    steps = _steps(key, query_id)
    if key.role != "caller":
        record_access(key, VIEWED, query_id, {"channel": "api", "what": "receipts"})
    wanted = request.args.get("seq", type=int)
    if "seq" in request.args and wanted not in [step.seq for step in steps]:
        raise Problem(404, "This query has no receipt of that event.", code="event_unknown", param="seq")
    note = _checkpoint(key.tenant, steps[-1].seq + 1)
    tree = Checkpoint.parse(note.text)
    if _as_text():
        one = next((step for step in steps if step.seq == wanted), steps[-1])
        text = prove(deployment().engine, key.tenant, one.seq, one.envelope, note, tree.size).dump()
        response = Response(text, mimetype=MEDIA_TYPE)
        response.headers["Content-Disposition"] = f'attachment; filename="{key.tenant}-{one.seq}{SUFFIX}"'
        return response
    chosen = [step for step in steps if wanted in (None, step.seq)]
    return {
        "query_id": query_id,
        "log": key.tenant,
        "origin": tree.origin,
        "complete": steps[-1].kind == FINISHED.name,
        "checkpoint": note.dump(),
        "receipts": [
            _told(step, prove(deployment().engine, key.tenant, step.seq, step.envelope, note, tree.size)) for step in chosen
        ],
    }


def _steps(key: Key, query_id: str) -> Sequence[Step]:
    """What of the query went out. Raises Problem 404 where it is unknown or another person's, 409 where nothing has yet."""
    steps = steps_of(deployment().engine, key.tenant, query_id)
    if key.role == "caller":
        mine = deployment().keys.pseudonym(key.tenant, asker(key))
        if any(step.subject != mine for step in steps):
            steps = []
    if not steps:
        raise Problem(404, "You have no such query.", code="query_unknown")
    told = [step for step in steps if step.kind in _TOLD]
    if not told:
        raise Problem(409, "This query is still being answered; ask again when it is.", code="unanswered", retry_after=1)
    return told


def _checkpoint(tenant: str, size: int) -> Note:
    """The first checkpoint of that size or more. Raises Problem 503 where there is none in time."""
    deadline = time.monotonic() + WAIT_S
    while (note := latest_checkpoint(deployment().engine, tenant, size)) is None:
        if time.monotonic() > deadline:
            raise Problem(
                503, "No checkpoint covers this answer yet; it is recorded. Ask again shortly.",
                code="checkpoint_pending", retry_after=2,
            )  # fmt: skip
        time.sleep(_LOOK_S)
    return note


def _as_text() -> bool:
    asked = request.args.get("format")
    if asked not in (None, "json", "tlog-proof"):
        raise Problem(422, "format is json or tlog-proof.", code="format", param="format")
    if asked is not None:
        return asked == "tlog-proof"
    return request.accept_mimetypes.best_match(["application/json", MEDIA_TYPE]) == MEDIA_TYPE


def _told(step: Step, proof: LogProof) -> dict[str, Any]:
    return {
        "seq": step.seq,
        "kind": step.kind,
        "leaf": leaf_hash(step.envelope).hex(),
        "envelope": step.envelope.decode(),
        "proof": [base64.b64encode(one).decode() for one in proof.proof],
        "tlog_proof": proof.dump(),
    }
