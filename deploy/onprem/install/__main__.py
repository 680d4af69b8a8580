"""What the Makefile beside this folder runs. Python's standard library alone: nothing is installed yet."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[3])

from deploy.onprem.install.change import rollback, uninstall, upgrade
from deploy.onprem.install.configure import configure
from deploy.onprem.install.host import Account, account, countersign, status_of
from deploy.onprem.install.layout import Site, Stop, read_bundle
from deploy.onprem.install.place import place, switch
from deploy.onprem.install.place import verify as verify_bundle
from deploy.onprem.install.service import running, start, status, stop
from deploy.onprem.install.units import units
from deploy.onprem.install.verify import Refused

COMMANDS = (
    "verify", "install", "configure", "migrate", "start", "stop", "status", "doctor", "backup", "restore", "upgrade",
    "rollback", "uninstall", "rotate-keys", "units",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="make -C deploy/onprem", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--prefix", type=Path, required=True)
    for name in ("pubkey", "run-as", "models", "set", "origin", "owner-url", "to", "keys-to", "source", "keys-from"):
        parser.add_argument(f"--{name}")
    for name in ("checkpoints", "reason", "approvers", "purge", "retire", "args", "allow"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--foreground", action="store_true")
    given = parser.parse_args([one for one in sys.argv[1:] if not one.endswith("=")])
    try:
        return run(given, Site(given.prefix.absolute()))
    except (Stop, Refused) as error:
        print(f"{given.command}: {error}", file=sys.stderr)
        return 1
    except PermissionError as error:
        print(f"{given.command}: {error.filename}: permission denied; run as root or as its owner", file=sys.stderr)
        return 1


def run(given: argparse.Namespace, site: Site) -> int:
    """The exit code of one command. Raises Stop and Refused."""
    models = Path(given.models).resolve() if given.models else None
    if given.command == "verify":
        verify_bundle(read_bundle(), site, given.pubkey)
        return 0
    if given.command == "uninstall":
        uninstall(site, given.purge)
        return 0
    if given.command in ("install", "upgrade"):
        bundle = read_bundle()
        key = verify_bundle(bundle, site, given.pubkey)
        who = account(site, given.run_as)
        if given.command == "upgrade":
            upgrade(bundle, site, who, key, models, given.owner_url)
            return 0
        if site.current.exists() and site.current.resolve().name != bundle.label:
            raise Stop(f"{site.current.resolve().name} is installed: to change to {bundle.label}, make upgrade")
        switch(site, place(bundle, site, who, key, models))
        configure(site, who, _settings(given), given.origin)
        print(f"installed    next: make -C {site.current}/deploy/onprem migrate start doctor")
        return 0
    site.installed()
    return _of_installed(given, site, account(site, given.run_as))


def _of_installed(given: argparse.Namespace, site: Site, who: Account) -> int:
    more = shlex.split(given.args or "")
    match given.command:
        case "configure":
            configure(site, who, _settings(given), given.origin)
        case "migrate":
            countersign(site, who, "migrate", *_option("--url", given.owner_url), *more)
        case "start":
            start(site, who, foreground=given.foreground)
        case "stop":
            stop(site)
        case "status":
            found = status(site, who)
            print(f"version      {site.installed().name}\nprocess      {found.pid or 'none'}\naddress      {found.url}")
            print(f"ready        {'yes' if found.ready else 'no: ' + found.told}")
            return found.code
        case "doctor":
            return status_of(site, who, "doctor", *more, version=site.installed())
        case "backup":
            to, keys_to = given.to or str(site.log_backups), given.keys_to or str(site.key_backups)
            countersign(site, who, "backup", "--to", to, "--keys-to", keys_to, *more)
        case "restore":
            if running(site) is not None:
                raise Stop("the service runs: stop it first, make stop")
            if not given.source:
                raise Stop(f"say which backup: FROM=FOLDER, one of those in {site.log_backups} or a copy of one")
            arguments = ["--from", given.source, *_option("--keys-from", given.keys_from)]
            arguments += [*_option("--checkpoints", given.checkpoints), *_option("--reason", given.reason)]
            for name in (given.approvers or "").split():
                arguments += ["--approver", name]
            countersign(site, who, "restore", *arguments, *more)
        case "rotate-keys":
            _rotate(site, who, given.retire)
        case "units":
            if not given.to:
                raise Stop("say where to: TO=/etc/systemd/system, or a folder to look at them first")
            units(site, who, Path(given.to), given.allow)
        case "rollback":
            rollback(site, who)
    return 0


def _rotate(site: Site, who: Account, retire: str | None) -> None:
    """A new signing key beside the old one, or an old one's end; a running service is restarted to use it."""
    if retire:
        countersign(site, who, "audit", "retire-key", retire)
    else:
        countersign(site, who, "audit", "rotate-key")
    if running(site) is not None:
        stop(site)
        start(site, who)
    if not retire:
        print("when verifiers and witnesses know the new key: make rotate-keys RETIRE='old key, as `audit keys` prints it'")


def _option(name: str, value: str | None) -> list[str]:
    return [name, value] if value else []


def _settings(given: argparse.Namespace) -> list[str]:
    return shlex.split(given.set or "")


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
