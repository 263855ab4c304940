"""Figures of signals and of a data set's examples."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from filterbank.errors import invalid
from filterbank.plots.drawing import (
    COLOURS,
    WIDTH,
    axes_or_new,
    central_slice,
    class_styles,
    draw_lines,
    draw_row,
    draw_tile,
    drawn_signal,
    evenly,
    flat,
    picture_of,
    say,
    set_ticks,
    short,
    sort_key,
    stacked,
    tiled,
    time_label,
)
from filterbank.signals import Dataset

__all__ = ["plot_examples", "plot_signal"]


def plot_signal(
    signal: np.ndarray,
    *,
    rate: float | None = None,
    n_axes: int | None = None,
    colour: str = COLOURS[0],
    max_pixels: int = 768,
    ax: Axes | None = None,
) -> Axes:
    """Draw a series (channels below each other), an image, or three central slices of a volume.

    Parameters
    ----------
    signal : array, (*axes) or (channel, *axes)
    rate : float, optional
        Samples per second along the last axis of a series.
    n_axes : {1, 2, 3}, optional
        None: 1 for a 1-D array; otherwise the first dimension is channels.
    colour : str
        Of a series' line.
    max_pixels : int
        A picture with a longer side is averaged down.
    ax : Axes, optional
        Drawn on this one; a new figure if not given.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        If the array doesn't fit, or seems to be an image that was passed without `n_axes`.

    Notes
    -----
    A line of more than 1,600 samples is drawn as the minimum and maximum of 500 stretches.

    Examples
    --------
    >>> plot_signal(np.sin(np.arange(100)), rate=50).get_xlabel()
    'time (s)'
    """
    array = drawn_signal(signal, n_axes)
    axes = array.ndim - 1
    if axes == 1:
        ax = axes_or_new(ax, WIDTH, 1.2 + 0.5 * len(array))
        draw_lines(ax, array, rate, colour)
        return ax
    if axes == 2:
        height = min(1.6 * WIDTH, max(0.8, WIDTH * array.shape[1] / array.shape[2]))
        ax = axes_or_new(ax, WIDTH, height)
        ax.imshow(
            picture_of(array, max_pixels),
            cmap="gray",
            interpolation="none",
            extent=(0, array.shape[2], array.shape[1], 0),
        )
        ax.set_xlabel("column (samples)")
        ax.set_ylabel("row (samples)")
        return ax
    ax = axes_or_new(ax, WIDTH, WIDTH / 3 + 0.5)
    for k, name in enumerate(("first", "second", "third")):
        draw_tile(ax, picture_of(central_slice(array, k), max_pixels), k, 0)
        say(ax, k + 0.5, 1.04, f"across the {name} axis", va="top", size="small")
    return tiled(ax, 3, 1, below=0.16)


def plot_examples(dataset: Dataset, *, n: int = 3, max_classes: int = 12, ax: Axes | None = None) -> Axes:
    """Draw some signals of each class: series below each other, each in its own range; images and slices as tiles.

    Parameters
    ----------
    dataset : Dataset
        Without a target, all signals count as one class.
    n : int
        Signals a class, evenly spaced over the data set.
    max_classes : int
        More classes aren't drawn.
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> from filterbank.signals import Signals
    >>> dataset = Dataset(Signals.wrap(np.random.default_rng(0).normal(size=(4, 50))),
    ...                   pd.DataFrame({"label": list("aabb")}), target="label")
    >>> [text.get_text() for text in plot_examples(dataset, n=1).get_yticklabels()]
    ['a', 'b']
    """
    if n < 1:
        raise invalid("n", n, "a positive number of signals")
    y = dataset.y if dataset.target is not None else np.full(len(dataset), "signals", dtype=object)
    classes = sorted(pd.unique(y).tolist(), key=sort_key)
    styles = class_styles(classes)
    classes = classes[:max_classes]
    chosen = {name: evenly(np.flatnonzero(y == name), n) for name in classes}
    ticks, row = [], 0
    if dataset.signals.n_axes > 1:
        ax = axes_or_new(ax, WIDTH, 0.3 + len(classes) * WIDTH / (n + 1))
        for row, name in enumerate(classes):
            for column, i in enumerate(chosen[name]):
                draw_tile(ax, picture_of(flat(dataset.signals[i])), column, row)
        tiled(ax, n, len(classes))
        set_ticks(ax.yaxis, np.arange(len(classes)) + 0.5, [short(c, 18) for c in classes])
        return ax
    ax = axes_or_new(ax, WIDTH, 0.8 + 0.3 * sum(map(len, chosen.values())))
    for name in classes:
        ticks.append(row + (len(chosen[name]) - 1) / 2)
        for i in chosen[name]:
            draw_row(ax, dataset.signals[i], row, dataset.signals.rate, styles[name][0])
            row += 1
    stacked(ax, row, ticks, [short(c, 18) for c in classes], time_label(dataset.signals.rate))
    return ax
