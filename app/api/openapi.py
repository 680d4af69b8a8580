"""The OpenAPI 3.1 document, made from the models that check the requests, so that it cannot lie."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from app import __version__
from orchestrator.types import Outcome


def document() -> dict[str, Any]:
    from app.api.chat import ChatRequest
    from app.api.documents import ChangeRequest, RemoveRequest, RestoreRequest
    from app.api.openai_compat import CompletionRequest
    from app.api.reveal import RevealRequest

    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    errors = {
        status: {"description": text, "content": problem}
        for status, text in {
            "400": "not JSON",
            "401": "no valid API key",
            "403": "the key's role does not allow it",
            "404": "unknown conversation, query, document or model",
            "405": "not with this method",
            "408": "the request took too long to arrive",
            "409": "not in this state: not answered yet, not agreed to, or done already",
            "413": "body too large",
            "415": "not application/json, or compressed",
            "421": "not under this host's name",
            "422": "a field is missing, unknown or of the wrong type",
            "429": "too many questions at once; see Retry-After",
            "503": "models still loading, or the audit store cannot be written",
        }.items()
    }
    stream = {"text/event-stream": {"schema": {"type": "string", "description": _EVENTS}}}
    schemas: dict[str, Any] = {"Problem": _PROBLEM, "ChatAnswer": _ANSWER}

    def schema(model: type[BaseModel]) -> dict[str, str]:
        found = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(found.pop("$defs", {}))
        schemas[model.__name__] = found
        return {"$ref": f"#/components/schemas/{model.__name__}"}

    def post(summary: str, model: type[BaseModel], answer: dict[str, Any]) -> dict[str, Any]:
        content = {"application/json": {"schema": answer}, **stream}
        return {
            "post": {
                "summary": summary,
                "requestBody": {"required": True, "content": {"application/json": {"schema": schema(model)}}},
                "responses": {"200": {"description": "the answer", "content": content}, **errors},
            }
        }

    def get(summary: str, kind: str = "application/json", parameters: tuple[str, ...] = ()) -> dict[str, Any]:
        found: dict[str, Any] = {
            "summary": summary,
            "responses": {"200": {"description": "found", "content": {kind: {"schema": {}}}}, **errors},
        }
        if parameters:
            found["parameters"] = [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in parameters
            ]
        return {"get": found}

    def for_anybody(found: dict[str, Any]) -> dict[str, Any]:
        found["get"]["security"] = []
        return found

    def reveal(summary: str) -> dict[str, Any]:
        found = post(summary, RevealRequest, {"type": "object"})
        found["post"]["responses"] |= {
            "202": {"description": "another administrator must agree: POST …/{request}/approve, then POST …/{request}"},
            "410": {"description": "the content was erased", "content": problem},
        }
        del found["post"]["responses"]["200"]["content"]["text/event-stream"]
        found["post"]["parameters"] = [{"name": "query_id", "in": "path", "required": True, "schema": {"type": "string"}}]
        return found

    def shown(summary: str) -> dict[str, Any]:
        found = reveal(summary)
        del found["post"]["requestBody"]
        number = {"name": "number", "in": "path", "required": True, "schema": {"type": "integer"}}
        found["post"]["parameters"].append(number)
        return found

    identity = {"name": "identity", "in": "path", "required": True, "schema": {"type": "string"}}

    def document_change(summary: str, model: type[BaseModel]) -> dict[str, Any]:
        found = post(summary, model, {"$ref": "#/components/schemas/Document"})
        del found["post"]["responses"]["200"]["content"]["text/event-stream"]
        found["post"]["parameters"] = [identity]
        return found

    def document_file(summary: str, status: str, parameters: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
        answer = {"application/json": {"schema": {"$ref": "#/components/schemas/Document"}}}
        return {
            "summary": summary,
            "parameters": list(parameters),
            "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FILE}}},
            "responses": {status: {"description": "as it is now", "content": answer}, **errors},
        }

    schemas["Document"] = _DOCUMENT
    listed = get("The library's documents, for administrators; looking is recorded")
    listed["get"]["parameters"] = [{"name": "search", "in": "query", "schema": {"type": "string"}}]
    completions = post("The same for clients of the OpenAI API", CompletionRequest, {"type": "object"})
    completions["post"]["parameters"] = [_CONVERSATION]
    paths = {
        "/v1/chat": post(
            "Ask a question. With stream: events route, segment, citation, refusal, done, error.",
            ChatRequest,
            {"$ref": "#/components/schemas/ChatAnswer"},
        ),
        "/v1/chat/completions": completions,
        "/v1/models": get("The models of the OpenAI-compatible API"),
        "/v1/models/{name}": get("One model", parameters=("name",)),
        "/v1/audit/queries/{query_id}": get(
            "One query's whole journey, for auditors; looking is recorded", parameters=("query_id",)
        ),
        "/v1/receipts/{query_id}": get(
            "Proofs that an answer is in the log, for whoever asked and for auditors; with format=tlog-proof as C2SP's text",
            parameters=("query_id",),
        ),
        "/v1/audit/queries/{query_id}/reveal": reveal("Show what the pseudonyms stand for; asks first where two must agree"),
        "/v1/audit/queries/{query_id}/reveal/{number}": shown("Show it, once, after another administrator agreed"),
        "/v1/audit/queries/{query_id}/reveal/{number}/approve": shown("Agree to what another administrator asked for"),
        "/v1/documents": {**listed, "post": document_file("Add a document, for administrators", "201")},
        "/v1/documents/{identity}": get("One document with its versions, for administrators", parameters=("identity",)),
        "/v1/documents/{identity}/replace": {
            "post": document_file("Its next version, for administrators", "200", (identity,))
        },
        "/v1/documents/{identity}/change": document_change("Other readers or dates, for administrators", ChangeRequest),
        "/v1/documents/{identity}/restore": document_change(
            "A former version in force again, for administrators", RestoreRequest
        ),
        "/v1/documents/{identity}/remove": document_change("Forget it with its versions, for administrators", RemoveRequest),
        "/v1/documents/{identity}/passages/{number}": get(
            "A passage that an answer cites, for whoever may read its document", parameters=("identity", "number")
        ),
        "/healthz": for_anybody(get("Liveness")),
        "/readyz": for_anybody(get("Readiness; why not, for who asks on the service's machine or with an auditor's key")),
        "/metrics": for_anybody(
            get("Prometheus metrics: for the bearer of `metrics_key`, or, without one, not through a proxy", "text/plain")
        ),
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Countersign",
            "version": __version__,
            "summary": "A chatbot that answers for its answers",
        },
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "security": [{"key": []}],
    }


_CONVERSATION: dict[str, Any] = {
    "name": "Countersign-Conversation",
    "in": "header",
    "description": "Goes on with the conversation that is kept here; from the same header of an earlier answer.",
    "schema": {"type": "string", "pattern": "^c_[0-9a-f]{32}$"},
}
_EVENTS = (
    "Server-sent events. /v1/chat: route, segment, citation, refusal, done, error, each with one JSON object. "
    "/v1/chat/completions: chunks as the OpenAI API has them, then [DONE]."
)
_PROBLEM = {
    "type": "object",
    "description": "Problem details, RFC 9457",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}
_FILE = {
    "type": "object",
    "required": ["file", "reason"],
    "properties": {
        "file": {"type": "string", "format": "binary"},
        "reason": {"type": "string", "description": "why; recorded"},
        "name": {"type": "string", "description": "of a new document; else the file's"},
        "access": {"type": "array", "items": {"type": "string"}, "description": "groups that may read a new document"},
        "valid_from": {"type": "string", "format": "date"},
        "valid_until": {"type": "string", "format": "date"},
        "correction": {"type": "boolean", "description": "of the next version: nothing of the one until now stays"},
    },
}
_DOCUMENT = {
    "type": "object",
    "required": ["id", "key", "title", "version", "force", "groups", "passages", "digest"],
    "properties": {
        "id": {"type": "string", "description": "of these bytes under this key"},
        "key": {"type": "string"},
        "title": {"type": "string"},
        "version": {"type": "integer"},
        "force": {"enum": ["in force", "not yet in force", "no longer in force", "former"]},
        "valid_from": {"type": ["string", "null"], "format": "date"},
        "valid_until": {"type": ["string", "null"], "format": "date"},
        "groups": {"type": "array", "items": {"type": "string"}},
        "pages": {"type": ["integer", "null"]},
        "passages": {"type": "integer"},
        "digest": {"type": "string"},
        "state": {"enum": ["there", "gone", "uploaded", "unknown"], "description": "of its file"},
        "former": {"type": "array", "items": {"type": "object"}},
        "notes": {"type": "array", "items": {"type": "string"}},
    },
}
_ANSWER = {
    "type": "object",
    "required": [
        "answer",
        "citations",
        "refusal",
        "conversation_id",
        "query_id",
        "trace_id",
        "outcome",
        "receipt",
    ],
    "properties": {
        "answer": {"type": "string"},
        "citations": {"type": "array", "items": {"type": "object"}},
        "refusal": {"type": ["object", "null"]},
        "conversation_id": {"type": "string"},
        "query_id": {"type": "string"},
        "trace_id": {"type": "string"},
        "outcome": {"enum": [outcome.value for outcome in Outcome if outcome is not Outcome.ABORTED]},
        "receipt": {"type": "object"},
        "route": {"type": ["object", "null"]},
        "verdicts": {"type": "array", "items": {"type": "object"}},
        "timings_ms": {"type": "object"},
    },
}
