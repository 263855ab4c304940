"""Banks in a chain: a second bank answers to the responses of a first one."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from filterbank.banks.base import Bank
from filterbank.banks.filters import FilterBank
from filterbank.design.mel import deltas
from filterbank.errors import InputError, invalid
from filterbank.geometry import Geometry
from filterbank.signals import SignalInfo

__all__ = ["Chain", "with_deltas"]


class Chain(BaseEstimator):
    """A bank whose responses are a second bank's responses to those of a first.

    Parameters
    ----------
    first : Bank
        Its responses must be real.
    second : Bank
        With as many axes as `first`, it takes each response as a channel: a modulation spectrum is a bank on one axis
        after log-mel bands. With one axis more, it takes the responses of a channel as one picture, their order as the
        first axis: Gabor filters on a spectrogram are a bank on two axes after log-mel bands. That axis is the same in
        each signal, so each place along it makes responses of its own.

    Attributes
    ----------
    first_, second_
        Of a prepared bank: the designed copies.
    geometry : Geometry
        The first bank's, then the second's.

    Notes
    -----
    A signal goes on beyond its ends as `first` has it, once; there, the second bank's `pad` makes no difference. It
    says how a picture goes on beyond the first and the last response (None: not at all).
    Where the rate is known, the second bank is designed for the rate of the first one's positions if it takes
    channels: its frequencies are those of modulation. A picture's axes have no common unit, so there they are in
    cycles/sample.

    References
    ----------
    Chi, Ru and Shamma, "Multiresolution spectrotemporal analysis of complex sounds", J. Acoustical Society of America
    118(2), 2005 (filters on spectrograms).

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import GaborBank, MelBank, Moments, Representation, Signals
    >>> from filterbank.banks import Chain
    >>> t = np.arange(16000) / 8000
    >>> beating = np.sin(2 * np.pi * 1000 * t) * (1 + np.sin(2 * np.pi * 8 * t))
    >>> bands = MelBank(n_mels=4, n_fft=256, hop=80, log=None)
    >>> modulation = Chain(bands, GaborBank(1, n_frequencies=5, highest=0.32))  # 32, 16, 8, 4 and 2 Hz
    >>> beats = Representation(modulation, Moments(["mean"])).fit(Signals.wrap([beating], rate=8000))
    >>> strongest = beats.transform(Signals.wrap([beating], rate=8000))[0].argmax()
    >>> float(beats.feature_table_["then_frequency"][strongest])
    8.0
    """

    def __init__(self, first: Bank, second: Bank) -> None:
        self.first = first
        self.second = second

    @property
    def n_axes(self) -> int:
        """The number of axes of the first bank."""
        return self.first.n_axes

    @property
    def _pictures(self) -> bool:
        return self.second.n_axes == self.first.n_axes + 1

    def prepare(self, info: SignalInfo, rng: np.random.Generator) -> Self:
        """Return a copy with both banks designed.

        Parameters
        ----------
        info : SignalInfo
            Axes, channels and rate of the signals to come.
        rng : numpy.random.Generator

        Returns
        -------
        Chain

        Raises
        ------
        InputError
            If the second bank has neither as many axes as the first nor one more, or doesn't fit on the picture.
        """
        if self.second.n_axes not in (self.first.n_axes, self.first.n_axes + 1):
            raise InputError(
                f"second={self.second!r} has {self.second.n_axes} axes and the first bank {self.first.n_axes}. Give "
                "the second as many (responses are channels) or one more (responses are a picture)."
            )
        designed = copy.copy(self)
        designed.first_ = self.first.prepare(info, rng)
        designed.n_channels_ = info.n_channels
        geometry = designed.first_.geometry
        n_responses = len(designed.first_.response_table())
        if self._pictures:
            n_pictures = n_responses // info.n_channels
            designed.second_ = self.second.prepare(SignalInfo(self.second.n_axes, info.n_channels, None), rng)
            following = designed.second_.geometry
            designed._rows = Geometry(following.halo[:1], following.hop[:1], following.pad)
            if not designed._rows.positions((n_pictures,))[0]:
                raise InputError(
                    f"the first bank has {n_pictures} responses, and the second needs {following.extent[0]} along that "
                    "axis. Use shorter filters, or pass pad='reflect' to the second bank."
                )
            following = Geometry(following.halo[1:], following.hop[1:])
        else:
            rate = None if info.rate is None else info.rate / geometry.hop[-1]
            designed.second_ = self.second.prepare(SignalInfo(self.second.n_axes, n_responses, rate), rng)
            following = designed.second_.geometry
        designed.geometry = geometry.then(following)
        return designed

    def parts(self, *, joint: bool) -> list[tuple[Bank, np.ndarray]]:
        """Return the bank itself and all of its responses: they have the same positions."""
        return [(self, np.arange(len(self.response_table())))]

    def __call__(self, block: np.ndarray, *, exact: bool = False) -> np.ndarray:
        """Return the second bank's responses to those of the first.

        Parameters
        ----------
        block : array, (channel, *axes)
        exact : bool
            Sum in a fixed order, so that the result doesn't depend, bit for bit, on how the signal was cut.

        Returns
        -------
        array, (response, *positions)
        """
        responses = self.first_(block, exact=exact)
        if np.iscomplexobj(responses):
            raise InputError("the first bank's responses are complex. Pass readout='modulus' or 'real' to it.")
        if not self._pictures:
            return self.second_(responses, exact=exact)
        pictures = responses.reshape(self.n_channels_, -1, *responses.shape[1:])
        rows = self._rows
        shape = pictures.shape[2:]
        flat = pictures.reshape(self.n_channels_, pictures.shape[1], -1)
        padded = np.stack([_whole(rows, channel.T).T for channel in flat])
        found = self.second_(padded.reshape(self.n_channels_, -1, *shape), exact=exact)
        return found.reshape(-1, *found.shape[2:])

    def response_table(self) -> list[dict[str, Any]]:
        """Return a row a response: that of the first bank's response, and the second's as `then_frequency` and so on.

        Of pictures, the row is that of the response in the middle of what the filter sees.
        """
        inner = self.first_.response_table()
        per_channel = len(inner) // self.n_channels_
        rows = []
        for row in self.second_.response_table():
            if self._pictures:
                count, hop = self._rows.positions((per_channel,))[0], self._rows.hop[0]
                start = row["channel"] * per_channel + (0 if self._rows.pad else self._rows.halo[0][0])
                seen = [inner[start + i * hop] for i in range(count)]
            else:
                seen = [inner[row["channel"]]]
            more = {f"then_{k}": v for k, v in row.items() if k not in ("response", "channel", "kernel")}
            rows += [
                {
                    **first,
                    "response": f"{row['kernel']}({first['response']})",
                    "kernel": f"{row['kernel']}({first['kernel']})",
                    **more,
                }
                for first in seen
            ]
        return rows


def with_deltas(bank: Bank, *, width: int = 9, order: int = 2) -> Chain:
    """Return a bank with the same responses, and their slopes (deltas) and curvatures in time.

    Parameters
    ----------
    bank : Bank
        Such as `MelBank(n_mfcc=13)`; on one axis.
    width : int
        Positions of `bank` that a slope is fitted to; odd.
    order : int
        1: slopes alone; 2: curvatures as well.

    Returns
    -------
    Chain
        Responses by channel: its value, its delta, its delta2.

    Notes
    -----
    Where all positions lie within the signal, the values are those of `scipy.signal.savgol_filter(responses, width,
    polyorder=order, deriv=order)`, as librosa has them. At the ends, the signal goes on as `bank` has it.

    Examples
    --------
    >>> from filterbank import MelBank, Moments, Representation, Signals
    >>> signals = Signals.wrap([np.random.default_rng(0).normal(size=8000)], rate=8000)
    >>> cepstra = with_deltas(MelBank(n_mfcc=13, n_fft=256, hop=80))
    >>> Representation(cepstra, Moments(["mean", "std"])).fit_transform(signals).shape
    (1, 78)
    """
    if order < 1 or order != int(order):
        raise invalid("order", order, "a whole number, 1 or more")
    names = ["value", "delta", *(f"delta{k}" for k in range(2, int(order) + 1))]
    kernels = [deltas(width, k) for k in range(int(order) + 1)]
    return Chain(bank, FilterBank(kernels, names=names, pad="edge"))


def _whole(geometry: Geometry, signal: np.ndarray) -> np.ndarray:
    """Signals (signal, sample), going on beyond their ends for all that a bank needs, as one block."""
    return next(iter(geometry.blocks(signal, block_size=signal.shape[1])))[1]
