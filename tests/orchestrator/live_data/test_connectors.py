"""A connectors file is checked when it is read, and an error names the file, the place and what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.errors import ConfigError
from orchestrator.live_data.connectors import Connector, load_connectors

SAMPLE = Path(__file__).resolve().parents[3] / "samples" / "connectors.yaml"


def tree() -> Any:
    return yaml.safe_load(SAMPLE.read_text())


def written(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "connectors.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def complaint(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_connectors(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


def test_the_sample_file_is_read_whole() -> None:
    (market,) = load_connectors(SAMPLE)
    assert [operation.name for operation in market.operations] == ["nav", "quote"]
    assert market.auth is not None
    assert market.auth.env == "MARKET_API_TOKEN"


def test_a_variable_comes_from_the_environment_or_from_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COUNTERSIGN_MARKET_URL", raising=False)
    assert load_connectors(SAMPLE)[0].base_url == "http://127.0.0.1:8091"
    monkeypatch.setenv("COUNTERSIGN_MARKET_URL", "https://market.example/api/")
    assert load_connectors(SAMPLE)[0].base_url == "https://market.example/api"


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://market.example", "market.example", "http://", "//market.example", ""]
)
def test_an_address_that_is_not_http_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("COUNTERSIGN_MARKET_URL", url)
    assert "connectors.0.base_url" in complaint(SAMPLE)


def change(where: str, value: Any) -> Any:
    whole = tree()
    place = whole["connectors"][0]
    *parents, last = where.split("/")
    for part in parents:
        place = place[int(part) if part.isdigit() else part]
    place[last] = value
    return whole


@pytest.mark.parametrize(
    ("where", "value", "says"),
    [
        ("operations/0/path", "/v1/{name}", "may only use {id}, the catalogue's id"),
        ("operations/0/path", "/v1/{id}/{question}", "may only use {id}"),
        ("operations/0/path", "v1/{id}", "operations.0.path"),
        ("operations/0/answer", "It is {navv}.", "{navv}, which is not a field; fields: as_of, currency, id, name, nav"),
        ("operations/0/fields", {"nav": {"path": "nav", "format": "number"}}, "not a field"),
        ("operations/0/fields/as_of/format", "text", "needs a field of format time"),
        ("operations/0/fields/nav/format", "money", "operations.0.fields.nav.format"),
        ("operations", [], "operations"),
        ("method", "POST", "method"),
        ("timeout_s", 0, "timeout_s"),
        ("timeout_s", 600, "timeout_s"),
        ("catalogue/path", "https://elsewhere.example/", "catalogue.path"),
        ("catalogue/refresh_s", 0, "catalogue.refresh_s"),
        ("auth", {"env": "X", "token": "s3cret"}, "auth.token"),
        ("colour", "red", "colour"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, where: str, value: Any, says: str) -> None:
    message = complaint(written(tmp_path, change(where, value)))
    assert "connectors.0" in message
    assert says in message


@pytest.mark.parametrize("content", ["connectors: [", "", "- 1", "connectors: 7"])
def test_a_file_that_holds_no_connectors_is_refused(tmp_path: Path, content: str) -> None:
    complaint(written(tmp_path, content))


def test_a_missing_file_is_named_with_the_setting(tmp_path: Path) -> None:
    assert "cannot be read" in complaint(tmp_path / "none.yaml")
    assert "COUNTERSIGN_CONNECTORS_FILE" in complaint(tmp_path / "none.yaml")


def test_a_connector_cannot_be_changed_once_it_is_read() -> None:
    connector: Connector = load_connectors(SAMPLE)[0]
    with pytest.raises(ValueError, match="frozen"):
        connector.base_url = "http://elsewhere.example"  # type: ignore[misc]
