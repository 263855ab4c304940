"""The subspace classifier: scikit-learn's checks, distances by PCA, and leave-one-out against refitting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.utils.estimator_checks import parametrize_with_checks

from filterbank import InputError, SubspaceClassifier


@parametrize_with_checks([SubspaceClassifier(), SubspaceClassifier(0)])  # axes of a plane would be near everything
def test_sklearn_compatible(estimator, check):
    check(estimator)


def slow_distance(X, x, d):
    """Squared distance of `x` from the subspace of the rows of X, by scikit-learn's PCA."""
    d = min(d, len(X) - 1, X.shape[1], np.linalg.matrix_rank(X - X.mean(axis=0), tol=1e-8))
    if d == 0:
        return ((x - X.mean(axis=0)) ** 2).sum()
    pca = PCA(d, svd_solver="full").fit(X)
    return ((x - pca.inverse_transform(pca.transform(x[None]))[0]) ** 2).sum()


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    sizes=st.lists(st.integers(2, 9), min_size=2, max_size=3),
    n_features=st.integers(1, 12),
    d=st.integers(0, 6),
    rounded=st.booleans(),
)
def test_leave_one_out_is_refitting(seed, sizes, n_features, d, rounded):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(sum(sizes), n_features)) * np.linspace(1, 3, n_features)
    X = X.round() if rounded else X  # repeated samples, and eigenvalues that are equal
    y = np.repeat(np.arange(len(sizes)), sizes)
    model = SubspaceClassifier(d).fit(X, y)
    scale = (X**2).sum(axis=1).max() + 1
    for i in range(len(X)):
        for k in range(len(sizes)):
            others = X[(y == k) & (np.arange(len(X)) != i)]
            if rounded and _tied(others, model.n_components_):
                continue  # which of equal axes come first is free
            expected = slow_distance(others, X[i], model.n_components_)
            assert -model.leave_one_out_decision_[i, k] == pytest.approx(expected, abs=1e-7 * scale)


def _tied(X, d):
    """Whether the last principal axis taken has as much variance as the first that is not."""
    values = np.append(np.linalg.svd(X - X.mean(axis=0), compute_uv=False) ** 2, [0.0, 0.0])
    return 0 < d < len(values) and values[d - 1] > 1e-9 and values[d - 1] - values[d] < 1e-6 * (1 + values[0])


def test_predictions_left_out_are_those_of_a_model_that_never_saw_the_sample():
    X, y = load_digits(return_X_y=True)
    X, y = X[:150], y[:150]
    model = SubspaceClassifier().fit(X, y)
    fixed = SubspaceClassifier(model.n_components_)
    slow = cross_val_predict(fixed, X, y, cv=LeaveOneOut())
    fast = model.classes_[model.leave_one_out_decision_.argmax(axis=1)]
    np.testing.assert_array_equal(fast, slow)
    accuracy = model.leave_one_out_accuracy_
    assert accuracy[model.n_components_] == (slow == y).mean() == accuracy.max()
    assert model.n_components_ == np.flatnonzero(accuracy == accuracy.max())[0] > 0


def test_distances_are_those_of_a_pca_of_each_class():
    X, y = load_digits(return_X_y=True)
    model = SubspaceClassifier(7).fit(X[:300], y[:300])
    found = model.decision_function(X[300:310])
    for i, x in enumerate(X[300:310]):
        expected = [-slow_distance(X[:300][y[:300] == k], x, 7) for k in range(10)]
        np.testing.assert_allclose(found[i], expected, rtol=1e-9)
    np.testing.assert_array_equal(model.predict(X[300:310]), found.argmax(axis=1))
    assert (model.predict(X[300:]) == y[300:]).mean() > 0.88


def test_a_class_of_one_sample_and_bad_numbers():
    X, y = np.random.default_rng(0).normal(size=(7, 3)), np.array([0, 0, 0, 1, 1, 1, 2])
    model = SubspaceClassifier().fit(X, y)
    assert model.leave_one_out_decision_[6, 2] == -np.inf
    assert model.leave_one_out_accuracy_.max() < 1
    assert model.predict(X[6:]).tolist() == [2]
    with pytest.raises(InputError, match="n_components=-1 is not None, or a whole number"):
        SubspaceClassifier(-1).fit(X, y)
    with pytest.raises(InputError, match=r"max_components=2\.5 is not a whole number"):
        SubspaceClassifier(max_components=2.5).fit(X, y)
    with pytest.raises(InputError, match="y has 1 class"):
        SubspaceClassifier().fit(X, np.zeros(7, dtype=int))
