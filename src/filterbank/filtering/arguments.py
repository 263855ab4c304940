"""What these functions share: an array or signals in, the same out; how a signal goes on; axes and sigmas."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import effective_n_jobs

from filterbank.errors import InputError, invalid
from filterbank.geometry import PADDINGS
from filterbank.signals import Dataset, Signals, as_signal, check_finite

__all__ = [
    "PAD_NAMES",
    "axis_numbers",
    "for_each",
    "n_axes_of",
    "n_threads_of",
    "one_an_axis",
    "pad_named",
    "sigmas_of",
    "whole_number",
]

PAD_NAMES = {
    **{name: name for name in PADDINGS},
    "constant": "zero",
    "nearest": "edge",
    "mirror": "reflect",
    "grid-mirror": "symmetric",
    "grid-wrap": "wrap",
    "grid-constant": "zero",
}
"""How a signal may go on beyond its ends: this package's names, which are numpy's, and scipy.ndimage's for the same.

Only one name means different things there: scipy.ndimage's "reflect" repeats the sample at the edge and is "symmetric"
here; "reflect" doesn't repeat it, as in numpy, and is scipy.ndimage's "mirror".
"""


def pad_named(pad: str, cval: float) -> tuple[str, float]:
    """Return the padding by this package's name, and the constant that stands beyond the ends if it is "zero"."""
    if not isinstance(pad, str) or pad not in PAD_NAMES:
        raise invalid("pad", pad, f"one of {', '.join(PAD_NAMES)}")
    if not np.isfinite(cval):
        raise invalid("cval", cval, "a finite number")
    if cval and PAD_NAMES[pad] != "zero":
        raise invalid("cval", cval, f"0, and with pad={pad!r} it has no meaning", do="Pass pad='constant'.")
    if cval and pad == "zero":
        raise invalid("cval", cval, "0, as pad='zero' says", do="Pass pad='constant'.")
    return PAD_NAMES[pad], float(cval)


def n_axes_of(signal: Any, n_axes: int | None) -> int:
    """Return the number of axes: of `Signals` their own, of an array all its dimensions unless it's told."""
    if n_axes is not None and n_axes not in (1, 2, 3):
        raise invalid("n_axes", n_axes, "1, 2 or 3")
    if isinstance(signal, Signals):
        if n_axes not in (None, signal.n_axes):
            raise invalid("n_axes", n_axes, f"the number of axes of these signals, which is {signal.n_axes}")
        return signal.n_axes
    if isinstance(signal, Dataset):
        raise InputError("signal is a Dataset. Pass its signals: dataset.signals.")
    try:
        dimensions = np.ndim(signal)
    except ValueError:
        raise InputError("signal is a sequence of unequal sizes. Pass Signals.wrap(signal) if it's several.") from None
    if n_axes is not None:
        return n_axes
    if dimensions not in (1, 2, 3):
        raise InputError(
            f"signal has shape {np.shape(signal)}, and n_axes was not given: a signal has 1, 2 or 3 axes. "
            "Pass n_axes if the first dimension is channels."
        )
    return dimensions


@dataclass(frozen=True)
class _Made:
    """A signal that is made from another one when it's asked for."""

    signals: Signals
    index: int
    function: Callable[[np.ndarray, int], np.ndarray]

    def read(self) -> np.ndarray:
        return self.function(self.signals[self.index], self.index)


def for_each(
    signal: Any, n_axes: int, function: Callable[[np.ndarray, int], np.ndarray], *, checked: bool = True
) -> Any:
    """Apply a function to one array, or to each of some signals when it's asked for.

    Parameters
    ----------
    signal : Signals or array, (*axes) or (channel, *axes)
    n_axes : int
    function : callable
        Takes `(channel, *axes)`, float32 or float64, and the signal's number for messages; its result has channels as
        the dimension before the axes.
    checked : bool
        Whether signals are looked at for NaN before the function gets them.

    Returns
    -------
    Signals or array
        Of an array that came without channels, a result without them.
    """

    def run(array: np.ndarray, index: int) -> np.ndarray:
        if checked:
            check_finite(array, index)
        return function(array, index)

    if isinstance(signal, Signals):
        return Signals([_Made(signal, i, run) for i in range(len(signal))], n_axes=n_axes, rate=signal.rate)
    found = run(as_signal(signal, n_axes), 0)
    return found if np.ndim(signal) > n_axes else found[(..., 0) + (slice(None),) * n_axes]


def one_an_axis(name: str, value: Any, n_axes: int) -> tuple[Any, ...]:
    """Return a value for each axis: the one given for all, or as many as there are axes."""
    values = (value,) * n_axes if np.ndim(value) == 0 else tuple(value)
    if len(values) != n_axes:
        raise invalid(name, value, f"one number, or {n_axes}, one an axis")
    return values


def sigmas_of(sigma: float | Sequence[float], n_axes: int, *, zero: bool = True) -> tuple[float, ...]:
    """Return a standard deviation in samples for each axis."""
    values = one_an_axis("sigma", sigma, n_axes)
    for one in values:
        if not isinstance(one, (int, float, np.number)) or not np.isfinite(one) or one < 0 or (one == 0 and not zero):
            kind = "a number of samples, 0 or more" if zero else "a positive number of samples"
            raise invalid("sigma", sigma, kind)
    return tuple(map(float, values))


def whole_number(name: str, value: Any, least: int) -> int:
    """Return a whole number of at least so much."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise invalid(name, value, f"a whole number, {least} or more")
    return number


def axis_numbers(axis: int | Sequence[int], n_axes: int) -> tuple[int, ...]:
    """Return axes counted from the first one, without the channel."""
    found = []
    for one in (axis,) if np.ndim(axis) == 0 else tuple(axis):  # type: ignore[arg-type]
        if isinstance(one, bool) or not isinstance(one, (int, np.integer)) or not -n_axes <= one < n_axes:
            raise invalid("axis", axis, f"between {-n_axes} and {n_axes - 1}, as the signal has {n_axes} axes")
        found.append(int(one) % n_axes)
    return tuple(found)


def n_threads_of(n_jobs: int | None) -> int:
    """Return the number of threads that `n_jobs` means, in joblib's sense."""
    return int(effective_n_jobs(n_jobs))
