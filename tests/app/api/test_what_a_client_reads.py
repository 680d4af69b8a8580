"""What a client is told of the way its answer took."""

from __future__ import annotations

import json

from app.api.chat import event, route_view
from orchestrator.journey.outgoing import RouteOut
from orchestrator.selection.selector import SWITCHED_OFF
from orchestrator.types import Candidate, Route


def test_the_words_in_which_somebody_switched_a_bot_off_stay_in_the_record() -> None:
    why = "it told Mrs Keller another client's balance"
    route = Route("rag", (), (Candidate("rag", 0.9, "documents"), Candidate("onprem", 0.0, SWITCHED_OFF + why, True)))
    assert "Keller" not in json.dumps(route_view(route)) + event(RouteOut(route))
    assert route_view(route)["reasons"] == ["rag: documents", "onprem: switched off"]
    assert [candidate["removed"] for candidate in route_view(route)["candidates"]] == [False, True]
