"""What tests need that Python does not have: real nginx, HAProxy, promtool, logrotate, systemd-analyze, Dovecot."""

from __future__ import annotations

import os
import shutil

import pytest

PACKAGES = {
    "nginx": "nginx-light",
    "haproxy": "haproxy",
    "promtool": "prometheus",
    "logrotate": "logrotate",
    "systemd-analyze": "systemd",
    "dovecot": "dovecot-imapd",
}


def tool(name: str) -> str:
    """Its path. Where it is missing the test is skipped on a developer's machine and fails in CI, which installs it."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/bin")
    if found is None:
        why = f"{name} is not installed (Debian: apt install {PACKAGES[name]})"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    return found
