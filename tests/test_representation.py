"""Representation and WholeSignal as scikit-learn transformers."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from filterbank import (
    FilterBank,
    GaborBank,
    GaussianBank,
    InputError,
    Moments,
    Proportion,
    Representation,
    Signals,
    WholeSignal,
    tutorial_gabor,
)
from filterbank.recipes import RECIPES, summary
from filterbank.signals import KINDS

RNG = np.random.default_rng(11)


@parametrize_with_checks(
    [
        Representation(GaborBank(n_frequencies=2), Moments(["mean", "std", "max", "max_position"])),
        Representation(GaussianBank(sigmas=[1.0]), Proportion(quantiles=[0.3])),
        Representation(FilterBank([np.ones(1)]), Moments()),
    ]
)
def test_sklearn_compatible(estimator, check):
    check(estimator)


def test_whole_signal_is_sklearn_compatible_too():
    check_estimator(summary(), on_skip=None)  # what is skipped here is run below, in a process of its own


def ragged(n=24, n_axes=1, channels=1, seed=0):
    rng = np.random.default_rng(seed)
    shapes = [(channels, *rng.integers(20, 30, size=n_axes)) for _ in range(n)]
    y = np.arange(n) % 2
    waves = [
        np.cos(np.arange(np.prod(s)).reshape(s) * (0.5 + label)) + 0.1 * rng.normal(size=s)
        for s, label in zip(shapes, y)
    ]
    return Signals.wrap(waves, n_axes=n_axes), y


@pytest.mark.parametrize(("n_axes", "channels"), [(1, 1), (1, 3), (2, 1), (2, 3), (3, 1)])
def test_one_contract_for_all_dimensions_and_channels(n_axes, channels):
    signals, _ = ragged(6, n_axes, channels)
    for bank in (GaborBank(n_axes, n_frequencies=1, truncate=1.5), GaussianBank(n_axes, sigmas=[1.0], orders=[1])):
        representation = Representation(bank, Moments(["mean", "max_position"])).fit(signals)
        features = representation.transform(signals)
        table = representation.feature_table_
        assert features.shape == (6, len(table))
        assert table["feature"].is_unique
        assert list(representation.get_feature_names_out()) == table["feature"].tolist()
        assert sorted(set(table["channel"])) == list(range(channels))


def test_features_equal_the_plain_composition():
    signals, _ = ragged(5, channels=2)
    kernels = [RNG.normal(size=4), RNG.normal(size=7)]
    pool = Moments(["mean", "std", "min", "max", "max_position", "positive"])
    got = Representation(FilterBank(kernels), pool).fit_transform(signals)
    for row, signal in zip(got, signals):
        expected = []
        for channel in signal:
            for kernel in kernels:
                r = np.convolve(channel, kernel, "valid")
                expected += [r.mean(), r.std(), r.min(), r.max(), r.argmax() + (len(kernel) - 1) // 2]
                expected.append((r > 0).mean())
        np.testing.assert_allclose(row, expected, rtol=1e-12, atol=1e-12)


def test_works_in_a_grid_search_with_two_processes():
    signals, y = ragged()
    pipeline = make_pipeline(
        Representation(GaborBank(n_frequencies=2), Moments()), StandardScaler(), LogisticRegression()
    )
    search = GridSearchCV(pipeline, {"representation__bank__n_frequencies": [1, 3]}, cv=3, n_jobs=2)
    search.fit(signals, y)
    assert search.best_score_ > 0.9
    assert search.best_estimator_[0].bank.n_frequencies == search.best_params_["representation__bank__n_frequencies"]


def test_works_with_group_k_fold():
    signals, y = ragged()
    pipeline = make_pipeline(tutorial_gabor(), StandardScaler(), KNeighborsClassifier(1))
    groups = np.arange(len(y)) // 4
    scores = cross_val_score(pipeline, signals, y, groups=groups, cv=GroupKFold(3))
    assert scores.mean() > 0.9


def test_pandas_and_polars_out():
    polars = pytest.importorskip("polars")
    signals, _ = ragged(4)
    representation = tutorial_gabor().fit(signals)
    plain = representation.transform(signals)
    as_pandas = representation.set_output(transform="pandas").transform(signals)
    as_polars = representation.set_output(transform="polars").transform(signals)
    assert isinstance(as_pandas, pd.DataFrame)
    assert isinstance(as_polars, polars.DataFrame)
    assert list(as_pandas.columns) == list(as_polars.columns) == list(representation.get_feature_names_out())
    np.testing.assert_array_equal(as_pandas.to_numpy(), plain)
    np.testing.assert_array_equal(as_polars.to_numpy(), plain)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_survives_cloning_pickling_and_skops(name):
    kind = RECIPES[name].kinds[0]
    transformer = RECIPES[name].make(kind)
    assert clone(transformer).get_params(deep=False).keys() == transformer.get_params(deep=False).keys()
    signals, _ = ragged(12, n_axes=KINDS[kind])
    if kind == "sound":
        rng = np.random.default_rng(0)
        signals = Signals.wrap([rng.normal(size=n) for n in (4000, 5000, 4500)], rate=8000)
    expected = transformer.fit(signals, np.arange(len(signals)) % 2).transform(signals)  # some choose by labels
    revived = pickle.loads(pickle.dumps(transformer))
    np.testing.assert_array_equal(revived.transform(signals), expected)
    dumped = skops.io.dumps(transformer)
    unknown = skops.io.get_untrusted_types(data=dumped)
    assert all(t.startswith("filterbank.") for t in unknown), unknown
    loaded = skops.io.loads(dumped, trusted=unknown)
    np.testing.assert_array_equal(loaded.transform(signals), expected)
    pd.testing.assert_frame_equal(loaded.feature_table_, transformer.feature_table_)


def test_neither_threads_nor_blocks_change_the_features():
    signals, _ = ragged(9)
    one = tutorial_gabor().fit_transform(signals)
    two = tutorial_gabor().set_params(n_jobs=2).fit_transform(signals)
    np.testing.assert_array_equal(one, two)
    cut = tutorial_gabor().set_params(block_size=3).fit_transform(signals)
    np.testing.assert_allclose(cut, one, rtol=1e-10, atol=1e-10)


def test_float32_stays_float32_and_close():
    signals, _ = ragged(5)
    single = signals.map(lambda x: x.astype(np.float32))
    representation = Representation(GaborBank(n_frequencies=3), Moments())
    got = representation.fit_transform(single)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, representation.fit_transform(signals), atol=1e-5)


def test_learned_thresholds_depend_on_the_seed_alone():
    signals, _ = ragged(8)
    make = lambda **k: Representation(GaborBank(n_frequencies=2), Proportion(quantiles=[0.5]), max_samples=40, **k)  # noqa: E731
    one = make(random_state=1).fit(signals).pool_.thresholds_
    np.testing.assert_array_equal(one, make(random_state=1, block_size=2, n_jobs=2).fit(signals).pool_.thresholds_)
    assert not np.array_equal(one, make(random_state=2).fit(signals).pool_.thresholds_)
    assert make().learns
    assert not tutorial_gabor().learns
    shares = make(random_state=1).fit_transform(signals)
    assert abs(shares.mean() - 0.5) < 0.1


def test_explain_returns_the_response_that_was_pooled():
    signals, _ = ragged(3, channels=2)
    representation = tutorial_gabor().fit(signals)
    features = representation.transform(signals)
    for column in (2, 40):
        row = representation.feature_table_.iloc[column]
        found = representation.explain(signals[1], row["feature"])
        pooled = {"mean": np.mean, "std": np.std, "max": np.max}[row["statistic"]](found.response)
        assert pooled == pytest.approx(features[1, column], rel=1e-12)
        assert len(found.where[0]) == len(found.response)
    with pytest.raises(InputError, match="feature='nothing'"):
        representation.explain(signals[0], "nothing")


@pytest.mark.skipif("FILTERBANK_DATA" not in os.environ, reason="needs the tutorial's data in FILTERBANK_DATA")
def test_tutorial_gabor_reproduces_the_tutorials_features():
    from filterbank import datasets

    data = datasets.health()
    golden = np.load(os.path.join(os.environ["FILTERBANK_DATA"], "tutorial", "golden", "health_gabor_features.npy"))
    features = tutorial_gabor().fit_transform(data.signals)
    np.testing.assert_allclose(features, golden, rtol=1e-10)


@pytest.mark.parametrize(
    ("signals", "shown"),
    [
        ([np.zeros(30), np.array([0.0, np.nan] * 15)], r"signal 1 contains NaN \(channel 0, sample 1; 15"),
        ([np.zeros(30), np.r_[np.zeros(29), np.inf]], r"signal 1 contains infinity \(channel 0, sample 29"),
        ([np.zeros(30), np.zeros(0)], r"signal 1 is empty"),
        ([np.zeros(30), np.zeros(4)], r"signal 1 has 4 samples and the bank needs at least 10"),
        ([np.zeros(30), np.zeros((2, 30))], r"signal 1 has 2 channels, and the first signal .* had 1"),
        ([np.zeros(30), ["a"] * 30], r"signal 1 is not an array of numbers"),
        ([np.zeros(30), np.zeros(30) * 1j], r"signal 1 is complex"),
        ([np.zeros(30), np.zeros((2, 2, 30))], r"signal 1 has shape \(2, 2, 30\)"),
        ([], "0 samples"),
    ],
)
def test_bad_signals_are_named(signals, shown):
    with pytest.raises(InputError, match=shown):
        tutorial_gabor().fit_transform(signals)


def test_constant_and_single_sample_signals_are_fine_where_the_bank_pads():
    representation = Representation(GaborBank(n_frequencies=2), Moments(["mean", "std"]))
    np.testing.assert_allclose(representation.fit_transform([np.full(20, 3.0), np.ones(1)]), 0, atol=1e-12)


def test_a_fixed_shape_is_checked_and_a_list_may_be_ragged():
    images = RNG.normal(size=(3, 8, 8))
    representation = Representation(GaussianBank(2, sigmas=[1.0]), Moments()).fit(images)
    with pytest.raises(InputError, match=r"\(9, 8\).*fitted on \(8, 8\)"):
        representation.transform(np.zeros((1, 9, 8)))
    assert len(representation.transform([np.zeros((9, 8)), np.zeros((20, 30))])) == 2
    with pytest.raises(InputError, match="signal 0 has 3 channels"):
        representation.transform([np.zeros((3, 9, 8))])


def test_another_rate_than_the_fitted_one_is_refused():
    x = [RNG.normal(size=50)]
    representation = Representation(GaborBank(frequencies=[10]), Moments()).fit(Signals.wrap(x, rate=100))
    with pytest.raises(InputError, match="rate=200 is not the 100"):
        representation.transform(Signals.wrap(x, rate=200))


def test_complex_responses_are_refused_by_pools():
    with pytest.raises(InputError, match="complex"):
        Representation(GaborBank(readout="complex"), Moments()).fit_transform(np.zeros((1, 30)))


@pytest.mark.parametrize(
    ("pool", "shown"),
    [
        (Moments(["mean", "median"]), r"statistics=\['mean', 'median'\]"),
        (Moments([]), r"statistics=\[\]"),
        (Moments(["mean", "mean"]), "free of repetitions"),
        (Proportion([np.nan]), "thresholds="),
        (Proportion(quantiles=[1.5]), r"quantiles=\[1.5\]"),
    ],
)
def test_bad_pools_are_named(pool, shown):
    with pytest.raises(InputError, match=shown):
        Representation(GaborBank(), pool).fit(np.zeros((2, 30)))


def test_whole_signal_gets_rate_and_parameters_and_checks_lengths():
    def spectrum_peak(signal, rate=None, factor=1):
        return [factor * (rate or 1) * np.abs(np.fft.rfft(signal[0])).argmax() / signal.shape[1]]

    signals = Signals.wrap([np.cos(2 * np.pi * 5 * np.arange(100) / 50)], rate=50)
    assert WholeSignal(spectrum_peak, parameters={"factor": 2}).fit_transform(signals)[0, 0] == pytest.approx(10)
    with pytest.raises(InputError, match="returned 3 numbers for signal 1 and 2"):
        WholeSignal(lambda s: s[0, : s.shape[1]]).fit_transform([np.zeros(2), np.zeros(3)])
    with pytest.raises(InputError, match="names="):
        WholeSignal(lambda s: [1.0, 2.0], ["one"]).fit([np.zeros(2)])
    with pytest.raises(InputError, match=r"shape \(1, 2\)"):
        WholeSignal(lambda s: s).fit([np.zeros(2)])


def test_array_api_input_is_checked_too():
    """scikit-learn skips this check unless the variable is set before SciPy is imported: a process of its own."""
    code = (
        "from sklearn.utils.estimator_checks import check_estimator\n"
        "from filterbank import GaborBank, Moments, Representation\n"
        "done = check_estimator(Representation(GaborBank(n_frequencies=1), Moments()), on_skip=None)\n"
        "print([r['status'] for r in done if r['check_name'] == 'check_array_api_input'])\n"
    )
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "['passed']"
