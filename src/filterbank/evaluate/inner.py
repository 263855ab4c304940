"""Folds inside the training signals of a fold, that keep apart what the plan keeps apart."""

from __future__ import annotations

import numpy as np
import pandas as pd

from filterbank.evaluate.splits import SplitPlan
from filterbank.evaluate.splitters import Fold

__all__ = ["inner_folds"]


def inner_folds(plan: SplitPlan, y: np.ndarray, train: np.ndarray, *, n_folds: int = 5) -> list[Fold]:
    """Return folds inside the training signals of a fold, that keep apart what the plan keeps apart.

    They are the plan's other folds, as far as they lie in the training signals: what is never trained on together with
    a signal that it tests isn't here, either. Where there are many, some are joined: their tests together, and what
    all of them train on.

    Parameters
    ----------
    plan : SplitPlan
    y : array, (signal,)
        Labels of all signals.
    train : array of int
        The training signals; all of them gives the plan's own folds, joined.
    n_folds : int
        At most so many folds.

    Returns
    -------
    list of (train, test)
        Positions in `train`. Where the plan has no other fold, whole clusters (where there are several), or signals,
        are dealt out. Empty where that leaves a single class in training.

    Examples
    --------
    >>> y = np.array([0, 1] * 3)
    >>> pairs = [(np.delete(np.arange(6), [i, i + 1]), np.array([i, i + 1])) for i in (0, 2, 4)]
    >>> for seen, tested in inner_folds(SplitPlan("given", "", pairs, np.arange(6)), y, pairs[0][0]):
    ...     print(seen, tested)
    [2 3] [0 1]
    [0 1] [2 3]
    """
    place = np.full(len(y), -1)
    place[train] = np.arange(len(train))
    inside: list[Fold] = []
    for seen, tested in plan.folds:
        tests = place[tested][place[tested] >= 0]
        if len(tests):
            inside.append((np.sort(place[seen][place[seen] >= 0]), np.sort(tests)))
    if len(inside) < 2:
        inside = _dealt(plan.clusters[train], y[train], n_folds)
    if len(inside) > n_folds:
        chunk = _chunks(np.array([y[train][tested[0]] for _, tested in inside]), n_folds)
        inside = [_joined([inside[i] for i in np.flatnonzero(chunk == k)]) for k in np.unique(chunk)]
    return [(seen, tested) for seen, tested in inside if len(tested) and len(np.unique(y[train][seen])) > 1]


def _chunks(labels: np.ndarray, n_chunks: int) -> np.ndarray:
    """Which chunk each belongs to: neighbours of one label together, so that what overlaps is mostly in one."""
    chunk = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        at = np.flatnonzero(labels == label)
        chunk[at] = np.arange(len(at)) * n_chunks // len(at)
    return chunk


def _joined(folds: list[Fold]) -> Fold:
    """All that is tested in some folds, and what all of them train on."""
    seen = folds[0][0]
    for other, _ in folds[1:]:
        seen = np.intersect1d(seen, other, assume_unique=True)
    tested = np.unique(np.concatenate([tests for _, tests in folds]))
    return np.setdiff1d(seen, tested), tested


def _dealt(clusters: np.ndarray, y: np.ndarray, n_folds: int) -> list[Fold]:
    """Folds of whole clusters where there are several, else of signals, by label."""
    units = pd.factorize(clusters)[0]
    n_units = int(units.max()) + 1
    if n_units < 2:
        units, n_units = np.arange(len(y)), len(y)
    if n_units < 2:
        return []
    first = np.unique(units, return_index=True)[1]
    order = np.argsort(pd.factorize(y)[0][first], kind="stable")
    fold_of = np.empty(n_units, dtype=np.int64)
    fold_of[order] = np.arange(n_units) % min(n_folds, n_units)  # each label is dealt out in turn
    fold = fold_of[units]
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in np.unique(fold)]
