"""The classifiers that `compare` offers by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from filterbank.errors import invalid

__all__ = ["ASKED_FOR", "CLASSIFIERS", "make_classifiers"]


def _nearest(random_state: int | None) -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(1, algorithm="brute")  # no tree: as quick here, and nothing unusual in a saved model


def _ridge(random_state: int | None) -> Any:
    from sklearn.linear_model import RidgeClassifierCV

    return RidgeClassifierCV(alphas=np.logspace(-3, 3, 10))


def _logistic(random_state: int | None) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=2000)


def _svm(random_state: int | None) -> Any:
    from sklearn.svm import SVC

    return SVC(kernel="linear", random_state=random_state)


def _least_squares(random_state: int | None) -> Any:
    from filterbank.least_squares import LeastSquaresSVC

    return LeastSquaresSVC()


def _subspace(random_state: int | None) -> Any:
    from filterbank.subspace import SubspaceClassifier

    return SubspaceClassifier()


CLASSIFIERS: dict[str, tuple[Callable[[int | None], Any], str]] = {
    "1-nn": (_nearest, "nearest neighbour"),
    "ridge": (_ridge, "ridge regression on the classes"),
    "logistic": (_logistic, "logistic regression"),
    "svm": (_svm, "linear support vector machine"),
    "ls-svm": (_least_squares, "linear least-squares support vector machine"),
    "subspace": (_subspace, "nearest affine subspace of each class"),
}
"""The classifiers by name: a function of `random_state` that makes one, and a title.

Each follows a StandardScaler, unless the features are scaled already (the transformer's `scales`).
"""

ASKED_FOR = ("subspace",)
"""Classifiers that are taken only where they're asked for: for many features that vary smoothly, such as scattering."""


def make_classifiers(classifiers: Iterable[str] | Mapping[str, Any] | None, random_state: int | None) -> dict[str, Any]:
    """Return the classifiers that are asked for, unfitted, by name; None: those that need no asking."""
    if isinstance(classifiers, Mapping):
        chosen = dict(classifiers)
    else:
        usual = [name for name in CLASSIFIERS if name not in ASKED_FOR]
        names = usual if classifiers is None else [classifiers] if isinstance(classifiers, str) else classifiers
        chosen = {}
        for name in names:
            if name not in CLASSIFIERS:
                raise invalid("classifier", name, f"one of {', '.join(CLASSIFIERS)}")
            chosen[name] = CLASSIFIERS[name][0](random_state)
    if not chosen:
        raise invalid("classifiers", [], "at least one classifier")
    return chosen
