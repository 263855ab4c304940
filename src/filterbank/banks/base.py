"""What a bank is, and what all linear banks share: kernels, convolved, then read out."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from sklearn.base import BaseEstimator

from filterbank import kernels as compiled
from filterbank.errors import InputError, invalid
from filterbank.geometry import Geometry
from filterbank.signals import SignalInfo

__all__ = ["READOUTS", "Bank", "ForKernels", "LinearBank"]

READOUTS = ("real", "imaginary", "modulus", "complex")
"""How the response of a complex kernel is read: "real", "imaginary" and "modulus" are real numbers."""

KEPT_SPECTRA = 8  # transforms of the kernels that are kept, one a block size
PASS_COST = 0.02  # nanoseconds for an addition or a multiplication in passes over a volume
WRITE_COST = 1.0  # and for a response that is written out
PASS_START = 200_000.0  # and for their start
ROOM = 1 << 23  # complex numbers that the kernels' transforms may be; if they are more, some are made at a time


class Bank(Protocol):
    """Answers at every position of a block with a vector of responses.

    A prepared bank is a function of the block alone: the same samples give the same responses wherever the block
    lies. See `LinearBank` for one whole implementation.
    """

    n_axes: int
    n_channels_: int
    geometry: Geometry

    def prepare(self, info: SignalInfo, rng: np.random.Generator) -> Self:
        """Return a copy that is designed for signals of this kind; it never sees a sample."""

    def parts(self, *, joint: bool) -> list[tuple[Bank, np.ndarray]]:
        """Return banks with a geometry of their own, and which of the responses each gives.

        With `joint`, the pool wants all responses at each position, so there is one part.
        """

    def __call__(self, block: np.ndarray, *, exact: bool = False) -> np.ndarray:
        """Return a block's responses, `(response, *positions)`; `exact` fixes the order of sums."""

    def response_table(self) -> list[dict[str, Any]]:
        """Return what is known of each response: at least `response`, its name, and `channel`."""


@dataclass(frozen=True)
class ForKernels:
    """A linear bank as compiled kernels want it.

    Parameters
    ----------
    kernels : list of array
        Real ones: of complex kernels, real and imaginary parts by turns, as the readout wants them.
    before, after : int array, (kernel, axis)
        The samples of the bank's halo that each kernel doesn't need.
    own : int array, (response, axis)
        The samples that each response needs before its position.
    kept : dict
        What kernels keep from one call to the next: transforms, lists of taps.
    """

    kernels: list[np.ndarray]
    before: np.ndarray
    after: np.ndarray
    own: np.ndarray
    kept: dict[Any, Any]


class LinearBank(BaseEstimator):
    """The base of banks that convolve with kernels: subclasses give `_design`, which lists them.

    The response at a position is `sum_j kernel[j] * signal[position + len // 2 - j]` (convolution, as
    `numpy.convolve`); the first and the last position are where `pad` says.
    """

    n_axes: int
    pad: str | None
    readout: str

    def _design(self, info: SignalInfo) -> tuple[list[np.ndarray], list[dict[str, Any]]]:
        """List the kernels, and for each a row with at least `kernel`, its name; `frequency` in cycles/sample."""
        raise NotImplementedError

    def prepare(self, info: SignalInfo, rng: np.random.Generator) -> Self:
        """Return a copy with its kernels designed.

        Parameters
        ----------
        info : SignalInfo
            Axes, channels and rate of the signals to come.
        rng : numpy.random.Generator
            Not used: the kernels are given by the parameters.

        Returns
        -------
        LinearBank
            With the attributes `kernels_` (list of arrays), `kernel_table_` (list of dicts) and `geometry`.
        """
        designed = copy.copy(self)
        kernels, rows = designed._design(info)
        if info.n_axes != kernels[0].ndim:
            raise InputError(
                f"{type(self).__name__} has kernels with {kernels[0].ndim} axes and the signals have {info.n_axes}. "
                f"Pass kernels, or n_axes={info.n_axes}, that fit."
            )
        unit = "cycles/sample" if info.rate is None else "Hz"
        for row in rows:
            if "frequency" in row:
                row["frequency"] = float(row["frequency"]) * (info.rate or 1.0)
                row["unit"] = unit
        designed._set(kernels, rows, info.n_channels)
        return designed

    def _set(self, kernels: list[np.ndarray], rows: list[dict[str, Any]], n_channels: int) -> None:
        if self.readout not in READOUTS:
            raise invalid("readout", self.readout, f"one of {', '.join(READOUTS)}")
        self.kernels_ = kernels
        self.kernel_table_ = rows
        self.n_channels_ = n_channels
        halo = [
            (max((k.shape[axis] - 1) // 2 for k in kernels), max(k.shape[axis] // 2 for k in kernels))
            for axis in range(kernels[0].ndim)
        ]
        self.geometry = Geometry(tuple(halo), pad=self.pad)
        self._listed: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self._spectra: dict[tuple[Any, ...], np.ndarray] = {}
        self._for_kernels: ForKernels | None = None

    @property
    def _taps(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The kernels' taps, listed when first needed: where each kernel's begin, their coordinates, their weights."""
        if self._listed is None:
            self._listed = self._list_taps()
        return self._listed

    def _list_taps(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        before = np.array([b for b, _ in self.geometry.halo])
        starts, coordinates, weights = [0], [], []
        for kernel in self.real_kernels():
            at = np.argwhere(kernel != 0)
            if not len(at):
                at = np.zeros((1, kernel.ndim), dtype=int)
            coordinates.append(before + np.array(kernel.shape) // 2 - at)
            weights.append(kernel[tuple(at.T)])
            starts.append(starts[-1] + len(at))
        return np.array(starts), np.concatenate(coordinates), np.concatenate(weights).astype(np.float64)

    @property
    def for_kernels(self) -> ForKernels:
        """What compiled kernels want to know of the bank, found out when first needed."""
        if self._for_kernels is None:
            kernels = self.real_kernels()
            sizes, halo = np.array([kernel.shape for kernel in kernels]), np.array(self.geometry.halo)
            own, step = (sizes - 1) // 2, len(kernels) // len(self.kernels_)
            self._for_kernels = ForKernels(kernels, halo[:, 0] - own, halo[:, 1] - sizes // 2, own[::step], {})
        return self._for_kernels

    def real_kernels(self) -> list[np.ndarray]:
        """Return the kernels to convolve with: for "modulus" and "complex", real and imaginary parts by turns."""
        if self.readout == "real":
            return [k.real for k in self.kernels_]
        if self.readout == "imaginary":
            return [k.imag for k in self.kernels_]
        return [part for k in self.kernels_ for part in (k.real, k.imag)]

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__().copy()
        if "_spectra" in state:
            state |= {"_spectra": {}, "_listed": None, "_for_kernels": None}
        return state

    def parts(self, *, joint: bool) -> list[tuple[Bank, np.ndarray]]:
        """Return the bank in parts of equal kernel shape, if unpadded; itself otherwise.

        Without padding each filter answers wherever it fits, so short filters have more positions than long ones. A
        pool that wants all responses at once (`joint`) gets the positions where all filters fit.
        """
        n_kernels = len(self.kernels_)
        shapes = sorted({k.shape for k in self.kernels_}, reverse=True)  # what is too short is so for the longest
        if joint or self.pad is not None or len(shapes) == 1:
            return [(self, np.arange(n_kernels * self.n_channels_))]
        parts: list[tuple[Bank, np.ndarray]] = []
        for shape in shapes:
            chosen = [i for i, k in enumerate(self.kernels_) if k.shape == shape]
            part = copy.copy(self)
            part._set([self.kernels_[i] for i in chosen], [self.kernel_table_[i] for i in chosen], self.n_channels_)
            index = np.add.outer(np.arange(self.n_channels_) * n_kernels, chosen).ravel()
            parts.append((part, index))
        return parts

    def __call__(self, block: np.ndarray, *, exact: bool = False) -> np.ndarray:
        """Convolve a block with every kernel, "valid", and read the responses out.

        Parameters
        ----------
        block : array, (channel, *axes)
        exact : bool
            Sum in a fixed order, so that the result doesn't depend, bit for bit, on how the signal was cut.

        Returns
        -------
        array, (channel * kernel, *positions)
        """
        return np.concatenate([self._read_out(self._convolve(channel, exact)) for channel in block])

    def how(self, axes: tuple[int, ...], *, exact: bool) -> tuple[str, str]:
        """Return how a block with these axes is evaluated where no kernel pools it at once."""
        way = "by Fourier transform" if not exact and self._by_fft(axes) else "directly"
        way = "in passes along each axis" if not exact and self._by_passes(axes) else way
        return "", f"the bank answers {way}, a block at a time"

    @property
    def pass_flops(self) -> dict[str, float]:
        """The work of separable passes over images and volumes, and of what else there is; found out once."""
        kept = self.for_kernels.kept
        if "pass flops" not in kept:
            work = {"separable": 0.0, "dense": 0.0, "fft": 0.0}
            for shape in {kernel.shape for kernel in self.for_kernels.kernels}:
                alike = [kernel for kernel in self.for_kernels.kernels if kernel.shape == shape]
                two = len(shape) == 2
                counts = compiled.flops(alike, (256, 256)) if two else compiled.volume_flops(alike, (128, 128, 128))
                work = {name: number + counts[name] for name, number in work.items()}
            kept["pass flops"] = work
        return kept["pass flops"]

    def _by_fft(self, axes: tuple[int, ...]) -> bool:
        starts, _, weights = self._taps
        return compiled.fft_is_cheaper(axes, self.geometry.extent, self.geometry.hop, len(starts) - 1, len(weights))

    def _by_passes(self, axes: tuple[int, ...]) -> bool:
        """Whether separable passes over a volume likely take the shortest time."""
        if len(axes) != 3:
            return False
        starts, _, weights = self._taps
        n, positions = len(starts) - 1, math.prod(Geometry(self.geometry.halo).positions(axes))
        direct = 0.25 * positions * len(weights)
        if direct < PASS_START:
            return False
        passes = PASS_START + positions * (PASS_COST * self.pass_flops["separable"] + WRITE_COST * n)
        return passes < min(direct, compiled.fft_cost(axes, n))

    def _convolve(self, channel: np.ndarray, exact: bool) -> np.ndarray:
        extent, hop = self.geometry.extent, self.geometry.hop
        if not exact and self._by_passes(channel.shape):
            bank = self.for_kernels
            lo, hi = [list(map(tuple, sides.tolist())) for sides in (bank.before, bank.after)]
            return compiled.volume_responses(channel, bank.kernels, lo=lo, hi=hi, kept=bank.kept)
        if exact or not self._by_fft(channel.shape):
            return compiled.convolve_direct(channel, *self._taps, extent=extent, hop=hop)
        shape = compiled.fft_shape(channel.shape)
        n_kernels, size = len(self._taps[0]) - 1, math.prod(shape[:-1]) * (shape[-1] // 2 + 1)
        options = {"shape": shape, "extent": extent, "hop": hop}
        if n_kernels * size <= ROOM:
            return compiled.convolve_fft(channel, self._spectra_for(shape, channel.dtype), **options)
        starts, coordinates, weights = self._taps
        some = max(1, ROOM // size)
        parts = []
        for k in range(0, n_kernels, some):
            made = compiled.spectra(starts[k : k + some + 1], coordinates, weights, shape, channel.dtype)
            parts.append(compiled.convolve_fft(channel, made, **options))
        return np.concatenate(parts)

    def _spectra_for(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        key = (shape, str(dtype))
        kept = self._spectra.get(key)
        if kept is None:
            kept = compiled.spectra(*self._taps, shape, dtype)
            if len(self._spectra) >= KEPT_SPECTRA or sum(map(np.size, self._spectra.values())) + kept.size > ROOM:
                self._spectra = {}
            self._spectra[key] = kept
        return kept

    def _read_out(self, responses: np.ndarray) -> np.ndarray:
        if self.readout in ("real", "imaginary"):
            return responses
        real, imaginary = responses[::2], responses[1::2]
        return np.sqrt(real * real + imaginary * imaginary) if self.readout == "modulus" else real + 1j * imaginary

    def response_table(self) -> list[dict[str, Any]]:
        """Return a row a response: `response` (its name), `channel`, and the kernel's own row."""
        many = self.n_channels_ > 1
        return [
            {"response": f"channel{c}.{row['kernel']}" if many else row["kernel"], "channel": c, **row}
            for c in range(self.n_channels_)
            for row in self.kernel_table_
        ]
