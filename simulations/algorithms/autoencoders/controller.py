"""Feedback on the biases: the paper's rule (Algorithm 1), and quantile rules (ours) that need far fewer buffers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

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


class Segment(NamedTuple):
    """Neurons start to stop, of one target: how many samples their quantile is taken from, and how many lie above."""

    start: int
    stop: int
    rows: int
    above: int


def segments(of: Groups, r: int, n_rows: int) -> list[Segment]:
    """Return the segments of replica r, in order, where `n_rows` samples can be had; groups are on a CPU."""
    starts = [0, *(torch.nonzero(of.member[r].diff())[:, 0] + 1).tolist()]
    found = []
    for start, stop in zip(starts, [*starts[1:], of.member.shape[1]], strict=True):
        frequency = float(of.target[r, start])
        rows = min(n_rows, quantile_rows(frequency))
        above = min(max(round(frequency * rows), 1), rows - 1) if rows > 1 else 1
        found.append(Segment(start, stop, rows, above))
    return found


def quantile(bias: Tensor, wanted: Tensor, relaxation: Tensor) -> Tensor:
    """Return the biases after a step of `relaxation` (R, 1) towards the quantile of u that gives the target frequency.

    Ours: b_m <- b_m + relaxation (-q_m - b_m), clipped to [-1, 0]; `wanted` are -q_m (R, M), of tail.Tail.
    """
    return (bias + relaxation * (wanted - bias)).clamp(-1, 0)


def below(bias: Tensor, moved: Tensor, frequency: Tensor, target: Tensor, dead: Tensor) -> Tensor:
    """Return `moved` where a neuron fires more than its target, or less than `dead` (R, 1), else its bias (R, M)."""
    return torch.where((frequency > target) | (frequency < dead), moved, bias)
