"""Neurons as detectors of their nearest feature, and their reconstruction, counted block by block as SAELens does."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulations.data.matrices import Array

LEAST_NORM = 1e-6  # of an input that has a shrinkage


class Coding:
    """Counts over samples: `best` (M,) is the feature of each neuron.

    Implements: the calculators of sae_lens/synthetic/evals.py (SAELens 6): a neuron fires where its code is above 0;
    precision, recall, F1 (0 where undefined) and accuracy are means over all neurons, dead ones included; shrinkage is
    the mean of ||output|| / ||input||, explained_variance 1 - sum ||x - output||^2 / sum ||x - mean x||^2.
    """

    def __init__(self, n_neurons: int, best: Array) -> None:
        self.best = best
        self.samples = self.labelled = self.outputs = 0
        self.fired, self.feature, self.both = (np.zeros(n_neurons) for _ in range(3))
        self.active = self.ratio = self.error = 0.0
        self.inputs = 0
        self.total: Any = 0.0
        self.square = 0.0

    def add(self, codes: Array, H: Array | None) -> None:
        """Count codes (rows, M), with H (rows, n) where it is known."""
        fires = codes > 0
        self.samples += len(codes)
        self.fired += fires.sum(axis=0)
        if H is not None:
            there = H > 0
            self.labelled += len(H)
            self.active += float(there.sum())
            wanted = there[:, self.best]
            self.feature += wanted.sum(axis=0)
            self.both += (fires & wanted).sum(axis=0)

    def add_output(self, output: Array, X: Array) -> None:
        """Count reconstructions and inputs (rows, d)."""
        output, X = np.asarray(output, np.float64), np.asarray(X, np.float64)
        norm = np.linalg.norm(X, axis=1)
        valid = norm > LEAST_NORM
        self.ratio += float((np.linalg.norm(output, axis=1)[valid] / norm[valid]).sum())
        self.inputs += int(valid.sum())
        self.outputs += len(X)
        self.error += float(np.square(X - output).sum())
        self.total = self.total + X.sum(axis=0)
        self.square += float(np.square(X).sum())

    def results(self) -> dict[str, Any]:
        """Return what was counted, by name."""
        told: dict[str, Any] = {}
        if self.samples:
            told |= {"sae_l0": float(self.fired.sum()) / self.samples, "dead_latents": int((self.fired == 0).sum())}
        if self.labelled:
            told |= {"true_l0": self.active / self.labelled} | self._detection()
        if self.inputs:
            spread = self.square - float(np.square(self.total).sum()) / self.outputs
            told |= {"shrinkage": self.ratio / self.inputs}
            told |= {"explained_variance": 1 - self.error / spread} if spread > 0 else {}
        return told

    def _detection(self) -> dict[str, float]:
        precision, recall = _ratio(self.both, self.fired), _ratio(self.both, self.feature)
        wrong = self.fired + self.feature - 2 * self.both
        return {
            "precision": float(precision.mean()),
            "recall": float(recall.mean()),
            "f1_score": float(_ratio(2 * precision * recall, precision + recall).mean()),
            "accuracy": float(1 - (wrong / self.labelled).mean()),
        }


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
