"""Key points: where a signal has blobs, of which size and turned which way, and descriptors of what is there."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from filterbank.banks import Bank
from filterbank.engine import check_signal
from filterbank.errors import InputError, invalid
from filterbank.signals import SignalInfo, as_signal

__all__ = ["KeyPoints", "describe", "find_keypoints", "patches"]

ASSUMED_SIGMA = 0.5  # samples: how much a signal is smoothed already by having been sampled
NEAREST = 0.6  # samples between an extremum and its sample: more than half, or it might go to and fro
STEPS = 5  # moves to a neighbouring sample in search of an extremum's place
ORIENTATION_BINS = 36
ORIENTATION_SIGMA = 1.5  # of the window around a key point, in its scale
MOST_ORIENTATIONS = 4  # of a point: where gradients point anywhere, all peaks are about equal
OTHER_PEAKS = 0.8  # of the highest peak: orientations that get a key point of their own
SPACING = 0.75  # of a point's scale: makes a descriptor's cells of 4 samples 3 scales wide, as in Lowe's paper


@dataclass(frozen=True)
class KeyPoints:
    """Places in one signal, the strongest first.

    Parameters
    ----------
    positions : array, (point, axis)
        In samples, not whole ones.
    scales : array, (point,)
        Sigma of the Gaussian, in samples, at which a point was found; a blob in an image has about the radius
        `sqrt(2)` times that.
    orientations : array, (point,)
        Of the gradients around, in radians from the last axis toward the one before; 0 with one and three axes.
    strengths : array, (point,)
        What was the largest there: the modulus of the difference, or the determinant.

    Examples
    --------
    >>> import numpy as np
    >>> points = KeyPoints(np.array([[3.0, 4.0]]), np.array([2.0]), np.array([0.0]), np.array([0.1]))
    >>> len(points), points[:0].positions.shape
    (1, (0, 2))
    """

    positions: np.ndarray
    scales: np.ndarray
    orientations: np.ndarray
    strengths: np.ndarray

    def __len__(self) -> int:
        return len(self.scales)

    def __getitem__(self, key: Any) -> KeyPoints:
        if isinstance(key, (int, np.integer)):
            key = [key]
        return KeyPoints(self.positions[key], self.scales[key], self.orientations[key], self.strengths[key])


def find_keypoints(
    signal: np.ndarray,
    *,
    n_axes: int = 2,
    method: str = "difference",
    sigma: float = 1.6,
    per_octave: int = 3,
    n_octaves: int | None = None,
    threshold: float = 0.015,
    edge: float = 10.0,
    oriented: bool = True,
    max_points: int | None = None,
) -> KeyPoints:
    """Find the extrema of a scale space: blobs of any size, to a fraction of a sample.

    Parameters
    ----------
    signal : array, (*axes) or (channel, *axes)
        Of several channels the mean is taken.
    n_axes : {1, 2, 3}
    method : {"difference", "determinant"}
        "difference": extrema of the difference of two Gaussians, as in SIFT. "determinant": maxima of the determinant
        of the Hessian, as in SURF, where all second derivatives have one sign; fewer points, and none along edges.
    sigma : float
        The finest scale, in samples; at least 0.8.
    per_octave : int
        Scales in an octave.
    n_octaves : int, optional
        None: as many as leave eight samples along the shortest axis.
    threshold : float
        Weaker points are left out. It is a share of the signal's range; for "determinant" of that to the power of the
        number of axes.
    edge : float
        With two or three axes: points at which one curvature is so many times another are left out; they can slide
        along an edge.
    oriented : bool
        With two axes: give a point the orientation of the gradients around it; where there are two about equally
        strong, there are two points; at most four.
    max_points : int, optional
        The strongest so many.

    Returns
    -------
    KeyPoints

    Raises
    ------
    InputError
        For a signal with NaN, or a parameter out of its range.

    Notes
    -----
    Cost: linear in the number of samples; memory, about `8 * per_octave` copies of the signal with two axes.

    References
    ----------
    Lowe, Int. J. Computer Vision 60(2), 2004, sections 3 to 5; Lindeberg, Int. J. Computer Vision 30(2), 1998; Bay et
    al., Computer Vision and Image Understanding 110(3), 2008.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:64, :64]
    >>> blob = np.exp(-((x - 40.3) ** 2 + (y - 20) ** 2) / (2 * 4.0**2))
    >>> points = find_keypoints(blob, oriented=False)
    >>> points.positions.round(1) + 0.0, points.scales.round(1)
    (array([[20. , 40.3]]), array([4.]))
    """
    for name, count in (("per_octave", per_octave), ("n_octaves", n_octaves), ("max_points", max_points)):
        if count is not None and (count < 1 or count != int(count)):
            raise invalid(name, count, "a whole number, 1 or more")
    if method not in ("difference", "determinant"):
        raise invalid("method", method, "'difference' or 'determinant'")
    if not (math.isfinite(sigma) and sigma >= 0.8):
        raise invalid("sigma", sigma, "at least 0.8 samples", why="finer scales can't be told apart")
    if not threshold >= 0:
        raise invalid("threshold", threshold, "0 or a positive number")
    if not edge >= 1:
        raise invalid("edge", edge, "a number of at least 1")
    image = _single(signal, n_axes)
    span = float(np.ptp(image))
    image = (image - image.min()) / (span or 1.0)
    room = int(math.log2(max(1, min(image.shape)) / 8)) + 1 if min(image.shape) >= 8 else 0
    n = room if n_octaves is None else min(int(n_octaves), room)
    # the difference of two Gaussians is as large as a Laplacian's response at a scale between the two
    between = math.sqrt((1 + 2.0 ** (2 / per_octave)) / 2) if method == "difference" else 1.0
    rows: list[tuple[Any, ...]] = []
    base = _smoothed(image, math.sqrt(sigma**2 - ASSUMED_SIGMA**2))
    for octave in range(n):
        levels = _levels(base, sigma, per_octave, 3 if method == "difference" else 2)
        sigmas = sigma * 2.0 ** (np.arange(len(levels)) / per_octave)
        space = levels[1:] - levels[:-1] if method == "difference" else _determinants(levels, sigmas)
        weakest = threshold if method == "difference" else threshold**n_axes
        for at, place, value in _extrema(space, weakest, signed=method == "difference"):
            level = levels[at[0]]
            hessian = _hessian(level, at[1:])
            curvatures = np.linalg.eigvalsh(hessian)
            if n_axes > 1 and np.abs(curvatures).max() > edge * np.abs(curvatures).min():
                continue
            if (n_axes > 1 or method == "determinant") and not (np.all(curvatures > 0) or np.all(curvatures < 0)):
                continue
            scale = sigma * between * 2.0 ** (place[0] / per_octave)
            turns = [0.0]
            if oriented and n_axes == 2:
                turns = _orientations(levels[min(round(place[0]), len(levels) - 1)], place[1:], scale)
            rows += [(place[1:] * 2**octave, scale * 2**octave, turn, value) for turn in turns]
        base = levels[per_octave][(slice(None, None, 2),) * n_axes]
    rows.sort(key=lambda row: (-row[3], *row[0].tolist(), row[1], row[2]))
    rows = rows[:max_points]
    return KeyPoints(
        np.array([row[0] for row in rows]).reshape(-1, n_axes),
        np.array([row[1] for row in rows], dtype=float),
        np.array([row[2] for row in rows], dtype=float),
        np.array([row[3] for row in rows], dtype=float) * (span if method == "difference" else span**n_axes),
    )


def patches(
    signal: np.ndarray, points: KeyPoints, *, size: int, spacing: float = SPACING, n_axes: int | None = None
) -> np.ndarray:
    """Cut out what lies around key points, turned upright and of one scale.

    Parameters
    ----------
    signal : array, (*axes) or (channel, *axes)
    points : KeyPoints
    size : int
        Samples of a patch along each axis. Its middle, or of two middles the first, is the point.
    spacing : float
        Samples of a patch are so many times the point's scale apart.
    n_axes : int, optional
        The number of axes of `points`, if not given.

    Returns
    -------
    array, (point, channel, *size)
        The signal, smoothed to the spacing of each patch and interpolated linearly; it goes on beyond its ends by
        reflection.

    Examples
    --------
    >>> import numpy as np
    >>> points = KeyPoints(np.array([[8.0, 8.0]]), np.array([2.0]), np.array([0.0]), np.array([1.0]))
    >>> patches(np.eye(16), points, size=5).shape
    (1, 1, 5, 5)
    """
    from scipy.ndimage import map_coordinates

    d = points.positions.shape[1] if n_axes is None else n_axes
    if points.positions.shape[1] != d:
        raise InputError(f"the points have {points.positions.shape[1]} axes and the signal {d}.")
    if size < 1 or size != int(size):
        raise invalid("size", size, "a whole number, 1 or more")
    if not (math.isfinite(spacing) and spacing > 0):
        raise invalid("spacing", spacing, "a positive number of scales")
    array = as_signal(signal, d)
    check_signal(array, 0, len(array))
    out = np.empty((len(points), len(array), *(int(size),) * d), array.dtype)
    offsets = np.stack(np.meshgrid(*[np.arange(int(size)) - (int(size) - 1) // 2] * d, indexing="ij")).astype(float)
    steps = points.scales * spacing
    octave = np.round(4 * np.log2(np.maximum(steps, ASSUMED_SIGMA)))  # points of about one scale share the smoothing
    for one in np.unique(octave):
        blur = ASSUMED_SIGMA * 2.0 ** (one / 4)
        smooth = [_smoothed(c, math.sqrt(max(blur**2 - ASSUMED_SIGMA**2, 0.0))) for c in array]
        for i in np.flatnonzero(octave == one):
            turned = offsets
            if d == 2:
                cos, sin = math.cos(points.orientations[i]), math.sin(points.orientations[i])
                turned = np.stack([cos * offsets[0] + sin * offsets[1], -sin * offsets[0] + cos * offsets[1]])
            where = turned * steps[i] + points.positions[i].reshape(-1, *(1,) * d)
            for c, channel in enumerate(smooth):
                out[i, c] = map_coordinates(channel, where, order=1, mode="mirror")
    return out


def describe(signal: np.ndarray, points: KeyPoints, bank: Bank, *, spacing: float = SPACING) -> np.ndarray:
    """Return a bank's responses at key points, as if each were upright and of one scale.

    Parameters
    ----------
    signal : array, (*axes) or (channel, *axes)
    points : KeyPoints
    bank : Bank
        Such as `SiftBank`, `HaarSumsBank`, or `JetBank` of Gabor filters; not prepared. Its hop and padding make no
        difference.
    spacing : float
        The bank's samples are so many times a point's scale apart. With 0.75 the cells of `SiftBank(bin_size=4)` are
        three scales wide, as in Lowe's paper.

    Returns
    -------
    array, (point, response)
        In the order of the points.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import SiftBank
    >>> image = np.random.default_rng(0).random((120, 120))
    >>> points = find_keypoints(image, max_points=4)
    >>> describe(image, points, SiftBank()).shape
    (4, 128)
    """
    array = as_signal(signal, bank.n_axes)
    prepared = bank.prepare(SignalInfo(bank.n_axes, len(array), None), np.random.default_rng(0))
    n_responses = len(prepared.response_table())
    halo = prepared.geometry.halo
    before, after = max(b for b, _ in halo), max(a for _, a in halo)
    size = 2 * max(before, after) + 1
    found = patches(array, points, size=size, spacing=spacing, n_axes=bank.n_axes)
    middle = size // 2
    out = np.empty((len(points), n_responses), array.dtype)
    for i, patch in enumerate(found):
        seen = patch[(slice(None), *(slice(middle - b, middle + a + 1) for b, a in halo))]
        out[i] = prepared(np.ascontiguousarray(seen)).reshape(n_responses)
    return out


def _single(signal: np.ndarray, n_axes: int) -> np.ndarray:
    """The mean of a signal's channels, in double precision."""
    if n_axes not in (1, 2, 3):
        raise invalid("n_axes", n_axes, "1, 2 or 3")
    array = as_signal(signal, n_axes)
    check_signal(array, 0, len(array))
    return array.mean(axis=0, dtype=np.float64)


def _smoothed(image: np.ndarray, sigma: float) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(image, sigma, mode="mirror", truncate=4.0) if sigma > 0 else image


def _levels(base: np.ndarray, sigma: float, per_octave: int, more: int) -> np.ndarray:
    """An octave of the scale space, (level, *axes), and as many levels above it as extrema need."""
    levels = [base]
    for k in range(1, per_octave + more):
        before, now = (sigma * 2.0 ** (i / per_octave) for i in (k - 1, k))
        levels.append(_smoothed(levels[-1], math.sqrt(now**2 - before**2)))
    return np.stack(levels)


def _determinants(levels: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """The determinant of the Hessian at every place, in units of the scale; with an odd number of axes its modulus."""
    d = levels.ndim - 1
    out = np.empty_like(levels)
    for level, sigma, to in zip(levels, sigmas, out):
        first = [np.gradient(level, axis=axis) for axis in range(d)]
        second = np.empty((d, d, *level.shape))
        for a, b in itertools.product(range(d), repeat=2):
            second[a, b] = _second(level, a) if a == b else np.gradient(first[a], axis=b)
        to[...] = np.linalg.det(np.moveaxis(second, (0, 1), (-2, -1)) * sigma**2)
    return np.abs(out) if d % 2 else out


def _second(level: np.ndarray, axis: int) -> np.ndarray:
    wide = np.pad(level, [(int(a == axis),) * 2 for a in range(level.ndim)], mode="reflect")
    ahead = (slice(None),) * axis
    return wide[(*ahead, slice(2, None))] + wide[(*ahead, slice(None, -2))] - 2 * level


def _extrema(space: np.ndarray, threshold: float, *, signed: bool) -> list[tuple[tuple[int, ...], np.ndarray, float]]:
    """Maxima (if `signed` also minima) over place and scale: sample, refined place, and the value's modulus there."""
    from scipy.ndimage import maximum_filter, minimum_filter

    peaks = (space == maximum_filter(space, size=3, mode="nearest")) & (space > 0.5 * threshold)
    if signed:
        peaks |= (space == minimum_filter(space, size=3, mode="nearest")) & (space < -0.5 * threshold)
    inside = np.zeros_like(peaks)
    inside[(slice(1, -1),) * space.ndim] = True
    found: dict[tuple[int, ...], tuple[np.ndarray, float]] = {}
    for start in np.argwhere(peaks & inside):
        refined = _refined(space, start)
        if refined is not None and abs(refined[2]) > threshold:
            found[tuple(refined[0].tolist())] = refined[1:]
    return [(at, place, abs(value)) for at, (place, value) in found.items()]


def _refined(space: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray, float] | None:
    """Where the parabola through an extremum's neighbours has its own (Brown and Lowe, BMVC 2002); None: nowhere."""
    at = start.copy()
    for _ in range(STEPS):
        part = space[tuple(slice(i - 1, i + 2) for i in at)]
        middle = (1,) * space.ndim
        slope = np.array([(part[_step(middle, a, 1)] - part[_step(middle, a, -1)]) / 2 for a in range(space.ndim)])
        try:
            offset = -np.linalg.solve(_hessian(space, tuple(at)), slope)
        except np.linalg.LinAlgError:
            return None
        if np.abs(offset).max() <= NEAREST:
            return at, at + offset, float(part[middle] + 0.5 * slope @ offset)
        at = at + np.clip(np.round(offset), -1, 1).astype(int)
        if np.any(at < 1) or np.any(at > np.array(space.shape) - 2):
            return None
    return None


def _hessian(space: np.ndarray, at: Any) -> np.ndarray:
    """Second differences around a sample; at the ends those of the nearest sample inside."""
    at = tuple(min(max(int(i), 1), n - 2) for i, n in zip(at, space.shape))
    d = space.ndim
    out = np.empty((d, d))
    for a, b in itertools.product(range(d), repeat=2):
        if a == b:
            out[a, a] = space[_step(at, a, 1)] + space[_step(at, a, -1)] - 2 * space[at]
        else:
            out[a, b] = (
                sum(s * t * space[_step(_step(at, a, s), b, t)] for s, t in itertools.product((1, -1), repeat=2)) / 4
            )
    return out


def _step(at: tuple[int, ...], axis: int, by: int) -> tuple[int, ...]:
    return (*at[:axis], at[axis] + by, *at[axis + 1 :])


def _orientations(level: np.ndarray, place: np.ndarray, scale: float) -> list[float]:
    """The peaks of the histogram of gradient orientations around a place (Lowe, section 5)."""
    sigma = ORIENTATION_SIGMA * scale
    radius = max(1, round(3 * sigma))
    low = np.maximum(np.round(place).astype(int) - radius, 1)
    high = np.minimum(np.round(place).astype(int) + radius, np.array(level.shape) - 2)
    if np.any(high < low):
        return [0.0]
    part = level[low[0] - 1 : high[0] + 2, low[1] - 1 : high[1] + 2]
    down, across = (part[2:, 1:-1] - part[:-2, 1:-1]) / 2, (part[1:-1, 2:] - part[1:-1, :-2]) / 2
    y, x = (np.arange(low[a], high[a] + 1) - place[a] for a in (0, 1))
    weights = np.hypot(down, across) * np.exp(-(y[:, np.newaxis] ** 2 + x**2) / (2 * sigma**2))
    n = ORIENTATION_BINS
    turn = np.mod(np.arctan2(down, across), 2 * np.pi) * (n / (2 * np.pi))
    below = np.floor(turn).astype(int)
    share = turn - below
    histogram = np.bincount(below.ravel() % n, (weights * (1 - share)).ravel(), n)
    histogram += np.bincount((below.ravel() + 1) % n, (weights * share).ravel(), n)
    smooth = (np.roll(histogram, 1) + histogram + np.roll(histogram, -1)) / 3
    before, after = np.roll(smooth, 1), np.roll(smooth, -1)
    peaks = np.flatnonzero((smooth > before) & (smooth >= after) & (smooth >= OTHER_PEAKS * smooth.max()))
    if not len(peaks):
        return [0.0]
    peaks = peaks[np.argsort(-smooth[peaks], kind="stable")[:MOST_ORIENTATIONS]]
    bend = before[peaks] + after[peaks] - 2 * smooth[peaks]
    exact = peaks + (before[peaks] - after[peaks]) / (2 * bend)
    return [float(turn) for turn in np.mod(exact * (2 * np.pi / n), 2 * np.pi)]
