"""Figures of kernels, of what frequencies they let through, and of responses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from filterbank.errors import InputError, invalid
from filterbank.plots.drawing import (
    INK,
    MAX_PIXELS,
    WIDTH,
    axes_or_new,
    bare,
    central_slice,
    draw_row,
    draw_tile,
    evenly,
    flat,
    frequency_unit,
    log_axis,
    picture_of,
    ramp,
    real_part,
    say,
    set_ticks,
    short,
    shrunk,
    stacked,
    tiled,
    time_label,
)
from filterbank.plots.labels import heading, kernel_labels, known, response_labels, value_of
from filterbank.signals import as_signal

__all__ = ["plot_kernels", "plot_responses", "plot_spectrum_of_bank"]


def plot_kernels(bank: Any, *, rate: float | None = None, max_kernels: int = 48, ax: Axes | None = None) -> Axes:
    """Draw the kernels of a bank: curves in 1-D, tiles in 2-D, three central slices each in 3-D; each in its own range.

    Parameters
    ----------
    bank : Bank
        Prepared, such as `representation.bank_`. Of complex kernels the real part is drawn, in 1-D the
        imaginary part too (thin, dashed).
    rate : float, optional
        Samples per second, for the axis of 1-D kernels.
    max_kernels : int
        If there are more, as many, evenly spaced.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        If the bank isn't prepared or has no kernels.

    Examples
    --------
    >>> from filterbank.banks import GaborBank
    >>> from filterbank.signals import SignalInfo
    >>> bank = GaborBank(n_frequencies=3).prepare(SignalInfo(1, 1, rate=100), np.random.default_rng(0))
    >>> ax = plot_kernels(bank, rate=100)
    >>> ax.get_ylabel(), [text.get_text() for text in ax.get_yticklabels()]
    ('frequency (Hz)', ['25', '12.5', '6.25'])
    """
    kernels, rows = _kernels(bank)
    keep = evenly(np.arange(len(kernels)), max_kernels)
    kernels, rows = [kernels[i] for i in keep], [rows[i] for i in keep]
    labels, title = kernel_labels(rows)
    if kernels[0].ndim == 1:
        return _kernel_curves(kernels, labels, title, rate, ax)
    if kernels[0].ndim == 2:
        return _kernel_tiles(kernels, rows, labels, title, ax)
    return _kernel_slices(kernels, labels, ax)


def plot_spectrum_of_bank(bank: Any, *, rate: float | None = None, ax: Axes | None = None) -> Axes:
    """Draw how much of each frequency the kernels of a 1-D bank let through.

    Parameters
    ----------
    bank : Bank
        Prepared, of one axis.
    rate : float, optional
        Samples per second: the axis is then in hertz, else in cycles per sample. It's logarithmic where the kernels'
        frequencies span more than three octaves.
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> from filterbank.banks import GaborBank
    >>> from filterbank.signals import SignalInfo
    >>> bank = GaborBank(n_frequencies=3).prepare(SignalInfo(1, 1), np.random.default_rng(0))
    >>> len(plot_spectrum_of_bank(bank).lines)
    3
    """
    kernels, rows = _kernels(bank)
    if kernels[0].ndim != 1:
        raise InputError(f"the bank has {kernels[0].ndim} axes; frequency responses are drawn for one axis only.")
    readout = getattr(bank, "readout", "real")
    if readout in ("real", "imaginary"):
        kernels = [k.real if readout == "real" else k.imag for k in kernels]
    ax = axes_or_new(ax, WIDTH, 2.4)
    centres = [row["frequency"] for row in rows if known(row, "frequency") and row["frequency"] > 0]
    logarithmic = len(centres) == len(rows) and max(centres) > 8 * min(centres)
    size = max(4096, 2 ** math.ceil(math.log2(4 * max(map(len, kernels)))))
    frequency = np.arange(size // 2 + 1) / size
    lowest = 0.0
    if logarithmic:
        lowest = min(centres) / (rate or 1.0) / 2
        wanted = np.geomspace(max(lowest, frequency[1]), 0.5, 400)
    else:
        wanted = np.linspace(0, 0.5, 400)
    for kernel, colour in zip(kernels, ramp(len(kernels))):
        gain = np.abs(np.fft.fft(kernel, size))[: size // 2 + 1]
        ax.plot(wanted * (rate or 1.0), np.interp(wanted, frequency, gain), color=colour, linewidth=1.2)
    if logarithmic:
        log_axis(ax)
    ax.set_xlim(wanted[0] * (rate or 1.0), 0.5 * (rate or 1.0))
    ax.set_ylim(bottom=0)
    ax.set_xlabel(f"frequency ({frequency_unit(rate)})")
    ax.set_ylabel("gain")
    bare(ax)
    return ax


def plot_responses(
    representation: Any,
    signal: np.ndarray,
    *,
    features: Sequence[str] | None = None,
    n: int = 4,
    ax: Axes | None = None,
) -> Axes:
    """Draw a signal and, under or beside it, the responses that a few features were pooled from.

    Parameters
    ----------
    representation : Representation
        Fitted.
    signal : array, (*axes) or (channel, *axes)
    features : sequence of str, optional
        Names of features; None: of `n` responses, evenly spaced over the bank.
    n : int
        Not used if `features` are given.
    ax : Axes, optional

    Returns
    -------
    Axes
        Each in its own range.

    Examples
    --------
    >>> from filterbank import GaborBank, Moments, Representation
    >>> X = np.random.default_rng(0).normal(size=(3, 100))
    >>> representation = Representation(GaborBank(n_frequencies=3), Moments(["mean"])).fit(X)
    >>> [text.get_text() for text in plot_responses(representation, X[0], n=2).get_yticklabels()]
    ['signal', '0.25', '0.0625']
    """
    table = representation.feature_table_
    if features is None:
        firsts = table.drop_duplicates("response")["feature"].tolist()
        features = [firsts[i] for i in evenly(np.arange(len(firsts)), n)]
    if not len(features):
        raise invalid("features", features, "a sequence of at least one feature's name")
    found = [representation.explain(signal, name) for name in features]
    rows = [table[table["feature"] == name].iloc[0].to_dict() for name in features]
    labels, title = response_labels(rows)
    array = as_signal(signal, representation.bank_.n_axes)
    rate = getattr(representation, "rate_", None)
    if array.ndim == 2:
        ax = axes_or_new(ax, WIDTH, 0.8 + 0.42 * (len(found) + 1))
        draw_row(ax, array, 0, rate, INK)
        for row, (explanation, colour) in enumerate(zip(found, ramp(len(found))), 1):
            draw_row(ax, real_part(explanation.response)[np.newaxis], row, rate, colour, at=explanation.where[0])
        stacked(ax, len(found) + 1, np.arange(len(found) + 1), ["signal", *labels], time_label(rate))
        ax.set_ylabel(title)
        return ax
    columns = min(3, len(found) + 1)
    n_rows = math.ceil((len(found) + 1) / columns)
    height = 1.25
    ax = axes_or_new(ax, WIDTH, 0.3 + n_rows * height * WIDTH / columns)
    end = draw_tile(ax, picture_of(flat(array)), 0, 0)
    say(ax, 0.5, end + 0.04, "signal", va="top", size="small")
    for k, (explanation, label) in enumerate(zip(found, labels), 1):
        response = real_part(explanation.response)
        if response.ndim == 3:
            response = response[response.shape[0] // 2]
        x, y = k % columns, (k // columns) * height
        end = draw_tile(ax, shrunk(response, MAX_PIXELS), x, y, cmap="viridis")
        say(ax, x + 0.5, end + 0.04, label, va="top", size="small")
    tiled(ax, columns, n_rows * height)
    ax.set_xlabel(title.replace("\n", " "))
    return ax


def _kernels(bank: Any) -> tuple[list[np.ndarray], list[dict[str, Any]]]:
    kernels = getattr(bank, "kernels_", None)
    if kernels is None:
        raise InputError(
            f"{type(bank).__name__} has no kernels to draw. "
            "Pass a prepared bank, such as representation.bank_ after fit."
        )
    rows = getattr(bank, "kernel_table_", None) or [{"kernel": f"filter{i}"} for i in range(len(kernels))]
    return list(kernels), [dict(row) for row in rows]


def _kernel_curves(
    kernels: list[np.ndarray], labels: list[str], title: str, rate: float | None, ax: Axes | None
) -> Axes:
    ax = axes_or_new(ax, WIDTH, 0.8 + 0.24 * len(kernels))
    for row, (kernel, colour) in enumerate(zip(kernels, ramp(len(kernels)))):
        x = (np.arange(len(kernel)) - len(kernel) // 2) / (rate or 1.0)
        scale = 0.48 / (np.abs(kernel).max() or 1.0)
        if np.iscomplexobj(kernel):
            ax.plot(x, row - kernel.imag * scale, color=colour, linewidth=0.7, linestyle="--", alpha=0.7)
        ax.plot(x, row - kernel.real * scale, color=colour, linewidth=1.1)
    stacked(ax, len(kernels), np.arange(len(kernels)), [short(label, 30) for label in labels], time_label(rate))
    ax.set_ylabel(title)
    return ax


def _kernel_tiles(
    kernels: list[np.ndarray], rows: list[dict[str, Any]], labels: list[str], title: str, ax: Axes | None
) -> Axes:
    grid = _grid(rows)
    if grid is None:
        columns = min(5, len(kernels))
        n_rows, height = math.ceil(len(kernels) / columns), 1.3
    else:
        n_rows, columns = len(kernels) // grid[2], grid[2]
        height = 1.0
    ax = axes_or_new(
        ax, WIDTH, 0.2 + n_rows * height * WIDTH / columns if grid is None else 0.6 + n_rows * (WIDTH - 1.3) / columns
    )
    for k, kernel in enumerate(kernels):
        real = kernel.real
        draw_tile(ax, real, k % columns, (k // columns) * height, cmap="RdBu_r", limit=float(np.abs(real).max()) or 1.0)
        if grid is None:
            say(ax, k % columns + 0.5, (k // columns) * height + 1.02, short(labels[k], 16), va="top", size="small")
    tiled(ax, columns, n_rows * height)
    if grid is None:
        return ax
    down, across, _ = grid
    firsts = [kernels[k * columns] for k in range(n_rows)]
    sizes = [f"{value_of(rows[k * columns], down)}\n{k_.shape[0]} x {k_.shape[1]}" for k, k_ in enumerate(firsts)]
    set_ticks(ax.yaxis, np.arange(n_rows) + 0.5, sizes)
    set_ticks(ax.xaxis, np.arange(columns) + 0.5, [value_of(row, across) for row in rows[:columns]])
    ax.set_ylabel(f"{heading(down, rows[0])},\nsize (samples)")
    ax.set_xlabel(heading(across, rows[0]))
    return ax


def _kernel_slices(kernels: list[np.ndarray], labels: list[str], ax: Axes | None) -> Axes:
    columns, height = min(3, len(kernels)), 1.6
    n_rows = math.ceil(len(kernels) / columns)
    ax = axes_or_new(ax, WIDTH, 0.3 + n_rows * height * WIDTH / (columns * 3.3))
    for k, kernel in enumerate(kernels):
        limit = float(np.abs(kernel.real).max()) or 1.0
        x, y = (k % columns) * 3.3, (k // columns) * height
        for axis in range(3):
            draw_tile(ax, central_slice(kernel.real[np.newaxis], axis)[0], x + axis, y, cmap="RdBu_r", limit=limit)
        say(ax, x + 1.5, y + 1.02, short(labels[k], 22), va="top", size="small")
    return tiled(ax, columns * 3.3 - 0.3, n_rows * height)


def _grid(rows: list[dict[str, Any]]) -> tuple[str, str, int] | None:
    """What changes down and across, and the number of columns, if the kernels form a table of two parameters."""
    for down, across in (("frequency", "orientation"), ("sigma", "order")):
        if not all(known(row, down) and known(row, across) for row in rows):
            continue
        columns = len({row[across] for row in rows})
        firsts = [row[across] for row in rows[:columns]]
        table = all(
            row[across] == firsts[k % columns] and row[down] == rows[k - k % columns][down]
            for k, row in enumerate(rows)
        )
        if table and columns <= 12 and len(rows) % columns == 0:
            return down, across, columns
    return None
