"""Choosing a bot: hard rules first, then the score; every candidate with its reason. And the routes file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.bots.api import live_evidence
from orchestrator.bots.base import Role
from orchestrator.bots.rag import document_evidence
from orchestrator.errors import ConfigError
from orchestrator.ports import Embed
from orchestrator.selection.routes import load_routes
from orchestrator.selection.selector import Evidence, Selector
from orchestrator.types import Route
from tests.support.encoder import real_embed
from tests.support.running_deployment import Words

ROLES = {"api": Role.LIVE, "rag": Role.DOCUMENTS, "onprem": Role.MEMORY, "sums": Role.SUMS}
BOTS = tuple(ROLES)
Choose = Callable[..., Route]


def evidence(
    live: str | None = None,
    support: float = 0.0,
    unavailable: Mapping[str, str] | None = None,
    forbidden: Mapping[str, str] | None = None,
) -> Evidence:
    known = {"api": live_evidence(live), "rag": document_evidence(support)}
    return Evidence(known, unavailable or {}, forbidden or {})


@pytest.fixture(scope="module")
def words() -> Words:
    return Words()


@pytest.fixture(scope="module")
def selector(words: Words) -> Selector:
    return Selector(load_routes(), ROLES, words)


@pytest.fixture
def choose(selector: Selector, words: Words) -> Choose:
    return lambda question, **known: selector.choose(words([question])[0], evidence(**known))


def reason(route: Route, bot: str) -> str:
    return next(c.reason for c in route.candidates if c.bot == bot)


def test_a_live_figure_is_asked_of_the_api_bot_alone(choose: Choose) -> None:
    route = choose("What is the NAV of the Aurora fund now?", live="nav of AURGE", support=0.9)
    assert (route.bot, route.fallback) == ("api", ())
    for other in ("rag", "onprem"):
        assert reason(route, other) == "live figures come from a connector, never from a model"


def test_a_live_figure_is_not_left_to_a_model_when_its_bot_is_down(choose: Choose) -> None:
    route = choose("What is the NAV of the Aurora fund now?", live="nav of AURGE", unavailable={"api": "failed 3 times"})
    assert set(route.chain) == {"api"}


def test_the_api_bot_never_stands_for_a_question_that_names_no_figure(choose: Choose) -> None:
    route = choose("What is the NAV of the fund now?")
    assert "api" not in route.chain
    assert reason(route, "api") == "no connector serves a figure that the question names"


def test_a_question_that_the_documents_support_goes_to_them_and_to_no_model_that_has_not_read_them(
    choose: Choose,
) -> None:
    route = choose("What does the policy say about complaints?", support=0.95)
    assert route.chain == ("rag",)
    assert "documents answer it 0.95" in reason(route, "rag")


def test_a_question_that_no_document_supports_goes_to_the_model(choose: Choose) -> None:
    assert choose("Write a polite email to a colleague.").bot == "onprem"


def test_a_bot_that_is_down_or_forbidden_is_removed_with_the_reason(choose: Choose) -> None:
    route = choose("What does the policy say?", support=0.9, unavailable={"rag": "no index"})
    assert route.chain == ("onprem",)
    assert reason(route, "rag") == "not available: no index"
    route = choose("What does the policy say?", support=0.9, forbidden={"rag": "data class secret"})
    assert reason(route, "rag") == "policy forbids it: data class secret"


def test_when_all_bots_are_down_the_safest_stands_alone(choose: Choose) -> None:
    route = choose("Hello", unavailable=dict.fromkeys(BOTS, "down"))
    assert route.chain == ("onprem",)
    assert all(candidate.removed for candidate in route.candidates)


def test_when_policy_forbids_all_bots_nobody_is_asked(choose: Choose) -> None:
    route = choose("Hello", live="nav of AURGE", forbidden=dict.fromkeys(BOTS, "closed"))
    assert (route.bot, route.fallback) == ("", ())


@given(
    live=st.sampled_from([None, "nav of AURGE"]),
    support=st.floats(0, 1),
    down=st.sets(st.sampled_from(BOTS)),
    forbidden=st.sets(st.sampled_from(BOTS)),
    question=st.sampled_from(["What is the NAV now?", "What does the policy say?", "Hello", ""]),
)
def test_whatever_is_known_the_route_is_whole_and_keeps_the_hard_rules(
    selector: Selector, words: Words, live: str | None, support: float, down: set[str], forbidden: set[str], question: str
) -> None:
    known = evidence(live, support, dict.fromkeys(down, "down"), dict.fromkeys(forbidden, "policy"))
    route = selector.choose(words([question])[0], known)
    assert {candidate.bot for candidate in route.candidates} == set(BOTS)
    assert all(candidate.reason for candidate in route.candidates)
    standing = [candidate for candidate in route.candidates if not candidate.removed]
    assert not standing or abs(sum(candidate.score for candidate in standing) - 1) < 1e-6
    assert [c.score for c in standing] == sorted((c.score for c in standing), reverse=True)
    assert not forbidden & set(route.chain)
    assert not down & set(route.fallback)
    assert len(set(route.chain)) == len(route.chain)
    if live is None:
        assert "api" not in route.chain
    assert selector.choose(words([question])[0], known) == route


# --- with the real encoder --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def embed() -> Embed:
    return real_embed()


@pytest.mark.models
@pytest.mark.parametrize(
    ("question", "known", "bot"),
    [
        ("How much is one unit of Aurora worth at this moment?", {"live": "nav of AURGE", "support": 0.8}, "api"),
        ("What does the prospectus of Aurora say about its price history?", {"support": 0.9}, "rag"),
        ("How many days do you have to answer a complaint?", {"support": 0.8}, "rag"),
        ("What is the dealing deadline for redemptions?", {"support": 0.7}, "rag"),
        ("Please translate my letter into Spanish", {"support": 0.1}, "onprem"),
        ("Good morning!", {"support": 0.05}, "onprem"),
        ("What is the difference between shares and debentures, in simple words?", {"support": 0.2}, "onprem"),
    ],
)
def test_questions_go_where_they_belong(embed: Embed, question: str, known: Mapping[str, float], bot: str) -> None:
    selector = Selector(load_routes(), ROLES, embed)
    assert selector.choose(np.asarray(embed([question]))[0], evidence(**known)).bot == bot  # type: ignore[arg-type]


# --- the routes file --------------------------------------------------------------------------------


def test_the_routes_that_come_along_name_every_bot_and_the_safest() -> None:
    routes = load_routes()
    assert set(routes.bots) == set(BOTS)
    assert routes.safest == "onprem"


BOT = "{deadline_s: 1, first_piece_s: 1, exemplars: [a, b, c]}"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (f"version: 1\nsafest: cloud\nbots: {{onprem: {BOT}}}", "safest: 'cloud' is no bot; bots: onprem"),
        ("version: 1\nsafest: a\nbots: {a: {deadline_s: 1, first_piece_s: 1, exemplars: [x]}}", "bots.a.exemplars"),
        (f"version: 1\nsafest: a\nbots: {{a: {BOT[:-1]}, colour: red}}}}", "bots.a.colour"),
        (f"version: 1\nsafest: a\nbots: {{a: {BOT.replace('deadline_s: 1', 'deadline_s: 0')}}}", "bots.a.deadline_s"),
        (f"version: 1\nbots: {{a: {BOT}}}", "safest"),
        ("version: [", "not YAML"),
        ("", "valid"),
    ],
)
def test_a_routes_file_with_a_mistake_is_refused_with_its_place(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "routes.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        load_routes(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)


def test_a_missing_routes_file_is_named_with_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read .*COUNTERSIGN_ROUTES_FILE"):
        load_routes(tmp_path / "none.yaml")
