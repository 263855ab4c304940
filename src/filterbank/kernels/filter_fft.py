"""Convolution of long lines with one long kernel: overlapping segments, many side by side, by Fourier transform.

A value's lanes hold as many segments, and the real and the imaginary parts of one complex transform twice as many; the
transform is `fft_pool`'s.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from filterbank.kernels.fft_steps import HALF_ROOT, last4, last8, last_of, step4_product, steps
from filterbank.kernels.mel import _turned
from filterbank.kernels.sharing import share
from filterbank.kernels.simd import LANES, compiled, lanes_of, rows

__all__ = ["Segment", "overlap_save", "segment_of"]

SIZES = tuple(1 << k for k in range(8, 20))
SPILLS = ((1 << 11, 1.0), (1 << 13, 1.15), (1 << 20, 1.35))  # rows of a transform in a cache, and how slow that is
BUTTERFLY = 0.135  # nanoseconds a sample of float32 for each doubling of a transform's size, there and back


class Segment(NamedTuple):
    """The size of a transform, the responses that come of it, and the nanoseconds that all take by the model."""

    size: int
    step: int
    cost: float


@functools.lru_cache(maxsize=256)
def segment_of(taps: int, responses: int, n_lines: int = 1) -> Segment:
    """Return the transform that takes least time for so many responses to a kernel, of each of some lines.

    Examples
    --------
    >>> segment_of(257, 1_000_000)[:2]
    (2048, 1792)
    """
    together = 2 * LANES[np.dtype(np.float32)]
    found = []
    for size in SIZES:
        step = (size - taps + 1) // 16 * 16
        if step <= 0:
            continue
        blocks = -(-responses // step)
        outer = min(blocks, 2 + size // step)  # blocks at the ends of a line are gathered apart
        groups = -(-n_lines * (blocks - outer) // together) + -(-n_lines * outer // together)
        spill = next(slower for rows_, slower in SPILLS if size <= rows_)
        found.append(Segment(size, step, BUTTERFLY * groups * together * size * math.log2(size) * spill))
    return min(found, key=lambda one: one.cost) if found else Segment(0, 0, math.inf)


def overlap_save(
    samples: np.ndarray,
    starts: np.ndarray,
    kernel: np.ndarray,
    out: np.ndarray,
    ends: np.ndarray,
    *,
    segment: Segment,
    n_threads: int = 1,
) -> None:
    """Convolve segments with a kernel.

    Parameters
    ----------
    samples : array, (n,), float32 or float64
    starts : int array, (segment,)
        Where each segment begins; it's as long as a transform (`segment_of`).
    kernel : array, (taps,)
    out : array, (m,), of the samples' dtype
        Set from each `ends[i]` on: as many responses as come of a transform.
    ends : int array, (segment,)
    segment : Segment
    n_threads : int
        The result doesn't depend on it, bit for bit.

    Notes
    -----
    Explicit vectors are needed. Rounding is relative to the largest of the samples that are transformed together.
    """
    size, step, _ = segment
    dtype = samples.dtype
    lanes = LANES[dtype]
    turns = np.exp(2j * np.pi * np.arange(size) / size)
    twiddles = np.stack([turns.real, turns.imag], axis=1).astype(dtype)
    spectrum = np.fft.fft(kernel, size) / size
    table = np.stack([spectrum.real, spectrum.imag], axis=1).astype(dtype)
    groups = -(-len(starts) // (2 * lanes))
    missing = groups * 2 * lanes - len(starts)  # the last segment again
    starts, ends = (np.concatenate([at, np.full(missing, at[-1])]).astype(np.int64) for at in (starts, ends))
    bounds = (
        np.linspace(0, groups, min(1 if n_threads == 1 else 4 * n_threads, groups) + 1).astype(int) * 2 * lanes
    ).tolist()

    def part(begin: int, end: int) -> None:
        block = rows(4 * (size + 8), dtype)  # set apart, lest rows of all of them share their places in the cache
        work = tuple(block[i * (size + 8) : i * (size + 8) + size] for i in range(4))
        _convolve(samples, starts[begin:end], out, ends[begin:end], len(kernel), step, table, twiddles, *work)

    share(part, list(itertools.pairwise(bounds)), n_threads)


def _address(builder: Any, data: Any, at: Any, kind: Any) -> Any:
    return builder.bitcast(builder.gep(data, [at]), kind.as_pointer())


@intrinsic
def _take(typing_context, x, starts, first, t, real, row):  # type: ignore[no-untyped-def]
    """As many samples as there are lanes from `t` on, of as many segments, into rows from `row` on, turned."""
    lanes = 512 // x.dtype.bitwidth

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        x, starts, real = (context.make_array(signature.args[i])(context, builder, args[i]).data for i in (0, 1, 4))
        _, _, first, t, _, row = args
        kind, item = ir.VectorType(x.type.pointee, lanes), 64 // lanes
        begins = [
            builder.load(builder.gep(starts, [builder.add(first, ir.Constant(first.type, a))])) for a in range(lanes)
        ]
        values = [builder.load(_address(builder, x, builder.add(begin, t), kind), align=item) for begin in begins]
        for j, value in enumerate(_turned(builder, values)):
            place = builder.mul(builder.add(row, ir.Constant(row.type, j)), ir.Constant(row.type, lanes))
            builder.store(value, _address(builder, real, place, kind), align=item)
        return context.get_dummy_value()

    whole = types.intp
    return types.void(x, starts, whole, whole, real, whole), generate


@intrinsic
def _give(typing_context, real, row, out, ends, first, t):  # type: ignore[no-untyped-def]
    """What `_take` takes, back from rows to `t` of each segment's own place."""
    lanes = 512 // out.dtype.bitwidth

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        real, out, ends = (context.make_array(signature.args[i])(context, builder, args[i]).data for i in (0, 2, 3))
        _, row, _, _, first, t = args
        kind, item = ir.VectorType(out.type.pointee, lanes), 64 // lanes
        values = []
        for j in range(lanes):
            place = builder.mul(builder.add(row, ir.Constant(row.type, j)), ir.Constant(row.type, lanes))
            values.append(builder.load(_address(builder, real, place, kind), align=item))
        for a, value in enumerate(_turned(builder, values)):
            end = builder.load(builder.gep(ends, [builder.add(first, ir.Constant(first.type, a))]))
            builder.store(value, _address(builder, out, builder.add(end, t), kind), align=item)
        return context.get_dummy_value()

    whole = types.intp
    return types.void(real, whole, out, ends, whole, whole), generate


@compiled()
def _transform(ar, ai, br, bi, s, twiddles):  # type: ignore[no-untyped-def]
    """Finish a transform back in `a`, with `b` to work in; whether the result is in `a`."""
    last, half_root = last_of(len(ar) // s), ar.dtype.type(HALF_ROOT)
    there = steps(ar, ai, br, bi, s, last, twiddles, 1, half_root)
    pr, pi, qr, qi = (ar, ai, br, bi) if there else (br, bi, ar, ai)
    d = len(ar) // last
    if last == 4:
        last4(pr, pi, 0, d, qr, qi, 0, d)
    else:
        last8(pr, pi, 0, d, qr, qi, 0, d, half_root)
    return not there


@compiled(entry=True)
def _convolve(x, starts, out, ends, taps, step, spectrum, twiddles, ar, ai, br, bi):  # type: ignore[no-untyped-def]
    size, lanes = len(ar), lanes_of(ar)
    for first in range(0, len(starts), 2 * lanes):
        for t in range(0, size, lanes):
            _take(x, starts, first, t, ar, t)
            _take(x, starts, first + lanes, t, ai, t)
        # real and imaginary parts are exchanged, of what goes in and what comes out: a transform forth by one back
        there = _transform(ai, ar, bi, br, 1, twiddles)
        xr, xi, yr, yi = (ar, ai, br, bi) if there else (br, bi, ar, ai)
        step4_product(xr, xi, spectrum, yr, yi, twiddles, 4, 1)
        there = _transform(yr, yi, xr, xi, 4, twiddles)
        zr, zi = (yr, yi) if there else (xr, xi)
        for t in range(0, step, lanes):
            _give(zr, taps - 1 + t, out, ends, first, t)
            _give(zi, taps - 1 + t, out, ends, first + lanes, t)
