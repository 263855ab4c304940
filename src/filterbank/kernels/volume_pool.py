"""Kernels of low rank over volumes, as passes along each axis, with the responses pooled as they come."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numba
import numpy as np

from filterbank.errors import InputError
from filterbank.kernels.asked import Pooled, check, indices, kernel_sum, positions, states
from filterbank.kernels.factors import factor_volumes
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
from filterbank.kernels.sharing import share
from filterbank.kernels.simd import fma, lanes_of, load, splat, store

__all__ = ["volume_pool", "volume_responses"]

TILE_PLANES = 32  # planes of responses that are made at a time
RING_BYTES = 2 << 20  # of the planes that are kept for passes along the first axis
ROWS = 16, 64  # least and most rows of a tile
TOGETHER = 24  # products up to which kernels that share some are worked on together
RANGES = 16  # parts of a volume whose sums are kept apart, whatever the number of threads


def volume_pool(
    volumes: Sequence[np.ndarray],
    kernels: Sequence[np.ndarray],
    *,
    lo: Sequence[tuple[int, int, int]],
    hi: Sequence[tuple[int, int, int]],
    halo: Sequence[tuple[int, int]] = ((0, 0), (0, 0), (0, 0)),
    pad: str | None = None,
    modulus: bool = False,
    want: Sequence[str] = ("mean", "square", "min", "max"),
    thresholds: np.ndarray | None = None,
    tolerance: float = 1e-7,
    exact: bool = False,
    n_threads: int = 1,
    kept: dict[Any, Any] | None = None,
) -> dict[str, np.ndarray]:
    """Convolve volumes with kernels of low rank and pool each response, which is never written out.

    Response `r` at `(z, y, x)` is the sum of `kernels[r][i, j, k] * volume[z + depth - 1 - i, y + height - 1 - j,
    x + width - 1 - k]`, at the positions from `lo[r]` to `volume.shape - kernels[r].shape - hi[r]`, both included. Work
    grows with the kernels' rank (see `factor_volumes`, `volume_flops`): a kernel that isn't of low rank is done
    rightly, but slowly.

    Parameters
    ----------
    volumes : sequence of arrays, (depth, height, width)
        All float32 or all float64, finite, of any sizes.
    kernels : sequence of real arrays, (depth, height, width)
    lo, hi : sequence of (int, int, int)
        For each kernel, how many positions of the padded volume are left out at the start and at the end of each axis.
    halo : three of (before, after), optional
        With `pad`, by how many samples each axis goes on beyond its ends; no padded copy is made.
    pad : {"reflect", "symmetric", "edge", "wrap", "zero"}, optional
    modulus : bool
        Kernels come in pairs of one shape (and `lo`, `hi`), and a response is `sqrt(first**2 + second**2)`.
    want : sequence of {"mean", "square", "min", "max", "position"}
        As for `separable_pool`.
    thresholds : array, (response, threshold), optional
        Count the positions where the response lies above each.
    tolerance : float
        How far a kernel may be off, relative to its norm.
    exact : bool
        Take no mean off the volumes, so that each response is a function of the samples it sees alone, bit for bit:
        extrema, their positions and counts are those of the volume however it is cut.
    n_threads : int
        The result doesn't depend on it, bit for bit.
    kept : dict, optional
        Where the plan is kept from one call to the next with the same kernels.

    Returns
    -------
    dict of arrays
        As of `separable_pool`, with a volume in place of an image.

    Notes
    -----
    A tile of a volume, 128 bytes wide and up to 64 rows high, is gone through from the first plane to the last. Of each
    plane, passes along rows and then columns are made, and what comes of them is kept for as many planes as kernels are
    deep, which passes along the first axis then turn into responses. Precision is as in `separable_pool`. Extra memory
    is some 3 MiB a thread, whatever the size of the volumes and the number of kernels; more only for kernels beyond 63
    samples or of rank 10.

    Examples
    --------
    >>> import numpy as np
    >>> volume = np.arange(60.0).reshape(3, 4, 5)
    >>> box = [np.ones((2, 2, 2)) / 8]
    >>> pooled = volume_pool([volume], box, lo=[(0, 0, 0)], hi=[(0, 0, 0)], want=["mean", "max", "position"])
    >>> pooled["count"].item(), pooled["mean"].round(9).item(), pooled["position"].tolist()
    (24.0, 29.5, [[[1, 2, 3]]])
    """
    volumes = [np.asarray(volume) for volume in volumes]
    kernels = [np.asarray(kernel) for kernel in kernels]
    halo = [(before, after) for before, after in halo] if pad else [(0, 0)] * 3
    check(volumes, kernels, lo, hi, halo, pad, modulus, want, thresholds, n_threads, n_axes=3)
    n_responses = len(kernels) // (1 + modulus)
    dtype = volumes[0].dtype
    plan = _plan(kernels, lo, hi, bool(modulus), tolerance, dtype, kept)
    levels = np.empty((n_responses, 0)) if thresholds is None else np.asarray(thresholds, dtype=np.float64)
    sums = np.array([kernel_sum(kernel) for kernel in kernels]).reshape(n_responses, 1 + modulus)
    statistics = bool({"mean", "square"} & set(want)), bool({"min", "max"} & set(want)), "position" in want

    def pool_volume(volume: np.ndarray) -> Pooled:
        volume = np.ascontiguousarray(volume)
        shift = volume[::4].mean(dtype=np.float64).astype(dtype)  # any number near the mean does
        constants = sums * float(shift)  # what the mean alone would answer
        about = np.hypot(*constants.T) if modulus else constants[:, 0]
        centre = np.zeros(n_responses)
        if exact:
            shift, constants = dtype.type(0), 0 * constants
        else:
            centre, about = about, centre
        shifted = (levels - centre[:, np.newaxis]).astype(dtype)
        at = [indices(n, sides, pad) for n, sides in zip(volume.shape, halo)]
        layouts, tasks, size = _layout(plan, tuple(map(len, at)), dtype)
        found = np.tile([0.0, 0.0, np.inf, -np.inf], (RANGES, n_responses, 1))
        places = np.zeros((RANGES, n_responses), dtype=np.int64)
        above = np.zeros((RANGES, *levels.shape), dtype=np.int64)

        def pool_tiles(own: np.ndarray) -> None:
            work = scratch(size, dtype)
            _pool_tiles(
                *(volume, *at, shift, own, plan.tables, layouts, plan.weights, plan.taps, constants.astype(dtype)),
                *(centre.astype(dtype), about.astype(dtype), shifted, work, work.reshape(-1)),
                *(statistics, found, places, above, np.empty((0, 0, 0, 0), dtype)),
            )

        n_parts = 1 if n_threads == 1 else min(4 * n_threads, len(tasks))
        share(pool_tiles, [(np.ascontiguousarray(tasks[i::n_parts]),) for i in range(n_parts)], n_threads)
        most = found[..., 3].max(axis=0)
        place = np.where(found[..., 3] == most, places, np.iinfo(np.int64).max).min(axis=0)
        return Pooled(
            found[..., :2].sum(axis=0),
            found[..., 2].min(axis=0),
            most,
            np.stack(np.unravel_index(place, tuple(map(len, at))), axis=-1),
            above.sum(axis=0),
            centre,
            about.astype(dtype).astype(np.float64),
        )

    counts = positions(volumes, kernels, lo, hi, halo).prod(axis=2)[:, :: 1 + modulus]
    return states([pool_volume(volume) for volume in volumes], counts, want, thresholds is not None)


def volume_responses(
    volume: np.ndarray,
    kernels: Sequence[np.ndarray],
    *,
    lo: Sequence[tuple[int, int, int]],
    hi: Sequence[tuple[int, int, int]],
    tolerance: float = 1e-7,
    kept: dict[Any, Any] | None = None,
) -> np.ndarray:
    """Convolve a volume with kernels of low rank and write the responses out.

    Parameters
    ----------
    volume : array, (depth, height, width)
        float32 or float64.
    kernels, lo, hi, tolerance, kept
        As for `volume_pool`; all responses must have the same number of positions.

    Returns
    -------
    array, (kernel, *positions), of the volume's dtype
        Each is a function of the samples it sees alone, bit for bit.

    Examples
    --------
    >>> import numpy as np
    >>> volume_responses(np.arange(8.0).reshape(2, 2, 2), [np.ones((2, 2, 2))], lo=[(0, 0, 0)], hi=[(0, 0, 0)]).round(9)
    array([[[[28.]]]])
    """
    volume, kernels = np.ascontiguousarray(volume), [np.asarray(kernel) for kernel in kernels]
    check([volume], kernels, lo, hi, [(0, 0)] * 3, None, False, (), None, 1, n_axes=3)
    counts = positions([volume], kernels, lo, hi, [(0, 0)] * 3)[0]
    if (counts != counts[0]).any():
        raise InputError(f"responses have {counts.tolist()} positions, and all must have as many.")
    dtype, n = volume.dtype, len(kernels)
    plan = _plan(kernels, lo, hi, False, tolerance, dtype, kept)
    layouts, tasks, size = _layout(plan, volume.shape, dtype)
    out, work, none = np.empty((n, *counts[0]), dtype), scratch(size, dtype), np.zeros(n, dtype)
    _pool_tiles(
        *(volume, *(indices(length, (0, 0), None) for length in volume.shape), dtype.type(0), tasks, plan.tables),
        *(layouts, plan.weights, plan.taps, none[:, np.newaxis], none, none, np.empty((n, 0), dtype)),
        *(work, work.reshape(-1), (False, False, False), np.empty((RANGES, n, 4)), np.empty((RANGES, n), np.int64)),
        *(np.empty((RANGES, n, 0), np.int64), out),
    )
    return out


class _Plan(NamedTuple):
    """What the compiled loop works through: tables of integers (see `_pool_tiles`), and taps and weights."""

    tables: tuple[np.ndarray, ...]
    weights: np.ndarray
    taps: np.ndarray


class _Tables:
    """Rows of integers under way, and the taps and weights that they point to."""

    def __init__(self) -> None:
        names = ("groups", "clusters", "blocks", "products", "planes", "subs", "deep", "responses", "terms")
        self.rows: dict[str, list[tuple[int, ...]]] = {name: [] for name in names}
        self.taps: list[np.ndarray] = []
        self.weights: list[float] = []
        self.n_taps = 0

    def add(self, name: str, *numbers: int) -> None:
        self.rows[name].append(numbers)

    def count(self, *names: str) -> tuple[int, ...]:
        return tuple(len(self.rows[name]) for name in names)

    def add_taps(self, taps: np.ndarray) -> int:
        """Where they begin."""
        self.taps.append(taps.ravel())
        self.n_taps += taps.size
        return self.n_taps - taps.size

    def add_terms(self, row: np.ndarray, place: dict[int, int]) -> int:
        """A sum's terms, which of them by `place`; where they end."""
        for p in np.flatnonzero(row).tolist():
            self.add("terms", place[p])
            self.weights.append(float(row[p]))
        return len(self.weights)


def _plan(
    kernels: Sequence[np.ndarray],
    lo: Sequence[tuple[int, int, int]],
    hi: Sequence[tuple[int, int, int]],
    modulus: bool,
    tolerance: float,
    dtype: np.dtype,
    kept: dict[Any, Any] | None,
) -> _Plan:
    """The plan, if it isn't kept."""
    kept = {} if kept is None else kept
    key = "volume plan", tuple(map(tuple, lo)), tuple(map(tuple, hi)), modulus, tolerance, dtype
    if key not in kept:
        kept[key] = _made_plan(kernels, lo, hi, modulus, tolerance, dtype)
    return kept[key]


def _made_plan(
    kernels: Sequence[np.ndarray],
    lo: Sequence[tuple[int, int, int]],
    hi: Sequence[tuple[int, int, int]],
    modulus: bool,
    tolerance: float,
    dtype: np.dtype,
) -> _Plan:
    """Factor the kernels of each shape, lo and hi, and put the passes in order."""
    alike: dict[tuple[int, ...], list[int]] = {}
    for k, (kernel, low, high) in enumerate(zip(kernels, lo, hi)):
        alike.setdefault((*kernel.shape, *map(int, low), *map(int, high)), []).append(k)
    tables, step = _Tables(), 1 + modulus
    for key, members in alike.items():
        found = factor_volumes([kernels[k] for k in members], tolerance=tolerance)
        flat = found.planes
        tables.add("groups", *key)
        deep_of = [np.flatnonzero(found.mix[k : k + step].any(axis=0)).tolist() for k in range(0, len(members), step)]
        planes_of = [sorted(set(found.plane_of[own].tolist())) for own in deep_of]
        products_of = [np.flatnonzero(flat.mix[own].any(axis=0)).tolist() for own in planes_of]
        for products, chosen in _together(products_of):
            rows = sorted(set(flat.row_of[products].tolist()))
            planes = sorted(set().union(*(planes_of[r] for r in chosen)))
            begin = tables.count("blocks", "products", "planes", "subs")
            for i in range(0, len(rows), 4):
                some = rows[i : i + 4]
                tables.add("blocks", len(some), i, tables.add_taps(flat.rows[some, ::-1].T))
            users = (flat.mix[planes] != 0).sum(axis=0)
            alone = {p: q for q, p in _unmixed(flat.mix[planes]) if users[p] == 1}
            for p in products:
                taps = tables.add_taps(flat.columns[p, ::-1])
                tables.add("products", rows.index(flat.row_of[p]), taps, alone.get(p, -1))
            place = {p: i for i, p in enumerate(products)}
            for q, plane in enumerate(planes):
                start = len(tables.weights)
                direct = q in alone.values()
                tables.add("planes", start, start if direct else tables.add_terms(flat.mix[plane], place))
            for deep, own in _together([deep_of[r] for r in chosen]):
                first, place = tables.count("deep", "responses"), {d: i for i, d in enumerate(deep)}
                for d in deep:
                    tables.add("deep", planes.index(found.plane_of[d]), tables.add_taps(found.columns[d, ::-1]))
                for r in (chosen[i] for i in own):
                    bounds = [len(tables.weights)]
                    bounds += [tables.add_terms(found.mix[r * step + part], place) for part in range(step)]
                    tables.add("responses", members[r * step] // step, bounds[0], bounds[1], bounds[-1])
                end = tables.count("deep", "responses")
                tables.add("subs", first[0], end[0], first[1], end[1])
            end = tables.count("blocks", "products", "planes", "subs")
            bounds = [n for both in zip(begin, end) for n in both]
            tables.add("clusters", len(tables.rows["groups"]) - 1, len(rows), *bounds)
    integers = [np.array(rows, dtype=np.int64).reshape(len(rows), -1) for rows in tables.rows.values()]
    integers = [table if table.size else np.zeros((0, 1), np.int64) for table in integers]
    all_taps = np.concatenate([np.zeros(0), *tables.taps])
    return _Plan(tuple(integers), np.array(tables.weights, dtype=dtype), all_taps.astype(dtype))


def _unmixed(mix: np.ndarray) -> list[tuple[int, int]]:
    """The rows that are one product as it is, and which."""
    return [
        (q, p)
        for q, row in enumerate(mix)
        for p in np.flatnonzero(row).tolist()
        if row[p] == 1 and (row != 0).sum() == 1
    ]


def _together(needs: Sequence[Sequence[int]]) -> list[tuple[list[int], list[int]]]:
    """Put those that share some of their needs together, while these aren't too many: needs and members of each set."""
    sets: list[tuple[set[int], list[int]]] = []
    for i, own in enumerate(needs):
        united, members = set(own), [i]
        apart = []
        for other in sets:
            if other[0] & united and len(other[0] | united) <= TOGETHER:
                united, members = other[0] | united, other[1] + members
            else:
                apart.append(other)
        sets = [*apart, (united, members)]
    return [(sorted(united), members) for united, members in sets]


def _layout(plan: _Plan, counts: tuple[int, ...], dtype: np.dtype) -> tuple[np.ndarray, np.ndarray, int]:
    """Return where each cluster has what in the scratch memory, what tiles are to be done, and the memory's size."""
    groups, clusters, *_, subs, _, _, _ = plan.tables
    strip = STRIP_BYTES // dtype.itemsize
    layouts, tasks, most = [], [], 0
    for c, (g, n_rows, _, _, p0, p1, q0, q1, s0, s1) in enumerate(clusters.tolist()):
        depth, height, width = groups[g, :3].tolist()
        n_planes, n_lines, n_columns = (counts - groups[g].reshape(3, 3).sum(axis=0) + 1).tolist()
        tile_planes = min(TILE_PLANES, _whole(n_planes, BLOCK_ROWS))
        length = tile_planes + depth - 1
        rows = RING_BYTES // (max(q1 - q0, 1) * length * STRIP_BYTES)
        rows = min(max(rows // BLOCK_ROWS * BLOCK_ROWS, ROWS[0]), ROWS[1])
        tile_rows = _whole(-(-n_lines // -(-n_lines // rows)), BLOCK_ROWS)
        across = _whole(strip + width - 1, strip)
        buffer = (tile_rows + height - 1 + SLACK_ROWS) * strip
        buffers = buffer // strip * across
        tiles = buffers + n_rows * buffer
        rings = tiles + (p1 - p0) * tile_rows * strip
        deep = rings + (q1 - q0) * tile_rows * length * strip
        spare = deep + int((subs[s0:s1, 1] - subs[s0:s1, 0]).max(initial=0)) * tile_planes * strip
        n_strips = -(-n_columns // strip)
        layouts.append((tile_rows, tile_planes, n_strips, across, buffers, buffer, tiles, rings, length, deep, spare))
        most = max(most, spare + (2 * tile_planes + 1) * strip)
        n_tiles = n_strips * -(-n_lines // tile_rows)
        cuts = np.linspace(0, n_tiles, 1 + min(RANGES, n_tiles)).astype(int).tolist()
        tasks += [(c, first, last, i) for i, (first, last) in enumerate(itertools.pairwise(cuts))]
    return np.array(layouts, dtype=np.int64), np.array(tasks, dtype=np.int64), most


def _whole(n: int, step: int) -> int:
    """The next multiple."""
    return -(-int(n) // step) * step


@numba.njit(nogil=True, cache=True)
def _pool_tiles(  # type: ignore[no-untyped-def]
    volume,
    planes_at,
    rows_at,
    columns_at,
    shift,
    tasks,
    tables,
    layouts,
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
    out,
):
    """Do the tasks: of a cluster the tiles from one to another, pooled in a row of `states`, or written to `out`.

    `planes_at`, `rows_at` and `columns_at` say where the samples of the padded volume are in the volume; see `cut`.
    `tables` are groups of kernels of one shape (shape, lo, hi); clusters (their group, the number of passes along
    rows, bounds in the next four); blocks of up to 4 passes along rows (how many, from which on, where their taps are);
    products (its pass along rows, where its taps are, the plane that it is as it is, or -1); planes (bounds in the
    terms); sets of responses (bounds in the next two); passes along the first axis (its plane, where its taps are);
    responses (its number, bounds in the terms; the middle one parts real and imaginary); and terms. `layouts` say for
    each cluster what `_layout` does; `flat` is the same memory as `work`.
    """
    groups, clusters, blocks, products, planes, subs, deep, responses, terms = tables
    wants_moments, wants_extrema, wants_places = statistics
    strip = STRIP_BYTES // volume.itemsize
    for t in range(len(tasks)):
        c, row = tasks[t, 0], tasks[t, 3]
        group = groups[clusters[c, 0]]
        depth, height, width, low_z, low_y, low_x = group[0], group[1], group[2], group[3], group[4], group[5]
        n_planes = len(planes_at) - depth + 1 - low_z - group[6]
        n_rows = len(rows_at) - height + 1 - low_y - group[7]
        n_all_columns = len(columns_at) - width + 1 - low_x - group[8]
        tile_rows, tile_planes, n_strips, across = layouts[c, 0], layouts[c, 1], layouts[c, 2], layouts[c, 3]
        buffers, buffer, tiles, rings = layouts[c, 4], layouts[c, 5], layouts[c, 6], layouts[c, 7]
        length, passed, spare = layouts[c, 8], layouts[c, 9], layouts[c, 10]
        ring, size = tile_rows * length * strip, tile_planes * strip
        for item in range(tasks[t, 1], tasks[t, 2]):
            top, left = item // n_strips * tile_rows, item % n_strips * strip
            here, n_columns = min(tile_rows, n_rows - top), min(strip, n_all_columns - left)
            own_rows = rows_at[low_y + top : low_y + top + here + height - 1]
            own_columns = columns_at[low_x + left : low_x + left + strip + width - 1]
            for begin in range(0, n_planes, tile_planes):
                n = min(tile_planes, n_planes - begin)
                keep = depth - 1 if begin else 0  # planes that are there from before
                for q in range(clusters[c, 7] - clusters[c, 6] if keep else 0):
                    for y in range(here):
                        to = rings + q * ring + y * length * strip
                        for i in range(to, to + keep * strip):
                            flat[i] = flat[i + size]
                for z in range(keep, n + depth - 1):
                    plane = planes_at[low_z + begin + z]
                    if plane < 0:
                        flat[: (here + height - 1) * across] = -shift
                    else:
                        cut(volume[plane], own_rows, own_columns, shift, flat, across, strip + width - 1)
                    for b in range(clusters[c, 2], clusters[c, 3]):
                        to = buffers + blocks[b, 1] * buffer
                        along_rows(
                            *(work, flat, across, taps, blocks[b, 2], width, blocks[b, 0]),
                            *(to, strip, buffer, 0, here + height - 1, 0),
                        )
                    for p in range(clusters[c, 4], clusters[c, 5]):
                        at, to, step = buffers + products[p, 0] * buffer, tiles, strip
                        if products[p, 2] >= 0:
                            to, step = rings + products[p, 2] * ring + z * strip, length * strip
                        else:
                            to += (p - clusters[c, 4]) * tile_rows * strip
                        for y in range(0, here, BLOCK_ROWS):
                            block_of_columns(
                                *(work, at + y * strip, strip, strip, taps, products[p, 1], height),
                                *(work, to + y * step, step, 0),
                            )
                    for q in range(clusters[c, 6], clusters[c, 7]):
                        if planes[q, 1] > planes[q, 0]:
                            to = rings + (q - clusters[c, 6]) * ring + z * strip
                            _mix_plane(
                                *(work, tiles, tile_rows * strip, terms, weights, planes[q, 0], planes[q, 1]),
                                *(here, strip, to, length * strip),
                            )
                for y in range(here):
                    for s in range(clusters[c, 8], clusters[c, 9]):
                        for d in range(subs[s, 0], subs[s, 1]):
                            at = rings + deep[d, 0] * ring + y * length * strip
                            to = passed + (d - subs[s, 0]) * size
                            for z in range(0, n * strip, BLOCK_ROWS * strip):
                                block_of_columns(
                                    work, at + z, strip, strip, taps, deep[d, 1], depth, work, to + z, strip, 0
                                )
                        for r in range(subs[s, 2], subs[s, 3]):
                            k, start, middle, stop = responses[r]
                            if (
                                constants.shape[1] == 1
                                and stop == start + 1
                                and weights[start] == 1
                                and n_columns == strip
                            ):
                                at = passed + terms[start, 0] * size
                            else:
                                at = spare
                                mix_tiles(flat, passed, size, terms, weights, start, middle, n, strip, n_columns, at)
                            values = flat[at : at + n * n_columns]
                            if constants.shape[1] == 2:
                                to = spare + size
                                mix_tiles(flat, passed, size, terms, weights, middle, stop, n, strip, n_columns, to)
                                others = flat[to : to + n * n_columns]
                                moduli(values, others, constants[k, 0], constants[k, 1], centre[k])
                            if wants_moments:
                                total, square = moments_about(values, about[k])
                                states[row, k, 0] += total
                                states[row, k, 1] += square
                            if wants_extrema or wants_places:
                                least, most = extrema(work, flat, at, n * n_columns, spare + 2 * size)
                                states[row, k, 2] = min(states[row, k, 2], least)
                                if wants_places and most >= states[row, k, 3]:
                                    z, x = divmod(first_place(values, most), n_columns)
                                    place = ((begin + z) * len(rows_at) + top + y) * len(columns_at) + left + x
                                    if most > states[row, k, 3] or place < places[row, k]:
                                        places[row, k] = place
                                states[row, k, 3] = max(states[row, k, 3], most)
                            if len(out):
                                for z in range(n):
                                    line = out[k, begin + z, top + y, left : left + n_columns]
                                    for x in range(n_columns):
                                        line[x] = values[z * n_columns + x]
                            for q in range(levels.shape[1]):
                                above[row, k, q] += count_above(values, levels[k, q])


@numba.njit(nogil=True, cache=True)
def _mix_plane(work, tiles, size, terms, weights, start, stop, n, strip, to, step):  # type: ignore[no-untyped-def]
    """Add up a plane of tiles, row by row."""
    lanes = lanes_of(work)
    for y in range(n):
        for x in range(0, strip, lanes):
            at = tiles + y * strip + x
            total = load(work, (at + terms[start, 0] * size) // lanes) * splat(work, weights[start])
            for i in range(start + 1, stop):
                total = fma(load(work, (at + terms[i, 0] * size) // lanes), splat(work, weights[i]), total)
            store(work, (to + y * step + x) // lanes, total)
