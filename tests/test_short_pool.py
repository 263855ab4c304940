"""Short signals side by side in lanes, against numpy.convolve with NumPy's statistics, and against the plain loops."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterbank.kernels import convolve_direct, direct_pool, short_pool
from filterbank.kernels.short_pool import SHORT

DTYPES = [np.float32, np.float64]
WANT = ("mean", "square", "min", "max")  # with positions or thresholds the other kernel works


def signals_of(lengths, dtype, seed=0, offset=0.0):
    rng = np.random.default_rng(seed)
    return [(rng.normal(size=n) + offset).astype(dtype) for n in lengths]


def in_signals_precision(x, kernel, lo, hi):
    """The kept responses of one kernel, summed in the fixed order and the signal's precision."""
    at = np.flatnonzero(kernel) if kernel.any() else np.zeros(1, dtype=int)
    coordinates = (len(kernel) - 1 - at)[:, np.newaxis]
    y = convolve_direct(x, np.array([0, len(at)]), coordinates, kernel[at], extent=[len(kernel)], hop=[1])[0]
    return y[lo : len(y) - hi]


def assert_pooled(state, signals, kernels, lo, hi, modulus=False):
    step = 2 if modulus else 1
    for s, x in enumerate(signals):
        for r in range(len(kernels) // step):
            own = [in_signals_precision(x, kernels[k], lo[k], hi[k]) for k in range(r * step, (r + 1) * step)]
            y = np.sqrt(own[0] * own[0] + own[1] * own[1]) if modulus else own[0]
            assert (state["min"][s, r], state["max"][s, r]) == (y.min(), y.max())  # bit for bit
            y, eps = y.astype(np.float64), np.finfo(x.dtype).eps
            size = np.abs(y).max() + np.finfo(np.float64).tiny
            assert state["count"][s, r] == len(y)
            assert abs(state["mean"][s, r] - y.mean()) <= 30 * eps * size
            assert abs(np.sqrt(state["square"][s, r] / len(y)) - y.std()) <= 30 * eps * size


@given(
    lengths=st.lists(st.integers(12, SHORT), min_size=1, max_size=40),
    sizes=st.lists(st.integers(1, 8), min_size=1, max_size=4),
    ends=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    dtype=st.sampled_from(DTYPES),
    modulus=st.booleans(),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_any_short_signals_and_kernels(lengths, sizes, ends, dtype, modulus, seed):
    rng = np.random.default_rng(seed)
    sizes = np.repeat(sizes, 2) if modulus else sizes
    kernels = [rng.normal(size=n) * (rng.random(n) < 0.7) for n in sizes]
    lo, hi = [ends[0]] * len(kernels), [ends[1]] * len(kernels)
    signals = signals_of(lengths, dtype, seed)
    state = direct_pool(signals, kernels, lo=lo, hi=hi, modulus=modulus, want=WANT)
    assert_pooled(state, signals, kernels, lo, hi, modulus)


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_bit_depends_on_company_order_or_threads(dtype):
    rng = np.random.default_rng(1)
    signals = signals_of(rng.integers(16, 2 * SHORT, 90), dtype)  # some of them too long for this way
    kernels = [rng.normal(size=n) for n in (1, 4, 9, 16)]
    options = {"lo": [0, 1, 2, 0], "hi": [0, 3, 0, 0], "want": WANT}
    once = direct_pool(signals, kernels, **options)
    assert_pooled(once, signals, kernels, options["lo"], options["hi"])
    order = rng.permutation(len(signals))
    others = {
        "alone": [direct_pool([x], kernels, **options) for x in signals],
        "shuffled": [direct_pool([signals[i] for i in order], kernels, **options)],
        "three threads": [direct_pool(signals, kernels, n_threads=3, **options)],
    }
    for how, states in others.items():
        for name, value in once.items():
            found = np.concatenate([state[name] for state in states])
            expected = value[order] if how == "shuffled" else value
            np.testing.assert_array_equal(found, expected, strict=True, err_msg=f"{name}, {how}")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("modulus", [False, True])
def test_plain_loops_give_the_same_bits(dtype, modulus, monkeypatch):
    rng = np.random.default_rng(2)
    signals = signals_of(rng.integers(10, SHORT + 1, 37), dtype)
    kernels = [rng.normal(size=7) for _ in range(4)]
    options = {"lo": [0] * 4, "hi": [1] * 4, "modulus": modulus, "want": WANT}
    expected = direct_pool(signals, kernels, **options)
    module = sys.modules["filterbank.kernels.direct_pool"]
    seen = []

    def plainly(*arguments):
        seen.append(len(arguments[4]))
        short_pool.pool_short(*arguments, plain=True)

    monkeypatch.setattr(module, "pool_short", plainly)
    for name, value in direct_pool(signals, kernels, **options).items():
        np.testing.assert_array_equal(value, expected[name], strict=True)
    assert sum(seen) == len(signals)


@pytest.mark.parametrize("want", [("mean",), ("square",), ("min",), ("max",), ("mean", "max"), ()])
def test_only_what_is_wanted_comes(want):
    signals = signals_of([20, 30], np.float64)
    full = direct_pool(signals, [np.ones(3)], lo=[0], hi=[0], want=WANT)
    some = direct_pool(signals, [np.ones(3)], lo=[0], hi=[0], want=want)
    assert set(some) == {"count", *want}
    for name in want:
        np.testing.assert_array_equal(some[name], full[name])


@pytest.mark.parametrize("offset", [1e3, 1e4])
def test_float32_keeps_the_standard_deviation_beside_a_large_mean(offset):
    signals = signals_of([SHORT, 40], np.float32, offset=offset)
    kernels = [np.hanning(7)[1:-1], np.ones(1), np.array([1.0, -1])]
    state = direct_pool(signals, kernels, lo=[0] * 3, hi=[0] * 3, want=WANT)
    for s, x in enumerate(signals):
        for r, kernel in enumerate(kernels):
            y = np.convolve(x.astype(np.float64), kernel, "valid")
            assert np.sqrt(state["square"][s, r] / len(y)) == pytest.approx(y.std(), rel=1e-3)
            assert state["mean"][s, r] == pytest.approx(y.mean(), rel=1e-6, abs=1e-4)
    flat = direct_pool(np.full((3, 50), 0.1, np.float32), [np.ones(3)], lo=[1], hi=[0], want=WANT)
    assert not flat["square"].any()


def test_signals_that_hold_nan_or_overflow_leave_their_neighbours_alone():
    signals = signals_of([30] * 9, np.float64)
    expected = direct_pool(signals, [np.ones(5)], lo=[0], hi=[0], want=(*WANT, "finite"))
    assert expected["finite"]
    signals[4] = signals[4].copy()
    signals[4][7] = np.nan
    found = direct_pool(signals, [np.ones(5)], lo=[0], hi=[0], want=(*WANT, "finite"))
    assert not found["finite"]
    for name in WANT:
        np.testing.assert_array_equal(np.delete(found[name], 4, axis=0), np.delete(expected[name], 4, axis=0))


@pytest.mark.slow
def test_a_processor_with_shorter_vectors_gives_the_same_bits(tmp_path):
    script = (
        "import numpy as np, sys\n"
        "from filterbank.kernels import direct_pool\n"
        "rng = np.random.default_rng(0)\n"
        "X = [rng.normal(size=n).astype(np.float32) for n in (24, 36, 50, 64)]\n"
        "np.savez(sys.argv[1], **direct_pool(X, [rng.normal(size=9)] * 2, lo=[0] * 2, hi=[0] * 2, modulus=True))\n"
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
