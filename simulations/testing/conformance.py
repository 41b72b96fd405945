"""check_trainer: what every trainer of dictionaries should do, tried out on small worlds of known features.

In the manner of scikit-learn's check_estimator.  The worlds are easy: n = d orthonormal features, two active in a
sample with random weights, twice as many neurons as features.  A trainer that does not recover these has a fault.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from simulations.base.streams import stream
from simulations.data.matrices import Array
from simulations.data.sampling import draw_features
from simulations.data.source import Source
from simulations.testing.trial import Fault, Outcome, Trainer, world
from theory.identifiability import compare

N = 24  # features, and dimension
NEURONS = 2 * N
FEW = 20  # steps of the runs that are compared bit by bit
FOUND = 0.9  # cosine of a neuron that has found a feature
SAME = 0.99  # cosine of two neurons that are one
SPREADS = 5.0  # above the mean of random dictionaries: a chance of 3e-7
NAMES = (
    *("runs", "shape", "finite", "data", "budget", "one batch", "deterministic", "seed", "planted", "collapsed"),
    *("chance", "recovery", "rotation", "permutation", "l0", "codes"),
)


class TrainerFault(AssertionError):
    """The faults of a trainer by name, each told with its numbers."""

    def __init__(self, faults: dict[str, str]) -> None:
        self.faults = faults
        lines = [f"  {name}: {text}" for name, text in faults.items()]
        super().__init__("\n".join([f"the trainer has {len(faults)} fault{'s' * (len(faults) > 1)}", *lines]))

    def __reduce__(self) -> Any:
        return type(self), (self.faults,)


def check_trainer(
    train: Any,
    *,
    n_steps: int | None = None,
    n_neurons: int = NEURONS,
    recovery: float = 0.75,
    tolerance: float = 0.25,
    naive_worlds: bool = False,
    encode: Any = None,
    skip: Collection[str] = (),
    **own: Any,
) -> dict[str, float]:
    """Try a trainer of dictionaries; raise TrainerFault, naming every fault with its numbers, or return the numbers.

    `train` is a function train(batches, *, d_model, n_neurons, n_steps, seed, **own) -> W (M, d), or (W, {name:
    number}), of which `batches` yields X (256, 24), float32 tensors, mean norm about 1; or an algorithm of this suite.
    `own` are its own settings, n_steps its budget (1,000).  What is looked at, and the name of the fault:

    runs, shape, finite: returns a finite W (n_neurons, d_model), and finite numbers;  data: takes batches, and W
    depends on them;  budget: takes about n_steps of them;  one batch: W depends on more than the first;  deterministic:
    equal seeds give equal W;  seed: other seeds give another;  planted: one step in, W does not know the features of a
    world that was drawn from the same seed (with `naive_worlds` also of one drawn by default_rng(seed): such a start
    plants the features where a user is careless with seeds);  collapsed: neurons differ and are not
    0;  chance: nearer to the features than random directions;  recovery: finds at least this share of the features (a
    cosine above 0.9);  rotation: does so equally, up to `tolerance`, where the features lie along the axes and where
    they do not;  permutation: and where they are in another order;  l0, codes: where there are codes
    (`encode(W, X)`, or "encode": function among the numbers), they are finite (samples, n_neurons), and a number "l0"
    that is reported is the mean number of active neurons a sample.

    `skip` names what is not looked at.  Raises ValueError for a name that is none.
    """
    if foreign := [name for name in skip if name not in NAMES]:
        raise ValueError(f"skip={foreign[0]!r}, but should be of {', '.join(NAMES)}")
    trainer = Trainer(train, n_neurons, n_steps, encode, own)
    faults: dict[str, str] = {}
    told: dict[str, float] = {}
    try:
        for look in (_full, _few, _start):
            found, numbers = look(trainer, recovery, tolerance, naive_worlds)
            faults = found | faults  # the first telling of a fault stays
            told |= numbers
    except Fault as fault:
        faults[fault.args[0]] = fault.args[1]
    faults = {name: text for name, text in faults.items() if name not in skip}
    if faults:
        raise TrainerFault(faults)
    return told


def rotated(seed: int) -> Array:
    """Return N orthonormal features (n, d) in general position, drawn from a seed as the suite draws features."""
    return np.asarray(draw_features(N, N, "orthogonal", seed) / np.sqrt(N))


def easy(features: Array, seed: int) -> Source:
    """Return the easy world of these features."""
    return world(features, sparsity=2, seed=seed, law="uniform")


def best_cosines(W: Array, V: Array) -> Array:
    """Return the best cosine of each feature, (n,)."""
    return np.asarray(compare(W, V).best_cosine_per_feature)


Found = tuple[dict[str, str], dict[str, float]]


def _full(trainer: Trainer, recovery: float, tolerance: float, _: bool) -> Found:
    """Train in full, in worlds whose seeds are not the trainer's: along the axes, rotated (twice), in another order."""
    V = rotated(101)
    order = stream("features", 7, part="conformance").permutation(N)
    worlds = {"axes": (np.eye(N), 11), "rotated": (V, 11), "other": (rotated(102), 12), "permuted": (V[order], 11)}
    rates, means, outcomes = {}, {}, {}
    for seed, (name, (features, drawn)) in enumerate(worlds.items(), start=1):
        outcomes[name] = trainer.run(easy(features, drawn), 1 if name == "permuted" else seed, trainer.n_steps)
        best = best_cosines(outcomes[name].weights, features)
        rates[name], means[name] = float(np.mean(best > FOUND)), float(best.mean())
    faults = _recovery_faults(trainer, rates, means, recovery, tolerance)
    first = outcomes["rotated"]
    faults |= _taken(trainer, first) | _collapsed(first.weights)
    more, l0 = _codes(trainer, first, easy(V, 11))
    return faults | more, {f"recovery_{name}": rate for name, rate in rates.items()} | l0


def _recovery_faults(
    trainer: Trainer, rates: dict[str, float], means: dict[str, float], recovery: float, tolerance: float
) -> dict[str, str]:
    faults = {}
    general = (rates["rotated"] + rates["other"]) / 2
    rng = stream("init", 5, part="conformance")
    draws = [best_cosines(rng.standard_normal((trainer.n_neurons, N)), np.eye(N)).mean() for _ in range(40)]
    chance, spread = float(np.mean(draws)), float(np.std(draws))
    mean = (means["rotated"] + means["other"]) / 2
    if mean < chance + SPREADS * spread:
        faults["chance"] = (
            f"features have a mean best cosine of {mean:.3f}, where random directions have {chance:.3f} +- {spread:.3f}"
        )
    if general < recovery:
        faults["recovery"] = (
            f"finds {general:.2f} of the features of an easy world after {trainer.n_steps} steps, but should find at "
            f"least {recovery:.2f}"
        )
    if abs(rates["axes"] - general) > tolerance:
        faults["rotation"] = (
            f"finds {rates['axes']:.2f} of features along the axes, but {general:.2f} of the same features rotated "
            f"(tolerance {tolerance:.2f}): it is not equivariant"
        )
    if abs(rates["permuted"] - rates["rotated"]) > tolerance:
        faults["permutation"] = (
            f"finds {rates['rotated']:.2f} of the features, but {rates['permuted']:.2f} of the same in another order "
            f"(tolerance {tolerance:.2f})"
        )
    return faults


def _taken(trainer: Trainer, outcome: Outcome) -> dict[str, str]:
    if not trainer.streams:
        return {}
    told = f"took {outcome.taken} batches in n_steps={trainer.n_steps}"
    if outcome.taken == 0:
        return {"data": f"{told}: it ignores the data"}
    if not trainer.n_steps / 2 <= outcome.taken <= 2 * trainer.n_steps + FEW:
        return {"budget": f"{told}, but should take about one a step"}
    return {}


def _collapsed(W: Array) -> dict[str, str]:
    norm = np.linalg.norm(W, axis=1, keepdims=True)
    if (null := float(np.mean(norm == 0))) > 0.5:
        return {"collapsed": f"{null:.0%} of the neurons are 0"}
    unit = W / np.where(norm > 0, norm, 1)
    share = float((np.abs(unit @ unit.T) > SAME).mean(axis=1).max())
    return {"collapsed": f"{share:.0%} of the neurons are one direction"} if share > 0.5 else {}


def _codes(trainer: Trainer, outcome: Outcome, source: Source) -> Found:
    reported = outcome.numbers.get("l0")
    if outcome.encode is None:
        if reported is not None and not 0 <= reported <= trainer.n_neurons:
            return {"l0": f"reports an L0 of {reported:g} for {trainer.n_neurons} neurons"}, {}
        return {}, {}
    X = source.held_out()[:2_048].astype(np.float32)
    try:
        z = np.asarray(outcome.encode(X))
    except Exception as error:
        return {"codes": f"encode raised {type(error).__name__}: {error}"}, {}
    if z.shape != (len(X), trainer.n_neurons) or not np.isfinite(z).all():
        return {"codes": f"codes of shape {z.shape}, but should be finite, {(len(X), trainer.n_neurons)}"}, {}
    l0 = float((z != 0).sum(axis=1).mean())
    if reported is not None and abs(reported - l0) > 0.1 * max(l0, 1.0):
        return {"l0": f"reports an L0 of {reported:g}, but its codes have {l0:.2f} active neurons a sample"}, {"l0": l0}
    return {}, {"l0": l0}


def _few(trainer: Trainer, _: float, __: float, ___: bool) -> Found:
    """Train for a few steps several times, and compare the bits."""
    few, V = min(FEW, trainer.n_steps), rotated(101)

    def run(features: Array, seed: int, other: Source | None = None) -> Array:
        return trainer.run(easy(features, 11), seed, few, other).weights

    first, faults = run(V, 1), {}
    if not np.array_equal(again := run(V, 1), first):
        faults["deterministic"] = (
            f"two runs with seed 1 on equal data differ: by {np.abs(again - first).max():.3g} at most, of "
            f"{np.abs(first).max():.3g}"
        )
        return faults, {}
    if np.array_equal(run(V, 2), first):
        faults["seed"] = "seeds 1 and 2 give equal dictionaries: it ignores the seed"
    if np.array_equal(run(np.eye(N), 1), first):
        faults["data"] = f"two worlds give equal dictionaries after {few} steps: it ignores the data"
    elif trainer.streams and callable(trainer.train) and np.array_equal(run(V, 1, easy(np.eye(N), 11)), first):
        faults["one batch"] = (
            f"W depends on the first batch alone: other batches after it change nothing in {few} steps"
        )
    return faults, {}


def _start(trainer: Trainer, _: float, __: float, naive_worlds: bool) -> Found:
    """Look at the start in worlds drawn from the trainer's own seed; samples are far from features there (s = 3)."""
    seed, least = 3, 0 if not callable(trainer.train) else 1
    worlds = {"the suite's features": rotated(seed)}
    if naive_worlds:
        worlds["np.random.default_rng(seed)"] = np.random.default_rng(seed).standard_normal((N, N))
    for name, features in worlds.items():
        V = features / np.linalg.norm(features, axis=1, keepdims=True)
        W = trainer.run(world(V, sparsity=3, seed=seed, law="constant"), seed, least).weights
        share = float(np.mean(best_cosines(W, V) > FOUND))
        if share > 0.1:
            return {
                "planted": f"after {least} steps {share:.2f} of the features have a neuron of cosine above {FOUND}, in "
                f"a world drawn from the same seed ({name}): the start knows the features"
            }, {}
    return {}, {}
