"""Events as tables for analysts: CSV, and Parquet where pyarrow is installed (the extra `parquet`).

Invariant: no cell of a CSV file is a formula to a spreadsheet, whatever was logged (OWASP, CSV injection), and
nothing in a cell ends a row or moves the cursor. Tables carry no proofs: they are for counting, bundles are for proving.
"""

import csv
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

from audit.errors import ExportRefused
from audit.read.export import Exported, Source

COLUMNS = (
    "seq", "time", "kind", "query", "conversation", "actor", "subject", "bot", "verdict", "outcome", "labels",
    "policy", "model", "trace_id", "span_id", "event_id", "leaf", "body",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # full-width forms are taken for the plain ones by some
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def write_csv(stream: BinaryIO, source: Source) -> int:
    """UTF-8, every cell quoted, lines ending with CR LF (RFC 4180). Returns how many events."""
    text = io.TextIOWrapper(stream, "utf-8", newline="", write_through=True)
    try:
        rows = csv.writer(text, quoting=csv.QUOTE_ALL)
        rows.writerow(COLUMNS)
        count = 0
        for page in source.pages():
            rows.writerows([inert(_cell(value)) for value in _row(event).values()] for event in page)
            count += len(page)
        return count
    finally:
        text.detach()


def write_parquet(stream: BinaryIO, source: Source) -> int:
    """One row group for each page or more. Returns how many events. Raises ExportRefused without pyarrow."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise ExportRefused("Parquet needs pyarrow: pip install 'countersign[parquet]', or export CSV") from None
    kinds = {"seq": pa.int64(), "time": pa.timestamp("us", tz="UTC")}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])
    count = 0
    with pq.ParquetWriter(stream, schema) as writer:
        for page in source.pages():
            writer.write_table(pa.Table.from_pylist([_row(event) for event in page], schema=schema))
            count += len(page)
    return count


def inert(cell: str) -> str:
    """A cell that a spreadsheet shows as text: an apostrophe goes before what could begin a formula."""
    begins = cell.lstrip()
    return f"'{cell}" if begins.startswith(_FORMULA) or cell[:1] in ("\t", "\r", "\n") else cell


def _row(event: Exported) -> dict[str, Any]:
    told = event.told()
    labels: Mapping[str, Any] = told.get("labels") or {}
    taken = {name: told.get(name) for name in ("kind", "query", "conversation", "actor", "subject")}
    return {
        "seq": event.seq,
        "time": _EPOCH + timedelta(microseconds=told["ts"]),
        **taken,
        **{name: labels.get(name) for name in ("bot", "verdict", "outcome")},
        "labels": json.dumps(labels, sort_keys=True),
        **{name: told.get(name) for name in ("policy", "model", "trace_id", "span_id", "event_id")},
        "leaf": event.leaf.hex(),
        "body": "(erased)" if event.erased else None if event.opened is None else _ascii(event.opened[1]),
    }


def _ascii(body: str) -> str:
    """The body with all but ASCII escaped: what was said cannot turn a line around or hide in it."""
    return json.dumps(json.loads(body), sort_keys=True)


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    return "" if value is None else str(value)
