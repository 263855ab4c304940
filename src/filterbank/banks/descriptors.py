"""Descriptors on a grid that are histograms of gradient orientations: SIFT (and RootSIFT) and HOG."""

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
from filterbank.design import cell_windows, even_directions, hermite_gaussian
from filterbank.errors import InputError, invalid
from filterbank.geometry import Geometry
from filterbank.kernels.cells import CellPlan, orientation_cells
from filterbank.signals import SignalInfo

__all__ = ["NORMALISATIONS", "HogBank", "SiftBank"]

NORMALISATIONS = ("sift", "root", "l2", "l1", "l1-sqrt", None)
"""How a descriptor is normalised; see `filterbank.kernels.cells.normalise_rows`."""


BLOCK = 1 << 19  # samples of a block: what is kept of them are a few megabytes


class _GradientBank(BaseEstimator):
    """What the descriptors share: a plan for the kernel, a geometry that follows from it, and rows."""

    n_axes: int
    pad: str | None
    cells: int
    normalise: str | None
    clip: float
    epsilon: float
    name: str

    def _plan(self) -> tuple[CellPlan, float]:
        """Return the plan, and the samples from one cell to the next."""
        raise NotImplementedError

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
                f"{type(self).__name__} was made for {self.n_axes} axes and the signals have {info.n_axes}. "
                f"Pass n_axes={info.n_axes}."
            )
        if self.normalise not in NORMALISATIONS:
            raise invalid("normalise", self.normalise, f"one of {', '.join(map(str, NORMALISATIONS))}")
        if not self.clip > 0:
            raise invalid("clip", self.clip, "a positive number")
        if not self.epsilon >= 0:
            raise invalid("epsilon", self.epsilon, "0 or a positive number")
        designed = copy.copy(self)
        designed.n_channels_ = info.n_channels
        designed.plan_, designed._apart = designed._plan()
        seen = designed.plan_.windows.shape[1]
        around = 1 + len(designed.plan_.smooth) // 2
        halo = ((seen - 1) // 2 + around, seen // 2 + around)
        designed.geometry = Geometry((halo,) * self.n_axes, designed.plan_.hop, pad=self.pad, block=BLOCK)
        designed._index = np.arange(len(designed.response_table()))
        return designed

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__().copy()
        state.pop("plan_", None)  # made again from the parameters
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if hasattr(self, "geometry"):
            self.plan_, self._apart = self._plan()

    def parts(self, *, joint: bool) -> list[tuple[Bank, np.ndarray]]:
        """Return the bank itself: all responses have the same positions."""
        return [(self, self._index)]

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
            In memory each descriptor lies together: `numpy.moveaxis(responses, 0, -1)` is contiguous with one channel.
        """
        found = []
        for channel in block:
            cells = orientation_cells(channel, self.plan_, self.normalise, clip=self.clip, epsilon=self.epsilon)
            found.append(cells.reshape(*cells.shape[: self.n_axes], -1))
        whole = found[0] if len(found) == 1 else np.concatenate(found, axis=-1)
        return np.moveaxis(whole, -1, 0)

    def response_table(self) -> list[dict[str, Any]]:
        """Return a row a response: the cell, its middle relative to the position, and the orientation of gradients.

        `cell` counts from 0 along each axis, `offset` is in samples; `orientation` (and `elevation`) in radians as
        in `filterbank.design.direction`; `scale` is a cell's width in samples.
        """
        angles = self._angles()
        rows = []
        many = self.n_channels_ > 1
        for channel in range(self.n_channels_):
            for cell in itertools.product(range(self.cells), repeat=self.n_axes):
                for angle in angles:
                    place = ",".join(map(str, cell))
                    label = ",".join(f"{name}={math.degrees(value):.0f}deg" for name, value in angle.items())
                    name = f"{self.name}[scale={self._apart:g},cell={place},{label}]"
                    rows.append(
                        {
                            "response": f"channel{channel}.{name}" if many else name,
                            "channel": channel,
                            "kernel": name,
                            "scale": float(self._apart),
                            "cell": place,
                            "offset": ",".join(f"{(c - (self.cells - 1) / 2) * self._apart:g}" for c in cell),
                            **angle,
                        }
                    )
        return rows

    def _angles(self) -> list[dict[str, float]]:
        plan = self.plan_
        if self.n_axes == 1:
            return [{"orientation": 0.0}, {"orientation": math.pi}] if plan.signed else [{"orientation": 0.0}]
        if self.n_axes == 2:
            width = (2 * math.pi if plan.signed else math.pi) / plan.n_bins
            middle = plan.offset if plan.soft else 0.5
            return [{"orientation": (k + middle) * width} for k in range(plan.n_bins)]
        return [
            {"orientation": math.atan2(b, c), "elevation": math.asin(min(1.0, max(-1.0, a)))}
            for a, b, c in plan.directions[: plan.n_bins].tolist()
        ]

    def _bins(self, given: int | None, default: int, signed: bool) -> tuple[int, np.ndarray]:
        """The number of bins, and in space their directions."""
        none = np.empty((0, 3))
        if self.n_axes == 1:
            if given not in (None, 1 + signed):
                raise invalid(
                    "orientations", given, f"{1 + signed} or None with one axis", why="a slope has a sign only"
                )
            return 1 + signed, none
        if self.n_axes == 3:
            full = 12 if given is None else int(given) * (1 if signed else 2)
            return full // (1 if signed else 2), even_directions(full)
        n = default if given is None else given
        if n < 1 or n != int(n):
            raise invalid("orientations", n, "a whole number, 1 or more")
        return int(n), none


class SiftBank(_GradientBank):
    """SIFT descriptors on a grid: histograms of gradient orientations in `cells` x `cells` cells around each position.

    Parameters
    ----------
    n_axes : {1, 2, 3}
    bin_size : int
        Samples from the middle of one cell to that of the next: the scale.
    cells : int
        Cells along each axis.
    orientations : int, optional
        Bins of each histogram over a whole turn. None: 8 with two axes; 2 (up and down) with one; 12 directions with
        three, where 6 and 20 lie evenly, too.
    hop : int or sequence of int
        Samples from one descriptor to the next, one number for all axes or one an axis.
    sigma : float, optional
        The signal is first smoothed by a Gaussian of so many samples; 0 for none. None: `bin_size / 6`.
    window : {"flat", "gaussian"}
        "gaussian": the outer parts count less, as in Lowe's paper. "flat": all count alike, which costs less, since
        neighbouring descriptors share cells. See `filterbank.design.cell_windows`.
    normalise : {"sift", "root", "l2", "l1", "l1-sqrt"}, optional
        "sift": to length 1, no value above `clip`, to length 1 again. "root": that, divided by its sum, then the square
        root (RootSIFT), so that Euclidean distances are Hellinger's. None: sums of gradients as they are.
    clip : float
    pad : {"reflect", "symmetric", "edge", "wrap", "zero"}, optional

    Notes
    -----
    A position's descriptor is centred there; with cells of which the middles fall between samples, half a sample
    behind. Several scales are several banks. Orientations are of the gradient, from the last axis toward the one
    before. A patch without any gradient has a descriptor of zeros. With three axes a gradient is shared by the
    directions as in Klaeser's HOG3D. Each channel has descriptors of its own.
    Cost: linear in the number of samples, and in `bin_size` where `hop` and it have no common divisor.

    References
    ----------
    Lowe, Int. J. Computer Vision 60(2), 2004; Arandjelovic and Zisserman, CVPR 2012 (RootSIFT); Klaeser, Marszalek and
    Schmid, BMVC 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank.banks import SiftBank
    >>> from filterbank.engine import respond
    >>> image = np.random.default_rng(0).random((64, 80))
    >>> descriptors, (rows, columns) = respond(SiftBank(bin_size=4, hop=16), image)
    >>> descriptors.shape, columns
    ((128, 4, 5), array([ 0, 16, 32, 48, 64]))
    """

    name = "sift"
    epsilon = 0.0

    def __init__(
        self,
        n_axes: int = 2,
        *,
        bin_size: int = 4,
        cells: int = 4,
        orientations: int | None = None,
        hop: int | Sequence[int] = 8,
        sigma: float | None = None,
        window: str = "flat",
        normalise: str | None = "sift",
        clip: float = 0.2,
        pad: str | None = "reflect",
    ) -> None:
        self.n_axes = n_axes
        self.bin_size = bin_size
        self.cells = cells
        self.orientations = orientations
        self.hop = hop
        self.sigma = sigma
        self.window = window
        self.normalise = normalise
        self.clip = clip
        self.pad = pad

    def _plan(self) -> tuple[CellPlan, float]:
        if self.bin_size < 1 or self.bin_size != int(self.bin_size):
            raise invalid("bin_size", self.bin_size, "a whole number of samples, 1 or more")
        if self.window not in ("flat", "gaussian"):
            raise invalid("window", self.window, "'flat' or 'gaussian'")
        sigma = self.bin_size / 6 if self.sigma is None else self.sigma
        if not (math.isfinite(sigma) and sigma >= 0):
            raise invalid("sigma", self.sigma, "0 or a positive number of samples")
        n_bins, directions = self._bins(self.orientations, 8, True)
        plan = CellPlan(
            smooth=hermite_gaussian(sigma, truncate=3.0) if sigma else np.ones(1),
            gain=0.5,
            n_bins=n_bins,
            signed=True,
            offset=0.0,
            soft=True,
            directions=directions,
            windows=cell_windows(self.cells, self.bin_size, self.window),
            hop=_per_axis("hop", self.hop, self.n_axes),
        )
        return plan, float(self.bin_size)


class HogBank(_GradientBank):
    """Histograms of oriented gradients: at each position a block of cells, normalised together.

    Parameters
    ----------
    n_axes : {1, 2, 3}
    cell_size : int
        Samples of a cell along each axis.
    cells : int
        Cells of a block along each axis.
    orientations : int, optional
        Bins of each histogram, over half a turn, or a whole one if `signed`. None: 9 with two axes; 1 (or 2) with one;
        6 (or 12) directions with three.
    hop : int or sequence of int, optional
        Samples from one block to the next. None: `cell_size`, so that blocks overlap by whole cells.
    signed : bool
        Whether opposite gradients are different.
    soft : bool
        Whether a gradient is shared by neighbouring cells and bins in proportion to its distance from their middles, as
        in Dalal and Triggs. False: it belongs to one cell and one bin, as in scikit-image.
    normalise : {"sift", "root", "l2", "l1", "l1-sqrt"}, optional
        Of a block. "sift" is Dalal and Triggs' "L2-Hys": to length 1, no value above `clip`, to length 1 again.
    clip : float
    epsilon : float
        Added to lengths, so that a faint block stays faint.
    pad : {"reflect", "symmetric", "edge", "wrap", "zero"}, optional
        None: only blocks that lie within the signal with a margin of one sample.

    References
    ----------
    Dalal and Triggs, CVPR 2005; for three axes Klaeser, Marszalek and Schmid, BMVC 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank.banks import HogBank
    >>> from filterbank.engine import respond
    >>> respond(HogBank(cell_size=8, cells=2), np.eye(64))[0].shape
    (36, 8, 8)
    """

    name = "hog"

    def __init__(
        self,
        n_axes: int = 2,
        *,
        cell_size: int = 8,
        cells: int = 2,
        orientations: int | None = None,
        hop: int | Sequence[int] | None = None,
        signed: bool = False,
        soft: bool = True,
        normalise: str | None = "sift",
        clip: float = 0.2,
        epsilon: float = 1e-5,
        pad: str | None = "reflect",
    ) -> None:
        self.n_axes = n_axes
        self.cell_size = cell_size
        self.cells = cells
        self.orientations = orientations
        self.hop = hop
        self.signed = signed
        self.soft = soft
        self.normalise = normalise
        self.clip = clip
        self.epsilon = epsilon
        self.pad = pad

    def _plan(self) -> tuple[CellPlan, float]:
        if self.cell_size < 1 or self.cell_size != int(self.cell_size):
            raise invalid("cell_size", self.cell_size, "a whole number of samples, 1 or more")
        n_bins, directions = self._bins(self.orientations, 9, self.signed)
        plan = CellPlan(
            smooth=np.ones(1),
            gain=1.0,
            n_bins=n_bins,
            signed=self.signed,
            offset=0.5 if self.soft else 0.0,
            soft=self.soft,
            directions=directions,
            windows=cell_windows(self.cells, self.cell_size, "flat" if self.soft else "box") / self.cell_size,
            hop=_per_axis("hop", self.cell_size if self.hop is None else self.hop, self.n_axes),
        )
        return plan, float(self.cell_size)
