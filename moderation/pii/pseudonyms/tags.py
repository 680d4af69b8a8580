"""Tags as text: how they are written, and how they may be spelled by a model and still be read.

Invariant: the canonical form is <ENTITY_1>, for a part of the original <ENTITY_PART_1>; it holds no space, so nothing
that keeps words whole ever cuts it.
"""

from __future__ import annotations

import re

from moderation.pii.entities import ENTITIES

LITERAL = "LITERAL"
PARTS = ("GIVEN", "SURNAME", "SHORT", "INITIALS", "LINE", "LAST")
"""Of a person the first name, the surname, "A. Meyer" and "A. M.", of an address its first line, of a number its end."""

_KIND = r"[A-Z][A-Z]*(?:(?:\\?_|[ -])[A-Z]+){0,3}"
# In brackets a tag may be spelled loosely; bare it must keep its underscore, and a word around it disarms it.
_BRACKETED = rf"(?:<|&lt;|\\<|‹|«)\s*(?P<a>{_KIND})(?:\\?_|[ -])(?P<na>\d{{1,6}})\s*(?:\\?>|&gt;|›|»)"
_SQUARE = rf"[\[{{]\s*(?P<b>{_KIND})(?:\\?_|[ -])(?P<nb>\d{{1,6}})\s*[\]}}](?!\()"
_BARE = r"(?<![\w<\[{&;#@/\\.-])(?P<c>[A-Z]+(?:\\?_[A-Z]+){0,3})\\?_(?P<nc>\d{1,6})(?![\w\]>}])"
TAG = re.compile(f"{_BRACKETED}|{_SQUARE}|{_BARE}", re.I)
CANONICAL = re.compile(r"<([A-Z]+(?:_[A-Z]+){0,3})_(\d{1,6})>")

# A word for what an unknown tag would have stood for; brackets say that something was left out.
_NEUTRAL = {
    "ADDRESS": "(address)", "BANK_ACCOUNT": "(account number)", "CREDIT_CARD": "(card number)", "CRYPTO": "(wallet)",
    "DATE_OF_BIRTH": "(date of birth)", "DATE_TIME": "(date)", "DOMAIN_NAME": "(web site)",
    "EMAIL_ADDRESS": "(e-mail address)", "IBAN_CODE": "(IBAN)", "IP_ADDRESS": "(IP address)", "LITERAL": "(…)",
    "LOCATION": "(place)", "NATIONAL_ID": "(identity number)", "ORGANIZATION": "(organisation)",
    "PASSPORT": "(passport number)", "PERSON": "(name)", "PHONE_NUMBER": "(telephone number)", "SECRET": "(secret)",
    "TAX_ID": "(tax number)", "UK_NHS": "(NHS number)",
    "UK_NINO": "(National Insurance number)", "UK_SORT_CODE": "(sort code)", "US_DRIVER_LICENSE": "(licence number)",
    "US_SSN": "(social security number)",
}  # fmt: skip
_KINDS = ENTITIES | {LITERAL}

# What models make of the kinds' names when they shorten, inflect or translate them; compared without case and separators.
_SYNONYMS = {
    "PERSON": "persons personen persona personas persone pessoa personne personnes persoon osoba name nom nombre nome",
    "ADDRESS": "addresses adresse adressen adres direccion dirección indirizzo endereço endereco",
    "BANK_ACCOUNT": "account_number bankkonto kontonummer compte_bancaire cuenta_bancaria conto_bancario",
    "CREDIT_CARD": "card credit_card_number card_number kreditkarte kreditkartennummer carte_de_crédit carte_de_credit"
    " tarjeta_de_crédito tarjeta_de_credito carta_di_credito cartão_de_crédito",
    "DATE_OF_BIRTH": "dob birth_date birthdate geburtsdatum date_de_naissance fecha_de_nacimiento data_di_nascita",
    "EMAIL_ADDRESS": "email e_mail email_addresses e_mail_address emailadresse e_mail_adresse adresse_e_mail adresse_email"
    " correo_electrónico dirección_de_correo indirizzo_email",
    "IBAN_CODE": "iban iban_codes iban_number code_iban código_iban codigo_iban codice_iban",
    "IP_ADDRESS": "ip ip_adresse adresse_ip dirección_ip",
    "PASSPORT": "passport_number reisepass passeport pasaporte",
    "PHONE_NUMBER": "phone phone_numbers telephone_number telefonnummer numéro_de_téléphone numero_de_telephone"
    " número_de_teléfono numero_de_telefono telefon",
    "TAX_ID": "tax_number steuernummer steuer_id",
    "US_SSN": "ssn social_security_number sozialversicherungsnummer número_de_seguro_social numero_de_seguro_social",
    "UK_NHS": "nhs nhs_number",
    "UK_NINO": "nino",
    "UK_SORT_CODE": "sort_code",
}


def kinds() -> dict[str, tuple[str, str, bool]]:
    """Every spelling of a kind, in lower case with underscores: (entity, part, is the kind's own name)."""
    found: dict[str, tuple[str, str, bool]] = {}
    for entity in _KINDS:
        found[entity.lower()] = (entity, "", True)
        for part in PARTS:
            found[f"{entity}_{part}".lower()] = (entity, part, True)
    for entity, words in _SYNONYMS.items():
        for word in words.split():
            found.setdefault(word, (entity, "", False))
    return found


def tag(entity: str, number: int, part: str = "") -> str:
    return f"<{entity}_{part}_{number}>" if part else f"<{entity}_{number}>"


def read_tag(match: re.Match[str]) -> tuple[str, int]:
    """What a match of TAG says: (entity with its part, number)."""
    kind = match["a"] or match["b"] or match["c"]
    number = match["na"] or match["nb"] or match["nc"]
    return re.sub(r"\\?_|[ -]", "_", kind).upper(), int(number)


def split_part(kind: str) -> tuple[str, str]:
    """ "PERSON_GIVEN" is (PERSON, GIVEN), "IBAN_CODE" is (IBAN_CODE, "")."""
    head, _, tail = kind.rpartition("_")
    return (head, tail) if tail in PARTS and head in _KINDS else (kind, "")


def is_tag(match: re.Match[str]) -> bool:
    """Does the match name a kind that a map can hold?"""
    return split_part(read_tag(match)[0])[0] in _KINDS


def neutral(kind: str) -> str:
    """A word that may stand where a tag stands for nothing."""
    return _NEUTRAL.get(split_part(kind)[0], "(…)")
