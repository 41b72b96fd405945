"""k-sparse probing of what the text itself says of a token; blank for data without text.

Implements: Gurnee et al., arXiv 2305.01610: the k neurons whose means differ most between the classes, in units of
their standard deviation, and a logistic regression on them.
"""

from __future__ import annotations

import keyword
import string
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from simulations.measures.base import Column, measure
from simulations.measures.look import Look

Array = npt.NDArray[Any]
ROWS = 4_096  # of training, and as many held out
ENTRIES = 2**26  # of codes in memory
FEWEST = 20  # rows of either class
NEWTON_STEPS, RIDGE = 8, 1e-2
# Of a token: its text, the text before it in its window, its place in the window.
PROPERTIES: dict[str, Callable[[str, str, int], bool]] = {
    "digit": lambda own, before, place: any(each.isdigit() for each in own),
    "capital": lambda own, before, place: own[:1].isupper(),
    "punctuation": lambda own, before, place: all(each in string.punctuation for each in own),
    "line start": lambda own, before, place: not before.rpartition("\n")[2].strip(),
    "position": lambda own, before, place: place < 8,
    "keyword": lambda own, before, place: own in keyword.kwlist,
}


@measure(
    probing_1=Column("balanced accuracy of the best single neuron on held-out tokens, mean over properties"),
    probing_5=Column("the same of five neurons"),
    probing_input_1=Column("the same of the best single coordinate of x"),
    probing_input_5=Column("the same of five coordinates of x"),
    probing_profile=Column(f"one neuron:one coordinate of x, of {', '.join(PROPERTIES)}", kind="series"),
)
def probing(look: Look) -> dict[str, Any]:
    """Return how well single neurons tell digits, capitals, punctuation, position and keywords."""
    source, code = look.source, look.fitted.code
    if not getattr(source, "has_text", False) or code is None:
        return {}
    rows = int(min(ROWS, max(256, ENTRIES // len(look.weights))))
    (X, labels), (Y, truth) = (labelled(source, rows, held) for held in (False, True))
    told = [each for each in range(len(PROPERTIES)) if _both(labels[:, each]) and _both(truth[:, each])]
    if not told:
        return {}
    found = {}
    for name, one, other in (("", code(X)[0], code(Y)[0]), ("_input", X, Y)):
        for k in (1, 5):
            found[name, k] = [accuracy(one, labels[:, each], other, truth[:, each], k) for each in told]
    profile = {each: f"{found['', 1][i]:.4g}:{found['_input', 1][i]:.4g}" for i, each in enumerate(told)}
    return {f"probing{name}_{k}": float(np.mean(values)) for (name, k), values in found.items()} | {
        "probing_profile": " ".join(profile.get(each, "0:0") for each in range(len(PROPERTIES)))
    }


def labelled(source: Any, rows: int, held: bool) -> tuple[Array, Array]:
    """Return rows X (R, d), and which property each has (R, properties)."""
    X, told = source.labelled(rows, held=held)
    return X, np.array([[test(*each) for test in PROPERTIES.values()] for each in told])


def _both(labels: Array) -> bool:
    return bool(FEWEST <= labels.sum() <= len(labels) - FEWEST)


def accuracy(Z: Array, labels: Array, others: Array, truth: Array, k: int) -> float:
    """Return the balanced accuracy on `others`, labelled `truth`, of a probe on k columns chosen and fitted on Z."""
    Z, others = (np.asarray(each, np.float64) for each in (Z, others))
    scale = Z.std(axis=0)
    gap = np.abs(Z[labels].mean(axis=0) - Z[~labels].mean(axis=0)) / np.where(scale > 0, scale, np.inf)
    best = np.argsort(-gap, kind="stable")[:k]
    mean, width = Z[:, best].mean(axis=0), np.where(scale[best] > 0, scale[best], 1)
    weights = _logistic((Z[:, best] - mean) / width, labels)
    said = _with_one((others[:, best] - mean) / width) @ weights > 0
    return float((said[truth].mean() + (~said[~truth]).mean()) / 2)


def _with_one(Z: Array) -> Array:
    return np.column_stack([Z, np.ones(len(Z))])


def _logistic(Z: Array, labels: Array) -> Array:
    """Return the weights of a logistic regression, the last one its constant; both classes count alike."""
    A, y = _with_one(Z), labels.astype(float)
    counts = np.where(labels, 0.5 / labels.sum(), 0.5 / (~labels).sum())
    w = np.zeros(A.shape[1])
    for _ in range(NEWTON_STEPS):
        p = 1 / (1 + np.exp(-np.clip(A @ w, -30, 30)))
        hessian = (A * (counts * p * (1 - p))[:, None]).T @ A + RIDGE * np.eye(len(w))
        w = w + np.linalg.solve(hessian, A.T @ (counts * (y - p)) - RIDGE * w)
    return w
