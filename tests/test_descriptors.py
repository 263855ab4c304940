"""Descriptors on a grid are what their definitions say, in one, two and three dimensions, and what others compute."""

import itertools
import math

import numpy as np
import pytest

from filterbank import HogBank, InputError, SiftBank, Signals, respond
from filterbank.design import cell_windows, even_directions
from filterbank.kernels import simd
from filterbank.kernels.cells import orientation_cells, plain_cells
from filterbank.signals import SignalInfo

RNG = np.random.default_rng(3)


def prepared(bank, channels=1):
    return bank.prepare(SignalInfo(bank.n_axes, channels), np.random.default_rng(0))


def smooth_image(shape, *, seed=0, power=1.2):
    """Random phases under a falling spectrum, as photographs have it, in 0..1."""
    rng = np.random.default_rng(seed)
    frequencies = np.sqrt(sum(f**2 for f in np.meshgrid(*map(np.fft.fftfreq, shape), indexing="ij")))
    spectrum = np.fft.fftn(rng.normal(size=shape)) / np.maximum(frequencies, 1 / max(shape)) ** power
    image = np.fft.ifftn(spectrum).real
    return (image - image.min()) / np.ptp(image)


def slow_sift(image, at, *, size, cells, window, sigma_window, normalise):
    """One SIFT descriptor, sample by sample, from Lowe's text; the image isn't smoothed."""
    histogram = np.zeros((cells, cells, 8))
    middle = [(np.arange(cells) - (cells - 1) / 2) * size + c for c in at]
    for r in range(1, image.shape[0] - 1):
        for c in range(1, image.shape[1] - 1):
            down, across = (image[r + 1, c] - image[r - 1, c]) / 2, (image[r, c + 1] - image[r, c - 1]) / 2
            modulus, place = math.hypot(down, across), math.atan2(down, across) / (math.pi / 4) % 8
            if window == "gaussian":
                modulus *= math.exp(-((r - at[0]) ** 2 + (c - at[1]) ** 2) / (2 * sigma_window**2))
            low, share = int(place), place % 1
            for i, j in itertools.product(range(cells), repeat=2):
                near = max(0, 1 - abs(r - middle[0][i]) / size) * max(0, 1 - abs(c - middle[1][j]) / size)
                histogram[i, j, low % 8] += modulus * near * (1 - share)
                histogram[i, j, (low + 1) % 8] += modulus * near * share
    vector = histogram.ravel()
    vector = vector / np.linalg.norm(vector)
    vector = np.minimum(vector, 0.2)
    vector = vector / np.linalg.norm(vector)
    return np.sqrt(vector / vector.sum()) if normalise == "root" else vector


@pytest.mark.parametrize(("window", "normalise"), [("flat", "sift"), ("gaussian", "root")])
@pytest.mark.parametrize(("size", "cells"), [(2, 4), (3, 3), (3, 2)])
def test_sift_is_what_its_definition_says(size, cells, window, normalise):
    image = smooth_image((29, 31))
    bank = SiftBank(bin_size=size, cells=cells, hop=4, sigma=0, window=window, normalise=normalise, clip=0.2, pad=None)
    found, where = respond(bank, image)
    half = 0.5 * (((cells + 1) * size - 1) % 2 == 0)
    for p, q in [(0, 0), (1, 2), (found.shape[1] - 1, found.shape[2] - 1)]:
        at = where[0][p] + half, where[1][q] + half
        expected = slow_sift(
            image, at, size=size, cells=cells, window=window, sigma_window=cells * size / 2, normalise=normalise
        )
        np.testing.assert_allclose(found[:, p, q], expected, atol=1e-12)


@pytest.mark.parametrize("size", [4, 6])
def test_sift_is_opencvs(size):
    cv2 = pytest.importorskip("cv2")
    image = smooth_image((96, 128), power=1.6)
    grey = np.round(image * 255).astype(np.uint8)
    bank = SiftBank(bin_size=size, hop=16, sigma=math.sqrt(1.6**2 - 0.5**2), window="gaussian")
    found, where = respond(bank, grey.astype(np.float32))
    inside = [[k for k, at in enumerate(axis) if 30 <= at < n - 30] for axis, n in zip(where, grey.shape)]
    positions = list(itertools.product(*inside))
    points = [cv2.KeyPoint(float(where[1][q]), float(where[0][p]), 2 * size / 3, 0) for p, q in positions]
    theirs = cv2.SIFT_create().compute(grey, points)[1].reshape(-1, 4, 4, 8)
    theirs = theirs[..., -np.arange(8) % 8].reshape(len(points), 128)  # it counts from x toward where y is less
    ours = np.array([found[:, p, q] for p, q in positions])
    cosines = (ours * theirs).sum(axis=1) / np.linalg.norm(theirs, axis=1)
    assert len(positions) > 10
    assert cosines.min() > 0.995  # it rounds angles, exponentials and results


@pytest.mark.parametrize(("theirs", "ours"), [("L2-Hys", "sift"), ("L2", "l2"), ("L1", "l1"), ("L1-sqrt", "l1-sqrt")])
def test_hog_is_scikit_images(theirs, ours):
    feature = pytest.importorskip("skimage.feature")
    image = smooth_image((64, 80))
    expected = feature.hog(image, 9, (8, 8), (2, 2), theirs, feature_vector=False)[1:-1, 1:-1]
    bank = HogBank(cell_size=8, cells=2, soft=False, normalise=ours, pad=None)
    found, where = respond(bank, image[7:-7, 7:-7])
    assert where[0][0] == 1 + 7
    np.testing.assert_allclose(
        np.moveaxis(found, 0, -1).reshape(expected.shape), expected, atol=2e-7
    )  # it sums float32


def test_soft_hog_shares_gradients_as_dalal_and_triggs():
    """A ramp of 25 degrees lies between the bins of 10 and 30 degrees, three quarters in the latter."""
    rows, columns = np.mgrid[:40, :40]
    angle = np.radians(25)
    image = np.sin(angle) * rows + np.cos(angle) * columns
    found, _ = respond(HogBank(cell_size=4, cells=1, normalise=None, pad=None), image)
    np.testing.assert_allclose(found[:3, 0, 0] / found[:, 0, 0].sum(), [0.25, 0.75, 0], atol=1e-9)
    reversed_, _ = respond(HogBank(cell_size=4, cells=1, normalise=None, pad=None), -image)
    np.testing.assert_allclose(reversed_, found, atol=1e-9)


def test_one_axis_counts_slopes_up_and_down():
    signal = np.array([0.0, 1, 3, 2, 2, 5, 5, 1, 0, 0, 0, 0])
    bank = SiftBank(1, bin_size=2, cells=2, hop=1, sigma=0, normalise=None, pad=None)
    found, (where,) = respond(bank, signal)
    slope = np.gradient(signal)
    weights = cell_windows(2, 2)
    for p, at in enumerate(where):
        seen = slope[at - 2 : at + 3]
        expected = [w @ part for w in weights for part in (np.maximum(seen, 0), np.maximum(-seen, 0))]
        np.testing.assert_allclose(found[:, p], expected, atol=1e-12)


@pytest.mark.parametrize("n", [6, 12, 20])
def test_directions_lie_evenly(n):
    unit = even_directions(n)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1)
    np.testing.assert_allclose(unit[n // 2 :], -unit[: n // 2])
    nearest = np.sort(unit @ unit.T, axis=1)[:, -2]
    np.testing.assert_allclose(nearest, nearest[0])
    np.testing.assert_allclose(unit.T @ unit, n / 3 * np.eye(3), atol=1e-12)


def test_a_gradient_along_a_direction_belongs_to_it_alone():
    grid = np.stack(np.meshgrid(*[np.arange(9.0)] * 3, indexing="ij"))
    unit = even_directions(12)
    for k in (0, 4, 9):
        volume = np.tensordot(unit[k], grid, 1)
        found, _ = respond(SiftBank(3, bin_size=2, cells=1, hop=2, sigma=0, normalise="l2", pad=None), volume)
        np.testing.assert_allclose(found[:, 0, 0, 0], np.eye(12)[k], atol=1e-9)
        opposite, _ = respond(HogBank(3, cell_size=2, cells=1, normalise="l2", pad=None), volume)
        np.testing.assert_allclose(opposite[:, 0, 0, 0], np.eye(6)[k % 6], atol=1e-4)


def test_three_axes_by_hand():
    """Kläser's eq. 4-6 at one cell of one sample, spelt out."""
    volume = RNG.random((5, 5, 5))
    found, _ = respond(SiftBank(3, bin_size=1, cells=1, hop=1, sigma=0, normalise=None, pad=None), volume)
    gradient = [g[1, 2, 3] for g in np.gradient(volume)]
    modulus = np.linalg.norm(gradient)
    share = np.maximum(even_directions(12) @ gradient / modulus - 1 / math.sqrt(5), 0)
    np.testing.assert_allclose(found[:, 0, 1, 2], modulus * share / np.linalg.norm(share), atol=1e-12)


BANKS = [
    SiftBank(bin_size=4),
    SiftBank(bin_size=3, cells=3, hop=(5, 2), window="gaussian"),
    SiftBank(bin_size=5, cells=1, hop=40),
    SiftBank(bin_size=1, orientations=3, sigma=0),
    HogBank(),
    HogBank(cell_size=5, cells=3, orientations=1, signed=True, soft=False),
    HogBank(cell_size=3, orientations=2),
]


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_compiled_and_plain_cells_agree(dtype, plain, monkeypatch):
    if plain:
        monkeypatch.setattr(simd, "available", lambda: False)
        monkeypatch.setattr("filterbank.kernels.memory._kept", type("Kept", (), {})())
    image = smooth_image((90, 70)).astype(dtype)
    image[20:60, 10:50] = 0.5  # flat, then steps along the axes and at the corners
    image[30:50, 20:40] = 1
    for bank in BANKS:
        plan = prepared(bank).plan_
        expected = plain_cells(image, plan)
        found = orientation_cells(image, plan)
        assert found.dtype == dtype
        tolerance = 1e-6 if dtype == np.float32 else 1e-12
        if not getattr(bank, "soft", True):  # on the border of two bins rounding decides
            same = np.isclose(found.sum(axis=-1), expected.sum(axis=-1), atol=tolerance * expected.max())
            assert same.all()
            assert np.isclose(found, expected, atol=tolerance * expected.max()).mean() > 0.97
        else:
            np.testing.assert_allclose(found, expected, atol=tolerance * expected.max())


def test_flat_patches_have_descriptors_of_zeros():
    image = np.full((40, 40), 0.1, np.float32)
    for bank in (SiftBank(normalise="sift"), SiftBank(normalise="root"), HogBank(normalise="l1-sqrt")):
        assert not respond(bank, image)[0].any()


def test_descriptors_do_not_depend_on_the_cut_bit_for_bit():
    image = smooth_image((150, 90)).astype(np.float32)
    for bank in (SiftBank(bin_size=5, hop=3), HogBank(cell_size=4)):
        whole, _ = respond(bank, image, block_size=1000)
        for block_size in (1, (3, 100), (7, 5)):
            np.testing.assert_array_equal(respond(bank, image, block_size=block_size)[0], whole)


def test_sift_is_invariant_to_light_and_rootsift_to_sums():
    image = smooth_image((60, 60))
    first = respond(SiftBank(), image)[0]
    np.testing.assert_allclose(respond(SiftBank(), 3 * image + 5)[0], first, atol=1e-9)
    np.testing.assert_allclose((first**2).sum(axis=0), 1)
    np.testing.assert_allclose((respond(SiftBank(normalise="root"), image)[0] ** 2).sum(axis=0), 1)


def test_rows_say_what_each_number_is():
    bank = prepared(SiftBank(bin_size=4), channels=2)
    table = bank.response_table()
    assert len(table) == 256
    assert len({row["response"] for row in table}) == 256
    row = table[128 + 8 * 6 + 2]
    assert (row["channel"], row["cell"], row["offset"], row["scale"]) == (1, "1,2", "-2,2", 4.0)
    assert row["orientation"] == pytest.approx(math.pi / 2)
    rows = np.tile(np.arange(60.0)[:, np.newaxis], (1, 60))  # brighter downward: from the last axis toward the first
    found = respond(SiftBank(bin_size=4), np.stack([rows, rows]))[0][:, 3, 3]
    assert found[128 + 8 * 6 : 128 + 8 * 7].argmax() == 2
    volume = prepared(HogBank(3)).response_table()
    assert {"orientation", "elevation"} <= volume[0].keys()


@pytest.mark.parametrize(
    ("bank", "said"),
    [
        (SiftBank(bin_size=2.5), "bin_size=2.5"),
        (SiftBank(cells=0), "cells=0"),
        (SiftBank(hop=0), "hop=0"),
        (SiftBank(sigma=-1), "sigma=-1"),
        (SiftBank(window="round"), "window='round'"),
        (SiftBank(normalise="max"), "normalise='max'"),
        (SiftBank(clip=0), "clip=0"),
        (SiftBank(orientations=0), "orientations=0"),
        (SiftBank(1, orientations=8), "orientations=8"),
        (SiftBank(3, orientations=8), "orientations=8"),
        (HogBank(cell_size=0), "cell_size=0"),
        (HogBank(epsilon=-1), "epsilon=-1"),
        (SiftBank(4), "n_axes=4"),
    ],
)
def test_what_cannot_be_is_said(bank, said):
    with pytest.raises(InputError) as error:
        bank.prepare(SignalInfo(bank.n_axes, 1), np.random.default_rng(0))
    assert said in str(error.value)


def test_other_axes_and_small_signals_are_refused():
    with pytest.raises(InputError, match="made for 2 axes and the signals have 1"):
        SiftBank().prepare(Signals.wrap(np.zeros((1, 9))).info, np.random.default_rng(0))
    with pytest.raises(InputError, match="10 x 10 samples and the bank needs at least"):
        respond(SiftBank(pad=None), np.zeros((10, 10)))
