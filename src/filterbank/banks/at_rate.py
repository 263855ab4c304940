"""A bank whose sizes are in seconds: made when the signals' rate is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from filterbank.banks.base import Bank
from filterbank.errors import InputError
from filterbank.signals import SignalInfo

__all__ = ["AtRate"]


class AtRate(BaseEstimator):
    """The bank that a function makes for the signals' rate, so that frames and windows can be given in seconds.

    Parameters
    ----------
    make : callable
        `make(rate, **parameters)` returns a bank. It must be importable for models to be saved.
    parameters : mapping, optional
    n_axes : {1, 2, 3}
        Of the bank.

    Examples
    --------
    >>> from filterbank import MelBank, Moments, Representation, Signals
    >>> from filterbank.banks import AtRate
    >>> def frames_of_32_ms(rate):
    ...     return MelBank(n_mels=20, n_fft=round(0.032 * rate), hop=round(0.01 * rate))
    >>> signals = Signals.wrap([np.random.default_rng(0).normal(size=4000)], rate=8000)
    >>> Representation(AtRate(frames_of_32_ms), Moments(["mean"])).fit(signals).bank_.n_fft
    256
    """

    def __init__(
        self, make: Callable[..., Bank], *, parameters: Mapping[str, Any] | None = None, n_axes: int = 1
    ) -> None:
        self.make = make
        self.parameters = parameters
        self.n_axes = n_axes

    def prepare(self, info: SignalInfo, rng: np.random.Generator) -> Bank:
        """Return the bank for signals of this rate, designed.

        Parameters
        ----------
        info : SignalInfo
            Axes, channels and rate of the signals to come.
        rng : numpy.random.Generator

        Returns
        -------
        Bank

        Raises
        ------
        InputError
            If the rate is unknown.
        """
        if info.rate is None:
            raise InputError(
                "the rate of the signals is unknown, and the sizes of this bank are in seconds. "
                "Pass Signals.wrap(signals, rate=...)."
            )
        return self.make(info.rate, **(self.parameters or {})).prepare(info, rng)
