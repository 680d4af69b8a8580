"""What a client may send.

What cannot be honoured (tools, several choices) is refused by name, never ignored; neutral values of it are accepted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.openai_wire import neutral

SCOPE = "X-Countersign-Scope"
"""The header in which a service tells an engine whose prompts may share their beginnings."""
MOST_STOPS = 16
_SEEDS = 2**31
_REFUSED = {
    "image_url": "Pictures are not read; send text.",
    "input_audio": "Sound is not read; send text.",
    "file": "Files are not read; send text, or have the document taken into the library.",
    "refusal": "A part of the type 'refusal' is not read; send it as text.",
}


class Part(BaseModel):
    """A part of a message's content."""

    model_config = ConfigDict(extra="forbid")
    type: Literal["text"]
    text: str


def _content(given: Any) -> Any:
    """The text of a content: a string, or parts that are joined. Everything else is told why at the one place `content`."""
    if not isinstance(given, list):
        if given is None or isinstance(given, str):
            return given
        raise PydanticCustomError("content", "Send a string, or a list of parts of the type 'text'.")
    return "".join(_part(part) for part in given)


def _part(given: Any) -> str:
    kind = given.get("type") if isinstance(given, dict) else None
    if kind != "text":
        told = _REFUSED.get(kind, "") if isinstance(kind, str) else ""
        raise PydanticCustomError("part", told or "A part must be an object of the type 'text'.")
    rest = neutral.stripped(given, neutral.PART, frozenset({"type", "text"}))
    if set(rest) - {"type", "text"}:
        raise PydanticCustomError("part", "A part has 'type' and 'text' and nothing more that is honoured.")
    if not isinstance(rest.get("text"), str):
        raise PydanticCustomError("part", "The part's 'text' must be a string.")
    text: str = rest["text"]
    return text


Content = Annotated[str | None, BeforeValidator(_content, json_schema_input_type=str | list[Part] | None)]


def _with_neutral_values(schema: dict[str, Any]) -> None:
    """For the description: further members are taken where their value asks for nothing."""
    del schema["additionalProperties"]


class Message(BaseModel):
    """name: of who speaks. It is accepted where it tells nobody apart."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_with_neutral_values)
    role: Literal["system", "developer", "user", "assistant"]
    content: Content = None
    name: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_the_neutral(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("role") in ("tool", "function"):
            raise PydanticCustomError("role", "Results of tools are not read: no tool is ever called here.")
        return neutral.stripped(given, neutral.MESSAGE, frozenset(cls.model_fields))

    @property
    def text(self) -> str:
        return self.content or ""


def _one_speaker_each(messages: list[Message]) -> list[Message]:
    for role in ("user", "assistant"):
        if len({m.name for m in messages if m.role == role and m.name}) > 1:
            raise PydanticCustomError("name", "Several `name`s of one role are not told apart; say in the text who speaks.")
    return messages


class StreamOptions(BaseModel):
    """include_obfuscation: padding against listeners on the line; there is none, and none is promised."""

    model_config = ConfigDict(extra="forbid")
    include_usage: bool = False
    include_obfuscation: Literal[False] = False

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, given: Any) -> Any:
        return neutral.stripped(given, {}, frozenset(cls.model_fields))


def _whole_number(given: Any) -> Any:
    """256.0 is 256: some languages have one kind of number."""
    return int(given) if isinstance(given, float) and given.is_integer() else given


def _seed(given: Any) -> Any:
    """Any whole number; clients draw them from 64 bits, signed or not."""
    given = _whole_number(given)
    return given % _SEEDS if isinstance(given, int) and not isinstance(given, bool) else given


def _stops(given: Any) -> Any:
    """Texts, none of them empty. An empty list stops nowhere."""
    listed = [given] if isinstance(given, str) else given
    if listed is None:
        return None
    if not isinstance(listed, list) or not all(isinstance(one, str) and one for one in listed):
        raise PydanticCustomError("stop", "Send a text, or a list of texts; an empty one would stop at once.")
    if len(listed) > MOST_STOPS:
        raise PydanticCustomError("stop", "At most {most} texts are looked for.", {"most": MOST_STOPS})
    return listed or None


Count = Annotated[int, BeforeValidator(_whole_number), Field(ge=1)]
Stops = Annotated[list[str] | None, BeforeValidator(_stops, json_schema_input_type=str | list[str] | None)]


class CompletionBody(BaseModel):
    """The parts of the API that are honoured."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_with_neutral_values)
    model: str
    messages: Annotated[list[Message], Field(min_length=1, max_length=200), AfterValidator(_one_speaker_each)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    top_p: Annotated[float | None, Field(gt=0, le=1)] = None
    seed: Annotated[int | None, BeforeValidator(_seed)] = None
    stop: Stops = None
    user: str | None = None
    safety_identifier: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_the_neutral(cls, given: Any) -> Any:
        return neutral.stripped(given, neutral.REQUEST, frozenset(cls.model_fields))

    def sampling(self) -> dict[str, object]:
        """What is set of how tokens are chosen, under the engine's names for it."""
        given = {
            "max_tokens": self.max_completion_tokens or self.max_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "seed": self.seed,
            "stop": tuple(self.stop) if self.stop else None,
        }
        return {name: value for name, value in given.items() if value is not None}


def asked_now(messages: Sequence[Message]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The question, which is all that the person wrote since the last answer, and (role, text) of the rest. A message that
    went into the question leaves a blank one, so that the others keep their numbers."""
    answered = max((n for n, message in enumerate(messages) if message.role == "assistant"), default=-1)
    asking = [n for n, message in enumerate(messages) if message.role == "user" and n > answered]
    question = "\n\n".join(text for n in asking if (text := messages[n].text).strip())
    before = [(m.role, "" if n in asking else m.text) for n, m in enumerate(messages)]
    while before and not before[-1][1].strip():
        before.pop()
    return question, tuple(before)
