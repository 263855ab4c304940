"""Normalisation of Gabor and Gaussian kernels, jets, Haar sums, and what doesn't change when a picture is turned."""

import itertools
import math
import os
from pathlib import Path

import numpy as np
import pytest

from filterbank import (
    FilterBank,
    GaborBank,
    GaussianBank,
    HaarSumsBank,
    HogBank,
    InputError,
    JetBank,
    Moments,
    Representation,
    RotationPooledBank,
    SiftBank,
    Signals,
    respond,
)
from filterbank.design import direction, gabor
from filterbank.kernels.haar import haar_responses
from filterbank.signals import SignalInfo

RNG = np.random.default_rng(11)


def prepared(bank, channels=1):
    return bank.prepare(SignalInfo(bank.n_axes, channels), np.random.default_rng(0))


@pytest.mark.parametrize("angle", [0.0, 0.4, math.pi / 2, 2.2])
def test_gabor_kernels_are_scikit_images(angle):
    filters = pytest.importorskip("skimage.filters")
    sigma, frequency = 2.5, 0.13
    theirs = filters.gabor_kernel(frequency, theta=angle, sigma_x=sigma, sigma_y=sigma, n_stds=4)
    ours = gabor(frequency, sigma, direction(2, angle), truncate=4.0, zero_mean=False)
    cut = tuple(slice((a - b) // 2, (a + b) // 2) for a, b in zip(ours.shape, theirs.shape))
    assert all(a >= b for a, b in zip(ours.shape, theirs.shape))
    np.testing.assert_allclose(ours[cut], theirs, atol=1e-6 * np.abs(theirs).max() + 2e-4 * np.abs(theirs).max())
    # with zero mean: less a multiple of the Gaussian
    window = filters.gabor_kernel(0.0, theta=angle, sigma_x=sigma, sigma_y=sigma, n_stds=4).real
    corrected = theirs - window * (theirs.sum() / window.sum())
    zero = gabor(frequency, sigma, direction(2, angle), truncate=4.0)
    np.testing.assert_allclose(zero[cut], corrected, atol=5e-4 * np.abs(theirs).max())
    assert abs(zero.sum()) < 1e-12


@pytest.mark.parametrize("n_axes", [1, 2, 3])
def test_norms_are_what_they_say(n_axes):
    for norm, power in (("l1", 1), ("l2", 2)):
        bank = prepared(GaussianBank(n_axes, sigmas=[1.0, 1.7], orders=[0, 1, 2], norm=norm))
        for kernel, row in zip(bank.kernels_, bank.kernel_table_):
            assert (np.abs(kernel) ** power).sum() == pytest.approx(1)
            if set(row["order"]) != {"0"}:
                assert abs(kernel.sum()) < 1e-12
    gabors = prepared(GaborBank(n_axes, n_frequencies=2, orientations=3, elevations=3, norm="l2"))
    for kernel in gabors.kernels_:
        assert (np.abs(kernel) ** 2).sum() == pytest.approx(1)
        assert abs(kernel.sum()) < 1e-9
    plain = prepared(GaborBank(n_axes, n_frequencies=1, highest=0.05, zero_mean=False, bandwidth=2.0))
    assert abs(plain.kernels_[0].sum()) > 1e-3


def test_jets_are_the_banks_responses_where_they_are_wanted():
    image = RNG.random((2, 40, 33))
    inner = GaborBank(2, n_frequencies=2, orientations=3)
    jets, where = respond(JetBank(inner, hop=(7, 4)), image)
    full, _ = respond(inner, image)
    assert [list(axis[:3]) for axis in where] == [[0, 7, 14], [0, 4, 8]]
    np.testing.assert_allclose(jets, full[:, ::7, ::4], atol=1e-10)
    unit, _ = respond(JetBank(inner, hop=(7, 4), normalise="l2"), image)
    np.testing.assert_allclose((unit.reshape(2, 6, -1) ** 2).sum(axis=1), 1)
    flat = np.full((30, 30), 4.0)
    assert np.abs(respond(JetBank(GaussianBank(2, orders=[1]), normalise="l2", epsilon=1e-6), flat)[0]).max() < 1e-6
    assert not respond(JetBank(GaussianBank(2, orders=[1]), normalise="l2"), 0 * flat)[0].any()


def test_jets_refuse_what_has_no_linear_filters():
    with pytest.raises(InputError, match="no linear bank"):
        prepared(JetBank(SiftBank()))
    with pytest.raises(InputError, match="hop=0"):
        prepared(JetBank(GaussianBank(2), hop=0))
    with pytest.raises(InputError, match="normalise='l1'"):
        prepared(JetBank(GaussianBank(2), normalise="l1"))
    with pytest.raises(InputError, match="epsilon=-1"):
        prepared(JetBank(GaussianBank(2), epsilon=-1))
    with pytest.raises(InputError, match="complex"):
        prepared(JetBank(GaborBank(2, readout="complex")))


def slow_haar_sums(image, at, scale, cells):
    """One upright SURF descriptor, wavelet by wavelet; `at` is its first sample."""
    d = image.ndim
    n = 5 * cells
    sums = np.zeros((*(cells,) * d, d, 2))
    for place in itertools.product(range(n), repeat=d):
        corner = [a + i * scale for a, i in zip(at, place)]
        box = image[tuple(slice(c, c + 2 * scale) for c in corner)]
        weight = math.prod(math.exp(-0.5 * ((i - (n - 1) / 2) / (3.3 * cells / 4)) ** 2) for i in place)
        for axis in range(d):
            first, second = np.split(box, 2, axis=axis)
            value = weight * (second.sum() - first.sum())
            sums[(*(i // 5 for i in place), axis)] += value, abs(value)
    return sums.ravel() / np.linalg.norm(sums)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(
    ("shape", "scale", "cells"), [((90,), 3, 4), ((40, 47), 1, 4), ((30, 37), 2, 2), ((14, 13, 15), 1, 2)]
)
def test_haar_sums_are_what_their_definition_says(shape, scale, cells, exact):
    image = RNG.random(shape)
    bank = prepared(HaarSumsBank(len(shape), scale=scale, cells=cells, hop=3, pad=None))
    found = bank(image[np.newaxis], exact=exact)
    for at in [(0,) * len(shape), tuple(n - 1 for n in found.shape[1:])]:
        expected = slow_haar_sums(image, [3 * a for a in at], scale, cells)
        np.testing.assert_allclose(found[(slice(None), *at)], expected, atol=1e-12)


def test_haar_sums_of_flat_places_are_zeros_and_light_makes_no_difference():
    image = np.full((80, 80), 0.1)
    image[:, 60:] += 100 * RNG.random((80, 20))  # so that sums of the integral image round
    found, where = respond(HaarSumsBank(scale=1, hop=4), image)
    flat = where[1] < 45
    assert not found[:, :, flat].any()
    assert found[:, :, where[1] > 60].any()
    first = respond(HaarSumsBank(), image)[0]
    np.testing.assert_allclose(respond(HaarSumsBank(), 5 * image + 1)[0], first, atol=1e-9)
    wavelets = haar_responses(np.arange(10.0), 2)
    np.testing.assert_allclose(wavelets, 4.0 * np.ones((1, 7)))


def test_haar_sums_look_at_gradients_as_sift_does():
    """On a ramp all wavelets see the same, and sums equal sums of moduli."""
    image = np.add.outer(np.zeros(60), np.arange(60.0))
    found = respond(HaarSumsBank(scale=2), image)[0][:, 3, 3].reshape(16, 2, 2)
    table = prepared(HaarSumsBank(scale=2)).response_table()
    assert not found[:, 0].any()
    np.testing.assert_allclose(found[:, 1, 0], found[:, 1, 1])
    assert [table[i]["orientation"] for i in (0, 2)] == [pytest.approx(math.pi / 2), 0.0]
    assert table[2]["summed"] == "value"


@pytest.mark.parametrize("statistic", ["max", "mean", "fourier"])
def test_turning_a_picture_changes_nothing_that_is_pooled_over_orientations(statistic):
    image = np.cumsum(RNG.normal(size=(64, 64)), axis=1)  # streaks
    bank = GaborBank(2, n_frequencies=3, orientations=4, pad="symmetric")
    pooled = RotationPooledBank(bank, statistic=statistic)
    first, second = (respond(pooled, x)[0] for x in (image, np.rot90(image)))
    np.testing.assert_allclose(np.rot90(first, axes=(1, 2)), second, atol=1e-9)
    table = prepared(pooled).response_table()
    assert len(table) == len(first) == (9 if statistic == "fourier" else 3)
    assert all("orientation" not in row for row in table)
    plain = [respond(bank, x)[0] for x in (image, np.rot90(image))]
    assert not np.allclose(np.rot90(plain[0], axes=(1, 2)), plain[1], atol=0.1)


def test_pooled_values_are_numpys():
    image = RNG.random((30, 20))
    bank = GaborBank(2, n_frequencies=2, orientations=5)
    responses = respond(bank, image)[0].reshape(2, 5, 30, 20)
    for statistic, expected in (
        ("max", responses.max(axis=1)),
        ("mean", responses.mean(axis=1)),
        ("fourier", np.abs(np.fft.rfft(responses, axis=1)).reshape(6, 30, 20) / 5),
    ):
        np.testing.assert_allclose(
            respond(RotationPooledBank(bank, statistic=statistic), image)[0], expected, atol=1e-12
        )


def test_volumes_and_histograms_are_pooled_too():
    volume = RNG.random((12, 12, 12))
    bank = GaborBank(3, n_frequencies=1, orientations=4, elevations=4)
    assert len(prepared(bank).response_table()) == 13
    pooled = respond(RotationPooledBank(bank), volume)[0]
    np.testing.assert_allclose(pooled[0], respond(bank, volume)[0].max(axis=0))
    assert len(prepared(RotationPooledBank(bank, statistic="fourier")).response_table()) == 3 * 3 + 1  # the pole
    hog = prepared(RotationPooledBank(HogBank(cells=2), statistic="fourier"))
    assert len(hog.response_table()) == 4 * 5
    assert len(prepared(RotationPooledBank(GaborBank(2), statistic="mean"), channels=2).response_table()) == 8


def test_a_turned_volume_has_the_same_pooled_features():
    """Directions at multiples of 90 degrees go into each other when a volume is turned about an axis."""
    volume = np.cumsum(RNG.normal(size=(20, 20, 20)), axis=2)
    bank = GaborBank(3, n_frequencies=2, orientations=2, elevations=2, pad="symmetric")
    features = Representation(RotationPooledBank(bank, statistic="mean"), Moments(["mean", "std"]))
    turned = [volume, np.rot90(volume, axes=(1, 2)), np.rot90(volume, axes=(0, 2))]
    found = features.fit(turned).transform(turned)
    np.testing.assert_allclose(found[1:], np.tile(found[0], (2, 1)), rtol=1e-9)


def test_what_has_no_orientations_is_refused():
    with pytest.raises(InputError, match="without an orientation"):
        prepared(RotationPooledBank(FilterBank([np.ones((3, 3))])))
    with pytest.raises(InputError, match="statistic='median'"):
        prepared(RotationPooledBank(GaborBank(2), statistic="median"))
    with pytest.raises(InputError, match="0, 10, 90 degrees"):
        prepared(RotationPooledBank(GaborBank(2, orientations=np.radians([0, 10, 90])), statistic="fourier"))


@pytest.mark.parametrize(
    ("bank", "said"),
    [
        (HaarSumsBank(scale=0), "scale=0"),
        (HaarSumsBank(cells=1.5), "cells=1.5"),
        (HaarSumsBank(normalise="max"), "normalise='max'"),
        (HaarSumsBank(hop=(8,)), "hop=(8,)"),
        (HaarSumsBank(0), "n_axes=0"),
        (GaussianBank(norm="l3"), "norm='l3'"),
    ],
)
def test_what_cannot_be_is_said(bank, said):
    with pytest.raises(InputError) as error:
        bank.prepare(SignalInfo(max(1, bank.n_axes), 1), np.random.default_rng(0))
    assert said in str(error.value)


@pytest.mark.skipif(not os.environ.get("FILTERBANK_DATA"), reason="needs the tutorial's pictures of wood")
def test_wood_lying_and_standing_differs_until_orientations_are_pooled():
    folder = Path(os.environ["FILTERBANK_DATA"]) / "tutorial" / "images"
    signals = Signals.wrap([folder / f"{name}_wood.jpg" for name in ("horizontal", "vertical")], n_axes=2)
    wood = [np.asarray(signal, dtype=np.float32).mean(axis=0) for signal in signals]
    bank = GaborBank(2, n_frequencies=4, orientations=6)
    lying, standing = Representation(bank, Moments(["mean"])).fit_transform(wood).reshape(2, 4, 6)
    assert (lying.argmax(axis=1) == 3).all()  # the grain runs along rows, so that it changes along columns
    assert (standing.argmax(axis=1) == 0).all()
    assert (np.maximum(lying, standing) > 3 * np.minimum(lying, standing))[:, [0, 3]].all()
    for statistic in ("max", "mean", "fourier"):
        pooled = Representation(RotationPooledBank(bank, statistic=statistic), Moments(["mean"])).fit_transform(wood)
        np.testing.assert_allclose(pooled[0], pooled[1], rtol=0.02)
