"""Fronts: what is done to a signal before a bank sees it, sample by sample or as a whole, chosen by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, TransformerMixin

from filterbank.errors import InputError, invalid
from filterbank.signals import Signals

__all__ = ["FRONTS", "OTHERS", "Front"]


def _same(signal: np.ndarray) -> np.ndarray:
    return signal


def _log(signal: np.ndarray) -> np.ndarray:
    return np.copysign(np.log1p(np.abs(signal)), signal)


def _sqrt(signal: np.ndarray) -> np.ndarray:
    return np.copysign(np.sqrt(np.abs(signal)), signal)


def _rank(signal: np.ndarray) -> np.ndarray:
    samples = signal.reshape(len(signal), -1)
    ranks = (rankdata(samples, axis=1) - 0.5) / samples.shape[1]
    return ranks.reshape(signal.shape).astype(signal.dtype)


def _zscore(signal: np.ndarray) -> np.ndarray:
    axes = tuple(range(1, signal.ndim))
    mean = signal.mean(axis=axes, keepdims=True, dtype=np.float64)
    spread = signal.std(axis=axes, keepdims=True, dtype=np.float64)
    flat = spread <= 1e-7 * np.abs(mean)  # what a constant signal's rounding makes
    return np.where(flat, 0.0, (signal - mean) / np.where(flat, 1.0, spread)).astype(signal.dtype)


def _difference(signal: np.ndarray) -> np.ndarray:
    if signal.shape[-1] < 2:
        raise InputError(f"a signal of {signal.shape[-1]} sample has no difference. Leave it out.")
    return np.diff(signal, axis=-1)


def _spectrum(signal: np.ndarray) -> np.ndarray:
    return np.abs(np.fft.rfft(signal - signal.mean(axis=-1, keepdims=True), axis=-1)).astype(signal.dtype)


FRONTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": _same,
    "log": _log,
    "sqrt": _sqrt,
    "rank": _rank,
    "zscore": _zscore,
}
"""Fronts that leave a signal's shape as it is, by name, each a function of a signal `(channel, *axes)`."""

OTHERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"difference": _difference, "spectrum": _spectrum}
"""What else can be looked at instead of a series itself: its steps, and the amplitudes of its Fourier transform."""


class Front(TransformerMixin, BaseEstimator):
    """Signals to signals, each by itself, by a function with a name.

    Parameters
    ----------
    kind : str
        Of `FRONTS`: "none"; "log", the sign times log(1 + size), which is log(1 + x) for what is never negative, such
        as counts; "sqrt", the sign times the square root of the size; "rank", each channel's ranks from 0 to 1, ties
        sharing theirs; "zscore", each channel less its mean, over its standard deviation (zeros where it is constant).
        Of `OTHERS`, along the last axis: "difference", one sample shorter, and "spectrum", the amplitudes of
        the Fourier transform without the mean.
    n_axes : {1, 2, 3}
        For plain arrays; `Signals` know it.

    Notes
    -----
    Signals in memory are computed at once, files when they are read.

    Examples
    --------
    >>> import numpy as np
    >>> Front("sqrt").fit_transform([np.array([0.0, 4, -9])])[0]
    array([[ 0.,  2., -3.]])
    """

    learns = False

    def __init__(self, kind: str = "none", *, n_axes: int = 1) -> None:
        self.kind = kind
        self.n_axes = n_axes

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.no_validation = True
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the name.

        Parameters
        ----------
        X : array, list of array, or Signals
        y : ignored
        """
        self._function()
        return self

    def transform(self, X: Any) -> Signals:
        """Return the signals that the function makes of these.

        Parameters
        ----------
        X : array, list of array, or Signals
        """
        function = self._function()
        signals = X if isinstance(X, Signals) else Signals.wrap(X, n_axes=self.n_axes)
        if self.kind == "none":
            return signals
        if not signals.in_memory:
            return signals.map(function)
        return Signals([function(signal) for signal in signals], n_axes=signals.n_axes, rate=signals.rate)

    def _function(self) -> Callable[[np.ndarray], np.ndarray]:
        known = {**FRONTS, **OTHERS}
        if self.kind not in known:
            raise invalid("kind", self.kind, f"one of {', '.join(known)}")
        return known[self.kind]
