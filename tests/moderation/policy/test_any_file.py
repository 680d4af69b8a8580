"""Whatever a policy file holds: it is a policy, or refused with lines that name the file.

The kind of fault: a file that was saved half, or made to do harm, ends the watcher or the start by an unforeseen error.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moderation.policy import DEFAULT_PATH, PolicyError, read_policy

SEED = DEFAULT_PATH.read_text("utf-8")
HEAD = SEED[:3_000]
ODD = st.sampled_from(
    [
        "- ", "{", "[", "]", ": ", "&a ", "*a", "<<: *a", "!!python/object:os.system ", "'", '"', "\t", "\x00", "%YAML 9.9",
        "...", "---", "? ", "| ", "> ", "0x1f", "1e999", ".nan", "2026-01-01", "~", "extends: .", "extends: /etc/passwd",
        "é", "\u2028", "9" * 5_000,
    ]
)  # fmt: skip
LAUGHS = "\n".join(["a0: &a0 [x,x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))])
HOSTILE = [
    "", "[]", "1", "version: 1", "a: &a [*a]", "{" * 5_000, "[" * 5_000, "- " * 5_000, "a: " * 2_000, "\x00",
    "\ufeffversion: '1'", "version: !!python/object/apply:os.system ['true']", "extends: policy.yaml",
    "a: &a {b: &b {c: [*a, *b]}}", LAUGHS, "? [a]\n: b", "version: 1\nversion: 2",
]  # fmt: skip


def problems(path: Path) -> list[str]:
    try:
        read_policy(path)
    except PolicyError as error:
        return error.problems or ["none named"]
    return []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_spoilt_policy_is_refused_by_its_lines(tmp_path: Path, data: st.DataObject) -> None:
    text = HEAD if data.draw(st.booleans()) else SEED
    for _ in range(data.draw(st.integers(1, 3))):
        at, width = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 60))
        text = text[:at] + data.draw(st.one_of(st.just(""), ODD, st.text(max_size=5))) + text[at + width :]
    path = tmp_path / "policy.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    for problem in problems(path):
        assert problem.startswith((str(tmp_path), "/etc/passwd"))
        assert "\n" not in problem


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_file_made_to_do_harm_is_refused_by_its_lines(tmp_path: Path, text: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(text, "utf-8")
    found = problems(path)
    assert found
    assert all("\n" not in problem for problem in found)
