"""Figures of the experiments that bend one hypothesis: what is drawn is what the rows say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from figure_helper import row

from figures import activations, balance, cooccurrence
from simulations.data.laws.choice import REGISTRIES


def table(*cells: dict[str, Any]) -> pd.DataFrame:
    usual = row(n_features=64, d_model=32, center=True)
    usual |= {"feature_recovery_rate": 0.5, "frequency_profile": "0.01:0.2:0.01 0.02:0.4:0.01"}
    return pd.DataFrame([usual | each for each in cells])


def test_activations_draw_a_line_each() -> None:
    rows = table(
        *(
            {"arm": name, "target_frequency": p, "feature_recovery_rate": rate}
            for name, rate in (("ReLU", 0.8), ("JumpReLU", 0.3))
            for p in (0.01, 0.1)
        )
    )
    axes = activations.plot(rows).axes[0]
    drawn = {str(each.get_label()): each.get_ydata() for each in axes.get_lines()}
    np.testing.assert_allclose(np.asarray(drawn["ReLU"], dtype=float), [0.8, 0.8])
    np.testing.assert_allclose(np.asarray(drawn["JumpReLU"], dtype=float), [0.3, 0.3])


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_planted_cooccurrence_is_what_samples_have(probability: float) -> None:
    n, s, n_samples = 20, 3, 40_000
    law = f"planted:{probability}"
    support, _ = REGISTRIES["support"].parse(law).draw(n, s, n_samples, np.random.default_rng(0))
    active = np.zeros((n_samples, n), dtype=bool)
    np.put_along_axis(active, support.astype(np.int64), True, axis=1)
    share = (active[:, 0::2] & active[:, 1::2]).sum() / active[:, 0::2].sum()
    # About s N / 2 = 60,000 occurrences of the even features; 5 sigma of a share at most 1/2.
    assert abs(share - cooccurrence.planted_cooccurrence(law, n, s)) < 5 * 0.5 / np.sqrt(s * n_samples / 2)


def test_cooccurrence_refuses_other_laws() -> None:
    with pytest.raises(ValueError, match="support_law='uniform', but should be planted"):
        cooccurrence.plot(table({"support_law": "uniform"}))


def test_cooccurrence_marks_each_threshold() -> None:
    rows = table(*({"n_features": n, "support_law": f"planted:{p}"} for n in (64, 256) for p in (0.1, 1)))
    axes = cooccurrence.plot(rows).axes[0]
    marks = [np.asarray(each.get_xdata(), dtype=float) for each in axes.get_lines()]
    vertical = sorted(float(x[0]) for x in marks if len(x) == 2 and x[0] == x[1])
    np.testing.assert_allclose(vertical, [1 / 16, 1 / 8])


def test_balance_separates_rare_from_frequent_at_labelled_ratios() -> None:
    points = "0.01:0.1:0 0.01:0.1:0 0.01:0.1:0 0.1:0.9:0.1"
    axes = balance.plot(table({"support_law": "two-level:0.2:10", "frequency_profile": points})).axes[0]
    drawn = {str(each.get_label()): (each.get_xdata(), each.get_ydata()) for each in axes.get_lines()}
    for name, rate in (("rarest quarter", 0.1), ("most frequent twelfth", 0.9)):
        np.testing.assert_allclose(np.asarray(drawn[name], dtype=float).ravel(), [0.1, rate])
    assert [each.get_text() for each in axes.get_xticklabels()] == ["0.1"]


def test_balance_refuses_what_is_no_profile() -> None:
    with pytest.raises(ValueError, match="frequency_profile should hold numbers"):
        balance.plot(table({"support_law": "two-level:0.2:10", "frequency_profile": "a:b"}))
