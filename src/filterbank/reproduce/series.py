"""The tutorial's figures on series: windows of diseases, and the period of the sunspots."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from filterbank.datasets import load
from filterbank.errors import MissingDataError
from filterbank.evaluate import interval, leave_one_out, make_split, progressive
from filterbank.evaluate.refit import predict_in_folds
from filterbank.recipes import tutorial_gabor
from filterbank.reproduce.rows import Row, agrees

__all__ = ["health", "health_reduced", "sunspots"]

BLOCKED = "five stretches of time a series, windows that overlap left out of training"


def health(printed: dict[str, Any]) -> Iterator[Row]:
    """Nearest neighbours of filter-bank features, leave one out."""
    data = load("health")
    features = tutorial_gabor().fit_transform(data.signals)
    model = make_pipeline(StandardScaler(), KNeighborsClassifier(1))
    ours = leave_one_out(model, features, data.y).score
    yield _row("health", "Gabor features, 1-NN, leave one out", printed["loo_1nn_gabor"], ours, model, features, data)


def health_reduced(printed: dict[str, Any]) -> Iterator[Row]:
    """Two components, fitted on all windows before leave-one-out, then a linear support vector machine."""
    data = load("health")
    features = tutorial_gabor().fit_transform(data.signals)
    for key, reducer in (("pca2_svm_linear", PCA(2)), ("lda2_svm_linear", LinearDiscriminantAnalysis(n_components=2))):
        model = make_pipeline(StandardScaler(), reducer, StandardScaler(), SVC(kernel="linear"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that it leaks is what is shown here
            found = progressive(model, features, data.y, n_components=np.array([2]), inside=False)
        name = type(reducer).__name__.replace("LinearDiscriminantAnalysis", "LDA")
        what = f"{name} to 2 on all windows, linear SVM, leave one out"
        yield _row("health_reduced", what, printed[key], float(found.scores[0]), model, features, data)


def _row(section: str, what: str, printed: float, ours: float, model: Any, features: np.ndarray, data: Any) -> Row:
    plan = make_split(data, "time")
    right = predict_in_folds(model, features, data.y, plan.folds) == data.y
    low, high = interval(right, plan.clusters)
    return Row(
        section,
        what,
        f"{printed:.2f}",
        ours,
        agrees(ours, printed, 2),
        "the tutorial's 660 windows",
        float(np.mean(right)),
        low,
        high,
        BLOCKED,
    )


def sunspots(printed: dict[str, Any]) -> Iterator[Row]:
    """The period of yearly sums, after a straight line is taken off."""
    from filterbank.spectrum import periodogram

    root = os.environ.get("FILTERBANK_DATA", "")
    path = Path(root, "tutorial/sunspots.csv")
    if not path.is_file():
        raise MissingDataError("the sunspots are not on this machine. Put tutorial/sunspots.csv into FILTERBANK_DATA.")
    months = np.loadtxt(path)[:, -1]
    years = months[: len(months) // 12 * 12].reshape(-1, 12).sum(axis=1)
    found = periodogram(years, rate=1.0, detrend="linear")
    strongest = 1 + int(np.argmax(found.values[1:]))
    ours = 1 / float(found.frequencies[strongest])
    yield Row(
        "sunspots",
        "period, years",
        f"{printed['period_years']:.1f}",
        ours,
        agrees(ours, printed["period_years"], 1),
        "yearly sums, straight line taken off, largest peak of the power spectrum",
    )
