"""Figures of spectra: lines, images, spectrograms, the convolution theorem, Fourier series, periods over red noise."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from filterbank.errors import InputError, invalid
from filterbank.plots.drawing import (
    COLOURS,
    GREY,
    INK,
    WIDTH,
    axes_or_new,
    bare,
    drawable,
    log_axis,
    number,
    ramp,
)
from filterbank.spectrum import CentredSpectrum, ConvolutionTheorem, FourierSeries, Periods, Spectrogram, Spectrum

__all__ = [
    "plot_convolution_theorem",
    "plot_fourier_series",
    "plot_image_spectrum",
    "plot_periods",
    "plot_spectrogram",
    "plot_spectrum",
]

ROUNDING = 180.0
"""Decibels below the largest value from which on nothing is drawn, as at zero where the mean was taken off."""
MAX_MARKED = 6
"""Periods that are named in a figure; more would lie over each other."""


def plot_spectrum(
    spectrum: Spectrum,
    *,
    decibels: bool = True,
    highest: float | None = None,
    channel: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a one-sided spectrum as a line a channel.

    Parameters
    ----------
    spectrum : Spectrum
        Of complex amplitudes the modulus is drawn.
    decibels : bool
        Whether the vertical axis is in decibels below the largest value; if not, it's linear, in the signal's unit.
    highest : float, optional
        The highest frequency to draw.
    channel : int, optional
        Draw this one alone.
    ax : Axes, optional
        Drawn on this one; a new figure if not given.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from filterbank.spectrum import dft
    >>> plot_spectrum(dft(np.sin(np.arange(100)), rate=50), decibels=False).get_xlabel()
    'frequency (Hz)'
    """
    ax = axes_or_new(ax, WIDTH, 2.4)
    values = np.atleast_2d(np.abs(spectrum.values))
    if channel is not None:
        values = values[_index("channel", channel, len(values))][np.newaxis]
    shown = np.ones(len(spectrum.frequencies), dtype=bool)
    if highest is not None:
        shown = spectrum.frequencies <= highest
        if shown.sum() < 2:
            raise invalid(
                "highest", highest, f"above {spectrum.frequencies[1]:g} {spectrum.unit}, the second frequency"
            )
    if decibels:
        values = _decibels(values, 20 if spectrum.scaling == "amplitude" else 10)
    for k, row in enumerate(values):
        there = shown & (row > -ROUNDING) if decibels else shown
        x, y = drawable(spectrum.frequencies[there], row[there])
        ax.plot(x, y, color=COLOURS[k % len(COLOURS)], linewidth=1, label=f"channel {k}")
    if len(values) > 1:
        ax.legend(fontsize="small", frameon=False, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    ax.set_xlabel(f"frequency ({spectrum.unit})")
    unit = f"power / {spectrum.unit}" if spectrum.scaling == "density" else spectrum.scaling
    ax.set_ylabel(f"{spectrum.scaling} (dB)" if decibels else unit)
    ax.margins(x=0.01)
    bare(ax)
    return ax


def plot_image_spectrum(spectrum: CentredSpectrum, *, floor: float = 80.0, ax: Axes | None = None) -> Axes:
    """Draw the spectrum of an image, frequency zero in the middle, in decibels below the largest value.

    Parameters
    ----------
    spectrum : CentredSpectrum
        Of two axes; of several channels their mean power is drawn.
    floor : float
        Decibels below the largest at which it's black.
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> from filterbank.spectrum import dft
    >>> image = np.random.default_rng(0).random((20, 30))
    >>> plot_image_spectrum(dft(image, n_axes=2, detrend="constant")).get_ylabel()
    'vertical frequency (cycles/sample)'
    """
    if len(spectrum.frequencies) != 2:
        raise InputError(f"the spectrum has {len(spectrum.frequencies)} axes; this figure is for two, of an image.")
    power = np.abs(spectrum.values) ** (2 if spectrum.scaling == "amplitude" else 1)
    if power.ndim == 3:
        power = power.mean(axis=0)
    rows, columns = spectrum.frequencies
    ax = axes_or_new(ax, WIDTH, 3.6)
    picture = ax.imshow(
        _decibels(power, 10),
        cmap="gray",
        vmin=-floor,
        vmax=0,
        interpolation="none",
        aspect="auto" if spectrum.rate is not None else "equal",
        extent=(_edge(columns, 0), _edge(columns, -1), _edge(rows, -1), _edge(rows, 0)),
    )
    _bar(ax, picture, f"{spectrum.scaling} (dB)")
    ax.set_xlabel(f"horizontal frequency ({spectrum.unit})")
    ax.set_ylabel(f"vertical frequency ({spectrum.unit})")
    return ax


def plot_spectrogram(
    spectrogram: Spectrogram,
    *,
    floor: float = 80.0,
    highest: float | None = None,
    log: bool = False,
    channel: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw power over time and frequency, in decibels below the largest value.

    Parameters
    ----------
    spectrogram : Spectrogram
    floor : float
        Decibels below the largest at which the colours end.
    highest : float, optional
        The highest frequency to draw.
    log : bool
        Whether the axis of frequencies is logarithmic; zero is then left out.
    channel : int
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> from filterbank.spectrum import spectrogram
    >>> plot_spectrogram(spectrogram(np.random.default_rng(0).normal(size=4000), rate=1000)).get_xlabel()
    'time (s)'
    """
    ax = axes_or_new(ax, 1.15 * WIDTH, 2.8)
    values = spectrogram.values if spectrogram.values.ndim == 3 else spectrogram.values[np.newaxis]
    power = _decibels(values[_index("channel", channel, len(values))], 10)
    half = spectrogram.hop / 2 / (spectrogram.rate or 1.0)
    x = np.append(spectrogram.times - half, spectrogram.times[-1] + half)
    step = spectrogram.frequencies[1] if len(spectrogram.frequencies) > 1 else 1.0
    y = np.clip(np.append(spectrogram.frequencies - step / 2, spectrogram.frequencies[-1] + step / 2), 0, None)
    if log:
        y, power = y[1:], power[1:]
    picture = ax.pcolormesh(x, y, power, cmap="magma", vmin=-floor, vmax=0, shading="flat", rasterized=True)
    _bar(ax, picture, f"{spectrogram.scaling} (dB)")
    if log:
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(float(value))))
    top = y[-1] if highest is None else highest
    if not y[0] < top <= y[-1]:
        raise invalid("highest", highest, f"between {y[0]:g} and {y[-1]:g} {spectrogram.unit}")
    ax.set_ylim(y[0], top)
    ax.set_xlabel(f"time ({spectrogram.time_unit})")
    ax.set_ylabel(f"frequency ({spectrogram.unit})")
    return ax


def plot_convolution_theorem(theorem: ConvolutionTheorem, *, ax: Axes | None = None) -> Axes:
    """Draw the spectra of a signal and a kernel, and their product, which is the convolution's, each in its own range.

    Parameters
    ----------
    theorem : ConvolutionTheorem
        Of one axis.
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> from filterbank.spectrum import convolution_theorem
    >>> ax = plot_convolution_theorem(convolution_theorem(np.random.default_rng(0).normal(size=100), np.ones(9)))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['signal', 'kernel', 'product']
    """
    if theorem.convolved.ndim != 1:
        raise InputError(f"the signals have {theorem.convolved.ndim} axes; this figure is for one.")
    ax = axes_or_new(ax, WIDTH, 2.8)
    for k, (name, values) in enumerate(
        (("signal", theorem.signal_spectrum), ("kernel", theorem.kernel_spectrum), ("product", theorem.product))
    ):
        modulus = np.abs(values)
        x, y = drawable(theorem.frequencies, modulus / (modulus.max() or 1.0))
        style = {"linewidth": 2.2, "alpha": 0.45} if name == "product" else {"linewidth": 1.0}
        ax.plot(x, y, color=(COLOURS[0], COLOURS[1], INK)[k], label=name, **style)  # type: ignore[arg-type]
    ax.set_xlabel(f"frequency ({theorem.unit})")
    ax.set_ylabel("modulus / its largest")
    ax.set_ylim(0, 1.3)
    ax.margins(x=0.01)
    ax.legend(fontsize="small", frameon=False, ncols=3, loc="upper center")
    bare(ax)
    return ax


def plot_fourier_series(
    series: FourierSeries, *, n_terms: tuple[int, ...] | None = None, n_periods: float = 2.0, ax: Axes | None = None
) -> Axes:
    """Draw partial sums of a Fourier series over the function that it is of.

    Parameters
    ----------
    series : FourierSeries
    n_terms : tuple of int, optional
        How many terms are summed, a line each. None: 1, 3 and all.
    n_periods : float
        How much is drawn, from time 0.
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> from filterbank.spectrum import fourier_series
    >>> ax = plot_fourier_series(fourier_series("square", 15), n_terms=(1, 5, 15))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['function', '1 term', '5 terms', '15 terms']
    """
    ax = axes_or_new(ax, WIDTH, 2.6)
    chosen = n_terms or tuple(sorted({min(k, series.n_terms) for k in (1, 3, series.n_terms)}))
    t = np.linspace(0, n_periods * series.period, max(1500, 12 * series.n_terms), endpoint=False)
    values = np.asarray(series.function(t % series.period), dtype=np.float64) * np.ones(len(t))
    ax.plot(t, values, color=GREY, linewidth=3, alpha=0.5, label="function")
    for colour, n in zip(ramp(len(chosen)), chosen):
        ax.plot(t, series(t, n_terms=n), color=colour, linewidth=1, label=f"{n} term" + ("s" if n != 1 else ""))
    ax.set_xlabel("time")
    ax.set_ylabel("value")
    ax.margins(x=0.01)
    ax.legend(fontsize="small", frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    bare(ax)
    return ax


def plot_periods(found: Periods, *, ax: Axes | None = None) -> Axes:
    """Draw the spectrum over periods, with red noise, what it would hardly exceed anywhere, and the periods found.

    Parameters
    ----------
    found : Periods
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> from filterbank.spectrum import periods
    >>> x = np.sin(np.arange(300) / 3) + np.random.default_rng(0).normal(size=300)
    >>> plot_periods(periods(x)).get_xlabel()
    'period (samples)'
    """
    ax = axes_or_new(ax, 1.15 * WIDTH, 3.0)
    x = 1 / found.spectrum_frequencies
    ax.plot(x, found.density, color=COLOURS[0], linewidth=0.9, label="spectrum")
    ax.plot(x, found.background, color=INK, linewidth=1, linestyle="--", label="red noise")
    ax.plot(x, found.threshold, color=COLOURS[1], linewidth=1, label=f"{found.confidence:.0%}, all frequencies")
    log_axis(ax)
    ax.set_yscale("log")
    top = float(found.density.max())
    low = min(float(np.median(found.background)), float(found.background.min())) / 30
    ax.set_ylim(low, top * 12)
    ax.set_xlim(x.min(), x.max())
    placed: list[float] = []
    for period, frequency in zip(found.periods[:MAX_MARKED], found.frequencies[:MAX_MARKED]):
        height = float(np.interp(frequency, found.spectrum_frequencies, found.density))
        ax.plot([period], [height * 1.3], marker="v", color=COLOURS[1], markersize=5, linestyle="none")
        where = float(np.log(period))
        if all(abs(where - other) > 0.09 * np.log(x.max() / x.min()) for other in placed):  # lest labels overlap
            ax.annotate(
                number(float(period)),
                (period, height * 1.3),
                xytext=(0, 5),
                textcoords="offset points",
                ha="center",
                fontsize="small",
                color=INK,
            )
            placed.append(where)
    ax.set_xlabel(f"period ({found.unit})")
    ax.set_ylabel(f"power / {found.frequency_unit}")
    ax.legend(
        fontsize="small", frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0), columnspacing=1.0
    )
    bare(ax)
    return ax


def _decibels(values: np.ndarray, factor: float) -> np.ndarray:
    """Below the largest value; zeros come far below."""
    top = float(values.max(initial=0.0)) or 1.0
    return factor * np.log10(np.maximum(values / top, 1e-20))


def _edge(frequencies: np.ndarray, at: int) -> float:
    """Where the first or last cell of an axis ends."""
    step = frequencies[1] - frequencies[0] if len(frequencies) > 1 else 1.0
    return float(frequencies[at] + (step / 2 if at else -step / 2))


def _bar(ax: Axes, picture: object, label: str) -> None:
    figure = ax.get_figure()
    if figure is not None:
        figure.colorbar(picture, ax=ax, label=label, fraction=0.046, pad=0.03)  # type: ignore[arg-type]


def _index(name: str, value: int, n: int) -> int:
    if not 0 <= value < n:
        raise invalid(name, value, f"between 0 and {n - 1}")
    return value
