"""Holds, retention and erasure: decided in the log's order, refused with a ground, agreed by two where demanded."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from audit.append.store import AuditStore
from audit.errors import AuditUnavailable, LogDamaged, RetentionRefused
from audit.read.reader import AuditReader, EventView
from audit.retention.desk import RetentionDesk
from audit.retention.state import KINDS, Hold, RetentionState, Rule, replayed
from audit.sealing.subject_keys import SubjectKeys
from audit.verify.whole_log import verify_store
from tests.audit.conftest import entry
from tests.audit.verify.test_whole_log import Vandal

ANNA, BEN = "s_anna", "s_ben"
DAY = timedelta(days=1)


@pytest.fixture
def desk(engine: Engine, store: AuditStore, keys: SubjectKeys) -> RetentionDesk:
    """A log in which Anna and Ben have asked something."""
    for number, subject in enumerate((ANNA, BEN, ANNA)):
        step = entry(number, kind="received", query=f"q{number}", subject=subject)
        store.append("acme", step).wait()
    return RetentionDesk(engine, store, keys)


def states(engine: Engine, keys: SubjectKeys) -> list[str]:
    reader = AuditReader(engine, keys)
    return [one.state for query in ("q0", "q1", "q2") for one in reader.query("acme", query)]


def kinds(engine: Engine, keys: SubjectKeys) -> list[str]:
    return [one.kind for one in AuditReader(engine, keys).of_kinds("acme", KINDS)]


def test_an_erasure_is_recorded_before_and_after_and_the_log_stays_sound(
    engine: Engine, keys: SubjectKeys, desk: RetentionDesk
) -> None:
    done = desk.request_erasure("acme", "key:1", ANNA, "asked by letter of 3 May")
    assert (done.state, done.events, done.approvers) == ("done", 2, ("key:1",))
    assert states(engine, keys) == ["erased", "open", "erased"]
    assert kinds(engine, keys) == ["erasure.requested", "erasure.done"]
    assert verify_store(engine).ok


def test_the_record_of_an_erasure_names_no_person_and_can_itself_never_be_erased(
    engine: Engine, keys: SubjectKeys, desk: RetentionDesk
) -> None:
    desk.request_erasure("acme", "key:1", ANNA, "asked")
    events = AuditReader(engine, keys).of_kinds("acme", KINDS)
    assert {one.subject for one in events} == {"firm:acme"}
    with pytest.raises(RetentionRefused, match="firm itself"):
        desk.request_erasure("acme", "key:1", "firm:acme", "asked")


def test_a_hold_refuses_an_erasure_until_it_is_lifted(engine: Engine, keys: SubjectKeys, desk: RetentionDesk) -> None:
    hold = desk.place_hold("acme", "key:1", ANNA, "case 12/2026", "court order")
    refused = desk.request_erasure("acme", "key:1", ANNA, "asked")
    assert refused.state == "refused"
    assert refused.ground is not None
    assert (refused.ground.kind, refused.ground.until) == ("hold", None)
    assert "case 12/2026" in refused.ground.detail
    assert states(engine, keys) == ["open"] * 3
    assert desk.request_erasure("acme", "key:1", BEN, "asked").state == "done"
    desk.lift_hold("acme", "key:1", hold.id, "case closed")
    assert desk.request_erasure("acme", "key:1", ANNA, "asked").state == "done"
    assert kinds(engine, keys)[:3] == ["hold.placed", "erasure.requested", "erasure.refused"]


def test_a_hold_on_the_whole_tenant_covers_everybody_but_no_other_tenant(store: AuditStore, desk: RetentionDesk) -> None:
    desk.place_hold("acme", "key:1", None, "inquiry", "regulator's letter")
    store.append("other", entry(subject=ANNA)).wait()
    assert desk.request_erasure("acme", "key:1", BEN, "asked").state == "refused"
    assert desk.request_erasure("other", "key:1", ANNA, "asked").state == "done"


def test_retention_refuses_an_erasure_with_the_day_it_ends(engine: Engine, keys: SubjectKeys, desk: RetentionDesk) -> None:
    desk.set_retention("acme", "key:1", Rule("communications", 6 * 365), "rule book 4.2")
    refused = desk.request_erasure("acme", "key:1", ANNA, "asked")
    assert refused.state == "refused"
    assert refused.ground is not None
    assert refused.ground.until is not None
    assert timedelta(days=6 * 365 - 1) < refused.ground.until - datetime.now(UTC) < timedelta(days=6 * 365)
    assert states(engine, keys) == ["open"] * 3


def test_retention_of_other_kinds_stands_in_nobody_s_way(desk: RetentionDesk) -> None:
    desk.set_retention("acme", "key:1", Rule("access.*", 3650), "rule book 7")
    assert desk.request_erasure("acme", "key:1", ANNA, "asked").state == "done"


@pytest.mark.parametrize("subject", ["staff:key:1", ANNA])
def test_who_looked_is_neither_erased_nor_due(
    store: AuditStore, engine: Engine, keys: SubjectKeys, desk: RetentionDesk, subject: str
) -> None:
    """Whether it stands under a subject of its own, or, as earlier, under one that asked something too."""
    store.append("acme", entry(kind="access.viewed", query="q9", actor="key:1", subject=subject)).wait()
    desk.set_retention("acme", "key:1", Rule("*", 0), "rule book")
    if subject == ANNA:
        refused = desk.request_erasure("acme", "key:1", subject, "cleanup")
        assert (refused.state, refused.ground and refused.ground.kind) == ("refused", "access")
        together = desk.request_erasure("acme", "key:1", BEN, "cleanup", also=[ANNA])
        assert (together.state, together.ground and together.ground.kind) == ("refused", "access")
    else:
        with pytest.raises(RetentionRefused, match="stays readable"):
            desk.request_erasure("acme", "key:1", subject, "cleanup")
        with pytest.raises(RetentionRefused, match="stays readable"):
            desk.request_erasure("acme", "key:1", BEN, "cleanup", also=[subject])
    assert [one.state for one in AuditReader(engine, keys).query("acme", "q9")] == ["open"]
    assert subject not in [one.subject for one in desk.due("acme", datetime.now(UTC) + 9 * DAY)]


def test_one_person_s_subjects_are_erased_together_or_not_at_all(
    engine: Engine, keys: SubjectKeys, desk: RetentionDesk
) -> None:
    hold = desk.place_hold("acme", "key:1", "s_unknown", "case", "order", also=[BEN])
    refused = desk.request_erasure("acme", "key:1", ANNA, "asked", also=[BEN])
    assert (refused.state, states(engine, keys)) == ("refused", ["open"] * 3)
    desk.lift_hold("acme", "key:1", hold.id, "closed")
    done = desk.request_erasure("acme", "key:1", ANNA, "asked", also=[BEN])
    assert (done.state, done.events, states(engine, keys)) == ("done", 3, ["erased"] * 3)
    assert [one.id for one in desk.state("acme").erasures_of(BEN)] == [refused.id, done.id]
    assert verify_store(engine).ok


def test_what_no_rule_keeps_any_longer_is_due(store: AuditStore, desk: RetentionDesk) -> None:
    assert list(desk.due("acme")) == []  # no rule, so nothing has run out
    desk.set_retention("acme", "key:1", Rule("communications", 30), "rule book")
    later = datetime.now(UTC) + 31 * DAY
    assert [one.subject for one in desk.due("acme", later - 3 * DAY)] == []
    assert [(one.subject, one.events) for one in desk.due("acme", later)] == [(ANNA, 2), (BEN, 1)]
    desk.place_hold("acme", "key:1", BEN, "case", "order")
    assert [one.subject for one in desk.due("acme", later)] == [ANNA]


def test_what_was_erased_is_not_due_again(desk: RetentionDesk) -> None:
    desk.request_erasure("acme", "key:1", ANNA, "asked")
    desk.set_retention("acme", "key:1", Rule("*", 1), "rule book")
    assert [one.subject for one in desk.due("acme", datetime.now(UTC) + 9 * DAY)] == [BEN]


def test_two_different_people_must_agree_where_that_is_demanded(
    engine: Engine, keys: SubjectKeys, desk: RetentionDesk
) -> None:
    asked = desk.request_erasure("acme", "key:1", ANNA, "asked", needs=2)
    assert (asked.state, states(engine, keys)) == ("waiting", ["open"] * 3)
    with pytest.raises(RetentionRefused, match="another person"):
        desk.approve_erasure("acme", "key:1", asked.id)
    with pytest.raises(RetentionRefused, match="waits already"):
        desk.request_erasure("acme", "key:1", ANNA, "asked again")
    done = desk.approve_erasure("acme", "key:2", asked.id)
    assert (done.state, done.approvers) == ("done", ("key:1", "key:2"))
    with pytest.raises(RetentionRefused, match="done"):
        desk.approve_erasure("acme", "key:3", asked.id)
    with pytest.raises(RetentionRefused, match="unknown"):
        desk.approve_erasure("acme", "key:3", "e_0")


def test_a_hold_placed_while_an_erasure_waits_wins(engine: Engine, keys: SubjectKeys, desk: RetentionDesk) -> None:
    asked = desk.request_erasure("acme", "key:1", ANNA, "asked", needs=2)
    desk.place_hold("acme", "key:3", ANNA, "case", "order")
    assert desk.approve_erasure("acme", "key:2", asked.id).state == "refused"
    assert states(engine, keys) == ["open"] * 3


def test_one_person_alone_neither_lifts_a_hold_nor_shortens_a_rule_that_two_must(desk: RetentionDesk) -> None:
    hold = desk.place_hold("acme", "key:1", ANNA, "case", "order", needs=2)
    assert not desk.lift_hold("acme", "key:1", hold.id, "closed").lifted
    with pytest.raises(RetentionRefused, match="another person"):
        desk.lift_hold("acme", "key:1", hold.id, "closed")
    assert desk.lift_hold("acme", "key:2", hold.id, "closed").lifted
    with pytest.raises(RetentionRefused, match="in force"):
        desk.lift_hold("acme", "key:2", hold.id, "closed")
    days = [
        desk.set_retention("acme", who, Rule("*", count), "rule book", needs=2).rules["*"].days
        for who, count in (("key:1", 30), ("key:1", 60), ("key:1", 1), ("key:1", 1), ("key:2", 2), ("key:1", 2))
    ]
    assert days == [30, 60, 60, 60, 60, 2]


class Interrupted(Exception): ...


def test_an_erasure_that_was_decided_and_interrupted_is_finished_later(
    engine: Engine, store: AuditStore, keys: SubjectKeys, desk: RetentionDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(subject: str) -> None:
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(keys, "destroy", crash)
        with pytest.raises(Interrupted):
            desk.request_erasure("acme", "key:1", ANNA, "asked")
    assert [one.state for one in desk.state("acme").erasures.values()] == ["decided"]
    desk.place_hold("acme", "key:1", ANNA, "case", "order")  # after the decision: too late, the log says so
    assert [one.state for one in RetentionDesk(engine, store, keys).resume("acme", "service")] == ["done"]
    assert states(engine, keys) == ["erased", "open", "erased"]
    assert desk.resume("acme", "service") == []


def test_nothing_is_destroyed_while_the_decision_cannot_be_recorded(
    engine: Engine, store: AuditStore, keys: SubjectKeys, desk: RetentionDesk
) -> None:
    store.close()
    with pytest.raises(AuditUnavailable):
        desk.request_erasure("acme", "key:1", ANNA, "asked")
    assert states(engine, keys) == ["open"] * 3


def test_holds_and_erasures_at_the_same_time_end_as_the_log_orders_them(
    engine: Engine, keys: SubjectKeys, opened: Callable[..., AuditStore]
) -> None:
    """Two desks of their own: whichever event came first decides, and both tell the same story."""
    stores = [opened(engine), opened(engine)]
    desks = [RetentionDesk(engine, store, keys) for store in stores]
    for number in range(6):
        subject = f"s_{number}"
        stores[0].append("acme", entry(kind="received", subject=subject)).wait()
        acts: list[Callable[[], Any]] = [
            lambda subject=subject: desks[0].request_erasure("acme", "key:1", subject, "asked"),
            lambda subject=subject: desks[1].place_hold("acme", "key:2", subject, "case", "order"),
        ]
        threads = [threading.Thread(target=act) for act in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        keeping = desks[0].state("acme")
        asked = keeping.erasures_of(subject)[0]
        held_first = next(one for one in keeping.holds.values() if one.subject == subject).seq < (asked.decided or 0)
        assert asked.state == ("refused" if held_first else "done")
        assert keys.has_key(subject) == held_first


@pytest.mark.parametrize(("given_", "named"), [("matter", "matter"), ("reason", "reason")])
def test_nothing_is_held_or_erased_without_a_word_of_why(desk: RetentionDesk, given_: str, named: str) -> None:
    words = {"matter": "case", "reason": "order", given_: " "}
    with pytest.raises(RetentionRefused, match=named):
        desk.place_hold("acme", "key:1", ANNA, **words)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_record SET actor = 'nobody', envelope = leaf WHERE kind = 'hold.placed'",
        "UPDATE audit_payload SET sealed = (SELECT leaf FROM audit_record WHERE seq = 0) WHERE seq = 3",
    ],
)
def test_nothing_is_erased_on_the_word_of_a_damaged_log(
    url: str, desk: RetentionDesk, keys: SubjectKeys, change: str
) -> None:
    desk.place_hold("acme", "key:1", ANNA, "case", "order")
    vandal = Vandal(url)
    vandal(change)
    vandal.engine.dispose()
    with pytest.raises(LogDamaged, match=r"event 3 .*hold\.placed"):
        desk.request_erasure("acme", "key:1", ANNA, "asked")
    assert keys.has_key(ANNA)


# --- the replay alone -----------------------------------------------------------------------------


def told(seq: int, kind: str, actor: str, **body: Any) -> EventView:
    return EventView(
        log="acme", seq=seq, event_id=str(seq), kind=kind, time=datetime(2026, 1, 1, tzinfo=UTC) + seq * DAY, after_us=0,
        actor=actor, subject="firm:acme", query=None, conversation=None, trace_id="", span_id="", policy_digest="",
        model_digest="", labels={}, body=body, state="open", leaf="", chain="", intact=True,
    )  # fmt: skip


ACTORS = st.sampled_from(["key:1", "key:2", "key:3"])
WORDS = st.one_of(
    st.tuples(st.just("hold.placed"), ACTORS, st.sampled_from("xy")),
    st.tuples(st.just("hold.lifted"), ACTORS, st.sampled_from("xy")),
    st.tuples(st.just("erasure.requested"), ACTORS, st.sampled_from("xy")),
    st.tuples(st.just("erasure.approved"), ACTORS, st.sampled_from("xy")),
    st.tuples(st.just("erasure.done"), ACTORS, st.sampled_from("xy")),
)


@given(st.lists(WORDS, max_size=25))
def test_no_order_of_events_decides_an_erasure_or_lifts_a_hold_without_two_people(story: list[tuple[str, str, str]]) -> None:
    bodies: dict[str, Callable[[str], dict[str, Any]]] = {
        "hold.placed": lambda name: {"hold": f"h_{name}", "subject": name, "matter": "m", "needs": 2},
        "hold.lifted": lambda name: {"hold": f"h_{name}", "needs": 1},
        "erasure.requested": lambda name: {"request": f"e_{name}", "subject": name, "reason": "r", "needs": 2},
        "erasure.approved": lambda name: {"request": f"e_{name}"},
        "erasure.done": lambda name: {"request": f"e_{name}", "events": 1},
    }
    events = [told(seq, kind, actor, **bodies[kind](name)) for seq, (kind, actor, name) in enumerate(story)]
    keeping = replayed(events)
    for one in keeping.erasures.values():
        assert one.state != "decided" or len(set(one.approvers)) >= 2
    for hold in keeping.holds.values():
        assert not hold.lifted or len(set(hold.lifting)) >= 2
    assert replayed(events) == keeping


def test_a_rule_matches_its_kind_its_family_or_every_step_of_a_query() -> None:
    assert [Rule(rule, 1).matches("released") for rule in ("released", "communications", "*", "access.*")] == [
        True, True, True, False,
    ]  # fmt: skip
    assert [Rule(rule, 1).matches("access.viewed") for rule in ("access.*", "communications", "access.v")] == [
        True, False, False,
    ]  # fmt: skip


def test_of_several_rules_the_one_that_keeps_longest_wins_and_its_last_instant_still_keeps() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    keeping = RetentionState(rules={"*": Rule("*", 10), "released": Rule("released", 30)})
    newest = {"released": start, "received": start + 5 * DAY}
    assert keeping.ground([ANNA], newest, start + 30 * DAY - timedelta(microseconds=1)) is not None
    assert keeping.ground([ANNA], newest, start + 30 * DAY) is None


def test_a_lifted_hold_covers_nobody() -> None:
    hold = Hold("h", ANNA, "m", "key:1", datetime(2026, 1, 1, tzinfo=UTC), 0)
    assert RetentionState(holds={"h": hold}).holds_on(ANNA) == [hold]
    lifted = replace(hold, lifting=("key:2",))
    assert RetentionState(holds={"h": lifted}).holds_on(ANNA) == []
