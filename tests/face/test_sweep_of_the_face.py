"""sweep: typed rows, durable, resumable, the same for any number of processes; failures told once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import sae_recovery as sr
from sae_recovery.sweeping import SweepWarning

from simulations.algorithms.base import Algorithm, Fitted, Runtime, discover
from simulations.data.laws.registry import Law
from simulations.data.laws.supports import SUPPORTS, Support, uniform
from simulations.data.source import Source

SMALL = {"n_features": 16, "d_model": 8, "sparsity": 2, "n_neurons": 32, "n_samples": 200}


def test_rows_are_typed_and_extra_columns_kept(tmp_path: Path) -> None:
    def measure(n: int, noise: float) -> dict[str, object]:
        return {"total": np.float32(n), "series": np.arange(n), "odd": None, "nested": [1.5, (2, 3)]}

    for n_jobs, out in ((1, tmp_path / "one"), (2, tmp_path / "two")):
        rows = sr.sweep(measure, over={"n": [1, 2], "noise": [0.5]}, out=out, n_jobs=n_jobs)
        assert rows["series"].tolist() == [[0], [0, 1]] and rows["total"].tolist() == [1.0, 2.0]
        assert rows["odd"].isna().all() and rows["nested"][0] == [1.5, [2, 3]]
        assert not (rows == "").any().any() and (rows["status"] == "ok").all()
    first, second = (sr.read_rows(tmp_path / name).drop(columns=["seconds", "_point"]) for name in ("one", "two"))
    assert first.equals(second)  # lambdas and local functions run in processes too
    manifest = json.loads((tmp_path / "one" / "manifest.json").read_text())
    assert manifest["n_ok"] == 2 and manifest["grid"] == {"n": [1, 2], "noise": [0.5]} and manifest["finished"]


def test_a_failure_is_a_row_and_one_warning_and_resume_tries_it_again(tmp_path: Path) -> None:
    calls: list[int] = []

    def fails(settings: dict[str, int]) -> dict[str, float]:
        calls.append(settings["n"])
        if settings["n"] == 2 and len(calls) < 4:
            raise RuntimeError("no luck\nat all")
        return {"half": settings["n"] / 2}

    with pytest.warns(SweepWarning, match="1 of 3 failed: RuntimeError: no luck at all"):
        rows = sr.sweep(fails, over={"n": [1, 2, 3]}, out=tmp_path)
    assert rows["status"].tolist() == ["ok", "failed", "ok"] and np.isnan(rows["half"][1])
    assert "no luck" in (tmp_path / "failures.log").read_text()
    with pytest.raises(ValueError, match="pass resume=True"):
        sr.sweep(fails, over={"n": [1]}, out=tmp_path)
    again = sr.sweep(fails, over={"n": [1, 2, 3, 4]}, out=tmp_path, resume=True)
    assert calls == [1, 2, 3, 2, 4] and again["half"].tolist() == [0.5, 1.0, 1.5, 2.0]
    with pytest.raises(ValueError, match="holds rows of"):
        sr.sweep(lambda n: {}, over={"n": [1]}, out=tmp_path, resume=True)


def test_a_torn_last_line_is_repaired(tmp_path: Path) -> None:
    sr.sweep(lambda n: {"twice": 2 * n}, over={"n": [1, 2]}, out=tmp_path)
    whole = (tmp_path / "rows.jsonl").read_bytes()
    (tmp_path / "rows.jsonl").write_bytes(whole[:-9])
    rows = sr.sweep(lambda n: {"twice": 2 * n}, over={"n": [1, 2]}, out=tmp_path, resume=True)
    assert rows["twice"].tolist() == [2, 4]
    (tmp_path / "rows.jsonl").write_bytes(b"{broken\n" + whole)
    with pytest.raises(ValueError, match="line 1: no JSON"):
        sr.read_rows(tmp_path)


def test_what_is_beside_the_rows_costs_none(tmp_path: Path) -> None:
    """A file of failures that cannot be written, and a manifest that is none."""
    (tmp_path / "failures.log").mkdir()
    with pytest.warns(SweepWarning, match="1 of 2 failed"):
        rows = sr.sweep(lambda n: {"inverse": 1 / n}, over={"n": [0, 1]}, out=tmp_path)
    assert rows["status"].tolist() == ["failed", "ok"]
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(ValueError, match="is not a manifest"):
        sr.sweep(lambda n: {}, over={"n": [1]}, out=tmp_path, resume=True)


def test_algorithms_share_a_grid_without_settings_that_are_not_theirs(tmp_path: Path) -> None:
    one, two = (
        sr.sweep(
            [sr.ModifiedBA(n_steps=1), sr.TopK(n_steps=3)], over={"seed": [0, 1], "k": [1, 2]}, n_jobs=n, out=out,
            n_evaluations=1, batch_size=64, **SMALL | {"sparsity": 2},
        )
        for n, out in ((1, None), (2, tmp_path))
    )  # fmt: skip
    assert one["algorithm"].tolist() == ["modified-ba", "topk", "topk"] * 2
    assert one["n_steps"].tolist() == [1, 3, 3] * 2 and one["k"].isna().tolist() == [True, False, False] * 2
    same = [name for name in one if "seconds" not in name]
    assert one[same].equals(two[same])
    assert isinstance(one["recovery_per_step"][0], list) and not (one == "").any().any()


def test_what_a_script_adds_is_known_to_its_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function, an algorithm and a law that no import finds; rows do not depend on the number of processes."""

    def train(batches: Any, *, d_model: int, n_neurons: int, n_steps: int, seed: int) -> Any:
        return next(batches)[:n_neurons]

    @dataclass(frozen=True, kw_only=True, repr=False)
    class FirstRows(Algorithm):
        name: ClassVar[str] = "first-rows"

        def fit(self, source: Source, runtime: Runtime | None = None) -> Fitted:  # no fit_batch: one after the other
            return Fitted(np.asarray(source.batch(0, self.n_neurons)))

    def mine(n_features: int, sparsity: int, n_samples: int, rng: np.random.Generator) -> Support:
        return uniform(n_features, sparsity, n_samples, rng)

    monkeypatch.setitem(discover(), "first-rows", FirstRows)
    monkeypatch.setitem(SUPPORTS.laws, "mine", Law("mine", mine, (), None, False))
    one, two = (
        sr.sweep(
            [sr.algorithm(train), "first-rows"], over={"support_law": ["mine"], "seed": [0, 1]}, n_jobs=n,
            n_features=16, d_model=8, sparsity=1, n_neurons=64, n_steps=1, batch_size=64,
        )
        for n in (1, 2)
    )  # fmt: skip
    assert (one["status"] == "ok").all() and one["feature_recovery_rate"].min() > 0.5  # with s = 1 rows are features
    same = [name for name in one if "seconds" not in name]
    assert one[same].equals(two[same])


@pytest.mark.parametrize(
    ("what", "settings", "message"),
    [
        ("topk", {"over": {"gain": [1]}}, "gain is no setting of algorithm=topk"),
        ("topk", {"over": {"k": []}}, "k has no values"),
        ("topk", {"over": {"k": [1]}, "k": 2}, "k is given in over and beside it"),
        ("topkk", {"over": {"k": [1]}}, "did you mean 'topk'"),
        (lambda a, d: {}, {"over": {"b": [1]}, "c": 1}, "cannot be called with c, b"),
        ([print], {"over": {"b": [1]}}, "one function, or algorithms"),
        (lambda a: {}, {"over": {"a": [object()]}}, "a is of type object"),
        (lambda a: {}, {"over": {"a": [1]}, "n_jobs": 0}, "n_jobs=0"),
        (lambda a: {}, {"over": {"a": "topk"}}, "over: a='topk', but should be a list of values"),
        (lambda a: {}, {"over": {"a": 3}}, "over: a=3, but should be a list of values"),
        (lambda a: {}, {"over": ["a"]}, "but should have a list of values for each setting"),
        (lambda version: {}, {"over": {"version": ["old", "new"]}}, "version is a column of every row"),
        (lambda a, seconds: {}, {"over": {"a": [1]}, "seconds": 5}, "seconds is a column of every row"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(what: object, settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        sr.sweep(what, **settings)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_what_a_function_returns_is_checked() -> None:
    with pytest.warns(SweepWarning, match="1 of 1 failed: ValueError: the function returned int"):
        sr.sweep(lambda a: 3, over={"a": [1]})
    with pytest.warns(SweepWarning, match="1 of 1 failed: ValueError: _point was returned"):
        sr.sweep(lambda a: {"_point": 2}, over={"a": [1]})
    with pytest.warns(SweepWarning, match="a=2 was returned, but is a setting, 1"):
        sr.sweep(lambda a: {"a": 2}, over={"a": [1]})


def test_run_gives_a_typed_row() -> None:
    row = sr.run(algorithm="topk", n_steps=2, batch_size=32, n_evaluations=1, **SMALL)
    assert row["status"] == "ok" and row["k"] == 2 and isinstance(row["frequency_histogram"], list)
    assert "" not in row.values()
    same = sr.run(sr.Cell(**SMALL), seed=1)
    assert same["seed"] == 1 and same["feature_recovery_rate"] <= 1


def test_rows_are_drawn(tmp_path: Path) -> None:
    rows = sr.sweep("modified-ba", over={"d_model": [4, 8], "sparsity": [1, 2]}, **{
        name: value for name, value in SMALL.items() if name not in ("d_model", "sparsity")
    })  # fmt: skip
    sr.plot.heatmap(rows, x="d_model", y="sparsity", theory=False).savefig(tmp_path / "heat.png")
    sr.plot.curve(rows, x="d_model", by="sparsity").savefig(tmp_path / "curve.png")
