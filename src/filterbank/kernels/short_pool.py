"""Short kernels over many short 1-D signals: as many signals as a value has lanes are convolved and pooled at once.

In `direct_pool` the values of one response lie side by side, so that sums and extrema have to be taken across lanes at
the end: for a signal of some 30 samples, most of the work. Here each lane has a signal of its own, and there is no
across.
"""

from __future__ import annotations

import numpy as np

from filterbank.kernels.simd import (
    compiled,
    greater,
    lane,
    lanes_of,
    load,
    maximum,
    minimum,
    rows,
    select,
    set_lane,
    splat,
    sqrt,
    store,
    times,
)

__all__ = ["SHORT", "pool_short"]

SHORT = 64  # samples of the longest signals that are pooled so
STEP = 4  # positions whose sums are taken side by side, since they wait for one another less
TILE = SHORT + STEP  # the first row of the responses, after those of the signals
IMAGINARY = TILE + SHORT + STEP  # of their imaginary parts
SUMS = IMAGINARY + SHORT + STEP  # of what they have come to: the first, sums of deviations from it, extrema; sizes
FIRST, SUM, SQUARES, LEAST, MOST, SIZE, N_SUMS = range(7)


def pool_short(
    x: np.ndarray,
    starts: np.ndarray,
    sizes: np.ndarray,
    counts: np.ndarray,
    chosen: np.ndarray,
    begin: int,
    end: int,
    taps: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    out: tuple[np.ndarray, ...],
    modulus: bool,
    moments: bool,
    *,
    plain: bool = False,
) -> None:
    """Convolve signals of up to 64 samples with kernels and pool each response over its positions.

    Each number depends on its own signal alone, not on those in other lanes, nor on how many lanes there are.

    Parameters
    ----------
    x : array
        The samples of all signals, one after another.
    starts, sizes : int64 array, (signal,)
        Where in `x` each signal begins, and its samples.
    counts : int64 array, (signal, response)
        Positions of each response; at least 1.
    chosen : int64 array
        Which signals to pool: the shortest first, since those of nearly one length leave few lanes idle.
    begin, end : int
        Which responses.
    taps : (starts, offsets, weights, lo)
        As `direct_pool` lists the kernels' entries, and where each response's positions begin.
    out : arrays of float64, (signal, response)
        Where mean, sum of squared deviations, least and greatest are written: the first two if there are `moments`, the
        others where they have rows.
    modulus : bool
        Pool the modulus of pairs of responses.
    moments : bool
    plain : bool
        In plain loops, as where explicit vectors can't be built: for tests.
    """
    work = rows(SUMS + N_SUMS, x.dtype, plain=plain)
    _pool_groups(x, starts, sizes, counts, chosen, begin, end, *taps, modulus, moments, work, *out)


@compiled()
def _gather(x, starts, sizes, chosen, group, work):  # type: ignore[no-untyped-def]
    """Copy a group's signals into lanes, zeros after the ends of the shorter ones; the least and the greatest size."""
    n_lanes = lanes_of(work)
    last = min(group + n_lanes, len(chosen)) - 1
    shortest, longest = sizes[chosen[group]], sizes[chosen[last]]
    zero = splat(work, x.dtype.type(0))
    for t in range(shortest, longest + STEP):
        store(work, t, zero)
    for a in range(n_lanes):
        s = chosen[min(group + a, last)]
        begin = starts[s]
        for t in range(sizes[s]):
            set_lane(work, t, a, x[begin + t])
        set_lane(work, SUMS + SIZE, a, sizes[s])
    return shortest, longest


@compiled()
def _respond(work, at, m, offsets, weights, first, last, tile):  # type: ignore[no-untyped-def]
    """Write a kernel's responses at `m` positions, and at up to three more, to the rows from `tile` on."""
    zero = splat(work, work.dtype.type(0))
    for t in range(0, m, STEP):
        y0, y1, y2, y3 = zero, zero, zero, zero
        for j in range(first, last):
            weight = splat(work, weights[j])
            i = at + t + offsets[j]
            y0 = y0 + times(weight, load(work, i))
            y1 = y1 + times(weight, load(work, i + 1))
            y2 = y2 + times(weight, load(work, i + 2))
            y3 = y3 + times(weight, load(work, i + 3))
        store(work, tile + t, y0)
        store(work, tile + t + 1, y1)
        store(work, tile + t + 2, y2)
        store(work, tile + t + 3, y3)


@compiled()
def _pool_tile(work, m, moments, extrema):  # type: ignore[no-untyped-def]
    """Pool the first `m` responses of each lane."""
    first = load(work, TILE)
    if extrema:
        low, high = first, first
        for t in range(TILE, TILE + m):
            y = load(work, t)
            low = minimum(y, low)
            high = maximum(y, high)
        store(work, SUMS + LEAST, low)
        store(work, SUMS + MOST, high)
    if moments:
        total = first - first
        squares = first - first
        for t in range(TILE, TILE + m):
            d = load(work, t) - first
            total = total + d
            squares = squares + times(d, d)
        store(work, SUMS + FIRST, first)
        store(work, SUMS + SUM, total)
        store(work, SUMS + SQUARES, squares)


@compiled(entry=True)
def _pool_groups(  # type: ignore[no-untyped-def]
    x, starts, sizes, counts, chosen, begin, end, tap_starts, offsets, weights, lo, modulus, moments, work,
    mean, square, least, most,
):  # fmt: skip
    """Pool responses `begin:end` of the chosen signals, a group of as many as there are lanes at a time."""
    n_lanes = lanes_of(work)
    for group in range(0, len(chosen), n_lanes):
        shortest, longest = _gather(x, starts, sizes, chosen, group, work)
        for r in range(begin, end):
            lost = shortest - counts[chosen[group], r]
            m = longest - lost
            k = 2 * r if modulus else r
            _respond(work, lo[r], m, offsets, weights, tap_starts[k], tap_starts[k + 1], TILE)
            if modulus:
                _respond(work, lo[r], m, offsets, weights, tap_starts[k + 1], tap_starts[k + 2], IMAGINARY)
                for t in range(m):
                    a, b = load(work, TILE + t), load(work, IMAGINARY + t)
                    store(work, TILE + t, sqrt(times(a, a) + times(b, b)))
            first = load(work, TILE)
            for t in range(shortest - lost, m):  # after a signal's end its first response, which alters no extremum
                inside = greater(load(work, SUMS + SIZE), splat(work, work.dtype.type(t + lost)))
                store(work, TILE + t, select(inside, load(work, TILE + t), first))  # and deviates by nothing
            _pool_tile(work, m, moments, len(least) > 0 or len(most) > 0)
            for a in range(min(n_lanes, len(chosen) - group)):
                s = chosen[group + a]
                if moments:
                    total = np.float64(lane(work, SUMS + SUM, a))
                    step = total / counts[s, r]
                    mean[s, r] = np.float64(lane(work, SUMS + FIRST, a)) + step
                    square[s, r] = max(np.float64(lane(work, SUMS + SQUARES, a)) - total * step, 0.0)
                if len(least):
                    least[s, r] = lane(work, SUMS + LEAST, a)
                if len(most):
                    most[s, r] = lane(work, SUMS + MOST, a)
