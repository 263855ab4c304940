"""Mean, standard deviation, extrema, where the maximum lies, and the share of positives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from filterbank.errors import invalid
from filterbank.pools.base import PerResponse, State, real_responses

__all__ = ["STATISTICS", "Moments"]

AXES = "zyx"
STATISTICS = ("mean", "std", "min", "max", "max_position", "positive")


class Moments(PerResponse):
    """Statistics of each response over all of its positions.

    Parameters
    ----------
    statistics : sequence of {"mean", "std", "min", "max", "max_position", "positive"}
        Features come response by response, in this order. "std" is the population's (divided by n). "max_position" is
        where the maximum lies, in samples of the signal; of equal maxima, the first, row by row. Two axes have the
        features "max_position_y" and "max_position_x", three have "max_position_z" before them. "positive" is the share
        of positions with a response above 0; see `Proportion` for other thresholds.

    Notes
    -----
    Blocks merge by the pairwise update of Chan, Golub and LeVeque (Am. Statistician 37(3), 1983), so mean and std
    agree between any two partitions to about 1e-13 relative; extrema agree exactly where the responses do.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import FilterBank, Moments, Representation
    >>> identity = FilterBank([np.ones(1)], names=["x"])
    >>> pool = Moments(["mean", "std", "max", "max_position"])
    >>> Representation(identity, pool).fit_transform(np.array([[0.0, 0, 4, 0]])).round(3)
    array([[1.   , 1.732, 4.   , 2.   ]])
    >>> bright = Representation(FilterBank([np.ones((1, 1))], names=["x"]), Moments(["max_position"]))
    >>> bright.fit_transform(np.array([[[0.0, 0, 4], [0, 5, 0]]])), bright.get_feature_names_out().tolist()
    (array([[1., 1.]]), ['x.max_position_y', 'x.max_position_x'])
    """

    def __init__(self, statistics: Sequence[str] = ("mean", "std", "max")) -> None:
        self.statistics = statistics

    @property
    def exact(self) -> bool:  # type: ignore[override]
        """Whether a position or a share is asked for, which rounding could move."""
        return "max_position" in self.statistics or "positive" in self.statistics

    def init(self, n_responses: int, n_axes: int) -> State:
        """Return the state of having seen nothing."""
        self._check()
        return {
            "count": np.zeros(n_responses),
            "mean": np.zeros(n_responses),
            "square": np.zeros(n_responses),
            "min": np.full(n_responses, np.inf),
            "max": np.full(n_responses, -np.inf),
            "position": np.zeros((n_responses, n_axes)),
            "positive": np.zeros(n_responses),
        }

    def _check(self) -> None:
        unknown = [s for s in self.statistics if s not in STATISTICS]
        if unknown or not len(self.statistics) or isinstance(self.statistics, str):
            raise invalid("statistics", self.statistics, f"a sequence of {', '.join(STATISTICS)}")
        if len(set(self.statistics)) != len(self.statistics):
            raise invalid("statistics", self.statistics, "free of repetitions")

    def update(self, state: State, responses: np.ndarray, where: tuple[np.ndarray, ...]) -> State:
        """Add responses `(response, *positions)`."""
        values = real_responses(responses)
        seen = self.init(len(values), len(where))
        seen["count"] += values.shape[1]
        if {"mean", "std"} & set(self.statistics):
            seen["mean"] = values.mean(axis=1, dtype=np.float64)
        if "std" in self.statistics:
            deviations = values - seen["mean"][:, np.newaxis]
            seen["square"] = np.einsum("rp,rp->r", deviations, deviations)
        if "min" in self.statistics:
            seen["min"] = values.min(axis=1).astype(np.float64)
        if "positive" in self.statistics:
            seen["positive"] = (values > 0).sum(axis=1).astype(np.float64)
        if "max_position" in self.statistics:
            first = values.argmax(axis=1)
            seen["max"] = values[np.arange(len(values)), first].astype(np.float64)
            at = np.unravel_index(first, responses.shape[1:])
            seen["position"] = np.stack([axis[i] for axis, i in zip(where, at)], axis=1).astype(np.float64)
        elif "max" in self.statistics:
            seen["max"] = values.max(axis=1).astype(np.float64)
        return self.merge(state, seen)

    def merge(self, first: State, second: State) -> State:
        """Return the state of having seen both."""
        count = first["count"] + second["count"]
        share = second["count"] / np.maximum(count, 1)
        step = second["mean"] - first["mean"]
        later = (second["max"] > first["max"]) | (
            (second["max"] == first["max"]) & _earlier(second["position"], first["position"])
        )
        return {
            "count": count,
            "mean": first["mean"] + step * share,
            "square": first["square"] + second["square"] + step**2 * share * first["count"],
            "min": np.minimum(first["min"], second["min"]),
            "max": np.maximum(first["max"], second["max"]),
            "position": np.where(later[:, np.newaxis], second["position"], first["position"]),
            "positive": first["positive"] + second["positive"],
        }

    def finish(self, state: State) -> np.ndarray:
        """Return the features, response by response."""
        n_axes = state["position"].shape[-1]
        width = len(self.statistics) + (n_axes - 1) * ("max_position" in self.statistics)
        features = np.empty((*state["count"].shape, width))
        at = 0
        for statistic in self.statistics:
            if statistic == "max_position":
                features[..., at : at + n_axes] = state["position"]
                at += n_axes
                continue
            if statistic == "std":
                np.sqrt(state["square"] / np.maximum(state["count"], 1), out=features[..., at])
            elif statistic == "positive":
                np.divide(state["positive"], np.maximum(state["count"], 1), out=features[..., at])
            else:
                features[..., at] = state[statistic]
            at += 1
        return features.reshape(*features.shape[:-2], -1)

    def feature_table(self, responses: Sequence[dict[str, Any]], n_axes: int) -> list[dict[str, Any]]:
        """Return a row a feature."""
        self._check()
        names: list[str] = []
        for statistic in self.statistics:
            if statistic == "max_position" and n_axes > 1:
                names += [f"max_position_{axis}" for axis in AXES[-n_axes:]]
            else:
                names.append(statistic)
        return [
            {"feature": f"{row['response']}.{name}", **row, "statistic": name} for row in responses for name in names
        ]


def _earlier(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Whether each row of `a` comes before that of `b`, read from the first axis to the last."""
    different = a != b
    first = different.argmax(axis=1)
    rows = np.arange(len(a))
    return different.any(axis=1) & (a[rows, first] < b[rows, first])
