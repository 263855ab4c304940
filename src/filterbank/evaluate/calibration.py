"""Whether probabilities mean what they say: the reliability curve, Brier's score and the calibration error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from filterbank.errors import InputError, invalid
from filterbank.evaluate.intervals import cluster_bootstrap, interval

__all__ = ["Calibration", "calibration"]

DRAWS = 500


@dataclass(frozen=True)
class Calibration:
    """What `calibration` found.

    Attributes
    ----------
    table : DataFrame
        A row for each bin with signals: `lower`, `upper` (of the confidence, the probability of the class that is
        told), `n`, `confidence` (mean), `accuracy`, `low`, `high` (95 % interval of the accuracy).
    brier : float
        Mean over signals of the sum over classes of the squared errors of probability, from 0 to 2.
    brier_low, brier_high : float
        Its 95 % interval.
    brier_of_shares : float
        Brier's score of always telling the classes' shares: what there is to beat.
    error : float
        Expected calibration error: the mean distance of accuracy and confidence over bins, weighted by their signals.
    error_low, error_high : float
        Its 95 % interval.
    error_by_chance : float
        The median error of a perfectly calibrated model on so many signals: it isn't 0, since bins hold few signals.
    error_by_chance_high : float
        The 95th percentile of that.
    sentence : str
    """

    table: pd.DataFrame
    brier: float
    brier_low: float
    brier_high: float
    brier_of_shares: float
    error: float
    error_low: float
    error_high: float
    error_by_chance: float
    error_by_chance_high: float
    sentence: str


def calibration(
    probabilities: Any,
    y: Any,
    *,
    clusters: Any = None,
    n_bins: int = 10,
    n_resamples: int = 1000,
    random_state: int | None = 0,
) -> Calibration:
    """Compare the probabilities that a model tells with how often it's right.

    Parameters
    ----------
    probabilities : array, (signal, class)
        Of signals that the model hasn't seen; the classes sorted, each row adding up to 1.
    y : array, (signal,)
        Labels: all classes occur.
    clusters : array, (signal,), optional
        The independent unit that each signal belongs to.
    n_bins : int
        Bins of equal width from 0 to 1.
    n_resamples : int
        For the intervals, of whole clusters.
    random_state : int, optional

    Returns
    -------
    Calibration

    Raises
    ------
    InputError
        If the shapes don't fit, or rows are no probabilities.

    References
    ----------
    G. W. Brier, Verification of forecasts expressed in terms of probability, Monthly Weather Review 78 (1950) 1-3.
    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, On calibration of modern neural networks, ICML (2017), equation 3.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(size=500)
    >>> y = (rng.uniform(size=500) < p).astype(int)
    >>> found = calibration(np.column_stack([1 - p, p]), y)
    >>> found.error < found.error_by_chance_high, f"{found.brier:.2f}"
    (True, '0.33')
    """
    told = np.asarray(probabilities, dtype=np.float64)
    classes, labels = np.unique(np.asarray(y), return_inverse=True)
    if told.ndim != 2 or told.shape != (len(labels), len(classes)):
        raise InputError(
            f"probabilities have shape {told.shape}; {len(labels)} signals of {len(classes)} classes need "
            f"({len(labels)}, {len(classes)})."
        )
    sums = told.sum(axis=1)
    bad = np.flatnonzero(~(np.isfinite(sums) & (np.abs(sums - 1) < 1e-6) & (told >= -1e-9).all(axis=1)))
    if len(bad):
        raise InputError(f"probabilities of signal {bad[0]} are {told[bad[0]].tolist()}, which don't add up to 1.")
    if n_bins < 2:
        raise invalid("n_bins", n_bins, "2 or more")
    confidence, right = told.max(axis=1), told.argmax(axis=1) == labels
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    losses = ((told - np.eye(len(classes))[labels]) ** 2).sum(axis=1)
    units = np.arange(len(labels)) if clusters is None else np.asarray(clusters)
    rows = []
    for k in np.unique(bins):
        mine = bins == k
        low, high = interval(right[mine], units[mine])
        rows.append(
            {
                "lower": k / n_bins, "upper": (k + 1) / n_bins, "n": int(mine.sum()),
                "confidence": float(confidence[mine].mean()), "accuracy": float(right[mine].mean()),
                "low": low, "high": high,
            }
        )  # fmt: skip
    gap = right - confidence
    error = _error(gap, bins, n_bins)
    bounds = [
        cluster_bootstrap(f, units, n_resamples=n_resamples, random_state=random_state)
        for f in (lambda i: losses[i].mean(), lambda i: _error(gap[i], bins[i], n_bins))
    ]
    rng = np.random.default_rng(random_state)
    by_chance = [_error((rng.uniform(size=len(labels)) < confidence) - confidence, bins, n_bins) for _ in range(DRAWS)]
    shares = np.bincount(labels) / len(labels)
    usual, most = (float(v) for v in np.quantile(by_chance, (0.5, 0.95)))
    mean_gap = float(confidence.mean() - right.mean())
    if error <= most:
        sentence = (
            f"The probabilities are off by {error:.3f} on average, as those of a perfect model would be by chance "
            f"({usual:.3f}, up to {most:.3f}) with so few signals."
        )
    else:
        way = (
            "too sure of itself" if mean_gap > 0.01 else "too modest" if mean_gap < -0.01 else "sure at the wrong times"
        )
        sentence = (
            f"The probabilities are off by {error:.3f} on average, more than a perfect model's would be by chance "
            f"({usual:.3f}, up to {most:.3f}): the model is {way} (mean confidence {confidence.mean():.2f}, accuracy "
            f"{right.mean():.2f})."
        )
    return Calibration(
        table=pd.DataFrame(rows), brier=float(losses.mean()), brier_low=bounds[0][0], brier_high=bounds[0][1],
        brier_of_shares=float(1 - (shares**2).sum()), error=error, error_low=bounds[1][0], error_high=bounds[1][1],
        error_by_chance=usual, error_by_chance_high=most, sentence=sentence,
    )  # fmt: skip


def _error(gap: np.ndarray, bins: np.ndarray, n_bins: int) -> float:
    return float(np.abs(np.bincount(bins, weights=gap, minlength=n_bins)).sum() / len(gap))
