"""Fronts do to a signal what their names say, lazily where it lies in a file, and keep shape, rate and precision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn.base import clone

from filterbank.errors import InputError
from filterbank.fronts import FRONTS, OTHERS, Front
from filterbank.signals import Signals

SAMPLES = arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(2, 30)), elements=st.floats(-1e6, 1e6))

EXPECTED = {
    "none": lambda x: x,
    "log": lambda x: np.sign(x) * np.log(1 + np.abs(x)),
    "sqrt": lambda x: np.sign(x) * np.abs(x) ** 0.5,
    "rank": lambda x: np.stack([(stats.rankdata(channel) - 0.5) / len(channel) for channel in x]),
}


@given(x=SAMPLES)
def test_fronts_are_their_formulae(x):
    for kind, expected in EXPECTED.items():
        np.testing.assert_allclose(Front(kind).fit_transform([x])[0], expected(x), rtol=1e-9, atol=1e-9)


@given(x=arrays(np.float64, (2, 20), elements=st.integers(-1000, 1000).map(float)))
def test_a_score_has_mean_zero_and_spread_one_or_is_zero(x):
    found = Front("zscore").fit_transform([x])[0]
    for before, channel in zip(x, found):
        if np.ptp(before) == 0:
            assert (channel == 0).all()
        else:
            np.testing.assert_allclose(channel, stats.zscore(before), atol=1e-9)


def test_a_constant_far_from_zero_has_no_score():
    for kind in (np.float32, np.float64):
        assert (Front("zscore").fit_transform([np.full(100, 0.1, dtype=kind)])[0] == 0).all()


def test_counts_get_the_plain_logarithm():
    counts = np.array([0.0, 1, 10, 5000])
    np.testing.assert_array_equal(Front("log").fit_transform([counts])[0][0], np.log1p(counts))


def test_difference_and_spectrum_follow_the_last_axis():
    x = np.random.default_rng(0).normal(size=(2, 31))
    np.testing.assert_array_equal(Front("difference").fit_transform([x])[0], np.diff(x))
    expected = np.abs(np.fft.fft(x - x.mean(axis=1, keepdims=True)))[:, :16]
    np.testing.assert_allclose(Front("spectrum").fit_transform([x])[0], expected, atol=1e-12)


@pytest.mark.parametrize("kind", [*FRONTS, *OTHERS])
def test_precision_axes_and_rate_stay(kind):
    signals = Signals(
        [np.ones((2, 9), dtype=np.float32), np.arange(24, dtype=np.float32).reshape(2, 12)], n_axes=1, rate=5
    )
    found = Front(kind).fit_transform(signals)
    assert {signal.dtype for signal in found} == {np.dtype(np.float32)}
    assert (found.rate, found.n_axes, len(found), found.n_channels) == (5.0, 1, 2, 2)
    if kind in FRONTS:
        assert found.shapes == signals.shapes
        image = np.random.default_rng(0).normal(size=(7, 5))
        assert Front(kind, n_axes=2).fit_transform([image])[0].shape == (1, 7, 5)


def test_files_are_read_when_they_are_asked_for(tmp_path):
    np.save(tmp_path / "a.npy", np.array([1.0, 4, 9]))
    found = Front("sqrt").fit_transform(Signals.wrap([tmp_path / "a.npy"], n_axes=1))
    assert not found.in_memory
    np.testing.assert_array_equal(found[0], [[1, 2, 3]])


def test_a_wrong_name_is_named():
    with pytest.raises(InputError, match="kind='cube' is not one of none, log"):
        clone(Front("cube")).fit([np.ones(3)])
    with pytest.raises(InputError, match="of 1 sample"):
        Front("difference").fit_transform([np.ones(1)])
