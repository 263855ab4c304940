"""The figures of local features draw what they say, on the Axes that they are given."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Wedge

from filterbank import (
    GaborBank,
    HogBank,
    InputError,
    JetBank,
    Moments,
    Representation,
    RotationPooledBank,
    ScatteringBank,
    SiftBank,
    plots,
)
from filterbank.keypoints import KeyPoints, find_keypoints

IMAGE = np.random.default_rng(0).random((64, 80))
POINTS = KeyPoints(
    np.array([[10.0, 20.0], [30.0, 40.0]]), np.array([3.0, 5.0]), np.array([0.0, np.pi / 2]), np.array([2.0, 1.0])
)


def features(bank, statistics=("mean", "std")):
    made = Representation(bank, Moments(statistics)).fit([IMAGE])
    return made.transform([IMAGE, IMAGE.T]), made.feature_table_


def test_every_function_draws_on_the_axes_it_is_given_and_leaves_the_settings_alone():
    before = dict(matplotlib.rcParams)
    calls = [
        lambda ax: plots.plot_keypoints(IMAGE, POINTS, ax=ax),
        lambda ax: plots.plot_keypoints(np.stack([IMAGE] * 3), POINTS[:0], ax=ax),
        lambda ax: plots.plot_descriptor_grid(IMAGE, SiftBank(hop=16), ax=ax),
        lambda ax: plots.plot_descriptor_grid(np.stack([IMAGE] * 3), HogBank(), position=(0, 0), ax=ax),
        lambda ax: plots.plot_scattering(ScatteringBank(2, J=2, L=4), IMAGE, ax=ax),
        lambda ax: plots.plot_scattering(ScatteringBank(2, J=2, L=4, order=1), IMAGE, position=(1, 2), ax=ax),
        lambda ax: plots.plot_scattering(ScatteringBank(1, J=4, Q=2), IMAGE.ravel(), ax=ax),
        lambda ax: plots.plot_features_beside(*features(GaborBank(2)), ["a", "b"], ax=ax),
        lambda ax: plots.plot_features_beside(*features(RotationPooledBank(GaborBank(2))), ["a", "b"], ax=ax),
    ]
    for call in calls:
        given = Figure().subplots()
        assert call(given) is given
        assert call(None).figure is not given.figure
    assert dict(matplotlib.rcParams) == before


def test_key_points_are_circles_of_their_size_with_their_direction():
    ax = plots.plot_keypoints(IMAGE, POINTS)
    stems = ax.collections[-1].get_segments()
    np.testing.assert_allclose(stems[0], [[20, 10], [20 + 1.4 * np.sqrt(2) * 3, 10]])
    np.testing.assert_allclose(stems[1], [[40, 30], [40, 30 + 1.4 * np.sqrt(2) * 5]], atol=1e-9)  # downward
    box = ax.collections[1].get_paths()[1].get_extents()
    assert (box.width / 2, box.x0 + box.width / 2) == pytest.approx((5 * np.sqrt(2), 40), rel=1e-3)
    assert plots.plot_keypoints(IMAGE, POINTS, max_points=1).get_title() == "1 of 2 key points"


def test_the_grid_has_a_dot_a_descriptor_and_the_arms_are_its_numbers():
    ax = plots.plot_descriptor_grid(IMAGE, SiftBank(hop=16), position=(2, 1))
    np.testing.assert_allclose(ax.collections[0].get_offsets()[:3], [[0, 0], [16, 0], [32, 0]])
    assert ax.patches[0].get_xy() == (16 - 8, 32 - 8)
    (inset,) = ax.child_axes
    arms = np.array(inset.collections[0].get_segments())
    lengths = np.linalg.norm(arms[:, 1] - arms[:, 0], axis=1)
    from filterbank import respond

    values = respond(SiftBank(hop=16), IMAGE)[0][:, 2, 1]
    np.testing.assert_allclose(lengths / lengths.max(), values / values.max(), atol=1e-6)


def test_a_disc_has_a_wedge_a_path_and_bright_ones_where_coefficients_are_large():
    stripes = np.tile(np.sin(2 * np.pi * 0.19 * np.arange(64)), (64, 1))
    bank = ScatteringBank(2, J=3, L=4)
    ax = plots.plot_scattering(bank, stripes)
    wedges = [patch for patch in ax.patches if isinstance(patch, Wedge)]
    assert len(wedges) == 12 + 3 * 16
    brightest = max(wedges[:12], key=lambda wedge: wedge.get_facecolor()[1])
    assert (brightest.theta1 + brightest.theta2) / 2 % 180 == 0
    assert brightest.r == pytest.approx(2 / 3)  # the middle octave


def test_bars_are_the_features_and_named_by_what_differs():
    values, table = features(GaborBank(2, n_frequencies=2, orientations=3))
    ax = plots.plot_features_beside(values, table, ["one", "other"], statistic="std")
    heights = [bar.get_height() for bar in ax.patches]
    np.testing.assert_allclose(heights, np.concatenate([values[0, 1::2], values[1, 1::2]]))
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0", "60", "120"] * 2
    assert [text.get_text() for text in ax.texts] == ["0.25", "0.125"]
    plain = plots.plot_features_beside([[1, 2.0]], pd.DataFrame({"response": ["a", "b"]}), ["x"])
    assert [tick.get_text() for tick in plain.get_xticklabels()] == ["a", "b"]


def test_what_cannot_be_drawn_is_said():
    points = find_keypoints(np.random.default_rng(0).random(200), n_axes=1)
    with pytest.raises(InputError, match="1 axes"):
        plots.plot_keypoints(IMAGE, points)
    with pytest.raises(InputError, match="no SiftBank or HogBank"):
        plots.plot_descriptor_grid(IMAGE, JetBank(GaborBank(2)))
    with pytest.raises(InputError, match=r"position=\(9, 9\) is not a place in the grid of 4 x 5"):
        plots.plot_descriptor_grid(IMAGE, SiftBank(hop=16), position=(9, 9))
    with pytest.raises(InputError, match="no ScatteringBank"):
        plots.plot_scattering(GaborBank(2), IMAGE)
    with pytest.raises(InputError, match="order=0"):
        plots.plot_scattering(ScatteringBank(2, order=0), IMAGE)
    with pytest.raises(InputError, match=r"position=\(99, 0\)"):
        plots.plot_scattering(ScatteringBank(2, J=2, L=2), IMAGE, position=(99, 0))
    values, table = features(GaborBank(2))
    with pytest.raises(InputError, match="1 names"):
        plots.plot_features_beside(values, table, ["one"])
    with pytest.raises(InputError, match="statistic='max'"):
        plots.plot_features_beside(values, table, ["a", "b"], statistic="max")
