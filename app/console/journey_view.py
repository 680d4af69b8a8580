"""One query's events as a reader wants to see them: question, how the answer came to be, route, verdicts, timings.

A pure function of the events: nothing is shown here that is not in the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.console.answer_view import AnswerView, ReadingView, answer_views, reading_view
from audit import kinds
from audit.format.kind import Kind
from audit.read.reader import EventView

_MICRO = 1_000_000


@dataclass(frozen=True)
class JourneyView:
    """What templates/review/query.html shows. Scores are floats, times milliseconds, texts pseudonymised.

    verdicts: on the question and the answer. brought: what the client brought along, each text with its own `verdicts`.
    """

    query: str
    tenant: str
    conversation: str | None
    subject: str
    trace_id: str
    started: datetime
    finished: datetime | None
    outcome: str | None
    question: str | None
    answer: str | None
    withheld: Sequence[str]
    readings: Sequence[ReadingView]
    answers: Sequence[AnswerView]
    route: Mapping[str, Any] | None
    verdicts: Sequence[Mapping[str, Any]]
    brought: Sequence[Mapping[str, Any]]
    passages: Sequence[Mapping[str, Any]]
    left_out: Sequence[Mapping[str, Any]]
    timings: Sequence[Mapping[str, Any]]
    models: Sequence[Mapping[str, Any]]
    policy: Mapping[str, Any]
    looks: Sequence[Mapping[str, Any]]
    events: Sequence[EventView]


def journey_view(tenant: str, events: Sequence[EventView], policy: Mapping[str, str]) -> JourneyView:
    """events: of one query, in order, at least one. policy: versions of the policies known here, by digest."""
    first = events[0]
    own = [event for event in events if not kinds.is_look(event.kind)]
    finished = next((event for event in own if event.kind == kinds.FINISHED.name), None)
    redacted, routed = _bodies(own, kinds.REDACTED), _bodies(own, kinds.ROUTED)
    return JourneyView(
        query=first.query or "",
        tenant=tenant,
        conversation=first.conversation,
        subject=first.subject,
        trace_id=first.trace_id,
        started=first.time,
        finished=finished.time if finished else None,
        outcome=_label(finished, "outcome"),
        question=redacted[0].get("question") if redacted else None,
        answer="".join(str(b.get("text", "")) for b in _bodies(own, kinds.RELEASED)).strip() or None,
        withheld=[str(b.get("message", "")) for b in _bodies(own, kinds.WITHHELD)],
        readings=[reading_view(b) for b in _bodies(own, kinds.UNDERSTOOD)],
        answers=answer_views(_bodies(own, kinds.GENERATED), _bodies(own, kinds.CITED)),
        route=_route(routed[-1]) if routed else None,
        verdicts=[_verdict(b) for b in _bodies(own, kinds.JUDGED) if "context" not in b],
        brought=_brought(_bodies(own, kinds.BROUGHT), _bodies(own, kinds.JUDGED)),
        passages=_passages(_bodies(own, kinds.CITED), _bodies(own, kinds.RETRIEVED)),
        left_out=[_verdict(one) for b in _bodies(own, kinds.SCREENED) for one in b.get("left_out", ())],
        timings=_timings(own),
        models=[
            {"role": b.get("bot", ""), "name": b.get("model", ""), "digest": event.model_digest}
            for event in own
            if event.kind == kinds.GENERATED.name and (b := event.body or {})
        ],
        policy={"version": policy.get(first.policy_digest, "earlier policy"), "digest": first.policy_digest},
        looks=[_look(event) for event in events if kinds.is_look(event.kind)],
        events=events,
    )


def _look(event: EventView) -> Mapping[str, Any]:
    """Who looked, when and why."""
    body = event.body or {}
    what = event.kind.removeprefix(kinds.LOOKS).replace("_", " ")
    via = f" ({body['channel']})" if "channel" in body else ""
    return {"time": event.time, "actor": event.actor, "what": what + via, "why": body.get("reason")}


def _bodies(events: Sequence[EventView], kind: Kind) -> list[Mapping[str, Any]]:
    return [event.body for event in events if event.kind == kind.name and event.body is not None]


def _label(event: EventView | None, name: str) -> str | None:
    value = event.labels.get(name) if event else None
    return str(value) if value is not None else None


def _route(body: Mapping[str, Any]) -> Mapping[str, Any]:
    candidates = [{**c, "score": c["score"] / _MICRO} for c in body.get("candidates", ())]
    chain = " → ".join([body["bot"], *body.get("fallback", ())])
    return {"bot": body["bot"], "reasons": [f"in this order: {chain}"], "candidates": candidates}


def _verdict(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        **body,
        "probability": body["probability"] / _MICRO,
        "threshold": body["threshold"] / _MICRO,
        "ms": body.get("us", 0) / 1000,
    }


def _brought(texts: Sequence[Mapping[str, Any]], judged: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Each text with the verdicts on it, and with what it is: an instruction, an answer of ours, or a client's claim."""
    rows: list[Mapping[str, Any]] = []
    for one in texts:
        verdicts = [_verdict(b) for b in judged if b.get("context") == one["number"]]
        if one["role"] in ("system", "developer"):
            what = "instruction"
        elif one.get("said_in"):
            what = "our answer"
        else:
            what = "the client says so"
        rows.append({**one, "what": what, "effect": str(one["effect"]).replace("_", " "), "verdicts": verdicts})
    return rows


def _passages(cited: Sequence[Mapping[str, Any]], retrieved: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The cited passages with their quotes; where nothing was cited, what retrieval had found."""
    found = [p for b in retrieved for p in b.get("passages", ())]
    score = {(p["document"], p["page"], p["section"]): p["score"] / _MICRO for p in reversed(found)}
    if cited:
        keyed = [(c, (c["document"], c["page"], c["section"])) for c in cited]
        return [{**c, "text": c.get("quote", ""), "score": score.get(key)} for c, key in keyed]
    return [{**p, "text": "", "score": p["score"] / _MICRO} for p in found]


def _timings(events: Sequence[EventView]) -> list[Mapping[str, Any]]:
    """When each step's event came, after the first; and how long the one before it had taken till then."""
    rows: list[Mapping[str, Any]] = []
    at = 0.0
    for event in events:
        rows.append({"step": event.kind, "start_ms": at, "ms": event.after_us / 1000})
        at += event.after_us / 1000
    return rows
