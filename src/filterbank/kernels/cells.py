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
from numba.extending import overload

from filterbank.kernels.fft_lanes import turn_square
from filterbank.kernels.memory import kept_rows
from filterbank.kernels.simd import LANES, fma, lanes_of, load, rows, splat, store

__all__ = ["CellPlan", "normalise_rows", "orientation_cells", "plain_cells", "pool_windows"]

ATAN_TERMS = {np.dtype(np.float32): 8, np.dtype(np.float64): 16}
"""Terms of the polynomial for the arc tangent: errors of 1e-8 and 1e-14."""

HOW = {None: 0, "l2": 1, "sift": 2, "root": 3, "l1": 4, "l1-sqrt": 5}
TAPS = 4  # of a cell's window that are summed up side by side


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


def orientation_cells(channel: np.ndarray, plan: CellPlan) -> np.ndarray:
    """Return the histograms of all cells of every descriptor that lies within a block.

    Parameters
    ----------
    channel : array, (*axes)
    plan : CellPlan

    Returns
    -------
    array, (*positions, *cells, bin)
    """
    if channel.ndim != 2:
        return plain_cells(channel, plan)
    channel = np.ascontiguousarray(channel)
    dtype = channel.dtype
    around = len(plan.smooth) + 1
    counts = [(n - around - plan.windows.shape[1]) // hop + 1 for n, hop in zip(channel.shape, plan.hop)]
    shape = plan.windows.shape
    windows, down, across = _targets(plan.windows.tobytes(), shape, tuple(counts), plan.hop)
    length = windows.shape[1]
    lanes = lanes_of(rows(1, dtype))
    room = -(-(channel.shape[1] + TAPS) // LANES[dtype]) * LANES[dtype]
    n_groups = -(-len(down.starts) * plan.n_bins // lanes)
    gaps = np.diff(down.starts)
    depth = length + int(
        max(gaps[gaps <= length * 2 // 3], default=0)
    )  # cells so near to each other are summed up in pairs
    sizes = depth * plan.n_bins * room // lanes, (2 * plan.n_bins + lanes) * room // lanes, room
    ring, ready, turned, pooled = kept_rows((*sizes, len(across.starts) * n_groups), dtype)
    ring[:], ready[:] = 0, 0
    _pool_cells(
        channel,
        plan.smooth.astype(dtype),
        _constants(dtype, plan),
        plan.n_bins,
        plan.signed,
        plan.soft,
        np.pad(windows, ((0, 0), (0, -length % TAPS))).astype(dtype),
        length,
        down.starts,
        down.kinds,
        across.starts,
        across.kinds,
        np.zeros((6, room), dtype),
        ring,
        ring.reshape(-1),
        ready,
        ready.reshape(-1),
        turned,
        pooled,
        n_groups,
    )
    out = np.empty((*counts, shape[0], shape[0], plan.n_bins), dtype)
    _gather(pooled.reshape(len(across.starts), -1), down.places, across.places, out)
    return out


class _Targets(NamedTuple):
    """The different cells along an axis: where each begins, its window, and which are those of (position, cell)."""

    starts: np.ndarray
    kinds: np.ndarray
    places: np.ndarray


@functools.lru_cache(maxsize=64)
def _targets(
    weights: bytes, shape: tuple[int, int], counts: tuple[int, int], hops: tuple[int, int]
) -> tuple[np.ndarray, _Targets, _Targets]:
    """The different windows without the zeros around them, and the cells down and across that have them."""
    windows = np.frombuffer(weights).reshape(shape)
    used = [np.flatnonzero(window) for window in windows]
    length = max(int(at[-1] - at[0]) + 1 for at in used)
    first = np.array([min(int(at[0]), shape[1] - length) for at in used])
    own = np.stack([window[begin : begin + length] for window, begin in zip(windows, first)])
    different, kind = np.unique(own, axis=0, return_inverse=True)
    targets = []
    for count, hop in zip(counts, hops):
        keys = (np.arange(count)[:, np.newaxis] * hop + first) * len(kind) + kind.ravel()
        cells, index = np.unique(keys, return_inverse=True)
        targets.append(_Targets(cells // len(kind), cells % len(kind), index.reshape(keys.shape)))
    return different, targets[0], targets[1]


@functools.cache
def _arc_tangent(n: int) -> np.ndarray:
    """Coefficients of the polynomial in `a**2` that is `atan(a) / a` for `a` from 0 to 1."""
    squares = 0.5 + 0.5 * np.cos(np.pi * (np.arange(256) + 0.5) / 256)
    roots = np.sqrt(squares)
    fitted = np.polynomial.Chebyshev.fit(squares, np.arctan(roots) / roots, n - 1, domain=[0, 1])
    return fitted.convert(kind=np.polynomial.Polynomial, domain=[-1, 1], window=[-1, 1]).coef


def _constants(dtype: np.dtype, plan: CellPlan) -> np.ndarray:
    """Numbers that compiled code reads in the signal's own precision."""
    turn = 2 * math.pi if plan.signed else math.pi
    scale = plan.n_bins / turn
    tiny = np.finfo(dtype).tiny
    own = [plan.gain, tiny, math.pi / 2 * scale, math.pi * scale, 2 * math.pi * scale, plan.offset, plan.n_bins, scale]
    return np.array([*own, *_arc_tangent(ATAN_TERMS[dtype])], dtype)


@numba.njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, error_model="numpy")
def _pool_cells(  # type: ignore[no-untyped-def]
    image,
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
    lines,
    ring,
    flat_ring,
    ready,
    flat_ready,
    turned,
    pooled,
    n_groups,
):
    """Sum up every cell: `pooled` has a row of lanes for each cell across, and in it all bins of all cells down.

    `lines` are three smoothed rows, one in the making, and the moduli and angles of a row of gradients; `ring` the bins
    of the rows that a cell sees; `ready` cells' sums over rows, until there are as many as lanes.
    """
    room = lines.shape[1]
    width = image.shape[1] - smooth.size - 1
    lanes = lanes_of(pooled)
    vectors = n_bins * room // lanes  # of a row of `ring`
    depth = flat_ring.size // (n_bins * room)
    begins = np.empty(depth, np.int64)
    zero = constants[1] - constants[1]
    weights = np.empty((2, depth), image.dtype)
    done = 0  # cells down that are summed up
    held = 0  # rows of `ready` that are in use
    group = 0
    smoothed = 0
    for y in range(down_starts[-1] + length):
        while smoothed < y + 3:
            _smooth_row(image, smoothed, smooth, lines[3], lines[smoothed % 3])
            smoothed += 1
        above, here, below = lines[y % 3], lines[(y + 1) % 3], lines[(y + 2) % 3]
        _polar(above, here, below, width, constants, signed, lines[4], lines[5])
        at = y % depth * n_bins * room
        for k in range(n_bins):
            own = flat_ring[at + k * room : at + k * room + width]
            _share(lines[4], lines[5], own, constants, k, n_bins, soft)
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


@numba.njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, error_model="numpy")
def _smooth_row(image, y, smooth, line, out):  # type: ignore[no-untyped-def]
    n = image.shape[1]
    if smooth.size == 1:
        for x in range(n):
            out[x] = image[y, x]
        return
    whole = smooth.size - smooth.size % TAPS
    for t in range(0, whole, TAPS):
        a, b, c, d = image[y + t], image[y + t + 1], image[y + t + 2], image[y + t + 3]
        _add_four(a, b, c, d, smooth[t : t + TAPS], line[:n], t == 0)
    for t in range(whole, smooth.size):
        _add_one(image[y + t], smooth[t], line[:n], t == 0)
    n -= smooth.size - 1
    for t in range(0, whole, TAPS):
        a, b, c, d = line[t:], line[t + 1 :], line[t + 2 :], line[t + 3 :]
        _add_four(a, b, c, d, smooth[t : t + TAPS], out[:n], t == 0)
    for t in range(whole, smooth.size):
        _add_one(line[t:], smooth[t], out[:n], t == 0)


@numba.njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, error_model="numpy")
def _add_four(a, b, c, d, weights, out, fresh):  # type: ignore[no-untyped-def]
    """Add four weighted rows to a row, or begin it."""
    u, v, w, z = weights[0], weights[1], weights[2], weights[3]
    if fresh:
        for i in range(out.size):
            out[i] = (u * a[i] + v * b[i]) + (w * c[i] + z * d[i])
    else:
        for i in range(out.size):
            out[i] += (u * a[i] + v * b[i]) + (w * c[i] + z * d[i])


@numba.njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, error_model="numpy")
def _add_one(a, weight, out, fresh):  # type: ignore[no-untyped-def]
    if fresh:
        for i in range(out.size):
            out[i] = weight * a[i]
    else:
        for i in range(out.size):
            out[i] += weight * a[i]


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


@numba.njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, error_model="numpy")
def _share(moduli, places, out, constants, k, n_bins, soft):  # type: ignore[no-untyped-def]
    """What one bin gets of every gradient of a row."""
    zero = constants[0] - constants[0]
    turn = constants[6]
    one = turn / turn
    here = turn * zero
    for _ in range(k):
        here += one
    if n_bins == 1:
        for x in range(out.size):
            out[x] = moduli[x]
    elif soft and 0 < k < n_bins - 1:
        for x in range(out.size):
            share = one - abs(places[x] - here)
            out[x] = moduli[x] * (share if share > zero else zero)
    elif soft:
        for x in range(out.size):
            away = abs(places[x] - here)
            other = abs(away - turn)
            away = other if other < away else away
            share = one - away
            out[x] = moduli[x] * (share if share > zero else zero)
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
    """The columns that each cell sees, weighed and summed up, for as many rows of cells as there are lanes."""
    n = windows.shape[1]
    for k in range(starts.size):
        start, kind = starts[k], kinds[k]
        a = load(turned, start) * splat(turned, windows[kind, 0])
        b = load(turned, start + 1) * splat(turned, windows[kind, 1])
        c = load(turned, start + 2) * splat(turned, windows[kind, 2])
        d = load(turned, start + 3) * splat(turned, windows[kind, 3])
        for t in range(TAPS, n, TAPS):
            a = fma(load(turned, start + t), splat(turned, windows[kind, t]), a)
            b = fma(load(turned, start + t + 1), splat(turned, windows[kind, t + 1]), b)
            c = fma(load(turned, start + t + 2), splat(turned, windows[kind, t + 2]), c)
            d = fma(load(turned, start + t + 3), splat(turned, windows[kind, t + 3]), d)
        store(pooled, k * n_groups + group, (a + b) + (c + d))


@numba.njit(nogil=True, cache=True)
def _gather(pooled, down, across, out):  # type: ignore[no-untyped-def]
    """Put each descriptor's cells together, `out` (row, column, cell down, cell across, bin)."""
    n_bins = out.shape[4]
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            for i in range(out.shape[2]):
                at = down[y, i] * n_bins
                for j in range(out.shape[3]):
                    own, to = pooled[across[x, j]], out[y, x, i, j]
                    if n_bins == 8:  # a number that the compiler knows
                        for k in range(8):
                            to[k] = own[at + k]
                    else:
                        for k in range(n_bins):
                            to[k] = own[at + k]


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


@numba.njit(nogil=True, cache=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
def _normalise(descriptors, how, options):  # type: ignore[no-untyped-def]
    clip, epsilon, one = options
    zero = one - one
    for i in range(len(descriptors)):
        row = descriptors[i]
        for turn in range(2 if how in (2, 3) else 1 if how == 1 else 0):
            total = epsilon * epsilon
            for j in range(row.size):
                total += row[j] * row[j]
            factor = one / np.sqrt(total) if total > zero else zero
            for j in range(row.size):
                value = row[j] * factor
                row[j] = value if value < clip or how == 1 or turn == 1 else clip
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
