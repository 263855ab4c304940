"""Compression by few coefficients, Fourier series and the convolution theorem, against NumPy, SciPy and formulae."""

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
from filterbank.spectrum import convolution_theorem, fourier_compress, fourier_series
from filterbank.spectrum.fourier import WAVES

RNG = np.random.default_rng(0)


def best_by_trying(x, k):
    """The smallest error that any `k` sinusoids of the transform leave."""
    z = np.fft.rfft(x)
    best = np.inf
    for chosen in itertools.combinations(range(len(z)), k):
        kept = np.zeros_like(z)
        kept[list(chosen)] = z[list(chosen)]
        best = min(best, np.linalg.norm(x - np.fft.irfft(kept, len(x))))
    return best / np.linalg.norm(x)


@pytest.mark.parametrize("n", [12, 13])
@pytest.mark.parametrize("k", [1, 2, 4, 7])
def test_the_largest_lose_least(n, k):
    x = RNG.normal(size=n) + 0.5
    assert fourier_compress(x, largest=k).error == pytest.approx(best_by_trying(x, k), abs=1e-12)


@pytest.mark.parametrize("shape", [(40,), (41,), (2, 40), (12, 14), (3, 12, 13), (4, 5, 6)])
@pytest.mark.parametrize("options", [{"largest": 5}, {"cutoff": 0.2}])
def test_what_is_kept_makes_the_signal(shape, options):
    n_axes = {1: 1, 2: 2 if shape[0] > 2 else 1, 3: 2 if shape[0] == 3 else 3}[len(shape)]
    x = RNG.normal(size=shape)
    found = fourier_compress(x, n_axes=n_axes, **options)
    axes = tuple(range(-n_axes, 0))
    z = np.fft.fftn(x, axes=axes) * found.kept
    back = np.fft.ifftn(z, axes=axes)
    np.testing.assert_allclose(back.imag, 0, atol=1e-14)  # conjugates go together
    np.testing.assert_allclose(found.signal, back.real, atol=1e-13)
    left = np.sqrt(((x - found.signal) ** 2).sum(axis=axes) / (x**2).sum(axis=axes))
    np.testing.assert_allclose(found.error, left)
    by_parseval = 1 - (abs(z) ** 2).sum(axis=axes) / (abs(np.fft.fftn(x, axes=axes)) ** 2).sum(axis=axes)
    np.testing.assert_allclose(found.error**2, by_parseval, atol=1e-12)
    if "cutoff" in options:
        f = np.meshgrid(*(np.fft.fftfreq(n) for n in shape[-n_axes:]), indexing="ij")
        np.testing.assert_array_equal(found.kept, np.broadcast_to(np.sqrt(sum(g**2 for g in f)) <= 0.2, shape))


def test_numbers_to_store_are_counted():
    x = 1 + np.cos(np.arange(100) * 2 * np.pi * 7 / 100) + 0.1 * np.cos(np.pi * np.arange(100))
    assert fourier_compress(x, largest=3).ratio == 100 / (2 + 3 + 2)  # mean, sinusoid, half the rate; and which
    assert fourier_compress(x, cutoff=0.07).ratio == 100 / (1 + 2 * 7)
    assert fourier_compress(np.stack([x, x]), cutoff=0.07).ratio == 200 / 30
    all_of_it = fourier_compress(x, cutoff=0.5)
    assert all_of_it.ratio == 1
    assert all_of_it.error < 1e-14


@settings(deadline=None, max_examples=50)
@given(arrays(np.float64, st.integers(4, 30), elements=st.floats(-10, 10)).filter(lambda x: abs(x).max() > 1e-3))
def test_more_sinusoids_lose_no_more(x):
    n = len(x) // 2 + 1
    errors = [float(fourier_compress(x, largest=k).error) for k in range(1, n + 1)]
    assert (np.diff(errors) <= 1e-12).all()
    assert errors[-1] < 1e-12


def test_a_cutoff_in_hertz_is_scipys_low_pass_by_transform():
    x = RNG.normal(size=(2, 200))
    z = np.fft.rfft(x)
    z[:, np.fft.rfftfreq(200, 1 / 50) > 11] = 0
    np.testing.assert_allclose(fourier_compress(x, cutoff=11, rate=50).signal, np.fft.irfft(z, 200), atol=1e-13)
    many = fourier_compress(Signals([x, x[:, :90]], n_axes=1, rate=50), cutoff=11)
    np.testing.assert_allclose(many[0].signal, np.fft.irfft(z, 200), atol=1e-13)
    assert many[1].signal.shape == (2, 90)


def test_a_tiled_image_is_few_coefficients():
    tile = RNG.random((8, 8))
    image = np.tile(tile, (4, 4))
    found = fourier_compress(image, n_axes=2, largest=34)  # as many as one tile has
    assert found.error < 1e-14
    assert found.n_kept == 34
    assert repr(found).startswith("Compressed(34 sinusoids, relative error")


@pytest.mark.parametrize("name", WAVES)
@pytest.mark.parametrize("period", [1.0, 2.5])
def test_coefficients_by_formula_by_integration_and_by_scipy(name, period):
    formula = fourier_series(name, 25, period=period)
    integral = fourier_series(name, 25, period=period, method="integration")
    np.testing.assert_allclose(formula.sines, integral.sines, atol=1e-8)
    np.testing.assert_allclose(formula.cosines, integral.cosines, atol=1e-8)
    assert formula.mean == pytest.approx(integral.mean, abs=1e-9)
    for k in (1, 2, 3, 7):  # quad, with the jumps named
        value = quad(
            lambda t, k=k: float(formula.function(np.array(t))) * np.sin(2 * np.pi * k * t / period),
            0,
            period,
            points=[period / 4, period / 2, 3 * period / 4],
            limit=200,
        )[0]
        assert formula.sines[k - 1] == pytest.approx(2 / period * value, abs=1e-7)


@pytest.mark.parametrize("name", WAVES)
def test_waves_begin_like_a_sine_and_are_scipys(name):
    t = (np.arange(400) + 0.5) / 200
    wave = WAVES[name][0](t)
    expected = {
        "square": scipy.signal.square(2 * np.pi * t),
        "sawtooth": scipy.signal.sawtooth(2 * np.pi * (t + 0.5)),
        "triangle": scipy.signal.sawtooth(2 * np.pi * (t + 0.25), 0.5),
    }[name]
    np.testing.assert_allclose(wave, expected, atol=1e-12)


def test_partial_sums_come_near_and_overshoot_as_gibbs_said():
    series = fourier_series("square", 999)
    t = np.linspace(0.0001, 0.4999, 20_001)
    sums = series(t)
    assert abs(sums[2000:-2000] - 1).max() < 0.02
    assert sums.max() == pytest.approx(1.17898, abs=1e-3)  # 2 / pi times the sine integral of pi
    np.testing.assert_allclose(series(t, n_terms=3), 4 / np.pi * (np.sin(2 * np.pi * t) + np.sin(6 * np.pi * t) / 3))
    np.testing.assert_array_equal(series(t, n_terms=0), 0)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.floats(-2, 2), st.floats(-2, 2)), min_size=1, max_size=4), st.floats(-1, 1))
def test_a_trigonometric_polynomial_is_its_own_series(terms, mean):
    def function(t):
        u = 2 * np.pi * t / 3
        return mean + sum(a * np.cos((k + 1) * u) + b * np.sin((k + 1) * u) for k, (a, b) in enumerate(terms))

    series = fourier_series(function, 6, period=3)
    expected = np.zeros((6, 2))
    expected[: len(terms)] = terms
    np.testing.assert_allclose(series.cosines, expected[:, 0], atol=1e-8)
    np.testing.assert_allclose(series.sines, expected[:, 1], atol=1e-8)
    t = np.linspace(0, 3, 50)
    np.testing.assert_allclose(series(t), function(t), atol=1e-7)
    np.testing.assert_allclose(series.amplitudes, np.hypot(*expected.T), atol=1e-8)


@pytest.mark.parametrize("shapes", [((30,), (7,)), ((5,), (9,)), ((12, 13), (3, 4)), ((5, 6, 7), (2, 3, 2))])
def test_convolving_is_multiplying_spectra(shapes):
    x, h = (RNG.normal(size=shape) for shape in shapes)
    found = convolution_theorem(x, h, rate=5)
    np.testing.assert_allclose(found.convolved, scipy.signal.fftconvolve(x, h), atol=1e-12)
    np.testing.assert_allclose(found.product, found.signal_spectrum * found.kernel_spectrum)
    np.testing.assert_allclose(found.product, np.fft.rfftn(found.convolved), atol=1e-10)
    assert found.difference == abs(found.convolved - found.by_spectra).max() < 1e-12
    assert len(found.frequencies) == found.product.shape[-1]
    assert found.frequencies[-1] <= 2.5
    assert found.unit == "Hz"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fourier_compress(np.ones(9)), "largest=None and cutoff=None"),
        (lambda: fourier_compress(np.ones(9), largest=2, cutoff=0.1), "largest=2 and cutoff=0.1"),
        (lambda: fourier_compress(np.ones(9), largest=6), "largest=6 is not a whole number between 1 and 5"),
        (lambda: fourier_compress(np.ones(9), largest=1.5), "largest=1.5 is not"),
        (lambda: fourier_compress(np.ones(9), cutoff=0.6), "cutoff=0.6 is not between 0 and 0.5 cycles/sample"),
        (lambda: fourier_compress(np.ones(9), cutoff=6, rate=10), "cutoff=6 is not between 0 and 5 Hz"),
        (lambda: fourier_compress(np.zeros(9), largest=2), "signal 0 is zero everywhere"),
        (lambda: fourier_series("sine", 3), "function='sine' is not a callable or one of square"),
        (lambda: fourier_series("square", 0), "n_terms=0 is not"),
        (lambda: fourier_series("square", 3, period=-1), "period=-1 is not"),
        (lambda: fourier_series("square", 3, method="guess"), "method='guess' is not"),
        (lambda: fourier_series(np.sin, 3, method="formula"), "method='formula' is not possible"),
        (lambda: fourier_series(lambda t: t / 0 if t > 0.5 else t, 3), "must be finite"),
        (lambda: fourier_series("square", 3)(0.1, n_terms=4), "n_terms=4 is not between 0 and the 3 terms"),
        (lambda: convolution_theorem(np.ones(4), np.ones((2, 2))), "signal has 1 axes and kernel 2"),
        (lambda: convolution_theorem([1.0, np.nan], [1.0]), r"NaN \(channel 0, sample 1"),
    ],
)
def test_wrong_input_is_refused_in_one_sentence(call, message):
    with pytest.raises(InputError, match=message), np.errstate(all="ignore"):
        call()
