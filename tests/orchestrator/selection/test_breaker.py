"""The circuit breaker, on a clock that the test turns."""

from __future__ import annotations

from orchestrator.selection.breaker import Breaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_opens_after_failures_in_a_row_and_says_for_how_long() -> None:
    breaker = Breaker(failures=3, pause_s=20, clock=Clock())
    for _ in range(2):
        breaker.failed()
        assert breaker.refuses() is None
    breaker.failed()
    assert breaker.refuses() == "failed 3 times in a row, tried again in 20 s"


def test_a_success_in_between_starts_the_count_anew() -> None:
    breaker = Breaker(failures=2, clock=Clock())
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.refuses() is None


def test_after_the_pause_one_failure_opens_it_again_and_one_success_closes_it() -> None:
    clock = Clock()
    breaker = Breaker(failures=3, pause_s=20, clock=clock)
    for _ in range(3):
        breaker.failed()
    clock.now += 20
    assert breaker.refuses() is None
    breaker.failed()
    assert breaker.refuses() is not None
    clock.now += 20
    breaker.succeeded()
    breaker.failed()
    breaker.failed()
    assert breaker.refuses() is None
