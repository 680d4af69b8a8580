"""The service's own templates with made-up content, some of it hostile, in a Flask app of the tests' own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask, render_template

from app.console.answer_view import AnswerView, answer_views, reading_view
from app.console.filters import review_filters
from app.console.page import Page
from app.governance.document_desk import Family, file_state, state
from retrieval.types import DocumentInfo

APP = Path(__file__).resolve().parents[3] / "app"
HOSTILE = '</pre><script>document.title="owned"</script><img src=x onerror=alert(1)>"\' \u202eevil\u202c\u200b\x1b[31m'
EXAMPLES = [
    "What is the NAV of the Aurora Global Equity Fund now?",
    "What are the ongoing charges of the Borealis fund?",
    "What is the difference between accumulating and distributing share classes?",
]


def _digest(seed: int) -> str:
    return f"{seed * 2654435761 % 2**32:08x}" * 8


def row(number: int, **changes: Any) -> dict[str, Any]:
    started = datetime(2026, 11, 24, 9, 30, 12, tzinfo=UTC) - timedelta(minutes=7 * number)
    bots, outcomes = ("rag", "api", "onprem"), ("answered", "refused", "abstained", "failed", "cancelled")
    return {
        "query": f"0193a7c2-{number:04x}-7d3e-9a41-5c0ffee00001",
        "started": started,
        "tenant": "halden",
        "bot": bots[number % 3],
        "verdict": ("allow", "redact", "steer", "block")[number % 4],
        "outcome": outcomes[number % 5],
        "events": 14 + number,
        "first_seq": 1200 - 20 * number,
        "last_seq": 1213 - 19 * number,
        "duration_ms": 412.7 * (number + 1),
        "preview": f"Can <PERSON_1> move the <IBAN_CODE_1> balance into fund {number}, and what would it cost?",
        **changes,
    }


JUST_NOW = None
"""A check of the moment in which the page is made, however long the tests before it took."""


def integrity(**changes: Any) -> dict[str, Any]:
    return {
        "ok": True,
        "checked_at": JUST_NOW,
        "tree_size": 1234,
        "root": _digest(1),
        "problems": [],
        **changes,
    }


def queries(**changes: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("since", "until", "tenant", "bot", "verdict", "outcome"))
    return {
        "rows": [row(number) for number in range(9)] + [row(9, preview=HOSTILE, tenant=HOSTILE, bot=None)],
        "filters": {**empty, "bot": "rag", "since": datetime(2026, 11, 1, tzinfo=UTC)},
        "options": {
            "tenant": ["halden", HOSTILE],
            "bot": ["api", "onprem", "rag"],
            "verdict": ["allow", "redact", "steer", "block"],
            "outcome": ["answered", "refused", "abstained", "failed", "cancelled"],
        },
        "next_href": "/review?before=100",
        "integrity": integrity(),
        "csrf_token": "token",
        **changes,
    }


def answers() -> list[AnswerView]:
    """One of each kind: computed, altered in the record, ranked, quoted, withheld."""
    cell = {"document": f"charges-{HOSTILE}", "page": 3, "table": 0, "row": 1, "column": 2}
    amount = {"value": "-2790.5", "unit": "amount", "scale": 6, "currency": "USD", "period": "2018", "cells": [cell]}
    result = {**amount, "value": "0", "period": "", "cells": [cell, cell]}
    change = {"plan": f"change(revenue {HOSTILE}, 2019, 2018)", "computation": {"operation": "change", "groups": [[1, 2]]}}
    ranked = {"relation": "highest", "n": 1, "bound": "0", "scale": 0, "compared": [amount, {**amount, "cells": [{}]}]}
    worked = {"model": "worked", "chance": 910_000, "least": 500_000, "plan": change, "figures": [result, amount, amount]}
    place = {"document": "fees", "page": 2, "section": HOSTILE}
    nearly = {"how": "worked", "chance": 300_000, "places": [place], "plan": change, "figures": worked["figures"]}
    made = [
        worked,
        {**worked, "figures": [{**result, "value": "1"}, amount, amount]},
        {**worked, "plan": {"plan": "rank(revenue, periods, highest 1)", "computation": ranked}, "figures": [amount]},
        {"model": "quoted", "chance": 810_000, "least": 500_000},
        {"model": "withheld", "chance": 300_000, "least": 500_000, "nearly": [nearly, {"how": "quoted", "places": [place]}]},
    ]
    quote = f"Revenue {HOSTILE} | 2018: $(2,790.5) | 2017: 1"
    return answer_views(made, [{"number": 1, "document": "fees", "page": 2, "section": "Charges", "quote": quote}])


def view(**changes: Any) -> dict[str, Any]:
    started = datetime(2026, 11, 24, 9, 30, 12, 345678, tzinfo=UTC)
    steps = (
        ("redact", 0.4, 27.1),
        ("embed", 27.6, 8.8),
        ("rail injection", 36.5, 1.2),
        ("rail toxicity", 36.5, 1.4),
        ("rail topic", 36.6, 0.9),
        ("select", 36.5, 2.2),
        ("retrieve", 38.9, 14.0),
        ("generate", 53.1, 1810.4),
        ("gate segment 1", 812.0, 6.3),
        ("audit segment 1", 818.4, 4.1),
        ("finish", 1866.0, 3.9),
    )
    kinds = ("received", "redacted", "judged", "routed", "retrieved", "generated", "released", "finished")
    return {
        "query": "0193a7c2-41aa-7d3e-9a41-5c0ffee00001",
        "tenant": "halden",
        "conversation": "0193a7c2-0001-7000-8000-000000000001",
        "subject": _digest(5),
        "trace_id": _digest(6)[:32],
        "started": started,
        "finished": started + timedelta(milliseconds=1870),
        "outcome": "answered",
        "question": f"I am <PERSON_1>, my account is <IBAN_CODE_1>. What does the fund cost?\n{HOSTILE}",
        "answer": [
            "The ongoing charge of the Aurora fund is 0.85 per cent a year [1]. ",
            "There is no entry fee [2].",
        ],
        "readings": [reading_view({"language": "de", "reading": HOSTILE, "model": "qwen", "whole": "Was kostet er 2025?"})],
        "answers": answers(),
        "route": {
            "bot": "rag",
            "reasons": ["the question asks about a document (0.82)", "no live figure is asked for"],
            "candidates": [
                {"bot": "rag", "score": 0.82, "reason": "close to 'what are the charges'", "removed": False},
                {"bot": "onprem", "score": 0.31, "reason": "general question", "removed": False},
                {"bot": "api", "score": 0.07, "reason": "no instrument named", "removed": "breaker open"},
            ],
        },
        "verdicts": [
            {
                "direction": direction,
                "segment": segment,
                "rail": rail,
                "category": category,
                "verdict": verdict,
                "probability": probability,
                "threshold": 0.5,
                "reason": reason,
                "ms": 1.3,
            }
            for direction, segment, rail, category, verdict, probability, reason in (
                ("input", None, "injection", "", "allow", 0.031, ""),
                ("input", None, "toxicity", "insult", "allow", 0.12, ""),
                ("input", None, "topic", "", "allow", 0.204, "in scope"),
                ("output", 1, "advice", "promissory", "steer", 0.71, "promises a return"),
                ("output", 2, "toxicity", "", "block", 0.98, HOSTILE),
            )
        ],
        "passages": [
            {
                "number": number,
                "document": f"aurora-factsheet-{number}",
                "page": number,
                "section": "Charges",
                "score": 0.81 - number / 9,
                "text": "Ongoing charges figure: 0.85% a year.\nEntry charge: none.",
            }
            for number in (1, 2)
        ],
        "timings": [{"step": step, "start_ms": start, "ms": ms} for step, start, ms in steps],
        "models": [
            {"role": "generate", "name": "qwen2.5-coder-1.5b-instruct", "digest": _digest(8)},
            {"role": "embed", "name": "all-minilm-l6-v2", "digest": _digest(9)},
        ],
        "policy": {"version": "2026-11-01", "digest": _digest(10)},
        "events": [
            {
                "seq": 1200 + index,
                "kind": kind,
                "time": started + timedelta(milliseconds=200 * index),
                "leaf": _digest(20 + index),
                "chain": _digest(40 + index),
                "labels": {"bot": "rag"} if index > 2 else {},
                "body": {"text": HOSTILE, "score": 820000, "step": index} if index != 2 else None,
                "state": "erased" if index == 2 else "open",
                "intact": index != 6,
            }
            for index, kind in enumerate(kinds)
        ],
        **changes,
    }


def family() -> Family:
    """A document with a hostile title, two former versions, and a group that no key has."""
    latest = DocumentInfo(
        "board/fees and charges.md", "fees", "fees.md", f"Fees {HOSTILE}", _digest(3), frozenset({"public", "Board"}), 12, 48
    )
    latest = replace(latest, path="/srv/share/board/fees and charges.md", version=3, valid_from=date(2026, 1, 1))
    first = replace(latest, key=f"{latest.key}@v1", of=latest.key, version=1, valid_until=date(2025, 6, 30))
    return Family(latest, [replace(first, key=f"{latest.key}@v2", version=2), first])


def documents() -> dict[str, Any]:
    found = [family(), Family(replace(family().latest, key="terms.pdf", valid_from=None, path=""), ())]
    return {"found": found, "count": 900, "search": HOSTILE, "force": _force, "file_state": file_state}


def document() -> dict[str, Any]:
    return {
        "family": family(),
        "one": family().latest,
        "groups": ["board", "public", "research"],
        "strange": ["Board"],
        "force": _force,
        "file_state": file_state,
        "longest": 500,
    }


def _force(one: DocumentInfo) -> str:
    return state(one, date(2026, 11, 24))


PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "documents": ("review/documents.html", documents()),
    "document": ("review/document.html", document()),
    "sign-in": ("review/sign_in.html", {"csrf_token": "token", "error": "This key is not known."}),
    "queries": ("review/queries.html", queries()),
    "queries-tampered": (
        "review/queries.html",
        queries(
            integrity=integrity(
                ok=False,
                problems=[
                    {
                        "log": "halden",
                        "seq": 1201,
                        "what": "leaf differs",
                        "detail": "recomputed 4be1…, stored 90aa…",
                    }
                ],
            )
        ),
    ),
    "queries-stale": (
        "review/queries.html",
        queries(integrity=integrity(checked_at=datetime(2026, 1, 1, tzinfo=UTC)), rows=[], next_href=None),
    ),
    "query": ("review/query.html", {"view": view(), "csrf_token": "token"}),
    "query-bare": (
        "review/query.html",
        {
            "view": view(
                finished=None,
                outcome="refused",
                question=None,
                answer=None,
                route=None,
                verdicts=[],
                passages=[{"document": "fees", "page": None, "section": "", "score": None, "text": ""}],
                timings=[],
                models=[],
                policy=None,
            )
        },
    ),
    "error": ("review/error.html", {"status": 404, "title": "No such query", "detail": HOSTILE}),
}


def pages_app(endpoint: str) -> Flask:
    """Every page at /NAME, the demo page at /, under a policy without inline script or style."""
    flask = Flask("pages", static_folder=str(APP / "static"), template_folder=str(APP / "templates"))
    flask.jinja_env.filters.update(review_filters())
    rooms = [Page("", "Queries", "review/queries.html"), Page("/switches", "Switches", "review/switches.html")]
    flask.jinja_env.globals["navigation"] = lambda _role="": rooms

    @flask.get("/")
    def demo() -> str:
        key = "cs_demo" if endpoint else None
        return render_template(
            "demo.html", endpoint=endpoint, demo_key=key, title="Halden Asset Management", examples=EXAMPLES
        )

    @flask.get("/<name>")
    def review(name: str) -> str:
        template, values = PAGES[name]
        if "integrity" in values and values["integrity"]["checked_at"] is JUST_NOW:
            values = {**values, "integrity": {**values["integrity"], "checked_at": datetime.now(UTC)}}
        return render_template(template, **values)

    @flask.after_request
    def policy(response: Any) -> Any:
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; "
            f"connect-src 'self' {endpoint}; form-action 'self'; frame-ancestors 'none'; "
            "require-trusted-types-for 'script'; trusted-types 'none'"
        )
        return response

    return flask
