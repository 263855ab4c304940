"""A second look at a comparison: what else leaks and what it's worth, how sure the order is, and what decided."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from filterbank.errors import InputError
from filterbank.evaluate.calibration import Calibration, calibration
from filterbank.evaluate.comparison import Comparison
from filterbank.evaluate.explain import Decision, explain
from filterbank.evaluate.importance import GROUPINGS, feature_groups, group_importance
from filterbank.evaluate.intervals import wilson
from filterbank.evaluate.invariance import invariance
from filterbank.evaluate.leakage import Finding, close, duplicates, find_leaks
from filterbank.evaluate.learning import LearningCurve, learning_curve
from filterbank.evaluate.near_duplicates import MAX_SIGNALS, near_duplicates
from filterbank.evaluate.paired import PairedComparison, compare_pair
from filterbank.evaluate.permutation import PermutationTest, permutation_test
from filterbank.evaluate.refit import Row, predict_in_folds, probabilities_in_folds, refittable
from filterbank.evaluate.shortcuts import find_fitted_outside, find_shortcuts
from filterbank.evaluate.splits import SplitPlan

__all__ = ["Examination", "Leak", "examine", "verdict"]

BASELINE = "summary"
"""The recipe that sees no more than the samples' distribution: what filters must beat."""
FOLDS_REFITTED = 100
"""Closing a leak, and the importance of features, fit anew in each fold: left to `thorough` above this many."""
SIGNAL_SAMPLES = 1e6
"""Samples that may be changed for each nuisance, if that is at least twelve signals; it bounds how many are drawn."""
ROWS_STACKED = 2e7
FEWEST_CHANGED = 12
EXPLAINED = 2
TRIED = 3  # signals of a class, until one shows something that is there
PERMUTATIONS = 199
MAX_NEEDED = 10_000


@dataclass(frozen=True)
class Leak:
    """A finding, and the score of the refitted row with the leak open and closed.

    Attributes
    ----------
    finding : Finding
    asked : float
        Accuracy as asked for, over the signals that are tested with the leak closed.
    closed : float
        Accuracy where no training signal shares with a test signal what the finding says. Both are NaN where no split
        can close it.
    n_tested : int
    split : {"honest", "naive"}
        Whose folds.
    fewer : bool
        Whether some signals can't be tested with the leak closed.
    """

    finding: Finding
    asked: float
    closed: float
    n_tested: int
    split: str = "honest"
    fewer: bool = False

    @property
    def sentence(self) -> str:
        """The finding's sentence, with both scores."""
        if math.isnan(self.closed):
            return self.finding.sentence
        return f"{self.finding.sentence} As asked {self.asked:.3f}; with this leak closed {self.closed:.3f}" + (
            f", over the {self.n_tested} signals that can then be tested." if self.fewer else "."
        )


@dataclass(frozen=True)
class Examination:
    """What `examine` found of a comparison.

    Attributes
    ----------
    verdict : str
        What the best score proves, in two or three sentences.
    leaks : list of Leak
        Of the honest split, and (their scores only if thorough) of the naive one.
    pairs : DataFrame
        Each row of the table against the best: `recipe`, `classifier`, `difference` (to the best, negative), `low`,
        `high`, `p`, `better`, `same`, `worse` (see `PairedComparison`), `sentence`.
    against_baseline : PairedComparison or None
        The best row against the best of the baseline recipe.
    row : str
        The recipe and the classifier that were fitted again: for leaks, permutation, learning and calibration.
    invariance : DataFrame
        A row for each recipe and nuisance: the columns of `Invariance.table`, with `recipe`, `score` (the recipe's
        best) and `discrimination`.
    importance : DataFrame or None
        Of the best row that tells what its features are: the columns of `group_importance`, with `by`, `unit`, `recipe`
        and `classifier`.
    decisions : list of Decision
        Of some tested signals, a right one of each class first.
    permutation, learning, calibration
        If thorough.
    calibrated : str
        The classifier that `calibration` is of.
    notes : list of str
        What was left out, and why.
    """

    verdict: str
    leaks: list[Leak]
    pairs: pd.DataFrame
    against_baseline: PairedComparison | None
    row: str
    invariance: pd.DataFrame
    importance: pd.DataFrame | None
    decisions: list[Decision]
    permutation: PermutationTest | None
    learning: LearningCurve | None
    calibration: Calibration | None
    calibrated: str
    notes: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Return the results as plain Python values, ready for JSON (no NaN: None)."""
        leaks = [
            {
                "what": leak.finding.what, "split": leak.split, "sentence": leak.finding.sentence,
                "signals": leak.finding.n_signals, "folds": leak.finding.n_folds, "score_as_asked": leak.asked,
                "score_closed": leak.closed, "tested": leak.n_tested,
            }
            for leak in self.leaks
        ]  # fmt: skip
        found: dict[str, Any] = {
            "verdict": self.verdict,
            "findings": leaks,
            "refitted": self.row,
            "pairs": self.pairs.to_dict("records"),
            "against_baseline": None if self.against_baseline is None else self.against_baseline.sentence,
            "invariance": self.invariance.to_dict("records"),
            "importance": None if self.importance is None else self.importance.to_dict("records"),
            "decisions": [
                {
                    "signal": d.signal,
                    "true": d.true,
                    "predicted": d.predicted,
                    "features": d.features.to_dict("records"),
                }
                for d in self.decisions
            ],
            "permutation": None,
            "learning": None,
            "calibration": None,
            "examination_notes": list(self.notes),
        }
        if self.permutation is not None:
            keep = ("score", "p", "least", "n_distinct", "exhaustive", "how", "sentence")
            found["permutation"] = {key: getattr(self.permutation, key) for key in keep}
        if self.learning is not None:
            found["learning"] = {"unit": self.learning.unit, "rows": self.learning.table.to_dict("records")}
        if self.calibration is not None:
            told = (
                "brier",
                "brier_low",
                "brier_high",
                "brier_of_shares",
                "error",
                "error_low",
                "error_high",
                "sentence",
            )
            found["calibration"] = {key: getattr(self.calibration, key) for key in told}
            found["calibration"]["classifier"] = self.calibrated
        plain = _plain(found)
        assert isinstance(plain, dict)
        return plain


def examine(
    comparison: Comparison,
    *,
    thorough: bool = False,
    n_jobs: int | None = None,
    random_state: int | None = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> Examination:
    """Look at a comparison again: further leaks with both scores, pairs, invariance, importance, and what decided.

    Parameters
    ----------
    comparison : Comparison
    thorough : bool
        Whether to do what takes long, too: the permutation test against chance, the learning curve, the calibration,
        and each leak of the naive split closed on its own.
    n_jobs : int, optional
        Processes for the permutation test; the results don't depend on it.
    random_state : int, optional
    progress : callable, optional
        `progress(done, total, text)`.

    Returns
    -------
    Examination

    Notes
    -----
    Cost: without `thorough`, each signal is read twice more, the best row is fitted some times over in each fold (not
    at all above 100 folds), and features are extracted from at most 60 signals for each nuisance. With it,
    the best row is fitted some 215 times over in each fold.

    Examples
    --------
    >>> from filterbank import Dataset, Signals, compare
    >>> rng = np.random.default_rng(0)
    >>> X, label = rng.normal(size=(40, 64)), np.repeat(["quiet", "loud"], 20)
    >>> X[20:] *= 5
    >>> dataset = Dataset(Signals.wrap(X), pd.DataFrame({"label": label}), target="label")
    >>> print(examine(compare(dataset, recipes=["summary"], classifiers=["ridge"], naive=False)).verdict)
    40 of 40 signals are right (1.00); always answering 'loud' would get 20 (0.50). The interval, 0.91 to 1.00, lies \
above that: this isn't luck.
    """
    tell = progress or (lambda done, total, text: None)
    notes: list[str] = []
    row = refittable(comparison)
    if row is None:
        notes.append("No model is fitted again, to close leaks one by one, say: every recipe learns from labels, too.")
    elif not row.is_best:
        notes.append(
            f"Where models are fitted again, it's {row.name}, the best row that learns nothing but its classifier: the "
            f"best recipe, {comparison.best[0]!r}, would have to be fitted anew each time."
        )
    steps = 5 + 3 * thorough
    tell(0, steps, "looking for leaks")
    leaks = _leaks(comparison, row, thorough, notes)
    tell(1, steps, "pairs of rows")
    pairs, against = _pairs(comparison, random_state)
    tell(2, steps, "invariance")
    moved = _invariance(comparison, thorough, random_state, notes)
    tell(3, steps, "importance")
    importance = _importance(comparison, thorough, random_state, notes)
    tell(4, steps, "what decided")
    decisions = _decisions(comparison, random_state, notes)
    permutation, learning, calibrated, classifier = None, None, None, ""
    if thorough and row is not None:
        tell(5, steps, "permuted labels")
        permutation = _permutation(comparison, row, n_jobs, random_state, notes)
        tell(6, steps, "learning curve")
        learning = _learning(comparison, row, random_state)
        tell(7, steps, "calibration")
        calibrated, classifier = _calibration(comparison, row, random_state, notes)
    tell(steps, steps, "examined")
    return Examination(
        verdict=verdict(comparison, permutation), leaks=leaks, pairs=pairs, against_baseline=against,
        row="" if row is None else row.name, invariance=moved,
        importance=importance, decisions=decisions, permutation=permutation, learning=learning, calibration=calibrated,
        calibrated=classifier, notes=notes,
    )  # fmt: skip


def verdict(comparison: Comparison, permutation: PermutationTest | None = None) -> str:
    """Say what the best score of a comparison proves.

    Parameters
    ----------
    comparison : Comparison
    permutation : PermutationTest, optional
        Of the best row.

    Returns
    -------
    str
        How many are right, against always answering the commonest class; what the interval says; and if that's little,
        how many signals it would take to show such a difference.
    """
    plan, y = comparison.plan, comparison.labels
    tested = plan.tested
    n = int(tested.sum())
    row = comparison.table.iloc[0]
    classes, counts = np.unique(y[tested], return_counts=True)
    common, most = classes[counts.argmax()].item(), int(counts.max())
    right, low, high = round(float(row["score"]) * n), float(row["low"]), float(row["high"])
    noun = {"series": "series", "sound": "recordings", "image": "images", "volume": "volumes"}[comparison.dataset.kind]
    noun = "signals" if comparison.dataset.is_cut or noun == "series" else noun
    units = len(np.unique(_units(comparison)[tested]))
    of = f" of {units} independent units" if units < n else ""
    if of and comparison.dataset.group is not None:
        of = f" of {units} groups ({comparison.dataset.group})"
    score, chance = right / n, most / n
    text = (
        f"{right} of {n} {noun} are right ({score:.2f}); always answering {common!r} would get {most} ({chance:.2f})."
    )
    if math.isnan(low):
        text += " All come from one independent unit, so how far the score would vary with another can't be known."
    elif low > chance:
        but = ", though it may be what leaked" if comparison.leaks else ""
        text += f" The interval, {low:.2f} to {high:.2f}, lies above that: this isn't luck{but}."
    elif right <= most:
        text += f" With {n} {noun}{of}, nothing is proved: the score is no higher than that."
    else:
        text += f" The interval, {low:.2f} to {high:.2f}, reaches down to that: with {n} {noun}{of} this proves little."
        needed = _needed(score, chance, n, low, high)
        if needed:
            text += f" To tell {score:.2f} from {chance:.2f}, about {needed:,} {noun} of this kind would be needed."
    if permutation is not None and permutation.p > 0.05:
        text += f" Permuted labels score as high with a probability of {permutation.p:.2g}."
    if len(comparison.table) > 1:
        text += f" And it is the best of {len(comparison.table)} rows, which flatters it."
    return text


def _needed(share: float, chance: float, n: int, low: float, high: float) -> int:
    """How many signals bring Wilson's lower bound above chance, at the same score and the same dependence."""
    z = float(stats.norm.ppf(0.975))
    width = (high - low) / 2
    worth = max(1.0, min(float(n), (z / (2 * width)) ** 2 - z * z)) if width > 0 else float(n)  # Wilson's at a half
    alone = next((m for m in range(5, MAX_NEEDED) if wilson(share * m, m)[0] > chance), 0)
    return math.ceil(alone * n / worth) if alone else 0


def _units(comparison: Comparison) -> np.ndarray:
    """The independent unit of each signal: its group, also where the split can't keep groups whole."""
    groups = comparison.dataset.groups
    if groups is None or pd.isna(groups).any():
        return comparison.plan.clusters
    return pd.factorize(groups)[0]


def _leaks(comparison: Comparison, row: Row | None, thorough: bool, notes: list[str]) -> list[Leak]:
    dataset, plan = comparison.dataset, comparison.plan
    near = None
    if len(dataset) <= MAX_SIGNALS:
        near = near_duplicates(dataset)
    else:
        notes.append(
            f"Near-copies were not looked for among {len(dataset):,} signals; up to {MAX_SIGNALS:,} are compared."
        )
    shortcuts = find_shortcuts(dataset, units=_units(comparison)) + _fitted_outside(comparison)
    same = duplicates(dataset)
    honest = find_leaks(dataset, plan.folds, same=same, near=near) + shortcuts
    refit = row is not None and (thorough or len(plan.folds) <= FOLDS_REFITTED)
    if honest and not refit:
        notes.append(f"With {len(plan.folds)} folds, leaks are closed one by one only if asked to be thorough.")
    found = [
        _closed(comparison, row, plan, finding, "honest") if refit else _open(finding, "honest") for finding in honest
    ]
    other = comparison.naive_plan
    if other is not None:
        for finding in find_leaks(dataset, other.folds, same=same, near=near):
            found.append(_closed(comparison, row, other, finding, "naive") if thorough else _open(finding, "naive"))
    return found


def _fitted_outside(comparison: Comparison) -> list[Finding]:
    """Signs of fitting before the split: in signals of one size that are held as rows, and in recipes."""
    signals = comparison.dataset.signals
    recipe = comparison.best[0]
    rows = None
    shapes = {np.shape(item) for item in signals.stored} if signals.n_axes == 1 and signals.in_memory else set()
    if len(shapes) == 1 and math.prod(*shapes) * len(signals) <= ROWS_STACKED:
        rows = np.stack([signal.ravel() for signal in signals])
    return find_fitted_outside(rows, comparison.labels, transformer=comparison.representations[recipe])


def _open(finding: Finding, split: str) -> Leak:
    return Leak(finding, math.nan, math.nan, 0, split)


def _closed(comparison: Comparison, row: Row | None, plan: SplitPlan, finding: Finding, split: str) -> Leak:
    """The finding with both scores of the best row, over the signals that can be tested with the leak closed."""
    folds = close(comparison.dataset, plan.folds, finding)
    tested = np.zeros(len(comparison.labels), dtype=bool)
    for _, test in folds:
        tested[test] = True
    if not tested.any() or row is None:
        return _open(finding, split)
    truth = comparison.labels.astype(object)
    given = comparison.predictions[row.recipe, row.classifier]
    if split == "naive":
        given = predict_in_folds(row.estimator, row.X, comparison.labels, plan.folds)
    taken = predict_in_folds(row.estimator, row.X, comparison.labels, folds)
    asked, closed = (float((answers == truth)[tested].mean()) for answers in (given, taken))
    return Leak(finding, asked, closed, int(tested.sum()), split, int(tested.sum()) < int(plan.tested.sum()))


def _pairs(comparison: Comparison, random_state: int | None) -> tuple[pd.DataFrame, PairedComparison | None]:
    tested = np.flatnonzero(comparison.plan.tested)
    place = np.full(len(comparison.labels), -1)
    place[tested] = np.arange(len(tested))
    folds = [(train, place[test]) for train, test in comparison.plan.folds]
    right = {key: (given == comparison.labels.astype(object))[tested] for key, given in comparison.predictions.items()}
    best = comparison.best

    def pair(other: tuple[str, str]) -> PairedComparison:
        return compare_pair(
            right[best], right[other], clusters=_units(comparison)[tested], folds=folds,
            names=(", ".join(best), ", ".join(other)), random_state=random_state,
        )  # fmt: skip

    rows, against = [], None
    for recipe, classifier in zip(comparison.table["recipe"], comparison.table["classifier"]):
        if (recipe, classifier) == best:
            continue
        found = pair((recipe, classifier))
        if recipe == BASELINE and best[0] != BASELINE and against is None:
            against = found
        rows.append(
            {
                "recipe": recipe, "classifier": classifier, "difference": 0.0 - found.difference, "low": -found.high,
                "high": -found.low, "p": found.p, "better": found.worse, "same": found.same, "worse": found.better,
                "sentence": found.sentence,
            }
        )  # fmt: skip
    columns = ["recipe", "classifier", "difference", "low", "high", "p", "better", "same", "worse", "sentence"]
    return pd.DataFrame(rows, columns=columns), against


def _invariance(comparison: Comparison, thorough: bool, random_state: int | None, notes: list[str]) -> pd.DataFrame:
    dataset = comparison.dataset
    sizes = [math.prod(np.shape(dataset.signals[i])) for i in np.linspace(0, len(dataset) - 1, 5).astype(int)]
    if np.mean(sizes) > SIGNAL_SAMPLES and not thorough:
        notes.append(
            f"Signals have some {np.mean(sizes):,.0f} samples; invariance is measured only if asked to be thorough."
        )
        return pd.DataFrame()
    n = int(np.clip(SIGNAL_SAMPLES / max(1.0, float(np.mean(sizes))), FEWEST_CHANGED, 60))
    parts = []
    for recipe, representation in comparison.representations.items():
        try:
            found = invariance(
                representation, dataset, comparison.labels, features=comparison.features[recipe].to_numpy(),
                max_signals=n, random_state=random_state,
            )  # fmt: skip
        except InputError as error:
            notes.append(f"The invariance of {recipe!r} can't be measured: {error}")
            continue
        score = float(comparison.table.loc[comparison.table["recipe"] == recipe, "score"].max())
        parts.append(found.table.assign(recipe=recipe, score=score, discrimination=found.discrimination))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _importance(
    comparison: Comparison, thorough: bool, random_state: int | None, notes: list[str]
) -> pd.DataFrame | None:
    row = refittable(comparison, explainable=True)
    if row is None:
        notes.append(
            "No recipe that is quick to fit again says where its features come from, so importance isn't measured."
        )
        return None
    table = row.representation.feature_table_
    if len(comparison.plan.folds) > FOLDS_REFITTED and not thorough:
        notes.append(f"With {len(comparison.plan.folds)} folds, importance is measured only if asked to be thorough.")
        return None
    by = _groupings(table)
    parts = []
    for column in by:
        groups: Any = column
        if isinstance(row.X, np.ndarray):
            groups = feature_groups(table, column)
        found = group_importance(
            row.estimator, row.X, comparison.labels, folds=comparison.plan.folds, groups=groups,
            clusters=_units(comparison), random_state=random_state,
        )  # fmt: skip
        unit = str(table["unit"].dropna().iloc[0]) if column == "frequency" and "unit" in table else ""
        parts.append(found.assign(by=column, unit=unit, recipe=row.recipe, classifier=row.classifier))
    return pd.concat(parts, ignore_index=True) if parts else None


def _groupings(table: pd.DataFrame) -> list[str]:
    """The columns that group features, each in a way of its own."""
    found: dict[tuple[int, ...], str] = {}
    for column in GROUPINGS[:6]:
        if column in table and table[column].nunique() > 1:
            found.setdefault(tuple(pd.factorize(table[column])[0].tolist()), column)
    return list(found.values())


def _decisions(comparison: Comparison, random_state: int | None, notes: list[str]) -> list[Decision]:
    row = refittable(comparison, explainable=True)
    if row is None:
        return []  # said of the importance already
    given = comparison.predictions[row.recipe, row.classifier]
    right = (given == comparison.labels.astype(object)) & comparison.plan.tested
    found = []
    for name in comparison.classes:
        some = np.flatnonzero(right & (comparison.labels == name))[:TRIED].tolist()
        tried = []
        try:
            for signal in some:
                tried.append(explain(comparison, signal, random_state=random_state))
                if tried[-1].salience.any():
                    break
        except InputError as error:
            notes.append(f"What decided on {name!r} isn't shown: {error}")
            continue
        if tried:
            found.append(tried[-1] if tried[-1].salience.any() else tried[0])
        if len(found) == EXPLAINED:
            break
    return found


def _permutation(
    comparison: Comparison, row: Row, n_jobs: int | None, random_state: int | None, notes: list[str]
) -> PermutationTest | None:
    try:
        return permutation_test(
            row.estimator, row.X, comparison.labels, folds=comparison.plan.folds, groups=_units(comparison),
            n_permutations=PERMUTATIONS, n_jobs=n_jobs, random_state=random_state,
        )  # fmt: skip
    except InputError as error:
        notes.append(f"Labels can't be permuted: {error}")
        return None


def _learning(comparison: Comparison, row: Row, random_state: int | None) -> LearningCurve:
    units = _units(comparison)
    groups = None if len(np.unique(units)) == len(units) else units
    return learning_curve(
        row.estimator, row.X, comparison.labels, folds=comparison.plan.folds, groups=groups, random_state=random_state
    )


def _calibration(
    comparison: Comparison, row: Row, random_state: int | None, notes: list[str]
) -> tuple[Calibration | None, str]:
    """Of the best row; or, if its classifier tells no probabilities, of logistic regression on its features."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    estimator, X = row.estimator, row.X
    classifier = row.classifier
    degenerate = type(estimator.steps[-1][1]).__name__ == "KNeighborsClassifier"
    if not hasattr(estimator, "predict_proba") or degenerate:
        estimator = Pipeline([*estimator.steps[:-1], ("classifier", LogisticRegression(max_iter=2000))])
        notes.append(
            f"{classifier} tells no useful probabilities; the calibration is that of logistic regression on the same "
            f"features."
        )
        classifier = "logistic"
    told = probabilities_in_folds(estimator, X, comparison.labels, comparison.plan.folds)
    known = np.isfinite(told).all(axis=1)
    if len(np.unique(comparison.labels[known])) != told.shape[1]:
        notes.append("Not every class is tested, so the calibration isn't measured.")
        return None, classifier
    return (
        calibration(
            told[known], comparison.labels[known], clusters=_units(comparison)[known], random_state=random_state
        ),
        classifier,
    )


def _plain(value: Any) -> Any:
    """Values as JSON knows them."""
    if isinstance(value, dict):
        return {str(key): _plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    value = value.item() if isinstance(value, np.generic) else value
    if value is pd.NA or value is pd.NaT:
        return None
    return None if isinstance(value, float) and not math.isfinite(value) else value
