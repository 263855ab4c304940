"""Kernels of low rank over images, as passes along rows and then columns, with the responses pooled as they come."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numba
import numpy as np

from filterbank.kernels.asked import Pooled, check, indices, kernel_sum, positions, states
from filterbank.kernels.factors import factor
from filterbank.kernels.passes import (
    BLOCK_ROWS,
    SLACK_ROWS,
    STRIP_BYTES,
    along_rows,
    block_of_columns,
    count_above,
    cut,
    extrema,
    first_place,
    mix_tiles,
    moduli,
    moments_about,
    scratch,
)

__all__ = ["separable_pool"]

TILE_ROWS = 64  # rows of a strip that are worked on at a time, so that all passes over them stay in the cache


def separable_pool(
    images: Sequence[np.ndarray],
    kernels: Sequence[np.ndarray],
    *,
    lo: Sequence[tuple[int, int]],
    hi: Sequence[tuple[int, int]],
    halo: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0)),
    pad: str | None = None,
    modulus: bool = False,
    want: Sequence[str] = ("mean", "square", "min", "max"),
    thresholds: np.ndarray | None = None,
    tolerance: float = 1e-7,
    exact: bool = False,
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
    want : sequence of {"mean", "square", "min", "max", "position"}
        Either of "mean" and "square" (the sum of squared deviations from the mean) gives both. "position" is that of
        the first maximum, less `lo`, and gives "max" too.
    thresholds : array, (response, threshold), optional
        Count the positions where the response lies above each.
    tolerance : float
        How far a kernel may be off, relative to its norm.
    exact : bool
        Take no mean off the images, so that each response is a function of the samples it sees alone, bit for bit:
        extrema, their positions and counts are those of the image however it is cut.
    n_threads : int
        The result doesn't depend on it, bit for bit.

    Returns
    -------
    dict of arrays
        "count", and of "mean", "square", "min", "max" what is wanted, float64 (image, response); "position", int64
        (image, response, axis); with thresholds "above", (image, response, threshold).

    Notes
    -----
    The work is done in the images' own precision. Each image's mean is taken off first and put back in the results, so
    that neither the responses nor their squares lose digits to a large constant (if `exact`, only the squares don't).
    Responses agree with dense sums to
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
    check(images, kernels, lo, hi, halo, pad, modulus, want, thresholds, n_threads, n_axes=2)
    n_responses = len(kernels) // (1 + modulus)
    dtype = images[0].dtype
    keys = tuple((*k.shape, *map(int, low), *map(int, high)) for k, low, high in zip(kernels, lo, hi))
    samples = tuple(np.asarray(kernel, dtype=np.float64).tobytes() for kernel in kernels)
    plan = _plan(samples, keys, bool(modulus), float(tolerance), dtype)
    levels = np.empty((n_responses, 0)) if thresholds is None else np.asarray(thresholds, dtype=np.float64)
    sums = np.array([kernel_sum(kernel) for kernel in kernels]).reshape(n_responses, 1 + modulus)
    statistics = bool({"mean", "square"} & set(want)), bool({"min", "max"} & set(want)), "position" in want

    def pool_image(image: np.ndarray, run: Any = map) -> Pooled:
        image = np.ascontiguousarray(image)
        shift = image[::8].mean(dtype=np.float64).astype(dtype)  # any number near the mean does
        constants = sums * float(shift)  # what the mean alone would answer
        about = np.hypot(*constants.T) if modulus else constants[:, 0]
        centre = np.zeros(n_responses)
        if exact:
            shift, constants = dtype.type(0), 0 * constants
        else:
            centre, about = about, centre
        shifted = (levels - centre[:, np.newaxis]).astype(dtype)
        at = [indices(n, sides, pad) for n, sides in zip(image.shape, halo)]

        def pool_strips(first: int, last: int) -> tuple[np.ndarray, ...]:
            found = np.empty((last - first, n_responses, 4))
            places = np.empty((last - first, n_responses), dtype=np.int64)
            above = np.zeros((last - first, *levels.shape), dtype=np.int64)
            work = scratch(plan.work, dtype)
            _pool_strips(
                *(image, *at, shift, first, plan.tables, plan.weights, plan.taps, constants.astype(dtype)),
                *(centre.astype(dtype), about.astype(dtype), shifted, work, work.reshape(-1)),
                *(statistics, found, places, above),
            )
            return found, places, above

        n = -(-len(at[1]) * dtype.itemsize // STRIP_BYTES)
        cuts = np.linspace(0, n, 1 + (1 if run is map else min(n_threads, n))).astype(int)
        found, places, above = (np.concatenate(parts) for parts in zip(*run(pool_strips, cuts[:-1], cuts[1:])))
        most = found[..., 3].max(axis=0)
        place = np.where(found[..., 3] == most, places, np.iinfo(np.int64).max).min(axis=0)
        return Pooled(
            found[..., :2].sum(axis=0),
            found[..., 2].min(axis=0),
            most,
            np.stack(np.divmod(place, len(at[1])), axis=-1),
            above.sum(axis=0),
            centre,
            about.astype(dtype).astype(np.float64),
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
    counts = positions(images, kernels, lo, hi, halo).prod(axis=2)[:, :: 1 + modulus]
    return states(pooled, counts, want, thresholds is not None)


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
    about,
    levels,
    work,
    flat,
    statistics,
    states,
    places,
    above,
):
    """Pool the strips from `first` on, as many as `states` has.

    `rows_at` and `columns_at` say where the samples of the padded image are in the image; see `cut`. `tables` are
    groups of kernels of one shape (height, width, lo, hi; then bounds in the next two); blocks of up to 4 passes along
    rows (how many, from which on, where their taps are); clusters (bounds in the next two); products (its pass along
    rows, where its taps are); responses (its number, bounds in the last; the middle one parts real and imaginary);
    terms (its product in the cluster); and the sizes of what `work` holds (`flat` is the same memory): a window of the
    image, the results of passes along rows, and those of passes along columns with room for two responses more.
    """
    groups, blocks, clusters, products, responses, terms, sizes = tables
    wants_moments, wants_extrema, wants_places = statistics
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
                cut(image, below, across_at, shift, flat, across, strip + width - 1)
                for b in range(groups[g, 6], groups[g, 7]):
                    along_rows(
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
                            block_of_columns(
                                work, at + y, strip, strip, taps, products[p, 1], height, work, to + y, strip, 0
                            )
                    for r in range(clusters[c, 2], clusters[c, 3]):
                        k, start, middle, stop = responses[r]
                        if constants.shape[1] == 1 and stop == start + 1 and weights[start] == 1 and n_columns == strip:
                            at = tiles + terms[start, 0] * size
                        else:
                            at = spare
                            mix_tiles(flat, tiles, size, terms, weights, start, middle, n, strip, n_columns, spare)
                        values = flat[at : at + n * n_columns]
                        if constants.shape[1] == 2:
                            mix_tiles(
                                flat, tiles, size, terms, weights, middle, stop, n, strip, n_columns, spare + size
                            )
                            others = flat[spare + size : spare + size + n * n_columns]
                            moduli(values, others, constants[k, 0], constants[k, 1], centre[k])
                        if wants_moments:
                            total, square = moments_about(values, about[k])
                            states[s, k, 0] += total
                            states[s, k, 1] += square
                        if wants_extrema or wants_places:
                            least, most = extrema(work, flat, at, n * n_columns, spare + 2 * size)
                            states[s, k, 2] = min(states[s, k, 2], least)
                            if most > states[s, k, 3]:  # of a strip, the tiles above come first
                                states[s, k, 3] = most
                                if wants_places:
                                    y, x = divmod(first_place(values, most), n_columns)
                                    places[s, k] = (begin + y) * len(columns_at) + left + x
                        for q in range(levels.shape[1]):
                            above[s, k, q] += count_above(values, levels[k, q])
