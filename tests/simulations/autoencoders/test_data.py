"""The stream of training data: what x is, that batches cut it anywhere, and that it forgets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from statistics_helper import assert_z, seed_of

from simulations.data import synthetic as data
from simulations.data.model import Model
from simulations.data.sampling import draw_features
from simulations.data.source import View, conditioned
from simulations.data.synthetic import Synthetic, SyntheticView

CPU, F64 = torch.device("cpu"), torch.float64


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw less at once, so that tests cross many blocks."""
    monkeypatch.setattr(data, "BLOCK", 100)
    monkeypatch.setattr(data, "CALIBRATION_ROWS", 4_000)
    monkeypatch.setattr(data, "EVALUATION_ROWS", 4_000)


def world(**given: Any) -> Model:
    usual = {"n_features": 20, "d_model": 8, "sparsity": 3, "seed": seed_of("data") % 1_000}
    return Model(**(usual | given))


def drawn(model: Model) -> tuple[Synthetic, SyntheticView, np.ndarray[Any, Any]]:
    """Return the stream of a model, what an autoencoder sees of it, and the mean of that."""
    source = model.stream()
    view, mean = conditioned(source, CPU, F64)
    assert isinstance(view, SyntheticView)
    return source, view, mean


def rows_of(model: Model, size: int, n_steps: int) -> torch.Tensor:
    _, view, _ = drawn(model)
    return torch.cat([view.batch(step, size) for step in range(n_steps)])


LAWS: list[dict[str, Any]] = [
    {},
    {"support_law": "bernoulli", "coefficient_law": "exponential"},
    {"support_law": "mixed:1:6", "noise": 0.3, "center": True},
    {"coefficient_law": "half-normal", "normalize": True, "dictionary_law": "sphere"},
]
laws = pytest.mark.parametrize("law", LAWS, ids=["canonical", "bernoulli", "mixed", "normalized"])


@laws
def test_x_is_scale_times_HV_plus_noise_minus_mean(law: dict[str, Any]) -> None:
    model = world(**law)
    source, view, _ = drawn(model)
    V = draw_features(20, 8, model.dictionary_law, model.seed)
    for step in range(3):
        rows = source.rows_of(step, 250)  # cuts blocks of 100 rows, of unequal numbers of slots with bernoulli
        X = np.zeros((250, 8))
        for row in range(250):
            for index, value in zip(rows.support[row], rows.values[row], strict=True):
                X[row] += value * V[index]
        if rows.noise is not None:
            X += rows.noise
        assert (rows.noise is None) == (model.noise == 0)
        # A handful of float64 terms of order 10.
        np.testing.assert_allclose(source.batch(step, 250), X, atol=1e-12)
        np.testing.assert_allclose(view.batch(step, 250), view.scale * (X - view.mean), atol=1e-13)


@laws
def test_the_view_of_a_model_is_that_of_its_rows(law: dict[str, Any]) -> None:
    """Gathered on the device from a table of features, or formed in NumPy: as of any other data."""
    source, view, _ = drawn(world(**law))
    plain = View(source, view.scale, view.mean, CPU, F64)
    np.testing.assert_allclose(plain.batch(2, 70), view.batch(2, 70), atol=1e-13)  # as above
    np.testing.assert_allclose(plain.held_out(), view.held_out(), atol=1e-13)


@laws
@pytest.mark.parametrize("size", [1, 7, 100, 130, 320])
def test_data_do_not_depend_on_the_batch_size(law: dict[str, Any], size: int) -> None:
    whole = rows_of(world(**law), 640, 2)[:960]
    cut = rows_of(world(**law), size, 960 // size)
    np.testing.assert_allclose(cut, whole[: len(cut)], atol=1e-13)  # sums of padded slots may be ordered otherwise
    # Fresh rows in every block: of 1,140 supports 960 draws hit 650, the 100 of one block at most 100.
    assert len(torch.unique(whole, dim=0)) > 500


def test_data_are_the_same_every_time_and_differ_by_seed() -> None:
    own = rows_of(world(noise=0.1), 64, 3)
    assert torch.equal(rows_of(world(noise=0.1), 64, 3), own)
    assert not torch.isclose(rows_of(world(noise=0.1, seed=1_001), 64, 3), own).any(1).all()


def test_fewer_samples_repeat_and_a_rest_is_not_used() -> None:
    source, fresh = world(n_samples=350).stream(), world().stream()
    batches = [source.batch(step, 100) for step in range(7)]
    for step in range(7):
        np.testing.assert_array_equal(batches[step], fresh.batch(step % 3, 100))
    assert not np.array_equal(batches[3], fresh.batch(3, 100))
    with pytest.raises(ValueError, match="batch_size=400, but should be at most n_samples=350"):
        source.batch(0, 400)


@pytest.mark.parametrize("size", [30, 250])
def test_few_blocks_are_kept(size: int) -> None:
    source = world(n_samples=5_000).stream()
    for step in [*range(200), 3, 150, 0]:
        source.batch(step, size)
        assert len(source._blocks) <= 2


def test_batches_in_one_block_draw_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    source, parts = world().stream(), []
    draw = source._draw
    monkeypatch.setattr(source, "_draw", lambda n_rows, part: parts.append(part) or draw(n_rows, part))
    for step in range(19):
        source.batch(step, 30)
    assert parts == [0, 1, 2, 3, 4, 5]


@laws
def test_the_mean_norm_is_one(law: dict[str, Any]) -> None:
    """Calibrated on 4,000 rows, tested on 4,000 others.  Power: off by a factor 1.2 is beyond ten standard errors."""
    norms = drawn(world(**law))[1].held_out().norm(dim=1).numpy()
    error = norms.std() * np.sqrt(2 / 4_000)
    assert_z(norms.mean(), 1, error, "mean norm of x")
    assert 0.2 / error > 10


def test_centred_data_have_mean_zero_and_others_say_theirs() -> None:
    """Each coordinate is a mean over 4,000 rows against one over 4,000 others.  Power: asserted in the last line."""
    for center in (True, False):
        _, view, mean = drawn(world(center=center))
        x = view.held_out().numpy()
        errors = x.std(axis=0) * np.sqrt(2 / 4_000)
        for value, expected, error in zip(x.mean(axis=0), mean, errors, strict=True):
            assert_z(value, expected, error, "mean of x", comparisons=8)
        assert (np.abs(mean).max() < 1e-12) == center  # a mean of 4,000 float64 numbers, minus itself
        assert np.abs(x.mean(axis=0) / errors).max() > 15 or center


def test_noise_has_its_variance() -> None:
    """100 blocks of noise, 80,000 numbers.  Power: noise scaled with x, or without x, would be off by a factor."""
    sigma = 0.7
    clean, noisy = world().stream(), world(noise=sigma).stream()
    for step in range(10):
        np.testing.assert_array_equal(noisy.rows_of(step, 1_000).support, clean.rows_of(step, 1_000).support)
    noise = np.concatenate([noisy.batch(step, 1_000) - clean.batch(step, 1_000) for step in range(10)])
    assert_z(noise.mean(), 0, sigma / np.sqrt(noise.size), "mean of the noise")
    assert_z(noise.var(), sigma**2, sigma**2 * np.sqrt(2 / noise.size), "variance of the noise")
    assert_z((noise[1:] * noise[:-1]).mean(), 0, sigma**2 / np.sqrt(noise.size), "noise of neighbouring rows")


@pytest.mark.parametrize("rows", [100, 4_000])
def test_held_out_rows_are_no_rows_of_the_stream(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "EVALUATION_ROWS", rows)  # 100: as many as are drawn at once for a batch
    source = world(coefficient_law="exponential", n_samples=4_000).stream()
    seen = np.concatenate([source.batch(step, 64) for step in range(62)])
    held_out = source.held_out()
    assert len(held_out) == len(source.truth.support) == rows
    # Continuous values: rows meet only if drawn from one stream.
    assert torch.cdist(torch.from_numpy(seen), torch.from_numpy(held_out)).min() > 1e-9
