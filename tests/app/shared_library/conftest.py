"""A schema of its own on the test server."""

from tests.audit.conftest import postgres_url

__all__ = ["postgres_url"]
