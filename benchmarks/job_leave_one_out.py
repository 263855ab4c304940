"""Leave-one-out of 660 signals of 27 features and of 5,000 of 100, every step fitted in each fold."""

from __future__ import annotations

import statistics
import time
import warnings
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import RidgeClassifier, RidgeClassifierCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.harness import Row, with_threads
from filterbank.evaluate.leave_one_out import leave_one_out
from filterbank.evaluate.progressive import progressive

MODELS = {
    "scaler + 1-NN": (make_pipeline(StandardScaler(), KNeighborsClassifier(1)), (200.0, 90.0)),
    "LDA": (LinearDiscriminantAnalysis(), (1500.0, 5000.0)),
    "ridge": (RidgeClassifier(), (2500.0, 2500.0)),
    "scaler + ridge": (make_pipeline(StandardScaler(), RidgeClassifier()), (200.0, 80.0)),
}
LOOP = "scikit-learn: clone, fit, predict a fold"
CLOSED = "RidgeClassifierCV(alphas=[1]), its own closed form"


def run(quick: bool) -> list[Row]:
    """Time the loop on a sample of folds and scale it, one thread; the predictions must agree on those folds."""
    rows = []
    # signals, features, classes, folds timed, the larger number where a fit is quick, folds and counts of the sweep
    sizes = [(80, 8, 3, 20, 3, [1, 4, 8])] if quick else [(660, 27, 6, 200, 12, list(range(1, 28)))]
    if not quick:
        sizes.append((5000, 100, 10, 20, 3, [1, 10, 100]))
    with with_threads(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for which, (n, d, n_classes, n_folds, n_swept, counts) in enumerate(sizes):
            X, y = data(n, d, n_classes)
            folds = np.random.default_rng(0).choice(n, n_folds, replace=False)
            job = f"{n} x {d}"
            for name, (_, demands) in MODELS.items():
                rows.append(against_loop(name, X, y, job, folds, None if quick else demands[which]))
            rows.append(own_closed_form(X, y, job))
            rows.append(sweep(X, y, job, folds[:n_swept], counts, None if quick else (1000.0, 900.0)[which]))
    return rows


def against_loop(name: str, X: np.ndarray, y: np.ndarray, job: str, folds: np.ndarray, demand: float | None) -> Row:
    """The loop runs before and after ours, so that what else the machine does hits both."""
    model = MODELS[name][0]
    leave_one_out(model, X, y)
    before, expected = timed(lambda: loop(model, X, y, folds), 1)
    own, result = timed(lambda: leave_one_out(model, X, y), 9)
    after, _ = timed(lambda: loop(model, X, y, folds), 1)
    assert ((result.predictions[folds] == expected) | np.isin(folds, result.tied)).all(), name
    peer = (before + after) / 2 * len(X) / len(folds)
    return row(f"{name}, {job}", LOOP, own, peer, demand, f"{len(folds)} folds timed")


def own_closed_form(X: np.ndarray, y: np.ndarray, job: str) -> Row:
    model = RidgeClassifierCV(alphas=[1.0], store_cv_results=True)
    own, _ = timed(lambda: leave_one_out(RidgeClassifier(), X, y), 7)
    peer, _ = timed(lambda: clone(model).fit(X, y), 7)
    return row(f"ridge, {job}", CLOSED, own, peer, 1.0 if len(X) > 500 else None, "scores only, no predictions")


def sweep(X: np.ndarray, y: np.ndarray, job: str, folds: np.ndarray, counts: list[int], demand: float | None) -> Row:
    """All numbers of components; the loop is timed for some numbers and some folds."""
    model = make_pipeline(StandardScaler(), PCA(svd_solver="full"), KNeighborsClassifier(1))
    progressive(model, X[:50, :3], y[:50])
    own, result = timed(lambda: progressive(model, X, y), 1 if len(X) > 1000 else 5)
    start = time.perf_counter()
    for k in counts:
        expected = loop(clone(model).set_params(pca__n_components=k), X, y, folds)
        assert (expected == result.predictions[folds, k - 1])[~result.tied[folds, k - 1]].all(), k
    peer = (time.perf_counter() - start) * len(X) / len(folds) * X.shape[1] / len(counts)
    note = f"{len(folds)} folds and {len(counts)} numbers timed"
    return row(f"scaler + PCA(k) + 1-NN, all k, {job}", LOOP, own, peer, demand, note)


def row(job: str, peer: str, own_s: float, peer_s: float, demand: float | None, note: str) -> Row:
    ratio = peer_s / own_s
    ok = None if demand is None else ratio >= demand
    return Row(job, peer, "library", 1, own_s, peer_s, ratio, demand, ok, note=note)


def timed(call: Any, repeats: int) -> tuple[float, Any]:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - start)
    return statistics.median(times), result


def loop(model: Any, X: np.ndarray, y: np.ndarray, folds: np.ndarray) -> np.ndarray:
    everything = np.arange(len(y))
    found = []
    for i in folds:
        train = np.delete(everything, i)
        found.append(clone(model).fit(X[train], y[train]).predict(X[i : i + 1])[0])
    return np.array(found)


def data(n: int, d: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Classes that overlap, features that correlate, of unlike scales."""
    rng = np.random.default_rng(1)
    y = rng.integers(0, n_classes, n)
    mixing = rng.normal(size=(d, d)) / np.sqrt(d) + np.eye(d)
    X = (0.6 * rng.normal(size=(n_classes, d))[y] + rng.normal(size=(n, d))) @ mixing
    return X * np.exp(rng.normal(size=d)) + 3 * rng.normal(size=d), y
