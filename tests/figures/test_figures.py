"""Every figure on the cells of its experiment, the shared painters, titles, refusals and files."""

import subprocess
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest
from figure_helper import RESULTS, assert_legible, has, legend, panels, row, rows_of, said, xy
from matplotlib.figure import Figure

from figures import curves, heatmap, methods, scaling
from figures.registry import FIGURES, draw, origin
from figures.saving import save

RECOVERY_LABEL = "feature recovery rate (cosine > 0.9)"
TRAINED = (
    "assumptions",
    "identifiability",
    "basins",
    "pre_bias",
    "implementations",
    "toy",
    "resonance_trained",
    "frontier",
    "frontier_large",
    "shrinkage",
    "consistency",
    "sensitivity",
    "time_to_recovery",
    "time_to_recovery_large",
    "synthsaebench",
    "real_frontier",
    "real_consistency",
    "real_sensitivity",
    "real_frequencies",
)
PANELS = {
    **{"predict_check": 1, "plan_check": 1, "critical_check": 1, "erosion": 2},
    **{
        "basins": 4,
        "pre_bias": 1,
        "implementations": 1,
        "resonance": 2,
        "sparsity": 2,
        "dimension": 2,
        "steps": 6,
        "activations": 1,
        "cooccurrence": 2,
        "balance": 2,
        "trajectories": 5,
        "cutoff": 3,
        "lower_edge": 4,
        "assumptions": 1,
        "identifiability": 3,
    },
    **{"learnability": 4, "width": 3, "width_check": 1, "scaling": 3, "toy": 2, "resonance_trained": 4},
    **{"frontier": 3, "frontier_large": 3, "shrinkage": 3},
    **{"consistency": 3, "sensitivity": 6, "time_to_recovery": 3, "time_to_recovery_large": 3, "synthsaebench": 6},
    **{"real_frontier": 4, "real_consistency": 3, "real_sensitivity": 2, "real_frequencies": 3},
}


@pytest.fixture(autouse=True)
def _quick_predictions(monkeypatch):
    monkeypatch.setattr(scaling.predicted, "critical", lambda *_, **__: 0.01)  # a second each


def small(recovery=0.5, status="ok", **changes):
    history = "0 0.1 0.95"
    results = {"feature_recovery_rate": recovery, "recovery_per_step": history, "recovery_per_step_080": history}
    settings = {"n_features": 256, "n_samples": 20_000, "n_neurons": 2_048, "n_steps": 2, **changes}
    return row(status=status, results=results, **settings)


def band_row(n, d, **changes):
    """A row whose target frequency is the centre of the band at s = 3: between 1/n and min(n^(-2/3), d/n)."""
    centre = (1 / n * min(n ** (-2 / 3), d / n)) ** 0.5
    sizes = {"n_samples": 80 * n, "n_neurons": 8 * n}
    return small(n_features=n, d_model=d, target_frequency=float(f"{centre:.3g}"), **sizes, **changes)


GRIDS = {
    "resonance": [
        small(sparsity=s, d_model=d, target_frequency=p)
        for s in (3, 5)
        for d in (4, 64, 256)
        for p in (0.001, 0.01, 0.1)
    ],
    "sparsity": [small(sparsity=s, target_frequency=p) for s in (1, 2, 3, 8) for p in (0.001, 0.01, 0.1, 0.5)],
    "dimension": [band_row(n, d) for n in (32, 128, 512) for d in (4, 16, 64, 256)],
    "steps": [band_row(n, n // 2, seed=seed) for n in (64, 128) for seed in (0, 1)],
}


def table(name):
    return pd.DataFrame(GRIDS[name])


# --- all of them


def test_figures_are_discovered():
    assert set(FIGURES) == set(PANELS)


@pytest.mark.parametrize("name", FIGURES)
def test_quick_rows_are_drawn_legibly_inside_the_figure_with_their_origin(name):
    rows = rows_of(name)
    figure = draw(name, rows, "quick")
    assert isinstance(figure, Figure)
    assert len(panels(figure)) == PANELS[name]
    assert figure.get_figwidth() in (3.35, 6.9)
    assert panels(figure)[0].get_ylabel() or panels(figure)[0].get_yticklabels()
    assert panels(figure)[-1].get_xlabel()
    assert_legible(figure)
    (foot,) = [text.get_text().replace("\n", " ") for text in figure.texts if text.get_gid() == "footer"]
    assert foot.startswith("quick preset")
    assert ("under-trained" in foot) == (name in TRAINED)
    assert "version 0.1.0" in foot
    assert "\n" in figure.get_suptitle()  # a question, and what the panels share


@pytest.mark.parametrize("name", [*TRAINED, "learnability", "width", "trajectories", "activations"])
def test_standard_rows_are_drawn_legibly(name):
    assert_legible(draw(name, rows_of(name, "standard"), "standard"))


@pytest.mark.parametrize("name", FIGURES)
def test_rows_read_as_text_give_the_same_picture_and_nothing_is_changed(name, tmp_path):
    rows, before = rows_of(name), dict(matplotlib.rcParams)
    copy = rows.copy(deep=True)
    text = rows.astype(object).where(rows.notna(), "").astype(str)
    first, second = (tmp_path / each for each in ("typed", "text"))
    for path, each in ((first, rows), (second, text)):
        draw(name, each).savefig(path, format="png", dpi=50)
    assert first.read_bytes() == second.read_bytes()
    pd.testing.assert_frame_equal(rows, copy)
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("name", FIGURES)
def test_useless_rows_are_refused_in_one_line(name):
    rows = rows_of(name)
    with pytest.raises(ValueError, match=r"^rows=0, but a figure needs at least one row$"):
        draw(name, rows.iloc[:0])
    with pytest.raises(ValueError, match=r"^rows without d_model, status$"):
        draw(name, rows.drop(columns=["d_model", "status"]))
    if name in ("implementations", "assumptions") or name.startswith("real_"):  # worlds may differ there in anything
        return
    with pytest.raises(ValueError, match=r"^noise=0\.5, 0, but should have one value in this figure$"):
        draw(name, rows.assign(noise=[0.5, *rows["noise"].iloc[1:]]))


@pytest.mark.parametrize("name", FIGURES)
def test_rows_in_which_a_run_failed_are_drawn(name):
    rows = rows_of(name, "standard" if name in TRAINED else "quick").astype({"status": object})
    rows.loc[5, "status"] = "diverged"
    rows.loc[5, [each for each in RESULTS if each in rows]] = np.nan
    figure = draw(name, rows)
    phrases = " ".join(said(figure))
    assert "failed" in phrases or name in (
        "basins",
        "pre_bias",
        "implementations",
        "activations",
        "assumptions",
        "identifiability",
        "cooccurrence",
        "cutoff",
        "lower_edge",
        "trajectories",
        "balance",
        "width",
        "width_check",
        "scaling",
    )


@pytest.mark.parametrize("name", ["toy", "frontier", "consistency", "sensitivity", "time_to_recovery"])
def test_a_users_own_trainer_is_drawn_beside_the_others(name):
    """Its arm is its name, and settings that it does not have are blank."""
    rows = rows_of(name)
    known = ["n_features", "d_model", "sparsity", "n_samples", "support_law", "n_neurons", "n_steps", "learning_rate"]
    world = [*known, "seed", "center", "status", "noise"]
    results = [each for each in rows if each in RESULTS or "recovery" in each or "profile" in each]
    kept = [*world, *[each for each in results if each not in world]]
    mine = rows[rows["algorithm"] == "gba"].iloc[[0]][kept].assign(arm="mine:train", algorithm="mine:train")
    mine = mine.reindex(columns=rows.columns)
    assert "mine:train" in " ".join(said(draw(name, pd.concat([rows, mine], ignore_index=True))))
    alone = draw(name, mine)
    assert "mine:train" in " ".join(said(alone))


def test_unknown_figures_are_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match="did you mean 'resonance'"):
        draw("resonnance", table("resonance"))


def test_origin_tells_preset_seeds_and_version_as_far_as_known():
    rows = table("steps").assign(seed=[0, 1, 2, 3])
    assert origin(rows, "standard") == "standard preset, 4 seeds, version 0.1.0"
    assert origin(rows[["d_model"]]) == ""
    rows.attrs["preset"] = "paper"
    assert "paper preset, 4 seeds, version 0.1.0" in said(draw("steps", rows))


def test_figures_import_neither_torch_nor_pyplot_nor_settings():
    code = """import sys, figures.registry, figures.saving
print({'torch', 'matplotlib.pyplot', 'simulations.runs.cell', 'simulations.base.settings'} & set(sys.modules))"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "set()"


# --- methods


def test_methods_have_looks_of_their_own_and_arms_find_them():
    assert len({(each.colour, each.marker) for each in methods.LOOKS.values()}) == len(methods.LOOKS)
    arms = {"gba HTF 0.5": "gba", "GBA, frequencies too high": "gba", "TopK 20": "topk", "gba-below": "gba-below"}
    assert {arm: methods.method_of(arm) for arm in arms} == arms
    assert methods.method_of("my SAE 3") == "my SAE 3"
    found = methods.looks(["provable", "mine:train", "topk 4", "other:train", "gba K 3", "topk 8"])
    assert list(found) == ["gba", "topk", "provable", "mine:train", "other:train"]
    assert [each.label for each in found.values()] == ["GBA", "TopK, tied", "provable", "mine:train", "other:train"]
    assert len({(each.colour, each.marker) for each in found.values()}) == 5


# --- phase diagrams of the provable algorithm


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
            assert xy(axes, gid)[:, 0] == pytest.approx(p, rel=1e-12), gid
        p, d = xy(axes, "frequency_upper_dimension").T
        assert p == pytest.approx(d**0.9 / n, rel=1e-12)
        assert xy(axes, "root_n")[:, 1] == pytest.approx(16)
        assert [each.get_text() for each in axes.texts] == ["$f$", r"$\sqrt{f}$", r"$\sqrt{n}$"]
    # M = 8n asks for p >~ 0.5 at s = 3: right of a grid that ends at 0.1.
    assert [label for label in legend(figure) if "off scale" in label] == [
        r"$p \gtrsim (n/M)^{(1-\varepsilon)^2/s}$, off scale"
    ]
    assert [axes.get_ylabel() for axes in figure.axes if axes not in panels(figure)] == [RECOVERY_LABEL]


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
    p, s = xy(axes, "frequency_upper_concentration").T
    assert p == pytest.approx(256 ** (-2 * 1.05**2 / s), rel=1e-12)
    assert (p < 1 / 256)[s <= 2].all()  # below the lower bound: empty
    assert (p > 1 / 256)[s >= 3].all()
    p, s = xy(axes, "feature_frequency").T
    assert p == pytest.approx(s / 256, rel=1e-12)
    assert s.min() >= 1


def test_dimension_marks_the_ends_of_superposition_and_where_p_lies():
    figure = draw("dimension", table("dimension"))
    (axes,) = panels(figure)
    d, n = xy(axes, "root_n").T
    assert d == pytest.approx(n**0.5, rel=1e-12)
    d, n = xy(axes, "superposition").T
    assert d == pytest.approx(n, rel=1e-12)
    notes = figure.get_suptitle().replace("\n", ", ")
    assert notes.endswith("$s$ = 3, $N = 80n$, $M = 8n$, $p$ at the centre of the band")
    # Said only where it is so.
    rows = table("dimension").assign(target_frequency=0.01)
    assert draw("dimension", rows).get_suptitle().endswith("$p$ from 0.01 to 0.01")


@pytest.mark.parametrize("column", ["target_frequency", "n_samples", "n_neurons"])
def test_two_values_in_a_cell_of_dimension_are_refused(column):
    rows = table("dimension")
    other = rows.iloc[[0]].assign(**{"seed": 1, column: rows[column].iloc[0] / 2})
    with pytest.raises(ValueError, match=f"^{column} has several values at n_features=32, d_model=4, but should have"):
        draw("dimension", pd.concat([rows, other]))


@pytest.mark.parametrize("name", GRIDS)
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


def test_seeds_and_devices_may_vary():
    rows = table("resonance")
    other = rows.assign(seed=1, device="cuda", feature_recovery_rate=1.0)
    for axes in panels(draw("resonance", pd.concat([rows, other]))):
        np.testing.assert_array_equal(axes.collections[0].get_array().ravel(), 0.75)


@pytest.mark.parametrize("name", ["resonance", "sparsity", "dimension"])
def test_centred_data_have_panels_of_their_own_and_one_legend(name):
    rows = table(name)
    one, two = draw(name, rows), draw(name, pd.concat([rows.assign(center=True, feature_recovery_rate=1.0), rows]))
    both = panels(two)
    assert len(both) == 2 * len(panels(one))
    for axes in both:
        expected = 0.5 if axes.get_title().endswith("not centred") else 1.0
        np.testing.assert_array_equal(axes.collections[0].get_array().ravel(), expected)
    assert [axes.get_title().endswith("not centred") for axes in both] == sorted([True, False] * (len(both) // 2))[::-1]
    assert two.get_figwidth() == 6.9
    assert legend(two) == legend(one)


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize(
    ("centrings", "expected"),
    [((False,), {""}), ((True,), {"centred data"}), ((True, False), {"not centred", "centred data"})],
)
def test_titles_name_the_centring_unless_nothing_is_centred(name, centrings, expected):
    figure = draw(name, pd.concat([table(name).assign(center=center) for center in centrings]))
    titles = [axes.get_title() for axes in panels(figure)]
    assert {title.split(", ")[-1] if "centred" in title else "" for title in titles} == expected
    assert not any(title.startswith(",") or title.endswith((",", " ")) for title in titles)


def test_a_centring_that_is_neither_is_refused():
    with pytest.raises(ValueError, match=r"^center=maybe, but should be True or False$"):
        draw("sparsity", table("sparsity").assign(center="maybe"))


@pytest.mark.parametrize("bad", ["many", "", "nan", "inf", -1])
def test_numbers_that_are_none_are_refused(bad):
    rows = table("sparsity").astype(object)
    rows.loc[3, "target_frequency"] = bad
    with pytest.raises(ValueError, match=r"^target_frequency=.*, but should be a positive number$"):
        draw("sparsity", rows)


# --- steps


def test_steps_draws_means_and_ranges_over_seeds():
    rows = table("steps")
    rows.loc[rows["seed"] == 1, "recovery_per_step"] = "0 0.3 0.85"
    first, _ = panels(draw("steps", rows))
    # Means of two decimal numbers: a rounding each.
    assert xy(first, "mean-64") == pytest.approx(np.array([[0, 0], [1, 0.2], [2, 0.9]]), abs=1e-15)
    (band,) = [each for each in first.collections if each.get_gid() == "range-64"]
    at_one = band.get_paths()[0].vertices
    assert set(at_one[at_one[:, 0] == 1, 1]) == {0.1, 0.3}


def test_steps_without_the_second_threshold_and_with_failed_runs():
    rows = table("steps").drop(columns="recovery_per_step_080").astype(object)
    rows.loc[(rows["n_features"] == 128) & (rows["seed"] == 1), ["status", "recovery_per_step"]] = ["failed", ""]
    figure = draw("steps", rows)
    assert [axes.get_title() for axes in panels(figure)] == ["cosine > 0.9"]
    assert legend(figure) == ["$n$ = 64", "$n$ = 128 (1 of 2 failed)"]


def test_steps_of_centred_data_have_panels_of_their_own():
    rows = table("steps")
    plain, _, centred, _ = panels(draw("steps", pd.concat([rows, rows.assign(center=True, recovery_per_step="0 1 1")])))
    assert (plain.get_title(), centred.get_title()) == ("cosine > 0.9, not centred", "cosine > 0.9, centred data")
    assert xy(plain, "mean-64")[:, 1].tolist() == [0, 0.1, 0.95]
    assert xy(centred, "mean-64")[:, 1].tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("history", "message"), [("0 1", "has 2 values, but should have n_steps"), ("0 x 1", "numbers")]
)
def test_broken_histories_are_refused(history, message):
    with pytest.raises(ValueError, match=f"^recovery_per_step .*{message}"):
        draw("steps", table("steps").assign(recovery_per_step=history))


# --- painters for any table


def test_a_heat_map_of_any_table_has_panels_lines_and_values():
    figure = heatmap.heatmap(table("resonance"), x="target_frequency", y="d_model", panel="sparsity")
    assert [axes.get_title() for axes in panels(figure)] == ["sparsity = 3", "sparsity = 5"]
    assert xy(panels(figure)[0], "frequency_lower")[:, 0] == pytest.approx(1 / 256)
    assert "half or more by chance alone" in legend(figure)
    mine = pd.DataFrame({"lr": [0.1, 0.1, 1.0], "width": [2, 2, 2], "mcc": [0.25, 0.75, 3.0]})
    (axes,) = panels(plain := heatmap.heatmap(mine, x="lr", y="width", value="mcc"))
    np.testing.assert_array_equal(axes.collections[0].get_array().ravel(), [0.5, 3.0])
    assert [each.get_ylabel() for each in plain.axes if each is not axes] == ["mcc"]
    assert not has(axes, "frequency_lower")
    assert not plain.legends
    bare = table("resonance")[["target_frequency", "d_model", "feature_recovery_rate"]]  # no settings, no status
    assert not has(panels(heatmap.heatmap(bare, x="target_frequency", y="d_model"))[0], "frequency_lower")
    for figure in (plain, heatmap.heatmap(bare, x="target_frequency", y="d_model")):
        assert_legible(figure)


def test_what_no_heat_map_or_curve_can_show_is_refused():
    rows = table("resonance")
    with pytest.raises(ValueError, match=r"^rows without width$"):
        heatmap.heatmap(rows, x="width", y="d_model")
    with pytest.raises(ValueError, match=r"^seed should hold positive numbers"):
        heatmap.heatmap(rows, x="seed", y="d_model")
    with pytest.raises(ValueError, match=r"^rows=0, but a figure needs"):
        heatmap.heatmap(rows[:0], x="target_frequency", y="d_model")
    with pytest.raises(ValueError, match=r"^rows without width$"):
        curves.curve(rows, x="d_model", by="width")
    with pytest.raises(ValueError, match=r"^rows=0, but a figure needs"):
        curves.curve(rows.assign(status="failed"), x="d_model")


def test_a_curve_of_any_table_is_the_mean_over_the_rest():
    rows = table("resonance").assign(feature_recovery_rate=lambda each: each["d_model"] / 256)
    figure = curves.curve(rows, x="d_model", by="sparsity")
    (axes,) = panels(figure)
    assert axes.get_xscale() == "log"
    assert legend(figure) == ["sparsity = 3", "sparsity = 5"]
    for each in axes.lines:
        np.testing.assert_allclose(each.get_xydata(), [[4, 1 / 64], [64, 0.25], [256, 1]])
    assert_legible(figure)


# --- files


def test_files_are_the_same_bytes_again_and_carry_no_time(tmp_path):
    first = save(draw("sparsity", table("sparsity")), tmp_path / "new" / "folder", "sparsity")
    second = save(draw("sparsity", table("sparsity")), tmp_path, "sparsity")
    assert [path.name for path in first] == ["sparsity.png", "sparsity.pdf"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert b"CreationDate" not in first[1].read_bytes()
    width, _ = matplotlib.image.imread(first[0]).shape[1::-1]
    assert width == 670  # 3.35 inches at 200 dots per inch
