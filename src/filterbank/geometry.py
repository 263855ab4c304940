"""How a bank's positions lie on a signal: halo, hop and padding, and the iterator over blocks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from filterbank.errors import InputError, invalid

__all__ = ["PADDINGS", "Geometry"]

PADDINGS = ("reflect", "symmetric", "edge", "wrap", "zero")
"""How a signal may go on beyond its ends (numpy's names; `zero` is numpy's `constant` with 0)."""

BLOCK = 1 << 16
"""Samples of one block where the user doesn't say: small enough for the cache, large enough for vector speed."""

EXTENTS = 4
"""But a block is at least so many times what one position sees along each axis, lest most of it be halo."""


@dataclass(frozen=True)
class Geometry:
    """What a bank needs around each of its positions.

    Position `p` of an axis sees the samples `p * hop - before ... p * hop + after` of the padded signal, or, without
    padding, `p * hop ... p * hop + before + after`.

    Parameters
    ----------
    halo : tuple of (before, after)
        For each axis, the samples needed before and after.
    hop : tuple of int, optional
        For each axis, the samples from one position to the next; 1 if not given.
    pad : {"reflect", "symmetric", "edge", "wrap", "zero"}, optional
        How the signal goes on beyond its true ends. None: it doesn't, and only the positions that have all their
        samples are evaluated ("valid").
    block : int, optional
        About how many samples a block has where the user doesn't say: more where the halo is large and memory isn't.

    Examples
    --------
    >>> Geometry(((2, 1),)).positions((10,))
    (7,)
    >>> Geometry(((2, 1),), pad="reflect").positions((10,))
    (10,)
    """

    halo: tuple[tuple[int, int], ...]
    hop: tuple[int, ...] = ()
    pad: str | None = None
    block: int = BLOCK

    def __post_init__(self) -> None:
        halo = tuple((int(before), int(after)) for before, after in self.halo)
        hop = tuple(int(step) for step in self.hop) or (1,) * len(halo)
        if any(side < 0 for sides in halo for side in sides):
            raise invalid("halo", self.halo, "non-negative on every side")
        if len(hop) != len(halo) or any(step < 1 for step in hop):
            raise invalid("hop", self.hop, f"{len(halo)} positive whole numbers, one an axis")
        if self.pad is not None and self.pad not in PADDINGS:
            raise invalid("pad", self.pad, f"None or one of {', '.join(PADDINGS)}")
        object.__setattr__(self, "halo", halo)
        object.__setattr__(self, "hop", hop)

    @property
    def n_axes(self) -> int:
        """The number of axes."""
        return len(self.halo)

    @property
    def extent(self) -> tuple[int, ...]:
        """For each axis, the samples that one position sees."""
        return tuple(before + 1 + after for before, after in self.halo)

    def positions(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return the number of positions along each axis of a signal with these `axes` (without the channel).

        A signal that is too short has 0 positions on some axis.
        """
        counts = []
        for n, (before, after), step in zip(shape, self.halo, self.hop, strict=True):
            room = n if self.pad else n - before - after
            counts.append(max(0, (room - 1) // step + 1))
        return tuple(counts)

    def check(self, shape: Sequence[int], index: int = 0) -> None:
        """Raise InputError if a signal with these axes has no position."""
        if 0 in self.positions(shape):
            size = " x ".join(map(str, shape))
            need = " x ".join(map(str, self.extent))
            raise InputError(
                f"signal {index} has {size} samples and the bank needs at least {need} for one position. "
                "Leave it out, use shorter filters, or pass pad='reflect' to the bank."
            )

    def blocks(
        self, signal: np.ndarray, *, block_size: int | Sequence[int] | None = None
    ) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
        """Yield `(origin, block)`: the first position of each block, and the samples that its positions see.

        Evaluating a block "valid" gives the responses at its positions; only the true ends of the signal are padded.

        Parameters
        ----------
        signal : array, torch tensor or SoundReader, (channel, *axes)
        block_size : int or sequence of int, optional
            Positions of a block along each axis. None: whole rows, of about 65,000 samples.

        Yields
        ------
        origin : tuple of int
        block : array, (channel, *axes)
            A view of the signal wherever it lies inside.
        """
        counts = self.positions(signal.shape[1:])
        sizes = self._sizes(counts, block_size)
        for origin in itertools.product(*(range(0, count, size) for count, size in zip(counts, sizes))):
            block = signal
            for axis, (start, size) in enumerate(zip(origin, sizes)):
                last = min(start + size, counts[axis]) - 1
                before, after = self.halo[axis]
                low = start * self.hop[axis] - (before if self.pad else 0)
                high = last * self.hop[axis] + after + 1 + (0 if self.pad else before)
                block = _cut(block, axis + 1, low, high, self.pad)
            yield origin, block

    def padded(self, signals: np.ndarray | list[np.ndarray]) -> np.ndarray | list[np.ndarray]:
        """Return what one block holds that is a whole signal, for many signals with one axis, without channels.

        Parameters
        ----------
        signals : array, (signal, sample), or list of array, (sample,)
            All of one dtype.

        Returns
        -------
        array, (signal, sample), or list of array, (sample,)
            The same ones if nothing is padded.

        Examples
        --------
        >>> Geometry(((1, 2),), pad="wrap").padded([np.arange(3), np.arange(2)])
        [array([2, 0, 1, 2, 0, 1]), array([1, 0, 1, 0, 1])]
        """
        if self.pad is None:
            return signals
        ((before, after),) = self.halo
        if isinstance(signals, np.ndarray):
            return _cut(signals, 1, -before, signals.shape[1] + after, self.pad)
        lengths = np.array(list(map(len, signals)))[:, np.newaxis]
        begins = np.cumsum(lengths + before + after)[:, np.newaxis] - lengths - after  # of what isn't padding
        out = np.empty(int(begins[-1, 0] + lengths[-1, 0]) + after, dtype=signals[0].dtype)
        ends = begins + lengths
        for begin, signal in zip(begins[:, 0].tolist(), signals):
            out[begin : begin + len(signal)] = signal
        for at in (np.arange(-before, 0) + 0 * lengths, np.arange(after) + lengths):
            out[begins + at] = 0 if self.pad == "zero" else out[begins + _reflected(at, lengths, self.pad)]
        return [out[begin - before : end + after] for begin, end in zip(begins[:, 0].tolist(), ends[:, 0].tolist())]

    def _sizes(self, counts: tuple[int, ...], block_size: int | Sequence[int] | None) -> tuple[int, ...]:
        if block_size is None:
            sizes, room = [], self.block
            for count, hop, extent in zip(reversed(counts), reversed(self.hop), reversed(self.extent)):
                size = max(1, min(count, max(room, EXTENTS * extent) // hop))  # whole rows along the last axis first
                sizes.append(size)
                room //= size * hop
            return tuple(reversed(sizes))
        given = (block_size,) * len(counts) if isinstance(block_size, (int, np.integer)) else tuple(block_size)
        if len(given) != len(counts) or any(size < 1 for size in given):
            raise invalid("block_size", block_size, f"a positive whole number, or {len(counts)} of them, one an axis")
        return tuple(int(size) for size in given)

    def then(self, following: Geometry) -> Geometry:
        """Return the geometry of a bank with this geometry followed by one with another.

        Examples
        --------
        >>> Geometry(((1, 1),), hop=(2,)).then(Geometry(((3, 0),))).halo
        ((7, 1),)
        """
        halo = tuple(
            (b1 + h1 * b2, a1 + h1 * a2)
            for (b1, a1), h1, (b2, a2) in zip(self.halo, self.hop, following.halo, strict=True)
        )
        return Geometry(halo, tuple(h1 * h2 for h1, h2 in zip(self.hop, following.hop)), self.pad, self.block)


def _cut(array: np.ndarray, axis: int, low: int, high: int, pad: str | None) -> np.ndarray:
    """`array[low:high]` along an axis, where the array goes on beyond its ends as `pad` says."""
    n = array.shape[axis]
    if low >= 0 and high <= n:
        return array[(slice(None),) * axis + (slice(low, high),)]
    inside = slice(min(max(low, 0), n), max(min(high, n), 0))  # taken as it is; only what lies beyond is looked up
    if inside.start >= inside.stop:
        return _look_up(array, axis, np.arange(low, high), pad)
    before = _look_up(array, axis, np.arange(low, inside.start), pad)
    after = _look_up(array, axis, np.arange(inside.stop, high), pad)
    parts = [before, array[(slice(None),) * axis + (inside,)], after]
    if isinstance(parts[1], np.ndarray):  # also of what is read from a file piece by piece
        return np.concatenate(parts, axis=axis)
    import torch

    return torch.cat(parts, dim=axis)


def _look_up(array: Any, axis: int, index: np.ndarray, pad: str | None) -> Any:
    """The samples at these indices, perhaps outside of the array."""
    n = array.shape[axis]
    before = (slice(None),) * axis
    if pad == "reflect" and isinstance(array, np.ndarray) and len(index):
        if 0 < -index[0] < n and index[-1] < 0:  # the usual cases, without looking anything up
            return array[(*before, slice(-index[0], -index[-1] - 1, -1))]
        if n <= index[0] and index[-1] < 2 * n - 1:
            return array[
                (*before, slice(2 * n - 2 - index[0], 2 * n - 3 - index[-1] if index[-1] < 2 * n - 2 else None, -1))
            ]
    source = np.clip(index, 0, n - 1) if pad == "zero" else _reflected(index, n, pad)
    out = np.take(array, source, axis=axis) if isinstance(array, np.ndarray) else array[(*before, source)]
    if pad == "zero":
        out[(*before, (index < 0) | (index >= n))] = 0
    return out


def _reflected(index: np.ndarray, n: int | np.ndarray, pad: str | None) -> np.ndarray:
    """Where each index, perhaps outside `0 ... n - 1`, is found inside."""
    if pad == "edge":
        return np.clip(index, 0, n - 1)
    if pad == "wrap":
        return index % n
    if pad == "symmetric":
        index = index % (2 * n)
        return np.where(index < n, index, 2 * n - 1 - index)
    period = np.maximum(2 * (n - 1), 1)
    index = index % period
    return np.where(index < n, index, period - index)
