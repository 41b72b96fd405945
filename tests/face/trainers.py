"""A small trainer that does everything right, and others that do one thing wrong."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from simulations.data.sampling import draw_features

FIXED = itertools.count()


def start(n_neurons: int, d_model: int, rng: np.random.Generator) -> Tensor:
    W = torch.from_numpy(rng.standard_normal((n_neurons, d_model))).float()
    return W / W.norm(dim=1, keepdim=True)


def descend(batches: Iterator[Tensor], W: Tensor, n_steps: int, k: int = 2, rate: float = 0.02) -> Tensor:
    """Tied TopK, Adam, unit rows."""
    W = W.clone().requires_grad_()
    optimizer = torch.optim.Adam([W], lr=rate)
    for _, x in zip(range(n_steps), batches, strict=False):
        top = (x @ W.T).topk(k, dim=1)
        z = torch.zeros(len(x), len(W)).scatter(1, top.indices, top.values.relu())
        optimizer.zero_grad()
        (z @ W - x).square().sum(1).mean().backward()
        optimizer.step()
        with torch.no_grad():
            W /= W.norm(dim=1, keepdim=True)
    return W.detach()


def good(batches: Any, *, d_model: int, n_neurons: int, n_steps: int, seed: int, k: int = 2) -> Tensor:
    return descend(batches, start(n_neurons, d_model, np.random.default_rng([seed, 77])), n_steps, k)


def naive_start(batches: Any, *, d_model: int, n_neurons: int, n_steps: int, seed: int) -> Tensor:
    return descend(batches, start(n_neurons, d_model, np.random.default_rng(seed)), n_steps)


def random_directions(batches: Any, *, d_model: int, n_neurons: int, n_steps: int, seed: int) -> Tensor:
    for _ in zip(range(n_steps), batches, strict=False):
        pass
    return start(n_neurons, d_model, np.random.default_rng(seed))


def plants_features(batches: Any, *, d_model: int, n_neurons: int, n_steps: int, seed: int) -> Tensor:
    W = start(n_neurons, d_model, np.random.default_rng([seed, 77]))
    W[:d_model] = torch.from_numpy(draw_features(d_model, d_model, "orthogonal", seed) / np.sqrt(d_model)).float()
    return descend(batches, W, n_steps)


def takes_nothing(batches: Any, *, d_model: int, n_neurons: int, n_steps: int, seed: int) -> Tensor:
    noise = torch.from_numpy(np.random.default_rng(5).standard_normal((256, d_model))).float()
    return descend(iter([noise] * n_steps), start(n_neurons, d_model, np.random.default_rng([seed, 77])), n_steps)


def wrong_shape(batches: Any, *, d_model: int, n_neurons: int, n_steps: int, seed: int) -> Tensor:
    return good(batches, d_model=d_model, n_neurons=n_neurons, n_steps=n_steps, seed=seed).T


def not_a_number(batches: Any, *, d_model: int, n_neurons: int, n_steps: int, seed: int) -> Tensor:
    W = good(batches, d_model=d_model, n_neurons=n_neurons, n_steps=n_steps, seed=seed)
    W[3, 5] = torch.nan
    return W


def unseeded(batches: Any, *, d_model: int, n_neurons: int, n_steps: int, seed: int) -> Tensor:
    return descend(batches, start(n_neurons, d_model, np.random.default_rng([seed, next(FIXED)])), n_steps)


def ignores_seed(batches: Any, *, d_model: int, n_neurons: int, n_steps: int, seed: int) -> Tensor:
    return descend(batches, start(n_neurons, d_model, np.random.default_rng(0)), n_steps)


def along_axes(batches: Any, *, d_model: int, n_neurons: int, n_steps: int, seed: int) -> Tensor:
    W = good(batches, d_model=d_model, n_neurons=n_neurons, n_steps=n_steps, seed=seed)
    return torch.where(W.abs() >= W.abs().amax(dim=1, keepdim=True), W, 0.02 * W)


def wrong_l0(batches: Any, *, d_model: int, n_neurons: int, n_steps: int, seed: int) -> Any:
    W = good(batches, d_model=d_model, n_neurons=n_neurons, n_steps=n_steps, seed=seed).numpy()

    def encode(X: Any) -> Any:
        y = X @ W.T
        return np.where(y >= np.sort(y, axis=1)[:, [-2]], y, 0)

    return W, {"l0": 9.0, "encode": encode}


def right_l0(batches: Any, **settings: Any) -> Any:
    W, extra = wrong_l0(batches, **settings)
    return W, extra | {"l0": 2.0}


def one_batch(batches: Any, *, d_model: int, n_neurons: int, n_steps: int, seed: int) -> Tensor:
    x, *_ = [each for _, each in zip(range(n_steps), batches, strict=False)]
    return descend(itertools.repeat(x), start(n_neurons, d_model, np.random.default_rng([seed, 77])), n_steps)


def one_direction(batches: Any, *, d_model: int, n_neurons: int, n_steps: int, seed: int) -> Tensor:
    W = good(batches, d_model=d_model, n_neurons=n_neurons, n_steps=n_steps, seed=seed)
    return W[:1].repeat(n_neurons, 1)


def stops_early(batches: Any, *, d_model: int, n_neurons: int, n_steps: int, seed: int) -> Tensor:
    return good(batches, d_model=d_model, n_neurons=n_neurons, n_steps=min(n_steps, 30), seed=seed)


def crashes(batches: Any, *, d_model: int, n_neurons: int, n_steps: int, seed: int) -> Tensor:
    raise IndexError("out of range")
