"""A service whose policy is the real thing (file, rails, heads, log) and whose models are small stand-ins."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from app.adapters.record import QueryRecord
from app.governance.kill_switches import SwitchBoard
from app.governance.policy_cache import PolicyCompiler
from app.governance.policy_in_force import Document, PolicyInForce
from app.settings import Settings
from app.wiring.deployment import Deployment
from app.wiring.metrics import Metrics
from app.wiring.running import policies, shadow, switch_board
from app.wiring.service import Service
from audit.kinds import BY_NAME
from moderation.heads.head import Heads
from moderation.pii.redactor import Pseudonyms, Redaction
from moderation.policy import DEFAULT_PATH
from moderation.rails import Readings
from moderation.types import PiiSpan
from orchestrator.bots.base import Bot
from orchestrator.journey.outgoing import Outgoing
from orchestrator.types import Query
from tests.support.running import running
from tests.support.running_deployment import running_deployment


class Encoder:
    """Hashed words in 384 dimensions; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, texts: Sequence[str], /) -> np.ndarray:
        self.asked.append(tuple(texts))
        vectors = np.zeros((len(texts), 384), np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                vectors[row, zlib.crc32(word.encode()) % 384] += 1
        unit: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        return unit


class NothingPersonal:
    """A redactor that finds nothing: personal data is not what these tests ask about."""

    def redact(self, text: str, pseudonyms: Pseudonyms, entities: frozenset[str]) -> Redaction:
        return Redaction(text, (), {})

    def find_hard(self, text: str) -> list[PiiSpan]:
        return []

    def knowing(self, _products: object) -> NothingPersonal:
        return self


def write(path: Path, **changes: Any) -> Path:
    """The shipped policy with changes of its top-level parts, written in one step as deployments should."""
    whole = {**yaml.safe_load(DEFAULT_PATH.read_text("utf-8")), **changes}
    new = path.with_suffix(".new")
    new.write_text(yaml.safe_dump(whole), "utf-8")
    new.replace(path)
    return path


@dataclass
class Site:
    """A deployment, its policy file, and how to ask it."""

    service: Service
    file: Path
    in_force: PolicyInForce
    board: SwitchBoard
    documents: dict[str, Document]
    answer: Callable[[Query], Iterator[Outgoing]]
    numbers: Iterator[int]

    @property
    def deployment(self) -> Deployment:
        return self.service.deployment

    def query(self, text: str = "What is inflation?", tenant: str = "halden", **more: Any) -> Query:
        number = next(self.numbers)
        name = f"q_{number:032x}"
        return Query(name, f"c_{number:032x}", tenant, "s_1", "key:1", frozenset({"public"}), text, **more)

    def ask(self, text: str = "What is inflation?", tenant: str = "halden", **more: Any) -> tuple[Query, list[Outgoing]]:
        query = self.query(text, tenant, **more)
        return query, list(self.answer(query))

    def events(self, kind: str, tenant: str = "halden") -> list[Any]:
        return self.deployment.reader.of_kinds(tenant, (BY_NAME[kind],))


@contextmanager
def a_site(home: Path, *bots: Bot, url: str = "", tried: Path | None = None, **more: Any) -> Iterator[Site]:
    """The policy lies in `home`/policy.yaml; its watcher is not started. more: parts of the pipeline."""
    home.mkdir(parents=True, exist_ok=True)
    file = home / "policy.yaml"
    if not file.exists():
        write(file)
    settings = Settings(home=home, light=True, policy_file=file, database_url=url, shadow_policy_file=tried)
    with ExitStack() as opened:
        service = opened.enter_context(Service.open(settings))
        deployment = service.deployment
        encoder = Encoder()
        pool = ThreadPoolExecutor(8, "rail")
        opened.callback(pool.shutdown, wait=False, cancel_futures=True)
        compiler = PolicyCompiler(Heads.load(), NothingPersonal(), encoder, pool, Metrics(), 20.0, Readings(encoder))  # type: ignore[arg-type]
        in_force = policies(settings, compiler, deployment.announcer, deployment.metrics)
        opened.callback(in_force.close)
        documents = {"in force": in_force._in_force}
        if in_force._candidate is not None:
            documents["candidate"] = in_force._candidate
        board = switch_board(settings, deployment.announcer, ("api", "onprem", "rag"), deployment.seals, opened)
        inner = opened.enter_context(
            running_deployment(
                *bots,
                embed=encoder,  # type: ignore[arg-type]
                policy_for=in_force.on,
                open_record=lambda **who: QueryRecord(deployment.audit, **who),
                meter=deployment.metrics,
                switched_off=board.why_off,
                shadow=shadow(settings, deployment.audit, deployment.metrics, opened),
                **more,
            )
        )
        service.begin(running(inner.pipeline, in_force, board))
        yield Site(service, file, in_force, board, documents, inner.pipeline.answer, iter(range(1, 1 << 30)))
