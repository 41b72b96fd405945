"""Rows for the tests of figures, the cells of an experiment with made-up results, and what can be seen in a figure."""

import hashlib
import itertools

import matplotlib
import numpy as np
import pandas as pd

from simulations.experiments import experiment
from simulations.runs.cell import Cell

# Frequencies of features, recovery and frequency of their neurons.
PROFILE = "0.08:0.25:0.03 0.09:0.5:0.04 0.1:0:0"
RESULTS = (
    *("feature_recovery_rate", "feature_recovery_rate_080", "l0", "fraction_variance_unexplained", "consistency"),
    *("consistency_top", "consistency_chance", "learnable_fraction", "log10_required_width", "mean_bias"),
    *("recovery_up_to_shift", "f1_score", "mcc", "uniqueness", "precision", "recall", "measured_sparsity"),
    "measured_cooccurrence",
    *("log10_required_width_low", "log10_required_width_high", "predicted_recovery_rate"),
    *("predicted_recovery_rate_low", "predicted_recovery_rate_high", "kept_fraction", "changed_fraction"),
    *("mixed_fraction", "kept_by_projection", "kept_after_one_step", "coefficient_slope", "rescaling_gain"),
    *(f"{unit}_to_recovery_{level}" for unit in ("samples", "seconds") for level in ("090", "099")),
)
SERIES = (
    *("recovery_per_step", "recovery_per_step_080", "recovery_steps", "frequency_profile", "frequency_histogram"),
    *("frequency_histogram_start", "selectivity_profile", "level_profile", "neuron_trajectories"),
)


def row(status="ok", arm="", results=None, **settings):
    """Return the row of a cell as it is read: its own settings, its arm, and those results."""
    cell = Cell(**settings)
    return cell.settings() | {"arm": arm, "status": status, "version": "0.1.0"} | (results or {})


def made_up(cell):
    """Return results that are the same for the same cell, each in its range."""
    frr = int.from_bytes(hashlib.sha256(cell.key().encode()).digest()[:4], "big") / 2**32
    n_steps = cell.n_steps
    trained = cell.algorithm != "modified-ba"
    history = [0.0, 0.5, 0.25] if trained else [0, *[0.5] * (n_steps - 1), 0.25]
    found = {"feature_recovery_rate": frr / 2, "feature_recovery_rate_080": frr, "frequency_profile": PROFILE}
    found |= {"recovery_up_to_shift": frr} if trained else {}
    found |= {name: frr for name in ("f1_score", "mcc", "uniqueness", "precision", "recall")} if trained else {}
    found |= {"measured_sparsity": 3.0, "measured_cooccurrence": frr}
    found |= {name: " ".join(f"{each:g}" for each in history) for name in SERIES[:2]}
    for unit, scale in (("samples", 1e5), ("seconds", 10)):
        found |= {f"{unit}_to_recovery_{level}": scale * (1 + frr) for level in ("090", "099")}
    found |= {"learnable_fraction": frr, "log10_required_width": 3 + frr}
    found |= {"log10_required_width_low": 2 + frr, "log10_required_width_high": 4 + frr}
    found |= {"predicted_recovery_rate": frr, "predicted_recovery_rate_low": frr / 2, "predicted_recovery_rate_high": 1}
    if not str(getattr(cell, "coefficient_law", "constant")).startswith(("constant", "levels:0.2:1")):
        found |= {"level_profile": f"1.5:{frr:g} 3:{frr / 2:g} 6:0 12:0"}
    if cell.instrument == "trajectories":
        cosines = [0.3, *[0.6 + frr / 4] * (n_steps - 1), 0.95]
        points = [f"{kind}:{kind}:{t}:{c:g}:{c / 3:g}" for kind in (0, 1, 2) for t, c in enumerate(cosines)]
        found |= {"neuron_trajectories": " ".join(points)}
        found |= {"kept_fraction": frr / 2, "changed_fraction": frr / 4, "mixed_fraction": 1 - 3 * frr / 4}
        found |= {"kept_by_projection": 0.6 * frr, "kept_after_one_step": 0.7 * frr}
    if trained:
        bins = "5 " + "0 " * 10 + "10 5" + " 0" * 8
        found |= {"recovery_steps": f"0 10 {n_steps}", "l0": 1 + 9 * frr, "frequency_histogram": bins}
        found |= {"frequency_histogram_start": "0 " * 20 + "20", "fraction_variance_unexplained": 1 - frr / 2,
                  "mean_bias": -frr / 2}  # fmt: skip
        found |= {"consistency": frr, "consistency_top": frr / 3, "consistency_chance": 1e-20}
        found |= {"selectivity_profile": "0:0.9 5:0.4 10:0.5", "coefficient_slope": frr, "rescaling_gain": frr / 2}
    return found


def rows_of(name, preset="quick", seed=0):
    """Return the rows of an experiment with made-up results."""
    cells = [Cell(**point) for point in experiment(name).points(preset, seed=seed)]
    found = [row(results=made_up(cell), **cell.given()) for cell in cells]
    return pd.DataFrame(found).reindex(
        columns=list(dict.fromkeys([*found[0], *pd.DataFrame(found), *RESULTS, *SERIES]))
    )


def panels(figure):
    """Return the axes that are no colour bar."""
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>" and axes.get_visible()]


def artist(axes, gid):
    """Return the one artist with that name."""
    (found,) = [each for each in axes.get_children() if each.get_gid() == gid]
    return found


def xy(axes, gid):
    """Return the points of the line with that name."""
    return np.asarray(artist(axes, gid).get_xydata())


def has(axes, gid):
    """Return whether there is an artist with that name."""
    return any(each.get_gid() == gid for each in axes.get_children())


def legend(figure):
    """Return the texts of the one legend of the figure."""
    (only,) = figure.legends
    return [text.get_text() for text in only.get_texts()]


def ticks(axis):
    """Return the labels of an axis."""
    return [text.get_text().replace("\n", " ") for text in axis.get_ticklabels()]


def said(figure):
    """Return every text of a figure, on one line each."""
    return [text.get_text().replace("\n", " ") for text in figure.findobj(matplotlib.text.Text)]


def assert_legible(figure):
    """Assert that all text is legible in print and inside the figure, legends clear of the panels and the footer.

    The heading, too, is inside the figure and clear of the panels, and the legend of a panel is within it or beside it.
    """
    figure.draw_without_rendering()
    texts = [each for each in figure.findobj(matplotlib.text.Text) if each.get_visible() and each.get_text()]
    assert min(each.get_fontsize() for each in texts) >= 7
    width, height = figure.bbox.size
    axes = [each.get_tightbbox() for each in figure.axes if each.get_visible()]
    legends = [each.get_window_extent() for each in figure.legends]
    feet = [each.get_window_extent() for each in figure.texts if each.get_gid() == "footer"]
    heads = [figure._suptitle.get_window_extent()] if figure._suptitle is not None else []
    for box in axes + legends + feet + heads:
        # One pixel for the rounding of glyphs to the pixel grid.
        assert min(box.x0, box.y0) >= -1
        assert max(box.x1 - width, box.y1 - height) <= 1
    assert all(each.y1 <= box.y0 + 1 for box in heads for each in axes), "a panel is over the heading"
    for panel, inner in ((each.get_window_extent(), each.get_legend()) for each in figure.axes if each.get_legend()):
        box = inner.get_tightbbox()
        within = panel.x0 - 1 <= box.x0 and box.x1 <= panel.x1 + 1
        assert within or box.x0 >= panel.x1 - 1, f"the legend {inner.get_texts()[0].get_text()!r}... leaves its panel"
    for panel in figure.axes:
        marks = [each for each in panel.get_xticklabels() if each.get_visible() and each.get_text()]
        boxes = sorted(
            (each.get_window_extent() for each in marks if not each.get_rotation()), key=lambda each: each.x0
        )
        inside = [each for each in boxes if panel.bbox.x0 - 1 <= (each.x0 + each.x1) / 2 <= panel.bbox.x1 + 1]
        touch = [one for one, other in itertools.pairwise(inside) if one.x1 > other.x0 + 1]
        assert not touch or panel.get_label() == "<colorbar>", f"ticks of {panel.get_xlabel()!r} are over each other"
    for box in legends:
        assert all(box.y1 <= each.y0 + 1 for each in axes), "the legend is over a panel"
        assert all(each.y1 <= box.y0 + 1 for each in feet), "the footer is over the legend"
