"""The score of anybody's dictionary: against true features, or, where there are none, what can be said without them.

Names that SAELens has mean here what they mean there (sae_lens/synthetic/evals.py of SAELens 6): true_l0, sae_l0,
dead_latents, shrinkage, explained_variance, mcc, uniqueness, precision, recall, f1_score, accuracy.  The others are the
columns of our rows (simulations.measures.recovery).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from simulations.algorithms.base import Fitted
from simulations.data.matrices import Array, matrix
from simulations.data.model import Model
from simulations.data.sampling import Sample
from simulations.data.source import Source
from simulations.measures.classification import Coding
from simulations.measures.look import TAU, Look
from simulations.measures.matching import best_features, mean_correlation
from simulations.measures.numbers import Consistency, Frequencies, Score
from simulations.measures.recovery import recovery, recovery_up_to_shift
from theory.closed_forms import chance_recovery_rate
from theory.identifiability import compare

ROWS = 1_024  # rows that are coded at once


class Given(Source):
    """Features that were handed over, with H where it is known: what the measures of recovery ask of data."""

    def __init__(self, features: Array, truth: Array | None, X: Array | None) -> None:
        self.d_model, self._X = features.shape[1], X
        total = np.zeros((0, 1)) if truth is None else truth.sum(axis=1, keepdims=True)
        self._sample = Sample(np.zeros(total.shape, np.int32), total, features)

    @property
    def truth(self) -> Sample:
        """V, and the sum of each row of H."""
        return self._sample

    def batch(self, step: int, size: int) -> Array:
        """Return rows of X."""
        return self.calibration()[:size]

    def calibration(self) -> Array:
        """Return X; where it is not known, one row of norm 1."""
        return np.eye(1, self.d_model) if self._X is None else self._X

    def held_out(self) -> Array:
        """Return X."""
        return self.calibration()


def score(
    dictionary: Any,
    features: Any,
    codes: Any = None,
    truth: Any = None,
    *,
    X: Any = None,
    reconstruction: Any = None,
    b_pre: Any = None,
) -> Score:
    """Return how well a dictionary matches true features.

    `dictionary` is W (M, d), its directions in rows, or what `fit` returned; `features` V (n, d), or a Model (or a
    source of data) that knows its own.  A matrix is an array, a tensor, or the path of a file.  With `codes` z (R, M)
    and `truth` H (R, n) of the same samples, each neuron is judged as a detector of its nearest feature; with `X` and
    `reconstruction` (R, d), the reconstruction; with `b_pre` (d,) and `truth`, recovery up to a shift.  Of a fitted
    algorithm that has codes, these come from the held-out samples of the world.  Raises ValueError for shapes that do
    not match.

    >>> score([[0.0, 2.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]).lost_features
    array([0])
    """
    W = matrix(dictionary.dictionary if isinstance(dictionary, Fitted) else dictionary, "W", finite=False)
    source = features.stream() if isinstance(features, Model) else features
    if source is None or (isinstance(source, Source) and source.truth is None):
        raise ValueError(
            "no ground truth: give V or a Model; without, there are consistency(W1, W2) and frequencies(z)"
        )
    V = matrix(source.truth.features if isinstance(source, Source) and source.truth else source, "V")
    if W.shape[1] != V.shape[1]:
        raise ValueError(
            f"W of shape {W.shape} and V of shape {V.shape}, but both should have d columns, one row a direction"
        )
    told: dict[str, Any] = {}
    if isinstance(dictionary, Fitted) and isinstance(source, Source) and codes is None:
        look = Look(Fitted(W, shift=dictionary.shift), source)
        if dictionary.code is not None:
            told = _coded(dictionary, source, W, V)
    else:
        H, rows = (None if each is None else matrix(each, name) for each, name in ((truth, "truth"), (X, "X")))
        if H is not None and H.shape[1] != len(V):
            raise ValueError(f"truth of shape {H.shape}, but should be (samples, n_features={len(V)})")
        shift = None if b_pre is None else matrix(np.reshape(b_pre, (1, -1)), "b_pre")[0]
        if shift is not None and (H is None and not isinstance(source, Source)):
            raise ValueError("b_pre was given without truth: how large a shift it stands for depends on H")
        given = source if isinstance(source, Source) and H is None else Given(V, H, rows)
        look = Look(Fitted(W, shift=shift), given)
        told = _given(codes, H, rows, reconstruction, W, V)
    return _scored(look, W, V, told)


def _scored(look: Look, W: Array, V: Array, told: dict[str, Any]) -> Score:
    found = dict(recovery(look)) | {
        name: value for name, value in recovery_up_to_shift(look).items() if "recovery" in name
    }
    lost = np.flatnonzero(~(look.comparison.best_cosine_per_feature > TAU))
    matched = best_features(W, V)
    return Score(
        n_features=len(V),
        n_neurons=len(W),
        d_model=V.shape[1],
        lost=len(lost),
        lost_features=lost,
        mcc=mean_correlation(W, V),
        uniqueness=len(np.unique(matched)) / len(W),
        **found,
        **told,
    )


def _coded(fitted: Fitted, source: Source, W: Array, V: Array) -> dict[str, Any]:
    """Return what the codes say on the held-out samples of a source."""
    X, truth = np.asarray(source.held_out()), source.truth
    assert truth is not None
    seen = Coding(len(W), best_features(W, V))
    for start in range(0, len(X), ROWS):
        part = slice(start, start + ROWS)
        codes, output = (fitted.encode(X[part]), fitted.reconstruct(X[part]))
        H = np.zeros((len(codes), len(V)))
        np.add.at(H, (np.arange(len(codes))[:, None], truth.support[part]), truth.values[part])
        seen.add(codes, H)
        seen.add_output(output, X[part])
    return seen.results()


def _given(codes: Any, H: Array | None, X: Array | None, output: Any, W: Array, V: Array) -> dict[str, Any]:
    """Return what codes and reconstruction say that were handed over."""
    seen = Coding(len(W), best_features(W, V))
    if codes is not None:
        z = matrix(codes, "codes")
        if z.shape[1] != len(W):
            raise ValueError(f"codes of shape {z.shape}, but should be (samples, n_neurons={len(W)})")
        if H is not None and len(H) != len(z):
            raise ValueError(f"codes of {len(z)} samples and truth of {len(H)}, but should be of the same")
        for start in range(0, len(z), ROWS):
            seen.add(z[start : start + ROWS], None if H is None else H[start : start + ROWS])
    if output is not None:
        out = matrix(output, "reconstruction")
        if X is None or X.shape != out.shape:
            raise ValueError(f"reconstruction of shape {out.shape}, but X should be given and have the same")
        seen.add_output(out, X)
    return seen.results()


def consistency(first: Any, second: Any) -> Consistency:
    """Return how far two dictionaries (M, d) agree; there is no ground truth in it.  Raises ValueError for shapes."""
    A, B = (matrix(getattr(each, "dictionary", each), "W", finite=False) for each in (first, second))
    if A.shape[1] != B.shape[1]:
        raise ValueError(f"W of shapes {A.shape} and {B.shape}, but both should have d columns, one row a direction")
    found = compare(A, B)
    best = np.concatenate([found.best_cosine_per_feature, found.best_cosine_per_neuron])
    chance = [float(chance_recovery_rate(A.shape[1], len(each), TAU)) * len(other) for each, other in ((A, B), (B, A))]
    return Consistency(
        ground_truth=False,
        consistency=float(np.mean(best > TAU)),
        consistency_chance=sum(chance) / len(best),
        consistency_mean_cosine=float(np.mean(best)),
        mcc=mean_correlation(A, B),
    )


def frequencies(codes: Any) -> Frequencies:
    """Return how often neurons fire: `codes` (samples, M), 0 where a neuron is silent; there is no ground truth in it.

    >>> frequencies([[0.0, 1.0], [0.0, 2.0]]).dead_latents
    1
    """
    z = matrix(codes, "codes")
    frequency = np.mean(z > 0, axis=0)
    return Frequencies(
        ground_truth=False,
        n_samples=len(z),
        sae_l0=float(frequency.sum()),
        dead_latents=int((frequency == 0).sum()),
        dead_fraction=float((frequency == 0).mean()),
        median_frequency=float(np.median(frequency)),
        frequency=frequency,
    )


def score_file(path: str | Path, features: str | Path | None = None, model: Model | None = None) -> dict[str, Any]:
    """Return the score of a dictionary in a file, plain: for `sae-recovery score`.

    `path` is .npy, .npz, .safetensors (`file#name` picks one of several) or a SAELens folder; true features come from
    the file `features` or from `model`.  Raises ValueError, one line with the path, for files that cannot be used.
    """
    if (features is None) == (model is None):
        raise ValueError("give the true features as a file (--features) or as the settings of a model: one of the two")
    W = matrix(path, "W", finite=False)
    found = score(W, model if features is None else matrix(features, "V"))
    plain = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in found.items()}
    return {"dictionary": str(path)} | plain
