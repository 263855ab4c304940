"""The table of fused kernels: which (bank, pool) pairs convolve and pool in one pass, and by which kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from filterbank.banks import Bank, LinearBank
from filterbank.kernels import direct_pool
from filterbank.pools import Moments, Pool, Proportion
from filterbank.pools.base import State

__all__ = ["Fused", "fuse"]


@dataclass(frozen=True)
class Fused:
    """A linear bank and a pool that have compiled kernels of their own.

    Parameters
    ----------
    kernels : list of array
        Real kernels; with `modulus`, real and imaginary parts by turns.
    before, after : array, (kernel,)
        For each kernel, the samples of the bank's halo that it doesn't need.
    own : array, (response,)
        The samples that each response needs before its position.
    padded : bool
        Whether the ends of a signal are padded; if not, each filter answers at the ends wherever it fits.
    modulus : bool
    requests : list of mapping
        For each channel, what the pool wants of a kernel.
    state : callable
        Makes the pool's state of what a kernel returned.
    """

    kernels: list[np.ndarray]
    before: np.ndarray
    after: np.ndarray
    own: np.ndarray
    padded: bool
    modulus: bool
    requests: list[dict[str, Any]]
    state: Callable[[dict[str, np.ndarray], np.ndarray], State]

    @property
    def taps(self) -> int:
        """The number of non-zero taps in all."""
        return int(sum(np.count_nonzero(kernel) for kernel in self.kernels))

    def run(
        self, channel: int, blocks: Sequence[np.ndarray], *, is_first: bool, is_last: bool, n_threads: int
    ) -> State:
        """Return the pool's states, with blocks as the first axis, of one channel's blocks `(*axes)`.

        `is_first` and `is_last` say whether the blocks lie at the ends of their signals. Positions of maxima are
        counted from the first sample of the block, or of the block without its padding.
        """
        lo = np.zeros_like(self.before) if is_first and not self.padded else self.before
        hi = np.zeros_like(self.after) if is_last and not self.padded else self.after
        out = direct_pool(
            blocks,
            self.kernels,
            lo=lo.tolist(),
            hi=hi.tolist(),
            modulus=self.modulus,
            n_threads=n_threads,
            **self.requests[channel],
        )
        per_response = 2 if self.modulus else 1
        return self.state(out, 0 * self.own if self.padded else lo[::per_response] + self.own)


def fuse(bank: Bank, pool: Pool) -> Fused | None:
    """Return the fused form of a prepared bank and a fitted pool, or None where there is none."""
    if not isinstance(bank, LinearBank) or bank.readout == "complex" or bank.n_axes != 1:
        return None
    if type(pool) is Moments:
        request, state = _moments(pool)
        requests = [request] * bank.n_channels_
    elif type(pool) is Proportion:
        per_channel = np.split(pool.thresholds_, bank.n_channels_)
        requests, state = [{"want": (), "thresholds": own} for own in per_channel], _shares
    else:
        return None
    kernels = bank.real_kernels()
    ((before, after),) = bank.geometry.halo
    sizes = np.array([len(kernel) for kernel in kernels])
    own = (sizes - 1) // 2
    modulus = bank.readout == "modulus"
    return Fused(
        kernels,
        before=before - own,
        after=after - sizes // 2,
        own=own[:: 2 if modulus else 1],
        padded=bank.pad is not None,
        modulus=modulus,
        requests=requests,
        state=state,
    )


def _moments(pool: Moments) -> tuple[dict[str, Any], Callable[[dict[str, np.ndarray], np.ndarray], State]]:
    wanted: set[str] = set()
    for statistic in pool.statistics:
        wanted |= {"mean": {"mean"}, "std": {"mean", "square"}, "max_position": {"max", "position"}}.get(
            statistic, {statistic}
        )

    def state(out: dict[str, np.ndarray], first: np.ndarray) -> State:
        n_blocks, n_responses = out["count"].shape
        made = {name: values for name, values in out.items() if name != "position"}
        if "position" in out:
            made["position"] = (out["position"] + first)[..., np.newaxis].astype(np.float64)
        blank = pool.init(n_responses, 1)
        for name in blank.keys() - made.keys():
            made[name] = np.broadcast_to(blank[name], (n_blocks, *blank[name].shape))
        return made

    return {"want": tuple(sorted(wanted))}, state


def _shares(out: dict[str, np.ndarray], first: np.ndarray) -> State:
    return {"count": out["count"].astype(np.float64), "above": out["above"].astype(np.float64)}
