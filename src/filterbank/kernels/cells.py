"""Histograms of gradient orientations in the cells of descriptors on a grid, "valid", in one, two or three dimensions.

All sums have a fixed order: a descriptor is a function of the samples that it sees and of nothing else, bit for bit.

In images, rows are smoothed, differentiated and shared out to the bins one after the other; as soon as all rows that a
row of cells sees are there, they are weighed and summed up, and then, side by side in lanes, so are the columns that
each cell sees. Cells that neighbouring descriptors share are summed up once. Only these sums are written out.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic, overload

from filterbank.kernels.fft_lanes import turn_square
from filterbank.kernels.memory import kept_rows
from filterbank.kernels.simd import LANES, _value_of, fma, lanes_of, load, maximum, minimum, rows, splat, store

__all__ = ["CellPlan", "normalise_rows", "orientation_cells", "plain_cells", "pool_windows"]

ATAN_TERMS = {np.dtype(np.float32): 8, np.dtype(np.float64): 16}
"""Terms of the polynomial for the arc tangent: errors of 1e-8 and 1e-14."""

HOW = {None: 0, "l2": 1, "sift": 2, "root": 3, "l1": 4, "l1-sqrt": 5}
TAPS = 4  # values of a row that are summed up side by side


class CellPlan(NamedTuple):
    """What descriptors are made of.

    Parameters
    ----------
    smooth : array, (taps,)
        The window, of odd length, that smooths along each axis; `[1.]` for none.
    gain : float
        A gradient is the difference of the two neighbours times this.
    n_bins : int
        Bins of the histogram.
    signed : bool
        Whether opposite directions are different bins.
    offset : float
        Where the first bin's middle lies, in bins; two axes only.
    soft : bool
        Whether a gradient is shared by the two nearest bins; two axes only.
    directions : array, (n_bins, 3)
        The bins' middles with three axes.
    windows : array, (cells, samples)
        How much a sample counts in a cell, along each axis.
    hop : tuple of int
        Samples from one descriptor to the next along each axis.
    """

    smooth: np.ndarray
    gain: float
    n_bins: int
    signed: bool
    offset: float
    soft: bool
    directions: np.ndarray
    windows: np.ndarray
    hop: tuple[int, ...]


def orientation_cells(
    channel: np.ndarray, plan: CellPlan, normalise: str | None = None, *, clip: float = 0.2, epsilon: float = 0.0
) -> np.ndarray:
    """Return the histograms of all cells of every descriptor that lies within a block.

    Parameters
    ----------
    channel : array, (*axes)
    plan : CellPlan
    normalise : {"sift", "root", "l2", "l1", "l1-sqrt"}, optional
        How each descriptor is normalised; see `normalise_rows`.
    clip, epsilon : float

    Returns
    -------
    array, (*positions, *cells, bin)
    """
    if channel.ndim != 2:
        cells = plain_cells(channel, plan)
        normalise_rows(cells.reshape(math.prod(cells.shape[: channel.ndim]), -1), normalise, clip=clip, epsilon=epsilon)
        return cells
    channel = np.ascontiguousarray(channel)
    dtype = channel.dtype
    around = len(plan.smooth) + 1
    counts = [(n - around - plan.windows.shape[1]) // hop + 1 for n, hop in zip(channel.shape, plan.hop)]
    n_cells = len(plan.windows)
    windows, first, kinds = _different(plan.windows.tobytes(), plan.windows.shape)
    down, across = (_targets(first, kinds, count, hop) for count, hop in zip(counts, plan.hop))
    length = windows.shape[1]
    lanes = lanes_of(rows(1, dtype))
    room = -(-channel.shape[1] // LANES[dtype]) * LANES[dtype]
    n_groups = -(-len(down.starts) * plan.n_bins // lanes)
    gap = max((gap for gap in down.gaps if gap <= length * 2 // 3), default=0)
    depth = length + gap  # cells so near to each other are summed up in pairs
    vectors, n_rows = room // lanes, len(channel)
    sizes = n_rows * vectors, 7 * vectors, depth * plan.n_bins * vectors, (2 * plan.n_bins + lanes) * vectors, room
    image, lines, ring, ready, turned, pooled = kept_rows((*sizes, len(across.starts) * n_groups), dtype)
    whole = image.reshape(n_rows, room)
    whole[:, : channel.shape[1]], whole[:, channel.shape[1] :] = channel, 0
    lines[:], ring[:], ready[:] = 0, 0, 0
    _pool_cells(
        image,
        channel.shape[1],
        plan.smooth.astype(dtype),
        _constants(dtype, plan.n_bins, plan.signed, plan.gain, plan.offset),
        plan.n_bins,
        plan.signed,
        plan.soft,
        windows.astype(dtype),
        length,
        down.starts,
        down.kinds,
        across.starts,
        across.kinds,
        lines,
        lines.reshape(7, room),
        lines.reshape(-1),
        ring,
        ring.reshape(-1),
        ready,
        ready.reshape(-1),
        turned,
        pooled,
        n_groups,
    )
    out = np.empty((*counts, n_cells, n_cells, plan.n_bins), dtype)
    options = np.array([clip, epsilon, 1.0], dtype)
    _gather(pooled.reshape(len(across.starts), -1), down.places, across.places, out, HOW[normalise], options)
    return out


class _Targets(NamedTuple):
    """The different cells along an axis: where each begins, its window, and which are those of (position, cell)."""

    starts: np.ndarray
    kinds: np.ndarray
    places: np.ndarray
    gaps: tuple[int, ...]


@functools.lru_cache(maxsize=64)
def _different(weights: bytes, shape: tuple[int, int]) -> tuple[np.ndarray, tuple[int, ...], tuple[int, ...]]:
    """The different windows without the zeros around them; for each cell, where its window begins, and which it is."""
    windows = np.frombuffer(weights).reshape(shape)
    used = [np.flatnonzero(window) for window in windows]
    length = max(int(at[-1] - at[0]) + 1 for at in used)
    first = [min(int(at[0]), shape[1] - length) for at in used]
    own = np.stack([window[begin : begin + length] for window, begin in zip(windows, first)])
    different, kinds = np.unique(own, axis=0, return_inverse=True)
    return different, tuple(first), tuple(kinds.ravel().tolist())


@functools.lru_cache(maxsize=1024)
def _targets(first: tuple[int, ...], kinds: tuple[int, ...], count: int, hop: int) -> _Targets:
    """The cells along an axis of so many descriptors."""
    keys = (np.arange(count)[:, np.newaxis] * hop + np.array(first)) * len(kinds) + np.array(kinds)
    cells, index = np.unique(keys, return_inverse=True)
    starts = cells // len(kinds)
    gaps = tuple(np.unique(np.diff(starts)).tolist())
    return _Targets(starts, cells % len(kinds), index.reshape(keys.shape), gaps)


@functools.cache
def _arc_tangent(n: int) -> np.ndarray:
    """Coefficients of the polynomial in `a**2` that is `atan(a) / a` for `a` from 0 to 1."""
    squares = 0.5 + 0.5 * np.cos(np.pi * (np.arange(256) + 0.5) / 256)
    roots = np.sqrt(squares)
    fitted = np.polynomial.Chebyshev.fit(squares, np.arctan(roots) / roots, n - 1, domain=[0, 1])
    return fitted.convert(kind=np.polynomial.Polynomial, domain=[-1, 1], window=[-1, 1]).coef


@functools.lru_cache(maxsize=64)
def _constants(dtype: np.dtype, n_bins: int, signed: bool, gain: float, offset: float) -> np.ndarray:
    """Numbers that compiled code reads in the signal's own precision."""
    turn = 2 * math.pi if signed else math.pi
    scale = n_bins / turn
    tiny = np.finfo(dtype).tiny
    own = [gain, tiny, math.pi / 2 * scale, math.pi * scale, 2 * math.pi * scale, offset, n_bins, scale]
    return np.array([*own, *_arc_tangent(ATAN_TERMS[dtype])], dtype)


@numba.njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, error_model="numpy")
def _pool_cells(  # type: ignore[no-untyped-def]
    image,
    n_columns,
    smooth,
    constants,
    n_bins,
    signed,
    soft,
    windows,
    length,
    down_starts,
    down_kinds,
    across_starts,
    across_kinds,
    vector_lines,
    lines,
    flat_lines,
    ring,
    flat_ring,
    ready,
    flat_ready,
    turned,
    pooled,
    n_groups,
):
    """Sum up every cell: `pooled` has a row of lanes for each cell across, and in it all bins of all cells down.

    `lines` are three smoothed rows, the moduli and angles of a row of gradients, and a row in the making with room for
    what is read behind it; `ring` the bins of the rows that a cell sees; `ready` cells' sums over rows, until there are
    as many as lanes. All rows have room for whole values, with finite numbers in it.
    """
    room = lines.shape[1]
    width = n_columns - smooth.size - 1
    lanes = lanes_of(pooled)
    vectors = n_bins * room // lanes  # of a row of `ring`
    depth = flat_ring.size // (n_bins * room)
    begins = np.empty(depth, np.int64)
    zero = constants[1] - constants[1]
    weights = np.empty((2, depth), smooth.dtype)
    done = 0  # cells down that are summed up
    held = 0  # rows of `ready` that are in use
    group = 0
    smoothed = 0
    for y in range(down_starts[-1] + length):
        while smoothed < y + 3:
            _smooth_row(image, smoothed, smooth, vector_lines, flat_lines, room, smoothed % 3)
            smoothed += 1
        above, here, below = lines[y % 3], lines[(y + 1) % 3], lines[(y + 2) % 3]
        _polar(above, here, below, width, constants, signed, lines[3], lines[4])
        at = y % depth * n_bins
        if soft and n_bins > 1:
            _share(vector_lines, ring, at * room // lanes, room // lanes, constants, n_bins)
        else:
            for k in range(n_bins):
                own = flat_ring[(at + k) * room : (at + k) * room + width]
                _give(lines[3], lines[4], own, constants, k, n_bins)
        while done < down_starts.size:
            start, last = down_starts[done], done
            if done + 1 < down_starts.size and down_starts[done + 1] - start <= depth - length:
                last = done + 1  # two cells at a time, which have most of their rows in common
            span = down_starts[last] + length - start
            if start + span > y + 1:
                break
            for t in range(span):
                weights[0, t] = weights[1, t] = zero
            for t in range(length):
                weights[0, t] = windows[down_kinds[done], t]
                if last > done:
                    weights[1, down_starts[last] - start + t] = windows[down_kinds[last], t]
            for t in range(span):
                begins[t] = (start + t) % depth * vectors
            to = held * room // lanes
            _sum_rows(ring, begins, weights, span, vectors, ready, to, to + vectors if last > done else to)
            held += n_bins * (last - done + 1)
            done = last + 1
            used = 0
            while held - used >= lanes or (done == down_starts.size and used < held):
                _turn(flat_ready, used * room, room, turned)
                _sum_columns(turned, windows, across_starts, across_kinds, pooled, group, n_groups)
                group += 1
                used += lanes
            if 0 < used < held:
                for i in range((held - used) * room):
                    flat_ready[i] = flat_ready[used * room + i]
            held = max(held - used, 0)


@intrinsic
def _peek(typing_context, like, flat, at):  # type: ignore[no-untyped-def]
    """As many numbers from `at` on as a row of `like` has."""
    value = _value_of(like)

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        kind = context.get_value_type(signature.return_type)
        place = builder.gep(context.make_array(signature.args[1])(context, builder, args[1]).data, [args[2]])
        return builder.load(builder.bitcast(place, kind.as_pointer()), align=signature.args[1].dtype.bitwidth // 8)

    return value(like, flat, types.intp), generate


@numba.njit(nogil=True, cache=True)
def _smooth_row(image, y, smooth, lines, flat, room, to):  # type: ignore[no-untyped-def]
    """Smooth a row of the image down, and across, into one of the lines."""
    vectors = room // lanes_of(lines)
    if smooth.size == 1:
        for v in range(vectors):
            store(lines, to * vectors + v, load(image, y * vectors + v))
        return
    for v in range(vectors):
        total = load(image, y * vectors + v) * splat(image, smooth[0])
        for t in range(1, smooth.size):
            total = fma(load(image, (y + t) * vectors + v), splat(image, smooth[t]), total)
        store(lines, 5 * vectors + v, total)
    for v in range(vectors):
        at = 5 * room + v * lanes_of(lines)
        total = _peek(lines, flat, at) * splat(lines, smooth[0])
        for t in range(1, smooth.size):
            total = fma(_peek(lines, flat, at + t), splat(lines, smooth[t]), total)
        store(lines, to * vectors + v, total)


@numba.njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, error_model="numpy")
def _polar(above, here, below, n, constants, signed, moduli, places):  # type: ignore[no-untyped-def]
    """Gradients of a row: moduli, and angles counted in bins."""
    gain, tiny, quarter, half, whole, offset = (
        constants[0],
        constants[1],
        constants[2],
        constants[3],
        constants[4],
        constants[5],
    )
    scale = constants[7]
    zero = tiny - tiny
    left, right, up, down = here[:n], here[2 : n + 2], above[1 : n + 1], below[1 : n + 1]
    if constants.size == 16:
        c0, c1, c2, c3 = constants[8], constants[9], constants[10], constants[11]
        c4, c5, c6, c7 = constants[12], constants[13], constants[14], constants[15]
        for x in range(n):
            across = (right[x] - left[x]) * gain
            along = (down[x] - up[x]) * gain
            moduli[x] = np.sqrt(across * across + along * along)
            a, b = abs(across), abs(along)
            high = a if a > b else b
            low = b if a > b else a
            ratio = low / (high if high > tiny else tiny)
            q = ratio * ratio
            angle = ((((((c7 * q + c6) * q + c5) * q + c4) * q + c3) * q + c2) * q + c1) * q + c0
            angle = angle * ratio * scale
            angle = quarter - angle if b > a else angle
            angle = half - angle if across < zero else angle
            angle = (whole if signed else half) - angle if along < zero else angle
            places[x] = angle - offset
    else:
        for x in range(n):
            across = (right[x] - left[x]) * gain
            along = (down[x] - up[x]) * gain
            moduli[x] = np.sqrt(across * across + along * along)
            a, b = abs(across), abs(along)
            high = a if a > b else b
            low = b if a > b else a
            ratio = low / (high if high > tiny else tiny)
            q = ratio * ratio
            angle = constants[constants.size - 1]
            for i in range(constants.size - 2, 7, -1):
                angle = angle * q + constants[i]
            angle = angle * ratio * scale
            angle = quarter - angle if b > a else angle
            angle = half - angle if across < zero else angle
            angle = (whole if signed else half) - angle if along < zero else angle
            places[x] = angle - offset


@numba.njit(nogil=True, cache=True)
def _share(lines, ring, at, vectors, constants, n_bins):  # type: ignore[no-untyped-def]
    """Share out the gradients of a row to the two nearest bins, by their distance from the middles."""
    one = constants[6] / constants[6]
    zero, unit, turn = splat(lines, one - one), splat(lines, one), splat(lines, constants[6])
    for v in range(vectors):
        modulus, place = load(lines, 3 * vectors + v), load(lines, 4 * vectors + v)
        away = maximum(place, zero - place)
        away = minimum(away, maximum(away - turn, turn - away))
        store(ring, at + v, modulus * maximum(unit - away, zero))
        for k in range(1, n_bins - 1):
            place = place - unit
            away = maximum(place, zero - place)
            store(ring, at + k * vectors + v, modulus * maximum(unit - away, zero))
        place = place - unit
        away = maximum(place, zero - place)
        away = minimum(away, maximum(away - turn, turn - away))
        store(ring, at + (n_bins - 1) * vectors + v, modulus * maximum(unit - away, zero))


@numba.njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, error_model="numpy")
def _give(moduli, places, out, constants, k, n_bins):  # type: ignore[no-untyped-def]
    """What one bin gets of every gradient of a row where each belongs to one bin."""
    zero = constants[0] - constants[0]
    turn = constants[6]
    one = turn / turn
    here = turn * zero
    for _ in range(k):
        here += one
    if n_bins == 1:
        for x in range(out.size):
            out[x] = moduli[x]
    else:
        for x in range(out.size):
            place = places[x] if places[x] < turn else zero
            inside = place >= here and place < here + one
            out[x] = moduli[x] if inside else zero


@numba.njit(nogil=True, cache=True)
def _sum_rows(ring, begins, weights, span, vectors, out, first, second):  # type: ignore[no-untyped-def]
    """The rows of `ring` that two cells see, weighed and summed up for each; alone, one is written over the other."""
    whole = vectors - vectors % TAPS
    for v in range(0, whole, TAPS):
        a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = splat(ring, weights[0, 0] - weights[0, 0])
        for t in range(span):
            at = begins[t] + v
            u, w = splat(ring, weights[0, t]), splat(ring, weights[1, t])
            x0, x1, x2, x3 = load(ring, at), load(ring, at + 1), load(ring, at + 2), load(ring, at + 3)
            a0, a1, a2, a3 = fma(x0, u, a0), fma(x1, u, a1), fma(x2, u, a2), fma(x3, u, a3)
            b0, b1, b2, b3 = fma(x0, w, b0), fma(x1, w, b1), fma(x2, w, b2), fma(x3, w, b3)
        store(out, second + v, b0)
        store(out, second + v + 1, b1)
        store(out, second + v + 2, b2)
        store(out, second + v + 3, b3)
        store(out, first + v, a0)
        store(out, first + v + 1, a1)
        store(out, first + v + 2, a2)
        store(out, first + v + 3, a3)
    for v in range(whole, vectors):
        a0 = b0 = splat(ring, weights[0, 0] - weights[0, 0])
        for t in range(span):
            x0 = load(ring, begins[t] + v)
            a0 = fma(x0, splat(ring, weights[0, t]), a0)
            b0 = fma(x0, splat(ring, weights[1, t]), b0)
        store(out, second + v, b0)
        store(out, first + v, a0)


def _turn(flat: np.ndarray, at: int, stride: int, out: np.ndarray) -> None:
    """Rows of numbers, `stride` apart, become the lanes of `out`."""


@overload(_turn)
def _turn_any(flat, at, stride, out):  # type: ignore[no-untyped-def]
    if out.ndim == 1:

        def plain(flat, at, stride, out):  # type: ignore[no-untyped-def]
            out[:] = flat[at : at + stride]

        return plain

    def vector(flat, at, stride, out):  # type: ignore[no-untyped-def]
        for x in range(0, stride, out.shape[1]):
            turn_square(flat, at + x, stride, out, x)

    return vector


@numba.njit(nogil=True, cache=True)
def _sum_columns(turned, windows, starts, kinds, pooled, group, n_groups):  # type: ignore[no-untyped-def]
    """The columns that each cell sees, weighed and summed up, for as many rows of cells as there are lanes.

    Four cells at a time; where there are no more, the last four again.
    """
    n = windows.shape[1]
    for first in range(0, starts.size, 4):
        k = max(0, min(first, starts.size - 4))
        i, j, m = min(k + 1, starts.size - 1), min(k + 2, starts.size - 1), min(k + 3, starts.size - 1)
        s0, s1, s2, s3 = starts[k], starts[i], starts[j], starts[m]
        w0, w1, w2, w3 = kinds[k], kinds[i], kinds[j], kinds[m]
        a = b = c = d = splat(turned, windows[0, 0] - windows[0, 0])
        if w0 == w1 and w0 == w2 and w0 == w3:
            for t in range(n):
                weight = splat(turned, windows[w0, t])
                a, b = fma(load(turned, s0 + t), weight, a), fma(load(turned, s1 + t), weight, b)
                c, d = fma(load(turned, s2 + t), weight, c), fma(load(turned, s3 + t), weight, d)
        else:
            for t in range(n):
                a = fma(load(turned, s0 + t), splat(turned, windows[w0, t]), a)
                b = fma(load(turned, s1 + t), splat(turned, windows[w1, t]), b)
                c = fma(load(turned, s2 + t), splat(turned, windows[w2, t]), c)
                d = fma(load(turned, s3 + t), splat(turned, windows[w3, t]), d)
        store(pooled, k * n_groups + group, a)
        store(pooled, i * n_groups + group, b)
        store(pooled, j * n_groups + group, c)
        store(pooled, m * n_groups + group, d)


@numba.njit(nogil=True, cache=True)
def _gather(pooled, down, across, out, how, options):  # type: ignore[no-untyped-def]
    """Put each descriptor's cells together, `out` (row, column, cell down, cell across, bin), and normalise it."""
    n_rows, n_columns, n_cells, _, n_bins = out.shape
    for y in range(n_rows):
        for x in range(n_columns):
            for j in range(n_cells):
                own = pooled[across[x, j]]
                for i in range(n_cells):
                    at, to = down[y, i] * n_bins, out[y, x, i, j]
                    if n_bins == 8:  # a number that the compiler knows
                        for k in range(8):
                            to[k] = own[at + k]
                    else:
                        for k in range(n_bins):
                            to[k] = own[at + k]
        if how:  # a row at a time, which lies in the cache by now
            _normalise(out[y].reshape(out.shape[1], -1), how, options)


def normalise_rows(descriptors: np.ndarray, how: str | None, *, clip: float = 0.2, epsilon: float = 0.0) -> None:
    """Normalise descriptors, each by itself, where they lie.

    Parameters
    ----------
    descriptors : array, (descriptor, number)
        Contiguous; not negative.
    how : {"sift", "root", "l2", "l1", "l1-sqrt"}, optional
        "l2": divided by `sqrt(length**2 + epsilon**2)`; "sift": that, then no value above `clip`, and again; "l1":
        divided by the sum and `epsilon`; "l1-sqrt": the square root of that; "root": "sift", then "l1-sqrt". What is
        zero stays so.
    clip, epsilon : float
    """
    if how is not None:
        options = np.array([clip, epsilon, 1.0], descriptors.dtype)
        _normalise(descriptors, HOW[how], options)


@numba.njit(nogil=True, cache=True)
def _normalise(descriptors, how, options):  # type: ignore[no-untyped-def]
    for i in range(len(descriptors)):
        _normalise_row(descriptors[i], how, options)


@numba.njit(nogil=True, cache=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
def _normalise_row(row, how, options):  # type: ignore[no-untyped-def]
    clip, epsilon, one = options
    zero = one - one
    if how <= 3:
        total = epsilon * epsilon
        for j in range(row.size):
            total += row[j] * row[j]
        factor = one / np.sqrt(total) if total > zero else zero
        if how == 1:
            for j in range(row.size):
                row[j] *= factor
        else:
            total = epsilon * epsilon
            for j in range(row.size):
                value = min(row[j] * factor, clip)
                row[j] = value
                total += value * value
            factor = one / np.sqrt(total) if total > zero else zero
            for j in range(row.size):
                row[j] *= factor
    if how >= 3:
        total = epsilon
        for j in range(row.size):
            total += row[j]
        factor = one / total if total > zero else zero
        for j in range(row.size):
            value = row[j] * factor
            row[j] = value if how == 4 else np.sqrt(value)


def plain_cells(channel: np.ndarray, plan: CellPlan) -> np.ndarray:
    """Do what `orientation_cells` does, step by step over whole arrays."""
    n_axes = channel.ndim
    image = channel
    for axis in range(n_axes):
        image = _smoothed(image, plan.smooth, axis)
    gradient = [_slope(image, axis, plan.gain) for axis in range(n_axes)]
    maps = _binned(gradient, plan)  # (bin, *axes)
    for axis in range(n_axes):  # each turn takes an axis from behind the positions and puts cells at the end
        maps = pool_windows(maps, 1 + axis, plan.windows, plan.hop[axis])
    # (bin, *positions, *cells) -> (*positions, *cells, bin)
    return np.ascontiguousarray(np.moveaxis(maps, 0, -1))


def _smoothed(image: np.ndarray, taps: np.ndarray, axis: int) -> np.ndarray:
    """A weighted sum of neighbours along an axis, where all of them are there."""
    if len(taps) == 1:
        return image
    n = image.shape[axis] - len(taps) + 1
    out = np.zeros((*image.shape[:axis], n, *image.shape[axis + 1 :]), image.dtype)
    for t, weight in enumerate(taps.astype(image.dtype)):
        out += weight * _along(image, axis, slice(t, t + n))
    return out


def _slope(image: np.ndarray, axis: int, gain: float) -> np.ndarray:
    """The difference of the neighbours along an axis, less the outermost samples of every axis."""
    for other in range(image.ndim):
        if other != axis:
            image = _along(image, other, slice(1, -1))
    return (_along(image, axis, slice(2, None)) - _along(image, axis, slice(None, -2))) * image.dtype.type(gain)


def _along(image: np.ndarray, axis: int, part: slice) -> np.ndarray:
    return image[(slice(None),) * axis + (part,)]


def _binned(gradient: list[np.ndarray], plan: CellPlan) -> np.ndarray:
    """Each gradient's modulus, shared by the bins, (bin, *axes)."""
    n = plan.n_bins
    if len(gradient) == 1:
        (slope,) = gradient
        return np.stack([np.maximum(slope, 0), np.maximum(-slope, 0)]) if plan.signed else np.abs(slope)[np.newaxis]
    if len(gradient) == 3:
        return _binned_in_space(gradient, plan)
    rows, columns = gradient
    modulus = np.sqrt(rows * rows + columns * columns)
    turn = 2 * math.pi if plan.signed else math.pi
    place = np.mod(np.arctan2(rows, columns), turn) * (n / turn) - plan.offset
    out = np.empty((n, *modulus.shape), modulus.dtype)
    for k in range(n):
        if plan.soft:
            away = np.abs(place - k)
            away = np.minimum(away, np.abs(away - n))
            out[k] = modulus * np.maximum(0, 1 - away) if n > 1 else modulus
        else:
            out[k] = np.where(np.minimum(np.floor(place), n - 1) == k, modulus, 0)
    return out


def _binned_in_space(gradient: list[np.ndarray], plan: CellPlan) -> np.ndarray:
    """Each gradient's modulus, shared by the directions that it is near to (Klaeser et al., BMVC 2008, eq. 4-6)."""
    dtype = gradient[0].dtype
    modulus = np.sqrt(gradient[0] * gradient[0] + gradient[1] * gradient[1] + gradient[2] * gradient[2])
    unit = plan.directions.astype(dtype)
    between = np.abs(plan.directions @ plan.directions[0])
    least = dtype.type(np.max(between[between < 1 - 1e-9]))  # the cosine of the angle of two neighbours
    out = np.empty((plan.n_bins, *modulus.shape), dtype)
    for k, (a, b, c) in enumerate(unit[: plan.n_bins]):
        along = a * gradient[0] + b * gradient[1] + c * gradient[2]
        out[k] = np.maximum((along if plan.signed else np.abs(along)) - least * modulus, 0)
    length = np.zeros_like(modulus)
    for share in out:
        length += share * share
    length = np.sqrt(length)
    out *= np.divide(modulus, length, out=np.zeros_like(modulus), where=length > 0)
    return out


def pool_windows(maps: np.ndarray, axis: int, windows: np.ndarray, hop: int) -> np.ndarray:
    """Weigh and sum up samples along an axis, cell by cell, in a fixed order; cells become the last axis.

    Parameters
    ----------
    maps : array
    axis : int
    windows : array, (cells, samples)
    hop : int
        Samples from one descriptor to the next.

    Returns
    -------
    array
        With as many along the axis as there are descriptors, and cells as a further axis.
    """
    n = (maps.shape[axis] - windows.shape[1]) // hop + 1
    out = np.zeros((*maps.shape[:axis], n, *maps.shape[axis + 1 :], len(windows)), maps.dtype)
    for c, window in enumerate(windows.astype(maps.dtype)):
        for t in np.flatnonzero(window):
            out[..., c] += window[t] * _along(maps, axis, slice(t, t + (n - 1) * hop + 1, hop))
    return out
