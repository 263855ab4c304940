"""Log-mel powers and cepstra of a signal's frames, sixteen float32 (or eight float64) frames side by side.

A frame's even and odd samples are the real and imaginary parts of one complex transform of half the size, so that a
frame shares no number with its neighbours: its values are the same, bit for bit, wherever the signal is cut. From the
samples to the logarithms and cosines nothing leaves the first cache but the results.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.fft
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic, overload

from filterbank.errors import invalid
from filterbank.kernels.fft_steps import last4, last8, last_of, step4, steps
from filterbank.kernels.simd import (
    _VECTORS,
    LANES,
    VectorType,
    _call,
    compiled,
    fma,
    lane,
    lanes_of,
    load,
    maximum,
    rows,
    set_lane,
    splat,
    sqrt,
    store,
)

__all__ = ["MelTables", "mel_frames", "mel_tables"]

SMALLEST_FAST = 32  # the smallest power of two whose frames are transformed in lanes
TOGETHER = 4  # bins of a band, and mixed values, that are summed side by side
AT_ONCE = 128  # frames that SciPy transforms at a time; a multiple of any number of lanes


class MelTables(NamedTuple):
    """What frames are turned into bands with: see `mel_tables`."""

    window: np.ndarray
    twiddles: np.ndarray
    turns: np.ndarray
    starts: np.ndarray
    first_bins: np.ndarray
    weights: np.ndarray
    mix: np.ndarray
    n_values: int
    floor: Any
    unit: Any
    root: bool

    @property
    def is_fast(self) -> bool:
        """Whether frames are transformed in lanes: their size is a power of two, and not tiny."""
        return len(self.twiddles) > 0


def mel_tables(
    window: np.ndarray,
    filters: np.ndarray,
    *,
    power: int,
    floor: float,
    unit: float,
    mix: np.ndarray | None,
    dtype: np.dtype | type,
) -> MelTables:
    """Return the tables that `mel_frames` works with.

    Parameters
    ----------
    window : array, (n_fft,)
    filters : array, (band, n_fft // 2 + 1)
        The weight of each frequency of the transform in each band.
    power : {1, 2}
        Whether moduli are weighted and added up, or their squares.
    floor : float
        What a band is raised to before its logarithm is taken.
    unit : float
        The natural logarithm is multiplied by it; 0 takes none.
    mix : array, (value, band), optional
        What the bands of a frame are multiplied by in the end.
    dtype : {float32, float64}
    """
    dtype = np.dtype(dtype)
    if dtype not in LANES:
        raise invalid("dtype", dtype, "float32 or float64")
    n = len(window)
    fast = n >= SMALLEST_FAST and n & (n - 1) == 0
    steps = np.exp(2j * np.pi * np.arange(n // 2 if fast else 0) / (n // 2))
    turns = np.exp(2j * np.pi * np.arange(n // 4 + 1) / n)
    starts, first_bins, weights = [0], [], []
    for row in filters:  # of each what isn't zero, and as much more as makes whole fours
        used = np.flatnonzero(row)
        begin, end = (used[0], used[-1] + 1) if len(used) else (0, 0)
        length = -(-(end - begin) // TOGETHER) * TOGETHER
        begin = max(0, min(begin, len(row) - length))
        first_bins.append(begin)
        weights.append(np.pad(row[begin : begin + length], (0, max(0, begin + length - len(row)))))
        starts.append(starts[-1] + length)
    n_values = len(filters) if mix is None else len(mix)
    mixing = np.zeros((0, 0)) if mix is None else np.pad(mix, ((0, -len(mix) % TOGETHER), (0, 0))).T
    return MelTables(
        np.ascontiguousarray(window * (0.5 if fast else 1.0), dtype=dtype),  # halved: see `_powers`
        np.stack([steps.real, steps.imag], axis=1).astype(dtype),
        np.stack([turns.real, turns.imag], axis=1).astype(dtype),
        np.array(starts, np.int64),
        np.array(first_bins, np.int64),
        np.concatenate(weights).astype(dtype),
        np.ascontiguousarray(mixing, dtype=dtype),
        n_values,
        dtype.type(floor),
        dtype.type(unit),
        power == 1,
    )


def mel_frames(signal: np.ndarray, tables: MelTables, *, hop: int, plain: bool = False) -> np.ndarray:
    """Return the bands, or what they are mixed into, of every frame that lies within a signal.

    Parameters
    ----------
    signal : array, (n,)
        At least as long as the window, of the tables' dtype.
    tables : MelTables
    hop : int
        Samples from one frame to the next.
    plain : bool, optional
        One lane, also where there could be more.

    Returns
    -------
    array, (value, frame)

    Notes
    -----
    Runs in one thread, without Python's lock where the window's length is a power of two. Cost: for each frame
    `n_fft * log2(n_fft)` and the non-zero weights of the filters.
    """
    signal = np.ascontiguousarray(signal)
    n_fft = len(tables.window)
    n_frames = (len(signal) - n_fft) // hop + 1
    out = np.empty((tables.n_values, n_frames), dtype=signal.dtype)
    rest = (tables.starts, tables.first_bins, tables.weights, tables.mix, tables.n_values, tables.floor, tables.unit)
    flat = out.reshape(-1)
    n_bands = len(tables.first_bins)
    if tables.is_fast:
        half = n_fft // 2
        work = _work([half, half, half + TOGETHER, half, half // 4, half // 4, n_bands, 1], signal.dtype, plain)
        work[2][half:] = 0  # rows behind the powers, which filters that were made up to whole fours may read
        starts = np.empty(LANES[signal.dtype], np.int64)
        _fold_frames(
            signal, hop, n_frames, tables.window, tables.twiddles, tables.turns, tables.root, *rest, work, starts, flat
        )
        return out
    frames = np.lib.stride_tricks.sliding_window_view(signal, n_fft)[::hop]
    n_bins = n_fft // 2 + 1
    work = _work([n_bins, n_bins, n_bins + TOGETHER, n_bands, 1], signal.dtype, plain)
    work[2][n_bins:] = 0
    starts = np.empty(LANES[signal.dtype], np.int64)
    ones = np.ones(2 * n_bins, signal.dtype)
    for begin in range(0, n_frames, AT_ONCE):
        chosen: Any = slice(begin, begin + AT_ONCE)
        if begin + AT_ONCE > n_frames:  # as many as ever, the last again: SciPy may treat a few otherwise than many
            chosen = np.minimum(np.arange(begin, begin + AT_ONCE), n_frames - 1)
        spectra = scipy.fft.rfft(frames[chosen] * tables.window, axis=1, workers=1)
        parts = spectra.view(signal.dtype).reshape(-1)
        _fold_spectra(
            parts, min(AT_ONCE, n_frames - begin), begin, n_frames, tables.root, ones, *rest, work, starts, flat
        )
    return out


def _work(sizes: list[int], dtype: np.dtype, plain: bool) -> tuple[np.ndarray, ...]:
    """Rows to work in, each block at another place of a page, or their rows would fall on the same few lines."""
    sizes = [-(-n // 8) * 8 + 8 for n in sizes]
    block = rows(sum(sizes), dtype, plain=plain)
    begins = np.cumsum([0, *sizes])
    return tuple(block[begin : begin + n - 8] for begin, n in zip(begins, sizes))


def _value_type(element: Any) -> Any:
    return ir.VectorType(element, 16 if isinstance(element, ir.FloatType) else 8)


def _shuffled(builder: Any, a: Any, b: Any, mask: list[int]) -> Any:
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), len(mask)), mask))


def _turned(builder: Any, values: list[Any]) -> list[Any]:
    """Transpose: lane `i` of value `j` becomes lane `j` of value `i`. By quarters of a value, then quarters' order."""
    n = len(values)
    width = n // 4  # of a quarter: 128 bits, within which processors move numbers about cheaply

    def within(chosen: Any) -> list[int]:
        return [q * width + i + which * n for q in range(4) for i, which in chosen]

    if width == 2:
        low, high = within([(0, 0), (0, 1)]), within([(1, 0), (1, 1)])
        pairs = [_shuffled(builder, values[k], values[k + 1], m) for k in range(0, n, 2) for m in (low, high)]
        groups = pairs  # groups[2 * k + j]: of rows 2k and 2k + 1, column j of each quarter
    else:
        low, high = within([(0, 0), (0, 1), (1, 0), (1, 1)]), within([(2, 0), (2, 1), (3, 0), (3, 1)])
        pairs = [_shuffled(builder, values[k], values[k + 1], m) for k in range(0, n, 2) for m in (low, high)]
        low, high = within([(0, 0), (1, 0), (0, 1), (1, 1)]), within([(2, 0), (3, 0), (2, 1), (3, 1)])
        groups = [
            _shuffled(builder, pairs[k + half], pairs[k + 2 + half], m)
            for k in range(0, n, 4)
            for half in (0, 1)
            for m in (low, high)
        ]  # groups[4 * k + j]: of rows 4k ... 4k + 3, column j of each quarter
    even = [q * width + i + which * n for which in (0, 1) for q in (0, 2) for i in range(width)]
    odd = [q * width + i + which * n for which in (0, 1) for q in (1, 3) for i in range(width)]
    out: list[Any] = [None] * n
    for j in range(width):
        a, b, c, d = (groups[width * k + j] for k in range(4))
        for first, places in ((even, (0, 2)), (odd, (1, 3))):
            ab, cd = _shuffled(builder, a, b, first), _shuffled(builder, c, d, first)
            for second, place in ((even, places[0]), (odd, places[1])):
                out[place * width + j] = _shuffled(builder, ab, cd, second)
    return out


@intrinsic
def _take(typing_context, signal, starts, t, window, xr, xi):  # type: ignore[no-untyped-def]
    """As many samples as there are lanes, `t ...` from each lane's start on, windowed, into rows from `t / 2` on.

    Samples with even numbers go to `xr` and the others to `xi`.
    """
    n = _VECTORS[xr.dtype].lanes

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        def data(i):  # type: ignore[no-untyped-def]
            return context.make_array(signature.args[i])(context, builder, args[i]).data

        def number(i):  # type: ignore[no-untyped-def]
            return ir.Constant(args[2].type, i)

        x, begins, w, real, imaginary = (data(i) for i in (0, 1, 3, 4, 5))
        kind = _value_type(x.type.pointee)
        item = signature.args[0].dtype.bitwidth // 8
        at = [builder.add(builder.load(builder.gep(begins, [number(a)])), args[2]) for a in range(n)]
        frames = [builder.load(builder.bitcast(builder.gep(x, [k]), kind.as_pointer()), align=item) for k in at]
        unset = ir.Constant(kind, ir.Undefined)
        row = builder.mul(builder.sdiv(args[2], number(2)), number(n))
        for j, value in enumerate(_turned(builder, frames)):
            one = builder.load(builder.gep(w, [builder.add(args[2], number(j))]))
            factor = builder.insert_element(unset, one, ir.Constant(ir.IntType(32), 0))
            product = builder.fmul(value, _shuffled(builder, factor, unset, [0] * n))
            place = builder.gep(imaginary if j % 2 else real, [builder.add(row, number(j // 2 * n))])
            builder.store(product, builder.bitcast(place, kind.as_pointer()), align=item)
        return context.get_dummy_value()

    return types.void(signal, starts, types.intp, window, xr, xi), generate


@intrinsic
def _put(typing_context, flat, at, value):  # type: ignore[no-untyped-def]
    """Set the numbers of an array from `at` on to a value's lanes."""

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        place = builder.gep(context.make_array(signature.args[0])(context, builder, args[0]).data, [args[1]])
        item = signature.args[0].dtype.bitwidth // 8
        builder.store(args[2], builder.bitcast(place, args[2].type.as_pointer()), align=item)
        return context.get_dummy_value()

    return types.void(flat, types.intp, value), generate


@intrinsic
def _log(typing_context, a):  # type: ignore[no-untyped-def]
    """The natural logarithm of positive normal numbers, to a few units in the last place.

    With `x = m * 2**e` and `m` between the roots of 1/2 and 2, `e * log(2) + 2 * artanh((m - 1) / (m + 1))`, by its
    series; log(2) is in two parts, of which the first times `e` is exact.
    """
    scalar = getattr(a, "scalar", a)
    n_lanes = a.lanes if isinstance(a, VectorType) else 0
    wide = scalar == types.float64
    root_half, mantissa, n_terms = (0x3FE6A09E667F3BCD, 52, 10) if wide else (0x3F3504F3, 23, 4)
    log2_high = float.fromhex("0x1.62e42feep-1") if wide else float.fromhex("0x1.62ep-1")
    log2_low = float.fromhex("0x1.a39ef35793c76p-33") if wide else float.fromhex("0x1.0bfbe8p-15")

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        kind = args[0].type
        whole = ir.IntType(64 if wide else 32)
        integer = ir.VectorType(whole, n_lanes) if n_lanes else whole

        def all_lanes(number, of):  # type: ignore[no-untyped-def]
            return ir.Constant(of, [number] * n_lanes if n_lanes else number)

        def fused(*factors):  # type: ignore[no-untyped-def]
            return _call("fmuladd", builder, a, list(factors))

        bits = builder.bitcast(args[0], integer)
        places = all_lanes(mantissa, integer)
        e = builder.ashr(builder.sub(bits, all_lanes(root_half, integer)), places)
        m = builder.bitcast(builder.sub(bits, builder.shl(e, places)), kind)
        exponent = builder.sitofp(e, kind)
        one = all_lanes(1.0, kind)
        s = builder.fdiv(builder.fsub(m, one), builder.fadd(m, one))
        z = builder.fmul(s, s)
        series = all_lanes(1 / (2 * n_terms + 1), kind)
        for k in range(n_terms - 1, 0, -1):
            series = fused(series, z, all_lanes(1 / (2 * k + 1), kind))
        twice = builder.fadd(s, s)
        small = fused(exponent, all_lanes(log2_low, kind), builder.fmul(twice, builder.fmul(series, z)))
        return fused(exponent, all_lanes(log2_high, kind), builder.fadd(small, twice))

    return a(a), generate


def _fill(signal: np.ndarray, starts: np.ndarray, window: np.ndarray, xr: np.ndarray, xi: np.ndarray) -> None:
    """Windowed frames from each lane's start on: samples with even numbers to `xr`, the others to `xi`."""


@overload(_fill)
def _fill_any(signal, starts, window, xr, xi):  # type: ignore[no-untyped-def]
    if xr.ndim == 1:

        def plain(signal, starts, window, xr, xi):  # type: ignore[no-untyped-def]
            begin = starts[0]
            for i in range(len(xr)):
                xr[i] = signal[begin + 2 * i] * window[2 * i]
                xi[i] = signal[begin + 2 * i + 1] * window[2 * i + 1]

        return plain

    def vector(signal, starts, window, xr, xi):  # type: ignore[no-untyped-def]
        for t in range(0, len(window), xr.shape[1]):
            _take(signal, starts, t, window, xr, xi)

    return vector


@compiled()
def _powers(zr, zi, turns, root, powers):  # type: ignore[no-untyped-def]
    """The powers (or their roots) of a real transform, from the half-size transform of its even and odd samples.

    The samples have been halved, so that sums and differences of conjugates are the two transforms themselves. The
    half-size transform is in quarters, of every fourth frequency each.
    """
    n = len(zr)
    quarter = n // 4
    for k in range(n // 2 + 1):
        m = n - k if k else 0
        at = (k & 3) * quarter + k // 4
        of = (m & 3) * quarter + m // 4
        cosine = splat(zr, turns[k, 0])
        sine = splat(zr, turns[k, 1])
        ar = load(zr, at)
        ai = load(zi, at)
        br = load(zr, of)
        bi = load(zi, of)
        er = ar + br
        ei = ai - bi
        dr = ai + bi
        di = br - ar
        tr = cosine * dr + sine * di
        ti = cosine * di - sine * dr
        r = er + tr
        i = ei + ti
        one = fma(r, r, i * i)
        r = er - tr
        i = ei - ti
        other = fma(r, r, i * i)
        if root:
            one = sqrt(one)
            other = sqrt(other)
        store(powers, k, one)
        store(powers, n - k, other)


@compiled()
def _bands(  # type: ignore[no-untyped-def]
    powers, n_here, f, n_frames, starts, first_bins, weights, mix, n_values, floor, unit, bands, spare, flat
):  # fmt: skip
    """Frames `f ...`, `n_here` of them: sums of powers, logarithms, and what they mix into."""
    zero = splat(powers, powers.dtype.type(0))
    least = splat(powers, floor)
    by = splat(powers, unit)
    n_bands = len(first_bins)
    for b in range(n_bands):
        row = first_bins[b] - starts[b]
        s0 = zero
        s1 = zero
        s2 = zero
        s3 = zero
        for i in range(starts[b], starts[b + 1], TOGETHER):
            s0 = fma(splat(powers, weights[i]), load(powers, row + i), s0)
            s1 = fma(splat(powers, weights[i + 1]), load(powers, row + i + 1), s1)
            s2 = fma(splat(powers, weights[i + 2]), load(powers, row + i + 2), s2)
            s3 = fma(splat(powers, weights[i + 3]), load(powers, row + i + 3), s3)
        s = (s0 + s1) + (s2 + s3)
        if unit != 0:
            s = _log(maximum(s, least)) * by
        if len(mix):
            store(bands, b, s)
        else:
            _keep(s, n_here, b * n_frames + f, spare, flat)
    if not len(mix):
        return
    for c in range(0, n_values, TOGETHER):
        s0 = zero
        s1 = zero
        s2 = zero
        s3 = zero
        for b in range(n_bands):
            band = load(bands, b)
            s0 = fma(splat(powers, mix[b, c]), band, s0)
            s1 = fma(splat(powers, mix[b, c + 1]), band, s1)
            s2 = fma(splat(powers, mix[b, c + 2]), band, s2)
            s3 = fma(splat(powers, mix[b, c + 3]), band, s3)
        _keep(s0, n_here, c * n_frames + f, spare, flat)
        if c + 1 < n_values:
            _keep(s1, n_here, (c + 1) * n_frames + f, spare, flat)
        if c + 2 < n_values:
            _keep(s2, n_here, (c + 2) * n_frames + f, spare, flat)
        if c + 3 < n_values:
            _keep(s3, n_here, (c + 3) * n_frames + f, spare, flat)


@compiled()
def _keep(value, n_here, at, spare, flat):  # type: ignore[no-untyped-def]
    """Write a value's first lanes to the results from `at` on."""
    if n_here == lanes_of(spare):
        _put(flat, at, value)
    else:
        store(spare, 0, value)
        for a in range(n_here):
            flat[at + a] = lane(spare, 0, a)


@compiled(entry=True)
def _fold_frames(  # type: ignore[no-untyped-def]
    signal, hop, n_frames, window, twiddles, turns, root, starts, first_bins, weights, mix, n_values, floor, unit, work,
    begins, flat,
):  # fmt: skip
    """All frames of a signal, from its samples to the results."""
    xr, xi, yr, yi, tr, ti, bands, spare = work
    size = len(twiddles)
    quarter = size // 4
    xr, xi, powers, yr, yi, tr, ti = xr[:size], xi[:size], yr, yr[:size], yi[:size], tr[:quarter], ti[:quarter]
    n_lanes = lanes_of(xr)
    last = last_of(quarter)
    d = quarter // last
    half_root = xr.dtype.type(np.sqrt(0.5))
    for f in range(0, n_frames, n_lanes):
        n_here = min(n_lanes, n_frames - f)
        for a in range(n_lanes):
            begins[a] = (f + min(a, n_here - 1)) * hop
        _fill(signal, begins, window, xr, xi)
        # real and imaginary parts are exchanged, of what goes in and what comes out: a transform forth by one back
        step4(xi, xr, yi, yr, 1, twiddles, 1, 1, quarter)
        for q in range(
            0, size, quarter
        ):  # four transforms of a quarter each, one after the other: they stay in the cache
            e = q + quarter
            here = steps(yi[q:e], yr[q:e], ti, tr, 1, last, twiddles, 4, half_root)
            pr, pi = (yr[q:e], yi[q:e]) if here else (tr, ti)
            if last == 4:
                last4(pi, pr, 0, d, xi[q:e], xr[q:e], 0, d)
            else:
                last8(pi, pr, 0, d, xi[q:e], xr[q:e], 0, d, half_root)
        _powers(xr, xi, turns, root, powers)
        _bands(
            powers, n_here, f, n_frames, starts, first_bins, weights, mix, n_values, floor, unit, bands, spare, flat
        )  # fmt: skip


@compiled(entry=True)
def _fold_spectra(  # type: ignore[no-untyped-def]
    parts, n_here, f, n_frames, root, ones, starts, first_bins, weights, mix, n_values, floor, unit, work, begins, flat
):
    """Frames `f ...`, `n_here` of them, from the real and imaginary parts of their transforms to the results."""
    xr, xi, powers, bands, spare = work
    n_lanes = lanes_of(xr)
    n = len(ones)
    whole = n // (2 * n_lanes) * 2 * n_lanes
    for g in range(0, n_here, n_lanes):
        for a in range(n_lanes):
            begins[a] = (g + a) * n
        _fill(parts, begins, ones[:whole], xr[: whole // 2], xi[: whole // 2])
        for a in range(n_lanes):
            for k in range(whole // 2, n // 2):
                set_lane(xr, k, a, parts[begins[a] + 2 * k])
                set_lane(xi, k, a, parts[begins[a] + 2 * k + 1])
        for k in range(n // 2):
            r = load(xr, k)
            i = load(xi, k)
            power = fma(r, r, i * i)
            if root:
                power = sqrt(power)
            store(powers, k, power)
        _bands(
            powers, min(n_lanes, n_here - g), f + g, n_frames, starts, first_bins, weights, mix, n_values, floor,
            unit, bands, spare, flat,
        )  # fmt: skip
