"""Ten minutes at 44.1 kHz, 32 Gabor filters of 512 to 8192 taps, max and mean over 1/8 s every 1/32 s, float32."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import scipy.fft
import scipy.signal

from benchmarks.harness import Contender, Row, assert_agree, race, rows_of, weigh
from filterbank import FilterBank, Moments, WindowedBank, respond
from filterbank.kernels import fft_window_pool
from filterbank.signals import SignalInfo

OVERLAP_ADD, OVERLAP_SAVE = "scipy.signal.oaconvolve", "scipy.fft, overlap-save, one spectrum for all filters"
UNTHREADED = "scipy.signal.oaconvolve, no workers"
DEMANDS = {1: {OVERLAP_ADD: 10.0, OVERLAP_SAVE: 2.0}, 2: {OVERLAP_ADD: 20.0, UNTHREADED: 20.0, OVERLAP_SAVE: 2.5}}
SIZE = 1 << 16  # of the hand-written peer's transforms
STEPS = 4  # hops of a window
FEW, N_FEW = slice(7, None, 16), 2  # the filters that the slow peer does
PIECE = 30  # seconds that the hand-written peer does, which works in blocks
BOUNDS = """What bounds it: transforms of 32,768 points in sixteen lanes, 4 MiB with their imaginary parts, which
are split in sixteen to stay near the second level of cache; 95 % of the time are the compiled loop. Blocks are kept
that small so that memory is. SciPy's overlap-add takes half the time where the allocator has kept the memory of earlier
calls, as it had in the rows of two threads, with workers and without, and had not in those of one."""


def run(quick: bool) -> list[Row]:
    """Race ten minutes of real responses, and a minute of moduli for information; weigh ours on ten minutes of both."""
    rate, longest = (8000, 1024) if quick else (44_100, 8192)
    kernels = gabors(longest)
    real = race_readout("real", [k.real.copy() for k in kernels], 60 if quick else 600, rate, quick)
    return real + race_readout("modulus", kernels, 60, rate, quick)


def race_readout(readout: str, kernels: list[np.ndarray], seconds: int, rate: int, quick: bool) -> list[Row]:
    """Race with one thread and with two."""
    hop = rate // 32
    x = recording(seconds * rate)
    prepared = bank(kernels, hop, readout)
    expected = overlap_add(x[: 5 * rate].astype(np.float64), kernels, hop)
    rows = []
    for threads in (1, 2):
        contenders = [
            Contender("respond", functools.partial(ours, prepared, x, threads), "ours"),
            Contender("bare kernel", functools.partial(bare, x, kernels, hop, threads), "ours"),
            Contender(OVERLAP_ADD, functools.partial(overlap_add, x, kernels, hop), scale=len(kernels) / N_FEW),
            Contender(
                OVERLAP_SAVE,
                functools.partial(overlap_save, x[: PIECE * rate], kernels, hop),
                "handwritten",
                seconds / PIECE,
            ),
        ]
        if threads == 2:  # as it comes, unless a user sets workers
            plain = functools.partial(without_workers, x, kernels, hop)
            contenders.insert(3, Contender(UNTHREADED, plain, scale=len(kernels) / N_FEW))
        for contender in contenders:
            found = contender.run()
            found = (found if len(found) == len(expected) else found[FEW])[..., : expected.shape[2]]
            assert_agree(found, expected, tolerance=1e-5, what=f"{contender.name}, {readout}")
        medians = race(contenders, threads=threads, repeats=3)
        demands = DEMANDS[threads] if readout == "real" else {}
        flops = len(x) * n_flops(kernels)
        rows += rows_of(f"long, {readout}", contenders, medians, threads=threads, demands=demands, flops=flops)
        if not quick or (readout, threads) == ("modulus", 2):
            rows.append(weigh("long", readout, quick, threads=threads, note=f"respond, {readout}, ten minutes"))
    return rows


def n_flops(kernels: list[np.ndarray]) -> float:
    """Operations a sample: transforms back in blocks of SIZE, two real responses each, products, pools."""
    n_transforms = len(kernels) / (1 if np.iscomplexobj(kernels[0]) else 2)
    fresh = (SIZE - max(map(len, kernels)) + 1) / SIZE
    return n_transforms * (5 * np.log2(SIZE) + 6) / fresh + 3 * len(kernels)


def recording(n: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=n).astype(np.float32)


def gabors(longest: int) -> list[np.ndarray]:
    """Twenty waves under a Gaussian window cut at 3 sigma."""
    kernels = []
    for size in np.geomspace(longest / 16, longest, 32).round().astype(int):
        t = np.arange(size) - (size - 1) / 2
        window = np.exp(-0.5 * (6 * t / size) ** 2)
        kernels.append(window / window.sum() * np.exp(2j * np.pi * 20 * t / size))
    return kernels


def bank(kernels: list[np.ndarray], hop: int, readout: str) -> WindowedBank:
    inner = FilterBank(kernels, readout=readout)
    windowed = WindowedBank(inner, Moments(["max", "mean"]), window=STEPS * hop, hop=hop)
    return windowed.prepare(SignalInfo(1, 1, None), np.random.default_rng(0))


def margins(kernels: list[np.ndarray]) -> tuple[int, list[int], list[int]]:
    """The longest kernel, and the positions that others leave out at both ends, so that all are centred alike."""
    longest = max(map(len, kernels))
    lo = [(longest - 1) // 2 - (len(k) - 1) // 2 for k in kernels]
    return longest, lo, [longest - len(k) - a for k, a in zip(kernels, lo)]


def ours(prepared: WindowedBank, x: np.ndarray, threads: int) -> np.ndarray:
    features, _ = respond(prepared, x, n_jobs=threads)
    return features.reshape(-1, 2, features.shape[1])


def bare(x: np.ndarray, kernels: list[np.ndarray], hop: int, threads: int) -> np.ndarray:
    _, lo, hi = margins(kernels)
    modulus = np.iscomplexobj(kernels[0])
    if modulus:
        kernels = [part for k in kernels for part in (k.real, k.imag)]
        lo, hi = ([n for n in numbers for _ in range(2)] for numbers in (lo, hi))
    state = fft_window_pool(
        x, kernels, window=STEPS * hop, hop=hop, lo=lo, hi=hi, modulus=modulus, want=["max", "mean"], n_threads=threads
    )
    return np.stack([state["max"], state["mean"]], axis=1)


def windows(responses: np.ndarray, hop: int) -> np.ndarray:
    """Windows of four hops, (max or mean, window), from the pools of one."""
    steps = responses[: len(responses) // hop * hop].reshape(-1, hop)
    return np.stack([steps.max(axis=1), steps.mean(axis=1)])


def join(steps: np.ndarray) -> np.ndarray:
    """Pools of a hop, (filter, max or mean, hop), to those of windows."""
    view = np.lib.stride_tricks.sliding_window_view(steps, STEPS, axis=2)
    return np.stack([view[:, 0].max(axis=-1), view[:, 1].mean(axis=-1)], axis=1)


def read(responses: np.ndarray) -> np.ndarray:
    return np.abs(responses) if np.iscomplexobj(responses) else responses


def overlap_add(x: np.ndarray, kernels: list[np.ndarray], hop: int) -> np.ndarray:
    longest, lo, _ = margins(kernels)
    n = len(x) - longest + 1
    kind = np.result_type(x, np.complex64) if np.iscomplexobj(kernels[0]) else x.dtype
    found = []
    for k, first in list(zip(kernels, lo))[FEW]:
        responses = scipy.signal.oaconvolve(x, k.astype(kind), mode="valid")[first : first + n]
        found.append(windows(read(responses), hop))
    return join(np.array(found))


def without_workers(x: np.ndarray, kernels: list[np.ndarray], hop: int) -> np.ndarray:
    with scipy.fft.set_workers(1):
        return overlap_add(x, kernels, hop)


def overlap_save(x: np.ndarray, kernels: list[np.ndarray], hop: int) -> np.ndarray:
    longest, lo, _ = margins(kernels)
    forward, back = (
        (scipy.fft.fft, scipy.fft.ifft) if np.iscomplexobj(kernels[0]) else (scipy.fft.rfft, scipy.fft.irfft)
    )
    spectra = []
    for k, first in zip(kernels, lo):  # the kernel ends where its first position would be read
        placed = np.zeros(SIZE, k.dtype)
        placed[np.arange(len(k)) - (first + len(k) - 1)] = k
        spectra.append(forward(placed).astype(np.complex64))
    n_steps = (len(x) - longest + 1) // hop
    a_block = (SIZE - longest + 1) // hop
    found = np.empty((len(kernels), 2, n_steps), np.float32)
    for begin in range(0, n_steps, a_block):
        some = slice(begin, min(begin + a_block, n_steps))
        spectrum = forward(x[begin * hop : begin * hop + SIZE], SIZE)
        for r, own in enumerate(spectra):
            responses = back(spectrum * own, SIZE)[: (some.stop - begin) * hop]
            found[r, :, some] = windows(read(responses), hop)
    return join(found)


def heavy(readout: str, quick: bool, threads: int) -> tuple[Callable[[], object], Callable[[], np.ndarray]]:
    """A short stretch, and ten minutes, for `weigh`."""
    rate, seconds, longest = (8000, 60, 1024) if quick else (44_100, 600, 8192)
    kernels = gabors(longest)
    prepared = bank(kernels if readout == "modulus" else [k.real.copy() for k in kernels], rate // 32, readout)
    x = recording(seconds * rate)
    return lambda: respond(prepared, x[: 30 * longest], n_jobs=threads), lambda: respond(prepared, x, n_jobs=threads)[0]
