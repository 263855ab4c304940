"""Bands of frequencies as weights of the bins of a discrete Fourier transform, with exact edges."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from filterbank.errors import InputError, invalid

__all__ = ["BAND_RULES", "band_limits", "band_slices", "band_weights"]

BAND_RULES = ("exact", "tutorial")
"""Shares of bins; whole bins, from the one nearest to an edge up to, without, the one nearest to the next."""


def band_weights(edges: ArrayLike, n_fft: int, *, rate: float | None = None, rule: str = "exact") -> np.ndarray:
    """Return what share of each bin of a one-sided spectrum belongs to each band.

    Bin `k` stands for the frequencies nearer to its own, `k * rate / n_fft`, than to another bin's: an interval
    `rate / n_fft` wide, cut at 0 and at half the rate. Its weight in a band is the part of the interval that
    lies in it. The weights times one-sided powers (those that sum to the mean square) are the powers of the bands: the
    integral of the density, constant in each interval. Bands that touch share a bin; bands from 0 to half the rate
    lose nothing.

    Parameters
    ----------
    edges : array, (band + 1,) or (band, 2)
        Increasing edges of bands that touch; or each band's own lower and upper edge. Hertz if `rate` is given, else
        cycles/sample.
    n_fft : int
        Samples that were transformed; there are `n_fft // 2 + 1` bins.
    rate : float, optional
        Samples per second.
    rule : {"exact", "tutorial"}
        "exact": as above. "tutorial": whole bins, as many notebooks have them: from the one nearest to the lower edge
        up to, without, the one nearest to the upper edge (of two equally near, the lower). A band narrower than a bin
        may then be empty, and power within half a bin of an edge is put in the wrong band.

    Returns
    -------
    array, (band, n_fft // 2 + 1)
        Between 0 and 1. It is dense: for long transforms, `band_slices` says the same in little memory.

    Raises
    ------
    InputError
        If edges are not finite and increasing, are negative, or are above half the rate.

    Examples
    --------
    >>> band_weights([0, 1.25, 4], 8, rate=8).tolist()
    [[1.0, 0.75, 0.0, 0.0, 0.0], [0.0, 0.25, 1.0, 1.0, 1.0]]
    >>> band_weights([0, 1.25, 4], 8, rate=8, rule="tutorial").tolist()
    [[1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 1.0, 0.0]]
    """
    return dense(*band_slices(edges, n_fft, rate=rate, rule=rule), begin=0, end=int(n_fft) // 2 + 1)


def band_slices(
    edges: ArrayLike, n_fft: int, *, rate: float | None = None, rule: str = "exact"
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return what `band_weights` says as slices: a band is a run of bins with weight 1, but for the two at its ends.

    Parameters
    ----------
    edges, n_fft, rate, rule
        As for `band_weights`.

    Returns
    -------
    first, last : array of int, (band,)
        The first and the last bin of each band; `last < first` for a band without any.
    low, high : array, (band,)
        The weights of these two bins; equal where they are one.

    Examples
    --------
    >>> [a.tolist() for a in band_slices([0, 1.25, 4], 8, rate=8)]
    [[0, 1], [1, 4], [1.0, 0.25], [0.75, 1.0]]
    """
    limits = band_limits(edges, rate=rate)
    if n_fft < 2 or n_fft != int(n_fft):
        raise invalid("n_fft", n_fft, "a whole number of samples, 2 or more")
    if rule not in BAND_RULES:
        raise invalid("rule", rule, f"one of {', '.join(BAND_RULES)}")
    n_fft = int(n_fft)
    at = limits * (n_fft / (rate or 1.0))  # in bins
    if rule == "tutorial":
        nearest = np.minimum(np.ceil(at - 0.5), n_fft // 2).astype(np.int64)
        ones = np.ones(len(at))
        return nearest[:, 0], nearest[:, 1] - 1, ones, ones
    first = np.floor(at[:, 0] + 0.5).astype(np.int64)
    last = np.maximum(np.ceil(at[:, 1] - 0.5).astype(np.int64), first)
    nyquist = n_fft / 2
    first, last = np.minimum(first, n_fft // 2), np.minimum(last, n_fft // 2)

    def share(bins: np.ndarray) -> np.ndarray:
        """The part of each bin's interval that lies in the band."""
        begin, end = np.maximum(bins - 0.5, 0.0), np.minimum(bins + 0.5, nyquist)
        inside = np.minimum(end, at[:, 1]) - np.maximum(begin, at[:, 0])
        return np.clip(inside / (end - begin), 0.0, 1.0)

    return first, last, share(first), share(last)


def dense(
    first: np.ndarray, last: np.ndarray, low: np.ndarray, high: np.ndarray, *, begin: int, end: int
) -> np.ndarray:
    """Return the weights that slices stand for, of the bins from `begin` up to, without, `end`; none lies elsewhere."""
    bins = np.arange(begin, end)
    weights = ((bins >= first[:, np.newaxis]) & (bins <= last[:, np.newaxis])).astype(np.float64)
    rows = np.flatnonzero(last >= first)
    weights[rows, last[rows] - begin] = high[rows]
    weights[rows, first[rows] - begin] = low[rows]
    return weights


def band_limits(edges: ArrayLike, *, rate: float | None = None) -> np.ndarray:
    """Return each band's lower and upper edge, checked.

    Parameters
    ----------
    edges : array, (band + 1,) or (band, 2)
        As for `band_weights`.
    rate : float, optional
        Samples per second.

    Returns
    -------
    array, (band, 2)
        In the unit of `edges`.

    Examples
    --------
    >>> band_limits([0, 10, 40], rate=100).tolist()
    [[0.0, 10.0], [10.0, 40.0]]
    """
    if rate is not None and not (np.isfinite(rate) and rate > 0):
        raise invalid("rate", rate, "a positive number of samples per second")
    try:
        limits = np.asarray(edges, dtype=np.float64)
    except (TypeError, ValueError):
        raise invalid("edges", edges, "an array of numbers") from None
    if limits.ndim == 1 and len(limits) > 1:
        limits = np.stack([limits[:-1], limits[1:]], axis=1)
    if limits.ndim != 2 or limits.shape[1] != 2 or len(limits) == 0:
        raise InputError(
            f"edges has shape {np.shape(edges)}; it must be (band + 1,), the edges of bands that touch, or (band, 2)."
        )
    unit, nyquist = ("cycles/sample", 0.5) if rate is None else ("Hz", rate / 2)
    for band, (low, high) in enumerate(limits.tolist()):
        if not 0 <= low < high < np.inf:
            raise invalid("edges", (low, high), "increasing, finite and 0 or more", why=f"and band {band} has them")
        if high > nyquist * (1 + 1e-12):
            name = "the Nyquist frequency, half the rate"
            raise invalid(
                "edges",
                (low, high),
                f"at most {nyquist:g} {unit}, {name}",
                why=f"above which the samples can't tell frequencies apart (band {band})",
                do="Lower it." if rate is not None else "Pass rate if the edges are in hertz.",
            )
    return limits
