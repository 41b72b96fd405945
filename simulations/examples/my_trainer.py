"""A trainer of one's own, in a file of one's own: tied TopK in twenty lines of torch.

sae-recovery cell --algorithm my_trainer.py:train --n-features 64 --d-model 32 --set k=3
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch


def train(
    batches: Iterator[torch.Tensor], *, d_model: int, n_neurons: int, n_steps: int, seed: int, k: int = 3,
    rate: float = 0.02,
) -> torch.Tensor:  # fmt: skip
    """Return W (M, d): the k largest of relu(x W^T) reconstruct x, by Adam, rows of norm 1."""
    start = np.random.default_rng([seed, 1]).standard_normal((n_neurons, d_model))  # not the world's draws again
    W = torch.nn.functional.normalize(torch.from_numpy(start).float(), dim=1).requires_grad_()
    optimizer = torch.optim.Adam([W], lr=rate)
    for _, X in zip(range(n_steps), batches, strict=False):
        x = X / X.norm(dim=1).mean()
        top = (x @ W.T).topk(k, dim=1)
        codes = torch.zeros(len(x), n_neurons).scatter(1, top.indices, top.values.relu())
        optimizer.zero_grad()
        (codes @ W - x).square().sum(1).mean().backward()
        optimizer.step()
        with torch.no_grad():
            W /= W.norm(dim=1, keepdim=True)
    return W.detach()
