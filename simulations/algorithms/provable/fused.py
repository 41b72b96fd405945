"""The factored step in one pass on CUDA, by Triton: gather-sum, threshold and scatter, and u never leaves the chip.

The plain form (update.Factored) writes u and reads it about ten times: shift, bias, two comparisons, a count, the
indices of what is active.  Here a program takes ROWS samples and COLS neurons; what is active goes to C by atomic
additions, in no fixed order, as index_add_ does in the plain form: rows repeat to rounding, not to the bit.

Never run on a GPU yet: it is tested through Triton's interpreter, and `make gpu` times it beside the plain form, which
stays the default until that has been seen.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from simulations.algorithms.provable.psi import SHARPNESS, firing_margin
from simulations.algorithms.provable.update import Factored

ROWS, COLS = 32, 128  # of a program: 4,096 pre-activations, some 32 registers a thread


@triton.jit  # type: ignore[untyped-decorator]
def _fused(
    support: Any, values: Any, G: Any, shift: Any, bias: Any, C: Any, weight_sum: Any, fired: Any,
    first: Any, last: Any, n_rows: Any, n_features: Any, width: Any, margin: Any, sharpness: Any,
    SLOTS: tl.constexpr, MODE: tl.constexpr, SCATTER: tl.constexpr, N_ROWS: tl.constexpr, N_COLS: tl.constexpr,
) -> None:  # fmt: skip
    """Add what samples first to last of replica r do to C (R, n, M), weight_sum and fired (R, M).

    MODE is the activation: 0 ReLU, 1 smooth ReLU, 2 JumpReLU.
    """
    r = tl.program_id(2).to(tl.int64)
    rows = first + tl.program_id(0) * N_ROWS + tl.arange(0, N_ROWS)
    cols = tl.program_id(1) * N_COLS + tl.arange(0, N_COLS)
    row_ok, col_ok = rows < last, cols < width
    inside = row_ok[:, None] & col_ok[None, :]
    b = tl.load(bias + r * width + cols, mask=col_ok, other=0.0)
    u = tl.zeros((N_ROWS, N_COLS), dtype=b.dtype) - tl.load(shift + r * width + cols, mask=col_ok, other=0.0)[None, :]
    at = (r * n_rows + rows) * SLOTS
    for k in tl.static_range(SLOTS):
        i = tl.load(support + at + k, mask=row_ok, other=0)
        v = tl.load(values + at + k, mask=row_ok, other=0.0)
        u += v[:, None] * tl.load(G + (r * n_features + i[:, None]) * width + cols[None, :], mask=inside, other=0.0)
    y = u + b[None, :]
    fires = (y > 0) & inside
    tl.atomic_add(fired + r * width + cols, tl.sum(fires.to(tl.int64), axis=0), mask=col_ok)
    if SCATTER:
        active = (y > margin) & inside
        if MODE == 0:
            weight = y + u
        elif MODE == 2:
            weight = 2 * u
        else:
            decay = tl.exp(-tl.abs(sharpness * y))
            rising = tl.where(y > 0, 1.0, decay) / (1.0 + decay)
            weight = tl.maximum(y, 0.0) + tl.log(1.0 + decay) / sharpness + u * rising
        weight = tl.where(active, weight, 0.0)
        tl.atomic_add(weight_sum + r * width + cols, tl.sum(weight, axis=0), mask=col_ok)
        for k in tl.static_range(SLOTS):
            i = tl.load(support + at + k, mask=row_ok, other=0)
            v = tl.load(values + at + k, mask=row_ok, other=0.0)
            target = C + (r * n_features + i[:, None]) * width + cols[None, :]
            tl.atomic_add(target, (v[:, None] * weight).to(b.dtype), mask=active)


class Fused(Factored):
    """The exact factored form with one kernel for everything between the two products."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "kernel": False})
        self.own = torch.from_numpy(self.support).to(self.table.device)  # without the offsets of the stacked table

    def _scatter(
        self, G: Tensor, shift: Tensor, bias: Tensor, activation: int, rows: slice, gradient: bool, C: Tensor,
        weight_sum: Tensor, fired: Tensor,
    ) -> None:  # fmt: skip
        n_replicas, n_features, width = G.shape
        grid = (triton.cdiv(rows.stop - rows.start, ROWS), triton.cdiv(width, COLS), n_replicas)
        _fused[grid](
            self.own, self.values, G.contiguous(), shift.contiguous(), bias.contiguous(), C, weight_sum, fired,
            rows.start, rows.stop, self.n_samples, n_features, width, firing_margin(activation), SHARPNESS,
            SLOTS=self.slots, MODE=activation, SCATTER=gradient, N_ROWS=ROWS, N_COLS=COLS,
        )  # fmt: skip
