"""Signals and Dataset."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split
from sklearn.utils import indexable

from filterbank import Dataset, InputError, Signals


class Counting:
    """A lazy signal that counts how often it's read."""

    def __init__(self, n):
        self.n, self.reads = n, 0

    def read(self):
        self.reads += 1
        return np.arange(self.n, dtype=np.int16)


def test_indexing_gives_arrays_or_signals():
    signals = Signals.wrap([np.full(n, n) for n in (3, 4, 5)], rate=10)
    assert signals[1].shape == (1, 4)
    assert signals[1].dtype == np.float64
    assert signals[-1][0, 0] == 5
    for key in (slice(0, 2), [0, 1], np.array([0, 1]), [True, True, False], (np.array([0, 1]), ...)):
        part = signals[key]
        assert isinstance(part, Signals)
        assert [s.shape for s in part] == [(1, 3), (1, 4)]
        assert part.rate == 10
    assert len(signals[[]]) == 0
    with pytest.raises(IndexError):
        signals[3]
    with pytest.raises(InputError, match="mask of 2 does not fit 3"):
        signals[[True, False]]
    with pytest.raises(InputError, match="key='a'"):
        signals["a"]


def test_scikit_learn_splits_signals():
    signals = Signals.wrap([np.full(n, n) for n in range(2, 12)])
    train, test = train_test_split(signals, test_size=3, random_state=0)
    assert isinstance(train, Signals)
    assert sorted(s[0, 0] for part in (train, test) for s in part) == list(range(2, 12))
    assert indexable(signals, list(range(10)))[0] is signals


def test_nothing_is_copied_nor_read_before_its_time():
    x = np.zeros((4, 6))
    assert np.shares_memory(Signals.wrap(x)[2], x)
    lazy = Counting(5)
    signals = Signals.wrap([lazy, Counting(7)], n_axes=1)
    assert lazy.reads == 0
    signals[[0]][0]
    assert lazy.reads == 1
    doubled = signals.map(lambda s: 2 * s)
    assert lazy.reads == 1
    np.testing.assert_array_equal(doubled[0], [[0, 2, 4, 6, 8]])


def test_wrapping():
    assert Signals.wrap(np.zeros((3, 5, 5)), n_axes=2)[0].shape == (1, 5, 5)
    assert Signals.wrap(np.zeros((3, 2, 5)), n_axes=1)[0].shape == (2, 5)
    assert Signals.wrap(np.zeros((3, 5), dtype=np.float32))[0].dtype == np.float32
    assert Signals.wrap(np.zeros((3, 5), dtype=np.float16))[0].dtype == np.float32
    assert Signals.wrap([[1, 2, 3], [4, 5]])[1].tolist() == [[4, 5]]
    again = Signals.wrap(np.zeros((3, 5)), rate=5)
    assert Signals.wrap(again) is again
    assert Signals.wrap(again, rate=7).rate == 7
    revived = pickle.loads(pickle.dumps(again))
    assert (len(revived), revived.rate) == (3, 5)
    assert repr(again) == "Signals(3 signals of 1 axis, 1 channel, 5 Hz)"
    assert repr(again[:0]) == "Signals(0 signals of 1 axis)"


@pytest.mark.parametrize(
    ("X", "arguments", "shown"),
    [
        (np.zeros((2, 3, 4)), {}, r"shape \(2, 3, 4\), and n_axes was not given"),
        (np.zeros((2, 3)), {"n_axes": 2}, r"shape \(2, 3\); a batch of signals with n_axes=2"),
        ([np.zeros((2, 3))], {}, "n_axes was not given"),
        ([np.zeros(3), np.zeros((2, 2, 2))], {"n_axes": 1}, r"signal 1 has shape \(2, 2, 2\)"),
        ([np.zeros(3)], {"n_axes": 4}, "n_axes=4"),
        ([np.zeros(3)], {"rate": -1}, "rate=-1"),
        ("folder", {}, "X='folder'"),
        ([[1, [2, 3]]], {"n_axes": 1}, "signal 0 is not an array of numbers"),
        ([np.zeros((1, 0))], {"n_axes": 1}, "signal 0 is empty"),
    ],
)
def test_what_cannot_be_wrapped_is_named(X, arguments, shown):
    with pytest.raises(InputError, match=shown):
        Signals.wrap(X, **arguments)


def _dataset(**changes):
    table = pd.DataFrame({"label": list("aabb"), "who": [1, 2, 1, 2]}, index=[9, 8, 7, 6])
    return Dataset(Signals.wrap(np.zeros((4, 5))), table, **{"target": "label", "group": "who", **changes})


def test_dataset():
    data = _dataset()
    assert data.y.tolist() == list("aabb")
    assert data.groups.tolist() == [1, 2, 1, 2]
    assert not data.is_cut
    part = data[[0, 3]]
    assert (len(part), part.y.tolist()) == (2, ["a", "b"])
    assert data.with_target("who").y.tolist() == [1, 2, 1, 2]
    assert data[data.groups == 1].y.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"kind": "movie"}, "kind='movie'"),
        ({"kind": "image"}, "kind='image'"),
        ({"target": "nothing"}, "target='nothing' is not a column of the table, which has: label, who"),
        ({"group": "nothing"}, "group='nothing'"),
        ({"table": pd.DataFrame({"label": [1]})}, "1 rows for 4 signals"),
    ],
)
def test_dataset_checks_its_parts(changes, shown):
    table = changes.pop("table", None)
    make = _dataset if table is None else lambda: Dataset(Signals.wrap(np.zeros((4, 5))), table)
    with pytest.raises(InputError, match=shown):
        make(**changes)


def test_missing_labels_are_counted():
    data = _dataset()
    data.table.loc[2, "label"] = None
    with pytest.raises(InputError, match=r"missing for 1 of 4 signals .the first is signal 2"):
        _ = data.y
    with pytest.raises(InputError, match="no target column; it has: label, who"):
        _ = _dataset(target=None).y
