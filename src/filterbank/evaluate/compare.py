"""The main job: every recipe with every classifier on folds that can't leak, with intervals and chance."""

from __future__ import annotations

import inspect
import math
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from filterbank.errors import InputError, invalid
from filterbank.evaluate.inner import inner_folds
from filterbank.evaluate.intervals import interval
from filterbank.evaluate.leakage import Finding, duplicates, find_leaks
from filterbank.evaluate.leave_one_out import leave_one_out
from filterbank.evaluate.splits import SplitPlan, class_labels, make_split, naive_split
from filterbank.evaluate.splitters import Fold
from filterbank.recipes import RECIPES, suitable
from filterbank.signals import Dataset

__all__ = ["CLASSIFIERS", "Comparison", "Progress", "chance_level", "compare"]

Progress = Callable[[int, int, str], None]
"""`progress(done, total, text)`, called after each piece of work."""

NAIVE_COST = 2e10
"""Leave-one-out serves as the naive score where signals ** 3 * features isn't above this: some 40 seconds a recipe."""

FEW_NAIVE = 150
"""Classifiers without a closed form are refitted in ten naive folds where leaving out each signal is more than this."""

FEW_FOLDS = 50
"""Folds below which starting processes would take longer than the fits, where features are there already."""


def _nearest(random_state: int | None) -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(1, algorithm="brute")  # no tree: as quick here, and nothing unusual in a saved model


def _ridge(random_state: int | None) -> Any:
    from sklearn.linear_model import RidgeClassifierCV

    return RidgeClassifierCV(alphas=np.logspace(-3, 3, 10))


def _logistic(random_state: int | None) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=2000)


def _svm(random_state: int | None) -> Any:
    from sklearn.svm import SVC

    return SVC(kernel="linear", random_state=random_state)


def _least_squares(random_state: int | None) -> Any:
    from filterbank.least_squares import LeastSquaresSVC

    return LeastSquaresSVC()


def _subspace(random_state: int | None) -> Any:
    from filterbank.subspace import SubspaceClassifier

    return SubspaceClassifier()


CLASSIFIERS: dict[str, tuple[Callable[[int | None], Any], str]] = {
    "1-nn": (_nearest, "nearest neighbour"),
    "ridge": (_ridge, "ridge regression on the classes"),
    "logistic": (_logistic, "logistic regression"),
    "svm": (_svm, "linear support vector machine"),
    "ls-svm": (_least_squares, "linear least-squares support vector machine"),
    "subspace": (_subspace, "nearest affine subspace of each class"),
}
"""The classifiers by name: a function of `random_state` that makes one, and a title.

Each follows a StandardScaler, unless the features are scaled already (the transformer's `scales`).
"""

ASKED_FOR = ("subspace",)
"""Classifiers that are taken only where they're asked for: for many features that vary smoothly, such as scattering."""


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    Attributes
    ----------
    dataset : Dataset
    plan : SplitPlan
        The folds of `score`.
    naive_plan : SplitPlan or None
        The folds of `naive_score`, for the rows where `naive_folds` is their number; others have ten.
    table : DataFrame
        A row for each recipe and classifier, the best first: `recipe`, `classifier`, `score` (accuracy over all tested
        signals), `low` and `high` (95 % interval, NaN where it can't be known), `chance` (see `chance_level`),
        `naive_score`, `naive_folds`, `balanced` (mean over classes of the share found), `n_features`,
        `seconds_features` (extraction), `seconds_fit` (fits and predictions of all folds).
    labels : array, (signal,)
        The labels as the classifiers saw them: bool, int or str.
    predictions : dict of (recipe, classifier) to array of object, (signal,)
        None for signals that are never tested.
    features : dict of recipe to DataFrame, (signal, feature)
        Of the representation fitted on all signals. The scores of a recipe that learns don't come from these.
    representations : dict of recipe to transformer
        Fitted on all signals.
    leaks, naive_leaks : list of Finding
        What training and test have in common in `plan` and in `naive_plan`.
    best : (recipe, classifier)
        The highest score; of equal ones that with fewer features.
    model : Pipeline
        The best row fitted on all signals: representation, scaler, classifier.
    notes : list of str
        What a reader of the table must know, one sentence each.
    estimators : dict of classifier to estimator
        Unfitted.
    choices : dict of recipe to DataFrame
        For recipes that choose something inside each fold: a row a fold of `plan`, with `fold` (from 1) and what was
        chosen, such as `front`.
    """

    dataset: Dataset
    plan: SplitPlan
    naive_plan: SplitPlan | None
    table: pd.DataFrame
    labels: np.ndarray
    predictions: dict[tuple[str, str], np.ndarray]
    features: dict[str, pd.DataFrame]
    representations: dict[str, Any]
    leaks: list[Finding]
    naive_leaks: list[Finding]
    best: tuple[str, str]
    model: Any
    notes: list[str] = field(default_factory=list)
    estimators: dict[str, Any] = field(default_factory=dict)
    choices: dict[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def classes(self) -> list[Any]:
        """The classes, sorted, as Python values."""
        return np.unique(self.labels).tolist()

    def row(self, recipe: str, classifier: str) -> pd.Series:
        """Return the row of the table for a recipe and a classifier."""
        self._check(recipe, classifier)
        return self.table[(self.table["recipe"] == recipe) & (self.table["classifier"] == classifier)].iloc[0]

    def confusion(self, recipe: str, classifier: str) -> pd.DataFrame:
        """Return how many tested signals of each class (rows) were taken for each class (columns)."""
        self._check(recipe, classifier)
        tested = self.plan.tested
        position = {name: i for i, name in enumerate(self.classes)}
        counts = np.zeros((len(position), len(position)), dtype=np.int64)
        given = self.predictions[recipe, classifier][tested]
        for true, taken in zip(self.labels[tested].tolist(), given.tolist()):
            counts[position[true], position[taken]] += 1
        return pd.DataFrame(
            counts, index=pd.Index(self.classes, name="true"), columns=pd.Index(self.classes, name="predicted")
        )

    def errors(self, recipe: str, classifier: str) -> pd.DataFrame:
        """Return the tested signals that were taken for another class.

        Returns
        -------
        DataFrame
            `signal` (its index), `true`, `predicted`, then the columns of the data set's table under their names.
        """
        self._check(recipe, classifier)
        given = self.predictions[recipe, classifier]
        wrong = np.flatnonzero(self.plan.tested & (given != self.labels.astype(object)))
        known = self.dataset.table.iloc[wrong].reset_index(drop=True)
        found = pd.DataFrame({"signal": wrong, "true": self.labels[wrong], "predicted": given[wrong]})
        return pd.concat([found, known.drop(columns=[c for c in known if c in found])], axis=1)

    def importance(self, recipe: str) -> pd.DataFrame:
        """Return the features of a recipe with how well each alone tells the classes apart, the best first.

        Returns
        -------
        DataFrame
            The representation's `feature_table_` (else the names, as `feature`) with a column `F`: the F statistic of a
            one-way analysis of variance, NaN where the feature is constant. The index is the feature's position.
        """
        from sklearn.feature_selection import f_classif

        if recipe not in self.features:
            raise invalid("recipe", recipe, f"one of {', '.join(self.features)}")
        frame = self.features[recipe]
        values = frame.to_numpy(dtype=np.float64)
        varies = np.flatnonzero(np.ptp(values, axis=0) > 0)
        statistic = np.full(values.shape[1], np.nan)
        if len(varies):
            with np.errstate(divide="ignore", invalid="ignore"):  # no spread within classes: F is infinite
                statistic[varies] = f_classif(values[:, varies], self.labels)[0]
        known = getattr(self.representations[recipe], "feature_table_", None)
        if known is None:
            known = pd.DataFrame({"feature": frame.columns})
        return known.reset_index(drop=True).assign(F=statistic).sort_values("F", ascending=False, kind="stable")

    def as_dict(self) -> dict[str, Any]:
        """Return the results as plain Python values, ready for JSON (no NaN: None)."""

        def leaks(found: list[Finding]) -> list[dict[str, Any]]:
            return [{"what": f.what, "sentence": f.sentence, "signals": f.n_signals, "folds": f.n_folds} for f in found]

        rows = [{key: _plain(value) for key, value in row.items()} for row in self.table.to_dict("records")]
        return {
            "dataset": self.dataset.name,
            "kind": self.dataset.kind,
            "target": self.dataset.target,
            "group": self.dataset.group,
            "signals": len(self.dataset),
            "skipped": [{"source": s.source, "reason": s.reason} for s in self.dataset.skipped],
            "classes": self.classes,
            "split": {
                "name": self.plan.name,
                "reason": self.plan.reason,
                "folds": len(self.plan.folds),
                "tested": int(self.plan.tested.sum()),
                "clusters": len(np.unique(self.plan.clusters)),
            },
            "results": rows,
            "best": {"recipe": self.best[0], "classifier": self.best[1]},
            "leaks": leaks(self.leaks),
            "naive_leaks": leaks(self.naive_leaks),
            "choices": {recipe: table.to_dict("records") for recipe, table in self.choices.items()},
            "notes": list(self.notes),
        }

    def to_frame(self) -> pd.DataFrame:
        """Return the table with the data set and the split in every row, as it's written to a file."""
        about: dict[str, str | int] = {
            "dataset": self.dataset.name,
            "target": str(self.dataset.target),
            "split": self.plan.name,
            "folds": len(self.plan.folds),
            "n_signals": len(self.dataset),
        }
        frame = self.table.copy()
        for i, (column, value) in enumerate(about.items()):
            frame.insert(i, column, value)
        return frame

    def _check(self, recipe: str, classifier: str) -> None:
        if (recipe, classifier) not in self.predictions:
            pairs = ", ".join(f"{r} with {c}" for r, c in self.predictions)
            raise invalid("(recipe, classifier)", (recipe, classifier), f"one of these: {pairs}")


def compare(
    dataset: Dataset,
    *,
    recipes: Iterable[str] | Mapping[str, Any] | None = None,
    classifiers: Iterable[str] | Mapping[str, Any] | None = None,
    split: str | SplitPlan = "auto",
    naive: bool = True,
    n_jobs: int | None = None,
    random_state: int | None = 0,
    progress: Progress | None = None,
) -> Comparison:
    """Score every recipe with every classifier on folds that can't leak.

    Whatever learns is fitted on the training signals of each fold alone: the scaler, the classifier, and the
    representation where it learns. A designed representation, whose features of a signal depend on no other signal,
    is run once for all folds.

    Parameters
    ----------
    dataset : Dataset
        With a target.
    recipes : names, or mapping of name to unfitted transformer, optional
        Default: all recipes that suit the kind of the signals.
    classifiers : names, or mapping of name to unfitted classifier, optional
        Default: all of `CLASSIFIERS` but "subspace".
    split : str or SplitPlan
        One of `SPLITS`, or folds of one's own.
    naive : bool
        Whether to compute the score that ignores what signals have in common, too: leave-one-out, or ten folds where
        that would take long or the representation learns.
    n_jobs : int, optional
        Processes; the results don't depend on it.
    random_state : int, optional
        For the folds and for classifiers that draw.
    progress : callable, optional
        `progress(done, total, text)`.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If the labels or the split make no sense, or every recipe fails. A recipe that fails where others don't
        becomes a note.

    Notes
    -----
    Cost: each recipe once over the data, then folds x classifiers fits; leave-one-out has a fold for each signal.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from filterbank.signals import Dataset, Signals
    >>> rng = np.random.default_rng(0)
    >>> X, label = rng.normal(size=(40, 16)), np.repeat(["quiet", "loud"], 20)
    >>> X[20:] *= 5
    >>> dataset = Dataset(Signals.wrap(X), pd.DataFrame({"label": label}), target="label")
    >>> spread = FunctionTransformer(lambda signals: np.array([[s.std()] for s in signals]))
    >>> result = compare(dataset, recipes={"spread": spread}, classifiers=["1-nn"])
    >>> result.table[["recipe", "classifier", "score", "chance"]].round(2).to_dict("records")
    [{'recipe': 'spread', 'classifier': '1-nn', 'score': 1.0, 'chance': 0.5}]
    """
    y = class_labels(dataset)
    transformers = _recipes(dataset, recipes)
    estimators = _classifiers(classifiers, random_state)
    plan = split if isinstance(split, SplitPlan) else make_split(dataset, split, random_state=random_state)
    _check_plan(plan, len(y))

    extracted: dict[str, _Extracted] = {}
    failures: dict[str, InputError] = {}
    n_units = len(transformers)
    tell = progress or (lambda done, total, text: None)
    for i, (name, transformer) in enumerate(transformers.items()):
        tell(i, n_units, f"features: {name}")
        try:
            extracted[name] = _extract(name, transformer, dataset, y, plan)
        except InputError as error:
            failures[name] = error
    tell(n_units, n_units, "features")
    _raise_if_all_failed(extracted, failures)

    full, short = _naive_plans(dataset, extracted, estimators, naive, random_state)
    naive_of = {
        name: full if full is not None and _affordable(found, len(y)) else short for name, found in extracted.items()
    }
    honest, ignorant = _score(dataset, y, extracted, failures, estimators, plan, naive_of, full, short, n_jobs, tell)
    kept = {name: found for name, found in extracted.items() if name not in failures}
    _raise_if_all_failed(kept, failures)

    table = _table(y, plan, naive_of, kept, honest, ignorant, list(estimators))
    recipe, classifier = best = (str(table["recipe"][0]), str(table["classifier"][0]))
    used = full if full is not None and any(naive_of[name] is full for name in kept) else short
    same = duplicates(dataset)
    return Comparison(
        dataset=dataset,
        plan=plan,
        naive_plan=used,
        table=table,
        labels=y,
        predictions={(r, c): honest[r].predictions[c] for r in kept for c in estimators},
        features={name: found.frame for name, found in kept.items()},
        representations={name: found.fitted for name, found in kept.items()},
        leaks=find_leaks(dataset, plan.folds, same=same),
        naive_leaks=[] if used is None else find_leaks(dataset, used.folds, same=same),
        best=best,
        model=_final(kept[recipe], estimators[classifier], y),
        notes=_notes(dataset, plan, table, failures, {name: honest[name] for name in kept}),
        estimators=estimators,
        choices={name: pd.DataFrame(honest[name].choices) for name in kept if honest[name].choices},
    )


def chance_level(y: np.ndarray, plan: SplitPlan) -> float:
    """Return the accuracy of answering all tested signals with their most common label.

    The most common label of each training fold isn't used: where each signal of two equally large classes is left out
    in turn, it's always the other one, so that a useless model would seem better than chance.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array(["a", "a", "a", "b"])
    >>> chance_level(y, SplitPlan("given", "", [(np.array([0, 3]), np.array([1, 2]))], np.arange(4)))
    1.0
    """
    counts = np.unique(y[plan.tested], return_counts=True)[1]
    return float(counts.max() / counts.sum())


@dataclass(frozen=True)
class _Extracted:
    """One recipe, fitted on all signals."""

    transformer: Any
    fitted: Any
    frame: pd.DataFrame
    values: np.ndarray
    learns: bool
    seconds: float

    @property
    def scaled(self) -> bool:
        """Whether the features are scaled already, so that a scaler would undo their weights."""
        return bool(getattr(self.transformer, "scales", False))


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


class _Scored:
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


def _recipes(dataset: Dataset, recipes: Iterable[str] | Mapping[str, Any] | None) -> dict[str, Any]:
    if isinstance(recipes, Mapping):
        chosen = dict(recipes)
    else:
        names = (
            suitable(dataset.kind, by_default=True)
            if recipes is None
            else [recipes]
            if isinstance(recipes, str)
            else list(recipes)
        )
        for name in names:
            if name not in RECIPES:
                raise invalid("recipe", name, f"one of {', '.join(RECIPES)}")
        chosen = {name: RECIPES[name].make(dataset.kind) for name in names}
    if not chosen:
        raise invalid("recipes", [], "at least one recipe")
    return chosen


def _classifiers(classifiers: Iterable[str] | Mapping[str, Any] | None, random_state: int | None) -> dict[str, Any]:
    if isinstance(classifiers, Mapping):
        chosen = dict(classifiers)
    else:
        usual = [name for name in CLASSIFIERS if name not in ASKED_FOR]
        names = usual if classifiers is None else [classifiers] if isinstance(classifiers, str) else classifiers
        chosen = {}
        for name in names:
            if name not in CLASSIFIERS:
                raise invalid("classifier", name, f"one of {', '.join(CLASSIFIERS)}")
            chosen[name] = CLASSIFIERS[name][0](random_state)
    if not chosen:
        raise invalid("classifiers", [], "at least one classifier")
    return chosen


def _check_plan(plan: SplitPlan, n: int) -> None:
    if len(plan.clusters) != n:
        raise InputError(f"the split is made for {len(plan.clusters)} signals, and there are {n}.")
    if not plan.folds:
        raise InputError(f"the split {plan.name!r} has no folds.")
    tested = np.concatenate([test for _, test in plan.folds])
    if len(np.unique(tested)) != len(tested):
        again = int(np.flatnonzero(np.bincount(tested) > 1)[0])
        raise InputError(f"the split {plan.name!r} tests signal {again} in several folds; once at most is allowed.")
    for k, (train, test) in enumerate(plan.folds):
        both = np.intersect1d(train, test)
        if len(both):
            raise InputError(f"fold {k + 1} of the split {plan.name!r} has signal {both[0]} in training and in test.")


def _learns(transformer: Any) -> bool:
    """Whether features of a signal may depend on other signals; yes where nothing says that they don't."""
    from sklearn.pipeline import Pipeline
    from sklearn.utils import get_tags

    if transformer is None or transformer == "passthrough":
        return False
    if isinstance(transformer, Pipeline):
        return any(_learns(step) for _, step in transformer.steps)
    if hasattr(transformer, "learns"):
        return bool(transformer.learns)
    return not hasattr(transformer, "__sklearn_tags__") or bool(get_tags(transformer).requires_fit)


def _needs_labels(transformer: Any) -> bool:
    from sklearn.utils import get_tags

    return hasattr(transformer, "__sklearn_tags__") and bool(get_tags(transformer).target_tags.required)


def _fitted(transformer: Any, signals: Any, y: np.ndarray, folds: list[Fold] | None) -> Any:
    """A transformer fitted on signals; one that learns from labels gets them, and folds to choose on."""
    from sklearn.base import clone

    if not _needs_labels(transformer):
        return clone(transformer).fit(signals)
    if folds is None or "folds" not in inspect.signature(transformer.fit).parameters:
        return clone(transformer).fit(signals, y)
    return clone(transformer).fit(signals, y, folds=folds)


def _chosen(transformer: Any) -> dict[str, Any] | None:
    """What a fitted transformer chose inside, if it says so."""
    return {"front": transformer.front_, "weights": transformer.weights_} if hasattr(transformer, "front_") else None


def _extract(name: str, transformer: Any, dataset: Dataset, y: np.ndarray, plan: SplitPlan) -> _Extracted:
    began = time.perf_counter()
    inside = inner_folds(plan, y, np.arange(len(y))) if _needs_labels(transformer) else None
    fitted = _fitted(transformer, dataset.signals, y, inside)
    output = fitted.transform(dataset.signals)
    seconds = time.perf_counter() - began
    values = np.asarray(output)
    _check_features(name, values, len(dataset))
    if hasattr(fitted, "feature_table_") or hasattr(fitted, "steps"):
        names = [str(v) for v in fitted.get_feature_names_out()]
    else:
        names = [f"{name}[{i}]" for i in range(values.shape[1])]
    frame = pd.DataFrame(values, columns=names)
    return _Extracted(transformer, fitted, frame, values, _learns(transformer), seconds)


def _check_features(name: str, values: np.ndarray, n: int) -> None:
    if values.ndim != 2 or len(values) != n or values.shape[1] == 0:
        raise InputError(
            f"recipe {name!r} gave features of shape {values.shape} for {n} signals, not (signal, feature)."
        )
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        i, j = (int(v) for v in bad[0])
        raise InputError(
            f"recipe {name!r} gave the value {values[i, j]} for feature {j} of signal {i} ({len(bad)} such values), "
            "which no classifier can use."
        )


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


def _affordable(found: _Extracted, n: int) -> bool:
    return not found.learns and float(n) ** 3 * found.values.shape[1] <= NAIVE_COST


def _score(
    dataset: Dataset,
    y: np.ndarray,
    extracted: Mapping[str, _Extracted],
    failures: dict[str, InputError],
    estimators: Mapping[str, Any],
    plan: SplitPlan,
    naive_of: Mapping[str, SplitPlan | None],
    full: SplitPlan | None,
    short: SplitPlan | None,
    n_jobs: int | None,
    tell: Progress,
) -> tuple[dict[str, _Scored], dict[str, _Scored]]:
    """The predictions on the plan, and on the naive one, recipe by recipe; what fails goes into `failures`."""
    honest: dict[str, _Scored] = {}
    ignorant: dict[str, _Scored] = {}
    work = [(name, plan, honest) for name in extracted]
    work += [(name, other, ignorant) for name in extracted if (other := naive_of[name]) is not None]
    total = sum(len(p.folds) for _, p, _ in work)
    done = 0
    for name, folds, target in work:
        if name in failures:
            continue
        what = "fits" if target is honest else "naive fits"
        target[name] = _Scored(list(estimators), len(y))
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


def _naive_plans(
    dataset: Dataset,
    extracted: Mapping[str, _Extracted],
    estimators: Mapping[str, Any],
    naive: bool,
    random_state: int | None,
) -> tuple[SplitPlan | None, SplitPlan | None]:
    """The naive plan, and one of ten folds for what would take too long on that; None where unused."""
    if not naive:
        return None, None
    cheap = [_affordable(found, len(dataset)) for found in extracted.values()]
    full = naive_split(dataset, random_state=random_state) if any(cheap) else None
    slow = full is not None and len(full.folds) > FEW_NAIVE and not all(map(_has_closed_form, estimators.values()))
    if all(cheap) and not slow:
        return full, None
    largest = int(np.unique(class_labels(dataset), return_counts=True)[1].max())
    return full, naive_split(dataset, n_folds=min(10, largest), random_state=random_state)


def _fits(
    found: _Extracted,
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
    if _needs_labels(found.transformer):
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
                    fitted = _fitted(transformer, seen, y[train], None if inside is None else inside[k])
                    seen, unseen = np.asarray(fitted.transform(seen)), np.asarray(fitted.transform(unseen))
                _check_features("", seen, len(train))
                _check_features("", unseen, len(test))
            except InputError as error:
                return error
            seconds_features += time.perf_counter() - began
            choices += [chosen] if (chosen := _chosen(fitted)) is not None else []
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


def _table(
    y: np.ndarray,
    plan: SplitPlan,
    naive_of: Mapping[str, SplitPlan | None],
    extracted: Mapping[str, _Extracted],
    honest: Mapping[str, _Scored],
    ignorant: Mapping[str, _Scored],
    classifiers: list[str],
) -> pd.DataFrame:
    tested = plan.tested
    chance = chance_level(y, plan)
    rows = []
    for name, found in extracted.items():
        naive_plan = naive_of[name]
        for classifier in classifiers:
            right = _right(honest[name].predictions[classifier], y)[tested]
            low, high = interval(right, plan.clusters[tested])
            naive_score = np.nan
            naive_folds = 0
            if naive_plan is not None:
                naive_score = _right(ignorant[name].predictions[classifier], y)[naive_plan.tested].mean()
                naive_folds = ignorant[name].naive_folds[classifier]
            rows.append(
                {
                    "recipe": name,
                    "classifier": classifier,
                    "score": float(right.mean()),
                    "low": low,
                    "high": high,
                    "chance": chance,
                    "naive_score": float(naive_score),
                    "naive_folds": naive_folds,
                    "balanced": float(pd.Series(right).groupby(y[tested]).mean().mean()),
                    "n_features": found.values.shape[1],
                    "seconds_features": honest[name].seconds_features if found.learns else found.seconds,
                    "seconds_fit": honest[name].seconds[classifier],
                }
            )
    table = pd.DataFrame(rows)
    order = np.lexsort((np.arange(len(table)), table["n_features"], -table["score"]))
    return table.iloc[order].reset_index(drop=True)


def _right(predictions: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(predictions == y.astype(object), dtype=bool)


def _final(found: _Extracted, estimator: Any, y: np.ndarray) -> Any:
    """The pipeline for new signals; the representation is fitted already, on the same signals."""
    from sklearn.base import clone
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    classifier = clone(estimator)
    scaler = [] if found.scaled else [("scaler", StandardScaler().fit(found.values))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # counted, and noted, in the folds
        classifier.fit(scaler[0][1].transform(found.values) if scaler else found.values, y)
    return Pipeline([("representation", found.fitted), *scaler, ("classifier", classifier)])


def _notes(
    dataset: Dataset,
    plan: SplitPlan,
    table: pd.DataFrame,
    failures: Mapping[str, InputError],
    scored: Mapping[str, _Scored],
) -> list[str]:
    notes = list(plan.notes)
    best = table.iloc[0]
    units = len(np.unique(plan.clusters[plan.tested]))
    if np.isnan(best["low"]):
        notes.append(
            "All tested signals belong to one group, so how far the scores would vary with another can't be known."
        )
    elif best["low"] <= best["chance"]:
        notes.append(
            f"With {int(plan.tested.sum())} tested signals in {units} independent units, the best score of "
            f"{best['score']:.2f} ({best['low']:.2f} to {best['high']:.2f}) against a chance level of "
            f"{best['chance']:.2f} proves little."
        )
    if len(table) > 1:
        notes.append(
            f"The best of {len(table)} rows was picked on these same folds, so its score is slightly optimistic."
        )
    if best["naive_score"] - best["score"] >= 0.05:
        notes.append(
            f"A split that ignores what signals have in common would give the best row {best['naive_score']:.2f} "
            f"instead of {best['score']:.2f}."
        )
    if plan.n_unused:
        notes.append(f"{plan.n_unused} of {len(dataset)} signals are neither trained on nor tested.")
    if dataset.skipped:
        first = dataset.skipped[0]
        notes.append(
            f"{len(dataset.skipped)} file(s) or row(s) couldn't be read and are left out; the first: "
            f"{first.source}: {first.reason}"
        )
    notes += [f"Recipe {name!r} is left out: {error}" for name, error in failures.items()]
    for name, found in scored.items():
        if found.choices:
            fronts = pd.Series([choice["front"] for choice in found.choices]).value_counts()
            told = ", ".join(f"{front} in {count}" for front, count in fronts.items())
            notes.append(f"Recipe {name!r} chose its front inside the {len(found.choices)} folds: {told}.")
    for classifier in next(iter(scored.values())).unconverged:
        count = sum(s.unconverged[classifier] for s in scored.values())
        if count:
            notes.append(
                f"{classifier} stopped before it converged in {count} of {len(plan.folds) * len(scored)} fits."
            )
    return notes


def _raise_if_all_failed(kept: Mapping[str, Any], failures: Mapping[str, InputError]) -> None:
    if not kept:
        name, error = next(iter(failures.items()))
        more = f" ({len(failures) - 1} other recipes failed, too.)" if len(failures) > 1 else ""
        raise InputError(f"recipe {name!r} can't be used on these signals: {error}{more}") from error


def _plain(value: Any) -> Any:
    """A value of the table as JSON knows it."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
