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


@numba.njit(nogil=True, cache=True, fastmath={"nsz", "nnan"})
def pick_words(
    products: np.ndarray,
    bias: np.ndarray,
    squares: np.ndarray,
    rounding: np.ndarray,
    words: np.ndarray,
    sure: np.ndarray,
) -> None:
    """Find the word with the largest score, product and bias, of each descriptor; the first of equals.

    Descriptors lie side by side, so that vectors hold some of them and no sum or maximum goes across.

    Parameters
    ----------
    products : array of float32 or float64, (word, descriptor), C-contiguous
    bias : array, (word,)
    squares : array, (descriptor,)
        Of the descriptors' sizes.
    rounding : array, (2,)
        A score is wrong by up to the first, times the size of its descriptor, and the second.
    words : array of int64, (descriptor,)
        Out: which score is the largest.
    sure : array of bool, (descriptor,)
        Out: whether no other one is that large within rounding.
    """
    n = words.size
    best, second, word = products[0] + bias[0], np.empty_like(squares), np.zeros(n, np.int32)
    second[:] = -np.inf
    for k in range(1, bias.size):
        row, own, at = products[k], bias[k], np.int32(k)
        for i in range(n):
            value = row[i] + own
            lesser = min(value, best[i])
            second[i] = max(second[i], lesser)
            word[i] = at if value > best[i] else word[i]
            best[i] = max(best[i], value)
    for i in range(n):
        words[i] = word[i]
        sure[i] = second[i] < best[i] - (rounding[0] * np.sqrt(squares[i]) + rounding[1])
