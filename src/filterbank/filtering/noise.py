"""Take noise off signals, once its level has been estimated: by bands of scales, by total variation, or by medians."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import scipy.ndimage

from filterbank.errors import InputError, invalid
from filterbank.filtering.arguments import for_each, n_axes_of, pad_named, whole_number
from filterbank.filtering.convolution import convolve_axes

__all__ = ["denoise", "noise_level"]

METHODS = ("bands", "tv", "median")
SPLINE = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
NORMAL_MEDIAN = 0.6744897501960817  # of the modulus of a normal variable of deviation 1
STEPS, STILL = 500, 3e-4  # of total variation: at most so many, until so little of what is taken off changes in one
NEAR = 1e-3  # and, where the weight is to be found, so much of the noise's level is taken off


def noise_level(signal: Any, *, n_axes: int | None = None) -> np.ndarray:
    """Estimate the standard deviation of white noise in a signal.

    Parameters
    ----------
    signal : array, (*axes) or (channel, *axes)
    n_axes : {1, 2, 3}, optional
        None: all dimensions are axes. With a dimension more, the first is channels.

    Returns
    -------
    array, (channel,), or a number without channels
        In the signal's unit.

    Notes
    -----
    From the finest band of scales (see `denoise`), in which there's little but noise: the median of its modulus, over
    what it would be for noise of level 1 (D. L. Donoho and I. M. Johnstone, "Ideal spatial adaptation by wavelet
    shrinkage", Biometrika 81(3), 1994). Signals with much fine texture, or of integers with hardly any noise, are
    misjudged.

    Examples
    --------
    >>> import numpy as np
    >>> noisy = np.linspace(0, 9, 5000) + np.random.default_rng(0).normal(scale=0.5, size=5000)
    >>> float(noise_level(noisy).round(2))
    0.5
    """
    n_axes = n_axes_of(signal, n_axes)
    found = for_each(
        np.asarray(signal), n_axes, lambda array, index: _levels(array, index).reshape((-1,) + (1,) * n_axes)
    )
    return found.reshape(found.shape[:1]) if np.ndim(signal) > n_axes else found.reshape(())[()]


def denoise(
    signal: Any,
    *,
    method: str = "bands",
    sigma: float | None = None,
    n_scales: int | None = None,
    weight: float | None = None,
    size: int = 3,
    n_axes: int | None = None,
) -> Any:
    """Take noise off signals.

    Parameters
    ----------
    signal : Signals or array, (*axes) or (channel, *axes)
    method : {"bands", "tv", "median"}
        "bands": bands of scales, each shrunk where there's little but noise in it; good for most. "tv": the signal of
        least total variation, for steps and flat parts. "median": of a window, for outliers (clicks, dead pixels).
    sigma : float, optional
        The noise's standard deviation. None: estimated (`noise_level`) for each channel. Not used by "median".
    n_scales : int, optional
        For "bands": so many octaves; None: 5, or fewer for signals shorter than 64 samples.
    weight : float, optional
        For "tv": how much variation counts; None: so that as much is taken off as there's noise.
    size : int
        For "median": the window's side, in samples, odd.
    n_axes : {1, 2, 3}, optional
        None: all dimensions of an array are axes. With a dimension more, the first is channels, each for itself.

    Returns
    -------
    Signals or array
        As what was passed: float32 of float32, else float64. Of `Signals`, each is denoised when it's asked for.

    Raises
    ------
    InputError
        For NaN, a negative sigma, or a parameter of another method.

    Notes
    -----
    "bands": the signal is smoothed with cubic splines of 1, 2, 4 ... samples; the differences are bands that add up to
    it, in which nothing is decimated, so shifting the signal shifts the result. In each, the noise's deviation `s` is
    known from `sigma`, the signal's `v` is estimated from the band's variance around each sample (a window of 7 samples
    along each axis, at the band's scale), and the band is multiplied by ``v**2 / (v**2 + s**2)`` (Wiener's gain; J.-L.
    Starck, F. Murtagh and A. Bijaoui, "Image Processing and Data Analysis", 1998, chapters 1 and 2; M. K. Mihcak et
    al., IEEE Signal Process. Lett. 6(12), 1999). Costs about 30 operations a sample, scale and axis.

    "tv": minimises half the squared distance to the signal plus `weight` times the total variation, by projections on
    its dual (A. Beck and M. Teboulle, "Fast Gradient-Based Algorithms for Constrained Total Variation Image Denoising
    and Deblurring", IEEE Trans. Image Process. 18(11), 2009), which `skimage.restoration.denoise_tv_chambolle`
    minimises, too. Without a weight, it's moved until what is taken off has the noise's standard deviation (A.
    Chambolle, "An Algorithm for Total Variation Minimization and Applications", J. Math. Imaging Vis. 20, 2004), which
    tends to take off some of the signal as well: in pictures, half that weight is often nearer. Costs up to 500 passes.

    Examples
    --------
    >>> import numpy as np
    >>> clean = np.repeat([0.0, 4.0, 1.0], 200)
    >>> noisy = clean + np.random.default_rng(0).normal(scale=0.5, size=600)
    >>> [float(np.std(denoise(noisy, method=m) - clean).round(2)) for m in ("bands", "tv", "median")]
    [0.19, 0.14, 0.32]
    """
    n_axes = n_axes_of(signal, n_axes)
    if method not in METHODS:
        raise invalid("method", method, f"one of {', '.join(METHODS)}")
    if sigma is not None and not (isinstance(sigma, (int, float, np.number)) and np.isfinite(sigma) and sigma >= 0):
        raise invalid("sigma", sigma, "None or the noise's standard deviation, 0 or more")
    if n_scales is not None:
        whole_number("n_scales", n_scales, 1)
    if weight is not None and not (isinstance(weight, (int, float, np.number)) and np.isfinite(weight) and weight > 0):
        raise invalid("weight", weight, "None or a positive number")
    if whole_number("size", size, 1) % 2 == 0:
        raise invalid("size", size, "odd, so a window would have no middle")
    for name, value, own in (
        ("sigma", sigma, ("bands", "tv")),
        ("n_scales", n_scales, ("bands",)),
        ("weight", weight, ("tv",)),
    ):
        if value is not None and method not in own:
            raise invalid(name, value, f"for method={method!r}, only for {' and '.join(map(repr, own))}")

    def run(array: np.ndarray, index: int) -> np.ndarray:
        if method == "median":
            return np.stack([scipy.ndimage.median_filter(channel, size=size) for channel in array])
        if method == "tv" and weight is not None:
            return np.stack([_least_variation(channel, weight, None) for channel in array])
        levels = _levels(array, index) if sigma is None else np.full(len(array), float(sigma))
        if method == "tv":
            return np.stack([_least_variation(c, None, level) if level else c for c, level in zip(array, levels)])
        return _shrunk(array, levels, n_scales, index)

    return for_each(signal, n_axes, run)


def _levels(array: np.ndarray, index: int) -> np.ndarray:
    """The noise's deviation in each channel."""
    axes = array.shape[1:]
    if max(axes) < 3:
        raise InputError(
            f"signal {index} has {' x '.join(map(str, axes))} samples, too few to tell noise by; pass sigma."
        )
    finest = array - _spline(array, 0, index)
    kept = finest[(slice(None), *(slice(2, -2) if n > 8 else slice(None) for n in axes))]
    median = np.median(np.abs(kept).reshape(len(array), -1), axis=1)
    return median.astype(np.float64) / NORMAL_MEDIAN / _gains(1, tuple(n > 1 for n in axes))[0]


def _spline(array: np.ndarray, scale: int, index: int) -> np.ndarray:
    """Smooth `(channel, *axes)` with the cubic spline whose taps lie `2**scale` samples apart."""
    taps = np.zeros(4 * 2**scale + 1)
    taps[:: 2**scale] = SPLINE
    kernels = [taps if n > 1 else np.ones(1) for n in array.shape[1:]]
    sides = [(len(k) // 2,) * 2 for k in kernels]
    pad, cval = pad_named("symmetric", 0.0)
    return convolve_axes(array, kernels, sides, pad, cval, 1, index)


@functools.cache
def _gains(n_scales: int, long: tuple[bool, ...]) -> tuple[float, ...]:
    """The deviation in each band of white noise of deviation 1: the root of the sum of squares of the band's kernel."""
    n_axes = max(1, sum(long))
    length = 2 * (2 ** (n_scales + 1)) + 1
    line = np.zeros((1, length))
    line[0, length // 2] = 1
    kernels = [line[0]]
    for scale in range(n_scales):
        line = _spline(line, scale, 0)
        kernels.append(line[0])
    inner = [[float(a @ b) ** n_axes for b in kernels] for a in kernels]  # of outer products, one factor an axis
    return tuple(math.sqrt(inner[i][i] - 2 * inner[i][i + 1] + inner[i + 1][i + 1]) for i in range(n_scales))


def _shrunk(array: np.ndarray, levels: np.ndarray, n_scales: int | None, index: int) -> np.ndarray:
    """Shrink each band of scales around each sample by Wiener's gain."""
    axes = array.shape[1:]
    most = max(1, int(math.log2(max(axes))) - 1)
    count = min(5, most) if n_scales is None else n_scales
    if count > most:
        raise invalid("n_scales", n_scales, f"at most {most} for a signal of {' x '.join(map(str, axes))} samples")
    gains = _gains(count, tuple(n > 1 for n in axes))
    rest, total = array, np.zeros_like(array)
    for scale in range(count):
        smoother = _spline(rest, scale, index)
        band, rest = rest - smoother, smoother
        noise = np.square(levels * gains[scale]).astype(array.dtype).reshape((-1,) + (1,) * len(axes))
        power = _around(np.square(band), scale, index)
        signal = np.maximum(power - noise, 0)
        band *= signal / np.where(power > 0, np.maximum(power, noise), 1)
        total += band
    return total + rest


def _around(power: np.ndarray, scale: int, index: int) -> np.ndarray:
    """The mean over 7 samples along each axis, `2**scale` apart."""
    taps = np.zeros(6 * 2**scale + 1)
    taps[:: 2**scale] = 1 / 7
    kernels = [taps if n > 1 else np.ones(1) for n in power.shape[1:]]
    sides = [(len(k) // 2,) * 2 for k in kernels]
    return convolve_axes(power, kernels, sides, "symmetric", 0.0, 1, index)


def _least_variation(channel: np.ndarray, weight: float | None, level: float | None) -> np.ndarray:
    """Projections on the dual, with momentum; with a level, the weight is moved until as much is taken off."""
    n = channel.ndim
    own = weight if weight is not None else float(level) * math.sqrt(n)  # type: ignore[arg-type]
    dual = np.zeros((n, *channel.shape), dtype=channel.dtype)
    ahead, pace, before = dual, 1.0, np.zeros_like(channel)
    for _ in range(STEPS):
        divergence = _divergence(ahead)
        slopes = _slopes(divergence - channel / own)
        slopes *= 1 / (4 * n)
        slopes += ahead
        slopes /= np.maximum(1, np.sqrt(np.square(slopes).sum(axis=0)))
        faster = (1 + math.sqrt(1 + 4 * pace * pace)) / 2
        ahead = slopes + (pace - 1) / faster * (slopes - dual)
        dual, pace = slopes, faster
        taken = own * _divergence(dual)
        change, size = (float(np.sqrt(np.mean(np.square(part)))) for part in (taken - before, taken))
        if change <= STILL * size and (level is None or abs(size - level) <= NEAR * level):
            break
        if level is not None and size > 0:
            own *= min(max(level / size, 0.5), 2.0)
        before = taken
    return channel - taken


def _divergence(dual: np.ndarray) -> np.ndarray:
    """Less the transpose of `_slopes`."""
    out = np.zeros_like(dual[0])
    for axis, part in enumerate(dual):
        inner = (slice(None),) * axis
        out[(*inner, slice(0, -1))] += part[(*inner, slice(0, -1))]
        out[(*inner, slice(1, None))] -= part[(*inner, slice(0, -1))]
    return out


def _slopes(channel: np.ndarray) -> np.ndarray:
    """The differences to the next sample along each axis, 0 at the last."""
    out = np.zeros((channel.ndim, *channel.shape), dtype=channel.dtype)
    for axis in range(channel.ndim):
        out[axis][(*(slice(None),) * axis, slice(0, -1))] = np.diff(channel, axis=axis)
    return out
