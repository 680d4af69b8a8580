"""Is this a secret, or the picture of one: placeholders, examples of documentation, checksums, structure.

Pure functions on one value. Sources: GitHub's "Behind GitHub's new authentication token formats" (2021) for the CRC32
checksum in base 62, which npm took over; RFC 7519 and RFC 7515 for JSON Web Tokens; RFC 7617 for Basic credentials.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections import Counter
from itertools import pairwise

from moderation.text.encodings import base64_bytes

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PLACEHOLDER = re.compile(
    r"x{4,}|\*{3,}|\.{3,}|…|•{3,}|_{4,}|-{6,}|0{8,}|1{8,}|<|>|\$\{|\{\{|\}\}|%\(|\[|\]"
    r"|your|example|sample|placeholder|change_?-?me|dummy|redacted|removed|insert|replace|to_?-?do\b|fake"
    r"|mysecret|secret_?-?here|goes_?-?here|foobar|lorem|hidden|masked|not_?-?set|undefined",
    re.I,
)
_REFERENCE = re.compile(
    r"^(?:\$\w|%\w+%$|process\.env|os\.environ|getenv|env[.(\[]|ENV\b|vault:|secretKeyRef|arn:aws|self\.|config\.|settings\."
    r"|request\.|args\.|None$|null$|nil$|true$|false$|string$|str$)",
    re.I,
)
_RUNS = ("0123456789abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "abcdefghijklmnopqrstuvwxyz0123456789")


def placeholder(value: str) -> bool:
    """Whether a value only stands where a secret would: `<your key>`, `sk-xxxx`, `${TOKEN}`, `AKIA…EXAMPLE`."""
    if _PLACEHOLDER.search(value) or _REFERENCE.match(value):
        return True
    letters = "".join(c for c in value.lower() if c.isalnum())
    if not letters or len(set(letters)) <= 2:
        return True
    # counting up, forwards or backwards, is what people type where a key would stand
    longest = max((_run_with(letters, run) for order in _RUNS for run in (order, order[::-1])), default=0)
    return longest >= max(10, 0.5 * len(letters))


def _run_with(letters: str, order: str) -> int:
    best = here = 0
    following = dict(pairwise(order))
    for one, two in pairwise(letters):
        here = here + 1 if following.get(one) == two else 0
        best = max(best, here)
    return best + 1


def entropy(value: str) -> float:
    """Bits a character (Shannon), by the value's own frequencies."""
    counts = Counter(value)
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values()) if value else 0.0


def random_looking(value: str) -> bool:
    """Whether a run of 16 characters or more has the spread of characters that a generator gives it.

    Random base 64 of 32 characters has about 4.5 bits a character, random hex 3.6, English of that length 3.3 to 3.9
    and hardly any digits; so letters alone need more.
    """
    if len(value) < 16:
        return False
    bits = entropy(value)
    if re.fullmatch(r"[0-9a-fA-F]+", value):
        return bits >= 3.0 and any(c.isalpha() for c in value)
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return bits >= (3.3 if mixed else 4.2)


def crc32_base62(token: str) -> bool:
    """Whether the last six characters are the CRC32, in base 62, of the random part before them (GitHub, npm)."""
    body, given = token[token.index("_") + 1 : -6], token[-6:]
    rest, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        digits = _BASE62[digit] + digits
    return digits == given


def json_web_token(token: str) -> bool:
    """Whether the first part is a JOSE header: base64url of JSON that names an algorithm (RFC 7515, section 4.1.1)."""
    head = base64_bytes(token.split(".", 1)[0])
    try:
        header = json.loads(head or b"")
    except ValueError:
        return False
    return isinstance(header, dict) and "alg" in header


def basic_credentials(value: str) -> bool:
    """Whether base64 that decodes to user:password (RFC 7617)."""
    try:
        plain = (base64_bytes(value) or b"").decode("utf-8")
    except UnicodeDecodeError:
        return False
    return ":" in plain and plain.isprintable() and not placeholder(plain.split(":", 1)[1])


def chosen_password(value: str) -> bool:
    """Whether a short value may be somebody's password rather than a word: letters with digits or with symbols."""
    kinds = (
        any(c.islower() for c in value),
        any(c.isupper() for c in value[1:]),
        any(c.isdigit() for c in value),
        any(not c.isalnum() and c not in "-_'’,;:/()" for c in value[:-1]),
    )
    return len(value) >= 6 and sum(kinds) >= 2 and (kinds[2] or kinds[3])
