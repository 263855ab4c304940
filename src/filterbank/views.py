"""Several views of a signal side by side, with the front, the weights and the penalty chosen by validation inside."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.linalg import cho_factor, cho_solve
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.model_selection import StratifiedKFold, check_cv
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from filterbank.banks import FilterBank
from filterbank.design import pattern_kernels
from filterbank.engine import check_signal, fold
from filterbank.errors import InputError, invalid
from filterbank.fronts import FRONTS, Front
from filterbank.pools import Proportion
from filterbank.representation import _SignalTransformer
from filterbank.signals import Signals

__all__ = ["Patterns", "Views"]

Fold = tuple[np.ndarray, np.ndarray]

WEIGHTS = ("features", "views")
"""What has one vote: each feature, so that large views count more, or each view."""


class Patterns(_SignalTransformer):
    """How often each of 84 short patterns of low and high occurs, at every dilation that fits: series to features.

    The kernels of MiniRocket [1]_: nine taps, six of -1 and three of 2, spread by 1, 2, 4 and so on samples; the
    features are the shares of positions at which a response lies above thresholds, which are quantiles of responses
    to the training signals. Signals may be of unequal length; they go on with zeros.

    Parameters
    ----------
    n_thresholds : int
        Thresholds of each response, at evenly spaced quantiles.
    max_samples : int
        Responses to learn each threshold from.
    random_state : int, RandomState instance or None
        For which responses those are.
    n_jobs : int, optional
        Threads.

    Attributes
    ----------
    dilations_ : tuple of int
        Powers of two up to (longest training signal - 1) / 8.
    banks_, pools_ : list
        Prepared and fitted, one a dilation.
    feature_table_ : DataFrame
        A row a feature.

    References
    ----------
    .. [1] A. Dempster, D. F. Schmidt, G. I. Webb, MiniRocket: a very fast (almost) deterministic transform for time
       series classification, KDD (2021) 248-257.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(5, 40))
    >>> Patterns(n_thresholds=2).fit_transform(X).shape  # 84 patterns, dilations 1, 2, 4
    (5, 504)
    """

    learns = True

    def __init__(
        self, n_thresholds: int = 10, *, max_samples: int = 2000, random_state: Any = 0, n_jobs: int | None = None
    ) -> None:
        self.n_thresholds = n_thresholds
        self.max_samples = max_samples
        self.random_state = random_state
        self.n_jobs = n_jobs

    @property
    def _n_axes(self) -> int:
        return 1

    def fit(self, X: Any, y: Any = None) -> Self:
        """Take the dilations that fit the training signals, and learn the thresholds.

        Parameters
        ----------
        X : array, list of array, or Signals
        y : ignored
        """
        if not (isinstance(self.n_thresholds, (int, np.integer)) and self.n_thresholds >= 1):
            raise invalid("n_thresholds", self.n_thresholds, "an integer of at least 1")
        if self.max_samples < 1:
            raise invalid("max_samples", self.max_samples, "a positive number")
        signals = self._validate(X, reset=True)
        longest = max(signals.axes(i)[0] for i in range(len(signals)))
        self.dilations_ = tuple(2**k for k in range(max(1, ((longest - 1) // 8).bit_length())))
        levels = tuple(((np.arange(self.n_thresholds) + 0.5) / self.n_thresholds).tolist())
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31 - 1))
        self.banks_, self.pools_, self._feature_rows = [], [], []
        for dilation in self.dilations_:
            kernels, rows = pattern_kernels([dilation])
            bank = FilterBank(kernels, names=[row["kernel"] for row in rows], metadata=rows)
            self.banks_.append(bank.prepare(signals.info, rng))
            drawn = _drawn(_padded(signals, 4 * dilation), dilation, self.max_samples, rng)
            taps = np.stack([kernel[::-dilation] for kernel in kernels])
            samples = np.einsum("csj,kj->sck", drawn, taps).reshape(drawn.shape[1], -1)
            self.pools_.append(Proportion(quantiles=levels).fit(samples, rng))
            self._feature_rows += self.pools_[-1].feature_table(self.banks_[-1].response_table(), 1)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the shares, (signal, feature).

        Parameters
        ----------
        X : array, list of array, or Signals
        """
        check_is_fitted(self)
        signals = self._validate(X, reset=False)
        parts = [
            fold(bank, pool, _padded(signals, 4 * dilation), n_jobs=self.n_jobs)
            for dilation, bank, pool in zip(self.dilations_, self.banks_, self.pools_)
        ]
        return np.concatenate(parts, axis=1)


def _drawn(signals: Signals, dilation: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """What a kernel of nine taps sees at random positions, as many in each signal, (channel, sample, tap)."""
    chosen = np.arange(len(signals))
    if len(chosen) > n:
        chosen = np.sort(rng.choice(len(signals), n, replace=False))
    each = max(1, n // len(chosen))
    seen = []
    for i in chosen.tolist():
        signal = signals[i]
        check_signal(signal, i, signals.n_channels)
        start = rng.integers(signal.shape[1] - 8 * dilation, size=each)
        seen.append(signal[:, start[:, None] + dilation * np.arange(9)])
    return np.concatenate(seen, axis=1).astype(np.float64)


def _padded(signals: Signals, room: int) -> Signals:
    """Signals with zeros at both ends: for plenty of short signals quicker than to let the bank pad each block."""

    def pad(signal: np.ndarray) -> np.ndarray:
        out = np.zeros((signal.shape[0], signal.shape[1] + 2 * room), dtype=signal.dtype)
        out[:, room:-room] = signal
        return out if len(out) > 1 else out[0]

    if not signals.in_memory:
        return signals.map(pad)
    return Signals([pad(signal) for signal in signals], n_axes=1, rate=signals.rate)


@dataclass
class _Tried:
    """One front: the fitted views, what scales their features, and the products of signals under each weighting."""

    views: list[Any]
    means: list[np.ndarray]
    scales: list[np.ndarray]
    products: dict[str, np.ndarray]


class Views(TransformerMixin, BaseEstimator):
    """Features of several representations of one front of the signals, weighted so that a ridge penalty of 1 is right.

    The front, the weights of the views and the ridge penalty are those with the highest accuracy of a ridge
    classifier [1]_ on inner folds, which use the training signals and their labels alone. The features are
    standardised and weighted so that a ridge classifier with ``alpha=1``, or a linear least-squares support vector
    machine with ``C=1``, has the chosen penalty: they need no further scaler.

    Parameters
    ----------
    views : sequence of (str, transformer)
        From signals to features. Views whose names agree up to the first dot share a vote.
    fronts : sequence of str
        Of `filterbank.fronts.FRONTS`. One only: nothing is to choose.
    weights : sequence of {"features", "views"}
        What may have one vote: each feature, so that a view counts as its number of features, or each view.
    penalties : sequence of float
        Ridge penalties, where the signals' mean squared length is 1.
    cv : int, splitter or iterable of (train, test), optional
        Inner folds; default: five stratified ones. Overlapping windows and groups want a splitter that keeps them
        apart: `TimeBlocks`, GroupKFold.
    random_state : int, optional
        For the default folds.
    n_jobs : int, optional
        Threads, one a front.

    Attributes
    ----------
    front_, weights_, penalty_
        What was chosen.
    choices_ : DataFrame
        `front`, `weights`, `penalty` (the best there) and `accuracy` on the inner folds, in the order they were tried.
    views_ : list of (str, transformer)
        Fitted behind the chosen front.
    feature_table_ : DataFrame
        A row a feature: what the view knows of it, `view`, and `front`.

    Notes
    -----
    Of equal accuracies the smaller squared error decides, then the order given. Cost for n training signals with p
    features in all: each view once a front, n ** 2 p a front, and n ** 3 for each front, weighting, penalty and inner
    fold.

    References
    ----------
    .. [1] R. Rifkin, G. Yeo, T. Poggio, Regularized least-squares classification, Nato Science Series 190 (2003)
       131-154.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank.recipes import gabor, summary
    >>> rng = np.random.default_rng(0)
    >>> X, y = np.exp(rng.normal(size=(40, 64)) + np.repeat([[0], [1]], 20, axis=0)), np.repeat([0, 1], 20)
    >>> views = Views([("samples", summary()), ("gabor", gabor())], fronts=["none", "log"]).fit(X, y)
    >>> views.front_, views.transform(X).shape
    ('log', (40, 25))
    """

    learns = True
    scales = True
    """Says that the features are scaled already, and that a further scaler would undo their weights."""

    def __init__(
        self,
        views: Sequence[tuple[str, Any]],
        *,
        fronts: Sequence[str] = tuple(FRONTS),
        weights: Sequence[str] = WEIGHTS,
        penalties: Sequence[float] = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0),
        cv: Any = None,
        random_state: int | None = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.views = views
        self.fronts = fronts
        self.weights = weights
        self.penalties = penalties
        self.cv = cv
        self.random_state = random_state
        self.n_jobs = n_jobs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.three_d_array = True
        return tags

    def fit(self, X: Any, y: Any = None, *, groups: Any = None, folds: Sequence[Fold] | None = None) -> Self:
        """Choose on inner folds, then keep what was chosen, fitted on all training signals.

        Parameters
        ----------
        X : array, list of array, or Signals
        y : array, (signal,)
            Labels.
        groups : optional
            Passed to the splitter `cv`.
        folds : sequence of (train, test), optional
            Inner folds, in place of `cv`.

        Raises
        ------
        InputError
            If a parameter makes no sense, or labels don't fit the signals.
        """
        self._check()
        signals = Signals.wrap(X, n_axes=None if isinstance(X, Signals) else 1)
        if y is None:
            raise InputError("Views choose by labels, and y=None. This estimator requires y to be passed.")
        labels = np.asarray(y)
        if labels.shape != (len(signals),):
            raise InputError(
                f"y has shape {labels.shape}; it must be one label for each of the {len(signals)} signals."
            )
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(f"y has one class, {self.classes_.tolist()[0]!r}: nothing can be told apart.")
        inner = self._folds(labels, codes, groups) if folds is None else list(folds)
        targets = 2.0 * np.eye(len(self.classes_))[codes] - 1
        best: tuple[tuple[float, float], _Tried, str, str, float] | None = None
        rows: list[dict[str, Any]] = []
        all_tried = Parallel(n_jobs=self.n_jobs, require="sharedmem", return_as="generator")(
            delayed(self._try)(front, signals, labels) for front in self.fronts
        )
        for front, tried in zip(self.fronts, all_tried):
            for name in self.weights:
                penalty, accuracy, error = self._penalty(tried.products[name], targets, inner)
                rows.append({"front": front, "weights": name, "penalty": penalty, "accuracy": accuracy})
                if best is None or (accuracy, -error) > best[0]:
                    best = (accuracy, -error), tried, front, name, penalty
        assert best is not None  # there is a front and a weighting
        _, kept, self.front_, self.weights_, self.penalty_ = best
        self._choices = rows
        self.views_ = [(name, view) for (name, _), view in zip(self.views, kept.views)]
        self._keep(kept)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the weighted features, (signal, feature).

        Parameters
        ----------
        X : array, list of array, or Signals
        """
        check_is_fitted(self)
        signals = Front(self.front_).transform(Signals.wrap(X, n_axes=None if isinstance(X, Signals) else 1))
        values = np.concatenate([np.asarray(view.transform(signals)) for _, view in self.views_], axis=1)
        return (values - self.mean_) * self.factor_

    @property
    def choices_(self) -> pd.DataFrame:
        """What was tried, and how well it did on the inner folds."""
        check_is_fitted(self)
        return pd.DataFrame(self._choices)  # kept as plain values, which a saved model may hold

    @property
    def feature_table_(self) -> pd.DataFrame:
        """A row a feature."""
        check_is_fitted(self)
        tables = []
        for name, view in self.views_:
            table = _table_of(view, name)
            table["feature"] = [f"{name}.{feature}" for feature in table["feature"]]
            tables.append(table.assign(view=name, front=self.front_))
        return pd.concat(tables, ignore_index=True)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the features' names, (feature,) of str.

        Parameters
        ----------
        input_features : ignored
        """
        return self.feature_table_["feature"].to_numpy(dtype=object)

    def _check(self) -> None:
        if not len(self.views) or len({name for name, _ in self.views}) != len(self.views):
            raise invalid("views", self.views, "a sequence of at least one (name, transformer), with different names")
        for name, given, allowed in (("fronts", self.fronts, tuple(FRONTS)), ("weights", self.weights, WEIGHTS)):
            if isinstance(given, str) or not len(given) or not set(given) <= set(allowed):
                raise invalid(name, given, f"a sequence of at least one of {', '.join(allowed)}")
        if not len(self.penalties) or not all(np.isfinite(p) and p > 0 for p in self.penalties):
            raise invalid("penalties", self.penalties, "a sequence of at least one number above 0")

    def _folds(self, labels: np.ndarray, codes: np.ndarray, groups: Any) -> list[Fold]:
        place = np.zeros((len(labels), 1))
        if self.cv is not None:
            return list(check_cv(self.cv, labels, classifier=True).split(place, labels, groups))
        n_folds = int(min(5, np.bincount(codes).max()))
        if n_folds < 2:
            return []
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            splitter = StratifiedKFold(n_folds, shuffle=True, random_state=self.random_state)
            return list(splitter.split(place, codes))

    def _votes(self, widths: Sequence[int]) -> dict[str, list[float]]:
        """The weight of each view's features under each weighting, of 1 in all over features."""
        kinds = [name.partition(".")[0] for name, _ in self.views]
        of_kind: Counter[str] = Counter()
        for kind, width in zip(kinds, widths):
            of_kind[kind] += width
        return {
            "features": [1 / sum(widths)] * len(widths),
            "views": [1 / (len(of_kind) * of_kind[kind]) for kind in kinds],
        }

    def _try(self, front: str, signals: Signals, labels: np.ndarray) -> _Tried:
        """Fit all views on signals behind one front."""
        seen = Front(front).fit_transform(signals)
        fitted, means, scales, products = [], [], [], []
        for name, view in self.views:
            one = clone(view)
            values = np.asarray(one.fit_transform(seen, labels), dtype=np.float64)
            bad = np.argwhere(~np.isfinite(values))
            if len(bad):
                i, j = (int(v) for v in bad[0])
                raise InputError(f"view {name!r} gave the value {values[i, j]} for feature {j} of signal {i}.")
            mean, spread = values.mean(axis=0), values.std(axis=0)
            spread[spread <= 1e-12 * np.abs(mean)] = np.inf  # constant, of no use
            values -= mean
            values /= spread
            products.append(values @ values.T)
            fitted.append(one)
            means.append(mean)
            scales.append(spread)
        votes = self._votes([len(mean) for mean in means])
        summed = {name: np.einsum("v,vij->ij", votes[name], np.stack(products)) for name in self.weights}
        return _Tried(fitted, means, scales, summed)

    def _penalty(self, product: np.ndarray, targets: np.ndarray, folds: Sequence[Fold]) -> tuple[float, float, float]:
        """The best penalty, its accuracy on the folds, and its squared error; ties go to the larger penalty."""
        length = _length(product)
        penalties = sorted(map(float, self.penalties), reverse=True)
        if not folds or len(penalties) == 1 == len(self.fronts) == len(self.weights):
            return penalties[len(penalties) // 2], np.nan, np.nan
        right, wrong = np.zeros(len(penalties)), np.zeros(len(penalties))
        true = targets.argmax(axis=1)
        for train, test in folds:
            inside = product[np.ix_(train, train)]
            across = product[np.ix_(test, train)]
            mean = targets[train].mean(axis=0)
            for i, penalty in enumerate(penalties):
                normal = inside.copy()
                normal[np.diag_indices_from(normal)] += penalty * length
                factor = cho_factor(normal, overwrite_a=True, check_finite=False)
                found = across @ cho_solve(factor, targets[train] - mean, check_finite=False) + mean
                right[i] += (found.argmax(axis=1) == true[test]).sum()
                wrong[i] += ((found - targets[test]) ** 2).sum()
        n_tested = sum(len(test) for _, test in folds)
        best = max(range(len(penalties)), key=lambda i: (right[i], -wrong[i]))
        return penalties[best], float(right[best] / n_tested), float(wrong[best] / n_tested)

    def _keep(self, kept: _Tried) -> None:
        """Fold standardising, the views' weights and the penalty into one factor a feature."""
        votes = self._votes([len(mean) for mean in kept.means])[self.weights_]
        length = _length(kept.products[self.weights_])
        self.mean_ = np.concatenate(kept.means)
        self.factor_ = np.concatenate(
            [np.sqrt(vote / (length * self.penalty_)) / scale for vote, scale in zip(votes, kept.scales)]
        )


def _length(product: np.ndarray) -> float:
    """The mean squared length of the signals, above 0."""
    return max(float(np.trace(product)) / len(product), float(np.finfo(np.float64).tiny))


def _table_of(view: Any, name: str) -> pd.DataFrame:
    """A view's own table of features; of a pipeline that of its last step."""
    last = view.steps[-1][1] if hasattr(view, "steps") else view
    if hasattr(last, "feature_table_"):
        return last.feature_table_.copy()
    return pd.DataFrame({"feature": [str(feature) for feature in view.get_feature_names_out()]})
