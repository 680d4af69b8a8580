"""One query's journey: conversation memory, the bot selector, the bots and the pipeline that joins them."""

from orchestrator.journey.outgoing import Answer
from orchestrator.types import Citation, Query, Route, Turn

__all__ = ["Answer", "Citation", "Query", "Route", "Turn"]
