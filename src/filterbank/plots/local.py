"""Figures of local features: key points, descriptors on a grid, scattering, and textures' features side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.patches import Circle, Rectangle, Wedge

from filterbank.banks import HogBank, ScatteringBank, SiftBank
from filterbank.engine import respond
from filterbank.errors import InputError, invalid
from filterbank.keypoints import KeyPoints
from filterbank.plots.drawing import (
    COLOURS,
    GREY,
    INK,
    WIDTH,
    axes_or_new,
    bare,
    drawn_signal,
    number,
    picture_of,
    set_ticks,
    short,
    time_label,
)
from filterbank.signals import SignalInfo

__all__ = ["plot_descriptor_grid", "plot_features_beside", "plot_keypoints", "plot_scattering"]

WHOLE = 4000  # pixels along an axis: images are drawn without being averaged down
ON_PICTURE = ("#FFD60A", "#00E5FF")  # two colours that can be seen on greys and told apart
STEM = 1.4  # of a circle's radius: the line that tells its direction


def plot_keypoints(image: Any, points: KeyPoints, *, max_points: int = 500, ax: Axes | None = None) -> Axes:
    """Draw an image with its key points: a circle of each blob's size, and a line in the gradients' direction.

    Parameters
    ----------
    image : array, (*axes) or (channel, *axes)
    points : KeyPoints
        With two axes.
    max_points : int
        The strongest so many are drawn.
    ax : Axes, optional
        A new figure if not given.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from filterbank.keypoints import find_keypoints
    >>> image = np.random.default_rng(0).random((120, 120))
    >>> plot_keypoints(image, find_keypoints(image)).get_title().split()[1:]
    ['key', 'points']
    """
    if points.positions.shape[1] != 2:
        raise InputError(f"the points have {points.positions.shape[1]} axes; they are drawn on images, which have two.")
    ax = _draw_image(image, ax)
    shown = points[:max_points]
    radii = math.sqrt(2) * shown.scales
    circles = [Circle((x, y), r) for (y, x), r in zip(shown.positions, radii)]
    ax.add_collection(PatchCollection(circles, facecolor="none", edgecolor=INK, linewidth=2.0, alpha=0.6))
    ax.add_collection(PatchCollection(circles, facecolor="none", edgecolor=ON_PICTURE[0], linewidth=0.9))
    y, x = shown.positions.T
    ends = np.stack([x + STEM * radii * np.cos(shown.orientations), y + STEM * radii * np.sin(shown.orientations)], 1)
    stems = np.stack([np.stack([x, y], 1), ends], axis=1)
    ax.add_collection(LineCollection(list(stems), color=ON_PICTURE[0], linewidth=0.9))
    of = f" of {len(points)}" if len(shown) < len(points) else ""
    ax.set_title(f"{len(shown)}{of} key point{'' if len(points) == 1 else 's'}", fontsize="medium")
    return ax


def plot_descriptor_grid(
    image: Any, bank: SiftBank | HogBank, *, position: tuple[int, int] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw where a bank's descriptors lie on an image, and one of them: its cells, with their histograms as stars.

    Parameters
    ----------
    image : array, (*axes) or (channel, *axes)
        Of several channels the descriptor of the first is drawn.
    bank : SiftBank or HogBank
        With two axes; needn't be prepared.
    position : (int, int), optional
        Which descriptor, by its place in the grid. None: the one nearest to the middle.
    ax : Axes, optional
        A new figure if not given.

    Returns
    -------
    Axes

    Examples
    --------
    >>> plot_descriptor_grid(np.eye(64), SiftBank(hop=16)).get_title()
    '4 x 4 descriptors of 128 numbers, 16 samples apart'
    """
    if not isinstance(bank, (SiftBank, HogBank)) or bank.n_axes != 2:
        raise InputError(f"bank={bank!r} is no SiftBank or HogBank with two axes, which are what is drawn here.")
    array = drawn_signal(image, 2)
    prepared = bank.prepare(SignalInfo(2, len(array)), np.random.default_rng(0))
    responses, where = respond(prepared, array)
    counts = responses.shape[1:]
    if position is None:
        position = tuple(int(np.abs(at - n / 2).argmin()) for at, n in zip(where, array.shape[1:]))  # type: ignore[assignment]
    assert position is not None
    if len(position) != 2 or not all(0 <= p < n for p, n in zip(position, counts)):
        raise invalid("position", position, f"a place in the grid of {counts[0]} x {counts[1]} descriptors")
    ax = _draw_image(array, ax)
    rows, columns = np.meshgrid(*where, indexing="ij")
    ax.scatter(columns.ravel(), rows.ravel(), s=5, color=ON_PICTURE[0], edgecolors=INK, linewidths=0.3)
    n = len(responses) // len(array)
    middle = [int(at[p]) for at, p in zip(where, position)]
    _draw_descriptor(ax, array, prepared, middle, responses[(slice(0, n), *position)])
    hop = prepared.geometry.hop
    apart = f"{hop[0]}" if hop[0] == hop[1] else f"{hop[0]} x {hop[1]}"
    ax.set_title(f"{counts[0]} x {counts[1]} descriptors of {n} numbers, {apart} samples apart", fontsize="medium")
    return ax


def plot_scattering(
    bank: ScatteringBank, signal: Any, *, position: tuple[int, int] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw scattering coefficients: of one axis the first order over time, of an image both orders at a place.

    In the disc of an image, the first order is the upper half: a ring an octave, low frequencies inside, a sector an
    orientation. The second order is the lower half: each sector of the first is cut again into rings and sectors.

    Parameters
    ----------
    bank : ScatteringBank
        Needn't be prepared.
    signal : array, (*axes) or (channel, *axes)
        Of several channels the first is drawn.
    position : (int, int), optional
        Of an image: which position, by its place in the grid. None: the mean over all.
    ax : Axes, optional
        A new figure if not given.

    Returns
    -------
    Axes

    Examples
    --------
    >>> plot_scattering(ScatteringBank(1, J=4, Q=4), np.sin(np.arange(400.0))).get_ylabel()
    'frequency (cycles/sample)'
    """
    if not isinstance(bank, ScatteringBank):
        raise InputError(f"bank={bank!r} is no ScatteringBank.")
    if bank.order < 1:
        raise invalid("order", bank.order, "1 or 2", why="there are no wavelets to draw")
    array = drawn_signal(signal, bank.n_axes)[:1]
    prepared = bank.prepare(SignalInfo(bank.n_axes, 1), np.random.default_rng(0))
    values, where = respond(prepared, array)
    table = pd.DataFrame(prepared.response_table())
    if bank.n_axes == 1:
        return _draw_scalogram(values, where[0], table, ax)
    if position is None:
        chosen = values.mean(axis=(1, 2))
    elif len(position) == 2 and all(0 <= p < n for p, n in zip(position, values.shape[1:])):
        chosen = values[(slice(None), *position)]
    else:
        raise invalid("position", position, f"a place in the grid of {' x '.join(map(str, values.shape[1:]))}")
    return _draw_disc(chosen, table, int(bank.J), int(bank.L), ax)


def plot_features_beside(
    features: Any, table: pd.DataFrame, names: Sequence[str], *, statistic: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw one statistic of a few signals' features side by side: a group of bars a feature, a colour a signal.

    Parameters
    ----------
    features : array or DataFrame, (signal, feature)
    table : DataFrame
        The representation's `feature_table_`.
    names : sequence of str
        What the signals are called.
    statistic : str, optional
        Which of the statistics in the table; the first if not given.
    ax : Axes, optional
        A new figure if not given.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from filterbank import GaborBank, Moments, Representation
    >>> images = np.random.default_rng(0).random((2, 32, 32))
    >>> gabor = Representation(GaborBank(2), Moments(["mean"])).fit(images)
    >>> plot_features_beside(gabor.transform(images), gabor.feature_table_, ["a", "b"]).get_ylabel()
    'mean of the response'
    """
    values = np.asarray(features, dtype=float)
    if values.ndim != 2 or values.shape != (len(names), len(table)):
        raise InputError(
            f"features has shape {values.shape}, and there are {len(names)} names and {len(table)} rows in the table. "
            "Give one row a name and one column a row of the table."
        )
    statistics = list(dict.fromkeys(table["statistic"])) if "statistic" in table else []
    if statistic is not None and statistic not in statistics:
        raise invalid("statistic", statistic, f"one of {', '.join(statistics)}")
    if statistics:
        statistic = statistics[0] if statistic is None else statistic
        keep = (table["statistic"] == statistic).to_numpy()
        values, table = values[:, keep], table[keep]
    ax = axes_or_new(ax, max(WIDTH, 0.24 * len(table) + 1.2), 2.6)
    width = 0.84 / len(names)
    for i, (row, name) in enumerate(zip(values, names)):
        at = np.arange(len(table)) + (i - (len(names) - 1) / 2) * width
        ax.bar(at, row, width, color=COLOURS[i % len(COLOURS)], label=short(name))
    _label_groups(ax, table)
    ax.set_ylabel("response" if statistic is None else f"{statistic} of the response")
    ax.set_xlim(-0.7, len(table) - 0.3)
    ax.legend(frameon=False, fontsize="small", loc="lower right", bbox_to_anchor=(1, 1), ncols=len(names), borderpad=0)
    bare(ax)
    return ax


def _draw_image(image: Any, ax: Axes | None) -> Axes:
    """The image in grey or colour, with a place for each of its samples."""
    array = drawn_signal(image, 2)
    height, width = array.shape[1:]
    ax = axes_or_new(ax, WIDTH, WIDTH * height / width + 0.35)
    borders = (-0.5, width - 0.5, height - 0.5, -0.5)
    ax.imshow(picture_of(array, WHOLE), cmap="gray", interpolation="none", extent=borders)
    ax.set_xlim(-0.5, width - 0.5)
    ax.set_ylim(height - 0.5, -0.5)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_color(GREY)
    return ax


def _draw_descriptor(ax: Axes, array: np.ndarray, bank: SiftBank | HogBank, middle: Sequence[int], values: Any) -> None:
    """Frame a descriptor on an image, and draw it enlarged in the corner that is farthest from it."""
    rows = bank.response_table()[: len(values)]
    scale = float(rows[0]["scale"])
    half = bank.cells * scale / 2
    y, x = middle
    for colour, width in ((INK, 2.4), (ON_PICTURE[1], 1.2)):
        ax.add_patch(Rectangle((x - half, y - half), 2 * half, 2 * half, fill=False, edgecolor=colour, linewidth=width))
    height, width = array.shape[1:]
    side = 0.48
    across = side * min(1.0, height / width)  # square, of the picture's own shape in units of the axes
    down = side * min(1.0, width / height)
    left = 0.02 if x > width / 2 else 0.98 - across
    inset = ax.inset_axes((left, 0.02 if y < height / 2 else 0.98 - down, across, down))
    margin = 1.05 * half
    inset.imshow(
        picture_of(array, WHOLE), cmap="gray", alpha=0.6, extent=(-0.5, width - 0.5, height - 0.5, -0.5), aspect="auto"
    )
    inset.set_xlim(x - margin, x + margin)
    inset.set_ylim(y + margin, y - margin)
    inset.set_xticks([])
    inset.set_yticks([])
    inset.spines[:].set(color=ON_PICTURE[1], linewidth=1.5)
    longest = float(values.max()) or 1.0
    lines = []
    for row, value in zip(rows, values.tolist()):
        v, u = middle + np.array([float(o) for o in row["offset"].split(",")])
        inset.add_patch(
            Rectangle((u - scale / 2, v - scale / 2), scale, scale, fill=False, edgecolor=INK, linewidth=0.5)
        )
        arm = 0.48 * scale * value / longest * np.array([math.cos(row["orientation"]), math.sin(row["orientation"])])
        start = (u, v) if bank.plan_.signed else (u - arm[0], v - arm[1])
        lines.append([start, (u + arm[0], v + arm[1])])
    inset.add_collection(LineCollection(lines, color="white", linewidth=2.2))
    inset.add_collection(LineCollection(lines, color=COLOURS[1], linewidth=1.2))


def _draw_scalogram(values: np.ndarray, where: np.ndarray, table: pd.DataFrame, ax: Axes | None) -> Axes:
    first = (table["order"] == 1).to_numpy()
    frequency = table["frequency"].to_numpy(float)[first]
    order = np.argsort(frequency)
    frequency, shown = frequency[order], values[first][order]
    ax = axes_or_new(ax, WIDTH, 2.6)
    middles = np.log(frequency)
    edges = np.concatenate([[middles[0]], (middles[1:] + middles[:-1]) / 2, [middles[-1]]])
    if len(middles) > 1:
        edges[[0, -1]] += (middles[0] - edges[1], middles[-1] - edges[-2])
    else:
        edges += (-0.5, 0.5)
    half = (where[1] - where[0]) / 2 if len(where) > 1 else 0.5
    mesh = ax.pcolormesh(np.append(where - half, where[-1] + half), np.exp(edges), shown, cmap="viridis", vmin=0)
    mesh.set_rasterized(True)
    ax.set_yscale("log")
    ticks = [f for f in (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if np.exp(edges[0]) <= f <= np.exp(edges[-1])]
    ax.yaxis.set_minor_locator(_no_ticks())
    set_ticks(ax.yaxis, ticks, [number(tick) for tick in ticks])
    ax.set_ylabel("frequency (cycles/sample)")
    ax.set_xlabel(time_label(None))
    ax.figure.colorbar(mesh, ax=ax, label="first order")
    return ax


def _no_ticks() -> Any:
    from matplotlib.ticker import NullLocator

    return NullLocator()


def _draw_disc(values: np.ndarray, table: pd.DataFrame, J: int, L: int, ax: Axes | None) -> Axes:
    """Wedges: radius by octave, angle by orientation; of the second order in the lower half, within the first's."""
    from matplotlib import colormaps

    ax = axes_or_new(ax, WIDTH, WIDTH * 0.95)
    step = 180 / L
    colours = colormaps["viridis"]

    def ring(octave: int) -> tuple[float, float]:
        return (J - octave - 1) / J, (J - octave) / J

    for order, turned in ((1, 0.0), (2, 180.0)):
        rows = table[table["order"] == order]
        if not len(rows):
            continue
        most = float(values[rows.index].max()) or 1.0
        for i, row in zip(rows.index.tolist(), rows.to_dict("records")):
            low, high = ring(int(row["octave"]))
            # angles are counted from the last axis toward the one before, which points downward in a picture
            begin = turned + (180 - math.degrees(row["orientation"])) % 180 - step / 2
            end = begin + step
            if order == 2:
                within = int(row["octave"]) + 1  # there are the octaves from this one on
                n = J - within
                k = J - 1 - int(row["then_octave"])
                low, high = low + (high - low) * k / n, low + (high - low) * (k + 1) / n
                part = (L - round(math.degrees(row["then_orientation"]) / step)) % L
                begin, end = begin + step * part / L, begin + step * (part + 1) / L
            colour = colours(float(values[i]) / most)
            style = {"facecolor": colour, "edgecolor": "white", "linewidth": 0.25}
            ax.add_patch(Wedge((0, 0), high, begin, end, width=high - low, **style))
        name = "first order" if order == 1 else "second order"
        y = 1.08 if order == 1 else -1.08
        ax.text(0, y, f"{name}, at most {number(most)}", ha="center", va="center", color=INK)
    ax.set_xlim(-1.05, 1.05)
    ax.set_ylim(-1.2, 1.2)
    ax.set_aspect("equal")
    ax.axis("off")
    return ax


def _label_groups(ax: Axes, table: pd.DataFrame) -> None:
    """Name features below the axis: orientation or what there is, and frequency or sigma once for its group."""
    inner = next((c for c in ("orientation", "rotation_statistic", "order") if _differs(table, c)), None)
    outer = next((c for c in ("frequency", "sigma", "scale") if c in table), None)
    if outer is None:
        set_ticks(ax.xaxis, range(len(table)), [short(name, 20) for name in table["response"]], rotation=90)
        return
    if inner == "orientation":
        labels = [f"{math.degrees(angle):.0f}" for angle in table[inner]]
    elif inner is not None:
        labels = [str(value).removeprefix("fourier") for value in table[inner]]
    else:
        labels = [""] * len(table)
    set_ticks(ax.xaxis, range(len(table)), labels)
    ax.tick_params(axis="x", length=0, labelsize="small")
    groups = table[outer].to_numpy(float)
    starts = [0, *(np.flatnonzero(np.diff(groups)) + 1).tolist(), len(groups)]
    beneath = ax.get_xaxis_transform()
    down = -0.14 if inner is not None else -0.06
    for low, high in pairwise(starts):
        ax.text((low + high - 1) / 2, down, number(groups[low]), ha="center", va="top", transform=beneath)
        if low:
            ax.axvline(low - 0.5, color=GREY, linewidth=0.5)
    unit = f" ({table['unit'].iloc[0]})" if outer == "frequency" and "unit" in table else " (samples)"
    names = {None: "", "orientation": "orientation (degrees)", "rotation_statistic": "waves over orientations"}
    above = names.get(inner, inner or "")
    ax.set_xlabel(f"{above + ', below it ' if above else ''}{outer}{unit}", labelpad=24 if inner is not None else 20)


def _differs(table: pd.DataFrame, column: str) -> bool:
    return column in table and table[column].nunique() > 1
