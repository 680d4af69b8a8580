"""Builds what answers questions from a deployment and the loaded models. Nothing here decides anything about a query.

`compose` takes a deployment and returns a `Running`; it changes neither the deployment nor anything else that it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from app.adapters.answering import Memory, OwnProducts, Resolved, calculated, made_whole
from app.adapters.model import LoadedLater
from app.adapters.reading import reading_with
from app.adapters.record import QueryRecord, ShadowRecord
from app.adapters.retrieval import Readable, Searched
from app.engine_client.engines import Engines
from app.governance.announcer import Announcer
from app.governance.kill_switches import SwitchBoard, Switches
from app.governance.policy_cache import PolicyCompiler
from app.governance.policy_in_force import Document, PolicyInForce, PolicyMeter, Role
from app.identity.row_seals import RowSeals
from app.settings import Settings
from app.shared_library.following import Following, tell_followed
from app.wiring.chat_model import open_chat
from app.wiring.deployment import Deployment
from app.wiring.parts import open_encoder, open_engines, open_library, open_redactor, open_search_encoder
from audit.append.store import AuditStore
from audit.database.engine import create_engine_for
from moderation.gate import StreamGate
from moderation.heads.head import Heads
from moderation.pii.redactor import Redactor
from moderation.rails import Readings
from orchestrator.bots.registry import Resources, make_bots
from orchestrator.closed_book.ruling import ClosedBook
from orchestrator.journey.dependencies import Dependencies
from orchestrator.journey.pipeline import Pipeline
from orchestrator.judging.shadow import Shadow, ShadowMeter
from orchestrator.live_data import LiveData
from orchestrator.live_data.connectors import load_connectors
from orchestrator.ports import Embed
from orchestrator.selection.breaker import Breaker
from orchestrator.selection.routes import load_routes
from orchestrator.selection.selector import Selector
from orchestrator.understanding.english import Translator
from retrieval.index.generations import Store
from retrieval.library import Library

Tell = Callable[[str, str], None]
"""Told (part, state in a word), for whoever looks at /readyz."""


@dataclass(frozen=True)
class Running:
    """What answers questions, and what else somebody may ask of it. Close it before its deployment.

    model: the chat model; where it is in this process it must still be loaded. policy: its watcher is not started yet.
    """

    pipeline: Pipeline
    library: Library
    policy: PolicyInForce
    switches: SwitchBoard
    model: LoadedLater | Engines
    closers: ExitStack

    def close(self) -> None:
        """Takes no more work and ends what is under way. Safe to call twice."""
        self.closers.close()


def compose(deployment: Deployment, tell: Tell) -> Running:
    """Loads encoder and redactor, and builds the pipeline. Raises the rooms' own errors; nothing is then left open."""
    settings = deployment.settings
    with ExitStack() as opened:
        tell("encoder", "loading")
        encoder = open_encoder(settings, deployment.models)
        before = Store(settings.library_dir).generation
        library = open_library(settings, open_search_encoder(settings, deployment.models, encoder).embed, opened)
        if settings.documents.store == "postgresql":
            tell_followed(before, library.generation)
            following = Following(library.follow, lambda: library.generation, settings.documents.poll_s)
            opened.callback(following.close)
        tell("encoder", "ready")
        tell("names", "loading")
        live = LiveData(load_connectors(settings.connectors_file) if settings.connectors_file else ())
        opened.callback(live.close)
        redactor = open_redactor(settings, deployment.models, live)
        tell("names", "ready")
        return _joined(deployment, encoder.embed, library, redactor, live, chat_model(deployment, tell), opened)


def _joined(
    deployment: Deployment,
    embed: Embed,
    library: Library,
    redactor: Redactor,
    live: LiveData,
    model: LoadedLater | Engines,
    opened: ExitStack,
) -> Running:
    """opened: closes what was opened so far, and what is opened here; the `Running` takes it over."""
    settings = deployment.settings
    products = OwnProducts(library)
    redactor = redactor.knowing(products.names)
    rails_pool = _pool(16, "rail", opened)
    pool = _pool(settings.max_chats * 2, "journey", opened)
    compiler = PolicyCompiler(
        Heads.load(), redactor, embed, rails_pool, deployment.metrics, settings.rail_timeout_s, Readings(embed)
    )
    policy = policies(settings, compiler, deployment.announcer, deployment.metrics)
    opened.callback(policy.close)
    memory = Memory(ClosedBook(), library, live)
    read = reading_with(model, embed, lambda: library.digest, products.words)
    bots = make_bots(Resources(live, Resolved(library), read, model, memory, calculated))
    switches = switch_board(settings, deployment.announcer, bots, deployment.seals, opened)
    dependencies = Dependencies(
        memory=deployment.memory,
        policy_for=policy.on,
        embed=embed,
        search=Searched(library, shared=settings.search_model == settings.encoder_model),
        selector=Selector(load_routes(settings.routes_file), {name: bot.role for name, bot in bots.items()}, embed),
        bots=bots,
        breakers={name: Breaker() for name in bots},
        open_record=lambda **who: QueryRecord(deployment.audit, **who),
        meter=deployment.metrics,
        pool=pool,
        new_gate=StreamGate,
        corpus_digest=lambda: library.digest,
        may_read=Readable(library),
        switched_off=switches.why_off,
        translator=Translator("onprem", model, lambda question, language: calculated(question, language) is not None),
        complete=made_whole,
        shadow=shadow(settings, deployment.audit, deployment.metrics, opened),
    )
    pipeline = Pipeline(dependencies, deployment.tracing.get_tracer("countersign"))
    opened.callback(model.close)
    return Running(pipeline, library, policy, switches, model, opened.pop_all())


def chat_model(deployment: Deployment, tell: Tell) -> LoadedLater | Engines:
    """The model of this process, not yet loaded, or the engines that the settings name."""
    settings = deployment.settings
    if not settings.engines:
        return LoadedLater(settings.chat, lambda: open_chat(settings, deployment.models))
    engines = open_engines(settings, lambda told: tell("chat model", told))
    deployment.metrics.watch_engines(lambda: engines.answering, lambda: engines.retries)
    return engines


def policies(settings: Settings, compiler: PolicyCompiler, announcer: Announcer, meter: PolicyMeter) -> PolicyInForce:
    """The policy in force, and the one that is tried out, if there is one. Its watcher is not started yet."""

    def document(role: Role, path: Path | None) -> Document:
        return Document(role, path, compiler, announcer, meter)

    tried = settings.shadow_policy_file
    return PolicyInForce(document("in force", settings.policy_file), document("candidate", tried) if tried else None)


def switch_board(
    settings: Settings, announcer: Announcer, bots: Iterable[str], seals: RowSeals, opened: ExitStack
) -> SwitchBoard:
    """What is switched off, read over a connection of its own: no burst of queries makes it wait for one."""
    own = create_engine_for(settings.url)
    opened.callback(own.dispose)
    found = SwitchBoard(Switches(own, announcer, sorted(bots), seals))
    opened.callback(found.close)
    found.start()
    return found


def shadow(settings: Settings, audit: AuditStore, meter: ShadowMeter, opened: ExitStack) -> Shadow | None:
    """Judges by the policy that is tried out, where there is one; started."""
    if settings.shadow_policy_file is None:
        return None
    found = Shadow(ShadowRecord(audit), meter).start()
    opened.callback(found.close)
    return found


def _pool(workers: int, name: str, opened: ExitStack) -> ThreadPoolExecutor:
    pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
    opened.callback(pool.shutdown, wait=False, cancel_futures=True)
    return pool
