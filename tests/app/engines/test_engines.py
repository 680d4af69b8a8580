"""Several engines behind the onprem bot: real HTTP servers that die, refuse and hang, and real journeys over them."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app.engine_client.engines import AHEAD, Engines
from app.engine_client.fleet import How
from app.engine_client.rendezvous import SLACK
from orchestrator.bots.base import Text
from orchestrator.bots.onprem import OnPremBot
from orchestrator.errors import BotUnavailable
from tests.support.evidence import open_book
from tests.support.running_deployment import LONG_S, ScriptedBot, answer_of, refusals, running_deployment, text_of
from tests.support.scripted_engine import (
    MODEL,
    Reply,
    Say,
    ScriptedEngine,
    dying_after,
    engines_saying,
    holding,
    refusing,
    saying,
)
from tests.support.sharing import free_port
from tests.support.waiting import eventually

SAMPLING = {"max_tokens": 20, "temperature": 0.0}
SENTENCES = [f"This is sentence number {n} of the whole answer. " for n in range(6)]


@contextmanager
def asking(*engines: ScriptedEngine | str, **how: Any) -> Iterator[Engines]:
    addresses = [one if isinstance(one, str) else one.url for one in engines]
    found = Engines(addresses, How(**{"secret": b"a secret of the tests", "silence_s": LONG_S, **how}))
    found.load()
    try:
        yield found
    finally:
        found.close()


def ask(engines: Engines, system: str = "c1", scope: str = "bank", cancel: threading.Event | None = None) -> tuple[str, Any]:
    """The whole text, and the usage."""
    messages = [("system", system), ("user", "What is inflation?")]
    said, stream = list[str](), engines.stream(messages, SAMPLING, cancel or threading.Event(), scope)
    while True:
        try:
            said.append(next(stream))
        except StopIteration as end:
            return "".join(said), end.value


def test_an_answer_comes_whole_with_its_usage_and_where_it_was_made() -> None:
    with engines_saying(saying("All ", "is ", "well.")) as (one,), asking(one) as engines:
        text, usage = ask(engines)
    assert text == "All is well."
    assert usage == {
        "prompt_tokens": 7, "completion_tokens": 3, "finish_reason": "stop", "seed": 0, "temperature_micro": 0,
        "engine": one.url.removeprefix("http://"),
    }  # fmt: skip
    assert (engines.name, engines.digest) == (MODEL, "")
    body = one.asked[0]
    assert (body["model"], body["stream"], body["max_tokens"]) == (MODEL, True, 20)
    assert body["messages"][-1] == {"role": "user", "content": "What is inflation?"}


def test_a_scope_names_nobody_and_stays_the_same_and_without_one_none_is_sent() -> None:
    with engines_saying(saying("a")) as (one,), asking(one, key="k3y") as engines:
        for scope in ("bank\x1fstaff", "bank\x1fstaff", "other", "", "bank\x1fboard"):
            ask(engines, scope=scope)
        again = [headers.get("x-countersign-scope") for headers in one.headers]
    assert again[0] == again[1] != again[2]
    assert again[3] is None
    assert all(len(scope or "") == 97 and "bank" not in scope for scope in again[:3] if scope)
    assert again[4] != again[0]
    assert str(again[4]).split(".")[0] == str(again[0]).split(".")[0], "turns are counted by tenant"
    assert [body.get("cache_salt") for body in one.asked] == again
    assert one.headers[0]["authorization"] == "Bearer k3y"


def test_the_salt_can_be_left_out_for_servers_that_refuse_it() -> None:
    with engines_saying(saying("a")) as (one,), asking(one, salt=False) as engines:
        ask(engines)
    assert "cache_salt" not in one.asked[0]


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{free_port()}")
    with engines_saying(saying("a")) as (one,), asking(one) as engines:
        assert ask(engines)[0] == "a"


# --- which one -------------------------------------------------------------------------------------


def test_a_conversation_stays_on_one_engine_and_conversations_are_spread() -> None:
    with engines_saying(*[saying("All is well and that is that.")] * 3) as found, asking(*found) as engines:
        where = []
        for number in range(12):
            with running_deployment(OnPremBot(engines, open_book)) as deployment:
                before = [len(one.asked) for one in found]
                deployment.ask()
                for question in ("And of the euro?", "And of the pound?"):
                    deployment.ask(question, fresh=False)
                where.append([len(one.asked) - n for one, n in zip(found, before, strict=True)])
                assert deployment.log.bodies("generated")[0]["model"] == MODEL, number
    assert all(sorted(asked) == [0, 0, 3] for asked in where)
    assert len({asked.index(3) for asked in where}) > 1


def test_no_engine_has_more_than_its_share_and_the_slack_even_of_one_conversation() -> None:
    release = threading.Event()
    with engines_saying(*[holding(release, "a")] * 3) as found, asking(*found) as engines:
        callers = [threading.Thread(target=ask, args=(engines,)) for _ in range(10)]
        for number, caller in enumerate(callers, 1):
            caller.start()
            eventually(lambda number=number: sum(len(one.asked) for one in found) == number)  # type: ignore[misc]
            assert max(len(one.asked) for one in found) <= math.ceil((1 + SLACK) * number / 3)
        release.set()
        for caller in callers:
            caller.join(LONG_S)


# --- before the first token ------------------------------------------------------------------------


@contextmanager
def on_both(bad: Say) -> Iterator[tuple[ScriptedEngine, ScriptedEngine, Engines]]:
    """A conversation whose engine is the bad one."""
    good = saying("All is well.")
    with engines_saying(good, good) as (one, other), asking(one, other) as engines:
        ask(engines)
        first, second = (one, other) if one.asked else (other, one)
        first.say = bad
        first.asked.clear()
        yield first, second, engines


BEFORE: dict[str, Say] = {
    "500": refusing(500),
    "503": refusing(503),
    "404": refusing(404),
    "401": refusing(401),
    "429": refusing(429),
    "a redirect": refusing(307),
    "the connection's end": lambda reply: None,
    "an end before the first token": dying_after(),
    "an error event": lambda reply: reply.event({"error": {"message": "out of memory"}}),
    "a page": lambda reply: reply.status(200, b"<html>", "text/html"),
    "no JSON": lambda reply: reply.raw(b"data: oops\n\n"),
}


@pytest.mark.parametrize("bad", BEFORE.values(), ids=BEFORE)
def test_another_engine_answers_where_one_fails_before_its_first_token(bad: Say) -> None:
    with on_both(bad) as (first, second, engines):
        text, usage = ask(engines)
        assert text == "All is well."
        assert (len(first.asked), len(second.asked), engines.retries) == (1, 1, 1)
        assert usage["engine"] in second.url
        assert usage["tried"][0].startswith(first.url.removeprefix("http://"))


def test_another_engine_answers_where_nobody_listens() -> None:
    with on_both(saying("")) as (first, second, engines):
        first.stop()
        assert ask(engines)[0] == "All is well."
        assert len(second.asked) == 1
        assert engines.answering == 1


def test_another_engine_answers_where_one_says_nothing_for_too_long() -> None:
    release = threading.Event()
    with engines_saying(holding(release), saying("All is well.")) as (silent, other):
        with asking(silent, other, silence_s=0.2) as engines:
            texts = {ask(engines, f"c{number}")[0] for number in range(8)}
        release.set()
    assert texts == {"All is well."}
    assert len(silent.asked) == 1, "it was left out afterwards"


def test_a_busy_engine_is_not_left_out() -> None:
    with on_both(refusing(429)) as (first, _, engines):
        ask(engines)
        assert engines.answering == 2
        ask(engines)
        assert len(first.asked) == 2


def test_a_question_that_does_not_fit_is_not_asked_again() -> None:
    with on_both(refusing(400)) as (_, second, engines):
        with pytest.raises(BotUnavailable, match="too long"):
            ask(engines)
        assert (second.asked, engines.answering) == ([], 2)


def test_where_every_engine_fails_the_reason_of_each_is_told() -> None:
    with on_both(refusing(500)) as (_, second, engines):
        second.say = refusing(502)
        with pytest.raises(BotUnavailable, match=r"(?s)says 500.*says 502"):
            ask(engines)
        with pytest.raises(BotUnavailable, match="no engine answers"):
            ask(engines)  # both are left out now
        assert engines.answering == 0


def test_one_question_does_not_kill_every_engine() -> None:
    with engines_saying(*[refusing(500)] * 5) as found, asking(*found) as engines:
        with pytest.raises(BotUnavailable):
            ask(engines)
        assert sum(len(one.asked) for one in found) == 3
        assert engines.answering == 2


# --- after it --------------------------------------------------------------------------------------


def test_an_engine_that_dies_after_text_has_left_is_not_replaced() -> None:
    with on_both(dying_after("All ", "is ")) as (_, second, engines):
        stream = engines.stream([("system", "c1"), ("user", "?")], SAMPLING, threading.Event(), "bank")
        said = [next(stream), next(stream)]
        with pytest.raises(BotUnavailable, match="in mid-answer"):
            next(stream)
        assert (said, second.asked) == (["All ", "is "], [])


def test_silence_between_two_tokens_is_a_failure() -> None:
    release = threading.Event()
    with engines_saying(holding(release, "All ")) as (one,), asking(one, silence_s=0.2) as engines:
        with pytest.raises(BotUnavailable, match=r"said nothing for 0\.2 s"):
            ask(engines)
        release.set()


def test_a_comment_now_and_then_is_no_token() -> None:
    release = threading.Event()

    def chatting(reply: Reply) -> None:
        reply.begin()
        while not release.wait(0.02):
            reply.raw(b": still here\n\n")

    with engines_saying(chatting) as (one,), asking(one, silence_s=0.3) as engines:
        with pytest.raises(BotUnavailable, match="said nothing"):
            ask(engines)
        release.set()


def test_a_journey_whose_engine_dies_in_mid_answer_ends_courteously_and_says_nothing_twice() -> None:
    with on_both(dying_after(*SENTENCES)) as (_, second, engines):
        second.asked.clear()
        with running_deployment(OnPremBot(_to_first(engines), open_book)) as deployment:
            out = deployment.ask()
        said = text_of(out)
        assert answer_of(out).outcome == "failed"
        assert [one.message for one in refusals(out)] == [deployment.dependencies.failed_message]
        assert all(said.count(sentence.strip()) <= 1 for sentence in SENTENCES)
        assert second.asked == []
        (failed,) = deployment.log.bodies("bot_failed")
        assert "in mid-answer" in failed["reason"]
        assert deployment.log.kinds()[-1] == "finished"


def test_a_journey_falls_back_where_nothing_of_the_dead_engine_s_answer_has_left() -> None:
    with on_both(dying_after("Half a")) as (_, second, engines):
        second.asked.clear()
        with running_deployment(
            OnPremBot(_to_first(engines), open_book), ScriptedBot("rag", Text("Said by the other bot."))
        ) as deployment:
            out = deployment.ask()
        assert (answer_of(out).outcome, text_of(out)) == ("answered", "Said by the other bot.")
        assert (len(deployment.log.bodies("bot_failed")), refusals(out)) == (1, [])


class _to_first:
    """The same engines, asked with the beginning whose engine is known."""

    def __init__(self, engines: Engines) -> None:
        self.name, self.digest, self._engines = engines.name, engines.digest, engines

    def stream(self, messages, sampling, cancel, scope=""):  # type: ignore[no-untyped-def]
        return self._engines.stream([("system", "c1"), *messages[1:]], sampling, cancel, "bank")


# --- who answers -----------------------------------------------------------------------------------


def test_an_engine_that_comes_back_is_asked_again() -> None:
    with on_both(saying("All is well.")) as (first, second, engines):
        first.stop()
        ask(engines)
        assert engines.answering == 1
        first.start()
        eventually(lambda: engines.answering == 2)
        ask(engines)
        assert (len(first.asked), len(second.asked)) == (1, 1)


def test_an_engine_that_is_not_there_at_the_start_is_found_later() -> None:
    late = ScriptedEngine(saying("All is well."), port=free_port())
    told: list[str] = []
    engines = Engines([late.url], How(secret=b"s"), told.append)
    assert engines.load() == "0 of 1 engines answer"
    try:
        with pytest.raises(BotUnavailable, match="could not be reached"):
            ask(engines)
        late.start()
        eventually(lambda: engines.answering == 1)
        assert ask(engines)[0] == "All is well."
        assert told == ["0 of 1 engines answer", "1 of 1 engines answer"]
    finally:
        engines.close()
        late.stop()


def test_an_engine_with_other_weights_is_not_asked() -> None:
    with engines_saying(saying("a"), saying("b")) as (one, other):
        one.models = [{"id": "m", "digest": "ab" * 32}]
        other.models = [{"id": "m", "digest": "cd" * 32}]
        with asking(one, other) as engines:
            assert engines.answering == 1
            assert engines.digest in ("ab" * 32, "cd" * 32)
            assert len({ask(engines, f"c{number}")[0] for number in range(6)}) == 1


# --- cancelling ------------------------------------------------------------------------------------


def test_a_cancelled_answer_closes_its_connection_also_before_the_first_byte() -> None:
    left = threading.Event()

    def waiting(reply: Reply) -> None:
        if reply.left():
            left.set()

    with engines_saying(waiting) as (one,), asking(one) as engines:
        cancel = threading.Event()
        ended: list[Any] = []
        caller = threading.Thread(target=lambda: ended.append(ask(engines, cancel=cancel)))
        caller.start()
        eventually(lambda: bool(one.asked))
        cancel.set()
        caller.join(LONG_S)
        assert left.wait(LONG_S)
    assert ended == [("", {"finish_reason": "cancelled", "seed": 0, "temperature_micro": 0})]


def test_closing_ends_what_is_asked() -> None:
    release = threading.Event()
    failed: list[str] = []

    def caller() -> None:
        try:
            ask(engines)
        except BotUnavailable as error:
            failed.append(str(error))

    with engines_saying(holding(release, "a")) as (one,), asking(one) as engines:
        asking_thread = threading.Thread(target=caller)
        asking_thread.start()
        eventually(lambda: bool(one.asked))
        engines.close()
        asking_thread.join(LONG_S)
        release.set()
        assert failed == ["the service ends; ask again"]
        with pytest.raises(BotUnavailable):
            ask(engines)


def test_a_slow_reader_holds_the_engine_back() -> None:
    sent: list[int] = []
    big = "x" * 100_000

    def flooding(reply: Reply) -> None:
        for number in range(2000):
            reply.text(big)
            sent.append(number)

    with engines_saying(flooding) as (one,), asking(one) as engines:
        stream = engines.stream([("user", "?")], SAMPLING, threading.Event())
        next(stream)
        eventually(lambda: len(sent) > AHEAD)
        last = -1
        while len(sent) != last:  # until the sockets' buffers are full too
            last = len(sent)
            time.sleep(0.3)
        stream.close()
    assert last < 1000
