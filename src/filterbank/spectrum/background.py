"""Red noise under a spectrum: fitted beside its peaks, with what is known of it at each frequency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Background"]

TRIED = np.concatenate([np.linspace(-0.9, 0.8, 35), 1 - np.geomspace(0.19, 1e-3, 40)])
"""Autocorrelations that are tried before the best is refined."""
SAMPLED = 4096
"""Frequencies that are enough for a fit of medians."""
HALF = 0.5
"""Every second frequency lies between those of a plain transform and tells nothing new. But what leaks from a signal's
ends differs there, and near a random walk that's as much as anything."""
CANDIDATE = 0.5
"""A peak this improbable (1: sure), beside the fit of medians, is left out of the likelihood."""
MEDIAN_INFORMATION = 2.08
"""The variance of a median of logarithms of exponential variables, times their number."""


@dataclass(frozen=True)
class Background:
    """The spectrum of an autoregression of order one, `scale / (1 + a^2 - 2 a cos(2 pi f))`.

    Frequencies are numbers `k` of a transform of twice the signal's length.
    """

    autocorrelation: float
    scale: float
    precision: np.ndarray  # the inverse of the covariance of log scale and a
    n_fft: int
    n_tests: int

    @classmethod
    def fit(cls, power: np.ndarray, tested: np.ndarray, n: int, found: Sequence[float], *leave: int) -> Background:
        """Fit to a periodogram, `(frequency,)`, without what was found (cycles/sample) and more that's left out."""
        n_fft = 2 * n
        grid = np.arange(3, n_fft // 2)  # all but the first, which detrending takes; see HALF
        free = np.ones(len(grid), dtype=bool)
        for f in found:
            free &= np.abs(grid - f * n_fft) > 2.5
        if free.sum() < 4:
            free[:] = True
        grid = grid[free]
        medians = cls._of_medians(power, grid, n_fft, len(tested))
        ratio = power[tested] / np.maximum(medians.at(tested), np.finfo(np.float64).tiny)
        v = medians.information(tested)
        likely = len(tested) * (1 + ratio / v) ** -v
        outliers = [*tested[likely < CANDIDATE].tolist(), *leave]
        kept = np.ones(len(grid), dtype=bool)
        for k in outliers:
            kept &= np.abs(grid - k) > 2.5
        if kept.sum() < max(4, len(grid) // 2):
            kept[:] = True
        return cls._by_likelihood(power, grid[kept], n_fft, len(tested))

    @classmethod
    def _of_medians(cls, power: np.ndarray, grid: np.ndarray, n_fft: int, n_tests: int) -> Background:
        some = grid[:: max(1, len(grid) // SAMPLED)]
        logs = np.log(np.maximum(power[some], np.finfo(np.float64).tiny))
        cosine = _cosine(some, n_fft)
        best = (np.inf, 0.0, 0.0)
        for a in TRIED:
            left = logs + np.log(_inverse(a, cosine))
            middle = float(np.median(left))
            best = min(best, (float(np.abs(left - middle).sum()), float(a), middle))
        _, a, middle = best
        return cls._with_information(a, np.exp(middle) / np.log(2), cosine, n_fft, n_tests, HALF / MEDIAN_INFORMATION)

    @classmethod
    def _by_likelihood(cls, power: np.ndarray, grid: np.ndarray, n_fft: int, n_tests: int) -> Background:
        from scipy.optimize import minimize_scalar

        values, cosine = power[grid], _cosine(grid, n_fft)

        def cost(a: float) -> float:
            inverse = _inverse(a, cosine)
            return len(grid) * np.log(np.mean(values * inverse) + np.finfo(np.float64).tiny) - np.log(inverse).sum()

        some = slice(None, None, max(1, len(TRIED) // 25))
        tried = TRIED[some]
        at = int(np.argmin([cost(a) for a in tried]))
        low, high = tried[max(at - 1, 0)], tried[min(at + 1, len(tried) - 1)]
        a = float(minimize_scalar(cost, bounds=(low, high), method="bounded", options={"xatol": 1e-5}).x)
        return cls._with_information(a, float(np.mean(values * _inverse(a, cosine))), cosine, n_fft, n_tests, HALF)

    @classmethod
    def _with_information(
        cls, a: float, scale: float, cosine: np.ndarray, n_fft: int, n_tests: int, weight: float
    ) -> Background:
        slopes = _slopes(a, cosine)
        return cls(a, scale, weight * slopes.T @ slopes, n_fft, n_tests)

    def at(self, k: np.ndarray) -> np.ndarray:
        """Return the spectrum."""
        return self.scale / _inverse(self.autocorrelation, _cosine(k, self.n_fft))

    def information(self, k: np.ndarray) -> np.ndarray:
        """Return one over the variance of the spectrum's logarithm, as it's known."""
        slopes = _slopes(self.autocorrelation, _cosine(k, self.n_fft))
        variance = np.einsum("ki,ij,kj->k", slopes, np.linalg.pinv(self.precision), slopes)
        return 1 / np.clip(variance, 1e-12, 2.0)

    def threshold(self, k: np.ndarray, level: float) -> np.ndarray:
        """Return what noise exceeds anywhere, among all frequencies that are tested, with this probability."""
        one = -np.expm1(np.log1p(-level) / self.n_tests)
        v = self.information(k)
        return self.at(k) * v * (one ** (-1 / v) - 1)

    def highest(
        self, power: np.ndarray, tested: np.ndarray, n: int, found: Sequence[float]
    ) -> tuple[int, float, float]:
        """Return the frequency that is highest over the background, by what factor, and how probable that is."""
        free = np.ones(len(tested), dtype=bool)
        for f in found:
            free &= np.abs(tested - f * self.n_fft) > 2
        if not free.any():
            return int(tested[0]), 0.0, 1.0
        k = tested[free]
        at = int(k[np.argmax(power[k] / self.at(k))])
        beside = Background.fit(power, tested, n, found, at)
        here = np.array([at])
        v = float(beside.information(here)[0])
        ratio = float(power[at] / max(float(beside.at(here)[0]), np.finfo(np.float64).tiny))
        one = np.exp(-v * np.log1p(ratio / v))
        return at, ratio, float(-np.expm1(self.n_tests * np.log1p(-min(one, 1 - 1e-16))))


def _cosine(k: np.ndarray, n_fft: int) -> np.ndarray:
    return np.cos(2 * np.pi * k / n_fft)


def _inverse(a: float, cosine: np.ndarray) -> np.ndarray:
    """`1 + a^2 - 2 a cos(2 pi f)`."""
    return (1 + a * a) - (2 * a) * cosine


def _slopes(a: float, cosine: np.ndarray) -> np.ndarray:
    """Derivatives of the spectrum's logarithm by the logarithm of the scale and by `a`, `(frequency, 2)`."""
    return np.stack([np.ones(len(cosine)), (2 * cosine - 2 * a) / _inverse(a, cosine)], axis=1)
