"""What the figures share: colours, sizes, axes, lines, tiles and tick marks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from filterbank.errors import InputError
from filterbank.signals import as_signal

__all__ = [
    "COLOURS",
    "GREY",
    "INK",
    "MARKERS",
    "MAX_CHANNELS",
    "MAX_DISCRIMINED",
    "MAX_LINE",
    "MAX_PIXELS",
    "WIDTH",
    "axes_or_new",
    "bare",
    "central_slice",
    "class_styles",
    "draw_lines",
    "draw_row",
    "draw_tile",
    "drawable",
    "drawn_signal",
    "evenly",
    "flat",
    "frequency_unit",
    "log_axis",
    "number",
    "picture_of",
    "ramp",
    "real_part",
    "say",
    "set_ticks",
    "short",
    "shrunk",
    "sort_key",
    "stacked",
    "tiled",
    "time_label",
]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8A6A00", "#56B4E9", "#4D4D4D")
"""Okabe and Ito's palette, which the colour-blind can tell apart; its yellow and orange made dark enough to read."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
GREY, INK = "#8C8C8C", "#1A1A1A"
WIDTH = 4.2  # inches: a figure that fits a phone and is as wide as a column of text
MAX_LINE = 1600  # samples of a line that are drawn as they are; longer ones as their extrema
MAX_PIXELS = 192  # along an axis of a tile; larger pictures are averaged down
MAX_CHANNELS = 256
MAX_DISCRIMINED = 200


def class_styles(classes: Iterable[Any]) -> dict[Any, tuple[str, str]]:
    """Return a colour and a marker for each class, in the order given; the pairs repeat after 56 classes.

    Parameters
    ----------
    classes : iterable

    Returns
    -------
    dict of class to (colour, marker)

    Examples
    --------
    >>> class_styles(["cat", "dog"])
    {'cat': ('#0072B2', 'o'), 'dog': ('#D55E00', 's')}
    """
    return {name: (COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]) for i, name in enumerate(classes)}


def evenly(indices: np.ndarray, n: int) -> list[int]:
    """Return at most `n` of some indices, evenly spaced, the first and the last among them.

    Examples
    --------
    >>> evenly(np.arange(10), 4)
    [0, 3, 6, 9]
    """
    if len(indices) <= n:
        return [int(i) for i in indices]
    at = np.round(np.linspace(0, len(indices) - 1, n)).astype(int) if n > 1 else np.array([0])
    return [int(i) for i in np.asarray(indices)[at]]


def axes_or_new(ax: Axes | None, width: float, height: float) -> Axes:
    """The Axes that were passed, or those of a new figure of this size (inches)."""
    return Figure(figsize=(width, height), layout="constrained").subplots() if ax is None else ax


def drawn_signal(signal: Any, n_axes: int | None) -> np.ndarray:
    """Return the signal as `(channel, *axes)`, or say why it can't be drawn."""
    array = np.asarray(signal)
    if n_axes is None:
        n_axes = max(1, array.ndim - 1)
        if n_axes == 1 and array.ndim == 2 and len(array) > MAX_CHANNELS:
            raise InputError(
                f"signal has shape {array.shape}, which would be {len(array)} channels. "
                "Pass n_axes=2 if it's an image, n_axes=1 if not."
            )
        if n_axes > 3:
            raise InputError(f"signal has shape {array.shape}; a signal has at most four dimensions, channel and axes.")
    return as_signal(array, n_axes)


def draw_lines(ax: Axes, array: np.ndarray, rate: float | None, colour: str) -> None:
    """Channels below each other, on one scale."""
    span = max((float(np.nanmax(c) - np.nanmin(c)) for c in array), default=0.0) or 1.0
    ticks = []
    for k, channel in enumerate(array):
        middle = float(np.nanmax(channel) + np.nanmin(channel)) / 2 if len(array) > 1 else 0.0
        x, values = drawable(np.arange(len(channel)), channel)
        ax.plot(x / (rate or 1.0), values - middle - 1.15 * span * k * (len(array) > 1), color=colour, linewidth=1)
        ticks.append(-1.15 * span * k)
    if len(array) > 1:
        set_ticks(ax.yaxis, ticks, [f"channel {k}" for k in range(len(array))])
    else:
        ax.set_ylabel("value")
    ax.set_xlabel(time_label(rate))
    ax.margins(x=0.01)
    bare(ax)


def draw_row(
    ax: Axes, array: np.ndarray, row: int, rate: float | None, colour: str, *, at: np.ndarray | None = None
) -> None:
    """A signal's channels over each other, in the stripe of 0.9 around `row`."""
    low, high = float(np.nanmin(array)), float(np.nanmax(array))
    where = np.arange(array.shape[-1]) if at is None else at
    for k, channel in enumerate(array):
        x, values = drawable(where, channel)
        scaled = (values - (low + high) / 2) / ((high - low) or 1.0)
        ax.plot(x / (rate or 1.0), row - 0.9 * scaled, color=colour, linewidth=0.9, alpha=1 if k == 0 else 0.5)


def stacked(ax: Axes, n: int, ticks: Any, labels: Sequence[str], xlabel: str) -> None:
    """Finish axes on which rows of signals lie below each other."""
    set_ticks(ax.yaxis, ticks, labels)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(n - 0.4, -0.6)
    ax.margins(x=0.01)
    ax.set_xlabel(xlabel)
    bare(ax)
    ax.spines["left"].set_visible(False)


def drawable(x: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The line itself, or the extrema of 500 stretches of it, in the order in which they come."""
    if len(values) <= MAX_LINE:
        return x, values
    bounds = np.linspace(0, len(values), 501).astype(int)
    picked: list[int] = []
    for start, stop in pairwise(bounds):
        part = values[start:stop]
        picked += sorted({start + int(part.argmin()), start + int(part.argmax())})
    return x[picked], values[picked]


def picture_of(array: np.ndarray, limit: int = MAX_PIXELS) -> np.ndarray:
    """An image `(channel, row, column)` as `(row, column, 3)` of colours or `(row, column)` of greys, in 0..1."""
    image = np.asarray(array, dtype=np.float64)
    image = np.moveaxis(image[:3], 0, -1) if len(image) in (3, 4) else image[0]
    image = shrunk(image, limit)
    low, high = float(np.nanmin(image)), float(np.nanmax(image))
    if image.ndim == 3 and low >= 0 and high <= 1:
        return image
    return np.nan_to_num((image - low) / ((high - low) or 1.0))


def shrunk(image: np.ndarray, limit: int) -> np.ndarray:
    """The image with blocks of samples averaged, so that no side is longer than `limit`."""
    step = math.ceil(max(image.shape[:2]) / limit)
    if step == 1:
        return image
    rows, columns = (max(n // step, 1) for n in image.shape[:2])
    tall, wide = (step if n >= step else 1 for n in image.shape[:2])
    cut = image[: rows * tall, : columns * wide]
    return cut.reshape(rows, tall, columns, wide, *image.shape[2:]).mean(axis=(1, 3))


def central_slice(array: np.ndarray, axis: int) -> np.ndarray:
    """The central slice of a volume `(channel, *axes)` across an axis, `(channel, row, column)`."""
    return np.take(array, array.shape[axis + 1] // 2, axis=axis + 1)


def flat(array: np.ndarray) -> np.ndarray:
    """An image as it is, and of a volume the central slice across its first axis."""
    return array if array.ndim == 3 else central_slice(array, 0)


def real_part(response: np.ndarray) -> np.ndarray:
    """Return the modulus of complex responses, and others as they are."""
    return np.abs(response) if np.iscomplexobj(response) else response


def draw_tile(
    ax: Axes, image: np.ndarray, column: float, row: float, *, cmap: str = "gray", limit: float | None = None
) -> float:
    """A picture in the unit square at (column, row), in its own proportions, with a small margin; where it ends."""
    height, width = image.shape[:2]
    across, down = 0.94 * width / max(height, width), 0.94 * height / max(height, width)
    left, top = column + (1 - across) / 2, row + (1 - down) / 2
    ax.imshow(
        image,
        cmap=cmap,
        interpolation="none",
        extent=(left, left + across, top + down, top),
        vmin=None if limit is None else -limit,
        vmax=limit,
    )
    return top + down


def tiled(ax: Axes, columns: float, rows: float, *, below: float = 0.0) -> Axes:
    """Finish axes that hold tiles."""
    ax.set_xlim(0, columns)
    ax.set_ylim(rows + below, 0)
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    return ax


def ramp(n: int) -> list[Any]:
    """Colours from blue to vermilion, in order, all dark enough to read on white."""
    ends = np.array([[0.0, 0.27, 0.55], [0.0, 0.58, 0.55], [0.78, 0.33, 0.0]])
    at = np.linspace(0, 2, n) if n > 1 else np.zeros(1)
    return [tuple(float(np.interp(a, [0, 1, 2], ends[:, c])) for c in range(3)) for a in at]


def log_axis(ax: Axes) -> None:
    """Make the horizontal axis logarithmic, with plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(float(value))))
    ax.xaxis.set_minor_locator(NullLocator())


def set_ticks(axis: Any, at: Any, labels: Sequence[str], *, rotation: float = 0) -> None:
    """Ticks whose labels are taken as they are: a dollar sign starts no formula."""
    axis.set_ticks(at, labels=list(labels), parse_math=False, rotation=rotation)


def say(ax: Axes, x: float, y: float, text: str, *, va: str, size: str) -> None:
    """Write a text, centred, taken as it is."""
    ax.text(x, y, text, ha="center", va=va, fontsize=size, color=INK, parse_math=False)


def bare(ax: Axes) -> None:
    """Take the top and right borders off."""
    ax.spines[["top", "right"]].set_visible(False)


def time_label(rate: float | None) -> str:
    """Return the label of a time axis."""
    return "time (samples)" if rate is None else "time (s)"


def frequency_unit(rate: float | None) -> str:
    """Return the unit of frequencies."""
    return "cycles/sample" if rate is None else "Hz"


def number(value: float) -> str:
    """Three or four digits, never in powers of ten where it can be read without."""
    if value and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.3g}"
    digits = 3 - math.floor(math.log10(abs(value))) - 1 if value else 0
    text = f"{value:.{max(digits, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def short(text: Any, limit: int = 28) -> str:
    """One line of printable characters, at most so many, the middle left out."""
    line = "".join(c if c.isprintable() else " " for c in str(text))
    if len(line) <= limit:
        return line
    tail = (limit - 1) // 3
    return f"{line[: limit - 1 - tail]}…{line[len(line) - tail :]}"


def sort_key(value: Any) -> tuple[int, Any]:
    """Numbers by size, then the rest by name, so that labels of several types sort."""
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    return (0, value) if number else (1, str(value))
