"""Fixtures of the personal-data tests: one loaded redactor for all of them."""

from __future__ import annotations

import pytest

from inference.errors import InferenceError
from inference.store.model_store import ModelStore
from moderation.pii.redactor import Redactor

FIRM = "Aurora Asset Management"
FUND = "Aurora Global Equity Fund"


@pytest.fixture(scope="session")
def redactor() -> Redactor:
    try:
        path = ModelStore().path("en-core-web-md")
    except InferenceError as missing:
        pytest.skip(f"the NER model is not in the store: {missing}")
    return Redactor.load(path, allow=(FIRM, FUND))
