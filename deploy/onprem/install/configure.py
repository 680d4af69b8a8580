"""The settings file and the keys: made once, asked for never, changed one setting at a time.

Invariant: a settings file that the service could not start with is never left in place, and no key is replaced.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterable

from deploy.onprem.install.host import Account, countersign
from deploy.onprem.install.layout import Site, Stop

_FIRST = """# Countersign's settings; `{command} config show` lists all of them. Change one with
#   make -C {onprem} configure SET="port=8443"
# or here, and restart. Environment variables COUNTERSIGN_… win over this file.
home = "{home}"
models_dir = "{models}"
# The name under which this installation signs its log. It cannot change once the log has begun.
audit_origin = "{origin}"
"""
_SETTING = re.compile(r"([a-z_]+)=(.*)", re.DOTALL)
_BARE = re.compile(r"true|false|-?\d+(\.\d+)?|\[.*\]")


def configure(site: Site, who: Account, settings: Iterable[str], origin: str | None) -> None:
    """settings: "name=value" each. Raises Stop where one is refused; then the file is as it was."""
    old = site.config.read_text("utf-8") if site.config.is_file() else None
    if old is None and origin is None:
        origin = _origin()
        print(f"the log will be signed as {origin}: to choose, `make configure ORIGIN=…` before the first start")
    if old is not None and origin is not None and f'audit_origin = "{origin}"' not in old:
        if (site.home / "checkpoints.jsonl").exists():
            raise Stop("the log has begun under its origin, which can change no more; see `countersign audit keys`")
        (site.home / "keys" / "audit").unlink(missing_ok=True)  # it bears the other name, and has signed nothing yet
    onprem = site.current / "deploy" / "onprem"
    text = old or _FIRST.format(command=site.command, onprem=onprem, home=site.home, models=site.models, origin=origin or "")
    wanted = [*settings, *([f"audit_origin={origin}"] if origin else [])]
    for setting in wanted:
        text = _with(text, setting)
    if text != old:
        _write(site, who, text)
        try:
            countersign(site, who, "config", "show", "--json", quiet=True)
        except Stop:
            if old is None:
                site.config.unlink()
            else:
                _write(site, who, old)
            raise Stop(f"the settings were refused (see above) and {site.config} is as it was") from None
    countersign(site, who, "prepare")
    print(f"settings     {site.config}")


def setting(site: Site, who: Account, *names: str) -> list[str]:
    """Values in force, as text."""
    shown = json.loads(countersign(site, who, "config", "show", "--json", quiet=True))
    return [shown[name]["value"] for name in names]


def _with(text: str, given: str) -> str:
    if (match := _SETTING.fullmatch(given.strip())) is None:
        raise Stop(f"{given!r} is no setting: write SET=\"name=value\", for example SET='port=8443 light=true'")
    name, value = match[1], match[2]
    line = f"{name} = {value if _BARE.fullmatch(value) else json.dumps(value)}"
    pattern = re.compile(rf"^{name}\s*=.*$", re.MULTILINE)
    return pattern.sub(lambda _: line, text) if pattern.search(text) else f"{text.rstrip()}\n{line}\n"


def _write(site: Site, who: Account, text: str) -> None:
    """Readable for the service, writable for root alone where root installed it."""
    made = site.config.with_name(".countersign.toml.new")
    made.unlink(missing_ok=True)
    with os.fdopen(os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640), "w", encoding="utf-8") as file:
        file.write(text)
    if who.dropped:
        os.chown(made, 0, who.gid)
    os.replace(made, site.config)


def _origin() -> str:
    """This host's name, in the letters that a log's name may have."""
    name = re.sub(r"[^a-z0-9.-]", "-", socket.gethostname().lower()).strip(".-")
    return name or "countersign.invalid"
