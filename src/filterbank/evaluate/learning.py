"""How the score grows with the number of groups, or signals, to learn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from filterbank.errors import InputError, invalid
from filterbank.evaluate.intervals import shares_interval
from filterbank.evaluate.refit import predict_in_folds
from filterbank.evaluate.splitters import Fold

__all__ = ["LearningCurve", "learning_curve"]


@dataclass(frozen=True)
class LearningCurve:
    """What `learning_curve` found.

    Attributes
    ----------
    table : DataFrame
        A row for each size: `share` (of the training units), `units` and `signals` (in training, on average over
        folds), `score` (accuracy, mean over the repetitions), `low` and `high` (95 % interval, over clusters), the
        smallest first.
    unit : {"group", "signal"}
        What is taken away from training.
    sentence : str
    """

    table: pd.DataFrame
    unit: str
    sentence: str


def learning_curve(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    folds: Sequence[Fold],
    groups: Any = None,
    shares: Sequence[float] = (0.125, 0.25, 0.5, 0.75, 1.0),
    n_repeats: int = 5,
    random_state: int | None = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> LearningCurve:
    """Score a pipeline that learns from a part of each fold's training units.

    Parameters
    ----------
    estimator : scikit-learn classifier or Pipeline
    X : array, (signal, feature), or Signals
    y : array, (signal,)
    folds : sequence of (train, test)
        The test signals stay; training units are taken away at random, whole groups at a time, the same share of each
        class where units have one label. At least one of each class stays, so that sizes that come to the same are
        one row.
    groups : array, (signal,), optional
        None: each signal is a unit.
    shares : sequence of float, in (0, 1]
    n_repeats : int
        How often each part is drawn; once for share 1.
    random_state : int, optional
    progress : callable, optional
        `progress(done, total, text)`.

    Returns
    -------
    LearningCurve

    Notes
    -----
    Cost: about `n_repeats` times the sum of the shares, times that of the score.

    Examples
    --------
    >>> from sklearn.neighbors import NearestCentroid
    >>> rng = np.random.default_rng(0)
    >>> y = np.tile([0, 1], 40)
    >>> X = rng.normal(size=(80, 5)) + y[:, None]
    >>> folds = [(np.delete(np.arange(80), test), test) for test in np.arange(80).reshape(4, 20)]
    >>> curve = learning_curve(NearestCentroid(), X, y, folds=folds, shares=(0.1, 1.0))
    >>> curve.table["signals"].tolist(), bool(curve.table["score"].is_monotonic_increasing)
    ([6.0, 60.0], True)
    """
    labels = np.asarray(y)
    for share in shares:
        if not 0 < share <= 1:
            raise invalid("shares", share, "above 0 and at most 1")
    if n_repeats < 1:
        raise invalid("n_repeats", n_repeats, "a positive number")
    codes = np.arange(len(labels)) if groups is None else pd.factorize(np.asarray(groups))[0]
    if len(codes) != len(labels):
        raise InputError(f"groups has {len(codes)} values for {len(labels)} signals.")
    rng = np.random.default_rng(random_state)
    sizes = sorted(set(map(float, shares)))
    total = sum(n_repeats if share < 1 else 1 for share in sizes)
    rows: list[dict[str, float]] = []
    done = 0
    tested = np.zeros(len(labels), dtype=bool)
    for _, test in folds:
        tested[test] = True
    for share in sizes:
        right, drawn = [], []
        for _ in range(n_repeats if share < 1 else 1):
            parts = [(_some(train, codes, labels, share, rng), test) for train, test in folds]
            drawn.append(
                (
                    np.mean([len(np.unique(codes[train])) for train, _ in parts]),
                    np.mean([len(train) for train, _ in parts]),
                )
            )
            taken = predict_in_folds(estimator, X, labels, parts)
            right.append((taken == labels.astype(object))[tested])
            done += 1
            if progress is not None:
                progress(done, total, "learning curve")
        values = np.mean(right, axis=0)
        low, high = shares_interval(values, pd.factorize(codes[tested])[0])
        units, signals = np.mean(drawn, axis=0).tolist()
        row = {
            "share": share, "units": units, "signals": signals, "score": float(values.mean()),
            "low": low, "high": high,
        }  # fmt: skip
        if not rows or signals > rows[-1]["signals"]:
            rows.append(row)
    table = pd.DataFrame(rows)
    unit = "signal" if groups is None else "group"
    return LearningCurve(table, unit, _sentence(table, unit))


def _some(train: np.ndarray, codes: np.ndarray, y: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """The training signals of a share of the units; at least one unit of each class."""
    if share >= 1:
        return train
    units = pd.DataFrame({"unit": codes[train], "y": y[train]})
    if units.groupby("unit")["y"].nunique().max() == 1:
        strata = [np.asarray(part["unit"].unique()) for _, part in units.groupby("y", sort=True)]
    else:
        strata = [units["unit"].unique()]
    kept = [rng.permutation(s)[: max(1, round(share * len(s)))] for s in strata]
    return train[np.isin(codes[train], np.concatenate(kept))]


def _sentence(table: pd.DataFrame, unit: str) -> str:
    if len(table) < 2:
        return "There are too few units for a curve."
    last, before = table.iloc[-1], table.iloc[-2]
    gain = last["score"] - before["score"]
    text = (
        f"From {before['units']:.0f} to {last['units']:.0f} {unit}s in training, the score goes from "
        f"{before['score']:.2f} "
        f"to {last['score']:.2f}: "
    )
    width = (last["high"] - last["low"]) / 2
    if last["score"] > 0.99:
        return text + "there is next to nothing left to gain."
    if gain > 0.02:
        return text + f"more {unit}s would probably still help."
    if np.isfinite(width) and width > 0.1:
        return text + "whether more would help can't be told within such intervals."
    return text + f"more {unit}s of the same kind would add little."
