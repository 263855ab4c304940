"""The share of positions at which a response lies above a threshold."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from filterbank.errors import invalid
from filterbank.pools.base import PerResponse, State, real_responses

__all__ = ["Proportion"]


class Proportion(PerResponse):
    """The share of positions at which each response lies above thresholds, given or learned.

    Parameters
    ----------
    thresholds : sequence of float, optional
        The same for every response; `(0.0,)` gives the share of positives.
    quantiles : sequence of float, optional
        Learn each response's thresholds as these quantiles of responses sampled from the training signals
        (the "biases" of Dempster, Schmidt and Webb, MiniRocket, KDD 2021). Takes the place of `thresholds`.

    Notes
    -----
    Exact: sums are taken in a fixed order, so that the result is the same, bit for bit, for any partition into blocks.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import FilterBank, Proportion, Representation
    >>> identity = FilterBank([np.ones(1)], names=["x"])
    >>> Representation(identity, Proportion()).fit_transform(np.array([[-1.0, 2, 3, -4]]))
    array([[0.5]])
    """

    exact = True

    def __init__(self, thresholds: Sequence[float] = (0.0,), *, quantiles: Sequence[float] | None = None) -> None:
        self.thresholds = thresholds
        self.quantiles = quantiles

    @property
    def learns(self) -> bool:  # type: ignore[override]
        """Whether thresholds are learned."""
        return self.quantiles is not None

    def fit(self, samples: np.ndarray, rng: np.random.Generator) -> Self:
        """Return a copy with `thresholds_`, (response, threshold)."""
        fitted = copy.copy(self)
        if self.quantiles is None:
            given = np.asarray(self.thresholds, dtype=np.float64)
            if given.ndim != 1 or not given.size or not np.isfinite(given).all():
                raise invalid("thresholds", self.thresholds, "a sequence of at least one finite number")
            fitted.thresholds_ = np.tile(given, (samples.shape[1], 1))
        else:
            levels = np.asarray(self.quantiles, dtype=np.float64)
            if levels.ndim != 1 or not levels.size or not ((levels >= 0) & (levels <= 1)).all():
                raise invalid("quantiles", self.quantiles, "a sequence of at least one number from 0 to 1")
            fitted.thresholds_ = np.quantile(real_responses(samples.T), levels, axis=1).T
        return fitted

    def take(self, index: np.ndarray) -> Self:
        """Return the pool for some of the responses."""
        taken = copy.copy(self)
        taken.thresholds_ = self.thresholds_[index]
        return taken

    def init(self, n_responses: int, n_axes: int) -> State:
        """Return the state of having seen nothing."""
        return {"count": np.zeros(n_responses), "above": np.zeros((n_responses, self.thresholds_.shape[1]))}

    def update(self, state: State, responses: np.ndarray, where: tuple[np.ndarray, ...]) -> State:
        """Add responses `(response, *positions)`."""
        values = real_responses(responses)
        above = [(values > level[:, np.newaxis]).sum(axis=1) for level in self.thresholds_.T]
        return self.merge(
            state, {"count": np.full(len(values), float(values.shape[1])), "above": np.stack(above, axis=1)}
        )

    def merge(self, first: State, second: State) -> State:
        """Return the state of having seen both."""
        return {name: first[name] + second[name] for name in first}

    def finish(self, state: State) -> np.ndarray:
        """Return the shares, response by response."""
        shares = state["above"] / np.maximum(state["count"], 1)[..., np.newaxis]
        return shares.reshape(*shares.shape[:-2], -1)

    def feature_table(self, responses: Sequence[dict[str, Any]], n_axes: int) -> list[dict[str, Any]]:
        """Return a row a feature."""
        levels = self.thresholds if self.quantiles is None else self.quantiles
        mark = ">" if self.quantiles is None else ">q"
        return [
            {"feature": f"{row['response']}.share{mark}{level:g}", **row, "statistic": f"share{mark}{level:g}"}
            for row in responses
            for level in levels
        ]
