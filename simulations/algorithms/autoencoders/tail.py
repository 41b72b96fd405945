"""The upper tail of u: of each neuron the largest values of the latest samples, kept as batches pass.

A quantile of u at a high level is one of its largest values, and a training step has u at hand.  So nothing is computed
twice: each value is that of the weights with which its sample was seen, like the firings that Algorithm 1 counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from simulations.algorithms.autoencoders.controller import MOST_ROWS, Groups, Segment, segments
from simulations.algorithms.autoencoders.selection import keep_largest
from simulations.algorithms.compiled import AVAILABLE


class Tail:
    """What is kept of u for the quantiles at the target frequencies of R replicas, whose groups are on a CPU.

    Of the `n_rows` samples of a buffer the last ones count: as many as a segment of neurons asks for.  What is kept is
    (R, depth, M), sorted from the largest on, and the least number there is where nothing has been seen.
    """

    def __init__(self, of: Groups, n_rows: int, device: torch.device, dtype: torch.dtype) -> None:
        replicas = range(len(of.member))
        self.segments = [segments(of, r, min(n_rows, MOST_ROWS)) for r in replicas]
        self.depth = max(each.above for r in replicas for each in segments(of, r, MOST_ROWS)) + 1
        self.rows = max(each.rows for part in self.segments for each in part)
        self.least = torch.finfo(dtype).min
        self._rows, self._last, self._next = (
            torch.tensor([_by_neuron(part, name) for part in self.segments], device=device)[:, None]
            for name in ("rows", "last", "next")
        )
        self._compiled = device.type == "cpu" and AVAILABLE

    def empty(self, like: Tensor) -> Tensor:
        """Return what is kept before anything is seen, of the type of biases (R, M)."""
        return like.new_full((len(like), self.depth, like.shape[1]), self.least)

    def add(self, kept: Tensor, u: Tensor, left: int) -> None:
        """Keep, in place, what u (R, B, M) adds; `left` samples follow before the quantiles are taken."""
        used = min(u.shape[1], self.rows - left)
        if used <= 0:
            return
        u = u[:, u.shape[1] - used :]
        if self._compiled:
            for r, part in enumerate(self.segments):
                for each in part:
                    first = max(0, used + left - each.rows)
                    keep_largest(
                        u[r].contiguous().numpy(), first, each.start, each.stop, each.above + 1, kept[r].numpy()
                    )
            return
        follow = left + torch.arange(used - 1, -1, -1, device=u.device)[:, None]  # samples after each
        counted = u.masked_fill(follow >= self._rows, self.least)
        kept.copy_(torch.cat([kept, counted], dim=1).topk(self.depth, dim=1).values)

    def biases(self, kept: Tensor, bias: Tensor) -> Tensor:
        """Return -q (R, M), q the middle between the two order statistics around the target frequency.

        A neuron that has not seen enough samples has its `bias` (R, M) instead.
        """
        last, following = (kept.gather(1, at)[:, 0] for at in (self._last, self._next))
        return torch.where(following > self.least, -(last + following) / 2, bias)


def _by_neuron(part: Sequence[Segment], name: str) -> list[int]:
    """Return, of each neuron, its rows, or the place of the last value above its quantile, or of the next one."""
    found = []
    for each in part:
        value = {"rows": each.rows, "last": each.above - 1, "next": min(each.above, each.rows - 1)}[name]
        found += [value] * (each.stop - each.start)
    return found


def middle(u: Tensor, count: int) -> Tensor:
    """Return the middle (M,) between the count-th largest of each column of u (N, M) and the next one, if there is."""
    largest = u.topk(min(count + 1, len(u)), dim=0).values
    return (largest[count - 1] + largest[-1]) / 2
