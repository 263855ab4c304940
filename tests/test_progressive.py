"""Accuracy by number of components: inside the folds as a loop of refits gives it, outside them as was published."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, LeaveOneOut, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from filterbank.errors import InputError
from filterbank.evaluate.intervals import cluster_interval, wilson
from filterbank.evaluate.progressive import progressive


def slow(model, X, y, groups=None):
    return cross_val_predict(model, X, y, cv=LeaveOneOut() if groups is None else LeaveOneGroupOut(), groups=groups)


def blobs(n, d, n_classes, seed, spread=0.6):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n)
    mixing = rng.standard_normal((d, d)) / np.sqrt(d) + np.eye(d)
    X = (spread * rng.standard_normal((n_classes, d))[y] + rng.standard_normal((n, d))) @ mixing
    return X * np.exp(rng.standard_normal(d)) + 3 * rng.standard_normal(d), y


def slow_progressive(model, X, y, counts, groups=None):
    return np.stack([slow(clone(model).set_params(pca__n_components=int(k)), X, y, groups) for k in counts], axis=1)


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize(
    "kind", ["normal", "copies", "integers", "float32", "offset", "scales", "nearly copies", "constant"]
)
def test_progressive_is_the_loop_over_numbers_of_components(scaled, kind):
    X, y = blobs(32, 4, 3, 4)
    if kind == "copies":
        X[20:26] = X[:6]
    elif kind == "integers":
        X = np.random.default_rng(0).integers(0, 3, X.shape)
    elif kind == "float32":
        X = X.astype(np.float32)
    elif kind == "offset":  # more than single precision can hold
        X += 1e7
    elif kind == "scales":
        X *= [1e-12, 1.0, 1e9, 1e-3]
    elif kind == "nearly copies":  # nearer than single precision can tell
        X[16:] = X[:16] + 1e-10 * np.random.default_rng(1).normal(size=(16, 4))
        X[:16] += 1e-9
    elif kind == "constant":
        X[:, 2] = 7.0
    steps = (StandardScaler(),) if scaled else ()
    model = make_pipeline(*steps, PCA(svd_solver="full"), KNeighborsClassifier(1))
    for groups in (None, np.arange(32) % 5):
        expected = slow_progressive(model, X, y, range(1, 5), groups)
        result = progressive(model, X, y, groups=groups)
        assert result.n_components.tolist() == [1, 2, 3, 4]
        assert ((result.predictions == expected) | result.tied).all()
        np.testing.assert_array_equal(result.scores, (result.predictions == y[:, None]).mean(axis=0))
        if kind in ("normal", "nearly copies"):
            assert result.closed_form
        if kind == "normal":
            assert result.recomputed.mean() < 0.02
            assert not result.tied.any()


def test_progressive_refits_other_classifiers_and_other_reductions():
    X, y = blobs(30, 5, 4, 4)
    model = make_pipeline(StandardScaler(), PCA(svd_solver="full"), LogisticRegression())
    result = progressive(model, X, y, n_components=[1, 3])
    assert (result.predictions == slow_progressive(model, X, y, [1, 3])).all()
    assert not result.closed_form
    assert "LogisticRegression" in result.how
    reduced = make_pipeline(LinearDiscriminantAnalysis(), KNeighborsClassifier(3))
    result = progressive(reduced, X, y)
    assert result.n_components.tolist() == [1, 2, 3]
    for c, k in enumerate(result.n_components.tolist()):
        fixed = clone(reduced).set_params(lineardiscriminantanalysis__n_components=k)
        assert (result.predictions[:, c] == slow(fixed, X, y)).all()


def test_progressive_names_what_it_cannot_do():
    X, y = blobs(30, 5, 2, 4)
    with pytest.raises(InputError, match="KNeighborsClassifier"):
        progressive(KNeighborsClassifier(1), X, y)
    with pytest.raises(InputError, match="n_components=6 is not from 1 to 5"):
        progressive(make_pipeline(PCA(), KNeighborsClassifier(1)), X, y, n_components=[2, 6])


def test_the_interval_is_that_of_each_number():
    X, y = blobs(40, 4, 2, 1)
    groups = np.arange(40) // 5
    model = make_pipeline(PCA(), KNeighborsClassifier(1))
    alone, grouped = progressive(model, X, y), progressive(model, X, y, groups=groups)
    for c in range(4):
        right = alone.predictions[:, c] == y
        assert (alone.low[c], alone.high[c]) == wilson(right.sum(), 40)
        assert (grouped.low[c], grouped.high[c]) == cluster_interval(grouped.predictions[:, c] == y, groups)


def test_steps_may_follow_the_reduction():
    X, y = blobs(30, 5, 3, 2)
    model = make_pipeline(StandardScaler(), PCA(svd_solver="full"), StandardScaler(), SVC(kernel="linear"))
    result = progressive(model, X, y, n_components=[2, 4])
    assert (result.predictions == slow_progressive(model, X, y, [2, 4])).all()


@pytest.mark.parametrize("reducer", [PCA(svd_solver="full"), LinearDiscriminantAnalysis()])
@pytest.mark.parametrize("classifier", [SVC(kernel="linear"), KNeighborsClassifier(3)])
@pytest.mark.parametrize("grouped", [False, True])
def test_outside_the_folds_is_what_it_says_and_warns(reducer, classifier, grouped):
    X, y = blobs(36, 6, 3, 5, spread=0.2)
    groups = np.arange(36) % 6 if grouped else None
    model = make_pipeline(StandardScaler(), reducer, classifier)
    with pytest.warns(UserWarning, match=f"fits {type(reducer).__name__} on all 36 signals"):
        result = progressive(model, X, y, groups=groups, n_components=[1, 2], inside=False)
    assert not result.inside
    for c in (1, 2):
        reduced = make_pipeline(StandardScaler(), clone(reducer).set_params(n_components=c)).fit(X, y).transform(X)
        expected = slow(classifier, reduced, y, groups)
        assert ((result.predictions[:, c - 1] == expected) | result.tied[:, c - 1]).all()


def test_what_knows_the_labels_beforehand_is_too_good():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 30)), np.arange(60) % 2  # nothing to learn
    model = make_pipeline(LinearDiscriminantAnalysis(), KNeighborsClassifier(5))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        outside = progressive(model, X, y, inside=False)
    inside = progressive(model, X, y)
    assert outside.scores[0] > 0.75 > 0.65 > inside.scores[0]


@pytest.mark.skipif(not os.environ.get("FILTERBANK_DATA"), reason="FILTERBANK_DATA isn't set")
@pytest.mark.parametrize(
    ("reducer", "key"), [(PCA(), "pca2_svm_linear"), (LinearDiscriminantAnalysis(), "lda2_svm_linear")]
)
def test_health_reduced_has_its_published_scores(reducer, key):
    import json

    import pandas as pd

    golden = Path(os.environ["FILTERBANK_DATA"]) / "tutorial" / "golden"
    X = np.load(golden / "health_gabor_features.npy")
    y = pd.read_csv(golden / "health_windows.csv")["label"].to_numpy()
    model = make_pipeline(StandardScaler(), reducer, StandardScaler(), SVC(kernel="linear"))
    with pytest.warns(UserWarning, match="too good"):
        result = progressive(model, X, y, n_components=[2], inside=False)
    published = json.loads((golden / "published.json").read_text())["health_reduced"][key]
    assert round(result.scores[0], 2) == published
