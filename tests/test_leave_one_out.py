"""Leave-one-out by algebra gives scikit-learn's own predictions, on well-behaved and on nasty data."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import LeaveOneGroupOut, LeaveOneOut, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from threadpoolctl import ThreadpoolController

from filterbank.errors import InputError
from filterbank.evaluate import closed_form as algebra
from filterbank.evaluate.intervals import cluster_interval, wilson
from filterbank.evaluate.leave_one_out import leave_one_out
from filterbank.least_squares import LeastSquaresSVC

QUICK = settings(  # shrinking would refit for minutes
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
THREADS = ThreadpoolController()

pytestmark = pytest.mark.filterwarnings("ignore")

CLASSIFIERS = {
    "1-nn": KNeighborsClassifier(1),
    "1-nn brute": KNeighborsClassifier(1, algorithm="brute"),
    "3-nn": KNeighborsClassifier(3),
    "lda": LinearDiscriminantAnalysis(),
    "ridge": RidgeClassifier(),
    "weak ridge": RidgeClassifier(alpha=1e-3),
    "centroid": NearestCentroid(),
    "bayes": GaussianNB(),
    "ls-svm": LeastSquaresSVC(C=0.3),
    "rbf ls-svm": LeastSquaresSVC(kernel="rbf", gamma=0.05),
}
MODELS = {
    f"{before}{name}": make_pipeline(*steps, model) if steps else model
    for before, steps in {
        "": (),
        "scaler, ": (StandardScaler(),),
        "pca, ": (PCA(2, svd_solver="full"),),
        "scaler, pca, ": (StandardScaler(), PCA(2)),
    }.items()
    for name, model in CLASSIFIERS.items()
    if not ("pca" in before and name in ("bayes", "1-nn brute", "weak ridge")) and not (before and name == "rbf ls-svm")
}


def slow(model, X, y, groups=None):
    """The plain loop, in the order of the rows."""
    cv = LeaveOneOut() if groups is None else LeaveOneGroupOut()
    with THREADS.limit(limits=1):
        return cross_val_predict(model, X, y, cv=cv, groups=groups)


def blobs(n, d, n_classes, seed, spread=0.6):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n)
    mixing = rng.standard_normal((d, d)) / np.sqrt(d) + np.eye(d)
    X = (spread * rng.standard_normal((n_classes, d))[y] + rng.standard_normal((n, d))) @ mixing
    return X * np.exp(rng.standard_normal(d)) + 3 * rng.standard_normal(d), y


@st.composite
def nasty(draw):
    """Small data with what trips closed forms: copies, few values, constant columns, tiny classes, offsets."""
    n = draw(st.integers(6, 16))
    d = draw(st.sampled_from([1, 2, 3, 5, 20]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["normal", "normal", "integers", "bits", "tenths"]))
    X = {
        "normal": rng.standard_normal((n, d)),
        "integers": rng.integers(0, 4, (n, d)).astype(float),
        "bits": rng.integers(0, 2, (n, d)).astype(float),
        "tenths": rng.integers(0, 5, (n, d)) / 10,
    }[kind]
    for trick in draw(st.sets(st.sampled_from(["copies", "constant", "lone", "offset", "scales", "outlier", "twin"]))):
        column = rng.integers(d)
        if trick == "copies":
            X[rng.integers(0, n, n // 2)] = X[rng.integers(0, n, n // 2)]
        elif trick == "constant":
            X[:, column] = rng.choice([0.0, 1.0, 0.1, -7.3e6])
        elif trick == "lone":  # constant once that row is left out
            X[:, column] = rng.choice([0.0, 0.3])
            X[rng.integers(n), column] = 1.7
        elif trick == "offset":
            X[:, column] += rng.choice([1e3, 1e6, 1e9, 1e12])
        elif trick == "scales":
            X *= 10.0 ** rng.integers(-4, 5, d)
        elif trick == "outlier":
            X[rng.integers(n), column] = 1e6
        elif trick == "twin" and d > 1:
            X[:, column] = X[:, (column + 1) % d]
    n_classes = draw(st.integers(2, 4))
    y = rng.integers(0, n_classes, n)
    if draw(st.booleans()):
        y[rng.integers(n)] = 9  # a class with a single member
    if draw(st.booleans()):
        y = np.array(["ab", "c", "def", "g", "", "", "", "", "", "last one"])[y]
    if draw(st.sampled_from([False, False, True])):
        X = X.astype(np.float32)
    groups = rng.integers(0, draw(st.integers(2, 5)), n)
    return X, y, groups


def check(model, X, y, groups=None):
    try:
        expected = slow(model, X, y, groups)
    except Exception:
        with pytest.raises(InputError):
            leave_one_out(model, X, y, groups=groups)
        return None
    result = leave_one_out(model, X, y, groups=groups)
    differs = np.flatnonzero(result.predictions != expected)
    assert set(differs.tolist()) <= set(result.tied.tolist()), (differs, result.tied, result.how)
    assert result.score == np.mean(result.predictions == y)
    return result


def check_both(model, data):
    X, y, groups = data
    if len(np.unique(y)) > 1:
        check(model, X, y)
        if len(np.unique(groups)) > 1:
            check(model, X, y, groups)


@pytest.mark.parametrize("name", MODELS)
@settings(QUICK, max_examples=3, derandomize=True)
@given(data=nasty())
def test_nasty_data_give_the_same_predictions(name, data):
    check_both(MODELS[name], data)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
@settings(QUICK, max_examples=60)
@given(data=nasty())
def test_much_nasty_data_give_the_same_predictions(name, data):
    check_both(MODELS[name], data)


@pytest.mark.parametrize("name", MODELS)
def test_plain_data_need_no_refit(name):
    X, y = blobs(34, 8, 4, 1, spread=0.3)
    result = check(MODELS[name], X, y)
    assert result.closed_form
    assert len(result.recomputed) <= 1
    assert len(result.tied) == 0
    result = check(MODELS[name], X, y, np.arange(34) % 6)
    assert len(result.recomputed) == 0


def exact_nearest(X, y, i, scaled):
    """The labels of the nearest rows, in rational numbers throughout."""
    rows = [[Fraction(float(v)) for v in row] for row in X]
    others = [j for j in range(len(X)) if j != i]
    weights = []
    for k in range(X.shape[1]):
        column = [rows[j][k] for j in others]
        mean = sum(column) / len(column)
        variance = sum((v - mean) ** 2 for v in column) / len(column)
        weights.append(1 / variance if scaled and variance else Fraction(1))
    distance = {j: sum(w * (a - b) ** 2 for w, a, b in zip(weights, rows[i], rows[j])) for j in others}
    least = min(distance.values())
    return [y[j] for j in others if distance[j] == least]


@pytest.mark.parametrize("scaled", [False, True])
def test_exact_ties_are_reported_and_the_first_row_wins(scaled):
    rng = np.random.default_rng(5)
    X, y = rng.integers(0, 3, (40, 3)).astype(float), rng.integers(0, 3, 40)
    model = make_pipeline(StandardScaler(), KNeighborsClassifier(1)) if scaled else KNeighborsClassifier(1)
    result = leave_one_out(model, X, y)
    nearest = [exact_nearest(X, y, i, scaled) for i in range(40)]
    assert result.tied.tolist() == [i for i in range(40) if len(set(nearest[i])) > 1]
    assert result.predictions.tolist() == [labels[0] for labels in nearest]
    assert len(result.tied) > 5


RULES = {
    "ridge": (RidgeClassifier(), lambda data: algebra.ridge(data, alpha=1.0)),
    "lda": (LinearDiscriminantAnalysis(), lambda data: algebra.discriminant(data, tol=1e-4)),
    "bayes": (GaussianNB(), lambda data: algebra.naive_bayes(data, smoothing=1e-9)),
    "kernel": (
        LeastSquaresSVC(kernel="rbf", gamma=0.05, C=3.0),
        lambda data: algebra.kernel_machine(data, C=3.0, gamma=0.05),
    ),
    "ridge by moments": (
        RidgeClassifier(),
        lambda data: algebra.projected_classes(data, "ridge", parameter=1.0, n_components=None),
    ),
    "lda by moments": (
        LinearDiscriminantAnalysis(),
        lambda data: algebra.projected_classes(data, "discriminant", parameter=1e-4, n_components=None),
    ),
}


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("name", RULES)
def test_scores_are_those_of_a_refit(name, scaled):
    model, rule = RULES[name]
    if scaled and name == "kernel":
        return  # has no closed form
    for n, d, offset in ((32, 6, 0.0), (32, 10, 1e4)):
        X, y = blobs(n, d, 4, 3)
        X += offset
        y = np.arange(n) % 4
        whole = make_pipeline(StandardScaler(), model) if scaled else model
        answers = rule(algebra.LeftOut(X, y, None, n_classes=4, scaled=scaled, eps=2.0**-52))
        for i in range(n):
            train = np.arange(n) != i
            fitted = clone(whole).fit(X[train], y[train])
            if name == "bayes":
                scores = GaussianNB.predict_joint_log_proba
                last, z = (fitted[-1], fitted[:-1].transform(X[[i]])) if scaled else (fitted, X[[i]])
                expected = scores(last, z)[0]
            else:
                expected = fitted.decision_function(X[[i]])[0]
            found = answers.scores[i]
            assert np.ptp(found - expected) <= 2 * answers.tolerance[i]
            assert answers.tolerance[i] < 1e-5 * np.ptp(expected)


def test_more_features_than_signals_need_no_refit_in_ridge():
    X, y = blobs(40, 90, 3, 0)
    for model in (RidgeClassifier(), make_pipeline(StandardScaler(), RidgeClassifier())):
        result = check(model, X, y)
        assert len(result.recomputed) <= 1


def test_a_class_that_vanishes_from_its_fold():
    X, y = blobs(40, 4, 3, 1)
    y = np.array(["one", "two", "three"])[y]
    y[17] = "alone"
    for model in CLASSIFIERS.values():
        result = check(model, X, y)
        assert result.predictions[17] != "alone"
        assert result.closed_form
        assert len(result.recomputed) < 3


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (KNeighborsClassifier(3, weights="distance"), "weights='distance'"),
        (KNeighborsClassifier(1, metric="manhattan"), "metric='manhattan'"),
        (KNeighborsClassifier(1, p=1), "p=1"),
        (LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"), "solver='lsqr'"),
        (LinearDiscriminantAnalysis(priors=[0.2, 0.3, 0.5]), "priors="),
        (RidgeClassifier(class_weight="balanced"), "class_weight='balanced'"),
        (RidgeClassifier(fit_intercept=False), "fit_intercept=False"),
        (RidgeClassifier(solver="lsqr"), "solver='lsqr'"),
        (NearestCentroid(metric="manhattan"), "metric='manhattan'"),
        (NearestCentroid(shrink_threshold=0.2), "shrink_threshold=0.2"),
        (GaussianNB(priors=[0.2, 0.3, 0.5]), "priors="),
        (make_pipeline(StandardScaler(with_std=False), RidgeClassifier()), "with_std=False"),
        (make_pipeline(StandardScaler(with_mean=False), RidgeClassifier()), "with_mean=False"),
        (make_pipeline(PCA(2, whiten=True), KNeighborsClassifier(1)), "whiten=True"),
        (make_pipeline(PCA(0.9), KNeighborsClassifier(1)), "n_components=0.9"),
        (make_pipeline(PCA(2, svd_solver="arpack", random_state=0), KNeighborsClassifier(1)), "arpack"),
        (make_pipeline(MinMaxScaler(), RidgeClassifier()), "MinMaxScaler"),
        (make_pipeline(PCA(2), StandardScaler(), RidgeClassifier()), "PCA, StandardScaler, RidgeClassifier"),
        (LogisticRegression(), "LogisticRegression"),
        (LeastSquaresSVC(kernel="rbf"), "gamma='scale'"),
        (make_pipeline(StandardScaler(), LeastSquaresSVC(kernel="rbf", gamma=0.1)), "a kernel after a scaler"),
    ],
)
def test_what_has_no_closed_form_is_refitted_and_named(model, named):
    X, y = blobs(15, 4, 3, 0)
    y = np.arange(15) % 3
    groups = np.arange(15)[::-1] // 3
    for by in (None, groups):
        result = check(model, X, y, by)
        assert not result.closed_form
        assert named in result.how
        assert len(result.recomputed) == (15 if by is None else 5)


def test_a_subclass_is_not_taken_for_its_parent():
    class Contrary(KNeighborsClassifier):
        def predict(self, X):
            return self.classes_[-1 - np.searchsorted(self.classes_, super().predict(X))]

    X, y = blobs(25, 4, 2, 0)
    result = check(Contrary(1), X, y)
    assert not result.closed_form


def test_refits_run_in_processes_with_the_same_result():
    X, y = blobs(30, 3, 2, 0)
    one, two = (leave_one_out(LogisticRegression(), X, y, n_jobs=n) for n in (1, 2))
    assert (one.predictions == two.predictions).all()


def test_the_interval_respects_groups():
    X, y = blobs(60, 4, 3, 2)
    result = leave_one_out(KNeighborsClassifier(1), X, y)
    right = result.predictions == y
    assert (result.low, result.high) == wilson(right.sum(), 60)
    groups = np.array(list("abcdef"))[np.arange(60) // 10]
    result = leave_one_out(KNeighborsClassifier(1), X, y, groups=groups)
    assert (result.low, result.high) == cluster_interval(result.predictions == y, groups)


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        (lambda X, y, g: (X[:, 0], y, g), "(20,)"),
        (lambda X, y, g: (X, y[:-1], g), "(19,)"),
        (lambda X, y, g: (X, y + 0.5, g), "0.5"),
        (lambda X, y, g: (X, np.zeros(20, dtype=int), g), "one class, 0"),
        (lambda X, y, g: (X, y, np.arange(19)), "(19,)"),
        (lambda X, y, g: (X, y, np.full(20, "same")), "'same'"),
        (lambda X, y, g: (np.where(np.arange(20)[:, None] == 7, np.nan, X), y, g), "X[7, 0]=nan"),
    ],
)
def test_bad_input_is_named(change, shown):
    X, y = blobs(20, 3, 2, 0)
    y[:2] = 0, 1
    X, y, groups = change(X, y, None)
    with pytest.raises(InputError) as error:
        leave_one_out(KNeighborsClassifier(1), X, y, groups=groups)
    assert shown in str(error.value)


def test_a_fold_that_cannot_be_fitted_is_named():
    X, y = blobs(10, 3, 2, 0)
    y[:] = 0
    y[4] = 1
    with pytest.raises(InputError, match="without signal 4"):
        leave_one_out(LogisticRegression(), X, y)


@pytest.mark.skipif(not os.environ.get("FILTERBANK_DATA"), reason="FILTERBANK_DATA isn't set")
def test_health_has_its_published_score():
    import pandas as pd

    golden = Path(os.environ["FILTERBANK_DATA"]) / "tutorial" / "golden"
    X = np.load(golden / "health_gabor_features.npy")
    y = pd.read_csv(golden / "health_windows.csv")["label"].to_numpy()
    result = check(make_pipeline(StandardScaler(), KNeighborsClassifier(1)), X, y)
    assert round(result.score, 3) == 0.986
    assert len(result.tied) == 0
    assert len(result.recomputed) == 0
