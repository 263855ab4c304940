"""Gammatone kernels, and the frequencies at which ears have filters."""

from __future__ import annotations

import math

import numpy as np

from filterbank.errors import invalid

__all__ = ["erb", "erb_centres", "gammatone"]

SLOPE, OFFSET = 4.37e-3, 24.7  # of the equivalent rectangular bandwidth, over hertz
BANDWIDTH = 1.018  # of a fourth-order gammatone, over the equivalent rectangular bandwidth


def erb(frequency: np.ndarray | float) -> np.ndarray:
    """Return the equivalent rectangular bandwidth of the ear's filter at a frequency.

    Parameters
    ----------
    frequency : array or float
        Hertz.

    Returns
    -------
    array
        Hertz: `24.7 (0.00437 f + 1)`.

    References
    ----------
    Glasberg and Moore, "Derivation of auditory filter shapes from notched-noise data", Hearing Research 47, 1990,
    eq. 3.

    Examples
    --------
    >>> erb([100, 1000]).round(2).tolist()
    [35.49, 132.64]
    """
    return OFFSET * (SLOPE * np.asarray(frequency, dtype=np.float64) + 1)


def erb_centres(n: int, *, low: float, high: float) -> np.ndarray:
    """Return frequencies evenly spaced on the scale of equivalent rectangular bandwidths, ends included.

    Parameters
    ----------
    n : int
    low, high : float
        Hertz.

    Returns
    -------
    array, (n,)
        Hertz, rising.

    References
    ----------
    Glasberg and Moore 1990, eq. 4: the number of bandwidths below `f` is `21.4 log10(0.00437 f + 1)`.

    Examples
    --------
    >>> erb_centres(3, low=100, high=1000).round(1).tolist()
    [100.0, 406.8, 1000.0]
    """
    if n < 1 or n != int(n):
        raise invalid("n", n, "a whole number, 1 or more")
    if not 0 <= low <= high:
        raise invalid("low", low, f"at least 0 and at most high={high:g} Hz")
    scale = np.linspace(math.log1p(SLOPE * low), math.log1p(SLOPE * high), int(n))
    return np.expm1(scale) / SLOPE


def gammatone(frequency: float, bandwidth: float, *, order: int = 4, truncate: float = 1e-3) -> np.ndarray:
    """Return a complex gammatone, `t^(order - 1) exp(-2 pi b t) exp(2 pi i f t)`, with gain 1 at its frequency.

    Parameters
    ----------
    frequency : float
        Cycles/sample.
    bandwidth : float
        `b`, in cycles/sample; 1.018 times the equivalent rectangular bandwidth of the filter for order 4.
    order : int
    truncate : float
        Where the kernel ends: behind its maximum, once the envelope is below this share of it.

    Returns
    -------
    array, (n,) of complex
        Its real part is what is usually called a gammatone, half as large.

    References
    ----------
    Patterson, Robinson, Holdsworth, McKeown, Zhang and Allerhand, "Complex sounds and auditory images", Auditory
    Physiology and Perception, 1992, eq. 1.

    Examples
    --------
    >>> kernel = gammatone(0.1, 0.01)
    >>> len(kernel), round(float(abs(np.sum(kernel * np.exp(-2j * np.pi * 0.1 * np.arange(len(kernel)))))), 6)
    (235, 1.0)
    """
    if not 0 < frequency < 0.5:
        raise invalid("frequency", frequency, "between 0 and 0.5 cycles/sample", why="it would alias")
    if not (np.isfinite(bandwidth) and bandwidth > 0):
        raise invalid("bandwidth", bandwidth, "a positive number of cycles/sample")
    if order < 1 or order != int(order):
        raise invalid("order", order, "a whole number, 1 or more")
    if not 0 < truncate < 1:
        raise invalid("truncate", truncate, "between 0 and 1")
    decay = 2 * math.pi * bandwidth
    peak = (order - 1) / decay
    height = _log_envelope(peak, order, decay) if order > 1 else 0.0
    low, high = peak, peak + 1 / decay
    while _log_envelope(high, order, decay) - height > math.log(truncate):
        high += 1 / decay
    for _ in range(60):
        middle = (low + high) / 2
        above = _log_envelope(middle, order, decay) - height > math.log(truncate)
        low, high = (middle, high) if above else (low, middle)
    t = np.arange(math.ceil(high) + 1)
    envelope = t ** (order - 1) * np.exp(-decay * t)
    return envelope / envelope.sum() * np.exp(2j * math.pi * frequency * t)


def _log_envelope(t: float, order: int, decay: float) -> float:
    return (order - 1) * math.log(t) - decay * t if order > 1 else -decay * t
