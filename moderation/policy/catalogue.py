"""The names that a policy may use, and the near one for a name that it may not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

# The rails and the categories that each of them scores. A policy must give each category a threshold.
RAILS: Mapping[str, tuple[str, ...]] = {
    "injection": ("injection",),
    "toxicity": ("hate", "harassment", "violence", "self_harm", "sexual", "minors"),
    "topic": ("out_of_scope",),
    "advice": ("personal_advice", "promissory", "forward_looking", "unbalanced", "missing_disclosure"),
    "pii": ("hard_identifier",),
    "secrets": ("key", "private_key", "password"),
    "leakage": ("system_prompt",),
    "restricted": ("name",),
    "groundedness": ("unsupported",),
}
REDACTING = ("pii", "secrets", "restricted", "groundedness")  # the rails that find where, and not only whether

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
