"""The scattering of an image in one compiled pass: what `filterbank.kernels.scatter` does, with columns side by side.

Spectra lie in panels, of as many columns as there are lanes. For each wavelet the product of spectra is folded to the
rate at which the response is kept, panel by panel, and transformed back along columns; then, as many rows at a time as
there are lanes, along rows, and the moduli go, still in the cache, under the low-pass window, and, if other wavelets
follow, forth again: two rows of real numbers as one of complex ones.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from filterbank.kernels.fft_lanes import CONSTANTS, good_size, steps_of, transform, turn_square, twiddles_of
from filterbank.kernels.memory import kept_rows
from filterbank.kernels.scatter import DROPPED, ScatterPlan, cyclic_range, kernel_spectrum
from filterbank.kernels.simd import LANES, available, compiled, fma, load, rows, splat, sqrt, store

__all__ = ["LanePlan", "lane_plan", "lane_size", "scatter_in_lanes"]

WASTE = 6.0  # times the samples of a block at which the size of the transform isn't worth while


class LanePlan(NamedTuple):
    """Everything that the compiled loop reads.

    Parameters
    ----------
    size : tuple of int
        Of the first transform.
    values : array, (row, lane)
        The parts of the wavelets' spectra that aren't nothing, panel by panel.
    spans : array of int64, (panel, 3)
        For each wavelet's panels, of the spectrum that it is multiplied with, the first row, cyclically, how many, and
        where they lie in `values`.
    jobs : array of int64, (wavelet of a path, 6)
        Its order; where its `spans` begin; the levels that it comes from and leads to; its coefficients' number; how
        many follow.
    levels : array of int64, (level, 10)
        Of each rate: rows and panels; for as many as there are rows, and columns, the row of `steps` and where
        `twiddles` begin; where the windows down and across begin in `taps`, and how long they are.
    first, hops : arrays of int64, (level, 2)
        Where the window of the first position begins, and how far it is to the next one.
    steps : array of int64, (size, step)
    twiddles : array, (number, 2)
    taps : array, (number,)
    """

    size: tuple[int, int]
    values: np.ndarray
    spans: np.ndarray
    jobs: np.ndarray
    levels: np.ndarray
    first: np.ndarray
    hops: np.ndarray
    steps: np.ndarray
    twiddles: np.ndarray
    taps: np.ndarray


def lane_size(plan: ScatterPlan, shape: tuple[int, int], dtype: np.dtype) -> tuple[int, int] | None:
    """Return the size of the transform of a block of this shape, so that every rate's is whole panels.

    None where that would be much larger than the block, or the machine has no vectors.
    """
    followed = [plan.first_steps[i] for i, following in plan.paths if following]
    multiple = LANES[dtype] * max(
        2, *(n for step in plan.windows for n in step), *(2 * n for step in followed for n in step)
    )
    size = good_size(shape[0], multiple), good_size(shape[1], multiple)
    many = shape[0] == 1 or math.prod(size) > WASTE * math.prod(shape)
    return None if many or not available() else size


def lane_plan(plan: ScatterPlan, size: tuple[int, int], dtype: np.dtype) -> LanePlan:
    """Prepare for blocks that are transformed with this size.

    Parameters
    ----------
    plan : ScatterPlan
    size : tuple of int
        What `lane_size` gave.
    dtype : {float32, float64}
    """
    lanes = LANES[dtype]
    steps = list(plan.windows)
    spans: list[tuple[int, int, int]] = []
    values: list[np.ndarray] = []
    known: dict[Any, int] = {}

    def begin(kernel: np.ndarray, source: tuple[int, int], onward: tuple[int, int]) -> int:
        """Where a wavelet's spans begin; those of both orders may be the same."""
        key = source, onward, kernel.shape, kernel.tobytes()
        if key not in known:
            known[key] = len(spans)
            own = size[0] // source[0], size[1] // source[1]
            spectrum = kernel_spectrum(kernel, own, (1, 1)) / (own[0] * own[1])  # which the transforms leave to do
            _add_panels(spectrum, DROPPED if dtype == np.float32 else 0.0, lanes, spans, values)
        return known[key]

    jobs, at = [], 1 + len(plan.first)
    for i, following in plan.paths:
        step = plan.first_steps[i]
        jobs.append(
            [1, begin(plan.first[i], (1, 1), step), steps.index((1, 1)), steps.index(step), 1 + i, len(following)]
        )
        for k in following:
            onward = plan.second_steps[k]
            jobs.append([2, begin(plan.second[step, k], step, onward), steps.index(step), steps.index(onward), at, 0])
            at += 1
    held = rows(max(1, sum(map(len, values))), dtype)
    if values:
        np.concatenate(values, out=held, casting="same_kind")
    return LanePlan(
        size,
        held,
        np.array(spans or [(0, 0, 0)]),
        np.array(jobs or np.empty((0, 6), np.int64)),
        *_levels(plan, steps, size, lanes, dtype),
    )


def _add_panels(spectrum: np.ndarray, least: float, lanes: int, spans: list, values: list) -> None:
    """Cut what isn't nothing from each panel of a spectrum."""
    used = np.abs(spectrum) > least * np.abs(spectrum).max()
    begin = sum(spans[-1][1:]) if spans else 0
    for column in range(0, spectrum.shape[1], lanes):
        own = used[:, column : column + lanes].any(axis=1)
        first, n = cyclic_range(own) if own.any() else (0, 0)
        spans.append((first, n, begin))
        begin += n
        values.append(spectrum[(first + np.arange(n)) % len(spectrum), column : column + lanes])


def _levels(plan: ScatterPlan, steps: list, size: tuple[int, int], lanes: int, dtype: np.dtype) -> tuple:
    """What the compiled loop must know of each rate; the last fields of a LanePlan."""
    sizes = sorted({n // step[axis] for step in steps for axis, n in enumerate(size)})
    begins = np.cumsum([0, *sizes])
    taps: list[float] = []
    levels, first, hops = [], [], []
    for step in steps:
        n_rows, n_columns = size[0] // step[0], size[1] // step[1]
        row = [n_rows, n_columns // lanes]
        for n in (n_rows, n_columns):
            row += [sizes.index(n), int(begins[sizes.index(n)])]
        for window in plan.windows[step]:
            row += [len(taps), len(window)]
            taps += window.tolist()
        levels.append(row)
        first.append([plan.before[axis] // step[axis] - len(plan.windows[step][axis]) // 2 for axis in (0, 1)])
        hops.append([plan.hop[axis] // step[axis] for axis in (0, 1)])
    return (
        np.array(levels),
        np.array(first),
        np.array(hops),
        np.stack([steps_of(n) for n in sizes]),
        np.concatenate([twiddles_of(n) for n in sizes]).astype(dtype),
        np.array(taps, dtype),
    )


def scatter_in_lanes(block: np.ndarray, plan: LanePlan, counts: tuple[int, int]) -> np.ndarray:
    """Return the scattering coefficients at every position of a block.

    Parameters
    ----------
    block : array, (row, column)
    plan : LanePlan
        For this shape and dtype.
    counts : tuple of int
        Positions along each axis.

    Returns
    -------
    array, (path, *counts)
    """
    dtype = block.dtype
    lanes, n_paths = LANES[dtype], 1 + len(plan.jobs)
    n = plan.size[0] * plan.size[1] // lanes
    across = -(-counts[1] // lanes)
    behind = max((plan.levels[job[3], 0] * plan.levels[job[3], 1] for job in plan.jobs if job[0] == 2), default=0)
    length = max(plan.size)
    work = kept_rows((n, n, n, n, behind, behind, *[length] * 8, *[lanes] * 4, length, plan.size[0] * across), dtype)
    whole = work[2].reshape(plan.size)
    whole[: block.shape[0], : block.shape[1]] = block
    whole[: block.shape[0], block.shape[1] :] = 0
    whole[block.shape[0] :] = 0
    out = rows(n_paths * counts[0] * across, dtype)
    flat = tuple(one.reshape(-1) for one in work)
    _scatter(*plan[1:], CONSTANTS.astype(dtype), tuple(work), flat, np.array(counts), out)
    return out.reshape(n_paths, counts[0], -1)[..., : counts[1]]


# ------------------------------------------------------------------------------------------------ the compiled loop


@compiled(entry=True)
def _scatter(  # type: ignore[no-untyped-def]
    values, spans, jobs, levels, first, hops, steps, twiddles, taps, constants, work, flat, counts, out
):
    """Do all jobs, after the block's own.

    `work` are spectra, real and imaginary parts each: the block's, that of a modulus of the first order, where the
    block itself lies in the beginning, and that of one of the second; then three pairs of columns, a pair of columns of
    moduli, four squares, a row of sums under windows, and all such rows.
    """
    lanes = values.shape[1]
    zero = splat(values, constants[0] - constants[0])
    for job in range(-1, len(jobs)):
        order = jobs[job, 0] if job >= 0 else 0
        level = jobs[job, 3] if job >= 0 else 0
        forth = job < 0 or jobs[job, 5] > 0
        own, start, hop = levels[level], first[level], hops[level]
        n_rows, n_panels = own[0], own[1]
        n = n_panels * lanes
        xr, xi = work[0], work[1]
        flat_r, flat_i = flat[2], flat[3]
        if order == 1:
            xr, xi = work[2], work[3]
        elif order == 2:
            xr, xi = work[4], work[5]
            flat_r, flat_i = flat[4], flat[5]
        ar, ai, br, bi = work[6][:n_rows], work[7][:n_rows], work[8][:n_rows], work[9][:n_rows]
        cr, ci = work[10][:n_rows], work[11][:n_rows]
        turns, radices = twiddles[own[3] :], steps[own[2]]
        if order > 0:
            source, begin = levels[jobs[job, 2]], jobs[job, 1]
            sr, si = work[0], work[1]
            if order == 2:
                sr, si = work[2], work[3]
            for p in range(n_panels):
                _fold_product(sr, si, spans[begin:], values, source, own, p, zero, cr, ci)
                pr, pi = xr[p * n_rows : (p + 1) * n_rows], xi[p * n_rows : (p + 1) * n_rows]
                transform(ci, cr, ai, ar, bi, br, pi, pr, radices, turns, constants)
        last = start[0] + (counts[0] - 1) * hop[0] + own[7] - 1
        ur, ui = work[12][:n], work[13][:n]
        ar, ai, br, bi = work[6][:n], work[7][:n], work[8][:n], work[9][:n]
        cr, ci = work[10][:n], work[11][:n]
        turns, radices = twiddles[own[5] :], steps[own[4]]
        for group in range(n_rows // lanes):
            seen = start[0] < (group + 1) * lanes and last >= group * lanes
            to = ui if group % 2 else ur
            if order == 0:
                for p in range(n_panels):
                    turn_square(flat_r, (group * lanes * n_panels + p) * lanes, n, to, p * lanes)
            elif seen or forth:
                for p in range(n_panels):
                    turn_square(flat_r, (p * n_rows + group * lanes) * lanes, lanes, cr, p * lanes)
                    turn_square(flat_i, (p * n_rows + group * lanes) * lanes, lanes, ci, p * lanes)
                transform(ci, cr, ai, ar, bi, br, ci, cr, radices, turns, constants)
                for x in range(n):
                    real, imaginary = load(cr, x), load(ci, x)
                    store(to, x, sqrt(fma(real, real, imaginary * imaginary)))
            if seen:
                _weigh_columns(to, group, own, start, hop, taps, counts, work[18], flat[18], work[19])
            if forth and group % 2:
                transform(ur, ui, ar, ai, br, bi, cr, ci, radices, turns, constants)
                _part(cr, ci, xr, xi, n_rows, group - 1, constants, work, flat)
        if forth:
            ar, ai, br, bi = work[6][:n_rows], work[7][:n_rows], work[8][:n_rows], work[9][:n_rows]
            turns, radices = twiddles[own[3] :], steps[own[2]]
            for p in range(n_panels):
                pr, pi = xr[p * n_rows : (p + 1) * n_rows], xi[p * n_rows : (p + 1) * n_rows]
                transform(pr, pi, ar, ai, br, bi, pr, pi, radices, turns, constants)
        _weigh_rows(own, start, hop, taps, counts, work[19], out, jobs[job, 4] if job >= 0 else 0)


@compiled()
def _fold_product(xr, xi, spans, values, source, own, p, zero, cr, ci):  # type: ignore[no-untyped-def]
    """Multiply the panels of a spectrum that fall on one at the lower rate with a wavelet's, and add them up."""
    n_rows, n_panels = source[0], source[1]
    low_rows, low_panels = own[0], own[1]
    for y in range(low_rows):
        store(cr, y, zero)
        store(ci, y, zero)
    for q in range(p, n_panels, low_panels):
        begin, n, at = spans[q, 0], spans[q, 1], spans[q, 2]
        done = 0
        while done < n:
            y = (begin + done) % n_rows
            to = y % low_rows
            m = min(n - done, low_rows - to)
            y += q * n_rows
            for t in range(m):
                value = load(values, at + done + t)
                store(cr, to + t, fma(load(xr, y + t), value, load(cr, to + t)))
                store(ci, to + t, fma(load(xi, y + t), value, load(ci, to + t)))
            done += m


@compiled()
def _part(zr, zi, xr, xi, n_rows, group, constants, work, flat):  # type: ignore[no-untyped-def]
    """Tell the spectra of two groups of real rows from that of one as the real, the other as the imaginary part."""
    lanes = xr.shape[1]
    n = len(zr)
    half = splat(xr, constants[0] * constants[0])
    for p in range(n // lanes):
        for j in range(lanes):
            k = p * lanes + j
            other = n - k if k else 0
            ar, ai, br, bi = load(zr, k) * half, load(zi, k) * half, load(zr, other) * half, load(zi, other) * half
            store(work[14], j, ar + br)
            store(work[15], j, ai - bi)
            store(work[16], j, ai + bi)
            store(work[17], j, br - ar)
        to = p * n_rows + group * lanes
        turn_square(flat[14], 0, lanes, xr, to)
        turn_square(flat[15], 0, lanes, xi, to)
        turn_square(flat[16], 0, lanes, xr, to + lanes)
        turn_square(flat[17], 0, lanes, xi, to + lanes)


@compiled()
def _weigh_columns(moduli, group, own, start, hop, taps, counts, sums, flat, low):  # type: ignore[no-untyped-def]
    """Sum up, for each position across, the columns that its window sees, in a group of rows."""
    lanes = moduli.shape[1]
    begin, length = own[8], own[9]
    for q in range(counts[1]):
        x = start[1] + q * hop[1]
        total = load(moduli, x) * splat(moduli, taps[begin])
        for t in range(1, length):
            total = fma(load(moduli, x + t), splat(moduli, taps[begin + t]), total)
        store(sums, q, total)
    for p in range((counts[1] + lanes - 1) // lanes):
        turn_square(flat, p * lanes * lanes, lanes, low, p * own[0] + group * lanes)


@compiled()
def _weigh_rows(own, start, hop, taps, counts, low, out, number):  # type: ignore[no-untyped-def]
    """Sum up, for each position, the rows that its window sees."""
    begin, length = own[6], own[7]
    n_panels = (counts[1] + low.shape[1] - 1) // low.shape[1]
    for i in range(counts[0]):
        for p in range(n_panels):
            y = p * own[0] + start[0] + i * hop[0]
            total = load(low, y) * splat(low, taps[begin])
            for t in range(1, length):
                total = fma(load(low, y + t), splat(low, taps[begin + t]), total)
            store(out, (number * counts[0] + i) * n_panels + p, total)
