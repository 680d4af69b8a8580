"""What a GGUF file says about its tokens: the tokenizer, the control tokens, the chat template.

Kept as plain data, so that it can be stored beside the converted weights: reading it from the GGUF takes seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from inference.errors import ModelUnsupported

# token types of the GGUF specification
_NORMAL, _CONTROL, _USER_DEFINED, _BYTE = 1, 3, 4, 6
ENDS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end|>", "<end_of_turn>", "</s>")
"""Special tokens that end an answer, whatever else the file says."""
_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}DIGITS"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN2_WORDS, _LLAMA3_WORDS = _WORDS.replace("DIGITS", ""), _WORDS.replace("DIGITS", "{1,3}")
_KINDS = (("gpt2", "qwen2"), ("gpt2", "smollm"), ("gpt2", "llama-bpe"), ("llama", "default"), ("llama", None))
BLANK = re.compile(r"[\s\u2581]+")
"""A token of blanks alone is no special token, however the file keeps it: any text may hold it."""


@dataclass(frozen=True)
class Vocabulary:
    """`tokenizer` is a serialised `tokenizers.Tokenizer` that knows no special token: it reads all text as text.

    `special` are the tokens that only a template may write, by their spelling; `silent` are the ids that are never
    shown; `stops` are the ids that end an answer. `alphabet` is how tokens are spelt: "bytes" is GPT-2's stand-ins for the
    256 bytes, "spaces" is SentencePiece's (U+2581 for a space, <0x0A> for a byte). `bos` and `eos` are for the template.
    """

    size: int
    tokenizer: str
    template: str
    special: dict[str, int]
    silent: list[int]
    stops: list[int]
    alphabet: str = "bytes"
    bos: str = ""
    eos: str = ""


def read_vocabulary(metadata: Mapping[str, Any]) -> Vocabulary:
    """From GGUF metadata. Raises `ModelUnsupported` where the tokenizer is of another kind, or there is no template."""
    kind = (metadata.get("tokenizer.ggml.model"), metadata.get("tokenizer.ggml.pre"))
    template = metadata.get("tokenizer.chat_template")
    if kind not in _KINDS:
        known = ", ".join(" ".join(filter(None, pair)) for pair in _KINDS)
        raise ModelUnsupported(f"tokenizer {kind} is not implemented; known: {known}")
    if not template:
        raise ModelUnsupported("the weights file has no chat template: it is no chat model; choose an instruct model")
    tokens: list[str] = metadata["tokenizer.ggml.tokens"]
    types: list[int] = metadata["tokenizer.ggml.token_type"]
    special = {
        token: index
        for index, token in enumerate(tokens)
        if types[index] in (_CONTROL, _USER_DEFINED) and not (kind[0] == "llama" and BLANK.fullmatch(token))
    }
    # special tokens are left out of the vocabulary, so that no merge and no spelling can reach them
    plain = {token: index for index, token in enumerate(tokens) if token not in special}
    if kind[0] == "llama":
        tokenizer = _sentence_pieces(plain, metadata, [t for t in plain if types[plain[t]] == _USER_DEFINED])
    else:
        merges = [tuple(merge.split(" ", 1)) for merge in metadata["tokenizer.ggml.merges"]]
        tokenizer = _byte_level_bpe(plain, merges, str(kind[1]))
    stops = {int(metadata["tokenizer.ggml.eos_token_id"]), *(special[end] for end in ENDS if end in special)}
    if "tokenizer.ggml.eot_token_id" in metadata:
        stops.add(int(metadata["tokenizer.ggml.eot_token_id"]))

    def spelt(name: str) -> str:
        index = metadata.get(f"tokenizer.ggml.{name}_token_id")
        return "" if index is None else tokens[int(index)]

    return Vocabulary(
        size=len(tokens),
        tokenizer=tokenizer.to_str(),
        template=str(template),
        special=special,
        silent=[index for index, type_ in enumerate(types) if type_ not in (_NORMAL, _USER_DEFINED, _BYTE)],
        stops=sorted(stops),
        alphabet="spaces" if kind[0] == "llama" else "bytes",
        bos=spelt("bos"),
        eos=spelt("eos"),
    )


def _byte_level_bpe(vocabulary: dict[str, int], merges: list[Any], splitting: str) -> Tokenizer:
    # Llama 3 takes a word that is a token by itself before it merges anything
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=splitting == "llama-bpe"))
    words: Any
    if splitting == "smollm":
        words = pre_tokenizers.Digits(individual_digits=True)
    else:
        words = pre_tokenizers.Split(Regex(_QWEN2_WORDS if splitting == "qwen2" else _LLAMA3_WORDS), "isolated")
    if splitting == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=splitting == "smollm")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, to_bytes])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _sentence_pieces(vocabulary: dict[str, int], metadata: Mapping[str, Any], whole: list[str]) -> Tokenizer:
    """SentencePiece's BPE as Gemma has it: of two neighbours that make a token, those of the best score are merged first.

    whole: user-defined tokens, which are taken out of the text before anything is merged.
    """
    if metadata.get("tokenizer.ggml.add_space_prefix", True):
        raise ModelUnsupported("a SentencePiece tokenizer that puts a space before a text is not implemented")
    unknown = metadata["tokenizer.ggml.tokens"][int(metadata.get("tokenizer.ggml.unknown_token_id", 0))]
    vocabulary.setdefault(unknown, int(metadata.get("tokenizer.ggml.unknown_token_id", 0)))
    bpe = models.BPE(
        vocab=vocabulary,
        merges=_merges(vocabulary, metadata["tokenizer.ggml.scores"]),
        byte_fallback=True,
        fuse_unk=True,
        unk_token=unknown,
    )
    tokenizer = Tokenizer(bpe)
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.add_tokens([AddedToken(token, normalized=True, special=False) for token in whole])
    return tokenizer


def _merges(vocabulary: Mapping[str, int], scores: list[float]) -> list[tuple[str, str]]:
    found: list[tuple[float, int, int, tuple[str, str]]] = []
    for token, index in vocabulary.items():
        for cut in range(1, len(token)):
            left, right = token[:cut], token[cut:]
            if left in vocabulary and right in vocabulary:
                found.append((-scores[index], vocabulary[left], vocabulary[right], (left, right)))
    return [pair for *_, pair in sorted(found)]


def without(
    vocabulary: Mapping[str, int], merges: Iterable[Any], special: Iterable[str]
) -> tuple[dict[str, int], list[Any]]:
    """A BPE vocabulary that cannot spell the special tokens, and the merges that are left."""
    gone = set(special)
    kept = {token: index for token, index in vocabulary.items() if token not in gone}
    pairs = [merge.split(" ", 1) if isinstance(merge, str) else merge for merge in merges]
    return kept, [[left, right] for left, right in pairs if {left, right, left + right} <= kept.keys()]
