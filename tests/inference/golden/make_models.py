"""Makes golden/models/: tiny random models of every family, and what `transformers` says about them.

Not run by the tests, which need neither torch nor transformers:

    pip install torch transformers peft
    PYTHONPATH=. python tests/inference/golden/make_models.py

Weights come from tests/inference/tiny_models.py with a spread that makes every part count; logits are float32 on the CPU
with eager attention. golden.npz holds tokens, logits and a greedy continuation, about.json seed, shapes and texts in tokens.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from tests.inference.tiny_models import GOLDEN as HERE
from tests.inference.tiny_models import weight

LENGTH, CONTINUED = 48, 8
TEXT = [
    "The fund invests in bonds issued by European states.",
    "Risk and return: a share may lose all of its value!",
    "2024-03-01 — €1,250.00 (net of fees) für Müller & Söhne",
]
CHAT = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
TURNS = (
    "{{ bos_token }}{% for m in messages %}{{ '<start_of_turn>' + m['role'] + '\\n' + m['content'] | trim"
    " + '<end_of_turn>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"
)
COMMON = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "vocab_size": 384,
    "torch_dtype": "float32",
}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {"num_hidden_layers": 2, "rope_theta": 10000.0, "tie_word_embeddings": True}),
    "llama3": (
        "Llama",
        {
            "num_hidden_layers": 2,
            "rope_theta": 500000.0,
            "rope_scaling": LLAMA3,
            "head_dim": 32,
            "tie_word_embeddings": False,
        },
    ),
    "qwen2": ("Qwen2", {"num_hidden_layers": 2, "rope_theta": 1000000.0, "tie_word_embeddings": False}),
    "qwen3": ("Qwen3", {"num_hidden_layers": 2, "rope_theta": 1000000.0, "head_dim": 32, "tie_word_embeddings": True}),
    "gemma3": (
        "Gemma3Text",
        {
            "num_hidden_layers": 4,
            "head_dim": 32,
            "query_pre_attn_scalar": 24,
            "sliding_window": 8,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
            "rope_theta": 1000000.0,
            "rope_local_base_freq": 10000.0,
        },
    ),
}


def main() -> None:
    for seed, (name, (config_class, fields)) in enumerate(FAMILIES.items(), start=1):
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        make(HERE / name, seed, config_class, {**COMMON, **fields})
        print(name, sum(file.stat().st_size for file in (HERE / name).iterdir()))
    make_adapter(HERE / "qwen3-adapter", HERE / "qwen3", seed=9)


def make(folder: Path, seed: int, config_class: str, fields: dict[str, Any]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(seed)  # of the tokens
    gemma = config_class.startswith("Gemma")
    config = getattr(transformers, f"{config_class}Config")(
        **fields, bos_token_id=1, eos_token_id=2, pad_token_id=0, attn_implementation="eager"
    )
    model = transformers.AutoModelForCausalLM.from_config(config).float().eval()
    shapes = {}
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            shapes[parameter_name] = tuple(parameter.shape)
            parameter.copy_(torch.from_numpy(weight(seed, parameter_name, shapes[parameter_name], less_one=gemma)))
    tokenizer = spaces() if gemma else byte_level(three_digits=folder.name == "llama3")
    tokens = torch.randint(8, fields["vocab_size"], (1, LENGTH))
    with torch.no_grad():
        logits = model(tokens).logits[0].numpy()
        said = tokens
        for _ in range(CONTINUED):
            said = torch.cat([said, model(said).logits[:, -1:].argmax(-1)], 1)
    config.architectures = [type(model).__name__]
    config.save_pretrained(folder)
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<bos>", eos_token="<|im_end|>" if not gemma else "<end_of_turn>",
        chat_template=TURNS if gemma else CHAT,
    )  # fmt: skip
    fast.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(tokenizer.to_str() + "\n", "utf-8")  # on one line
    conversation = [{"role": "user", "content": TEXT[0]}]
    rendered = fast.apply_chat_template(conversation, add_generation_prompt=True, tokenize=False)
    np.savez_compressed(
        folder / "golden.npz",
        tokens=tokens[0].numpy().astype(np.int32),
        logits=logits[[0, 7, 31, LENGTH - 1]].astype(np.float32),
        places=np.array([0, 7, 31, LENGTH - 1], np.int32),
        continued=said[0, LENGTH:].numpy().astype(np.int32),
    )
    spelt = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXT]
    chat = tokenizer.encode(rendered, add_special_tokens=False).ids
    made_by = {"transformers": transformers.__version__, "torch": torch.__version__}
    known = {"seed": seed, "made_by": made_by, "shapes": shapes, "texts": TEXT, "tokens": spelt, "chat": chat}
    (folder / "about.json").write_text(json.dumps(known, ensure_ascii=False, indent=1) + "\n", "utf-8")


def make_adapter(folder: Path, base: Path, seed: int) -> None:
    """A LoRA adapter on Qwen3's matrices, and the logits that PEFT makes with it beside the weights."""
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict

    known = json.loads((base / "about.json").read_text("utf-8"))
    model = transformers.AutoModelForCausalLM.from_config(
        transformers.AutoConfig.from_pretrained(base), attn_implementation="eager"
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(weight(known["seed"], name, tuple(parameter.shape))))
    targets = ["q_proj", "v_proj", "o_proj", "down_proj", "gate_proj"]
    config = LoraConfig(r=4, lora_alpha=6, use_rslora=True, target_modules=targets, task_type="CAUSAL_LM")
    tuned = get_peft_model(model.float(), config).eval()
    shapes = {}
    with torch.no_grad():
        state = get_peft_model_state_dict(tuned)
        for name, parameter in state.items():
            shapes[name] = tuple(parameter.shape)
            parameter.copy_(torch.from_numpy(weight(seed, name, shapes[name])))
        tokens = np.load(base / "golden.npz")["tokens"]
        logits = tuned(torch.from_numpy(tokens[None]).long()).logits[0, -1].numpy()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    config.base_model_name_or_path = "somewhere/qwen3"
    config.inference_mode = True
    config.save_pretrained(folder)
    np.savez_compressed(folder / "golden.npz", tokens=tokens, logits=logits.astype(np.float32))
    (folder / "about.json").write_text(json.dumps({"seed": seed, "shapes": shapes}, indent=1) + "\n", "utf-8")


def byte_level(*, three_digits: bool) -> Tokenizer:
    """Qwen's and Llama 3's kind, trained on a few sentences."""
    digits = r"\p{N}{1,3}" if three_digits else r"\p{N}"
    words = (
        rf"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{digits}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    from tokenizers import Regex

    tokenizer = Tokenizer(models.BPE(ignore_merges=three_digits))
    if not three_digits:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(words), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<pad>", "<bos>", "<|im_end|>", "<|im_start|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=384, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=special, show_progress=False
    )
    tokenizer.train_from_iterator(TEXT * 4, trainer)
    return tokenizer


def spaces() -> Tokenizer:
    """Gemma's kind: BPE over characters with U+2581 for spaces, and bytes for what is not in the vocabulary."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    special = ["<pad>", "<bos>", "<end_of_turn>", "<unk>", "<start_of_turn>"]
    special += ["\n", "\n\n", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=384, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator([text.replace("€", "").replace("—", "") for text in TEXT] * 4, trainer)
    content = json.loads(tokenizer.to_str())
    content["added_tokens"] = []
    tokenizer = Tokenizer.from_str(json.dumps(content))
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in special[:5]])
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in special[5:7]])
    return tokenizer


if __name__ == "__main__":
    main()
