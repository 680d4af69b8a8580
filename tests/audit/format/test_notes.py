"""Notes, checkpoints and cosignatures: against keys and notes that others published, and against every changed bit."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit.errors import NoteRefused
from audit.format.notes import (
    COSIGNATURE,
    MAX_NOTE,
    Checkpoint,
    Note,
    SecretKey,
    Signature,
    VerifierKey,
    open_checkpoint,
    verified,
)

# The key pair, text and signatures of the documentation of golang.org/x/mod/sumdb/note.
PETER_SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
QUOTE = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
BY_PETER = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
BY_ENOCH = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"

# The example of c2sp.org/signed-note.
C2SP = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)

# Checkpoints that Go's checksum database published, and its key.
SUMDB = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
SUMDB_NOTES = {
    6476701: "go.sum database tree\n6476701\nmb8QLQIs0Z0yP5Cstq6guj87oXWeC9gEM8oVikmm9Wk=\n\n— sum.golang.org "
    "Az3grsLX85Gz+s1SiTbgkuqxgItqFq7gsMUEyVnrsa9LM7Us9S+1xbFIGu95949rj4nPRYfvimWEPWL+o3GeoWwOoAw=\n",
    28891140: "go.sum database tree\n28891140\n++pUIeKTwGvykMUkmM3AT97PwQipMT6H/p7t86E0Sp0=\n\n— sum.golang.org "
    "Az3grqNvOILDz7xwAKugtVFZwd+I9IyB/mHrUYzcVaS9zKsRVdRLNGLFpnAcLhyoBBkdIYEzK/+7Eu4wanYttLrPsQo=\n",
}

# The cosignature in the example of c2sp.org/tlog-cosignature, whose signed message there says "time 1679315147".
COSIGNED_EXAMPLE = (
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe"
    "+mbIUBkBIfZ+qnA==\n"
)

LOG = SecretKey("log.example/audit", bytes(range(32)))
WITNESS = SecretKey("witness.example/w1", bytes(range(1, 33)), COSIGNATURE)
CHECKPOINT = Checkpoint("log.example/audit/acme/e1", 7, bytes(range(100, 132)))


def cosigned() -> Note:
    text = CHECKPOINT.text()
    return Note(text, (LOG.sign(text), WITNESS.sign_at(text, 1_700_000_000)))


def test_the_published_secret_key_has_the_published_public_key_and_makes_the_published_signature() -> None:
    key = SecretKey.parse(PETER_SECRET)
    assert str(key.key) == PETER
    assert key.sign(QUOTE).line() == BY_PETER
    assert key.dump() == PETER_SECRET


def test_published_notes_verify_and_lines_of_unknown_keys_are_passed_over() -> None:
    peter, enoch = VerifierKey.parse(PETER), VerifierKey.parse(ENOCH)
    note = Note.parse(f"{QUOTE}\n{BY_PETER}{BY_ENOCH}")
    assert set(verified(note, [peter])) == {PETER}
    assert set(verified(note, [enoch, peter])) == {PETER, ENOCH}
    assert note.text == QUOTE
    assert set(verified(Note.parse(C2SP_NOTE), [VerifierKey.parse(C2SP)])) == {C2SP}


@pytest.mark.parametrize("size", SUMDB_NOTES)
def test_checkpoints_of_the_go_checksum_database_are_read(size: int) -> None:
    checkpoint, note = open_checkpoint(SUMDB_NOTES[size], [VerifierKey.parse(SUMDB)])
    assert (checkpoint.origin, checkpoint.size) == ("go.sum database tree", size)
    assert checkpoint.text() == note.text
    assert note.dump() == SUMDB_NOTES[size]


def test_a_cosignature_line_of_the_specification_tells_its_time_and_key() -> None:
    (line,) = Note.parse("text\n\n" + COSIGNED_EXAMPLE).signatures
    assert (line.name, line.key_hash.hex(), line.time) == ("witness.example.com/w1", "8d66cf3f", 1679315147)


def test_a_cosignature_is_over_the_message_that_the_specification_spells_out() -> None:
    line = cosigned().signatures[1]
    message = f"cosignature/v1\ntime 1700000000\n{CHECKPOINT.text()}"
    Ed25519PublicKey.from_public_bytes(WITNESS.key.public).verify(line.blob[8:], message.encode())
    assert line.blob[:8] == (1_700_000_000).to_bytes(8, "big")


def test_a_log_key_and_a_witness_key_of_the_same_bytes_do_not_stand_in_for_each_other() -> None:
    same = SecretKey(WITNESS.key.name, bytes(range(1, 33)))
    assert same.key.public == WITNESS.key.public
    assert same.key.hash != WITNESS.key.hash
    with pytest.raises(NoteRefused, match="no given key"):
        open_checkpoint(cosigned().dump(), [WITNESS.key])


def test_no_changed_bit_of_a_cosigned_checkpoint_goes_unnoticed() -> None:
    keys = [LOG.key, WITNESS.key]
    whole = cosigned().dump().encode()
    assert len(verified(Note.parse(whole), keys)) == 2
    unnoticed = []
    for position in range(len(whole)):
        for bit in range(8):
            changed = bytearray(whole)
            changed[position] ^= 1 << bit
            try:
                found = verified(Note.parse(bytes(changed)), keys)
            except NoteRefused:
                continue
            if len(found) == 2:
                unnoticed.append((position, bit))
    assert unnoticed == []


def test_a_bad_line_of_a_trusted_key_spoils_a_note_that_another_key_signed() -> None:
    text = CHECKPOINT.text()
    good = SecretKey.generate("log.example/audit")
    forged = Signature(LOG.key.name, LOG.key.hash, bytes(64))
    note = Note(text, (good.sign(text), forged)).dump()
    open_checkpoint(note, [good.key])
    with pytest.raises(NoteRefused, match="does not fit"):
        open_checkpoint(note, [good.key, LOG.key])


@pytest.mark.parametrize("line", [BY_PETER, BY_ENOCH])
def test_a_signature_line_has_one_form_alone(line: str) -> None:
    """Base64 leaves bits unused before its padding: with them set, the line decodes to the same signature."""
    last = line.rindex("=") - 1
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    accepted = []
    for letter in alphabet:
        changed = f"{QUOTE}\n{line[:last]}{letter}{line[last + 1 :]}"
        try:
            if verified(Note.parse(changed), [VerifierKey.parse(PETER), VerifierKey.parse(ENOCH)]):
                accepted.append(letter)
        except NoteRefused:
            pass
    assert accepted == [line[last]]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty line"),
        (b"text\n", "empty line"),
        (QUOTE + BY_PETER, "empty line"),
        (f"{QUOTE}\n{BY_PETER}"[:-1], "last newline"),
        (f"{QUOTE}\n", "signature line|empty line|last newline"),
        (f"{QUOTE}\n{BY_PETER}junk\n", "signature line"),
        (f"{QUOTE}\n{BY_PETER[:-1]}\u2028{BY_ENOCH}", "signature line"),
        (f"{QUOTE}\n- PeterNeumann x08go/ZJ\n", "signature line"),
        (f"{QUOTE}\n— PeterNeumann x08go8==\n", "signature line"),
        (f"{QUOTE}\n— Peter+Neumann x08go/ZJ\n", "name"),
        (f"{QUOTE}\n— Peter\u2003Neumann x08go/ZJ\n", "name"),
        (f"a\x00b\n\n{BY_PETER}", "control"),
        (f"a\r\n\n{BY_PETER}", "control"),
        (f"{QUOTE}\n{BY_PETER}".encode() + b"\xff\n", "UTF-8"),
        (f"\ud800\n\n{BY_PETER}", "UTF-8"),
        (b"x" * (MAX_NOTE + 1), "bytes is not read"),
        (f"{QUOTE}\n" + BY_PETER * 101, "signatures is not read"),
    ],
)
def test_what_is_no_note_is_refused_with_the_reason(data: str | bytes, why: str) -> None:
    with pytest.raises(NoteRefused, match=why):
        Note.parse(data)


@pytest.mark.parametrize(
    "text",
    [
        "o\n07\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "o\n+7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "o\n1_0\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "o\n٧\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "o\n-1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        f"o\n{1 << 63}\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        f"o\n{'9' * 5000}\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "o\n7\n",
        "o\n7\nAAAA\n",
        "o\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n",
        "o\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "o\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\nmore\n",
        "\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
    ],
)
def test_a_checkpoint_has_one_form_alone(text: str) -> None:
    with pytest.raises(NoteRefused, match="not a checkpoint"):
        Checkpoint.parse(text)


def test_extension_lines_of_a_checkpoint_are_kept_and_signed() -> None:
    extended = Checkpoint("o", 1, bytes(32), ("one", "two"))
    assert Checkpoint.parse(extended.text()) == extended
    assert extended.text().endswith("one\ntwo\n")


def test_no_part_or_mangled_form_of_a_verifier_key_is_a_key() -> None:
    for first in range(len(PETER) + 1):
        for last in range(first + 1, len(PETER) + 1):
            if (first, last) != (0, len(PETER)):
                with pytest.raises(NoteRefused):
                    VerifierKey.parse(PETER[first:last])
    for position in range(len(PETER)):
        for bit in range(7):
            changed = PETER[:position] + chr(ord(PETER[position]) ^ (1 << bit)) + PETER[position + 1 :]
            with pytest.raises(NoteRefused):
                VerifierKey.parse(changed)


@pytest.mark.parametrize(
    "text",
    [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",  # too long, its hash put right
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",  # unknown algorithm, its hash put right
        "",
        "++",
    ],
)
def test_keys_of_another_kind_are_refused(text: str) -> None:
    with pytest.raises(NoteRefused):
        VerifierKey.parse(text)


def test_a_refused_signing_key_is_not_repeated_in_the_message() -> None:
    secret = PETER_SECRET[:-1] + "A"
    with pytest.raises(NoteRefused) as refused:
        SecretKey.parse(secret)
    assert base64.b64encode(b"\x01").decode()[:2] not in str(refused.value)
    assert PETER_SECRET[34:50] not in str(refused.value)


def test_a_cosignature_that_is_too_short_or_of_an_impossible_time_is_refused() -> None:
    text = CHECKPOINT.text()
    for blob in (b"", b"x" * 7, b"x" * 64, WITNESS.sign_at(text, 1 << 63).blob):
        with pytest.raises(NoteRefused):
            WITNESS.key.check(text, Signature(WITNESS.key.name, WITNESS.key.hash, blob))


def test_a_signature_is_added_to_a_note_once() -> None:
    note = cosigned()
    assert note.plus(note.signatures) == note
    assert Note.parse(note.dump()) == note
