"""The systemd units and the logrotate rules: what they allow, that the programs read them, and that each command exists."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy.onprem.install.change import _alone
from deploy.onprem.install.host import Account
from deploy.onprem.install.layout import Site, Stop
from deploy.onprem.install.units import units
from tests.deploy.commands import problem_of
from tests.deploy.tools import tool

ROOT = Path(__file__).parents[2]
ONPREM = ROOT / "deploy" / "onprem"
SERVICES = sorted((ONPREM / "systemd").glob("*.service"))
ALL = [*SERVICES, *sorted((ONPREM / "systemd").glob("*.timer"))]
GUIDE = (ROOT / "docs" / "shapes.md").read_text("utf-8")
HARD: Mapping[str, str] = {
    "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes", "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "", "AmbientCapabilities": "", "PrivateUsers": "yes", "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes", "RestrictSUIDSGID": "yes", "LockPersonality": "yes", "ProtectClock": "yes",
    "ProtectControlGroups": "yes", "ProtectHostname": "yes", "ProtectKernelLogs": "yes", "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes", "ProtectProc": "invisible", "RemoveIPC": "yes", "SystemCallArchitectures": "native",
    "SystemCallErrorNumber": "EPERM", "IPAddressDeny": "any", "IPAddressAllow": "localhost", "UMask": "0077",
    "SocketBindDeny": "any", "DevicePolicy": "closed", "KeyringMode": "private",
}  # fmt: skip
COMPILING = {"countersign.service", "countersign-engine.service"}
ME = Account("me", os.geteuid(), os.getegid(), dropped=False)


def read(path: Path) -> dict[str, list[str]]:
    """Every directive of a unit with its values, in order."""
    found: dict[str, list[str]] = {}
    for line in path.read_text("utf-8").splitlines():
        if "=" in line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_a_service_is_shut_in(path: Path) -> None:
    said = read(path)
    assert {name: said.get(name) for name in HARD} == {name: [value] for name, value in HARD.items()}
    assert said["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]
    assert set(said["RestrictAddressFamilies"][0].split()) <= {"AF_INET", "AF_INET6", "AF_UNIX"}
    assert said.get("User", ["root"]) == ["countersign"] or said["DynamicUser"] == ["yes"]
    writable = " ".join(said.get("ReadWritePaths", [])).split()
    assert set(writable) <= {f"/opt/countersign/{name}" for name in ("var", "backups", "models/compiled")}


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_only_what_compiles_may_make_memory_executable(path: Path) -> None:
    """JAX cannot run otherwise (the next test); the others compile nothing."""
    assert read(path).get("MemoryDenyWriteExecute", ["no"]) == ["no" if path.name in COMPILING else "yes"]


# PR_SET_MDWE, prctl(2): what MemoryDenyWriteExecute asks for, by the kernel (6.3 and newer) instead of by a filter.
_DENIED = "import ctypes, runpy, sys; sys.exit(77) if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) else None; "


def denied(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python code that may make nothing executable that it has written."""
    command = [sys.executable, "-c", _DENIED + program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode == 77:
        why = "this kernel is older than 6.3 and has no PR_SET_MDWE"
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
    return done


@pytest.mark.process
def test_jax_cannot_run_without_making_memory_executable_and_the_others_can(tmp_path: Path) -> None:
    done = denied("import jax, jax.numpy as jnp; jax.jit(lambda x: x @ x)(jnp.ones((8, 8))).block_until_ready()")
    assert done.returncode
    assert "LLVM" in done.stderr
    run = "runpy.run_module('app', run_name='__main__', alter_sys=True)"
    assert denied(run, "witness", "key", "--state", str(tmp_path / "w"), "--name", "w.example/1").stdout.startswith(
        "w.example/1+"
    )


def test_an_engine_and_a_witness_see_neither_data_nor_keys_of_a_service_beside_them() -> None:
    for name in ("countersign-engine.service", "countersign-witness.service"):
        hidden = read(ONPREM / "systemd" / name)["InaccessiblePaths"][0].split()
        assert set(hidden) >= {f"-/opt/countersign/{path}" for path in ("var", "etc/countersign.toml", "etc/secrets.env")}


@pytest.mark.process
@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_every_command_of_a_unit_exists(path: Path) -> None:
    said = read(path)
    for line in [*said["ExecStart"], *said.get("ExecStartPre", [])]:
        words = shlex.split(line.lstrip("-").replace("$LOGS", "--log KEY"))
        assert words[0] == "/opt/countersign/current/venv/bin/countersign"
        assert problem_of(["countersign", *words[1:]]) is None


def test_make_units_writes_them_for_this_prefix_user_and_network(tmp_path: Path) -> None:
    to = tmp_path / "units"
    to.mkdir()
    made = units(Site(tmp_path / "site"), ME, to, "10.20.0.0/16 10.30.1.5")
    assert {path.name for path in made} == {*(path.name for path in ALL), "countersign.logrotate"}
    text = "".join(path.read_text() for path in made)
    assert "/opt/countersign" not in text
    assert "User=countersign" not in text
    said = read(to / "countersign.service")
    assert said["User"] == ["me"]
    assert said["IPAddressAllow"] == ["localhost", "10.20.0.0/16", "10.30.1.5/32"]
    with pytest.raises(Stop, match=r"ALLOW: .*write networks"):
        units(Site(tmp_path), ME, to, "bank.example")
    with pytest.raises(Stop, match="say where systemd reads units"):
        units(Site(tmp_path), ME, tmp_path / "none", None)


@pytest.mark.process
def test_systemd_reads_the_units_without_a_word(tmp_path: Path) -> None:
    site, to = Site(tmp_path / "site"), tmp_path / "units"
    program = site.current / "venv" / "bin" / "countersign"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    to.mkdir()
    units(site, ME, to, "10.20.0.0/16")
    for path in sorted(to.glob("countersign*.[st]*")):
        done = subprocess.run([tool("systemd-analyze"), "verify", "--man=no", path], capture_output=True, text=True)
        ours = [line for line in done.stderr.splitlines() if "countersign" in line and "Failed to connect" not in line]
        assert ours == [], ours


@pytest.mark.process
@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_the_guide_tells_the_score_that_systemd_gives(path: Path) -> None:
    done = subprocess.run(
        [tool("systemd-analyze"), "security", "--offline=true", "--no-pager", path], capture_output=True, text=True
    )
    score = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert score is not None, done.stdout + done.stderr
    told = re.search(rf"\| `{path.name}` \| ([\d.]+) \|", GUIDE)
    assert told is not None, f"docs/shapes.md has no score of {path.name}"
    assert float(score[1]) <= float(told[1])


@pytest.mark.process
def test_logrotate_cuts_a_log_that_is_being_written_and_leaves_the_checkpoints(tmp_path: Path) -> None:
    site = Site(tmp_path)
    (tmp_path / "var" / "log").mkdir(parents=True)
    (tmp_path / "run").mkdir()
    checkpoints = tmp_path / "var" / "checkpoints.jsonl"
    checkpoints.write_text("evidence\n")
    log = tmp_path / "var" / "log" / "service.log"
    (tmp_path / "units").mkdir()
    units(site, Account("root", 0, 0, dropped=False) if os.geteuid() == 0 else ME, tmp_path / "units", None)
    rules = (tmp_path / "units" / "countersign.logrotate").read_text()
    (tmp_path / "rules").write_text(re.sub(r"^ +su .*\n", "", rules, flags=re.MULTILINE))
    (tmp_path / "rules").chmod(0o644)
    with log.open("a") as written:
        written.write("before\n")
        written.flush()
        command = [tool("logrotate"), "--force", "--state", tmp_path / "state", tmp_path / "rules"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        written.write("after\n")
    assert log.read_text() == "after\n"
    assert [path.read_text() for path in log.parent.glob("service.log-*")] == ["before\n"]
    assert [path.name for path in checkpoints.parent.iterdir() if path.is_file()] == ["checkpoints.jsonl"]
    assert checkpoints.read_text() == "evidence\n"


def test_a_service_of_a_supervisor_is_not_upgraded_under_its_feet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        monkeypatch.setattr("deploy.onprem.install.service.setting", lambda *_: ["0.0.0.0", port])
        with pytest.raises(Stop, match="systemctl stop countersign"):
            _alone(Site(tmp_path), ME)
    _alone(Site(tmp_path), ME)
