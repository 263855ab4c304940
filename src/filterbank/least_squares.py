"""A support vector machine by least squares: leave-one-out has a closed form for it, with a kernel, too."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from filterbank.errors import InputError, invalid

__all__ = ["KERNELS", "LeastSquaresSVC"]

KERNELS = ("linear", "rbf")


class LeastSquaresSVC(ClassifierMixin, BaseEstimator):
    """Least-squares support vector machine, one class against the rest.

    Parameters
    ----------
    C : float, above 0
        The weight of the squared errors against the squared length of the normal.
    kernel : {"linear", "rbf"}
        "rbf": exp(-gamma * squared distance).
    gamma : float or "scale"
        Of the kernel "rbf". "scale": 1 / (features * variance of all training values), as in scikit-learn's SVC.

    Attributes
    ----------
    classes_ : array, (class,)
    dual_coef_ : array, (signal, column)
        With "rbf": a column for each class, or one for two classes.
    coef_ : array, (column, feature)
        With "linear".
    intercept_ : array, (column,)
    gamma_ : float
        With "rbf".

    Notes
    -----
    For targets t of -1 and 1, the weights a of the training signals and the intercept b solve
    ``(K + I / C) a + b = t`` with ``sum(a) = 0`` [1]_. With the linear kernel that is ridge regression on the targets
    with a penalty of 1 / C and a free intercept, and that is how it's solved where features are fewer than signals.
    Cost for n signals of d features: n ** 3 / 3 with "rbf", n d min(n, d) with "linear".

    References
    ----------
    .. [1] J. A. K. Suykens, J. Vandewalle, Least squares support vector machine classifiers, Neural Processing Letters
       9 (1999) 293-300.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> round(LeastSquaresSVC(kernel="rbf").fit(X, y).score(X, y), 2)
    0.96
    """

    def __init__(self, C: float = 1.0, *, kernel: str = "linear", gamma: float | str = "scale") -> None:
        self.C = C
        self.kernel = kernel
        self.gamma = gamma

    def fit(self, X: Any, y: Any) -> Self:
        """Solve for the weights.

        Parameters
        ----------
        X : array, (signal, feature)
        y : array, (signal,)
            Labels of at least two classes.
        """
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32])
        check_classification_targets(y)
        if self.kernel not in KERNELS:
            raise invalid("kernel", self.kernel, f"one of {', '.join(KERNELS)}")
        if not (isinstance(self.C, (int, float, np.number)) and np.isfinite(self.C) and self.C > 0):
            raise invalid("C", self.C, "a number above 0")
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(f"y has one class, {self.classes_.tolist()[0]!r}: at least two classes are needed.")
        targets = 2.0 * np.eye(len(self.classes_))[codes] - 1
        if len(self.classes_) == 2:
            targets = targets[:, 1:]
        X = X.astype(np.float64)
        if self.kernel == "linear":
            self._fit_linear(X, targets)
            return self
        self.gamma_ = self._gamma(X)
        self.centre_ = X.mean(axis=0)  # distances are sums of products, which lose digits far from 0
        self.X_fit_ = X - self.centre_
        normal = np.exp(-self.gamma_ * euclidean_distances(self.X_fit_, squared=True))
        normal[np.diag_indices_from(normal)] += 1 / self.C
        factor = cho_factor(normal, overwrite_a=True)
        solved = cho_solve(factor, np.concatenate([targets, np.ones((len(X), 1))], axis=1))
        ones = solved[:, -1]
        self.intercept_ = solved[:, :-1].sum(axis=0) / ones.sum()
        self.dual_coef_ = solved[:, :-1] - np.outer(ones, self.intercept_)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the distances from the planes: (signal,) for two classes, else (signal, class).

        Parameters
        ----------
        X : array, (signal, feature)
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False).astype(np.float64)
        if self.kernel == "linear":
            scores = X @ self.coef_.T + self.intercept_
        else:
            distances = euclidean_distances(X - self.centre_, self.X_fit_, squared=True)
            scores = np.exp(-self.gamma_ * distances) @ self.dual_coef_ + self.intercept_
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: Any) -> np.ndarray:
        """Return the class of the highest score, (signal,).

        Parameters
        ----------
        X : array, (signal, feature)
        """
        scores = self.decision_function(X)
        return self.classes_[(scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)]

    def _fit_linear(self, X: np.ndarray, targets: np.ndarray) -> None:
        centre, mean = X.mean(axis=0), targets.mean(axis=0)
        Z = X - centre
        wide = Z.shape[1] > len(Z)
        normal = Z @ Z.T if wide else Z.T @ Z
        normal[np.diag_indices_from(normal)] += 1 / self.C
        factor = cho_factor(normal, overwrite_a=True)
        right = targets - mean
        self.coef_ = (Z.T @ cho_solve(factor, right) if wide else cho_solve(factor, Z.T @ right)).T
        self.intercept_ = mean - self.coef_ @ centre

    def _gamma(self, X: np.ndarray) -> float:
        if isinstance(self.gamma, str):
            if self.gamma != "scale":
                raise invalid("gamma", self.gamma, "'scale' or a number above 0")
            variance = float(X.var())
            return 1 / (X.shape[1] * variance) if variance > 0 else 1.0
        if not (np.isfinite(self.gamma) and self.gamma > 0):
            raise invalid("gamma", self.gamma, "'scale' or a number above 0")
        return float(self.gamma)
