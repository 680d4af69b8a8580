"""The desk at which administrators change the documents of the service, for the API and the console.

Invariant: only an administrator's key of the library's own tenant gets it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from app.governance.document_desk import By, DocumentDesk, unknown_groups
from app.governance.document_events import recorder
from app.identity.api_keys import Key
from app.web.context import deployment, service
from app.web.problems import Problem
from app.wiring.parts import open_library
from retrieval.library import Library
from retrieval.types import DocumentRefused, LibraryBusy, LibraryChange, UnknownDocument, UnreadableDocument

_WAIT_S = 10.0
"""How long a request waits for an ingest that is under way."""


def document_desk(key: Key) -> DocumentDesk:
    """Raises Problem 403."""
    found = deployment()
    if key.role != "administrator":
        raise Problem(403, f"This needs the key of an administrator; yours is of an {key.role}.", code="role")
    if key.tenant != found.settings.tenant:
        raise Problem(403, "The documents of this service are another tenant's.", code="tenant")

    def told(by: By, restores: bool) -> Callable[[LibraryChange], None]:
        return recorder(found.announcer, found.settings.tenant, by.actor, by.reason, restores=restores)

    return DocumentDesk(library(), told, _WAIT_S)


def library() -> Library:
    """The library that answers questions; before there is one, the same without an encoder."""
    running = service().running
    return running.library if running is not None else open_library(deployment().settings, _not_ready)


def strange(groups: Sequence[str]) -> list[str]:
    """A word about groups that no key has."""
    known = {group for one in deployment().keys.list() if one.intact and one.revoked is None for group in one.groups}
    missing = unknown_groups(groups, known)
    return [f"no key has the group {', '.join(missing)}"] if missing else []


@contextmanager
def refusals() -> Iterator[None]:
    """What the library refuses, as problems."""
    try:
        yield
    except UnknownDocument as error:
        raise Problem(404, str(error), code="document_unknown") from None
    except (DocumentRefused, UnreadableDocument) as error:
        raise Problem(422, str(error), code="document_refused") from None
    except LibraryBusy:
        raise Problem(503, "Documents are being read in; try again shortly.", code="library_busy", retry_after=10) from None


def _not_ready(_texts: object) -> NoReturn:
    raise Problem(503, "The models are still being loaded; try again shortly.", code="starting", retry_after=5)
