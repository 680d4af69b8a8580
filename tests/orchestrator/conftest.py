"""The databases and the subjects' keys of the audit tests, for the memory's."""

from tests.audit.conftest import engine, keys, postgres_url, url

__all__ = ["engine", "keys", "postgres_url", "url"]
