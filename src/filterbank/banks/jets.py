"""Jets: the responses of linear filters at the positions of a grid, together one descriptor."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from filterbank.banks.base import Bank, LinearBank
from filterbank.banks.windowed import _per_axis
from filterbank.errors import InputError, invalid
from filterbank.signals import SignalInfo

__all__ = ["JetBank"]


class JetBank(BaseEstimator):
    """A linear bank's responses at every `hop`-th position: its jet, as a descriptor of what is there.

    Parameters
    ----------
    bank : LinearBank
        Such as `GaborBank` (a Gabor jet) or `GaussianBank` (a local jet, after Koenderink and van Doorn).
    hop : int or sequence of int
        Samples from one jet to the next, one number for all axes or one an axis. Only these positions are evaluated.
    normalise : {"l2"}, optional
        "l2": the responses of a channel to length 1, so that jets don't depend on contrast. None: as they are.
    epsilon : float
        Jets are divided by `sqrt(length**2 + epsilon**2)`, so that one that is much shorter stays short. Without it,
        where a signal is flat, nothing but rounding is brought to length 1.

    Attributes
    ----------
    bank_
        Of a prepared bank: the designed copy.

    Notes
    -----
    All responses have the same positions. If the inner bank doesn't pad, these are where all of its filters fit.

    References
    ----------
    Koenderink and van Doorn, Biological Cybernetics 55, 1987; Lades et al., IEEE Transactions on Computers 42(3), 1993.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import GaussianBank, respond
    >>> from filterbank.banks import JetBank
    >>> jets, where = respond(JetBank(GaussianBank(2, sigmas=[2.0], orders=[0, 1, 2]), hop=8), np.eye(32))
    >>> jets.shape, where[0]
    ((6, 4, 4), array([ 0,  8, 16, 24]))
    """

    def __init__(
        self, bank: LinearBank, *, hop: int | Sequence[int] = 8, normalise: str | None = None, epsilon: float = 0.0
    ) -> None:
        self.bank = bank
        self.hop = hop
        self.normalise = normalise
        self.epsilon = epsilon

    @property
    def n_axes(self) -> int:
        """The number of axes of the inner bank."""
        return self.bank.n_axes

    def prepare(self, info: SignalInfo, rng: np.random.Generator) -> Self:
        """Return a copy with the inner bank designed.

        Parameters
        ----------
        info : SignalInfo
            Axes, channels and rate of the signals to come.
        rng : numpy.random.Generator
            Not used.

        Raises
        ------
        InputError
            If the bank isn't linear, or a parameter is out of its range.
        """
        if not isinstance(self.bank, LinearBank):
            raise InputError(
                f"bank={self.bank!r} is no linear bank, such as GaborBank or GaussianBank, and a jet is made of linear "
                "filters. Give the bank itself a hop."
            )
        if self.normalise not in ("l2", None):
            raise invalid("normalise", self.normalise, "'l2' or None")
        if not self.epsilon >= 0:
            raise invalid("epsilon", self.epsilon, "0 or a positive number")
        hop = _per_axis("hop", self.hop, self.n_axes)
        designed = copy.copy(self)
        designed.bank_ = self.bank.prepare(info, rng)
        if designed.bank_.readout == "complex":
            raise InputError("the bank's responses are complex. Pass readout='modulus' or 'real' to it.")
        designed.bank_.geometry = replace(designed.bank_.geometry, hop=hop)
        designed.geometry = designed.bank_.geometry
        designed.n_channels_ = info.n_channels
        return designed

    def parts(self, *, joint: bool) -> list[tuple[Bank, np.ndarray]]:
        """Return the bank itself: all responses have the same positions."""
        return [(self, np.arange(len(self.response_table())))]

    def __call__(self, block: np.ndarray, *, exact: bool = False) -> np.ndarray:
        """Return the jets of a block.

        Parameters
        ----------
        block : array, (channel, *axes)
        exact : bool
            Sum in a fixed order, so that the result doesn't depend, bit for bit, on how the signal was cut.

        Returns
        -------
        array, (channel * kernel, *positions)
        """
        jets = self.bank_(block, exact=exact)
        if self.normalise is None:
            return jets
        own = jets.reshape(len(block), -1, *jets.shape[1:])
        lengths = np.sqrt(np.sum(own * own, axis=1, keepdims=True) + own.dtype.type(self.epsilon) ** 2)
        return np.divide(own, lengths, out=np.zeros_like(own), where=lengths > 0).reshape(jets.shape)

    def response_table(self) -> list[dict[str, Any]]:
        """Return the inner bank's rows."""
        return self.bank_.response_table()
