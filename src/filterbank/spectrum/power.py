"""Power of signals over frequency and time: periodograms, Welch's average, bands with exact edges, spectrograms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

from filterbank.design import band_slices
from filterbank.errors import InputError, invalid
from filterbank.signals import Signals, check_finite
from filterbank.spectrum.frames import CHUNK, frame_starts, in_threads, mean_power, pieces_of, transforms
from filterbank.spectrum.inputs import (
    apply,
    frequency_unit,
    is_many,
    taper_of,
)
from filterbank.spectrum.transform import Spectrum, alone, dft, gain, one_sided

__all__ = ["Spectrogram", "band_power", "check_scaling", "periodogram", "spectrogram", "welch"]

FEW = 8192
"""Squares of float32 that are added up before they're added in float64."""


@dataclass(frozen=True, eq=False, repr=False)
class Spectrogram:
    """Power over frequency and time.

    Parameters
    ----------
    frequencies : array, (frequency,)
        From 0 to half the rate, in `unit`.
    times : array, (time,)
        The middle of each window, in `time_unit`.
    values : array, (frequency, time) or (channel, frequency, time)
    scaling : {"power", "density"}
    rate : float or None
        Samples per second.
    window, hop : int
        Samples.
    """

    frequencies: np.ndarray
    times: np.ndarray
    values: np.ndarray
    scaling: str
    rate: float | None
    window: int
    hop: int

    @property
    def unit(self) -> str:
        """The unit of the frequencies: "Hz", or "cycles/sample"."""
        return frequency_unit(self.rate)

    @property
    def time_unit(self) -> str:
        """The unit of the times: "s", or "samples"."""
        return "samples" if self.rate is None else "s"

    def __repr__(self) -> str:
        channels = f", {len(self.values)} channels" if self.values.ndim > 2 else ""
        return (
            f"Spectrogram({self.scaling} at {len(self.frequencies)} frequencies from 0 to {self.frequencies[-1]:g} "
            f"{self.unit} and {len(self.times)} times{channels})"
        )


def periodogram(
    signal: ArrayLike | Signals,
    *,
    rate: float | None = None,
    scaling: str = "density",
    taper: str | ArrayLike | None = None,
    detrend: str | None = "constant",
    n_fft: int | None = None,
) -> Any:
    """Return the power spectrum of whole signals: `dft` with the mean taken off, and a density.

    Parameters
    ----------
    signal : array, (sample,) or (channel, sample), or Signals
    rate : float, optional
        Samples per second.
    scaling : {"density", "power"}
    taper, detrend, n_fft
        As for `dft`.

    Returns
    -------
    Spectrum, or list of Spectrum for Signals

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=1000)
    >>> spectrum = periodogram(x, rate=50)
    >>> bool(np.isclose(spectrum.values.sum() * spectrum.step, x.var()))
    True
    """
    check_scaling(scaling)
    return dft(signal, rate=rate, n_axes=_one_axis(signal), scaling=scaling, taper=taper, detrend=detrend, n_fft=n_fft)


def welch(
    signal: ArrayLike | Signals,
    *,
    rate: float | None = None,
    window: int | None = None,
    hop: int | None = None,
    scaling: str = "density",
    taper: str | ArrayLike | None = "hann",
    detrend: str | None = "constant",
    n_jobs: int | None = None,
) -> Any:
    """Return the average of the power spectra of overlapping windows: less noise, and coarser frequencies.

    Parameters
    ----------
    signal : array, (sample,) or (channel, sample), or Signals
    rate : float, optional
        Samples per second.
    window : int, optional
        Samples. None: 256, or all of a shorter signal.
    hop : int, optional
        Samples from one window to the next. None: half a window.
    scaling : {"density", "power"}
        As for `dft`.
    taper : str or array, optional
    detrend : {None, "constant", "linear"}
        What is taken off each window.
    n_jobs : int, optional
        Threads, in joblib's sense. The result doesn't depend on it, bit for bit.

    Returns
    -------
    Spectrum, or list of Spectrum for Signals
        Samples after the last whole window are not seen.

    References
    ----------
    Welch, "The use of fast Fourier transform for the estimation of power spectra", IEEE Transactions on Audio and
    Electroacoustics 15, 1967.

    Examples
    --------
    >>> import numpy as np
    >>> welch(np.random.default_rng(0).normal(size=4000), rate=100, window=200)
    Spectrum(density at 101 frequencies from 0 to 50 Hz, 39 windows)
    """
    check_scaling(scaling)
    _one_axis(signal)

    def one(x: np.ndarray, rate: float | None, index: int) -> Spectrum:
        size, step, count = frame_starts(x.shape[-1], window, hop)
        weights = taper_of(taper, size, x.dtype)
        power = mean_power(x.reshape(-1, x.shape[-1]), size, step, weights, detrend, n_jobs)
        values = one_sided(power.reshape(*x.shape[:-1], -1), size, scaling, weights, size, rate)
        return Spectrum(scipy.fft.rfftfreq(size, 1 / (rate or 1.0)), values, scaling, rate, size, count)

    return apply(one, signal, rate=rate)


def band_power(
    signal: ArrayLike | Signals,
    edges: ArrayLike,
    *,
    rate: float | None = None,
    window: int | None = None,
    hop: int | None = None,
    taper: str | ArrayLike | None = None,
    detrend: str | None = "constant",
    relative: bool = False,
    rule: str = "exact",
    n_jobs: int | None = None,
) -> np.ndarray:
    """Return the power of signals in bands of frequency: the integral of the density between exact edges.

    A bin of the spectrum that an edge cuts counts in part (see `filterbank.design.band_weights`), so that touching
    bands share it, and the powers of bands that cover all frequencies sum to the signal's variance.

    Parameters
    ----------
    signal : array, (sample,) or (channel, sample), or Signals
    edges : array, (band + 1,) or (band, 2)
        Edges of touching bands, or each band's lower and upper edge; hertz if the rate is known, else cycles/sample.
    rate : float, optional
        Samples per second.
    window, hop : int, optional
        Samples: averages windows as `welch` does. None: one transform of the whole signal.
    taper : str or array, optional
        None: "hann" with windows, none without.
    detrend : {None, "constant", "linear"}
    relative : bool
        Whether to divide by the power at all frequencies.
    rule : {"exact", "tutorial"}
        "tutorial": whole bins, see `filterbank.design.band_weights`.
    n_jobs : int, optional
        Threads, in joblib's sense. The result doesn't depend on it, bit for bit.

    Returns
    -------
    array, (band,), (channel, band), or (signal, channel, band) for Signals
        In the square of the signal's unit.

    Raises
    ------
    InputError
        For a band above half the rate, NaN or infinity, too short signals; with `relative`, for signals without power.

    Notes
    -----
    Cost: a Fourier transform; the number of bands hardly matters.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(2000) / 200
    >>> x = 2 * np.sin(2 * np.pi * 10 * t) + np.sin(2 * np.pi * 21.5 * t)
    >>> band_power(x, [4, 8, 13, 30], rate=200).round(6).tolist()
    [0.0, 2.0, 0.5]
    """
    if window is None and hop is not None:
        raise invalid("hop", hop, "used without a window", do="Pass window as well.")
    _one_axis(signal)
    plan = _Bands(edges, window, hop, taper, detrend, relative, rule, n_jobs)
    if not is_many(signal):
        return apply(
            lambda x, r, i: plan.of(x.reshape(-1, x.shape[-1]), r).reshape(*x.shape[:-1], -1), signal, rate=rate
        )
    signals = Signals.wrap(signal, n_axes=1, rate=rate)
    parts = [(index, plan.of(rows, signals.rate, index)) for index, rows in _batches(signals)]
    if not parts:
        raise InputError("there are 0 signals, and at least one is needed.")
    channels = {len(values) // len(index) for index, values in parts}
    if len(channels) > 1:
        raise InputError(f"the signals have {sorted(channels)} channels; all need the same number. Take some of them.")
    out = np.empty((len(signals), channels.pop(), parts[0][1].shape[1]))
    for index, values in parts:
        out[index] = values.reshape(len(index), -1, out.shape[2])
    return out


def spectrogram(
    signal: ArrayLike | Signals,
    *,
    rate: float | None = None,
    window: int | None = None,
    hop: int | None = None,
    scaling: str = "density",
    taper: str | ArrayLike | None = "hann",
    detrend: str | None = None,
    n_jobs: int | None = None,
) -> Any:
    """Return the power spectra of overlapping windows, one after the other.

    Parameters
    ----------
    signal, rate, window, hop, scaling, taper, n_jobs
        As for `welch`.
    detrend : {None, "constant", "linear"}
        What is taken off each window.

    Returns
    -------
    Spectrogram, or list of Spectrogram for Signals
        Of the windows that lie within the signal.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.signal import chirp
    >>> found = spectrogram(chirp(np.arange(8000) / 8000, 100, 1, 3000), rate=8000, window=256)
    >>> found
    Spectrogram(density at 129 frequencies from 0 to 4000 Hz and 61 times)
    >>> found.frequencies[found.values.argmax(axis=0)][[0, 30, 60]].tolist()
    [156.25, 1531.25, 2937.5]
    """
    check_scaling(scaling)
    _one_axis(signal)

    def one(x: np.ndarray, rate: float | None, index: int) -> Spectrogram:
        size, step, count = frame_starts(x.shape[-1], window, hop)
        weights = taper_of(taper, size, x.dtype)
        rows = x.reshape(-1, x.shape[-1])
        out = np.empty((len(rows), size // 2 + 1, count), dtype=x.dtype)

        def fill(piece: tuple[slice, slice]) -> None:
            z = transforms(rows[piece[0]], piece[1], size, step, weights, detrend)
            power = np.square(z.real) + np.square(z.imag)
            one_sided(power, size, scaling, weights, size, rate)
            out[piece[0], :, piece[1]] = power.transpose(0, 2, 1)

        in_threads(fill, list(pieces_of(len(rows), count, size)), n_jobs)
        frequencies = scipy.fft.rfftfreq(size, 1 / (rate or 1.0))
        times = (np.arange(count) * step + size / 2) / (rate or 1.0)
        return Spectrogram(frequencies, times, out.reshape(*x.shape[:-1], *out.shape[1:]), scaling, rate, size, step)

    return apply(one, signal, rate=rate)


@dataclass(frozen=True)
class _Bands:
    """How rows of equal length are turned into powers of bands."""

    edges: ArrayLike
    window: int | None
    hop: int | None
    taper: Any
    detrend: str | None
    relative: bool
    rule: str
    n_jobs: int | None

    def of(self, rows: np.ndarray, rate: float | None, index: np.ndarray | None = None) -> np.ndarray:
        """Return the powers, `(row, band)`."""
        n = rows.shape[1]
        if self.window is None:
            size, step, count, taper = n, n, 1, self.taper
        else:
            size, step, count = frame_starts(n, self.window, self.hop)
            taper = "hann" if self.taper is None else self.taper
        weights = taper_of(taper, size, rows.dtype)
        first, last, low, high = band_slices(self.edges, size, rate=rate, rule=self.rule)
        slices = (first, last, low, high)
        if self.relative:  # and a band of all frequencies
            slices = tuple(np.append(a, b) for a, b in zip(slices, (0, size // 2, 1.0, 1.0)))  # type: ignore[assignment]
        scale = 2.0 * gain("density", weights, size, rate) * (rate or 1.0) / size
        if count == 1 and step == size:
            pieces = list(pieces_of(len(rows), 1, size))

            def bands(piece: tuple[slice, slice]) -> np.ndarray:
                z = transforms(rows[piece[0]], piece[1], size, step, weights, self.detrend)[:, 0]
                return _bands_of(z, slices, size)

            power = np.concatenate(in_threads(bands, pieces, self.n_jobs))
        else:
            mean = mean_power(rows, size, step, weights, self.detrend, self.n_jobs)
            mean[:, alone(size)] /= 2
            power = _weighted(mean, slices)
        power *= scale
        if not self.relative:
            return power
        total = power[:, -1:]
        silent = np.flatnonzero(total <= 0)
        if len(silent):
            i = int(silent[0]) if index is None else int(index[silent[0] * len(index) // len(rows)])
            name = "channel" if index is None else "signal"
            raise InputError(f"{name} {i} is constant: no band has a share of its power, which is 0. Leave it out.")
        return power[:, :-1] / total


def _bands_of(z: np.ndarray, slices: tuple[np.ndarray, ...], n: int) -> np.ndarray:
    """Sums of squared moduli over bands, `(row, band)`; 0 and half the rate count half. No order depends on threads."""
    parts = z.view(z.real.dtype)
    first, last, low, high = slices
    at = np.concatenate([first, np.maximum(last, first)])
    weights = np.concatenate([np.where(last >= first, low, 0), np.where(last > first, high, 0)])
    weights = np.where(np.isin(at, alone(n)), weights / 2, weights)
    ends = z[:, at]
    both = (np.square(ends.real) + np.square(ends.imag)) * weights
    out = both[:, : len(first)] + both[:, len(first) :]
    for band, (begin, end) in enumerate(zip((first + 1).tolist(), last.tolist())):
        if end > begin:
            out[:, band] += _squares(parts[:, 2 * begin : 2 * end])
    return out


def _squares(parts: np.ndarray) -> np.ndarray:
    """Sums of squares along the last axis; in float32 no more than some thousands are added up without more digits."""
    if parts.dtype == np.float64 or parts.shape[1] <= FEW:
        return np.einsum("ij,ij->i", parts, parts)
    out = np.zeros(len(parts))
    for start in range(0, parts.shape[1], FEW):
        some = parts[:, start : start + FEW]
        out += np.einsum("ij,ij->i", some, some)
    return out


def _weighted(power: np.ndarray, slices: tuple[np.ndarray, ...]) -> np.ndarray:
    """Sums of powers, `(row, frequency)`, over bands."""
    out = np.zeros((len(power), len(slices[0])))
    for band, (first, last, low, high) in enumerate(zip(*(a.tolist() for a in slices))):
        if last >= first:
            out[:, band] = power[:, first + 1 : last].sum(axis=1) + low * power[:, first]
            out[:, band] += high * power[:, last] if last > first else 0.0
    return out


def _batches(signals: Signals) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Signals of one length together, as rows (a signal's channels after each other), and which they are."""
    held = signals.held(0, len(signals))
    if isinstance(held, np.ndarray):
        rows = held.reshape(-1, held.shape[-1])
        _check_rows(rows, np.arange(len(held)))
        yield np.arange(len(held)), rows
        return
    if held is None and not signals.in_memory:  # files: one after the other
        for i, x in enumerate(signals):
            check_finite(x, i)
            yield np.array([i]), x
        return
    shapes: dict[Any, list[int]] = {}
    for i, shape in enumerate(map(np.shape, held) if held is not None else signals.shapes):
        shapes.setdefault(shape, []).append(i)
    for shape, members in shapes.items():
        together = max(1, (CHUNK * 64) // shape[-1])
        for start in range(0, len(members), together):
            index = np.array(members[start : start + together])
            arrays = [held[i] if held is not None else signals[i] for i in index]
            rows = np.stack(arrays).reshape(-1, shape[-1])
            _check_rows(rows, index)
            yield index, rows


def _check_rows(rows: np.ndarray, index: np.ndarray) -> None:
    if rows.shape[1] < 2:
        raise InputError(f"signal {int(index[0])} has {rows.shape[1]} samples, too short: at least 2 are needed.")
    with np.errstate(over="ignore", invalid="ignore"):
        total = rows.sum()
    if not np.isfinite(total):
        n_channels = len(rows) // len(index)
        for k, i in enumerate(index):
            check_finite(rows[k * n_channels : (k + 1) * n_channels], int(i))


def check_scaling(scaling: str) -> None:
    """Raise an error for a scaling that powers can't have."""
    if scaling not in ("density", "power"):
        raise invalid("scaling", scaling, "'density' or 'power'", do="Use dft for amplitudes.")


def _one_axis(signal: Any) -> int:
    if isinstance(signal, Signals) and signal.n_axes != 1:
        raise InputError(f"the signals have n_axes={signal.n_axes}; this function is for series and sound (1 axis).")
    return 1
