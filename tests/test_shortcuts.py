"""What gives the label away without the signal is named, and the label's own name is not blamed."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from filterbank import WholeSignal
from filterbank.evaluate.leakage import close
from filterbank.evaluate.shortcuts import find_fitted_outside, find_shortcuts
from filterbank.signals import Dataset, Signals


def named(paths, labels, *, group=None, **columns):
    table = pd.DataFrame({"path": paths, "label": labels, **columns})
    return Dataset(Signals.wrap(np.zeros((len(table), 4))), table, target="label", group=group)


def test_a_camera_in_the_file_name_is_blamed():
    paths = [f"cam{1 + i % 2}_{i:04d}.png" for i in range(60)]
    (finding,) = find_shortcuts(named(paths, ["cat", "dog"] * 30))
    assert finding.what == "shortcut"
    assert finding.n_signals == 60
    assert finding.sentence == (
        "Part 1 of the file name gives 'label' away for 60 of 60 signals: 'cam1' is always 'cat' (30 signals), 'cam2' "
        "is always "
        "'dog' (30 signals); no split of these data can tell a class from it."
    )
    assert finding.codes is None
    assert close(named(paths, ["cat", "dog"] * 30), [(np.arange(30), np.arange(30, 60))], finding) == []


def test_recording_days_are_blamed_and_can_be_left_out():
    """Cats on two days, dogs on two others: whole days can be left out."""
    days = ["2024-03-01", "2024-03-02", "2024-03-08", "2024-03-09"]
    paths = [f"rec_{days[i % 4].replace('-', '')}_{i}.wav" for i in range(80)]
    labels = ["cat" if i % 4 < 2 else "dog" for i in range(80)]
    dataset = named(paths, labels)
    finding = next(f for f in find_shortcuts(dataset) if "The day in the file name" in f.sentence)
    assert "'2024-03-01' is always 'cat' (20 signals)" in finding.sentence
    assert "and so on for 4 values; leave out whole values of it" in finding.sentence
    folds = [(np.arange(40), np.arange(40, 80))]
    assert close(dataset, folds, finding) == []  # every day is on both sides
    day = np.arange(80) % 4
    folds = [(np.arange(4, 80), np.array([0, 2]))]
    ((train, _),) = close(dataset, folds, finding)
    assert set(day[train]) == {1, 3}


@pytest.mark.parametrize(
    ("paths", "labels"),
    [
        ([f"{d}_{s}_{i}.wav" for d in range(4) for s in ("theo", "yann") for i in range(10)], np.repeat(range(4), 20)),
        (
            [f"{d}_{s}_{i}.wav" for d in range(4) for s in ("theo", "yann") for i in range(10)],
            np.tile(np.repeat(["theo", "yann"], 10), 4),
        ),
        ([f"cat.{i}.jpg" for i in range(30)] + [f"dog.{i}.jpg" for i in range(30)], np.repeat(["cats", "dogs"], 30)),
        ([f"1-{i}-A-{i % 5}.flac" for i in range(60)], np.array(["rain", "dog", "sea", "clock", "fire"] * 12)),
        ([f"img{i:05d}.png" for i in range(60)], np.array(["a", "b"] * 30)),
    ],
    ids=["digit", "speaker", "plural", "code", "number"],
)
def test_the_label_in_the_name_is_not_blamed(paths, labels):
    assert find_shortcuts(named(paths, labels)) == []


def test_what_belongs_to_few_units_is_chance():
    """Two of eight speakers are women, and only they are Russian: so few units may come so by chance."""
    speaker = np.repeat(np.arange(8), 10)
    sex = np.where(speaker < 2, "female", "male")
    nation = np.where(speaker < 2, "ru", np.array(list("aabbbccc"))[speaker])
    ages = 20 + speaker
    grouped = named([f"{i}.wav" for i in range(80)], sex, who=speaker, nation=nation, age=ages, group="who")
    assert find_shortcuts(grouped) == []
    alone = named([f"{i}.wav" for i in range(80)], sex, nation=nation)
    assert [f.sentence[:19] for f in find_shortcuts(alone)] == ["The column 'nation'"]


def test_false_alarms_of_shortcuts():
    """Names and columns that have nothing to do with the label."""
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(60):
        n = int(rng.integers(12, 40))
        paths = [f"s{rng.integers(4)}_{rng.choice(['x', 'y', 'z'])}_{i}.wav" for i in range(n)]
        dataset = named(
            paths,
            rng.choice(["a", "b"], n),
            room=rng.integers(0, 4, n),
            day=rng.choice(["2020-01-01", "2020-01-02"], n),
        )
        alarms += bool(find_shortcuts(dataset))
    assert alarms <= 4  # 0.01 each: more has a probability below 1e-3


def test_no_target_no_shortcut():
    dataset = Dataset(Signals.wrap(np.zeros((4, 4))), pd.DataFrame({"path": list("abcd")}))
    assert find_shortcuts(dataset) == []


RNG = np.random.default_rng(0)
X = RNG.gamma(2.0, size=(60, 5)) @ RNG.normal(size=(5, 5)) + 4
Y = np.arange(60) % 2


@pytest.mark.parametrize(
    ("transform", "word"),
    [
        (StandardScaler(), "standard deviation 1"),
        (MinMaxScaler(), "from exactly 0 to exactly 1"),
        (PCA(3), "uncorrelated"),
        (PCA(3, whiten=True), "uncorrelated"),
    ],
    ids=["standardised", "scaled", "reduced", "whitened"],
)
def test_what_was_fitted_over_all_rows_is_told(transform, word):
    found = find_fitted_outside(transform.fit_transform(X))
    assert found
    assert any(word in finding.sentence for finding in found)
    assert all(finding.what == "preprocessing" for finding in found)
    assert "60 rows" in found[0].sentence
    assert find_fitted_outside(transform.fit(X[:40]).transform(X)) == []
    assert any(word in f.sentence for f in find_fitted_outside(transform.fit_transform(X).astype(np.float32)))


def test_plain_features_are_not_suspected():
    assert find_fitted_outside(X, Y) == []
    rng = np.random.default_rng(1)
    assert find_fitted_outside((rng.random((50, 6)) > 0.5).astype(float)) == []
    assert find_fitted_outside(rng.normal(size=(50, 30)), np.arange(50) % 2) == []
    rows = rng.normal(size=(50, 30))
    assert find_fitted_outside((rows - rows.mean(1, keepdims=True)) / rows.std(1, keepdims=True)) == []


def test_a_selection_by_the_labels_is_told():
    rng = np.random.default_rng(2)
    useless, y = rng.normal(size=(60, 5000)), np.arange(60) % 2
    chosen = SelectKBest(k=30).fit_transform(useless, y)
    (finding,) = find_fitted_outside(chosen, y)
    assert "Each of the 30 columns" in finding.sentence
    assert find_fitted_outside(SelectKBest(k=30).fit(useless[:30], y[:30]).transform(useless), y) == []
    telling = rng.normal(size=(60, 30)) + y[:, None] * rng.uniform(0, 3, 30)
    assert find_fitted_outside(telling, y) == []


@pytest.mark.parametrize(
    "transformer",
    [
        FrozenEstimator(StandardScaler().fit(X)),
        make_pipeline(FunctionTransformer(), FrozenEstimator(PCA(2).fit(X))),
        FunctionTransformer(PCA(2).fit(X).transform),
        WholeSignal(partial(lambda signal, inside: inside(signal.reshape(1, -1))[0], inside=PCA(2).fit(X).transform)),
    ],
    ids=["frozen", "frozen in a pipeline", "method", "partial"],
)
def test_a_fitted_transformer_that_stays_so_is_told(transformer):
    (finding,) = find_fitted_outside(None, transformer=transformer)
    assert "was fitted before the split" in finding.sentence
    assert "PCA" in finding.sentence or "StandardScaler" in finding.sentence


@pytest.mark.parametrize("transformer", [StandardScaler().fit(X), FunctionTransformer(np.log1p), make_pipeline(PCA(2))])
def test_what_is_fitted_anew_is_not_suspected(transformer):
    assert find_fitted_outside(None, transformer=transformer) == []
