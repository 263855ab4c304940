"""Banks against independent implementations: SciPy, NumPy, scikit-image."""

import math

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

from filterbank import FilterBank, GaborBank, GaussianBank, InputError, Signals
from filterbank.design import direction, gabor, gaussian_orders, hermite_gaussian
from filterbank.signals import SignalInfo

RNG = np.random.default_rng(3)
PADS = {"reflect": "mirror", "symmetric": "reflect", "edge": "nearest", "wrap": "wrap", "zero": "constant"}


def prepared(bank, n_channels=1, rate=None):
    return bank.prepare(SignalInfo(bank.n_axes, n_channels, rate), np.random.default_rng(0))


def responses(bank, signal, *, exact=False):
    """The responses at all positions of one signal, block by block."""
    parts = []
    for part, index in bank.parts(joint=True):
        (block,) = [b for _, b in part.geometry.blocks(signal, block_size=10**6)]
        parts.append(part(block, exact=exact)[np.argsort(index)])
    return np.concatenate(parts)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("pad", PADS)
@pytest.mark.parametrize("shape", [(5,), (6,), (3, 4), (4, 3, 2)])
def test_filterbank_convolves_as_scipy_ndimage(shape, pad, exact):
    kernel = RNG.normal(size=shape)
    signal = RNG.normal(size=(2, *[n + 6 for n in shape]))
    got = responses(prepared(FilterBank([kernel], pad=pad), n_channels=2), signal, exact=exact)
    expected = [scipy.ndimage.convolve(channel, kernel, mode=PADS[pad]) for channel in signal]
    np.testing.assert_allclose(got, expected, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 7, 8])
def test_valid_is_numpys_valid(n):
    kernel, x = RNG.normal(size=n), RNG.normal(size=30)
    got = responses(prepared(FilterBank([kernel])), x[np.newaxis])
    np.testing.assert_allclose(got[0], np.convolve(x, kernel, "valid"), atol=1e-13)


def test_padding_wider_than_the_signal_goes_on_as_numpy_pads():
    kernel, x = RNG.normal(size=21), RNG.normal(size=4)
    for pad in ("reflect", "symmetric", "edge", "wrap"):
        got = responses(prepared(FilterBank([kernel], pad=pad)), x[np.newaxis])
        np.testing.assert_allclose(got[0], np.convolve(np.pad(x, 10, mode=pad), kernel, "valid"), atol=1e-12)


@pytest.mark.parametrize(("size", "taps"), [(3000, 400), (40, 5)])
def test_the_two_ways_of_convolving_agree(size, taps):
    kernels = [RNG.normal(size=taps) for _ in range(12)]
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 2e-6)):
        x = RNG.normal(size=(1, size)).astype(dtype)
        bank = prepared(FilterBank(kernels))
        fast, exact = bank(x), bank(x, exact=True)
        assert fast.dtype == exact.dtype == dtype
        scale = np.sqrt(taps) * 5
        np.testing.assert_allclose(fast, exact, atol=tolerance * scale)
        reference = np.stack([np.convolve(x[0].astype(float), k, "valid") for k in kernels])
        np.testing.assert_allclose(exact, reference, atol=tolerance * scale)


def test_unpadded_filters_answer_wherever_each_fits():
    x = RNG.normal(size=(1, 20))
    bank = prepared(FilterBank([np.ones(3), np.ones(8), np.ones(3)]))
    parts = bank.parts(joint=False)
    assert sorted(np.concatenate([index for _, index in parts])) == [0, 1, 2]
    assert {part.geometry.positions((20,)) for part, _ in parts} == {(18,), (13,)}
    joint = bank.parts(joint=True)
    assert len(joint) == 1
    np.testing.assert_allclose(joint[0][0](x)[0], np.convolve(x[0], np.ones(3), "valid")[2:15], atol=1e-12)


@pytest.mark.parametrize("orders", [(0,), (1,), (2,), (3,), (0, 1), (2, 1), (1, 0, 1)])
def test_gaussian_bank_is_scipys_gaussian_filter(orders):
    signal = RNG.normal(size=(1, *[17] * len(orders)))
    bank = GaussianBank(len(orders), sigmas=[1.3], orders=[orders], scale_normalized=False)
    expected = scipy.ndimage.gaussian_filter(signal[0], 1.3, order=orders, mode="mirror")
    np.testing.assert_allclose(responses(prepared(bank), signal)[0], expected, atol=1e-12)


def test_gaussian_orders_and_scale_normalisation():
    assert gaussian_orders(2, 3) == [(0, 0, 2), (0, 1, 1), (0, 2, 0), (1, 0, 1), (1, 1, 0), (2, 0, 0)]
    plain = prepared(GaussianBank(1, sigmas=[2.0], orders=[2], scale_normalized=False)).kernels_[0]
    scaled = prepared(GaussianBank(1, sigmas=[2.0], orders=[2])).kernels_[0]
    np.testing.assert_allclose(scaled, 4 * plain)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_gaussian_derivative_of_a_polynomial(order):
    x = np.arange(-30.0, 31)
    got = np.convolve(x**order, hermite_gaussian(3.0, order, truncate=6), "valid")
    np.testing.assert_allclose(got, math.factorial(order), rtol=1e-4)


def test_gabor_is_scikit_images_up_to_its_mean():
    filters = pytest.importorskip("skimage.filters")
    frequency, angle = 0.17, 0.6
    theirs = filters.gabor_kernel(frequency, theta=angle, bandwidth=1.0, n_stds=3)
    bank = prepared(GaborBank(2, frequencies=[frequency], orientations=[angle]))
    ours = bank.kernels_[0]
    r = [(o - t) // 2 for o, t in zip(ours.shape, theirs.shape)]
    ours = ours[r[0] : r[0] + theirs.shape[0], r[1] : r[1] + theirs.shape[1]]
    window = np.abs(theirs)
    theirs = theirs - window * theirs.sum() / window.sum()  # ours has zero mean
    match = np.vdot(ours, theirs) / np.linalg.norm(ours) / np.linalg.norm(theirs)
    assert abs(match - 1) < 1e-3


@pytest.mark.parametrize("n_axes", [1, 2, 3])
def test_gabor_answers_its_own_wave_with_a_half_and_a_constant_with_zero(n_axes):
    unit = direction(n_axes, 0.5, 0.3)
    assert np.linalg.norm(unit) == pytest.approx(1)
    kernel = gabor(0.2, 3.0, unit, truncate=4)
    grid = np.meshgrid(*[np.arange(n) for n in kernel.shape], indexing="ij")
    wave = np.cos(2 * np.pi * 0.2 * sum(u * g for u, g in zip(unit, grid)))
    assert abs((kernel * wave[(slice(None, None, -1),) * n_axes]).sum()) == pytest.approx(0.5, abs=2e-3)
    assert abs(kernel.sum()) < 1e-12
    unit_energy = gabor(0.2, 3.0, unit, norm="l2")
    assert (np.abs(unit_energy) ** 2).sum() == pytest.approx(1)


def test_gabor_bandwidth_is_in_octaves():
    bank = prepared(GaborBank(frequencies=[0.125], bandwidth=0.5, truncate=6))
    spectrum = np.abs(np.fft.fft(bank.kernels_[0], 1 << 14))[: 1 << 13]
    above = np.flatnonzero(spectrum > spectrum.max() / 2)
    assert np.log2(above[-1] / above[0]) == pytest.approx(0.5, abs=0.01)


def test_gabor_readouts():
    x = RNG.normal(size=(1, 64))
    one = {r: responses(prepared(GaborBank(n_frequencies=2, readout=r)), x) for r in ("real", "imaginary", "modulus")}
    whole = responses(prepared(GaborBank(n_frequencies=2, readout="complex")), x)
    np.testing.assert_allclose(whole, one["real"] + 1j * one["imaginary"], atol=1e-13)
    np.testing.assert_allclose(np.abs(whole), one["modulus"], atol=1e-13)


def test_gabor_directions_in_three_dimensions():
    rows = prepared(GaborBank(3, n_frequencies=1, orientations=4, elevations=4)).kernel_table_
    units = np.array([direction(3, row["orientation"], row["elevation"]) for row in rows])
    assert len(units) == 13  # the pole once
    cosines = np.abs(units @ units.T) - np.eye(len(units))
    assert cosines.max() < 0.999  # no direction twice, nor with its opposite


def test_frequencies_are_in_hertz_where_the_rate_is_known():
    known = prepared(GaborBank(frequencies=[100.0]), rate=1000.0)
    unknown = prepared(GaborBank(frequencies=[0.1]))
    np.testing.assert_array_equal(known.kernels_[0], unknown.kernels_[0])
    assert known.kernel_table_[0]["frequency"] == 100
    assert known.kernel_table_[0]["unit"] == "Hz"
    assert unknown.kernel_table_[0]["unit"] == "cycles/sample"


@pytest.mark.parametrize(
    ("bank", "shown"),
    [
        (FilterBank([]), r"kernels=\[\]"),
        (FilterBank([np.ones(3), np.ones((3, 3))]), r"kernels\[1\] has shape \(3, 3\)"),
        (FilterBank([np.array([1, np.nan])]), r"kernels\[0\] contains NaN"),
        (FilterBank([np.ones(2)], names=["a", "b"]), r"names=\['a', 'b'\]"),
        (FilterBank([np.ones(2)], pad="reflct"), "pad='reflct'"),
        (FilterBank([np.ones(2)], readout="abs"), "readout='abs'"),
        (GaussianBank(sigmas=[-1]), "sigma=-1"),
        (GaussianBank(orders=[-1]), r"orders=\[-1\]"),
        (GaussianBank(2, orders=[(1,)]), r"orders=\[\(1,\)\]"),
        (GaussianBank(4), "n_axes=4"),
        (GaborBank(frequencies=[0.7]), "frequency=0.7 is not above 0 and at most 0.5 cycles/sample, it would alias"),
        (GaborBank(bandwidth=0), "bandwidth=0"),
        (GaborBank(norm="l3"), "norm='l3'"),
        (GaborBank(highest=0.6), "highest=0.6"),
        (GaborBank(2, orientations=0), "orientations=0"),
    ],
)
def test_bad_parameters_are_named_with_their_value(bank, shown):
    n_axes = bank.n_axes if bank.n_axes in (1, 2, 3) else 1
    with pytest.raises(InputError, match=shown):
        bank.prepare(SignalInfo(n_axes, 1), np.random.default_rng(0))


def test_a_frequency_above_half_the_rate_says_so():
    with pytest.raises(InputError, match=r"frequency=600.* at most 500 Hz"):
        prepared(GaborBank(frequencies=[600]), rate=1000)


def test_a_bank_of_other_dimension_than_the_signals():
    info = Signals.wrap(np.zeros((2, 8, 8)), n_axes=2).info
    with pytest.raises(InputError, match="1 axes and the signals have 2"):
        GaborBank(1).prepare(info, np.random.default_rng(0))
