"""Declarative connectors: which live service answers what, read from YAML and checked.

A connector names a host, a catalogue of the things it knows, and operations with a URL template, the fields
to take from the response and the sentence to say them in.
Invariant: nothing but a catalogue id ever enters a URL.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from orchestrator.errors import ConfigError

_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}")
_SLOT = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Auth(_Strict):
    """A header whose value comes from the environment: `{scheme} {value of env}`."""

    header: str = "Authorization"
    scheme: str = "Bearer"
    env: str


class Catalogue(_Strict):
    """Where the connector's things are listed, and which fields hold their id and their names."""

    path: str = Field(pattern="^/")
    items: str = ""
    id: str = "id"
    names: tuple[str, ...] = ("name",)
    kind: str | None = None
    refresh_s: float = Field(default=60.0, gt=0)


class FieldSpec(_Strict):
    """One value to take from a response: a dotted path, how to write it, how old it may be."""

    path: str
    format: Literal["text", "number", "percent", "time"] = "text"


class Operation(_Strict):
    """One live question: the words and example questions that ask for it, the request, the sentence."""

    name: str
    words: tuple[str, ...]
    exemplars: tuple[str, ...]
    path: str = Field(pattern="^/")
    kinds: tuple[str, ...] = ()
    fields: dict[str, FieldSpec]
    answer: str
    freshness_s: float | None = None

    @model_validator(mode="after")
    def slots_are_known(self) -> Operation:
        known = {*self.fields, "name", "id"}
        for slot in _SLOT.findall(self.answer):
            if slot not in known:
                fields = ", ".join(sorted(known))
                raise ValueError(f"answer of '{self.name}' uses {{{slot}}}, which is not a field; fields: {fields}")
        if self.freshness_s is not None and not any(f.format == "time" for f in self.fields.values()):
            raise ValueError(f"freshness_s of '{self.name}' needs a field of format time to be judged by")
        if set(_SLOT.findall(self.path)) - {"id"}:
            raise ValueError(f"path of operation '{self.name}' may only use {{id}}, the catalogue's id")
        return self


class Connector(_Strict):
    """A live-data service."""

    name: str
    title: str
    base_url: str
    method: Literal["GET"] = "GET"
    timeout_s: float = Field(default=3.0, gt=0, le=30)
    auth: Auth | None = None
    catalogue: Catalogue
    operations: Annotated[tuple[Operation, ...], Field(min_length=1)]

    @field_validator("base_url")
    @classmethod
    def base_url_is_http(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"base_url '{url}' must be http(s)://host[:port]")
        return url.rstrip("/")


class ConnectorsFile(_Strict):
    version: int = 1
    connectors: tuple[Connector, ...]


def load_connectors(path: Path) -> tuple[Connector, ...]:
    """Connectors of a YAML file; `${NAME:-default}` is read from the environment. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); set COUNTERSIGN_CONNECTORS_FILE") from error
    try:
        raw = yaml.safe_load(_VARIABLE.sub(lambda m: os.environ.get(m[1], m[2] or ""), text))
        return ConnectorsFile.model_validate(raw).connectors
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path}: {where}: {first['msg']}") from error
