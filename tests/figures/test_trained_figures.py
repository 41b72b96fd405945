"""The figures of the experiments on trained autoencoders, on the cells of their grids with made-up results."""

import numpy as np
import pandas as pd
import pytest
from figure_helper import artist, has, legend, panels, rows_of, ticks, xy

from figures import (
    consistency,
    frontier,
    intervals,
    methods,
    resonance_trained,
    sensitivity,
    series,
    time_to_recovery,
    toy,
)
from simulations.experiments import toy as experiment
from simulations.measures.coding import HISTOGRAM_EDGES

# Quantiles of Student's t at 0.975 with 2 and 4 degrees of freedom, from a printed table.
T2, T4 = 4.302653, 2.776445
FIGURES = {each.__name__.split(".")[-1]: each for each in (toy, frontier, consistency, sensitivity, time_to_recovery)}


@pytest.mark.parametrize("name", FIGURES)
def test_an_arm_in_two_versions_is_refused(name):
    rows = rows_of(name)
    gba = rows[rows["algorithm"] == "gba"]
    gba = gba[(gba["controller"] == "paper") & (gba["arm"] == gba["arm"].iloc[0])]
    with pytest.raises(ValueError, match=r"^gain_ratio=1, 2, but should have one value for .* in this figure$"):
        FIGURES[name].plot(pd.concat([rows, gba.assign(gain_ratio=2.0)]))
    with pytest.raises(ValueError, match=r"^rows without arm$"):
        FIGURES[name].plot(rows.drop(columns="arm"))


def test_the_looks_of_figures_are_those_of_the_methods():
    (axes, *_) = panels(consistency.plot(rows_of("consistency")))
    drawn, look = artist(axes, "consistency-topk"), methods.LOOKS["topk"]
    assert (drawn.get_color(), drawn.get_marker()) == (look.colour, look.marker)
    line = artist(panels(frontier.plot(rows_of("frontier")))[0], "frontier-topk")
    assert (line.get_color(), line.get_marker()) == (look.colour, look.marker)


# --- intervals, series


def test_intervals_are_those_of_a_printed_table():
    found = intervals.mean([1, 2, 3, np.nan])
    # Standard deviation 1, three values; the table has seven digits.
    assert found == pytest.approx((2, 2 - T2 / 3**0.5, 2 + T2 / 3**0.5, 3), rel=1e-6)
    assert intervals.mean([0.9, 1, 0.8], 0, 1).high == 1
    assert intervals.mean([0.2, 0.4]) == pytest.approx((0.3, 0.3, 0.3, 2))  # too few
    assert intervals.mean([np.nan]).n_values == 0


def test_geometric_means_have_the_intervals_of_logarithms():
    found = intervals.log_mean([10, 100, 1000])
    half = np.log(10) * T2 / 3**0.5
    assert found == pytest.approx((100, 100 * np.exp(-half), 100 * np.exp(half), 3), rel=1e-6)


def test_series_are_parsed_or_refused():
    for same in ("1:2 3:4", [[1, 2], [3, 4]], [(1, 2), (3, 4)], np.array([[1, 2], [3, 4]])):
        np.testing.assert_array_equal(series.points(same, "x", 2), [[1, 2], [3, 4]])
    np.testing.assert_array_equal(series.points([1.0, 2.0], "x"), [[1], [2]])
    for nothing in ("", "nan", np.nan):
        assert series.points(nothing, "x", 3).shape == (0, 3)
    for bad in ("1:2 3", "a:b", "1:inf"):
        with pytest.raises(ValueError, match=r"^x should hold"):
            series.points(bad, "x", 2)
    rows = pd.DataFrame({"status": ["ok", "ok", "failed"], "x": ["0 1", "1 3", "9 9 9"]})
    np.testing.assert_array_equal(series.average(rows, "x").ravel(), [0.5, 2])
    np.testing.assert_array_equal(series.average(rows.assign(x=["0 1", "", "9"]), "x").ravel(), [0, 1])
    with pytest.raises(ValueError, match=r"^x has 2 or 3 points in one mean$"):
        series.average(rows.assign(status="ok"), "x")


# --- toy


def toy_rows(default, best, fresh=(1, 2, 3, 4, 5)):
    """Rows of GBA and TopK 20: a searched cell of each rate, the default at fresh seeds too, TopK's best as well."""
    rows = rows_of("toy").drop_duplicates("arm").set_index("arm", drop=False)
    found = []
    for method in ("GBA", "TopK 20"):
        for rate, value in ((1e-3, default), (3e-3, best)):
            refreshed = fresh if rate == 1e-3 or method == "TopK 20" else ()
            for seed in (0, *refreshed):
                shift = 0.01 * (seed - 3) if seed else 0.2
                cell = experiment.default(method) | {"learning_rate": rate, "seed": seed}
                rates = {"feature_recovery_rate": value / 2 + shift, "feature_recovery_rate_080": value + shift}
                found.append(dict(rows.loc[method]) | cell | rates)
    return pd.DataFrame(found)


def test_toy_shows_the_mean_of_fresh_seeds_with_its_interval_and_all_of_the_search():
    at_080, at_090 = panels(toy.plot(toy_rows(0.3, 0.6)))
    assert ticks(at_080.yaxis) == ["GBA", "TopK 20"]
    assert xy(at_080, "default-0")[0, 0] == pytest.approx(0.3)
    assert xy(at_090, "default-1")[0, 0] == pytest.approx(0.15)
    half = T4 * 0.01 * 2.5**0.5 / 5**0.5  # standard deviation of five steps of 0.01
    np.testing.assert_allclose(xy(at_080, "interval-default-0")[:, 0], [0.3 - half, 0.3 + half], rtol=1e-6)
    assert sorted(xy(at_080, "search-0")[:, 0]) == pytest.approx([0.5, 0.8])
    assert sorted(xy(at_090, "search-1")[:, 0]) == pytest.approx([0.35, 0.5])


def test_toy_best_is_at_fresh_seeds_and_an_open_mark_without_any():
    figure = toy.plot(toy_rows(0.3, 0.6))
    at_080, _ = panels(figure)
    assert xy(at_080, "best-1")[0, 0] == pytest.approx(0.6)
    assert artist(at_080, "best-1").get_markerfacecolor() == methods.LOOKS["topk"].colour
    assert xy(at_080, "best-0")[0, 0] == pytest.approx(0.8)  # the search itself: 0.6 and 0.2 by selection
    assert artist(at_080, "best-0").get_markerfacecolor() == "white"
    assert not has(at_080, "interval-best-0")
    assert "open: seed of the search only" in legend(figure)
    texts = [text.get_text() for text in panels(figure)[1].texts]
    assert "512, 6,000, 0.003, $a$ 1" in texts


def test_toy_best_is_the_largest_sum_of_both_rates():
    rows = toy_rows(0.5, 0.6)
    chosen = (rows["learning_rate"] == 1e-3) & (rows["seed"] == 0)
    rows.loc[chosen, "feature_recovery_rate"] = 0.9  # 0.7 + 0.9 beats 0.8 + 0.5
    at_080, _ = panels(toy.plot(rows))
    assert xy(at_080, "best-0")[0, 0] == pytest.approx(0.5)


def test_toy_marks_what_the_paper_reports():
    at_080, at_090 = panels(toy.plot(rows_of("toy", "standard")))
    lines = ticks(at_080.yaxis)
    assert lines == list(experiment.ARMS)
    for line, tau_080, tau_090 in (
        *(("GBA", 1.0, 1.0), ("GBA, frequencies too low", 0.383, 0.039), ("TopK 20", 1.0, 0.984)),
        *(("TopK 30", 0.984, 0.242), ("TopK 50", 0.945, 0.234)),
    ):
        y = lines.index(line)
        assert xy(at_080, f"reported-{y}").tolist() == [[tau_080, y]]
        assert xy(at_090, f"reported-{y}").tolist() == [[tau_090, y]]
    assert not has(at_080, f"reported-{lines.index('BA')}")


def test_toy_without_a_search_shows_the_mean_over_all_seeds():
    rows = rows_of("toy")
    rows = pd.concat([rows, rows.assign(seed=1, feature_recovery_rate_080=0.25)], ignore_index=True)
    figure = toy.plot(rows)
    expected = rows.loc[rows["algorithm"] == "l1", "feature_recovery_rate_080"]
    assert len(expected) == 2
    assert xy(panels(figure)[0], "only-5")[0, 0] == pytest.approx(expected.mean())
    assert legend(figure) == ["the one setting run, mean over seeds", "its seeds", "reported in the paper"]


def test_toy_default_and_searched_settings_are_those_of_the_experiment():
    assert toy.DEFAULT == experiment.DEFAULT
    for algorithm, (knob, values) in experiment.KNOBS.items():
        assert toy.KNOB.get(algorithm, toy.USUAL_KNOB) == (knob, values[0])
        assert knob in toy.SEARCHED
    (at_080, _) = panels(toy.plot(rows_of("toy", "standard")))
    assert all(has(at_080, f"default-{y}") for y in range(len(experiment.ARMS)))


# --- frontier


def test_frontier_draws_means_and_leaves_the_ablation_out_of_the_line():
    rows = rows_of("frontier", "standard")
    loss, recovery, *_ = panels(frontier.plot(rows))
    for name in ("topk", "l1", "ba"):
        points = rows[rows["algorithm"] == name].groupby("arm")
        on_log_axes = points[["l0", "fraction_variance_unexplained"]].agg(lambda each: np.exp(np.log(each).mean()))
        expected = on_log_axes.sort_values("l0").to_numpy()
        np.testing.assert_allclose(xy(loss, f"frontier-{name}"), expected, rtol=1e-12)
        expected = np.column_stack([on_log_axes["l0"], points["feature_recovery_rate"].mean()])
        expected = expected[np.argsort(expected[:, 0])]
        np.testing.assert_allclose(xy(recovery, f"frontier-{name}"), expected, rtol=1e-12)
    gba = rows[(rows["algorithm"] == "gba") & (rows["n_groups"] == 10) & (rows["low_target_frequency"] == 0.001)]
    expected = gba.groupby("high_target_frequency")["l0"].agg(lambda each: np.exp(np.log(each).mean()))
    assert len(expected) == 4
    np.testing.assert_allclose(xy(loss, "frontier-gba")[:, 0], sorted(expected), rtol=1e-12)


def test_ablation_is_paired_by_seed():
    rows = rows_of("frontier", "standard")
    axes = panels(frontier.plot(rows))[2]
    labels = ["K = 3", "K = 20", "HTF = 0.02", "HTF = 0.05", "HTF = 0.15", "LTF = 0.0001", "LTF = 0.01"]
    assert ticks(axes.yaxis) == labels
    gba = rows[rows["algorithm"] == "gba"]
    usual = gba["high_target_frequency"].eq(0.5) & gba["low_target_frequency"].eq(0.001)
    column = "fraction_variance_unexplained"
    pairs = [gba[usual & gba["n_groups"].eq(k)].set_index("seed")[column] for k in (20, 10)]
    change = pairs[0] - pairs[1]
    assert xy(axes, f"{column}-1")[0, 0] == pytest.approx(change.mean())
    half = T2 * change.std() / 3**0.5
    np.testing.assert_allclose(
        xy(axes, f"interval-{column}-1")[:, 0], [change.mean() - half, change.mean() + half], rtol=1e-5
    )


def test_histograms_are_shares_in_the_bins_of_the_rows():
    np.testing.assert_allclose(HISTOGRAM_EDGES[1:], frontier.BIN_EDGES, rtol=1e-12)
    axes = panels(frontier.plot(rows_of("frontier")))[3]
    after = artist(axes, "frequency_histogram").get_data()
    # 5 neurons never fire, 10 are in bin 11 and 5 in bin 12 of the series, counted from 0; the first is drawn apart.
    assert {k: value for k, value in enumerate(after[0]) if value} == {10: 0.5, 11: 0.25}
    np.testing.assert_allclose(after[1], HISTOGRAM_EDGES[1:], rtol=1e-12)
    assert artist(axes, "frequency_histogram-never").get_data()[0].tolist() == [0.25]
    with pytest.raises(ValueError, match=r"^frequency_histogram has 2 numbers, but should have 21$"):
        frontier.plot(rows_of("frontier").assign(frequency_histogram="1 2"))


# --- consistency


def test_consistency_shows_both_shares_chance_and_recovery():
    rows = rows_of("consistency", "standard")
    shares, recovery, selectivity = panels(consistency.plot(rows))
    means = rows.groupby("algorithm")[["consistency", "consistency_top", "feature_recovery_rate"]].mean()
    for name in ("gba", "batchtopk"):
        assert xy(shares, f"consistency-{name}")[0, 0] == pytest.approx(means["consistency"][name])
        assert xy(shares, f"consistency_top-{name}")[0, 0] == pytest.approx(means["consistency_top"][name])
        expected = means["feature_recovery_rate"][name]
        assert xy(recovery, f"feature_recovery_rate-{name}")[0, 0] == pytest.approx(expected)
    assert artist(shares, "consistency_top-gba").get_markerfacecolor() == "white"
    assert xy(shares, "chance")[:, 0].tolist() == [1e-20, 1e-20]
    # Not the neurons of Z-score 0; means of three equal numbers, a rounding each.
    np.testing.assert_allclose(xy(selectivity, "profile-l1"), [[5, 0.4], [10, 0.5]], rtol=1e-12)
    assert ticks(shares.yaxis) == ["GBA", "BA", "TopK", "BatchTopK", "L1", "JumpReLU"]


def test_numbers_left_in_a_run_that_failed_do_not_count():
    rows = rows_of("consistency", "standard")
    rows.loc[(rows["algorithm"] == "gba") & (rows["seed"] == 1), ["status", "consistency"]] = ["failed", 1.0]
    shares = panels(consistency.plot(rows))[0]
    kept = rows[(rows["algorithm"] == "gba") & (rows["seed"] != 1)]["consistency"]
    assert xy(shares, "consistency-gba")[0, 0] == pytest.approx(kept.mean())
    assert ticks(shares.yaxis)[0] == "GBA (1 of 3 failed)"


# --- sensitivity


def test_sensitivity_has_a_panel_a_choice_with_its_worst_and_best():
    rows = rows_of("sensitivity", "standard")
    found = {axes.get_title().split("\n")[0]: axes for axes in panels(sensitivity.plot(rows))}
    titles = ["GBA, initial bias", "GBA, initial scale", "TopK, $K$", "L1, initial bias", "L1, penalty"]
    assert list(found) == titles
    penalty = rows[(rows["algorithm"] == "l1") & (rows["initial_bias"] == 0)]
    expected = penalty.pivot_table(index="penalty", columns="learning_rate", values="feature_recovery_rate")
    assert expected.shape == (4, 5)
    np.testing.assert_allclose(found["L1, penalty"].collections[0].get_array(), expected.to_numpy(), rtol=1e-12)
    worst, best = expected.to_numpy().min(), expected.to_numpy().max()
    assert found["L1, penalty"].get_title().endswith(f"worst {worst:.2f}, best {best:.2f}")
    assert ticks(found["GBA, initial bias"].yaxis) == ["-0.2", "-0.1", "-0.05", "0"]
    assert ticks(found["L1, penalty"].xaxis) == ["0.0001", "0.0003", "0.001", "0.003", "0.01"]
    assert {axes.collections[0].get_clim() for axes in found.values()} == {(0, 1)}


def test_sensitivity_shows_the_cells_at_the_defaults_in_each_panel_and_refuses_two_choices_at_once():
    rows = rows_of("sensitivity")
    found = {axes.get_title().split("\n")[0]: axes for axes in panels(sensitivity.plot(rows))}
    at_defaults = rows[rows["arm"] == "gba, defaults"]["feature_recovery_rate"].tolist()
    for name, line in (("GBA, initial bias", 1), ("GBA, initial scale", 0)):
        np.testing.assert_allclose(found[name].collections[0].get_array()[line], at_defaults, rtol=1e-12)
    cell = (rows["arm"] == "gba, initial bias") & (rows["learning_rate"] == 1e-3)
    both = pd.concat([rows, rows[cell].assign(initial_scale=0.1)])
    with pytest.raises(ValueError, match=r"^initial_scale=.*, but should have one value for gba, initial bias in this"):
        sensitivity.plot(both)


def test_sensitivity_signs_cells_that_failed_or_were_not_run():
    rows = rows_of("sensitivity", "standard")
    topk = rows["algorithm"] == "topk"
    rows.loc[topk & (rows["k"] == 1) & (rows["learning_rate"] == 1e-4), "status"] = "failed"
    rows.loc[topk & (rows["k"] == 3) & (rows["learning_rate"] == 1e-4) & (rows["seed"] == 1), "status"] = "failed"
    rows = rows[~(topk & (rows["k"] == 9) & (rows["learning_rate"] == 1e-4))]
    figure = sensitivity.plot(rows)
    texts = [text.get_text() for text in panels(figure)[2].texts]
    assert texts[0] == "\u00d7"
    assert texts[5].endswith("*")
    assert texts[10] == "\u2013"
    assert "\u00d7 failed or diverged, * some seeds failed, \u2013 not run" in figure.get_suptitle().replace("\n", ", ")


# --- time to recovery


def test_time_is_the_geometric_mean_over_seeds_that_reached_it():
    rows = rows_of("time_to_recovery", "standard")
    topk = rows.index[rows["algorithm"] == "topk"]
    rows.loc[topk, "samples_to_recovery_090"] = [100.0, 1_000.0, 10_000.0]
    rows.loc[topk, "samples_to_recovery_099"] = [400.0, np.nan, 100.0]
    rows.loc[topk, "seconds_to_recovery_099"] = np.nan
    samples, seconds, _ = panels(time_to_recovery.plot(rows))
    assert xy(samples, "090-topk")[0, 0] == pytest.approx(1_000)
    half = np.log(10) * T2 / 3**0.5
    expected = [1_000 * np.exp(-half), 1_000 * np.exp(half)]
    np.testing.assert_allclose(xy(samples, "interval-090-topk")[:, 0], expected, rtol=1e-5)
    assert xy(samples, "099-topk")[0, 0] == pytest.approx(200)
    assert " 2 of 3" in [text.get_text() for text in samples.texts]
    assert artist(seconds, "missed-topk").get_text() == "0.99 not reached \u25b8"
    assert not has(seconds, "099-topk")
    assert artist(samples, "099-topk").get_markerfacecolor() == "white"
    rows.loc[topk, "seconds_to_recovery_090"] = np.nan
    seconds = panels(time_to_recovery.plot(rows))[1]
    assert artist(seconds, "missed-topk").get_text() == "neither reached \u25b8"
    assert not has(seconds, "missed-gba")


def test_the_provable_algorithm_counts_at_the_fewest_samples_that_suffice():
    rows = rows_of("time_to_recovery", "standard")
    provable = rows["algorithm"] == "modified-ba"
    sizes = sorted(rows.loc[provable, "n_samples"].unique())
    assert len(sizes) >= 3
    rows.loc[provable, "samples_to_recovery_090"] = rows.loc[provable, "n_samples"].astype(float)
    few = provable & (rows["n_samples"] == sizes[0])  # of which one of three seeds is not enough
    rows.loc[few & (rows["seed"] == 2), "samples_to_recovery_090"] = np.nan
    samples, *_, curves = panels(time_to_recovery.plot(rows))
    assert xy(samples, "090-provable")[0, 0] == pytest.approx(sizes[1])
    # Its curve is over sample sizes, at the best of its steps.
    assert xy(curves, "curve-provable").tolist() == [[size, 0.5] for size in sizes]


def test_recovery_curves_are_over_samples():
    rows = rows_of("time_to_recovery")
    *_, curves = panels(time_to_recovery.plot(rows))
    for name, batch in (("topk", 512), ("dictionary-learning", 256)):
        (steps,) = rows.loc[rows["algorithm"] == name, "n_steps"]
        assert xy(curves, f"curve-{name}").tolist() == [[10 * batch, 0.5], [steps * batch, 0.25]]
    with pytest.raises(ValueError, match=r"^recovery_per_step has 2 values, but should have one for each of"):
        time_to_recovery.plot(rows.assign(recovery_per_step="0 1"))


def test_the_title_tells_which_method_has_another_width_and_a_method_has_one():
    rows = rows_of("time_to_recovery").assign(n_neurons=512)
    assert "$M$ = 512" in time_to_recovery.plot(rows).get_suptitle().replace("\n", ", ").split(", ")
    rows.loc[rows["algorithm"] == "modified-ba", "n_neurons"] = 4_096
    assert "$M$ = 512 (provable: 4,096)" in time_to_recovery.plot(rows).get_suptitle()
    rows.loc[rows["n_samples"] == rows["n_samples"].min(), "n_neurons"] = 64
    with pytest.raises(
        ValueError, match=r"^n_neurons=64, 4096, but should have one value for provable in this figure$"
    ):
        time_to_recovery.plot(rows)


def test_recovery_before_the_first_step_is_refused():
    rows = rows_of("time_to_recovery").assign(samples_to_recovery_090=0.0)
    with pytest.raises(ValueError, match=r"^samples_to_recovery_090=0, but should be positive"):
        time_to_recovery.plot(rows)


# --- resonance in trained autoencoders


def resonance_rows():
    rows = rows_of("resonance_trained")
    zipf = rows["support_law"] == "zipf:1"
    rows.loc[zipf, "frequency_profile"] = "0.01:0.25:0 0.012:0.75:0.02 0.1:1:0.08"
    return rows


def test_resonance_has_a_column_a_law_and_recovery_in_its_cells():
    rows = resonance_rows()
    figure = resonance_trained.plot(rows)
    even, two_level, zipf = panels(figure)[:3]
    assert [axes.get_title() for axes in (even, two_level, zipf)] == [
        "uniform", "two-level:0.2:8, $d$ = 64", "zipf:1, $d$ = 64",
    ]  # fmt: skip
    uniform = rows[rows["support_law"] == "uniform"]
    expected = uniform.pivot_table(index="d_model", columns="target_frequency", values="feature_recovery_rate")
    np.testing.assert_allclose(even.collections[0].get_array(), expected.to_numpy(), rtol=1e-12)
    assert xy(even, "feature_frequency")[:, 0] == pytest.approx(3 / 128)
    assert xy(even, "root_n")[:, 1] == pytest.approx(128**0.5)
    # Frequencies 0.01 and 0.012 share a line of cells; every target frequency has the same profile here.
    np.testing.assert_allclose(zipf.collections[0].get_array(), [[0.5] * 7, [1] * 7])
    p, f = xy(zipf, "equal").T
    np.testing.assert_array_equal(p, f)


def test_learned_frequencies_are_those_of_recovered_features():
    rows = resonance_rows()
    learned = panels(resonance_trained.plot(rows))[5]
    dots = artist(learned, "learned")
    found = np.unique(dots.get_offsets().data, axis=0)
    np.testing.assert_allclose(found, [[0.012, 0.02], [0.1, 0.08]])
    chosen = rows[rows["support_law"] == "zipf:1"]["target_frequency"]
    assert sorted(dots.get_array()) == sorted([*chosen, *chosen])
    x, y = xy(learned, "equal").T
    np.testing.assert_array_equal(x, y)


def test_a_run_that_failed_is_crossed_in_every_line_of_its_law():
    rows = resonance_rows()
    rows.loc[rows.index[rows["support_law"] == "zipf:1"][2], "status"] = "diverged"
    zipf = panels(resonance_trained.plot(rows))[2]
    p = sorted(rows["target_frequency"].unique())[2]
    crosses = np.concatenate([each.get_xydata() for each in zipf.lines if str(each.get_gid()).startswith("failed")])
    # The geometric mean of 0.01 and 0.012, to three digits, is the first line of cells.
    np.testing.assert_allclose(crosses, [[p, 0.011], [p, 0.1]], rtol=1e-9)


def test_resonance_refuses_what_it_cannot_place():
    rows = resonance_rows()
    second = rows[rows["support_law"] == "zipf:1"].assign(d_model=32)
    with pytest.raises(ValueError, match=r"^d_model=64, 32, but should have one value under an uneven law$"):
        resonance_trained.plot(pd.concat([rows, second]))
    with pytest.raises(ValueError, match=r"^frequency_profile is empty, but should not be in a run that finished$"):
        resonance_trained.plot(rows.assign(frequency_profile=""))
    status = np.where(rows["support_law"] == "zipf:1", "failed", "ok")
    with pytest.raises(
        ValueError, match=r"^support_law=zipf:1 has no finished run, but should have one at d_model=64$"
    ):
        resonance_trained.plot(rows.assign(status=status))


def test_resonance_of_one_law_is_a_figure_too():
    rows = resonance_rows()
    figure = resonance_trained.plot(rows[rows["support_law"] == "uniform"])
    assert len(panels(figure)) == 2
    assert figure.get_figwidth() == 3.35
