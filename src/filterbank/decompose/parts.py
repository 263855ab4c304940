"""A series as trend, season and rest, and the outliers among the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.fft
from numpy.typing import ArrayLike

from filterbank.errors import invalid
from filterbank.signals import Signals
from filterbank.spectrum.inputs import apply

__all__ = ["Decomposition", "Outliers", "decompose", "design", "in_samples", "multiples_of", "outliers"]

METHODS = ("fourier", "moving_average")
MAX_HARMONICS = 12
THRESHOLDS = {"iqr": 1.5, "z": 3.5}
"""Tukey's fences; Iglewicz and Hoaglin's limit for robust z-scores."""
PASSES = 40  # of finding outliers, and of decomposing without them
NOISE, ROUNDING = 1e-10, 1e-13  # of a signal's range, and of its largest value: smaller deviations are rounding


@dataclass(frozen=True, eq=False, repr=False)
class Decomposition:
    """A signal as a sum of three.

    Parameters
    ----------
    trend, season, rest : array, (sample,) or (channel, sample)
    period : float
        In `unit`.
    rate : float or None
        Samples per second.
    method : {"fourier", "moving_average"}
    """

    trend: np.ndarray
    season: np.ndarray
    rest: np.ndarray
    period: float
    rate: float | None
    method: str

    @property
    def signal(self) -> np.ndarray:
        """What was decomposed."""
        return self.trend + self.season + self.rest

    @property
    def unit(self) -> str:
        """The unit of the period: "s", or "samples"."""
        return "samples" if self.rate is None else "s"

    @property
    def seasonal_strength(self) -> float:
        """How much of what isn't trend is season, from 0 to 1 (Wang, Smith and Hyndman 2006, section 3.1)."""
        both = float((self.season + self.rest).var())
        return max(0.0, 1 - float(self.rest.var()) / both) if both > 0 else 0.0

    def __repr__(self) -> str:
        return (
            f"Decomposition({self.trend.shape[-1]} samples, period {self.period:g} {self.unit}, {self.method}, "
            f"seasonal strength {self.seasonal_strength:.2f})"
        )


def decompose(
    signal: ArrayLike | Signals,
    *,
    period: float,
    rate: float | None = None,
    method: str = "fourier",
    n_harmonics: int | None = None,
    bandwidth: float = 0.0,
) -> Any:
    """Decompose a series into trend, season and rest, which add up to it.

    Parameters
    ----------
    signal : array, (sample,) or (channel, sample), or Signals
        At least two periods long. Where the season grows with the trend, pass the logarithm.
    period : float
        Seconds if the rate is known, else samples; two samples or more. See `filterbank.spectrum.periods`.
    rate : float, optional
        Samples per second.
    method : {"fourier", "moving_average"}
        "fourier": a line and the period's harmonics are fitted by least squares; of what is left, frequencies below
        about half of the period's go to the trend, and those within `bandwidth` of the harmonics to the season. Any
        period will do. "moving_average": the classical way. The trend is the mean over a period around each sample,
        continued to the ends by lines; the season is the mean of each of its phases. The period must be a whole number
        of samples.
    n_harmonics : int, optional
        For "fourier". None: all that there are, at most 12.
    bandwidth : float
        For "fourier": by how much the season may change, as a half-width around each harmonic, hertz or cycles/sample.
        0: it repeats exactly.

    Returns
    -------
    Decomposition, or list of them for Signals

    Raises
    ------
    InputError
        For a signal shorter than two periods, a period that isn't a whole number of samples (moving averages), NaN.

    Notes
    -----
    Both ways are linear in the signal. Cost of "fourier": `n` times the square of the number of harmonics, and a cosine
    transform.

    References
    ----------
    Brockwell and Davis, "Introduction to Time Series and Forecasting", 3rd edition, sections 1.3.2 (harmonic
    regression) and 1.5.2 (moving averages).

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(120)
    >>> x = 5 + 0.1 * t + np.sin(2 * np.pi * t / 12.5)
    >>> parts = decompose(x, period=12.5)
    >>> parts
    Decomposition(120 samples, period 12.5 samples, fourier, seasonal strength 1.00)
    >>> bool(np.allclose(parts.trend, 5 + 0.1 * t))
    True
    """
    if method not in METHODS:
        raise invalid("method", method, f"one of {', '.join(METHODS)}")

    def one(x: np.ndarray, rate: float | None, index: int) -> Decomposition:
        n = x.shape[-1]
        samples = in_samples(period, rate, n)
        rows = x.reshape(-1, n).astype(np.float64)
        if method == "fourier":
            trend, season = _by_fourier(rows, samples, n_harmonics, bandwidth / (rate or 1.0))
        else:
            trend, season = _by_averages(rows, samples, period)
        trend, season = trend.reshape(x.shape), season.reshape(x.shape)
        return Decomposition(trend, season, x - trend - season, float(period), rate, method)

    return apply(one, signal, rate=rate, least=4)


def in_samples(period: Any, rate: float | None, n: int, *, name: str = "period") -> float:
    """Return a period in samples, checked."""
    unit = "samples" if rate is None else "s"
    low, high = 2 / (rate or 1.0), n / 2 / (rate or 1.0)
    if not (np.ndim(period) == 0 and np.isfinite(period) and low <= period <= high * (1 + 1e-12)):
        raise invalid(
            name,
            period,
            f"between {low:g} and {high:g} {unit}",
            why="two samples, and half of what there is of the signal",
        )
    return float(period) * (rate or 1.0)


def design(t: np.ndarray, frequencies: Sequence[float], degree: int, n: int) -> np.ndarray:
    """Return powers of time, cosines and sines, `(sample, column)`; a sine that is zero at every sample is left out."""
    columns = [((t - (n - 1) / 2) / n) ** power for power in range(degree + 1)]
    for f in frequencies:
        columns.append(np.cos(2 * np.pi * f * t))
        if abs(f - 0.5) > 1e-9:
            columns.append(np.sin(2 * np.pi * f * t))
    return np.stack(columns, axis=1)


def multiples_of(samples: float, n_harmonics: int | None) -> list[float]:
    """Return the harmonics of a period, in cycles/sample."""
    most = math.floor(samples / 2 + 1e-9)
    if n_harmonics is None:
        n_harmonics = min(most, MAX_HARMONICS)
    if n_harmonics != int(n_harmonics) or not 1 <= n_harmonics <= most:
        raise invalid("n_harmonics", n_harmonics, f"between 1 and {most}, which this period has below half the rate")
    return [k / samples for k in range(1, int(n_harmonics) + 1)]


def _by_fourier(
    rows: np.ndarray, samples: float, n_harmonics: int | None, bandwidth: float
) -> tuple[np.ndarray, np.ndarray]:
    n = rows.shape[1]
    if not 0 <= bandwidth <= 0.25 / samples:
        raise invalid("bandwidth", bandwidth, "between 0 and a quarter of one over the period", why="in cycles/sample")
    multiples = multiples_of(samples, n_harmonics)
    columns = design(np.arange(n), multiples, 1, n)
    if columns.shape[1] > n:
        raise invalid(
            "n_harmonics", n_harmonics, f"few enough for {n} samples", why=f"they make {columns.shape[1]} columns"
        )
    beta = np.linalg.lstsq(columns, rows.T, rcond=None)[0]
    trend, season = (columns[:, :2] @ beta[:2]).T, (columns[:, 2:] @ beta[2:]).T
    left = scipy.fft.dct(rows - trend - season, norm="ortho", axis=1)
    f = np.arange(n) / (2 * n)
    low = 0.5 + 0.5 * np.cos(
        np.pi * np.clip(2 * f * samples - 0.5, 0, 1)
    )  # 1 to a quarter of the frequency, 0 from 3/4
    trend += scipy.fft.idct(left * low, norm="ortho", axis=1)
    if bandwidth:
        comb = (np.abs(f[:, np.newaxis] - np.array(multiples)) <= bandwidth).any(axis=1)
        season += scipy.fft.idct(left * comb, norm="ortho", axis=1)
    return trend, season


def _by_averages(rows: np.ndarray, samples: float, period: float) -> tuple[np.ndarray, np.ndarray]:
    p = round(samples)
    if abs(samples - p) > 1e-9 * samples:
        raise invalid(
            "period", period, "a whole number of samples", why=f"it is {samples:g} of them", do="Use method='fourier'."
        )
    n, half = rows.shape[1], p // 2
    weights = np.full(p, 1 / p) if p % 2 else np.concatenate([[0.5], np.ones(p - 1), [0.5]]) / p
    inner = np.stack([np.convolve(row, weights, mode="valid") for row in rows])
    trend = np.empty_like(rows)
    trend[:, half : n - half] = inner
    near = min(p, inner.shape[1])
    for ends, at in (
        (np.arange(half), np.arange(half, half + near)),
        (np.arange(n - half, n), np.arange(n - half - near, n - half)),
    ):
        t = at - at.mean()
        slope = trend[:, at] @ t / (float(t @ t) or 1.0)
        trend[:, ends] = trend[:, at].mean(axis=1, keepdims=True) + slope[:, np.newaxis] * (ends - at.mean())
    left = (rows - trend)[:, half : n - half]
    phase = np.arange(half, n - half) % p
    means = np.stack([np.bincount(phase, row, p) for row in left]) / np.bincount(phase, minlength=p)
    means -= means.mean(axis=1, keepdims=True)
    return trend, means[:, np.arange(n) % p]


@dataclass(frozen=True, eq=False, repr=False)
class Outliers:
    """Samples that don't fit a series' trend and season.

    Parameters
    ----------
    mask : array of bool, (sample,) or (channel, sample)
    scores : array, as `mask`
        The rest over its robust standard deviation, about its median.
    low, high : array, () or (channel,)
        The rest is expected between these.
    decomposition : Decomposition
        Without the influence of the outliers; they are in its rest.
    """

    mask: np.ndarray
    scores: np.ndarray
    low: np.ndarray
    high: np.ndarray
    decomposition: Decomposition

    @property
    def table(self) -> pd.DataFrame:
        """A row an outlier: channel, sample, time (seconds, or samples), value, what was expected, and the score."""
        parts = self.decomposition
        rows = np.argwhere(np.atleast_2d(self.mask))
        value, trend, season, scores = (
            np.atleast_2d(a)[tuple(rows.T)] for a in (parts.signal, parts.trend, parts.season, self.scores)
        )
        return pd.DataFrame(
            {
                "channel": rows[:, 0],
                "sample": rows[:, 1],
                "time": rows[:, 1] / (parts.rate or 1.0),
                "value": value,
                "expected": trend + season,
                "score": scores,
            }
        )

    def __len__(self) -> int:
        return int(self.mask.sum())

    def __repr__(self) -> str:
        return f"Outliers({len(self)} of {self.mask.size} samples)"


def outliers(
    signal: ArrayLike | Signals,
    *,
    period: float,
    rate: float | None = None,
    rule: str = "iqr",
    threshold: float | None = None,
    method: str = "fourier",
    **options: Any,
) -> Any:
    """Find the samples of a series that are far from its trend and season.

    Outliers pull at trend and season: so the worst are taken first, and trend and season computed again without them,
    until nothing changes.

    Parameters
    ----------
    signal : array, (sample,) or (channel, sample), or Signals
    period, rate, method, **options
        As for `decompose`.
    rule : {"iqr", "z"}
        "iqr": the rest is beyond a quartile by more than `threshold` times the distance of the quartiles. "z": it is
        from the median by more than `threshold` robust standard deviations (1.4826 times the median deviation).
    threshold : float, optional
        None: 1.5 for "iqr", which takes 0.7 % of normal noise as well; 3.5 for "z", 0.05 %.

    Returns
    -------
    Outliers, or list of them for Signals

    References
    ----------
    Tukey, "Exploratory Data Analysis", 1977, section 2D. Iglewicz and Hoaglin, "How to Detect and Handle Outliers",
    1993, page 11.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(96)
    >>> x = np.sin(2 * np.pi * t / 12) + np.random.default_rng(0).normal(scale=0.1, size=96)
    >>> x[40] += 2
    >>> outliers(x, period=12, rule="z").table[["sample", "expected"]].round(1).to_dict("list")
    {'sample': [40], 'expected': [0.9]}
    """
    if rule not in THRESHOLDS:
        raise invalid("rule", rule, f"one of {', '.join(THRESHOLDS)}")
    limit = THRESHOLDS[rule] if threshold is None else threshold
    if not limit > 0:
        raise invalid("threshold", threshold, "a positive number")

    def one(x: np.ndarray, rate: float | None, index: int) -> Outliers:
        x = x.astype(np.float64)
        least = NOISE * np.ptp(x, axis=-1) + ROUNDING * np.abs(x).max(axis=-1)
        mask, expected = np.zeros(x.shape, dtype=bool), x
        for _ in range(PASSES):
            for _ in range(PASSES):  # what is expected in the place of outliers, until it's what follows from it
                before = expected
                parts = decompose(np.where(mask, expected, x), period=period, rate=rate, method=method, **options)
                expected = parts.trend + parts.season
                rest = x - expected
                low, high, middle, spread = _fences(rest, rule, limit, least)
                if (np.abs(np.where(mask, expected - before, 0)).max(axis=-1) <= 1e-3 * spread).all():
                    break
            scores = (rest - middle[..., np.newaxis]) / spread[..., np.newaxis]
            found = (rest < low[..., np.newaxis]) | (rest > high[..., np.newaxis])
            sizes = np.where(found & ~mask, np.abs(scores), 0)
            worst = (sizes > 0) & (sizes >= 0.5 * sizes.max(axis=-1, keepdims=True))  # others may be of their making
            if not worst.any() and (found == mask).all():
                break
            mask = (mask & found) | worst
        mask = found
        whole = Decomposition(parts.trend, parts.season, rest, parts.period, rate, method)
        return Outliers(mask, scores, low, high, whole)

    return apply(one, signal, rate=rate, least=4)


def _fences(rest: np.ndarray, rule: str, limit: float, least: np.ndarray) -> tuple[np.ndarray, ...]:
    """What the rest is expected between, its median and its robust standard deviation (at least `least`)."""
    first, middle, third = np.quantile(rest, [0.25, 0.5, 0.75], axis=-1)
    least = np.maximum(least, np.finfo(np.float64).tiny)
    spread = np.maximum(1.4826 * np.median(np.abs(rest - middle[..., np.newaxis]), axis=-1), least)
    if rule == "z":
        return middle - limit * spread, middle + limit * spread, middle, spread
    wide = limit * np.maximum(third - first, least)
    return first - wide, third + wide, middle, spread
