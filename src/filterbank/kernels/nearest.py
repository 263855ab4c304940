"""The nearest neighbour for every number of leading coordinates at once, as a compiled loop."""

from __future__ import annotations

import numba
import numpy as np

__all__ = ["nearest_for_each_count"]

SINGLE = 2.0**-24
"""Relative rounding of a number of single precision."""
BLOCK = 64
"""Points of which the nearest is kept, so that few must be looked at again."""


@numba.njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz", "nnan"})
def nearest_for_each_count(
    points: np.ndarray,
    rough: np.ndarray,
    turns: np.ndarray,
    Z: np.ndarray,
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

    Coordinates in single precision say which points may be nearest; where there are several, their distances are
    computed in double precision.

    Parameters
    ----------
    points : array of float32, (system, count, n)
        The n points in several systems of coordinates, in units of `rough`.
    rough : array of float64, (system, 2)
        The unit, and by how much a single coordinate may be wrong in it.
    turns : array of float64, (system, count, feature)
        The exact coordinates are ``turns @ Z.T``.
    Z : array of float64, (n, feature)
    which : array of int64, (r,)
        The system in which each neighbour is sought.
    rows : array of int64, (r,)
        The points whose neighbours are sought.
    fold, labels : arrays of int64, (n,)
        Points of one fold can't be neighbours.
    share : array of float64, (system, count or more)
    size : array of float64, (system,)
        Squared distances that differ by no more than share times the sum of size and the distance count as equal.
    nearest : array of int64, (r, count)
        Out: the first of the nearest points.
    sure : array of bool, (r, count)
        Out: whether all points that count as equally near have its label.
    """
    _, count, n = points.shape
    d = Z.shape[1]
    total = np.empty(n, dtype=np.float32)
    found = np.empty(n, dtype=np.int64)
    exact = np.empty(n)
    step = np.empty(d)
    n_blocks = (n + BLOCK - 1) // BLOCK
    lowest_of = np.empty(n_blocks, dtype=np.float32)
    for r in range(len(rows)):
        s = which[r]
        one = rows[r]
        unit = rough[s, 0]
        for j in range(n):
            total[j] = np.float32(np.inf) if fold[j] == fold[one] else np.float32(0.0)
        for k in range(count):
            row = points[s, k]
            centre = row[one]
            best = np.float32(np.inf)
            for b in range(n_blocks):
                start = b * BLOCK
                lowest = np.float32(np.inf)
                for j in range(start, min(start + BLOCK, n)):
                    along = row[j] - centre
                    value = total[j] + along * along
                    total[j] = value
                    lowest = value if value < lowest else lowest
                lowest_of[b] = lowest
                best = lowest if lowest < best else best
            # Both ends of a distance are wrong by so much, and the sum by a share.
            wrong = 2 * rough[s, 1] * np.sqrt(k + 1.0)
            grown = 1 + (k + 4) * SINGLE
            far = (np.sqrt(np.float64(best)) * grown + wrong) * unit
            far = np.sqrt(far * far + share[s, k] * (size[s] + far * far)) / unit + wrong
            limit = np.float32(far * far * grown * grown * (1 + 4 * SINGLE))
            m = 0
            for b in range(n_blocks):
                if lowest_of[b] <= limit:
                    for j in range(b * BLOCK, min(b * BLOCK + BLOCK, n)):
                        if total[j] <= limit:
                            found[m] = j
                            m += 1
            if m == 1:
                nearest[r, k] = found[0]
                sure[r, k] = True
                continue
            least = np.inf
            for i in range(m):
                for f in range(d):
                    step[f] = Z[found[i], f] - Z[one, f]
                distance = 0.0
                for c in range(k + 1):
                    along64 = 0.0
                    for f in range(d):
                        along64 += turns[s, c, f] * step[f]
                    distance += along64 * along64
                exact[i] = distance
                least = min(least, distance)
            bound = least + share[s, k] * (size[s] + least)
            first = 0
            while exact[first] > least:
                first += 1
            nearest[r, k] = found[first]
            certain = True
            for i in range(m):
                if exact[i] <= bound and labels[found[i]] != labels[found[first]]:
                    certain = False
                    break
            sure[r, k] = certain
