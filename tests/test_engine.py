"""The engine: fused kernels against the plain composition, batches, threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterbank import (
    FilterBank,
    GaborBank,
    GaussianBank,
    InputError,
    MelBank,
    Moments,
    Proportion,
    Representation,
    Signals,
    WindowedBank,
    engine,
    fold,
    fusion,
)
from filterbank.pools.moments import STATISTICS

BANKS = {
    "unpadded, unequal": FilterBank([np.array([1.0, -2, 0.5]), np.arange(8.0) - 3, np.array([0.0, 1])]),
    "padded, unequal": FilterBank([np.array([1.0, -2, 0.5]), np.arange(8.0) - 3], pad="reflect"),
    "modulus": GaborBank(n_frequencies=3, truncate=1.5),
    "modulus, unpadded": GaborBank(n_frequencies=2, truncate=1.0, pad=None),
    "gaussian": GaussianBank(sigmas=[1.0, 2.0], orders=[0, 1], truncate=2.0, pad="zero"),
}
POOLS = [Moments(STATISTICS), Moments(["std"]), Moments(["max_position"]), Proportion((0.0, 1.0)), Proportion((0.5,))]


def plainly(monkeypatch, bank, pool, signals, **options):
    with monkeypatch.context() as patched:
        patched.setattr(engine, "fuse", lambda bank, pool, method: None)
        return fold(bank, pool, signals, **options)


@pytest.mark.parametrize("pool", POOLS, ids=repr)
@pytest.mark.parametrize("name", BANKS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("block_size", [None, 7])
def test_fused_kernels_equal_the_plain_composition(monkeypatch, name, pool, dtype, channels, block_size):
    rng = np.random.default_rng(5)
    arrays = [rng.normal(size=(channels, n)).astype(dtype).round(1) for n in (20, 21, 40, 300, 20)]
    signals = Signals.wrap(arrays, n_axes=1)
    bank = BANKS[name].prepare(signals.info, rng)
    pool = pool.fit(np.empty((0, len(bank.response_table()))), rng)
    plain = plainly(monkeypatch, bank, pool, signals, block_size=block_size)
    fused = fold(bank, pool, signals, block_size=block_size)
    assert fused.dtype == plain.dtype == dtype
    exact = [
        row["statistic"].startswith(("max_position", "share", "positive"))
        for row in pool.feature_table(bank.response_table(), 1)
    ]
    np.testing.assert_array_equal(fused[:, exact], plain[:, exact])
    tolerance = 1e-12 if dtype == np.float64 else 2e-6
    np.testing.assert_allclose(fused, plain, rtol=tolerance, atol=20 * tolerance)


@given(seed=st.integers(0, 10**6), n=st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_batches_dtypes_and_threads_do_not_show(seed, n):
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=k).astype(rng.choice([np.float32, np.float64])) for k in rng.integers(10, 90, n)]
    signals = Signals.wrap(arrays)
    bank = BANKS["unpadded, unequal"].prepare(signals.info, rng)
    one_by_one = np.concatenate([fold(bank, Moments(STATISTICS), signals[[i]]) for i in range(n)])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(engine, "CHUNK_SAMPLES", 200)
        patched.setattr(engine, "BATCH_SAMPLES", 100)
        for n_jobs in (1, 2):
            np.testing.assert_array_equal(fold(bank, Moments(STATISTICS), signals, n_jobs=n_jobs), one_by_one)


@pytest.mark.parametrize("name", BANKS)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("held", ["list", "array"])
def test_many_signals_at_once_are_as_each_by_itself(name, channels, held):
    rng = np.random.default_rng(8)
    lengths = rng.integers(20, 60, 9) if held == "list" else [40] * 9
    arrays = [rng.normal(size=(channels, n) if channels > 1 else n) for n in lengths]
    signals = Signals.wrap(arrays if held == "list" else np.stack(arrays), n_axes=1)
    bank, pool = BANKS[name].prepare(signals.info, rng), Moments(STATISTICS)
    expected = np.concatenate([fold(bank, pool, signals[[i]], block_size=10**6) for i in range(9)])
    np.testing.assert_array_equal(fold(bank, pool, signals), expected)
    arrays[4][..., 7] = np.nan
    signals = Signals.wrap(arrays if held == "list" else np.stack(arrays), n_axes=1)
    with pytest.raises(InputError, match=r"signal 4 contains NaN \(channel 0, sample 7"):
        fold(bank, pool, signals)
    with pytest.raises(InputError, match=f"signal 0 has {channels + 1} channels"):
        fold(bank, pool, Signals.wrap(rng.normal(size=(3, channels + 1, 50)), n_axes=1))
    with pytest.raises(InputError, match=r"signal 1 has 0|signal 1 has 1 samples|signal 1 is empty"):
        fold(bank, pool, Signals([arrays[0], arrays[1][..., :0]], n_axes=1))


@pytest.mark.parametrize("held", ["array", "list", "ragged"])
@pytest.mark.parametrize("method", ["direct", "fft"])
def test_threads_share_chunks_and_change_no_bit(monkeypatch, held, method):
    monkeypatch.setattr(engine, "CHUNK_SAMPLES", 1 << 14)
    rng = np.random.default_rng(9)
    X = rng.normal(size=(120, 600)).astype(np.float32)
    given = {"array": X, "list": list(X), "ragged": [x[: 600 - i] for i, x in enumerate(X)]}[held]
    bank = FilterBank([rng.normal(size=n) for n in (9, 33, 80)], pad="reflect")
    whole = Representation(bank, Moments(STATISTICS), method=method, block_size=10**6).fit_transform(given)
    for n_jobs in (1, 2, 3):
        found = Representation(bank, Moments(STATISTICS), method=method, n_jobs=n_jobs).fit_transform(given)
        if n_jobs == 1:
            one = found
            np.testing.assert_allclose(found, whole, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(found, one)


def test_long_signals_are_cut_without_being_asked(monkeypatch):
    rng = np.random.default_rng(0)
    signals = Signals.wrap([rng.normal(size=5000), rng.normal(size=100)])
    bank = BANKS["unpadded, unequal"].prepare(signals.info, rng)
    whole = fold(bank, Moments(STATISTICS), signals)
    monkeypatch.setattr(engine, "BLOCK", 1000)
    cut = fold(bank, Moments(STATISTICS), signals)
    np.testing.assert_allclose(cut, whole, rtol=1e-12)
    for k in (4, 5):  # positions of maxima, shares of positives
        np.testing.assert_array_equal(cut[:, k::6], whole[:, k::6])


IMAGE_BANKS = {
    "gabor": GaborBank(2, n_frequencies=2, orientations=4, truncate=1.5),
    "gabor, unpadded": GaborBank(2, n_frequencies=2, orientations=3, truncate=1.0, pad=None, readout="real"),
    "gaussian": GaussianBank(2, sigmas=[1.0, 1.5], orders=[0, 1, 2], truncate=2.0, pad="wrap"),
}


@pytest.mark.parametrize("name", IMAGE_BANKS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("block_size", [None, 6, (5, 9)])
def test_separable_passes_equal_the_plain_composition(monkeypatch, name, dtype, channels, block_size):
    rng = np.random.default_rng(6)
    arrays = [rng.normal(size=(channels, *size)).astype(dtype) for size in ((17, 23), (20, 15), (41, 30))]
    arrays[1] += 100
    signals = Signals.wrap(arrays, n_axes=2)
    bank = IMAGE_BANKS[name].prepare(signals.info, rng)
    pool = Moments(["mean", "std", "min", "max"])
    assert [row["method"] for row in engine.explain_plan(bank, pool, signals)] == ["separable"]
    plain = fold(bank, pool, signals, block_size=block_size, method="plain")
    fused = fold(bank, pool, signals, block_size=block_size)
    tolerance = 1e-11 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(fused, plain, rtol=tolerance, atol=100 * tolerance)
    np.testing.assert_array_equal(fold(bank, pool, signals, block_size=block_size, n_jobs=2), fused)


def test_the_plan_says_what_and_why():
    rng = np.random.default_rng(0)
    signals = Signals.wrap([rng.normal(size=n) for n in (300, 40_000, 300)])
    bank = GaborBank(n_frequencies=6).prepare(signals.info, rng)
    plan = {row["method"]: row for row in engine.explain_plan(bank, Moments(), signals)}
    assert plan["fft"]["signals"] >= 1
    assert "Fourier" in plan["fft"]["why"]
    (exact,) = engine.explain_plan(bank, Moments(["max_position"]), signals)
    assert (exact["method"], exact["signals"]) == ("direct", 3)
    assert "fixed order" in exact["why"]
    (asked,) = engine.explain_plan(bank, Moments(), signals, method="plain")
    assert asked["why"].startswith("it was asked for: the bank answers ")
    volumes = Signals.wrap(np.zeros((1, 9, 9, 9)), n_axes=3)
    (passes,) = engine.explain_plan(GaussianBank(3, sigmas=[1.0]).prepare(volumes.info, rng), Moments(), volumes)
    assert passes["method"] == "separable"
    assert "sums of few products of one kernel an axis: for each position about 7 ns in passes" in passes["why"]
    random = FilterBank(rng.normal(size=(2, 21, 21, 21)), pad="reflect").prepare(volumes.info, rng)
    (plain,) = engine.explain_plan(random, Moments(), volumes)
    assert plain["method"] == "plain"
    assert plain["why"].startswith("the kernels' ranks are too high for separable passes: the bank answers ")
    boxes = FilterBank([np.ones((3, 3, 3))]).prepare(volumes.info, rng)
    assert engine.explain_plan(boxes, Moments(["mean"]), volumes)[0]["method"] == "separable"
    (exact,) = engine.explain_plan(boxes, Moments(["max_position"]), volumes)
    assert exact["method"] == "plain"
    assert "the pool is exact, and so are sums with these kernels" in exact["why"]
    noise = Signals.wrap(np.zeros((1, 20, 20)), n_axes=2)
    random = FilterBank(rng.normal(size=(4, 15, 15))).prepare(noise.info, rng)
    assert "ranks" in engine.explain_plan(random, Moments(), noise)[0]["why"]


def test_the_plan_names_the_kernels_of_banks_that_have_their_own():
    rng = np.random.default_rng(0)
    signals = Signals.wrap([rng.normal(size=n) for n in (900, 70_000)], rate=8000)
    inner = GaborBank(n_frequencies=3, pad=None)
    windows = WindowedBank(inner, Moments(["mean", "max"]), window=200, hop=100).prepare(signals.info, rng)
    plan = {row["method"]: row for row in engine.explain_plan(windows, Moments(), signals)}
    assert plan["windows"]["signals"] == plan["plain"]["signals"] == 1
    assert "as they come" in plan["windows"]["why"]
    assert "16 MiB at a time" in plan["plain"]["why"]
    (exact,) = engine.explain_plan(windows, Moments(["max_position"]), signals)
    assert "WindowedBank is no linear bank" in exact["why"]
    assert "fixed order" in exact["why"]
    mel = MelBank(n_mels=4, n_fft=64, hop=32).prepare(signals.info, rng)
    (frames,) = engine.explain_plan(mel, Moments(), signals)
    assert (frames["method"], frames["signals"]) == ("frames", 2)
    assert "MelBank is no linear bank: frames lie side by side" in frames["why"]


@pytest.mark.parametrize("method", ["direct", "fft", "plain"])
def test_methods_can_be_forced_and_agree(method):
    rng = np.random.default_rng(1)
    signals = Signals.wrap([rng.normal(size=n) for n in (200, 3000, 90)])
    bank = GaborBank(n_frequencies=4).prepare(signals.info, rng)
    expected = fold(bank, Moments(STATISTICS[:4]), signals)
    forced = fold(bank, Moments(STATISTICS[:4]), signals, method=method)
    np.testing.assert_allclose(forced, expected, atol=1e-12)
    np.testing.assert_array_equal(fold(bank, Moments(STATISTICS[:4]), signals, method=method, n_jobs=2), forced)


def test_a_method_that_is_not_to_be_had_is_refused():
    rng = np.random.default_rng(1)
    signals = Signals.wrap([rng.normal(size=50)])
    bank = GaborBank(n_frequencies=2).prepare(signals.info, rng)
    with pytest.raises(InputError, match="method='separable' is not to be had here: one axis"):
        fold(bank, Moments(), signals, method="separable")
    with pytest.raises(InputError, match="method='quick' is not one of auto"):
        fold(bank, Moments(), signals, method="quick")


@pytest.mark.parametrize("n_signals", [1, 5])
def test_threads_share_signals_or_blocks_of_the_plain_composition(n_signals):
    rng = np.random.default_rng(4)
    signals = Signals.wrap(rng.normal(size=(n_signals, 1, 9, 10, 11)), n_axes=3)
    bank = GaussianBank(3, sigmas=[1.0], orders=[0, 1], truncate=2.0).prepare(signals.info, rng)
    pool = Moments(STATISTICS)
    one = fold(bank, pool, signals, block_size=4)
    np.testing.assert_array_equal(fold(bank, pool, signals, block_size=4, n_jobs=2), one)
    np.testing.assert_array_equal(fold(bank, pool, signals, block_size=4, n_jobs=3), one)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_whose_sum_overflows_are_no_mistake(dtype):
    huge = np.finfo(dtype).max / 8
    signals = Signals.wrap([np.full(40, huge, dtype=dtype), np.ones(40, dtype=dtype)])
    bank = FilterBank([np.array([1.0])]).prepare(signals.info, np.random.default_rng(0))
    np.testing.assert_allclose(fold(bank, Moments(["max"]), signals)[:, 0], [huge, 1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("pad", [None, "reflect"])
def test_the_plan_is_what_is_done(monkeypatch, dtype, pad):
    """Around the length where the choice turns, which is another for each precision and with padding."""
    rng = np.random.default_rng(2)
    done = []
    for name in ("direct_pool", "fft_pool"):
        kernel = getattr(fusion, name)
        monkeypatch.setattr(fusion, name, lambda *a, _k=kernel, _n=name, **o: (done.append(_n), _k(*a, **o))[1])
    bank = FilterBank([rng.normal(size=48) for _ in range(16)], pad=pad)
    planned = []
    for n in range(60, 1400, 30):
        signals = Signals.wrap([rng.normal(size=n).astype(dtype)])
        prepared = bank.prepare(signals.info, rng)
        (row,) = engine.explain_plan(prepared, Moments(), signals)
        planned.append(row["method"] + "_pool")
        fold(prepared, Moments(), signals)
    assert planned == done
    assert set(planned) == {"direct_pool", "fft_pool"}


def test_chunks_wait_for_what_was_made_of_earlier_ones_to_be_taken():
    begun = []

    def one(i):
        begun.append(i)
        return i

    with ThreadPoolExecutor(3) as threads:
        for taken, found in enumerate(engine._in_turn(threads, one, range(100), 4)):
            assert found == taken
            assert len(begun) <= taken + 1 + 4
    assert sorted(begun) == list(range(100))


@pytest.mark.parametrize("name", ["unpadded, unequal", "padded, unequal", "modulus", "modulus, unpadded"])
@pytest.mark.parametrize("joint", [False, True])
def test_responses_of_short_signals_are_sampled_together_as_one_by_one(name, joint, monkeypatch):
    rng = np.random.default_rng(3)
    lengths = [*rng.integers(30, 60, 12), 3000, 33, 40]  # one in between that is by itself
    loud = [1.0, 1e12, *np.ones(13)]
    arrays = [(a * rng.normal(size=(2, n))).astype(np.float32 if i % 5 == 4 else float) for i, (n, a) in
              enumerate(zip(lengths, loud))]  # fmt: skip
    signals = Signals(arrays, n_axes=1)
    bank = BANKS[name].prepare(signals.info, rng)
    pool = Proportion(quantiles=[0.5])
    pool.joint = joint
    monkeypatch.setattr(engine, "TOGETHER", 500)
    found = engine.sample_responses(bank, pool, signals, max_samples=150, rng=np.random.default_rng(5))
    monkeypatch.setattr(engine, "SHORT", 0)
    expected = engine.sample_responses(bank, pool, signals, max_samples=150, rng=np.random.default_rng(5))
    np.testing.assert_array_equal(found, expected, strict=True)
