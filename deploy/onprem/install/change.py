"""From one version to another and back, and away.

Invariant: an upgrade that fails leaves the old version running; data, keys, settings and models are removed by
nothing but an uninstallation that says so.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from deploy.onprem.install.host import Account, countersign, status_of
from deploy.onprem.install.layout import INSTALLED, Bundle, Site, Stop, point
from deploy.onprem.install.place import place, switch
from deploy.onprem.install.service import elsewhere, running, start, stop
from deploy.onprem.install.verify import PublicKey

NEWER = 3
"""Exit code of `countersign migrate --check` where the database was migrated by a newer version."""


def upgrade(bundle: Bundle, site: Site, who: Account, key: PublicKey, models: Path | None, owner_url: str | None) -> None:
    """Beside the running version first; then back up, stop, switch, migrate, start. Raises Stop."""
    old = site.installed()
    new = place(bundle, site, who, key, models)
    if new == old:
        print(f"current      {new} already")
        return
    _alone(site, who)
    ran = running(site) is not None
    countersign(site, who, "backup", "--to", str(site.log_backups), "--keys-to", str(site.key_backups), version=old)
    stop(site)
    switch(site, new)
    try:
        countersign(site, who, "migrate", *(["--url", owner_url] if owner_url else []))
        if ran:
            start(site, who)
    except Stop as error:
        stop(site)
        back = _back(site, who, old, ran)
        raise Stop(f"{error}\nthe upgrade to {new.name} did not succeed; {back}") from None
    print(f"upgraded     {old.name} → {new.name}; back with: make rollback")


def rollback(site: Site, who: Account) -> None:
    """Raises Stop where the version before cannot read the database any more."""
    now = site.installed()
    if not (site.previous / INSTALLED).is_file():
        raise Stop("there is no version before this one")
    before = site.previous.resolve()
    if status_of(site, who, "migrate", "--check", version=before) == NEWER:
        raise Stop(
            f"the database was migrated by {now.name} and {before.name} cannot read it: go on with {now.name}, or restore"
            f" the backup that the upgrade made, in {site.log_backups}, into another PREFIX (docs/deployment.html)"
        )
    _alone(site, who)
    ran = running(site) is not None
    stop(site)
    switch(site, before)
    if ran:
        start(site, who)
    print(f"rolled back  {now.name} → {before.name}; forward with: make rollback")


def uninstall(site: Site, purge: str | None) -> None:
    """Removes the programs; with purge, which must repeat PREFIX, the data too. Raises Stop."""
    if purge is not None and Path(purge).resolve() != site.prefix:
        raise Stop(f"to remove databases, keys, models and backups as well, repeat the folder: PURGE={site.prefix}")
    if not site.versions.is_dir():
        raise Stop(f"nothing is installed in {site.prefix}")
    stop(site)
    for link in (site.current, site.previous):
        link.unlink(missing_ok=True)
    for folder in (site.versions, site.command.parent, site.run):
        shutil.rmtree(folder, ignore_errors=False)
    if purge is None:
        print(f"uninstalled  the data stay: {site.home}, {site.config.parent}, {site.models}, {site.log_backups.parent}")
        return
    for folder in (site.home, site.config.parent, site.models, site.log_backups.parent):
        shutil.rmtree(folder)
    if not os.listdir(site.prefix):
        site.prefix.rmdir()
    print(f"uninstalled  and removed all data in {site.prefix}")


def _alone(site: Site, who: Account) -> None:
    """Raises Stop while a supervisor's service runs: it must not go on with an old program on a migrated database."""
    if url := elsewhere(site, who):
        raise Stop(
            f"something answers at {url} that `make start` did not start: stop it first (systemctl stop countersign), and"
            " start it again afterwards; nothing was changed"
        )


def _back(site: Site, who: Account, old: Path, ran: bool) -> str:
    if status_of(site, who, "migrate", "--check", version=old) == NEWER:
        return f"and {old.name} cannot read the migrated database: mend what is said above, then: make start"
    point(site.current, old)
    if ran:
        start(site, who)
    return f"{old.name} is current{' and runs' if ran else ''} as before"
