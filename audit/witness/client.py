"""The log's side of witnessing: offers checkpoints, proves what lies between, and takes only good cosignatures.

Invariant: nothing that a witness does, says or leaves undone stops the log or gets into its records: an answer is
a cosignature by the expected key over the offered text, or an error with the reason.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from typing import Any

import httpx

from audit.errors import AuditError, NoteRefused, WitnessAhead, WitnessFailed, WitnessRefused
from audit.format.notes import COSIGNATURE, MAX_SIZE, Checkpoint, Note, Signature, VerifierKey, verified
from audit.witness.rules import MAX_OFFER, SIZE_TYPE, Offer, origin_hash

Prove = Callable[[str, int, int], list[bytes]]
"""(origin, old size, new size) to a consistency proof; is asked for 0 < old < new alone, from the witness' thread."""

TRIES = 4  # several processes may offer one log's checkpoints at once
LONGEST_REST_S = 60.0
OFTEN = 5
_log = logging.getLogger(__name__)


class WitnessClient:
    """One witness. Used by one thread at a time; remembers what size the witness holds of each log."""

    def __init__(self, url: str, key: VerifierKey, prove: Prove, *, timeout_s: float = 5.0) -> None:
        """url: what comes before /add-checkpoint. timeout_s: for each step of an exchange, and for reading its answer."""
        if key.algorithm != COSIGNATURE:
            raise NoteRefused(f"{key} is a log's key; give the witness' own, as `countersign witness key` prints it")
        self.url, self.key = url.rstrip("/"), key
        self._prove, self._timeout_s = prove, timeout_s
        self._known: dict[str, int] = {}
        self._http = httpx.Client(timeout=timeout_s, trust_env=False, headers={"User-Agent": "countersign"})

    def offer(self, note: Note) -> Signature:
        """A cosignature of a signed checkpoint. Raises WitnessFailed, WitnessRefused or WitnessAhead."""
        checkpoint = Checkpoint.parse(note.text)
        origin, size = checkpoint.origin, checkpoint.size
        old = min(self._known.get(origin, 0), size)
        for _ in range(TRIES):
            proof = self._prove(origin, old, size) if 0 < old < size else []
            status, kind, body = self._exchange("POST", "/add-checkpoint", Offer.make(old, proof, note).dump())
            if status == 200:
                cosignature = self._cosignature(note, body)
                self._known[origin] = size
                return cosignature
            if status != 409 or kind != SIZE_TYPE:
                raise self._refusal(status, body, origin, size)
            old = self._told(body)
            if old > size:
                raise WitnessAhead(f"{self.key.name} cosigned {origin} at size {old}, and was offered {size}", old)
        raise WitnessFailed(f"{self.key.name} told another size {TRIES} times in a row; is somebody else offering {origin}?")

    def latest(self, origin: str) -> tuple[Checkpoint, Note] | None:
        """What the witness cosigned last of a log, None where it never did. Raises WitnessFailed.

        A log that starts with this behind or beside its own records was cut or rewritten while it was down.
        """
        status, _, body = self._exchange("GET", f"/{origin_hash(origin)}/checkpoint")
        if status == 404:
            return None
        try:
            note = Note.parse(body)
            checkpoint = Checkpoint.parse(note.text)
            good = status == 200 and checkpoint.origin == origin and verified(note, [self.key])
        except NoteRefused as refused:
            raise WitnessFailed(f"{self.url} answers what is no checkpoint: {refused}") from None
        if not good:
            raise WitnessFailed(f"{self.url} answers {status}, and no checkpoint of {origin} that {self.key.name} cosigned")
        return checkpoint, note

    def close(self) -> None:
        self._http.close()

    def _exchange(self, method: str, path: str, content: bytes | None = None) -> tuple[int, str, bytes]:
        ends = time.monotonic() + self._timeout_s
        body = b""
        try:
            with self._http.stream(method, self.url + path, content=content) as response:
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > MAX_OFFER or time.monotonic() > ends:
                        raise WitnessFailed(f"{self.url} answers too much or too slowly")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise WitnessFailed(f"{self.url} does not answer: {type(error).__name__} {error}".strip()) from error
        return response.status_code, response.headers.get("Content-Type", ""), body

    def _cosignature(self, note: Note, body: bytes) -> Signature:
        """Of all lines the one of the expected key; others are passed over (tlog-witness)."""
        try:
            found = verified(Note.parse(f"{note.text}\n".encode() + body), [self.key]).get(str(self.key))
        except NoteRefused as refused:
            raise WitnessFailed(f"{self.url} answers what is no cosignature of this checkpoint: {refused}") from None
        if found is None:
            raise WitnessFailed(f"{self.url} answers no cosignature by {self.key}; does another witness live there?")
        return found

    def _told(self, body: bytes) -> int:
        text = body[:32].decode("ascii", "replace")
        size = int(text) if text.strip().isascii() and text.strip().isdigit() else -1
        if text != f"{size}\n" or not 0 <= size < MAX_SIZE:
            raise WitnessFailed(f"{self.url} answers {text!r} where a size is expected")
        return size

    def _refusal(self, status: int, body: bytes, origin: str, size: int) -> AuditError:
        reason = ascii(body[:300].decode("utf-8", "replace").strip())[1:-1]
        said = f"{self.key.name} answers {status} to {origin} at size {size}: {reason}"
        if status in (409, 422):
            return WitnessRefused(said, contradicted=True)
        return WitnessRefused(said) if 400 <= status < 500 else WitnessFailed(said)


@dataclass(slots=True)
class Standing:
    """How it goes with one witness. last_good: seconds since 1970, 0 for never; contradicted: somebody must look."""

    name: str
    url: str
    last_good: float = 0.0
    failures: int = 0
    problem: str = ""
    contradicted: bool = False
    busy: bool = field(default=False, repr=False)
    rests_until: float = field(default=0.0, repr=False)


class Witnesses:
    """Asks all witnesses at once, and waits for them only so long. `_lock` owns the standings.

    A witness that is still busy with an earlier checkpoint, or rests after failing, is left out. A cosignature that comes
    after the wait is handed to `late`, from the witness' thread.
    """

    def __init__(
        self, clients: Sequence[WitnessClient], *, wait_s: float = 1.0, late: Callable[[Note], None] | None = None
    ) -> None:
        self._clients = [(one, Standing(one.key.name, one.url)) for one in clients]
        self._wait_s, self._late = wait_s, late
        self._lock = threading.Lock()

    def offer(self, note: Note) -> Note:
        """The note with the cosignatures that came in time. Never raises for what a witness does."""
        asked = [self._ask(client, standing, note) for client, standing in self._clients if self._take(standing)]
        wait_for(asked, timeout=self._wait_s)
        came = []
        for one in asked:
            if not one.cancel() and (found := one.result()):  # cancelled: it came too late for this note
                came.append(found)
        return note.plus(came)

    def standings(self) -> list[Standing]:
        with self._lock:
            return [
                Standing(one.name, one.url, one.last_good, one.failures, one.problem, one.contradicted)
                for _, one in self._clients
            ]

    def close(self) -> None:
        for client, _ in self._clients:
            client.close()

    def _take(self, standing: Standing) -> bool:
        with self._lock:
            if standing.busy or time.monotonic() < standing.rests_until:
                return False
            standing.busy = True
            return True

    def _ask(self, client: WitnessClient, standing: Standing, note: Note) -> Future[Signature | None]:
        promised: Future[Signature | None] = Future()

        def ask() -> None:
            found: Signature | None = None
            problem: Exception | None = None
            try:
                found = client.offer(note)
            except Exception as error:
                problem = error
            self._settle(standing, problem)
            if promised.set_running_or_notify_cancel():
                promised.set_result(found)
            elif found is not None and self._late is not None:
                self._late(note.plus([found]))

        threading.Thread(target=ask, name=f"witness {client.key.name}", daemon=True).start()
        return promised

    def _settle(self, standing: Standing, problem: Exception | None) -> None:
        with self._lock:
            standing.busy = False
            if problem is None:
                standing.last_good, standing.failures, standing.problem = time.time(), 0, ""
                standing.rests_until = 0.0
                return
            standing.failures += 1
            standing.problem = f"{type(problem).__name__}: {problem}"
            standing.contradicted |= isinstance(problem, WitnessRefused) and problem.contradicted
            overtaken = isinstance(problem, WitnessAhead) and standing.failures < OFTEN  # by another process of this log
            if not overtaken:
                standing.rests_until = time.monotonic() + min(2.0**standing.failures, LONGEST_REST_S)
        level = logging.INFO if overtaken else logging.ERROR if standing.contradicted else logging.WARNING
        _log.log(level, "no cosignature by %s: %s", standing.name, standing.problem)


def witnesses_from(lines: Sequence[str], prove: Prove, **options: Any) -> Witnesses:
    """Of settings: each line a URL, a space, and the key that `countersign witness key` printed. Raises NoteRefused."""
    clients = []
    for line in lines:
        url, _, key = line.strip().partition(" ")
        if not url.startswith(("http://", "https://")) or not key:
            raise NoteRefused(f"witness {line.strip()[:80]!r} is not a URL, a space, and the witness' public key")
        clients.append(WitnessClient(url, VerifierKey.parse(key), prove))
    return Witnesses(clients, **options)
