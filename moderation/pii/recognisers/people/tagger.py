"""The NER model's own weights, read forwards only: what spaCy computes, without what its training needs.

spaCy runs some fifty small layers for every text and asks its library for a product at every token; for a short text
their administration takes longer than their arithmetic. Here the same weights are read once and the same numbers come out
of some dozens of NumPy calls. A token's hashed embeddings (norm, prefix, suffix, shape) and its static vector are mixed by a
maxout layer; four residual layers see one neighbour on either side (MultiHashEmbed.v2, MaxoutWindowEncoder.v2); a greedy
walk over the actions begin, in, last, unit and out reads the entities (TransitionBasedParser.v2, state "ner").
Invariant: the entities are spaCy's; a model that is built otherwise is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from moderation.pii.recognisers.people.matmul import Floats, Linear, Maxout

_AS_WRITTEN = 65  # spaCy's ORTH
Entity = tuple[int, int, str]
_IMPOSSIBLE = np.float32(-np.inf)


@dataclass(frozen=True)
class Looked:
    """What the model needs of a text, copied out of spaCy's document, which does not outlive its memory zone."""

    keys: NDArray[np.uint64]  # [tokens, attributes]
    vectors: NDArray[np.int64]  # rows of the vector table, -1 where there is none
    spaces: NDArray[np.bool_]  # which tokens are white space
    bounds: tuple[tuple[int, int], ...]  # characters


class Tagger:
    """`look` reads the vocabulary, which one caller may do at a time; `entities` is a pure function."""

    def __init__(self, model: Any) -> None:
        """model: a loaded spaCy language with a pipe "ner" that needs no other. Raises ValueError for an architecture that
        is not the one above."""
        ner = model.get_pipe("ner")
        self._model = model
        self._columns, self._encode = _encoder(ner.model, model.vocab)
        self._choose = _chooser(ner)

    def look(self, text: str) -> Looked:
        doc = self._model.make_doc(text)
        vectors = self._model.vocab.vectors
        return Looked(
            doc.to_array(self._columns).astype(np.uint64).reshape(len(doc), len(self._columns)),
            vectors.find(keys=doc.to_array(getattr(vectors, "attr", _AS_WRITTEN))),
            np.array([token.is_space for token in doc], np.bool_),
            tuple((token.idx, token.idx + len(token)) for token in doc),
        )

    def entities(self, looked: Looked) -> list[Entity]:
        """(start, end, label), in characters."""
        if not looked.bounds:
            return []
        chosen = self._choose(self._encode(looked), looked.spaces)
        return [(looked.bounds[first][0], looked.bounds[last][1], label) for first, last, label in chosen]


def _encoder(parser: Any, vocab: Any) -> tuple[list[Any], Callable[[Looked], Floats]]:
    """The attributes it reads, and a text to float32[tokens, hidden]."""
    nodes = list(parser.layers[0].walk())
    leaves = [node for node in nodes if not node.layers]
    names = {node.name for node in leaves}
    tables = [node for node in leaves if node.name == "hashembed"]
    maxouts = [node for node in leaves if node.name == "maxout"]
    norms = [node for node in leaves if node.name == "layernorm"]
    windows = [node for node in nodes if node.name.startswith("with_array(residual")]
    single = {
        name: [node for node in leaves if node.name == name] for name in ("extract_features", "static_vectors", "linear")
    }
    expected = {
        *single, "list2ragged", "ints-getitem", "hashembed", "maxout", "layernorm", "dropout", "ragged2list",
        "expand_window", "list2array",
    }  # fmt: skip
    if (
        names != expected
        or any(len(found) != 1 for found in single.values())
        or len(windows) != 1
        or len(maxouts) != len(norms)
        or any(layer.get_dim("nI") != 3 * layer.get_dim("nO") for layer in maxouts[1:])
        or getattr(vocab.vectors.mode, "value", vocab.vectors.mode) != "default"
    ):
        raise ValueError("its token encoder is no MultiHashEmbed with a MaxoutWindowEncoder and static vectors")
    ops = parser.ops
    columns = single["extract_features"][0].attrs["columns"]
    embeddings = [(t.get_param("E"), t.attrs["seed"], t.attrs["column"]) for t in tables]
    mix, *layers = [
        Maxout(layer.get_param("W"), layer.get_param("b"), norm.get_param("G"), norm.get_param("b"))
        for layer, norm in zip(maxouts, norms, strict=True)
    ]
    last = Linear(single["linear"][0].get_param("W"), single["linear"][0].get_param("b"))
    meanings = ops.gemm(ops.as_contig(vocab.vectors.data), single["static_vectors"][0].get_param("W"), trans2=True)
    pad = int(windows[0].attrs["pad"])

    def encode(looked: Looked) -> Floats:
        parts = [
            ops.gather_add(rows, ops.hash(np.ascontiguousarray(looked.keys[:, column]), seed) % len(rows))
            for rows, seed, column in embeddings
        ]
        meant = meanings[looked.vectors]
        meant[looked.vectors < 0] = 0
        mixed = mix(np.concatenate([*parts, meant], axis=1))
        # spaCy pads a text with zeros; one row more at each end is the neighbour of the outermost ones.
        x = np.zeros((len(mixed) + 2 * pad + 2, mixed.shape[1]), np.float32)
        x[pad + 1 : -pad - 1] = mixed
        row, width = x.strides[0], x.shape[1]
        for layer in layers:
            x[1:-1] += layer(as_strided(x, (len(x) - 2, 3 * width), (row, x.strides[1]), writeable=False))
        return last(x[pad + 1 : -pad - 1])

    return columns, encode


def _chooser(ner: Any) -> Callable[[Floats, NDArray[np.bool_]], list[Entity]]:
    """(token vectors, which tokens are white space) to (first, last, label) by the greedy walk."""
    _, lower, upper = ner.model.layers
    features, width, pieces = (lower.get_dim(name) for name in ("nF", "nO", "nP"))
    if features != 3 or not ner.model.attrs["has_upper"] or ner.model.attrs["unseen_classes"]:
        raise ValueError("its parser is no greedy one for entities with three features and a hidden layer")
    actions = [ner.moves.get_class_name(index) for index in range(ner.moves.n_moves)]
    kinds = np.array([action[0] for action in actions])
    index = {action: place for place, action in enumerate(actions)}
    nothing = lower.get_param("pad").reshape(features, width * pieces)
    hidden = Linear(lower.get_param("W").reshape(-1, lower.get_dim("nI")), np.zeros(features * width * pieces, np.float32))
    bias = lower.get_param("b").reshape(-1)
    last = Linear(upper.get_param("W"), upper.get_param("b"))
    weights, biases = upper.get_param("W"), upper.get_param("b")
    not_outside = ~np.isin(kinds, ("B", "U", "O")) | np.array([a == "U-" for a in actions])
    opening = np.isin(kinds, ("B", "U"))
    begins = kinds == "B"

    def strongest(state: Floats) -> Floats:
        found: Floats = state.reshape(*state.shape[:-1], width, pieces).max(axis=-1)
        return found

    def choose(tokens: Floats, spaces: NDArray[np.bool_]) -> list[Entity]:
        """A state is the token itself, its entity's first token and the token before it, the last two only in an entity."""
        seen = hidden(tokens).reshape(len(tokens), features, width * pieces)
        outside = last(strongest(seen[:, 0] + (nothing[1] + nothing[2] + bias)))
        outside[:, not_outside] = _IMPOSSIBLE
        outside[np.ix_(spaces, opening)] = _IMPOSSIBLE
        outside[-1, begins] = _IMPOSSIBLE
        best = outside.argmax(axis=1).tolist()
        found: list[Entity] = []
        at, end = 0, len(tokens) - 1
        while at <= end:
            kind, _, label = actions[best[at]].partition("-")
            first = at
            if kind == "B":
                at += 1
                rows = [index[f"I-{label}"], index[f"L-{label}"]]
                while at < end:
                    state = strongest(seen[at, 0] + seen[first, 1] + seen[at - 1, 2] + bias)
                    inside, ending = weights[rows] @ state + biases[rows]
                    if ending > inside or (ending == inside and rows[1] < rows[0]):
                        break
                    at += 1
            if kind != "O":
                found.append((first, at, label))
            at += 1
        return found

    return choose
