"""DAISY on a grid is scikit-image's, and what cannot be is said."""

import numpy as np
import pytest

from filterbank import InputError, respond
from filterbank.banks import DaisyBank
from filterbank.signals import SignalInfo

skimage = pytest.importorskip("skimage.feature", reason="scikit-image is the reference")


def picture(shape):
    rng = np.random.default_rng(0)
    image = rng.random(shape)
    image[20:60, 30:70] += 2
    return image / image.max()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"radius": 9, "rings": 2, "histograms": 6, "orientations": 4, "normalise": "l2"},
        {"radius": 6, "rings": 1, "histograms": 5, "orientations": 6, "normalise": "daisy"},
        {"radius": 8, "rings": 4, "histograms": 4, "orientations": 2, "normalise": None},
    ],
)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-8), (np.float32, 1e-5)])
def test_descriptors_are_scikit_images(options, dtype, tolerance):
    image = picture((140, 150)).astype(dtype)
    found, (rows, columns) = respond(DaisyBank(hop=5, pad=None, **options), image)
    assert found.dtype == dtype
    given = {"radius": 15, "rings": 3, "histograms": 8, "orientations": 8, "normalise": "l1"} | options
    name = given.pop("normalise") or "off"
    radius = given["radius"]
    theirs = skimage.daisy(image.astype(float), step=1, normalization=name, **given)
    expected = theirs[np.ix_(rows - radius, columns - radius)]
    n = given["orientations"]  # their bins begin at half a turn
    expected = np.roll(expected.reshape(*expected.shape[:2], -1, n), -n // 2, axis=-1).reshape(expected.shape)
    np.testing.assert_allclose(np.moveaxis(found, 0, -1), expected, rtol=0, atol=tolerance * expected.max())


def test_rows_say_where_and_which_way():
    image = np.zeros((80, 80))
    image[:, 40:] = np.arange(40)  # rises to the right, on the right
    bank = DaisyBank(hop=100, radius=12, normalise=None, pad=None)
    prepared = bank.prepare(SignalInfo(2, 1), np.random.default_rng(0))
    found, where = respond(bank, image)
    table = prepared.response_table()
    best = table[int(found[:, 0, 0].argmax())]
    assert len(table) == len(found) == 200
    assert len({row["response"] for row in table}) == 200
    assert best["orientation"] == 0
    assert int(best["offset"].split(",")[1]) > 0
    flat, _ = respond(bank, np.ones((80, 80)))
    assert (flat == 0).all()
    assert where[0].shape == (1,)


@pytest.mark.parametrize(
    ("options", "n_axes", "said"),
    [
        ({}, 1, "n_axes=1"),
        ({"radius": 0}, 2, "radius=0"),
        ({"rings": 1.5}, 2, "rings=1.5"),
        ({"histograms": 0}, 2, "histograms=0"),
        ({"orientations": -1}, 2, "orientations=-1"),
        ({"normalise": "l3"}, 2, "normalise='l3'"),
        ({"hop": 0}, 2, "hop=0"),
    ],
)
def test_what_cannot_be_is_said(options, n_axes, said):
    with pytest.raises(InputError, match=said):
        DaisyBank(**options).prepare(SignalInfo(n_axes, 1), np.random.default_rng(0))
