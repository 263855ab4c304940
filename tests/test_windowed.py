"""Windowed banks against loops over windows of NumPy's convolution; responses of any bank, block by block."""

import itertools
import tracemalloc

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

from filterbank import (
    FilterBank,
    GaborBank,
    InputError,
    Moments,
    Proportion,
    Representation,
    Signals,
    WindowedBank,
    fold,
    respond,
)
from filterbank.banks import windowed
from filterbank.design import direction, gabor
from filterbank.pools.moments import STATISTICS
from filterbank.signals import SignalInfo

RNG = np.random.default_rng(11)
KERNELS = [np.array([1.0, -2, 0.5]), RNG.normal(size=8), np.array([0.0, 1])]


def prepared(bank, n_channels=1, rate=None):
    return bank.prepare(SignalInfo(bank.n_axes, n_channels, rate), np.random.default_rng(0))


def convolved(x, kernels=KERNELS):
    """Each kernel's responses where all kernels fit, centred on the same samples."""
    longest = max(map(len, kernels))
    n = len(x) - longest + 1
    out = []
    for k in kernels:
        first = (longest - 1) // 2 - (len(k) - 1) // 2
        out.append(np.convolve(x, k, "valid")[first : first + n])
    return np.array(out)


def pooled(responses, window, hop, functions):
    """Loop over windows: (response * function, window)."""
    starts = range(0, responses.shape[1] - window + 1, hop)
    return np.array([[f(r[s : s + window]) for s in starts] for r in responses for f in functions])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize(("window", "hop"), [(1, 1), (5, 2), (4, 4), (3, 7), (33, 1)])
def test_windows_are_pooled_as_by_a_loop(window, hop, exact, dtype):
    x = RNG.normal(size=(2, 40)).astype(dtype)
    bank = prepared(WindowedBank(FilterBank(KERNELS), Moments(STATISTICS), window=window, hop=hop), n_channels=2)
    functions = [np.mean, np.std, np.min, np.max, np.argmax, lambda r: np.mean(r > 0)]
    expected = np.concatenate([pooled(convolved(channel), window, hop, functions) for channel in x])
    found = bank(x, exact=exact)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, atol=1e-12 if dtype == np.float64 else 1e-5)
    assert len(bank.response_table()) == len(found)


@pytest.mark.parametrize("readout", ["real", "modulus"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("window", "hop"), [(500, 125), (100, 300), (700, 300)])
def test_the_fused_kernel_pools_as_a_loop(monkeypatch, readout, dtype, window, hop):
    used = []
    fused = windowed.fft_window_pool
    monkeypatch.setattr(windowed, "fft_window_pool", lambda *a, **k: used.append(k["n_threads"]) or fused(*a, **k))
    kernels = [RNG.normal(size=n) + 1j * RNG.normal(size=n) for n in (90, 200, 151)]
    x = 100 + RNG.normal(size=(2, 9000)).astype(dtype)
    bank = WindowedBank(
        FilterBank(kernels, readout=readout), Moments(["std", "max", "mean", "min"]), window=window, hop=hop
    )
    bank = prepared(bank, n_channels=2)
    read = np.real if readout == "real" else np.abs
    functions = [np.std, np.max, np.mean, np.min]
    expected = [pooled(read(convolved(c.astype(np.float64), kernels)), window, hop, functions) for c in x]
    found = bank(x)
    assert used == [1, 1]
    assert found.dtype == dtype
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=tolerance, atol=tolerance * np.abs(expected).max())
    np.testing.assert_array_equal(bank(x, n_threads=2), found)
    exact = bank(x, exact=True)
    assert used == [1, 1, 2, 2]  # which is not for a fixed order of sums
    np.testing.assert_allclose(exact, np.concatenate(expected), rtol=tolerance, atol=10 * tolerance * np.abs(x).max())
    monkeypatch.setattr(windowed, "STATES", 9 * 12)  # cut in parts
    np.testing.assert_allclose(bank(x), found, rtol=tolerance, atol=tolerance * np.abs(expected).max())
    assert len(used) > 6


@pytest.mark.parametrize("pad", ["reflect", "wrap", "zero"])
def test_padded_windows_lie_around_every_hop_th_sample(pad):
    x = RNG.normal(size=31)
    window, hop = 6, 4
    bank = WindowedBank(FilterBank(KERNELS[:1], pad=pad), Moments(["max"]), window=window, hop=hop)
    local, (where,) = respond(bank, x)
    np.testing.assert_array_equal(where, np.arange(0, 31, 4))
    mode = {"reflect": "reflect", "wrap": "wrap", "zero": "constant"}[pad]
    responses = convolved(np.pad(x, (1 + 2, 1 + 3), mode=mode), KERNELS[:1])[0]
    np.testing.assert_allclose(local[0], [responses[w : w + window].max() for w in where], atol=1e-14)


@pytest.mark.parametrize("n_axes", [2, 3])
def test_windows_with_more_axes(n_axes):
    shape, window, hop = (17, 15, 13)[:n_axes], (5, 2, 3)[:n_axes], (3, 4, 1)[:n_axes]
    x = RNG.normal(size=shape)
    kernel = RNG.normal(size=(3,) * n_axes)
    bank = WindowedBank(FilterBank([kernel]), Moments(["mean", "max", "max_position"]), window=window, hop=hop)
    local, where = respond(bank, x)
    inner = scipy.ndimage.convolve(x, kernel)[(slice(1, -1),) * n_axes]
    starts = [range(0, n - w + 1, h) for n, w, h in zip(inner.shape, window, hop)]
    assert local.shape[1:] == tuple(map(len, starts))
    for axis, start in enumerate(starts):
        np.testing.assert_array_equal(where[axis], np.array(start) + 1 + (window[axis] - 1) // 2)
    for at in itertools.product(*[range(len(s)) for s in starts]):
        part = inner[tuple(slice(s[i], s[i] + w) for s, i, w in zip(starts, at, window))]
        expected = [part.mean(), part.max(), *np.unravel_index(part.argmax(), window)]
        np.testing.assert_allclose(local[(slice(None), *at)], expected, atol=1e-12)


def test_windows_of_windows():
    x = RNG.normal(size=60)
    inner = WindowedBank(FilterBank(KERNELS[:1]), Moments(["max"]), window=4, hop=2)
    outer = WindowedBank(inner, Moments(["mean", "max_position"]), window=5, hop=3)
    local, (where,) = respond(outer, x)
    once = pooled(convolved(x, KERNELS[:1]), 4, 2, [np.max])
    expected = pooled(once, 5, 3, [np.mean, lambda r: 2 * np.argmax(r)])  # positions in samples
    np.testing.assert_allclose(local, expected, atol=1e-13)
    np.testing.assert_array_equal(where, 1 + 1 + 2 * (2 + 3 * np.arange(len(where))))
    assert [row["response"] for row in prepared(outer).response_table()] == [
        "filter0.max.mean",
        "filter0.max.max_position",
    ]


@pytest.mark.parametrize("name", ["ROOM", "COPIED"])
def test_memory_is_bounded_without_a_trace(monkeypatch, name):
    x = RNG.normal(size=(1, 23, 30))
    bank = WindowedBank(FilterBank(RNG.normal(size=(3, 4, 3))), Proportion((0.0, 1.0)), window=(3, 6), hop=2)
    bank = prepared(bank)
    whole = bank(x)
    monkeypatch.setattr(windowed, name, 300)
    np.testing.assert_array_equal(bank(x), whole)
    np.testing.assert_array_equal(bank(x, n_threads=2), whole)
    responses = np.array([scipy.ndimage.convolve(x[0], k)[1:-2, 1:-1] for k in bank.bank_.kernels_])
    above = np.lib.stride_tricks.sliding_window_view(responses, (3, 6), axis=(1, 2))[:, ::2, ::2]
    expected = np.stack([(above > level).mean(axis=(-1, -2)) for level in (0.0, 1.0)], axis=1)
    np.testing.assert_array_equal(whole, expected.reshape(6, *whole.shape[1:]))


def test_ragged_signals_with_channels_become_features():
    arrays = [RNG.normal(size=(2, n)) for n in (30, 47, 90)]
    bank = WindowedBank(FilterBank(KERNELS, names=["a", "b", "c"]), Moments(["std"]), window=9, hop=5)
    representation = Representation(bank, Moments(["mean", "max"]))
    found = representation.fit_transform(Signals.wrap(arrays, n_axes=1))
    for x, row in zip(arrays, found):
        local = np.concatenate([pooled(convolved(channel), 9, 5, [np.std]) for channel in x])
        np.testing.assert_allclose(row, np.stack([local.mean(axis=1), local.max(axis=1)], axis=1).ravel(), atol=1e-12)
    table = representation.feature_table_
    assert table["feature"][3] == "channel0.b.std.max"
    assert table["window_statistic"].eq("std").all()
    assert table["statistic"].tolist() == ["mean", "max"] * 6
    assert table["channel"].tolist() == [0] * 6 + [1] * 6
    explained = representation.explain(arrays[1], "channel1.c.std.mean")
    np.testing.assert_allclose(explained.response, pooled(convolved(arrays[1][1]), 9, 5, [np.std])[2], atol=1e-12)
    np.testing.assert_array_equal(explained.where[0], 3 + 4 + 5 * np.arange(len(explained.response)))


@pytest.mark.parametrize(
    "bank",
    [
        GaborBank(n_frequencies=2, truncate=1.5),
        FilterBank(KERNELS),
        WindowedBank(GaborBank(n_frequencies=2, truncate=1.5), Moments(["mean", "min"]), window=20, hop=3),
        WindowedBank(FilterBank(KERNELS), Proportion(), window=(7,), hop=(9,)),
    ],
    ids=["padded", "valid", "windows, padded", "windows, valid"],
)
def test_responses_do_not_depend_on_blocks_or_threads(bank):
    x = RNG.normal(size=(2, 500))
    whole, where = respond(bank, x, block_size=10**6)
    assert whole.shape[1:] == where[0].shape
    for block_size in (None, 17):
        one, at = respond(bank, x, block_size=block_size)
        two, _ = respond(bank, x, block_size=block_size, n_jobs=2)
        np.testing.assert_allclose(one, whole, atol=1e-12)
        np.testing.assert_array_equal(two, one)
        np.testing.assert_array_equal(at, where)


@pytest.mark.parametrize("pad", [None, "symmetric"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_blocks_of_long_signals_equal_the_whole(monkeypatch, pad, dtype):
    x = RNG.normal(size=(1, 30_000)).astype(dtype)
    kernels = [RNG.normal(size=n) for n in (60, 151)]
    bank = WindowedBank(FilterBank(kernels, pad=pad), Moments(["mean", "max"]), window=300, hop=70)
    calls = []
    fused = windowed.fft_window_pool
    monkeypatch.setattr(windowed, "fft_window_pool", lambda *a, **k: calls.append(1) or fused(*a, **k))
    found = {size: respond(bank, x, block_size=size)[0] for size in (10**6, 90, 2, None)}
    n_fused = len(calls)
    assert 3 < n_fused < 12  # the blocks of two windows were pooled plainly
    whole = found[10**6]
    tolerance = 1e-12 if dtype == np.float64 else 3e-6
    for one in found.values():
        np.testing.assert_allclose(one, whole, atol=tolerance * np.abs(whole).max())
    features = fold(prepared(bank), Moments(["mean", "std"]), Signals.wrap(x), block_size=100)
    expected = np.stack([whole.mean(axis=1), whole.std(axis=1)], axis=1).ravel()
    np.testing.assert_allclose(features[0], expected, atol=tolerance * np.abs(whole).max())


def test_responses_may_be_complex_and_signals_float32():
    x = RNG.normal(size=50).astype(np.float32)
    kernel = RNG.normal(size=5) + 1j * RNG.normal(size=5)
    found, (where,) = respond(FilterBank([kernel], readout="complex"), x, block_size=20)
    assert found.dtype == np.complex64
    np.testing.assert_allclose(found[0], np.convolve(x, kernel, "valid"), atol=1e-4)
    np.testing.assert_array_equal(where, np.arange(2, 48))


@pytest.mark.parametrize(("name", "value"), [("window", 0), ("window", 2.5), ("hop", -3), ("hop", (1, 1))])
def test_windows_that_are_none_are_refused(name, value):
    bank = WindowedBank(FilterBank(KERNELS), Moments(), **({"window": 3, "hop": 1} | {name: value}))
    with pytest.raises(InputError) as error:
        prepared(bank)
    assert f"{name}={value!r} is not a positive whole number" in str(error.value)


def test_pools_that_learn_are_refused():
    with pytest.raises(InputError, match=r"quantiles=\(0\.5,\)\) learns from responses"):
        prepared(WindowedBank(FilterBank(KERNELS), Proportion(quantiles=(0.5,)), window=3, hop=1))


def test_what_cannot_be_answered_is_said():
    bank = WindowedBank(FilterBank(KERNELS), Moments(), window=10, hop=5)
    with pytest.raises(InputError, match="signal 0 has 16 samples and the bank needs at least 17"):
        respond(bank, np.zeros(16))
    with pytest.raises(InputError, match="the bank's responses are complex"):
        respond(
            WindowedBank(FilterBank([np.array([1, 1j])], readout="complex"), Moments(), window=2, hop=1), np.ones(9)
        )
    with pytest.raises(InputError, match="signal 0 has 1 channels"):
        respond(prepared(bank, n_channels=2), np.zeros(50))
    with pytest.raises(InputError, match="NaN"):
        respond(bank, np.full(50, np.nan))


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-11), (np.float32, 2e-5)])
@pytest.mark.parametrize("pad", [None, "reflect"])
def test_windows_over_volumes_by_passes_are_those_of_the_responses(dtype, tolerance, pad):
    x = np.random.default_rng(3).normal(size=(40, 33, 37)).astype(dtype)
    inner = GaborBank(3, frequencies=[0.25], orientations=2, elevations=2, truncate=1.5, pad=pad)
    bank = WindowedBank(inner, Moments(["mean", "std", "max"]), window=(8, 6, 9), hop=(4, 6, 5))
    local, where = respond(bank, x)
    kernels = prepared(inner).kernels_
    n, wide = len(kernels[0]), x.astype(float)
    if pad:
        wide = np.pad(wide, [(n // 2 + (w - 1) // 2, n // 2 + w // 2) for w in (8, 6, 9)], mode="reflect")
    responses = np.array([np.abs(scipy.signal.fftconvolve(wide, kernel, "valid")) for kernel in kernels])
    views = np.lib.stride_tricks.sliding_window_view(responses, (8, 6, 9), axis=(1, 2, 3))[:, ::4, ::6, ::5]
    assert views.shape[1:4] == tuple(map(len, where))
    expected = np.stack([views.mean((4, 5, 6)), views.std((4, 5, 6)), views.max((4, 5, 6))], axis=1)
    np.testing.assert_allclose(local, expected.reshape(local.shape), rtol=tolerance, atol=tolerance)
    for options in ({"block_size": (2, 3, 2)}, {"n_jobs": 2}):
        np.testing.assert_allclose(respond(bank, x, **options)[0], local, rtol=tolerance, atol=tolerance)


def test_windows_over_volumes_take_bounded_memory():
    taken = {}
    for n_filters, size in ((4, 40), (24, 40), (4, 80)):
        angles = np.pi * np.arange(n_filters) / n_filters
        kernels = [gabor(0.25, 2.0, direction(3, angle, 0.3), truncate=1.5) for angle in angles]
        bank = WindowedBank(FilterBank(kernels, readout="modulus"), Moments(["mean"]), window=8, hop=8)
        x = np.random.default_rng(0).random((size, size, size), np.float32)
        respond(bank, x)
        tracemalloc.start()
        local, _ = respond(bank, x)
        taken[n_filters, size] = (tracemalloc.get_traced_memory()[1] - local.nbytes) / 2**20
        tracemalloc.stop()
    whole = 2 * 24 * 80**3 * 4 / 2**20  # MiB of real and imaginary parts at all positions of the largest
    assert max(taken.values()) < 64 < whole, taken
