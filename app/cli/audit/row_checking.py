"""Opens what is needed to compare database rows with the log. Makes no key and no key store where there is none."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.governance.row_check import RowCheck
from app.settings import Settings
from app.wiring.key_material import key_encryption_key, row_seals
from audit.errors import AuditError
from audit.read.reader import AuditReader
from audit.sealing.subject_keys import SubjectKeys
from audit.verify.problems import Report
from migrations.run import standing
from moderation.severity import ACTIONS


def check_rows(
    settings: Settings, engine: Engine, report: Report, tenant: str | None, unchecked: Callable[[str], None]
) -> Report:
    """The report of the log with what the rows have against them. unchecked: told why they cannot be compared, where
    somebody verifies who may not read the key-encryption key, or a database that is damaged or of another version."""
    if settings.kek is None and not settings.kek_path.is_file():
        unchecked(f"there is no key-encryption key at {settings.kek_path}")
        return report
    try:
        if standing(settings.url) != "current":
            unchecked("the database is of another version; migrate it first: countersign migrate")
            return report
        kek = key_encryption_key(settings)
        subjects = SubjectKeys(settings.keys_url, kek)
    except (OSError, AuditError, SQLAlchemyError) as error:
        unchecked(str(error).splitlines()[0])
        return report
    try:
        reader = AuditReader(engine, subjects, ACTIONS)
        return RowCheck(engine, reader, row_seals(kek), settings.tenant).added_to(report, tenant)
    except (AuditError, SQLAlchemyError) as error:
        unchecked(str(error).splitlines()[0])
        return report
    finally:
        subjects.close()
