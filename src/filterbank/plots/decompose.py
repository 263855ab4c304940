"""Figures of series: decomposed, with their outliers, and continued, with a backtest."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from filterbank.decompose import Backtest, Decomposition, Forecast, Outliers
from filterbank.errors import invalid
from filterbank.plots.drawing import (
    COLOURS,
    GREY,
    INK,
    WIDTH,
    axes_or_new,
    bare,
    drawable,
    number,
    set_ticks,
    time_label,
)

__all__ = ["plot_backtest", "plot_decomposition", "plot_forecast"]


def plot_decomposition(parts: Decomposition | Outliers, *, channel: int = 0, ax: Axes | None = None) -> Axes:
    """Draw a signal, its trend, season and rest below each other on one scale, with outliers if these were looked for.

    A bar beside the signal says what the scale is.

    Parameters
    ----------
    parts : Decomposition or Outliers
    channel : int
    ax : Axes, optional
        Drawn on this one; a new figure if not given.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from filterbank.decompose import decompose
    >>> ax = plot_decomposition(decompose(np.arange(40.0) % 5, period=5))
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['signal', 'trend', 'season', 'rest']
    """
    ax = axes_or_new(ax, 1.15 * WIDTH, 3.6)
    whole = parts.decomposition if isinstance(parts, Outliers) else parts
    named = {name: np.atleast_2d(getattr(whole, name)) for name in ("signal", "trend", "season", "rest")}
    if not 0 <= channel < len(named["signal"]):
        raise invalid("channel", channel, f"between 0 and {len(named['signal']) - 1}")
    rows = {name: values[channel] for name, values in named.items()}
    t = np.arange(len(rows["signal"])) / (whole.rate or 1.0)
    room = 0.12 * max(float(np.ptp(values)) for values in rows.values()) or 1.0
    at, ticks, offsets = 0.0, [], {}
    for name, values in rows.items():
        low, high = float(values.min()), float(values.max())
        offsets[name] = at - high
        ticks.append(at - (high - low) / 2)
        colour = INK if name == "signal" else COLOURS[0]
        if name in ("season", "rest"):
            ax.axhline(offsets[name], color=GREY, linewidth=0.5)
        x, y = drawable(t, values + offsets[name])
        ax.plot(x, y, color=colour, linewidth=0.9)
        at += low - high - room
    if isinstance(parts, Outliers):
        mask = np.atleast_2d(parts.mask)[channel]
        for name in ("signal", "rest"):
            ax.plot(
                t[mask],
                rows[name][mask] + offsets[name],
                linestyle="none",
                marker="o",
                markersize=4,
                markerfacecolor="none",
                color=COLOURS[1],
                label=f"outliers ({int(mask.sum())})" if name == "signal" else None,
            )
        if mask.any():
            ax.legend(fontsize="small", frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderpad=0)
    span = float(np.ptp(rows["signal"]))
    if span > 0:  # a bar that says how much that is
        size = _round_below(span / 2)
        foot = ticks[0] - size / 2
        across = ax.get_yaxis_transform()
        ax.plot([1.02, 1.02], [foot, foot + size], color=INK, linewidth=1.5, transform=across, clip_on=False)
        ax.text(1.035, ticks[0], number(size), transform=across, va="center", fontsize="small", color=INK)
    ax.set_ylim(at, room)
    set_ticks(ax.yaxis, ticks, list(rows))
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(time_label(whole.rate))
    ax.margins(x=0.01)
    bare(ax)
    ax.spines["left"].set_visible(False)
    return ax


def plot_forecast(forecast: Forecast, *, n_known: int | None = None, ax: Axes | None = None) -> Axes:
    """Draw what is known, the fit, and what comes next, with an interval made of the errors of its backtest.

    Parameters
    ----------
    forecast : Forecast
    n_known : int, optional
        How many of the last known samples are drawn. None: six times as many as were forecast.
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> from filterbank.decompose import extrapolate
    >>> ax = plot_forecast(extrapolate(np.sin(np.arange(80) * 2 * np.pi / 8), 8, period=2, rate=4))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['known', 'fitted', '90% of the backtest', 'forecast']
    """
    ax = axes_or_new(ax, 1.15 * WIDTH, 2.8)
    n = len(forecast.signal)
    shown = min(n, 6 * len(forecast.values) if n_known is None else n_known)
    if shown < 1:
        raise invalid("n_known", n_known, "a positive number of samples")
    t = np.arange(n)[n - shown :] / (forecast.rate or 1.0)
    ax.plot(t, forecast.signal[n - shown :], color=INK, linewidth=1, label="known")
    ax.plot(t, forecast.fitted[n - shown :], color=COLOURS[0], linewidth=0.8, linestyle=":", label="fitted")
    ax.fill_between(
        forecast.times,
        forecast.low,
        forecast.high,
        color=COLOURS[0],
        alpha=0.2,
        linewidth=0,
        label=f"{forecast.confidence:.0%} of the backtest",
    )
    ax.plot(forecast.times, forecast.values, color=COLOURS[0], linewidth=1.4, label="forecast")
    ax.set_xlabel(time_label(forecast.rate))
    ax.set_ylabel("value")
    ax.margins(x=0.01)
    ax.legend(fontsize="small", frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    bare(ax)
    return ax


def plot_backtest(backtest: Backtest, *, ax: Axes | None = None) -> Axes:
    """Draw the mean absolute error of each way to forecast, so many samples ahead.

    Parameters
    ----------
    backtest : Backtest
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> from filterbank.decompose import backtest
    >>> ax = plot_backtest(backtest(np.random.default_rng(0).normal(size=100).cumsum(), 5, period=10))
    >>> ax.get_xlabel()
    'ahead (samples)'
    """
    ax = axes_or_new(ax, WIDTH, 2.6)
    by_lead = backtest.by_lead
    ahead = by_lead.index.to_numpy() / (backtest.rate or 1.0)
    styles = {
        "harmonics": (COLOURS[0], "-", 1.6),
        "naive": (COLOURS[1], "--", 1.1),
        "seasonal naive": (COLOURS[2], "-.", 1.1),
        "mean": (GREY, ":", 1.1),
    }
    means = backtest.table.set_index("method")["mae"]
    marker = "o" if len(ahead) == 1 else None
    for method, (colour, dashes, width) in styles.items():
        label = f"{method} ({means[method]:.3g})"
        ax.plot(ahead, by_lead[method], color=colour, linestyle=dashes, linewidth=width, marker=marker, label=label)
    ax.set_xlabel("ahead (samples)" if backtest.rate is None else "ahead (s)")
    ax.set_ylabel("mean absolute error")
    ax.set_ylim(bottom=0)
    ax.margins(x=0.02)
    ax.legend(fontsize="small", frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    bare(ax)
    return ax


def _round_below(value: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that isn't above the value."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(max(factor * power for factor in (1, 2, 5) if factor * power <= value * (1 + 1e-9)))
