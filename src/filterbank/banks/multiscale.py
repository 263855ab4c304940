"""Several banks whose responses are one population: the same descriptor at several scales."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from filterbank.banks.base import Bank
from filterbank.errors import InputError, invalid
from filterbank.geometry import Geometry
from filterbank.signals import SignalInfo

__all__ = ["MultiScaleBank"]


class MultiScaleBank(BaseEstimator):
    """Banks that give the same descriptor at several scales, each on a grid of its own, pooled as one population.

    A codebook learns from the descriptors of all scales, in proportion to their numbers, and counts all of them.

    Parameters
    ----------
    banks : sequence of Bank
        Each with as many responses as the first, meaning the same. Their hops, and so their positions, may differ.

    Attributes
    ----------
    banks_ : list of Bank
        The designed copies, of a prepared bank.

    Notes
    -----
    Responses have the first bank's names. There are no common positions, so `respond` takes one of `banks_`.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import BagOfWords, MultiScaleBank, Representation, SiftBank
    >>> images = list(np.random.default_rng(0).random((3, 64, 48)))
    >>> bank = MultiScaleBank([SiftBank(bin_size=size, hop=8) for size in (4, 6, 8)])
    >>> Representation(bank, BagOfWords(10), random_state=0).fit_transform(images).shape
    (3, 10)
    """

    def __init__(self, banks: Sequence[Bank]) -> None:
        self.banks = banks

    @property
    def n_axes(self) -> int:
        """The number of axes of the first bank."""
        return self.banks[0].n_axes if len(self.banks) else 1

    def prepare(self, info: SignalInfo, rng: np.random.Generator) -> Self:
        """Return a copy with every bank designed for signals of this kind.

        Parameters
        ----------
        info : SignalInfo
        rng : numpy.random.Generator

        Raises
        ------
        InputError
            If there is no bank, or they differ in their number of responses.
        """
        if not len(self.banks):
            raise invalid("banks", self.banks, "a sequence of at least one bank")
        designed = copy.copy(self)
        designed.banks_ = [bank.prepare(info, rng) for bank in self.banks]
        numbers = [len(bank.response_table()) for bank in designed.banks_]
        if len(set(numbers)) > 1:
            raise InputError(
                f"the banks have {', '.join(map(str, numbers))} responses, so they don't give the same descriptor at "
                "several scales. Give them equal numbers, or make a Representation of each."
            )
        designed.n_channels_ = info.n_channels
        designed._index = np.arange(numbers[0])
        return designed

    @property
    def geometry(self) -> Geometry:
        """That of the bank whose positions see most: what any signal must have room for."""
        return max((bank.geometry for bank in self.banks_), key=lambda geometry: geometry.extent)

    def parts(self, *, joint: bool) -> list[tuple[Bank, np.ndarray]]:
        """Return every bank, each with all of the responses: parts of the same responses are one population."""
        return [(bank, self._index) for bank in self.banks_]

    def __call__(self, block: np.ndarray, *, exact: bool = False) -> np.ndarray:
        """Raise InputError: there are no positions that all banks share."""
        raise InputError(
            f"the {len(self.banks_)} banks of a MultiScaleBank have no common positions. Take one of its banks_, or "
            "pool with a Representation."
        )

    def response_table(self) -> list[dict[str, Any]]:
        """Return the first bank's rows."""
        return self.banks_[0].response_table()
