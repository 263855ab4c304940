"""Kernels of nine taps, three high and six low, in every order: shapes of short stretches of a series."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from filterbank.errors import invalid

__all__ = ["pattern_kernels"]


def pattern_kernels(dilations: Sequence[int]) -> tuple[list[np.ndarray], list[dict[str, Any]]]:
    """Return the 84 kernels of MiniRocket at each dilation.

    Parameters
    ----------
    dilations : sequence of int
        Samples from one tap to the next.

    Returns
    -------
    kernels : list of array, (8 * dilation + 1,)
        Three taps of 2 and six of -1, so that they sum to 0.
    rows : list of dict
        `kernel`, a name that draws it ("#" high, "." low) and says the dilation, and `dilation`.

    References
    ----------
    A. Dempster, D. F. Schmidt, G. I. Webb, MiniRocket: a very fast (almost) deterministic transform for time series
    classification, KDD (2021) 248-257, section 3.1.

    Examples
    --------
    >>> kernels, rows = pattern_kernels([2])
    >>> len(kernels), rows[0], kernels[0][:7].tolist()
    (84, {'kernel': '###......x2', 'dilation': 2}, [-1.0, 0.0, -1.0, 0.0, -1.0, 0.0, -1.0])
    """
    kernels, rows = [], []
    for dilation in dilations:
        if not (isinstance(dilation, (int, np.integer)) and dilation >= 1):
            raise invalid("dilation", dilation, "an integer of at least 1")
        for high in combinations(range(9), 3):
            taps = np.full(9, -1.0)
            taps[list(high)] = 2
            kernel = np.zeros(8 * dilation + 1)
            kernel[::dilation] = taps[::-1]  # convolution turns it around
            drawn = "".join("#" if tap > 0 else "." for tap in taps)
            kernels.append(kernel)
            rows.append({"kernel": f"{drawn}x{dilation}", "dilation": int(dilation)})
    return kernels, rows
