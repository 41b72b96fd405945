"""Group Bias Adaptation (Algorithm 1 of arXiv 2506.14002v1) and Bias Adaptation, its single group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from simulations.algorithms.autoencoders.base import (
    Tied,
    initial_scale,
    learning_rate,
    positive,
    pre_bias,
    schedule,
    weight,
)
from simulations.algorithms.base import register
from simulations.base import checks
from simulations.base.settings import setting

if TYPE_CHECKING:
    import torch

    from simulations.algorithms.autoencoders.network import Network


def _low(name: str, value: Any, leaf: Any) -> None:
    checks.number(0, 1, low_open=True, high_open=True)(name, value, leaf)
    if value > leaf.high_target_frequency:
        raise ValueError(f"{name}={value}, but should be at most high_target_frequency={leaf.high_target_frequency}")


def _lowest_target(whole: Any) -> float:
    """Return LTF of gba, and p of ba."""
    low: float | None = getattr(whole, "low_target_frequency", None)
    return float(whole.target_frequency if low is None else low)


@dataclass(frozen=True, kw_only=True, repr=False)
class Controlled(Tied):
    """A tied autoencoder whose biases are moved by a controller of the firing frequencies, never by a gradient.

    Defaults (ours; measured in the experiment `basins`).  One-sided control never raises the bias of a neuron that
    fires.  From a bias of 0 it can end in a dense code that meets every target and holds few features: with b_pre = 0
    (mixed and canonical data, gain 0.1), and with b_pre learned where control is slow (gain 0.01, also four times as
    long) or the rate 0.01; fast control (0.1) at the paper's rate gets past
    it.  So all neurons start where the sparsest group has to end, at the quantile of u of the lowest target, as the
    theorem's start at theirs: a random direction then fires far less often than a feature occurs, and what a neuron
    learns from is nearly all its own.  High targets are then upper limits that are seldom met.
    A frozen b_pre = 0, as in the theorem, keeps features that are nearly always active out of it.
    Starting sparse, gradients are rare: hence the rate 0.01, which the linear schedule ends.
    The paper's literal form: initial_bias=0, pre_bias="learned", learning_rate=0.001, schedule="constant".
    """

    batch_axes: ClassVar[tuple[str, ...]] = (
        *Tied.batch_axes, "gain", "gain_ratio", "relaxation", "dead_frequency", "initial_bias",
        "start_frequency",
    )  # fmt: skip

    learning_rate: float = learning_rate(0.01)
    schedule: str = schedule("linear")
    pre_bias: str = pre_bias("zero")
    activation: str = setting("jumprelu", "relu or jumprelu", checks.names("relu", "jumprelu"))
    controller: str = setting(
        "paper",
        "of the biases (gba, ba): paper, quantile, or quantile-below (may stay below)",
        checks.names("paper", "quantile", "quantile-below"),
    )
    gain: float = setting(
        0.01, "gamma_minus of the paper's controller", positive, applies=lambda leaf: leaf.controller == "paper"
    )
    gain_ratio: float = setting(
        1.0, "gamma_plus / gamma_minus", weight, applies=lambda leaf: leaf.controller == "paper"
    )
    relaxation: float = setting(
        0.5,
        "share of the way a quantile controller goes",
        checks.number(0, 1, low_open=True),
        applies=lambda leaf: leaf.controller != "paper",
    )
    buffer_steps: int = setting(50, "steps between bias updates", checks.count(1))
    dead_frequency: float = setting(
        1e-6,
        "eps, frequency below which a neuron is revived (paper, quantile-below)",
        checks.number(0, 1, high_open=True),
        applies=lambda leaf: leaf.controller != "quantile",
    )
    start_frequency: float = setting(
        0.001,
        "share of samples a neuron fires on at the start, or its target where that is less; default the lowest target",
        checks.number(0, 1, low_open=True, high_open=True),
        derived=_lowest_target,
        applies=lambda leaf: leaf.initial_bias is None,
    )
    initial_bias: float = setting(
        0.0,
        "bias at the start of training; gba, ba: in the place of start_frequency",
        checks.number(-1, 0),
        applies=lambda leaf: leaf.initial_bias is not None,
    )
    initial_scale: float = initial_scale(0.01)

    @property
    def jump(self) -> bool:  # type: ignore[override]
        """Whether z = u where y > 0 (JumpReLU), not z = y (ReLU)."""
        return self.activation == "jumprelu"

    def target_frequencies(self) -> npt.NDArray[np.float64]:
        """Return the target frequency of each group."""
        raise NotImplementedError

    def bytes_of(self, model: Any) -> int:
        """Return about what a job takes, with the tail of u that a quantile controller keeps: at most 65 a neuron."""
        tail = 0 if self.controller == "paper" else 65 * 4 * self.n_neurons
        return super().bytes_of(model) + self.n_restarts * tail

    @classmethod
    def network(cls, cells: Sequence[Any], device: torch.device, dtype: torch.dtype) -> Network:
        """Return the controlled autoencoder of replicas."""
        from simulations.algorithms.autoencoders.controlled import ControlledNetwork

        return ControlledNetwork(cells, device, dtype)


@register("gba")
@dataclass(frozen=True, kw_only=True, repr=False)
class GBA(Controlled):
    """Group Bias Adaptation: groups of neurons with geometric target frequencies (Algorithm 1)."""

    batch_axes: ClassVar[tuple[str, ...]] = (
        *Controlled.batch_axes, "n_groups", "high_target_frequency", "low_target_frequency",
    )  # fmt: skip

    n_groups: int = setting(10, "K, groups of gba", checks.at_most_neurons)
    high_target_frequency: float = setting(
        0.5, "HTF, target frequency of gba's first group", checks.number(0, 1, low_open=True, high_open=True)
    )
    low_target_frequency: float = setting(0.001, "LTF, target frequency of gba's last group", _low)

    def target_frequencies(self) -> npt.NDArray[np.float64]:
        """Return HTF (LTF/HTF)^((k-1)/(K-1)) of the groups k = 1 to K; HTF of a single one."""
        return np.geomspace(self.high_target_frequency, self.low_target_frequency, self.n_groups)


@register("ba")
@dataclass(frozen=True, kw_only=True, repr=False)
class BA(Controlled):
    """Bias Adaptation: one target frequency for all neurons."""

    batch_axes: ClassVar[tuple[str, ...]] = (*Controlled.batch_axes, "target_frequency")

    target_frequency: float = setting(
        0.003, "p, share of samples a neuron should fire on (modified-ba, ba)", checks.number(0, 0.5, low_open=True)
    )

    def target_frequencies(self) -> npt.NDArray[np.float64]:
        """Return the one target frequency."""
        return np.array([self.target_frequency])
