"""Responses of Haar wavelets at every position, from integral images, and their sums in cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from filterbank.kernels.cells import pool_windows

__all__ = ["haar_responses", "haar_sums"]

ROUNDING = 1e-9  # of the samples' moduli: what is smaller may be made of rounding


def haar_sums(
    channel: np.ndarray, scale: int, windows: np.ndarray, hop: Sequence[int], *, exact: bool = False
) -> np.ndarray:
    """Return the weighted sums of wavelets' responses, and of their moduli, in the cells of every descriptor.

    Parameters
    ----------
    channel : array, (*axes)
    scale : int
        Half a wavelet's width.
    windows : array, (cells, positions of wavelets)
        How much each wavelet counts in each cell along an axis.
    hop : sequence of int
        Samples from one descriptor to the next.
    exact : bool, optional
        Sum up directly, in a fixed order.

    Returns
    -------
    array, (*positions, *cells, axis, 2)
        Of the responses of wavelets along each axis: the sum, and the sum of moduli.
    """
    responses = haar_responses(channel, scale, exact=exact)
    maps = np.stack([responses, np.abs(responses)], axis=1).astype(channel.dtype)
    maps = maps.reshape(-1, *maps.shape[2:])
    for axis in range(channel.ndim):
        maps = pool_windows(maps, 1 + axis, windows, hop[axis])
    maps = np.moveaxis(maps, 0, -1)
    return maps.reshape(*maps.shape[:-1], channel.ndim, 2)


def haar_responses(channel: np.ndarray, scale: int, *, exact: bool = False) -> np.ndarray:
    """Return, for each axis, the sums of the second halves of cubes of `2 * scale` samples less those of the first.

    Parameters
    ----------
    channel : array, (*axes)
    scale : int
    exact : bool, optional

    Returns
    -------
    float64 array, (axis, *positions)
        Where the cube fits; the position is its first sample.
    """
    image = channel.astype(np.float64)
    n_axes = image.ndim
    if exact:
        sums, moduli = (_direct_sums(part, scale) for part in (image, np.abs(image)))
    else:
        sums, moduli = (_integral_sums(part, scale) for part in (image, np.abs(image)))
    # `sums` are of cubes of `scale` samples; wider ones are made of two along an axis
    level = moduli
    for axis in range(n_axes):
        level = _pair(level, axis, scale)
    out = np.empty((n_axes, *level.shape))
    for axis in range(n_axes):
        response = sums
        for other in range(n_axes):
            response = _pair(response, other, scale, sign=-1 if other == axis else 1)
        out[axis] = np.where(np.abs(response) > ROUNDING * level, response, 0)
    return out


def _pair(sums: np.ndarray, axis: int, scale: int, sign: int = 1) -> np.ndarray:
    """What lies `scale` samples further, plus (or minus) what is here."""
    ahead = (slice(None),) * axis
    later, here = sums[(*ahead, slice(scale, None))], sums[(*ahead, slice(None, -scale))]
    return later + here if sign > 0 else later - here


def _integral_sums(image: np.ndarray, scale: int) -> np.ndarray:
    """The sums of all cubes of `scale` samples, from the integral image."""
    integral = np.pad(image, [(1, 0)] * image.ndim)
    for axis in range(image.ndim):
        np.cumsum(integral, axis=axis, out=integral)
    for axis in range(image.ndim):
        integral = _pair(integral, axis, scale, sign=-1)
    return integral


def _direct_sums(image: np.ndarray, scale: int) -> np.ndarray:
    """The same, sample by sample in a fixed order."""
    for axis in range(image.ndim):
        ahead = (slice(None),) * axis
        n = image.shape[axis] - scale + 1
        total = image[(*ahead, slice(0, n))].copy()
        for t in range(1, scale):
            total += image[(*ahead, slice(t, t + n))]
        image = total
    return image
