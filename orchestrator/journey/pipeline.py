"""The pipeline: opens the trace of a query and sets it on its journey."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanContext, Tracer

from orchestrator.journey.dependencies import Dependencies
from orchestrator.journey.journey import Journey
from orchestrator.journey.outgoing import Outgoing
from orchestrator.telemetry import attributes as names
from orchestrator.telemetry.trace import Trace
from orchestrator.types import Query


class Pipeline:
    """Answers queries; used by many threads at once. Holds no state of a query."""

    def __init__(self, dependencies: Dependencies, tracer: Tracer) -> None:
        self.dependencies, self.tracer = dependencies, tracer

    def answer(
        self, query: Query, sampling: Mapping[str, Any] | None = None, caller: SpanContext | None = None
    ) -> Iterator[Outgoing]:
        """What goes out for a query. Close the iterator to cancel.

        caller: the span context that the client sent; kept as a link, because a client is not trusted to
        choose our trace. Raises RecordUnavailable (nothing may leave) and ConversationUnknown.
        """
        policy = self.dependencies.policy_for(query)
        attributes = {
            names.OPERATION: "invoke_workflow",
            names.CONVERSATION: query.conversation,
            names.QUERY: query.id,
            names.POLICY: policy.digest,
        }
        links = [Link(caller)] if caller is not None and caller.is_valid else []
        root = self.tracer.start_span(names.JOURNEY, context=Context(), attributes=attributes, links=links)
        journey = Journey(self.dependencies, policy, query, sampling or {}, Trace(self.tracer, root)).run()
        try:
            yield from journey
        finally:
            journey.close()  # type: ignore[attr-defined]
            root.end()
