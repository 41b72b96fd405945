"""The figure of b_pre: means over seeds, also up to a common shift, and the answer in its title."""

import pytest
from figure_helper import artist, assert_legible, panels, rows_of, said, ticks, xy

from figures import pre_bias

FIRST, SHIFTED = "feature_recovery_rate", "recovery_up_to_shift"


def test_points_are_means_and_the_title_tells_them():
    rows = rows_of("pre_bias", "standard")
    for value, recovery in (("zero", 0.9), ("learned", 0.2), ("mean", 0.6)):
        mine = rows["pre_bias"] == value
        rows.loc[mine, FIRST] = recovery + 0.01 * rows.loc[mine, "seed"]
        rows.loc[mine, SHIFTED] = 0.95
    figure = pre_bias.plot(rows)
    assert_legible(figure)
    first, *_, last = panels(figure)
    assert [axes.get_title().partition("\n")[0] for axes in panels(figure)] == ["toy", "canonical", "Zipf"]
    assert ticks(first.yaxis) == ["GBA", "BA", "TopK", "L1"]
    assert xy(last, f"{FIRST}-learned-TopK")[0] == pytest.approx((0.22, 2))
    assert xy(last, f"{SHIFTED}-learned-TopK")[0] == pytest.approx((0.95, 2))
    assert artist(last, f"{SHIFTED}-learned-TopK").get_markerfacecolor() == "none"
    told = " ".join(said(figure)).replace("\n", " ")
    assert "0.92 frozen at 0, 0.22 learned (0.95 up to a shift), 0.62 frozen at the mean" in told
    assert "5 seeds" in told


def test_another_setting_has_one_value():
    rows = rows_of("pre_bias")
    rows["n_groups"] = rows["n_groups"].astype(object)
    rows.loc[rows["algorithm"] == "gba", "n_groups"] = [3, 4, 5]
    with pytest.raises(ValueError, match=r"^n_groups=.*, but should have one value for canonical, GBA in this figure$"):
        pre_bias.plot(rows)
