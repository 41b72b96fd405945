"""The Triton kernel against the plain factored form, through Triton's interpreter on a CPU, or on a GPU."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
import torch

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")
pytest.importorskip("triton", reason="needs Triton")
from simulations.algorithms.provable.fused import Fused
from simulations.algorithms.provable.psi import ACTIVATION_CODES
from simulations.algorithms.provable.update import Factored
from simulations.data.sampling import sample

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def drive(form: Any, samples: list[Any], activation: str, center: bool, rows: slice, gradient: bool) -> list[Any]:
    data = form(samples, device=DEVICE, dtype=torch.float64, center=center, kernel=False)
    start = np.random.default_rng(99).standard_normal((len(samples), 150, 7))
    weights = torch.nn.functional.normalize(torch.from_numpy(start).to(DEVICE), dim=-1)
    bias = torch.linspace(-1.5, -0.05, 150, dtype=torch.float64, device=DEVICE).repeat(len(samples), 1)
    G = torch.bmm(data.features, weights.transpose(1, 2))
    done = data.drive(weights, G, bias, ACTIVATION_CODES[activation], rows, gradient=gradient)
    return [None if each is None else each.cpu().numpy() for each in done]


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("activation", ACTIVATION_CODES)
def test_fused_equals_plain(activation: str, center: bool) -> None:
    """150 neurons and 90 rows: neither is a whole number of blocks; two replicas; repeated features; a part of rows."""
    shape: dict[str, Any] = {"n_features": 12, "d_model": 7, "sparsity": 5, "n_samples": 90}
    law = {"support_law": "mixed:2:5:0.5", "coefficient_law": "half-normal", "dictionary_law": "gaussian"}
    samples = [sample(**shape, **law, normalize=False, seed=seed) for seed in (1, 2)]
    for rows in (slice(0, 90), slice(7, 60)):
        plain, fired = drive(Factored, samples, activation, center, rows, True)
        fused, counts = drive(Fused, samples, activation, center, rows, True)
        np.testing.assert_allclose(fused, plain, atol=1e-13)  # 90 float64 terms of order one, in another order
        assert (counts == fired).all()
        assert fired.any()
    looked = drive(Fused, samples, activation, center, slice(0, 90), False)
    assert looked[0] is None
    assert (looked[1] == drive(Factored, samples, activation, center, slice(0, 90), False)[1]).all()
