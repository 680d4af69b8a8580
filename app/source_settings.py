"""The settings of documents: `[documents]`, where the library is kept, and `[sources.NAME]`, where documents come from.

Invariant: no secret stands in the settings: they name the environment variable or the file that holds it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    StringConstraints,
    field_validator,
    model_validator,
)

Group = Annotated[str, StringConstraints(pattern=r"^[^\s,*;]([^,*;]*[^\s,*;])?$")]
"""A group's name as `countersign ingest --access` takes it."""


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


Groups = Annotated[tuple[Group, ...], BeforeValidator(_one_or_many)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class DocumentSettings(BaseModel):
    """Where the library is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    store: Literal["folder", "postgresql"] = Field(
        "folder",
        description="`postgresql`: several machines share the library in the database; each keeps a copy in its folder",
    )
    poll_s: float = Field(5.0, ge=0.2, le=600, description="seconds between two looks for what another machine changed")


class SourceSettings(BaseModel):
    """What every source has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    groups: dict[str, Groups] = Field({}, description="a group or tag of the source to groups here")
    paths: dict[str, Groups] = Field({}, description="a path in the source to groups here; the longest counts, [] closes it")
    default: Groups | None = Field(
        None, description="groups for what neither the source nor a path speaks of; absent: nobody reads it"
    )
    ignore: tuple[str, ...] = Field((), description="suffixes of files that are not meant, such as .png")
    every_s: float = Field(300.0, ge=1, le=86_400, description="seconds between two looks with --watch")

    @field_validator("default")
    @classmethod
    def _somebody(cls, groups: Groups | None) -> Groups | None:
        if groups is not None and not groups:
            raise ValueError("names no group; leave it out where nobody is meant")
        return groups


class FolderSource(SourceSettings):
    """Files that are read where they lie."""

    kind: Literal["folder"]
    path: Path
    every_s: float = Field(60.0, ge=1, le=86_400)


class SharePointSource(SourceSettings):
    """A folder exported from SharePoint or OneDrive, with the site's sharing report."""

    kind: Literal["sharepoint"]
    path: Path
    report: Path | None = Field(None, description="the sharing report, a CSV file; absent: paths alone say who reads what")
    below: str = Field("", description="the folder's path on the server, as in the report: sites/NAME/Shared Documents")
    report_columns: tuple[str, str, str] = ("Resource Path", "User Name", "Permission")


class ConfluenceSource(SourceSettings):
    """A space's export, or a folder into which exports are laid."""

    kind: Literal["confluence"]
    path: Path


class _WithSecret(SourceSettings):
    secret_env: str = Field("", description="the environment variable that holds the secret")
    secret_file: Path | None = Field(None, description="the file that holds the secret, and nothing else")
    ca_file: Path | None = Field(None, description="certificates that vouch for the server; absent: public ones")

    def secret(self) -> str:
        """Read anew each time, so that it can be changed while a sync watches. Raises ValueError, OSError."""
        if self.secret_file is not None:
            return self.secret_file.read_text("utf-8").strip()
        if not os.environ.get(self.secret_env):
            raise ValueError(f"the environment variable {self.secret_env} is not set")
        return os.environ[self.secret_env]


class S3Source(_WithSecret):
    """Objects of a bucket."""

    kind: Literal["s3"]
    bucket: str = Field(min_length=1)
    prefix: str = ""
    endpoint: str = Field("", description="address of a store that is not AWS, such as https://minio.bank.example:9000")
    region: str = ""
    key_id: str = Field("", description="id of the access key; absent: as AWS' own tools find keys and roles")
    tag: str = Field("", description="the tag, of an object or else of the bucket, whose value `groups` maps")

    @model_validator(mode="after")
    def _whole(self) -> S3Source:
        if bool(self.key_id) != (bool(self.secret_env) + bool(self.secret_file) == 1):
            raise ValueError("key_id needs one of secret_env and secret_file, and they need it")
        parts = urlsplit(self.endpoint)
        if self.endpoint and (
            parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password
        ):
            raise ValueError("endpoint must be http(s)://host[:port], without a name or password")
        return self


class ImapSource(_WithSecret):
    """Messages of a mailbox. The connection is always encrypted, and the certificate checked."""

    kind: Literal["imap"]
    host: str = Field(min_length=1)
    user: str = Field(min_length=1)
    mailboxes: tuple[str, ...] = Field(("INBOX",), min_length=1, description="names, or patterns such as Research/*")
    tls: Literal["implicit", "starttls"] = "implicit"
    port: int = Field(0, ge=0, le=65_535, description="absent: 993, with starttls 143")

    @model_validator(mode="after")
    def _whole(self) -> ImapSource:
        if bool(self.secret_env) + bool(self.secret_file) != 1:
            raise ValueError("one of secret_env and secret_file must say where the password is")
        return self


AnySource = Annotated[
    FolderSource | SharePointSource | ConfluenceSource | S3Source | ImapSource, Field(discriminator="kind")
]


class Sources(RootModel[dict[Name, AnySource]]):
    """By name. Printed as names and kinds alone."""

    model_config = ConfigDict(frozen=True)

    def __str__(self) -> str:
        return ", ".join(f"{name} ({source.kind})" for name, source in self.root.items()) or "-"
