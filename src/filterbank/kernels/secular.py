"""How much of each point lies in the leading principal axes of all the other points, as a compiled loop."""

from __future__ import annotations

import numba
import numpy as np

__all__ = ["left_out_energies"]


@numba.njit(nogil=True, cache=True)
def left_out_energies(
    coordinates: np.ndarray, eigenvalues: np.ndarray, factor: float, smallest: float, energies: np.ndarray
) -> None:
    """Project each point on the principal axes that the others would have.

    With scatter `diag(eigenvalues)` of all points about their mean, and `z` the coordinates of one, the scatter of the
    others is `diag(eigenvalues) - factor * z z'`, with `factor = n / (n - 1)`. Its eigenvalues `m` solve the secular
    equation `1 = factor * sum(z**2 / (eigenvalues - m))` (Golub, SIAM Review 15(2), 1973), one between each two
    neighbours of the old ones, and the point's square on the axis of `m` is `1 / sum(z**2 / (eigenvalues - m)**2)`
    over `factor**2`; the point's difference from the others' mean is `factor * z`.

    Parameters
    ----------
    coordinates : array of float64, (point, axis)
        In principal axes, about the mean.
    eigenvalues : array of float64, (axis,)
        Of the scatter matrix, falling.
    factor : float
    smallest : float
        Eigenvalues up to this count as nothing: the others don't reach into that direction.
    energies : array of float64, (point, component)
        Out: the square of the point's difference from the others' mean, along each of their leading axes.
    """
    n_points, rank = coordinates.shape
    for i in range(n_points):
        z = coordinates[i]
        for j in range(energies.shape[1]):
            energies[i, j] = 0.0
            if j >= rank:
                continue
            upper = eigenvalues[j]
            lower = eigenvalues[j + 1] if j + 1 < rank else 0.0
            gap = upper - lower
            if not gap > 1e-15 * eigenvalues[0]:
                continue
            # count from the nearer of the two poles, so that small differences from it are precise
            middle = 0.5 * gap
            total = 0.0
            for k in range(rank):
                total += z[k] * z[k] / ((eigenvalues[k] - upper) + middle)
            from_upper = factor * total < 1.0
            pole = upper if from_upper else lower
            sign = -1.0 if from_upper else 1.0
            low, high = 0.0, middle
            for _ in range(80):
                step = 0.5 * (low + high)
                total = 0.0
                for k in range(rank):
                    total += z[k] * z[k] / ((eigenvalues[k] - pole) - sign * step)
                if (factor * total < 1.0) == from_upper:
                    high = step
                else:
                    low = step
                if high - low <= 1e-15 * high:
                    break
            step = 0.5 * (low + high)
            if pole + sign * step <= smallest:
                continue
            total = 0.0
            for k in range(rank):
                difference = (eigenvalues[k] - pole) - sign * step
                if difference != 0.0:
                    ratio = z[k] / difference
                    total += ratio * ratio
                elif z[k] != 0.0:
                    total = np.inf
            if total > 0.0:
                energies[i, j] = 1.0 / total
