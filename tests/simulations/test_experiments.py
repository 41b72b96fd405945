"""The experiments: found by discovery, points that are cells, replicates of their own for every root seed."""

import pkgutil
import subprocess
import sys

import pytest

from simulations import experiments
from simulations.experiments import EXPERIMENTS, PRESETS, experiment, replicate_seeds
from simulations.experiments.base import Experiment, band_centre, by_centring, grid, product
from simulations.runs.cell import Cell

# Cells of each preset, as they were when the committed rows were made.
SIZES = {
    "resonance": (144, 2520, 4860), "sparsity": (144, 770, 1620), "dimension": (56, 480, 700), "steps": (20, 80, 120),
    "activations": (36, 135, 360), "cooccurrence": (36, 230, 460), "balance": (18, 360, 560),
    "learnability": (164, 3260, 8400), "width": (20, 155, 1030), "width_check": (24, 360, 10240),
    "predict_check": (40, 950, 3390), "plan_check": (6, 100, 400), "erosion": (16, 1125, 435),
    "critical_check": (12, 3480, 8700),
    "scaling": (250, 1540, 2266), "toy": (6, 886, 886), "resonance_trained": (20, 965, 1460), "frontier": (6, 353, 353),
    "frontier_large": (4, 318, 318), "shrinkage": (4, 145, 145),
    "consistency": (3, 42, 42), "sensitivity": (12, 210, 210), "time_to_recovery": (6, 115, 115),
    "time_to_recovery_large": (3, 75, 75),
    "implementations": (19, 480, 420), "basins": (5, 300, 300), "pre_bias": (6, 180, 180),
    "synthsaebench": (8, 120, 110),
    "trajectories": (6, 15, 20), "identifiability": (2, 30, 40), "cutoff": (6, 60, 80), "lower_edge": (28, 270, 450),
    "assumptions": (12, 260, 260),
    "real_frontier": (6, 90, 90), "real_consistency": (6, 30, 30), "real_sensitivity": (5, 75, 75),
    "real_frequencies": (2, 20, 20),
}  # fmt: skip
MANY = 1_500  # of larger presets some cells are made only


def test_experiments_are_discovered_one_file_each_in_their_order():
    files = {each.name for each in pkgutil.iter_modules(experiments.__path__)} - {"base", "real", "searching"}
    assert set(EXPERIMENTS) == files
    orders = [each.order for each in EXPERIMENTS.values()]
    assert orders == sorted(set(orders))
    assert all(set(each.grids) == set(PRESETS) and each.claim for each in EXPERIMENTS.values())
    with pytest.raises(ValueError, match="did you mean 'resonance'"):
        experiment("resonnance")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_points_are_cells_no_two_of_them_the_same(name):
    """Each has only settings of its own (a Cell refuses others), an arm of its own, and the number it always had."""
    for preset, size in zip(PRESETS, SIZES[name], strict=True):
        points = EXPERIMENTS[name].points(preset, device="cpu")
        assert len(points) == size
        cells = [Cell(**point) for point in points[:: 1 + size // MANY]]
        assert len({cell.key() for cell in cells}) == len(cells)
        assert all(cell.arm and cell.device == "cpu" for cell in cells)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_two_root_seeds_share_no_cell(name):
    first, second, third = (
        {Cell(**point).key() for point in EXPERIMENTS[name].points("quick", seed=root)[::7]} for root in (0, 1, 2)
    )
    assert not first & second | first & third | second & third


def test_replicates_of_a_root_are_its_own():
    assert replicate_seeds(7, 1) == [7]
    assert replicate_seeds(0, 4) == [0, 1, 2, 3]  # of the committed rows
    met = [seed for root in range(40) for seed in replicate_seeds(root, 5)]
    assert len(set(met)) == len(met)
    assert all(0 <= seed < 2**53 for seed in met)
    assert replicate_seeds(3, 5) == replicate_seeds(3, 5)
    for bad in (-1, 2**53):
        with pytest.raises(ValueError, match=rf"^seed={bad}, but should be in \[0, 2\^53\)$"):
            replicate_seeds(bad, 2)


def test_points_carry_the_seeds_of_their_replicates():
    one = Experiment("one", "a claim", 1, {"quick": lambda: product(seed=(0, 1), k=(1, 2))})
    assert [(point["seed"], point["k"]) for point in one.points("quick")] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    seeds = replicate_seeds(5, 2)
    assert [point["seed"] for point in one.points("quick", seed=5)] == [seeds[0], seeds[0], seeds[1], seeds[1]]
    with pytest.raises(ValueError, match="did you mean 'quick'"):
        one.points("quik")


def test_products_keep_their_order_and_grids_their_ends():
    assert product(a=(1, 2), b="word", c=(3, 4)) == [{"a": a, "b": "word", "c": c} for a in (1, 2) for c in (3, 4)]
    assert grid(1e-4, 0.3, 12)[::11] == (1e-4, 0.3)
    assert grid(1, 100, 3) == (1, 10, 100)
    assert [point["arm"] for point in by_centring(product(center=(False, True)))] == ["not centred", "centred"]
    # Between 1/n and min(n^(-2/3), d/n) at n = 256, d = 128, s = 3, to three digits.
    assert band_centre(256, 128, 3) == pytest.approx((256**-1 * 256 ** (-2 / 3)) ** 0.5, rel=5e-3)


def test_experiments_are_light():
    code = """import sys, simulations.experiments
print({'torch', 'numba', 'pandas', 'simulations.runs', 'simulations.data'} & set(sys.modules))"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "set()"
