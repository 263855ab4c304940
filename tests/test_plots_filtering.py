"""The figures of filtering draw what they say, on the Axes that they are given."""

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from filterbank import plots
from filterbank.design import gaussian
from filterbank.errors import InputError
from filterbank.filtering import density, edges, gaussian_kernel, gradient, smooth


def picture(n=40, m=60):
    return np.hypot(*(np.indices((n, m)) - np.array([n / 2, m / 2]).reshape(2, 1, 1)))


def test_every_function_draws_on_the_axes_it_is_given_and_leaves_the_settings_alone():
    before = dict(matplotlib.rcParams)
    image, points = picture(), np.random.default_rng(0).normal(size=(50, 2))
    calls = [
        lambda ax: plots.plot_kernel(gaussian_kernel(2), ax=ax),
        lambda ax: plots.plot_kernel(gaussian(2, (0, 1)), ax=ax),
        lambda ax: plots.plot_kernel(gaussian(1, (0, 1, 0)), ax=ax),
        lambda ax: plots.plot_scale_space(np.arange(30.0), [0, 1], ax=ax),
        lambda ax: plots.plot_scale_space(image, [0, 1], n_axes=2, ax=ax),
        lambda ax: plots.plot_gradient(image, gradient(image), ax=ax),
        lambda ax: plots.plot_edges(image, edges(image), ax=ax),
        lambda ax: plots.plot_density(density(points[:, 0]), ax=ax),
        lambda ax: plots.plot_density(density(points), points, ax=ax),
    ]
    for call in calls:
        given = Figure().subplots()
        assert call(given) is given
        assert call(None).figure is not given.figure
    solid = Figure().add_subplot(projection="3d")
    assert plots.plot_kernel_surface(gaussian(2, (0, 1)), ax=solid) is solid
    assert dict(matplotlib.rcParams) == before


def test_a_kernel_is_drawn_at_its_offsets_in_seconds_where_the_rate_is_known():
    kernel = gaussian_kernel(2, 1)
    ax = plots.plot_kernel(kernel, rate=10)
    line = ax.lines[-1]
    np.testing.assert_allclose(line.get_xdata(), np.arange(-8, 9) / 10)
    np.testing.assert_array_equal(line.get_ydata(), kernel)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (s)", "weight")
    wave = plots.plot_kernel(kernel * np.exp(1j * np.arange(17)))
    np.testing.assert_allclose(wave.lines[-1].get_ydata(), kernel * np.sin(np.arange(17)))
    image = plots.plot_kernel(gaussian(2, (0, 1))).images[0]
    np.testing.assert_array_equal(image.get_array(), gaussian(2, (0, 1)))
    assert image.norm.vmin == -image.norm.vmax  # white is 0
    assert image.get_extent() == [-8.5, 8.5, 8.5, -8.5]


def test_a_surface_has_the_kernel_s_heights():
    kernel = gaussian(2, (0, 1))
    ax = plots.plot_kernel_surface(kernel)
    low, high = ax.get_zlim()
    assert low <= kernel.min() < kernel.max() <= high
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # rows go down, as in a picture


def test_a_scale_space_holds_the_smoothed_signals():
    series = np.random.default_rng(0).normal(size=(2, 50))
    ax = plots.plot_scale_space(series, [0, 3], rate=25, channel=1)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), series[1])
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), smooth(series[1], 3))
    np.testing.assert_allclose(ax.lines[1].get_xdata(), np.arange(50) / 25)
    assert ax.get_xlabel() == "time (s)"
    image = picture()
    tiles = plots.plot_scale_space(image[np.newaxis], [0, 2, 4, 8])
    assert [text.get_text() for text in tiles.texts] == ["signal", "sigma 2", "sigma 4", "sigma 8"]
    expected = smooth(image, 4)
    np.testing.assert_allclose(tiles.images[2].get_array(), (expected - expected.min()) / np.ptp(expected))
    volume = np.random.default_rng(0).normal(size=(9, 10, 11))
    drawn = plots.plot_scale_space(volume, [2], n_axes=3).images[0].get_array()
    expected = smooth(volume, 2)[4]
    np.testing.assert_allclose(drawn, (expected - expected.min()) / np.ptp(expected))


def test_arrows_point_to_where_the_image_rises():
    image = picture(60, 60)
    quiver = plots.plot_gradient(image, gradient(image, 1), n_arrows=12).collections[0]
    away = np.stack([quiver.X - 30, quiver.Y - 30])
    arrows = np.stack([quiver.U, quiver.V])
    cosine = (away * arrows).sum(axis=0) / np.hypot(*away) / np.hypot(*arrows)
    assert (cosine[np.hypot(*away) > 6] > 0.98).all()
    assert quiver.U.size == 144
    colours = np.stack([np.zeros((60, 60)), image, np.zeros((60, 60))])
    of_colours = plots.plot_gradient(colours, gradient(colours, 1, n_axes=2), n_arrows=12).collections[0]
    np.testing.assert_allclose(of_colours.U, quiver.U)


def test_edges_are_drawn_where_they_are():
    image = (picture() < 12).astype(float)
    found = edges(image, dilate=1)
    overlay = plots.plot_edges(image, found, colour="#ff0000").images[1].get_array()
    np.testing.assert_array_equal(overlay[..., 3] > 0, found)
    np.testing.assert_array_equal(overlay[found], [[1, 0, 0, 1]] * int(found.sum()))
    both = np.stack([found, ~found])
    assert plots.plot_edges(np.stack([image] * 3), both).images[1].get_array()[..., 3].all()


def test_thin_edges_of_a_large_image_stay_visible():
    image = np.zeros((1600, 1600))
    found = np.zeros(image.shape, dtype=bool)
    found[:, 800] = True
    drawn = plots.plot_edges(image, found).images[1].get_array()
    assert max(drawn.shape[:2]) <= 768
    assert drawn[..., 3].max() > 0.6


def test_a_density_is_drawn_with_a_kernel_of_its_own_width():
    points = np.random.default_rng(0).normal(size=300)
    found = density(points)
    ax = plots.plot_density(found, points, names=["length (m)"])
    curve, kernel = ax.lines[:2]
    np.testing.assert_array_equal(curve.get_ydata(), found.values)
    x, y = kernel.get_data()
    half = x[y >= y.max() / 2]
    assert np.ptp(half) == pytest.approx(2.355 * found.bandwidth[0], rel=0.05)
    assert f"sigma {found.bandwidth[0]:.3f}" in ax.get_legend().get_texts()[1].get_text()
    assert ax.get_xlabel() == "length (m)"
    pairs = np.random.default_rng(0).normal(size=(300, 2)) * [1, 3]
    of_two = density(pairs)
    ax = plots.plot_density(of_two, pairs, names=["east", "north"])
    np.testing.assert_array_equal(ax.images[0].get_array(), of_two.values.T)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("east", "north")
    circle = ax.lines[-1].get_data()
    np.testing.assert_allclose(np.ptp(circle, axis=1) / 2, of_two.bandwidth, rtol=0.01)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.plot_kernel([]), r"kernel has shape \(0,\)"),
        (lambda: plots.plot_kernel([1, np.nan]), "kernel contains NaN or infinity"),
        (lambda: plots.plot_kernel_surface(np.ones(3)), r"kernel has shape \(3,\).* of 2 axes"),
        (lambda: plots.plot_kernel_surface(np.ones((3, 3)), ax=Figure().subplots()), "projection='3d'"),
        (lambda: plots.plot_scale_space(np.ones(9), [-1]), "sigma=-1 is not"),
        (lambda: plots.plot_scale_space(np.ones(9), [1], channel=3), "channel=3 is not below 1"),
        (lambda: plots.plot_gradient(picture(), gradient(picture(9, 9))), r"gradient has shape \(9, 9\)"),
        (lambda: plots.plot_gradient(picture(), gradient(picture()), n_arrows=1), "n_arrows=1 is not at least 2"),
        (lambda: plots.plot_edges(picture(), np.ones((3, 3))), r"edges has shape \(3, 3\)"),
        (
            lambda: plots.plot_density(density(np.eye(9)[:, :3] + np.arange(27).reshape(9, 3) ** 2)),
            "3 axes; one or two",
        ),
        (lambda: plots.plot_density(density(np.arange(9.0)), names=["a", "b"]), "names=.* is not 1 names"),
        (lambda: plots.plot_density(density(np.arange(9.0)), np.ones((3, 2))), r"points has shape \(3, 2\)"),
    ],
)
def test_wrong_input_is_said_in_one_sentence(call, message):
    with pytest.raises(InputError, match=message):
        call()
