"""What matters, what decided, and what a comparison proves."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import LeaveOneOut, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from filterbank import GaborBank, Moments, Proportion, Representation
from filterbank.errors import InputError
from filterbank.evaluate import compare, wilson
from filterbank.evaluate.examine import examine, verdict
from filterbank.evaluate.explain import explain, margins
from filterbank.evaluate.importance import feature_groups, group_importance
from filterbank.evaluate.refit import refittable
from filterbank.signals import Dataset, Signals


def bursts(n=60, *, seed=0, rate=None):
    """Class "fast" has a burst of 0.25 cycles/sample at a place of its own, class "slow" one of 0.0625."""
    rng = np.random.default_rng(seed)
    X, at = 0.2 * rng.normal(size=(n, 256)), rng.integers(40, 180, n)
    for i in range(n):
        frequency = 0.25 if i % 2 else 0.0625
        X[i, at[i] : at[i] + 32] += np.hanning(32) * np.cos(2 * np.pi * frequency * np.arange(32))
    table = pd.DataFrame({"label": np.where(np.arange(n) % 2, "fast", "slow")})
    return Dataset(Signals.wrap(X, rate=rate), table, target="label"), at


@pytest.fixture(scope="module")
def comparison():
    return compare(bursts()[0], recipes=["gabor", "summary"], classifiers=["ridge", "1-nn"], split="kfold", naive=False)


def test_importance_by_scikit_learns_on_a_large_test_set():
    rng = np.random.default_rng(0)
    y = np.arange(600) % 2
    X = rng.normal(size=(600, 4)) + np.array([0, 1.5, 0.7, 0]) * y[:, None]
    model = make_pipeline(StandardScaler(), LogisticRegression())
    fold = (np.arange(300), np.arange(300, 600))
    groups = {k: np.array([k]) for k in range(4)}
    ours = group_importance(model, X, y, folds=[fold], groups=groups, n_repeats=40)
    theirs = permutation_importance(model.fit(X[:300], y[:300]), X[300:], y[300:], n_repeats=40, random_state=0)
    np.testing.assert_allclose(ours["loss"], theirs.importances_mean, atol=0.02)
    assert (ours["low"] > 0).tolist() == [False, True, True, False]


def test_importance_works_where_each_fold_tests_one_signal():
    rng = np.random.default_rng(1)
    y = np.arange(40) % 2
    X = rng.normal(size=(40, 3))
    X[:, 1] += 6 * y
    folds = list(LeaveOneOut().split(X))
    groups = {"telling": np.array([1]), "rest": np.array([0, 2]), "all": np.arange(3)}
    found = group_importance(KNeighborsClassifier(1), X, y, folds=folds, groups=groups, n_repeats=30)
    losses = dict(zip(found["group"], found["loss"]))
    assert losses["telling"] == pytest.approx(0.5, abs=0.1)
    assert losses["all"] == pytest.approx(0.5, abs=0.1)
    assert losses["rest"] == pytest.approx(0, abs=0.03)
    assert found["n_features"].tolist() == [1, 2, 3]


def test_copies_of_what_tells_share_the_importance():
    """The feature stands twice: without one, the other still tells; together they are all."""
    rng = np.random.default_rng(2)
    y = np.arange(100) % 2
    x = rng.normal(size=100) + 5 * y
    X = np.column_stack([x, x, rng.normal(size=100)])
    folds = list(StratifiedKFold(5).split(X, y))
    groups = {"first": np.array([0]), "both": np.array([0, 1])}
    losses = group_importance(SVC(kernel="linear"), X, y, folds=folds, groups=groups)["loss"]
    assert losses[1] > losses[0] + 0.15


def test_importance_of_features_that_are_made_inside_the_fold():
    """Where nothing is learned from signals, it's the importance of the features that were made before."""
    dataset, _ = bursts()
    gabor, y = Representation(GaborBank(n_frequencies=4), Moments(["mean", "std"])), dataset.y
    folds = list(StratifiedKFold(4).split(np.zeros(60), y))
    inside = group_importance(
        make_pipeline(gabor, StandardScaler(), RidgeClassifier()), dataset.signals, y, folds=folds, groups="frequency"
    )
    X = gabor.fit_transform(dataset.signals)
    groups = feature_groups(gabor.feature_table_, "frequency")
    before = group_importance(make_pipeline(StandardScaler(), RidgeClassifier()), X, y, folds=folds, groups=groups)
    pd.testing.assert_frame_equal(inside, before)
    assert before["loss"].max() > 0.05
    learned = make_pipeline(
        Representation(GaborBank(n_frequencies=4), Proportion(quantiles=[0.9]), random_state=0), RidgeClassifier()
    )
    found = group_importance(learned, dataset.signals, y, folds=folds, groups="frequency")
    assert found["group"].tolist() == before["group"].tolist()
    assert found["n_features"].tolist() == [1, 1, 1, 1]


def test_groups_come_from_the_table(comparison):
    table = comparison.representations["gabor"].feature_table_
    groups = feature_groups(table, "frequency")
    assert list(groups) == sorted(table["frequency"].unique())
    assert sorted(np.concatenate(list(groups.values()))) == list(range(len(table)))
    with pytest.raises(InputError, match="by='colour' is not a column of the features' table, which has: feature"):
        feature_groups(table, "colour")
    with pytest.raises(InputError, match=r"groups\['x'\]=\[9\] is not positions from 0 to 1"):
        group_importance(SVC(), np.eye(2), [0, 1], folds=[], groups={"x": np.array([9])})


def test_what_decided_is_the_burst(comparison):
    """The most salient place lies in the burst, and the response is of its frequency."""
    _, at = bursts()
    row = refittable(comparison)
    hits, frequencies = [], []
    for signal in range(1, 41, 2):
        found = explain(comparison, signal)
        assert (found.true, found.recipe, found.classifier) == ("fast", row.recipe, row.classifier)
        assert (found.features["share"] > 0).all()
        assert found.features["share"].is_monotonic_decreasing
        assert found.salience.min() >= 0
        if set(found.features["level"]) == {"low"}:
            assert not found.salience.any()  # what is missing is nowhere
            continue
        top = found.where[0][found.salience.argmax()]
        assert found.salience.max() == 1
        hits.append(at[signal] - 4 <= top < at[signal] + 36)
        frequencies.append(found.features.loc[found.features["level"] == "high", "frequency"].iloc[0])
    assert len(hits) >= 15
    assert np.mean(hits) > 0.8
    assert np.mean(np.isin(frequencies, [0.25, 0.125])) > 0.7


def test_the_model_that_explains_has_not_seen_the_signal(comparison):
    row = refittable(comparison, explainable=True)
    for signal in (0, 7, 20):
        assert explain(comparison, signal).predicted == comparison.predictions[row.recipe, row.classifier][signal]


@pytest.mark.parametrize(
    "model", [SVC(kernel="linear"), RidgeClassifier(), LogisticRegression(), KNeighborsClassifier(1)]
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_margin_is_positive_where_the_class_is_told(model, n_classes):
    rng = np.random.default_rng(3)
    y = np.arange(90) % n_classes
    X = rng.normal(size=(90, 4)) + 2 * np.eye(4)[y]
    fitted = make_pipeline(StandardScaler(), model).fit(X[:60], y[:60])
    told = fitted.predict(X[60:])
    for label in range(n_classes):
        margin = margins(fitted, X[60:], label)
        assert ((margin > 0) == (told == label)).all()


def test_an_image_and_a_volume_can_be_explained():
    rng = np.random.default_rng(4)
    for n_axes, kind, shape in ((2, "image", (1, 24, 30)), (3, "volume", (1, 10, 11, 12))):
        items = [rng.normal(size=shape) * (1 + 2 * (i % 2)) for i in range(20)]
        dataset = Dataset(
            Signals(items, n_axes=n_axes), pd.DataFrame({"label": np.arange(20) % 2}), kind=kind, target="label"
        )
        recipe = {"own": Representation(GaborBank(n_axes, n_frequencies=2), Moments(["mean", "std"]))}
        found = explain(compare(dataset, recipes=recipe, classifiers=["ridge"], naive=False), 3)
        assert found.salience.shape == tuple(map(len, found.where))
        assert len(found.where) == n_axes


def test_what_cannot_be_explained_is_said(comparison):
    dataset = bursts()[0]
    with pytest.raises(InputError, match=r"none of the recipes \(summary\) is a Representation"):
        explain(compare(dataset, recipes=["summary"], classifiers=["ridge"], naive=False), 0)
    with pytest.raises(InputError, match="signal=99 is not from 0 to 59"):
        explain(comparison, 99)


def test_the_examination_holds_together(comparison):
    found = examine(comparison)
    assert len(found.pairs) == 3
    best = comparison.table["score"][0]
    for _, row in found.pairs.iterrows():
        assert row["difference"] == pytest.approx(comparison.row(row["recipe"], row["classifier"])["score"] - best)
    assert found.against_baseline.difference == pytest.approx(
        best - comparison.table.loc[comparison.table["recipe"] == "summary", "score"].max()
    )
    assert set(found.invariance["recipe"]) == {"gabor", "summary"}
    assert found.importance["by"].tolist()[0] == "frequency"
    assert [d.true for d in found.decisions] == ["fast", "slow"]
    assert found.permutation is found.learning is found.calibration is None
    text = json.dumps(found.as_dict(), allow_nan=False)
    assert json.loads(text)["verdict"] == found.verdict
    assert examine(comparison).as_dict() == found.as_dict()


def test_a_recipe_that_learns_is_not_fitted_again():
    dataset, _ = bursts()
    learned = Representation(GaborBank(n_frequencies=3), Proportion(quantiles=[0.9]), random_state=0)
    plain = Representation(GaborBank(n_frequencies=1), Moments(["mean"]))
    both = compare(dataset, recipes={"learned": learned, "plain": plain}, classifiers=["ridge"], naive=False)
    both = replace(both, best=("learned", "ridge"))
    assert refittable(both).recipe == "plain"
    assert any("it's plain, ridge, the best row that learns nothing" in note for note in examine(both).notes)
    alone = compare(dataset, recipes={"learned": learned}, classifiers=["ridge"], naive=False)
    row = refittable(alone)
    assert (row.recipe, row.X) == ("learned", dataset.signals)
    assert examine(alone).importance is not None


def with_score(n_right, n, majority, *, groups=None):
    """A comparison of one row that is right so often, on labels of which so many are of the commonest class."""
    rng = np.random.default_rng(0)
    labels = np.array(["male"] * majority + ["female"] * (n - majority))
    table = pd.DataFrame({"label": labels} | ({} if groups is None else {"who": groups}))
    dataset = Dataset(
        Signals.wrap(rng.normal(size=(n, 40))),
        table,
        kind="sound",
        target="label",
        group=None if groups is None else "who",
    )
    comparison = compare(dataset, recipes=["summary"], classifiers=["1-nn"], naive=False, split="kfold")
    wrong = rng.permutation(n)[n_right:]
    given = np.where(labels == "male", "female", "male")
    answers = labels.astype(object)
    answers[wrong] = given[wrong]
    comparison.predictions["summary", "1-nn"] = answers
    low, high = wilson(n_right, n)
    comparison.table.loc[0, ["score", "low", "high"]] = n_right / n, low, high
    return comparison


def test_sixteen_recordings_prove_little():
    """The published 0.81 against a majority of 0.62."""
    text = verdict(with_score(13, 16, 10))
    assert text.startswith("13 of 16 recordings are right (0.81); always answering 'male' would get 10 (0.62).")
    assert "The interval, 0.57 to 0.93, reaches down to that: with 16 recordings this proves little." in text
    needed = int(text.split("about ")[1].split()[0])
    assert wilson(13 / 16 * needed, needed)[0] > 10 / 16
    assert 16 < needed < 40


def test_many_recordings_prove_something_and_a_score_below_chance_nothing():
    assert "lies above that: this isn't luck" in verdict(with_score(81, 100, 62))
    assert "nothing is proved: the score is no higher" in verdict(with_score(9, 16, 10))
    grouped = verdict(with_score(13, 16, 10, groups=np.arange(16) // 2))
    assert "with 16 recordings of 8 groups (who) this proves little" in grouped
