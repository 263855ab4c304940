"""The fused transform against numpy.convolve and NumPy's statistics, for all lengths, both dtypes, any threads."""

import importlib
import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from filterbank import InputError
from filterbank.kernels import direct_pool
from filterbank.kernels.fft_pool import POOLED, fft_pool, fft_window_pool

module = importlib.import_module("filterbank.kernels.fft_pool")  # the package has a function of that name

TOLERANCES = {  # of mean, std and extrema, relative to the greatest modulus of a response
    np.float32: {"mean": 1e-6, "std": 5e-6, "min": 2e-6, "max": 2e-6},
    np.float64: {"mean": 1e-12, "std": 1e-12, "min": 1e-12, "max": 1e-12},
}
DTYPES = [np.float32, np.float64]


def responses(x, kernels, lo, hi, modulus):
    """The kept part of each response, in double precision."""
    parts = []
    for k, low, high in zip(kernels, lo, hi):
        y = np.convolve(x.astype(np.float64), k, "valid") if len(x) >= len(k) else np.zeros(0)
        parts.append(y[low : max(len(y) - high, 0)])
    return [np.hypot(a, b) for a, b in zip(parts[::2], parts[1::2])] if modulus else parts


def agree(signals, kernels, *, lo=None, hi=None, modulus=False, thresholds=None, plain=False, n_threads=1):
    """Assert that all pools of all responses are those of the plain way."""
    lo = [0] * len(kernels) if lo is None else lo
    hi = [0] * len(kernels) if hi is None else hi
    got = fft_pool(
        signals, kernels, lo=lo, hi=hi, modulus=modulus, want=POOLED, thresholds=thresholds, plain=plain,
        n_threads=n_threads,
    )  # fmt: skip
    tolerance = TOLERANCES[signals[0].dtype.type]
    for i, x in enumerate(signals):
        for r, y in enumerate(responses(x, kernels, lo, hi, modulus)):
            at = f"signal {i} of {len(x)}, response {r}"
            state = {name: values[i, r] for name, values in got.items()}
            assert state["count"] == len(y), at
            if not len(y):
                assert [state[name] for name in POOLED] == [0, 0, np.inf, -np.inf, 0], at
                continue
            scale = max(np.abs(y).max(), np.finfo(float).tiny)
            if len(y) < 4:  # near 0 by chance, perhaps: then what responses of this kernel commonly are
                own = kernels[2 * r if modulus else r]
                scale = max(scale, np.sqrt((x.astype(np.float64) ** 2).mean() * (own**2).sum()))
            std = np.sqrt(state["square"] / len(y))
            assert abs(state["mean"] - y.mean()) <= tolerance["mean"] * scale, at
            assert abs(std - y.std()) <= tolerance["std"] * scale, at
            assert abs(state["min"] - y.min()) <= tolerance["min"] * scale, at
            assert abs(state["max"] - y.max()) <= tolerance["max"] * scale, at
            assert y[state["position"]] >= y.max() - 2 * tolerance["max"] * scale, at
            if thresholds is not None:
                for level, count in zip(thresholds[r], state["above"]):
                    near = np.abs(y - level) <= tolerance["max"] * scale
                    assert abs(count - (y > level).sum()) <= near.sum(), at


def noise(rng, n, dtype):
    return rng.normal(size=n).astype(dtype)


def bank(rng, lengths):
    return [rng.normal(size=n) / np.sqrt(n) for n in lengths]


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_length_from_one_sample_on(dtype, plain):
    rng = np.random.default_rng(0)
    signals = [noise(rng, n, dtype) for n in [*range(1, 70), 127, 128, 129, 255, 256, 257, 400]]
    agree(signals, bank(rng, (1, 2, 9, 16, 33)), thresholds=rng.normal(size=(5, 3)), plain=plain)


@pytest.mark.parametrize("dtype", DTYPES)
def test_positions_left_out_at_the_ends_of_ragged_signals(dtype):
    rng = np.random.default_rng(1)
    signals = [noise(rng, n, dtype) for n in (30_000, 50, 7000, 1, 999, 46, 45)]
    agree(signals, bank(rng, (9, 2, 40, 17)), lo=[3, 0, 5, 400], hi=[0, 11, 1, 26_000])


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_modulus_of_pairs(dtype, plain):
    rng = np.random.default_rng(2)
    kernels = bank(rng, (9, 9, 50, 50, 700, 700))
    signals = [noise(rng, n, dtype) + 3 for n in (9000, 1000, 70, 700, 701, 8)]
    thresholds = np.full((3, 2), [0.5, 3.0])
    agree(
        signals, kernels, lo=[1, 1, 0, 0, 2, 2], hi=[0, 0, 4, 4, 0, 0], modulus=True, thresholds=thresholds, plain=plain
    )


@pytest.mark.parametrize("size", [16, 32, 64, 128, 256, 512, 1024, 2048, 4096])
def test_each_size_of_transform(size, monkeypatch):
    monkeypatch.setattr(module, "SMALLEST", size)
    monkeypatch.setattr(module, "LARGEST", size)
    rng = np.random.default_rng(3)
    for dtype in DTYPES:
        agree([noise(rng, n, dtype) for n in (5 * size + 3, size, size + 1, 20)], bank(rng, (1, 7, 16)))


@pytest.mark.parametrize("size", [256, 512, 1024, 8192])
def test_a_transform_split_into_sixteen_is_the_whole_one(size, monkeypatch):
    monkeypatch.setattr(module, "SMALLEST", size)
    monkeypatch.setattr(module, "LARGEST", size)
    rng = np.random.default_rng(3)
    for dtype in DTYPES:
        signals = [noise(rng, n, dtype) for n in (3 * size + 3, size, 200, 50, 49)]
        kernels = bank(rng, (1, 7, 16, 50))
        given = {"lo": [0, 1, 2, 0], "hi": [3, 0, 0, 0], "want": POOLED, "thresholds": rng.normal(size=(4, 3))}
        monkeypatch.setattr(module, "SPLIT_FROM", 1 << 40)
        whole = fft_pool(signals, kernels, **given)
        monkeypatch.setattr(module, "SPLIT_FROM", 1)
        split = fft_pool(signals, kernels, **given)
        for name in set(whole) - {"position", "above"}:
            np.testing.assert_allclose(split[name], whole[name], rtol=1e-5 if dtype == np.float32 else 1e-12, atol=2e-6)
        assert (split["position"] == whole["position"]).mean() > 0.95
        assert np.abs(split["above"] - whole["above"]).max() <= 1
        agree(signals, kernels, lo=given["lo"], hi=given["hi"], thresholds=given["thresholds"])
        x = signals[0]
        for window, hop in ((9, 5), (300, 111)):
            expected = windows_of(x, kernels, window, hop, given["lo"], given["hi"], False)
            got = fft_window_pool(
                x, kernels, window=window, hop=hop, lo=given["lo"], hi=given["hi"], want=["mean", "max"]
            )
            for name in got:
                np.testing.assert_allclose(got[name], expected[name], atol=5e-6 if dtype == np.float32 else 1e-12)


def test_kernels_longer_than_half_of_any_usual_transform():
    rng = np.random.default_rng(4)
    agree([noise(rng, 9000, np.float32), noise(rng, 5001, np.float32)], bank(rng, (5000, 3, 5001)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("offset", [1e3, 1e4, -1e4])
def test_an_offset_of_the_signal_costs_the_variance_no_digits(offset, dtype):
    rng = np.random.default_rng(5)
    kernels = bank(rng, (5, 60, 301, 301))
    signals = [(offset + rng.normal(size=n)).astype(dtype) for n in (1000, 40_000)]
    for modulus in (False, True):
        given = kernels[2:] if modulus else kernels
        got = fft_pool(signals, given, lo=[0] * len(given), hi=[0] * len(given), modulus=modulus)
        for i, x in enumerate(signals):
            for r, y in enumerate(responses(x, given, [0] * 4, [0] * 4, modulus)):
                std = np.sqrt(got["square"][i, r] / got["count"][i, r])
                assert std == pytest.approx(y.std(), rel=1e-3 if dtype == np.float32 else 1e-9)
                assert got["mean"][i, r] == pytest.approx(y.mean(), rel=1e-6)


def test_a_drift_that_dwarfs_the_spread_within_a_segment():
    rng = np.random.default_rng(6)
    x = (np.cumsum(np.ones(50_000)) * 0.01 + rng.normal(size=50_000)).astype(np.float32)
    (y,) = responses(x, [np.ones(4) / 4], [0], [0], False)
    got = fft_pool([x], [np.ones(4) / 4], lo=[0], hi=[0])
    assert np.sqrt(got["square"][0, 0] / len(y)) == pytest.approx(y.std(), rel=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e12, 1e30])
def test_extreme_scales_neither_vanish_nor_overflow(scale):
    rng = np.random.default_rng(7)
    kernels = bank(rng, (4, 30))
    x = rng.normal(size=(3, 200)).astype(np.float32)
    plain = fft_pool(x, kernels, lo=[0, 0], hi=[0, 0])
    scaled = fft_pool(x, [k * scale for k in kernels], lo=[0, 0], hi=[0, 0])
    loud = fft_pool((x * np.float32(scale)), kernels, lo=[0, 0], hi=[0, 0])
    for name, power in (("mean", 1), ("max", 1), ("square", 2)):
        np.testing.assert_allclose(scaled[name] / scale**power, plain[name], rtol=1e-5)
        np.testing.assert_allclose(
            loud[name] / np.float64(np.float32(scale)) ** power, plain[name], rtol=1e-3, atol=1e-5
        )


def test_kernels_of_unlike_scale_don_t_spoil_one_another():
    rng = np.random.default_rng(8)
    kernels = [rng.normal(size=20) * 1e-6, rng.normal(size=20) * 1e6, np.zeros(20)]
    agree([noise(rng, 300, np.float32)], kernels)


def test_constant_signals_have_no_spread():
    got = fft_pool(np.full((3, 90), 0.1, np.float32), [np.ones(5)], lo=[0], hi=[0])
    np.testing.assert_allclose(got["mean"], np.float32(0.1) * 5.0, rtol=1e-6)
    assert (np.sqrt(got["square"]) < 1e-6).all()


def test_of_equal_maxima_the_first():
    x = np.zeros((1, 300))
    x[0, [40, 77, 140, 290]] = 1.0
    got = fft_pool(x, [np.ones(1)], lo=[3], hi=[0], want=["position"])
    y = np.round(got["max"], 12)
    assert y == 1
    assert got["position"][0, 0] in {37, 74, 137, 287}  # rounding may set one above the others
    flat = fft_pool(np.zeros((1, 300)), [np.ones(1)], lo=[0], hi=[0], want=["position"])
    assert flat["position"] == 0
    assert flat["max"] == 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_same_bits_for_any_number_of_threads_and_any_container(dtype):
    rng = np.random.default_rng(9)
    x = rng.normal(size=(300, 260)).astype(dtype)
    kernels = bank(rng, (5, 9, 100))
    lo, hi, thresholds = [0, 1, 2], [0, 0, 1], np.zeros((3, 1))
    long = [noise(rng, 70_000, dtype), noise(rng, 33, dtype), noise(rng, 200_000, dtype)]
    for signals, again in ((x, list(x)), (x, x[::-1].copy()[::-1]), (long, long)):
        one = fft_pool(signals, kernels, lo=lo, hi=hi, want=POOLED, thresholds=thresholds)
        for n_threads in (2, 3):
            other = fft_pool(again, kernels, lo=lo, hi=hi, want=POOLED, thresholds=thresholds, n_threads=n_threads)
            assert list(other) == list(one)
            for name in one:
                np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_only_what_is_wanted_comes_back():
    x = np.ones((2, 20))
    got = fft_pool(x, [np.ones(3)], lo=[0], hi=[0], want=["min"])
    assert sorted(got) == ["count", "min"]
    assert fft_pool(x[:0], [np.ones(3)], lo=[0], hi=[0])["mean"].shape == (0, 1)


def test_memory_beyond_the_result_depends_on_neither_length_nor_count():
    rng = np.random.default_rng(10)
    kernels = bank(rng, [30] * 24)
    peaks = []
    for n in (1 << 16, 1 << 20):
        x = noise(rng, n, np.float32)
        fft_pool([x[:5000]], kernels, lo=[0] * 24, hi=[0] * 24)
        tracemalloc.start()
        fft_pool([x], kernels, lo=[0] * 24, hi=[0] * 24)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(peaks) < 8 << 20


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"signals": np.ones((2, 9), np.int32)}, "int32"),
        ({"signals": [np.ones(9), np.ones(9, np.float32)]}, "float32"),
        ({"signals": [np.ones((2, 9))]}, "2-D"),
        ({"kernels": []}, "kernels=[]"),
        ({"kernels": [np.ones(0)]}, "kernels=[0]"),
        ({"kernels": [np.ones(3)], "modulus": True}, "kernels=[3]"),
        ({"kernels": [np.ones(3), np.ones(4)], "modulus": True, "lo": [0, 0], "hi": [0, 0]}, "[3, 4]"),
        ({"lo": [-1]}, "lo=[-1]"),
        ({"hi": [0, 0]}, "hi=[0, 0]"),
        ({"want": ["median"]}, "median"),
        ({"thresholds": np.zeros((2, 1))}, "(2, 1)"),
    ],
)
def test_bad_input_is_named(change, shown):
    given = {"signals": np.ones((2, 9)), "kernels": [np.ones(3)], "lo": [0], "hi": [0]} | change
    signals, kernels = given.pop("signals"), given.pop("kernels")
    with pytest.raises(InputError) as error:
        fft_pool(signals, kernels, **given)
    assert shown in str(error.value)


@pytest.mark.parametrize("cpu", ["haswell", "generic"])
def test_right_on_processors_without_wide_registers(cpu):
    code = """
import numpy as np
from filterbank.kernels import simd
from filterbank.kernels.fft_pool import fft_pool
assert simd.available(), simd.reason()
x = np.random.default_rng(0).normal(size=(20, 90)).astype(np.float32)
k = np.random.default_rng(1).normal(size=7)
got = fft_pool(x, [k], lo=[0], hi=[0])
y = np.array([np.convolve(row.astype(float), k, "valid") for row in x])
np.testing.assert_allclose(got["mean"][:, 0], y.mean(1), atol=1e-5)
np.testing.assert_allclose(got["max"][:, 0], y.max(1), rtol=1e-5)
np.testing.assert_allclose(got["square"][:, 0], y.var(1) * y.shape[1], rtol=1e-5)
"""
    features = "+avx2,+fma,+avx" if cpu == "haswell" else ""
    env = os.environ | {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": features}
    subprocess.run([sys.executable, "-c", code], check=True, env=env)


def windows_of(x, kernels, window, hop, lo, hi, modulus):
    kept = responses(x, kernels, lo, hi, modulus)
    n = (min(map(len, kept)) - window) // hop + 1
    seen = np.stack([np.lib.stride_tricks.sliding_window_view(y, window)[::hop][:n] for y in kept])
    return {"mean": seen.mean(2), "square": seen.var(2) * window, "min": seen.min(2), "max": seen.max(2)}


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("n", "window", "hop"),
    [
        (5000, 100, 25),  # a multiple
        (5000, 100, 30),  # not one
        (5000, 7, 7),
        (5000, 10, 33),  # gaps
        (9000, 5, 3000),
        (5000, 3000, 1999),  # hops longer than a transform's room
        (60_000, 4100, 1000),
        (4000, 3950, 17),
        (3000, 1, 1),
        (50, 3, 2),
    ],
)
def test_windows_of_any_width_and_hop(n, window, hop, dtype, plain):
    rng = np.random.default_rng(11)
    x = noise(rng, n, dtype)
    kernels = bank(rng, (5, 5, 40, 40, 17, 17))
    lo, hi = [0, 0, 1, 1, 2, 2], [0, 0, 0, 0, 1, 1]
    for modulus in (False, True):
        expected = windows_of(x, kernels, window, hop, lo, hi, modulus)
        got = fft_window_pool(
            x, kernels, window=window, hop=hop, lo=lo, hi=hi, modulus=modulus, want=list(expected), plain=plain
        )
        tolerance = 4 * max(TOLERANCES[dtype].values())
        for name, values in expected.items():
            if name == "square":
                np.testing.assert_allclose(np.sqrt(got[name] / window), np.sqrt(values / window), atol=tolerance)
            else:
                np.testing.assert_allclose(got[name], values, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("dtype", DTYPES)
def test_windows_of_kernels_far_longer_than_they(dtype):
    rng = np.random.default_rng(12)
    x = noise(rng, 70_000, dtype)
    kernels = bank(rng, (12, 700, 9000))
    expected = windows_of(x, kernels, 500, 200, [0] * 3, [0] * 3, False)
    got = fft_window_pool(x, kernels, window=500, hop=200, lo=[0] * 3, hi=[0] * 3, want=list(expected))
    for name in ("mean", "min", "max"):
        np.testing.assert_allclose(got[name], expected[name], atol=5e-6 if dtype == np.float32 else 1e-12)


def test_windows_are_the_same_bits_for_any_number_of_threads():
    rng = np.random.default_rng(13)
    x = noise(rng, 300_000, np.float32)
    kernels = bank(rng, (12, 700, 90))
    for window, hop in ((500, 200), (9000, 5000)):
        given = {"window": window, "hop": hop, "lo": [0] * 3, "hi": [0] * 3, "want": ["mean", "square", "min", "max"]}
        one = fft_window_pool(x, kernels, **given)
        two = fft_window_pool(x, kernels, n_threads=2, **given)
        for name in one:
            np.testing.assert_array_equal(one[name], two[name])


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"window": 0}, "window=0"),
        ({"hop": -1}, "hop=-1"),
        ({"window": 9}, "window=9"),
        ({"want": ["position"]}, "pos"),
    ],
)
def test_bad_windows_are_named(change, shown):
    given = {"window": 2, "hop": 1, "lo": [0], "hi": [0]} | change
    with pytest.raises(InputError, match=shown):
        fft_window_pool(np.ones(10), [np.ones(3)], **given)


@pytest.mark.parametrize("pool", [fft_pool, direct_pool])
def test_what_is_kept_belongs_to_one_place_and_thresholds(pool):
    rng = np.random.default_rng(3)
    X, kernels, kept = rng.normal(size=(20, 200)), [rng.normal(size=n) for n in (5, 5, 30, 31)], {}
    for lo, hi in (([0] * 4, [0] * 4), ([2, 0, 1, 3], [0] * 4), ([0] * 4, [4, 1, 0, 2])):
        for thresholds in (None, np.zeros((4, 1)), np.ones((4, 1))):
            for given in (X, X[:, :150], X.astype(np.float32)):
                options = {"lo": lo, "hi": hi, "want": ("mean", "max"), "thresholds": thresholds}
                fresh = pool(given, kernels, **options)
                for _ in range(2):
                    found = pool(given, kernels, kept=kept, **options)
                    for name in fresh:
                        np.testing.assert_array_equal(found[name], fresh[name])


@pytest.mark.parametrize("pool", [fft_pool, direct_pool])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_not_finite_is_told(pool, dtype):
    X = np.random.default_rng(0).normal(size=(40, 70)).astype(dtype)
    options = {"lo": [0], "hi": [0], "want": ("max", "finite")}
    assert pool(X, [np.ones(3)], **options)["finite"]
    for bad in (np.nan, np.inf, -np.inf):
        for at in ((0, 0), (39, 69), (17, 30)):
            spoilt = X.copy()
            spoilt[at] = bad
            assert not pool(spoilt, [np.ones(3)], **options)["finite"]
            assert not pool(list(spoilt), [np.ones(3)], **options)["finite"]
    huge = np.full((3, 70), np.finfo(dtype).max / 8, dtype)
    state = pool(huge, [np.ones(1)], **options)
    assert not state["finite"]  # it remains to be looked
    np.testing.assert_allclose(state["max"][:, 0], huge[:, 0], rtol=1e-6)
