"""Gammatone filters at the frequencies and with the widths of the ear's."""

from __future__ import annotations

from typing import Any

import numpy as np

from filterbank.banks.base import LinearBank
from filterbank.design.gammatone import BANDWIDTH, erb, erb_centres, gammatone
from filterbank.errors import InputError, invalid
from filterbank.signals import SignalInfo

__all__ = ["GammatoneBank"]


class GammatoneBank(LinearBank):
    """Gammatone filters, evenly spaced as those of the ear (one equivalent rectangular bandwidth is one step).

    Parameters
    ----------
    n_filters : int
    low, high : float
        Hertz: the lowest and highest centre. `high=None`: 0.45 of the rate.
    order : int
    readout : {"modulus", "real", "imaginary", "complex"}
        "modulus" is the envelope of what a filter lets through; "real", what it lets through.
    truncate : float
        Kernels end where their envelope has fallen below this share of its maximum.
    pad : {"reflect", "symmetric", "edge", "wrap", "zero"}, optional

    Notes
    -----
    For a bank of constant Q, with filters as wide in octaves at all frequencies, see `GaborBank(per_octave=...)`.
    A position is the middle of a kernel, so responses come about half a kernel earlier than those of a causal filter.

    References
    ----------
    See `filterbank.design.gammatone` and `filterbank.design.erb`.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import Moments, Representation, Signals
    >>> from filterbank.banks import GammatoneBank
    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(4000) / 8000)
    >>> ear = Representation(GammatoneBank(16), Moments(["mean"])).fit(Signals.wrap([tone], rate=8000))
    >>> loudest = ear.transform(Signals.wrap([tone], rate=8000))[0].argmax()
    >>> round(ear.feature_table_["frequency"][loudest])
    954
    """

    n_axes = 1

    def __init__(
        self,
        n_filters: int = 32,
        *,
        low: float = 80.0,
        high: float | None = None,
        order: int = 4,
        readout: str = "modulus",
        truncate: float = 1e-3,
        pad: str | None = "reflect",
    ) -> None:
        self.n_filters = n_filters
        self.low = low
        self.high = high
        self.order = order
        self.readout = readout
        self.truncate = truncate
        self.pad = pad

    def _design(self, info: SignalInfo) -> tuple[list[np.ndarray], list[dict[str, Any]]]:
        if info.rate is None:
            raise InputError(
                "the rate of the signals is unknown, and GammatoneBank needs it, since the ear's filters are in hertz. "
                "Pass Signals.wrap(signals, rate=...)."
            )
        high = 0.45 * info.rate if self.high is None else float(self.high)
        if not 0 < high < info.rate / 2:
            half = f"above 0 and below {info.rate / 2:g} Hz (half the rate)"
            raise invalid("high", self.high, half, why="it would alias", do="Lower it.")
        if not 0 < self.low <= high:
            raise invalid("low", self.low, f"above 0 and at most high={high:g} Hz")
        if self.n_filters < 1 or self.n_filters != int(self.n_filters):
            raise invalid("n_filters", self.n_filters, "a whole number, 1 or more")
        kernels, rows = [], []
        for centre in erb_centres(int(self.n_filters), low=float(self.low), high=high).tolist():
            width = BANDWIDTH * float(erb(centre)) / info.rate
            kernels.append(gammatone(centre / info.rate, width, order=self.order, truncate=self.truncate))
            rows.append(
                {
                    "kernel": f"gammatone[frequency={centre:.6g}Hz]",
                    "frequency": centre / info.rate,
                    "bandwidth": float(erb(centre)),
                }
            )
        return kernels, rows
