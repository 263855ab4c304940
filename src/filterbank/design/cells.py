"""What histograms of gradients are made of: the windows of a descriptor's cells, and directions in three dimensions."""

from __future__ import annotations

import itertools
import math

import numpy as np

from filterbank.errors import invalid

__all__ = ["DIRECTIONS", "WINDOWS", "cell_windows", "even_directions"]

WINDOWS = ("flat", "gaussian", "box")
"""How a cell weights samples along each axis; see `cell_windows`."""

DIRECTIONS = (6, 12, 20)
"""Numbers of directions that lie evenly in space: the faces of a cube, a dodecahedron and an icosahedron."""


def cell_windows(cells: int, size: int, window: str = "flat") -> np.ndarray:
    """Return how much each sample along an axis counts in each of a descriptor's cells.

    Parameters
    ----------
    cells : int
        Cells along the axis.
    size : int
        Samples from the middle of one cell to that of the next.
    window : {"flat", "gaussian", "box"}
        "flat": triangles that reach from the middle of one neighbour to that of the other, so that a sample is shared
        by the two nearest cells (linear interpolation). "gaussian": these under a Gaussian over the whole descriptor,
        the sigma of which is half of the descriptor's width. "box": each sample belongs to one cell.

    Returns
    -------
    array, (cells, samples)
        Over all the samples that a descriptor sees; zeros where a cell sees nothing.

    References
    ----------
    Lowe, Int. J. Computer Vision 60(2), 2004, section 6.1.

    Examples
    --------
    >>> cell_windows(2, 2)
    array([[0.5, 1. , 0.5, 0. , 0. ],
           [0. , 0. , 0.5, 1. , 0.5]])
    >>> cell_windows(2, 2, "box")
    array([[1., 1., 0., 0.],
           [0., 0., 1., 1.]])
    """
    for name, value in (("cells", cells), ("size", size)):
        if value < 1 or value != int(value):
            raise invalid(name, value, "a whole number, 1 or more")
    if window not in WINDOWS:
        raise invalid("window", window, f"one of {', '.join(WINDOWS)}")
    if window == "box":
        return np.kron(np.eye(cells), np.ones(size))
    n = (cells + 1) * size - 1
    x = np.arange(n) - (n - 1) / 2
    middles = (np.arange(cells) - (cells - 1) / 2) * size
    weights = np.maximum(0, 1 - np.abs(x - middles[:, np.newaxis]) / size)
    return weights * np.exp(-0.5 * (x / (cells * size / 2)) ** 2) if window == "gaussian" else weights


def even_directions(n: int) -> np.ndarray:
    """Return directions that lie evenly in space, opposite ones `n / 2` apart.

    Parameters
    ----------
    n : {6, 12, 20}

    Returns
    -------
    array, (n, 3)
        Unit vectors.

    Examples
    --------
    >>> even_directions(6)[:3] + 0.0
    array([[0., 0., 1.],
           [0., 1., 0.],
           [1., 0., 0.]])
    """
    if n not in DIRECTIONS:
        raise invalid("orientations", n, "6, 12 or 20 with three axes", why="no others lie evenly in space")
    golden = (1 + math.sqrt(5)) / 2
    if n == 6:
        half = [(0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)]
    else:
        turns: list[tuple[float, float, float]] = []
        for sign in (1, -1):
            a, b, c = (0.0, 1.0, sign * golden) if n == 12 else (0.0, 1 / golden, sign * golden)
            turns += [(a, b, c), (c, a, b), (b, c, a)]
        half = turns if n == 12 else [*turns, *((1.0, s, t) for s, t in itertools.product((1.0, -1.0), repeat=2))]
    unit = np.array(half) / np.linalg.norm(half[0])
    return np.concatenate([unit, -unit])
