"""What a folder in Hugging Face's layout says about its tokens.

The tokenizer is taken as it is published, less its special tokens: they could be spelt by a person otherwise.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from inference.errors import ModelUnsupported
from inference.text.vocabulary import BLANK, ENDS, Vocabulary, without


def read_tokenizer(folder: Path, size: int) -> Vocabulary:
    """size: rows of the embedding. Raises `ModelUnsupported` where it is no BPE, or there is no chat template."""
    content = _json(folder / "tokenizer.json")
    model = content["model"]
    if model.get("type") != "BPE":
        raise ModelUnsupported(f"{folder}: a tokenizer of kind {model.get('type')!r} is not implemented; known: BPE")
    added = content.get("added_tokens") or []
    kept = [token for token in added if not token["special"] and BLANK.fullmatch(token["content"])]
    special = {token["content"]: token["id"] for token in added if token not in kept}
    model["vocab"], model["merges"] = without(model["vocab"], model["merges"], special.keys() - {model.get("unk_token")})
    content |= {"added_tokens": kept, "post_processor": None, "truncation": None, "padding": None}
    settings = _json(folder / "tokenizer_config.json", optional=True)
    return Vocabulary(
        size=size,
        tokenizer=json.dumps(content),
        template=_template(folder, settings),
        special=special,
        silent=[token["id"] for token in added if token["special"]],
        stops=_stops(folder, special),
        alphabet="spaces" if model.get("byte_fallback") else "bytes",
        bos=_spelling(settings.get("bos_token")),
        eos=_spelling(settings.get("eos_token")),
    )


def _template(folder: Path, settings: dict[str, Any]) -> str:
    file = folder / "chat_template.jinja"
    template = file.read_text("utf-8") if file.exists() else settings.get("chat_template")
    if isinstance(template, list):
        template = next((entry["template"] for entry in template if entry["name"] == "default"), None)
    if not template:
        raise ModelUnsupported(f"{folder} has no chat template: it is no chat model; choose an instruct model")
    return str(template)


def _stops(folder: Path, special: dict[str, int]) -> list[int]:
    found = {special[end] for end in ENDS if end in special}
    for name in ("config.json", "generation_config.json"):
        ends = _json(folder / name, optional=True).get("eos_token_id")
        found |= set(ends) if isinstance(ends, list) else set() if ends is None else {ends}
    if not found:
        raise ModelUnsupported(f"{folder} does not say which token ends an answer; add eos_token_id to config.json")
    return sorted(found)


def _spelling(token: str | dict[str, Any] | None) -> str:
    return str(token["content"]) if isinstance(token, dict) else token or ""


def _json(path: Path, *, optional: bool = False) -> dict[str, Any]:
    if not path.exists():
        if optional:
            return {}
        raise ModelUnsupported(f"{path} is not there; copy the whole folder of the model, with its tokenizer.json")
    content: dict[str, Any] = json.loads(path.read_bytes())
    return content
