"""The figure of `implementations`, on the cells of its grid with made-up results; SAELens is not needed."""

from __future__ import annotations

import pandas as pd
import pytest
from figure_helper import artist, assert_legible, has, legend, panels, rows_of, said, ticks, xy

from figures import implementations
from simulations.experiments.implementations import EXPERIMENT, SIDES, TOY_KS, WORLDS
from simulations.runs.cell import Cell

MEANS = {"ours": 0.5, "SAELens": 0.6, "norm-0.1": 0.3, "defaults": 0.2, "free": 0.6}
METHODS = ("topk", "batchtopk", "matryoshka", "l1", "jumprelu", "gated")


def rates(rows: pd.DataFrame, values: dict[str, float]) -> pd.DataFrame:
    """Return the rows with the recovery of each side, plus a hundredth per seed."""
    found = [values[arm.rsplit(" ", 1)[1]] + 0.01 * seed for arm, seed in zip(rows["arm"], rows["seed"], strict=True)]
    return rows.assign(feature_recovery_rate=found)


def test_each_world_has_each_method_by_both_codes_on_equal_data() -> None:
    points = EXPERIMENT.points("standard", device="cpu")
    assert {point["arm"] for point in points} == {
        f"{world}: {method} {side}"
        for world in WORLDS for method in METHODS for side in SIDES
        if side != "free" and (side != "norm-0.1" or method == "topk") and (side != "defaults" or world == "canonical")
    } | {f"toy: topk, K = {k} {side}" for k in TOY_KS for side in ("ours", "SAELens", "free")}  # fmt: skip
    assert {point["seed"] for point in points} == set(range(5))
    for world in (*WORLDS, "toy"):
        cells = [Cell(**point) for point in points if point["arm"].startswith(f"{world}: ") and point["seed"] == 2]
        shared = ("n_steps", "batch_size", "n_neurons", "learning_rate", "schedule", "n_samples")
        assert len({tuple(getattr(each, name) for name in shared) for each in cells}) == 1
        assert len({repr(each.leaves.model) for each in cells}) == 1


def test_differences_are_paired_by_seed() -> None:
    rows = rates(rows_of("implementations", "standard"), MEANS)
    figure = implementations.plot(rows)
    assert [axes.get_title() for axes in panels(figure)] == [*WORLDS, "toy ($n$ = 128, $d$ = 42, $M$ = 256)"]
    axes = panels(figure)[0]
    assert xy(axes, "SAELens-l1")[0] == pytest.approx((0.1, 3 - 0.22))
    assert xy(axes, "defaults-l1")[0] == pytest.approx((-0.3, 3 + 0.22))
    assert xy(axes, "norm-0.1-topk")[0] == pytest.approx((-0.2, 0)) and not has(axes, "norm-0.1-l1")
    assert not has(axes, "interval-SAELens-l1")  # equal differences have an interval of no length
    assert ticks(axes.yaxis) == [f"{name} (0.52)" for name in METHODS]
    assert ticks(panels(figure)[-1].yaxis) == [f"topk, K = {k} (0.52)" for k in TOY_KS]
    assert xy(panels(figure)[6], "free-topk, K = 14")[0] == pytest.approx((0.1, 2 + 0.22))
    assert legend(figure) == [
        "SAELens, same recipe",
        "the same, decoder norm 0.1 at the start",
        "SAELens, as it comes",
        "ours, decoder norms as free as there",
    ]
    assert "Within the interval in 0 of 40 pairs" in " ".join(said(figure)).replace("\n", " ")
    assert any("5 seeds" in text for text in said(figure))
    assert_legible(figure)


def test_intervals_are_of_the_differences() -> None:
    rows = rates(rows_of("implementations", "standard"), MEANS)
    ours = rows["arm"].str.endswith("ours")
    rows.loc[ours, "feature_recovery_rate"] += 0.05 * (rows.loc[ours, "seed"] - 2)
    (low, _), (high, _) = xy(panels(implementations.plot(rows))[0], "interval-SAELens-topk")
    # Differences 0.1 +- 0.05 (0, 1, 2): deviation 0.0791; t of 4 degrees of freedom 2.776445 / sqrt(5).
    assert (low, high) == pytest.approx((0.1 - 0.09816, 0.1 + 0.09816), abs=1e-4)
    rows.loc[ours, "feature_recovery_rate"] += 0.01  # the intervals reach 0 now
    told = " ".join(said(implementations.plot(rows))).replace("\n", " ")
    assert "Within the interval in 40 of 40 pairs" in told


def test_a_side_without_rows_is_blank() -> None:
    rows = rows_of("implementations")
    figure = implementations.plot(rows[rows["arm"].str.endswith("ours")])
    assert not any(has(axes, f"{side}-topk") for axes in panels(figure) for side in implementations.SIDES)
    failed = rows.assign(status=["failed" if "defaults" in arm else "ok" for arm in rows["arm"]])
    axes = panels(implementations.plot(failed))[0]
    assert has(axes, "SAELens-topk") and not has(axes, "defaults-topk")
    assert artist(axes, "SAELens-topk").get_marker() == "o"


@pytest.mark.parametrize("arm", ["topk ours", "zipf: topk", "zipf: topk theirs"])
def test_an_arm_of_another_form_is_refused(arm: str) -> None:
    rows = rows_of("implementations")
    rows.loc[0, "arm"] = arm
    with pytest.raises(ValueError, match=f"^arm='{arm}', but should be WORLD: METHOD SIDE"):
        implementations.plot(rows)
