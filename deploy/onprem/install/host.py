"""Who runs the service, and running something as them.

As root, a system user without a shell is made, owns the data and nothing else, and everything but placing files happens as
this user. As anybody else, that person owns all of it and root is never needed.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.onprem.install.layout import Site, Stop

USER = "countersign"


@dataclass(frozen=True)
class Account:
    """The service's user. dropped: we are root and must become this user first."""

    name: str
    uid: int
    gid: int
    dropped: bool

    def options(self) -> dict[str, Any]:
        """For subprocess."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.dropped else {}

    def own(self, path: Path) -> None:
        if self.dropped:
            os.chown(path, self.uid, self.gid)


def account(site: Site, name: str | None) -> Account:
    """Who owns the installation's data already, else `name`, else a user called countersign, made now if need be.

    Raises Stop where root cannot make the user.
    """
    if os.geteuid() != 0:
        return Account(pwd.getpwuid(os.geteuid()).pw_name, os.geteuid(), os.getegid(), dropped=False)
    if site.home.is_dir() and (name is None or site.home.stat().st_uid != 0):
        found = pwd.getpwuid(site.home.stat().st_uid)
    else:
        found = _user(site, name or USER)
    return Account(found.pw_name, found.pw_uid, found.pw_gid, dropped=found.pw_uid != 0)


def _user(site: Site, name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        pass
    if shutil.which("useradd") is None:
        raise Stop(f"user {name} does not exist and there is no useradd: make the user, or name another with RUN_AS=")
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", str(site.home)]
    done = subprocess.run([*command, "--shell", "/usr/sbin/nologin", name], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Stop(f"user {name} could not be made: {done.stderr.strip()}; make it by hand, or name another with RUN_AS=")
    return pwd.getpwnam(name)


def environment(site: Site) -> dict[str, str]:
    """What a command of the installation sees: nothing of the caller's Python, and this PREFIX's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_", "VIRTUAL_ENV"))}
    kept.pop("MAKEFLAGS", None)
    return {**kept, "COUNTERSIGN_CONFIG": str(site.config), "HOME": str(site.home), "PYTHONNOUSERSITE": "1"}


def countersign(site: Site, who: Account, *arguments: str, version: Path | None = None, quiet: bool = False) -> str:
    """Runs a command of an installed version as the service's user; its standard output where `quiet`.

    Raises Stop with the command's own last words where it fails.
    """
    program = (version or site.installed()) / "venv" / "bin" / "countersign"
    done = _run([str(program), *arguments], site, who, stdout=subprocess.PIPE if quiet else None)
    if done.returncode:
        raise Stop(f"`countersign {' '.join(arguments)}` ended with exit code {done.returncode}; see above")
    return done.stdout or ""


def status_of(site: Site, who: Account, *arguments: str, version: Path) -> int:
    """The exit code of a command of an installed version; what it says is shown."""
    return _run([str(version / "venv" / "bin" / "countersign"), *arguments], site, who).returncode


def _run(command: Sequence[str], site: Site, who: Account, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=environment(site), cwd=site.home, text=True, check=False, umask=0o077, **who.options(), **options
    )
