"""Paired comparisons agree with SciPy, with brute force and with what they promise in simulations."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from filterbank.errors import InputError
from filterbank.evaluate.paired import compare_pair, corrected_t, mcnemar, sign_flip, signed_rank_posterior


@pytest.mark.parametrize(("b", "c"), [(0, 0), (3, 0), (8, 1), (5, 5), (20, 33)])
def test_mcnemar_is_the_exact_sign_test(b, c):
    if b + c == 0:
        assert mcnemar(b, c) == 1
        return
    tail = sum(stats.binom.pmf(k, b + c, 0.5) for k in range(min(b, c) + 1))
    assert mcnemar(b, c) == pytest.approx(min(1.0, 2 * tail))


def test_sign_flips_by_brute_force_and_by_chance():
    values = np.array([0.4, -0.1, 0.3, 0.2, 0.5, -0.2, 0.1])
    observed = abs(values.sum())
    exact = np.mean([abs(np.dot(s, values)) >= observed - 1e-12 for s in product((1, -1), repeat=7)])
    assert sign_flip(values) == (pytest.approx(exact), 2**-6)
    many = np.random.default_rng(0).normal(0.2, 1, 40)
    t = stats.permutation_test(
        (many,), lambda x: x.mean(), permutation_type="samples", n_resamples=20_000, rng=np.random.default_rng(1)
    )
    assert sign_flip(many)[0] == pytest.approx(t.pvalue, abs=0.015)
    assert sign_flip([0.0, 0.0]) == (1.0, 1.0)


def test_the_corrected_t_test_by_its_formula():
    """With a ratio of 0 it would be the plain t test; the ratio widens by 1 + n * ratio."""
    differences = np.random.default_rng(2).normal(0.05, 0.1, 10)
    plain = stats.ttest_1samp(differences, 0)
    assert corrected_t(differences, 1e-12) == pytest.approx(plain.pvalue, rel=1e-6)
    t = plain.statistic / np.sqrt(1 + 10 / 9)
    assert corrected_t(differences, 1 / 9) == pytest.approx(2 * stats.t.sf(abs(t), 9))
    assert corrected_t([0.0, 0.0, 0.0], 0.5) == 1.0


def test_the_posterior_of_one_difference_by_integration():
    """Two atoms, 0 with weight w0 ~ Beta(0.5, n) and d: the walsh means are 0, d / 2 and d."""
    n, rope = 3, 0.01
    w = stats.beta(0.5, n).rvs(400_000, random_state=np.random.default_rng(0))
    same = w**2  # only the mean of 0 and 0 lies within; d / 2 and d lie above
    better, equal, worse = signed_rank_posterior([0.2] * n, rope=rope)
    assert better == pytest.approx(np.mean(1 - same > same), abs=0.01)
    assert equal == pytest.approx(np.mean(same > 1 - same), abs=0.01)
    assert worse == 0


def test_the_posterior_is_fair():
    differences = np.random.default_rng(3).normal(0, 0.1, 30)
    better, same, worse = signed_rank_posterior(differences)
    mirrored = signed_rank_posterior(-differences)
    assert better + same + worse == pytest.approx(1)
    assert (better, worse) == (pytest.approx(mirrored[2], abs=0.02), pytest.approx(mirrored[0], abs=0.02))
    assert signed_rank_posterior(np.zeros(30))[1] == 1
    assert signed_rank_posterior(differences, random_state=1) == signed_rank_posterior(differences, random_state=1)


def test_clusters_decide_which_test_counts():
    """Ten signals of each of four groups: 40 independent signals would be certain, four groups can't be."""
    first, second = np.ones(40, dtype=bool), np.tile([True] * 7 + [False] * 3, 4)
    alone = compare_pair(first, second, names=("a", "b"))
    assert alone.p == alone.mcnemar == mcnemar(12, 0)
    assert alone.sentence.startswith("a is right more often than b by 0.300")
    assert "hardly luck" in alone.sentence
    grouped = compare_pair(first, second, clusters=np.arange(40) // 10, names=("a", "b"))
    assert grouped.p == grouped.sign_flip == grouped.least == 0.125
    assert "4 independent units are too few to show any difference (p can't be below 0.12)" in grouped.sentence
    assert (grouped.only_first, grouped.only_second, grouped.n_units) == (12, 0, 4)
    other = compare_pair(second, first, clusters=np.arange(40) // 10, names=("b", "a"))
    assert other.difference == -grouped.difference
    assert other.sentence == grouped.sentence


def test_folds_give_the_corrected_t_test():
    rng = np.random.default_rng(4)
    first, second = rng.random(50) < 0.8, rng.random(50) < 0.6
    folds = [(np.delete(np.arange(50), test), test) for test in np.arange(50).reshape(5, 10)]
    found = compare_pair(first, second, folds=folds)
    by_fold = [first[t].mean() - second[t].mean() for _, t in folds]
    assert found.corrected_t == pytest.approx(corrected_t(by_fold, 10 / 40))
    assert np.isnan(compare_pair(first, second).corrected_t)


def test_equal_answers():
    found = compare_pair([True, False, True], [True, False, True])
    assert (found.difference, found.p, found.same) == (0, 1, 1)
    assert found.sentence == "the first and the second are right equally often."


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: compare_pair([True], [True, False]), "first has 1 answers and second has 2"),
        (lambda: mcnemar(-1, 2), "only_first=-1 is not a count"),
        (lambda: corrected_t([0.1], 0.5), "number of folds=1 is not 2 or more"),
        (lambda: corrected_t([0.1, 0.2], 0), "ratio=0 is not positive"),
        (lambda: signed_rank_posterior([0.1], rope=-1), "rope=-1 is not zero or more"),
        (lambda: signed_rank_posterior([]), "shape .0,."),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.slow
def test_equals_are_rarely_told_apart_and_intervals_hold():
    """Two equally good pipelines on 12 groups that differ: p below 0.05 in at most 1 of 20, intervals in 93 to 98 %."""
    rng = np.random.default_rng(5)
    low_p = held = 0
    repeats = 800
    for _ in range(repeats):
        group = np.repeat(np.arange(12), 8)
        easy = rng.beta(4, 2, 12)[group]
        tilt = rng.normal(0, 0.15, 12)[group]
        first, second = (rng.random(96) < np.clip(easy + sign * tilt, 0, 1) for sign in (0.5, -0.5))
        found = compare_pair(first, second, clusters=group)
        low_p += found.p <= 0.05
        held += found.low <= 0 <= found.high
    assert low_p / repeats <= 0.07
    assert 0.93 <= held / repeats <= 0.98
