"""The engine: fused kernels against the plain composition, batches, threads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterbank import FilterBank, GaborBank, GaussianBank, Moments, Proportion, Signals, engine, fold
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
        patched.setattr(engine, "fuse", lambda bank, pool: None)
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
        row["statistic"].startswith(("max_position", "share")) for row in pool.feature_table(bank.response_table(), 1)
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
        patched.setattr(engine, "BATCH", 3)
        patched.setattr(engine, "BATCH_SAMPLES", 100)
        patched.setattr(engine, "SMALL", 0)
        for n_jobs in (1, 2):
            np.testing.assert_array_equal(fold(bank, Moments(STATISTICS), signals, n_jobs=n_jobs), one_by_one)


def test_long_signals_are_cut_without_being_asked(monkeypatch):
    rng = np.random.default_rng(0)
    signals = Signals.wrap([rng.normal(size=5000), rng.normal(size=100)])
    bank = BANKS["unpadded, unequal"].prepare(signals.info, rng)
    whole = fold(bank, Moments(STATISTICS), signals)
    monkeypatch.setattr(engine, "BLOCK", 1000)
    cut = fold(bank, Moments(STATISTICS), signals)
    np.testing.assert_allclose(cut, whole, rtol=1e-12)
    assert np.array_equal(cut[:, 4::5], whole[:, 4::5])  # positions of maxima
