"""An estimator fitted in each fold on its training signals, and what it says of the test signals."""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from filterbank.errors import InputError
from filterbank.evaluate.splitters import Fold

if TYPE_CHECKING:
    from filterbank.evaluate.comparison import Comparison

__all__ = ["Row", "fitted_in_folds", "predict_in_folds", "probabilities_in_folds", "refittable"]


@dataclass(frozen=True)
class Row:
    """A row of a comparison that can be fitted again in any folds.

    Attributes
    ----------
    recipe, classifier : str
    estimator : Pipeline
        Unfitted, from `X` to labels.
    X : array, (signal, feature), or Signals
        Features where the recipe learns nothing, else signals.
    representation : transformer
        Fitted on all signals.
    is_best : bool
        Whether it's the comparison's best row.
    """

    recipe: str
    classifier: str
    estimator: Any
    X: Any
    representation: Any
    is_best: bool

    @property
    def name(self) -> str:
        """The recipe and the classifier, as a reader finds them."""
        return f"{self.recipe}, {self.classifier}"


def refittable(comparison: Comparison, *, explainable: bool = False) -> Row | None:
    """Return the best row that is quick to fit again: that of the best recipe which learns nothing from signals.

    Parameters
    ----------
    comparison : Comparison
    explainable : bool
        Only rows whose representation says where a feature came from.

    Returns
    -------
    Row or None
        If every recipe learns, the best row, which is refitted from the signals, unless it learns from labels, too:
        that takes long. None where no row will do.
    """
    from sklearn.base import clone
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.utils import get_tags

    from filterbank.evaluate.extraction import learns

    rows = list(zip(comparison.table["recipe"], comparison.table["classifier"]))
    if explainable:
        rows = [row for row in rows if _explains(comparison.representations[row[0]])]
    for recipe, classifier in rows:
        representation = comparison.representations[recipe]
        if not learns(representation):
            estimator = Pipeline(
                [("scaler", StandardScaler()), ("classifier", clone(comparison.estimators[classifier]))]
            )
            X = comparison.features[recipe].to_numpy(dtype=np.float64)
            return Row(recipe, classifier, estimator, X, representation, (recipe, classifier) == comparison.best)
    first = comparison.model.steps[0][1]
    if comparison.best in rows and not (hasattr(first, "__sklearn_tags__") and get_tags(first).target_tags.required):
        model = Pipeline([(name, clone(step)) for name, step in comparison.model.steps])
        return Row(
            *comparison.best, model, comparison.dataset.signals, comparison.representations[comparison.best[0]], True
        )
    return None


def _explains(representation: Any) -> bool:
    return hasattr(representation, "explain") and hasattr(representation, "feature_table_")


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
    with quiet():
        for fitted, _, test in fitted_in_folds(estimator, X, y, folds):
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
    with quiet():
        for fitted, _, test in fitted_in_folds(estimator, X, y, folds):
            found[test] = 0.0
            found[np.ix_(test, np.searchsorted(classes, fitted.classes_))] = fitted.predict_proba(X[test])
    return found


def _last(estimator: Any) -> Any:
    return estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator


@functools.cache
def _threads() -> Any:
    """What limits threads; looking for the libraries that have some takes longer than a small fit."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


_state = threading.local()


@contextmanager
def quiet() -> Iterator[None]:
    """One thread, so that sums don't depend on the machine; and no word of what was told of the first fits already.

    Where it's quiet already, it costs nothing.
    """
    from sklearn import config_context
    from sklearn.exceptions import ConvergenceWarning

    if getattr(_state, "quiet", False):
        yield
        return
    _state.quiet = True
    try:
        with (
            _threads().limit(limits=1),
            warnings.catch_warnings(),
            config_context(assume_finite=True, skip_parameter_validation=True),
        ):
            warnings.simplefilter("ignore", ConvergenceWarning)
            yield
    finally:
        _state.quiet = False
