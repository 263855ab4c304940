"""Convolution, smoothing and derivatives against SciPy, numpy and sums written out, and the laws that they obey."""

import itertools

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import filterbank
from filterbank import FilterBank, filtering, respond
from filterbank.errors import InputError
from filterbank.filtering import convolution, convolve, derivative, gaussian_kernel, scale_space, smooth
from filterbank.filtering.arguments import PAD_NAMES
from filterbank.signals import Signals

NDIMAGE = {
    "symmetric": "reflect",
    "reflect": "mirror",
    "edge": "nearest",
    "wrap": "wrap",
    "zero": "constant",
    "constant": "constant",
}
SHAPES = {1: (57,), 2: (19, 23), 3: (9, 10, 11)}
KERNELS = {1: [(5,), (4,), (1,), (80,)], 2: [(3, 5), (4, 2), (30, 3), (1, 7)], 3: [(3, 3, 3), (2, 4, 1), (12, 1, 2)]}


def data(shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def constant_of(pad):
    return {"cval": 2.5} if pad == "constant" else {}


@pytest.mark.parametrize("method", ["auto", "direct", "separable", "fft"])
@pytest.mark.parametrize("pad", NDIMAGE)
@pytest.mark.parametrize("n_axes", [1, 2, 3])
def test_same_is_what_ndimage_gives_for_every_boundary_and_kernel(n_axes, pad, method):
    x = data(SHAPES[n_axes])
    for extent in KERNELS[n_axes]:
        kernel = data(extent, 1)
        expected = scipy.ndimage.convolve(x, kernel, mode=NDIMAGE[pad], **constant_of(pad))
        found = convolve(x, kernel, pad=pad, method=method, **constant_of(pad))
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13 * abs(expected).max())


@pytest.mark.parametrize("method", ["direct", "separable", "fft"])
@pytest.mark.parametrize("n_axes", [1, 2, 3])
def test_full_and_valid_are_what_scipy_signal_gives(n_axes, method):
    x = data(SHAPES[n_axes])
    for extent, mode in itertools.product(KERNELS[n_axes], ("full", "valid")):
        if mode == "valid" and any(k > n for k, n in zip(extent, x.shape)):
            continue
        expected = scipy.signal.convolve(x, data(extent, 1), mode=mode, method="direct")
        found = convolve(x, data(extent, 1), mode=mode, method=method)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13 * abs(expected).max())


@pytest.mark.parametrize("pad", NDIMAGE)
def test_full_goes_on_as_numpy_pads(pad):
    x, kernel = data((6, 7)), data((9, 4), 1)
    mode = "constant" if pad == "zero" else pad
    padded = np.pad(x, [(8, 8), (3, 3)], mode=mode, **({"constant_values": 2.5} if pad == "constant" else {}))
    expected = scipy.signal.convolve(padded, kernel, mode="valid", method="direct")
    for method in ("direct", "separable", "fft"):
        found = convolve(x, kernel, mode="full", pad=pad, method=method, **constant_of(pad))
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13 * abs(expected).max())


@pytest.mark.parametrize("method", ["direct", "separable", "fft"])
@pytest.mark.parametrize("shape", [(40_000,), (700, 650), (110, 120, 100)])
def test_large_signals_are_cut_in_blocks_strips_and_shares_without_a_seam(shape, method):
    x = data(shape, dtype=np.float32)
    kernel = np.hanning(9)[(slice(None), *(None,) * (len(shape) - 1))] * np.ones((9, 4, 3)[: len(shape)])
    expected = scipy.ndimage.convolve(x.astype(np.float64), kernel, mode="mirror")
    found = convolve(x, kernel, pad="reflect", method=method)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * abs(expected).max())
    np.testing.assert_array_equal(convolve(x, kernel, pad="reflect", method=method, n_jobs=3), found)


def test_long_kernels_over_several_long_channels():
    x, kernel = data((3, 30_000)), data(2_001, 1)
    expected = scipy.signal.oaconvolve(x, kernel[np.newaxis], mode="full", axes=1)
    assert convolution._quickest([30_000], kernel, []) == "fft"
    np.testing.assert_allclose(convolve(x, kernel, mode="full", n_axes=1), expected, atol=1e-11)


@pytest.mark.parametrize("pad", NDIMAGE)
@pytest.mark.parametrize("library", [False, True])
def test_long_lines_in_segments_and_by_the_library(pad, library, monkeypatch):
    monkeypatch.setattr(convolution, "LIBRARY", 0.0 if library else 1e9)
    x, kernel = data((2, 9_000)), data(700, 1)
    found = convolve(x, kernel, pad=pad, method="fft", n_axes=1, **constant_of(pad))
    expected = convolve(x, kernel, pad=pad, method="direct", n_axes=1, **constant_of(pad))
    np.testing.assert_allclose(found, expected, atol=1e-11)
    for n_jobs in (2, 3):
        again = convolve(x, kernel, pad=pad, method="fft", n_axes=1, n_jobs=n_jobs, **constant_of(pad))
        np.testing.assert_array_equal(again, found)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_blocks_of_any_size_have_no_seams(monkeypatch, data_):
    n_axes = data_.draw(st.integers(1, 3))
    longest = {1: 300, 2: 40, 3: 14}[n_axes]
    shape = data_.draw(st.tuples(*[st.integers(1, longest)] * n_axes))
    extent = data_.draw(st.tuples(*[st.integers(1, longest // 2)] * n_axes))
    mode = data_.draw(st.sampled_from(["same", "full"]))
    pad = data_.draw(st.sampled_from(sorted(NDIMAGE)))
    monkeypatch.setattr(convolution, "WHOLE", 0)
    monkeypatch.setattr(convolution, "LINES", 64)
    monkeypatch.setattr(convolution, "BLOCKS", {1: 16, 2: 6, 3: 4})
    monkeypatch.setattr(convolution, "LIBRARY", data_.draw(st.sampled_from([0.0, 1e9])))
    x, kernel = data((2, *shape)), data(extent, 1)
    options = {"mode": mode, "pad": pad, "n_axes": n_axes, **constant_of(pad)}
    found = convolve(x, kernel, method="fft", **options)
    np.testing.assert_allclose(found, convolve(x, kernel, method="direct", **options), atol=1e-10)


def test_a_bank_answers_with_the_same_numbers():
    x, kernel = data(40), data(6, 1)
    responses, _ = respond(FilterBank([kernel], pad="reflect"), x)
    np.testing.assert_allclose(convolve(x, kernel, pad="reflect"), responses[0], atol=1e-13)


def test_the_plan_follows_sizes_and_rank():
    rank_1, full = np.outer(np.hanning(33), np.hanning(33)), data((33, 33))
    terms = [convolution._products(k.tobytes(), k.shape, 1e-9) for k in (rank_1, full)]
    assert [len(t) for t in terms] == [1, 33]
    assert convolution._quickest([900, 900], rank_1, terms[0]) == "separable"
    assert convolution._quickest([900, 900], full, terms[1]) in ("fft", "direct")
    assert convolution._quickest([900, 900], full[:3, :3], [0] * 3) == "direct"
    assert convolution._quickest([900, 900], data((99, 99)), [0] * 99) == "fft"
    three = np.multiply.outer(np.hanning(5), rank_1)
    assert len(convolution._products(three.tobytes(), three.shape, 1e-9)) == 1


def test_a_kernel_of_zeros_gives_zeros():
    for method in ("auto", "direct", "separable", "fft"):
        np.testing.assert_array_equal(convolve(data((5, 6)), np.zeros((3, 3)), method=method), np.zeros((5, 6)))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 30), st.sampled_from(sorted(NDIMAGE)), st.integers(0, 9), st.booleans())
def test_convolution_is_linear_in_signal_and_kernel(n, taps, pad, seed, single):
    dtype, tolerance = (np.float32, 1e-5) if single else (np.float64, 1e-12)
    a, b = data((2, n), seed, dtype)
    kernel = data(taps, seed + 1)
    pad = "edge" if pad == "constant" else pad
    together = convolve(2 * a + b, kernel, pad=pad)
    np.testing.assert_allclose(
        together, 2 * convolve(a, kernel, pad=pad) + convolve(b, kernel, pad=pad), atol=tolerance * taps
    )
    np.testing.assert_allclose(
        convolve(a, 3 * kernel, pad=pad), 3 * convolve(a, kernel, pad=pad), atol=tolerance * taps
    )


@settings(max_examples=40, deadline=None)
@given(st.tuples(st.integers(2, 20), st.integers(2, 20)), st.integers(-9, 9), st.integers(-9, 9), st.floats(0.3, 4))
def test_shifting_a_wrapped_image_shifts_the_response(shape, down, across, sigma):
    x, shift = data(shape), {"shift": (down, across), "axis": (0, 1)}
    for function in (
        lambda s: convolve(s, data((3, 4), 1), pad="wrap"),
        lambda s: smooth(s, sigma, pad="wrap"),
        lambda s: derivative(s, sigma, (1, 0), pad="wrap"),
        lambda s: filtering.lowpass(s, 0.2, pad="wrap"),
    ):
        np.testing.assert_allclose(function(np.roll(x, **shift)), np.roll(function(x), **shift), atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.floats(1, 5), st.floats(1, 5), st.sampled_from(["fir", "recursive"]))
def test_gaussians_are_a_semigroup(one, other, method):
    x = data(200)
    twice = smooth(smooth(x, one, truncate=8, pad="wrap", method=method), other, truncate=8, pad="wrap", method=method)
    once = smooth(x, np.hypot(one, other), truncate=8, pad="wrap")
    aliased = 20 * np.exp(-2 * (np.pi * one * other) ** 2 / (one**2 + other**2))  # what one adds and the other lets by
    np.testing.assert_allclose(twice, once, rtol=0, atol=aliased + (1e-12 if method == "fir" else 3e-5))


@settings(max_examples=60, deadline=None)
@given(st.floats(0.5, 6), st.integers(0, 5), st.lists(st.integers(-5, 5), min_size=1, max_size=7), st.integers(3, 6))
def test_the_derivative_of_a_polynomial_is_exact(sigma, order, coefficients, truncate):
    """Of degree up to `order + 1`; of higher ones it's that of the polynomial smoothed with the kernel of order 0."""
    if order > 2 * max(1, int(truncate * sigma + 0.5)):
        return
    polynomial = np.polynomial.Polynomial(coefficients[: order + 2])
    at = np.arange(-60.0, 61)
    found = derivative(polynomial(at), sigma, order, truncate=truncate)
    inside = abs(at) < 20
    expected = polynomial.deriv(order)(at[inside]) if order else polynomial(at[inside])
    scale = np.abs(gaussian_kernel(sigma, order, truncate=truncate)).sum() * np.abs(polynomial(at)).max() + 1
    np.testing.assert_allclose(found[inside], expected, atol=1e-12 * scale)


@pytest.mark.parametrize("method", ["fir", "recursive"])
@pytest.mark.parametrize("pad", NDIMAGE)
@pytest.mark.parametrize("n_axes", [1, 2, 3])
def test_smoothing_is_scipy_s(n_axes, pad, method):
    x = data(SHAPES[n_axes])
    truncate, tolerance = (4, 1e-14) if method == "fir" else (7, 1e-5)
    for sigma in (0.7, 1, 3.3, [2, 0, 5][:n_axes]):
        options = {"mode": NDIMAGE[pad], "truncate": truncate, **constant_of(pad)}
        expected = scipy.ndimage.gaussian_filter(x, sigma, **options)
        found = smooth(x, sigma, pad=pad, method=method, **constant_of(pad))
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * abs(x).max())


@pytest.mark.parametrize("sigma", [0.5, 2, 30, 400])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_recursive_smoothing_of_long_signals_errs_as_stated(sigma, dtype):
    x = data(20_000, dtype=dtype)
    expected = scipy.ndimage.gaussian_filter1d(x.astype(np.float64), sigma, truncate=6)
    found = smooth(x, sigma, method="recursive")
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * abs(x).max())


@pytest.mark.parametrize("sigma", [150, [150, 2], [2, 150]])
def test_long_kernels_along_one_axis_or_both(sigma):
    x = data((2, 90, 700))
    expected = np.stack([scipy.ndimage.gaussian_filter(c, sigma, mode="constant", cval=3) for c in x])
    found = smooth(x, sigma, n_axes=2, pad="constant", cval=3)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("long", [False, True])
def test_a_constant_beyond_the_ends_is_convolved_as_the_constant_that_it_is(long, monkeypatch):
    """scipy.ndimage takes the constant again for what comes of the first axis, which isn't the signal any more."""
    if long:  # by the way of long kernels
        monkeypatch.setattr(convolution, "TAP", 1e6)
    x = data((12, 13))
    padded = np.pad(x, 20, constant_values=7.0)
    for orders in ((1, 0), (0, 1), (1, 1), (0, 2)):
        expected = derivative(padded, 1.5, orders)[20:-20, 20:-20]
        found = derivative(x, 1.5, orders, pad="constant", cval=7.0)
        np.testing.assert_allclose(found, expected, atol=1e-11)


@pytest.mark.parametrize(
    ("sigma", "order", "tolerance"), [(1, 1, 1e-4), (1, 2, 1e-3), (2, 1, 1e-9), (3, 3, 1e-9), (3, 4, 1e-8)]
)
def test_derivatives_are_scipy_s_where_sampling_doesn_t_matter(sigma, order, tolerance):
    x = data(300)
    expected = scipy.ndimage.gaussian_filter1d(x, sigma, order=order, truncate=9)
    found = derivative(x, sigma, order, truncate=9)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * abs(expected).max())


def test_derivatives_of_images_and_volumes_are_products_of_passes():
    x = data((12, 14, 16))
    orders = (2, 0, 1)
    expected = x
    for axis, order in enumerate(orders):
        kernel = gaussian_kernel(1.2, order)
        expected = scipy.ndimage.convolve1d(expected, kernel, axis=axis, mode="mirror")
    np.testing.assert_allclose(derivative(x, 1.2, orders, pad="reflect"), expected, atol=1e-12)


def test_derivatives_are_per_second_where_the_rate_is_known():
    x = np.sin(2 * np.pi * 0.5 * np.arange(400) / 100)
    slope = derivative(x, 2, rate=100)
    assert slope[100:300].max() == pytest.approx(np.pi, rel=1e-2)
    np.testing.assert_allclose(slope, 100 * derivative(x, 2), atol=1e-12)
    signals = Signals([x], n_axes=1, rate=100)
    np.testing.assert_array_equal(derivative(signals, 2)[0][0], slope)
    np.testing.assert_allclose(derivative(x, 2, 2, rate=100), 1e4 * derivative(x, 2, 2), atol=1e-11)
    image = data((20, 20))
    np.testing.assert_array_equal(derivative(image, 1, (1, 0), rate=10), derivative(image, 1, (1, 0)))


def test_scale_space_is_a_stack_of_smoothed_signals():
    x = data((2, 9, 10))
    stack = scale_space(x, [0, 1, 2.5], n_axes=2, pad="wrap")
    assert stack.shape == (3, 2, 9, 10)
    np.testing.assert_array_equal(stack[0], x)
    np.testing.assert_array_equal(stack[2], smooth(x, 2.5, n_axes=2, pad="wrap"))
    signals = scale_space(Signals([x, x[:, :5]], n_axes=2), [0, 1], method="recursive")
    assert [s.shape for s in signals] == [(4, 9, 10), (4, 5, 10)]
    np.testing.assert_array_equal(signals[0][2:], smooth(x, 1, n_axes=2, method="recursive"))


def test_channels_are_smoothed_alone():
    x = data((3, 20, 21))
    np.testing.assert_array_equal(smooth(x, 2, n_axes=2)[1], smooth(x[1], 2))
    assert not np.allclose(smooth(x, 2), smooth(x, 2, n_axes=2))  # of three dimensions, all are axes


def test_signals_are_lazy_and_ragged():
    reads = []

    class Counted:
        def __init__(self, array):
            self.array = array

        def read(self):
            reads.append(len(self.array))
            return self.array

    signals = Signals([Counted(data(30)), Counted(data((2, 40)))], n_axes=1, rate=50.0)
    smoothed = smooth(signals, 2)
    assert isinstance(smoothed, Signals)
    assert (smoothed.rate, smoothed.n_axes, len(smoothed), reads) == (50.0, 1, 2, [])
    np.testing.assert_array_equal(smoothed[1], smooth(data((2, 40)), 2, n_axes=1))
    assert reads == [2]


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (np.float32, np.float32),
        (np.float16, np.float32),
        (np.float64, np.float64),
        (np.uint8, np.float64),
        (bool, np.float64),
    ],
)
def test_single_precision_stays_and_whole_numbers_become_double(dtype, expected):
    x = (np.arange(400).reshape(20, 20) % 7).astype(dtype)
    functions = [
        lambda s: convolve(s, np.ones((3, 3))),
        lambda s: convolve(s, np.ones((3, 3)), method="fft"),
        lambda s: smooth(s, 1),
        lambda s: smooth(s, 1, method="recursive"),
        lambda s: scale_space(s, [1, 2]),
        lambda s: derivative(s, 1, (0, 1)),
        lambda s: filtering.gradient(s).magnitude,
        filtering.sobel,
        lambda s: filtering.bandpass(s, 0.1, 0.3),
        lambda s: filtering.lowpass(s, 0.3, pad="wrap"),
        lambda s: filtering.denoise(s, method="median"),
        lambda s: filtering.denoise(s, sigma=0.1),
        lambda s: filtering.denoise(s, method="tv", weight=0.1),
    ]
    for function in functions:
        assert function(x).dtype == expected
        np.testing.assert_allclose(function(x), function(x.astype(np.float64)), atol=1e-4)


@pytest.mark.parametrize("pad", sorted(PAD_NAMES))
def test_scipy_s_names_mean_what_scipy_means_but_for_reflect(pad):
    x, kernel = data(9), data(5, 1)
    scipys = {"reflect": "mirror", "symmetric": "reflect", "edge": "nearest", "zero": "constant"}.get(pad, pad)
    np.testing.assert_allclose(convolve(x, kernel, pad=pad), scipy.ndimage.convolve(x, kernel, mode=scipys), atol=1e-13)


def test_what_comes_out_is_never_the_array_that_was_passed():
    x = data((6, 7))
    for same in (smooth(x, 0), smooth(x, 0, method="recursive"), scale_space(x, [0])[0], filtering.denoise(x, sigma=0)):
        np.testing.assert_allclose(same, x, atol=1e-15)
        assert not np.shares_memory(same, x)


def test_a_single_sample_is_a_signal():
    for pad in ("symmetric", "reflect", "edge", "wrap"):
        np.testing.assert_allclose(smooth(np.array([3.0]), 2, pad=pad), [3])
        np.testing.assert_allclose(smooth(np.array([3.0]), 2, pad=pad, method="recursive"), [3], rtol=1e-12)
    assert convolve(np.array([3.0]), np.array([2.0]))[0] == 6


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("function", [
    lambda s: convolve(s, np.ones((3, 3))),
    lambda s: convolve(s, data((3, 3))),
    lambda s: convolve(s, data((3, 3)), method="fft"),
    lambda s: convolve(s, np.ones((3, 3)), mode="valid"),
    lambda s: smooth(s, 2),
    lambda s: smooth(s, [0, 600]),
    lambda s: smooth(s, 2, method="recursive"),
    lambda s: derivative(s, 2, (1, 1)),
    lambda s: scale_space(s, [0, 1]),
    filtering.gradient,
    filtering.edges,
    filtering.sobel,
    lambda s: filtering.lowpass(s, 0.1),
    filtering.denoise,
    filtering.noise_level,
    lambda s: filtering.denoise(s, method="median"),
])  # fmt: skip
def test_nan_and_infinity_are_named_with_their_place(function, bad):
    x = data((20, 30)).astype(np.float32)
    x[7, 11] = bad
    what = "NaN" if np.isnan(bad) else "infinity"
    with pytest.raises(InputError, match=rf"signal 0 contains {what} \(channel 0, sample \(7, 11\); 1 such values\)"):
        function(x)


def test_nan_in_signals_names_the_signal():
    x = data(30)
    signals = smooth(Signals([x, np.where(np.arange(30) == 4, np.nan, x)], n_axes=1), 1)
    signals[0]
    with pytest.raises(InputError, match=r"signal 1 contains NaN \(channel 0, sample 4"):
        signals[1]


def test_sums_of_large_numbers_overflow_without_an_error():
    x = np.full(1000, 3e38, dtype=np.float32)
    assert np.isfinite(smooth(x, 2)).all()  # each response is finite, and the sum of several isn't


@pytest.mark.parametrize(("call", "message"), [
    (lambda x: smooth(x, -1), r"sigma=-1 is not a number of samples, 0 or more\."),
    (lambda x: smooth(x, np.nan), "sigma=nan is not"),
    (lambda x: smooth(x, [1, 2]), r"sigma=\[1, 2\] is not one number, or 1, one an axis"),
    (lambda x: smooth(x, "2"), "sigma='2' is not"),
    (lambda x: smooth(x, 1, method="iir"), "method='iir' is not 'fir' or 'recursive'"),
    (lambda x: smooth(x, 1, pad="mirrored"), "pad='mirrored' is not one of reflect, symmetric, edge"),
    (lambda x: smooth(x, 1, cval=2), "cval=2 is not 0, and with pad='symmetric' it has no meaning"),
    (lambda x: smooth(x, 1, pad="constant", cval=np.inf), "cval=inf is not a finite number"),
    (lambda x: smooth(x, 1, truncate=0), "truncate=0 is not a positive number of sigmas"),
    (lambda x: smooth(x, 1, n_axes=4), "n_axes=4 is not 1, 2 or 3"),
    (lambda x: smooth(x, 1, n_axes=2), "n_axes=2 it must have 2 dimensions"),
    (lambda x: smooth(x[:0], 1), "signal 0 is empty"),
    (lambda x: smooth(x.reshape(2, 2, 2, -1), 1), r"signal has shape \(2, 2, 2, 5\), and n_axes was not given"),
    (lambda x: smooth(x + 1j, 1), "signal 0 is complex"),
    (lambda x: smooth(np.array(["a", "b"]), 1), "signal 0 is not an array of numbers"),
    (lambda x: smooth(Signals([x], n_axes=1), 1, n_axes=2), "n_axes=2 is not the number of axes of these"),
    (lambda x: smooth(filterbank.load("tones"), 1), "signal is a Dataset. Pass its signals"),
    (lambda x: scale_space(x, []), r"sigmas=\[\] is not a sequence"),
    (lambda x: scale_space(x, [1, -2]), "sigma=-2 is not"),
    (lambda x: scale_space(Signals([x], n_axes=1), [1], pad="none"), "pad='none' is not one of"),
    (lambda x: derivative(x, 0), "sigma=0 is not positive on every axis of a derivative"),
    (lambda x: derivative(x, 1, -1), "order=-1 is not a whole number, 0 or more"),
    (lambda x: derivative(x, 1, 1.5), "order=1.5 is not a whole number"),
    (lambda x: derivative(x, 1, (1, 0)), r"order=\(1, 0\) is not one number, or 1"),
    (lambda x: derivative(x.reshape(8, 5), 1, 1), r"order=1 doesn't say along which of 2 axes.* \(0, 1\)"),
    (lambda x: derivative(x, 0.4, 5), "order=5 is not at most 4: a kernel of 5 samples has no higher derivative"),
    (lambda x: smooth([x, x[1:]], 1, n_axes=1), r"signal is a sequence of unequal sizes. Pass Signals.wrap"),
    (lambda x: derivative(x, 0.01), "order=1 is not at most 0: a kernel of 1 samples has no higher derivative"),
    (lambda x: derivative(x, 1, rate=0), "rate=0 is not a positive number of samples per second"),
    (lambda x: derivative(Signals([x], n_axes=1, rate=5), 1, rate=6), "rate=6 is not the rate of these signals"),
    (lambda x: convolve(x, np.ones((3, 3))), "signal 0 has shape"),
    (lambda x: convolve(x, np.ones(3), n_axes=2), "kernel has 1 axes and the signal 2"),
    (lambda x: convolve(x, np.ones(3) * 1j), r"kernel has shape \(3,\) and dtype complex128.* Pass its real"),
    (lambda x: convolve(x, []), r"kernel has shape \(0,\)"),
    (lambda x: convolve(x, [1, np.nan]), r"kernel contains NaN or infinity at \(1,\)"),
    (lambda x: convolve(x, np.ones(41), mode="valid"), "signal 0 has 40 samples and the kernel 41"),
    (lambda x: convolve(x, np.ones(3), mode="saem"), "mode='saem' is not one of same, valid, full"),
    (lambda x: convolve(x, np.ones(3), method="fast"), "method='fast' is not one of auto, direct"),
])  # fmt: skip
def test_wrong_input_is_said_in_one_sentence(call, message):
    with pytest.raises(InputError, match=message):
        call(data(40))
