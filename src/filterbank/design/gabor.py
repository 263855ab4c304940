"""Gabor kernels: a complex wave under a Gaussian window, in one, two or three dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from filterbank.design.gaussian import radius_of
from filterbank.errors import invalid

__all__ = ["direction", "gabor"]


def direction(n_axes: int, orientation: float = 0.0, elevation: float = 0.0) -> np.ndarray:
    """Return the unit vector of an orientation.

    Parameters
    ----------
    n_axes : int
    orientation : float
        Radians from the last axis toward the one before.
    elevation : float
        Radians from the plane of the last two axes toward the first (three axes only).

    Returns
    -------
    array, (n_axes,)

    Examples
    --------
    >>> import numpy as np
    >>> direction(2, np.pi / 2).round(12) + 0.0
    array([1., 0.])
    """
    if n_axes == 1:
        return np.ones(1)
    flat = np.array([np.sin(orientation), np.cos(orientation)])
    if n_axes == 2:
        return flat
    return np.concatenate([[np.sin(elevation)], np.cos(elevation) * flat])


def gabor(
    frequency: float,
    sigma: float,
    unit: Sequence[float] | np.ndarray = (1.0,),
    *,
    truncate: float = 3.0,
    norm: str = "l1",
    zero_mean: bool = True,
) -> np.ndarray:
    """Return a complex Gabor kernel.

    `g(x) * (exp(2j * pi * frequency * <unit, x>) - c)` with an isotropic Gaussian `g`, and `c` such that the kernel
    sums to zero (Morlet's correction), so that a constant added to a signal changes no response; or `c = 0`.

    Parameters
    ----------
    frequency : float
        Cycles per sample, above 0 and at most 0.5.
    sigma : float
        Standard deviation of the window, in samples.
    unit : array, (n_axes,)
        The wave's direction, a unit vector; see `direction`.
    truncate : float
        Where the kernel ends, in sigmas.
    norm : {"l1", "l2"}
        "l1": the window sums to 1, so that a long wave of amplitude 1 and this frequency answers with modulus 1/2.
        "l2": the kernel's energy is 1, so that white noise of variance 1 answers with mean power 1.
    zero_mean : bool
        Whether `c` is such that the kernel sums to zero; else it is 0, as in Daugman's.

    Returns
    -------
    complex array, (2 * radius + 1,) along each axis

    References
    ----------
    Daugman, J. Opt. Soc. Am. A 2(7), 1985, eq. 1; Mallat, "A Wavelet Tour of Signal Processing", 3rd ed., eq. 4.62.

    Examples
    --------
    >>> kernel = gabor(0.1, 5.0)
    >>> kernel.shape, bool(abs(kernel.sum()) < 1e-12)
    ((31,), True)
    """
    if not 0 < frequency <= 0.5:
        raise invalid(
            "frequency",
            frequency,
            "above 0 and at most 0.5 cycles/sample",
            why="it would alias or be constant",
            do="Pass rate if it was meant in hertz, or change it.",
        )
    if norm not in ("l1", "l2"):
        raise invalid("norm", norm, "'l1' or 'l2'")
    unit = np.asarray(unit, dtype=float)
    radius = radius_of(sigma, truncate)
    axes = np.meshgrid(*[np.arange(-radius, radius + 1.0)] * len(unit), indexing="ij")
    window = np.exp(-sum(x**2 for x in axes) / (2 * sigma**2))
    window /= window.sum()
    wave = np.exp(2j * np.pi * frequency * sum(u * x for u, x in zip(unit, axes)))
    kernel = window * (wave - (window * wave).sum() if zero_mean else wave)
    if norm == "l2":
        kernel /= np.sqrt((np.abs(kernel) ** 2).sum())
    return kernel
