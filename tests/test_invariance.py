"""Nuisances do what they say, and invariance is what can be worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage, signal

from filterbank import GaborBank, Moments, Representation, WholeSignal
from filterbank.errors import InputError
from filterbank.evaluate.invariance import invariance
from filterbank.evaluate.nuisances import NUISANCES, nuisances
from filterbank.signals import KINDS, Dataset, Signals

RATE = 8000.0


def tone(frequency, n=8000):
    return np.sin(2 * np.pi * frequency * np.arange(n) / RATE)[None]


def peak(x):
    """The strongest frequency, from the middle of the sound."""
    part = x[0, len(x[0]) // 4 : -len(x[0]) // 4]
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 2**17))
    return spectrum.argmax() * RATE / 2**17


def changed(name, x, rate=None, seed=0):
    return NUISANCES[name].change(x, rate, np.random.default_rng(seed))


@pytest.mark.parametrize("kind", KINDS)
def test_every_nuisance_keeps_shape_and_type(kind):
    rng = np.random.default_rng(0)
    shape = {"series": (2, 50), "sound": (1, 3000), "image": (3, 20, 24), "volume": (1, 8, 9, 10)}[kind]
    for dtype in (np.float64, np.float32):
        x = rng.normal(size=shape).astype(dtype)
        before = x.copy()
        for nuisance in nuisances(kind):
            y = nuisance.change(x, RATE if kind == "sound" else None, np.random.default_rng(1))
            assert y.shape == shape, nuisance.name
            assert np.isfinite(y).all(), nuisance.name
            assert np.asarray(y).dtype == dtype, nuisance.name
            assert not np.allclose(y, x), nuisance.name
            np.testing.assert_array_equal(x, before)
    assert [n.name for n in NUISANCES.values() if kind in n.kinds] == [n.name for n in nuisances(kind)]


def test_pitch_stretch_and_gain_move_frequencies_as_they_say():
    x = tone(440)
    assert peak(changed("pitch", x, RATE)) == pytest.approx(440 * 2 ** (2 / 12), rel=2e-3)
    assert peak(changed("stretch", x, RATE)) == pytest.approx(440 / 1.1, rel=2e-3)
    assert peak(changed("gain", x, RATE)) == pytest.approx(440, rel=1e-3)
    glide = signal.chirp(np.arange(8000) / RATE, 300, 1, 600)[None]
    raised = changed("pitch", glide, RATE)
    assert raised[0, 2000:6000].std() == pytest.approx(glide[0, 2000:6000].std(), rel=0.25)


def test_noise_is_ten_decibels_below():
    x = np.random.default_rng(0).normal(3, 2, (1, 50_000))
    added = changed("noise", x) - x
    assert 10 * np.log10(x.var() / added.var()) == pytest.approx(10, abs=0.1)


def test_a_room_decays_as_it_says():
    x = np.zeros((1, 8000))
    x[0, 0] = 1
    tail = changed("reverberation", x, RATE)[0, 1:]
    reach = int(0.3 * RATE)
    assert (tail**2).sum() == pytest.approx(1, rel=1e-6)
    assert np.abs(tail[reach:]).max() < 1e-12
    early, late = (np.sqrt((tail[a : a + 100] ** 2).mean()) for a in (0, reach - 110))
    assert 20 * np.log10(early / late) == pytest.approx(60 * (1 - 110 / reach), abs=3)


def test_rotation_and_scale_about_the_middle():
    x = np.zeros((1, 41, 41))
    x[0, 20, 32] = 1
    x = ndimage.gaussian_filter(x, [0, 1.5, 1.5])
    for name, expected in (
        ("rotation", (20 - 12 * np.sin(np.pi / 12), 20 + 12 * np.cos(np.pi / 12))),
        ("scale", (20, 34.4)),
    ):
        row, column = ndimage.center_of_mass(changed(name, x)[0])
        assert (min(row, 40 - row), column) == (
            pytest.approx(min(expected[0], 40 - expected[0]), abs=0.1),
            pytest.approx(expected[1], abs=0.1),
        )


def test_shift_mirrors_what_enters():
    assert changed("shift", np.arange(20.0)[None])[0].tolist() == [2, 1, *range(18)]


def mean_and_spread(x):
    return [x.mean(), x.std()]


def test_invariance_by_hand():
    """Two classes at distance d along the mean; an offset moves each by its own standard deviation."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 200)) + np.repeat([0, 4], 15)[:, None]
    y = np.repeat(["low", "high"], 15)
    found = invariance(WholeSignal(mean_and_spread, ["mean", "std"]), X, y, transforms=["offset", "gain"])
    features = np.column_stack([X.mean(axis=1), X.std(axis=1)])
    scale = features.std(axis=0)
    points = features / scale
    between = np.median([np.linalg.norm(points[i] - points[j]) for i in range(15) for j in range(15, 30)])
    for k, name in enumerate(["offset", "gain"]):
        other = features + np.column_stack([features[:, 1], np.zeros(30)]) if name == "offset" else 2 * features
        moved = np.median(np.linalg.norm((other - features) / scale, axis=1)) / between
        row = found.table.iloc[k]
        assert row["nuisance"] == name
        assert row["moved"] == pytest.approx(moved)
        assert row["invariance"] == pytest.approx(1 / (1 + moved))
    assert found.table["kept_before"].tolist() == [1, 1]
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    same = [distances[i, j] for i in range(30) for j in range(30) if i != j and y[i] == y[j]]
    other = [distances[i, j] for i in range(30) for j in range(30) if y[i] != y[j]]
    assert found.discrimination == pytest.approx(np.mean([o > s for o in other for s in same]), abs=1e-3)


def test_what_cannot_see_a_change_is_invariant_and_labels_do_not_matter_to_that():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(24, 80)), np.arange(24) % 2
    normed = WholeSignal(lambda x: np.sort((x - x.mean()) / x.std())[0, ::20], n_axes=1)
    found = invariance(normed, X, y, transforms=["gain", "offset", "noise"])
    assert found.table["moved"][:2].tolist() == pytest.approx([0, 0], abs=1e-9)
    assert found.table["moved"][2] > 0.1
    assert found.table["kept"][0] == found.table["kept_before"][0]


def test_own_transforms_a_dataset_and_a_subsample():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(200, 64)) * np.repeat([1, 1, 3, 3], 50)[:, None]
    table = pd.DataFrame({"label": np.repeat(["a", "b"], 100)})
    dataset = Dataset(Signals.wrap(X), table, target="label")
    gabor = Representation(GaborBank(n_frequencies=3), Moments(["mean"]))
    found = invariance(
        gabor, dataset, transforms={"nothing": lambda x: x, "back": lambda x: x[:, ::-1]}, max_signals=20
    )
    assert found.n_signals == 20
    assert found.table["moved"][0] == 0
    assert found.table["moved"][1] == pytest.approx(0, abs=0.05)  # a modulus doesn't know before from after
    again = invariance(gabor, dataset, transforms=["noise"], max_signals=20)
    assert again.table.equals(invariance(gabor, dataset, transforms=["noise"], max_signals=20).table)


def test_known_features_serve_for_scale_and_neighbours():
    """With the features of all signals, few that are changed are measured as all would be."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(120, 64)) * np.repeat([1, 3], 60)[:, None]
    y = np.repeat(["a", "b"], 60)
    recipe = WholeSignal(mean_and_spread, ["mean", "std"]).fit(X)
    features = recipe.transform(X)
    everything = invariance(recipe, X, y, transforms=["gain"], max_signals=120)
    assert invariance(recipe, X, y, transforms=["gain"], max_signals=120, features=features).table.equals(
        everything.table
    )
    few = invariance(recipe, X, y, transforms=["gain"], max_signals=20, features=features)
    assert few.n_signals == 20
    assert few.discrimination == everything.discrimination
    assert few.table["moved"][0] == pytest.approx(everything.table["moved"][0], rel=0.2)
    with pytest.raises(InputError, match=r"features have shape \(3, 2\) for 120 signals"):
        invariance(recipe, X, y, features=features[:3])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": None}, "y is missing"),
        ({"y": np.zeros(10)}, "one class only"),
        ({"y": np.arange(9)}, "y has 9 labels for 10 signals"),
        ({"transforms": ["pitch"]}, "transform='pitch' is not one for signals of kind series: shift"),
        ({"transforms": {"cut": lambda x: x[:, 1:]}}, r"'cut' made \(1, 15\) of a signal of shape \(1, 16\)"),
        ({"kind": "image"}, "kind='image' is not a kind of signal with 1 axes"),
        ({"max_signals": 2}, "max_signals=2 is not 4 or more"),
    ],
)
def test_bad_input_is_named(arguments, message):
    given = {"y": np.arange(10) % 2, **arguments}
    with pytest.raises(InputError, match=message):
        invariance(WholeSignal(mean_and_spread), np.random.default_rng(0).normal(size=(10, 16)), **given)
