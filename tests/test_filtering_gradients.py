"""Gradients, Sobel's slopes and edges against SciPy and scikit-image, and where a person would draw them."""

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

from filterbank.errors import InputError
from filterbank.filtering import derivative, edges, gradient, sobel
from filterbank.signals import Signals


def data(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def disc(n=60, radius=18, axes=2):
    away = np.sqrt(sum(np.square(i - (n - 1) / 2) for i in np.indices((n,) * axes)))
    return (away < radius).astype(float), away


@settings(max_examples=30, deadline=None)
@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.6, 3))
def test_the_gradient_of_a_plane(down, across, sigma):
    rows, columns = np.indices((40, 40))
    found = gradient(down * rows + across * columns, sigma)
    middle = (20, 20)
    assert found.magnitude[middle] == pytest.approx(np.hypot(down, across), abs=1e-9)
    np.testing.assert_allclose([part[middle] for part in found.components], [down, across], atol=1e-9)
    if np.hypot(down, across) > 1e-3:
        way = np.array([np.sin(found.orientation[middle]), np.cos(found.orientation[middle])])
        np.testing.assert_allclose(way * np.hypot(down, across), [down, across], atol=1e-9)


def test_orientation_goes_from_the_last_axis_toward_the_one_before():
    rows, columns = np.indices((30, 30)).astype(float)
    for image, expected in ((columns, 0), (rows, np.pi / 2), (rows + columns, np.pi / 4), (-rows, -np.pi / 2)):
        assert gradient(image).orientation[15, 15] == pytest.approx(expected, abs=1e-12)
    volume = np.broadcast_to(rows, (20, 30, 30))
    assert gradient(volume).orientation[10, 15, 15] == pytest.approx(np.pi / 2, abs=1e-12)
    series = gradient(np.abs(np.arange(-20.0, 21)))
    np.testing.assert_allclose(series.orientation[[8, 32]], [np.pi, 0], atol=1e-12)
    np.testing.assert_allclose(series.magnitude[[8, 32]], 1)


@pytest.mark.parametrize("shape", [(50,), (20, 24), (12, 13, 14)])
def test_the_magnitude_is_scipy_s(shape):
    x = data(shape)
    expected = scipy.ndimage.gaussian_gradient_magnitude(x, 2, truncate=8)
    np.testing.assert_allclose(gradient(x, 2, truncate=8).magnitude, expected, atol=1e-8 * expected.max())


def test_gradients_of_signals_are_lazy_and_of_each_channel():
    arrays = [data((2, 12, 13)), data((2, 9, 30), 1)]
    found = gradient(Signals(arrays, n_axes=2, rate=10.0), 1.5)
    assert all(isinstance(part, Signals) for part in (found.magnitude, found.orientation, *found.components))
    for i, array in enumerate(arrays):
        alone = gradient(array[1], 1.5)  # a sample's, whatever the rate
        np.testing.assert_allclose(found.magnitude[i][1], alone.magnitude, atol=1e-13)
        np.testing.assert_allclose(found.orientation[i][1], alone.orientation, atol=1e-9)
        np.testing.assert_allclose(found.components[0][i][1], alone.components[0], atol=1e-13)


@pytest.mark.parametrize("shape", [(50,), (20, 24), (9, 10, 11)])
def test_sobel_is_scipy_s_less_its_scale_on_each_axis_and_boundary(shape):
    x = data(shape)
    scale = 2 * 4 ** (len(shape) - 1)
    modes = {"symmetric": "reflect", "reflect": "mirror", "edge": "nearest", "wrap": "wrap", "zero": "constant"}
    for pad, mode in modes.items():
        for axis in range(-len(shape), len(shape)):
            expected = scipy.ndimage.sobel(x, axis, mode=mode)
            np.testing.assert_allclose(scale * sobel(x, axis, pad=pad), expected, atol=1e-12)
    np.testing.assert_array_equal(sobel(x[np.newaxis], 0, n_axes=len(shape))[0], sobel(x, 0))


def test_sobel_is_scikit_image_s():
    filters = pytest.importorskip("skimage.filters")
    x = data((20, 30))
    np.testing.assert_allclose(sobel(x, 0), filters.sobel_h(x) / 2, atol=1e-12)
    np.testing.assert_allclose(sobel(x, 1), filters.sobel_v(x) / 2, atol=1e-12)


def test_edges_are_those_of_scikit_image_within_a_sample():
    feature = pytest.importorskip("skimage.feature")
    image, _ = disc()
    image += 0.5 * (np.indices(image.shape)[0] > 45) + 0.02 * data(image.shape)
    found = edges(image, 2, threshold=0.05, low=0.025)
    expected = feature.canny(image, 2, low_threshold=0.2, high_threshold=0.4)  # its slopes are 8 times as large
    expected[[0, -1]] = expected[:, [0, -1]] = False
    assert expected.sum() > 100
    near = np.ones((3, 3))
    assert (scipy.ndimage.binary_dilation(found, near) & expected).sum() >= 0.97 * expected.sum()
    assert (scipy.ndimage.binary_dilation(expected, near) & found).sum() >= 0.97 * found.sum()
    assert abs(int(found.sum()) - int(expected.sum())) < 0.05 * expected.sum()


@pytest.mark.parametrize("axes", [2, 3])
def test_the_edge_of_a_disc_or_ball_is_its_rim_and_closed(axes):
    image, away = disc(40, 12, axes)
    found = edges(image, 1.0, threshold=0.2)
    assert found.dtype == bool
    assert (abs(away[found] - 12) < 1.1).all()
    _, n = scipy.ndimage.label(~found)  # without diagonals: inside and outside are apart
    assert n >= 2
    assert scipy.ndimage.label(~found)[0][(20,) * axes] != scipy.ndimage.label(~found)[0][(0,) * axes]


def test_a_weak_edge_stays_where_it_touches_a_strong_one():
    image = np.zeros((40, 80))
    image[:, 30:] = np.linspace(1, 0.2, 40)[:, np.newaxis]  # a step that fades downwards
    image[10:, 60:] += 0.3  # and one that is nowhere strong
    strong = edges(image, 1, threshold=0.3, low=0.3)
    joined = edges(image, 1, threshold=0.3, low=0.06)
    assert strong[3, 25:35].any()
    assert not strong[30, 25:35].any()
    assert joined[30, 25:35].any()
    assert not joined[20:, 55:65].any()
    assert not (strong & ~joined).any()


def test_the_tutorial_s_edges_are_where_a_slope_exceeds_the_threshold():
    image = data((30, 40))
    dx, dy = derivative(image, 1, (0, 1)), derivative(image, 1, (1, 0))
    found = edges(image, 1, threshold=0.2, method="threshold")
    np.testing.assert_array_equal(found, (np.abs(dx) > 0.2) | (np.abs(dy) > 0.2))
    thick = edges(image, 1, threshold=0.2, method="threshold", dilate=2)
    np.testing.assert_array_equal(thick, scipy.ndimage.binary_dilation(found, np.ones((5, 5))))


def test_a_series_has_an_edge_where_it_is_steepest():
    series = np.tanh((np.arange(100) - 42.3) / 3)
    assert np.flatnonzero(edges(series, 1, threshold=0.1)).tolist() == [42]


def test_without_a_threshold_a_share_of_samples_lies_below_it():
    image = data((50, 50))
    magnitude = gradient(image).magnitude
    np.testing.assert_array_equal(edges(image), edges(image, threshold=float(np.quantile(magnitude, 0.9))))
    slopes = np.maximum(np.abs(derivative(image, 1, (0, 1))), np.abs(derivative(image, 1, (1, 0))))
    assert edges(image, method="threshold", quantile=0.7).mean() == pytest.approx(0.3, abs=0.001)
    assert slopes[edges(image, method="threshold", quantile=0.7)].min() > np.quantile(slopes, 0.7)


def test_flat_signals_have_no_edges_and_channels_their_own():
    image, _ = disc(30, 8)
    both = edges(np.stack([image, np.full((30, 30), 7.0)]), 1, n_axes=2)
    assert both[0].any()
    assert not both[1].any()
    lazy = edges(Signals([np.stack([image, 100 * image])], n_axes=2), 1)[0]
    assert set(np.unique(lazy)) == {0.0, 1.0}
    np.testing.assert_array_equal(lazy[0], both[0])
    np.testing.assert_array_equal(lazy[1], lazy[0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: gradient(x, 0), "sigma=0 is not a positive number of samples"),
        (lambda x: gradient(x, [1, -1]), r"sigma=\[1, -1\] is not a positive number"),
        (lambda x: edges(x, -1), "sigma=-1 is not"),
        (lambda x: edges(x, threshold=-1), "threshold=-1 is not a positive slope"),
        (lambda x: edges(x, threshold=1, low=2), "low=2 is not at most threshold=1"),
        (lambda x: edges(x, low=1, method="threshold"), "low=1 is not for method='maxima' alone"),
        (lambda x: edges(x, quantile=1.5), "quantile=1.5 is not between 0 and 1"),
        (lambda x: edges(x, method="canny"), "method='canny' is not 'maxima' or 'threshold'"),
        (lambda x: edges(x, dilate=-1), "dilate=-1 is not a whole number, 0 or more"),
        (lambda x: edges(Signals([x], n_axes=2), pad="no"), "pad='no' is not one of"),
        (lambda x: sobel(x, 2), "axis=2 is not between -2 and 1, as the signal has 2 axes"),
        (lambda x: sobel(x, 0.5), "axis=0.5 is not between"),
    ],
)
def test_wrong_input_is_said_in_one_sentence(call, message):
    with pytest.raises(InputError, match=message):
        call(data((9, 9)))
