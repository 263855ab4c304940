"""The powers of a signal in bands of frequencies, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from filterbank.banks.frames import FrameBank, check_whole, power_spectra, window_of
from filterbank.design.bands import band_limits, band_weights
from filterbank.errors import InputError, invalid
from filterbank.signals import SignalInfo

__all__ = ["BandBank"]

LOGS = ("decibel", "natural", None)


class BandBank(FrameBank):
    """The power of each frame in bands of frequencies with any edges.

    Powers are one-sided: those of bands from 0 to half the rate add up to the mean square of the windowed frame over
    that of the window, whose mean over frames is the mean square of the signal.

    Parameters
    ----------
    edges : sequence of float, (band + 1,) or (band, 2)
        Increasing edges of bands that touch, or each band's own two; hertz where the rate is known, else cycles/sample.
    n_fft : int
        Samples of a frame; bands much narrower than `rate / n_fft` can't be told apart.
    hop : int
        Samples from one frame to the next.
    window : str or tuple
        The window's name as `scipy.signal.get_window` has it; it is periodic.
    rule : {"exact", "tutorial"}
        What is done with bins that an edge cuts: see `filterbank.design.band_weights`.
    log : {"decibel", "natural", None}
        "decibel" is `10 log10` of powers against 1, "natural" the natural logarithm. None takes none.
    floor : float
        Powers are raised to this before the logarithm.
    pad : {"reflect", "symmetric", "edge", "wrap", "zero"}, optional
        How the signal goes on beyond its ends; None: only frames that lie within it.

    Notes
    -----
    Cost: linear in the number of frames, each `n_fft * log2(n_fft)`.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import Moments, Representation, Signals
    >>> from filterbank.banks import BandBank
    >>> tone = np.sin(2 * np.pi * 250 * np.arange(8000) / 8000)  # a mean square of 1/2
    >>> bank = BandBank([0, 100, 200, 300, 400], n_fft=800, hop=400, pad=None)
    >>> Representation(bank, Moments(["mean"])).fit_transform(Signals.wrap([tone], rate=8000)).round(6)
    array([[0. , 0. , 0.5, 0. ]])
    """

    def __init__(
        self,
        edges: Sequence[Any] = tuple(range(0, 1001, 100)),
        *,
        n_fft: int = 2048,
        hop: int = 1024,
        window: str | tuple[Any, ...] = "hann",
        rule: str = "exact",
        log: str | None = None,
        floor: float = 1e-10,
        pad: str | None = "reflect",
    ) -> None:
        self.edges = edges
        self.n_fft = n_fft
        self.hop = hop
        self.window = window
        self.rule = rule
        self.log = log
        self.floor = floor
        self.pad = pad

    def _design(self, info: SignalInfo) -> tuple[int, int]:
        check_whole("n_fft", self.n_fft, 2)
        if self.log not in LOGS:
            raise invalid("log", self.log, "one of decibel, natural, None")
        if not (np.isfinite(self.floor) and self.floor > 0):
            raise invalid("floor", self.floor, "a positive number", why="it has no logarithm")
        n = int(self.n_fft)
        self.limits_ = band_limits(self.edges, rate=info.rate)
        self.window_ = window_of(self.window, n)
        energy = float((self.window_**2).sum())
        weights = band_weights(self.edges, n, rate=info.rate, rule=self.rule)
        empty = np.flatnonzero(~weights.any(axis=1))
        if len(empty):
            low, high = self.limits_[empty[0]]
            raise InputError(
                f"n_fft={n} leaves the band from {low:g} to {high:g} without a bin of the transform. Raise n_fft, or "
                "pass rule='exact'."
            )
        sides = np.full(n // 2 + 1, 2.0)
        sides[0] = 1.0
        if n % 2 == 0:
            sides[-1] = 1.0
        self.weights_ = weights * sides / (n * energy)
        self._runs = [(int(used[0]), int(used[-1]) + 1) for used in map(np.flatnonzero, self.weights_)]
        return n // 2, n - n // 2 - 1

    def _answer(self, frames: np.ndarray) -> np.ndarray:
        powers = power_spectra(frames, self.window_)
        bands = np.stack([(powers[:, a:b] * w[a:b]).sum(axis=1) for (a, b), w in zip(self._runs, self.weights_)])
        if self.log is None:
            return bands
        logs = np.log(np.maximum(bands, self.floor))
        return logs if self.log == "natural" else logs * (10 / np.log(10))

    def _rows(self) -> list[dict[str, Any]]:
        unit = "cycles/sample" if self.rate_ is None else "Hz"
        return [
            {
                "kernel": f"band[{low:.6g}-{high:.6g}{'' if self.rate_ is None else 'Hz'}]",
                "frequency": (low + high) / 2,
                "low": low,
                "high": high,
                "unit": unit,
            }
            for low, high in self.limits_.tolist()
        ]
