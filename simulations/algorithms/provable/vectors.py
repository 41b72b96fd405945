"""The inner loops of the kernel, written for LLVM as vectors: its own vectoriser stops at half the width there is.

An array here is flat; a place in it is an entry's index.  No operation joins two entries of a vector, so what a neuron
gets does not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from simulations.algorithms.compiled import cgutils, intrinsic, ir, types

LANES = 64  # a slice of neurons, whose comparisons are the bits of a word
GROUP = 16  # neurons scattered together: a line of the cache, in float32
BLOCK = 16  # samples gathered before they are scattered: their LANES / GROUP groups are the bits of a word
SLOTS = 3  # that a sample has at least, some of them null
_FAST = ("nsz", "contract")


class _Code:
    """Writes the code of one intrinsic: entries and vectors of its array arguments, by the argument's position."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any, lanes: int) -> None:
        self.context, self.builder, self.lanes = context, builder, lanes
        self.kinds, self.arguments = signature.args, arguments

    def _address(self, argument: int, index: Any) -> Any:
        kind = self.kinds[argument]
        data = self.context.make_array(kind)(self.context, self.builder, self.arguments[argument]).data
        return self.builder.gep(data, [index])

    def _place(self, argument: int, index: Any) -> tuple[Any, int]:
        address = self._address(argument, index)
        vector = ir.VectorType(address.type.pointee, self.lanes)
        return self.builder.bitcast(address, vector.as_pointer()), self.kinds[argument].dtype.bitwidth // 8

    def entry(self, argument: int, index: Any) -> Any:
        return self.builder.load(self._address(argument, index))

    def load(self, argument: int, index: Any) -> Any:
        place, align = self._place(argument, index)
        return self.builder.load(place, align=align)

    def store(self, vector: Any, argument: int, index: Any) -> None:
        place, align = self._place(argument, index)
        self.builder.store(vector, place, align=align)

    def number(self, value: int) -> Any:
        return ir.Constant(ir.IntType(64), value)

    def everywhere(self, scalar: Any) -> Any:
        """Return the vector of one scalar."""
        none = ir.Constant(ir.VectorType(scalar.type, self.lanes), ir.Undefined)
        one = self.builder.insert_element(none, scalar, ir.Constant(ir.IntType(32), 0))
        return self.builder.shuffle_vector(one, none, ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), None))

    def positive(self, vector: Any) -> Any:
        return self.builder.fcmp_ordered(">", vector, ir.Constant(vector.type, None))

    def each_slot(self, support: int, values: int, at: Any, used: Any, do: Callable[[Any, Any], None]) -> None:
        """Write `do` for a sample's slots: its row's place in G or C, and its value, everywhere."""

        def one(index: Any) -> None:
            feature = self.builder.sext(self.entry(support, index), ir.IntType(64))
            do(self.builder.mul(feature, self.number(LANES)), self.everywhere(self.entry(values, index)))

        for k in range(SLOTS):
            one(self.builder.add(at, self.number(k)))
        with cgutils.for_range_slice(self.builder, self.number(SLOTS), used, self.number(1)) as (k, _):
            one(self.builder.add(at, k))

    def gather(self, total: Any, sample: tuple[Any, Any], G: int) -> Any:
        """Write the sum of the products of a sample's slots with G added to the vector at `total`, and return it."""

        def add(row: Any, value: Any) -> None:
            more = self.builder.fmul(value, self.load(G, row), flags=_FAST)
            self.builder.store(self.builder.fadd(self.builder.load(total), more, flags=_FAST), total)

        self.each_slot(0, 1, *sample, add)
        return self.builder.load(total)

    def counted(self, count: Any, fires: Any) -> Any:
        """Return `count` with one more where `fires`."""
        more = self.builder.add(count, ir.Constant(count.type, [1] * self.lanes))
        return self.builder.select(fires, more, count)

    def weight(self, y: Any, fires: Any, biases: Sequence[Any]) -> Any:
        """Return (2y - both biases) where `fires`, or else 0."""
        left, right = (self.builder.fsub(y, each) for each in biases)
        return self.builder.select(fires, self.builder.fadd(left, right), ir.Constant(y.type, None))

    def spread(self, weight: Any, sample: tuple[Any, Any], C: int, m: Any) -> None:
        """Write the products of the weights of neurons from m on with a sample's slots, added to C."""

        def add(row: Any, value: Any) -> None:
            place = self.builder.add(row, m)
            more = self.builder.fmul(value, weight, flags=_FAST)
            self.store(self.builder.fadd(self.load(C, place), more, flags=_FAST), C, place)

        self.each_slot(0, 1, *sample, add)


@intrinsic
def gather(
    typing: Any, support: Any, values: Any, at: Any, used: Any, G: Any, start: Any, u: Any, to: Any
) -> tuple[Any, Any]:
    """Write u[to + m] = start[m] + sum_k values[at + k] G[support[at + k], m]; bit m returned: is it > 0."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = _Code(context, builder, signature, arguments, LANES)
        y = code.gather(cgutils.alloca_once_value(builder, code.load(5, code.number(0))), arguments[2:4], 4)
        code.store(y, 6, arguments[7])
        return builder.bitcast(code.positive(y), ir.IntType(64))

    return types.int64(support, values, at, used, G, start, u, to), write


@intrinsic
def busy_groups(typing: Any, flags: Any) -> tuple[Any, Any]:
    """Return a word whose bit g tells whether bits GROUP g to GROUP g + GROUP - 1 of BLOCK words are not all zero."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(flags)(context, builder, arguments[0]).data
        groups = ir.VectorType(ir.IntType(GROUP), BLOCK * LANES // GROUP)
        words = builder.load(builder.bitcast(data, groups.as_pointer()), align=8)
        return builder.bitcast(builder.icmp_unsigned("!=", words, ir.Constant(groups, None)), ir.IntType(64))

    return types.int64(flags), write


@intrinsic
def scatter(
    typing: Any, support: Any, values: Any, at: Any, used: Any, u: Any, start: Any, bias: Any, minus: Any, m: Any,
    fired: Any, weight_sum: Any, C: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """Count y > 0 for y = u[start:] of neurons m to m + GROUP - 1, and spread (2y - bias - minus) 1(y > 0)."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = _Code(context, builder, signature, arguments, GROUP)
        m, y = arguments[8], code.load(4, arguments[5])
        fires = code.positive(y)
        code.store(code.counted(code.load(9, m), fires), 9, m)
        weight = code.weight(y, fires, [code.load(each, m) for each in (6, 7)])
        code.store(builder.fadd(code.load(10, m), weight), 10, m)
        code.spread(weight, arguments[2:4], 11, m)
        return context.get_dummy_value()

    return types.void(support, values, at, used, u, start, bias, minus, m, fired, weight_sum, C), write


@intrinsic
def spread(
    typing: Any, support: Any, values: Any, at: Any, used: Any, weights: Any, m: Any, weight_sum: Any, C: Any
) -> tuple[Any, Any]:
    """Add weights (GROUP,) of neurons from m on to weight_sum, and times values[at + k] to C[support[at + k]]."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = _Code(context, builder, signature, arguments, GROUP)
        m, weight = arguments[5], code.load(4, code.number(0))
        code.store(builder.fadd(code.load(6, m), weight), 6, m)
        code.spread(weight, arguments[2:4], 7, m)
        return context.get_dummy_value()

    return types.void(support, values, at, used, weights, m, weight_sum, C), write


@intrinsic
def gather_and_scatter(
    typing: Any, support: Any, values: Any, used: Any, slots: Any, first: Any, last: Any, G: Any, start: Any,
    bias: Any, minus: Any, fired: Any, weight_sum: Any, C: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """Do as `gather` and then `scatter` for samples first to last and all LANES neurons, where one is active at all.

    What is not G or C stays in registers, and while a sample is scattered the processor gathers the next one.
    """

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = _Code(context, builder, signature, arguments, LANES)
        zero, (slots, first, last) = code.number(0), arguments[3:6]
        begin, *biases = (code.load(each, zero) for each in (7, 8, 9))
        count, weight_sum = (cgutils.alloca_once_value(builder, code.load(each, zero)) for each in (10, 11))
        total = cgutils.alloca_once(builder, begin.type)
        with cgutils.for_range_slice(builder, first, last, code.number(1)) as (row, _):
            sample = builder.mul(row, slots), code.entry(2, row)
            builder.store(begin, total)
            y = code.gather(total, sample, 6)
            fires = code.positive(y)
            active = builder.icmp_unsigned("!=", builder.bitcast(fires, ir.IntType(64)), zero)
            with builder.if_then(active):
                builder.store(code.counted(builder.load(count), fires), count)
                weight = code.weight(y, fires, biases)
                builder.store(builder.fadd(builder.load(weight_sum), weight), weight_sum)
                code.spread(weight, sample, 12, zero)
        code.store(builder.load(count), 10, zero)
        code.store(builder.load(weight_sum), 11, zero)
        return context.get_dummy_value()

    return types.void(support, values, used, slots, first, last, G, start, bias, minus, fired, weight_sum, C), write


@intrinsic
def count(typing: Any, u: Any, start: Any, m: Any, fired: Any) -> tuple[Any, Any]:
    """Count u[start:] > 0 of neurons m to m + GROUP - 1 in fired."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = _Code(context, builder, signature, arguments, GROUP)
        fires = code.positive(code.load(0, arguments[1]))
        code.store(code.counted(code.load(3, arguments[2]), fires), 3, arguments[2])
        return context.get_dummy_value()

    return types.void(u, start, m, fired), write
