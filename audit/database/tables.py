"""The tables of the log.

Invariant: every column is either inside the hashed envelope too, or recomputed from it, so the verifier notices
any changed byte. Rows are only ever added; the head is the one row that moves, and only forward (audit.database.triggers).

Sequence numbers start at 0 and are the leaves' indexes. There are no foreign keys: the verifier checks both directions, and
a key check per row would cost more than the hash.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

TABLES = (
    "audit_log_head", "audit_record", "audit_payload", "audit_batch",
    "audit_tile", "audit_checkpoint", "audit_cosignature", "audit_epoch",
)  # fmt: skip
"""Every table of the log, in the order in which rows go in."""
metadata = MetaData()

_Number = BigInteger().with_variant(Integer, "sqlite")  # SQLite's STRICT tables know INTEGER only, which has 64 bits

head = Table(
    "audit_log_head",
    metadata,
    Column("log", Text, primary_key=True),
    Column("size", _Number, nullable=False),  # = the next sequence number
    Column("chain", LargeBinary, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("peaks", LargeBinary, nullable=False),  # audit.format.merkle.CompactRange
    sqlite_strict=True,
    postgresql_with={"fillfactor": 50},  # the row is updated per batch: leave room for heap-only updates
)

record = Table(
    "audit_record",
    metadata,
    Column("log", Text, primary_key=True),
    Column("seq", _Number, primary_key=True, autoincrement=False),
    Column("event_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("query", Text),
    Column("conversation", Text),
    Column("actor", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("ts", _Number, nullable=False),  # microseconds since 1970 UTC
    Column("bot", Text),
    Column("verdict", Text),
    Column("outcome", Text),
    Column("envelope", LargeBinary, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("chain", LargeBinary, nullable=False),
    # No index but the primary key starts with `log`: see audit.database.triggers.
    UniqueConstraint("event_id", "log", name="audit_record_event"),
    Index("audit_record_query", "query", "log", "seq"),
    Index("audit_record_kind", "kind", "log", "seq"),
    sqlite_strict=True,
)

payload = Table(
    "audit_payload",
    metadata,
    Column("log", Text, primary_key=True),
    Column("seq", _Number, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
    sqlite_strict=True,
)

batch = Table(
    "audit_batch",
    metadata,
    Column("log", Text, primary_key=True),
    Column("size", _Number, primary_key=True, autoincrement=False),  # of the tree after this batch
    Column("first", _Number, nullable=False),  # = size of the batch before: a missing batch shows
    Column("root", LargeBinary, nullable=False),
    sqlite_strict=True,
)

tile = Table(
    "audit_tile",
    metadata,
    Column("log", Text, primary_key=True),
    Column("idx", _Number, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),  # audit.database.tiles
    sqlite_strict=True,
)

checkpoint = Table(
    "audit_checkpoint",
    metadata,
    Column("log", Text, primary_key=True),
    Column("epoch", _Number, primary_key=True, autoincrement=False),
    Column("size", _Number, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),  # with the signatures of the log's own keys
    sqlite_strict=True,
)

cosignature = Table(
    "audit_cosignature",
    metadata,
    Column("log", Text, primary_key=True),
    Column("epoch", _Number, primary_key=True, autoincrement=False),
    Column("size", _Number, primary_key=True, autoincrement=False),
    Column("witness", Text, primary_key=True),  # name+hash of its key
    Column("line", Text, nullable=False),  # holds the time too
    sqlite_strict=True,
)

epoch = Table(
    "audit_epoch",
    metadata,
    Column("log", Text, primary_key=True),
    Column("epoch", _Number, primary_key=True, autoincrement=False),  # from 2: the first needs no row
    Column("first", _Number, nullable=False),  # sequence number of its epoch.started event
    Column("note", Text, nullable=False),  # the last checkpoint of the history that was lost
    sqlite_strict=True,
)
