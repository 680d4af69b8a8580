"""`countersign sync`, as a person types it: what is told, what is recorded, with which exit code, and without secrets."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli.main import cli
from app.settings import Settings, SettingsError, load_settings
from app.wiring.deployment import open_deployment
from audit.kinds import DOCUMENTS_ADDED, DOCUMENTS_REMOVED, SOURCE_FAILED
from tests.retrieval.conftest import HashingEmbedder
from tests.support.waiting import eventually

Command = Callable[..., Result]


class Encoder:
    def __init__(self) -> None:
        self.embed = HashingEmbedder(384)


@pytest.fixture
def share(tmp_path: Path) -> Path:
    folder = tmp_path / "share"
    (folder / "board").mkdir(parents=True)
    (folder / "good.md").write_text("# Canteen\n\nThe canteen opens at noon.\n")
    (folder / "board" / "plan.md").write_text("The secret plan is to merge.\n")
    return folder


@pytest.fixture
def configure(tmp_path: Path, share: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Writes the settings' file of a new installation."""
    monkeypatch.setenv("COUNTERSIGN_CONFIG", str(tmp_path / "countersign.toml"))

    def configure(sources: str) -> None:
        (tmp_path / "countersign.toml").write_text(f'home = "{tmp_path}/var"\n{sources}', "utf-8")

    configure(f"""
        [sources.handbook]
        kind = "folder"
        path = "{share}"
        every_s = 1
        paths = {{ "" = "public", "board" = ["board", "management"] }}
        ignore = [".png"]
        """)
    return configure


@pytest.fixture
def countersign(configure: object, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setattr("app.wiring.parts.open_encoder", lambda settings, models: Encoder())

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(cli, [str(one) for one in arguments], standalone_mode=False)

    return run


def events(*kinds: Any) -> list[tuple[str, dict[str, Any]]]:
    with open_deployment(Settings()) as deployment:
        found = deployment.reader.of_kinds("halden", kinds)
        return [(event.kind, {**event.labels, **dict(event.body or {})}) for event in found]


def documents(countersign: Command) -> dict[str, list[str]]:
    lines = countersign("documents", "list", "--json").stdout.splitlines()
    return {one["key"]: one["groups"] for one in map(json.loads, lines)}


def test_a_source_comes_into_the_library_with_its_readers_and_each_change_is_recorded(
    countersign: Command, share: Path
) -> None:
    open_deployment(Settings()).close()
    (share / "logo.png").write_bytes(b"picture")
    done = countersign("sync", "handbook")
    assert done.return_value is None
    assert "handbook: 2 added, 0 changed, 0 moved, 0 with other readers, 0 removed, 0 as before" in done.output
    assert documents(countersign) == {"good.md": ["public"], "board/plan.md": ["board", "management"]}
    ((_, event),) = events(DOCUMENTS_ADDED)
    assert (event["reason"], event["added"]) == ("sync of source handbook", 2)
    told = {one["key"]: (one["groups"], len(one["digest"])) for one in event["documents"]}
    assert told["board/plan.md"] == (["board", "management"], 64)
    (share / "good.md").unlink()
    assert "removed  good.md" in countersign("sync", "--all").output
    ((_, removal),) = events(DOCUMENTS_REMOVED)
    assert (removal["reason"], [one["key"] for one in removal["documents"]]) == (
        "gone from source handbook, or closed by its mapping",
        ["good.md"],
    )


def test_what_cannot_be_read_is_named_once_in_the_log_and_the_exit_code_says_so(countersign: Command, share: Path) -> None:
    open_deployment(Settings()).close()
    (share / "broken.pdf").write_bytes(b"no pdf")
    for _ in range(2):
        done = countersign("sync", "handbook")
        assert done.return_value == 2
        assert "not read  broken.pdf: broken.pdf: damaged or not a PDF" in done.output
    (share / "broken.pdf").unlink()
    assert countersign("sync", "handbook").return_value is None
    assert [event["failed"] for _, event in events(SOURCE_FAILED)] == [1, 0]


def test_a_dry_run_tells_and_changes_nothing(countersign: Command) -> None:
    open_deployment(Settings()).close()
    done = countersign("sync", "handbook", "--dry-run")
    assert "would be: 2 added" in done.output
    assert "new  board/plan.md: read by board, management" in done.output
    assert countersign("documents", "list").exception is not None
    assert events(DOCUMENTS_ADDED, SOURCE_FAILED) == []


def test_machines_get_a_line_for_each_source(countersign: Command) -> None:
    done = countersign("sync", "--all", "--json")
    (line,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (line["source"], line["available"], line["unchanged"], line["problems"]) == ("handbook", True, 0, [])
    assert {"name": "good.md", "change": "new", "groups": ["public"]} in line["given"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name sources, or give --all"),
        (("handbook", "--all"), "name sources, or give --all"),
        (("handbok",), "no source handbok; there are: handbook"),
        (("--all", "--watch", "--dry-run"), "--watch goes with neither"),
    ],
)
def test_a_wrong_call_says_what_to_do(countersign: Command, arguments: tuple[str, ...], said: str) -> None:
    assert said in str(countersign("sync", *arguments).exception)


def test_what_no_line_of_the_mapping_opens_is_told_and_not_there(
    countersign: Command, configure: Callable[[str], None], share: Path
) -> None:
    configure(f'[sources.handbook]\nkind = "folder"\npath = "{share}"\npaths = {{ "board" = "board" }}')
    done = countersign("sync", "handbook")
    assert "read by nobody  1 file, no line of groups or paths says who reads it" in done.output
    assert documents(countersign) == {"board/plan.md": ["board"]}


IMAP = '[sources.mail]\nkind = "imap"\nhost = "127.0.0.1"\nport = 9\nuser = "ann"\ndefault = "staff"\n'


def test_a_source_that_cannot_be_reached_ends_in_one_line_and_the_others_are_read(
    countersign: Command, configure: Callable[[str], None], share: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", "a very secret word")
    open_deployment(Settings()).close()
    handbook = f'[sources.handbook]\nkind = "folder"\npath = "{share}"\ndefault = "staff"'
    configure(f'{IMAP}secret_env = "MAIL_PASSWORD"\n{handbook}')
    done = countersign("sync", "--all")
    assert "not read  mail: imap 127.0.0.1:9: cannot be reached" in done.output
    assert (done.return_value, len(documents(countersign))) == (2, 2)
    told = repr(events(SOURCE_FAILED)) + done.output + countersign("config", "show").output
    assert "mail" in told
    assert "a very secret word" not in told


def test_a_secret_that_is_not_there_is_named_by_its_place(countersign: Command, configure: Callable[[str], None]) -> None:
    for line, said in (
        ('secret_env = "NO_SUCH_VARIABLE"', "the environment variable NO_SUCH_VARIABLE is not set"),
        ('secret_file = "/no/such/file"', "/no/such/file: the secret cannot be read"),
    ):
        configure(IMAP + line)
        assert said in countersign("sync", "mail").output


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (IMAP, "one of secret_env and secret_file"),
        (IMAP + 'password = "secret"', "sources.mail.imap.password: Extra inputs are not permitted"),
        ('[sources.a]\nkind = "ftp"', "sources.a: Input tag 'ftp'"),
        ('[sources.a]\nkind = "folder"', "sources.a.folder.path: Field required"),
        ('[sources.a]\nkind = "folder"\npath = "x"\ndefault = []', "names no group"),
        ('[sources.a]\nkind = "folder"\npath = "x"\npaths = { "" = "*" }', "sources.a.folder.paths"),
        ('[sources."../a"]\nkind = "folder"\npath = "x"', "sources.../a"),
        ('[sources.a]\nkind = "s3"\nbucket = "b"\nendpoint = "https://id:secret@host"', "without a name or password"),
        ('[sources.a]\nkind = "s3"\nbucket = "b"\nkey_id = "id"', "key_id needs one of secret_env and secret_file"),
    ],
)
def test_settings_that_do_not_fit_are_refused_by_their_place(
    configure: Callable[[str], None], source: str, said: str
) -> None:
    configure(source)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert said in str(refused.value)
    assert "secret@" not in str(refused.value)


WATCHING = """
import sys
import app.wiring.parts
from tests.app.cli.test_sync import Encoder
app.wiring.parts.open_encoder = lambda settings, models: Encoder()
from app.cli.main import main
main(sys.argv[1:])
"""


@pytest.fixture
def watching(configure: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", WATCHING, "sync", "--all", "--watch", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()


@pytest.mark.process
def test_a_watched_source_is_followed_until_it_is_told_to_stop(
    countersign: Command, watching: subprocess.Popen[str], share: Path
) -> None:
    assert watching.stdout is not None
    assert len(json.loads(watching.stdout.readline())["given"]) == 2
    (share / "new.md").write_text("Something new.")
    eventually(lambda: "new.md" in documents(countersign), seconds=120)
    (share / "good.md").unlink()
    share.rename(share.with_name("unmounted"))
    eventually(lambda: '"available": false' in watching.stdout.readline(), seconds=120)  # type: ignore[union-attr]
    share.with_name("unmounted").rename(share)
    eventually(lambda: "good.md" not in documents(countersign), seconds=120)
    watching.send_signal(signal.SIGTERM)
    assert watching.wait(60) == 0
    assert set(documents(countersign)) == {"new.md", "board/plan.md"}
