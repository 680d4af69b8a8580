"""The one order of verdicts: which of several decides, and which of two is the stricter.

Invariant: whoever compares verdicts or a policy's actions compares them by this table: the service, the shadow report,
`policy test`, `policy diff`, the restricted rail, and the reader of the log, which is handed it.

Steer stands above redact: a redacted segment is still the answer that was wrong to give, with a piece replaced, whereas a
steered one is taken back and written anew.
"""

from __future__ import annotations

from typing import Literal, get_args

Action = Literal["allow", "redact", "steer", "block"]
"""What a policy may do about a finding, and what the verdict that does it is called; from the mildest to the severest."""
ACTIONS: tuple[Action, ...] = get_args(Action)

OFF: Literal["off"] = "off"
"""In place of an action, where a policy does not have the rail judge at all."""


def severity(name: str) -> int:
    """The rank of a verdict or an action by its name: higher is stricter.

    OFF is the mildest. So is a name that is no verdict: the record of another version may hold one.
    """
    return _RANKS.get(name, 0)


_RANKS: dict[str, int] = {name: rank for rank, name in enumerate((OFF, *ACTIONS))}
