"""The figure of the basins: what stands over the initial bias, and what alone."""

import numpy as np
import pandas as pd
import pytest
from figure_helper import artist, assert_legible, has, panels, rows_of, said, ticks, xy

from figures import basins


@pytest.mark.parametrize("preset", ["quick", "standard"])
def test_every_choice_is_in_every_world(preset):
    rows = rows_of("basins", preset)
    figure = basins.plot(rows)
    assert_legible(figure)
    worlds = rows["arm"].str.partition(", ")[0].unique()
    columns = np.reshape(panels(figure), (4, len(worlds)))
    assert [axes.get_title().partition("\n")[0] for axes in columns[0]] == list(worlds)
    for axes in columns[-1]:
        assert all(has(axes, f"alone-{y}") for y in range(len(ticks(columns[-1, 0].yaxis))))
    told = ticks(columns[-1, 0].yaxis)
    assert told[:3] == ["default", "the paper's form", "the paper's form, gain 0.1"]
    assert preset == "quick" or {"gain 0.1", "HTF 0.05", "schedule constant", "start frequency 0.1"} <= set(told)
    assert any("the speed of control choose" in each for each in said(figure))


def test_the_numbers_are_means_over_seeds():
    rows = rows_of("basins", "standard")
    first = panels(basins.plot(rows))[0]
    mine = rows[rows["arm"] == "toy, initial bias, b_pre zero"].groupby("initial_bias")["feature_recovery_rate"].mean()
    (zero,) = [line for line in first.get_lines() if line.get_label() == "zero"]
    np.testing.assert_allclose(zero.get_xydata(), mine.reset_index().to_numpy(float))
    usual = rows.loc[rows["arm"] == "toy, default", "feature_recovery_rate"].mean()
    assert artist(first, "default-feature_recovery_rate").get_ydata()[0] == pytest.approx(usual)
    last = panels(basins.plot(rows))[-3]
    assert xy(last, "alone-0")[0] == pytest.approx([usual, 0])


def test_a_setting_that_no_arm_chooses_has_one_value():
    rows = rows_of("basins")
    rows.loc[rows.index[0], "n_groups"] = 7
    rows.loc[rows.index[0], "arm"] = rows["arm"].iloc[1]
    with pytest.raises(ValueError, match=r"^n_groups=.*, but should have one value for .* in this figure$"):
        basins.plot(rows)


def test_the_border_is_where_half_is_recovered():
    means = pd.Series({0.0: 0.0, -0.1: 0.25, -0.2: 0.75, -0.3: 1.0})
    assert basins.border(means) == pytest.approx(-0.15)
    assert basins.border(means[::-1], 0.875) == pytest.approx(-0.25)
    assert np.isnan(basins.border(means * 0.4)) and np.isnan(basins.border(means + 0.6))
    rows = rows_of("basins", "standard")
    mine = rows["arm"].str.endswith("b_pre zero")
    rows.loc[mine, "feature_recovery_rate"] = (rows.loc[mine, "initial_bias"] < -0.15).astype(float)
    rows.loc[rows["arm"].str.endswith("default, larger"), "feature_recovery_rate"] = 0.875
    told = " ".join(said(basins.plot(rows)))
    assert "toy: border at a bias of -0.10 (default at n = 160: 0.88)" in " ".join(told.split())
