"""API keys: kept as hashes, ended within a second, bound to a role and a tenant."""

from __future__ import annotations

import sqlite3
import time

import pytest

from app.identity import api_keys as keys
from app.identity.api_keys import CACHE_S, ApiKeys
from app.identity.subjects import person
from tests.app.conftest import Site

ANNA = person("anna", "header")


@pytest.fixture
def ring(cold: Site) -> ApiKeys:
    return cold.deployment.keys


def test_a_key_is_nowhere_in_the_database(cold: Site, ring: ApiKeys) -> None:
    secret = ring.create("halden", "caller", "portal", ("public",))
    with sqlite3.connect(cold.deployment.settings.home / "countersign.sqlite") as db:
        rows = str(db.execute("SELECT * FROM api_key").fetchall())
    assert secret not in rows
    assert secret.removeprefix("cs_") not in rows
    for path in cold.deployment.settings.home.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes()


def test_two_keys_are_never_alike_and_hold_256_bits(ring: ApiKeys) -> None:
    made = {ring.create("halden", "caller", "x", ()) for _ in range(20)}
    assert len(made) == 20
    assert all(len(secret.removeprefix("cs_")) >= 43 for secret in made)


def test_a_key_is_found_with_its_tenant_role_and_groups(ring: ApiKeys) -> None:
    found = ring.find(ring.create("aurora", "auditor", "desk", ("board", "public")))
    assert found is not None
    assert (found.tenant, found.role, found.label) == ("aurora", "auditor", "desk")
    assert found.groups == {"board", "public"}


@pytest.mark.parametrize("secret", ["", "cs_", "cs_unknown", "\udcff", "a" * 100_000, "\x00"])
def test_what_is_no_key_finds_nothing(ring: ApiKeys, secret: str) -> None:
    assert ring.find(secret) is None


def test_a_key_revoked_by_another_process_stops_working_within_the_cache_s_second(cold: Site, ring: ApiKeys) -> None:
    secret = ring.create("halden", "caller", "short-lived", ())
    found = ring.find(secret)
    assert found is not None
    assert CACHE_S <= 1.0
    assert ApiKeys(cold.deployment.engine, b"another process", cold.deployment.seals).revoke(found.id)
    time.sleep(CACHE_S)
    assert ring.find(secret) is None
    assert ring.by_id(found.id) is None


def test_a_key_revoked_here_stops_working_at_once_and_only_once(ring: ApiKeys) -> None:
    secret = ring.create("halden", "caller", "short-lived", ())
    found = ring.find(secret)
    assert found is not None
    assert ring.revoke(found.id)
    assert ring.find(secret) is None
    assert not ring.revoke(found.id)
    assert next(key for key in ring.list() if key.id == found.id).revoked is not None


def test_a_person_is_another_subject_for_each_tenant_and_for_each_installation(cold: Site, ring: ApiKeys) -> None:
    assert ring.pseudonym("halden", ANNA) == ring.pseudonym("halden", ANNA)
    assert ring.pseudonym("halden", ANNA) != ring.pseudonym("other", ANNA)
    elsewhere = ApiKeys(cold.deployment.engine, b"elsewhere", cold.deployment.seals)
    assert ring.pseudonym("halden", ANNA) != elsewhere.pseudonym("halden", ANNA)
    assert "anna" not in ring.pseudonym("halden", ANNA)


@pytest.mark.parametrize(
    ("role", "path", "method", "status"),
    [
        ("caller", "/v1/audit/queries/q_" + "0" * 32, "GET", 403),
        ("auditor", "/v1/audit/queries/q_" + "0" * 32, "GET", 404),
        ("administrator", "/v1/audit/queries/q_" + "0" * 32, "GET", 404),
        ("auditor", "/v1/chat", "POST", 403),
        ("auditor", "/v1/chat/completions", "POST", 403),
        ("auditor", "/v1/models", "GET", 403),
        ("caller", "/v1/models", "GET", 200),
    ],
)
def test_a_role_opens_its_own_doors_only(cold: Site, role: str, path: str, method: str, status: int) -> None:
    response = cold.client().open(path, method=method, headers=cold.bearer(role))
    assert response.status_code == status


def test_a_key_never_becomes_part_of_what_is_answered(cold: Site) -> None:
    secret = "cs_" + "x" * 43
    response = cold.client().get("/v1/models", headers={"Authorization": f"Bearer {secret}"})
    assert response.status_code == 401
    assert secret not in response.text
    assert keys.PREFIX in secret
