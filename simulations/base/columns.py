"""The columns of a row: every setting, then the results, each with what it may hold."""

from __future__ import annotations

import math
from typing import NamedTuple

from simulations.base.settings import SETTING_COLUMNS


class Column(NamedTuple):
    """A result: what it is, the range of its numbers, and whether a simulated row of status ok has to have it.

    `series` holds several numbers separated by spaces, or by colons within one point; `text` holds any text.
    """

    text: str
    low: float = 0.0
    high: float = 1.0
    needed: bool = False
    kind: str = "number"


def _with_interval(name: str, column: Column) -> dict[str, Column]:
    text = column.text
    ends = {f"{name}_{end}": column._replace(text=f"{text}: {end} end of its 95 % interval") for end in ("low", "high")}
    return {name: column, **ends}


# Cosines of unit vectors in float32 exceed 1 by at most about d * 2^-23, 1e-3 at d = 8,192.
COSINE = (-1.001, 1.001)
POSITIVE = (0.0, math.inf)
ANY = (-math.inf, math.inf)
RESULTS: dict[str, Column] = {
    "status": Column("ok, failed or diverged", kind="text"),
    "message": Column("why, in words", kind="text"),
    "feature_recovery_rate": Column("share of features with a neuron of cosine above 0.9", needed=True),
    "feature_recovery_rate_080": Column("the same at 0.8", needed=True),
    "chance_recovery_rate": Column("the same, at 0.9, for as many random directions", needed=True),
    "matched_recovery_rate": Column("the same, a neuron counting for one feature at most", needed=True),
    "mean_max_cosine": Column("mean over features of the best cosine", *COSINE, needed=True),
    "activation_frequency": Column("mean over neurons of the share of samples they fire on", needed=True),
    "dead_fraction": Column("share of neurons that fire on no sample", needed=True),
    "neurons_per_feature": Column("neurons on a recovered feature (splitting)", *POSITIVE),
    "polysemantic_fraction": Column("share of neurons on no feature", needed=True),
    "max_angle_degrees": Column("largest angle of a feature to its best neuron", 0.0, 180.0),
    "frequency_error": Column("mean |log(p_m / f_i)| of recovered pairs", *POSITIVE),
    "recovery_per_step": Column("recovery rate at recovery_steps", kind="series", needed=True),
    "recovery_per_step_080": Column("the same at 0.8", kind="series", needed=True),
    "seconds": Column("wall time", *POSITIVE, needed=True),
    "version": Column("of sae-recovery", kind="text"),
    # Trained autoencoders
    "recovery_steps": Column("steps at which recovery was measured", *POSITIVE, kind="series"),
    "fraction_variance_unexplained": Column("FVU, loss over the variance of x", *POSITIVE),
    "l0": Column("mean number of active neurons a sample", *POSITIVE),
    "diverged_step": Column("step at which a number ceased to be finite", *POSITIVE),
    "samples_to_recovery_090": Column("samples until the recovery rate was 0.90", *POSITIVE),
    "samples_to_recovery_099": Column("samples until the recovery rate was 0.99", *POSITIVE),
    "seconds_to_recovery_090": Column("training time until the recovery rate was 0.90", *POSITIVE),
    "seconds_to_recovery_099": Column("training time until the recovery rate was 0.99", *POSITIVE),
    "steps_to_target": Column("steps until 9 in 10 neurons fire at most 1.25 times their target", *POSITIVE),
    "control_error": Column("median |log(p_m / p_k)| of neurons that fire", *POSITIVE),
    "control_fluctuation": Column("median |change of log p_m| between the last two buffers", *POSITIVE),
    "frequency_histogram": Column("neurons by firing frequency: never, then from 1e-5", *POSITIVE, kind="series"),
    "frequency_histogram_start": Column("the same at the start of training", *POSITIVE, kind="series"),
    "frequency_profile": Column(
        "feature frequency:recovery rate:neuron frequency, by groups of features", *POSITIVE, kind="series"
    ),
    "consistency": Column("share of neurons with a cosine above 0.9 in another restart"),
    "consistency_top": Column("the same among the most active 5 %"),
    "consistency_mean_cosine": Column("mean of that cosine (MCS)", *COSINE),
    "consistency_chance": Column("the share for random directions"),
    "selectivity": Column("mean over neurons of the Z-score of their largest activation", *POSITIVE),
    "selectivity_profile": Column("Z-score:MCS, by groups of neurons", *ANY, kind="series"),
    # Learnability and width, from probes
    **_with_interval("learnable_fraction", Column("share of probes that stay on the feature they start at")),
    **_with_interval("success_probability", Column("chance that a random neuron learns a given feature")),
    "success_probability_spread": Column("standard deviation of log10 of it over features", *POSITIVE),
    **_with_interval("predicted_recovery_rate", Column("recovery rate at n_neurons, from success probabilities")),
    **_with_interval("required_width", Column("width for target_recovery, empty above 1e300", *POSITIVE)),
    **_with_interval("log10_required_width", Column("log10 of the width for target_recovery", *ANY)),
}
RESULT_COLUMNS: tuple[str, ...] = tuple(RESULTS)
ROW_COLUMNS: tuple[str, ...] = SETTING_COLUMNS + RESULT_COLUMNS
