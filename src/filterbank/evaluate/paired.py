"""Two pipelines on the same test signals: how far apart they are, and whether that could be luck."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy import stats

from filterbank.errors import InputError, invalid
from filterbank.evaluate.intervals import _codes, _right, mean_interval

__all__ = ["PairedComparison", "compare_pair", "corrected_t", "mcnemar", "sign_flip", "signed_rank_posterior"]

ROPE = 0.01
ENUMERATED = 14
FLIPS = 20_000
DRAWS = 20_000


@dataclass(frozen=True)
class PairedComparison:
    """What `compare_pair` found; the first is better where `difference` is positive.

    Attributes
    ----------
    difference : float
        Accuracy of the first less that of the second.
    low, high : float
        Its 95 % interval, which respects clusters.
    only_first, only_second : int
        Signals that one of them alone got right.
    mcnemar : float
        p value of McNemar's exact test: whether the two get equally many signals right. It takes signals for
        independent.
    sign_flip : float
        p value of the sign-flip test over clusters, which doesn't.
    least : float
        The lowest p value that so many clusters could have given.
    corrected_t : float
        p value of Nadeau and Bengio's corrected resampled t test over folds; NaN without folds.
    better, same, worse : float
        Probabilities that the first is better by more than 0.01, within 0.01 of the second, and worse by more than
        that, by the Bayesian signed-rank test over clusters.
    p : float
        The one to go by: `sign_flip` where signals come in clusters, else `mcnemar`.
    n_units : int
        Independent units: clusters, or signals.
    sentence : str
        For the reader, `first` and `second` by their names.
    """

    difference: float
    low: float
    high: float
    only_first: int
    only_second: int
    mcnemar: float
    sign_flip: float
    least: float
    corrected_t: float
    better: float
    same: float
    worse: float
    p: float
    n_units: int
    sentence: str


def compare_pair(
    first: Any,
    second: Any,
    *,
    clusters: Any = None,
    folds: Sequence[tuple[np.ndarray, np.ndarray]] | None = None,
    names: tuple[str, str] = ("the first", "the second"),
    random_state: int | None = 0,
) -> PairedComparison:
    """Compare two pipelines by their answers to the same test signals.

    Parameters
    ----------
    first, second : arrays of bool, (signal,)
        Whether each answer was right.
    clusters : array, (signal,), optional
        The independent unit that each signal belongs to; None: each its own.
    folds : sequence of (train, test), optional
        Indices into the arrays, where the answers come from cross-validation: for the corrected t test.
    names : (str, str)
        For the sentence.
    random_state : int, optional
        For what is drawn: sign flips above 14 clusters, and the posterior.

    Returns
    -------
    PairedComparison

    Raises
    ------
    InputError
        If the arrays don't fit each other.

    Examples
    --------
    >>> first = [True] * 13 + [False] * 3
    >>> second = [True] * 10 + [False] * 6
    >>> print(compare_pair(first, second, names=("gabor", "summary")).sentence)
    gabor is right more often than summary by 0.188 (95 % interval -0.031 to 0.406), which could be luck (p = 0.25).
    """
    right = _right(first), _right(second)
    if len(right[0]) != len(right[1]):
        raise InputError(
            f"first has {len(right[0])} answers and second has {len(right[1])}; they must be the same signals."
        )
    n = len(right[0])
    codes = np.arange(n) if clusters is None else _codes(clusters, n)
    difference = right[0] - right[1]
    only_first, only_second = int((difference > 0).sum()), int((difference < 0).sum())
    n_units = len(np.unique(codes))
    of_unit = np.bincount(codes, weights=difference)
    low, high = mean_interval(difference, codes)
    exact = mcnemar(only_first, only_second)
    flipped, least = sign_flip(of_unit, random_state=random_state)
    by_fold, ratio = np.array([]), math.nan
    if folds is not None:
        used = [(train, test) for train, test in folds if len(test)]
        by_fold = np.array([difference[test].mean() for _, test in used])
        ratio = float(np.mean([len(test) / len(train) for train, test in used]))
    t = corrected_t(by_fold, ratio) if len(by_fold) > 1 else math.nan
    sizes = np.bincount(codes)
    better, same, worse = signed_rank_posterior(of_unit / sizes, rope=ROPE, random_state=random_state)
    p = exact if n_units == n else flipped
    mean = float(difference.mean())
    return PairedComparison(
        difference=mean, low=low, high=high, only_first=only_first, only_second=only_second, mcnemar=exact,
        sign_flip=flipped, least=least, corrected_t=t, better=better, same=same, worse=worse, p=p, n_units=n_units,
        sentence=_sentence(mean, low, high, p, least, n_units < n, n_units, names),
    )  # fmt: skip


def _sentence(
    mean: float, low: float, high: float, p: float, least: float, clustered: bool, n_units: int, names: tuple[str, str]
) -> str:
    if mean == 0:
        return f"{names[0]} and {names[1]} are right equally often."
    if mean < 0:
        mean, low, high, names = -mean, -high, -low, (names[1], names[0])
    bounds = f" (95 % interval {low:.3f} to {high:.3f})" if math.isfinite(low) else ""
    text = f"{names[0]} is right more often than {names[1]} by {mean:.3f}{bounds}, "
    if p <= 0.05:
        return text + f"which is hardly luck (p = {p:.2g})."
    if clustered and least > 0.05:
        return (
            text + f"and {n_units} independent units are too few to show any difference (p can't be below {least:.2g})."
        )
    return text + f"which could be luck (p = {p:.2g})."


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided p value of McNemar's exact test.

    Parameters
    ----------
    only_first, only_second : int
        Signals that one of the two alone got right.

    References
    ----------
    Q. McNemar, Note on the sampling error of the difference between correlated proportions or percentages,
    Psychometrika 12 (1947) 153-157.

    Examples
    --------
    >>> mcnemar(8, 1)
    0.0390625
    """
    for name, value in (("only_first", only_first), ("only_second", only_second)):
        if value < 0 or value != int(value):
            raise invalid(name, value, "a count")
    n = only_first + only_second
    return 1.0 if n == 0 else float(stats.binomtest(int(only_first), int(n), 0.5).pvalue)


def sign_flip(differences: Any, *, random_state: int | None = 0) -> tuple[float, float]:
    """Return the two-sided p value of the sign-flip test, and the lowest that it could have been.

    Were the two pipelines alike, each unit's difference could as well have had the other sign. All
    sign patterns are gone through for up to 14 units that differ, else 20,000 are drawn.

    Parameters
    ----------
    differences : array, (unit,)
        A sum or mean for each independent unit.
    random_state : int, optional

    Returns
    -------
    p, least : float

    Examples
    --------
    >>> sign_flip([1.0, 2.0, 1.0, 3.0, 2.0])
    (0.0625, 0.0625)
    """
    values = np.asarray(differences, dtype=np.float64)
    values = values[values != 0]
    k = len(values)
    if k == 0:
        return 1.0, 1.0
    observed = abs(values.sum()) * (1 - 1e-12)
    if k <= ENUMERATED:
        signs = np.array(list(product((1.0, -1.0), repeat=k)))
        return float((np.abs(signs @ values) >= observed).mean()), 2.0 ** (1 - k)
    signs = np.random.default_rng(random_state).choice((1.0, -1.0), size=(FLIPS, k))
    return float((1 + (np.abs(signs @ values) >= observed).sum()) / (1 + FLIPS)), 1 / (1 + FLIPS)


def corrected_t(differences: Any, ratio: float) -> float:
    """Return the two-sided p value of the corrected resampled t test.

    The folds' training sets overlap, so that the plain variance of their mean is too small by far; it is
    multiplied by `1 + n * ratio` [1]_, equation 10.

    Parameters
    ----------
    differences : array, (fold,)
        Of the two scores in each fold.
    ratio : float
        Test signals over training signals of a fold.

    References
    ----------
    .. [1] C. Nadeau, Y. Bengio, Inference for the generalization error, Machine Learning 52 (2003) 239-281.

    Examples
    --------
    >>> round(corrected_t([0.1, 0.2, 0.1, 0.0, 0.1], 1 / 4), 4)
    0.1027
    """
    values = np.asarray(differences, dtype=np.float64)
    n = len(values)
    if n < 2:
        raise invalid("number of folds", n, "2 or more")
    if not ratio > 0:
        raise invalid("ratio", ratio, "positive")
    variance = float(values.var(ddof=1))
    if variance == 0:
        return 1.0 if values[0] == 0 else 0.0
    t = float(values.mean()) / math.sqrt((1 / n + ratio) * variance)
    return float(2 * stats.t.sf(abs(t), n - 1))


def signed_rank_posterior(
    differences: Any, *, rope: float = ROPE, random_state: int | None = 0
) -> tuple[float, float, float]:
    """Return the probabilities that the first is better, practically the same, and worse.

    The Bayesian signed-rank test [1]_: a Dirichlet process with one pseudo-observation of 0, of weight 0.5; each draw
    weighs the mean of every two differences. The weights of the means above `rope`, within and below are compared.

    Parameters
    ----------
    differences : array, (unit,)
        Of the two scores, one for each independent unit: a group, a data set, a signal.
    rope : float, not negative
        The differences that are practically none.
    random_state : int, optional

    Returns
    -------
    better, same, worse : float
        Of 20,000 draws (fewer for more than 300 units, of which the distinct values count).

    References
    ----------
    .. [1] A. Benavoli, G. Corani, J. Demsar, M. Zaffalon, Time for a change: a tutorial for comparing multiple
       classifiers through Bayesian analysis, Journal of Machine Learning Research 18 (2017) 77, section 4.2.

    Examples
    --------
    >>> better, same, worse = signed_rank_posterior([0.1, 0.2, 0.05, 0.15, 0.1, 0.12])
    >>> better > 0.95
    True
    """
    if rope < 0:
        raise invalid("rope", rope, "zero or more")
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise InputError(f"differences has shape {values.shape}; it must be one value a unit, and at least one.")
    levels, counts = np.unique(values, return_counts=True)
    levels, weights = np.r_[0.0, levels], np.r_[0.5, counts.astype(float)]
    pairs = (levels[:, None] + levels) / 2
    above, below = (pairs > rope).astype(float), (pairs < -rope).astype(float)
    n_draws = min(DRAWS, max(2000, int(4e8 / len(levels) ** 2)))
    rng = np.random.default_rng(random_state)
    wins = np.zeros(3)
    for start in range(0, n_draws, 1000):
        w = rng.dirichlet(weights, min(1000, n_draws - start))
        up, down = (np.einsum("ij,ij->i", w @ table, w) for table in (above, below))
        share = np.column_stack([up, 1 - up - down, down])
        best = share >= share.max(axis=1, keepdims=True) - 1e-12
        wins += (best / best.sum(axis=1, keepdims=True)).sum(axis=0)
    better, same, worse = (wins / n_draws).tolist()
    return better, same, worse
