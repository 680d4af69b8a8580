"""Does llama.cpp say the same about the tiny GGUF files? Run by hand where llama.cpp is (the `oracle` extra):

    PYTHONPATH=. python tests/inference/golden/check_gguf.py llama llama3 qwen2 qwen3 gemma3

Compares the tokens of the texts and the log-probabilities of llama.cpp's twenty likeliest tokens at four positions with ours
in float32. llama.cpp keeps keys and values in half precision, so that about 0.01 is what to expect. One process a family:
llama.cpp keeps its server for as long as the process lives.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFWriter

from tests.inference import gguf_files, tiny_models
from tests.inference.test_models import logits, opened


def check(family: str, folder: Path) -> None:
    import xllamacpp

    GGUFWriter.add_attention_scale = lambda writer, scale: None  # llama.cpp takes no notice of it for Gemma 3
    path = gguf_files.write(family, folder / f"{family}.gguf")
    ours = opened(path, "float32")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.n_ctx, parameters.n_parallel, parameters.verbosity = 256, 1, -1
    server = xllamacpp.Server(parameters)
    known, about = tiny_models.golden(family), tiny_models.about(family)
    worst, compared = 0.0, 0
    for place in known["places"].tolist():
        tokens = known["tokens"][: place + 1].tolist()
        asked = {"prompt": tokens, "n_predict": 1, "n_probs": 20, "temperature": 0.0, "cache_prompt": False}
        told = server.handle_completions(asked)["choices"][0]["logprobs"]
        found = logits(ours, tokens).astype(np.float64)
        found -= found.max() + np.log(np.exp(found - found.max()).sum())
        # nothing is told where the answer would end
        for entry in told["content"][0]["top_logprobs"] if told else []:
            worst, compared = max(worst, abs(entry["logprob"] - found[entry["id"]])), compared + 1
    same = [tokenized(server, text) == tokens for text, tokens in zip(about["texts"], about["tokens"], strict=True)]
    print(
        f"{family}: {compared} log-probabilities within {worst:.4f}; tokens {'the same' if all(same) else same}", flush=True
    )
    os._exit(0 if all(same) and worst < 0.02 and compared else 1)  # its server would not let the process end


def tokenized(server: Any, text: str) -> Any:
    body = json.dumps({"content": text, "add_special": False, "parse_special": False}).encode()
    request = urllib.request.Request(f"{server.listening_address}/tokenize", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        return json.load(response)["tokens"]


if __name__ == "__main__":
    if len(sys.argv) == 2:
        with tempfile.TemporaryDirectory() as place:
            check(sys.argv[1], Path(place))
    sys.exit(max([subprocess.run([sys.executable, __file__, family], check=False).returncode for family in sys.argv[1:]]))
