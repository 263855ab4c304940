"""Bands of frequencies, densities and noise against SciPy, scikit-image and formulae."""

import numpy as np
import pytest
import scipy.fft
import scipy.signal
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from filterbank.errors import InputError
from filterbank.filtering import bandpass, denoise, density, highpass, lowpass, noise_level
from filterbank.signals import Signals


def data(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("order", [1, 2, 5])
@pytest.mark.parametrize("kind", ["low", "high"])
def test_butterworth_is_filtering_to_and_fro(order, kind):
    """Away from the ends, at low frequencies, where a digital filter doesn't bend the axis."""
    x = scipy.signal.lfilter([1], [1, -0.995], data(20_000))
    sections = scipy.signal.butter(order, 4, kind, fs=1000, output="sos")
    expected = scipy.signal.sosfiltfilt(sections, x)[5000:-5000]
    found = {"low": lowpass, "high": highpass}[kind](x, 4, rate=1000, order=order)[5000:-5000]
    np.testing.assert_allclose(found, expected, atol=2e-3 * abs(x).max())


@pytest.mark.parametrize("shape", [(64,), (33, 40), (12, 15, 16)])
@pytest.mark.parametrize("high", [False, True])
def test_butterworth_is_scikit_image_s_in_every_dimension(shape, high):
    filters = pytest.importorskip("skimage.filters")
    x = data(shape)
    expected = filters.butterworth(x, 0.13, high_pass=high, order=3, squared_butterworth=True)
    found = (highpass if high else lowpass)(x, 0.13, order=3, pad="wrap")
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("shape", [(63,), (64,), (21, 30), (9, 10, 12)])
def test_ideal_bands_are_a_mask_on_the_spectrum(shape):
    x = data(shape)
    grid = np.sqrt(sum(np.square(f) for f in np.meshgrid(*(np.fft.fftfreq(n) for n in shape), indexing="ij")))
    expected = np.fft.ifftn(np.fft.fftn(x) * ((grid >= 0.11) & (grid <= 0.29))).real
    np.testing.assert_allclose(bandpass(x, 0.11, 0.29, shape="ideal", pad="wrap"), expected, atol=1e-12)


@pytest.mark.parametrize("shape", ["ideal", "butterworth"])
def test_mirrored_is_what_filtering_the_mirrored_signal_gives(shape):
    x = data((14, 17))
    mirrored = np.concatenate([x, x[::-1]])
    mirrored = np.concatenate([mirrored, mirrored[:, ::-1]], axis=1)
    expected = bandpass(mirrored, 0.07, 0.31, shape=shape, pad="wrap")[:14, :17]
    np.testing.assert_allclose(bandpass(x, 0.07, 0.31, shape=shape), expected, atol=1e-12)


def test_edges_of_an_ideal_band_belong_to_it():
    t = np.arange(100) / 10
    waves = {f: np.cos(2 * np.pi * f * t) for f in (1.0, 1.1, 2.0, 2.1)}
    kept = bandpass(sum(waves.values()), 1.1, 2.0, rate=10, shape="ideal", pad="wrap")
    np.testing.assert_allclose(kept, waves[1.1] + waves[2.0], atol=1e-12)


def test_gains_are_a_half_at_the_edges_and_nothing_is_delayed():
    t = np.arange(2000) / 100
    for f, expected in ((5, 0.5), (10, 1 / (1 + 0.5**8) ** 2), (20, 0.5), (1, 1 / (1 + 5**8.0))):
        wave = np.cos(2 * np.pi * f * t + 0.7)
        np.testing.assert_allclose(bandpass(wave, 5, 20, rate=100, pad="wrap"), expected * wave, atol=2e-5)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 0.45), st.sampled_from(["ideal", "butterworth"]), st.sampled_from(["symmetric", "wrap"]))
def test_low_and_high_are_complementary_and_linear(frequency, shape, pad):
    a, b = data((2, 50))
    options = {"shape": shape, "pad": pad}
    low, high = lowpass(a, frequency, **options), highpass(a, frequency, **options)
    if not (shape == "ideal" and np.isclose(frequency * 100, round(frequency * 100), atol=1e-6)):
        np.testing.assert_allclose(low + high, a, atol=1e-12)
    together = lowpass(3 * a - b, frequency, **options)
    np.testing.assert_allclose(together, 3 * low - lowpass(b, frequency, **options), atol=1e-12)
    if shape == "ideal":
        np.testing.assert_allclose(lowpass(low, frequency, **options), low, atol=1e-12)  # a projection


def test_bands_of_signals_are_in_hertz():
    t = np.arange(300) / 100
    x = np.cos(2 * np.pi * 4 * t) + np.cos(2 * np.pi * 30 * t)
    signals = Signals([x, np.stack([x[:200], -x[:200]])], n_axes=1, rate=100)
    kept = lowpass(signals, 10)
    np.testing.assert_array_equal(kept[0][0], lowpass(x, 10, rate=100))
    np.testing.assert_allclose(kept[0][0], lowpass(x, 0.1), atol=1e-13)
    np.testing.assert_allclose(kept[1][0], -kept[1][1], atol=1e-15)
    assert kept.rate == 100


@pytest.mark.parametrize("rule", ["scott", "silverman"])
@pytest.mark.parametrize("n_axes", [1, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_densities_are_scipy_s(rule, n_axes, weighted):
    rng = np.random.default_rng(0)
    points = rng.multivariate_normal([3, -1], [[1, 0.8], [0.8, 2]], size=700)[:, :n_axes]
    weights = rng.random(700) if weighted else None
    found = density(points, bandwidth=rule, weights=weights)
    peer = scipy.stats.gaussian_kde(points.T, rule, weights=weights)
    expected = peer(np.stack(np.meshgrid(*found.axes, indexing="ij")).reshape(n_axes, -1)).reshape(found.values.shape)
    np.testing.assert_allclose(found.covariance, np.atleast_2d(peer.covariance), rtol=1e-12)
    step = max((axis[1] - axis[0]) / width for axis, width in zip(found.axes, found.bandwidth))
    np.testing.assert_allclose(found.values, expected, rtol=0, atol=(step**2 / 4 + 2e-5) * expected.max())
    assert found.values.sum() * found.cell == pytest.approx(1, abs=1e-5)


def test_a_finer_grid_is_nearer():
    points = data(300)
    errors = []
    for size in (60, 120, 240):
        found = density(points, bandwidth=0.3, grid=size)
        exact = scipy.stats.norm.pdf(found.axes[0][:, np.newaxis], points, 0.3).mean(axis=1)
        errors.append(np.abs(found.values - exact).max())
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.4)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.4)


def test_a_density_in_three_dimensions_with_a_width_for_each_axis():
    points = data((40, 3))
    found = density(points, bandwidth=[0.4, 0.6, 0.8], grid=[40, 30, 24])
    assert found.bandwidth == pytest.approx((0.4, 0.6, 0.8))
    grid = np.stack(np.meshgrid(*found.axes, indexing="ij"), axis=-1)
    exact = np.mean([scipy.stats.multivariate_normal(p, found.covariance).pdf(grid) for p in points], axis=0)
    np.testing.assert_allclose(found.values, exact, rtol=0, atol=0.2 * exact.max())
    assert found.values.sum() * found.cell == pytest.approx(1, abs=1e-4)


def test_isj_doesn_t_smooth_humps_into_one_and_is_near_the_best_width_for_one():
    rng = np.random.default_rng(0)
    humps = np.concatenate([rng.normal(c, 0.2, 600) for c in (-4, 0, 4)])
    best = 1.06 * 0.2 * 600**-0.2
    assert density(humps, bandwidth="isj").bandwidth[0] == pytest.approx(best, rel=0.25)
    assert density(humps).bandwidth[0] > 8 * best
    one = np.mean([density(rng.normal(size=2000), bandwidth="isj").bandwidth[0] for _ in range(8)])
    assert one == pytest.approx(1.06 * 2000**-0.2, rel=0.1)
    both = density(np.stack([humps, 10 * humps], axis=1), bandwidth="isj", grid=1500).bandwidth
    assert both[1] == pytest.approx(10 * both[0])


def test_limits_cut_the_density_and_leave_its_values():
    points = data(500)
    whole = density(points, bandwidth=0.3, grid=1001, limits=(-6, 6))
    part = density(points, bandwidth=0.3, grid=501, limits=(-3, 3))
    inside = slice(250, 751)
    np.testing.assert_allclose(part.axes[0], whole.axes[0][inside])
    middle = slice(130, -130)  # away from the ends, beyond which points aren't seen
    np.testing.assert_allclose(part.values[middle], whole.values[inside][middle], atol=1e-6)


@pytest.mark.parametrize("n_axes", [1, 2, 3])
def test_the_noise_level_of_noise(n_axes):
    shape = {1: (20_000,), 2: (150, 150), 3: (30, 30, 30)}[n_axes]
    smooth = sum(np.sin(np.arange(n) / 9).reshape((-1,) + (1,) * i) for i, n in enumerate(reversed(shape)))
    assert noise_level(smooth + 0.3 * data(shape)) == pytest.approx(0.3, rel=0.03)
    two = noise_level(np.stack([data(shape), 3 * data(shape, 1)]), n_axes=n_axes)
    np.testing.assert_allclose(two, [1, 3], rtol=0.05)


def pictures():
    images = pytest.importorskip("skimage.data")
    return {name: getattr(images, name)()[:256, :256] / 255 for name in ("camera", "moon", "coins")}


@pytest.mark.parametrize("level", [0.05, 0.1])
def test_bands_denoise_pictures_nearly_as_well_as_total_variation_with_the_best_weight(level):
    restoration = pytest.importorskip("skimage.restoration")
    for name, clean in pictures().items():
        noisy = clean + level * data(clean.shape)
        error = np.mean((denoise(noisy) - clean) ** 2)
        peers = [restoration.denoise_tv_chambolle(noisy, weight=w) for w in np.geomspace(0.02, 0.3, 8)]
        best = min(np.mean((peer - clean) ** 2) for peer in peers)
        assert error < 1.4 * best, name  # 1.5 dB, without being told the best weight
        assert error < 0.35 * level**2, name


def test_bands_denoise_series_and_keep_what_has_no_noise():
    t = np.arange(2000) / 100
    clean = np.sin(2 * np.pi * 0.5 * t) * (t > 5)
    noisy = clean + 0.2 * data(2000)
    assert np.mean((denoise(noisy) - clean) ** 2) < 0.2 * 0.2**2
    np.testing.assert_allclose(denoise(clean, sigma=0), clean, atol=1e-12)
    np.testing.assert_allclose(denoise(np.full(100, 3.0)), 3, atol=1e-12)
    shifted = denoise(np.roll(noisy, 5), sigma=0.2)[300:-300]
    np.testing.assert_allclose(shifted, np.roll(denoise(noisy, sigma=0.2), 5)[300:-300], atol=1e-12)


@pytest.mark.parametrize("shape", [(300,), (40, 50), (12, 13, 14)])
def test_total_variation_is_scikit_image_s(shape):
    restoration = pytest.importorskip("skimage.restoration")
    noisy = (np.arange(np.prod(shape)).reshape(shape) % 29 > 14) + 0.2 * data(shape)
    expected = restoration.denoise_tv_chambolle(noisy, weight=0.2, eps=0, max_num_iter=4000)
    found = denoise(noisy, method="tv", weight=0.2)
    assert np.sqrt(np.mean((found - expected) ** 2)) < 1e-3
    np.testing.assert_allclose(found, expected, atol=2e-2)


def test_total_variation_takes_off_as_much_as_there_is_noise():
    clean = np.repeat([0.0, 4, 1, 3], 100)
    noisy = clean + 0.5 * data(400)
    found = denoise(noisy, method="tv", sigma=0.5)
    assert np.std(found - noisy) == pytest.approx(0.5, rel=0.03)
    assert np.mean((found - clean) ** 2) < 0.15 * 0.25
    np.testing.assert_array_equal(denoise(np.full(50, 2.0), method="tv"), np.full(50, 2.0))


def test_medians_are_scipy_s_and_take_clicks_away():
    x = np.sin(np.arange(300) / 20)
    clicks = x.copy()
    clicks[::37] += 10
    assert np.abs(denoise(clicks, method="median", size=5) - x).max() < 0.2
    image = data((20, 21))
    np.testing.assert_array_equal(denoise(image, method="median"), scipy.ndimage.median_filter(image, 3))


def test_each_channel_has_its_own_noise_and_signals_are_denoised_when_asked_for():
    x = np.stack([data(500), 100 * data(500, 1)])
    np.testing.assert_allclose(denoise(x, n_axes=1)[1], denoise(x[1]))
    lazy = denoise(Signals([x, x[:, :300]], n_axes=1), method="tv")
    np.testing.assert_allclose(lazy[1][0], denoise(x[0, :300], method="tv"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: lowpass(x, 0.7), r"frequency=0\.7 is not below 0\.5 cycles/sample.* Pass rate, or lower it\."),
        (lambda x: lowpass(x, 30, rate=50), r"frequency=30 is not below 25 Hz, half of rate=50\. Lower it\."),
        (lambda x: highpass(x, -1), "frequency=-1 is not a frequency above 0 cycles/sample"),
        (lambda x: bandpass(x, 0.3, 0.2), "low=0.3 is not below high=0.2"),
        (lambda x: bandpass(x, 0.1, 25, rate=50), "high=25 is not below 25 Hz"),
        (lambda x: bandpass(x, 0, 0.2), "low=0 is not a frequency above 0"),
        (lambda x: bandpass(x, np.nan, 0.2), "low=nan is not"),
        (lambda x: lowpass(x, 0.1, shape="cheby"), "shape='cheby' is not one of butterworth, ideal"),
        (lambda x: lowpass(x, 0.1, pad="zero"), "pad='zero' is not one of symmetric, wrap"),
        (lambda x: lowpass(x, 0.1, order=0), "order=0 is not a whole number, 1 or more"),
        (lambda x: lowpass(x, 0.1, rate=-1), "rate=-1 is not a positive number"),
        (lambda x: lowpass(x[:1], 0.1), "signal 0 has one sample"),
        (lambda x: lowpass(Signals([x], n_axes=1, rate=5), 1, rate=6), "rate=6 is not the rate of these signals"),
        (lambda x: density(np.full(9, 2.5)), "all points are 2.5 on axis 0"),
        (lambda x: density([1.0]), "points holds 1; a density needs at least 2"),
        (lambda x: density([1.0, np.nan]), r"points contains nan \(point 1, axis 0\)"),
        (lambda x: density(np.zeros((3, 4))), r"points has shape \(3, 4\)"),
        (lambda x: density(x, bandwidth=0), "bandwidth=0 is not positive, or one of scott, silverman, isj"),
        (lambda x: density(x, bandwidth="sj"), "bandwidth='sj' is not a number or one of"),
        (lambda x: density(x, bandwidth=1e-4), "grid=1024 is not fine enough.* Pass grid="),
        (
            lambda x: density(x, weights=-np.ones(40)),
            r"weights=array\(\[-1[^!]* is not made of numbers that are finite",
        ),
        (lambda x: density(x, weights=np.ones(3)), r"weights has shape \(3,\); there are 40 points"),
        (lambda x: density(x, limits=(3, 1)), r"limits=\(3, 1\) is not \(low, high\)"),
        (lambda x: density(np.stack([x, 2 * x], axis=1)), "the points lie on a plane or a line"),
        (lambda x: density([0.0, 1.0], bandwidth="isj"), "bandwidth='isj' finds no width for the 2 points of axis 0"),
        (lambda x: denoise(x, sigma=-1), "sigma=-1 is not None or the noise's standard deviation, 0 or more"),
        (lambda x: denoise(x, method="mean"), "method='mean' is not one of bands, tv, median"),
        (lambda x: denoise(x, weight=1), "weight=1 is not for method='bands', only for 'tv'"),
        (lambda x: denoise(x, method="tv", weight=0), "weight=0 is not None or a positive number"),
        (lambda x: denoise(x, method="median", size=4), "size=4 is not odd"),
        (lambda x: denoise(x, n_scales=9), "n_scales=9 is not at most 4 for a signal of 40 samples"),
        (lambda x: denoise(x[:2]), "signal 0 has 2 samples, too few to tell noise by"),
    ],
)
def test_wrong_input_is_said_in_one_sentence(call, message):
    with pytest.raises(InputError, match=message):
        call(data(40))
