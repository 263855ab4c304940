"""Gradients of signals, and the edges where they are steep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.ndimage

from filterbank.errors import invalid
from filterbank.filtering.arguments import (
    axis_numbers,
    for_each,
    n_axes_of,
    n_threads_of,
    pad_named,
    sigmas_of,
    whole_number,
)
from filterbank.filtering.smoothing import along_axes, derivative
from filterbank.kernels.filter_edges import maxima_along
from filterbank.signals import Signals

__all__ = ["Gradient", "edges", "gradient", "sobel"]

FLAT = 8  # roundings of the largest sample that a slope may come from
LOW = 0.4  # of the threshold, from which on a maximum is an edge if it touches one above the threshold


class Gradient(NamedTuple):
    """The gradient of signals at each sample.

    Parameters
    ----------
    magnitude : Signals or array, of the signal's shape
        Its length, in the signal's unit a sample.
    orientation : Signals or array, of the signal's shape
        Where the signal rises: radians from the last axis toward the one before, in -pi ... pi; of a series 0 where it
        rises and pi where it falls; of a volume within the plane of the last two axes.
    components : tuple of Signals or array, one an axis
        The slopes along each axis.
    """

    magnitude: Any
    orientation: Any
    components: tuple[Any, ...]


def gradient(
    signal: Any,
    sigma: float | Sequence[float] = 1.0,
    *,
    truncate: float = 4.0,
    pad: str = "symmetric",
    cval: float = 0.0,
    n_axes: int | None = None,
    n_jobs: int | None = None,
) -> Gradient:
    """Smooth signals with a Gaussian and return the gradient's magnitude, orientation and components.

    Parameters
    ----------
    signal : Signals or array, (*axes) or (channel, *axes)
    sigma : float or sequence of float
        Standard deviation in samples, positive, one for all axes or one an axis.
    truncate, pad, cval, n_axes, n_jobs
        As for `smooth`.

    Returns
    -------
    Gradient
        Of float32 for float32, else float64. Slopes are a sample's, whatever the rate. In an image with its first row
        on top, an orientation of pi / 2 points down.

    Examples
    --------
    >>> import numpy as np
    >>> rising_down = np.arange(12.0)[:, np.newaxis] + np.zeros(12)
    >>> found = gradient(rising_down, 1)
    >>> float(found.magnitude[6, 6].round(6)), float((found.orientation[6, 6] / np.pi).round(6))
    (1.0, 0.5)
    """
    n_axes = n_axes_of(signal, n_axes)
    sigmas = sigmas_of(sigma, n_axes, zero=False)
    options: dict[str, Any] = {"truncate": truncate, "pad": pad, "cval": cval, "n_jobs": n_jobs}
    parts = tuple(_per_sample(signal, sigmas, axis, n_axes, options) for axis in range(n_axes))
    if not isinstance(signal, Signals):
        return Gradient(_magnitude(parts), _orientation(parts), parts)

    def of(function: Any) -> Signals:
        def run(array: np.ndarray, _: int) -> np.ndarray:
            return function([_per_sample(array, sigmas, axis, n_axes, options) for axis in range(n_axes)])

        return for_each(signal, n_axes, run)

    return Gradient(of(_magnitude), of(_orientation), parts)


def sobel(
    signal: Any,
    axis: int = -1,
    *,
    pad: str = "symmetric",
    cval: float = 0.0,
    n_axes: int | None = None,
    n_jobs: int | None = None,
) -> Any:
    """Return the slope along one axis by Sobel's kernel: a central difference there, a little smoothing across.

    Parameters
    ----------
    signal : Signals or array, (*axes) or (channel, *axes)
    axis : int
        Counted without the channel: of an image, 0 is down and -1 to the right.
    pad, cval, n_axes, n_jobs
        As for `smooth`.

    Returns
    -------
    Signals or array
        As for `smooth`, in the signal's unit a sample: a ramp of slope 1 gives 1.

    Notes
    -----
    The kernel is the outer product of ``[1, 0, -1] / 2`` along the axis and ``[1, 2, 1] / 4`` along the others: a
    derivative and smoothing. `scipy.ndimage.sobel` leaves out the divisions, and so is 8 times as large for an image.

    Examples
    --------
    >>> import numpy as np
    >>> sobel(np.array([[0.0, 1, 4], [0, 1, 4], [0, 1, 4]]))[1]
    array([0.5, 2. , 1.5])
    """
    n_axes = n_axes_of(signal, n_axes)
    (along,) = axis_numbers(axis, n_axes)
    kernels = [np.array([1.0, 2.0, 1.0]) / 4] * n_axes
    kernels[along] = np.array([1.0, 0.0, -1.0]) / 2
    pad, cval = pad_named(pad, cval)
    return along_axes(signal, kernels, pad, cval, n_axes, n_threads_of(n_jobs))


def edges(
    signal: Any,
    sigma: float | Sequence[float] = 1.0,
    *,
    threshold: float | None = None,
    low: float | None = None,
    quantile: float = 0.9,
    method: str = "maxima",
    dilate: int = 0,
    truncate: float = 4.0,
    pad: str = "symmetric",
    cval: float = 0.0,
    n_axes: int | None = None,
    n_jobs: int | None = None,
) -> Any:
    """Find where signals are steep.

    Parameters
    ----------
    signal : Signals or array, (*axes) or (channel, *axes)
    sigma : float or sequence of float
        Standard deviation in samples of the Gaussian that smooths before slopes are taken.
    threshold : float, optional
        The slope, in the signal's unit a sample, from which on there is an edge. None: the slope that the share
        `quantile` of each channel's samples stay below.
    low : float, optional
        For "maxima": weaker edges down to this slope are kept where they touch, through others like them, one that
        reaches the threshold. None: 0.4 of the threshold.
    quantile : float
        In 0 ... 1, where no threshold is given.
    method : {"maxima", "threshold"}
        "maxima": where the magnitude of the gradient is largest along the gradient's direction, one sample thin, joined
        by `low` (Canny). "threshold": wherever the slope along any axis exceeds the threshold, up or down.
    dilate : int
        Samples by which edges are made thicker in every direction, diagonals included, to be seen.
    truncate, pad, cval, n_axes, n_jobs
        As for `smooth`.

    Returns
    -------
    array of bool, or Signals
        Of the signal's shape; each channel for itself. `Signals` hold numbers: 1 for an edge and 0.

    Notes
    -----
    "maxima" compares each sample's magnitude with those one step up and down the gradient, interpolated linearly where
    its ray meets the neighbouring samples' cells, in any number of dimensions. Samples without both neighbours (the
    outermost) are no edges. Where several neighbours are equal, as on plateaus, all are kept.

    References
    ----------
    J. Canny, "A Computational Approach to Edge Detection", IEEE Trans. PAMI 8(6), 1986.

    Examples
    --------
    >>> import numpy as np
    >>> step = np.zeros((7, 9))
    >>> step[:, 5:] = 1
    >>> edges(step, 0.7, threshold=0.3)[3].astype(int)
    array([0, 0, 0, 0, 1, 1, 0, 0, 0])
    >>> edges(step, 0.7, threshold=0.3, dilate=1)[3].astype(int)
    array([0, 0, 0, 1, 1, 1, 1, 0, 0])
    """
    n_axes = n_axes_of(signal, n_axes)
    sigmas = sigmas_of(sigma, n_axes, zero=False)
    if method not in ("maxima", "threshold"):
        raise invalid("method", method, "'maxima' or 'threshold'")
    for name, value in (("threshold", threshold), ("low", low)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise invalid(name, value, "a positive slope")
    if low is not None and (method == "threshold" or (threshold is not None and low > threshold)):
        allowed = "for method='maxima' alone" if method == "threshold" else f"at most threshold={threshold!r}"
        raise invalid("low", low, allowed)
    if not 0 <= quantile <= 1:
        raise invalid("quantile", quantile, "between 0 and 1")
    dilate = whole_number("dilate", dilate, 0)
    options: dict[str, Any] = {"truncate": truncate, "pad": pad, "cval": cval, "n_jobs": n_jobs}
    derivative(np.zeros((2,) * n_axes), sigmas, (0,) * n_axes, **options)  # so that what is wrong is said now

    def run(array: np.ndarray, _: int) -> np.ndarray:
        parts = [_per_sample(array, sigmas, axis, n_axes, options) for axis in range(n_axes)]
        strength = np.max(np.abs(parts), axis=0) if method == "threshold" else _magnitude(parts)
        found = np.zeros(array.shape, dtype=bool)
        for channel in range(len(array)):
            high = float(np.quantile(strength[channel], quantile)) if threshold is None else threshold
            if high <= FLAT * np.finfo(array.dtype).eps * float(np.abs(array[channel]).max()):  # rounding has none
                continue
            if method == "threshold":
                found[channel] = strength[channel] > high
            else:
                least = LOW * high if low is None else min(low, high)
                found[channel] = _joined(
                    maxima_along([part[channel] for part in parts], strength[channel], least), strength[channel] >= high
                )
            if dilate:
                found[channel] = scipy.ndimage.maximum_filter(found[channel], size=2 * dilate + 1, mode="constant")
        return found

    return for_each(signal, n_axes, run)


def _per_sample(signal: Any, sigmas: Sequence[float], axis: int, n_axes: int, options: dict[str, Any]) -> Any:
    """The slope along an axis, a sample's also where signals have a rate."""
    order = tuple(int(i == axis) for i in range(n_axes))
    if isinstance(signal, Signals):
        return for_each(signal, n_axes, lambda array, _: derivative(array, sigmas, order, n_axes=n_axes, **options))
    return derivative(signal, sigmas, order, n_axes=n_axes, **options)


def _magnitude(parts: Sequence[np.ndarray]) -> np.ndarray:
    """The root of the sum of squares; of one part its modulus."""
    if len(parts) == 1:
        return np.abs(parts[0])
    total = parts[0] * parts[0]
    for part in parts[1:]:
        total += part * part
    return np.sqrt(total, out=total)


def _orientation(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.arctan2(parts[-2], parts[-1]) if len(parts) > 1 else np.arctan2(np.zeros_like(parts[0]), parts[0])


def _joined(weak: np.ndarray, strong: np.ndarray) -> np.ndarray:
    """The connected sets of weak edges, diagonals included, with a strong one among them."""
    labels, n = scipy.ndimage.label(weak, structure=np.ones((3,) * weak.ndim))
    kept = np.zeros(n + 1, dtype=bool)
    kept[labels[weak & strong]] = True
    kept[0] = False
    return kept[labels]
