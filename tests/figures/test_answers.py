"""What the titles of figures answer: from rows whose answer is known by hand."""

import itertools

import numpy as np
import pandas as pd
import pytest

from figures import (
    activations,
    balance,
    cutoff,
    dimension,
    identifiability,
    learnability,
    lower_edge,
    resonance,
    scaling,
    sparsity,
    steps,
    style,
    width,
)
from figures.phase import collect


def rows(**axes):
    """Return the product of axes with the columns that every answer reads."""
    values = [each if isinstance(each, (list, tuple)) else [each] for each in axes.values()]
    table = pd.DataFrame(list(itertools.product(*values)), columns=list(axes))
    return table.assign(status="ok")


def resonance_rows(center=True):
    """Half of the best is kept from 0.01 to 0.1 at d = 64, of centred data; d = 4 recovers by chance alone."""
    p = (0.001, 0.01, 0.03, 0.1, 0.3)
    table = rows(center=center, sparsity=3, n_features=300, n_neurons=600, d_model=(4, 64), target_frequency=p)
    table["feature_recovery_rate"] = [*[1.0] * 5, 0.2, 0.4, 0.7, 0.35, 0.3]
    return table


def test_resonance_says_between_which_p_half_of_the_best_is_kept():
    table = resonance_rows()
    # f = 3 / 300: 0.01 is f, 0.1 is 10 f.
    assert resonance.answer(table) == " Most is recovered at 3 f (d = 64), half as much from 1 f to 10 f"
    table.loc[table["target_frequency"] == 0.001, "feature_recovery_rate"] = 0.36
    table.loc[table["target_frequency"] == 0.3, "feature_recovery_rate"] = 0.36
    assert resonance.answer(table).endswith("from at most 0.1 f to at least 30 f")
    worse = resonance_rows(center=False).assign(feature_recovery_rate=1.0)  # not centred: does not count
    assert resonance.answer(pd.concat([resonance_rows(), worse])) == resonance.answer(resonance_rows())
    assert resonance.answer(table.assign(feature_recovery_rate=0.0)) == ""
    assert resonance.answer(table[table["d_model"] == 4]) == ""


def learnable(axis, values, exponent, center=True):
    """Rows over one axis whose critical p goes as its power: half-way, in logarithms, between two p of the grid."""
    p = [10 ** (-4 + k / 8) for k in range(33)]
    table = rows(center=center, sparsity=3, **{axis: values}, target_frequency=p)
    critical = 1e-3 * (table[axis] / values[0]) ** exponent
    return table.assign(learnable_fraction=(table["target_frequency"] < critical * 1.001).astype(float))


def test_learnability_says_how_the_critical_p_moves():
    over_d = learnable("d_model", [16, 64, 256], 0.75)
    over_n = learnable("n_features", [16, 64, 256], -0.5)
    other = learnable("d_model", [16, 64, 256], 0.5, center=False)
    slices = [("n_features", over_n), ("d_model", pd.concat([over_d, other]))]
    # A step between two p is off by 1/16 decade at most: slopes over 1.2 decades by 0.1 at most.
    assert learnability.answer(slices[1:]) in {
        f" Those below a critical p that goes as $d^{{{each}}}$" for each in ("0.7", "0.8")
    }
    assert learnability.answer(slices).endswith(" and as $n^{-0.5}$")
    assert learnability.answer([("d_model", over_d.assign(learnable_fraction=0.0))]) == ""


@pytest.mark.parametrize(("p", "d", "said"), [(0.0, 0.0, " No:"), (-0.667, 0.5, " Yes:"), (0.0, 0.5, " ")])
def test_scaling_says_whether_transitions_move_as_the_band(p, d, said):
    n = np.array([64.0, 256.0, 1_024.0])
    points = pd.DataFrame({"center": True, "sparsity": 3, "n_features": n, "critical": n**p})
    dimensions = pd.DataFrame({"center": True, "n_features": n, "critical": n**d})
    told = scaling.answer(points, dimensions)
    shown = f"{p:.2f}".replace("-0.00", "0.00")
    assert told.startswith(
        f"{said} p ~ $n^{{{shown}}}$ (theorem: $n^{{-0.67}}$), d ~ $n^{{{d:.2f}}}$".replace("  ", " ")
    )
    assert told.endswith(" (picture: $n^{0.50}$)")  # at p = 1/n the theorem allows every d
    assert scaling.answer(points.assign(critical=np.nan), dimensions.assign(critical=np.nan)) == ""


def test_width_says_how_many_and_how_far_below():
    table = rows(center=True, n_features=100, sparsity=3, target_frequency=(0.01, 0.1), seed=(0, 1))
    table["log10_required_width"] = [2.0, 3.0, 3.9, 4.1]
    # n p^(-s) = 10^8 and 10^5, less the means 2.5 and 4.
    assert width.answer(table) == " $10^{2.5}$ to $10^{4.0}$, 1.0 decades or more below the sufficient width"
    assert width.answer(table.assign(log10_required_width=np.nan)) == ""


def test_lower_edge_says_as_which_power_of_the_samples_half_of_the_best_moves():
    table = rows(
        seed=(0, 1),
        center=(False, True),
        n_samples=(100, 400),
        target_frequency=[10 ** (-4 + k / 8) for k in range(25)],
    )
    start = np.where(table["center"], 0.05, 0.02) * (table["n_samples"] / 100) ** np.where(table["center"], -1.0, -0.5)
    table["feature_recovery_rate"] = 0.9 * (table["target_frequency"] / start).clip(upper=1)
    # At half of the best p is half of where the best begins, in logarithms between two p: off by 1/16 decade at most.
    told = lower_edge._end(table)
    powers = [float(each) for each in told.replace("}$", "").split("$N^{")[1:] for each in [each.split(" ")[0]]]
    np.testing.assert_allclose(powers, [-0.5, -1.0], atol=0.11)
    assert lower_edge._end(table.assign(feature_recovery_rate=0.0)) == ""
    assert lower_edge._end(table[table["n_samples"] == 100]) == ""


def test_steps_are_told_at_the_ends_of_n_and_activations_at_their_best_and_apart():
    probes = rows(n_features=(64, 256), sparsity=(3, 5), seed=(0, 1), n_steps=2)
    probes["recovery_per_step"] = np.where(probes["n_features"] == 64, "0 0.5 1", "0 0.95 1")
    assert steps._answer(probes) == " From where the best of $n p^{-s}$ starts 2.0 at n = 64 and 1.0 at n = 256"
    table = rows(center=True, arm=("ReLU", "JumpReLU"), target_frequency=(0.01, 0.1), seed=(0, 1))
    table["feature_recovery_rate"] = [0.7, 0.9, 0.5, 0.5, 0.6, 0.8, 0.1, 0.1]
    told = " At its best p JumpReLU 0.70, ReLU 0.80; at one p they differ by up to 0.40"
    assert activations._answer(table) == told


def test_cutoff_says_as_which_power_of_the_width_the_critical_level_grows():
    x = 10 ** (np.arange(21) / 10)
    points = pd.DataFrame(
        [
            {"sparsity": s, "n_neurons": m, "effective": each, "recovered": float(each < 10 * (m / 100) ** slope)}
            for s, slope in ((3, 0.25), (5, 0.5))
            for m in (100, 1_600)
            for each in x
        ]
    )
    # A step between two levels is off by 1/20 decade at each end, over 1.2 decades.
    told = cutoff._growth(points)
    powers = [float(each.split("}")[0]) for each in told.split("$M^{")[1:]]
    np.testing.assert_allclose(powers, [0.25, 0.5], atol=0.09)
    assert cutoff._growth(points.assign(recovered=0.0)) == ""


def test_balance_says_where_half_as_many_are_left_between_the_ratios():
    table = rows(relative=(0.1, 0.2, 0.4, 0.8), target_frequency=(0.01, 0.1))
    table["recovered"] = [0.1, 0.0, 0.2, 0.1, 0.6, 0.1, 0.8, 0.3]
    grid = collect(table.assign(seed=0), "target_frequency", "relative", value="recovered")
    nothing = collect(table.assign(seed=0, recovered=0.0), "target_frequency", "relative", value="recovered")
    # 0.4 is half-way, in logarithms, between 0.2 and 0.4.
    assert balance._answer([grid, nothing]) == " Half as many where they are 0.28 times as frequent"
    assert balance._answer([nothing, nothing]) == ""


def test_a_value_stays_with_its_name_in_a_heading():
    figure = style.new_figure(2.0, 2.0)
    style.heading(figure, "What does it all take: d = 104 at n = 256?")  # 29 letters a line
    assert figure.get_suptitle() == "What does it all take:\nd = 104 at n = 256?"


def test_a_note_that_is_too_long_for_a_line_is_broken_at_spaces_and_never_within_mathematics():
    lines = style._broken("short, one two three four five $a b c d e f g h$ six, end", 20)
    assert lines == ["short, one two three", "four five", "$a b c d e f g h$ six", "end"]
    assert style._broken("a, b, c", 20) == ["a, b, c"]
    assert style._broken("", 20) == []


def test_identifiability_says_what_is_shared_at_both_ends():
    table = rows(support_law=["clusters:4:0", "clusters:4:0.5", "clusters:4:1"], seed=(0, 1))
    table["measured_cooccurrence"] = [0.06, 0.08, 0.5, 0.5, 1.0, 1.0]
    table["feature_recovery_rate"] = [0.8, 0.9, 0.5, 0.5, 0.0, 0.1]
    table["fraction_variance_unexplained"] = [0.06, 0.08, 0.05, 0.05, 0.01, 0.03]
    told = identifiability.answer(table)
    assert told == " 85% of them at rho = 0.07 (unexplained: 0.07), 5% of them at rho = 1 (unexplained: 0.02)"
    assert identifiability.answer(table[:2]) == ""


def test_sparsity_says_what_the_best_p_recovers():
    table = rows(center=(False, True), sparsity=(1, 2, 3, 5), target_frequency=(0.01, 0.1), seed=(0, 1))
    best = {1: 0.0, 2: 0.5, 3: 0.8, 5: 0.9}
    table["feature_recovery_rate"] = [
        (best[s] + 0.1 * seed) * (1 if p == 0.1 else 0.5) * center
        for s, p, seed, center in table[["sparsity", "target_frequency", "seed", "center"]].to_numpy()
    ]
    assert sparsity.answer(table) == " At the best p 0.05, 0.55, 0.85 at s = 1, 2, 3"
    assert sparsity.answer(table[table["sparsity"] > 2]) == ""


def test_dimension_says_from_which_d_on_half_are_recovered():
    table = rows(center=True, n_features=(64, 256), d_model=(4, 16, 64, 256), n_neurons=512)
    # At d = 4 by chance; half-way, in logarithms, between 16 and 64, then falling again; between 64 and 256.
    table["feature_recovery_rate"] = [1.0, 0.2, 0.8, 0.1, 1.0, 0.2, 0.2, 0.8]
    assert dimension.answer(table) == " Half of the features, centred, take d = 32 at n = 64 and d = 128 at n = 256"
    assert dimension.answer(table.assign(feature_recovery_rate=0.2)) == ""
