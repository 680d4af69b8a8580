"""The shipped systemd units and logrotate rules, with this installation's folder, user and networks in them.

Invariant: the files beside this folder are valid as they lie there, for /opt/countersign and the user countersign;
only these words are replaced, and nothing is started.
"""

from __future__ import annotations

import grp
import ipaddress
import os
import re
from pathlib import Path

from deploy.onprem.install.host import Account
from deploy.onprem.install.layout import Site, Stop

SHIPPED = Path(__file__).resolve().parents[1]
PREFIX = "/opt/countersign"
FILES = ("systemd/*.service", "systemd/*.timer", "logrotate/countersign")
_NETWORKS = "IPAddressAllow=localhost\n"


def units(site: Site, who: Account, to: Path, allow: str | None) -> list[Path]:
    """Writes them into a folder; those that are there already are replaced. Raises Stop where a network is none.

    allow: networks beside this machine that the units may reach and be reached from, such as "10.20.0.0/16 10.30.1.5".
    """
    networks = [_network(one) for one in (allow or "").split()]
    if not to.is_dir():
        raise Stop(
            f"{to} is no folder: say where systemd reads units, TO=/etc/systemd/system, or make a folder to look at them"
        )
    made = []
    for source in sorted(path for pattern in FILES for path in SHIPPED.glob(pattern)):
        name = "countersign.logrotate" if source.parent.name == "logrotate" else source.name
        target = to / name
        partial = to / f".{name}.new"
        partial.write_text(fitted(source.read_text("utf-8"), site, who, networks), "utf-8")
        partial.chmod(0o644)
        os.replace(partial, target)
        made.append(target)
        print(f"written      {target}")
    print("next         systemctl daemon-reload && systemctl enable --now countersign countersign-backup.timer")
    return made


def fitted(text: str, site: Site, who: Account, networks: list[str]) -> str:
    """A shipped file for this installation."""
    text = text.replace(f"{PREFIX}/", f"{site.prefix}/")
    group = grp.getgrgid(who.gid).gr_name
    text = re.sub(r"^User=countersign$", f"User={who.name}", text, flags=re.MULTILINE)
    text = re.sub(r"^Group=countersign$", f"Group={group}", text, flags=re.MULTILINE)
    text = text.replace("su countersign countersign", f"su {who.name} {group}")
    return text.replace(_NETWORKS, _NETWORKS + "".join(f"IPAddressAllow={one}\n" for one in networks))


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise Stop(f"ALLOW: {error}; write networks or addresses, such as ALLOW='10.20.0.0/16 10.30.1.5'") from None
