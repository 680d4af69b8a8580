"""A `Running` around a pipeline that a test built itself: what else it would hold is not there, or stands still."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, cast

from app.governance.kill_switches import SwitchBoard
from app.governance.policy_in_force import PolicyInForce, Standing
from app.wiring.running import Running
from orchestrator.journey.pipeline import Pipeline

ABSENT = cast(Any, None)


class NoPolicy:
    """Where the pipeline's rails come from no policy file."""

    standings: Mapping[str, Standing] = {}
    versions: Mapping[str, str] = {}

    def reload(self) -> None:
        """There is no file to look at."""


def running(pipeline: Pipeline, policy: PolicyInForce | None = None, switches: SwitchBoard | None = None) -> Running:
    """Closing it closes nothing: what the test opened, the test closes."""
    return Running(pipeline, ABSENT, policy or cast(Any, NoPolicy()), switches or ABSENT, ABSENT, ExitStack())
