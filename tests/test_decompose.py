"""Trend, season and rest against slow twins and exact cases; outliers that were put in; forecasts against formulae."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from filterbank.decompose import backtest, decompose, extrapolate, outliers
from filterbank.decompose.forecast import _repeated
from filterbank.errors import InputError
from filterbank.signals import Signals

RNG = np.random.default_rng(0)
METHODS = ("fourier", "moving_average")


def by_averages(x, p):
    """The classical decomposition, a sample at a time."""
    n, half = len(x), p // 2
    trend = np.full(n, np.nan)
    for i in range(half, n - half):
        if p % 2:
            trend[i] = np.mean(x[i - half : i + half + 1])
        else:
            trend[i] = (x[i - half] / 2 + sum(x[i - half + 1 : i + half]) + x[i + half] / 2) / p
    phases = [np.nanmean((x - trend)[k::p]) for k in range(p)]
    known = np.flatnonzero(~np.isnan(trend))
    for ends, near in ((range(half), known[:p]), (range(n - half, n), known[-p:])):
        line = np.polyfit(near, trend[near], 1) if len(near) > 1 else [0, trend[near[0]]]
        for i in ends:
            trend[i] = np.polyval(line, i)
    season = np.array([phases[i % p] - np.mean(phases) for i in range(n)])
    return trend, season


@pytest.mark.parametrize("p", [2, 3, 4, 7, 12])
@pytest.mark.parametrize("extra", [0, 1, 5, 40])
def test_moving_averages_are_those_of_the_slow_twin(p, extra):
    x = RNG.normal(size=2 * p + extra).cumsum() + 5
    trend, season = by_averages(x, p)
    found = decompose(x, period=p, method="moving_average")
    np.testing.assert_allclose(found.trend, trend, atol=1e-10)
    np.testing.assert_allclose(found.season, season, atol=1e-10)
    np.testing.assert_allclose(found.signal, x, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("period", [4, 12, 13])
def test_a_line_and_a_pattern_are_told_apart_exactly(method, period):
    t = np.arange(101)
    pattern = RNG.normal(size=period)
    season = (pattern - pattern.mean())[t % period]
    found = decompose(7 - 0.3 * t + season, period=period, method=method)
    np.testing.assert_allclose(found.trend, 7 - 0.3 * t, atol=1e-9)
    np.testing.assert_allclose(found.season, season, atol=1e-9)
    np.testing.assert_allclose(found.rest, 0, atol=1e-9)
    assert found.seasonal_strength == pytest.approx(1)


@settings(deadline=None, max_examples=30)
@given(st.floats(2.5, 40), st.floats(-1, 1), st.floats(0, 6))
def test_any_period_will_do_for_fourier(period, slope, phase):
    t = np.arange(120)
    season = np.sin(2 * np.pi * t / period + phase)
    found = decompose(3 + slope * t + season, period=period)
    np.testing.assert_allclose(found.trend, 3 + slope * t, atol=1e-8)
    np.testing.assert_allclose(found.season, season, atol=1e-8)


@settings(deadline=None, max_examples=30)
@given(arrays(np.float64, (2, 60), elements=st.floats(-100, 100)), st.floats(-3, 3), st.sampled_from(METHODS))
def test_decomposing_is_linear_and_adds_up(pair, factor, method):
    x, y = pair
    parts = [decompose(v, period=6, method=method) for v in (x, y, x + factor * y)]
    for name in ("trend", "season", "rest"):
        one, two, both = (getattr(p, name) for p in parts)
        np.testing.assert_allclose(both, one + factor * two, atol=1e-8)
    np.testing.assert_allclose(parts[0].signal, x, atol=1e-10)


def test_frequencies_go_where_they_belong():
    """Slow waves to the trend, the period to the season, the rest to the rest, by fractions of their power."""
    t = np.arange(1200)
    slow, season, quick = (np.sin(2 * np.pi * t / p + 1) for p in (300, 12, 12 / 1.5))
    found = decompose(slow + season + quick, period=12)
    assert np.std(found.trend - slow) < 0.03
    assert np.std(found.season - season) < 0.01
    assert np.std(found.rest - quick) < 0.03


def test_a_season_may_change_within_its_bandwidth():
    t = np.arange(1200) / 12
    season = (1 + 0.5 * np.sin(2 * np.pi * t / 40)) * np.sin(2 * np.pi * t)
    fixed, changing = (decompose(season, period=1, rate=12, bandwidth=b) for b in (0, 0.1))
    inner = slice(60, -60)
    assert np.std(fixed.rest[inner]) > 0.2
    assert np.std(changing.rest[inner]) < 0.02
    assert changing.unit == "s"
    assert repr(changing).startswith("Decomposition(1200 samples, period 1 s, fourier")


@pytest.mark.parametrize("method", METHODS)
def test_channels_and_many_signals(method):
    x = RNG.normal(size=(3, 50))
    found = decompose(x, period=5, method=method)
    for k in range(3):
        np.testing.assert_allclose(found.trend[k], decompose(x[k], period=5, method=method).trend, atol=1e-12)
    many = decompose(Signals([x, x[:, :30]], n_axes=1, rate=10), period=0.5, method=method)
    np.testing.assert_allclose(many[0].season, found.season)
    assert many[1].rest.shape == (3, 30)
    flagged = outliers(Signals([x, x[:, :30]], n_axes=1, rate=10), period=0.5, method=method)
    np.testing.assert_array_equal(flagged[0].mask[1], outliers(x[1], period=5, method=method).mask)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rule", ["iqr", "z"])
def test_outliers_that_were_put_in_are_found_and_do_not_spread(method, rule):
    t = np.arange(240)
    clean = 10 + 0.05 * t + 2 * np.sin(2 * np.pi * t / 12)
    x = clean + np.random.default_rng(1).normal(scale=0.1, size=240)
    places = [3, 40, 41, 150, 238]
    x[places] += [3, -2, 2.5, 8, -4]
    found = outliers(x, period=12, method=method, rule=rule, threshold=3.0 if rule == "iqr" else 6)
    np.testing.assert_array_equal(np.flatnonzero(found.mask), places)
    assert found.table["sample"].tolist() == places
    np.testing.assert_allclose(found.table["expected"], clean[places], atol=0.35)
    np.testing.assert_allclose(found.table["value"], x[places])
    assert np.sign(found.table["score"]).tolist() == [1, -1, 1, 1, -1]
    np.testing.assert_allclose(found.decomposition.signal, x)
    assert len(found) == 5
    assert repr(found) == "Outliers(5 of 240 samples)"


def test_fences_are_those_of_scipy():
    x = RNG.normal(size=500)
    found = outliers(x, period=10, rule="iqr")
    rest = found.decomposition.rest
    first, third = np.quantile(rest, [0.25, 0.75])
    assert found.low == pytest.approx(first - 1.5 * scipy.stats.iqr(rest))
    assert found.high == pytest.approx(third + 1.5 * scipy.stats.iqr(rest))
    by_z = outliers(x, period=10, rule="z", threshold=2.0)
    rest = by_z.decomposition.rest
    spread = scipy.stats.median_abs_deviation(rest, scale="normal")
    np.testing.assert_allclose(by_z.scores, (rest - np.median(rest)) / spread, rtol=1e-4)
    np.testing.assert_array_equal(by_z.mask, abs(by_z.scores) > 2)


def test_few_samples_of_normal_noise_are_outliers():
    x = RNG.normal(size=20_000)
    assert len(outliers(x, period=10)) / 20_000 == pytest.approx(0.007, abs=0.002)
    assert len(outliers(x, period=10, rule="z")) / 20_000 == pytest.approx(0.0005, abs=0.0006)


@pytest.mark.parametrize("method", METHODS)
def test_rounding_is_no_outlier(method):
    t = np.arange(120)
    assert len(outliers(1e6 + 0.1 * t + np.sin(2 * np.pi * t / 12), period=12, method=method)) == 0
    assert len(outliers(np.full(120, 3.1), period=12, method=method)) == 0
    spike = np.full(120, 3.1)
    spike[50] = 4
    assert np.flatnonzero(outliers(spike, period=12, method=method, rule="z").mask).tolist() == [50]


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_what_repeats_is_continued_exactly(degree):
    t = np.arange(150)

    def function(t):
        u = t / 100
        trend = [2, 2 - u, 2 - u + u * u][degree]
        return trend + np.sin(2 * np.pi * t / 11.3) + 0.5 * np.cos(2 * np.pi * t * 2 / 11.3)

    found = extrapolate(function(t), 30, period=11.3, degree=degree, n_harmonics=2)
    np.testing.assert_allclose(found.values, function(np.arange(150, 180)), atol=1e-8)
    np.testing.assert_allclose(found.fitted, function(t), atol=1e-8)
    np.testing.assert_array_equal(found.times, np.arange(150, 180))
    np.testing.assert_allclose(found.frequencies, [1 / 11.3, 2 / 11.3])
    table = found.backtest.table.set_index("method")
    assert table.loc["harmonics", "mae"] < 1e-7
    assert table.loc["harmonics", "skill"] == pytest.approx(1)
    by_itself = extrapolate(function(t), 30, degree=degree) if degree < 2 else None
    if by_itself:
        np.testing.assert_allclose(by_itself.values, function(np.arange(150, 180)), atol=0.05)


def test_as_many_harmonics_as_help_are_taken():
    t = np.arange(400)
    x = sum(np.sin(2 * np.pi * k * t / 40 + k) for k in (1, 2, 3)) + RNG.normal(scale=0.3, size=400)
    found = extrapolate(x, 20, period=40)
    assert 3 <= len(found.frequencies) <= 4
    assert len(extrapolate(x, 20, period=(40, 7.7)).frequencies) >= 4
    in_seconds = extrapolate(x, 20, period=4, rate=10)
    np.testing.assert_allclose(in_seconds.values, found.values)
    np.testing.assert_allclose(in_seconds.times, found.times / 10)
    assert in_seconds.time_unit == "s"


def test_the_last_rest_fades():
    walk = np.random.default_rng(5).normal(size=400).cumsum()
    found = extrapolate(walk, 3, period=10, n_harmonics=1)
    rest = walk - found.fitted
    fading = (rest[1:] @ rest[:-1]) / (rest @ rest)
    columns = np.stack(
        [np.ones(403), np.arange(403)] + [f(2 * np.pi * np.arange(403) / 10) for f in (np.cos, np.sin)], 1
    )
    fit = columns @ np.linalg.lstsq(columns[:400], walk, rcond=None)[0]
    np.testing.assert_allclose(found.values, fit[400:] + rest[-1] * fading ** np.arange(1, 4))


def test_the_backtest_is_made_of_what_was_known():
    """Errors at each origin are those of forecasts from the signal cut there; what comes later changes none."""
    x = RNG.normal(size=100).cumsum() + np.sin(np.arange(100) * 2 * np.pi / 8)
    for period in (8.0, None):
        found = backtest(x, 5, period=period, n_origins=4)
        np.testing.assert_array_equal(found.origins, [50, 65, 80, 95])
        for k, origin in enumerate(found.origins):
            known = x[:origin]
            again = extrapolate(known, 5, period=period, n_origins=10)
            np.testing.assert_allclose(found.errors["harmonics"][k], again.values - x[origin : origin + 5], atol=1e-9)
            np.testing.assert_allclose(found.errors["naive"][k], known[-1] - x[origin : origin + 5])
            np.testing.assert_allclose(found.errors["mean"][k], known.mean() - x[origin : origin + 5])
            if period:
                np.testing.assert_allclose(found.errors["seasonal naive"][k], known[-8:-3] - x[origin : origin + 5])
    errors = found.errors["harmonics"]
    row = found.table.set_index("method").loc["harmonics"]
    assert row["mae"] == pytest.approx(abs(errors).mean())
    assert row["rmse"] == pytest.approx(np.sqrt((errors**2).mean()))
    assert row["skill"] == pytest.approx(1 - abs(errors).mean() / abs(found.errors["naive"]).mean())
    np.testing.assert_allclose(found.by_lead["harmonics"], abs(errors).mean(axis=0))
    assert found.by_lead.index.tolist() == [1, 2, 3, 4, 5]
    assert isinstance(found.table, pd.DataFrame)


def test_a_period_repeats():
    x = np.arange(20.0)
    np.testing.assert_array_equal(_repeated(x, 3.0, 7), [17, 18, 19, 17, 18, 19, 17])
    np.testing.assert_array_equal(_repeated(x, 2.5, 5), [18, 19, 17, 18, 19])  # to whole samples
    np.testing.assert_array_equal(_repeated(x, None, 2), [19, 19])


def test_the_interval_holds_about_as_often_as_it_says():
    t = np.arange(240)
    inside = []
    for seed in range(40):
        x = np.sin(2 * np.pi * t / 12) + np.random.default_rng(seed).normal(scale=0.3, size=240)
        found = extrapolate(x[:228], 12, period=12, confidence=0.9)
        inside.append((found.low <= x[228:]) & (x[228:] <= found.high))
        assert (found.low <= found.values).all()
        assert (np.diff(found.high - found.low) > -1e-12).all()
    assert np.mean(inside) == pytest.approx(0.93, abs=0.05)


def test_a_straight_line_and_a_constant_go_on():
    np.testing.assert_allclose(extrapolate(np.arange(50.0), 5).values, np.arange(50, 55), atol=1e-9)
    assert len(extrapolate(np.arange(50.0), 5).frequencies) == 0
    np.testing.assert_allclose(extrapolate(np.full(50, 2.5), 5).values, 2.5)


def test_forecasts_of_channels_and_many_signals():
    x = RNG.normal(size=(2, 60))
    found = extrapolate(x, 4, period=6)
    assert len(found) == 2
    np.testing.assert_array_equal(found[1].values, extrapolate(x[1], 4, period=6).values)
    assert [len(f.values) for f in extrapolate([x[0], x[1, :40]], 4, period=6)] == [4, 4]
    assert [len(b.origins) for b in backtest(x, 4, period=6, n_origins=3)] == [3, 3]


WITH_NAN = np.where(np.arange(60) == 17, np.nan, 1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: decompose(WITH_NAN, period=5), r"NaN \(channel 0, sample 17"),
        (lambda: decompose(np.ones(20), period=11), "period=11 is not between 2 and 10 samples"),
        (lambda: decompose(np.ones(20), period=1.1, rate=10), "period=1.1 is not between 0.2 and 1 s"),
        (lambda: decompose(np.ones(20), period=1), "period=1 is not between 2"),
        (lambda: decompose(np.ones(20), period=5, method="stl"), "method='stl' is not one of fourier, moving_average"),
        (
            lambda: decompose(np.ones(20), period=5.5, method="moving_average"),
            "period=5.5 is not a whole number of samples",
        ),
        (lambda: decompose(np.ones(20), period=5, n_harmonics=3), "n_harmonics=3 is not between 1 and 2"),
        (lambda: decompose(np.ones(20), period=5, bandwidth=0.06), "bandwidth=0.06 is not between 0 and a quarter"),
        (lambda: decompose(np.ones(3), period=2), "3 samples, too short"),
        (lambda: outliers(np.ones(20), period=5, rule="sigma"), "rule='sigma' is not one of iqr, z"),
        (lambda: outliers(np.ones(20), period=5, threshold=-1), "threshold=-1 is not a positive number"),
        (lambda: extrapolate(np.arange(30.0), 20), r"the signal has 30 samples, too few .* n_ahead=20: it needs 36"),
        (lambda: extrapolate(np.ones(30), 0), "n_ahead=0 is not"),
        (lambda: extrapolate(np.ones(30), 2, degree=3), "degree=3 is not 0, 1 or 2"),
        (lambda: extrapolate(np.ones(30), 2, n_origins=5), "n_origins=5 is not at least 9, which confidence=0.9 needs"),
        (lambda: extrapolate(np.ones(30), 2, confidence=1.2), "confidence=1.2 is not"),
        (lambda: extrapolate(np.ones(30), 2, n_harmonics=2), "n_harmonics=2 is not given without a period"),
        (lambda: extrapolate(np.ones(30), 2, period=40), "period=40 is not between 2 and 15"),
        (lambda: backtest(WITH_NAN, 2), "sample 17"),
        (lambda: backtest(np.ones(10), 2), "10 samples, too short: at least 16"),
    ],
)
def test_wrong_input_is_refused_in_one_sentence(call, message):
    with pytest.raises(InputError, match=message):
        call()
