"""What the console's pages share: who may see one, the record of looking at it, and the frame around it.

A page module holds `PAGE = Page(path, title, template)` and a function under `@page(PAGE)` that returns what its template
shows; a form's target is a function under `@action(path)`. `app.console.pages` lists the modules: a line there is all that a
new page needs, the navigation is made from it.

Invariant: looking is recorded before anything is shown, and a form acts only for a signed-in key whose page it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import current_app, redirect, render_template, url_for
from werkzeug.wrappers import Response

from app.console.integrity import Integrity, LogVerifier
from app.console.session import ROLES, acting, csrf, looking, reader
from app.identity.api_keys import Key, Role
from app.web.looking import record_access
from app.web.problems import Problem
from audit.format.kind import Kind
from audit.kinds import SEARCHED

Context = Mapping[str, Any]
Shown = str | Response


@dataclass(frozen=True)
class Page:
    """path: below /review. title: in the navigation, in the order of the table; empty where another page leads to this one.
    roles: whose keys open it."""

    path: str
    title: str
    template: str
    roles: tuple[Role, ...] = ROLES


@dataclass(frozen=True)
class Look:
    """What is recorded before a page is shown: the kind of event, what it was about, and the query where it was one."""

    kind: Kind
    details: Mapping[str, Any] = field(default_factory=dict)
    query: str | None = None


@dataclass(frozen=True)
class Route:
    """An address of the console. page: where it is a page's own."""

    path: str
    name: str
    view: Callable[..., Shown]
    method: str
    page: Page | None = None


def page(about: Page, look: Callable[..., Look] | None = None) -> Callable[[Callable[..., Context]], Route]:
    """A page: the function gets the signed-in key and what the path holds, and returns what the template shows.

    look: gets the same; without it the record says that the list of the function's name was looked at.
    """

    def made(shows: Callable[..., Context]) -> Route:
        name = shows.__name__

        def view(**place: Any) -> Shown:
            key = reader()
            if key is None:
                return redirect(url_for("review.sign_in"))
            _allow(key, about.roles)
            found = look(key, **place) if look else Look(SEARCHED, {"filters": {"list": name}})
            record_access(key, found.kind, found.query, {**found.details, **looking()})
            return framed(about.template, key, **shows(key, **place))

        return Route(about.path, name, view, "GET", about)

    return made


def action(path: str, roles: tuple[Role, ...] = ROLES) -> Callable[[Callable[..., Shown]], Route]:
    """What a form does: the function gets the signed-in key and what the path holds, and mostly redirects to a page."""

    def made(acts: Callable[..., Shown]) -> Route:
        def view(**place: Any) -> Shown:
            key = acting()
            if key is None:
                return redirect(url_for("review.sign_in"), 303)
            _allow(key, roles)
            return acts(key, **place)

        return Route(path, acts.__name__, view, "POST")

    return made


def framed(template: str, key: Key, **context: Any) -> str:
    """A page with the frame for this key around it."""
    return render_template(
        template, csrf_token=csrf(), user=key.label, role=key.role, integrity=integrity(key.tenant), **context
    )


def integrity(tenant: str) -> Integrity | None:
    """The last verification of a tenant's log, at once; has a new one made where it is old."""
    verifier: LogVerifier = current_app.extensions["countersign.verifier"]
    return verifier.last(tenant)


def _allow(key: Key, roles: tuple[Role, ...]) -> None:
    if key.role not in roles:
        raise Problem(403, f"This needs the key of an {' or '.join(roles)}; yours is of an {key.role}.", code="role")
