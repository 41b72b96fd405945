"""Speed of training as a ratio, in one run: against a dense autograd loop and SAELens, and of many replicas at once."""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from simulations.algorithms.autoencoders import trainer
from simulations.algorithms.base import Job, torch_threads
from simulations.data.sampling import initial_directions
from simulations.runs.cell import Cell

# The problem on which other libraries were timed; the provable model with features of equal length.
COMMON = Cell(
    algorithm="topk",
    n_features=512,
    d_model=128,
    n_neurons=2_048,
    dictionary_law="sphere",
    n_steps=10**6,
    pre_bias="learned",
    device="cpu",
)
LOW_ACTIVITY = -0.2  # a bias at which about 1 in 100 neurons fires
CONTROLLERS = ("paper", "quantile")
PAIRS = {
    "topk_to_dense_loop": ("topk", "topk_dense_loop"),
    "gba_to_dense_loop": ("gba", "gba_dense_loop"),
    "topk_to_sae_lens": ("topk", "topk_sae_lens"),
}
Step = Callable[[Tensor], Any]


def _gba(**changes: Any) -> Cell:
    return COMMON.replace(algorithm="gba", **changes)


def ours(settings: Cell, seeds: int = 1) -> tuple[Step, trainer.State, trainer.Problem]:
    """Return a training step of ours on x (seeds, B, d), with what it changes."""
    tasks = [settings.replace(seed=settings.seed + each).task() for each in range(seeds)]
    jobs = [Job(each.algorithm, each.model.stream()) for each in tasks]
    given = trainer.problem(jobs, torch.device(settings.device), torch.float32)
    state = trainer.init(given)
    return lambda x: trainer.step(state, given, x), state, given


def dense_loop(settings: Cell) -> Step:
    """Return a training step as it is usually written: dense decode, autograd, Adam, rows back to the sphere."""
    start = torch.from_numpy(initial_directions(settings.d_model, settings.n_neurons, settings.seed)).float()
    W, a = start.requires_grad_(), torch.full((settings.n_neurons,), settings.initial_scale, requires_grad=True)
    b = torch.full_like(a, getattr(settings, "initial_bias", 0.0))
    b_pre = torch.zeros(settings.d_model, requires_grad=True)
    optimizer = torch.optim.Adam([W, a, b_pre], lr=settings.learning_rate, fused=True)

    def step(x: Tensor) -> None:
        u = (x[0] - b_pre) @ W.T
        if settings.algorithm == "topk":
            values, indices = u.topk(settings.k, dim=1)
            z = torch.zeros_like(u).scatter(1, indices, values.relu())
        else:
            z = u * (u > -b)
        loss = ((z * a) @ W + b_pre - x[0]).square().sum(1).mean() / 2
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        with torch.no_grad():
            W.div_(W.norm(dim=1, keepdim=True))

    return step


def sae_lens_loop(settings: Cell) -> Step | None:
    """Return a training step of SAELens' TopK, or None where the library is not installed."""
    if importlib.util.find_spec("sae_lens") is None:
        return None
    from sae_lens import TopKTrainingSAE, TopKTrainingSAEConfig
    from sae_lens.saes.sae import TrainStepInput

    config = TopKTrainingSAEConfig(
        d_in=settings.d_model, d_sae=settings.n_neurons, k=settings.k, device="cpu", decoder_init_norm=1.0
    )
    sae = TopKTrainingSAE(config)
    optimizer = torch.optim.Adam(sae.parameters(), lr=settings.learning_rate, fused=True)
    dead = torch.zeros(settings.n_neurons, dtype=torch.bool)
    count = 0

    def step(x: Tensor) -> None:
        nonlocal count
        passed = TrainStepInput(
            x[0], coefficients={}, dead_neuron_mask=dead, n_training_steps=count, is_logging_step=False
        )
        optimizer.zero_grad()
        sae.training_forward_pass(passed).loss.backward()
        optimizer.step()
        count += 1

    return step


def controller_buffer(settings: Cell, batches: list[Tensor]) -> Step:
    """Return what the controller does in the steps of one buffer, after what batches of a training run saw."""
    step, state, given = ours(settings)
    seen = [step(x) for x in batches]

    def buffer(_: Tensor) -> None:
        for done in range(1, settings.buffer_steps + 1):
            passed = seen[done % len(seen)]
            given.network.remember(state.parameters, state.memory, passed, settings.batch_size, done)

    return buffer


def seconds_per_step(steps: dict[str, Step], batches: list[Tensor], repeats: int) -> dict[str, list[float]]:
    """Return the mean time of a step on `batches`, of each of `repeats`, in which the ways take turns.

    On a CPU the time is the thread's own, as in `timed_run`.
    """
    clock = time.perf_counter if batches[0].device.type == "cuda" else time.thread_time
    times: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step(batches[0])  # compile and warm up
    for _ in range(repeats):
        for name, step in steps.items():
            begin = clock()
            for x in batches:
                step(x)
            times[name].append((clock() - begin) / len(batches))
    return times


def ratio_of(name: str, above: list[float], below: list[float], parts: int = 1) -> dict[str, Any]:
    """Return the ratio of medians of times, a `parts`-th of those above, and its range over the repetitions."""
    each = [one / other / parts for one, other in zip(above, below, strict=True)]
    return {
        name: statistics.median(above) / statistics.median(below) / parts,
        f"{name}_range": [min(each), max(each)],
    }


def benchmark_replicas(n_replicas: int = 16, *, repeats: int = 5, n_batches: int = 10) -> dict[str, Any]:
    """Time a step of one GBA and of many at once on CUDA; the ratio is how many times as fast a cell becomes."""
    settings = _gba(initial_bias=LOW_ACTIVITY, gain=0.1, device="cuda")
    seconds = {}
    for count in (1, n_replicas):
        step, _, given = ours(settings, count)
        batches = [trainer.inputs(given, k) for k in range(n_batches)]

        def synchronised(x: Tensor, step: Step = step) -> None:
            step(x)
            torch.cuda.synchronize()

        seconds[count] = statistics.median(seconds_per_step({"gba": synchronised}, batches, repeats)["gba"]) / count
    rate = {f"samples_per_second_gba_{count}_replicas": settings.batch_size / each for count, each in seconds.items()}
    return rate | {"ratio_replicas_to_single": seconds[1] / seconds[n_replicas]}


def benchmark_training(*, repeats: int = 5, n_batches: int = 10) -> dict[str, Any]:
    """Time steps of TopK and of GBA at low activity, ours and the usual ways, and the controllers; one thread."""
    topk, gba = COMMON, _gba(initial_bias=LOW_ACTIVITY, gain=0.1)
    with torch_threads(1):
        step_topk, _, given = ours(topk)
        step_gba, *_ = ours(gba)
        batches = [trainer.inputs(given, k) for k in range(n_batches)]
        activity = step_gba(batches[0]).n_active / (gba.batch_size * gba.n_neurons)
        steps: dict[str, Step] = {
            "topk": step_topk,
            "topk_dense_loop": dense_loop(topk),
            "gba": step_gba,
            "gba_dense_loop": dense_loop(gba),
        }
        if (other := sae_lens_loop(topk)) is not None:
            steps["topk_sae_lens"] = other
        for name in CONTROLLERS:
            steps[f"controller_{name}"] = controller_buffer(_gba(controller=name), batches)
        found = seconds_per_step(steps, batches, repeats)
    rates = {
        f"samples_per_second_{name}": topk.batch_size / statistics.median(seconds)
        for name, seconds in found.items()
        if not name.startswith("controller")
    }
    ratios: dict[str, Any] = {"gba_activity": activity}
    for name, (own, usual) in PAIRS.items():
        if usual in found:
            ratios |= ratio_of(f"ratio_{name}", found[usual], found[own])
    for name in CONTROLLERS:
        share = f"controller_share_of_topk_step_{name}"
        ratios |= ratio_of(share, found[f"controller_{name}"], found["topk"], gba.buffer_steps)
    names = ("n_features", "d_model", "sparsity", "n_neurons", "batch_size", "learning_rate", "k", "dictionary_law")
    return {**{name: getattr(topk, name) for name in names}, **rates, **ratios}
