"""Windows of signals: how many there are, their transforms some at a time, and the mean of their powers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import scipy.fft
from joblib import effective_n_jobs

from filterbank.errors import invalid
from filterbank.spectrum.inputs import detrended

__all__ = ["CHUNK", "frame_starts", "in_threads", "mean_power", "pieces_of", "transforms"]

CHUNK = 1 << 16
"""Samples that are transformed at a time: small enough for the cache."""


def frame_starts(n: int, window: int | None, hop: int | None, *, default: int = 256) -> tuple[int, int, int]:
    """Return the window, the hop and how many windows lie in `n` samples; check what the user gave."""
    if window is None:
        window = min(default, n)
    if window != int(window) or window < 2:
        raise invalid("window", window, "a whole number of samples, 2 or more")
    if window > n:
        raise invalid("window", window, f"at most the {n} samples that the signal has")
    window = int(window)
    if hop is None:
        hop = window - window // 2
    if hop != int(hop) or hop < 1:
        raise invalid("hop", hop, "a whole number of samples, 1 or more")
    return window, int(hop), (n - window) // int(hop) + 1


def in_threads(work: Callable[[Any], Any], items: Sequence[Any], n_jobs: int | None) -> list[Any]:
    """Do the work on each item, in threads if wanted; results in the order of the items."""
    n = min(effective_n_jobs(n_jobs), len(items))
    if n < 2:
        return [work(item) for item in items]
    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(work, items))


def mean_power(
    rows: np.ndarray, size: int, step: int, weights: np.ndarray | None, detrend: str | None, n_jobs: int | None
) -> np.ndarray:
    """The mean over windows of the squared modulus of their transforms, `(row, frequency)` of float64."""
    count = (rows.shape[1] - size) // step + 1

    def add_up(piece: tuple[slice, slice]) -> np.ndarray:
        z = transforms(rows[piece[0]], piece[1], size, step, weights, detrend)
        parts = z.view(z.real.dtype)
        squares = np.einsum("rtk,rtk->rk", parts, parts)
        return squares[:, 0::2] + squares[:, 1::2]

    pieces = list(pieces_of(len(rows), count, size))
    out = np.zeros((len(rows), size // 2 + 1))
    for piece, part in zip(pieces, in_threads(add_up, pieces, n_jobs)):
        out[piece[0]] += part
    out /= count
    return out


def pieces_of(n_rows: int, n_frames: int, size: int) -> Iterator[tuple[slice, slice]]:
    """Rows and windows that are transformed together."""
    together = max(1, CHUNK // size)
    rows = max(1, together // n_frames)
    for row in range(0, n_rows, rows):
        for start in range(0, n_frames, together):
            yield slice(row, min(row + rows, n_rows)), slice(start, min(start + together, n_frames))


def transforms(
    rows: np.ndarray, frames: slice, size: int, step: int, weights: np.ndarray | None, detrend: str | None
) -> np.ndarray:
    """The transforms of some windows of some rows, `(row, window, frequency)`."""
    part = rows[:, frames.start * step : (frames.stop - 1) * step + size]
    cut = (
        np.lib.stride_tricks.sliding_window_view(part, size, axis=1)[:, ::step]
        if size < part.shape[1]
        else part[:, None]
    )
    clean = detrended(cut, detrend)
    if weights is not None:
        clean = np.multiply(clean, weights, out=None if clean is cut else clean)
    return scipy.fft.rfft(clean, axis=-1, overwrite_x=clean is not cut, workers=1)
