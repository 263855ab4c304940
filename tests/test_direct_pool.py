"""The fused direct kernel against its plain twin: numpy.convolve, then numpy's statistics, response by response."""

import importlib
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterbank.errors import InputError
from filterbank.kernels import convolve_direct
from filterbank.kernels.direct_pool import MANY, TILE, direct_pool, why_plain

module = importlib.import_module("filterbank.kernels.direct_pool")  # its function may hide it
RNG = np.random.default_rng(11)
ALL = ("mean", "square", "min", "max", "position")


def signals_of(lengths, dtype, seed=0, offset=0.0):
    rng = np.random.default_rng(seed)
    return [(rng.normal(size=n) + offset).astype(dtype) for n in lengths]


def plainly(signals, kernels, lo, hi, modulus=False):
    """Yield each signal's kept responses in float64, from numpy.convolve."""
    for x in signals:
        found = [np.convolve(x.astype(np.float64), k, "valid")[a:] for k, a in zip(kernels, lo)]
        found = [y[: len(y) - b] for y, b in zip(found, hi)]
        yield [np.hypot(a, b) for a, b in zip(found[::2], found[1::2])] if modulus else found


def exactly(x, kernel, lo, hi):
    """The kept responses of one kernel as the plain composition has them."""
    at = np.flatnonzero(kernel) if kernel.any() else np.zeros(1, dtype=int)
    coordinates = (len(kernel) - 1 - at)[:, np.newaxis]
    starts = np.array([0, len(at)])
    y = convolve_direct(x, starts, coordinates, kernel[at], extent=[len(kernel)], hop=[1])[0]
    return y[lo : len(y) - hi]


def assert_states(state, signals, kernels, lo, hi, modulus=False, rtol=1e-12):
    for s, responses in enumerate(plainly(signals, kernels, lo, hi, modulus)):
        size = max(np.abs(y).max() for y in responses)
        for r, y in enumerate(responses):
            assert state["count"][s, r] == len(y)
            np.testing.assert_allclose(state["mean"][s, r], y.mean(), rtol=rtol, atol=rtol * size)
            np.testing.assert_allclose(
                np.sqrt(state["square"][s, r] / len(y)), y.std(), rtol=10 * rtol, atol=10 * rtol * size
            )
            np.testing.assert_allclose(state["min"][s, r], y.min(), rtol=rtol, atol=rtol * size)
            np.testing.assert_allclose(state["max"][s, r], y.max(), rtol=rtol, atol=rtol * size)


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-13), (np.float32, 2e-6)])
@pytest.mark.parametrize("modulus", [False, True])
def test_moments_and_extrema_of_ragged_signals_are_those_of_numpy(dtype, rtol, modulus):
    kernels = [RNG.normal(size=n) for n in (1, 1, 4, 4, 9, 9, 30, 30)]
    lo, hi = [0, 0, 3, 3, 1, 1, 0, 0], [0, 0, 0, 0, 2, 2, 1, 1]
    signals = signals_of([31, 32, 47, 48, 64, 95, 200, TILE, TILE + 28, TILE + 29, 3 * TILE + 5, 33], dtype)
    state = direct_pool(signals, kernels, lo=lo, hi=hi, modulus=modulus, want=ALL)
    assert_states(state, signals, kernels, lo, hi, modulus, rtol)


@given(
    lengths=st.lists(st.integers(12, 90), min_size=1, max_size=12),
    sizes=st.lists(st.integers(1, 8), min_size=1, max_size=4),
    ends=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_any_lengths_and_kernels(lengths, sizes, ends, seed):
    rng = np.random.default_rng(seed)
    kernels = [rng.normal(size=n) * (rng.random(n) < 0.7) for n in sizes]
    lo, hi = [ends[0]] * len(kernels), [ends[1]] * len(kernels)
    signals = signals_of(lengths, np.float64, seed)
    state = direct_pool(signals, kernels, lo=lo, hi=hi, want=ALL, thresholds=np.zeros((len(kernels), 1)))
    assert_states(state, signals, kernels, lo, hi)
    for s, x in enumerate(signals):
        for r, k in enumerate(kernels):
            assert state["above"][s, r, 0] == (exactly(x, k, lo[r], hi[r]) > 0).sum()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 129, TILE - 1, TILE, TILE + 1, 2 * TILE + 70])
def test_every_response_is_bit_for_bit_that_of_the_plain_composition(dtype, n):
    kernels = [RNG.normal(size=size) for size in (1, 2, 5, 9, 16)] + [np.array([1.0, 0, 0, -2.5, 0, 0.1]), np.zeros(3)]
    x = signals_of([n + 15], dtype, seed=n)[0]
    for k in kernels:
        y = exactly(x, k, 0, 0)
        order = RNG.permutation(len(y))[:200]
        # Counting above a value and above the one just below it tells whether that very value is among the responses.
        cut = np.stack([y[order], np.nextafter(y[order], dtype(-np.inf))], axis=1).astype(np.float64)
        state = direct_pool([x], [k], lo=[0], hi=[0], want=ALL, thresholds=cut.reshape(1, -1))
        assert state["above"][0, 0].tolist() == [(y > level).sum() for level in cut.ravel()]
        assert (state["min"][0, 0], state["max"][0, 0]) == (y.min(), y.max())
        assert state["position"][0, 0] == y.argmax()


def test_the_modulus_is_the_root_of_the_sum_of_squares_bit_for_bit():
    for dtype in (np.float32, np.float64):
        x = signals_of([300], dtype)[0]
        pair = [RNG.normal(size=7), RNG.normal(size=7)]
        real, imaginary = (exactly(x, k, 0, 0) for k in pair)
        y = np.sqrt(real * real + imaginary * imaginary)
        levels = y.astype(np.float64)[np.newaxis, ::3]
        state = direct_pool([x], pair, lo=[0, 0], hi=[0, 0], modulus=True, want=ALL, thresholds=levels)
        assert state["above"][0, 0].tolist() == [(y > level).sum() for level in levels[0]]
        assert state["max"][0, 0] == y.max()
        assert state["position"][0, 0] == y.argmax()


@pytest.mark.parametrize("n", [1, 3, 4, 5, 120, MANY - 1, MANY, MANY + 1, 1500])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_thresholds_of_any_number_and_order_with_ties(n, dtype):
    signals = [np.round(x, 1) for x in signals_of([40, 1100, 2 * TILE + 3], dtype)]  # ties with the thresholds
    kernels = [np.array([1.0]), np.array([0.5, 0.5])]
    thresholds = np.round(RNG.normal(size=(2, n)), 1)
    state = direct_pool(signals, kernels, lo=[0, 0], hi=[0, 0], want=(), thresholds=thresholds)
    assert set(state) == {"count", "above"}
    for s, x in enumerate(signals):
        for r, k in enumerate(kernels):
            y = exactly(x, k, 0, 0)
            assert state["above"][s, r].tolist() == [(y > level).sum() for level in thresholds[r]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "levels",
    [
        np.random.default_rng(0).standard_cauchy(300),  # crowded
        np.full(100, 0.25),
        np.sort(np.random.default_rng(0).normal(size=119)),
        np.linspace(-1, 1, 64),
        np.concatenate([np.linspace(-1, 1, 64), [1e30, -1e30]]),
        np.linspace(0, 1e-42, 64),  # below the least normal number of float32
        np.linspace(-3e38, 3e38, 64),  # an extent beyond float32
    ],
)
def test_many_thresholds_however_they_lie(levels, dtype):
    signals = [x * 3 for x in signals_of([30, 6 * TILE], dtype)]
    signals[0][:5] = [0, -0.0, 1e30, -1e30, 0.25]
    state = direct_pool(signals, [np.ones(1)], lo=[0], hi=[0], want=(), thresholds=levels[np.newaxis])
    for s, x in enumerate(signals):
        assert state["above"][s, 0].tolist() == [(x.astype(np.float64) > level).sum() for level in levels]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_threshold_between_two_numbers_of_float32_cuts_where_float64_does(dtype):
    x = np.array([0.1, 0.3, 0.7, -0.1, 1e-3], dtype=dtype)
    levels = np.concatenate([[value, value * (1 + 1e-12), value * (1 - 1e-12)] for value in x.astype(np.float64)])
    state = direct_pool([x], [np.ones(1)], lo=[0], hi=[0], want=(), thresholds=levels[np.newaxis])
    assert state["above"][0, 0].tolist() == [(x.astype(np.float64) > level).sum() for level in levels]


@pytest.mark.parametrize("offset", [1e3, 1e4])
@pytest.mark.parametrize("n", [200, 50_000])
def test_float32_keeps_the_standard_deviation_beside_a_large_mean(offset, n):
    signals = signals_of([n, n + 3], np.float32, offset=offset)
    kernels = [np.hanning(7)[1:-1], np.ones(1), np.array([1.0, -1])]
    state = direct_pool(signals, kernels, lo=[0] * 3, hi=[0] * 3)
    for s, responses in enumerate(plainly(signals, kernels, [0] * 3, [0] * 3)):
        for r, y in enumerate(responses):
            assert np.sqrt(state["square"][s, r] / len(y)) == pytest.approx(y.std(), rel=1e-3)
            assert state["mean"][s, r] == pytest.approx(y.mean(), rel=1e-6, abs=1e-4)


def test_constant_signals_have_no_spread_and_their_maximum_is_the_first():
    state = direct_pool(np.full((3, 50), 0.1, np.float32), [np.ones(3)], lo=[1], hi=[0], want=ALL)
    assert not state["square"].any()
    assert not state["position"].any()
    assert (state["min"] == state["max"]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_chunks_and_company_change_no_bit(dtype, monkeypatch):
    signals = signals_of(np.random.default_rng(1).integers(20, 3000, 60), dtype)
    kernels = [RNG.normal(size=n) for n in (4, 9, 16)]
    options = {"lo": [0, 1, 2], "hi": [3, 0, 1], "want": ALL, "thresholds": RNG.normal(size=(3, 9))}
    once = direct_pool(signals, kernels, **options)
    monkeypatch.setattr(module, "SERIAL", 0)
    apart = [direct_pool([x], kernels, **options) for x in signals]
    for n_threads in (2, 3):
        for name, value in direct_pool(signals, kernels, n_threads=n_threads, **options).items():
            np.testing.assert_array_equal(value, once[name], strict=True)
    for name, value in once.items():
        np.testing.assert_array_equal(np.concatenate([state[name] for state in apart]), value, strict=True)
    few = direct_pool(signals[:2], kernels, n_threads=2, **options)  # threads over responses
    np.testing.assert_array_equal(few["square"], once["square"][:2])


def test_arrays_of_any_layout():
    X = RNG.normal(size=(40, 33))
    kernels, options = [RNG.normal(size=5)], {"lo": [0], "hi": [0], "want": ALL}
    expected = direct_pool(list(X), kernels, **options)
    frozen = X.copy()
    frozen.setflags(write=False)
    for given_signals in (X, np.asfortranarray(X), list(np.asfortranarray(X)), frozen, [frozen[i] for i in range(40)]):
        for name, value in direct_pool(given_signals, kernels, **options).items():
            np.testing.assert_array_equal(value, expected[name])
    assert direct_pool(X[:0], kernels, **options)["mean"].shape == (0, 1)
    assert direct_pool([], kernels, **options)["count"].shape == (0, 1)


def test_what_cannot_be_done_is_said():
    options = {"lo": [1], "hi": [1]}
    with pytest.raises(InputError, match=r"signal 1 has 4 samples, and response 0 needs at least 5"):
        direct_pool([np.zeros(9), np.zeros(4)], [np.ones(3)], **options)
    assert direct_pool([np.zeros(5)], [np.ones(3)], **options)["count"].tolist() == [[1]]
    with pytest.raises(InputError, match="float32, float64"):
        direct_pool([np.zeros(9), np.zeros(9, np.float32)], [np.ones(3)], **options)
    with pytest.raises(InputError, match="int64"):
        direct_pool(np.zeros((2, 9), dtype=int), [np.ones(3)], **options)
    with pytest.raises(InputError, match="want='median'"):
        direct_pool([np.zeros(9)], [np.ones(3)], want=["median"], **options)
    with pytest.raises(InputError, match=r"thresholds.shape=\(2, 1\)"):
        direct_pool([np.zeros(9)], [np.ones(3)], thresholds=np.zeros((2, 1)), **options)
    with pytest.raises(InputError, match="kernels=1"):
        direct_pool([np.zeros(9)], [np.ones(3)], modulus=True, **options)
    with pytest.raises(InputError, match="not all 1-D"):
        direct_pool([np.zeros((9, 2)), np.zeros((9, 2))], [np.ones(3)], **options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_plain_fallback_gives_the_same(dtype, monkeypatch):
    assert why_plain(dtype) is None
    signals = signals_of([12, 40, TILE + 30], dtype)
    kernels = [RNG.normal(size=5), RNG.normal(size=5)]
    options = {"lo": [0, 0], "hi": [1, 1], "want": ALL, "modulus": True, "thresholds": RNG.normal(size=(1, 5))}
    expected = direct_pool(signals, kernels, **options)

    def broken(*arguments):
        raise AttributeError("no such instruction")

    monkeypatch.setattr(module, "_pool_range", broken)
    module._choose.cache_clear()
    try:
        assert why_plain(dtype) == "AttributeError: no such instruction"
        found = direct_pool(signals, kernels, **options)
    finally:
        module._choose.cache_clear()
    for name in ("count", "min", "max", "position", "above"):
        np.testing.assert_array_equal(found[name], expected[name], strict=True)
    np.testing.assert_allclose(found["mean"], expected["mean"], rtol=1e-6)
    np.testing.assert_allclose(found["square"], expected["square"], rtol=1e-5)


@pytest.mark.slow
def test_a_processor_with_shorter_vectors_gives_the_same_bits(tmp_path):
    script = (
        "import numpy as np, sys\n"
        "from filterbank.kernels.direct_pool import direct_pool\n"
        "rng = np.random.default_rng(0)\n"
        "X = [rng.normal(size=n).astype(np.float32) for n in (24, 36, 1100)]\n"
        "s = direct_pool(X, [rng.normal(size=9)], lo=[0], hi=[0],\n"
        "                want=('mean', 'square', 'min', 'max', 'position'), thresholds=rng.normal(size=(1, 7)))\n"
        "np.savez(sys.argv[1], **s)\n"
    )
    states = []
    for cpu in ("haswell", "generic", None):
        out = tmp_path / f"{cpu}.npz"
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / str(cpu))}
        if cpu:
            environment |= {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": "+avx2" if cpu == "haswell" else ""}
        subprocess.run([sys.executable, "-c", script, str(out)], check=True, env=environment)
        with np.load(out) as saved:
            states.append(dict(saved))
    for state in states[1:]:
        for name, value in states[0].items():
            np.testing.assert_array_equal(state[name], value)
