"""Which entries are the largest, or above a floor: compared WORD at a time, for hardly any is.  NaN never is."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulations.algorithms.compiled import cgutils, compiled, intrinsic, ir, trailing_zeros, types

WORD = 64  # entries whose comparisons are the bits of a word
LANES = 32  # columns that are sorted side by side
Array = np.ndarray[Any, Any]
_FAST = {"nsz"}


def _place(context: Any, builder: Any, array: Any, kind: Any, index: Any, length: int) -> Any:
    """Return the address of entries index to index + length of an array, as one vector."""
    address = builder.gep(context.make_array(kind)(context, builder, array).data, [index])
    return builder.bitcast(address, ir.VectorType(address.type.pointee, length).as_pointer())


def _size(kind: Any) -> int:
    return int(kind.dtype.bitwidth) // 8


@intrinsic
def _above(typing: Any, values: Any, first: Any, floor: Any) -> tuple[Any, Any]:
    """Return a word whose bit i tells whether values[first + i] > floor."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index, least = arguments
        entries = builder.load(_place(context, builder, array, values, index, WORD), align=_size(values))
        vector = entries.type
        least = context.cast(builder, least, floor, values.dtype)
        one = builder.insert_element(ir.Constant(vector, ir.Undefined), least, ir.Constant(ir.IntType(32), 0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), WORD), None)
        floors = builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), everywhere)
        return builder.bitcast(builder.fcmp_ordered(">", entries, floors), ir.IntType(64))

    return types.int64(values, first, floor), write


@intrinsic
def _above_each(typing: Any, values: Any, floors: Any, first: Any) -> tuple[Any, Any]:
    """Return a word whose bit i tells whether values[first + i] > floors[first + i]."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        *arrays, index = arguments
        left, right = (
            builder.load(_place(context, builder, array, kind, index, WORD), align=_size(kind))
            for array, kind in zip(arrays, (values, floors), strict=True)
        )
        return builder.bitcast(builder.fcmp_ordered(">", left, right), ir.IntType(64))

    return types.int64(values, floors, first), write


@intrinsic
def _insert_each(typing: Any, values: Any, kept: Any, first: Any, count: Any, chosen: Any) -> tuple[Any, Any]:
    """Insert values[first + i] in its sorted column kept[:count, first + i], for the bits i < LANES of `chosen`."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        line, columns, index, many, bits = arguments
        width = builder.extract_value(context.make_array(kept)(context, builder, columns).shape, 1)
        entries = builder.load(_place(context, builder, line, values, index, LANES), align=_size(values))
        word = builder.trunc(bits, ir.IntType(LANES))
        those = builder.bitcast(word, ir.VectorType(ir.IntType(1), LANES))
        nothing = ir.Constant(entries.type, [float("-inf")] * LANES)
        moving = cgutils.alloca_once_value(builder, builder.select(those, entries, nothing))
        with cgutils.for_range(builder, many) as loop:
            at = builder.add(builder.mul(loop.index, width), index)
            place = _place(context, builder, columns, kept, at, LANES)
            new, old = builder.load(moving), builder.load(place, align=_size(kept))
            larger = builder.fcmp_ordered(">", new, old)
            builder.store(builder.select(larger, new, old), place, align=_size(kept))
            builder.store(builder.select(larger, old, new), moving)
        return context.get_dummy_value()

    return types.void(values, kept, first, count, chosen), write


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
def _insert(value: Any, m: int, count: int, kept: Array) -> None:
    at = count - 1
    while at > 0 and value > kept[at - 1, m]:
        kept[at, m] = kept[at - 1, m]
        at -= 1
    kept[at, m] = value


@compiled(fastmath=_FAST)
def keep_largest(u: Array, first: int, start: int, stop: int, count: int, kept: Array) -> None:
    """Keep the `count` largest of what kept[:count, start:stop] holds and u[first:, start:stop] adds, column by column.

    u is (B, M) and kept (at least count, M), sorted from the largest on; equal entries are kept as often as they come.
    """
    floors = kept[count - 1]
    whole = u.shape[1] // WORD * WORD
    for row in range(first, u.shape[0]):
        line = u[row]
        for at in range(start // WORD * WORD, min(stop, whole), WORD):
            word = _above_each(line, floors, at)
            if at < start:
                word &= -1 << (start - at)
            if stop - at < WORD:
                word &= (1 << (stop - at)) - 1
            while word != 0:
                lane = trailing_zeros(word) // LANES * LANES
                _insert_each(line, kept, at + lane, count, word >> lane)
                word &= ~(((1 << LANES) - 1) << lane)
        for m in range(max(start, whole), stop):
            if line[m] > floors[m]:
                _insert(line[m], m, count, kept)
