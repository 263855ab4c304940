"""Changes of a signal that leave its class as it is: shift, gain, noise, stretch, rotation, pitch and their like."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, signal

from filterbank.errors import invalid

__all__ = ["NUISANCES", "Nuisance", "nuisances"]

SHIFT = 0.1  # of the signal's size along each axis
STRETCH = 1.1
NOISE = 10.0  # decibels of signal over noise
ROTATION = 15.0  # degrees
ZOOM = 1.2
BLUR = 1.0  # samples
SEMITONES = 2.0
REVERBERATION = 0.3  # seconds until the echo is 60 decibels down
FRAME = 1024  # samples of the phase vocoder


@dataclass(frozen=True)
class Nuisance:
    """A change that a representation should bear.

    Parameters
    ----------
    name : str
    kinds : tuple of str
        The kinds of signal that it makes sense for.
    strength : str
        How much is changed, in words.
    change : callable
        `change(signal, rate, rng)` returns the changed signal; the signal is `(channel, *axes)`, and so is what
        comes back, of the same shape.
    """

    name: str
    kinds: tuple[str, ...]
    strength: str
    change: Callable[[np.ndarray, float | None, np.random.Generator], np.ndarray]


def nuisances(kind: str) -> list[Nuisance]:
    """Return the nuisances that make sense for a kind of signal.

    Parameters
    ----------
    kind : {"series", "sound", "image", "volume"}

    Examples
    --------
    >>> [n.name for n in nuisances("series")]
    ['shift', 'gain', 'offset', 'noise', 'stretch', 'blur']
    """
    found = [n for n in NUISANCES.values() if kind in n.kinds]
    if not found:
        raise invalid("kind", kind, "one of series, sound, image, volume")
    return found


def shift(x: np.ndarray, rate: float | None, rng: np.random.Generator) -> np.ndarray:
    """Shift along each axis by a tenth of its size; what enters is mirrored."""
    for axis in range(1, x.ndim):
        n = x.shape[axis]
        at = np.abs(np.arange(n) - max(1, round(SHIFT * n)))
        x = np.take(x, np.minimum(at, n - 1), axis=axis)
    return x


def gain(x: np.ndarray, rate: float | None, rng: np.random.Generator) -> np.ndarray:
    """Make everything twice as large: 6 decibels more."""
    return 2 * x


def offset(x: np.ndarray, rate: float | None, rng: np.random.Generator) -> np.ndarray:
    """Add one standard deviation of the signal."""
    return x + x.std()


def noise(x: np.ndarray, rate: float | None, rng: np.random.Generator) -> np.ndarray:
    """Add white Gaussian noise, 10 decibels below the signal's own variance."""
    return x + x.std() * 10 ** (-NOISE / 20) * rng.normal(size=x.shape).astype(x.dtype, copy=False)


def stretch(x: np.ndarray, rate: float | None, rng: np.random.Generator) -> np.ndarray:
    """Slow down by a tenth about the middle, with the same number of samples: frequencies fall with it."""
    n = x.shape[-1]
    at = (np.arange(n) - (n - 1) / 2) / STRETCH + (n - 1) / 2
    return np.stack([np.interp(at, np.arange(n), channel) for channel in x]).astype(x.dtype, copy=False)


def rotation(x: np.ndarray, rate: float | None, rng: np.random.Generator) -> np.ndarray:
    """Turn by 15 degrees in the plane of the last two axes; what enters at the corners is mirrored."""
    return ndimage.rotate(x, ROTATION, axes=(x.ndim - 1, x.ndim - 2), reshape=False, order=1, mode="mirror")


def scale(x: np.ndarray, rate: float | None, rng: np.random.Generator) -> np.ndarray:
    """Come 1.2 times as near: the middle fills the same number of samples."""
    matrix = np.array([1.0] + [1 / ZOOM] * (x.ndim - 1))
    middle = (np.array(x.shape) - 1) / 2
    return ndimage.affine_transform(x, matrix, offset=middle - matrix * middle, order=1, mode="mirror")


def blur(x: np.ndarray, rate: float | None, rng: np.random.Generator) -> np.ndarray:
    """Smooth with a Gaussian of a standard deviation of one sample."""
    return ndimage.gaussian_filter(x, [0.0] + [BLUR] * (x.ndim - 1), mode="mirror")


def pitch(x: np.ndarray, rate: float | None, rng: np.random.Generator) -> np.ndarray:
    """Raise by two semitones at the same duration: stretched with a phase-locked vocoder, then played faster [1]_.

    References
    ----------
    .. [1] J. Laroche, M. Dolson, Improved phase vocoder time-scale modification of audio, IEEE Transactions on Speech
       and Audio Processing 7 (1999) 323-332, section III.
    """
    factor = 2 ** (SEMITONES / 12)
    n = x.shape[-1]
    frame = min(FRAME, max(16, 2 ** math.floor(math.log2(max(n // 4, 16)))))
    out = []
    for channel in x:
        slow = _slower(channel, factor, frame)
        out.append(np.interp(np.arange(n) * factor, np.arange(len(slow)), slow))
    return np.stack(out).astype(x.dtype, copy=False)


def _slower(channel: np.ndarray, factor: float, frame: int) -> np.ndarray:
    """The sound, `factor` times as long, at its pitch."""
    hop = frame // 4
    _, _, spectrum = signal.stft(channel, nperseg=frame, noverlap=frame - hop, boundary="zeros", padded=True)
    modulus, angle = np.abs(spectrum), np.angle(spectrum)
    usual = 2 * np.pi * hop * np.arange(len(spectrum)) / frame
    phase = angle[:, 0]
    slow = []
    for at in np.arange(0, spectrum.shape[1] - 1, 1 / factor):
        before = int(at)
        part = at - before
        peaks = _peaks(modulus[:, before])
        slow.append(
            ((1 - part) * modulus[:, before] + part * modulus[:, before + 1])
            * np.exp(1j * (phase[peaks] + angle[:, before] - angle[peaks, before]))
        )
        advance = angle[:, before + 1] - angle[:, before] - usual
        phase = np.angle(slow[-1]) + usual + advance - 2 * np.pi * np.round(advance / (2 * np.pi))
    return signal.istft(np.transpose(slow), nperseg=frame, noverlap=frame - hop, boundary=True)[1]


def _peaks(modulus: np.ndarray) -> np.ndarray:
    """For each frequency the nearest local maximum: what lies around one keeps its phases relative to it."""
    inside = modulus[1:-1]
    peaks = 1 + np.flatnonzero((inside >= modulus[:-2]) & (inside > modulus[2:]))
    if not len(peaks):
        return np.arange(len(modulus))
    middles = (peaks[1:] + peaks[:-1]) / 2
    return peaks[np.searchsorted(middles, np.arange(len(modulus)))]


def reverberation(x: np.ndarray, rate: float | None, rng: np.random.Generator) -> np.ndarray:
    """Add the echo of a room, as strong as the sound itself: noise that is 60 decibels down after 0.3 s.

    Without a rate, 0.3 s are a tenth of the signal.
    """
    n = x.shape[-1]
    reach = max(2, round(REVERBERATION * rate) if rate else n // 10)
    tail = rng.normal(size=reach) * 10 ** (-3 * np.arange(reach) / reach)
    tail[0] = 0
    tail /= np.linalg.norm(tail)
    return (x + signal.fftconvolve(x, tail[None], axes=-1)[:, :n]).astype(x.dtype, copy=False)


_TIME, _SPACE = ("series", "sound"), ("image", "volume")
NUISANCES: dict[str, Nuisance] = {
    n.name: n
    for n in (
        Nuisance("shift", _TIME + _SPACE, "a tenth of the size along each axis, mirrored at the end", shift),
        Nuisance("gain", _TIME + _SPACE, "2 times (6 dB)", gain),
        Nuisance("offset", ("series", *_SPACE), "one standard deviation of the signal", offset),
        Nuisance("noise", _TIME + _SPACE, "white, 10 dB below the signal's variance", noise),
        Nuisance("stretch", _TIME, "1.1 times as slow, frequencies with it", stretch),
        Nuisance("rotation", _SPACE, "15 degrees in the plane of the last two axes", rotation),
        Nuisance("scale", _SPACE, "1.2 times as near", scale),
        Nuisance("blur", ("series", *_SPACE), "Gaussian, one sample wide (sigma)", blur),
        Nuisance("pitch", ("sound",), "two semitones up at the same duration", pitch),
        Nuisance("reverberation", ("sound",), "an echo as strong as the sound, 60 dB down after 0.3 s", reverberation),
    )
}
"""The nuisances by name."""
