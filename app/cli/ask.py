"""`countersign ask`: one question, and everything that was decided on the way to its answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from app.cli.ask_lines import collected, from_standard_input
from app.cli.asking import Event, asker
from app.cli.shared import put, settings

_STYLES = {"block": "red", "steer": "yellow", "redact": "yellow"}


@click.command()
@click.argument("question", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for machines.")
@click.option("--jsonl", is_flag=True, help='Read {"id", "question", …} lines from standard input, print one line for each.')
@click.option("--conversation", default=None, help="Go on with this conversation.")
@click.option("--url", default=None, help="A running service; default: the local one, or none.")
@click.option("--key", default=None, envvar="COUNTERSIGN_KEY", help="API key; default: the demo's.")
@click.option("--light", is_flag=True, help="Use the small chat model where no service runs.")
def ask(
    question: str | None, as_json: bool, jsonl: bool, conversation: str | None, url: str | None, key: str | None, light: bool
) -> None:
    """Asks, streams the answer, then shows the route, verdicts, citations, trace and receipt.

    A running service is asked; where none runs, this process answers by itself, with the same pipeline and the same log.

    With --jsonl each line is {"id", "question", "groups"?: […], "conversation"?}: groups are those whose documents are read
    (over --url they need an administrator's key), and lines that share a conversation are its turns.

    \b
    countersign ask "What is the NAV of the Aurora Global Equity Fund now?"
    countersign ask --json "What is inflation?"
    countersign ask --jsonl < questions.jsonl > answers.jsonl
    """
    if jsonl == (question is not None) or (jsonl and (as_json or conversation)):
        raise click.UsageError("give a question, or --jsonl alone and lines on standard input")
    found = asker(settings(light=True if light else None), url, key)
    if question is None:
        from_standard_input(found)
        return
    with found:
        _show(found.ask(question, conversation, None), as_json)


def _show(events: Iterator[Event], as_json: bool) -> None:
    out = Console(highlight=False, emoji=False)
    document = collected(events if as_json else _printed(events, out))
    if as_json:
        put(document)
        return
    if document["answer"]:
        out.print()
    _explain(out, document)


def _printed(events: Iterator[Event], out: Console) -> Iterator[Event]:
    """The same events, with each segment on the screen as soon as it is there."""
    for name, data in events:
        if name == "segment":
            out.print(data["text"], end="", markup=False, soft_wrap=True)
        yield name, data


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
