"""A second verifier of bundles, written from docs/audit-bundle.md alone; it shares no code with the first.

What must stay true: nothing but the standard library and `cryptography` is imported. It holds the whole file in memory.
"""

import hmac
import json
import re
from base64 import b64decode, b64encode
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

HEADER = {"format": str, "log": str, "origin": str, "checkpoint": str, "selection": dict, "made": int}
CHOSEN = {"query": str, "conversation": str, "subject": str, "from": int, "to": int}
EVENT = {"seq": int, "envelope": str}
EXTRA = {"proof": list, "leaf": bytes, "sealed": bytes, "opened": dict, "erased": bool}


def need(condition):
    if not condition:
        raise ValueError("malformed")


def unbase64(text, size=None):
    need(type(text) is str)
    raw = b64decode(text, validate=True)
    need(b64encode(raw).decode() == text and size in (None, len(raw)))
    return raw


def members(told, needed, optional=()):
    """Those members of an object that the format names, each of its type; base64 (bytes, list) is decoded."""
    need(isinstance(told, dict) and needed.keys() <= told.keys())
    kinds = {name: kind for name, kind in {**needed, **dict(optional)}.items() if name in told}
    need(all(type(told[name]) is (str if kind is bytes else kind) for name, kind in kinds.items()))
    hashes = {name: [unbase64(one, 32) for one in told[name]] for name, kind in kinds.items() if kind is list}
    return told | hashes | {n: unbase64(told[n], 32 if n == "leaf" else None) for n, kind in kinds.items() if kind is bytes}


def strict(raw):
    """The value of canonical JSON, which holds no numbers but whole ones of 53 bits."""
    value = json.loads(raw.decode("utf-8"), parse_float=lambda _: need(False), parse_constant=lambda _: need(False))
    need(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8") == raw)
    json.loads(raw, parse_int=lambda text: need(abs(int(text)) < 2**53))
    return value


def read_note(whole):
    text, blank, rest = whole.rpartition("\n\n")
    lines = [re.fullmatch(r"— (\S+) (\S+)", line) for line in rest[:-1].split("\n")]
    need(blank and rest.endswith("\n") and all(lines))
    return text + "\n", [(line[1], unbase64(line[2])) for line in lines]


def read_checkpoint(whole):
    note = read_note(whole)
    found = re.fullmatch(r"([^\n]+)\n(0|[1-9][0-9]*)\n([^\n]+)\n(?:[^\n]+\n)*", note[0])
    need(found)
    return note, found[1], int(found[2]), unbase64(found[3], 32)


def signers(note, keys):
    """Which keys signed; None where the line of one of them is bad."""
    good = set()
    for key in keys:
        name, digest, encoded = key.split("+", 2)
        raw = b64decode(encoded)
        assert sha256(name.encode() + b"\n" + raw).hexdigest()[:8] == digest, key
        for signature in (blob[4:] for signer, blob in note[1] if (signer, blob[:4].hex()) == (name, digest)):
            message, at = note[0].encode(), 8 if raw[0] == 4 else 0
            if at:
                message = b"cosignature/v1\ntime %d\n%s" % (int.from_bytes(signature[:8], "big"), message)
            try:
                Ed25519PublicKey.from_public_bytes(raw[1:]).verify(signature[at:], message)
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


def included(leaf, index, size, path):
    """The root for which PATH of RFC 9162, 2.1.3.1, was made, told from the root down."""
    need(bool(path) == (size > 1))
    if size == 1:
        return leaf
    cut = 1 << (size - 1).bit_length() - 1
    if index < cut:
        return node(included(leaf, index, cut, path[:-1]), path[-1])
    return node(path[-1], included(leaf, index - cut, size - cut, path[:-1]))


def continued(old, size, path, old_root, known=True):
    """Both roots for which SUBPROOF of RFC 9162, 2.1.4.1, was made, told from the root down."""
    need(old and (len(path) == (not known) if old == size else path))
    if old == size:
        return [*path, *path] or [old_root, old_root]
    cut = 1 << (size - 1).bit_length() - 1
    if old <= cut:
        first, second = continued(old, cut, path[:-1], old_root, known)
        return [first, node(second, path[-1])]
    return [node(path[-1], one) for one in continued(old - cut, size - cut, path[:-1], old_root, False)]


def leads(to, function, *proof):
    try:
        return function(*proof) == to
    except ValueError:
        return False


class Verifier:
    def __init__(self, keys, witnesses=(), needed=None, policies=(), held=(), origin=None):
        self.keys, self.witnesses, self.policies, self.held, self.origin = keys, set(witnesses), policies, held, origin
        self.needed = len(self.witnesses) if needed is None else needed
        self.found, self.seen, self.leaves, self.manifest = set(), [], {}, False

    def claim(self, true, word, seq=None):
        if not true:
            self.found.add((word, seq))

    def signed(self, note):
        good = signers(note, self.keys)
        self.claim(good, "bad-signature" if good is None else "wrong-key")
        return good

    def verify(self, data):
        """Every finding as (word, event's number or None)."""
        lines, at = data.split(b"\n"), 0
        try:
            self.head = head = members(strict(lines[0]), HEADER)
            need((head.get("line"), head["format"]) == ("header", "countersign-bundle/v1"))
            need(members(head["selection"], {}, CHOSEN).keys() <= CHOSEN.keys())
            need(type(head.get("consistency", [])) is list)
            earlier = [members(one, {"size": int, "proof": list}) for one in head.get("consistency", [])]
            proofs = {one["size"]: one["proof"] for one in earlier}
            need(len(proofs) == len(earlier))
            note, said, self.size, self.root = read_checkpoint(head["checkpoint"])
        except (ValueError, RecursionError):
            return {("malformed", None)}
        self.signed(note)
        vouching = [signers(note, [one]) for one in self.witnesses]
        self.claim(None not in vouching, "bad-signature")
        self.claim(sum(map(bool, vouching)) >= self.needed, "uncosigned")
        fits = re.fullmatch(f".+/audit/{re.escape(head['log'])}/e[1-9][0-9]*", said)
        self.claim(said == head["origin"] and fits and self.origin in (None, said), "wrong-origin")
        self.claim(lines.pop() == b"", "malformed")
        for raw in lines:
            self.where = None
            try:
                need(not self.manifest and len(raw) < 16 << 20)
                if at:
                    self.line(strict(raw), data[:at])
            except (ValueError, RecursionError):
                self.claim(False, "malformed", self.where)
            at += len(raw) + 1
        self.claim(self.manifest, "missing")
        self.tree(said, [one for one in self.seen if one < self.size], proofs)
        return self.found

    def line(self, line, before):
        kind = line.get("line") if isinstance(line, dict) else None
        if kind == "policy":
            members(line, {"digest": str, "text": str})
            need(not self.seen)
            self.claim(sha256(line["text"].encode()).hexdigest() == line["digest"], "altered")
        elif kind == "manifest":
            members(line, {"note": str})
            self.manifest = True
            note = read_note(line["note"])
            self.signed(note)
            counted = f"origin {self.head['origin']}\nevents {len(self.seen)}\nsha256 {sha256(before).hexdigest()}\n"
            self.claim(note[0] == "countersign-bundle/v1\n" + counted, "altered")
        else:
            need(kind == "event")
            self.event(members(line, EVENT, EXTRA))

    def event(self, line):
        seq, raw, chosen, before = line["seq"], line["envelope"].encode(), self.head["selection"], self.seen[:]
        opened = members(line.get("opened", {"body": "", "salt": ""}), {"body": str, "salt": bytes})
        need(seq >= 0)
        self.seen.append(seq)
        if seq >= self.size:
            return self.claim(False, "misplaced", seq)
        self.claim(seq not in before, "repeated", seq)
        self.claim(seq in before or all(seq > one for one in before if one < self.size), "reordered", seq)
        leaf = sha256(b"\0" + raw).digest()
        self.leaves.setdefault(seq, line.get("leaf", leaf))
        self.claim(("proof" if chosen else "leaf") in line, "missing", seq)
        if chosen and "proof" not in line:
            return None
        vouched = (
            leads(self.root, included, leaf, seq, self.size, line["proof"]) if chosen else leaf == line.get("leaf", leaf)
        )
        self.claim(vouched, "altered", seq)
        if not vouched:
            return None
        self.where = seq
        envelope = strict(raw)
        need(isinstance(envelope, dict))
        fits = all(envelope.get(name) == value for name, value in chosen.items() if name not in ("from", "to"))
        if "from" in chosen or "to" in chosen:
            ts = envelope.get("ts")
            fits = fits and type(ts) is int and chosen.get("from", ts) <= ts < chosen.get("to", ts + 1)
        self.claim(fits and (envelope.get("log"), envelope.get("seq")) == (self.head["log"], seq), "misplaced", seq)
        self.claim(not self.policies or envelope.get("policy") in ("", *self.policies), "wrong-policy", seq)
        told = envelope.get("body") if isinstance(envelope.get("body"), dict) else {}
        self.claim("sealed" not in line or told.get("ct") == sha256(line["sealed"]).hexdigest(), "altered", seq)
        pt = hmac.digest(opened["salt"], opened["body"].encode(), "sha256").hex()
        self.claim("opened" not in line or told.get("pt") == pt, "altered", seq)

    def tree(self, said, seen, proofs):
        whole, leaves = not self.head["selection"], [self.leaves[seq] for seq in sorted(self.leaves)]
        in_order, gone = seen == list(range(self.size)), set(range(self.size)) - set(seen)
        for seq in gone if whole else ():
            self.claim(seq - 1 in gone, "missing", seq)
        self.claim(not (whole and in_order) or tree_hash(leaves) == self.root, "altered")
        for note, origin, old, root in map(read_checkpoint, self.held):
            if not self.signed(note):
                continue
            self.claim(origin == said, "wrong-origin")
            self.claim(origin != said or old <= self.size, "stale")
            if origin != said or old > self.size or (whole and not in_order and old < self.size):
                continue
            if old == self.size or whole:
                self.claim(root == (self.root if old == self.size else tree_hash(leaves[:old])), "forked")
                continue
            self.claim(old in proofs, "missing")
            fits = leads([root, self.root], continued, old, self.size, proofs.get(old, []), root)
            empty = not old and not proofs.get(old) and root == tree_hash([])
            self.claim(fits or empty or old not in proofs, "forked")
