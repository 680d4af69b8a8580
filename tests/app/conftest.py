"""Real deployments for the tests of the HTTP surface: SQLite in a folder of their own, without a server in between.

cold      the house opened, no model loaded: enough for everything that is refused before a journey begins
warm      the encoder, the redactor and the sample documents (marked `models`); no chat model, so answers are quotes
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.identity.api_keys import Role
from app.serving.application import create_app
from app.settings import Settings
from app.wiring.house import House
from inference.store.model_store import ModelStore

ROOT = Path(__file__).parents[2]
QUESTION = "What is the dealing cut-off time?"


@dataclass(frozen=True)
class Site:
    """A deployment and one key of each role; `other` is another tenant's caller."""

    house: House
    app: Flask
    keys: dict[str, str]

    def client(self) -> FlaskClient:
        return self.app.test_client()

    def bearer(self, role: str = "caller") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[role]}"}


def site(home: Path) -> Site:
    house = House.open(Settings(home=home, light=True))
    roles: tuple[Role, ...] = ("caller", "auditor", "administrator")
    keys = {role: house.keys.create("halden", role, role, ("public",)) for role in roles}
    keys |= {f"other {role}": house.keys.create("other", role, role, ("public",)) for role in roles}
    return Site(house, create_app(house), keys)


@pytest.fixture(scope="session")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    found = site(tmp_path_factory.mktemp("cold"))
    yield found
    found.house.close()


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    store = ModelStore()
    if missing := [name for name in ("all-minilm-l6-v2", "en-core-web-md") if store.state(name) != "present"]:
        pytest.skip(f"models are not here: {', '.join(missing)}; fetch them with: countersign models pull --light")
    found = site(tmp_path_factory.mktemp("warm"))
    found.house.warm(chat=False)
    assert found.house.library is not None
    found.house.library.ingest([ROOT / "samples/documents"], frozenset({"public"}))
    yield found
    found.house.close()
