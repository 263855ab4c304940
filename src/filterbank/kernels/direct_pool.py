"""Short kernels over many 1-D signals, convolved directly and pooled tile by tile: no response is ever written out."""

from __future__ import annotations

import functools
import math
import operator
import types
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from filterbank.errors import InputError, invalid
from filterbank.kernels.short_pool import SHORT, pool_short

__all__ = ["STATES", "direct_pool", "why_plain"]

STATES = ("mean", "square", "min", "max", "position")
"""What `direct_pool` can be asked for of each response, beside thresholds."""

TILE = 1024  # positions whose responses are held at a time, in the first-level cache
LANES = 16  # a multiple of the vectors' lengths: tiles are filled up to multiples of it
VECTOR_BYTES = 64  # of one vector value; LLVM splits it where registers are shorter
ROOM = TILE + LANES  # of a tile's values, filled up
FEW = 32  # values up to which deviations are taken from one of them: their squares are 33 times the least at most
UNROLLED = 4  # vectors summed side by side
PACK = 1 << 16  # samples of short signals that are packed into one buffer
SERIAL = 2e6  # products and sums below which threads don't pay
MANY = 64  # thresholds a response from which ranking each value beats comparing it with each
STRETCHES = 16  # of equal length, for each threshold, in which they are looked up
LARGE = np.float32(1 << 30)  # numbers up to it can be int32
CROWD = 8  # thresholds in one of them beyond which comparing is the better way


def direct_pool(
    signals: Sequence[np.ndarray] | np.ndarray,
    kernels: Sequence[np.ndarray],
    *,
    lo: Sequence[int],
    hi: Sequence[int],
    modulus: bool = False,
    want: Collection[str] = ("mean", "square", "min", "max"),
    thresholds: np.ndarray | None = None,
    n_threads: int = 1,
    kept: dict[Any, Any] | None = None,
    lengths: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Convolve every signal with every kernel and pool each response over its positions.

    Response `r` at position `t` is `sum_j kernel[j] * x[t + len(kernel) - 1 - j]`, as `numpy.convolve(..., "valid")`,
    at `t = lo[r] ... len(x) - len(kernel) - hi[r]`. The sum runs over the kernel's non-zero entries in ascending order
    of `j`, in the signals' precision, without fused multiplication: each value is, bit for bit, that of
    `convolve_direct`.

    Parameters
    ----------
    signals : list of array, (sample,), or array, (signal, sample)
        All float32 or all float64. Those of a list may differ in length.
    kernels : list of float array, (taps,)
        With `modulus`, real and imaginary parts by turns.
    lo, hi : sequence of int, one a kernel
        Positions left out at the beginning and at the end.
    modulus : bool
        Pool `sqrt(real ** 2 + imaginary ** 2)`.
    want : collection of {"mean", "square", "min", "max", "position", "finite"}
        "square" is the sum of squared deviations from the mean; "position" is that of the first maximum, less `lo`.
    thresholds : array, (response, threshold), optional
        Also count the positions at which each response lies above each of these. They needn't be sorted.
    n_threads : int
        The result doesn't depend on it, bit for bit. Small jobs stay in one.
    kept : dict, optional
        Where the list of taps is kept from one call to the next with the same kernels.
    lengths : int64 array, (signal,), optional
        The signals' samples, if they have been counted and are of one dtype, since to look at each takes long.

    Returns
    -------
    dict
        "count" (int64) and what was wanted (float64; "position" int64), each `(signal, response)`; with thresholds,
        "above" (int32), `(signal, response, threshold)`. "finite", one bool: if not, a signal holds NaN or infinity,
        and its numbers mean nothing, or finite samples are so large that their sum overflowed.

    Raises
    ------
    InputError
        If a signal is too short to have a position, or dtypes are mixed.

    Notes
    -----
    Cost: linear in samples times taps. Below 64 thresholds a response, each costs a comparison a sample; from 64 on, a
    value is looked up among them in constant time, unless they are crowded at one place. Memory beyond the result: a
    tile and a buffer of 65,536 samples a thread, and 64 bytes a threshold of one response.
    A tile's mean and squared deviations are found in two passes (one, for up to 32 positions) and corrected (Chan,
    Golub and LeVeque, Am. Statistician 37(3), 1983, eq. 1.7), tiles are merged in float64: digits are kept where the
    mean is large.

    Examples
    --------
    >>> import numpy as np
    >>> x = [np.array([0.0, 1, 4, 2]), np.array([1.0, 1])]
    >>> state = direct_pool(x, [np.array([1.0, -1])], lo=[0], hi=[0], want=["max", "position"], thresholds=[[0.0]])
    >>> state["max"].tolist(), state["position"].tolist(), state["above"].tolist()
    ([[3.0], [0.0]], [[1], [0]], [[[2]], [[0]]])
    """
    unknown = [name for name in want if name not in (*STATES, "finite")]
    if unknown:
        raise invalid("want", unknown[0], f"one of {', '.join(STATES)}, finite")
    if modulus and len(kernels) % 2:
        raise invalid(
            "kernels", len(kernels), "an even number of kernels", do="Pass real and imaginary parts by turns."
        )
    dtype, lengths = _sizes(signals, lengths)
    key = "taps", dtype, modulus, tuple(lo), tuple(hi)
    taps = kept.get(key) if kept is not None else None
    if taps is None:
        taps = _Taps(kernels, dtype, np.asarray(lo), np.asarray(hi), 2 if modulus else 1)
        if kept is not None:
            kept[key] = taps
    counts = lengths[:, np.newaxis] - taps.lost
    if counts.size and lengths.min() <= taps.lost.max():
        i, r = np.argwhere(counts < 1)[0].tolist()
        raise InputError(
            f"signal {i} has {lengths[i]} samples, and response {r} needs at least {taps.lost[r] + 1}. "
            "Use shorter filters, or leave the signal out."
        )
    if counts.size and lengths.max() >= 1 << 31:
        raise InputError(f"a signal has {lengths.max()} samples, more than can be counted at once. Pass it in blocks.")
    levels, order = _levels(thresholds, len(taps.lost), dtype)
    shape = counts.shape
    numbers = {name: np.empty(shape) for name in ("mean", "square", "min", "max")}
    position = np.empty(shape, dtype=np.int64)
    above = np.zeros((*shape, levels.shape[1]), dtype=np.int32)
    moments = "mean" in want or "square" in want
    flags = moments, bool({"min", "max", "position"} & set(want)), "position" in want
    short = 0 if flags[2] or levels.size else SHORT  # up to it, signals have a quicker way, whatever lies beside them
    finite = []

    def work(first: int, last: int, begin: int, end: int) -> None:
        x, starts = _pack(signals, lengths, first, last)
        if "finite" in want:
            with np.errstate(over="ignore", invalid="ignore"):
                finite.append(math.isfinite(np.add.reduce(x)))
        rows = slice(first, last)
        sizes = lengths[rows]
        if sizes.min() <= short:
            chosen = np.argsort(np.minimum(sizes, short + 1).astype(np.int16), kind="stable")
            chosen = chosen[: np.count_nonzero(sizes <= short)]
            written = want if not moments else {*want, "mean", "square"}
            own = tuple(numbers[name][rows if name in written else slice(0)] for name in numbers)
            pool_short(x, starts, sizes, counts[rows], chosen, begin, end, taps.listed, own, modulus, moments)
            if len(chosen) == len(sizes):
                return
        _choose(dtype)[0](
            x,
            starts,
            counts[rows],
            sizes,
            short,
            begin,
            end,
            *taps.listed,
            modulus,
            *flags,
            levels,
            levels.shape[1] >= MANY and len(x) > STRETCHES * levels.shape[1],
            numbers["mean"][rows],
            numbers["square"][rows],
            numbers["min"][rows],
            numbers["max"][rows],
            position[rows],
            above[rows],
        )

    flops = float(lengths.sum()) * (2 * len(taps.weights) + min(levels.size, MANY * len(levels)))
    n_threads = n_threads if flops > SERIAL else 1
    _run(work, _pieces(lengths, len(taps.lost), n_threads), n_threads)
    out = {"count": counts, **{name: numbers[name] for name in numbers if name in want}}
    if "finite" in want:
        out["finite"] = np.bool_(all(finite))
    if flags[2]:
        out["position"] = position
    if thresholds is not None:
        out["above"] = np.take_along_axis(above, order[np.newaxis], axis=2) if len(order) else above
    return out


def why_plain(dtype: np.dtype) -> str | None:
    """Say why the kernel for `dtype` runs in plain loops on this machine, or None where it runs in vectors.

    Examples
    --------
    >>> why_plain(np.dtype(np.float32))
    """
    return _choose(np.dtype(dtype))[1]


@functools.cache
def _choose(dtype: np.dtype) -> tuple[Callable[..., None], str | None]:
    """The kernel in vectors, or in plain loops where numba can't build that, with the reason."""
    try:
        _pool_range(*_smallest_job(dtype))
    except Exception as error:  # numba's internals changed: any kind
        return _plain_pool_range, f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
    return _pool_range, None


def _smallest_job(dtype: np.dtype) -> tuple[Any, ...]:
    one, zero, numbers = np.ones((1, 1), dtype=np.int64), np.zeros(1, dtype=np.int64), np.zeros((1, 1))
    samples, flags = np.ones(1, dtype=dtype), (False, True, True, True)
    levels, above = np.ones((1, 1), dtype=dtype), np.zeros((1, 1, 1), dtype=np.int32)
    taps = (np.array([0, 1]), zero, samples, zero)
    return (samples, zero, one, zero, -1, 0, 1, *taps, *flags, levels, False, *[numbers] * 4, one.copy(), above)


class _Taps:
    """The kernels' non-zero entries, one after another, and where the positions begin."""

    def __init__(
        self, kernels: Sequence[np.ndarray], dtype: np.dtype, lo: np.ndarray, hi: np.ndarray, per_response: int
    ) -> None:
        sizes = np.array(list(map(len, kernels)), dtype=np.int64)
        ends = np.cumsum(sizes)
        entries = np.concatenate(kernels, dtype=np.float64)
        is_listed = entries != 0
        is_listed[(ends - sizes)[~np.logical_or.reduceat(is_listed, ends - sizes)]] = True  # of nothing but zeros, one
        at = np.flatnonzero(is_listed)
        self.starts = np.append(0, np.searchsorted(at, ends))
        self.offsets = np.repeat(ends, sizes)[at] - 1 - at
        self.weights = entries[at].astype(dtype)
        self.lo = np.ascontiguousarray(lo[::per_response], dtype=np.int64)
        self.listed = self.starts, self.offsets, self.weights, self.lo
        self.lost = (sizes - 1 + hi)[::per_response] + self.lo  # samples less positions


def _sizes(
    signals: Sequence[np.ndarray] | np.ndarray, lengths: np.ndarray | None = None
) -> tuple[np.dtype, np.ndarray]:
    if lengths is not None and len(lengths):
        return signals[0].dtype, lengths
    if isinstance(signals, np.ndarray):
        dtypes, lengths = {signals.dtype}, np.full(len(signals), signals.shape[1], dtype=np.int64)
    else:
        dtypes = set(map(operator.attrgetter("dtype"), signals))
        lengths = np.fromiter(map(len, signals), np.int64, len(signals))
    if len(dtypes) > 1 or not dtypes <= {np.dtype(np.float32), np.dtype(np.float64)}:
        found = ", ".join(sorted(map(str, dtypes)))
        raise InputError(f"the signals are of dtype {found}; they must be all float32 or all float64.")
    return (dtypes or {np.dtype(np.float64)}).pop(), lengths


def _levels(thresholds: Any, n_responses: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Thresholds as numbers of `dtype` that cut it where the given ones do; if there are many, sorted, with ranks."""
    none = np.empty((0, 0), dtype=np.int64)
    if thresholds is None:
        return np.empty((n_responses, 0), dtype=dtype), none
    given = np.asarray(thresholds, dtype=np.float64)
    if given.ndim != 2 or len(given) != n_responses:
        raise invalid("thresholds.shape", given.shape, f"({n_responses}, number of thresholds), a row a response")
    levels = given.astype(dtype)
    levels = np.where(levels > given, np.nextafter(levels, dtype.type(-np.inf)), levels)
    if given.shape[1] < MANY:
        return levels, none
    if (levels[:, 1:] >= levels[:, :-1]).all():
        return levels, none
    order = np.argsort(levels, axis=1, kind="stable")
    return np.take_along_axis(levels, order, axis=1), np.argsort(order, axis=1, kind="stable")


def _pieces(lengths: np.ndarray, n_responses: int, n_threads: int) -> Iterator[tuple[int, int, int, int]]:
    """Ranges of signals and of responses, each the work of one call."""
    most = PACK if n_threads == 1 else min(PACK, max(1, int(lengths.sum()) // (8 * n_threads)))
    few = n_threads > 1 and len(lengths) < 8 * n_threads
    parts = min(n_responses, 8 * n_threads) if few else 1
    first = 0
    ends = np.cumsum(lengths)
    while first < len(lengths):
        begun = int(ends[first] - lengths[first])
        last = max(first + 1, int(np.searchsorted(ends, begun + most, side="right")))
        for part in range(parts):
            yield first, last, part * n_responses // parts, (part + 1) * n_responses // parts
        first = last


def _run(work: Callable[..., None], pieces: Iterator[tuple[int, int, int, int]], n_threads: int) -> None:
    if n_threads == 1:
        for piece in pieces:
            work(*piece)
        return
    with ThreadPoolExecutor(n_threads) as threads:
        for _ in threads.map(lambda piece: work(*piece), pieces):
            pass


def _pack(signals: Any, lengths: np.ndarray, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Return one writable flat array (what is compiled is for such) and where in it each signal begins."""
    joined = bytearray()
    if isinstance(signals, np.ndarray):
        x = np.ascontiguousarray(signals[first:last]).ravel()
    elif last == first + 1:
        x = np.ascontiguousarray(signals[first])
    else:
        chosen = signals[first:last]
        try:  # much quicker than np.concatenate for hundreds of short arrays
            joined = bytearray().join([*chosen, bytes(VECTOR_BYTES)])
        except (BufferError, TypeError):  # not contiguous
            joined = bytearray().join([*(x.tobytes() for x in chosen), bytes(VECTOR_BYTES)])
        x = np.frombuffer(joined, dtype=signals[first].dtype)
    starts = np.cumsum(lengths[first:last]) - lengths[first:last]
    expected = int(lengths[first:last].sum()) + (VECTOR_BYTES // x.itemsize if joined else 0)
    if x.ndim != 1 or len(x) != expected:
        raise InputError("the signals are not all 1-D. Pass one channel at a time.")
    return (x if x.flags.writeable else x.copy()), starts


class _Vectors:
    """LLVM's own vector values over the data of arrays, and the instructions on them that are needed here.

    Its vectoriser doesn't see through a loop over taps inside a loop over positions, nor does it keep several vectors
    of sums in registers. Nothing here allows it to fuse or to reorder, so that results don't depend on the processor.
    """

    def __init__(self, target: Any, builder: Any, dtype: Any, lanes: int) -> None:
        self.target, self.builder, self.lanes = target, builder, lanes
        self.size = dtype.bitwidth // 8
        self.type = ir.VectorType(target.get_data_type(dtype), lanes)
        self.zeros = ir.Constant(self.type, [0.0] * lanes)

    def data(self, kind: Any, array: Any) -> Any:
        return make_array(kind)(self.target, self.builder, array).data

    def load(self, data: Any, at: Any) -> Any:
        return self.builder.load(self._place(data, at), align=self.size)

    def store(self, values: Any, data: Any, at: Any) -> None:
        self.builder.store(values, self._place(data, at), align=self.size)

    def _place(self, data: Any, at: Any) -> Any:
        return self.builder.bitcast(self.builder.gep(data, [at]), self.type.as_pointer())

    def repeat(self, number: Any) -> Any:
        first = ir.Constant(ir.IntType(32), 0)
        values = self.builder.insert_element(ir.Constant(self.type, ir.Undefined), number, first)
        return self._pick(values, [0] * self.lanes)

    def _pick(self, values: Any, lanes: list[int]) -> Any:
        picked = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes)
        return self.builder.shuffle_vector(values, ir.Constant(values.type, ir.Undefined), picked)

    def reduce(self, values: Any, combine: str) -> Any:
        """Combine halves until one value is left."""
        width = self.lanes
        while width > 1:
            width //= 2
            halves = [self._pick(values, list(range(begin, begin + width))) for begin in (0, width)]
            values = getattr(self, combine)(*halves)
        return self.builder.extract_element(values, ir.Constant(ir.IntType(32), 0))

    def add(self, a: Any, b: Any) -> Any:
        return self.builder.fadd(a, b)

    def smaller(self, a: Any, b: Any) -> Any:
        return self.builder.select(self.builder.fcmp_ordered("<", a, b), a, b)

    def larger(self, a: Any, b: Any) -> Any:
        return self.builder.select(self.builder.fcmp_ordered(">", a, b), a, b)


def _sum_vectors(n_vectors: int) -> Any:
    """An intrinsic that sums all taps at some successive positions, in `n_vectors` vectors side by side."""

    @intrinsic
    def summed(context, x, at, offsets, weights, first, last, tile, begin, i):  # type: ignore[no-untyped-def]
        def generate(target, builder, signature, args):  # type: ignore[no-untyped-def]
            v = _Vectors(target, builder, x.dtype, VECTOR_BYTES * 8 // x.dtype.bitwidth)
            samples, shifts, factors, out = (v.data(signature.args[k], args[k]) for k in (0, 2, 3, 6))
            at, first, last, begin, i = (args[k] for k in (1, 4, 5, 7, 8))
            steps = [ir.Constant(i.type, k * v.lanes) for k in range(n_vectors)]
            sums = [cgutils.alloca_once_value(builder, v.zeros) for _ in steps]
            start, end = builder.add(at, i), builder.add(begin, i)
            with cgutils.for_range(builder, builder.sub(last, first)) as loop:
                t = builder.add(first, loop.index)
                weight = v.repeat(builder.load(builder.gep(factors, [t])))
                where = builder.add(start, builder.load(builder.gep(shifts, [t])))
                for step, total in zip(steps, sums):
                    product = builder.fmul(weight, v.load(samples, builder.add(where, step)))
                    builder.store(v.add(builder.load(total), product), total)
            for step, total in zip(steps, sums):
                v.store(builder.load(total), out, builder.add(end, step))
            return target.get_dummy_value()

        return numba.types.void(x, at, offsets, weights, first, last, tile, begin, i), generate

    return summed


_sum_one = _sum_vectors(1)
_sum_two = _sum_vectors(2)
_sum_many = _sum_vectors(UNROLLED)


@intrinsic
def _extrema(context, tile, n):  # type: ignore[no-untyped-def]
    """Return the least and the greatest of the first `n` values, a multiple of LANES."""

    def generate(target, builder, signature, args):  # type: ignore[no-untyped-def]
        v = _Vectors(target, builder, tile.dtype, LANES)
        data = v.data(signature.args[0], args[0])
        lanes = ir.Constant(args[1].type, LANES)
        first = v.load(data, ir.Constant(args[1].type, 0))
        least, most = (cgutils.alloca_once_value(builder, first) for _ in range(2))
        with cgutils.for_range(builder, builder.sdiv(args[1], lanes)) as loop:
            values = v.load(data, builder.mul(loop.index, lanes))
            builder.store(v.smaller(values, builder.load(least)), least)
            builder.store(v.larger(values, builder.load(most)), most)
        ends = v.reduce(builder.load(least), "smaller"), v.reduce(builder.load(most), "larger")
        return target.make_tuple(builder, signature.return_type, ends)

    return numba.types.UniTuple(tile.dtype, 2)(tile, n), generate


@intrinsic
def _deviations(context, tile, n, center):  # type: ignore[no-untyped-def]
    """Return the sum of the first `n` values' deviations, and of their squares; `n` is a multiple of LANES."""

    def generate(target, builder, signature, args):  # type: ignore[no-untyped-def]
        v = _Vectors(target, builder, tile.dtype, LANES)
        data, middle = v.data(signature.args[0], args[0]), v.repeat(args[2])
        lanes = ir.Constant(args[1].type, LANES)
        total, squares = (cgutils.alloca_once_value(builder, v.zeros) for _ in range(2))
        with cgutils.for_range(builder, builder.sdiv(args[1], lanes)) as loop:
            values = builder.fsub(v.load(data, builder.mul(loop.index, lanes)), middle)
            builder.store(v.add(builder.load(total), values), total)
            builder.store(v.add(builder.load(squares), builder.fmul(values, values)), squares)
        ends = v.reduce(builder.load(total), "add"), v.reduce(builder.load(squares), "add")
        return target.make_tuple(builder, signature.return_type, ends)

    return numba.types.UniTuple(tile.dtype, 2)(tile, n, center), generate


# What follows is inlined, since numba counts references to arrays around a call: slower than a short signal's work.


@numba.njit(inline="always")
def _respond(x, at, m, offsets, weights, first, last, tile, begin):  # type: ignore[no-untyped-def]
    """Write a kernel's responses at the `m` positions from `at` on to `tile[begin:]`; what follows is arbitrary."""
    lanes = VECTOR_BYTES // x.itemsize
    safe = min(m, len(x) - at - offsets[first] - lanes + 1)  # positions from which a whole vector may be read
    i = 0
    while i + UNROLLED * lanes <= safe:
        _sum_many(x, at, offsets, weights, first, last, tile, begin, i)
        i += UNROLLED * lanes
    while i + lanes < safe:  # sums side by side wait for one another less
        _sum_two(x, at, offsets, weights, first, last, tile, begin, i)
        i += 2 * lanes
    while i < safe:
        _sum_one(x, at, offsets, weights, first, last, tile, begin, i)
        i += lanes
    for j in range(i, m):
        total = x[0] - x[0]
        for t in range(first, last):
            total += weights[t] * x[at + j + offsets[t]]
        tile[begin + j] = total


@numba.njit(inline="always")
def _fill(tile, begin, end, value):  # type: ignore[no-untyped-def]
    for i in range(begin, end):
        tile[i] = value


@numba.njit(inline="always")
def _compare(tile, n, levels, r, above, s):  # type: ignore[no-untyped-def]
    """Add the number of values above each level of response `r`, four levels at a time."""
    count = levels.shape[1]
    q = 0
    while q + 4 <= count:
        level0, level1, level2, level3 = levels[r, q], levels[r, q + 1], levels[r, q + 2], levels[r, q + 3]
        n0, n1, n2, n3 = np.int32(0), np.int32(0), np.int32(0), np.int32(0)
        for i in range(n):
            value = tile[i]
            n0 += np.int32(value > level0)
            n1 += np.int32(value > level1)
            n2 += np.int32(value > level2)
            n3 += np.int32(value > level3)
        above[s, r, q] += n0
        above[s, r, q + 1] += n1
        above[s, r, q + 2] += n2
        above[s, r, q + 3] += n3
        q += 4
    while q < count:
        level0 = levels[r, q]
        n0 = np.int32(0)
        for i in range(n):
            n0 += np.int32(tile[i] > level0)
        above[s, r, q] += n0
        q += 1


@numba.njit(inline="always")
def _share_out(levels, r, first):  # type: ignore[no-untyped-def]
    """Share the sorted levels of response `r` out among equal stretches, from the lowest level to the highest.

    `first[b]` becomes the number of levels in stretches before `b`. Returns the lowest level, the stretches a unit, and
    the most levels in any; 0 of them if there are too many, or no such stretches.
    """
    n_stretches = len(first)
    count = levels.shape[1]
    origin = levels[r, 0]
    extent = levels[r, count - 1] - origin
    if not 0 < extent < np.inf:
        return origin, extent, 0
    density = levels.dtype.type(n_stretches - 1) / extent
    if density == np.inf:
        return origin, density, 0
    at, most = 0, 0
    for b in range(n_stretches):
        first[b] = at
        while at < count and _stretch(levels[r, at], origin, density, n_stretches) == b:
            at += 1
        most = max(most, at - first[b])
    return origin, density, most if most <= CROWD else 0


@numba.njit(inline="always")
def _stretch(value, origin, density, n_stretches):  # type: ignore[no-untyped-def]
    """Return the stretch that a value lies in, which never falls as the value rises."""
    place = (value - origin) * density
    place = place if place > 0 else origin - origin
    return min(np.int32(min(place, LARGE)), np.int32(n_stretches - 1))


@numba.njit(inline="always")
def _rank(tile, m, ladder, origin, density, most, first, stretch, exactly):  # type: ignore[no-untyped-def]
    """Count for each value how many levels lie below it: `exactly[k]` gets the values above just `k` levels.

    Above all levels of earlier stretches, below all of later ones, so only the next few need comparing. No branches.
    """
    for i in range(m):
        stretch[i] = _stretch(tile[i], origin, density, len(first))
    for i in range(m):
        begin = np.uint32(first[np.uint32(stretch[i])])
        rank = begin
        for j in range(np.uint32(most)):
            rank += np.uint32(ladder[begin + np.uint32(j)] < tile[i])
        exactly[rank] += 1


@numba.njit(nogil=True, cache=True)
def _pool_range(  # type: ignore[no-untyped-def]
    x,
    starts,
    counts,
    sizes,
    short,
    begin,
    end,
    tap_starts,
    offsets,
    weights,
    lo,
    modulus,
    moments,
    extrema,
    places,
    levels,
    many_levels,
    mean,
    square,
    least,
    most,
    position,
    above,
):
    """Pool the responses `begin:end` of every signal in `x` of more than `short` samples, a tile at a time."""
    tile = np.empty(2 * ROOM, x.dtype)  # the second half for imaginary parts
    stretch = np.empty(TILE, np.int32)
    exactly = np.zeros(levels.shape[1] + 1, np.int32)
    first_level = np.empty(STRETCHES * levels.shape[1] if many_levels else 0, np.int32)
    ladder = np.full(levels.shape[1] + CROWD, np.inf).astype(x.dtype)
    origin, density, crowd = x.dtype.type(0), x.dtype.type(0), 0
    for r in range(begin, end):
        kernel = 2 * r if modulus else r
        if many_levels:
            origin, density, crowd = _share_out(levels, r, first_level)
            for q in range(levels.shape[1]):
                ladder[q] = levels[r, q]
        for s in range(len(starts)):
            if sizes[s] <= short:
                continue
            seen, middle, spread = 0, 0.0, 0.0
            low, high, where = np.inf, -np.inf, 0
            while seen < counts[s, r]:
                m = min(TILE, counts[s, r] - seen)
                at = starts[s] + lo[r] + seen
                for part in range(2 if modulus else 1):
                    first, last = tap_starts[kernel + part], tap_starts[kernel + part + 1]
                    _respond(x, at, m, offsets, weights, first, last, tile, part * ROOM)
                if modulus:
                    for i in range(m):
                        tile[i] = np.sqrt(tile[i] * tile[i] + tile[ROOM + i] * tile[ROOM + i])
                full = (m + LANES - 1) // LANES * LANES  # filled up, so that all that follows runs in whole vectors
                _fill(tile, m, full, tile[0])
                if extrema:
                    small, large = _extrema(tile, full)
                    low = min(low, np.float64(small))
                    if large > high:
                        high = np.float64(large)
                        if places:
                            i = 0
                            while i < m and tile[i] != large:
                                i += 1
                            where = seen + i
                if moments:
                    center = tile[0]  # with which few values lose few digits
                    if m > FEW:
                        center = x.dtype.type(_deviations(tile, full, x.dtype.type(0))[0] / full)
                        _fill(tile, m, full, center)  # adds no deviation
                    total, squares = _deviations(tile, full, center)
                    step = np.float64(total) / m
                    apart = np.float64(center) + step - middle
                    within = np.float64(squares) - step * np.float64(total)
                    if seen == 0:
                        spread, middle = within, apart
                    else:
                        share = m / (seen + m)
                        spread += within + apart * apart * share * seen
                        middle += apart * share
                if crowd:
                    _rank(tile, m, ladder, origin, density, crowd, first_level, stretch, exactly)
                elif levels.shape[1]:
                    _fill(tile, m, full, x.dtype.type(-np.inf))  # lies above nothing
                    _compare(tile, full, levels, r, above, s)
                seen += m
            if crowd:
                beyond = np.int32(0)
                for q in range(levels.shape[1], 0, -1):
                    beyond += exactly[q]
                    exactly[q] = 0
                    above[s, r, q - 1] = beyond
                exactly[0] = 0
            mean[s, r] = middle
            square[s, r] = max(spread, 0.0)
            least[s, r] = low
            most[s, r] = high
            position[s, r] = where


@numba.njit(inline="always")
def _plain_respond(x, at, m, offsets, weights, first, last, tile, begin):  # type: ignore[no-untyped-def]
    _fill(tile, begin, begin + m, x.dtype.type(0))
    for t in range(first, last):
        weight = weights[t]
        start = at + offsets[t]
        for i in range(m):
            tile[begin + i] += weight * x[start + i]


@numba.njit(inline="always")
def _plain_extrema(tile, n):  # type: ignore[no-untyped-def]
    least = most = tile[0]
    for i in range(n):
        least = min(least, tile[i])
        most = max(most, tile[i])
    return least, most


@numba.njit(inline="always")
def _plain_deviations(tile, n, center):  # type: ignore[no-untyped-def]
    total, squares = np.float64(0), np.float64(0)
    for i in range(n):
        deviation = np.float64(tile[i] - center)
        total += deviation
        squares += deviation * deviation
    return total, squares


# The same code over the plain functions, under a name of its own, by which it is cached.
_plain_pool_range = types.FunctionType(
    _pool_range.py_func.__code__,
    {**globals(), "_respond": _plain_respond, "_extrema": _plain_extrema, "_deviations": _plain_deviations},
    "_plain_pool_range",
)
_plain_pool_range.__qualname__ = "_plain_pool_range"
_plain_pool_range = numba.njit(nogil=True, cache=True)(_plain_pool_range)
