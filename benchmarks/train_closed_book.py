"""Train the model that tells an ordinary word from a name for the closed book, and write its card.

    python benchmarks/train_closed_book.py --data DIR

Ordinary words: the general notions and forms that Countersign ships, its policies' words, and the words that CLINC150 and
Banking77 (both CC BY), TAT-QA (MIT) and the multilingual HateCheck (CC BY 4.0) write small. Names: Countersign's own lists
of given names, surnames, firms and places, and names made of parts by the generator below. A fifth is held back.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the rooms, before scripts of the same names here

import numpy as np
import yaml
from numpy.typing import NDArray
from safetensors.numpy import save_file

from orchestrator.closed_book.general_notions import vocabulary
from orchestrator.closed_book.ordinary_words import BUCKETS, features

ROOT = Path(__file__).parent.parent
WEIGHTS = ROOT / "orchestrator" / "data" / "closed_book.safetensors"
CARD = ROOT / "docs" / "model-cards" / "closed-book.md"
_WORD = re.compile(r"[^\W\d_]{3,}")
_BEGINNINGS = """
Ald Amb Arc Ard Ash Bel Berg Bex Black Bright Bran Brook Cald Cam Cor Crest Dal Dun East Ed El Fair Fal Fin Ford Gar
Gold Gran Green Hal Har Hart Hav Helm High Hol Ing Iver Kel Kess Kingsl Krü Lam Lang Lin Lun Mal Mar Mer Mont Mor Nav
Nel Nor Nord Oak Ost Pal Pem Pol Quan Ram Ray Red Riv Ros Sal San Sel Sil Sol Star Sten Stra Sum Syl Tan Tel Thorn Tri
Val Van Ver Vex Vol Wal Wes West Whit Wil Wind Xan Yar Zan Zel Zen
""".split()  # noqa: SIM905
_ENDS = """
ara aris beck berg borough bridge bury by cliff court dale den don eon era erra ex fax field ford gate grove haven
heim holm hurst ia ica ien igo ix ison kamp ler ley ling lon low mann mark mere mont more nor ora oria ova over quist
ridge ron rose sen shaw son stead stein sten stone ta tis ton tra tric tron ula um us va vale vane vest via view vik
ville way well wick wood worth ya zen
""".split()  # noqa: SIM905
_STRENGTH = 3e-6  # of the ridge; of four tried, on the held-back words
_STEPS = 400
_KEYS = ("specific", "stated", "small", "neutral")


def made_names() -> list[str]:
    """Names of firms that do not exist, of every beginning with some ends."""
    pairs = list(itertools.product(_BEGINNINGS, _ENDS))
    random.Random(5).shuffle(pairs)
    return [begin + end for begin, end in pairs[:3000]]


def _words(texts: Iterable[str], least: int) -> set[str]:
    """Words written small at least so often; and more often small than with a capital."""
    small: Counter[str] = Counter()
    large: Counter[str] = Counter()
    for text in texts:
        for word in _WORD.findall(text):
            (small if word.islower() else large)[word.casefold()] += 1
    return {word for word, count in small.items() if count >= least and count > large[word]}


def _listed(name: str) -> list[str]:
    lines = (ROOT / "moderation" / "data" / name).read_text("utf-8").splitlines()
    return [word for line in lines if line and line[0] not in "#[" for word in _WORD.findall(line)]


def ordinary_words(data: Path) -> set[str]:
    texts = {
        name: [json.loads(line)["text"] for line in (data / f"{name}.jsonl").open(encoding="utf-8")]
        for name in ("intents_clinc", "intents_banking", "hatecheck_multilingual")
    }
    tables = [path.read_text("utf-8") for path in sorted((data / "tatqa").glob("*.md"))]
    policies = [path.read_text("utf-8") for path in sorted((ROOT / "moderation" / "policies").glob("*.yaml"))]
    forms = yaml.safe_load((ROOT / "orchestrator" / "data" / "closed_book.yaml").read_text("utf-8"))["languages"]
    small = {
        word
        for language in forms.values()
        for key in ("specific", "stated", "small")
        for word in _WORD.findall(language[key])
    }
    return (
        {word for word in vocabulary().words if len(word) > 2}
        | {word.casefold() for word in _listed("common.txt")}
        | small
        | _words(texts["intents_banking"], 3)
        | _words(texts["intents_clinc"], 6)
        | _words(texts["hatecheck_multilingual"], 2)
        | _words(tables, 3)
        | _words(policies, 1)
    )


def names() -> set[str]:
    listed = itertools.chain.from_iterable(map(_listed, ("names.txt", "companies.txt", "countries.txt", "surrogates.txt")))
    known = {word for row in vocabulary().named for word in row if len(word) > 2 and word.isalpha()}
    return {word.casefold() for word in (*listed, *made_names())} | known


def held_back(word: str) -> bool:
    return hashlib.sha256(word.encode()).digest()[0] < 51


def fit(words: list[str], labels: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Logistic regression by gradient descent with momentum; both kinds weigh the same. Returns float32[BUCKETS], bias."""
    rows = [features(word) for word in words]
    index = np.concatenate(rows)
    owner = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    value = np.repeat(1 / np.sqrt([len(row) for row in rows]), [len(row) for row in rows])
    share = labels.mean()
    weight = np.where(labels > 0, 0.5 / share, 0.5 / (1 - share)) / len(words)
    w, bias, speed, lean = np.zeros(BUCKETS), 0.0, np.zeros(BUCKETS), 0.0
    for _ in range(_STEPS):
        logits = np.bincount(owner, w[index] * value, len(rows)) + bias
        error = (1 / (1 + np.exp(-logits)) - labels) * weight
        speed = 0.9 * speed - 20.0 * (np.bincount(index, error[owner] * value, BUCKETS) + _STRENGTH * w)
        lean = 0.9 * lean - 2.0 * error.sum()
        w, bias = w + speed, bias + lean
    return w.astype(np.float32), float(bias)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the training sets")
    data = parser.parse_args().data
    plain, named = ordinary_words(data), names()
    plain -= named - vocabulary().words
    named -= plain
    rows = [(word, 1.0) for word in sorted(plain)] + [(word, 0.0) for word in sorted(named)]
    kept = [row for row in rows if not held_back(row[0])]
    w, bias = fit([word for word, _ in kept], np.array([label for _, label in kept], np.float32))
    save_file({"letters": w.astype(np.float16), "bias": np.array([bias], np.float32)}, WEIGHTS)
    scores = {kind: np.array([_logit(w, bias, word) for word, label in rows if label == kind and held_back(word)])
              for kind in (1.0, 0.0)}  # fmt: skip
    lines = [f"| {bound:.2f} | {(sigmoid(scores[1.0]) >= bound).mean():.1%} | {(sigmoid(scores[0.0]) < bound).mean():.1%} |"
             for bound in (0.2, 0.3, 0.4, 0.5, 0.6)]  # fmt: skip
    digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    CARD.write_text(_CARD.format(plain=len(plain), named=len(named), held=sum(map(len, scores.values())), digest=digest,
                                 rows="\n".join(lines), size=WEIGHTS.stat().st_size), "utf-8")  # fmt: skip
    print(CARD.read_text("utf-8"))


def _logit(w: NDArray[np.float32], bias: float, word: str) -> float:
    found = features(word)
    return float(w[found].sum() / np.sqrt(len(found)) + bias)


def sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-logits)))


_CARD = """# Ordinary word or name

A logistic model over groups of two to five letters and the word itself, hashed into 16,384 buckets: how likely a word is
an ordinary word of English, German, French, Spanish, Italian or Dutch, and no name. The closed book asks it where capitals
do not tell: in German, and where none was typed. `python benchmarks/train_closed_book.py --data DIR` makes it; the script
names its sources.

Words: {plain} ordinary, {named} names; a fifth by hash is held back ({held} words). File: {size} bytes, SHA-256 `{digest}`.

| threshold | held-back ordinary words let through | held-back names kept out |
|---|---|---|
{rows}

What kind of request a message is, where no form tells, is asked of another model: request-head.md.

What falls short: a name that looks like a word ("Apple", "Square") is not known by its letters; the lists of
`orchestrator/data/named.txt` and the tenant's own names are there for it. A rare word of another language may be taken for
a name; then the question goes to the documents.
"""

if __name__ == "__main__":
    main()
