"""The discrete Fourier transform with its frequencies in physical units, scaled so that the numbers mean something."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

from filterbank.errors import invalid
from filterbank.signals import Signals
from filterbank.spectrum.inputs import apply, detrended, frequency_unit, taper_of

__all__ = ["SCALINGS", "CentredSpectrum", "Spectrum", "alone", "dft", "gain", "one_sided"]

SCALINGS = ("amplitude", "power", "density")
"""Of a sinusoid its amplitude (and phase) or its mean square; or the mean square per unit of frequency."""


@dataclass(frozen=True, eq=False, repr=False)
class Spectrum:
    """A one-sided spectrum.

    Parameters
    ----------
    frequencies : array, (frequency,)
        From 0 to half the rate, in `unit`.
    values : array, (frequency,) or (channel, frequency)
        Complex for amplitudes, else real and non-negative.
    scaling : {"amplitude", "power", "density"}
    rate : float or None
        Samples per second.
    n_samples : int
        Samples that each transform saw.
    n_windows : int
        Transforms that were averaged.
    """

    frequencies: np.ndarray
    values: np.ndarray
    scaling: str
    rate: float | None
    n_samples: int
    n_windows: int = 1

    @property
    def unit(self) -> str:
        """The unit of the frequencies: "Hz", or "cycles/sample"."""
        return frequency_unit(self.rate)

    @property
    def step(self) -> float:
        """From one frequency to the next."""
        return float(self.frequencies[1] - self.frequencies[0])

    def __repr__(self) -> str:
        channels = f", {len(self.values)} channels" if self.values.ndim > 1 else ""
        averaged = f", {self.n_windows} windows" if self.n_windows > 1 else ""
        return (
            f"Spectrum({self.scaling} at {len(self.frequencies)} frequencies "
            f"from 0 to {self.frequencies[-1]:g} {self.unit}{channels}{averaged})"
        )


@dataclass(frozen=True, eq=False, repr=False)
class CentredSpectrum:
    """A two-sided spectrum of an image or a volume, with frequency zero in the middle.

    Parameters
    ----------
    frequencies : tuple of array
        For each axis, increasing, from about minus half the rate to half the rate.
    values : array, one axis for each of the frequencies, after that of the channels if there are
        Complex for amplitudes, else real and non-negative.
    scaling : {"amplitude", "power", "density"}
    rate : tuple of float or None
        Samples per unit of length along each axis.
    """

    frequencies: tuple[np.ndarray, ...]
    values: np.ndarray
    scaling: str
    rate: tuple[float, ...] | None

    @property
    def unit(self) -> str:
        """The unit of the frequencies: "cycles/sample", or "cycles/unit" where a rate was given."""
        return "cycles/sample" if self.rate is None else "cycles/unit"

    def __repr__(self) -> str:
        size = " x ".join(str(len(f)) for f in self.frequencies)
        channels = f", {len(self.values)} channels" if self.values.ndim > len(self.frequencies) else ""
        return f"CentredSpectrum({self.scaling} at {size} frequencies in {self.unit}{channels})"


def dft(
    signal: ArrayLike | Signals,
    *,
    rate: Any = None,
    n_axes: int = 1,
    scaling: str = "amplitude",
    taper: str | ArrayLike | None = None,
    detrend: str | None = None,
    n_fft: int | None = None,
) -> Any:
    """Return the discrete Fourier transform of a whole signal, scaled, with its frequencies.

    Of a series the half without negative frequencies, which say nothing more; their share is added to
    the positive ones, except at 0 and at half the rate, which have no twin. Of an image or a volume all of it, centred.

    Parameters
    ----------
    signal : array, (*axes) or (channel, *axes), or Signals
    rate : float, optional
        Samples per second. For images and volumes samples per unit of length, one number or one an axis.
    n_axes : {1, 2, 3}
        Of an array; `Signals` know theirs.
    scaling : {"amplitude", "power", "density"}
        "amplitude": complex; the modulus is the amplitude of a sinusoid of that frequency, the angle the phase of the
        cosine at the first sample. (Two-sided: half of that on either side.) "power": the sinusoid's mean
        square. Without a taper, powers sum to the mean square of the signal (Parseval). "density": power per unit of
        frequency; times the step from one frequency to the next they sum to the mean square, also with `n_fft`.
    taper : str or array, optional
        A window of `scipy.signal.get_window` along each axis, or weights, `(sample,)`. Its gain is taken out: amplitude
        and power by its sum, density by its sum of squares.
    detrend : {None, "constant", "linear"}
        What is taken off first: nothing, the mean, or (one axis) the line of least squares.
    n_fft : int, optional
        Zeros are put behind a series up to this length, which samples the spectrum more finely and resolves no more.

    Returns
    -------
    Spectrum, CentredSpectrum, or list of them for Signals

    Raises
    ------
    InputError
        For NaN or infinity (the message says where), fewer than two samples, or an unknown name.

    References
    ----------
    Heinzel, Rüdiger and Schilling, "Spectrum and spectral density estimation by the discrete Fourier transform", 2002,
    eq. 23 and 24 (one-sided power and density, with the sums S1 and S2 of a window).

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(200) / 100
    >>> spectrum = dft(3 * np.cos(2 * np.pi * 5 * t), rate=100)
    >>> spectrum
    Spectrum(amplitude at 101 frequencies from 0 to 50 Hz)
    >>> k = int(np.argmax(abs(spectrum.values)))
    >>> float(spectrum.frequencies[k]), float(round(abs(spectrum.values[k]), 12))
    (5.0, 3.0)
    """
    if scaling not in SCALINGS:
        raise invalid("scaling", scaling, f"one of {', '.join(SCALINGS)}")
    if isinstance(signal, Signals):
        n_axes = signal.n_axes
    if n_axes not in (1, 2, 3):
        raise invalid("n_axes", n_axes, "1, 2 or 3")
    if n_axes > 1:
        if n_fft is not None:
            raise invalid("n_fft", n_fft, "for signals with one axis alone", do="Leave it out.")
        rates = None if rate is None else tuple(float(r) for r in np.broadcast_to(rate, n_axes))
        if rates is not None and not all(np.isfinite(r) and r > 0 for r in rates):
            raise invalid("rate", rate, "positive, one number or one an axis")
        return apply(
            lambda x, _, i: _centred(x, rates, n_axes, scaling, taper, detrend), signal, rate=None, n_axes=n_axes
        )
    return apply(lambda x, r, i: _line(x, r, scaling, taper, detrend, n_fft), signal, rate=rate)


def _line(
    x: np.ndarray, rate: float | None, scaling: str, taper: Any, detrend: str | None, n_fft: int | None
) -> Spectrum:
    n = x.shape[-1]
    if n_fft is None:
        n_fft = n
    if n_fft != int(n_fft) or n_fft < n:
        raise invalid("n_fft", n_fft, f"a whole number, at least the {n} samples of the signal")
    n_fft = int(n_fft)
    weights = taper_of(taper, n, x.dtype)
    x = detrended(x, detrend)
    values = scipy.fft.rfft(x if weights is None else x * weights, n_fft)
    frequencies = scipy.fft.rfftfreq(n_fft, 1 / (rate or 1.0))
    if scaling != "amplitude":
        power = np.square(values.real) + np.square(values.imag)
        return Spectrum(frequencies, one_sided(power, n_fft, scaling, weights, n, rate), scaling, rate, n)
    values *= 2.0 / (n if weights is None else weights.sum(dtype=np.float64))
    values[..., alone(n_fft)] /= 2
    return Spectrum(frequencies, values, scaling, rate, n)


def one_sided(
    power: np.ndarray, n_fft: int, scaling: str, weights: np.ndarray | None, n: int, rate: float | None
) -> np.ndarray:
    """Scale squared moduli of `scipy.fft.rfft`, `(..., frequency)`, in place, to power or density."""
    power *= 2.0 * gain(scaling, weights, n, rate)
    power[..., alone(n_fft)] /= 2
    return power


def gain(scaling: str, weights: np.ndarray | None, n: int, rate: float | None) -> float:
    """What a squared modulus is multiplied by to become two-sided power or density."""
    if scaling == "density":
        return 1.0 / ((rate or 1.0) * (n if weights is None else np.square(weights, dtype=np.float64).sum()))
    return 1.0 / (n if weights is None else weights.sum(dtype=np.float64)) ** 2


def alone(n_fft: int) -> list[int]:
    """The frequencies that have no negative twin: 0, and half the rate if it is one of them."""
    return [0] if n_fft % 2 else [0, n_fft // 2]


def _centred(
    x: np.ndarray, rates: tuple[float, ...] | None, n_axes: int, scaling: str, taper: Any, detrend: str | None
) -> CentredSpectrum:
    axes = tuple(range(-n_axes, 0))
    if detrend == "linear":
        raise invalid("detrend", detrend, "None or 'constant' for images and volumes")
    if detrend == "constant":
        x = x - x.mean(axis=axes, keepdims=True)
    elif detrend is not None:
        raise invalid("detrend", detrend, "None or 'constant'")
    total, squares = 1.0, 1.0
    for axis in axes:
        n = x.shape[axis]
        weights = taper_of(taper, n, x.dtype)
        total *= n if weights is None else weights.sum(dtype=np.float64)
        squares *= n if weights is None else np.square(weights, dtype=np.float64).sum()
        if weights is not None:
            x = x * weights.reshape(-1, *(1,) * (-axis - 1))
    values = scipy.fft.fftshift(scipy.fft.fftn(x, axes=axes), axes=axes)
    steps = rates or (1.0,) * n_axes
    frequencies = tuple(
        scipy.fft.fftshift(scipy.fft.fftfreq(x.shape[axis], 1 / step)) for axis, step in zip(axes, steps)
    )
    if scaling == "amplitude":
        values /= total
    else:
        values = np.square(values.real) + np.square(values.imag)
        values /= total**2 if scaling == "power" else math.prod(steps) * squares
    return CentredSpectrum(frequencies, values, scaling, rates)
