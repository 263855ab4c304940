"""The predictions of every classifier on every recipe's features, fold by fold."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from filterbank.errors import InputError
from filterbank.evaluate.extraction import Extracted, check_features, chosen_by, fit_recipe, needs_labels
from filterbank.evaluate.inner import inner_folds
from filterbank.evaluate.leave_one_out import leave_one_out
from filterbank.evaluate.splits import SplitPlan, class_labels, naive_split
from filterbank.evaluate.splitters import Fold
from filterbank.signals import Dataset

__all__ = ["Progress", "Scored", "affordable", "naive_plans", "score"]

Progress = Callable[[int, int, str], None]
"""`progress(done, total, text)`, called after each piece of work."""


NAIVE_COST = 2e10
"""Leave-one-out serves as the naive score where signals ** 3 * features isn't above this: some 40 seconds a recipe."""

FEW_NAIVE = 150
"""Classifiers without a closed form are refitted in ten naive folds where leaving out each signal is more than this."""

FEW_FOLDS = 50
"""Folds below which starting processes would take longer than the fits, where features are there already."""


@dataclass(frozen=True)
class _Chunk:
    """What a worker returns for some folds: for each fold the test indices, for each classifier the predictions."""

    tests: list[np.ndarray]
    answers: dict[str, list[np.ndarray]]
    seconds: dict[str, float]
    seconds_features: float
    unconverged: dict[str, int]
    choices: list[dict[str, Any]]

    @property
    def n_folds(self) -> int:
        return len(self.tests)


class Scored:
    """The predictions of one recipe on one plan, filled chunk by chunk."""

    def __init__(self, classifiers: list[str], n: int) -> None:
        self.predictions = {name: np.full(n, None, dtype=object) for name in classifiers}
        self.seconds = dict.fromkeys(classifiers, 0.0)
        self.seconds_features = 0.0
        self.unconverged = dict.fromkeys(classifiers, 0)
        self.naive_folds: dict[str, int] = {}
        self.choices: list[dict[str, Any]] = []

    def add(self, chunk: _Chunk) -> None:
        self.choices += [{"fold": len(self.choices) + i + 1, **choice} for i, choice in enumerate(chunk.choices)]
        for name, answers in chunk.answers.items():
            for test, answer in zip(chunk.tests, answers):
                self.predictions[name][test] = answer.astype(object)
            self.seconds[name] += chunk.seconds[name]
            self.unconverged[name] += chunk.unconverged[name]
        self.seconds_features += chunk.seconds_features


def _has_closed_form(estimator: Any) -> bool:
    """Whether leaving each signal out has a closed form for this kind of classifier after a StandardScaler."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import RidgeClassifier
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

    from filterbank.least_squares import LeastSquaresSVC

    if type(estimator) is LeastSquaresSVC:
        return bool(estimator.kernel == "linear")
    kinds = (KNeighborsClassifier, LinearDiscriminantAnalysis, RidgeClassifier, NearestCentroid, GaussianNB)
    return type(estimator) in kinds


def _left_out(values: np.ndarray, y: np.ndarray, estimator: Any) -> np.ndarray:
    """The predictions of leave-one-out with a StandardScaler in each fold, (signal,) of object."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return leave_one_out(make_pipeline(StandardScaler(), estimator), values, y).predictions.astype(object)


def affordable(found: Extracted, n: int) -> bool:
    """Whether leaving out each signal may serve as the naive score."""
    return not found.learns and float(n) ** 3 * found.values.shape[1] <= NAIVE_COST


def score(
    dataset: Dataset,
    y: np.ndarray,
    extracted: Mapping[str, Extracted],
    failures: dict[str, InputError],
    estimators: Mapping[str, Any],
    plan: SplitPlan,
    naive_of: Mapping[str, SplitPlan | None],
    full: SplitPlan | None,
    short: SplitPlan | None,
    n_jobs: int | None,
    tell: Progress,
) -> tuple[dict[str, Scored], dict[str, Scored]]:
    """The predictions on the plan, and on the naive one, recipe by recipe; what fails goes into `failures`."""
    honest: dict[str, Scored] = {}
    ignorant: dict[str, Scored] = {}
    work = [(name, plan, honest) for name in extracted]
    work += [(name, other, ignorant) for name in extracted if (other := naive_of[name]) is not None]
    total = sum(len(p.folds) for _, p, _ in work)
    done = 0
    for name, folds, target in work:
        if name in failures:
            continue
        what = "fits" if target is honest else "naive fits"
        target[name] = Scored(list(estimators), len(y))
        refitted = dict(estimators)
        used = folds
        if folds is full and target is ignorant:
            for classifier in [c for c, estimator in estimators.items() if _has_closed_form(estimator)]:
                began = time.perf_counter()
                answers = _left_out(extracted[name].values, y, refitted.pop(classifier))
                target[name].predictions[classifier] = answers
                target[name].seconds[classifier] = time.perf_counter() - began
                target[name].naive_folds[classifier] = len(full.folds)
            if short is not None and len(full.folds) > FEW_NAIVE:
                used = short  # refitting for each signal would take most of the time
        target[name].naive_folds |= dict.fromkeys(refitted, len(used.folds))
        if not refitted:
            done += len(folds.folds)
            tell(done, total, f"{what}: {name}")
            continue
        for result in _fits(extracted[name], dataset, y, used, refitted, n_jobs):
            if isinstance(result, InputError):
                failures[name] = result
                break
            target[name].add(result)
            done += result.n_folds if used is folds else 0
            tell(done, total, f"{what}: {name}")
        done += 0 if used is folds else len(folds.folds)
    return honest, ignorant


def naive_plans(
    dataset: Dataset,
    extracted: Mapping[str, Extracted],
    estimators: Mapping[str, Any],
    naive: bool,
    random_state: int | None,
) -> tuple[SplitPlan | None, SplitPlan | None]:
    """The naive plan, and one of ten folds for what would take too long on that; None where unused."""
    if not naive:
        return None, None
    cheap = [affordable(found, len(dataset)) for found in extracted.values()]
    full = naive_split(dataset, random_state=random_state) if any(cheap) else None
    slow = full is not None and len(full.folds) > FEW_NAIVE and not all(map(_has_closed_form, estimators.values()))
    if all(cheap) and not slow:
        return full, None
    largest = int(np.unique(class_labels(dataset), return_counts=True)[1].max())
    return full, naive_split(dataset, n_folds=min(10, largest), random_state=random_state)


def _fits(
    found: Extracted,
    dataset: Dataset,
    y: np.ndarray,
    plan: SplitPlan,
    estimators: Mapping[str, Any],
    n_jobs: int | None,
) -> Iterable[_Chunk | InputError]:
    """The predictions for all folds, chunk by chunk, in order."""
    from joblib import Parallel, delayed, effective_n_jobs

    folds = plan.folds
    inside: list[list[Fold]] | None = None
    if needs_labels(found.transformer):
        inside = [inner_folds(plan, y, train) for train, _ in folds]
    if len(folds) < FEW_FOLDS and not found.learns:
        n_jobs = 1
    n_chunks = min(len(folds), 8 * effective_n_jobs(n_jobs))
    bounds = np.linspace(0, len(folds), n_chunks + 1).astype(int)
    source = dataset.signals if found.learns else found.values
    transformer = found.transformer if found.learns else None
    jobs = (
        delayed(_fit_chunk)(source, transformer, y, folds[a:b], dict(estimators), inside and inside[a:b], found.scaled)
        for a, b in pairwise(bounds)
    )
    return Parallel(n_jobs=n_jobs, return_as="generator")(jobs)


def _fit_chunk(
    source: Any,
    transformer: Any,
    y: np.ndarray,
    folds: list[Fold],
    estimators: dict[str, Any],
    inside: list[list[Fold]] | None = None,
    scaled: bool = False,
) -> _Chunk | InputError:
    """Fit and predict some folds; with a transformer, `source` are signals, else features."""
    from sklearn import config_context
    from sklearn.base import clone
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import ThreadpoolController

    answers: dict[str, list[np.ndarray]] = {name: [] for name in estimators}
    seconds = dict.fromkeys(estimators, 0.0)
    unconverged = dict.fromkeys(estimators, 0)
    seconds_features = 0.0
    choices = []
    threads = ThreadpoolController()
    for k, (train, test) in enumerate(folds):
        seen, unseen = source[train], source[test]
        if transformer is not None:
            began = time.perf_counter()
            try:
                with threads.limit(limits=1):
                    fitted = fit_recipe(transformer, seen, y[train], None if inside is None else inside[k])
                    seen, unseen = np.asarray(fitted.transform(seen)), np.asarray(fitted.transform(unseen))
                check_features("", seen, len(train))
                check_features("", unseen, len(test))
            except InputError as error:
                return error
            seconds_features += time.perf_counter() - began
            choices += [chosen] if (chosen := chosen_by(fitted)) is not None else []
        # One thread: sums then don't depend on how many processes run, and matrices this small are faster so.
        # What goes in was checked when it was extracted.
        with threads.limit(limits=1), config_context(assume_finite=True, skip_parameter_validation=True):
            if not scaled:
                scaler = StandardScaler().fit(seen)
                seen, unseen = scaler.transform(seen), scaler.transform(unseen)
            for name, estimator in estimators.items():
                began = time.perf_counter()
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always", ConvergenceWarning)
                    answers[name].append(clone(estimator).fit(seen, y[train]).predict(unseen))
                seconds[name] += time.perf_counter() - began
                unconverged[name] += any(issubclass(w.category, ConvergenceWarning) for w in caught)
    return _Chunk([test for _, test in folds], answers, seconds, seconds_features, unconverged, choices)
