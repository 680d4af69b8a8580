"""One key or tenant cannot take what others need: places, questions a minute, tokens a minute.

The kind of fault: something that all callers share has a bound for all of them together and none for one of them.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.quota_settings import Quota, Quotas
from app.web.admission import Admission, Place
from app.web.problems import Problem


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def refused(admission: Admission, key: str, tenant: str, tokens: int = 1) -> Problem:
    with pytest.raises(Problem) as found:
        admission.enter(key, tenant, tokens)
    assert found.value.status == 429
    assert found.value.retry_after is not None
    assert found.value.retry_after > 0
    return found.value


def all_that_may(admission: Admission, key: str, tenant: str) -> list[Place]:
    places = []
    while True:
        try:
            places.append(admission.enter(key, tenant, 1))
        except Problem:
            return places


def test_one_key_leaves_places_for_other_keys_and_one_tenant_for_other_tenants() -> None:
    admission = Admission(32)
    mine = all_that_may(admission, "one", "a")
    assert len(mine) == 24
    assert len(all_that_may(admission, "two", "a")) == 4
    assert len(all_that_may(admission, "three", "b")) == 4
    assert refused(admission, "four", "c").code == "busy"
    admission.leave(mine[0])
    admission.leave(mine[0])
    assert len(all_that_may(admission, "four", "c")) == 1


def test_a_service_of_few_places_keeps_none_back() -> None:
    for few in (1, 2, 3):
        assert len(all_that_may(Admission(few), "one", "a")) == few


@pytest.mark.parametrize("of", ["key", "tenant"])
def test_questions_at_a_time_are_counted_for_each(of: str) -> None:
    admission = Admission(32, Quotas(**{of: Quota(chats=2)}))
    held = all_that_may(admission, "one", "a")
    assert len(held) == 2
    assert "may have 2" in refused(admission, "one", "a").detail
    assert len(all_that_may(admission, "two", "a")) == (2 if of == "key" else 0)
    assert len(all_that_may(admission, "three", "b")) == 2


@pytest.mark.parametrize("of", ["key", "tenant"])
def test_questions_a_minute_come_back_with_time_and_retry_after_says_when(of: str) -> None:
    clock = Clock()
    admission = Admission(32, Quotas(**{of: Quota(requests_minute=6)}), clock)
    for _ in range(6):
        admission.leave(admission.enter("one", "a", 1))
    problem = refused(admission, "one", "a")
    assert (problem.code, problem.retry_after) == ("rate_limit_exceeded", 10)
    admission.leave(admission.enter("two", "b", 1))
    clock.now += 9
    assert refused(admission, "one", "a").retry_after == 1
    clock.now += 1
    admission.leave(admission.enter("one", "a", 1))
    refused(admission, "one", "a")


@pytest.mark.parametrize("of", ["key", "tenant"])
def test_tokens_of_a_question_count_before_it_and_those_of_its_answer_after(of: str) -> None:
    clock = Clock()
    admission = Admission(32, Quotas(**{of: Quota(tokens_minute=600)}), clock)
    place = admission.enter("one", "a", 100)
    admission.leave(place, 1300)
    assert refused(admission, "one", "a", 100).retry_after == 80
    admission.leave(admission.enter("two", "b", 100))
    clock.now += 80
    admission.leave(admission.enter("one", "a", 100))


def test_a_question_larger_than_a_whole_minutes_tokens_waits_for_a_full_minute_and_is_then_let_in() -> None:
    clock = Clock()
    admission = Admission(32, Quotas(key=Quota(tokens_minute=60)), clock)
    admission.leave(admission.enter("one", "a", 300))
    assert refused(admission, "one", "a", 300).retry_after == 300
    clock.now += 300
    admission.leave(admission.enter("one", "a", 300))


def test_a_refused_question_costs_nothing() -> None:
    clock = Clock()
    admission = Admission(32, Quotas(tenant=Quota(requests_minute=1), key=Quota(requests_minute=10)), clock)
    admission.leave(admission.enter("one", "a", 1))
    for _ in range(50):
        refused(admission, "one", "a")
    clock.now += 60
    admission.leave(admission.enter("one", "a", 1))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=200), st.integers(1, 12))
def test_places_are_never_lost_and_never_more_than_there_are(steps: list[tuple[str, bool]], limit: int) -> None:
    admission = Admission(limit)
    held: list[Place] = []
    for key, comes in steps:
        if comes:
            try:
                held.append(admission.enter(key, key, 1))
            except Problem:
                continue
        elif held:
            admission.leave(held.pop())
        assert len(held) <= limit
    for place in held:
        admission.leave(place)
    assert len(all_that_may(admission, "d", "d")) == max(1, limit - limit // 4)
