"""`python -m deploy.onprem.bundle`: what `make bundle` runs, on the connected machine."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from deploy.onprem.bundle.build import Wanted, build
from deploy.onprem.bundle.errors import BundleError
from deploy.onprem.bundle.minisign import KeyUnusable, SecretKey, public_path
from inference.errors import InferenceError

ROOT = Path(__file__).parents[3]
ENCODER, NER = "all-minilm-l6-v2", "en-core-web-md"
CHAT = "qwen2.5-coder-1.5b-instruct"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bundle", description=__doc__)
    parser.add_argument("--light", action="store_true", help="leave the models out")
    parser.add_argument("--chat", default=CHAT, help="the chat model that goes in")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--key", type=Path, default=default_key(), help="minisign secret key; made where there is none")
    parser.add_argument("--version", help="another version than the commit's, to rehearse an upgrade")
    given = parser.parse_args()
    models = () if given.light else (given.chat, ENCODER, NER)
    try:
        key = signing_key(given.key)
        built = build(Wanted(ROOT, given.out, models, given.version), key, _tell)
    except (BundleError, KeyUnusable, InferenceError, OSError) as error:
        print(f"bundle: {error}", file=sys.stderr)
        return 1
    for name, size in built.sizes.items():
        print(f"  {name:<12} {size / 1e6:>10,.1f} MB")
    print(f"{built.archive}\n  sha256      {built.sha256}\n  signature   {built.signature}")
    print(f"  public key  {key.public}\n  fingerprint {key.public.fingerprint}")
    print("carry the archive and its signature; give the public key and verify.py to the receiver by another way, once")
    return 0


def default_key() -> Path:
    configured = os.environ.get("XDG_CONFIG_HOME")
    return (Path(configured) if configured else Path.home() / ".config") / "countersign" / "bundle.key"


def signing_key(path: Path) -> SecretKey:
    if not path.exists():
        SecretKey.generate().save(path)
        _tell(f"made a signing key: {path} (keep it secret, and a copy of it safe); its public half: {public_path(path)}")
    return SecretKey.load(path)


def _tell(text: str) -> None:
    print(f"bundle: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
