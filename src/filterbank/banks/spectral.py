"""The shape of a sound's spectrum, frame by frame: centroid, spread, flatness, roll-off and flux."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from filterbank.banks.frames import FrameBank, check_whole, power_spectra, window_of
from filterbank.errors import invalid
from filterbank.signals import SignalInfo

__all__ = ["SHAPES", "SpectralShapeBank"]

SHAPES = ("centroid", "spread", "flatness", "rolloff", "flux")
"""What can be said of a spectrum's shape."""

FLOOR = 1e-10  # powers are raised to this before their logarithm


class SpectralShapeBank(FrameBank):
    """What shape each frame's spectrum has, whatever its loudness.

    Parameters
    ----------
    shapes : sequence of {"centroid", "spread", "flatness", "rolloff", "flux"}
        With the magnitudes `m` at frequencies `f`: "centroid", the mean of `f` weighted by `m`; "spread", the standard
        deviation about it; "flatness", the geometric mean of the powers over their arithmetic mean, 1 for white noise
        and 0 for tones (powers below 1e-10 count as that, so silence is flat); "rolloff", the lowest frequency up to
        which lies the share `share` of the sum of `m`; "flux", the sum of squared differences between `m`, divided by
        its sum, and the same one hop earlier. In silence, all but flatness are 0.
    n_fft : int
        Samples of a frame.
    hop : int
        Samples from one frame to the next.
    window : str or tuple
        The window's name as `scipy.signal.get_window` has it; it is periodic.
    share : float
        For "rolloff".
    pad : {"reflect", "symmetric", "edge", "wrap", "zero"}, optional
        How the signal goes on beyond its ends; None: only frames that lie within it (and have one before them, for
        "flux").

    Notes
    -----
    Centroid, spread and roll-off are in hertz where the rate is known, else in cycles/sample. With `pad="zero"` they
    are, as flatness is, those of librosa with `center=True`, but that librosa has one frame more where the length is a
    multiple of `hop`.

    References
    ----------
    Tzanetakis and Cook, "Musical genre classification of audio signals", IEEE Transactions on Speech and Audio
    Processing 10(5), 2002, section III-A (centroid, roll-off, flux). Johnston, IEEE J. Selected Areas in Communications
    6(2), 1988, eq. 13 (flatness).

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import Moments, Representation, Signals
    >>> from filterbank.banks import SpectralShapeBank
    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)
    >>> bank = SpectralShapeBank(["centroid", "flatness"], pad=None)
    >>> Representation(bank, Moments(["mean"])).fit_transform(Signals.wrap([tone], rate=8000)).round(2)
    array([[1000.,    0.]])
    """

    def __init__(
        self,
        shapes: Sequence[str] = SHAPES,
        *,
        n_fft: int = 512,
        hop: int = 160,
        window: str | tuple[Any, ...] = "hann",
        share: float = 0.85,
        pad: str | None = "reflect",
    ) -> None:
        self.shapes = shapes
        self.n_fft = n_fft
        self.hop = hop
        self.window = window
        self.share = share
        self.pad = pad

    def _design(self, info: SignalInfo) -> tuple[int, int]:
        check_whole("n_fft", self.n_fft, 2)
        known = not isinstance(self.shapes, str) and len(self.shapes) and set(self.shapes) <= set(SHAPES)
        if not known or len(set(self.shapes)) != len(self.shapes):
            raise invalid("shapes", self.shapes, f"a sequence of {', '.join(SHAPES)}, each once")
        if not 0 < self.share < 1:
            raise invalid("share", self.share, "between 0 and 1")
        n = int(self.n_fft)
        self.window_ = window_of(self.window, n)
        self._frequencies = np.arange(n // 2 + 1) * ((info.rate or 1.0) / n)
        self._earlier = int(self.hop) if "flux" in self.shapes else 0
        return n // 2 + self._earlier, n - n // 2 - 1

    def _answer(self, frames: np.ndarray) -> np.ndarray:
        powers = power_spectra(frames[:, self._earlier :], self.window_)
        magnitudes = np.sqrt(powers)
        shares = _shares(magnitudes)
        centroid = (shares * self._frequencies).sum(axis=1)
        found = {"centroid": centroid}
        if "spread" in self.shapes:
            away = self._frequencies - centroid[:, np.newaxis]
            found["spread"] = np.sqrt((shares * away * away).sum(axis=1))
        if "flatness" in self.shapes:
            raised = np.maximum(powers, FLOOR)
            found["flatness"] = np.exp(np.log(raised).mean(axis=1)) / raised.mean(axis=1)
        if "rolloff" in self.shapes:
            total = np.cumsum(magnitudes, axis=1)
            reached = total >= self.share * total[:, -1:]
            found["rolloff"] = self._frequencies[reached.argmax(axis=1)]
        if "flux" in self.shapes:
            before = _shares(np.sqrt(power_spectra(frames[:, : len(self.window_)], self.window_)))
            found["flux"] = ((shares - before) ** 2).sum(axis=1)
        return np.stack([found[shape] for shape in self.shapes])

    def _rows(self) -> list[dict[str, Any]]:
        unit = "cycles/sample" if self.rate_ is None else "Hz"
        units = {"centroid": unit, "spread": unit, "rolloff": unit}
        return [{"kernel": shape, "unit": units.get(shape, "")} for shape in self.shapes]


def _shares(magnitudes: np.ndarray) -> np.ndarray:
    """Magnitudes over their sum; 0 in silence."""
    total = magnitudes.sum(axis=1, keepdims=True)
    return np.divide(magnitudes, total, out=np.zeros_like(magnitudes), where=total > 0)
