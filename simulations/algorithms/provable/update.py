"""The update of the provable algorithm over all samples, in exact factored form and in dense form.

Both take R replicas of equal shape at once (leading axis): weights W (R, M, d), G = V W^T (R, n, M), bias (R, M).
Implements: g_m = (1/N) sum_l psi(<w_m, x_l>; b_m) x_l (Modified Bias Adaptation, arXiv 2506.14002v1); the factored
form uses X = HV: u_lm = sum_k H_lk G_km, C = H^T Psi, g_m = V^T C_m, and never builds X.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from simulations.algorithms.compiled import AVAILABLE
from simulations.algorithms.provable.kernel import Arranged, accumulate, arrange
from simulations.algorithms.provable.psi import firing_margin, psi
from simulations.algorithms.provable.vectors import LANES
from simulations.data.sampling import Sample, mean_activation

# Neurons a tile: fixed, so that a neuron's bits depend neither on its neighbours nor on memory.  The two products want
# that many at least; the kernel takes them in slices, whose G and C fit the cache.
CPU_TILE = 256
CUDA_TILE_BYTES = 2**31  # G and C of one tile on a GPU
BLOCK_ENTRIES = {"cpu": 2**18, "cuda": 2**27}  # pre-activations held at once; on CPU they stay in cache


class Drive(NamedTuple):
    """What the samples do to the neurons: gradient (R, M, d), None when not asked for, and firing counts (R, M)."""

    gradient: Tensor | None
    fired: Tensor


class Evaluation(Protocol):
    """One way to evaluate the update: `features` V (R, n, d), their `norms` (R, n) and two functions of the neurons."""

    features: Tensor
    norms: Tensor
    n_samples: int

    def drive(self, weights: Tensor, G: Tensor, bias: Tensor, activation: int, rows: slice, gradient: bool) -> Drive:
        """Return gradient and firing counts over `rows` of every replica's samples."""
        ...

    def pre_activations(self, weights: Tensor, G: Tensor, rows: slice) -> Tensor:
        """Return u_lm = <w_m, x_l - b_pre>, (R, rows, M)."""
        ...


def tile_width(n_neurons: int, n_replicas: int, n_features: int, device: torch.device, dtype: torch.dtype) -> int:
    """Return how many neurons are worked on at a time, so that memory does not grow with the width."""
    if device.type == "cpu":
        return CPU_TILE
    fit = CUDA_TILE_BYTES // (2 * n_replicas * n_features * dtype.itemsize)
    return int(max(LANES, min(n_neurons, fit) // LANES * LANES))


def _blocks(rows: slice, size: int) -> Iterator[slice]:
    for start in range(rows.start, rows.stop, size):
        yield slice(start, min(start + size, rows.stop))


def _count(active: Tensor, dtype: torch.dtype) -> Tensor:
    """Return how many rows of (R, rows, M) are true: exact below 2^24 rows, and four times as fast as a sum of bool."""
    return active.to(dtype).sum(1).long()


class Factored:
    """The exact factored form: cost N s M gathered additions and two n x d x M products a step.

    On a CPU the compiled kernel runs; elsewhere (CUDA, `kernel=False`, no numba) torch's
    embedding_bag is the gather-sum, with every replica's features stacked into one table.
    """

    def __init__(
        self, samples: Sequence[Sample], *, device: torch.device, dtype: torch.dtype, center: bool, kernel: bool = True
    ) -> None:
        first = samples[0]
        self.n_samples, self.slots = first.support.shape
        self.features = torch.stack([torch.from_numpy(each.features).to(device, dtype) for each in samples])
        self.norms = self.features.norm(dim=2)
        self.support = np.stack([each.support for each in samples])
        self.values = torch.stack([torch.from_numpy(each.values).to(dtype=dtype) for each in samples])
        self.kernel = kernel and device.type == "cpu" and AVAILABLE
        self.arranged: dict[tuple[int, int, int], Arranged] = {}
        if not self.kernel:
            offset = np.arange(len(samples), dtype=np.int64)[:, None, None] * first.features.shape[0]
            self.table = torch.from_numpy(self.support + offset).to(device)
            self.values = self.values.to(device)
        self.mean = None
        if center:
            means = np.stack([mean_activation(each) for each in samples])
            self.mean = torch.from_numpy(means).to(device, dtype)

    def _arranged(self, replica: int, rows: slice) -> Arranged:
        """Return the samples of a slice as the kernel takes them: ordered within the slice, once, for all tiles."""
        key = (replica, rows.start, rows.stop)
        if key not in self.arranged:  # two threads may both do it, and find the same
            self.arranged[key] = arrange(self.support[replica, rows], self.values[replica, rows].numpy())
        return self.arranged[key]

    def _shift(self, weights: Tensor) -> Tensor:
        if self.mean is None:
            return weights.new_zeros(weights.shape[:2])
        return torch.einsum("rmd,rd->rm", weights, self.mean)

    def drive(self, weights: Tensor, G: Tensor, bias: Tensor, activation: int, rows: slice, gradient: bool) -> Drive:
        """Return gradient and firing counts over `rows` (see Evaluation)."""
        C = (torch.empty_like(G) if self.kernel else torch.zeros_like(G)) if gradient else G.new_zeros(len(G), 1, 1)
        weight_sum = torch.zeros_like(bias)
        fired = torch.zeros(bias.shape, dtype=torch.int64, device=bias.device)
        shift = self._shift(weights)
        if self.kernel:  # writes all of C
            for r in range(len(G)):
                whole = (each[r].numpy() for each in (C, weight_sum, fired))
                own = (each[r].numpy() for each in (G, shift, bias))
                accumulate(self._arranged(r, rows), *own, activation, gradient, *whole)
        else:
            self._scatter(G, shift, bias, activation, rows, gradient, C, weight_sum, fired)
        if not gradient:
            return Drive(None, fired)
        g = torch.bmm(C.transpose(1, 2), self.features)
        if self.mean is not None:
            g.addcmul_(weight_sum[:, :, None], self.mean[:, None, :], value=-1)
        return Drive(g.div_(rows.stop - rows.start), fired)

    def _block(self, G: Tensor, block: slice) -> tuple[Tensor, Tensor, Tensor]:
        """Return table rows, their weights and the gather-sum (R, block, M)."""
        table = self.table[:, block].reshape(-1, self.slots)
        values = self.values[:, block].reshape(-1, self.slots)
        stacked = G.reshape(-1, G.shape[2])
        u = torch.nn.functional.embedding_bag(table, stacked, per_sample_weights=values, mode="sum")
        return table, values, u.view(len(G), -1, G.shape[2])

    def _scatter(
        self, G: Tensor, shift: Tensor, bias: Tensor, activation: int, rows: slice, gradient: bool, C: Tensor,
        weight_sum: Tensor, fired: Tensor,
    ) -> None:  # fmt: skip
        n_replicas, _, width = G.shape
        size = max(1, BLOCK_ENTRIES[G.device.type] // (n_replicas * width))
        margin = firing_margin(activation)
        for block in _blocks(rows, size):
            table, values, u = self._block(G, block)
            u = u - shift[:, None, :]
            y = u + bias[:, None, :]
            fired += _count(y > 0, y.dtype)
            if not gradient:
                continue
            replica, row, neuron = torch.nonzero(y > margin, as_tuple=True)
            weight = psi(u[replica, row, neuron], bias[replica, neuron], activation)
            weight_sum.view(-1).index_add_(0, replica * width + neuron, weight)
            flat = replica * u.shape[1] + row
            for k in range(self.slots):
                C.view(-1).index_add_(0, table[flat, k] * width + neuron, weight * values[flat, k])

    def pre_activations(self, weights: Tensor, G: Tensor, rows: slice) -> Tensor:
        """Return u_lm = <w_m, x_l - b_pre>, (R, rows, M)."""
        values = self.values[:, rows].to(G.device)
        u = G.new_zeros(len(G), values.shape[1], G.shape[2])
        support = torch.from_numpy(self.support[:, rows]).to(G.device, torch.int64)
        for r in range(len(G)):
            u[r] = torch.nn.functional.embedding_bag(support[r], G[r], per_sample_weights=values[r], mode="sum")
        return u - self._shift(weights)[:, None, :]


class Dense:
    """The dense form: two N x d x M products a step.  The oracle, and the way for data without a factorisation."""

    def __init__(
        self,
        rows: Sequence[np.ndarray],
        features: Sequence[np.ndarray] | None,
        *,
        device: torch.device,
        dtype: torch.dtype,
        center: bool,
    ) -> None:
        """Take X (N, d) of every replica, and V (n, d) of every replica or None where there is no ground truth."""
        self.n_samples, d_model = rows[0].shape
        known = [np.zeros((0, d_model))] * len(rows) if features is None else features
        self.features = torch.stack([torch.from_numpy(each).to(device, dtype) for each in known])
        self.norms = self.features.norm(dim=2)
        self.X = torch.stack([torch.from_numpy(np.asarray(each)).to(device, dtype) for each in rows])
        if center:
            self.X -= self.X.mean(1, keepdim=True)

    def drive(self, weights: Tensor, G: Tensor, bias: Tensor, activation: int, rows: slice, gradient: bool) -> Drive:
        """Return gradient and firing counts over `rows` (see Evaluation)."""
        g = torch.zeros_like(weights)
        fired = torch.zeros(bias.shape, dtype=torch.int64, device=bias.device)
        size = max(1, 16 * BLOCK_ENTRIES[weights.device.type] // (weights.shape[0] * weights.shape[1]))
        for block in _blocks(rows, size):
            X = self.X[:, block]
            u = torch.bmm(X, weights.transpose(1, 2))
            fired += _count(u > -bias[:, None, :], u.dtype)
            if gradient:
                g += torch.bmm(psi(u, bias[:, None, :], activation).transpose(1, 2), X)
        return Drive(g / (rows.stop - rows.start) if gradient else None, fired)

    def pre_activations(self, weights: Tensor, G: Tensor, rows: slice) -> Tensor:
        """Return u_lm = <w_m, x_l - b_pre>, (R, rows, M)."""
        return torch.bmm(self.X[:, rows], weights.transpose(1, 2))
