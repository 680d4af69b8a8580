"""Keys, tokens and passwords: what is found, what only looks like one, and that none leaves in pieces.

The values are made here, with the checksums of their formats where they have one; none was ever anybody's. They are put
together from parts so that no scanner of repositories takes this file for a leak.
"""

from __future__ import annotations

import base64
import json
import random
import string
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.gate import Halt, Release, StreamGate
from moderation.heads.head import Heads
from moderation.pii.redactor import Pseudonyms, Redactor
from moderation.policy import Policy, load_policy
from moderation.rails import Rails
from moderation.rails.base import Seen
from moderation.secrets import find
from moderation.types import Allow, Block, Direction, Redact

pytest_plugins = ("tests.support.pii_fixtures",)
NOTHING = np.zeros(384, np.float32)
LETTERS = string.ascii_letters + string.digits


def made(alphabet: str, length: int, seed: int = 7) -> str:
    return "".join(random.Random(seed).choices(alphabet, k=length))


def base62(number: int) -> str:
    digits = string.digits + string.ascii_uppercase + string.ascii_lowercase
    return "".join(digits[number // 62**place % 62] for place in range(5, -1, -1))


def checked(prefix: str) -> str:
    body = made(LETTERS, 30)
    return prefix + body + base62(zlib.crc32(body.encode()))


def web_token() -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": "4711", "role": "admin"})
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*coded, made(LETTERS + "-_", 43)])


def private_key(kind: str = "RSA PRIVATE KEY", lines: int = 12) -> str:
    body = "\n".join(made(LETTERS + "+/", 64, seed) for seed in range(lines))
    return f"-----BEGIN {kind}-----\n{body}\n{made(LETTERS, 22)}==\n-----END {kind}-----"


SECRETS: dict[str, str] = {
    "AWS access key": "AKIA" + made(string.ascii_uppercase + "234567", 16),
    "Google API key": "AIza" + made(LETTERS + "-_", 35),
    "Azure client secret": made(LETTERS, 3) + "8Q~" + made(LETTERS + "-_", 34),
    "GitHub token": checked("ghp_"),
    "GitHub fine-grained token": "github_pat_" + made(LETTERS, 22) + "_" + made(LETTERS, 59),
    "GitLab token": "glpat-" + made(LETTERS, 20),
    "npm token": checked("npm_"),
    "PyPI token": "pypi-" + "AgEIcHlwaS5vcmc" + made(LETTERS, 120),
    "Stripe key": "sk_" + "live_" + made(LETTERS, 24),
    "webhook signing secret": "whsec_" + made(LETTERS, 32),
    "Slack token": "xoxb-" + made(string.digits, 12) + "-" + made(string.digits, 12) + "-" + made(LETTERS, 24),
    "Telegram token": made("123456789", 9) + ":AA" + made(LETTERS, 33),
    "SendGrid key": "SG." + made(LETTERS, 22) + "." + made(LETTERS, 43),
    "model provider's key": "sk-" + "proj-" + made(LETTERS, 48),
    "Hugging Face token": "hf_" + made(string.ascii_letters, 34),
    "Countersign key": "cs_" + made(LETTERS, 43),
    "JSON Web Token": web_token(),
    "private key": private_key(),
}


def loudly(text: str) -> str:
    """What would be released of a text, its secrets replaced."""
    for secret in reversed(find(text)):
        text = text[: secret.start] + "[SECRET]" + text[secret.end :]
    return text


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_of_a_published_form_is_found_whole_and_by_its_name(kind: str) -> None:
    text = f"Please look at this: {SECRETS[kind]}\nWhat is wrong with it?"
    (found,) = find(text)
    assert text[found.start : found.end] == SECRETS[kind]
    assert found.kind == kind
    assert found.probability >= 0.9


def test_a_checksum_that_holds_makes_sure_and_one_that_does_not_makes_doubtful() -> None:
    (right,) = find(checked("ghp_"))
    (wrong,) = find(checked("ghp_")[:-1] + ("a" if checked("ghp_")[-1] != "a" else "b"))
    assert right.probability == 0.99
    assert wrong.probability == 0.6


def test_the_checksum_is_the_one_that_github_documents() -> None:
    """The token that was published, long revoked, with the description of the format."""
    (found,) = find("ghp_" + "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ" + "0mLq17")
    assert found.probability == 0.99


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("postgresql://svc:Tr0ub4dor@db.internal:5432/ledger", "Tr0ub4dor"),
        ("Server=db;User Id=sa;Password=Winter#2031;Encrypt=true", "Winter#2031"),
        ("DB_PASSWORD='correct horse 9'", "correct horse 9"),
        ("my password is Sommer2024!", "Sommer2024!"),
        ("Mein Passwort lautet Sommer2024!", "Sommer2024!"),
        ("client_secret: " + made(LETTERS, 32), made(LETTERS, 32)),
        ("curl -H 'Authorization: Bearer " + made(LETTERS, 40) + "' https://api.bank.example", made(LETTERS, 40)),
        (
            "Authorization: Basic " + base64.b64encode(b"anna:Winter2031").decode(),
            base64.b64encode(b"anna:Winter2031").decode(),
        ),
        ("My PIN is 4821, is the card blocked?", "4821"),
        ("After the conference call I saw that the CVV is 482", "482"),
        ("the one-time code for the transfer is 493021", "493021"),
        ("AccountKey=" + made(LETTERS + "+/", 86) + "==;EndpointSuffix=core", made(LETTERS + "+/", 86) + "=="),
    ],
)
def test_a_secret_is_found_by_what_stands_beside_it(text: str, secret: str) -> None:
    assert [text[one.start : one.end] for one in find(text)] == [secret]


@pytest.mark.parametrize(
    "text",
    [
        "Set the key to sk-xxxxxxxxxxxxxxxxxxxxxxxx in the file.",
        "OPENAI_API_KEY=<your key>",
        "api_key = os.environ['BANK_API_KEY']",
        'token: "${TOKEN}"',
        "password: {{ vault_password }}",
        "The example key of the manual is " + "AKIAIOSFODNN7" + "EXAMPLE.",
        "ghp_" + "x" * 36,
        "sk-" + "0123456789abcdefghijklmnopqrstuv",
        "The password is case-sensitive and needs at least 8 characters.",
        "I forgot my password: what should I do now?",
        "My password isn't working.",
        "What is your API key policy?",
        "A PIN has 4 digits; the PIN is sent by post.",
        "The secret is to save early.",
        "the token: ERC-20",
        "Leaf 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 is in the log.",
        "My IBAN is DE89 3704 0044 0532 0130 00 and my card ends in 4242.",
        "Trace 4bf92f3577b34da6a3ce929d0e0e4736, query q_01JD3Z9XK2M4N6P8R0T2V4W6Y8.",
        "-----BEGIN CERTIFICATE-----\n" + "\n".join(made(LETTERS + "+/", 64, seed) for seed in range(4)),
        "-----BEGIN PRIVATE KEY----- is the first line of such a file.",
        "pass the key to <SECRET_1> [SECRET]",
        "A replay of the earnings call is available at (877) 660-6853; the passcode is 4417726.",
        "Dial in at (800) 274-8461 toll-free, PIN: 47399.",
    ],
)
def test_a_placeholder_an_example_and_plain_talk_pass(text: str) -> None:
    assert find(text) == []


DISGUISES: dict[str, Callable[[str], str]] = {
    "zero-width spaces": lambda secret: "\u200b".join(secret),
    "full-width": lambda secret: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in secret),
    "spelt out": " ".join,
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64url": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    "hex": lambda secret: secret.encode().hex(),
    "hex, spaced": lambda secret: secret.encode().hex(" "),
}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_disguised_secret_is_found(disguise: str) -> None:
    hidden = DISGUISES[disguise](SECRETS["Stripe key"])
    text = f"Here it is: {hidden} and no more."
    assert loudly(text) == "Here it is: [SECRET] and no more."


def policy(**changes: object) -> Policy:
    tree = load_policy().model_dump(mode="json")
    tree["rails"]["secrets"] |= changes
    return Policy.model_validate(tree)


def test_an_answers_secret_is_replaced_and_the_verdict_does_not_repeat_it(heads: Heads) -> None:
    text = f"The key is {SECRETS['Stripe key']}, do not share it."
    verdict = Rails(load_policy(), heads).judge("secrets", Seen(Direction.OUTPUT, text, NOTHING))
    assert isinstance(verdict, Redact)
    assert verdict.text == "The key is [SECRET], do not share it."
    assert verdict.finding.category == "key"
    assert SECRETS["Stripe key"] not in repr(verdict)


def test_a_question_that_lost_its_secret_passes_or_is_refused_as_the_policy_says(heads: Heads) -> None:
    text = "My key [SECRET] does not work."
    kept = Rails(load_policy(), heads).judge("secrets", Seen(Direction.INPUT, text, NOTHING))
    assert isinstance(kept, Allow)
    assert kept.finding.reason.startswith("1 removed")
    refused = Rails(policy(action="block"), heads).judge("secrets", Seen(Direction.INPUT, text, NOTHING))
    assert isinstance(refused, Block)


def test_secrets_go_first_unless_the_policy_takes_no_offence_at_them() -> None:
    assert "SECRET" in load_policy().redacted_first
    assert "SECRET" in policy(action="block").redacted_first
    assert "SECRET" not in policy(action={"input": "allow", "output": "redact"}).redacted_first
    assert "SECRET" not in policy(enabled=False).redacted_first


def released(rails: Rails, answer: str, sizes: list[int]) -> str:
    """What the gate and the secrets rail let out of an answer that comes in chunks of these sizes, over and over."""
    gate, out, at = StreamGate(), [], 0
    gate.input_verdict(True)
    turn = 0
    while True:
        size = sizes[turn % len(sizes)]
        turn += 1
        segments = gate.feed(answer[at : at + size]) if at < len(answer) else gate.close()
        for segment in segments:
            verdict = rails.judge("secrets", Seen(Direction.OUTPUT, segment.text, NOTHING, segment.context))
            result = gate.verdict(segment.id, verdict)
            assert not isinstance(result, Halt)
            out += [one.text for one in result if isinstance(one, Release)]
        if at >= len(answer):
            return "".join(out)
        at += size


@pytest.fixture(scope="module")
def shipped() -> Rails:
    return Rails(load_policy(), Heads.load())


@pytest.mark.parametrize("kind", [kind for kind in SECRETS if kind != "private key"])
def test_a_secret_never_leaves_at_whichever_character_its_chunks_are_cut(shipped: Rails, kind: str) -> None:
    secret = SECRETS[kind]
    answer = f"The settings are as follows. Use {secret} for the first call. Then ask again."
    for cut in range(1, len(answer), 3):
        out = released(shipped, answer, [cut, len(answer)])
        assert all(secret[at : at + 12] not in out for at in range(len(secret) - 11)), cut
        assert out.startswith("The settings are as follows. ")
        assert out.endswith("Then ask again.")


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(sorted(SECRETS)),
    padding=st.integers(0, 420),
    sizes=st.lists(st.integers(1, 90), min_size=1, max_size=6),
)
def test_no_twelve_characters_of_a_secret_leave_wherever_it_stands(
    shipped: Rails, kind: str, padding: int, sizes: list[int]
) -> None:
    secret = SECRETS[kind]
    answer = ("word " * 100)[:padding].rstrip() + f" {secret} and that is all."
    out = released(shipped, answer, sizes)
    body = secret.replace("-----BEGIN RSA PRIVATE KEY-----", "").replace("-----END RSA PRIVATE KEY-----", "")
    assert all(body[at : at + 12] not in out for at in range(len(body) - 11))


def test_a_key_longer_than_any_segment_does_not_leave_by_its_end(shipped: Rails) -> None:
    keys = (web_token() + made(LETTERS, 900, 3), private_key(lines=40), "sk-ant-" + made(LETTERS, 700, 5))
    for secret in keys:
        out = released(shipped, f"Here you are: {secret} Good luck with it.", [50])
        assert all(secret[at : at + 16] not in out for at in range(40, len(secret) - 56))


def test_judging_is_linear_in_what_somebody_may_send() -> None:
    """Texts that would keep a careless pattern busy for hours; the test ends at all only if none of ours is."""
    for text in ("-----BEGIN PRIVATE KEY-----" + "a" * 20_000, "eyJ-" * 5_000, "key_" * 5_000 + "=", "password is " * 2_000):
        find(text)


@pytest.mark.models
def test_a_typed_secret_is_gone_from_the_text_and_from_the_pseudonyms(redactor: Redactor) -> None:
    pseudonyms = Pseudonyms()
    secret = SECRETS["GitHub token"]
    redaction = redactor.redact(f"I am Anna Meyer, my token {secret} fails and my password is Sommer2024!", pseudonyms)
    assert redaction.text.count("[SECRET]") == 2
    assert redaction.counts["SECRET"] == 2
    assert secret.encode() not in pseudonyms.dump()
    assert b"Sommer2024" not in pseudonyms.dump()
    assert "<PERSON_1>" in redaction.text


@pytest.mark.models
def test_a_connection_string_is_a_secret_before_it_is_an_address(redactor: Redactor) -> None:
    text = "It says postgresql://svc:Tr0ub4dor@db.example.com:5432/ledger refused."
    assert "Tr0ub4dor" not in redactor.redact(text, Pseudonyms()).text
