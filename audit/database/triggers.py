"""The triggers that make the tables append-only, as a database has them today, on SQLite and PostgreSQL.

Invariant: a statement that would change, remove, replace or misplace a row is refused by the database itself, whoever sends
it. They stop mistakes and a taken-over service; who owns the database can drop them, and is then caught by the verifier.
Migrations hold frozen copies of what they make; the sum of them is what this file says, and a test compares the two.
"""

from audit.database.tables import TABLES

_NOT_AT_THE_END = (
    "NOT EXISTS (SELECT 1 FROM {s}audit_record WHERE log = NEW.log AND seq = NEW.size - 1)"
    " OR EXISTS (SELECT 1 FROM {s}audit_record WHERE log = NEW.log AND seq >= NEW.size)"
)

# What an INSERT must not be. Only points and ends of the primary key are looked up. PostgreSQL keeps the plan it made while
# the table was empty; so that it stays the right one, no other index starts with `log` and table scans are switched off.
_REFUSED_INSERT = {
    "audit_log_head": "NEW.size <> 0",
    "audit_record": "NEW.seq < 0 OR NEW.seq > 0"
    " AND NOT EXISTS (SELECT 1 FROM {s}audit_record WHERE log = NEW.log AND seq = NEW.seq - 1)"
    " OR EXISTS (SELECT 1 FROM {s}audit_record WHERE log = NEW.log AND seq >= NEW.seq)",
    "audit_payload": "NOT EXISTS (SELECT 1 FROM {s}audit_record WHERE log = NEW.log AND seq = NEW.seq)",
    "audit_batch": "NEW.first < 0 OR NEW.size <= NEW.first OR NEW.first > 0"  # noqa: S608
    " AND NOT EXISTS (SELECT 1 FROM {s}audit_batch WHERE log = NEW.log AND size = NEW.first)"
    " OR EXISTS (SELECT 1 FROM {s}audit_batch WHERE log = NEW.log AND size > NEW.first)"
    f" OR {_NOT_AT_THE_END}",
    # These rows go in behind the last one, and beside the records that they speak of. 8 is audit.database.tiles.LEAVES.
    "audit_tile": "NEW.idx < 0 OR NEW.idx > 0"
    " AND NOT EXISTS (SELECT 1 FROM {s}audit_tile WHERE log = NEW.log AND idx = NEW.idx - 1)"
    " OR EXISTS (SELECT 1 FROM {s}audit_tile WHERE log = NEW.log AND idx >= NEW.idx)"
    " OR NOT EXISTS (SELECT 1 FROM {s}audit_record WHERE log = NEW.log AND seq = NEW.idx * 8 + 7)",
    "audit_checkpoint": "NEW.epoch <> 1"
    " AND NOT EXISTS (SELECT 1 FROM {s}audit_epoch WHERE log = NEW.log AND epoch = NEW.epoch)"
    " OR EXISTS (SELECT 1 FROM {s}audit_epoch WHERE log = NEW.log AND epoch > NEW.epoch)"
    " OR EXISTS (SELECT 1 FROM {s}audit_checkpoint WHERE log = NEW.log AND epoch = NEW.epoch AND size >= NEW.size)"
    " OR NOT EXISTS (SELECT 1 FROM {s}audit_record WHERE log = NEW.log AND seq = NEW.size - 1)",
    "audit_cosignature": "NOT EXISTS"
    " (SELECT 1 FROM {s}audit_checkpoint WHERE log = NEW.log AND epoch = NEW.epoch AND size = NEW.size)"
    " OR EXISTS (SELECT 1 FROM {s}audit_cosignature"
    " WHERE log = NEW.log AND epoch = NEW.epoch AND size = NEW.size AND witness = NEW.witness)",
    "audit_epoch": "NEW.epoch < 2 OR NEW.epoch > 2"
    " AND NOT EXISTS (SELECT 1 FROM {s}audit_epoch WHERE log = NEW.log AND epoch = NEW.epoch - 1)"
    " OR EXISTS (SELECT 1 FROM {s}audit_epoch WHERE log = NEW.log AND epoch >= NEW.epoch)"
    " OR NOT EXISTS (SELECT 1 FROM {s}audit_record WHERE log = NEW.log AND seq = NEW.first)",
}
# On SQLite, INSERT OR REPLACE deletes the row that stands in the way without firing DELETE triggers: every UNIQUE column
# needs an EXISTS of its own.
_REPLACED = {
    "audit_log_head": "SELECT 1 FROM audit_log_head WHERE log = NEW.log",
    "audit_record": "SELECT 1 FROM audit_record WHERE log = NEW.log AND event_id = NEW.event_id",
    "audit_payload": "SELECT 1 FROM audit_payload WHERE log = NEW.log AND seq = NEW.seq",
    "audit_batch": "SELECT 1 FROM audit_batch WHERE log = NEW.log AND size = NEW.size",
}
_REFUSED_HEAD_UPDATE = (
    f"NEW.log <> OLD.log OR NEW.size <= OLD.size OR {_NOT_AT_THE_END} OR NEW.chain <>"  # noqa: S608
    " (SELECT chain FROM {s}audit_record WHERE log = NEW.log AND seq = NEW.size - 1)"
)
_OUT_OF_PLACE = "is append-only: this row is out of place or already there"


def sqlite_triggers() -> dict[str, str]:
    """Trigger name to CREATE TRIGGER statement."""
    made: dict[str, str] = {}
    for table in TABLES:
        # The other tables' only UNIQUE columns are their primary keys, which _REFUSED_INSERT looks up already.
        replaced = f" OR EXISTS ({_REPLACED[table]})" if table in _REPLACED else ""
        made |= _sqlite_trigger(table, "INSERT", _REFUSED_INSERT[table].format(s="") + replaced, _OUT_OF_PLACE)
        if table == "audit_log_head":
            moved = _REFUSED_HEAD_UPDATE.format(s="")
            made |= _sqlite_trigger(table, "UPDATE", moved, "moves only forward, to its last record")
        else:
            made |= _sqlite_trigger(table, "UPDATE", "", "is append-only: UPDATE refused")
        made |= _sqlite_trigger(table, "DELETE", "", "is append-only: DELETE refused")
    return made


def postgres_functions(schema: str) -> dict[str, str]:
    """Function name to body. Names inside are qualified: a temporary table of the same name must not stand in for ours."""
    s = _quoted(schema) + "."
    functions = {
        "audit_refuse": "BEGIN RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP"
        " USING ERRCODE = 'insufficient_privilege'; END"
    }
    for table in TABLES:
        functions[f"{table}_check"] = _postgres_check(_REFUSED_INSERT[table].format(s=s), _OUT_OF_PLACE)
    functions["audit_log_head_move"] = _postgres_check(
        _REFUSED_HEAD_UPDATE.format(s=s), "moves only forward, to its last record"
    )
    return functions


def postgres_triggers() -> dict[str, tuple[str, str, str]]:
    """Trigger name to (table, when, function)."""
    made: dict[str, tuple[str, str, str]] = {}
    for table in TABLES:
        made[f"{table}_insert"] = (table, "BEFORE INSERT ON {} FOR EACH ROW", f"{table}_check")
        if table == "audit_log_head":
            made[f"{table}_update"] = (table, "BEFORE UPDATE ON {} FOR EACH ROW", "audit_log_head_move")
            made[f"{table}_delete"] = (table, "BEFORE DELETE ON {} FOR EACH ROW", "audit_refuse")
        else:
            made[f"{table}_change"] = (table, "BEFORE UPDATE OR DELETE ON {} FOR EACH ROW", "audit_refuse")
        made[f"{table}_truncate"] = (table, "BEFORE TRUNCATE ON {} FOR EACH STATEMENT", "audit_refuse")
    return made


def postgres_trigger_type(when: str) -> int:
    """pg_trigger.tgtype of a trigger made with these words (catalog/pg_trigger.h)."""
    bits = {"ROW": 1, "BEFORE": 2, "INSERT": 4, "DELETE": 8, "UPDATE": 16, "TRUNCATE": 32}
    return sum(bit for word, bit in bits.items() if word in when.split())


def service_grants(role: str, schema: str = "public") -> list[str]:
    """What the service's own PostgreSQL role needs, and no more: run as the owner of the tables."""
    s, who = _quoted(schema), _quoted(role)
    return [
        f"GRANT USAGE ON SCHEMA {s} TO {who}",
        *(f"GRANT SELECT, INSERT ON {s}.{table} TO {who}" for table in TABLES),
        f"GRANT UPDATE (size, chain, root, peaks) ON {s}.audit_log_head TO {who}",
    ]


def _sqlite_trigger(table: str, when: str, condition: str, message: str) -> dict[str, str]:
    name = f"{table}_{when.lower()}"
    return {
        name: f"CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH ROW"
        f"{' WHEN ' + condition if condition else ''} BEGIN SELECT RAISE(ABORT, '{table} {message}'); END"
    }


def _postgres_check(condition: str, message: str) -> str:
    return (
        f"BEGIN IF {condition} THEN RAISE EXCEPTION '% {message}', TG_TABLE_NAME"
        " USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END"
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
