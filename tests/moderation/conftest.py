"""The rails as a deployment has them: shipped policy, shipped heads, the real sentence encoder, loaded once.

rails     the shipped policy's rails, without a redactor
judge     judge(text, rail, direction, context) -> that rail's verdict
over      over(text, direction) -> the names of the rails that block or steer
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from moderation.heads.head import Heads
from moderation.policy import load_policy
from moderation.rails import Embed, Rails
from moderation.rails.base import Seen
from moderation.types import Allow, Direction, Verdict
from tests.support.encoder import real_embed

Judge = Callable[..., Verdict]


@pytest.fixture(scope="session")
def embed() -> Embed:
    return real_embed()


@pytest.fixture(scope="session")
def heads() -> Heads:
    return Heads.load()


@pytest.fixture(scope="session")
def rails(heads: Heads, embed: Embed) -> Rails:
    return Rails.load(load_policy(), heads, None, embed)


@pytest.fixture(scope="session")
def judge(rails: Rails, embed: Embed) -> Judge:
    def judge(text: str, rail: str, direction: Direction = Direction.INPUT, context: str = "") -> Verdict:
        return rails.judge(rail, Seen(direction, text, embed([text])[0], context))

    return judge


@pytest.fixture(scope="session")
def over(rails: Rails, embed: Embed) -> Callable[..., dict[str, str]]:
    def over(text: str, direction: Direction = Direction.INPUT) -> dict[str, str]:
        """Rail to what it did and why, for each rail that did not simply allow."""
        vector = embed([text])[0]
        verdicts = [rails.judge(rail, Seen(direction, text, vector)) for rail in rails.names(direction)]
        return {
            v.finding.rail: f"{v.name}: {v.finding.category}, {v.finding.reason}"
            for v in verdicts
            if not isinstance(v, Allow)
        }

    return over
