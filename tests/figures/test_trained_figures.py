"""The figures of the experiments on trained autoencoders, on the cells of their grids with made-up results."""

import importlib

import numpy as np
import pandas as pd
import pytest
from figure_helper import artist, has, panels, rows_of, ticks, xy

from figures import (
    consistency,
    firing,
    frontier,
    intervals,
    methods,
    resonance_trained,
    searches,
    sensitivity,
    series,
    synthsaebench,
    time_to_recovery,
    toy,
)
from simulations.evidence.scorecard.tuning import shares_kept
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
    (axes, *_) = panels(consistency.plot(rows_of("consistency", "standard")))
    drawn, look = artist(axes, "consistency-topk-untied"), methods.LOOKS["topk-untied"]
    assert (drawn.get_color(), drawn.get_marker()) == (look.colour, look.marker)
    line = artist(panels(frontier.plot(rows_of("frontier", "standard")))[0], "frontier-topk-untied")
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


# --- the shared search


def standard(name):
    """Rows of the standard preset, in which the trials that won the committed search win again."""
    rows = rows_of(name, "standard")
    best = importlib.import_module(f"simulations.experiments.{name}").BEST
    won = rows["arm"].isin([f"{method}, trial {trial}" for method, trial in best.items()]) & (rows["seed"] == 0)
    rows.loc[won, ["feature_recovery_rate", "feature_recovery_rate_080"]] = 1.0
    return rows


def winner(name, method):
    return importlib.import_module(f"simulations.experiments.{name}").BEST[method]


def searched_rows(name, values, method="gba"):
    """Rows of one method: trials 0 to 2 at seed 0, trials 0 and 1 at seeds 1 to 5, with the recovery at 0.9 given."""
    row = rows_of(name, "standard").iloc[0].to_dict()
    found = []
    for seed in range(6):
        for trial in range(3) if seed == 0 else range(2):
            rate = values(seed, trial)
            rates = {"feature_recovery_rate": rate, "feature_recovery_rate_080": rate + 0.1}
            found.append(row | rates | {"arm": f"{method}, trial {trial}", "algorithm": method, "seed": seed})
    return pd.DataFrame(found)


def scores(seed, trial):
    """Trial 1 wins the search by luck: at fresh seeds it is worse than the default."""
    return [0.5, 0.8, 0.1][trial] if seed == 0 else [0.6, 0.3][trial] + 0.01 * (seed - 3)


def test_the_winner_is_that_of_the_search_and_drawn_at_fresh_seeds():
    table = searches.split(searched_rows("toy", scores))
    assert searches.search_seed(table) == 0
    found = searches.roles(table, 0)
    assert {role: set(rows["arm"]) for role, rows in found.items()} == {
        "default": {"gba, trial 0"}, "best": {"gba, trial 1"}}  # fmt: skip
    assert all(sorted(rows["seed"]) == [1, 2, 3, 4, 5] for rows in found.values())
    assert searches.best_of(table, 0)["arm"].unique().tolist() == ["gba, trial 1"]
    cheapest = table.assign(cost=[1.0 if value == "2" else np.nan for value in table["value"]])
    assert searches.best_of(cheapest, 0, "cost")["arm"].unique().tolist() == ["gba, trial 2"]
    assert searches.best_of(cheapest, 0, "cost")["seed"].tolist() == [0]  # not run at fresh seeds
    assert searches.roles(table[table["value"] != "1"], 0).keys() == {"default"}  # which is the best as well
    alone = searches.split(table.assign(arm="provable"))
    assert set(alone["knob"]) == {""}
    pd.testing.assert_frame_equal(searches.best_of(alone, 0), alone)


# --- toy


def test_toy_shows_the_mean_of_fresh_seeds_with_its_interval_and_all_of_the_search():
    figure = toy.plot(searched_rows("toy", scores))
    at_080, at_090 = panels(figure)
    assert xy(at_090, "default-gba")[0, 0] == pytest.approx(0.6)
    assert xy(at_080, "best-gba")[0, 0] == pytest.approx(0.4)
    assert artist(at_090, "default-gba").get_markerfacecolor() == "white"
    alone = panels(toy.plot(searched_rows("toy", lambda seed, trial: 0.5 - 0.1 * trial)))[0]  # the default is the best
    assert artist(alone, "default-gba").get_markerfacecolor() == methods.LOOKS["gba"].colour
    half = T4 * 0.01 * 2.5**0.5 / 5**0.5  # standard deviation of five steps of 0.01
    np.testing.assert_allclose(xy(at_090, "interval-best-gba")[:, 0], [0.3 - half, 0.3 + half], rtol=1e-6)
    assert sorted(xy(at_090, "seeds-best-gba")[:, 0]) == pytest.approx([0.28, 0.29, 0.3, 0.31, 0.32])
    assert sorted(xy(at_090, "search-gba")[:, 0]) == pytest.approx([0.1, 0.5, 0.8])
    rivals = pd.concat([searched_rows("toy", scores), searched_rows("toy", lambda *_: 0.25, "topk")])
    assert "GBA recovers 0.30, the best other, TopK, tied, 0.25" in toy.plot(rivals).get_suptitle().replace("\n", " ")


def test_toy_marks_what_the_paper_reports():
    figure = toy.plot(rows_of("toy", "standard"))
    at_080, at_090, over_k, *_ = panels(figure)
    for name, tau_080, tau_090 in (("gba", 1.0, 1.0), ("gba-low", 0.383, 0.039)):
        assert xy(at_080, f"reported-{name}")[0, 0] == tau_080
        assert xy(at_090, f"reported-{name}")[0, 0] == tau_090
    assert not has(at_080, "reported-ba")
    assert xy(over_k, "reported-k").tolist() == [[20, 0.984], [30, 0.242], [50, 0.234]]
    assert ticks(at_080.yaxis)[1:3] == ["GBA (gain 0.1)", "GBA (from targets)"]


def test_toy_sweeps_are_means_over_fresh_seeds_with_the_winner_among_them():
    rows = standard("toy")
    _, _, over_k, frequency, *_ = panels(toy.plot(rows))
    swept = rows["arm"].str.startswith("topk, k ") & (rows["seed"] > 0)
    best = rows["arm"].eq(f"topk, trial {winner('toy', 'topk')}") & (rows["seed"] > 0)
    expected = rows[swept | best].groupby("k")["feature_recovery_rate"].mean()
    np.testing.assert_allclose(xy(over_k, "k-topk"), np.column_stack([expected.index, expected]), rtol=1e-12)
    gids = {line.get_gid() for line in frequency.lines}
    assert {"gba-own-start-high_target_frequency", "gba-arrived-low_target_frequency"} <= gids


def test_toy_shows_which_values_work_at_each_width_and_over_how_many_decades():
    rows, works = standard("toy"), pd.Series(False, index=range(len(standard("toy"))))
    for method, knob, low, high in (
        ("topk", "k", 1, 9), ("topk-untied", "k", 1, 3),
        ("gba-arrived", "high_target_frequency", 0.02, 1), ("gba-arrived", "low_target_frequency", 0.00001, 0.02),
    ):  # fmt: skip
        works |= rows["arm"].str.match(rf"{method} at \d+.*, {knob} ") & rows[knob].between(low, high)
    ranged = rows["arm"].str.contains(r" at \d+.*, (?:k|high|low)")
    # Where only half is recovered by any, half is enough; what the seed of the search recovers does not count.
    rates = works * np.where(rows["n_neurons"] == 1_024, 0.5, 1.0)
    rows.loc[ranged, "feature_recovery_rate"] = rates[ranged]
    figure = toy.plot(rows)
    k, frequency = panels(figure)[-2:]
    assert ticks(k.yaxis) == ["128", "256", "512", "1,024", "256, b_pre learned", "256, equal h"]
    # By hand: recovery passes 0.9 after a tenth of the way, in logarithms, from what works to what does not.
    end = 9 * (14 / 9) ** 0.1
    for y in range(6):
        assert xy(k, f"works-K-{y - 0.18:.2f}") == pytest.approx(np.array([[1, y - 0.18], [end, y - 0.18]]))
    assert has(k, "works-K, untied-3.18") and not has(k, "works-K, untied-4.18")  # not run in other forms
    low = 0.02 * (0.006 / 0.02) ** 0.1
    assert xy(frequency, "works-HTF--0.18")[:, 0] == pytest.approx([low, 0.95])
    assert xy(frequency, "works-LTF-0.18")[:, 0] == pytest.approx([0.00002, 0.02])
    notes = [text.get_text() for text in k.texts]
    assert f"K {np.log10(end):.1f}" in notes and f"K, untied {np.log10(3 * 3**0.1):.1f}" in notes
    assert "K works over 1.0 decades, GBA's frequencies over 1.7" in figure.get_suptitle().replace("\n", " ")
    searched = rows[ranged & (rows["seed"] == 1)].assign(seed=0, feature_recovery_rate=1.0)  # that seed does not count
    assert toy.plot(pd.concat([rows, searched])).get_suptitle() == figure.get_suptitle()


# --- frontier


def test_frontier_draws_means_along_a_knob_and_leaves_the_search_out():
    rows = rows_of("frontier", "standard")
    figure = frontier.plot(rows)
    loss, recovery, _ = panels(figure)
    assert "of its 4 points" in figure.get_suptitle().replace("\n", " ")
    for name, algorithm in (("topk-untied", "topk-untied"), ("gba", "gba")):
        points = rows[(rows["algorithm"] == algorithm) & ~rows["arm"].str.contains("trial")].groupby("arm")
        assert len(points) == 4
        on_log_axes = points[["l0", "fraction_variance_unexplained"]].agg(lambda each: np.exp(np.log(each).mean()))
        expected = on_log_axes.sort_values("l0").to_numpy()
        np.testing.assert_allclose(xy(loss, f"frontier-{name}"), expected, rtol=1e-12)
        expected = np.column_stack([on_log_axes["l0"], points["feature_recovery_rate"].mean()])
        expected = expected[np.argsort(expected[:, 0])]
        np.testing.assert_allclose(xy(recovery, f"frontier-{name}"), expected, rtol=1e-12)


def test_frontier_says_at_how_many_points_gba_reconstructs_best():
    points = [("gba", 2.0, 0.4), ("gba", 4.0, 0.3), ("gba", 16.0, 0.01), ("topk", 1.0, 0.6), ("topk", 8.0, 0.25)]
    table = pd.DataFrame(points, columns=["method", "l0", "fraction_variance_unexplained"])
    # TopK at L0 = 2 and 4, in logarithms: 0.6 (0.25/0.6)^(1/3) = 0.448 and 0.335; at 16 it has no point.
    assert frontier._answer(table.assign(arm=range(5))) == "GBA reconstructs best at 3 of its 3 points"
    worse = table.assign(arm=range(5)).replace({0.4: 0.5})
    assert frontier._answer(worse) == "GBA reconstructs best at 2 of its 3 points"


def test_histograms_are_shares_in_the_bins_of_the_rows():
    np.testing.assert_allclose(HISTOGRAM_EDGES[1:], firing.BIN_EDGES, rtol=1e-12)
    axes = panels(frontier.plot(rows_of("frontier", "standard")))[2]
    after = artist(axes, "frequency_histogram").get_data()
    # 5 neurons never fire, 10 are in bin 11 and 5 in bin 12 of the series, counted from 0; the first is drawn apart.
    assert {k: value for k, value in enumerate(after[0]) if value} == {10: 0.5, 11: 0.25}
    np.testing.assert_allclose(after[1], HISTOGRAM_EDGES[1:], rtol=1e-12)
    assert artist(axes, "frequency_histogram-never").get_data()[0].tolist() == [0.25]
    with pytest.raises(ValueError, match=r"^frequency_histogram has 2 numbers, but should have 21$"):
        frontier.plot(rows_of("frontier", "standard").assign(frequency_histogram="1 2"))


# --- consistency


def test_consistency_shows_both_shares_chance_and_recovery():
    rows = rows_of("consistency", "standard")
    shares, recovery, selectivity = panels(consistency.plot(rows))
    rows = rows[rows["seed"] > 0]  # that of the search is not drawn
    means = rows.groupby("algorithm")[["consistency", "consistency_top", "feature_recovery_rate"]].mean()
    for name in ("gba", "batchtopk-untied"):
        assert xy(shares, f"consistency-{name}")[0, 0] == pytest.approx(means["consistency"][name])
        assert xy(shares, f"consistency_top-{name}")[0, 0] == pytest.approx(means["consistency_top"][name])
        expected = means["feature_recovery_rate"][name]
        assert xy(recovery, f"feature_recovery_rate-{name}")[0, 0] == pytest.approx(expected)
        seeds = rows.loc[rows["algorithm"] == name, "consistency"]
        assert sorted(xy(shares, f"seeds-consistency-{name}")[:, 0]) == pytest.approx(sorted(seeds))
    assert artist(shares, "consistency_top-gba").get_markerfacecolor() == "white"
    assert xy(shares, "chance")[:, 0].tolist() == [1e-20, 1e-20]
    # Not the neurons of Z-score 0; means of five equal numbers, a rounding each.
    np.testing.assert_allclose(xy(selectivity, "profile-l1-untied"), [[5, 0.4], [10, 0.5]], rtol=1e-12)
    assert ticks(shares.yaxis) == ["GBA", "BA", "TopK, tied", "TopK", "BatchTopK", "L1", "JumpReLU"]


def test_numbers_left_in_a_run_that_failed_do_not_count():
    rows = rows_of("consistency", "standard")
    rows.loc[(rows["algorithm"] == "gba") & (rows["seed"] == 1), ["status", "consistency"]] = ["failed", 1.0]
    shares = panels(consistency.plot(rows))[0]
    kept = rows[(rows["algorithm"] == "gba") & (rows["seed"] > 1)]["consistency"]
    assert xy(shares, "consistency-gba")[0, 0] == pytest.approx(kept.mean())
    assert ticks(shares.yaxis)[0] == "GBA (1 of 6 failed)"


# --- sensitivity


def test_sensitivity_has_a_panel_a_choice_with_its_means_and_what_is_best():
    rows = standard("sensitivity")
    found = {
        f"{axes.get_title().splitlines()[0]}, {axes.get_xlabel()}": axes for axes in panels(sensitivity.plot(rows))
    }
    assert list(found) == [
        "GBA, rate", "GBA, groups $K$", "GBA, HTF", "GBA, LTF", "GBA, gain", "GBA, initial bias",
        "TopK, tied, rate", "TopK, tied, $K$", "L1, rate", "L1, penalty",
    ]  # fmt: skip
    axes = found["L1, penalty"]
    best = rows[rows["arm"].eq(f"l1-untied, trial {winner('sensitivity', 'l1-untied')}") & (rows["seed"] > 0)]
    cells = pd.concat([rows[rows["arm"].str.startswith("l1-untied, penalty ")], best])
    expected = cells.groupby("penalty")["feature_recovery_rate"].mean()
    np.testing.assert_allclose(xy(axes, "l1-untied-penalty")[:, 1], expected, rtol=1e-12)
    assert axes.get_title().endswith(f"{expected.min():.2f} to {expected.max():.2f}")
    assert len(xy(axes, "seeds-l1-untied-penalty")) == len(cells)
    assert axes.lines[-1].get_ydata()[0] == pytest.approx(best["feature_recovery_rate"].mean())
    title = sensitivity.plot(rows).get_suptitle().replace("\n", " ")
    for method, label in (("gba", "GBA"), ("topk", "TopK, tied"), ("l1-untied", "L1")):
        kept = shares_kept(rows, method).mean()  # the scorecard's
        knob = sensitivity.NAMES.get(kept.idxmin(), kept.idxmin().replace("_", " "))
        assert f"{label} {kept.min():.2f} ({knob})" in title


# --- time to recovery


def time_rows():
    """Rows in which the default of tied TopK wins the search."""
    rows = rows_of("time_to_recovery", "standard")
    searched = rows["arm"].str.startswith("topk, trial ") & (rows["seed"] == 0)
    rows.loc[searched, "samples_to_recovery_090"] = 9e9
    rows.loc[rows["arm"].eq("topk, trial 0") & (rows["seed"] == 0), "samples_to_recovery_090"] = 1.0
    return rows, rows.index[rows["arm"].eq("topk, trial 0") & (rows["seed"] > 0)]


def test_time_is_the_geometric_mean_over_fresh_seeds_that_reached_it_at_the_best_of_the_search():
    rows, topk = time_rows()
    rows.loc[topk, "samples_to_recovery_090"] = [10.0, 100.0, 1_000.0, 10_000.0, 100_000.0]
    rows.loc[topk, "samples_to_recovery_099"] = [400.0, np.nan, 100.0, np.nan, np.nan]
    rows.loc[topk, "seconds_to_recovery_099"] = np.nan
    samples, seconds, _ = panels(time_to_recovery.plot(rows))
    assert xy(samples, "090-topk")[0, 0] == pytest.approx(1_000)
    assert sorted(xy(samples, "seeds-090-topk")[:, 0]) == pytest.approx([10, 100, 1_000, 10_000, 100_000])
    half = T4 * np.log(10) * 2.5**0.5 / 5**0.5
    expected = [1_000 * np.exp(-half), 1_000 * np.exp(half)]
    np.testing.assert_allclose(xy(samples, "interval-090-topk")[:, 0], expected, rtol=1e-5)
    assert xy(samples, "099-topk")[0, 0] == pytest.approx(200)
    assert " 2 of 5" in [text.get_text() for text in samples.texts]
    assert artist(seconds, "missed-topk").get_text() == "0.99 not reached \u25b8"
    assert not has(seconds, "099-topk")
    assert artist(samples, "099-topk").get_markerfacecolor() == "white"
    rows.loc[topk, "seconds_to_recovery_090"] = np.nan
    seconds = panels(time_to_recovery.plot(rows))[1]
    assert artist(seconds, "missed-topk").get_text() == "neither reached \u25b8"
    assert not has(seconds, "missed-gba")


def test_recovery_curves_are_over_samples():
    rows, topk = time_rows()
    *_, curves = panels(time_to_recovery.plot(rows))
    for name, batch, part in (("topk", 64, topk), ("dictionary-learning", 256, rows["arm"] == "dictionary-learning")):
        (steps,) = rows.loc[part, "n_steps"].unique()
        assert xy(curves, f"curve-{name}").tolist() == [[10 * batch, 0.5], [steps * batch, 0.25]]
    (n_samples,) = rows.loc[rows["algorithm"] == "modified-ba", "n_samples"].unique()
    assert xy(curves, "curve-provable").tolist() == [[n_samples, 0.5]]  # at the best of its steps
    with pytest.raises(ValueError, match=r"^recovery_per_step has 2 values, but should have one for each of"):
        time_to_recovery.plot(rows.assign(recovery_per_step="0 1"))


def test_the_title_tells_which_method_has_another_width_and_a_method_has_one():
    rows = rows_of("time_to_recovery").assign(n_neurons=512)
    assert "$M$ = 512" in time_to_recovery.plot(rows).get_suptitle().replace("\n", ", ").split(", ")
    rows.loc[rows["algorithm"] == "modified-ba", "n_neurons"] = 4_096
    assert "$M$ = 512 (provable: 4,096)" in time_to_recovery.plot(rows).get_suptitle()
    two = pd.concat([rows, rows[rows["arm"] == "gba, trial 0"].assign(n_neurons=64)])
    with pytest.raises(ValueError, match=r"^n_neurons=512, 64, but should have one value for gba, trial 0 in this"):
        time_to_recovery.plot(two)


def test_recovery_before_the_first_step_is_refused():
    rows = rows_of("time_to_recovery").assign(samples_to_recovery_090=0.0)
    with pytest.raises(ValueError, match=r"^samples_to_recovery_090=0, but should be positive"):
        time_to_recovery.plot(rows)


# --- resonance in trained autoencoders


def resonance_rows(low=0.5, high=9.0, seeds=(0, 1, 2)):
    """Recovery 0.8 between two edges, in units of 1/n, 0 beyond, at every d; one-sided there is no lower edge.

    After longer training a quarter of it is left at the lowest p, and all of it elsewhere.
    """
    rows = rows_of("resonance_trained", "standard")
    p = rows["target_frequency"] * rows["n_features"]
    inside = (p < high) & ((p > low) | rows["arm"].str.startswith("one"))
    left = np.where(rows["arm"].eq("one-sided, longer") & (p < 0.11), 0.25, 1)
    rows["feature_recovery_rate"] = np.where(inside, 0.8, 0.0) * left
    return rows[rows["seed"].isin(seeds)]


def longest(rows, n, control):
    """Return the rows of a control at one n, of the longest training at each p and d."""
    rows = rows[rows["arm"].isin([control, f"{control}, longer"]) & (rows["n_features"] == n)]
    return rows[rows["n_steps"] == rows.groupby(["target_frequency", "d_model"])["n_steps"].transform("max")]


def test_resonance_has_a_map_a_control_and_n_and_the_edges_of_its_band():
    rows = resonance_rows()
    *maps, band, _ = panels(resonance_trained.plot(rows))
    sizes = sorted({(n, arm.removesuffix(", longer")) for n, arm in zip(rows["n_features"], rows["arm"], strict=True)})
    sizes.remove((128, "one-sided, slow"))  # at one p
    assert len(sizes) > 2
    assert [each.get_title() for each in maps] == [f"{control}, $n$ = {n:,}" for n, control in sizes]
    for axes, (n, control) in zip(maps, sizes, strict=True):
        part = longest(rows, n, control)
        expected = part.pivot_table(index="d_model", columns="target_frequency", values="feature_recovery_rate")
        np.testing.assert_allclose(axes.collections[0].get_array(), expected.to_numpy(), rtol=1e-12)
        assert xy(axes, "feature_frequency")[:, 0] == pytest.approx(3 / n)
        assert xy(axes, "one_feature")[:, 0] == pytest.approx(1 / n)
        assert xy(axes, "root_n")[:, 1] == pytest.approx(n**0.5)
        # Half-way, in logarithms, between the last p without recovery and the first with it; in units of f.
        p = np.unique(part["target_frequency"])
        inside = np.flatnonzero((p * n > 0.5) & (p * n < 9))
        d = np.unique(part["d_model"])
        lower, upper = inside[0], inside[-1]
        told = control == "two-sided" and lower > 0  # at n = 1,024 control holds no p so low
        ends = {"high": (upper, upper + 1)} | ({"low": (lower - 1, lower)} if told else {})
        for end, (j, k) in ends.items():
            edge = np.sqrt(p[j] * p[k]) * n / 3
            np.testing.assert_allclose(xy(band, f"{end}-{control}-{n}"), [[each / n**0.5, edge] for each in d])
    # A quarter is left at the lowest p: a half is a third of the way up from it to the best.
    part = longest(rows, 256, "one-sided")
    p = np.unique(part["target_frequency"])
    edge = p[0] * (p[1] / p[0]) ** ((0.5 - 0.25) / (1 - 0.25)) * 256 / 3
    np.testing.assert_allclose(xy(band, "low-one-sided-256"), [[d / 16, edge] for d in np.unique(part["d_model"])])
    # At n = 128 and d = 8 there is no longer training.
    np.testing.assert_allclose(xy(band, "beyond-low-one-sided-128"), [[8 / 128**0.5, 0.000781 * 128 / 3]])
    told = resonance_trained.plot(rows).get_suptitle().replace("\n", " ").replace("- ", "-")  # broken at hyphens too
    one, two = ([n for n, control in sizes if control == each] for each in ("one-sided", "two-sided"))
    kept = {"one": ["25%"] * len(one), "two": [*["0%"] * (len(two) - 1), "100%"]}
    shares = [f"{', '.join(kept[side])} ({side}-sided, $n$ = {', '.join(f'{n:,}' for n in of)})"
              for side, of in (("one", one), ("two", two))]  # fmt: skip
    assert f"keeps at most {shares[0]} and {shares[1]}, the highest 0%" in told
    assert "Nothing is told" in resonance_trained.plot(rows[rows["d_model"] == 16]).get_suptitle()


def test_where_control_has_not_arrived_is_marked():
    rows = resonance_rows(seeds=(0,)).assign(target_profile="0.01:0.001:0.0149:0.9")
    assert not any(len(xy(axes, "late")) for axes in panels(resonance_trained.plot(rows))[:-2])
    one = rows.index[(rows["arm"] == "two-sided") & (rows["n_features"] == 128) & (rows["d_model"] == 32)][1:2]
    rows.loc[one, "target_profile"] = "0.01:0.001:0.0151:0.9"
    marked = [xy(axes, "late") for axes in panels(resonance_trained.plot(rows))[:-2]]
    assert [len(each) for each in marked] == [0, 1, *[0] * (len(marked) - 2)]
    np.testing.assert_allclose(marked[1], rows.loc[one, ["target_frequency", "d_model"]])


def test_the_lower_end_is_drawn_over_the_longest_training():
    rows = resonance_rows()
    rows["recovery_per_step"] = [f"0 {0.5 + seed / 10} 0.2" for seed in rows["seed"]]
    rows.loc[rows["n_steps"] == 800, "recovery_per_step"] = "0 1 1"
    end = panels(resonance_trained.plot(rows))[-1]
    for n, control, steps in ((128, "one-sided", 3_200), (256, "one-sided", 4_800), (128, "one-sided, slow", 3_200)):
        np.testing.assert_allclose(xy(end, f"end-{control}-{n}"), [[0, 0], [10 / steps, 0.6], [1, 0.2]])
    assert not has(end, "end-one-sided, slow-256")


def test_an_edge_is_told_only_where_something_recovers_and_every_seed_passes_it():
    rows = resonance_rows()
    part = rows[(rows["arm"] == "two-sided") & (rows["d_model"] == 32) & (rows["n_features"] == 128)]
    found = resonance_trained.edges(part)
    assert found["seed"].tolist() == [0, 1, 2] and found[["low", "high"]].notna().all(axis=None)
    weak = part.assign(feature_recovery_rate=part["feature_recovery_rate"] / 2)
    assert resonance_trained.edges(weak).empty
    # One seed that recovers at the lowest p too: the edge lies beyond the grid.
    first = (rows["seed"] == 0) & (rows["target_frequency"] < 0.004) & rows["arm"].str.startswith("two-sided")
    rows.loc[first & (rows["n_features"] == 128), "feature_recovery_rate"] = 0.8
    band = panels(resonance_trained.plot(rows))[-2]
    assert not has(band, "low-two-sided-128") and has(band, "beyond-low-two-sided-128")
    assert has(band, "high-two-sided-128")


def test_a_run_that_failed_is_crossed():
    rows = resonance_rows(seeds=(0,))
    cell = rows.index[(rows["arm"] == "two-sided") & (rows["d_model"] == 64) & (rows["n_features"] == 128)][2]
    rows.loc[cell, ["status", "feature_recovery_rate"]] = ["diverged", np.nan]
    two = panels(resonance_trained.plot(rows))[1]
    crosses = np.concatenate([each.get_xydata() for each in two.lines if str(each.get_gid()).startswith("failed")])
    np.testing.assert_allclose(crosses, [[rows.loc[cell, "target_frequency"], 64]], rtol=1e-9)


# --- SynthSAEBench


def test_the_benchmark_has_a_line_a_method_over_its_relative_sparsity_and_the_published_points():
    rows = rows_of("synthsaebench", "standard")
    rows.loc[rows["arm"].str.startswith("topk-untied"), ["l0", "f1_score"]] = [6.0, 0.5]
    f1 = panels(synthsaebench.plot(rows))[0]
    np.testing.assert_allclose(xy(f1, "line-topk-untied"), [[2, 0.5]] * 3)  # 3 features are active in these rows
    assert xy(f1, "line-gba").shape == (4, 2)
    np.testing.assert_allclose(xy(f1, "published-matryoshka"), [[20 / 34.5, 0.8601], [25 / 34.5, 0.8793]])
    assert not has(f1, "published-gba")
    best = rows.groupby("arm")["f1_score"].mean().max()
    assert f"F1 score {best:.2f}" in synthsaebench.plot(rows).get_suptitle()
