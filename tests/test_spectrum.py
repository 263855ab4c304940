"""Spectra against SciPy and NumPy, Parseval, and wrong input."""

import itertools

import numpy as np
import pytest
import scipy.fft
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.integrate import quad

from filterbank.errors import InputError
from filterbank.signals import Signals
from filterbank.spectrum import (
    CentredSpectrum,
    Spectrum,
    band_power,
    coherence,
    cross_spectrum,
    dft,
    periodogram,
    spectrogram,
    welch,
)

RNG = np.random.default_rng(0)
SERIES = arrays(np.float64, st.integers(2, 60), elements=st.floats(-100, 100).map(lambda v: round(v, 6)))
SCIPYS_NAME = {"density": "density", "power": "spectrum"}


@pytest.mark.parametrize("n", [16, 17, 2, 3])
@pytest.mark.parametrize("rate", [None, 250.0])
def test_amplitudes_are_those_of_numpy(n, rate):
    x = RNG.normal(size=(2, n))
    found = dft(x, rate=rate)
    raw = np.fft.rfft(x) / n
    raw[:, 1 : (n + 1) // 2] *= 2  # all but 0 and half the rate have a twin
    np.testing.assert_allclose(found.values, raw, atol=1e-14)
    np.testing.assert_allclose(found.frequencies, np.fft.rfftfreq(n, 1 / (rate or 1)))
    assert found.unit == ("cycles/sample" if rate is None else "Hz")


@pytest.mark.parametrize("k", [0, 7, 50])
def test_the_amplitude_and_phase_of_a_sinusoid_are_read_off(k):
    t = np.arange(100) / 50
    phase = 0.0 if k in (0, 50) else 0.7
    x = 3 * np.cos(2 * np.pi * (k / 2) * t + phase)
    for taper in (None, "hann", "blackman"):
        found = dft(x, rate=50, taper=taper)
        assert found.frequencies[k] == k / 2
        assert abs(found.values[k]) == pytest.approx(3, rel=1e-12)
        assert np.angle(found.values[k]) == pytest.approx(phase, abs=1e-9)
    power = dft(x, rate=50, scaling="power").values
    assert power[k] == pytest.approx(9 if k in (0, 50) else 4.5)
    assert np.delete(power, k).max() < 1e-25


@settings(deadline=None, max_examples=100)
@given(SERIES, st.sampled_from([None, 0.5, 44_100.0]), st.integers(0, 9))
def test_parseval(x, rate, zeros):
    """Powers sum to the mean square, and so does the density over the frequencies, also with zeros behind."""
    expected = np.mean(x**2)
    power = dft(x, rate=rate, scaling="power")
    assert power.values.sum() == pytest.approx(expected, rel=1e-9, abs=1e-12)
    density = dft(x, rate=rate, scaling="density", n_fft=len(x) + zeros)
    assert density.values.sum() * density.step == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert band_power(x, [0, (rate or 1) / 2], rate=rate, detrend=None)[0] == pytest.approx(
        expected, rel=1e-9, abs=1e-12
    )
    assert band_power(x, [0, (rate or 1) / 2], rate=rate)[0] == pytest.approx(x.var(), rel=1e-9, abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(SERIES, st.floats(-3, 3), st.data())
def test_the_transform_is_linear(x, factor, data):
    y = data.draw(arrays(np.float64, len(x), elements=st.floats(-100, 100)))
    np.testing.assert_allclose(
        dft(x + factor * y).values,
        dft(x).values + factor * dft(y).values,
        atol=1e-9 * (1 + abs(x).max() + abs(y).max()),
    )


@settings(deadline=None, max_examples=30)
@given(arrays(np.float64, st.tuples(st.integers(2, 9), st.integers(2, 9)), elements=st.floats(-50, 50)))
def test_parseval_of_images(image):
    power = dft(image, n_axes=2, scaling="power")
    assert power.values.sum() == pytest.approx(np.mean(image**2), rel=1e-9, abs=1e-12)
    density = dft(image, n_axes=2, scaling="density", rate=(2.0, 4.0))
    cell = np.prod([f[1] - f[0] for f in density.frequencies])
    assert density.values.sum() * cell == pytest.approx(np.mean(image**2), rel=1e-9, abs=1e-12)


def test_the_spectrum_of_an_image_is_centred():
    y, x = np.mgrid[:20, :31]
    image = 5 + 2 * np.cos(2 * np.pi * (3 * y / 20 + 4 * x / 31))
    found = dft(image, n_axes=2)
    np.testing.assert_allclose(found.values, np.fft.fftshift(np.fft.fft2(image)) / image.size, atol=1e-12)
    by = {
        (round(float(found.frequencies[0][i]) * 20), round(float(found.frequencies[1][j]) * 31))
        for i, j in np.argwhere(abs(found.values) > 1e-9)
    }
    assert by == {(0, 0), (3, 4), (-3, -4)}
    assert found.frequencies[0][10] == found.frequencies[1][15] == 0
    assert found.unit == "cycles/sample"
    assert repr(found) == "CentredSpectrum(amplitude at 20 x 31 frequencies in cycles/sample)"


def test_the_spectrum_of_a_volume_and_of_many_images():
    volume = RNG.normal(size=(2, 4, 5, 6))
    found = dft(volume, n_axes=3, scaling="power", taper="hann", detrend="constant")
    windows = [scipy.signal.get_window("hann", n) for n in (4, 5, 6)]
    w = np.einsum("i,j,k->ijk", *windows)
    expected = np.fft.fftn((volume - volume.mean(axis=(1, 2, 3), keepdims=True)) * w, axes=(1, 2, 3))
    np.testing.assert_allclose(
        found.values, np.fft.fftshift(abs(expected) ** 2, axes=(1, 2, 3)) / w.sum() ** 2, atol=1e-15
    )
    both = dft(Signals.wrap(RNG.normal(size=(3, 8, 8)), n_axes=2))
    assert len(both) == 3
    assert isinstance(both[0], CentredSpectrum)
    assert both[0].values.shape == (1, 8, 8)


@pytest.mark.parametrize("scaling", ["density", "power"])
@pytest.mark.parametrize("detrend", [None, "constant", "linear"])
@pytest.mark.parametrize("taper", [None, "hann", ("tukey", 0.3)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_periodogram_is_scipys(scaling, detrend, taper, dtype):
    x = (RNG.normal(size=(3, 101)) + 5 + np.arange(101) / 10).astype(dtype)
    found = periodogram(x, rate=20, scaling=scaling, detrend=detrend, taper=taper, n_fft=120)
    f, expected = scipy.signal.periodogram(
        x, 20, window=taper or "boxcar", scaling=SCIPYS_NAME[scaling], detrend=detrend or False, nfft=120
    )
    np.testing.assert_allclose(found.frequencies, f)
    np.testing.assert_allclose(
        found.values, expected, rtol=1e-9 if dtype == np.float64 else 1e-3, atol=1e-7 * expected.max()
    )


@pytest.mark.parametrize("scaling", ["density", "power"])
@pytest.mark.parametrize("detrend", [None, "constant", "linear"])
@pytest.mark.parametrize(("window", "hop"), [(64, 32), (50, 13), (33, 40), (64, 1), (500, None)])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_welch_is_scipys(scaling, detrend, window, hop, n_jobs):
    x = RNG.normal(size=(2, 500)).cumsum(axis=1)
    found = welch(x, rate=20, scaling=scaling, detrend=detrend, window=window, hop=hop, n_jobs=n_jobs)
    f, expected = scipy.signal.welch(
        x,
        20,
        nperseg=window,
        noverlap=window - (hop or window // 2),
        scaling=SCIPYS_NAME[scaling],
        detrend=detrend or False,
    )
    np.testing.assert_allclose(found.frequencies, f)
    np.testing.assert_allclose(found.values, expected, rtol=1e-9, atol=1e-13 * expected.max())


def test_welch_of_many_pieces_of_float32_does_not_depend_on_threads():
    x = RNG.normal(size=300_000).astype(np.float32)
    one, two = (welch(x, window=1024, n_jobs=n) for n in (1, 2))
    np.testing.assert_array_equal(one.values, two.values)
    expected = scipy.signal.welch(x.astype(np.float64), nperseg=1024)[1]
    np.testing.assert_allclose(one.values, expected, rtol=1e-4)


@pytest.mark.parametrize("detrend", [None, "constant", "linear"])
@pytest.mark.parametrize(("window", "hop"), [(64, 32), (33, 50), (64, 7)])
def test_spectrogram_is_scipys(detrend, window, hop):
    x = RNG.normal(size=(2, 3000))
    for scaling in ("density", "power"):
        found = spectrogram(x, rate=8, window=window, hop=hop, scaling=scaling, detrend=detrend, n_jobs=2)
        f, t, expected = scipy.signal.spectrogram(
            x,
            8,
            window="hann",
            nperseg=window,
            noverlap=window - hop,
            detrend=detrend or False,
            scaling=SCIPYS_NAME[scaling],
        )
        np.testing.assert_allclose(found.frequencies, f)
        np.testing.assert_allclose(found.times, t)
        np.testing.assert_allclose(found.values, expected, rtol=1e-9, atol=1e-13)
    assert (found.unit, found.time_unit) == ("Hz", "s")
    assert spectrogram(x[0]).time_unit == "samples"


def by_integration(x, edges, rate, **options):
    """SciPy's density, taken as constant around each of its frequencies, finely integrated band by band."""
    f, density = scipy.signal.periodogram(x, rate, **options)
    density = density.copy()
    density[[0, -1] if len(x) % 2 == 0 else [0]] *= 2  # in half an interval lies what scipy gives a whole one
    out = []
    for low, high in edges:
        fine = low + (np.arange(200_000) + 0.5) * (high - low) / 200_000
        out.append(density[np.clip(np.round(fine / f[1]).astype(int), 0, len(f) - 1)].mean() * (high - low))
    return out


@pytest.mark.parametrize("n", [200, 201])
@pytest.mark.parametrize("taper", [None, "hann"])
def test_band_power_integrates_the_density_between_exact_edges(n, taper):
    x = RNG.normal(size=n).cumsum()
    edges = [(0, 0.03), (0.01, 1.234), (3.21, 3.22), (5.0, 9.99), (0, 10), (9.97, 10)]
    found = band_power(x, edges, rate=20, taper=taper)
    expected = by_integration(x, edges, 20, window=taper or "boxcar")
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-12)


def test_band_power_of_a_density_known_by_formula():
    """Noise whose spectrum is exactly that of an autoregression, at each frequency, with random phases."""
    n, rate, a = 20_000, 100.0, 0.6

    def density(f):
        return 2 / rate / (1 + a * a - 2 * a * np.cos(2 * np.pi * f / rate))

    f = np.fft.rfftfreq(n, 1 / rate)
    z = np.sqrt(density(f) * n * rate / 2) * np.exp(2j * np.pi * RNG.random(len(f)))
    z[[0, -1]] = 0
    x = np.fft.irfft(z, n)
    edges = [0.5, 1.234, 4.5678, 20, 33.3333]
    expected = [quad(density, low, high)[0] for low, high in itertools.pairwise(edges)]
    np.testing.assert_allclose(band_power(x, edges, rate=rate, detrend=None), expected, rtol=1e-5)
    np.testing.assert_allclose(band_power(x, edges, rate=rate, window=500), expected, rtol=0.05)


def test_powers_of_touching_bands_add_up():
    x = RNG.normal(size=1000)
    for window in (None, 128):
        parts = band_power(x, [0, 0.0123, 0.2, 0.33, 0.5], window=window)
        assert parts.sum() == pytest.approx(band_power(x, [0, 0.5], window=window)[0], rel=1e-12)
        shares = band_power(x, [0, 0.0123, 0.2, 0.33, 0.5], window=window, relative=True)
        np.testing.assert_allclose(shares, parts / parts.sum(), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("window", [None, 64])
@pytest.mark.parametrize("relative", [False, True])
def test_band_power_is_the_same_for_one_and_for_many_signals(dtype, window, relative):
    edges = np.linspace(0, 0.5, 9) ** 1.3
    lengths = RNG.integers(100, 130, 40)
    series = [RNG.normal(size=n).astype(dtype) for n in lengths]
    options = {"window": window, "relative": relative}
    found = band_power(series, edges, **options)
    assert found.shape == (40, 1, 8)
    slow = np.array([band_power(x.astype(np.float64), edges, **options) for x in series])
    np.testing.assert_allclose(found[:, 0], slow, rtol=1e-10 if dtype == np.float64 else 1e-4)
    batch = RNG.normal(size=(500, 2, 300)).astype(dtype)
    found = band_power(Signals.wrap(batch, n_axes=1), edges, n_jobs=2, **options)
    assert found.shape == (500, 2, 8)
    np.testing.assert_allclose(
        found[17], band_power(batch[17], edges, **options), rtol=1e-10 if dtype == np.float64 else 1e-4
    )
    np.testing.assert_array_equal(found, band_power(Signals.wrap(batch, n_axes=1), edges, **options))
    rows = band_power(Signals.wrap(batch[:, 0]), edges, **options)
    np.testing.assert_allclose(rows[:, 0], found[:, 0], rtol=1e-10 if dtype == np.float64 else 1e-4)


def test_band_power_of_a_long_signal_of_float32_keeps_its_digits():
    x = (RNG.normal(size=1_000_000) + 3).astype(np.float32)
    edges = [0.001, 0.0100001, 0.2, 0.4999]
    expected = band_power(x.astype(np.float64), edges)
    np.testing.assert_allclose(band_power(x, edges), expected, rtol=1e-5)
    np.testing.assert_allclose(
        band_power(x, edges, window=4096), band_power(x.astype(np.float64), edges, window=4096), rtol=1e-5
    )


def test_the_rule_of_the_tutorial_takes_whole_bins():
    x = RNG.normal(size=1000)
    power = abs(np.fft.rfft(x)) ** 2
    f = np.fft.rfftfreq(1000, 1 / 8000)
    found = band_power(x, [100, 203, 310], rate=8000, rule="tutorial", detrend=None)
    at = [np.argmin(abs(f - e)) for e in (100, 203, 310)]
    np.testing.assert_allclose(found, [2 * power[a:b].sum() / 1000**2 for a, b in itertools.pairwise(at)])


def test_cross_spectrum_and_coherence_are_scipys():
    x, y = RNG.normal(size=(2, 2, 3000)).cumsum(axis=2)
    y = y + np.roll(x, 3, axis=1)
    for detrend in (None, "constant", "linear"):
        options = {"window": "hann", "nperseg": 128, "noverlap": 100, "detrend": detrend or False}
        for scaling in ("density", "power"):
            found = cross_spectrum(x, y, rate=10, window=128, hop=28, scaling=scaling, detrend=detrend, n_jobs=2)
            f, expected = scipy.signal.csd(x, y, 10, scaling=SCIPYS_NAME[scaling], **options)
            np.testing.assert_allclose(found.frequencies, f)
            np.testing.assert_allclose(found.values, expected, rtol=1e-8, atol=1e-12 * abs(expected).max())
        expected = scipy.signal.coherence(x, y, 10, **options)[1]
        np.testing.assert_allclose(
            coherence(x, y, rate=10, window=128, hop=28, detrend=detrend).values, expected, rtol=1e-7
        )


@pytest.mark.parametrize(("taper", "hop"), [("hann", 32), ("hann", 16), (None, 64), (None, 32)])
def test_unrelated_signals_exceed_the_threshold_of_coherence_as_often_as_said(taper, hop):
    x, y = np.random.default_rng(1).normal(size=(2, 200, 2048))
    found = coherence(x, y, window=64, hop=hop, taper=taper, detrend=None, confidence=0.9)
    assert (found.values[:, 1:-1] > found.threshold).mean() == pytest.approx(0.1, abs=0.02)
    if taper is None and hop == 64:
        assert found.n_independent == found.n_windows == 32


def test_overlapping_windows_count_less():
    """Hann windows that overlap by half correlate by 1/6, and so do their powers by 1/36."""
    found = coherence(RNG.normal(size=128), RNG.normal(size=128), window=64, hop=32)
    assert found.n_windows == 3
    assert found.n_independent == pytest.approx(3 / (1 + 2 * (2 / 3) / 36))


def test_pairs_of_many_signals():
    first = [RNG.normal(size=n) for n in (600, 700)]
    second = [x + RNG.normal(size=len(x)) for x in first]
    found = coherence(first, second, rate=5)
    assert len(found) == 2
    np.testing.assert_array_equal(found[1].values[0], coherence(first[1], second[1], rate=5).values)
    assert "by chance up to" in repr(found[0])


def test_many_signals_give_a_list_and_keep_their_rate():
    signals = Signals([RNG.normal(size=40), RNG.normal(size=50)], n_axes=1, rate=10)
    for function in (dft, periodogram, welch, spectrogram):
        found = function(signals)
        assert len(found) == 2
        assert found[1].rate == 10
        assert found[1].values.shape[0] == 1
        np.testing.assert_array_equal(found[1].values[0], function(signals[1][0], rate=10).values)
    assert isinstance(dft([RNG.normal(size=9), RNG.normal(size=8)])[1], Spectrum)
    assert dft([1.0, 2, 3]).values.shape == (2,)  # a list of numbers is one signal


class Lazy:
    def __init__(self, array):
        self.array = array

    def read(self):
        return self.array


def test_signals_that_are_read_when_they_are_asked_for():
    made = [RNG.normal(size=(2, 64 + i)) for i in range(3)]
    found = band_power(Signals([Lazy(x) for x in made], n_axes=1, rate=2), [0.1, 0.2, 0.4])
    assert found.shape == (3, 2, 2)
    np.testing.assert_allclose(found[2], band_power(made[2], [0.1, 0.2, 0.4], rate=2))


WITH_NAN = np.array([1.0, 2, np.nan, 4] * 20)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dft(WITH_NAN), r"NaN \(channel 0, sample 2"),
        (lambda: band_power(np.array([[1.0] * 50, [np.inf] * 50]), [0.1, 0.2]), r"infinity \(channel 1, sample 0"),
        (
            lambda: band_power([np.ones(90), np.append(np.ones(89), np.nan)], [0.1, 0.2]),
            r"signal 1 contains NaN .*sample 89",
        ),
        (lambda: band_power(Signals.wrap(np.stack([WITH_NAN, WITH_NAN])), [0.1, 0.2]), r"signal 0 contains NaN"),
        (lambda: dft([1.0]), "signal 0 has 1 samples, too short"),
        (lambda: band_power([[1.0, 2], [3.0]], [0.1, 0.2]), "signal 1 has 1 samples, too short"),
        (lambda: dft(np.ones(9), scaling="decibel"), "scaling='decibel' is not one of amplitude, power, density"),
        (lambda: dft(np.ones(9), n_fft=8), "n_fft=8 is not a whole number, at least the 9 samples"),
        (lambda: dft(np.ones((9, 9)), n_axes=2, n_fft=18), "n_fft=18 is not for signals with one axis alone"),
        (lambda: dft(np.ones((9, 9)), n_axes=2, detrend="linear"), "detrend='linear' is not"),
        (lambda: dft(np.ones((9, 9)), n_axes=2, rate=(1, -1)), r"rate=\(1, -1\) is not positive"),
        (lambda: dft(np.ones(9), n_axes=4), "n_axes=4 is not 1, 2 or 3"),
        (lambda: dft(np.ones(9), taper="hat"), "taper='hat' is not a window"),
        (lambda: dft(np.ones(9), taper=np.ones(8)), r"taper has shape \(8,\); it must be \(9,\)"),
        (lambda: dft(np.ones(9), rate=0), "rate=0 is not a positive number"),
        (lambda: periodogram(np.ones(9), scaling="amplitude"), "scaling='amplitude' is not 'density' or 'power'"),
        (lambda: periodogram(np.ones(9), detrend="mean"), "detrend='mean' is not one of None"),
        (lambda: welch(np.ones(9), window=10), "window=10 is not at most the 9 samples"),
        (lambda: welch(np.ones(9), window=1), "window=1 is not"),
        (lambda: welch(np.ones(9), window=4, hop=0), "hop=0 is not"),
        (lambda: welch(Signals.wrap(np.ones((2, 8, 8)), n_axes=2)), "n_axes=2"),
        (lambda: band_power(np.ones(9), [0.1, 0.6]), r"edges=\(0\.1, 0\.6\) is not at most 0\.5 cycles/sample"),
        (lambda: band_power(np.ones(9), [0.1, 0.2], hop=3), "hop=3 is not used without a window"),
        (lambda: band_power(np.ones(9), [0.1, 0.2], relative=True), "channel 0 is constant"),
        (lambda: band_power([WITH_NAN[:2], [1.0, 1.0]], [0.1, 0.2], relative=True), "signal 1 is constant"),
        (lambda: band_power([np.ones((2, 9)), np.ones((1, 9))], [0.1, 0.2]), r"\[1, 2\] channels"),
        (lambda: band_power(Signals([], n_axes=1), [0.1, 0.2]), "0 signals"),
        (lambda: coherence(np.ones(9), np.ones(8)), r"first has shape \(9,\) and second \(8,\)"),
        (lambda: coherence(np.arange(9), np.arange(9)), "window=9 is not short enough for two windows in 9 samples"),
        (lambda: coherence(np.arange(99), np.zeros(99), window=9), "the second signal has no power at frequency 0"),
        (lambda: coherence(np.ones(9), [np.ones(9)]), "one of first and second is a collection"),
        (lambda: coherence(np.ones(9), np.ones(9), confidence=1), "confidence=1 is not between 0 and 1"),
        (lambda: cross_spectrum([np.ones(9)], [np.ones(9), np.ones(9)]), "first has 1 signals and second 2"),
    ],
)
def test_wrong_input_is_refused_in_one_sentence(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_short_forms():
    x = RNG.normal(size=1000)
    assert repr(dft(x, rate=10)) == "Spectrum(amplitude at 501 frequencies from 0 to 5 Hz)"
    assert repr(welch(x[None], window=100)) == (
        "Spectrum(density at 51 frequencies from 0 to 0.5 cycles/sample, 1 channels, 19 windows)"
    )
    assert repr(spectrogram(x, rate=10)) == "Spectrogram(density at 129 frequencies from 0 to 5 Hz and 6 times)"
    assert repr(cross_spectrum(x, x)) == (
        "CrossSpectrum(density at 129 frequencies from 0 to 0.5 cycles/sample, 6 windows)"
    )
