"""Which entries are the largest, or above a floor: compared WORD at a time, for hardly any is.  NaN never is."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulations.algorithms.compiled import compiled, intrinsic, ir, trailing_zeros, types

WORD = 64  # entries whose comparisons are the bits of a word
Array = np.ndarray[Any, Any]
_FAST = {"nsz"}


@intrinsic
def _above(typing: Any, values: Any, first: Any, floor: Any) -> tuple[Any, Any]:
    """Return a word whose bit i tells whether values[first + i] > floor."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index, least = arguments
        address = builder.gep(context.make_array(values)(context, builder, array).data, [index])
        vector = ir.VectorType(address.type.pointee, WORD)
        entries = builder.load(builder.bitcast(address, vector.as_pointer()), align=values.dtype.bitwidth // 8)
        least = context.cast(builder, least, floor, values.dtype)
        one = builder.insert_element(ir.Constant(vector, ir.Undefined), least, ir.Constant(ir.IntType(32), 0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), WORD), None)
        floors = builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), everywhere)
        return builder.bitcast(builder.fcmp_ordered(">", entries, floors), ir.IntType(64))

    return types.int64(values, first, floor), write


@compiled(fastmath=_FAST)
def indices_above(y: Array, floor: Any, found: Array) -> int:
    """Write the indices of y > floor, in order, and return how many there are."""
    width = y.shape[0]
    whole = width // WORD * WORD
    count = 0
    for first in range(0, whole, WORD):
        word = _above(y, first, floor)
        while word != 0:
            found[count] = first + trailing_zeros(word)
            word &= word - 1
            count += 1
    for m in range(whole, width):
        if y[m] > floor:
            found[count] = m
            count += 1
    return count


@compiled(fastmath=_FAST)
def _offer(heap: Array, found: Array, k: int, value: Any, m: int) -> None:
    """Put entry m in the place of the first to leave a heap of k, if it is larger.

    The first to leave is the smallest one, of equal ones that of the highest index; it is on top.
    """
    if not value > heap[0]:
        return
    at = 0
    while 2 * at + 1 < k:
        child = 2 * at + 1
        other = child + 1
        if other < k and (heap[other] < heap[child] or (heap[other] == heap[child] and found[other] > found[child])):
            child = other
        if value < heap[child] or (value == heap[child] and m > found[child]):
            break
        heap[at] = heap[child]
        found[at] = found[child]
        at = child
    heap[at] = value
    found[at] = m


@compiled(fastmath=_FAST)
def _offer_all(y: Array, k: int, heap: Array, found: Array) -> None:
    width = y.shape[0]
    whole = width // WORD * WORD
    for first in range(0, whole, WORD):
        word = _above(y, first, heap[0])
        while word != 0:
            m = first + trailing_zeros(word)
            word &= word - 1
            _offer(heap, found, k, y[m], m)
    for m in range(whole, width):
        _offer(heap, found, k, y[m], m)


@compiled(fastmath=_FAST)
def indices_of_largest(y: Array, k: int, heap: Array, found: Array) -> int:
    """Write the indices of the k largest positive entries of y, of equal ones the first; return how many there are."""
    zero = y.dtype.type(0)
    for i in range(k):
        heap[i] = zero
        found[i] = -1
    _offer_all(y, k, heap, found)
    count = 0
    for i in range(k):
        if found[i] >= 0:
            found[count] = found[i]
            count += 1
    return count


@compiled(fastmath=_FAST)
def order_statistics(y: Array, count: int, both: Array) -> None:
    """Write the count-th largest entry of each row of y (M, N) and the next one, or it again, to `both` (M, 2)."""
    k = min(count + 1, y.shape[1])
    heap, found = np.empty(k, y.dtype), np.empty(k, np.int64)
    for m in range(y.shape[0]):
        for i in range(k):
            heap[i] = -np.inf
            found[i] = -1
        _offer_all(y[m], k, heap, found)
        both[m, 1] = heap[0]
        both[m, 0] = heap[0] if k <= count else heap[1] if k == 2 else min(heap[1], heap[2])
