"""The steps of a Fourier transform of many segments, side by side in lanes: Stockham's, of radices 4 and 8.

A row is one value of `filterbank.kernels.simd`, real and imaginary parts lie in arrays of their own, and transforms are
"back", unscaled: exchange real and imaginary parts, before and after, for one forth. Kernels build what they need of
these steps, and fuse their own work with the first and the last. (Numba looks for changes in a kernel's own file alone:
who changes these steps also empties the folders `__pycache__`.)
"""

from __future__ import annotations

import math

from filterbank.kernels.simd import compiled, load, splat, store

__all__ = ["HALF_ROOT", "last4", "last8", "last_of", "step4", "step4_product", "step8", "steps"]

HALF_ROOT = math.sqrt(0.5)


@compiled()
def step4(xr, xi, yr, yi, s, twiddles, w, f, e):  # type: ignore[no-untyped-def]
    """One step of radix 4 of a transform back, on `s` transforms side by side.

    Every `w`-th twiddle is this size's. Results of butterfly `j` go to row `f * j` and those `e` apart: with `f = 4`
    and `e = s` it is Stockham's, ready for the next step; with `f = s = 1` and `e` a quarter, it leaves four transforms
    one after the other, of every fourth position each.
    """
    d = len(xr) // 4
    for p in range(d // s):
        j = p * s
        k = j * w
        w1r = splat(xr, twiddles[k, 0])
        w1i = splat(xr, twiddles[k, 1])
        w2r = splat(xr, twiddles[2 * k, 0])
        w2i = splat(xr, twiddles[2 * k, 1])
        w3r = splat(xr, twiddles[3 * k, 0])
        w3i = splat(xr, twiddles[3 * k, 1])
        for q in range(s):
            o = q + j
            ar = load(xr, o)
            ai = load(xi, o)
            br = load(xr, o + d)
            bi = load(xi, o + d)
            cr = load(xr, o + 2 * d)
            ci = load(xi, o + 2 * d)
            dr = load(xr, o + 3 * d)
            di = load(xi, o + 3 * d)
            sr = ar + cr
            si = ai + ci
            tr = br + dr
            ti = bi + di
            ur = ar - cr
            ui = ai - ci
            vr = di - bi
            vi = br - dr
            y = q + f * j
            store(yr, y, sr + tr)
            store(yi, y, si + ti)
            zr = ur + vr
            zi = ui + vi
            store(yr, y + e, zr * w1r - zi * w1i)
            store(yi, y + e, zr * w1i + zi * w1r)
            zr = sr - tr
            zi = si - ti
            store(yr, y + 2 * e, zr * w2r - zi * w2i)
            store(yi, y + 2 * e, zr * w2i + zi * w2r)
            zr = ur - vr
            zi = ui - vi
            store(yr, y + 3 * e, zr * w3r - zi * w3i)
            store(yi, y + 3 * e, zr * w3i + zi * w3r)


@compiled()
def step8(xr, xi, yr, yi, s, twiddles, w, half_root):  # type: ignore[no-untyped-def]
    """One step of radix 8 of a transform back, on `s` transforms side by side; every `w`-th twiddle is this size's.

    Three radices of 4 take as many passes over memory as two of 8, and memory is what bounds them.
    """
    d = len(xr) // 8
    h = splat(xr, half_root)
    for p in range(d // s):
        j = p * s
        k = j * w
        w1r = splat(xr, twiddles[k, 0])
        w1i = splat(xr, twiddles[k, 1])
        w2r = splat(xr, twiddles[2 * k, 0])
        w2i = splat(xr, twiddles[2 * k, 1])
        w3r = splat(xr, twiddles[3 * k, 0])
        w3i = splat(xr, twiddles[3 * k, 1])
        w4r = splat(xr, twiddles[4 * k, 0])
        w4i = splat(xr, twiddles[4 * k, 1])
        w5r = splat(xr, twiddles[5 * k, 0])
        w5i = splat(xr, twiddles[5 * k, 1])
        w6r = splat(xr, twiddles[6 * k, 0])
        w6i = splat(xr, twiddles[6 * k, 1])
        w7r = splat(xr, twiddles[7 * k, 0])
        w7i = splat(xr, twiddles[7 * k, 1])
        for q in range(s):
            o = q + j
            y = q + 8 * j
            # the transform of the four odd ones, turned by 0, 1, 2, 3 eighths
            ar = load(xr, o + d)
            ai = load(xi, o + d)
            br = load(xr, o + 3 * d)
            bi = load(xi, o + 3 * d)
            cr = load(xr, o + 5 * d)
            ci = load(xi, o + 5 * d)
            dr = load(xr, o + 7 * d)
            di = load(xi, o + 7 * d)
            sr = ar + cr
            si = ai + ci
            tr = br + dr
            ti = bi + di
            ur = ar - cr
            ui = ai - ci
            vr = di - bi
            vi = br - dr
            o0r = sr + tr
            o0i = si + ti
            zr = ur + vr
            zi = ui + vi
            o1r = (zr - zi) * h
            o1i = (zr + zi) * h
            o2r = ti - si
            o2i = sr - tr
            zr = ur - vr
            zi = ui - vi
            o3r = (zr + zi) * h  # its negative
            o3i = (zr - zi) * h
            # and of the four even ones
            ar = load(xr, o)
            ai = load(xi, o)
            br = load(xr, o + 2 * d)
            bi = load(xi, o + 2 * d)
            cr = load(xr, o + 4 * d)
            ci = load(xi, o + 4 * d)
            dr = load(xr, o + 6 * d)
            di = load(xi, o + 6 * d)
            sr = ar + cr
            si = ai + ci
            tr = br + dr
            ti = bi + di
            ur = ar - cr
            ui = ai - ci
            vr = di - bi
            vi = br - dr
            er = sr + tr
            ei = si + ti
            store(yr, y, er + o0r)
            store(yi, y, ei + o0i)
            zr = er - o0r
            zi = ei - o0i
            store(yr, y + 4 * s, zr * w4r - zi * w4i)
            store(yi, y + 4 * s, zr * w4i + zi * w4r)
            er = ur + vr
            ei = ui + vi
            zr = er + o1r
            zi = ei + o1i
            store(yr, y + s, zr * w1r - zi * w1i)
            store(yi, y + s, zr * w1i + zi * w1r)
            zr = er - o1r
            zi = ei - o1i
            store(yr, y + 5 * s, zr * w5r - zi * w5i)
            store(yi, y + 5 * s, zr * w5i + zi * w5r)
            er = sr - tr
            ei = si - ti
            zr = er + o2r
            zi = ei + o2i
            store(yr, y + 2 * s, zr * w2r - zi * w2i)
            store(yi, y + 2 * s, zr * w2i + zi * w2r)
            zr = er - o2r
            zi = ei - o2i
            store(yr, y + 6 * s, zr * w6r - zi * w6i)
            store(yi, y + 6 * s, zr * w6i + zi * w6r)
            er = ur - vr
            ei = ui - vi
            zr = er - o3r
            zi = ei + o3i
            store(yr, y + 3 * s, zr * w3r - zi * w3i)
            store(yi, y + 3 * s, zr * w3i + zi * w3r)
            zr = er + o3r
            zi = ei - o3i
            store(yr, y + 7 * s, zr * w7r - zi * w7i)
            store(yi, y + 7 * s, zr * w7i + zi * w7r)


@compiled()
def step4_product(xr, xi, g, yr, yi, twiddles, f, e):  # type: ignore[no-untyped-def]
    """The first step of radix 4, of the product of a spectrum with a kernel's; `f` and `e` as for `step4`."""
    d = len(xr) // 4
    for k in range(d):
        gr = splat(xr, g[k, 0])
        gi = splat(xr, g[k, 1])
        r = load(xr, k)
        i = load(xi, k)
        ar = r * gr - i * gi
        ai = r * gi + i * gr
        gr = splat(xr, g[k + d, 0])
        gi = splat(xr, g[k + d, 1])
        r = load(xr, k + d)
        i = load(xi, k + d)
        br = r * gr - i * gi
        bi = r * gi + i * gr
        gr = splat(xr, g[k + 2 * d, 0])
        gi = splat(xr, g[k + 2 * d, 1])
        r = load(xr, k + 2 * d)
        i = load(xi, k + 2 * d)
        cr = r * gr - i * gi
        ci = r * gi + i * gr
        gr = splat(xr, g[k + 3 * d, 0])
        gi = splat(xr, g[k + 3 * d, 1])
        r = load(xr, k + 3 * d)
        i = load(xi, k + 3 * d)
        dr = r * gr - i * gi
        di = r * gi + i * gr
        sr = ar + cr
        si = ai + ci
        tr = br + dr
        ti = bi + di
        ur = ar - cr
        ui = ai - ci
        vr = di - bi
        vi = br - dr
        y = f * k
        store(yr, y, sr + tr)
        store(yi, y, si + ti)
        wr = splat(xr, twiddles[k, 0])
        wi = splat(xr, twiddles[k, 1])
        zr = ur + vr
        zi = ui + vi
        store(yr, y + e, zr * wr - zi * wi)
        store(yi, y + e, zr * wi + zi * wr)
        wr = splat(xr, twiddles[2 * k, 0])
        wi = splat(xr, twiddles[2 * k, 1])
        zr = sr - tr
        zi = si - ti
        store(yr, y + 2 * e, zr * wr - zi * wi)
        store(yi, y + 2 * e, zr * wi + zi * wr)
        wr = splat(xr, twiddles[3 * k, 0])
        wi = splat(xr, twiddles[3 * k, 1])
        zr = ur - vr
        zi = ui - vi
        store(yr, y + 3 * e, zr * wr - zi * wi)
        store(yi, y + 3 * e, zr * wi + zi * wr)


@compiled()
def last4(xr, xi, begin, end, yr, yi, imaginary, step):  # type: ignore[no-untyped-def]
    """The last step, of radix 4: results `begin:end` of each quarter, the quarters `step` rows apart.

    Imaginary parts begin at row `imaginary` of `yi`.
    """
    d = len(xr) // 4
    for q in range(begin, end):
        ar = load(xr, q)
        ai = load(xi, q)
        br = load(xr, q + d)
        bi = load(xi, q + d)
        cr = load(xr, q + 2 * d)
        ci = load(xi, q + 2 * d)
        dr = load(xr, q + 3 * d)
        di = load(xi, q + 3 * d)
        sr = ar + cr
        si = ai + ci
        tr = br + dr
        ti = bi + di
        ur = ar - cr
        ui = ai - ci
        vr = di - bi
        vi = br - dr
        y = q - begin
        z = y + imaginary
        store(yr, y, sr + tr)
        store(yi, z, si + ti)
        store(yr, y + step, ur + vr)
        store(yi, z + step, ui + vi)
        store(yr, y + 2 * step, sr - tr)
        store(yi, z + 2 * step, si - ti)
        store(yr, y + 3 * step, ur - vr)
        store(yi, z + 3 * step, ui - vi)


@compiled()
def last8(xr, xi, begin, end, yr, yi, imaginary, step, half_root):  # type: ignore[no-untyped-def]
    """The last step, of radix 8: results `begin:end` of each eighth, the eighths `step` rows apart.

    Imaginary parts begin at row `imaginary` of `yi`.
    """
    d = len(xr) // 8
    h = splat(xr, half_root)
    for q in range(begin, end):
        y = q - begin
        z = y + imaginary
        # the transform of the four odd ones, turned by 0, 1, 2, 3 eighths
        ar = load(xr, q + d)
        ai = load(xi, q + d)
        br = load(xr, q + 3 * d)
        bi = load(xi, q + 3 * d)
        cr = load(xr, q + 5 * d)
        ci = load(xi, q + 5 * d)
        dr = load(xr, q + 7 * d)
        di = load(xi, q + 7 * d)
        sr = ar + cr
        si = ai + ci
        tr = br + dr
        ti = bi + di
        ur = ar - cr
        ui = ai - ci
        vr = di - bi
        vi = br - dr
        o0r = sr + tr
        o0i = si + ti
        zr = ur + vr
        zi = ui + vi
        o1r = (zr - zi) * h
        o1i = (zr + zi) * h
        o2r = ti - si
        o2i = sr - tr
        zr = ur - vr
        zi = ui - vi
        o3r = (zr + zi) * h  # its negative
        o3i = (zr - zi) * h
        # and of the four even ones
        ar = load(xr, q)
        ai = load(xi, q)
        br = load(xr, q + 2 * d)
        bi = load(xi, q + 2 * d)
        cr = load(xr, q + 4 * d)
        ci = load(xi, q + 4 * d)
        dr = load(xr, q + 6 * d)
        di = load(xi, q + 6 * d)
        sr = ar + cr
        si = ai + ci
        tr = br + dr
        ti = bi + di
        ur = ar - cr
        ui = ai - ci
        vr = di - bi
        vi = br - dr
        er = sr + tr
        ei = si + ti
        store(yr, y, er + o0r)
        store(yi, z, ei + o0i)
        store(yr, y + 4 * step, er - o0r)
        store(yi, z + 4 * step, ei - o0i)
        er = ur + vr
        ei = ui + vi
        store(yr, y + step, er + o1r)
        store(yi, z + step, ei + o1i)
        store(yr, y + 5 * step, er - o1r)
        store(yi, z + 5 * step, ei - o1i)
        er = sr - tr
        ei = si - ti
        store(yr, y + 2 * step, er + o2r)
        store(yi, z + 2 * step, ei + o2i)
        store(yr, y + 6 * step, er - o2r)
        store(yi, z + 6 * step, ei - o2i)
        er = ur - vr
        ei = ui - vi
        store(yr, y + 3 * step, er - o3r)
        store(yi, z + 3 * step, ei + o3i)
        store(yr, y + 7 * step, er + o3r)
        store(yi, z + 7 * step, ei - o3i)


@compiled()
def steps(xr, xi, yr, yi, s, last, twiddles, w, half_root):  # type: ignore[no-untyped-def]
    """All steps but the last, as few as can be, to and fro between `x` and `y`; whether they end in `x`."""
    pr, pi, qr, qi = xr, xi, yr, yi
    there = True
    while s * last < len(xr):
        left = len(xr) // (s * last)
        if left == 4 or left == 16:
            step4(pr, pi, qr, qi, s, twiddles, w, 4, s)
            s *= 4
        else:
            step8(pr, pi, qr, qi, s, twiddles, w, half_root)
            s *= 8
        pr, pi, qr, qi = qr, qi, pr, pi
        there = not there
    return there


@compiled()
def last_of(n):  # type: ignore[no-untyped-def]
    """The radix of the last of the steps that make up a transform of `n`: 8, unless then 2 would be left."""
    return 4 if n == 4 or n == 16 else 8
