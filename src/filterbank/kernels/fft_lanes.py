"""Fourier transforms of as many columns of numbers as there are lanes, side by side, for sizes with factors 2, 3 and 5.

Stockham's, by decimation in frequency: each step reads a whole column and writes a whole column, in order. A transform
back is one forth with real and imaginary parts swapped, before and after.
"""

from __future__ import annotations

import math

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from filterbank.kernels.mel import _turned
from filterbank.kernels.simd import LANES, compiled, fma, load, splat, store

__all__ = ["MOST_STEPS", "good_size", "steps_of", "transform", "turn_square", "twiddles_of"]

MOST_STEPS = 16
"""Steps of a transform, at most."""


def good_size(n: int, multiple: int) -> int:
    """Return the next size from `n` on that is this multiple of numbers with the factors 2, 3 and 5.

    Examples
    --------
    >>> good_size(612, 64), good_size(650, 32)
    (640, 768)
    """
    factor = -(-n // multiple)
    while not _steps(factor * multiple):
        factor += 1
    return factor * multiple


def steps_of(n: int) -> np.ndarray:
    """Return the radices of the steps, (MOST_STEPS,), zeros behind."""
    found = _steps(n)
    return np.array([*found, *[0] * (MOST_STEPS - len(found))])


def _steps(n: int) -> list[int]:
    """Odd radices first; the last is 8 where it can be; none if there are other factors."""
    found = []
    for radix in (5, 3):
        while n % radix == 0:
            found.append(radix)
            n //= radix
    if n & (n - 1):
        return []
    last = [8] if n % 8 == 0 else []
    n //= 8 if last else 1
    while n % 4 == 0:
        found.append(4)
        n //= 4
    return [*found, *([2] if n == 2 else []), *last]


def twiddles_of(n: int) -> np.ndarray:
    """Return `exp(-2 pi i k / n)`, (n, 2)."""
    angle = -2 * math.pi * np.arange(n) / n
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


@intrinsic
def turn_square(typing_context, flat, at, stride, out, row):  # type: ignore[no-untyped-def]
    """As many rows of numbers as there are lanes, `stride` apart, become the lanes of as many rows of `out`."""
    n = LANES[np.dtype(str(flat.dtype))]

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        def data(i):  # type: ignore[no-untyped-def]
            return context.make_array(signature.args[i])(context, builder, args[i]).data

        def number(i):  # type: ignore[no-untyped-def]
            return ir.Constant(args[1].type, i)

        source, target = data(0), data(3)
        kind = ir.VectorType(source.type.pointee, n)
        item = signature.args[0].dtype.bitwidth // 8
        places = [builder.add(args[1], builder.mul(args[2], number(i))) for i in range(n)]
        values = [
            builder.load(builder.bitcast(builder.gep(source, [p]), kind.as_pointer()), align=item) for p in places
        ]
        for j, value in enumerate(_turned(builder, values)):
            place = builder.gep(target, [builder.mul(builder.add(args[4], number(j)), number(n))])
            builder.store(value, builder.bitcast(place, kind.as_pointer()), align=item)
        return context.get_dummy_value()

    return types.void(flat, types.intp, types.intp, out, types.intp), generate


@compiled()
def transform(sr, si, ar, ai, br, bi, dr, di, steps, twiddles, constants):  # type: ignore[no-untyped-def]
    """Transform the columns `s` into `d`, by way of `a` and `b`; `d` may be `s` if there are two steps or more.

    `constants` are the half roots of 2 and 3, then cosines and sines of 1 and 2 fifths of a turn.
    """
    xr, xi = sr, si
    s = 1
    for i in range(steps.size - 1):
        if steps[i] == 0:
            break
        if steps[i + 1] == 0:
            yr, yi = dr, di
        elif i % 2:
            yr, yi = br, bi
        else:
            yr, yi = ar, ai
        if steps[i] == 4:
            _step4(xr, xi, yr, yi, s, twiddles)
        elif steps[i] == 8:
            _last8(xr, xi, yr, yi, constants)
        elif steps[i] == 5:
            _step5(xr, xi, yr, yi, s, twiddles, constants)
        elif steps[i] == 3:
            _step3(xr, xi, yr, yi, s, twiddles, constants)
        else:
            _step2(xr, xi, yr, yi, s, twiddles)
        s *= steps[i]
        xr, xi = yr, yi


CONSTANTS = np.array(
    [math.sqrt(0.5), math.sqrt(0.75), *(f(2 * math.pi * k / 5) for f in (math.cos, math.sin) for k in (1, 2))]
)


@compiled()
def _step2(xr, xi, yr, yi, s, twiddles):  # type: ignore[no-untyped-def]
    d = len(xr) // 2
    for j in range(0, d, s):
        w1r, w1i = splat(xr, twiddles[j, 0]), splat(xr, twiddles[j, 1])
        for q in range(s):
            o, y = q + j, q + 2 * j
            ar, ai, br, bi = load(xr, o), load(xi, o), load(xr, o + d), load(xi, o + d)
            store(yr, y, ar + br)
            store(yi, y, ai + bi)
            zr, zi = ar - br, ai - bi
            store(yr, y + s, zr * w1r - zi * w1i)
            store(yi, y + s, zr * w1i + zi * w1r)


@compiled()
def _step3(xr, xi, yr, yi, s, twiddles, constants):  # type: ignore[no-untyped-def]
    d = len(xr) // 3
    half, sine = splat(xr, constants[0] * constants[0]), splat(xr, constants[1])
    for j in range(0, d, s):
        w1r, w1i = splat(xr, twiddles[j, 0]), splat(xr, twiddles[j, 1])
        w2r, w2i = splat(xr, twiddles[2 * j, 0]), splat(xr, twiddles[2 * j, 1])
        for q in range(s):
            o, y = q + j, q + 3 * j
            ar, ai = load(xr, o), load(xi, o)
            br, bi, cr, ci = load(xr, o + d), load(xi, o + d), load(xr, o + 2 * d), load(xi, o + 2 * d)
            tr, ti = br + cr, bi + ci
            ur, ui = (br - cr) * sine, (bi - ci) * sine
            store(yr, y, ar + tr)
            store(yi, y, ai + ti)
            mr, mi = ar - tr * half, ai - ti * half
            zr, zi = mr + ui, mi - ur
            store(yr, y + s, zr * w1r - zi * w1i)
            store(yi, y + s, zr * w1i + zi * w1r)
            zr, zi = mr - ui, mi + ur
            store(yr, y + 2 * s, zr * w2r - zi * w2i)
            store(yi, y + 2 * s, zr * w2i + zi * w2r)


@compiled()
def _step4(xr, xi, yr, yi, s, twiddles):  # type: ignore[no-untyped-def]
    d = len(xr) // 4
    for j in range(0, d, s):
        w1r, w1i = splat(xr, twiddles[j, 0]), splat(xr, twiddles[j, 1])
        w2r, w2i = splat(xr, twiddles[2 * j, 0]), splat(xr, twiddles[2 * j, 1])
        w3r, w3i = splat(xr, twiddles[3 * j, 0]), splat(xr, twiddles[3 * j, 1])
        for q in range(s):
            o, y = q + j, q + 4 * j
            ar, ai, br, bi = load(xr, o), load(xi, o), load(xr, o + d), load(xi, o + d)
            cr, ci = load(xr, o + 2 * d), load(xi, o + 2 * d)
            dr, di = load(xr, o + 3 * d), load(xi, o + 3 * d)
            sr, si, tr, ti = ar + cr, ai + ci, br + dr, bi + di
            ur, ui, vr, vi = ar - cr, ai - ci, bi - di, dr - br
            store(yr, y, sr + tr)
            store(yi, y, si + ti)
            zr, zi = ur + vr, ui + vi
            store(yr, y + s, zr * w1r - zi * w1i)
            store(yi, y + s, zr * w1i + zi * w1r)
            zr, zi = sr - tr, si - ti
            store(yr, y + 2 * s, zr * w2r - zi * w2i)
            store(yi, y + 2 * s, zr * w2i + zi * w2r)
            zr, zi = ur - vr, ui - vi
            store(yr, y + 3 * s, zr * w3r - zi * w3i)
            store(yi, y + 3 * s, zr * w3i + zi * w3r)


@compiled()
def _step5(xr, xi, yr, yi, s, twiddles, constants):  # type: ignore[no-untyped-def]
    d = len(xr) // 5
    c1, c2 = splat(xr, constants[2]), splat(xr, constants[3])
    s1, s2 = splat(xr, constants[4]), splat(xr, constants[5])
    for j in range(0, d, s):
        w1r, w1i = splat(xr, twiddles[j, 0]), splat(xr, twiddles[j, 1])
        w2r, w2i = splat(xr, twiddles[2 * j, 0]), splat(xr, twiddles[2 * j, 1])
        w3r, w3i = splat(xr, twiddles[3 * j, 0]), splat(xr, twiddles[3 * j, 1])
        w4r, w4i = splat(xr, twiddles[4 * j, 0]), splat(xr, twiddles[4 * j, 1])
        for q in range(s):
            o, y = q + j, q + 5 * j
            ar, ai, br, bi = load(xr, o), load(xi, o), load(xr, o + d), load(xi, o + d)
            cr, ci = load(xr, o + 2 * d), load(xi, o + 2 * d)
            dr, di = load(xr, o + 3 * d), load(xi, o + 3 * d)
            er, ei = load(xr, o + 4 * d), load(xi, o + 4 * d)
            pr, pi, ur, ui = br + er, bi + ei, br - er, bi - ei
            qr, qi, vr, vi = cr + dr, ci + di, cr - dr, ci - di
            store(yr, y, ar + pr + qr)
            store(yi, y, ai + pi + qi)
            mr, mi = fma(qr, c2, fma(pr, c1, ar)), fma(qi, c2, fma(pi, c1, ai))
            nr, ni = fma(vr, s2, ur * s1), fma(vi, s2, ui * s1)
            zr, zi = mr + ni, mi - nr
            store(yr, y + s, zr * w1r - zi * w1i)
            store(yi, y + s, zr * w1i + zi * w1r)
            zr, zi = mr - ni, mi + nr
            store(yr, y + 4 * s, zr * w4r - zi * w4i)
            store(yi, y + 4 * s, zr * w4i + zi * w4r)
            mr, mi = fma(qr, c1, fma(pr, c2, ar)), fma(qi, c1, fma(pi, c2, ai))
            nr, ni = ur * s2 - vr * s1, ui * s2 - vi * s1
            zr, zi = mr + ni, mi - nr
            store(yr, y + 2 * s, zr * w2r - zi * w2i)
            store(yi, y + 2 * s, zr * w2i + zi * w2r)
            zr, zi = mr - ni, mi + nr
            store(yr, y + 3 * s, zr * w3r - zi * w3i)
            store(yi, y + 3 * s, zr * w3i + zi * w3r)


@compiled()
def _last8(xr, xi, yr, yi, constants):  # type: ignore[no-untyped-def]
    """The last step, where all twiddles are 1."""
    d = len(xr) // 8
    h = splat(xr, constants[0])
    for q in range(d):
        ar, ai, br, bi = load(xr, q + d), load(xi, q + d), load(xr, q + 3 * d), load(xi, q + 3 * d)
        cr, ci, dr, di = load(xr, q + 5 * d), load(xi, q + 5 * d), load(xr, q + 7 * d), load(xi, q + 7 * d)
        sr, si, tr, ti = ar + cr, ai + ci, br + dr, bi + di
        ur, ui, vr, vi = ar - cr, ai - ci, bi - di, dr - br
        o0r, o0i, o2r, o2i = sr + tr, si + ti, si - ti, tr - sr  # the odd ones, turned by 0, 1, 2, 3 eighths
        zr, zi = ur + vr, ui + vi
        o1r, o1i = (zr + zi) * h, (zi - zr) * h
        zr, zi = ur - vr, ui - vi
        o3r, o3i = (zi - zr) * h, (zr + zi) * h  # the imaginary part's negative
        ar, ai, br, bi = load(xr, q), load(xi, q), load(xr, q + 2 * d), load(xi, q + 2 * d)
        cr, ci, dr, di = load(xr, q + 4 * d), load(xi, q + 4 * d), load(xr, q + 6 * d), load(xi, q + 6 * d)
        sr, si, tr, ti = ar + cr, ai + ci, br + dr, bi + di
        ur, ui, vr, vi = ar - cr, ai - ci, bi - di, dr - br
        er, ei = sr + tr, si + ti
        store(yr, q, er + o0r)
        store(yi, q, ei + o0i)
        store(yr, q + 4 * d, er - o0r)
        store(yi, q + 4 * d, ei - o0i)
        er, ei = ur + vr, ui + vi
        store(yr, q + d, er + o1r)
        store(yi, q + d, ei + o1i)
        store(yr, q + 5 * d, er - o1r)
        store(yi, q + 5 * d, ei - o1i)
        er, ei = sr - tr, si - ti
        store(yr, q + 2 * d, er + o2r)
        store(yi, q + 2 * d, ei + o2i)
        store(yr, q + 6 * d, er - o2r)
        store(yi, q + 6 * d, ei - o2i)
        er, ei = ur - vr, ui - vi
        store(yr, q + 3 * d, er + o3r)
        store(yi, q + 3 * d, ei - o3i)
        store(yr, q + 7 * d, er - o3r)
        store(yi, q + 7 * d, ei + o3i)
