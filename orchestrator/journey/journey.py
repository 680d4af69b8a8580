"""One query's way, from the words as typed to the receipt of the answer's last event.

Three files that read downwards: this one goes as far as the route, fallback.py has the route's bots answer, endings.py ends.
Invariant: a segment is yielded only after the gate has released it and its event is durable; nothing but the redacted text
is handed to anyone; whatever happens, the journey ends with one `finished` event.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import structlog

from audit import kinds
from moderation.rails.base import Seen
from moderation.types import Direction, millionths
from orchestrator.bots.base import Ask, BotEvidence, Question
from orchestrator.errors import ConversationUnknown, RecordUnavailable
from orchestrator.journey import brought_along
from orchestrator.journey.attempt import Blocked, Stopped
from orchestrator.journey.context import InputVerdict, Progress, QueryContext
from orchestrator.journey.dependencies import Dependencies
from orchestrator.journey.endings import Endings
from orchestrator.journey.fallback import Fallback
from orchestrator.journey.outgoing import Outgoing, RouteOut
from orchestrator.journey.record import UntilFinished
from orchestrator.judging.judges import QueryJudge
from orchestrator.judging.passages import Screening
from orchestrator.judging.pinned_policy import PinnedPolicy
from orchestrator.memory.carried import carry
from orchestrator.ports import Generate, Passage, Pseudonymise
from orchestrator.prompting.surrogate_model import SurrogateModel
from orchestrator.selection.selector import Evidence
from orchestrator.telemetry import attributes as names
from orchestrator.telemetry.trace import Trace
from orchestrator.types import Outcome, Query, Route, Turn, scope_of
from orchestrator.understanding.english import in_english
from orchestrator.understanding.language import ENGLISH, language_of

_FOLLOW_UP_WORDS = 6
_NEAR = 5
"""Passages whose language tells what the documents on a question's subject are written in."""
log = structlog.get_logger(__name__)


class Journey:
    """Runs once: `for out in Journey(deps, policy, query, sampling, trace).run()`. Used by one thread."""

    def __init__(
        self, deps: Dependencies, policy: PinnedPolicy, query: Query, sampling: Mapping[str, Any], trace: Trace
    ) -> None:
        record = UntilFinished(
            deps.open_record(
                tenant=query.tenant,
                query=query.id,
                conversation=query.conversation,
                actor=query.actor,
                subject=query.subject,
                trace_id=trace.trace_id,
                span_id=trace.span_id,
                policy=policy.digest,
            )
        )
        shadowed = deps.shadow.watch(query, policy.digest, policy.candidate) if deps.shadow and policy.candidate else None
        judge = QueryJudge(policy.judges, trace, record, shadowed)
        self._context = QueryContext(deps, policy, query, sampling, trace, record, judge)
        self._progress = Progress()
        self._endings = Endings(self._context, self._progress, shadowed)
        self._wake = threading.Event()
        self._cancel = threading.Event()

    def run(self) -> Iterator[Outgoing]:
        """What goes out, in order. Raises RecordUnavailable and ConversationUnknown; closing it cancels."""
        try:
            yield from self._guarded()
        except GeneratorExit:
            self._endings.end_unheard(Outcome.CANCELLED, "cancelled")
            raise
        except RecordUnavailable:
            self._context.deps.meter.refused_unrecorded()
            self._endings.end_unheard(Outcome.FAILED, "error", "the record could not be written")
            raise
        except ConversationUnknown:
            self._endings.end_unheard(Outcome.FAILED, "error", "conversation unknown")
            raise
        except BaseException as error:
            self._endings.end_unheard(Outcome.FAILED, "error", f"unexpected {type(error).__name__}")
            raise
        finally:
            self._cancel.set()

    def _guarded(self) -> Generator[Outgoing, None, None]:
        """The way; an error that is not foreseen becomes an apology."""
        try:
            yield from self._travel()
        except (RecordUnavailable, ConversationUnknown, GeneratorExit, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of a native library is no Exception
            trace, kind = self._context.trace, type(error).__name__
            log.error("journey.failed", query=self._context.query.id, error=kind, trace_id=trace.trace_id)
            trace.root.set_attribute(names.ERROR, kind)
            yield from self._endings.apologise(f"unexpected {kind}")

    def _travel(self) -> Generator[Outgoing, None, None]:
        deps, query, progress = self._context.deps, self._context.query, self._progress
        unread = {"unread": query.unread} if query.unread else {}
        self._context.record.append(kinds.RECEIVED, {"characters": len(query.text), **unread})
        dumped, remembered = self._remembered()
        pseudonyms = self._context.policy.redact.open(dumped)
        before = pseudonyms.dump()
        progress.question = self._redact(pseudonyms)
        if (why := self._context.switched_off()) is not None:
            yield from self._endings.conclude(Stopped(why))
            return
        brought = progress.brought = brought_along.read(self._context, pseudonyms, self._embed)
        progress.read |= brought.documents
        history = [*remembered, *brought.turns]
        if (known := pseudonyms.dump()) != before:
            saving = (query.tenant, query.subject, query.conversation, known)
            progress.pseudonyms_saved = deps.pool.submit(deps.memory.save_pseudonyms, *saving)
        if brought.refused is not None:
            yield from self._endings.conclude(Blocked(brought.refused))
            return
        vector = self._embed(progress.question)
        verdict = progress.input = self._judged(vector)
        with_surrogates = partial(SurrogateModel, pseudonyms=pseudonyms, scope=scope_of(query.tenant, query.groups))
        rules = self._context.policy.answers
        question = Question(progress.question, vector, (), query.groups, history, rules=rules, tenant=query.tenant)
        question = self._understood(self._in_context(question), with_surrogates)
        screening = Screening(self._context.judge, deps.screened, query.tenant, self._context.policy.digest)
        screened = deps.pool.submit(screening.passages, question.passages)
        # A poisoned passage may still route the question to the documents. It is dropped there; routed elsewhere, a model
        # would answer from memory.
        route, evidence = self._choose(question)
        yield RouteOut(route)
        kept = screened.result()
        if kept.left_out:
            self._context.record.append(kinds.SCREENED, kept.body())
            question = replace(question, passages=kept.kept)
            evidence = self._evidence(question, [name for name in route.chain if name in evidence])
        deps.meter.screened(len(kept.kept), len(kept.left_out))
        ask = Ask(
            question=question.text,
            history=history,
            embedding=question.embedding,
            passages=question.passages,
            groups=query.groups,
            instruction=brought.instruction,
            sampling=self._context.sampling,
            cancel=self._cancel,
            with_surrogates=with_surrogates,
            markers=deps.markers.of(query.tenant, query.conversation),
            attacks=screening.attacks,
            language=question.language,
            rules=question.rules,
        )
        fallback = Fallback(self._context, progress, pseudonyms, verdict, self._wake)
        ending = yield from fallback.answer(route, ask, evidence)
        yield from self._endings.conclude(ending)

    def _remembered(self) -> tuple[bytes | None, Sequence[Turn]]:
        """The conversation's pseudonyms, and its last turns that the asker may read. Raises ConversationUnknown."""
        query, deps = self._context.query, self._context.deps
        mine = (query.tenant, query.subject, query.conversation)
        dumped, turns = (None, ()) if query.fresh else deps.memory.load(*mine)
        carried = carry(turns, query.groups, deps.may_read)
        if carried.left_out:
            self._context.record.append(kinds.NOT_CARRIED, carried.body())
        self._progress.read |= carried.documents
        return dumped, carried.turns

    def _redact(self, pseudonyms: Pseudonymise) -> str:
        with self._context.trace.step(names.REDACT) as span:
            question, counts = pseudonyms.redact(self._context.query.text)
            for entity, count in counts.items():
                span.set_attribute(names.ENTITIES + entity, count)
        self._context.deps.meter.entities(counts)
        self._context.record.append(kinds.REDACTED, {"question": question, "entities": dict(counts)})
        return question

    def _embed(self, text: str) -> np.ndarray:
        with self._context.trace.step(names.EMBED):
            return np.asarray(self._context.deps.embed([text])[0])

    def _judged(self, vector: np.ndarray) -> InputVerdict:
        """The rails begin with the question. They are waited for here only where speculation is off."""
        deps = self._context.deps
        judging = deps.pool.submit(self._context.judge.judge, Seen(Direction.INPUT, self._progress.question, vector))
        judging.add_done_callback(lambda _: self._wake.set())
        verdict = InputVerdict(judging)
        if not deps.speculate:
            verdict.wait()
        return verdict

    def _in_context(self, question: Question) -> Question:
        """A follow-up ("and of the other fund?") made whole, else looked up together with the question before it."""
        earlier = [turn.question for turn in question.turns if turn.question]
        if not earlier:
            return question
        whole = self._context.deps.complete(question.text, earlier)
        if whole is not None:
            return replace(question, whole=whole, reading=whole.question, embedding=self._embed(whole.question))
        if len(question.text.split()) > _FOLLOW_UP_WORDS:
            return question
        return replace(question, embedding=self._embed(f"{earlier[-1]} {question.text}"))

    def _understood(self, question: Question, with_surrogates: Callable[[Generate], Generate]) -> Question:
        """The question looked up, with its language: once more in English where only that is the documents' language."""
        language = language_of(question.text)
        question = self._retrieved(replace(question, language=language))
        translator = self._context.deps.translator
        near = [language_of(passage.text) for passage in question.passages[:_NEAR]]
        if language == ENGLISH or translator is None or not near or near.count(language) * 2 > len(near):
            return self._read(question)
        if self._context.switched_off(translator.bot) is not None or translator.spares(question.text, language):
            return self._read(question)
        with self._context.trace.step(names.UNDERSTAND):
            english = in_english(question.asked, with_surrogates(translator.model), self._cancel)
        if english is None:
            return self._read(question)
        question = replace(question, reading=english, embedding=self._embed(english))
        return self._retrieved(self._read(question, translator.model.name))

    def _read(self, question: Question, model: str = "") -> Question:
        """Records how a question was read, where that is not as it was asked."""
        if question.reading:
            said: dict[str, Any] = {"language": question.language, "reading": question.reading, "model": model}
            if question.whole is not None:
                said |= {"whole": question.whole.question, "slots": dict(question.whole.slots)}
            self._context.record.append(kinds.UNDERSTOOD, said)
        return question

    def _retrieved(self, question: Question) -> Question:
        deps = self._context.deps
        with self._context.trace.step(names.RETRIEVE, **{names.TOP_K: deps.top_k}) as span:
            passages = deps.search(question.asked, deps.top_k, self._context.query.groups, question.embedding)
            span.set_attribute(names.PASSAGES, len(passages))
        self._progress.read |= {p.origin.version(p.document) for p in passages}
        body = {"passages": [_where(n, p) for n, p in enumerate(passages, 1)], "corpus": deps.corpus_digest()}
        self._context.record.append(kinds.RETRIEVED, body)
        return replace(question, passages=passages)

    def _evidence(self, question: Question, bots: Iterable[str]) -> dict[str, BotEvidence]:
        return {name: self._context.deps.bots[name].evidence(question) for name in bots}

    def _choose(self, question: Question) -> tuple[Route, dict[str, BotEvidence]]:
        """The route, and the evidence of every bot that it considered."""
        deps = self._context.deps
        with self._context.trace.step(names.SELECT) as span:
            evidence = self._evidence(question, deps.selector.routes.bots)
            known = Evidence(
                bots=evidence,
                unavailable={n: why for n, breaker in deps.breakers.items() if (why := breaker.refuses())},
                forbidden=deps.forbidden(self._context.query),
                switched_off={n: why for n in deps.bots if (why := self._context.switched_off(n)) is not None},
            )
            route = self._progress.route = deps.selector.choose(question.embedding, known)
            span.set_attribute(names.BOT, route.bot)
            span.set_attribute(names.SCORE, millionths(route.candidates[0].score if route.candidates else 0.0))
        candidates = [
            {"bot": c.bot, "score": millionths(c.score), "reason": c.reason, "removed": c.removed} for c in route.candidates
        ]
        body = {"bot": route.bot, "fallback": list(route.fallback), "candidates": candidates}
        ticket = self._context.record.append(kinds.ROUTED, body, labels={"bot": route.bot})
        deps.meter.route(route.bot)
        ticket.wait()
        return route, evidence


def _where(number: int, passage: Passage) -> dict[str, object]:
    """A passage in the record: its place and its scores, never its words."""
    return {
        "number": number,
        "document": passage.document,
        "page": passage.page,
        "section": passage.section,
        "chunk": passage.chunk,
        "score": millionths(passage.score),
        "dense": millionths(passage.dense),
    }
