"""Which filters matter: the accuracy that is lost inside the folds when some features are taken from other signals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from filterbank.errors import InputError, invalid
from filterbank.evaluate.intervals import mean_interval
from filterbank.evaluate.refit import fitted_in_folds, quiet
from filterbank.evaluate.splitters import Fold

__all__ = ["GROUPINGS", "feature_groups", "group_importance"]

GROUPINGS = ("frequency", "sigma", "orientation", "channel", "order", "statistic", "response", "feature")
"""Columns of `feature_table_` that features can be grouped by."""

ROWS_AT_ONCE = 200_000


def feature_groups(table: pd.DataFrame, by: str = "frequency") -> dict[Any, np.ndarray]:
    """Return the positions of the features of each value of a column, the values sorted.

    Parameters
    ----------
    table : DataFrame
        A `feature_table_`.
    by : str
        One of its columns; the scale is `sigma`. Features without a value there are in no group.

    Raises
    ------
    InputError
        If the table has no such column, or no value in it.

    Examples
    --------
    >>> table = pd.DataFrame({"feature": ["a", "b", "c"], "frequency": [5.0, 2.0, 5.0]})
    >>> {value: index.tolist() for value, index in feature_groups(table).items()}
    {2.0: [1], 5.0: [0, 2]}
    """
    if by not in table.columns:
        raise invalid("by", by, f"a column of the features' table, which has: {', '.join(map(str, table.columns))}")
    codes, values = pd.factorize(table[by], sort=True)
    if not len(values):
        raise invalid("by", by, "a column with a value for some feature")
    return {_plain(value): np.flatnonzero(codes == k) for k, value in enumerate(values)}


def group_importance(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    folds: Sequence[Fold],
    groups: Mapping[Any, np.ndarray] | str,
    clusters: Any = None,
    n_repeats: int = 10,
    random_state: int | None = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> pd.DataFrame:
    """Measure how much accuracy hangs on each group of features, inside the folds.

    In each fold, the test signals' features of a group are replaced by those of training signals that are drawn at
    random, all of the group from one and the same signal, and the fitted model predicts again. It's permutation
    importance [1]_ but for where the values come from: so a fold may test a single signal. What several groups tell
    alike counts for none of them.

    Parameters
    ----------
    estimator : scikit-learn classifier or Pipeline
    X : array, (signal, feature), or Signals
        With Signals, the first step of the pipeline makes features of them, and is fitted inside each fold, too.
    y : array, (signal,)
    folds : sequence of (train, test)
    groups : mapping of name to array of int, or str
        Positions of features, such as `feature_groups` returns; or a column of the first step's `feature_table_`.
    clusters : array, (signal,), optional
        The independent unit that each signal belongs to.
    n_repeats : int
        Draws for each test signal.
    random_state : int, optional
    progress : callable, optional
        `progress(done, total, text)`.

    Returns
    -------
    DataFrame
        A row a group, in the order of `groups`: `group`, `n_features`, `loss` (of accuracy, mean over signals and
        draws), `low`, `high` (95 % interval, over clusters).

    Notes
    -----
    Cost: a fit for each fold, and `n_repeats` predictions of each test signal for each group.

    References
    ----------
    .. [1] L. Breiman, Random forests, Machine Learning 45 (2001) 5-32, section 10.

    Examples
    --------
    >>> from sklearn.neighbors import NearestCentroid
    >>> rng = np.random.default_rng(0)
    >>> y = np.tile([0, 1], 50)
    >>> X = rng.normal(size=(100, 4)); X[:, 2] += 8 * y
    >>> folds = [(np.delete(np.arange(100), test), test) for test in np.arange(100).reshape(5, 20)]
    >>> groups = {"first": np.array([0, 1]), "last": np.array([2, 3])}
    >>> found = group_importance(NearestCentroid(), X, y, folds=folds, groups=groups)
    >>> found["loss"].round(1).tolist()
    [0.0, 0.5]
    """
    labels = np.asarray(y)
    if len(X) != len(labels):
        raise InputError(f"X holds {len(X)} signals for {len(labels)} labels.")
    if n_repeats < 1:
        raise invalid("n_repeats", n_repeats, "a positive number")
    if not isinstance(groups, str):
        _check_groups(groups, np.asarray(X))
    lost: dict[Any, np.ndarray] = {}
    sizes: dict[Any, int] = {}
    tested = np.zeros(len(labels), dtype=bool)
    for k, (fitted, train, test) in enumerate(fitted_in_folds(estimator, X, labels, folds)):
        rng = np.random.default_rng([0 if random_state is None else random_state, k])
        classifier, seen, unseen, positions = _inside(fitted, X, train, test, groups)
        with quiet():
            before = np.asarray(classifier.predict(unseen) == labels[test], dtype=float)
        drawn = rng.integers(0, len(train), (n_repeats, len(test)))
        tested[test] = True
        for name, index in positions.items():
            after = np.zeros(len(test))
            for some in _portions(n_repeats, len(test)):
                changed = np.repeat(unseen[None], len(some), axis=0)
                changed[:, :, index] = seen[drawn[some]][:, :, index]
                with quiet():
                    taken = classifier.predict(changed.reshape(-1, unseen.shape[1])).reshape(len(some), len(test))
                after += (taken == labels[test]).sum(axis=0)
            lost.setdefault(name, np.zeros(len(labels)))[test] = before - after / n_repeats
            sizes[name] = len(index)
        if progress is not None:
            progress(k + 1, len(folds), "importance")
    if not tested.any():
        raise InputError("no fold has two classes in training.")
    units = np.arange(len(labels)) if clusters is None else np.asarray(clusters)
    rows = []
    for name in sizes if not isinstance(groups, str) else sorted(sizes, key=lambda v: (isinstance(v, str), v)):
        values = lost[name][tested]
        low, high = mean_interval(values, units[tested])
        rows.append({"group": name, "n_features": sizes[name], "loss": float(values.mean()), "low": low, "high": high})
    return pd.DataFrame(rows)


def _check_groups(groups: Mapping[Any, np.ndarray], values: np.ndarray) -> None:
    if values.ndim != 2:
        raise InputError(
            f"X has shape {values.shape}; it must be (signal, feature), or Signals with groups by a column."
        )
    if not groups:
        raise invalid("groups", {}, "at least one group of features")
    for name, index in groups.items():
        if not len(index) or np.min(index) < 0 or np.max(index) >= values.shape[1]:
            raise invalid(f"groups[{name!r}]", np.asarray(index).tolist(), f"positions from 0 to {values.shape[1] - 1}")


def _inside(
    fitted: Any, X: Any, train: np.ndarray, test: np.ndarray, groups: Mapping[Any, np.ndarray] | str
) -> tuple[Any, np.ndarray, np.ndarray, Mapping[Any, np.ndarray]]:
    """Of one fold: what predicts from features, the training and the test features, and their groups."""
    if not isinstance(groups, str):
        values = np.asarray(X)
        return fitted, values[train], values[test], groups
    maker = fitted.steps[0][1]
    seen, unseen = (np.asarray(maker.transform(X[index])) for index in (train, test))
    return fitted[1:], seen, unseen, feature_groups(maker.feature_table_, groups)


def _portions(n: int, size: int) -> list[np.ndarray]:
    """Numbers of draws, cut so that memory is bounded."""
    return np.array_split(np.arange(n), max(1, min(n, -(-n * size // ROWS_AT_ONCE))))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
