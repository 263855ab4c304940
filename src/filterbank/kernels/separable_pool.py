"""Kernels of low rank over images, as passes along rows and then columns, with the responses pooled as they come."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from filterbank.errors import InputError, invalid
from filterbank.geometry import PADDINGS
from filterbank.kernels.simd import LANES, available, lanes_of, load, maximum, minimum, rows, store

__all__ = ["Factors", "factor", "flops", "separable_pool"]

WANTED = ("mean", "square", "min", "max")
STRIP_BYTES = 128  # a strip of an image is two vectors wide
BLOCK_ROWS = 8  # rows of which a pass along columns makes the sums at a time
TILE_ROWS = 64  # rows of a strip that are worked on at a time, so that all passes over them stay in the cache
SLACK_ROWS = 4  # a pass along rows makes up to 4 rows at a time, so up to 3 more than are wanted


class Factors(NamedTuple):
    """Kernels of one shape written as sums of outer products, which share what they can.

    `kernels[k] = sum_p mix[k, p] * outer(columns[p], rows[row_of[p]])`.

    Parameters
    ----------
    rows : array, (factor, width)
        What the passes along rows convolve with.
    row_of : int array, (product,)
        Which pass along rows each pass along columns continues.
    columns : array, (product, height)
        What the passes along columns convolve with.
    mix : array, (kernel, product)
    """

    rows: np.ndarray
    row_of: np.ndarray
    columns: np.ndarray
    mix: np.ndarray


def factor(kernels: Sequence[np.ndarray], *, tolerance: float = 1e-7) -> Factors:
    """Write kernels of one shape as few outer products, which they share where they can.

    A kernel is split into the parts that are even and odd from top to bottom where that costs nothing, or where the
    kernel's mirror image is wanted too (orientations of 45 and 135 degrees), which then comes for free. Each
    distinct part is a sum of `rank` products, by its singular values; a part whose rows lie in the span of passes that
    are there already uses them (all Gaussian derivatives of one sigma; the real and imaginary parts of a Gabor filter).

    Parameters
    ----------
    kernels : sequence of real arrays, (height, width)
        All of one shape.
    tolerance : float
        How far a kernel may be off, relative to its norm.

    Returns
    -------
    Factors

    Examples
    --------
    >>> import numpy as np
    >>> wave, window = np.exp(1j * np.arange(-4, 5)), np.hanning(9)
    >>> one, other = np.outer(wave * window, wave * window), np.outer(wave * window, wave.conj() * window)
    >>> found = factor([one.real, other.real])
    >>> len(found.rows), len(found.columns), found.mix.tolist()
    (2, 2, [[1.0, 1.0], [1.0, -1.0]])
    """
    stack = np.array([np.asarray(kernel, dtype=np.float64) for kernel in kernels])
    return _factor(stack.tobytes(), stack.shape, float(tolerance))


@functools.lru_cache(maxsize=32)
def _factor(samples: bytes, shape: tuple[int, ...], tolerance: float) -> Factors:
    """Do what `factor` does, once for the banks of all folds of a validation."""
    stack = np.frombuffer(samples).reshape(shape)
    parts, terms = _parts(stack, tolerance)
    ranks = [_rank(part, tolerance) for part in parts]
    rows: list[np.ndarray] = []
    products: list[tuple[int, np.ndarray]] = []
    made: dict[int, list[tuple[int, float]]] = {}
    for index in sorted(range(len(parts)), key=lambda i: ranks[i]):  # the simplest parts say what is shared
        made[index] = _add_products(parts[index], ranks[index], rows, products, tolerance)
    mix = np.zeros((len(stack), len(products)))
    for k, own in enumerate(terms):
        for index, scale in own:
            for product, weight in made[index]:
                mix[k, product] += scale * weight
    width, height = stack.shape[2], stack.shape[1]
    found = Factors(
        np.array(rows).reshape(-1, width),
        np.array([row for row, _ in products], dtype=np.int64),
        np.array([column for _, column in products]).reshape(-1, height),
        mix,
    )
    for array in found:
        array.flags.writeable = False  # others get the same one
    return found


def _parts(stack: np.ndarray, tolerance: float) -> tuple[list[np.ndarray], list[list[tuple[int, float]]]]:
    """Distinct parts, and which of them, times what, add up to each kernel."""
    parts: list[np.ndarray] = []
    terms: list[list[tuple[int, float]]] = []
    flipped = stack[:, ::-1]
    for k, kernel in enumerate(stack):
        even, odd = (kernel + flipped[k]) / 2, (kernel - flipped[k]) / 2
        rank = _rank(kernel, tolerance)
        has_mirror = any(_scale(flipped[k], other, tolerance) for j, other in enumerate(stack) if j != k)
        both = _rank(even, tolerance, kernel) + _rank(odd, tolerance, kernel)
        own = []
        for part in (even, odd) if both <= rank * (1 + has_mirror) else (kernel,):
            if np.linalg.norm(part) <= tolerance * np.linalg.norm(kernel):
                continue
            for index, known in enumerate(parts):
                scale = _scale(part, known, tolerance)
                if scale:
                    own.append((index, scale))
                    break
            else:
                own.append((len(parts), 1.0))
                parts.append(part)
        terms.append(own)
    return parts, terms


def _add_products(
    part: np.ndarray,
    rank: int,
    rows: list[np.ndarray],
    products: list[tuple[int, np.ndarray]],
    tolerance: float,
) -> list[tuple[int, float]]:
    """Add what a part needs to the known rows and products, and say which products, times what, add up to it."""
    span = np.linalg.svd(part)[2][:rank]
    chosen: list[int] = []
    rest = span
    for i, row in enumerate(rows):
        inside = np.linalg.norm(row @ span.T)
        if len(chosen) < rank and inside**2 > 1 - 1e-9 and np.linalg.norm(row @ rest.T) > 0.2:
            chosen.append(i)
            basis = np.linalg.qr(np.array([rows[j] for j in chosen]).T)[0]
            rest = span - span @ basis @ basis.T
    if len(chosen) < rank:
        basis = np.linalg.qr(np.array([rows[j] for j in chosen]).T)[0] if chosen else np.zeros((part.shape[1], 0))
        for row in np.linalg.svd(part - part @ basis @ basis.T)[2][: rank - len(chosen)]:
            chosen.append(len(rows))
            rows.append(row)
    columns = part @ np.linalg.pinv(np.array([rows[i] for i in chosen]))
    used = []
    for i, column in zip(chosen, columns.T):
        if np.linalg.norm(column) <= 0.1 * tolerance * np.linalg.norm(part):
            continue
        for index, (row_of, known) in enumerate(products):
            scale = _scale(column, known, 0.1 * tolerance) if row_of == i else 0.0
            if scale:
                used.append((index, scale))
                break
        else:
            used.append((len(products), 1.0))
            products.append((i, column))
    return used


def _rank(kernel: np.ndarray, tolerance: float, whole: np.ndarray | None = None) -> int:
    """The number of products that leave at most `tolerance` of the norm (of the whole kernel) out."""
    values = np.linalg.svd(kernel, compute_uv=False)
    left = np.sqrt(np.cumsum(values[::-1] ** 2))[::-1]
    return int((left > tolerance * np.linalg.norm(kernel if whole is None else whole)).sum())


def _scale(one: np.ndarray, other: np.ndarray, tolerance: float) -> float:
    """The number that `other` must be multiplied with to give `one`, or 0 if there is none."""
    energy = float((other * other).sum())
    if not energy:
        return 0.0
    scale = float((one * other).sum()) / energy
    scale = float(np.round(scale)) if abs(abs(scale) - 1) < 1e-12 else scale
    near = np.linalg.norm(one - scale * other) <= tolerance * np.linalg.norm(one)
    return scale if near else 0.0


def flops(kernels: Sequence[np.ndarray], shape: Sequence[int], *, tolerance: float = 1e-7) -> dict[str, float]:
    """Count the additions and multiplications a position of the ways to convolve an image with kernels of one shape.

    Parameters
    ----------
    kernels : sequence of real arrays, (height, width)
    shape : (int, int)
        Of the image; a Fourier transform's work grows with the logarithm of its size.
    tolerance : float
        As for `factor`.

    Returns
    -------
    dict
        "separable", "dense" and "fft" (real transforms, with one of the image for all kernels). Where work is equal,
        the separable and the dense way run at half of a processor's peak or more, a Fourier transform of an image at a
        tenth.

    Examples
    --------
    >>> import numpy as np
    >>> flops([np.outer(np.hanning(9), np.hanning(9))], (256, 256))
    {'separable': 36.0, 'dense': 162.0, 'fft': 83.0}
    """
    found = factor(kernels, tolerance=tolerance)
    n, (height, width) = len(kernels), np.shape(kernels[0])
    terms = sum(2.0 * max(int((row != 0).sum()) - 1, 0) for row in found.mix)
    return {
        "separable": 2.0 * (len(found.rows) * width + len(found.columns) * height) + terms,
        "dense": 2.0 * n * height * width,
        "fft": (n + 1) * 2.5 * float(np.log2(shape[0] * shape[1])) + 3.0 * n,
    }


def separable_pool(
    images: Sequence[np.ndarray],
    kernels: Sequence[np.ndarray],
    *,
    lo: Sequence[tuple[int, int]],
    hi: Sequence[tuple[int, int]],
    halo: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0)),
    pad: str | None = None,
    modulus: bool = False,
    want: Sequence[str] = WANTED,
    thresholds: np.ndarray | None = None,
    tolerance: float = 1e-7,
    n_threads: int = 1,
) -> dict[str, np.ndarray]:
    """Convolve images with kernels of low rank and pool each response, which is never written out.

    Response `r` at `(y, x)` is `sum_ij kernels[r][i, j] * image[y + height - 1 - i, x + width - 1 - j]`, at the
    positions from `lo[r]` to `image.shape - kernels[r].shape - hi[r]`, both included. Work grows with the kernels' rank
    (see `factor`, `flops`): a kernel that isn't of low rank is done rightly, but slowly.

    Parameters
    ----------
    images : sequence of arrays, (height, width)
        All float32 or all float64, finite, of any sizes.
    kernels : sequence of real arrays, (height, width)
    lo, hi : sequence of (int, int)
        For each kernel, how many positions of the padded image are left out at the start and at the end of each axis.
    halo : ((before, after), (before, after)), optional
        With `pad`, by how many samples each axis goes on beyond its ends; no padded copy is made.
    pad : {"reflect", "symmetric", "edge", "wrap", "zero"}, optional
    modulus : bool
        Kernels come in pairs of one shape (and `lo`, `hi`), and a response is `sqrt(first**2 + second**2)`.
    want : sequence of {"mean", "square", "min", "max"}
        Either of "mean" and "square" (the sum of squared deviations from the mean) gives both.
    thresholds : array, (response, threshold), optional
        Count the positions where the response lies above each.
    tolerance : float
        How far a kernel may be off, relative to its norm.
    n_threads : int
        The result doesn't depend on it, bit for bit.

    Returns
    -------
    dict of arrays
        "count", and of "mean", "square", "min", "max" what is wanted, float64 (image, response); with thresholds
        "above", (image, response, threshold).

    Notes
    -----
    The work is done in the images' own precision. Each image's mean is taken off first and put back in the results, so
    that neither the responses nor their squares lose digits to a large constant. Responses agree with dense sums to
    rounding, so a count above a threshold can differ for responses within rounding of it. Extra memory doesn't grow
    with the images: for kernels of up to 33 x 33, some 12 KiB a thread for each pass along rows of one shape, and as
    much for each pass along columns whose results are added up.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.arange(20.0).reshape(4, 5)
    >>> pooled = separable_pool([image], [np.ones((2, 2)) / 4], lo=[(0, 0)], hi=[(0, 0)], want=["mean", "max"])
    >>> pooled["count"].item(), pooled["mean"].round(9).item(), pooled["max"].round(9).item()
    (12.0, 9.5, 16.0)
    """
    images = [np.asarray(image) for image in images]
    kernels = [np.asarray(kernel) for kernel in kernels]
    halo = tuple(map(tuple, halo)) if pad else ((0, 0), (0, 0))  # type: ignore[assignment]
    _check(images, kernels, lo, hi, halo, pad, modulus, want, thresholds, n_threads)
    n_responses = len(kernels) // (1 + modulus)
    dtype = images[0].dtype
    keys = tuple((*k.shape, *map(int, low), *map(int, high)) for k, low, high in zip(kernels, lo, hi))
    samples = tuple(np.asarray(kernel, dtype=np.float64).tobytes() for kernel in kernels)
    plan = _plan(samples, keys, bool(modulus), float(tolerance), dtype)
    levels = np.empty((n_responses, 0)) if thresholds is None else np.asarray(thresholds, dtype=np.float64)
    sums = np.array([_sum(kernel) for kernel in kernels]).reshape(n_responses, 1 + modulus)
    moments, extrema = bool({"mean", "square"} & set(want)), bool({"min", "max"} & set(want))

    def pool_image(image: np.ndarray, run: Any = map) -> tuple[np.ndarray, ...]:
        image = np.ascontiguousarray(image)
        shift = image[::8].mean(dtype=np.float64).astype(dtype)  # any number near the mean does
        constants = sums * float(shift)  # what the mean alone would answer
        centre = np.hypot(*constants.T) if modulus else constants[:, 0]
        shifted = (levels - centre[:, np.newaxis]).astype(dtype)
        at = [_indices(n, sides, pad) for n, sides in zip(image.shape, halo)]

        def pool_strips(first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
            states = np.empty((last - first, n_responses, 4))
            above = np.zeros((last - first, *levels.shape), dtype=np.int64)
            work = _work(plan.work, dtype)
            _pool_strips(
                *(image, *at, shift, first, plan.tables, plan.weights, plan.taps, constants.astype(dtype)),
                *(centre.astype(dtype), shifted, work, work.reshape(-1), moments, extrema, states, above),
            )
            return states, above

        n = -(-len(at[1]) * dtype.itemsize // STRIP_BYTES)
        cuts = np.linspace(0, n, 1 + (1 if run is map else min(n_threads, n))).astype(int)
        parts = list(run(pool_strips, cuts[:-1], cuts[1:]))
        states, above = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
        return (
            states[..., :2].sum(axis=0),
            states[..., 2].min(axis=0),
            states[..., 3].max(axis=0),
            above.sum(axis=0),
            centre,
        )

    if n_threads == 1:
        pooled = [pool_image(image) for image in images]
    else:
        several = -(-len(images) // (8 * n_threads))
        chunks = [images[i : i + several] for i in range(0, len(images), several)]
        with ThreadPoolExecutor(n_threads) as pool:
            if len(images) < n_threads:
                pooled = [pool_image(image, pool.map) for image in images]
            else:
                done = pool.map(lambda chunk: [pool_image(image) for image in chunk], chunks)
                pooled = [result for results in done for result in results]
    counts = _counts(images, kernels, lo, hi, halo).prod(axis=2)[:, :: 1 + modulus]
    return _states(pooled, counts, want, thresholds is not None)


class _Plan(NamedTuple):
    """What the compiled loop works through: tables of integers (see `_pool_strips`), and taps and weights."""

    tables: tuple[np.ndarray, ...]
    weights: np.ndarray
    taps: np.ndarray
    work: int


@functools.lru_cache(maxsize=16)
def _plan(
    samples: tuple[bytes, ...], keys: tuple[tuple[int, ...], ...], modulus: bool, tolerance: float, dtype: np.dtype
) -> _Plan:
    """Factor the kernels of each key (shape, lo, hi), and put the passes in order."""
    kernels = [np.frombuffer(taps).reshape(key[:2]) for taps, key in zip(samples, keys)]
    alike: dict[tuple[int, ...], list[int]] = {}
    for k, key in enumerate(keys):
        alike.setdefault(key, []).append(k)
    groups, blocks, clusters, products, responses, terms = ([] for _ in range(6))  # type: ignore[var-annotated]
    taps, weights = [np.zeros(0)], []
    most = {"factors": 1, "products": 1, "height": 1, "width": 1}
    for key, members in alike.items():
        found = factor([kernels[k] for k in members], tolerance=tolerance)
        height, width = key[:2]
        begin = len(blocks), len(clusters)
        for own in np.array_split(np.arange(len(found.rows)), -(-len(found.rows) // 4)) if len(found.rows) else []:
            blocks.append((len(own), own[0], sum(map(len, taps))))
            taps.append(found.rows[own, ::-1].T.ravel())
        for own_products, own_kernels in _clusters(found.mix, modulus):
            place: dict[Any, int] = {p: i for i, p in enumerate(own_products)}
            clusters.append((len(products), len(products) + len(own_products), len(responses), 0))
            for p in own_products:
                products.append((found.row_of[p], sum(map(len, taps))))
                taps.append(found.columns[p, ::-1])
            for pair in np.reshape(own_kernels, (-1, 1 + modulus)):
                bounds = [len(terms)]
                for k in pair:
                    terms += [(place[p],) for p in np.flatnonzero(found.mix[k])]
                    weights += found.mix[k][found.mix[k] != 0].tolist()
                    bounds.append(len(terms))
                responses.append((members[pair[0]] // (1 + modulus), bounds[0], bounds[1], bounds[-1]))
            clusters[-1] = (*clusters[-1][:3], len(responses))
            most["products"] = max(most["products"], len(own_products))
        groups.append((*key, begin[0], len(blocks), begin[1], len(clusters)))
        for name, size in (("factors", len(found.rows)), ("height", height), ("width", width)):
            most[name] = max(most[name], size)
    strip = STRIP_BYTES // dtype.itemsize
    tile = max(TILE_ROWS, BLOCK_ROWS * -(-most["height"] // BLOCK_ROWS))
    buffer = tile + most["height"] - 1 + SLACK_ROWS
    across = strip * -(-(strip + most["width"] - 1) // strip)
    sizes = np.array([[tile, buffer * strip, across, most["products"], most["factors"]]])
    work = buffer * across + most["factors"] * buffer * strip + (most["products"] + 2) * tile * strip + strip
    tables = [
        np.array(t, dtype=np.int64).reshape(len(t), -1) for t in (groups, blocks, clusters, products, responses, terms)
    ]
    tables = [t if t.size else np.zeros((0, 1), np.int64) for t in tables]
    return _Plan((*tables, sizes), np.array(weights, dtype=dtype), np.concatenate(taps).astype(dtype), work)


def _clusters(mix: np.ndarray, modulus: bool) -> list[tuple[list[int], list[int]]]:
    """Sets of products and of the kernels made from them that have nothing to do with one another."""
    clusters: list[tuple[set[int], list[int]]] = []
    step = 1 + modulus
    for first in range(0, len(mix), step):
        own = list(range(first, first + step))
        needs = set(np.flatnonzero(mix[own].any(axis=0)).tolist())
        met = [cluster for cluster in clusters if cluster[0] & needs]
        clusters = [cluster for cluster in clusters if not cluster[0] & needs]
        clusters.append((needs.union(*(m[0] for m in met)), [k for m in met for k in m[1]] + own))
    return [(sorted(needs), own) for needs, own in clusters]


def _sum(kernel: np.ndarray) -> float:
    """The sum of a kernel, exactly 0 where rounding is all that is left of it."""
    total, size = float(kernel.sum(dtype=np.float64)), float(np.abs(kernel).sum(dtype=np.float64))
    return total if abs(total) > 1e-14 * size else 0.0


def _work(n: int, dtype: np.dtype) -> np.ndarray:
    """Scratch memory for `n` numbers, which are rows of vectors where there are vectors."""
    lanes = LANES[dtype]
    work = rows(-(-n // lanes), dtype) if available() else rows(n, dtype, plain=True)
    work[:] = 0
    return work


def _counts(
    images: Sequence[np.ndarray],
    kernels: Sequence[np.ndarray],
    lo: Sequence[tuple[int, int]],
    hi: Sequence[tuple[int, int]],
    halo: tuple[tuple[int, int], tuple[int, int]],
) -> np.ndarray:
    """How many positions each image has for each kernel along each axis, (image, kernel, axis)."""
    sizes = np.array([image.shape for image in images]) + np.sum(halo, axis=1)
    taken = np.array([kernel.shape for kernel in kernels]) - 1 + np.array(lo) + np.array(hi)
    return sizes[:, np.newaxis] - taken


@functools.lru_cache(maxsize=64)
def _indices(n: int, sides: tuple[int, int], pad: str | None) -> np.ndarray:
    """Where each sample of a padded axis is found in the axis; -1 for a zero."""
    if pad == "zero":
        return np.pad(np.arange(n), sides, constant_values=-1)
    return np.pad(np.arange(n), sides, mode=pad) if pad else np.arange(n)  # type: ignore[call-overload]


def _states(
    pooled: list[tuple[np.ndarray, ...]], counts: np.ndarray, want: Sequence[str], has_thresholds: bool
) -> dict[str, np.ndarray]:
    """Put the sums about the centres, and extrema as differences from them, in the form of a pool's states."""
    sums, least, most, above, centre = (np.stack(column) for column in zip(*pooled))
    states = {"count": counts.astype(np.float64)}
    if {"mean", "square"} & set(want):
        states["mean"] = centre + sums[..., 0] / counts
        states["square"] = np.maximum(sums[..., 1] - sums[..., 0] ** 2 / counts, 0.0)
    if "min" in want:
        states["min"] = centre + least
    if "max" in want:
        states["max"] = centre + most
    if has_thresholds:
        states["above"] = above
    return states


def _check(
    images: Sequence[np.ndarray],
    kernels: Sequence[np.ndarray],
    lo: Sequence[tuple[int, int]],
    hi: Sequence[tuple[int, int]],
    halo: tuple[tuple[int, int], tuple[int, int]],
    pad: str | None,
    modulus: bool,
    want: Sequence[str],
    thresholds: np.ndarray | None,
    n_threads: int,
) -> None:
    """Raise InputError for what the loops can't do."""
    if not images or not kernels:
        raise InputError(f"there are {len(images)} images and {len(kernels)} kernels. Pass at least one of each.")
    for i, image in enumerate(images):
        if image.ndim != 2 or not image.size or image.dtype not in LANES or image.dtype != images[0].dtype:
            raise InputError(
                f"image {i} is {image.dtype} with shape {image.shape}, and images are all float32 or all float64, "
                "(height, width), of at least one sample."
            )
    for k, kernel in enumerate(kernels):
        if kernel.ndim != 2 or not kernel.size or np.iscomplexobj(kernel):
            raise InputError(
                f"kernel {k} is {kernel.dtype} with shape {kernel.shape}, and kernels are real, (height, width)."
            )
    if len(lo) != len(kernels) or len(hi) != len(kernels) or np.min([*lo, *hi]) < 0:
        raise InputError(
            f"lo={lo!r} and hi={hi!r} are not {len(kernels)} pairs of numbers of at least 0, one a kernel."
        )
    if modulus:
        if len(kernels) % 2:
            raise InputError(f"there are {len(kernels)} kernels, and modulus=True needs pairs.")
        for k in range(0, len(kernels), 2):
            if kernels[k].shape != kernels[k + 1].shape or (*lo[k], *hi[k]) != (*lo[k + 1], *hi[k + 1]):
                raise InputError(
                    f"kernels {k} and {k + 1} have shapes {kernels[k].shape} and {kernels[k + 1].shape}, and with "
                    "modulus=True a pair has one shape, lo and hi."
                )
    unknown = [name for name in want if name not in WANTED]
    if unknown:
        raise invalid("want", unknown[0], f"one of {', '.join(WANTED)}")
    n_responses = len(kernels) // (1 + modulus)
    if thresholds is not None and (np.ndim(thresholds) != 2 or len(thresholds) != n_responses):
        raise invalid(
            "thresholds", np.shape(thresholds), f"of shape ({n_responses}, thresholds)", why="a row a response"
        )
    if n_threads < 1:
        raise invalid("n_threads", n_threads, "at least 1")
    if pad is not None and pad not in PADDINGS:
        raise invalid("pad", pad, f"None or one of {', '.join(PADDINGS)}")
    if np.shape(halo) != (2, 2) or np.min(halo) < 0:
        raise invalid("halo", halo, "((before, after), (before, after)), each at least 0")
    counts = _counts(images, kernels, lo, hi, halo)
    if (counts < 1).any():
        i, k = np.argwhere((counts < 1).any(axis=2))[0]
        raise InputError(
            f"image {i} has shape {images[i].shape}, and kernel {k} with shape {kernels[k].shape}, lo={tuple(lo[k])} "
            f"and hi={tuple(hi[k])} has no position in it. Leave it out, or pad it."
        )


# A pass is a loop over taps with all sums of a block in registers: `n_rows` rows, two vectors wide, of `filters`
# filters. Row i and tap k read `x[at + i * row_step + k * tap_step]`, filter f's tap k is `taps[first + k * filters +
# f]`, and the sum goes to `out[to + i * out_step + f * filter_step]`. Where `x` is 1-D, vectors aren't to be used, and
# the same loop is made for each column by itself. Bounds are not checked.


def _make_pass(n_rows: int, filters: int, *, sliding: bool) -> Any:
    """Make the loop; `sliding` says that row_step equals tap_step, so that two taps share most of what they read."""
    taps_at_once = 2 if sliding else 1
    number = ir.IntType(64)

    @intrinsic
    def run(context, x, at, row_step, tap_step, taps, first, n_taps, out, to, out_step, filter_step):  # type: ignore[no-untyped-def]
        sample = ir.FloatType() if x.dtype == types.float32 else ir.DoubleType()
        item = x.dtype.bitwidth // 8
        lanes = STRIP_BYTES // item // 2 if x.ndim == 2 else 1
        halves = 2 if x.ndim == 2 else 1
        value = ir.VectorType(sample, lanes) if x.ndim == 2 else sample
        places = [(i, half, f) for i in range(n_rows) for half in range(halves) for f in range(filters)]

        def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
            x, at, row_step, tap_step, taps, first, n_taps, out, to, out_step, filter_step = args
            x, taps, out = (
                make_array(signature.args[i])(context, builder, array).data
                for i, array in ((0, x), (4, taps), (7, out))
            )
            x_is_plain = lanes == 1
            sums = {place: cgutils.alloca_once(builder, value) for place in places}

            def constant(n):  # type: ignore[no-untyped-def]
                return ir.Constant(number, n)

            def pointer(array, place, half):  # type: ignore[no-untyped-def]
                place = builder.gep(array, [builder.add(place, constant(half * lanes))])
                return builder.bitcast(place, value.as_pointer())

            def spread(place):  # type: ignore[no-untyped-def]
                tap = builder.load(builder.gep(taps, [place]))
                if x_is_plain:
                    return tap
                unset, zeros = (
                    ir.Constant(value, ir.Undefined),
                    ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes),
                )
                return builder.shuffle_vector(
                    builder.insert_element(unset, tap, ir.Constant(ir.IntType(32), 0)), unset, zeros
                )

            def add_taps(k, count, at):  # type: ignore[no-untyped-def]
                start = builder.add(at, builder.mul(k, tap_step))
                tap = builder.add(first, builder.mul(k, constant(filters)))
                read = {}
                for u in range(count):
                    spread_taps = [spread(builder.add(tap, constant(u * filters + f))) for f in range(filters)]
                    for i, half, f in places:
                        key = (i + u, half) if sliding else (i, u, half)
                        if key not in read:
                            steps = builder.add(builder.mul(row_step, constant(i)), builder.mul(tap_step, constant(u)))
                            read[key] = builder.load(pointer(x, builder.add(start, steps), half), align=item)
                        product = builder.fmul(spread_taps[f], read[key], flags=("contract",))
                        total = builder.fadd(builder.load(sums[i, half, f]), product, flags=("contract",))
                        builder.store(total, sums[i, half, f])

            def make_block(column):  # type: ignore[no-untyped-def]
                for place in places:
                    builder.store(ir.Constant(value, [0.0] * lanes if not x_is_plain else 0.0), sums[place])
                whole = builder.sdiv(n_taps, constant(taps_at_once))
                with cgutils.for_range(builder, whole) as loop:
                    add_taps(builder.mul(loop.index, constant(taps_at_once)), taps_at_once, builder.add(at, column))
                if taps_at_once > 1:
                    done = builder.mul(whole, constant(taps_at_once))
                    with builder.if_then(builder.icmp_signed("<", done, n_taps)):
                        add_taps(done, 1, builder.add(at, column))
                for i, half, f in places:
                    steps = builder.add(builder.mul(out_step, constant(i)), builder.mul(filter_step, constant(f)))
                    place = builder.add(builder.add(to, column), steps)
                    builder.store(builder.load(sums[i, half, f]), pointer(out, place, half), align=item)

            if x_is_plain:
                with cgutils.for_range(builder, constant(STRIP_BYTES // item)) as loop:
                    make_block(loop.index)
            else:
                make_block(constant(0))
            return context.get_dummy_value()

        return types.void(x, *(types.intp,) * 3, taps, *(types.intp,) * 2, out, *(types.intp,) * 3), generate

    return run


_block_of_columns = _make_pass(BLOCK_ROWS, 1, sliding=True)
_block_of_rows_1 = _make_pass(4, 1, sliding=False)
_block_of_rows_2 = _make_pass(4, 2, sliding=False)
_block_of_rows_3 = _make_pass(2, 3, sliding=False)
_block_of_rows_4 = _make_pass(2, 4, sliding=False)


@numba.njit(nogil=True, cache=True)
def _pool_strips(  # type: ignore[no-untyped-def]
    image,
    rows_at,
    columns_at,
    shift,
    first,
    tables,
    weights,
    taps,
    constants,
    centre,
    levels,
    work,
    flat,
    moments,
    extrema,
    states,
    above,
):
    """Pool the strips from `first` on, as many as `states` has.

    `rows_at` and `columns_at` say where the samples of the padded image are in the image; see `_cut`. `tables` are
    groups of kernels of one shape (height, width, lo, hi; then bounds in the next two); blocks of up to 4 passes along
    rows (how many, from which on, where their taps are); clusters (bounds in the next two); products (its pass along
    rows, where its taps are); responses (its number, bounds in the last; the middle one parts real and imaginary);
    terms (its product in the cluster); and the sizes of what `work` holds (`flat` is the same memory): a window of the
    image, the results of passes along rows, and those of passes along columns with room for two responses more.
    """
    groups, blocks, clusters, products, responses, terms, sizes = tables
    tile, buffer, across, n_tiles = sizes[0, 0], sizes[0, 1], sizes[0, 2], sizes[0, 3]
    strip = STRIP_BYTES // image.itemsize
    size = tile * strip
    buffers = buffer // strip * across
    tiles = buffers + sizes[0, 4] * buffer
    spare = tiles + n_tiles * size
    for s in range(len(states)):
        states[s, :, :2] = 0.0
        states[s, :, 2] = np.inf
        states[s, :, 3] = -np.inf
        left = (first + s) * strip
        for g in range(len(groups)):
            height, width, top = groups[g, 0], groups[g, 1], groups[g, 2]
            n_rows = len(rows_at) - height + 1 - top - groups[g, 4]
            n_columns = min(strip, len(columns_at) - width + 1 - groups[g, 3] - groups[g, 5] - left)
            if n_columns <= 0:
                continue
            for begin in range(0, n_rows, tile):
                n = min(tile, n_rows - begin)
                keep = height - 1 if begin else 0  # rows that the tile above has made already
                below = rows_at[top + begin + keep : top + begin + n + height - 1]
                across_at = columns_at[left + groups[g, 3] : left + groups[g, 3] + strip + width - 1]
                _cut(image, below, across_at, shift, flat, across, strip + width - 1)
                for b in range(groups[g, 6], groups[g, 7]):
                    _along_rows(
                        work,
                        flat,
                        across,
                        taps,
                        blocks[b, 2],
                        width,
                        blocks[b, 0],
                        buffers + blocks[b, 1] * buffer,
                        strip,
                        buffer,
                        keep,
                        n + height - 1,
                        tile,
                    )
                for c in range(groups[g, 8], groups[g, 9]):
                    for p in range(clusters[c, 0], clusters[c, 1]):
                        at = buffers + products[p, 0] * buffer
                        to = tiles + (p - clusters[c, 0]) * size
                        for y in range(0, n * strip, BLOCK_ROWS * strip):
                            _block_of_columns(
                                work, at + y, strip, strip, taps, products[p, 1], height, work, to + y, strip, 0
                            )
                    for r in range(clusters[c, 2], clusters[c, 3]):
                        k, start, middle, stop = responses[r]
                        if constants.shape[1] == 1 and stop == start + 1 and weights[start] == 1 and n_columns == strip:
                            at = tiles + terms[start, 0] * size
                        else:
                            at = spare
                            _mix(flat, tiles, size, terms, weights, start, middle, n, strip, n_columns, spare)
                        values = flat[at : at + n * n_columns]
                        if constants.shape[1] == 2:
                            _mix(flat, tiles, size, terms, weights, middle, stop, n, strip, n_columns, spare + size)
                            others = flat[spare + size : spare + size + n * n_columns]
                            _moduli(values, others, constants[k, 0], constants[k, 1], centre[k])
                        if moments:
                            total, square = _moments(values)
                            states[s, k, 0] += total
                            states[s, k, 1] += square
                        if extrema:
                            least, most = _extrema(work, flat, at, n * n_columns, spare + 2 * size)
                            states[s, k, 2] = min(states[s, k, 2], least)
                            states[s, k, 3] = max(states[s, k, 3], most)
                        for q in range(levels.shape[1]):
                            above[s, k, q] += _above(values, levels[k, q])


@numba.njit(nogil=True, cache=True)
def _cut(image, rows_at, columns_at, shift, flat, across, width):  # type: ignore[no-untyped-def]
    """Copy a window, less `shift`; an index of -1 means a zero, and beyond the indices there are zeros too."""
    n, first = columns_at.size, columns_at[0]
    together = first >= 0 and columns_at[n - 1] - first == n - 1
    for y in range(rows_at.size):
        at = y * across
        if rows_at[y] < 0:
            for x in range(n):
                flat[at + x] = -shift
        elif together:
            row, out = image[rows_at[y], first : first + n], flat[at : at + n]
            for x in range(n):
                out[x] = row[x] - shift
        else:
            row = image[rows_at[y]]
            for x in range(n):
                flat[at + x] = (row[columns_at[x]] if columns_at[x] >= 0 else 0) - shift
        for x in range(n, width):
            flat[at + x] = 0


@numba.njit(nogil=True, cache=True)
def _along_rows(work, flat, across, taps, tap, n_taps, filters, to, strip, buffer, keep, stop, tile):  # type: ignore[no-untyped-def]
    """Make rows `keep ... stop - 1` of up to 4 buffers; the ones before are the last of the tile above."""
    for f in range(filters):
        start, carried = to + f * buffer, to + f * buffer + tile * strip
        rows_made, again = flat[carried : carried + keep * strip], flat[start : start + keep * strip]
        for i in range(rows_made.size):
            again[i] = rows_made[i]
    for y in range(keep, stop, 4):
        at, out = (y - keep) * across, to + y * strip
        if filters == 1:
            _block_of_rows_1(work, at, across, 1, taps, tap, n_taps, work, out, strip, buffer)
        elif filters == 2:
            _block_of_rows_2(work, at, across, 1, taps, tap, n_taps, work, out, strip, buffer)
        elif filters == 3:
            for half in range(2):
                _block_of_rows_3(
                    work,
                    at + half * 2 * across,
                    across,
                    1,
                    taps,
                    tap,
                    n_taps,
                    work,
                    out + half * 2 * strip,
                    strip,
                    buffer,
                )
        else:
            for half in range(2):
                _block_of_rows_4(
                    work,
                    at + half * 2 * across,
                    across,
                    1,
                    taps,
                    tap,
                    n_taps,
                    work,
                    out + half * 2 * strip,
                    strip,
                    buffer,
                )


@numba.njit(nogil=True, cache=True)
def _mix(flat, tiles, size, terms, weights, start, stop, n, strip, n_columns, to):  # type: ignore[no-untyped-def]
    """Add up a response from tiles, and leave the columns out that aren't the image's."""
    if n_columns == strip:  # rows follow one another without a gap
        n_columns *= n
        n = 1
    for y in range(n):
        out = flat[to + y * n_columns : to + (y + 1) * n_columns]
        for i in range(start, stop):
            at = tiles + terms[i, 0] * size + y * strip
            tile, weight = flat[at : at + n_columns], weights[i]
            if i == start:
                for x in range(n_columns):
                    out[x] = weight * tile[x]
            else:
                for x in range(n_columns):
                    out[x] += weight * tile[x]
        if start == stop:
            out[:] = 0


@numba.njit(nogil=True, cache=True)
def _moduli(values, others, real, imaginary, centre):  # type: ignore[no-untyped-def]
    """`sqrt((values + real)**2 + (others + imaginary)**2) - centre`, where `centre` is what zeros would give."""
    if centre == 0:
        for i in range(values.size):
            values[i] = np.sqrt(values[i] * values[i] + others[i] * others[i])
        return
    for i in range(values.size):  # the difference of two roots is that of their squares, divided by their sum
        a, b = values[i] + real, others[i] + imaginary
        change = values[i] * (a + real) + others[i] * (b + imaginary)
        values[i] = change / (np.sqrt(a * a + b * b) + centre)


@numba.njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def _moments(values):  # type: ignore[no-untyped-def]
    total = values.dtype.type(0)
    square = values.dtype.type(0)
    for i in range(values.size):
        total += values[i]
        square += values[i] * values[i]
    return total, square


@numba.njit(nogil=True, cache=True)
def _extrema(work, flat, at, n, spare):  # type: ignore[no-untyped-def]
    """The least and the greatest of `n` numbers; `at` and `spare`, room for two vectors, are where vectors begin."""
    lanes = lanes_of(work)
    first, last = at // lanes, (at + n) // lanes
    least = most = flat[at]
    for i in range(last * lanes, at + n):
        least, most = min(least, flat[i]), max(most, flat[i])
    if last > first:
        low = high = load(work, first)
        low_2 = high_2 = load(work, last - 1)
        for i in range(first, last - 1, 2):
            one, two = load(work, i), load(work, i + 1)
            low, high, low_2, high_2 = minimum(low, one), maximum(high, one), minimum(low_2, two), maximum(high_2, two)
        store(work, spare // lanes, minimum(low, low_2))
        store(work, spare // lanes + 1, maximum(high, high_2))
        for i in range(lanes):
            least, most = min(least, flat[spare + i]), max(most, flat[spare + lanes + i])
    return least, most


@numba.njit(nogil=True, cache=True)
def _above(values, level):  # type: ignore[no-untyped-def]
    count = np.uint32(0)
    for i in range(values.size):
        count = np.uint32(count + np.uint32(values[i] > level))
    return count
