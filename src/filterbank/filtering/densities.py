"""The density of points: counted on a grid and convolved with a Gaussian whose width is a rule of the points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
import scipy.optimize

from filterbank.errors import InputError, invalid
from filterbank.filtering.arguments import n_threads_of, one_an_axis, whole_number
from filterbank.filtering.convolution import convolve

__all__ = ["Density", "density"]

RULES = ("scott", "silverman", "isj")
REACH = 5.0  # sigmas by which the grid goes on beyond the points, and at which the kernel ends
GRID = {1: 1024, 2: 256, 3: 64}


@dataclass(frozen=True)
class Density:
    """A density on a grid, and the kernel that it was made with.

    Parameters
    ----------
    values : array, of the grid's shape
        Per unit of each axis; they add up to 1, times `cell`.
    axes : tuple of array, one an axis
        The coordinates of the grid.
    covariance : array, (axis, axis)
        Of the Gaussian kernel, in the points' units.
    kernel : array, one dimension an axis
        The Gaussian on the grid; it sums to 1.
    counts : array, of the grid's shape
        The share of the points that each place of the grid was given.
    """

    values: np.ndarray
    axes: tuple[np.ndarray, ...]
    covariance: np.ndarray
    kernel: np.ndarray
    counts: np.ndarray

    @property
    def bandwidth(self) -> tuple[float, ...]:
        """The kernel's standard deviation along each axis, in the points' units."""
        return tuple(float(v) for v in np.sqrt(np.diag(self.covariance)))

    @property
    def cell(self) -> float:
        """The volume of a cell of the grid, in the points' units."""
        return math.prod(float(axis[1] - axis[0]) for axis in self.axes)


def density(
    points: np.ndarray,
    *,
    bandwidth: str | float | Sequence[float] = "scott",
    weights: np.ndarray | None = None,
    grid: int | Sequence[int] | None = None,
    limits: Sequence[Any] | None = None,
    n_jobs: int | None = None,
) -> Density:
    """Estimate the density of points by a Gaussian kernel, as a convolution of their counts on a grid.

    Parameters
    ----------
    points : array, (point,) or (point, axis)
        Of 1, 2 or 3 axes.
    bandwidth : {"scott", "silverman", "isj"} or float or sequence of float
        A rule, or the kernel's standard deviation in the points' units, for all axes or one an axis. "scott" and
        "silverman" scale the points' covariance, as `scipy.stats.gaussian_kde` does, so that the kernel leans as the
        points do; they are made for one hump. "isj" (improved Sheather and Jones) chooses each axis's width for itself
        and doesn't smooth several humps into one; it wants about a hundred points or more.
    weights : array, (point,), optional
        Not negative.
    grid : int or sequence of int, optional
        Places along each axis; None: 1,024, 256 and 64 for 1, 2 and 3 axes.
    limits : (low, high) or sequence of them, one an axis, optional
        Where the grid begins and ends. None: 5 bandwidths beyond the points. Points outside count for the sum, but what
        lies outside isn't seen.
    n_jobs : int, optional
        Threads, in joblib's sense.

    Returns
    -------
    Density

    Raises
    ------
    InputError
        For NaN, fewer than two points, points that are all equal, and a grid too coarse for the bandwidth.

    Notes
    -----
    A point is shared among the places around it in proportion to its nearness (linear binning). The values then agree
    with the exact sum, as of `scipy.stats.gaussian_kde`, to about ``(step / bandwidth)**2 / 4`` of the largest. Costs a
    pass over the points and one convolution, however many points there are.

    References
    ----------
    M. P. Wand, "Fast computation of multivariate kernel estimators", J. Comput. Graph. Stat. 3(4), 1994. Z. I. Botev,
    J. F. Grotowski and D. P. Kroese, "Kernel density estimation via diffusion", Ann. Stat. 38(5), 2010 ("isj").

    Examples
    --------
    >>> import numpy as np
    >>> found = density(np.random.default_rng(0).normal(size=2000))
    >>> float(found.axes[0][found.values.argmax()].round(1)), round(float(found.values.sum() * found.cell), 3)
    (0.1, 1.0)
    """
    points = _points_of(points)
    n, n_axes = points.shape
    shares = _shares_of(weights, n)
    effective = 1.0 / float(shares @ shares)
    if isinstance(bandwidth, str):
        covariance = _by_rule(points, shares, effective, bandwidth)
    else:
        widths = one_an_axis("bandwidth", bandwidth, n_axes)
        if not all(isinstance(w, (int, float, np.number)) and np.isfinite(w) and w > 0 for w in widths):
            raise invalid("bandwidth", bandwidth, f"positive, or one of {', '.join(RULES)}")
        covariance = np.diag(np.square(np.array(widths, dtype=float)))
    sigmas = np.sqrt(np.diag(covariance))
    sizes = [whole_number("grid", g, 8) for g in one_an_axis("grid", GRID[n_axes] if grid is None else grid, n_axes)]
    bounds = _bounds_of(limits, points, sigmas)
    axes = tuple(np.linspace(low, high, size) for (low, high), size in zip(bounds, sizes))
    steps = np.array([axis[1] - axis[0] for axis in axes])
    if (sigmas < steps).any():
        axis = int(np.argmax(steps / sigmas))
        need = math.ceil((sizes[axis] - 1) * steps[axis] / sigmas[axis]) + 1
        coarse = f"fine enough: a step of axis {axis} is {steps[axis]:.3g} and the bandwidth {sigmas[axis]:.3g}"
        raise invalid("grid", sizes[axis], coarse, do=f"Pass grid={need} or more, or narrower limits.")
    counts = _binned(points, shares, axes)
    kernel = _kernel(covariance, steps)
    values = convolve(counts, kernel, n_jobs=n_threads_of(n_jobs)) / steps.prod()
    return Density(np.maximum(values, 0), axes, covariance, kernel, counts)


def _points_of(points: Any) -> np.ndarray:
    array = np.asarray(points)
    if array.dtype.kind not in "biuf" or array.ndim not in (1, 2) or (array.ndim == 2 and not 1 <= array.shape[1] <= 3):
        raise InputError(
            f"points has shape {array.shape} and dtype {array.dtype}; it must be numbers, (point,) or (point, axis) "
            "with 1, 2 or 3 axes."
        )
    array = array.astype(np.float64).reshape(len(array), -1)
    if len(array) < 2:
        raise InputError(f"points holds {len(array)}; a density needs at least 2.")
    bad = ~np.isfinite(array)
    if bad.any():
        row, axis = (int(i) for i in np.argwhere(bad)[0])
        raise InputError(f"points contains {array[row, axis]} (point {row}, axis {axis}). Leave such points out.")
    for axis in range(array.shape[1]):
        if np.ptp(array[:, axis]) == 0:
            raise InputError(f"all points are {array[0, axis]:g} on axis {axis}: they have no density along it.")
    return array


def _shares_of(weights: Any, n: int) -> np.ndarray:
    if weights is None:
        return np.full(n, 1.0 / n)
    array = np.asarray(weights, dtype=np.float64)
    if array.shape != (n,):
        raise InputError(f"weights has shape {array.shape}; there are {n} points, and it must be ({n},).")
    if not np.isfinite(array).all() or (array < 0).any() or array.sum() == 0:
        raise invalid("weights", weights, "made of numbers that are finite, not negative, and not all 0")
    return array / array.sum()


def _bounds_of(limits: Any, points: np.ndarray, sigmas: np.ndarray) -> list[tuple[float, float]]:
    if limits is None:
        return list(zip(points.min(axis=0) - REACH * sigmas, points.max(axis=0) + REACH * sigmas))
    array = np.asarray(limits, dtype=np.float64)
    array = np.tile(array, (points.shape[1], 1)) if array.ndim == 1 else array
    if array.shape != (points.shape[1], 2) or not np.isfinite(array).all() or (array[:, 0] >= array[:, 1]).any():
        raise invalid("limits", limits, f"(low, high), or {points.shape[1]} of them, one an axis, low below high")
    return [(float(low), float(high)) for low, high in array]


def _by_rule(points: np.ndarray, shares: np.ndarray, effective: float, rule: str) -> np.ndarray:
    """The kernel's covariance by a rule."""
    n_axes = points.shape[1]
    if rule not in RULES:
        raise invalid("bandwidth", rule, f"a number or one of {', '.join(RULES)}")
    if rule == "isj":
        widths = [_isj(points[:, axis], shares, axis) for axis in range(n_axes)]
        return np.diag(np.square(widths))
    centred = points - shares @ points
    covariance = (centred * shares[:, np.newaxis]).T @ centred / (1 - 1 / effective)
    size = effective if rule == "scott" else effective * (n_axes + 2) / 4
    if np.linalg.matrix_rank(covariance, hermitian=True) < n_axes:
        raise InputError(
            f"the points lie on a plane or a line, so bandwidth={rule!r} would have no width across it. "
            "Pass a number, or bandwidth='isj'."
        )
    return covariance * size ** (-2.0 / (n_axes + 4))


def _isj(values: np.ndarray, shares: np.ndarray, axis: int) -> float:
    """The width by Botev's fixed point: the one at which the estimate of the density's roughness agrees with itself."""
    low, high = float(values.min()), float(values.max())
    span = high - low
    low, high = low - span / 10, high + span / 10
    size = 1 << 14
    places = np.linspace(low, high, size)
    squares = (scipy.fft.dct(_binned(values[:, np.newaxis], shares, (places,)))[1:] / 2) ** 2
    order = np.arange(1, size, dtype=np.float64) ** 2
    n = len(np.unique(values))

    def roughness(s: int, time: float) -> float:
        return 2 * math.pi ** (2 * s) * float((order**s * squares * np.exp(-order * math.pi**2 * time)).sum())

    def excess(time: float) -> float:
        found = roughness(7, time)
        for s in range(6, 1, -1):
            odd = math.prod(range(1, 2 * s, 2)) / math.sqrt(2 * math.pi)
            shorter = (2 * (1 + 0.5 ** (s + 0.5)) / 3 * odd / (n * found)) ** (2 / (3 + 2 * s))
            found = roughness(s, shorter)
        return time - (2 * n * math.sqrt(math.pi) * found) ** -0.4

    above = 1e-8  # the smallest time at which it changes sign, as the authors choose
    while above < 0.1:
        if excess(above) < 0 <= excess(2 * above):
            time = scipy.optimize.brentq(excess, above, 2 * above, xtol=1e-14)
            return math.sqrt(time) * (high - low)
        above *= 2
    raise InputError(
        f"bandwidth='isj' finds no width for the {len(values)} points of axis {axis}. "
        "Pass 'scott', 'silverman' or a number."
    )


def _binned(points: np.ndarray, shares: np.ndarray, axes: Sequence[np.ndarray]) -> np.ndarray:
    """Each point's share, given to the corners of the cell around it in proportion to its nearness."""
    sizes = [len(axis) for axis in axes]
    inside = np.ones(len(points), dtype=bool)
    lower, parts = [], []
    for axis, places in enumerate(axes):
        at = (points[:, axis] - places[0]) / (places[1] - places[0])
        inside &= (at > -1) & (at < len(places))
        below = np.floor(at)
        lower.append(below.astype(np.int64))
        parts.append(at - below)
    counts = np.zeros(math.prod(sizes))
    for corner in np.ndindex(*(2,) * len(sizes)):
        weight, flat, kept = shares.copy(), np.zeros(len(points), dtype=np.int64), inside.copy()
        for below, part, size, up in zip(lower, parts, sizes, corner):
            weight *= part if up else 1 - part
            kept &= (below + up >= 0) & (below + up < size)
            flat = flat * size + below + up
        counts += np.bincount(flat[kept], weights=weight[kept], minlength=len(counts))
    return counts.reshape(sizes)


def _kernel(covariance: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """The Gaussian on the grid, to `REACH` sigmas along each axis; it sums to 1."""
    radii = np.ceil(REACH * np.sqrt(np.diag(covariance)) / steps).astype(int)
    offsets = np.stack(
        np.meshgrid(*(np.arange(-r, r + 1) * step for r, step in zip(radii, steps)), indexing="ij"), axis=-1
    )
    kernel = np.exp(-0.5 * np.einsum("...i,ij,...j", offsets, np.linalg.inv(covariance), offsets))
    return kernel / kernel.sum()
