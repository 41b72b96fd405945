"""The settings that every trained autoencoder has.  Light: torch is loaded when something is trained.

A kind of autoencoder is one module in simulations/algorithms/kinds: a Network (autoencoders.network) that says what its
parameters, codes, reconstruction and loss are, and settings, a subclass of Autoencoder with that as `network_class`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from simulations.algorithms.base import Algorithm, Fitted, Job, Runtime
from simulations.base import checks
from simulations.base.settings import derive, setting

if TYPE_CHECKING:
    import torch

    from simulations.algorithms.autoencoders.network import Network
    from simulations.data.source import Source

positive = checks.number(0, low_open=True, high_open=True)
weight = checks.number(0, high_open=True)
USUAL_BATCH = 512
SCHEDULES = ("constant", "linear", "tail")


def usual_batch(whole: Any) -> int:
    """Return 512, or the number of samples where there are fewer."""
    given: int | None = whole.n_samples
    return USUAL_BATCH if given is None else max(1, min(USUAL_BATCH, given))


def n_steps(default: int = 6_000) -> Any:
    """Declare the number of steps."""
    return setting(default, "T, steps of the algorithm", checks.count(0))


def batch_size() -> Any:
    """Declare the size of a batch."""
    return setting(USUAL_BATCH, "rows used by a step; at most n_samples", checks.count(1), derived=usual_batch)


def learning_rate(default: float = 0.001) -> Any:
    """Declare the learning rate."""
    text = "learning rate of the optimiser; 0.01 for gba, ba, which start sparse"
    return setting(default, text, positive)


def schedule(default: str = "constant") -> Any:
    """Declare how the learning rate ends."""
    text = "of the learning rate: constant, linear (over the second half; gba, ba) or tail (over the last fifth)"
    return setting(default, text, checks.names(*SCHEDULES))


def warm_up(default: float = 0.0) -> Any:
    """Declare how the learning rate begins."""
    return setting(default, "share of the steps over which the learning rate rises from 0", checks.number(0, 1))


def beta1(default: float = 0.9) -> Any:
    """Declare how long Adam remembers gradients."""
    return setting(default, "beta_1 of Adam: what it keeps of the mean gradient", checks.number(0, 1, high_open=True))


def initial_norm() -> Any:
    """Declare how long the rows of an encoder start."""
    text = "norm of the rows of the encoder at the start, and of the decoder's where they may have any"
    return setting(0.1, text, positive)


def clip_norm(default: float = 0.0) -> Any:
    """Declare how long a gradient may be."""
    text = "norm that the gradient of all parameters is cut to where it is longer; 0: never"
    return setting(default, text, weight)


def n_evaluations() -> Any:
    """Declare how often recovery is measured on the way."""
    return setting(20, "times that training stops to measure recovery", checks.count(1))


def n_restarts() -> Any:
    """Declare how many starts are trained from."""
    return setting(1, "dictionaries trained on the same data, compared for consistency", checks.count(1))


def initial_bias() -> Any:
    """Declare the bias at the start."""
    return setting(0.0, "bias at the start of training", checks.number(-1, 0))


def initial_scale(default: float) -> Any:
    """Declare the output scale at the start."""
    text = "output scale a at the start of training; 0.01 for gba, ba (near the theorem's a -> 0)"
    return setting(default, text, positive)


def penalty(default: float, text: str) -> Any:
    """Declare a weight of sparsity in the loss."""
    return setting(default, text, weight)


def pre_bias(default: str = "learned") -> Any:
    """Declare what becomes of b_pre."""
    text = "b_pre: learned (from 0), learned-mean (from the mean of the data), or frozen at zero or mean"
    return setting(default, text, checks.names("learned", "learned-mean", "zero", "mean"))


def k_default(whole: Any) -> int:
    """Return min(s, M); raises ValueError for data of unknown sparsity."""
    sparsity = getattr(whole, "sparsity", None)
    if sparsity is None:
        raise ValueError("k has no default on data of unknown sparsity; give k")
    return int(min(sparsity, whole.n_neurons))


def k_setting() -> Any:
    """Declare how many neurons are active in a sample."""
    return setting(3, "K, active neurons of a sample (batchtopk: on average); default s", checks.at_most_neurons,
                   derived=k_default)  # fmt: skip


class Whole:
    """The settings of an algorithm, and those of its data, as one: what derived defaults are worked out from."""

    def __init__(self, leaf: Algorithm, source: Source) -> None:
        self._leaf, self._source = leaf, source

    def __getattr__(self, name: str) -> Any:
        if name in {each.name for each in self._leaf.own()}:
            return derive(self._leaf, name, self)
        return getattr(getattr(self._source, "model", self._source), name)


@dataclass(frozen=True, kw_only=True, repr=False)
class Stepwise(Algorithm):
    """An algorithm that learns step by step, each from a fresh batch."""

    n_steps: int = n_steps()
    batch_size: int = batch_size()

    @property
    def usual_samples(self) -> int:  # type: ignore[override]
        """The number of samples where none is given: every batch is fresh."""
        return max(1, self.n_steps) * (self.batch_size or USUAL_BATCH)

    def check(self, model: Any) -> None:
        """Raise ValueError for batches larger than the data."""
        checks.check_batch(self.batch_size, None if model is None else model.n_samples)

    def on(self, source: Source) -> Self:
        """Return these settings with every derived default worked out on the data."""
        return self.resolved(Whole(self, source))

    def cost_of(self, model: Any) -> float:
        """Return about how long a job takes: the products of all steps."""
        rows = self.batch_size or USUAL_BATCH
        return float(self.n_steps + 1) * self.n_neurons * rows * float(model.d_model)


@dataclass(frozen=True, kw_only=True, repr=False)
class Autoencoder(Stepwise):
    """An autoencoder trained by Adam on batches of x = scale (X - mean), the mean norm of x being 1."""

    batch_axes: ClassVar[tuple[str, ...]] = ("seed",)
    network_class: ClassVar[type[Network]]

    learning_rate: float = learning_rate()
    schedule: str = schedule()
    warm_up: float = warm_up()
    beta1: float = beta1()
    clip_norm: float = clip_norm()
    optimizer: str = setting("adam", "adam or adamw", checks.names("adam", "adamw"))
    weight_decay: float = setting(0.01, "of adamw", weight, applies=lambda leaf: leaf.optimizer == "adamw")
    initialization: str = setting(
        "sphere", "start: sphere (uniform) or data (random samples)", checks.names("sphere", "data")
    )
    pre_bias: str = pre_bias()
    n_evaluations: int = n_evaluations()
    n_restarts: int = n_restarts()

    @classmethod
    def network(cls, cells: Sequence[Any], device: torch.device, dtype: torch.dtype) -> Network:
        """Return the autoencoder of replicas that differ in `batch_axes` only."""
        return cls.network_class(cells, device, dtype)

    @classmethod
    def fit_batch(cls, jobs: Sequence[Job], runtime: Runtime) -> list[Fitted]:
        """Train an autoencoder per job as replicas of one program.

        Raises ValueError for jobs that differ in more than `batch_axes`, a device that is not there, data that do not
        vary, and a checkpoint that is of something else or broken.
        """
        from simulations.algorithms.autoencoders.fit import fit_batch

        return fit_batch(jobs, runtime)

    def bytes_of(self, model: Any) -> int:
        """Return about what a job takes: weights, gradient and moments, and half a dozen arrays of a batch."""
        d, rows, n = model.d_model, self.batch_size or USUAL_BATCH, getattr(model, "n_features", 0)
        return int(self.n_restarts * (32 * d * self.n_neurons + 48 * rows * self.n_neurons + 16 * n * d))

    def cost_of(self, model: Any) -> float:
        """Return about how long a job takes: the products of all steps, from every start."""
        return self.n_restarts * super().cost_of(model)


@dataclass(frozen=True, kw_only=True, repr=False)
class Tied(Autoencoder):
    """An autoencoder whose decoder is its encoder, with a compiled step on a CPU (autoencoders.tied_network)."""

    batch_axes: ClassVar[tuple[str, ...]] = (*Autoencoder.batch_axes, "initial_scale")
    jump: ClassVar[bool] = False  # z = u where y > 0, not z = y

    initial_scale: float = initial_scale(1.0)
    evaluation: str = setting("auto", "auto (sparse and fast on a CPU) or dense", checks.names("auto", "dense"))

    @classmethod
    def network(cls, cells: Sequence[Any], device: torch.device, dtype: torch.dtype) -> Network:
        """Return the tied autoencoder of replicas."""
        from simulations.algorithms.autoencoders.tied_network import TiedNetwork

        return TiedNetwork(cells, device, dtype)
