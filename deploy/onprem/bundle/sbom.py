"""The bill of materials in CycloneDX 1.6: every wheel with its licence and digest, every model with its card.

Licences are what the wheels' own metadata say (PEP 639 expressions first, then the older fields). Nothing here is read from
a network, and the document's serial number follows from its content.
"""

from __future__ import annotations

import json
import re
import uuid
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from inference.store.manifest import ModelSpec

Json = dict[str, Any]
_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
}
_KNOWN = frozenset(_CLASSIFIERS.values()) | {"0BSD", "BSD-2-Clause", "Zlib", "CC0-1.0", "HPND"}
_TASKS = {"chat": "text-generation", "encoder": "sentence-similarity", "ner": "token-classification"}


def bill(
    version: str, epoch: int, wheels: Mapping[Path, str], models: Sequence[ModelSpec], cards: Mapping[str, str]
) -> Json:
    """wheels: file to SHA-256; models: those of the manifest, carried or not; cards: name to Markdown of cards in docs/."""
    own, parts = None, []
    for path, digest in sorted(wheels.items(), key=lambda one: one[0].name):
        component = _package(path, digest)
        if component["name"] == "countersign":
            own = component
        else:
            parts.append(component)
    parts += [_model(spec) for spec in models]
    parts += [_card(name, text) for name, text in sorted(cards.items())]
    root = own or {"type": "application", "name": "countersign", "version": version, "bom-ref": "countersign"}
    root["type"] = "application"
    document: Json = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"timestamp": f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%dT%H:%M:%SZ}", "component": root},
        "components": parts,
        "dependencies": [{"ref": root["bom-ref"], "dependsOn": sorted(one["bom-ref"] for one in parts)}],
    }
    content = json.dumps(document, sort_keys=True)
    return {**document, "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, content)}"}


def _package(path: Path, digest: str) -> Json:
    about = _metadata(path)
    name = re.sub(r"[-_.]+", "-", str(about["Name"])).lower()
    purl = f"pkg:pypi/{name}@{about['Version']}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": str(about["Version"]),
        "description": str(about.get("Summary") or ""),
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": digest}],
        "licenses": licences(about),
        "properties": [{"name": "countersign:wheel", "value": path.name}],
    }


def licences(about: Message) -> list[Json]:
    """In CycloneDX' words. [] where a package says nothing."""
    if expression := about.get("License-Expression"):
        return [{"expression": str(expression)}]
    named = str(about.get("License") or "").strip()
    if named in _KNOWN:
        return [{"license": {"id": named}}]
    trove = [str(line).rpartition(" :: ")[2] for line in about.get_all("Classifier", ()) if "License ::" in line]
    told = [{"license": {"id": _CLASSIFIERS[one]} if one in _CLASSIFIERS else {"name": one}} for one in trove]
    first = named.splitlines()[0][:100] if named and named != "UNKNOWN" else ""
    return told or ([{"license": {"name": first}}] if first else [])


def _metadata(path: Path) -> Message:
    with zipfile.ZipFile(path) as wheel:
        name = next(one for one in wheel.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", one))
        return HeaderParser().parsestr(wheel.read(name).decode("utf-8"))


def _model(spec: ModelSpec) -> Json:
    return {
        "type": "machine-learning-model",
        "bom-ref": f"model:{spec.name}@{spec.digest}",
        "name": spec.name,
        "version": spec.digest,
        "description": f"{spec.origin}: {spec.use}",
        "hashes": [{"alg": "SHA-256", "content": spec.digest}],
        "licenses": _spdx([spec.licence]),
        "modelCard": {
            "modelParameters": {
                "task": _TASKS[spec.kind],
                "inputs": [{"format": spec.prompt_format}],
            },
            "considerations": {"useCases": [spec.use]},
        },
        "components": [
            {
                "type": "file",
                "bom-ref": f"model:{spec.name}/{file.path}",
                "name": file.path,
                "hashes": [{"alg": "SHA-256", "content": file.sha256}],
            }
            for file in spec.files
        ],
    }


def _card(name: str, text: str) -> Json:
    """Weights of our own, which lie in the wheel, with the card that the docs have of them."""
    title = text.lstrip("# ").splitlines()[0]
    return {
        "type": "machine-learning-model",
        "bom-ref": f"model:{name}",
        "name": name,
        "description": title,
        "licenses": _spdx(["Apache-2.0"]),
        "modelCard": {"considerations": {"technicalLimitations": [f"see docs/model-cards/{name}.html"]}},
    }


def _spdx(names: Iterable[str]) -> list[Json]:
    return [{"license": {"id": one} if one in _KNOWN else {"name": one}} for one in names]
