"""What all functions on spectra do with their input: single arrays or many signals, tapers, trends, windows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from filterbank.errors import InputError, invalid
from filterbank.signals import Signals, as_signal, check_finite

__all__ = [
    "DETRENDS",
    "apply",
    "check_rate",
    "detrended",
    "frequency_unit",
    "is_many",
    "line_through",
    "one_signal",
    "taper_of",
]

DETRENDS = (None, "constant", "linear")
"""What may be taken off a signal first: nothing, its mean, its line of least squares."""


def is_many(signal: Any) -> bool:
    """Whether this is a collection of signals: `Signals`, or a list whose items are no numbers."""
    if isinstance(signal, (list, tuple)):
        return len(signal) > 0 and not all(np.ndim(item) == 0 for item in signal)
    return isinstance(signal, Signals)


def apply(function: Callable[..., Any], signal: Any, *, rate: float | None, n_axes: int = 1, least: int = 2) -> Any:
    """Apply `function(array, rate, index)` to one array, `(*axes)` or `(channel, *axes)`, or to each of many signals.

    Arrays come checked, in float32 or float64; those of many signals always with channels. Results of many are a list.
    """
    if is_many(signal):
        signals = Signals.wrap(signal, n_axes=n_axes, rate=rate)
        return [function(_checked(x, signals.n_axes, i, least), signals.rate, i) for i, x in enumerate(signals)]
    return function(one_signal(signal, n_axes=n_axes, least=least), check_rate(rate), 0)


def one_signal(signal: Any, *, n_axes: int = 1, least: int = 2) -> np.ndarray:
    """Return a signal as it's held, `(*axes)` or `(channel, *axes)`, but checked and in float32 or float64."""
    if is_many(signal):
        raise InputError(f"signal is a collection of {len(signal)} signals; this function takes one at a time.")
    array = _checked(as_signal(signal, n_axes), n_axes, 0, least)
    return array if np.ndim(signal) > n_axes else array[0]


def _checked(array: np.ndarray, n_axes: int, index: int, least: int) -> np.ndarray:
    if min(array.shape[1:]) < least and (n_axes == 1 or math.prod(array.shape[1:]) < least):
        size = " x ".join(map(str, array.shape[1:]))
        raise InputError(f"signal {index} has {size} samples, too short: at least {least} are needed.")
    check_finite(array, index)
    return array


def check_rate(rate: Any) -> float | None:
    """Return a rate, or raise an error if it's no positive number."""
    if rate is None:
        return None
    if not (np.ndim(rate) == 0 and np.isfinite(rate) and rate > 0):
        raise invalid("rate", rate, "a positive number of samples per second")
    return float(rate)


def frequency_unit(rate: Any) -> str:
    """Return the unit of frequencies."""
    return "cycles/sample" if rate is None else "Hz"


def taper_of(taper: str | ArrayLike | None, n: int, dtype: Any = np.float64) -> np.ndarray | None:
    """Return a taper's `n` weights: by SciPy's name, or as they are given; None for none."""
    if taper is None or (isinstance(taper, str) and taper in ("boxcar", "rectangular")):
        return None
    if isinstance(taper, (str, tuple)):
        from scipy.signal import get_window

        try:
            return get_window(taper, n).astype(dtype)
        except ValueError as error:
            raise invalid("taper", taper, "a window that scipy.signal.get_window knows", why=str(error)) from None
    weights = np.asarray(taper, dtype=np.float64)
    if weights.shape != (n,):
        raise InputError(f"taper has shape {weights.shape}; it must be ({n},), a weight for each sample.")
    if not np.isfinite(weights).all() or not weights.any():
        raise InputError("taper holds NaN or infinity, or is zero everywhere.")
    return weights.astype(dtype)


def detrended(array: np.ndarray, kind: str | None) -> np.ndarray:
    """Return the array without its mean or its line of least squares along the last axis; itself if there's no work."""
    if kind not in DETRENDS:
        raise invalid("detrend", kind, "one of None, 'constant', 'linear'")
    if kind is None:
        return array
    out = array - array.mean(axis=-1, keepdims=True)
    if kind == "linear" and array.shape[-1] > 1:
        t = np.arange(array.shape[-1]) - (array.shape[-1] - 1) / 2
        slope = out @ t / (t @ t)
        out = (out - slope[..., np.newaxis] * t).astype(array.dtype, copy=False)
    return out


def line_through(array: np.ndarray) -> np.ndarray:
    """The line of least squares along the last axis."""
    return array - detrended(array, "linear")
