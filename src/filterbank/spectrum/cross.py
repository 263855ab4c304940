"""What two signals have in common at each frequency: cross-spectra and coherence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

from filterbank.errors import InputError, invalid
from filterbank.signals import Signals
from filterbank.spectrum.frames import frame_starts, in_threads, pieces_of, transforms
from filterbank.spectrum.inputs import (
    check_rate,
    frequency_unit,
    is_many,
    one_signal,
    taper_of,
)
from filterbank.spectrum.power import check_scaling
from filterbank.spectrum.transform import one_sided

__all__ = ["Coherence", "CrossSpectrum", "coherence", "cross_spectrum"]


@dataclass(frozen=True, eq=False, repr=False)
class CrossSpectrum:
    """The average product of two signals' transforms, the first one's conjugated.

    Parameters
    ----------
    frequencies : array, (frequency,)
        From 0 to half the rate, in `unit`.
    values : array of complex, (frequency,) or (channel, frequency)
    scaling : {"power", "density"}
    rate : float or None
        Samples per second.
    n_windows : int
        Windows that were averaged.
    """

    frequencies: np.ndarray
    values: np.ndarray
    scaling: str
    rate: float | None
    n_windows: int

    @property
    def unit(self) -> str:
        """The unit of the frequencies: "Hz", or "cycles/sample"."""
        return frequency_unit(self.rate)

    @property
    def phase(self) -> np.ndarray:
        """By how many radians the second signal leads; it's `-2 pi f d` if it lags by `d`."""
        return np.angle(self.values)

    def __repr__(self) -> str:
        return (
            f"CrossSpectrum({self.scaling} at {len(self.frequencies)} frequencies from 0 to {self.frequencies[-1]:g} "
            f"{self.unit}, {self.n_windows} windows)"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Coherence:
    """The share of two signals' power at each frequency that one is of the other, by a linear filter.

    Parameters
    ----------
    frequencies : array, (frequency,)
        From 0 to half the rate, in `unit`.
    values : array, (frequency,) or (channel, frequency)
        Between 0 and 1.
    rate : float or None
        Samples per second.
    n_windows : int
        Windows that were averaged.
    n_independent : float
        As many windows without overlap would average as well; the bias of `values` is about one over it.
    threshold : float
        What unrelated signals exceed, at a given frequency, with a probability of one minus `confidence`.
    confidence : float
    """

    frequencies: np.ndarray
    values: np.ndarray
    rate: float | None
    n_windows: int
    n_independent: float
    threshold: float
    confidence: float

    @property
    def unit(self) -> str:
        """The unit of the frequencies: "Hz", or "cycles/sample"."""
        return frequency_unit(self.rate)

    def __repr__(self) -> str:
        return (
            f"Coherence(at {len(self.frequencies)} frequencies from 0 to {self.frequencies[-1]:g} {self.unit}, "
            f"{self.n_windows} windows, by chance up to {self.threshold:.2g})"
        )


def cross_spectrum(
    first: ArrayLike | Signals,
    second: ArrayLike | Signals,
    *,
    rate: float | None = None,
    window: int | None = None,
    hop: int | None = None,
    scaling: str = "density",
    taper: str | ArrayLike | None = "hann",
    detrend: str | None = "constant",
    n_jobs: int | None = None,
) -> Any:
    """Return the cross-spectrum of two signals, averaged over windows by Welch's method.

    Parameters
    ----------
    first, second : array, (sample,) or (channel, sample), or Signals
        Of equal shape: each signal or channel of the first is paired with the same one of the second.
    rate, window, hop, scaling, taper, detrend, n_jobs
        As for `welch`.

    Returns
    -------
    CrossSpectrum, or list of them for Signals

    Raises
    ------
    InputError
        If the shapes differ, for NaN or infinity, or a window longer than the signals.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=5001)
    >>> found = cross_spectrum(x[1:], x[:-1], window=100)  # the second lags by one sample
    >>> (found.phase[[5, 10]] / (-2 * np.pi * found.frequencies[[5, 10]])).round(1).tolist()
    [1.0, 1.0]
    """
    check_scaling(scaling)

    def one(x: np.ndarray, y: np.ndarray, rate: float | None) -> CrossSpectrum:
        found = _Averages.of(x, y, window, hop, taper, detrend, n_jobs)
        values = one_sided(found.xy, found.size, scaling, found.weights, found.size, rate)
        return CrossSpectrum(found.frequencies(rate), values, scaling, rate, found.count)

    return _pairs(one, first, second, rate)


def coherence(
    first: ArrayLike | Signals,
    second: ArrayLike | Signals,
    *,
    rate: float | None = None,
    window: int | None = None,
    hop: int | None = None,
    taper: str | ArrayLike | None = "hann",
    detrend: str | None = "constant",
    confidence: float = 0.95,
    n_jobs: int | None = None,
) -> Any:
    """Return the magnitude-squared coherence of two signals, and what chance alone would give.

    Parameters
    ----------
    first, second : array, (sample,) or (channel, sample), or Signals
        Of equal shape.
    rate, window, hop, taper, detrend, n_jobs
        As for `welch`; at least two windows are needed, since one gives a coherence of 1 for anything.
    confidence : float
        Of the threshold, at each single frequency.

    Returns
    -------
    Coherence, or list of them for Signals

    Raises
    ------
    InputError
        As `cross_spectrum`, and for fewer than two windows or a signal without power at some frequency.

    References
    ----------
    Carter, "Coherence and time delay estimation", Proceedings of the IEEE 75, 1987, eq. 12 (its distribution for
    unrelated signals). Welch 1967 (how much overlapping windows count).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=20_000)
    >>> found = coherence(x, x + rng.normal(size=20_000), window=100)
    >>> float(np.median(found.values).round(1)), round(found.threshold, 3)
    (0.5, 0.008)
    """
    if not 0 < confidence < 1:
        raise invalid("confidence", confidence, "between 0 and 1")

    def one(x: np.ndarray, y: np.ndarray, rate: float | None) -> Coherence:
        found = _Averages.of(x, y, window, hop, taper, detrend, n_jobs)
        if found.count < 2:
            raise invalid(
                "window",
                found.size,
                f"short enough for two windows in {x.shape[-1]} samples",
                why="and with one window anything is coherent with anything",
                do="Lower window or hop.",
            )
        product = found.xx * found.yy
        for name, power in (("first", found.xx), ("second", found.yy)):
            if (power <= 0).any():
                where = float(found.frequencies(rate)[np.argwhere(power <= 0)[0][-1]])
                raise InputError(
                    f"the {name} signal has no power at frequency {where:g} {frequency_unit(rate)}, where coherence is "
                    "0 / 0. Leave out signals that are constant."
                )
        values = np.minimum((np.square(found.xy.real) + np.square(found.xy.imag)) / product, 1.0)
        independent = found.independent()
        threshold = 1 - (1 - confidence) ** float(1 / (independent - 1))
        return Coherence(found.frequencies(rate), values, rate, found.count, independent, threshold, confidence)

    return _pairs(one, first, second, rate)


@dataclass(frozen=True)
class _Averages:
    """Averages over windows of products of transforms, unscaled."""

    xx: np.ndarray
    yy: np.ndarray
    xy: np.ndarray
    size: int
    step: int
    count: int
    weights: np.ndarray | None

    @classmethod
    def of(
        cls,
        x: np.ndarray,
        y: np.ndarray,
        window: int | None,
        hop: int | None,
        taper: Any,
        detrend: str | None,
        n_jobs: int | None,
    ) -> _Averages:
        size, step, count = frame_starts(x.shape[-1], window, hop)
        weights = taper_of(taper, size, np.float64)
        one, two = (a.reshape(-1, a.shape[-1]).astype(np.float64, copy=False) for a in (x, y))

        def add_up(piece: tuple[slice, slice]) -> np.ndarray:
            a, b = (transforms(r[piece[0]], piece[1], size, step, weights, detrend) for r in (one, two))
            return np.stack([np.einsum("rtk,rtk->rk", np.conj(p), q) for p, q in ((a, a), (b, b), (a, b))])

        total = np.zeros((3, len(one), size // 2 + 1), dtype=np.complex128)
        pieces = list(pieces_of(len(one), count, size))
        for piece, part in zip(pieces, in_threads(add_up, pieces, n_jobs)):
            total[:, piece[0]] += part
        total /= count
        total = total.reshape(3, *x.shape[:-1], -1)
        return cls(total[0].real, total[1].real, total[2], size, step, count, weights)

    def frequencies(self, rate: float | None) -> np.ndarray:
        return scipy.fft.rfftfreq(self.size, 1 / (rate or 1.0))

    def independent(self) -> float:
        """How many windows without overlap vary as little as these."""
        w = np.ones(self.size) if self.weights is None else self.weights
        total: Any = 0.0
        for j in range(1, min(self.count, -(-self.size // self.step))):
            shift = j * self.step
            total += (1 - j / self.count) * (w[shift:] @ w[: self.size - shift] / (w @ w)) ** 2
        return float(self.count / (1 + 2 * total))


def _pairs(one: Any, first: Any, second: Any, rate: float | None) -> Any:
    """Apply to two arrays, or to each pair of two collections."""
    if is_many(first) != is_many(second):
        raise InputError("one of first and second is a collection of signals and the other is not. Pass both alike.")
    if is_many(first):
        collections = [Signals.wrap(x, n_axes=1, rate=rate) for x in (first, second)]
        if len(collections[0]) != len(collections[1]):
            raise InputError(f"first has {len(collections[0])} signals and second {len(collections[1])}.")
        rates = {signals.rate for signals in collections}
        if len(rates) > 1:
            raise InputError(f"the signals have the rates {rates}. Resample one to the other's.")
        return [one(*_alike(x, y, i), rates.copy().pop()) for i, (x, y) in enumerate(zip(*collections))]
    return one(*_alike(one_signal(first), one_signal(second), None), check_rate(rate))


def _alike(x: np.ndarray, y: np.ndarray, index: int | None) -> tuple[np.ndarray, np.ndarray]:
    if index is not None:
        x, y = one_signal(x), one_signal(y)
    if x.shape != y.shape:
        of = "" if index is None else f" of pair {index}"
        raise InputError(f"first{of} has shape {x.shape} and second {y.shape}; they must be equal.")
    return x, y
