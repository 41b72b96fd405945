"""Feedback on the biases: the paper's rule (Algorithm 1), and quantile rules (ours) that need far fewer buffers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from simulations.algorithms.autoencoders.selection import order_statistics
from simulations.algorithms.compiled import AVAILABLE

HITS = 8  # samples above the threshold that a quantile is taken from
LEAST_ROWS, MOST_ROWS = 64, 2_048  # samples that a quantile is taken from


class Buffer(NamedTuple):
    """What was seen since the last update: samples, firings (R, M) and the largest y = u + b, or 0, r (R, M)."""

    samples: int
    fired: Tensor
    top: Tensor


class Groups(NamedTuple):
    """Which group each neuron is in (R, M), the target frequency of each neuron (R, M), and the most groups K."""

    member: Tensor
    target: Tensor
    n_groups: int


def groups(cells: Sequence[Any], device: torch.device, dtype: torch.dtype) -> Groups:
    """Return the groups of each replica: neuron m of M is in group floor(m K / M), so that sizes differ by one at most.

    With one group of gba the target is HTF.
    """
    index, target = [], []
    for each in cells:
        frequencies = each.target_frequencies()
        group = np.arange(each.n_neurons) * len(frequencies) // each.n_neurons
        index.append(group)
        target.append(frequencies[group])
    most = max(int(each.max()) + 1 for each in index)
    return Groups(
        torch.from_numpy(np.stack(index)).to(device), torch.from_numpy(np.stack(target)).to(device, dtype), most
    )


def paper(bias: Tensor, buffer: Buffer, of: Groups, gain: Tensor, ratio: Tensor, dead: Tensor) -> Tensor:
    """Return the biases after one update, all in [-1, 0].

    Implements: Algorithm 1 (GBA), arXiv 2506.14002v1: with p_m = firings/samples, r_m the largest y or 0 and sbar_k the
    mean of the positive r_m in group k (0 if none),  p_m > p_k: b_m <- max(b_m - gamma_minus r_m, -1);  p_m < eps:
    b_m <- min(b_m + gamma_plus sbar_k, 0);  otherwise unchanged.  `gain` gamma_minus, `ratio` gamma_plus/gamma_minus
    and `dead` eps are (R, 1).
    """
    frequency = buffer.fired / buffer.samples
    positive = buffer.top > 0
    sums = bias.new_zeros(len(bias), of.n_groups).scatter_add_(1, of.member, buffer.top * positive)
    counts = bias.new_zeros(len(bias), of.n_groups).scatter_add_(1, of.member, positive.to(bias.dtype))
    mean_top = (sums / counts.clamp(min=1)).gather(1, of.member)
    over = frequency > of.target
    lowered = (bias - gain * buffer.top).clamp(min=-1)
    raised = (bias + gain * ratio * mean_top).clamp(max=0)
    return torch.where(over, lowered, torch.where(frequency < dead, raised, bias))


def quantile_rows(frequency: float) -> int:
    """Return of how many samples the quantile of a frequency is taken: HITS of them lie above it, within limits."""
    return int(min(MOST_ROWS, max(LEAST_ROWS, math.ceil(HITS / frequency))))


def quantile(
    bias: Tensor,
    buffer: Buffer,
    of: Groups,
    pre_activations: Callable[[int, int, int, int], Tensor],
    n_rows: int,
    relaxation: Tensor,
    dead: Tensor,
    *,
    below: bool,
) -> Tensor:
    """Return the biases after a step of `relaxation` (R, 1) towards the quantile of u that gives the target frequency.

    Ours: b_m <- b_m + relaxation (-q_m - b_m), q_m between the two order statistics of u around the share p_k, clipped
    to [-1, 0].  `pre_activations(r, rows, start, stop)` returns u (rows, stop - start) of the last `rows` samples, at
    most `n_rows`, of neurons start to stop of replica r.  With `below` a neuron that fires less than its target, but
    not less than `dead`, keeps its bias, as in the paper.
    """
    wanted = bias.clone()
    for r in range(len(bias)):
        boundaries = torch.nonzero(of.member[r].diff())[:, 0].tolist()
        starts = [0, *(each + 1 for each in boundaries)]
        for start, stop in zip(starts, [*starts[1:], bias.shape[1]], strict=True):
            frequency = float(of.target[r, start])
            u = pre_activations(r, min(n_rows, quantile_rows(frequency)), start, stop)
            count = min(max(round(frequency * len(u)), 1), len(u) - 1) if len(u) > 1 else 1
            wanted[r, start:stop] = -_around(u, count)
    moved = (bias + relaxation * (wanted - bias)).clamp(-1, 0)
    if not below:
        return moved
    frequency_seen = buffer.fired / buffer.samples
    return torch.where((frequency_seen > of.target) | (frequency_seen < dead), moved, bias)


def _around(u: Tensor, count: int) -> Tensor:
    """Return the middle (M,) between the count-th largest of each column of u (N, M) and the next one, if there is."""
    if u.device.type == "cpu" and AVAILABLE:
        both = u.new_empty(u.shape[1], 2)
        order_statistics(u.T.contiguous().numpy(), count, both.numpy())
        return both.sum(1) / 2
    largest = u.topk(min(count + 1, len(u)), dim=0).values
    return (largest[count - 1] + largest[-1]) / 2
