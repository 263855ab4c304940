"""Recipes for sound: powers in bands, cepstra in segments, words, modulation and scattering, with sizes in seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from filterbank.banks import AtRate, Chain, GaborBank, GaussianBank, MelBank, ScatteringBank, WindowedBank, with_deltas
from filterbank.pools import BagOfWords, Moments, Pyramid
from filterbank.representation import Representation, WholeSignal
from filterbank.sound_features import (
    cepstra_of_picture,
    cepstra_of_picture_names,
    texture_statistics,
    texture_statistics_names,
)
from filterbank.spectrum import band_power as power_between

__all__ = [
    "band_power",
    "local_derivatives",
    "mel_frames",
    "mfcc_segments",
    "modulation",
    "scattering_1d",
    "sound_texture",
    "sound_words",
    "word_pictures",
]

TENS = tuple(range(0, 1001, 100))
"""The tutorial's ten bands of 100 Hz below 1 kHz."""

QUIETEST = 1e-12  # of the power of a sound with a peak of 1: -120 decibels


def band_power(
    kind: str = "sound", *, edges: Sequence[float] = TENS, rule: str = "exact", decibel: bool = True
) -> WholeSignal:
    """Return the power of a whole sound in bands of frequency, its largest sample made 1.

    Parameters
    ----------
    kind : {"sound"}
    edges : sequence of float, (band + 1,) or (band, 2)
        Hertz. Ten bands of 100 Hz below 1 kHz, if not given.
    rule : {"exact", "tutorial"}
        What is done with bins that an edge cuts: see `filterbank.design.band_weights`.
    decibel : bool
        Whether to take `10 log10`, of at least -120 dB.

    Examples
    --------
    >>> from filterbank import Signals
    >>> tone = np.sin(2 * np.pi * 250 * np.arange(8000) / 8000)
    >>> band_power().fit_transform(Signals.wrap([tone], rate=8000))[0, :4].round(1).tolist()
    [-120.0, -120.0, -3.0, -120.0]
    """
    parameters = {"edges": tuple(edges), "rule": rule, "decibel": decibel}
    return WholeSignal(powers_in_bands, names=powers_in_bands_names, parameters=parameters)


def mfcc_segments(
    kind: str = "sound", *, n_mfcc: int = 13, n_segments: int = 10, deltas: bool = False
) -> Representation:
    """Return the means of mel cepstra in equal parts of the sound, in their order.

    Parameters
    ----------
    kind : {"sound"}
    n_mfcc : int
    n_segments : int
    deltas : bool
        Whether with the cepstra's slopes and curvatures.

    Notes
    -----
    Order in time helps for words, and hurts for the sounds of the environment. Frames of 32 ms every 10 ms.

    Examples
    --------
    >>> from filterbank import Signals
    >>> noise = np.random.default_rng(0).normal(size=8000)
    >>> mfcc_segments(n_segments=4).fit_transform(Signals.wrap([noise], rate=8000)).shape
    (1, 52)
    """
    bank = AtRate(mel_frames, parameters={"n_mfcc": n_mfcc, "deltas": deltas})
    return Representation(bank, Pyramid(Moments(["mean"]), levels=(n_segments,)))


def sound_words(
    kind: str = "sound", *, n_words: int = 30, levels: Sequence[int] = (1,), random_state: Any = 0
) -> Representation:
    """Return a bag of words: how often each of some typical local features occurs in the sound.

    Parameters
    ----------
    kind : {"sound"}
    n_words : int
        Words that k-means learns from the training sounds.
    levels : sequence of int
        `(1,)`: one bag; `(1, 3)`: one of the sound and one of each third (a pyramid in time).
    random_state : int, RandomState instance or None

    Notes
    -----
    A local feature holds mean, standard deviation and maximum of each response of `local_derivatives` in a window of
    1/8 s; there is one every 1/32 s. Each is standardised.

    Examples
    --------
    >>> from filterbank import Signals
    >>> sounds = [np.random.default_rng(i).normal(size=8000) for i in range(3)]
    >>> sound_words(n_words=5).fit_transform(Signals.wrap(sounds, rate=8000)).sum(axis=1).round(6).tolist()
    [1.0, 1.0, 1.0]
    """
    words = BagOfWords(n_words, standardise=True)
    pool = words if tuple(levels) == (1,) else Pyramid(words, levels=tuple(levels))
    return Representation(AtRate(local_derivatives), pool, random_state=random_state)


def modulation(kind: str = "sound", *, n_mels: int = 20) -> Representation:
    """Return how strongly, and how fast, log-mel bands rise and fall: a modulation spectrum.

    Parameters
    ----------
    kind : {"sound"}
    n_mels : int

    Notes
    -----
    Mean and standard deviation of the moduli of five Gabor filters an octave apart, from 25 to 1.6 Hz, of each band.

    Examples
    --------
    >>> from filterbank import Signals
    >>> noise = np.random.default_rng(0).normal(size=16000)
    >>> modulation().fit_transform(Signals.wrap([noise], rate=8000)).shape
    (1, 200)
    """
    return Representation(AtRate(mel_modulation, parameters={"n_mels": n_mels}), Moments(["mean", "std"]))


def scattering_1d(kind: str = "sound", *, seconds: float = 0.125, Q: int = 8) -> Representation:
    """Return the mean and standard deviation of scattering coefficients of orders 0 to 2.

    Parameters
    ----------
    kind : {"sound"}
    seconds : float
        The width of the low-pass windows, made a power of two samples.
    Q : int
        Wavelets an octave of the first order.

    Examples
    --------
    >>> from filterbank import Signals
    >>> noise = np.random.default_rng(0).normal(size=8000)
    >>> scattering_1d(seconds=0.1, Q=4).fit(Signals.wrap([noise], rate=8000)).bank_.J
    9
    """
    bank = AtRate(scattering_over, parameters={"seconds": seconds, "Q": Q})
    return Representation(bank, Moments(["mean", "std"]))


def word_pictures(kind: str = "sound", *, n_segments: int = 8, n_cepstra: int = 13) -> WholeSignal:
    """Return cepstra and their slopes in segments of a spoken word, made alike for all speakers as `mel_picture` says.

    Parameters
    ----------
    kind : {"sound"}
    n_segments : int
    n_cepstra : int

    Examples
    --------
    >>> from filterbank import Signals
    >>> noise = np.random.default_rng(0).normal(size=4000)
    >>> word_pictures().fit_transform(Signals.wrap([noise], rate=8000)).shape
    (1, 208)
    """
    parameters = {"n_segments": n_segments, "n_cepstra": n_cepstra}
    return WholeSignal(cepstra_of_picture, names=cepstra_of_picture_names, parameters=parameters)


def sound_texture(kind: str = "sound", *, below: float = 30.0) -> WholeSignal:
    """Return statistics of a sound of the environment, wherever in the recording it is: see `texture_statistics`.

    Parameters
    ----------
    kind : {"sound"}
    below : float
        Frames more than so many decibels below the loudest don't count for the cepstra.

    Examples
    --------
    >>> from filterbank import Signals
    >>> noise = np.random.default_rng(0).normal(size=16000)
    >>> sound_texture().fit_transform(Signals.wrap([noise], rate=16000)).shape
    (1, 519)
    """
    return WholeSignal(texture_statistics, names=texture_statistics_names, parameters={"below": below})


def powers_in_bands(
    signal: np.ndarray, rate: float | None, edges: Sequence[float], rule: str, decibel: bool
) -> np.ndarray:
    """Return each channel's powers in bands, channel by channel."""
    peak = float(np.abs(signal).max())
    scaled = signal.astype(np.float64) / (peak or 1.0)
    powers = power_between(scaled, edges, rate=rate, rule=rule, detrend=None).ravel()
    return 10 * np.log10(np.maximum(powers, QUIETEST)) if decibel else powers


def powers_in_bands_names(
    n_channels: int, rate: float | None, edges: Sequence[float], rule: str, decibel: bool
) -> list[dict[str, Any]]:
    """Return the rows of `feature_table_` for `powers_in_bands`."""
    unit = "cycles/sample" if rate is None else "Hz"
    limits = np.asarray(edges, dtype=np.float64)
    pairs = (np.stack([limits[:-1], limits[1:]], axis=1) if limits.ndim == 1 else limits).tolist()
    return [
        {
            "feature": f"{f'channel{c}.' if n_channels > 1 else ''}power[{low:g}-{high:g}{unit}]",
            "channel": c,
            "frequency": (low + high) / 2,
            "unit": unit,
            "statistic": "power, dB" if decibel else "power",
        }
        for c in range(n_channels)
        for low, high in pairs
    ]


def mel_frames(rate: float, *, n_mfcc: int | None = None, deltas: bool = False, n_mels: int = 40) -> Any:
    """Return log-mel bands, or cepstra, in frames of about 32 ms (a power of two samples) every 10 ms."""
    n_fft = 2 ** max(6, round(math.log2(0.032 * rate)))
    bank = MelBank(n_mels=n_mels, n_fft=n_fft, hop=max(1, round(0.01 * rate)), n_mfcc=n_mfcc)
    return with_deltas(bank) if deltas else bank


def mel_modulation(rate: float, *, n_mels: int) -> Chain:
    """Return Gabor filters from 25 to 1.6 Hz of log-mel bands."""
    return Chain(mel_frames(rate, n_mels=n_mels), GaborBank(1, n_frequencies=5, highest=0.25))


def local_derivatives(rate: float, *, sigmas: Sequence[float] = (5e-4, 2e-3)) -> WindowedBank:
    """Return local features: Gaussian derivatives in windows of 1/8 s every 1/32 s.

    Parameters
    ----------
    rate : float
    sigmas : sequence of float
        Seconds. Of each, the first and the second derivative.
    """
    derivatives = GaussianBank(1, sigmas=[float(s * rate) for s in sigmas], orders=(1, 2))
    window, hop = max(2, round(rate / 8)), max(1, round(rate / 32))
    return WindowedBank(derivatives, Moments(["mean", "std", "max"]), window=window, hop=hop)


def scattering_over(rate: float, *, seconds: float, Q: int) -> ScatteringBank:
    """Return a scattering bank whose windows are a power of two samples, at most so many seconds."""
    return ScatteringBank(1, J=max(2, math.floor(math.log2(seconds * rate))), Q=Q, truncate=3.0)
