"""The dominant periods of a signal: peaks of its spectrum that red noise wouldn't have, their harmonics folded in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.fft
from numpy.typing import ArrayLike

from filterbank.errors import InputError, invalid
from filterbank.signals import Signals
from filterbank.spectrum.background import Background
from filterbank.spectrum.inputs import DETRENDS, apply, detrended, frequency_unit

__all__ = ["Periods", "fit_sinusoids", "periods"]

LEAST = 16
"""Samples from which on a background can be fitted at all."""
FINER = 2
"""Frequencies that are tested, as a multiple of those of a plain transform: between two of them a peak halves."""
SETTLED = 1e-10
"""The share of the variance at which what is left counts as rounding."""
BLOCK = 1 << 14  # samples whose derivatives are held at a time


@dataclass(frozen=True, eq=False, repr=False)
class Periods:
    """The periods of a signal, the one with the most power first, and the spectrum that they were found in.

    Parameters
    ----------
    periods : array, (period,)
        In `unit`: seconds if the rate is known, else samples. Where the peak is, between the transform's frequencies.
    grid_periods : array, (period,)
        The same as a plain Fourier transform of the whole signal gives it: its length over a whole number of cycles.
    frequencies, amplitudes, phases : array, (period,)
        Of the sinusoid with this period; the phase is the cosine's at the first sample.
    shares : array, (period,)
        The part of the detrended signal's variance that is explained by the sinusoid and its harmonics.
    p_values : array, (period,)
        How probable it is that red noise has any such peak, at any of the frequencies that were tested.
    harmonics : tuple of tuple of int
        Of each period the multiples of its frequency that were found as well.
    rate : float or None
        Samples per second.
    n_samples : int
    confidence : float
    autocorrelation : float
        Of the background, from one sample to the next.
    spectrum_frequencies, density : array, (frequency,)
        The detrended signal's spectrum at the frequencies that were tested.
    background : array, (frequency,)
        The density of red noise, fitted to what is no peak.
    threshold : array, (frequency,)
        Above this density a peak is significant, having looked at all frequencies.
    """

    periods: np.ndarray
    grid_periods: np.ndarray
    frequencies: np.ndarray
    amplitudes: np.ndarray
    phases: np.ndarray
    shares: np.ndarray
    p_values: np.ndarray
    harmonics: tuple[tuple[int, ...], ...]
    rate: float | None
    n_samples: int
    confidence: float
    autocorrelation: float
    spectrum_frequencies: np.ndarray
    density: np.ndarray
    background: np.ndarray
    threshold: np.ndarray

    @property
    def unit(self) -> str:
        """The unit of the periods: "s", or "samples"."""
        return "samples" if self.rate is None else "s"

    @property
    def frequency_unit(self) -> str:
        """The unit of the frequencies: "Hz", or "cycles/sample"."""
        return frequency_unit(self.rate)

    @property
    def table(self) -> pd.DataFrame:
        """A row a period."""
        names = ("periods", "grid_periods", "frequencies", "amplitudes", "shares", "p_values")
        singular = ("period", "grid_period", "frequency", "amplitude", "share", "p_value")
        table = pd.DataFrame({one: getattr(self, many) for one, many in zip(singular, names)})
        table["harmonics"] = [" ".join(map(str, h)) for h in self.harmonics]
        return table

    def __len__(self) -> int:
        return len(self.periods)

    def __repr__(self) -> str:
        shown = ", ".join(f"{period:.4g}" for period in self.periods[:5]) + (", ..." if len(self) > 5 else "")
        found = f"{shown} {self.unit}" if len(self) else "none"
        return f"Periods({found}; {self.confidence:.0%} confidence against red noise of {self.n_samples} samples)"


def periods(
    signal: ArrayLike | Signals,
    *,
    rate: float | None = None,
    n_periods: int = 10,
    confidence: float = 0.95,
    detrend: str | None = "linear",
    shortest: float | None = None,
    longest: float | None = None,
) -> Any:
    """Find the periods of a signal that red noise can't explain.

    Sinusoids are found one after the other: the highest peak of the spectrum over the background is tested, and if it
    is significant it's fitted, with all others and the trend, and taken out. Frequencies that are multiples of a lower
    one are then counted as its harmonics, as far as it is known precisely enough that not anything is a multiple of it.

    Parameters
    ----------
    signal : array, (sample,) or (channel, sample), or Signals
        At least 16 samples, evenly spaced.
    rate : float, optional
        Samples per second (or per year: periods then come in years).
    n_periods : int
        At most so many, the most significant ones, harmonics included.
    confidence : float
        One minus the probability of finding any period in red noise.
    detrend : {None, "constant", "linear"}
        What is taken off first.
    shortest, longest : float, optional
        Where to look, in the unit of periods. None: longer than two samples, and two cycles at least.

    Returns
    -------
    Periods; for several channels a list of them, for Signals a list a signal (of one channel: of `Periods`)

    Raises
    ------
    InputError
        For a constant signal or a straight line, which have none; NaN or infinity; fewer than 16 samples.

    Notes
    -----
    The background is the spectrum of an autoregression of order one, `s / (1 + a^2 - 2 a cos(2 pi f))`, fitted to the
    periodogram by Whittle's likelihood without the candidates' frequencies, which are first found beside a fit of
    medians. Over it, the periodogram of noise is distributed as an exponential over a gamma variable whose shape is the
    information on the background there; so one frequency is exceeded with probability `(1 + r / v)^-v`. It's corrected
    for the number of frequencies, twice those of a plain transform, by Sidak's formula. Peaks of a signal whose period
    wanders, such as sunspots, are wide, and come as several periods near each other.

    What alternates from sample to sample is fitted with the trend: it may be the multiple of any frequency.

    Cost: a few Fourier transforms of twice the length a period found, and `9 n k^2` for fitting `k` sinusoids together.

    References
    ----------
    Whittle, "Estimation and information in stationary time series", Arkiv för Matematik 2, 1953. Mann and Lees, "Robust
    estimation of background noise and signal detection in climatic time series", Climatic Change 33, 1996 (medians
    against the bias that peaks bring). Vaughan, Bailey and Smith, "Detecting cycles in stratigraphic data",
    Paleoceanography 26, 2011 (why all frequencies must be counted).

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(400)
    >>> x = 0.01 * t + np.sin(2 * np.pi * t / 23.4) + np.random.default_rng(0).normal(size=400)
    >>> found = periods(x)
    >>> found
    Periods(23.49 samples; 95% confidence against red noise of 400 samples)
    >>> found.grid_periods.round(2).tolist()  # 17 cycles in 400 samples
    [23.53]
    """
    if not 0 < confidence < 1:
        raise invalid("confidence", confidence, "between 0 and 1")
    if n_periods != int(n_periods) or n_periods < 1:
        raise invalid("n_periods", n_periods, "a whole number, 1 or more")
    if detrend not in DETRENDS:
        raise invalid("detrend", detrend, "one of None, 'constant', 'linear'")
    degree = DETRENDS.index(detrend) - 1

    def one(x: np.ndarray, rate: float | None, index: int) -> Any:
        rows = x.reshape(-1, x.shape[-1]).astype(np.float64, copy=False)
        found = [
            _of_row(row, rate, int(n_periods), confidence, degree, (shortest, longest), f"signal {index} (channel {c})")
            for c, row in enumerate(rows)
        ]
        return found[0] if len(found) == 1 else found

    return apply(one, signal, rate=rate, least=LEAST)


def _of_row(
    x: np.ndarray,
    rate: float | None,
    n_periods: int,
    confidence: float,
    degree: int,
    limits: tuple[float | None, float | None],
    name: str,
) -> Periods:
    n = len(x)
    y = detrended(x, DETRENDS[degree + 1])
    variance = float(np.mean(y * y))
    if variance <= SETTLED**2 * float(np.mean(x * x)) or variance == 0:
        what = f"constant ({x.mean():g})" if np.ptp(x) <= 1e-10 * abs(x).max() else "a straight line"
        raise InputError(f"{name} is {what}: it has no periods. Leave it out.")
    tested = _tested(n, rate or 1.0, limits)
    found: list[float] = []
    p_values: list[float] = []
    ratios: list[float] = []
    left, sinusoids = fit_sinusoids(x, np.zeros(0), degree=degree)[2], np.zeros((0, 2))
    while True:
        power = _power(left)
        background = Background.fit(power, tested, n, found)
        if len(found) == n_periods or np.mean(left * left) <= SETTLED * variance:
            break
        k, ratio, p_value = background.highest(power, tested, n, found)
        if p_value > 1 - confidence:
            break
        found.append(_peak(power, k) / (FINER * n))
        p_values.append(p_value)
        ratios.append(ratio)
        fitted, sinusoids, left = fit_sinusoids(x, np.array(found), degree=degree)
        found = fitted.tolist()
    frequencies = np.array(found)
    amplitudes = np.hypot(*sinusoids.T) if found else np.zeros(0)
    groups = _folded(frequencies, np.array(ratios), n)
    shares = np.array([_mean_square(n, frequencies, sinusoids, [i for i, _ in group]) / variance for group in groups])
    first = np.array([group[0][0] for group in groups], dtype=int)
    order = np.argsort(-shares, kind="stable")
    groups, shares, first = [groups[i] for i in order], shares[order], first[order]
    raw = _power(y)
    density = 2 / (rate or 1.0)
    f = frequencies[first]
    return Periods(
        1 / (f * (rate or 1.0)),
        np.array([n / _nearest(raw, v, n) for v in f]) / (rate or 1.0),
        f * (rate or 1.0),
        amplitudes[first],
        np.arctan2(-sinusoids[first, 1], sinusoids[first, 0]) if found else np.zeros(0),
        np.minimum(shares, 1.0),
        np.array([min(p_values[i] for i, _ in group) for group in groups]),
        tuple(tuple(h for _, h in group[1:]) for group in groups),
        rate,
        n,
        confidence,
        background.autocorrelation,
        tested * ((rate or 1.0) / (FINER * n)),
        density * raw[tested],
        density * background.at(tested),
        density * background.threshold(tested, 1 - confidence),
    )


def _mean_square(n: int, frequencies: np.ndarray, sinusoids: np.ndarray, members: list[int]) -> float:
    """Of the sum of some of the sinusoids, about its mean."""
    parts = [columns[:, 1:] @ sinusoids[members].ravel() for _, _, columns in _columns(n, frequencies[members], -1)]
    return float(np.concatenate(parts).var())


def _tested(n: int, rate: float, limits: tuple[float | None, float | None]) -> np.ndarray:
    """The frequencies that are looked at, as numbers of the finer transform."""
    shortest, longest = limits
    low = 2.0 * FINER if longest is None else FINER * n / (longest * rate)
    high = FINER * n / 2 - 1 if shortest is None else FINER * n / (shortest * rate)
    for name, value in (("shortest", shortest), ("longest", longest)):
        if value is not None and not 2 / rate <= value <= n / rate:
            raise invalid(name, value, f"between {2 / rate:g}, two samples, and {n / rate:g}, the signal's length")
    tested = np.arange(max(int(np.ceil(low - 1e-9)), FINER), min(int(np.floor(high + 1e-9)), FINER * n // 2 - 1) + 1)
    if len(tested) == 0:
        raise invalid("shortest", shortest, f"below longest={longest}", why="and there is no frequency between them")
    return tested


def _power(x: np.ndarray) -> np.ndarray:
    """The periodogram at `FINER` times the frequencies of a plain transform; its mean is the mean square."""
    z = scipy.fft.rfft(x, FINER * len(x))
    return (np.square(z.real) + np.square(z.imag)) / len(x)


def _peak(power: np.ndarray, k: int) -> float:
    """Where the parabola through three frequencies is highest."""
    k = min(max(k, 1), len(power) - 2)
    before, here, after = power[k - 1 : k + 2]
    bend = before - 2 * here + after
    return k + float(np.clip((before - after) / (2 * bend), -0.5, 0.5)) if bend < 0 else float(k)


def _nearest(raw: np.ndarray, frequency: float, n: int) -> int:
    """The stronger one of the two whole numbers of cycles beside a frequency."""
    cycles = max(1, int(frequency * n))
    pair = [c for c in (cycles, cycles + 1) if FINER * c < len(raw)]
    return max(pair, key=lambda c: float(raw[FINER * c]))


def fit_sinusoids(
    x: np.ndarray, frequencies: np.ndarray, *, degree: int = 1, n_steps: int = 12
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit sinusoids, their frequencies too, beside a polynomial and what alternates from sample to sample.

    Least squares, by Gauss and Newton.

    Parameters
    ----------
    x : array, (sample,)
    frequencies : array, (sinusoid,)
        Where to begin, in cycles/sample; none moves by more than half of what the length resolves.
    degree : int
        Of the polynomial; -1 for none.
    n_steps : int
        At most; 0 leaves the frequencies as they are.

    Returns
    -------
    frequencies : array, (sinusoid,)
    coefficients : array, (sinusoid, 2)
        Of cosine and sine, counted from the first sample.
    rest : array, (sample,)
    """
    n, k = len(x), len(frequencies)
    start = f = np.array(frequencies, dtype=np.float64)
    beta = _solve(*_normal(x, f, degree, None))
    for _ in range(n_steps if k else 0):
        beta = _solve(*_normal(x, f, degree, beta[degree + 2 :].reshape(k, 2)))
        beta, step = beta[:-k], beta[-k:]
        f = np.clip(np.clip(f + step, start - 0.5 / n, start + 0.5 / n), 0.25 / n, 0.5 - 0.25 / n)
        if np.abs(step).max() < 1e-9 / n:
            break
    beta = _solve(*_normal(x, f, degree, None))
    rest = np.concatenate([x[a:b] - columns @ beta for a, b, columns in _columns(n, f, degree)])
    return f, beta[degree + 2 :].reshape(k, 2), rest


def _columns(n: int, f: np.ndarray, degree: int) -> Any:
    """Stretches of samples with their powers of time, alternating ones, cosines and sines."""
    for a in range(0, n, BLOCK):
        b = min(a + BLOCK, n)
        t = np.arange(a, b)
        angle = 2 * np.pi * np.outer(t, f)
        scaled = (t - (n - 1) / 2) / n
        waves = np.stack([np.cos(angle), np.sin(angle)], axis=2).reshape(b - a, -1)
        yield a, b, np.column_stack([scaled[:, np.newaxis] ** np.arange(degree + 1), 1 - 2 * (t % 2), waves])


def _normal(
    x: np.ndarray, f: np.ndarray, degree: int, coefficients: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """The normal equations of all columns; with coefficients of cosines and sines, of the frequencies as well."""
    width = degree + 2 + 2 * len(f) + (0 if coefficients is None else len(f))
    gram, right = np.zeros((width, width)), np.zeros(width)
    for a, b, columns in _columns(len(x), f, degree):
        part = x[a:b]
        if coefficients is not None:
            cosines, sines = columns[:, degree + 2 :: 2], columns[:, degree + 3 :: 2]
            t = 2 * np.pi * np.arange(a, b)[:, np.newaxis]
            slopes = t * (coefficients[:, 1] * cosines - coefficients[:, 0] * sines)
            columns = np.hstack([columns, slopes])
        gram += columns.T @ columns
        right += columns.T @ part
    return gram, right


def _solve(gram: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Least squares from normal equations, scaled to ones on the diagonal."""
    scale = np.sqrt(np.maximum(np.diag(gram), np.finfo(np.float64).tiny))
    solved = np.linalg.lstsq(gram / np.outer(scale, scale), right / scale, rcond=1e-13)[0]
    return solved / scale


def _folded(frequencies: np.ndarray, ratios: np.ndarray, n: int) -> list[list[tuple[int, int]]]:
    """Groups of (sinusoid, multiple): each begins with a frequency and goes on with the multiples of it.

    The more multiples of a fundamental are found, the better it's known; where it isn't known well enough for chance to
    be ruled out, mostly, nothing counts as a multiple.
    """
    cycles = frequencies * n
    variance = 6 / np.maximum(ratios, 1.0) / (2 * np.pi) ** 2  # of the cycles, by the bound of Cramer and Rao
    groups: list[list[tuple[int, int]]] = []
    for i in np.argsort(frequencies).tolist():
        best: tuple[float, int, list[tuple[int, int]]] | None = None
        for group in groups:
            members, multiples = (np.array(v) for v in zip(*group))
            weights = multiples / variance[members]
            base = float(weights @ cycles[members] / (weights @ multiples))
            multiple = max(1, round(cycles[i] / base))
            off = abs(cycles[i] - multiple * base)
            known = max(0.25, 3.5 * float(np.sqrt(multiple**2 / (weights @ multiples) + variance[i])))
            if multiple >= 2 and off <= known <= 0.1 * base and (best is None or off < best[0]):
                best = (off, multiple, group)
        if best is None:
            groups.append([(i, 1)])
        else:
            best[2].append((i, best[1]))
    return groups
