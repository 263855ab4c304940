"""Convolve many signals with many kernels through the Fourier transform and pool each response, in one pass.

No response is ever written out. Sixteen float32 (or eight float64) segments lie side by side in the lanes of one value
(`filterbank.kernels.simd`): a short signal is one segment, a long one is cut into overlapping ones (overlap-save), so
that ragged, single and many signals are one mechanism. A segment's transform serves all kernels; two real kernels share
one complex transform back, as its real and imaginary parts; the product of spectra is fused into that transform's first
step, and the pools into its last. Transforms are Stockham's, of radices 4 and 8.

Numbers: each segment is shifted by about its mean and scaled by a power of two before it is transformed, and each
kernel is scaled by a power of two, so that an offset or an extreme scale costs no digits; sums are taken around a
pivot, in the signals' precision within a segment, and merged in double precision.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft

from filterbank.errors import invalid
from filterbank.kernels.fft_steps import HALF_ROOT, last4, last8, last_of, step4, step4_product, steps
from filterbank.kernels.simd import (
    LANES,
    available,
    compiled,
    fma,
    greater,
    known,
    lane,
    lanes_of,
    load,
    maximum,
    minimum,
    rows,
    select,
    set_lane,
    splat,
    sqrt,
    store,
)

__all__ = ["POOLED", "fft_pool", "fft_window_pool"]

POOLED = ("mean", "square", "min", "max", "position")
"""What `fft_pool` can keep of a response; `square` is the sum of squared deviations from the mean."""

SMALLEST, LARGEST = 16, 1 << 20  # sizes of a transform
CHUNK = 32  # rows of responses, of each quarter or eighth of the transform, that are pooled at a time
TASKS = (
    48  # parts that the work of one plan is cut into at most, never by the number of threads, lest sums depend on it
)
GROUPS = 4  # lanes full of segments that a part has at least, if there remain enough parts for some threads
CACHES = ((1 << 20, 1.0), (1 << 21, 1.2), (1 << 24, 1.4))  # bytes that a thread works in, and how much slower that is
FIELDS = 6  # of a segment: start, samples, samples to the signal's end, positions owned, first position, cell
PIVOT, SUM, SQUARE, MAX, MIN, BEST, PLACE, N_SUMS = range(8)  # rows of a cell's running sums
SPLIT_FROM = 1 << 19  # bytes of a transform's real parts from which on it is split, to stay in the cache

KEPT = 1 << 24  # bytes of kernels' transforms that are kept from one call to the next
FLAT = 1 << 19  # samples of a list of signals up to which they are joined at once, rather than by each task


def fft_pool(
    signals: np.ndarray | Sequence[np.ndarray],
    kernels: Sequence[np.ndarray],
    *,
    lo: Sequence[int],
    hi: Sequence[int],
    modulus: bool = False,
    want: Iterable[str] = ("mean", "square", "min", "max"),
    thresholds: np.ndarray | None = None,
    n_threads: int = 1,
    kept: dict[Any, Any] | None = None,
    plain: bool = False,
) -> dict[str, np.ndarray]:
    """Return pooled responses of every kernel to every signal.

    The response of kernel `k` with `L` taps to `x` at position `t` is `numpy.convolve(x, k, "valid")[t]`, and the
    positions `lo ... len(x) - L - hi` are pooled.

    Parameters
    ----------
    signals : array (S, n) or sequence of S arrays (n_s,)
        float32 or float64, all of one dtype.
    kernels : sequence of float64 arrays (L_r,)
        With `modulus`, pairs of one length: real part, imaginary part.
    lo, hi : sequence of int
        For each kernel, the positions that are left out at the beginning and the end.
    modulus : bool, optional
        Pool the modulus of pairs of responses.
    want : iterable of {"mean", "square", "min", "max", "position", "finite"}, optional
        What to return, beside the count.
    thresholds : array (R, Q), optional
        Count the positions where a response is above these.
    n_threads : int, optional
        The result doesn't depend on it, bit for bit.
    kept : dict, optional
        Where the kernels' transforms are kept from one call to the next with the same kernels, up to 16 MiB.
    plain : bool, optional
        Don't use values of many lanes, as where they can't be built: for tests.

    Returns
    -------
    dict
        `count`, and what is wanted of `mean`, `square` (sum of squared deviations from the mean), `min`, `max`: float64
        arrays (S, R), for R responses. `position`: int64, of the first maximum, counted from `lo`. `above`: float64,
        (S, R, Q), with thresholds. A response without a position has count 0, min inf, max -inf and else 0. `finite`,
        one bool: if not, a signal holds NaN or infinity, and its numbers mean nothing, or finite samples are so large
        that their sum overflowed.

    Raises
    ------
    InputError
        For signals of another or of mixed dtypes, kernels without taps, and lists that don't fit one another.

    Notes
    -----
    Errors relative to the scale of a response (its greatest modulus): float32 about 1e-7 for the mean, 1e-6 else;
    float64 1e-14. A position within rounding of a threshold may be counted on its other side.

    Cost: about `N log2(N) / (N - L + 1)` of 0.03 nanoseconds a response in float32 with AVX-512, for transforms of a
    size N that fit the cache. Memory beyond what is returned: the kernels' spectra, and for each thread 6 transforms of
    all lanes (400 KiB for N = 1024) and, where signals are a list, a copy of those it works on.

    Examples
    --------
    >>> pooled = fft_pool(np.arange(6.0)[np.newaxis], [np.array([1.0, -1.0])], lo=[0], hi=[0])
    >>> pooled["count"], pooled["mean"].round(12)
    (array([[5.]]), array([[1.]]))
    """
    source = _Source.wrap(signals)
    wanted = tuple(want)
    if unknown := [name for name in wanted if name not in (*POOLED, "finite")]:
        raise invalid("want", unknown[0], f"one of {', '.join(POOLED)}, finite")
    bank = _Bank.check(kernels, lo, hi, modulus, thresholds)
    plans = []
    for chosen in _classes(source.lengths):
        lengths = source.lengths[chosen]

        def count(size: int, extent: int, start: int, lengths: np.ndarray = lengths) -> int:
            return int(_n_segments(lengths, size, extent, start).sum())

        key = ("parts", *bank.key, source.dtype, plain, len(lengths), int(lengths[0]))
        parts = kept.get(key) if kept is not None else None
        if parts is None:
            parts = _split_kernels(bank, int(lengths.max()), count, source.dtype, plain)
            if kept is not None and (lengths == lengths[0]).all():
                kept[key] = parts
        for part, size in parts:
            extent, start = int(bank.extents[part].max()), int(bank.starts[part].min())
            plans.append((part, size, _cut(lengths, chosen, size, extent, start)))
    work: list[tuple[_Plan, list[list[_Segments]]]] = []
    carries: list[int] = []
    n_cells = len(source.lengths)
    for part, size, segments in plans:
        plan = _plan(bank, part, size, source.dtype, plain, kept)
        tasks = []
        for piece, carried in _pieces(segments, plan.lanes, n_cells + len(carries)):
            carries += carried
            tasks.append([piece])
        work.append((plan, tasks))
    state = _State.empty(n_cells + len(carries), bank.n_responses, wanted, bank.thresholds.shape[1])
    _run_all(work, source, state, n_threads)
    for row, cell in enumerate(carries, n_cells):
        state.merge(cell, row)
    return state.result(n_cells)


def fft_window_pool(
    signal: np.ndarray,
    kernels: Sequence[np.ndarray],
    *,
    window: int,
    hop: int,
    lo: Sequence[int],
    hi: Sequence[int],
    modulus: bool = False,
    want: Iterable[str] = ("mean", "max"),
    n_threads: int = 1,
    kept: dict[Any, Any] | None = None,
    plain: bool = False,
) -> dict[str, np.ndarray]:
    """Return responses of every kernel to one signal, pooled in windows.

    Window `w` holds the positions `w * hop ... w * hop + window - 1`, counted from each kernel's `lo`.

    Parameters
    ----------
    signal : array (n,)
        float32 or float64.
    kernels, lo, hi, modulus, n_threads, kept, plain
        As for `fft_pool`.
    window, hop : int
        Positions of a window, and from one window to the next. Neither needs to divide the other.
    want : iterable of {"mean", "square", "min", "max"}, optional
        What to return.

    Returns
    -------
    dict
        Of what is wanted, float64 arrays (R, W): as many windows as the response with the fewest positions has room
        for. `square` is the sum of squared deviations from the window's mean.

    Raises
    ------
    InputError
        Where `fft_pool` does, and if not one window has room.

    Notes
    -----
    Responses are pooled in cells, of which windows are put together: a cell is a hop, or, where a window isn't a
    multiple of it, two parts of a hop. Cost: as `fft_pool`, and `log2(window / hop)` for each window. Memory beyond
    what is returned: four numbers for each cell and response, and the memory of `fft_pool`.

    Examples
    --------
    >>> pooled = fft_window_pool(np.arange(8.0), [np.ones(1)], window=4, hop=2, lo=[0], hi=[0])
    >>> pooled["max"].round(12)
    array([[3., 5., 7.]])
    """
    source = _Source.wrap([signal])
    wanted = tuple(want)
    if unknown := [name for name in wanted if name not in POOLED[:4]]:
        raise invalid("want", unknown[0], f"one of {', '.join(POOLED[:4])}")
    for name, given in (("window", window), ("hop", hop)):
        if given < 1:
            raise invalid(name, given, "1 or more")
    bank = _Bank.check(kernels, lo, hi, modulus, None)
    n_positions = int(source.lengths[0] - bank.tails.max() + 1)
    if n_positions < window:
        raise invalid("window", window, f"at most {max(n_positions, 0)}, the positions of the shortest response")
    n_windows = (n_positions - window) // hop + 1
    # the cells of a hop: to where a window ends in it, and the rest (which no window has, if windows are shorter)
    edges = np.unique([0, window % hop if window >= hop else window, hop])
    per_hop = len(edges) - 1
    width = per_hop * (window // hop) + (window % hop > 0)
    end = (n_windows - 1) * hop + window
    n_hops = -(-end // hop)

    def count(size: int, extent: int, start: int) -> int:
        room = size - (extent - start) + 1
        return -(-n_hops // (room // hop)) if room >= hop else n_hops * -(-min(hop, window) // room)

    work: list[tuple[_Plan, list[list[_Segments]]]] = []
    for part, size in _split_kernels(bank, end + int(bank.extents.max()) - 1, count, source.dtype, plain):
        plan = _plan(bank, part, size, source.dtype, plain, kept)
        room = size - int(bank.extents[part].max() - bank.starts[part].min()) + 1
        start = int(bank.starts[part].min())
        step = max(room // hop, 1)
        lists = [
            _cut_hops(int(source.lengths[0]), size, start, end, np.arange(0, n_hops, step), hop, per_hop, *piece)
            for piece in _cut_edges(edges, min(hop, window), room, step)
        ]
        spans = _tasks(len(lists[0].owners), plan.lanes)
        work.append((plan, [[_Segments(x.fields[a:b], x.owners[a:b], x.edges) for x in lists] for a, b in spans]))
    state = _State.empty(n_hops * per_hop, bank.n_responses, wanted, 0)
    _run_all(work, source, state, n_threads)
    return state.windows(n_windows, per_hop, width)


# ------------------------------------------------------------------------------------------------ what is given


@dataclass(frozen=True)
class _Source:
    """Signals, and how to get a stretch of neighbours as one flat array."""

    flat: np.ndarray | None
    arrays: Sequence[np.ndarray]
    lengths: np.ndarray
    starts: np.ndarray
    dtype: np.dtype

    @staticmethod
    def wrap(signals: np.ndarray | Sequence[np.ndarray]) -> _Source:
        """Check signals."""
        flat: np.ndarray | None = None
        arrays: Sequence[np.ndarray] = ()
        if isinstance(signals, np.ndarray) and signals.ndim == 2:
            flat, dtype = np.ascontiguousarray(signals).reshape(-1), signals.dtype
            lengths = np.full(len(signals), signals.shape[1], dtype=np.int64)
        else:
            arrays = list(signals)
            dtypes = {array.dtype for array in arrays} or {np.dtype(np.float64)}
            if len(dtypes) > 1 or any(array.ndim != 1 for array in arrays):
                shown = sorted({f"{array.ndim}-D {array.dtype}" for array in arrays})
                raise invalid("signals", shown, "1-D arrays of one dtype")
            dtype = dtypes.pop()
            lengths = np.fromiter(map(len, arrays), np.int64, len(arrays))
            if arrays and lengths.sum() <= FLAT:
                flat = np.concatenate(arrays)
        if dtype not in LANES:
            raise invalid("signals.dtype", str(dtype), "float32 or float64", do="Convert the signals.")
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return _Source(flat, arrays, lengths, starts, dtype)

    def pack(self, segments: np.ndarray, owners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return a flat array, and where in it each segment starts."""
        begins = segments[:, 0]
        if self.flat is not None:
            return self.flat, self.starts[owners] + begins
        chosen, first = np.unique(owners, return_index=True)
        low = np.minimum.reduceat(begins, first)
        high = np.maximum.reduceat(begins + segments[:, 1], first)
        parts = [self.arrays[i][a:b] for i, a, b in zip(chosen.tolist(), low.tolist(), high.tolist())]
        shift = np.cumsum([0] + [len(part) for part in parts[:-1]]) - low
        flat = np.ascontiguousarray(parts[0]) if len(parts) == 1 else np.concatenate(parts)
        return flat, begins + shift[np.searchsorted(chosen, owners)]


@dataclass(frozen=True)
class _Bank:
    """Kernels as correlations: response `t` (counted from `lo`) is the sum of `taps[i] * x[t + start + i]`."""

    taps: list[np.ndarray]  # reversed kernels, two of one length a modulus
    starts: np.ndarray  # lo, (R,)
    extents: np.ndarray  # samples from a position's origin to the end of what it sees, (R,)
    tails: np.ndarray  # samples that must be left from a position's origin to the signal's end, (R,)
    thresholds: np.ndarray  # (R, Q)
    modulus: bool

    @property
    def n_responses(self) -> int:
        return len(self.starts)

    @property
    def key(self) -> tuple[bytes, ...]:
        """What tells apart banks of the same kernels."""
        return self.starts.tobytes(), self.tails.tobytes(), self.thresholds.tobytes()

    @staticmethod
    def check(
        kernels: Sequence[np.ndarray],
        lo: Sequence[int],
        hi: Sequence[int],
        modulus: bool,
        thresholds: np.ndarray | None,
    ) -> _Bank:
        """Check kernels and what belongs to them."""
        taps = [np.asarray(kernel, dtype=np.float64)[::-1] for kernel in kernels]
        lengths = np.array([len(t) for t in taps], dtype=np.int64)
        step = 2 if modulus else 1
        if not len(taps) or not lengths.min() or len(taps) % step:
            allowed = "pairs of kernels with one tap or more" if modulus else "one kernel or more, of one tap or more"
            raise invalid("kernels", [len(t) for t in taps], allowed)
        if modulus and (lengths[::2] != lengths[1::2]).any():
            raise invalid("kernels", lengths.tolist(), "pairs of one length")
        low, high = np.asarray(lo, dtype=np.int64), np.asarray(hi, dtype=np.int64)
        for name, given in (("lo", low), ("hi", high)):
            if given.shape != lengths.shape or (given < 0).any():
                raise invalid(name, given.tolist(), f"{len(taps)} non-negative whole numbers, one a kernel")
            if modulus and (given[::2] != given[1::2]).any():
                raise invalid(name, given.tolist(), "the same for both kernels of a pair")
        lengths, low, high = lengths[::step], low[::step], high[::step]
        levels = np.zeros((len(lengths), 0)) if thresholds is None else np.asarray(thresholds, dtype=np.float64)
        if levels.ndim != 2 or len(levels) != len(lengths):
            raise invalid("thresholds", levels.shape, f"an array of {len(lengths)} rows, one a response")
        return _Bank(taps, low, low + lengths, low + lengths + high, levels, modulus)


@dataclass
class _State:
    """Pooled responses: a row a cell (a signal, or what a task saw of its first one), a column a response."""

    count: np.ndarray
    pooled: dict[str, np.ndarray]
    above: np.ndarray
    wanted: tuple[str, ...]
    finite: bool = True  # no segment's sum was anything else

    @staticmethod
    def empty(n: int, n_responses: int, wanted: Sequence[str], n_thresholds: int) -> _State:
        """Return the state of having seen nothing."""
        shape = (n, n_responses)
        start = {"mean": 0.0, "square": 0.0, "min": np.inf, "max": -np.inf}
        needed = {"square": ("mean", "square"), "position": ("max", "position")}
        wanted = tuple(dict.fromkeys(name for given in wanted for name in needed.get(given, (given,))))
        pooled = {k: np.full(shape if k in wanted else (0, 0), value) for k, value in start.items()}
        pooled["position"] = np.zeros(shape if "position" in wanted else (0, 0), dtype=np.int64)
        return _State(np.zeros(shape), pooled, np.zeros((*shape, n_thresholds)), wanted)

    def merge(self, into: int, row: int) -> None:
        """Add what row `row` saw, later positions than those of row `into`."""
        a, b = self.count[into], self.count[row]
        total = np.maximum(a + b, 1)
        pooled = self.pooled
        if len(pooled["mean"]):
            step = pooled["mean"][row] - pooled["mean"][into]
            if len(pooled["square"]):
                pooled["square"][into] += pooled["square"][row] + step**2 * (a * b / total)
            pooled["mean"][into] += step * (b / total)
        if len(pooled["min"]):
            np.minimum(pooled["min"][into], pooled["min"][row], out=pooled["min"][into])
        if len(pooled["max"]):
            later = pooled["max"][row] > pooled["max"][into]
            pooled["max"][into][later] = pooled["max"][row][later]
            if len(pooled["position"]):
                pooled["position"][into][later] = pooled["position"][row][later]
        self.above[into] += self.above[row]
        self.count[into] += b

    def windows(self, n: int, step: int, width: int) -> dict[str, np.ndarray]:
        """Return, for each of `n` windows, the union of `width` cells, `step` cells after those of the one before."""
        n_responses = self.count.shape[1]
        out = {name: np.empty((n_responses, n)) for name in self.wanted}
        for r in range(n_responses):  # one at a time, to bound memory
            cells = {"count": self.count[:, r], **{name: self.pooled[name][:, r] for name in self.wanted}}
            whole = _window(cells, n, step, width)
            for name, values in out.items():
                values[r] = whole[name]
        return out

    def result(self, n: int) -> dict[str, np.ndarray]:
        """Return the first `n` rows, as a dictionary of what was kept."""
        kept = {"count": self.count[:n], **{name: self.pooled[name][:n] for name in self.wanted if name in self.pooled}}
        if "finite" in self.wanted:
            kept["finite"] = np.array(self.finite)
        if self.above.shape[2]:
            kept["above"] = self.above[:n]
        return kept


def _window(cells: dict[str, np.ndarray], n: int, step: int, width: int) -> dict[str, np.ndarray]:
    """The union of `width` cells from each `step`-th on, put together from those of 1, 2, 4, 8 ... cells."""
    whole: dict[str, np.ndarray] | None = None
    at, size = 0, 1
    while True:  # `cells[i]` is the union of `size` cells from cell i on
        if width & size:
            part = {name: values[at : at + (n - 1) * step + 1 : step] for name, values in cells.items()}
            whole = part if whole is None else _union(whole, part)
            at += size
        if 2 * size > width:
            assert whole is not None  # the highest power of two in `width` is there
            return whole
        cells = _union({k: v[:-size] for k, v in cells.items()}, {k: v[size:] for k, v in cells.items()})
        size *= 2


def _union(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The states of what `a` or `b` saw (Chan, Golub and LeVeque, Am. Statistician 37(3), 1983)."""
    both = {"count": a["count"] + b["count"]}
    if "mean" in a:
        share = b["count"] / np.maximum(both["count"], 1)
        step = b["mean"] - a["mean"]
        both["mean"] = a["mean"] + step * share
        if "square" in a:
            both["square"] = a["square"] + b["square"] + step**2 * share * a["count"]
    for name, choose in (("min", np.minimum), ("max", np.maximum)):
        if name in a:
            both[name] = choose(a[name], b[name])
    return both


# ------------------------------------------------------------------------------------------------ plans


def _classes(lengths: np.ndarray) -> list[np.ndarray]:
    """The indices of signals of like length: those that round up to the same power of two."""
    powers = np.ceil(np.log2(np.maximum(lengths, 1))).astype(np.int64)
    return [np.flatnonzero(powers == power) for power in np.unique(powers)]


def _n_segments(lengths: np.ndarray, size: int, extent: int, start: int) -> np.ndarray:
    """The segments that each signal is cut into."""
    span = extent - start
    return 1 + np.maximum(0, -((size - (lengths - start)) // (size - span + 1)))


def _cost(n_segments: int, n_pairs: float, size: int, width: int, lanes: int) -> float:
    """A model of the time, in nanoseconds; fitted to one core with AVX-512."""
    groups = -(-n_segments // lanes)
    bytes_ = 6 * size * width
    slow = next((factor for level, factor in CACHES if bytes_ <= level), 2.0)
    transform = 1.2 * size * math.log2(size) * slow * width / 64
    return groups * (n_pairs * (transform + 400 + 20 * lanes) + 1.5 * transform + 13 * size * lanes / 16)


Count = Callable[[int, int, int], int]
"""The segments that the work falls into, from a transform's size, the samples a class of kernels sees, and where that
begins."""


def _best_size(bank: _Bank, part: np.ndarray, longest: int, count: Count, width: int, lanes: int) -> tuple[float, int]:
    """The time of a class of kernels, and the size of transform that takes it."""
    start, extent = int(bank.starts[part].min()), int(bank.extents[part].max())
    n_pairs = len(part) if bank.modulus else (len(part) + 1) // 2
    least, most = extent - start, max(longest, extent - start, SMALLEST)
    powers = range(SMALLEST.bit_length() - 1, LARGEST.bit_length())
    allowed = [1 << k for k in powers if least <= 1 << k < 2 * most] or [max(1 << (least - 1).bit_length(), SMALLEST)]
    return min((_cost(count(size, extent, start), n_pairs, size, width, lanes), size) for size in allowed)


def _split_kernels(
    bank: _Bank, longest: int, count: Count, dtype: np.dtype, plain: bool
) -> list[tuple[np.ndarray, int]]:
    """Classes of kernels of like length, each with the size of its transform: as few as is cheapest."""
    lanes = 1 if plain or not available() else LANES[dtype]
    order = np.argsort(bank.extents, kind="stable")
    powers = np.ceil(np.log2(bank.extents[order]))
    parts = [order[powers == power] for power in np.unique(powers)]

    def best(part: np.ndarray) -> tuple[float, int]:
        return _best_size(bank, part, longest, count, lanes * dtype.itemsize, lanes)

    costs = [best(part) for part in parts]
    i = 0
    while i + 1 < len(parts):
        both = np.concatenate([parts[i], parts[i + 1]])
        joint = best(both)
        if joint[0] <= costs[i][0] + costs[i + 1][0]:
            parts[i : i + 2], costs[i : i + 2] = [both], [joint]
            i = max(i - 1, 0)
        else:
            i += 1
    return [(part, size) for part, (_, size) in zip(parts, costs)]


def _plan(bank: _Bank, part: np.ndarray, size: int, dtype: np.dtype, plain: bool, kept: dict[Any, Any] | None) -> _Plan:
    """The plan of a class of kernels, perhaps kept from an earlier call."""
    if kept is None:
        return _Plan.build(bank, part, size, dtype, plain)
    key = ("plan", *bank.key, dtype, plain, size, part.tobytes())
    plan = kept.get(key)
    if plan is None:
        plan = _Plan.build(bank, part, size, dtype, plain)
        others = [other for other in [*kept.values()] if isinstance(other, _Plan)]
        if sum(other.spectra.nbytes for other in [*others, plan]) <= KEPT:
            kept[key] = plan
    return plan


@dataclass(frozen=True)
class _Segments:
    """What is transformed: rows of `FIELDS` numbers, the signal that each belongs to, and where its cells begin."""

    fields: np.ndarray
    owners: np.ndarray
    edges: np.ndarray


def _cut(lengths: np.ndarray, owners: np.ndarray, size: int, extent: int, start: int) -> _Segments:
    """Cut signals into segments of at most `size` samples that overlap by what a kernel sees, less one."""
    counts = _n_segments(lengths, size, extent, start)
    step = size - (extent - start) + 1
    of = np.repeat(np.arange(len(lengths)), counts)
    index = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
    fields = np.empty((len(of), FIELDS), dtype=np.int64)
    rest = lengths[of] - index * step
    fields[:, 0] = np.minimum(index * step + start, lengths[of])
    fields[:, 1] = np.clip(rest - start, 0, size)
    fields[:, 2] = rest
    fields[:, 3] = np.where(index + 1 < counts[of], step, size)
    fields[:, 4] = index * step
    fields[:, 5] = owners[of]
    return _Segments(fields, owners[of], np.array([0, size]))


def _cut_edges(edges: np.ndarray, used: int, room: int, step: int) -> list[tuple[int, np.ndarray, int]]:
    """The cells of `step` hops, or, where not one hop has room in a segment, of parts of the `used` part of one.

    Returns where each part begins in a hop, the edges of its cells counted from there, and its first cell.
    """
    hop = int(edges[-1])
    if room >= hop:
        return [(0, np.append(np.add.outer(np.arange(step) * hop, edges[:-1]), step * hop), 0)]
    pieces = []
    for begin in range(0, used, room):
        end = min(begin + room, used)
        inside = edges[(edges > begin) & (edges < end)]
        first = int(np.searchsorted(edges, begin, side="right")) - 1
        pieces.append((begin, np.array([begin, *inside, end]) - begin, first))
    return pieces


def _cut_hops(
    n: int,
    size: int,
    start: int,
    end: int,
    hops: np.ndarray,
    hop: int,
    per_hop: int,
    begin: int,
    edges: np.ndarray,
    first: int,
) -> _Segments:
    """Segments of one signal that begin at the same place of a hop, each the first of a few."""
    at = hops * hop + begin
    rest = n - at
    owned = np.clip(end - at, 0, edges[-1])
    samples = np.clip(rest - start, 0, size)
    fields = np.stack([np.minimum(at + start, n), samples, rest, owned, at, hops * per_hop + first], axis=1)
    return _Segments(fields.astype(np.int64), np.zeros(len(at), dtype=np.int64), edges.astype(np.int64))


def _tasks(n_segments: int, lanes: int) -> Iterable[tuple[int, int]]:
    """Cut segments into parts of whole groups that fill the lanes: where each begins and ends."""
    n_groups = -(-n_segments // lanes)
    n_tasks = min(max(n_groups // GROUPS, 8), n_groups, TASKS)
    bounds = np.unique(np.linspace(0, n_groups, n_tasks + 1).astype(int)) * lanes
    return itertools.pairwise(bounds.tolist())


def _pieces(segments: _Segments, lanes: int, next_row: int) -> Iterable[tuple[_Segments, list[int]]]:
    """Cut segments into parts that threads work on; a cell shared with the part before gets a row of its own."""
    last = -1
    for begin, end in _tasks(len(segments.owners), lanes):
        fields = segments.fields[begin:end].copy()
        carried = []
        cells = segments.fields[begin:end, 5]
        if cells[0] == last:
            fields[cells == last, 5] = next_row
            next_row += 1
            carried.append(int(last))
        last = cells[-1]
        yield _Segments(fields, segments.owners[begin:end], segments.edges), carried


@dataclass(frozen=True)
class _Plan:
    """Everything that the compiled loop needs for one class of kernels and one size of transform."""

    size: int
    lanes: int
    plain: bool
    dtype: np.dtype
    modulus: bool
    spectra: np.ndarray  # (pairs, size, 2)
    columns: np.ndarray  # (2 * pairs,) the response, or -1
    tails: np.ndarray  # (2 * pairs,)
    sums: np.ndarray  # (2 * pairs,) of the taps
    scales: np.ndarray  # (2 * pairs,) what the spectra were divided by
    thresholds: np.ndarray  # (2 * pairs, Q)
    twiddles: np.ndarray  # (size, 2)

    @staticmethod
    def build(bank: _Bank, part: np.ndarray, size: int, dtype: np.dtype, plain: bool) -> _Plan:
        """Transform kernels, two in one; the transform back is left unscaled, so that is done here too."""
        plain = plain or not available()
        start = bank.starts[part].min()
        slots = [(2 * r, 2 * r + 1) for r in part] if bank.modulus else _pairs(part)
        n = len(slots)
        columns, tails = np.full((n, 2), -1), np.zeros((n, 2), dtype=np.int64)
        sums, scales = np.zeros((n, 2)), np.ones((n, 2))
        thresholds = np.zeros((n, 2, bank.thresholds.shape[1]))
        spectra = np.empty((n, size, 2), dtype=dtype)
        for i, pair in enumerate(slots):
            parts = np.zeros((2, size))
            for h, k in enumerate(pair):
                if k is None:
                    continue
                r = k // 2 if bank.modulus else k
                at = bank.starts[r] - start
                parts[h, at : at + len(bank.taps[k])] = bank.taps[k]
                columns[i, h] = r if not (bank.modulus and h) else -1
                tails[i, h] = bank.tails[r]
                thresholds[i, h] = bank.thresholds[r]
            sums[i] = parts.sum(axis=1)
            norms = np.sqrt((parts**2).sum(axis=1))
            if bank.modulus:
                norms[:] = norms.max()
            usable = np.isfinite(norms) & (norms > 0)
            scales[i, usable] = 2.0 ** np.frexp(norms[usable])[1]
            kernel = parts[0] / scales[i, 0] - 1j * (parts[1] / scales[i, 1])
            both = np.conj(scipy.fft.fft(kernel)) / size
            spectra[i, :, 0], spectra[i, :, 1] = both.real, both.imag
        turns = np.exp(2j * np.pi * np.arange(size) / size)
        twiddles = np.stack([turns.real, turns.imag], axis=1).astype(dtype)
        flat = (columns.ravel().astype(np.int64), tails.ravel(), sums.ravel(), scales.ravel())
        levels = thresholds.reshape(2 * n, -1)
        lanes = 1 if plain else LANES[dtype]
        return _Plan(size, lanes, plain, dtype, bank.modulus, spectra, *flat, levels, twiddles)

    def work(self, n_cells: int) -> tuple[np.ndarray, ...]:
        """Return the rows that one call of the compiled loop works in: six transforms, two chunks, and the sums."""
        n_thresholds = self.thresholds.shape[1]
        sizes = [self.size] * 6 + [16 * CHUNK]
        sizes += [2 * n_cells * N_SUMS, 2 * max(n_thresholds, 1), 2 * n_cells * max(n_thresholds, 1), 8]
        sizes = [-(-n // 8) * 8 for n in sizes]
        # each begins at another place of a page than the one before, or their rows would fall on the same few lines
        block = rows(sum(sizes) + 8 * len(sizes), self.dtype, plain=self.plain)
        begins = np.cumsum([0, *[n + 8 for n in sizes]])
        return tuple(block[begin : begin + n] for begin, n in zip(begins, sizes))

    def scratch(self, n_cells: int) -> tuple[np.ndarray, ...]:
        """Return what one call of the compiled loop notes for each lane, and for each cell."""
        two = (2, self.lanes)
        fresh = np.empty((2, n_cells), np.bool_)
        limits = np.zeros((2, 2), np.int64)
        numbers = np.empty(n_cells + 1, np.int64)
        return np.empty(two, np.int64), np.empty(two), fresh, limits, numbers, limits.copy(), np.ones(1, np.bool_)


def _pairs(part: np.ndarray) -> list[tuple[int, int | None]]:
    """Kernels of like length, two and two; the last may be alone."""
    listed = [int(r) for r in part]
    return [(listed[i], listed[i + 1] if i + 1 < len(listed) else None) for i in range(0, len(listed), 2)]


def _run_all(plans: list[tuple[_Plan, list[list[_Segments]]]], source: _Source, state: _State, n_threads: int) -> None:
    """Work on the tasks of one plan after the other, in threads that sleep when there is nothing to do."""
    n_workers = max(1, min(n_threads, max((len(tasks) for _, tasks in plans), default=1)))
    pool = ThreadPoolExecutor(n_workers) if n_workers > 1 else None
    with pool or contextlib.nullcontext():
        for plan, tasks in plans:
            n_cells = max(len(segments.edges) for task in tasks for segments in task) - 1
            # memory that was used is handed on: a fresh page costs more than what is done with it
            idle = [(plan.work(n_cells), plan.scratch(n_cells)) for _ in range(min(n_workers, len(tasks)))]

            def one(task: list[_Segments], plan: _Plan = plan, idle: list = idle) -> None:
                memory = idle.pop()  # there is one for each thread
                for segments in task:
                    _run(plan, segments, source, state, *memory)
                idle.append(memory)

            for _ in pool.map(one, tasks) if pool and len(tasks) > 1 else map(one, tasks):
                pass
            state.finite &= all(scratch[-1][0] for _, scratch in idle)
            del idle, one


def _run(
    plan: _Plan,
    segments: _Segments,
    source: _Source,
    state: _State,
    work: tuple[np.ndarray, ...],
    scratch: tuple[np.ndarray, ...],
) -> None:
    """Fold segments into the state."""
    flat, starts = source.pack(segments.fields, segments.owners)
    fields = segments.fields.copy()
    fields[:, 0] = starts
    pooled = state.pooled
    _fold(
        flat,
        fields,
        plan.spectra,
        plan.columns,
        plan.tails,
        plan.sums,
        plan.scales,
        plan.thresholds,
        segments.edges,
        plan.twiddles,
        plan.modulus,
        plan.size >= 256 and plan.size * plan.lanes * plan.dtype.itemsize >= SPLIT_FROM,
        work,
        scratch,
        state.count,
        pooled["mean"],
        pooled["square"],
        pooled["min"],
        pooled["max"],
        pooled["position"],
        state.above,
    )


# ------------------------------------------------------------------------------------------------ the compiled loop


@compiled()
def _fill(flat, fields, x, extra, finite):  # type: ignore[no-untyped-def]
    """Load segments into lanes, shifted by about their mean and scaled to at most 1; shifts and scales in `extra`.

    Where a sum isn't finite nothing is shifted, and `finite[0]` says so.
    """
    n_lanes = lanes_of(x)
    n = len(x)
    shortest = n
    longest = 0
    for at in range(n_lanes):
        length = fields[min(at, len(fields) - 1), 1]
        shortest = min(shortest, length)
        longest = max(longest, length)
    zero = splat(x, x.dtype.type(0))
    for t in range(shortest):
        for at in range(n_lanes):
            set_lane(x, t, at, flat[fields[min(at, len(fields) - 1), 0] + t])
    for t in range(shortest, n):
        store(x, t, zero)
    for at in range(n_lanes):
        row = fields[min(at, len(fields) - 1)]
        for t in range(shortest, row[1]):
            set_lane(x, t, at, flat[row[0] + t])
    total = zero
    for t in range(longest):
        total = total + load(x, t)
    store(extra, 0, total)
    for at in range(n_lanes):
        length = fields[min(at, len(fields) - 1), 1]
        mean = lane(extra, 0, at) / max(length, 1)
        if not np.isfinite(mean):
            finite[0] = False
            mean = x.dtype.type(0)
        set_lane(extra, 0, at, mean)
        set_lane(extra, 2, at, length)
    shift = load(extra, 0)
    length = load(extra, 2)
    high = zero
    low = zero
    for t in range(longest):
        y = load(x, t) - shift
        if t >= shortest:
            y = select(greater(length, splat(x, x.dtype.type(t))), y, zero)
        store(x, t, y)
        high = maximum(y, high)
        low = minimum(y, low)
    store(extra, 1, maximum(high, zero - low))
    for at in range(n_lanes):
        largest = lane(extra, 1, at)
        exponent = math.frexp(largest)[1] if 0 < largest < np.inf else 0
        set_lane(extra, 1, at, math.ldexp(1.0, min(max(exponent, -100), 100)))
        set_lane(extra, 2, at, math.ldexp(1.0, -min(max(exponent, -100), 100)))
    scale = load(extra, 2)
    for t in range(longest):
        store(x, t, load(x, t) * scale)


@compiled()
def _pool(values, begin, end, sums, at, fresh, masked):  # type: ignore[no-untyped-def]
    """Add rows `begin:end` to the running sums of a cell. NaN, if `masked`, is no position."""
    zero = splat(sums, sums.dtype.type(0))
    s = zero
    v = zero
    if fresh:
        pivot = load(values, begin)
        pivot = select(known(pivot), pivot, zero)
        high = splat(sums, sums.dtype.type(-np.inf))
        low = splat(sums, sums.dtype.type(np.inf))
    else:
        pivot = load(sums, at + PIVOT)
        high = load(sums, at + MAX)
        low = load(sums, at + MIN)
    if masked:
        for i in range(begin, end):
            y = load(values, i)
            d = select(known(y), y - pivot, zero)
            s = s + d
            v = fma(d, d, v)
            high = maximum(y, high)
            low = minimum(y, low)
    else:
        s1 = zero
        v1 = zero
        high1 = high
        low1 = low
        odd = (end - begin) & 1
        if odd:
            y = load(values, begin)
            d = y - pivot
            s = s + d
            v = fma(d, d, v)
            high = maximum(y, high)
            low = minimum(y, low)
        for i in range(begin + odd, end, 2):
            y = load(values, i)
            d = y - pivot
            s = s + d
            v = fma(d, d, v)
            high = maximum(y, high)
            low = minimum(y, low)
            y = load(values, i + 1)
            d = y - pivot
            s1 = s1 + d
            v1 = fma(d, d, v1)
            high1 = maximum(y, high1)
            low1 = minimum(y, low1)
        s = s + s1
        v = v + v1
        high = maximum(high1, high)
        low = minimum(low1, low)
    if not fresh:  # sums of these few rows first, since a long sum loses digits
        s = s + load(sums, at + SUM)
        v = v + load(sums, at + SQUARE)
    store(sums, at + PIVOT, pivot)
    store(sums, at + SUM, s)
    store(sums, at + SQUARE, v)
    store(sums, at + MAX, high)
    store(sums, at + MIN, low)


@compiled()
def _pool_place(values, begin, end, t, gap, sums, at, fresh):  # type: ignore[no-untyped-def]
    """Keep the greatest of the rows `begin:end` and its first position: of row `begin` it is `t`, then `t + gap`."""
    best = splat(sums, sums.dtype.type(-np.inf))
    place = splat(sums, sums.dtype.type(np.inf))
    step = splat(sums, sums.dtype.type(gap))
    now = splat(sums, sums.dtype.type(t))
    for i in range(begin, end):
        y = load(values, i)
        above = greater(y, best)
        best = select(above, y, best)
        place = select(above, now, place)
        now = now + step
    if not fresh:  # of equal ones the earlier: rows don't come in the order of positions
        old = load(sums, at + BEST)
        old_place = load(sums, at + PLACE)
        earlier = select(greater(old, best), old_place, minimum(place, old_place))
        place = select(greater(best, old), place, earlier)
        best = maximum(best, old)
    store(sums, at + BEST, best)
    store(sums, at + PLACE, place)


@compiled()
def _pool_above(values, begin, end, levels, level, n, counts, at, fresh):  # type: ignore[no-untyped-def]
    """Count the rows `begin:end` above each of `n` thresholds."""
    zero = splat(counts, counts.dtype.type(0))
    one = splat(counts, counts.dtype.type(1))
    odd = (end - begin) & 1
    for k in range(n):
        a = zero if fresh else load(counts, at + k)
        b = zero
        limit = load(levels, level + k)
        if odd:
            a = a + select(greater(load(values, begin), limit), one, zero)
        for i in range(begin + odd, end, 2):
            a = a + select(greater(load(values, i), limit), one, zero)
            b = b + select(greater(load(values, i + 1), limit), one, zero)
        store(counts, at + k, a + b)


@compiled()
def _merge(  # type: ignore[no-untyped-def]
    fields, column, ends, at, edges, sums, counts, extra, offset, scale, count, mean, square, low, high, place, above
):
    """Merge the running sums of all lanes and cells of one response into the state, in double precision."""
    n_cells = len(edges) - 1
    n_thresholds = above.shape[2]
    for a in range(len(fields)):
        unit = scale * lane(extra, 1, a)
        shift = offset[a]
        for j in range(n_cells):
            n = min(ends[a], edges[j + 1]) - edges[j]
            if n <= 0:
                continue
            row = (at * n_cells + j) * N_SUMS
            cell = fields[a, 5] + j
            seen = count[cell, column]
            count[cell, column] = seen + n
            if len(mean):
                s = float(lane(sums, row + SUM, a))
                m = (float(lane(sums, row + PIVOT, a)) + s / n) * unit + shift
                step = m - mean[cell, column]
                mean[cell, column] = m if seen == 0 else mean[cell, column] + step * (n / (seen + n))
                if len(square):
                    v = max(float(lane(sums, row + SQUARE, a)) - s * (s / n), 0.0) * unit * unit
                    if seen > 0:
                        v += step * step * (seen * n / (seen + n))
                    square[cell, column] += v
            if len(low):
                low[cell, column] = min(low[cell, column], float(lane(sums, row + MIN, a)) * unit + shift)
            if len(high):
                y = float(lane(sums, row + MAX, a)) * unit + shift
                if y > high[cell, column] or seen == 0:
                    high[cell, column] = y
                    if len(place):
                        place[cell, column] = fields[a, 4] + int(lane(sums, row + PLACE, a))
            for k in range(n_thresholds):
                above[cell, column, k] += lane(counts, (at * n_cells + j) * n_thresholds + k, a)


@compiled()
def _limits(fields, n_lanes, modulus, r, h, tails, taps, scales, thresholds, extra, levels, ends, offsets):  # type: ignore[no-untyped-def]
    """Where response `r` ends in each lane, what shifts took from it, and its thresholds in a lane's own units."""
    n_thresholds = thresholds.shape[1]
    inner = 1 << 62
    outer = 0
    for a in range(n_lanes):
        row = min(a, len(fields) - 1)
        end = max(min(fields[row, 3], fields[row, 2] - tails[r] + 1), 0)
        ends[h, a] = end
        inner = min(inner, end)
        outer = max(outer, end)
        taken = float(lane(extra, 0, a)) * taps[r]
        unit = scales[r] * float(lane(extra, 1, a))
        offsets[h, a] = 0.0 if modulus else taken
        set_lane(extra, 6 + h, a, taken / unit)
        for k in range(n_thresholds):
            set_lane(levels, h * n_thresholds + k, a, (thresholds[r, k] - offsets[h, a]) / unit)
    return inner, outer


@compiled()
def _pool_rows(  # type: ignore[no-untyped-def]
    values, first, t0, t1, inner, h, edges, fresh, sums, levels, counts, n_thresholds, extra, places, step, residue
):
    """Add results `t0:t1`, which lie in `values` from row `first` on, to the cells that they fall into.

    Result `t` is position `t * step + residue`; `inner` and `edges` count results.
    """
    n_cells = len(edges) - 1
    if t1 > inner:
        limit = load(extra, 4 + h)
        nothing = splat(values, values.dtype.type(np.nan))
        for t in range(max(t0, inner), t1):
            i = first + t - t0
            inside = greater(limit, splat(values, values.dtype.type(t)))
            store(values, i, select(inside, load(values, i), nothing))
    t = max(t0, edges[0])
    t1 = min(t1, edges[n_cells])
    j = 0
    k = n_cells - 1
    while j < k:  # the last cell that begins at or before t
        middle = (j + k + 1) // 2
        if edges[middle] <= t:
            j = middle
        else:
            k = middle - 1
    while t < t1:
        stop = min(t1, edges[j + 1])
        if stop > t:
            i = first + t - t0
            k = first + stop - t0
            at = h * n_cells + j
            new = fresh[h, j]
            _pool(values, i, k, sums, at * N_SUMS, new, stop > inner)
            if places:
                _pool_place(values, i, k, t * step + residue, step, sums, at * N_SUMS, new)
            if n_thresholds:
                _pool_above(values, i, k, levels, h * n_thresholds, n_thresholds, counts, at * n_thresholds, new)
            fresh[h, j] = False
        t = stop
        j += 1


@compiled()
def _count_by_step(step, residue, edges, ends, limits, extra, near, near_limits):  # type: ignore[no-untyped-def]
    """Where cells begin and lanes end, counted in every `step`-th position from `residue` on."""
    up = step - 1 - residue
    for j in range(len(edges)):
        near[j] = (edges[j] + up) // step
    for h in range(2):
        for a in range(ends.shape[1]):
            set_lane(extra, 4 + h, a, (ends[h, a] + up) // step)
        near_limits[0, h] = (limits[0, h] + up) // step
        near_limits[1, h] = (limits[1, h] + up) // step


@compiled(entry=True)
def _fold(  # type: ignore[no-untyped-def]
    flat, segments, spectra, columns, tails, taps, scales, thresholds, edges, twiddles, modulus, split, work, scratch,
    count, mean, square, low, high, place, above,
):  # fmt: skip
    """Transform segments, lanes at a time, and pool each kernel's responses into the rows of the state.

    With `split`, the transforms back are sixteen of a sixteenth each, one after the other, which stay in the cache.
    """
    xr, xi, ar, ai, br, bi, chunk_rows, sums, levels, counts, extra = work
    ends, offsets, fresh, limits, near, near_limits, finite = scratch
    near = near[: len(edges)]
    n_lanes = lanes_of(xr)
    n_thresholds = thresholds.shape[1]
    quarter = len(xr) // 4
    zero = splat(xr, xr.dtype.type(0))
    half_root = xr.dtype.type(HALF_ROOT)
    for group in range(0, len(segments), n_lanes):
        fields = segments[group : group + n_lanes]
        _fill(flat, fields, bi, extra, finite)
        for t in range(len(xr)):
            store(br, t, zero)
        for pair in range(-1, len(spectra)):
            forward = pair < 0
            step = 16 if split and not forward else 1
            size = len(xr) // step
            last = last_of(size if forward or split else quarter)
            d = size // last
            n_here = 0
            if not forward:
                n_here = 1 if modulus or columns[2 * pair + 1] < 0 else 2
                furthest = 0
                for h in range(2):
                    limits[0, h], limits[1, h] = _limits(
                        fields, n_lanes, modulus, 2 * pair + h, h, tails, taps, scales, thresholds, extra, levels,
                        ends, offsets,
                    )  # fmt: skip
                    if h < n_here:
                        furthest = max(furthest, limits[1, h])
                if furthest == 0:
                    continue
                for j in range(len(edges) - 1):
                    fresh[0, j] = True
                    fresh[1, j] = True
                f, e = (1, quarter) if split else (4, 1)
                step4_product(xr, xi, spectra[pair], br, bi, twiddles, f, e)
            for part in range(step):
                residue = part // 4 + part % 4 * 4
                if step == 1:
                    sr, si, tr, ti = br, bi, ar, ai
                else:
                    if part % 4 == 0:
                        at = part // 4 * quarter
                        step4(
                            br[at : at + quarter], bi[at : at + quarter], ar[:quarter], ai[:quarter], 1, twiddles,
                            4, 1, size,
                        )  # fmt: skip
                    at = part % 4 * size
                    sr, si = ar[at : at + size], ai[at : at + size]
                    tr, ti = ar[quarter : quarter + size], ai[quarter : quarter + size]
                here = steps(sr, si, tr, ti, 1 if forward or split else 4, last, twiddles, step, half_root)
                pr, pi = (sr, si) if here else (tr, ti)
                if forward:  # real and imaginary parts are exchanged, of what goes in and what comes out
                    if last == 4:
                        last4(pr, pi, 0, d, xi, xr, 0, d)
                    else:
                        last8(pr, pi, 0, d, xi, xr, 0, d, half_root)
                    continue
                _count_by_step(step, residue, edges, ends, limits, extra, near, near_limits)
                furthest = max(near_limits[1, 0], near_limits[1, n_here - 1])
                for begin in range(0, min(d, furthest), CHUNK):
                    end = min(begin + CHUNK, d)
                    if last == 4:
                        last4(pr, pi, begin, end, chunk_rows, chunk_rows, 8 * CHUNK, CHUNK)
                    else:
                        last8(pr, pi, begin, end, chunk_rows, chunk_rows, 8 * CHUNK, CHUNK, half_root)
                    for k in range(last):
                        t0 = begin + k * d
                        if t0 >= furthest:
                            break
                        first = k * CHUNK
                        if modulus:
                            _modulus(chunk_rows, first, first + end - begin, extra)
                        for h in range(n_here):
                            _pool_rows(
                                chunk_rows, first + 8 * h * CHUNK, t0, min(end + k * d, near_limits[1, h]),
                                near_limits[0, h], h, near, fresh, sums, levels, counts, n_thresholds, extra,
                                len(place) > 0, step, residue,
                            )  # fmt: skip
            for h in range(n_here):
                _merge(
                    fields, columns[2 * pair + h], ends[h], h, edges, sums, counts, extra, offsets[h],
                    scales[2 * pair + h], count, mean, square, low, high, place, above,
                )  # fmt: skip


@compiled()
def _modulus(values, begin, end, extra):  # type: ignore[no-untyped-def]
    """The modulus of rows, what the signals' shifts took away given back first."""
    pr = load(extra, 6)
    pi = load(extra, 7)
    for i in range(begin, end):
        r = load(values, i) + pr
        m = load(values, i + 8 * CHUNK) + pi
        store(values, i, sqrt(fma(r, r, m * m)))
