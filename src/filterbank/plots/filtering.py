"""Figures of filtering: a kernel, a scale space, a gradient's arrows, edges over an image, a density."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from filterbank.errors import InputError, invalid
from filterbank.filtering import Density, Gradient, scale_space
from filterbank.plots.drawing import (
    COLOURS,
    GREY,
    INK,
    WIDTH,
    axes_or_new,
    bare,
    central_slice,
    draw_tile,
    drawable,
    drawn_signal,
    number,
    picture_of,
    ramp,
    say,
    shrunk,
    tiled,
    time_label,
)

__all__ = ["plot_density", "plot_edges", "plot_gradient", "plot_kernel", "plot_kernel_surface", "plot_scale_space"]

MAX_PICTURE = 768  # samples along an axis; larger pictures are averaged down
SURFACE = 60  # facets of a surface along each axis, at most


def plot_kernel(kernel: np.ndarray, *, rate: float | None = None, ax: Axes | None = None) -> Axes:
    """Draw one kernel: samples on stems in 1-D, a picture with its scale in 2-D, three central slices in 3-D.

    Parameters
    ----------
    kernel : array, one dimension an axis
        Of complex kernels the real part is drawn, in 1-D the imaginary part too (dashed).
    rate : float, optional
        Samples per second, for the axis of a 1-D kernel.
    ax : Axes, optional
        Drawn on this one; a new figure if not given.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from filterbank.filtering import gaussian_kernel
    >>> plot_kernel(gaussian_kernel(2.0, 1)).get_xlabel()
    'time (samples)'
    """
    array = _kernel_of(kernel, (1, 2, 3))
    real = np.real(array)
    if array.ndim == 1:
        ax = axes_or_new(ax, WIDTH, 2.2)
        x = (np.arange(len(array)) - len(array) // 2) / (rate or 1.0)
        ax.axhline(0, color=GREY, linewidth=0.8)
        if len(array) <= 101:
            ax.vlines(x, 0, real, color=COLOURS[0], linewidth=1)
            ax.plot(x, real, "o", color=COLOURS[0], markersize=3)
        ax.plot(x, real, color=COLOURS[0], linewidth=1, alpha=0.5 if len(array) <= 101 else 1)
        if np.iscomplexobj(array):
            ax.plot(x, np.imag(array), "--", color=COLOURS[1], linewidth=1)
        ax.set_xlabel(time_label(rate))
        ax.set_ylabel("weight")
        bare(ax)
        return ax
    limit = float(np.abs(real).max()) or 1.0
    if array.ndim == 2:
        height, width = array.shape
        ax = axes_or_new(ax, WIDTH, min(1.4 * WIDTH, max(1.2, 0.8 * WIDTH * height / width)))
        edges = (-(width // 2) - 0.5, width - width // 2 - 0.5, height - height // 2 - 0.5, -(height // 2) - 0.5)
        drawn = ax.imshow(real, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="none", extent=edges)
        ax.figure.colorbar(drawn, ax=ax, label="weight", shrink=0.8)
        ax.set_xlabel("column (samples)")
        ax.set_ylabel("row (samples)")
        return ax
    ax = axes_or_new(ax, WIDTH, WIDTH / 3 + 0.5)
    for k, name in enumerate(("first", "second", "third")):
        draw_tile(ax, central_slice(real[np.newaxis], k)[0], k, 0, cmap="RdBu_r", limit=limit)
        say(ax, k + 0.5, 1.04, f"across the {name} axis", va="top", size="small")
    return tiled(ax, 3, 1, below=0.16)


def plot_kernel_surface(kernel: np.ndarray, *, ax: Axes | None = None) -> Axes:
    """Draw a kernel of two axes as a surface over them.

    Parameters
    ----------
    kernel : array, (rows, columns)
        Of complex kernels the real part is drawn.
    ax : Axes, optional
        With ``projection="3d"``; a new figure if not given.

    Returns
    -------
    Axes
        Three-dimensional.

    Raises
    ------
    InputError
        If the kernel hasn't two axes, or the Axes isn't three-dimensional.

    Examples
    --------
    >>> from filterbank.design import gaussian
    >>> plot_kernel_surface(gaussian(3.0, (0, 1))).get_zlabel()
    'weight'
    """
    array = np.real(_kernel_of(kernel, (2,)))
    if ax is None:
        ax = Figure(figsize=(WIDTH, 0.85 * WIDTH)).add_axes((0.0, 0.09, 0.82, 0.9), projection="3d")
    elif not hasattr(ax, "plot_surface"):
        raise InputError("ax is flat and a surface isn't. Make it with projection='3d'.")
    rows, columns = (np.arange(n) - n // 2 for n in array.shape)
    ax.plot_surface(  # type: ignore[attr-defined]
        *np.meshgrid(columns, rows),
        array,
        cmap="RdBu_r",
        vmin=-float(np.abs(array).max()),
        vmax=float(np.abs(array).max()),
        rcount=SURFACE,
        ccount=SURFACE,
        linewidth=0.2,
        edgecolor=INK,
    )
    ax.invert_yaxis()  # as in a picture, the first row is behind
    ax.set_xlabel("column (samples)")
    ax.set_ylabel("row (samples)")
    ax.set_zlabel("weight", labelpad=9)  # type: ignore[attr-defined]
    ax.tick_params(labelsize="small", pad=0)
    ax.tick_params(axis="z", pad=5)  # type: ignore[arg-type]
    ax.locator_params(nbins=5)
    return ax


def plot_scale_space(
    signal: np.ndarray,
    sigmas: Sequence[float],
    *,
    rate: float | None = None,
    n_axes: int | None = None,
    channel: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw a signal smoothed with Gaussians of several sigmas: lines over each other, or pictures side by side.

    Parameters
    ----------
    signal : array, (*axes) or (channel, *axes)
        Of a volume the central slice across its first axis is drawn.
    sigmas : sequence of float
        In samples; 0 is the signal itself.
    rate : float, optional
        Samples per second along the last axis of a series.
    n_axes : {1, 2, 3}, optional
        None: 1 for a 1-D array; otherwise the first dimension is channels.
    channel : int
        The one that is drawn of a series; pictures are drawn in colours if there are three channels.
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> ax = plot_scale_space(np.repeat([0.0, 1, 0], 30), [0, 2, 8])
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['signal', '2', '8']
    """
    array = drawn_signal(signal, n_axes)
    stack = scale_space(array, sigmas, n_axes=array.ndim - 1)
    labels = ["signal" if sigma == 0 else f"sigma {number(float(sigma))}" for sigma in sigmas]
    if array.ndim == 2:
        if not -len(array) <= channel < len(array):
            raise invalid("channel", channel, f"below {len(array)}, the number of channels")
        ax = axes_or_new(ax, WIDTH, 2.6)
        coloured = iter(ramp(sum(sigma != 0 for sigma in sigmas)))
        for own, sigma, label in zip(stack, sigmas, labels):
            x, values = drawable(np.arange(own.shape[-1]), own[channel])
            style = {"color": GREY, "linewidth": 0.8} if sigma == 0 else {"color": next(coloured), "linewidth": 1.4}
            ax.plot(x / (rate or 1.0), values, label=label.removeprefix("sigma "), **style)
        ax.set_xlabel(time_label(rate))
        ax.set_ylabel("value")
        ax.margins(x=0.01)
        ax.legend(
            title="sigma (samples)",
            title_fontsize="small",
            frameon=False,
            fontsize="small",
            ncols=min(6, len(labels)),
            loc="lower center",
            bbox_to_anchor=(0.5, 1),
        )
        bare(ax)
        return ax
    if array.ndim == 4:
        stack = stack[:, :, array.shape[1] // 2]
    columns = min(3, len(labels))
    height, width = stack.shape[-2:]
    room = 0.94 * height / max(height, width) + 0.2
    n_rows = math.ceil(len(labels) / columns)
    ax = axes_or_new(ax, 1.5 * WIDTH, 0.3 + n_rows * room * 1.5 * WIDTH / columns)
    for k, (own, label) in enumerate(zip(stack, labels)):
        column, row = k % columns, k // columns * room
        picture = picture_of(own, MAX_PICTURE)
        end = draw_tile(ax, picture, column, row - (1 - 0.94 * height / max(height, width)) / 2 + 0.03)
        say(ax, column + 0.5, end + 0.02, label, va="top", size="small")
    tiled(ax, columns, n_rows * room)
    ax.set_xlabel("sigma in samples", fontsize="small")
    return ax


def plot_gradient(
    image: np.ndarray, gradient: Gradient, *, n_arrows: int = 24, colour: str = COLOURS[1], ax: Axes | None = None
) -> Axes:
    """Draw an image with its gradient as arrows, which point to where it rises and are as long as it is steep.

    Parameters
    ----------
    image : array, (row, column) or (channel, row, column)
    gradient : Gradient
        What `filterbank.filtering.gradient` returns for the image; of several channels the steepest one at each place
        is drawn.
    n_arrows : int
        Along the image's longer side. An arrow is the mean of the gradient where it stands.
    colour : str
        Of the arrows.
    ax : Axes, optional

    Returns
    -------
    Axes
        In samples, the first row on top.

    Raises
    ------
    InputError
        If the gradient isn't the image's.

    Examples
    --------
    >>> from filterbank.filtering import gradient
    >>> image = np.hypot(*np.indices((40, 60)))
    >>> plot_gradient(image, gradient(image, 2)).get_xlabel()
    'column (samples)'
    """
    array = drawn_signal(image, 2)
    if n_arrows < 2:
        raise invalid("n_arrows", n_arrows, "at least 2")
    parts = [np.asarray(part) for part in gradient.components]
    if len(parts) != 2 or parts[0].shape[-2:] != array.shape[1:]:
        shape = parts[0].shape if parts else ()
        raise InputError(f"gradient has shape {shape} and the image {array.shape}; pass the gradient of this image.")
    parts = [part.reshape(-1, *array.shape[1:]) for part in parts]
    steepest = np.hypot(*parts).argmax(axis=0)[np.newaxis]
    down, across = (np.take_along_axis(part, steepest, axis=0)[0] for part in parts)
    height, width = array.shape[1:]
    step = max(1, math.ceil(max(height, width) / n_arrows))
    down, across = _means(down, step), _means(across, step)
    ax = axes_or_new(ax, 1.3 * WIDTH, min(2 * WIDTH, 0.5 + 1.3 * WIDTH * height / width))
    ax.imshow(picture_of(array, MAX_PICTURE), cmap="gray", interpolation="none", extent=(0, width, height, 0))
    longest = float(np.quantile(np.hypot(down, across), 0.98)) or 1.0
    rows, columns = np.indices(down.shape) * step + step / 2
    ax.quiver(
        columns,
        rows,
        across / longest,
        down / longest,
        angles="xy",
        scale_units="xy",
        scale=1 / (1.6 * step),
        color=colour,
        width=0.004,
        headwidth=4,
        pivot="tail",
    )
    ax.set_xlim(0, width)
    ax.set_ylim(height, 0)
    ax.set_xlabel("column (samples)")
    ax.set_ylabel("row (samples)")
    return ax


def plot_edges(image: np.ndarray, edges: np.ndarray, *, colour: str = COLOURS[1], ax: Axes | None = None) -> Axes:
    """Draw an image, paled, with its edges over it.

    Parameters
    ----------
    image : array, (row, column) or (channel, row, column)
    edges : array of bool, (row, column) or (channel, row, column)
        What `filterbank.filtering.edges` returns; an edge of any channel is drawn.
    colour : str
        Of the edges.
    ax : Axes, optional

    Returns
    -------
    Axes
        In samples, the first row on top.

    Raises
    ------
    InputError
        If the edges haven't the image's size.

    Examples
    --------
    >>> from filterbank.filtering import edges
    >>> image = np.hypot(*np.indices((40, 60))) > 30
    >>> len(plot_edges(image, edges(image)).images)
    2
    """
    from matplotlib.colors import to_rgb

    array = drawn_signal(image, 2)
    found: Any = np.asarray(edges)
    if found.shape[-2:] != array.shape[1:] or found.ndim not in (2, 3):
        raise InputError(f"edges has shape {found.shape} and the image {array.shape}; pass the edges of this image.")
    found = found.astype(bool).reshape(-1, *array.shape[1:]).any(axis=0)
    height, width = found.shape
    ax = axes_or_new(ax, 1.3 * WIDTH, min(2 * WIDTH, 0.5 + 1.3 * WIDTH * height / width))
    picture = 0.35 + 0.65 * picture_of(array, MAX_PICTURE)
    ax.imshow(picture, cmap="gray", interpolation="none", extent=(0, width, height, 0), vmin=0, vmax=1)
    overlay = np.zeros((*found.shape, 4))
    overlay[..., :3] = to_rgb(colour)
    overlay[..., 3] = found
    drawn = shrunk(overlay, MAX_PICTURE)
    drawn[..., 3] = np.minimum(1, 2 * drawn[..., 3])  # thin lines stay visible
    ax.imshow(drawn, interpolation="none", extent=(0, width, height, 0))
    ax.set_xlabel("column (samples)")
    ax.set_ylabel("row (samples)")
    return ax


def plot_density(
    density: Density,
    points: np.ndarray | None = None,
    *,
    names: Sequence[str] | None = None,
    max_points: int = 2000,
    ax: Axes | None = None,
) -> Axes:
    """Draw a density of one or two axes with its points and, to one side, the kernel that made it.

    Parameters
    ----------
    density : Density
    points : array, (point,) or (point, axis), optional
        Drawn as short strokes below the curve, or as dots.
    names : sequence of str, optional
        Of the axes.
    max_points : int
        If there are more points, as many, evenly spaced.
    ax : Axes, optional

    Returns
    -------
    Axes
        The first of a density's axes is the horizontal one.

    Examples
    --------
    >>> from filterbank.filtering import density
    >>> points = np.random.default_rng(0).normal(size=200)
    >>> plot_density(density(points), points, names=["height (m)"]).get_xlabel()
    'height (m)'
    """
    n_axes = len(density.axes)
    if n_axes > 2:
        raise InputError(f"the density has {n_axes} axes; one or two can be drawn. Sum its values over the others.")
    names = ["value"] if names is None and n_axes == 1 else names
    labels = [f"axis {k}" for k in range(n_axes)] if names is None else [str(name) for name in names]
    if len(labels) != n_axes:
        raise invalid("names", names, f"{n_axes} names, one an axis")
    shown = None
    if points is not None:
        shown = np.asarray(points, dtype=float).reshape(len(points), -1)
        if shown.shape[1] != n_axes:
            raise InputError(f"points has shape {np.shape(points)}, and the density has {n_axes} axes.")
        shown = shown[np.linspace(0, len(shown) - 1, min(len(shown), max_points)).astype(int)]
    if n_axes == 1:
        ax = axes_or_new(ax, WIDTH, 2.6)
        _curve(ax, density, shown)
    else:
        ax = axes_or_new(ax, WIDTH, 0.85 * WIDTH)
        _map(ax, density, shown)
        ax.set_ylabel(labels[1], parse_math=False)
    ax.set_xlabel(labels[0], parse_math=False)
    return ax


def _curve(ax: Axes, density: Density, points: np.ndarray | None) -> None:
    (places,), top = density.axes, float(density.values.max())
    ax.fill_between(places, density.values, color=COLOURS[0], alpha=0.15, linewidth=0)
    ax.plot(places, density.values, color=COLOURS[0], linewidth=1.4, label="density")
    width = density.bandwidth[0]
    centre = float(places[0]) + 4 * width
    x = np.linspace(-3.5, 3.5, 141)
    ax.plot(
        centre + x * width,
        0.6 * top * np.exp(-0.5 * x**2),
        color=COLOURS[1],
        linewidth=1.2,
        label=f"kernel (sigma {number(width)}), scaled",
    )
    if points is not None:
        ax.vlines(points[:, 0], -0.07 * top, -0.02 * top, color=INK, linewidth=0.5, alpha=0.4)
    ax.axhline(0, color=GREY, linewidth=0.8)
    ax.set_ylabel("density")
    ax.margins(x=0.01)
    ax.legend(frameon=False, fontsize="small", loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    bare(ax)


def _map(ax: Axes, density: Density, points: np.ndarray | None) -> None:
    first, second = density.axes
    halves = [(axis[1] - axis[0]) / 2 for axis in density.axes]
    extent = (first[0] - halves[0], first[-1] + halves[0], second[0] - halves[1], second[-1] + halves[1])
    drawn = ax.imshow(density.values.T, origin="lower", extent=extent, cmap="Blues", aspect="auto", vmin=0)
    if points is not None:
        ax.plot(points[:, 0], points[:, 1], ".", color=INK, markersize=2, alpha=0.5, markeredgewidth=0)
    values, vectors = np.linalg.eigh(density.covariance)
    turn = np.linspace(0, 2 * np.pi, 100)
    circle = vectors @ (np.sqrt(values)[:, np.newaxis] * np.stack([np.cos(turn), np.sin(turn)]))
    seen = density.values > 1e-3 * density.values.max()
    views = []
    for axis, width, across in zip(density.axes, density.bandwidth, (1, 0)):
        kept = axis[seen.any(axis=across)]
        views.append((max(kept[0] - width, axis[0]), min(kept[-1] + width, axis[-1])))
    centre = [low + 1.5 * width for (low, _), width in zip(views, density.bandwidth)]
    ax.plot(centre[0] + circle[0], centre[1] + circle[1], color=COLOURS[1], linewidth=1.2)
    ax.annotate(
        "kernel, 1 sigma",
        (centre[0] + density.bandwidth[0], centre[1]),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize="small",
        color=COLOURS[1],
    )
    ax.set_xlim(*views[0])
    ax.set_ylim(*views[1])
    ax.figure.colorbar(drawn, ax=ax, label="density")


def _kernel_of(kernel: Any, dimensions: Sequence[int]) -> np.ndarray:
    array = np.asarray(kernel)
    if array.ndim not in dimensions or not array.size or array.dtype.kind not in "biufc":
        allowed = " or ".join(map(str, dimensions))
        raise InputError(
            f"kernel has shape {array.shape} and dtype {array.dtype}; it must be numbers of {allowed} axes."
        )
    if not np.isfinite(array).all():
        raise InputError("kernel contains NaN or infinity, which can't be drawn.")
    return array


def _means(image: np.ndarray, step: int) -> np.ndarray:
    """The means of squares of `step` samples, those at the far ends of what is there."""
    rows, columns = (np.arange(0, n, step) for n in image.shape)
    sums = np.add.reduceat(np.add.reduceat(image, rows, axis=0), columns, axis=1)
    sizes = [np.diff(np.append(at, n)) for at, n in zip((rows, columns), image.shape)]
    return sums / np.multiply.outer(*sizes)
