"""The comparison: its scores are what scikit-learn computes on the same folds, and what it says of them is true."""

import json
import os

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.feature_selection import f_classif
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from filterbank.errors import InputError
from filterbank.evaluate import CLASSIFIERS, SplitPlan, chance_level, compare, interval, make_split
from filterbank.signals import Dataset, Signals, Skipped


def statistics(signals):
    return np.array([[s.mean(), s.std(), s.max(), 1.0] for s in signals])


def flattened(signals):
    return np.array([s.ravel() for s in signals])


def square_means(signals):
    return np.array([[(s**2).mean()] for s in signals])


def broken(signals):
    raise InputError(f"{len(signals)} signals are too short.")


def infinite(signals):
    return np.full((len(signals), 2), np.inf)


class Centred(TransformerMixin, BaseEstimator):
    """Samples less the mean of the signals it was fitted on; it remembers how many those were."""

    learns = True

    def fit(self, X, y=None):
        self.mean_ = flattened(X).mean(axis=0)
        self.n_ = len(X)
        return self

    def transform(self, X):
        return flattened(X) - self.mean_ * self.n_


STATISTICS = FunctionTransformer(statistics)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(7)
    label = np.tile(["calm", "rough", "wild"], 20)
    signals = [rng.normal(size=12) * {"calm": 1, "rough": 1.6, "wild": 2.2}[name] for name in label]
    table = pd.DataFrame({"label": label, "who": np.arange(60) // 5})
    return Dataset(Signals(signals, n_axes=1), table, target="label", group="who", name="made")


@pytest.fixture(scope="module")
def result(data):
    return compare(data, recipes={"statistics": STATISTICS, "learned": Centred()}, classifiers=list(CLASSIFIERS))


def test_subspaces_are_taken_where_they_are_asked_for(data):
    recipes = {"statistics": STATISTICS}
    usual = compare(data, recipes=recipes, naive=False).table["classifier"]
    assert sorted(usual) == sorted(set(CLASSIFIERS) - {"subspace"})
    asked = compare(data, recipes=recipes, classifiers=["subspace"], naive=False)
    assert asked.best == ("statistics", "subspace")
    assert type(asked.model[-1]).__name__ == "SubspaceClassifier"


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_scores_are_those_of_cross_val_predict(data, result, classifier):
    y = data.table["label"].to_numpy(dtype=str)
    model = make_pipeline(StandardScaler(), CLASSIFIERS[classifier][0](0))
    X = statistics(data.signals)
    expected = cross_val_predict(model, X, y, cv=result.plan.folds)
    assert result.predictions["statistics", classifier].tolist() == expected.tolist()
    row = result.row("statistics", classifier)
    assert row["score"] == accuracy_score(y, expected)
    assert row["balanced"] == pytest.approx(balanced_accuracy_score(y, expected))
    assert (row["low"], row["high"]) == interval(expected == y, data.table["who"])
    naive = cross_val_predict(model, X, y, cv=LeaveOneOut())
    assert row["naive_score"] == accuracy_score(y, naive)
    assert row["naive_folds"] == 60
    assert row["chance"] == pytest.approx(1 / 3)


def test_what_learns_is_fitted_inside_the_fold(data, result):
    y = data.table["label"].to_numpy(dtype=str)
    model = make_pipeline(Centred(), StandardScaler(), CLASSIFIERS["1-nn"][0](0))
    expected = np.empty(60, dtype=object)
    for train, test in result.plan.folds:
        expected[test] = model.fit(data.signals[train], y[train]).predict(data.signals[test])
    assert result.predictions["learned", "1-nn"].tolist() == expected.tolist()
    row = result.row("learned", "1-nn")
    assert row["naive_folds"] == 10
    assert result.representations["learned"].n_ == 60


def test_what_learns_is_told_apart_from_what_does_not():
    from filterbank.evaluate.extraction import learns

    assert learns(Centred())
    assert learns(PCA())
    assert not learns(STATISTICS)
    assert not learns(make_pipeline(STATISTICS, "passthrough"))
    assert learns(make_pipeline(STATISTICS, PCA(2)))
    assert learns(object())


def test_the_table_is_sorted_and_the_best_model_is_fitted_on_all(data, result):
    table = result.table
    assert len(table) == 2 * len(CLASSIFIERS)
    assert table["score"].is_monotonic_decreasing
    best = tuple(table.loc[0, ["recipe", "classifier"]])
    assert result.best == best
    recipe = {"statistics": STATISTICS, "learned": Centred()}[best[0]]
    by_hand = make_pipeline(recipe, StandardScaler(), CLASSIFIERS[best[1]][0](0))
    y = data.table["label"].to_numpy(dtype=str)
    assert result.model.predict(data.signals).tolist() == by_hand.fit(data.signals, y).predict(data.signals).tolist()


def test_of_equal_scores_the_one_with_fewer_features_is_best(data):
    twice = FunctionTransformer(lambda signals: np.hstack([square_means(signals)] * 2))
    recipes = {"twice": twice, "once": FunctionTransformer(square_means)}
    assert compare(data, recipes=recipes, classifiers=["1-nn"], naive=False).best == ("once", "1-nn")


def test_confusion_errors_and_importance(data, result):
    y = data.table["label"].to_numpy(dtype=str)
    given = result.predictions["statistics", "svm"].astype(str)
    confusion = result.confusion("statistics", "svm")
    assert confusion.to_numpy().tolist() == confusion_matrix(y, given).tolist()
    assert confusion.index.tolist() == ["calm", "rough", "wild"]
    errors = result.errors("statistics", "svm")
    assert errors["signal"].tolist() == np.flatnonzero(given != y).tolist()
    assert errors["predicted"].tolist() == given[given != y].tolist()
    assert errors["who"].tolist() == (np.flatnonzero(given != y) // 5).tolist()
    ranked = result.importance("statistics")
    expected = f_classif(statistics(data.signals)[:, :3], y)[0]
    assert ranked["F"].sort_index().tolist()[:3] == pytest.approx(expected.tolist())
    assert np.isnan(ranked["F"].iloc[-1])
    assert ranked.index[-1] == 3
    assert ranked["F"].iloc[0] == ranked["F"].max()


def test_results_do_not_depend_on_the_number_of_processes(data, result):
    again = compare(data, recipes={"statistics": STATISTICS}, classifiers=list(CLASSIFIERS), n_jobs=2)
    columns = ["classifier", "score", "low", "high", "naive_score"]
    ours = result.table[result.table["recipe"] == "statistics"][columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(again.table[columns], ours)


def test_as_dict_is_json_and_to_frame_says_of_what(result):
    written = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert written["split"]["name"] == "groups"
    assert written["results"][0]["score"] == result.table["score"][0]
    assert written["best"] == {"recipe": result.best[0], "classifier": result.best[1]}
    frame = result.to_frame()
    assert frame["split"].tolist() == ["groups"] * 2 * len(CLASSIFIERS)
    assert frame["dataset"][0] == "made"


def test_leaks_of_both_splits(result):
    assert result.leaks == []
    assert [finding.what for finding in result.naive_leaks] == ["group"]
    assert result.naive_leaks[0].n_signals == 60


@pytest.mark.parametrize(
    "labels",
    [
        np.tile([True, False], 12),
        np.tile([3, -1], 12),
        pd.Categorical(np.tile(["u", "v"], 12), categories=["v", "u", "w"]),
        np.array(["a", "b"] * 11 + ["c", "c"], dtype=object),
    ],
)
def test_labels_of_any_kind_and_tiny_classes(labels):
    signals = Signals.wrap(np.random.default_rng(0).normal(size=(24, 5)))
    data = Dataset(signals, pd.DataFrame({"y": labels}), target="y")
    found = compare(data, recipes={"statistics": STATISTICS})
    truth = pd.Series(labels).tolist()
    assert set(found.classes) == set(truth)
    for recipe, classifier in found.predictions:
        score = np.mean([a == b for a, b in zip(found.predictions[recipe, classifier], truth, strict=True)])
        assert found.row(recipe, classifier)["score"] == pytest.approx(score)
    assert type(found.model.predict(signals).tolist()[0]) is type(found.classes[0])


def test_only_constant_features_give_chance():
    data = Dataset(Signals.wrap(np.zeros((40, 3))), pd.DataFrame({"y": list("aaab") * 10}), target="y")
    found = compare(data, recipes={"statistics": STATISTICS}, classifiers=["ridge", "logistic", "svm"])
    assert found.table["score"].tolist() == [0.75] * 3
    assert found.importance("statistics")["F"].isna().all()
    assert any("proves little" in note for note in found.notes)
    assert [finding.what for finding in found.leaks] == ["duplicate"]


def test_16_recordings_prove_little():
    rng = np.random.default_rng(5)
    label = np.array(["m"] * 10 + ["f"] * 6)
    shown = label.copy()
    shown[[0, 4, 12]] = np.where(label[[0, 4, 12]] == "m", "f", "m")  # 13 of 16 look right
    signals = np.where(shown == "m", 0.0, 9.0)[:, None] + rng.normal(size=(16, 4))
    data = Dataset(Signals.wrap(signals), pd.DataFrame({"sex": label}), target="sex")
    found = compare(data, recipes={"mean": FunctionTransformer(statistics)}, classifiers=["ridge"], naive=False)
    assert found.table.loc[0, ["score", "chance"]].tolist() == [13 / 16, 10 / 16]
    note = next(note for note in found.notes if "proves little" in note)
    assert "16 tested signals in 16 independent units" in note
    assert "0.81 (0.57 to 0.93) against a chance level of 0.62" in note


def test_signals_that_are_never_tested_have_no_prediction(data):
    table = data.table.assign(split=["train"] * 40 + ["test"] * 20)
    given = Dataset(data.signals, table, target="label")
    found = compare(given, recipes={"statistics": STATISTICS}, classifiers=["1-nn"], split="given")
    predictions = found.predictions["statistics", "1-nn"]
    assert [p is None for p in predictions] == [True] * 40 + [False] * 20
    assert found.confusion("statistics", "1-nn").to_numpy().sum() == 20
    assert found.errors("statistics", "1-nn")["signal"].min() >= 40
    assert found.row("statistics", "1-nn")["score"] == np.mean(predictions[40:] == table["label"][40:])


def test_one_tested_group_has_no_interval(data):
    plan = SplitPlan("own", "Mine.", [(np.arange(55), np.arange(55, 60))], np.arange(60) // 5)
    found = compare(data, recipes={"statistics": STATISTICS}, classifiers=["1-nn"], split=plan, naive=False)
    assert np.isnan(found.table["low"][0])
    assert found.as_dict()["results"][0]["low"] is None
    assert any("belong to one group" in note for note in found.notes)
    assert found.naive_plan is None
    assert np.isnan(found.table["naive_score"][0])


def test_a_recipe_that_fails_becomes_a_note_unless_all_do(data):
    recipes = {"broken": FunctionTransformer(broken), "inf": FunctionTransformer(infinite), "statistics": STATISTICS}
    found = compare(data, recipes=recipes, classifiers=["1-nn"], naive=False)
    assert found.table["recipe"].tolist() == ["statistics"]
    assert "Recipe 'broken' is left out: 60 signals are too short." in found.notes
    assert any("'inf'" in note and "inf for feature 0 of signal 0" in note for note in found.notes)
    with pytest.raises(InputError, match="recipe 'broken' can't be used on these signals: 60 signals are too short"):
        compare(data, recipes={"broken": recipes["broken"]})


def test_a_recipe_that_fails_inside_a_fold_is_left_out(data):
    class Fickle(Centred):
        def fit(self, X, y=None):
            if len(X) < 60:
                raise InputError(f"{len(X)} signals are too few.")
            return super().fit(X)

    found = compare(data, recipes={"fickle": Fickle(), "statistics": STATISTICS}, classifiers=["1-nn"])
    assert set(found.table["recipe"]) == {"statistics"}
    assert any("'fickle' is left out: 55 signals are too few." in note for note in found.notes)


def test_an_error_that_is_no_input_error_is_not_swallowed(data):
    def wrong(signals):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        compare(data, recipes={"wrong": FunctionTransformer(wrong), "statistics": STATISTICS})


def test_an_interrupt_ends_it(data):
    def interrupt(done, total, text):
        if text.startswith("fits"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(data, recipes={"statistics": STATISTICS}, progress=interrupt)


def test_progress_counts_up_to_the_total(data):
    told = []
    compare(
        data,
        recipes={"statistics": STATISTICS},
        classifiers=["1-nn"],
        progress=lambda *step: told.append(step),
    )
    fits = [step for step in told if "fits" in step[2]]
    assert fits[-1][:2] == (70, 70)
    assert [step[0] for step in fits] == sorted(step[0] for step in fits)


def test_naive_leave_one_out_gives_way_to_ten_folds_where_it_would_take_long(data, monkeypatch):
    import importlib

    monkeypatch.setattr(importlib.import_module("filterbank.evaluate.scoring"), "NAIVE_COST", 60.0**3 * 3)
    recipes = {"statistics": STATISTICS, "squares": FunctionTransformer(square_means)}
    table = compare(data, recipes=recipes, classifiers=["1-nn"]).table.set_index("recipe")
    assert table["naive_folds"].to_dict() == {"statistics": 10, "squares": 60}


def test_unconverged_fits_and_skipped_files_are_said(data):
    from dataclasses import replace

    from sklearn.linear_model import LogisticRegression

    skipped = replace(data, skipped=(Skipped("a.wav", "it is empty."),))
    found = compare(
        skipped,
        recipes={"statistics": STATISTICS},
        classifiers={"hasty": LogisticRegression(max_iter=1)},
        naive=False,
    )
    assert any(note == "hasty stopped before it converged in 10 of 10 fits." for note in found.notes)
    assert any("a.wav: it is empty." in note for note in found.notes)


def test_chance_is_the_share_of_the_most_common_tested_label():
    y = np.array(list("aabbb"))
    folds = [(np.array([2, 3, 4]), np.array([0, 1])), (np.array([0, 1]), np.array([2]))]
    plan = SplitPlan("own", "", folds, np.arange(5))
    assert chance_level(y, plan) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recipes": ["gabbor"]}, "recipe='gabbor' is not one of summary"),
        ({"recipes": []}, "recipes=.. is not at least one"),
        ({"classifiers": ["2-nn"]}, "classifier='2-nn' is not one of 1-nn, ridge"),
        ({"split": "tme"}, "split='tme' is not one of"),
        ({"split": SplitPlan("own", "", [], np.arange(60))}, "'own' has no folds"),
        ({"split": SplitPlan("own", "", [], np.arange(5))}, "made for 5 signals, and there are 60"),
        (
            {"split": SplitPlan("own", "", [(np.arange(9), np.array([8]))], np.arange(60))},
            "fold 1 of the split 'own' has signal 8 in training and in test",
        ),
        (
            {"split": SplitPlan("own", "", [(np.arange(8), np.array([9]))] * 2, np.arange(60))},
            "'own' tests signal 9 in several folds",
        ),
    ],
)
def test_bad_input_is_named(data, change, message):
    with pytest.raises(InputError, match=message):
        compare(data, **{"recipes": {"statistics": STATISTICS}, **change})


def test_an_unknown_row_is_named(result):
    with pytest.raises(InputError, match=r"'statistics', '9-nn'.* is not one of these: statistics with 1-nn"):
        result.confusion("statistics", "9-nn")
    with pytest.raises(InputError, match="recipe='x' is not one of statistics, learned"):
        result.importance("x")


def test_the_packages_own_recipes_run_by_name():
    rng = np.random.default_rng(0)
    signals = [np.sin(np.arange(64) * f) + 0.1 * rng.normal(size=64) for f in np.repeat([0.4, 1.2], 10)]
    data = Dataset(Signals(signals, n_axes=1), pd.DataFrame({"y": np.repeat(["low", "high"], 10)}), target="y")
    found = compare(data, recipes=["tutorial_gabor", "gabor"], classifiers=["1-nn"])
    assert set(found.table["recipe"]) == {"tutorial_gabor", "gabor"}
    assert found.table["score"].tolist() == [1.0, 1.0]
    assert found.features["tutorial_gabor"].columns.tolist() == list(
        found.representations["tutorial_gabor"].get_feature_names_out()
    )
    assert {"frequency", "statistic", "F"} <= set(found.importance("gabor").columns)


@pytest.mark.skipif(not os.environ.get("FILTERBANK_DATA"), reason="FILTERBANK_DATA is not set")
def test_health_from_the_built_in_data_set():
    from filterbank.datasets import health

    data = health()
    plan = make_split(data, "auto")
    assert plan.name == "time"
    found = compare(data, recipes=["tutorial_gabor"], classifiers=["1-nn", "ridge"], naive=False)
    assert found.row("tutorial_gabor", "1-nn")["score"] == pytest.approx(0.683, abs=0.01)
    assert found.row("tutorial_gabor", "ridge")["score"] == pytest.approx(0.742, abs=0.02)
