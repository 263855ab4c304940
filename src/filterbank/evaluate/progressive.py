"""Accuracy against the number of principal or discriminant components that a classifier gets."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from filterbank.errors import invalid
from filterbank.evaluate.intervals import interval
from filterbank.evaluate.leave_one_out import (
    _checked,
    _left_out,
    _name,
    _need_classifier,
    _one_thread,
    _recognised,
    _refitted,
    _split,
    _Table,
    _take,
    _told,
    leave_one_out,
)

__all__ = ["Progressive", "progressive"]


@dataclass(frozen=True)
class Progressive:
    """What `progressive` found; the attributes are those of `LeaveOneOut` for each number of components.

    Attributes
    ----------
    n_components : array of int, (count,)
    scores, low, high : arrays of float, (count,)
    predictions : array, (signal, count)
    tied : array of bool, (signal, count)
    recomputed : array of bool, (signal, count)
        Which predictions come from refitting.
    closed_form : bool
    how : str
    inside : bool
        Whether the components were fitted inside each fold, so that the scores can be believed.
    """

    n_components: np.ndarray
    scores: np.ndarray
    low: np.ndarray
    high: np.ndarray
    predictions: np.ndarray
    tied: np.ndarray
    recomputed: np.ndarray
    closed_form: bool
    how: str
    inside: bool = True


def progressive(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    groups: Any = None,
    n_components: Any = None,
    inside: bool = True,
    n_jobs: int | None = None,
) -> Progressive:
    """Predict each signal with models fitted on all others, for every number of components at once.

    Parameters
    ----------
    estimator : Pipeline
        With a PCA or a LinearDiscriminantAnalysis before its classifier; how many components that keeps is replaced.
        Where PCA would choose a randomised solver, a direct one is taken. Steps may stand before and after it.
    X : array, (signal, feature)
    y : array, (signal,)
    groups : array, (signal,), optional
        Signals with the same value are left out together.
    n_components : array of int, optional
        The numbers of components, ascending. Default: all from 1 to what every fold can have.
    inside : bool
        Whether the reduction, and the steps before it, are fitted inside each fold. False fits them on all signals,
        those that are tested included, as is often published: the scores are then too good, most of all with
        discriminant components, which know the labels of the tested signals. It warns.
    n_jobs : int, optional
        Processes for folds that are refitted.

    Returns
    -------
    Progressive

    Raises
    ------
    InputError
        As `leave_one_out`, or if the step isn't there or a number of components can't be had.

    Warns
    -----
    UserWarning
        With ``inside=False``.

    Notes
    -----
    In closed form for an optional StandardScaler, PCA and a single nearest neighbour: n ** 2 d ** 2 for n signals of d
    features, whatever the numbers of components. For other classifiers the steps before them are fitted once in a
    fold, the classifier once for each number. With ``inside=False`` the price is that of `leave_one_out` for each
    number.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> X, y = load_iris(return_X_y=True)
    >>> result = progressive(make_pipeline(PCA(), KNeighborsClassifier(1)), X, y)
    >>> dict(zip(result.n_components.tolist(), result.scores.round(3).tolist()))
    {1: 0.887, 2: 0.96, 3: 0.96, 4: 0.96}
    """
    table = _checked(X, y, groups)
    before, reducer, after = _parts(estimator)
    classifier = after[0] if len(after) == 1 else _joined(after)
    _need_classifier(classifier)
    counts = _counts(reducer, table, n_components)
    reducer = _direct(reducer, table)
    if not inside:
        warnings.warn(
            f"inside=False fits {type(reducer).__name__} on all {table.n} signals, those that are tested included: "
            "these scores are too good. Leave it out for scores that can be believed.",
            UserWarning,
            stacklevel=2,
        )
        return _outside(before, reducer, classifier, X, table, counts, n_jobs)
    plan = _recognised(_joined([*before, _with(reducer, int(counts[-1])), *after]), table)
    if not isinstance(plan, str) and (plan.rule != "neighbours" or plan.parameter != 1 or plan.n_components is None):
        plan = "only a nearest neighbour after PCA has a closed form for all numbers of components"
    shape = (table.n, len(counts))
    if isinstance(plan, str):
        predictions = _refitted_counts(before, reducer, classifier, X, table, counts, n_jobs)
        recomputed, tied = np.ones(shape, dtype=bool), np.zeros(shape, dtype=bool)
        return _found(
            table, counts, predictions, tied, recomputed, f"All {table.n_folds} folds were refitted, since {plan}."
        )

    from filterbank.evaluate.closed_form import nearest_neighbours_by_count

    with _one_thread():
        codes, state = nearest_neighbours_by_count(_left_out(plan, table))
    codes, state = codes[:, counts - 1], state[:, counts - 1]
    predictions = table.classes[codes]
    tied = state == 1
    recomputed = np.zeros(shape, dtype=bool)
    for c in np.flatnonzero((state == 2).any(axis=0)):
        folds = np.unique(table.fold_of(np.flatnonzero(state[:, c] == 2)))
        tests = [table.test(f) for f in folds]
        whole = _joined([*before, _with(reducer, int(counts[c])), *after])
        new = _refitted(whole, X, table.y, tests, n_jobs)
        rows = np.concatenate(tests)
        free = ~tied[rows, c]
        predictions[rows[free], c] = new[free]
        recomputed[rows[free], c] = True
    how = (
        f"{(~recomputed).mean():.2%} of the predictions in closed form ({plan.title}), the others refitted since "
        "rounding could have decided them."
    )
    return _found(table, counts, predictions, tied, recomputed, how)


def _found(
    table: _Table,
    counts: np.ndarray,
    predictions: np.ndarray,
    tied: np.ndarray,
    recomputed: np.ndarray,
    how: str,
    inside: bool = True,
) -> Progressive:
    right = predictions == table.y[:, None]
    bounds = np.array([interval(right[:, c], table.groups) for c in range(len(counts))])
    scores, served = right.mean(axis=0), bool((~recomputed).any())
    return Progressive(
        counts, scores, bounds[:, 0], bounds[:, 1], predictions, tied, recomputed, served, how, inside=inside
    )


def _parts(estimator: Any) -> tuple[list[Any], Any, list[Any]]:
    """The steps before the reduction, the reduction, the steps after it."""
    from sklearn.pipeline import Pipeline

    steps = [s for _, s in estimator.steps if s not in (None, "passthrough")] if isinstance(estimator, Pipeline) else []
    at = [i for i, step in enumerate(steps[:-1]) if _name(step) in ("PCA", "LinearDiscriminantAnalysis")]
    if not at:
        raise invalid(
            "estimator",
            estimator,
            "a Pipeline with PCA or LinearDiscriminantAnalysis before its classifier",
            do="Write make_pipeline(StandardScaler(), PCA(), KNeighborsClassifier(1)), for example.",
        )
    return steps[: at[-1]], steps[at[-1]], steps[at[-1] + 1 :]


def _direct(reducer: Any, table: _Table) -> Any:
    """The reduction by a method that draws no random numbers."""
    if _name(reducer) != "PCA" or reducer.svd_solver in ("full", "covariance_eigh"):
        return reducer
    from sklearn.base import clone

    smallest = table.n - int(table.n_left.max())
    covariance = table.d <= 1000 and smallest >= 10 * table.d
    return clone(reducer).set_params(svd_solver="covariance_eigh" if covariance else "full")


def _with(reducer: Any, count: int) -> Any:
    from sklearn.base import clone

    return clone(reducer).set_params(n_components=count)


def _joined(steps: list[Any]) -> Any:
    from sklearn.pipeline import make_pipeline

    return make_pipeline(*steps)


def _counts(reducer: Any, table: _Table, n_components: Any) -> np.ndarray:
    least = table.n - int(table.n_left.max())
    if _name(reducer) == "PCA":
        most = min(table.d, least)
    else:
        fold = np.arange(table.n) if table.fold is None else table.fold
        gone = np.zeros((table.n_folds, len(table.classes)), dtype=int)
        np.add.at(gone, (fold, table.codes), 1)
        most = min(table.d, int((gone < np.bincount(table.codes)).sum(axis=1).min()) - 1)
    counts = np.arange(1, most + 1) if n_components is None else np.atleast_1d(np.asarray(n_components))
    if counts.ndim != 1 or counts.dtype.kind not in "iu" or len(counts) == 0 or (np.diff(counts) <= 0).any():
        raise invalid("n_components", n_components, "an ascending list of whole numbers")
    for count in (int(counts[0]), int(counts[-1])):
        if not 1 <= count <= most:
            raise invalid("n_components", count, f"from 1 to {most}", why="the most that every fold can have")
    return counts


def _outside(
    before: list[Any], reducer: Any, classifier: Any, X: Any, table: _Table, counts: np.ndarray, n_jobs: int | None
) -> Progressive:
    """Everything before the classifier fitted once, on all signals."""
    source = X if hasattr(X, "iloc") else np.asarray(X)
    transform = _joined([*before, _with(reducer, int(counts[-1]))])
    reduced = np.asarray(transform.fit(source, table.y).transform(source))
    found = [
        leave_one_out(classifier, np.ascontiguousarray(reduced[:, :c]), table.y, groups=table.groups, n_jobs=n_jobs)
        for c in counts
    ]
    tied, recomputed = np.zeros((2, table.n, len(counts)), dtype=bool)
    for c, one in enumerate(found):
        tied[one.tied, c] = True
        if len(one.recomputed):
            recomputed[np.concatenate([table.test(f) for f in one.recomputed]), c] = True
    predictions = np.stack([one.predictions for one in found], axis=1)
    how = f"The reduction was fitted on all signals, before the folds. With {counts[-1]} components: {found[-1].how}"
    return _found(table, counts, predictions, tied, recomputed, how, inside=False)


def _refitted_counts(
    before: list[Any],
    reducer: Any,
    classifier: Any,
    X: Any,
    table: _Table,
    counts: np.ndarray,
    n_jobs: int | None,
) -> np.ndarray:
    """Predictions, (signal, count), with the steps before the classifier fitted once in each fold."""
    from joblib import Parallel, delayed

    source = X if hasattr(X, "iloc") else np.asarray(X)
    transform = _joined([*before, _with(reducer, int(counts[-1]))])
    tests = table.tests()
    jobs = (delayed(_refit_counts)(transform, classifier, source, table.y, test, counts) for test in tests)
    found = Parallel(n_jobs=n_jobs)(jobs)
    predictions = np.empty((table.n, len(counts)), dtype=table.y.dtype)
    predictions[np.concatenate(tests)] = np.concatenate(found)
    return predictions


def _refit_counts(
    transform: Any, classifier: Any, X: Any, y: np.ndarray, test: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    from sklearn.base import clone

    seen, labels = _split(X, y, test)
    with _told(classifier, test), _one_thread():
        inside = clone(transform).fit(seen, labels)
        seen, unseen = np.asarray(inside.transform(seen)), np.asarray(inside.transform(_take(X, test)))
        columns = [clone(classifier).fit(seen[:, :c], labels).predict(unseen[:, :c]) for c in counts]
    return np.stack(columns, axis=1)
