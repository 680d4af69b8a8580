"""Requests that are wrong in many ways, each with a person's words and an API key where the mistake is."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from urllib.parse import quote

NAME, IBAN = "Hollenstein", "DE89370400440532013000"
_GIVEN = ("Margarethe", "Mathilde", "Margit", "Marlies", "Martina")


class Words:
    """What a person types, never twice the same; and the head of a request."""

    def __init__(self, number: int, key: str) -> None:
        self._draw = random.Random(number)
        self.key = key

    def __str__(self) -> str:
        said = [self._draw.choice(_GIVEN), NAME, IBAN, self.key]
        self._draw.shuffle(said)
        return " ".join(["my name is", *said])

    def head(self, *lines: str, first: str = "POST /v1/chat HTTP/1.1", host: bool = True) -> bytes:
        every = [first, *(["Host: here"] if host else []), *lines, "", ""]
        return "\r\n".join(every).encode("utf-8", "surrogateescape")

    def got(self, path: str) -> bytes:
        return self.head(f"Authorization: Bearer {self.key}", first=f"GET {path} HTTP/1.1")

    def chunked(self) -> bytes:
        return self.head(f"Authorization: Bearer {self.key}", "Content-Type: application/json", "Transfer-Encoding: chunked")

    def asked(self, body: str | bytes, *lines: str, length: int | None = None) -> bytes:
        raw = body if isinstance(body, bytes) else body.encode("utf-8", "surrogateescape")
        size = len(raw) if length is None else length
        head = (f"Authorization: Bearer {self.key}", "Content-Type: application/json", f"Content-Length: {size}")
        return self.head(*head, *lines) + raw


Mistake = Callable[[Words], bytes]
MISTAKES: dict[str, Mistake] = {
    "words in the request's line": lambda w: w.head(first=f"GET /v1/chat?message={w} HTTP/1.1"),
    "words for a method": lambda w: w.head(first=f"{NAME.upper()} /v1/chat HTTP/1.1"),
    "a method in small letters": lambda w: w.head(first=f"{NAME.lower()} /{quote(str(w))} HTTP/1.1"),
    "words for a version": lambda w: w.head(first=f"GET / {NAME}/1.1"),
    "words alone": lambda w: f"{w}\r\n\r\n".encode(),
    "a header without its colon": lambda w: w.head(f"Authorization Bearer {w.key}"),
    "words for a header's name": lambda w: w.head(f"{w}: 1"),
    "a header with a control character": lambda w: w.head(f"X-Said: {w}\x00\x07"),
    "a header with a lone CR": lambda w: w.head(f"X-Said: a\r{w}"),
    "a folded header": lambda w: w.head("X-Said: a", f"  {w}"),
    "a header with an underscore": lambda w: w.head(f"X_SAID: {w}", f"SCRIPT_NAME: /{NAME}"),
    "a line that is too long": lambda w: w.head(first=f"GET /{quote(str(w)) * 60} HTTP/1.1"),
    "a header that is too long": lambda w: w.head(f"X-Said: {str(w) * 200}"),
    "too many headers": lambda w: w.head(*(f"X-{NAME}-{n}: {w}" for n in range(70))),
    "a body without a length": lambda w: w.head("Content-Type: application/json") + json.dumps({"message": str(w)}).encode(),
    "a body with too short a length": lambda w: w.asked(f"{w}\r\n{w}", length=3),
    "words for a length": lambda w: w.head(f"Content-Length: {w}"),
    "two lengths": lambda w: w.head("Content-Length: 3", f"Content-Length: {IBAN}") + str(w).encode(),
    "words for a transfer coding": lambda w: w.head(f"Transfer-Encoding: {NAME}"),
    "words for a chunk's size": lambda w: w.chunked() + f"{w}\r\n{w}\r\n0\r\n\r\n".encode(),
    "words after a chunk": lambda w: w.chunked() + f"3\r\n{w}\r\n0\r\n\r\n".encode(),
    "words for a chunk's extension": lambda w: w.chunked() + f"3;{w}\x01\r\nabc\r\n".encode(),
    "words for a trailer": lambda w: w.chunked() + f"0\r\n{w}\r\n\r\n".encode(),
    "words for an expectation": lambda w: w.head(f"Expect: {w}", "Content-Length: 2") + b"{}",
    "a line of the PROXY protocol": lambda w: f"PROXY TCP4 {NAME} {IBAN} 1 2\r\n".encode() + w.head(first="GET / HTTP/1.1"),
    "a preface of HTTP/2": lambda w: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + str(w).encode(),
    "no host": lambda w: w.head(f"X-Said: {w}", first="GET /v1/models HTTP/1.1", host=False),
    "words for a host": lambda w: w.head(f"Host: {w}", first="GET /review HTTP/1.1", host=False),
    "words for an address": lambda w: w.head(first=f"GET http://{NAME}/{IBAN} HTTP/1.1"),
    "words for a path": lambda w: w.got(f"/v1/documents/{quote(str(w))}"),
    "words for a receipt": lambda w: w.got(f"/v1/receipts/{quote(str(w))}"),
    "words in a query": lambda w: w.head(first=f"GET /review?before={quote(str(w))}&q={quote(str(w))} HTTP/1.1"),
    "words for a key": lambda w: w.head(f"Authorization: Bearer {w}", "Content-Length: 0"),
    "words for a scheme": lambda w: w.head(f"Authorization: {w}", "Content-Length: 0"),
    "words for a type": lambda w: w.head(
        f"Authorization: Bearer {w.key}", f"Content-Type: {w}", "Content-Length: 2"
    ) + b"{}",
    "no JSON": lambda w: w.asked(str(w)),
    "JSON that breaks off": lambda w: w.asked(json.dumps({"message": str(w)})[:-2]),
    "no UTF-8": lambda w: w.asked(b'{"message": "\xff\xfe ' + str(w).encode() + b'"}'),
    "a field nobody knows": lambda w: w.asked(json.dumps({"message": "Hi?", str(w): 1})),
    "words for a language": lambda w: w.asked(json.dumps({"message": "Hi?", "language": str(w)})),
    "words for a conversation": lambda w: w.asked(json.dumps({"message": "Hi?", "conversation_id": str(w)})),
    "words for groups": lambda w: w.asked(json.dumps({"message": "Hi?", "groups": [str(w)]})),
    "half a character": lambda w: w.asked('{"message": "' + str(w) + '\\ud800"}'),
    "a trace that is none": lambda w: w.asked('{"message": "Hi?"}', f"traceparent: {w}", f"tracestate: {w}"),
    "words for a trace's state": lambda w: w.asked(
        '{"message": "Hi?"}', f"traceparent: 00-{'ab' * 16}-{'cd' * 8}-01", f"tracestate: {w}"
    ),
    "a trace's state that is one": lambda w: w.asked(
        '{"message": "Hi?"}', f"traceparent: 00-{'ab' * 16}-{'cd' * 8}-01", f"tracestate: vendor={NAME},{IBAN.lower()}=1"
    ),
    "words for a language's header": lambda w: w.asked('{"message": "Hi?"}', f"Accept-Language: {w};q={w}"),
    "words in cookies and elsewhere": lambda w: w.asked(
        '{"message": "Hi?"}', f"Cookie: countersign_review={w}", f"User-Agent: {w}", f"Referer: {w}", f"Origin: {w}"
    ),
    "a form that is none": lambda w: w.head(
        f"Content-Type: multipart/form-data; boundary={NAME}", "Content-Length: 60", first="POST /review/sign-in HTTP/1.1"
    ) + str(w).encode()[:60],
    "a request that breaks off": lambda w: w.asked(str(w), length=10_000),
}  # fmt: skip


def malformed(count: int, key: str) -> Iterator[tuple[str, bytes]]:
    """What is wrong, and the bytes; all mistakes in turn."""
    names = list(MISTAKES)
    for number in range(count):
        name = names[number % len(names)]
        yield name, MISTAKES[name](Words(number, key))
