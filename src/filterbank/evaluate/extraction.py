"""Recipes on signals: which of them learn, and the features that they give."""

from __future__ import annotations

import inspect
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from filterbank.errors import InputError
from filterbank.evaluate.inner import inner_folds
from filterbank.evaluate.splits import SplitPlan
from filterbank.evaluate.splitters import Fold
from filterbank.signals import Dataset

__all__ = ["Extracted", "check_features", "chosen_by", "extract", "fit_recipe", "learns", "needs_labels"]


@dataclass(frozen=True)
class Extracted:
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


def learns(transformer: Any) -> bool:
    """Whether features of a signal may depend on other signals; yes where nothing says that they don't."""
    from sklearn.pipeline import Pipeline
    from sklearn.utils import get_tags

    if transformer is None or transformer == "passthrough":
        return False
    if isinstance(transformer, Pipeline):
        return any(learns(step) for _, step in transformer.steps)
    if hasattr(transformer, "learns"):
        return bool(transformer.learns)
    return not hasattr(transformer, "__sklearn_tags__") or bool(get_tags(transformer).requires_fit)


def needs_labels(transformer: Any) -> bool:
    """Whether a transformer can't be fitted without labels."""
    from sklearn.utils import get_tags

    return hasattr(transformer, "__sklearn_tags__") and bool(get_tags(transformer).target_tags.required)


def fit_recipe(transformer: Any, signals: Any, y: np.ndarray, folds: list[Fold] | None) -> Any:
    """A transformer fitted on signals; one that learns from labels gets them, and folds to choose on."""
    from sklearn.base import clone

    if not needs_labels(transformer):
        return clone(transformer).fit(signals)
    if folds is None or "folds" not in inspect.signature(transformer.fit).parameters:
        return clone(transformer).fit(signals, y)
    return clone(transformer).fit(signals, y, folds=folds)


def chosen_by(transformer: Any) -> dict[str, Any] | None:
    """What a fitted transformer chose inside, if it says so."""
    return {"front": transformer.front_, "weights": transformer.weights_} if hasattr(transformer, "front_") else None


def extract(name: str, transformer: Any, dataset: Dataset, y: np.ndarray, plan: SplitPlan) -> Extracted:
    """Fit a recipe on all signals; return it with their features."""
    began = time.perf_counter()
    inside = inner_folds(plan, y, np.arange(len(y))) if needs_labels(transformer) else None
    fitted = fit_recipe(transformer, dataset.signals, y, inside)
    output = fitted.transform(dataset.signals)
    seconds = time.perf_counter() - began
    values = np.asarray(output)
    check_features(name, values, len(dataset))
    if hasattr(fitted, "feature_table_") or hasattr(fitted, "steps"):
        names = [str(v) for v in fitted.get_feature_names_out()]
    else:
        names = [f"{name}[{i}]" for i in range(values.shape[1])]
    frame = pd.DataFrame(values, columns=names)
    return Extracted(transformer, fitted, frame, values, learns(transformer), seconds)


def check_features(name: str, values: np.ndarray, n: int) -> None:
    """Refuse features that aren't a finite number for each signal."""
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
