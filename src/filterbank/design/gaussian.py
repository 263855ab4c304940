"""Gaussians and their derivatives of any order, sampled on a grid of any dimension."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.polynomial import hermite_e

from filterbank.errors import invalid

__all__ = ["gaussian", "gaussian_orders", "hermite_gaussian", "radius_of"]


def radius_of(sigma: float, truncate: float) -> int:
    """Return the radius at which a Gaussian of `sigma` samples is cut: `truncate * sigma`, rounded, at least 1."""
    if not (np.isfinite(sigma) and sigma > 0):
        raise invalid("sigma", sigma, "a positive number of samples")
    if not (np.isfinite(truncate) and truncate > 0):
        raise invalid("truncate", truncate, "a positive number of sigmas")
    return max(1, int(truncate * sigma + 0.5))


def hermite_gaussian(sigma: float, order: int = 0, *, truncate: float = 4.0) -> np.ndarray:
    """Return the derivative of given order of a one-dimensional Gaussian.

    The Gaussian is sampled and normalised to sum 1, then multiplied by the (probabilists') Hermite polynomial of
    `order`: `(-1 / sigma)**order * He_order(x / sigma) * g(x)`.

    Parameters
    ----------
    sigma : float
        Standard deviation in samples.
    order : int
        0 smooths, 1 is the first derivative, and so on.
    truncate : float
        Where the kernel ends, in sigmas.

    Returns
    -------
    array, (2 * radius + 1,)
        To be convolved with (not correlated): convolving with order 1 gives the slope of the smoothed signal.

    References
    ----------
    ter Haar Romeny, "Front-End Vision and Multi-Scale Image Analysis", 2003, section 4.1.

    Examples
    --------
    >>> import numpy as np
    >>> slope = np.convolve(np.arange(20.0), hermite_gaussian(1.0, 1), "valid")
    >>> bool(np.allclose(slope, 1, atol=2e-3))
    True
    """
    if order < 0 or order != int(order):
        raise invalid("order", order, "a whole number, 0 or more")
    radius = radius_of(sigma, truncate)
    x = np.arange(-radius, radius + 1)
    g = np.exp(-0.5 * (x / sigma) ** 2)
    g /= g.sum()
    coefficients = np.zeros(int(order) + 1)
    coefficients[-1] = 1
    return (-1 / sigma) ** order * hermite_e.hermeval(x / sigma, coefficients) * g


def gaussian(sigma: float | Sequence[float], orders: int | Sequence[int], *, truncate: float = 4.0) -> np.ndarray:
    """Return a Gaussian's partial derivative on a grid: the outer product of one-dimensional ones.

    Parameters
    ----------
    sigma : float or sequence of float
        Standard deviation in samples, one for all axes or one an axis.
    orders : int or sequence of int
        The order of the derivative along each axis; a bare number is one axis.
    truncate : float

    Returns
    -------
    array, one dimension an order

    Examples
    --------
    >>> gaussian(1.0, (0, 1)).shape
    (9, 9)
    """
    orders = [orders] if isinstance(orders, (int, np.integer)) else list(orders)
    sigmas = [sigma] * len(orders) if np.ndim(sigma) == 0 else list(sigma)  # type: ignore[arg-type]
    if len(sigmas) != len(orders):
        raise invalid("sigma", sigma, f"one number, or {len(orders)}, one an axis")
    axes = [hermite_gaussian(s, o, truncate=truncate) for s, o in zip(sigmas, orders)]  # type: ignore[arg-type]
    return reduce(np.multiply.outer, axes)


def gaussian_orders(order: int, n_axes: int) -> list[tuple[int, ...]]:
    """Return the partial derivatives of total `order` in `n_axes` dimensions, the last axis's first.

    Examples
    --------
    >>> gaussian_orders(2, 2)
    [(0, 2), (1, 1), (2, 0)]
    """
    return [orders for orders in itertools.product(range(order + 1), repeat=n_axes) if sum(orders) == order]
