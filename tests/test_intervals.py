"""Intervals: Wilson's as SciPy and as its defining equation has it, and clusters, whose coverage is simulated."""

import numpy as np
import pytest
from scipy import optimize, stats

from filterbank.errors import InputError
from filterbank.evaluate import cluster_interval, interval, wilson


@pytest.mark.parametrize(("k", "n"), [(0, 5), (1, 7), (13, 16), (81, 100), (451, 660), (9, 9)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_wilson_as_scipy(k, n, level):
    expected = stats.binomtest(k, n).proportion_ci(level, method="wilson")
    assert wilson(k, n, level=level) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_no_clusters_or_one_signal_each_is_wilson():
    right = np.array([True] * 13 + [False] * 3)
    assert interval(right) == wilson(13, 16)
    assert interval(right, np.arange(16)) == wilson(13, 16)
    assert interval(right, np.arange(16) // 2) == cluster_interval(right, np.arange(16) // 2)


@pytest.mark.parametrize(
    ("sizes", "accuracies"),
    [([3, 9, 12, 5, 20, 8, 4], [0.9, 0.3, 0.9, 0.1, 0.9, 0.3, 0.95]), ([6] * 12, [1.0] * 11 + [0.0])],
    ids=["uneven", "one bad cluster"],
)
def test_clusters_by_another_way(sizes, accuracies):
    """The bounds solve |share - p| = t * standard error at p, with the jackknife's design effect."""
    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    right = rng.random(len(clusters)) < np.array(accuracies)[clusters]
    n, share = len(right), right.mean()
    without = np.array([right[clusters != g].mean() for g in range(len(sizes))])
    variance = (1 - 1 / len(sizes)) * ((without - share) ** 2).sum()
    effect = variance / (share * (1 - share) / n)
    assert effect > 1
    kish = n**2 / sum(size**2 for size in sizes)
    # Leaving a cluster out moves the mean by its residual over (1 - its share), over n.
    matched = 2 * len(sizes) / (stats.kurtosis(np.r_[without - share, share - without], fisher=False) - 1)
    t = stats.t.ppf(0.975, min(kish - 1, matched))

    def excess(p):
        return (share - p) ** 2 - t**2 * effect * p * (1 - p) / n

    expected = optimize.brentq(excess, 1e-9, share), optimize.brentq(excess, share, 1 - 1e-9)
    assert cluster_interval(right, clusters) == pytest.approx(expected, abs=1e-9)


def test_dependence_widens_and_is_never_taken_for_more_signals():
    clusters = np.repeat(np.arange(8), 10)
    wholly = clusters < 5
    evenly = np.tile([True] * 6 + [False] * 4, 8)
    low, high = cluster_interval(wholly, clusters)
    assert high - low > 2 * np.diff(wilson(50, 80))[0]
    low, high = cluster_interval(evenly, clusters)
    assert high - low >= np.diff(wilson(48, 80))[0]


def test_all_right_counts_clusters_and_one_cluster_says_nothing():
    clusters = np.repeat(np.arange(10), 6)
    assert cluster_interval(np.ones(60), clusters) == pytest.approx(wilson(10, 10))
    assert cluster_interval(np.zeros(60), clusters) == pytest.approx(wilson(0, 10))
    assert np.isnan(cluster_interval(np.ones(60), np.zeros(60))).all()


def test_names_and_order_of_clusters_do_not_matter():
    rng = np.random.default_rng(0)
    clusters, right = rng.integers(0, 6, 50), rng.random(50) < 0.7
    order = rng.permutation(50)
    named = np.array(list("abcdef"))[clusters]
    assert cluster_interval(right[order], named[order]) == pytest.approx(cluster_interval(right, clusters), abs=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: wilson(3, 2), "k=3 is not a count from 0 to n=2"),
        (lambda: wilson(0, 0), "n=0 is not a positive"),
        (lambda: wilson(1, 2, level=1.0), "level=1.0 is not between"),
        (lambda: interval([]), "shape .0,."),
        (lambda: interval([0.5, 1]), "correct=.0.5, 1.0. is not an array of True"),
        (lambda: interval([True, False], ["a"]), "clusters has shape .1,.; it must be one value for each of the 2"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(InputError, match=message):
        make()


def coverage(rng, *, n_clusters, accuracy, correlation, uneven, repeats):
    """The share of intervals that hold the true accuracy, where clusters differ as a beta distribution says."""
    held = 0
    for _ in range(repeats):
        sizes = np.maximum(1, np.round(20 * np.exp(rng.normal(0, uneven, n_clusters)))).astype(int)
        if correlation:
            strength = 1 / correlation - 1
            of_cluster = rng.beta(accuracy * strength, (1 - accuracy) * strength, n_clusters)
        else:
            of_cluster = np.full(n_clusters, accuracy)
        clusters = np.repeat(np.arange(n_clusters), sizes)
        low, high = interval(rng.random(len(clusters)) < of_cluster[clusters], clusters)
        held += low <= accuracy <= high
    return held / repeats


def bootstrap_coverage(rng, *, n_clusters, accuracy, correlation, repeats):
    """The same for the percentile bootstrap over clusters, the obvious alternative."""
    held, strength = 0, 1 / correlation - 1
    for _ in range(repeats):
        sizes = np.maximum(1, np.round(20 * np.exp(rng.normal(0, 0.8, n_clusters)))).astype(int)
        right = rng.binomial(sizes, rng.beta(accuracy * strength, (1 - accuracy) * strength, n_clusters))
        drawn = rng.integers(0, n_clusters, (300, n_clusters))
        low, high = np.quantile(right[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), [0.025, 0.975])
        held += low <= accuracy <= high
    return held / repeats


def test_coverage_in_brief():
    rng = np.random.default_rng(1)
    setting = {"n_clusters": 8, "accuracy": 0.75, "correlation": 0.2}
    ours = coverage(rng, **setting, uneven=0.8, repeats=600)
    assert 0.925 <= ours <= 0.99
    assert bootstrap_coverage(rng, **setting, repeats=600) < ours - 0.03


@pytest.mark.slow
@pytest.mark.parametrize("n_clusters", [6, 10, 15])
@pytest.mark.parametrize("uneven", [0.0, 0.5, 0.8])
def test_coverage(n_clusters, uneven):
    """95 % means at least 93 % in the middle of the range; few correct clusters and no correlation may give more."""
    rng = np.random.default_rng(2)
    for correlation in (0.0, 0.05, 0.2):
        for accuracy in (0.5, 0.7, 0.85):
            share = coverage(
                rng, n_clusters=n_clusters, accuracy=accuracy, correlation=correlation, uneven=uneven, repeats=4000
            )
            where = (n_clusters, uneven, correlation, accuracy, share)
            assert share >= 0.925, where
            assert share <= (0.98 if correlation and n_clusters > 6 else 1.0), where
