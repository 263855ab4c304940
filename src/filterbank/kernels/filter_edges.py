"""Where the magnitude of a gradient is largest along the gradient's own direction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from filterbank.kernels.simd import compiled

__all__ = ["maxima_along"]


def maxima_along(parts: Sequence[np.ndarray], magnitude: np.ndarray, least: float) -> np.ndarray:
    """Return which samples have a magnitude of at least `least`, and of at least both neighbours' along the gradient.

    Parameters
    ----------
    parts : sequence of array, (*axes)
        The gradient's components, one an axis, of one to three axes.
    magnitude : array, (*axes)
    least : float

    Returns
    -------
    array of bool, (*axes)
        A sample at the rim of an axis longer than 1 has no two neighbours and is none.

    Notes
    -----
    The ray along the gradient leaves the cube of neighbours at the gradient divided by its largest component; the
    magnitude there is interpolated linearly between the corners of the face that it meets.

    Examples
    --------
    >>> slope = np.array([0.0, 1, 3, 2, 0])
    >>> maxima_along([slope], slope, 0.5)
    array([False, False,  True, False, False])
    """
    shape = (1,) * (3 - magnitude.ndim) + magnitude.shape
    zeros = np.zeros((1, 1, 1), dtype=magnitude.dtype)
    padded = [zeros] * (3 - len(parts)) + [np.ascontiguousarray(part).reshape(shape) for part in parts]
    out = np.zeros(shape, dtype=np.uint8)
    _find(
        *(part.reshape(-1) for part in padded),
        np.ascontiguousarray(magnitude).reshape(-1),
        np.array(shape),
        least,
        len(parts),
        out.reshape(-1),
    )
    return out.reshape(magnitude.shape).astype(bool)


@compiled(entry=True)
def _find(a, b, c, magnitude, shape, least, n_axes, out):  # type: ignore[no-untyped-def]
    rows, columns = shape[1], shape[2]
    below = 1 if n_axes > 2 else 0
    across = 1 if n_axes > 1 else 0
    for z in range(below, shape[0] - below):
        for y in range(across, rows - across):
            for x in range(1, columns - 1):
                at = (z * rows + y) * columns + x
                here = magnitude[at]
                if here < least or here == 0:
                    continue
                along = c[at]
                down = b[at] if n_axes > 1 else along * 0
                deep = a[at] if n_axes > 2 else along * 0
                largest = max(abs(along), max(abs(down), abs(deep)))
                along, down, deep = along / largest, down / largest, deep / largest
                if here >= _between(magnitude, at, rows, columns, deep, down, along) and here >= _between(
                    magnitude, at, rows, columns, -deep, -down, -along
                ):
                    out[at] = 1


@compiled()
def _between(magnitude, at, rows, columns, deep, down, along):  # type: ignore[no-untyped-def]
    """The magnitude at a step of at most 1 along each axis, linearly between the samples around."""
    z, y, x = 1 if deep > 0 else -1, 1 if down > 0 else -1, 1 if along > 0 else -1
    u, v, w = abs(deep), abs(down), abs(along)
    total = 0.0
    for i in range(2):
        for j in range(2):
            for k in range(2):
                weight = (u if i else 1 - u) * (v if j else 1 - v) * (w if k else 1 - w)
                if weight > 0:
                    total += weight * magnitude[at + (i * z * rows + j * y) * columns + k * x]
    return total
