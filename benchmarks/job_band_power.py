"""Band power: 10 bands of one signal of 1 M samples, of its windows of 1,024, and of 10,000 signals of 1,000, float32.

The library way is `scipy.signal.periodogram` or `welch` and a product with the bands' weights, which are the same for
all. The handwritten one is the least that does the work around `scipy.fft`: mean off, transform of everything at once,
squares, product. With two threads, ours takes windows or signals in two threads, and SciPy's transforms have two
workers; one transform of a long signal has no threads in either.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
import scipy.signal

from benchmarks.harness import Contender, Row, assert_agree, race, rows_of
from filterbank.design import band_weights
from filterbank.signals import Signals
from filterbank.spectrum import band_power

LIBRARY, BY_HAND = "scipy.signal", "scipy.fft by hand"
DEMANDS = {LIBRARY: 1.0}
WINDOW = 1024
EDGES = np.linspace(0.011, 0.489, 11)


def run(quick: bool) -> list[Row]:
    """Race with one thread and with two."""
    rng = np.random.default_rng(0)
    n, n_signals, length = (5000, 20, 300) if quick else (1_000_000, 10_000, 1000)
    long = rng.normal(size=n).astype(np.float32)
    many = rng.normal(size=(n_signals, length)).astype(np.float32)
    repeats = 1 if quick else 9
    rows = []
    for threads in (1, 2):
        for job, x, window in (
            ("band power of 1 M samples", long, None),
            ("band power of 1 M samples, Welch", long, WINDOW),
            ("band power of 10,000 signals", many, None),
        ):
            rows += _race(job, x, window, threads, repeats)
    return rows


def _race(job: str, x: np.ndarray, window: int | None, threads: int, repeats: int) -> list[Row]:
    size = window or x.shape[-1]
    weights = band_weights(EDGES, size).astype(np.float32)
    signal = x if x.ndim == 1 else Signals.wrap(x)
    contenders = [
        Contender("band_power", lambda: band_power(signal, EDGES, window=window, n_jobs=threads), "ours"),
        Contender(LIBRARY, lambda: by_library(x, weights, window), "library"),
        Contender(BY_HAND, lambda: by_hand(x, weights, window), "handwritten"),
    ]
    expected = by_library(x.astype(np.float64), weights, window)
    for contender in contenders:
        assert_agree(np.reshape(contender.run(), expected.shape), expected, tolerance=1e-4, what=contender.name)
    medians = race(contenders, threads=threads, repeats=repeats)
    return rows_of(job, contenders, medians, threads=threads, demands=DEMANDS)


def by_library(x: np.ndarray, weights: np.ndarray, window: int | None) -> np.ndarray:
    density = (scipy.signal.periodogram(x) if window is None else scipy.signal.welch(x, nperseg=window))[1]
    return density @ weights.T / (window or x.shape[-1])


def by_hand(x: np.ndarray, weights: np.ndarray, window: int | None) -> np.ndarray:
    """All at once, in float32; the bands are inside the spectrum, so that every frequency counts twice."""
    n = window or x.shape[-1]
    if window is None:
        z = scipy.fft.rfft(x - x.mean(axis=-1, keepdims=True))
        squares, gain = z.real**2 + z.imag**2, 2 / n**2
    else:
        taper = scipy.signal.get_window("hann", window).astype(np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(x, window)[:: window // 2]
        z = scipy.fft.rfft((frames - frames.mean(axis=1, keepdims=True)) * taper)
        squares, gain = (z.real**2 + z.imag**2).mean(axis=0), 2 / (n * np.square(taper).sum())
    return squares @ weights.T * gain
