"""What the model does with a reconstruction in the place of its activations: on windows that are held out."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from simulations.base.files import StorageError
from simulations.data.activations.shards import TOKEN, Shards
from simulations.data.activations.transformer import Transformer, load

Array = npt.NDArray[Any]
N_WINDOWS = 16  # ours: on one core a pass of MiniLM takes a second


class Spliced(NamedTuple):
    """What the model says with something else at its hook, mean over windows.

    `told` is the cross-entropy of the next token in nats, or the cosine of the embedding with the clean one; `loss` is
    what is lost by it: cross-entropy less the clean one, or one less the cosine.
    """

    told: float
    loss: float


class Downstream:
    """The held-out windows of collected activations, and the transformer that they come from.

    `rows` X (R, d) are the activations at the positions that rows were collected at, as the model computes them here.
    Raises StorageError for a transformer of other weights than those that were collected.
    """

    def __init__(self, shards: Shards, transformer: Transformer, n_windows: int = N_WINDOWS) -> None:
        if transformer.weights_digest() != shards.manifest["settings"]["weights"]:
            raise StorageError(f"the model of {shards.name} has other weights here than where it was collected")
        self.transformer = transformer
        held = list(shards.held_windows())
        full = [each for each in held if len(each[1]) >= max(len(one[1]) for one in held) // 2]
        chosen = [full[k] for k in np.unique(np.linspace(0, len(full) - 1, n_windows).round().astype(int))]
        windows = [[*text["lead"], *tokens[:, TOKEN].tolist()] for text, tokens, _ in chosen]
        self.ids, self.real = transformer.inputs(windows)
        self.kept = transformer.kept([len(each) for each in windows], self.ids.shape[1])
        _, self.hidden = transformer.forward(self.ids, self.real)
        self.rows: Array = self.hidden[self.kept].float().cpu().numpy()
        self.window_of_row: Array = self.kept.nonzero()[:, 0].cpu().numpy()

    @cached_property
    def _clean(self) -> Tensor:
        return self.transformer.answer(self.ids, self.real)

    def spliced(self, rows: Array, windows: Array | None = None) -> Spliced:
        """Return what the model says with `rows` (R, d) in the place of X; of some windows: (R', d), their rows."""
        chosen = torch.arange(len(self.ids)) if windows is None else torch.as_tensor(windows)
        kept = self.kept[chosen]
        new = torch.as_tensor(rows, dtype=self.hidden.dtype, device=self.hidden.device)

        def change(hidden: Tensor) -> Tensor:
            found = hidden.clone()
            found[kept] = new
            return found

        answer, clean = self.transformer.answer(self.ids[chosen], self.real[chosen], change), self._clean[chosen]
        if self.transformer.causal:
            return Spliced(float(answer.nanmean()), float((answer - clean).nanmean()))
        loss = float((answer - clean).square().sum(1).mean() / 2)  # exactly 0 where nothing is changed
        return Spliced(1 - loss, loss)

    @cached_property
    def clean(self) -> Spliced:
        """What the model says undisturbed."""
        return self.spliced(self.rows)

    @cached_property
    def zero(self) -> Spliced:
        """With zeros at its hook."""
        return self.spliced(np.zeros_like(self.rows))

    def constant(self, row: Array) -> Spliced:
        """With one row (d,) at every position, as the mean of the data."""
        return self.spliced(np.broadcast_to(row, self.rows.shape).copy())


@lru_cache(maxsize=2)
def transformer_of(model: str, layer: int, hook: str) -> Transformer:
    """Return a transformer that is loaded once for all cells of a process."""
    return load(model, layer, hook)


def downstream_of(shards: Shards) -> Downstream | None:
    """Return the evaluation of collected activations; None where no model is known, as of arrays from elsewhere."""
    told = shards.manifest["settings"]
    if shards.name.hook == "array" or not shards.has_text:
        return None
    return Downstream(shards, transformer_of(told["model"], told["layer"], told["hook"]))
