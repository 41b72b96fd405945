"""From points to cells: overrides, another algorithm, shards."""

from __future__ import annotations

from typing import Any

import pytest

from simulations.experiments import EXPERIMENTS
from simulations.runs.cell import Cell
from simulations.runs.grid import cells_of, check_ready, keyed, parse_overrides, parse_shard

GBA: dict[str, Any] = {"algorithm": "gba", "gain": 0.1, "n_groups": 4, "n_neurons": 64, "n_steps": 9, "arm": "GBA"}
TOP: dict[str, Any] = {"algorithm": "topk", "k": 2, "n_neurons": 64, "n_steps": 9, "learning_rate": 0.01, "arm": "TopK"}
OURS: dict[str, Any] = {"target_frequency": 0.1, "n_neurons": 64, "arm": "modified"}


@pytest.mark.parametrize("name", EXPERIMENTS)
@pytest.mark.parametrize("preset", ["quick", "standard"])
def test_every_experiment_is_a_grid_of_cells(name: str, preset: str) -> None:
    points = EXPERIMENTS[name].points(preset)
    grid = keyed(cells_of(points))
    assert len(grid) == len(points)
    assert all(each.arm for each in grid.values())


def test_a_value_takes_the_place_of_an_axis() -> None:
    points = [OURS | {"seed": seed, "d_model": d} for seed in (0, 1) for d in (8, 16)]
    cells = cells_of(points, overrides={"d_model": [8]})
    assert cells == [Cell(**OURS, seed=seed, d_model=8) for seed in (0, 1)]
    cells = cells_of(points, overrides=parse_overrides(["d-model=8,4", "seed=7"]))
    assert cells == [Cell(**OURS, seed=7, d_model=d) for d in (8, 4)]
    assert cells_of([GBA, TOP], overrides={"k": [3]}) == [Cell(**GBA), Cell(**TOP | {"k": 3})]


def test_the_arm_that_was_so_is_the_right_one() -> None:
    points = [OURS | {"center": center, "arm": str(center)} for center in (False, True)]
    assert cells_of(points, overrides={"center": [True]}) == [Cell(**points[1])]
    assert cells_of(points, overrides={"center": [False, True]}) == [Cell(**each) for each in points]
    several = cells_of([TOP | {"k": k, "arm": f"TopK {k}"} for k in (2, 3)], overrides={"k": [4]})
    with pytest.raises(ValueError, match="arms 'TopK 2' and 'TopK 3' of one grid are the same cell"):
        keyed(several)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gain=1"], "gain is no setting of any cell"),
        (["n_featurs=1"], "did you mean 'n_features'"),
        (["algorithm=topk"], "algorithm cannot be set"),
        (["arm=a"], "arm cannot be set"),
        (["seed=1", "seed=2"], "seed is set twice"),
        (["seed"], "name=value"),
        (["=1"], "name=value"),
        (["seed=1,"], "name=value"),
        (["seed=one"], "seed='one'"),
        (["sparsity=999"], "sparsity=999, but should be in"),
    ],
)
def test_overrides_that_mean_nothing_are_refused(words: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        cells_of([OURS], overrides=parse_overrides(words))


def test_another_algorithm_keeps_what_it_can() -> None:
    cells = cells_of([GBA | {"n_features": 32}, TOP, OURS], algorithm="batchtopk")
    shared = {"algorithm": "batchtopk", "n_neurons": 64, "n_steps": 9, "arm": "batchtopk"}
    assert cells == [
        Cell(**shared, n_features=32), Cell(**shared, k=2, learning_rate=0.01), Cell(**OURS),
    ]  # fmt: skip
    assert len(cells_of([GBA, GBA | {"gain": 0.2, "arm": "other"}], algorithm="topk")) == 1
    assert cells_of([GBA | {"controller": "quantile", "relaxation": 0.3} | {"gain": None}], algorithm="ba")
    with pytest.raises(ValueError, match="no trained cells"):
        cells_of([OURS], algorithm="topk")
    with pytest.raises(ValueError, match="did you mean 'topk'"):
        cells_of([GBA], algorithm="topkk")


def test_shards_are_read() -> None:
    assert parse_shard("2/8") == (2, 8)
    for text in ("0/2", "3/2", "2", "1/2/3", "-1/2", "a/b", "1/0", ""):
        with pytest.raises(ValueError, match="i/k"):
            parse_shard(text)


def test_a_grid_that_cannot_run_is_refused() -> None:
    check_ready([Cell(), Cell(algorithm="topk")])
    with pytest.raises(ValueError, match="cells=0"):
        keyed([])
