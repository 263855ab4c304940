"""Views choose front, weights and penalty on inner folds alone, and scale features so that a penalty of 1 is right."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV, GroupKFold, StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from filterbank.errors import InputError
from filterbank.evaluate import SplitPlan, TimeBlocks, compare, inner_folds, make_split
from filterbank.fronts import FRONTS, Front
from filterbank.least_squares import LeastSquaresSVC
from filterbank.models import Model
from filterbank.recipes import gabor, make, patterns, summary
from filterbank.signals import Dataset, Signals
from filterbank.views import Patterns, Views

PLAIN = {"fronts": ["none"], "weights": ["features"]}


def bursts(n=60, seed=0):
    """Series whose classes differ by a factor on a scale that is only even after a logarithm."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    level = rng.normal(size=(n, 1)) * 0.3 + 1.2 * y[:, None]
    return np.exp(3 * (level + 0.4 * rng.normal(size=(n, 40)))), y


def small():
    return [("summary", summary()), ("gabor", gabor())]


def test_patterns_are_shares_above_their_thresholds():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=n) for n in (25, 33, 28)]
    found = Patterns(n_thresholds=3, random_state=1).fit(X)
    assert found.dilations_ == (1, 2, 4)  # (33 - 1) / 8
    values = found.transform(X)
    table = found.feature_table_
    assert values.shape == (3, 84 * 3 * 3) == (3, len(table)) == (3, len(set(found.get_feature_names_out())))
    row = 84 * 3 + 3 * 17 + 1  # dilation 2, pattern 17, the second threshold
    drawn, dilation = table["kernel"][row].split("x")
    threshold = found.pools_[1].thresholds_[17, 1]
    taps = np.where(np.array(list(drawn)) == "#", 2.0, -1.0)
    for i, x in enumerate(X):
        padded = np.pad(x, 4 * int(dilation))
        seen = [taps @ padded[p : p + 8 * int(dilation) + 1 : int(dilation)] for p in range(len(x))]
        assert values[i, row] == np.mean(np.array(seen) > threshold)


def test_thresholds_are_quantiles_of_the_responses():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(200, 40)) + 5
    found = Patterns(n_thresholds=4, max_samples=20_000, random_state=0).fit(X)
    drawn, dilation = found.feature_table_["kernel"][84 * 4 * 2].split("x")
    taps = np.where(np.array(list(drawn)) == "#", 2.0, -1.0)
    padded = np.pad(X, ((0, 0), (4 * int(dilation), 4 * int(dilation))))
    seen = np.stack([padded[:, p : p + 8 * int(dilation) + 1 : int(dilation)] @ taps for p in range(40)])
    share = [(seen <= threshold).mean() for threshold in found.pools_[2].thresholds_[0]]
    np.testing.assert_allclose(share, [0.125, 0.375, 0.625, 0.875], atol=0.015)


def test_channels_have_features_of_their_own():
    X = np.random.default_rng(0).normal(size=(6, 2, 30))
    found = Patterns(n_thresholds=2, max_samples=60)
    values = found.fit_transform(X)
    again = Patterns(n_thresholds=2, max_samples=60).fit(X)
    again.pools_ = found.pools_
    assert values.shape == (6, 84 * 2 * 2 * 2)
    swapped = again.transform(X[:, ::-1])
    channel = found.feature_table_["channel"].to_numpy()
    assert set(channel) == {0, 1}
    assert not np.array_equal(swapped, values)
    np.testing.assert_array_equal(found.transform(X), values)


def test_all_patterns_differ_and_sum_to_nothing():
    table = Patterns(n_thresholds=1).fit([np.arange(20.0)]).feature_table_
    drawn = {name.split("x")[0] for name in table["kernel"]}
    assert len(drawn) == 84
    assert all(name.count("#") == 3 and name.count(".") == 6 for name in drawn)


def test_the_front_that_evens_the_scale_is_chosen():
    X, y = bursts()
    views = Views(small()).fit(X, y)
    assert views.front_ in ("log", "sqrt")
    best = views.choices_.loc[views.choices_["accuracy"].idxmax()]
    assert views.choices_["accuracy"].max() == best["accuracy"]
    assert best["front"] == views.front_ or (views.choices_["accuracy"] == best["accuracy"]).sum() > 1
    assert set(views.feature_table_["front"]) == {views.front_}
    assert set(views.feature_table_["view"]) == {"summary", "gabor"}
    assert set(views.choices_["front"]) == set(FRONTS)


def test_accuracies_are_those_of_scikit_learn():
    """One view, features with one vote each: ridge on standardised features, on the same inner folds."""
    X, y = bursts(seed=3)
    folds = list(StratifiedKFold(4, shuffle=True, random_state=2).split(X, y))
    views = Views([("summary", summary())], fronts=["log"], weights=["features"], penalties=[0.3, 1e15]).fit(
        X, y, folds=folds
    )
    values = StandardScaler().fit_transform(summary().fit_transform(Front("log").fit_transform(X)))
    length = (values**2).sum(axis=1).mean()
    right = 0
    for train, test in folds:  # the slow twin, with the intercept at the mean of the targets
        targets = 2.0 * y[train] - 1
        normal = values[train] @ values[train].T + 0.3 * length * np.eye(len(train))
        weights = values[train].T @ np.linalg.solve(normal, targets - targets.mean())
        right += ((values[test] @ weights + targets.mean() > 0) == y[test]).sum()
    assert views.choices_["accuracy"].tolist() == [right / len(y)]


def test_a_penalty_of_one_is_the_chosen_one():
    X, y = bursts(seed=1)
    views = Views(small(), fronts=["log"], weights=["views"], penalties=[0.05]).fit(X, y)
    parts = [StandardScaler().fit_transform(part.fit_transform(Front("log").fit_transform(X))) for _, part in small()]
    weighted = np.concatenate([part / np.sqrt(2 * part.shape[1]) for part in parts], axis=1)
    alpha = 0.05 * (weighted**2).sum(axis=1).mean()
    expected = RidgeClassifier(alpha=alpha).fit(weighted, y).decision_function(weighted)
    given = views.transform(X)
    np.testing.assert_allclose(RidgeClassifier(alpha=1).fit(given, y).decision_function(given), expected, atol=1e-8)
    np.testing.assert_allclose(LeastSquaresSVC().fit(given, y).decision_function(given), expected, atol=1e-8)


def test_views_of_one_kind_share_a_vote():
    X, y = bursts()
    twice = [
        ("gabor", gabor()),
        ("gabor.difference", make_pipeline(Front("difference"), gabor())),
        ("summary", summary()),
    ]
    views = Views(twice, fronts=["log"], weights=["views"], penalties=[1.0]).fit(X, y)
    values = views.transform(X)
    of_view = views.feature_table_["view"].to_numpy()
    energy = {name: (values[:, of_view == name] ** 2).sum() for name in ("gabor", "gabor.difference", "summary")}
    assert energy["gabor"] + energy["gabor.difference"] == pytest.approx(energy["summary"])


def test_labels_of_other_folds_are_not_seen():
    """A choice made in a fold doesn't change with the labels or the signals that the fold leaves out."""
    X, y = bursts()
    train = np.arange(40)
    first = Views(small()).fit(X[train], y[train])
    X[40:], y[40:] = 1e9, 0
    second = Views(small()).fit(X[train], y[train])
    pd.testing.assert_frame_equal(first.choices_, second.choices_)


def test_inner_folds_may_keep_groups_apart():
    X, y = bursts()
    groups = np.arange(60) // 2 % 6
    by_cv = Views(small(), cv=GroupKFold(3), fronts=["none", "log"]).fit(X, y, groups=groups)
    folds = list(GroupKFold(3).split(X, y, groups))
    pd.testing.assert_frame_equal(
        by_cv.choices_, Views(small(), fronts=["none", "log"]).fit(X, y, folds=folds).choices_
    )
    with config_context(enable_metadata_routing=True):
        views = Views(small(), cv=GroupKFold(2), fronts=["none", "log"]).set_fit_request(groups=True)
        model = make_pipeline(views, RidgeClassifier())
        search = GridSearchCV(model, {"views__weights": [["views"], ["features"]]}, cv=GroupKFold(2))
        scores = [
            cross_validate(search, X, y, cv=GroupKFold(3), params={"groups": groups}, n_jobs=n)["test_score"]
            for n in (1, 2)
        ]
    np.testing.assert_array_equal(*scores)


def test_time_blocks_serve_as_inner_folds():
    X, y = bursts()
    spans = pd.DataFrame({"source": y, "start": np.arange(60) // 2 * 5})
    spans["stop"] = spans["start"] + 10
    views = Views(small(), cv=TimeBlocks(3), fronts=["none", "log"]).fit(X, y, groups=spans)
    assert views.choices_["accuracy"].between(0, 1).all()


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"views": []}, r"views=\[\]"),
        ({"fronts": ["log", "cube"]}, r"fronts=\['log', 'cube'\]"),
        ({"weights": "views"}, "weights='views'"),
        ({"penalties": [0.0]}, r"penalties=\[0.0\]"),
    ],
)
def test_bad_parameters_are_named(change, shown):
    X, y = bursts()
    with pytest.raises(InputError, match=shown):
        clone(Views(small())).set_params(**change).fit(X, y)


def test_threads_change_nothing():
    X, y = bursts()
    one, two = (Views(small(), n_jobs=n).fit(X, y) for n in (1, 2))
    pd.testing.assert_frame_equal(one.choices_, two.choices_)
    np.testing.assert_array_equal(one.transform(X), two.transform(X))


def test_the_command_extracts_what_labels_chose(tmp_path):
    from typer.testing import CliRunner

    from filterbank.cli import app

    X, y = bursts(24)
    for label in (0, 1):
        (tmp_path / "data" / f"c{label}").mkdir(parents=True)
        for i, x in enumerate(X[y == label]):
            np.save(tmp_path / "data" / f"c{label}" / f"{i}.npy", x)
    out = tmp_path / "features.csv"
    result = CliRunner().invoke(app, ["extract", str(tmp_path / "data"), "--recipe", "views", "--out", str(out)])
    assert result.exit_code == 0, result.output
    table = pd.read_csv(out)
    assert len(table) == 24
    assert any(name.startswith("patterns.difference.") for name in table)


def test_bad_labels_are_named():
    X, y = bursts()
    with pytest.raises(InputError, match="y=None"):
        Views(small()).fit(X)
    with pytest.raises(InputError, match=r"\(59,\)"):
        Views(small()).fit(X, y[:-1])
    with pytest.raises(InputError, match="one class, 7"):
        Views(small()).fit(X, np.full(60, 7))
    with pytest.raises(InputError, match="n_thresholds=0"):
        Patterns(0).fit(X)


def test_a_class_with_one_signal_and_a_constant_view_do_no_harm():
    X, y = bursts()
    y = y.astype(str)
    y[5] = "rare"
    flat = np.ones_like(X)
    views = Views(small(), **PLAIN).fit(flat, y)
    assert (views.transform(flat) == 0).all()
    assert np.isfinite(Views(small()).fit(X, y).transform(X)).all()


# ------------------------------------------------------------------------------------------ inner folds of a plan


def windows_of_two(n=40, size=12, hop=4):
    rng = np.random.default_rng(0)
    rows = [(source, k * hop, k * hop + size, hop * (n - 1) + size) for source in "ab" for k in range(n)]
    table = pd.DataFrame(rows, columns=["source", "start", "stop", "source_length"])
    table["label"] = table["source"]
    return Dataset(Signals(list(rng.normal(size=(2 * n, size))), n_axes=1), table, target="label")


@pytest.mark.parametrize("name", ["time", "purged", "kfold", "naive"])
def test_inner_folds_lie_in_the_training_signals_and_keep_apart_what_the_plan_does(name):
    data = windows_of_two()
    y, plan = data.y, make_split(data, name)
    for train, _ in plan.folds[:: max(1, len(plan.folds) // 4)]:
        inside = inner_folds(plan, y, train)
        assert 2 <= len(inside) <= 5
        tested = np.concatenate([test for _, test in inside])
        assert len(np.unique(tested)) == len(tested)
        for seen, test in inside:
            assert not set(seen) & set(test)
            assert max(seen.max(), test.max()) < len(train)
            assert set(y[train][seen]) == {"a", "b"}
            if name in ("time", "purged"):
                spans = data.table.iloc[train]
                source, start, stop = (spans[c].to_numpy() for c in ("source", "start", "stop"))
                for t in test:
                    others = seen[source[seen] == source[t]]
                    assert not ((start[others] < stop[t]) & (stop[others] > start[t])).any()


def test_a_plan_of_one_fold_has_clusters_dealt_out():
    y = np.array([0, 1] * 10)
    clusters = np.arange(20) // 4
    plan = SplitPlan("given", "", [(np.arange(16), np.arange(16, 20))], clusters)
    inside = inner_folds(plan, y, np.arange(16))
    assert len(inside) == 4
    for seen, test in inside:
        assert not set(clusters[seen]) & set(clusters[test])


# --------------------------------------------------------------------------------------------------- in compare


def test_compare_says_what_was_chosen_and_saves_the_model(tmp_path):
    data = windows_of_two()
    rng = np.random.default_rng(1)
    items = [np.exp(rng.normal(size=12) + (label == "b")) for label in data.y]
    data = Dataset(Signals(items, n_axes=1), data.table, target="label")
    views = Views(small(), fronts=["none", "log"])
    results = [compare(data, recipes={"views": views}, classifiers=["ls-svm", "1-nn"], n_jobs=n) for n in (1, 2)]
    first, second = results
    assert first.choices["views"]["fold"].tolist() == [1, 2, 3, 4, 5]
    pd.testing.assert_frame_equal(first.choices["views"], second.choices["views"])
    assert set(first.choices["views"]["front"]) <= {"none", "log"}
    assert any("chose its front inside the 5 folds" in note for note in first.notes)
    np.testing.assert_array_equal(first.predictions["views", "ls-svm"], second.predictions["views", "ls-svm"])
    for (train, test), front in zip(first.plan.folds, first.choices["views"]["front"]):
        alone = clone(views).fit(data.signals[train], data.y[train], folds=inner_folds(first.plan, data.y, train))
        assert alone.front_ == front
        model = LeastSquaresSVC().fit(alone.transform(data.signals[train]), data.y[train])
        expected = model.predict(alone.transform(data.signals[test]))
        np.testing.assert_array_equal(first.predictions["views", "ls-svm"][test], expected)
    saved = tmp_path / "model.skops"
    Model(first.model, kind="series", target="label").save(saved)
    again = Model.load(saved).predict(data.signals)["prediction"]
    np.testing.assert_array_equal(again, first.model.predict(data.signals))


def test_the_recipes_are_there():
    X, y = bursts(24)
    assert patterns().fit_transform(X).shape == (24, 840 * 3)
    found = make("views", "series").set_params(fronts=["log"]).fit(X, y)
    assert found.transform(X).shape[1] == len(found.feature_table_)


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("FILTERBANK_DATA"), reason="FILTERBANK_DATA is not set")
def test_health_is_told_well_without_a_choice_made_on_the_test_folds():
    from filterbank.datasets import load

    result = compare(load("health"), recipes=["views"], classifiers=["ls-svm"], naive=False)
    assert set(result.choices["views"]["front"]) == {"log"}
    assert result.table["score"][0] >= 0.92
