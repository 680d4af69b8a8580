"""Live figures: every number is the service's own, no other host is ever contacted, and what is wrong is not answered."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from orchestrator.bots.api import ApiBot
from orchestrator.bots.base import Ask, Made, Text
from orchestrator.errors import BotUnavailable
from orchestrator.live_data import LiveData
from orchestrator.live_data.client import MAX_RESPONSE
from orchestrator.live_data.connectors import Connector, load_connectors
from orchestrator.live_data.wording import LiveAnswer
from samples.market_api.book import Book
from samples.market_api.server import MarketServer
from tests.support import misbehaving
from tests.support.misbehaving import Service, body, document, now, status

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
QUESTION = "What is the price of Aurora?"
THINGS = {
    "items": [
        {"id": "AUR", "name": "Aurora Fund", "aliases": ["Aurora"], "kind": "fund"},
        {"id": "AURX", "name": "Aurora Fund Extra", "aliases": [], "kind": "fund"},
        {"id": "A/../B?x=1#y", "name": "Odd One", "kind": "fund"},
        {"id": "CO", "name": "Corona's Beer & Co", "kind": "stock"},
    ]
}


@pytest.fixture
def service() -> Iterator[Service]:
    with misbehaving.serving() as service:
        service.answers["/things"] = document(THINGS)
        service.answers["/things/AUR/price"] = document({"quote": {"value": 104.20, "unit": "EUR"}, "at": now()})
        yield service


def connector(url: str, **changes: Any) -> Connector:
    return Connector.model_validate(
        {
            "name": "market",
            "title": "Market data",
            "base_url": url,
            "timeout_s": 5,
            "catalogue": {"path": "/things", "items": "items", "names": ["name", "aliases"], "kind": "kind"},
            "operations": [
                {
                    "name": "price",
                    "words": ["price", "trading at"],
                    "exemplars": ["What is the price?"],
                    "kinds": ["fund"],
                    "path": "/things/{id}/price",
                    "fields": {
                        "value": {"path": "quote.value", "format": "number"},
                        "unit": {"path": "quote.unit"},
                        "at": {"path": "at", "format": "time"},
                    },
                    "answer": "{name} costs {value} {unit} as of {at}.",
                    "freshness_s": 60,
                }
            ],
        }
        | changes
    )


@pytest.fixture
def live(service: Service) -> Iterator[LiveData]:
    live = LiveData([connector(service.url)])
    yield live
    live.close()


def answer(live: LiveData, question: str = QUESTION) -> LiveAnswer:
    asked = live.understand(question)
    assert asked is not None
    return live.ask(asked)


def refusal(live: LiveData, question: str = QUESTION) -> str:
    with pytest.raises(BotUnavailable) as caught:
        answer(live, question)
    return str(caught.value)


# --- a service that behaves -------------------------------------------------------------------------


def test_the_answer_is_the_connectors_sentence_with_the_digits_that_were_sent(service: Service, live: LiveData) -> None:
    raw = b'{"quote": {"value": 104.20, "unit": "EUR"}, "at": "%s"}' % now().encode()
    service.answers["/things/AUR/price"] = body(raw)
    said = answer(live)
    assert said.text.startswith("Aurora Fund costs 104.20 EUR as of ")
    assert said.source == "Market data"


def test_the_sample_connector_and_the_sample_service_belong_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MarketServer(("127.0.0.1", 0), Book(tmp_path / "quotes.json", seed=7), token="s3cret", tick=0.0)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv("COUNTERSIGN_MARKET_URL", server.url)
    monkeypatch.setenv("MARKET_API_TOKEN", "s3cret")
    live = LiveData(load_connectors(SAMPLES / "connectors.yaml"))
    try:
        bearer = {"Authorization": "Bearer s3cret"}
        for thing in live.things():
            asked = live.understand(f"What is {thing.name} trading at?")
            assert asked is not None, thing
            assert asked.thing == thing
            path, figure = ("nav", "nav") if thing.kind == "fund" else ("quote", "last")
            sent = httpx.get(f"{server.url}/v1/instruments/{thing.id}/{path}", headers=bearer)
            written = json.loads(sent.text, parse_float=str, parse_int=str)[figure]
            assert f" {written} " in live.ask(asked).text
        monkeypatch.setenv("MARKET_API_TOKEN", "wrong")
        assert refusal(live, f"NAV of {live.things()[0].name}") == "market: answered HTTP 401"
    finally:
        live.close()
        server.shutdown()
        server.close()


def test_the_api_bot_says_the_figure_its_source_and_how_it_was_made(live: LiveData) -> None:
    ask = Ask(QUESTION, (), np.zeros(1), (), frozenset(), "", {}, threading.Event())
    made, said = ApiBot(live).answer(ask)
    assert isinstance(made, Made)
    assert isinstance(said, Text)
    assert (made.model, made.details["id"], made.details["operation"]) == ("connector:market", "AUR", "price")
    assert said.text.endswith("Source: Market data.")
    with pytest.raises(BotUnavailable, match="no connector serves"):
        list(ApiBot(live).answer(Ask("What is inflation?", (), np.zeros(1), (), frozenset(), "", {}, threading.Event())))


def test_a_service_whose_text_gives_orders_is_not_answered_from(live: LiveData) -> None:
    """The answer would be read by the model of the next turn."""
    asked: list[str] = []

    def attacks(text: str) -> bool:
        asked.append(text)
        return True

    ask = Ask(QUESTION, (), np.zeros(1), (), frozenset(), "", {}, threading.Event(), attacks=attacks)
    with pytest.raises(BotUnavailable, match="a text of its response reads like an instruction"):
        list(ApiBot(live).answer(ask))
    assert asked


# --- what is understood -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "thing"),
    [
        ("what is the PRICE of aurora???", "AUR"),
        ("Aurora Fund's price, please", "AUR"),
        ("At what is the Aurora Fund Extra trading at?", "AURX"),
        ("The price of the stock Corona's Beer & Co", None),
        ("What is the price of the Auroras?", None),
        ("How priceless is Aurora?", None),
        ("Who manages Aurora?", None),
        ("What is the price?", None),
        ("", None),
    ],
)
def test_a_question_is_live_only_if_it_names_a_thing_and_a_figure_of_its_kind(
    live: LiveData, question: str, thing: str | None
) -> None:
    asked = live.understand(question)
    assert (asked.thing.id if asked else None) == thing


def test_nothing_of_the_question_but_a_catalogue_id_enters_the_url(service: Service, live: LiveData) -> None:
    answer(live, "What is the price of Aurora? My name is Jane, see /etc/passwd?x=1&y=2#z http://elsewhere.example/")
    assert service.asked == ["/things", "/things/AUR/price"]


def test_an_odd_catalogue_id_is_escaped_and_stays_one_part_of_the_path(service: Service, live: LiveData) -> None:
    assert refusal(live, "price of Odd One") == "market: answered HTTP 404"
    assert service.asked[-1] == "/things/A%2F..%2FB%3Fx%3D1%23y/price"


@pytest.mark.parametrize("dots", [".", ".."])
def test_a_catalogue_id_cannot_climb_out_of_its_path(service: Service, live: LiveData, dots: str) -> None:
    service.answers["/things"] = document({"items": [{"id": dots, "name": "Climber", "kind": "fund"}]})
    service.answers["/price"] = service.answers["/things/price"] = service.answers["/things/AUR/price"]
    with pytest.raises(BotUnavailable):
        answer(live, "price of Climber")
    assert {"/price", "/things/price"}.isdisjoint(service.asked)


# --- a service that misbehaves ----------------------------------------------------------------------


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("path", ["/things", "/things/AUR/price"])
def test_a_redirect_is_never_followed(service: Service, live: LiveData, code: int, path: str) -> None:
    with misbehaving.serving() as elsewhere:
        elsewhere.answers["/"] = document(THINGS)
        service.answers[path] = status(code, Location=elsewhere.url + "/")
        assert refusal(live) == f"market: answered HTTP {code}"
        service.answers[path] = status(code, Location="/things")
        with pytest.raises(BotUnavailable):
            answer(live)
        assert elsewhere.asked == []


def test_a_client_that_would_follow_redirects_is_not_let_to(service: Service) -> None:
    with misbehaving.serving() as elsewhere, httpx.Client(follow_redirects=True) as eager:
        service.answers["/things"] = status(302, Location=elsewhere.url + "/")
        with pytest.raises(BotUnavailable, match="302"):
            LiveData([connector(service.url)], eager).things()
        assert elsewhere.asked == []


def test_a_host_that_is_not_on_the_list_is_not_contacted(service: Service, live: LiveData) -> None:
    """Even when a question were understood by another deployment's connector."""
    asked = live.understand(QUESTION)
    assert asked is not None
    with misbehaving.serving() as elsewhere:
        other = LiveData([connector(elsewhere.url)])
        with pytest.raises(BotUnavailable, match=r"host 127\.0\.0\.1 is not on the connectors' list"):
            other.ask(asked)
        other.close()
    assert service.asked == ["/things"]


def test_the_environments_proxy_is_not_used(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with misbehaving.serving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        live = LiveData([connector(service.url)])
        assert "104.2" in answer(live).text
        live.close()
        assert proxy.asked == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html><body>Maintenance</body></html>",
        b'{"quote": {"value": 104.2',
        b'{"quote": {"value": NaN, "unit": "EUR"}, "at": ""}',
        b'{"quote": {"value": Infinity, "unit": "EUR"}, "at": ""}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
    ],
)
def test_a_response_that_is_not_json_is_refused(service: Service, live: LiveData, raw: bytes) -> None:
    service.answers["/things/AUR/price"] = body(raw)
    assert refusal(live) == "market: the response is not JSON"


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"quote": {"value": "104.20", "unit": "EUR"}}, "'quote.value' is not a number"),
        ({"quote": {"value": True, "unit": "EUR"}}, "'quote.value' is not a number"),
        ({"quote": {"value": None, "unit": "EUR"}}, "'quote.value' is not a number"),
        ({"quote": {"value": [1], "unit": "EUR"}}, "'quote.value' is not a number"),
        ({"quote": {"value": 1, "unit": 2}}, "'quote.unit' is not text"),
        ({"quote": {"value": 1}}, "no 'quote.unit'"),
        ({"quote": 7}, "no 'quote.value'"),
        ([], "no 'quote.value'"),
        ("104.20", "no 'quote.value'"),
    ],
)
def test_a_value_of_the_wrong_type_or_a_missing_one_is_refused(
    service: Service, live: LiveData, sent: object, says: str
) -> None:
    whole = {"at": now(), **sent} if isinstance(sent, dict) else sent
    service.answers["/things/AUR/price"] = document(whole)
    assert says in refusal(live)


def stamped(at: object) -> misbehaving.Answer:
    return document({"quote": {"value": 1, "unit": "EUR"}, "at": at})


def test_a_stale_figure_is_refused_and_its_age_is_said(service: Service, live: LiveData) -> None:
    service.answers["/things/AUR/price"] = stamped((datetime.now(UTC) - timedelta(seconds=3600)).isoformat())
    assert refusal(live).startswith("market: the figure is 36")
    assert refusal(live).endswith("s old, over the 60 s allowed")


def test_a_figure_from_the_future_is_refused(service: Service, live: LiveData) -> None:
    service.answers["/things/AUR/price"] = stamped((datetime.now(UTC) + timedelta(hours=3)).isoformat())
    assert "in the future" in refusal(live)


@pytest.mark.parametrize("at", ["yesterday", "2026-01-01T12:00:00", 1767225600, None, ""])
def test_a_time_that_is_none_or_has_no_zone_is_refused(service: Service, live: LiveData, at: object) -> None:
    service.answers["/things/AUR/price"] = stamped(at)
    assert refusal(live).endswith("is not a time with a zone")


def test_a_body_that_never_ends_is_given_up_at_the_cap(service: Service, live: LiveData) -> None:
    service.answers["/things/AUR/price"] = misbehaving.endless()
    assert refusal(live) == f"market: response over {MAX_RESPONSE} bytes"


def test_a_small_body_that_unpacks_to_a_huge_one_is_given_up(service: Service, live: LiveData) -> None:
    service.answers["/things/AUR/price"] = body(gzip.compress(b" " * 20_000_000), Content_Encoding="gzip")
    assert refusal(live) == f"market: response over {MAX_RESPONSE} bytes"


@pytest.mark.parametrize("drip", [b"", b" "])
def test_a_service_that_is_slow_or_drips_is_given_up(service: Service, drip: bytes) -> None:
    released = threading.Event()
    live = LiveData([connector(service.url, timeout_s=0.3)])
    service.answers["/things/AUR/price"] = misbehaving.slow(released, drip)
    said = refusal(live)
    released.set()
    live.close()
    assert said in ("market: ReadTimeout", "market: not answered whole within 0.3 s")


@pytest.mark.parametrize(
    ("answered", "says"),
    [
        (status(500), "market: answered HTTP 500"),
        (status(204), "market: answered HTTP 204"),
        (misbehaving.cut_short, "market: RemoteProtocolError"),
    ],
)
def test_an_error_of_the_service_is_told_by_its_kind(
    service: Service, live: LiveData, answered: misbehaving.Answer, says: str
) -> None:
    service.answers["/things/AUR/price"] = answered
    assert refusal(live) == says


def test_a_service_that_is_not_there_is_told() -> None:
    with misbehaving.serving() as gone:
        url = gone.url
    live = LiveData([connector(url)])
    with pytest.raises(BotUnavailable, match="market: ConnectError"):
        live.things()
    live.close()


# --- the catalogue ----------------------------------------------------------------------------------


def test_the_catalogue_is_read_once_while_it_is_fresh(service: Service, live: LiveData) -> None:
    for _ in range(3):
        answer(live)
    assert service.asked.count("/things") == 1


def test_a_service_that_goes_down_keeps_its_last_catalogue(service: Service) -> None:
    catalogue = {"path": "/things", "items": "items", "names": ["name", "aliases"], "kind": "kind", "refresh_s": 1e-9}
    live = LiveData([connector(service.url, catalogue=catalogue)])
    known = live.things()
    service.answers["/things"] = status(503)
    assert live.things() == known
    assert service.asked.count("/things") == 2
    live.close()


@pytest.mark.parametrize("sent", [{}, {"items": {}}, {"items": [1]}, []])
def test_a_catalogue_that_is_malformed_is_refused(service: Service, live: LiveData, sent: object) -> None:
    service.answers["/things"] = document(sent)
    with pytest.raises(BotUnavailable, match=r"catalogue|no 'items'"):
        live.things()


def test_a_question_for_a_figure_of_a_service_whose_catalogue_was_never_read_is_not_left_to_a_model(
    service: Service, live: LiveData
) -> None:
    service.answers["/things"] = status(503)
    with pytest.raises(BotUnavailable, match="503"):
        live.understand(QUESTION)
    assert live.wants_figure(QUESTION) == "price"
    assert live.understand("What is inflation?") is None


def test_one_service_that_is_down_does_not_silence_the_other(service: Service) -> None:
    with misbehaving.serving() as down:
        live = LiveData([connector(down.url, name="down"), connector(service.url)])
        assert "104.2" in answer(live).text
        live.close()


def test_the_secret_goes_into_its_header_and_nowhere_else(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKET_SECRET", "s3cret")
    auth = {"env": "MARKET_SECRET", "header": "X-Api-Key", "scheme": ""}
    live = LiveData([connector(service.url, auth=auth)])
    said = answer(live)
    live.close()
    assert service.headers["X-Api-Key"] == "s3cret"
    assert "s3cret" not in " ".join(service.asked) + said.text
