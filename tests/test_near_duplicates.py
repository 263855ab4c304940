"""Near-copies are found whatever their scale, offset and shift, and hardly anything is found where there is none."""

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage, signal

from filterbank.errors import InputError
from filterbank.evaluate import find_leaks
from filterbank.evaluate.leakage import close
from filterbank.evaluate.near_duplicates import align, near_duplicates
from filterbank.signals import Dataset, Signals


def dataset_of(items, *, n_axes=1, **columns):
    return Dataset(
        Signals([np.asarray(x) for x in items], n_axes=n_axes),
        pd.DataFrame(columns, index=range(len(items))),
        kind={1: "series", 2: "image"}[n_axes],
    )


def unrelated(family, rng, n):
    """Signals of one kind that have nothing to do with each other."""
    if family == "noise":
        return rng.normal(size=(n, 64))
    if family == "walk":
        return rng.normal(size=(n, 128)).cumsum(axis=1)
    if family == "coloured":
        return signal.lfilter([1], [1, -0.9], rng.normal(size=(n, 200)))
    if family == "tones in noise":
        tone = np.sin(2 * np.pi * rng.choice([0.05, 0.1, 0.2], n)[:, None] * np.arange(100) + rng.uniform(0, 6, (n, 1)))
        return tone + 0.7 * rng.normal(size=(n, 100))
    if family == "spikes":
        return rng.standard_t(2, size=(n, 100))
    return np.stack([ndimage.gaussian_filter(rng.normal(size=(24, 24)), rng.uniform(0.5, 2)) for _ in range(n)])


FAMILIES = ["noise", "walk", "coloured", "tones in noise", "spikes", "textures"]


def copied(rng, x):
    """Scaled, offset and rolled round, with a little noise."""
    y = rng.uniform(0.3, 3) * np.roll(x, int(rng.integers(1, x.shape[-1] // 3)), axis=-1) + rng.normal()
    return y + 0.03 * y.std() * rng.normal(size=y.shape)


@pytest.mark.parametrize(
    ("family", "least"), [("noise", 0.9), ("coloured", 0.8), ("tones in noise", 0.8), ("textures", 0.6)]
)
def test_copies_are_found_and_nothing_else(family, least):
    rng = np.random.default_rng(0)
    items = list(unrelated(family, rng, 160))
    items += [copied(rng, x) for x in items[:40]]
    found = near_duplicates(dataset_of(items, n_axes=items[0].ndim))
    pairs = {(int(i), int(j)) for i, j in zip(found.pairs["first"], found.pairs["second"])}
    expected = {(i, 160 + i) for i in range(40)}
    assert len(pairs & expected) >= least * 40
    assert pairs <= expected
    assert (found.pairs["p"] <= 0.01).all()
    for i, j in pairs:
        assert found.codes[i] == found.codes[j]
    assert len(np.unique(found.codes)) == 200 - len(pairs)


def test_every_signal_may_have_a_copy():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(60, 100))
    found = near_duplicates(dataset_of([*X, *(copied(rng, x) for x in X)]))
    assert len(found.pairs) >= 54
    assert (found.pairs["second"] - found.pairs["first"] == 60).all()


def test_a_poor_copy_is_one_only_if_asked_for():
    """With noise of an eighth of the standard deviation, the correlation is some 0.992."""
    rng = np.random.default_rng(7)
    X = unrelated("noise", rng, 160)
    dataset = dataset_of([*X, *(x + x.std() / 8 * rng.normal(size=64) for x in X[:40])])
    loose = near_duplicates(dataset, correlation=0.9).pairs
    assert len(loose) >= 5
    assert (loose["second"] - loose["first"] == 160).all()
    strict = near_duplicates(dataset, correlation=0.995).pairs
    assert len(strict) == (loose["correlation"] >= 0.995).sum() < len(loose)


@pytest.mark.parametrize("shapes", [((1, 50), (1, 50)), ((2, 40), (2, 40)), ((1, 12, 16), (1, 12, 16))])
def test_alignment_by_trying_every_shift(shapes):
    rng = np.random.default_rng(2)
    a, b = (rng.normal(size=shape) for shape in shapes)
    b = 0.4 * np.roll(a, 3, axis=-1) + 0.2 * b + 5
    axes = tuple(range(1, a.ndim))
    centred = [x - x.mean(axis=axes, keepdims=True) for x in (a, b)]
    best = max(
        (float(np.corrcoef(np.roll(centred[0], s, axes).ravel(), centred[1].ravel())[0, 1]), s)
        for s in np.ndindex(a.shape[1:])
    )
    found, shift, scale = align(a, b)
    assert tuple(np.mod(shift, a.shape[1:])) == best[1]
    assert shift[-1] == 3
    assert found <= best[0] + 1e-9
    assert found == pytest.approx(best[0], abs=0.1)  # the lower one of with and without the extremes
    assert scale == pytest.approx(0.4, abs=0.1)


def test_a_stretch_of_a_longer_signal_and_what_has_no_alignment():
    rng = np.random.default_rng(3)
    long = rng.normal(size=(1, 200))
    found, shift, scale = align(2 * long[:, 60:120] + 1, long)
    assert (round(found, 6), shift, round(scale, 6)) == (1.0, (60,), 0.5)
    back = align(long, 2 * long[:, 60:120] + 1)
    assert (round(back[0], 6), back[1], round(back[2], 6)) == (1.0, (-60,), 2.0)
    assert align(np.ones((1, 8)), rng.normal(size=(1, 8)))[0] == 0
    assert align(rng.normal(size=(2, 8)), rng.normal(size=(1, 8)))[0] == 0


def test_overlapping_windows_are_another_finding():
    rng = np.random.default_rng(4)
    line = rng.normal(size=400)
    starts = np.arange(0, 300, 2)
    dataset = dataset_of([line[s : s + 60] for s in starts], source="a", start=starts, stop=starts + 60)
    assert not len(near_duplicates(dataset).pairs)


def test_the_finding_says_how_and_can_be_closed():
    rng = np.random.default_rng(5)
    X = list(rng.normal(size=(40, 80)))
    X[39] = -2 + 0.5 * np.roll(X[3], 7)
    dataset = dataset_of(X)
    folds = [(np.arange(20), np.arange(20, 40)), (np.arange(20, 40), np.arange(20))]
    (finding,) = find_leaks(dataset, folds, near=near_duplicates(dataset))
    assert finding.what == "near-duplicate"
    assert finding.sentence == (
        "2 of 40 tested signals are nearly equal to a signal in training, up to scale and shift, in 2 of 2 folds: "
        "signal 39 is signal 3, shifted by 7 samples, times 0.5 (correlation 1.000)."
    )
    (first, test), _ = close(dataset, folds, finding)
    assert sorted(set(range(20)) - set(first.tolist())) == [3]
    assert test.tolist() == list(range(20, 40))


def test_copies_to_the_last_bit_are_no_near_copies():
    rng = np.random.default_rng(6)
    X = list(rng.normal(size=(30, 50)))
    X[20] = X[4].copy()
    dataset = dataset_of(X)
    found = find_leaks(dataset, [(np.arange(15), np.arange(15, 30))], near=near_duplicates(dataset))
    assert [finding.what for finding in found] == ["duplicate"]


def test_too_few_constant_and_bad_ones():
    assert not len(near_duplicates(dataset_of(np.eye(6))).pairs)
    assert not len(near_duplicates(dataset_of(np.ones((30, 9)))).pairs)
    X = np.random.default_rng(0).normal(size=(20, 9))
    X[7, 3] = np.nan
    with pytest.raises(InputError, match="signal 7 contains NaN"):
        near_duplicates(dataset_of(X))
    with pytest.raises(InputError, match=r"alarm=1\.5 is not between 0 and 1"):
        near_duplicates(dataset_of(np.eye(6)), alarm=1.5)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("n", "repeats"), [(20, 150), (60, 100), (200, 40)])
def test_false_alarms_are_as_rare_as_stated(family, n, repeats):
    """At a rate of 0.01, 150 data sets without a copy have more than 6 alarms with a probability below 1e-3."""
    alarms = 0
    for k in range(repeats):
        X = unrelated(family, np.random.default_rng([n, k]), n)
        alarms += bool(len(near_duplicates(dataset_of(X, n_axes=X.ndim - 1)).pairs))
    assert alarms <= {150: 6, 100: 5, 40: 3}[repeats]
