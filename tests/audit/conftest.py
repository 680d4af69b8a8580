"""A fresh, migrated database for every test, on both engines; without a PostgreSQL server its tests are skipped by name."""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from audit import kinds
from audit.append.store import AuditStore
from audit.database.engine import create_engine_for
from audit.format.events import Entry
from audit.format.kind import Kind, Whose
from audit.sealing.subject_keys import SubjectKeys
from migrations.run import upgrade

POSTGRES = os.environ.get("COUNTERSIGN_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
KEK = bytes(range(32))


def entry(number: int = 0, **changes: Any) -> Entry:
    fields: dict[str, Any] = {
        "kind": "judged", "query": f"query-{number // 4}", "conversation": "conversation-1", "actor": "actor:9f1c",
        "subject": "subject:77aa", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "00f067aa0ba902b7",
        "policy_digest": "aa" * 32, "model_digest": "bb" * 32,
        "labels": {"rail": "toxicity", "verdict": "allow", "bot": "rag", "score": 120_000},
        "body": {"text": f"what the customer asked, number {number}", "score": 120_000},
    }  # fmt: skip
    fields |= changes
    name = fields.pop("kind")
    return Entry(kinds.BY_NAME.get(name) or Kind(name, Whose.QUERY, "Of a test."), **fields)


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """A schema of its own on the test server."""
    parsed = make_url(POSTGRES)
    plain = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        admin = psycopg.connect(plain, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL at {parsed.render_as_string()}: {str(error).splitlines()[0]}")
    schema = f"audit_test_{uuid.uuid4().hex[:12]}"
    with admin:
        admin.execute(f'CREATE SCHEMA "{schema}"')
        yield parsed.update_query_dict({"options": f"-csearch_path={schema}"}).render_as_string(hide_password=False)
        admin.execute(f'DROP SCHEMA "{schema}" CASCADE')


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/main.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """A migrated database on each engine."""
    upgrade(url)
    engine = create_engine_for(url)
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    path = tmp_path / "main.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[SubjectKeys]:
    keys = SubjectKeys(f"sqlite:///{tmp_path}/keys.db", KEK)
    yield keys
    keys.close()


@pytest.fixture
def opened(keys: SubjectKeys) -> Iterator[Callable[..., AuditStore]]:
    """Opens stores and closes them at the end. They take any body: what is tested here does not depend on it."""
    stores: list[AuditStore] = []

    def opened(engine: Engine, **options: Any) -> AuditStore:
        stores.append(AuditStore(engine, keys, **{"strict": False, **options}))
        return stores[-1]

    yield opened
    for store in stores:
        store.close()


@pytest.fixture
def store(engine: Engine, opened: Callable[..., AuditStore]) -> AuditStore:
    return opened(engine)


def fill(store: AuditStore, count: int, tenant: str = "acme", start: int = 0) -> None:
    """Appends in several batches, so that there is more than one root."""
    tickets = []
    for number in range(start, start + count):
        tickets.append(store.append(tenant, entry(number)))
        if number % 5 == 4:
            tickets[-1].wait()
    for ticket in tickets:
        ticket.wait()
