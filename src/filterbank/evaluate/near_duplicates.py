"""Signals that are nearly copies of each other: scaled, offset, shifted, or with a little noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import fft, sparse, stats
from scipy.sparse import csgraph

from filterbank.errors import invalid
from filterbank.evaluate.spans import windows_of
from filterbank.signals import Dataset, check_finite

__all__ = ["NearDuplicates", "near_duplicates"]

NEIGHBOURS = 20
MAX_SIGNALS = 20_000
"""Above this many signals, distances between all of them would take minutes."""
BANDS = {1: 16, 2: 10, 3: 8}
"""Bands of frequency by number of axes; each is cut in sectors, one for each axis."""
FLOOR = 3e-3  # of the energy: what a little noise adds to empty bands mustn't matter
QUANTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
BLOCK = 512


@dataclass(frozen=True)
class NearDuplicates:
    """What `near_duplicates` found.

    Attributes
    ----------
    pairs : DataFrame
        `first` and `second` (indices, the lower one first), `p` (how probable it is that some signal of the whole set
        has a neighbour as near as that by chance), `correlation` (at the best shift), `shift` (samples along each axis
        by which the second lies later than the first) and `scale` (the second is about `scale` times the first).
        The surest first.
    codes : array of int, (signal,)
        The same number for signals that are linked by pairs; every other signal has its own.
    alarm : float
        The false-alarm rate that was asked for.
    """

    pairs: pd.DataFrame
    codes: np.ndarray
    alarm: float


def near_duplicates(dataset: Dataset, *, alarm: float = 0.01, correlation: float = 0.97) -> NearDuplicates:
    """Find signals that are nearly copies of each other, whatever their scale, offset and (circular) shift.

    Each signal is described by the logarithm of its spectrum in bands and by quantiles of its standardised samples,
    which don't change with scale and offset, and hardly with a shift. Where signals lie evenly in some
    neighbourhood, the share of it that is nearer than a given distance grows with the distance to the power of the
    dimension [1]_, so that it's known how near the nearest of 20 neighbours may come by chance. Who is nearer, after a
    correction for the number of signals, is compared sample by sample at the shift that fits best.
    Overlapping windows of one source aren't compared with each other.

    Parameters
    ----------
    dataset : Dataset
    alarm : float, in (0, 1)
        The false-alarm rate: the share of data sets without any copy in which something may be found, where signals lie
        evenly by their descriptions. They needn't (a few wild spikes, say), and the second step makes up for that: the
        slow tests hold the rate over 1,740 data sets of unrelated noise, walks, coloured noise, tones in noise,
        spikes and textures.
    correlation : float, in (0, 1]
        The least correlation at the best shift.

    Returns
    -------
    NearDuplicates
        Empty for fewer than 12 signals: too few to know how near is unusual.

    Raises
    ------
    InputError
        For more than 20,000 signals, a parameter that makes no sense, or a signal that isn't finite.

    Notes
    -----
    Cost: every signal is read once, and its Fourier transform taken; then quadratic in the number of signals
    (2 s for 3,000).

    References
    ----------
    .. [1] E. Facco, M. d'Errico, A. Rodriguez, A. Laio, Estimating the intrinsic dimension of datasets by a minimal
       neighborhood information, Scientific Reports 7 (2017) 12140.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from filterbank.signals import Dataset, Signals
    >>> X = np.random.default_rng(0).normal(size=(40, 100))
    >>> X[7] = 3 * np.roll(X[2], 5) + 1
    >>> found = near_duplicates(Dataset(Signals.wrap(X), pd.DataFrame(index=range(40))))
    >>> found.pairs[["first", "second", "shift"]].to_dict("records"), f"{found.pairs['scale'][0]:.3f}"
    ([{'first': 2, 'second': 7, 'shift': (5,)}], '3.000')
    """
    for name, value in (("alarm", alarm), ("correlation", correlation)):
        if not 0 < value <= 1 or (name == "alarm" and value == 1):
            raise invalid(name, value, "between 0 and 1")
    n = len(dataset)
    if n > MAX_SIGNALS:
        raise invalid("number of signals", n, f"at most {MAX_SIGNALS}", why="all are compared with all")
    described = np.stack([describe(signal, i) for i, signal in enumerate(dataset.signals)])
    candidates = _unusually_near(described, _forbidden(dataset), alarm)
    rows = []
    for (i, j), p in candidates.items():
        best, shift, scale = align(dataset.signals[i], dataset.signals[j])
        if best >= correlation:
            rows.append({"first": i, "second": j, "p": p, "correlation": best, "shift": shift, "scale": scale})
    columns = ["first", "second", "p", "correlation", "shift", "scale"]
    pairs = pd.DataFrame(rows, columns=columns).sort_values(["p", "first", "second"], kind="stable", ignore_index=True)
    links = sparse.coo_array((np.ones(len(pairs)), (pairs["first"].astype(int), pairs["second"].astype(int))), (n, n))
    _, codes = csgraph.connected_components(links, directed=False)
    return NearDuplicates(pairs, codes, alarm)


def describe(signal: np.ndarray, index: int = 0) -> np.ndarray:
    """Return what of a signal, `(channel, *axes)`, doesn't change with scale, offset or circular shift, `(feature,)`.

    A constant channel gives zeros.
    """
    check_finite(signal, index)
    parts = []
    for channel in np.asarray(signal, dtype=np.float64):
        bands, sectors = _bands(channel.shape)
        centred = channel - channel.mean()
        spread = centred.std()
        if spread <= 1e-12 * max(1.0, float(np.abs(channel).max())):
            parts.append(np.zeros(sectors * BANDS[channel.ndim] + len(QUANTILES)))
            continue
        centred /= spread
        power = np.abs(fft.rfftn(centred)).ravel() ** 2
        n_bands = BANDS[channel.ndim] * sectors
        energy = np.bincount(bands, weights=power, minlength=n_bands + 1)[:n_bands]
        parts.append(np.log(energy / energy.sum() + FLOOR))
        parts.append(np.quantile(centred, QUANTILES))
    return np.concatenate(parts)


_known_bands: dict[tuple[int, ...], np.ndarray] = {}


def _bands(shape: tuple[int, ...]) -> tuple[np.ndarray, int]:
    """The band and sector of each term of `rfftn`, as one number (the mean has the last), and how many sectors."""
    if shape not in _known_bands:
        if len(_known_bands) > 64:
            _known_bands.clear()
        grids = np.meshgrid(*[fft.fftfreq(n) for n in shape[:-1]], fft.rfftfreq(shape[-1]), indexing="ij")
        radius = np.sqrt(sum(g**2 for g in grids)).ravel()
        n = BANDS[len(shape)]
        edges = 0.5 * 2.0 ** (-np.arange(n - 1, 0, -1) / (3 if len(shape) == 1 else 1.5))
        band = np.searchsorted(edges, radius, side="right")
        sector = np.abs(np.stack([g.ravel() for g in grids])).argmax(axis=0)
        numbers = band * len(shape) + sector
        numbers[radius == 0] = n * len(shape)
        _known_bands[shape] = numbers
    return _known_bands[shape], len(shape)


def _forbidden(dataset: Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Where windows lie, if they're windows: overlapping ones aren't compared."""
    if not dataset.is_cut:
        return None
    spans = windows_of(dataset)
    return spans["source"].to_numpy(), spans["start"].to_numpy(), spans["stop"].to_numpy()


def _unusually_near(
    described: np.ndarray, spans: tuple[np.ndarray, np.ndarray, np.ndarray] | None, alarm: float
) -> dict[tuple[int, int], float]:
    """Pairs that are nearer than chance allows, with the corrected probability of that."""
    n = len(described)
    k = min(NEIGHBOURS, (n - 1) // 2)
    if k < 5:
        return {}
    spread = described.std(axis=0)
    scaled = described[:, spread > 1e-9] / spread[spread > 1e-9]
    if not scaled.shape[1]:
        return {}
    near, far = _neighbours(scaled, spans, k)
    usable = np.isfinite(far).all(axis=1) & (far[:, -1] > 0)
    if not usable.any():
        return {}
    half = k // 2
    dimension = _dimensions(near, far, usable)
    found: dict[tuple[int, int], float] = {}
    for i in np.flatnonzero(usable):
        shares = (far[i, :-1] / far[i, -1]) ** dimension[i]
        p = stats.binom.sf(np.arange(k - 1), k - 1, shares) * n
        for rank in np.flatnonzero(p[:half] <= alarm):
            for inner in range(rank + 1):
                j = int(near[i, inner])
                pair = (min(int(i), j), max(int(i), j))
                found[pair] = min(float(p[rank]), found.get(pair, 1.0))
    return found


def _dimensions(near: np.ndarray, far: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """The dimension around each point, from the outer half of its neighbours: copies are among the inner ones.

    It's an average over the point and its neighbours, and nowhere above that over all points, to be cautious.
    """
    k = far.shape[1]
    ranks = np.arange(k // 2 + 1, k)
    logs = np.zeros(len(far))
    logs[usable] = np.log(far[usable, -1:] / np.maximum(far[usable, ranks[0] - 1 : -1], 1e-300)).mean(axis=1)
    # Of points that lie evenly, the mean of log(outermost / other) is this number over the dimension.
    expected = np.mean([(1 / np.arange(rank, k)).sum() for rank in ranks])
    around = np.column_stack([logs, np.where(usable[near], logs[near], logs[:, None])]).mean(axis=1)
    return expected / np.maximum(np.maximum(around, logs[usable].mean()), 1e-12)


def _neighbours(
    points: np.ndarray, spans: tuple[np.ndarray, np.ndarray, np.ndarray] | None, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The `k` nearest allowed points of each, and their distances, infinite where there are too few."""
    n = len(points)
    squares = (points**2).sum(axis=1)
    near = np.empty((n, k), dtype=np.int64)
    far = np.empty((n, k))
    for start in range(0, n, BLOCK):
        rows = np.arange(start, min(n, start + BLOCK))
        distance = squares[rows, None] + squares - 2 * points[rows] @ points.T
        distance[np.arange(len(rows)), rows] = np.inf
        if spans is not None:
            source, first, stop = spans
            same = source[rows, None] == source
            distance[same & (first[rows, None] < stop) & (stop[rows, None] > first)] = np.inf
        chosen = np.argpartition(distance, k - 1, axis=1)[:, :k]
        exact = ((points[chosen] - points[rows, None]) ** 2).sum(axis=2)  # the product loses digits where it's near 0
        exact[~np.isfinite(np.take_along_axis(distance, chosen, axis=1))] = np.inf
        order = np.argsort(exact, axis=1, kind="stable")
        near[rows] = np.take_along_axis(chosen, order, axis=1)
        far[rows] = np.sqrt(np.take_along_axis(exact, order, axis=1))
    return near, far


def align(first: np.ndarray, second: np.ndarray) -> tuple[float, tuple[int, ...], float]:
    """Return the correlation of two signals at the best shift, that shift along each axis, and their scale.

    Parameters
    ----------
    first, second : arrays, (channel, *axes)
        Of one number of channels; a shorter one is compared with each stretch of the longer.

    Returns
    -------
    correlation : float
        From -1 to 1; 0 if channels differ or a signal is constant, or if one is longer along one axis and the other
        along another.
    shift : tuple of int
        By how many samples the second lies later than the first.
    scale : float
        The second is about `scale` times the first.
    """
    nothing = 0.0, (0,) * (first.ndim - 1), float("nan")
    if len(first) != len(second):
        return nothing
    if first.shape == second.shape:
        return _aligned(first, second)
    if all(a <= b for a, b in zip(first.shape, second.shape)):
        return _within(first, second)
    if all(a >= b for a, b in zip(first.shape, second.shape)):
        found, shift, scale = _within(second, first)
        return found, tuple(-s for s in shift), 1 / scale if scale else float("nan")
    return nothing


def _aligned(first: np.ndarray, second: np.ndarray) -> tuple[float, tuple[int, ...], float]:
    """Signals of one shape, one rolled round to fit the other."""
    axes = tuple(range(1, first.ndim))
    a, b = _level(first), _level(second)
    norms = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    if min(norms) == 0:
        return 0.0, (0,) * len(axes), float("nan")
    product = fft.rfftn(a, axes=axes).conj() * fft.rfftn(b, axes=axes)
    cross = fft.irfftn(product.sum(axis=0), s=first.shape[1:])
    at = np.unravel_index(int(cross.argmax()), cross.shape)
    shift = tuple(int(s) if s <= n // 2 else int(s) - n for s, n in zip(at, cross.shape))
    found = min(float(cross[at]) / (norms[0] * norms[1]), _correlation(_clipped(np.roll(a, shift, axes)), _clipped(b)))
    return found, shift, float(cross[at]) / norms[0] ** 2


def _level(signal: np.ndarray) -> np.ndarray:
    """Each channel without its mean."""
    return np.asarray(signal, dtype=np.float64) - np.mean(signal, axis=tuple(range(1, signal.ndim)), keepdims=True)


def _clipped(signal: np.ndarray) -> np.ndarray:
    """Without the extremes, so that a single spike in both makes no copies."""
    limit = 3 * 1.4826 * float(np.median(np.abs(signal)))
    return np.clip(signal, -limit, limit) if limit > 0 else signal


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = _level(a), _level(b)
    norms = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    return float((a * b).sum()) / norms if norms else 0.0


def _within(short: np.ndarray, long: np.ndarray) -> tuple[float, tuple[int, ...], float]:
    """A signal, and the stretch of a longer one that fits it best."""
    from scipy.signal import fftconvolve

    axes = tuple(range(1, short.ndim))
    a, b = _level(short), _level(long)
    size, norm = float(np.prod(short.shape[1:])), float(np.linalg.norm(a))
    box = np.ones(short.shape[1:])
    cross, energy = 0.0, 0.0
    for x, z in zip(a, b):
        cross = cross + fftconvolve(z, x[(slice(None, None, -1),) * x.ndim], mode="valid")
        total = fftconvolve(z, box, mode="valid")
        energy = energy + fftconvolve(z**2, box, mode="valid") - total**2 / size
    enough = energy > 1e-9 * float((b**2).sum())
    if norm == 0 or not np.any(enough):
        return 0.0, (0,) * len(axes), float("nan")
    fit = np.where(enough, cross / np.sqrt(np.where(enough, energy, 1.0)) / norm, -1.0)
    at = np.unravel_index(int(np.argmax(fit)), fit.shape)
    stretch = b[(slice(None), *(slice(o, o + n) for o, n in zip(at, short.shape[1:])))]
    found = min(1.0, float(fit[at]), _correlation(_clipped(a), _clipped(_level(stretch))))
    return found, tuple(int(v) for v in at), float(np.asarray(cross)[at]) / norm**2
