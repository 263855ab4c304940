"""Gabor filters by frequency and orientation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from filterbank.banks.base import LinearBank
from filterbank.design import direction, gabor
from filterbank.errors import invalid
from filterbank.signals import SignalInfo

__all__ = ["GaborBank"]


class GaborBank(LinearBank):
    """Gabor filters in one, two or three dimensions: a wave of each frequency and direction, under a Gaussian window.

    Parameters
    ----------
    n_axes : {1, 2, 3}
    frequencies : sequence of float, optional
        In hertz where the signals' rate is known, else in cycles per sample. None: `n_frequencies` of them, from
        `highest` cycles per sample downward, `per_octave` an octave.
    n_frequencies : int
    per_octave : float
    highest : float
        Cycles per sample, at most 0.5.
    orientations : int or sequence of float
        Radians from the last axis toward the one before; a number means so many, evenly over half a turn. Not used
        with one axis.
    elevations : int or sequence of float
        With three axes: radians from the plane of the last two axes toward the first; a number means so many, evenly,
        the pole among them.
    bandwidth : float
        Width of each filter at half of its peak, in octaves; the window's sigma follows from it and the frequency.
    norm : {"l1", "l2"}
        "l1": a long wave of amplitude 1 and a filter's frequency answers with modulus 1/2. "l2": white noise of
        variance 1 answers with mean power 1, whatever the frequency. See `filterbank.design.gabor`.
    zero_mean : bool
        Whether each kernel sums to zero, so that a constant added to a signal changes nothing. False: the kernel is
        a Gaussian times a wave, as in scikit-image, and low frequencies see a little of the mean.
    readout : {"modulus", "real", "imaginary", "complex"}
    truncate : float
        Where kernels end, in sigmas.
    pad : {"reflect", "symmetric", "edge", "wrap", "zero"}, optional

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import GaborBank, Moments, Representation, Signals
    >>> t = np.arange(400) / 100  # seconds
    >>> signals = Signals.wrap([np.sin(2 * np.pi * 5 * t), np.sin(2 * np.pi * 20 * t)], rate=100)
    >>> representation = Representation(GaborBank(frequencies=[5, 20]), Moments(["mean"])).fit(signals)
    >>> representation.transform(signals).round(1)
    array([[0.5, 0. ],
           [0. , 0.5]])
    >>> representation.feature_table_["frequency"].tolist()
    [5.0, 20.0]
    """

    def __init__(
        self,
        n_axes: int = 1,
        *,
        frequencies: Sequence[float] | None = None,
        n_frequencies: int = 4,
        per_octave: float = 1.0,
        highest: float = 0.25,
        orientations: int | Sequence[float] = 4,
        elevations: int | Sequence[float] = 4,
        bandwidth: float = 1.0,
        norm: str = "l1",
        zero_mean: bool = True,
        readout: str = "modulus",
        truncate: float = 3.0,
        pad: str | None = "reflect",
    ) -> None:
        self.n_axes = n_axes
        self.frequencies = frequencies
        self.n_frequencies = n_frequencies
        self.per_octave = per_octave
        self.highest = highest
        self.orientations = orientations
        self.elevations = elevations
        self.bandwidth = bandwidth
        self.norm = norm
        self.zero_mean = zero_mean
        self.readout = readout
        self.truncate = truncate
        self.pad = pad

    def _design(self, info: SignalInfo) -> tuple[list[np.ndarray], list[dict[str, Any]]]:
        if self.n_axes not in (1, 2, 3):
            raise invalid("n_axes", self.n_axes, "1, 2 or 3")
        if not self.bandwidth > 0:
            raise invalid("bandwidth", self.bandwidth, "a positive number of octaves")
        unit = "" if info.rate is None else "Hz"
        kernels, rows = [], []
        for frequency in self._frequencies(info.rate):
            sigma = sigma_of(frequency, self.bandwidth)
            for angles in self._directions():
                kernels.append(
                    gabor(
                        frequency,
                        sigma,
                        direction(self.n_axes, *angles.values()),
                        truncate=self.truncate,
                        norm=self.norm,
                        zero_mean=self.zero_mean,
                    )
                )
                label = f"frequency={frequency * (info.rate or 1):.4g}{unit}"
                label += "".join(f",{name}={np.degrees(angle):.0f}deg" for name, angle in angles.items())
                rows.append({"kernel": f"gabor[{label}]", "frequency": frequency, "sigma": sigma, **angles})
        return kernels, rows

    def _frequencies(self, rate: float | None) -> list[float]:
        """The frequencies in cycles per sample."""
        if self.frequencies is None:
            if self.n_frequencies < 1 or self.per_octave <= 0:
                name = "n_frequencies" if self.n_frequencies < 1 else "per_octave"
                raise invalid(name, getattr(self, name), "positive")
            if not 0 < self.highest <= 0.5:
                raise invalid("highest", self.highest, "above 0 and at most 0.5 cycles/sample", why="it would alias")
            return [self.highest * 2 ** (-k / self.per_octave) for k in range(self.n_frequencies)]
        if not len(self.frequencies):
            raise invalid("frequencies", self.frequencies, "a sequence of at least one")
        for frequency in self.frequencies:
            if rate is None and not 0 < frequency <= 0.5:
                raise invalid(
                    "frequency",
                    frequency,
                    "above 0 and at most 0.5 cycles/sample",
                    why="it would alias",
                    do="Pass signals with their rate if hertz were meant, or lower it.",
                )
            if rate is not None and not 0 < frequency <= rate / 2:
                raise invalid(
                    "frequency",
                    frequency,
                    f"above 0 and at most {rate / 2:g} Hz (half the rate)",
                    why="it would alias",
                    do="Lower it.",
                )
        return [float(f) / (rate or 1.0) for f in self.frequencies]

    def _directions(self) -> list[dict[str, float]]:
        if self.n_axes == 1:
            return [{}]
        orientations = _angles("orientations", self.orientations, lambda n: [math.pi * k / n for k in range(n)])
        if self.n_axes == 2:
            return [{"orientation": angle} for angle in orientations]
        elevations = _angles(
            "elevations", self.elevations, lambda n: [-math.pi / 2 + math.pi * (k + 1) / n for k in range(n)]
        )
        out = []
        for elevation in elevations:
            at_pole = math.isclose(abs(elevation), math.pi / 2)
            out += [{"orientation": a, "elevation": elevation} for a in (orientations[:1] if at_pole else orientations)]
        return out


def sigma_of(frequency: float, bandwidth: float) -> float:
    """Return the window's sigma (samples) for a frequency (cycles/sample) and a half-peak bandwidth (octaves).

    Petkov and Kruizinga, Biological Cybernetics 76, 1997, eq. 4.

    Examples
    --------
    >>> round(sigma_of(0.25, 1.0), 3)
    2.249
    """
    ratio = 2.0**bandwidth
    return math.sqrt(math.log(2) / 2) / math.pi * (ratio + 1) / (ratio - 1) / frequency


def _angles(name: str, given: int | Sequence[float], evenly: Any) -> list[float]:
    if isinstance(given, (int, np.integer)):
        if given < 1:
            raise invalid(name, given, "at least 1")
        return evenly(int(given))
    if not len(given):
        raise invalid(name, given, "a sequence of at least one")
    return [float(angle) for angle in given]
