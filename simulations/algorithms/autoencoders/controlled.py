"""The autoencoder of GBA and BA: tied, with biases that a controller of the firing frequencies moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from simulations.algorithms.autoencoders import controller
from simulations.algorithms.autoencoders.controller import Buffer
from simulations.algorithms.autoencoders.network import Seen, Tensors
from simulations.algorithms.autoencoders.tail import Tail, middle
from simulations.algorithms.autoencoders.tied_network import TiedNetwork

SLACK, ON_TARGET = 1.25, 0.9  # the target is reached once 9 in 10 neurons fire at most 1.25 times as often as wanted


CONSTANTS = {
    "paper": ("gain", "gain_ratio", "dead_frequency"),
    "quantile": ("relaxation",),
    "quantile-below": ("relaxation", "dead_frequency"),
}


class ControlledNetwork(TiedNetwork):
    """A tied autoencoder that counts firings and, after every `buffer_steps` steps, moves its biases (Algorithm 1).

    Its memory: `fired` of the buffer (R, M) and its `top` (R, M), or of a quantile controller its `tail` (R, depth, M);
    `on_target`, the step at which the target was reached (R,), -1 before; `frequency_before` and `frequency_last`,
    those of the last two full buffers (R, M), and `mean_bias` (R,).
    """

    def __init__(self, cells: Sequence[Any], device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(cells, device, dtype)
        self._host = controller.groups(self.cells, torch.device("cpu"), dtype)
        self.groups = self._host._replace(member=self._host.member.to(device), target=self._host.target.to(device))
        first = self.settings
        self.keeps_u = first.controller != "paper"
        if self.keeps_u:
            self.tail = Tail(self._host, first.buffer_steps * first.batch_size, device, dtype)

    @cached_property
    def _constants(self) -> list[Tensor]:
        """What the controller is set to, (R, 1) each: made once, for a GPU waits where numbers are sent to it."""
        return [self.value(name) for name in CONSTANTS[self.settings.controller]]

    def calibrate(self, parameters: Tensors, rows: Callable[[int], Tensor]) -> None:
        """Start neurons at the quantile of u that gives their target, at most `start_frequency`, where there is one."""
        for r, cell in enumerate(self.cells):
            if cell.start_frequency is None:
                continue
            W, bias, x = parameters["weights"][r], parameters["bias"][r], rows(r)[-controller.MOST_ROWS :]
            most = torch.tensor(cell.start_frequency, dtype=self.dtype)
            of, wanted = self._host._replace(target=self._host.target.minimum(most)), torch.zeros_like(bias)
            for start, stop, n_rows, count in controller.segments(of, r, len(x)):
                centred = x[-n_rows:] - parameters["pre_bias"][r]
                wanted[start:stop] = -middle((W[start:stop] @ centred.T).T, count)  # a neuron's samples side by side
            bias.copy_(controller.quantile(bias, wanted, torch.ones_like(bias)))

    def memory(self, parameters: Tensors) -> Tensors:
        """Return an empty buffer."""
        bias = parameters["bias"]
        names = ("fired", "frequency_before", "frequency_last", *(() if self.keeps_u else ("top",)))
        found = {name: torch.zeros_like(bias) for name in names} | {"mean_bias": bias.mean(1)}
        found["on_target"] = torch.full((len(self.cells),), -1, device=self.device)
        return found | ({"tail": self.tail.empty(bias)} if self.keeps_u else {})

    def remember(self, parameters: Tensors, memory: Tensors, seen: Seen, rows: int, step: int) -> None:
        """Add what a batch saw to the buffer; when it is full, move the biases and empty it."""
        memory["fired"].add_(seen.fired)
        left = -step % self.settings.buffer_steps
        if not self.keeps_u:
            torch.maximum(memory["top"], seen.top, out=memory["top"])
        else:
            assert seen.u is not None
            self.tail.add(memory["tail"], seen.u, left * rows)
        if not left:
            self.control(parameters, memory, rows * self.settings.buffer_steps, step)

    def control(self, parameters: Tensors, memory: Tensors, samples: int, step: int) -> None:
        """Move every bias, after `samples` samples, empty the buffer, and note whether the target is reached."""
        parameters["bias"].copy_(self._moved(parameters["bias"], memory, samples))
        memory["mean_bias"].copy_(parameters["bias"].mean(1))
        frequency = memory["fired"] / samples
        share = (frequency <= SLACK * self.groups.target).to(frequency.dtype).mean(1)
        memory["on_target"].masked_fill_((share >= ON_TARGET) & (memory["on_target"] < 0), step)
        memory["frequency_before"].copy_(memory["frequency_last"])
        memory["frequency_last"].copy_(frequency)
        memory["fired"].zero_()
        if self.keeps_u:
            memory["tail"].fill_(self.tail.least)
        else:
            memory["top"].zero_()

    def _moved(self, bias: Tensor, memory: Tensors, samples: int) -> Tensor:
        if not self.keeps_u:
            buffer = Buffer(samples, memory["fired"], memory["top"])
            return controller.paper(bias, buffer, self.groups, *self._constants)
        relaxation, *dead = self._constants
        moved = controller.quantile(bias, self.tail.biases(memory["tail"], bias), relaxation)
        return controller.below(bias, moved, memory["fired"] / samples, self.groups.target, *dead) if dead else moved

    def targets(self, r: int) -> Tensor:
        """Return the target frequency of each neuron (M,)."""
        return self.groups.target[r]

    def results(self, memory: Tensors, r: int) -> dict[str, Any]:
        """Return when the target was reached, and how far frequencies moved between the last two buffers."""
        both = ("frequency_before", "frequency_last")
        before, after = (memory[name][r].double().cpu().numpy() for name in both)
        fires = (before > 0) & (after > 0)
        reached = int(memory["on_target"][r])
        found: dict[str, Any] = {"mean_bias": float(memory["mean_bias"][r])}
        found |= {"steps_to_target": reached} if reached >= 0 else {}
        if fires.any():
            found["control_fluctuation"] = float(np.median(np.abs(np.log(after[fires] / before[fires]))))
        return found
