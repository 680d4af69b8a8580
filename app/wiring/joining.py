"""Joins the opened parts of a house into the pipeline that answers. Nothing here decides anything about a query."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from app.adapters.record import QueryRecord, ShadowRecord
from app.adapters.retrieval import Searched, Supported
from app.governance.kill_switches import SwitchBoard, Switches
from app.governance.policy_cache import PolicyCompiler
from app.governance.policy_in_force import Document, PolicyInForce, Role
from audit.database.engine import create_engine_for
from moderation.gate import StreamGate
from moderation.heads.head import Heads
from moderation.pii.redactor import Redactor
from moderation.rails import Readings
from orchestrator.bots.rag import Bar
from orchestrator.bots.registry import Resources, make_bots
from orchestrator.journey.dependencies import Dependencies
from orchestrator.journey.pipeline import Pipeline
from orchestrator.judging.shadow import Shadow
from orchestrator.live_data import LiveData
from orchestrator.ports import Embed, Generate
from orchestrator.selection.breaker import Breaker
from orchestrator.selection.routes import load_routes
from orchestrator.selection.selector import Selector
from retrieval.evidence.support import ANSWERABLE, SUPPORTED
from retrieval.library import Library

if TYPE_CHECKING:
    from app.wiring.house import House


def join(house: House, embed: Embed, redactor: Redactor, live: LiveData, model: Generate) -> Pipeline:
    """What is started here is closed with the house, before the log and the database."""
    settings = house.settings
    library = house.library = Library.open(settings.library_dir, embed)
    rails_pool = ThreadPoolExecutor(16, thread_name_prefix="rail")
    pool = ThreadPoolExecutor(settings.max_chats * 2, thread_name_prefix="journey")
    compiler = PolicyCompiler(
        Heads.load(), redactor, embed, rails_pool, house.metrics, settings.rail_timeout_s, Readings(embed)
    )
    bots = make_bots(Resources(live, Supported(embed), model, Bar(ANSWERABLE, SUPPORTED), settings.rag_wording))
    in_force = house.in_force = policies(house, compiler)
    house.closers[:0] = [
        in_force.close,
        lambda: pool.shutdown(wait=False, cancel_futures=True),
        lambda: rails_pool.shutdown(wait=False, cancel_futures=True),
        live.close,
    ]
    parts = Dependencies(
        memory=house.memory,
        policy_for=in_force.on,
        embed=embed,
        search=Searched(library),
        selector=Selector(load_routes(settings.routes_file), {name: bot.role for name, bot in bots.items()}, embed),
        bots=bots,
        breakers={name: Breaker() for name in bots},
        open_record=lambda **who: QueryRecord(house.audit, **who),
        meter=house.metrics,
        pool=pool,
        new_gate=StreamGate,
        corpus_digest=lambda: library.digest,
        switched_off=board(house, bots).why_off,
        shadow=shadow(house),
    )
    return Pipeline(parts, house.tracing.get_tracer("countersign"))


def policies(house: House, compiler: PolicyCompiler) -> PolicyInForce:
    """The policy in force, and the one that is tried out, if there is one. Its watcher is not started yet."""

    def document(role: Role, path: Path | None) -> Document:
        return Document(role, path, compiler, house.announcer, house.metrics)

    tried = house.settings.shadow_policy_file
    return PolicyInForce(document("in force", house.settings.policy_file), document("candidate", tried) if tried else None)


def board(house: House, bots: Iterable[str]) -> SwitchBoard:
    """What is switched off, read over a connection of its own: no burst of queries makes it wait for one."""
    own = create_engine_for(house.settings.url)
    found = house.board = SwitchBoard(Switches(own, house.announcer, sorted(bots)))
    house.closers[:0] = [found.close, own.dispose]
    found.start()
    return found


def shadow(house: House) -> Shadow | None:
    if house.settings.shadow_policy_file is None:
        return None
    found = Shadow(ShadowRecord(house.audit), house.metrics).start()
    house.closers.insert(0, found.close)
    return found
