"""A bank whose responses are another bank's, pooled in windows: local features on a grid."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from filterbank.banks.base import Bank, LinearBank
from filterbank.errors import InputError, invalid
from filterbank.geometry import Geometry
from filterbank.kernels import fft_window_pool
from filterbank.pools import Moments, Pool, Pyramid
from filterbank.signals import SignalInfo

__all__ = ["WindowedBank"]

KEPT = {"mean": ("mean",), "std": ("mean", "square"), "min": ("min",), "max": ("max",)}
"""What a fused kernel must keep for each of the statistics of `Moments` that it has."""

ROOM = 1 << 21  # responses of the inner bank that are held at a time: 16 MiB in float64
COPIED = 1 << 18  # responses that are laid out window by window at a time
STATES = 1 << 16  # windows' states that a fused kernel holds at a time
PART_EXTENTS = 8  # a part of a block is at least so many times what a position of the inner bank sees
FUSED_EXTENTS = 20  # blocks that are so many times what a position of the inner bank sees are long for a fused kernel
FUSED_FROM = 6000  # and so many samples; below, its start costs more than it gains


class WindowedBank(BaseEstimator):
    """A bank whose responses at a position are another bank's responses, pooled in the window around it.

    Parameters
    ----------
    bank : Bank
        The inner bank.
    pool : Pool
        One that treats each response by itself and doesn't learn, such as `Moments`, or `Proportion` with thresholds.
    window : int or sequence of int
        Positions of the inner bank in a window along each axis: samples, where its hop is 1.
    hop : int or sequence of int
        Positions of the inner bank from one window to the next. Neither needs to divide the other.

    Attributes
    ----------
    bank_, pool_
        Of a prepared bank: the designed and fitted copies.
    geometry : Geometry
        The inner bank's, then the windows': a position sees its window and all that the responses in it need.

    Notes
    -----
    A window's position is its middle; of two middles, the first. "max_position" in a window is counted in samples from
    the window's beginning, so that it doesn't depend on where the window lies.

    All responses have the same windows. If the inner bank doesn't pad, windows lie where all of its filters fit. If it
    pads, there is a window around every `hop`-th position from the first on, and the signal goes on beyond its ends for
    all that these windows need.

    Linear banks on one axis have "mean", "std", "min" and "max" from a fused kernel, where kernels and signals are long
    and the order of sums is free: no response is written out. Else responses are, 16 MiB a thread at a time, or a
    window's if they are more. Cost: the inner bank's, and each position is pooled once for each window that it lies in;
    fused, once, and windows are put together in `log2(window / hop)` steps.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import FilterBank, Moments, Representation, WindowedBank, respond
    >>> identity = FilterBank([np.ones(1)], names=["x"])
    >>> loudness = WindowedBank(identity, Moments(["max"]), window=4, hop=2)
    >>> local, where = respond(loudness, np.array([0.0, 3, 1, 1, 5, 2, 2, 2]))
    >>> local, where
    (array([[3., 5., 5.]]), (array([1, 3, 5]),))
    >>> Representation(loudness, Moments(["mean"])).fit_transform([np.array([0.0, 3, 1, 1, 5, 2, 2, 2])]).round(3)
    array([[4.333]])
    """

    def __init__(self, bank: Bank, pool: Pool, *, window: int | Sequence[int], hop: int | Sequence[int]) -> None:
        self.bank = bank
        self.pool = pool
        self.window = window
        self.hop = hop

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

        Returns
        -------
        WindowedBank

        Raises
        ------
        InputError
            For windows that aren't positive numbers, and for pools that learn or need all responses at once.
        """
        window = _per_axis("window", self.window, self.n_axes)
        hop = _per_axis("hop", self.hop, self.n_axes)
        if self.pool.joint or self.pool.learns or isinstance(self.pool, Pyramid):
            why = "divides the whole signal" if isinstance(self.pool, Pyramid) else "learns from responses"
            why = "needs all responses at once" if self.pool.joint else why
            raise InputError(
                f"pool={self.pool!r} {why}, and only pools that treat each response by itself and don't learn work in "
                "windows. Pool with it after the WindowedBank."
            )
        designed = copy.copy(self)
        designed.bank_ = self.bank.prepare(info, rng)
        designed.n_channels_ = designed.bank_.n_channels_
        designed.pool_ = self.pool.fit(np.empty((0, len(designed.bank_.response_table()))), rng)
        designed._windows = Geometry(tuple(((n - 1) // 2, n // 2) for n in window), hop)
        designed.geometry = designed.bank_.geometry.then(designed._windows)
        return designed

    def parts(self, *, joint: bool) -> list[tuple[Bank, np.ndarray]]:
        """Return the bank itself and all of its responses: they have the same windows."""
        return [(self, np.arange(len(self.response_table())))]

    def response_table(self) -> list[dict[str, Any]]:
        """Return a row a response: that of the inner bank's response, with the statistic in `window_statistic`."""
        rows = self.pool_.feature_table(self.bank_.response_table(), self.n_axes)
        own = ("feature", "response", "statistic")
        return [
            {
                "response": row["feature"],
                **{name: value for name, value in row.items() if name not in own},
                "window_statistic": row["statistic"],
            }
            for row in rows
        ]

    def __call__(self, block: np.ndarray, *, exact: bool = False, n_threads: int = 1) -> np.ndarray:
        """Pool the inner bank's responses to a block in its windows.

        Parameters
        ----------
        block : array, (channel, *axes)
        exact : bool
            Sum in a fixed order, so that the result doesn't depend, bit for bit, on how the signal was cut.
        n_threads : int
            The result doesn't depend on it.

        Returns
        -------
        array, (response, *positions)
        """
        exact = exact or self.pool_.exact
        geometry = Geometry(self.geometry.halo, self.geometry.hop)
        wanted = self._wanted(block.shape[1:]) if not exact else ()
        out = np.empty((len(self.response_table()), *geometry.positions(block.shape[1:])), dtype=block.dtype)

        def fill(one: tuple[tuple[int, ...], np.ndarray]) -> None:
            origin, part = one
            found = self._fused(part, wanted, n_threads) if wanted else self._plain(self.bank_(part, exact=exact))
            out[(slice(None), *(slice(o, o + n) for o, n in zip(origin, found.shape[1:])))] = found

        parts = geometry.blocks(block, block_size=self._at_once(bool(wanted), out.shape[1:]))
        if wanted or n_threads == 1:
            for one in parts:
                fill(one)
        else:
            with ThreadPoolExecutor(n_threads) as threads:
                list(threads.map(fill, parts))
        return out

    def how(self, axes: tuple[int, ...], *, exact: bool) -> tuple[str, str]:
        """Return how a block with these axes is evaluated: by what kernel, if any, and why."""
        if not (exact or self.pool_.exact) and self._wanted(axes):
            return "windows", "long blocks of a linear bank are pooled in windows by Fourier transform, as they come"
        why = f"the inner bank's responses are written out, {8 * ROOM >> 20} MiB at a time, and pooled window by window"
        if exact or self.pool_.exact:
            return "", f"{why}, since the pool is exact: sums must have a fixed order"
        return "", f"{why}; only long blocks of linear banks with one axis and {', '.join(KEPT)} have a fused kernel"

    def _wanted(self, axes: tuple[int, ...]) -> tuple[str, ...]:
        """What a fused kernel must keep of a block of this size; nothing where there is none, or it doesn't pay."""
        bank = self.bank_
        if type(self.pool_) is not Moments or not set(self.pool_.statistics) <= KEPT.keys():
            return ()
        if not isinstance(bank, LinearBank) or bank.n_axes > 1 or bank.readout == "complex":
            return ()
        if axes[0] < max(FUSED_EXTENTS * bank.geometry.extent[0], FUSED_FROM):
            return ()
        return tuple(dict.fromkeys(name for statistic in self.pool_.statistics for name in KEPT[statistic]))

    def _at_once(self, fused: bool, counts: Sequence[int]) -> tuple[int, ...]:
        """The windows along each axis that are evaluated at a time, so that memory is bounded."""
        n_responses = len(self.bank_.response_table())
        if fused:
            least = math.ceil(PART_EXTENTS * self.bank_.geometry.extent[0] / self._windows.hop[0])
            n_parts = math.ceil(counts[0] / max(STATES // n_responses, least))
            return (math.ceil(counts[0] / n_parts),)  # of about one size, since short ones are dear
        room, sizes = ROOM // n_responses, []
        for count, window, hop in zip(reversed(counts), reversed(self._windows.extent), reversed(self._windows.hop)):
            size = max(1, min(count, (room - window) // hop + 1))
            sizes.append(size)
            room //= (size - 1) * hop + window
        return tuple(reversed(sizes))

    def _fused(self, block: np.ndarray, wanted: tuple[str, ...], n_threads: int) -> np.ndarray:
        """Convolve and pool in one pass."""
        assert isinstance(self.bank_, LinearBank)
        bank = self.bank_.for_kernels
        rows = []
        for channel in block:
            pooled = fft_window_pool(
                np.ascontiguousarray(channel),
                bank.kernels,
                window=self._windows.extent[0],
                hop=self._windows.hop[0],
                lo=bank.before[:, 0].tolist(),
                hi=bank.after[:, 0].tolist(),
                modulus=self.bank_.readout == "modulus",
                want=wanted,
                n_threads=n_threads,
                kept=bank.kept,
            )
            columns = [
                np.sqrt(pooled["square"] / self._windows.extent[0]) if statistic == "std" else pooled[statistic]
                for statistic in self.pool_.statistics
            ]
            rows.append(np.stack(columns, axis=1).reshape(-1, columns[0].shape[1]))
        return np.concatenate(rows)

    def _plain(self, responses: np.ndarray) -> np.ndarray:
        """Pool each window of the inner responses `(response, *positions)` by itself."""
        window, hop = self._windows.extent, self._windows.hop
        n_responses = len(responses)
        axes = tuple(range(1, responses.ndim))
        every = (slice(None), *(slice(None, None, step) for step in hop))
        windows = np.lib.stride_tricks.sliding_window_view(responses, window, axis=axes)[every]
        counts = windows.shape[1 : responses.ndim]
        windows = np.moveaxis(windows, 0, len(counts))  # (*windows, response, *window)
        where = tuple(np.arange(n) * step for n, step in zip(window, self.bank_.geometry.hop))
        out: np.ndarray | None = None
        for some in _chunks(counts, max(1, COPIED // (n_responses * math.prod(window)))):
            # every window in order and in double precision: what is computed of it doesn't depend on the others
            rows = windows[some].astype(np.result_type(windows, np.float64), order="C")
            shape = rows.shape[: len(counts)]
            rows = rows.reshape(-1, *window)
            pool = self.pool_.take(np.tile(np.arange(n_responses), math.prod(shape)))
            state = pool.update(pool.init(len(rows), len(window)), rows, where)
            features = pool.finish({name: v.reshape(*shape, n_responses, *v.shape[1:]) for name, v in state.items()})
            if out is None:
                out = np.empty((features.shape[-1], *counts))
            out[(slice(None), *some)] = np.moveaxis(features, -1, 0)
        assert out is not None  # a block has at least one window
        return out


def _per_axis(name: str, given: int | Sequence[int], n_axes: int) -> tuple[int, ...]:
    """Check a number an axis; one number stands for all."""
    numbers: Sequence[Any] = given if isinstance(given, Sequence) else (given,) * n_axes
    if len(numbers) != n_axes or not all(isinstance(n, (int, np.integer)) and n >= 1 for n in numbers):
        one = "" if n_axes == 1 else f", or {n_axes} of them, one an axis"
        raise invalid(name, given, f"a positive whole number of positions{one}")
    return tuple(int(n) for n in numbers)


def _chunks(counts: Sequence[int], room: int) -> itertools.product:
    """Cut a grid into boxes of at most `room` points, whole rows along the last axis first; yield their slices."""
    cuts = []
    for count in reversed(counts):
        size = max(1, min(count, room))
        cuts.append([slice(i, min(i + size, count)) for i in range(0, count, size)])
        room //= size
    return itertools.product(*reversed(cuts))
