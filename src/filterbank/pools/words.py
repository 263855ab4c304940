"""Bags of visual (or other) words: how often each codeword is the nearest one."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from filterbank.errors import invalid
from filterbank.pools.base import State
from filterbank.pools.joint import Joint, WordScores, chunks, learn_words, principal_axes

__all__ = ["BagOfWords"]

ASSIGNMENTS = ("hard", "soft")


class BagOfWords(Joint):
    """The share of positions whose descriptor is nearest to each word of a codebook, learned by k-means.

    A descriptor is all responses at a position.

    Parameters
    ----------
    n_words : int
    assign : {"hard", "soft"}
        "hard": each descriptor counts for its nearest word. "soft": it counts for all words, with shares that fall with
        the distance `d` as `exp(-d ** 2 / (2 sigma ** 2))` (codeword uncertainty; van Gemert, Veenman, Smeulders and
        Geusebroek, IEEE Trans. PAMI 32(7), 2010, eq. 7).
    sigma : float, optional
        Of "soft". None: half of the root mean square distance of the samples to their nearest words.
    root : bool
        Give the square roots of the shares, whose products are Bhattacharyya's coefficients: better for linear models.
    standardise : bool
        Divide each response by its standard deviation among the samples before distances are taken, so that responses
        of unequal units weigh the same.

    Attributes
    ----------
    words_ : array, (word, response)
        The codebook of a fitted copy.
    sigma_ : float

    Notes
    -----
    Hard assignment is exact: the shares are the same, bit for bit, for any partition into blocks. k-means is
    scikit-learn's, in batches where there are many samples.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import BagOfWords, FilterBank, Representation
    >>> X = np.array([[0.0, 0, 0, 9, 9], [9, 9, 9, 9, 9]])
    >>> bank = FilterBank([np.array([1.0, -1.0]), np.ones(2)])
    >>> words = Representation(bank, BagOfWords(3), random_state=0).fit(X)
    >>> np.sort(words.transform(X)).tolist()
    [[0.25, 0.25, 0.5], [0.0, 0.0, 1.0]]
    """

    def __init__(
        self,
        n_words: int = 256,
        *,
        assign: str = "hard",
        sigma: float | None = None,
        root: bool = False,
        standardise: bool = False,
    ) -> None:
        self.n_words = n_words
        self.assign = assign
        self.sigma = sigma
        self.root = root
        self.standardise = standardise

    @property
    def exact(self) -> bool:  # type: ignore[override]
        """Whether each descriptor counts for one word, which rounding could change."""
        return self.assign == "hard"

    def fit(self, samples: np.ndarray, rng: np.random.Generator) -> Self:
        """Return a copy with a codebook learned from responses `(sample, response)`."""
        if self.assign not in ASSIGNMENTS:
            raise invalid("assign", self.assign, f"one of {', '.join(ASSIGNMENTS)}")
        if self.sigma is not None and not (np.isfinite(self.sigma) and self.sigma > 0):
            raise invalid("sigma", self.sigma, "a positive number")
        samples = self._checked(samples, self.n_words)
        fitted = copy.copy(self)
        mean, axes = principal_axes(samples, None)
        spread = samples.std(axis=0, dtype=np.float64) if self.standardise else np.ones(len(mean))
        fitted._spread = np.where(spread > 0, spread, 1.0)
        centred = ((samples - mean) / fitted._spread).astype(samples.dtype, copy=False)
        words = learn_words(centred, self.n_words, rng)
        fitted.words_ = words * fitted._spread + mean
        fitted._scores = WordScores(mean, axes / fitted._spread[:, np.newaxis], words)
        fitted.sigma_ = fitted._own_sigma(samples) if self.sigma is None else float(self.sigma)
        return fitted

    def _own_sigma(self, samples: np.ndarray) -> float:
        """Half of the root mean square distance to the nearest word; 1 where all samples are words."""
        total = 0.0
        for descriptors in chunks(samples.T):
            scores, centred = self._scores.scores(descriptors)
            centred = centred / self._spread
            squares = np.einsum("ij,ij->i", centred, centred, dtype=np.float64) - 2 * scores.max(axis=1)
            total += float(np.maximum(squares, 0).sum())
        return float(np.sqrt(total / len(samples))) / 2 or 1.0

    def _words(self, descriptors: np.ndarray) -> np.ndarray:
        return self._scores.nearest(descriptors)

    def init(self, n_responses: int, n_axes: int) -> State:
        """Return the state of having seen nothing."""
        return {"count": np.zeros(len(self.words_))}

    def _sums(self, descriptors: np.ndarray) -> State:
        n_words = len(self.words_)
        if self.assign == "hard":
            found = self._scores.nearest(descriptors)
            return {"count": np.bincount(found, minlength=n_words).astype(np.float64)}
        shares, _ = self._scores.scores(descriptors)
        shares -= shares.max(axis=1, keepdims=True)
        shares /= self.sigma_**2
        np.exp(shares, out=shares)
        return {"count": (1 / shares.sum(axis=1, dtype=np.float64)) @ shares}

    def finish(self, state: State) -> np.ndarray:
        """Return the share of each word; nothing but zeros where there was no position."""
        counts = state["count"]
        shares = counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1e-300)
        return np.sqrt(shares) if self.root else shares

    def feature_table(self, responses: Sequence[dict[str, Any]], n_axes: int) -> list[dict[str, Any]]:
        """Return a row a word."""
        statistic = "root share" if self.root else "share"
        return [{"feature": f"word{k}.{statistic}", "word": k, "statistic": statistic} for k in range(len(self.words_))]
