"""What rules need of rows that are left out, computed once from all rows; and what a rule answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["BLOCK", "DOUBTFUL", "LINEAR", "SURE", "TIED", "Answers", "LeftOut"]

SURE, TIED, DOUBTFUL = 0, 1, 2
LINEAR = 0.02
"""Errors are taken for proportional to what causes them up to this share; where they may be larger, all is doubtful."""
BLOCK = 1 << 21
"""How many numbers a temporary array has at most, where the data themselves don't have more."""


@dataclass
class Answers:
    """Predictions of all rows: `codes` (the class, as its position) and `state` (SURE, TIED or DOUBTFUL), (row,).

    Rules that compare a score of each class say the `scores`, (row, class), up to a number that a row's classes share,
    and by how much rounding can change them, `tolerance`, (row,).
    """

    codes: np.ndarray
    state: np.ndarray
    scores: np.ndarray | None = None
    tolerance: np.ndarray | None = None


class LeftOut:
    """Rows, their classes, and which rows are left out together, with what all rules need of them.

    Parameters
    ----------
    X : array of float64, (row, feature)
    y : array of int, (row,)
        Classes from 0.
    fold : array of int, (row,), or None
        The fold that leaves each row out, from 0; None where each row is its own.
    n_classes : int
    scaled : bool
        Whether a StandardScaler is fitted in each fold.
    eps : float
        Relative rounding of the numbers that scikit-learn computes with.
    """

    def __init__(
        self, X: np.ndarray, y: np.ndarray, fold: np.ndarray | None, *, n_classes: int, scaled: bool, eps: float
    ) -> None:
        self.X, self.y, self.n_classes, self.scaled, self.eps = X, y, n_classes, scaled, eps
        self.n, self.d = X.shape
        self.single = fold is None
        self.fold = np.arange(self.n) if fold is None else fold
        self.mean = X.mean(axis=0)
        self.Z = X - self.mean
        self.squares = np.einsum("ij,ij->j", self.Z, self.Z)
        drift = self.Z.mean(axis=0)
        if (self.n * drift * drift > 1e-30 * self.squares).any():  # the mean was rounded, and far from zero
            self.Z -= drift
            self.mean += drift
            self.squares = np.einsum("ij,ij->j", self.Z, self.Z)
        self.flat = self.squares <= 1e-20 * self.n * self.mean**2
        """Whether each feature is the same in all rows, (feature,)."""
        if self.flat.any():
            self.flat[self.flat] = (X[:, self.flat] == X[0, self.flat]).all(axis=0)
            self.Z[:, self.flat] = 0
            self.squares[self.flat] = 0
        self.counts = np.bincount(y, minlength=n_classes)
        self.n_left = np.ones(self.n, dtype=np.int64) if fold is None else np.bincount(self.fold)
        self.n_folds = len(self.n_left)
        root = np.sqrt(self.n) + np.sqrt(self.d)
        self.slack = 16 * eps * root
        # Variances are summed in float64 whatever the type is, so that distances feel a short type once, not in sums.
        self.slack_distance = 16 * np.finfo(np.float64).eps * root + (8 * eps if eps > 1e-10 else 0)

    @cached_property
    def gram(self) -> np.ndarray:
        return self.Z.T @ self.Z

    @cached_property
    def class_means(self) -> np.ndarray:
        return (self.one_hot.T @ self.Z) / np.maximum(self.counts, 1)[:, None]

    @cached_property
    def one_hot(self) -> np.ndarray:
        hot = np.zeros((self.n, self.n_classes))
        hot[np.arange(self.n), self.y] = 1
        return hot

    @cached_property
    def residuals(self) -> np.ndarray:
        """Rows less the mean of their class."""
        return self.Z - self.class_means[self.y]

    @cached_property
    def members(self) -> list[np.ndarray]:
        """The rows that each fold leaves out."""
        if self.single:
            return list(np.arange(self.n)[:, None])
        return np.split(np.argsort(self.fold, kind="stable"), np.cumsum(self.n_left)[:-1])

    @cached_property
    def sums(self) -> np.ndarray:
        """The sum of the left-out rows of each fold, (fold, feature)."""
        if self.single:
            return self.Z
        return np.stack([self.Z[rows].sum(axis=0) for rows in self.members])

    @cached_property
    def kept(self) -> np.ndarray:
        """How many rows of each class stay in each fold, (fold, class)."""
        if self.single:
            return self.counts[None] - self.one_hot.astype(np.int64)
        gone = np.zeros((self.n_folds, self.n_classes), dtype=np.int64)
        np.add.at(gone, (self.fold, self.y), 1)
        return self.counts[None] - gone

    @cached_property
    def variance(self) -> np.ndarray:
        """The variance of each feature in each fold, (fold, feature)."""
        rest = (self.n - self.n_left)[:, None]
        left = self.Z * self.Z
        if not self.single:
            left = np.stack([left[rows].sum(axis=0) for rows in self.members])
        left += self.sums * self.sums / rest
        lost = left > 0.9 * self.squares
        variance = np.subtract(self.squares, left, out=left)
        variance /= rest
        # Little is left of the sum of squares, and rounding has a large share of that: compute it anew.
        for f in np.flatnonzero((lost & (self.squares > 0)).any(axis=1)):
            columns = np.flatnonzero(lost[f])
            variance[f, columns] = np.delete(self.X[:, columns], self.members[f], axis=0).var(axis=0)
        return np.maximum(variance, 0, out=variance)

    @cached_property
    def _scales(self) -> tuple[np.ndarray, np.ndarray]:
        # StandardScaler takes a feature for constant where its variance is below the rounding of its calculation.
        double = np.finfo(np.float64).eps
        rest = (self.n - self.n_left)[:, None]
        bound = self.sums / rest
        bound -= self.mean
        bound *= rest * double
        bound *= bound
        bound += rest * double * self.variance
        small = self.variance < 8 * bound
        small |= self.variance == 0
        if not small.any():
            return self.variance, np.zeros(self.n_folds, dtype=bool)
        return np.where(small, 1.0, self.variance), (small & (self.variance > bound / 8)).any(axis=1)

    @cached_property
    def far(self) -> np.ndarray:
        """Folds that leave out what a feature varies by nearly all, which takes digits from their moments, (fold,)."""
        rest = (self.n - self.n_left)[:, None]
        return (self.variance * rest < 1e-6 * self.squares).any(axis=1)

    @property
    def scale2(self) -> np.ndarray:
        """The squares of StandardScaler's scales, (fold, feature); ones without a scaler, (1, feature)."""
        return self._scales[0] if self.scaled else np.ones((1, self.d))

    @property
    def unclear(self) -> np.ndarray:
        """Folds in which rounding decides whether a feature is constant, or a single class is left, (fold,)."""
        bare = (self.kept > 0).sum(axis=1) < 2 if self.counts.min() < 2 or not self.single else None
        doubt = self._scales[1] if self.scaled else np.zeros(self.n_folds, dtype=bool)
        return doubt if bare is None else doubt | bare

    def offset(self, scale: np.ndarray) -> float:
        """How large the numbers that scikit-learn computes with are in units of `scale`, (feature,), at most."""
        low, high = self.X.min(axis=0), self.X.max(axis=0)
        if self.scaled:
            return float((np.maximum(high - self.mean, self.mean - low) / scale).max())
        return float(((np.maximum(high, -low) + np.abs(self.mean)) / scale).max())

    def chunks(self, width: int) -> Iterator[np.ndarray]:
        """Row numbers in pieces such that `width` numbers a row fit a block; rows of a fold follow each other."""
        size = max(1, BLOCK // max(width, 1))
        order = np.arange(self.n) if self.single else np.concatenate(self.members)
        for start in range(0, self.n, size):
            yield order[start : start + size]

    def decided(self, scores: np.ndarray, tolerance: np.ndarray) -> Answers:
        """Take the class of the highest score; not sure where another comes within the tolerance, (row,)."""
        codes = scores.argmax(axis=1)
        top = np.take_along_axis(scores, codes[:, None], axis=1)
        with np.errstate(invalid="ignore"):
            close = scores >= top - 2 * tolerance[:, None]
        unsure = (close.sum(axis=1) != 1) | ~np.isfinite(top[:, 0]) | ~np.isfinite(tolerance)
        return Answers(codes, np.where(unsure | self.unclear[self.fold], DOUBTFUL, SURE), scores, tolerance)
