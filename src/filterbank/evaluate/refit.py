"""An estimator fitted in each fold on its training signals, and what it says of the test signals."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from filterbank.errors import InputError
from filterbank.evaluate.splits import Fold

__all__ = ["fitted_in_folds", "predict_in_folds", "probabilities_in_folds"]


def fitted_in_folds(
    estimator: Any, X: Any, y: np.ndarray, folds: Sequence[Fold]
) -> Iterator[tuple[Any, np.ndarray, np.ndarray]]:
    """Yield for each fold a clone of the estimator fitted on its training signals, and the fold's indices.

    Parameters
    ----------
    estimator : scikit-learn classifier or Pipeline
    X : array, (signal, feature), or Signals
    y : array, (signal,)
    folds : sequence of (train, test)

    Yields
    ------
    (fitted, train, test)
        A fold whose training signals are all of one class is left out: no classifier can be fitted there.
    """
    from sklearn.base import clone

    for train, test in folds:
        if len(np.unique(y[train])) < 2:
            continue
        with quiet():
            fitted = clone(estimator).fit(X[train], y[train])
        yield fitted, train, test


def predict_in_folds(estimator: Any, X: Any, y: np.ndarray, folds: Sequence[Fold]) -> np.ndarray:
    """Return what each tested signal is taken for, (signal,) of object; None for those that are not tested."""
    taken = np.full(len(y), None, dtype=object)
    for fitted, _, test in fitted_in_folds(estimator, X, y, folds):
        with quiet():
            taken[test] = fitted.predict(X[test]).astype(object)
    return taken


def probabilities_in_folds(estimator: Any, X: Any, y: np.ndarray, folds: Sequence[Fold]) -> np.ndarray:
    """Return the probability of each class for each signal, (signal, class); NaN for signals that are not tested.

    The classes are sorted; one that isn't in a training fold gets 0 there.

    Raises
    ------
    InputError
        If the estimator has no probabilities.
    """
    if not hasattr(estimator, "predict_proba"):
        raise InputError(
            f"{type(_last(estimator)).__name__} tells no probabilities. Choose a classifier with predict_proba."
        )
    classes = np.unique(y)
    found = np.full((len(y), len(classes)), np.nan)
    for fitted, _, test in fitted_in_folds(estimator, X, y, folds):
        with quiet():
            found[test] = 0.0
            found[np.ix_(test, np.searchsorted(classes, fitted.classes_))] = fitted.predict_proba(X[test])
    return found


def _last(estimator: Any) -> Any:
    return estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator


@contextmanager
def quiet() -> Iterator[None]:
    """One thread, so that sums don't depend on the machine; and no word of what was told of the first fits already."""
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    with ThreadpoolController().limit(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
