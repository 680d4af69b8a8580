"""/v1/documents: the life of the library's documents for administrators, and the passage that a citation points to.

Invariant: whoever may not read a document cannot tell whether there is one; only administrators see what they may not read.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from flask import Blueprint, Response, jsonify, request
from pydantic import BaseModel, ConfigDict, Field

from app.governance.document_desk import LONGEST_REASON, By, Family, named, view
from app.governance.document_events import iso
from app.identity.api_keys import Key
from app.web.bodies import WholeNumber
from app.web.context import body, caller, deployment
from app.web.documents import document_desk, library, refusals, strange
from app.web.looking import record_access
from app.web.problems import Problem
from audit.kinds import SEARCHED
from retrieval.documents.apart import ReaderApart
from retrieval.index.versions.changes import Attributes
from retrieval.index.versions.stated import Validity, checked
from retrieval.library import today

blueprint = Blueprint("documents", __name__)
Reason = Annotated[str, Field(min_length=1, max_length=LONGEST_REASON, description="Why; recorded.")]
Group = Annotated[str, Field(pattern=r"^[^\s,*;](?:[^,*;]*[^\s,*;])?$", max_length=200)]


class RemoveRequest(BaseModel):
    """Why a document goes."""

    model_config = ConfigDict(extra="forbid")
    reason: Reason


class RestoreRequest(BaseModel):
    """Which former version is in force again, and from when on."""

    model_config = ConfigDict(extra="forbid")
    reason: Reason
    version: Annotated[WholeNumber | None, Field(ge=1, description="Default: the one before the latest.")] = None
    since: Annotated[date | None, Field(description="The first day of its new force; default: today.")] = None


class ChangeRequest(BaseModel):
    """What is another way from now on; what is left out stays, a date of null is taken away."""

    model_config = ConfigDict(extra="forbid")
    reason: Reason
    access: Annotated[list[Group] | None, Field(min_length=1, max_length=100)] = None
    valid_from: date | None = None
    valid_until: date | None = None


@blueprint.get("/v1/documents")
def listed() -> dict[str, Any]:
    key, search = caller("administrator"), request.args.get("search", "")[:200]
    desk = document_desk(key)
    record_access(key, SEARCHED, None, {"filters": {"list": "documents", "search": search}, "channel": "api"})
    return {"documents": [_family(one) for one in desk.listed(search)]}


@blueprint.get("/v1/documents/<identity>")
def shown(identity: str) -> dict[str, Any]:
    key = caller("administrator")
    with refusals():
        found = document_desk(key).family(identity)
    record_access(key, SEARCHED, None, {"filters": {"list": "document", "id": found.latest.id}, "channel": "api"})
    return _family(found)


@blueprint.post("/v1/documents")
def add() -> Response:
    key = caller("administrator")
    desk, by = document_desk(key), _by(key, _form("reason"))
    groups = [_group(one) for one in request.form.getlist("access")]
    with refusals(), _upload(_form("name")) as path, _reader() as read:
        name = named(_form("name") or path.name)
        report = desk.add(path, name, frozenset(groups) or None, _validity(), read, by)
        found = desk.family(name)
    response = jsonify(_family(found, [*(one.text for one in report.remarks), *strange(groups)]))
    response.status_code = 201
    response.headers["Location"] = f"/v1/documents/{found.latest.id}"
    return response


@blueprint.post("/v1/documents/<identity>/replace")
def replace(identity: str) -> dict[str, Any]:
    key = caller("administrator")
    desk, by = document_desk(key), _by(key, _form("reason"))
    correction = _form("correction").lower() in ("1", "true", "on")
    with refusals():
        name = desk.family(identity).latest.key
        with _upload() as path, _reader() as read:
            report = desk.replace(name, path, by, read, _validity(), correction=correction)
        return _family(desk.family(name), [one.text for one in report.remarks])


@blueprint.post("/v1/documents/<identity>/change")
def change(identity: str) -> dict[str, Any]:
    key, asked = caller("administrator"), body(ChangeRequest)
    given = {name: getattr(asked, name) for name in ("valid_from", "valid_until") if name in asked.model_fields_set}
    attributes = Attributes(**given)  # type: ignore[typeddict-item]
    if asked.access is not None:
        attributes["access"] = frozenset(asked.access)
    if not attributes:
        raise Problem(422, "Say what is to change: access, valid_from or valid_until.", code="body")
    desk = document_desk(key)
    with refusals():
        found = desk.change(identity, attributes, _by(key, asked.reason))
        return _family(desk.family(found.name), strange(asked.access or ()))


@blueprint.post("/v1/documents/<identity>/restore")
def restore(identity: str) -> dict[str, Any]:
    key, asked = caller("administrator"), body(RestoreRequest)
    desk = document_desk(key)
    with refusals():
        found = desk.restore(identity, _by(key, asked.reason), asked.version, asked.since)
        return _family(desk.family(found.key))


@blueprint.post("/v1/documents/<identity>/remove")
def remove(identity: str) -> dict[str, Any]:
    key, asked = caller("administrator"), body(RemoveRequest)
    desk = document_desk(key)
    with refusals():
        return {"removed": [view(one) for one in desk.remove([identity], _by(key, asked.reason))]}


@blueprint.get("/v1/documents/<identity>/passages/<int:number>")
def passage(identity: str, number: int) -> dict[str, Any]:
    key = caller("caller", "administrator")
    found = library().passage(identity, number, key.groups)
    if found is None:
        raise Problem(404, "There is no such passage that you may read.", code="passage_unknown")
    document, one = found
    return {
        "id": document.id,
        "document": one.document,
        "title": one.title,
        "number": one.number,
        "of": document.chunks,
        "page": one.page,
        "section": one.section,
        "text": one.text,
        "version": document.version,
        "in_force": document.in_force(today()),
        "valid_from": iso(document.valid_from),
        "valid_until": iso(document.valid_until),
    }


def _family(found: Family, notes: Sequence[str] = ()) -> dict[str, Any]:
    told = {**view(found.latest), "former": [view(one) for one in found.former]}
    return {**told, "notes": list(notes)} if notes else told


def _by(key: Key, reason: str) -> By:
    with refusals():
        return By(f"key:{key.id}", reason)


def _form(name: str) -> str:
    """A field of a multipart form. A document may be larger than any other body."""
    request.max_content_length = deployment().settings.max_document
    if request.mimetype != "multipart/form-data":
        raise Problem(415, "Send the document as multipart/form-data, with a field named file.", code="media_type")
    return request.form.get(name, "")


@contextmanager
def _upload(name: str = "") -> Iterator[Path]:
    """The file that was sent, under its own name or this one, until it is read. Raises Problem 422."""
    file = request.files.get("file")
    if file is None or not file.filename:
        raise Problem(422, "file: is missing; send the document in a field named file.", code="body", param="file")
    with tempfile.TemporaryDirectory(prefix="countersign-") as folder:
        path = Path(folder) / Path(named(name or file.filename)).name
        file.save(path)
        yield path


def _reader() -> ReaderApart:
    return ReaderApart(ocr_languages=deployment().settings.ocr_languages)


def _validity() -> Validity:
    days: list[date | None] = []
    for name in ("valid_from", "valid_until"):
        try:
            days.append(date.fromisoformat(given) if (given := request.form.get(name, "")) else None)
        except ValueError:
            raise Problem(422, f"{name}: is no date; write it as 2026-01-31.", code="body", param=name) from None
    return checked(Validity(*days), "this version")


def _group(name: str) -> str:
    if not name.strip() or name != name.strip() or any(sign in name for sign in ",*;"):
        raise Problem(422, "access: is no group's name; give it once for each group.", code="body", param="access")
    return name
