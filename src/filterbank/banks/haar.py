"""Sums of Haar wavelets' responses in cells, as in SURF: descriptors on a grid from integral images."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from filterbank.banks.base import Bank
from filterbank.banks.windowed import _per_axis
from filterbank.errors import InputError, invalid
from filterbank.geometry import Geometry
from filterbank.kernels.haar import haar_sums
from filterbank.signals import SignalInfo

__all__ = ["HaarSumsBank"]

SAMPLES = 5  # wavelets in a cell along each axis
SIGMA = 3.3  # of the Gaussian over the descriptor, in scales, for 4 cells


class HaarSumsBank(BaseEstimator):
    """Sums of Haar wavelets' responses in `cells` x `cells` cells around each position: upright SURF on a grid.

    Along each axis a cell has five wavelets, `scale` samples apart, each `2 * scale` wide: the sum of the samples of
    one half less that of the other. Kept of a cell, for each axis, are the sum of responses of wavelets along it and
    that of their moduli, under a Gaussian over the descriptor.

    Parameters
    ----------
    n_axes : {1, 2, 3}
    scale : int
        Half a wavelet's width in samples: SURF's "s".
    cells : int
        Cells along each axis.
    hop : int or sequence of int
        Samples from one descriptor to the next, one number for all axes or one an axis.
    normalise : {"l2"}, optional
        "l2": each channel's descriptor to length 1. None: as it is.
    pad : {"reflect", "symmetric", "edge", "wrap", "zero"}, optional

    Notes
    -----
    A position's descriptor is centred half a sample behind it, if the number of samples that it sees is even.
    Sums come from integral images in double precision; for exact pools they are made directly, in a fixed order.
    A response below 1e-9 of its samples' moduli counts as none, since rounding could have made it.
    Cost: linear in the number of samples, and in `20 / hop`.

    References
    ----------
    Bay, Ess, Tuytelaars and Van Gool, "Speeded-Up Robust Features (SURF)", Computer Vision and Image Understanding
    110(3), 2008, section 4.2.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import respond
    >>> from filterbank.banks import HaarSumsBank
    >>> respond(HaarSumsBank(scale=1, hop=16), np.eye(64))[0].shape
    (64, 4, 4)
    """

    def __init__(
        self,
        n_axes: int = 2,
        *,
        scale: int = 2,
        cells: int = 4,
        hop: int | Sequence[int] = 8,
        normalise: str | None = "l2",
        pad: str | None = "reflect",
    ) -> None:
        self.n_axes = n_axes
        self.scale = scale
        self.cells = cells
        self.hop = hop
        self.normalise = normalise
        self.pad = pad

    def prepare(self, info: SignalInfo, rng: np.random.Generator) -> Self:
        """Return a copy that is designed for signals of this kind.

        Parameters
        ----------
        info : SignalInfo
            Axes and channels of the signals to come.
        rng : numpy.random.Generator
            Not used.
        """
        if self.n_axes not in (1, 2, 3):
            raise invalid("n_axes", self.n_axes, "1, 2 or 3")
        if info.n_axes != self.n_axes:
            raise InputError(
                f"HaarSumsBank was made for {self.n_axes} axes and the signals have {info.n_axes}. "
                f"Pass n_axes={info.n_axes}."
            )
        for name in ("scale", "cells"):
            value = getattr(self, name)
            if value < 1 or value != int(value):
                raise invalid(name, value, "a whole number, 1 or more")
        if self.normalise not in ("l2", None):
            raise invalid("normalise", self.normalise, "'l2' or None")
        designed = copy.copy(self)
        designed.n_channels_ = info.n_channels
        n = int(self.cells) * SAMPLES
        seen = (n + 1) * int(self.scale)
        halo = ((seen - 1) // 2, seen // 2)
        designed.geometry = Geometry((halo,) * self.n_axes, _per_axis("hop", self.hop, self.n_axes), pad=self.pad)
        x = np.arange(n) - (n - 1) / 2
        weights = np.exp(-0.5 * (x / (SIGMA * self.cells / 4)) ** 2)
        designed.windows_ = np.zeros((int(self.cells), (n - 1) * int(self.scale) + 1))
        designed.windows_[:, :: int(self.scale)] = np.kron(np.eye(int(self.cells)), np.ones(SAMPLES)) * weights
        return designed

    def parts(self, *, joint: bool) -> list[tuple[Bank, np.ndarray]]:
        """Return the bank itself: all responses have the same positions."""
        return [(self, np.arange(len(self.response_table())))]

    def __call__(self, block: np.ndarray, *, exact: bool = False) -> np.ndarray:
        """Return the descriptors of a block.

        Parameters
        ----------
        block : array, (channel, *axes)
        exact : bool
            Sum in a fixed order, so that the result doesn't depend, bit for bit, on how the signal was cut.

        Returns
        -------
        array, (channel * number, *positions)
        """
        found = []
        for channel in block:
            sums = haar_sums(channel, int(self.scale), self.windows_, self.geometry.hop, exact=exact)
            flat = sums.reshape(*sums.shape[: self.n_axes], -1)
            if self.normalise == "l2":
                lengths = np.sqrt(np.sum(flat * flat, axis=-1, keepdims=True))
                flat = np.divide(flat, lengths, out=np.zeros_like(flat), where=lengths > 0)
            found.append(flat)
        return np.moveaxis(np.concatenate(found, axis=-1), -1, 0)

    def response_table(self) -> list[dict[str, Any]]:
        """Return a row a response: the cell, its middle relative to the position, the axis and what was summed up.

        `orientation` (and `elevation`) is that of the axis along which the wavelet changes; `summed` is "value" or
        "modulus"; `scale` in samples.
        """
        many = self.n_channels_ > 1
        rows = []
        width = SAMPLES * int(self.scale)
        for channel in range(self.n_channels_):
            for cell in itertools.product(range(int(self.cells)), repeat=self.n_axes):
                place = ",".join(map(str, cell))
                offset = ",".join(f"{(c - (self.cells - 1) / 2) * width:g}" for c in cell)
                for axis, summed in itertools.product(range(self.n_axes), ("value", "modulus")):
                    name = f"haar_sums[scale={self.scale},cell={place},axis={axis},{summed}]"
                    row = {
                        "response": f"channel{channel}.{name}" if many else name,
                        "channel": channel,
                        "kernel": name,
                        "scale": float(self.scale),
                        "cell": place,
                        "offset": offset,
                        "orientation": math.pi / 2 if axis == self.n_axes - 2 else 0.0,
                    }
                    if self.n_axes == 3:
                        row["elevation"] = math.pi / 2 if axis == 0 else 0.0
                    rows.append({**row, "summed": summed})
        return rows
