"""Passes along one axis with sums in registers, over scratch memory, and the loops that pool what comes of them."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from filterbank.kernels.simd import LANES, available, lanes_of, load, maximum, minimum, rows, store

__all__ = [
    "BLOCK_ROWS",
    "SLACK_ROWS",
    "STRIP_BYTES",
    "along_rows",
    "block_of_columns",
    "count_above",
    "cut",
    "extrema",
    "first_place",
    "mix_tiles",
    "moduli",
    "moments_about",
    "scratch",
]

STRIP_BYTES = 128  # a strip of an image is two vectors wide
BLOCK_ROWS = 8  # rows of which a pass along columns makes the sums at a time
SLACK_ROWS = 4  # a pass along rows makes up to 4 rows at a time, so up to 3 more than are wanted


def scratch(n: int, dtype: np.dtype) -> np.ndarray:
    """Scratch memory for `n` numbers, which are rows of vectors where there are vectors."""
    lanes = LANES[dtype]
    work = rows(-(-n // lanes), dtype) if available() else rows(n, dtype, plain=True)
    work[:] = 0
    return work


# A pass is a loop over taps with all sums of a block in registers: `n_rows` rows, two vectors wide, of `filters`
# filters. Row i and tap k read `x[at + i * row_step + k * tap_step]`, filter f's tap k is `taps[first + k * filters +
# f]`, and the sum goes to `out[to + i * out_step + f * filter_step]`. Where `x` is 1-D, vectors aren't to be used, and
# the same loop is made for each column by itself. Bounds are not checked.


def _make_pass(n_rows: int, filters: int, *, sliding: bool) -> Any:
    """Make the loop; `sliding` says that row_step equals tap_step, so that two taps share most of what they read."""
    taps_at_once = 2 if sliding else 1
    number = ir.IntType(64)

    @intrinsic
    def run(context, x, at, row_step, tap_step, taps, first, n_taps, out, to, out_step, filter_step):  # type: ignore[no-untyped-def]
        sample = ir.FloatType() if x.dtype == types.float32 else ir.DoubleType()
        item = x.dtype.bitwidth // 8
        lanes = STRIP_BYTES // item // 2 if x.ndim == 2 else 1
        halves = 2 if x.ndim == 2 else 1
        value = ir.VectorType(sample, lanes) if x.ndim == 2 else sample
        places = [(i, half, f) for i in range(n_rows) for half in range(halves) for f in range(filters)]

        def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
            x, at, row_step, tap_step, taps, first, n_taps, out, to, out_step, filter_step = args
            x, taps, out = (
                make_array(signature.args[i])(context, builder, array).data
                for i, array in ((0, x), (4, taps), (7, out))
            )
            x_is_plain = lanes == 1
            sums = {place: cgutils.alloca_once(builder, value) for place in places}

            def constant(n):  # type: ignore[no-untyped-def]
                return ir.Constant(number, n)

            def pointer(array, place, half):  # type: ignore[no-untyped-def]
                place = builder.gep(array, [builder.add(place, constant(half * lanes))])
                return builder.bitcast(place, value.as_pointer())

            def spread(place):  # type: ignore[no-untyped-def]
                tap = builder.load(builder.gep(taps, [place]))
                if x_is_plain:
                    return tap
                unset, zeros = (
                    ir.Constant(value, ir.Undefined),
                    ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes),
                )
                return builder.shuffle_vector(
                    builder.insert_element(unset, tap, ir.Constant(ir.IntType(32), 0)), unset, zeros
                )

            def add_taps(k, count, at):  # type: ignore[no-untyped-def]
                start = builder.add(at, builder.mul(k, tap_step))
                tap = builder.add(first, builder.mul(k, constant(filters)))
                read = {}
                for u in range(count):
                    spread_taps = [spread(builder.add(tap, constant(u * filters + f))) for f in range(filters)]
                    for i, half, f in places:
                        key = (i + u, half) if sliding else (i, u, half)
                        if key not in read:
                            steps = builder.add(builder.mul(row_step, constant(i)), builder.mul(tap_step, constant(u)))
                            read[key] = builder.load(pointer(x, builder.add(start, steps), half), align=item)
                        product = builder.fmul(spread_taps[f], read[key], flags=("contract",))
                        total = builder.fadd(builder.load(sums[i, half, f]), product, flags=("contract",))
                        builder.store(total, sums[i, half, f])

            def make_block(column):  # type: ignore[no-untyped-def]
                for place in places:
                    builder.store(ir.Constant(value, [0.0] * lanes if not x_is_plain else 0.0), sums[place])
                whole = builder.sdiv(n_taps, constant(taps_at_once))
                with cgutils.for_range(builder, whole) as loop:
                    add_taps(builder.mul(loop.index, constant(taps_at_once)), taps_at_once, builder.add(at, column))
                if taps_at_once > 1:
                    done = builder.mul(whole, constant(taps_at_once))
                    with builder.if_then(builder.icmp_signed("<", done, n_taps)):
                        add_taps(done, 1, builder.add(at, column))
                for i, half, f in places:
                    steps = builder.add(builder.mul(out_step, constant(i)), builder.mul(filter_step, constant(f)))
                    place = builder.add(builder.add(to, column), steps)
                    builder.store(builder.load(sums[i, half, f]), pointer(out, place, half), align=item)

            if x_is_plain:
                with cgutils.for_range(builder, constant(STRIP_BYTES // item)) as loop:
                    make_block(loop.index)
            else:
                make_block(constant(0))
            return context.get_dummy_value()

        return types.void(x, *(types.intp,) * 3, taps, *(types.intp,) * 2, out, *(types.intp,) * 3), generate

    return run


block_of_columns = _make_pass(BLOCK_ROWS, 1, sliding=True)
_block_of_rows_1 = _make_pass(4, 1, sliding=False)
_block_of_rows_2 = _make_pass(4, 2, sliding=False)
_block_of_rows_3 = _make_pass(2, 3, sliding=False)
_block_of_rows_4 = _make_pass(2, 4, sliding=False)


@numba.njit(nogil=True, cache=True)
def cut(image, rows_at, columns_at, shift, flat, across, width):  # type: ignore[no-untyped-def]
    """Copy a window, less `shift`; an index of -1 means a zero, and beyond the indices there are zeros too."""
    n, first = columns_at.size, columns_at[0]
    together = first >= 0 and columns_at[n - 1] - first == n - 1
    for y in range(rows_at.size):
        at = y * across
        if rows_at[y] < 0:
            for x in range(n):
                flat[at + x] = -shift
        elif together:
            row, out = image[rows_at[y], first : first + n], flat[at : at + n]
            for x in range(n):
                out[x] = row[x] - shift
        else:
            row = image[rows_at[y]]
            for x in range(n):
                flat[at + x] = (row[columns_at[x]] if columns_at[x] >= 0 else 0) - shift
        for x in range(n, width):
            flat[at + x] = 0


@numba.njit(nogil=True, cache=True)
def along_rows(work, flat, across, taps, tap, n_taps, filters, to, strip, buffer, keep, stop, tile):  # type: ignore[no-untyped-def]
    """Make rows `keep ... stop - 1` of up to 4 buffers; the ones before are the last of the tile above."""
    for f in range(filters):
        start, carried = to + f * buffer, to + f * buffer + tile * strip
        rows_made, again = flat[carried : carried + keep * strip], flat[start : start + keep * strip]
        for i in range(rows_made.size):
            again[i] = rows_made[i]
    for y in range(keep, stop, 4):
        at, out = (y - keep) * across, to + y * strip
        if filters == 1:
            _block_of_rows_1(work, at, across, 1, taps, tap, n_taps, work, out, strip, buffer)
        elif filters == 2:
            _block_of_rows_2(work, at, across, 1, taps, tap, n_taps, work, out, strip, buffer)
        elif filters == 3:
            for half in range(2):
                _block_of_rows_3(
                    work,
                    at + half * 2 * across,
                    across,
                    1,
                    taps,
                    tap,
                    n_taps,
                    work,
                    out + half * 2 * strip,
                    strip,
                    buffer,
                )
        else:
            for half in range(2):
                _block_of_rows_4(
                    work,
                    at + half * 2 * across,
                    across,
                    1,
                    taps,
                    tap,
                    n_taps,
                    work,
                    out + half * 2 * strip,
                    strip,
                    buffer,
                )


@numba.njit(nogil=True, cache=True)
def mix_tiles(flat, tiles, size, terms, weights, start, stop, n, strip, n_columns, to):  # type: ignore[no-untyped-def]
    """Add up a response from tiles, and leave the columns out that aren't the image's."""
    if n_columns == strip:  # rows follow one another without a gap
        n_columns *= n
        n = 1
    for y in range(n):
        out = flat[to + y * n_columns : to + (y + 1) * n_columns]
        for i in range(start, stop):
            at = tiles + terms[i, 0] * size + y * strip
            tile, weight = flat[at : at + n_columns], weights[i]
            if i == start:
                for x in range(n_columns):
                    out[x] = weight * tile[x]
            else:
                for x in range(n_columns):
                    out[x] += weight * tile[x]
        if start == stop:
            out[:] = 0


@numba.njit(nogil=True, cache=True)
def moduli(values, others, real, imaginary, centre):  # type: ignore[no-untyped-def]
    """`sqrt((values + real)**2 + (others + imaginary)**2) - centre`, where `centre` is what zeros would give."""
    if centre == 0:
        for i in range(values.size):
            values[i] = np.sqrt(values[i] * values[i] + others[i] * others[i])
        return
    for i in range(values.size):  # the difference of two roots is that of their squares, divided by their sum
        a, b = values[i] + real, others[i] + imaginary
        change = values[i] * (a + real) + others[i] * (b + imaginary)
        values[i] = change / (np.sqrt(a * a + b * b) + centre)


@numba.njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def moments_about(values, about):  # type: ignore[no-untyped-def]
    """The sum of the values' differences from a number, and that of their squares."""
    total = values.dtype.type(0)
    square = values.dtype.type(0)
    for i in range(values.size):
        difference = values[i] - about
        total += difference
        square += difference * difference
    return total, square


@numba.njit(nogil=True, cache=True)
def extrema(work, flat, at, n, spare):  # type: ignore[no-untyped-def]
    """The least and the greatest of `n` numbers; `at` and `spare`, room for two vectors, are where vectors begin."""
    lanes = lanes_of(work)
    first, last = at // lanes, (at + n) // lanes
    least = most = flat[at]
    for i in range(last * lanes, at + n):
        least, most = min(least, flat[i]), max(most, flat[i])
    if last > first:
        low = high = load(work, first)
        low_2 = high_2 = load(work, last - 1)
        for i in range(first, last - 1, 2):
            one, two = load(work, i), load(work, i + 1)
            low, high, low_2, high_2 = minimum(low, one), maximum(high, one), minimum(low_2, two), maximum(high_2, two)
        store(work, spare // lanes, minimum(low, low_2))
        store(work, spare // lanes + 1, maximum(high, high_2))
        for i in range(lanes):
            least, most = min(least, flat[spare + i]), max(most, flat[spare + lanes + i])
    return least, most


@numba.njit(nogil=True, cache=True)
def first_place(values, value):  # type: ignore[no-untyped-def]
    """Where a value is first found that is among them."""
    i = 0
    while i < values.size - 1 and values[i] != value:
        i += 1
    return i


@numba.njit(nogil=True, cache=True)
def count_above(values, level):  # type: ignore[no-untyped-def]
    """How many values lie above a level."""
    count = np.uint32(0)
    for i in range(values.size):
        count = np.uint32(count + np.uint32(values[i] > level))
    return count
