"""Text to tokens and back.

Two things must stay true: text that came from a person never becomes a special token, however it is spelt; and text that
leaves here is whole characters, never half of a UTF-8 sequence.
"""

from __future__ import annotations

import codecs
import re

from tokenizers import Tokenizer

from inference.text.chat_template import Piece
from inference.text.vocabulary import Vocabulary


class ChatTokenizer:
    """BPE with the special tokens kept apart. Immutable; any number of threads may use it."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.stops = frozenset(vocabulary.stops)
        self._bpe = Tokenizer.from_str(vocabulary.tokenizer)
        self._bytes_of = _of_bytes if vocabulary.alphabet == "bytes" else _of_pieces
        self._special = vocabulary.special
        self._spelling = {index: token for token, index in vocabulary.special.items()}
        self._silent = frozenset(vocabulary.silent)
        spellings = sorted(vocabulary.special, key=len, reverse=True)
        self._special_pattern = re.compile("(" + "|".join(map(re.escape, spellings)) + ")")

    @property
    def special_ids(self) -> frozenset[int]:
        """The tokens that text never becomes."""
        return frozenset(self._special.values()) | self._silent

    def encode(self, text: str) -> list[int]:
        """Tokens of plain text; `<|im_end|>` in it is ten characters and no more.

        A byte that the model's vocabulary lacks (SmolLM2 has no C0 controls but tab and line ends) is left out.
        """
        return list(self._bpe.encode(text, add_special_tokens=False).ids)

    def encode_pieces(self, pieces: list[Piece]) -> list[int]:
        """Tokens of a rendered template: special tokens are recognised in the template's own pieces only.

        Text between two special tokens is read in one go, as the model's makers did, whoever wrote its pieces.
        """
        tokens: list[int] = []
        text = ""
        for piece in pieces:
            if not piece.trusted:
                text += piece.text
                continue
            for part in self._special_pattern.split(piece.text):
                if part in self._special:
                    tokens += self.encode(text) if text else []
                    tokens.append(self._special[part])
                    text = ""
                else:
                    text += part
        return tokens + (self.encode(text) if text else [])

    def token_bytes(self, token: int) -> bytes:
        """The bytes that a token stands for; none for control tokens."""
        if token in self._silent:
            return b""
        if token in self._spelling:
            return self._spelling[token].encode()
        spelling = self._bpe.id_to_token(token)
        return b"" if spelling is None else self._bytes_of(spelling)


class Detokenizer:
    """Tokens of one answer to text, a token at a time. Belongs to one thread."""

    def __init__(self, tokenizer: ChatTokenizer) -> None:
        self._tokenizer = tokenizer
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, token: int) -> str:
        """The characters that are complete now. What is still half a character at the end is never shown."""
        return self._decoder.decode(self._tokenizer.token_bytes(token))


def _byte_alphabet() -> dict[str, int]:
    """GPT-2's printable stand-ins for the 256 bytes: printable ones stand for themselves, the rest follow from 256."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + place): byte for place, byte in enumerate(rest)}


_BYTES = _byte_alphabet()


def _of_bytes(spelling: str) -> bytes:
    """A token of blanks that the file added by itself is spelt with real ones."""
    if all(character in _BYTES for character in spelling):
        return bytes(_BYTES[character] for character in spelling)
    return spelling.encode()


def _of_pieces(spelling: str) -> bytes:
    if re.fullmatch("<0x[0-9A-F]{2}>", spelling):
        return bytes([int(spelling[3:5], 16)])
    return spelling.replace("\u2581", " ").encode()
