"""The recipe "a console page" of docs/extending.md, followed for real: a module, a template, a line in the table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from flask import Flask, redirect, request, url_for
from flask.testing import FlaskClient
from jinja2 import ChoiceLoader, DictLoader

from app.console.page import Context, Page, Shown, action, page
from app.console.pages import PAGES
from app.identity.api_keys import Key
from app.serving.application import create_app
from app.settings import Settings
from app.web.context import deployment
from app.wiring.service import Service
from audit.kinds import SEARCHED
from orchestrator.selection.routes import load_routes
from tests.app.conftest import Site
from tests.app.console.test_console import signed_in, token

TEMPLATE = """{% extends "review/base.html" %}
{% block title %}API keys{% endblock %}
{% block main %}<h1>API keys</h1>
<ul>{% for label in labels %}<li>{{ label | visible }}</li>{% endfor %}</ul>
<form method="post" action="/review/api-keys"><input type="hidden" name="csrf_token" value="{{ csrf_token }}"></form>
{% endblock %}"""


# --- what the new module holds

PAGE = Page("/api-keys", "API keys", "review/api_keys.html", roles=("administrator",))
asked: list[str] = []


@page(PAGE)
def api_keys(key: Key) -> Context:
    return {"labels": [one.label for one in deployment().keys.list() if one.tenant == key.tenant]}


@action(PAGE.path, roles=PAGE.roles)
def ask_for_a_key(key: Key) -> Shown:
    asked.append(f"{key.label}: {request.form['label']}")
    return redirect(url_for("review.api_keys"), 303)


# --- and what comes of it


def module() -> ModuleType:
    made = ModuleType("api_keys")
    vars(made).update(PAGE=PAGE, api_keys=api_keys, ask_for_a_key=ask_for_a_key)
    return made


@pytest.fixture
def site(cold: Site) -> Site:
    app: Flask = create_app(cold.service, (*PAGES, module()))
    assert app.jinja_loader is not None
    app.jinja_loader = ChoiceLoader([app.jinja_loader, DictLoader({PAGE.template: TEMPLATE})])
    return Site(cold.service, app, cold.keys)


def links(client: FlaskClient, path: str = "/review") -> list[tuple[str, str]]:
    (nav,) = re.findall(r'<nav class="rooms".*?</nav>', client.get(path).text, re.S)
    return re.findall(r'<a href="([^"]+)">([^<]+)</a>', nav)


def test_it_stands_in_the_navigation_of_those_whose_key_opens_it(site: Site) -> None:
    known = [("/review", "Queries"), ("/review/keeping", "Holds and erasures"), ("/review/switches", "Switches")]
    theirs = [*known[:2], ("/review/documents", "Documents"), known[2], ("/review/api-keys", "API keys")]
    assert links(signed_in(site, "administrator")) == theirs
    assert links(signed_in(site, "auditor")) == known
    assert signed_in(site, "auditor").get("/review/api-keys").status_code == 403


def test_it_is_shown_in_the_frame_once_the_look_is_recorded(site: Site) -> None:
    client = signed_in(site)
    before = len(site.deployment.reader.of_kinds("halden", (SEARCHED,)))
    shown = client.get("/review/api-keys")
    assert shown.status_code == 200
    assert "<li>auditor</li>" in shown.text
    assert "Opening this page is itself recorded." in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    *_, look = site.deployment.reader.of_kinds("halden", (SEARCHED,))[before:]
    assert (look.body or {})["filters"] == {"list": "api_keys"}


def test_it_is_not_shown_where_the_look_cannot_be_recorded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from audit.errors import AuditUnavailable

    def full(*_: object) -> None:
        raise AuditUnavailable("the disk is full")

    client = signed_in(site)
    monkeypatch.setattr(site.deployment.audit, "append", full)
    shown = client.get("/review/api-keys")
    assert (shown.status_code, "<li>" in shown.text) == (503, False)


def test_nobody_who_is_not_signed_in_sees_it_or_acts_on_it(site: Site) -> None:
    client = site.client()
    assert client.get("/review/api-keys").headers["Location"] == "/review/sign-in"
    assert client.post("/review/api-keys", data={"label": "x"}).headers["Location"] == "/review/sign-in"
    assert asked == []


def test_its_form_acts_for_a_page_that_was_given_and_a_role_that_may(site: Site) -> None:
    client = signed_in(site)
    assert client.post("/review/api-keys", data={"label": "x", "csrf_token": "forged"}).status_code == 400
    given = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/review/api-keys").text)
    assert given is not None
    done = client.post("/review/api-keys", data={"label": "portal", "csrf_token": given.group(1)})
    assert (done.status_code, done.headers["Location"]) == (303, "/review/api-keys")
    auditor = signed_in(site, "auditor")
    assert auditor.post("/review/api-keys", data={"label": "x", "csrf_token": token(auditor)}).status_code in (400, 403)
    assert asked == ["administrator: portal"]


@pytest.fixture
def with_a_bot_of_its_own(tmp_path: Path) -> Iterator[Site]:
    routes = {**load_routes().model_dump(mode="json")}
    routes["bots"]["concierge"] = routes["bots"]["onprem"]
    (tmp_path / "routes.yaml").write_text(yaml.safe_dump(routes), "utf-8")
    with Service.open(Settings(home=tmp_path / "var", routes_file=tmp_path / "routes.yaml")) as service:
        key = service.deployment.keys.create("halden", "administrator", "administrator", ())
        yield Site(service, create_app(service), {"administrator": key})


def test_a_bot_of_the_routes_file_can_be_filtered_for_and_switched(with_a_bot_of_its_own: Site) -> None:
    client = signed_in(with_a_bot_of_its_own)
    assert '<option value="concierge" selected>' in client.get("/review?bot=concierge").text
    assert '<option value="nobody"' not in client.get("/review?bot=nobody").text
    assert "concierge" in client.get("/review/switches").text
