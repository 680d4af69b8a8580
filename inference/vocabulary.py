"""What a GGUF file says about its tokens: the BPE tokenizer, the control tokens, the chat template.

Kept as plain data, so that it can be stored beside the converted weights: reading it from the GGUF takes seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from inference.errors import ModelUnsupported

# token types of the GGUF specification
_NORMAL, _CONTROL, _USER_DEFINED = 1, 3, 4
_ENDS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end|>", "</s>")
_QWEN2_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True)
class Vocabulary:
    """`tokenizer` is a serialised `tokenizers.Tokenizer` that knows no special token: it reads all text as text.

    `special` are the tokens that only a template may write, by their spelling; `silent` are the ids that are never
    shown; `stops` are the ids that end an answer.
    """

    size: int
    tokenizer: str
    template: str
    special: dict[str, int]
    silent: list[int]
    stops: list[int]


def read_vocabulary(metadata: Mapping[str, Any]) -> Vocabulary:
    """Raises `ModelUnsupported` where the tokenizer is of another kind than byte-level BPE, or there is no template."""
    kind = (metadata.get("tokenizer.ggml.model"), metadata.get("tokenizer.ggml.pre"))
    template = metadata.get("tokenizer.chat_template")
    if kind not in (("gpt2", "qwen2"), ("gpt2", "smollm")):
        raise ModelUnsupported(f"tokenizer {kind} is not implemented; known: gpt2 with qwen2 or smollm")
    if not template:
        raise ModelUnsupported("the weights file has no chat template: it is no chat model; choose an instruct model")
    tokens: list[str] = metadata["tokenizer.ggml.tokens"]
    types: list[int] = metadata["tokenizer.ggml.token_type"]
    special = {token: index for index, token in enumerate(tokens) if types[index] in (_CONTROL, _USER_DEFINED)}
    merges = [tuple(merge.split(" ", 1)) for merge in metadata["tokenizer.ggml.merges"]]
    # special tokens are left out of the vocabulary, so that no merge and no spelling can reach them
    plain = {token: index for index, token in enumerate(tokens) if token not in special}
    stops = {int(metadata["tokenizer.ggml.eos_token_id"]), *(special[end] for end in _ENDS if end in special)}
    return Vocabulary(
        size=len(tokens),
        tokenizer=_byte_level_bpe(plain, merges, str(kind[1])).to_str(),
        template=str(template),
        special=special,
        silent=[index for index, type_ in enumerate(types) if type_ not in (_NORMAL, _USER_DEFINED)],
        stops=sorted(stops),
    )


def _byte_level_bpe(vocabulary: dict[str, int], merges: list[Any], splitting: str) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    words: Any
    if splitting == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
        words = pre_tokenizers.Split(Regex(_QWEN2_WORDS), "isolated")
    else:
        words = pre_tokenizers.Digits(individual_digits=True)
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=splitting != "qwen2")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, to_bytes])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer
