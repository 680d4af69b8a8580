"""All settings: one class, one TOML file, environment variables beginning with COUNTERSIGN_.

Order of precedence: environment, then the TOML file (`countersign.toml` here, or COUNTERSIGN_CONFIG), then the default.
"""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from app.openai_wire.settings import OpenAISettings
from app.quota_settings import Quotas
from app.source_settings import DocumentSettings, Sources

PREFIX = "COUNTERSIGN_"
RENAMED = {"leave_s": "drain_grace_s"}
"""Former names of settings, still read."""


class SettingsError(Exception):
    """A setting is missing, unknown or of the wrong shape; the message names it and where it came from."""


def config_path() -> Path:
    return Path(os.environ.get("COUNTERSIGN_CONFIG", "countersign.toml"))


class Settings(BaseSettings):
    """Every setting with its default. Paths are relative to the working directory."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    home: Path = Field(Path("var"), description="where the databases, indexes and keys of this installation live")
    database_url: str = Field("", description="SQLAlchemy URL; empty: SQLite in home")
    key_file: Path | None = Field(None, description="key-encryption key; empty: home/keys/kek, made at first start")
    kek: SecretStr | None = Field(None, description="key-encryption key in base64, instead of key_file")
    audit_origin: str = Field("countersign.invalid", description="the name under which this installation's logs are signed")
    audit_key_file: Path | None = Field(None, description="the log's signing keys; empty: home/keys/audit")
    witnesses: tuple[str, ...] = Field(
        (), description="who cosigns checkpoints: each a URL, a space, and the key that `countersign witness key` prints"
    )
    checkpoint_file: Path | None = Field(None, description="checkpoints outside the database; empty: home/checkpoints.jsonl")
    checkpoint_every_s: float = Field(1.0, gt=0, le=60, description="a grown log is signed at least this often, in seconds")
    keys_database_url: str = Field(
        "", description="SQLAlchemy URL of the subjects' keys, apart from the log's database; empty: SQLite in home/keys"
    )
    erasure_persons: int = Field(
        1, ge=1, le=5, description="administrators who must agree to an erasure, to lifting a hold, to a shorter retention"
    )
    reveal_persons: int = Field(1, ge=1, le=2, description="administrators who must agree before personal data is revealed")
    models_dir: Path | None = Field(None, description="model store; empty: the user's cache folder")
    chat_model: str = Field("qwen2.5-coder-1.5b-instruct", description="the onprem bot's model, by manifest name")
    chat_files: Path | None = Field(
        None, description="a chat model of your own instead: a GGUF file, or a folder with config.json and safetensors"
    )
    chat_adapter: Path | None = Field(None, description="folder of a LoRA adapter for the chat model, in PEFT's layout")
    light: bool = Field(False, description="use the small chat model, smollm2-135m-instruct")
    encoder_model: str = Field("all-minilm-l6-v2", description="the sentence encoder, by manifest name")
    search_encoder: Literal["minilm", "mpnet"] = Field(
        "minilm",
        description="what the library is searched by: minilm, the encoder that rails use too; or mpnet, larger, with about "
        "eight times the work of an ingest; after a change: countersign ingest --rebuild",
    )
    ner_model: str = Field("en-core-web-md", description="the model that finds names, by manifest name")
    context: int = Field(4096, ge=512, description="tokens of prompt and answer together")
    max_tokens: int = Field(320, ge=1, le=4096, description="longest answer, in tokens")
    engines: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="addresses of engines that answer instead of a model in this process, such as http://10.0.0.5:8090, "
        "separated by commas: `countersign engine serve`, vLLM, Ray Serve or any server of the OpenAI API",
    )
    engine_key: SecretStr | None = Field(None, description="key of the engines, for those who ask and for those who answer")
    engine_model: str = Field("", description="the model's name at the engines; empty: the first that they list")
    engine_ca_file: Path | None = Field(
        None, description="certificates that vouch for engines with https; empty: public ones"
    )
    engine_connect_s: float = Field(2.0, gt=0, le=60, description="time to connect to an engine")
    engine_silence_s: float = Field(
        30.0, gt=0, le=600, description="time that an engine may say nothing, before its first token and between two"
    )
    engine_salt: bool = Field(
        True, description="send engines the scope as cache_salt too, which vLLM needs; off for a server that refuses it"
    )
    tenant: str = Field(
        "halden",
        pattern=r"^[a-z0-9][a-z0-9-]{0,62}$",
        description="tenant of the demo and of the command line",
    )
    policy_file: Path | None = Field(None, description="moderation policy; empty: the one that comes with Countersign")
    shadow_policy_file: Path | None = Field(
        None, description="a policy to be tried out: it judges silently what policy_file judges; empty: none"
    )
    routes_file: Path | None = Field(None, description="routes of the selector; empty: those that come with Countersign")
    connectors_file: Path | None = Field(None, description="connectors of the api bot; empty: none")
    ocr_languages: str = Field(
        "",
        pattern=r"^(?:[A-Za-z_]+(?:\+[A-Za-z_]+)*)?$",
        description="languages of pictures and scanned pages, as tesseract names them: eng+deu; empty: those installed",
    )
    documents: DocumentSettings = Field(DocumentSettings(), description="where the library is kept: a table [documents]")
    openai: OpenAISettings = Field(OpenAISettings(), description="what clients of the OpenAI API may do: a table [openai]")
    sources: Sources = Field(Sources({}), description="where documents come from: a table [sources.NAME] each")
    allow_terms: tuple[str, ...] = Field((), description="names of products and firms that are never redacted")
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8080, ge=1, le=65535, description="port to listen on")
    threads: int = Field(48, ge=4, le=512, description="threads of the web server")
    open_when_ready: bool = Field(
        False,
        description="take connections only once the models are warm, for proxies that ask no /readyz: they are refused and "
        "ask another replica; off: 503 meanwhile",
    )
    drain_grace_s: float = Field(
        5.0,
        ge=0,
        le=20,
        description="seconds after SIGTERM in which questions are still answered while /readyz says 503, so that proxies "
        "turn to another replica first; 0: connections are refused at once",
    )
    max_chats: int = Field(32, ge=1, le=500, description="journeys at a time; more are answered 429. Keep below threads")
    quotas: Quotas = Field(Quotas(), description="what one key and one tenant may ask: tables [quotas.key], [quotas.tenant]")
    earlier_messages: int = Field(
        40, ge=0, le=200, description="earlier messages that an OpenAI client brings along and that are read, the newest"
    )
    earlier_characters: int = Field(16_000, ge=0, description="characters of them; instructions count first")
    max_body: int = Field(262_144, ge=1024, description="largest request body, in bytes")
    max_document: int = Field(
        64 * 2**20, ge=1024, description="largest document that an administrator's key may send, in bytes"
    )
    max_message: int = Field(16_000, ge=100, description="longest message, in characters")
    rail_timeout_s: float = Field(2.0, gt=0, description="time a rail has before it counts as failed")
    allowed_origins: tuple[str, ...] = Field(("*",), description="origins whose pages may call the API from a browser")
    allowed_hosts: tuple[str, ...] = Field(
        (),
        description="names under which browsers and clients reach the service, such as chat.bank.example; all others are "
        "refused with 421, except addresses and localhost; empty: any name, but for the demo page",
    )
    metrics_key: SecretStr | None = Field(
        None,
        description="who asks /metrics sends it as Authorization: Bearer; empty: whoever asks the port itself, no proxy",
    )
    demo: bool = Field(False, description="serve the demo page with the demo key in it")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR")
    log_file: Path | None = Field(None, description="where logs go; empty: standard error")
    spans_file: Path | None = Field(None, description="write finished spans there as JSON lines; empty: nowhere")

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, given: Any) -> Any:
        """A setting's former name is still read, in the file and in the environment."""
        for old, new in RENAMED.items():
            value = given.pop(old, os.environ.get(PREFIX + old.upper()))
            if value is not None:
                given.setdefault(new, value)
        return given

    @field_validator("engines", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """As a JSON array, or separated by commas."""
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            return json.loads(value)
        return [one.strip() for one in value.split(",") if one.strip()]

    @field_validator("engines")
    @classmethod
    def _addresses(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            parts = urlsplit(url)
            if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
                raise ValueError("each must be http(s)://host[:port], as far as /v1")
            if parts.username or parts.password:
                raise ValueError("an address must hold no password; give the key in engine_key")
        return tuple(dict.fromkeys(url.rstrip("/").removesuffix("/v1") for url in urls))

    @model_validator(mode="after")
    def _files_are_there(self) -> Settings:
        for name, path in (("chat_files", self.chat_files), ("chat_adapter", self.chat_adapter)):
            if path is not None and not path.exists():
                raise ValueError(f"{name}: {path} is not there; give the path of a model's files on this machine")
        return self

    @model_validator(mode="after")
    def _keys_apart(self) -> Settings:
        if self.keys_url == self.url:
            raise ValueError("keys_database_url is the log's database: a restored log would bring erased content back")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        path = config_path()
        toml = (TomlConfigSettingsSource(settings_cls, path),) if path.is_file() else ()
        return (init_settings, env_settings, *toml)

    # --- what follows from the settings ----------------------------------------------------------

    @property
    def url(self) -> str:
        return self.database_url or f"sqlite:///{self.home / 'countersign.sqlite'}"

    @property
    def keys_url(self) -> str:
        return self.keys_database_url or f"sqlite:///{self.home / 'keys' / 'subjects.sqlite'}"

    @property
    def kek_path(self) -> Path:
        return self.key_file or self.home / "keys" / "kek"

    @property
    def audit_key_path(self) -> Path:
        return self.audit_key_file or self.home / "keys" / "audit"

    @property
    def checkpoint_path(self) -> Path:
        return self.checkpoint_file or self.home / "checkpoints.jsonl"

    def log_of(self, origin: str) -> str:
        """The log of an origin that `origin_of` made."""
        return origin.removeprefix(f"{self.audit_origin}/audit/").rpartition("/e")[0]

    def origin_of(self, log: str, epoch: int) -> str:
        return f"{self.audit_origin}/audit/{log}/e{epoch}"

    @property
    def library_dir(self) -> Path:
        return self.home / "library" / self.tenant

    @property
    def chat(self) -> str:
        if self.chat_files is not None:
            return self.chat_files.name.removesuffix(".gguf")
        return "smollm2-135m-instruct" if self.light else self.chat_model

    @property
    def engine_secret(self) -> str:
        """The engines' key; empty where there is none."""
        return self.engine_key.get_secret_value() if self.engine_key else ""

    @property
    def local_models(self) -> tuple[str, ...]:
        """The models of the manifest that this process loads itself."""
        chat = () if self.engines or self.chat_files else (self.chat,)
        return tuple(dict.fromkeys((*chat, self.encoder_model, self.search_model, self.ner_model)))

    @property
    def search_model(self) -> str:
        """The encoder of the library, by manifest name."""
        return "all-mpnet-base-v2" if self.search_encoder == "mpnet" else self.encoder_model

    @property
    def public_url(self) -> str:
        return f"http://{self.host}:{self.port}"


def load_settings(**overrides: Any) -> Settings:
    """The settings in force. Raises SettingsError with one line per problem."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = [f"{origin(*e['loc'])}: {e['msg']}" if e["loc"] else e["msg"] for e in error.errors()]
        raise SettingsError("; ".join(lines)) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{config_path()}: not TOML: {error}") from error
    except Exception as error:
        raise SettingsError(f"settings cannot be read: {error}") from error


def origin(setting: str | int, *inside: str | int) -> str:
    """Where a setting's value, or a part of it, comes from, in words."""
    name, part = str(setting), "".join(f".{step}" for step in inside)
    names = (name, *(old for old, new in RENAMED.items() if new == name))
    for known in names:
        if PREFIX + known.upper() in {key.upper() for key in os.environ}:
            return f"environment {PREFIX}{known.upper()}{part}"
    if (path := config_path()).is_file():
        try:
            found = tomllib.loads(path.read_text("utf-8"))
        except tomllib.TOMLDecodeError:
            return f"file {path}"
        if known := next((one for one in names if one in found), ""):
            return f"file {path}, {known}{part}"
    return "default" if name in Settings.model_fields else f"setting {name}"
