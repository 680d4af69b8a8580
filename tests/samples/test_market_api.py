"""The sample live-data service: its figures come from the file, and the file moves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from samples.market_api.book import Book, BookError
from samples.market_api.server import MarketServer

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def serving(book: Book, *, token: str = "", tick: float = 0.0) -> Iterator[httpx.Client]:
    server = MarketServer(("127.0.0.1", 0), book, token=token, tick=tick)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        with httpx.Client(base_url=server.url, timeout=10) as client:
            yield client
    finally:
        server.shutdown()
        server.close()


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path / "market" / "quotes.json", seed=7)


@pytest.fixture
def client(book: Book) -> Iterator[httpx.Client]:
    with serving(book) as client:
        yield client


def edit(book: Book, instrument: str, **values: Any) -> None:
    content = json.loads(book.path.read_text())
    for entry in content["instruments"]:
        if entry["id"] == instrument:
            entry.update(values)
    book.path.write_text(json.dumps(content))


def test_every_listed_fund_has_a_nav_and_every_listed_stock_a_quote(client: httpx.Client) -> None:
    instruments = client.get("/v1/instruments").json()["instruments"]
    funds = [entry for entry in instruments if entry["kind"] == "fund"]
    assert [fund["id"] for fund in funds] == ["AURGE", "BORSD", "CIREI", "DELSI", "EMEMD"]
    assert len(instruments) - len(funds) >= 12
    for entry in instruments:
        leaf, figure = ("nav", "nav") if entry["kind"] == "fund" else ("quote", "last")
        answer = client.get(f"/v1/instruments/{entry['id']}/{leaf}").json()
        assert answer[figure] > 0
        assert (answer["name"], answer["currency"]) == (entry["name"], entry["currency"])
        assert answer["as_of"].endswith("+00:00")


def test_the_figure_served_is_the_figure_in_the_file_even_just_after_an_edit(book: Book, client: httpx.Client) -> None:
    edit(book, "AURGE", value=200.1234)
    assert client.get("/v1/instruments/AURGE/nav").json()["nav"] == 200.1234
    edit(book, "HLCN", value=50.0, open=40.0)
    quote = client.get("/v1/instruments/hlcn/quote").json()
    assert (quote["last"], quote["change_percent"]) == (50.0, 25.0)


def test_a_tick_moves_every_figure_a_little_and_says_when(book: Book) -> None:
    before = {entry["id"]: book.nav(entry["id"]) for entry in book.instruments() if entry["kind"] == "fund"}
    book.move()
    for name, old in before.items():
        new = book.nav(name)
        assert 0 < abs(new["nav"] / old["nav"] - 1) < 0.01
        assert new["as_of"] > old["as_of"]


def test_the_ticker_moves_the_file_while_the_service_runs(book: Book) -> None:
    with serving(book, tick=0.02) as client:
        first = client.get("/v1/instruments/AURGE/nav").json()["as_of"]
        for _ in range(10_000):
            if client.get("/v1/instruments/AURGE/nav").json()["as_of"] != first:
                return
        pytest.fail("the figure never moved")


def test_a_reader_never_sees_half_a_file_while_it_moves(book: Book) -> None:
    stop = threading.Event()

    def moving() -> None:
        while not stop.is_set():
            book.move()

    thread = threading.Thread(target=moving)
    thread.start()
    try:
        for _ in range(300):
            assert len(book.instruments()) == 17  # a torn read would raise BookError
    finally:
        stop.set()
        thread.join()
    assert list(book.path.parent.iterdir()) == [book.path], "no temporary file stays behind"


def test_a_rate_and_its_inverse_agree(client: httpx.Client) -> None:
    there = client.get("/v1/fx/EUR/USD").json()
    back = client.get("/v1/fx/usd/eur").json()
    assert (back["base"], back["quote"]) == ("USD", "EUR")
    assert there["rate"] * back["rate"] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/v1/instruments/NOPE/nav", 404, "NOPE"),
        ("/v1/instruments/AURGE/quote", 404, "ask for its nav"),
        ("/v1/instruments/HLCN/nav", 404, "ask for its quote"),
        ("/v1/fx/EUR/XXX", 404, "XXX"),
        ("/elsewhere", 404, "/v1/instruments"),
        ("/v1/instruments?delay=soon", 400, "delay"),
        ("/v1/instruments?delay=nan", 400, "delay"),
        ("/v1/instruments?fail=502", 502, "fail"),
    ],
)
def test_an_error_is_a_problem_document_that_says_what_to_do(
    client: httpx.Client, path: str, status: int, says: str
) -> None:
    response = client.get(path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == status
    assert says in response.json()["detail"]


def test_only_get_is_offered(client: httpx.Client) -> None:
    response = client.post("/v1/instruments", json={"id": "X"})
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")


def test_with_a_token_only_its_bearer_is_answered_and_health_stays_open(book: Book) -> None:
    with serving(book, token="tök3n") as client:
        assert client.get("/v1/instruments").status_code == 401
        assert client.get("/v1/instruments", headers={"X-Api-Key": "other"}).status_code == 401
        given = {"X-Api-Key": "tök3n".encode()}
        assert client.get("/v1/instruments", headers=given).status_code == 200
        assert client.get("/v1/instruments", headers={"Authorization": "Bearer tök3n".encode()}).status_code == 200
        assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"instruments": []}', '{"instruments": [{"id": "A", "kind": "fund", "value": "1"}]}', "NaN"],
)
def test_a_file_broken_by_hand_is_reported_and_served_again_once_mended(
    book: Book, client: httpx.Client, content: str
) -> None:
    good = book.path.read_text()
    book.path.write_text(content)
    response = client.get("/v1/instruments/AURGE/nav")
    assert response.status_code == 503
    assert str(book.path) in response.json()["detail"]
    with pytest.raises(BookError):
        book.move()
    assert book.path.read_text() == content, "the editor's work is not overwritten"
    book.path.write_text(good)
    assert client.get("/v1/instruments/AURGE/nav").status_code == 200


@pytest.mark.process
def test_the_command_prints_its_address_and_stops_cleanly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "samples.market_api", "--port", "0", "--file", str(tmp_path / "q.json")]
    environment = {**os.environ, "MARKET_API_TOKEN": ""}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[1]
            assert httpx.get(f"{address}/v1/instruments/AURGE/nav").json()["currency"] == "EUR"
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
