"""The nearest word of descriptors, and the sum of the descriptors of each word, as compiled loops."""

from __future__ import annotations

import numba
import numpy as np

__all__ = ["add_by_word", "centre_rows", "pick_words"]


@numba.njit(nogil=True, cache=True)
def add_by_word(descriptors: np.ndarray, words: np.ndarray, counts: np.ndarray, sums: np.ndarray) -> None:
    """Add each descriptor to the sum of its word, in double precision and in order.

    Parameters
    ----------
    descriptors : array of float32 or float64, (descriptor, response), C-contiguous
    words : array of int64, (descriptor,)
    counts : array of float64, (word,)
        Changed in place.
    sums : array of float64, (word, response)
        Changed in place.
    """
    n_responses = descriptors.shape[1]
    for i in range(len(descriptors)):
        word = words[i]
        counts[word] += 1.0
        row = descriptors[i]
        total = sums[word]
        for j in range(n_responses):
            total[j] += row[j]


@numba.njit(nogil=True, cache=True, fastmath={"contract", "reassoc", "nsz"})
def centre_rows(descriptors: np.ndarray, mean: np.ndarray, out: np.ndarray, squares: np.ndarray) -> None:
    """Take the mean from each descriptor, and sum up the squares of what remains.

    Parameters
    ----------
    descriptors : array of float32 or float64, (descriptor, response), C-contiguous
    mean : array, (response,)
    out : array, (descriptor, response)
    squares : array, (descriptor,)
        Both of them changed in place.
    """
    for i in range(len(descriptors)):
        row, to = descriptors[i], out[i]
        total = mean[0] - mean[0]
        for j in range(mean.size):
            value = row[j] - mean[j]
            to[j] = value
            total += value * value
        squares[i] = total


@numba.njit(nogil=True, cache=True, fastmath={"reassoc", "nsz", "nnan"})
def pick_words(
    products: np.ndarray,
    bias: np.ndarray,
    squares: np.ndarray,
    rounding: np.ndarray,
    words: np.ndarray,
    sure: np.ndarray,
) -> None:
    """Add the bias to products of descriptors with words, and find the largest of each descriptor, the first of equals.

    Parameters
    ----------
    products : array of float32 or float64, (descriptor, word), C-contiguous
        Changed in place: the bias is added.
    bias : array, (word,)
    squares : array, (descriptor,)
        Of the descriptors' sizes.
    rounding : array, (2,)
        A score is wrong by up to the first, times the size of its descriptor, and the second.
    words : array of int64, (descriptor,)
        Out: which product is the largest.
    sure : array of bool, (descriptor,)
        Out: whether no other one is that large within rounding.
    """
    n_words = np.int32(bias.size)
    for i in range(len(products)):
        row = products[i]
        best = row[0] + bias[0]
        for k in range(n_words):
            value = row[k] + bias[k]
            row[k] = value
            best = value if value > best else best
        limit = best - (rounding[0] * np.sqrt(squares[i]) + rounding[1])
        first, close = n_words, np.int32(0)
        for k in range(n_words):
            close += np.int32(row[k] >= limit)
            first = min(first, np.int32(k) if row[k] == best else n_words)
        words[i], sure[i] = first, close == 1
