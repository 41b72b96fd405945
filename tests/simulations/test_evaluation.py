"""Factored = dense = a NumPy transcription of the formula, for every activation, law, dtype and device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from cells_helper import dense
from hypothesis import given, settings
from hypothesis import strategies as st

from simulations.algorithms.provable.psi import ACTIVATION_CODES
from simulations.algorithms.provable.update import Factored
from simulations.data.sampling import Sample, sample

CPU = torch.device("cpu")
ACTIVATIONS = ("relu", "smooth-relu", "jumprelu")


def draw(seed: int, **changes: object) -> Sample:
    law = {
        "n_features": 12, "d_model": 7, "sparsity": 3, "n_samples": 90, "support_law": "uniform",
        "coefficient_law": "half-normal", "dictionary_law": "gaussian", "normalize": False, "seed": seed,
    }  # fmt: skip
    return sample(**(law | changes))  # type: ignore[arg-type]


def neurons(d_model: int, count: int, seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    rng = np.random.default_rng([seed, 99])
    return torch.nn.functional.normalize(torch.from_numpy(rng.standard_normal((1, count, d_model))), dim=-1).to(dtype)


def reference(data: Sample, weights: np.ndarray, bias: np.ndarray, activation: str, center: bool) -> np.ndarray:
    """g_m = (1/N) sum_l psi(<w_m, x_l>; b_m) x_l with X built entry by entry and phi' written out."""
    H = np.zeros((len(data.support), len(data.features)))
    for row, (indices, values) in enumerate(zip(data.support, data.values, strict=True)):
        for index, value in zip(indices, values, strict=True):
            H[row, index] += value
    X = H @ data.features
    if center:
        X = X - X.mean(axis=0)
    u = X @ weights.T
    y = u + bias
    if activation == "relu":
        weight = np.where(y > 0, 2 * u + bias, 0)
    elif activation == "jumprelu":
        weight = np.where(y > 0, 2 * u, 0)
    else:
        weight = np.logaddexp(0, 10 * y) / 10 + u / (1 + np.exp(-10 * y))
    return weight.T @ X / len(X)


def drive(data: Any, weights: torch.Tensor, bias: torch.Tensor, activation: str) -> tuple[np.ndarray, ...]:
    G = torch.bmm(data.features, weights.transpose(1, 2))
    done = data.drive(weights, G, bias, ACTIVATION_CODES[activation], slice(0, data.n_samples), gradient=True)
    assert done.gradient is not None
    return done.gradient.cpu().numpy(), done.fired.cpu().numpy()


LAWS = st.fixed_dictionaries(
    {
        "support_law": st.sampled_from(["uniform", "zipf:1", "mixed:2:5:0.5"]),
        "coefficient_law": st.sampled_from(["constant", "uniform", "half-normal", "exponential"]),
        "dictionary_law": st.sampled_from(["gaussian", "sphere", "rademacher"]),
        "normalize": st.booleans(),
        "sparsity": st.integers(1, 12),
    }
)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), law=LAWS, activation=st.sampled_from(ACTIVATIONS), center=st.booleans())
def test_factored_dense_and_numpy_agree(seed: int, law: dict[str, object], activation: str, center: bool) -> None:
    data = draw(seed, **law)
    weights = neurons(7, 64, seed)
    # Away from 0: with all features active and centred data every u is 0 up to rounding.
    bias = torch.linspace(-1.5, -0.05, 64, dtype=torch.float64)[None]
    expected = reference(data, weights[0].numpy(), bias[0].numpy(), activation, center)
    # Sums of 90 terms of order 10 in float64: 90 * 10 * 2.2e-16 = 2e-13; the smooth cut-off adds e^-40 = 4e-18.
    kinds = [
        Factored([data], device=CPU, dtype=torch.float64, center=center, kernel=kernel) for kernel in (True, False)
    ]
    fired = []
    for each in [*kinds, dense([data], device=CPU, dtype=torch.float64, center=center)]:
        gradient, counts = drive(each, weights, bias, activation)
        np.testing.assert_allclose(gradient[0], expected, atol=2e-12)
        fired.append(counts)
    assert (fired[0] == fired[1]).all()
    assert (fired[0] == fired[2]).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_replicas_equal_single_runs(activation: str) -> None:
    samples = [draw(seed) for seed in (1, 2, 3)]
    weights = torch.cat([neurons(7, 64, seed) for seed in (4, 5, 6)])
    bias = torch.full((3, 64), -0.5, dtype=torch.float64)
    together, counts = drive(
        Factored(samples, device=CPU, dtype=torch.float64, center=True, kernel=False), weights, bias, activation
    )
    for r, each in enumerate(samples):
        single = Factored([each], device=CPU, dtype=torch.float64, center=True)
        alone, alone_counts = drive(single, weights[r : r + 1], bias[r : r + 1], activation)
        np.testing.assert_allclose(together[r], alone[0], atol=2e-12)  # as above
        assert (counts[r] == alone_counts[0]).all()


def test_float32_agrees_to_its_precision() -> None:
    data = draw(7, n_samples=2_000)
    weights, bias = neurons(7, 64, 7), torch.full((1, 64), -0.4, dtype=torch.float64)
    exact, _ = drive(dense([data], device=CPU, dtype=torch.float64, center=False), weights, bias, "jumprelu")
    single, _ = drive(
        Factored([data], device=CPU, dtype=torch.float32, center=False), weights.float(), bias.float(), "jumprelu"
    )
    # A sum of 2,000 float32 terms loses at most 2000 * 6e-8 = 1.2e-4 of its size, and a sample on the threshold may
    # flip, which moves g by 2 * 0.4 * |x| / 2000, about 2e-3: two of them are allowed.
    assert np.abs(single - exact).max() < 5e-3


def test_rows_cut_anywhere_give_the_same_bits() -> None:
    data = Factored([draw(3)], device=CPU, dtype=torch.float32, center=False)
    weights, bias = neurons(7, 64, 3, torch.float32), torch.full((1, 64), -0.3)
    G = torch.bmm(data.features, weights.transpose(1, 2))
    whole = data.drive(weights, G, bias, 0, slice(0, 90), gradient=True)
    counts = [data.drive(weights, G, bias, 0, rows, gradient=False).fired for rows in (slice(0, 37), slice(37, 90))]
    assert (whole.fired == counts[0] + counts[1]).all()


@pytest.mark.parametrize("block", [1, 2**9, 2**30])
def test_block_size_changes_nothing(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data, weights = draw(5), neurons(7, 64, 5)
    bias = torch.full((1, 64), -0.5, dtype=torch.float64)
    expected, fired = drive(Factored([data], device=CPU, dtype=torch.float64, center=False), weights, bias, "relu")
    monkeypatch.setattr("simulations.algorithms.provable.update.BLOCK_ENTRIES", {"cpu": block})
    for each in (
        Factored([data], device=CPU, dtype=torch.float64, center=False, kernel=False),
        dense([data], device=CPU, dtype=torch.float64, center=False),
    ):
        gradient, counts = drive(each, weights, bias, "relu")
        np.testing.assert_allclose(gradient, expected, atol=2e-12)  # float64 sums of 90 terms of order 10
        assert (counts == fired).all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("form", [Factored, dense])
def test_cuda_equals_cpu(activation: str, form: Any) -> None:
    data = draw(11, n_features=64, d_model=24, n_samples=3_000)
    weights, bias = neurons(24, 128, 11), torch.full((1, 128), -0.5, dtype=torch.float64)
    expected, fired = drive(Factored([data], device=CPU, dtype=torch.float64, center=True), weights, bias, activation)
    cuda = torch.device("cuda")
    gradient, counts = drive(
        form([data], device=cuda, dtype=torch.float64, center=True), weights.to(cuda), bias.to(cuda), activation
    )
    np.testing.assert_allclose(gradient, expected, atol=1e-10)  # 3,000 float64 terms of order 10, any order
    assert (counts == fired).all()
