"""The pitch of a sound and how voiced it is, frame by frame, by YIN."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from filterbank.banks.frames import FrameBank
from filterbank.errors import InputError, invalid
from filterbank.signals import SignalInfo

__all__ = ["PitchBank", "yin"]

PITCHES = ("pitch", "voicing", "voiced")


class PitchBank(FrameBank):
    """Three responses a frame: `pitch`, the fundamental frequency of its best period, voiced or not; `voicing`, from 0
    (no period) to 1 (the same again after a period); and `voiced`, 1 where the aperiodicity is below `threshold`.

    Parameters
    ----------
    low, high : float
        The lowest and highest pitch that is looked for; hertz where the rate is known, else cycles/sample.
    threshold : float
        The aperiodicity below which the first (shortest) period is taken.
    hop : int
        Samples from one frame to the next.
    pad : {"reflect", "symmetric", "edge", "wrap", "zero"}, optional
        How the signal goes on beyond its ends; None: only frames that lie within it.

    Notes
    -----
    A frame has the samples of two longest periods. Steps 1 to 5 of the method; step 6, which looks for a better
    estimate nearby, is left out, so that frames are independent. Of made harmonic tones from 70 to 480 Hz, pitch comes
    within 0.3 % (at 8 kHz; 0.1 % at 44.1 kHz). The share of voiced frames is `Moments(["mean"])` of
    `voiced`; for the mean pitch of voiced frames see `filterbank.sound.pitch`.
    Cost: linear in the number of frames, each a few transforms of the size of the frame.

    References
    ----------
    de Cheveigné and Kawahara, "YIN, a fundamental frequency estimator for speech and music", J. Acoustical Society of
    America 111(4), 2002, eq. 6 and 8, steps 4 and 5.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import Moments, Representation, Signals
    >>> from filterbank.banks import PitchBank
    >>> t = np.arange(8000) / 8000
    >>> voice = sum(np.sin(2 * np.pi * 200 * k * t) / k for k in range(1, 8))
    >>> pitch = Representation(PitchBank(pad=None), Moments(["mean"]))
    >>> pitch.fit_transform(Signals.wrap([voice], rate=8000)).round()
    array([[200.,   1.,   1.]])
    """

    def __init__(
        self,
        *,
        low: float = 60.0,
        high: float = 500.0,
        threshold: float = 0.1,
        hop: int = 160,
        pad: str | None = "reflect",
    ) -> None:
        self.low = low
        self.high = high
        self.threshold = threshold
        self.hop = hop
        self.pad = pad

    def _design(self, info: SignalInfo) -> tuple[int, int]:
        rate = info.rate or 1.0
        unit = "cycles/sample" if info.rate is None else "Hz"
        if not (np.isfinite(self.low) and 0 < self.low < self.high):
            raise invalid("low", self.low, f"above 0 and below high={self.high:g}", do="It is in Hz, or cycles/sample.")
        if not self.high <= rate / 4:
            why = "a period needs at least four samples"
            raise invalid("high", self.high, f"at most {rate / 4:g} {unit}, a quarter of the rate", why=why)
        if not 0 < self.threshold < 1:
            raise invalid("threshold", self.threshold, "between 0 and 1")
        self._shortest = max(2, math.floor(rate / self.high))
        self._longest = math.ceil(rate / self.low)
        if self._longest > 1 << 20:
            raise InputError(f"low={self.low:g} {unit} makes a period of {self._longest} samples. Raise it.")
        n = 2 * self._longest + 1
        return n // 2, n - n // 2 - 1

    def _answer(self, frames: np.ndarray) -> np.ndarray:
        periods, aperiodicity = yin(
            frames, shortest=self._shortest, longest=self._longest, threshold=float(self.threshold)
        )
        pitch = (self.rate_ or 1.0) / periods
        voicing = np.clip(1.0 - aperiodicity, 0.0, 1.0)
        return np.stack([pitch, voicing, (aperiodicity < self.threshold).astype(np.float64)])

    def _rows(self) -> list[dict[str, Any]]:
        unit = "cycles/sample" if self.rate_ is None else "Hz"
        return [{"kernel": name, "unit": unit if name == "pitch" else ""} for name in PITCHES]


def yin(frames: np.ndarray, *, shortest: int, longest: int, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the period of each frame, in samples, and its aperiodicity, by YIN.

    Parameters
    ----------
    frames : array, (frame, sample)
        At least `longest + 2` samples each; all but the last `longest + 1` are compared with what follows.
    shortest, longest : int
        The periods that are looked for, in samples.
    threshold : float

    Returns
    -------
    periods : array, (frame,)
        Between samples, by a parabola through the difference function.
    aperiodicity : array, (frame,)
        The cumulative mean normalised difference there: 0 for what repeats itself, about 1 for noise, 1 for silence.

    Examples
    --------
    >>> import numpy as np
    >>> frame = np.sin(2 * np.pi * np.arange(203) / 40.0)[np.newaxis]
    >>> periods, _ = yin(frame, shortest=10, longest=100, threshold=0.1)
    >>> periods.round(2).tolist()
    [40.0]
    """
    n = frames.shape[1] - longest - 1  # samples that are compared
    difference = _differences(frames, n, longest + 1)
    lags = np.arange(1, longest + 2)
    total = np.cumsum(difference[:, 1:], axis=1)
    normalised = np.ones_like(difference)
    np.divide(difference[:, 1:] * lags, total, out=normalised[:, 1:], where=total > 0)
    inside = normalised[:, shortest : longest + 1]
    falls = normalised[:, shortest - 1 : longest] >= inside
    rises = normalised[:, shortest + 1 : longest + 2] >= inside
    dips = falls & rises & (inside < threshold)
    chosen = np.where(dips.any(axis=1), dips.argmax(axis=1), inside.argmin(axis=1)) + shortest
    rows = np.arange(len(frames))
    left, middle, right = (difference[rows, chosen + step] for step in (-1, 0, 1))
    curve = left - 2 * middle + right
    step = np.divide(left - right, 2 * curve, out=np.zeros(len(frames)), where=curve > 0)
    return chosen + np.clip(step, -0.5, 0.5), normalised[rows, chosen]


def _differences(frames: np.ndarray, n: int, longest: int) -> np.ndarray:
    """The sums over `n` samples of squared differences to what follows after each lag from 0 to `longest`."""
    import scipy.fft

    centred = frames - frames[:, :n].mean(axis=1, keepdims=True)  # which changes no difference, and spares digits
    size = scipy.fft.next_fast_len(frames.shape[1] + n, real=True)
    first = scipy.fft.rfft(centred[:, :n], size, axis=1)
    whole = scipy.fft.rfft(centred, size, axis=1)
    products = scipy.fft.irfft(first.conj() * whole, size, axis=1)[:, : longest + 1]
    energies = np.concatenate([np.zeros((len(frames), 1)), np.cumsum(centred**2, axis=1)], axis=1)
    own = energies[:, n : n + 1]
    shifted = energies[:, n : n + longest + 1] - energies[:, : longest + 1]
    out = np.maximum(own + shifted - 2 * products, 0.0)
    out[out < 1e-12 * own] = 0.0  # rounding
    return out
