"""The Containerfile and the quadlets: nothing in them reaches for a network, no key gets into an image."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from app import __version__
from tests.deploy.commands import problem_of

FOLDER = Path(__file__).parents[2] / "deploy" / "onprem" / "containers"
QUADLETS = sorted(path for path in FOLDER.iterdir() if path.suffix in {".container", ".network", ".volume"})
CONTAINERS = [path for path in QUADLETS if path.suffix == ".container"]
OUTSIDE = re.compile(r"\b(curl|wget|apt|apt-get|dnf|yum|microdnf|apk|pip3?|git|npm|ADD|https?://|docker\.io|quay\.io)\b")
# Podman refuses a quadlet with a key that it does not know: these are known since 4.4, the first that has them (its
# pkg/systemd/quadlet/quadlet.go), and still are; what is newer goes through PodmanArgs.
KNOWN = {
    "Container": {
        "ContainerName", "Image", "Environment", "EnvironmentFile", "Exec", "NoNewPrivileges", "DropCapability", "ReadOnly",
        "User", "Group", "Volume", "PodmanArgs", "Network", "Label",
    },
    "Network": {"DisableDNS", "Gateway", "Internal", "IPRange", "Subnet", "Label"},
    "Volume": {"User", "Group", "Label"},
}  # fmt: skip


def instructions() -> list[list[str]]:
    """The Containerfile's lines, joined, each as its instruction and the rest."""
    text = (FOLDER / "Containerfile").read_text("utf-8")
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    return [line.split(None, 1) for line in kept.replace("\\\n", " ").splitlines() if line.strip()]


def sections(path: Path) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("["):
            entries = found.setdefault(line.strip("[]"), [])
        elif "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            entries.append((name, value))
    return found


@pytest.mark.process
def test_the_image_is_built_from_the_bundle_and_a_base_image_that_is_there() -> None:
    found = instructions()
    assert found[0] == ["ARG", "BASE=localhost/python-3.11-make:latest"]
    assert found[1] == ["FROM", "${BASE}"]
    assert [line[1] for line in found if line[0] == "COPY"] == [". /bundle"]
    (run,) = [line[1] for line in found if line[0] == "RUN"]
    steps = [step.strip() for step in run.split("&&")]
    (make,) = [step for step in steps if step.startswith("make ")]
    assert problem_of(["make", *[word for word in shlex.split(make)[3:] if "=" not in word]]) is None
    assert re.search(r" verify install PREFIX=\S+ PUBKEY=\$\{PUBKEY\} RUN_AS=countersign", make)
    for kind, rest in found:
        assert not OUTSIDE.search(rest), (kind, rest)
        assert kind != "ADD"


def test_keys_that_the_installation_made_are_gone_before_the_layer_is_written() -> None:
    (run,) = [line[1] for line in instructions() if line[0] == "RUN"]
    made, removed = (
        run.index("verify install"),
        run.index("find ${PREFIX}/var ${PREFIX}/run ${PREFIX}/backups -mindepth 1 -type f -delete"),
    )
    assert made < removed
    assert "rm -rf /bundle" in run


@pytest.mark.process
def test_the_image_runs_as_somebody_without_rights() -> None:
    found = instructions()
    assert [line[1] for line in found if line[0] == "USER"][-1] == "10001:10001"
    entry = next(line[1] for line in found if line[0] == "ENTRYPOINT")
    assert entry == '["/opt/countersign/bin/countersign"]'
    assert problem_of(["countersign", *re.findall(r'"(\w+)"', next(line[1] for line in found if line[0] == "CMD"))]) is None


@pytest.mark.parametrize("path", QUADLETS, ids=lambda path: path.name)
def test_podman_knows_every_key_of_a_quadlet(path: Path) -> None:
    for section, entries in sections(path).items():
        if section in KNOWN:
            assert {name for name, _ in entries} <= KNOWN[section]
        else:
            assert section in {"Unit", "Service", "Install"}


def test_the_network_has_no_way_out_and_nothing_is_published_or_pulled() -> None:
    network = dict(sections(FOLDER / "countersign.network")["Network"])
    assert (network["Internal"], network["DisableDNS"]) == ("true", "true")
    addresses = set()
    for path in CONTAINERS:
        said = sections(path)["Container"]
        arguments = " ".join(value for name, value in said if name == "PodmanArgs").split()
        assert "--pull=never" in arguments
        assert not [
            one for one in arguments if one.startswith(("--publish", "-p", "--network", "--privileged", "--cap-add"))
        ]
        assert [value for name, value in said if name == "Network"] == ["countersign.network"]
        addresses |= {one for one in arguments if one.startswith("--ip=10.89.77.")}
    assert len(addresses) == len(CONTAINERS)


@pytest.mark.process
@pytest.mark.parametrize("path", CONTAINERS, ids=lambda path: path.name)
def test_a_container_is_shut_in_and_its_command_exists(path: Path) -> None:
    said = dict(sections(path)["Container"])
    assert {name: said[name] for name in ("ReadOnly", "NoNewPrivileges", "DropCapability", "User", "Group")} == {
        "ReadOnly": "true", "NoNewPrivileges": "true", "DropCapability": "all", "User": "10001", "Group": "10001",
    }  # fmt: skip
    assert said["Image"] == f"localhost/countersign:{__version__}"
    assert problem_of(["countersign", *shlex.split(said["Exec"])]) is None
    volumes = [value.partition(":")[0] for name, value in sections(path)["Container"] if name == "Volume"]
    for volume in volumes:
        assert volume.startswith("/srv/") or (FOLDER / volume).is_file()


def test_an_engine_s_container_has_neither_the_service_s_volume_nor_its_settings() -> None:
    text = (FOLDER / "countersign-engine.container").read_text("utf-8")
    assert "countersign-var" not in text
    assert "AUDIT" not in text
