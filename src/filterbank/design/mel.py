"""Mel scales, the triangular filters on them, the cosines that turn log-mel bands into cepstra, and their slopes."""

from __future__ import annotations

import math

import numpy as np

from filterbank.errors import invalid

__all__ = ["MEL_SCALES", "cosines", "deltas", "hertz_of_mel", "mel_centres", "mel_filters", "mel_of_hertz"]

MEL_SCALES = ("slaney", "htk")
"""Slaney's, linear below 1 kHz and logarithmic above; HTK's, O'Shaughnessy's one formula."""

BREAK = 1000.0  # hertz: Slaney's scale is linear below
LINEAR = 3 / 200  # mel a hertz there
STEP = math.log(6.4) / 27  # of the logarithm of the frequency, a mel, above


def mel_of_hertz(frequency: np.ndarray | float, *, scale: str = "slaney") -> np.ndarray:
    """Return frequencies in mel.

    Parameters
    ----------
    frequency : array or float
        Hertz.
    scale : {"slaney", "htk"}
        "slaney": `3 f / 200` below 1 kHz, then 27 mel for every factor of 6.4. "htk": `2595 log10(1 + f / 700)`.

    Returns
    -------
    array

    References
    ----------
    Slaney, "Auditory Toolbox", Interval Research technical report 1998-010, 1998 (13 linear filters 133.3 Hz wide, then
    27 logarithmic ones 1.0712 apart, which is 6.4 to the power 1/27). O'Shaughnessy, "Speech Communication: Human and
    Machine", 1987, page 150; Young et al., "The HTK Book", 2006, eq. 5.13.

    Examples
    --------
    >>> mel_of_hertz([0, 1000, 6400]).tolist(), mel_of_hertz(1000, scale="htk").round(2).tolist()
    ([0.0, 15.0, 42.0], 999.99)
    """
    f = np.asarray(frequency, dtype=np.float64)
    if _scale(scale) == "htk":
        return 2595.0 * np.log10(1.0 + f / 700.0)
    return np.where(f < BREAK, f * LINEAR, BREAK * LINEAR + np.log(np.maximum(f, BREAK) / BREAK) / STEP)


def hertz_of_mel(mel: np.ndarray | float, *, scale: str = "slaney") -> np.ndarray:
    """Return frequencies in hertz: the inverse of `mel_of_hertz`.

    Parameters
    ----------
    mel : array or float
    scale : {"slaney", "htk"}

    Returns
    -------
    array

    Examples
    --------
    >>> hertz_of_mel([15.0, 42.0]).round(9).tolist()
    [1000.0, 6400.0]
    """
    m = np.asarray(mel, dtype=np.float64)
    if _scale(scale) == "htk":
        return 700.0 * (10.0 ** (m / 2595.0) - 1.0)
    return np.where(m < BREAK * LINEAR, m / LINEAR, BREAK * np.exp(STEP * np.maximum(m - BREAK * LINEAR, 0.0)))


def mel_centres(n_mels: int, *, low: float, high: float, scale: str = "slaney") -> np.ndarray:
    """Return where bands begin, peak and end: `n_mels + 2` frequencies, evenly spaced in mel.

    Parameters
    ----------
    n_mels : int
    low, high : float
        Hertz: where the first band begins and the last one ends.
    scale : {"slaney", "htk"}

    Returns
    -------
    array, (n_mels + 2,)
        Hertz. Band `b` begins at entry `b`, peaks at entry `b + 1` and ends at entry `b + 2`.

    Examples
    --------
    >>> mel_centres(3, low=0, high=800).tolist()
    [0.0, 200.0, 400.0, 600.0, 800.0]
    """
    if n_mels < 1 or n_mels != int(n_mels):
        raise invalid("n_mels", n_mels, "a whole number, 1 or more")
    if not 0 <= low < high:
        raise invalid("low", low, f"at least 0 and below high={high:g} Hz")
    ends = mel_of_hertz([low, high], scale=scale)  # type: ignore[arg-type]
    return hertz_of_mel(np.linspace(ends[0], ends[1], int(n_mels) + 2), scale=scale)


def mel_filters(
    frequencies: np.ndarray,
    n_mels: int,
    *,
    low: float,
    high: float,
    scale: str = "slaney",
    area: bool = True,
) -> np.ndarray:
    """Return triangles, evenly spaced in mel, that each rise from one centre to the next and fall to the one after.

    Parameters
    ----------
    frequencies : array, (n,)
        Hertz: where the filters are sampled.
    n_mels : int
    low, high : float
        Hertz.
    scale : {"slaney", "htk"}
    area : bool
        Whether each triangle has an area of 1 (over hertz), as Slaney has it; else a height of 1.

    Returns
    -------
    array, (n_mels, n)

    Examples
    --------
    >>> mel_filters([0, 100, 200, 300, 400, 500], 2, low=0, high=600, area=False).tolist()
    [[0.0, 0.5, 1.0, 0.5, 0.0, 0.0], [0.0, 0.0, 0.0, 0.5, 1.0, 0.5]]
    """
    corners = mel_centres(n_mels, low=low, high=high, scale=scale)
    f = np.asarray(frequencies, dtype=np.float64)
    begin, peak, end = (corners[i : i + int(n_mels), np.newaxis] for i in range(3))
    filters = np.maximum(0.0, np.minimum((f - begin) / (peak - begin), (end - f) / (end - peak)))
    return filters * (2.0 / (end - begin)) if area else filters


def cosines(n_out: int, n_in: int) -> np.ndarray:
    """Return the first rows of the orthonormal discrete cosine transform (DCT-II).

    Parameters
    ----------
    n_out, n_in : int

    Returns
    -------
    array, (n_out, n_in)
        Row `k` is `sqrt(2 / n_in) * cos(pi * k * (j + 1 / 2) / n_in)`; row 0, `sqrt(1 / n_in)`.

    References
    ----------
    Davis and Mermelstein, IEEE Transactions on Acoustics, Speech, and Signal Processing 28, 1980, eq. 1.

    Examples
    --------
    >>> m = cosines(4, 4)
    >>> bool(np.allclose(m @ m.T, np.eye(4)))
    True
    """
    if not 1 <= n_out <= n_in:
        raise invalid("n_out", n_out, f"between 1 and n_in={n_in}")
    k, j = np.arange(n_out)[:, np.newaxis], np.arange(n_in)
    matrix = math.sqrt(2 / n_in) * np.cos(np.pi * k * (j + 0.5) / n_in)
    matrix[0] = math.sqrt(1 / n_in)
    return matrix


def deltas(width: int, order: int = 1) -> np.ndarray:
    """Return the kernel that gives a derivative of the polynomial of degree `order` that fits `width` samples best.

    Parameters
    ----------
    width : int
        Odd, more than `order`.
    order : int
        0 is the sample itself, 1 the slope that speech recognition calls delta, 2 the delta of deltas.

    Returns
    -------
    array, (width,); (1,) for order 0
        To be convolved with.

    References
    ----------
    Savitzky and Golay, Analytical Chemistry 36(8), 1964; for order 1, Furui, IEEE Transactions on Acoustics, Speech,
    and Signal Processing 34(1), 1986, eq. 1.

    Examples
    --------
    >>> deltas(5).round(12).tolist()
    [0.2, 0.1, 0.0, -0.1, -0.2]
    """
    if order < 0 or order != int(order):
        raise invalid("order", order, "a whole number, 0 or more")
    if order == 0:
        return np.ones(1)
    if width != int(width) or width % 2 == 0 or width <= order:
        raise invalid("width", width, f"an odd number above order={order}")
    t = np.arange(width) - width // 2
    fit = np.linalg.pinv(np.vander(t.astype(np.float64), order + 1, increasing=True))
    return math.factorial(order) * fit[order][::-1]


def _scale(scale: str) -> str:
    if scale not in MEL_SCALES:
        raise invalid("scale", scale, f"one of {', '.join(MEL_SCALES)}")
    return scale
