"""ReLU with an L1 penalty, and JumpReLU with a straight-through threshold (arXiv 2407.14435), both tied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from simulations.algorithms.autoencoders.base import Tied, initial_bias, initial_scale, penalty, positive, pre_bias
from simulations.algorithms.base import register
from simulations.base import checks
from simulations.base.settings import setting

TEXT = "sparsity penalty of l1, dictionary-learning (0.1) and jumprelu (0.01)"


@dataclass(frozen=True, kw_only=True, repr=False)
class Penalised(Tied):
    """A tied autoencoder that learns its biases from a loss with a penalty.

    b_pre is zero by default, as of all tied kinds: under JumpReLU a learned one grows to norm 0.9 and stays there, with
    recovery 0.79 against 0.96 (canonical data, three seeds); to L1 it makes no difference.  The output starts small:
    from scale 1 the first output is (M/2d) x, and Adam remembers its squared gradients for a thousand steps, in which
    training stalls in a polysemantic code (recovery 0.00 against 1.00 from 0.01).
    """

    batch_axes: ClassVar[tuple[str, ...]] = (*Tied.batch_axes, "initial_bias", "penalty")

    initial_bias: float = initial_bias()
    initial_scale: float = initial_scale(0.01)
    pre_bias: str = pre_bias("zero")


@register("l1")
@dataclass(frozen=True, kw_only=True, repr=False)
class L1(Penalised):
    """The loss is 1/2 ||f(x) - x||^2 + penalty sum_m |a_m z_m|."""

    penalty: float = penalty(0.1, TEXT)


@register("jumprelu")
@dataclass(frozen=True, kw_only=True, repr=False)
class JumpReLU(Penalised):
    """The loss is 1/2 ||f(x) - x||^2 + penalty (number of active neurons, or sum tanh(4 |a_m z_m|))."""

    jump: ClassVar[bool] = True

    penalty: float = penalty(0.01, TEXT)
    penalty_kind: str = setting("l0", "penalty of jumprelu: l0 or tanh", checks.names("l0", "tanh"))
    bandwidth: float = setting(0.05, "of jumprelu's straight-through threshold", positive)
