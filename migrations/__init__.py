"""Alembic migrations of all rooms' tables. `migrations.run.upgrade(url)` brings a database up to date."""
