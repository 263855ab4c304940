"""Representation and WholeSignal: signals to features, as scikit-learn transformers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from filterbank.banks import Bank
from filterbank.engine import check_signal, explain_plan, fold, places, sample_responses
from filterbank.errors import InputError, invalid
from filterbank.kernels import find_device
from filterbank.pools import Pool
from filterbank.signals import Signals, as_signal, is_tensor

__all__ = ["Explanation", "Representation", "WholeSignal"]


class _SignalTransformer(TransformerMixin, BaseEstimator):
    """What both transformers share: which signals they take, and how features are named."""

    _feature_rows: list[dict[str, Any]]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = self._n_axes == 1
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _n_axes(self) -> int:
        raise NotImplementedError

    def _validate(self, X: Any, *, reset: bool, looked_at_later: bool = False) -> Signals:
        """Return X as Signals; a plain array has one fixed shape, which is remembered and checked.

        To fit, a plain array is looked through for NaN, unless that is done later, as it always is to transform.
        """
        n_axes = self._n_axes
        ragged = isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1 and np.ndim(X[:1].tolist()) != 1
        tensor = is_tensor(X)
        held = isinstance(X, (list, Signals)) or ragged or (isinstance(X, Sequence) and not isinstance(X, (str, bytes)))
        if held:
            signals = Signals.wrap(X, n_axes=n_axes)
        elif n_axes == 1 and getattr(X, "ndim", 2) <= 2:
            checks: dict[str, Any] = {"skip_check_array": True}
            if not tensor:
                checks = {"dtype": [np.float64, np.float32], "ensure_all_finite": reset and not looked_at_later}
            array = validate_data(self, X, reset=reset, **checks)
            signals = Signals.wrap(array, n_axes=1)
        else:
            array = X if tensor else np.asarray(X)
            signals, shape = Signals.wrap(array, n_axes=n_axes), tuple(array.shape[1:])
            if reset:
                self.signal_shape_ = shape
            elif getattr(self, "signal_shape_", shape) != shape:
                raise InputError(
                    f"X holds signals of shape {shape}, and {type(self).__name__} was fitted on "
                    f"{self.signal_shape_}. Pass a list, or Signals, if signals may differ in size."
                )
        if not len(signals):
            raise InputError("X holds no signals (0 samples); a minimum of 1 is required.")
        if reset:
            self.n_channels_in_ = signals.n_channels
            self.rate_ = signals.rate
        else:
            if signals.rate != self.rate_ and held and None not in (signals.rate, self.rate_):
                raise InputError(
                    f"rate={signals.rate:g} is not the {self.rate_:g} samples/second that {type(self).__name__} was "
                    "fitted with. Read the signals with that rate."
                )
        return signals

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit, then transform the same signals.

        Parameters
        ----------
        X : array, list of array, or Signals
        y : ignored

        Returns
        -------
        array, (signal, feature)
        """
        if isinstance(X, list):
            X = Signals.wrap(X, n_axes=self._n_axes)  # looked at once
        return super().fit_transform(X, y)

    @property
    def feature_table_(self) -> pd.DataFrame:
        """A row a feature: its name in `feature`, and what is known of it."""
        check_is_fitted(self)
        return pd.DataFrame(self._feature_rows)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the features' names, (feature,) of str.

        Parameters
        ----------
        input_features : ignored
            Checked against the names of the columns that were fitted, as scikit-learn wants it.
        """
        check_is_fitted(self)
        if hasattr(self, "n_features_in_"):
            _check_feature_names_in(self, input_features)
        return np.array([row["feature"] for row in self._feature_rows], dtype=object)


@dataclass(frozen=True)
class Explanation:
    """Where in a signal a feature came from.

    Parameters
    ----------
    feature : str
    where : tuple of array
        For each axis, the samples of the signal at which the bank answered.
    response : array, (*positions)
        The response that was pooled into the feature.
    """

    feature: str
    where: tuple[np.ndarray, ...]
    response: np.ndarray


class Representation(_SignalTransformer):
    """Signals to features: a bank's responses at every position, pooled.

    Parameters
    ----------
    bank : Bank
        Such as `FilterBank`, `GaborBank` or `GaussianBank`.
    pool : Pool
        Such as `Moments` or `Proportion`.
    device : str or torch.device
        "cpu", or where torch is to fold the signals: "cuda", or "cuda:0" with the GPU's number. Signals that are all
        torch tensors are folded by torch where they lie, so they needn't leave their device; the features are a numpy
        array in any case. See `fold`.
    n_jobs : int, optional
        Threads. The features don't depend on it.
    block_size : int or sequence of int, optional
        Positions of a block along each axis; None chooses. It bounds memory, and the features don't depend on it.
    method : {"auto", "direct", "fft", "separable", "plain"}
        How responses are evaluated; "auto" chooses by size, and `explain_plan` says what and why. Exact pools are exact
        with "auto", "direct" and "plain", but not where torch folds: there a position may be counted on the other side
        of a threshold, or another maximum be found, if responses lie within rounding of it.
    max_samples : int
        Responses that a pool which learns may learn from.
    random_state : int, RandomState instance or None
        For what is drawn at random: responses to learn from.

    Attributes
    ----------
    bank_, pool_
        Designed and fitted copies.
    feature_table_ : DataFrame
        A row a feature: `feature` (its name), `response`, `channel`, `kernel`, `frequency` with its `unit`, `sigma`,
        `orientation`, `statistic`, as far as they apply.
    n_channels_in_ : int
    rate_ : float or None

    Notes
    -----
    A plain array means one fixed shape: 2-D is a batch of 1-D signals, `(signal, sample)`; with channels or more axes,
    `(signal, channel, *axes)` or `(signal, *axes)`. A list, or `Signals`, may hold signals of unequal size.
    Cost: linear in the number of samples, of filters, and (or the logarithm of) their length; memory, one block's
    responses a thread.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import GaborBank, Moments, Representation
    >>> X = np.random.default_rng(0).normal(size=(5, 100))
    >>> Representation(GaborBank(n_frequencies=3), Moments(["mean", "std"])).fit_transform(X).shape
    (5, 6)
    """

    def __init__(
        self,
        bank: Bank,
        pool: Pool,
        *,
        device: Any = "cpu",
        n_jobs: int | None = None,
        block_size: int | Sequence[int] | None = None,
        method: str = "auto",
        max_samples: int = 20_000,
        random_state: Any = None,
    ) -> None:
        self.bank = bank
        self.pool = pool
        self.device = device
        self.n_jobs = n_jobs
        self.block_size = block_size
        self.method = method
        self.max_samples = max_samples
        self.random_state = random_state

    @property
    def _n_axes(self) -> int:
        return self.bank.n_axes

    @property
    def learns(self) -> bool:
        """Whether fitting learns from the signals, so that it must happen inside each fold of a validation."""
        return self.pool.learns

    def fit(self, X: Any, y: Any = None) -> Self:
        """Design the bank for the signals' channels and rate, and fit the pool on sampled responses if it learns.

        Parameters
        ----------
        X : array, list of array, or Signals
        y : ignored

        Returns
        -------
        Representation
            Itself.
        """
        return self._fit(self._validate(X, reset=True))

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit, then transform the same signals, which are looked at once.

        Parameters
        ----------
        X : array, list of array, or Signals
        y : ignored

        Returns
        -------
        array, (signal, feature)
        """
        signals = self._validate(X, reset=True, looked_at_later=True)
        return self._fit(signals)._fold(signals)

    def _fit(self, signals: Signals) -> Self:
        if self.max_samples < 1:
            raise invalid("max_samples", self.max_samples, "a positive number")
        find_device(self.device)
        seed = check_random_state(self.random_state).randint(2**31 - 1) if self.learns else 0
        rng = np.random.default_rng(seed)
        self.bank_ = self.bank.prepare(signals.info, rng)
        responses = self.bank_.response_table()
        if self.learns:
            samples = sample_responses(self.bank_, self.pool, signals, max_samples=self.max_samples, rng=rng)
        else:
            samples = np.empty((0, len(responses)))
            self.bank_.geometry.check(signals.axes(0))  # what can be told now is told now
        self.pool_ = self.pool.fit(samples, rng)
        self._feature_rows = self.pool_.feature_table(responses, signals.n_axes)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the features.

        Parameters
        ----------
        X : array, list of array, or Signals

        Returns
        -------
        array, (signal, feature)
            float32 if every signal is, else float64. A DataFrame after `set_output`.
        """
        if not hasattr(self, "pool_"):
            check_is_fitted(self)
        return self._fold(self._validate(X, reset=False))

    def _fold(self, signals: Signals) -> np.ndarray:
        return fold(
            self.bank_,
            self.pool_,
            signals,
            n_jobs=self.n_jobs,
            block_size=self.block_size,
            method=self.method,
            device=self.device,
        )

    def explain_plan(self, X: Any) -> pd.DataFrame:
        """Say how the features of signals would be evaluated, and why.

        Parameters
        ----------
        X : array, list of array, or Signals

        Returns
        -------
        DataFrame
            A row for each method that is taken: `method`, `signals`, `why`, `vectors`.

        Examples
        --------
        >>> import numpy as np
        >>> from filterbank import GaborBank, Moments, Representation
        >>> X = [np.zeros(50), np.zeros(100_000)]
        >>> plan = Representation(GaborBank(n_frequencies=4), Moments()).fit(X).explain_plan(X)
        >>> plan[["method", "signals"]].to_dict("list")
        {'method': ['direct', 'fft'], 'signals': [1, 1]}
        """
        check_is_fitted(self)
        signals = self._validate(X, reset=False)
        return pd.DataFrame(explain_plan(self.bank_, self.pool_, signals, method=self.method, device=self.device))

    def explain(self, signal: np.ndarray, feature: str) -> Explanation:
        """Return where in a signal a feature came from.

        Parameters
        ----------
        signal : array, (*axes) or (channel, *axes)
        feature : str
            One of `get_feature_names_out`.

        Returns
        -------
        Explanation
            Of a feature of a codebook, the response is 1 where the position belongs to its word, and 0 elsewhere.

        Raises
        ------
        InputError
            If there is no such feature, or it comes from several banks, which have no common positions.

        Examples
        --------
        >>> import numpy as np
        >>> from filterbank import FilterBank, Moments, Representation
        >>> X = np.array([[0.0, 1, 5, 1, 0]])
        >>> representation = Representation(FilterBank([np.ones(3)], names=["sum"]), Moments(["max"])).fit(X)
        >>> found = representation.explain(X[0], "sum.max")
        >>> found.where[0], found.response
        (array([1, 2, 3]), array([6., 7., 6.]))
        """
        check_is_fitted(self)
        names = self.feature_table_["feature"]
        if feature not in set(names):
            raise invalid("feature", feature, "a feature's name", do="See get_feature_names_out().")
        row = self.feature_table_[names == feature].iloc[0]
        word = row.get("word")
        assigned: Any = getattr(self.pool_, "assigned", None)
        responses = [one["response"] for one in self.bank_.response_table()]
        wanted = 0 if word is not None else responses.index(row["response"])
        parts = [(part, index) for part, index in self.bank_.parts(joint=self.pool_.joint) if wanted in index]
        if len(parts) > 1:
            raise InputError(
                f"feature={feature!r} comes from {len(parts)} banks, which have no common positions. "
                "Make a Representation of one of them to see its positions."
            )
        array = as_signal(signal, self._n_axes)
        check_signal(array, 0, self.n_channels_in_)
        ((part, index),) = parts
        geometry = part.geometry
        geometry.check(array.shape[1:])
        counts = geometry.positions(array.shape[1:])
        out = np.empty(counts)
        for origin, block in geometry.blocks(array, block_size=self.block_size):
            found = part(block, exact=self.pool_.exact)
            response = found[list(index).index(wanted)] if word is None else assigned(found) == word
            out[tuple(slice(o, o + n) for o, n in zip(origin, response.shape))] = response
        return Explanation(feature, places(geometry, (0,) * geometry.n_axes, counts), out)


class WholeSignal(_SignalTransformer):
    """Signals to features by a function of the whole signal: what can't be evaluated block by block.

    Parameters
    ----------
    function : callable
        `function(signal, **parameters)` with the signal as `(channel, *axes)`, returning numbers, (feature,). If it has
        an argument `rate`, it gets the signals' rate (or None). It must be importable for models to be saved.
    names : sequence of str or callable, optional
        The features' names; or `names(n_channels, rate, **parameters)`, returning names or rows (mappings with at least
        `feature`) for `feature_table_`. Numbered if not given.
    n_axes : {1, 2, 3}
    parameters : mapping, optional
        Further keyword arguments of both functions.
    n_jobs : int, optional
        Threads.

    Attributes
    ----------
    feature_table_ : DataFrame
        A row a feature.

    Examples
    --------
    >>> import numpy as np
    >>> def span(signal):
    ...     return [signal.max() - signal.min()]
    >>> WholeSignal(span, ["span"]).fit_transform([np.arange(3.0), np.arange(9.0)])
    array([[2.],
           [8.]])
    """

    learns = False

    def __init__(
        self,
        function: Callable[..., Any],
        names: Sequence[str] | Callable[..., Any] | None = None,
        *,
        n_axes: int = 1,
        parameters: Mapping[str, Any] | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.function = function
        self.names = names
        self.n_axes = n_axes
        self.parameters = parameters
        self.n_jobs = n_jobs

    @property
    def _n_axes(self) -> int:
        return self.n_axes

    def fit(self, X: Any, y: Any = None) -> Self:
        """Name the features.

        Parameters
        ----------
        X : array, list of array, or Signals
        y : ignored

        Returns
        -------
        WholeSignal
            Itself.
        """
        signals = self._validate(X, reset=True)
        first = self._one(signals, 0)
        names: Any = self.names
        if callable(names):
            names = names(self.n_channels_in_, self.rate_, **(self.parameters or {}))
        if names is None:
            names = [f"feature{i}" for i in range(len(first))]
        rows = [dict(row) if isinstance(row, Mapping) else {"feature": str(row)} for row in names]
        if len(rows) != len(first):
            raise invalid("names", self.names, f"{len(first)} names, as many as the function returned numbers")
        self._feature_rows = rows
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the features.

        Parameters
        ----------
        X : array, list of array, or Signals

        Returns
        -------
        array, (signal, feature)
            float32 if every signal is, else float64.
        """
        check_is_fitted(self)
        signals = self._validate(X, reset=False)
        rows = Parallel(n_jobs=self.n_jobs, require="sharedmem")(
            delayed(self._one)(signals, i) for i in range(len(signals))
        )
        for i, row in enumerate(rows):
            if len(row) != len(self._feature_rows):
                raise InputError(
                    f"the function returned {len(row)} numbers for signal {i} and {len(self._feature_rows)} for the "
                    "first that was fitted. It must return as many for every signal."
                )
        return np.stack(rows)

    def _one(self, signals: Signals, i: int) -> np.ndarray:
        signal = signals[i]
        check_signal(signal, i, self.n_channels_in_)
        parameters = dict(self.parameters or {})
        if "rate" in inspect.signature(self.function).parameters:
            parameters.setdefault("rate", self.rate_)
        row = np.asarray(self.function(signal, **parameters))
        if row.ndim != 1:
            raise InputError(f"the function returned an array of shape {row.shape}; it must return (feature,).")
        return row.astype(signal.dtype)
