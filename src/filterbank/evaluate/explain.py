"""What decided on one signal: the responses that a model leaned on, and where in the signal they fired."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from filterbank.errors import InputError, invalid
from filterbank.evaluate.refit import Row, fitted_in_folds, quiet, refittable

if TYPE_CHECKING:
    from filterbank.evaluate.comparison import Comparison

__all__ = ["Decision", "explain", "margins"]

DRAWS = 50


@dataclass(frozen=True)
class Decision:
    """What `explain` found.

    Attributes
    ----------
    signal : int
        Its index.
    recipe, classifier : str
        The row that decided.
    true, predicted : label
        The model that predicts hasn't seen the signal.
    margin : float
        By how much the predicted class is ahead of the next, in the classifier's own measure (see `margins`).
    features : DataFrame
        The responses that decided most: `response`, `feature` (the most decisive of its features), `share` (of the
        margin that is lost without the response's features), `level` ("high" or "low" in this signal, beside
        training signals), with what is known of the feature from `feature_table_`.
    where : tuple of array
        For each axis, the samples of the signal at which `salience` is given.
    salience : array, (*positions)
        From 0 to 1: how much the decisive responses fired there, weighted by `share`. All 0 where only low ones
        decided: what is missing is nowhere.
    """

    signal: int
    recipe: str
    classifier: str
    true: Any
    predicted: Any
    margin: float
    features: pd.DataFrame
    where: tuple[np.ndarray, ...]
    salience: np.ndarray


def explain(comparison: Comparison, signal: int, *, n: int = 3, random_state: int | None = 0) -> Decision:
    """Say which responses a comparison's best explainable row leaned on for one signal, and where in it they fired.

    That is the best row whose recipe is a `Representation` that learns nothing, if there is one. It's fitted on the
    training signals of the fold that tests the signal. The features of one response (all of its statistics) are
    replaced by those of training signals, and the mean loss of the margin says how much the decision hangs on them. The
    response along the signal, as `Representation.explain` gives it, says where: its height above its own median, over
    its range; for a feature that is a minimum, below it, and for a standard deviation both.

    Parameters
    ----------
    comparison : Comparison
    signal : int
        Its index in the data set; it must be tested.
    n : int
        Responses at most, and one more where all of these are low; those whose loss makes the margin grow are none.
    random_state : int, optional
        For the training signals that are drawn, 50 of them.

    Returns
    -------
    Decision

    Raises
    ------
    InputError
        If the signal isn't tested, or no recipe can say where a feature came from (none is a `Representation`).

    Examples
    --------
    >>> from filterbank import Dataset, Signals, compare
    >>> rng = np.random.default_rng(0)
    >>> X, label = 0.1 * rng.normal(size=(40, 64)), np.repeat(["flat", "burst"], 20)
    >>> X[20:, 40:48] += np.cos(np.pi * np.arange(8))
    >>> dataset = Dataset(Signals.wrap(X), pd.DataFrame({"label": label}), target="label")
    >>> found = explain(compare(dataset, recipes=["gabor"], classifiers=["ridge"], naive=False), 25)
    >>> found.predicted, bool(38 <= found.where[0][found.salience.argmax()] < 50)
    ('burst', True)
    """
    row = _explainable(comparison)
    if n < 1:
        raise invalid("n", n, "a positive number")
    if not 0 <= signal < len(comparison.dataset):
        raise invalid("signal", signal, f"from 0 to {len(comparison.dataset) - 1}")
    fold = next(((train, test) for train, test in comparison.plan.folds if signal in test), None)
    if fold is None:
        raise InputError(f"signal {signal} is tested in no fold, so that no model can be said not to have seen it.")
    y = comparison.labels
    X = row.X
    whole = next((f for f, _, _ in fitted_in_folds(row.estimator, X, y, [fold])), None)
    if whole is None:
        raise InputError(f"the fold that tests signal {signal} has one class in training.")
    if isinstance(X, np.ndarray):
        representation, fitted, values = row.representation, whole, X
    else:
        representation, fitted = whole.steps[0][1], whole[1:]
        values = np.full((len(y), 0), np.nan)
    seen = fold[0]
    x = values[signal] if values.shape[1] else np.asarray(representation.transform(X[[signal]]), dtype=np.float64)[0]
    with quiet():
        predicted = fitted.predict(x[None])[0]
    rng = np.random.default_rng([0 if random_state is None else random_state, signal])
    drawn = seen[rng.integers(0, len(seen), DRAWS)]
    others = values[drawn] if values.shape[1] else np.asarray(representation.transform(X[drawn]), dtype=np.float64)
    table = representation.feature_table_
    margin = float(margins(fitted, x[None], predicted)[0])
    losses = {}
    for response, index in table.groupby("response", sort=False).indices.items():
        losses[response] = margin - float(margins(fitted, _replaced(x, others, index), predicted).mean())
    speaking = sorted((r for r in losses if losses[r] > 0), key=lambda r: -losses[r])
    if not speaking:
        raise InputError(f"no response speaks for {predicted!r} at signal {signal}: nothing decisive can be shown.")
    total = sum(losses[r] for r in speaking)
    rows: list[dict[Any, Any]] = []
    for response in speaking:
        index = np.flatnonzero(table["response"] == response)
        alone = [margin - float(margins(fitted, _replaced(x, others, [k]), predicted).mean()) for k in index]
        best = index[int(np.argmax(alone))]
        level = "high" if x[best] > np.median(others[:, best]) else "low"
        if len(rows) < n or (level == "high" and not any(r["level"] == "high" for r in rows)):
            rows.append({**table.iloc[best].to_dict(), "share": losses[response] / total, "level": level})
    where, salience = _salience(representation, comparison.dataset.signals[signal], rows)
    return Decision(
        signal,
        row.recipe,
        row.classifier,
        _plain(y[signal]),
        _plain(predicted),
        margin,
        pd.DataFrame(rows),
        where,
        salience,
    )


def _salience(
    representation: Any, signal: np.ndarray, rows: list[dict[Any, Any]]
) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Where the responses that are high fired, and how much."""
    first = representation.explain(signal, str(rows[0]["feature"]))
    where, total = first.where, np.zeros(first.response.shape)
    for row in rows:
        if row["level"] == "high":
            found = representation.explain(signal, str(row["feature"]))
            fired = row["share"] * _fired(found.response, str(row.get("statistic", "")))
            total = total + _on(where, found.where, fired)
    return where, total / total.max() if total.max() > 0 else total


def margins(fitted: Any, X: np.ndarray, label: Any) -> np.ndarray:
    """Return by how much a class is ahead of the best other one, for each row.

    In the classifier's own measure: the decision function, else the logarithm of probabilities, or for nearest
    neighbours how much further the nearest training signal of another class is than the nearest of the class, over
    their sum.

    Parameters
    ----------
    fitted : scikit-learn classifier or Pipeline
    X : array, (signal, feature)
    label : one of its classes

    Returns
    -------
    array, (signal,)

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> nearest = KNeighborsClassifier(1).fit([[0.0], [4.0]], ["a", "b"])
    >>> margins(nearest, np.array([[1.0], [3.0]]), "a").tolist()
    [0.5, -0.5]
    """
    from sklearn.neighbors import KNeighborsClassifier

    last = fitted.steps[-1][1] if hasattr(fitted, "steps") else fitted
    classes = list(last.classes_)
    k = classes.index(label)
    with quiet():
        if isinstance(last, KNeighborsClassifier):
            points = fitted[:-1].transform(X) if hasattr(fitted, "steps") else X
            return _nearer(last, np.asarray(points), k)
        if hasattr(last, "decision_function"):
            scores = np.asarray(fitted.decision_function(X))
            if scores.ndim == 1:
                return scores if k == 1 else -scores
        elif hasattr(last, "predict_proba"):
            scores = np.log(np.maximum(fitted.predict_proba(X), 1e-12))
        else:
            scores = (np.asarray(fitted.predict(X))[:, None] == np.asarray(classes)).astype(float)
    if scores.shape[1] != len(classes):
        raise InputError(
            f"{type(last).__name__} gives {scores.shape[1]} decisions for {len(classes)} classes, not one a class."
        )
    rest = np.delete(scores, k, axis=1).max(axis=1)
    return np.asarray(scores[:, k] - rest)


def _nearer(nearest: Any, points: np.ndarray, k: int) -> np.ndarray:
    from scipy.spatial.distance import cdist

    mine = nearest._y == k
    distance = cdist(points, nearest._fit_X)
    own, other = distance[:, mine].min(axis=1), distance[:, ~mine].min(axis=1)
    total = own + other
    return np.asarray(np.where(total > 0, (other - own) / np.where(total > 0, total, 1.0), 0.0))


def _explainable(comparison: Comparison) -> Row:
    row = refittable(comparison, explainable=True)
    if row is None:
        names = ", ".join(dict.fromkeys(comparison.table["recipe"]))
        raise InputError(
            f"none of the recipes ({names}) is a Representation, which could say where a feature came from."
        )
    return row


def _replaced(x: np.ndarray, others: np.ndarray, index: Any) -> np.ndarray:
    changed = np.repeat(x[None], len(others), axis=0)
    changed[:, index] = others[:, index]
    return changed


def _fired(response: np.ndarray, statistic: str) -> np.ndarray:
    """How much a response fired at each position, from 0 to 1."""
    level = np.abs(response) if np.iscomplexobj(response) else np.asarray(response, dtype=np.float64)
    height = level - np.median(level)
    if statistic == "min":
        height = -height
    elif statistic in ("std", "var", "variance", "energy"):
        height = np.abs(height)
    height = np.maximum(height, 0.0)
    top = float(height.max())
    return height / top if top > 0 else height


def _on(where: tuple[np.ndarray, ...], given: tuple[np.ndarray, ...], values: np.ndarray) -> np.ndarray:
    """Values at some positions, read at others; 0 beyond the ends."""
    for axis, (to, at) in enumerate(zip(where, given)):
        if len(to) != len(at) or (to != at).any():
            values = np.moveaxis(values, axis, -1)
            lines = [np.interp(to, at, line, left=0.0, right=0.0) for line in values.reshape(-1, len(at))]
            values = np.moveaxis(np.reshape(lines, (*values.shape[:-1], len(to))), -1, axis)
    return values


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
