"""Leave-one-out and leave-group-out: scikit-learn's predictions, by algebra where there is one, else by refitting."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from filterbank.errors import InputError, invalid
from filterbank.evaluate.intervals import interval

__all__ = ["LeaveOneOut", "leave_one_out"]

MAX_FEATURES = 2000
"""Above this many features, matrices of features by features aren't formed."""


@dataclass(frozen=True)
class LeaveOneOut:
    """What `leave_one_out` found.

    Attributes
    ----------
    predictions : array, (signal,)
        The label that each signal got from a model fitted without it, or without its group.
    score : float, in [0, 1]
        The share of right predictions.
    low, high : float
        Its 95 % interval: Wilson's, or with groups the cluster interval.
    tied : array of int
        Signals for which neighbours of several classes are exactly equally near. scikit-learn's own algorithms differ
        there; here the first of them wins.
    recomputed : array of int
        Folds that were refitted since rounding could have decided the algebra: signals, or with groups positions in
        the sorted groups.
    closed_form : bool
        Whether algebra served at least some folds.
    how : str
        How the predictions came about, in one sentence.
    """

    predictions: np.ndarray
    score: float
    low: float
    high: float
    tied: np.ndarray
    recomputed: np.ndarray
    closed_form: bool
    how: str


def leave_one_out(estimator: Any, X: Any, y: Any, *, groups: Any = None, n_jobs: int | None = None) -> LeaveOneOut:
    """Predict each signal with a model fitted on all others, or on all other groups.

    The predictions are those of scikit-learn's ``cross_val_predict(estimator, X, y, cv=LeaveOneOut())``, or of
    ``LeaveOneGroupOut()``, with all steps fitted inside each fold, at the price of little more than one fit. It holds
    for an optional StandardScaler and an optional PCA with a number of components, followed by KNeighborsClassifier
    (Euclidean, uniform weights), LinearDiscriminantAnalysis (svd), RidgeClassifier, NearestCentroid, LeastSquaresSVC
    (linear) or GaussianNB (without PCA); and for LeastSquaresSVC with the kernel "rbf" and a given gamma alone.
    Other estimators and parameters are refitted for each fold.

    Parameters
    ----------
    estimator : scikit-learn classifier or Pipeline
        Isn't changed.
    X : array, (signal, feature)
    y : array, (signal,)
        Labels.
    groups : array, (signal,), optional
        Signals with the same value are left out together.
    n_jobs : int, optional
        Processes for folds that are refitted, in scikit-learn's sense.

    Returns
    -------
    LeaveOneOut

    Raises
    ------
    InputError
        If the shapes, labels or groups don't fit each other, a number isn't finite, or scikit-learn can't fit a fold.

    Notes
    -----
    Where the classes' scores differ by less than rounding may have changed, in the algebra or in scikit-learn, the fold
    is refitted. Distances that tie between classes are told from those that nearly do in rational numbers; after PCA
    only copies of a signal count as ties.

    Cost for n signals of d features: neighbours n ** 2 d; discriminant analysis and ridge n d ** 2; centroids and
    Bayes n d for each class; kernels n ** 3; with groups or PCA, d ** 3 for each fold.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = load_iris(return_X_y=True)
    >>> result = leave_one_out(make_pipeline(StandardScaler(), KNeighborsClassifier(3)), X, y)
    >>> f"{result.score:.3f}, {result.low:.2f} to {result.high:.2f}"
    '0.947, 0.90 to 0.97'
    """
    table = _checked(X, y, groups)
    plan = _recognised(estimator, table)
    if isinstance(plan, str):
        _need_classifier(estimator)
        tests = table.tests()
        answered = _refitted(estimator, X, table.y, tests, n_jobs)
        predictions = np.empty_like(answered)
        predictions[np.concatenate(tests)] = answered
        n = table.n_folds
        return _result(table, predictions, _none(), np.arange(n), f"All {n} folds were refitted, since {plan}.")

    answers = _answers(plan, table)
    predictions = table.classes[answers.codes]
    doubtful = answers.state == 2
    tied = answers.state == 1
    if not doubtful.any():
        again = _none()
    else:
        again = np.unique(table.fold_of(np.flatnonzero(doubtful)))
        tests = [table.test(f) for f in again]
        new = _refitted(estimator, X, table.y, tests, n_jobs)
        rows = np.concatenate(tests)
        free = ~tied[rows]
        predictions[rows[free]] = new[free]
    what = f"{table.n_folds - len(again)} of {table.n_folds} folds in closed form ({plan.title})"
    how = what + (", the others refitted since rounding could have decided them." if len(again) else ".")
    return _result(table, predictions, np.flatnonzero(tied), again, how)


# ------------------------------------------------------------------------------------------------------------ input


@dataclass(frozen=True)
class _Table:
    """The checked input: `values` is None where X isn't an array of finite numbers of a usual type."""

    n: int
    d: int
    values: np.ndarray | None
    eps: float
    y: np.ndarray
    classes: np.ndarray
    codes: np.ndarray
    groups: Any
    fold: np.ndarray | None
    n_left: np.ndarray

    @property
    def n_folds(self) -> int:
        return len(self.n_left)

    def test(self, fold: int) -> np.ndarray:
        return np.array([fold]) if self.fold is None else np.flatnonzero(self.fold == fold)

    def tests(self) -> list[np.ndarray]:
        return [self.test(f) for f in range(self.n_folds)]

    def fold_of(self, rows: np.ndarray) -> np.ndarray:
        return rows if self.fold is None else self.fold[rows]


def _checked(X: Any, y: Any, groups: Any) -> _Table:
    labels = np.asarray(y)
    array = np.asarray(X)
    if array.ndim != 2 or 0 in array.shape:
        raise InputError(f"X has shape {array.shape}; it must be (signal, feature), with at least one of each.")
    n, d = array.shape
    if labels.shape != (n,):
        raise InputError(f"y has shape {labels.shape}; it must be one label for each of the {n} signals.")
    if labels.dtype.kind == "f" and not (np.isfinite(labels) & (labels == np.floor(labels))).all():
        i = int(np.flatnonzero(~np.isfinite(labels) | (labels != np.floor(labels)))[0])
        raise invalid(f"y[{i}]", labels[i].item(), "a label", why="and numbers with fractions are no classes")
    try:
        classes, codes = np.unique(labels, return_inverse=True)
    except TypeError:
        raise InputError(f"y has labels that can't be sorted together, such as {labels[:3].tolist()}.") from None
    if len(classes) < 2:
        raise InputError(f"y has one class, {classes.tolist()[0]!r}, for {n} signals: nothing can be told apart.")
    fold = None
    n_left = np.ones(n, dtype=np.int64)
    if groups is not None:
        which = np.asarray(groups)
        if which.shape != (n,):
            raise InputError(f"groups has shape {which.shape}; it must be one value for each of the {n} signals.")
        try:
            names, fold = np.unique(which, return_inverse=True)
        except TypeError:
            raise InputError(f"groups can't be sorted together, such as {which[:3].tolist()}.") from None
        if len(names) < 2:
            raise invalid("groups", names.tolist()[0], "several groups", why="so that nothing is left to train on")
        n_left = np.bincount(fold)
    values = None
    if array.dtype.kind in "iub" or array.dtype in (np.float32, np.float64):
        values = np.ascontiguousarray(array, dtype=np.float64)
        if not np.isfinite(values.sum()) and not np.isfinite(values).all():
            i, j = (int(v) for v in np.argwhere(~np.isfinite(values))[0])
            raise invalid(f"X[{i}, {j}]", float(values[i, j]), "finite", do="Leave the signal out, or fill the value.")
    eps = float(np.finfo(array.dtype if array.dtype == np.float32 else np.float64).eps)
    return _Table(n, d, values, eps, labels, classes, codes, groups, fold, n_left)


# ------------------------------------------------------------------------------------------- what has a closed form


@dataclass(frozen=True)
class _Plan:
    rule: str
    parameter: Any
    scaled: bool
    n_components: int | None
    brute: bool
    title: str


_IRRELEVANT = {
    "Pipeline": {"steps", "memory", "verbose"},
    "StandardScaler": {"copy"},
    "PCA": {
        "n_components",
        "copy",
        "svd_solver",
        "tol",
        "iterated_power",
        "n_oversamples",
        "power_iteration_normalizer",
        "random_state",
    },
    "KNeighborsClassifier": {"n_neighbors", "algorithm", "leaf_size", "n_jobs", "metric", "p"},
    "LinearDiscriminantAnalysis": {"tol", "store_covariance"},
    "RidgeClassifier": {"alpha", "solver", "copy_X", "max_iter", "tol", "random_state"},
    "NearestCentroid": set(),
    "GaussianNB": {"var_smoothing"},
    "LeastSquaresSVC": {"C", "kernel", "gamma"},
}
"""The parameters of each class that the algebra takes into account or that don't matter; others must be the default."""


def _name(estimator: Any) -> str:
    """The class of an estimator of scikit-learn itself or of ours; "" for others, such as subclasses made elsewhere."""
    kind = type(estimator)
    return kind.__name__ if kind.__module__.startswith(("sklearn.", "filterbank.least_squares")) else ""


@lru_cache(maxsize=64)
def _defaults(kind: Any) -> tuple[tuple[str, Any], ...]:
    free = _IRRELEVANT[kind.__name__]
    parameters = inspect.signature(kind).parameters.values()
    return tuple((p.name, p.default) for p in parameters if p.name not in free)


def _refused(estimator: Any) -> str | None:
    """Why there's no algebra for an estimator, as the end of a sentence, or None."""
    name = _name(estimator)
    if name not in _IRRELEVANT:
        return f"{type(estimator).__name__} has no closed form here"
    kind: Any = type(estimator)
    for parameter, default in _defaults(kind):
        value = getattr(estimator, parameter)
        if value is not default and not (type(value) is type(default) and value == default):
            return f"{parameter}={_shown(value)} of {name} has no closed form here"
    return None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _steps(estimator: Any) -> list[Any]:
    if _name(estimator) != "Pipeline":
        return [estimator]
    return [step for _, step in estimator.steps if step is not None and not isinstance(step, str)]


def _recognised(estimator: Any, table: _Table) -> _Plan | str:
    """What to compute, or why there's no closed form."""
    if table.values is None:
        return "X isn't an array of integers, float32 or float64"
    steps = _steps(estimator)
    for part in ([estimator] if _name(estimator) == "Pipeline" else []) + steps:
        why = _refused(part)
        if why is not None:
            return why
    names = [_name(step) for step in steps]
    if not names:
        return "the pipeline is empty"
    scaled = names[0] == "StandardScaler"
    rest = names[scaled:]
    reduced = len(rest) > 0 and rest[0] == "PCA"
    if len(rest) != 1 + reduced or rest[-1] in ("Pipeline", "StandardScaler", "PCA"):
        return f"the steps {', '.join(names)} aren't an optional scaler, an optional PCA and a classifier"
    n_components, title = None, "scaler, " if scaled else ""
    if reduced:
        pca = steps[scaled]
        why, n_components = _components_of(pca, table)
        if why is not None:
            return why
        title += f"{n_components} principal components, "
    return _classified(steps[-1], table, scaled, n_components, title)


def _components_of(pca: Any, table: _Table) -> tuple[str | None, int | None]:
    most = table.n - int(table.n_left.min())
    least = table.n - int(table.n_left.max())
    whole = isinstance(pca.n_components, (int, np.integer)) and not isinstance(pca.n_components, bool)
    if pca.n_components is not None and not whole:
        return f"n_components={pca.n_components!r} of PCA isn't a number of components", None
    if table.d > min(least, MAX_FEATURES):
        return f"PCA of {table.d} features has a closed form only up to {min(least, MAX_FEATURES)} here", None
    count = table.d if pca.n_components is None else int(pca.n_components)
    if not 1 <= count <= table.d:
        return f"n_components={count} of PCA isn't from 1 to {table.d}", None
    if pca.svd_solver in ("full", "covariance_eigh"):
        return None, count
    if pca.svd_solver != "auto":
        return f"svd_solver={pca.svd_solver!r} of PCA has no closed form here", None
    if not (table.d <= 1000 and least >= 10 * table.d) and most > 500 and count < 0.8 * table.d:
        return "PCA would draw random numbers (svd_solver='full' doesn't)", None
    return None, count


def _classified(model: Any, table: _Table, scaled: bool, n_components: int | None, title: str) -> _Plan | str:
    name = _name(model)
    least = table.n - int(table.n_left.max())
    single = table.fold is None and n_components is None
    brute: bool = False
    parameter: Any = 0.0
    if name == "KNeighborsClassifier":
        k = model.n_neighbors
        if not (model.metric == "euclidean" or (model.metric == "minkowski" and model.p == 2)):
            return f"metric={_shown(model.metric)}, p={model.p} of {name} has no closed form here"
        if model.algorithm not in ("auto", "brute", "kd_tree", "ball_tree"):
            return f"algorithm={model.algorithm!r} of {name} isn't known"
        if not isinstance(k, (int, np.integer)) or not 1 <= k <= least:
            return f"n_neighbors={k} of {name} isn't from 1 to the {least} signals of a fold"
        wide = bool((table.d if n_components is None else n_components) > 15)
        brute = model.algorithm == "brute" or bool(model.algorithm == "auto" and (wide or k >= least // 2))
        return _Plan(
            "neighbours",
            int(k),
            scaled,
            n_components,
            brute,
            title + ("nearest neighbour" if k == 1 else f"{k} nearest neighbours"),
        )
    if name == "LinearDiscriminantAnalysis":
        rule, parameter = "discriminant", float(model.tol)
        wide = (table.d if n_components is None else n_components) >= least - len(table.classes)
        if wide or table.d > MAX_FEATURES:
            return f"{table.d} features are too many for a closed form of {name} with {least} signals"
        title += "linear discriminant"
    elif name == "LeastSquaresSVC" and model.kernel == "rbf":
        if scaled or n_components is not None:
            return "a kernel after a scaler or PCA, which move the distances in each fold, has no closed form here"
        if isinstance(model.gamma, str) or not model.gamma > 0:
            return f"gamma={_shown(model.gamma)} of {name}, which changes in each fold, has no closed form here"
        if not model.C > 0:
            return f"C={_shown(model.C)} of {name} isn't a number above 0"
        return _Plan("kernel", (float(model.C), float(model.gamma)), False, None, False, "least-squares SVM, rbf")
    elif name in ("RidgeClassifier", "LeastSquaresSVC"):
        linear = name == "LeastSquaresSVC"  # ridge with another name for the penalty
        if linear and (model.kernel != "linear" or not isinstance(model.C, (int, float)) or not model.C > 0):
            return f"kernel={_shown(model.kernel)}, C={_shown(model.C)} of {name} has no closed form here"
        rule, parameter = "ridge", 1 / model.C if linear else model.alpha
        if not linear and model.solver not in ("auto", "cholesky", "svd"):
            return f"solver={model.solver!r} of {name} iterates"
        if not isinstance(parameter, (int, float)) or not parameter > 0:
            return f"alpha={_shown(parameter)} of {name} isn't a number above 0"
        if table.d > MAX_FEATURES and (scaled or not single):
            return f"{table.d} features are too many for a closed form of {name}"
        title += "linear least-squares SVM" if linear else "ridge"
    elif name == "NearestCentroid":
        rule = "centroid"
        title += "nearest centroid"
    elif name == "GaussianNB":
        if n_components is not None:
            return "GaussianNB after PCA has no closed form here"
        rule, parameter = "bayes", float(model.var_smoothing)
        title += "Gaussian naive Bayes"
    else:
        return f"{name} isn't a classifier with a closed form"
    return _Plan(rule, parameter, scaled, n_components, brute, title)


def _left_out(plan: _Plan, table: _Table) -> Any:
    from filterbank.evaluate.closed_form import LeftOut

    assert table.values is not None  # or there's no plan
    return LeftOut(
        table.values, table.codes, table.fold, n_classes=len(table.classes), scaled=plan.scaled, eps=table.eps
    )


@lru_cache(maxsize=1)
def _threads() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _one_thread() -> Any:
    """Sums then don't depend on the machine, and small matrices don't wait for threads."""
    return _threads().limit(limits=1, user_api="blas")


def _answers(plan: _Plan, table: _Table) -> Any:
    with _one_thread():
        return _computed(plan, table)


def _computed(plan: _Plan, table: _Table) -> Any:
    from filterbank.evaluate import closed_form as algebra

    data = _left_out(plan, table)
    k = plan.n_components
    if plan.rule == "neighbours":
        if k is None:
            return algebra.nearest_neighbours(data, k=plan.parameter, brute=plan.brute)
        return algebra.projected_neighbours(data, k=plan.parameter, n_components=k)
    if plan.rule == "kernel":
        return algebra.kernel_machine(data, C=plan.parameter[0], gamma=plan.parameter[1])
    if plan.rule == "bayes":
        return algebra.naive_bayes(data, smoothing=plan.parameter)
    if plan.rule == "centroid" and k is None:
        return algebra.class_centroids(data)
    if plan.rule == "ridge" and k is None and data.single:
        return algebra.ridge(data, alpha=float(plan.parameter))
    if plan.rule == "discriminant" and k is None and data.single:
        return algebra.discriminant(data, tol=plan.parameter)
    return algebra.projected_classes(data, plan.rule, parameter=plan.parameter, n_components=k)


# ------------------------------------------------------------------------------------------------------ the slow way


def _need_classifier(estimator: Any) -> None:
    from sklearn.base import is_classifier

    if not is_classifier(estimator):
        raise invalid(
            "estimator", estimator, "a classifier", do="Pass a scikit-learn classifier, or a Pipeline to one."
        )


def _refitted(estimator: Any, X: Any, y: np.ndarray, tests: list[np.ndarray], n_jobs: int | None) -> np.ndarray:
    """What scikit-learn predicts for the rows of `tests`, one array after another."""
    from joblib import Parallel, delayed, effective_n_jobs

    source = X if hasattr(X, "iloc") else np.asarray(X)
    pieces = min(len(tests), 4 * effective_n_jobs(n_jobs))
    bounds = np.linspace(0, len(tests), pieces + 1).astype(int)
    parts = [tests[a:b] for a, b in pairwise(bounds)]
    jobs = (delayed(_refit_some)(estimator, source, y, part) for part in parts)
    return np.concatenate(Parallel(n_jobs=n_jobs if len(tests) > 8 else 1)(jobs))


def _refit_some(estimator: Any, X: Any, y: np.ndarray, tests: list[np.ndarray]) -> np.ndarray:
    from sklearn.base import clone

    found = []
    for test in tests:
        with _told(estimator, test), _one_thread():
            found.append(clone(estimator).fit(*_split(X, y, test)).predict(_take(X, test)))
    return np.concatenate(found)


def _split(X: Any, y: np.ndarray, test: np.ndarray) -> tuple[Any, np.ndarray]:
    train = np.ones(len(y), dtype=bool)
    train[test] = False
    rows = np.flatnonzero(train)
    return _take(X, rows), y[rows]


def _take(X: Any, rows: np.ndarray) -> Any:
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


@contextmanager
def _told(estimator: Any, test: np.ndarray) -> Iterator[None]:
    """Say which signals were left out when scikit-learn refuses the others."""
    try:
        yield
    except Exception as error:  # scikit-learn refuses with ValueError, and stumbles over degenerate folds with others
        which = f"signal {int(test[0])}" if len(test) == 1 else f"{len(test)} signals (the first is {int(test[0])})"
        raise InputError(f"{type(estimator).__name__} can't be fitted without {which}: {error}") from error


def _result(table: _Table, predictions: np.ndarray, tied: np.ndarray, again: np.ndarray, how: str) -> LeaveOneOut:
    right = predictions == table.y
    low, high = interval(right, table.groups)
    return LeaveOneOut(predictions, float(right.mean()), low, high, tied, again, len(again) < table.n_folds, how)


def _none() -> np.ndarray:
    return np.empty(0, dtype=np.int64)
