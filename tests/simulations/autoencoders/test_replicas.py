"""Replicas of one program are what they are alone; the same settings give the same bits; a GPU what a CPU gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from trained_helper import DOUBLE, METHODS, SINGLE, UNTIED, changed, draw_less, fit, small, started, trained

from simulations.algorithms.autoencoders import trainer
from simulations.algorithms.base import Job

method = pytest.mark.parametrize("name", [*METHODS, *UNTIED])


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    draw_less(monkeypatch)


def spread(name: str, **given: Any) -> list[Job]:
    """Return three jobs that differ in everything that a batch may differ in."""
    seeds: list[dict[str, Any]] = [{"seed": 1}, {"seed": 0}, {"seed": 1}]
    own: dict[str, list[dict[str, Any]]] = {
        "gba": [{"n_groups": k, "high_target_frequency": h, "gain": g, "gain_ratio": q, "initial_bias": b}
                for k, h, g, q, b in ((1, 0.2, 0.1, 1.0, 0.0), (7, 0.5, 0.5, 2.0, -0.2), (30, 0.3, 0.2, 0.0, -0.1))],
        "ba": [{"target_frequency": p, "dead_frequency": e} for p, e in ((0.05, 0.0), (0.1, 0.02), (0.3, 0.04))],
        "gba-quantile": [{"n_groups": k, "low_target_frequency": q, "relaxation": e}
                         for k, q, e in ((2, 0.1, 1.0), (5, 0.01, 0.2), (3, 0.05, 0.6))],
        "topk-untied": [{"k": k, "auxiliary": a} for k, a in ((1, 0.0), (30, 0.1), (4, 0.5))],
        "k": [{"k": k} for k in (1, 30, 4)],
        "penalty": [{"penalty": p} for p in (0.01, 0.1, 0.0)],
    }  # fmt: skip
    kind = {"topk": "k", "batchtopk": "k", "gba-relu": "gba"}.get(name, name if name in own else "penalty")
    scales = [{"initial_scale": a} for a in (0.5, 0.2, 0.4)] if name in METHODS else [{}, {}, {}]
    return [
        small(name, **(each | scale | more | given)) for each, scale, more in zip(seeds, scales, own[kind], strict=True)
    ]


@method
@pytest.mark.parametrize("evaluation", ["auto", "dense"])
def test_replicas_equal_single_runs(name: str, evaluation: str) -> None:
    jobs = spread(name, **({"evaluation": evaluation} if name in METHODS else {}))
    together, trace = trained(*jobs)
    for r, job in enumerate(jobs):
        alone, history = trained(job)
        for key, value in together.parameters.items():
            # Products in another order: 1e-15 in a gradient over eps = 1e-8 of Adam, 1e-7 of a step of 0.003, twelve
            # times, where a gradient is that small; elsewhere far less.
            np.testing.assert_allclose(value[r], alone.parameters[key][0], atol=1e-8)
        for key, value in together.memory.items():
            np.testing.assert_allclose(value[r], alone.memory[key][0], atol=1e-8)
        best = np.stack(history.best_cosine)[:, 0]
        np.testing.assert_allclose(np.stack(trace.best_cosine)[:, r], best, atol=1e-8)  # as above
    first = next(iter(together.parameters.values()))
    assert not torch.allclose(first[0], first[2], atol=1e-4)  # equal data and start, other settings


@pytest.mark.parametrize("name", METHODS)
def test_sparse_and_dense_training_agree(name: str) -> None:
    left, right = (trained(small(name, evaluation=form))[0] for form in ("auto", "dense"))
    for key, one in left.parameters.items():
        np.testing.assert_allclose(one, right.parameters[key], atol=1e-8)  # as above


def test_what_a_batch_learns_is_what_its_jobs_learn() -> None:
    jobs = spread("topk")
    for found, job in zip(fit(*jobs, runtime=DOUBLE), jobs, strict=True):
        alone = fit(job, runtime=DOUBLE)
        np.testing.assert_allclose(found.dictionary, alone.dictionary, atol=1e-8)  # as above
        X = job.source.held_out()[:50]
        np.testing.assert_allclose(found.encode(X), alone.encode(X), atol=1e-6)  # times |x|, of order 10
    with pytest.raises(ValueError, match="may differ in seed, initial_scale and k only"):
        fit(jobs[0], changed(jobs[0], learning_rate=0.1))


def test_jobs_of_equal_worlds_share_one_source() -> None:
    jobs = [small("topk", seed=seed, k=k) for seed, k in ((0, 1), (0, 2), (1, 1))]
    _, given = started(*jobs)
    assert given.views[0] is given.views[1] and given.views[0] is not given.views[2]


@method
def test_same_settings_same_bits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever torch was told before: every step is on one thread."""
    before, found, seen, step = torch.get_num_threads(), [], set(), trainer.step
    monkeypatch.setattr(trainer, "step", lambda *given: seen.add(torch.get_num_threads()) or step(*given))
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(fit(small(name), runtime=SINGLE))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert seen == {1}
    X = small(name).source.held_out()
    assert np.array_equal(*(each.dictionary for each in found))
    assert np.array_equal(*(each.encode(X) for each in found))
    assert found[0].results == found[1].results


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@method
def test_cuda_equals_cpu(name: str) -> None:
    jobs = spread(name)
    left, trace = trained(*jobs)
    right, history = trained(*jobs, device=torch.device("cuda"))
    for key, one in left.parameters.items():
        np.testing.assert_allclose(one, right.parameters[key].cpu(), atol=1e-8)  # as for replicas
    for key, one in left.memory.items():
        np.testing.assert_allclose(one, right.memory[key].cpu(), atol=1e-8)
    assert torch.equal(left.diverged, right.diverged.cpu())
    np.testing.assert_allclose(np.stack(trace.best_cosine), np.stack(history.best_cosine), atol=1e-8)  # as above
