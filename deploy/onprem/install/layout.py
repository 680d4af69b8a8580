"""Where things lie under PREFIX, and what a bundle says of itself.

versions/VERSION-DIGEST/   one folder a version: venv/, deploy/, docs/, samples/; the service cannot write there
current, previous          links to two of them; a switch is one rename
etc/                       countersign.toml, and the public key that bundles must be signed with
var/                       the service's home: databases, keys/, library/, checkpoints.jsonl
models/                    shared between versions; models/compiled is the engine's cache
backups/log, backups/keys  apart from each other: whoever has one cannot read it without the other
run/                       process id and log of a service started here
bin/countersign            the command line of the current version, with this PREFIX's settings
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.onprem.install.verify import SUMS

TOP = Path(__file__).resolve().parents[3]
"""The unpacked bundle, or the installed version that this file is part of."""
INSTALLED = ".installed"


class Stop(Exception):
    """What was asked cannot be done; the message says why and what to do next."""


@dataclass(frozen=True)
class Site:
    """One installation."""

    prefix: Path

    @property
    def versions(self) -> Path:
        return self.prefix / "versions"

    @property
    def current(self) -> Path:
        return self.prefix / "current"

    @property
    def previous(self) -> Path:
        return self.prefix / "previous"

    @property
    def config(self) -> Path:
        return self.prefix / "etc" / "countersign.toml"

    @property
    def public_key(self) -> Path:
        return self.prefix / "etc" / "bundle.pub"

    @property
    def home(self) -> Path:
        return self.prefix / "var"

    @property
    def models(self) -> Path:
        return self.prefix / "models"

    @property
    def run(self) -> Path:
        return self.prefix / "run"

    @property
    def log_backups(self) -> Path:
        return self.prefix / "backups" / "log"

    @property
    def key_backups(self) -> Path:
        return self.prefix / "backups" / "keys"

    @property
    def command(self) -> Path:
        return self.prefix / "bin" / "countersign"

    def installed(self) -> Path:
        """The current version's folder. Raises Stop where there is none."""
        if not (self.current / INSTALLED).is_file():
            raise Stop(f"nothing is installed in {self.prefix}: make -C deploy/onprem install PREFIX={self.prefix} PUBKEY=…")
        return self.current.resolve()


@dataclass(frozen=True)
class Bundle:
    """An unpacked bundle."""

    top: Path
    version: str
    python: str
    platform: str
    models: tuple[str, ...]

    @property
    def label(self) -> str:
        """Names its folder below versions/: two builds of one version never share one."""
        return f"{self.version}-{hashlib.sha256((self.top / SUMS).read_bytes()).hexdigest()[:8]}"


def read_bundle(top: Path = TOP) -> Bundle:
    """Raises Stop where the folder is no unpacked bundle."""
    try:
        about: dict[str, Any] = json.loads((top / "bundle.json").read_text("utf-8"))
        found = Bundle(top, about["version"], about["python"], about["platform"], tuple(about["models"]))
    except (OSError, ValueError, KeyError):
        found = None
    if found is None or not (top / SUMS).is_file():
        raise Stop(f"{top} is no unpacked bundle: unpack countersign-….tar.gz and run make in its deploy/onprem")
    return found


def point(link: Path, target: Path) -> None:
    """Makes `link` lead to `target` in one step: whoever looks sees the old one or the new one."""
    made = link.with_name(f".{link.name}.new")
    made.unlink(missing_ok=True)
    made.symlink_to(os.path.relpath(target, link.parent))
    os.replace(made, link)
