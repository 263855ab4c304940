"""The main job: every recipe with every classifier on folds that can't leak, with intervals and chance."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from filterbank.errors import InputError, invalid
from filterbank.evaluate.classifiers import make_classifiers
from filterbank.evaluate.comparison import Comparison
from filterbank.evaluate.extraction import Extracted, extract
from filterbank.evaluate.intervals import interval
from filterbank.evaluate.leakage import duplicates, find_leaks
from filterbank.evaluate.scoring import Progress, Scored, affordable, naive_plans, score
from filterbank.evaluate.splits import SplitPlan, class_labels, make_split
from filterbank.recipes import RECIPES, suitable
from filterbank.signals import Dataset

__all__ = ["chance_level", "compare"]


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
    estimators = make_classifiers(classifiers, random_state)
    plan = split if isinstance(split, SplitPlan) else make_split(dataset, split, random_state=random_state)
    _check_plan(plan, len(y))

    extracted: dict[str, Extracted] = {}
    failures: dict[str, InputError] = {}
    n_units = len(transformers)
    tell = progress or (lambda done, total, text: None)
    for i, (name, transformer) in enumerate(transformers.items()):
        tell(i, n_units, f"features: {name}")
        try:
            extracted[name] = extract(name, transformer, dataset, y, plan)
        except InputError as error:
            failures[name] = error
    tell(n_units, n_units, "features")
    _raise_if_all_failed(extracted, failures)

    full, short = naive_plans(dataset, extracted, estimators, naive, random_state)
    naive_of = {
        name: full if full is not None and affordable(found, len(y)) else short for name, found in extracted.items()
    }
    honest, ignorant = score(dataset, y, extracted, failures, estimators, plan, naive_of, full, short, n_jobs, tell)
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


def _table(
    y: np.ndarray,
    plan: SplitPlan,
    naive_of: Mapping[str, SplitPlan | None],
    extracted: Mapping[str, Extracted],
    honest: Mapping[str, Scored],
    ignorant: Mapping[str, Scored],
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


def _final(found: Extracted, estimator: Any, y: np.ndarray) -> Any:
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
    scored: Mapping[str, Scored],
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
