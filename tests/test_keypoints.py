"""Key points lie on blobs, of their size, are where OpenCV finds them, and move with the picture."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from filterbank import GaborBank, GaussianBank, HaarSumsBank, InputError, JetBank, SiftBank
from filterbank.keypoints import KeyPoints, describe, find_keypoints, patches


def blob(shape, middle, sigma):
    grid = np.meshgrid(*map(np.arange, shape), indexing="ij")
    return np.exp(-sum((x - m) ** 2 for x, m in zip(grid, middle)) / (2 * sigma**2))


def textured(shape, seed=0):
    return gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2.0)


@pytest.mark.parametrize("method", ["difference", "determinant"])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("shape", "middle", "sigma"),
    [
        ((200,), (90.3,), 5.0),
        ((90, 100), (40.25, 61.5), 4.0),
        ((96, 90), (47.6, 42.2), 9.0),
        ((48,) * 3, (20.2, 25.5, 22.0), 5.0),
    ],
)
def test_a_blob_is_found_where_it_is_and_of_its_size(method, sign, shape, middle, sigma):
    points = find_keypoints(sign * blob(shape, middle, sigma) + 7, n_axes=len(shape), method=method, oriented=False)
    assert len(points) >= 1
    np.testing.assert_allclose(points.positions[0], middle, atol=0.035 * sigma)
    # a Gaussian's response is largest at the scale sigma * sqrt(2 / axes)
    assert points.scales[0] == pytest.approx(sigma * math.sqrt(2 / len(shape)), rel=0.06)


def test_neighbouring_blobs_are_told_apart_and_the_strongest_come_first():
    image = blob((100, 140), (30, 40), 3) + 0.5 * blob((100, 140), (60, 100), 6)
    points = find_keypoints(image, oriented=False)
    np.testing.assert_allclose(points.positions[:2], [[30, 40], [60, 100]], atol=0.2)
    assert points.strengths[0] > points.strengths[1]
    assert len(find_keypoints(image, oriented=False, max_points=1)) == 1
    assert len(find_keypoints(image, oriented=False, threshold=0.5)) == 0


def test_edges_have_no_points_and_flat_images_neither():
    edge = np.tile(np.where(np.arange(80) < 40, 0.0, 1.0), (80, 1))
    for method in ("difference", "determinant"):
        assert len(find_keypoints(edge, method=method)) == 0
        assert len(find_keypoints(np.full((50, 50), 3.0), method=method)) == 0
    assert find_keypoints(np.ones((5, 5))).positions.shape == (0, 2)


def test_points_are_where_opencv_finds_them():
    cv2 = pytest.importorskip("cv2")
    image = textured((240, 300))
    grey = np.round(255 * (image - image.min()) / np.ptp(image)).astype(np.uint8)
    theirs = [p for p in cv2.SIFT_create(contrastThreshold=0.06, edgeThreshold=10).detect(grey) if p.size > 5]
    ours = find_keypoints(grey.astype(float))
    places = ours.positions[:, ::-1]
    found = near = 0
    for point in theirs:
        distance = np.hypot(*(places - point.pt).T)
        # its sizes are twice the finer of the two scales that are subtracted from each other
        size = point.size / 2 * math.sqrt((1 + 2 ** (2 / 3)) / 2)
        close = np.flatnonzero((distance < 1.0) & (np.abs(np.log(ours.scales / size)) < math.log(1.2)))
        found += len(close) > 0
        turns = np.radians(point.angle) - ours.orientations[close]
        near += bool(np.any(np.abs((turns + np.pi) % (2 * np.pi) - np.pi) < math.radians(15)))
    assert len(theirs) > 50
    assert found > 0.85 * len(theirs)
    assert near > 0.75 * len(theirs)


def test_points_turn_with_the_picture_and_their_descriptors_stay():
    image = textured((121, 141))
    turned = np.rot90(image).copy()
    first, second = find_keypoints(image), find_keypoints(turned)
    back = np.stack([second.positions[:, 1], image.shape[1] - 1 - second.positions[:, 0]], axis=1)
    bank = SiftBank()
    a, b = describe(image, first, bank), describe(turned, second, bank)
    matched = 0
    for i in range(len(first)):
        same = np.hypot(*(back - first.positions[i]).T) < 1e-6
        angle = (second.orientations - first.orientations[i] + np.pi / 2) % (2 * np.pi)
        same &= np.minimum(angle, 2 * np.pi - angle) < 1e-6
        if same.any():
            matched += 1
            assert a[i] @ b[np.flatnonzero(same)[0]] > 0.98
    # halving takes every second sample from the first on, so that only the first octave is the same
    assert matched > 0.5 * len(first)


def test_patches_are_upright_and_of_one_scale():
    y, x = np.mgrid[:101, :101].astype(float)
    for angle in (0.0, 0.7, 2.5):
        image = 3 + 0.5 * (np.cos(angle) * (x - 50) + np.sin(angle) * (y - 50))
        points = KeyPoints(np.array([[50.0, 50.0]]), np.array([4.0]), np.array([angle]), np.ones(1))
        (patch,) = patches(image, points, size=7, spacing=0.5)
        np.testing.assert_allclose(patch[0], np.tile(3 + 0.5 * 2.0 * (np.arange(7) - 3), (7, 1)), atol=1e-6)
    several = patches(np.stack([image, -image]), points, size=4)
    assert several.shape == (1, 2, 4, 4)
    np.testing.assert_allclose(several[0, 0], -several[0, 1])


def test_descriptors_do_not_depend_on_size():
    """The same texture at twice the resolution has points at twice the scale with nearly the same descriptors."""
    rng = np.random.default_rng(5)
    waves = rng.uniform(-0.08, 0.08, (60, 2)), rng.uniform(0, 2 * np.pi, 60)
    y, x = np.mgrid[:120:0.5, :120:0.5]
    fine = sum(np.cos(2 * np.pi * (a * y + b * x) + p) for (a, b), p in zip(*waves))
    coarse = fine[::2, ::2]
    points = find_keypoints(coarse, oriented=False, max_points=10)
    doubled = KeyPoints(points.positions * 2, points.scales * 2, points.orientations, points.strengths)
    for bank in (SiftBank(), HaarSumsBank(scale=1), JetBank(GaussianBank(2, sigmas=[2.0]), normalise="l2")):
        a, b = describe(coarse, points, bank), describe(fine, doubled, bank)
        cosine = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        assert cosine.min() > 0.97


@pytest.mark.parametrize("n_axes", [1, 3])
def test_other_numbers_of_axes_have_descriptors_too(n_axes):
    signal = textured((200,) if n_axes == 1 else (40,) * 3)
    points = find_keypoints(signal, n_axes=n_axes, max_points=4, threshold=0.001)
    assert len(points) == 4
    bank = JetBank(GaborBank(n_axes, n_frequencies=1))
    assert describe(signal, points, bank).shape[0] == 4
    assert np.isfinite(describe(signal, points, SiftBank(n_axes, cells=2))).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "corner"}, "method='corner'"),
        ({"sigma": 0.5}, "sigma=0.5"),
        ({"per_octave": 0}, "per_octave=0"),
        ({"n_octaves": 1.5}, "n_octaves=1.5"),
        ({"max_points": 0}, "max_points=0"),
        ({"threshold": -1}, "threshold=-1"),
        ({"edge": 0.5}, "edge=0.5"),
        ({"n_axes": 4}, "n_axes=4"),
    ],
)
def test_what_cannot_be_is_said(options, said):
    with pytest.raises(InputError) as error:
        find_keypoints(np.zeros((20, 20)), **options)
    assert said in str(error.value)


def test_bad_signals_are_refused():
    image = np.zeros((30, 30))
    image[3, 4] = np.nan
    with pytest.raises(InputError, match="NaN"):
        find_keypoints(image)
    points = KeyPoints(np.zeros((1, 2)), np.ones(1), np.zeros(1), np.ones(1))
    with pytest.raises(InputError, match="2 axes"):
        describe(np.zeros(50), points, SiftBank(1))
    with pytest.raises(InputError, match="size=0"):
        patches(np.zeros((9, 9)), points, size=0)
