"""How far features move when a signal changes as it may without changing class, against how far classes are apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from filterbank.errors import InputError, invalid
from filterbank.evaluate.nuisances import NUISANCES, Nuisance, nuisances
from filterbank.signals import KINDS, Dataset, Signals

__all__ = ["Invariance", "invariance"]

MAX_COMPARED = 500


@dataclass(frozen=True)
class Invariance:
    """What `invariance` found.

    Attributes
    ----------
    table : DataFrame
        A row for each nuisance: `nuisance`, `strength` (in words), `moved` (how far features move, over how far signals
        of different classes are apart, medians), `invariance` (1 / (1 + moved): 1 where nothing moves, a half where
        signals move as far as to another class) and `kept` (the share of changed signals whose nearest other signal
        is of their own class), beside `kept_before` (that share of the unchanged ones).
    discrimination : float
        The probability that two signals of different classes are further apart than two of one class, from 0.5 for
        features that tell nothing to 1.
    n_signals : int
        Signals that were used.
    """

    table: pd.DataFrame
    discrimination: float
    n_signals: int


def invariance(
    representation: Any,
    signals: Any,
    y: Any = None,
    *,
    transforms: Iterable[str] | Mapping[str, Callable[[np.ndarray], np.ndarray]] | None = None,
    kind: str | None = None,
    features: Any = None,
    max_signals: int = 60,
    random_state: int | None = 0,
) -> Invariance:
    """Measure how far features move under changes that shouldn't matter, relative to the distance between classes.

    Features are divided by their standard deviation over the signals. A change moves each signal by a Euclidean
    distance, whose median is divided by the median distance of two signals of different classes.

    Parameters
    ----------
    representation : transformer
        Fitted, or it is fitted on the signals.
    signals : Dataset, Signals, or what makes them
    y : array, (signal,), optional
        Labels; not needed with a Dataset that has a target.
    transforms : names, or mapping of name to callable, optional
        Of `NUISANCES`; or functions of one's own, each of a signal `(channel, *axes)`. Default: all that make sense for
        the kind.
    kind : {"series", "sound", "image", "volume"}, optional
        Default: the Dataset's, else by the number of axes (a rate makes no sound of a series).
    features : array, (signal, feature), optional
        Of all signals, by the fitted representation, if they're known already: scale and distances are then those of up
        to 500 signals, and not of `max_signals` alone.
    max_signals : int
        If there are more, as many are changed, the same number of each class as far as they go.
    random_state : int, optional
        For that choice and for noise.

    Returns
    -------
    Invariance

    Raises
    ------
    InputError
        If labels are missing or all the same, a transform isn't known, or what it returns has another shape.

    Notes
    -----
    Cost: the features of `max_signals` signals, once more than there are transforms.

    Examples
    --------
    >>> from filterbank import GaborBank, Moments, Representation
    >>> rng = np.random.default_rng(0)
    >>> X = np.sin(np.arange(100) * np.repeat([0.5, 1.0], 20)[:, None] + rng.uniform(0, 6, (40, 1)))
    >>> found = invariance(Representation(GaborBank(), Moments(["mean"])), X, np.repeat([0, 1], 20),
    ...                    transforms=["shift", "gain"])
    >>> found.table["moved"].round(1).tolist()
    [0.1, 1.7]
    """
    if isinstance(signals, Dataset):
        y, kind = (signals.y if y is None else y), kind or signals.kind
        signals = signals.signals
    held = Signals.wrap(signals, n_axes=getattr(representation, "_n_axes", None))
    kind = kind or {1: "series", 2: "image", 3: "volume"}[held.n_axes]
    if KINDS.get(kind) != held.n_axes:
        raise invalid("kind", kind, f"a kind of signal with {held.n_axes} axes")
    if y is None:
        raise InputError("y is missing: how far classes are apart can't be told without labels.")
    labels = pd.factorize(np.asarray(y))[0]
    if len(labels) != len(held):
        raise InputError(f"y has {len(labels)} labels for {len(held)} signals.")
    if len(np.unique(labels)) < 2:
        raise InputError("y holds one class only, so that there's no distance between classes.")
    if max_signals < 4:
        raise invalid("max_signals", max_signals, "4 or more")
    chosen = _chosen(labels, max_signals, np.random.default_rng(random_state))
    some = held[chosen]
    changes = _transforms(transforms, kind)
    fitted = representation if _is_fitted(representation) else _clone(representation).fit(held)
    if features is None:
        reference = chosen
        plain = np.asarray(fitted.transform(some), dtype=np.float64)
    else:
        reference = np.union1d(chosen, _chosen(labels, MAX_COMPARED, np.random.default_rng(random_state)))
        plain = np.asarray(features, dtype=np.float64)
        if plain.ndim != 2 or len(plain) != len(held):
            raise InputError(
                f"features have shape {plain.shape} for {len(held)} signals; they must be (signal, feature)."
            )
        plain = plain[reference]
    at, labels = np.searchsorted(reference, chosen), labels[reference]
    spread = plain.std(axis=0)
    usable = spread > 1e-12 * np.maximum(1.0, np.abs(plain).max(axis=0))
    if not usable.any():
        raise InputError("no feature varies over these signals.")
    points = plain[:, usable] / spread[usable]
    apart = _distances(points, points)
    different = labels[:, None] != labels
    same = ~different & ~np.eye(len(labels), dtype=bool)
    between = float(np.median(apart[different]))
    rows = []
    for number, nuisance in enumerate(changes):
        changed = [
            _changed(nuisance, signal, held.rate, np.random.default_rng([random_state or 0, number, i]))
            for i, signal in enumerate(some)
        ]
        moved = np.asarray(fitted.transform(Signals(changed, n_axes=held.n_axes, rate=held.rate)), dtype=np.float64)
        moved = moved[:, usable] / spread[usable]
        distance = float(np.median(np.linalg.norm(moved - points[at], axis=1))) / between if between else float("nan")
        rows.append(
            {
                "nuisance": nuisance.name, "strength": nuisance.strength, "moved": distance,
                "invariance": 1 / (1 + distance), "kept": _kept(_distances(moved, points), at, labels),
                "kept_before": _kept(apart[at], at, labels),
            }
        )  # fmt: skip
    return Invariance(pd.DataFrame(rows), _above(apart[different], apart[same]), len(chosen))


def _transforms(given: Any, kind: str) -> list[Nuisance]:
    if given is None:
        return nuisances(kind)
    if isinstance(given, Mapping):
        return [Nuisance(str(name), (kind,), "as given", _alone(function)) for name, function in given.items()]
    found = []
    for name in [given] if isinstance(given, str) else given:
        if name not in NUISANCES or kind not in NUISANCES[name].kinds:
            raise invalid(
                "transform", name, f"one for signals of kind {kind}: {', '.join(n.name for n in nuisances(kind))}"
            )
        found.append(NUISANCES[name])
    if not found:
        raise invalid("transforms", [], "at least one")
    return found


def _alone(function: Callable[[np.ndarray], np.ndarray]) -> Callable[..., np.ndarray]:
    """A function of the signal, as one of the rate and the generator, too."""
    return lambda x, rate, rng: function(x)


def _changed(nuisance: Nuisance, signal: np.ndarray, rate: float | None, rng: np.random.Generator) -> np.ndarray:
    changed = np.asarray(nuisance.change(signal, rate, rng))
    if changed.shape != signal.shape:
        raise InputError(f"the transform {nuisance.name!r} made {changed.shape} of a signal of shape {signal.shape}.")
    return changed


def _chosen(labels: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """As many of each class as there is room for, in order."""
    if len(labels) <= most:
        return np.arange(len(labels))
    turn = np.empty(len(labels))
    for k in np.unique(labels):
        mine = np.flatnonzero(labels == k)
        turn[rng.permutation(mine)] = np.arange(len(mine))
    return np.sort(np.lexsort((rng.permutation(len(labels)), turn))[:most])


def _is_fitted(representation: Any) -> bool:
    return any(name.endswith("_") and not name.startswith("_") for name in vars(representation))


def _clone(representation: Any) -> Any:
    from sklearn.base import clone

    return clone(representation)


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    from scipy.spatial.distance import cdist

    return cdist(a, b)


def _kept(distance: np.ndarray, at: np.ndarray, labels: np.ndarray) -> float:
    """The share of rows, signals `at`, whose nearest column but for themselves has their label."""
    others = distance.copy()
    others[np.arange(len(at)), at] = np.inf
    return float((labels[others.argmin(axis=1)] == labels[at]).mean())


def _above(larger: np.ndarray, smaller: np.ndarray) -> float:
    """The probability that one of the first is above one of the second; half of it for ties."""
    if not len(smaller):
        return float("nan")
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([larger, smaller]))[: len(larger)].sum()
    return float((ranks - len(larger) * (len(larger) + 1) / 2) / (len(larger) * len(smaller)))
