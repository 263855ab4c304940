"""Convolution written out at every position: passes along rows and columns fused in bands, or dense kernels, directly.

Images lie in stacks `(image, row, column)`, and a series is an image of one row. An axis goes on beyond its ends by
look-up (`extension`), a band of rows at a time in memory that stays in the cache: no padded copy is made. Each response
is one chain of fused multiplications and additions in the order of the taps, whatever vectors, bands and threads do, so
that the result doesn't depend on them, bit for bit.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any, NamedTuple

import numba
import numpy as np
from llvmlite import binding, ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic, overload, register_jitable
from numba.np.arrayobj import make_array

from filterbank.kernels.sharing import share
from filterbank.kernels.simd import LANES, available, compiled, fma, rows

__all__ = ["Extension", "dense_passes", "extension", "separable_passes"]


def _has_wide_registers() -> bool:
    """Whether the processor that is compiled for has 32 registers of 64 bytes."""
    asked = numba.config.CPU_FEATURES
    return "+avx512f" in asked if asked is not None else binding.get_host_cpu_features().get("avx512f", False)


BLOCKS = ((4, 4, 4), (1, 8, 1)) if _has_wide_registers() else ((2, 2, 4), (1, 4, 1))
"""Rows and vectors whose sums are made together, as many as there are registers for, and rows of taps at a time."""

BAND_BYTES = 1 << 19  # the rows of a strip that are worked on together stay in the second-level cache
LEAST_BAND = 16  # rows
WIDEST_STRIP = 4096  # columns
SHARED_FROM = 1 << 26  # products, and as many as they cost to fetch and store, from which on threads share the work
FETCH = 28  # products that fetching and storing a sample costs
SHARES = 4  # a thread, so that one that is held up leaves work to the others


class Extension(NamedTuple):
    """How an axis goes on: for the samples beyond each end, in order, which stands there; -1 for the constant."""

    before: np.ndarray
    after: np.ndarray


@functools.lru_cache(maxsize=128)
def extension(n: int, before: int, after: int, pad: str) -> Extension:
    """Return where an axis of `n` samples finds those that it lacks.

    Parameters
    ----------
    n : int
    before, after : int
        The samples wanted beyond each end.
    pad : {"symmetric", "reflect", "edge", "wrap", "zero"}
        As `numpy.pad` has them; "zero" stands for any constant.

    Examples
    --------
    >>> [side.tolist() for side in extension(4, 2, 3, "reflect")]
    [[2, 1], [2, 1, 0]]
    """
    if pad == "zero":
        return Extension(np.full(before, -1), np.full(after, -1))
    first, last = np.arange(-before, 0), np.arange(n, n + after)
    return Extension(_found(first, n, pad), _found(last, n, pad))


def _found(index: np.ndarray, n: int, pad: str) -> np.ndarray:
    if pad == "wrap":
        return index % n
    if pad == "edge" or n == 1:
        return np.clip(index, 0, n - 1)
    period = 2 * n if pad == "symmetric" else 2 * n - 2
    index = index % period
    return np.where(index < n, index, period - index - (pad == "symmetric"))


def separable_passes(
    images: np.ndarray,
    row_taps: np.ndarray,
    column_taps: np.ndarray,
    *,
    ends: tuple[Extension, Extension],
    constant: float = 0.0,
    n_threads: int = 1,
    plain: bool = False,
) -> tuple[np.ndarray, bool]:
    """Correlate the rows of images with `row_taps`, and the columns of what comes of it with `column_taps`.

    Parameters
    ----------
    images : array, (image, row, column), float32 or float64
    row_taps, column_taps : array, (taps,)
        Response `y, x` is the sum of `column_taps[i] * row_taps[j] * image[y + i, x + j]` of the extended image.
    ends : (Extension, Extension)
        Of the columns (what lies above and below), then of the rows.
    constant : float
        What stands where an extension says -1.
    n_threads : int
    plain : bool
        Without explicit vectors.

    Returns
    -------
    array, (image, row, column)
    finite : bool
        Whether all responses are surely finite; False where one is NaN or infinite, or the sum of some overflows.

    Examples
    --------
    >>> ends = extension(1, 0, 0, "zero"), extension(4, 1, 1, "edge")
    >>> separable_passes(np.array([[[1.0, 2, 4, 8]]]), np.ones(3), np.ones(1), ends=ends)
    (array([[[ 4.,  7., 14., 20.]]]), True)
    """
    taps = [np.ascontiguousarray(t, dtype=images.dtype) for t in (row_taps, column_taps)]
    if len(taps[1]) == 1:
        taps[0] = taps[0] * taps[1]
    extent, alone = (1, len(taps[1]), len(taps[0])), extension(1, 0, 0, "zero")
    out, finite = _in_parts(
        images[:, np.newaxis], np.concatenate(taps), extent, len(taps[0]), (alone, *ends), constant, n_threads, plain
    )
    return out[:, 0], finite


def dense_passes(
    volumes: np.ndarray,
    taps: np.ndarray,
    *,
    ends: tuple[Extension, Extension, Extension],
    constant: float = 0.0,
    n_threads: int = 1,
    plain: bool = False,
) -> tuple[np.ndarray, bool]:
    """Correlate volumes with an array of taps, written out.

    Parameters
    ----------
    volumes : array, (volume, plane, row, column), float32 or float64
    taps : array, (depth, height, width)
        Response `z, y, x` is the sum of `taps[h, i, j] * volume[z + h, y + i, x + j]` of the extended volume.
    ends : (Extension, Extension, Extension)
        Of the planes, the columns and the rows.
    constant, n_threads, plain
        As for `separable_passes`.

    Returns
    -------
    array, (volume, plane, row, column)
    finite : bool
        As for `separable_passes`.

    Examples
    --------
    >>> ends = extension(1, 0, 0, "zero"), extension(2, 0, 0, "zero"), extension(4, 0, 0, "zero")
    >>> dense_passes(np.arange(8.0).reshape(1, 1, 2, 4), np.ones((1, 2, 2)), ends=ends)
    (array([[[[10., 14., 18.]]]]), True)
    """
    taps = np.ascontiguousarray(taps, dtype=volumes.dtype)
    return _in_parts(volumes, taps.reshape(-1), taps.shape, 0, ends, constant, n_threads, plain)


def _in_parts(
    volumes: np.ndarray,
    taps: np.ndarray,
    extent: tuple[int, int, int],
    n_row_taps: int,
    ends: tuple[Extension, ...],
    constant: float,
    n_threads: int,
    plain: bool,
) -> tuple[np.ndarray, bool]:
    """Share volumes, planes, rows or strips among threads."""
    volumes = np.ascontiguousarray(volumes)
    sizes = tuple(
        n + len(side.before) + len(side.after) - reach + 1 for n, side, reach in zip(volumes.shape[1:], ends, extent)
    )
    out = np.empty((len(volumes), *sizes), dtype=volumes.dtype)
    strip, band = _sides(sizes, extent, bool(n_row_taps), volumes.dtype)
    counts = (len(volumes), *sizes[:2], -(-sizes[2] // strip))
    least = (1, 1, max(LEAST_BAND, 2 * extent[1]), 1)  # of each a thread's share is worth its while
    if out.size * (len(taps) + FETCH) < SHARED_FROM:
        n_threads = 1
    shared = next((i for i, n in enumerate(counts) if n >= n_threads * least[i]), int(np.argmax(counts)))
    shares = 1 if n_threads == 1 else max(n_threads, min(SHARES * n_threads, counts[shared] // least[shared]))
    shares = min(shares, counts[shared])
    bounds = [i * counts[shared] // shares for i in range(shares + 1)]
    shape = np.array([*volumes.shape[1:], *sizes, *extent, n_row_taps, strip, band])
    line = strip + extent[2] - 1
    room = extent[0] * (band + extent[1] - 1) * line + (band + extent[1] - 1) * strip * bool(n_row_taps)

    def part(start: int, stop: int) -> bool:
        cuts = np.array([(0, n) for n in counts])
        cuts[shared] = start, stop
        work = _work(room, volumes.dtype, plain)
        return _fill_part(
            *(volumes.reshape(-1), out.reshape(-1), taps, shape, cuts),
            *(side for sides in ends for side in sides),
            *(volumes.dtype.type(constant), work, work.reshape(-1)),
        )

    return out, all(share(part, list(itertools.pairwise(bounds)), n_threads))


def _sides(sizes: tuple[int, ...], extent: tuple[int, int, int], separable: bool, dtype: np.dtype) -> tuple[int, int]:
    """The columns of a strip, a multiple of what is summed together, and the rows of a band."""
    step = BLOCKS[0][1] * LANES[np.dtype(dtype)]
    band = min(sizes[1], max(LEAST_BAND, extent[1]))
    room = BAND_BYTES // dtype.itemsize // ((band + extent[1]) * (extent[0] + separable)) - extent[2]
    strip = max(2 * step, min(room, WIDEST_STRIP) // step * step)
    return min(strip, -(-sizes[2] // step) * step), band


def _work(n: int, dtype: np.dtype, plain: bool) -> np.ndarray:
    """Scratch memory for `n` numbers, which are rows of vectors where there are vectors."""
    lanes = LANES[np.dtype(dtype)]
    return rows(n, dtype, plain=True) if plain or not available() else rows(-(-n // lanes), dtype)


@intrinsic
def _copy(typing_context, x, at, n, out, to):  # type: ignore[no-untyped-def]
    """`out[to : to + n] = x[at : at + n]`, which may overlap."""

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        x, out = (make_array(signature.args[i])(context, builder, args[i]).data for i in (0, 3))
        begin, end = builder.gep(x, [args[1]]), builder.gep(out, [args[4]])
        cgutils.raw_memmove(builder, end, begin, args[2], signature.args[0].dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(x, types.intp, types.intp, out, types.intp), generate


def _make_sums(n_rows: int, vectors: int, at_once: int) -> Any:
    """An intrinsic that makes the responses of blocks of so many rows and vectors, `at_once` rows of taps at a time.

    Each sample that a block needs is loaded once for all rows of taps that are worked on together.
    """

    @intrinsic
    def run(  # type: ignore[no-untyped-def]
        typing_context, x, at, plane_step, row_step, taps, first, depth, height, width, out, to, out_step, rows_, n
    ):
        kind = x.dtype
        element = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}[kind]
        item = kind.bitwidth // 8
        lanes = 64 // item
        value, number = ir.VectorType(element, lanes), ir.IntType(64)
        places = [(i, v) for i in range(n_rows) for v in range(vectors)]

        def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
            x, at, plane_step, row_step, taps, first, depth, height, width, out, to, out_step, rows_, n = args
            x, taps, out = (
                make_array(signature.args[i])(context, builder, array).data
                for i, array in ((0, x), (4, taps), (9, out))
            )
            sums = {place: cgutils.alloca_once(builder, value) for place in places}
            bad = cgutils.alloca_once(builder, value)
            zeros = ir.Constant(value, [0.0] * lanes)
            builder.store(zeros, bad)

            def constant(i):  # type: ignore[no-untyped-def]
                return ir.Constant(number, i)

            def pointer(array, place, v):  # type: ignore[no-untyped-def]
                place = builder.gep(array, [builder.add(place, constant(v * lanes))])
                return builder.bitcast(place, value.as_pointer())

            def add_taps(tap, place, count):  # type: ignore[no-untyped-def]
                """`count` rows of taps, `width` apart, of which the first multiplies the samples from `place` on."""
                read = {}
                for u in range(count):
                    one = builder.load(builder.gep(taps, [builder.add(tap, builder.mul(width, constant(u)))]))
                    unset = ir.Constant(value, ir.Undefined)
                    one = builder.insert_element(unset, one, ir.Constant(ir.IntType(32), 0))
                    one = builder.shuffle_vector(
                        one, unset, ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
                    )
                    for i, v in places:
                        if (i + u, v) not in read:
                            start = builder.add(place, builder.mul(row_step, constant(i + u)))
                            read[i + u, v] = builder.load(pointer(x, start, v), align=item)
                        total = builder.load(sums[i, v])
                        builder.store(_fma_of(builder, kind, lanes, one, read[i + u, v], total), sums[i, v])

            def block_at(row, column):  # type: ignore[no-untyped-def]
                for place in places:
                    builder.store(zeros, sums[place])
                corner = builder.add(builder.add(at, builder.mul(row, row_step)), column)
                with cgutils.for_range(builder, depth) as deep:
                    plane = builder.add(corner, builder.mul(deep.index, plane_step))
                    own = builder.add(first, builder.mul(builder.mul(deep.index, height), width))
                    with cgutils.for_range(builder, width) as along:
                        start, tap = builder.add(plane, along.index), builder.add(own, along.index)
                        whole = builder.sdiv(height, constant(at_once))
                        with cgutils.for_range(builder, whole) as down:
                            i = builder.mul(down.index, constant(at_once))
                            add_taps(
                                builder.add(tap, builder.mul(i, width)),
                                builder.add(start, builder.mul(i, row_step)),
                                at_once,
                            )
                        done = builder.mul(whole, constant(at_once))
                        rest = builder.sub(height, done)
                        for count in range(1, at_once):
                            with builder.if_then(builder.icmp_signed("==", rest, constant(count))):
                                add_taps(
                                    builder.add(tap, builder.mul(done, width)),
                                    builder.add(start, builder.mul(done, row_step)),
                                    count,
                                )
                end = builder.add(builder.add(to, builder.mul(row, out_step)), column)
                found = []
                for i, v in places:
                    total = builder.load(sums[i, v])
                    builder.store(
                        total, pointer(out, builder.add(end, builder.mul(out_step, constant(i))), v), align=item
                    )
                    found.append(total)
                while len(found) > 1:
                    found = [builder.fadd(*found[i : i + 2]) for i in range(0, len(found), 2)]
                builder.store(_fma_of(builder, kind, lanes, found[0], zeros, builder.load(bad)), bad)

            def clipped(index, step, end):  # type: ignore[no-untyped-def]
                """Where a block begins: the last one overlaps the one before, so that it is whole."""
                begin, last = builder.mul(index, constant(step)), builder.sub(end, constant(step))
                return builder.select(builder.icmp_signed("<", begin, last), begin, last)

            step = vectors * lanes
            with cgutils.for_range(builder, builder.sdiv(builder.add(n, constant(step - 1)), constant(step))) as loop:
                column = clipped(loop.index, step, n)
                blocks = builder.sdiv(builder.add(rows_, constant(n_rows - 1)), constant(n_rows))
                with cgutils.for_range(builder, blocks) as inner:
                    block_at(clipped(inner.index, n_rows, rows_), column)
            total = ir.Constant(element, 0.0)
            found = builder.load(bad)
            for i in range(lanes):
                total = builder.fadd(total, builder.extract_element(found, constant(i)))
            return total

        whole = types.intp
        return kind(x, whole, whole, whole, taps, *(whole,) * 4, out, *(whole,) * 4), generate

    return run


def _fma_of(builder: Any, kind: Any, lanes: int, *args: Any) -> Any:
    """`a * b + c` of vectors, rounded once where the processor can."""
    name = f"llvm.fmuladd.v{lanes}f{kind.bitwidth}"
    value = args[0].type
    function = builder.module.globals.get(name) or ir.Function(
        builder.module, ir.FunctionType(value, [value] * 3), name
    )
    return builder.call(function, args)


_sums_of_rows = _make_sums(*BLOCKS[0])
_sums_of_row = _make_sums(*BLOCKS[1])


def _sums(work, x, at, plane_step, row_step, taps, first, depth, height, width, out, to, out_step, n_rows, n):  # type: ignore[no-untyped-def]
    """Fill `n_rows` rows of `n` responses, `out_step` apart; 0 if all are finite.

    Response `y, x` is the sum of `taps[first + (h * height + i) * width + j]` times
    `x[at + h * plane_step + (y + i) * row_step + x + j]`.
    """
    for y in range(n_rows):
        total = np.zeros(n, x.dtype)
        for h in range(depth):
            for j in range(width):
                for i in range(height):
                    begin = at + h * plane_step + (y + i) * row_step + j
                    total += taps[first + (h * height + i) * width + j] * x[begin : begin + n]
        out[to + y * out_step :][:n] = total
    return out[to] * 0


@overload(_sums)
def _sums_of(work, x, at, plane_step, row_step, taps, first, depth, height, width, out, to, out_step, n_rows, n):  # type: ignore[no-untyped-def]
    def plain(work, x, at, plane_step, row_step, taps, first, depth, height, width, out, to, out_step, n_rows, n):  # type: ignore[no-untyped-def]
        bad = x.dtype.type(0)
        for y in range(n_rows):
            end = to + y * out_step
            for k in range(n):
                out[end + k] = 0
            for h in range(depth):
                for j in range(width):
                    for i in range(height):
                        tap = taps[first + (h * height + i) * width + j]
                        begin = at + h * plane_step + (y + i) * row_step + j
                        for k in range(n):
                            out[end + k] = fma(tap, x[begin + k], out[end + k])
            for k in range(n):
                bad += out[end + k] * x.dtype.type(0)
        return bad

    if work.ndim == 1:
        return plain
    lanes = LANES[np.dtype(str(work.dtype))]
    rows_, across, along = BLOCKS[0][0], BLOCKS[0][1] * lanes, BLOCKS[1][1] * lanes
    few = register_jitable(plain)

    def vector(work, x, at, plane_step, row_step, taps, first, depth, height, width, out, to, out_step, n_rows, n):  # type: ignore[no-untyped-def]
        if n_rows >= rows_ and n >= across:
            return _sums_of_rows(
                x, at, plane_step, row_step, taps, first, depth, height, width, out, to, out_step, n_rows, n
            )
        if n >= along:
            return _sums_of_row(
                x, at, plane_step, row_step, taps, first, depth, height, width, out, to, out_step, n_rows, n
            )
        return few(work, x, at, plane_step, row_step, taps, first, depth, height, width, out, to, out_step, n_rows, n)

    return vector


@compiled()
def _cut_row(x, row, samples, begin, n, before, after, constant, out, to):  # type: ignore[no-untyped-def]
    """Copy `n` samples of an extended row from `begin` on, negative before its first; `row` is where it lies, or -1."""
    end = begin + n
    low, high = min(max(begin, 0), samples), min(max(end, 0), samples)
    if row < 0:
        for p in range(n):
            out[to + p] = constant
        return
    for p in range(begin, min(0, end)):
        at = before[p + before.size]
        out[to + p - begin] = x[row + at] if at >= 0 else constant
    if high > low:
        _copy(x, row + low, high - low, out, to + low - begin)
    for p in range(max(begin, samples), end):
        at = after[p - samples]
        out[to + p - begin] = x[row + at] if at >= 0 else constant


@compiled()
def _found_at(p, n, before, after):  # type: ignore[no-untyped-def]
    """Where place `p` of an extended axis of `n` samples is found; -1 is the constant."""
    if p < 0:
        return before[p + before.size]
    return p if p < n else after[p - n]


@compiled(entry=True)
def _fill_part(  # type: ignore[no-untyped-def]
    x, out, taps, shape, cuts, nearer, farther, above, below, before, after, constant, work, flat
):
    """Fill the responses of the volumes, planes, rows and strips that `cuts` says."""
    planes, n_rows, n_columns = shape[0], shape[1], shape[2]
    out_planes, out_rows, out_columns = shape[3], shape[4], shape[5]
    depth, height, width = shape[6], shape[7], shape[8]
    n_row_taps, strip, band = shape[9], shape[10], shape[11]
    line = strip + width - 1
    plane = (band + height - 1) * line
    buffer = depth * plane
    bad = x.dtype.type(0)
    for k in range(cuts[0, 0], cuts[0, 1]):
        for z in range(cuts[1, 0], cuts[1, 1]):
            for s in range(cuts[3, 0], cuts[3, 1]):
                left = s * strip
                n = min(strip, out_columns - left)
                for top in range(cuts[2, 0], cuts[2, 1], band):
                    lines = min(band, cuts[2, 1] - top)
                    keep = height - 1 if top > cuts[2, 0] else 0  # rows that the band before has cut already
                    for h in range(depth):
                        begin = h * plane
                        if keep and not n_row_taps:
                            _copy(flat, begin + band * line, keep * line, flat, begin)
                        source = _found_at(z + h - nearer.size, planes, nearer, farther)
                        for y in range(keep, lines + height - 1):
                            row = _found_at(top + y - above.size, n_rows, above, below)
                            at = ((k * planes + source) * n_rows + row) * n_columns if min(source, row) >= 0 else -1
                            _cut_row(
                                *(x, at, n_columns, left - before.size, n + width - 1, before, after, constant),
                                *(flat, begin + y * line),
                            )
                    to = ((k * out_planes + z) * out_rows + top) * out_columns + left
                    if not n_row_taps or height == 1:
                        bad += _sums(
                            *(work, flat, 0, plane, line, taps, 0, depth, height, width),
                            *(out, to, out_columns, lines, n),
                        )
                        continue
                    if keep:
                        _copy(flat, buffer + band * strip, keep * strip, flat, buffer)
                    _sums(
                        *(work, flat, keep * line, 0, line, taps, 0, 1, 1, width),
                        *(flat, buffer + keep * strip, strip, lines + height - 1 - keep, n),
                    )
                    bad += _sums(
                        *(work, flat, buffer, 0, strip, taps, n_row_taps, 1, height, 1),
                        *(out, to, out_columns, lines, n),
                    )
    return bad == 0
