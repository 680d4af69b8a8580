"""The `countersign` command. Importing this loads no model and no database: each command imports what it needs."""

from app.cli.main import main

__all__ = ["main"]
