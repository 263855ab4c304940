"""Fisher vectors: in which direction a mixture of Gaussians would have to change to fit a signal's descriptors."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from filterbank.pools.base import State
from filterbank.pools.joint import Joint, learn_words, one_thread, principal_axes
from filterbank.pools.vlad import component_names

__all__ = ["FisherVector"]

SMALLEST_VARIANCE = 1e-3
"""Of a Gaussian along a component, relative to that of all samples."""

ROUNDS = 50
"""Of expectation and maximisation, at most: a codebook needs no more."""

NOTHING = 1e-6
"""Gradients below this are rounding, which the square root would raise to something."""


class FisherVector(Joint):
    """The gradient of the likelihood of a signal's descriptors under a mixture of Gaussians, normalised.

    The improved Fisher vector of Perronnin, Sanchez and Mensink (ECCV 2010): signed square roots, then unit length.
    For each Gaussian, the gradients by its mean and by its standard deviation (Sanchez, Perronnin, Mensink and Verbeek,
    Int. J. Computer Vision 105, 2013, eq. 17 and 18); that by its weight, which adds little, is left out.

    Parameters
    ----------
    n_words : int
        Gaussians of the mixture, with diagonal covariances.
    n_components : int, optional
        Principal components of the descriptors, at most their length; that many are kept where there are fewer. None:
        descriptors stay as they are.
    improved : bool
        False: the gradient itself, without square root and length.

    Attributes
    ----------
    mean_ : array, (response,)
    axes_ : array, (response, component)
        `(descriptor - mean_) @ axes_` are the components, of unit variance over the samples.
    weights_ : array, (word,)
    means_, covariances_ : array, (word, component)

    Notes
    -----
    Cost: two products of matrices a descriptor, of twice the components by the words; a few thousand descriptors at a
    time, so that memory is bounded. Learning is scikit-learn's `GaussianMixture`, started from its k-means. The square
    root magnifies rounding beside zero, so what agrees to rounding for any partition into blocks are the squares.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import FisherVector, GaussianBank, Representation
    >>> X = np.random.default_rng(0).normal(size=(4, 100))
    >>> fisher = Representation(GaussianBank(sigmas=[1, 2]), FisherVector(4, n_components=3), random_state=0)
    >>> fisher.fit_transform(X).shape
    (4, 24)
    """

    def __init__(self, n_words: int = 64, *, n_components: int | None = 64, improved: bool = True) -> None:
        self.n_words = n_words
        self.n_components = n_components
        self.improved = improved

    def fit(self, samples: np.ndarray, rng: np.random.Generator) -> Self:
        """Return a copy with a mixture learned from responses `(sample, response)`."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        samples = self._checked(samples, self.n_words)
        fitted = copy.copy(self)
        n = self.n_components
        if isinstance(n, (int, np.integer)):
            n = min(n, samples.shape[1])
        fitted.mean_, axes = principal_axes(samples, n)
        components = (samples - fitted.mean_) @ axes
        spread = components.std(axis=0)
        fitted.axes_ = axes / np.where(spread > 1e-7 * spread.max(), spread, spread.max() or 1.0)
        components = ((samples - fitted.mean_) @ fitted.axes_).astype(samples.dtype, copy=False)
        start = _hard_mixture(components, learn_words(components, self.n_words, rng))
        mixture = GaussianMixture(
            int(self.n_words),
            covariance_type="diag",
            reg_covar=SMALLEST_VARIANCE,
            max_iter=ROUNDS,
            init_params="random_from_data",  # not used: all is given
            random_state=0,
            **start,
        )
        with one_thread(), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # so many rounds are enough
            mixture.fit(components)
        fitted.weights_ = mixture.weights_.astype(np.float64)
        fitted.means_ = mixture.means_.astype(np.float64)
        fitted.covariances_ = mixture.covariances_.astype(np.float64)
        fitted._kept = {}
        return fitted

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__().copy()
        return state | ({"_kept": {}} if "_kept" in state else {})

    def _typed(self, dtype: np.dtype) -> tuple[np.ndarray, ...]:
        """The mean, the axes, and weights and bias of the log-density by components and their squares."""
        kept = self._kept.get(str(dtype))
        if kept is None:
            weights = np.concatenate([self.means_ / self.covariances_, -0.5 / self.covariances_], axis=1).T
            bias = np.log(np.maximum(self.weights_, 1e-300)) - 0.5 * (
                np.log(2 * np.pi * self.covariances_) + self.means_**2 / self.covariances_
            ).sum(axis=1)
            kept = tuple(np.ascontiguousarray(a, dtype=dtype) for a in (self.mean_, self.axes_, weights, bias))
            self._kept[str(dtype)] = kept
        return kept

    def _densities(self, descriptors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weighted log-densities (descriptor, word), and components and their squares (descriptor, 2 component)."""
        mean, axes, weights, bias = self._typed(descriptors.dtype)
        d = axes.shape[1]
        powers = np.empty((len(descriptors), 2 * d), dtype=descriptors.dtype)
        np.matmul(descriptors - mean, axes, out=powers[:, :d])
        np.square(powers[:, :d], out=powers[:, d:])
        densities = powers @ weights
        densities += bias
        return densities, powers

    def _words(self, descriptors: np.ndarray) -> np.ndarray:
        return self._densities(descriptors)[0].argmax(axis=1)

    def init(self, n_responses: int, n_axes: int) -> State:
        """Return the state of having seen nothing."""
        n_words, d = self.means_.shape
        return {"count": np.zeros(()), "share": np.zeros(n_words), "powers": np.zeros((n_words, 2 * d))}

    def _sums(self, descriptors: np.ndarray) -> State:
        shares, powers = self._densities(descriptors)
        shares -= shares.max(axis=1, keepdims=True)
        np.exp(shares, out=shares)
        shares /= shares.sum(axis=1, keepdims=True)
        return {
            "count": np.array(float(len(descriptors))),
            "share": shares.sum(axis=0, dtype=np.float64),
            "powers": (shares.T @ powers).astype(np.float64),
        }

    def finish(self, state: State) -> np.ndarray:
        """Return the gradients by the means, then by the standard deviations, word by word."""
        count = np.maximum(state["count"], 1.0)[..., np.newaxis, np.newaxis]
        share = state["share"][..., np.newaxis] / count
        first, second = np.split(state["powers"] / count, 2, axis=-1)
        by_mean = (first - share * self.means_) / np.sqrt(self.covariances_)
        by_deviation = (second - 2 * first * self.means_ + share * self.means_**2) / self.covariances_ - share
        weights = np.sqrt(np.maximum(self.weights_, 1e-300))[:, np.newaxis]
        both = np.stack([by_mean / weights, by_deviation / (np.sqrt(2) * weights)], axis=-3)
        vector = both.reshape(*both.shape[:-3], -1)
        if not self.improved:
            return vector
        vector = np.where(np.abs(vector) > NOTHING, np.sign(vector) * np.sqrt(np.abs(vector)), 0.0)
        return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-300)

    def feature_table(self, responses: Sequence[dict[str, Any]], n_axes: int) -> list[dict[str, Any]]:
        """Return a row a gradient."""
        names = component_names(responses, None if self.n_components is None else self.means_.shape[1])
        return [
            {"feature": f"word{k}.{statistic}[{name}]", "word": k, "component": name, "statistic": statistic}
            for statistic in ("mean", "deviation")
            for k in range(len(self.weights_))
            for name in names
        ]


def _hard_mixture(components: np.ndarray, words: np.ndarray) -> dict[str, np.ndarray]:
    """Where the mixture starts: the share, mean and variance of the samples nearest to each word."""
    from sklearn.metrics import pairwise_distances_argmin

    with one_thread():
        nearest = pairwise_distances_argmin(components, words)
    shares = np.zeros(len(words))
    means = np.zeros(words.shape)
    variances = np.ones(words.shape)
    for k in range(len(words)):
        own = components[nearest == k]
        shares[k] = len(own) + 1
        means[k] = own.mean(axis=0) if len(own) else words[k]
        variances[k] = (own.var(axis=0) if len(own) > 1 else 1.0) + SMALLEST_VARIANCE
    dtype = components.dtype
    shares = (shares / shares.sum()).astype(dtype)
    return {
        "weights_init": shares / shares.sum(),
        "means_init": means.astype(dtype),
        "precisions_init": (1 / variances).astype(dtype),
    }
