"""The table of fused kernels: which (bank, pool) pairs convolve and pool in one pass, by which kernel, and why."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from filterbank.banks import Bank, LinearBank
from filterbank.banks.base import PASS_COST, ForKernels
from filterbank.errors import InputError, invalid
from filterbank.kernels import (
    direct_pool,
    fft_pool,
    separable_pool,
    simd,
    torch_pool,
    volume_pool,
)
from filterbank.pools import Moments, Pool, Proportion
from filterbank.pools.base import State

__all__ = ["METHODS", "Fused", "fuse", "pass_costs", "why_plain"]

METHODS = ("auto", "direct", "fft", "separable", "plain")
"""How responses are evaluated and pooled; "plain" is the composition of bank and pool, without a fused kernel."""

# Nanoseconds of one thread, fitted to times of both kernels: a position, and a tap at a position (direct); a segment, a
# sample * log2(size) of its transform, and the same for each kernel's transform back (FFT).
DIRECT_COST = {np.dtype(np.float32): (0.3, 0.028), np.dtype(np.float64): (0.4, 0.053)}
FFT_COST = {np.dtype(np.float32): (1200.0, 0.8, 0.05), np.dtype(np.float64): (1200.0, 0.8, 0.12)}
FFT_SIZE = 2048  # the transform's size that fits the cache
KEPT_COSTS = 1000  # lengths of blocks whose costs are kept
# Nanoseconds for an addition or a multiplication in what the plain composition does instead of separable passes: sums
# in a fixed order, and Fourier transforms of blocks of two or three axes, whose responses are written out.
DENSE_COST, PLAIN_FFT_COST = 0.13, {2: 0.1, 3: 3.0}


@dataclass(frozen=True)
class Fused:
    """A linear bank and a pool that have compiled kernels of their own.

    Parameters
    ----------
    method : {"auto", "direct", "fft", "separable", "torch"}
        "auto" chooses between "direct" and "fft" by the length of a block.
    bank : ForKernels
    halo : sequence of (int, int)
    pad : str or None
        None: each filter answers at the ends of a signal wherever it fits.
    modulus : bool
    requests : list of mapping
        For each channel, what the pool wants of a kernel.
    state : callable
        Makes the pool's state of what a kernel returned, and the sample at which each response's positions begin.
    exact : bool
        Whether rounding could flip what the pool returns, so that responses mustn't depend on how a signal is cut.
    device : str
        The torch device of the method "torch".
    spectra : dict
        The kernels' transforms on that device, kept from one batch to the next.
    """

    method: str
    bank: ForKernels
    halo: tuple[tuple[int, int], ...]
    pad: str | None
    modulus: bool
    requests: list[dict[str, Any]]
    state: Callable[[dict[str, np.ndarray], np.ndarray], State]
    exact: bool = False
    device: str = "cpu"
    spectra: dict[Any, Any] = field(default_factory=dict)

    @property
    def n_numbers(self) -> int:
        """About how many numbers a signal's state has."""
        request = self.requests[0]
        thresholds = request.get("thresholds")
        n = 1 + len(request["want"]) + (0 if thresholds is None else thresholds.shape[1])
        return n * len(self.bank.own) * len(self.requests)

    @property
    def n_padded(self) -> int:
        """How many samples longer padding makes a signal with one axis, all channels together."""
        return 0 if self.pad is None or len(self.halo) > 1 else sum(self.halo[0]) * len(self.requests)

    @property
    def pads_itself(self) -> bool:
        """Whether the kernel pads whole signals, so that no padded copy is needed."""
        return self.method in ("separable", "torch") and self.pad is not None

    @property
    def takes_any_size(self) -> bool:
        """Whether the kernel goes through a signal of any size in bounded memory, so that it needn't be cut."""
        return self.method == "separable" and len(self.halo) == 3

    def method_for(self, n: int, dtype: np.dtype) -> str:
        """Return the method for a block of `n` samples: by its size alone."""
        return self.method if self.method != "auto" else ("fft" if self._fft_is_cheaper(n, dtype) else "direct")

    def costs(self, n: int, dtype: np.dtype) -> dict[str, float]:
        """Return what a block of `n` samples would cost by either method, in nanoseconds of one thread."""
        known = self.bank.kept.get(("costs", n, dtype))
        if known is not None:
            return known
        lengths = np.array([len(kernel) for kernel in self.bank.kernels])
        a_position, a_tap = DIRECT_COST[dtype]
        direct = float((np.maximum(n - lengths + 1, 0) * (a_position + a_tap * lengths)).sum())
        a_segment, forward, back = FFT_COST[dtype]
        longest = int(lengths.max())
        size = 1 << max(4, math.ceil(math.log2(min(n, max(FFT_SIZE, 4 * longest)))))
        segments = math.ceil(max(n - longest + 1, 1) / (size - longest + 1)) if n > size else 1
        fft = segments * (a_segment + size * math.log2(size) * (forward + back * len(lengths)))
        if len(self.bank.kept) < KEPT_COSTS:
            self.bank.kept["costs", n, dtype] = {"direct": direct, "fft": fft}
        return {"direct": direct, "fft": fft}

    def _fft_is_cheaper(self, n: int, dtype: np.dtype) -> bool:
        costs = self.costs(n, dtype)
        return costs["fft"] < costs["direct"]

    def _direct_ones(self, blocks: np.ndarray | Sequence[Any], lengths: np.ndarray | None) -> np.ndarray:
        """Which blocks are done directly."""
        dtype = blocks[0].dtype
        if self.method in ("direct", "fft"):
            return np.array([self.method == "direct"])
        if isinstance(blocks, np.ndarray):
            return np.array([not self._fft_is_cheaper(blocks.shape[1], dtype)])
        if lengths is None:
            lengths = np.fromiter(map(len, blocks), np.int64, len(blocks))
        if self.costs(int(lengths.max()), dtype)["direct"] < FFT_COST[dtype][0]:
            return np.array([True])  # no transform could be as cheap
        distinct, which = np.unique(lengths, return_inverse=True)
        return np.array([not self._fft_is_cheaper(int(n), dtype) for n in distinct])[which]

    def run(
        self,
        channel: int,
        blocks: np.ndarray | Sequence[Any],
        *,
        ends: Sequence[tuple[bool, bool]],
        whole: bool,
        n_threads: int,
        lengths: np.ndarray | None = None,
    ) -> tuple[State, bool]:
        """Return the pool's states, with blocks as the first axis, of one channel's blocks `(*axes)`.

        Positions of maxima are counted from the first sample of a block, or of a padded block without its padding.
        The second is whether all samples are finite; False also where their sum overflows, and then it remains to be
        looked for NaN and infinity. (Tensors aren't looked at.)

        Parameters
        ----------
        channel : int
        blocks : sequence of array, or array, (block, *axes); with the method "torch" also tensors
            All float32 or all float64.
        ends : sequence of (bool, bool)
            For each axis, whether the blocks lie at the beginning and at the end of their signals.
        whole : bool
            Whether they are whole signals, not padded yet, although the bank pads.
        n_threads : int
        lengths : int64 array, (block,), optional
            Of blocks with one axis, if they have been counted: of many short ones, to count takes long.
        """
        lo, hi, first = self._margins(tuple(ends))
        found = self._run(channel, blocks, lo, hi, whole, n_threads, lengths)
        finite = found.pop("finite", None)
        return self.state(found, first), _all_finite(blocks) if finite is None else bool(finite)

    def _margins(self, ends: tuple[tuple[bool, bool], ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The positions that each kernel leaves out on both sides, and the sample where each response's begin."""
        known = self.bank.kept.get(("margins", ends))
        if known is None:
            bank = self.bank
            at_start, at_end = np.array(ends).T & (self.pad is None)
            lo, hi = np.where(at_start, 0, bank.before), np.where(at_end, 0, bank.after)
            first = 0 * bank.own if self.pad is not None else lo[:: len(lo) // len(bank.own)] + bank.own
            known = bank.kept["margins", ends] = lo, hi, first
        return known

    def _run(
        self,
        channel: int,
        blocks: np.ndarray | Sequence[Any],
        lo: np.ndarray,
        hi: np.ndarray,
        whole: bool,
        n_threads: int,
        lengths: np.ndarray | None,
    ) -> dict[str, np.ndarray]:
        common = {"modulus": self.modulus, **self.requests[channel]}
        if whole and self.pads_itself:
            common |= {"halo": self.halo, "pad": self.pad}
        if self.method == "torch":
            common |= {"device": self.device, "spectra": self.spectra}
            return torch_pool(blocks, self.bank.kernels, lo=lo.tolist(), hi=hi.tolist(), **common)
        common["n_threads"] = n_threads
        if self.method == "separable":
            common |= {"lo": list(map(tuple, lo.tolist())), "hi": list(map(tuple, hi.tolist())), "exact": self.exact}
            if len(self.halo) == 3:
                return volume_pool(list(blocks), self.bank.kernels, kept=self.bank.kept, **common)
            return separable_pool(list(blocks), self.bank.kernels, **common)
        common |= {"lo": lo[:, 0].tolist(), "hi": hi[:, 0].tolist(), "want": (*common["want"], "finite")}
        common["kept"] = self.bank.kept
        by_direct = self._direct_ones(blocks, lengths)
        if by_direct.all():
            return direct_pool(blocks, self.bank.kernels, lengths=lengths, **common)
        if not by_direct.any():
            return fft_pool(blocks, self.bank.kernels, **common)
        found: dict[str, np.ndarray] = {}
        chosen = np.flatnonzero(by_direct), np.flatnonzero(~by_direct)
        parts = (
            direct_pool([blocks[i] for i in chosen[0].tolist()], self.bank.kernels, **common),
            fft_pool([blocks[i] for i in chosen[1].tolist()], self.bank.kernels, **common),
        )
        for name in parts[0].keys() - {"finite"}:
            found[name] = np.empty((len(blocks), *parts[0][name].shape[1:]), dtype=parts[0][name].dtype)
            for where, part in zip(chosen, parts):
                found[name][where] = part[name]
        return found | {"finite": parts[0]["finite"] & parts[1]["finite"]}


def fuse(bank: Bank, pool: Pool, method: str = "auto", *, device: str | None = None) -> Fused | None:
    """Return the fused form of a prepared bank and a fitted pool, or None where there is none.

    With a `device`, the form that torch runs there.

    Raises
    ------
    InputError
        If a method is asked for that this pair doesn't have.
    """
    if method not in METHODS:
        raise invalid("method", method, f"one of {', '.join(METHODS)}")
    if method == "plain":
        return None
    reason = why_plain(bank, pool, method if device is None else "torch")
    if reason:
        if method != "auto":
            raise InputError(f"method={method!r} is not to be had here: {reason}. Pass method='auto' or 'plain'.")
        return None
    assert isinstance(bank, LinearBank)
    if device is not None:
        method = "torch"
    elif bank.geometry.n_axes > 1:
        method = "separable"
    elif method == "auto" and pool.exact:
        method = "direct"
    key = "fused", method, tuple(pool.statistics) if isinstance(pool, Moments) else None
    known = bank.for_kernels.kept.get(key)
    if known is not None:
        return known
    requests, state = _request(pool, bank.n_channels_, len(bank.kernels_), bank.geometry.n_axes)
    made = Fused(
        method,
        bank.for_kernels,
        halo=bank.geometry.halo,
        pad=bank.pad,
        modulus=bank.readout == "modulus",
        requests=requests,
        state=state,
        exact=pool.exact,
        device=device or "cpu",
    )
    if key[2] is not None and device is None:
        bank.for_kernels.kept[key] = made
    return made


def why_plain(bank: Bank, pool: Pool, method: str = "auto") -> str:
    """Return why a pair has no fused kernel of that method; an empty string if it has."""
    if not isinstance(bank, LinearBank):
        return f"{type(bank).__name__} is no linear bank"
    if bank.readout == "complex":
        return "the responses are complex"
    if type(pool) not in (Moments, Proportion):
        return f"{type(pool).__name__} has no fused kernel"
    if method == "torch":
        return ""
    if bank.geometry.n_axes == 1:
        return "one axis has no separable kernels" if method == "separable" else ""
    if method in ("direct", "fft"):
        return f"{'two' if bank.geometry.n_axes == 2 else 'three'} axes have no fused {method} kernel"
    if method == "separable":
        return ""
    if pool.exact and _sums_without_rounding(bank):
        return "the pool is exact, and so are sums with these kernels, but not separable passes"
    costs = pass_costs(bank)
    if costs["separable"] > (costs["direct"] if pool.exact else min(costs["direct"], costs["fft"])):
        return "the kernels' ranks are too high for separable passes"
    return ""


def pass_costs(bank: LinearBank) -> dict[str, float]:
    """Return what a position of a large image or volume costs by each way, in nanoseconds of one thread."""
    work, n_axes = bank.pass_flops, bank.geometry.n_axes
    return {
        "separable": PASS_COST * work["separable"],
        "direct": DENSE_COST * work["dense"],
        "fft": PLAIN_FFT_COST[n_axes] * work["fft"],
    }


def _sums_without_rounding(bank: LinearBank) -> bool:
    """Whether kernels are of few binary places, as in differences and boxes: they make whole numbers of such."""
    return all((1024 * kernel == np.rint(1024 * kernel)).all() for kernel in bank.for_kernels.kernels)


def vector_note() -> str:
    """Return how the compiled kernels were built: with explicit vectors, or why not."""
    return "explicit vectors" if simd.available() else f"plain loops: {simd.reason()}"


def _all_finite(arrays: np.ndarray | Sequence[Any]) -> bool:
    """Whether the sum of each array is finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return all(bool(np.isfinite(array.sum())) for array in arrays if isinstance(array, np.ndarray))


def _request(pool: Pool, n_channels: int, n_responses: int, n_axes: int) -> tuple[list[dict[str, Any]], Any]:
    if isinstance(pool, Proportion):
        return [{"want": (), "thresholds": own} for own in np.split(pool.thresholds_, n_channels)], _shares
    assert isinstance(pool, Moments)
    wanted: set[str] = set()
    for statistic in set(pool.statistics) - {"positive"}:
        wanted |= {"std": {"mean", "square"}, "max_position": {"max", "position"}}.get(statistic, {statistic})
    request: dict[str, Any] = {"want": tuple(sorted(wanted))}
    if "positive" in pool.statistics:
        request["thresholds"] = np.zeros((n_responses, 1))

    blank = pool.init(n_responses, n_axes)

    def state(out: dict[str, np.ndarray], first: np.ndarray) -> State:
        n_blocks = len(out["count"])
        made = {name: values for name, values in out.items() if name not in ("position", "above")}
        if "above" in out:
            made["positive"] = out["above"][..., 0].astype(np.float64)
        if "position" in out:
            at = out["position"] if n_axes > 1 else out["position"][..., np.newaxis]
            made["position"] = (at + first).astype(np.float64)
        for name, values in blank.items():
            if name not in made:
                made[name] = np.broadcast_to(values, (n_blocks, *values.shape))
        return made

    return [request] * n_channels, state


def _shares(out: dict[str, np.ndarray], first: np.ndarray) -> State:
    return {"count": out["count"].astype(np.float64), "above": out["above"].astype(np.float64)}
