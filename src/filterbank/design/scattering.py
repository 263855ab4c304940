"""The Morlet wavelets and low-pass windows of scattering transforms, in one and two dimensions."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from filterbank.design.gaussian import radius_of
from filterbank.errors import invalid

__all__ = ["Wavelet", "morlet", "scattering_wavelets", "wavelet_frequencies"]

LOW_PASS = 0.1  # cycles/sample: the low-pass window's bandwidth in one dimension, at the finest scale
ALIAS = 5.0  # bandwidths beyond a wavelet's frequency below which its response is not subsampled
OVERLAP = math.sqrt(0.5)  # what neighbouring wavelets in one dimension let through where they meet


class Wavelet(NamedTuple):
    """One wavelet: cycles per sample, radians (0 in one dimension), samples, and where it may be subsampled.

    `octave` is the logarithm to base 2 of the step at which its response's modulus is sampled.
    """

    frequency: float
    orientation: float
    sigma: float
    slant: float
    octave: int


def morlet(wavelet: Wavelet, n_axes: int, *, truncate: float, step: int = 1) -> np.ndarray:
    """Return a wavelet as a kernel, sampled at every `step`-th sample from its middle.

    A wave under a Gaussian that is `1 / slant` times as wide across the wave as along it, less a multiple of that
    Gaussian, so that it sums to zero.

    Parameters
    ----------
    wavelet : Wavelet
    n_axes : {1, 2}
    truncate : float
        Where the kernel ends, in sigmas.
    step : int, optional
        The values are multiplied by `step ** n_axes`, so that sums stay as they are.

    Returns
    -------
    complex array
        Odd along each axis. In one dimension the moduli sum to 1 (at step 1), in two the Gaussian does.

    References
    ----------
    Bruna and Mallat, IEEE Transactions on Pattern Analysis and Machine Intelligence 35(8), 2013, section 2.1; Anden and
    Mallat, IEEE Transactions on Signal Processing 62(16), 2014, section II.

    Examples
    --------
    >>> kernel = morlet(Wavelet(0.1875, 0.0, 1.6, 0.5, 1), 2, truncate=4.0)
    >>> kernel.shape, bool(abs(kernel.sum()) < 1e-12)
    ((27, 13), True)
    """
    frequency, orientation, sigma, slant, _ = wavelet
    if n_axes == 1:
        x = np.arange(-radius_of(sigma, truncate), radius_of(sigma, truncate) + 1.0)
        window, phase = np.exp(-0.5 * (x / sigma) ** 2), 2 * np.pi * frequency * x
        window /= window.sum()
    else:
        down, right = math.sin(orientation), math.cos(orientation)
        across = sigma / slant
        spread = (math.hypot(sigma * down, across * right), math.hypot(sigma * right, across * down))
        y, x = np.ogrid[tuple(slice(-radius_of(s, truncate), radius_of(s, truncate) + 1.0) for s in spread)]
        along, beside = right * x + down * y, -down * x + right * y
        window = np.exp(-0.5 * ((along / sigma) ** 2 + (beside / across) ** 2))
        phase = 2 * np.pi * frequency * along
        window /= 2 * np.pi * sigma * across
    wave = window * np.exp(1j * phase)
    kernel = wave - window * (wave.sum() / window.sum())
    if n_axes == 1:
        kernel /= np.abs(kernel).sum()
    middle = [n // 2 for n in kernel.shape]
    sampled = kernel[tuple(slice(m % step, None, step) for m in middle)]
    return sampled * float(step) ** n_axes


def wavelet_frequencies(J: int, Q: int) -> list[tuple[float, float]]:
    """Return frequency and bandwidth (standard deviation), in cycles per sample, of one-dimensional wavelets.

    `Q` an octave from the highest downward, as long as they are wider than the low-pass window; below, `Q - 1` more at
    equal steps, of that window's width.

    Parameters
    ----------
    J : int
        The low-pass window's scale is `2 ** J` samples.
    Q : int

    References
    ----------
    Anden and Mallat, 2014, section II.

    Examples
    --------
    >>> [round(frequency, 3) for frequency, _ in wavelet_frequencies(3, 1)]
    [0.35, 0.175, 0.087, 0.044]
    """
    narrowest = LOW_PASS / 2**J
    factor = 2.0 ** (-1 / Q)
    frequency = max(1 / (1 + 2 ** (3 / Q)), 0.35)
    width = (1 - factor) / (1 + factor) / math.sqrt(2 * math.log(1 / OVERLAP))
    out = []
    while frequency * width > narrowest:
        out.append((frequency, frequency * width))
        frequency *= factor
    lowest = out[-1][0] if out else 2 * narrowest
    return [*out, *((lowest * (Q - q) / Q, narrowest) for q in range(1, Q))]


def scattering_wavelets(n_axes: int, *, J: int, L: int, Q: int) -> list[Wavelet]:
    """Return the wavelets of one order of a scattering transform.

    Parameters
    ----------
    n_axes : {1, 2}
    J : int
        Octaves.
    L : int
        Orientations over half a turn; two dimensions only.
    Q : int
        Wavelets an octave; one dimension only.

    Examples
    --------
    >>> len(scattering_wavelets(2, J=3, L=8, Q=1))
    24
    """
    for name, value in (("J", J), ("L", L), ("Q", Q)):
        if value < 1 or value != int(value):
            raise invalid(name, value, "a whole number, 1 or more")
    if n_axes == 2:
        return [
            Wavelet(0.375 / 2**j, math.pi * k / L, 0.8 * 2**j, 4 / L, j) for j in range(int(J)) for k in range(int(L))
        ]
    out = []
    for frequency, width in wavelet_frequencies(int(J), int(Q)):
        octave = math.floor(-math.log2(min(frequency + ALIAS * width, 0.5))) - 1
        out.append(Wavelet(frequency, 0.0, 1 / (2 * math.pi * width), 1.0, min(max(octave, 0), int(J))))
    return out
