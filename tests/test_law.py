"""The law: folding any partition of a signal into blocks equals folding it whole, for every bank and every pool."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterbank import (
    VLAD,
    AtRate,
    BagOfWords,
    BandBank,
    Chain,
    FilterBank,
    FisherVector,
    GaborBank,
    GammatoneBank,
    GaussianBank,
    HaarSumsBank,
    HogBank,
    JetBank,
    MelBank,
    Moments,
    MultiScaleBank,
    PitchBank,
    Proportion,
    Pyramid,
    RotationPooledBank,
    ScatteringBank,
    SiftBank,
    Signals,
    SpectralShapeBank,
    WindowedBank,
    banks,
    fold,
    pools,
)
from filterbank.banks import DaisyBank
from filterbank.engine import sample_responses
from filterbank.pools.moments import STATISTICS

RNG = np.random.default_rng(7)


def _kernels(n_axes):
    """Kernels of unequal sizes, odd and even, real and complex."""
    shapes = [(4, 3, 2)[:n_axes], (3, 3, 3)[:n_axes], (1, 2, 2)[:n_axes]]
    return [RNG.normal(size=shape) + (1j * RNG.normal(size=shape) if i == 1 else 0) for i, shape in enumerate(shapes)]


def _ninths(rate):
    """A bank for the signals' rate, 100 samples a second."""
    return FilterBank([np.ones(round(rate / 33)), np.array([1.0, -1.0])])


BANKS = {
    "filters, valid": lambda d: FilterBank(_kernels(d)),
    "filters, padded": lambda d: FilterBank(_kernels(d), pad="symmetric", readout="modulus"),
    "gaussian": lambda d: GaussianBank(d, sigmas=[0.7], orders=[0, 1, 2], truncate=2.0, pad="reflect"),
    "gabor": lambda d: GaborBank(d, n_frequencies=1, orientations=2, elevations=2, truncate=1.5, pad="wrap"),
    "gabor, imaginary": lambda d: GaborBank(
        d, n_frequencies=1, orientations=2, elevations=2, truncate=1.0, readout="imaginary", pad=None
    ),
    "mel": lambda d: MelBank(n_mels=3, n_fft=32, hop=3, floor=1e-3),
    "bands": lambda d: BandBank([0, 11, 50], n_fft=8, hop=3),
    "bands, valid": lambda d: BandBank([[5, 20]], n_fft=7, hop=2, log="natural", floor=1e-3, pad=None),
    "shapes": lambda d: SpectralShapeBank(n_fft=6, hop=2, pad="zero"),
    "shapes, valid": lambda d: SpectralShapeBank(["flux", "flatness"], n_fft=5, hop=1, pad=None),
    "pitch": lambda d: PitchBank(low=9, high=25, hop=3),
    "gammatone": lambda d: GammatoneBank(2, low=5, high=30, truncate=0.5),
    "channels in a chain": lambda d: Chain(
        FilterBank(_kernels(d), pad="edge"), GaussianBank(d, sigmas=[0.6], pad=None)
    ),
    "at rate": lambda d: AtRate(_ninths),
    "pictures in a chain": lambda d: Chain(
        MelBank(n_mels=3, n_fft=7, hop=2, floor=1e-3, pad="zero"), FilterBank([*_kernels(2)], pad="reflect")
    ),
    "mfcc, valid": lambda d: MelBank(n_mels=2, n_mfcc=2, n_fft=7, hop=2, log="natural", floor=1e-3, pad=None),
    "sift": lambda d: SiftBank(d, bin_size=2, cells=(4, 2, 1)[d - 1], hop=(3, 1, 2)[:d], sigma=0.5),
    "rootsift, gaussian": lambda d: SiftBank(d, bin_size=3, cells=1, hop=2, normalise="root", window="gaussian"),
    "hog": lambda d: HogBank(d, cell_size=2, cells=(3, 2, 1)[d - 1], hop=1, pad="symmetric"),
    "hog, hard": lambda d: HogBank(d, cell_size=2, cells=1, signed=True, soft=False, normalise=None, pad=None),
    "haar sums": lambda d: HaarSumsBank(d, scale=1, cells=1, hop=(3, 1, 2)[:d]),
    "haar sums, valid": lambda d: HaarSumsBank(d, scale=1, cells=1, hop=2, normalise=None, pad=None),
    "daisy": lambda d: (
        DaisyBank(radius=2, rings=1, histograms=3, orientations=3, hop=(3, 1)) if d == 2 else SiftBank(d, cells=1)
    ),
    "jets": lambda d: JetBank(GaussianBank(d, sigmas=[0.7], orders=[1], truncate=2.0), hop=(3, 1, 2)[:d]),
    "jets of unit length, valid": lambda d: JetBank(FilterBank(_kernels(d)), hop=2, normalise="l2"),
    "pooled over orientations": lambda d: RotationPooledBank(
        GaborBank(d, n_frequencies=1, orientations=2, elevations=2, truncate=1.5) if d > 1 else SiftBank(1, cells=1)
    ),
    "moduli over orientations": lambda d: RotationPooledBank(
        HogBank(d, cell_size=2, cells=1, orientations=None if d < 3 else 3), statistic="mean" if d == 3 else "fourier"
    ),
    "scattering": lambda d: (
        ScatteringBank(d, J=2, L=2, Q=1, truncate=1.5) if d < 3 else GaussianBank(3, sigmas=[0.6], orders=[1])
    ),
    "windows": lambda d: WindowedBank(FilterBank(_kernels(d)), Moments(STATISTICS[:4]), window=(4, 3, 1)[:d], hop=2),
    "windows, exact and padded": lambda d: WindowedBank(
        FilterBank(_kernels(d), pad="reflect", readout="modulus"), Moments(STATISTICS), window=2, hop=(3, 1, 2)[:d]
    ),
    "windows of windows": lambda d: WindowedBank(
        WindowedBank(FilterBank(_kernels(d)[1:]), Proportion((0.2,)), window=2, hop=1), Moments(), window=2, hop=2
    ),
    "scales": lambda d: MultiScaleBank(
        [SiftBank(d, bin_size=size, cells=1, hop=size, pad=pad) for size, pad in ((1, None), (2, "reflect"))]
    ),
}
ONE_AXIS = (
    *("mel", "mfcc, valid", "bands", "bands, valid", "shapes", "shapes, valid", "pitch", "gammatone"),
    *("pictures in a chain", "at rate"),
)
POOLS = {
    "moments": lambda: Moments(STATISTICS[:4]),
    "moments, exact": lambda: Moments(STATISTICS),
    "proportion": lambda: Proportion((0.0, 0.5)),
    "proportion, learned": lambda: Proportion(quantiles=(0.2, 0.9)),
    "words": lambda: BagOfWords(3),
    "words, soft": lambda: BagOfWords(2, assign="soft", root=True),
    "vlad": lambda: VLAD(2),
    "vlad, components": lambda: VLAD(3, n_components=1),
    "fisher": lambda: FisherVector(2, n_components=2),
    "pyramid of moments, exact": lambda: Pyramid(Moments(STATISTICS), levels=(1, 2, 3)),
    "pyramid of words": lambda: Pyramid(BagOfWords(2), levels=(2,)),
    "pyramid of fisher": lambda: Pyramid(FisherVector(2, n_components=None), levels=(1, 2)),
}
IN_STEPS = (
    "proportion",
    "proportion, learned",
    "words",
    "pyramid of words",
)  # what rounding changes, it changes by a step
CODED = ("filters, valid", "gaussian", "mel", "sift", "scales")  # banks with which every pool is tested
PAIRS = [(bank, pool) for bank in BANKS for pool in POOLS if bank in CODED or not POOLS[pool]().joint]


def test_every_bank_and_pool_is_here():
    public_banks = {getattr(banks, name) for name in banks.__all__} - {banks.Bank, banks.LinearBank, banks.with_deltas}
    public_pools = {getattr(pools, name) for name in pools.__all__} - {pools.Pool, pools.PerResponse, pools.Joint}
    made = {type(make(d)) for name, make in BANKS.items() for d in ((1,) if name in ONE_AXIS else (1, 2))}
    assert made == public_banks
    assert {type(make()) for make in POOLS.values()} == public_pools


@st.composite
def cases(draw):
    n_axes = draw(st.integers(1, 3))
    channels = draw(st.integers(1, 2))
    longest = {1: 60, 2: 14, 3: 9}[n_axes]
    shapes = draw(st.lists(st.tuples(*[st.integers(7, longest)] * n_axes), min_size=1, max_size=3))
    block = draw(st.tuples(*[st.integers(1, longest)] * n_axes))
    seed = draw(st.integers(0, 2**31))
    return n_axes, channels, shapes, block, seed


@pytest.mark.parametrize(("bank_name", "pool_name"), PAIRS)
@settings(max_examples=12, deadline=None)
@given(case=cases(), dtype=st.sampled_from([np.float64, np.float32]))
def test_blocks_equal_the_whole(bank_name, pool_name, case, dtype):
    n_axes, channels, shapes, block, seed = case
    if bank_name in ONE_AXIS:
        n_axes, shapes, block = 1, [shape[:1] for shape in shapes], block[:1]
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=(channels, *shape)).astype(dtype) for shape in shapes]
    if seed % 3 == 0:  # ties, which rounding could flip
        arrays = [np.round(a) for a in arrays]
    signals = Signals.wrap(arrays, n_axes=n_axes, rate=100)
    bank = BANKS[bank_name](n_axes).prepare(signals.info, rng)
    pool = POOLS[pool_name]()
    samples = sample_responses(bank, pool, signals, max_samples=50, rng=np.random.default_rng(seed))
    if pool.joint:  # more descriptors than a small signal has, some of them its own
        samples = np.concatenate([samples, samples.std() * rng.normal(size=(20, samples.shape[1])).astype(dtype)])
    pool = pool.fit(samples, rng)
    whole = fold(bank, pool, signals, block_size=10**6)
    assert whole.dtype == dtype
    assert np.isfinite(whole).all()
    for cut in (block, None):
        blocked = fold(bank, pool, signals, block_size=cut, n_jobs=2)
        if pool_name in IN_STEPS:
            np.testing.assert_array_equal(blocked, whole)
        else:
            if pool_name.endswith("fisher"):  # before the square root, which magnifies rounding beside zero
                blocked, compared = blocked * np.abs(blocked), whole * np.abs(whole)
            else:
                compared = whole
            scale = max(np.abs(a).max() for a in arrays) + 1
            tolerance = 1e-10 if dtype == np.float64 else 1e-4
            np.testing.assert_allclose(blocked, compared, rtol=tolerance, atol=tolerance * scale)
        if pool_name.endswith("moments, exact"):  # extrema and positions are exact where sums have a fixed order
            table = pool.feature_table(bank.response_table(), n_axes)
            same = [row["statistic"].startswith(("max", "min", "positive")) for row in table]
            np.testing.assert_array_equal(blocked[:, same], whole[:, same])


@pytest.mark.parametrize("pool_name", POOLS)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_merging_in_any_grouping_is_the_same(pool_name, data):
    seed = data.draw(st.integers(0, 1000))
    rng = np.random.default_rng(seed)
    responses = rng.normal(size=(3, 40)).round(data.draw(st.integers(0, 3)))
    pool = POOLS[pool_name]().fit(responses.T, rng).within((40,))
    cuts = sorted(data.draw(st.lists(st.integers(1, 39), unique=True, max_size=6)))
    pieces = [
        pool.update(pool.init(3, 1), part, (np.arange(start, start + part.shape[1]),))
        for start, part in zip([0, *cuts], np.split(responses, cuts, axis=1))
    ]
    expected = pool.finish(pool.update(pool.init(3, 1), responses, (np.arange(40),)))
    while len(pieces) > 1:  # merge random neighbours: a random tree
        i = data.draw(st.integers(0, len(pieces) - 2))
        pieces[i : i + 2] = [pool.merge(pieces[i], pieces[i + 1])]
    np.testing.assert_allclose(pool.finish(pieces[0]), expected, rtol=1e-12, atol=1e-12)
