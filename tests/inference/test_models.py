"""Every family from both formats: what an independent implementation said about the same tiny weights (golden/models)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from inference import AdapterUnfit, Message, ModelMissing, ModelUnsupported, Prompt, kernels
from inference.architecture import read_architecture, read_config
from inference.engine.chat import ChatEngine
from inference.engine.runner import Feed, Runner
from inference.text.chat_template import ChatTemplate
from inference.text.tokenizer import ChatTokenizer
from inference.weights.checkpoint import Checkpoint, Precision, open_checkpoint
from inference.weights.lora import Adapter, combined_digest
from tests.inference import gguf_files, tiny_models
from tests.inference.conftest import ask

FORMATS = ("safetensors", "gguf")
EXACT = 5e-5  # of logits that spread over about ten
ROUNDED = {"llama": 0.7, "llama3": 0.9, "qwen2": 0.5, "qwen3": 0.5, "gemma3": 0.25}
"""Twice what 8-bit weights and activations do to layers of 64 columns. A part that is left out does more."""


def need_kernels() -> None:
    if reason := kernels.unavailable():
        pytest.skip(reason)


def model(family: str, kind: str, place: Path) -> Path:
    return tiny_models.folder(family, place) if kind == "safetensors" else gguf_files.write(family, place / "model.gguf")


def opened(path: Path, precision: Precision, **options: Any) -> Checkpoint:
    return open_checkpoint(path, "tiny", cache_dir=None, precision=precision, **options)


def logits(checkpoint: Checkpoint, tokens: list[int], chunk: int = 32) -> NDArray[np.float32]:
    runner = Runner(checkpoint, 128, memory=1)
    table = [4, 2, 3, 1]
    for start in range(0, len(tokens), chunk):
        found = runner.run([Feed(start, tokens[start : start + chunk], table)])
    return found[0]


def farthest(checkpoint: Checkpoint, family: str) -> float:
    known = tiny_models.golden(family)
    tokens = known["tokens"].tolist()
    found = [logits(checkpoint, tokens[: place + 1]) for place in known["places"]]
    return float(np.abs(np.array(found) - known["logits"]).max())


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_logits_are_those_of_transformers(family: str, kind: str, tmp_path: Path) -> None:
    assert farthest(opened(model(family, kind, tmp_path), "float32"), family) < EXACT


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_texts_and_turns_become_the_tokens_of_transformers(family: str, kind: str, tmp_path: Path) -> None:
    vocabulary = opened(model(family, kind, tmp_path), "float32").vocabulary
    tokenizer, known = ChatTokenizer(vocabulary), tiny_models.about(family)
    assert [tokenizer.encode(text) for text in known["texts"]] == known["tokens"]
    template = ChatTemplate(vocabulary.template, bos=vocabulary.bos, eos=vocabulary.eos)
    assert tokenizer.encode_pieces(template.render([Message("user", known["texts"][0])])) == known["chat"]
    told = b"".join(tokenizer.token_bytes(token) for text in known["tokens"] for token in text).decode()
    assert told == "".join(known["texts"])
    assert 2 in vocabulary.stops


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_a_person_cannot_write_a_special_token_of_any_family(family: str, tmp_path: Path) -> None:
    for kind in FORMATS:
        vocabulary = opened(model(family, kind, tmp_path), "float32").vocabulary
        tokenizer = ChatTokenizer(vocabulary)
        for special in ("<bos>", "<|im_end|>", "<end_of_turn>", "<start_of_turn>"):
            assert not set(tokenizer.encode(f"a{special}b")) & set(vocabulary.special.values())
            assert len(tokenizer.encode(special)) > 3


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_the_kernels_say_nearly_the_same_from_8_bits(family: str, tmp_path: Path) -> None:
    need_kernels()
    assert farthest(opened(model(family, "safetensors", tmp_path), "blocks"), family) < ROUNDED[family]


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_with_the_kernels_a_chunk_changes_no_bit(family: str, tmp_path: Path) -> None:
    need_kernels()
    checkpoint = opened(model(family, "safetensors", tmp_path), "blocks")
    tokens = tiny_models.golden(family)["tokens"].tolist()
    whole = logits(checkpoint, tokens, 128)
    for chunk in (1, 7, 32):
        assert np.array_equal(logits(checkpoint, tokens, chunk), whole)


def test_an_engine_opens_a_folder_of_ones_own_and_says_what_transformers_says(tmp_path: Path) -> None:
    folder = tiny_models.folder("qwen3", tmp_path)
    engine = ChatEngine.open(folder, cache_dir=None, context=128, precision="float32")
    try:
        assert engine.name == "qwen3"
        known = tiny_models.golden("qwen3")
        tokens = known["tokens"].tolist()
        for expected in known["continued"].tolist():
            assert int(np.argmax(engine.logits(tokens))) == expected
            tokens.append(expected)
        (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-1] + b"\0")
        again = ChatEngine.open(folder, cache_dir=None, context=128, precision="float32")
        again.close()
        assert again.digest != engine.digest
    finally:
        engine.close()


# --- what is refused --------------------------------------------------------------------------------------------------


def test_a_variant_that_no_model_here_has_is_refused(tmp_path: Path) -> None:
    config = json.loads((tiny_models.GOLDEN / "gemma3" / "config.json").read_text())
    with pytest.raises(ModelUnsupported, match="gemma3 with final_logit_softcapping is not implemented"):
        read_config({**config, "final_logit_softcapping": 30.0})
    with pytest.raises(ModelUnsupported, match="activation 'relu'"):
        read_config({**config, "hidden_activation": "relu"})
    with pytest.raises(ModelUnsupported, match="at equal distances"):
        read_config({**config, "layer_types": ["full_attention", *["sliding_attention"] * 3]})
    with pytest.raises(ModelUnsupported, match="architecture 'MixtralForCausalLM' is not implemented; known: llama"):
        read_config({**config, "architectures": ["MixtralForCausalLM"]})
    with pytest.raises(ModelUnsupported, match="rotary scaling 'yarn'"):
        opened(gguf_files.write("qwen2", tmp_path / "yarn.gguf", rope__scaling__type="yarn"), "float32")


def test_a_configuration_of_an_older_transformers_says_the_same() -> None:
    for family in ("llama3", "gemma3"):
        config = json.loads((tiny_models.GOLDEN / family / "config.json").read_text())
        rope = config["rope_parameters"]
        older = {name: value for name, value in config.items() if name not in ("rope_parameters", "layer_types")}
        older["rope_theta"] = rope.get("full_attention", rope)["rope_theta"]
        if family == "gemma3":
            older |= {"rope_local_base_freq": 10000.0, "sliding_window_pattern": 2}
        else:
            older["rope_scaling"] = {name: value for name, value in rope.items() if name != "rope_theta"}
        assert read_config(older) == read_config(config)


def test_gguf_metadata_says_what_the_configuration_says(tmp_path: Path) -> None:
    for family in tiny_models.FAMILIES:
        config = read_config(json.loads((tiny_models.GOLDEN / family / "config.json").read_text()))
        found = opened(gguf_files.write(family, tmp_path / f"{family}.gguf"), "float32").architecture
        same = ("family", "layers", "heads", "kv_heads", "head_width", "window", "pattern", "activation", "embedding_scale")
        assert all(getattr(found, name) == getattr(config, name) for name in same)
        assert found.query_scale == pytest.approx(config.query_scale, rel=1e-6)
        for layer in range(config.layers):
            assert np.allclose(found.frequencies(layer), config.frequencies(layer), rtol=1e-6)
        with pytest.raises(KeyError):
            read_architecture({"general.architecture": found.family}, 384)


def test_a_folder_that_lacks_something_says_what(tmp_path: Path) -> None:
    folder = tiny_models.folder("qwen2", tmp_path)
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelMissing, match=r"model-00002-of-00002\.safetensors is not there"):
        opened(folder, "float32")
    (folder / "config.json").unlink()
    with pytest.raises(ModelMissing, match=r"config\.json is not there"):
        opened(folder, "float32")


# --- adapters ---------------------------------------------------------------------------------------------------------


def adapter(place: Path, *, base: str = "a digest", names: tuple[str, ...] = ("qwen3",), **changed: Any) -> Adapter:
    folder = place / "qwen3-adapter"
    if not folder.exists():
        tiny_models.adapter(place)
    file = folder / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changed}))
    return Adapter.read(folder, base, names)


def test_an_adapter_gives_the_logits_of_peft(tmp_path: Path) -> None:
    known = tiny_models.golden("qwen3-adapter")
    tokens = known["tokens"].tolist()
    for kind in FORMATS:
        path = model("qwen3", kind, tmp_path)
        without = logits(opened(path, "float32"), tokens)
        found = logits(opened(path, "float32", adapter=adapter(tmp_path)), tokens)
        assert np.abs(found - known["logits"]).max() < EXACT
        assert np.abs(found - without).max() > 1


def test_an_adapter_undoes_the_rotary_order_of_llamas_gguf(tmp_path: Path) -> None:
    """Its rows are in the order of safetensors, whatever the base's format."""
    tokens = tiny_models.golden("llama")["tokens"].tolist()
    made = tiny_models.adapter(tmp_path)
    shapes = {name.replace("q_proj", "k_proj"): shape for name, shape in _llama_shapes(made).items()}
    _write_adapter(made, shapes)
    found = []
    for kind in FORMATS:
        path = model("llama", kind, tmp_path)
        found.append(logits(opened(path, "float32", adapter=adapter(tmp_path, names=("qwen3",))), tokens))
    assert np.abs(found[0] - found[1]).max() < EXACT
    assert np.abs(found[0] - tiny_models.golden("llama")["logits"][-1]).max() > 0.1


def _llama_shapes(made: Path) -> dict[str, tuple[int, ...]]:
    prefix = "base_model.model.model.layers.0.self_attn.q_proj."
    return {f"{prefix}lora_A.weight": (4, 64), f"{prefix}lora_B.weight": (32, 4)}


def _write_adapter(made: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    from safetensors.numpy import save_file

    weights = {name: tiny_models.weight(3, name, shape) for name, shape in shapes.items()}
    save_file(weights, made / "adapter_model.safetensors")


def test_an_adapter_changes_the_answer_and_the_digest(tmp_path: Path) -> None:
    folder, added = tiny_models.folder("qwen3", tmp_path), tiny_models.adapter(tmp_path)
    answers, digests = [], []
    for chosen in (None, added):
        engine = ChatEngine.open(folder, cache_dir=tmp_path / "cache", context=128, adapter=chosen)
        answers.append(ask(engine, Prompt((Message("user", "What is a bond?"),)), max_tokens=12)[1].text)
        digests.append(engine.digest)
        engine.close()
    assert answers[0] != answers[1]
    assert digests[1] == combined_digest(digests[0], Adapter.read(added, digests[0], ("qwen3",)).digest)


def test_an_adapter_for_another_base_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdapterUnfit, match=r"was trained on 'somewhere/qwen3', the model is 'smollm2'; choose its own base"):
        adapter(tmp_path, names=("smollm2", "HuggingFaceTB/SmolLM2-135M-Instruct"))
    with pytest.raises(AdapterUnfit, match="was trained on weights 0000000000000000…, these are a digest…"):
        adapter(tmp_path, base_model_digest="0" * 64)
    other = adapter(tmp_path, base_model_digest="a digest")
    with pytest.raises(AdapterUnfit, match=r"for another base model: its 'layers\.0\.\w+' is \[\d+, \d+\], the model's is"):
        opened(tiny_models.folder("qwen2", tmp_path), "float32", adapter=other)


@pytest.mark.parametrize(
    "asked", [{"use_dora": True}, {"modules_to_save": ["lm_head"]}, {"bias": "all"}, {"init_lora_weights": "pissa"}]
)
def test_an_adapter_that_asks_for_more_is_refused(asked: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(AdapterUnfit, match=rf"with .*{next(iter(asked))}.* is not implemented; train a plain LoRA adapter"):
        adapter(tmp_path, **asked)


def test_an_adapter_of_the_embedding_is_refused_by_name(tmp_path: Path) -> None:
    made = tiny_models.adapter(tmp_path)
    _write_adapter(made, {"base_model.model.model.embed_tokens.lora_embedding_A": (4, 384)})
    with pytest.raises(AdapterUnfit, match=r"embed_tokens.*only matrices of attention and feed-forward"):
        opened(tiny_models.folder("qwen3", tmp_path), "float32", adapter=adapter(tmp_path))
