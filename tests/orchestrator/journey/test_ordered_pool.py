"""A journey's share of the pool: in order, few at a time, and nothing hangs when the pool is gone."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from orchestrator.journey.ordered_pool import OrderedPool
from tests.support.waiting import eventually


def test_work_runs_in_order_and_never_more_at_a_time_than_the_width() -> None:
    order: list[int] = []
    lock, running, most = threading.Lock(), [0], [0]

    def work(number: int) -> int:
        with lock:
            order.append(number)
            running[0] += 1
            most[0] = max(most[0], running[0])
        threading.Event().wait(0.002)
        with lock:
            running[0] -= 1
        return number

    with ThreadPoolExecutor(8) as pool:
        ordered = OrderedPool(pool, 2)
        futures = [ordered.submit(lambda number=number: work(number)) for number in range(40)]
        assert [future.result(20) for future in futures] == list(range(40))
    assert most[0] == 2
    assert all(abs(place - number) <= 1 for place, number in enumerate(order))


def test_two_journeys_do_not_wait_for_each_other() -> None:
    gate = threading.Event()
    with ThreadPoolExecutor(4) as pool:
        slow, quick = OrderedPool(pool, 1), OrderedPool(pool, 1)
        held = [slow.submit(gate.wait) for _ in range(3)]
        assert quick.submit(lambda: "quick").result(20) == "quick"
        gate.set()
        assert all(future.result(20) for future in held)


def test_an_error_belongs_to_its_own_piece_and_what_was_cancelled_never_runs() -> None:
    gate, ran = threading.Event(), []
    with ThreadPoolExecutor(2) as pool:
        ordered = OrderedPool(pool, 1)
        first = ordered.submit(gate.wait)
        failing = ordered.submit(lambda: 1 / 0)
        cancelled = ordered.submit(lambda: ran.append("cancelled"))
        last = ordered.submit(lambda: "last")
        assert cancelled.cancel()
        gate.set()
        assert first.result(20)
        with pytest.raises(ZeroDivisionError):
            failing.result(20)
        assert last.result(20) == "last"
    assert ran == []


def test_where_the_pool_is_shut_down_everything_that_waits_is_cancelled() -> None:
    gate = threading.Event()
    pool = ThreadPoolExecutor(2)
    ordered = OrderedPool(pool, 1)
    first, waiting = ordered.submit(gate.wait), ordered.submit(lambda: "never")
    pool.shutdown(wait=False)
    gate.set()
    assert first.result(20)
    eventually(waiting.cancelled)
    with pytest.raises(CancelledError):
        ordered.submit(lambda: "never").result(20)
