"""`countersign models redact`: personal data out of training rows, before anything is learnt from them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import click

from app.cli.shared import InputError, console, progress, settings


@click.command()
@click.option("--data", "rows", required=True, type=click.Path(path_type=Path), help="JSON lines, as finetune reads them.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file to write; must not be there yet.")
def redact(rows: Path, out: Path) -> None:
    """Replaces personal data in training rows by the tags that the model reads in service too (<PERSON_1>, <IBAN_CODE_1>).

    A row's messages share their tags; rows do not, so that nobody can be followed from one to the next. What finds personal
    data misses some of it: look through the result before you train on it.

    \b
    countersign models redact --data answers.jsonl --out answers-redacted.jsonl
    """
    from app.wiring.parts import open_redactor
    from inference.finetune.rows import read_rows
    from inference.store.model_store import ModelStore
    from moderation.pii.pseudonyms import Pseudonyms

    if out.exists():
        raise InputError(f"{out} is there already; choose another file, or remove it")
    found = settings()
    read = read_rows(rows)
    redactor = open_redactor(found, ModelStore(found.models_dir))
    counts: Counter[str] = Counter()
    scratch = out.with_name(f".{out.name}.partial")
    try:
        with scratch.open("w", encoding="utf-8") as file, progress() as bar:
            for done, row in enumerate(read, 1):
                pseudonyms = Pseudonyms()
                messages = []
                for message in row.messages:
                    redaction = redactor.redact(message.content, pseudonyms)
                    counts.update(redaction.counts)
                    messages.append({"role": message.role, "content": redaction.text})
                file.write(json.dumps({"messages": messages}, ensure_ascii=False) + "\n")
                bar("redacting", done, len(read))
        scratch.rename(out)
    finally:
        scratch.unlink(missing_ok=True)
    told = ", ".join(f"{count} {entity}" for entity, count in counts.most_common()) or "nothing found"
    console().print(f"[green]{len(read)} rows[/], replaced: {told}")
