"""Settings: the environment over the file over the default, secrets never shown, mistakes told in one line."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from app.cli.service.config import show
from app.settings import SettingsError, load_settings

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of our own, without settings from outside."""
    for name in [name for name in os.environ if name.upper().startswith("COUNTERSIGN_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def origin(name: str) -> str:
    return next(row.origin for row in show(load_settings()) if row.name == name)


def test_the_environment_comes_before_the_file_and_the_file_before_the_default(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (load_settings().port, origin("port")) == (8080, "default")
    (folder / "countersign.toml").write_text("port = 9001\nthreads = 8\n")
    assert (load_settings().port, origin("port")) == (9001, "file countersign.toml, port")
    monkeypatch.setenv("COUNTERSIGN_PORT", "9002")
    assert (load_settings().port, origin("port")) == (9002, "environment COUNTERSIGN_PORT")
    assert (load_settings().threads, origin("threads")) == (8, "file countersign.toml, threads")
    assert load_settings(port=9003).port == 9003


def test_a_setting_s_former_name_is_still_read_and_its_place_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "countersign.toml").write_text("leave_s = 7.0\n")
    assert (load_settings().drain_grace_s, origin("drain_grace_s")) == (7.0, "file countersign.toml, leave_s")
    monkeypatch.setenv("COUNTERSIGN_LEAVE_S", "0")
    (folder / "countersign.toml").write_text("")
    assert (load_settings().drain_grace_s, origin("drain_grace_s")) == (0.0, "environment COUNTERSIGN_LEAVE_S")
    monkeypatch.setenv("COUNTERSIGN_DRAIN_GRACE_S", "3")
    assert (load_settings().drain_grace_s, origin("drain_grace_s")) == (3.0, "environment COUNTERSIGN_DRAIN_GRACE_S")


def test_another_file_can_be_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "elsewhere.toml").write_text("tenant = 'aurora'\n")
    monkeypatch.setenv("COUNTERSIGN_CONFIG", str(folder / "elsewhere.toml"))
    assert load_settings().tenant == "aurora"


def test_secrets_are_masked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = base64.b64encode(b"k" * 32).decode()
    monkeypatch.setenv("COUNTERSIGN_KEK", secret)
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", "postgresql+psycopg://clerk:p4ss@word@db:5432/log")
    values = {row.name: row.value for row in show(load_settings())}
    assert values["kek"] == "********"
    assert values["database_url"] == "postgresql+psycopg://clerk:********@db:5432/log"
    assert secret not in repr(load_settings())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("port = 'many'", "file countersign.toml, port"),
        ("port = 70000", "file countersign.toml, port"),
        ("colour = 'red'", "colour"),
        ("port = = 1", "not TOML"),
        ("tenant = '../etc'", "tenant"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_place(folder: Path, text: str, told: str) -> None:
    (folder / "countersign.toml").write_text(text + "\n")
    with pytest.raises(SettingsError, match=told):
        load_settings()


def test_every_setting_says_what_it_is(folder: Path) -> None:
    assert [row.name for row in show(load_settings()) if not row.description] == []


def countersign(
    folder: Path, *arguments: str, stdin: IO[bytes] | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """A `countersign` command that runs in a folder of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.upper().startswith("COUNTERSIGN_")}
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        env={**clean, "PYTHONPATH": str(ROOT), **environment},
        cwd=folder,
        stdin=stdin or subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.process
def test_config_show_tells_every_value_and_its_origin(folder: Path) -> None:
    (folder / "countersign.toml").write_text("threads = 8\n")
    done = countersign(folder, "config", "show", "--json", COUNTERSIGN_PORT="9002", COUNTERSIGN_KEK="c2VjcmV0")
    shown = json.loads(done.stdout)
    assert shown["port"] == {"value": "9002", "origin": "environment COUNTERSIGN_PORT"}
    assert shown["threads"] == {"value": "8", "origin": "file countersign.toml, threads"}
    assert shown["max_chats"]["origin"] == "default"
    assert "c2VjcmV0" not in done.stdout + done.stderr


@pytest.mark.process
@pytest.mark.parametrize(("name", "value"), [("PORT", "many"), ("THREADS", "1"), ("LIGHT", "perhaps"), ("TENANT", "A B")])
def test_a_wrong_value_ends_with_one_line_and_exit_code_2(folder: Path, name: str, value: str) -> None:
    done = countersign(folder, "config", "show", **{f"COUNTERSIGN_{name}": value})
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert f"environment COUNTERSIGN_{name}" in line


def test_engines_are_listed_with_commas_or_as_json_and_their_key_is_masked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for listed in ("http://a:8090, https://b/v1/,http://a:8090/v1", '["http://a:8090", "https://b"]'):
        monkeypatch.setenv("COUNTERSIGN_ENGINES", listed)
        assert load_settings().engines == ("http://a:8090", "https://b")
    (folder / "countersign.toml").write_text('engines = ["http://c:8090"]\n')
    monkeypatch.delenv("COUNTERSIGN_ENGINES")
    monkeypatch.setenv("COUNTERSIGN_ENGINE_KEY", "s3cret")
    found = load_settings()
    values = {row.name: row.value for row in show(found)}
    assert (found.engines, values["engine_key"]) == (("http://c:8090",), "********")
    assert found.chat not in found.local_models


@pytest.mark.parametrize("listed", ["a:8090", "ftp://a", "http://", "http://user:pass@a:8090", "http://a/?key=1", "[1"])
def test_what_is_no_address_of_an_engine_is_refused(listed: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_ENGINES", listed)
    with pytest.raises(SettingsError, match="COUNTERSIGN_ENGINES") as caught:
        load_settings()
    assert "pass" not in str(caught.value).replace("password", "")


def test_a_chat_model_of_ones_own_takes_the_place_of_the_manifest_s(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "bonds-7b.gguf").touch()
    monkeypatch.setenv("COUNTERSIGN_CHAT_FILES", "bonds-7b.gguf")
    found = load_settings(light=True)
    assert found.chat == "bonds-7b"
    assert found.local_models == (found.encoder_model, found.ner_model)
    monkeypatch.setenv("COUNTERSIGN_CHAT_ADAPTER", "nowhere")
    with pytest.raises(SettingsError, match="chat_adapter: nowhere is not there; give the path of a model's files"):
        load_settings()
