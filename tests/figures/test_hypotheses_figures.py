"""Figures of the experiments that bend one hypothesis: what is drawn is what the rows say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from figure_helper import row, xy

from figures import activations, assumptions, balance, cooccurrence, cutoff, lower_edge, shrinkage, trajectories
from simulations.experiments import shrinkage as experiment
from theory.cooccurrence import cluster_cooccurrence, cluster_law


def table(*cells: dict[str, Any]) -> pd.DataFrame:
    usual = row(n_features=64, d_model=32, center=True)
    usual |= {"feature_recovery_rate": 0.5, "frequency_profile": "0.01:0.2:0.01 0.02:0.4:0.01"}
    return pd.DataFrame([usual | each for each in cells])


def test_activations_draw_a_line_each() -> None:
    rows = table(
        *(
            {"arm": name, "target_frequency": p, "feature_recovery_rate": rate}
            for name, rate in (("ReLU", 0.8), ("JumpReLU", 0.3))
            for p in (0.01, 0.1)
        )
    )
    axes = activations.plot(rows).axes[0]
    drawn = {str(each.get_label()): each.get_ydata() for each in axes.get_lines()}
    np.testing.assert_allclose(np.asarray(drawn["ReLU"], dtype=float), [0.8, 0.8])
    np.testing.assert_allclose(np.asarray(drawn["JumpReLU"], dtype=float), [0.3, 0.3])


def cluster_table(size_rates: dict[int, float], n: int = 64) -> pd.DataFrame:
    """Rows of clusters whose recovery falls as a straight line over log rho, through a half at the rates."""
    cells = []
    for size, critical in size_rates.items():
        for probability in np.linspace(0.02, 1, 30):
            law = f"clusters:{size}:{probability:.4f}"
            rho = cluster_cooccurrence(n, 4, size, float(law.split(":")[2]))
            rate = float(np.clip(0.4 - 0.4 * np.log(rho / critical), 0, 0.8))
            cells.append({"n_features": n, "sparsity": 4, "support_law": law, "feature_recovery_rate": rate})
    return table(*cells)


def test_cooccurrence_reads_off_where_half_is_left() -> None:
    rows = cluster_table({2: 0.3})
    part = rows.assign(rho=[cluster_cooccurrence(64, 4, *cluster_law(each)) for each in rows["support_law"]])
    (found,) = cooccurrence.critical(part)
    # The first rate is 0.8 or less, so its half is at most 0.4: where the line is at half of it, by hand.
    half = part["feature_recovery_rate"].iloc[0] / 2
    assert found == pytest.approx(0.3 * np.exp((0.4 - half) / 0.4), rel=0.02)
    assert cooccurrence.critical(part.assign(feature_recovery_rate=0.0)) == []


def test_cooccurrence_tells_the_slope_over_partners_and_marks_the_threshold() -> None:
    critical = {size: 0.3 * (size - 1) ** -0.5 for size in (2, 4, 8, 16)}
    figure = cooccurrence.plot(cluster_table(critical))
    assert "m^{-0.5" in figure.get_suptitle()
    right = figure.axes[1]
    level = [line for line in right.get_lines() if line.get_label() == r"$1/\sqrt{n}$"]
    np.testing.assert_allclose(np.asarray(level[0].get_ydata(), dtype=float), 1 / 8)


def test_cooccurrence_refuses_other_laws() -> None:
    with pytest.raises(ValueError, match="support_law='uniform', but should be clusters:SIZE:PROBABILITY"):
        cooccurrence.plot(table({"support_law": "uniform"}))


PROFILES = {"frequency_profile": "0.01:0.1:0 0.01:0.2:0 0.01:0.3:0 0.1:0.9:0.1", "level_profile": ""}


def balance_rows() -> pd.DataFrame:
    occurrence = {"arm": "occurrence", "support_law": "two-level:0.2:10", "target_frequency": 0.01}
    strength = {"arm": "strength", "coefficient_law": "levels:0.2:2", "target_frequency": 0.01}
    equal = strength | {"coefficient_law": "levels:0.2:1"}
    return table(
        occurrence | PROFILES,
        strength | PROFILES | {"level_profile": "1:0.9 4:0.7 4:0.5 4:0.3"},
        equal | PROFILES,
    )


def test_balance_separates_rare_and_weak_from_the_others() -> None:
    figure = balance.plot(balance_rows())
    rare, weak = figure.axes[:2]
    np.testing.assert_allclose(np.ma.getdata(rare.collections[0].get_array()).ravel(), [0.1])
    assert [each.get_text() for each in rare.get_yticklabels()] == ["0.1"]
    # A weakest quarter half as strong (1/h^2 four times as large); of equal weights the mean of all: 1.5 / 4.
    np.testing.assert_allclose(np.ma.getdata(weak.collections[0].get_array()).ravel(), [0.3, 0.375])
    assert [each.get_text() for each in weak.get_yticklabels()] == ["0.5", "1"]


def test_balance_refuses_what_is_no_profile() -> None:
    with pytest.raises(ValueError, match="frequency_profile should hold numbers"):
        balance.plot(balance_rows().assign(frequency_profile="a:b"))


def test_cutoff_puts_sparsities_on_one_line_where_relative_strength_decides() -> None:
    """Half is recovered at 1/h^2 = 2 s for both s."""
    cells = []
    for s in (3, 6):
        text = " ".join(f"{x * s}:{rate}" for x, rate in ((1, 1.0), (1.5, 0.75), (2, 0.5), (4, 0.0)))
        cells += [{"sparsity": s, "n_neurons": m, "level_profile": text} for m in (64, 256)]
    figure = cutoff.plot(table(*cells))
    assert "half at $1/(s h_i^2)$ = 2 to 2" in figure.get_suptitle()
    own, relative = ([line.get_xdata() for line in axes.get_lines()] for axes in figure.axes[:2])
    np.testing.assert_allclose(own[1] / own[0], 2)
    np.testing.assert_allclose(relative[1], relative[0])


def test_lower_edge_shows_lines_of_all_samples_on_each_other_over_firings() -> None:
    """Recovery sets in at p N = 1: at another p for each N."""
    cells = [
        {"n_samples": n_samples, "target_frequency": firings / n_samples, "feature_recovery_rate": rate}
        for n_samples in (1_000, 4_000)
        for firings, rate in ((0.1, 0.0), (1, 0.4), (10, 0.8))
    ]
    left, right = lower_edge.plot(table(*cells)).axes
    over_p, over_firings = (
        [np.asarray(each.get_xdata(), dtype=float) for each in a.get_lines()[:2]] for a in (left, right)
    )
    np.testing.assert_allclose(over_firings[0], over_firings[1])
    np.testing.assert_allclose(over_p[0], 4 * over_p[1])


def test_assumptions_draw_a_mark_a_method_and_world_with_the_canonical_one_as_line() -> None:
    cells = [
        {"arm": f"{method}: {world}", "seed": seed, "feature_recovery_rate": rate}
        for method, rates in (("GBA", (0.9, 0.85, 0.1)), ("TopK", (0.5, 0.4, 0.5)))
        for world, rate in zip(("canonical", "noise", "dense"), rates, strict=True)
        for seed in (0, 1, 2)
    ]
    figure = assumptions.plot(table(*cells))
    (axes,) = figure.axes
    assert [each.get_text() for each in axes.get_yticklabels()] == ["canonical", "noise", "dense"]
    marks = [each for each in axes.get_lines() if each.get_marker() == "o"]
    np.testing.assert_allclose([float(each.get_xdata()[0]) for each in marks], [0.9, 0.85, 0.1])
    title = figure.get_suptitle().replace("\n", " ")
    assert "Nine tenths are kept, of 2 such worlds, by GBA in 1, TopK in 1" in title
    # More active features break no assumption: they do not count, as in the scorecard.
    other = [each | {"arm": each["arm"].replace("dense", assumptions.HARDER)} for each in cells]
    title = assumptions.plot(table(*other)).get_suptitle().replace("\n", " ")
    assert "of 1 such worlds, by GBA in 1, TopK in 0" in title


def test_trajectories_draw_every_neuron_with_its_rival(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trajectories, "alignment_trajectory", lambda *_, **__: np.ones(3))
    text = " ".join(f"{kind}:5:{step}:{0.1 * step}:{0.2 * step}" for kind in (0, 1, 2) for step in (0, 1, 2))
    shares = {"kept_fraction": 0.5, "changed_fraction": 0.25, "mixed_fraction": 0.25}
    shares |= {"kept_by_projection": 0.6, "kept_after_one_step": 0.69}
    cell = {"arm": "p", "n_steps": 2, "target_frequency": 0.01, "neuron_trajectories": text} | shares
    figure = trajectories.plot(table(cell))
    top, bottom, winners = figure.axes
    ends = {line.get_gid(): float(line.get_ydata()[0]) for line in winners.get_lines() if line.get_label()[0] != "_"}
    assert ends == {"kept_fraction": pytest.approx(2 / 3), "kept_by_projection": pytest.approx(0.8),
                    "kept_after_one_step": pytest.approx(0.92)}  # fmt: skip
    assert top.get_title() == "$p$ = 0.01\n50% / 25% / 25%"
    np.testing.assert_allclose(np.asarray(top.get_lines()[0].get_ydata(), dtype=float), [0, 0.1, 0.2])
    np.testing.assert_allclose(np.asarray(bottom.get_lines()[0].get_ydata(), dtype=float), [0, 0.2, 0.4])
    assert "projection in 80% to 80%, by angle in 67% to 67%" in figure.get_suptitle().replace("\n", " ")


def test_shrinkage_draws_both_worlds_apart_and_says_how_large_codes_are() -> None:
    cells = [
        {"arm": f"{world}{arm}", "seed": seed, "l0": l0, "coefficient_slope": slope + more, "rescaling_gain": 0.3}
        for world, more in (("", 0.0), (shrinkage.PREFIX, 0.2))
        for arm, l0, slope in (("gba, h 1", 5, 0.8), ("l1-untied, p 1", 4, 0.5), ("l1-untied, p 2", 2, 0.4))
        for seed in (1, 2, 3)
    ]
    figure = shrinkage.plot(table(*cells))
    size, alone, gain = figure.axes
    for axes, slopes in ((size, [0.4, 0.5]), (alone, [0.6, 0.7]), (gain, [0.3, 0.3])):
        np.testing.assert_allclose(xy(axes, "line-l1-untied"), np.column_stack([[2, 4], slopes]))
    title = figure.get_suptitle().replace("\n", " ")
    assert title.startswith("Does L1 make codes smaller than the truth? ")
    assert "overlapping: L1 0.40 to 0.50, GBA 0.80; orthogonal: L1 0.60 to 0.70, GBA 1.00" in title
    without = shrinkage.plot(table(*(each for each in cells if not each["arm"].startswith(shrinkage.PREFIX))))
    assert without.axes[1].get_title().endswith("no rows") and shrinkage.PREFIX == experiment.PREFIX
