"""Real deployments for the tests of the HTTP surface: SQLite in a folder of their own, without a server in between.

cold      the deployment opened, no model loaded: enough for everything that is refused before a journey begins
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
from app.wiring.deployment import Deployment
from app.wiring.service import Service
from inference.store.model_store import ModelStore

ROOT = Path(__file__).parents[2]
QUESTION = "What is the dealing cut-off time?"


@dataclass(frozen=True)
class Site:
    """A deployment and one key of each role; `other` is another tenant's caller."""

    service: Service
    app: Flask
    keys: dict[str, str]

    @property
    def deployment(self) -> Deployment:
        return self.service.deployment

    def client(self) -> FlaskClient:
        return self.app.test_client()

    def bearer(self, role: str = "caller") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[role]}"}


def site(home: Path) -> Site:
    service = Service.open(Settings(home=home, light=True))
    deployment = service.deployment
    roles: tuple[Role, ...] = ("caller", "auditor", "administrator")
    keys = {role: deployment.keys.create("halden", role, role, ("public",)) for role in roles}
    keys |= {f"other {role}": deployment.keys.create("other", role, role, ("public",)) for role in roles}
    return Site(service, create_app(service), keys)


@pytest.fixture(scope="session")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    found = site(tmp_path_factory.mktemp("cold"))
    yield found
    found.service.close()


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    store = ModelStore()
    if missing := [name for name in ("all-minilm-l6-v2", "en-core-web-md") if store.state(name) != "present"]:
        pytest.skip(f"models are not here: {', '.join(missing)}; fetch them with: countersign models pull --light")
    found = site(tmp_path_factory.mktemp("warm"))
    found.service.warm(chat=False).library.ingest([ROOT / "samples/documents"], frozenset({"public"}))
    yield found
    found.service.close()
