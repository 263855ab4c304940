"""Nearest neighbours among the rows that are left, each fold with its own metric."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from filterbank.evaluate.closed_form.left_out import DOUBTFUL, SURE, TIED, Answers, LeftOut

__all__ = ["nearest_neighbours", "settle"]


def nearest_neighbours(data: LeftOut, *, k: int, brute: bool) -> Answers:
    """Vote among the k nearest rows; with a scaler each fold has its own metric.

    Parameters
    ----------
    data : LeftOut
    k : int
    brute : bool
        Whether scikit-learn takes distances from products, whose rounding grows with the norms of the rows.

    Returns
    -------
    Answers
        TIED where rows of several classes are exactly as near, which is decided in rational numbers. The lowest row
        wins there. Cost: one product of (row, 2 feature) and (2 feature, row).
    """
    Z, n = data.Z, data.n
    scales = data.scale2
    right = np.concatenate([Z * Z, Z], axis=1).T
    if not data.scaled:
        right = np.concatenate([np.einsum("ij,ij->i", Z, Z)[:, None], Z], axis=1).T
    codes = np.empty(n, dtype=np.int64)
    state = np.where(data.unclear[data.fold], DOUBTFUL, SURE)
    exact = _ExactDistances(data)
    # How many columns of rows pass through the cache at a time matters more than the fewest calls.
    for rows in data.chunks(max(4 * n, 8 * data.d)):
        z = Z[rows]
        weights = 1 / scales[data.fold[rows]] if data.scaled else None
        if weights is None:
            left = np.concatenate([np.ones((len(rows), 1)), -2 * z], axis=1)
            base = np.einsum("ij,ij->i", z, z)
        else:
            weighted = weights * z
            left = np.concatenate([weights, -2 * weighted], axis=1)
            base = np.einsum("ij,ij->i", weighted, z)
        D = left @ right
        if data.single:
            D[np.arange(len(rows)), rows] = np.inf
        else:
            D[data.fold[rows][:, None] == data.fold[None, :]] = np.inf
        if k == 1:
            nearest = D.argmin(axis=1)
            bound = D[np.arange(len(rows)), nearest]
            codes[rows] = data.y[nearest]
        else:
            nearest = np.argpartition(D, k - 1, axis=1)[:, :k]
            bound = np.take_along_axis(D, nearest, axis=1).max(axis=1)
            votes = np.zeros((len(rows), data.n_classes), dtype=np.int64)
            np.add.at(votes, (np.arange(len(rows))[:, None], data.y[nearest]), 1)
            codes[rows] = votes.argmax(axis=1)
        size = base + np.einsum("ij,ij->i", data.X[rows], data.X[rows]) if brute and not data.scaled else base
        slack = 4 * data.slack_distance * (size + np.maximum(bound + base, 0))
        bound = bound + slack
        many = np.flatnonzero(np.count_nonzero(bound[:, None] >= D, axis=1) > k)
        for r in many[state[rows[many]] == SURE]:
            t = int(rows[r])
            near = np.flatnonzero(D[r] <= bound[r])
            if (data.y[near] == data.y[near[0]]).all():
                continue
            codes[t], state[t] = _settle_row(data, t, near, k, None if weights is None else weights[r], brute, exact)
    return Answers(codes, state)


def _settle_row(
    data: LeftOut,
    t: int,
    near: np.ndarray,
    k: int,
    weights: np.ndarray | None,
    brute: bool,
    exact: _ExactDistances,
) -> tuple[int, int]:
    """Class and state of row t from the rows that may be among its k nearest, by differences."""
    steps = (data.X[near] - data.X[t]) ** 2
    distances = steps.sum(axis=1) if weights is None else steps @ weights
    size = distances.max()
    if data.scaled or brute:
        if weights is None:
            norms = (data.X[near] ** 2).sum(axis=1).max() + (data.X[t] ** 2).sum()
        else:
            f = data.fold[t]
            z = data.Z[np.append(near, t)] + data.sums[f] / (data.n - data.n_left[f])
            norms = 2 * ((z * z) @ weights).max()
        size = size + norms if brute or data.eps > 1e-10 else size + np.sqrt(size * norms)
    return settle(data, near, distances, k, 2 * data.slack_distance * size, lambda some: exact.keys(t, some))


def settle(
    data: LeftOut,
    near: np.ndarray,
    distances: np.ndarray,
    k: int,
    slack: float,
    exact: Callable[[np.ndarray], list[Any] | None],
) -> tuple[int, int]:
    """Class and state from the distances of all rows that may be among the k nearest, in ascending order of rows."""
    labels = data.y[near]
    last = np.partition(distances, k - 1)[k - 1]
    inside = distances < last - slack
    edge = np.flatnonzero(~inside & (distances <= last + slack))
    need = k - int(inside.sum())

    def vote(chosen: np.ndarray) -> int:
        votes = np.bincount(labels[inside], minlength=data.n_classes)
        return int((votes + np.bincount(labels[chosen], minlength=data.n_classes)).argmax())

    if len(edge) == need or (labels[edge] == labels[edge[0]]).all():
        return vote(edge[:need]), SURE
    keys = exact(near[edge])
    if keys is None:
        return vote(edge[:need]), DOUBTFUL
    value = sorted(keys)[need - 1]
    before = edge[[key < value for key in keys]]
    same = edge[[key == value for key in keys]]
    free = need - len(before)
    chosen = np.concatenate([before, same[:free]])
    tied = len(same) > free and (labels[same] != labels[same[0]]).any()
    return vote(chosen), TIED if tied else DOUBTFUL


class _ExactDistances:
    """Squared distances as rational numbers, less that of the first row asked for: what decides what a tie is."""

    def __init__(self, data: LeftOut) -> None:
        self.data = data
        self._columns: dict[int, tuple[list[int], int, int, int]] = {}

    def keys(self, t: int, near: np.ndarray) -> list[Fraction]:
        """Numbers that compare as the distances of `near` from row t do."""
        X = self.data.X
        sums: list[dict[Fraction, Fraction]] = []
        own = X[t]
        varies = (X[near] != X[near[0]]).any(axis=0)
        metric = {int(j): self._weight(t, int(j)) for j in np.flatnonzero(varies)}
        for i in near:
            total: dict[Fraction, Fraction] = {}
            for j, weight in metric.items():
                step = Fraction(float(own[j])) - Fraction(float(X[i, j]))
                total[weight] = total.get(weight, Fraction(0)) + step * step
            sums.append(total)
        first = sums[0]
        return [sum(((total[w] - first[w]) * w for w in first if total[w] != first[w]), Fraction(0)) for total in sums]

    def _weight(self, t: int, j: int) -> Fraction:
        """One over the exact variance of column j without the fold of row t."""
        data = self.data
        f = int(data.fold[t])
        if not data.scaled or (data.scale2[f, j] == 1 and data.variance[f, j] != 1):
            return Fraction(1)
        if j not in self._columns:
            mantissa, exponent = np.frexp(data.X[:, j])
            low = int(exponent.min())
            values = [int(m) << (int(e) - low) for m, e in zip((mantissa * 2.0**53).astype(np.int64), exponent)]
            self._columns[j] = values, sum(values), sum(v * v for v in values), low - 53
        values, total, squares, power = self._columns[j]
        left = [values[i] for i in data.members[f]]
        rest = data.n - len(left)
        total -= sum(left)
        squares -= sum(v * v for v in left)
        return Fraction(rest * rest) / (Fraction(2) ** (2 * power) * (rest * squares - total * total))
