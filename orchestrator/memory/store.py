"""Conversations in the database.

Invariant: a conversation belongs to one subject of one tenant, and is neither read nor written for anybody else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from sqlalchemy import Connection, Engine, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from audit.database.engine import writing
from audit.errors import KeyDestroyed
from orchestrator.errors import ConversationUnknown, RecordUnavailable
from orchestrator.memory.tables import conversation, turn
from orchestrator.types import Basis, Outcome, Turn

REMEMBERED = 4
"""Turns that a model sees: enough for "and of the other one?", little enough to keep prompts short."""


class Seal(Protocol):
    """Authenticated encryption with the subject's key."""

    def seal(self, subject: str, plaintext: bytes, context: bytes = b"") -> bytes: ...
    def open(self, subject: str, sealed: bytes, context: bytes = b"") -> bytes: ...


class ConversationStore:
    """Implements `orchestrator.ports.Remember` on SQLAlchemy. Holds no state between calls."""

    def __init__(self, engine: Engine, keys: Seal) -> None:
        self._engine, self._keys = engine, keys

    def load(self, tenant: str, subject: str, conversation_id: str) -> tuple[bytes | None, Sequence[Turn]]:
        """The dumped pseudonyms and the last answered turns, oldest first; each with what must be readable to whoever is
        told of it (see `orchestrator.memory.carried`).

        Raises ConversationUnknown when there is no such conversation, it is somebody else's or its key was destroyed,
        RecordUnavailable when the database cannot be read.
        """
        try:
            with self._engine.connect() as db:
                row = db.execute(select(conversation).where(conversation.c.id == conversation_id)).one_or_none()
                if row is None or (row.tenant, row.subject) != (tenant, subject):
                    raise ConversationUnknown(f"conversation '{conversation_id}' is unknown; leave it out to start one")
                rows = db.execute(
                    select(turn.c.query, turn.c.sealed)
                    .where(turn.c.conversation == conversation_id, turn.c.outcome == Outcome.ANSWERED.value)
                    .order_by(turn.c.number.desc())
                    .limit(REMEMBERED)
                ).all()
        except SQLAlchemyError as error:
            raise RecordUnavailable("the conversation store cannot be read; try again shortly") from error
        try:
            dumped = None
            if row.pseudonyms is not None:
                dumped = self._keys.open(subject, row.pseudonyms, conversation_id.encode())
            turns = [_turn(r.query, self._keys.open(subject, r.sealed, r.query.encode())) for r in reversed(rows)]
        except KeyDestroyed as error:
            raise ConversationUnknown(
                f"conversation '{conversation_id}' has been erased; leave it out to start another"
            ) from error
        return dumped, turns

    def save_pseudonyms(self, tenant: str, subject: str, conversation_id: str, dumped: bytes) -> None:
        """Keeps the conversation's pseudonyms, sealed. Raises RecordUnavailable and ConversationUnknown."""
        sealed = self._keys.seal(subject, dumped, conversation_id.encode())
        try:
            with writing(self._engine) as db:
                _take(db, tenant, subject, conversation_id)
                db.execute(update(conversation).where(conversation.c.id == conversation_id).values(pseudonyms=sealed))
        except SQLAlchemyError as error:
            raise RecordUnavailable("the conversation store cannot be written; try again shortly") from error

    def save_turn(self, tenant: str, subject: str, conversation_id: str, query: str, said: Turn, outcome: str) -> None:
        """Appends a turn. Raises RecordUnavailable and ConversationUnknown."""
        sealed = self._keys.seal(subject, _body(said), query.encode())
        try:
            with writing(self._engine) as db:
                _take(db, tenant, subject, conversation_id)
                last = db.scalar(select(func.max(turn.c.number)).where(turn.c.conversation == conversation_id)) or 0
                db.execute(
                    insert(turn).values(
                        conversation=conversation_id,
                        number=last + 1,
                        query=query,
                        outcome=outcome,
                        sealed=sealed,
                        created=datetime.now(UTC),
                    )
                )
        except SQLAlchemyError as error:
            raise RecordUnavailable("the conversation store cannot be written; try again shortly") from error


def _body(said: Turn) -> bytes:
    body: dict[str, object] = {"question": said.question, "answer": said.answer}
    if said.basis is not None:
        body |= {"groups": sorted(said.basis.groups), "documents": sorted(said.basis.documents)}
    return json.dumps(body).encode()


def _turn(query: str, body: bytes) -> Turn:
    found = json.loads(body)
    known = "groups" in found and "documents" in found
    basis = Basis(frozenset(found["groups"]), frozenset(found["documents"])) if known else None
    return Turn(found["question"], found["answer"], query, basis)


def _take(db: Connection, tenant: str, subject: str, conversation_id: str) -> None:
    """The conversation's row for this transaction alone: made if it is not there, then locked (SQLite's
    write lock is held already). Nobody takes another's conversation."""
    row = {"id": conversation_id, "tenant": tenant, "subject": subject, "created": datetime.now(UTC)}
    if db.dialect.name == "postgresql":
        db.execute(postgresql.insert(conversation).values(row).on_conflict_do_nothing())
    else:
        db.execute(sqlite.insert(conversation).values(row).on_conflict_do_nothing())
    columns = select(conversation.c.tenant, conversation.c.subject)
    owner = db.execute(columns.where(conversation.c.id == conversation_id).with_for_update()).one()
    if tuple(owner) != (tenant, subject):
        raise ConversationUnknown(f"conversation '{conversation_id}' is unknown; leave it out to start one")
