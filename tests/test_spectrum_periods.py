"""Periods: what was put in is found, red noise gives few false alarms, the sunspots' period is the published one."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import scipy.optimize
import scipy.signal
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from filterbank.errors import InputError
from filterbank.signals import Signals
from filterbank.spectrum import dft, periods
from filterbank.spectrum.background import Background
from filterbank.spectrum.peaks import fit_sinusoids
from filterbank.synthesis import quasi_periodic, transactions


def red_noise(shape, a, seed):
    drawn = np.random.default_rng(seed).normal(size=(*shape[:-1], shape[-1] + 500))
    if a == 1:
        return drawn[..., 500:].cumsum(axis=-1)
    return scipy.signal.lfilter([1], [1, -a], drawn)[..., 500:]


@settings(deadline=None, max_examples=30)
@given(st.floats(4.3, 60), st.floats(0, 6.28), st.floats(-3, 3))
def test_one_sinusoid_is_found_where_it_is(period, phase, slope):
    t = np.arange(300)
    x = 2 + slope * t + 1.5 * np.cos(2 * np.pi * t / period + phase)
    found = periods(x + np.random.default_rng(0).normal(scale=0.05, size=300))
    assert found.periods[0] == pytest.approx(period, rel=2e-3)
    assert found.amplitudes[0] == pytest.approx(1.5, rel=0.02)
    assert np.cos(found.phases[0] - phase) > 0.99
    assert found.shares[0] > 0.9
    assert found.p_values[0] < 1e-6


def test_a_sinusoid_without_any_noise_is_found_alone_and_to_many_digits():
    t = np.arange(500)
    found = periods(np.sin(2 * np.pi * t / 37.123) + 0.02 * t)
    assert len(found) == 1
    assert found.periods[0] == pytest.approx(37.123, rel=1e-8)
    assert found.grid_periods[0] == pytest.approx(500 / 13)


def test_units_follow_the_rate():
    t = np.arange(1200) / 12
    x = np.sin(2 * np.pi * t / 10.7) + red_noise((1200,), 0.5, 0) / 3
    by_year, by_sample = periods(x, rate=12), periods(x)
    np.testing.assert_allclose(by_year.periods * 12, by_sample.periods)
    np.testing.assert_allclose(by_year.frequencies, 1 / by_year.periods)
    assert by_year.periods[0] == pytest.approx(10.7, abs=0.1)
    assert (by_year.unit, by_sample.unit) == ("s", "samples")
    assert (by_year.frequency_unit, by_sample.frequency_unit) == ("Hz", "cycles/sample")
    density = dft(x, rate=12, detrend="linear", scaling="density", n_fft=2400)
    k = np.searchsorted(density.frequencies, by_year.spectrum_frequencies - 1e-12)
    np.testing.assert_allclose(by_year.density, density.values[k], rtol=1e-9, atol=1e-12)


def test_what_is_marked_is_above_the_threshold():
    found = periods(red_noise((600,), 0.8, 3) + 3 * np.sin(np.arange(600) * 2 * np.pi / 20))
    k = np.argmin(abs(found.spectrum_frequencies - found.frequencies[0]))
    assert found.density[k] > found.threshold[k] > found.background[k]
    assert found.autocorrelation == pytest.approx(0.8, abs=0.1)


def test_harmonics_are_folded_in():
    t = np.arange(1000)
    x = sum(np.sin(2 * np.pi * k * t / 83.0 + k) / k for k in (1, 2, 3, 5)) + 0.8 * np.sin(2 * np.pi * t / 29.3)
    found = periods(x + np.random.default_rng(0).normal(scale=0.3, size=1000))
    np.testing.assert_allclose(found.periods, [83, 29.3], rtol=2e-3)
    assert found.harmonics == ((2, 3, 5), ())
    assert found.table["harmonics"].tolist() == ["2 3 5", ""]
    assert found.shares.sum() > 0.85


def test_near_frequencies_are_told_apart():
    t = np.arange(1000)
    x = np.sin(2 * np.pi * t / 20) + np.cos(2 * np.pi * t * (1 / 20 + 2.5 / 1000))
    found = periods(x + np.random.default_rng(0).normal(scale=0.3, size=1000))
    np.testing.assert_allclose(np.sort(found.frequencies), [1 / 20, 1 / 20 + 2.5 / 1000], atol=2e-4)


@pytest.mark.parametrize("seed", range(2))
def test_the_rhythms_of_an_account_are_found_again(seed):
    account = transactions(random_state=seed)
    for series in (account.flow, account.balance):
        found = periods(series, n_periods=25)
        np.testing.assert_allclose(found.periods[:2], [30, 7], rtol=1e-3)
        assert set(range(2, 12)) <= set(found.harmonics[0])
        assert len(found) == 2 or series is account.balance


def test_a_wandering_period_is_found_about_where_it_is():
    x = quasi_periodic(2000, 50, jitter=0.05, random_state=0)
    found = periods(x + red_noise((2000,), 0.5, 0) * 0.3, n_periods=3)
    assert found.periods[0] == pytest.approx(50, rel=0.05)


def test_channels_and_many_signals():
    t = np.arange(200)
    noise = red_noise((3, 200), 0.0, 0) / 4
    waves = np.stack([np.sin(2 * np.pi * t / p) for p in (10, 17, 25)]) + noise
    found = periods(waves, rate=2)
    assert [round(float(one.periods[0]), 1) for one in found] == [5.0, 8.5, 12.5]
    many = periods(Signals.wrap(waves, rate=2))
    assert [one.periods[0] for one in many] == [one.periods[0] for one in found]
    assert periods(waves[0], shortest=11).periods.size == 0 or periods(waves[0], shortest=11).periods[0] > 11


def test_the_fit_of_sinusoids_is_that_of_scipys_least_squares():
    t = np.arange(150)
    rng = np.random.default_rng(0)
    x = 1 + 0.01 * t + np.cos(0.31 * t) + 0.5 * np.sin(0.47 * t) + rng.normal(scale=0.2, size=150)
    start = np.array([0.049, 0.0752])

    def rest(p):
        out = p[0] + p[1] * t + p[2] * (-1.0) ** t
        for f, c, s in p[3:].reshape(2, 3):
            out = out + c * np.cos(2 * np.pi * f * t) + s * np.sin(2 * np.pi * f * t)
        return x - out

    guess = np.concatenate([[1, 0.01, 0], *[[f, 0.5, 0.5] for f in start]])
    scale = np.concatenate([[1, 0.01, 1], [0.001, 1, 1] * 2])
    expected = scipy.optimize.least_squares(rest, guess, x_scale=scale, xtol=1e-15, ftol=1e-15, gtol=1e-15)
    f, coefficients, left = fit_sinusoids(x, start)
    np.testing.assert_allclose(left @ left, 2 * expected.cost, rtol=1e-9)
    np.testing.assert_allclose(f, expected.x[3::3], rtol=1e-6)
    np.testing.assert_allclose(coefficients.ravel(), expected.x[3:].reshape(2, 3)[:, 1:].ravel(), atol=1e-4)


@pytest.mark.parametrize("a", [-0.5, 0.0, 0.7, 0.95])
def test_the_background_is_that_of_the_noise(a):
    x = red_noise((20_000,), a, 1)
    power = abs(np.fft.rfft(x, 40_000)) ** 2 / 20_000
    tested = np.arange(4, 20_000)
    found = Background.fit(power, tested, 20_000, [])
    assert found.autocorrelation == pytest.approx(a, abs=0.02)
    k = np.array([100, 5000, 15_000])
    expected = 1 / abs(1 - a * np.exp(-1j * np.pi * k / 20_000)) ** 2
    np.testing.assert_allclose(found.at(k), expected, rtol=0.1)
    spread = np.sqrt(1 / found.information(k))
    assert (abs(np.log(found.at(k) / expected)) < 4 * spread).all()


@pytest.mark.parametrize("n", [24, 100])
def test_probabilities_are_those_of_scipys_f_distribution(n):
    """A periodogram over a background that is known as well as `v` numbers tell has F's distribution, of 2 and 2 v."""
    x = red_noise((n,), 0.4, n)
    power = abs(np.fft.rfft(x - x.mean(), 2 * n)) ** 2 / n
    tested = np.arange(4, n)
    background = Background.fit(power, tested, n, [])
    at, ratio, p_value = background.highest(power, tested, n, [])
    beside = Background.fit(power, tested, n, [], at)
    assert ratio == pytest.approx(power[at] / beside.at(np.array([at]))[0])
    v = beside.information(np.array([at]))[0]
    assert p_value == pytest.approx(1 - (1 - scipy.stats.f.sf(ratio, 2, 2 * v)) ** len(tested))
    v = background.information(tested)
    level = 1 - 0.95 ** (1 / len(tested))
    expected = background.at(tested) * scipy.stats.f.isf(level, 2, 2 * v)
    np.testing.assert_allclose(background.threshold(tested, 0.05), expected, rtol=1e-6)


def test_nothing_is_a_multiple_of_what_is_hardly_known():
    """Of 2.6 cycles, a ninth multiple may be anything; of 26 cycles it's no chance."""
    t = np.arange(600)
    for cycles, expected in ((2.6, ((), ())), (26.0, ((9,),))):
        x = np.sin(2 * np.pi * t * cycles / 600) + np.cos(2 * np.pi * t * 9 * cycles / 600)
        found = periods(x + np.random.default_rng(0).normal(scale=0.5, size=600))
        assert found.harmonics == expected


@pytest.mark.parametrize("a", [0.0, 0.8])
def test_false_alarms_in_red_noise_are_few(a):
    """A quick look; the slow test counts them."""
    found = sum(len(periods(x, confidence=0.95)) > 0 for x in red_noise((60, 64), a, 7))
    assert found <= 9  # of 60, with 3 expected: more once in a thousand times


@pytest.mark.slow
@pytest.mark.parametrize("n", [40, 128, 500])
@pytest.mark.parametrize("a", [0.0, 0.6, 0.9, 1.0])
def test_the_rate_of_false_alarms_is_the_one_that_is_stated(n, a):
    found = np.mean([len(periods(x, confidence=0.9, n_periods=1)) > 0 for x in red_noise((1000, n), a, n)])
    assert 0.02 < found < 0.125  # 0.1 is stated, and more is wrong; 0.01 is the standard error


@pytest.mark.skipif(not os.environ.get("FILTERBANK_DATA"), reason="needs the sunspots in FILTERBANK_DATA")
def test_the_sunspots():
    root = Path(os.environ["FILTERBANK_DATA"]) / "tutorial"
    months = np.loadtxt(root / "sunspots.csv")[:, 1]
    years = months[: len(months) // 12 * 12].reshape(-1, 12).sum(axis=1)
    published = json.loads((root / "golden" / "published.json").read_text())["sunspots"]["period_years"]
    by_years, by_months = periods(years, rate=1), periods(months, rate=12)
    assert round(by_years.grid_periods[0], 1) == published == 10.9
    assert round(by_months.grid_periods[0], 2) == 10.91
    for found in (by_years, by_months):
        assert found.periods[0] == pytest.approx(11.0, abs=0.02)  # between the transform's frequencies
        assert found.p_values[0] < 1e-6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: periods(np.full(51, 3.25)), r"signal 0 \(channel 0\) is constant \(3\.25\): it has no periods"),
        (lambda: periods(np.full(50, 3.25), detrend="constant"), r"is constant \(3\.25\)"),
        (lambda: periods(np.arange(51.0)), "is a straight line: it has no periods"),
        (lambda: periods(np.sin(np.arange(15))), "15 samples, too short: at least 16"),
        (lambda: periods([np.sin(np.arange(20)), np.full(20, np.nan)]), "signal 1 contains NaN"),
        (lambda: periods(np.sin(np.arange(20)), confidence=95), "confidence=95 is not between 0 and 1"),
        (lambda: periods(np.sin(np.arange(20)), n_periods=0), "n_periods=0 is not"),
        (lambda: periods(np.sin(np.arange(20)), detrend="parabola"), "detrend='parabola' is not one of"),
        (lambda: periods(np.sin(np.arange(20)), longest=21), "longest=21 is not between 2, two samples, and 20"),
        (lambda: periods(np.sin(np.arange(20)), rate=10, shortest=0.1), "shortest=0.1 is not between 0.2"),
        (lambda: periods(np.sin(np.arange(20)), shortest=5.1, longest=5), "shortest=5.1 is not below longest=5"),
    ],
)
def test_wrong_input_is_refused_in_one_sentence(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_short_forms():
    noise = periods(red_noise((100,), 0.5, 12))
    assert repr(noise) == "Periods(none; 95% confidence against red noise of 100 samples)"
    assert len(noise) == len(noise.table) == 0
