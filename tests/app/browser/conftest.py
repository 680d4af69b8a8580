"""What the tests of pages talk to: a chat service of the tests' own, real HTTP, that misbehaves on demand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .service import ChatService, chat_service


@pytest.fixture
def service() -> Iterator[ChatService]:
    with chat_service() as service:
        yield service
