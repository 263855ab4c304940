"""What a comparison found: its table, predictions, features and model."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from filterbank.errors import invalid
from filterbank.evaluate.leakage import Finding
from filterbank.evaluate.splits import SplitPlan
from filterbank.signals import Dataset

__all__ = ["Comparison", "plain"]


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

        rows = [{key: plain(value) for key, value in row.items()} for row in self.table.to_dict("records")]
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


def plain(value: Any) -> Any:
    """A value of the table as JSON knows it."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
