"""The rails there are, the languages, and the near name for one that a policy may not use.

Invariant: a rail is one file and its one line in `RAILS`; whoever goes through all rails goes through that table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True)
class RailKind:
    """What a policy must know of a rail without loading it.

    categories  that it scores, in its order; a policy gives each of them a threshold
    module      the file that builds it, by a function `rail(parts: RailParts) -> Rail` (see moderation/rails/base.py)
    redacts     whether it finds where the harm stands, and not only that it is there: only then may a policy say redact
    has_default whether that file has a `DEFAULT` (RailPolicy): what holds where a policy names the rail and leaves
                something out. The rails without one are written out in policies/default.yaml
    """

    categories: tuple[str, ...]
    module: str
    redacts: bool = False
    has_default: bool = False


_TOXICITY = ("hate", "harassment", "violence", "self_harm", "sexual", "minors")
_ADVICE = ("personal_advice", "promissory", "forward_looking", "unbalanced", "missing_disclosure")

# In the order in which they judge and are shown. The modules are names, not imports: a policy is read without the rails.
RAILS: Mapping[str, RailKind] = {
    "injection": RailKind(("injection",), "moderation.rails.scored"),
    "toxicity": RailKind(_TOXICITY, "moderation.rails.scored"),
    "topic": RailKind(("out_of_scope",), "moderation.rails.topic_scope"),
    "advice": RailKind(_ADVICE, "moderation.rails.advice"),
    "pii": RailKind(("hard_identifier",), "moderation.rails.pii", redacts=True),
    "secrets": RailKind(("key", "private_key", "password"), "moderation.rails.secrets", redacts=True),
    "leakage": RailKind(("system_prompt",), "moderation.rails.leakage"),
    "restricted": RailKind(("name",), "moderation.rails.restricted", redacts=True),
    "groundedness": RailKind(("unsupported",), "moderation.rails.groundedness", redacts=True),
}

# ISO 639-1, as far as a firm of our kind writes to its clients in it.
LANGUAGES: Mapping[str, str] = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "bs": "Bosnian", "ca": "Catalan", "cs": "Czech", "cy": "Welsh",
    "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish", "et": "Estonian", "eu": "Basque",
    "fa": "Persian", "fi": "Finnish", "fr": "French", "ga": "Irish", "gl": "Galician", "gu": "Gujarati", "he": "Hebrew",
    "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "hy": "Armenian", "id": "Indonesian", "is": "Icelandic",
    "it": "Italian", "ja": "Japanese", "ka": "Georgian", "kk": "Kazakh", "ko": "Korean", "lb": "Luxembourgish",
    "lt": "Lithuanian", "lv": "Latvian", "mk": "Macedonian", "ml": "Malayalam", "mr": "Marathi", "ms": "Malay",
    "mt": "Maltese", "nb": "Norwegian Bokmål", "nl": "Dutch", "nn": "Norwegian Nynorsk", "no": "Norwegian",
    "pa": "Punjabi", "pl": "Polish", "pt": "Portuguese", "rm": "Romansh", "ro": "Romanian", "ru": "Russian",
    "sk": "Slovak", "sl": "Slovenian", "sq": "Albanian", "sr": "Serbian", "sv": "Swedish", "sw": "Swahili", "ta": "Tamil",
    "te": "Telugu", "th": "Thai", "tl": "Tagalog", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese",
    "zh": "Chinese", "zu": "Zulu",
}  # fmt: skip


def unknown(kind: str, name: str, known: Iterable[str], *, of: str = "", plural: str = "") -> str:
    """ "rail 'toxicty' is unknown; did you mean 'toxicity'? known rails: …" """
    listed = list(known)
    whose = f" of {of}" if of else ""
    return (
        f"{kind} '{name}'{whose} is unknown;{near(name, listed)} known {plural or kind + 's'}: {', '.join(listed) or 'none'}"
    )


def near(name: str, known: Iterable[str]) -> str:
    """ " did you mean 'toxicity'?" for a name close to a known one, else ""."""
    by_lower = {one.lower(): one for one in known}
    found = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return f" did you mean '{by_lower[found[0]]}'?" if found else ""


def unknown_language(name: str) -> str:
    by_name = {language.lower(): code for code, language in LANGUAGES.items()}
    meant = get_close_matches(name.lower(), by_name, n=1, cutoff=0.7)
    hint = f" did you mean '{by_name[meant[0]]}'?" if meant else near(name, LANGUAGES)
    return f"language '{name}' is unknown;{hint} use a code of ISO 639-1, for example de or de-AT"


def is_language(name: str) -> bool:
    """ "de" or "de-AT"."""
    code, _, region = name.partition("-")
    return code in LANGUAGES and (not region or (len(region) == 2 and region.isalpha() and region.isupper()))
