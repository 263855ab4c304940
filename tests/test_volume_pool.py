"""Kernels of low rank over volumes, pooled as they come, against SciPy's convolution and NumPy's statistics."""

import importlib
import tracemalloc

import numpy as np
import pytest
from scipy.signal import fftconvolve

from filterbank import (
    FilterBank,
    GaborBank,
    GaussianBank,
    InputError,
    Moments,
    Proportion,
    Representation,
    Signals,
    engine,
    fold,
    respond,
)
from filterbank.design import direction, gabor, gaussian, gaussian_orders
from filterbank.kernels.factors import factor_volumes, volume_flops
from filterbank.kernels.volume_pool import volume_pool
from filterbank.pools.moments import STATISTICS

TOLERANCE = {np.float32: 2e-5, np.float64: 1e-10}
EVERYTHING = ("mean", "square", "min", "max", "position")
module = importlib.import_module("filterbank.kernels.volume_pool")


def gabors(frequency, sigma, *, angles=((0.0, -0.5), (0.8, 0.5), (-0.8, 0.5), (0.0, np.pi / 2))):
    """Real and imaginary parts by turns."""
    kernels = [gabor(frequency, sigma, direction(3, *pair), truncate=2.0) for pair in angles]
    return [part for kernel in kernels for part in (kernel.real, kernel.imag)]


def derivatives(sigma):
    return [gaussian(sigma, orders, truncate=3.0) for n in range(3) for orders in gaussian_orders(n, 3)]


def plain(volumes, kernels, lo, hi, modulus, thresholds=None):
    """The twin: every response is written out, in float64, and then pooled."""
    out = {name: [] for name in ("count", *EVERYTHING, "above")}
    for volume in volumes:
        responses = []
        for kernel, low, high in zip(kernels, lo, hi):
            whole = fftconvolve(volume.astype(np.float64), kernel, "valid")
            responses.append(whole[tuple(slice(a, n - b) for a, b, n in zip(low, high, whole.shape))])
        if modulus:
            responses = [np.hypot(a, b) for a, b in zip(responses[::2], responses[1::2])]
        out["count"].append([r.size for r in responses])
        out["mean"].append([r.mean() for r in responses])
        out["square"].append([r.var() * r.size for r in responses])
        out["min"].append([r.min() for r in responses])
        out["max"].append([r.max() for r in responses])
        out["position"].append([np.unravel_index(r.argmax(), r.shape) for r in responses])
        if thresholds is not None:
            out["above"].append([[(r > level).sum() for level in row] for r, row in zip(responses, thresholds)])
    return {name: np.array(value) for name, value in out.items() if value}


def assert_same(found, expected, tolerance):
    np.testing.assert_array_equal(found["count"], expected["count"])
    deviation = np.sqrt(expected["square"] / expected["count"])
    scale = np.maximum(deviation, tolerance * np.abs(expected["mean"])).max() + 1e-30
    for name in ("mean", "min", "max"):
        assert np.abs(found[name] - expected[name]).max() <= tolerance * scale, name
    assert np.abs(np.sqrt(found["square"] / found["count"]) - deviation).max() <= tolerance * scale
    for name in ("position", "above"):
        if name in found:
            np.testing.assert_array_equal(found[name], expected[name])


def windows(kernels, pairs=1):
    rng = np.random.default_rng(5)
    lo = np.repeat(rng.integers(0, 4, (len(kernels) // pairs, 3)), pairs, axis=0)
    hi = np.repeat(rng.integers(0, 4, (len(kernels) // pairs, 3)), pairs, axis=0)
    return [tuple(map(int, row)) for row in lo], [tuple(map(int, row)) for row in hi]


def nothing(kernels):
    return [(0, 0, 0)] * len(kernels)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("modulus", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_states_are_those_of_dense_convolution(dtype, modulus, exact):
    rng = np.random.default_rng(0)
    kernels = gabors(0.2, 2.0) + gabors(0.13, 3.1) + list(rng.standard_normal((2, 4, 3, 5)))
    lo, hi = windows(kernels, 2)
    volumes = [rng.standard_normal(shape).astype(dtype) for shape in ((37, 22, 50), (20, 75, 33), (70, 21, 24))]
    levels = rng.standard_normal((len(kernels) // (1 + modulus), 2)) * 0.1
    options = {"lo": lo, "hi": hi, "modulus": modulus, "thresholds": levels}
    found = volume_pool(volumes, kernels, want=EVERYTHING, exact=exact, **options)
    expected = plain(volumes, kernels, lo, hi, modulus, levels)
    if dtype == np.float32:  # a response within rounding of a level may lie on its other side
        assert np.abs(found["above"] - expected["above"]).max() <= 2
        del found["above"]
    assert_same(found, expected, TOLERANCE[dtype])
    assert sorted(volume_pool(volumes, kernels, want=["max"], **options)) == ["above", "count", "max"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_size_from_one_position_up_to_two_tiles(dtype):
    rng = np.random.default_rng(1)
    kernels = [*derivatives(0.7), np.einsum("i,j,k->ijk", [1.0, 2, 3], [1.0, 0, -1, 4, 2], [1.0, 1, 1, 0, 2])[:, :3]]
    shapes = [(5, 5, 5)] + [(5 + n % 2, 5 + n % 3, n) for n in range(5, 70)]
    shapes += [(5 + n % 2, n, 6 + n % 3) for n in range(8, 150, 7)] + [(n, 5, 7) for n in range(8, 90, 5)]
    volumes = [rng.random(shape).astype(dtype) for shape in shapes]
    found = volume_pool(volumes, kernels, lo=nothing(kernels), hi=nothing(kernels), want=EVERYTHING)
    expected = plain(volumes, kernels, nothing(kernels), nothing(kernels), False)
    assert found["count"].min() == 1
    assert_same(found, expected, TOLERANCE[dtype])


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 1), (9, 1, 1), (1, 1, 9), (2, 3, 4), (40, 2, 3), (3, 2, 40)])
def test_kernels_of_any_shape_and_rank(shape):
    rng = np.random.default_rng(2)
    kernels = [*rng.standard_normal((2, *shape)), np.ones(shape), np.zeros(shape)]
    kernels += [kernels[0] * 3, kernels[1][::-1], kernels[1][:, ::-1]]
    volume = rng.standard_normal((50, 45, 60))
    lo, hi = windows(kernels)
    found = volume_pool([volume], kernels, lo=lo, hi=hi)
    assert_same(found, plain([volume], kernels, lo, hi, False), 1e-9)


def test_tiles_rings_and_what_is_done_together_do_not_show(monkeypatch):
    rng = np.random.default_rng(3)
    volume = rng.standard_normal((41, 50, 70)).astype(np.float32)
    kernels = gabors(0.2, 2.0) + derivatives(1.0)[:8]
    lo, hi = windows(kernels, 2)
    options = {"lo": lo, "hi": hi, "modulus": True, "want": EVERYTHING, "exact": True}
    options["thresholds"] = np.full((len(kernels) // 2, 1), 0.05)
    whole = volume_pool([volume], kernels, **options)
    for changed in ({"TILE_PLANES": 8, "ROWS": (8, 8)}, {"RING_BYTES": 1, "RANGES": 3}, {"TOGETHER": 1}):
        with monkeypatch.context() as patched:
            for name, value in changed.items():
                patched.setattr(module, name, value)
            found = volume_pool([volume], kernels, **options)
        for name in ("min", "max", "position", "above"):
            np.testing.assert_array_equal(found[name], whole[name])
        np.testing.assert_allclose(found["mean"], whole["mean"], rtol=1e-5)


@pytest.mark.parametrize("pad", ["wrap", "reflect", "symmetric", "edge", "zero"])
def test_padding_on_the_way_is_padding_before(pad):
    rng = np.random.default_rng(10)
    volumes = [rng.random(shape).astype(np.float32) for shape in ((20, 9, 40), (9, 12, 7), (8, 50, 33))]
    kernels = [*derivatives(1.0), rng.random((2, 5, 3))]
    lo, hi = windows(kernels)
    halo = ((6, 3), (4, 5), (3, 6))
    found = volume_pool(volumes, kernels, lo=lo, hi=hi, halo=halo, pad=pad)
    padded = [np.pad(volume, halo, mode="constant" if pad == "zero" else pad) for volume in volumes]
    assert_same(found, plain(padded, kernels, lo, hi, False), TOLERANCE[np.float32])


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("offset", [1e3, -1e4])
def test_deviations_keep_their_digits_beside_a_large_constant(offset, exact):
    rng = np.random.default_rng(4)
    volume = (rng.standard_normal((40, 50, 60)) + offset).astype(np.float32)
    kernels = derivatives(1.5) if not exact else [np.ones((1, 1, 1))]
    found = volume_pool([volume], kernels, lo=nothing(kernels), hi=nothing(kernels), exact=exact)
    expected = plain([volume], kernels, nothing(kernels), nothing(kernels), False)
    np.testing.assert_allclose(np.sqrt(found["square"]), np.sqrt(expected["square"]), rtol=1e-4)
    deviation = np.sqrt(expected["square"] / expected["count"])
    assert (np.abs(found["mean"] - expected["mean"]) <= 1e-4 * deviation).all()


def test_of_equal_maxima_the_first_is_found():
    rng = np.random.default_rng(5)
    volumes = [rng.integers(0, 4, shape).astype(np.float32) for shape in ((40, 70, 45), (5, 130, 100), (80, 9, 70))]
    volumes.append(np.zeros((30, 40, 50), np.float32))
    late = np.zeros((70, 70, 70), np.float32)
    late[33, 64, 1] = late[33, 2, 68] = late[69, 0, 0] = 1
    near = np.zeros((20, 20, 20), np.float32)
    near[5, 0, 3] = near[2, 7, 9] = near[2, 8, 1] = 1  # in one tile, whose rows are gone through one by one
    volumes += [late, near]
    identity = [np.ones((1, 1, 1))]
    for n_threads in (1, 3):
        found = volume_pool(volumes, identity, lo=[(0, 0, 0)], hi=[(0, 0, 0)], want=["position"], n_threads=n_threads)
        expected = [np.unravel_index(volume.argmax(), volume.shape) for volume in volumes]
        np.testing.assert_array_equal(found["position"][:, 0], expected)


@pytest.mark.parametrize("n_volumes", [1, 4])
def test_threads_change_no_bit(n_volumes):
    rng = np.random.default_rng(7)
    volumes = [rng.random((30, 40 + 30 * i, 50)).astype(np.float32) for i in range(n_volumes)]
    kernels = gabors(0.2, 2.0)
    options = {"lo": nothing(kernels), "hi": nothing(kernels), "thresholds": np.zeros((8, 1)), "want": EVERYTHING}
    one, *others = (volume_pool(volumes, kernels, n_threads=n, **options) for n in (1, 2, 3, 16))
    for other in others:
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def test_without_vectors_the_states_are_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    kernels = [*gabors(0.25, 1.0), *rng.standard_normal((2, 3, 2, 4))]
    lo, hi = windows(kernels, 2)
    volume = rng.random((20, 25, 40))
    monkeypatch.setattr(importlib.import_module("filterbank.kernels.passes"), "available", lambda: False)
    found = volume_pool([volume], kernels, lo=lo, hi=hi, modulus=True, want=EVERYTHING)
    assert_same(found, plain([volume], kernels, lo, hi, True), 1e-10)


def test_factors_rebuild_the_kernels_and_are_shared():
    rng = np.random.default_rng(9)
    for kernels in (gabors(0.2, 2.0), derivatives(1.3), list(rng.standard_normal((3, 4, 5, 6)))):
        found = factor_volumes(kernels)
        flat = found.planes
        planes = np.einsum("qp,ph,pw->qhw", flat.mix, flat.columns, flat.rows[flat.row_of])
        rebuilt = np.einsum("kp,pd,phw->kdhw", found.mix, found.columns, planes[found.plane_of])
        for one, kernel in zip(rebuilt, kernels):
            assert np.linalg.norm(one - kernel) <= 3e-7 * np.linalg.norm(kernel)
    jet = factor_volumes(derivatives(1.3))  # g, g' and g'' along rows; six products with columns; a pass for each
    assert (len(jet.planes.rows), len(jet.planes.columns), len(jet.columns)) == (3, 6, 10)
    bank = GaborBank(3, frequencies=[0.2], orientations=4, elevations=3).prepare(
        Signals.wrap(np.zeros((1, 9, 9, 9)), n_axes=3).info, rng
    )
    mirrored = factor_volumes(bank.real_kernels())  # nine complex filters, most of them one another's mirror images
    assert len(mirrored.columns) <= 20
    size = len(bank.kernels_[0])
    n_passes = len(mirrored.planes.rows) + len(mirrored.planes.columns) + len(mirrored.columns)
    work = volume_flops(bank.real_kernels(), (96, 96, 96))
    assert 2 * n_passes * size <= work["separable"] <= 2.5 * n_passes * size
    assert work["dense"] == 2 * 18 * size**3


def test_what_cannot_be_done_is_said():
    volume, kernel = np.zeros((8, 8, 8)), np.ones((3, 3, 3))

    def message(volumes, kernels, **changed):
        arguments = {"lo": nothing(kernels), "hi": nothing(kernels), **changed}
        with pytest.raises(InputError) as error:
            volume_pool(volumes, kernels, **arguments)
        return str(error.value)

    assert "volume 1 has shape (2, 9, 9)" in message([volume, np.zeros((2, 9, 9))], [kernel])
    assert "volume 0 is float64 with shape (8, 8)" in message([volume[0]], [kernel])
    assert "kernel 0 is float64 with shape (3, 3), and kernels are real, (depth, height" in message(
        [volume], [kernel[0]]
    )
    assert "are not 1 triples" in message([volume], [kernel], lo=[(0, 0)])
    assert "halo=[(1, 1), (1, 1)]" in message([volume], [kernel], pad="edge", halo=((1, 1), (1, 1)))
    assert "want='median'" in message([volume], [kernel], want=["median"])
    assert "0 volumes" in message([], [kernel])


BANKS = {
    "gabor": GaborBank(3, n_frequencies=2, orientations=2, elevations=2, truncate=1.5),
    "gabor, unpadded": GaborBank(3, frequencies=[0.25, 0.2], orientations=2, elevations=1, truncate=1.0, pad=None),
    "gaussian": GaussianBank(3, sigmas=[1.0, 1.5], orders=[0, 1, 2], truncate=2.0, pad="zero"),
}


@pytest.mark.parametrize("name", BANKS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("block_size", [None, (5, 9, 40)])
def test_features_are_those_of_the_plain_composition(name, dtype, block_size):
    rng = np.random.default_rng(6)
    arrays = [rng.normal(size=(2, *size)).astype(dtype) for size in ((15, 17, 23), (16, 14, 15))]
    signals = Signals.wrap(arrays, n_axes=3)
    bank = BANKS[name].prepare(signals.info, rng)
    pool = Moments(STATISTICS)
    assert [row["method"] for row in engine.explain_plan(bank, pool, signals)] == ["separable"]
    expected = fold(bank, pool, signals, method="plain")
    found = fold(bank, pool, signals, block_size=block_size)
    tolerance = 1e-11 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=100 * tolerance)
    np.testing.assert_array_equal(fold(bank, pool, signals, block_size=block_size, n_jobs=2), found)
    shares = Proportion((0.0, 0.1)).fit(np.empty((0, len(bank.response_table()))), rng)
    whole = fold(bank, shares, signals)
    np.testing.assert_allclose(whole, fold(bank, shares, signals, method="plain"), atol=3e-4)
    np.testing.assert_array_equal(fold(bank, shares, signals, block_size=(4, 7, 6)), whole)


@pytest.mark.parametrize("n_axes", [2, 3])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("pad", ["reflect", None])
def test_positions_of_maxima_are_those_of_the_responses(n_axes, dtype, pad):
    rng = np.random.default_rng(8)
    arrays = [rng.normal(size=size[:n_axes]).astype(dtype) for size in ((25, 40, 37), (40, 21, 23))]
    bank = GaborBank(n_axes, n_frequencies=2, orientations=3, elevations=2, truncate=1.5, pad=pad)
    pool = Moments(["max_position", "max", "min", "positive"])
    signals = Signals.wrap(arrays, n_axes=n_axes)
    representation = Representation(bank, pool).fit(signals)
    assert representation.explain_plan(signals)["method"].tolist() == ["separable"]
    features = representation.transform(signals).reshape(2, -1, n_axes + 3)
    table = representation.feature_table_
    assert table["statistic"][: n_axes + 1].tolist() == [f"max_position_{a}" for a in "zyx"[-n_axes:]] + ["max"]
    assert table["feature"][0].endswith(f"].max_position_{'zyx'[-n_axes]}")
    for i, array in enumerate(arrays):
        found = features[i]
        n_kernels = len(representation.bank_.kernels_)
        for r in range(n_kernels):  # filters of unequal sizes have positions of their own
            own = representation.bank_.kernels_[r]
            (response,), where = respond(FilterBank([own], readout="modulus", pad=pad), array)
            at = np.unravel_index(response.argmax(), response.shape)
            np.testing.assert_array_equal(found[r, :n_axes], [axis[k] for axis, k in zip(where, at)])
            np.testing.assert_allclose(found[r, n_axes], response.max(), rtol=1e-5)
    for options in ({"n_jobs": 2}, {"block_size": (7, 30, 4)[:n_axes]}, {"block_size": 11, "n_jobs": 3}):
        again = Representation(bank, pool, **options).fit(signals).transform(signals)
        np.testing.assert_array_equal(again.reshape(features.shape), features)


def test_memory_depends_neither_on_the_number_of_filters_nor_on_the_size():
    peaks = {}
    for n_filters, size in ((2, 48), (24, 48), (2, 96)):
        angles = np.pi * np.arange(n_filters) / n_filters + 0.1  # none is another's mirror image
        bank = FilterBank([gabor(0.2, 2.0, direction(3, a, 0.3), truncate=2) for a in angles], readout="modulus")
        signals = Signals.wrap(np.random.default_rng(0).random((1, size, size, size), np.float32), n_axes=3)
        bank = bank.prepare(signals.info, np.random.default_rng(0))
        fold(bank, Moments(), signals, n_jobs=1)
        tracemalloc.start()
        fold(bank, Moments(), signals, n_jobs=1)
        peaks[n_filters, size] = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
    assert max(peaks.values()) < 4, peaks  # MiB; one response of the largest volume has 3.4
    assert peaks[24, 48] < peaks[2, 48] + 1, peaks
