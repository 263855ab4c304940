"""10,000 series of 1,000 samples, 64 filters of 9 to 257 taps, mean, std, max, min, share of positives, float32."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.fft
import scipy.signal

from benchmarks.harness import Contender, Row, assert_agree, race, rows_of, weigh
from filterbank import FilterBank, Moments, Representation
from filterbank.kernels import fft_pool

BATCHED, SHARED = "scipy.signal.fftconvolve, batched", "scipy.fft, one spectrum for all filters"
DEMANDS = {1: {BATCHED: 12.0, SHARED: 6.0}, 2: {BATCHED: 18.0, SHARED: 12.0}}
BATCH = 64  # signals that the hand-written peer takes at a time, so that their spectra stay in the cache
BOUNDS = """What bounds it: transforms. Two filters share one transform back of 1,024 complex points, sixteen series
side by side, in four passes, each of which loads and stores all of it from the second level of cache. Pools hide behind
that: asking for one statistic rather than five saves 8 %. Five sixths of `fit_transform`'s time are the compiled
loop; NaN shows in sums that it takes anyway, and each thread finishes the features of its own chunks."""


def run(quick: bool) -> list[Row]:
    """Race with one thread and with two; the peers do a part of the series."""
    n, few = (160, 64) if quick else (10_000, 1000)
    signals, kernels = made(n)
    expected = np.stack([pools(np.stack([np.convolve(x, k, "valid") for x in signals[:few:8]])) for k in kernels], 1)
    rows = []
    for threads in (1, 2):
        contenders = [
            Contender("Representation", lambda threads=threads: public(signals, kernels, threads), "ours"),
            Contender("fft_pool", lambda threads=threads: ours(signals, kernels, threads), "ours"),
            Contender(BATCHED, lambda: batched(signals[:few], kernels), scale=n / few),
            Contender(SHARED, lambda: shared(signals[:few], kernels), "handwritten", n / few),
        ]
        for contender in contenders:
            found = contender.run()[:few:8]
            for i, name in enumerate(("mean", "std", "max", "min")):
                what = f"{contender.name}, {name}"
                assert_agree(found[..., i], expected[..., i], tolerance=1e-5, what=what)
            # a response within rounding of 0 may fall on its other side
            assert_agree(found[..., 4], expected[..., 4], tolerance=4e-3, what=f"{contender.name}, share of positives")
        medians = race(contenders, threads=threads, repeats=3 if quick else 5)
        flops = n * (33 * 5 * 1024 * 10 + 64 * 1000 * 7)  # transforms back, two filters each; products and pools
        rows += rows_of("series", contenders, medians, threads=threads, demands=DEMANDS[threads], flops=flops)
        if not quick or threads == 2:
            rows.append(weigh("series", n, threads=threads, note=f"Representation, {n} series"))
    return rows


def made(n: int) -> tuple[np.ndarray, list[np.ndarray]]:
    rng = np.random.default_rng(0)
    signals = rng.normal(size=(n, 1000)).astype(np.float32)
    return signals, [rng.normal(size=int(size)) / size for size in np.linspace(9, 257, 64).round()]


def heavy(n: int, threads: int) -> tuple[Callable[[], object], Callable[[], np.ndarray]]:
    """A few series, and all of them, for `weigh`."""
    signals, kernels = made(n)
    return lambda: public(signals[:100], kernels, threads), lambda: public(signals, kernels, threads)


def pools(responses: np.ndarray) -> np.ndarray:
    share = (responses > 0).mean(-1, dtype=np.float32)
    return np.stack([responses.mean(-1), responses.std(-1), responses.max(-1), responses.min(-1), share], -1)


def public(signals: np.ndarray, kernels: list[np.ndarray], threads: int) -> np.ndarray:
    pool = Moments(["mean", "std", "max", "min", "positive"])
    representation = Representation(FilterBank(kernels), pool, n_jobs=threads, method="fft")
    return representation.fit_transform(signals).reshape(len(signals), len(kernels), 5)


def ours(signals: np.ndarray, kernels: list[np.ndarray], threads: int) -> np.ndarray:
    none = [0] * len(kernels)
    want, levels = ["mean", "square", "max", "min"], np.zeros((len(kernels), 1))
    out = np.empty((len(signals), len(kernels), 5), np.float32)
    for begin in range(0, len(signals), 2000):  # the state is in double precision: some at a time, to bound memory
        some = slice(begin, begin + 2000)
        state = fft_pool(signals[some], kernels, lo=none, hi=none, want=want, thresholds=levels, n_threads=threads)
        out[some, :, 0] = state["mean"]
        out[some, :, 1] = np.sqrt(state["square"] / state["count"])
        out[some, :, 2] = state["max"]
        out[some, :, 3] = state["min"]
        out[some, :, 4] = state["above"][..., 0] / state["count"]
    return out


def batched(signals: np.ndarray, kernels: list[np.ndarray]) -> np.ndarray:
    convolved = (
        scipy.signal.fftconvolve(signals, k.astype(np.float32)[np.newaxis], mode="valid", axes=1) for k in kernels
    )
    return np.stack([pools(responses) for responses in convolved], axis=1)


def shared(signals: np.ndarray, kernels: list[np.ndarray]) -> np.ndarray:
    n = signals.shape[1]
    size = scipy.fft.next_fast_len(n, real=True)
    spectra = [scipy.fft.rfft(k.astype(np.float32), size) for k in kernels]
    out = np.empty((len(signals), len(kernels), 5), np.float32)
    for begin in range(0, len(signals), BATCH):
        some = slice(begin, begin + BATCH)
        spectrum = scipy.fft.rfft(signals[some], size)
        for r, (k, own) in enumerate(zip(kernels, spectra)):
            out[some, r] = pools(scipy.fft.irfft(spectrum * own, size)[:, len(k) - 1 : n])
    return out
