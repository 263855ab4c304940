"""Figures of evaluations: intervals, curves, invariance, importance by frequency, calibration, and what decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from filterbank.errors import InputError, invalid
from filterbank.plots.drawing import (
    COLOURS,
    GREY,
    INK,
    MARKERS,
    WIDTH,
    axes_or_new,
    bare,
    drawn_signal,
    flat,
    log_axis,
    picture_of,
    set_ticks,
    short,
    time_label,
)

__all__ = [
    "plot_calibration",
    "plot_decision",
    "plot_importance_spectrum",
    "plot_intervals",
    "plot_invariance",
    "plot_learning",
    "plot_progressive",
]

GRID = {"color": "#E6E6E6", "linewidth": 0.7}


def plot_intervals(
    labels: Sequence[Any],
    values: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    *,
    reference: float | None = None,
    xlabel: str = "score",
    ax: Axes | None = None,
) -> Axes:
    """Draw values with their intervals below each other: a forest plot.

    Parameters
    ----------
    labels : sequence, (row,)
    values, low, high : arrays, (row,)
        The first row is drawn at the top. An interval of NaN isn't drawn.
    reference : float, optional
        A line: chance, or no difference. Rows whose interval doesn't reach it are blue, others grey.
    xlabel : str
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> ax = plot_intervals(["gabor", "summary"], [0.8, 0.6], [0.7, 0.4], [0.9, 0.8], reference=0.5)
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['gabor', 'summary']
    """
    middle, lower, upper = (np.asarray(v, dtype=np.float64) for v in (values, low, high))
    if not len(labels) == len(middle) == len(lower) == len(upper) or not len(labels):
        raise InputError(
            f"{len(labels)} labels, {len(middle)} values, {len(lower)} and {len(upper)} bounds: they must be as many, "
            "and at least one."
        )
    ax = axes_or_new(ax, WIDTH, 0.8 + 0.22 * len(labels))
    for k in range(len(labels)):
        sure = reference is None or lower[k] > reference or upper[k] < reference
        colour = COLOURS[0] if sure else GREY
        ax.plot([lower[k], upper[k]], [k, k], color=colour, linewidth=1.6, solid_capstyle="butt")
        ax.plot(middle[k], k, "o", color=colour, markersize=5)
    if reference is not None:
        ax.axvline(reference, color=INK, linestyle="--", linewidth=1)
    set_ticks(ax.yaxis, np.arange(len(labels)), [short(label, 34) for label in labels])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.set_xlabel(xlabel)
    ax.grid(axis="x", **GRID)  # type: ignore[arg-type]
    ax.set_axisbelow(True)
    bare(ax)
    return ax


def plot_learning(
    units: ArrayLike,
    scores: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    *,
    unit: str = "signal",
    chance: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the score against how many groups, or signals, are trained on, with its interval as a band.

    Parameters
    ----------
    units, scores, low, high : arrays, (size,)
        Such as the columns of `LearningCurve.table`.
    unit : str
        What is counted.
    chance : float, optional
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> plot_learning([2, 4, 8], [0.5, 0.6, 0.7], [0.4, 0.5, 0.6], [0.6, 0.7, 0.8], unit="group").get_xlabel()
    'groups in training'
    """
    ax = _band(units, scores, low, high, chance, axes_or_new(ax, WIDTH, 2.6))
    at = np.asarray(units, dtype=np.float64)
    if len(at) and at.min() > 0 and at.max() > 4 * at.min():
        log_axis(ax)
    ax.set_xlabel(f"{unit}s in training")
    return ax


def plot_progressive(
    n_components: ArrayLike,
    scores: ArrayLike,
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
    *,
    label: str = "",
    chance: float | None = None,
    what: str = "principal components",
    ax: Axes | None = None,
) -> Axes:
    """Draw the score against the number of components, with its interval as a band; call it again to add a curve.

    Parameters
    ----------
    n_components, scores : arrays, (count,)
        Such as `Progressive.n_components` and `Progressive.scores`.
    low, high : arrays, (count,), optional
    label : str
        For the legend.
    chance : float, optional
    what : str
        What is counted.
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> ax = plot_progressive([1, 2, 3], [0.5, 0.7, 0.6], [0.4, 0.6, 0.5], [0.6, 0.8, 0.7], label="1-nn")
    >>> ax = plot_progressive([1, 2, 3], [0.4, 0.5, 0.6], label="lda", ax=ax)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['1-nn, best 0.70 at 2', 'lda, best 0.60 at 3']
    """
    ax = axes_or_new(ax, WIDTH, 2.6)
    counts, values = np.asarray(n_components), np.asarray(scores, dtype=np.float64)
    if len(counts) != len(values) or not len(counts):
        raise InputError(f"{len(counts)} numbers of components and {len(values)} scores: they must be as many.")
    drawn = [line for line in ax.lines if line.get_gid() == "progressive"]
    colour = COLOURS[len(drawn) % len(COLOURS)]
    if low is not None and high is not None:
        ax.fill_between(counts, np.asarray(low, float), np.asarray(high, float), color=colour, alpha=0.15, linewidth=0)
    best = int(values.argmax())
    (line,) = ax.plot(counts, values, color=colour, linewidth=1.5, gid="progressive")
    ax.plot(counts[best], values[best], "o", color=colour, markersize=5)
    line.set_label(f"{label}{', ' if label else ''}best {values[best]:.2f} at {counts[best]}")
    if chance is not None and not any(other.get_gid() == "chance" for other in ax.lines):
        ax.axhline(chance, color=INK, linestyle="--", linewidth=1, gid="chance", label="chance")
    _scores_axis(ax)
    ax.set_xlabel(what)
    handles = [h for h in ax.lines if h.get_gid() in ("progressive", "chance")]
    box = ax.legend(handles, [str(h.get_label()) for h in handles], frameon=False, loc="lower right")
    for text in box.get_texts():
        text.set_parse_math(False)
    return ax


def _band(x: Any, scores: Any, low: Any, high: Any, chance: float | None, ax: Axes) -> Axes:
    at, middle, lower, upper = (np.asarray(v, dtype=np.float64) for v in (x, scores, low, high))
    if not len(at) == len(middle) == len(lower) == len(upper) or not len(at):
        raise InputError(
            f"{len(at)} sizes, {len(middle)} scores, {len(lower)} and {len(upper)} bounds: they must be as many."
        )
    ax.fill_between(at, lower, upper, color=COLOURS[0], alpha=0.15, linewidth=0)
    ax.plot(at, middle, "o-", color=COLOURS[0], markersize=4, linewidth=1.5)
    if chance is not None:
        ax.axhline(chance, color=INK, linestyle="--", linewidth=1)
        ax.annotate(
            "chance", (1, chance), xycoords=("axes fraction", "data"), xytext=(0, 2), textcoords="offset points",
            ha="right", va="bottom", color=INK,
        )  # fmt: skip
    _scores_axis(ax)
    return ax


def _scores_axis(ax: Axes) -> None:
    ax.set_ylim(-0.02, 1.02)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1], labels=["0", "0.25", "0.5", "0.75", "1"])
    ax.set_ylabel("score")
    ax.grid(axis="y", **GRID)  # type: ignore[arg-type]
    ax.set_axisbelow(True)
    bare(ax)


def plot_invariance(table: pd.DataFrame, *, nuisance: str | None = None, ax: Axes | None = None) -> Axes:
    """Place recipes on the plane of discrimination against invariance.

    Parameters
    ----------
    table : DataFrame
        `Examination.invariance`: `recipe`, `nuisance`, `score`, `invariance`.
    nuisance : str, optional
        One of the table's; None: the mean over all of them, with a thin line to each.
    ax : Axes, optional

    Returns
    -------
    Axes
        Upwards: features move less. To the right: classes are told better. Each recipe has its marker.

    Examples
    --------
    >>> table = pd.DataFrame({"recipe": ["a", "a", "b", "b"], "nuisance": ["shift", "gain"] * 2,
    ...                       "score": [0.9, 0.9, 0.6, 0.6], "invariance": [0.8, 0.5, 0.9, 0.9]})
    >>> plot_invariance(table, nuisance="gain").get_ylabel()
    'invariance to gain'
    """
    names = pd.unique(table["nuisance"]).tolist()
    if nuisance is not None and nuisance not in names:
        raise invalid("nuisance", nuisance, f"one of {', '.join(map(str, names))}")
    ax = axes_or_new(ax, WIDTH, 2.9)
    handles, recipes = [], pd.unique(table["recipe"]).tolist()
    for k, recipe in enumerate(recipes):
        rows = table[table["recipe"] == recipe]
        mine = rows if nuisance is None else rows[rows["nuisance"] == nuisance]
        score, height = float(mine["score"].iloc[0]), float(mine["invariance"].mean())
        colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
        if nuisance is None:
            ax.plot([score] * len(mine), mine["invariance"], "_", color=colour, markersize=7, alpha=0.7)
            ax.plot([score, score], [mine["invariance"].min(), mine["invariance"].max()], color=colour, linewidth=0.8)
        ax.plot(score, height, marker, color=colour, markersize=7)
        handles.append(Line2D([], [], color=colour, marker=marker, linestyle="none", markersize=6))
    ax.set_xlim(*_around(table["score"]))
    ax.set_ylim(-0.02, 1.02)
    ax.set_xlabel("discrimination (honest score)")
    ax.set_ylabel(f"invariance{' (mean)' if nuisance is None else f' to {nuisance}'}")
    ax.grid(**GRID)  # type: ignore[arg-type]
    ax.set_axisbelow(True)
    box = ax.legend(
        handles, [short(r, 24) for r in recipes], loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False,
        columnspacing=1, handletextpad=0.3,
    )  # fmt: skip
    for text in box.get_texts():
        text.set_parse_math(False)
    bare(ax)
    return ax


def _around(values: pd.Series) -> tuple[float, float]:
    """A range of scores with some room, at least 0.2 wide."""
    low, high = float(values.min()), float(values.max())
    room = max(0.05, (0.2 - (high - low)) / 2)
    return max(-0.02, low - room), min(1.02, high + room)


def plot_importance_spectrum(table: pd.DataFrame, *, unit: str = "cycles/sample", ax: Axes | None = None) -> Axes:
    """Draw how much accuracy hangs on each frequency, with intervals.

    Parameters
    ----------
    table : DataFrame
        Of `group_importance`, by frequency: `group` (the frequency), `loss`, `low`, `high`.
    unit : str
        Of the frequencies.
    ax : Axes, optional

    Returns
    -------
    Axes
        Logarithmic where frequencies span more than three octaves.

    Examples
    --------
    >>> table = pd.DataFrame({"group": [1.0, 2.0, 4.0], "loss": [0.0, 0.3, 0.1], "low": [-0.1, 0.2, 0.0],
    ...                       "high": [0.1, 0.4, 0.2]})
    >>> plot_importance_spectrum(table, unit="Hz").get_xlabel()
    'frequency (Hz)'
    """
    ax = axes_or_new(ax, WIDTH, 2.6)
    table = table.sort_values("group")
    at, loss, low, high = (table[c].to_numpy(dtype=np.float64) for c in ("group", "loss", "low", "high"))
    if not len(at):
        raise InputError("the table of importance has no row.")
    sure = low > 0
    ax.axhline(0, color=INK, linewidth=0.8)
    ax.plot(at, loss, color=COLOURS[0], linewidth=1, alpha=0.6)
    for mask, colour in ((sure, COLOURS[0]), (~sure, GREY)):
        bars = np.array([loss[mask] - low[mask], high[mask] - loss[mask]])
        ax.errorbar(at[mask], loss[mask], bars, fmt="o", color=colour, markersize=4, elinewidth=1.2)
    if at.min() > 0 and at.max() > 8 * at.min():
        log_axis(ax)
    ax.set_xlabel(f"frequency ({unit})")
    ax.set_ylabel("accuracy lost without it")
    ax.grid(axis="y", **GRID)  # type: ignore[arg-type]
    ax.set_axisbelow(True)
    bare(ax)
    return ax


def plot_calibration(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how often a model is right against how sure it is: the reliability curve.

    Parameters
    ----------
    table : DataFrame
        `Calibration.table`: `confidence`, `accuracy`, `low`, `high`, `n`.
    ax : Axes, optional

    Returns
    -------
    Axes
        The dashed line is a perfectly calibrated model; the number of signals is written above each bin.

    Examples
    --------
    >>> table = pd.DataFrame({"confidence": [0.6, 0.9], "accuracy": [0.5, 0.8], "low": [0.3, 0.7],
    ...                       "high": [0.7, 0.9], "n": [20, 80]})
    >>> plot_calibration(table).get_xlabel()
    'confidence'
    """
    ax = axes_or_new(ax, WIDTH, 3.2)
    told, right, low, high = (table[c].to_numpy(dtype=np.float64) for c in ("confidence", "accuracy", "low", "high"))
    ax.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=1)
    known = np.isfinite(low)
    bars = np.clip([right[known] - low[known], high[known] - right[known]], 0, None)
    ax.errorbar(told[known], right[known], bars, fmt="none", ecolor=COLOURS[0], elinewidth=1.2)
    ax.plot(told, right, "o-", color=COLOURS[0], markersize=5, linewidth=1.2)
    for x, n in zip(told, table["n"]):
        ax.annotate(
            str(n), (x, 1), xycoords=("data", "axes fraction"), xytext=(0, 2), textcoords="offset points",
            ha="center", color=GREY, fontsize="small",
        )  # fmt: skip
    ax.set_xlim(max(0.0, float(told.min()) - 0.08), 1.03)
    ax.set_ylim(-0.02, 1.05)
    ax.set_xlabel("confidence")
    ax.set_ylabel("share that is right")
    ax.grid(**GRID)  # type: ignore[arg-type]
    ax.set_axisbelow(True)
    bare(ax)
    return ax


def plot_decision(
    signal: Any,
    where: Sequence[np.ndarray],
    salience: np.ndarray,
    *,
    rate: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a signal with the places marked at which decisive responses fired.

    Parameters
    ----------
    signal : array, (*axes) or (channel, *axes)
        Of a series or sound, the mean over channels is drawn; of a volume, the slice with the most.
    where : sequence of array
        For each axis, the samples at which `salience` is given: `Decision.where`.
    salience : array, (*positions)
        From 0 to 1.
    rate : float, optional
        Samples per second of a series or sound.
    ax : Axes, optional

    Returns
    -------
    Axes
        The darker the red, the more.

    Examples
    --------
    >>> plot_decision(np.zeros(50), [np.arange(10, 40)], np.linspace(0, 1, 30)).get_xlabel()
    'time (samples)'
    """
    n_axes = len(where)
    array = drawn_signal(signal, n_axes)
    level = np.asarray(salience, dtype=np.float64)
    if level.shape != tuple(map(len, where)):
        raise InputError(f"salience has shape {level.shape} for {tuple(map(len, where))} positions.")
    if n_axes == 1:
        return _marked_line(array.mean(axis=0), where[0], level, rate, axes_or_new(ax, WIDTH, 1.5))
    if n_axes == 3:
        plane = int(level.max(axis=(1, 2)).argmax())
        array, level = array[:, int(where[0][plane])], level[plane]
    else:
        array = flat(array)
    rows, columns = (np.asarray(w, dtype=np.float64) for w in where[-2:])
    height, width = array.shape[-2:]
    ax = axes_or_new(ax, WIDTH * 0.7, WIDTH * 0.7 * height / width)
    ax.imshow(picture_of(array), cmap="gray", interpolation="none", extent=(-0.5, width - 0.5, height - 0.5, -0.5))
    step = max(1, len(rows) // 96, len(columns) // 96)
    level, rows, columns = level[::step, ::step], rows[::step], columns[::step]
    cover = np.zeros((*level.shape, 4))
    cover[...] = (0.84, 0.37, 0.0, 0.0)
    cover[..., 3] = 0.75 * level
    down, across = ((_step(v) / 2) for v in (rows, columns))
    extent = (columns[0] - across, columns[-1] + across, rows[-1] + down, rows[0] - down)
    ax.imshow(cover, interpolation="nearest", extent=extent)
    ax.set_xlim(-0.5, width - 0.5)
    ax.set_ylim(height - 0.5, -0.5)
    ax.set_axis_off()
    return ax


def _step(values: np.ndarray) -> float:
    return float(values[1] - values[0]) if len(values) > 1 else 1.0


def _marked_line(line: np.ndarray, at: np.ndarray, level: np.ndarray, rate: float | None, ax: Axes) -> Axes:
    from filterbank.plots.drawing import drawable

    per = rate or 1.0
    low, high = float(line.min()), float(line.max())
    room = 0.06 * ((high - low) or 1.0)
    n = min(200, len(level))
    bounds = np.linspace(0, len(level), n + 1).astype(int)
    tops = np.maximum.reduceat(level, bounds[:-1])
    edges = (at[0] + (at[-1] + 1 - at[0]) * np.arange(n + 1) / n - 0.5) / per
    for k in np.flatnonzero(tops > 0.02):
        ax.fill_between(
            edges[k : k + 2], low - room, high + room, color=COLOURS[1], alpha=0.65 * float(tops[k]), linewidth=0
        )
    x, values = drawable(np.arange(len(line)), line)
    ax.plot(x / per, values, color=INK, linewidth=0.9)
    ax.set_xlim(-0.5 / per, (len(line) - 0.5) / per)
    ax.set_ylim(low - room, high + room)
    ax.set_xlabel(time_label(rate))
    ax.set_ylabel("value")
    bare(ax)
    return ax
