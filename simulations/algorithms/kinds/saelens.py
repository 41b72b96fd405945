"""The autoencoders of SAELens, trained by its own code on our data: `saelens:topk` and its like.

Settings bear SAELens' names and have its defaults (sae_lens/saes/*.py of SAELens 6.54), but for K, whose default there
is 100, sized for language models, and the normalisation: there, "none" of raw inputs; here, of x, to mean norm sqrt(d),
which raw X of Gaussian features has, and at which its coefficients and thresholds make sense.  Its loss is
sum_d (f(x) - x)^2 plus penalties, averaged over a batch: a coefficient is twice one of 1/2 ||f(x) - x||^2.  Light:
SAELens is loaded when something is trained.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from simulations.algorithms.autoencoders import base
from simulations.algorithms.autoencoders.base import positive, weight
from simulations.algorithms.base import Algorithm, Fitted, Runtime, adapter
from simulations.algorithms.kinds.batchtopk_untied import matryoshka_widths
from simulations.algorithms.streamed import Streamed
from simulations.base import checks
from simulations.base.settings import setting
from simulations.data.source import Source

PREFIX = "saelens"


@dataclass(frozen=True, kw_only=True, repr=False)
class SAELens(Streamed):
    """What all kinds share: SAELens' trainer (Adam, gradients clipped at norm 1) and the start of its weights."""

    architecture: ClassVar[str] = ""  # SAELens' name of the training class
    own_fields: ClassVar[tuple[str, ...]] = ()  # what its configuration has beyond that of every kind

    learning_rate: float = setting(0.0003, "learning rate of Adam (SAELens' default 3e-4)", positive)
    schedule: str = base.schedule()
    warm_up: float = base.warm_up()
    beta1: float = base.beta1()
    decoder_init_norm: float = setting(0.1, "norm of the rows of W_dec at the start; W_enc is its transpose", positive)
    normalize_activations: str = setting(
        "expected_average_only_in",
        "of x, whose mean norm is 1: none, or expected_average_only_in (to mean norm sqrt(d))",
        checks.names("none", "expected_average_only_in"),
    )
    apply_b_dec_to_input: bool = setting(True, "whether b_dec is subtracted before encoding", checks.flag)
    dead_feature_window: int = setting(1_000, "steps without firing after which a latent is dead", checks.count(1))
    n_evaluations: int = base.n_evaluations()
    n_restarts: int = base.n_restarts()

    def check_ready(self) -> None:
        """Raise ValueError where SAELens is not installed."""
        if importlib.util.find_spec("sae_lens") is None:
            raise ValueError(f"algorithm={self.name!r} needs SAELens: pip install 'sae-recovery[saelens]'")

    def own_config(self) -> dict[str, Any]:
        """Return the part of SAELens' configuration that only this kind has."""
        return {name: getattr(self, name) for name in self.own_fields}

    @classmethod
    def learner(cls) -> Callable[[Any, Source, Runtime], Fitted]:
        """Return its training."""
        from simulations.algorithms.saelens.fit import fit

        return fit

    def cost_of(self, model: Any) -> float:
        """Return about how long a job takes: the products of all steps, from every start."""
        return self.n_restarts * super().cost_of(model)


@dataclass(frozen=True, kw_only=True, repr=False)
class Standard(SAELens):
    """ReLU; the penalty is l1_coefficient ||z * norms of W_dec||_p, p = lp_norm."""

    architecture: ClassVar[str] = "standard"
    own_fields: ClassVar[tuple[str, ...]] = ("l1_coefficient", "lp_norm", "l1_warm_up_steps")

    l1_coefficient: float = setting(1.0, "weight of the L1 penalty", weight)
    lp_norm: float = setting(1.0, "p of the penalty", positive)
    l1_warm_up_steps: int = setting(0, "steps over which the weight rises from 0", checks.count(0))


@dataclass(frozen=True, kw_only=True, repr=False)
class Gated(SAELens):
    """Gated SAE (arXiv 2404.16014) with tied gate and magnitude weights; the penalty is weighted by norms of W_dec."""

    architecture: ClassVar[str] = "gated"
    own_fields: ClassVar[tuple[str, ...]] = ("l1_coefficient", "l1_warm_up_steps")

    l1_coefficient: float = setting(1.0, "weight of the L1 penalty on the gate", weight)
    l1_warm_up_steps: int = setting(0, "steps over which the weight rises from 0", checks.count(0))


@dataclass(frozen=True, kw_only=True, repr=False)
class JumpReLU(SAELens):
    """JumpReLU (arXiv 2407.14435) whose threshold is itself the parameter, not its logarithm, since SAELens 6.5x."""

    architecture: ClassVar[str] = "jumprelu"
    own_fields: ClassVar[tuple[str, ...]] = (
        "jumprelu_init_threshold", "jumprelu_bandwidth", "jumprelu_sparsity_loss_mode", "jumprelu_tanh_scale",
        "jumprelu_ste_to_input", "l0_coefficient", "l0_warm_up_steps", "pre_act_loss_coefficient",
    )  # fmt: skip

    l0_coefficient: float = setting(1.0, "weight of the sparsity penalty", weight)
    l0_warm_up_steps: int = setting(0, "steps over which the weight rises from 0", checks.count(0))
    jumprelu_init_threshold: float = setting(0.01, "threshold at the start", weight)
    jumprelu_bandwidth: float = setting(0.05, "of the straight-through threshold", positive)
    jumprelu_sparsity_loss_mode: str = setting("step", "penalty: step (L0) or tanh", checks.names("step", "tanh"))
    jumprelu_tanh_scale: float = setting(4.0, "of the tanh penalty", positive)
    jumprelu_ste_to_input: bool = setting(False, "whether the encoder gets that gradient too", checks.flag)
    pre_act_loss_coefficient: float = setting(0.0, "weight of the loss of dead latents; 0: none", weight)

    def own_config(self) -> dict[str, Any]:
        """Return SAELens' configuration, in which no loss of dead latents is None."""
        told = super().own_config()
        return told | {"pre_act_loss_coefficient": told["pre_act_loss_coefficient"] or None}


@dataclass(frozen=True, kw_only=True, repr=False)
class TopK(SAELens):
    """TopK (arXiv 2406.04093), by default as if the rows of W_dec had norm 1, with a loss for dead latents (AuxK)."""

    architecture: ClassVar[str] = "topk"
    own_fields: ClassVar[tuple[str, ...]] = ("k", "aux_loss_coefficient", "rescale_acts_by_decoder_norm")

    k: int = base.k_setting()
    aux_loss_coefficient: float = setting(1.0, "weight of the loss of dead latents", weight)
    rescale_acts_by_decoder_norm: bool = setting(True, "whether norms of W_dec are divided out", checks.flag)


@dataclass(frozen=True, kw_only=True, repr=False)
class BatchTopK(TopK):
    """BatchTopK (arXiv 2412.06410); codes are those of the JumpReLU that SAELens saves, with its mean threshold."""

    architecture: ClassVar[str] = "batchtopk"
    own_fields: ClassVar[tuple[str, ...]] = (*TopK.own_fields, "topk_threshold_lr")

    topk_threshold_lr: float = setting(
        0.01, "weight of the latest batch in the inference threshold", checks.number(0, 1, low_open=True)
    )


@dataclass(frozen=True, kw_only=True, repr=False)
class Matryoshka(BatchTopK):
    """Matryoshka BatchTopK (arXiv 2503.17547): the sum of the losses of nested dictionaries."""

    architecture: ClassVar[str] = "matryoshka_batchtopk"
    own_fields: ClassVar[tuple[str, ...]] = (
        *BatchTopK.own_fields, "matryoshka_widths", "use_matryoshka_aux_loss",
    )  # fmt: skip

    matryoshka_widths: str = matryoshka_widths()
    use_matryoshka_aux_loss: bool = setting(False, "whether dead latents mend their own level", checks.flag)

    def own_config(self) -> dict[str, Any]:
        """Return SAELens' configuration, with the sizes as a list."""
        told = super().own_config()
        return told | {"matryoshka_widths": [int(each) for each in told["matryoshka_widths"].split("/")]}


KINDS: dict[str, type[SAELens]] = {
    "standard": Standard,
    "gated": Gated,
    "jumprelu": JumpReLU,
    "topk": TopK,
    "batchtopk": BatchTopK,
    "matryoshka": Matryoshka,
}
for _name, _kind in KINDS.items():
    _kind.name = f"{PREFIX}:{_name}"


@adapter(PREFIX)
def saelens(kind: str) -> type[Algorithm]:
    """Return the algorithm of a kind of SAELens; raises ValueError, suggesting the nearest, for an unknown one."""
    checks.one_of(f"algorithm={PREFIX}", kind, KINDS)
    return KINDS[kind]
