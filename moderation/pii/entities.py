"""The names of personal data that a policy may use. Imports nothing heavy: a policy is read without Presidio."""

from __future__ import annotations

from collections.abc import Iterable

from moderation.types import ModerationError

# What a policy replaces unless it says otherwise. Places, firms and dates are found, but a question is about them.
PSEUDONYMISED = frozenset(
    (
        "PERSON", "ADDRESS", "CREDIT_CARD", "PHONE_NUMBER", "EMAIL_ADDRESS", "US_SSN", "IBAN_CODE", "US_DRIVER_LICENSE",
        "IP_ADDRESS", "PASSPORT", "TAX_ID", "NATIONAL_ID", "UK_NHS", "UK_NINO", "UK_SORT_CODE", "BANK_ACCOUNT",
        "DATE_OF_BIRTH", "CRYPTO", "SECRET",
    )
)  # fmt: skip
# Names that Presidio gives to what we call otherwise; a policy may use either.
ALIASES = {
    "US_PASSPORT": "PASSPORT", "UK_PASSPORT": "PASSPORT", "US_BANK_NUMBER": "BANK_ACCOUNT", "US_ITIN": "TAX_ID",
    "IT_FISCAL_CODE": "TAX_ID", "ES_NIF": "TAX_ID", "ES_NIE": "TAX_ID", "URL": "DOMAIN_NAME",
    "UK_DRIVING_LICENCE": "US_DRIVER_LICENSE",
}  # fmt: skip
ENTITIES = PSEUDONYMISED | {"LOCATION", "ORGANIZATION", "DATE_TIME", "DOMAIN_NAME"}


class PiiError(ModerationError):
    """The redactor cannot be loaded, or is asked for an entity that nothing finds."""


def known_entities(names: Iterable[str]) -> frozenset[str]:
    """The entities that `names` mean, Presidio's names included. Raises PiiError for a name that nothing finds."""
    meant = frozenset(ALIASES.get(name, name) for name in names)
    unknown = sorted(meant - ENTITIES)
    if unknown:
        raise PiiError(
            f"entity {unknown[0]!r} is unknown, nothing would be redacted for it; known are {', '.join(sorted(ENTITIES))}"
        )
    return meant
