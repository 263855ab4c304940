"""Many kernels over one block, "valid": directly in a fixed order of sums, or through the Fourier transform."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numba
import numpy as np
import scipy.fft

__all__ = ["convolve_direct", "convolve_fft", "fft_cost", "fft_is_cheaper", "fft_shape", "spectra"]

TILE = 512  # positions summed at a time: their sums stay in the first-level cache


@numba.njit(nogil=True, cache=True)
def _sum_taps(x, row_starts, n, step, kernel_starts, offsets, weights, out):  # type: ignore[no-untyped-def]
    tile = np.empty(TILE, x.dtype)
    for k in range(len(kernel_starts) - 1):
        for row in range(len(row_starts)):
            for begin in range(0, n, TILE):
                m = min(TILE, n - begin)
                tile[:m] = 0
                for t in range(kernel_starts[k], kernel_starts[k + 1]):
                    weight = weights[t]
                    at = row_starts[row] + offsets[t] + begin * step
                    if step == 1:
                        for i in range(m):
                            tile[i] += weight * x[at + i]
                    else:
                        for i in range(m):
                            tile[i] += weight * x[at + i * step]
                out[k, row, begin : begin + m] = tile[:m]


def convolve_direct(
    channel: np.ndarray,
    kernel_starts: np.ndarray,
    coordinates: np.ndarray,
    weights: np.ndarray,
    *,
    extent: Sequence[int],
    hop: Sequence[int],
) -> np.ndarray:
    """Sum each kernel's taps at every position, in the order in which they are listed.

    Each position's sum is a function of the samples it sees and of nothing else, bit for bit: how the signal was cut
    into blocks can't be told from the result.

    Parameters
    ----------
    channel : array, (*axes)
        The samples of a block.
    kernel_starts : int array, (n_kernels + 1,)
        Kernel `k` has the taps `kernel_starts[k]:kernel_starts[k + 1]`.
    coordinates : int array, (taps, n_axes)
        The sample that a tap multiplies, counted from the first that a position sees.
    weights : array, (taps,)
    extent : sequence of int
        The samples that one position sees along each axis.
    hop : sequence of int

    Returns
    -------
    array, (n_kernels, *positions), of the channel's dtype
    """
    channel = np.ascontiguousarray(channel)
    counts = [(n - e) // h + 1 for n, e, h in zip(channel.shape, extent, hop)]
    strides = np.array([s // channel.itemsize for s in channel.strides], dtype=np.int64)
    rows = np.zeros(1, dtype=np.int64)
    for count, h, stride in zip(counts[:-1], hop[:-1], strides[:-1]):
        rows = np.add.outer(rows, np.arange(count) * h * stride).ravel()
    out = np.empty((len(kernel_starts) - 1, len(rows), counts[-1]), dtype=channel.dtype)
    offsets = coordinates.astype(np.int64) @ strides
    _sum_taps(
        channel.ravel(),
        rows,
        counts[-1],
        int(hop[-1]),
        kernel_starts.astype(np.int64),
        offsets,
        weights.astype(channel.dtype),
        out,
    )
    return out.reshape(-1, *counts)


def fft_shape(axes: Sequence[int]) -> tuple[int, ...]:
    """Return the transform's size for a block with these axes: each the next one that is quick."""
    return tuple(scipy.fft.next_fast_len(int(n), real=True) for n in axes)


def spectra(
    kernel_starts: np.ndarray, coordinates: np.ndarray, weights: np.ndarray, shape: Sequence[int], dtype: np.dtype
) -> np.ndarray:
    """Return each kernel's conjugate-ready spectrum, for `convolve_fft`.

    Returns
    -------
    complex array, (n_kernels, *half spectrum)
    """
    n = len(kernel_starts) - 1
    out = np.empty((n, *shape[:-1], shape[-1] // 2 + 1), dtype=np.result_type(dtype, np.complex64))
    for k in range(n):
        taps = slice(kernel_starts[k], kernel_starts[k + 1])
        one = np.zeros(shape, dtype=dtype)
        one[tuple(coordinates[taps].T)] = weights[taps]
        np.conj(scipy.fft.rfftn(one), out=out[k])
    return out


def convolve_fft(
    channel: np.ndarray, kernel_spectra: np.ndarray, *, shape: Sequence[int], extent: Sequence[int], hop: Sequence[int]
) -> np.ndarray:
    """Do what `convolve_direct` does by one transform of the block for all kernels, then one back for each.

    Equal to it within rounding (about 1e-6 of the largest response in float32, 1e-15 in float64), not bit for bit.
    """
    spectrum = scipy.fft.rfftn(channel, s=shape)
    counts = [(n - e) // h + 1 for n, e, h in zip(channel.shape, extent, hop)]
    window = tuple(slice(0, (count - 1) * h + 1, h) for count, h in zip(counts, hop))
    out = np.empty((len(kernel_spectra), *counts), dtype=channel.dtype)
    for k, kernel in enumerate(kernel_spectra):
        out[k] = scipy.fft.irfftn(spectrum * kernel, s=shape)[window]
    return out


def fft_is_cheaper(axes: Sequence[int], extent: Sequence[int], hop: Sequence[int], n_kernels: int, taps: int) -> bool:
    """Say which of the two ways is likely the quicker one, from the sizes alone.

    The model was fitted to times of both ways, one thread: 0.25 ns for each product of the direct way, and
    1.1 ns * log2(size) for each sample of a transform, with 10 microseconds for starting one.
    """
    positions = math.prod((n - e) // h + 1 for n, e, h in zip(axes, extent, hop))
    return fft_cost(axes, n_kernels) < 0.25 * positions * taps


def fft_cost(axes: Sequence[int], n_kernels: int) -> float:
    """Return what a block's transform, and one back for each kernel, cost in nanoseconds; see `fft_is_cheaper`."""
    size = math.prod(fft_shape(axes))
    return (n_kernels + 1) * (10_000 + 1.1 * size * math.log2(max(size, 2)))
