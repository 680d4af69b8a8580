"""Reversible pseudonyms: what stands for personal data in one conversation, and the way back for who may have it.

Inside the house a pseudonym is always a tag (<PERSON_1>). A model may read a surrogate in its place, a false but well-formed
value; what it writes is read back into tags before anything else sees it.
"""

from moderation.pii.pseudonyms.name_words import bare_name, name_words
from moderation.pii.pseudonyms.pseudonym_map import ModelMessages, PseudonymError, Pseudonyms, Style, identity
from moderation.pii.pseudonyms.tags import LITERAL, TAG, is_tag, read_tag

__all__ = [
    "LITERAL",
    "TAG",
    "ModelMessages",
    "PseudonymError",
    "Pseudonyms",
    "Style",
    "bare_name",
    "identity",
    "is_tag",
    "name_words",
    "read_tag",
]
