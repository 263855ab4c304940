"""Histograms of gradient orientations in the cells of descriptors on a grid, "valid", in one, two or three dimensions.

All sums have a fixed order: a descriptor is a function of the samples that it sees and of nothing else, bit for bit.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

__all__ = ["CellPlan", "orientation_cells", "plain_cells"]


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
    return plain_cells(channel, plan)


def plain_cells(channel: np.ndarray, plan: CellPlan) -> np.ndarray:
    """Do what `orientation_cells` does, step by step over whole arrays."""
    n_axes = channel.ndim
    image = channel
    for axis in range(n_axes):
        image = _smoothed(image, plan.smooth, axis)
    gradient = [_slope(image, axis, plan.gain) for axis in range(n_axes)]
    maps = _binned(gradient, plan)  # (bin, *axes)
    for axis in range(n_axes):  # each turn takes an axis from behind the positions and puts cells at the end
        maps = _pooled(maps, 1 + axis, plan.windows, plan.hop[axis])
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


def _pooled(maps: np.ndarray, axis: int, windows: np.ndarray, hop: int) -> np.ndarray:
    """Weigh and sum up samples along an axis, cell by cell; cells become the last axis."""
    n = (maps.shape[axis] - windows.shape[1]) // hop + 1
    out = np.zeros((*maps.shape[:axis], n, *maps.shape[axis + 1 :], len(windows)), maps.dtype)
    for c, window in enumerate(windows.astype(maps.dtype)):
        for t in np.flatnonzero(window):
            out[..., c] += window[t] * _along(maps, axis, slice(t, t + (n - 1) * hop + 1, hop))
    return out
