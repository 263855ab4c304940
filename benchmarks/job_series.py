"""Series: 10,000 x 1,000 samples and 64 filters; one recording of 10 minutes and 32 Gabors in windows; float32."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.fft
import scipy.signal

from benchmarks.harness import Contender, Row, absent, assert_agree, race, rows_of
from filterbank import FilterBank, Moments, Representation
from filterbank.kernels import fft_pool, fft_window_pool

BATCHED, SHARED = "scipy.signal.fftconvolve, batched", "scipy.fft, one spectrum for all filters"
OVERLAP_ADD, OVERLAP_SAVE = "scipy.signal.oaconvolve", "scipy.fft, overlap-save, one spectrum for all filters"
TORCH_SAVE = "torch.fft, overlap-save, one spectrum for all filters"
DEMANDS = {1: {BATCHED: 12.0, SHARED: 6.0}, 2: {BATCHED: 18.0, SHARED: 12.0}}
WINDOW_DEMANDS = {
    1: {OVERLAP_ADD: 10.0, OVERLAP_SAVE: 2.0, TORCH_SAVE: 2.0},
    2: {OVERLAP_ADD: 20.0, OVERLAP_SAVE: 2.5, TORCH_SAVE: 2.5},
}
BATCH = 64  # signals that the hand-written peer takes at a time, so that their spectra stay in the cache
STEPS_A_WINDOW = 4


def run(quick: bool) -> list[Row]:
    """Race both jobs, with one thread and with two."""
    return [*series(quick), *recording(quick)]


def series(quick: bool) -> list[Row]:
    n, few = (160, 64) if quick else (10_000, 1000)
    rng = np.random.default_rng(0)
    signals = rng.normal(size=(n, 1000)).astype(np.float32)
    kernels = [rng.normal(size=int(size)) / size for size in np.linspace(9, 257, 64).round()]
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
    return rows


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


def recording(quick: bool) -> list[Row]:
    seconds, rate = (20, 8000) if quick else (600, 44_100)
    hop = rate // 32
    x = np.random.default_rng(1).normal(size=seconds * rate).astype(np.float32)
    kernels = gabors(32, 512, 2048 if quick else 8192)
    part = slice(7, None, 16)  # the slowest peer does two of the filters, the others a stretch of the recording
    stretch, short = x[: len(x) // (2 if quick else 8)], x[: len(x) // (2 if quick else 40)]
    expected = overlap_add(x.astype(np.float64)[: 4 * rate], kernels[part], hop)
    rows = []
    for threads in (1, 2):
        contenders = [
            Contender("fft_window_pool", lambda threads=threads: our_windows(x, kernels, hop, threads), "ours"),
            Contender(OVERLAP_ADD, lambda: overlap_add(x, kernels[part], hop), scale=16.0),
            Contender(OVERLAP_SAVE, lambda: overlap_save(stretch, kernels, hop), "handwritten", len(x) / len(stretch)),
        ]
        if importlib.util.find_spec("torch"):
            contenders.append(
                Contender(TORCH_SAVE, lambda: torch_save(short, kernels, hop), "handwritten", len(x) / len(short))
            )
        else:
            demand, why = WINDOW_DEMANDS[threads][TORCH_SAVE], "torch is not installed"
            rows.append(absent("recording", TORCH_SAVE, "handwritten", threads=threads, demand=demand, why=why))
        for contender in contenders:
            found = contender.run()
            found = found if found.shape[1] == len(kernels[part]) else found[:, part]
            # both at once: an error of the mean counts in terms of the responses, of which little is left in a mean
            assert_agree(found[..., : expected.shape[2]], expected, tolerance=1e-5, what=contender.name)
        extra = extra_memory(contenders[0].run)
        medians = race(contenders, threads=threads, repeats=3)
        note = "" if extra is None else f"ours: {extra / 2**20:.0f} MiB beyond the signal"
        demands = WINDOW_DEMANDS[threads]
        rows += rows_of("recording", contenders, medians, threads=threads, demands=demands, note=note)
    return rows


def gabors(n: int, shortest: int, longest: int) -> list[np.ndarray]:
    """Cosines of twenty waves under a Gaussian window cut at 3 sigma."""
    kernels = []
    for size in np.geomspace(shortest, longest, n).round().astype(int):
        t = np.arange(size) - (size - 1) / 2
        window = np.exp(-0.5 * (6 * t / size) ** 2)
        kernels.append(window / window.sum() * np.cos(2 * np.pi * 20 * t / size))
    return kernels


def windows(highest: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Windows of four steps from pools of one."""
    view = np.lib.stride_tricks.sliding_window_view
    return np.stack([view(highest, STEPS_A_WINDOW, -1).max(-1), view(mean, STEPS_A_WINDOW, -1).mean(-1)])


def n_steps(n: int, kernels: list[np.ndarray], hop: int) -> int:
    return (n - max(map(len, kernels)) + 1) // hop


def our_windows(x: np.ndarray, kernels: list[np.ndarray], hop: int, threads: int) -> np.ndarray:
    none = [0] * len(kernels)
    window = STEPS_A_WINDOW * hop
    state = fft_window_pool(
        x, kernels, window=window, hop=hop, lo=none, hi=none, want=["max", "mean"], n_threads=threads
    )
    return np.stack([state["max"], state["mean"]])


def overlap_add(x: np.ndarray, kernels: list[np.ndarray], hop: int) -> np.ndarray:
    steps = n_steps(len(x), kernels, hop)
    found = []
    for k in kernels:
        response = scipy.signal.oaconvolve(x, k.astype(x.dtype), mode="valid")[: steps * hop].reshape(steps, hop)
        found.append(windows(response.max(1), response.mean(1)))
    return np.stack(found, axis=1)


def overlap_save(x: np.ndarray, kernels: list[np.ndarray], hop: int) -> np.ndarray:
    size = 8 * 8192
    spectra = [np.conj(scipy.fft.rfft(k[::-1].astype(np.float32), size)) for k in kernels]

    def transform(block: np.ndarray) -> np.ndarray:
        return scipy.fft.rfft(block, size)

    def back(spectrum: np.ndarray, own: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
        response = scipy.fft.irfft(spectrum * own, size)[: steps * hop].reshape(steps, hop)
        return response.max(1), response.mean(1)

    return save(x, kernels, hop, size, spectra, transform, back)


def torch_save(x: np.ndarray, kernels: list[np.ndarray], hop: int) -> np.ndarray:
    import torch

    size = 8 * 8192
    spectra = [torch.conj(torch.fft.rfft(torch.tensor(k[::-1].astype(np.float32)), size)) for k in kernels]

    def transform(block: np.ndarray) -> Any:
        return torch.fft.rfft(torch.from_numpy(block), size)

    def back(spectrum: Any, own: Any, steps: int) -> tuple[np.ndarray, np.ndarray]:
        response = torch.fft.irfft(spectrum * own, size)[: steps * hop].reshape(steps, hop)
        return response.amax(1).numpy(), response.mean(1).numpy()

    return save(x, kernels, hop, size, spectra, transform, back)


def save(
    x: np.ndarray, kernels: list[np.ndarray], hop: int, size: int, spectra: list, transform: Callable, back: Callable
) -> np.ndarray:
    """Overlap-save in blocks of whole steps."""
    steps = n_steps(len(x), kernels, hop)
    a_block = (size - max(map(len, kernels)) + 1) // hop
    highest, mean = np.empty((2, len(kernels), steps), np.float32)
    for begin in range(0, steps, a_block):
        some = slice(begin, min(begin + a_block, steps))
        spectrum = transform(x[begin * hop : begin * hop + size])
        for r, own in enumerate(spectra):
            highest[r, some], mean[r, some] = back(spectrum, own, some.stop - begin)
    return windows(highest, mean)


def extra_memory(work: Callable[[], Any]) -> int | None:
    """The bytes that a call adds to the process at most; None where the system doesn't say."""
    with contextlib.suppress(OSError):
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")  # sets the peak back to what is used now
        before = memory("VmRSS")
        work()
        return memory("VmHWM") - before
    return None


def memory(name: str) -> int:
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))
