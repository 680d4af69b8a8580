"""What must not be, whatever was played: judged by what was said, heard and recorded, and not by how the gate cuts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.faults.reading import as_sent, plain
from tests.faults.stage import LEFT_OUT, Heard
from tests.faults.streams import AFTER, NAME, REDACTED, STEERED, STOPPING, BotDied, Stream

Events = list[tuple[str, Mapping[str, Any]]]


def wrongs(stream: Stream, heard: Heard, record: Events) -> list[str]:
    """Every broken promise, in words."""
    return [*_in_words(stream, heard, record), *wrongs_of_record(stream, heard, record)]


def _in_words(stream: Stream, heard: Heard, record: Events) -> list[str]:
    """By the words at which the rails of the stage stop."""
    found: list[str] = []
    said, text = plain(as_sent(stream.said)), plain(heard.text)
    ends = [said.find(word) + len(word) for word in STOPPING if word in said]
    told = [plain(one) for one in heard.strings]
    for word in (*STOPPING, REDACTED, *([AFTER] if ends else [])):
        if any(word in one for one in told):
            found.append(f"'{word}' reached the client")
    refused = any(word in stream.question for word in (*STOPPING, REDACTED))
    if refused and STEERED not in stream.question and text:
        found.append("an answer to a refused question left")
    if ends:
        if len(text.replace(plain(LEFT_OUT), REDACTED)) >= min(ends):
            found.append("text after the blocked word left")
        if heard.outcome in ("answered", "abstained"):
            found.append(f"the outcome is {heard.outcome}")
    harmless = not ends and REDACTED not in said and not refused and stream.record_fails is None
    late = any(kind == "judged" and "no verdict within" in body["reason"] for kind, body in record)
    whole = heard.outcome and not late and not any(isinstance(step, Exception | BotDied) for step in stream.steps)
    if harmless and whole and text != plain(_restored(as_sent(stream.said), stream)):
        found.append("harmless text was lost")
    return found


def wrongs_of_record(stream: Stream, heard: Heard, record: Events) -> list[str]:
    """What holds for any rails."""
    kinds = [kind for kind, _ in record]
    released = "".join(str(body["text"]) for kind, body in record if kind == "released")
    restored = _restored(released, stream)
    streamed = stream.transport in ("sse", "openai stream")
    broken = {
        "a segment left before its event was durable": not heard.durable,
        "several ends": kinds.count("finished") > 1,
        "a name in the record": NAME in json.dumps(record),
        "what was heard is not what was released": (
            not restored.startswith(heard.text) if streamed else bool(heard.text) and restored.strip() != heard.text.strip()
        ),
        "something was released before the input verdict": _before_the_input(kinds, record),
        "a blocked segment, or one after it, was released": _past_a_block(kinds, record),
    }
    if stream.record_fails is None:
        outcome = next((body["outcome"] for kind, body in record if kind == "finished"), None)
        broken |= {
            f"the record begins and ends with {kinds[:1]}, {kinds[-1:]}": kinds[:1] + kinds[-1:] != ["received", "finished"],
            "an error where a courteous end was possible": heard.error,
            "no ending was told": not heard.left and not heard.outcome,
            f"told {heard.outcome}, recorded {outcome}": bool(heard.outcome) and heard.outcome != outcome,
        }
    return [what for what, wrong in broken.items() if wrong]


def _restored(text: str, stream: Stream) -> str:
    return text.replace("<PERSON_1>", NAME) if NAME in stream.question else text


def _before_the_input(kinds: list[str], record: Events) -> bool:
    if "released" not in kinds:
        return False
    before = record[: kinds.index("released")]
    return not any(kind == "judged" and body["direction"] == "input" for kind, body in before)


def _past_a_block(kinds: list[str], record: Events) -> bool:
    """Only of a single attempt: after a steer the numbers of the segments begin again."""
    objected = [
        body["segment"]
        for kind, body in record
        if kind == "judged" and body["verdict"] in ("block", "steer") and body["segment"] is not None
    ]
    out = [body["segment"] for kind, body in record if kind == "released"]
    return "steered" not in kinds and bool(objected) and max(out, default=-1) >= min(objected)
