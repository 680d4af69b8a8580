"""The log's own fixtures, and processes to kill."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audit.conftest import engine, keys, opened, postgres_url, sqlite_file, store, url
from tests.faults.drivers import Nursery

__all__ = ["engine", "keys", "nursery", "opened", "postgres_url", "sqlite_file", "store", "url"]


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture
def keys_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/keys.db"
