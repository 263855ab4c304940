"""Permutation tests, learning curves and calibration: against brute force, scikit-learn and what they promise."""

from math import comb

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import (
    LeaveOneGroupOut,
    LeaveOneOut,
    StratifiedKFold,
    cross_val_predict,
    permutation_test_score,
)
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

from filterbank.errors import InputError
from filterbank.evaluate.calibration import calibration
from filterbank.evaluate.intervals import cluster_bootstrap, mean_interval
from filterbank.evaluate.learning import learning_curve
from filterbank.evaluate.permutation import _labellings, permutation_test
from filterbank.evaluate.refit import predict_in_folds, probabilities_in_folds


def test_predictions_and_probabilities_are_scikit_learns():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 3)), rng.choice(["a", "b", "c"], 60)
    folds = list(StratifiedKFold(4).split(X, y))
    model = LogisticRegression()
    assert (predict_in_folds(model, X, y, folds) == cross_val_predict(model, X, y, cv=folds)).all()
    expected = cross_val_predict(model, X, y, cv=folds, method="predict_proba")
    np.testing.assert_allclose(probabilities_in_folds(model, X, y, folds), expected, atol=1e-12)
    one_class = [(np.flatnonzero(y == "a"), np.flatnonzero(y == "b"))]
    assert (predict_in_folds(model, X, y, one_class) == None).all()  # noqa: E711
    with pytest.raises(InputError, match="_NoProbabilities tells no probabilities"):
        probabilities_in_folds(_NoProbabilities(), X, y, folds)


class _NoProbabilities(DummyClassifier):
    predict_proba = property()


@pytest.mark.parametrize(
    ("y", "groups", "how", "count"),
    [
        ([0, 0, 1, 1, 1], range(5), "signals", comb(5, 2)),
        ([0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 2, 2, 3, 3], "between groups", comb(4, 2)),
        ([0, 0, 0, 1, 1, 1], [0, 0, 1, 2, 2, 2], "between groups", 3),
        ([0, 1, 0, 1, 0, 1], [0, 0, 1, 1, 2, 2], "within groups", 2**3),
        ([0, 1, 2, 0, 1, 1], [0, 0, 0, 1, 1, 1], "within groups", 6 * 3),
    ],
)
def test_every_labelling_is_met_once(y, groups, how, count):
    y, groups = np.array(y), np.array(list(groups))
    found, permuted, n = _labellings(y, groups, 1000, np.random.default_rng(0))
    labellings = {tuple(other) for other in permuted}
    assert (found, n) == (how, count)
    assert len(labellings | {tuple(y)}) == count
    assert tuple(y) not in labellings
    for other in map(np.array, labellings):
        if how == "between groups":
            assert all(len(set(other[groups == g])) == 1 for g in groups)
        if how == "within groups":
            assert all(sorted(other[groups == g]) == sorted(y[groups == g]) for g in groups)


def test_the_p_value_is_scikit_learns_where_all_is_alike():
    rng = np.random.default_rng(1)
    y = np.array([0, 1] * 20)
    X = rng.normal(size=(40, 2)) + 0.6 * y[:, None]
    folds = list(StratifiedKFold(5).split(X, y))
    ours = permutation_test(NearestCentroid(), X, y, folds=folds, n_permutations=100)
    score, _, p = permutation_test_score(NearestCentroid(), X, y, cv=folds, n_permutations=100, random_state=5)
    assert ours.score == pytest.approx(score)
    assert ours.p == pytest.approx(p, abs=0.08)
    assert not ours.exhaustive


def test_a_speaker_effect_fools_only_permutations_of_signals():
    """Signals of a speaker are alike, and nothing else is: signals left out one by one are told by their speaker."""
    rng = np.random.default_rng(2)
    speaker = np.repeat(np.arange(8), 5)
    X = rng.normal(size=(8, 3))[speaker] + 0.05 * rng.normal(size=(40, 3))
    y = (speaker % 2).astype(int)
    folds = list(LeaveOneOut().split(X))
    fooled = permutation_test(KNeighborsClassifier(1), X, y, folds=folds, n_permutations=60)
    honest = permutation_test(KNeighborsClassifier(1), X, y, folds=folds, groups=speaker, n_permutations=99)
    assert fooled.p < 0.02
    assert honest.exhaustive
    assert honest.n_distinct == comb(8, 4)
    assert honest.p == 1  # every labelling of speakers is told as well


def test_few_labellings_are_said():
    speaker = np.repeat(np.arange(7), 2)
    y = (speaker == 3).astype(int)
    X = y[:, None] + np.random.default_rng(0).normal(0, 0.01, (14, 1))
    found = permutation_test(KNeighborsClassifier(1), X, y, folds=list(LeaveOneOut().split(X)), groups=speaker)
    assert (found.n_distinct, found.least) == (7, pytest.approx(1 / 7))
    folds = list(LeaveOneOut().split(X))
    scores = [
        np.mean(cross_val_predict(KNeighborsClassifier(1), X, (speaker == k).astype(int), cv=folds) == (speaker == k))
        for k in range(7)
    ]
    assert found.p == pytest.approx(np.mean(np.array(scores) >= scores[3]))  # exact: the true one is one of seven
    assert found.score == scores[3]
    assert "all 7 ways to permute the labels of whole groups" in found.sentence
    assert "p can't be below 0.14: these data can't rule out chance" in found.sentence
    with pytest.raises(InputError, match="no other labelling is possible"):
        permutation_test(KNeighborsClassifier(1), X, np.zeros(14), folds=[], groups=speaker)


@pytest.mark.slow
def test_results_do_not_depend_on_processes():
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(30, 2)), np.arange(30) % 2
    folds = list(StratifiedKFold(3).split(X, y))
    one, two = (permutation_test(NearestCentroid(), X, y, folds=folds, n_permutations=20, n_jobs=n) for n in (1, 2))
    assert one.scores.tolist() == two.scores.tolist()


def test_a_learning_curve_takes_whole_groups_away():
    rng = np.random.default_rng(4)
    group = np.repeat(np.arange(20), 4)
    y = group % 2
    X = rng.normal(size=(80, 6)) + 0.5 * y[:, None]
    seen = []

    class Spy(NearestCentroid):
        def fit(self, X, y):
            seen.append(
                (tuple(sorted({int(np.flatnonzero((everything == row).all(axis=1))[0]) // 4 for row in X})), len(X))
            )
            return super().fit(X, y)

    everything = X
    folds = list(LeaveOneGroupOut().split(X, y, group))
    curve = learning_curve(Spy(), X, y, folds=folds, groups=group, shares=(0.25, 0.5, 1.0), n_repeats=2)
    assert all(4 * len(groups) == n for groups, n in seen)
    assert all({g % 2 for g in groups} == {0, 1} for groups, _ in seen)
    assert curve.table["units"].tolist()[-1] == 19
    assert curve.table["signals"].tolist()[-1] == 76
    assert curve.unit == "group"
    last = curve.table.iloc[-1]
    expected = cross_val_predict(NearestCentroid(), X, y, cv=folds)
    assert last["score"] == pytest.approx((expected == y).mean())
    assert (curve.table["low"] <= curve.table["score"]).all()
    assert (curve.table["high"] >= curve.table["score"]).all()
    assert "19 groups in training" in curve.sentence


def test_calibration_by_scikit_learn_and_by_hand():
    rng = np.random.default_rng(5)
    told = rng.dirichlet([1, 1, 1], 300)
    y = np.array([rng.choice(["a", "b", "c"], p=row) for row in told])
    found = calibration(told, y)
    assert found.brier == pytest.approx(brier_score_loss(y, told, scale_by_half=False))
    confidence, right = told.max(axis=1), np.array(["a", "b", "c"])[told.argmax(axis=1)] == y
    error = 0.0
    for k in range(10):
        mine = (confidence >= k / 10) & (confidence < (k + 1) / 10)
        if mine.any():
            error += mine.mean() * abs(right[mine].mean() - confidence[mine].mean())
    assert found.error == pytest.approx(error)
    assert found.table["n"].sum() == 300
    assert found.error <= found.error_by_chance_high
    assert "as those of a perfect model would be by chance" in found.sentence


def test_too_sure_is_said():
    rng = np.random.default_rng(6)
    p = rng.uniform(0.3, 0.7, 400)
    y = (rng.uniform(size=400) < p).astype(int)
    sure = np.where(p > 0.5, 0.97, 0.03)
    found = calibration(np.column_stack([1 - sure, sure]), y, clusters=np.arange(400) // 20)
    assert found.error > found.error_by_chance_high
    assert found.error_low > 0.2
    assert "too sure of itself" in found.sentence
    assert found.brier > found.brier_of_shares


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: calibration(np.ones((4, 2)), [0, 1, 0, 1]), "probabilities of signal 0 are"),
        (lambda: calibration(np.full((4, 3), 1 / 3), [0, 1, 0, 1]), r"shape \(4, 3\)"),
        (
            lambda: learning_curve(NearestCentroid(), np.eye(4), [0, 1, 0, 1], folds=[], shares=(2,)),
            "shares=2 is not above 0",
        ),
        (lambda: mean_interval([np.nan, 1.0]), "isn't finite"),
        (lambda: cluster_bootstrap(np.mean, [1, 2, 3], n_resamples=5), "n_resamples=5 is not 100 or more"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_the_mean_of_independent_values_has_students_interval():
    from scipy import stats

    values = np.random.default_rng(7).normal(size=25)
    expected = stats.t.interval(0.95, 24, values.mean(), stats.sem(values))
    low, high = mean_interval(values)
    assert (low + high) / 2 == pytest.approx(values.mean())
    assert high - low == pytest.approx(expected[1] - expected[0], rel=0.06)  # fewer degrees of freedom by the kurtosis


def test_the_bootstrap_by_another_program():
    """SciPy's percentile bootstrap of the clusters' means, at the level that the correction asks for."""
    from scipy import stats

    rng = np.random.default_rng(8)
    clusters = np.repeat(np.arange(30), 5)
    values = rng.normal(size=30)[clusters] + rng.normal(size=150)
    low, high = cluster_bootstrap(lambda index: values[index].mean(), clusters, n_resamples=4000)
    reach = stats.t.ppf(0.975, 29) * np.sqrt(30 / 29)
    level = 1 - 2 * stats.norm.cdf(-reach)
    means = values.reshape(30, 5).mean(axis=1)
    other = stats.bootstrap((means,), np.mean, confidence_level=level, method="percentile", rng=rng).confidence_interval
    assert (low, high) == (pytest.approx(other.low, abs=0.03), pytest.approx(other.high, abs=0.03))
    assert np.isnan(cluster_bootstrap(lambda index: 1.0, [0, 0, 1, 1])).all()
    assert np.isnan(cluster_bootstrap(lambda index: np.nan, np.arange(9))).all()


@pytest.mark.slow
@pytest.mark.parametrize("n_clusters", [10, 20, 40])
@pytest.mark.parametrize("kind", ["bootstrap", "mean"])
def test_coverage_over_clusters(kind, n_clusters):
    """95 % means 93 to 97 %, to the simulation's own error: of a balanced accuracy, and of a loss."""
    rng = np.random.default_rng([9, n_clusters])
    held, repeats = 0, 500 if kind == "bootstrap" else 3000
    for _ in range(repeats):
        sizes = np.maximum(2, np.round(12 * np.exp(rng.normal(0, 0.4, n_clusters)))).astype(int)
        clusters = np.repeat(np.arange(n_clusters), sizes)
        if kind == "mean":
            values = rng.normal(0.1, 0.3, n_clusters)[clusters] + rng.normal(size=len(clusters))
            low, high = mean_interval(values, clusters)
            held += low <= 0.1 <= high
            continue
        y = np.arange(len(clusters)) % 2
        right = rng.random(len(clusters)) < rng.beta(7, 3, n_clusters)[clusters]

        def balanced(index, right=right, y=y):
            return (right[index][y[index] == 0].mean() + right[index][y[index] == 1].mean()) / 2

        low, high = cluster_bootstrap(balanced, clusters, n_resamples=300, random_state=None)
        held += low <= 0.7 <= high
    error = 2.5 * np.sqrt(0.95 * 0.05 / repeats)
    assert 0.93 - error <= held / repeats <= 0.97 + error, held / repeats
