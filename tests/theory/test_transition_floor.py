"""The width that a transition keeps: the closed form of one step, the algorithm, and the recursion at large n."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from statistics_helper import assert_z, seed_of

from theory.closed_forms import bias_to_frequency, frequency_to_bias
from theory.limit import drive_product, drive_square, first_step_cosine
from theory.prediction import critical_frequency
from theory.prediction_recursion import Model, alignments
from theory.transition_floor import transition_floor
from theory.transitions import LEVELS, transition_width


def squared_tangent(delta: float, s: int, p: float, nu: float, number: float) -> float:
    """tan^2 theta_1 of a feature in `number` times the usual samples: PREDICTION.md, section 6."""
    b = float(frequency_to_bias(p))
    related, unrelated = drive_product([1 / s, 0.0], b)
    across = s * delta * (related - unrelated + drive_square(b) / (nu * s)) + 4 * delta**2 * number * (s - 1) / (s * nu)
    along = 2 * delta * number + 2 * p - b * math.exp(-b * b / 2) / math.sqrt(2 * math.pi)
    return float(across) / along**2


def test_usual_number_is_the_closed_form() -> None:
    found = 1 / math.sqrt(1 + squared_tangent(0.3, 5, 0.03, 40, 1.0))
    assert found == pytest.approx(float(first_step_cosine(0.3, 5, 0.03, 40)), rel=1e-12)


@pytest.mark.parametrize(("s", "nu", "tau"), [(3, 100, 0.97), (8, 30, 0.95)])
def test_floor_after_one_step_is_that_of_the_closed_form(s: int, nu: float, tau: float) -> None:
    def critical(z: float) -> float:
        number = 1 + z / math.sqrt(nu * s)
        bias = brentq(
            lambda b: squared_tangent(0.5, s, float(bias_to_frequency(b)), nu, number) - (1 / tau**2 - 1), -4.0, -0.2
        )
        return float(bias_to_frequency(bias))

    expected = math.log(critical(0.67449) / critical(-0.67449))
    # The nodes err by 0.3 to 1.1 % in tan^2, alike in both quartiles, a tenth of which is left in their ratio; the
    # critical bias is halved down to 1e-4, of 0.05.
    assert transition_floor(0.5, s, nu, 1, threshold=tau) == pytest.approx(expected, rel=0.01)


def test_a_feature_in_more_samples_is_kept_better_by_as_much() -> None:
    """One step of the algorithm from 300 features of a drawn dataset: log tan^2 over the log of their samples."""
    n, delta, p, s, nu = 1000, 0.5, 0.02, 3, 20
    rng, b, h = np.random.default_rng(seed_of("floor")), float(frequency_to_bias(p)), 1 / math.sqrt(s)
    V = rng.standard_normal((n, int(delta * n)))
    supports = np.argpartition(rng.random((n * nu // 20, n)), s, axis=1)[:, :s]
    supports = np.concatenate([rng.permutation(n)[supports] for _ in range(20)])
    counts = np.bincount(supports.ravel(), minlength=n)
    mean = counts * h / len(supports)
    lost = []
    for i in range(300):
        w = V[i] / np.linalg.norm(V[i])
        u = V @ w
        y = h * u[supports].sum(1) - mean @ u
        drive = np.where(y > -b, 2 * y + b, 0.0)
        moved = (np.bincount(supports.ravel(), np.repeat(drive, s), n) * h - drive.sum() * mean) @ V
        lost.append(math.log(moved @ moved / (moved @ w) ** 2 - 1))
    x = np.log(counts[:300] * n / counts.sum())
    x -= x.mean()
    slope = float(x @ lost / (x @ x))
    residual = np.asarray(lost) - np.mean(lost) - slope * x
    up, down = (math.log(squared_tangent(delta, s, p, nu, math.exp(each))) for each in (0.05, -0.05))
    expected = (up - down) / 0.1
    assert expected < -1  # samples of its own matter more than those that it meets in them
    assert_z(slope, expected, float(np.std(residual) / np.sqrt(x @ x)), "slope")


def test_the_width_falls_to_the_floor_as_n_grows() -> None:
    """N/n = 100, s = 3, T = 4: from 0.8 down to the floor of 0.30; 256 instances tell a width to a tenth."""
    floor = transition_floor(0.5, 3, 100, 4)
    widths = [
        math.log(low / high)
        for n in (512, 32_768)
        for low, high in [[critical_frequency(n, n // 2, 3, 100 * n, 4, center=True, level=q) for q in LEVELS]]
    ]
    assert widths[0] > 1.5 * floor and widths[1] == pytest.approx(floor, rel=0.25)


def test_it_is_the_number_of_its_samples_that_leaves_a_width() -> None:
    """n = 65,536: a feature's own samples and its norm leave nothing; what is beside their number are its rivals."""
    model = Model(65_536, 32_768, 3, 6_553_600, 4, True)
    nodes, p = model.nodes(64, 1024).single(), np.geomspace(0.012, 0.12, 6)

    def width(**same: np.ndarray) -> float:
        at = nodes._replace(**same)
        kept = [(alignments(model, float(frequency_to_bias(each)), at)[-1] > 0.9).mean() for each in p]
        return transition_width(p, kept)

    none, norm = np.zeros(64, np.float32), np.full(64, math.sqrt(32_768), np.float32)
    # 64 instances, the same in all: without the number the width is half of what it was, a tenth is left of the rest.
    assert width(occurrence=none) < 0.75 * width()
    assert width(own_sampling=none, norm=norm) > 0.85 * width()
