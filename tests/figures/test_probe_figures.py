"""The figures of learnability, width and width_check, on synthetic rows: panels, lines, coverage, refusals."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
import pytest

from figures import learnability, width, width_check
from simulations.base.settings import Settings


def row(status="ok", results=None, **changes):
    settings = Settings(**{"n_features": 256, "d_model": 128, "n_samples": 20_480, "n_steps": 2, **changes})
    empty = {
        name: ""
        for name in (
            *("feature_recovery_rate", "learnable_fraction", "success_probability"),
            *(f"{name}{end}" for name in width_check.PREDICTED[:1] for end in ("", "_low", "_high")),
            *(f"log10_required_width{end}" for end in ("", "_low", "_high")),
        )
    }
    return settings.to_row() | empty | {"status": status} | (results or {})


def learnable_rows(centrings=(False,), frequencies=(0.001, 0.01, 0.1)):
    sizes = [(64, 32), (128, 64), (256, 128), (256, 16), (256, 256)]
    return pd.DataFrame(
        [
            row(
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
        row(**base, sparsity=s, target_frequency=p, results=widths(x, x - 0.1, x + 0.1))
        for s in (3, 5)
        for p, x in ((0.001, 2.0), (0.01, 3.0))
    ]
    over_size = [
        row(
            **base,
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
            instrument="simulation",
            target_recovery=0.5,
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
        rows.append(row(instrument="simulation", seed=seed, results={"feature_recovery_rate": value}))
        interval = dict(zip(width_check.PREDICTED, (0.55, 0.4, 0.7), strict=True))
        rows.append(row(instrument="width", seed=seed, results=interval))
    return pd.DataFrame(rows)


def panels(figure):
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


@pytest.mark.parametrize(("centrings", "lines"), [((False,), 2), ((False, True), 4)])
def test_learnability_has_two_slices_for_each_centring(centrings, lines):
    figure = learnability.plot(learnable_rows(centrings))
    assert len(panels(figure)) == 2 * lines
    first, second = panels(figure)[0], panels(figure)[2]
    assert first.get_ylabel() == "$n$ at $d = n/2$"
    assert second.get_ylabel() == "$d$ at $n$ = 256"
    # Values of the slice over n: three sizes by three frequencies, bright below p = 0.005.
    shares = first.collections[0].get_array().reshape(3, 3)
    np.testing.assert_allclose(shares, [[0.75, 0.25, 0.25]] * 3)
    assert [axes.get_ylabel() for axes in figure.axes if axes not in panels(figure)] == [learnability.LABEL]


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


def test_width_draws_widths_theorem_and_exponents():
    figure = width.plot(width_rows())
    left, middle, right = panels(figure)
    drawn = {each.get_gid(): each.get_xydata() for each in left.lines}
    np.testing.assert_allclose(drawn["width-3"], [[0.001, 2], [0.01, 3]])
    np.testing.assert_allclose(drawn["width-5"], [[0.001, 2], [0.01, 3]])
    (text,) = left.texts
    assert "$s$ = 3: 1.00" in text.get_text()
    assert middle.get_title().startswith("exponent in $n$: 2.00")
    n, sufficient = next(each for each in middle.lines if each.get_gid() == "theorem-n").get_xydata().T
    np.testing.assert_allclose(n, [64, 256, 512])
    np.testing.assert_allclose(sufficient, np.log10(n) - 3 / 0.95**2 * np.log10(0.02))
    assert right.collections[0].get_array().size == 6


def test_a_width_without_an_upper_end_leaves_the_panel():
    rows = width_rows()
    rows.loc[0, "log10_required_width_high"] = ""
    rows.loc[1, ["log10_required_width", "log10_required_width_high"]] = ""
    left = panels(width.plot(rows))[0]
    ends = [segment[:, 1].max() for each in left.collections for segment in each.get_segments()]
    assert sorted(ends)[-2] > left.get_ylim()[1]


def test_exponents_are_weighted_by_their_intervals():
    table = pd.DataFrame([widths(0.0, -0.01, 0.01), widths(1.0, 0.99, 1.01), widths(9.0, -91.0, 109.0)])
    # The third point says next to nothing: the slope of the first two is 1.
    assert width._slope(np.array([0.0, 1.0, 2.0]), table).startswith("1.00")
    assert width._slope(np.array([0.0]), table[:1]) == ""


@pytest.mark.parametrize(("simulated", "inside"), [((0.5, 0.9), 1), ((0.4, 0.7), 2), ((0.3, 0.8), 0)])
def test_width_check_counts_what_it_covers(simulated, inside):
    figure = width_check.plot(check_rows(simulated))
    title = figure.get_suptitle()
    assert f"{inside} of 2 intervals" in title
    assert f"{inside / 2:.0%} [" in title
    (diagonal,) = [each for each in panels(figure)[0].lines if each.get_gid() == "diagonal"]
    np.testing.assert_array_equal(diagonal.get_xydata(), [[0, 0], [1, 1]])


def test_width_check_leaves_out_what_has_no_partner():
    rows = check_rows((0.5, 0.5, 0.5))
    rows.loc[rows.index[-1], "status"] = "failed"
    assert "2 of 2 intervals" in width_check.plot(rows).get_suptitle()
    with pytest.raises(ValueError, match="pairs=0"):
        width_check.plot(rows[rows["instrument"] == "width"])


@pytest.mark.parametrize(
    ("module", "rows"), [(learnability, learnable_rows), (width, width_rows), (width_check, check_rows)]
)
def test_rows_that_cannot_be_shown_are_refused(module, rows):
    with pytest.raises(ValueError, match="rows=0"):
        module.plot(rows()[:0])
    with pytest.raises(ValueError, match="rows without"):
        module.plot(rows().drop(columns="status"))
    mixed = rows()
    mixed.loc[0, "n_steps"] = 3
    with pytest.raises(ValueError, match="n_steps=3, 2, but should have one value"):
        module.plot(mixed)


@pytest.mark.parametrize(
    ("module", "rows"), [(learnability, learnable_rows), (width, width_rows), (width_check, check_rows)]
)
def test_text_is_legible_and_inside(module, rows):
    figure = module.plot(rows())
    figure.draw_without_rendering()
    texts = [each for each in figure.findobj(matplotlib.text.Text) if each.get_visible() and each.get_text()]
    assert min(each.get_fontsize() for each in texts) >= 7
    box_width, box_height = figure.bbox.size
    for axes in figure.axes:
        box = axes.get_tightbbox()
        # One pixel for the rounding of glyphs to the pixel grid.
        assert min(box.x0, box.y0) >= -1
        assert max(box.x1 - box_width, box.y1 - box_height) <= 1
