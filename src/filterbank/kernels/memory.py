"""Memory for compiled kernels to work in, which each thread keeps: new pages cost more than what is done in them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence

import numpy as np

from filterbank.kernels.simd import rows

__all__ = ["kept_rows"]

_kept = threading.local()


def kept_rows(sizes: Sequence[int], dtype: np.dtype) -> list[np.ndarray]:
    """Return rows to work in, whose content is whatever it was, until this thread calls again.

    Parameters
    ----------
    sizes : sequence of int
        Of each array.
    dtype : {float32, float64}

    Returns
    -------
    list of array, (size, lanes), or (size,) where a value has one lane

    Examples
    --------
    >>> [len(part) for part in kept_rows([3, 5], np.dtype(np.float32))]
    [3, 5]
    """
    block: np.ndarray | None = getattr(_kept, dtype.name, None)
    if block is None or len(block) < sum(sizes):
        block = rows(sum(sizes), dtype)
        setattr(_kept, dtype.name, block)
    ends = itertools.accumulate(sizes)
    return [block[end - size : end] for size, end in zip(sizes, ends)]
