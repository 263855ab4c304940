"""What pools share that take all responses at a position as one descriptor: sums, principal axes, and k-means."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from filterbank.errors import InputError, invalid
from filterbank.kernels.words import centre_rows, pick_words
from filterbank.pools.base import State, real_responses

__all__ = ["Joint", "WordScores", "chunks", "learn_words", "one_thread", "principal_axes"]

CHUNK = 4096
"""Descriptors that are coded at a time: what bounds memory, whatever the size of a block."""

AT_ONCE = 256
"""Of which the products with words are summed up at a time, and looked at while they are in the cache."""

MINI_BATCH_FROM = 30_000
"""Samples from which k-means looks at a part of them at a time."""


class Joint(BaseEstimator):
    """The base of pools with a codebook: all responses at a position are one descriptor, and states are sums.

    A subclass gives `fit`, `init`, `_sums` and `_words` (of some descriptors), `finish` and `feature_table`.
    """

    exact = False
    joint = True
    learns = True

    def take(self, index: np.ndarray) -> Self:
        """Return itself: a descriptor is not taken apart."""
        return self

    def within(self, axes: Sequence[int]) -> Self:
        """Return itself: the extent of the signal makes no difference."""
        return self

    def init(self, n_responses: int, n_axes: int) -> State:
        """Return the state of having seen nothing."""
        raise NotImplementedError

    def _sums(self, descriptors: np.ndarray) -> State:
        """The sums over descriptors, (descriptor, response)."""
        raise NotImplementedError

    def _words(self, descriptors: np.ndarray) -> np.ndarray:
        """The word of each descriptor."""
        raise NotImplementedError

    def assigned(self, responses: np.ndarray) -> np.ndarray:
        """Return the word to which each position belongs: the nearest one, or the most probable.

        Parameters
        ----------
        responses : array, (response, *positions)

        Returns
        -------
        array of int, (*positions)
        """
        words = [self._words(descriptors) for descriptors in chunks(responses)]
        return np.concatenate(words).reshape(responses.shape[1:])

    def update(self, state: State, responses: np.ndarray, where: tuple[np.ndarray, ...]) -> State:
        """Add responses `(response, *positions)`."""
        for descriptors in chunks(responses):
            state = self.merge(state, self._sums(descriptors))
        return state

    def merge(self, first: State, second: State) -> State:
        """Return the state of having seen both."""
        return {name: first[name] + second[name] for name in first}

    def join(self, states: Sequence[State], order: np.ndarray) -> State:
        """Return the one state that there is."""
        (state,) = states
        return state

    def _checked(self, samples: np.ndarray, n_words: Any) -> np.ndarray:
        """The samples, if so many words can be learned from them."""
        if not isinstance(n_words, (int, np.integer)) or n_words < 1:
            raise invalid("n_words", n_words, "a whole number, 1 or more")
        if len(samples) < n_words:
            raise _too_many(n_words, len(samples), "number of descriptors")
        return real_responses(samples)


def _too_many(n_words: Any, n: int, what: str) -> InputError:
    return invalid(
        "n_words",
        n_words,
        f"at most {n}, the {what} to learn from",
        do="Lower it, give more or larger signals, or raise max_samples.",
    )


def chunks(responses: np.ndarray) -> Iterator[np.ndarray]:
    """Yield responses `(response, *positions)` as descriptors `(descriptor, response)`, some at a time."""
    descriptors = real_responses(responses).T
    for start in range(0, len(descriptors), CHUNK):
        yield np.ascontiguousarray(descriptors[start : start + CHUNK])


def one_thread() -> Any:
    """Return the context in which sums have one order, so that what is learned doesn't depend on threads."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


def principal_axes(samples: np.ndarray, n: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean (response,) and the first `n` principal axes (response, component) of samples, in float64.

    With None, the axes are the responses themselves.
    """
    mean = samples.mean(axis=0, dtype=np.float64)
    n_responses = len(mean)
    if n is None:
        return mean, np.eye(n_responses)
    if not isinstance(n, (int, np.integer)) or not 1 <= n <= n_responses:
        raise invalid("n_components", n, f"None, or a whole number from 1 to {n_responses}, the number of responses")
    centred = samples - mean
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :n]
    weights = axes[np.abs(axes).argmax(axis=0), np.arange(n)]  # the sign is free: the largest weight is made positive
    return mean, axes * np.sign(weights)


def learn_words(samples: np.ndarray, n_words: int, rng: np.random.Generator) -> np.ndarray:
    """Return distinct codewords (word, component) by scikit-learn's k-means, of samples with a mean of about zero.

    Cost: linear in samples, words and components; from `MINI_BATCH_FROM` samples on, in batches.
    """
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning

    options: dict[str, Any] = {"n_clusters": int(n_words), "n_init": 1, "random_state": int(rng.integers(2**31 - 1))}
    if len(samples) < MINI_BATCH_FROM:
        kmeans = KMeans(**options, max_iter=100)
    else:
        kmeans = MiniBatchKMeans(**options, batch_size=CHUNK)
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of equal words, which are looked for below
        words = kmeans.fit(samples).cluster_centers_
    distinct = len(np.unique(words, axis=0))
    if distinct < n_words:
        raise _too_many(n_words, distinct, "number of different descriptors")
    return words


class WordScores:
    """How near each word is to descriptors: `x . w - |w|^2 / 2`, which is largest for the nearest word.

    Parameters
    ----------
    mean : array, (response,)
    axes : array, (response, component)
    words : array, (word, component)
        In the coordinates `(x - mean) @ axes`.
    """

    def __init__(self, mean: np.ndarray, axes: np.ndarray, words: np.ndarray) -> None:
        self.mean = mean
        self.weights = np.ascontiguousarray((axes @ words.T.astype(np.float64)).T)  # (word, response)
        self.bias = -0.5 * (words.astype(np.float64) ** 2).sum(axis=1)
        self._kept: dict[str, tuple[np.ndarray, ...]] = {}

    def _typed(self, dtype: np.dtype) -> tuple[np.ndarray, ...]:
        kept = self._kept.get(str(dtype))
        if kept is None:
            kept = self.mean.astype(dtype), np.ascontiguousarray(self.weights.T).astype(dtype), self.bias.astype(dtype)
            self._kept[str(dtype)] = kept
        return kept

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_kept": {}}

    def scores(self, descriptors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the scores (descriptor, word), and the descriptors without the mean."""
        mean, weights, bias = self._typed(descriptors.dtype)
        centred = descriptors - mean
        scores = centred @ weights
        scores += bias
        return scores, centred

    def nearest(self, descriptors: np.ndarray) -> np.ndarray:
        """Return the nearest word of each descriptor; of equally near ones, the first.

        Products of matrices round otherwise with the number of rows. Where words are equally near within rounding,
        their scores are therefore summed again in a fixed order, so that a word doesn't depend on how a signal was cut.
        """
        mean, weights, bias = self._typed(descriptors.dtype)
        descriptors = np.ascontiguousarray(descriptors)
        n, n_words = len(descriptors), len(bias)
        largest = np.sqrt(np.einsum("ij,ij->j", weights, weights).max())
        rounding = 2 * (len(weights) + 2) * np.finfo(descriptors.dtype).eps * np.array([largest, np.abs(bias).max()])
        found, sure = np.empty(n, np.int64), np.empty(n, bool)
        centred = np.empty((min(n, AT_ONCE), len(mean)), descriptors.dtype)
        squares, by_word = np.empty(len(centred), descriptors.dtype), self.weights.astype(descriptors.dtype, copy=False)
        room = np.empty(n_words * len(centred), descriptors.dtype)
        for start in range(0, n, AT_ONCE):
            own = descriptors[start : start + AT_ONCE]
            there = slice(len(own))
            centre_rows(own, mean, centred[there], squares[there])
            scores = np.matmul(by_word, centred[there].T, out=room[: n_words * len(own)].reshape(n_words, -1))
            part, known = found[start : start + AT_ONCE], sure[start : start + AT_ONCE]
            pick_words(scores, bias, squares[there], rounding.astype(scores.dtype), part, known)
            unsure = np.flatnonzero(~known)
            if len(unsure):
                near = scores[:, unsure].T + bias
                part[unsure] = self._nearest_exactly(centred[unsure], near, squares[unsure], rounding)
        return found

    def _nearest_exactly(
        self, centred: np.ndarray, scores: np.ndarray, squares: np.ndarray, rounding: np.ndarray
    ) -> np.ndarray:
        """The nearest of the words that may be it, by scores in double precision that are summed in a fixed order."""
        limit = scores.max(axis=1) - (rounding[0] * np.sqrt(squares) + rounding[1])
        row, word = np.nonzero(scores >= limit[:, np.newaxis])
        exact = np.full(scores.shape, -np.inf)
        exact[row, word] = (centred[row].astype(np.float64) * self.weights[word]).sum(axis=1) + self.bias[word]
        return exact.argmax(axis=1)
