"""Copies of training signals: what they look like, who sees them, and that none reaches a fold where it's tested."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from filterbank import FilterBank, InputError, Moments, Representation, Signals, SubspaceClassifier, augmentation
from filterbank.augmentation import Augmented, changed, resized
from filterbank.fronts import Front
from filterbank.models import Model
from filterbank.recipes import gabor


@parametrize_with_checks(
    [
        Augmented(LogisticRegression(), n_copies=2, noise=0.05),
        Augmented(SVC(), n_copies=2, noise=0.01, gain=0.01, average=True),
    ]
)
def test_sklearn_compatible(estimator, check):
    check(estimator)


class Spy(ClassifierMixin, BaseEstimator):
    """Keeps what it was fitted on, and calls everything the first class."""

    def fit(self, X, y):
        self.seen_, self.labels_, self.kind_ = [np.array(x) for x in X], np.array(y), type(X)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        self.asked_ = [np.array(x) for x in X]
        return self.classes_[np.zeros(len(self.asked_), dtype=int)]

    def decision_function(self, X):
        self.predict(X)
        return np.array([x.mean() for x in self.asked_])


def bump(shape, at, sigma=2.0):
    grid = np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")
    return np.exp(-sum((g - a) ** 2 for g, a in zip(grid, at)) / (2 * sigma**2))[np.newaxis]


def centre(signal):
    """The centre of mass of the first channel."""
    grid = np.meshgrid(*[np.arange(n) for n in signal.shape[1:]], indexing="ij")
    return np.array([(g * signal[0]).sum() / signal[0].sum() for g in grid])


RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(60,), (48, 60), (30, 36, 32)])
def test_what_is_shifted_and_scaled_lies_where_it_should(shape):
    middle = (np.array(shape) - 1) / 2
    off = np.array([4.0, -3.0, 2.0])[: len(shape)]
    signal = bump(shape, middle + off)
    shift = np.array([0.1, -0.05, 0.02])[: len(shape)]
    np.testing.assert_allclose(centre(changed(signal, {"shift": shift}, RNG)), middle + off + shift * shape, atol=0.02)
    scale = np.log([1.3, 0.8, 1.1])[: len(shape)]
    found = changed(signal, {"scale": scale}, RNG)
    np.testing.assert_allclose(centre(found), middle + off * np.exp(scale), atol=0.02)
    assert found.sum() == pytest.approx(signal.sum() * np.exp(scale).prod(), rel=0.01)  # things grow


def test_what_is_turned_and_sheared_lies_where_it_should():
    signal = bump((41, 41), (20, 30))  # to the right of the middle
    found = changed(signal, {"rotation": np.array([90.0])}, RNG)
    np.testing.assert_allclose(centre(found), (30, 20), atol=0.02)  # from the last axis toward the one before
    found = changed(bump((41, 41), (20, 30)), {"shear": np.array([45.0])}, RNG)
    np.testing.assert_allclose(centre(found), (30, 30), atol=0.02)
    volume = bump((31, 31, 31), (15, 15, 23))
    for plane, expected in enumerate([(15, 15, 23), (23, 15, 15), (15, 23, 15)]):  # (0, 1), (0, 2), (1, 2)
        turned = changed(volume, {"rotation": np.eye(3)[plane] * 90}, RNG)
        np.testing.assert_allclose(centre(turned), expected, atol=0.02)
    both = changed(signal, {"rotation": np.array([90.0]), "scale": np.log([1.0, 1.2])}, RNG)
    np.testing.assert_allclose(centre(both), (32, 20), atol=0.02)  # grown along its own axes, then turned


def test_no_move_is_no_change_and_channels_move_alike():
    signal = np.random.default_rng(1).normal(size=(2, 20, 15))
    zero = {"shift": np.zeros(2), "scale": np.zeros(2), "rotation": np.zeros(1), "shear": np.zeros(1), "resize": 0.0}
    np.testing.assert_allclose(changed(signal, zero, RNG), signal, atol=1e-12)
    changes = {"shift": np.array([0.1, 0.2]), "rotation": np.array([20.0])}
    np.testing.assert_array_equal(changed(signal, changes, RNG)[1:], changed(signal[1:], changes, RNG))


def test_gain_and_noise():
    signal = np.stack([np.sin(np.arange(20_000) / 7), 10 * np.cos(np.arange(20_000) / 5)])
    np.testing.assert_allclose(changed(signal, {"gain": np.log(3)}, RNG), 3 * signal)
    noise = changed(signal, {"noise": 0.5}, np.random.default_rng(2)) - signal
    np.testing.assert_allclose(noise.std(axis=1), 0.5 * signal.std(axis=1), rtol=0.03)
    assert abs(np.corrcoef(noise)[0, 1]) < 0.03
    assert changed(signal.astype(np.float32), {"noise": 0.5, "resize": 0.3}, RNG).dtype == np.float32


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), height=st.integers(1, 40), width=st.integers(1, 40), factor=st.floats(0.2, 4))
def test_resized_is_pillows_bicubic(seed, height, width, factor):
    image = np.random.default_rng(seed).normal(size=(1, height, width)).astype(np.float32)
    found = resized(image, factor)
    assert found.shape == (1, max(1, int(height * factor + 0.5)), max(1, int(width * factor + 0.5)))
    picture = Image.fromarray(image[0]).resize(found.shape[:0:-1], Image.Resampling.BICUBIC)
    np.testing.assert_allclose(found[0], np.asarray(picture), atol=2e-5)
    with pytest.raises(InputError, match=r"factor=0\.0 is not a number above 0"):
        resized(image, 0.0)


def test_resized_works_along_any_number_of_axes():
    t = np.arange(200.0)
    slow = resized(np.cos(2 * np.pi * 0.05 * t)[None], 2.0)
    expected = np.cos(2 * np.pi * 0.025 * (np.arange(400) - 0.5))
    np.testing.assert_allclose(slow[0, 20:-20], expected[20:-20], atol=0.01)
    fast = resized(np.cos(2 * np.pi * 0.4 * t)[None], 0.5)  # would alias
    assert np.abs(fast[0, 10:-10]).max() < 0.05
    assert resized(np.ones((2, 6, 7, 8)), 1.5).shape == (2, 9, 11, 12)


def test_the_estimator_sees_signals_and_then_their_copies():
    X, y = np.random.default_rng(0).normal(size=(5, 30)), np.array(list("abbab"))
    model = Augmented(Spy(), n_copies=3, gain=0.5).fit(X, y)
    spy = model.estimator_
    assert spy.kind_ is np.ndarray
    assert len(spy.seen_) == 20
    np.testing.assert_array_equal(spy.labels_, np.tile(y, 4))
    np.testing.assert_array_equal(spy.seen_[:5], X)
    gains = np.log(np.reshape(spy.seen_[5:], (3, 5, 30))[:, :, 0] / X[:, 0])
    for k, copies in enumerate(gains):
        np.testing.assert_allclose(np.reshape(spy.seen_[5 + 5 * k : 10 + 5 * k], (5, 30)), X * np.exp(copies)[:, None])
    parts = np.floor((gains + 0.5) * 3).astype(int)  # evenly spread: each third of the range has one copy
    np.testing.assert_array_equal(np.sort(parts, axis=0), np.tile([[0], [1], [2]], (1, 5)))
    assert len(set(gains.ravel().round(12))) == 15
    again = Augmented(Spy(), n_copies=3, gain=0.5).fit(X, y)
    np.testing.assert_array_equal(again.estimator_.seen_, spy.seen_)
    other = Augmented(Spy(), n_copies=3, gain=0.5, random_state=1).fit(X, y)
    assert not np.isin(np.ravel(other.estimator_.seen_[5:]), np.ravel(spy.seen_[5:])).any()
    assert not hasattr(model.estimator, "seen_")


def test_a_pair_is_a_range_of_its_own():
    X, y = np.ones((8, 10)), np.arange(8) % 2
    louder = Augmented(Spy(), n_copies=2, gain=(0.1, 0.3)).fit(X, y).estimator_.seen_[8:]
    assert np.log(np.min(louder)) > 0.1
    assert np.log(np.max(louder)) < 0.3
    images = [np.ones((400, 3)), np.ones((5000, 6))]
    seen = Augmented(Spy(), n_copies=4, resize=(-1.0, 0.0), n_axes=2).fit(images, [0, 1]).estimator_.seen_
    sizes = np.array([s.shape[1] for s in seen[2:]]).reshape(4, 2) / (400, 5000)
    assert sizes.min() >= 0.5
    assert sizes.max() <= 1.0
    np.testing.assert_array_equal(np.sort(np.floor(-4 * np.log2(sizes)), axis=0), [[0, 0], [1, 1], [2, 2], [3, 3]])


@pytest.mark.parametrize("splitter", [KFold(4), GroupKFold(3)])
def test_no_copy_of_a_tested_signal_is_ever_learned(splitter):
    """Each signal has an offset of its own, which no change hides."""
    n = 12
    X = np.arange(n)[:, None] * 100.0 + np.random.default_rng(0).normal(size=(n, 40))
    seen = []

    class Watch(Spy):
        def fit(self, X, y):
            self.learned_ = set(np.round(np.mean(X, axis=1) / 100).astype(int))
            return super().fit(X, y)

        def predict(self, X):
            asked = set(np.round(np.mean(X, axis=1) / 100).astype(int))
            seen.append((self.learned_, asked))
            return super().predict(X)

    model = Augmented(Watch(), n_copies=3, shift=0.1, scale=0.1, noise=0.1)
    folds = splitter.split(X, groups=np.arange(n) // 2 if isinstance(splitter, GroupKFold) else None)
    cross_val_score(model, X, np.arange(n) % 2, cv=list(folds))
    assert len(seen) == splitter.get_n_splits()
    for learned, asked in seen:
        assert learned | asked == set(range(n))
        assert not learned & asked


def test_copies_lie_in_their_sources_group_where_groups_are_asked_for():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 20)), np.arange(40) % 2  # nothing to be learned, but a copy is told by its source
    nearest = KNeighborsClassifier(1)
    grid = {"n_neighbors": [1]}
    model = Augmented(GridSearchCV(nearest, grid, cv=GroupKFold(5)), n_copies=3, noise=0.01).fit(X, y)
    assert model.estimator_.best_score_ < 0.75
    leaky = Augmented(GridSearchCV(nearest, grid, cv=KFold(5, shuffle=True, random_state=0)), n_copies=3, noise=0.01)
    assert leaky.fit(X, y).estimator_.best_score_ > 0.95
    subspace = Augmented(make_pipeline(FunctionTransformer(), SubspaceClassifier()), n_copies=3, noise=0.01).fit(X, y)
    assert subspace.estimator_[-1].leave_one_out_accuracy_.max() < 0.75


def test_groups_that_are_given_hold_copies_too():
    class Grouped(Spy):
        __metadata_request__fit = {"groups": True}  # noqa: RUF012

        def fit(self, X, y, groups=None):
            self.groups_ = groups
            return super().fit(X, y)

    X, y, groups = np.random.default_rng(0).normal(size=(4, 9)), [0, 1, 0, 1], ["a", "a", "b", "c"]
    model = Augmented(Grouped(), n_copies=2, gain=0.1)
    np.testing.assert_array_equal(clone(model).fit(X, y).estimator_.groups_, [0, 1, 2, 3] * 3)
    np.testing.assert_array_equal(clone(model).fit(X, y, groups=groups).estimator_.groups_, groups * 3)
    with config_context(enable_metadata_routing=True):
        scores = cross_val_score(model, X, y, cv=GroupKFold(3), params={"groups": np.array(groups)})
    assert len(scores) == 3
    with pytest.raises(InputError, match=r"groups has shape \(2,\); .* the 4 signals"):
        clone(model).fit(X, y, groups=["a", "b"])


def test_signals_of_unequal_size_and_several_channels_with_a_rate():
    rng = np.random.default_rng(0)
    sounds = Signals([rng.normal(size=(2, n)).astype(np.float32) for n in (50, 64, 57, 80)], n_axes=1, rate=100.0)
    bank = FilterBank([np.ones(5)], names=["sum"])
    model = Augmented(make_pipeline(Representation(bank, Moments(["std"])), GaussianNB()), n_copies=2, resize=0.3)
    model.fit(sounds, [0, 1, 0, 1])
    assert model.estimator_[0].rate_ == 100
    assert model.estimator_[0].n_channels_in_ == 2
    assert model.predict(sounds).shape == (4,)
    assert model.predict_proba(sounds).shape == (4, 2)
    seen = Augmented(Spy(), n_copies=2, resize=0.3).fit(sounds, [0, 1, 0, 1]).estimator_.seen_
    assert {s.dtype for s in seen} == {np.dtype(np.float32)}
    assert {len(s) for s in seen} == {2}


def test_copies_are_the_same_held_or_made_when_they_are_read(monkeypatch):
    images = [np.random.default_rng(i).normal(size=(16, 10 + i)) for i in range(4)]
    model = Augmented(Spy(), n_copies=2, rotation=20, resize=0.2, noise=0.1, n_axes=2)
    y = [0, 1, 1, 0]
    held = model.fit(images, y).estimator_.seen_
    lazy = model.fit(Signals.wrap(images, n_axes=2).map(np.copy), y).estimator_.seen_
    monkeypatch.setattr(augmentation, "HELD", 10)
    many = model.fit(images, y).estimator_.seen_
    for one, two, three in zip(held, lazy, many):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)


def test_copies_that_would_fill_memory_are_not_held(monkeypatch):
    kinds = []

    class Kinds(Spy):
        def fit(self, X, y):
            kinds.append((X.in_memory, X.held(0, len(X)) is not None))  # as arrays, and all of one kind
            return super().fit(X, y)

    signals = [np.zeros(100), np.ones(100)]
    model = Augmented(Kinds(), n_copies=2, shift=0.1)
    model.fit(signals, [0, 1])
    monkeypatch.setattr(augmentation, "HELD", 399)
    model.fit(signals, [0, 1])
    monkeypatch.setattr(augmentation, "HELD", 400)
    model.fit(signals, [0, 1])
    assert kinds == [(True, True), (False, False), (True, True)]


def test_the_average_is_over_the_signal_and_copies_that_are_the_same_for_all():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 12)), np.arange(20) % 3
    model = Augmented(LogisticRegression(), n_copies=3, gain=0.6, shift=0.1, average=True).fit(X, y)
    copies = [np.stack([changed(x[None], c, RNG)[0] for x in X]) for c in model.changes_]
    np.testing.assert_allclose(sorted(c["gain"] for c in model.changes_), [-0.4, 0, 0.4], atol=1e-12)  # evenly
    for method in ("decision_function", "predict_proba"):
        expected = np.mean([getattr(model.estimator_, method)(one) for one in (X, *copies)], axis=0)
        np.testing.assert_allclose(getattr(model, method)(X), expected)
    np.testing.assert_array_equal(model.predict(X), model.decision_function(X).argmax(axis=1))
    np.testing.assert_allclose(model.decision_function(X[7:8])[0], model.decision_function(X)[7])
    assert (model.predict(X) != model.estimator_.predict(X)).any()
    two = Augmented(LogisticRegression(), n_copies=3, shift=0.2, average=True).fit(X, y > 0)
    np.testing.assert_array_equal(two.predict(X), two.decision_function(X) > 0)
    bayes = Augmented(GaussianNB(), n_copies=3, gain=0.6, average=True).fit(X, y)
    np.testing.assert_array_equal(bayes.predict(X), bayes.predict_proba(X).argmax(axis=1))
    assert not hasattr(bayes, "decision_function")
    plain = Augmented(LogisticRegression(), n_copies=3, gain=0.6).fit(X, y)
    np.testing.assert_array_equal(plain.predict(X), plain.estimator_.predict(X))
    np.testing.assert_array_equal(plain.decision_function(X), plain.estimator_.decision_function(X))


def test_it_helps_where_the_change_does_not_matter():
    """Digits told turned: learned upright alone, and beside turned copies."""
    from scipy import ndimage
    from sklearn.datasets import load_digits

    images, y = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8)
    learned, told = images[:200], np.stack([ndimage.rotate(x, 20, reshape=False, order=1) for x in images[300:600]])
    flat = FunctionTransformer(lambda X: np.reshape(X, (len(X), -1)))
    plain = make_pipeline(flat, SubspaceClassifier(8))
    model = Augmented(plain, n_copies=4, rotation=25, n_axes=2).fit(learned, y[:200])
    before = (clone(plain).fit(learned, y[:200]).predict(told) == y[300:600]).mean()
    assert (model.predict(told) == y[300:600]).mean() > before + 0.05


def test_bad_arguments():
    X, y = np.random.default_rng(0).normal(size=(6, 20)), np.arange(6) % 2

    def fit(X=X, y=y, **options):
        return Augmented(options.pop("estimator", RidgeClassifier()), **options).fit(X, y)

    with pytest.raises(InputError, match=r"no change is asked for.*shift"):
        fit()
    with pytest.raises(InputError, match="n_copies=0 is not a whole number of at least 1"):
        fit(n_copies=0, gain=0.1)
    with pytest.raises(InputError, match=r"gain=-0\.1 is not a number from 0 on, or a pair"):
        fit(gain=-0.1)
    with pytest.raises(InputError, match=r"scale=\(0\.2, 0\.1\) is not a number"):
        fit(scale=(0.2, 0.1))
    with pytest.raises(InputError, match="shift='much' is not a number"):
        fit(shift="much")
    with pytest.raises(InputError, match="gain=nan is not a number"):
        fit(gain=np.nan)
    with pytest.raises(InputError, match=r"noise=\(-1, 1\) is not from 0 on"):
        fit(noise=(-1, 1))
    with pytest.raises(InputError, match="rotation=10 is not 0 for signals of one axis"):
        fit(rotation=10)
    with pytest.raises(InputError, match="shear=90 is not between -90 and 90 degrees"):
        fit(X.reshape(6, 4, 5), n_axes=2, shear=90)
    with pytest.raises(InputError, match="n_axes was not given"):
        fit(X.reshape(6, 4, 5), shift=0.1)
    with pytest.raises(InputError, match=r"y has shape \(5,\); .* 6 signals"):
        fit(y=y[:5], gain=0.1)
    with pytest.raises(InputError, match="the target y is None"):
        fit(y=None, gain=0.1)
    with pytest.raises(InputError, match=r"(?s)estimator=Representation.* is not a classifier"):
        fit(estimator=gabor(), gain=0.1)
    with pytest.raises(InputError, match="average=True is not for an estimator without decision_function"):
        fit(estimator=Silent(), gain=0.1, average=True)
    spoilt = [row.copy() for row in X]
    spoilt[2][7] = np.nan
    with pytest.raises(InputError, match=r"signal 2 contains NaN \(channel 0, sample 7"):
        fit(spoilt, gain=0.1)
    with pytest.raises(InputError, match="X holds no signals"):
        fit([], y[:0], gain=0.1)


class Silent(ClassifierMixin, BaseEstimator):
    """Tells classes and nothing else."""


def test_it_comes_back_from_a_file(tmp_path):
    rng = np.random.default_rng(0)
    signals, y = Signals(list(rng.normal(size=(12, 40))), n_axes=1), np.arange(12) % 2
    inner = make_pipeline(gabor(), RidgeClassifier())
    pipeline = make_pipeline(Front("zscore"), Augmented(inner, n_copies=2, shift=0.1, average=True))
    model = Model(pipeline.fit(signals, y), kind="series", target="y", rate=None, n_channels=1)
    model.save(tmp_path / "model.skops")
    back = Model.load(tmp_path / "model.skops")
    assert back.predict(signals)["prediction"].tolist() == pipeline.predict(signals).tolist()


def test_a_change_that_is_unknown():
    with pytest.raises(InputError, match="changes='zoom' is not one of shift, scale"):
        changed(np.ones((1, 4)), {"zoom": 2.0})
