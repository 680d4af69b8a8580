"""The variants in which a text is judged: as a reader would see it, and as it would read once decoded.

Invariant: nothing here decides; each variant is plain lower-case text that the rules and heads judge alike, and knows
where its characters stood in the text as given. What is decoded is looked through again, at most `DEPTH` times; no
variant is longer than the text that it was made from plus a character for each piece, and their number is bounded.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from moderation.text import disguises
from moderation.text.encodings import ENCODINGS
from moderation.text.offsets import OffsetText, joined

DEPTH = 3  # encodings within encodings

_COMMON = re.compile(
    r"\b(?:the|and|you|your|all|this|that|with|for|from|are|is|to|of|in|it|not|how|what|me|my|should|will|"
    r"ignore|instructions|prompt|system|previous|rules|reveal|show|tell|send|kill|want|people)\b"
)
_SEGMENT = re.compile(r"[^.!?\n:;\"()]{6,}")
_CAESAR_SAMPLE = 2_000  # characters that show which alphabet was used
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ALPHABETS = {"atbash": _LETTERS[::-1]} | {
    f"alphabet shifted by {by}": _LETTERS[by:] + _LETTERS[:by] for by in range(1, 26) if by != 13
}


@dataclass(frozen=True)
class Variant:
    """`kind` is plain, or says how the text was obtained: flat, unmasked, base64, …

    hidden: a reader of the given text would not read this; the heads are asked about it too."""

    kind: str
    offset_text: OffsetText
    hidden: bool = False

    @property
    def text(self) -> str:
        return self.offset_text.text


def plain(text: str) -> str:
    """The text as a reader sees it: nothing invisible, no accents, look-alike letters folded, lower case."""
    shown = disguises.folded(text)
    return shown if shown.isascii() else disguises.latinised(OffsetText.of(shown)).text


def unmasked(text: str) -> str:
    """Plain text with l33t and s p a c e d or d.o.t.t.e.d letters undone."""
    return disguises.unmasked(OffsetText.of(text)).text


def variants(text: str) -> list[Variant]:
    """Every variant worth judging, the plain one first."""
    given = OffsetText.of(text)
    found = list(_surface(given, "", hidden=False))
    for kind, layer in _layers(given):
        found += _surface(layer, kind, hidden=True)
    return _different(found)


def windows(text: str) -> list[str]:
    """Overlapping windows of a long text (the text itself if it is short)."""
    return [text[start:end] for start, end in window_places(len(text))]


def window_places(length: int, size: int = 1200, step: int = 900) -> list[tuple[int, int]]:
    """Start and end of each window of a text of this many characters."""
    if length <= size:
        return [(0, length)]
    return [(start, min(start + size, length)) for start in range(0, length - (size - step), step)]


def _different(found: list[Variant]) -> list[Variant]:
    """Each text once, under the first name it was found by."""
    first: dict[str, Variant] = {}
    for variant in found:
        first.setdefault(variant.text, variant)
    return list(first.values())


def _surface(given: OffsetText, kind: str, *, hidden: bool) -> Iterator[Variant]:
    """The readings of one layer that no code is needed for, and its turned or shifted ones."""
    shown = disguises.folded_offsets(given)
    latin = disguises.latinised(shown)
    yield Variant(kind or "plain", latin, hidden)
    if latin is not shown:
        yield Variant(kind or "as written", shown, hidden)
    yield Variant(kind or "flat", disguises.flattened(latin), hidden)
    clear = disguises.unmasked(latin)
    seen = {latin.text, clear.text}
    yield Variant(kind or "unmasked", clear, hidden or _masked(latin.text, clear.text))
    for change in (disguises.unleeted_wholly, disguises.unleeted_as_ell, disguises.parted):
        if (other := change(clear)).text not in seen:
            seen.add(other.text)
            yield Variant(kind or "unmasked", other, hidden)
    if (camel := disguises.humps(given)) is not given:
        yield Variant(kind or "unmasked", disguises.folded_offsets(camel), hidden)
    for name, turned in _turned(clear if hidden else latin):
        yield Variant(_named(kind, name), turned, hidden=True)


def _masked(shown: str, clear: str) -> bool:
    """Whether what was undone is more than blanks and a stray digit: a sentence that was disguised as a whole."""
    before, after = set(shown.split()), clear.split()
    return sum(word not in before for word in after) >= max(2, len(after) // 4)


def _layers(given: OffsetText) -> Iterator[tuple[str, OffsetText]]:
    """What the text's encoded runs say: put back in their places, and by themselves; then what that encodes, and so on."""
    kind, layer = "", given
    for _ in range(DEPTH):
        names, layer, runs = _decoded(layer)
        if not names:
            return
        kind = _named(kind, "+".join(names))
        yield kind, layer
        if runs:
            yield kind, joined(runs, "\n")


def _named(outer: str, inner: str) -> str:
    return f"{outer}, {inner}" if outer else inner


def _decoded(layer: OffsetText) -> tuple[list[str], OffsetText, list[OffsetText]]:
    """Kinds found, the text with every run in clear, and those runs that say more than a word by themselves."""
    names: list[str] = []
    alone: list[OffsetText] = []
    for encoding in ENCODINGS:
        if encoding.hint and not any(sign in layer.text for sign in encoding.hint):
            continue
        found: list[str] = []

        def change(run: str, decode: Callable[[str], str | None] = encoding.decode, found: list[str] = found) -> str:
            said = decode(run)
            if said is None:
                return run
            found.append(said)
            return said

        if not encoding.hint and layer.text.isascii():
            continue
        clear = layer.sub(encoding.runs, change)
        if clear is layer:
            continue
        if encoding.name == "escapes" and sum(map(len, found)) < 4 and "" not in found:
            continue  # an ampersand or a blank in an address
        names.append(encoding.name)
        alone += [
            _of_run(said, run, layer)
            for run, said in _pairs(layer, encoding.runs, encoding.decode)
            if len(said) > 3 and " " in said
        ]
        layer = clear
    return names, layer, alone


def _pairs(
    layer: OffsetText, runs: re.Pattern[str], decode: Callable[[str], str | None]
) -> Iterator[tuple[tuple[int, int], str]]:
    for match in runs.finditer(layer.text):
        said = decode(match.group())
        if said:
            yield match.span(), said


def _of_run(said: str, run: tuple[int, int], layer: OffsetText) -> OffsetText:
    start, end = layer.span(*run)
    return OffsetText(said, [start] * len(said), [end] * len(said))


def _turned(shown: OffsetText) -> Iterator[tuple[str, OffsetText]]:
    """Sentences written backwards or in a shifted alphabet, read forwards, in their places."""
    text = shown.text
    if (said := _better(text, codecs.encode(text, "rot13"))) is not None:
        yield "rot13", shown.same_length(said)
    if _english(text[::-1]) >= 2:
        backwards = [_backwards(shown, match.span()) for match in _SEGMENT.finditer(text)]
        for name, parts in (
            ("reversed", [p[0] for p in backwards if p]),
            ("words reversed", [p[1] for p in backwards if p]),
        ):
            if parts:
                yield name, joined(parts, "\n")
    if not _english(text) and len(text) > 20 and text.isascii():
        sample = text[:_CAESAR_SAMPLE]
        for name, alphabet in _ALPHABETS.items():
            if _english(sample.translate(str.maketrans(_LETTERS, alphabet))) > 2:
                yield name, shown.same_length(text.translate(str.maketrans(_LETTERS, alphabet)))


def _better(text: str, other: str) -> str | None:
    """The text with each sentence replaced by the same stretch of `other` where that is English and this is not."""
    if _english(other) < 2:
        return None
    pieces, at = [], 0
    for match in _SEGMENT.finditer(text):
        start, end = match.span()
        turned = other[start:end]
        if _english(turned) >= 2 and _english(turned) > 2 * _english(text[start:end]):
            pieces += [text[at:start], turned]
            at = end
    return "".join([*pieces, text[at:]]) if pieces else None


def _backwards(shown: OffsetText, where: tuple[int, int]) -> tuple[OffsetText, OffsetText] | None:
    """A sentence read from its end, and one whose words alone are turned; nothing if it reads better as it is."""
    start, end = where
    turned = shown.turned(start, end)
    if _english(turned.text) < 2 or _english(turned.text) <= 2 * _english(shown.text[start:end]):
        return None
    words = [shown.turned(start + m.start(), start + m.end()) for m in re.finditer(r"\S+", shown.text[start:end])]
    return turned, joined(words, " ")


def _english(text: str) -> int:
    return len(_COMMON.findall(text))
