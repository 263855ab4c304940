"""Vectors of locally aggregated descriptors: for each codeword, how its descriptors differ from it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from filterbank.kernels import add_by_word
from filterbank.pools.base import State
from filterbank.pools.joint import Joint, WordScores, learn_words, principal_axes

__all__ = ["VLAD"]

NOTHING = 1e-6
"""Residuals of such a share of a descriptor's usual distance are rounding, and count as none."""


class VLAD(Joint):
    """For each word of a codebook, the sum of the differences of its descriptors from it, brought to unit length.

    Jegou, Douze, Schmid and Perez, CVPR 2010, with the intra-normalisation of Arandjelovic and Zisserman, All about
    VLAD, CVPR 2013: each word's sum is brought to unit length, then the whole vector.

    Parameters
    ----------
    n_words : int
    n_components : int, optional
        Bring descriptors to so many principal components first. None: they stay as they are.

    Attributes
    ----------
    words_ : array, (word, component)
        The codebook of a fitted copy, in principal components if these were asked for.
    mean_ : array, (response,)
    axes_ : array, (response, component)

    Notes
    -----
    Exact: descriptors belong to the same words for any partition into blocks. Sums are in double precision.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import GaussianBank, Representation, VLAD
    >>> X = np.random.default_rng(0).normal(size=(4, 100))
    >>> Representation(GaussianBank(sigmas=[1, 2]), VLAD(5), random_state=0).fit_transform(X).shape
    (4, 30)
    """

    exact = True

    def __init__(self, n_words: int = 64, *, n_components: int | None = None) -> None:
        self.n_words = n_words
        self.n_components = n_components

    def fit(self, samples: np.ndarray, rng: np.random.Generator) -> Self:
        """Return a copy with a codebook learned from responses `(sample, response)`."""
        samples = self._checked(samples, self.n_words)
        fitted = copy.copy(self)
        fitted.mean_, fitted.axes_ = principal_axes(samples, self.n_components)
        components = ((samples - fitted.mean_) @ fitted.axes_).astype(samples.dtype, copy=False)
        fitted.words_ = learn_words(components, self.n_words, rng).astype(np.float64)
        fitted._scores = WordScores(fitted.mean_, fitted.axes_, fitted.words_)
        fitted._usual = float(np.sqrt((components.astype(np.float64) ** 2).sum(axis=1).mean()))
        return fitted

    def _words(self, descriptors: np.ndarray) -> np.ndarray:
        return self._scores.nearest(descriptors)

    def init(self, n_responses: int, n_axes: int) -> State:
        """Return the state of having seen nothing."""
        return {"count": np.zeros(len(self.words_)), "sum": np.zeros((len(self.words_), len(self.mean_)))}

    def _sums(self, descriptors: np.ndarray) -> State:
        sums = self.init(0, 0)
        add_by_word(descriptors, self._scores.nearest(descriptors), sums["count"], sums["sum"])
        return sums

    def finish(self, state: State) -> np.ndarray:
        """Return the normalised differences, word by word; zeros for words that did not occur."""
        count = state["count"][..., np.newaxis]
        residual = (state["sum"] - count * self.mean_) @ self.axes_ - count * self.words_
        length = np.linalg.norm(residual, axis=-1, keepdims=True)
        residual = np.where(length > NOTHING * self._usual * count, residual / np.maximum(length, 1e-300), 0.0)
        flat = residual.reshape(*residual.shape[:-2], -1)
        return flat / np.maximum(np.linalg.norm(flat, axis=-1, keepdims=True), 1e-300)

    def feature_table(self, responses: Sequence[dict[str, Any]], n_axes: int) -> list[dict[str, Any]]:
        """Return a row a word and component."""
        names = component_names(responses, self.n_components)
        return [
            {"feature": f"word{k}.difference[{name}]", "word": k, "component": name, "statistic": "difference"}
            for k in range(len(self.words_))
            for name in names
        ]


def component_names(responses: Sequence[dict[str, Any]], n_components: int | None) -> list[str]:
    """Return what the components of descriptors are called: the responses themselves, or numbers."""
    return [str(row["response"]) for row in responses] if n_components is None else list(map(str, range(n_components)))
