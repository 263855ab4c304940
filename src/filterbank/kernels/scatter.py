"""Scattering: moduli of wavelets' responses, of those once more, and low-pass windows over all, on a block, "valid".

By one Fourier transform of the block, then for each wavelet the product of spectra, folded to the rate at which the
response is kept, one transform back, and its modulus; low-pass windows are summed up directly, where they are wanted.
Or directly all of it, in a fixed order of sums. Signals of one axis are images of one row.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numba
import numpy as np
import scipy.fft

from filterbank.kernels.convolve import convolve_direct

__all__ = ["ScatterPlan", "scatter", "scatter_directly", "spectrum_boxes"]

AT_ONCE = 1 << 16  # complex numbers that are transformed together
DROPPED = 1e-4  # of its peak: what of a wavelet's spectrum counts as nothing in single precision


class ScatterPlan(NamedTuple):
    """What is computed, in steps of samples along each of two axes.

    Parameters
    ----------
    first : list of array
        The wavelets of the first order, (row, column), odd.
    first_steps : list of (int, int)
        At which steps their responses are kept.
    second : dict of (step of the first, wavelet) to array
        The wavelets of the second order, sampled at the first's step.
    second_steps : list of (int, int)
    paths : list of (int, list of int)
        Each wavelet of the first order, and those of the second that follow it.
    windows : dict of step to (array, array)
        The low-pass window along each axis, sampled at a step.
    before : tuple of int
        Where the first position lies in a block: a multiple of each step.
    hop : tuple of int
    """

    first: list[np.ndarray]
    first_steps: list[tuple[int, int]]
    second: dict[tuple[tuple[int, int], int], np.ndarray]
    second_steps: list[tuple[int, int]]
    paths: list[tuple[int, list[int]]]
    windows: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]]
    before: tuple[int, int]
    hop: tuple[int, int]


class _Box(NamedTuple):
    """The part of a real spectrum that isn't nothing: where it begins, cyclically, and each number twice."""

    row: int
    column: int
    values: np.ndarray


def transform_shape(shape: tuple[int, int], plan: ScatterPlan) -> tuple[int, int]:
    """Return a size for the transform of a block that is quick and a multiple of every step."""
    steps = [max(step[axis] for step in (*plan.first_steps, *plan.second_steps, (1, 1))) for axis in (0, 1)]
    rows, columns = (step * scipy.fft.next_fast_len(-(-n // step)) for n, step in zip(shape, steps))
    return rows, columns


def spectrum_boxes(plan: ScatterPlan, shape: tuple[int, int], dtype: np.dtype) -> dict[Any, _Box]:
    """Return the wavelets' spectra for blocks that are transformed with this size.

    Returns
    -------
    dict
        By wavelet of the first order, and by (step, wavelet) of the second.
    """
    size = transform_shape(shape, plan)
    least = DROPPED if dtype == np.float32 else 0.0
    boxes: dict[Any, _Box] = {}
    for i, kernel in enumerate(plan.first):
        boxes[i] = _box(kernel, size, plan.first_steps[i], least, dtype)
    for (step, i), kernel in plan.second.items():
        own = size[0] // step[0], size[1] // step[1]
        onward = plan.second_steps[i][0] // step[0], plan.second_steps[i][1] // step[1]
        boxes[step, i] = _box(kernel, own, onward, least, dtype)
    return boxes


def kernel_spectrum(kernel: np.ndarray, size: tuple[int, int], step: tuple[int, int]) -> np.ndarray:
    """Return a wavelet's spectrum, which is real: the wavelet is its own conjugate when turned round.

    Parameters
    ----------
    kernel : array, (row, column)
    size : tuple of int
        Of the transform; a larger kernel goes round.
    step : tuple of int
        At which the response is kept: the spectrum is divided by how many of its places fall on one then.
    """
    rows, columns = (np.arange(m) - m // 2 for m in kernel.shape)
    if size[0] == 1:  # a signal's wavelets may have thousands of samples
        whole = np.zeros(size[1], np.complex128)
        np.add.at(whole, columns % size[1], kernel[0])
        return scipy.fft.fft(whole).real[np.newaxis] / step[1]
    down, across = (np.exp(-2j * np.pi / n * np.outer(np.arange(n), m)) for n, m in zip(size, (rows, columns)))
    return (down @ kernel @ across.T).real / (step[0] * step[1])  # an image's are small


def _box(kernel: np.ndarray, size: tuple[int, int], step: tuple[int, int], least: float, dtype: np.dtype) -> _Box:
    spectrum = kernel_spectrum(kernel, size, step)
    used = np.abs(spectrum) > least * np.abs(spectrum).max()
    row, n_rows = cyclic_range(used.any(axis=1))
    column, n_columns = cyclic_range(used.any(axis=0))
    part = spectrum[np.ix_((row + np.arange(n_rows)) % size[0], (column + np.arange(n_columns)) % size[1])]
    return _Box(row, column, np.repeat(part, 2, axis=1).astype(dtype))


def cyclic_range(used: np.ndarray) -> tuple[int, int]:
    """Return the shortest cyclic range that holds all that is used: its first and its length."""
    at = np.flatnonzero(used)
    gaps = np.diff([*at, at[0] + len(used)])
    widest = int(gaps.argmax())
    return int(at[(widest + 1) % len(at)]), len(used) - int(gaps[widest]) + 1


def scatter(block: np.ndarray, plan: ScatterPlan, boxes: dict[Any, _Box], counts: tuple[int, int]) -> np.ndarray:
    """Return the scattering coefficients at every position of a block.

    Parameters
    ----------
    block : array, (row, column)
    plan : ScatterPlan
    boxes : dict
        What `spectrum_boxes` gives for this shape and dtype.
    counts : tuple of int
        Positions along each axis.

    Returns
    -------
    array, (path, *counts)
        Order 0, order 1, then order 2, wavelet by wavelet.
    """
    n_second = sum(len(following) for _, following in plan.paths)
    out = np.empty((1 + len(plan.first) + n_second, *counts), block.dtype)
    size = transform_shape(block.shape, plan)
    room = np.empty(size[1], block.dtype)
    kept: dict[tuple[int, ...], tuple[np.ndarray, np.ndarray]] = {}  # memory to work in: new memory is dear

    windows = {
        step: (down.astype(block.dtype), across.astype(block.dtype)) for step, (down, across) in plan.windows.items()
    }

    def low_pass(values: np.ndarray, step: tuple[int, int], to: np.ndarray) -> None:
        down, across = windows[step]
        start = plan.before[0] // step[0] - len(down) // 2, plan.before[1] // step[1] - len(across) // 2
        _low_pass(values, down, across, *start, plan.hop[0] // step[0], plan.hop[1] // step[1], room, to)

    def filtered(spectrum: np.ndarray, some: list[_Box], shape: tuple[int, int]) -> np.ndarray:
        key = (len(some), *shape)
        if key not in kept:
            kept[key] = np.empty((*key[:2], 2 * shape[1]), block.dtype), np.empty(key, block.dtype)
        folded, moduli = kept[key]
        for box, to in zip(some, folded):
            _fold_product(spectrum.view(block.dtype), box.values, box.row, box.column, to)
        back = scipy.fft.ifft2(folded.view(spectrum.dtype), overwrite_x=True, workers=1)
        _modulus(back.view(block.dtype).reshape(-1, 2 * shape[1]), moduli.reshape(-1, shape[1]))
        return moduli

    low_pass(np.ascontiguousarray(block), (1, 1), out[0])
    spectrum = scipy.fft.fft2(block, s=size, workers=1)
    at = 1 + len(plan.first)
    for step, shape, own in _chunks(list(range(len(plan.first))), plan.first_steps, size):
        moduli = filtered(spectrum, [boxes[i] for i in own], shape)
        for i, modulus in zip(own, moduli):
            low_pass(modulus, step, out[1 + i])
        following = [dict(plan.paths)[i] for i in own]
        if any(following):
            inner = scipy.fft.fft2(moduli, workers=1)
        for j, then in enumerate(following):
            for onward, lower, some in _chunks(then, plan.second_steps, size):
                for twice in filtered(inner[j], [boxes[step, k] for k in some], lower):
                    low_pass(twice, onward, out[at])
                    at += 1
    return out


def _chunks(
    chosen: list[int], steps: list[tuple[int, int]], size: tuple[int, int]
) -> Iterator[tuple[tuple[int, int], tuple[int, int], list[int]]]:
    """Neighbours among wavelets with one step, so many that their transforms stay in the cache: step, size, which."""
    for step, group in itertools.groupby(chosen, key=lambda i: steps[i]):
        shape = (size[0] // step[0], size[1] // step[1])
        own, n = list(group), max(1, AT_ONCE // (shape[0] * shape[1]))
        yield from ((step, shape, own[i : i + n]) for i in range(0, len(own), n))


@numba.njit(nogil=True, cache=True, fastmath={"contract"})
def _fold_product(spectrum, values, row, column, out):  # type: ignore[no-untyped-def]
    """Multiply a part of a spectrum with a filter's, and add up what falls on the same place at the lower rate.

    Complex numbers are two real ones, and the filter's real ones are there twice.
    """
    out[:] = 0
    n_rows, n_columns = spectrum.shape
    low_rows, low_columns = out.shape
    for i in range(values.shape[0]):
        y = (row + i) % n_rows
        source, own, target = spectrum[y], values[i], out[y % low_rows]
        j = 0
        while j < own.size:
            x = (2 * column + j) % n_columns
            to = x % low_columns
            n = min(own.size - j, low_columns - to)
            a, b, c = source[x : x + n], own[j : j + n], target[to : to + n]
            for t in range(n):
                c[t] += a[t] * b[t]
            j += n


@numba.njit(nogil=True, cache=True, fastmath={"contract"})
def _modulus(values, out):  # type: ignore[no-untyped-def]
    for y in range(out.shape[0]):
        row, to = values[y], out[y]
        for x in range(to.size):
            to[x] = np.sqrt(row[2 * x] * row[2 * x] + row[2 * x + 1] * row[2 * x + 1])


@numba.njit(nogil=True, cache=True, fastmath={"contract"})
def _low_pass(values, down, across, y, x, hop_down, hop_across, room, out):  # type: ignore[no-untyped-def]
    """Weigh and sum up the rows from `y` on, and the columns from `x` on, around every position."""
    n_columns = (out.shape[1] - 1) * hop_across + across.size
    for p in range(out.shape[0]):
        sums = room[:n_columns]
        for t in range(down.size):
            weight, row = down[t], values[y + p * hop_down + t, x : x + n_columns]
            if t == 0:
                for i in range(n_columns):
                    sums[i] = weight * row[i]
            else:
                for i in range(n_columns):
                    sums[i] += weight * row[i]
        for q in range(out.shape[1]):
            total = across[0] * sums[q * hop_across]
            for t in range(1, across.size):
                total += across[t] * sums[q * hop_across + t]
            out[p, q] = total


def scatter_directly(block: np.ndarray, plan: ScatterPlan, counts: tuple[int, int]) -> np.ndarray:
    """Do what `scatter` does, directly: every sum has a fixed order, so that how a signal was cut can't be told."""
    found: list[np.ndarray] = [_windowed(block, (0, 0), plan, (1, 1), counts)]
    later: list[np.ndarray] = []
    for i, following in plan.paths:
        step = plan.first_steps[i]
        wanted = [_seen(plan, step, counts)]
        for k in following:
            onward = plan.second_steps[k]
            low, high = _seen(plan, onward, counts)
            ratio = onward[0] // step[0], onward[1] // step[1]
            reach = [n // 2 for n in plan.second[step, k].shape]
            wanted.append(
                (
                    [r * n - m for r, n, m in zip(ratio, low, reach)],
                    [r * n + m for r, n, m in zip(ratio, high, reach)],
                )
            )
        low = [min(one[0][axis] for one in wanted) for axis in (0, 1)]
        high = [max(one[1][axis] for one in wanted) for axis in (0, 1)]
        modulus = _responses(block, (0, 0), plan.first[i], step, low, high)
        found.append(_windowed(modulus, low, plan, step, counts))
        for k in following:
            onward = plan.second_steps[k]
            ratio = onward[0] // step[0], onward[1] // step[1]
            lowest, highest = _seen(plan, onward, counts)
            twice = _responses(modulus, low, plan.second[step, k], ratio, lowest, highest)
            later.append(_windowed(twice, lowest, plan, onward, counts))
    return np.stack([*found, *later])


def _seen(plan: ScatterPlan, step: tuple[int, int], counts: tuple[int, int]) -> tuple[list[int], list[int]]:
    """The first and the last sample, at a step, that the low-pass windows of all positions see."""
    reach = [len(window) // 2 for window in plan.windows[step]]
    first = [before // s for before, s in zip(plan.before, step)]
    low = [f - r for f, r in zip(first, reach)]
    return low, [f + (n - 1) * (h // s) + r for f, n, h, s, r in zip(first, counts, plan.hop, step, reach)]


def _responses(values: np.ndarray, origin: Any, kernel: np.ndarray, step: Any, low: Any, high: Any) -> np.ndarray:
    """The moduli of a kernel's responses at `low ... high`, counted in steps; the first value lies at `origin`."""
    part = tuple(
        slice(s * a - n // 2 - o, s * b + n // 2 - o + 1)
        for s, a, b, n, o in zip(step, low, high, kernel.shape, origin)
    )
    real, imaginary = (_direct(values[part], taps[::-1, ::-1], step) for taps in (kernel.real, kernel.imag))
    return np.sqrt(real * real + imaginary * imaginary)


def _windowed(
    values: np.ndarray, origin: Any, plan: ScatterPlan, step: tuple[int, int], counts: tuple[int, int]
) -> np.ndarray:
    down, across = plan.windows[step]
    low, high = _seen(plan, step, counts)
    part = tuple(slice(a - o, b - o + 1) for a, b, o in zip(low, high, origin))
    return _direct(values[part], np.multiply.outer(down, across), (plan.hop[0] // step[0], plan.hop[1] // step[1]))


def _direct(values: np.ndarray, taps: np.ndarray, hop: tuple[int, int]) -> np.ndarray:
    starts = np.array([0, taps.size])
    at = np.argwhere(np.ones(taps.shape))
    return convolve_direct(values, starts, at, taps.ravel(), extent=taps.shape, hop=hop)[0]
