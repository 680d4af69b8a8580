"""Disguises that a reader sees through: look-alike letters, invisible characters, l33t, s p a c i n g, broken-up words.

Invariant: every function is linear in the text's length and keeps the places of what it reads (moderation.text.offsets).
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from pathlib import Path

from moderation.text.offsets import OffsetText

# Letters that look like Latin ones (from Unicode's confusables: Cyrillic, Greek, Armenian, Cherokee, phonetic letters,
# small capitals, turned letters). Compatibility forms (full-width, mathematical, circled) are NFKD's business.
_LOOKALIKES = {
    ord(letter): latin
    for latin, letters in {
        "a": "аαɑᴀɐᎪ", "b": "βʙᏏв", "c": "сᴄɔᏟϲ", "d": "ԁᴅժɗ", "e": "еεҽᴇǝɛᎬє", "f": "ꜰɟƒ", "g": "ɡɢԍցƃ", "h": "һнʜհɥᎻ",
        "i": "іιıɪɩӏƖı", "j": "јᴊյɾ", "k": "кκᴋᏦ", "l": "ʟℓ|ӀᏞ", "m": "мᴍɯᎷ", "n": "пηɴոռᴎ", "o": "оοᴏօσ", "p": "рρᴘᏢ",
        "q": "ԛզ", "r": "ʀгɹᎡ", "s": "ѕꜱՏᏚ", "t": "тτᴛʇᎢ", "u": "υᴜսʋ", "v": "νѵᴠʌᏙ", "w": "ԝᴡωʍᎳ", "x": "хχ", "y": "уγүʏʎ",
        "z": "ᴢʐᏃ", "3": "з",
    }.items()
    for letter in letters
}  # fmt: skip
_SEEN_SIDEWAYS = re.compile(r"[ɐɔǝɟɥɯɹʇʌʍʎ]")
_NOT_SHOWN = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")
_QUOTES = {"’": "'", "‘": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "ʼ": "'", "`": "'", "´": "'"}
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

_WORD = re.compile(r"\w+")
_LATIN = re.compile(r"[a-z]")
_FOREIGN = re.compile("[\u0250-\u02af\u0370-\u058f\u13a0-\u13ff\u1d00-\u1d7f\ua730-\ua7ff]")
_WHOLE_SCRIPT = re.compile("[\u0370-\u052f]+")
_RUN = re.compile(r"\S+")
_BLANKS = re.compile(r"[ \t]{2,}")
_WRAP = re.compile(r"(?<=[^\W\d_]|,)[ \t]*\n[ \t]*(?=[^\W\d_])")
_LEET = str.maketrans("013457@$!+|89(€£", "oieastasitlbgcel")
_LEET_ELL = str.maketrans("1", "l")
_LEET_DIGIT = re.compile(r"[013457@$!|89(€£]")
_ALL_LEET = re.compile(r"[a-z013457@$!|89]{2,}")
_LONGEST_WORD = 40
_DOTTED = re.compile(r"(?<![^\W\d_])(?:[^\W\d_][.\-_*]){2,}[^\W\d_](?![^\W\d_])")
_SPACED = re.compile(r"(?<![^\W_])(?:[^\W_][ .\-_*]{1,2}){3,}[^\W_](?![^\W_])")
_SPACED_WORDS = re.compile(r"(?<![^\W_])(?:[^\W_] ){2,}[^\W_](?![^\W_])")
_MARKED_UP = re.compile(
    r"(?<=[^\W\d_])(?:\*{1,3}|~~|__|''|\|\|)(?=[^\W\d_])|<(?:!--[^<>]{0,80}--|/?[a-z]{1,6})>(?=[^\W\d_])"
)
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_HELD_TOGETHER = re.compile(r"(?<![^\W\d_])(?:[^\W\d_]{1,30}[_\-/.+~]){2,}[^\W\d_]{1,30}")
_GLUE = re.compile(r"[_\-/.+~]")
_SHORT = frozenset(re.findall(r"\w+", "a i am an as at be by do go he if in is it me my no of on or so to up us we"))
_RUN_TOGETHER = re.compile(r"(?<![^\W_])[a-z]{14,}(?![^\W_])")
_CAMEL = re.compile(r"(?:[A-Z]?[a-z]{1,20}){1,2}(?:[A-Z][a-z]{1,20}){2,}")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


@lru_cache(1 << 14)
def _folded(c: str) -> str:
    """One character as a reader sees it, in lower case: without accents, nothing if it is not shown."""
    if c in "\n\t":
        return c
    if c in "\u2028\u2029\x85":
        return "\n"
    kind = unicodedata.category(c)
    if kind in ("Cf", "Cc", "Me") or c in _NOT_SHOWN or (kind == "Mn" and ("\ufe00" <= c <= "\ufe0f" or c > "\U000e00ff")):
        return ""
    if "\U0001f130" <= c <= "\U0001f189":  # letters in squares and discs, which have no compatibility form
        return chr(ord("a") + (ord(c) - 0x1F130) % 32) if (ord(c) - 0x1F130) % 32 < 26 else c
    if "\U0001f1e6" <= c <= "\U0001f1ff":  # regional indicators
        return chr(ord("a") + ord(c) - 0x1F1E6)
    shown = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", c).lower())
    return "".join(_QUOTES.get(part, part) for part in shown if not unicodedata.combining(part))


def folded(text: str) -> str:
    """The text without accents and compatibility forms, in lower case, each script kept (patterns are written so)."""
    if text.isascii():
        return _CONTROLS.sub("", text).lower() if _CONTROLS.search(text) else text.lower()
    return "".join(map(_folded, text))


def folded_offsets(text: OffsetText) -> OffsetText:
    if text.text.isascii() and not _CONTROLS.search(text.text):
        return text.same_length(text.text.lower())
    return text.mapped(_folded if not text.text.isascii() else lambda c: "" if _CONTROLS.match(c) else c.lower())


def latinised(text: OffsetText) -> OffsetText:
    """Folded text with look-alike letters of other scripts as the Latin words that they imitate."""
    if text.text.isascii() or not _FOREIGN.search(text.text):
        return text
    if not _LATIN.search(text.text) and not _SEEN_SIDEWAYS.search(text.text) and not _imitates(text.text):
        return text
    return text.sub(_WORD, _skeleton)


def _imitates(text: str) -> bool:
    """Whether a text without one Latin letter is made of look-alikes alone (and so is no text of another language)."""
    letters = [c for c in text if c.isalpha()]
    return len(letters) > 3 and all(c.translate(_LOOKALIKES).isascii() for c in letters) and not _WHOLE_SCRIPT.search(text)


def _skeleton(word: str) -> str:
    """A word that mixes scripts, or is made of look-alikes alone, as the Latin word that it imitates."""
    if not _FOREIGN.search(word):
        return word
    imitated = word.translate(_LOOKALIKES)
    return imitated if imitated.isascii() or _LATIN.search(word) else word


def flattened(text: OffsetText) -> OffsetText:
    """Words that only blanks or a line end hold apart, as one line."""
    return text.sub(_WRAP, lambda _: " ").sub(_BLANKS, lambda _: " ")


def unmasked(text: OffsetText) -> OffsetText:
    """Plain text with l33t, s p a c e d, d.o.t.t.e.d, stre-e-e-etched letters and mark-up inside words undone."""
    text = text.sub(_MARKED_UP, lambda _: "")
    text = text.sub(_DOTTED, lambda run: re.sub(r"[.\-_*]", "", run))
    text = text.sub(_SPACED_WORDS, lambda run: split_words(run.replace(" ", "")))
    text = text.sub(_SPACED, lambda run: split_words(re.sub(r"[ .\-_*]", "", run)))
    if _STRETCHED.search(text.text):
        text = text.sub(_WORD, _unstretched)
    return text.sub(_RUN, _unleet).sub(_BLANKS, lambda _: " ")


def unleeted_wholly(text: OffsetText) -> OffsetText:
    return text.sub(_RUN, _unleet_wholly)


def unleeted_as_ell(text: OffsetText) -> OffsetText:
    """1 read as l, where other readings take it for i."""
    return text.sub(_RUN, lambda word: _unleet(word.translate(_LEET_ELL) if _LATIN.search(word) else word))


def parted(text: OffsetText) -> OffsetText:
    """Words held together by signs, or by nothing, as words of their own."""
    text = text.sub(_HELD_TOGETHER, lambda run: _GLUE.sub(" ", run))
    return text.sub(_RUN_TOGETHER, split_words)


def humps(text: OffsetText) -> OffsetText:
    """CamelCase as words (of the text as given, before its case is lost)."""
    return text.sub(_CAMEL, lambda run: _HUMP.sub(" ", run))


def _unstretched(word: str) -> str:
    """A word whose letters are drawn out, with two of each where that is a word, else with one."""
    if len(word) > _LONGEST_WORD or not _STRETCHED.search(word):
        return word
    double = _STRETCHED.sub(r"\1\1", word)
    return double if double in _vocabulary() else _STRETCHED.sub(r"\1", word)


def _unleet(word: str) -> str:
    body = word.rstrip(".!?,")
    if len(body) > _LONGEST_WORD or not _LEET_DIGIT.search(body) or len(_LATIN.findall(body)) < 2:
        return word
    return body.translate(_LEET) + word[len(body) :]


def _unleet_wholly(word: str) -> str:
    body = word.rstrip(".!?,")
    if len(body) > _LONGEST_WORD or not _ALL_LEET.fullmatch(body):
        return word
    return body.translate(_LEET) + word[len(body) :]


@cache
def _vocabulary() -> frozenset[str]:
    """Words that a run of letters may be split into: everyday English and the words of the lexicon."""
    folder = Path(__file__).parent.parent / "data"
    lines = (folder / "common.txt").read_text(encoding="utf-8").splitlines()
    common = {word for line in lines if not line.startswith("#") for word in line.split()}
    lexicon = re.findall(r"[a-z]{2,}", (folder / "lexicon.yaml").read_text(encoding="utf-8"))
    known = {word for word in common if len(word) > 2} | set(lexicon) | {f"{word}s" for word in lexicon}
    return frozenset(known | _SHORT)


def split_words(run: str) -> str:
    """A run of letters as the fewest known words that it is made of; as it is if it is not made of known words alone."""
    known = _vocabulary()
    if run in known or not run.isascii() or len(run) < 6:
        return run
    best: list[tuple[int, int] | None] = [(0, 0)] + [None] * len(run)  # (words so far, where the last one starts)
    for end in range(1, len(run) + 1):
        for start in range(max(0, end - 16), end):
            so_far = best[start]
            if so_far is not None and run[start:end] in known:
                here = best[end]
                if here is None or so_far[0] + 1 < here[0]:
                    best[end] = (so_far[0] + 1, start)
    words, at = [], len(run)
    while at:
        step = best[at]
        if step is None:
            return run
        words.append(run[step[1] : at])
        at = step[1]
    return " ".join(reversed(words))
