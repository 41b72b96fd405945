"""The autoencoder of GBA and BA: tied, with biases that a controller of the firing frequencies moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from simulations.algorithms.autoencoders import controller
from simulations.algorithms.autoencoders.controller import Buffer
from simulations.algorithms.autoencoders.network import Reached, Seen, Tensors
from simulations.algorithms.autoencoders.tied_network import TiedNetwork

SLACK, ON_TARGET = 1.25, 0.9  # the target is reached once 9 in 10 neurons fire at most 1.25 times as often as wanted


class ControlledNetwork(TiedNetwork):
    """A tied autoencoder that counts firings and, after every `buffer_steps` steps, moves its biases (Algorithm 1).

    Its memory: `fired` and `top` of the buffer (R, M); `on_target`, the step at which the target was reached (R,), -1
    before; `frequency_before` and `frequency_last`, those of the last two full buffers (R, M), and `mean_bias` (R,).
    """

    def __init__(self, cells: Sequence[Any], device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(cells, device, dtype)
        self.groups = controller.groups(self.cells, device, dtype)
        first = self.settings
        if first.controller != "paper":
            self.rows_back = min(controller.MOST_ROWS, first.buffer_steps * first.batch_size)

    def calibrate(self, parameters: Tensors, rows: Callable[[int], Tensor]) -> None:
        """Start neurons at the quantile of u that gives their target, at most `start_frequency`, where there is one."""
        wanted = [each.start_frequency for each in self.cells]
        calibrated = [r for r, each in enumerate(wanted) if each is not None]
        if not calibrated:
            return
        most = torch.tensor([[each or 1.0] for each in wanted], device=self.device, dtype=self.dtype)
        groups = self.groups._replace(target=self.groups.target.minimum(most))
        bias = parameters["bias"]
        nothing, all_the_way = torch.zeros_like(bias), torch.ones_like(bias[:, :1])
        known = {r: rows(r)[-controller.MOST_ROWS :] for r in calibrated}
        of = self._of([known.get(r, known[calibrated[0]]) for r in range(len(wanted))], parameters)
        moved = controller.quantile(
            bias, Buffer(1, nothing, nothing), groups, of, controller.MOST_ROWS, all_the_way, nothing, below=False
        )
        bias[calibrated] = moved[calibrated]

    def memory(self, parameters: Tensors) -> Tensors:
        """Return an empty buffer."""
        names = ("fired", "top", "frequency_before", "frequency_last")
        never = torch.full((len(self.cells),), -1, device=self.device)
        bias = parameters["bias"]
        return {name: torch.zeros_like(bias) for name in names} | {"on_target": never, "mean_bias": bias.mean(1)}

    def remember(self, parameters: Tensors, memory: Tensors, seen: Seen, rows: int, reached: Reached) -> None:
        """Add what a batch saw to the buffer; when it is full, move the biases and empty it."""
        memory["fired"].add_(seen.fired)
        torch.maximum(memory["top"], seen.top, out=memory["top"])
        if reached.step % self.settings.buffer_steps == 0:
            self.control(parameters, memory, rows * self.settings.buffer_steps, reached)

    def control(self, parameters: Tensors, memory: Tensors, samples: int, reached: Reached) -> None:
        """Move every bias, after `samples` samples, empty the buffer, and note whether the target is reached."""
        buffer = Buffer(samples, memory["fired"], memory["top"])
        parameters["bias"].copy_(self._moved(parameters, buffer, reached))
        memory["mean_bias"].copy_(parameters["bias"].mean(1))
        frequency = buffer.fired / buffer.samples
        share = (frequency <= SLACK * self.groups.target).to(frequency.dtype).mean(1)
        memory["on_target"].masked_fill_((share >= ON_TARGET) & (memory["on_target"] < 0), reached.step)
        memory["frequency_before"].copy_(memory["frequency_last"])
        memory["frequency_last"].copy_(frequency)
        memory["fired"].zero_()
        memory["top"].zero_()

    def _moved(self, parameters: Tensors, buffer: Buffer, reached: Reached) -> Tensor:
        bias, settings = parameters["bias"], self.settings
        if settings.controller == "paper":
            gain, ratio, dead = map(self.value, ("gain", "gain_ratio", "dead_frequency"))
            return controller.paper(bias, buffer, self.groups, gain, ratio, dead)
        below = settings.controller == "quantile-below"
        dead = self.value("dead_frequency") if below else torch.zeros_like(bias[:, :1])
        available, latest = self.rows_back, self._of(reached.recent(self.rows_back), parameters)
        return controller.quantile(
            bias, buffer, self.groups, latest, available, self.value("relaxation"), dead, below=below
        )

    def _of(self, x: Sequence[Tensor] | Tensor, parameters: Tensors) -> Callable[[int, int, int, int], Tensor]:
        """Return a function (replica, rows, start, stop) -> u of the last rows of x (rows, d) of each replica."""

        def pre_activations(replica: int, rows: int, start: int, stop: int) -> Tensor:
            centred = x[replica][-rows:] - parameters["pre_bias"][replica]
            return (parameters["weights"][replica, start:stop] @ centred.T).T  # a neuron's samples side by side

        return pre_activations

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
