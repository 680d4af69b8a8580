"""The service's own pages in a real browser: readable, operable and inert, in every light, width and on paper."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from .pages import EXAMPLES, PAGES, pages_app
from .service import ChatService, Reply

pytestmark = pytest.mark.browser

AUDIT = Path(__file__).with_name("readable.js").read_text()


@pytest.fixture
def site(service: ChatService) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, pages_app(service.url), threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()


def answer(reply: Reply) -> None:
    reply.send("route", bot="rag", reasons=["documents"])
    reply.send("segment", id=0, text="It costs 0.85 per cent [1].\n\n- `code`\n- more")
    reply.send("citation", number=1, document="fees", page=1, section="Charges", quote="0.85%")
    ways = [{"kind": "question", "text": "Why?"}, {"kind": "document", "text": "Fees", "href": "/f"}]
    reply.send("refusal", message="More I may not say.", alternatives=[*ways, {"kind": "person", "text": "Desk"}])
    reply.send("done", conversation_id="c", query_id="q", outcome="answered", verdicts=[])


@pytest.mark.parametrize("width", [1280, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_review_pages_are_readable_in_every_light_and_width(
    page: Any, site: str, name: str, scheme: str, width: int
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{site}/{name}")
    for summary in page.locator("summary").all():
        summary.click()
    problems, texts = page.evaluate(AUDIT)
    assert texts > 3
    assert problems == []


@pytest.mark.parametrize("width", [1280, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_demo_page_and_the_widget_are_readable_in_every_light_and_width(
    page: Any, site: str, service: ChatService, scheme: str, width: int
) -> None:
    service.scripts[EXAMPLES[0]] = answer
    service.scripts[EXAMPLES[1]] = lambda reply: reply.problem(503, detail="The log cannot be written.")
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(site)
    assert page.evaluate(AUDIT)[0] == []
    page.get_by_role("button", name=EXAMPLES[0]).click()
    page.locator(".more").wait_for()
    page.get_by_role("button", name=EXAMPLES[1]).click()
    page.locator(".error").wait_for()
    for summary in page.locator("summary").all():
        summary.click()
    problems, texts = page.evaluate(AUDIT)
    assert texts > 25
    assert problems == []


def test_the_audit_of_these_tests_finds_what_it_looks_for(page: Any, serve_page: Any) -> None:
    page.goto(
        serve_page(
            "<!doctype html><html lang=en><title>t</title><h1>h</h1>"
            "<p style='color:#999;background:#fff'>pale</p>"
            "<button></button><i id=a></i><i id=a></i><div style='width:4000px'>wide</div>",
            "default-src 'none'; style-src 'unsafe-inline'",
        )
    )
    found = " ".join(page.evaluate(AUDIT)[0])
    for expected in ("contrast 2.8", "no name", "small target", "id a stands 2 times", "wide"):
        assert expected in found


@pytest.mark.parametrize("name", PAGES)
def test_hostile_log_content_is_shown_and_does_nothing(page: Any, site: str, name: str) -> None:
    page.goto(f"{site}/{name}")
    assert page.locator("script, img, iframe").count() == 0
    assert page.title().endswith("· Countersign")
    if name.startswith(("query", "error")) and name != "queries-stale":
        assert page.locator(".code-point", has_text="U+202E").count() > 0


def test_a_check_that_is_not_of_now_is_never_shown_as_good(page: Any, site: str) -> None:
    page.goto(f"{site}/queries")
    assert page.locator(".strip.good").count() == 1
    for name, says in (("queries-stale", "Not checked just now"), ("queries-tampered", "event 1201")):
        page.goto(f"{site}/{name}")
        assert page.locator(".strip.good").count() == 0
        assert says in page.locator(".strip").inner_text()


def test_an_altered_or_erased_event_is_marked_where_it_stands(page: Any, site: str) -> None:
    page.goto(f"{site}/query")
    assert "does not fit its hashes" in page.locator("#event-1206").inner_text()
    assert "erased" in page.locator("#event-1202").inner_text()
    assert page.get_by_text("does not fit its hashes").count() == 1


def test_how_an_answer_came_to_be_is_told_for_each_kind_of_answer_and_its_tables_are_reached_by_keyboard(
    page: Any, site: str
) -> None:
    page.goto(f"{site}/query")
    cards = page.locator("section.card", has=page.get_by_role("heading", name="How the answer came to be"))
    says = ["Computed again: the same", "not the same", "Highest of A to B", "quoted word for word", "stays below the least"]
    assert cards.count() == len(says)
    for card, words in zip(cards.all(), says, strict=True):
        assert words in card.inner_text()
    for table in cards.locator(".scroll").all():
        table.focus()
        assert table.evaluate("one => one === document.activeElement")


def test_review_works_without_javascript_and_the_filters_travel_in_the_address(chromium: Any, site: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(f"{site}/queries")
        page.get_by_label("Verdict").select_option("block")
        with page.expect_request("**/review?**") as asked:
            page.get_by_role("button", name="Filter").click()
        assert "verdict=block" in asked.value.url
        assert "bot=rag" in asked.value.url
        assert "since=2026-11-01T00" in asked.value.url
    finally:
        context.close()


def test_a_printed_query_shows_what_is_folded_on_the_screen(page: Any, site: str) -> None:
    page.goto(f"{site}/query")
    body = page.locator(".events pre").first
    assert not body.is_visible()
    page.emulate_media(media="print")
    assert body.bounding_box()["height"] > 40
    assert not page.get_by_role("button", name="Sign out").is_visible()


def test_nothing_moves_for_who_asked_for_less_motion(page: Any, site: str, service: ChatService) -> None:
    moving = "() => document.querySelector('countersign-chat').shadowRoot.getAnimations().length"
    service.scripts[EXAMPLES[0]] = lambda reply: reply.until_hung_up()
    page.goto(site)
    page.get_by_role("button", name=EXAMPLES[0]).click()
    page.locator(".working").wait_for()
    assert page.evaluate(moving) > 0
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(moving) == 0
