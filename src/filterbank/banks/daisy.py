"""DAISY: histograms of gradient orientations under Gaussians on rings around each position of a grid."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from filterbank.banks.base import Bank
from filterbank.banks.windowed import _per_axis
from filterbank.design import hermite_gaussian
from filterbank.errors import InputError, invalid
from filterbank.geometry import Geometry
from filterbank.kernels.cells import normalise_rows, pool_windows
from filterbank.signals import SignalInfo

__all__ = ["DaisyBank"]

BLOCK = 1 << 17  # samples of a block, of each of which there are as many numbers as orientations, several times


class DaisyBank(BaseEstimator):
    """DAISY on a grid: histograms of gradient orientations around each position, on rings, the wider the farther out.

    Gradients are differences of neighbours, and count in each bin with `exp(orientations / pi * cos(angle))` of the
    angle to the bin's middle. A histogram is their sum under a Gaussian of half the distance of its ring from the
    position; the one in the middle has the Gaussian of the first ring.

    Parameters
    ----------
    radius : int
        Samples from the position to the outermost ring.
    rings : int
    histograms : int
        On each ring, at even angles.
    orientations : int
        Bins of a histogram over a whole turn, the first one for gradients along the last axis.
    hop : int or sequence of int
        Samples from one descriptor to the next, one number for both axes or one an axis.
    normalise : {"l1", "l2", "daisy"}, optional
        "l1": a descriptor sums up to 1; "l2": it has length 1; "daisy": each of its histograms has. None: as they are.
    pad : {"reflect", "symmetric", "edge", "wrap", "zero"}, optional

    Notes
    -----
    Images only. Sums have a fixed order. Patches without any gradient have descriptors of zeros. Gaussians end at four
    sigmas, as scikit-image's do, of whose `daisy` these are the values. Cost: linear in samples, and in `radius / hop`.

    References
    ----------
    Tola, Lepetit and Fua, "DAISY: An Efficient Dense Descriptor Applied to Wide-Baseline Stereo", IEEE Transactions on
    Pattern Analysis and Machine Intelligence 32(5), 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import respond
    >>> from filterbank.banks import DaisyBank
    >>> respond(DaisyBank(hop=16), np.eye(64))[0].shape  # 1 + 3 * 8 histograms of 8 bins
    (200, 4, 4)
    """

    n_axes = 2

    def __init__(
        self,
        *,
        radius: int = 15,
        rings: int = 3,
        histograms: int = 8,
        orientations: int = 8,
        hop: int | Sequence[int] = 8,
        normalise: str | None = "l1",
        pad: str | None = "reflect",
    ) -> None:
        self.radius = radius
        self.rings = rings
        self.histograms = histograms
        self.orientations = orientations
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
        if info.n_axes != 2:
            raise InputError(f"DaisyBank is for images and the signals have n_axes={info.n_axes}. Take SiftBank.")
        for name in ("radius", "rings", "histograms", "orientations"):
            value = getattr(self, name)
            if value < 1 or value != int(value):
                raise invalid(name, value, "a whole number, 1 or more")
        if self.normalise not in ("l1", "l2", "daisy", None):
            raise invalid("normalise", self.normalise, "'l1', 'l2', 'daisy' or None")
        designed = copy.copy(self)
        designed.n_channels_ = info.n_channels
        distances = self.radius * np.arange(1, self.rings + 1) / self.rings
        turn = 2 * np.pi * np.arange(self.histograms) / self.histograms
        circle = [np.round(distance * np.stack([np.sin(turn), np.cos(turn)])).astype(int) for distance in distances]
        gaussians = [hermite_gaussian(distance / 2, truncate=4.0) for distance in distances]
        reach = max(int(np.abs(places).max()) + len(g) // 2 for places, g in zip(circle, gaussians))
        designed.sampled_ = []  # of the middle and each ring: windows down, across, which histograms have them; where
        for places, gaussian in zip([np.zeros((2, 1), int), *circle], [gaussians[0], *gaussians]):
            ways = []
            for along in places:
                offsets, which = np.unique(along, return_inverse=True)
                windows = np.zeros((len(offsets), 2 * reach + 1))
                for window, offset in zip(windows, offsets + reach - len(gaussian) // 2):
                    window[offset : offset + len(gaussian)] = gaussian
                ways.append((windows, which))
            designed.sampled_.append((ways, places))
        halo = (reach, reach + 1)  # a gradient is that to the next sample
        designed.geometry = Geometry((halo, halo), _per_axis("hop", self.hop, 2), pad=self.pad, block=BLOCK)
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
            Changes nothing: sums always have a fixed order.

        Returns
        -------
        array, (channel * number, *positions)
        """
        return np.moveaxis(np.concatenate([self._describe(channel) for channel in block], axis=-1), -1, 0)

    def _describe(self, channel: np.ndarray) -> np.ndarray:
        down, across = np.diff(channel, axis=0)[:, :-1], np.diff(channel, axis=1)[:-1]
        modulus = np.sqrt(down * down + across * across)
        tiny = np.finfo(channel.dtype).tiny
        sine, cosine = down / np.maximum(modulus, tiny), across / np.maximum(modulus, tiny)
        maps = np.empty((self.orientations, *modulus.shape), channel.dtype)
        for k, own in enumerate(maps):
            angle = 2 * math.pi * k / self.orientations
            weight = [channel.dtype.type(self.orientations / math.pi * f(angle)) for f in (math.cos, math.sin)]
            own[:] = np.exp(cosine * weight[0] + sine * weight[1]) * modulus
        found = []
        for ((rows, row), (columns, column)), _ in self.sampled_:
            sums = pool_windows(pool_windows(maps, 1, rows, self.geometry.hop[0]), 2, columns, self.geometry.hop[1])
            found.append(np.moveaxis(sums[..., row, column], 0, -1))  # (*positions, histogram, bin)
        out = np.ascontiguousarray(np.concatenate(found, axis=2))
        n = self.orientations if self.normalise == "daisy" else math.prod(out.shape[2:])
        normalise_rows(out.reshape(-1, n), "l2" if self.normalise == "daisy" else self.normalise)
        return out.reshape(*out.shape[:2], -1)

    def response_table(self) -> list[dict[str, Any]]:
        """Return a row a response: where its histogram lies relative to the position, and the orientation of gradients.

        `ring` counts from 0, the middle; `offset` and `scale`, the Gaussian's sigma, are in samples.
        """
        rows = []
        many = self.n_channels_ > 1
        for channel in range(self.n_channels_):
            for ring, (_, places) in enumerate(self.sampled_):
                for y, x in places.T.tolist():
                    for k in range(self.orientations):
                        angle = 2 * math.pi * k / self.orientations
                        name = f"daisy[ring={ring},offset={y:g},{x:g},orientation={math.degrees(angle):.0f}deg]"
                        rows.append(
                            {
                                "response": f"channel{channel}.{name}" if many else name,
                                "channel": channel,
                                "kernel": name,
                                "scale": self.radius * max(ring, 1) / self.rings / 2,
                                "ring": ring,
                                "offset": f"{y:g},{x:g}",
                                "orientation": angle,
                            }
                        )
        return rows
