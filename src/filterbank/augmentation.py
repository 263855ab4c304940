"""Learning from changed copies of the training signals: moved, turned, resized, louder or noisier."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from scipy import ndimage
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone, is_classifier
from sklearn.utils import assert_all_finite, get_tags
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from filterbank.errors import InputError, invalid
from filterbank.signals import Signals, check_finite, is_tensor

__all__ = ["CHANGES", "Augmented", "changed", "resized"]

CHANGES = {
    "shift": "share of the size, along each axis",
    "scale": "logarithm of the factor by which things grow, along each axis, in a signal of the same size",
    "rotation": "degrees, in each plane of two axes",
    "shear": "degrees, in each plane of two axes",
    "resize": "octaves by which the signal itself grows, along all axes",
    "gain": "logarithm of the factor on all samples",
    "noise": "white noise, as a share of each channel's standard deviation",
}
"""What may be done to a signal, and in which unit."""

PLACES = ("shift", "scale", "rotation", "shear")  # what moves samples; several amounts each

HELD = 1 << 27  # samples of copies that are kept in memory, 512 MiB in float32; more are made when they are read


class Augmented(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """A classifier of signals that learns from each training signal and from changed copies of it.

    Copies say what doesn't matter: that a digit leans, that a material lies farther away, that a sound is louder. They
    are made of the signals that `fit` gets and of no others, so that within a cross-validation no copy of a signal
    is ever learned where the signal is tested.

    Parameters
    ----------
    estimator : classifier or Pipeline
        From signals to classes, such as ``make_pipeline(representation, SVC())``.
    n_copies : int
        Copies of each signal, beside itself.
    shift, scale, rotation, shear, resize, gain, noise : float or (float, float)
        How much the copies differ, each by other amounts: drawn from this range, or from minus to plus this number
        (noise: from 0 to it), in the units of `CHANGES`. 0: not at all. Amounts are spread evenly: of `n_copies`
        copies of a signal, one has its amount in each `n_copies`-th of the range.
    average : bool
        Whether to predict by the mean decision on a signal and on `n_copies` copies of it, which are changed the
        same way for all signals. It takes `n_copies` times as long.
    n_axes : {1, 2, 3}, optional
        For plain arrays; `Signals` know it.
    random_state : int, numpy.random.Generator or None
        For the amounts and the noise.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on signals and copies. Where nothing is averaged, it alone predicts the same, and can be kept alone.
    classes_ : array, (class,)
    changes_ : list of dict
        What was drawn for the copies of signals to be predicted.

    Raises
    ------
    InputError
        When fitting, if an amount makes no sense, or a signal isn't finite.

    Notes
    -----
    Estimators that choose by an inner cross-validation must keep copies beside their source: those that ask for groups
    by scikit-learn's metadata routing (`SubspaceClassifier`, GridSearchCV with a GroupKFold) get them, a number for
    each source or the groups that `fit` is given. Others choose as if copies were signals of their own.

    Moved signals keep their size; they are cubic splines between samples, and mirrored beyond their ends. Resized ones
    don't, and so need an estimator that takes signals of unequal size. Copies of signals in memory are made at once
    unless they would fill some 500 MiB, all others each time that they are read.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import RidgeClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from filterbank.recipes import gabor
    >>> t, y = np.arange(64), np.repeat(["slow", "fast"], 10)
    >>> frequency = np.where(y == "slow", 0.05, 0.2)
    >>> X = np.cos(2 * np.pi * frequency[:, None] * t + np.arange(20)[:, None])
    >>> model = Augmented(make_pipeline(gabor(), RidgeClassifier()), n_copies=3, scale=0.2, noise=0.5).fit(X, y)
    >>> model.predict(np.cos(2 * np.pi * np.array([[0.06], [0.17]]) * t)).tolist()
    ['slow', 'fast']
    """

    __metadata_request__fit: ClassVar[dict[str, bool]] = {"groups": True}

    def __init__(
        self,
        estimator: Any,
        *,
        n_copies: int = 4,
        shift: float | tuple[float, float] = 0.0,
        scale: float | tuple[float, float] = 0.0,
        rotation: float | tuple[float, float] = 0.0,
        shear: float | tuple[float, float] = 0.0,
        resize: float | tuple[float, float] = 0.0,
        gain: float | tuple[float, float] = 0.0,
        noise: float | tuple[float, float] = 0.0,
        average: bool = False,
        n_axes: int | None = None,
        random_state: Any = 0,
    ) -> None:
        self.estimator = estimator
        self.n_copies = n_copies
        self.shift = shift
        self.scale = scale
        self.rotation = rotation
        self.shear = shear
        self.resize = resize
        self.gain = gain
        self.noise = noise
        self.average = average
        self.n_axes = n_axes
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags = replace(inner.input_tags, sparse=False)
        if inner.classifier_tags is not None:
            tags.classifier_tags = inner.classifier_tags
        return tags

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Fit the estimator on signals and their copies.

        Parameters
        ----------
        X : array, list of array, or Signals
        y : array, (signal,)
            Labels.
        groups : array, (signal,), optional
            Which signals belong together, for an estimator that asks for groups; copies go with their source.
        """
        X, signals = self._signals(X, reset=True)
        if y is None:
            raise InputError("a classifier requires y to be passed, but the target y is None. Pass a label a signal.")
        labels = column_or_1d(y, warn=True)
        assert_all_finite(labels, input_name="y")
        if labels.shape != (len(signals),):
            raise InputError(
                f"y has shape {labels.shape}; it must be one label for each of the {len(signals)} signals."
            )
        check_classification_targets(labels)
        if not is_classifier(self.estimator):
            raise invalid("estimator", self.estimator, "a classifier")
        if self.average and not any(hasattr(self.estimator, name) for name in ("decision_function", "predict_proba")):
            raise invalid("average", self.average, "for an estimator without decision_function and predict_proba")
        source = np.arange(len(signals)) if groups is None else np.asarray(groups)
        if source.shape != labels.shape:
            raise InputError(f"groups has shape {source.shape}; it must be one for each of the {len(signals)} signals.")
        ranges = self._ranges(signals.n_axes)
        rng = np.random.default_rng(self.random_state)
        draws = _draws(ranges, 1 + len(signals), int(self.n_copies), rng)
        seeds = rng.integers(2**63, size=(1 + len(signals), int(self.n_copies)))
        self.changes_ = [_at(draws, 0, k) for k in range(self.n_copies)]
        self._seeds = seeds[0].tolist()
        copies = [
            _Copy(signals, i, _at(draws, 1 + i, k), int(seeds[1 + i, k]))
            for k in range(self.n_copies)
            for i in range(len(signals))
        ]
        n = 1 + self.n_copies
        data = _joined(X, signals, copies, own=True)
        self.estimator_ = _fitted(clone(self.estimator), data, np.tile(labels, n), np.tile(source, n))
        self.classes_ = self.estimator_.classes_
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the class of each signal, (signal,).

        Parameters
        ----------
        X : array, list of array, or Signals
        """
        check_is_fitted(self)
        if not self.average:
            return self.estimator_.predict(self._signals(X, reset=False)[0])
        if not hasattr(self.estimator_, "decision_function"):
            return self.classes_[self.predict_proba(X).argmax(axis=1)]
        decisions = self.decision_function(X)
        return self.classes_[(decisions > 0).astype(int) if decisions.ndim == 1 else decisions.argmax(axis=1)]

    @available_if(lambda self: hasattr(_inner(self), "decision_function"))
    def decision_function(self, X: Any) -> np.ndarray:
        """Return the estimator's decisions, or with `average` their mean over a signal and its copies.

        Parameters
        ----------
        X : array, list of array, or Signals
        """
        return self._mean("decision_function", X)

    @available_if(lambda self: hasattr(_inner(self), "predict_proba"))
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, (signal, class), or with `average` its mean.

        Parameters
        ----------
        X : array, list of array, or Signals
        """
        return self._mean("predict_proba", X)

    def _mean(self, method: str, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X, signals = self._signals(X, reset=False)
        found = getattr(self.estimator_, method)(X)
        if not self.average:
            return found
        total = np.array(found, dtype=np.float64)
        for changes, seed in zip(self.changes_, self._seeds):
            copies = [_Copy(signals, i, changes, seed) for i in range(len(signals))]
            total += getattr(self.estimator_, method)(_joined(X, signals, copies, own=False))
        return total / (1 + len(self.changes_))

    def _signals(self, X: Any, *, reset: bool) -> tuple[Any, Signals]:
        """What the estimator is to see of X (a plain array stays one), and X as Signals."""
        if isinstance(X, list) and X and all(isinstance(row, list) for row in X) and len(set(map(len, X))) == 1:
            X = np.asarray(X)  # an array written out
        ragged = isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1
        held = isinstance(X, Sequence) or ragged or is_tensor(X)
        if not held and getattr(X, "ndim", 2) <= 2:
            X = validate_data(self, X, reset=reset, dtype=[np.float64, np.float32])
        signals = Signals.wrap(X, n_axes=self.n_axes)
        if not len(signals):
            raise InputError("X holds no signals (0 samples); a minimum of 1 is required.")
        return signals if held else X, signals

    def _ranges(self, n_axes: int) -> dict[str, tuple[float, float, int]]:
        """The range of each change that is asked for, and how many amounts one copy has of it."""
        if not isinstance(self.n_copies, (int, np.integer)) or self.n_copies < 1:
            raise invalid("n_copies", self.n_copies, "a whole number of at least 1")
        planes = n_axes * (n_axes - 1) // 2
        numbers = {"shift": n_axes, "scale": n_axes, "rotation": planes, "shear": planes}
        found = {}
        for name in CHANGES:
            given = getattr(self, name)
            low, high = _range(name, given)
            if low == high == 0.0:
                continue
            if name in ("rotation", "shear") and n_axes == 1:
                raise invalid(name, given, "0 for signals of one axis", why="which have no plane to turn in")
            found[name] = low, high, numbers.get(name, 1)
        if not found:
            raise InputError(
                f"no change is asked for, so copies would be all the same. Pass one of {', '.join(CHANGES)}."
            )
        return found


def changed(signal: np.ndarray, changes: Mapping[str, Any], rng: np.random.Generator | None = None) -> np.ndarray:
    """Return a changed copy of a signal.

    Parameters
    ----------
    signal : array, (channel, *axes)
    changes : dict of str to array
        Amounts, in the units of `CHANGES`: `shift` and `scale` (axis,), `rotation` and `shear` (plane,), in the planes
        of the first and second axis, the first and third, the second and third; the others one number. Turned is from
        the later axis toward the earlier.
    rng : numpy.random.Generator, optional
        For noise; one with seed 0 if none.

    Returns
    -------
    array, (channel, *axes)
        Of the same dtype; of the same size, unless it's resized.

    Examples
    --------
    >>> import numpy as np
    >>> ramp = np.arange(8.0)[None]
    >>> changed(ramp, {"gain": np.log(2)})
    array([[ 0.,  2.,  4.,  6.,  8., 10., 12., 14.]])
    >>> changed(ramp, {"shift": [0.25]}).round(6)[0, 3:]
    array([1., 2., 3., 4., 5.])
    """
    unknown = next((name for name in changes if name not in CHANGES), None)
    if unknown is not None:
        raise invalid("changes", unknown, f"one of {', '.join(CHANGES)}")
    n_axes = signal.ndim - 1
    out = signal
    if any(name in changes for name in PLACES):
        out = _moved(out, _map(n_axes, changes), changes.get("shift", np.zeros(n_axes)))
    if "resize" in changes:
        out = resized(out, 2 ** float(changes["resize"]))
    if "gain" in changes:
        out = out * math.exp(float(changes["gain"]))
    if "noise" in changes:
        rng = np.random.default_rng(0) if rng is None else rng
        spread = signal.std(axis=tuple(range(1, signal.ndim)), keepdims=True, dtype=np.float64)
        out = out + float(changes["noise"]) * spread * rng.normal(size=out.shape)
    return out.astype(signal.dtype, copy=False)


def resized(signal: np.ndarray, factor: float) -> np.ndarray:
    """Return a signal in another size: cubic interpolation, over as many more samples as it shrinks, against aliasing.

    Parameters
    ----------
    signal : array, (channel, *axes)
    factor : float, above 0
        Each axis has `factor` times as many samples, rounded, and at least one.

    Returns
    -------
    array, (channel, *axes)

    Notes
    -----
    Keys, IEEE Transactions on Acoustics, Speech, and Signal Processing 29 (1981), eq. 15, with a = -1/2, widened by
    1 / factor where that is above 1; weights beyond the ends are left out, and the others sum to one.

    Examples
    --------
    >>> import numpy as np
    >>> resized(np.arange(8.0)[None], 0.5).round(2)
    array([[0.54, 2.46, 4.54, 6.46]])
    """
    if not (np.isfinite(factor) and factor > 0):
        raise invalid("factor", factor, "a number above 0")
    for axis in range(1, signal.ndim):
        n = signal.shape[axis]
        signal = _resampled(signal, axis, max(1, math.floor(n * factor + 0.5)))
    return signal


def _resampled(signal: np.ndarray, axis: int, n_out: int) -> np.ndarray:
    n = signal.shape[axis]
    step = n / n_out
    width = max(step, 1.0)
    middle = (np.arange(n_out) + 0.5) * step - 0.5
    first = np.ceil(middle - 2 * width).astype(int)
    at = first[:, np.newaxis] + np.arange(math.floor(4 * width) + 1)
    t = np.abs(at - middle[:, np.newaxis]) / width
    weights = np.where(t < 1, (1.5 * t - 2.5) * t * t + 1, np.where(t < 2, ((2.5 - 0.5 * t) * t - 4) * t + 2, 0.0))
    weights[(at < 0) | (at >= n)] = 0.0
    weights /= weights.sum(axis=1, keepdims=True)
    at = at.clip(0, n - 1)
    shape = [1] * signal.ndim
    shape[axis] = n_out
    out = np.zeros((*signal.shape[:axis], n_out, *signal.shape[axis + 1 :]))
    for k in range(at.shape[1]):
        out += weights[:, k].reshape(shape) * signal.take(at[:, k], axis=axis)
    return out.astype(signal.dtype, copy=False)


def _map(n_axes: int, changes: Mapping[str, Any]) -> np.ndarray:
    """The linear map that a copy is seen through, (axis, axis): grown along the axes, sheared, then turned."""
    grown = np.diag(np.exp(changes.get("scale", np.zeros(n_axes))))
    planes = [(a, b) for a in range(n_axes) for b in range(a + 1, n_axes)]
    for k, (a, b) in enumerate(planes):
        angle = math.radians(changes["rotation"][k]) if "rotation" in changes else 0.0
        lean = math.tan(math.radians(changes["shear"][k])) if "shear" in changes else 0.0
        turned, sheared = np.eye(n_axes), np.eye(n_axes)
        turned[[a, b], [a, b]] = math.cos(angle)
        turned[a, b], turned[b, a] = math.sin(angle), -math.sin(angle)
        sheared[a, b] = lean
        grown = turned @ sheared @ grown
    return grown


def _moved(signal: np.ndarray, mapped: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """What lies at a place of the signal, told from its middle, is then where the map and the shift put it."""
    sizes = np.array(signal.shape[1:])
    middle = (sizes - 1) / 2
    back = np.linalg.inv(mapped)
    offset = middle - back @ (middle + np.asarray(shift) * sizes)
    out = np.empty_like(signal)
    for channel, into in zip(signal, out):
        ndimage.affine_transform(channel, back, offset=offset, output=into, order=3, mode="mirror")
    return out


@dataclass(frozen=True)
class _Copy:
    """A changed copy of one of some signals, made when it's read."""

    signals: Signals
    index: int
    changes: Mapping[str, Any]
    seed: int

    def read(self) -> np.ndarray:
        """Return the copy, `(channel, *axes)`."""
        signal = self.signals[self.index]
        check_finite(signal, self.index)
        return changed(signal, self.changes, np.random.default_rng(self.seed))


def _range(name: str, given: Any) -> tuple[float, float]:
    """The least and the greatest amount."""
    alone = not isinstance(given, (tuple, list))
    pair = (0.0 if name == "noise" else -given, given) if alone and _is_number(given) else given
    if not (isinstance(pair, (tuple, list)) and len(pair) == 2 and all(map(_is_number, pair))) or pair[0] > pair[1]:
        raise invalid(name, given, "a number from 0 on, or a pair of them, (least, greatest)")
    low, high = float(pair[0]), float(pair[1])
    if name == "noise" and low < 0:
        raise invalid(name, given, "from 0 on")
    if name == "shear" and max(-low, high) >= 90:
        raise invalid(name, given, "between -90 and 90 degrees")
    return low, high


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and math.isfinite(value)


def _draws(
    ranges: dict[str, tuple[float, float, int]], n: int, n_copies: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Amounts by name, (signal, copy, amount), each copy's in another part of the range; the first signal's evenly."""
    found = {}
    for name, (low, high, number) in ranges.items():
        part = rng.permuted(np.broadcast_to(np.arange(n_copies), (n, number, n_copies)), axis=-1)
        within = rng.random(part.shape)
        within[0] = 0.5
        found[name] = np.swapaxes(low + (high - low) * (part + within) / n_copies, 1, 2)
    return found


def _at(draws: dict[str, np.ndarray], i: int, k: int) -> dict[str, Any]:
    """The changes of one copy."""
    return {name: found[i, k] if name in PLACES else float(found[i, k, 0]) for name, found in draws.items()}


def _joined(X: Any, signals: Signals, copies: list[_Copy], *, own: bool) -> Any:
    """Signals, or none, and then copies: a plain array if they are one, and fit."""
    if isinstance(X, np.ndarray) and not any("resize" in copy.changes for copy in copies[:1]):
        made = np.stack([copy.read() for copy in copies]).reshape(len(copies), *X.shape[1:])
        return np.concatenate([X, made]) if own else made
    items = list(signals.stored) if own else []
    if signals.in_memory and len(copies) * int(signals.sizes.sum()) <= HELD * len(signals):
        flat = [item.ndim == signals.n_axes for item in signals.stored]  # as they are held, so are copies
        return Signals([*items, *(_held(copy, flat[copy.index]) for copy in copies)], **_kind(signals))
    return Signals([*items, *copies], **_kind(signals))


def _held(copy: _Copy, flat: bool) -> np.ndarray:
    made = copy.read()
    return made[0] if flat else made


def _kind(signals: Signals) -> dict[str, Any]:
    return {"n_axes": signals.n_axes, "rate": signals.rate}


def _fitted(estimator: Any, data: Any, labels: np.ndarray, groups: np.ndarray) -> Any:
    """The estimator, fitted; with groups if anything in it asks for them."""
    with config_context(enable_metadata_routing=True):
        if get_routing_for_object(estimator).consumes("fit", ["groups"]):
            return estimator.fit(data, labels, groups=groups)
    return estimator.fit(data, labels)


def _inner(augmented: Augmented) -> Any:
    return getattr(augmented, "estimator_", augmented.estimator)
