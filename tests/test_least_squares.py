"""The least-squares SVM solves its bordered system, is ridge where it is linear, and obeys scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.utils.estimator_checks import parametrize_with_checks

from filterbank.errors import InputError
from filterbank.least_squares import LeastSquaresSVC

X, Y = load_iris(return_X_y=True)


@parametrize_with_checks([LeastSquaresSVC(), LeastSquaresSVC(kernel="rbf")])
def test_scikit_learn_finds_nothing_amiss(estimator, check):
    check(estimator)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("C", [0.1, 10.0])
def test_the_weights_solve_the_bordered_system(n_classes, C):
    keep = n_classes > Y
    model = LeastSquaresSVC(C, kernel="rbf", gamma=0.4).fit(X[keep], Y[keep])
    n = keep.sum()
    system = np.ones((n + 1, n + 1))
    system[0, 0] = 0
    system[1:, 1:] = rbf_kernel(X[keep], gamma=0.4) + np.eye(n) / C
    new = np.random.default_rng(0).normal(size=(9, 4)) + X.mean(axis=0)
    for k in range(n_classes):
        targets = np.where(Y[keep] == k, 1.0, -1.0)
        b, *a = np.linalg.solve(system, np.append(0, targets))
        expected = rbf_kernel(new, X[keep], gamma=0.4) @ a + b
        scores = model.decision_function(new)
        found = scores[:, k] if n_classes == 3 else scores if k == 1 else -scores
        np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("n_features", [4, 300])
def test_the_linear_one_is_ridge(n_features):
    rng = np.random.default_rng(1)
    wide = np.concatenate([X, rng.normal(size=(150, n_features - 4))], axis=1)
    model, ridge = LeastSquaresSVC(0.5).fit(wide, Y), RidgeClassifier(alpha=2.0).fit(wide, Y)
    np.testing.assert_allclose(model.decision_function(wide), ridge.decision_function(wide), atol=1e-9)
    np.testing.assert_array_equal(model.predict(wide), ridge.predict(wide))


def test_scale_is_that_of_svc_and_an_offset_does_no_harm():
    model = LeastSquaresSVC(kernel="rbf").fit(X, Y)
    assert model.gamma_ == pytest.approx(1 / (4 * X.var()))
    far = LeastSquaresSVC(kernel="rbf", gamma=model.gamma_).fit(X + 1e6, Y)
    np.testing.assert_allclose(far.decision_function(X + 1e6), model.decision_function(X), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"C": 0}, "C=0"),
        ({"kernel": "cubic"}, "kernel='cubic'"),
        ({"gamma": -1.0}, "gamma=-1.0"),
        ({"gamma": "a"}, "'a'"),
    ],
)
def test_bad_parameters_are_named(change, shown):
    with pytest.raises(InputError, match=shown):
        LeastSquaresSVC(kernel="rbf").set_params(**change).fit(X, Y)
