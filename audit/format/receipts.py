"""The receipt of one event: C2SP tlog-proof@v1, a text that proves offline that the event is in the log.

Invariant: a receipt holds all that its check needs but the keys. The envelope travels in `extra`, which nothing
authenticates but the proof itself; envelopes hold no personal data.
"""

import base64
from dataclasses import dataclass

from audit.errors import BundleRefused
from audit.format.merkle import HASH_SIZE

FIRST_LINE = "c2sp.org/tlog-proof@v1"
MEDIA_TYPE = "text/plain"
SUFFIX = ".tlog-proof"
MAX_HASHES = 64


@dataclass(frozen=True, slots=True)
class LogProof:
    """index: of the leaf; proof: the leaf's sibling first; checkpoint: the signed note's text, verbatim."""

    index: int
    envelope: bytes
    proof: tuple[bytes, ...]
    checkpoint: str

    def dump(self) -> str:
        hashes = "".join(f"{base64.b64encode(one).decode()}\n" for one in self.proof)
        extra = base64.b64encode(self.envelope).decode()
        return f"{FIRST_LINE}\nextra {extra}\nindex {self.index}\n{hashes}\n{self.checkpoint}"

    @classmethod
    def parse(cls, text: str) -> "LogProof":
        """Raises BundleRefused unless `text` is exactly what `dump()` would write."""
        head, separator, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if not separator or lines[0] != FIRST_LINE:
            raise BundleRefused(f"not a receipt: it begins with {FIRST_LINE} and holds a checkpoint after an empty line")
        if len(lines) < 3 or not lines[1].startswith("extra ") or not lines[2].startswith("index "):
            raise BundleRefused("the receipt lacks its envelope (extra) or its index")
        if len(lines) > 3 + MAX_HASHES:
            raise BundleRefused(f"the receipt has more than {MAX_HASHES} hashes")
        try:
            index = int(lines[2].removeprefix("index "))
            envelope = base64.b64decode(lines[1].removeprefix("extra "), validate=True)
            proof = tuple(base64.b64decode(line, validate=True) for line in lines[3:])
        except ValueError:
            raise BundleRefused("the receipt's envelope, index or proof cannot be read") from None
        found = cls(index, envelope, proof, checkpoint)
        if index < 0 or any(len(one) != HASH_SIZE for one in proof) or found.dump() != text:
            raise BundleRefused("the receipt's envelope, index or proof is not in its one form")
        return found
