"""The tiny models as GGUF files, written as llama.cpp's own converter writes them (names, shapes, norms, rotary order)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFWriter
from numpy.typing import NDArray

from inference.architecture import read_config
from tests.inference import tiny_models

_NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_GEMMA_NAMES = {
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}


def write(family: str, path: Path, **changed: Any) -> Path:
    """`changed`: metadata below the architecture's name, by key with _ for a dot where a test wants another value."""
    folder = tiny_models.GOLDEN / family
    config = json.loads((folder / "config.json").read_text())
    kind = {"llama3": "llama"}.get(family, family)
    rope = config["rope_parameters"]
    whole = rope.get("full_attention", rope)
    writer = GGUFWriter(path, kind)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(whole["rope_theta"])
    head_width = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    writer.add_key_length(head_width)
    writer.add_value_length(head_width)
    if family == "gemma3":
        writer.add_attention_scale(config["query_pre_attn_scalar"] ** -0.5)
        writer.add_sliding_window(config["sliding_window"])
        writer.add_sliding_window_pattern(2)
    for key, value in changed.items():
        writer.add_key_value(f"{kind}.{key.replace('__', '.')}", value, _type_of(value))
    _tokens(writer, folder, config)
    for name, values in tiny_models.weights(family).items():
        writer.add_tensor(_name(name, kind), _values(name, values, kind, head_width))
    if family == "llama3":
        writer.add_tensor("rope_freqs.weight", np.asarray(read_config(config).rope_factors, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _type_of(value: Any) -> Any:
    from gguf import GGUFValueType

    kinds = {str: GGUFValueType.STRING, float: GGUFValueType.FLOAT32, int: GGUFValueType.UINT32}
    return kinds[type(value)]


def _name(name: str, kind: str) -> str:
    name = name.removeprefix("model.")
    outside = {"embed_tokens.weight": "token_embd.weight", "norm.weight": "output_norm.weight"}
    outside["lm_head.weight"] = "output.weight"
    if name in outside:
        return outside[name]
    _, layer, rest = name.split(".", 2)
    part, ending = rest.rsplit(".", 1)
    names = {**_NAMES, **(_GEMMA_NAMES if kind == "gemma3" else {})}
    return f"blk.{layer}.{names[part]}.{ending}"


def _values(name: str, values: NDArray[np.float32], kind: str, head_width: int) -> NDArray[np.float32]:
    if kind == "gemma3" and "norm" in name:
        return values + np.float32(1)
    if kind == "llama" and ("q_proj" in name or "k_proj" in name):
        heads = values.reshape(-1, 2, head_width // 2, values.shape[1])
        return np.ascontiguousarray(heads.swapaxes(1, 2)).reshape(values.shape)
    return values


def _tokens(writer: GGUFWriter, folder: Path, config: dict[str, Any]) -> None:
    content = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    added = {token["id"]: token for token in content["added_tokens"]}
    by_id = {index: token for token, index in content["model"]["vocab"].items()}
    by_id |= {index: token["content"] for index, token in added.items()}
    tokens = [by_id.get(index, f"<unused{index}>") for index in range(config["vocab_size"])]
    spaces = folder.name == "gemma3"

    def kind(index: int, token: str) -> int:
        if index not in by_id:
            return 5
        if index in added:
            return 3 if added[index]["special"] else 4
        return 6 if spaces and token.startswith("<0x") else 1

    writer.add_tokenizer_model("llama" if spaces else "gpt2")
    writer.add_tokenizer_pre("default" if spaces else "llama-bpe" if folder.name == "llama3" else "qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([kind(index, token) for index, token in enumerate(tokens)])
    if spaces:
        writer.add_token_scores([float(-index) for index in range(len(tokens))])
        writer.add_add_space_prefix(False)
        writer.add_unk_token_id(3)
    else:
        writer.add_token_merges([" ".join(pair) for pair in content["model"]["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template((folder / "chat_template.jinja").read_text())
