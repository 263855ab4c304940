"""A pool in each cell of grids over the signal: thirds of a sound, quarters of an image."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from filterbank.errors import InputError, invalid
from filterbank.pools.base import Pool, State

__all__ = ["Pyramid"]

CELLS = "positions in cells"  # the entry of the state that is not the inner pool's


class Pyramid(BaseEstimator):
    """Any pool, in each cell of one or more grids that divide the signal evenly (spatial pyramid).

    Lazebnik, Schmid and Ponce, CVPR 2006. Features come grid by grid, cell by cell, the last axis fastest.

    Parameters
    ----------
    pool : Pool
        Such as `Moments`, `BagOfWords` or `FisherVector`. One that learns learns from the whole signals.
    levels : sequence of int, or of tuple of int
        The grids: a number divides every axis in so many parts, a tuple says how many an axis. `(1, 2)` is the whole
        image and its quarters; `(1, 3)` a sound and its thirds; `[(1, 1), (3, 1)]` an image and three stripes.

    Notes
    -----
    A position at sample `p` of an axis with `n` samples lies in part `p * k // n` of `k`. Each descriptor is coded
    once, whatever the number of grids. A cell without any position gives zeros.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import FilterBank, Moments, Pyramid, Representation
    >>> identity = FilterBank([np.ones(1)], names=["x"])
    >>> thirds = Representation(identity, Pyramid(Moments(["mean"]), levels=(1, 3)))
    >>> thirds.fit_transform(np.array([[1.0, 1, 5, 5, 0, 0]])).tolist()
    [[2.0, 1.0, 5.0, 0.0]]
    >>> thirds.get_feature_names_out().tolist()
    ['x.mean', '3[0].x.mean', '3[1].x.mean', '3[2].x.mean']
    """

    def __init__(self, pool: Pool, levels: Sequence[int | tuple[int, ...]] = (1, 2)) -> None:
        self.pool = pool
        self.levels = levels

    @property
    def exact(self) -> bool:
        """Whether the inner pool is exact."""
        return self.pool.exact

    @property
    def joint(self) -> bool:
        """Whether the inner pool needs all responses at each position."""
        return self.pool.joint

    @property
    def learns(self) -> bool:
        """Whether the inner pool learns."""
        return self.pool.learns

    def fit(self, samples: np.ndarray, rng: np.random.Generator) -> Self:
        """Return a copy with a fitted inner pool, `pool_`."""
        self._grids(1 if all(isinstance(level, (int, np.integer)) for level in self.levels) else self._n_given())
        fitted = copy.copy(self)
        fitted.pool_ = self.pool.fit(samples, rng)
        return fitted

    def take(self, index: np.ndarray) -> Self:
        """Return the pool for some of the responses."""
        taken = copy.copy(self)
        taken.pool_ = self.pool_.take(index)
        return taken

    def within(self, axes: Sequence[int]) -> Self:
        """Return the pool for a signal with these axes, whose cells are therefore known."""
        bound = copy.copy(self)
        bound.pool_ = self.pool_.within(axes)
        bound.axes_ = tuple(int(n) for n in axes)
        bound._cuts = self._edges(len(bound.axes_))
        return bound

    def assigned(self, responses: np.ndarray) -> np.ndarray:
        """Return the word to which each position `(*positions)` belongs, where the inner pool has a codebook."""
        return self.pool_.assigned(responses)

    def _n_given(self) -> int:
        """The number of axes that tuples among the levels say."""
        return next((len(level) for level in self.levels if isinstance(level, Sequence)), 1)

    def _grids(self, n_axes: int) -> list[tuple[int, ...]]:
        """The levels, as parts an axis."""
        grids = []
        for level in self.levels:
            grid: tuple[Any, ...] = tuple(level) if isinstance(level, Sequence) else (level,) * n_axes
            if len(grid) != n_axes or not all(isinstance(k, (int, np.integer)) and k >= 1 for k in grid):
                some = "" if n_axes == 1 else f", or tuples of {n_axes} of them"
                raise invalid("levels", self.levels, f"a sequence of positive whole numbers{some}")
            grids.append(tuple(int(k) for k in grid))
        if not grids:
            raise invalid("levels", self.levels, "a sequence of at least one")
        return grids

    def _edges(self, n_axes: int) -> list[list[Fraction]]:
        """For each axis, where some grid cuts it, as parts of its length: the atoms lie between."""
        grids = self._grids(n_axes)
        return [sorted({Fraction(j, grid[a]) for grid in grids for j in range(grid[a])}) for a in range(n_axes)]

    def _bounds(self) -> list[list[Fraction]]:
        """The edges of the signal that the pool is within."""
        if not hasattr(self, "axes_"):
            raise InputError("a Pyramid needs the extent of the signal. Use pool.within(axes) before init.")
        return self._cuts

    def _states(self, state: State) -> list[State]:
        """The inner pool's states, atom by atom."""
        return [{name: v[i] for name, v in state.items() if name != CELLS} for i in range(len(state[CELLS]))]

    def _stacked(self, states: Sequence[State], counts: np.ndarray) -> State:
        return {CELLS: counts} | {name: np.stack([one[name] for one in states]) for name in states[0]}

    def init(self, n_responses: int, n_axes: int) -> State:
        """Return the state of having seen nothing."""
        n_atoms = math.prod(len(edges) for edges in self._bounds())
        return self._stacked([self.pool_.init(n_responses, n_axes)] * n_atoms, np.zeros(n_atoms))

    def update(self, state: State, responses: np.ndarray, where: tuple[np.ndarray, ...]) -> State:
        """Add responses `(response, *positions)`, each to the cells in which its position lies."""
        runs = []
        for axis, (places, n, edges) in enumerate(zip(where, self.axes_, self._bounds())):
            starts = [-(-n * edge.numerator // edge.denominator) for edge in edges]  # the first sample at or beyond
            cuts = np.append(np.searchsorted(places, starts), responses.shape[axis + 1])
            runs.append([(k, slice(a, b)) for k, (a, b) in enumerate(itertools.pairwise(cuts.tolist())) if a < b])
        shape = [len(edges) for edges in self._bounds()]
        states, counts = self._states(state), state[CELLS].copy()
        for box in itertools.product(*runs):
            atom = int(np.ravel_multi_index([k for k, _ in box], shape))
            cut = tuple(run for _, run in box)
            some = responses[(slice(None), *cut)]
            states[atom] = self.pool_.update(states[atom], some, tuple(w[run] for w, run in zip(where, cut)))
            counts[atom] += math.prod(some.shape[1:])
        return self._stacked(states, counts)

    def merge(self, first: State, second: State) -> State:
        """Return the state of having seen both."""
        pairs = zip(self._states(first), self._states(second))
        return self._stacked([self.pool_.merge(a, b) for a, b in pairs], first[CELLS] + second[CELLS])

    def join(self, states: Sequence[State], order: np.ndarray) -> State:
        """Put states of different responses side by side, then in `order`."""
        by_atom = zip(*(self._states(state) for state in states))
        return self._stacked([self.pool_.join(own, order) for own in by_atom], states[0][CELLS])

    def _cells(self, n_axes: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...], list[int]]]:
        """Each grid's cells: the grid, the cell, and its atoms."""
        edges = self._edges(n_axes)
        shape = [len(own) for own in edges]
        for grid in self._grids(n_axes):
            for cell in itertools.product(*map(range, grid)):
                inside = [
                    [i for i, edge in enumerate(own) if Fraction(c, k) <= edge < Fraction(c + 1, k)]
                    for c, k, own in zip(cell, grid, edges)
                ]
                yield grid, cell, [int(np.ravel_multi_index(atom, shape)) for atom in itertools.product(*inside)]

    def finish(self, state: State) -> np.ndarray:
        """Return the inner pool's features, grid by grid and cell by cell."""
        if state[CELLS].ndim > 1:
            return np.stack([self.finish({name: v[i] for name, v in state.items()}) for i in range(len(state[CELLS]))])
        states, counts = self._states(state), state[CELLS]
        features = []
        for _, _, atoms in self._cells(len(self.axes_)):
            merged = states[atoms[0]]
            for atom in atoms[1:]:
                merged = self.pool_.merge(merged, states[atom])
            own = self.pool_.finish(merged)
            features.append(own if counts[atoms].any() else np.zeros_like(own))
        return np.concatenate(features)

    def feature_table(self, responses: Sequence[dict[str, Any]], n_axes: int) -> list[dict[str, Any]]:
        """Return a row a feature: the inner pool's, with `grid` and `cell`."""
        rows = self.pool_.feature_table(responses, n_axes)
        table = []
        for grid, cell, _ in self._cells(n_axes):
            name, at = "x".join(map(str, grid)), ",".join(map(str, cell))
            prefix = "" if math.prod(grid) == 1 else f"{name}[{at}]."
            table += [{**row, "feature": prefix + row["feature"], "grid": name, "cell": at} for row in rows]
        return table
