"""Figures of sound: what a bank answers over time as a picture, pitch, and the spectra of several voices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from filterbank.banks import Bank
from filterbank.engine import respond
from filterbank.errors import InputError, invalid
from filterbank.plots.drawing import (
    COLOURS,
    INK,
    WIDTH,
    axes_or_new,
    bare,
    class_styles,
    drawable,
    evenly,
    number,
    set_ticks,
    short,
    time_label,
)
from filterbank.plots.labels import response_labels
from filterbank.signals import SignalInfo, as_signal

__all__ = ["plot_frames", "plot_pitch", "plot_voices"]

MAX_LABELS = 16
SMOOTHED = 1 / 24  # octaves: spectra of voices are averaged over so much
LOWEST = 50.0  # hertz


def plot_frames(
    bank: Bank,
    signal: np.ndarray,
    *,
    rate: float | None = None,
    standardise: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw the responses of a bank over time as a picture, a row a response: a spectrogram, or local features.

    Parameters
    ----------
    bank : Bank
        On one axis; one that isn't prepared is designed for this signal.
    signal : array, (time,) or (channel, time)
    rate : float, optional
        Samples per second.
    standardise : bool
        Whether each row is shown by its deviations from its mean, in its own standard deviations, so that rows of
        unequal units can be seen beside each other; if not, all rows have one scale.
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> from filterbank import MelBank
    >>> bank = MelBank(n_mels=20, n_fft=256, hop=80)
    >>> ax = plot_frames(bank, np.random.default_rng(0).normal(size=8000), rate=8000)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('time (s)', 'frequency (Hz)')
    """
    if bank.n_axes != 1:
        raise InputError(f"a bank on {bank.n_axes} axes has no responses over time; pass one on 1 axis.")
    array = as_signal(signal, 1)
    if not hasattr(bank, "geometry"):
        bank = bank.prepare(SignalInfo(1, len(array), rate), np.random.default_rng(0))
    responses, (where,) = respond(bank, array)
    picture = np.abs(responses) if np.iscomplexobj(responses) else responses.astype(np.float64)
    if standardise:
        spread = picture.std(axis=1, keepdims=True)
        picture = (picture - picture.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1.0)
    n = len(picture)
    ax = axes_or_new(ax, 1.15 * WIDTH, min(4.2, max(2.2, 1.3 + 0.16 * n)))
    half = (where[1] - where[0]) / 2 if len(where) > 1 else 0.5
    ends = np.array([where[0] - half, where[-1] + half]) / (rate or 1.0)
    limit = {"cmap": "RdBu_r", "vmin": -3, "vmax": 3} if standardise else {"cmap": "magma"}
    image = ax.imshow(
        picture, aspect="auto", origin="lower", interpolation="none", extent=(*ends, -0.5, n - 0.5), **limit
    )
    bar = ax.figure.colorbar(image, ax=ax, pad=0.02)
    bar.set_label("standard deviations" if standardise else "response", fontsize="small")
    bar.ax.tick_params(labelsize="small")
    bar.outline.set_visible(False)
    labels, title = _labels(bank.response_table())
    chosen = evenly(np.arange(n), MAX_LABELS if len(set(labels)) > 1 else 0) if n > MAX_LABELS else list(range(n))
    set_ticks(ax.yaxis, chosen, [labels[i] for i in chosen])
    ax.tick_params(axis="y", labelsize="small")
    ax.set_ylabel(title)
    ax.set_xlabel(time_label(rate))
    return ax


def _labels(rows: list[dict[str, Any]]) -> tuple[list[str], str]:
    """Short labels of the responses, told apart by the statistic of their window; their heading."""
    labels, title = response_labels(rows)
    if len({row.get("window_statistic") for row in rows}) > 1:
        labels = [f"{label}, {row['window_statistic']}" for label, row in zip(labels, rows)]
    if len(set(labels)) < len(labels):
        return [short(row["response"], 34) for row in rows], ""
    return labels, title


def plot_pitch(
    samples: np.ndarray, rate: float, found: pd.DataFrame, *, colour: str = COLOURS[1], ax: Axes | None = None
) -> Axes:
    """Draw the pitch of a sound over time where it is voiced, above the sound itself.

    Parameters
    ----------
    samples : array, (time,) or (channel, time)
    rate : float
        Samples per second.
    found : DataFrame
        As `filterbank.sound.pitch` returns it: `time` in seconds, `pitch` in hertz (NaN where unvoiced).
    colour : str
    ax : Axes, optional

    Returns
    -------
    Axes
        Of the pitch; the sound is drawn in grey below it, without a scale of its own.

    Examples
    --------
    >>> from filterbank.sound import pitch
    >>> tone = np.sin(2 * np.pi * 220 * np.arange(8000) / 8000)
    >>> plot_pitch(tone, 8000, pitch(tone, 8000)).get_ylabel()
    'pitch (Hz)'
    """
    if not {"time", "pitch"} <= set(found.columns):
        raise invalid("found", list(found.columns), "a table with the columns time and pitch")
    array = as_signal(samples, 1).mean(axis=0)
    ax = axes_or_new(ax, 1.15 * WIDTH, 2.4)
    voiced = found["pitch"].to_numpy(dtype=np.float64)
    seen = voiced[np.isfinite(voiced)]
    low, high = (float(seen.min()), float(seen.max())) if len(seen) else (100.0, 200.0)
    low, high = low * 2**-0.25, high * 2**0.25
    bottom = low * (low / high) ** 0.6
    ax.set_yscale("log")
    x, values = drawable(np.arange(len(array)), array)
    peak = np.abs(values).max() or 1.0
    middle, span = np.log(bottom * low) / 2, np.log(low / bottom) / 2
    ax.plot(x / rate, np.exp(middle + 0.9 * span * values / peak), color="#B0B0B0", linewidth=0.6)
    ax.plot(found["time"], voiced, ".", color=colour, markersize=3.5)
    ticks = [f for f in (60, 80, 100, 150, 200, 300, 400, 600, 800, 1000) if low <= f <= high]
    ax.set_ylim(bottom, high)
    ax.yaxis.set_minor_locator(_none())
    set_ticks(ax.yaxis, ticks, [number(f) for f in ticks])
    ax.set_xlim(0, len(array) / rate)
    ax.set_xlabel("time (s)")
    ax.set_ylabel("pitch (Hz)")
    bare(ax)
    return ax


def plot_voices(sounds: Mapping[str, np.ndarray], rate: float, *, ax: Axes | None = None) -> Axes:
    """Draw the spectra of a few sounds on each other: how voices differ.

    Parameters
    ----------
    sounds : mapping of name to array, (time,) or (channel, time)
        At most seven. Of several channels, the first is taken; the largest sample of each is made 1.
    rate : float
        Samples per second.
    ax : Axes, optional

    Returns
    -------
    Axes
        Power from 50 Hz to half the rate, averaged over 1/24 octave, in decibels per hertz.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> ax = plot_voices({"one": rng.normal(size=4000), "other": rng.normal(size=4000)}, 8000)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['one', 'other']
    """
    from filterbank.spectrum import welch

    if not 1 <= len(sounds) <= len(COLOURS):
        raise InputError(f"{len(sounds)} sounds can't be told apart in one figure; pass 1 to {len(COLOURS)}.")
    ax = axes_or_new(ax, 1.15 * WIDTH, 2.8)
    top = -np.inf
    for name, (colour, _) in class_styles(sounds).items():
        samples = as_signal(sounds[name], 1)[0].astype(np.float64)
        samples = samples / (np.abs(samples).max() or 1.0)
        found = welch(samples, rate=rate, window=min(len(samples), 2 ** round(np.log2(0.1 * rate))))
        f, power = _in_parts_of_octaves(found.frequencies, np.asarray(found.values))
        decibel = 10 * np.log10(np.maximum(power, 1e-20))
        top = max(top, decibel.max())
        ax.plot(f, decibel, color=colour, linewidth=1.2, label=short(name))
    ax.set_xscale("log")
    ax.xaxis.set_minor_locator(_none())
    ticks = [f for f in (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000) if f <= 0.6 * rate / 2]
    set_ticks(ax.xaxis, ticks, [number(f) for f in ticks])
    ax.set_xlim(LOWEST, rate / 2)
    ax.set_ylim(top - 80, top + 5)
    ax.set_xlabel("frequency (Hz)")
    ax.set_ylabel("power (dB/Hz)")
    ax.legend(frameon=False, labelcolor=INK, fontsize="small", loc="lower left")
    bare(ax)
    return ax


def _in_parts_of_octaves(f: np.ndarray, power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of power in parts of octaves that hold a bin; the mean frequencies of these bins."""
    inside = f >= LOWEST
    part = np.floor(np.log2(f[inside] / LOWEST) / SMOOTHED).astype(np.int64)
    _, which, count = np.unique(part, return_inverse=True, return_counts=True)
    return np.bincount(which, f[inside]) / count, np.bincount(which, power[inside]) / count


def _none() -> Any:
    from matplotlib.ticker import NullLocator

    return NullLocator()
