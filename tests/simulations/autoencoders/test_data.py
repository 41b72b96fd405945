"""The stream of training data: what x is, that batches cut it anywhere, and that it forgets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from statistics_helper import assert_z, seed_of

from simulations.base.settings import Settings
from simulations.data import stream as data
from simulations.data.sampling import draw_features
from simulations.data.stream import Stream

CPU, F64 = torch.device("cpu"), torch.float64


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw less at once, so that tests cross many blocks."""
    monkeypatch.setattr(data, "BLOCK", 100)
    monkeypatch.setattr(data, "CALIBRATION_ROWS", 4_000)
    monkeypatch.setattr(data, "EVALUATION_ROWS", 4_000)


def config(**given: Any) -> Settings:
    usual = {"algorithm": "topk", "n_features": 20, "d_model": 8, "sparsity": 3, "n_neurons": 16, "batch_size": 64}
    return Settings(**(usual | {"n_steps": 20, "seed": seed_of("data") % 1_000} | given))


def drawn(settings: Settings) -> Stream:
    return Stream(settings, CPU, F64)


def rows_of(settings: Settings, n_steps: int) -> torch.Tensor:
    stream = drawn(settings)
    return torch.cat([stream.inputs(stream.batch(step)) for step in range(n_steps)])


LAWS: list[dict[str, Any]] = [
    {},
    {"support_law": "bernoulli", "coefficient_law": "exponential"},
    {"support_law": "mixed:1:6", "noise": 0.3, "center": True},
    {"coefficient_law": "half-normal", "normalize": True, "dictionary_law": "sphere"},
]
laws = pytest.mark.parametrize("law", LAWS, ids=["canonical", "bernoulli", "mixed", "normalized"])


@laws
def test_x_is_scale_times_HV_plus_noise_minus_mean(law: dict[str, Any]) -> None:
    settings = config(**law, batch_size=250)  # cuts blocks of 100 rows, of unequal numbers of slots with bernoulli
    stream = drawn(settings)
    V = draw_features(20, 8, settings.dictionary_law, settings.seed)
    for step in range(3):
        rows = stream.batch(step)
        X = np.zeros((250, 8))
        for row in range(250):
            for index, value in zip(rows.support[row], rows.values[row], strict=True):
                X[row] += value * V[index]
        if rows.noise is not None:
            X += rows.noise
        assert (rows.noise is None) == (settings.noise == 0)
        # A handful of float64 terms of order 10.
        np.testing.assert_allclose(stream.inputs(rows), stream.scale * (X - stream.mean), atol=1e-13)


@laws
@pytest.mark.parametrize("size", [1, 7, 100, 130, 320])
def test_data_do_not_depend_on_the_batch_size(law: dict[str, Any], size: int) -> None:
    whole = rows_of(config(**law, batch_size=640, n_steps=2), 2)[:960]
    cut = rows_of(config(**law, batch_size=size, n_steps=1_280 // size), 960 // size)
    np.testing.assert_allclose(cut, whole[: len(cut)], atol=1e-13)  # sums of padded slots may be ordered otherwise
    # Fresh rows in every block: of 1,140 supports 960 draws hit 650, the 100 of one block at most 100.
    assert len(torch.unique(whole, dim=0)) > 500


def test_data_are_the_same_for_every_algorithm_and_differ_by_seed() -> None:
    own = rows_of(config(noise=0.1), 3)
    others = [config(noise=0.1, algorithm=name, n_neurons=30) for name in ("gba", "l1", "jumprelu", "batchtopk")]
    assert all(torch.equal(rows_of(each, 3), own) for each in others)
    assert not torch.isclose(rows_of(replace(config(noise=0.1), seed=1_001), 3), own).any(1).all()


def test_fewer_samples_repeat_and_a_rest_is_not_used() -> None:
    stream = drawn(config(n_samples=350, batch_size=100))
    batches = [stream.inputs(stream.batch(step)) for step in range(7)]
    for step in range(3, 7):
        assert torch.equal(batches[step], batches[step % 3])
    fresh = drawn(config(batch_size=100))
    assert torch.equal(torch.cat(batches[:3]), torch.cat([fresh.inputs(fresh.batch(step)) for step in range(3)]))
    assert not torch.equal(batches[3], fresh.inputs(fresh.batch(3)))


@pytest.mark.parametrize("size", [30, 250])
def test_few_blocks_are_kept(size: int) -> None:
    stream = drawn(config(n_samples=5_000, batch_size=size))
    for step in [*range(200), 3, 150, 0]:
        stream.batch(step)
        assert len(stream._blocks) <= 2


def test_batches_in_one_block_draw_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, parts = drawn(config(batch_size=30)), []
    draw = stream._draw
    monkeypatch.setattr(stream, "_draw", lambda n_rows, part: parts.append(part) or draw(n_rows, part))
    for step in range(19):
        stream.batch(step)
    assert parts == [0, 1, 2, 3, 4, 5]


@laws
def test_the_mean_norm_is_one(law: dict[str, Any]) -> None:
    """Calibrated on 4,000 rows, tested on 4,000 others.  Power: off by a factor 1.2 is beyond ten standard errors."""
    stream = drawn(config(**law))
    norms = stream.held_out()[1].norm(dim=1).numpy()
    error = norms.std() * np.sqrt(2 / 4_000)
    assert_z(norms.mean(), 1, error, "mean norm of x")
    assert 0.2 / error > 10


def test_centred_data_have_mean_zero_and_others_say_theirs() -> None:
    """Each coordinate is a mean over 4,000 rows against one over 4,000 others.  Power: asserted in the last line."""
    for center in (True, False):
        stream = drawn(config(center=center))
        x = stream.held_out()[1].numpy()
        errors = x.std(axis=0) * np.sqrt(2 / 4_000)
        for value, expected, error in zip(x.mean(axis=0), stream.mean_input, errors, strict=True):
            assert_z(value, expected, error, "mean of x", comparisons=8)
        assert (np.abs(stream.mean_input).max() < 1e-12) == center  # a mean of 4,000 float64 numbers, minus itself
        assert np.abs(x.mean(axis=0) / errors).max() > 15 or center


def test_noise_has_its_variance() -> None:
    """100 blocks of noise, 80,000 numbers.  Power: noise scaled with x, or without x, would be off by a factor."""
    sigma = 0.7
    clean, noisy = drawn(config(batch_size=1_000)), drawn(config(batch_size=1_000, noise=sigma))
    found = []
    for step in range(10):
        rows = noisy.batch(step)
        np.testing.assert_array_equal(rows.support, clean.batch(step).support)
        found.append((noisy.inputs(rows) / noisy.scale - clean.inputs(clean.batch(step)) / clean.scale).numpy())
    noise = np.concatenate(found)
    assert_z(noise.mean(), 0, sigma / np.sqrt(noise.size), "mean of the noise")
    assert_z(noise.var(), sigma**2, sigma**2 * np.sqrt(2 / noise.size), "variance of the noise")
    assert_z((noise[1:] * noise[:-1]).mean(), 0, sigma**2 / np.sqrt(noise.size), "noise of neighbouring rows")
    assert noisy.scale < clean.scale


@pytest.mark.parametrize("rows", [100, 4_000])
def test_held_out_rows_are_no_rows_of_the_stream(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "EVALUATION_ROWS", rows)  # 100: as many as are drawn at once for a batch
    stream = drawn(config(coefficient_law="exponential", n_samples=4_000))
    seen = torch.cat([stream.inputs(stream.batch(step)) for step in range(62)])
    sample, x = stream.held_out()
    assert len(x) == len(sample.support) == rows
    assert torch.cdist(seen, x).min() > 1e-9  # continuous values: rows meet only if drawn from one stream
