"""What is on both sides of a split is found, counted as a double loop counts it, and said in one sentence."""

import re

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from filterbank.evaluate import Finding, auto_split, close, duplicates, find_leaks, naive_split
from filterbank.signals import Dataset, Signals


@st.composite
def datasets_with_folds(draw):
    n = draw(st.integers(2, 16))
    rows = []
    for _ in range(n):
        start = draw(st.integers(0, 12))
        rows.append((draw(st.sampled_from("ab")), start, start + draw(st.integers(1, 5)), draw(st.integers(0, 4))))
    table = pd.DataFrame(rows, columns=["source", "start", "stop", "who"])
    signals = [np.full(3, draw(st.integers(0, 5)), dtype=float) for _ in range(n)]
    fold = np.array(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    folds = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in np.unique(fold)]
    return Dataset(Signals(signals, n_axes=1), table, group="who"), folds


def share(dataset, what, i, j):
    """Whether two signals share what they shouldn't, from the definition."""
    a, b = dataset.table.iloc[i], dataset.table.iloc[j]
    if what == "overlap":
        return a.source == b.source and bool(set(range(a.start, a.stop)) & set(range(b.start, b.stop)))
    if what == "duplicate":
        return np.array_equal(dataset.signals[i], dataset.signals[j])
    return a["who" if what == "group" else "source"] == b["who" if what == "group" else "source"]


@settings(max_examples=60, deadline=None)
@given(datasets_with_folds())
def test_counts_are_those_of_a_double_loop(case):
    dataset, folds = case
    found = {finding.what: finding for finding in find_leaks(dataset, folds)}
    for what in ("overlap", "duplicate", "group", "source"):
        signals, hit_folds = set(), 0
        for train, test in folds:
            bad = {int(i) for i in test if any(share(dataset, what, i, j) for j in train)}
            signals |= bad
            hit_folds += bool(bad)
        if not signals:
            assert what not in found
            continue
        finding = found[what]
        assert (finding.n_signals, finding.n_folds) == (len(signals), hit_folds)
        i, j = (int(v) for v in re.findall(r"signal (\d+)", finding.sentence))
        assert any(i in test and j in train for train, test in folds)
        assert share(dataset, what, i, j)


def test_one_sentence_with_counts_and_an_example():
    table = pd.DataFrame({"source": "river", "start": [0, 5, 20], "stop": [10, 15, 30]})
    dataset = Dataset(Signals.wrap(np.arange(12.0).reshape(3, 4)), table)
    found = find_leaks(dataset, [(np.array([1, 2]), np.array([0])), (np.array([0, 1]), np.array([2]))])
    assert found[0] == Finding(
        "overlap",
        "1 of 2 tested windows overlaps a training window of its source, in 1 of 2 folds: signal 0 ('river', samples "
        "0 to 10) is tested with signal 1 (samples 5 to 15) in training.",
        1,
        1,
    )
    assert [finding.what for finding in found] == ["overlap", "source"]


def test_missing_groups_belong_to_nobody():
    table = pd.DataFrame({"who": [None, None, "ann", "bob"]})
    dataset = Dataset(Signals.wrap(np.eye(4)), table, group="who")
    assert find_leaks(dataset, [(np.array([1, 3]), np.array([0, 2]))]) == []


def test_duplicates_know_shape_and_type():
    signals = [np.zeros(4), np.zeros(5), np.zeros(4, dtype=np.float32), np.zeros(4), np.zeros((2, 4))[:, ::2]]
    dataset = Dataset(Signals(signals, n_axes=1), pd.DataFrame(index=range(5)))
    assert duplicates(dataset).tolist() == [0, 1, 2, 0, 3]


def test_a_class_of_one_source_is_said_and_the_chosen_split_closes_the_overlap():
    start = np.tile(np.arange(0, 60, 3), 2)
    table = pd.DataFrame({"source": np.repeat(["a", "b"], 20), "start": start, "stop": start + 9})
    table["label"] = table["source"]
    signals = Signals.wrap(np.random.default_rng(0).normal(size=(40, 9)))
    dataset = Dataset(signals, table, target="label")
    naive = {finding.what: finding for finding in find_leaks(dataset, naive_split(dataset).folds)}
    assert naive["overlap"].n_signals == 40
    chosen = {finding.what: finding for finding in find_leaks(dataset, auto_split(dataset).folds)}
    assert set(chosen) == {"source"}
    assert "each class is one source only" in chosen["source"].sentence


@settings(max_examples=60, deadline=None)
@given(datasets_with_folds(), st.randoms(use_true_random=False))
def test_a_closed_leak_is_closed_and_nothing_more_is_lost(case, random):
    plain, folds = case
    dataset = Dataset(
        plain.signals,
        plain.table.assign(label=[random.choice("xyz") for _ in range(len(plain))]),
        group="who",
        target="label",
    )
    y = dataset.y
    for finding in find_leaks(dataset, folds):
        closed = close(dataset, folds, finding)
        expected = []
        for train, test in folds:
            kept = [j for j in train if not any(share(dataset, finding.what, i, j) for i in test)]
            told = [i for i in test if y[i] in set(y[kept])]
            if told and len(set(y[kept])) > 1:
                expected.append((kept, told))
        assert [(train.tolist(), test.tolist()) for train, test in closed] == expected


def test_a_class_that_is_one_group_cannot_be_closed():
    table = pd.DataFrame({"who": ["ann"] * 4 + ["bob"] * 4, "label": [0] * 4 + [1] * 4})
    dataset = Dataset(Signals.wrap(np.arange(32.0).reshape(8, 4)), table, target="label", group="who")
    folds = [(np.array([1, 2, 3, 5, 6, 7]), np.array([0, 4])), (np.array([0, 4]), np.array([1, 5]))]
    (finding,) = find_leaks(dataset, folds)
    assert close(dataset, folds, finding) == []
