"""Whether a score could be chance: the same pipeline on permuted labels, with groups kept whole."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from filterbank.errors import InputError, invalid
from filterbank.evaluate.leave_one_out import leave_one_out
from filterbank.evaluate.refit import predict_in_folds
from filterbank.evaluate.splitters import Fold

__all__ = ["PermutationTest", "permutation_test"]

WORTH_PROCESSES = 10.0
"""Seconds of work below which starting processes would take longer than it saves."""


@dataclass(frozen=True)
class PermutationTest:
    """What `permutation_test` found.

    Attributes
    ----------
    score : float
        Accuracy with the true labels.
    scores : array, (permutation,)
        With permuted ones.
    p : float
        The share of labellings, the true one among them, whose score is as high.
    least : float
        The lowest p value that there could have been.
    n_distinct : int
        Distinct labellings that are possible.
    exhaustive : bool
        Whether all of them were gone through.
    how : {"between groups", "within groups", "signals"}
        What was permuted: the labels of whole groups, labels inside each group, or those of signals.
    sentence : str
    """

    score: float
    scores: np.ndarray
    p: float
    least: float
    n_distinct: int
    exhaustive: bool
    how: str
    sentence: str


def permutation_test(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    folds: Sequence[Fold],
    groups: Any = None,
    n_permutations: int = 199,
    n_jobs: int | None = None,
    random_state: int | None = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> PermutationTest:
    """Compare the score of a pipeline with its scores on permuted labels.

    Where each group has one label, the labels of groups are permuted, so that a group stays whole and what signals of
    a group have in common helps no permutation. Where groups have several labels, those are permuted inside each
    group: the null hypothesis is then that inside a group the label can't be told. Where no more labellings than
    `n_permutations` are possible, each is gone through once, and the p value is exact.

    Parameters
    ----------
    estimator : scikit-learn classifier or Pipeline
        Fitted anew in each fold, for each permutation.
    X : array, (signal, feature), or Signals
    y : array, (signal,)
    folds : sequence of (train, test)
    groups : array, (signal,), optional
    n_permutations : int
    n_jobs : int, optional
        Processes; the result doesn't depend on it.
    random_state : int, optional
    progress : callable, optional
        `progress(done, total, text)`.

    Returns
    -------
    PermutationTest

    Raises
    ------
    InputError
        If no other labelling is possible, or the arrays don't fit.

    Notes
    -----
    Cost: `n_permutations` times that of the score. Accuracy is over the signals that are tested in folds with two
    classes in training. The p value counts the true labelling among the permuted ones [1]_.

    References
    ----------
    .. [1] B. Phipson, G. K. Smyth, Permutation p-values should never be zero, Statistical Applications in Genetics and
       Molecular Biology 9 (2010) 39.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> speaker = np.repeat(np.arange(6), 2)
    >>> X, y = np.repeat([0.0, 0.1, 0.2, 1.0, 1.1, 1.2], 2)[:, None], np.repeat([0, 1], 6)
    >>> folds = [(np.flatnonzero(speaker != k), np.flatnonzero(speaker == k)) for k in range(6)]
    >>> found = permutation_test(KNeighborsClassifier(1), X, y, folds=folds, groups=speaker)
    >>> found.n_distinct, found.how, round(found.p, 2), round(found.least, 2)
    (20, 'between groups', 0.1, 0.05)
    """
    labels = np.asarray(y)
    if n_permutations < 1:
        raise invalid("n_permutations", n_permutations, "a positive number")
    if len(labels) != len(X):
        raise InputError(f"y has {len(labels)} labels for {len(X)} signals.")
    codes = np.arange(len(labels)) if groups is None else pd.factorize(np.asarray(groups))[0]
    if len(codes) != len(labels) or (codes < 0).any():
        raise InputError(
            f"groups has {len(codes)} values, {int((codes < 0).sum())} of them missing, for {len(labels)} signals."
        )
    how, permuted, n_distinct = _labellings(labels, codes, n_permutations, np.random.default_rng(random_state))
    if n_distinct < 2:
        raise InputError("no other labelling is possible: every group has the same label, or each has one label only.")
    exhaustive = n_distinct <= n_permutations
    closed = _in_closed_form(estimator, X, labels, folds)
    began = time.perf_counter()
    score = _score(estimator, X, labels, folds, closed)
    total = n_distinct - 1 if exhaustive else n_permutations
    if (time.perf_counter() - began) * total < WORTH_PROCESSES:
        n_jobs = 1
    jobs = (delayed(_score)(estimator, X, other, folds, closed) for other in permuted)
    scores = []
    for value in Parallel(n_jobs=n_jobs, return_as="generator")(jobs):
        scores.append(value)
        if progress is not None:
            progress(len(scores), total, "permuted labels")
    found = np.array(scores)
    as_good = int((found >= score - 1e-12).sum())
    p = (1 + as_good) / (1 + len(found))
    least = 1 / (1 + len(found))
    return PermutationTest(
        score,
        found,
        p,
        least,
        n_distinct,
        exhaustive,
        how,
        _sentence(score, found, p, least, n_distinct, exhaustive, how),
    )


def _score(estimator: Any, X: Any, y: np.ndarray, folds: Sequence[Fold], closed: bool) -> float:
    taken = leave_one_out(estimator, X, y).predictions if closed else predict_in_folds(estimator, X, y, folds)
    known = np.array([value is not None for value in taken])
    return float((taken[known] == y[known].astype(object)).mean()) if known.any() else 0.0


def _in_closed_form(estimator: Any, X: Any, y: np.ndarray, folds: Sequence[Fold]) -> bool:
    """Whether the folds leave each signal out in turn and algebra serves: then a permutation costs next to nothing."""
    n = len(y)
    if len(folds) != n or not isinstance(X, np.ndarray) or np.unique(y, return_counts=True)[1].min() < 2:
        return False
    alone = all(len(test) == 1 and len(train) == n - 1 for train, test in folds)
    if not alone or len(np.unique(np.concatenate([test for _, test in folds]))) != n:
        return False
    try:
        return leave_one_out(estimator, X, y).closed_form
    except InputError:
        return False


def _labellings(
    y: np.ndarray, groups: np.ndarray, n: int, rng: np.random.Generator
) -> tuple[str, Iterator[np.ndarray], int]:
    """What is permuted, other labellings than the true one (all, or `n` drawn), and how many there are with it."""
    frame = pd.DataFrame({"y": y, "group": groups})
    if frame.groupby("group")["y"].nunique().max() == 1:
        how = "signals" if frame["group"].is_unique else "between groups"
        unit, first = np.unique(groups, return_index=True)
        place, labels = np.searchsorted(unit, groups), y[first]
        count = _arrangements(labels)
        if count <= n:
            return how, (np.asarray(other)[place] for other in _others(labels)), count
        return how, (rng.permutation(labels)[place] for _ in range(n)), count
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    count = math.prod(_arrangements(y[m]) for m in members)
    if count <= n:
        return "within groups", _all_within(y, members), count
    return "within groups", (_within(y, members, rng) for _ in range(n)), count


def _within(y: np.ndarray, members: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    other = y.copy()
    for m in members:
        other[m] = y[rng.permutation(m)]
    return other


def _all_within(y: np.ndarray, members: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Every labelling but the true one."""
    from itertools import product

    for parts in product(*[[y[m], *_others(y[m])] for m in members]):
        other = y.copy()
        for m, part in zip(members, parts):
            other[m] = part
        if (other != y).any():
            yield other


def _arrangements(labels: np.ndarray) -> int:
    """In how many distinct orders labels can stand."""
    counts = np.unique(labels, return_counts=True)[1].tolist()
    return math.factorial(sum(counts)) // math.prod(map(math.factorial, counts))


def _others(labels: np.ndarray) -> list[np.ndarray]:
    """Every distinct order but the given one."""
    names, codes = np.unique(labels, return_inverse=True)
    orders: list[tuple[int, ...]] = []

    def place(head: list[int], left: list[int]) -> None:
        if not any(left):
            orders.append(tuple(head))
            return
        for k, n in enumerate(left):
            if n:
                place([*head, k], [m - (i == k) for i, m in enumerate(left)])

    place([], np.bincount(codes).tolist())
    return [names[list(order)] for order in orders if order != tuple(codes)]


def _sentence(score: float, scores: np.ndarray, p: float, least: float, n: int, exhaustive: bool, how: str) -> str:
    what = {
        "between groups": "the labels of whole groups",
        "within groups": "the labels inside each group",
        "signals": "the labels",
    }[how]
    ways = f"all {n} ways to permute" if exhaustive else f"{len(scores)} random permutations of"
    text = (
        f"Over {ways} {what}, scores of {np.median(scores):.2f} are usual, and {int((scores >= score - 1e-12).sum())} "
        f"of "
        f"{len(scores)} reach the true labels' {score:.2f} (p = {p:.2g})."
    )
    if least > 0.05:
        text += f" With so few labellings p can't be below {least:.2g}: these data can't rule out chance."
    return text
