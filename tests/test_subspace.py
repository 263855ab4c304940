"""The subspace classifier: scikit-learn's checks, distances by PCA, and leave-one-out against refitting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
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


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), n_groups=st.integers(2, 10), n_features=st.integers(1, 30), d=st.integers(0, 5))
def test_groups_are_left_out_whole(seed, n_groups, n_features, d):
    rng = np.random.default_rng(seed)
    n = 4 * n_groups
    X = rng.normal(size=(n, n_features)) * np.linspace(1, 3, n_features)
    y = np.arange(n) % 2
    groups = rng.permutation(np.arange(n) % n_groups).astype(str)
    model = SubspaceClassifier(d).fit(X, y, groups=groups)
    for i in range(n):
        for k in range(2):
            others = X[(y == k) & (groups != groups[i])]
            found = -model.leave_one_out_decision_[i, k]
            if not len(others):
                assert found == np.inf
                continue
            expected = slow_distance(others, X[i], model.n_components_)
            assert found == pytest.approx(expected, abs=1e-6 * (X**2).sum(axis=1).max())


def test_many_groups_are_left_out_some_at_a_time_and_none_is_judged_by_its_own():
    rng = np.random.default_rng(0)
    X, y, source = rng.normal(size=(60, 40)), np.arange(60) % 3, np.arange(60)  # nothing to be learned
    noise = 0.01 * rng.normal(size=(120, 40))
    X, y, source = np.tile(X, (2, 1)) + noise, np.tile(y, 2), np.tile(source, 2)
    assert SubspaceClassifier().fit(X, y).leave_one_out_accuracy_.max() > 0.95  # by the other copy
    model = SubspaceClassifier().fit(X, y, groups=source)
    assert model.leave_one_out_accuracy_.max() < 0.55
    # samples of classes and copies lie evenly in the folds: what is left is nine tenths of each class
    for i in (0, 7, 100):
        distances = [slow_distance(X[(y == k) & (source != source[i])], X[i], 0) for k in range(3)]
        few = SubspaceClassifier(0).fit(X, y, groups=source).leave_one_out_decision_[i]
        np.testing.assert_allclose(-few, distances, rtol=0.1)


@pytest.mark.parametrize("shape", [(30, 8), (12, 200)])
def test_groups_change_what_is_chosen_and_nothing_else(shape):
    rng = np.random.default_rng(1)
    X, y, groups = rng.normal(size=shape), np.arange(shape[0]) % 2, np.arange(shape[0]) // 3
    plain, grouped = SubspaceClassifier(3).fit(X, y), SubspaceClassifier(3).fit(X, y, groups=groups)
    np.testing.assert_allclose(plain.decision_function(X), grouped.decision_function(X), atol=1e-9)
    assert [axes.shape for axes in grouped.axes_] == [(3, shape[1])] * 2
    with config_context(enable_metadata_routing=True):
        routed = make_pipeline(StandardScaler(), SubspaceClassifier(3)).fit(X, y, groups=groups)
    scaled = SubspaceClassifier(3).fit(StandardScaler().fit_transform(X), y, groups=groups)
    np.testing.assert_array_equal(routed[-1].leave_one_out_decision_, scaled.leave_one_out_decision_)


def test_bad_groups():
    X, y = np.random.default_rng(0).normal(size=(6, 3)), np.arange(6) % 2
    with pytest.raises(InputError, match=r"groups has shape \(5,\); .* the 6 samples"):
        SubspaceClassifier().fit(X, y, groups=np.arange(5))
    with pytest.raises(InputError, match="groups='a' is not several groups"):
        SubspaceClassifier().fit(X, y, groups=["a"] * 6)
