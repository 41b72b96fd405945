"""Whether codes are as large as the coefficients that they stand for: L1 makes them smaller, by up to its penalty / 2.

Feature suppression (Wright & Sharkey 2024) or activation shrinkage (Gao et al., arXiv 2406.04093): the loss
(x - z)^2 + penalty z is least at z = x - penalty / 2.  Here the truth is known: feature i puts t_li = scale h_li |v_i|
along its direction into x_l = scale (X_l - mean), and the neurons on it (those nearest to it, of cosine above 0.9)
c_li = sum_m z_lm <D_m, v_i> / |v_i| into the reconstruction z D + b_pre.  D has its norms and output scales, so that
what a code is measured in does not matter.  Neurons that share a feature count together, or splitting would look like
shrinkage; what b_pre gives of the features is theirs no more, so that b_pre = 0 and the mean are treated alike.
Not all shrinkage is the penalty's.  Where features overlap tied weights count what these share several times, and the
error is least with smaller outputs (theory.closed_forms.tied_output_scale); neurons on no feature take their part too.
One factor per neuron then removes nothing; of the penalty's shrinkage it removes what is common to a neuron.
The relative reconstruction bias is that of Rajamanoharan et al., arXiv 2404.16014.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from simulations.data.sampling import Sample, mean_activation
from simulations.measures.base import ANY, Column, measure
from simulations.measures.look import TAU, Array, Look

ROWS = 4_096  # held-out rows that are coded for it
MOST_NEURONS = 1_024  # that get a factor each: their products are M x M
RIDGE = 1e-9  # where neurons do the same or nothing the fit is not unique
ROUNDING = 1e-9  # of sum |x|^2, below which an error is that of float32 (1e-14) and nothing to be removed


@measure(
    coefficient_slope=Column(
        "slope through 0 of what neurons give a feature over its true coefficient, where it is active and they fire, "
        "mean over recovered features: 1 is no shrinkage",
        *ANY,
    ),
    coefficient_slope_active=Column("the same where the feature is active, whether they fire or not", *ANY),
    rescaling_gain=Column("share of the unexplained variance that one factor per neuron would remove"),
    relative_reconstruction_bias=Column("E |f(x)|^2 / E <f(x), x>: below 1 where f(x) is too small", *ANY),
)
def shrinkage(look: Look) -> dict[str, Any]:
    """Return how large codes are beside the truth; nothing without a decoder, and no slopes without ground truth."""
    fitted, truth = look.fitted, look.truth
    if fitted.held_out is None or fitted.decoder is None:
        return {}
    import torch

    D = np.asarray(fitted.decoder, dtype=np.float64)
    factors = Factors(D) if len(D) <= MOST_NEURONS else None
    slopes = None if truth is None else Slopes(look, truth, D)
    done, square, product = 0, 0.0, 0.0
    for block in fitted.held_out():
        z, output, x = (torch.as_tensor(each).cpu().numpy().astype(np.float64) for each in block)
        if factors:
            factors.add(z, output, x)
        if slopes:
            slopes.add(z, done)
        square, product = square + float(np.square(output).sum()), product + float((output * x).sum())
        done += len(z)
        if done >= ROWS:
            break
    told: dict[str, Any] = {} if slopes is None else slopes.results()
    told |= {"rescaling_gain": factors.gain()} if factors else {}
    return told | ({"relative_reconstruction_bias": square / product} if product else {})


class Factors:
    """What one factor per neuron would remove of the error of z D: a least-squares fit over rows added block by block.

    With factors 1 + g_m the error e becomes e - sum_m g_m z_m D_m, so that A g = r with A = (Z^T Z) * (D D^T) and
    r_m = sum_l z_lm <D_m, e_l>, and r^T g of sum_l |e_l|^2 is removed.
    """

    def __init__(self, D: Array) -> None:
        self.D, self.products = D, np.zeros((len(D), len(D)))
        self.pull, self.error, self.size = np.zeros(len(D)), 0.0, 0.0

    def add(self, z: Array, output: Array, x: Array) -> None:
        """Add codes (rows, M), reconstruction and x (rows, d)."""
        error = x - output
        self.products += z.T @ z
        self.pull += np.einsum("lm,lm->m", z, error @ self.D.T)
        self.error, self.size = self.error + float(np.square(error).sum()), self.size + float(np.square(x).sum())

    def gain(self) -> float | None:
        """Return the share of the error that is removed; None where there is no error."""
        if not self.error > ROUNDING * self.size:
            return None
        A = self.products * (self.D @ self.D.T)
        size = np.sqrt(np.diag(A))  # of each neuron's part, to which rounding is relative; 0 of a silent one
        unit = np.divide(1.0, size, out=np.zeros_like(size), where=size > 0)
        pull = self.pull * unit
        scaled = A * np.outer(unit, unit) + RIDGE * np.eye(len(A))
        factors = np.linalg.solve(scaled, pull)
        return float(np.clip(pull @ factors / self.error, 0, 1))


class Slopes:
    """Sums over rows, added block by block, that the slopes of recovered features are made of."""

    def __init__(self, look: Look, truth: Sample, D: Array) -> None:
        self.support, values, V = truth
        norm = np.linalg.norm(V, axis=1)
        self.coefficient = look.fitted.input_scale * values * norm[self.support]
        self.active = values > 0
        taken = share_of_mean(look, truth)
        total = np.bincount(self.support.ravel(), weights=self.coefficient.ravel(), minlength=len(V))
        self.taken = taken * total / len(values)  # what b_pre gives of each feature (n,)
        found = look.comparison
        own = np.flatnonzero(found.best_cosine_per_neuron > TAU)
        feature = found.best_feature_per_neuron[own]
        given = np.einsum("md,md->m", D[own], V[feature]) / norm[feature]
        self.given = csr_array((given, (own, feature)), shape=(len(D), len(V)))
        self.recovered = found.best_cosine_per_feature > TAU
        self.products, self.squares, self.squares_fired = (np.zeros(len(V)) for _ in range(3))

    def add(self, z: Array, start: int) -> None:
        """Add codes (rows, M) of the held-out rows from `start` on."""
        part = slice(start, start + len(z))
        row, slot = np.nonzero(self.active[part])
        feature, wanted = self.support[part][row, slot], self.coefficient[part][row, slot]
        wanted, got = wanted - self.taken[feature], np.asarray(z @ self.given)[row, feature]
        for sums, each in (
            (self.products, got * wanted),
            (self.squares, wanted**2),
            (self.squares_fired, wanted**2 * (got != 0)),
        ):
            sums += np.bincount(feature, weights=each, minlength=len(sums))

    def results(self) -> dict[str, float]:
        """Return the mean slopes over recovered features that were active, of the first those whose neurons fired."""
        told = {}
        for name, squares in (
            ("coefficient_slope", self.squares_fired),
            ("coefficient_slope_active", self.squares),
        ):
            known = self.recovered & (squares > 0)
            if known.any():
                told[name] = float(np.mean(self.products[known] / squares[known]))
        return told


def share_of_mean(look: Look, truth: Sample) -> float:
    """Return which share of the mean of X b_pre takes, by projection, with the mean that is subtracted if there is one.

    All features are mixed in the mean as they occur, so that this is the share of each feature that it takes.
    """
    mean = mean_activation(truth)
    shift = np.zeros(len(mean)) if look.fitted.shift is None else np.asarray(look.fitted.shift, dtype=np.float64)
    shift = shift + (look.source.moments[0] if look.source.center else 0.0)
    size = float(mean @ mean)
    return float(shift @ mean) / size if size > 0 else 0.0
