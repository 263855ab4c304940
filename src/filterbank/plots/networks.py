"""Figures of networks: how they learned, their filters, what excites them, and how like Gabor filters they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from filterbank.engine import respond
from filterbank.errors import InputError
from filterbank.plots.drawing import (
    COLOURS,
    GREY,
    INK,
    MAX_PIXELS,
    WIDTH,
    axes_or_new,
    bare,
    draw_row,
    draw_tile,
    evenly,
    flat,
    picture_of,
    ramp,
    say,
    shrunk,
    stacked,
    tiled,
    time_label,
)
from filterbank.signals import as_signal

__all__ = [
    "plot_activations",
    "plot_epochs",
    "plot_exciting",
    "plot_gabor_fit",
    "plot_learned_filters",
]


def plot_epochs(history: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the accuracy of a network after each epoch, and of the part that was held out.

    Parameters
    ----------
    history : DataFrame
        `history_` of a `ConvNetClassifier`.
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> history = pd.DataFrame({"epoch": [1, 2], "accuracy": [0.5, 0.8], "validation_accuracy": [0.5, 0.7]})
    >>> len(plot_epochs(history).lines)
    2
    """
    ax = axes_or_new(ax, WIDTH, 2.6)
    ax.plot(history["epoch"], history["accuracy"], color=COLOURS[0], marker="o", markersize=3, label="while it learned")
    if "validation_accuracy" in history:
        ax.plot(
            history["epoch"],
            history["validation_accuracy"],
            color=COLOURS[1],
            marker="s",
            markersize=3,
            label="held out",
        )
    ax.legend(frameon=False, loc="lower right")
    ax.set_xlabel("epoch")
    ax.set_ylabel("accuracy")
    ax.locator_params(axis="x", integer=True)
    bare(ax)
    return ax


def plot_learned_filters(
    filters: np.ndarray,
    *,
    beside: Sequence[np.ndarray] | None = None,
    rate: float | None = None,
    n: int = 32,
    ax: Axes | None = None,
) -> Axes:
    """Draw a network's filters: tiles in two dimensions, curves in one, each beside the snippet that excites it most.

    Parameters
    ----------
    filters : array
        `(filter, input, *size)`; see `filterbank.convnet.learned_filters`; the first input's are drawn.
    beside : sequence of array, optional
        Of one axis: for each filter what it is drawn over, thin and grey, such as `patch` of `most_exciting`.
    rate : float, optional
        Samples per second.
    n : int
        If there are more, as many, evenly spaced.
    ax : Axes, optional

    Returns
    -------
    Axes
        Each in its own range; of tiles white is positive.

    Examples
    --------
    >>> len(plot_learned_filters(np.random.default_rng(0).normal(size=(5, 1, 3, 3))).images)
    5
    """
    filters = np.asarray(filters)
    if filters.ndim not in (3, 4, 5):
        raise InputError(f"filters have shape {filters.shape}, which is not (filter, input, *size).")
    keep = evenly(np.arange(len(filters)), n)
    if filters.ndim == 3:
        ax = axes_or_new(ax, WIDTH, 0.8 + 0.3 * len(keep))
        for row, (i, colour) in enumerate(zip(keep, ramp(len(keep)))):
            if beside is not None:
                draw_row(ax, np.asarray(beside[i]).reshape(1, -1), row, rate, GREY)
            draw_row(ax, filters[i, :1], row, rate, colour)
        stacked(ax, len(keep), np.arange(len(keep)), [str(i) for i in keep], time_label(rate))
        ax.set_ylabel("filter")
        return ax
    columns = min(8, len(keep))
    rows = math.ceil(len(keep) / columns)
    ax = axes_or_new(ax, WIDTH, 0.2 + rows * 1.15 * WIDTH / columns)
    for k, i in enumerate(keep):
        kernel = filters[i, 0] if filters.ndim == 4 else filters[i, 0, filters.shape[2] // 2]
        end = draw_tile(ax, kernel, k % columns, 1.15 * (k // columns), limit=float(np.abs(kernel).max()) or 1.0)
        say(ax, k % columns + 0.5, end + 0.01, str(i), va="top", size="x-small")
    return tiled(ax, columns, rows * 1.15)


def plot_activations(
    network: Any, signal: np.ndarray, *, layer: str | None = None, n: int = 7, ax: Axes | None = None
) -> Axes:
    """Draw a signal and the responses of some filters of a network to it.

    Parameters
    ----------
    network : ConvNetClassifier
        Fitted.
    signal : array, (*axes) or (channel, *axes)
    layer : str, optional
        None: the last that answers at every position.
    n : int
        Filters, evenly spaced.
    ax : Axes, optional

    Returns
    -------
    Axes
        Each in its own range.
    """
    array = as_signal(signal, network.n_axes_)
    local, where = respond(network.as_bank(layer), array)
    keep = evenly(np.arange(len(local)), n)
    if array.ndim == 2:
        ax = axes_or_new(ax, WIDTH, 0.8 + 0.42 * (len(keep) + 1))
        draw_row(ax, array, 0, network.rate_, INK)
        for row, (i, colour) in enumerate(zip(keep, ramp(len(keep))), 1):
            draw_row(ax, local[i][None], row, network.rate_, colour, at=where[0])
        labels = ["signal", *(f"filter {i}" for i in keep)]
        stacked(ax, len(labels), np.arange(len(labels)), labels, time_label(network.rate_))
        return ax
    columns = min(4, len(keep) + 1)
    rows = math.ceil((len(keep) + 1) / columns)
    ax = axes_or_new(ax, WIDTH, 0.2 + rows * 1.2 * WIDTH / columns)
    tiles = [(picture_of(flat(array)), "signal", "gray")]
    for i in keep:
        response = local[i] if local.ndim == 3 else local[i][local.shape[1] // 2]
        tiles.append((shrunk(response, MAX_PIXELS), f"filter {i}", "viridis"))
    for k, (image, label, cmap) in enumerate(tiles):
        end = draw_tile(ax, image, k % columns, 1.2 * (k // columns), cmap=cmap)
        say(ax, k % columns + 0.5, end + 0.01, label, va="top", size="small")
    return tiled(ax, columns, rows * 1.2)


def plot_exciting(found: Sequence[Any], *, rate: float | None = None, ax: Axes | None = None) -> Axes:
    """Draw what excites the filters of a network most, a row a filter.

    Parameters
    ----------
    found : sequence of Exciting
        See `filterbank.convnet.most_exciting`.
    rate : float, optional
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    names = sorted({one.filter for one in found})
    if not names:
        raise InputError("found is empty; pass what most_exciting returned.")
    columns = max(sum(one.filter == name for one in found) for name in names)
    if found[0].patch.ndim == 2:
        ax = axes_or_new(ax, WIDTH, 0.8 + 0.34 * len(names))
        for row, (name, colour) in enumerate(zip(names, ramp(len(names)))):
            for one in [one for one in found if one.filter == name]:
                draw_row(ax, one.patch, row, rate, colour)
        stacked(ax, len(names), np.arange(len(names)), [f"filter {name}" for name in names], time_label(rate))
        return ax
    across = columns * math.ceil(8 / columns)  # several filters in a row of tiles
    per_row = across // columns
    rows = math.ceil(len(names) / per_row)
    ax = axes_or_new(ax, WIDTH, 0.2 + rows * 1.25 * WIDTH / across)
    for k, name in enumerate(names):
        left, top = (k % per_row) * columns, 1.25 * (k // per_row)
        end = top
        for column, one in enumerate(one for one in found if one.filter == name):
            end = draw_tile(ax, picture_of(flat(one.patch)), left + column, top)
        say(ax, left + columns / 2, end + 0.01, str(name), va="top", size="x-small")
    return tiled(ax, across, rows * 1.25)


def plot_gabor_fit(fits: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how much of each learned filter a Gabor function leaves unexplained, and how rare that is by chance.

    Parameters
    ----------
    fits : DataFrame
        See `filterbank.convnet.fit_gabor`.
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> fits = pd.DataFrame({"filter": [0, 1], "residual": [0.1, 0.4], "rank": [0.02, 0.6]})
    >>> plot_gabor_fit(fits).get_xlabel()
    'share of energy that a Gabor function leaves'
    """
    ax = axes_or_new(ax, WIDTH, 2.6)
    rare = (fits["rank"] < 0.05).to_numpy()
    for mask, colour, marker, label in (
        (rare, COLOURS[0], "o", "better than 95 % of random filters"),
        (~rare, COLOURS[1], "s", "as a random filter"),
    ):
        if mask.any():
            ax.scatter(
                fits["residual"][mask],
                fits["rank"][mask],
                c=colour,
                marker=marker,
                s=22,
                label=f"{label}: {mask.sum()}",
            )
    ax.set_xlabel("share of energy that a Gabor function leaves")
    ax.set_ylabel("share of random filters\nfitted at least as well")
    ax.set_xlim(left=0)
    ax.set_ylim(-0.03, 1.03)
    ax.legend(frameon=False, loc="lower right")
    bare(ax)
    return ax
