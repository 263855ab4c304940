"""Fourier's ideas, shown on numbers: compression by few coefficients, series of functions, the convolution theorem."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

from filterbank.errors import InputError, invalid
from filterbank.signals import Signals
from filterbank.spectrum.inputs import apply, check_rate, frequency_unit, one_signal

__all__ = [
    "WAVES",
    "Compressed",
    "ConvolutionTheorem",
    "FourierSeries",
    "convolution_theorem",
    "fourier_compress",
    "fourier_series",
]


@dataclass(frozen=True, eq=False, repr=False)
class Compressed:
    """A signal made again of some of its Fourier coefficients.

    Parameters
    ----------
    signal : array, of the shape of what was given
        What the kept coefficients make.
    kept : array of bool, of the same shape
        Which coefficients of `scipy.fft.fftn` were kept; a coefficient and its conjugate go together.
    n_kept : int
        Sinusoids (the mean counted as one) of each channel, of the channel with the most.
    error : array, () or (channel,)
        Root mean square of the difference, over that of the signal.
    ratio : float
        Numbers of the signal over numbers to store: an amplitude and a phase a sinusoid, one number for the mean and
        the like, and where the largest are kept, one more to say which it is.
    """

    signal: np.ndarray
    kept: np.ndarray
    n_kept: int
    error: np.ndarray
    ratio: float

    def __repr__(self) -> str:
        return (
            f"Compressed({self.n_kept} sinusoids, relative error {float(np.max(self.error)):.3g}, "
            f"{self.ratio:.3g} times smaller)"
        )


def fourier_compress(
    signal: ArrayLike | Signals,
    *,
    largest: int | None = None,
    cutoff: float | None = None,
    rate: float | None = None,
    n_axes: int = 1,
) -> Any:
    """Make signals again of few of their Fourier coefficients, and say what that loses and saves.

    Parameters
    ----------
    signal : array, (*axes) or (channel, *axes), or Signals
    largest : int, optional
        Keep so many sinusoids (a pair of conjugate coefficients, or one that is its own, such as the mean): those with
        the most energy, which lose the least.
    cutoff : float, optional
        Or keep all frequencies up to this one (in images, its distance from zero); hertz if the rate is known, else
        cycles/sample.
    rate : float, optional
        Samples per second.
    n_axes : {1, 2, 3}
        Of an array; `Signals` know theirs.

    Returns
    -------
    Compressed, or list of them for Signals

    Raises
    ------
    InputError
        If not exactly one of `largest` and `cutoff` is given, or is out of range; for a signal that is zero everywhere.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(400) / 400
    >>> fourier_compress(1 + np.sin(2 * np.pi * 5 * t) + 0.1 * np.cos(2 * np.pi * 40 * t), largest=2)
    Compressed(2 sinusoids, relative error 0.0576, 80 times smaller)
    """
    if (largest is None) == (cutoff is None):
        raise InputError(f"largest={largest!r} and cutoff={cutoff!r} were given; pass one of the two.")
    if isinstance(signal, Signals):
        n_axes = signal.n_axes

    def one(x: np.ndarray, rate: float | None, index: int) -> Compressed:
        flat = x if x.ndim > n_axes else x[np.newaxis]
        axes = tuple(range(1, n_axes + 1))
        z = scipy.fft.fftn(flat, axes=axes)
        first, alone = _representatives(flat.shape[1:])
        n_terms = int(first.sum())
        if cutoff is not None:
            kept = np.broadcast_to(_below(flat.shape[1:], cutoff, rate), z.shape)
        else:
            kept = _largest(z, first, alone, _count(largest, n_terms))
        energy = np.square(flat, dtype=np.float64).sum(axis=axes)
        if (energy == 0).any():
            raise InputError(
                f"signal {index} is zero everywhere (channel {int(np.argmin(energy))}): there is nothing to compress."
            )
        out = scipy.fft.ifftn(np.where(kept, z, 0), axes=axes).real
        error = np.sqrt(np.square(flat - out, dtype=np.float64).sum(axis=axes) / energy)
        terms = kept & first
        numbers = 2 * terms.sum() - (terms & alone).sum() + (terms.sum() if largest is not None else 0)
        n_kept = int(terms.sum(axis=axes).max())
        ratio = flat.size / int(numbers)
        if x.ndim == n_axes:
            out, kept, error = out[0], kept[0], error[0]
        return Compressed(out, kept, n_kept, error, ratio)

    return apply(one, signal, rate=rate, n_axes=n_axes)


def _count(largest: Any, n_terms: int) -> int:
    if largest != int(largest) or not 1 <= largest <= n_terms:
        raise invalid("largest", largest, f"a whole number between 1 and {n_terms}, the sinusoids of this signal")
    return int(largest)


def _representatives(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """One of each pair of conjugate coefficients; and those that are their own conjugate."""
    here = np.arange(math.prod(shape)).reshape(shape)
    there = here
    for axis, n in enumerate(shape):
        there = np.take(there, -np.arange(n) % n, axis=axis)
    return here <= there, here == there


def _largest(z: np.ndarray, first: np.ndarray, alone: np.ndarray, k: int) -> np.ndarray:
    """The `k` pairs of coefficients of each channel with the most energy; of equal ones the lower in order."""
    kept = np.zeros(z.shape, dtype=bool)
    where = np.flatnonzero(first.ravel())
    weight = np.where(alone, 1.0, 2.0).ravel()[where]
    for channel, chosen in zip(z, kept):
        values = channel.ravel()[where]
        energy = weight * (np.square(values.real, dtype=np.float64) + np.square(values.imag, dtype=np.float64))
        chosen.ravel()[where[np.argsort(-energy, kind="stable")[:k]]] = True
        mirrored = chosen
        for axis, n in enumerate(chosen.shape):
            mirrored = np.take(mirrored, -np.arange(n) % n, axis=axis)
        chosen |= mirrored
    return kept


def _below(shape: tuple[int, ...], cutoff: float, rate: float | None) -> np.ndarray:
    """Which frequencies of `fftn` are at most this far from zero."""
    nyquist = (rate or 1.0) / 2
    if not 0 <= cutoff <= nyquist:
        raise invalid("cutoff", cutoff, f"between 0 and {nyquist:g} {frequency_unit(rate)}, half the rate")
    axes = [scipy.fft.fftfreq(n, 1 / (rate or 1.0)) for n in shape]
    squared = sum(np.square(f) for f in np.meshgrid(*axes, indexing="ij", sparse=True))
    return np.sqrt(squared) <= cutoff * (1 + 1e-12)


def _square(n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(len(n)), np.where(n % 2 == 1, 4 / (np.pi * n), 0.0)


def _sawtooth(n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(len(n)), np.where(n % 2 == 1, 2.0, -2.0) / (np.pi * n)


def _triangle(n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(len(n)), np.where(n % 2 == 1, 8 * np.sin(np.pi * n / 2) / (np.pi * n) ** 2, 0.0)


WAVES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]]] = {
    "square": (lambda u: np.where(u % 1 < 0.5, 1.0, -1.0), _square),
    "sawtooth": (lambda u: 2 * ((u + 0.5) % 1) - 1, _sawtooth),
    "triangle": (lambda u: 1 - 4 * np.abs((u + 0.25) % 1 - 0.5), _triangle),
}
"""Waves between -1 and 1 that begin like a sine: the function of the part of a period, and its coefficients."""


@dataclass(frozen=True, eq=False, repr=False)
class FourierSeries:
    """The first terms of a periodic function's Fourier series; called with times, their sum.

    Parameters
    ----------
    mean : float
    cosines, sines : array, (term,)
        Of the frequencies `1 / period, 2 / period, ...`.
    period : float
    function : callable
        Of an array of times: what the series is of.

    Examples
    --------
    >>> series = fourier_series("square", 5)
    >>> series
    FourierSeries(5 terms, period 1)
    >>> [round(float(series(0.25, n_terms=n)), 3) for n in (1, 3, 5)]
    [1.273, 0.849, 1.103]
    """

    mean: float
    cosines: np.ndarray
    sines: np.ndarray
    period: float
    function: Callable[[np.ndarray], np.ndarray]

    @property
    def amplitudes(self) -> np.ndarray:
        """The amplitude of each term, `(term,)`."""
        return np.hypot(self.cosines, self.sines)

    @property
    def n_terms(self) -> int:
        """How many terms there are beside the mean."""
        return len(self.sines)

    def __call__(self, times: ArrayLike, *, n_terms: int | None = None) -> np.ndarray:
        """Return the sum of the mean and the first terms, of the shape of `times`."""
        n = self.n_terms if n_terms is None else n_terms
        if n != int(n) or not 0 <= n <= self.n_terms:
            raise invalid("n_terms", n_terms, f"between 0 and the {self.n_terms} terms of this series")
        angle = np.asarray(times, dtype=np.float64) * (2 * np.pi / self.period)
        out = np.full(angle.shape, self.mean)
        for k in range(int(n)):
            out += self.cosines[k] * np.cos((k + 1) * angle) + self.sines[k] * np.sin((k + 1) * angle)
        return out

    def __repr__(self) -> str:
        return f"FourierSeries({self.n_terms} terms, period {self.period:g})"


def fourier_series(
    function: str | Callable[[np.ndarray], np.ndarray], n_terms: int, *, period: float = 1.0, method: str = "auto"
) -> FourierSeries:
    """Return the first terms of the Fourier series of a periodic function.

    Parameters
    ----------
    function : {"square", "sawtooth", "triangle"} or callable
        A wave between -1 and 1 that begins like a sine; or any function of an array of times from 0 to `period`.
    n_terms : int
        Terms beside the mean.
    period : float
    method : {"auto", "formula", "integration"}
        "auto": by formula for a named wave, else by adaptive integration, to an absolute error of 1e-8 of the largest
        value (jumps allowed).

    Returns
    -------
    FourierSeries

    Raises
    ------
    InputError
        If there is no formula, if the function isn't finite, or if its integral doesn't converge.

    Notes
    -----
    Square: `4 / (pi n)` for odd `n`. Sawtooth (which rises through zero, and jumps in the middle of the period):
    `2 (-1)^(n + 1) / (pi n)`. Triangle: `8 (-1)^((n - 1) / 2) / (pi n)^2` for odd `n`. All of them sines.

    Examples
    --------
    >>> fourier_series("triangle", 3, method="integration").sines[[0, 2]].round(6).tolist()
    [0.810569, -0.090063]
    >>> fourier_series(lambda t: t * (1 - t), 2).cosines.round(6).tolist()  # -1 / (pi n)^2
    [-0.101321, -0.02533]
    """
    if n_terms != int(n_terms) or n_terms < 1:
        raise invalid("n_terms", n_terms, "a whole number, 1 or more")
    if not (np.isfinite(period) and period > 0):
        raise invalid("period", period, "a positive number")
    if method not in ("auto", "formula", "integration"):
        raise invalid("method", method, "one of auto, formula, integration")
    n = np.arange(1, int(n_terms) + 1)
    if isinstance(function, str):
        if function not in WAVES:
            raise invalid("function", function, f"a callable or one of {', '.join(WAVES)}")
        wave, formula = WAVES[function]

        def of_time(t: np.ndarray) -> np.ndarray:
            return wave(np.asarray(t, dtype=np.float64) / period)

        if method != "integration":
            return FourierSeries(0.0, *formula(n), float(period), of_time)
        return _integrated(of_time, n, float(period))
    if method == "formula":
        raise invalid(
            "method", method, "possible for a function that isn't named", do=f"Name one of {', '.join(WAVES)}."
        )
    return _integrated(function, n, float(period))


def _integrated(function: Callable[[np.ndarray], np.ndarray], n: np.ndarray, period: float) -> FourierSeries:
    """The coefficients by adaptive Gauss-Kronrod integration of all terms together."""
    from scipy.integrate import quad_vec

    peak = 0.0

    def terms(u: float) -> np.ndarray:
        nonlocal peak
        value = float(np.squeeze(np.asarray(function(np.array(u * period)), dtype=np.float64)))
        if not math.isfinite(value):
            raise InputError(f"function gives {value} at time {u * period:g}; it must be finite in the whole period.")
        peak = max(peak, abs(value))
        angle = 2 * np.pi * u * n
        return value * np.concatenate([[1.0], 2 * np.cos(angle), 2 * np.sin(angle)])

    points = np.linspace(0, 1, max(8, len(n)) + 1)[1:-1]
    values, error = quad_vec(terms, 0, 1, epsabs=1e-9, epsrel=1e-9, norm="max", limit=2000, points=points)
    if error > 1e-8 * max(peak, 1.0):
        raise InputError(f"the integrals of function over a period are uncertain by {error:.1e}: it is too rough.")
    return FourierSeries(float(values[0]), values[1 : len(n) + 1], values[len(n) + 1 :], period, function)


@dataclass(frozen=True, eq=False, repr=False)
class ConvolutionTheorem:
    """Both sides of the convolution theorem.

    Parameters
    ----------
    convolved : array
        The full convolution, by sums of products.
    by_spectra : array
        The inverse transform of the product of the spectra.
    difference : float
        The largest absolute difference of the two.
    frequencies : array, (frequency,)
        Of the last axis, from 0 to half the rate, in `unit`.
    signal_spectrum, kernel_spectrum, product : array of complex
        Transforms of both, with zeros behind them, and their product.
    rate : float or None
    """

    convolved: np.ndarray
    by_spectra: np.ndarray
    difference: float
    frequencies: np.ndarray
    signal_spectrum: np.ndarray
    kernel_spectrum: np.ndarray
    product: np.ndarray
    rate: float | None

    @property
    def unit(self) -> str:
        """The unit of the frequencies: "Hz", or "cycles/sample"."""
        return frequency_unit(self.rate)

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.convolved.shape))
        return f"ConvolutionTheorem({size} samples, both sides differ by at most {self.difference:.2g})"


def convolution_theorem(signal: ArrayLike, kernel: ArrayLike, *, rate: float | None = None) -> ConvolutionTheorem:
    """Show that convolving is multiplying spectra: do both, and say by how much they differ.

    Parameters
    ----------
    signal, kernel : array of one to three axes
        One to three axes, the same number for both.
    rate : float, optional
        Samples per second.

    Returns
    -------
    ConvolutionTheorem

    Notes
    -----
    Cost of the one side: the product of the two sizes.

    Examples
    --------
    >>> import numpy as np
    >>> found = convolution_theorem(np.arange(5.0), [1.0, 2.0, 1.0])
    >>> found.convolved.tolist(), found.difference < 1e-12
    ([0.0, 1.0, 4.0, 8.0, 12.0, 11.0, 4.0], True)
    """
    from scipy.signal import convolve

    x, h = (np.asarray(a) for a in (signal, kernel))
    if x.ndim != h.ndim or not 1 <= x.ndim <= 3:
        raise InputError(f"signal has {x.ndim} axes and kernel {h.ndim}; both must have the same number, one to three.")
    x, h = (one_signal(a, n_axes=a.ndim, least=1).astype(np.float64, copy=False) for a in (x, h))
    rate = check_rate(rate)
    axes = tuple(range(x.ndim))
    shape = tuple(a + b - 1 for a, b in zip(x.shape, h.shape))
    direct = convolve(x, h, mode="full", method="direct")
    a, b = (scipy.fft.rfftn(s, shape, axes=axes) for s in (x, h))
    product = a * b
    back = scipy.fft.irfftn(product, shape, axes=axes)
    frequencies = scipy.fft.rfftfreq(shape[-1], 1 / (rate or 1.0))
    difference = float(np.abs(direct - back).max())
    return ConvolutionTheorem(direct, back, difference, frequencies, a, b, product, rate)
