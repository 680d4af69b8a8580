"""Puts a verified bundle's version beside the others, whole or not at all.

Invariant: nothing is fetched and nothing of a wheel is run while it is installed; a version is usable only once
its last file, `.installed`, is there; `current` never leads to a version that is not.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from deploy.onprem.install.host import Account
from deploy.onprem.install.layout import INSTALLED, Bundle, Site, Stop, point
from deploy.onprem.install.verify import SIGNATURE, SUMS, PublicKey, Refused, check_bundle, read_key

COPIED = ("deploy", "docs", "samples", "bundle.json", "sbom.cdx.json", "provenance.json", SUMS, SUMS + SIGNATURE)
_LAUNCHER = """#!/bin/sh
# The command line of the current version with the settings of {prefix}. Root becomes the service's user first.
COUNTERSIGN_CONFIG={config}
HOME={home}
PYTHONNOUSERSITE=1
export COUNTERSIGN_CONFIG HOME PYTHONNOUSERSITE
unset PYTHONPATH PYTHONHOME
umask 077
if [ "$(id -u)" = 0 ] && [ {uid} != 0 ]; then
    exec setpriv --reuid={uid} --regid={gid} --clear-groups {prefix}/current/venv/bin/countersign "$@"
fi
exec {prefix}/current/venv/bin/countersign "$@"
"""


def verify(bundle: Bundle, site: Site, given: str | None) -> PublicKey:
    """Raises Refused, or Stop where nobody says which key to trust."""
    if not given and not site.public_key.is_file():
        raise Stop(
            "say which key the bundle must be signed with: PUBKEY=RW… or PUBKEY=FILE, as the publisher told you by another"
            f" way than this bundle; it is remembered in {site.public_key}"
        )
    key = read_key(given or str(site.public_key))
    if given and site.public_key.is_file() and (known := read_key(str(site.public_key))) != key:
        print(f"another key than before: {known.fingerprint} until now; it is remembered once this bundle is installed")
    comment, count = check_bundle(key, bundle.top)
    print(f"trusted key  {key.fingerprint}\ngood         {count} files are what was signed: {comment}")
    return key


def place(bundle: Bundle, site: Site, who: Account, key: PublicKey, models: Path | None) -> Path:
    """The version's folder, installed. Raises Stop; what was half done is cleared away at the next try."""
    _fits(bundle, site)
    for folder, mode, theirs in (
        (site.prefix, 0o755, False), (site.versions, 0o755, False), (site.config.parent, 0o755, False),
        (site.command.parent, 0o755, False), (site.models, 0o755, False), (site.models / "compiled", 0o700, True),
        (site.home, 0o700, True), (site.run, 0o700, True), (site.log_backups.parent, 0o755, False),
        (site.log_backups, 0o700, True), (site.key_backups, 0o700, True),
    ):  # fmt: skip
        if not folder.is_dir():
            folder.mkdir(parents=True)
            folder.chmod(mode)
            if theirs:
                who.own(folder)
    target = site.versions / bundle.label
    if (target / INSTALLED).is_file():
        print(f"installed    {target} is there already")
    else:
        _install(bundle, target, who)
    _models(bundle, site, models)
    site.public_key.write_text(f"untrusted comment: bundles must be signed with this key\n{key}\n", "utf-8")
    _launcher(site, who)
    return target


def switch(site: Site, target: Path) -> None:
    """Makes `target` the current version, and the one before it `previous`."""
    if site.current.exists() and site.current.resolve() != target:
        point(site.previous, site.current.resolve())
    point(site.current, target)
    print(f"current      {target}")


def _fits(bundle: Bundle, site: Site) -> None:
    """Raises Stop where this host cannot run the bundle."""
    if f"{sys.version_info[0]}.{sys.version_info[1]}" != bundle.python:
        raise Stop(
            f"this bundle is for Python {bundle.python}, this is {platform.python_version()}: make PYTHON=/path/to/python …"
        )
    machine = bundle.platform.partition("_")[2].split("_", 2)[2]
    if platform.machine() != machine:
        raise Stop(f"this bundle is for {machine}, this host is {platform.machine()}: take the bundle for this host")
    needed = tuple(int(part) for part in bundle.platform.split("_")[1:3])
    name, version = platform.libc_ver()
    if name == "glibc" and tuple(int(part) for part in version.split(".")[:2]) < needed:
        raise Stop(f"this bundle needs glibc {needed[0]}.{needed[1]} or newer, this host has {version}: take a newer system")
    place_on = next(one for one in (site.prefix, *site.prefix.parents) if one.exists())
    wheels = sum(path.stat().st_size for path in (bundle.top / "wheels").iterdir())
    space = 5 * wheels + sum(path.stat().st_size for path in (bundle.top / "models").rglob("*") if path.is_file())
    if (free := shutil.disk_usage(place_on).free) < space:
        raise Stop(
            f"{place_on} has {free / 1e9:.1f} GB free, {space / 1e9:.1f} GB are needed: free some, or choose another PREFIX"
        )
    if not os.access(place_on, os.W_OK):
        raise Stop(f"{place_on} cannot be written by this user: choose a PREFIX that can, or run as root")


def _install(bundle: Bundle, target: Path, who: Account) -> None:
    if target.exists():
        shutil.rmtree(target)
    target.mkdir()
    who.own(target)
    print(f"installing   {target}, from wheels alone; this takes about half a minute", flush=True)
    python = target / "venv" / "bin" / "python"
    _step(
        [sys.executable, "-I", "-m", "venv", "--without-pip", str(target / "venv")], who, "the environment could not be made"
    )
    pip = next((bundle.top / "wheels").glob("pip-*.whl"))
    arguments = ["install", "--isolated", "--quiet", "--no-index", f"--find-links={bundle.top / 'wheels'}", "--no-deps"]
    arguments += ["--require-hashes", "--only-binary=:all:", "--no-compile", "--no-cache-dir", "--disable-pip-version-check"]
    _step(
        [str(python), "-I", f"{pip}/pip", *arguments, f"--requirement={bundle.top / 'requirements.lock'}"],
        who,
        f"the wheels could not be installed; may user {who.name} read {bundle.top}, and enter the folders above it?",
    )
    # here, where it may be written: the service cannot write into its own program
    _step([str(python), "-I", "-m", "compileall", "-q", "-j", "0", str(target / "venv" / "lib")], who, None)
    for name in COPIED:
        source = bundle.top / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target / name)
    if who.dropped:
        for folder, folders, files in os.walk(target):
            for one in [folder, *(os.path.join(folder, name) for name in (*folders, *files))]:
                os.lchown(one, 0, 0)
    (target / INSTALLED).write_text(json.dumps({"version": bundle.version}) + "\n", "utf-8")


def _step(command: list[str], who: Account, failure: str | None) -> None:
    """failure: what it means that it failed; None: it does not matter."""
    clean = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "PIP_CONFIG_FILE": os.devnull}
    done = subprocess.run(
        command, env=clean, cwd="/", capture_output=True, text=True, check=False, umask=0o022, **who.options()
    )
    if done.returncode and failure:
        raise Stop(f"{failure}\n{(done.stdout + done.stderr)[-2000:].strip()}")


def _models(bundle: Bundle, site: Site, given: Path | None) -> None:
    """From the bundle, or from a folder that was carried beside a light one. Their digests are checked by the caller."""
    source = given or bundle.top / "models"
    if not source.is_dir():
        if given:
            raise Stop(
                f"{given} is no folder of models: give the one that holds {'/, '.join(['all-minilm-l6-v2'])}/ and others"
            )
        return
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        if not path.is_file() or relative.parts[0] == "compiled" or path.name == ".lock":
            continue
        target = site.models / relative
        if target.is_file() and target.stat().st_size == path.stat().st_size:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(target.name + ".part")
        shutil.copyfile(path, partial)
        partial.chmod(0o644)
        os.replace(partial, target)


def _launcher(site: Site, who: Account) -> None:
    made = site.command.with_name(".countersign.new")
    made.write_text(
        _LAUNCHER.format(prefix=site.prefix, config=site.config, home=site.home, uid=who.uid, gid=who.gid), "utf-8"
    )
    made.chmod(0o755)
    os.replace(made, site.command)


__all__ = ["Refused", "place", "switch", "verify"]
