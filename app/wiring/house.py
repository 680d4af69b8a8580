"""The composition root: joins the rooms into one deployment, and takes it apart again.

Nothing here decides anything about a query. `House.open` makes the databases and the small parts; `House.warm` loads the
models and compiles them, after which `ready` is true.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.adapters.model import LoadedLater
from app.engine_client.engines import Engines
from app.governance.announcer import Announcer
from app.governance.kill_switches import SwitchBoard, Switches
from app.governance.policy_in_force import PolicyInForce
from app.identity.api_keys import KeyRing
from app.settings import Settings
from app.wiring.chat_model import open_chat
from app.wiring.joining import join
from app.wiring.metrics import Metrics
from app.wiring.parts import key_encryption_key, open_encoder, open_engines, open_redactor, pepper
from app.wiring.telemetry import tracer_provider
from audit.append.abandoned import GRACE_S, end_abandoned
from audit.append.store import AuditStore
from audit.checkpoints.epochs import confirm
from audit.checkpoints.issuer import Checkpointer
from audit.checkpoints.signing_keys import SigningKeys, load_keys
from audit.database.engine import create_engine_for
from audit.database.roles import problems as role_problems
from audit.database.tiles import prove_consistency
from audit.errors import AuditUnavailable, LogDamaged
from audit.read.reader import AuditReader
from audit.retention.desk import RetentionDesk
from audit.sealing.subject_keys import SubjectKeys
from audit.witness.client import Witnesses, witnesses_from
from inference.store.model_store import ModelStore
from migrations.run import upgrade
from moderation.policy import Policy, load_policy
from moderation.severity import ACTIONS
from orchestrator.journey.pipeline import Pipeline
from orchestrator.live_data import LiveData
from orchestrator.live_data.connectors import load_connectors
from orchestrator.memory.store import ConversationStore
from orchestrator.selection.routes import load_routes
from retrieval.library import Library

if TYPE_CHECKING:
    pass

log = structlog.get_logger(__name__)


@dataclass
class House:
    """One deployment. Owned by the process that opened it; `close` flushes the log and stops the threads."""

    settings: Settings
    engine: Engine
    subjects: SubjectKeys
    keys: KeyRing
    audit: AuditStore
    signing: SigningKeys
    checkpoints: Checkpointer
    reader: AuditReader
    metrics: Metrics
    tracing: TracerProvider
    models: ModelStore
    policy: Policy
    state: dict[str, str] = field(default_factory=dict)
    in_force: PolicyInForce | None = None
    board: SwitchBoard | None = None
    pipeline: Pipeline | None = None
    library: Library | None = None
    closers: list[Callable[[], None]] = field(default_factory=list)
    _warmed: threading.Event = field(default_factory=threading.Event)
    _leaving: threading.Event = field(default_factory=threading.Event)
    _closing: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def open(cls, settings: Settings, exporter: SpanExporter | None = None) -> House:
        """Migrates the database, opens the log and reads the policy. Raises the rooms' own errors."""
        settings.home.mkdir(parents=True, exist_ok=True)
        upgrade(settings.url)
        engine = create_engine_for(settings.url)
        kek = key_encryption_key(settings)
        signing = load_keys(settings.audit_key_path, settings.audit_origin)
        confirm(engine, settings.checkpoint_path, signing.public)
        subjects = SubjectKeys(settings.keys_url, kek)
        audit = AuditStore(engine, subjects)
        witnesses = _witnesses(settings, engine)
        checkpoints = Checkpointer(
            engine,
            signing.signers,
            settings.origin_of,
            file=settings.checkpoint_path,
            every_s=settings.checkpoint_every_s,
            offer=witnesses.offer if settings.witnesses else None,
            witnesses=len(settings.witnesses),
            record=audit.append,
        )
        tracing = tracer_provider(settings, exporter)
        metrics = Metrics()
        metrics.watch_log(audit.stats, checkpoints.stats, witnesses.standings)
        house = cls(
            settings=settings,
            engine=engine,
            subjects=subjects,
            keys=KeyRing(engine, pepper(kek)),
            audit=audit,
            signing=signing,
            checkpoints=checkpoints,
            reader=AuditReader(engine, subjects, ACTIONS),
            metrics=metrics,
            tracing=tracing,
            models=ModelStore(settings.models_dir),
            policy=load_policies(settings),
        )
        house.closers += [tracing.shutdown, audit.close, checkpoints.close, witnesses.close, subjects.close]
        house.closers.append(engine.dispose)
        return house

    @staticmethod
    def check(settings: Settings) -> None:
        """Raises what `open` would raise, without starting anything: for a server that has yet to fork."""
        settings.home.mkdir(parents=True, exist_ok=True)
        upgrade(settings.url)
        load_policies(settings)
        engine = create_engine_for(settings.url)
        try:
            confirm(engine, settings.checkpoint_path, load_keys(settings.audit_key_path, settings.audit_origin).public)
        finally:
            engine.dispose()

    @property
    def keeping(self) -> RetentionDesk:
        """Holds, retention and erasures."""
        return RetentionDesk(self.engine, self.audit, self.subjects)

    @property
    def memory(self) -> ConversationStore:
        return ConversationStore(self.engine, self.subjects)

    @property
    def ready(self) -> bool:
        return self._warmed.is_set()

    @property
    def leaving(self) -> bool:
        return self._leaving.is_set()

    def leave(self) -> None:
        """Whoever asks whether to send questions here is told not to; those that come are answered."""
        self._leaving.set()
        self.state["service"] = "leaving"

    def warm(self, *, chat: bool = True) -> Pipeline:
        """Loads the models, compiles them and joins the pipeline. chat: wait for the chat model too."""
        settings = self.settings
        self.recover()
        try:
            for erased in self.keeping.resume_all("service"):
                log.warning("erasure.finished", request=erased.id, state=erased.state)
        except LogDamaged as error:  # nothing is erased on its word, but questions may still be answered and recorded
            log.error("erasure.not_resumed", reason=str(error))
        for problem in role_problems(self.engine):
            log.warning("database.role", problem=problem)
        self.state["encoder"] = "loading"
        encoder = open_encoder(settings, self.models)
        embed = encoder.embed
        self.state["encoder"] = "ready"
        self.state["names"] = "loading"
        live = LiveData(load_connectors(settings.connectors_file) if settings.connectors_file else ())
        redactor = open_redactor(settings, self.models, live)
        self.state["names"] = "ready"
        model = self._chat_model()
        self.closers.insert(0, model.close)
        self.pipeline = join(self, embed, redactor, live, model)
        self.state["chat model"] = "loading"
        if chat:
            self.state["chat model"] = model.load()
        if self.in_force is not None:
            self.in_force.start()
        self._warmed.set()
        log.info("service.ready", models=[model.name, settings.encoder_model, settings.ner_model])
        return self.pipeline

    def _chat_model(self) -> LoadedLater | Engines:
        """The model in this process, or the engines that the settings name."""
        settings = self.settings
        if not settings.engines:
            return LoadedLater(settings.chat, lambda: open_chat(settings, self.models))
        engines = open_engines(settings, lambda told: self.state.update({"chat model": told}))
        self.metrics.watch_engines(lambda: engines.answering, lambda: engines.retries)
        return engines

    def recover(self) -> threading.Thread:
        """Ends, in the background, the record of queries that a dead process left open."""
        thread = threading.Thread(target=self._recover, name="audit-recovery", daemon=True)
        thread.start()
        return thread

    def _recover(self) -> None:
        while not self._closing.is_set():
            try:
                found = end_abandoned(self.engine, self.audit)
            except (AuditUnavailable, SQLAlchemyError) as error:
                log.warning("queries.not_ended", error=type(error).__name__)
            else:
                for tenant, query in found.ended:
                    log.warning("query.aborted", tenant=tenant, query=query)
                if not found.undecided:
                    return
            self._closing.wait(GRACE_S)

    def close(self) -> None:
        """Stops taking work, flushes the log, closes the database. Safe to call twice."""
        self._closing.set()
        while self.closers:
            self.closers.pop(0)()

    @property
    def versions(self) -> Mapping[str, str]:
        """The versions of the policies known here, by digest."""
        return self.in_force.versions if self.in_force else {self.policy.digest: self.policy.version}

    def reload_policy(self) -> None:
        """Looks at the policy file now. May be called from a signal handler."""
        if self.in_force is not None:
            self.in_force.reload()

    @property
    def announcer(self) -> Announcer:
        return Announcer(self.audit, self.keys, self.settings.tenant)

    @property
    def switches(self) -> Switches:
        """Kill switches, to be looked at and thrown."""
        return Switches(self.engine, self.announcer, sorted(load_routes(self.settings.routes_file).bots))


def load_policies(settings: Settings) -> Policy:
    """The policy of the settings. Raises PolicyError, also for the one that is only tried out."""
    if settings.shadow_policy_file is not None:
        load_policy(settings.shadow_policy_file)
    return load_policy(settings.policy_file)


def _witnesses(settings: Settings, engine: Engine) -> Witnesses:
    def prove(origin: str, old: int, new: int) -> list[bytes]:
        return prove_consistency(engine, settings.log_of(origin), old, new)

    return witnesses_from(settings.witnesses, prove)
