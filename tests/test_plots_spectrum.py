"""Figures of spectra and series show the numbers that they are of, with units, on the axes that they're given."""

import itertools

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from filterbank import plots
from filterbank.decompose import backtest, decompose, extrapolate, outliers
from filterbank.errors import InputError
from filterbank.spectrum import (
    convolution_theorem,
    dft,
    fourier_series,
    periodogram,
    periods,
    spectrogram,
)

T = np.arange(240)
WAVE = np.sin(2 * np.pi * T / 12)
NOISY = WAVE + np.random.default_rng(0).normal(scale=0.3, size=240)


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def bar_of(ax):
    """The label of the colour bar."""
    (bar,) = [other for other in ax.get_figure().axes if other is not ax]
    return bar.get_ylabel()


def test_every_function_draws_on_the_axes_it_is_given_and_leaves_the_settings_alone():
    before = dict(matplotlib.rcParams)
    forecast = extrapolate(NOISY, 6, period=12)
    image = np.random.default_rng(0).random((20, 30))
    calls = [
        lambda ax: plots.plot_spectrum(dft(NOISY), ax=ax),
        lambda ax: plots.plot_image_spectrum(dft(image, n_axes=2), ax=ax),
        lambda ax: plots.plot_spectrogram(spectrogram(NOISY, window=32), ax=ax),
        lambda ax: plots.plot_convolution_theorem(convolution_theorem(NOISY, np.ones(5)), ax=ax),
        lambda ax: plots.plot_fourier_series(fourier_series("square", 5), ax=ax),
        lambda ax: plots.plot_periods(periods(NOISY), ax=ax),
        lambda ax: plots.plot_decomposition(outliers(NOISY, period=12), ax=ax),
        lambda ax: plots.plot_forecast(forecast, ax=ax),
        lambda ax: plots.plot_backtest(forecast.backtest, ax=ax),
    ]
    for call in calls:
        given = Figure().subplots()
        assert call(given) is given
        drawn = call(None)
        assert isinstance(drawn, Axes)
        drawn.get_figure().canvas.draw()
        assert drawn.get_xlabel()
    assert dict(matplotlib.rcParams) == before


def test_a_spectrum_is_drawn_as_it_is():
    spectrum = periodogram(NOISY, rate=12)
    ax = plots.plot_spectrum(spectrum, decibels=False)
    x, y = ax.lines[0].get_data()
    np.testing.assert_array_equal(x, spectrum.frequencies)
    np.testing.assert_array_equal(y, spectrum.values)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("frequency (Hz)", "power / Hz")
    in_decibels = plots.plot_spectrum(spectrum, highest=2)
    x, y = in_decibels.lines[0].get_data()
    assert x.max() <= 2
    expected = 10 * np.log10(spectrum.values[1:][spectrum.frequencies[1:] <= 2] / spectrum.values.max())
    np.testing.assert_allclose(y, expected)  # at zero there is but rounding, which isn't drawn
    assert in_decibels.get_ylabel() == "density (dB)"
    amplitude = dft(NOISY)
    y = plots.plot_spectrum(amplitude).lines[0].get_ydata()
    np.testing.assert_allclose(y, 20 * np.log10(abs(amplitude.values) / abs(amplitude.values).max()))


def test_channels_are_named():
    spectrum = dft(np.stack([NOISY, WAVE]))
    assert legend(plots.plot_spectrum(spectrum)) == ["channel 0", "channel 1"]
    one = plots.plot_spectrum(spectrum, channel=1, decibels=False)
    assert len(one.lines) == 1
    np.testing.assert_allclose(one.lines[0].get_ydata(), abs(spectrum.values[1]))


def test_the_spectrum_of_an_image_has_its_peaks_where_they_are():
    y, x = np.mgrid[:40, :60]
    image = np.cos(2 * np.pi * (0.25 * x + 0.1 * y))
    ax = plots.plot_image_spectrum(dft(image, n_axes=2))
    drawn = ax.images[0].get_array()
    left, right, bottom, top = ax.images[0].get_extent()
    rows, columns = np.nonzero(drawn > -1)
    at_x = left + (columns + 0.5) * (right - left) / 60
    at_y = top + (rows + 0.5) * (bottom - top) / 40
    np.testing.assert_allclose(sorted(zip(at_x, at_y)), [(-0.25, -0.1), (0.25, 0.1)], atol=1e-9)
    assert bar_of(ax) == "amplitude (dB)"
    assert plots.plot_image_spectrum(dft(image, n_axes=2, rate=10)).get_xlabel() == "horizontal frequency (cycles/unit)"
    three = dft(np.stack([image] * 3), n_axes=2)
    np.testing.assert_allclose(plots.plot_image_spectrum(three).images[0].get_array(), drawn, atol=1e-9)


def test_a_spectrogram_has_units_and_a_labelled_bar():
    gram = spectrogram(NOISY, rate=24, window=48, hop=12)
    ax = plots.plot_spectrogram(gram)
    mesh = ax.collections[0]
    np.testing.assert_allclose(
        np.asarray(mesh.get_array()).reshape(gram.values.shape), 10 * np.log10(gram.values / gram.values.max())
    )
    corners = mesh.get_coordinates()
    np.testing.assert_allclose((corners[0, 1:, 0] + corners[0, :-1, 0]) / 2, gram.times)
    np.testing.assert_allclose((corners[2:-1, 0, 1] + corners[1:-2, 0, 1]) / 2, gram.frequencies[1:-1])
    assert (ax.get_xlabel(), ax.get_ylabel(), bar_of(ax)) == ("time (s)", "frequency (Hz)", "density (dB)")
    assert plots.plot_spectrogram(gram, highest=6).get_ylim() == (0, 6)
    log = plots.plot_spectrogram(gram, log=True)
    assert log.get_yscale() == "log"
    assert plots.plot_spectrogram(spectrogram(NOISY, window=32)).get_xlabel() == "time (samples)"


def test_the_product_of_spectra_is_that_of_the_two_others():
    found = convolution_theorem(NOISY, np.ones(5), rate=12)
    ax = plots.plot_convolution_theorem(found)
    signal, kernel, product = (line.get_ydata() for line in ax.lines)
    np.testing.assert_allclose(product, signal * kernel / (signal * kernel).max(), atol=1e-12)
    assert legend(ax) == ["signal", "kernel", "product"]
    assert ax.get_xlabel() == "frequency (Hz)"


def test_partial_sums_are_drawn_over_the_function():
    series = fourier_series("sawtooth", 9, period=2.0)
    ax = plots.plot_fourier_series(series, n_terms=(1, 9))
    assert legend(ax) == ["function", "1 term", "9 terms"]
    t, y = ax.lines[2].get_data()
    np.testing.assert_allclose(y, series(t))
    np.testing.assert_allclose(ax.lines[0].get_ydata(), series.function(t))
    assert t.max() == pytest.approx(4, abs=0.01)
    assert legend(plots.plot_fourier_series(series)) == ["function", "1 term", "3 terms", "9 terms"]


def test_periods_are_marked_over_red_noise():
    found = periods(NOISY, rate=12)
    ax = plots.plot_periods(found)
    spectrum, background, threshold, mark = ax.lines[:4]
    np.testing.assert_allclose(spectrum.get_xdata(), 1 / found.spectrum_frequencies)
    np.testing.assert_array_equal(spectrum.get_ydata(), found.density)
    np.testing.assert_array_equal(background.get_ydata(), found.background)
    np.testing.assert_array_equal(threshold.get_ydata(), found.threshold)
    assert mark.get_xdata()[0] == found.periods[0] == pytest.approx(1, abs=0.01)
    assert [text.get_text() for text in ax.texts] == ["1"]
    assert legend(ax) == ["spectrum", "red noise", "95%, all frequencies"]
    assert ax.get_xlabel() == "period (s)"
    nothing = plots.plot_periods(periods(np.random.default_rng(1).normal(size=100)))
    assert len(nothing.texts) == 0


def test_a_decomposition_is_drawn_in_rows_on_one_scale():
    x = NOISY.copy()
    x[50] += 5
    parts = outliers(x, period=1, rate=12, rule="z")
    ax = plots.plot_decomposition(parts)
    lines = [line for line in ax.lines if len(line.get_xdata()) == 240]
    for line, values in zip(
        lines, (x, parts.decomposition.trend, parts.decomposition.season, parts.decomposition.rest), strict=True
    ):
        moved = line.get_ydata() - values
        np.testing.assert_allclose(moved, moved[0], atol=1e-9)
    rows = [line.get_ydata() for line in lines]
    assert all(upper.min() > lower.max() for upper, lower in itertools.pairwise(rows))
    marks = [line for line in ax.lines if line.get_marker() == "o"]
    assert [line.get_xdata().tolist() for line in marks] == [[50 / 12]] * 2
    assert legend(ax) == ["outliers (1)"]
    bar = ax.lines[-1].get_ydata()
    assert [text.get_text() for text in ax.texts] == ["2"]
    assert bar[1] - bar[0] == pytest.approx(2)  # half of what the signal spans, or a little less
    assert np.ptp(x) / 5 < 2 <= np.ptp(x) / 2
    assert ax.get_xlabel() == "time (s)"
    assert [text.get_text() for text in ax.get_yticklabels()] == ["signal", "trend", "season", "rest"]
    plain = plots.plot_decomposition(decompose(np.stack([x, WAVE]), period=12), channel=1)
    np.testing.assert_allclose(np.ptp(plain.lines[0].get_ydata()), np.ptp(WAVE))


def test_a_forecast_follows_what_is_known():
    found = extrapolate(NOISY, 12, period=1, rate=12)
    ax = plots.plot_forecast(found, n_known=100)
    known, fitted, forecast = ax.lines
    np.testing.assert_array_equal(known.get_ydata(), NOISY[-100:])
    np.testing.assert_array_equal(fitted.get_ydata(), found.fitted[-100:])
    np.testing.assert_array_equal(forecast.get_ydata(), found.values)
    assert forecast.get_xdata()[0] - known.get_xdata()[-1] == pytest.approx(1 / 12)
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(found.low.min())
    assert band[:, 1].max() == pytest.approx(found.high.max())
    assert legend(ax) == ["known", "fitted", "90% of the backtest", "forecast"]


def test_a_backtest_is_drawn_by_lead():
    found = backtest(NOISY, 6, period=12)
    ax = plots.plot_backtest(found)
    for line, (_, errors) in zip(ax.lines, found.by_lead.items(), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 7))
        np.testing.assert_array_equal(line.get_ydata(), errors)
    assert [text.split(" (")[0] for text in legend(ax)] == ["harmonics", "naive", "seasonal naive", "mean"]
    assert plots.plot_backtest(backtest(NOISY, 6, period=1, rate=12)).get_xlabel() == "ahead (s)"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.plot_spectrum(dft(NOISY), channel=1), "channel=1 is not between 0 and 0"),
        (lambda: plots.plot_spectrum(dft(NOISY), highest=0), "highest=0 is not above"),
        (lambda: plots.plot_image_spectrum(dft(np.ones((3, 4, 5)), n_axes=3)), "the spectrum has 3 axes"),
        (lambda: plots.plot_spectrogram(spectrogram(NOISY), highest=3), "highest=3 is not between"),
        (lambda: plots.plot_convolution_theorem(convolution_theorem(np.ones((2, 2)), np.ones((2, 2)))), "2 axes"),
        (lambda: plots.plot_decomposition(decompose(NOISY, period=12), channel=2), "channel=2 is not"),
        (lambda: plots.plot_forecast(extrapolate(NOISY, 2, period=12), n_known=0), "n_known=0 is not"),
    ],
)
def test_wrong_input_is_refused_in_one_sentence(call, message):
    with pytest.raises(InputError, match=message):
        call()
