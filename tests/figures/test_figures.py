"""The figures of the first experiments, on synthetic rows: structure, labels, refusals, files."""

import subprocess
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from figures.registry import draw
from figures.saving import save
from simulations.base.settings import Settings

RECOVERY_LABEL = "feature recovery rate (cosine > 0.9)"


def row(recovery=0.5, status="ok", **changes):
    settings = Settings(**{"n_features": 256, "n_samples": 20_000, "n_neurons": 2_048, "n_steps": 2, **changes})
    history = "0 0.1 0.95"
    results = {"feature_recovery_rate": recovery, "recovery_per_step": history, "recovery_per_step_080": history}
    return settings.to_row() | {"status": status} | results


def band_row(n, d, **changes):
    """A row whose target frequency is the centre of the band at s = 3: between 1/n and min(n^(-2/3), d/n)."""
    centre = (1 / n * min(n ** (-2 / 3), d / n)) ** 0.5
    sizes = {"n_samples": 80 * n, "n_neurons": 8 * n}
    return row(n_features=n, d_model=d, target_frequency=float(f"{centre:.3g}"), **sizes, **changes)


ROWS = {
    "resonance": [
        row(sparsity=s, d_model=d, target_frequency=p) for s in (3, 5) for d in (4, 64, 256) for p in (0.001, 0.01, 0.1)
    ],
    "sparsity": [row(sparsity=s, target_frequency=p) for s in (1, 2, 3, 8) for p in (0.001, 0.01, 0.1, 0.5)],
    "dimension": [band_row(n, d) for n in (32, 128, 512) for d in (4, 16, 64, 256)],
    "steps": [band_row(n, n // 2, seed=seed) for n in (64, 128) for seed in (0, 1)],
}


def table(name):
    return pd.DataFrame(ROWS[name])


def panels(figure):
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def line(axes, gid):
    (found,) = [each for each in axes.lines if each.get_gid() == gid]
    return found.get_xydata()


def legend(figure):
    (only,) = figure.legends
    return [text.get_text() for text in only.get_texts()]


@pytest.mark.parametrize(("name", "count"), [("resonance", 2), ("sparsity", 1), ("dimension", 1), ("steps", 2)])
def test_every_figure_has_its_panels_and_labels(name, count):
    figure = draw(name, table(name))
    assert isinstance(figure, Figure)
    assert len(panels(figure)) == count
    assert panels(figure)[0].get_xlabel()
    assert panels(figure)[0].get_ylabel()
    bars = [axes.get_ylabel() for axes in figure.axes if axes not in panels(figure)]
    assert bars == ([] if name == "steps" else [RECOVERY_LABEL])
    assert figure.get_figwidth() in (3.35, 6.9)


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("centrings", [(False,), (False, True)])
def test_all_text_is_legible_in_print_and_inside_the_figure(name, centrings):
    figure = draw(name, pd.concat([table(name).assign(center=center) for center in centrings]))
    figure.draw_without_rendering()
    texts = [each for each in figure.findobj(matplotlib.text.Text) if each.get_visible() and each.get_text()]
    assert min(each.get_fontsize() for each in texts) >= 7
    width, height = figure.bbox.size
    for axes in figure.axes:
        box = axes.get_tightbbox()
        # One pixel for the rounding of glyphs to the pixel grid.
        assert min(box.x0, box.y0) >= -1, name
        assert max(box.x1 - width, box.y1 - height) <= 1, name
    for each in figure.legends:
        box = each.get_window_extent()
        assert box.x0 >= -1, name
        assert box.x1 <= width + 1, name


def test_resonance_draws_the_conditions_of_each_panel():
    figure = draw("resonance", table("resonance"))
    n = 256
    for axes, s in zip(panels(figure), (3, 5), strict=True):
        assert axes.get_title() == f"$s$ = {s}"
        expected = {
            "frequency_lower": 1 / n,
            "frequency_upper_sparsity": n ** (-(1 + 1 / s) / 2),
            "frequency_upper_concentration": n ** (-2 * 1.05**2 / s),
            "feature_frequency": s / n,
            "root_feature_frequency": (s / n) ** 0.5,
        }
        for gid, p in expected.items():
            # A handful of float64 roundings.
            assert line(axes, gid)[:, 0] == pytest.approx(p, rel=1e-12), gid
        p, d = line(axes, "frequency_upper_dimension").T
        assert p == pytest.approx(d**0.9 / n, rel=1e-12)
        assert line(axes, "root_n")[:, 1] == pytest.approx(16)
        assert [each.get_text() for each in axes.texts] == ["$f$", r"$\sqrt{f}$", r"$\sqrt{n}$"]


def test_a_condition_out_of_sight_is_said_to_be():
    # M = 8n asks for p >~ 0.5 at s = 3: right of a grid that ends at 0.1.
    labels = legend(draw("resonance", table("resonance")))
    assert [label for label in labels if "off scale" in label] == [
        r"$p \gtrsim (n/M)^{(1-\varepsilon)^2/s}$, off scale"
    ]


def test_values_are_drawn_in_their_own_panel_and_cell():
    rows = table("resonance")
    chosen = (rows["sparsity"] == 5) & (rows["d_model"] == 64) & (rows["target_frequency"] == 0.1)
    rows.loc[chosen, "feature_recovery_rate"] = 0.875
    found = [axes.collections[0].get_array().reshape(3, 3) for axes in panels(draw("resonance", rows))]
    expected = np.full((3, 3), 0.5)
    np.testing.assert_array_equal(found[0], expected)
    expected[1, 2] = 0.875
    np.testing.assert_array_equal(found[1], expected)


def test_sparsity_bounds_are_curves_of_s_that_cross_below_three():
    (axes,) = panels(draw("sparsity", table("sparsity")))
    p, s = line(axes, "frequency_upper_concentration").T
    assert p == pytest.approx(256 ** (-2 * 1.05**2 / s), rel=1e-12)
    assert (p < 1 / 256)[s <= 2].all()  # below the lower bound: empty
    assert (p > 1 / 256)[s >= 3].all()
    p, s = line(axes, "feature_frequency").T
    assert p == pytest.approx(s / 256, rel=1e-12)
    assert s.min() >= 1


def test_dimension_marks_the_ends_of_superposition_and_where_p_lies():
    figure = draw("dimension", table("dimension"))
    (axes,) = panels(figure)
    d, n = line(axes, "root_n").T
    assert d == pytest.approx(n**0.5, rel=1e-12)
    d, n = line(axes, "superposition").T
    assert d == pytest.approx(n, rel=1e-12)
    assert figure.get_suptitle() == "$s$ = 3, $N = 80n$, $M = 8n$\n$p$ at the centre of the band"


def test_a_title_claims_the_centre_of_the_band_only_where_it_is():
    rows = table("dimension").assign(target_frequency=0.01)
    assert draw("dimension", rows).get_suptitle().endswith("$p$ from 0.01 to 0.01")


def test_steps_draws_means_and_ranges_over_seeds():
    rows = table("steps")
    rows.loc[rows["seed"] == 1, "recovery_per_step"] = "0 0.3 0.85"
    first, _ = panels(draw("steps", rows))
    # Means of two decimal numbers: a rounding each.
    assert line(first, "mean-64") == pytest.approx(np.array([[0, 0], [1, 0.2], [2, 0.9]]), abs=1e-15)
    (band,) = [each for each in first.collections if each.get_gid() == "range-64"]
    at_one = band.get_paths()[0].vertices
    assert set(at_one[at_one[:, 0] == 1, 1]) == {0.1, 0.3}


def test_steps_without_the_second_threshold_has_one_panel():
    figure = draw("steps", table("steps").drop(columns="recovery_per_step_080"))
    assert [axes.get_title() for axes in panels(figure)] == ["cosine > 0.9"]


def test_steps_says_how_many_runs_failed():
    rows = table("steps").astype(object)
    rows.loc[(rows["n_features"] == 128) & (rows["seed"] == 1), ["status", "recovery_per_step"]] = ["failed", ""]
    assert legend(draw("steps", rows)) == ["$n$ = 64", "$n$ = 128 (1 of 2 failed)"]


@pytest.mark.parametrize("name", ROWS)
def test_rows_read_as_text_give_the_same_picture(name, tmp_path):
    rows = table(name)
    first, second = (
        save(draw(name, rows), tmp_path / "a", name),
        save(draw(name, rows.astype(str)), tmp_path / "b", name),
    )
    assert first[0].read_bytes() == second[0].read_bytes()


@pytest.mark.parametrize("name", ROWS)
def test_another_varying_setting_is_refused_by_name(name):
    rows = table(name)
    rows.loc[0, "activation"] = "jumprelu"
    with pytest.raises(ValueError, match=r"^activation=jumprelu, relu, but should have one value in this figure$"):
        draw(name, rows)


def test_two_widths_in_a_resonance_figure_are_refused():
    rows = table("resonance")
    rows.loc[rows["sparsity"] == 5, "n_neurons"] = 64
    with pytest.raises(ValueError, match=r"^n_neurons=2048, 64, but should have one value in this figure$"):
        draw("resonance", rows)


@pytest.mark.parametrize("column", ["target_frequency", "n_samples", "n_neurons"])
def test_two_values_in_a_cell_of_dimension_are_refused(column):
    rows = table("dimension")
    other = rows.iloc[[0]].assign(**{"seed": 1, column: rows[column].iloc[0] / 2})
    with pytest.raises(ValueError, match=f"^{column} has several values at n_features=32, d_model=4, but should have"):
        draw("dimension", pd.concat([rows, other]))


def test_seeds_and_devices_may_vary():
    rows = table("resonance")
    other = rows.assign(seed=1, device="cuda", feature_recovery_rate=1.0)
    for axes in panels(draw("resonance", pd.concat([rows, other]))):
        np.testing.assert_array_equal(axes.collections[0].get_array().ravel(), 0.75)


@pytest.mark.parametrize("name", ROWS)
def test_no_rows_and_missing_columns_are_refused(name):
    rows = table(name)
    with pytest.raises(ValueError, match=r"^rows=0, but a figure needs at least one row$"):
        draw(name, rows.iloc[:0])
    with pytest.raises(ValueError, match=r"^rows without d_model, status$"):
        draw(name, rows.drop(columns=["d_model", "status"]))


@pytest.mark.parametrize("name", ["resonance", "sparsity", "dimension"])
def test_centred_data_have_panels_of_their_own(name):
    rows = table(name)
    both = panels(draw(name, pd.concat([rows.assign(center=True, feature_recovery_rate=1.0), rows])))
    assert len(both) == 2 * len(panels(draw(name, rows)))
    for axes in both:
        expected = 0.5 if axes.get_title().endswith("not centred") else 1.0
        np.testing.assert_array_equal(axes.collections[0].get_array().ravel(), expected)
    assert [axes.get_title().endswith("not centred") for axes in both] == sorted([True, False] * (len(both) // 2))[::-1]


def test_steps_of_centred_data_have_panels_of_their_own():
    rows = table("steps")
    plain, _, centred, _ = panels(draw("steps", pd.concat([rows, rows.assign(center=True, recovery_per_step="0 1 1")])))
    assert (plain.get_title(), centred.get_title()) == ("cosine > 0.9, not centred", "cosine > 0.9, centred data")
    assert line(plain, "mean-64")[:, 1].tolist() == [0, 0.1, 0.95]
    assert line(centred, "mean-64")[:, 1].tolist() == [0, 1, 1]


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize(
    ("centrings", "said"),
    [((False,), {""}), ((True,), {"centred data"}), ((True, False), {"not centred", "centred data"})],
)
def test_titles_name_the_centring_unless_nothing_is_centred(name, centrings, said):
    figure = draw(name, pd.concat([table(name).assign(center=center) for center in centrings]))
    titles = [axes.get_title() for axes in panels(figure)]
    assert {title.split(", ")[-1] if "centred" in title else "" for title in titles} == said
    assert not any(title.startswith(",") or title.endswith((",", " ")) for title in titles)


@pytest.mark.parametrize(
    ("name", "alone"), [("resonance", 6.9), ("sparsity", 3.35), ("dimension", 3.35), ("steps", 6.9)]
)
def test_two_centrings_share_one_colour_bar_and_legend_on_a_double_column(name, alone):
    rows = table(name)
    one, two = draw(name, rows), draw(name, pd.concat([rows, rows.assign(center=True)]))
    assert (one.get_figwidth(), two.get_figwidth()) == (alone, 6.9)
    assert len(two.axes) - len(panels(two)) == len(one.axes) - len(panels(one))
    assert legend(two) == legend(one)


def test_a_centring_that_is_neither_is_refused():
    with pytest.raises(ValueError, match=r"^center=maybe, but should be True or False$"):
        draw("sparsity", table("sparsity").assign(center="maybe"))


@pytest.mark.parametrize("bad", ["many", "", "nan", "inf", -1])
def test_numbers_that_are_none_are_refused(bad):
    rows = table("sparsity").astype(object)
    rows.loc[3, "target_frequency"] = bad
    with pytest.raises(ValueError, match=r"^target_frequency=.*, but should be a positive number$"):
        draw("sparsity", rows)


@pytest.mark.parametrize(
    ("history", "message"), [("0 1", "has 2 values, but should have n_steps"), ("0 x 1", "numbers")]
)
def test_broken_histories_are_refused(history, message):
    with pytest.raises(ValueError, match=f"^recovery_per_step .*{message}"):
        draw("steps", table("steps").assign(recovery_per_step=history))


def test_unknown_figures_are_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match="did you mean 'resonance'"):
        draw("resonnance", table("resonance"))


def test_drawing_and_saving_change_neither_the_rows_nor_the_settings_of_matplotlib(tmp_path):
    rows, before = table("resonance"), dict(matplotlib.rcParams)
    copy = rows.copy(deep=True)
    save(draw("resonance", rows), tmp_path, "resonance")
    assert dict(matplotlib.rcParams) == before
    pd.testing.assert_frame_equal(rows, copy)


def test_files_are_the_same_bytes_again_and_carry_no_time(tmp_path):
    first = save(draw("sparsity", table("sparsity")), tmp_path / "new" / "folder", "sparsity")
    second = save(draw("sparsity", table("sparsity")), tmp_path, "sparsity")
    assert [path.name for path in first] == ["sparsity.png", "sparsity.pdf"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert b"CreationDate" not in first[1].read_bytes()
    width, _ = matplotlib.image.imread(first[0]).shape[1::-1]
    assert width == 670  # 3.35 inches at 200 dots per inch


def test_figures_import_neither_torch_nor_pyplot():
    code = "import sys, figures.registry, figures.saving; print({'torch', 'matplotlib.pyplot'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "set()"
