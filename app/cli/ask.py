"""`countersign ask`: one question, and everything that was decided on the way to its answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import click
import httpx
from rich.console import Console
from rich.table import Table

from app.cli.shared import console, put, settings
from app.settings import Settings
from app.wiring.key_material import demo_key_path

Event = tuple[str, dict[str, Any]]
_STYLES = {"block": "red", "steer": "yellow", "redact": "yellow"}


@click.command()
@click.argument("question")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for machines.")
@click.option("--conversation", default=None, help="Go on with this conversation.")
@click.option("--url", default=None, help="A running service; default: the local one, or none.")
@click.option("--key", default=None, envvar="COUNTERSIGN_KEY", help="API key; default: the demo's.")
@click.option("--light", is_flag=True, help="Use the small chat model where no service runs.")
def ask(question: str, as_json: bool, conversation: str | None, url: str | None, key: str | None, light: bool) -> None:
    """Asks, streams the answer, then shows the route, verdicts, citations, trace and receipt.

    A running service is asked; where none runs, this process answers by itself, with the same pipeline and the same log.

    \b
    countersign ask "What is the NAV of the Aurora Global Equity Fund now?"
    countersign ask --json "What is inflation?"
    """
    found = settings(light=True if light else None)
    secret = key or (demo_key_path(found).read_text("utf-8").strip() if demo_key_path(found).is_file() else None)
    address = url or found.public_url
    if secret and (url or _answers(address)):
        events = _over_http(address, secret, question, conversation)
    elif url:
        raise click.ClickException("give the service's key with --key or COUNTERSIGN_KEY")
    else:
        events = _in_process(found, question, conversation)
    _show(events, as_json)


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz", timeout=1, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _over_http(address: str, secret: str, question: str, conversation: str | None) -> Iterator[Event]:
    asked: dict[str, Any] = {"message": question, "stream": True}
    if conversation:
        asked["conversation_id"] = conversation
    headers = {"Authorization": f"Bearer {secret}"}
    try:
        with (
            httpx.Client(timeout=httpx.Timeout(10, read=600), trust_env=False) as client,
            client.stream("POST", f"{address}/v1/chat", json=asked, headers=headers) as response,
        ):
            if response.status_code != 200:
                problem = json.loads(response.read())
                raise click.ClickException(f"{problem['status']}: {problem['detail']}")
            name = ""
            for line in response.iter_lines():
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    yield name, json.loads(line[6:])
    except httpx.HTTPError as error:
        raise click.ClickException(
            f"{address} does not answer ({type(error).__name__}); start it: countersign up"
        ) from error


def _in_process(found: Settings, question: str, conversation: str | None) -> Iterator[Event]:
    """The same journey without a server, asked by the person at the terminal."""
    from uuid_utils import uuid7

    from app.api.chat import citation_view, done_view, refusal_view, route_view
    from app.wiring.service import Service
    from orchestrator.journey.outgoing import Answer, CitationOut, RefusalOut, RouteOut, SegmentOut
    from orchestrator.types import Query

    with Service.open(found) as service:
        with console().status("loading the models (a running service answers at once: countersign up) …"):
            running = service.warm()
        query = Query(
            id=f"q_{uuid7().hex}",
            conversation=conversation or f"c_{uuid7().hex}",
            tenant=found.tenant,
            subject=service.deployment.keys.pseudonym(found.tenant, "terminal"),
            actor="terminal",
            groups=frozenset({"public"}),
            text=question,
            fresh=conversation is None,
        )
        for out in running.pipeline.answer(query, {"max_tokens": found.max_tokens, "temperature": 0.0}):
            match out:
                case RouteOut(route):
                    yield "route", route_view(route)
                case SegmentOut(number, text):
                    yield "segment", {"id": number, "text": text}
                case CitationOut(citation):
                    yield "citation", citation_view(citation)
                case RefusalOut():
                    yield "refusal", refusal_view(out)
                case Answer():
                    yield "done", done_view(out)


def _show(events: Iterator[Event], as_json: bool) -> None:
    out = Console(highlight=False)
    answer: list[str] = []
    document: dict[str, Any] = {"citations": [], "refusal": None}
    for name, data in events:
        match name:
            case "segment":
                answer.append(data["text"])
                if not as_json:
                    out.print(data["text"], end="", markup=False, soft_wrap=True)
            case "citation":
                document["citations"].append(data)
            case "refusal":
                document["refusal"] = data
            case "done":
                document.update(data)
            case "error":
                raise click.ClickException(f"{data['status']}: {data['detail']}")
    document["answer"] = "".join(answer).strip()
    if as_json:
        put(document)
        return
    if answer:
        out.print()
    _explain(out, document)


def _explain(out: Console, document: dict[str, Any]) -> None:
    """What was decided: for a reader at a terminal."""
    if refusal := document["refusal"]:
        out.print(refusal["message"], markup=False)
        for offer in refusal["alternatives"]:
            out.print(f"  - {offer['text']}", markup=False)
    out.print()
    for citation in document["citations"]:
        page = f", page {citation['page']}" if citation["page"] else ""
        section = f", {citation['section']}" if citation["section"] else ""
        out.print(f"[{citation['number']}] {citation['document']}{page}{section}", markup=False, style="cyan")
    if route := document.get("route"):
        table = Table("bot", "score", "why", title=f"Route: {route['bot']}", title_justify="left")
        for candidate in route["candidates"]:
            score = "removed" if candidate["removed"] else f"{candidate['score']:.2f}"
            table.add_row(candidate["bot"], score, candidate["reason"])
        out.print(table)
    _verdicts(out, document.get("verdicts", ()))
    receipt = document.get("receipt", {})
    out.print(f"outcome       {document.get('outcome')}    ({document.get('timings_ms', {}).get('total', 0):.0f} ms)")
    out.print(f"conversation  {document.get('conversation_id')}")
    out.print(f"query         {document.get('query_id')}")
    out.print(f"trace         {document.get('trace_id')}")
    out.print(f"receipt       {receipt.get('log')} #{receipt.get('seq')}, leaf {receipt.get('leaf')}", soft_wrap=True)


def _verdicts(out: Console, verdicts: Sequence[dict[str, Any]]) -> None:
    """A row for the question and for each segment, a column for each rail; then why, for all that was not allowed."""
    rails = list(dict.fromkeys(v["rail"] for v in verdicts))
    table = Table("", *rails, title="Verdicts: probability / threshold", title_justify="left")
    rows: dict[tuple[bool, int], dict[str, str]] = {}
    for v in verdicts:
        style = _STYLES.get(v["verdict"])
        figures = f"{v['probability']:.2f} / {v['threshold']:.2f}"
        cell = f"[{style}]{v['verdict']}[/] {figures}" if style else figures
        rows.setdefault((v["direction"] == "output", v["segment"] or 0), {})[v["rail"]] = cell
    for (is_output, segment), cells in sorted(rows.items()):
        table.add_row(f"segment {segment}" if is_output else "question", *(cells.get(rail, "") for rail in rails))
    out.print(table)
    for v in verdicts:
        if v["verdict"] != "allow":
            out.print(f"{v['rail']}: {v['verdict']}, {v['reason']}", markup=False)
