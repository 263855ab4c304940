"""What comes next in a series, by its trend and harmonics, and how good that was when what came next was known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from filterbank.decompose.parts import design, in_samples, multiples_of
from filterbank.errors import InputError, invalid
from filterbank.signals import Signals
from filterbank.spectrum import periods as find_periods
from filterbank.spectrum.inputs import apply

__all__ = ["Backtest", "Forecast", "backtest", "extrapolate"]

LEAST = 16
"""Samples from which on anything is fitted."""


@dataclass(frozen=True, eq=False, repr=False)
class Backtest:
    """How good forecasts were, made at several origins without a look at what came after.

    Parameters
    ----------
    origins : array of int, (origin,)
        Samples that were known each time.
    errors : dict of str to array, (origin, lead)
        What was forecast minus what came, by "harmonics" and by the rivals "naive" (the last value stays),
        "seasonal naive" (the last period repeats) and "mean" (of all that was known).
    rate : float or None
    """

    origins: np.ndarray
    errors: dict[str, np.ndarray]
    rate: float | None

    @property
    def table(self) -> pd.DataFrame:
        """A row a method: mean absolute and root mean square error, and `skill`, one minus their ratio to naive's."""
        rows = []
        naive = float(np.abs(self.errors["naive"]).mean())
        for method, errors in self.errors.items():
            absolute = float(np.abs(errors).mean())
            skill = 1 - absolute / naive if naive > 0 else math.nan
            rows.append((method, absolute, float(np.sqrt(np.mean(errors**2))), skill))
        return pd.DataFrame(rows, columns=["method", "mae", "rmse", "skill"])

    @property
    def by_lead(self) -> pd.DataFrame:
        """The mean absolute error of each method (columns) so many samples ahead (index)."""
        table = pd.DataFrame({method: np.abs(errors).mean(axis=0) for method, errors in self.errors.items()})
        return table.set_axis(pd.RangeIndex(1, len(table) + 1, name="lead"))

    def __repr__(self) -> str:
        shown = ", ".join(f"{row.method} {row.mae:.3g}" for row in self.table.itertuples())
        return f"Backtest({len(self.origins)} origins, {self.errors['naive'].shape[1]} ahead; mean errors: {shown})"


@dataclass(frozen=True, eq=False, repr=False)
class Forecast:
    """What comes next.

    Parameters
    ----------
    values : array, (lead,)
    low, high : array, (lead,)
        The backtest's errors were within these in as many cases as `confidence` says.
    fitted : array, (sample,)
        The same trend and harmonics over what is known.
    signal : array, (sample,)
        What is known.
    frequencies : array, (sinusoid,)
        Of the harmonics: hertz if the rate is known, else cycles/sample.
    confidence : float
    backtest : Backtest
    rate : float or None
    """

    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    fitted: np.ndarray
    signal: np.ndarray
    frequencies: np.ndarray
    confidence: float
    backtest: Backtest
    rate: float | None

    @property
    def times(self) -> np.ndarray:
        """When the values come, counted from the first known sample, in `time_unit`."""
        return (len(self.signal) + np.arange(len(self.values))) / (self.rate or 1.0)

    @property
    def time_unit(self) -> str:
        """The unit of the times: "s", or "samples"."""
        return "samples" if self.rate is None else "s"

    def __repr__(self) -> str:
        errors = self.backtest.table.set_index("method")["mae"]
        return (
            f"Forecast({len(self.values)} ahead of {len(self.signal)} samples, {len(self.frequencies)} sinusoids; mean "
            f"error in the backtest {errors['harmonics']:.3g}, naive {errors['naive']:.3g}, "
            f"seasonal naive {errors['seasonal naive']:.3g})"
        )


def extrapolate(
    signal: ArrayLike | Signals,
    n_ahead: int,
    *,
    period: float | Sequence[float] | None = None,
    rate: float | None = None,
    n_harmonics: int | None = None,
    degree: int = 1,
    confidence: float = 0.9,
    n_origins: int = 20,
) -> Any:
    """Continue a series by its trend and harmonics, and say how good that would have been in the past.

    Parameters
    ----------
    signal : array, (sample,) or (channel, sample), or Signals
    n_ahead : int
        Samples to forecast.
    period : float or sequence of float, optional
        Seconds if the rate is known, else samples. None: found by `filterbank.spectrum.periods`, in the backtest
        again in what was known at each origin.
    rate : float, optional
        Samples per second.
    n_harmonics : int, optional
        Of each period. None: as many as the corrected Akaike criterion prefers, at most 12. Not for periods that are
        found, which come with their harmonics.
    degree : {0, 1, 2}
        Of the trend: level, line, parabola.
    confidence : float
        Of the interval, which is made of the backtest's errors at the same lead or before.
    n_origins : int
        Forecasts in the backtest, evenly spaced over the second half of the signal.

    Returns
    -------
    Forecast; a list of them for several channels, a list a signal for Signals

    Raises
    ------
    InputError
        If the signal is too short for a backtest, has NaN, or there are too few origins for the confidence.

    Notes
    -----
    What the fit leaves of the last known value is added, fading by the rest's autocorrelation from one sample to the
    next. A harmonic regression knows no end of a cycle and no change: it's good for what repeats (tides, years, weeks),
    and the backtest says where it isn't. Intervals are split-conformal: quantile `ceil((m + 1) * confidence)` of the
    `m` absolute errors; since origins are near each other, they hold roughly.

    References
    ----------
    Tashman, "Out-of-sample tests of forecasting accuracy", International Journal of Forecasting 16, 2000 (rolling
    origins). Hurvich and Tsai, "Regression and time series model selection in small samples", Biometrika 76, 1989.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(120)
    >>> x = 0.05 * t + np.sin(2 * np.pi * t / 12) + np.random.default_rng(0).normal(scale=0.2, size=120)
    >>> found = extrapolate(x, 12, period=12)
    >>> found
    Forecast(12 ahead of 120 samples, 1 sinusoids; mean error in the backtest 0.177, naive 0.959, seasonal naive 0.589)
    >>> bool(abs(found.values - 0.05 * (t[-1] + 1 + t[:12]) - np.sin(2 * np.pi * t[:12] / 12)).max() < 0.2)
    True
    """
    _check(n_ahead, degree, n_origins)
    if not 0 < confidence < 1:
        raise invalid("confidence", confidence, "between 0 and 1")
    rank = math.ceil((n_origins + 1) * confidence - 1e-9)
    if rank > n_origins:
        needed = math.ceil(confidence / (1 - confidence) - 1e-9)
        raise invalid("n_origins", n_origins, f"at least {needed}, which confidence={confidence} needs", do="Raise it.")

    def one(x: np.ndarray, rate: float | None) -> Forecast:
        tested = _backtest(x, n_ahead, period, rate, n_harmonics, degree, n_origins)
        frequencies = _frequencies(x, period, rate, n_harmonics, degree)
        both = _continued(x, frequencies, degree, n_ahead)
        errors = np.sort(np.abs(tested.errors["harmonics"]), axis=0)
        wide = np.maximum.accumulate(errors[min(rank, len(errors)) - 1])
        values = both[len(x) :]
        hertz = np.array(frequencies) * (rate or 1.0)
        return Forecast(values, values - wide, values + wide, both[: len(x)], x, hertz, confidence, tested, rate)

    return _rows(one, signal, rate)


def backtest(
    signal: ArrayLike | Signals,
    n_ahead: int,
    *,
    period: float | Sequence[float] | None = None,
    rate: float | None = None,
    n_harmonics: int | None = None,
    degree: int = 1,
    n_origins: int = 20,
) -> Any:
    """Forecast a known series from several origins in its second half, and compare with simple rivals.

    Everything is fitted to what was known at each origin, the periods too where none is given.

    Parameters
    ----------
    signal, n_ahead, period, rate, n_harmonics, degree, n_origins
        As for `extrapolate`.

    Returns
    -------
    Backtest; a list of them for several channels, a list a signal for Signals

    Examples
    --------
    >>> import numpy as np
    >>> walk = np.random.default_rng(0).normal(size=300).cumsum()
    >>> backtest(walk, 5).table.set_index("method")["skill"].round(2).to_dict()  # nothing to be known
    {'harmonics': -0.32, 'naive': 0.0, 'seasonal naive': -0.45, 'mean': -2.0}
    """
    _check(n_ahead, degree, n_origins)
    return _rows(lambda x, r: _backtest(x, n_ahead, period, r, n_harmonics, degree, n_origins), signal, rate)


def _rows(one: Any, signal: Any, rate: float | None) -> Any:
    """Apply to each channel; a signal with one gives one result."""

    def each(x: np.ndarray, rate: float | None, index: int) -> Any:
        found = [one(row.astype(np.float64), rate) for row in x.reshape(-1, x.shape[-1])]
        return found[0] if len(found) == 1 else found

    return apply(each, signal, rate=rate, least=LEAST)


def _check(n_ahead: Any, degree: int, n_origins: Any) -> None:
    for name, value in (("n_ahead", n_ahead), ("n_origins", n_origins)):
        if not (np.ndim(value) == 0 and value == int(value) and value >= 1):
            raise invalid(name, value, "a whole number, 1 or more")
    if degree not in (0, 1, 2):
        raise invalid("degree", degree, "0, 1 or 2")


def _backtest(
    x: np.ndarray,
    n_ahead: int,
    period: Any,
    rate: float | None,
    n_harmonics: int | None,
    degree: int,
    n_origins: int,
) -> Backtest:
    n = len(x)
    longest = 0.0 if period is None else max(in_samples(p, rate, n) for p in np.atleast_1d(period).tolist())
    first = max(n // 2, LEAST, math.ceil(2 * longest))
    if first > n - n_ahead:
        raise InputError(
            f"the signal has {n} samples, too few for a backtest with n_ahead={n_ahead}: it needs {first + n_ahead}, "
            "half of the signal or two periods to fit, and what came then. Lower n_ahead."
        )
    origins = np.unique(np.linspace(first, n - n_ahead, n_origins).round().astype(int))
    errors: dict[str, list[np.ndarray]] = {"harmonics": [], "naive": [], "seasonal naive": [], "mean": []}
    for origin in origins:
        known, came = x[:origin], x[origin : origin + n_ahead]
        frequencies = _frequencies(known, period, rate, n_harmonics, degree)
        season = _longest_period(period, rate, frequencies)
        forecasts = {
            "harmonics": _continued(known, frequencies, degree, n_ahead)[origin:],
            "naive": np.full(n_ahead, known[-1]),
            "seasonal naive": _repeated(known, season, n_ahead),
            "mean": np.full(n_ahead, known.mean()),
        }
        for method, values in forecasts.items():
            errors[method].append(values - came)
    return Backtest(origins, {method: np.array(rows) for method, rows in errors.items()}, rate)


def _frequencies(x: np.ndarray, period: Any, rate: float | None, n_harmonics: int | None, degree: int) -> list[float]:
    """The sinusoids to fit, in cycles/sample: of the periods that are given, or that are found."""
    if period is None:
        if n_harmonics is not None:
            raise invalid("n_harmonics", n_harmonics, "given without a period", do="Pass period, or leave it out.")
        if np.ptp(x) <= 1e-12 * np.abs(x).max(initial=1e-300):
            return []
        try:
            found = find_periods(x)
        except InputError:  # a straight line: the signal itself was checked
            return []
        return [
            float(f) * h for f, extra in zip(found.frequencies, found.harmonics) for h in (1, *extra) if f * h <= 0.5
        ]
    samples = [in_samples(p, rate, len(x)) for p in np.atleast_1d(period).tolist()]
    most = [
        multiples_of(p, None if n_harmonics is None else min(n_harmonics, math.floor(p / 2 + 1e-9))) for p in samples
    ]
    if n_harmonics is not None:
        return sorted({f for row in most for f in row})
    best: tuple[float, list[float]] = (math.inf, [])
    for k in range(1, max(map(len, most)) + 1):
        chosen = sorted({f for row in most for f in row[:k]})
        columns = design(np.arange(len(x)), chosen, degree, len(x))
        n, width = columns.shape
        if width > n // 3:
            break
        rest = x - columns @ np.linalg.lstsq(columns, x, rcond=None)[0]
        square = max(float(rest @ rest) / n, 1e-20 * float(np.mean(x * x)), 1e-300)
        criterion = n * math.log(square) + 2 * (width + 1) * n / (n - width - 2)
        best = min(best, (criterion, chosen), key=lambda pair: pair[0])
    return best[1]


def _continued(x: np.ndarray, frequencies: Sequence[float], degree: int, n_ahead: int) -> np.ndarray:
    """Trend and sinusoids, fitted to what is known, there and beyond, where the last rest fades as rests did before."""
    n = len(x)
    columns = design(np.arange(n + n_ahead), frequencies, degree, n)
    out = columns @ np.linalg.lstsq(columns[:n], x, rcond=None)[0]
    rest = x - out[:n]
    square = float(rest @ rest)
    if square > 1e-20 * float(x @ x):
        fading = float(np.clip(rest[1:] @ rest[:-1] / square, 0.0, 0.999))
        out[n:] += rest[-1] * fading ** np.arange(1, n_ahead + 1)
    return out


def _longest_period(period: Any, rate: float | None, frequencies: Sequence[float]) -> float | None:
    """What the seasonal naive forecast repeats, in samples: the first period that is given, or found."""
    if period is not None:
        return float(np.atleast_1d(period)[0]) * (rate or 1.0)
    return 1 / frequencies[0] if frequencies else None


def _repeated(x: np.ndarray, period: float | None, n_ahead: int) -> np.ndarray:
    """The last period again and again; the last value where there is none."""
    if period is None:
        return np.full(n_ahead, x[-1])
    lead = np.arange(1, n_ahead + 1)
    back = np.ceil(lead / period - 1e-9) * period
    at = len(x) - 1 + lead - np.maximum(np.round(back), lead).astype(int)
    return x[np.maximum(at, 0)]
