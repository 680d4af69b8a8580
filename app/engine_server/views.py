"""The engine's HTTP face: POST /v1/chat/completions, GET /v1/models, /healthz, /readyz, /metrics.

Invariant: prompts of different scopes share nothing, and a request that names no scope is a scope of its own, unless the
operator says that all such requests are one caller's.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
import secrets
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Annotated, Any, Literal

from flask import Blueprint, Flask, Response, current_app, request
from pydantic import BaseModel, ConfigDict, Field

from app.engine_server.lifecycle import Serving
from app.openai_wire import DONE, SCOPE, CompletionBody, chunk, event, used, whole
from app.web import problems
from app.web.bodies import read_body
from app.web.disconnects import Leaving
from app.web.problems import Problem
from inference.errors import EngineBusy, EngineFailed, PromptInvalid, PromptTooLong, SchemaFailed, SchemaInvalid
from inference.types import Completion, Delta, Message, Prompt, Sampling, Terms

blueprint = Blueprint("engine", __name__)
_OPAQUE = r"[A-Za-z0-9_.:=+/-]{1,128}"
_ENDED = frozenset(["stop", "length"])


class SchemaNamed(BaseModel):
    """What the API calls a schema; every schema is followed strictly here."""

    model_config = ConfigDict(extra="forbid")
    name: str = ""
    description: str | None = None
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    strict: bool | None = None


class PlainFormat(BaseModel):
    model_config = ConfigDict(extra="forbid")
    type: Literal["text", "json_object"]


class SchemaFormat(BaseModel):
    model_config = ConfigDict(extra="forbid")
    type: Literal["json_schema"]
    json_schema: SchemaNamed


class EngineRequest(CompletionBody):
    """cache_salt: the scope, as vLLM calls it; the header comes first."""

    cache_salt: Annotated[str | None, Field(pattern=f"^{_OPAQUE}$")] = None
    response_format: Annotated[PlainFormat | SchemaFormat | None, Field(discriminator="type")] = None

    def schema_text(self) -> str | None:
        """The schema that the answer must follow, as JSON text."""
        match self.response_format:
            case SchemaFormat(json_schema=named):
                return json.dumps(named.schema_)
            case PlainFormat(type="json_object"):
                return '{"type": "object"}'
        return None


def create_app(serving: Serving) -> Flask:
    """The application of an engine process; /healthz answers at once, questions once the model is warm."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = serving.settings.max_body
    app.extensions["engine"] = serving
    app.extensions["engine.leaving"] = Leaving()
    problems.register(app)
    app.register_blueprint(blueprint)
    app.after_request(_counted)
    return app


@blueprint.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@blueprint.get("/readyz")
def readyz() -> tuple[dict[str, Any], int]:
    """Whether a question would be answered: the model is warm, and the process is not about to end."""
    serving = _serving()
    return {"ready": serving.ready, "state": serving.state}, 200 if serving.ready else 503


@blueprint.get("/metrics")
def metrics() -> Response:
    return Response(_serving().metrics.text(), mimetype="text/plain; version=0.0.4")


@blueprint.get("/v1/models")
def models() -> dict[str, Any]:
    """The one model, once it is warm. `digest` is the weights' SHA-256, `max_model_len` the context."""
    _may()
    engine = _serving().engine
    one = {"id": engine.name, "object": "model", "created": 1_760_000_000, "owned_by": "countersign"}
    return {"object": "list", "data": [{**one, "digest": engine.digest, "max_model_len": engine.context}]}


@blueprint.post("/v1/chat/completions")
def completions() -> Response:
    _may()
    asked = read_body(EngineRequest, _serving().settings.max_body)
    answer = _Answer(asked)
    try:
        if not asked.stream:
            return answer.whole()
        response = Response(answer.chunks(), mimetype="text/event-stream")
    except BaseException:
        answer.close()
        raise
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(answer.close)
    return response


class _Answer:
    """One answer in progress. It is over when it is closed, which the end of the response does, however it comes."""

    def __init__(self, asked: EngineRequest) -> None:
        """Raises Problem where the engine takes no such question now."""
        self._begun = time.perf_counter()
        self._asked, self._serving = asked, _serving()
        self._leaving: Leaving = current_app.extensions["engine.leaving"]
        self._gone = threading.Event()
        self._head = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time())}
        self._open = ExitStack()
        self._metrics = self._serving.metrics
        scope = _scope(asked, self._serving.terms.one_caller)
        try:
            engine = self._open.enter_context(self._serving.answering())
            if asked.model != engine.name:
                raise Problem(404, f"There is one model: {engine.name}.", code="model_not_found", param="model")
            self._head |= {"model": engine.name, "system_fingerprint": f"fp_{engine.digest[:16]}"}
            self._open.enter_context(self._leaving.watching(request.environ.get("gunicorn.socket"), self._gone))
            prompt = Prompt(tuple(Message(_role(m.role), m.text) for m in asked.messages), reuse=scope)
            self._stream = engine.stream(prompt, _sampling(asked, engine.context), self._gone, Terms(_tenant(scope)))
            self._open.callback(self._stream.close)
        except BaseException as error:
            self._open.close()
            raise _told(error) from error

    def close(self) -> None:
        """Safe to call twice."""
        self._gone.set()
        self._open.close()

    def whole(self) -> Response:
        said = self._said()
        text: list[str] = []
        while True:
            try:
                text.append(next(said).text)
            except StopIteration as end:
                done: Completion = end.value
                break
        self.close()
        head = {**self._head, "object": "chat.completion"}
        document = whole(head, "".join(text), done.finish_reason, _usage(done))
        return Response(json.dumps(document), mimetype="application/json")

    def chunks(self) -> Iterator[str]:
        """Server-sent events; what goes wrong after the first is an `error`, and then there is no [DONE]."""
        head = {**self._head, "object": "chat.completion.chunk"}
        piece = partial(chunk, head)
        try:
            yield piece({"role": "assistant", "content": ""})
            said = self._said()
            while True:
                try:
                    yield piece({"content": next(said).text})
                except StopIteration as end:
                    done: Completion = end.value
                    break
            yield piece({}, done.finish_reason)
            if self._asked.stream_options and self._asked.stream_options.include_usage:
                yield used(head, _usage(done))
            yield DONE
        except Problem as error:
            yield event(error.body(openai=True))

    def _said(self) -> Generator[Delta, None, Completion]:
        """The answer's text. Raises Problem where it does not come to its own end."""
        first = True
        try:
            while True:
                try:
                    delta = next(self._stream)
                except StopIteration as end:
                    done: Completion = end.value
                    break
                if first:
                    self._metrics.first_token.observe(time.perf_counter() - self._begun)
                    first = False
                yield delta
        except EngineFailed as error:
            self._metrics.answers.labels("failed").inc()
            raise _told(error) from error
        self._metrics.answers.labels(done.finish_reason).inc()
        if done.finish_reason not in _ENDED:
            raise Problem(503, "This engine is ending and could not finish the answer; ask another one.", code="draining")
        return done


def _serving() -> Serving:
    found: Serving = current_app.extensions["engine"]
    return found


def _may() -> None:
    """Raises Problem 401 without the key, where there is one."""
    key = _serving().settings.engine_secret
    if not key:
        return
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    given = secret.strip() if scheme.lower() == "bearer" else ""
    if not hmac.compare_digest(_hash(given), _hash(key)):  # in constant time, whatever was sent
        raise Problem(401, "Send this engine's key: Authorization: Bearer …", code="invalid_api_key")


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def _scope(asked: EngineRequest, one_caller: bool) -> str | None:
    """Within what the prompt may share its beginning; None for nothing. Raises Problem 400 for a scope that is none."""
    named = request.headers.get(SCOPE) or asked.cache_salt
    if named is None:
        return "one caller" if one_caller else None
    if not re.fullmatch(_OPAQUE, named):
        raise Problem(400, f"{SCOPE}: send 1 to 128 letters, digits or _.:=+/- that name nobody.", code="scope")
    return f"named:{named}"


def _tenant(scope: str | None) -> str:
    """Whose turn it is in the queue: what stands before a scope's first full stop, as services of ours name it."""
    return (scope or "").partition(".")[0]


def _sampling(asked: EngineRequest, context: int) -> Sampling:
    """As the client asks; an answer for which no length is given may fill what is left of the context."""
    given: dict[str, Any] = {"max_tokens": context, "temperature": 1.0, **asked.sampling(), "schema": asked.schema_text()}
    if "seed" not in given:
        given["seed"] = secrets.randbits(31)
    return Sampling(**given)


def _role(role: str) -> str:
    return "system" if role == "developer" else role


def _usage(done: Completion) -> dict[str, Any]:
    return {
        "prompt_tokens": done.prompt_tokens,
        "completion_tokens": done.completion_tokens,
        "total_tokens": done.prompt_tokens + done.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": done.cached_tokens},
    }


def _told(error: BaseException) -> BaseException:
    """What an error of the engine is to the client; it never holds the prompt."""
    match error:
        case PromptTooLong():
            return Problem(
                400, f"{str(error)[0].upper()}{str(error)[1:]}.", code="context_length_exceeded", param="messages"
            )
        case SchemaInvalid() | SchemaFailed():
            return Problem(400, str(error), code="invalid_schema", param="response_format")
        case PromptInvalid():
            return Problem(400, "The model's chat template refuses these roles.", code="messages", param="messages")
        case EngineBusy():
            return Problem(429, "Too many questions wait already.", code="busy", retry_after=math.ceil(error.retry_after_s))
        case EngineFailed():
            return Problem(503, "A step of the model failed, or the engine is ending; ask again.", code="engine_failed")
    return error


def _counted(response: Response) -> Response:
    if response.status_code >= 400 and request.path.startswith("/v1/"):
        _serving().metrics.refused.labels(str(response.status_code)).inc()
    return response
