"""Two verifiers, one in the room and one written from docs/audit-bundle.md alone, on good and on damaged bundles."""

import base64
import dataclasses
import io
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.errors import BundleRefused
from audit.format.bundle import EventLine, Selection
from audit.format.events import canonical
from audit.format.notes import VerifierKey
from audit.verify.offline import ReaderTrust, verify_bundle
from tests.audit.verify import second_verifier
from tests.support.bundles import KEY, LOG, ORIGIN, OTHER, POLICY, START, WITNESSES, History, lines_of, written

Findings = set[tuple[str, int | None]]
HISTORY = History(21)
SELECTIONS = [
    Selection(),
    Selection(query="q2"),
    Selection(conversation="c1", subject="s1"),
    Selection(since=START + 3, until=START + 17),
    Selection(query="nobody's"),
]


def found(bundle: bytes, *, keys: Any = (KEY,), witnesses: Any = (), held: Any = (), **trust: Any) -> Findings:
    """What both verifiers find; they must agree."""
    first = verify_bundle(
        io.BytesIO(bundle),
        ReaderTrust(
            tuple(one.key for one in keys),
            tuple(one.key for one in witnesses),
            held=tuple(held),
            **{name: frozenset(value) if name == "policies" else value for name, value in trust.items()},
        ),
    )
    assert first.ok == (not first.findings)
    mine = {(one.what, one.seq) for one in first.findings}
    names = [[str(one.key) for one in some] for some in (keys, witnesses)]
    assert mine == second_verifier.Verifier(bundle, *names, held=held, **trust).found, first.findings
    return mine


@pytest.mark.parametrize("selection", SELECTIONS, ids=str)
@pytest.mark.parametrize("bodies", ["none", "sealed", "opened"])
def test_a_bundle_as_it_was_exported_is_good(selection: Selection, bodies: str) -> None:
    assert found(written(HISTORY, selection, bodies=bodies), origin=ORIGIN, policies=[POLICY]) == set()


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 9, 64, 65])
def test_a_whole_log_of_any_size_and_each_of_its_events_is_good(size: int) -> None:
    history = History(size)
    assert found(written(history)) == set()
    assert found(written(history, Selection(since=START))) == set()


def test_the_verdict_tells_what_was_verified() -> None:
    verdict = verify_bundle(io.BytesIO(written(HISTORY, Selection(query="q1"))), ReaderTrust((KEY.key,)))
    assert (verdict.origin, verdict.size, verdict.root) == (ORIGIN, 21, HISTORY.root().hex())
    assert (verdict.events, dict(verdict.selection)) == (4, {"query": "q1"})
    assert verdict.signed_by == (str(KEY.key),)


def test_a_signature_of_a_stranger_is_a_wrong_key() -> None:
    assert found(written(HISTORY), keys=[OTHER]) == {("wrong-key", None)}
    assert found(written(HISTORY, by=[OTHER])) == {("wrong-key", None)}


def test_while_keys_rotate_each_of_both_opens_the_bundle_alone() -> None:
    bundle = written(HISTORY, by=[OTHER, KEY])
    assert found(bundle, keys=[KEY]) == found(bundle, keys=[OTHER]) == found(bundle, keys=[KEY, OTHER]) == set()


def test_a_manifest_that_only_an_exporter_signed_does_not_count() -> None:
    forged = written(HISTORY, checkpoint=HISTORY.checkpoint(), by=[OTHER])
    assert found(forged) == {("wrong-key", None)}


def test_a_checkpoint_cannot_pass_for_a_manifest() -> None:
    lines = written(HISTORY).splitlines(keepends=True)
    lines[-1] = canonical({"line": "manifest", "note": HISTORY.checkpoint()}) + b"\n"
    assert found(b"".join(lines)) == {("altered", None)}


def test_an_unknown_policy_is_named_with_each_event_decided_under_it() -> None:
    other = {("wrong-policy", seq) for seq in range(4, 8) if seq % 4}
    assert found(written(HISTORY, Selection(query="q1")), policies=["bb" * 32]) == other


def test_witnesses_vouch_as_far_as_they_are_asked_for() -> None:
    both, one = (HISTORY.checkpoint(by=[KEY, *WITNESSES[:count]]) for count in (2, 1))
    assert found(written(HISTORY, checkpoint=both), witnesses=WITNESSES) == set()
    assert found(written(HISTORY, checkpoint=one), witnesses=WITNESSES) == {("uncosigned", None)}
    assert found(written(HISTORY, checkpoint=one), witnesses=WITNESSES, needed=1) == set()
    assert found(written(HISTORY, checkpoint=one), witnesses=WITNESSES[:1] * 2, needed=2) == {("uncosigned", None)}


def test_a_cosignature_of_another_checkpoint_is_bad() -> None:
    old = HISTORY.checkpoint(20, by=[KEY, WITNESSES[0]]).splitlines()[-1]
    assert found(written(HISTORY, checkpoint=HISTORY.checkpoint() + old + "\n"), witnesses=WITNESSES[:1]) == {
        ("bad-signature", None),
        ("uncosigned", None),
    }


# --- one thing wrong with the lines, after the log signed them ---


def rewritten(bundle: bytes, change: Callable[[list[bytes]], None]) -> bytes:
    lines = bundle.splitlines(keepends=True)
    change(lines)
    return b"".join(lines)


def pop(at: int) -> Callable[[list[bytes]], None]:
    return lambda lines: lines.__delitem__(at)


def swap(a: int, b: int) -> Callable[[list[bytes]], None]:
    def change(lines: list[bytes]) -> None:
        lines[a], lines[b] = lines[b], lines[a]

    return change


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (pop(3), {("missing", 2), ("altered", None)}),
        (lambda lines: lines.__delitem__(slice(5, 9)), {("missing", 4), ("altered", None)}),
        (pop(-2), {("missing", 20), ("altered", None)}),
        (pop(-1), {("missing", None)}),
        (pop(0), {("malformed", None)}),
        (swap(4, 5), {("reordered", 3), ("altered", None)}),
        (swap(1, 21), {("reordered", seq) for seq in range(20)} - {("reordered", 20)} | {("altered", None)}),
        (lambda lines: lines.insert(6, lines[6]), {("repeated", 5), ("altered", None)}),
        (lambda lines: lines.append(lines[3]), {("malformed", None)}),
        (lambda lines: lines.insert(1, b"\n"), {("malformed", None), ("altered", None)}),
        (lambda lines: lines.insert(1, lines[0]), {("malformed", None), ("altered", None)}),
        (lambda lines: lines.__setitem__(-1, lines[-1][:-1]), {("malformed", None), ("missing", None)}),
        (lambda lines: lines.__delitem__(slice(0, None)), {("malformed", None)}),
    ],
)
def test_lines_dropped_moved_or_added_are_named_in_a_whole_log(
    change: Callable[[list[bytes]], None], expected: Findings
) -> None:
    assert found(rewritten(written(HISTORY), change)) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (pop(2), {("altered", None)}),
        (swap(1, 2), {("reordered", 8), ("altered", None)}),
        (lambda lines: lines.insert(3, lines[2]), {("repeated", 9), ("altered", None)}),
        (pop(-1), {("missing", None)}),
    ],
)
def test_lines_dropped_or_moved_show_in_a_selection(change: Callable[[list[bytes]], None], expected: Findings) -> None:
    assert found(rewritten(written(HISTORY, Selection(query="q2")), change)) == expected


@pytest.mark.parametrize("selection", [Selection(), Selection(query="q2")], ids=["whole", "selected"])
@pytest.mark.parametrize("bodies", ["sealed", "opened"])
def test_every_flipped_bit_of_a_sample_is_found_by_both_verifiers(selection: Selection, bodies: str) -> None:
    bundle = written(History(12), selection, bodies=bodies)
    for at in random.Random(7).sample(range(len(bundle)), 400):
        damaged = bytearray(bundle)
        damaged[at] ^= 1 << at % 8
        assert found(bytes(damaged)), f"bit {at % 8} of byte {at}"


@pytest.mark.parametrize("selection", [Selection(), Selection(query="q2")], ids=["whole", "selected"])
def test_a_bundle_cut_at_any_byte_is_found(selection: Selection) -> None:
    bundle = written(History(12), selection)
    for end in random.Random(7).sample(range(len(bundle)), 100):
        assert found(bundle[:end])


# --- one thing wrong before the log signed: the signature alone does not help ---


def edit(at: int, **changes: Any) -> Callable[[list[EventLine]], None]:
    def change(events: list[EventLine]) -> None:
        events[at] = dataclasses.replace(events[at], **changes)

    return change


@pytest.mark.parametrize(
    ("change", "whole", "selected"),
    [
        (edit(1, envelope=HISTORY.envelopes[9].decode().replace("judged", "passed")), "altered", "altered"),
        (edit(1, sealed=b"another body"), "altered", "altered"),
        (edit(1, opened=(b"salt", '{"text":"another"}')), "altered", "altered"),
        (edit(1, opened=(HISTORY.bodies[9][0], HISTORY.bodies[1][1] + " ")), "altered", "altered"),
        (edit(1, leaf=bytes(32)), "altered", None),
        (edit(1, leaf=None), "malformed", None),
        (edit(1, proof=(bytes(32),)), None, "altered"),
        (edit(1, proof=None), None, "malformed"),
        (edit(1, seq=2**40), "misplaced", "misplaced"),
    ],
)
def test_an_exporter_who_signs_a_lie_is_caught_by_the_tree(
    change: Callable[[list[EventLine]], None], whole: str | None, selected: str | None
) -> None:
    for selection, word in ((Selection(), whole), (Selection(query="q2"), selected)):
        words = {what for what, _ in found(written(HISTORY, selection, change=change))}
        assert word in words if word else words <= {"altered"}


def test_an_event_that_was_replaced_with_its_leaf_is_shown_by_the_root() -> None:
    fake = History(21, mark="x")

    def change(events: list[EventLine]) -> None:
        from audit.format.merkle import leaf_hash

        events[5] = EventLine(5, fake.envelopes[5].decode(), leaf=leaf_hash(fake.envelopes[5]))

    assert found(written(HISTORY, change=change)) == {("altered", None)}


def test_an_event_that_was_not_selected_is_misplaced() -> None:
    events_of_q2 = written(HISTORY, Selection(query="q2"))
    lines = lines_of(events_of_q2)
    lines[0]["selection"] = {"query": "q3"}
    damaged = b"".join(canonical(line) + b"\n" for line in lines)
    assert found(damaged) == {("misplaced", seq) for seq in range(8, 12)} | {("altered", None)}


def test_another_tenants_log_is_misplaced_event_by_event() -> None:
    stranger = History(3, log="other")
    assert found(written(stranger)) == {("misplaced", seq) for seq in range(3)}


@pytest.mark.parametrize(
    ("log", "origin", "expected"),
    [
        (LOG, "countersign.invalid/audit/other/e1", {("wrong-origin", None)}),
        (LOG, "countersign.invalid/audit/acme/e0", {("wrong-origin", None)}),
        ("acme/e1", ORIGIN, {("wrong-origin", None)} | {("misplaced", seq) for seq in range(21)}),
    ],
)
def test_a_log_and_its_origin_belong_together(log: str, origin: str, expected: Findings) -> None:
    assert found(written(HISTORY, log=log, origin=origin, checkpoint=HISTORY.checkpoint(origin=origin))) == expected


def test_another_epoch_than_expected_is_a_wrong_origin() -> None:
    assert found(written(HISTORY), origin=ORIGIN[:-1] + "2") == {("wrong-origin", None)}


# --- against checkpoints kept from earlier ---


@pytest.mark.parametrize("selection", [Selection(), Selection(query="q1")], ids=["whole", "selected"])
def test_a_history_that_continues_every_checkpoint_held_is_good(selection: Selection) -> None:
    sizes = range(22)
    bundle = written(HISTORY, selection, since=range(21))
    assert found(bundle, held=[HISTORY.checkpoint(size) for size in sizes]) == set()


@pytest.mark.parametrize("selection", [Selection(), Selection(query="q1")], ids=["whole", "selected"])
def test_a_fork_is_shown_by_any_checkpoint_of_the_other_history(selection: Selection) -> None:
    other = History(21, mark="x")
    bundle = written(HISTORY, selection, since=range(21))
    for size in range(1, 22):
        assert found(bundle, held=[other.checkpoint(size)]) == {("forked", None)}


def test_a_bundle_older_than_a_checkpoint_held_is_stale() -> None:
    assert found(written(History(4)), held=[HISTORY.checkpoint()]) == {("stale", None)}


def test_a_checkpoint_held_that_the_bundle_has_no_proof_for_is_not_passed_over() -> None:
    assert found(written(HISTORY, Selection(query="q1")), held=[HISTORY.checkpoint(7)]) == {("missing", None)}


def test_a_checkpoint_held_is_itself_checked() -> None:
    assert found(written(HISTORY), held=[HISTORY.checkpoint(7, by=[OTHER])]) == {("wrong-key", None)}
    elsewhere = HISTORY.checkpoint(7, origin=ORIGIN[:-1] + "2")
    assert found(written(HISTORY), held=[elsewhere]) == {("wrong-origin", None)}


# --- forms ---


def test_stray_bits_at_the_end_of_a_signature_are_found() -> None:
    """Base64 of 68 bytes leaves two bits over: whoever flips them changes the file and not the signature."""
    bundle = written(HISTORY)
    assert bundle.endswith(b'=\\n"}\n')
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = bundle[-7:-6]
    stray = letters[letters.index(last) + 1 :][:1]
    assert found(bundle[:-7] + stray + bundle[-6:]) == {("malformed", None)}


def test_policy_texts_travel_with_their_digest() -> None:
    bundle = written(HISTORY, policies=["version: 1\n", "version: 2\n"])
    assert [line["text"] for line in lines_of(bundle) if line["line"] == "policy"] == ["version: 1\n", "version: 2\n"]
    assert found(bundle) == set()
    assert found(bundle.replace(b"version: 1", b"version: 3")) == {("altered", None)}


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace(b'":', b'": ', 1),
        lambda line: line.replace(b"{", b'{"erased":true,', 1),
        lambda line: line.replace(b'"seq":4', b'"seq":4.0'),
        lambda line: line.replace(b'"seq":4', b'"seq":true'),
        lambda line: line.replace(b'"seq":4', b'"seq":9007199254740992'),
        lambda line: line.replace(b'"line":"event"', b'"line":"remark"'),
        lambda line: line.replace(b"Gr", b"\xff", 1),
        lambda line: line.replace(b"Gr", b"\\ud800", 1),
        lambda line: line.replace(b"\n", b"\r\n"),
    ],
)
def test_a_line_in_any_but_its_one_form_is_malformed(change: Callable[[bytes], bytes]) -> None:
    bundle = rewritten(written(HISTORY), lambda lines: lines.__setitem__(5, change(lines[5])))
    assert bundle != written(HISTORY) or pytest.fail("nothing was changed")
    assert found(bundle) == {("malformed", None), ("missing", 4), ("altered", None)}


def test_an_envelope_that_is_in_the_tree_but_not_canonical_is_malformed() -> None:
    history = History(6)
    history.envelopes[3] = history.envelopes[3].replace(b":", b": ", 1)
    history.envelopes[4] = b"[]"
    assert found(written(history)) == {("malformed", 3), ("malformed", 4)}


def test_members_that_the_format_does_not_name_are_passed_over() -> None:
    def change(events: list[EventLine]) -> None:
        events[0] = dataclasses.replace(events[0], erased=True)

    assert found(written(HISTORY, change=change)) == set()


def test_the_writer_refuses_a_line_that_no_reader_would_take() -> None:
    with pytest.raises(BundleRefused, match="without its body"):
        written(HISTORY, change=edit(0, sealed=bytes(13 << 20)))


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_both_verifiers_agree_on_whatever_is_done_to_the_members(data: st.DataObject) -> None:
    """The manifest is not signed again, so every change must be found, whichever it is."""
    lines = lines_of(WHOLE if data.draw(st.booleans()) else PART)
    line = data.draw(st.sampled_from(lines))
    name = data.draw(st.sampled_from(sorted(line)))
    odd = [None, True, -1, 0, 3, 2**53 - 1, "", "x", "AAAA", base64.b64encode(bytes(32)).decode(), [], {}, ["x"], {"a": 1}]
    value = data.draw(st.sampled_from([*odd, "removed"]))
    if value == "removed":
        del line[name]
    elif value == line[name] and type(value) is type(line[name]):
        return
    else:
        line[name] = value
    assert found(b"".join(canonical(one) + b"\n" for one in lines))


WHOLE = written(History(6), since=[3])
PART = written(History(6), Selection(query="q1"), since=[3])


def test_a_key_with_a_wrong_hash_is_refused_before_anything_is_read() -> None:
    from audit.errors import NoteRefused

    text = str(KEY.key)
    with pytest.raises(NoteRefused, match="its hash is"):
        VerifierKey.parse(text.replace(text.split("+")[1], "00000000"))
