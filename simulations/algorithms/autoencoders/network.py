"""What a kind of autoencoder is to the trainer: parameters, codes, reconstruction and loss, for R replicas at once.

A new kind gives `parameters`, `forward` and `dictionary`, and a `loss` where it is not 1/2 ||f(x) - x||^2; its
gradient is autograd's.  All tensors have a leading axis of R replicas.  Light: torch is loaded when it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Tensors = dict[str, "Tensor"]
THRESHOLD_ROWS = 1_024  # a batch of batchtopk when its threshold is measured
FROZEN, AT_MEAN = ("zero", "mean"), ("mean", "learned-mean")  # of the setting pre_bias


class Seen(NamedTuple):
    """What a batch saw: mean loss (R,), firings (R, M), largest y or code or 0 (R, M), active entries (0 on CUDA).

    And u (R, B, M), where the network asks for it.
    """

    loss: Tensor
    fired: Tensor
    top: Tensor
    n_active: int
    u: Tensor | None = None


class Export(NamedTuple):
    """A replica as SAELens names its parts, on x: architecture, tensors, and more of its configuration."""

    architecture: str
    tensors: Tensors
    more: dict[str, Any]


class Network:
    """An autoencoder of R replicas, `cells`, that differ in `batch_axes` only."""

    def __init__(self, cells: Sequence[Any], device: torch.device, dtype: torch.dtype) -> None:
        self.cells, self.device, self.dtype = list(cells), device, dtype
        self.settings = self.cells[0]

    def value(self, name: str) -> Tensor:
        """Return a setting of each replica, (R, 1)."""
        import torch

        return torch.tensor([[getattr(each, name)] for each in self.cells], device=self.device, dtype=self.dtype)

    # What a kind gives

    def parameters(self, start: Tensor, mean: Tensor) -> Tensors:
        """Return the parameters before training, from unit directions (R, M, d) and the mean of x (R, d)."""
        raise NotImplementedError

    def forward(self, parameters: Tensors, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return codes z (R, B, M) and f(x) (R, B, d) of x (R, B, d)."""
        raise NotImplementedError

    def dictionary(self, parameters: Tensors) -> Tensor:
        """Return the unit directions of the decoder (R, M, d)."""
        raise NotImplementedError

    def decoder(self, parameters: Tensors) -> Tensor:
        """Return the decoder (R, M, d) of f(x) = z D + b_pre: the dictionary, where that has its norms."""
        return self.dictionary(parameters)

    def loss(self, parameters: Tensors, memory: Tensors, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean loss over x (R, B, d), (R,), and the codes (R, B, M)."""
        codes, output = self.forward(parameters, x)
        return (output - x).square().sum((1, 2)) / (2 * x.shape[1]), codes

    # What a kind may change

    def memory(self, parameters: Tensors) -> Tensors:
        """Return what training remembers besides the parameters, before the first step."""
        return {}

    def calibrate(self, parameters: Tensors, rows: Callable[[int], Tensor]) -> None:
        """Set, in place, what starts from data: `rows(r)` is x (rows, d) of the calibration of replica r."""

    def learned(self, parameters: Tensors) -> list[str]:
        """Return the names of the parameters that the optimiser moves: all, but for a frozen b_pre."""
        frozen = {"pre_bias"} if self.settings.pre_bias in FROZEN else set()
        return [name for name in parameters if name not in frozen]

    def gradients(self, parameters: Tensors, memory: Tensors, x: Tensor) -> tuple[Tensors, Seen]:
        """Return the gradients of the mean loss over x (R, B, d), by autograd, and what the batch saw."""
        import torch

        names = self.learned(parameters)
        with torch.enable_grad():
            leaves = {name: each.detach().requires_grad_(name in names) for name, each in parameters.items()}
            loss, codes = self.loss(leaves, memory, x)
            found = torch.autograd.grad(
                loss.sum(), [leaves[name] for name in names], allow_unused=True, materialize_grads=True
            )
        codes = codes.detach()
        fired = (codes != 0).to(codes.dtype).sum(1)
        n_active = int(fired.sum()) if x.device.type == "cpu" else 0
        return dict(zip(names, found, strict=True)), Seen(loss.detach(), fired, codes.amax(1).clamp(min=0), n_active)

    def project(self, parameters: Tensors) -> Tensor:
        """Put the parameters back where they have to be, in place; return (R,), finite where all numbers are."""
        total = next(iter(parameters.values())).new_zeros(len(self.cells))
        for each in parameters.values():
            total = total + each.flatten(1).sum(1)
        return total

    def remember(self, parameters: Tensors, memory: Tensors, seen: Seen, rows: int, step: int) -> None:
        """Take note, in place, of what a batch of `rows` saw, the `step`-th; may move what no gradient moves."""

    def results(self, memory: Tensors, r: int) -> dict[str, Any]:
        """Return the own results of replica r, by column."""
        return {}

    def targets(self, r: int) -> Tensor | None:
        """Return the target frequency of each neuron (M,) of replica r, where there are targets."""
        return None

    def threshold(self, parameters: Tensors, x: Tensor) -> Tensor | None:
        """Return the fixed threshold (R,) that stands for the rule in use, from x (R, rows, d), where one is needed."""
        return None

    def export(self, parameters: Tensors, r: int, threshold: float | None) -> Export:
        """Return replica r in the parts that SAELens has; raises ValueError where it has no such kind."""
        raise ValueError(f"algorithm={self.settings.name!r} has no equal in SAELens")

    # Of use to kinds

    @property
    def sparse(self) -> bool:
        """Whether products with codes of which few are not 0 are over these alone."""
        from simulations.algorithms.compiled import AVAILABLE

        return self.device.type == "cpu" and AVAILABLE

    def encoded(self, x: Tensor, encoder: Tensor) -> Tensor:
        """Return x (R, B, d) @ encoder (R, M, d) transposed."""
        if not self.sparse:
            return x @ encoder.transpose(1, 2)
        from simulations.algorithms.autoencoders.products import encoded

        return encoded(x, encoder)

    def decoded(self, codes: Tensor, decoder: Tensor, where: Tensor | None = None) -> Tensor:
        """Return codes (R, B, M) @ decoder (R, M, d); codes have a gradient `where` is not 0, by default they."""
        if not self.sparse:
            return codes @ decoder
        from simulations.algorithms.autoencoders.products import decoded

        return decoded(codes, decoder, where)

    def start_of_pre_bias(self, mean: Tensor) -> Tensor:
        """Return b_pre (R, d) before training."""
        return mean.clone() if self.settings.pre_bias in AT_MEAN else mean.new_zeros(mean.shape)


def smallest_code(codes: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return the smallest positive of the codes (R, B, M) of a batch, averaged over batches of x (R, rows, d).

    Implements: the inference threshold of BatchTopK, Bussmann et al., arXiv 2412.06410, E min { z > 0 }.
    """
    import torch

    parts = (codes(part).flatten(1) for part in torch.split(x, THRESHOLD_ROWS, dim=1))
    found = torch.stack([torch.where(each > 0, each, torch.inf).amin(1) for each in parts])
    return torch.nan_to_num(torch.where(found.isfinite(), found, torch.nan).nanmean(0))


def unit_rows(weights: Tensor) -> Tensor:
    """Scale the rows of weights (R, M, d) to norm 1, in place, and return the norms they had, (R, M, 1)."""
    norm: Tensor = weights.norm(dim=2, keepdim=True)
    weights.div_(norm)
    return norm


def across(gradient: Tensor, weights: Tensor) -> Tensor:
    """Return the part of a gradient (R, M, d) across the unit rows of weights, in its place: the rest changes norms."""
    return gradient.addcmul_((gradient * weights).sum(2, keepdim=True), weights, value=-1)


def largest(y: Tensor, counts: Sequence[int]) -> Tensor:
    """Return which of y (R, B, M) are among the counts[r] largest of their row and positive.

    Exactly that many are, where so many are positive: of entries equal to the last one, those of the lowest index.
    """
    import torch

    number = torch.tensor(list(counts), device=y.device)[:, None, None]
    values = y.topk(min(max(counts) + 1, y.shape[2]), dim=2).values
    floor, after = (
        values.gather(2, at.expand(-1, y.shape[1], 1)) for at in (number - 1, number.clamp(max=values.shape[2] - 1))
    )
    positive = y > 0
    if y.device.type == "cpu" and bool(((after < floor) | (floor <= 0)).all()):
        return (y >= floor) & positive  # as nearly always: no entry equals the last one
    above, tied = y > floor, y == floor
    left = number - above.sum(2, keepdim=True)
    return (above | (tied & (tied.cumsum(2, dtype=torch.int32) <= left))) & positive
