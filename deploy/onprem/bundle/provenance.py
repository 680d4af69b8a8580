"""Where a bundle comes from: an in-toto statement with SLSA's provenance predicate, without a time or a machine's name.

https://in-toto.io/Statement/v1 and https://slsa.dev/provenance/v1. It says what was built from which commit and locks with
which tools; the signature over SHA256SUMS covers it.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from deploy.onprem.bundle.errors import BundleError
from deploy.onprem.bundle.wheels import compiler, sha256

_TOOLS = ("pip", "setuptools", "jaxlib", "markdown-it-py", "cryptography")


def statement(root: Path, commit: str, parameters: Mapping[str, Any], subjects: Mapping[str, str]) -> dict[str, Any]:
    """subjects: file in the bundle to SHA-256."""
    locks = sorted((root / "requirements").glob("*.lock"))
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(subjects.items())],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "countersign/onprem-bundle/v1",
                "externalParameters": dict(parameters),
                "resolvedDependencies": [
                    {"name": "source", "digest": {"gitCommit": commit}},
                    *({"name": f"requirements/{one.name}", "digest": {"sha256": sha256(one)}} for one in locks),
                ],
            },
            "runDetails": {
                "builder": {
                    "id": "countersign/make-bundle",
                    "version": {
                        "python": platform.python_version(),
                        "compiler": compiler(),
                        "system": f"{sys.platform} {platform.machine()} {' '.join(platform.libc_ver())}".strip(),
                        **{tool: version(tool) for tool in _TOOLS},
                    },
                },
            },
        },
    }


def head(root: Path) -> tuple[str, int, bool]:
    """(commit, its time in seconds since 1970, whether the checkout has changes that are not in it)."""
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return (
            commit,
            int(_git(root, "show", "-s", "--format=%ct", commit)),
            bool(_git(root, "status", "--porcelain", "-uno")),
        )
    except FileNotFoundError:
        raise BundleError("a bundle is built from a commit: install git") from None


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BundleError(f"git {arguments[0]}: {done.stderr.strip()}; a bundle is built from a commit of a checkout")
    return done.stdout.strip()
