"""Which policy a query is judged by: its tenant's, for the audience of its groups, in words that the caller reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import yaml

from app.governance.policy_cache import KEPT, PolicyCache, PolicyCompiler
from app.wiring.metrics import Metrics
from moderation.heads.head import Heads
from moderation.policy import DEFAULT_PATH, Policy, load_policy
from moderation.rails import Readings
from moderation.types import Block, Direction, PiiSpan
from orchestrator.types import Query

NOTHING = np.zeros(384, np.float32)


class Encoder:
    """Counts what it is asked to embed."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, texts: Sequence[str], /) -> np.ndarray:
        self.asked.append(tuple(texts))
        return np.zeros((len(texts), 384), np.float32)


class NoIdentifiers:
    """Finds nothing: personal data is not what is asked about here."""

    def find_hard(self, text: str) -> list[PiiSpan]:
        return []


@pytest.fixture
def encoder() -> Encoder:
    return Encoder()


@pytest.fixture
def compiler(encoder: Encoder) -> Iterator[PolicyCompiler]:
    with ThreadPoolExecutor(4) as pool:
        yield PolicyCompiler(Heads.load(), NoIdentifiers(), encoder, pool, Metrics(), 2.0, Readings())  # type: ignore[arg-type]


def policy(tmp_path: Path, **more: object) -> Policy:
    whole = {**yaml.safe_load(DEFAULT_PATH.read_text("utf-8")), **more}
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(whole), "utf-8")
    return load_policy(path)


def asked(tenant: str, groups: frozenset[str] = frozenset({"public"}), languages: tuple[str, ...] = ()) -> Query:
    return Query("q1", "c1", tenant, "s1", "a1", groups, "Hello", languages=languages)


LAYERS = {
    "tenants": {"harbour": {"rails": {"topic": {"action": "block"}}}},
    "audiences": {"staff": {"groups": ["staff"], "rails": {"advice": {"enabled": False}}}},
}


def test_each_tenant_and_each_audience_has_a_policy_of_its_own(compiler: PolicyCompiler, tmp_path: Path) -> None:
    cache = PolicyCache(policy(tmp_path, **LAYERS), compiler)
    found = {
        (tenant, group): cache.on(asked(tenant, frozenset({group})))
        for tenant in ("harbour", "other")
        for group in ("public", "staff")
    }
    assert len({pinned.digest for pinned in found.values()}) == 4
    assert "advice" not in found["other", "staff"].judges._rails.names(Direction.INPUT)
    assert "advice" in found["other", "public"].judges._rails.names(Direction.INPUT)
    assert cache.on(asked("other")) is cache.on(asked("a third")), "tenants without rules of their own share one"


def test_what_is_said_is_said_in_a_language_that_the_caller_reads_and_recorded_under_the_same_digest(
    compiler: PolicyCompiler, tmp_path: Path
) -> None:
    cache = PolicyCache(policy(tmp_path), compiler)
    german = cache.on(asked("any", languages=("tlh", "de-AT", "fr")))
    plain = cache.on(asked("any"))
    assert german.digest == plain.digest
    said = [pinned.judges._rails.fail("toxicity", Direction.INPUT, "down") for pinned in (german, plain)]
    assert all(isinstance(verdict, Block) for verdict in said)
    words = cache.policy.rails["toxicity"].words
    assert said[0].message == words.translations["de"].message  # type: ignore[union-attr]
    assert said[1].message == words.message  # type: ignore[union-attr]


def test_examples_that_policies_share_are_embedded_once(compiler: PolicyCompiler, encoder: Encoder, tmp_path: Path) -> None:
    cache = PolicyCache(policy(tmp_path, **LAYERS), compiler)
    for tenant in ("harbour", "other"):
        for language in ("de", "fr", "en"):
            cache.on(asked(tenant, languages=(language,)))
    assert len(encoder.asked) == 1


def test_the_policies_kept_are_bounded(compiler: PolicyCompiler, tmp_path: Path) -> None:
    cache = PolicyCache(policy(tmp_path), compiler)
    for number in range(KEPT + 10):
        cache.on(asked(f"tenant-{number}"))
    assert len(cache._callers) == KEPT
    assert len(cache._made) == 1


def test_a_new_document_is_made_ready_for_whoever_the_old_one_was_asked_by(
    compiler: PolicyCompiler, encoder: Encoder, tmp_path: Path
) -> None:
    old = PolicyCache(policy(tmp_path, **LAYERS), compiler)
    old.on(asked("harbour"))
    topic = {"in_scope": ["Where is the lighthouse?"]}
    new = PolicyCache(policy(tmp_path, **LAYERS, topic=topic, version="next"), compiler).prepare(old)
    embedded = len(encoder.asked)
    made = len(new._made)
    new.on(asked("harbour"))
    assert (len(encoder.asked), len(new._made)) == (embedded, made)
