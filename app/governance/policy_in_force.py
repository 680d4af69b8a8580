"""The policy in force, and its swap while queries are under way; a candidate that is only watched is kept the same way.

Invariant: a file is read, checked and compiled entirely aside, and its swap is durable in the log, before one
assignment puts it in force. A file that cannot be used changes nothing but what is said about it. Files are watched by their
content, since editors, mounts and clock changes all fool timestamps.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import structlog
from cachetools import LRUCache
from sqlalchemy.exc import SQLAlchemyError

from app.governance.announcer import Announcer, Said
from app.governance.policy_cache import KEPT, PolicyCache, PolicyCompiler
from audit.errors import AuditUnavailable
from audit.kinds import POLICY_LOADED, POLICY_REJECTED
from moderation.policy import Policy, PolicyError, PolicyFile, read_policy
from moderation.types import ModerationError
from orchestrator.judging.pinned_policy import PinnedPolicy
from orchestrator.judging.shadow import CandidatePolicy
from orchestrator.types import Query

log = structlog.get_logger(__name__)
EVERY_S = 1.0
Role = Literal["in force", "candidate"]


class PolicyMeter(Protocol):
    def policy(self, role: str, digest: str, version: str) -> None: ...
    def policy_file(self, role: str, result: str) -> None: ...


@dataclass(frozen=True)
class Standing:
    """What /readyz says of a policy. rejected: why the file as it is now is not the one in force; "" where it is."""

    digest: str
    version: str
    rejected: str


class Document:
    """One policy file and what was made of it. `cache` and `standing` are replaced whole and may be read by anybody; all
    else belongs to the thread that calls `look`."""

    def __init__(
        self, role: Role, path: Path | None, compiler: PolicyCompiler, announcer: Announcer, meter: PolicyMeter
    ) -> None:
        """Raises PolicyError: a service does not start on a broken file."""
        self._role: Role = role
        self._path, self._compiler, self._announcer, self._meter = path, compiler, announcer, meter
        self._files: tuple[Path, ...] = ()
        self._seen = ""
        self._suspected = ""
        seen, found = self._read()
        self._put(PolicyCache(found.policy, compiler).prepare(), found, seen)

    def look(self, *, at_once: bool = False) -> None:
        """Takes over what the file says now. at_once: somebody asked, and is told of a broken file again.

        Else a broken file is told of when it is still broken at the next look: many editors write a file in several steps.
        """
        if not at_once and not self.standing.rejected and not self._suspected and _fingerprint(self._files) == self._seen:
            return
        try:
            seen, found = self._read()
        except PolicyError as error:
            self._object(error.problems[0], len(error.problems), at_once)
            return
        except Exception as error:
            self._object(f"{self._path}: cannot be read ({type(error).__name__})", 1, at_once)
            return
        if found.policy.digest == self.cache.policy.digest:
            self._put(self.cache, found, seen)
            return
        try:
            made = PolicyCache(found.policy, self._compiler).prepare(self.cache)
            self._announcer.tell(POLICY_LOADED, "service", lambda tenant: self._loaded(tenant, found.policy))
        except (AuditUnavailable, SQLAlchemyError) as error:
            log.warning(
                "policy.not_swapped", role=self._role, reason="the log cannot be written", error=type(error).__name__
            )
            return  # nothing is answered while that lasts; the next look tries again
        except Exception as error:
            why = str(error) if isinstance(error, ModerationError) else type(error).__name__
            self._object(f"{self._path}: cannot be put in force: {why}", 1, at_once)
            return
        before = self.cache.policy
        self._put(made, found, seen)
        if _older(found.policy.version, before.version):
            log.warning("policy.older_version", role=self._role, version=found.policy.version, was=before.version)
        self._meter.policy_file(self._role, "loaded")
        log.info(
            "policy.loaded", role=self._role, version=found.policy.version, digest=found.policy.digest, was=before.digest
        )

    def _read(self) -> tuple[str, PolicyFile]:
        """The fingerprint is taken first: a file that changes while it is read is read again at the next look."""
        files = self._files
        while True:
            seen, found = _fingerprint(files), read_policy(self._path)
            if found.files == files:
                return seen, found
            files = found.files

    def _put(self, cache: PolicyCache, found: PolicyFile, seen: str) -> None:
        self._files, self._seen, self._suspected = found.files, seen, ""
        self.cache = cache
        self.standing = Standing(cache.policy.digest, cache.policy.version, "")
        self._meter.policy(self._role, cache.policy.digest, cache.policy.version)

    def _object(self, problem: str, problems: int, at_once: bool) -> None:
        """Says once that the file cannot be used: to the log, to the operators, to whoever looks at /readyz."""
        if problem == self.standing.rejected and not at_once:
            return
        if problem != self._suspected and not at_once:
            self._suspected = problem
            return
        try:
            self._announcer.tell(POLICY_REJECTED, "service", lambda tenant: self._rejected(tenant, problem, problems))
        except (AuditUnavailable, SQLAlchemyError) as error:
            log.warning("policy.rejection_not_recorded", role=self._role, error=type(error).__name__)
            return
        self._suspected = ""
        self.standing = dataclasses.replace(self.standing, rejected=problem)
        self._meter.policy_file(self._role, "rejected")
        log.error("policy.rejected", role=self._role, problem=problem, problems=problems, digest=self.standing.digest)

    def _loaded(self, tenant: str, after: Policy) -> Said:
        """Digests as this tenant's records show them (for callers of no audience), beside those of the whole document."""
        old, new = self.cache.policy.resolve(tenant), after.resolve(tenant)
        body = {
            "role": self._role,
            "before": {"digest": old.digest, "version": old.version, "document": self.cache.policy.digest},
            "after": {"digest": new.digest, "version": new.version, "document": after.digest},
        }
        return Said(body, {"before": old.digest, "after": new.digest, "role": self._role}, new.digest)

    def _rejected(self, tenant: str, problem: str, problems: int) -> Said:
        kept = self.cache.policy.resolve(tenant)
        body = {
            "role": self._role,
            "problem": problem[:1000],
            "problems": problems,
            "kept": {"digest": kept.digest, "version": kept.version, "document": self.cache.policy.digest},
        }
        return Said(body, {"kept": kept.digest, "role": self._role}, kept.digest)


class PolicyInForce:
    """What rules queries that begin now. Its thread looks at the files each second, and when `reload` asks for it.
    The lock guards the versions by digest."""

    def __init__(self, in_force: Document, candidate: Document | None = None) -> None:
        self._in_force, self._candidate = in_force, candidate
        self._closing, self._asked, self._wake = threading.Event(), threading.Event(), threading.Event()
        self._versions: LRUCache[str, str] = LRUCache(KEPT)
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._watch, name="policy-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def on(self, query: Query) -> PinnedPolicy:
        """Implements `orchestrator.judging.pinned_policy.PolicyFor`."""
        pinned = self._in_force.cache.on(query)
        if self._candidate is not None:
            pinned = dataclasses.replace(pinned, candidate=_tried(self._candidate, pinned, query))
        with self._lock:
            self._versions[pinned.digest] = pinned.version
        return pinned

    @property
    def policy(self) -> Policy:
        return self._in_force.cache.policy

    @property
    def standings(self) -> Mapping[str, Standing]:
        """By role: in force, candidate."""
        found = {"in force": self._in_force.standing}
        return found if self._candidate is None else {**found, "candidate": self._candidate.standing}

    @property
    def versions(self) -> Mapping[str, str]:
        """The versions of the policies that this process has judged by, by digest."""
        with self._lock:
            return {self.policy.digest: self.policy.version, **self._versions}

    def reload(self) -> None:
        """Looks at the files now, on the watcher's thread. May be called from a signal handler."""
        self._asked.set()
        self._wake.set()

    def close(self) -> None:
        self._closing.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def _watch(self) -> None:
        while True:
            self._wake.wait(EVERY_S)
            self._wake.clear()
            if self._closing.is_set():
                return
            at_once = self._asked.is_set()
            self._asked.clear()
            for document in (self._in_force, self._candidate):
                try:
                    if document is not None:
                        document.look(at_once=at_once)
                except Exception as error:  # whatever it is, what is in force stays so, and the next look comes
                    with suppress(OSError, ValueError):  # a full disk or a closed stream
                        log.error("policy.watch_failed", error=type(error).__name__)


def _tried(document: Document, pinned: PinnedPolicy, query: Query) -> CandidatePolicy | None:
    """The candidate for a query; None where it is the policy in force itself, or cannot be made: no reason to fail."""
    try:
        found = document.cache.on(query)
    except Exception as error:
        log.warning("shadow.no_ruling", error=type(error).__name__)
        return None
    return None if found.digest == pinned.digest else CandidatePolicy(found.digest, found.version, found.judges.rails)


def _older(version: str, before: str) -> bool:
    """Whether both are numbers, such as 2026.1, and the new one is the smaller: somebody may have put an old file back."""
    numbers = [re.fullmatch(r"\d{1,9}(?:\.\d{1,9}){0,5}", one) for one in (version, before)]
    if not all(numbers):
        return False
    now, was = ([int(part) for part in one.split(".")] for one in (version, before))
    return now < was


def _fingerprint(files: tuple[Path, ...]) -> str:
    """SHA-256 over the contents; a file that cannot be read has a mark of its own."""
    whole = hashlib.sha256()
    for path in files:
        try:
            content = path.read_bytes()
        except OSError as error:
            content = f"\x00unreadable {error.errno}".encode()
        whole.update(hashlib.sha256(content).digest())
    return whole.hexdigest()
