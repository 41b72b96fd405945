"""Measures on fitted dictionaries made by hand, and instruments that measure what they are asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simulations.algorithms.base import Fitted, Trace
from simulations.data.model import Model
from simulations.instruments.simulation import results_of
from simulations.measures import base
from simulations.measures.base import measured, result_columns
from simulations.measures.look import Look, firing
from simulations.runs.cell import Cell, run_batch, run_cell
from simulations.runs.columns import results
from theory.hypotheses import measure_hypotheses

WORLD = Model(n_features=24, d_model=12, sparsity=3, n_samples=400)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_recovery_up_to_a_shift_common_to_all_neurons() -> None:
    """X = HV = H (V + 1 c^T) - const c^T where the weights of a row add up to const: the gauge of DESIGN 4.3."""
    source = WORLD.fixed()
    V, total = source.sample.features, 3 / np.sqrt(3)
    c = 6.0 * unit(np.random.default_rng(0).standard_normal((1, 12)))[0]
    told = measured(Look(Fitted(unit(V + c), shift=-total * c, input_scale=0.5), source))
    assert told["feature_recovery_rate"] < 0.5
    assert told["recovery_up_to_shift"] == told["recovery_up_to_shift_080"] == 1.0
    assert told["pre_bias_norm"] == pytest.approx(0.5 * total * 6.0)
    plain = measured(Look(Fitted(unit(V), shift=np.zeros(12)), source))
    assert plain["recovery_up_to_shift"] == plain["feature_recovery_rate"] == 1.0
    assert "recovery_up_to_shift" not in measured(Look(Fitted(unit(V)), source))


def test_measured_hypotheses_are_those_of_the_drawn_data() -> None:
    for world in (WORLD, WORLD.replace(support_law="planted:1", coefficient_law="exponential")):
        sample = world.fixed().sample
        told = measured(Look(Fitted(unit(sample.features)), world.fixed()))
        found = measure_hypotheses(*sample)
        assert told["measured_cooccurrence"] == found.co_occurrence
        assert told["measured_incoherence"] == found.incoherence
        assert told["measured_cut_off_level"] == pytest.approx(np.nanmin(found.cut_off_level))
        assert told["measured_effective_sparsity"] == pytest.approx(np.nanmean(1 / found.cut_off_level**2))
        assert told["measured_sparsity"] == 3
    row = run_cell(Cell(**WORLD.given(), n_neurons=16, n_steps=1))
    assert row["measured_cooccurrence"] == measure_hypotheses(*WORLD.fixed().sample).co_occurrence


def test_without_ground_truth_there_is_no_recovery() -> None:
    class Silent:
        truth = None

    codes = np.eye(4)[:, :3]
    fitted = Fitted(unit(np.random.default_rng(0).standard_normal((3, 12))))
    fitted.held_out = lambda: iter([(codes, np.zeros((4, 12)), np.arange(48.0).reshape(4, 12))])
    told = results_of(fitted, Silent())  # type: ignore[arg-type]
    assert told["status"] == "ok"
    assert told["l0"] == 0.75
    assert not {name for name in told if "recovery" in name or "measured" in name}


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-3, 7.7])
def test_a_constant_code_has_no_selectivity(value: float) -> None:
    """Its largest activation is its mean but for rounding, which differs between processors, in either direction."""
    codes = np.full((1_000, 5), value, dtype=np.float32)
    fitted = Fitted(np.ones((5, 2)))
    fitted.held_out = lambda: iter([(codes, np.zeros((1_000, 2)), np.ones((1_000, 2)))])
    seen = firing(fitted)
    assert seen is not None
    assert (seen.z_score >= 0).all()
    assert np.isnan(seen.variance_unexplained)
    # A standard deviation of rounding size, sqrt(1000 float32 roundings), over a difference of the same size.
    assert (seen.z_score < 100).all()


def test_a_measure_is_one_file_and_its_columns_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "REGISTRY", dict(base.REGISTRY))
    monkeypatch.setattr(base, "_COLUMNS", dict(result_columns()))
    monkeypatch.setattr(base, "discover", lambda: base.REGISTRY)
    for name in list(base._COLUMNS):
        if name in base.ALWAYS:
            del base._COLUMNS[name]

    @base.measure(largest_weight=base.Column("largest entry of the dictionary"))
    def largest_weight(look: Look) -> dict[str, Any]:
        return {"largest_weight": float(np.abs(look.weights).max())}

    assert "largest_weight" in base.result_columns()
    told = base.measured(Look(Fitted(0.5 * np.eye(12)), WORLD.fixed()))
    assert told["largest_weight"] == 0.5
    with pytest.raises(AssertionError, match="declared twice"):
        base.declare(largest_weight=base.Column("again"))


def test_a_measure_fills_what_it_declares_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = base.Measure("bad", {"l0": base.Column("")}, lambda look: {"other": 1.0})
    monkeypatch.setattr(base, "discover", lambda: {"bad": bad})
    with pytest.raises(AssertionError, match="not declared"):
        measured(Look(Fitted(np.eye(12)), WORLD.fixed()))


@pytest.mark.parametrize("instrument", ["learnability", "width"])
def test_a_cell_is_measured_with_its_own_instrument(instrument: str) -> None:
    cell = Cell(**WORLD.given(), instrument=instrument, n_probes=8, n_steps=2)
    for row in (run_cell(cell), run_batch([cell])[0]):
        assert row["instrument"] == instrument
        assert ("learnable_fraction" in row) == (instrument == "learnability")
        assert ("required_width" in row) == (instrument == "width")
        assert "feature_recovery_rate" not in row
        assert set(row) <= set(results()) | set(cell.names) | {"algorithm", "instrument", "arm"}


def test_samples_to_recovery_count_what_was_used() -> None:
    """A full batch uses all samples in every step, a mini-batch its own; nothing has been used before the first."""
    from simulations.algorithms.provable.fit import samples_seen

    assert [samples_seen(step, 1_000, 0) for step in range(3)] == [0, 1_000, 1_000]
    assert [samples_seen(step, 1_000, 300) for step in range(6)] == [0, 300, 600, 900, 900, 900]
    V = unit(WORLD.fixed().sample.features)
    trace = Trace([0, 1, 2], [0.0, 1.0, 2.0], [0, 300, 600], [np.zeros(24), np.full(24, 0.95), np.ones(24)])
    told = measured(Look(Fitted(V, trace=trace), WORLD.fixed()))
    assert (told["samples_to_recovery_090"], told["seconds_to_recovery_099"]) == (300, 1.0)


def test_a_start_from_data_is_never_null() -> None:
    """Rows without an active feature, 5 % at Bernoulli supports of s = 3, point nowhere."""
    from simulations.algorithms.provable.fit import start_of

    cell = Cell(n_features=24, d_model=12, support_law="bernoulli", n_samples=400, initialization="data", n_neurons=500)
    task = cell.task()
    assert (task.model.fixed().sample.values == 0).all(axis=1).any()
    assert np.linalg.norm(start_of(task.algorithm, task.model.fixed()), axis=1).min() > 0
    noisy = cell.replace(noise=0.5).task()
    start = start_of(noisy.algorithm, noisy.model.fixed())
    X = noisy.model.fixed().rows()
    assert all(np.isclose(X, row).all(axis=1).any() for row in start[:20])
