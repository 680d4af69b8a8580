"""What other tools say of the same texts: one peer in a process of its own, so that its pins and threads are its own.

    python benchmarks/moderation_peers.py presidio --model FOLDER < texts.json

In: {"pii": [text], "toxicity": [text], "injection": [text]}. Out: {"version", "could_not": {check: why},
"pii": [[[start, end]]], "toxicity": [bool], "injection": [bool], "ms": {kind: [processor milliseconds a text]}}.
A kind that the peer has no check for is missing. Nothing is fetched: where a check wants a download, it fails and says so.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ["TLDEXTRACT_PUBLIC_SUFFIX_LIST_URLS"] = ""  # or the first e-mail address waits for a download
os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "PIP_NO_INDEX": "1"}

Texts = Sequence[str]
Check = Callable[[str], Any]


def timed(check: Check, texts: Texts) -> tuple[list[Any], list[float]]:
    """Every answer, and the processor time of each in milliseconds, after a few texts to warm up."""
    for text in texts[:20]:
        check(text)
    answers, times = [], []
    for number, text in enumerate(texts):
        begun = time.process_time()
        answers.append(check(text))
        times.append(1000 * (time.process_time() - begun))
        if number % 50 == 49:
            print(f"at {number + 1}", file=sys.stderr, flush=True)
    return answers, times


def presidio(model: str) -> tuple[str, dict[str, Check], dict[str, str]]:
    """Presidio with its default recognisers and thresholds over one spaCy model."""
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    nlp = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": model}])
    nlp.load()
    engine = AnalyzerEngine(nlp_engine=nlp, supported_languages=["en"])

    def find(text: str) -> list[list[int]]:
        return [[r.start, r.end] for r in engine.analyze(text, language="en")]

    return "presidio-analyzer", {"pii": find}, {}


def profanity(_model: str) -> tuple[str, dict[str, Check], dict[str, str]]:
    from profanity_check import predict

    return "alt-profanity-check", {"toxicity": lambda text: bool(predict([text])[0])}, {}


def llm_guard(_model: str) -> tuple[str, dict[str, Check], dict[str, str]]:
    """LLM Guard's input scanners for our two harms; each wants a model from a hub."""
    from llm_guard.input_scanners import Anonymize, InvisibleText, PromptInjection, Toxicity
    from llm_guard.vault import Vault

    wanted: dict[str, tuple[str, Callable[[], Any]]] = {
        "PromptInjection": ("injection", PromptInjection),
        "Toxicity": ("toxicity", Toxicity),
        "Anonymize": ("anonymize", lambda: Anonymize(Vault())),
        "InvisibleText": ("injection", InvisibleText),
    }
    checks, why = _built(wanted)
    return "llm-guard", {kind: (lambda text, s=s: not s.scan(text)[1]) for kind, s in checks.items()}, why


def nemo(_model: str) -> tuple[str, dict[str, Check], dict[str, str]]:
    """NeMo Guardrails' checks that need no language model: jailbreak heuristics, and YARA rules against injected code."""
    import asyncio

    from nemoguardrails import RailsConfig
    from nemoguardrails.library.injection_detection.actions import injection_detection

    loop = asyncio.new_event_loop()
    config = RailsConfig.from_content(
        yaml_content="rails:\n  config:\n    injection_detection:\n      injections: [code, sqli, template, xss]\n"
        "      action: reject\nmodels: []\n"
    )

    def code(text: str) -> bool:
        return bool(loop.run_until_complete(injection_detection(text, config)).metadata["is_injection"])

    def heuristics() -> Any:
        from nemoguardrails.library.jailbreak_detection.heuristics.checks import check_jailbreak_length_per_perplexity

        return lambda text: check_jailbreak_length_per_perplexity(text, 89.79)["jailbreak"]

    def yara() -> Any:
        code("select 1")
        return code

    wanted = {"YARA rules": ("injection", yara), "jailbreak heuristics": ("heuristics", heuristics)}
    checks, why = _built(wanted)
    return "nemoguardrails", dict(checks), why


def _built(wanted: dict[str, tuple[str, Callable[[], Any]]]) -> tuple[dict[str, Any], dict[str, str]]:
    built: dict[str, Any] = {}
    why: dict[str, str] = {}
    for name, (kind, build) in wanted.items():
        try:
            built.setdefault(kind, build())
        except Exception as error:  # the reason is the result
            why[name] = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
    return built, why


PEERS = {"presidio": presidio, "alt-profanity-check": profanity, "llm-guard": llm_guard, "nemo": nemo}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("--model", default="", help="the spaCy model's folder, for presidio")
    parser.add_argument("--core", type=int, default=0)
    options = parser.parse_args()
    os.sched_setaffinity(0, {options.core})
    work = json.load(sys.stdin)
    answered = os.dup(1)
    os.dup2(2, 1)  # what a library prints must not stand in the answer
    package, checks, why = PEERS[options.peer](options.model)
    out: dict[str, Any] = {"version": f"{package} {importlib.metadata.version(package)}", "could_not": why, "ms": {}}
    for kind, check in checks.items():
        if kind in work:
            out[kind], out["ms"][kind] = timed(check, work[kind])
    with os.fdopen(answered, "w") as stream:
        json.dump(out, stream)


if __name__ == "__main__":
    main()
