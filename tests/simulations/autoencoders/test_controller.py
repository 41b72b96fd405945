"""The controllers of the biases: Algorithm 1 by hand and as invariants, the quantile rules as what they promise."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from statistics_helper import assert_z, seed_of
from torch import Tensor

from simulations.algorithms.autoencoders import controller
from simulations.algorithms.autoencoders.controller import Buffer, Groups
from simulations.algorithms.autoencoders.tail import Tail
from simulations.algorithms.base import algorithm_class

CPU, F64 = torch.device("cpu"), torch.float64


def config(algorithm: str = "gba", **given: Any) -> Any:
    usual: dict[str, Any] = {"n_neurons": 5} | ({"n_groups": 2} if algorithm == "gba" else {})
    return algorithm_class(algorithm)(**(usual | given))


def groups_of(*cells: Any) -> Groups:
    return controller.groups(cells, CPU, F64)


def column(*values: float) -> Tensor:
    return torch.tensor(values, dtype=F64)[:, None]


class Case(NamedTuple):
    """A controller that has seen a buffer: constants gamma_minus, gamma_plus / gamma_minus and eps."""

    bias: Tensor
    buffer: Buffer
    groups: Groups
    gain: float
    ratio: float
    dead: float

    def moved(self, **changes: Any) -> Tensor:
        case = self._replace(**changes)
        constants = map(column, (case.gain, case.ratio, case.dead))
        return controller.paper(case.bias, case.buffer, case.groups, *constants)

    @property
    def frequency(self) -> Tensor:
        return self.buffer.fired / self.buffer.samples


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw biases in [-1, 0] and a buffer that can occur: the largest y is positive where a neuron fired, else 0."""
    n_neurons = draw(st.integers(1, 17))
    cell = config(
        n_neurons=n_neurons,
        n_groups=draw(st.integers(1, n_neurons)),
        high_target_frequency=draw(st.floats(0.3, 0.9)),
        low_target_frequency=draw(st.floats(0.01, 0.3)),
    )
    samples = draw(st.integers(1, 500))

    def row(element: st.SearchStrategy[float]) -> Tensor:
        return torch.tensor([draw(st.lists(element, min_size=n_neurons, max_size=n_neurons))], dtype=F64)

    bias = -row(st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1)))
    fired = row(st.one_of(st.sampled_from([0, samples]), st.integers(0, samples)))
    top = row(st.floats(1e-6, 30)) * (fired > 0)
    gain, ratio, dead = draw(st.floats(1e-4, 3)), draw(st.floats(0, 3)), draw(st.sampled_from([0.0, 1e-6, 0.005]))
    return Case(bias, Buffer(samples, fired, top), groups_of(cell), gain, ratio, dead)


# The paper's rule


@settings(max_examples=150, deadline=None)
@given(case=cases())
def test_paper_moves_every_neuron_the_way_it_should(case: Case) -> None:
    after, over, dead = case.moved(), case.frequency > case.groups.target, case.frequency < case.dead
    assert ((after >= -1) & (after <= 0)).all()
    assert (after[over] <= case.bias[over]).all()
    # One float64 ulp of 1 is 2.2e-16; a firing neuron has r >= 1e-6, times gain >= 1e-4 that is 1e-10: it does move.
    assert (after[over] < case.bias[over])[case.bias[over] > -1].all()
    assert (after[dead & ~over] >= case.bias[dead & ~over]).all()
    assert torch.equal(after[~over & ~dead], case.bias[~over & ~dead])  # equal bits


@settings(max_examples=80, deadline=None)
@given(case=cases(), seed=st.integers(0, 1_000))
def test_paper_keeps_groups_apart(case: Case, seed: int) -> None:
    rng = np.random.default_rng(seed)
    chosen = int(rng.integers(case.groups.n_groups))
    own = case.groups.member == chosen
    fired = torch.from_numpy(rng.integers(0, case.buffer.samples, size=own.shape)).to(F64)
    top = torch.from_numpy(rng.random(own.shape)) * (fired > 0)
    bias = -torch.from_numpy(rng.random(own.shape))
    others = Buffer(
        case.buffer.samples, torch.where(own, case.buffer.fired, fired), torch.where(own, case.buffer.top, top)
    )
    moved = case.moved(bias=torch.where(own, case.bias, bias), buffer=others)
    assert torch.equal(moved[own], case.moved()[own])


@settings(max_examples=50, deadline=None)
@given(case=cases(), seed=st.integers(0, 1_000))
def test_paper_leaves_a_silent_group_alone(case: Case, seed: int) -> None:
    silent = case.groups.member == seed % case.groups.n_groups
    samples, fired, top = case.buffer
    case = case._replace(buffer=Buffer(samples, fired.masked_fill(silent, 0), top.masked_fill(silent, 0)), dead=0.005)
    assert torch.equal(case.moved()[silent], case.bias[silent])  # sbar of the group is 0, and no 0/0


def test_paper_by_hand() -> None:
    """Groups {0, 1, 2} with target 0.4 and {3, 4} with 0.1; gamma_minus 0.1, gamma_plus 0.2; sbar 0.55 and 0.5."""
    cell = config(high_target_frequency=0.4, low_target_frequency=0.1)
    bias = torch.tensor([[-0.1, -0.5, -0.2, -0.97, -0.05]], dtype=F64)
    fired = torch.tensor([[500.0, 0, 300, 200, 0]], dtype=F64)
    top = torch.tensor([[0.8, 0, 0.3, 0.5, 0]], dtype=F64)
    moved = Case(bias, Buffer(1_000, fired, top), groups_of(cell), 0.1, 2.0, 1e-6).moved()
    # -0.1 - 0.1 * 0.8; -0.5 + 0.2 * 0.55; 0.3 is below 0.4; -0.97 - 0.05 is cut at -1; -0.05 + 0.2 * 0.5 is cut at 0.
    np.testing.assert_allclose(moved[0], [-0.18, -0.39, -0.2, -1, 0], rtol=1e-15, atol=1e-16)  # a few float64 ulps


def test_paper_at_its_bounds_changes_nothing() -> None:
    case = Case(
        column(-0.5, -0.5).T, Buffer(4, column(2, 1).T, column(0.7, 0.7).T), groups_of(config(n_neurons=2, n_groups=1)),
        0.1, 1.0, 0.25,
    )  # fmt: skip
    assert case.groups.target.tolist() == [[0.5, 0.5]]
    assert case.moved().tolist() == [[-0.5, -0.5]]  # p = target is not too often, p = eps is not dead
    assert case.moved(dead=0.26).tolist() == [[-0.5, pytest.approx(-0.43)]]  # rounding of 0.1 * 0.7


# Groups and targets


@settings(max_examples=60, deadline=None)
@given(n_neurons=st.integers(1, 60), data=st.data())
def test_groups_are_as_equal_as_they_can_be(n_neurons: int, data: st.DataObject) -> None:
    n_groups = data.draw(st.integers(1, n_neurons))
    cell = config(n_neurons=n_neurons, n_groups=n_groups, high_target_frequency=0.4, low_target_frequency=0.01)
    of = groups_of(cell)
    sizes = np.bincount(of.member[0].numpy(), minlength=n_groups)
    assert of.n_groups == n_groups == len(sizes)
    assert sizes.sum() == n_neurons
    assert sizes.max() - sizes.min() <= 1
    for k in range(n_groups):
        wanted = 0.4 * (0.01 / 0.4) ** (k / max(1, n_groups - 1))
        np.testing.assert_allclose(of.target[0][of.member[0] == k], wanted, rtol=1e-13)  # powers in float64


@pytest.mark.parametrize(
    ("given", "frequencies"),
    [
        ({"n_groups": 4, "high_target_frequency": 0.8, "low_target_frequency": 0.1}, [0.8, 0.4, 0.2, 0.1]),
        ({"n_groups": 3, "high_target_frequency": 0.5, "low_target_frequency": 0.005}, [0.5, 0.05, 0.005]),
        ({"n_groups": 2, "high_target_frequency": 0.3, "low_target_frequency": 0.3}, [0.3, 0.3]),
        ({"n_groups": 1, "high_target_frequency": 0.3}, [0.3]),
        ({"algorithm": "ba", "target_frequency": 0.07}, [0.07]),
    ],
)
def test_target_frequencies_by_hand(given: dict[str, Any], frequencies: list[float]) -> None:
    np.testing.assert_allclose(config(**given).target_frequencies(), frequencies, rtol=1e-14)  # float64


def test_replicas_with_other_groups_equal_single_ones() -> None:
    rng = np.random.default_rng(0)
    cells = [config(n_neurons=7, n_groups=k, high_target_frequency=h) for k, h in ((1, 0.2), (7, 0.9), (3, 0.5))]
    fired = torch.from_numpy(rng.integers(0, 10, size=(3, 7)) * rng.integers(0, 2, size=(3, 7))).to(F64)
    top, bias = torch.from_numpy(rng.random((3, 7))) * (fired > 0), -torch.from_numpy(rng.random((3, 7)))
    constants = column(0.1, 0.2, 0.3), column(1, 2, 3), column(1e-6, 0.2, 0.05)
    together = controller.paper(bias, Buffer(10, fired, top), groups_of(*cells), *constants)
    assert (together != bias).any(1).all()
    for r, cell in enumerate(cells):
        one = slice(r, r + 1)
        alone = controller.paper(
            bias[one], Buffer(10, fired[one], top[one]), groups_of(cell), *(each[one] for each in constants)
        )
        assert torch.equal(together[one], alone)


# The quantile rules


def quantile(u: Tensor, bias: Tensor, of: Groups, relaxation: float = 1.0, **given: Any) -> Tensor:
    tail = Tail(of, given.pop("n_rows", u.shape[1]), CPU, F64)
    kept = tail.empty(bias)
    tail.add(kept, u, 0)
    moved = controller.quantile(bias, tail.biases(kept, bias), column(*[relaxation] * len(u)))
    if not given.pop("below", False):
        return moved
    frequency = (u + bias[:, None] > 0).to(F64).mean(1)
    return controller.below(bias, moved, frequency, of.target, column(*[given.pop("dead", 1e-6)] * len(u)))


def gaussian(seed: int, *shape: int, scale: float = 0.2) -> Tensor:
    return scale * torch.from_numpy(np.random.default_rng([seed, 7]).standard_normal(shape))


TARGETS = {"high_target_frequency": 0.3, "low_target_frequency": 0.02}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n_rows=st.integers(2, 900), n_neurons=st.integers(2, 9))
def test_quantile_makes_the_share_exact(seed: int, n_rows: int, n_neurons: int) -> None:
    cells = [config(n_neurons=n_neurons, n_groups=k, **TARGETS) for k in (1, 2)]
    of, u = groups_of(*cells), gaussian(seed, 2, n_rows, n_neurons) + 0.1
    bias = -torch.from_numpy(np.random.default_rng(seed).random((2, n_neurons)))
    after = quantile(u, bias, of)
    assert ((after >= -1) & (after <= 0)).all()
    for r in range(2):
        for m in range(n_neurons):
            target = float(of.target[r, m])
            used = u[r, -min(n_rows, controller.quantile_rows(target)) :, m]
            wanted = min(max(round(target * len(used)), 1), len(used) - 1)
            above = int((used + after[r, m] > 0).sum())
            # Continuous values have no ties, so the count is exact, unless the bias would have to be positive.
            assert above == wanted if after[r, m] < 0 else above <= wanted


def test_quantile_takes_enough_rows_and_no_more_than_it_needs() -> None:
    """8 samples above the threshold, at least 64 and at most 2,048: those are 8 / p = 9, 128, 400 and 8,000."""
    assert [controller.quantile_rows(p) for p in (0.9, 1 / 16, 0.02, 0.001)] == [64, 128, 400, 2_048]


def test_quantile_is_clipped() -> None:
    of = groups_of(config(n_neurons=2, n_groups=1, **TARGETS))
    u = torch.stack([5 + gaussian(1, 1, 100), -5 + gaussian(2, 1, 100)], dim=2)
    assert quantile(u, column(-0.5, -0.5).T, of).tolist() == [[-1, 0]]


@pytest.mark.parametrize("relaxation", [0.25, 0.5, 0.9])
def test_relaxation_is_the_share_of_the_way(relaxation: float) -> None:
    of, u = groups_of(config(**TARGETS)), gaussian(3, 1, 500, 5)
    bias = torch.linspace(-0.9, -0.01, 5, dtype=F64)[None]
    whole = quantile(u, bias, of)
    assert ((whole > -1) & (whole < 0)).all()
    np.testing.assert_allclose(
        quantile(u, bias, of, relaxation), bias + relaxation * (whole - bias), rtol=1e-14
    )  # float64


def test_below_leaves_a_neuron_that_fires_too_seldom() -> None:
    """Target 0.3 of 400: neuron 0 fires on 200 samples, 1 on 60, 2 on none, 3 on 1 where 2 are dead."""
    of = groups_of(config(n_neurons=4, n_groups=1, **TARGETS))
    column_of = torch.arange(400, dtype=F64) / 400 - 0.5
    u = column_of[None, :, None].expand(1, 400, 4)
    bias = -(torch.tensor([[200.0, 340, 400, 399]], dtype=F64) / 400 - 0.5 - 0.5 / 400)
    fired = (u + bias[:, None] > 0).sum(1)
    assert fired.tolist() == [[200, 60, 0, 1]]
    both, kept = (quantile(u, bias, of, dead=0.004, below=below) for below in (False, True))
    assert (both != bias).all()
    assert (kept != bias).tolist() == [[True, False, True, True]]
    assert torch.equal(kept[:, [0, 2, 3]], both[:, [0, 2, 3]])


@pytest.mark.parametrize("below", [False, True])
def test_quantile_reaches_its_target_in_a_few_updates(below: bool) -> None:
    """u ~ N(0, 0.2^2), fresh at every update, from b = 0: after ten updates 2^-10 of the way is left.

    The share above the threshold is that of a quantile of `rows` samples, averaged with weights 1/2, 1/4, ...: its
    variance is p (1 - p) / (3 rows), and its offset, of order statistics, below 1 / rows.  Power: three updates leave
    an eighth of the way, ten standard errors of the first group.
    """
    cell = config(n_neurons=40, n_groups=2, high_target_frequency=0.2, low_target_frequency=0.05)
    of, n_rows = groups_of(cell), 400
    bias, seed = torch.zeros(1, 40, dtype=F64), seed_of("quantile controller")
    for k in range(10):
        bias = quantile(gaussian(seed + k, 1, n_rows, 40), bias, of, 0.5, below=below)
    for k, p in enumerate((0.2, 0.05)):
        rows = min(n_rows, controller.quantile_rows(p))
        deviation = np.sqrt(p * (1 - p) / (3 * rows))
        share = norm.sf(-bias[0][of.member[0] == k].numpy() / 0.2).mean()
        if below:  # whoever fires too often by chance moves down and stays there: a few deviations below the target
            assert p - 4 * deviation < share < p + deviation
        else:
            assert_z(share, p, deviation / np.sqrt(20) + 1 / rows, f"firing share of group {k}")
