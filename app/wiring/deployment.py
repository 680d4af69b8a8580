"""All long-lived objects of one process that need no model: databases, log, keys, checkpoints, metrics.

A deployment is a value: it is opened whole, nothing is put into it later, and it looks nothing up. What is loaded and
decided with models is `app.wiring.running`; how far a process is on its way is `app.wiring.service`.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter

from app.settings import Settings
from app.wiring.key_material import make_home
from app.wiring.metrics import Metrics
from app.wiring.read_side import ReadSide, open_log
from app.wiring.signing import open_checkpoints
from app.wiring.telemetry import tracer_provider
from audit.checkpoints.epochs import confirm
from audit.checkpoints.issuer import Checkpointer
from audit.checkpoints.signing_keys import SigningKeys, load_keys
from audit.database.engine import create_engine_for
from inference.store.model_store import ModelStore
from migrations.run import upgrade
from moderation.policy import Policy, load_policy
from orchestrator.memory.store import ConversationStore


@dataclass(frozen=True)
class Deployment(ReadSide):
    """Owned by the process that opened it; `close` signs what is left, flushes the log and stops the threads.

    policy: as the file said when this was opened; which one is in force later, a `Running` knows.
    """

    signing: SigningKeys
    checkpoints: Checkpointer
    memory: ConversationStore
    metrics: Metrics
    tracing: TracerProvider
    models: ModelStore
    policy: Policy


def open_deployment(settings: Settings, exporter: SpanExporter | None = None) -> Deployment:
    """Migrates the database, opens the log and reads the policy. Raises the rooms' own errors.

    exporter: gets finished spans as well; for tests.
    """
    make_home(settings)
    upgrade(settings.url)
    signing = load_keys(settings.audit_key_path, settings.audit_origin)
    with ExitStack() as opened:
        log = opened.enter_context(open_log(settings))
        tracing = tracer_provider(settings, exporter)
        checkpoints, witnesses = open_checkpoints(settings, log.engine, signing, log.audit)
        opened.callback(witnesses.close)
        opened.callback(checkpoints.close)
        opened.callback(log.audit.close)  # before the checkpoints, so that the last one covers what was appended last
        opened.callback(tracing.shutdown)
        metrics = Metrics()
        metrics.watch_log(log.audit.stats, checkpoints.stats, witnesses.standings)
        return Deployment(
            settings=settings,
            engine=log.engine,
            subjects=log.subjects,
            seals=log.seals,
            keys=log.keys,
            audit=log.audit,
            reader=log.reader,
            signing=signing,
            checkpoints=checkpoints,
            memory=ConversationStore(log.engine, log.subjects),
            metrics=metrics,
            tracing=tracing,
            models=ModelStore(settings.models_dir),
            policy=load_policies(settings),
            closers=opened.pop_all(),
        )


def check(settings: Settings) -> None:
    """Raises what opening would raise, without starting anything: for a server that has yet to fork."""
    make_home(settings)
    upgrade(settings.url)
    load_policies(settings)
    engine = create_engine_for(settings.url)
    try:
        confirm(engine, settings.checkpoint_path, load_keys(settings.audit_key_path, settings.audit_origin).public)
    finally:
        engine.dispose()


def load_policies(settings: Settings) -> Policy:
    """The policy of the settings. Raises PolicyError, also for the one that is only tried out."""
    if settings.shadow_policy_file is not None:
        load_policy(settings.shadow_policy_file)
    return load_policy(settings.policy_file)
