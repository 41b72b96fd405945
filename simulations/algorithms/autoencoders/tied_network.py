"""The tied autoencoders as the trainer sees them: parameters, the fast step on a CPU, thresholds and export."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from simulations.algorithms.autoencoders.network import Export, Network, Seen, Tensors, smallest_code, unit_rows
from simulations.algorithms.autoencoders.sparse import sparse_gradients
from simulations.algorithms.autoencoders.tied import (
    WITH_K,
    Gate,
    Parameters,
    dense_gradients,
    pre_activations,
    reconstruct,
)

FLOOR_SHARE = 0.8  # of the last floor of batchtopk, below which the next is not expected


class TiedNetwork(Network):
    """The tied autoencoder of a gate: on a CPU by the compiled sparse step, unless `evaluation` is dense."""

    keeps_u = False  # whether what a batch saw includes u

    def __init__(self, cells: Sequence[Any], device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(cells, device, dtype)
        self.gate = Gate(self.cells, device, dtype)
        self._floor = 0.0  # of the last batch: it saves time, and changes no number

    def parameters(self, start: Tensor, mean: Tensor) -> Tensors:
        """Return W, a, b and b_pre before training."""
        width = start.shape[1]
        bias = torch.zeros_like(start[:, :, 0])
        if self.gate.algorithm not in WITH_K:
            given = [[each.initial_bias or 0.0] for each in self.cells]  # none where the start is calibrated
            bias = torch.tensor(given, device=self.device, dtype=self.dtype).repeat(1, width)
        scale = self.value("initial_scale").repeat(1, width)
        return Parameters(start.clone(), scale, bias, self.start_of_pre_bias(mean))._asdict()

    def forward(self, parameters: Tensors, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return codes z (R, B, M) and f(x) (R, B, d) of x (R, B, d)."""
        return reconstruct(Parameters(**parameters), self.gate, x)

    def dictionary(self, parameters: Tensors) -> Tensor:
        """Return W (R, M, d)."""
        return parameters["weights"]

    def decoder(self, parameters: Tensors) -> Tensor:
        """Return a W (R, M, d)."""
        return parameters["scale"][:, :, None] * parameters["weights"]

    def learned(self, parameters: Tensors) -> list[str]:
        """Return W, a, b_pre unless it is frozen, and the bias where it is learned."""
        return [name for name in super().learned(parameters) if self.gate.learns_bias or name != "bias"]

    def gradients(self, parameters: Tensors, memory: Tensors, x: Tensor) -> tuple[Tensors, Seen]:
        """Return the gradients of the mean loss over x (R, B, d) and what was seen; its loss is without penalty."""
        own = Parameters(**parameters)
        if self.sparse and self.settings.evaluation != "dense":
            gradients, seen, self._floor = sparse_gradients(own, self.gate, x, FLOOR_SHARE * self._floor, self.keeps_u)
        else:
            gradients, seen = dense_gradients(own, self.gate, x, self.keeps_u)
        return gradients._asdict(), seen

    def project(self, parameters: Tensors) -> Tensor:
        """Put every w_m back on the unit sphere, and thresholds of jumprelu above 0."""
        norm = unit_rows(parameters["weights"])
        if self.gate.straight_through:
            parameters["bias"].clamp_(max=0)  # a threshold below 0 would pass negative values
        return norm.sum((1, 2)) + parameters["scale"].sum(1) + parameters["bias"].sum(1)

    def threshold(self, parameters: Tensors, x: Tensor) -> Tensor | None:
        """Return, of batchtopk, the smallest active y of a batch, averaged over batches of x (R, rows, d)."""
        if self.gate.algorithm != "batchtopk":
            return None

        def codes(part: Tensor) -> Tensor:
            y = pre_activations(Parameters(**parameters), part)
            return y * self.gate.active(y)

        return smallest_code(codes, x)

    def export(self, parameters: Tensors, r: int, threshold: float | None) -> Export:
        """Return W_enc = W^T, W_dec = a W, b_enc = b, b_dec = b_pre; a JumpReLU has b_enc = 0 and threshold -b.

        BatchTopK is a JumpReLU with its inference threshold.
        """
        W, a, b, b_pre = (parameters[name][r].double() for name in Parameters._fields)
        tensors = {"W_enc": W.T, "W_dec": a[:, None] * W, "b_enc": b, "b_dec": b_pre}
        if self.gate.algorithm == "topk":
            return Export("topk", tensors, {"k": self.gate.k[r], "rescale_acts_by_decoder_norm": False})
        if self.gate.algorithm == "batchtopk":
            return Export("jumprelu", tensors | {"threshold": torch.full_like(b, threshold or 0.0)}, {})
        if self.gate.jump:
            return Export("jumprelu", tensors | {"b_enc": torch.zeros_like(b), "threshold": -b}, {})
        return Export("standard", tensors, {})
