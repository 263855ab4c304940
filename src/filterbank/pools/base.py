"""What a pool is, and what pools share that treat each response by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Self

import numpy as np
from sklearn.base import BaseEstimator

from filterbank.errors import InputError

__all__ = ["PerResponse", "Pool", "State"]

State = dict[str, np.ndarray]
"""What a pool has accumulated: named arrays."""


class Pool(Protocol):
    """A mergeable accumulator of responses: `init`, then `update` and `merge` in any grouping, then `finish`.

    Attributes
    ----------
    exact : bool
        Whether rounding could flip the result (a threshold, a position), so that sums need a fixed order.
    joint : bool
        Whether all responses are needed at each position (a codebook); otherwise each response has its own positions.
    learns : bool
        Whether `fit` learns from sampled responses, so that it must happen inside each fold of a validation.
    """

    exact: bool
    joint: bool
    learns: bool

    def fit(self, samples: np.ndarray, rng: np.random.Generator) -> Self:
        """Return a copy that has learned what it needs from responses `(sample, response)`."""

    def take(self, index: np.ndarray) -> Self:
        """Return the pool for some of the responses."""

    def within(self, axes: Sequence[int]) -> Self:
        """Return the pool for a signal with these axes (without the channel), where its extent makes a difference."""

    def init(self, n_responses: int, n_axes: int) -> State:
        """Return the state of having seen nothing."""

    def update(self, state: State, responses: np.ndarray, where: tuple[np.ndarray, ...]) -> State:
        """Add responses `(response, *positions)`; `where` has each axis's positions, in samples of the signal."""

    def merge(self, first: State, second: State) -> State:
        """Return the state of having seen both."""

    def join(self, states: Sequence[State], order: np.ndarray) -> State:
        """Put states of different responses side by side, then in `order`."""

    def finish(self, state: State) -> np.ndarray:
        """Return the features, `(feature,)`; of states with more axes in front, `(..., feature)`."""

    def feature_table(self, responses: Sequence[dict[str, Any]], n_axes: int) -> list[dict[str, Any]]:
        """Return a row a feature, in the order of `finish`: at least `feature`, its name, and `statistic`."""


class PerResponse(BaseEstimator):
    """The base of pools that treat each response by itself: states are arrays with the response first."""

    exact = False
    joint = False
    learns = False

    def fit(self, samples: np.ndarray, rng: np.random.Generator) -> Self:
        """Return itself: nothing is learned."""
        return self

    def take(self, index: np.ndarray) -> Self:
        """Return itself: nothing is known of single responses."""
        return self

    def within(self, axes: Sequence[int]) -> Self:
        """Return itself: the extent of the signal makes no difference."""
        return self

    def join(self, states: Sequence[State], order: np.ndarray) -> State:
        """Put states of different responses side by side, then in `order`."""
        if len(states) == 1:
            return states[0]
        return {name: np.concatenate([state[name] for state in states])[order] for name in states[0]}


def real_responses(responses: np.ndarray) -> np.ndarray:
    """Return responses as `(response, position)`, refusing complex ones."""
    if np.iscomplexobj(responses):
        raise InputError(
            "the bank's responses are complex, and a pool needs real numbers. Pass readout='modulus', 'real' or "
            "'imaginary' to the bank."
        )
    return responses.reshape(len(responses), -1)
