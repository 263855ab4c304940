"""The nearest neighbour for every number of leading coordinates at once, as a compiled loop."""

from __future__ import annotations

import numba
import numpy as np

__all__ = ["nearest_for_each_count"]


@numba.njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def nearest_for_each_count(
    points: np.ndarray,
    which: np.ndarray,
    rows: np.ndarray,
    fold: np.ndarray,
    labels: np.ndarray,
    share: np.ndarray,
    size: np.ndarray,
    nearest: np.ndarray,
    sure: np.ndarray,
) -> None:
    """Find the points nearest to some of them in the first 1, 2, ..., d coordinates.

    Parameters
    ----------
    points : array of float64, (system, d, n)
        The n points in several systems of coordinates.
    which : array of int64, (r,)
        The system in which each neighbour is sought.
    rows : array of int64, (r,)
        The points whose neighbours are sought.
    fold, labels : arrays of int64, (n,)
        Points of one fold can't be neighbours.
    share : array of float64, (system, d)
    size : array of float64, (system,)
        Squared distances that differ by no more than share times the sum of size and the distance count as equal.
    nearest : array of int64, (r, d)
        Out: the first of the nearest points.
    sure : array of bool, (r, d)
        Out: whether all points that count as equally near have its label.
    """
    _, d, n = points.shape
    total = np.empty(n)
    for r in range(len(rows)):
        s = which[r]
        one = rows[r]
        for j in range(n):
            total[j] = np.inf if fold[j] == fold[one] else 0.0
        for k in range(d):
            row = points[s, k]
            centre = row[one]
            best = np.inf
            for j in range(n):
                step = row[j] - centre
                value = total[j] + step * step
                total[j] = value
                best = min(best, value)
            bound = best + share[s, k] * (size[s] + best)
            close = 0
            for j in range(n):
                close += total[j] <= bound
            first = 0
            while total[first] > best:
                first += 1
            nearest[r, k] = first
            certain = True
            if close > 1:
                for j in range(n):
                    if total[j] <= bound and labels[j] != labels[first]:
                        certain = False
                        break
            sure[r, k] = certain
