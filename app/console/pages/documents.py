"""The pages of documents: the list with a search, and one document with its versions, rights and dates. For administrators.

Invariant: a form changes the library only with a reason, and a removal only where somebody ticked that it is meant.
"""

from __future__ import annotations

from datetime import date

from flask import redirect, request, url_for

from app.console.page import Context, Look, Page, Shown, action, page
from app.governance.document_desk import LONGEST_REASON, By, file_state, state
from app.identity.api_keys import Key
from app.web.context import deployment
from app.web.documents import document_desk, refusals
from app.web.problems import Problem
from audit.kinds import SEARCHED
from retrieval.index.versions.changes import Attributes
from retrieval.library import today

PAGE = Page("/documents", "Documents", "review/documents.html", roles=("administrator",))
ONE = Page("/documents/<identity>", "", "review/document.html", roles=PAGE.roles)
MOST = 200
"""Documents on the page; who looks for another one searches."""


def _searched() -> str:
    return " ".join(request.args.get("search", "").split())[:200]


@page(PAGE, look=lambda _key: Look(SEARCHED, {"filters": {"list": "documents", "search": _searched()}}))
def documents(key: Key) -> Context:
    found = document_desk(key).listed(_searched())
    return {"found": found[:MOST], "count": len(found), "search": _searched(), "force": _force, "file_state": file_state}


@page(ONE, look=lambda _key, identity: Look(SEARCHED, {"filters": {"list": "document", "id": identity[:80]}}))
def document(key: Key, identity: str) -> Context:
    with refusals():
        found = document_desk(key).family(identity)
    keys = deployment().keys.list()
    known = sorted({group for one in keys if one.revoked is None for group in one.groups})
    return {
        "family": found,
        "one": found.latest,
        "groups": known,
        "strange": sorted(found.latest.access - set(known)),
        "force": _force,
        "file_state": file_state,
        "longest": LONGEST_REASON,
    }


@action(f"{ONE.path}/change", roles=PAGE.roles)
def change_document(key: Key, identity: str) -> Shown:
    groups = [*request.form.getlist("group"), *request.form.get("further", "").replace(",", " ").split()]
    attributes = Attributes(access=frozenset(groups), valid_from=_day("valid_from"), valid_until=_day("valid_until"))
    with refusals():
        found = document_desk(key).change(identity, attributes, _by(key))
    return redirect(url_for("review.document", identity=found.id), 303)


@action(f"{ONE.path}/restore", roles=PAGE.roles)
def restore_document(key: Key, identity: str) -> Shown:
    with refusals():
        version = request.form.get("version", type=int)
        found = document_desk(key).restore(identity, _by(key), version)
    return redirect(url_for("review.document", identity=found.id), 303)


@action(f"{ONE.path}/remove", roles=PAGE.roles)
def remove_document(key: Key, identity: str) -> Shown:
    if request.form.get("meant") != "yes":
        raise Problem(422, "Nothing was removed: tick that the document is to be removed.", code="unconfirmed")
    with refusals():
        document_desk(key).remove([identity], _by(key))
    return redirect(url_for("review.documents"), 303)


def _by(key: Key) -> By:
    return By(f"key:{key.id}", " ".join(request.form.get("reason", "").split()))


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(given) if (given := request.form.get(name, "").strip()) else None
    except ValueError:
        raise Problem(422, f"{name}: is no date; write it as 2026-01-31.", code="body", param=name) from None


def _force(one: object) -> str:
    return state(one, today())  # type: ignore[arg-type]
