"""Keep a band of frequencies, without shifting anything in time: sharply, or with Butterworth's slopes."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft

from filterbank.errors import InputError, invalid
from filterbank.filtering.arguments import for_each, n_axes_of, n_threads_of, whole_number
from filterbank.filtering.smoothing import rate_of
from filterbank.signals import Signals

__all__ = ["bandpass", "highpass", "lowpass"]

SHAPES = ("butterworth", "ideal")
PADS = ("symmetric", "wrap")


def lowpass(
    signal: Any,
    frequency: float,
    *,
    rate: float | None = None,
    shape: str = "butterworth",
    order: int = 4,
    pad: str = "symmetric",
    n_axes: int | None = None,
    n_jobs: int | None = None,
) -> Any:
    """Keep the frequencies below one.

    Parameters
    ----------
    signal : Signals or array, (*axes) or (channel, *axes)
    frequency : float
        In hertz where `rate` is known, else in cycles per sample; above 0 and below half the rate.
    rate, shape, order, pad, n_axes, n_jobs
        As for `bandpass`.

    Returns
    -------
    Signals or array
        As for `bandpass`.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(200) / 100
    >>> slow, fast = np.cos(2 * np.pi * 2 * t), np.cos(2 * np.pi * 30 * t)
    >>> bool(np.abs(lowpass(slow + fast, 8, rate=100) - slow)[20:-20].max() < 0.01)
    True
    """
    return _kept(signal, None, frequency, rate, shape, order, pad, n_axes, n_jobs)


def highpass(
    signal: Any,
    frequency: float,
    *,
    rate: float | None = None,
    shape: str = "butterworth",
    order: int = 4,
    pad: str = "symmetric",
    n_axes: int | None = None,
    n_jobs: int | None = None,
) -> Any:
    """Keep the frequencies above one.

    Parameters
    ----------
    signal : Signals or array, (*axes) or (channel, *axes)
    frequency : float
        In hertz where `rate` is known, else in cycles per sample; above 0 and below half the rate.
    rate, shape, order, pad, n_axes, n_jobs
        As for `bandpass`.

    Returns
    -------
    Signals or array
        As for `bandpass`; its mean is 0.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(200) / 100
    >>> float(highpass(5 + np.cos(2 * np.pi * 30 * t), 1, rate=100, pad="wrap").max().round(3))
    1.0
    """
    return _kept(signal, frequency, None, rate, shape, order, pad, n_axes, n_jobs)


def bandpass(
    signal: Any,
    low: float,
    high: float,
    *,
    rate: float | None = None,
    shape: str = "butterworth",
    order: int = 4,
    pad: str = "symmetric",
    n_axes: int | None = None,
    n_jobs: int | None = None,
) -> Any:
    """Keep the frequencies between two.

    Parameters
    ----------
    signal : Signals or array, (*axes) or (channel, *axes)
    low, high : float
        In hertz where `rate` is known, else in cycles per sample; above 0 and below half the rate. Of images and
        volumes it's the frequency in any direction: the root of the sum of squares of those along the axes.
    rate : float, optional
        Samples per second, the same along all axes. `Signals` bring their own.
    shape : {"butterworth", "ideal"}
        "butterworth": a gain that falls off smoothly and is 1/2 at `low` and at `high`. "ideal": 1 from `low` to
        `high`, both included, and 0 elsewhere, which rings where the signal jumps.
    order : int
        Butterworth's: twice as many times 6 dB an octave.
    pad : {"symmetric", "wrap"}
        How the signal goes on beyond its ends: mirrored (so that unequal ends make no jump), or as a period.
    n_axes : {1, 2, 3}, optional
        None: all dimensions of an array are axes. With a dimension more, the first is channels, each filtered alone.
    n_jobs : int, optional
        Threads, in joblib's sense. The result doesn't depend on it, bit for bit.

    Returns
    -------
    Signals or array
        As what was passed: float32 of float32, else float64. Of `Signals`, each is filtered when it's asked for.

    Raises
    ------
    InputError
        For a frequency that isn't above 0 and below half the rate, and for NaN, which it locates.

    Notes
    -----
    The signal's Fourier transform (mirrored: its cosine transform) is multiplied by a gain without phase, so nothing is
    delayed. Butterworth's gains are ``1 / (1 + (f / high)**(2 * order))`` and ``1 / (1 + (low / f)**(2 * order))``,
    for a band both: what filtering to and fro with a filter of this order gives (`scipy.signal.sosfiltfilt`; digital
    filters bend the frequency axis, which near half the rate makes a difference) and `skimage.filters.butterworth`.
    Costs ``n * log(n)``, of the whole signal at once.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(300) / 100
    >>> waves = [np.cos(2 * np.pi * f * t) for f in (1, 10, 40)]
    >>> bool(np.abs(bandpass(sum(waves), 5, 20, rate=100, shape="ideal", pad="wrap") - waves[1]).max() < 1e-12)
    True
    """
    if isinstance(low, (int, float, np.number)) and isinstance(high, (int, float, np.number)) and low >= high:
        raise invalid("low", low, f"below high={high!r}")
    return _kept(signal, low, high, rate, shape, order, pad, n_axes, n_jobs)


def _kept(
    signal: Any,
    low: float | None,
    high: float | None,
    rate: float | None,
    shape: str,
    order: int,
    pad: str,
    n_axes: int | None,
    n_jobs: int | None,
) -> Any:
    """Keep what lies above `low` and below `high`."""
    n_axes = n_axes_of(signal, n_axes)
    if isinstance(signal, Signals):
        if rate is not None and rate != signal.rate:
            raise invalid("rate", rate, f"the rate of these signals, which is {signal.rate}")
        rate = signal.rate
    samples = 1.0 if rate is None else rate_of(rate)
    alone = low is None or high is None
    for name, value in (("frequency" if alone else "low", low), ("frequency" if alone else "high", high)):
        if value is not None:
            _check_frequency(name, value, rate)
    if shape not in SHAPES:
        raise invalid("shape", shape, f"one of {', '.join(SHAPES)}")
    if pad not in PADS:
        raise invalid("pad", pad, f"one of {', '.join(PADS)}", why="a filter of frequencies needs a periodic signal")
    order = whole_number("order", order, 1)
    workers = n_threads_of(n_jobs)

    def run(array: np.ndarray, index: int) -> np.ndarray:
        axes = array.shape[1:]
        if max(axes) < 2:
            raise InputError(f"signal {index} has one sample; frequencies need at least two.")
        frequency = np.sqrt(sum(np.square(f) for f in _grid(axes, pad))) * samples
        gain = _gain(frequency, low, high, shape, order).astype(array.dtype)
        over = tuple(range(1, array.ndim))
        if pad == "symmetric":
            spectrum = scipy.fft.dctn(array, axes=over, workers=workers)
            spectrum *= gain
            return scipy.fft.idctn(spectrum, axes=over, workers=workers, overwrite_x=True)
        half = scipy.fft.rfftn(array, axes=over, workers=workers)
        half *= gain
        return scipy.fft.irfftn(half, s=axes, axes=over, workers=workers)

    return for_each(signal, n_axes, run)


def _check_frequency(name: str, value: Any, rate: float | None) -> None:
    unit, limit = ("cycles/sample", 0.5) if rate is None else ("Hz", rate / 2)
    if not isinstance(value, (int, float, np.number)) or not np.isfinite(value) or value <= 0:
        raise invalid(name, value, f"a frequency above 0 {unit}")
    if value >= limit:
        why = "the highest that samples can tell apart" if rate is None else f"half of rate={rate:g}"
        do = "Pass rate, or lower it." if rate is None else "Lower it."
        raise invalid(name, value, f"below {limit:g} {unit}", why=why, do=do)


def _grid(axes: tuple[int, ...], pad: str) -> list[np.ndarray]:
    """The frequencies along each axis, in cycles per sample, to be broadcast."""
    found: list[np.ndarray] = []
    for i, n in enumerate(axes):
        if pad == "symmetric":
            own: Any = np.arange(n) / (2 * n)
        else:
            own = np.fft.rfftfreq(n) if i == len(axes) - 1 else np.fft.fftfreq(n)
        found.append(own.reshape((-1,) + (1,) * (len(axes) - 1 - i)))
    return found


def _gain(frequency: np.ndarray, low: float | None, high: float | None, shape: str, order: int) -> np.ndarray:
    gain = np.ones(frequency.shape)
    if shape == "ideal":
        slack = 1e-12  # of the frequency itself: a cycle that fits the signal is hit exactly
        if low is not None:
            gain *= frequency >= low * (1 - slack)
        if high is not None:
            gain *= frequency <= high * (1 + slack)
        return gain
    with np.errstate(over="ignore", divide="ignore"):
        if low is not None:
            gain /= 1 + (low / frequency) ** (2 * order)
        if high is not None:
            gain /= 1 + (frequency / high) ** (2 * order)
    return gain
