"""The sum of the descriptors of each word, as a compiled loop."""

from __future__ import annotations

import numba
import numpy as np

__all__ = ["add_by_word"]


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
