"""Products with codes of which few are not 0: on a CPU over these alone, forward and back.

Of the six products of a training step (encoding, decoding, and two gradients of each) the encoding alone stays dense;
where a share q of the codes is not 0, the others cost about a share q.  They differ from the dense ones by rounding.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from simulations.algorithms.compiled import compiled

MOST = 0.05  # the share of the entries from which on the dense product is faster
BLOCK = 64  # entries that are looked at together: most blocks are 0
Array = np.ndarray[Any, Any]
_FAST = {"nsz", "contract", "reassoc", "arcp"}


@compiled(fastmath=_FAST)
def _positions(values: Array, first: Array, found: Array) -> bool:
    """Write the columns of what is not 0 to `found`, those of row i from first[i] on; return whether all have room."""
    count = 0
    for row in range(values.shape[0]):
        first[row] = count
        line = values[row]
        for begin in range(0, len(line), BLOCK):
            block = line[begin : begin + BLOCK]
            busy = 0
            for i in range(len(block)):
                busy += block[i] != 0
            if busy > 0:
                if count + busy > len(found):
                    return False
                for i in range(len(block)):
                    if block[i] != 0:
                        found[count] = begin + i
                        count += 1
    first[values.shape[0]] = count
    return True


@compiled(fastmath=_FAST)
def _add(target: Array, factor: Any, source: Array) -> None:
    for i in range(len(target)):
        target[i] += factor * source[i]


@compiled(fastmath=_FAST)
def _dot(left: Array, right: Array) -> Any:
    total = left.dtype.type(0)
    for i in range(len(left)):
        total += left[i] * right[i]
    return total


@compiled(fastmath=_FAST)
def _combine(codes: Array, weights: Array, first: Array, found: Array, output: Array) -> None:
    """Add codes @ weights to the output."""
    for row in range(codes.shape[0]):
        for hit in range(first[row], first[row + 1]):
            m = found[hit]
            _add(output[row], codes[row, m], weights[m])


@compiled(fastmath=_FAST)
def _spread(codes: Array, rows: Array, first: Array, found: Array, gradient: Array) -> None:
    """Add codes.T @ rows to the gradient."""
    for row in range(codes.shape[0]):
        for hit in range(first[row], first[row + 1]):
            m = found[hit]
            _add(gradient[m], codes[row, m], rows[row])


@compiled(fastmath=_FAST)
def _pull(rows: Array, weights: Array, first: Array, found: Array, output: Array) -> None:
    """Write rows @ weights.T to the output, at the positions alone."""
    for row in range(rows.shape[0]):
        for hit in range(first[row], first[row + 1]):
            m = found[hit]
            output[row, m] = _dot(rows[row], weights[m])


def _places(values: Tensor) -> tuple[Array, Array] | None:
    """Return where values (B, M) are not 0, or None where they are too many."""
    first, found = np.empty(len(values) + 1, np.int64), np.empty(int(MOST * values.numel()), np.int64)
    return (first, found) if _positions(values.numpy(), first, found) else None


class _Decode(torch.autograd.Function):
    """Codes @ decoder of one replica; `where` tells which codes have a gradient."""

    @staticmethod
    def forward(ctx: Any, codes: Tensor, decoder: Tensor, where: Tensor) -> Tensor:
        ctx.save_for_backward(codes, decoder)
        ctx.places = _places(where)
        if ctx.places is None:
            return codes @ decoder
        output = codes.new_zeros(len(codes), decoder.shape[1])
        _combine(codes.numpy(), decoder.numpy(), *ctx.places, output.numpy())
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        (gradient,), (codes, decoder) = gradients, ctx.saved_tensors
        if ctx.places is None:
            return gradient @ decoder.T, codes.T @ gradient if ctx.needs_input_grad[1] else None, None
        rows, of_codes, of_decoder = gradient.contiguous().numpy(), torch.zeros_like(codes), None
        _pull(rows, decoder.numpy(), *ctx.places, of_codes.numpy())
        if ctx.needs_input_grad[1]:
            of_decoder = torch.zeros_like(decoder)
            _spread(codes.numpy(), rows, *ctx.places, of_decoder.numpy())
        return of_codes, of_decoder, None


class _Encode(torch.autograd.Function):
    """x @ encoder.T of one replica."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, encoder: Tensor) -> Tensor:
        ctx.save_for_backward(x, encoder)
        return x @ encoder.T

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor]:
        (gradient,), (x, encoder) = gradients, ctx.saved_tensors
        gradient = gradient.contiguous()
        places = _places(gradient)
        if places is None:
            return gradient @ encoder if ctx.needs_input_grad[0] else None, gradient.T @ x
        of_x, of_encoder = None, torch.zeros_like(encoder)
        _spread(gradient.numpy(), x.numpy(), *places, of_encoder.numpy())
        if ctx.needs_input_grad[0]:
            of_x = torch.zeros_like(x)
            _combine(gradient.numpy(), encoder.numpy(), *places, of_x.numpy())
        return of_x, of_encoder


def decoded(codes: Tensor, decoder: Tensor, where: Tensor | None = None) -> Tensor:
    """Return codes (R, B, M) @ decoder (R, M, d) on a CPU.

    Codes have a gradient where `where` (R, B, M) is not 0, by default where they are not 0 themselves.
    """
    apply: Any = _Decode.apply
    given = codes if where is None else where
    return _stacked([apply(*each) for each in zip(codes, decoder, given.detach(), strict=True)])


def encoded(x: Tensor, encoder: Tensor) -> Tensor:
    """Return x (R, B, d) @ encoder (R, M, d) transposed on a CPU; its gradient is that of the entries that have one."""
    apply: Any = _Encode.apply
    return _stacked([apply(*each) for each in zip(x, encoder, strict=True)])


def _stacked(replicas: list[Tensor]) -> Tensor:
    return torch.stack(replicas) if len(replicas) > 1 else replicas[0][None]
