"""The phase diagram: values in the right cells, edges between them, chance and failures marked."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from figures import boundaries, phase
from theory.closed_forms import chance_recovery_rate
from theory.conditions import conditions

# A handful of float64 roundings in exp and log.
ROUNDING = 1e-12


def table(cells):
    """Rows (p, d, recovery, status) as the figures see them, 2,048 neurons wide."""
    rows = pd.DataFrame(cells, columns=["target_frequency", "d_model", "feature_recovery_rate", "status"])
    return rows.assign(n_neurons=2048)


def marks(axes, prefix):
    """Centres (p, d) of the cells that carry a mark, rounded to six digits, from what is drawn."""
    found = set()
    for line in axes.lines:
        if str(line.get_gid()).startswith(prefix):
            found |= {tuple(each) for each in line.get_xydata().round(6)}
    for collection in axes.collections:
        if str(collection.get_gid()).startswith(prefix):
            for path in collection.get_paths():
                corners = path.vertices[:4]
                found.add(tuple(np.sqrt(corners.min(axis=0) * corners.max(axis=0)).round(6)))
    return found


def drawn(cells):
    axes = Figure().subplots()
    mesh = phase.heat_map(axes, cells)
    return axes, mesh


@settings(deadline=None, max_examples=30)
@given(st.sets(st.floats(1e-5, 1e5), min_size=1, max_size=12))
def test_each_value_lies_in_its_own_cell(values):
    ordered = sorted(values)
    edges = phase.edges(ordered)
    assert len(edges) == len(ordered) + 1
    for k, value in enumerate(ordered):
        # Neighbouring floats may share an edge after rounding.
        assert edges[k] * (1 - ROUNDING) <= value <= edges[k + 1] * (1 + ROUNDING)


def test_edges_are_geometric_midpoints():
    assert phase.edges([1, 4, 64]) == pytest.approx([0.5, 2, 16, 256], rel=ROUNDING)
    assert phase.edges([8]) == pytest.approx([8 / 2**0.5, 8 * 2**0.5], rel=ROUNDING)


def test_scattered_rows_land_in_their_cells_as_means_over_seeds():
    rows = table([(0.1, 64, 0.5, "ok"), (0.01, 32, 0.2, "ok"), (0.01, 64, 1.0, "ok"), (0.01, 32, 0.4, "ok")])
    cells = phase.collect(rows, "target_frequency", "d_model")
    assert cells.x.tolist() == [0.01, 0.1]
    assert cells.y.tolist() == [32, 64]
    expected = [[(0.2 + 0.4) / 2, np.nan], [1.0, 0.5]]
    np.testing.assert_allclose(cells.recovery, expected, rtol=ROUNDING)
    _, mesh = drawn(cells)
    np.testing.assert_allclose(mesh.get_array().filled(np.nan).reshape(2, 2), expected, rtol=ROUNDING)
    assert mesh.get_clim() == (0, 1)


@pytest.mark.parametrize("shuffle", range(3))
def test_the_order_of_rows_does_not_matter(shuffle):
    rows = table([(p, d, p * d / 10, "ok") for p in (0.01, 0.1) for d in (16, 32, 64)])
    mixed = rows.sample(frac=1, random_state=shuffle)
    first, second = (phase.collect(each, "target_frequency", "d_model") for each in (rows, mixed))
    np.testing.assert_array_equal(first.recovery, second.recovery)


def test_failed_cells_are_crossed_and_leave_the_mean_alone():
    rows = table(
        [
            (0.01, 32, 0.8, "ok"),
            (0.01, 32, "", "failed"),
            (0.01, 64, "", "diverged"),
            (0.1, 32, "", "ok"),  # no number: as good as failed
            (0.1, 64, 0.1, "ok"),
        ]
    )
    cells = phase.collect(rows, "target_frequency", "d_model")
    np.testing.assert_array_equal(cells.failed, [[True, True], [True, False]])
    np.testing.assert_array_equal(cells.recovery, [[0.8, np.nan], [np.nan, 0.1]])
    axes, _ = drawn(cells)
    assert marks(axes, "failed") == {(0.01, 32.0), (0.01, 64.0), (0.1, 32.0)}


def test_a_grid_in_which_everything_failed_still_draws():
    cells = phase.collect(table([(0.01, 32, "", "failed")]), "target_frequency", "d_model")
    axes, mesh = drawn(cells)
    assert mesh.get_array().mask.all()
    assert marks(axes, "failed") == {(0.01, 32.0)}


def test_chance_is_hatched_where_it_explains_half_of_the_recovery():
    # With 2,048 random neurons chance recovers all at d = 4, 0.6 at d = 8 and 0.001 at d = 16.
    assert chance_recovery_rate(np.array([4, 8, 16]), 2048, 0.9) == pytest.approx([1.0, 0.6, 0.001], abs=0.06)
    rows = table([(p, d, r, "ok") for d in (4, 8, 16) for p, r in ((0.01, 1.0), (0.1, 0.0))])
    axes, _ = drawn(phase.collect(rows, "target_frequency", "d_model"))
    assert marks(axes, "chance") == {(p, d) for p in (0.01, 0.1) for d in (4.0, 8.0)}
    # White on dark, black on bright.
    assert marks(axes, "chance-dark") == {(0.1, 4.0), (0.1, 8.0)}


def test_chance_below_the_floor_is_not_hatched_beside_no_recovery():
    cells = phase.Cells(
        np.array([0.1]), np.array([16.0]), np.zeros((1, 1)), np.full((1, 1), 0.01), np.zeros((1, 1), bool)
    )
    assert not cells.dominated().any()


def test_a_share_of_chance_below_half_is_not_hatched():
    chance = np.array([[0.2, 0.2]])
    cells = phase.Cells(np.array([0.1, 0.2]), np.array([9.0]), np.array([[0.39, 0.41]]), chance, np.zeros((1, 2), bool))
    assert cells.dominated().tolist() == [[True, False]]


def test_boundaries_are_where_the_conditions_change():
    found = boundaries.frequencies(256, np.array([16.0, 128.0]), 3, 10**6)
    for name, p in found.items():
        below, above = (
            conditions(256, [16, 128], 3, np.minimum(p * factor, 0.5), 10**6)[name].holds for factor in (0.99, 1.01)
        )
        upper = name.startswith("frequency_upper")
        assert (below == upper).all(), name
        assert (above != upper).all(), name


def test_boundaries_have_the_formulas_of_their_labels():
    n, d, s, m = 256, 128, 3, 2048
    found = {name: float(p) for name, p in boundaries.frequencies(n, d, s, m).items()}
    expected = {
        "frequency_lower": 1 / n,
        "frequency_upper_sparsity": n ** (-(1 + 1 / s) / 2),
        "frequency_upper_concentration": n ** (-2 * 1.05**2 / s),
        "frequency_upper_dimension": d**0.9 / n,
        "width": (n / m) ** (0.95**2 / s),
    }
    assert found == pytest.approx(expected, rel=ROUNDING)
    assert set(expected) == {each.condition for each in boundaries.BOUNDARIES}


def test_reference_lines_are_labelled_where_they_leave_the_panel():
    axes = Figure().subplots()
    axes.set(xscale="log", yscale="log", xlim=(1, 100), ylim=(1, 1000))
    y = np.geomspace(1, 1000, 50)
    boundaries.reference(axes, np.sqrt(y), y, "top", "leaves above")
    boundaries.reference(axes, y, y, "right", "leaves right")
    boundaries.reference(axes, 200 * y, y, "outside", "not in sight")
    above, right = axes.texts
    assert above.get_text() == "leaves above"
    assert above.xy == pytest.approx((1000**0.5, 1000), rel=ROUNDING)
    # The last of 50 points a factor 1000^(1/49) = 1.15 apart.
    assert right.xy[0] == 100
    assert 100 / 1.16 < right.xy[1] <= 100


@pytest.mark.parametrize(
    ("values", "ticks"),
    [([4, 8, 16], [4, 8, 16]), ([4, 6, 8, 11, 16, 23, 32], [4, 8, 16, 32]), ([3, 5, 6, 7, 9], [3, 6, 9])],
)
def test_crowded_axes_keep_the_powers_of_two(values, ticks):
    axes = Figure().subplots()
    axes.set(yscale="log", ylim=(1, 100))
    phase.number_axis(axes.yaxis, np.array(values, dtype=float), "d", at_most=4)
    assert axes.yaxis.get_majorticklocs().tolist() == ticks
