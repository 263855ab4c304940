"""What banks share that look at a sound frame by frame: how frames lie, and their spectra in a fixed order."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from filterbank.banks.base import Bank
from filterbank.errors import InputError, invalid
from filterbank.geometry import Geometry
from filterbank.signals import SignalInfo

__all__ = ["FrameBank", "check_whole", "power_spectra", "window_of"]

AT_ONCE = 64  # frames that are looked at together, always as many, so that what is found of one is always the same
UNIT = {True: "Hz", False: "cycles/sample"}


class FrameBank(BaseEstimator):
    """The base of banks whose responses are computed of one frame each: subclasses give `_design` and `_answer`.

    A position is the middle of a frame: sample `p * hop` of the signal with padding.
    """

    n_axes = 1
    hop: int
    pad: str | None

    def _design(self, info: SignalInfo) -> tuple[int, int]:
        """Check the parameters; return the samples that a frame needs before and after its position."""
        raise NotImplementedError

    def _answer(self, frames: np.ndarray) -> np.ndarray:
        """Return the responses to some frames, `(frame, sample)` in double precision, as `(response, frame)`."""
        raise NotImplementedError

    def _rows(self) -> list[dict[str, Any]]:
        """Return a row a response of one channel: at least `kernel`, its name."""
        raise NotImplementedError

    def prepare(self, info: SignalInfo, rng: np.random.Generator) -> Self:
        """Return a copy that is designed for signals of this rate.

        Parameters
        ----------
        info : SignalInfo
            Axes, channels and rate of the signals to come.
        rng : numpy.random.Generator
            Not used.

        Returns
        -------
        FrameBank

        Raises
        ------
        InputError
            If the signals have several axes, or a parameter is out of its range.
        """
        name = type(self).__name__
        if info.n_axes != 1:
            raise InputError(f"{name} is for signals with 1 axis, and these have {info.n_axes}.")
        designed = copy.copy(self)
        designed.n_channels_ = info.n_channels
        designed.rate_ = info.rate
        check_whole("hop", self.hop, 1)
        before, after = designed._design(info)
        designed.geometry = Geometry(((before, after),), hop=(int(self.hop),), pad=self.pad)
        return designed

    def parts(self, *, joint: bool) -> list[tuple[Bank, np.ndarray]]:
        """Return the bank itself and all of its responses: they have the same frames."""
        return [(self, np.arange(len(self._rows()) * self.n_channels_))]

    def __call__(self, block: np.ndarray, *, exact: bool = False) -> np.ndarray:
        """Compute the responses to the frames of a block.

        Parameters
        ----------
        block : array, (channel, time)
        exact : bool
            Changes nothing: a frame's values never depend on how the signal was cut.

        Returns
        -------
        array, (channel * response, frame)
        """
        return np.concatenate([self._of_channel(channel) for channel in block])

    def _of_channel(self, channel: np.ndarray) -> np.ndarray:
        extent, hop = self.geometry.extent[0], int(self.hop)
        frames = np.lib.stride_tricks.sliding_window_view(channel, extent)[::hop]
        out = np.empty((len(self._rows()), len(frames)), dtype=channel.dtype)
        for start, some in _groups(frames):
            out[:, start : start + AT_ONCE] = self._answer(some)[:, : len(frames) - start]
        return out

    def response_table(self) -> list[dict[str, Any]]:
        """Return a row a response: `response` (its name), `channel`, `kernel`, and what is known of it."""
        many = self.n_channels_ > 1
        return [
            {"response": f"channel{c}.{row['kernel']}" if many else row["kernel"], "channel": c, **row}
            for c in range(self.n_channels_)
            for row in self._rows()
        ]


def _groups(frames: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Copies of `AT_ONCE` frames at a time, in double precision; the last ones are filled up with silence."""
    for start in range(0, len(frames), AT_ONCE):
        some = frames[start : start + AT_ONCE]
        group = np.zeros((AT_ONCE, frames.shape[1]))
        group[: len(some)] = some
        yield start, group


def power_spectra(frames: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Return the squared moduli of the frames' spectra, `(frame, len(window) // 2 + 1)`."""
    import scipy.fft

    spectra = scipy.fft.rfft(frames * window, axis=1)
    return spectra.real**2 + spectra.imag**2


def window_of(name: Any, length: int) -> np.ndarray:
    """Return a periodic window by its name in SciPy."""
    if isinstance(name, str) and name == "hann":
        return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    from scipy.signal import get_window  # slow to import

    try:
        return get_window(name, length, fftbins=True)
    except (ValueError, TypeError) as error:
        raise invalid("window", name, f"a window that SciPy has ({error})") from None


def check_whole(name: str, value: Any, least: int) -> None:
    """Raise InputError unless a parameter is a whole number of at least so much."""
    if isinstance(value, bool) or not np.isreal(value) or value != int(value) or value < least:
        raise invalid(name, value, f"a whole number, {least} or more")
