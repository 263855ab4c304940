"""Bands as weights of Fourier bins: against the definition, a bin at a time, and the rule of the published figures."""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from filterbank.design import band_slices, band_weights
from filterbank.errors import InputError


def by_definition(edges, n_fft, rate):
    """The share of each bin's interval that lies in each band, one by one."""
    step, nyquist = rate / n_fft, rate / 2
    weights = np.zeros((len(edges), n_fft // 2 + 1))
    for band, (low, high) in enumerate(edges):
        for k in range(n_fft // 2 + 1):
            begin, end = max((k - 0.5) * step, 0.0), min((k + 0.5) * step, nyquist)
            weights[band, k] = max(0.0, min(end, high) - max(begin, low)) / (end - begin)
    return weights


@settings(deadline=None, max_examples=200)
@given(
    st.integers(2, 40),
    st.sampled_from([None, 1.0, 44_100.0]),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)).filter(lambda e: abs(e[0] - e[1]) > 1e-6), min_size=1),
)
def test_weights_are_shares_of_intervals(n_fft, rate, drawn):
    edges = np.sort(np.array(drawn), axis=1) * (rate or 1.0) / 2
    found = band_weights(edges, n_fft, rate=rate)
    np.testing.assert_allclose(found, by_definition(edges.tolist(), n_fft, rate or 1.0), atol=1e-9)


@settings(deadline=None, max_examples=100)
@given(st.integers(2, 64), st.lists(st.floats(0.001, 0.499), unique=True, max_size=8))
def test_bands_that_touch_share_every_bin_and_lose_nothing(n_fft, inner):
    weights = band_weights([0.0, *sorted(inner), 0.5], n_fft)
    np.testing.assert_allclose(weights.sum(axis=0), 1.0, atol=1e-9)
    assert ((weights >= 0) & (weights <= 1)).all()


def test_a_smooth_density_is_integrated():
    """A density known by formula, at bins 0.025 Hz apart, between edges that lie anywhere."""

    def density(f):
        return 1 / (1.25 - np.cos(2 * np.pi * f / 100))

    frequencies = np.arange(2001) * 0.025
    powers = density(frequencies) * 0.025
    powers[[0, -1]] /= 2  # their intervals are half as wide
    edges = [0.0, 0.3, 4.93, 5.0, 23.456, 50.0]
    found = band_weights(edges, 4000, rate=100) @ powers
    expected = [quad(density, a, b)[0] for a, b in itertools.pairwise(edges)]
    np.testing.assert_allclose(found, expected, rtol=2e-3)
    whole_bins = band_weights(edges, 4000, rate=100, rule="tutorial") @ powers
    assert np.abs(whole_bins / expected - 1).max() > 0.04  # what exact edges are for


def test_slices_say_the_same_as_weights():
    edges = np.sort(np.random.default_rng(0).random((50, 2)) / 2, axis=1)
    for rule in ("exact", "tutorial"):
        weights = band_weights(edges, 37, rule=rule)
        for row, first, last, low, high in zip(weights, *band_slices(edges, 37, rule=rule)):
            expected = np.zeros(19)
            if last >= first:
                expected[first : last + 1] = 1
                expected[last], expected[first] = high, low
            np.testing.assert_array_equal(row, expected)


def test_the_rule_of_the_tutorial_takes_whole_bins():
    n, rate, edges = 1000, 8000.0, np.arange(0, 1100, 100.0)
    weights = band_weights(edges, n, rate=rate, rule="tutorial")
    frequencies = np.fft.rfftfreq(n, 1 / rate)
    for row, low, high in zip(weights, edges, edges[1:]):
        expected = np.zeros(n // 2 + 1)
        expected[np.argmin(abs(frequencies - low)) : np.argmin(abs(frequencies - high))] = 1
        np.testing.assert_array_equal(row, expected)


@pytest.mark.skipif(not os.environ.get("FILTERBANK_DATA"), reason="needs the recordings in FILTERBANK_DATA")
def test_the_rule_of_the_tutorial_gives_the_published_features():
    """To 0.006 of their standard deviations, and exact edges are farther away."""
    import json

    import pandas as pd
    import soundfile

    root = Path(os.environ["FILTERBANK_DATA"]) / "tutorial"
    published = json.loads((root / "golden" / "published.json").read_text())["speech_fft_rows"]
    table = pd.read_csv(root / "speech" / "metadata.csv")
    table = table[table["in_2017"] == 1]
    rows: dict[str, list] = {"tutorial": [], "exact": []}
    for name in table["path"]:
        values, rate = soundfile.read(root / "speech" / name, always_2d=True)
        x = values[:, 0] / abs(values[:, 0]).max()
        power = abs(np.fft.rfft(x)) ** 2 / len(x)
        for rule, found in rows.items():
            found.append(band_weights(np.arange(0, 1001, 100), len(x), rate=rate, rule=rule) @ power)
    stems = [name.removesuffix(".wav").replace("/", "_") for name in table["path"]]
    error = {}
    for rule, found in rows.items():
        features = np.array(found)
        scaled = (features - features.mean(axis=0)) / features.std(axis=0)
        error[rule] = max(np.abs(scaled[stems.index(name)] - row).max() for name, row in published.items())
    assert error["tutorial"] < 0.006
    assert error["exact"] > 2 * error["tutorial"], error


@pytest.mark.parametrize(
    ("edges", "options", "message"),
    [
        ([0, 5000], {"rate": 8000}, r"edges=\(0\.0, 5000\.0\) is not at most 4000 Hz, the Nyquist frequency"),
        ([0.1, 0.6], {}, r"edges=\(0\.1, 0\.6\) is not at most 0\.5 cycles/sample.*Pass rate"),
        ([[0.2, 0.1]], {}, r"edges=\(0\.2, 0\.1\) is not increasing.*band 0"),
        ([0.1, np.nan], {}, r"edges=\(0\.1, nan\) is not increasing"),
        ([-0.1, 0.2], {}, r"edges=\(-0\.1, 0\.2\) is not .*0 or more"),
        ([[0.1, 0.2, 0.3]], {}, r"edges has shape \(1, 3\)"),
        (["low", "high"], {}, "an array of numbers"),
        ([0, 0.1], {"rate": -1.0}, r"rate=-1\.0 is not"),
        ([0, 0.1], {"rule": "nearest"}, "rule='nearest' is not one of exact, tutorial"),
        ([0, 0.1], {"n_fft": 1}, "n_fft=1 is not"),
    ],
)
def test_wrong_bands_are_refused(edges, options, message):
    options = dict(options)
    with pytest.raises(InputError, match=message):
        band_weights(edges, options.pop("n_fft", 16), **options)
