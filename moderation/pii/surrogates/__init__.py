"""Surrogates: false but well-formed values that stand for personal data in what a model reads.

Invariant: a surrogate says of its original no more than its kind and its form (a country, a network, a number of digits).
People's names are drawn word by word (`names.false_name`), all else at once (`surrogate`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from moderation.pii.surrogates import contacts, dates, money, papers, places
from moderation.pii.surrogates.draw import Draw
from moderation.pii.surrogates.names import false_name, is_kept, looks_given

__all__ = ["Draw", "false_name", "is_kept", "looks_given", "spellings", "surrogate"]

_MAKE: Mapping[str, Callable[[str, Draw], str | None]] = {
    "ADDRESS": places.address,
    "BANK_ACCOUNT": money.account,
    "CREDIT_CARD": money.card,
    "CRYPTO": money.coin,
    "DOMAIN_NAME": contacts.site,
    "EMAIL_ADDRESS": contacts.email,
    "IBAN_CODE": money.iban,
    "IP_ADDRESS": contacts.host,
    "NATIONAL_ID": papers.document,
    "PASSPORT": papers.document,
    "PHONE_NUMBER": contacts.phone,
    "TAX_ID": papers.tax,
    "UK_NHS": papers.health_service,
    "UK_NINO": papers.national_insurance,
    "UK_SORT_CODE": money.sort_code,
    "US_DRIVER_LICENSE": papers.document,
    "US_SSN": papers.social_security,
}


def surrogate(entity: str, original: str, draw: Draw, days: int) -> str | None:
    """One candidate, or None where this kind of thing has no false form: then its tag stands for it.

    days: by how many days the conversation's dates of birth are moved."""
    if entity == "DATE_OF_BIRTH":
        return dates.moved(original, days)
    make = _MAKE.get(entity)
    return make(original, draw) if make is not None else None


def spellings(entity: str, shown: str) -> set[str]:
    """Other ways in which a model may write the surrogate, `shown` among them; separators do not matter."""
    if entity == "PHONE_NUMBER":
        return {shown} | contacts.phone_spellings(shown)
    if entity == "DATE_OF_BIRTH":
        return {shown} | dates.spellings(shown)
    return {shown}
