"""What is known of one whole sound: a picture of a word made alike for all speakers, and statistics of a texture."""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np
import scipy.fft

from filterbank.banks import MelBank
from filterbank.design import cosines, deltas
from filterbank.engine import respond
from filterbank.errors import InputError, invalid
from filterbank.signals import SignalInfo, as_signal, check_finite

__all__ = [
    "cepstra_of_picture",
    "cepstra_of_picture_names",
    "mel_picture",
    "texture_statistics",
    "texture_statistics_names",
]

FLOOR = 1e-9  # of powers
RANGE = 80.0  # decibels below the loudest band that are told apart
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
STEPS = (0.5, 0.9)  # quantiles of how far cepstra step from frame to frame
N_TEXTURE = 60  # mel bands of a texture
N_CEPSTRA = 20
MODULATION = (0.3, 0.7, 1.4, 2.8, 5.6, 11.0, 22.0, 31.0)  # hertz: bands of modulation, of groups of mel bands
GROUPS = 15
DEPTHS = (3, 6, 10, 15, 20, 30, 40, 50, 60, 80)  # decibels below the loudest frame
ONSETS = (6, 10, 20, 30)


def mel_picture(
    samples: np.ndarray,
    rate: float,
    *,
    n_mels: int = 40,
    n_frames: int | None = 32,
    below: float = 20.0,
    root: float = 7.0,
    flatten: float = 0.5,
) -> np.ndarray:
    """Return a spectrogram on the mel scale that looks alike for all who say the same word.

    Leading and trailing frames that are softer than the loudest by more than `below` decibels are cut off, each band
    is divided by a power of its mean (which takes out half of what a microphone and a voice add, and leaves half of
    what the word does), what is left is compressed by a root, and time is stretched to a number of frames.

    Parameters
    ----------
    samples : array, (time,) or (channel, time)
        Of several channels, the mean is taken.
    rate : float
        Samples per second.
    n_mels : int
    n_frames : int, optional
        None: the frames as they are, one every 5 ms.
    below : float
        Decibels.
    root : float
        Compression; a root keeps what is soft nearer to zero than a logarithm, and with it noise.
    flatten : float
        The power of the mean, from 0 (nothing is taken out) to 1.

    Returns
    -------
    array, (n_mels, n_frames)
        0 in silence; the loudest frames are about 1.

    Raises
    ------
    InputError
        For NaN or no samples.

    Notes
    -----
    Frames of about 32 ms, a power of two samples.

    References
    ----------
    Kim and Stern, "Power-normalized cepstral coefficients", IEEE/ACM Transactions on Audio, Speech, and Language
    Processing 24(7), 2016 (roots); Wang, Getreuer, Hughes, Lyon and Saurous, ICASSP 2017 (dividing by a power of the
    mean).

    Examples
    --------
    >>> import numpy as np
    >>> mel_picture(np.random.default_rng(0).normal(size=4000), 8000).shape
    (40, 32)
    """
    for name, value, least in (("below", below, 0.0), ("root", root, 0.0)):
        if not value > least:
            raise invalid(name, value, "a positive number")
    if not 0 <= flatten <= 1:
        raise invalid("flatten", flatten, "between 0 and 1")
    n_fft = 2 ** max(6, round(math.log2(0.032 * rate)))
    powers = _mel_powers(samples, rate, n_mels, n_fft, max(1, round(0.005 * rate)), 60.0)
    loudest = powers.max()
    if loudest <= 0:
        return np.zeros((n_mels, n_frames or powers.shape[1]))
    powers = np.maximum(powers, loudest * 10 ** (-RANGE / 10))
    frames = powers.sum(axis=0)
    there = np.flatnonzero(frames > frames.max() * 10 ** (-below / 10))
    powers = powers[:, there[0] : there[-1] + 1]
    powers = powers / powers.mean(axis=1, keepdims=True) ** flatten
    picture = (powers / np.percentile(powers.mean(axis=0), 95)) ** (1 / root)
    return picture if n_frames is None else _stretched(picture, n_frames)


def cepstra_of_picture(
    samples: np.ndarray, rate: float, n_segments: int = 8, n_cepstra: int = 13, width: int = 9
) -> np.ndarray:
    """Return the means, in equal parts of a word, of the cepstra of `mel_picture` and of their slopes.

    Parameters
    ----------
    samples : array, (time,) or (channel, time)
    rate : float
        Samples per second.
    n_segments, n_cepstra : int
    width : int
        Frames of 5 ms that a slope is fitted to; odd.

    Returns
    -------
    array, (2 * n_cepstra * n_segments,)

    Examples
    --------
    >>> import numpy as np
    >>> cepstra_of_picture(np.random.default_rng(0).normal(size=4000), 8000).shape
    (208,)
    """
    picture = mel_picture(samples, _known(rate), n_frames=None)
    cepstra = cosines(n_cepstra, len(picture)) @ picture
    half = width // 2
    padded = np.pad(cepstra, ((0, 0), (half, half)), mode="edge")
    slopes = np.apply_along_axis(np.convolve, 1, padded, deltas(width), "valid")
    return np.concatenate([_stretched(cepstra, n_segments).ravel(), _stretched(slopes, n_segments).ravel()])


def cepstra_of_picture_names(
    n_channels: int, rate: float | None, n_segments: int = 8, n_cepstra: int = 13
) -> list[dict[str, Any]]:
    """Return the rows of `feature_table_` for `cepstra_of_picture`."""
    return [
        {"feature": f"{what}[{k}].segment{s}", "coefficient": k, "cell": str(s), "statistic": what}
        for what in ("cepstrum", "slope")
        for k in range(n_cepstra)
        for s in range(n_segments)
    ]


def texture_statistics(samples: np.ndarray, rate: float, below: float = 30.0) -> np.ndarray:
    """Return statistics of a sound that say what it is made of, wherever in the recording it is.

    Of 20 cepstra of 60 log-mel bands, over the frames at most `below` (then 60) decibels softer than the loudest:
    five quantiles, mean and standard deviation, and how far they step from frame to frame (two quantiles and the mean).
    Of 15 groups of bands: the power of their modulation in seven bands from 0.3 to 31 Hz. Of the loudness: the share of
    time that it is less than 3 to 80 decibels below its maximum, and how often it rises above four such levels.

    Parameters
    ----------
    samples : array, (time,) or (channel, time)
        Of several channels, the mean is taken.
    rate : float
        Samples per second.
    below : float
        Decibels.

    Returns
    -------
    array, (519,)

    References
    ----------
    McDermott and Simoncelli, "Sound texture perception via statistics of the auditory periphery", Neuron 71(5), 2011
    (statistics of bands and of their modulation).

    Examples
    --------
    >>> import numpy as np
    >>> texture_statistics(np.random.default_rng(0).normal(size=16000), 16000).shape
    (519,)
    """
    if not below > 0:
        raise invalid("below", below, "a positive number of decibels")
    n_fft = 2 ** max(8, round(math.log2(0.064 * _known(rate))))
    bands = 10 * np.log10(np.maximum(_mel_powers(samples, rate, N_TEXTURE, n_fft, n_fft // 4, 40.0), FLOOR))
    loudness = bands.max(axis=0)
    level = loudness - loudness.max()
    shares = [(level > -depth).mean() for depth in DEPTHS]
    onsets = [math.log1p(int((np.diff((level > -depth).astype(np.int8)) == 1).sum())) for depth in ONSETS]
    cepstra = cosines(N_CEPSTRA, N_TEXTURE) @ bands
    some = [_of_cepstra(cepstra[:, level > -depth]) for depth in (below, 60.0)]
    return np.concatenate([*some, _of_modulation(bands, rate / (n_fft // 4)), shares, onsets])


def texture_statistics_names(n_channels: int, rate: float | None, below: float = 30.0) -> list[dict[str, Any]]:
    """Return the rows of `feature_table_` for `texture_statistics`."""
    names = [
        f"{what}.within{depth:g}dB.cepstrum{k}"
        for depth in (below, 60.0)
        for what in (
            *(f"quantile{q:g}" for q in QUANTILES),
            *("mean", "std"),
            *(f"step quantile{q:g}" for q in STEPS),
            "step mean",
        )
        for k in range(N_CEPSTRA)
    ]
    names += [
        f"modulation[{low:g}-{high:g}Hz].group{g}"
        for low, high in itertools.pairwise(MODULATION)
        for g in range(GROUPS)
    ]
    names += [f"share.within{depth}dB" for depth in DEPTHS] + [f"onsets.above-{depth}dB" for depth in ONSETS]
    return [{"feature": name, "statistic": name.partition(".")[0].partition("[")[0]} for name in names]


def _of_cepstra(cepstra: np.ndarray) -> np.ndarray:
    steps = np.abs(np.diff(cepstra, axis=1)) if cepstra.shape[1] > 1 else np.zeros((len(cepstra), 1))
    return np.concatenate(
        [
            np.quantile(cepstra, QUANTILES, axis=1).ravel(),
            cepstra.mean(axis=1),
            cepstra.std(axis=1),
            np.quantile(steps, STEPS, axis=1).ravel(),
            steps.mean(axis=1),
        ]
    )


def _of_modulation(bands: np.ndarray, rate: float) -> np.ndarray:
    """The logarithms of powers in bands of modulation, of groups of mel bands."""
    groups = np.maximum(bands, bands.max() - 60).reshape(GROUPS, -1, bands.shape[1]).mean(axis=1)
    groups = groups - groups.mean(axis=1, keepdims=True)
    n = max(256, groups.shape[1])
    power = np.abs(scipy.fft.rfft(groups * np.hanning(groups.shape[1]), n, axis=1)) ** 2
    f = np.arange(n // 2 + 1) * (rate / n)
    inside = [(f >= low) & (f < high) for low, high in itertools.pairwise(MODULATION)]
    means = [power[:, some].mean(axis=1) if some.any() else np.zeros(GROUPS) for some in inside]
    return np.log(np.array(means) + 1e-3).ravel()


def _mel_powers(samples: np.ndarray, rate: float, n_mels: int, n_fft: int, hop: int, low: float) -> np.ndarray:
    array = as_signal(samples, 1).mean(axis=0, keepdims=True)
    check_finite(array)
    return respond(_mel_bank(float(rate), n_mels, n_fft, hop, low), array)[0].astype(np.float64)


@functools.lru_cache(maxsize=8)
def _mel_bank(rate: float, n_mels: int, n_fft: int, hop: int, low: float) -> MelBank:
    bank = MelBank(n_mels=n_mels, n_fft=n_fft, hop=hop, low=low, log=None)
    return bank.prepare(SignalInfo(1, 1, rate), np.random.default_rng(0))


def _stretched(rows: np.ndarray, n: int) -> np.ndarray:
    """The means of rows in `n` equal parts of time, cutting frames where an end lies within one."""
    total = np.concatenate([np.zeros((len(rows), 1)), np.cumsum(rows, axis=1)], axis=1)
    at = np.linspace(0, rows.shape[1], n + 1)
    before = np.minimum(at.astype(np.int64), rows.shape[1] - 1)
    sums = total[:, before] + (at - before) * (total[:, before + 1] - total[:, before])
    return np.diff(sums, axis=1) * (n / rows.shape[1])


def _known(rate: float | None) -> float:
    if rate is None:
        raise InputError(
            "the rate of the sound is unknown, and mel is a scale of hertz. Pass Signals.wrap(signals, rate=...)."
        )
    return rate
