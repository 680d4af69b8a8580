"""A second verifier of bundles, written from docs/audit-bundle.md alone: `Verifier(…).found` is what is wrong.

Invariant: it shares no code with the first, and imports only the standard library and `cryptography`.
"""

import hmac
import json
import re
from base64 import b64decode, b64encode
from contextlib import suppress
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

HEADER = {"format": str, "log": str, "origin": str, "checkpoint": str, "selection": dict, "made": int}
CHOSEN = {"query": str, "conversation": str, "subject": str, "from": int, "to": int}
EVENT = {"seq": int, "envelope": str, "proof": list, "leaf": str, "sealed": str, "opened": dict, "erased": bool}
MALFORMED = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


def need(condition):
    if not condition:
        raise ValueError("malformed")


def unbase64(text, size=None):
    raw = b64decode(text, validate=True)
    need(b64encode(raw).decode() == text and size in (None, len(raw)))
    return raw


def members(told, types, *needed):
    """An object whose members are of the types that the format gives."""
    need(set(needed) <= told.keys() and all(type(told[name]) is types[name] for name in types.keys() & told.keys()))
    return told


def strict(raw):
    """The value of canonical JSON, which holds no numbers but whole ones of 53 bits."""
    value = json.loads(raw.decode("utf-8"), parse_float=int, parse_constant=int)  # int refuses "1.5" and "NaN"
    need(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8") == raw)
    json.loads(raw, parse_int=lambda text: need(abs(int(text)) < 2**53))
    return value


def read_note(whole):
    text, blank, rest = whole.rpartition("\n\n")
    lines = [re.fullmatch(r"— (\S+) (\S+)", line) for line in rest[:-1].split("\n")]
    need(blank and rest.endswith("\n"))
    return text + "\n", [(line[1], unbase64(line[2])) for line in lines]


def read_checkpoint(whole):
    note = read_note(whole)
    found = re.fullmatch(r"([^\n]+)\n(0|[1-9][0-9]*)\n([^\n]+)\n(?:[^\n]+\n)*", note[0])
    return note, found[1], int(found[2]), unbase64(found[3], 32)


def signers(note, keys):
    """Which keys signed; None where the line of one of them is bad."""
    good = set()
    for key in keys:
        name, digest, encoded = key.split("+", 2)
        raw = b64decode(encoded)
        assert sha256(name.encode() + b"\n" + raw).hexdigest()[:8] == digest, key
        for blob in (blob for signer, blob in note[1] if (signer, blob[:4].hex()) == (name, digest)):
            time = b"cosignature/v1\ntime %d\n" % int.from_bytes(blob[4:12], "big") if raw[0] == 4 else b""
            try:
                Ed25519PublicKey.from_public_bytes(raw[1:]).verify(blob[12 if time else 4 :], time + note[0].encode())
            except InvalidSignature:
                return None
            good.add(key)
    return good


def node(left, right):
    return sha256(b"\1" + left + right).digest()


def tree_hash(leaves):
    """MTH of RFC 9162, 2.1.1, over leaf hashes."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"").digest()
    cut = 1 << (len(leaves) - 1).bit_length() - 1
    return node(tree_hash(leaves[:cut]), tree_hash(leaves[cut:]))


def walk(index, size, path, start, leaf=False, first=True):
    """Roots without and with what is right of a leaf (PATH, RFC 9162, 2.1.3.1) or of an older tree's end (SUBPROOF)."""
    if size == 1 if leaf else index == size - 1:
        need(len(path) == (not leaf and not first))
        return [start, start] if leaf or first else path * 2
    cut = 1 << (size - 1).bit_length() - 1
    if index < cut:
        without, within = walk(index, cut, path[:-1], start, leaf, first)
        return [without, node(within, path[-1])]
    return [node(path[-1], one) for one in walk(index - cut, size - cut, path[:-1], start, leaf, False)]


class Verifier:
    def __init__(self, data, keys, witnesses=(), needed=None, policies=(), held=(), origin=None):
        self.keys, self.policies, self.held = keys, policies, held
        self.found, self.seen, self.leaves, self.manifest = set(), [], {}, False  # found: (word, event's number or None)
        lines, at, vouching = data.split(b"\n"), 0, set(witnesses)
        try:
            self.head = head = members(strict(lines[0]), {**HEADER, "consistency": list}, *HEADER)
            need((head.get("line"), head["format"]) == ("header", "countersign-bundle/v1"))
            need(members(head["selection"], CHOSEN).keys() <= CHOSEN.keys())
            earlier = [members(one, {"size": int, "proof": list}, "size", "proof") for one in head.get("consistency", [])]
            self.proofs = {one["size"]: [unbase64(item, 32) for item in one["proof"]] for one in earlier}
            need(len(self.proofs) == len(earlier))
            note, said, self.size, self.root = read_checkpoint(head["checkpoint"])
        except MALFORMED:
            self.claim(False, "malformed")
            return
        self.signed(note)
        good = [signers(note, [one]) for one in vouching]
        self.claim(None not in good, "bad-signature")
        self.claim(sum(map(bool, good)) >= (len(vouching) if needed is None else needed), "uncosigned")
        fits = re.fullmatch(f".+/audit/{re.escape(head['log'])}/e[1-9][0-9]*", said)
        self.claim(said == head["origin"] and fits and origin in (None, said), "wrong-origin")
        self.claim(lines.pop() == b"", "malformed")
        for raw in lines:
            self.where = None
            try:
                need(not self.manifest and len(raw) < 16 << 20)
                self.line(strict(raw), data[:at])
            except MALFORMED:
                self.claim(False, "malformed", self.where)
            at += len(raw) + 1
        self.claim(self.manifest, "missing")
        self.tree(said, [one for one in self.seen if one < self.size])

    def claim(self, true, word, seq=None):
        self.found |= set() if true else {(word, seq)}

    def signed(self, note):
        good = signers(note, self.keys)
        self.claim(good, "bad-signature" if good is None else "wrong-key")
        return good

    def line(self, line, before):
        match line:
            case {"line": "policy", "text": str(text), "digest": str(digest)} if not self.seen:
                self.claim(sha256(text.encode()).hexdigest() == digest, "altered")
            case {"line": "manifest", "note": str(text)}:
                self.manifest = True
                note, counted = read_note(text), f"events {len(self.seen)}\nsha256 {sha256(before).hexdigest()}\n"
                self.signed(note)
                self.claim(note[0] == f"countersign-bundle/v1\norigin {self.head['origin']}\n{counted}", "altered")
            case _ if before:
                need(line["line"] == "event" and line["seq"] >= 0)
                self.event(**members(line, EVENT, "envelope", "proof" if self.head["selection"] else "leaf"))

    def event(self, seq, envelope, proof=(), leaf=None, sealed=None, opened=None, **_):
        raw, chosen, before, vouched = envelope.encode(), self.head["selection"], self.seen[:], False
        proof, true = [unbase64(one, 32) for one in proof], sha256(b"\0" + raw).digest()
        leaf, sealed = leaf if leaf is None else unbase64(leaf, 32), sealed if sealed is None else unbase64(sealed)
        salt = opened if opened is None else unbase64(members(opened, {"body": str}, "body")["salt"])
        self.seen.append(seq)
        if seq >= self.size:
            return self.claim(False, "misplaced", seq)
        self.claim(seq not in before, "repeated", seq)
        self.claim(seq in before or all(seq > one for one in before if one < self.size), "reordered", seq)
        self.leaves.setdefault(seq, leaf)
        with suppress(*MALFORMED):
            vouched = walk(seq, self.size, proof, true, leaf=True)[1] == self.root if chosen else leaf == true
        if not vouched:
            return self.claim(False, "altered", seq)
        self.where = seq
        told = strict(raw)
        ts, first, end = told.get("ts"), chosen.get("from", -(2**53)), chosen.get("to", 2**53)
        fits = not {"from", "to"} & chosen.keys() or (type(ts) is int and first <= ts < end)
        fits = fits and all(told.get(name) == value for name, value in chosen.items() if name not in ("from", "to"))
        self.claim(fits and (told.get("log"), str(told.get("seq"))) == (self.head["log"], str(seq)), "misplaced", seq)
        self.claim(not self.policies or told.get("policy") in ("", *self.policies), "wrong-policy", seq)
        body = told.get("body") if isinstance(told.get("body"), dict) else {}
        self.claim(sealed is None or body.get("ct") == sha256(sealed).hexdigest(), "altered", seq)
        pt = hmac.digest(salt, opened["body"].encode(), "sha256").hex() if opened else None
        self.claim(not opened or body.get("pt") == pt, "altered", seq)

    def tree(self, said, seen):
        size, whole, leaves = self.size, not self.head["selection"], [self.leaves[seq] for seq in sorted(self.leaves)]
        in_order, gone = seen == list(range(size)), set(range(size)) - set(seen)
        for seq in gone if whole else ():
            self.claim(seq - 1 in gone, "missing", seq)
        self.claim(not (whole and in_order) or tree_hash(leaves) == self.root, "altered")
        for note, origin, old, root in map(read_checkpoint, self.held):
            if not self.signed(note) or origin != said or old > size:
                self.claim(not signers(note, self.keys), "wrong-origin" if origin != said else "stale")
            elif old in (0, size) or (whole and in_order):
                self.claim(root == (self.root if old == size else tree_hash(leaves[:old])), "forked")
            elif not whole:
                fits = old not in self.proofs
                self.claim(not fits, "missing")
                with suppress(*MALFORMED):
                    fits = fits or walk(old - 1, size, self.proofs[old], root) == [root, self.root]
                self.claim(fits, "forked")
