"""GBA and BA (Algorithm 1 of arXiv 2506.14002v1) as training architectures of SAELens: import, and they are there.

With c the mean norm of the inputs and x' = x / c:  u = W (x' - b_pre), y = u + b, z = u 1(y > 0) (JumpReLU),
f(x) = c (sum_m a_m w_m z_m + b_pre), rows w_m of W = W_dec on the unit sphere, loss 1/2 ||f(x)/c - x'||^2 (mean over
samples) and no penalty.  Adam moves W, a and b_pre; after every `buffer_steps` steps our own controller
(simulations.algorithms.autoencoders.controlled) moves b towards the target frequency of each neuron.  Saved for
inference it is SAELens' jumprelu on raw x: W_enc = W^T / c, W_dec = c a W, b_dec = c b_pre, b_enc = 0, threshold = -b.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from sae_lens import JumpReLUSAEConfig, TrainingSAE, TrainingSAEConfig, register_sae_training_class
from sae_lens.registry import SAE_TRAINING_CLASS_REGISTRY
from sae_lens.saes.sae import TrainStepInput, TrainStepOutput
from torch import Tensor, nn

from simulations.algorithms.autoencoders.controlled import ControlledNetwork
from simulations.algorithms.autoencoders.network import AT_MEAN, FROZEN, Seen
from simulations.algorithms.kinds.bias_adaptation import BA, GBA, Controlled

MEMORY = "control_"  # what the controller remembers, as buffers of that prefix
NORMALIZATIONS = ("none", "expected_average_only_in")


@dataclass(kw_only=True)
class ControlledTrainingSAEConfig(TrainingSAEConfig):  # type: ignore[misc]
    """What GBA and BA share.  Names, ranges and defaults, for which None stands, are those of `--algorithm gba`.

    `input_norm` is c, the mean norm of the inputs; 0: that of the first batch, which also starts the biases.
    """

    settings_class: ClassVar[type[Controlled]]
    own: ClassVar[tuple[str, ...]] = (
        "controller", "gain", "gain_ratio", "relaxation", "buffer_steps", "dead_frequency", "start_frequency",
        "initial_bias", "initial_scale", "pre_bias",
    )  # fmt: skip

    controller: str | None = None
    gain: float | None = None
    gain_ratio: float | None = None
    relaxation: float | None = None
    buffer_steps: int | None = None
    dead_frequency: float | None = None
    start_frequency: float | None = None
    initial_bias: float | None = None
    initial_scale: float | None = None
    pre_bias: str | None = None
    input_norm: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.normalize_activations not in NORMALIZATIONS or not self.apply_b_dec_to_input:
            told = f"normalize_activations={self.normalize_activations!r}, {self.apply_b_dec_to_input=}"
            raise ValueError(f"{told}, but should be one of {', '.join(NORMALIZATIONS)}, and True")
        if not self.input_norm >= 0:
            raise ValueError(f"input_norm={self.input_norm}, but should be at least 0")
        self.settings()

    def settings(self) -> Controlled:
        """Return the settings of our own algorithm, resolved; raises ValueError for one that is not allowed."""
        told = {name: getattr(self, name) for name in self.own if getattr(self, name) is not None}
        given = self.settings_class(n_neurons=self.d_sae, batch_size=1, **told)
        missing = [each for each in given.own() if each.name in self.own and getattr(given, each.name) is None]
        return given.replace(**{each.name: each.metadata["default"] for each in missing})

    def get_inference_config_class(self) -> Any:
        """Return that of the JumpReLU which it is saved as."""
        return JumpReLUSAEConfig


@dataclass(kw_only=True)
class GBATrainingSAEConfig(ControlledTrainingSAEConfig):
    """Group Bias Adaptation: K groups of neurons with target frequencies geometric from HTF to LTF."""

    settings_class: ClassVar[type[Controlled]] = GBA
    own: ClassVar[tuple[str, ...]] = (
        *ControlledTrainingSAEConfig.own, "n_groups", "high_target_frequency", "low_target_frequency",
    )  # fmt: skip

    n_groups: int | None = None
    high_target_frequency: float | None = None
    low_target_frequency: float | None = None

    @classmethod
    def architecture(cls) -> str:
        """Return the name under which SAELens knows it."""
        return "gba"


@dataclass(kw_only=True)
class BATrainingSAEConfig(ControlledTrainingSAEConfig):
    """Bias Adaptation: one target frequency for all neurons."""

    settings_class: ClassVar[type[Controlled]] = BA
    own: ClassVar[tuple[str, ...]] = (*ControlledTrainingSAEConfig.own, "target_frequency")

    target_frequency: float | None = None

    @classmethod
    def architecture(cls) -> str:
        """Return the name under which SAELens knows it."""
        return "ba"


class ControlledTrainingSAE(TrainingSAE):  # type: ignore[misc]
    """GBA or BA; the configuration says which.

    Parameters: W_dec (M, d), b_dec (d,), in units of x / c, and output_scale (M,).  Buffers: b_enc (M,), input_norm c,
    the steps done, and what the controller remembers, so that a checkpoint goes on where it was.
    """

    b_enc: Tensor
    input_norm: Tensor
    steps_done: Tensor

    def initialize_weights(self) -> None:
        """Draw directions uniformly on the sphere, as SAELens draws its weights, and make an empty memory."""
        make = {"dtype": self.dtype, "device": self.device}
        given = self.cfg.settings()
        W = torch.empty(self.cfg.d_sae, self.cfg.d_in, **make)
        nn.init.kaiming_normal_(W)
        self.W_dec = nn.Parameter(nn.functional.normalize(W, dim=1))
        self.b_dec = nn.Parameter(torch.zeros(self.cfg.d_in, **make), requires_grad=given.pre_bias not in FROZEN)
        self.output_scale = nn.Parameter(torch.full((self.cfg.d_sae,), given.initial_scale, **make))
        self.register_buffer("b_enc", torch.full((self.cfg.d_sae,), given.initial_bias or 0.0, **make))
        self.register_buffer("input_norm", torch.tensor(float(self.cfg.input_norm), **make))
        self.register_buffer("steps_done", torch.tensor(0, device=self.device))
        for name, each in self._network(1).memory(self._replica()).items():
            self.register_buffer(MEMORY + name, each)
        self._seen: tuple[Seen, int] | None = None

    @property
    def W_enc(self) -> Tensor:
        """The encoder (d, M) on x: tied."""
        return self.W_dec.T / self.input_norm

    def get_coefficients(self) -> dict[str, Any]:
        """Return that the loss has no terms with coefficients."""
        return {}

    def calculate_aux_loss(self, *_: Any, **__: Any) -> dict[str, Tensor]:
        """Return that the loss has one term only."""
        return {}

    def encode(self, x: Tensor) -> Tensor:
        """Return z (.., M)."""
        self.project()
        return self.encode_with_hidden_pre(x)[0]

    def encode_with_hidden_pre(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and u, (.., M) each."""
        unit: Tensor = self.hook_sae_input(self.reshape_fn_in(x.to(self.dtype))) / self._norm(x)
        u: Tensor = self.hook_sae_acts_pre((unit - self.b_dec) @ self.W_dec.T)
        return self.hook_sae_acts_post(u * (u + self.b_enc > 0)), u

    def decode(self, feature_acts: Tensor) -> Tensor:
        """Return f(x) (.., d) of codes z."""
        unit = (feature_acts * self.output_scale) @ self.W_dec + self.b_dec
        output: Tensor = self.reshape_fn_out(self.hook_sae_recons(unit * self.input_norm), self.d_head)
        return output

    def training_forward_pass(self, step_input: TrainStepInput) -> TrainStepOutput:
        """Take note of the step that was taken, move the biases where it is time, and return the loss of the next."""
        x = step_input.sae_in
        self.project()
        self._calibrate(x)
        self._control()
        codes, u = self.encode_with_hidden_pre(x)
        output = self.decode(codes)
        raw = (output - x).square().sum(-1).mean()
        loss = raw / (2 * self.input_norm**2)
        with torch.no_grad():
            top = ((u + self.b_enc) * (codes != 0)).amax(0).clamp(min=0)
            fired = (codes != 0).to(top).sum(0)
            self._seen = Seen(loss.detach()[None], fired[None], top[None], 0, u.detach()[None]), len(x)
        return TrainStepOutput(
            sae_in=x, sae_out=output, feature_acts=codes, hidden_pre=u, loss=loss, losses={"mse_loss": raw}
        )

    @torch.no_grad()
    def project(self) -> None:
        """Put the rows of W_dec back on the unit sphere."""
        self.W_dec.div_(self.W_dec.norm(dim=1, keepdim=True))

    @torch.no_grad()
    def _norm(self, x: Tensor) -> Tensor:
        """Return c, which the first batch decides where it was not given."""
        if not float(self.input_norm) > 0:
            norm = x.to(self.dtype).norm(dim=-1).mean()
            if not (torch.isfinite(norm) and norm > 0):
                raise ValueError(f"mean norm of the inputs {float(norm)}, but should be finite and above 0")
            self.input_norm.copy_(norm)
        return self.input_norm

    def _network(self, rows: int) -> ControlledNetwork:
        """Return our own autoencoder of one replica, whose parameters and memory are views of what is here."""
        return ControlledNetwork([self.cfg.settings().replace(batch_size=rows)], self.device, self.dtype)

    def _replica(self) -> dict[str, Tensor]:
        named = {"weights": self.W_dec, "scale": self.output_scale, "bias": self.b_enc, "pre_bias": self.b_dec}
        return {name: each.detach()[None] for name, each in named.items()}

    @torch.no_grad()
    def _calibrate(self, x: Tensor) -> None:
        """Start the biases at quantiles of u on the first batch, and b_pre at its mean, where the settings say so."""
        if self._seen is None and not int(self.steps_done):
            unit = x.to(self.dtype) / self._norm(x)
            if self.cfg.settings().pre_bias in AT_MEAN:
                self.b_dec.copy_(unit.mean(0))
            self._network(len(x)).calibrate(self._replica(), lambda _: unit)

    @torch.no_grad()
    def _control(self) -> None:
        """Let the controller see the step that was taken last, once; it moves b_enc in place."""
        if self._seen is None:
            return
        (seen, rows), self._seen = self._seen, None
        self.steps_done += 1
        network = self._network(rows)
        memory = {name.removeprefix(MEMORY): each for name, each in self.named_buffers() if name.startswith(MEMORY)}
        network.remember(self._replica(), memory, seen, rows, int(self.steps_done))

    def process_state_dict_for_saving_inference(self, state_dict: dict[str, Any]) -> None:
        """Turn the state, whose last step the controller sees now, into that of a JumpReLU on raw x."""
        self._control()
        W = nn.functional.normalize(state_dict["W_dec"], dim=1)
        c = float(state_dict.pop("input_norm")) or 1.0
        del state_dict["steps_done"]
        for name in [each for each in state_dict if each.startswith(MEMORY)]:
            del state_dict[name]
        bias = self.b_enc.detach().clone()
        state_dict |= {
            "W_enc": (W.T / c).contiguous(),
            "W_dec": c * state_dict.pop("output_scale")[:, None] * W,
            "b_dec": c * state_dict["b_dec"],
            "threshold": -bias,
            "b_enc": torch.zeros_like(bias),
        }

    @torch.no_grad()
    def fold_activation_norm_scaling_factor(self, scaling_factor: float) -> None:
        """Take x from now on where it was scaling_factor * x."""
        self.input_norm.div_(scaling_factor)
        self.cfg.normalize_activations = "none"

    def fold_W_dec_norm(self) -> None:
        """Do nothing: the norms of W_dec are 1."""

    def log_histograms(self) -> dict[str, Any]:
        """Return what SAELens draws in its log."""
        return {"weights/b_e": self.b_enc.float().cpu().numpy(),
                "weights/output_scale": self.output_scale.detach().float().cpu().numpy()}  # fmt: skip


def register() -> None:
    """Make `gba` and `ba` known to SAELens, once."""
    for config in (GBATrainingSAEConfig, BATrainingSAEConfig):
        if config.architecture() not in SAE_TRAINING_CLASS_REGISTRY:
            register_sae_training_class(config.architecture(), ControlledTrainingSAE, config)


register()
