"""The gradients of the tied autoencoder: finite differences, plain NumPy, and sparse = dense for every algorithm."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from trained_helper import differences

from simulations.algorithms.autoencoders import selection
from simulations.algorithms.autoencoders.network import Seen
from simulations.algorithms.autoencoders.sparse import batch_floor, sparse_gradients
from simulations.algorithms.autoencoders.tied import Gate, Gradients, Parameters, dense_gradients, reconstruct
from simulations.algorithms.base import algorithm_class

CPU, F64 = torch.device("cpu"), torch.float64
Array = np.ndarray[Any, Any]
METHODS: dict[str, dict[str, Any]] = {
    "gba": {"algorithm": "gba", "n_groups": 1},
    "gba-relu": {"algorithm": "gba", "n_groups": 1, "activation": "relu"},
    "ba": {"algorithm": "ba"},
    "topk": {"algorithm": "topk"},
    "batchtopk": {"algorithm": "batchtopk"},
    "l1": {"algorithm": "l1", "penalty": 0.3},
    "jumprelu-l0": {"algorithm": "jumprelu", "penalty": 0.3, "bandwidth": 0.4},
    "jumprelu-tanh": {"algorithm": "jumprelu", "penalty": 0.3, "penalty_kind": "tanh", "bandwidth": 0.4},
}
method = pytest.mark.parametrize("name", METHODS)


def config(name: str, n_neurons: int, k: int = 3, **given: Any) -> Any:
    own = METHODS[name] | given | ({"k": k} if "topk" in name else {})
    if "penalty" in given and name.split("-")[0] not in ("l1", "jumprelu"):
        del own["penalty"]
    kind = algorithm_class(own.pop("algorithm"))
    return kind(n_neurons=n_neurons, **own)


def draw(
    name: str, n_replicas: int, n_neurons: int, d_model: int, rows: int, seed: int, dtype: torch.dtype = F64
) -> tuple[Parameters, torch.Tensor]:
    """Return parameters as they can be after some training, and x; biases only for algorithms that have them."""
    rng = np.random.default_rng([seed, 5])
    W = rng.standard_normal((n_replicas, n_neurons, d_model))
    W /= np.linalg.norm(W, axis=2, keepdims=True)
    scale = rng.uniform(0.2, 1.5, (n_replicas, n_neurons))
    if not name.endswith("tanh"):  # see test_tanh_penalty_at_the_threshold
        scale *= rng.choice([-1, 1], scale.shape)
    bias = -rng.uniform(0, 0.4, (n_replicas, n_neurons)) * ("topk" not in name)
    pre_bias = 0.2 * rng.standard_normal((n_replicas, d_model))
    x = rng.standard_normal((n_replicas, rows, d_model))
    return Parameters(*(torch.from_numpy(each).to(dtype) for each in (W, scale, bias, pre_bias))), torch.from_numpy(
        x
    ).to(dtype)


def active_of(y: Array, cell: Any) -> Array:
    """Return which of y (rows, M) are active, row by row and by sorting."""
    active = np.zeros(y.shape, dtype=bool)
    if cell.name == "batchtopk":
        order = np.argsort(-y, axis=None)[: cell.k * len(y)]
        active.flat[order] = True
    elif cell.name == "topk":
        for row in range(len(y)):
            active[row, np.argsort(-y[row])[: cell.k]] = True
    else:
        active[:] = True
    return active & (y > 0)


def loss_of(parameters: list[Array], cell: Any, x: Array) -> tuple[float, Array]:
    """Return the mean loss, penalty and all, sample by sample, and what was active."""
    W, a, b, b_pre = parameters
    y = np.array([[w @ (row - b_pre) + bias for w, bias in zip(W, b, strict=True)] for row in x])
    active = active_of(y, cell)
    total = 0.0
    for row in range(len(x)):
        z = np.where(active[row], y[row] - (b if cell.jump else 0), 0)
        output = b_pre + sum(a[m] * z[m] * W[m] for m in range(len(W)))
        total += 0.5 * ((output - x[row]) ** 2).sum()
        if cell.name == "l1":
            total += cell.penalty * np.abs(a * z).sum()
        elif cell.name == "jumprelu" and cell.penalty_kind == "l0":
            total += cell.penalty * active[row].sum()
        elif cell.name == "jumprelu":
            total += cell.penalty * np.tanh(4 * np.abs(a * z)).sum()
    return total / len(x), active


@method
def test_gradients_are_finite_differences(name: str) -> None:
    """Where no gate flips the loss is smooth; the threshold of a JumpReLU moves nothing there, so b is left out."""
    cell = config(name, n_neurons=9, k=2)
    parameters, x = draw(name, 1, 9, 5, 6, seed=3)
    gradients, seen = dense_gradients(parameters, Gate([cell], CPU, F64), x)
    base = [each[0].numpy().copy() for each in parameters]
    _, active = loss_of(base, cell, x[0].numpy())
    assert 10 < active.sum() < active.size
    assert seen.n_active == active.sum()
    error = reconstruct(parameters, Gate([cell], CPU, F64), x)[1] - x
    assert float(seen.loss) == pytest.approx(float(error.square().sum()) / 12, rel=1e-13)  # float64, 30 terms

    def loss() -> float:
        value, still = loss_of(base, cell, x[0].numpy())
        assert (still == active).all()
        return value

    for which, gradient in enumerate(gradients):
        if which == 2 and cell.jump:
            continue
        expected = differences(loss, base[which])
        # Rounding of a loss of order 10: 1e-15 / 1e-6 = 1e-9 and some; the third derivative times step^2: 1e-11.
        np.testing.assert_allclose(gradient[0], expected, atol=2e-8)
        assert np.abs(expected).max() > 0.01


def by_sample(parameters: list[Array], cell: Any, x: Array) -> list[Array]:
    """Return the gradients in W, a, b, b_pre from the chain rule, sample after sample, neuron after neuron.

    The pseudo-derivatives of Rajamanoharan et al., arXiv 2407.14435, with a rectangle of width eps as the kernel:
    d z / d theta = -(theta / eps) 1(|u - theta| < eps/2) and d 1(u > theta) / d theta = -(1/eps) 1(...).
    """
    W, a, b, b_pre = parameters
    found = [np.zeros(each.shape) for each in parameters]
    active = active_of((x - b_pre) @ W.T + b, cell)
    for row, on in zip(x, active, strict=True):
        u = [w @ (row - b_pre) for w in W]
        z = [(u[m] + (0 if cell.jump else b[m])) if on[m] else 0.0 for m in range(len(W))]
        error = b_pre + sum(a[m] * z[m] * W[m] for m in range(len(W))) - row
        found[3] += error
        for m in range(len(W)):
            in_code = error @ W[m]  # slope of the loss in a z
            if cell.name == "l1":
                in_code += cell.penalty * np.sign(a[m])
            elif cell.name == "jumprelu" and cell.penalty_kind == "tanh":
                in_code += cell.penalty * 4 / np.cosh(4 * a[m] * z[m]) ** 2
            found[0][m] += a[m] * z[m] * error
            if on[m]:
                found[0][m] += in_code * a[m] * (row - b_pre)
                found[1][m] += in_code * z[m]
                found[3] -= in_code * a[m] * W[m]
            theta = -b[m]
            if cell.name == "jumprelu":
                near = abs(u[m] - theta) < cell.bandwidth / 2
                in_theta = in_code * a[m] * -(theta / cell.bandwidth) * near
                if cell.penalty_kind == "l0":
                    in_theta += cell.penalty * -(1 / cell.bandwidth) * near
                found[2][m] -= in_theta
            elif on[m]:
                found[2][m] += in_code * a[m]
    return [each / len(x) for each in found]


@method
def test_gradients_are_the_chain_rule(name: str) -> None:
    cells = [config(name, 11, k=k) for k in (1, 4)]
    parameters, x = draw(name, 2, 11, 6, 20, seed=8)
    gradients, _ = dense_gradients(parameters, Gate(cells, CPU, F64), x)
    for r, cell in enumerate(cells):
        expected = by_sample([each[r].numpy() for each in parameters], cell, x[r].numpy())
        for gradient, wanted in zip(gradients, expected, strict=True):
            # Sums of 20 to 200 float64 terms of order 10: 200 * 10 * 1.1e-16 = 2e-13.
            np.testing.assert_allclose(gradient[r], wanted, atol=2e-12)
            assert np.abs(wanted).max() > 0.01


@pytest.mark.parametrize("form", [dense_gradients, sparse_gradients])
def test_tanh_penalty_at_the_threshold(form: Any) -> None:
    """A neuron that switches on raises |a z|, also where a < 0.

    One neuron just below its threshold: u = 0.25, theta = 0.3 and e = -x, so that d loss / d z is a <e, w> + 4 penalty
    |a| on the side where it is on, and the straight-through gradient in b is theta / eps times that.
    """
    cell = config("jumprelu-tanh", 1)
    x = torch.tensor([[[0.25, 0.0]]], dtype=F64)
    W, b, b_pre = (torch.tensor(each, dtype=F64) for each in ([[[1.0, 0.0]]], [[-0.3]], [[0.0, 0.0]]))
    for a in (0.5, -0.5):
        parameters = Parameters(W, torch.tensor([[a]], dtype=F64), b, b_pre)
        gradients = form(parameters, Gate([cell], CPU, F64), x)[0]
        expected = (a * -0.25 + 4 * 0.3 * abs(a)) * 0.3 / 0.4
        assert float(gradients.bias) == pytest.approx(expected, rel=1e-12)  # a few float64 operations


def same(left: tuple[Gradients, Seen], right: tuple[Gradients, Seen], tolerance: float) -> None:
    for one, other in zip(left[0], right[0], strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance, rtol=tolerance)
    np.testing.assert_allclose(left[1].loss, right[1].loss, rtol=tolerance)
    np.testing.assert_allclose(left[1].top, right[1].top, rtol=tolerance)
    assert torch.equal(left[1].fired, right[1].fired)
    assert left[1].n_active == right[1].n_active


@settings(max_examples=120, deadline=None)
@given(
    name=st.sampled_from(list(METHODS)),
    n_replicas=st.integers(1, 3),
    n_neurons=st.integers(1, 50),
    d_model=st.integers(2, 9),
    rows=st.integers(1, 12),
    seed=st.integers(0, 10_000),
    data=st.data(),
)
def test_sparse_equals_dense(
    name: str, n_replicas: int, n_neurons: int, d_model: int, rows: int, seed: int, data: st.DataObject
) -> None:
    k = st.integers(1, n_neurons)
    cells = [config(name, n_neurons, k=data.draw(k), penalty=0.1 * r) for r in range(n_replicas)]
    parameters, x = draw(name, n_replicas, n_neurons, d_model, rows, seed)
    gate = Gate(cells, CPU, F64)
    guess = data.draw(st.sampled_from([0.0, 0.1, 1.0, 50.0]))
    gradients, seen, _ = sparse_gradients(parameters, gate, x, guess)
    # Sums of at most 12 x 50 float64 terms of order 10, in another order: 600 * 10 * 1.1e-16 = 7e-13.
    same((gradients, seen), dense_gradients(parameters, gate, x), 1e-11)


@method
def test_sparse_equals_dense_in_float32(name: str) -> None:
    cells = [config(name, 200, k=5)]
    parameters, x = draw(name, 1, 200, 24, 64, seed=1, dtype=torch.float32)
    gate = Gate(cells, CPU, torch.float32)
    gradients, seen, _ = sparse_gradients(parameters, gate, x)
    # 64 terms of order 30 a gradient, each from a sum of 24: 90 * 30 * 6e-8 / sqrt(90) with room; no gate near a flip.
    same((gradients, seen), dense_gradients(parameters, gate, x), 2e-4)


# Kernels of the sparse way


def random_row(seed: int, width: int, dtype: str) -> Array:
    return (np.random.default_rng([seed, 3]).standard_normal(width) - 0.3).astype(dtype)


@settings(max_examples=150, deadline=None)
@given(
    width=st.integers(1, 200),
    seed=st.integers(0, 10_000),
    dtype=st.sampled_from(["float32", "float64"]),
    data=st.data(),
)
def test_largest_is_numpys(width: int, seed: int, dtype: str, data: st.DataObject) -> None:
    k, y = data.draw(st.integers(1, width)), random_row(seed, width, dtype)
    found, heap = np.empty(width + 1, np.int64), np.empty(k, dtype)
    count = selection.indices_of_largest(y, k, heap, found)
    largest = np.argpartition(-y, k - 1)[:k]
    assert sorted(found[:count]) == sorted(m for m in largest if y[m] > 0)


@settings(max_examples=100, deadline=None)
@given(width=st.integers(1, 200), seed=st.integers(0, 10_000), floor=st.sampled_from([-0.5, 0.0, 0.7, 9.0]))
def test_above_is_numpys(width: int, seed: int, floor: float) -> None:
    y, found = random_row(seed, width, "float64"), np.empty(width + 1, np.int64)
    count = selection.indices_above(y, floor, found)
    assert found[:count].tolist() == np.flatnonzero(y > floor).tolist()


@settings(max_examples=150, deadline=None)
@given(
    rows=st.integers(1, 6),
    width=st.integers(1, 30),
    seed=st.integers(0, 10_000),
    guess=st.sampled_from([-1.0, 0.0, 0.3, 2.0, np.inf]),
    data=st.data(),
)
def test_batch_floor_is_by_sorting(rows: int, width: int, seed: int, guess: float, data: st.DataObject) -> None:
    y = random_row(seed, rows * width, "float32").reshape(rows, width)
    count = data.draw(st.integers(1, rows * width))
    told, ties = batch_floor(y, count, guess)
    floor = np.float32(told)
    assert floor >= 0 and ties == 0  # no two are equal
    ordered = np.sort(y, axis=None)[::-1]
    assert np.sort(y[y > floor]).tolist() == [each for each in ordered[:count][::-1] if each > 0]


@pytest.mark.parametrize("ulps", [1, 2, 3])
def test_batch_floor_of_neighbouring_numbers(ulps: int) -> None:
    """The two numbers around the floor may be next to each other in float32, where their mean rounds to one of them."""
    ladder = np.float32(1) + np.arange(6, dtype=np.float32) * np.spacing(np.float32(1)) * np.float32(ulps)
    for count in range(1, 6):
        floor, ties = batch_floor(ladder, count, 0.0)
        assert (ladder > np.float32(floor)).sum() == count and ties == 0
