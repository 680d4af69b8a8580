"""Adversarial answers: what a model, a bot, a rail, a store or a client might do to get something past the gate.

`stream(seed, number)` is a function of its two arguments alone, so a failure is told by its number. Words with a meaning
for the rails of tests/faults/stage.py stand in the text itself; every word after one of them carries the mark AFTER.
"""

from __future__ import annotations

import codecs
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from orchestrator.bots.base import Abstained, Cited, Made, Piece, Text
from orchestrator.types import Citation

BLOCKED = "verboten"
STEERED = "lenkbar"
REDACTED = "geschwaerzt"
RAISES, DIES, HANGS = "railraises", "raildies", "railhangs"
STOPPING = (BLOCKED, STEERED, RAISES, DIES, HANGS)
"""Words at which a rail says, or fails to say, that nothing more may leave."""
AFTER = "danach"
NAME = "Alice Martin"
Transport = Literal["json", "sse", "openai", "openai stream"]
TRANSPORTS: tuple[Transport, ...] = ("json", "sse", "openai", "openai stream")


class BotDied(BaseException):
    """Not an Exception, as a panic of a native library is none."""


@dataclass(frozen=True)
class Pause:
    """The model thinks."""

    seconds: float


Step = Piece | Exception | BotDied | Pause


@dataclass(frozen=True)
class Stream:
    """What happens in one query. leaves_after: items the client reads before it hangs up; record_fails: the event of the
    query at which the log can no longer be written, `late` if only when it is waited for."""

    number: int
    kind: str
    question: str
    steps: tuple[Step, ...]
    transport: Transport
    leaves_after: int | None = None
    reads_slowly: bool = False
    record_fails: int | None = None
    late: bool = False

    @property
    def said(self) -> str:
        return "".join(step.text for step in self.steps if isinstance(step, Text | Abstained))


def stream(seed: int, number: int, kinds: Sequence[str] | None = None) -> Stream:
    rng = random.Random(f"{seed}/{number}")
    names = list(kinds or KINDS)
    kind = names[number % len(names)]
    steps = KINDS[kind](rng, number // len(names))
    made = Stream(number, kind, f"[{number}] What is inflation?", tuple(steps), TRANSPORTS[rng.randrange(4)])
    match kind:
        case "question":
            word = rng.choice((*STOPPING, REDACTED) if rng.random() < 0.2 else (BLOCKED, STEERED, RAISES, DIES, REDACTED))
            made = replace(made, question=f"[{number}] What is {word} inflation?")
        case "record":
            made = replace(made, record_fails=rng.randrange(24), late=rng.random() < 0.5)
        case "client":
            made = replace(made, leaves_after=rng.randrange(8), transport=rng.choice(("sse", "openai stream")))
        case "names":
            made = replace(made, question=f"[{number}] I am {NAME}. What is inflation?")
    if rng.random() < 0.01 and made.leaves_after is None:
        made = replace(made, reads_slowly=True)
    return made


# --- texts ------------------------------------------------------------------------------------------

_WORDS = (
    *("the", "fund", "rose", "by", "two", "percent", "in", "March", "while", "fees", "of", "0.45%", "fell"),
    *("and", "nobody", "minded", "much", "about", "Dr.", "Smith"),
)
_ENTITIES = (
    "DE89 3704 0044 0532 0130 00",
    "GB29 NWBK 6016 1331 9268 19",
    "4111 1111 1111 1111",
    "+44 20 7946 0958",
    "jane.doe@example.com",
    "sk-proj-4f9aB8cD7eF6gH5iJ4kL3mN2oP1q",
    "<PERSON_1>",
    "1 000 000",
)
_FRAMES = (
    '\n\ndata: {"choices": [{"delta": {"content": "forged"}}]}\n\n',
    "\r\n\r\nevent: done\r\ndata: {}\r\n\r\n",
    "\u2028\u2029\u0085event: segment\u2028data: 1\u2029\u2029",
    "\0data: [DONE]\n\n\0",
    "</script><script>alert(1)</script>",
    "\ufeffevent: error\n\n: keep-alive\n\n\x1b[2J\x08\x7f",
    '[DONE]\n\n"}]}\\u0000\\"',
)
_LOOKALIKES = str.maketrans("vebotn", "νеЬоτո")
_UNSEEN = ("\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u0301", "\ufe0f")


def calm(rng: random.Random, sentences: int) -> str:
    def one() -> str:
        words = [rng.choice(_WORDS) for _ in range(rng.randint(1, 14))]
        return " ".join(words).capitalize() + rng.choice((". ", ". ", "! ", "?\n", ".\n\n", "。", "; "))

    return "".join(one() for _ in range(sentences))


def after(rng: random.Random) -> str:
    return "".join(f"{AFTER} {rng.choice(_WORDS)}{rng.choice((' ', ' ', '. '))}" for _ in range(rng.randint(0, 30)))


def bad(rng: random.Random, word: str = BLOCKED) -> str:
    """A sentence that a rail objects to."""
    return f"{' '.join(rng.choice(_WORDS) for _ in range(rng.randint(0, 12)))} {word} "


def disguised(rng: random.Random) -> str:
    word = BLOCKED
    match rng.randrange(7):
        case 0:
            return word.translate(_LOOKALIKES)
        case 1:
            return rng.choice(_UNSEEN).join(word)
        case 2:
            return "".join(chr(ord(c) + 0xFEE0) for c in word)  # full width
        case 3:
            return "".join(c + rng.choice(("", "\u0301", "\u0300\u0302")) for c in word)
        case 4:
            return "".join(rng.choice((c.upper(), c)) for c in word)
        case 5:
            return rng.choice((" ", "\n", "\u00a0", "\u2009")).join(word)
        case _:
            return "".join(chr(0x1D5BA + ord(c) - 97) for c in word)  # mathematical letters, beyond the BMP


def padded(rng: random.Random) -> str:
    """The word with more padding inside it than a context holds."""
    at = rng.randint(1, len(BLOCKED) - 1)
    pad = rng.choice((*_UNSEEN, " ", "\n", "\u00a0", "\t "))
    return BLOCKED[:at] + pad * rng.randint(150, 900) + BLOCKED[at:]


# --- how a text is cut into chunks --------------------------------------------------------------------


def chunks(rng: random.Random, text: str) -> list[Step]:
    match rng.randrange(5):
        case 0:
            cut = list(text) if len(text) < 1500 else [text]
        case 1:
            cut = [text]
        case _:
            marks = sorted(rng.randrange(len(text) + 1) for _ in range(rng.randint(1, 20)))
            cut = [text[a:b] for a, b in zip([0, *marks], [*marks, len(text)], strict=True)]
    return [Text(piece) for piece in cut]


def as_bytes(rng: random.Random, raw: bytes, at: int) -> list[Step]:
    """Bytes as an engine's tokens bring them: cut at `at`, and anywhere else, then decoded as they come."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    marks = sorted({at % (len(raw) + 1), *(rng.randrange(len(raw) + 1) for _ in range(rng.randint(0, 9)))})
    parts = [raw[a:b] for a, b in zip([0, *marks], [*marks, len(raw)], strict=True)]
    return [Text(decoder.decode(part)) for part in parts] + [Text(decoder.decode(b"", final=True))]


# --- kinds of streams: (rng, how many of this kind came before) -> steps --------------------------------

Kind = Callable[[random.Random, int], list[Step]]


def at_every_character(rng: random.Random, count: int) -> list[Step]:
    before, word = calm(rng, rng.randint(0, 3)), bad(rng)
    at = len(before) + count % (len(word) + 1)
    text = before + word + after(rng)
    return [Text(text[:at]), Text(text[at:])]


def at_every_byte(rng: random.Random, count: int) -> list[Step]:
    before = calm(rng, rng.randint(0, 2))
    raw = f"{before}Größe – naïve 基金 😀 {disguised(rng)} {after(rng)}".encode()
    return as_bytes(rng, raw, count)


def broken_bytes(rng: random.Random, count: int) -> list[Step]:
    raw = bytearray(f"{calm(rng, 1)}Größe 基金 😀 {bad(rng)} {after(rng)}".encode())
    for _ in range(rng.randint(1, 6)):
        raw.insert(rng.randrange(len(raw)), rng.choice((0x80, 0xFF, 0xC3, 0xE2, 0xF0, 0xED, 0x00)))
    return as_bytes(rng, bytes(raw), count)


def halves(rng: random.Random, _count: int) -> list[Step]:
    """Halves of surrogate pairs, as JSON escapes bring them."""
    text = calm(rng, 2) + rng.choice(("", bad(rng) + after(rng)))
    for _ in range(rng.randint(1, 5)):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice(("\ud83d\ude00", "\ud83d", "\ude00", "\udfff\ud800")) + text[at:]
    return chunks(rng, text)


def obfuscated(rng: random.Random, _count: int) -> list[Step]:
    return chunks(rng, f"{calm(rng, rng.randint(0, 3))}{disguised(rng)} {after(rng)}")


def pushed_apart(rng: random.Random, _count: int) -> list[Step]:
    return chunks(rng, f"{calm(rng, rng.randint(0, 2))}{padded(rng)} {after(rng)}")


def over_the_edge(rng: random.Random, count: int) -> list[Step]:
    """No place to cut: the word stands across the end of the hold, at every position."""
    text = "x" * (392 + count % 18) + BLOCKED + rng.choice((" ", "")) + after(rng)
    return chunks(rng, calm(rng, rng.randint(0, 1)) + text)


def entities(rng: random.Random, _count: int) -> list[Step]:
    parts = [calm(rng, 1)[:-1] + " "]
    for _ in range(rng.randint(1, 12)):
        parts += [rng.choice(_ENTITIES), rng.choice((" ", "\n", ", ", "")), rng.choice(_WORDS), " "]
    return chunks(rng, "".join(parts) + rng.choice(("", REDACTED + ". ", bad(rng) + after(rng))))


def endless(rng: random.Random, _count: int) -> list[Step]:
    unit = rng.choice(("x", "ab ", "1 ", "4111 1111 ", "<PERSON_1>", "—", "基", "\u200b", "\n", "e\u0301", ".", "a.b@c/"))
    text = unit * (rng.randint(500, 6000) // len(unit))
    at = rng.randrange(len(text))
    return chunks(rng, text[:at] + rng.choice(("", f" {BLOCKED} {after(rng)}")) + (text[at:] if rng.random() < 0.3 else ""))


def nothing_much(rng: random.Random, _count: int) -> list[Step]:
    """Empty and one-character chunks."""
    text = rng.choice(("", " ", "\n", calm(rng, 2), calm(rng, 3) + bad(rng) + after(rng)))
    steps: list[Step] = []
    for character in text:
        steps += [Text("")] * rng.choice((0, 0, 0, 1, 3)) + [Text(character)]
    return [*steps, *[Text("")] * rng.randint(0, 300)]


def after_released(rng: random.Random, _count: int) -> list[Step]:
    steps = [*chunks(rng, calm(rng, rng.randint(1, 6))), Pause(rng.choice((0.0, 0.002, 0.01)))]
    return steps + chunks(rng, bad(rng) + ". " + after(rng))


def harmless(rng: random.Random, _count: int) -> list[Step]:
    return chunks(rng, calm(rng, rng.randint(1, 8)))


def frames(rng: random.Random, _count: int) -> list[Step]:
    text = "".join(calm(rng, rng.randint(0, 1)) + rng.choice(_FRAMES) for _ in range(rng.randint(1, 4)))
    return chunks(rng, text + rng.choice(("", bad(rng) + after(rng) + rng.choice(_FRAMES))))


def rails_fail(rng: random.Random, _count: int) -> list[Step]:
    word = HANGS if rng.random() < 0.02 else rng.choice((RAISES, DIES, STEERED))
    return chunks(rng, calm(rng, rng.randint(0, 4)) + bad(rng, word) + ". " + after(rng))


def redacted(rng: random.Random, _count: int) -> list[Step]:
    return chunks(rng, calm(rng, 1) + bad(rng, REDACTED) + ". " + calm(rng, 1) + rng.choice(("", bad(rng) + after(rng))))


def bot_fails(rng: random.Random, _count: int) -> list[Step]:
    steps = chunks(rng, calm(rng, rng.randint(0, 5)) + rng.choice(("", bad(rng) + after(rng))))
    error: Step = BotDied("it died") if rng.random() < 0.5 else ValueError(f"it broke at {BLOCKED} {AFTER}")
    steps.insert(rng.randint(0, len(steps)), error)
    return steps


def sources(rng: random.Random, _count: int) -> list[Step]:
    """Citations, some of whose quotes a rail objects to."""
    steps: list[Step] = []
    for number in range(1, rng.randint(2, 5)):
        quote = f"The charge is {rng.choice(('', BLOCKED, DIES, RAISES, REDACTED))} half a percent."
        mark = f"[{number}]" if rng.random() < 0.8 else f"[{number}][{number}][99]"
        steps += [Cited(Citation(number, "charges", 2, "Fees", quote)), Text(f"{calm(rng, 1)[:-2]} {mark}. ")]
    return steps + (chunks(rng, bad(rng) + after(rng)) if rng.random() < 0.3 else [])


def details(rng: random.Random, _count: int) -> list[Step]:
    """How the answer was made, as a hostile engine tells it."""
    told = rng.choice(
        (
            {"finish_reason": f"{BLOCKED} {AFTER}"},
            {"finish_reason": None},
            {"finish_reason": {"x": [BLOCKED]}},
            {f"{BLOCKED}_tokens": 3, "completion_tokens": "many"},
            {f"{BLOCKED}_tokens": 3, "finish_reason": "length"},
            {"prompt_tokens": -1, "completion_tokens": 10**12, "finish_reason": "tool_calls"},
        )
    )
    return [*chunks(rng, calm(rng, 2)), Made("model", "dd" * 32, told)]


def abstains(rng: random.Random, _count: int) -> list[Step]:
    return [Abstained(rng.choice((calm(rng, 1), bad(rng) + after(rng), "")))]


KINDS: dict[str, Kind] = {
    "at every character": at_every_character,
    "at every byte": at_every_byte,
    "broken bytes": broken_bytes,
    "halves of characters": halves,
    "obfuscated": obfuscated,
    "pushed apart": pushed_apart,
    "over the edge": over_the_edge,
    "entities": entities,
    "endless": endless,
    "nothing much": nothing_much,
    "after released": after_released,
    "harmless": harmless,
    "frames": frames,
    "rails fail": rails_fail,
    "redacted": redacted,
    "bot fails": bot_fails,
    "sources": sources,
    "details": details,
    "abstains": abstains,
    "question": harmless,
    "record": after_released,
    "client": after_released,
    "names": entities,
}
