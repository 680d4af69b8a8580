"""Makes the console of its pages: their addresses, the navigation, error pages, and the verifier beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

from flask import Blueprint, Response, make_response, render_template

from app.console.filters import review_filters
from app.console.integrity import LogVerifier
from app.console.page import Page, Route
from app.console.session import csrf
from app.web import problems
from app.wiring.service import Service
from app.wiring.trust import own_trust
from audit.verify.whole_log import verify_store


def create_console(pages: Sequence[ModuleType]) -> Blueprint:
    """pages: modules with functions under `@page` and `@action`, in the order of the navigation."""
    blueprint = Blueprint("review", __name__, url_prefix="/review")
    routes = [route for module in pages for route in routes_of(module)]
    for route in routes:
        blueprint.add_url_rule(route.path, route.name, route.view, methods=[route.method])
    listed = [route.page for route in routes if route.page is not None and route.page.title]

    def navigation(role: str = "") -> list[Page]:
        """The pages that a key of this role opens; all of them where nobody is known."""
        return [one for one in listed if not role or role in one.roles]

    blueprint.context_processor(lambda: {"navigation": navigation})
    blueprint.register_error_handler(Exception, failed)
    blueprint.after_request(not_kept)
    blueprint.record_once(_prepare)
    return blueprint


def routes_of(module: ModuleType) -> Iterator[Route]:
    """In the order in which the module defines them."""
    return (found for found in vars(module).values() if isinstance(found, Route))


def failed(error: Exception) -> Response:
    """The console's errors are pages too."""
    problem = problems.of(error)
    title = problem.body()["title"]
    page = render_template("review/error.html", title=title, detail=problem.detail, status=problem.status, csrf_token=csrf())
    return make_response(page, problem.status)


def not_kept(response: Response) -> Response:
    """What is shown here stays in no cache: going back after signing out shows nothing."""
    response.headers["Cache-Control"] = "no-store"
    return response


def _prepare(state: Any) -> None:
    state.app.jinja_env.filters.update(review_filters())
    service: Service = state.app.extensions["countersign"]
    trust = own_trust(service.deployment.settings)
    verifier = LogVerifier(lambda tenant: verify_store(service.deployment.engine, tenant, trust=trust))
    service.on_close(verifier.close)
    state.app.extensions["countersign.verifier"] = verifier
