"""The figures of learnability, width and width_check, on synthetic rows: panels, lines, coverage, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from figure_helper import assert_legible, legend, panels, xy
from figure_helper import row as cell_row

from figures import learnability, width, width_check
from simulations.evidence.scorecard.effects import slope_over_seeds

EMPTY = (
    *("feature_recovery_rate", "learnable_fraction", *width_check.PREDICTED),
    *(f"log10_required_width{end}" for end in ("", "_low", "_high")),
)


def row(results=None, **changes):
    settings = {"n_features": 256, "d_model": 128, "n_samples": 20_480, "n_steps": 2, **changes}
    return cell_row(results=dict.fromkeys(EMPTY, "") | (results or {}), **settings)


def learnable_rows(centrings=(False,), frequencies=(0.001, 0.01, 0.1)):
    sizes = [(64, 32), (128, 64), (256, 128), (256, 16), (256, 256)]
    return pd.DataFrame(
        [
            row(
                arm="over d" if d != n // 2 else "both" if n == 256 else "over n",
                n_features=n,
                d_model=d,
                n_samples=80 * n,
                sparsity=s,
                target_frequency=p,
                center=center,
                instrument="learnability",
                results={"learnable_fraction": 0.25 if p > 0.005 else 0.75},
            )
            for center in centrings
            for n, d in sizes
            for s in (3, 8)
            for p in frequencies
        ]
    )


def widths(value, low, high):
    return {"log10_required_width": value, "log10_required_width_low": low, "log10_required_width_high": high}


def width_rows():
    base = {"instrument": "width", "target_recovery": 0.5, "n_neurons": 64, "center": True}
    # log10 M = 2 + log10(p / 0.001) at every s, and 2 log10(n) - 2 over n: exponents 1 in p and 2 in n.
    over_frequency = [
        row(**base, arm="over p", sparsity=s, target_frequency=p, results=widths(x, x - 0.1, x + 0.1))
        for s in (3, 5)
        for p, x in ((0.001, 2.0), (0.01, 3.0), (0.1, 4.0))
    ]
    over_size = [
        row(
            **base,
            arm="over n",
            sparsity=3,
            n_features=n,
            d_model=n // 2,
            n_samples=80 * n,
            target_frequency=0.02,
            results=widths(x, x - 0.1, x + 0.1),
        )
        for n, x in ((64, 2 * np.log10(64) - 2), (256, 2 * np.log10(256) - 2), (512, 2 * np.log10(512) - 2))
    ]
    simulated = [
        row(
            arm="simulated",
            center=True,
            sparsity=s,
            target_frequency=0.003,
            n_neurons=m,
            results={"feature_recovery_rate": 0.5},
        )
        for s in (3, 5, 8)
        for m in (64, 256)
    ]
    return pd.DataFrame(over_frequency + over_size + simulated)


def check_rows(simulated=(0.5, 0.9)):
    rows = []
    for seed, value in enumerate(simulated):
        rows.append(row(arm="simulation", seed=seed, results={"feature_recovery_rate": value}))
        interval = dict(zip(width_check.PREDICTED, (0.55, 0.4, 0.7), strict=True))
        rows.append(row(arm="probes", instrument="width", seed=seed, results=interval))
    return pd.DataFrame(rows)


def test_learnability_has_a_line_of_panels_for_each_slice():
    figure = learnability.plot(learnable_rows())
    assert len(panels(figure)) == 4
    first, second = panels(figure)[0], panels(figure)[2]
    assert first.get_ylabel() == "$n$ at $d = n/2$"
    assert second.get_ylabel() == "$d$ at $n$ = 256"
    # Values of the slice over n: three sizes by three frequencies, bright below p = 0.005.
    shares = first.collections[0].get_array().reshape(3, 3)
    np.testing.assert_allclose(shares, [[0.75, 0.25, 0.25]] * 3)
    assert [axes.get_ylabel() for axes in figure.axes if axes not in panels(figure)] == [learnability.LABEL]


def test_learnability_with_both_centrings_colours_one_and_outlines_both():
    rows = learnable_rows((False, True))
    rows.loc[rows["center"], "learnable_fraction"] += 0.125
    figure = learnability.plot(rows)
    assert len(panels(figure)) == 4
    for axes in panels(figure):
        assert set(axes.collections[0].get_array().ravel()) == {0.375, 0.875}  # of the centred data
        halves = {each.get_gid(): each for each in axes.collections if str(each.get_gid()).startswith("half")}
        assert set(halves) == {"half-False", "half-True"}
        # Half way, in shares, between 0.001 and 0.01 (drawn straight between cells) for 0.75 to 0.25.
        p = halves["half-False"].get_paths()[0].vertices[:, 0]
        np.testing.assert_allclose(p, 0.0055)
    assert "colours: centred data" in figure.get_suptitle()
    assert {"a share of 1/2, centred data", "a share of 1/2, not centred"} <= set(legend(figure))


def test_learnability_draws_the_band_of_each_slice_and_no_width():
    figure = learnability.plot(learnable_rows())
    over_n, over_d = panels(figure)[0], panels(figure)[2]
    lines = {each.get_gid(): each.get_xydata() for each in over_n.lines}
    p, n = lines["frequency_lower"].T
    np.testing.assert_allclose(p, 1 / n)
    p, n = lines["frequency_upper_sparsity"].T
    np.testing.assert_allclose(p, n ** (-(1 + 1 / 3) / 2))
    p, d = next(each for each in over_d.lines if each.get_gid() == "frequency_upper_dimension").get_xydata().T
    np.testing.assert_allclose(p, d**0.9 / 256)
    assert "width" not in lines
    wider = learnability.plot(learnable_rows(frequencies=(0.001, 0.1, 0.5)))
    p, n = next(each for each in panels(wider)[0].lines if each.get_gid() == "frequency_upper_dimension").get_xydata().T
    np.testing.assert_allclose(p, (n / 2) ** 0.9 / n)
    assert not any("M" in text.get_text() for text in figure.legends[0].get_texts())


def test_learnability_marks_failed_cells():
    rows = learnable_rows()
    rows.loc[0, ["status", "learnable_fraction"]] = ["failed", np.nan]
    figure = learnability.plot(rows)
    assert "failed or diverged" in [text.get_text() for text in figure.legends[0].get_texts()]


def later_rows():
    """A critical p that goes as d up to 64 and is level beyond, and as 1/n, of 5 seeds; at d = 8 and 256 none."""
    found = []
    for n in (256, 1_024):
        for d in (8, 16, 32, 64, 128, 256):
            # At d = 8 and 256 the p end where the others would have theirs: it is at most, and at least, that.
            moved, always = {8: (4, 0.1), 256: (0.25, 0.9)}.get(d, (1, None))
            critical = 0.02 * min(d, 64) / 64 * 256 / n * moved
            found += [
                row(arm="over d, 24 steps", n_features=n, d_model=d, n_samples=80 * n, sparsity=5, center=True,
                    n_steps=24, n_probes=n // 8, seed=seed, target_frequency=critical * each, instrument="learnability",
                    results={"learnable_fraction": always or (0.9 if each < 1 else 0.1)})
                for seed in range(5) for each in (0.25, 0.5, 2, 4)
            ]  # fmt: skip
    return pd.DataFrame(found)


def test_learnability_draws_the_critical_p_over_d_after_more_steps_with_its_kink_and_its_local_slopes():
    rows = pd.concat([learnable_rows((True,)), later_rows()])
    figure = learnability.plot(rows)
    assert len(panels(figure)) == 6  # one sparsity, and the slopes
    critical, slopes = panels(figure)[4:]
    # Half way, in logarithms, between half and twice the critical p.
    np.testing.assert_allclose(xy(critical, "critical-5-1024")[:, 0], [16, 32, 64, 128])
    np.testing.assert_allclose(
        xy(critical, "critical-5-1024")[:, 1], np.array([0.005, 0.01, 0.02, 0.02]) / 4, rtol=1e-9
    )
    np.testing.assert_allclose(xy(critical, "end--1-5-1024"), [[8, 0.0025 / 4]])
    np.testing.assert_allclose(xy(critical, "end-1-5-1024"), [[256, 0.02 / 4]])
    d, p = xy(critical, "theorem-5-256").T
    np.testing.assert_allclose(p, np.minimum(256**-0.6, d / 256))
    np.testing.assert_allclose(xy(critical, "kink-5-256"), [[64, 0.02]], rtol=0.01)  # of a grid of places
    np.testing.assert_allclose(xy(slopes, "slope-5-256")[:, 1], [1, 1, 0], atol=1e-9)
    np.testing.assert_allclose(xy(slopes, "slope-5-256")[:, 0], np.sqrt([16 * 32, 32 * 64, 64 * 128]) / 5)
    assert "after 24 steps its slope over $d$ is 1.0 to 0.0" in figure.get_suptitle().replace("\n", " ")
    assert_legible(figure)


def test_width_draws_widths_theorem_and_exponents():
    figure = width.plot(width_rows())
    left, middle, right = panels(figure)
    drawn = {each.get_gid(): each.get_xydata() for each in left.lines}
    np.testing.assert_allclose(drawn["width-3"], [[0.001, 2], [0.01, 3], [0.1, 4]])
    np.testing.assert_allclose(drawn["width-5"], [[0.001, 2], [0.01, 3], [0.1, 4]])
    (text,) = left.texts
    assert "$s$ = 3: 1.00" in text.get_text()
    assert middle.get_title().startswith("exponent in $n$: 2.00")
    n, sufficient = next(each for each in middle.lines if each.get_gid() == "theorem-n").get_xydata().T
    np.testing.assert_allclose(n, [64, 256, 512])
    np.testing.assert_allclose(sufficient, np.log10(n) - 3 * np.log10(0.02))
    assert right.collections[0].get_array().size == 6


def test_a_width_without_an_upper_end_is_an_open_mark_and_no_line_over_the_panel():
    rows = width_rows()
    rows.loc[0, "log10_required_width_high"] = ""
    rows.loc[1, ["log10_required_width", "log10_required_width_high"]] = ""
    left = panels(width.plot(rows))[0]
    np.testing.assert_allclose(xy(left, "width-3-at-least"), [[0.001, 1.9], [0.01, 2.9]])
    ends = [segment[:, 1].max() for each in left.collections for segment in each.get_segments()]
    np.testing.assert_allclose(sorted(ends), [2.1, 3.1, 4.1, 4.1])  # those of s = 5, and one of s = 3


def test_exponents_are_weighted_by_their_intervals():
    table = pd.DataFrame([widths(0.0, -0.01, 0.01), widths(1.0, 0.99, 1.01), widths(9.0, -91.0, 109.0)]).assign(seed=0)
    # The third point says next to nothing: the slope of the first two is 1.
    assert width._slope(np.array([0.0, 1.0, 2.0]), table).startswith("1.00")
    assert width._slope(np.array([0.0]), table[:1]) == ""


def test_exponents_have_intervals_over_seeds():
    """Three seeds of slopes 1, 2 and 3, whose points say each that they are exact: t over three slopes, 4.303 s."""
    rows = [
        widths(slope * x, slope * x - 0.01, slope * x + 0.01) | {"seed": slope} for slope in (1, 2, 3) for x in (0, 1)
    ]
    table, x = pd.DataFrame(rows), np.array([0.0, 1.0] * 3)
    assert width._slope(x, table) == r"2.00 $\pm$ 2.48"
    same = slope_over_seeds(x, table["log10_required_width"], table["seed"])  # the scorecard's
    assert (same.high - same.low) / 2 == pytest.approx(4.303 / 3**0.5, abs=1e-3)


@pytest.mark.parametrize(("simulated", "inside"), [((0.5, 0.9), 1), ((0.4, 0.7), 2), ((0.3, 0.8), 0)])
def test_width_check_counts_what_it_covers(simulated, inside):
    figure = width_check.plot(check_rows(simulated))
    title = figure.get_suptitle().replace("\n", " ")
    assert f"{inside} of 2 intervals" in title
    assert f"{inside / 2:.0%} [" in title
    (diagonal,) = [each for each in panels(figure)[0].lines if each.get_gid() == "diagonal"]
    np.testing.assert_array_equal(diagonal.get_xydata(), [[0, 0], [1, 1]])


def test_width_check_lays_recovery_inside_the_band_over_what_holds_a_neuron():
    inside = [
        row(arm=arm, seed=seed, n_features=n, d_model=16, center=center, n_steps=6, results=results)
        for seed in range(5)
        for n, center, recovered in ((64, True, 0.5), (64, False, 0.3), (256, True, 0.2))
        for arm, results in (
            (width_check.INSIDE, {"feature_recovery_rate": recovered}),
            (width_check.HELD, {"learnable_fraction": 0.4 + 0.01 * (seed - 2)}),
        )
    ]
    figure = width_check.plot(pd.concat([check_rows(), pd.DataFrame(inside)]))
    band = panels(figure)[1]
    np.testing.assert_allclose(xy(band, "$n$ = 64, centred"), [[0.4, 0.5]])
    np.testing.assert_allclose(xy(band, "$n$ = 64, not centred"), [[0.4, 0.3]])
    np.testing.assert_allclose(xy(band, "$n$ = 256, centred"), [[0.4, 0.2]])
    # Only 0.5 is at least 0.95 of 0.4.
    assert "at 1 of 3 settings" in figure.get_suptitle().replace("\n", " ")
    assert "1 of 2 intervals" in figure.get_suptitle().replace("\n", " ")


def test_width_check_leaves_out_what_has_no_partner():
    rows = check_rows((0.5, 0.5, 0.5))
    rows.loc[rows.index[-1], "status"] = "failed"
    assert "2 of 2 intervals" in width_check.plot(rows).get_suptitle().replace("\n", " ")
    with pytest.raises(ValueError, match="pairs=0"):
        width_check.plot(rows[rows["arm"] == "probes"])


@pytest.mark.parametrize(
    ("module", "rows"), [(learnability, learnable_rows), (width, width_rows), (width_check, check_rows)]
)
def test_another_setting_that_varies_is_refused_and_text_is_legible(module, rows):
    mixed = rows()
    mixed.loc[0, "n_steps"] = 3
    with pytest.raises(ValueError, match="n_steps=3, 2, but should have one value"):
        module.plot(mixed)
    assert_legible(module.plot(rows()))
