"""Log-mel and MFCC: 100 sounds of 10 s at 16 kHz, float32, frames of 512 samples every 160, 40 bands, 13 coefficients.

Every contender goes from the sounds, a list of arrays, to an array a sound, by librosa's default convention (`reflect`
at the ends, decibels, no `top_db`). With two threads, ours, SciPy and librosa take sounds in two threads, and librosa
is also run without; torch has its own threads.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.fft

from benchmarks.harness import Contender, Row, absent, assert_agree, race, rows_of
from filterbank import MelBank, respond
from filterbank.signals import SignalInfo

RATE, N_FFT, HOP, N_MELS, N_MFCC = 16_000, 512, 160, 40, 13
LIBROSA, UNTHREADED, TORCH, SCIPY = "librosa", "librosa, no threads", "torch.stft by hand", "scipy.fft by hand"
DEMANDS = {1: {LIBROSA: 4.5, TORCH: 3.0}, 2: {LIBROSA: 8.0, UNTHREADED: 8.0, TORCH: 3.5}}
AT_ONCE = 10  # sounds that torch takes in one batch
BOUNDS = """What bounds `respond`: two thirds of its time are the compiled loop and padding; the rest is cutting
blocks, looking for NaN, and putting the blocks' frames in one array."""


def run(quick: bool) -> list[Row]:
    """Race with one thread and with two."""
    rng = np.random.default_rng(0)
    n_sounds, n_samples = (3, 4000) if quick else (100, 10 * RATE)
    t = np.arange(n_samples) / RATE
    tones = np.array([np.sin(2 * np.pi * f * t) for f in rng.uniform(100, 4000, n_sounds)])
    sounds = list((tones + 0.1 * rng.normal(size=tones.shape)).astype(np.float32))
    return [row for mfcc in (False, True) for threads in (1, 2) for row in _race(sounds, mfcc, threads, quick)]


def _race(sounds: list[np.ndarray], mfcc: bool, threads: int, quick: bool) -> list[Row]:
    job = "MFCC" if mfcc else "log-mel"
    options = {"n_mels": N_MELS, "n_fft": N_FFT, "hop": HOP, "n_mfcc": N_MFCC if mfcc else None}
    bank, valid = (
        MelBank(**options, pad=pad).prepare(SignalInfo(1, 1, RATE), np.random.default_rng(0))
        for pad in ("reflect", None)
    )

    def contender(name: str, one: Callable, kind: str, own_threads: int = threads) -> Contender:
        return Contender(name, lambda: over(one, sounds, own_threads), kind)

    half = N_FFT // 2
    contenders = [
        contender("respond", lambda x: respond(bank, x)[0], "ours"),
        contender("MelBank, np.pad", lambda x: valid(np.pad(x, (half, half - 1), mode="reflect")[np.newaxis]), "ours"),
        contender(SCIPY, functools.partial(by_scipy, bank.filters_.astype(np.float32), mfcc), "handwritten"),
    ]
    demands, rows = DEMANDS[threads], []
    if importlib.util.find_spec("torch"):
        contenders.append(Contender(TORCH, lambda: by_torch(bank.filters_, mfcc, sounds), "handwritten"))
    else:
        rows.append(
            absent(job, TORCH, "handwritten", threads=threads, demand=demands[TORCH], why="torch not installed")
        )
    if importlib.util.find_spec("librosa"):
        one = functools.partial(by_librosa, mfcc)
        contenders.append(contender(LIBROSA, one, "library"))
        if threads > 1:
            contenders.append(contender(UNTHREADED, one, "library", 1))
    else:
        rows.append(absent(job, LIBROSA, "library", threads=threads, demand=demands[LIBROSA], why="not installed"))
    expected = by_definition(sounds[0], bank.filters_, mfcc)
    n_frames = expected.shape[1]
    for each in contenders:  # some have one frame more, the middle of which lies behind the last sample
        found = [np.asarray(values)[:, :n_frames] for values in each.run()]
        assert_agree(found[0], expected, tolerance=1e-5, what=each.name)
        for i in (1, len(sounds) - 1):
            assert_agree(found[i], respond(bank, sounds[i])[0], tolerance=1e-5, what=f"{each.name}, sound {i}")
    medians = race(contenders, threads=threads, repeats=1 if quick else 5)
    return (
        rows_of(job, contenders, medians, threads=threads, demands=demands, flops=len(sounds) * n_frames * flops(bank))
        + rows
    )


def flops(bank: MelBank) -> float:
    """Count the useful operations of a frame: window, real transform, powers, bands, logarithms (20 each), cosines."""
    transform = 2.5 * N_FFT * np.log2(N_FFT)
    cosines = 0 if bank.n_mfcc is None else 2 * N_MELS * N_MFCC
    return N_FFT + transform + 1.5 * N_FFT + 2 * np.count_nonzero(bank.filters_) + 20 * N_MELS + cosines


def over(one: Callable, sounds: list[np.ndarray], threads: int) -> list[np.ndarray]:
    """Do one sound after the other, or in threads."""
    if threads == 1:
        return [one(x) for x in sounds]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, sounds))


@functools.cache
def hann() -> np.ndarray:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)


@functools.cache
def cosine_rows() -> np.ndarray:
    return scipy.fft.dct(np.eye(N_MELS), axis=0, norm="ortho")[:N_MFCC].astype(np.float32)


def by_definition(x: np.ndarray, filters: np.ndarray, mfcc: bool) -> np.ndarray:
    """In float64, a frame at a time."""
    padded = np.pad(x.astype(np.float64), (N_FFT // 2, N_FFT // 2 - 1), mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
    columns = [
        filters @ np.abs(np.fft.rfft(padded[t : t + N_FFT] * window)) ** 2
        for t in range(0, len(padded) - N_FFT + 1, HOP)
    ]
    decibels = 10 * np.log10(np.maximum(np.array(columns).T, 1e-10))
    return scipy.fft.dct(decibels, axis=0, norm="ortho")[:N_MFCC] if mfcc else decibels


def by_scipy(filters: np.ndarray, mfcc: bool, x: np.ndarray) -> np.ndarray:
    """Written by hand around SciPy: all frames of a sound at once, in float32."""
    padded = np.pad(x, (N_FFT // 2, N_FFT // 2 - 1), mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP] * hann()
    spectra = scipy.fft.rfft(frames, axis=1, workers=1)
    bands = filters @ (spectra.real**2 + spectra.imag**2).T
    np.maximum(bands, 1e-10, out=bands)
    np.log10(bands, out=bands)
    bands *= 10
    return cosine_rows() @ bands if mfcc else bands


def by_torch(filters: np.ndarray, mfcc: bool, sounds: list[np.ndarray]) -> list[np.ndarray]:
    """Written by hand around torch.stft, as torchaudio does it, some sounds at a time."""
    import torch

    weights, window = torch.from_numpy(filters.astype(np.float32)), torch.from_numpy(hann())
    rows = torch.from_numpy(cosine_rows())
    out: list[np.ndarray] = []
    for i in range(0, len(sounds), AT_ONCE):
        batch = torch.from_numpy(np.stack(sounds[i : i + AT_ONCE]))
        spectra = torch.stft(batch, N_FFT, HOP, window=window, center=True, pad_mode="reflect", return_complex=True)
        bands = weights @ (spectra.real.square() + spectra.imag.square())
        decibels = bands.clamp_(min=1e-10).log10_().mul_(10)
        out += list((rows @ decibels if mfcc else decibels).numpy())
    return out


def by_librosa(mfcc: bool, x: np.ndarray) -> np.ndarray:
    import librosa

    bands = librosa.feature.melspectrogram(y=x, sr=RATE, n_fft=N_FFT, hop_length=HOP, n_mels=N_MELS, pad_mode="reflect")
    decibels = librosa.power_to_db(bands, top_db=None)
    return librosa.feature.mfcc(S=decibels, n_mfcc=N_MFCC) if mfcc else decibels
