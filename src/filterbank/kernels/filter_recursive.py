"""Gaussian smoothing in the same time for any sigma: second-order recursions along lines, to and fro."""

from __future__ import annotations

import math

import numpy as np

from filterbank.kernels.filter_passes import Extension
from filterbank.kernels.sharing import share
from filterbank.kernels.simd import LANES, available, compiled, fma, lanes_of, load, rows, splat, store

__all__ = ["RECURSIVE_ERROR", "recursion_of", "recursive_passes"]

DECAYS = (2.152926562875975, 2.118657839668358, 2.040389787252867)
TURNS = (0.5240385784471906, 1.609249170800016, 2.8480491288044907)
COSINES = (3.0806588731343347, -2.22444897645293, 0.1437882221797362)
SINES = (6.773045094806657, -0.7245080548831168, -0.059780077909398155)
"""`exp(-t**2 / 2)` for `t >= 0` is the sum of `exp(-decay * t) * (cosine * cos(turn * t) + sine * sin(turn * t))`.

Deriche's form with three pairs of poles where he has two, fitted by least squares with weights moved toward the largest
deviations, on 0 <= t <= 8.
"""

RECURSIVE_ERROR = 2e-6
"""The largest deviation of that sum from the Gaussian, whose peak is 1."""

FEW = 3  # lines, fewer than which are worked on one after the other


def recursion_of(sigma: float) -> np.ndarray:
    """Return the recursions whose sum smooths with a Gaussian of `sigma` samples.

    Returns
    -------
    array, (4, 4)
        For each pair of poles `b0, b1, a1, a2` of `y[n] = b0 * x[n] + b1 * x[n - 1] - a1 * y[n - 1] - a2 * y[n - 2]`,
        then the weight of the sample itself, which both directions count, and zeros.

    References
    ----------
    R. Deriche, "Recursively implementing the Gaussian and its derivatives", INRIA research report 1893, 1993.

    Examples
    --------
    >>> b0, b1, a1, a2 = recursion_of(10.0)[:3].T
    >>> float((2 * (b0 + b1) / (1 + a1 + a2)).sum() - recursion_of(10.0)[3, 0]).__round__(12)  # of a constant 1
    1.0
    """
    rows = []
    for decay, turn, cosine, sine in zip(DECAYS, TURNS, COSINES, SINES):
        radius, angle = math.exp(-decay / sigma), turn / sigma
        b1 = radius * (sine * math.sin(angle) - cosine * math.cos(angle))
        rows.append((cosine, b1, -2 * radius * math.cos(angle), radius * radius))
    table = np.array([*rows, (sum(COSINES), 0.0, 0.0, 0.0)])
    b0, b1, a1, a2 = table[:3].T
    total = 2 * ((b0 + b1) / (1 + a1 + a2)).sum() - table[3, 0]
    table[:, :2] /= total
    return table


def recursive_passes(
    stack: np.ndarray,
    sigma: float,
    *,
    ends: Extension,
    constant: float | None = None,
    n_threads: int = 1,
    plain: bool = False,
) -> np.ndarray:
    """Smooth lines along the middle axis of a stack.

    Parameters
    ----------
    stack : array, (outer, sample, inner), float32 or float64
    sigma : float
        In samples.
    ends : Extension
        How each line goes on, as far as it's given; from there on with its last sample, or with the constant.
    constant : float, optional
        What stands beyond the extension, for ever.
    n_threads : int
        The result doesn't depend on it, bit for bit.
    plain : bool
        Without explicit vectors.

    Returns
    -------
    array, (outer, sample, inner)

    Notes
    -----
    Recursions run in float64. Extra memory: up to 8 lines a thread, twice.
    """
    stack = np.ascontiguousarray(stack)
    outer, n, inner = stack.shape
    out = np.empty_like(stack)
    table = recursion_of(sigma)
    size = n + len(ends.before) + len(ends.after)
    n_lines = outer * inner
    plain = plain or n_lines < FEW or not available()
    together = 1 if plain else LANES[np.dtype(np.float64)]
    many = -(-n_lines // (n_threads * together)) * together

    def part(first: int) -> None:
        work = rows(2 * size + 1, np.float64, plain=plain)
        work[:] = 0
        _smooth_lines(
            *(stack.reshape(-1), out.reshape(-1), n, inner, first, min(first + many, n_lines), table),
            *(ends.before, ends.after, constant is not None, constant or 0.0, work, work.reshape(-1)),
        )

    share(part, [(first,) for first in range(0, n_lines, many)], n_threads)
    return out


@compiled(entry=True)
def _smooth_lines(x, out, n, inner, first, last, table, before, after, has_constant, constant, work, flat):  # type: ignore[no-untyped-def]
    """Smooth lines `first ... last - 1`, as many side by side as a value has lanes."""
    size, lanes = n + before.size + after.size, lanes_of(work)
    beyond = 2 * size
    for begin in range(first, last, lanes):
        lines = min(lanes, last - begin)
        for k in range(lines):
            line = begin + k
            at = line // inner * n * inner + line % inner
            for t in range(before.size):
                flat[t * lanes + k] = x[at + before[t] * inner]
            for t in range(n):
                flat[(before.size + t) * lanes + k] = x[at + t * inner]
            for t in range(after.size):
                flat[(before.size + n + t) * lanes + k] = x[at + after[t] * inner]
        for k in range(lanes):
            flat[beyond * lanes + k] = constant
        _recur(work, 0, 1, size, beyond if has_constant else 0, table, True)
        _recur(work, size - 1, -1, size, beyond if has_constant else size - 1, table, False)
        for k in range(lines):
            line = begin + k
            at = line // inner * n * inner + line % inner
            for t in range(n):
                out[at + t * inner] = flat[(size + before.size + t) * lanes + k]


@compiled()
def _recur(work, at, step, size, settled, table, forth):  # type: ignore[no-untyped-def]
    """Run along `size` rows of samples, as if row `settled` had been there for ever; what comes of it lies behind them.

    Forth, the recursions' sum is set, less the sample's own share, which both directions count; back, it's added.
    """
    a0, a1, a2, a3 = _spread(work, table, 0)
    b0, b1, b2, b3 = _spread(work, table, 1)
    c0, c1, c2, c3 = _spread(work, table, 2)
    own = splat(work, -table[3, 0])
    last = load(work, settled)
    ones = splat(work, 1.0)
    one = last * splat(work, (table[0, 0] + table[0, 1]) / (1.0 + table[0, 2] + table[0, 3]))
    two = last * splat(work, (table[1, 0] + table[1, 1]) / (1.0 + table[1, 2] + table[1, 3]))
    three = last * splat(work, (table[2, 0] + table[2, 1]) / (1.0 + table[2, 2] + table[2, 3]))
    one_before, two_before, three_before = one * ones, two * ones, three * ones
    for _ in range(size):
        sample = load(work, at)
        found = fma(a2, one, fma(a3, one_before, fma(a1, last, a0 * sample)))
        one_before, one = one, found
        found = fma(b2, two, fma(b3, two_before, fma(b1, last, b0 * sample)))
        two_before, two = two, found
        found = fma(c2, three, fma(c3, three_before, fma(c1, last, c0 * sample)))
        three_before, three = three, found
        total = one + two + three
        to = at + size
        if forth:
            store(work, to, fma(own, sample, total))
        else:
            store(work, to, load(work, to) + total)
        last = sample
        at += step


@compiled()
def _spread(work, table, p):  # type: ignore[no-untyped-def]
    """The coefficients of a recursion in every lane, with the signs that they are added with."""
    return (
        splat(work, table[p, 0]),
        splat(work, table[p, 1]),
        splat(work, -table[p, 2]),
        splat(work, -table[p, 3]),
    )
