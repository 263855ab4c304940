"""Splits: what is tested is never trained on, in time or by group, and the right split is chosen."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut, cross_val_predict, cross_validate
from sklearn.neighbors import KNeighborsClassifier

from filterbank.errors import InputError
from filterbank.evaluate import (
    SPLITS,
    LeaveGroupOut,
    PurgedLeaveOneOut,
    Repeated,
    TimeBlocks,
    auto_split,
    class_labels,
    make_split,
    naive_split,
    overlapping,
)
from filterbank.signals import Dataset, Signals


def dataset(table, *, target="label", group=None):
    table = pd.DataFrame(table)
    signals = Signals.wrap(np.random.default_rng(0).normal(size=(len(table), 6)))
    return Dataset(signals, table, target=target, group=group)


def overlap_slowly(spans, i, j):
    """Whether two windows share a sample, from the definition."""
    a, b = spans.iloc[i], spans.iloc[j]
    if a.source != b.source:
        return False
    return bool(set(range(a.start, a.stop)) & set(range(b.start, b.stop)))


@st.composite
def windows(draw):
    n = draw(st.integers(4, 30))
    rows = []
    for _ in range(n):
        start = draw(st.integers(0, 40))
        rows.append((draw(st.sampled_from("abc")), start, start + draw(st.integers(1, 12))))
    return pd.DataFrame(rows, columns=["source", "start", "stop"])


@settings(max_examples=40, deadline=None)
@given(windows(), st.integers(2, 6), st.integers(0, 3), st.integers(0, 4))
def test_time_blocks_follow_their_definition(spans, n_blocks, purge, embargo):
    length = spans.groupby("source")["stop"].max()
    folds = list(TimeBlocks(n_blocks, purge=purge, embargo=embargo).split(spans))
    tested = np.concatenate([test for _, test in folds])
    assert sorted(tested) == list(range(len(spans)))
    for train, test in folds:
        block = set()
        for i in test:
            row, n = spans.iloc[i], length[spans.iloc[i].source]
            middle = (row.start + row.stop) / 2
            block |= {k for k in range(n_blocks) if n * k // n_blocks <= middle < n * (k + 1) // n_blocks}
        assert len(block) == 1
        for j in range(len(spans)):
            here = spans.iloc[[i for i in test if spans.iloc[i].source == spans.iloc[j].source]]
            apart = len(here) == 0 or (
                spans.iloc[j].stop <= here.start.min() - purge
                or spans.iloc[j].start >= here.stop.max() + purge + embargo
            )
            assert (j in train) == (apart and j not in test)


@settings(max_examples=40, deadline=None)
@given(windows())
def test_overlap_and_purged_leave_one_out_agree_with_sets_of_samples(spans):
    everything = np.arange(len(spans))
    for i, (train, test) in enumerate(PurgedLeaveOneOut().split(spans)):
        assert test.tolist() == [i]
        assert train.tolist() == [j for j in everything if not overlap_slowly(spans, i, j)]
    some, others = everything[::2], everything[1::2]
    expected = [any(overlap_slowly(spans, i, j) for j in others) for i in some]
    assert overlapping(spans, some, others).tolist() == expected


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(2, 40), st.integers(2, 10))
def test_groups_stay_whole_and_labels_of_several_groups_stay_in_training(data, n_groups, n_folds):
    sizes = data.draw(st.lists(st.integers(1, 5), min_size=n_groups, max_size=n_groups))
    groups = np.repeat(np.arange(n_groups), sizes)
    y = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(groups), max_size=len(groups))))
    folds = list(LeaveGroupOut(n_folds).split(None, y, groups))
    assert len(folds) <= n_folds
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(len(groups)))
    for train, test in folds:
        assert not set(groups[train]) & set(groups[test])
        assert len(train) + len(test) == len(groups)
    if n_folds >= 3:  # with two folds, labels can be so tangled that no assignment of whole groups serves all
        for label in np.unique(y):
            if len(np.unique(groups[y == label])) >= 2:
                assert all(label in y[train] for train, test in folds if label in y[test])


@settings(max_examples=40, deadline=None)
@given(windows(), st.sampled_from(["groups", "time", "purged"]), st.data())
def test_no_split_of_windows_lets_training_and_test_overlap(spans, name, data):
    n = len(spans)
    label = data.draw(st.lists(st.sampled_from("xy"), min_size=n, max_size=n))
    group = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    one = dataset({**spans, "label": label, "who": group}, group="who")
    try:
        plan = make_split(one, name)
    except InputError:
        assume(False)
    for train, test in plan.folds:
        assert not any(overlap_slowly(spans, i, j) for i in test for j in train)
        if name == "groups":
            assert not set(np.array(group)[train]) & set(np.array(group)[test])
    assert len(plan.clusters) == n
    assert plan.tested.all()


def test_both_groups_of_a_rare_label_are_not_left_out_together():
    groups = np.arange(24)
    y = groups % 12  # dealt out in turn to four folds, the two groups of a label would meet in one
    folds = list(LeaveGroupOut(4).split(None, y, groups))
    assert len(folds) == 4
    for train, test in folds:
        assert set(y[test]) <= set(y[train])


def test_few_groups_are_left_out_one_by_one_as_scikit_learn_does():
    groups = np.repeat(["c", "a", "b"], 4)
    ours = sorted(test.tolist() for _, test in LeaveGroupOut().split(None, None, groups))
    theirs = sorted(test.tolist() for _, test in LeaveOneGroupOut().split(groups, groups=groups))
    assert ours == theirs


def test_time_blocks_serve_scikit_learn_with_the_windows_as_groups():
    rng = np.random.default_rng(0)
    spans = pd.DataFrame({"source": np.repeat(["a", "b"], 20), "start": np.tile(np.arange(20) * 2, 2)})
    spans["stop"] = spans["start"] + 4
    X, y = rng.normal(size=(40, 3)), np.repeat([0, 1], 20)
    model = KNeighborsClassifier(1)
    by_hand = np.full(40, -1)
    for train, test in TimeBlocks(4).split(spans):
        by_hand[test] = model.fit(X[train], y[train]).predict(X[test])
    assert cross_val_predict(model, X, y, cv=TimeBlocks(4), groups=spans).tolist() == by_hand.tolist()
    search = GridSearchCV(model, {"n_neighbors": [1, 3]}, cv=TimeBlocks(4)).fit(X, y, groups=spans)
    assert search.n_splits_ == 4
    assert TimeBlocks(4).get_n_splits(spans) == 4


def test_the_length_of_a_source_may_be_longer_than_its_last_window():
    spans = pd.DataFrame({"source": "a", "start": [0, 4, 8], "stop": [4, 8, 12]})
    assert TimeBlocks(2).block_of(spans).tolist() == [0, 1, 1]
    assert TimeBlocks(2).block_of(spans.assign(source_length=20)).tolist() == [0, 0, 1]


CUT = {"source": list("aaaabbbb"), "start": [0, 2, 4, 6] * 2, "stop": [2, 4, 6, 8] * 2, "label": list("xxxxyyyy")}


def test_auto_prefers_groups_then_time_then_single_signals():
    by_voice = dataset({"label": list("xyxyxy"), "who": list("aabbcc")}, group="who")
    plan = auto_split(by_voice)
    assert (plan.name, len(plan.folds)) == ("groups", 3)
    assert "'who'" in plan.reason
    assert plan.clusters.tolist() == [0, 0, 1, 1, 2, 2]

    plan = auto_split(dataset(CUT))
    assert plan.name == "time"
    assert "2 sources" in plan.reason
    assert len(np.unique(plan.clusters)) == 8

    useless = auto_split(dataset({**CUT, "who": list("aaaabbbb")}, group="who"))
    assert useless.name == "time"
    assert "'x' occurs in one group only, 'a'" in useless.reason

    many = {"source": np.repeat(list("abcdef"), 2), "start": [0, 2] * 6, "stop": [2, 4] * 6, "label": list("xy" * 6)}
    assert auto_split(dataset(many)).name == "sources"

    whole_files = {"source": list("abcd"), "start": [0] * 4, "stop": [9] * 4, "label": list("xxyy")}
    plan = auto_split(dataset(whole_files))
    assert (plan.name, len(plan.folds)) == ("kfold", 4)
    assert len(auto_split(dataset({"label": ["x", "y"] * 60})).folds) == 10


def test_naive_leaves_one_out_up_to_1500_signals():
    assert len(naive_split(dataset({"label": ["x", "y"] * 70})).folds) == 140
    assert len(naive_split(dataset({"label": ["x", "y"] * 751})).folds) == 10


def test_the_intervals_units_are_stretches_of_the_sources_even_for_a_naive_split():
    assert naive_split(dataset(CUT)).clusters.tolist() == auto_split(dataset(CUT)).clusters.tolist()


def test_given_splits():
    table = {"label": list("xyxyxy"), "split": ["train", "Train", "train", "train", "test", "test"]}
    ((train, test),) = make_split(dataset(table), "given").folds
    assert (train.tolist(), test.tolist()) == ([0, 1, 2, 3], [4, 5])
    plan = make_split(dataset({**table, "split": ["train"] * 3 + ["test"] * 2 + ["spare"]}), "given")
    assert plan.n_unused == 1
    assert plan.tested.tolist() == [False, False, False, True, True, False]
    plan = make_split(dataset({"label": list("xyxyxy"), "fold": [2, 2, 1, 1, 3, 3]}), "given")
    assert [test.tolist() for _, test in plan.folds] == [[2, 3], [0, 1], [4, 5]]
    assert "split='given'" in auto_split(dataset(table)).notes[0]


def test_a_class_that_is_missing_in_training_is_said():
    table = {"label": list("xyxyzz"), "split": ["train"] * 4 + ["test"] * 2}
    assert "'z'" in make_split(dataset(table), "given").notes[0]


def test_the_same_seed_gives_the_same_folds():
    data = dataset({"label": ["x", "y"] * 30, "who": np.arange(60) // 3}, group="who")
    for name in ("groups", "kfold"):
        folds = [make_split(data, name, random_state=seed).folds for seed in (1, 1, 2)]
        tests = [[test.tolist() for _, test in f] for f in folds]
        assert tests[0] == tests[1] != tests[2]


@pytest.mark.parametrize(
    ("labels", "kind", "expected"),
    [
        ([True, False, True, False], "b", [True, False, True, False]),
        ([1.0, 2.0, 1.0, 2.0], "i", [1, 2, 1, 2]),
        (pd.Categorical(["u", "v", "u", "v"]), "U", ["u", "v", "u", "v"]),
        (pd.array([1, 2, 1, 2], dtype="Int64"), "i", [1, 2, 1, 2]),
        ([1, "a", 1, "a"], "U", ["1", "a", "1", "a"]),
    ],
)
def test_labels_become_what_scikit_learn_takes(labels, kind, expected):
    y = class_labels(dataset({"label": labels}))
    assert y.dtype.kind == kind
    assert y.tolist() == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: auto_split(dataset({"label": list("xxxx")})), "one class, 'x', for 4 signals"),
        (lambda: auto_split(dataset({"label": list("xxy")})), "'y' of 'label' has a single signal .signal 2"),
        (lambda: auto_split(dataset({"label": [0.5, 0.5, 1, 1]})), "the label 'label'=0.5 is not a class"),
        (lambda: make_split(dataset(CUT), "tme"), "split='tme' is not one of auto, groups"),
        (lambda: make_split(dataset(CUT), "groups"), "needs a group column"),
        (lambda: make_split(dataset({**CUT, "who": 1}, group="who"), "groups"), "in one group, 1, of 'who'"),
        (lambda: make_split(dataset({**CUT, "who": [1, None] * 4}, group="who"), "groups"), "missing for 4 of 8"),
        (lambda: make_split(dataset(CUT), "kfold", n_folds=9), "n_folds=9 is not at most the number of signals"),
        (lambda: make_split(dataset(CUT), "kfold", n_folds=5), "n_folds=5 is not at most .* the largest class"),
        (lambda: make_split(dataset(CUT), "kfold", n_folds=1), "n_folds=1 is not"),
        (lambda: make_split(dataset(CUT), "given"), "needs a column 'split'"),
        (lambda: make_split(dataset({**CUT, "split": "dev"}), "given"), "it has 'dev'"),
        (lambda: make_split(dataset({**CUT, "fold": 3}), "given"), "one value, 3,"),
        (lambda: make_split(dataset({"label": list("xxyy")}), "time"), "not label"),
        (lambda: make_split(dataset({"label": list("xxyy")}), "sources"), "needs a column 'source'"),
        (lambda: make_split(dataset({**CUT, "start": 0, "stop": 8}), "time"), "only 0 signals of 0 classes"),
        (lambda: make_split(dataset({**CUT, "stop": 0.5}), "time"), "stop of window 0=0.5 is not a whole"),
        (lambda: make_split(dataset({**CUT, "stop": 0}), "time"), "window 0 has start=0 and stop=0"),
        (lambda: make_split(dataset({**CUT, "source_length": 7}), "time"), "source_length of window 0=7"),
        (lambda: list(TimeBlocks(1).split(pd.DataFrame(CUT))), "n_blocks=1 is not"),
        (lambda: list(TimeBlocks(purge=-2).split(pd.DataFrame(CUT))), "purge=-2 is not"),
        (lambda: list(LeaveGroupOut().split(None, None, ["a", "a"])), "all 2 signals are in one group .'a'"),
        (lambda: list(LeaveGroupOut(1).split(None, None, ["a", "b"])), "n_folds=1"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_every_named_split_can_be_made():
    table = {**CUT, "who": list("abababab"), "fold": [0, 1] * 4}
    table["source"] = list("abababab")
    table["start"] = [0, 0, 2, 2, 4, 4, 6, 6]
    table["stop"] = [2, 2, 4, 4, 6, 6, 8, 8]
    for name in SPLITS:
        assert make_split(dataset(table, group="who"), name).folds


needs_data = pytest.mark.skipif(not os.environ.get("FILTERBANK_DATA"), reason="FILTERBANK_DATA is not set")


@needs_data
@pytest.mark.parametrize(
    ("split", "classifier", "expected"),
    [
        ("naive", "1-nn", 0.986),
        ("purged", "1-nn", 0.783),
        ("time", "1-nn", 0.683),
        ("time", "ridge", 0.742),
        ("purged", "ridge", 0.800),
    ],
)
def test_health_scores_as_measured_before(split, classifier, expected):
    from filterbank.evaluate import CLASSIFIERS

    root = Path(os.environ["FILTERBANK_DATA"]) / "tutorial"
    rows = pd.read_csv(root / "golden" / "health_windows.csv")
    X = np.load(root / "golden" / "health_gabor_features.npy")
    n = {p.stem: p.read_bytes().replace(b"\r", b"\n").strip().count(b"\n") + 1 for p in root.glob("health/*.csv")}
    table = pd.DataFrame(
        {
            "source": rows["series"],
            "start": rows["start"],
            "stop": rows["start"] + rows["length"],
            "source_length": rows["series"].map(n),
            "label": rows["label"],
        }
    )
    data = Dataset(Signals.wrap(X), table, target="label")
    if split == "time":
        assert auto_split(data).name == "time"
    y, right = class_labels(data), []
    model = CLASSIFIERS[classifier][0](0)
    for train, test in make_split(data, split).folds:
        mean, std = X[train].mean(axis=0), X[train].std(axis=0)
        seen, unseen = (X[train] - mean) / std, (X[test] - mean) / std
        right.append(model.fit(seen, y[train]).predict(unseen) == y[test])
    assert np.concatenate(right).mean() == pytest.approx(expected, abs=0.0006)


# ------------------------------------------------------------------------------------- repeated, nested, in processes


def test_repeats_differ_and_each_tests_every_signal_once():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), 5)
    y = rng.integers(0, 2, 60)
    splitter = Repeated(LeaveGroupOut(4), 5, random_state=3)
    folds = list(splitter.split(groups, y, groups))
    assert len(folds) == splitter.get_n_splits(groups, y, groups) == 20
    for k in range(5):
        tests = [test for _, test in folds[4 * k : 4 * k + 4]]
        assert sorted(np.concatenate(tests).tolist()) == list(range(60))
    ways = {tuple(tuple(test.tolist()) for _, test in folds[4 * k : 4 * k + 4]) for k in range(5)}
    assert len(ways) > 1
    assert all(not set(groups[train]) & set(groups[test]) for train, test in folds)
    again = list(Repeated(LeaveGroupOut(4), 5, random_state=3).split(groups, y, groups))
    assert all((a[1] == b[1]).all() for a, b in zip(folds, again))


def test_repeats_need_a_seed():
    with pytest.raises(InputError, match="splitter=TimeBlocks"):
        list(Repeated(TimeBlocks(2)).split(pd.DataFrame({"source": "a", "start": [0, 2], "stop": [1, 3]})))
    with pytest.raises(InputError, match="n_repeats=0"):
        list(Repeated(LeaveGroupOut(2), 0).split([0, 1], None, [0, 1]))


def nested_by_hand(X, y, outer, inner, alphas, groups):
    """The plain loops: what GridSearchCV within cross_validate must give."""
    take = (lambda g, i: g.iloc[i]) if isinstance(groups, pd.DataFrame) else (lambda g, i: g[i])
    scores = []
    for train, test in outer.split(X, y, groups):
        inside = list(inner.split(X[train], y[train], take(groups, train)))
        means = [
            np.mean(
                [
                    RidgeClassifier(alpha=a).fit(X[train][s], y[train][s]).score(X[train][t], y[train][t])
                    for s, t in inside
                ]
            )
            for a in alphas
        ]
        best = RidgeClassifier(alpha=alphas[int(np.argmax(means))]).fit(X[train], y[train])
        scores.append(best.score(X[test], y[test]))
    return scores


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("kind", ["groups", "time", "repeated"])
def test_groups_survive_nesting_and_processes(kind, n_jobs):
    rng = np.random.default_rng(0)
    n = 72
    y = rng.integers(0, 2, n)
    groups = np.arange(n) // 6
    X = rng.normal(size=(n, 8)) + 0.5 * y[:, None] + 2 * rng.normal(size=(12, 8))[groups]
    outer, inner = {
        "groups": (LeaveGroupOut(4), LeaveGroupOut(3)),
        "time": (TimeBlocks(4), TimeBlocks(4)),
        "repeated": (Repeated(LeaveGroupOut(3), 2), LeaveGroupOut(3)),
    }[kind]
    if kind == "time":
        start = np.arange(n) * 3
        groups = pd.DataFrame({"source": "a", "start": start, "stop": start + 9, "source_length": 3 * n + 6})
    alphas = [1e-2, 1.0, 1e2, 1e4]
    with config_context(enable_metadata_routing=True):
        search = GridSearchCV(RidgeClassifier(), {"alpha": alphas}, cv=inner)
        found = cross_validate(search, X, y, cv=outer, params={"groups": groups}, n_jobs=n_jobs)["test_score"]
    np.testing.assert_allclose(found, nested_by_hand(X, y, outer, inner, alphas, groups))
    assert len(set(found)) > 1
